"""Frames move out of the data stack when another tealet runs, and back before theirs does."""

import gc
import sys
import textwrap
import threading
import weakref

import pytest

from conftest import check_stats
from extension_modules import run_python
from moving_frames import OFTEN, bytes_of, call_often, descend, refuses_to_end, small
from tealetpp import Main, TealetError

pytestmark = pytest.mark.usefixtures("statistics")


def calls_after_a_pause(main, depth):
    if depth:
        return calls_after_a_pause(main, depth - 1)
    times = main.switch()
    while True:
        for number in range(times):
            small(number)
        times = main.switch()


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("depth", [0, 1, 2, 10, 50])
def test_calls_and_pauses_need_no_new_blocks(main, move_out, depth):
    t = main.tealet(calls_after_a_pause)
    t.switch(main, depth)
    t.switch(1)
    move_out()
    before = check_stats(main)
    for _ in range(3):
        t.switch(1000)
        move_out()
        assert check_stats(main).data_stack_bytes == before.data_stack_bytes
        assert main.stats().data_stack_grows == before.data_stack_grows
    t.close()


# --- frames that are not in the chain, or not whole, when they move ---


@pytest.mark.rule("data-stack-moves")
def test_a_pause_while_arguments_are_bound(main, move_out):
    """CPython has made the frame of the callee then, but not linked it."""

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            main.switch("comparing")
            return str(self) == str(other)

    def callee(first, *, second):
        return first, second

    def run(depth):
        return run(depth - 1) if depth else callee(object, **{Name("second"): 2})

    t = main.tealet(run)
    value = t.switch(3)
    assert value == "comparing"
    while t:
        move_out()
        value = t.switch()
    assert value == (object, 2)


@pytest.mark.rule("data-stack-moves")
def test_a_pause_while_a_frame_is_cleared(main, move_out):
    class Pauses:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            dropped.append(self.name)
            main.switch()

    def run(depth):
        first, second = Pauses(f"first {depth}"), Pauses(f"second {depth}")
        if depth:
            run(depth - 1)
        assert first is not second
        return depth

    dropped = []
    t = main.tealet(run)
    value = t.switch(3)
    while t:
        move_out()
        value = t.switch()
    assert value == 3
    both = [{f"first {depth}", f"second {depth}"} for depth in range(4)]  # in any order
    assert [set(dropped[n : n + 2]) for n in range(0, 8, 2)] == both


@pytest.mark.rule("data-stack-arguments")
@pytest.mark.parametrize("count", [1, 3, 50, 300])
def test_a_tealet_that_another_one_begins_gets_its_arguments(main, count):
    """They lie among the frames of the tealet that begins it, which move then."""
    arguments = [object() for _ in range(count)]

    def check(*received):
        assert [*map(id, received)] == [*map(id, arguments)]
        return len(received)

    names = ", ".join(f"a{n}" for n in range(count))
    scope = {"check": check}
    # Its frame is larger than what lies before the arguments: CPython empties all of it first.
    more = "".join(f"v{n} = " for n in range(1000))
    exec(f"def begun({names}):\n    {more}None\n    return check({names})", scope)

    def begins(depth, how):
        if depth:
            return begins(depth - 1, how)
        t = main.tealet(scope["begun"], parent=main.current)
        return how(t)

    ways = [lambda t: t.switch(*arguments), lambda t: t.run(scope["begun"], *arguments)]
    spelled = {"arguments": arguments}
    listed = ", ".join(f"arguments[{n}]" for n in range(count))
    exec(f"def way(t): return t.switch({listed})", spelled)
    for how in [*ways[:1], spelled["way"]]:
        for depth in (0, 5, 300):
            assert main.tealet(begins).switch(depth, how) == count


@pytest.mark.rule("data-stack-moves")
def test_pauses_in_calls_of_every_depth(main):
    ts = [main.tealet(descend) for _ in range(5)]
    for n, t in enumerate(ts):
        t.switch(n * 3, lambda: descend(7, main.switch))
        check_stats(main)
    for t in ts:
        assert t.switch(t) is t
        assert not t
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-moves")
def test_exceptions_through_frames_that_have_moved(main, move_out):
    def fails():
        raise ValueError

    def run(depth):
        main.switch()
        call_often()
        if depth:
            try:
                run(depth - 1)
            except ValueError:
                descend(3, call_often)
                raise
        fails()

    t = main.tealet(run)
    for _ in range(11):
        t.switch(*([10] if not t else []))
        move_out()
    with pytest.raises(ValueError):
        t.switch()


@pytest.mark.rule("data-stack-moves")
def test_generators_that_call_functions(main, move_out):
    def generate(depth):
        for number in range(OFTEN):
            yield small(number)
        if depth:
            yield from generate(depth - 1)
        main.switch()
        for number in range(OFTEN):
            yield small(number)

    def run(depth):
        main.switch()
        return sum(generate(depth)) + len([*generate(depth)])

    t = main.tealet(run)
    t.switch(4)
    t.switch()
    for _ in range(9):
        move_out()
        t.switch()
    assert t.switch() == 5 * 2 * (OFTEN + sum(12 * n for n in range(OFTEN)))


