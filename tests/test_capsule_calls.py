"""Each function of the Python C API: its results, and its errors on misuse."""

import threading

import pytest

from conftest import check_stats
from extension_modules import NULL
from tealetpp import InvalidError, Main, Status, Tealet, ThreadError

# --- new tealets ---


def test_new_with_a_c_function(main, calls):
    t = calls.make(main, calls.echo, NULL)
    assert t.parent is main
    assert t.switch("value") == "value"


def test_new_with_a_c_function_that_has_an_object(main, calls):
    t = calls.make_countdown(main, 3)
    assert [t.switch(1), t.switch(1), t.switch(1), t.switch(1)] == [3, 2, 1, "liftoff"]
    t = calls.make_countdown(main, 3)
    assert t.switch(2) == 3
    t.close()


def test_new_without_a_function_or_a_parent(main, calls):
    for t in (calls.make(main, NULL, NULL), calls.make(main, None, None)):
        assert t.status is Status.NEW
        assert t.parent is main
        assert t.run(int, "3") == 3
    other = main.tealet()
    assert calls.make(main, int, other).parent is other


def test_new_inside_a_tealet_has_that_as_its_parent(main, calls):
    t = main.tealet(lambda: calls.make(main, int, NULL).parent is main.current)
    assert t.switch() is True


# --- current, main and parent ---


def test_types(main, calls):
    class MyMain(Main):
        pass

    assert [calls.check(x) for x in (main, main.tealet(), MyMain())] == [1, 1, 1]
    assert [calls.check_main(x) for x in (main, main.tealet(), MyMain())] == [1, 0, 1]
    for wrong in (NULL, None, 3, Tealet, Main, object()):
        assert calls.check(wrong) == calls.check_main(wrong) == 0


def test_a_subclass_of_main_will_do(calls):
    class MyMain(Main):
        def switch(self, *args):
            raise AssertionError("what Python overrides is not for C")

    with MyMain() as main:
        t = calls.make(main, calls.echo, NULL)
        assert calls.switch_to(t, "value") == "value"
        assert calls.current(main) is calls.main_of(t) is main
        assert calls.stats_of(main)["n_active"] == 2 * main.stats().enabled
        assert calls.switch_to(main, 3) == 3


def test_current_main_and_parent(main, calls):
    def run():
        me = main.current
        assert calls.current(NULL) is calls.current(main) is me
        return calls.parent_of(me) is calls.main_of(me) is main

    t = main.tealet(run)
    assert calls.current(NULL) is calls.current(main) is main
    assert calls.parent_of(main) is None
    assert t.switch() is True
    assert calls.parent_of(t) is None
    assert calls.main_of(t) is calls.main_of(main) is main


def test_status(main, calls):
    new, stub, paused, ended = main.tealet(calls.hold), main.stub(), main.tealet(calls.hold), Main()
    paused.switch(None)
    ended.close()
    statuses = [calls.status_of(t) for t in (new, stub, paused, main, ended)]
    assert statuses == [0, 1, 2, 3, 4] == [t.status.value for t in (new, stub, paused, main, ended)]
    assert Status.DEFUNCT.value == 5


def test_current_of_the_innermost_domain(calls):
    assert calls.current(NULL) is None
    with Main() as outer:
        assert calls.current(NULL) is outer

        def run():
            assert calls.current(NULL) is outer.current
            with Main() as inner:
                assert calls.current(NULL) is inner
                outer.switch()
                assert calls.current(NULL) is inner
                t = inner.tealet(lambda: calls.current(NULL))
                assert t.switch() is t
                with Main() as innermost:
                    assert calls.current(NULL) is innermost
                assert calls.current(outer) is not calls.current(inner) is inner
            return calls.current(NULL) is outer.current

        t = outer.tealet(run)
        t.switch()
        # A domain that was opened in a paused tealet cannot be used here.
        assert calls.current(NULL) is outer
        with Main() as beside:
            assert calls.current(NULL) is beside
        assert t.switch() is True
    assert calls.current(NULL) is None


# --- statistics ---


def test_stats_are_those_of_python(main, calls, paused):
    tealets = [paused(calls.sum_from, depth) for depth in range(1, 6)]
    stub = main.stub()
    twins = [stub.duplicate() for _ in range(3)]
    figures = calls.stats_of(main)
    stats = main.stats()
    assert figures == {name: getattr(stats, name) for name in figures}
    assert len(figures) == 13
    assert stats.enabled == (figures["blocks_allocated"] > 0) == (figures["stack_bytes"] > 0)
    assert calls.n_active(main) == stats.n_active
    main.close()
    final = main.stats()
    assert calls.stats_of(main) == {name: getattr(final, name) for name in figures}
    assert tealets and twins


# --- misuse ---

OF_A_TEALET = ("main_of", "parent_of", "switch_to", "throw_into", "close_tealet", "status_of")
OF_A_MAIN = ("current", "make", "stats_of")


