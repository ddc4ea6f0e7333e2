"""Variables that paused frames have borrowed from their callers, under garbage collection.

Since CPython 3.14 a frame may refer to an object without counting the reference, if the frame of a
caller keeps the object alive.
"""

import gc
import sys
import weakref

import pytest

from conftest import check_stats
from tealetpp import Main

DEEP = 20
MANY = 50


class Value:
    """An object that the collector tracks, and that has weak references."""

    def __init__(self):
        self.content = []


def borrow(depth, switch, one, two, *, three):
    """Passes its own variables on, all the way down. Each frame may borrow them."""
    four = one
    if depth:
        *_, result = borrow(depth - 1, switch, four, two, three=three)
    else:
        result = switch()
    assert four is one
    return one, two, three, result


def borrow_through_c(depth, switch, one, two, *, three):
    """The same with C functions in between, a generator, and a method."""
    if not depth:
        return one, two, three, switch()
    calls = map(lambda value: Caller(value).call(depth - 1, switch, two, three=three), (one,))
    return next(result for result in calls)


class Caller:
    def __init__(self, one):
        self.one = one

    def call(self, depth, switch, two, three):
        one = self.one
        return borrow_through_c(depth, switch, one, two, three=three)


@pytest.fixture(params=[borrow, borrow_through_c])
def function(request):
    return request.param


def test_objects_survive_and_their_counts_are_exact(main, function):
    values = [[Value(), Value(), Value()] for _ in range(MANY)]
    before = [[sys.getrefcount(value) for value in three] for three in values]
    ts = []
    for one, two, three in values:
        t = main.tealet(function)
        t.switch(DEEP, main.switch, one, two, three=three)
        ts.append(t)
    del one, two, three
    for generation in (0, 1, 2, 2):
        gc.collect(generation)
    for n, t in enumerate(ts):
        one, two, three, result = t.switch(n)
        assert result == n
        assert [one, two, three] == values[n]
        del one, two, three
    del t
    ts.clear()
    check_stats(main)
    assert [[sys.getrefcount(value) for value in three] for three in values] == before


def test_objects_that_only_paused_frames_have(main, function):
    """The collector must not take them for garbage, nor free them twice."""
    gone = []

    def run(switch):
        one, two, three = Value(), Value(), Value()
        one.content.append(two)
        two.content.append(one)  # a cycle, so the collector decides
        gone.extend(map(weakref.ref, (one, two, three)))
        result = function(DEEP, switch, one, two, three=three)
        assert result[:3] == (one, two, three)
        assert one.content == [two]
        assert two.content == [one]
        return result[3]

    ts = [main.tealet(run) for _ in range(MANY)]
    for t in ts:
        t.switch(main.switch)
    for generation in (0, 1, 2, 2):
        gc.collect(generation)
        assert sum(ref() is not None for ref in gone) == 3 * MANY
    assert [t.switch(n) for n, t in enumerate(ts)] == list(range(MANY))
    gc.collect()
    assert sum(ref() is not None for ref in gone) == 0


@pytest.mark.parametrize("end", ["close", "drop", "throw"])
def test_objects_go_with_frames_that_are_left_in_the_middle(main, function, end):
    gone = []

    def run(switch):
        values = [Value(), Value(), Value()]
        gone.extend(map(weakref.ref, values))
        one, two, three = values
        del values
        function(DEEP, switch, one, two, three=three)

    ts = [main.tealet(run) for _ in range(MANY)]
    for t in ts:
        t.switch(main.switch)
        gc.collect(0)
    for t in ts:
        if end == "close":
            t.close()
        elif end == "throw":
            with pytest.raises(ZeroDivisionError):
                t.throw(ZeroDivisionError())
    del t
    ts.clear()
    gc.collect()
    assert len(gone) == 3 * MANY
    assert sum(ref() is not None for ref in gone) == 0
    assert main.stats().n_active == 1


@pytest.mark.rule("garbage-traverse")
def test_a_cycle_through_borrowed_variables_is_collected(main, function):
    """The tealet itself is what its frames pass on."""
    unwound = []

    def begin():
        def run():
            itself = t
            try:
                function(2, pause, itself, itself, three=itself)
            finally:
                unwound.append(itself is t)

        def pause():
            return main.switch()

        t = main.tealet(run)
        t.switch()
        return weakref.ref(t)

    for _ in range(3):
        begin()
    gc.collect()
    collected = len(unwound)
    # What C functions hold is hidden from the collector: such a cycle lives until its Main closes.
    assert collected == (3 if function is borrow else 0)
    assert all(unwound)
    for t in main.tealets():
        if t is not main:
            t.close()
    assert unwound == [True] * 3


def test_collections_inside_the_call_that_borrows():
    """Between pauses, with other domains whose frames lie deeper on the same stack."""
    with Main() as outer:

        def collect_and_pause(value):
            inner_values = [Value() for _ in range(3)]
            with Main() as inner:
                t = inner.tealet(borrow)
                t.switch(DEEP, inner.switch, *inner_values[:2], three=inner_values[2])
                gc.collect()
                outer.switch()
                gc.collect()
                assert t.switch(value)[:3] == tuple(inner_values)
            return value

        def run(value):
            return list(map(collect_and_pause, [value, value]))

        values = [Value() for _ in range(MANY)]
        before = [sys.getrefcount(value) for value in values]
        ts = [outer.tealet(run) for _ in range(MANY)]
        for t, value in zip(ts, values, strict=True):
            t.switch(value)
        for t in ts:
            t.switch()
        for t, value in zip(ts, values, strict=True):
            assert t.switch() == [value, value]
        del t, value
        ts.clear()
        assert [sys.getrefcount(value) for value in values] == before
