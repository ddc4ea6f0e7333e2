"""How many more instructions does a switch take because of the statistics?

The library is built with them and without; callgrind counts. No noise can change these figures.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.building import ROOT, build
from benchmarks.callgrind import WORKLOAD, instructions


def measure(folder: Path) -> dict[str, dict[str, object]]:
    """Instructions for one switch in C++, and how many of them are for the statistics."""
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: instructions are not counted", file=sys.stderr)
        return {}
    counted = {}
    for name in ("on", "off"):
        option = f"-DTEALET_WITH_STATS={name}"
        programs = build(ROOT / "tests" / "overhead", folder / f"statistics-{name}", option)
        counted[name] = instructions([str(programs / "workload_cpp")], WORKLOAD)["switch"]
    return {
        "cpp_instructions": {"tealetpp": counted["on"]},
        "statistics_cost": {"tealetpp": counted["on"] - counted["off"]},
    }
