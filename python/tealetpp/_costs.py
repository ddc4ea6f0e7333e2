"""What each tealet takes: the types TealetStats and Survey, and their forms.

Imported when a program first asks for one of them.
"""

from __future__ import annotations

import json
import operator
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _format
from ._tealetpp import Main, Tealet, _tealet_figures

if TYPE_CHECKING:
    from collections.abc import Callable


class Figure(NamedTuple):
    """An entry of the table of figures: see include/tealet/tealet_figures.def."""

    name: str
    unit: str
    kind: str
    label: str
    meaning: str


FIGURES = tuple(map(Figure._make, _tealet_figures))


def _text_of(figure: Figure, value: int | None) -> str:
    if value is None:
        return "not tracked"
    return _format.exact_size(value) if figure.unit == "bytes" else _format.count(value)


class TealetStats(NamedTuple):
    """What one tealet takes, as Tealet.stats() returns it. Sizes are bytes. Immutable.

    The last four are its history: None unless its domain was made by Main(track=True).
    """

    saved_bytes: int
    extent: int
    chunk_count: int
    sharers: int
    bytes_alone: int
    data_stack_bytes: int
    python_depth: int
    object_bytes: int
    extent_max: int | None
    switches: int | None
    stack_grows: int | None
    age: int | None

    @property
    def total(self) -> int:
        """Its whole cost: bytes_alone + object_bytes."""
        return self.bytes_alone + self.object_bytes

    def to_dict(self) -> dict[str, int | None]:
        """All figures by name, and ``total``."""
        return {**self._asdict(), "total": self.total}

    def to_json(self) -> str:
        """The same as JSON text. A figure that is not recorded is null."""
        return json.dumps(self.to_dict())

    def __str__(self) -> str:
        """A table."""
        rows = [(figure.label, _text_of(figure, getattr(self, figure.name))) for figure in FIGURES]
        rows.append(("in all, with its object", _format.exact_size(self.total)))
        return "\n".join(_format.table(rows, indent=""))


for _known in FIGURES:
    getattr(TealetStats, _known.name).__doc__ = _known.meaning


class Distribution(NamedTuple):
    """One quantity over the tealets of a survey. All zero if there are none.

    ``median`` is the smallest value that half of them do not exceed, as statistics.median_low()
    has it; ``percentile_99`` the smallest that 99 of 100 do not exceed.
    """

    minimum: int
    median: int
    percentile_99: int
    maximum: int
    total: int
    mean: float


class Group(NamedTuple):
    """A number of tealets: all that run one function, or all of a domain."""

    function: str | None
    """The module and the qualified name of the function. None for tealets without one."""
    count: int  # type: ignore[assignment]  # hides tuple.count()
    """How many they are."""
    depth: Distribution
    """Of TealetStats.extent."""
    cost: Distribution
    """Of TealetStats.bytes_alone."""
    depths: dict[int, int]
    """A histogram of the extents.

    A key k counts those from k to 2k - 1, the key 0 counts 0 and 1.
    """
    chunk_sizes: dict[int, int]
    """The same of the sizes of saved chunks, each chunk once."""
    touched_stack_bytes: int
    """What fixed stacks would have touched: each extent rounded up to pages, and one page more."""

    def to_dict(self) -> dict[str, Any]:
        """Everything by name. The keys of the histograms are strings, as in JSON."""
        return {
            **self._asdict(),
            "depth": self.depth._asdict(),
            "cost": self.cost._asdict(),
            "depths": _with_strings(self.depths),
            "chunk_sizes": _with_strings(self.chunk_sizes),
        }


