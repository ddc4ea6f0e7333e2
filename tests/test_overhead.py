"""The cost of the statistics: a few instructions, and nothing at all when compiled out.

The library is built both ways. The test compares figures that are the same in each run:
instructions, bytes, symbols.
"""

import re

import pytest

from benchmarks.callgrind import WORKLOAD, instructions
from building import ROOT, build, run, tool

# The version of Python makes no difference.
pytestmark = pytest.mark.any_python

ALLOWED_PER_SWITCH = 30

# Symbols of the statistics have one of these in their names.
STATISTICS = re.compile(
    r"stats|by_walk|total|peak|counts\b|count_|chunk_count|naive|expanded|efficiency|sharing"
    r"|fixed_stack|bytes_in_place|survey|record_|history|bytes_alone",
    re.IGNORECASE,
)
# The functions of libtealet's API, which report zeros.
TWO_FUNCTIONS = {"tealet_get_stats", "tealet_reset_peak_stats"}
# These exist in both libraries, so programs compile and link with either.
PUBLIC_API = {
    # The same two in the C++ API.
    "tealet::Main::stats() const",
    "tealet::Main::reset_peak_stats()",
    # What single tealets take: these report zeros, too.
    "tealet::TealetRef::stats() const",
    "tealet::Main::survey(unsigned long) const",
    "tealet_get_tealet_stats",
    "tealet_get_survey",
    # Computed from any snapshot, also from one that a program has made itself.
    "tealet::Stats::sharing_ratio() const",
    "tealet::Stats::memory_efficiency() const",
    "tealet::Stats::fixed_stack_bytes(unsigned long) const",
    "tealet::Stats::efficiency_vs(unsigned long) const",
    "tealet::operator-(tealet::Stats const&, tealet::Stats const&)",
    "tealet::StatsDifference::per_second(long tealet::StatsDifference::*) const",
    # Sets up the allocator of libtealet's extras, which counts by itself.
    "tealet_statsalloc_init",
}


class Build:
    """The library with the statistics compiled in or out, and its compared figures."""

    def __init__(self, folder, statistics):
        build(
            *(ROOT / "tests" / "overhead", folder),
            *("-DCMAKE_BUILD_TYPE=Release", f"-DTEALET_WITH_STATS={statistics}"),
        )
        (library,) = folder.rglob("libtealetpp.a")
        self.instructions = {
            language: instructions([str(folder / f"workload_{language}")], WORKLOAD)["switch"]
            for language in ("cpp", "c")
        }
        self.object_bytes = object_bytes(str(library))
        self.statistics_symbols = {
            name for name in symbols(str(library)) if STATISTICS.search(name)
        }


def object_bytes(library):
    """Code and data of all its objects together."""
    lines = run(tool("size"), library).splitlines()[1:]
    return sum(int(line.split()[3]) for line in lines)


def symbols(library):
    """The symbols that its objects define or need, also of parts that compilers split off."""
    listed = run(tool("nm"), "-C", library)
    names = re.findall(r"^(?:[0-9a-f]{16}| {16}) [A-Za-z] (.+)$", listed, re.MULTILINE)
    return {re.sub(r" \[clone .*|\.cold$", "", name) for name in names}


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    tool("valgrind")
    folder = tmp_path_factory.mktemp("overhead")
    return {name: Build(folder / name, name) for name in ("on", "off")}


@pytest.mark.parametrize("language", ["cpp", "c"])
def test_a_switch_takes_few_instructions_more_with_statistics(builds, language):
    on, off = (builds[name].instructions[language] for name in ("on", "off"))
    assert off < on <= off + ALLOWED_PER_SWITCH


def test_without_statistics_the_objects_are_smaller(builds):
    assert builds["off"].object_bytes < builds["on"].object_bytes


@pytest.mark.rule("stats-off")
def test_without_statistics_nothing_of_them_is_left_but_functions_of_the_api(builds):
    assert builds["off"].statistics_symbols == TWO_FUNCTIONS | PUBLIC_API


def test_with_statistics_there_is_more(builds):
    """The searched names exist in the build with statistics."""
    assert builds["on"].statistics_symbols > builds["off"].statistics_symbols
    assert "tealet::core::Domain::stats_by_walk() const" in builds["on"].statistics_symbols


def test_print_the_figures(builds, capsys):
    lines = [
        "statistics    instructions for a switch    bytes of objects",
        "                    C++              C",
    ]
    for name, built in builds.items():
        cpp, c = (built.instructions[language] for language in ("cpp", "c"))
        lines.append(f"{name:<10}{cpp:>13.1f}{c:>15.1f}{built.object_bytes:>21,}")
    with capsys.disabled():
        print("", *lines, sep="\n")
