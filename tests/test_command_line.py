"""The command line when it cannot write or is interrupted: one line, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

COMMANDS = [["demo", "folder"], ["demo", "--json", "folder"], ["--version"], ["--help"]]
CLOSED = "tealetpp: cannot write the output: Bad file descriptor\n"
FULL = "tealetpp: cannot write the output: No space left on device\n"
# As in a session of a shell, whatever runs the tests.
RUN = """
import signal, sys
from tealetpp import __main__
signal.signal(signal.SIGINT, signal.default_int_handler)
{prepare}
__main__.command()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    for number in range(30):
        (tmp_path / "folder" / str(number)).write_text("a\n b\n" * 50)
    monkeypatch.chdir(tmp_path)


def shell(redirections: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            "bash",
            "-c",
            f'"$@" {redirections}',
            "bash",
            sys.executable,
            "-m",
            "tealetpp",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", COMMANDS)
def test_closed_output(arguments: list[str]) -> None:
    done = shell(">&-", arguments)
    assert (done.returncode, done.stderr) == (1, CLOSED)


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_full_disk(arguments: list[str]) -> None:
    done = shell(">/dev/full", arguments)
    assert (done.returncode, done.stderr) == (1, FULL)


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_reader_that_has_gone(arguments: list[str]) -> None:
    done = shell("| true; exit ${PIPESTATUS[0]}", arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = shell("| head -1; exit ${PIPESTATUS[0]}", arguments)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 1, "")


@pytest.mark.parametrize("redirections", ["2>&-", "2>/dev/full", ">&- 2>&-", ">/dev/full 2>&1"])
@pytest.mark.parametrize(
    ("arguments", "status"), [(["demo", "nowhere"], 2), (["--nothing"], 2), (["demo", "folder"], 0)]
)
def test_nowhere_to_complain(redirections: str, arguments: list[str], status: int) -> None:
    done = shell(redirections, arguments)
    if status == 0 and redirections.startswith(">"):
        status = 1
    assert (done.returncode, done.stderr) == (status, "")


def test_bad_input_needs_no_output() -> None:
    done = shell(">&-", ["demo", "nowhere"])
    assert (done.returncode, done.stderr) == (2, "tealetpp demo: no such directory: nowhere\n")


def interrupted(prepare: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN.format(prepare=prepare), "demo", "folder"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


IN_A_TEALET = """
import os
from tealetpp import _demo
walk = _demo.walk
def interrupted(*arguments):
    result = walk(*arguments)
    os.kill(os.getpid(), signal.SIGINT)
    return result
_demo.walk = interrupted
"""
IN_A_FINALIZER = """
import os
class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
__main__.run_demo = lambda sources: Finalized() and None
"""


@pytest.mark.parametrize("where", [IN_A_TEALET, IN_A_FINALIZER], ids=["tealet", "finalizer"])
def test_interrupted(where: str) -> None:
    done = interrupted(where)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "")
    assert done.stderr == "tealetpp: interrupted\n"


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As under nohup, or in a background job of a shell."""
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + IN_A_TEALET
    done = interrupted(ignored)
    assert (done.returncode, done.stderr) == (0, "")
    assert "checks passed" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_cannot_be_looked_into(tmp_path: Path) -> None:
    (tmp_path / "closed" / "folder").mkdir(parents=True)
    (tmp_path / "closed").chmod(0)
    try:
        done = shell("", ["demo", "closed/folder"])
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
