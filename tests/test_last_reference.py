"""Dropping the last reference to a tealet closes it."""

import gc
import subprocess
import sys
import textwrap
import threading
import weakref

import pytest

from tealetpp import Main, Status, Tealet, TealetError, TealetExit, ThreadError


@pytest.fixture
def paused(main):
    """Makes a paused tealet, which writes to paused.log."""

    def make(after=lambda: None):
        def run():
            try:
                main.switch()
            except TealetExit:
                make.log.append("unwound")
                after()
                raise

        t = main.tealet(run)
        t.switch()
        return t

    make.log = []
    return make


@pytest.mark.rule("garbage-dealloc", "misuse-dropped")
def test_a_paused_one_is_unwound_at_once(main, paused):
    t = paused()
    del t
    assert paused.log == ["unwound"]
    assert main.stats().n_active == 1


def test_one_that_has_not_begun_is_freed(main):
    began = []
    t, stub = main.tealet(began.append), main.stub()
    twin = stub.duplicate()
    del t, stub, twin
    assert main.stats().n_active == 1
    assert not began


def test_inside_another_tealet(main, paused):
    holder = [paused()]

    def drop():
        holder.clear()
        return list(paused.log)

    assert main.tealet(drop).switch() == ["unwound"]


def test_by_an_assignment_from_within_a_switch(main, paused):
    holder = [paused()]

    def drop():
        holder[0] = None
        main.switch("dropped")
        return "end"

    t = main.tealet(drop)
    assert t.switch() == "dropped"
    assert paused.log == ["unwound"]
    assert t.switch() == "end"


@pytest.mark.rule("ends-kept")
def test_a_child_keeps_its_parent(main):
    def end_with_child(child):
        return "parent got " + child.switch()

    def child():
        main.switch("paused")
        return "result"

    kept = []

    def parent():
        kept.append(main.tealet(child))
        return "parent got " + kept[0].switch()

    t = main.tealet(parent)
    assert t.switch() == "paused"
    gone = weakref.ref(t)
    del t
    assert gone().status is Status.SUSPENDED
    assert kept.pop().switch() == "parent got result"
    assert gone() is None


def test_of_the_running_tealet_it_goes_on_until_it_pauses(main):
    log = []

    def child():
        main.switch()

    def run():
        children.append(main.tealet(child))
        children[0].switch()
        # Only the domain refers to this tealet now.
        log.append("resumed")
        try:
            main.switch()
        finally:
            log.append("unwound")

    children = []
    t = main.tealet(run)
    t.switch()
    del t
    children[0].switch()
    assert log == ["resumed", "unwound"]
    assert main.stats().n_active == 1


def test_of_a_tealet_that_begins_another_the_arguments_live(main):
    """The tealet that passes them is closed before the other begins."""

    class Value:
        pass

    def receive(a, b):
        assert type(a) is type(b) is Value
        return "received"

    def run():
        children.append(main.tealet(lambda: main.switch()))
        children[0].switch()
        # Only the domain refers to this tealet now, so it ends when it begins another.
        main.tealet(receive, parent=main).switch(Value(), Value())

    children = []
    t = main.tealet(run)
    t.switch()
    del t
    assert children[0].switch() == "received"


@pytest.mark.rule("misuse-dropped")
def test_what_goes_wrong_reaches_the_unraisablehook(main, paused, unraisable):
    def fail():
        raise KeyError("while unwinding")

    t = paused(fail)
    del t
    assert unraisable == [(KeyError, "'while unwinding'")]


@pytest.mark.parametrize("collected", [False, True])
def test_the_unraisablehook_may_close_the_domain(monkeypatch, collected):
    main, told = Main(), []

    def hook(args):
        told.append(args.exc_type)
        main.close()

    monkeypatch.setattr(sys, "unraisablehook", hook)

    def run(owned):
        try:
            main.switch()
        finally:
            raise KeyError(owned)

    cycle = [main.tealet(run)]
    cycle[0].switch(cycle if collected else None)
    others = [main.tealet(main.switch) for _ in range(3)]
    for other in others:
        other.switch()
    del cycle
    gc.collect()
    assert told == [KeyError]
    assert [t.status for t in (main, *others)] == [Status.EXITED] * 4


