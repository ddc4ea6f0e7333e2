"""How long does the same take when the coroutine paused below 20 calls of C functions?

Its function calls itself through ``map``, or through ``map`` and ``sorted`` in turns, as callbacks
do, and switches to and fro at the bottom. These calls leave frames on the C stack, which are what
stack slicing copies: small ones of ``map``, large ones of ``sorted``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from benchmarks import timing
from benchmarks.peers import Coroutine, Peer

LEVELS = 20

Descend = Callable[[int], int]
Call = Callable[[Descend, int], object]  # of a C function that calls the first with the second


def by_map(run: Descend, level: int) -> object:
    """Call it through map."""
    return list(map(run, [level]))


def by_sorted(run: Descend, level: int) -> object:
    """Call it through sorted."""
    return sorted([level], key=run)


def below(*calls: Call) -> Callable[[Peer, int], float]:
    """Below 20 of these calls, in turns."""

    @cache
    def partner(peer: Peer) -> Coroutine:
        """It switches back, from the bottom, whenever it is resumed."""
        pause = peer.pause

        def run(level: int) -> int:
            while not level:
                pause()
            calls[level % len(calls)](run, level - 1)
            return level

        return peer.begin(lambda *_: run(LEVELS), None)

    def seconds(peer: Peer, rounds: int) -> float:
        """There and back, so many times."""
        return timing.there_and_back(partner(peer), rounds)

    return seconds


CASES = [
    timing.Case("switch_nested_map", below(by_map)),
    timing.Case("switch_nested", below(by_sorted, by_map)),
]

if __name__ == "__main__":
    timing.main("benchmarks.switch_nested", CASES)
