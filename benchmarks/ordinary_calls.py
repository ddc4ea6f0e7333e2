"""Does ordinary Python code run as fast in a coroutine as outside?

    python -m benchmarks.ordinary_calls

prints seconds for a call by case and library. A loop calls a small function: in the coroutine's own
function (``shallow``), below 50 calls (``deep``), and at the worst depth (``edge``). Python frames
lie on a data stack of chunks. If a chunk ends between the frame of the caller and that of the
callee, every call takes a chunk and frees it. One of the first 200 depths is such an edge. Calls
there are compared with ordinary calls outside.

The differences are small. So loops inside and outside take turns in the same process, every
millisecond or so, and a slow moment of the machine meets both. The figures are medians of all such
loops of several processes.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from contextlib import closing
from statistics import median
from time import process_time
from typing import Any

from benchmarks.fresh import printed_by
from benchmarks.peers import LIBRARIES, PEERS, Peer, Tealetpp
from benchmarks.tables import readable

DEEP = 50  # shallow enough that no chunk of 16 KiB ends there
SEARCHED = range(200)  # depths
CALLS_PER_LOOP = 5000
LOOPS, QUICK_LOOPS = 300, 2  # in each process
TURNS = 7  # processes for each library
OUTSIDE = "outside"
OF_ALL = {"calls_shallow": 0, "calls_deep": DEEP}  # depths
OF_OURS = "calls_edge"

Calls = Callable[[int], float]  # makes so many calls, returns the seconds that they took


def small(number: int) -> int:
    """The function that is called."""
    # More variables than its callers have, so that no depth steps over the edge.
    a = b = c = d = e = f = g = h = i = j = k = m = number
    return a + b + c + d + e + f + g + h + i + j + k + m


def loop(rounds: int) -> float:
    """Call it so many times; return the seconds. The same code runs inside and outside."""
    begin = process_time()
    for number in range(rounds):
        small(number)
    return process_time() - begin


def outside(depth: int, rounds: int) -> float:
    """The loop at this depth."""
    return outside(depth - 1, rounds) if depth else loop(rounds)


def inside(peer: Peer, depth: int) -> Calls:
    """The same in a coroutine."""
    pause = peer.pause

    def run(*arguments: int) -> None:
        depth = arguments[-1]
        if depth:
            run(depth - 1)
        seconds = 0.0
        while True:
            seconds = loop(pause(seconds))

    return peer.begin(run, depth).switch


def at_the_edge(peer: Tealetpp) -> Calls:
    """Calls at the depth at which they take a chunk, which the domain has until the next pause."""

    def chunk_bytes(depth: int) -> int:
        sizes: list[int] = []
        with closing(Tealetpp()) as domain:
            switch = domain.pause

            def pause(seconds: float) -> Any:
                sizes.append(domain.main.stats().data_stack_bytes)
                return switch(seconds)

            domain.pause = pause
            inside(domain, depth)(1)
        return sizes[1] - sizes[0]

    depth = max(SEARCHED, key=chunk_bytes)
    assert chunk_bytes(depth) > 0
    return inside(peer, depth)


def in_turns(calls: Calls, depth: int, loops: int) -> list[tuple[float, float]]:
    """Seconds for a call of each loop: inside, and outside at that depth right after it."""
    return [
        (calls(CALLS_PER_LOOP) / CALLS_PER_LOOP, outside(depth, CALLS_PER_LOOP) / CALLS_PER_LOOP)
        for _ in range(loops)
    ]


def loops_of(library: str, loops: int) -> dict[str, list[tuple[float, float]]]:
    """The seconds of all loops by case."""
    peer = PEERS[library]()
    found = {case: in_turns(inside(peer, depth), depth, loops) for case, depth in OF_ALL.items()}
    if isinstance(peer, Tealetpp):
        found[OF_OURS] = in_turns(at_the_edge(peer), 0, loops)
    return found


def ask(library: str, loops: int) -> dict[str, list[tuple[float, float]]]:
    """The same, from a process of its own."""
    printed = printed_by("ordinary_calls", library=library, loops=loops)
    found: dict[str, list[tuple[float, float]]] = json.loads(printed)
    return found


def measure(*, quick: bool) -> dict[str, dict[str, float]]:
    """Seconds for a call by case and library. Those outside are from our own processes."""
    seen: dict[str, dict[str, list[float]]] = {case: {} for case in (*OF_ALL, OF_OURS)}
    for _ in range(1 if quick else TURNS):
        for library in LIBRARIES:
            for case, loops in ask(library, QUICK_LOOPS if quick else LOOPS).items():
                inside_and_outside = zip(*loops, strict=True)
                for name, seconds in zip((library, OUTSIDE), inside_and_outside, strict=True):
                    if name != OUTSIDE or library == LIBRARIES[0]:
                        seen[case].setdefault(name, []).extend(seconds)
    return {
        case: {name: median(seconds) for name, seconds in by_name.items()}
        for case, by_name in seen.items()
    }


def slowest_outside() -> float:
    """How many times as long a call outside takes at the slowest depth as in the first function."""
    fastest = dict.fromkeys(SEARCHED, math.inf)
    there, here = [], []
    # All calls from this very frame, so that the depths are the same.
    for _ in range(3):
        for depth in SEARCHED:
            fastest[depth] = min(fastest[depth], outside(depth, CALLS_PER_LOOP))
    slowest = max(fastest, key=fastest.__getitem__)
    for _ in range(LOOPS):
        there.append(outside(slowest, CALLS_PER_LOOP))
        here.append(outside(0, CALLS_PER_LOOP))
    return median(there) / median(here)


def main() -> None:
    """Measure one library in this process, or print the figures of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=LIBRARIES)
    parser.add_argument("--loops", type=int, default=LOOPS)
    parser.add_argument("--slowest-outside", action="store_true", help="print slowest_outside()")
    args = parser.parse_args()
    if args.slowest_outside:
        print(f"{slowest_outside():.2f}")
        return
    if args.library is not None:
        print(json.dumps(loops_of(args.library, args.loops)))
        return
    for case, by_name in measure(quick=False).items():
        for name, seconds in by_name.items():
            print(f"{case:15}{name:10}{readable(seconds, 'seconds')}")


if __name__ == "__main__":
    main()
