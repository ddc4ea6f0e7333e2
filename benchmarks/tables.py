"""The figures as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from benchmarks.budgets import IN_CPP, IN_PYTHON, Budget, Figures
from benchmarks.kinds import KINDS

# What the tables of figures show: the name, and the unit of what was measured.
PYTHON_ROWS = {
    "switch_shallow": ("switch there and back", "seconds"),
    "switch_nested_map": ("the same, below 20 nested calls of map", "seconds"),
    "switch_nested": ("the same, below 20 of map and sorted", "seconds"),
    "round_robin_ring": ("a switch in a ring of 10,000", "seconds"),
    "round_robin_hub": ("a switch between main and one of 10,000", "seconds"),
    "spawn": ("create, run a small function, end", "seconds"),
    "cold_simulation": ("a simulation of 10,000 that start shallow", "seconds"),
}
MORE_PYTHON_ROWS = {
    "parked_each": ("one of 100,000 parked, resident", "bytes"),
    "calls_shallow": ("an ordinary call, shallow", "seconds"),
    "calls_deep": ("an ordinary call, deep", "seconds"),
    "calls_edge": ("an ordinary call, at the worst edge", "seconds"),
    "parked_million": ("1,000,000 parked, process in all", "bytes"),
    "stats_of_million": ("main.stats() then", "seconds"),
}
CPP_ROWS = {
    "cpp_switch": ("switch there and back", "seconds"),
    "cpp_saved_bytes": ("bytes that a switch saves there, at the least", "bytes"),
    "cpp_parked_each": ("one of many parked, resident", "bytes"),
    "cpp_beyond_saved": ("of it beyond the bytes saved", "bytes"),
    "cpp_parked_many": ("10,000,000 parked, process in all", "bytes"),
    "cpp_instructions": ("instructions for one switch", "instructions"),
    "statistics_cost": ("of them for the statistics", "instructions"),
}
KIND_ROWS = {f"parked_{kind}": (what, "bytes") for kind, what in KINDS.items()}
KIND_COLUMNS = ("tealetpp", "reported", "greenlet", "asyncio", "threads")
LIBRARIES = ("tealetpp", "greenlet", "tealet", "asyncio", "boost fiber", "outside")


def readable(value: float, unit: str) -> str:
    """A value with its unit, to three digits."""
    if unit == "times":
        return f"{value:.3g} x"
    if unit == "seconds":
        for scale, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if value >= scale:
                return f"{value / scale:.3g} {name}"
        return f"{value * 1e9:.3g} ns"
    if unit == "bytes" and value >= 1e8:
        return f"{value / 1e9:.2f} GB"
    return f"{value:,.0f}" + (" bytes" if unit == "bytes" else "")


def markdown(rows: Iterable[Sequence[object]], headers: Sequence[str]) -> str:
    """One table; every column but the first is aligned to the right."""
    alignment = ("left", *["right"] * (len(headers) - 1))
    return str(tabulate(rows, headers, "pipe", colalign=alignment, disable_numparse=True)) + "\n"


def budgets(rows: Iterable[Budget], figures: Figures) -> str:
    """The budgets: measured, allowed, and whether they are met."""
    lines = []
    for row in rows:
        measured = row.measured(figures)
        limit = f"at {'least' if row.at_least else 'most'} {readable(row.limit, row.unit)}"
        limit += f" {row.than}" if row.than else ""
        if measured is None:
            lines.append((row.what, "not measured", limit, ""))
        else:
            met = "met" if row.met(measured) else "**not met**"
            lines.append((row.what, readable(measured, row.unit), limit, met))
    return markdown(lines, ("", "measured", "budget", ""))


def figures_table(
    rows: Mapping[str, tuple[str, str]],
    figures: Figures,
    columns: Sequence[str] = LIBRARIES,
    heading: str = "",
) -> str:
    """The values of each library."""
    shown = [name for name in columns if any(name in figures.get(row, {}) for row in rows)]
    lines = [
        (
            what,
            *(readable(figures[row][name], unit) if name in figures[row] else "" for name in shown),
        )
        for row, (what, unit) in rows.items()
        if row in figures
    ]
    return markdown(lines, (heading, *shown))


def kinds_table(figures: Figures) -> str:
    """The resident bytes by kind of function that pauses, and what tealetpp reports of them."""
    return figures_table(KIND_ROWS, figures, KIND_COLUMNS, "resident, for each that pauses")


def environment(of: Mapping[str, Any]) -> str:
    """The environment of the measurement."""
    return "".join(f"- {name}: {value}\n" for name, value in of.items())


def everything(results: Mapping[str, Any]) -> str:
    """The whole report."""
    parts = ["# What the benchmarks printed\n", f"Written by `{results['command']}`."]
    parts.append(" A short form: **not for comparing**.\n" if results["quick"] else "\n")
    for version, one in results["python"].items():
        parts += [f"\n## CPython {version}\n\n", environment(one["environment"]), "\n"]
        in_python = [row.on(version) for row in IN_PYTHON]
        parts += [budgets(in_python, one["figures"]), "\n"]
        parts += [figures_table(PYTHON_ROWS | MORE_PYTHON_ROWS, one["figures"]), "\n"]
        parts.append(kinds_table(one["figures"]))
    if cpp := results.get("cpp"):
        parts += ["\n## C++\n\n", environment(cpp["environment"]), "\n"]
        parts += [budgets(IN_CPP, cpp["figures"]), "\n", figures_table(CPP_ROWS, cpp["figures"])]
    return "".join(parts)


def summary(results: Mapping[str, Any]) -> str:
    """The tables that the README shows: the first Python's."""
    one = next(iter(results["python"].values()))
    python, libraries = one["environment"]["Python"], one["environment"]["libraries"]
    times = figures_table(PYTHON_ROWS, one["figures"])
    return f"CPython {python}; {libraries}\n\n{times}\n{kinds_table(one['figures'])}"
