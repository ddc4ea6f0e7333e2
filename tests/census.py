"""After every test: no tealet, no domain, no block and no reference stays behind."""

import gc
import sys

import pytest

import tealetpp
import tealetpp._report  # imported by the first test that prints figures otherwise, and stays
from tealetpp import Status, Tealet, _tealetpp

# Each instance refers to its type, so these count the objects, too.
COUNTED = [value for value in vars(tealetpp).values() if isinstance(value, type)] + list(Status)


def census():
    """What there is now, by name."""
    references = {f"references to {value}": sys.getrefcount(value) for value in COUNTED}
    return _tealetpp._census() | references


def more_than(before):
    """What there is now and was not, by name, with the numbers then and now."""
    now = census()
    return {name: (before[name], now[name]) for name in now if now[name] > before[name]}


def left_behind(before):
    """The same, without garbage. Most tests leave no cycles, and so need no collection."""
    left = more_than(before)
    for _ in range(3):  # what one collection finds ends after it, and frees what the next finds
        if not left:
            break
        gc.collect()
        left = more_than(before)
    return left


def pytest_collection_finish():
    """What was imported stays: collections need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_stays_behind(request):
    before = census()
    yield
    request.node.funcargs.clear()  # what other fixtures made: they are torn down before this one
    left = left_behind(before)
    mark = request.node.get_closest_marker("leaves_behind")
    if mark is None:
        assert not left, (left, [obj for obj in gc.get_objects() if isinstance(obj, Tealet)])
    else:
        (reason,) = mark.args
        assert left, f"leaves nothing behind, but is marked to: {reason}"
