"""Counts the instructions of operations, with valgrind's callgrind.

A program gets the number of repetitions of each operation. It runs once, and again with one of the
numbers doubled. Everything else is the same, so the difference is the cost of that operation.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence

TIMES = 1000
# How often one repetition does each operation of the programs in tests/overhead. A repetition of
# "switch" is a switch there and a switch back.
WORKLOAD = {"switch": 2, "spawn": 1, "stats": 1}


def executed(command: Sequence[str], **environment: str) -> int:
    """Instructions that a command executes in all."""
    callgrind = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
    done = subprocess.run(
        [*callgrind, *command],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    found = re.search(r"Collected *: (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"{' '.join(command)} under callgrind: {done.stderr}")
    return int(found[1])


def instructions(
    program: Sequence[str], per_time: Mapping[str, int], **environment: str
) -> dict[str, float]:
    """The instructions of each operation of the program, by name.

    Args:
        program: a command. It takes the number of repetitions of each operation, in this order.
        per_time: how often one repetition does the operation, by the operation's name.
        environment: environment variables of the program.
    """
    names = list(per_time)
    base = executed([*program, *(str(TIMES) for _ in names)], **environment)

    def doubled(which: str) -> int:
        times = (str(2 * TIMES if name == which else TIMES) for name in names)
        return executed([*program, *times], **environment)

    return {name: (doubled(name) - base) / (TIMES * per_time[name]) for name in names}
