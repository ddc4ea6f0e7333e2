"""Tealets: coroutines that pause in the middle of any call, and tell what they cost.

from tealetpp import Main

with Main() as main:
    def countdown(n):
        while n:
            main.switch(n)      # pause here, hand n to main
            n -= 1
        return "liftoff"        # ends the tealet; delivered to its parent

    with main.tealet(countdown) as t:
        print(t.switch(3), t.switch(), t.switch(), t.switch())
    print(main.stats())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._embedding import get_cmake_dir, get_include, get_pkgconfig_dir
from ._tealetpp import (
    DefunctError,
    InvalidError,
    Main,
    Stats,
    StatsDifference,
    Status,
    Tealet,
    TealetError,
    TealetExit,
    ThreadError,
    __version__,
)

if TYPE_CHECKING:
    from ._costs import Survey, TealetStats

__all__ = [
    "DefunctError",
    "InvalidError",
    "Main",
    "Stats",
    "StatsDifference",
    "Status",
    "Survey",
    "Tealet",
    "TealetError",
    "TealetExit",
    "TealetStats",
    "ThreadError",
    "__version__",
    "get_cmake_dir",
    "get_include",
    "get_pkgconfig_dir",
]


def __getattr__(name: str) -> Any:
    """Import the types that few programs need when one of them is asked for."""
    if name in ("Survey", "TealetStats"):
        from . import _costs

        return getattr(_costs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
