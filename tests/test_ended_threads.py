"""Threads that end with open domains, and fork() in a process with threads.

These tealets cannot unwind. What they own is released all the same.
"""

import contextvars
import gc
import os
import subprocess
import sys
import threading
import traceback
import warnings
import weakref

import pytest

from tealetpp import InvalidError, Main, Status, TealetError


class Thing:
    pass


def in_a_thread(call):
    """The result of `call` on a new thread, and the warnings at the end of the thread."""
    result = []
    thread = threading.Thread(target=lambda: result.append(call()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread.start()
        thread.join()
        while thread.is_alive():
            pass
    return result[0], [(w.category, str(w.message)) for w in caught]


def pauses_directly(main, thing):
    return main.switch(thing)


def pauses_deep(main, thing, n=300):
    local = Thing(), thing
    return pauses_deep(main, thing, n - 1) if n else main.switch(local)


def pauses_below_c(main, thing):
    return sorted([thing], key=lambda kept: main.switch())


def pauses_in_a_generator(main, thing):
    def generate():
        kept = thing
        yield 1
        main.switch()
        yield kept

    return list(generate())


def pauses_in_an_except_block(main, thing):
    try:
        raise ValueError(thing)
    except ValueError as error:
        return main.switch(error)


def pauses_in_a_computation(main, thing):
    return [thing, (lambda *args: args)(thing, main.switch(thing))]  # noqa: PLC3002


variable = contextvars.ContextVar("variable")


def pauses_in_a_context(main, thing):
    variable.set(thing)
    contextvars.copy_context().run(main.switch)


PAUSES = [
    pauses_directly,
    pauses_deep,
    pauses_below_c,
    pauses_in_a_generator,
    pauses_in_an_except_block,
    pauses_in_a_computation,
    pauses_in_a_context,
]


# C functions on the stack leak what they own. Before CPython 3.14, so do the expressions that
# called them, and with these the domain.
EXPRESSIONS_LEAK = sys.version_info < (3, 14)
BELOW_C = (pauses_below_c, pauses_in_a_generator, pauses_in_a_context)
# list() owns its iterator before CPython 3.15, sorted() what it sorts.
ITERATOR_LEAKS = (pauses_in_a_generator,) if sys.version_info < (3, 15) else ()
LEAKING = BELOW_C if EXPRESSIONS_LEAK else ITERATOR_LEAKS
LOSING = BELOW_C if EXPRESSIONS_LEAK else (*ITERATOR_LEAKS, pauses_below_c)
LEAKS = pytest.mark.leaves_behind("C functions on an ended thread's stack leak what they own")


def leaks_its_iterator(test):
    return LEAKS(test) if ITERATOR_LEAKS else test


@pytest.mark.rule("discard-owned", "discard-thread")
@pytest.mark.parametrize(
    "pause",
    [pytest.param(pause, marks=LEAKS) if pause in LEAKING else pause for pause in PAUSES],
    ids=lambda pause: pause.__name__,
)
def test_what_its_tealets_own_is_given_back(pause):
    def work():
        main, thing = Main(), Thing()
        ts = [main.tealet(pause) for _ in range(3)]
        for t in ts:
            t.switch(main, thing)
        return main, ts, weakref.ref(thing)

    (main, ts, thing), told = in_a_thread(work)
    assert told == [(ResourceWarning, told[0][1])]
    assert "1 open domain of tealets, which was closed without unwinding" in told[0][1]
    gc.collect()
    if pause not in LOSING:
        assert thing() is None
    assert [t.status for t in (main, *ts)] == [Status.EXITED] * 4
    assert main.stats().bytes_allocated == main.stats().blocks_allocated == 0
    main.close()
    ts[0].close()
    with pytest.raises(InvalidError):
        ts[0].switch()


def test_no_finally_block_runs():
    log = []

    def work():
        main = Main()

        def run():
            try:
                main.switch()
            finally:
                log.append("unwound")

        kept.append(main.tealet(run))
        kept[0].switch()

    kept = []
    in_a_thread(work)
    assert kept[0].status is Status.EXITED
    assert log == []


def test_nested_domains_end_too():
    def work():
        main, thing = Main(), Thing()

        def outer():
            kept = thing
            inner = Main()

            def inside():
                mine = thing
                main.switch()
                return mine

            t = inner.tealet(inside)
            idle = inner.tealet(inner.switch)
            idle.switch()
            t.switch()
            return kept

        o = main.tealet(outer)
        o.switch()
        return weakref.ref(thing), o

    (thing, o), told = in_a_thread(work)
    assert "2 open domains of tealets, which were closed" in told[0][1]
    gc.collect()
    assert o.status is Status.EXITED
    assert thing() is None


@pytest.mark.rule("discard-order")
@pytest.mark.parametrize("ends", [False, True])
def test_domains_in_one_tealet_that_pause_each_other(ends):
    """Each domain has paused frames of the next one, which takes their data stack back."""

    def opens(outermost, thing):
        older, younger = Main(), Main()

        def pauses_everything():
            kept = thing
            while True:
                try:
                    outermost.switch(kept)
                except BaseException:
                    pass

        def enters_older():
            kept = thing
            older.tealet(pauses_everything).switch()
            return kept

        younger.tealet(enters_older).switch()

    def work():
        main, thing = Main(), Thing()
        t = main.tealet(opens)
        t.switch(main, thing)
        if ends:
            with pytest.raises(TealetError, match="refuses"):
                main.close()
        return weakref.ref(thing), t

    (thing, t), told = in_a_thread(work)
    assert [category for category, _ in told] == [ResourceWarning] * (not ends)
    gc.collect()
    assert t.status is Status.EXITED
    assert thing() is None


@pytest.mark.rule("discard-frames")
def test_frames_that_somebody_holds_stay_whole():
    frames = []

    def work():
        main = Main()

        def innermost(a):
            mine = ["innermost", a]
            frames.append(sys._getframe())
            main.switch()
            return mine

        def outermost(b):
            mine = ["outermost", b]
            innermost(b + 1)
            return mine

        t = main.tealet(outermost)
        t.switch(1)
        return t  # dropped before the thread ends, it would unwind

    t, _ = in_a_thread(work)
    assert t.status is Status.EXITED
    (frame,) = frames
    gc.collect()
    assert frame.f_locals["mine"] == ["innermost", 2]
    back = frame.f_back
    assert back.f_code.co_name == "outermost" and back.f_locals["mine"] == ["outermost", 1]
    assert back.f_back is None
    assert [entry.name for entry in traceback.extract_stack(frame)] == ["outermost", "innermost"]
    frame.clear()


@pytest.mark.rule("discard-generator")
@leaks_its_iterator
def test_a_generator_in_the_middle_of_running_is_over():
    kept = []

    def work():
        main = Main()

        def generate():
            yield 1
            main.switch()
            yield 2

        def run():
            kept.append(generate())
            return list(kept[0])

        t = main.tealet(run)
        t.switch()
        return t  # dropped before the thread ends, it would unwind

    t, _ = in_a_thread(work)
    assert t.status is Status.EXITED
    gc.collect()
    assert list(kept[0]) == []
    assert kept[0].gi_frame is None or kept[0].gi_frame.f_code.co_name == "generate"
    kept[0].close()


def test_what_is_dropped_may_open_further_domains():
    opened = []

    class Opens:
        def __del__(self):
            opened.append(Main())
            opened.append(opened[0].tealet(lambda: opened[0].switch("paused")))
            assert opened[1].switch() == "paused"

    def work():
        main, kept = Main(), Opens()

        def run():
            mine = kept
            main.switch()
            return mine

        ts.append(main.tealet(run))
        ts[0].switch()

    ts = []
    _, told = in_a_thread(work)
    assert "2 open domains" in told[0][1]
    assert [t.status for t in opened] == [Status.EXITED] * 2


def test_a_warning_made_an_error_reaches_the_hook(unraisable):
    thread = threading.Thread(target=lambda: kept.append(Main()))
    kept = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        thread.start()
        thread.join()
    assert [error for error, _ in unraisable] == [ResourceWarning]


def test_a_thread_that_closed_its_domains_says_nothing():
    def work():
        with Main() as main:
            return main.tealet(lambda: "fine").switch()

    assert in_a_thread(work) == ("fine", [])


FORKS = """
import gc, os, sys, threading, warnings, weakref
from tealetpp import Main, InvalidError, Status
warnings.simplefilter("ignore")
class Thing: pass
thing = Thing()
box, ready, go_on = [], threading.Event(), threading.Event()

def work():
    main = Main()
    def paused(kept): main.switch(); return kept
    def running(kept):
        inner = Main()
        def inside(kept):
            box.extend([main, t, inner, weakref.ref(kept)])
            ready.set(); go_on.wait()
        inner.tealet(inside).switch(kept)
    t = main.tealet(paused); t.switch(thing)
    main.tealet(running).switch(thing)
    main.close()

thread = threading.Thread(target=work); thread.start(); ready.wait()
mine = Main()
own = mine.tealet(lambda: mine.switch("paused")); own.switch()
child = os.fork()
if child == 0:
    main, t, inner, ref = box
    assert main.status is t.status is inner.status is Status.EXITED
    main.close(); inner.close(); t.close()
    try: t.switch()
    except InvalidError: pass
    else: os._exit(3)
    box.clear(); del main, t, inner
    gc.collect()
    assert own.switch("goes on") == "goes on"
    with Main() as another: assert another.tealet(int).switch() == 0
    mine.close()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
go_on.set(); thread.join()
assert own.switch("goes on") == "goes on"
mine.close()
print("parent", box[1].status.name)
"""


@pytest.mark.rule("discard-thread")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork()")
def test_after_a_fork_the_child_can_drop_what_its_lost_threads_had():
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", FORKS], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout == "parent EXITED\n"


FORKS_ON_A_THREAD_WITHOUT_DOMAINS = """
import os, threading, warnings
from tealetpp import Main, Status

kept, ready, go_on = [], threading.Event(), threading.Event()

def work():
    outer = Main()
    def nest(n):
        inner = Main()
        t = inner.tealet((lambda: nest(n - 1)) if n else (lambda: outer.switch()))
        kept.extend([inner, t])
        t.switch()
    host = outer.tealet(nest)
    kept.append(host)
    host.switch(3)
    ready.set(); go_on.wait()

warnings.simplefilter("ignore")
thread = threading.Thread(target=work); thread.start(); ready.wait()
child = os.fork()
if child == 0:
    os._exit(7 if all(each.status is Status.EXITED for each in kept) else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
go_on.set(); thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork()")
def test_a_fork_on_a_thread_that_never_opened_a_domain():
    """The domains are nested, and each is ended once."""
    command = [sys.executable, "-X", "faulthandler", "-c", FORKS_ON_A_THREAD_WITHOUT_DOMAINS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", ""), done.stderr


def test_nothing_unwinds_that_only_another_one_refers_to():
    def run():
        def inner():
            try:
                main.switch()
            finally:
                log.append("unwound")

        main = Main()
        t = main.tealet(inner)
        t.switch()
        outer = main.tealet(lambda t: main.switch())
        outer.switch(t)
        kept.extend((main, outer))

    log, kept = [], []
    in_a_thread(run)
    assert (log, kept[1].status) == ([], Status.EXITED)


def test_two_threads_may_end_at_the_same_time():
    """What the second thread drops after the end of the first one still belongs to the second."""
    first_ends, second_ends, first_is_gone = (threading.Event() for _ in range(3))
    opened, ts, overlaps = [], [], []

    class Calls:
        def __init__(self, call):
            self.call = call

        def __del__(self):
            self.call()

    def in_the_middle_of_the_first():
        first_ends.set()
        overlaps.append(second_ends.wait(10))

    def in_the_middle_of_the_second():
        second_ends.set()
        overlaps.append(first_is_gone.wait(10))
        opened.append(Main())

    def work(call):
        main = Main()
        ts.append(main.tealet(lambda kept: main.switch()))
        ts[-1].switch(Calls(call))

    def work_after_the_first():
        overlaps.append(first_ends.wait(10))
        work(in_the_middle_of_the_second)

    second = threading.Thread(target=lambda: in_a_thread(work_after_the_first))
    second.start()
    in_a_thread(lambda: work(in_the_middle_of_the_first))
    first_is_gone.set()
    second.join()
    assert overlaps == [True] * 3
    assert [main.status for main in opened] == [Status.EXITED]


@pytest.mark.parametrize(
    "keep",
    [
        "variable = contextvars.ContextVar('variable'); variable.set(kept)",
        "codecs.register(lambda name, kept=kept: None)",
        "os.register_at_fork(before=lambda kept=kept: None)",
    ],
    ids=["context", "codec", "fork"],
)
@pytest.mark.parametrize(
    "what",
    ["main", "main.tealet(int)", "paused()", "hosts()"],
)
def test_what_the_interpreter_drops_after_its_threads(keep, what):
    program = f"""
import codecs, contextvars, os
from tealetpp import Main
main = Main()
def paused():
    t = main.tealet(main.switch); t.switch(); return t
def hosts():
    t = main.tealet(lambda: (Main(), main.switch())); t.switch(); return t
kept = {what}
{keep}
del kept, main
"""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.rule("discard-outer")
def test_what_is_dropped_may_switch_to_a_tealet_that_is_left(monkeypatch):
    """It has paused the running tealet of an inner domain, and continues there."""
    # With greenlet it would be refused: no frame is left that tells whose C stack this is.
    monkeypatch.delitem(sys.modules, "greenlet", raising=False)
    log = []

    class Resumes:
        def __init__(self, t):
            self.t = t

        def __del__(self):
            log.append(self.t.switch("resumed"))

    def work():
        main = Main()

        def host():
            inner = Main()
            inner.tealet(inside).switch(inner)
            return "host ended"

        def inside(inner, *kept):
            log.append(main.switch())
            return inner

        h = main.tealet(host)
        h.switch()
        last = main.tealet(lambda kept: main.switch())
        last.switch(Resumes(h))
        ts.extend([h, last])

    ts = []
    _, told = in_a_thread(work)
    assert log == ["resumed", "host ended"]
    assert "1 open domain of" in told[0][1], "the other one was closed with the tealet it was in"
