"""Running a module of the benchmarks in a fresh process, in which nothing else was measured."""

from __future__ import annotations

import subprocess
import sys


def printed_by(module: str, *arguments: object, **options: object) -> str:
    """What ``python -m benchmarks.MODULE --option=value ... argument ...`` prints."""
    command = [sys.executable, "-m", f"benchmarks.{module}"]
    command += [f"--{name}={value}" for name, value in options.items()]
    command += map(str, arguments)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
