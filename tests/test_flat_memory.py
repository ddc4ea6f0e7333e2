"""Memory does not grow when a public operation is repeated."""

import json
import os
import sys

import pytest

import flat_memory
import tealetpp
from extension_modules import run_python

# A debug build is slow, but counts every reference.
COUNT = 2_000 if hasattr(sys, "gettotalrefcount") else 20_000
# A leak of one object or reference each time makes COUNT of them, or at least 300 KiB.
TOLERATED_BYTES = 64 * 1024
TOLERATED_OBJECTS = 300
OURS = ("domains", "open domains", "tealets", "blocks", "bytes")


def repeat(name, search=""):
    """The growth for each call that the operation repeats."""
    program = os.path.abspath(flat_memory.__file__)
    return json.loads(run_python(search, program, name, str(COUNT)))


def tolerated(figure):
    if figure == "resident bytes":
        return TOLERATED_BYTES
    return 0 if figure in OURS else TOLERATED_OBJECTS


def assert_flat(grown):
    assert grown
    for call, figures in grown.items():
        more = {name: by for name, by in figures.items() if by > tolerated(name)}
        assert not more, (call, more)


@pytest.mark.parametrize("name", flat_memory.OPERATIONS)
def test_it_is_flat(name):
    assert_flat(repeat(name))


@pytest.mark.parametrize("name", flat_memory.CAPSULE_OPERATIONS)
def test_the_c_api_is_flat(name, capsule_calls):
    assert_flat(repeat(name, os.path.dirname(capsule_calls.__file__)))


@pytest.mark.parametrize("name", flat_memory.LEAKS)
def test_a_leak_is_noticed(name):
    (grown,) = repeat(name).values()
    # Caches may have returned some meanwhile.
    assert grown["Python's blocks"] > COUNT - TOLERATED_OBJECTS
    assert grown["resident bytes"] > TOLERATED_BYTES
    if name == "a_tealet_each_time":
        assert grown["tealets"] == COUNT
        assert grown[f"references to {tealetpp.Tealet!r}"] == COUNT
