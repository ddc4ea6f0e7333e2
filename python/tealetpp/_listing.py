"""Where tealets are, as text. The methods of Tealet and Main call these functions."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

from . import _format
from ._tealetpp import Main, Status, Tealet

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

# A tealet that is further down is not indented further: its level is shown instead. Otherwise a
# chain of ten thousand tealets would print a hundred million spaces.
DEEPEST = 20

_HEADER = ("status", "saved", "depth", "tealet")
_STATUS_WIDTH = max(len(status.name) for status in Status)
_SIZE_WIDTH = len("1,023.9 KiB")


def format_stack(frame: FrameType | None) -> list[str]:
    """The lines of traceback.format_stack(); none without a frame."""
    return [] if frame is None else traceback.format_stack(frame)


def print_tree(main: Main, file: SupportsWrite[str] | None = None) -> None:
    """Print the tree of tealets below ``main``, a line for each."""
    # All lines first: writing may run tealets.
    lines = [_line(*_HEADER), *map(_line_of, _levels(main.tealets()))]
    print("\n".join(lines), file=sys.stdout if file is None else file)


def _levels(tealets: list[Tealet]) -> Iterator[tuple[Tealet, int]]:
    """Each tealet with its level: parents first, then the oldest first."""
    # By identity: a subclass of Main may define __eq__().
    known = {id(tealet) for tealet in tealets}
    children: dict[int | None, list[Tealet]] = {}
    for tealet in tealets:
        parent = id(tealet.parent)
        children.setdefault(parent if parent in known else None, []).append(tealet)
    waiting = [(tealet, 0) for tealet in children.get(None, ())]
    while waiting:
        tealet, level = waiting.pop()
        yield tealet, level
        waiting += [(child, level + 1) for child in children.get(id(tealet), ())]


def _line_of(entry: tuple[Tealet, int]) -> str:
    tealet, level = entry
    indent = "  " * level if level <= DEEPEST else "  " * DEEPEST + f"[{level}] "
    name = _format.name(tealet.name or "") or f"(no function) {id(tealet):#x}"
    frame = tealet.frame
    place = "" if frame is None else f"  {_place_of(frame)}"
    return _line(
        tealet.status.name.lower(),
        _format.size(tealet.saved_bytes),
        _format.size(tealet.extent),
        indent + name + place,
    )


def _place_of(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} in {code.co_qualname}"


def _line(status: str, saved: str, depth: str, rest: str) -> str:
    return f"{status:<{_STATUS_WIDTH}}  {saved:>{_SIZE_WIDTH}}  {depth:>{_SIZE_WIDTH}}  {rest}"
