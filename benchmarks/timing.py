"""Measuring times: pyperf calibrates, warms up, measures, and keeps the values.

Each value comes from a process that pyperf starts for one case and one library. The runner asks
for one process at a time. The libraries take turns, so that a slow minute of the machine affects
all of them. Seconds are processor time of the process alone: other processes change them little.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import pyperf

from benchmarks.peers import LIBRARIES, PEERS, Coroutine, Peer


@dataclass(frozen=True)
class Case:
    """Something to be timed, the same for each library."""

    name: str
    seconds: Callable[[Peer, int], float]  # that so many rounds take
    per_round: int = 1  # how often one round does it
    quick_rounds: int = 1000  # in the short form; otherwise pyperf finds a number


def there_and_back(partner: Coroutine, rounds: int) -> float:
    """Seconds for `rounds` switches to a coroutine that switches back at once."""
    switch = partner.switch
    begin = process_time()
    for _ in range(rounds):
        switch()
    return process_time() - begin


def main(module: str, cases: list[Case]) -> None:
    """The program that pyperf runs: ``python -m MODULE --case=NAME --library=NAME``."""

    def pass_on(command: list[str], args: object) -> None:
        command += [f"--{name}={getattr(args, name)}" for name in ("case", "library")]

    by_name = {case.name: case for case in cases}
    runner = pyperf.Runner(program_args=("-m", module), add_cmdline_args=pass_on)
    runner.argparser.add_argument("--case", choices=list(by_name), required=True)
    runner.argparser.add_argument("--library", choices=list(PEERS), required=True)
    args = runner.parse_args()
    case = by_name[args.case]
    peer = PEERS[args.library]()
    runner.bench_time_func(
        case.name, lambda rounds: case.seconds(peer, rounds), inner_loops=case.per_round
    )


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    turns: int  # of each library
    calibrate: bool
    options: tuple[str, ...]


FULL = Effort(turns=7, calibrate=True, options=("--values=3", "--warmups=1", "--min-time=0.05"))
QUICK = Effort(turns=1, calibrate=False, options=("--values=1", "--warmups=1"))


def run(
    modules: dict[str, list[Case]], effort: Effort, folder: Path
) -> dict[str, dict[str, float]]:
    """Time all cases; return the medians in seconds by case and library.

    pyperf's own files stay in the folder, one for each library: ``pyperf compare_to`` reads them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asked = [(module, case, name) for module, case, name in in_turn(modules)]
    for file in folder.glob("*.json"):
        file.unlink()
    for turn in range(effort.turns):
        print(f"timing, turn {turn + 1} of {effort.turns}", flush=True)
        for module, case, library in asked:
            measure(module, case, library, effort, folder / f"{library}.json")
    medians: dict[str, dict[str, float]] = {}
    for _, case, library in asked:
        suite = pyperf.BenchmarkSuite.load(str(folder / f"{library}.json"))
        medians.setdefault(case.name, {})[library] = suite.get_benchmark(case.name).median()
    return medians


def in_turn(modules: dict[str, list[Case]]) -> Iterator[tuple[str, Case, str]]:
    """Every case with every library, the libraries side by side."""
    for module, cases in modules.items():
        for case in cases:
            for library in LIBRARIES:
                yield module, case, library


def measure(module: str, case: Case, library: str, effort: Effort, file: Path) -> None:
    """Add the values of one more process to the file."""
    command = [sys.executable, "-m", module, f"--case={case.name}", f"--library={library}"]
    command += ["--quiet", "--processes=1", f"--append={file}", *effort.options]
    if loops := loops_so_far(file, case.name) if effort.calibrate else case.quick_rounds:
        command.append(f"--loops={loops}")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def loops_so_far(file: Path, name: str) -> int | None:
    """The rounds for one value that pyperf has chosen before, to skip the calibration."""
    if not file.exists():
        return None
    suite = pyperf.BenchmarkSuite.load(str(file))
    return (
        int(suite.get_benchmark(name).get_loops()) if name in suite.get_benchmark_names() else None
    )
