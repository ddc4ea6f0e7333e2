"""How long does one switch take where 10,000 coroutines have their turns, one after the other?

Together their stacks do not fit into the processor's nearest caches. In ``ring`` each one switches
to the next, and the last to main. In ``hub`` main switches to each, and each switches back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from time import process_time

from benchmarks import timing
from benchmarks.peers import Coroutine, Peer

COUNT = 10_000


def member(peer: Peer, switch: Callable[..., object]) -> Coroutine:
    """A coroutine that calls `switch` whenever it is resumed."""
    pause = peer.pause

    def run(*_: object) -> None:
        pause()
        while True:
            switch()

    return peer.begin(run, None)


@cache
def ring(peer: Peer) -> list[Coroutine]:
    """Each one's switch leads to the one before it in the list, the first one's to main."""
    members = [member(peer, peer.pause)]
    for _ in range(COUNT - 1):
        members.append(member(peer, members[-1].switch))
    return members


@cache
def hub(peer: Peer) -> list[Coroutine]:
    """Each one's switch leads to main."""
    return [member(peer, peer.pause) for _ in range(COUNT)]


def seconds_in_ring(peer: Peer, rounds: int) -> float:
    """Seconds of `rounds` times round the ring."""
    switch = ring(peer)[-1].switch
    begin = process_time()
    for _ in range(rounds):
        switch()
    return process_time() - begin


def seconds_from_hub(peer: Peer, rounds: int) -> float:
    """Seconds of `rounds` times to each and back."""
    members = hub(peer)
    begin = process_time()
    for _ in range(rounds):
        for one in members:
            one.switch()
    return process_time() - begin


CASES = [
    timing.Case("round_robin_ring", seconds_in_ring, per_round=COUNT + 1, quick_rounds=5),
    timing.Case("round_robin_hub", seconds_from_hub, per_round=2 * COUNT, quick_rounds=5),
]

if __name__ == "__main__":
    timing.main("benchmarks.round_robin", CASES)
