"""How does the memory of a process grow with the number of parked coroutines, 10 to 1,000,000?

The figures are what the coroutines add, without the interpreter. One process for each library parks
more and more. If the machine does not have the memory for the next count, the line ends.
"""

from __future__ import annotations

from benchmarks.parking import LIBRARIES, ask

COUNTS, QUICK_COUNTS = tuple(10**n for n in range(1, 7)), (10, 100, 1000)


def measure(*, quick: bool) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Lines of (count, bytes in all), by library."""
    return {
        "memory_by_count": {
            library: [
                (answer["count"], answer["each"] * (answer["count"] - 1))
                for answer in ask(library, QUICK_COUNTS if quick else COUNTS)
            ]
            for library in LIBRARIES
        }
    }
