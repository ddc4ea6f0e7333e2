"""Code that depends on CPython's version is in one folder. One file asks for the version."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.any_python

CPP = Path(__file__).parents[1] / "cpp"
FOLDER = CPP / "python" / "cpython"
LADDER = FOLDER / "thread_state.hpp"
LAYOUTS = sorted(FOLDER.glob("thread_state_*.hpp"))
VERSION = re.compile(r"\bPY_(VERSION_HEX|(MAJOR|MINOR|MICRO)_VERSION)\b")
CONDITION = re.compile(r"^\s*#\s*(if|elif|else)", re.MULTILINE)


def files_with(pattern):
    """The files under cpp/ that contain a match."""
    sources = [path for path in CPP.rglob("*") if path.is_file()]
    assert sources
    return {path for path in sources if re.search(pattern, path.read_text())}


def test_only_the_ladder_asks_for_the_version():
    assert files_with(VERSION) == {LADDER}


def test_only_one_folder_knows_the_chunks_of_data_stacks():
    assert {path.parent for path in files_with(r"\b_PyStackChunk\b")} == {FOLDER}


def test_each_layout_is_a_rung_of_the_ladder():
    included = re.findall(r'#include "python/cpython/(thread_state_\w+\.hpp)"', LADDER.read_text())
    assert sorted(included) == [path.name for path in LAYOUTS]
    assert len(included) == len(set(included)) > 0


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda path: path.stem)
def test_a_layout_has_no_conditions(layout):
    assert CONDITION.search(layout.read_text()) is None
