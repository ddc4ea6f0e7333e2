"""How long does it take to create a coroutine, run a small Python function in it, and end it?

The function adds one to what it is given; its result arrives in main.
"""

from __future__ import annotations

from time import process_time
from typing import Any

from benchmarks import timing
from benchmarks.peers import Peer


def add_one(number: int) -> int:
    """The function of a tealetpp tealet and of a greenlet."""
    return number + 1


def seconds_by_switch(peer: Peer, rounds: int) -> float:
    """The first switch passes the argument, and returns the result when the function ends."""
    create = peer.create
    begin = process_time()
    for number in range(rounds):
        create(add_one).switch(number)
    return process_time() - begin


def seconds_by_run(peer: Peer, rounds: int) -> float:
    """The package tealet begins by ``run``. A function returns the receiver and the result."""
    create = peer.create
    main = peer.main  # type: ignore[attr-defined]

    def add_one_for_main(_: object, number: int) -> tuple[Any, int]:
        return main, number + 1

    begin = process_time()
    for number in range(rounds):
        create().run(add_one_for_main, number)
    return process_time() - begin


def seconds(peer: Peer, rounds: int) -> float:
    """Seconds to create, run and end a coroutine, `rounds` times."""
    return (seconds_by_run if peer.takes_itself else seconds_by_switch)(peer, rounds)


CASES = [timing.Case("spawn", seconds)]

if __name__ == "__main__":
    timing.main("benchmarks.spawn", CASES)
