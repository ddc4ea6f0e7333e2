"""Tealets in reference cycles, and collections while tealets are paused."""

import functools
import gc
import subprocess
import sys
import textwrap
import threading
import weakref

import pytest

import tealetpp
from tealetpp import InvalidError, Main, Status, TealetError, TealetExit


@pytest.mark.rule("garbage-clear")
def test_a_cycle_that_only_a_new_tealet_can_break_is_collected(main):
    """Neither a builtin method nor the reference to a parent can be cleared."""

    def cycle():
        child = main.tealet(int)
        parent = main.tealet(child.switch)
        child.parent = parent
        return weakref.ref(parent)

    gone = cycle()
    gc.collect()
    assert gone() is None
    assert main.stats().n_active == 1


def test_a_new_tealet_in_a_cycle_with_its_function_is_collected(main):
    def cycle():
        def run():
            return t

        t = main.tealet(run)
        return weakref.ref(t)

    gone = cycle()
    gc.collect()
    assert gone() is None
    assert main.stats().n_active == 1


def test_a_paused_tealet_that_only_garbage_refers_to_is_closed(main):
    unwound = []

    def run():
        try:
            main.switch()
        finally:
            unwound.append(True)

    t = main.tealet(run)
    t.switch()
    garbage = [t]
    garbage.append(garbage)
    del t, garbage
    gc.collect()
    assert unwound == [True]
    assert main.stats().n_active == 1


@pytest.mark.rule("garbage-traverse")
def test_a_paused_tealet_that_its_own_frames_refer_to_is_closed(main):
    unwound = []

    def begin():
        def run():
            itself = t  # a local variable, and a cell of the function
            try:
                sorted([1], key=lambda x: main.switch())
            finally:
                unwound.append(itself is not None)

        t = main.tealet(run)
        t.switch()
        return weakref.ref(t)

    gone = begin()
    gc.collect()
    assert gone() is None
    assert unwound == [True]
    assert main.stats().n_active == 1


def test_many_paused_tealets_in_one_cycle_are_closed(main):
    unwound = []

    def begin():
        ts = []

        def run(n):
            me = ts[n]
            try:
                main.switch()
            except TealetExit:
                unwound.append((n, me is ts[n]))

        for n in range(20):
            ts.append(main.tealet(run))
            ts[n].switch(n)

    begin()
    gc.collect()
    assert sorted(unwound) == [(n, True) for n in range(20)]
    assert main.stats().n_active == 1


def test_a_paused_tealet_in_a_cycle_is_closed_on_its_own_thread(main):
    unwound = []

    def begin():
        def run():
            itself = t
            try:
                main.switch()
            finally:
                unwound.append((itself is t, threading.current_thread()))

        t = main.tealet(run)
        t.switch()

    begin()
    collector = threading.Thread(target=gc.collect)
    collector.start()
    collector.join()
    assert unwound == [(True, threading.current_thread())]


@pytest.mark.rule("garbage-traverse")
def test_a_paused_tealet_whose_evaluation_stack_refers_to_it():
    """Before CPython 3.14 only the interpreter loop knows what lies there."""
    unwound = []
    with Main() as main:

        def begin():
            def run():
                try:
                    main.switch(t)
                finally:
                    unwound.append(True)

            t = main.tealet(run)
            t.switch()
            return weakref.ref(t)

        t = begin()
        gc.collect()
        if sys.version_info < (3, 14):
            assert t().status is Status.SUSPENDED
        else:
            assert t() is None and unwound == [True]
    assert unwound == [True]


@pytest.mark.rule("garbage-finalize")
def test_what_paused_c_code_borrows_is_not_cleared(main, unraisable):
    """filter() is being closed, and still calls a function that only the cycle owns."""
    calls = []

    def pause(x):
        calls.append(x)
        try:
            main.switch()
        except TealetExit:
            pass
        return x == 2

    def begin():
        borrowed = functools.partial(pause)
        t = main.tealet(filter(borrowed, [1, 2]).__next__)
        borrowed.cycle = t
        t.switch()

    begin()
    gc.collect()
    assert calls == [1, 2]
    assert [error for error, _ in unraisable] == [TealetError]  # it refuses to end
    assert main.previous.status is Status.SUSPENDED
    assert main.previous.switch() == 2


def test_collection_in_every_tealet_while_all_are_paused(main):
    def run(n):
        kept = [object() for _ in range(n)]
        while True:
            gc.collect()
            main.switch(len(kept))

    ts = [main.tealet(run) for _ in range(20)]
    for _ in range(3):
        assert [
            t.switch(n) if t.status is Status.NEW else t.switch() for n, t in enumerate(ts)
        ] == [*range(20)]
        gc.collect()


def test_everything_works_while_garbage_is_collected_all_the_time(main, eager_gc):
    def run(n):
        return sorted([main.switch(n), main.switch(n + 1)], key=lambda x: [x])

    for n in range(50):
        t = main.tealet(run)
        assert t.switch(n) == n
        assert t.switch(2) == n + 1
        assert t.switch(1) == [1, 2]


