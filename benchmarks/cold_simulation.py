"""How long does a simulation of 10,000 machines take that start shallow and then go deeper?

    python -m benchmarks.cold_simulation

prints seconds by library, the median of processes that took turns. Each machine pauses in its own
function first, and from then on three calls deeper. None of them ends. The time covers all of it:
creating and beginning the machines, and ten rounds in which each has a turn. Seconds are processor
time of the process. They include the system's part, which maps and clears memory.
"""

from __future__ import annotations

import argparse
import os
from statistics import median
from time import process_time

from benchmarks.fresh import printed_by
from benchmarks.peers import LIBRARIES, PEERS, Peer
from benchmarks.tables import readable

COUNT, QUICK_COUNT = 10_000, 200
ROUNDS = 10
TURNS = 7


def simulate(peer: Peer, count: int) -> float:
    """Seconds from the first machine's creation to the end of the last round."""
    pause = peer.pause

    def machine(*_: object) -> None:
        pause()
        while True:
            moves()

    def moves() -> None:
        turns()

    def turns() -> None:
        waits()

    def waits() -> None:
        pause()

    begin = process_time()
    machines = [peer.begin(machine, None) for _ in range(count)]
    for _ in range(ROUNDS):
        for one in machines:
            one.switch()
    seconds = process_time() - begin
    print(seconds, flush=True)
    os._exit(0)  # how long they take to end does not matter


def ask(library: str, count: int) -> float:
    """The seconds, from a process of their own."""
    return float(printed_by("cold_simulation", library=library, count=count))


def measure(*, quick: bool) -> dict[str, dict[str, float]]:
    """Seconds by library: the median of processes that took turns."""
    seen: dict[str, list[float]] = {library: [] for library in LIBRARIES}
    for _ in range(1 if quick else TURNS):
        for library, seconds in seen.items():
            seconds.append(ask(library, QUICK_COUNT if quick else COUNT))
    return {"cold_simulation": {library: median(found) for library, found in seen.items()}}


def main() -> None:
    """Simulate with one library in this process, or print the figures of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=LIBRARIES)
    parser.add_argument("--count", type=int, default=COUNT)
    args = parser.parse_args()
    if args.library is not None:
        simulate(PEERS[args.library](), args.count)
        return
    for library, seconds in measure(quick=False)["cold_simulation"].items():
        print(f"{library:10}{readable(seconds, 'seconds')}")


if __name__ == "__main__":
    main()
