"""The Python C API: C functions of another extension module that pause."""

import gc
import sys
import weakref

import pytest

from conftest import check_stats
from extension_modules import NULL
from tealetpp import InvalidError, Main, Status, TealetError, TealetExit

# --- pausing in the middle ---


def test_a_c_function_pauses_in_the_middle_of_a_recursion(main, calls, paused):
    summing = [paused(calls.sum_from, depth) for depth in (5, 20, 10)]
    check_stats(main)
    results = [t.switch(1000) for t in summing]
    assert results == [1015, 1210, 1055]
    assert not any(summing)


def test_python_frames_on_both_sides(main, calls):
    def run(depth):
        return ["result", max([calls.sum_from(depth)], key=lambda x: calls.sum_from(depth))]

    t = main.tealet(run)
    assert t.switch(3) is None
    assert t.switch(1) is None
    assert t.switch(2) == ["result", 7]


def test_what_comes_and_goes_is_the_very_object(calls, paused):
    first, second = object(), object()
    t = paused(calls.echo, None)
    assert t.switch(first) is first
    assert calls.switch_to(t, second) is second
    assert calls.switch_to(t, NULL) is None


def test_c_switches_to_a_tealet_that_has_not_begun(main, calls):
    assert calls.switch_to(main.tealet(lambda *args: args), NULL) == ()
    assert calls.switch_to(main.tealet(lambda *args: args), None) == (None,)
    assert calls.switch_to(main.tealet(lambda *args: args), "value") == ("value",)


def test_switching_to_the_running_tealet_returns_the_value(main, calls):
    assert calls.switch_to(main, "value") == "value"
    assert calls.switch_to(main, NULL) is None


def test_a_cpp_exception_in_flight_is_the_tealets_own(calls, paused):
    handling = [paused(calls.pause_while_handling, n) for n in (1, 2, 3)]
    assert [handling[i].switch() for i in (1, 0, 2)] == [2, 1, 3]


# --- exceptions, and the end ---


def test_an_exception_that_is_thrown_passes_through_c(calls, paused):
    t = paused(calls.sum_from, 4)
    with pytest.raises(KeyError, match="thrown"):
        t.throw(KeyError("thrown"))
    assert calls.take_clean_ups() == 4
    assert t.status is Status.EXITED


def test_c_throws(main, calls, paused):
    t = paused(calls.hold, object())
    with pytest.raises(KeyError, match="by C"):
        calls.throw_into(t, KeyError("by C"))
    with pytest.raises(OSError):
        calls.throw_into(paused(calls.hold, object()), OSError)
    with pytest.raises(ZeroDivisionError):
        calls.throw_into(main, ZeroDivisionError)
    assert calls.take_clean_ups() == 2


def test_what_leaves_a_tealet_arrives_in_c(main, calls):
    def fail():
        raise KeyError("from the tealet")

    with pytest.raises(KeyError, match="from the tealet"):
        calls.switch_to(main.tealet(fail), NULL)


@pytest.mark.parametrize("closing", ["method", "C", "with", "reference", "domain"])
def test_closing_while_paused_in_c(calls, closing):
    with Main() as main:
        marker = object()
        references = sys.getrefcount(marker)
        deep, holding = main.tealet(calls.sum_from), main.tealet(calls.hold)
        deep.switch(7)
        holding.switch(marker)
        assert sys.getrefcount(marker) > references
        for t in (deep, holding):
            if closing == "method":
                t.close()
            elif closing == "C":
                calls.close_tealet(t)
            elif closing == "with":
                with t:
                    pass
        if closing == "reference":
            del t, deep, holding
        elif closing == "domain":
            main.close()
        assert calls.take_clean_ups() == 8
        assert sys.getrefcount(marker) == references
        assert main.stats().n_active == (0 if closing == "domain" else main.stats().enabled)


def test_cpp_destructors_run_when_it_is_closed(calls, paused):
    before = calls.count_guards()
    tealets = [paused(lambda: calls.pause_guarded()) for _ in range(3)]
    assert calls.count_guards() == before + 6
    assert tealets.pop().switch("value") == "value"
    assert calls.count_guards() == before + 4
    for t in tealets:
        t.close()
    assert calls.count_guards() == before


