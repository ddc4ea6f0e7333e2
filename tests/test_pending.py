"""Pending tealets: garbage where it cannot be ended at once, ended at the next safe point.

Their frames borrow objects: the globals of their namespace, the arguments of a C function. The
collector must not clear any of these before the tealets have unwound.
"""

import contextlib
import functools
import gc
import subprocess
import sys
import textwrap
import threading
import weakref

import pytest

from conftest import domain_with_a_paused_tealet
from tealetpp import Main, Status, Tealet, TealetError, TealetExit

BODY = """
def body():
    itself = t  # a cycle: through a local variable, and through these globals
    data = [1, 2, 3]
    try:
        main.switch("paused")
    finally:
        log.append((helper(data), len(data), where()))

def helper(data):
    return sum(data) + offset

offset = 10
"""


def where():
    return threading.current_thread()


@pytest.fixture(autouse=True)
def collected_when_told():
    gc.disable()
    yield
    gc.enable()


def begin(main, log):
    """Begins a tealet to which only garbage refers, in a namespace of its own."""
    namespace = {"main": main, "log": log, "where": where}
    exec(BODY, namespace)
    t = namespace["t"] = main.tealet(namespace["body"])
    assert t.switch() == "paused"
    return weakref.ref(t)


def reuse_freed_memory():
    return [{n: str(n) for n in range(50)} for _ in range(300)]


def on_worker(work):
    """Runs a generator on a new thread. The caller's loop body runs at each of its yields."""
    errors, ended = [], []
    turns = [threading.Event(), threading.Event()]
    steps = work()

    def run():
        try:
            for _ in steps:
                turns[1].set()
                turns[0].wait(10)
                turns[0].clear()
        except BaseException as error:
            errors.append(error)
        ended.append(True)
        turns[1].set()

    thread = threading.Thread(target=run)
    thread.start()
    while True:
        turns[1].wait(10)
        turns[1].clear()
        if ended:  # the thread itself may be alive for a moment
            break
        yield thread
        turns[0].set()
    thread.join()
    assert not errors, errors


@pytest.mark.rule("garbage-finalize")
@pytest.mark.parametrize("drop_another", [False, True])
def test_on_another_thread(drop_another):
    log, box = [], []

    def work():
        with Main() as main:
            begin(main, log)
            box.append(main.tealet(int))
            yield
            assert log == []
            main.tealet(int).switch()
            assert log == [(16, 3, threading.current_thread())]
            gc.collect()
            reuse_freed_memory()
            main.tealet(int).switch()

    for thread in on_worker(work):  # noqa: B007 (used below)
        gc.collect()
        if drop_another:
            box.clear()
        gc.collect()
    assert log == [(16, 3, thread)]


@pytest.mark.rule("garbage-finalize")
def test_on_another_thread_again_and_again():
    log = []

    def work():
        with Main() as main:
            for n in range(10):
                begin(main, log)  # ends the one before
                assert len(log) == n
                yield
            reuse_freed_memory()
            main.tealet(int).switch()
            assert len(log) == 10

    for _ in on_worker(work):
        gc.collect()
        gc.collect()


@pytest.mark.rule("pending-inner")
def test_outside_of_the_tealet_that_its_domain_lies_in(main):
    log = []

    def outer():
        inner = Main()
        begin(inner, log)
        main.switch("go on outside")
        inner.tealet(int).switch()
        seen = list(log)
        main.switch(seen)
        gc.collect()
        reuse_freed_memory()
        inner.close()
        return "end"

    t = main.tealet(outer)
    assert t.switch() == "go on outside"
    for _ in range(3):
        gc.collect()
        reuse_freed_memory()
    assert log == [], "the tealet that it lies in does not run"
    assert t.switch() == [(16, 3, threading.current_thread())]
    assert t.switch() == "end"
    assert len(log) == 1


@pytest.mark.rule("pending-inner")
def test_the_turn_of_its_domain_comes_with_the_end_of_that_tealet(main):
    log = []

    def outer():
        begin(Main(), log)
        main.switch()

    t = main.tealet(outer)
    t.switch()
    gc.collect()
    assert log == []
    t.close()
    assert log == [(16, 3, threading.current_thread())]


def test_garbage_that_leads_back_to_the_tealet_that_it_lies_in(main):
    """The references to pending tealets do not count as from outside. Otherwise each of the two
    would wait for the end of the other."""
    log = []

    def make():
        def outer():
            inner = Main()

            def inside():
                both = (o, t, inner)
                try:
                    inner.switch()
                finally:
                    log.append(len(both))

            t = inner.tealet(inside)
            t.switch()
            main.switch()

        o = main.tealet(outer)
        o.switch()
        return weakref.ref(o)

    gone = make()
    gc.collect()
    gc.collect()
    main.tealet(int).switch()
    assert log == [3]
    assert gone() is None


