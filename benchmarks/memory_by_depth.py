"""How does the memory of a parked coroutine grow with the depth of the calls that it pauses in?

One line is for calls of Python functions, one for calls through ``map``. Each call of ``map`` adds
frames of C functions to the stack that is saved. For asyncio the depth is that of a chain of
awaits.
"""

from __future__ import annotations

from benchmarks.parking import LIBRARIES, THROUGH, ask

DEPTHS, QUICK_DEPTHS = (0, 1, 2, 5, 10, 20, 50, 100, 200), (0, 10)
COUNT, QUICK_COUNT = 2_000, 200


def measure(*, quick: bool) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Lines of (depth, bytes each), by kind of call and library."""
    count = QUICK_COUNT if quick else COUNT
    lines: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for through in THROUGH:
        for library in LIBRARIES:
            if library == "asyncio" and through == "c":
                continue  # no coroutine of asyncio can pause below a C function
            lines.setdefault(f"memory_by_depth_{through}", {})[library] = [
                (depth, ask(library, [count], through=through, depth=depth)[0]["each"])
                for depth in (QUICK_DEPTHS if quick else DEPTHS)
            ]
    return lines
