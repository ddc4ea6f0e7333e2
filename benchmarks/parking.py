"""The program of the memory benchmarks: it parks coroutines, and prints the memory they take.

    python -m benchmarks.parking --library=greenlet --through=python --depth=0 1000 100000

parks up to each count in turn and prints one line of JSON for each: the resident memory of the
whole process, and how much of it each coroutine added. For tealetpp it also prints what the
statistics say, and how long ``main.stats()`` took.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from timeit import repeat
from typing import Any

import psutil

from benchmarks.fresh import printed_by
from benchmarks.peers import PEERS, Peer, Tealetpp

LIBRARIES = ("tealetpp", "greenlet", "tealet", "asyncio")
THROUGH = ("python", "c")
ENOUGH_LEFT = 1.3  # times the memory that the next count is expected to take


def parked_function(peer: Peer, through: str) -> Callable[..., object]:
    """A small function that calls itself to the depth that it is given, and pauses there."""
    pause = peer.pause

    def through_python(depth: int) -> None:
        if depth:
            through_python(depth - 1)
        else:
            pause()

    def through_c(depth: int) -> None:
        if depth:
            list(map(through_c, [depth - 1]))
        else:
            pause()

    function = through_python if through == "python" else through_c

    # The same function, for libraries that also pass the coroutine.
    def taking_itself(_: object, depth: int) -> None:
        if depth:
            function(depth - 1)
        else:
            pause()

    return taking_itself if peer.takes_itself else function


async def waiting(event: asyncio.Event, depth: int) -> None:
    """The same for asyncio: a chain of awaits."""
    if depth:
        await waiting(event, depth - 1)
    else:
        await event.wait()


def resident() -> int:
    """Bytes of the process that are in memory now."""
    return int(psutil.Process().memory_info().rss)


def affordable(counts: Sequence[int], grown: Callable[[], int]) -> Iterator[int]:
    """The counts, as long as the machine has the memory for them."""
    before = 0
    for count in counts:
        expected = grown() * count / before if before else 0
        if psutil.virtual_memory().available < ENOUGH_LEFT * expected:
            print(f"{count:,} would take {expected / 1e9:.1f} GB: left out", file=sys.stderr)
            return
        yield count
        before = count


def figures(count: int, base: int) -> dict[str, float]:
    """The memory that the coroutines take now. The first one is part of the base."""
    gc.collect()
    total = resident()
    return {"count": count, "resident": total, "each": (total - base) / (count - 1)}


def park(peer: Peer, function: Callable[..., object], depth: int, counts: Sequence[int]) -> None:
    """Print the figures of one of the libraries that switch stacks."""
    parked: list[Any] = [None] * counts[-1]
    parked[0] = peer.begin(function, depth)  # memory that is allocated only once is allocated now
    gc.collect()
    base, begun = resident(), 1
    for count in affordable(counts, lambda: resident() - base):
        for index in range(begun, count):
            parked[index] = peer.begin(function, depth)
        begun = count
        line = figures(count, base)
        if isinstance(peer, Tealetpp):
            stats = peer.main.stats
            line["counted"] = stats().bytes_allocated
            line["stats_seconds"] = median(repeat(stats, number=1, repeat=5))
        print(json.dumps(line), flush=True)
    os._exit(0)  # how long a million of them take to end does not matter


async def park_tasks(depth: int, counts: Sequence[int]) -> None:
    """Print the figures of asyncio tasks that all wait for the same event."""
    event = asyncio.Event()
    tasks: list[Any] = [None] * counts[-1]
    tasks[0] = asyncio.create_task(waiting(event, depth))
    await asyncio.sleep(0)
    gc.collect()
    base, begun = resident(), 1
    for count in affordable(counts, lambda: resident() - base):
        for index in range(begun, count):
            tasks[index] = asyncio.create_task(waiting(event, depth))
        await asyncio.sleep(0)  # now they have all begun to wait
        begun = count
        print(json.dumps(figures(count, base)), flush=True)
    os._exit(0)


def ask(
    library: str, counts: Sequence[int], *, through: str = "python", depth: int = 0
) -> list[dict[str, float]]:
    """The figures for these counts, from a process of their own."""
    printed = printed_by("parking", *counts, library=library, through=through, depth=depth)
    return [json.loads(line) for line in printed.splitlines()]


def main() -> None:
    """The main program of that process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=LIBRARIES, required=True)
    parser.add_argument("--through", choices=THROUGH, default=THROUGH[0], help="kind of calls")
    parser.add_argument("--depth", type=int, default=0, help="calls above the pause")
    parser.add_argument("counts", type=int, nargs="+")
    args = parser.parse_args()
    if args.library == "asyncio":
        asyncio.run(park_tasks(args.depth, args.counts))
        return
    peer = PEERS[args.library]()
    park(peer, parked_function(peer, args.through), args.depth, args.counts)


if __name__ == "__main__":
    main()
