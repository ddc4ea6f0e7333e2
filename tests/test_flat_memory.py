"""Nothing grows, however often a public operation is repeated."""

import json
import os
import sys

import pytest

import flat_memory
from extension_modules import run_python

COUNT = 20_000
# Per COUNT. One object or reference that stays each time is 20,000 of them, and 300 KiB at least.
TOLERATED = {"resident bytes": 64 * 1024, "Python's blocks": 200, "references": 200}


def assert_flat(name, search=""):
    program = os.path.abspath(flat_memory.__file__)
    grown = json.loads(run_python(search, program, name, str(COUNT)))
    assert grown
    for repeated, figures in grown.items():
        more = {
            figure: by
            for figure, by in figures.items()
            if by > TOLERATED.get(figure, 200 if figure.startswith("references to") else 0)
        }
        assert not more, f"{repeated}: {more}"


@pytest.mark.parametrize("name", flat_memory.OPERATIONS)
def test_it_is_flat(name):
    assert_flat(name)


@pytest.mark.parametrize("name", flat_memory.CAPSULE_OPERATIONS)
def test_the_c_api_is_flat(name, capsule_calls):
    assert_flat(name, os.path.dirname(capsule_calls.__file__))


def test_what_stays_is_noticed():
    kept = []
    grown = flat_memory.growth(lambda: kept.append([None, ()]), 2_000)
    assert grown["Python's blocks"] >= 2_000
    assert grown["resident bytes"] > 64 * 1024
    if sys.version_info < (3, 12):  # later these do not count
        assert grown["references to None"] >= 2_000
