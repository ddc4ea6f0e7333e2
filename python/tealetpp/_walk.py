"""An ordinary recursive walk, for the demo: it knows nothing of tealets.

A file is read as an outline: a line belongs to the nearest line above it that is less indented.
That makes a tree of any file, even of binary data. The walk visits it line by line and calls
``pause`` at the middle line, at any depth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple
from zlib import crc32

# Levels of an outline. Deeper lines count as on the deepest level: the indentation of a file must
# not exceed the recursion limit.
DEEPEST = 200

_TAB = 8
_CHECKSUM_MASK = 0xFFFF_FFFF


class Line:
    """A line of an outline, with the lines that belong to it."""

    __slots__ = ("checksum", "children")

    def __init__(self, checksum: int) -> None:
        self.checksum = checksum
        self.children: list[Line] | None = None

    def append(self, child: Line) -> None:
        if self.children is None:
            self.children = []
        self.children.append(child)


class Outline(NamedTuple):
    """A file as a tree. ``top`` is the file itself, not a line."""

    top: Line
    lines: int
    flattened: int  # lines deeper than DEEPEST


class Tally(NamedTuple):
    """What a walk finds in a part of an outline."""

    lines: int
    levels: int
    checksum: int


class Result(NamedTuple):
    """What a walk finds in a file."""

    lines: int
    levels: int
    checksum: int
    flattened: int


def walk(data: bytes, pause: Callable[[int], object]) -> Result:
    """Walk the outline of ``data``; call ``pause`` with the number of the middle line on the way.

    A file without lines pauses at line 0.
    """
    outline = make_outline(data)
    tally = _Walk(middle_line(outline.lines), pause).visit(outline.top)
    return Result(outline.lines, tally.levels, tally.checksum, outline.flattened)


def middle_line(lines: int) -> int:
    """The number of the middle line. The first line is 1."""
    return (lines + 1) // 2


def make_outline(data: bytes) -> Outline:
    """Read ``data`` as an outline. Bytes are never decoded, so nothing can be wrong with them."""
    top = Line(0)
    open_lines = [(-1, top)]
    flattened = 0
    texts = data.splitlines()
    for text in texts:
        line = Line(crc32(text))
        unindented = text.lstrip()
        margin = text[: len(text) - len(unindented)]
        indentation = len(margin) + (_TAB - 1) * margin.count(b"\t")
        # An empty line does not end a block.
        while unindented and open_lines[-1][0] >= indentation:
            open_lines.pop()
        level = len(open_lines)
        flattened += level > DEEPEST
        open_lines[min(level, DEEPEST) - 1][1].append(line)
        if unindented:
            open_lines.append((indentation, line))
    return Outline(top, len(texts), flattened)


def join(whole: Tally, part: Tally) -> Tally:
    """``whole``, to which ``part`` belongs, with it."""
    return Tally(
        whole.lines + part.lines,
        max(whole.levels, part.levels + 1),
        (31 * whole.checksum + part.checksum) & _CHECKSUM_MASK,
    )


class _Walk:
    def __init__(self, middle: int, pause: Callable[[int], object]) -> None:
        self._middle = middle
        self._pause = pause
        self._visited = 0

    def visit(self, line: Line) -> Tally:
        if self._visited == self._middle:
            self._pause(self._visited)
        self._visited += 1
        tally = Tally(1, 0, line.checksum)
        if line.children is None:
            return tally
        # reduce() and map() are C code that calls this method back: each level of the outline puts
        # their frames on the C stack.
        return reduce(join, map(self.visit, line.children), tally)
