"""A check after every test: no tealet, domain, block or reference is left."""

import gc
import sys

import pytest

import tealetpp
import tealetpp._costs  # otherwise the first test that needs one of these would import it
import tealetpp._listing
import tealetpp._report
from tealetpp import Status, Tealet, _tealetpp

# Each instance refers to its type, so these references count the objects, too.
COUNTED = [value for value in vars(tealetpp).values() if isinstance(value, type)] + list(Status)


def census():
    """The current counts by name."""
    references = {f"references to {value}": sys.getrefcount(value) for value in COUNTED}
    return _tealetpp._census() | references


def more_than(before):
    """The counts that have grown, by name, with the numbers before and now."""
    now = census()
    return {name: (before[name], now[name]) for name in now if now[name] > before[name]}


def left_behind(before):
    """The same after a collection. Most tests leave no cycles and need no collection."""
    left = more_than(before)
    # Tealets found by one collection end after it, and leave garbage for the next.
    for _ in range(3):
        if not left:
            break
        gc.collect()
        left = more_than(before)
    return left


def pytest_collection_finish():
    """Exclude imported modules from all later collections."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_stays_behind(request):
    before = census()
    yield
    request.node.funcargs.clear()  # objects of other fixtures: those are torn down before this one
    left = left_behind(before)
    mark = request.node.get_closest_marker("leaves_behind")
    if mark is None:
        assert not left, (left, [obj for obj in gc.get_objects() if isinstance(obj, Tealet)])
    else:
        (reason,) = mark.args
        assert left, f"leaves nothing behind, but is marked to: {reason}"
