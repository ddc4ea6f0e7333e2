"""Run the benchmarks and write the report: ``python -m benchmarks --help``.

The figures of each Python, and of C++, are in a folder of their own below the output. The report
has all of them. For several Pythons, run this once with each.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
from collections.abc import Container
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pyperf

import tealetpp
from benchmarks import (
    cold_simulation,
    in_cpp,
    memory_by_count,
    memory_by_depth,
    ordinary_calls,
    parked_each,
    parked_kinds,
    parked_million,
    plots,
    round_robin,
    spawn,
    statistics_cost,
    switch_nested,
    switch_shallow,
    tables,
    timing,
)
from benchmarks.building import ROOT

OF_TIME = (switch_shallow, switch_nested, round_robin, spawn)
IN_FRESH_PROCESSES = (
    ordinary_calls,
    cold_simulation,
    parked_each,
    parked_kinds,
    parked_million,
    memory_by_depth,
    memory_by_count,
)
COMMAND = "nox -s newer_benchmarks benchmarks"
PUBLISHED = ROOT / "docs" / "benchmarks"
# The lines of the README between which the tables stand.
BEGIN, END = "<!-- benchmarks: begin -->\n", "<!-- benchmarks: end -->\n"


def first_line(*command: str) -> str:
    """The first line that a program prints."""
    if shutil.which(command[0]) is None:
        return "unknown"
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return next(iter(done.stdout.splitlines()), "unknown")


def machine() -> dict[str, str]:
    """The environment that the figures depend on, apart from the libraries."""
    known = pyperf.Run([1.0]).get_metadata()
    return {
        "processor": known.get("cpu_model_name", platform.machine()),
        "system": platform.platform(terse=True),
        "compiler": first_line("c++", "--version"),
        "commit": first_line("git", "describe", "--always", "--dirty", "--exclude=*"),
    }


def python_environment() -> dict[str, str]:
    """The environment of the figures of this Python."""
    versions = {"tealetpp": tealetpp.__version__} | {
        name: version(name) for name in ("greenlet", "tealet")
    }
    return {
        "Python": f"{platform.python_version()}, {platform.python_compiler()}",
        "libraries": ", ".join(f"{name} {number}" for name, number in versions.items()),
        **machine(),
    }


def short_name(module: ModuleType) -> str:
    """The name that ``--only`` takes."""
    return module.__name__.rpartition(".")[2]


def measure_python(*, quick: bool, folder: Path, only: Container[str]) -> dict[str, Any]:
    """The figures of this Python: those of the modules with these names."""
    effort = timing.QUICK if quick else timing.FULL
    of_time = [module for module in OF_TIME if short_name(module) in only]
    modules = {module.__name__: module.CASES for module in of_time}
    figures: dict[str, Any] = {}
    if modules:
        figures.update(timing.run(modules, effort, folder / "pyperf"))
    for module in IN_FRESH_PROCESSES:
        if short_name(module) in only:
            print(module.__name__, flush=True)
            figures.update(module.measure(quick=quick))
    return {"environment": python_environment(), "figures": figures}


def measure_cpp(*, quick: bool, folder: Path, **_: object) -> dict[str, Any]:
    """All figures of C++."""
    print(in_cpp.__name__, flush=True)
    figures = in_cpp.measure(quick=quick, folder=folder)
    figures.update(statistics_cost.measure(folder))
    context = json.loads((folder / "switching.json").read_text())["context"]
    boost = {"libraries": f"tealetpp {tealetpp.__version__}, Boost {context['boost']}"}
    return {"environment": boost | machine(), "figures": figures}


def keep(found: dict[str, Any], file: Path, *, quick: bool) -> None:
    """Write figures for the report. Figures in the file that were not measured now stay there.

    So does their environment, and the commit of the new ones is named apart.
    """
    if file.exists():
        before = json.loads(file.read_text())
        if before["figures"].keys() > found["figures"].keys():
            again = {f"commit of {', '.join(found['figures'])}": found["environment"]["commit"]}
            found["environment"] = before["environment"] | again
        found["figures"] = before["figures"] | found["figures"]
    file.write_text(json.dumps(found | {"quick": quick}, indent=1) + "\n")


def report(output: Path, folder: Path) -> None:
    """Write the report from all figures: JSON, Markdown and plots."""
    of_python = {
        file.parent.name.removeprefix("cpython-"): json.loads(file.read_text())
        for file in sorted(output.glob("cpython-*/figures.json"))
    }
    results: dict[str, Any] = {"command": COMMAND, "python": of_python}
    if (file := output / "cpp" / "figures.json").exists():
        results["cpp"] = json.loads(file.read_text())
    parts = [*of_python.values(), *([results["cpp"]] if "cpp" in results else [])]
    results["quick"] = any(part.pop("quick") for part in parts)

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (folder / "results.md").write_text(tables.everything(results))
    if of_python:
        (folder / "summary.md").write_text(tables.summary(results))
        first, one = next(iter(of_python.items()))
        plots.draw(one["figures"], f"CPython {first}", folder)
    print((folder / "results.md").read_text())


def show_in_readme(file: Path, shown: str) -> None:
    """Put the tables where the README shows it."""
    before, _, rest = file.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    file.write_text(f"{before}{BEGIN}{shown}{END}{after}")


def main() -> None:
    """Measure as the options say, and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short form: shows that all works")
    parser.add_argument("--output", type=Path, help="keep the figures there, not in build/")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="put the report into docs/benchmarks, and its tables into the README",
    )
    parser.add_argument(
        "--measure",
        nargs="*",
        choices=("python", "cpp"),
        default=("python", "cpp"),
        help="only these; with none, only report",
    )
    names = [short_name(module) for module in (*OF_TIME, *IN_FRESH_PROCESSES)]
    parser.add_argument(
        "--only",
        nargs="+",
        choices=names,
        default=names,
        help="of Python, only these; the other figures are those of the last time",
    )
    args = parser.parse_args()
    if args.quick and args.publish:
        parser.error("the figures of the short form are not for publishing")
    output = args.output or ROOT / "build" / ("benchmarks-quick" if args.quick else "benchmarks")
    here = "cpython-{}.{}".format(*platform.python_version_tuple())
    for name, folder, measure in (
        ("python", output / here, measure_python),
        ("cpp", output / "cpp", measure_cpp),
    ):
        if name in args.measure:
            folder.mkdir(parents=True, exist_ok=True)
            found = measure(quick=args.quick, folder=folder, only=args.only)
            keep(found, folder / "figures.json", quick=args.quick)
    report(output, PUBLISHED if args.publish else output / "report")
    if args.publish:
        show_in_readme(ROOT / "README.md", (PUBLISHED / "summary.md").read_text())


if __name__ == "__main__":
    main()
