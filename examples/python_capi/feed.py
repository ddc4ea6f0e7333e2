"""Parses three texts that arrive in pieces. Each C parser pauses in a tealet until more arrives."""

from __future__ import annotations

from collections.abc import Iterator

import sexpr  # built by the CMakeLists.txt beside this file

from tealetpp import Main

TEXTS = (
    b"(add 1 (mul 2 3))",
    b"(let ((x (list 1 2 3)) (y (list 4 5 6))) (map add x y))",
    b"(((((((((((((((deep)))))))))))))))",
)


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    """The data of a connection: a few bytes at a time."""
    for begin in range(0, len(text), size):
        yield text[begin : begin + size]


def feed(main: Main) -> list[object]:
    """Parse all texts at once; return the parsed lists."""
    results: list[object] = [None] * len(TEXTS)
    waiting = [(i, main.tealet(sexpr.parse), pieces(text, 5)) for i, text in enumerate(TEXTS)]
    fullest = main.stats()
    while waiting:
        i, parser, rest = waiting.pop(0)
        result = parser.switch(next(rest, b""))
        if parser:  # it needs more data
            waiting.append((i, parser, rest))
        else:
            print(f"text {i} is complete: {result}")
            results[i] = result
        now = main.stats()
        if now.stack_bytes > fullest.stack_bytes:
            fullest = now
    print(
        f"{fullest.stack_count} parsers waited at once, on {fullest.stack_bytes:,} bytes of stack"
    )
    return results


with Main() as domain:
    same = feed(domain) == [sexpr.parse(text) for text in TEXTS]
    print(f"the same as from whole texts: {same}")
