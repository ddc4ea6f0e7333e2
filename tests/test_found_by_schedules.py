"""Defects that the wide schedules found, each as a small program."""

import gc
import subprocess
import sys
import textwrap
import types

import pytest

from tealetpp import Main


def domain_with_a_paused_tealet(log):
    """A generator in the middle of its `with Main()`: closing or dropping it closes the domain."""
    with Main() as main:

        def body():
            try:
                main.switch()
            finally:
                log.append("unwound")

        tealet = main.tealet(body)
        tealet.switch()
        yield main


def test_a_tealet_may_drop_at_its_end_what_switches(main):
    class SwitchesWhenDropped:
        def __del__(self):
            # Its frames do not fit into the first chunk of the data stack.
            def many(x):
                return (x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x)[0]

            a = b = c = d = e = f = g = h = None
            seen.append((main.tealet(many).switch(1), a, b, c, d, e, f, g, h)[0])

    def short(owned=None):
        pass

    seen = []
    for _ in range(50):
        function = types.FunctionType(short.__code__, {}, "short", (SwitchesWhenDropped(),))
        tealet = main.tealet(function)
        del function
        tealet.switch()
    assert seen == [1] * 50


def test_what_comes_to_wait_during_a_pending_call_lets_traced_functions_go_on():
    """CPython 3.11 stops at a traced call for as long as a pending call cannot be made."""
    program = """
        import gc, sys
        from tealetpp import Main

        def lose(main, then):
            back = main.current
            def body():
                itself = main.current
                try:
                    back.switch()
                finally:
                    then()
            main.tealet(body).switch()

        def nothing():
            pass

        def trace(frame, event, argument):
            return trace

        def in_the_middle():
            lose(main, lambda: done.append("inner"))
            gc.collect()
            nothing()
            done.append("outer")

        done = []
        gc.disable()
        with Main() as main:
            lose(main, in_the_middle)
            sys.settrace(trace)
            gc.collect()
            nothing()
            sys.settrace(None)
            print(done)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "['outer', 'inner']\n", done.stderr


def test_a_domain_may_close_while_a_traced_switch_arrives():
    log = []

    def trace(frame, event, argument):
        return trace

    gc.disable()
    before = sys.gettrace()
    try:
        generator = domain_with_a_paused_tealet(log)
        next(generator)
        cycle = [generator]
        cycle.append(cycle)
        sys.settrace(trace)
        del generator, cycle
        gc.collect()
        with Main() as other:  # an occasion
            other.tealet(int).switch()
    finally:
        sys.settrace(before)
        gc.enable()
    assert log == ["unwound"]


def test_beside_greenlet_a_domain_may_be_used_inside_a_tealet_of_another():
    pytest.importorskip("greenlet")
    with Main() as older, Main() as newer:

        def pauses():
            older.switch("paused")
            return "ended"

        def deep(n):
            return sorted([n], key=lambda _: deep(n - 1)) and result if n else use()

        def use():
            result.append(tealet.switch())
            return result

        tealet = older.tealet(pauses)
        assert tealet.switch() == "paused"
        result = []
        assert newer.tealet(deep).switch(20) == ["ended"]


def test_beside_greenlet_a_dropped_main_is_closed_where_its_tealets_began():
    greenlet = pytest.importorskip("greenlet")
    log = []

    def occasion():
        with Main() as main:
            main.tealet(int).switch()

    def deep(n):
        return sorted([n], key=lambda _: deep(n - 1)) if n else greenlet.greenlet(other).switch()

    def other():
        nonlocal generator
        cycle = [generator]
        cycle.append(cycle)
        generator = cycle = None
        gc.collect()
        occasion()
        log.append("other")

    gc.disable()
    try:
        generator = domain_with_a_paused_tealet(log)
        next(generator)
        deep(5)
        occasion()
    finally:
        gc.enable()
    assert log == ["other", "unwound"]


def test_what_runs_inside_of_a_tealet_that_is_being_ended_ends_no_others(main):
    log = []

    def lose(name):
        def body():
            itself = t
            try:
                main.switch()
            finally:
                log.append(f"{name} begins")
                with Main() as inner:
                    for _ in range(3):
                        inner.tealet(lambda: inner.tealet(int).switch()).switch()
                log.append(f"{name} ends")
                assert itself is t

        t = main.tealet(body)
        t.switch()

    lose("first")
    lose("second")
    gc.collect()
    main.tealet(int).switch()
    assert sorted(log) == ["first begins", "first ends", "second begins", "second ends"]
    assert log[0][:5] == log[1][:5], "one after the other"


def test_a_tealet_that_a_returning_function_drops_is_closed_while_the_collector_looks(main):
    """C code called that function, so a frame on the C stack is the newest one then."""
    collected = []

    def deep(n):
        return list(map(deep, [n - 1])) if n else []

    def paused(back):
        try:
            back.switch()
        finally:
            deep(20)
            collected.append(gc.collect())

    def drops(_):
        t = ts.pop()
        assert t

    def run():
        itself = main.current
        for call in (lambda: list(map(drops, [0])), lambda: sorted([1], key=drops)):
            ts.append(main.tealet(paused))  # farther than where it is closed
            ts[0].switch(itself)
            call()
        return itself

    ts = []
    main.tealet(run).switch()
    assert len(collected) == 2