@pytest.mark.rule("pending-refuse", "misuse-dropped")
def test_refusing_to_end_reaches_the_unraisablehook(main, unraisable):
    def refuse():
        try:
            main.switch()
        except TealetExit:
            main.switch()

    t = main.tealet(refuse)
    t.switch()
    del t
    assert [error for error, _ in unraisable] == [TealetError]


def slow_to_end(main):
    """Pauses once more when it is ended."""
    try:
        main.switch()
    finally:
        main.switch("ends")


@pytest.mark.rule("pending-exit")
@pytest.mark.parametrize("dropped", [1, 3])
def test_one_that_is_closed_while_it_drops_others_ends_at_its_next_pause(main, unraisable, dropped):
    def drop(others):
        try:
            while others:
                others.pop()
            log.append("goes on")
            main.switch("never received")
            log.append("never")
        finally:
            log.append("unwound")

    log = []
    others = [main.tealet(slow_to_end) for _ in range(dropped)]
    for other in others:
        other.switch(main)
    del other
    t = main.tealet(drop)
    assert t.switch(others) == "ends"
    t.close()
    assert (log, t.status, unraisable) == (["goes on", "unwound"], Status.EXITED, [])
    main.close()


@pytest.mark.rule("pending-exit")
def test_one_that_goes_on_dropping_others_refuses_to_end(main, unraisable):
    def drop_for_ever():
        while not stop:
            other = main.tealet(slow_to_end, parent=main)
            other.switch(main)
            del other

    stop = []
    t = main.tealet(drop_for_ever)
    assert t.switch() is None
    assert t.switch() == "ends"
    with pytest.raises(TealetError, match="refuses to end"):
        t.close()
    stop.append(True)
    t.switch()  # returns from the middle of an end: the other tealet has not ended either
    assert t.status is Status.EXITED
    assert [error for error, _ in unraisable] == [TealetError]


@pytest.mark.rule("pending-exit")
def test_one_that_is_closed_while_a_domain_inside_of_it_drops_another_ends_at_its_next_pause(
    main, unraisable
):
    def drop_inside():
        with Main() as inner:

            def end():
                try:
                    inner.switch()
                finally:
                    main.switch("ends")

            other = inner.tealet(end)
            other.switch()
            try:
                del other
                log.append("goes on")
                main.switch("never received")
            finally:
                log.append("unwound")

    log = []
    t = main.tealet(drop_inside)
    assert t.switch() == "ends"
    t.close()
    assert (log, t.status, unraisable) == (["goes on", "unwound"], Status.EXITED, [])


def test_the_exception_being_raised_is_kept(main, paused):
    def drop_and_raise():
        t = paused()
        assert t
        raise ValueError("goes on")

    with pytest.raises(ValueError, match="goes on") as caught:
        drop_and_raise()
    assert paused.log == []
    caught.value.__traceback__ = None
    del caught
    gc.collect()
    assert paused.log == ["unwound"]


@pytest.mark.rule("garbage-dealloc", "pending-call")
def test_dropped_on_another_thread_it_is_closed_on_its_own(main, paused):
    where = []
    holder = [paused(after=lambda: where.append(threading.current_thread()))]
    thread = threading.Thread(target=holder.clear)
    thread.start()
    thread.join()
    assert paused.log == ["unwound"], "a pending call, as this is the main thread"
    assert where == [threading.current_thread()]


@pytest.mark.rule("garbage-dealloc", "pending-use")
def test_dropped_on_another_thread_it_is_closed_at_the_next_switch_on_its_own():
    log, holder = [], []
    begun, dropped = threading.Event(), threading.Event()

    def work():
        with Main() as first, Main() as second:

            def run():
                try:
                    first.switch()
                finally:
                    log.append(threading.current_thread())

            holder.append(first.tealet(run))
            holder[0].switch()
            begun.set()
            dropped.wait()
            assert log == []
            second.tealet(int).switch()  # in any of its domains
            log.append("after")

    worker = threading.Thread(target=work)
    worker.start()
    begun.wait()
    holder.clear()
    dropped.set()
    worker.join()
    assert log == [worker, "after"]


