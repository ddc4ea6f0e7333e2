"""How much resident memory does each of 100,000 coroutines take that pause in a small function?

For comparison: as many asyncio tasks, all waiting for one ``asyncio.Event``.
"""

from __future__ import annotations

from statistics import median

from benchmarks.parking import LIBRARIES, ask

COUNT, QUICK_COUNT = 100_000, 2_000
TURNS = 3


def measure(*, quick: bool) -> dict[str, dict[str, float]]:
    """Bytes by library: the median of processes that took turns."""
    count = QUICK_COUNT if quick else COUNT
    seen: dict[str, list[float]] = {library: [] for library in LIBRARIES}
    for _ in range(1 if quick else TURNS):
        for library, each in seen.items():
            each.append(ask(library, [count])[0]["each"])
    return {"parked_each": {library: median(each) for library, each in seen.items()}}
