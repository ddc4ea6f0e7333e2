"""What stays resident while coroutines pause, return and pause again for a long time?

    python -m benchmarks.mixed_depths

prints a table: resident bytes for each of 2,000 coroutines, first when all have paused once, then
after 100 turns of each. The turns are in random order. At each turn a coroutine returns to its own
function, and calls down to its next pause; after five pauses it ends, and another one takes its
place. ``reported`` is what tealetpp says of itself then: the growth of ``bytes_allocated`` and
``object_bytes``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random

from benchmarks.fresh import printed_by
from benchmarks.parked_kinds import reported
from benchmarks.parking import resident
from benchmarks.peers import PEERS, Peer

LIBRARIES = ("tealetpp", "greenlet")
COUNT, TURNS = 2_000, 100
PAUSES = 5
DEEPEST = 150
DEPTHS = {"own": 0, "four": 4, "mixed": 8}  # mixed: on average
ROWS = {
    "own": "always in its own frame",
    "four": "always four calls deep",
    "mixed": "at mixed depths, eight calls on average",
}


def depths(case: str, count: int) -> list[int]:
    """How deep each pause is."""
    mean = DEPTHS[case]
    if case != "mixed":
        return [mean] * count
    source = random.Random(7)  # noqa: S311 (not for secrets)
    return [min(int(source.expovariate(1 / mean)), DEEPEST) for _ in range(count)]


def churn(peer: Peer, case: str, count: int, turns: int) -> dict[str, float]:
    """Bytes for each coroutine, at first and after so many turns of each."""
    planned = depths(case, 4096)
    pauses = 0

    def descend(depth: int) -> None:
        if depth > 0:
            descend(depth - 1)
        else:
            peer.pause("paused")

    def function(_: object) -> None:
        nonlocal pauses
        for _ in range(PAUSES):
            pauses += 1
            if case == "own":
                peer.pause("paused")
            else:
                descend(planned[pauses % len(planned)] - 1)

    source = random.Random(1)  # noqa: S311 (not for secrets)
    first = peer.begin(function, None)  # memory that is allocated only once is allocated now
    while first.switch(None):
        pass
    gc.collect()
    base, before = resident(), reported(peer)

    def each() -> float:
        return (resident() - base) / count

    parked = [peer.begin(function, None) for _ in range(count)]
    found = {"first": each()}
    for _ in range(turns * count):
        index = source.randrange(count)
        if not parked[index].switch(None):
            parked[index] = peer.begin(function, None)
    found["each"] = each()
    found["reported"] = (reported(peer) - before) / count
    return found


def ask(library: str, case: str, count: int, turns: int) -> dict[str, float]:
    """The figures, from a process of their own."""
    printed = printed_by("mixed_depths", library=library, case=case, count=count, turns=turns)
    found: dict[str, float] = json.loads(printed)
    return found


def table(count: int, turns: int) -> str:
    """All figures, in Markdown."""
    lines = [
        f"| resident, for each of {count:,} | tealetpp, once | tealetpp | reported | greenlet |",
        "|:---|---:|---:|---:|---:|",
    ]
    for case, text in ROWS.items():
        ours, other = (ask(library, case, count, turns) for library in LIBRARIES)
        cells = (ours["first"], ours["each"], ours["reported"], other["each"])
        lines.append(f"| {text} | " + " | ".join(f"{cell:,.0f} bytes" for cell in cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure one case in this process, or print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=LIBRARIES)
    parser.add_argument("--case", choices=tuple(ROWS))
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--turns", type=int, default=TURNS)
    args = parser.parse_args()
    if args.library is None:
        print(table(args.count, args.turns))
        return
    print(json.dumps(churn(PEERS[args.library](), args.case, args.count, args.turns)), flush=True)
    os._exit(0)  # how long they take to end does not matter


if __name__ == "__main__":
    main()
