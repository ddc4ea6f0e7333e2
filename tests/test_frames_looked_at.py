"""Whoever holds a frame object, or walks a chain of frames, sees the same in place and saved."""

import gc
import sys
import threading
import weakref

import pytest

from moving_frames import OFTEN, call_often, descend, small
from tealetpp import Status

pytestmark = pytest.mark.usefixtures("statistics")


def at_depth(depth, action):
    local = f"at {depth}"
    result = at_depth(depth - 1, action) if depth else action()
    return (local, result)


def seen_from(frame):
    depths = []
    while frame is not None and frame.f_code is at_depth.__code__:
        assert frame.f_locals["local"] == f"at {frame.f_locals['depth']}"
        assert frame.f_lineno == at_depth.__code__.co_firstlineno + 2
        depths.append(frame.f_locals["depth"])
        frame = frame.f_back
    return depths


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("depth", [0, 1, 30, 400])
def test_frame_objects_from_before_and_after_a_move(main, move_out, depth):
    held = []

    def action():
        held.append(sys._getframe().f_back)
        main.switch()

    t = main.tealet(at_depth)
    t.switch(depth, action)
    expected = list(range(depth + 1))
    assert seen_from(held[0]) == expected
    for _ in range(2):
        move_out()
        gc.collect()
        assert seen_from(held[0]) == expected
        newest = t.frame.f_back  # of action()
        assert newest is held[0]
    found = []
    thread = threading.Thread(target=lambda: found.append(seen_from(held[0])))
    thread.start()
    thread.join()
    assert found == [expected]
    t.switch()
    assert not t
    frame, depths = held[0], []
    while frame is not None:
        depths.append(frame.f_locals["depth"])
        frame = frame.f_back
    assert depths == expected


@pytest.mark.rule("data-stack-moves")
def test_a_frame_object_made_while_the_frame_is_moved(main, move_out):
    t = main.tealet(at_depth)
    t.switch(20, main.switch)
    move_out()
    frame = t.frame
    assert seen_from(frame) == list(range(21))
    main.tealet(at_depth).switch(25, list)
    assert t.frame is frame
    t.switch()
    assert not t
    assert [f.f_locals["depth"] for f in chain(frame)] == list(range(21))


def chain(frame):
    while frame is not None:
        yield frame
        frame = frame.f_back


@pytest.mark.rule("data-stack-moves")
def test_a_chain_that_leads_through_generators_and_c_functions(main, move_out):
    def generate(depth):
        yield from generate(depth - 1) if depth else [main.switch()]

    def run():
        return list(map(lambda n: [*generate(n)], [3]))

    t = main.tealet(run)
    t.switch()
    names = ["generate"] * 4 + ["<lambda>", "run"]
    for _ in range(3):
        assert [frame.f_code.co_name for frame in chain(t.frame)] == names
        move_out()
    assert t.switch("sent") == [["sent"]]


@pytest.mark.rule("data-stack-moves")
def test_tracebacks_through_frames_that_have_moved(main, move_out):
    def fails(depth):
        if depth:
            try:
                return fails(depth - 1)
            finally:
                main.switch()
        main.switch()
        raise ValueError

    t = main.tealet(fails)
    t.switch(5)
    with pytest.raises(ValueError) as raised:
        while True:
            move_out()
            t.switch()
    frames = [entry.frame for entry in raised.traceback if entry.frame.code.name == "fails"]
    assert [frame.f_locals["depth"] for frame in frames] == [5, 4, 3, 2, 1, 0]


@pytest.mark.rule("data-stack-moves")
def test_the_collector_sees_moved_frames(main, move_out):
    """A tealet whose own variable refers to it is found, with all that it refers to."""

    class Local:
        pass

    def run(cell):
        local = Local()
        gone.append(weakref.ref(local))
        main.switch()
        return cell, local

    gone = []
    for _ in range(2):
        cell = []
        cell.append(main.tealet(run))
        cell[0].switch(cell)
        assert any(cell is referent for referent in gc.get_referents(cell[0]))
        move_out()
        assert any(cell is referent for referent in gc.get_referents(cell[0]))
        del cell
    gc.collect()
    main.tealet(list).switch()  # ends what is pending
    assert [reference() for reference in gone] == [None, None]


