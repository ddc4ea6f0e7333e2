"""Plays the random schedules of wide_schedule/, each in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ASSERTS_ABOUT_TOOLS

SCHEDULES = 24
# Each of these must have occurred in some schedule.
OCCURS = [
    "__del__ that switches",
    "collect",
    "cycle through a closure",
    "cycle through an attribute",
    "cycle through globals",
    "cycle through its own attribute",
    "cycle through locals",
    "dropped a Main",
    "dropped a tealet",
    "forks",
    "generate_with_main",
    "handed to another thread",
    "in_generator",
    "opened MainWithDel",
    "opened MainWithDict",
    "opened inside a tealet",
    "recursion to the end of the stack",
    "refused the domain of a dead tealet",
    "refused to copy",
    "resurrected",
    "run a stub from below",
    "threads that end with open domains",
    "unwound",
]
if sys.version_info < (3, 13):  # see LIMITS in wide_schedule/operations.py
    OCCURS += ["memory limit reached", "opened with a limit"]
if not ASSERTS_ABOUT_TOOLS:
    OCCURS += ["setprofile", "settrace"]


@pytest.fixture(scope="module")
def played():
    """The schedules that were played, and how often each event occurred."""
    program = Path(__file__).parent / "wide_schedule"
    done = subprocess.run(
        [sys.executable, program, "--seed=1", f"--count={SCHEDULES}", "--repeatable"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_everything_is_as_predicted(played):
    assert f"{SCHEDULES} schedules, " in played
    assert played.endswith(" operations, 0 failed\n")


@pytest.mark.parametrize("name", OCCURS)
def test_the_schedules_are_wide(played, name):
    found = re.search(rf"^ *(\d+) {re.escape(name)}$", played, re.MULTILINE)
    assert found is not None and int(found[1]) > 0