@pytest.mark.rule("pending-call")
def test_pending_calls_go_on_when_one_that_was_dropped_elsewhere_refuses_to_end():
    """It was ended in a pending call, in a tealet that was discarded meanwhile."""
    program = """
        import ctypes, threading
        from tealetpp import Main, TealetError, TealetExit

        def refuses():
            try:
                inner.switch()
            finally:
                while True:
                    try:
                        outer.switch()
                    except TealetExit:
                        pass

        def body():
            global inner
            with Main() as inner:
                box = [inner.tealet(refuses)]
                box[0].switch()
                thread = threading.Thread(target=box.clear)
                thread.start()
                thread.join()
                for _ in range(1000):
                    pass

        try:
            with Main() as outer:
                outer.tealet(body).switch()
        except TealetError:
            pass
        called = []
        function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda _: called.append(1) or 0)
        ctypes.pythonapi.Py_AddPendingCall(function, None)
        for _ in range(1000):
            pass
        print(called)
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "[1]\n"), done.stderr


def test_while_others_end_a_thread_without_domains_is_refused(main):
    def in_a_thread(call):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    def creates():
        with pytest.raises(ThreadError):
            main.tealet(print)
        refused.append(True)

    def ends():
        try:
            main.switch()
        finally:
            in_a_thread(creates)

    refused = []
    tealets = [main.tealet(ends) for _ in range(2)]
    for t in tealets:
        t.switch()
    del t
    in_a_thread(tealets.clear)
    main.tealet(int).switch()
    assert refused == [True] * 2


def test_on_another_thread_it_is_closed_with_its_main():
    log = []
    with Main() as main:

        def run():
            try:
                main.switch()
            finally:
                log.append("unwound")

        holder = [main.tealet(run)]
        holder[0].switch()
        thread = threading.Thread(target=holder.clear)
        thread.start()
        thread.join()
    assert log == ["unwound"]


@pytest.mark.rule("garbage-dealloc", "pending-inner")
def test_of_an_inner_domains_tealet_from_outside_it_waits(main):
    log = []
    holder = []

    def inner_run(inner):
        try:
            inner.switch()
        finally:
            log.append("unwound")

    def outer_run():
        with Main() as inner:
            holder.append(inner.tealet(inner_run))
            holder[0].switch(inner)
            main.switch("inner paused")
            inner.tealet(lambda: None).switch()
            assert log == ["unwound"]
        return "end"

    t = main.tealet(outer_run)
    assert t.switch() == "inner paused"
    holder.clear()
    assert log == []
    assert t.switch() == "end"


def test_a_tealet_that_comes_back_to_life_while_it_ends(main):
    saved = []

    def run():
        try:
            main.switch()
        except TealetExit:
            saved.append(main.current)
            raise

    t = main.tealet(run)
    t.switch()
    del t
    assert saved[0].status is Status.EXITED
    assert main.stats().n_active == 1
    saved.clear()


def test_weak_references_die_with_it(main, paused):
    t = paused()
    dead = []
    ref = weakref.ref(t, dead.append)
    assert ref() is t
    del t
    assert ref() is None
    assert dead == [ref]


def test_a_tealet_that_a_returning_function_drops_is_closed_while_the_collector_looks(main):
    """C code called that function, so the newest frame is a frame on the C stack."""
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
            ts.append(main.tealet(paused))  # begins farther out than it is closed
            ts[0].switch(itself)
            call()
        return itself

    ts = []
    main.tealet(run).switch()
    assert len(collected) == 2


@pytest.mark.rule("garbage-dealloc")
def test_nothing_refers_to_a_tealet_whose_deallocation_is_delayed(main):
    class Subclass(Tealet):
        __slots__ = ()

    class Looks:
        def __del__(self):
            seen.append(len(main.tealets()) - 1)
            seen.append(len(main.survey(largest=1).largest))
            seen.append(main.previous is not None)

    # CPython delays a deallocation that is nested in many others: at one of these depths that of
    # the tealet. A reference to it then would end the process.
    for depth in range(40, 70):
        seen = []
        chain = main.tealet(lambda: main.switch())
        chain.switch()
        chain.__class__ = Subclass
        for _ in range(depth):
            chain = (Looks(), chain)
        del chain
        assert len(seen) == 3 * depth
    main.tealet(int).switch()  # a safe point, for what is pending
    assert main.tealets() == [main]
