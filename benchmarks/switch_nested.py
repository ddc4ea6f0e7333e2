"""How long does the same take when the coroutine paused below 20 calls of C functions?

Its function calls itself through ``map`` and ``sorted``, as callbacks do, and switches to and fro
at the bottom. These calls leave frames on the C stack, which are what stack slicing copies.
"""

from __future__ import annotations

from functools import cache

from benchmarks import timing
from benchmarks.peers import Coroutine, Peer

LEVELS = 20


@cache
def partner(peer: Peer) -> Coroutine:
    """It switches back, from the bottom, whenever it is resumed."""
    pause = peer.pause

    def run(level: int) -> int:
        if level % 2:
            list(map(run, [level - 1]))
        elif level:
            sorted([level - 1], key=run)
        else:
            while True:
                pause()
        return level

    return peer.begin(lambda *_: run(LEVELS), None)


def seconds(peer: Peer, rounds: int) -> float:
    """There and back, so many times."""
    return timing.there_and_back(partner(peer), rounds)


CASES = [timing.Case("switch_nested", seconds)]

if __name__ == "__main__":
    timing.main("benchmarks.switch_nested", CASES)