@pytest.mark.rule("data-stack-moves")
def test_frames_that_are_held(main, move_out):
    frames = []

    def hold(depth, number):
        local = f"at {depth}"
        main.switch()
        for _ in range(OFTEN):
            small(number)
        frames.append(sys._getframe())
        if depth:
            hold(depth - 1, number)
        for _ in range(OFTEN):
            small(number)
        gc.collect()
        frame, depths = sys._getframe(), []
        while frame is not None and frame.f_code is hold.__code__:
            depths.append(frame.f_locals["depth"])
            frame = frame.f_back
        assert depths == list(range(depth, 11))
        return local

    t = main.tealet(hold)
    t.switch(10, 1)
    while t:
        move_out()
        t.switch()
    assert [frame.f_locals["local"] for frame in frames] == [f"at {n}" for n in range(10, -1, -1)]


# --- code that runs while they are looked at ---


class RunsAnotherTealet:
    def __init__(self, main):
        self.main = main

    def __del__(self):
        self.main.tealet(descend).switch(60, call_often)


def rebinds(main, depth):
    first, second, third = RunsAnotherTealet(main), [2], [3]
    descend(depth, main.switch)
    first = 1
    descend(depth, main.switch)
    return first, second, third


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("depth", [0, 20, 300])
def test_looking_at_variables_may_run_another_tealet(main, depth):
    """`f_locals` drops what it returned before. CPython 3.11 and 3.12 do it in the middle."""
    for _ in range(5):
        t = main.tealet(rebinds)
        t.switch(main, depth)
        frame = t.frame
        while frame.f_code is not rebinds.__code__:
            frame = frame.f_back
        assert isinstance(frame.f_locals["first"], RunsAnotherTealet)
        t.switch()
        found = dict(frame.f_locals)
        assert found == {"main": main, "depth": depth, "first": 1, "second": [2], "third": [3]}
        assert t.switch() == (1, [2], [3])


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("depth", [0, 20])
@pytest.mark.parametrize("ends", [False, True])
def test_looking_at_variables_may_run_the_tealet_that_has_them(main, move_out, moved, depth, ends):
    """What is seen then may be incomplete, but nothing is read that was freed."""

    class RunsIt:
        def __del__(self):
            if t:
                t.switch()

    class Value:
        def __init__(self):
            alive.add(id(self))

        def __del__(self):
            alive.discard(id(self))

    def changes():
        first, second, third, fourth = RunsIt(), None, None, None
        main.switch()
        first, second, third, fourth = None, Value(), Value(), Value()
        main.switch()
        second = third = fourth = None
        if ends:
            return first
        descend(depth, main.switch)
        return first, second, third, fourth

    alive = set()

    for _ in range(5):
        t = main.tealet(changes)
        t.switch()
        frame = t.frame
        assert isinstance(frame.f_locals["first"], RunsIt)
        if moved:
            del frame  # otherwise it is in place again when main goes on
        t.switch()
        if moved:
            move_out()
            frame = t.frame
        names = ("second", "third", "fourth")
        seen = frame.f_locals
        found = [seen.get(name) for name in names]
        assert all(value is None or id(value) in alive for value in found)
        del frame, seen, found
        if t:
            t.switch()
        gc.collect()


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("how", ["close", "switch", "drop"])
def test_a_tealet_whose_frame_is_held_ends_while_another_one_runs(main, how):
    def ends_it():
        call_often()
        if how == "drop":
            ts.pop()
        else:
            getattr(ts[0], how)()
        main.switch("ended it")

    def held():
        return descend(3, main.switch)

    ts = [main.tealet(held)]
    ts[0].switch()
    frame = ts[0].frame
    other = main.tealet(ends_it)
    other.switch()
    main.switch()
    assert [t.status for t in ts] in ([], [Status.EXITED])
    assert main.tealet(descend).switch(30, call_often) is None
    while frame is not None:
        assert frame.f_locals
        frame = frame.f_back
    if other:
        other.switch()
