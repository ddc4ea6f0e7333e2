"""A Main that is dropped instead of closed: it is closed and freed on any thread, silently."""

import contextlib
import gc
import os
import sys
import threading
import weakref

import pytest

from tealetpp import Main, Status, TealetError, ThreadError


def in_a_thread(call):
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


class App:
    """An ordinary cycle: an object with a bound method of its own."""

    def __init__(self, log):
        self.log = log
        self.main = Main()
        self.callback = self.work

    def work(self, *, pause=False):
        def run():
            try:
                if pause:
                    self.main.switch()
                return 1
            finally:
                self.log.append(threading.current_thread())

        self.t = self.main.tealet(run)
        return self.t.switch()


@pytest.mark.parametrize("pause", [False, True])
def test_in_a_cycle(pause, unraisable):
    log, gone = [], []
    for _ in range(10):
        app = App(log)
        app.work(pause=pause)
        gone.append(weakref.ref(app.main))
        del app
        gc.collect()
    gc.collect()
    assert [ref() for ref in gone] == [None] * 10
    assert log == [threading.current_thread()] * 10
    assert unraisable == []


@pytest.mark.rule("garbage-main")
def test_in_a_cycle_that_another_thread_collects(unraisable):
    log = []
    app = App(log)
    app.work(pause=True)
    gone = weakref.ref(app.main)
    del app
    in_a_thread(gc.collect)
    gc.collect()
    assert gone() is None
    assert log == [threading.current_thread()]
    assert unraisable == []


@pytest.mark.rule("pending-with")
@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize(
    "drop", [lambda walks: walks.clear(), lambda walks: in_a_thread(walks.clear)]
)
@pytest.mark.parametrize("cycle", [False, True])
def test_in_a_dropped_generator(pause, drop, cycle, unraisable):
    log = []

    class Walk:
        def __init__(self):
            self.items = self.walk()

        def walk(self):
            me = self if cycle else None
            with Main() as main:
                gone.append(weakref.ref(main))

                def run():
                    try:
                        if pause:
                            main.switch()
                    finally:
                        log.append(threading.current_thread())

                t = main.tealet(run)
                t.switch()
                yield me

    gone = []
    walks = [Walk() for _ in range(5)]
    for walk in walks:
        next(walk.items)
    del walk
    drop(walks)
    for _ in range(3):
        gc.collect()
    assert [ref() for ref in gone] == [None] * 5
    assert log == [threading.current_thread()] * 5
    assert unraisable == []


@pytest.mark.rule("pending-with")
def test_a_tealet_in_a_dropped_generator(main, unraisable):
    log = []

    def walk():
        itself = cell  # noqa: F821 (deleted only after this has run)

        def run():
            try:
                main.switch()
            finally:
                log.append(threading.current_thread())

        with main.tealet(run) as t:
            t.switch()
            yield itself

    cell = [walk()]
    next(cell[0])
    del cell, walk
    gc.collect()
    gc.collect()
    assert log == [threading.current_thread()]
    assert unraisable == []
    assert main.stats().n_active == 1


@pytest.mark.rule("garbage-main")
def test_on_another_thread_while_its_own_goes_on(unraisable):
    box = [Main() for _ in range(50)]
    gone = [weakref.ref(main) for main in box]
    box.clear()
    box = [Main() for _ in range(50)]
    gone += [weakref.ref(main) for main in box]
    in_a_thread(box.clear)
    assert [ref() for ref in gone] == [None] * 100
    with Main() as main:
        assert main.tealet(lambda: "works").switch() == "works"
    assert unraisable == []


def test_while_the_tealet_that_it_lies_in_is_paused(main, unraisable):
    gone = []
    for _ in range(10):
        box = []

        def outer():
            box.append(Main())
            gone.append(weakref.ref(box[0]))
            main.switch()

        t = main.tealet(outer)
        t.switch()
        box.clear()
        assert gone[-1]() is None
        t.switch()
    assert unraisable == []


def test_leaving_it_on_another_thread_by_another_error_is_refused():
    with Main() as main:
        caught = []

        def leave():
            with pytest.raises(ThreadError), contextlib.ExitStack() as stack:
                stack.push(main)
                caught.append(True)

        in_a_thread(leave)
        assert caught == [True]
        assert main.status is Status.RUNNING


def test_its_last_tealet_frees_it(unraisable):
    gone = []

    def make():
        main = Main()

        def run(get):
            itself = cell
            get().switch()
            return itself

        gone.append(weakref.ref(main))
        cell = main.tealet(run)
        cell.switch(gone[-1])

    for _ in range(20):
        make()
        gc.collect()
    gc.collect()
    assert [ref() for ref in gone] == [None] * 20
    assert unraisable == []


COUNTED = """
import sys
from tealetpp import Main
kept = [Main() for _ in range(int(sys.argv[2]))]
with Main() as main:
    def run():
        while True: main.switch()
    t = main.tealet(run)
    for _ in range(int(sys.argv[1])): t.switch()
"""


def test_a_switch_takes_no_more_when_many_domains_were_opened_before():
    instructions = pytest.importorskip("benchmarks.callgrind")
    if not instructions_can_be_counted():
        pytest.skip("needs valgrind, and no sanitizer")

    def of_a_switch(domains):
        def executed(switches):
            program = [sys.executable, "-c", COUNTED, str(switches), str(domains)]
            return instructions.executed(program, PYTHONHASHSEED="0")

        return (executed(2000) - executed(1000)) / 1000

    assert of_a_switch(300) <= of_a_switch(0) * 1.02


def instructions_can_be_counted():
    import shutil

    from building import builds_for_this_machine

    if "LD_PRELOAD" in os.environ or shutil.which("valgrind") is None:
        return False
    return builds_for_this_machine()


def test_an_orphaned_domain_whose_tealet_hosts_another():
    """Ending the inner domain reaches the outer one, which is being ended already."""
    kept = []

    def outer(outermost):
        a = Main()

        def hosts():
            b = Main()
            kept.extend([b, b.tealet(lambda: b.switch())])
            kept[-1].switch()
            a.switch()

        kept.extend([a, a.tealet(hosts)])
        kept[-1].switch()
        while True:
            try:
                outermost.switch()
            except BaseException:
                pass

    main = Main()
    t = main.tealet(outer)
    t.switch(main)
    with pytest.raises(TealetError, match="refuses"):
        main.close()
    assert [tealet.status for tealet in kept] == [Status.EXITED] * 4