@pytest.mark.rule("data-stack-moves")
def test_a_trace_function(main, move_out):
    lines = []

    def trace(frame, event, arg):
        lines.append(frame.f_lineno)
        return trace

    def run():
        main.switch()
        sys.settrace(trace)
        try:
            call_often()
            descend(3, call_often)
        finally:
            sys.settrace(None)
        return descend(3, call_often)

    t = main.tealet(run)
    t.switch()
    move_out()
    t.switch()
    assert not t
    assert len(lines) > OFTEN


@pytest.mark.rule("data-stack-moves")
def test_frames_that_enclose_a_domain(main):
    def encloses(depth):
        main.switch()
        call_often()
        with Main() as inner:
            t = inner.tealet(descend)
            assert t.switch(depth, lambda: inner.switch("inner")) == "inner"
            for number in range(OFTEN):
                small(number)
            main.switch()
            t.switch()
            for number in range(OFTEN):
                small(number)
            assert bytes_of(inner) == 0
        if depth:
            encloses(depth - 1)

    ts = [main.tealet(encloses) for _ in range(3)]
    for t in ts:
        t.switch(3)
    while any(ts):
        for t in ts:
            if t:
                t.switch()
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-moves")
def test_frames_that_enclose_a_domain_whose_tealet_runs(main, move_out):
    """They are found through the inner domain, which has put them away."""

    class Local:
        pass

    def encloses(depth, local):
        if depth:
            return encloses(depth - 1, Local())
        with Main() as inner:
            gone.append(weakref.ref(local))
            return inner.tealet(refuses_to_end).switch(main, 3)

    gone = []
    host = main.tealet(encloses)
    host.switch(30, None)
    for depth in (100, 0):
        other = main.tealet(descend)
        other.switch(depth, main.switch)
        assert host.stats().python_depth == 31
        gc.collect()
        other.close()
    assert gone[0]() is not None
    with pytest.raises(TealetError, match="refuses to end"):
        main.close()
    assert gone[0]() is None


@pytest.mark.rule("data-stack-moves")
def test_an_inner_tealet_that_is_deeper_when_the_outer_one_pauses(main, move_out):
    """It is not paused by its own domain then, so its block is not made for that."""

    def descends(depth, action):
        local = [depth]
        result = descends(depth - 1, action) if depth else action()
        assert local == [depth]
        return result

    def outer():
        with Main() as inner:

            def run():
                inner.switch()
                descends(60, main.switch)
                inner.switch()
                return "ran"

            t = inner.tealet(run)
            t.switch()
            t.switch()
            others = [inner.tealet(lambda: descends(100, inner.switch)) for _ in range(20)]
            for other in others:
                other.switch()
            check_stats(inner)
            for other in others:
                other.switch()
            return t.switch()

    host = main.tealet(outer)
    host.switch()
    move_out()
    assert host.switch() == "ran"


@pytest.mark.rule("data-stack-moves")
def test_threads_take_turns_in_calls(main):
    def run():
        with Main() as own:
            ts = [own.tealet(calls_after_a_pause) for _ in range(5)]
            for depth, t in enumerate(ts):
                t.switch(own, depth)
            for _ in range(20):
                for t in ts:
                    t.switch(200)
            for t in ts:
                t.close()
            sums.append(check_stats(own).data_stack_bytes)

    sums = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert sums == [0] * 4


LEFT_IN_THE_MIDDLE = """
    import gc, threading, warnings
    from greenlet import getcurrent, greenlet
    from tealetpp import Main
    from moving_frames import descend, small

    warnings.simplefilter("ignore")  # open domains
    left = []

    def run(depth):
        hub = getcurrent()
        own = Main()

        def leaves():
            own.switch()
            for number in range(20):
                small(number)
            hub.switch("left")

        def body():
            t.switch(depth, leaves)
            t.switch()

        t = own.tealet(descend)
        g = greenlet(body)
        assert g.switch() == "left"
        descend(3, list)
        if depth % 2:
            left.append(g)

    for depth in (0, 1, 5, 6):
        thread = threading.Thread(target=run, args=(depth,))
        thread.start()
        thread.join()
    left.clear()
    gc.collect()
    with Main() as main:
        main.tealet(descend).switch(10, list)
        assert main.stats().data_stack_bytes == 0
    print("fine")
"""


@pytest.mark.rule("data-stack-moves")
def test_greenlets_that_are_left_in_the_middle_and_their_threads_end(pytestconfig):
    """CPython and greenlet free these data stacks, chunk by chunk."""
    pytest.importorskip("greenlet")
    program = textwrap.dedent(LEFT_IN_THE_MIDDLE)
    folder = pytestconfig.rootpath / "tests"
    assert run_python(folder, "-c", program).strip() == "fine"
