"""Instructions of a switch, of a spawn and of a call of stats(): no more than recorded.

The recorded figures are in instructions.json. One that changes by more than 5 %, up or down, must
be recorded again on purpose, together with the change that causes it:

    nox -s tests -- tests/test_instructions.py --record-instructions

They depend on compiler and interpreter, so they are recorded for each. Without a record the test is
skipped.
"""

import json
import platform
import re
import sys
import sysconfig

import pytest

import tealetpp
from benchmarks.callgrind import WORKLOAD, instructions
from building import ROOT, build, builds_for_this_machine, run, tool

RECORDED = ROOT / "tests" / "instructions.json"
ALLOWED = 0.05
# Another build of CPython takes other numbers of instructions.
OPTIMISED = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")


def compiler_of(file):
    """The name and version of the compiler that built a program or library."""
    tool("readelf")
    written = run(tool("readelf"), "--string-dump=.comment", file)
    return " + ".join(sorted(set(re.findall(r"\]  (.*)", written))))


def name_of_library_build(program):
    return f"{platform.machine()}, {compiler_of(program)}"


def name_of_module_build():
    kind = "optimised " if OPTIMISED else ""
    kind += "debug " if hasattr(sys, "gettotalrefcount") else ""
    python = f"{kind}CPython {platform.python_version()} by {platform.python_compiler()}"
    return f"{name_of_library_build(tealetpp._tealetpp.__file__)}, {python}"


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    tool("valgrind")
    folder = tmp_path_factory.mktemp("instructions")
    return build(ROOT / "tests" / "overhead", folder, "-DCMAKE_BUILD_TYPE=Release")


@pytest.fixture
def compare_with_recorded(request):
    """Compare with the record of this name, or write it with --record-instructions."""

    def compare(counted, language, build_name):
        counted = {name: round(number, 1) for name, number in counted.items()}
        known = json.loads(RECORDED.read_text())
        if request.config.getoption("--record-instructions"):
            known.setdefault(language, {})[build_name] = counted
            RECORDED.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
            return
        recorded = known.get(language, {}).get(build_name)
        if recorded is None:
            pytest.skip(f"nothing is recorded for {build_name}")
        moved = {
            name: f"{recorded[name]} recorded, {counted[name]} now"
            for name in recorded
            if abs(counted[name] - recorded[name]) > ALLOWED * recorded[name]
        }
        assert not moved, f"{moved}: if that is meant, record it: --record-instructions"

    return compare


@pytest.mark.any_python
@pytest.mark.parametrize("language", ["cpp", "c"])
def test_the_library_takes_as_many_instructions_as_recorded(
    programs, compare_with_recorded, language
):
    program = programs / f"workload_{language}"
    counted = instructions([str(program)], WORKLOAD)
    compare_with_recorded(counted, language, name_of_library_build(program))


def test_the_module_takes_as_many_instructions_as_recorded(compare_with_recorded):
    tool("valgrind")
    if not builds_for_this_machine():
        pytest.skip("this Python is emulated")
    program = [sys.executable, str(ROOT / "tests" / "overhead" / "workload.py")]
    # Otherwise the layout of sets and dictionaries differs from run to run.
    counted = instructions(program, WORKLOAD, PYTHONHASHSEED="0")
    compare_with_recorded(counted, "python", name_of_module_build())
