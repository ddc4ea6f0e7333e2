"""How much memory do coroutines hold that pause at ever changing depth, after a long time?

    python -m benchmarks.parked_churn

prints for each library the resident bytes of each of 10,000 coroutines: at first, and after each
40,000 switches. A coroutine pauses some 20 times, each time at another depth: 6 calls on average,
and up to 200 in 2 of 100 cases. When it ends, a new one takes its place. For tealetpp it also
prints what is reported: ``bytes_allocated``, ``bytes_cached`` and ``object_bytes``. What is
resident beyond that are holes in the heap.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks import tables
from benchmarks.parking import resident
from benchmarks.peers import PEERS, Peer, Tealetpp

LIBRARIES = ("tealetpp", "greenlet")
COUNT = 10_000
ROUNDS, SWITCHES_EACH = 8, 4  # switches for each coroutine in a round
USUAL_DEPTH, MOST_DEPTH = 6, 200


def depths(rng: random.Random) -> list[int]:
    """Where one coroutine pauses, in calls."""
    return [
        int(rng.expovariate(1 / USUAL_DEPTH)) if rng.random() < 0.98 else rng.randrange(MOST_DEPTH)
        for _ in range(rng.randrange(1, 40))
    ]


def churn(peer: Peer, count: int) -> Iterator[dict[str, float]]:
    """Bytes for each coroutine, after each round."""
    pause = peer.pause

    def pauses(depth: int) -> None:
        if depth:
            pauses(depth - 1)
        else:
            pause()

    def run(places: list[int]) -> None:
        for depth in places:
            pauses(depth)

    rng = random.Random(1)  # noqa: S311
    first = peer.begin(run, depths(rng))  # memory that is allocated only once is allocated now
    gc.collect()
    base = resident()
    coroutines: list[Any] = [peer.begin(run, depths(rng)) for _ in range(count)]
    for _ in range(ROUNDS + 1):
        found: dict[str, float] = {"each": (resident() - base) / count}
        if isinstance(peer, Tealetpp):
            stats = peer.main.stats()
            reported = stats.bytes_allocated + stats.bytes_cached + stats.object_bytes
            found["reported"] = reported / count
        yield found
        for _ in range(count * SWITCHES_EACH):
            place = rng.randrange(count)
            coroutines[place].switch()
            if not coroutines[place]:
                coroutines[place] = peer.begin(run, depths(rng))
    assert first is not None


def ask(library: str) -> list[dict[str, float]]:
    """The figures, from a process of their own."""
    command = [sys.executable, "-m", "benchmarks.parked_churn", f"--library={library}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    """Measure one library in this process, or print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=LIBRARIES)
    args = parser.parse_args()
    if args.library is None:
        ours, theirs = map(ask, LIBRARIES)
        rows = [
            (f"{number * COUNT * SWITCHES_EACH:,}", *(f"{value:,.0f}" for value in values))
            for number, values in enumerate(
                (us["each"], us["reported"], them["each"])
                for us, them in zip(ours, theirs, strict=True)
            )
        ]
        print(tables.markdown(rows, ("after switches", "tealetpp", "reported", "greenlet")))
        return
    for found in churn(PEERS[args.library](), COUNT):
        print(json.dumps(found), flush=True)
    os._exit(0)  # how long they take to end does not matter


if __name__ == "__main__":
    main()