def test_a_c_function_may_take_its_end_as_it_likes(calls, paused):
    t = paused(calls.end_whatever_comes)
    t.close()
    assert t.status is Status.EXITED
    thrown = KeyError("thrown")
    assert paused(calls.end_whatever_comes).throw(thrown) is thrown


def test_one_that_refuses_to_end(calls, paused):
    t = paused(calls.refuse_to_end)
    with pytest.raises(TealetError, match="refuses to end"):
        calls.close_tealet(t)
    assert t.status is Status.SUSPENDED
    assert t.switch("then") == "then"


def test_closing_the_running_tealet(main, calls):
    def run():
        with pytest.raises(TealetExit):
            calls.close_tealet(main.current)
        return "goes on"

    assert main.tealet(run).switch() == "goes on"


def test_closing_one_that_has_ended_or_not_begun(main, calls):
    t = main.tealet(int)
    assert calls.close_tealet(t) is calls.close_tealet(t) is None
    assert t.status is Status.EXITED


def test_closing_a_main(calls):
    main = Main()
    t = main.tealet(calls.hold)
    t.switch(None)
    assert calls.close_tealet(main) is None
    assert t.status is Status.EXITED
    assert calls.take_clean_ups() == 1


# --- references ---


def references(*objects):
    return [sys.getrefcount(x) for x in objects]


def test_no_reference_is_lost_or_left(main, calls, paused):
    t, value, error = paused(calls.echo, None), object(), KeyError("error")
    ended = main.tealet(int)
    ended.switch()
    before = references(main, t, ended, value, error, calls.hold)
    for _ in range(10):
        calls.switch_to(t, value)
        calls.switch_to(main, value)
        calls.current(NULL), calls.current(main), calls.main_of(t), calls.parent_of(t)
        calls.make(main, calls.hold, t)
        calls.status_of(t), calls.n_active(main)
        for call in (calls.switch_to, calls.throw_into):
            with pytest.raises(InvalidError):
                call(ended, error)
        with pytest.raises(TypeError):
            calls.switch_to(value, value)
    error.__traceback__ = None
    t.switch(None)  # it refers to the last value that it received
    after = references(main, t, ended, value, error, calls.hold)
    assert after == before


def test_nothing_grows(calls):
    def once():
        with Main() as main:
            t = calls.make(main, calls.sum_from, NULL)
            calls.switch_to(t, 8)
            calls.switch_to(calls.make_countdown(main, 1), 1)
            closed, dropped = calls.make(main, calls.hold, NULL), main.tealet(calls.echo)
            calls.switch_to(closed, main)
            calls.bounce(dropped, 10, "value")
            del dropped
            calls.close_tealet(closed)
            assert calls.switch_to(t, 1) == 37
            with pytest.raises(OSError):
                calls.throw_into(calls.make(main, int, NULL), OSError)
        assert main.stats().bytes_allocated == main.stats().blocks_allocated == 0

    def measure(rounds):
        for _ in range(rounds):
            once()
        gc.collect()
        return sys.getallocatedblocks(), getattr(sys, "gettotalrefcount", int)()

    measure(20)
    blocks, total = measure(5)
    more_blocks, more_total = measure(200)
    assert more_blocks - blocks < 100
    assert more_total - total < 100


def test_a_switch_holds_the_tealet_until_it_returns(main, calls):
    """As a Python frame does. The caller's own reference may go meanwhile."""
    log = []

    def run():
        try:
            calls.set_slot(None)
            other.switch()
        finally:
            log.append("ended")

    other = main.tealet(lambda: log.append("other"))
    calls.set_slot(main.tealet(run))
    assert calls.switch_to_slot() is None
    assert log == ["other", "ended"]


def test_a_switch_may_be_the_last_to_need_the_main(calls):
    main = Main()

    def run():
        calls.set_slot(None)
        return "end"

    calls.set_slot(main.tealet(run))
    gone = weakref.ref(main)
    del main
    assert calls.switch_to_slot() == "end"
    assert gone() is None