class Resurrects:
    def __init__(self, saved):
        self.saved = saved

    def __del__(self):
        self.saved.append(self)


@pytest.mark.rule("garbage-resurrect")
def test_one_that_is_found_with_an_object_that_a_finalizer_resurrects(main):
    """It is closed all the same, as a generator would be."""
    saved, log = [], []

    def make():
        namespace = {"main": main, "log": log, "where": where}
        exec(BODY, namespace)
        holder = namespace["holder"] = Resurrects(saved)
        holder.t = namespace["t"] = main.tealet(namespace["body"])
        holder.t.switch()

    make()
    gc.collect()
    main.tealet(int).switch()
    (holder,) = saved
    assert log == [(16, 3, threading.current_thread())]
    assert holder.t.status is Status.EXITED


@pytest.mark.rule("pending-use")
@pytest.mark.parametrize(
    "use",
    [
        lambda main, new, paused: new.switch(),
        lambda main, new, paused: paused.switch(),
        lambda main, new, paused: main.tealet(),
        lambda main, new, paused: main.stub(),
        lambda main, new, paused: new.close(),
        lambda main, new, paused: paused.close(),
        lambda main, new, paused: main.close(),
        lambda main, new, paused: setattr(new, "parent", paused),
        lambda main, new, paused: Main().close(),
    ],
    ids=["begin", "switch", "tealet", "stub", "close new", "close", "close main", "parent", "open"],
)
@pytest.mark.parametrize("in_another_domain", [False, True])
def test_each_use_of_a_domain_on_its_thread_ends_it(use, in_another_domain):
    log = []

    def work():  # on a thread where no pending call of the interpreter ends it
        with Main() as main, Main() as another:
            begin(main, log)
            used = another if in_another_domain else main
            new, paused = used.tealet(int), used.tealet(lambda: used.switch())
            paused.switch()
            yield
            gc.collect()
            assert log == []
            kept = use(used, new, paused)  # to drop a tealet would end it, too
            assert log == [(16, 3, threading.current_thread())]
            del kept

    for _ in on_worker(work):
        gc.collect()
    assert len(log) == 1


@pytest.mark.rule("garbage-finalize")
def test_one_that_a_finalizer_brought_back_before_it_began(main):
    saved, log = [], []

    def make():
        namespace = {"main": main, "log": log, "where": where}
        exec(BODY, namespace)
        holder = namespace["holder"] = Resurrects(saved)
        holder.namespace = namespace
        holder.t = namespace["t"] = main.tealet(namespace["body"])

    make()
    gc.collect()
    (holder,) = saved
    assert holder.t.status is Status.NEW
    assert holder.t.switch() == "paused"
    saved.clear()
    del holder
    gc.collect()
    reuse_freed_memory()
    main.tealet(int).switch()
    assert log == [(16, 3, threading.current_thread())]


@pytest.mark.rule("pending-refuse")
def test_one_that_refuses_is_asked_again_when_its_main_closes(unraisable):
    asked = []

    def make(main):
        def run():
            itself = t
            while True:
                try:
                    main.switch()
                except TealetExit:
                    asked.append(itself is t)

        t = main.tealet(run)
        t.switch()
        return weakref.ref(t)

    with pytest.raises(TealetError), Main() as main:
        gone = make(main)
        gc.collect()
        assert asked == [True]
        gc.collect()
        assert asked == [True], "its Main holds it"
    assert asked == [True, True]
    assert gone() is None, "what its frames refer to is dropped"
    assert [error for error, _ in unraisable] == [TealetError]


@pytest.mark.rule("pending-refuse")
def test_one_that_refused_and_ended_later_is_freed(main, unraisable):
    def make():
        def run():
            itself = t
            try:
                main.switch()
            except TealetExit:
                main.switch("refused")
            return itself is t

        t = main.tealet(run)
        t.switch()
        return weakref.ref(t)

    gone = make()
    gc.collect()
    assert [error for error, _ in unraisable] == [TealetError]
    assert main.previous.switch() is True
    gc.collect()
    assert gone() is None
    assert not [
        o for o in gc.get_objects() if isinstance(o, Tealet) and o.main is main and o is not main
    ]


@pytest.mark.rule("pending-callback")
def test_collections_go_on_while_a_collected_tealet_unwinds(main, unraisable):
    seen = []

    class Thing:
        pass

    def cycle():
        thing = Thing()
        thing.itself = thing
        return weakref.ref(thing)

    def make():
        def run():
            itself = t
            try:
                main.switch()
            finally:
                main.switch("waiting while unwinding")
                seen.append(itself is t)

        t = main.tealet(run)
        t.switch()

    def worker():
        gc.collect()
        return "done"

    make()
    assert main.tealet(worker).switch() == "done"
    gone = cycle()
    assert gc.collect() > 0
    assert gone() is None
    waiting = main.previous
    waiting.switch()
    assert seen == [True]


