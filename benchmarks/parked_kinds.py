"""How much resident memory does a parked coroutine take, for each kind of function that pauses?

    python -m benchmarks.parked_kinds

prints a table: bytes each, of 50,000 in a process of their own. ``reported`` is what tealetpp says
of itself: the growth of ``bytes_allocated`` and ``object_bytes``. The bound methods, partials and
objects that pause are the program's, so they are made before. Threads of ``threading`` are 2,000,
which all wait for one event.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import json
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks import tables
from benchmarks.fresh import printed_by
from benchmarks.kinds import KINDS
from benchmarks.parking import resident
from benchmarks.peers import PEERS, Peer, Tealetpp

LIBRARIES = ("tealetpp", "greenlet", "asyncio", "threads")
DEEP = 100
COUNT, QUICK_COUNT = 50_000, 2_000
# Where each is large, the count is divided by this.
FEWER = {"deep": 10, "threads": 25}


def functions(pause: Callable[..., object]) -> dict[str, Callable[[], Callable[..., object]]]:
    """By kind, a callable that makes the function of one coroutine."""

    def function(_: object) -> None:
        pause()

    class Machine:
        def method(self, _: object) -> None:
            pause()

        def __call__(self, _: object) -> None:
            pause()

    def first() -> None:
        second()

    def second() -> None:
        third()

    def third() -> None:
        fourth()

    def fourth() -> None:
        pause()

    def deeper(_: object) -> None:
        pause()
        first()

    def descends(depth: int) -> None:
        if depth:
            descends(depth - 1)
        else:
            pause()

    def deep(_: object) -> None:
        descends(DEEP - 1)

    machine = Machine()
    return {
        "function": lambda: function,
        "method": lambda: machine.method,
        "partial": lambda: functools.partial(function),
        "object": Machine,
        "deeper": lambda: deeper,
        "outlier": lambda: descends,
        "deep": lambda: deep,
    }


def coroutines(event: asyncio.Event) -> dict[str, Callable[[], Callable[[], Awaitable[object]]]]:
    """The same for asyncio."""

    async def function() -> None:
        await event.wait()

    class Machine:
        async def method(self) -> None:
            await event.wait()

        async def __call__(self) -> None:
            await event.wait()

    async def descends(depth: int) -> None:
        if depth:
            await descends(depth - 1)
        else:
            await event.wait()

    machine = Machine()
    return {
        "function": lambda: function,
        "method": lambda: machine.method,
        "partial": lambda: functools.partial(function),
        "object": Machine,
        "deeper": lambda: functools.partial(descends, 4),
        "outlier": lambda: function,
        "deep": lambda: functools.partial(descends, DEEP),
    }


def reported(peer: Peer) -> int:
    """What tealetpp reports of its tealets; 0 for the other libraries, which report nothing."""
    if not isinstance(peer, Tealetpp):
        return 0
    stats = peer.main.stats()
    return stats.bytes_allocated + stats.object_bytes


def park(peer: Peer, kind: str, count: int) -> dict[str, float]:
    """Bytes for each coroutine of a library that switches stacks."""
    make = functions(peer.pause)[kind]
    parked: list[Any] = [None] * count
    if kind == "outlier":
        parked.append(peer.begin(make(), DEEP))
    first = peer.begin(make(), 0)  # memory that is allocated only once is allocated now
    if kind == "deeper":
        first.switch(None)
    made = [make() for _ in range(count)]
    gc.collect()
    base = resident()
    before = reported(peer)
    for index in range(count):
        parked[index] = peer.begin(made[index], 0)
    if kind == "deeper":
        for coroutine in parked:
            coroutine.switch(None)
    gc.collect()
    found: dict[str, float] = {"each": (resident() - base) / count}
    if isinstance(peer, Tealetpp):
        found["reported"] = (reported(peer) - before) / count
    return found


async def park_tasks(kind: str, count: int) -> dict[str, float]:
    """The same for asyncio tasks that all wait for one event."""
    event = asyncio.Event()
    make = coroutines(event)[kind]
    tasks: list[Any] = [None] * count
    first = asyncio.ensure_future(make()())
    await asyncio.sleep(0)
    made = [make() for _ in range(count)]
    gc.collect()
    base = resident()
    for index in range(count):
        tasks[index] = asyncio.ensure_future(made[index]())
    await asyncio.sleep(0)
    gc.collect()
    assert not first.done()
    return {"each": (resident() - base) / count}


def park_threads(kind: str, count: int) -> dict[str, float]:
    """The same for threads that all wait for one event."""
    events = [threading.Event()]  # the last one is what they wait for
    waiting = threading.Semaphore(0)

    def pause() -> None:
        waiting.release()
        events[-1].wait()

    make = functions(pause)[kind]

    def start(function: Callable[[Any], object], argument: object) -> threading.Thread:
        thread = threading.Thread(target=function, args=(argument,), daemon=True)
        thread.start()
        waiting.acquire()
        return thread

    outliers = [start(make(), DEEP)] if kind == "outlier" else []
    outliers.append(start(make(), 0))
    threads: list[Any] = [None] * count
    made = [make() for _ in range(count)]
    gc.collect()
    base = resident()
    for index in range(count):
        threads[index] = start(made[index], 0)
    if kind == "deeper":
        events.append(threading.Event())
        events[0].set()
        for _ in range(count + len(outliers)):
            waiting.acquire()
    gc.collect()
    return {"each": (resident() - base) / count}


def counted(library: str, kind: str, *, quick: bool) -> int:
    """How many are parked."""
    fewer = max(FEWER.get(library, 1), FEWER.get(kind, 1))
    return (QUICK_COUNT if quick else COUNT) // fewer


def ask(library: str, kind: str, count: int) -> dict[str, float]:
    """The figures, from a process of their own."""
    printed = printed_by("parked_kinds", library=library, kind=kind, count=count)
    found: dict[str, float] = json.loads(printed)
    return found


def measure(*, quick: bool) -> dict[str, dict[str, float]]:
    """Bytes by kind and library, and how much more is resident than tealetpp reports."""
    figures: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        found = {
            library: ask(library, kind, counted(library, kind, quick=quick))
            for library in LIBRARIES
        }
        figures[f"parked_{kind}"] = {library: each["each"] for library, each in found.items()}
        ours = found["tealetpp"]
        figures[f"parked_{kind}"]["reported"] = ours["reported"]
        figures[f"parked_{kind}_beyond"] = {"tealetpp": ours["each"] / ours["reported"]}
    with_outlier, without = figures["parked_outlier"], figures["parked_function"]
    figures["parked_outlier_more"] = {"tealetpp": with_outlier["tealetpp"] / without["tealetpp"]}
    return figures


def main() -> None:
    """Measure one kind in this process, or print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=LIBRARIES)
    parser.add_argument("--kind", choices=tuple(KINDS))
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--quick", action="store_true", help="fewer of each: shows that it works")
    args = parser.parse_args()
    if args.library is None:
        print(tables.kinds_table(measure(quick=args.quick)))
        return
    if args.library == "asyncio":
        found = asyncio.run(park_tasks(args.kind, args.count))
    elif args.library == "threads":
        found = park_threads(args.kind, args.count)
    else:
        found = park(PEERS[args.library](), args.kind, args.count)
    print(json.dumps(found), flush=True)
    os._exit(0)  # how long they take to end does not matter


if __name__ == "__main__":
    main()
