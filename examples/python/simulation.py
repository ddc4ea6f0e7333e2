"""A discrete-event simulation: every customer of a bank is a process, and a process is a function.

A process waits for time and for a teller in plain calls, at any depth. All processes are tealets of
one domain, and the clock is a loop in main that resumes the next one. Each of the 10,000 customers
is paused from the start until it arrives.

    python examples/python/simulation.py

The mean time in the queue is compared with Erlang's formula.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tealetpp import Main, Stats, Tealet


class Simulation:
    """A clock, and the processes that wait for it."""

    def __init__(self, main: Main) -> None:
        self.now = 0.0
        self._main = main
        self._order = itertools.count()  # processes that wait for one moment go on first come first
        self._waiting: list[tuple[float, int, Tealet, tuple[object, ...]]] = []

    def process(self, function: Callable[..., object], *arguments: object) -> None:
        """Begin a process now. An exception that leaves it leaves run()."""
        self._resume_at(self.now, self._main.tealet(function, parent=self._main), arguments)

    def wait(self, duration: float) -> None:
        """Pause the running process for this long."""
        self._resume_at(self.now + duration, self._running())
        self.pause()

    def pause(self) -> None:
        """Pause the running process until resume() is called for it."""
        self._main.switch()

    def resume(self, process: Tealet) -> None:
        """Let a paused process go on, at this time, after the running one."""
        self._resume_at(self.now, process)

    def run(self) -> None:
        """Run until nothing waits for the clock."""
        while self._waiting:
            self.now, _, process, arguments = heapq.heappop(self._waiting)
            process.switch(*arguments)

    def _running(self) -> Tealet:
        running = self._main.current
        if running is None or running is self._main:
            raise RuntimeError("only a process can wait")
        return running

    def _resume_at(self, time: float, process: Tealet, arguments: tuple[object, ...] = ()) -> None:
        heapq.heappush(self._waiting, (time, next(self._order), process, arguments))


class Resource:
    """At most ``capacity`` processes hold it at once. Others wait in the order of arrival."""

    def __init__(self, simulation: Simulation, capacity: int) -> None:
        self._simulation = simulation
        self._free = capacity
        self._queue: deque[Tealet] = deque()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait until it is free, and hold it in the ``with`` block."""
        if self._free:
            self._free -= 1
        else:
            self._queue.append(self._simulation._running())  # noqa: SLF001
            self._simulation.pause()
        try:
            yield
        finally:
            if self._queue:
                self._simulation.resume(self._queue.popleft())  # it holds the resource from now on
            else:
                self._free += 1


def customers(count: int, arrivals: float, services: float) -> list[tuple[float, float]]:
    """The time when each customer arrives, and how long it is served. Both are rates."""
    chance = random.Random(1)  # noqa: S311
    times = itertools.accumulate(chance.expovariate(arrivals) for _ in range(count))
    return [(time, chance.expovariate(services)) for time in times]


def simulate(visits: list[tuple[float, float]], tellers: int) -> tuple[list[float], Stats]:
    """How long each customer waits for a teller; and the statistics when all are paused."""
    waits = [math.nan] * len(visits)

    with Main() as main:
        simulation = Simulation(main)
        bank = Resource(simulation, tellers)

        def customer(number: int, arrival: float, service: float) -> None:
            simulation.wait(arrival)
            waits[number] = visit(service)

        def visit(service: float) -> float:
            arrived = simulation.now
            with bank.held():
                waited = simulation.now - arrived
                simulation.wait(service)
            return waited

        def look() -> None:
            seen.append(main.stats())

        seen: list[Stats] = []
        for number, (arrival, service) in enumerate(visits):
            simulation.process(customer, number, arrival, service)
        simulation.process(look)  # the last to begin: all customers wait for their arrival
        simulation.run()
    return waits, seen[0]


def erlang_c(arrivals: float, services: float, tellers: int) -> float:
    """The mean time in the queue in the long run, by Erlang's formula."""
    load = arrivals / services
    all_busy = load**tellers / math.factorial(tellers) / (1 - load / tellers)
    some_free = sum(load**n / math.factorial(n) for n in range(tellers))
    return all_busy / (some_free + all_busy) / (tellers * services - arrivals)


def main() -> None:
    """Simulate 10,000 customers of a bank, and print how long they wait and what they take."""
    count, tellers, arrivals, services = 10_000, 4, 3.0, 1.0
    waits, stats = simulate(customers(count, arrivals, services), tellers)
    waited = sum(wait > 0 for wait in waits)
    print(f"customers {len(waits):,}, {waited:,} of them waited for one of {tellers} tellers")
    print(f"mean time in the queue {sum(waits) / count:.3f}")
    print(f"by Erlang's formula    {erlang_c(arrivals, services, tellers):.3f}")
    paused = stats.n_active - 2  # main, and the process that looks
    print(f"processes paused at once {paused:,}")
    print(f"bytes for each {stats.bytes_allocated / paused:,.0f}")


if __name__ == "__main__":
    main()