@pytest.mark.parametrize("name", OF_A_TEALET + OF_A_MAIN)
@pytest.mark.parametrize("wrong", [3, None, "text", Tealet, NULL])
def test_wrong_types(main, calls, name, wrong):
    if (name, wrong) == ("current", NULL):
        return
    before = main.stats()
    shown = "NULL" if wrong is NULL else repr(wrong)
    needed = "Tealet" if name in OF_A_TEALET else "Main"
    with pytest.raises(TypeError) as caught:
        getattr(calls, name)(wrong, KeyError())
    assert f"() needs a tealetpp.{needed}, not {shown}" in str(caught.value)
    assert "PyTealet_" in str(caught.value)
    assert main.stats() == before


@pytest.mark.parametrize("name", OF_A_MAIN)
def test_a_tealet_is_no_main(main, calls, name):
    with pytest.raises(TypeError, match=r"needs a tealetpp.Main, not <tealetpp.Tealet"):
        getattr(calls, name)(main.tealet())


def test_other_wrong_arguments(main, calls, paused):
    with pytest.raises(TypeError, match="runs a callable, not 3"):
        calls.make(main, 3, NULL)
    with pytest.raises(TypeError, match="must be a tealet, not 3"):
        calls.make(main, int, 3)
    with pytest.raises(TypeError, match="is a generator function: calling it runs nothing"):
        calls.make(main, lambda: (yield), NULL)
    for wrong in (NULL, None, 3, int):
        with pytest.raises(TypeError, match="needs an exception"):
            calls.throw_into(paused(calls.hold, None), wrong)
    with pytest.raises(TypeError, match="needs a tealet_stats_t, not NULL"):
        calls.stats_into_null(main)
    check_stats(main)


@pytest.mark.parametrize("name", (*OF_A_TEALET, *OF_A_MAIN, "stats_into_null", "n_active"))
def test_nothing_is_done_while_an_exception_is_set(main, calls, paused, name):
    log = []
    function = main if name in (*OF_A_MAIN, "n_active") else paused(calls.hold, log)
    before = main.stats()
    for first in (function, NULL, 3):
        with pytest.raises(KeyError, match="set before"):
            calls.with_error(name, first, KeyError)
    assert main.stats() == before
    assert function


def test_the_checks_leave_an_exception_as_it_is(main, calls):
    assert [calls.checks_with_error(x) for x in (main, main.tealet(), 3, NULL)] == [3, 1, 0, 0]


def test_one_that_was_never_initialised(main, calls):
    for bare in (Tealet.__new__(Tealet), Main.__new__(Main)):
        assert calls.status_of(bare) == Status.EXITED.value
        assert calls.parent_of(bare) is calls.main_of(bare) is calls.close_tealet(bare) is None
        for call in (calls.switch_to, calls.throw_into):
            with pytest.raises(TypeError, match="never initialised"):
                call(bare, KeyError)
    assert calls.current(bare) is None
    assert calls.n_active(bare) == 0
    with pytest.raises(TypeError, match="never initialised"):
        calls.make(bare)


def test_an_ended_tealet(main, calls):
    ended, stub, bare = main.tealet(int), main.stub(), main.tealet()
    ended.switch()
    for call in (calls.switch_to, calls.throw_into):
        with pytest.raises(InvalidError, match="has ended"):
            call(ended, KeyError)
    with pytest.raises(InvalidError, match="no function"):
        calls.switch_to(stub)
    with pytest.raises(InvalidError, match="no function"):
        calls.switch_to(bare)
    with pytest.raises(InvalidError, match="has ended"):
        calls.make(main, int, ended)
    with pytest.raises(InvalidError, match="stub"):
        calls.make(main, int, stub)
    with Main() as other, pytest.raises(InvalidError, match="belongs to"):
        calls.make(main, int, other)
    check_stats(main)


def test_a_closed_domain(calls):
    main = Main()
    t = main.tealet(calls.hold)
    t.switch(None)
    main.close()
    assert calls.current(main) is calls.current(NULL) is None
    assert calls.main_of(t) is main
    for call in (calls.switch_to, calls.throw_into, calls.make):
        with pytest.raises(InvalidError, match="is closed"):
            call(main, KeyError)
    with pytest.raises(InvalidError, match="is closed"):
        calls.switch_to(t)
    assert calls.close_tealet(t) is calls.close_tealet(main) is None


def test_another_thread(main, calls, paused):
    t = paused(calls.hold, None)
    seen = []

    def run():
        assert calls.current(NULL) is None
        assert calls.current(main) is calls.main_of(t) is main
        attempts = {
            calls.switch_to: (t, 1),
            calls.throw_into: (t, KeyError),
            calls.close_tealet: (t,),
            calls.make: (main, int),
        }
        for call, arguments in attempts.items():
            with pytest.raises(ThreadError, match="cannot be used on this thread"):
                call(*arguments)
        with Main() as other:
            assert calls.current(NULL) is other
        seen.append(calls.status_of(t))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [Status.SUSPENDED.value]
    assert t.switch("still") == "still"


def test_past_the_memory_limit(calls):
    with Main(memory_limit=20_000) as main:
        tealets = []
        with pytest.raises(MemoryError, match="memory limit"):
            while True:
                tealets.append(calls.make(main, calls.hold, NULL))
                calls.switch_to(tealets[-1], None)
        assert len(tealets) > 1
        check_stats(main)
