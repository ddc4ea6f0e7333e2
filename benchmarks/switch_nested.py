"""How long does a switch there and back take when the coroutine paused below 20 C functions?

Its function calls itself through ``map``, or alternately through ``map`` and ``sorted``, as
callbacks do, and switches in the innermost call. These calls leave frames on the C stack, which
stack slicing copies: small ones of ``map``, large ones of ``sorted``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from benchmarks import timing
from benchmarks.peers import Coroutine, Peer

LEVELS = 20

Descend = Callable[[int], int]
Call = Callable[[Descend, int], object]  # of a C function, which calls back the first argument


def by_map(run: Descend, level: int) -> object:
    """Call `run` through map."""
    return list(map(run, [level]))


def by_sorted(run: Descend, level: int) -> object:
    """Call `run` through sorted."""
    return sorted([level], key=run)


def below(*calls: Call) -> Callable[[Peer, int], float]:
    """A benchmark of switches below LEVELS calls, which alternate between `calls`."""

    @cache
    def partner(peer: Peer) -> Coroutine:
        """A coroutine that switches back from its innermost call whenever it is resumed."""
        pause = peer.pause

        def run(level: int) -> int:
            while not level:
                pause()
            calls[level % len(calls)](run, level - 1)
            return level

        return peer.begin(lambda *_: run(LEVELS), None)

    def seconds(peer: Peer, rounds: int) -> float:
        """Seconds of `rounds` switches there and back."""
        return timing.there_and_back(partner(peer), rounds)

    return seconds


CASES = [
    timing.Case("switch_nested_map", below(by_map)),
    timing.Case("switch_nested", below(by_sorted, by_map)),
]

if __name__ == "__main__":
    timing.main("benchmarks.switch_nested", CASES)
