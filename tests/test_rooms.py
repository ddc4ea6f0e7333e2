"""Which part of the sources may know which: the rooms of cpp/, and who includes whom."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from building import ROOT

pytestmark = pytest.mark.any_python

CPP = ROOT / "cpp"
SUFFIXES = {".c", ".cpp", ".h", ".hpp", ".S"}
SOURCES = sorted(path for path in CPP.rglob("*") if path.suffix in SUFFIXES)

# What makes the Python types. The rest of cpp/python is the engine part.
BINDING = re.compile(
    r"\w+_types?\.[ch]pp|tealet_(attributes|costs|dict|gc|methods|name)\.[ch]pp|module\.cpp|"
    r"capsule\.cpp|figure_table\.hpp|registry\.hpp|pybind11_layout\..*"
)

# What a room may include of the others; itself it may always. In include/, what is below.
MAY_INCLUDE = {
    "switch": set(),
    "port": set(),
    "core": {"port", "switch"},
    "capi": {"core", "port"},
    "cxx": {"core", "port"},
    "python": {"core", "port"},
}


def name_of(path: Path) -> str:
    return path.relative_to(CPP).as_posix()


@cache
def code_of(path: Path) -> str:
    """The text without its comments: they may tell of what they must not include."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def included(path: Path, opening: str) -> list[str]:
    return re.findall(rf'#\s*include\s*{opening}([^">]+)[">]', code_of(path))


def quoted(path: Path) -> list[str]:
    return included(path, '"')


def bracketed(path: Path) -> list[str]:
    return included(path, "<")


def room_of(path: Path) -> str:
    return path.relative_to(CPP).parts[0]


def includes_pybind11(path: Path) -> bool:
    return any(name.startswith("pybind11/") for name in quoted(path) + bracketed(path))


def reached_from(path: Path) -> set[Path]:
    """All files of cpp/ that this one includes, on whatever way."""
    reached: set[Path] = set()
    left = [path]
    while left:
        new = {CPP / name for name in quoted(left.pop())} - reached
        reached |= new
        left += new
    return reached


def test_there_are_sources_in_each_room():
    assert {room_of(path) for path in SOURCES if path.parent != CPP} == set(MAY_INCLUDE)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_quoted_include_is_a_path_from_cpp(path):
    assert [name for name in quoted(path) if not (CPP / name).is_file()] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_room_includes_only_what_is_below_it(path):
    allowed = MAY_INCLUDE[room_of(path)] | {room_of(path)}
    assert [name for name in quoted(path) if name.split("/")[0] not in allowed] == []


def test_only_python_includes_python():
    files = [path for path in SOURCES if room_of(path) != "python"]
    wrong = [path for path in files if {"Python.h", "opcode.h"} & {*bracketed(path), *quoted(path)}]
    assert [name_of(path) for path in wrong] == []


def test_port_needs_only_details_of_the_public_headers():
    names = {
        name for path in SOURCES if room_of(path) in ("port", "switch") for name in bracketed(path)
    }
    public = [name for name in names if name.startswith("tealet/")]
    assert [name for name in public if not name.startswith("tealet/detail/")] == []


def test_names_of_files_are_unique():
    files = defaultdict(set)
    for path in SOURCES:
        files[path.stem].add(path)
    for same in files.values():
        assert len(same) == 1 or (
            len({path.parent for path in same}) == 1
            and {path.suffix for path in same} == {".hpp", ".cpp"}
        ), sorted(map(name_of, same))


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if room_of(p) == "python" and not BINDING.fullmatch(p.name)],
    ids=name_of,
)
def test_the_engine_part_does_not_reach_pybind11(path):
    wrong = [file for file in {path, *reached_from(path)} if includes_pybind11(file)]
    assert [name_of(file) for file in wrong] == []


def test_the_binding_part_is_found():
    assert any(includes_pybind11(path) for path in SOURCES)


def test_one_pair_of_files_knows_the_layout_of_pybind11():
    users = {
        path.stem
        for path in SOURCES
        if re.search(r"\b(py|pybind11)\s*::\s*detail\b", code_of(path))
    }
    assert users == {"pybind11_layout"}


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix == ".cpp"], ids=name_of)
def test_a_source_includes_its_header_first(path):
    header = path.with_suffix(".hpp")
    if header.exists():
        assert quoted(path)[0] == name_of(header)
