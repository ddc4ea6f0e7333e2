"""Numbers as text, the same in every report of the package."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import zip_longest

NOTHING_SAVED = "nothing saved"

_KIBI = 1024
_LONGEST = 100
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def count(number: int, *, signed: bool = False) -> str:
    """Every digit, in groups of three; with ``signed`` an increase has its sign too."""
    return f"{number:+,}" if signed and number else f"{number:,}"


def plural(number: int, noun: str) -> str:
    """A count with a regular noun: "1 file", "2,000 files"."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def size(number: int, *, signed: bool = False) -> str:
    """Bytes in a suitable unit, to a tenth. Less than 1 KiB stays in bytes."""
    if abs(number) < _KIBI:
        return f"{count(number, signed=signed)} B"
    value = float(number)
    for unit in _UNITS:
        value /= _KIBI
        # A value that is rounded up to 1024.0 gets the next unit.
        if abs(value) < _KIBI - 0.05 or unit == _UNITS[-1]:
            break
    return f"{value:+,.1f} {unit}" if signed else f"{value:,.1f} {unit}"


def exact_size(number: int) -> str:
    """The exact number of bytes and, from 1 KiB, the same in a larger unit."""
    digits = plural(number, "byte")
    return digits if number < _KIBI else f"{digits} ({size(number)})"


def ratio(value: float) -> str:
    """A ratio. NaN, the ratio to no bytes at all, is said in words."""
    if math.isnan(value):
        return NOTHING_SAVED
    return f"{value:,.2f}x" if value < 100 else f"{value:,.0f}x"


def rate(value: float) -> str:
    """A change for each second. NaN, the rate over no time, is empty."""
    return "" if math.isnan(value) else f"{value:+,.0f}/s" if value else "0/s"


def seconds(value: float) -> str:
    """A duration in a suitable unit."""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def name(text: str) -> str:
    """A name on one line that any file takes.

    One with control characters or lone surrogates is shown as a literal.
    """
    return text if text.isprintable() else repr(text)


def short_name(text: str) -> str:
    """The same for a column of a table, which is as wide as its longest entry."""
    shown = name(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


def table(rows: Iterable[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Lines of aligned columns: the first column left, the others right.

    An empty row is an empty line.
    """
    rows = list(rows)
    columns = zip_longest(*rows, fillvalue="")
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
