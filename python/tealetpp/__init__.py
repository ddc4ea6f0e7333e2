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

__all__ = [
    "DefunctError",
    "InvalidError",
    "Main",
    "Stats",
    "StatsDifference",
    "Status",
    "Tealet",
    "TealetError",
    "TealetExit",
    "ThreadError",
    "__version__",
    "get_cmake_dir",
    "get_include",
    "get_pkgconfig_dir",
]
