"""The command line: ``tealetpp``, or ``python -m tealetpp``."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from . import __version__
from ._demo import run_demo
from ._demo_report import demo_json, demo_text, failed_text
from ._embedding import get_cmake_dir, get_include, get_pkgconfig_dir
from ._sources import SourceError, read_sources

EXIT_CHECK_FAILED = 1
EXIT_BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    0: all is well. 1: a check of the demo failed. 2: bad input (argparse raises SystemExit(2)).
    """
    # A file name may hold what the terminal's encoding has not.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough. The interpreter would flush once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.error("a COMMAND is needed, or one of the options")
    return _demo(parsed.directory, parsed.limit, parsed.json)


def _demo(directory: str | None, limit: int | None, as_json: bool) -> int:
    begin = perf_counter()
    try:
        sources = read_sources(directory, limit)
    except SourceError as error:
        print(f"tealetpp demo: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    read_seconds = perf_counter() - begin
    demo = run_demo(sources.read)
    demo.seconds = {"read": read_seconds, **demo.seconds}
    print(demo_json(sources, demo) if as_json else demo_text(sources, demo))
    if demo.failed:
        print(f"tealetpp demo: {failed_text(demo)}", file=sys.stderr)
        return EXIT_CHECK_FAILED
    return 0


# For builds that use the library out of this package.
_FOLDERS = (
    ("--include-dir", get_include, "the C and C++ headers"),
    ("--cmake-dir", get_cmake_dir, "the CMake package"),
    ("--pkgconfig-dir", get_pkgconfig_dir, "the pkg-config file"),
)


class _PrintFolder(argparse.Action):
    """Print and exit, as ``--version`` does, but never fold a long line: a program reads it."""

    def __init__(self, *, get_folder: Callable[[], str], **keywords: Any) -> None:
        super().__init__(nargs=0, default=argparse.SUPPRESS, **keywords)
        self.get_folder = get_folder

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            print(self.get_folder())
        except FileNotFoundError as error:
            parser.error(str(error))
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tealetpp", description="Stackful coroutines that tell exactly what they cost."
    )
    parser.add_argument("--version", action="version", version=f"tealetpp {__version__}")
    for option, get_folder, what in _FOLDERS:
        parser.add_argument(
            option, action=_PrintFolder, get_folder=get_folder, help=f"print the folder of {what}"
        )
    # With required=True argparse would ask for it rather than name an option that it knows not.
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    demo = commands.add_parser(
        "demo",
        help="walk many files at once, each in a tealet of its own, and show what that costs",
        description="Walk every file of a directory recursively, each in a tealet of its own, all "
        "of them paused in the middle at once; check the results against the same walk without "
        "tealets, and show what it cost.",
    )
    demo.add_argument(
        "directory",
        metavar="DIR",
        nargs="?",
        help="where the files are, of any kind; the .py files of Python's standard library if not "
        "given",
    )
    demo.add_argument(
        "--limit", metavar="N", type=_positive, help="walk the first N files only, by name"
    )
    demo.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"a positive number is needed, not {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
