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

TYPE_CHECKING = False  # importing typing would take long
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


# Few programs need these types, and their module takes longer to import than all else.
_LATER = ("Survey", "TealetStats")


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _costs  # noqa: PLC0415

    return getattr(_costs, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