def test_nothing_is_ended_while_finalizers_make_pending_calls(main, unraisable):
    """The tealet waits for the main thread's next pending call. A `__del__` in the same cycle
    runs code that makes pending calls."""
    unwound = []
    source = """
def run():
    itself = cell
    try:
        main.switch()
    finally:
        unwound.append(add(1))
def add(n):
    return n + offset
offset = 10
"""

    class Calls:
        def __del__(self):
            for _ in range(100):
                len([])

    def begin():
        namespace = {"main": main, "unwound": unwound}
        exec(source, namespace)
        namespace["cell"] = t = main.tealet(namespace["run"])
        for _ in range(3):
            garbage = Calls()
            garbage.itself, garbage.namespace = garbage, namespace
        t.switch()

    begin()
    gc.collect()
    assert unwound == [11], "right after the collection"
    assert unraisable == []


@pytest.mark.rule("garbage-switch")
def test_a_finalizer_can_switch_but_not_while_garbage_is_collected(main, unraisable):
    log = []

    class Switches:
        def __del__(self):
            log.append(other.switch("from __del__"))

    def echo(value):
        while True:
            value = main.switch(("echo", value))

    other = main.tealet(echo)
    Switches()
    assert log == [("echo", "from __del__")]
    garbage = Switches()
    garbage.itself = garbage
    del garbage
    gc.collect()
    assert log == [("echo", "from __del__")]
    assert [(error, "garbage collector" in text) for error, text in unraisable] == [
        (InvalidError, True)
    ]
    assert other.switch("after") == ("echo", "after")


@pytest.fixture
def callbacks():
    """gc.callbacks, for tests that change it."""
    before = gc.callbacks[:]
    yield gc.callbacks
    gc.callbacks[:] = before


@pytest.mark.rule("garbage-switch")
def test_nothing_switches_in_a_collection_in_which_another_one_was_made(main, callbacks):
    """CPython 3.12 does so if a collection is pending and Python code runs: here, a callback."""

    class Switches:
        def __del__(self):
            try:
                log.append(main.tealet(int).switch())
            except InvalidError as error:
                log.append("garbage collector" in str(error))

    log = []
    garbage = [Switches() for _ in range(3)]
    for one in garbage:
        one.itself = one
    del one
    gc.collect()  # now only a full collection finds them
    garbage.clear()
    callbacks.append(lambda phase, info: None)
    # Enough new lists to make a collection pending, with no step between them to run it.
    collect = eval(f"lambda: [{'[], ' * 300} gc.collect()]", {"gc": gc})
    threshold = gc.get_threshold()
    gc.set_threshold(1, 1000, 1000)
    try:
        collect()
    finally:
        gc.set_threshold(*threshold)
    assert log == [True] * 3


@pytest.mark.rule("garbage-switch")
def test_nothing_switches_in_the_last_collection_of_the_interpreter():
    """It does not call gc.callbacks."""
    program = """
        import builtins, os
        from tealetpp import InvalidError, Main

        main = Main()

        def body(main=main):
            while True:
                main.switch()

        class Switches:
            def __init__(self, t):
                self.itself, self.t = self, t

            def __del__(self, write=os.write, refusal=InvalidError):
                try:
                    self.t.switch()
                    write(1, b"switched ")
                except refusal:
                    write(1, b"refused ")

        t = main.tealet(body)
        t.switch()
        builtins.garbage = [Switches(t) for _ in range(3)]
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "refused " * 3), done.stderr


def test_a_switch_works_when_the_end_of_a_collection_is_not_reported(main, callbacks):
    callbacks.append(lambda phase, info: callbacks.clear())
    gc.collect()
    assert main.tealet(lambda: "begun").switch() == "begun"


def test_collections_are_watched_again_after_that(main, callbacks, unraisable):
    watching = callbacks[:]
    callbacks.append(lambda phase, info: callbacks.clear())
    gc.collect()
    main.tealet(lambda: None).switch()
    assert callbacks == [x for x in watching if x is tealetpp._tealetpp._on_collection]

    class Switches:
        def __del__(self):
            main.tealet(lambda: None).switch()

    garbage = Switches()
    garbage.itself = garbage
    del garbage
    gc.collect()
    assert [error for error, _ in unraisable] == [InvalidError]


def test_the_function_and_its_arguments_are_let_go_at_the_end(main):
    class Thing:
        def __call__(self, *args, **kwargs):
            main.switch()

    thing, positional, named = Thing(), Thing(), Thing()
    gone = [weakref.ref(x) for x in (thing, positional, named)]
    t = main.tealet(thing)
    t.switch(positional, name=named)
    del thing, positional, named
    t.switch()
    assert [ref() for ref in gone] == [None] * 3


@pytest.mark.parametrize("close", [True, False])
def test_main_is_let_go(close):
    main = Main()
    t = main.tealet(print)
    gone = weakref.ref(main), weakref.ref(t)
    if close:
        main.close()
    del main, t
    gc.collect()
    assert [ref() for ref in gone] == [None, None]
