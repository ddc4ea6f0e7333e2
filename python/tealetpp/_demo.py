"""The demo's run: one tealet for each file, each paused in the middle of a walk over its file.

Each figure is checked against the same figure computed in another way.
"""

from __future__ import annotations

import mmap
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

from ._costs import Survey
from ._report import FIXED_STACK_SIZES, reserved_label
from ._sources import Source
from ._tealetpp import Main, Stats, Status, Tealet
from ._walk import Result, middle_line, walk


class Check(NamedTuple):
    """Two values that must be equal."""

    what: str
    expected: object
    found: object

    @property
    def passed(self) -> bool:
        return self.expected == self.found


class Paused(NamedTuple):
    """A tealet at the fullest moment. Sizes are bytes."""

    name: str
    line: int
    extent: int
    saved_bytes: int
    cost: int


class Totals(NamedTuple):
    """The results of all files in one value, to be compared."""

    files: int
    lines: int
    levels: int  # of the deepest outline
    checksum: int


@dataclass
class Demo:
    """The result of a run."""

    seconds: dict[str, float] = field(default_factory=dict)
    stats: dict[str, Stats] = field(default_factory=dict)
    surveys: dict[str, Survey] = field(default_factory=dict)
    paused: list[Paused] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)  # with tealets
    plain_results: list[Result] = field(default_factory=list)  # without
    checks: list[Check] = field(default_factory=list)

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.passed]

    def check(self, what: str, expected: object, found: object) -> None:
        self.checks.append(Check(what, expected, found))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begin = perf_counter()
        yield
        self.seconds[name] = perf_counter() - begin


def run_demo(sources: list[Source]) -> Demo:
    """Walk all ``sources`` at once, each in a tealet of its own, then once more without tealets."""
    demo = Demo()
    with Main() as main:
        demo.stats["opened"] = main.stats()
        with demo.phase("share"):
            tealets = _share_one_stack(main, len(sources))
        demo.stats["shared"] = main.stats()
        with demo.phase("start"):
            pauses = [
                tealet.run(walk, source.data, main.switch)
                for tealet, source in zip(tealets, sources, strict=True)
            ]
        demo.stats["fullest"] = main.stats()
        demo.surveys["fullest"] = main.survey(largest=0)
        demo.paused = [
            Paused(
                source.name,
                line,
                tealet.extent,
                tealet.saved_bytes,
                tealet.stats().bytes_alone,
            )
            for source, line, tealet in zip(sources, pauses, tealets, strict=True)
        ]
        demo.check("tealets paused at once", len(tealets), _count(tealets, Status.SUSPENDED))
        with demo.phase("resume"):
            demo.results = [tealet.switch() for tealet in tealets]
        demo.check("tealets that ended", len(tealets), _count(tealets, Status.EXITED))
        demo.stats["finished"] = main.stats()
    demo.stats["closed"] = main.stats()
    with demo.phase("check"):
        demo.plain_results = [walk(source.data, _do_not_pause) for source in sources]
    _check_results(demo)
    if demo.stats["fullest"].enabled:
        _check_statistics(demo)
    return demo


def totals(results: list[Result]) -> Totals:
    """The sums of all results, and the deepest outline."""
    return Totals(
        files=len(results),
        lines=sum(result.lines for result in results),
        levels=max(result.levels for result in results),
        checksum=sum(result.checksum for result in results) & 0xFFFF_FFFF,
    )


def _share_one_stack(main: Main, count: int) -> list[Tealet]:
    with main.stub() as stub:
        return [stub.duplicate() for _ in range(count)]


def _do_not_pause(line: int) -> None:
    pass


def _count(tealets: list[Tealet], status: Status) -> int:
    return sum(tealet.status is status for tealet in tealets)


def _check_results(demo: Demo) -> None:
    differing = sum(
        ours != plain for ours, plain in zip(demo.results, demo.plain_results, strict=True)
    )
    demo.check("results that differ from the walk without tealets", 0, differing)
    demo.check("totals with and without tealets", totals(demo.plain_results), totals(demo.results))
    middles = [middle_line(result.lines) for result in demo.plain_results]
    demo.check("lines paused at", sum(middles), sum(paused.line for paused in demo.paused))
    elsewhere = sum(
        paused.line != middle for paused, middle in zip(demo.paused, middles, strict=True)
    )
    demo.check("tealets not paused in the middle", 0, elsewhere)


def _check_statistics(demo: Demo) -> None:
    """Checks of the statistics: against sums over the tealets, and after the end."""
    count = len(demo.paused)
    opened, shared, fullest, finished, closed = demo.stats.values()
    demo.check("n_active, shared", count + 1, shared.n_active)
    demo.check("stack_count, shared", 1, shared.stack_count)
    demo.check(
        "stack_bytes_expanded, shared", count * shared.stack_bytes, shared.stack_bytes_expanded
    )
    demo.check("sharing_ratio", float(count), shared.sharing_ratio)

    saved_bytes = sum(paused.saved_bytes for paused in demo.paused)
    extents = sum(paused.extent for paused in demo.paused)
    demo.check("n_active, fullest", count + 1, fullest.n_active)
    demo.check("stack_count, fullest", count, fullest.stack_count)
    demo.check("stack_bytes_expanded, fullest", saved_bytes, fullest.stack_bytes_expanded)
    demo.check("stack_bytes_naive, fullest", extents, fullest.stack_bytes_naive)
    for size in FIXED_STACK_SIZES:
        demo.check(reserved_label(size), count * size, fullest.fixed_stack_bytes(size))
    survey = demo.surveys["fullest"]
    costs = [paused.cost for paused in demo.paused]
    demo.check("survey: cost.total", sum(costs), survey.cost.total)
    demo.check("survey: cost.median", statistics.median_low(costs), survey.cost.median)
    in_all = survey.cost.total + survey.domain_bytes
    demo.check("bytes_allocated, fullest", in_all, fullest.bytes_allocated)
    pages = sum(-(-paused.extent // mmap.PAGESIZE) + 1 for paused in demo.paused)
    demo.check("touched_stack_bytes", pages * mmap.PAGESIZE, survey.touched_stack_bytes)

    for name in ("n_active", "bytes_allocated", "blocks_allocated", "stack_count", "stack_bytes"):
        demo.check(f"{name}, finished", getattr(opened, name), getattr(finished, name))
    for name in ("bytes_allocated", "blocks_allocated", "bytes_cached", "stack_bytes"):
        demo.check(f"{name}, closed", 0, getattr(closed, name))