@pytest.mark.rule("pending-one")
def test_ends_that_finish_in_the_order_in_which_they_began():
    """Nothing is ended in the middle of the second one, although the first one has ended."""
    log = []

    def work():  # on a thread where no pending call of the interpreter ends them
        with Main() as main:
            paused = {}

            def run(name, finish):
                me = main.current  # a cycle
                try:
                    me.parent.switch()
                finally:
                    paused[name] = me
                    del me
                    finish()
                    log.append(name)

            def make(name, finish):
                main.tealet(run).switch(name, finish)

            def finish_second():
                paused.pop("first").switch()
                make("third", lambda: None)
                gc.collect()
                main.tealet(int)  # a safe point

            def end_first():
                main.switch()
                gc.collect()
                main.tealet(int)  # a safe point, which ends the first
                paused.pop("second").switch()

            closer = main.tealet(end_first)
            closer.switch()
            make("first", main.switch)
            closer.switch()
            make("second", finish_second)
            gc.collect()
            main.tealet(int)  # a safe point, which ends the second
            main.tealet(int)
            paused.clear()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert log == ["first", "second", "third"]


@pytest.mark.rule("pending-one")
def test_what_a_collected_tealet_drops_ends_in_turn(main):
    """A chain of tealets, each dropped by the one before. Their closers do not nest."""
    depths = []
    closers = set()

    def make(n):
        ts = []

        def run(k):
            me = ts[k]
            try:
                main.switch()
            finally:
                # Whether main must be saved depends on the build.
                depths.append(main.stats().stack_count - (main.saved_bytes != 0))
                closers.add(main.saved_bytes)
                assert me is ts[k]

        for k in range(n):
            ts.append(main.tealet(run))
            ts[k].switch(k)

    make(50)
    gc.collect()
    main.tealet(int).switch()
    assert len(depths) == 50
    # One fewer is saved each time. If their closers nested, all would be saved.
    assert sorted(depths) == list(range(50))
    assert len(closers) <= 2, "the stack of main does not get deeper"
    assert main.stats().n_active == 1


@pytest.mark.rule("garbage-clear")
def test_c_code_goes_on_with_what_it_borrows(unraisable):
    """filter() calls a function that only the cycle owns once more, on the right thread."""
    calls = []

    def work():
        with Main() as main:

            def pause(x):
                calls.append((x, threading.current_thread()))
                with contextlib.suppress(TealetExit):
                    if x == 1:
                        main.switch()
                return x == 2

            def make():
                borrowed = functools.partial(pause)
                t = main.tealet(filter(borrowed, [1, 2]).__next__)
                borrowed.cycle = t
                t.switch()

            make()
            yield
            main.tealet(int).switch()

    for thread in on_worker(work):  # noqa: B007 (used below)
        gc.collect()
    assert calls == [(1, thread), (2, thread)]


def test_a_finalizer_of_a_class_assigned_later():
    """It replaces the finalizer that keeps a collected tealet alive. So it is not collected."""

    class Mine(Tealet):
        __slots__ = ()

        def __del__(self):
            pass

    log = []
    with Main() as main:
        t = begin(main, log)
        t().__class__ = Mine
        gc.collect()
        kept = reuse_freed_memory()
        main.tealet(int).switch()
        assert t().status is Status.SUSPENDED
        t().__class__ = Tealet
        gc.collect()
        main.tealet(int).switch()
        assert log == [(16, 3, where())]
        del kept


@pytest.mark.rule("pending-call")
def test_traced_functions_continue_when_a_tealet_becomes_pending_in_a_pending_call():
    """CPython 3.11 does not get past a traced call while a queued pending call cannot be made."""
    program = """
        import gc, sys
        from tealetpp import Main

        def drop_in_cycle(main, then):
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
            drop_in_cycle(main, lambda: done.append("inner"))
            gc.collect()
            nothing()
            done.append("outer")

        done = []
        gc.disable()
        with Main() as main:
            drop_in_cycle(main, in_the_middle)
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

    before = sys.gettrace()
    try:
        generator = domain_with_a_paused_tealet(log)
        next(generator)
        cycle = [generator]
        cycle.append(cycle)
        sys.settrace(trace)
        del generator, cycle
        gc.collect()
        with Main() as other:  # a safe point
            other.tealet(int).switch()
    finally:
        sys.settrace(before)
    assert log == ["unwound"]


@pytest.mark.rule("pending-one")
def test_code_inside_a_tealet_that_is_being_ended_ends_no_others(main):
    log = []

    def drop_in_cycle(name):
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

    drop_in_cycle("first")
    drop_in_cycle("second")
    gc.collect()
    main.tealet(int).switch()
    assert sorted(log) == ["first begins", "first ends", "second begins", "second ends"]
    assert log[0][:5] == log[1][:5], "one after the other"
