"""What do switches and parked tealets cost in C++, compared with the fibers of Boost.Context?

The programs are in ``benchmarks/cpp``. Google Benchmark measures processor time. It runs the
repetitions in random order and takes medians.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil

from benchmarks.building import ROOT, build

SIZES = (1 << 10, 1 << 12, 1 << 14, 1 << 16)  # as in switching.cpp
FULL = ("--benchmark_repetitions=9", "--benchmark_min_time=0.1")
QUICK = ("--benchmark_repetitions=1", "--benchmark_min_time=0.001")
EACH, QUICK_EACH = 1_000_000, 10_000
MANY, QUICK_MANY = 10_000_000, 20_000
FIBERS = 10_000  # each maps a stack of its own; Linux allows a process 65,530 maps
NEEDED = 6e9  # bytes that must be free to park MANY


def measure(*, quick: bool, folder: Path) -> dict[str, dict[str, object]]:
    """All figures, by question and library. Google Benchmark's file stays in the folder."""
    wanted = ("-DTEALETPP_BUILD_BENCHMARKS=ON", "-DTEALETPP_BUILD_TESTS=OFF")
    programs = build(ROOT, folder / "build", *wanted) / "benchmarks" / "cpp"
    options, file = QUICK if quick else FULL, folder / "switching.json"
    return {
        **switching(programs / "benchmark_switching", file, options),
        **parking(programs / "benchmark_parking", quick=quick),
    }


def switching(program: Path, file: Path, options: tuple[str, ...]) -> dict[str, dict[str, object]]:
    """Nanoseconds there and back, and how a saved byte compares with two memcpys of it."""
    subprocess.run(
        [
            *(str(program), *options, "--benchmark_enable_random_interleaving=true"),
            *(f"--benchmark_out={file}", "--benchmark_out_format=json"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    runs = json.loads(file.read_text())["benchmarks"]
    if any("aggregate_name" in run for run in runs):
        runs = [run for run in runs if run.get("aggregate_name") == "median"]
    taken = {run["run_name"]: run["cpu_time"] for run in runs}
    saved = {run["run_name"]: run.get("saved_bytes") for run in runs}

    shallow, more = "tealet_there_and_back", "tealet_with_more_on_its_stack"
    ratios = {}
    for size in SIZES:
        extra = (taken[f"{more}/{size}"] - taken[shallow]) / (
            saved[f"{more}/{size}"] - saved[shallow]
        )
        ratios[size] = extra / (taken[f"two_memcpys/{size}"] / size)
    return {
        "cpp_switch": {
            "tealetpp": taken[shallow] * 1e-9,
            "boost fiber": taken["fiber_there_and_back"] * 1e-9,
        },
        "cpp_saved_bytes": {"tealetpp": saved[shallow]},
        "cpp_byte_ratio": {"tealetpp": max(ratios.values())},
        "cpp_byte_ratios": {"tealetpp": sorted(ratios.items())},
    }


def parking(program: Path, *, quick: bool) -> dict[str, dict[str, object]]:
    """Resident bytes: of one coroutine, of very many tealets, of one tealet beyond its stack."""
    count, many = (QUICK_EACH, QUICK_MANY) if quick else (EACH, MANY)
    tealets, fibers = parked(program, "tealets", count), parked(program, "fibers", FIBERS)
    found: dict[str, dict[str, object]] = {
        "cpp_parked_each": {
            "tealetpp": tealets["grown"] / count,
            "boost fiber": fibers["grown"] / FIBERS,
        },
        "cpp_beyond_saved": {"tealetpp": (tealets["grown"] - tealets["saved"]) / count},
    }
    if psutil.virtual_memory().available > NEEDED:
        found["cpp_parked_many"] = {"tealetpp": parked(program, "tealets", many)["resident"]}
    else:
        print(f"{many:,} tealets need {NEEDED / 1e9:.0f} GB free: left out", file=sys.stderr)
    return found


def parked(program: Path, kind: str, count: int) -> dict[str, int]:
    """Resident bytes of a process that parks `count` coroutines, and how much they added."""
    command = [str(program), kind, str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as done:
        assert done.stdin is not None
        assert done.stdout is not None
        resident = psutil.Process(done.pid).memory_info
        done.stdout.readline()
        before = resident().rss
        done.stdin.write("\n")
        done.stdin.flush()
        saved = int(done.stdout.readline())
        after = resident().rss
        done.kill()  # how long they take to end does not matter
    return {"resident": after, "grown": after - before, "saved": saved}