class Survey:
    """All tealets of a domain but main, as Main.survey() returns it. Sizes are bytes.

    It has the attributes of a Group, and three more. It keeps the tealets in ``largest`` alive.
    """

    __slots__ = ("_all", "by_function", "domain_bytes", "largest")

    def __init__(
        self,
        everything: Group,
        domain_bytes: int,
        by_function: tuple[Group, ...],
        largest: tuple[tuple[Tealet, TealetStats], ...],
    ) -> None:
        """Main.survey() makes them."""
        self._all = everything
        #: What no tealet takes: main's part, and what the domain keeps. ``cost.total`` and this add
        #: up to Stats.bytes_allocated.
        self.domain_bytes = domain_bytes
        #: The same by function, the largest total cost first.
        self.by_function = by_function
        #: Tealets of the largest cost with their TealetStats, the largest first.
        self.largest = largest

    @property
    def count(self) -> int:
        """How many tealets there are, main not counted."""
        return self._all.count

    @property
    def depth(self) -> Distribution:
        """Of TealetStats.extent."""
        return self._all.depth

    @property
    def cost(self) -> Distribution:
        """Of TealetStats.bytes_alone."""
        return self._all.cost

    @property
    def depths(self) -> dict[int, int]:
        """A histogram of the extents: see Group."""
        return self._all.depths

    @property
    def chunk_sizes(self) -> dict[int, int]:
        """A histogram of the sizes of saved chunks: see Group."""
        return self._all.chunk_sizes

    @property
    def touched_stack_bytes(self) -> int:
        """What fixed stacks would have touched: see Group."""
        return self._all.touched_stack_bytes

    def to_dict(self) -> dict[str, Any]:
        """Everything by name. Tealets are named by their names."""
        figures = self._all.to_dict()
        del figures["function"]
        return {
            **figures,
            "domain_bytes": self.domain_bytes,
            "by_function": [group.to_dict() for group in self.by_function],
            "largest": [{"name": tealet.name, **stats.to_dict()} for tealet, stats in self.largest],
        }

    def to_json(self) -> str:
        """The same as JSON text."""
        return json.dumps(self.to_dict())

    def __repr__(self) -> str:
        """How many tealets, and what they take."""
        return f"<Survey of {self.count} tealets, {self.cost.total} bytes>"

    def __str__(self) -> str:
        """Tables of the distributions, the functions and the largest tealets."""
        return "\n".join(_format.table(_rows(self), indent=""))


def _with_strings(histogram: dict[int, int]) -> dict[str, int]:
    return {str(least): count for least, count in histogram.items()}


def _rows(survey: Survey) -> Iterable[tuple[str, ...]]:
    yield ("tealets, main not counted", _format.count(survey.count))
    yield ("bytes of all of them", *_both(survey.cost.total))
    yield ("bytes of main and the domain", *_both(survey.domain_bytes))
    yield ()
    heads = ("minimum", "median", "99 of 100", "maximum", "mean")
    yield ("bytes of one", *heads)
    for what, found in (("what it costs", survey.cost), ("depth of its stack", survey.depth)):
        values = (found.minimum, found.median, found.percentile_99, found.maximum)
        yield (what, *map(_format.count, values), f"{found.mean:,.1f}")
    for what, histogram in (
        ("depths of stacks, from", survey.depths),
        ("sizes of saved chunks, from", survey.chunk_sizes),
    ):
        if histogram:
            yield ()
            yield (what, "how many")
            for least, count in histogram.items():
                yield (_format.exact_size(least), _format.count(count))
    if survey.by_function:
        yield ()
        yield ("by function", "tealets", "bytes", "median", "maximum")
        for group in survey.by_function:
            values = (group.count, group.cost.total, group.cost.median, group.cost.maximum)
            yield (_format.short_name(group.function or "no function"), *map(_format.count, values))
    if survey.largest:
        yield ()
        yield ("the largest", "bytes", "depth", "Python frames")
        for tealet, stats in survey.largest:
            costs = (stats.bytes_alone, stats.extent, stats.python_depth)
            yield (_format.short_name(tealet.name or "no function"), *map(_format.count, costs))


def _both(size: int) -> tuple[str, str]:
    return (_format.count(size), _format.size(size))


def survey(main: Main, largest: int = 10) -> Survey:
    """Make the survey of Main.survey()."""
    most = operator.index(largest)
    if most < 0:
        raise ValueError(f"the number of the largest tealets to list cannot be negative: {most}")
    figures, domain_bytes, groups, costly = main._measure(min(most, sys.maxsize))  # noqa: SLF001
    by_function = [_group(_function_name(callable_), found) for callable_, found in groups]
    by_function.sort(key=lambda group: (-group.cost.total, group.function or ""))
    return Survey(_group(None, figures), domain_bytes, tuple(by_function), tuple(costly))


def _group(function: str | None, figures: tuple[Any, ...]) -> Group:
    count, depth, cost, depths, chunk_sizes, touched = figures
    return Group(
        function, count, Distribution(*depth), Distribution(*cost), depths, chunk_sizes, touched
    )


def _function_name(called: Callable[..., object] | None) -> str | None:
    """The module and the qualified name; for an object without a name those of its class."""
    if called is None:
        return None
    name = _text(called, "__qualname__")
    if name is None:
        called = type(called)
        name = _text(called, "__qualname__") or type.__repr__(called)
    module = _text(called, "__module__")
    return name if module is None else f"{module}.{name}"


def _text(owner: object, attribute: str) -> str | None:
    """The attribute if it is a str. A program's object may have anything there, or fail."""
    try:
        value = getattr(owner, attribute, None)
    except Exception:  # noqa: BLE001
        return None
    return str.__str__(value) if issubclass(type(value), str) else None
