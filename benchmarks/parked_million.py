"""How much memory does a process with 1,000,000 parked tealets take, the interpreter included?

And how long does ``main.stats()`` take in that process?
"""

from __future__ import annotations

from benchmarks.parking import ask

COUNT, QUICK_COUNT = 1_000_000, 5_000


def measure(*, quick: bool) -> dict[str, dict[str, float]]:
    """Resident bytes of the process, and seconds of ``main.stats()``."""
    answered = ask("tealetpp", [QUICK_COUNT if quick else COUNT])
    if not answered:
        return {}  # not enough memory
    return {
        "parked_million": {"tealetpp": answered[0]["resident"]},
        "stats_of_million": {"tealetpp": answered[0]["stats_seconds"]},
    }
