"""The figures as pictures, which the README shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

from benchmarks.budgets import US, Figures
from benchmarks.kinds import KINDS
from benchmarks.tables import readable

COLOURS = {"tealetpp": "#0b6e4f", "greenlet": "#e08e45", "tealet": "#7a6ff0", "asyncio": "#8a8d91"}
SPEED = {
    "switch_shallow": "switch there\nand back",
    "switch_nested_map": "the same below\n20 of map",
    "switch_nested": "below 20 of\nmap and sorted",
    "round_robin_ring": "switch in a\nring of 10,000",
    "spawn": "create, run,\nend",
}
# The same figures give the same file: it has no dates and paths.
mpl.rcParams.update({"svg.hashsalt": "tealetpp", "svg.fonttype": "none", "font.size": 9})
WITHOUT_DATE = {"Date": None, "Creator": None}


def save(figure: Any, file: Path) -> None:
    """Write it, on white: the text is black, and a page may be dark."""
    figure.tight_layout()
    figure.savefig(file, metadata=WITHOUT_DATE, facecolor="white")
    plt.close(figure)
    # matplotlib leaves blanks at the ends of lines.
    text = file.read_text()
    file.write_text("".join(line.rstrip() + "\n" for line in text.splitlines()))


def bars(axes: Any, values: Mapping[str, float], unit: str) -> None:
    """One bar for each library, with its value."""
    names = [name for name in COLOURS if name in values]
    drawn = axes.bar(names, [values[name] for name in names], color=[COLOURS[n] for n in names])
    axes.bar_label(drawn, [readable(values[name], unit) for name in names], fontsize=8)
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="x", labelrotation=30)
    axes.margins(y=0.15)


def speed(figures: Figures, title: str, file: Path) -> None:
    """Times compared with the peers."""
    shown = [name for name in SPEED if name in figures]
    figure, all_axes = plt.subplots(1, len(shown), figsize=(9, 2.8), squeeze=False)
    for axes, name in zip(all_axes[0], shown, strict=True):
        bars(axes, figures[name], "seconds")
        axes.set_title(SPEED[name], fontsize=9)
    figure.suptitle(f"Time, shorter is better ({title})", fontsize=10)
    save(figure, file)


def lines(axes: Any, by_library: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """One line for each library."""
    for name, points in by_library.items():
        x, y = zip(*points, strict=True)
        above = 3 if name == US else 2  # draw ours on top of the others
        axes.plot(x, y, marker="o", markersize=3, color=COLOURS[name], label=name, zorder=above)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def by_depth(figures: Figures, title: str, file: Path) -> None:
    """Memory of one coroutine by the depth of its calls."""
    kinds = {"python": "calls of Python functions", "c": "calls through C (map)"}
    figure, all_axes = plt.subplots(1, 2, figsize=(9, 3.4))
    for axes, (kind, text) in zip(all_axes, kinds.items(), strict=True):
        of_kind = figures[f"memory_by_depth_{kind}"]
        kib = {name: [(x, y / 1024) for x, y in line] for name, line in of_kind.items()}
        lines(axes, kib)
        axes.set_xlabel(f"depth: {text}")
        axes.set_ylabel("KiB resident, each")
        axes.set_ylim(bottom=0)
    figure.suptitle(f"Memory of one parked coroutine ({title})", fontsize=10)
    save(figure, file)


def by_count(figures: Figures, title: str, file: Path) -> None:
    """Memory of all coroutines by their number."""
    figure, axes = plt.subplots(figsize=(6, 3.4))
    mib = {
        name: [(x, y / 2**20) for x, y in line if y > 0]  # a few may fit into what is there
        for name, line in figures["memory_by_count"].items()
    }
    lines(axes, mib)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("parked coroutines")
    axes.set_ylabel("MiB resident, in all")
    axes.set_title(f"Memory of many parked coroutines ({title})", fontsize=10)
    save(figure, file)


def memory(figures: Figures, title: str, file: Path) -> None:
    """Memory of one coroutine by the kind of function that pauses, compared with the peers."""
    shown = [kind for kind in KINDS if f"parked_{kind}" in figures]
    names = [name for name in COLOURS if name in figures[f"parked_{shown[0]}"]]
    figure, axes = plt.subplots(figsize=(9, 5))
    height = 0.8 / len(names)
    for place, name in enumerate(names):
        values = [figures[f"parked_{kind}"][name] for kind in shown]
        where = [row + (place - (len(names) - 1) / 2) * height for row in range(len(shown))]
        drawn = axes.barh(where, values, height, color=COLOURS[name], label=name)
        axes.bar_label(drawn, [readable(value, "bytes") for value in values], padding=3, fontsize=7)
    axes.set_yticks(range(len(shown)), [fill(KINDS[kind], 28).replace("`", "") for kind in shown])
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.margins(x=0.12)
    axes.legend(frameon=False, loc="center right")
    axes.set_title(
        f"Resident memory for each that pauses, shorter is better ({title})", fontsize=10
    )
    save(figure, file)


def draw(figures: Figures, title: str, folder: Path) -> None:
    """All pictures for which there are figures."""
    for needed, plot, name in (
        ("switch_shallow", speed, "speed.svg"),
        ("parked_function", memory, "memory.svg"),
        ("memory_by_depth_c", by_depth, "memory_by_depth.svg"),
        ("memory_by_count", by_count, "memory_by_count.svg"),
    ):
        if needed in figures:
            plot(figures, title, folder / name)
