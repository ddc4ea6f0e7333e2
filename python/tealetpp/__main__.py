"""The command line: ``tealetpp``, or ``python -m tealetpp``."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NoReturn, TextIO

from . import __version__
from ._demo import run_demo
from ._demo_report import demo_json, demo_text, failed_text
from ._embedding import get_cmake_dir, get_include, get_pkgconfig_dir
from ._sources import SourceError, read_sources

EXIT_CHECK_FAILED = 1
EXIT_NOT_WRITTEN = 1
EXIT_BAD_INPUT = 2


class OutputError(Exception):
    """The output cannot be written. The cause says why."""


def command() -> NoReturn:
    """Run the command line as a process of its own. Ctrl-C ends it as SIGINT does."""
    # Python's own handler raises an exception, and a finalizer would drop that. In a background job
    # of a shell SIGINT may be ignored, and stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _die_interrupted)
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    0: all is well, or the reader of the output has gone. 1: a check of the demo failed, or the
    output could not be written. 2: bad input (argparse raises SystemExit(2)).
    """
    _prepare_output()
    try:
        try:
            return _run(arguments)
        finally:
            _write("")
    except OutputError as error:
        _drop(sys.stdout)
        if isinstance(error.__cause__, BrokenPipeError):
            return 0  # the reader has seen enough
        _complain(f"tealetpp: {error}")
        return EXIT_NOT_WRITTEN
    finally:
        _complain()


def _prepare_output() -> None:
    """Make the standard output accept any text. If it is closed, writing raises OSError."""
    # A file name may contain characters that the terminal's encoding does not have.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Python sets a closed stream to None.
    if sys.stdout is None:
        sys.stdout = _open_null(os.O_RDONLY)
    if sys.stderr is None:
        sys.stderr = _open_null(os.O_WRONLY)


def _open_null(flags: int) -> TextIO:
    """A text stream that need not be closed, like Python's own standard streams."""
    return os.fdopen(os.open(os.devnull, flags), "w", encoding="utf-8", closefd=False)


def _write(text: str) -> None:
    """Write to the standard output at once. Raises OutputError if that fails."""
    try:
        if text:  # without a buffer, even an empty string is written
            sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(f"cannot write the output: {error.strerror}") from error


def _complain(*lines: str) -> None:
    """Write to the standard error. Errors are ignored: nobody could be told."""
    try:
        for line in lines:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        _drop(sys.stderr)


def _drop(stream: TextIO) -> None:
    """Discard buffered output, which the interpreter would flush at its end."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _die_interrupted(*_: object) -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"tealetpp: interrupted\n")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


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
    except (SourceError, OSError) as error:
        _complain(f"tealetpp demo: {error}")
        return EXIT_BAD_INPUT
    read_seconds = perf_counter() - begin
    demo = run_demo(sources.read)
    demo.seconds = {"read": read_seconds, **demo.seconds}
    _write((demo_json(sources, demo) if as_json else demo_text(sources, demo)) + "\n")
    if demo.failed:
        _complain(f"tealetpp demo: {failed_text(demo)}")
        return EXIT_CHECK_FAILED
    return 0


# For builds that use the library of this package.
_FOLDERS = (
    ("--include-dir", get_include, "the C and C++ headers"),
    ("--cmake-dir", get_cmake_dir, "the CMake package"),
    ("--pkgconfig-dir", get_pkgconfig_dir, "the pkg-config file"),
)


class _Print(argparse.Action):
    """Print a line and exit. The line is never wrapped, since programs read it."""

    def __init__(self, *, get_line: Callable[[], str], **keywords: Any) -> None:
        super().__init__(nargs=0, default=argparse.SUPPRESS, **keywords)
        self.get_line = get_line

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            line = self.get_line()
        except FileNotFoundError as error:
            parser.error(str(error))
        _write(f"{line}\n")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises OutputError if it cannot print the help."""

    def print_help(self, file: object = None) -> None:  # noqa: ARG002
        _write(self.format_help())

    def error(self, message: str) -> NoReturn:
        # argparse of CPython 3.11.2 raises OSError if it cannot write its message.
        _complain(f"{self.format_usage()}{self.prog}: error: {message}")
        sys.exit(EXIT_BAD_INPUT)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tealetpp", description="Stackful coroutines that tell exactly what they cost."
    )
    parser.add_argument(
        "--version",
        action=_Print,
        get_line=lambda: f"tealetpp {__version__}",
        help="print the version",
    )
    for option, get_folder, what in _FOLDERS:
        parser.add_argument(
            option, action=_Print, get_line=get_folder, help=f"print the folder of {what}"
        )
    # With required=True, argparse would report a missing command instead of an unknown option.
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
    command()
