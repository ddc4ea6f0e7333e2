"""A pull parser for XML: iterate over what expat pushes to its callbacks.

expat calls a function for each tag and reads a whole document in one call. Here that call is made
in a tealet, and each callback pauses there, in the middle of C code, until the loop asks for the
next event. The document is read as the loop goes on, so a big one takes no more memory than a small
one.

    python examples/python/pull_parser.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol
from xml.parsers import expat

from tealetpp import Main

Event = tuple[object, ...]


class Readable(Protocol):
    """What expat needs of a file."""

    def read(self, size: int = ..., /) -> bytes: ...  # noqa: D102


def events(file: Readable, main: Main) -> Iterator[Event]:
    """Yield ``("start", tag, attributes)``, ``("end", tag)`` and ``("text", text)``.

    Raises ExpatError where the document is not well-formed, and what ``file`` raises. Dropping or
    closing the iterator ends the tealet, and with it expat's call. Any tealet of ``main`` may ask
    for the next event.
    """

    def push() -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = send("start")
        parser.EndElementHandler = send("end")
        parser.CharacterDataHandler = send("text")
        parser.ParseFile(file)

    def send(kind: str) -> Callable[..., None]:
        return lambda *values: asker.switch((kind, *values))

    with main.tealet(push) as parsing:
        while True:
            asker = main.current or main  # gets the event, or the exception
            parsing.parent = asker
            event = parsing.switch()
            if not parsing:
                return  # expat's call has returned, and push() too
            yield event


class Pieces:
    """A file of bytes that are made while it is read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""
        self.size = 0  # bytes that were read

    def read(self, size: int = 65_536, /) -> bytes:
        """At most so many bytes, none at the end."""
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        read, self._rest = self._rest[:size], self._rest[size:]
        self.size += len(read)
        return read


def orders(count: int) -> Iterator[bytes]:
    """A document of so many orders, in pieces."""
    yield b"<orders>"
    for number in range(1, count + 1):
        yield f'<order number="{number}"><price>{number % 100}</price></order>\n'.encode()
    yield b"</orders>"


def total_price(file: Readable, main: Main) -> int:
    """What all orders of a document cost."""
    total = 0
    stream = events(file, main)
    for event in stream:
        if event[:2] == ("start", "price"):
            _, text = next(stream)
            total += int(str(text))
    return total


def main() -> None:
    """Sum up documents of three sizes, and print what the parser's stack took at most."""
    for count in (100, 10_000, 100_000):
        file = Pieces(orders(count))
        with Main() as domain:
            total = total_price(file, domain)
            peak = domain.stats().bytes_allocated_peak
        print(f"{count:,} orders, {file.size:,} bytes: total {total:,}; {peak:,} bytes for tealets")


if __name__ == "__main__":
    main()
