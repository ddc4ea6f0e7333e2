"""The forms of the statistics: dict, JSON, text and HTML.

The types Stats and StatsDifference call these functions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from . import _format
from ._tealetpp import Stats, StatsDifference, _figures

# A usual stack of a coroutine, and the default stack of a thread.
FIXED_STACK_SIZES = (64 * 1024, 8 * 1024 * 1024)

COMPILED_OUT = "Statistics are compiled out (TEALET_WITH_STATS=0): every figure reads as zero."


class Figure(NamedTuple):
    """An entry of the table of figures: see include/tealet/stats_figures.def."""

    name: str
    unit: str
    kind: str
    group: str
    label: str
    meaning: str


FIGURES = tuple(map(Figure._make, _figures))
FIELDS = tuple(figure.name for figure in FIGURES)
_LABELS = {figure.name: figure.label for figure in FIGURES}
_RATES = {figure.name for figure in FIGURES if figure.kind == "total"}
_SIZES = {figure.name for figure in FIGURES if figure.unit == "bytes"}

# Their groups in text and HTML.
_GROUPS: dict[str, list[str]] = {}
for _figure in FIGURES:
    _GROUPS.setdefault(_figure.group, []).append(_figure.name)
# The alternatives to the saved stacks. They come last, in a snapshot with ratios.
_COMPARED = _GROUPS.pop("compared")


class Row(NamedTuple):
    """A line of text or HTML. A value that does not apply is empty."""

    label: str
    exact: str
    human: str = ""
    ratio: str = ""


def to_dict(stats: Stats | StatsDifference) -> dict[str, int | float | bool]:
    """All figures by name, and ``seconds``.

    For Stats also ``enabled`` and both ratios, NaN if nothing is saved.
    """
    figures: dict[str, int | float | bool] = {name: getattr(stats, name) for name in FIELDS}
    figures["seconds"] = stats.seconds
    if not isinstance(stats, StatsDifference):
        figures["enabled"] = stats.enabled
        figures["sharing_ratio"] = stats.sharing_ratio
        figures["memory_efficiency"] = stats.memory_efficiency
    return figures


def to_json_values(stats: Stats | StatsDifference) -> dict[str, int | float | bool | None]:
    """The same as to_dict(), with None for NaN, which JSON does not have."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in to_dict(stats).items()
    }


def to_json(stats: Stats | StatsDifference) -> str:
    """One JSON object; an undefined ratio is ``null``."""
    return json.dumps(to_json_values(stats), allow_nan=False)


def reduce(stats: Stats | StatsDifference) -> tuple[object, ...]:
    """For pickle: figures by name, so that versions with other figures can exchange them."""
    figures = {name: getattr(stats, name) for name in (*FIELDS, "seconds")}
    if isinstance(stats, StatsDifference):
        return restore_difference, (figures,)
    return restore, ({**figures, "enabled": stats.enabled},)


def restore(figures: dict[str, int | float]) -> Stats:
    """Make the Stats again. Pickles refer to this function by its name."""
    return Stats._from_figures(figures)  # noqa: SLF001


def restore_difference(figures: dict[str, int | float]) -> StatsDifference:
    """The same for a StatsDifference."""
    return StatsDifference._from_figures(figures)  # noqa: SLF001


def to_repr(stats: Stats | StatsDifference) -> str:
    """The fields by name, in the order of their definitions."""
    figures = ", ".join(f"{name}={getattr(stats, name)}" for name in FIELDS)
    return f"{type(stats).__name__}({figures})"


def to_text(stats: Stats | StatsDifference, *, touched: int | None = None) -> str:
    """The table as text: exact figures, and bytes also in larger units.

    ``touched`` is Survey.touched_stack_bytes of the same moment, where the caller has it.
    """
    sections = _sections(stats)
    if not sections:
        return COMPILED_OUT
    if touched is not None and isinstance(stats, Stats):
        sections[-1].append(_compared(stats, TOUCHED_LABEL, touched))
    rows = [row for section in sections for row in (*section, Row("", ""))]
    return "\n".join(_format.table(rows[:-1], indent=""))


def to_html(stats: Stats | StatsDifference) -> str:
    """The same table for notebooks."""
    sections = _sections(stats)
    if not sections:
        return f"<p>{escape(COMPILED_OUT)}</p>"
    bodies = "".join(f"<tbody>{''.join(map(_html_row, section))}</tbody>" for section in sections)
    return f"<table>{bodies}</table>"


def _html_row(row: Row) -> str:
    label, *cells = map(escape, row)
    figures = "".join(f'<td style="text-align: right">{cell}</td>' for cell in cells)
    return f'<tr><th style="text-align: left">{label}</th>{figures}</tr>'


def _sections(stats: Stats | StatsDifference) -> list[list[Row]]:
    """The parts of the table: no parts if the statistics are compiled out."""
    if isinstance(stats, StatsDifference):
        return list(_difference_sections(stats))
    return list(_snapshot_sections(stats)) if stats.enabled else []


def _snapshot_sections(stats: Stats) -> Iterator[list[Row]]:
    yield from _counted(stats, signed=False)
    yield [
        Row("instead, these stacks would take", "bytes", "", "times as much"),
        *(_compared(stats, _LABELS[name], getattr(stats, name)) for name in _COMPARED),
        *(
            _compared(
                stats,
                reserved_label(stack_size),
                stats.fixed_stack_bytes(stack_size),
            )
            for stack_size in FIXED_STACK_SIZES
        ),
    ]


def _difference_sections(difference: StatsDifference) -> Iterator[list[Row]]:
    yield from _counted(difference, signed=True)
    yield [_counted_row(difference, name, signed=True) for name in _COMPARED]


def _counted(stats: Stats | StatsDifference, *, signed: bool) -> Iterator[list[Row]]:
    for group in _GROUPS.values():
        yield [_counted_row(stats, name, signed=signed) for name in group]


def _counted_row(stats: Stats | StatsDifference, name: str, *, signed: bool) -> Row:
    value = getattr(stats, name)
    human = _format.size(value, signed=signed) if name in _SIZES else ""
    rate = ""
    if isinstance(stats, StatsDifference) and name in _RATES:
        rate = _format.rate(stats.per_second[name])
    return Row(_LABELS[name], _format.count(value, signed=signed), human, rate)


def _compared(stats: Stats, label: str, value: int) -> Row:
    ratio = value / stats.stack_bytes if stats.stack_bytes else math.nan
    return Row(label, _format.count(value), _format.size(value), _format.ratio(ratio))


def _stack_size_name(stack_size: int) -> str:
    """A size that is a power of two as people name it: "64 KiB"."""
    return _format.size(stack_size).replace(".0 ", " ")


def reserved_label(stack_size: int) -> str:
    """What the report calls fixed_stack_bytes(): address space, most of it never touched."""
    return f"fixed stacks of {_stack_size_name(stack_size)}, reserved"


TOUCHED_LABEL = "fixed stacks, touched (whole pages, 1 more each)"
