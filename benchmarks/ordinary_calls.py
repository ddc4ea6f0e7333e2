"""Does ordinary Python code run as fast in a coroutine as outside?

A loop calls a small function: in the coroutine's own function (``shallow``), below 50 calls
(``deep``), and where it hurts most (``edge``). Python frames lie on a data stack of chunks. If a
chunk ends between the frame of the caller and that of the callee, every call takes a chunk and
frees it. One of the first 200 depths is such an edge. Calls at the slowest one are compared with
ordinary calls outside.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import cache
from time import process_time

from benchmarks import timing
from benchmarks.peers import LIBRARIES, Outside, Peer

DEEP = 50  # shallow enough that no chunk of 16 KiB ends there
SEARCHED = range(200)  # depths
TRIES = 5
CALLS_PER_TRY = 1000

Calls = Callable[[int], float]  # makes so many calls, returns the seconds that they took


def small(number: int) -> int:
    """The function that is called."""
    # More variables than its callers have, so that no depth steps over the edge.
    a = b = c = d = e = f = g = h = i = j = k = m = number
    return a + b + c + d + e + f + g + h + i + j + k + m


def outside(depth: int, rounds: int) -> float:
    """Call it `rounds` times, at this depth."""
    if depth:
        return outside(depth - 1, rounds)
    begin = process_time()
    for number in range(rounds):
        small(number)
    return process_time() - begin


def inside(peer: Peer, depth: int) -> Calls:
    """The same in a coroutine."""
    pause = peer.pause

    def run(*arguments: int) -> None:
        depth = arguments[-1]
        if depth:
            run(depth - 1)
        seconds = 0.0
        while True:
            rounds = pause(seconds)
            begin = process_time()
            for number in range(rounds):
                small(number)
            seconds = process_time() - begin

    return peer.begin(run, depth).switch


def is_outside(peer: Peer) -> bool:
    """Whether there are no coroutines."""
    return isinstance(peer, Outside)


def at(depth: int) -> Callable[[Peer, int], float]:
    """Calls made at this depth, with a coroutine or without."""

    @cache
    def calls(peer: Peer) -> Calls:
        return inside(peer, depth)

    def seconds(peer: Peer, rounds: int) -> float:
        return outside(depth, rounds) if is_outside(peer) else calls(peer)(rounds)

    return seconds


def best_of(calls: Calls) -> float:
    """The seconds of the fastest try."""
    return min(calls(CALLS_PER_TRY) for _ in range(TRIES))


@cache
def slowest(peer: Peer) -> Calls:
    """Calls at the slowest depth."""
    if is_outside(peer):
        return lambda rounds: outside(0, rounds)

    def seconds(depth: int) -> float:
        with closing(type(peer)()) as domain:
            return best_of(inside(domain, depth))

    return inside(peer, max(SEARCHED, key=seconds))


def seconds_at_the_edge(peer: Peer, rounds: int) -> float:
    """Calls made where they are slowest."""
    return slowest(peer)(rounds)


EVERYWHERE = ("outside", *LIBRARIES)
CASES = [
    timing.Case("calls_shallow", at(0), libraries=EVERYWHERE),
    timing.Case("calls_deep", at(DEEP), libraries=EVERYWHERE),
    timing.Case("calls_edge", seconds_at_the_edge, libraries=("outside", "tealetpp")),
]

if __name__ == "__main__":
    timing.main("benchmarks.ordinary_calls", CASES)
