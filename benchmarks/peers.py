"""The libraries that are compared, each used through the calls that its own users would write.

A peer is made in a process that imports no other peer. Each begins a function in a coroutine, runs
it to its first pause, and returns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol


class Coroutine(Protocol):
    """A greenlet or a tealet."""

    def switch(self, value: Any = ..., /) -> Any:
        """Resume it. Returns the value of its next pause."""


class Peer(ABC):
    """A library, as the benchmarks use it."""

    pause: Callable[..., Any]  # switches to the main coroutine
    create: Callable[..., Any]  # makes a coroutine; its arguments differ by library
    takes_itself = False  # a coroutine's function is given the coroutine before its argument

    @abstractmethod
    def begin(self, function: Callable[..., object], argument: object) -> Coroutine:
        """Run the function to its first pause."""

    def close(self) -> None:  # noqa: B027 (most libraries have no such call)
        """End the coroutines that are still paused, where a library has a call for that."""


class Tealetpp(Peer):
    """This project."""

    def __init__(self) -> None:
        from tealetpp import Main

        self.main = Main()
        self.pause = self.main.switch
        self.create = self.main.tealet
        self.close = self.main.close  # type: ignore[method-assign]

    def begin(self, function: Callable[..., object], argument: object) -> Coroutine:
        """Run the function to its first pause."""
        tealet = self.main.tealet(function)
        tealet.switch(argument)
        return tealet


class Greenlet(Peer):
    """The basis of gevent and SQLAlchemy."""

    def __init__(self) -> None:
        from greenlet import getcurrent, greenlet

        self.pause = getcurrent().switch
        self.create = greenlet

    def begin(self, function: Callable[..., object], argument: object) -> Coroutine:
        """Run the function to its first pause."""
        coroutine: Coroutine = self.create(function)
        coroutine.switch(argument)
        return coroutine


class Tealet(Peer):
    """Another binding of stack slicing to Python, on the C library libtealet."""

    takes_itself = True

    def __init__(self) -> None:
        import tealet

        self.main = tealet.main()
        self.pause = self.main.switch
        self.create = tealet.tealet

    def begin(self, function: Callable[..., object], argument: object) -> Coroutine:
        """Run the function to its first pause."""
        coroutine: Any = self.create()
        coroutine.run(function, argument)
        return coroutine  # type: ignore[no-any-return]


PEERS: dict[str, Callable[[], Peer]] = {
    "tealetpp": Tealetpp,
    "greenlet": Greenlet,
    "tealet": Tealet,
}
LIBRARIES = ("tealetpp", "greenlet", "tealet")
