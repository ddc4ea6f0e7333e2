"""A bridge to asyncio: plain code, deep in a chain of calls, awaits.

``await call(function)`` runs a plain function in a tealet. Anything that it calls may call
``await_(awaitable)``: the tealet pauses, the event loop runs other tasks, and the result or the
exception arrives where the plain code waits. It may wait inside C code, too: below, ``csv`` asks
for the next line, and the line comes from the network.

    python examples/python/asyncio_bridge.py

- Cancelling the task, and timeouts, raise CancelledError where the plain code waits.
- A tealet has context variables of its own: those of the task when call() began.
- What is awaited runs in the task, as if the task itself had awaited it.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import ParamSpec, TypeVar, cast

from tealetpp import Main

_P = ParamSpec("_P")
_T = TypeVar("_T")

_domain: ContextVar[Main | None] = ContextVar("_domain", default=None)


@contextmanager
def bridge() -> Iterator[Main]:
    """Open the domain in which call() runs functions. Tasks that begin in the block use it, too."""
    with Main() as main:
        token = _domain.set(main)
        try:
            yield main
        finally:
            _domain.reset(token)


async def call(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a plain function in which await_() works, and return its result."""
    main = _domain.get()
    if main is None:
        raise RuntimeError("call() outside of bridge()")
    with main.tealet(function) as tealet:
        step = partial(tealet.switch, *args, **kwargs)
        while True:
            received = step()
            if not tealet:
                return cast(_T, received)  # the function has returned: this is its result
            try:
                step = partial(tealet.switch, await received)
            except BaseException as error:  # cancellation, too, is for the function
                if not tealet:
                    raise  # bridge() was left, which has ended the function
                step = partial(tealet.throw, error)


def await_(awaitable: Awaitable[_T]) -> _T:
    """Wait for an awaitable in plain code that call() runs."""
    main = _domain.get()
    if main is None or main.current is main:
        raise RuntimeError("await_() outside of call()")
    return cast(_T, main.switch(awaitable))


# --- plain code that reads tables from a server ---


def lines(reader: asyncio.StreamReader) -> Iterator[str]:
    """The lines that come from a connection."""
    while line := await_(reader.readline()):
        yield line.decode()


def read_total(port: int, name: str) -> int:
    """Ask the server for a table, and sum up a column of it."""
    reader, writer = await_(asyncio.open_connection("127.0.0.1", port))
    try:
        writer.write(f"{name}\n".encode())
        return sum(int(row["price"]) for row in csv.DictReader(lines(reader)))
    finally:
        writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a table line by line, and let other connections have their turn after each."""
    name = (await reader.readline()).decode().strip()
    writer.write(b"name,price\n")
    for price in range(5):
        writer.write(f"{name},{price}\n".encode())
        await writer.drain()
        await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()


async def read_totals(names: list[str]) -> dict[str, int]:
    """Read all tables at once."""
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with bridge():
            totals = await asyncio.gather(*(call(read_total, port, name) for name in names))
    return dict(zip(names, totals, strict=True))


def main() -> None:
    """Read three tables from a server of this process, all at once."""
    for name, total in asyncio.run(read_totals(["apples", "pears", "plums"])).items():
        print(f"{name} {total}")


if __name__ == "__main__":
    main()
