"""How long does it take to switch to a coroutine and back, with nothing else on its stack?

Main switches to a coroutine whose function does nothing but switch back, again and again.
"""

from __future__ import annotations

from functools import cache

from benchmarks import timing
from benchmarks.peers import Coroutine, Peer


@cache
def partner(peer: Peer) -> Coroutine:
    """A coroutine that switches back whenever it is resumed."""
    pause = peer.pause

    def run(*_: object) -> None:
        while True:
            pause()

    return peer.begin(run, None)


def seconds(peer: Peer, rounds: int) -> float:
    """Seconds of `rounds` switches there and back."""
    return timing.there_and_back(partner(peer), rounds)


CASES = [timing.Case("switch_shallow", seconds)]

if __name__ == "__main__":
    timing.main("benchmarks.switch_shallow", CASES)
