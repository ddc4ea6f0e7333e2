"""Tealets in reference cycles, and the garbage collector at work while they are paused."""

import functools
import gc
import weakref

import pytest

from tealetpp import Main, Status, TealetExit


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


def test_a_paused_tealet_that_its_own_frames_refer_to_lives_until_main_closes():
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
        assert t().status is Status.SUSPENDED
    assert unwound == [True]


def test_what_paused_c_code_borrows_is_not_cleared(main):
    """filter() goes on to call a function that only the tealet's own cycle owns."""
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
        return weakref.ref(t)

    t = begin()
    gc.collect()
    assert t().status is Status.SUSPENDED
    t().switch()
    assert t().switch() == 2
    assert calls == [1, 2]


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


def test_a_finalizer_that_switches(main):
    log = []

    class Switches:
        def __del__(self):
            log.append(other.switch("from __del__"))

    def echo(value):
        while True:
            value = main.switch(("echo", value))

    other = main.tealet(echo)
    Switches()
    garbage = Switches()
    garbage.itself = garbage
    del garbage
    gc.collect()
    assert log == [("echo", "from __del__")] * 2


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
