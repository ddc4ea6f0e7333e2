"""Several domains: nested, side by side, abandoned, and on several threads."""

import contextvars
import gc
import subprocess
import sys
import threading
import weakref

import pytest

from tealetpp import InvalidError, Main, Status, Tealet, TealetError, TealetExit, ThreadError


def test_two_domains_side_by_side():
    with Main() as a, Main() as b:
        ta, tb = a.tealet(lambda: a.switch("a")), b.tealet(lambda: b.switch("b"))
        assert (ta.switch(), tb.switch()) == ("a", "b")
        assert (ta.switch(1), tb.switch(2)) == (1, 2)


def test_domains_closed_out_of_order():
    a, b, c = Main(), Main(), Main()
    ts = [m.tealet(lambda m: m.switch("paused")) for m in (a, b, c)]
    for t in ts:
        assert t.switch(t.main) == "paused"
    a.close()
    assert ts[1].switch("b goes on") == "b goes on"
    c.close()
    assert b.tealet(int).switch() == 0
    b.close()
    assert [t.status for t in ts] == [Status.EXITED] * 3


@pytest.mark.rule("misuse-domain")
def test_tealets_of_another_domain_are_refused_with_both_named():
    with Main() as a, Main() as b:
        ta, tb = a.tealet(print), b.tealet(print)
        for call in (lambda: a.tealet(parent=tb), lambda: setattr(ta, "parent", tb)):
            with pytest.raises(InvalidError) as caught:
                call()
            assert repr(tb) in str(caught.value)
            assert repr(a) in str(caught.value) and repr(b) in str(caught.value)
        assert ta.parent is a


def test_a_domain_inside_a_tealet_moves_with_it(main):
    def run(name):
        with Main() as inner:
            t = inner.tealet(lambda: [inner.switch((name, n)) for n in range(4)])
            for _ in range(4):
                main.switch(t.switch())
            return t.switch()

    ts = [main.tealet(run) for _ in range(3)]
    assert [t.switch(n) for n, t in enumerate(ts)] == [(0, 0), (1, 0), (2, 0)]
    for step in range(1, 4):
        assert [t.switch() for t in ts] == [(n, step) for n in range(3)]
    assert [t.switch() for t in reversed(ts)] == [[None] * 4] * 3


@pytest.mark.rule("misuse-domain", "nesting-usable")
def test_a_domain_outside_its_tealet_is_refused(main):
    inside = []

    def run():
        with Main() as inner:
            t = inner.tealet(lambda: inner.switch("paused"))
            t.switch()
            inside[:] = [inner, t]
            main.switch()
            return t.switch("still works")

    outer = main.tealet(run)
    outer.switch()
    inner, t = inside
    for call in (t.switch, t.close, inner.switch, inner.tealet, inner.stub, inner.close):
        with pytest.raises(InvalidError, match="opened inside a tealet") as caught:
            call()
        assert repr(inner) in str(caught.value)
    assert t.status is Status.SUSPENDED
    assert inner.stats().n_active == 2
    assert outer.switch() == "still works"
    assert t.status is inner.status is Status.EXITED


@pytest.mark.rule("nesting-inside")
def test_the_outer_domain_can_be_used_from_an_inner_tealet(main):
    def run():
        with Main() as inner:

            def inside():
                return main.switch("from inside"), inner.switch("to inner")

            t = inner.tealet(inside)
            first = t.switch()
            return first, t.switch("last")

    outer = main.tealet(run)
    assert outer.switch() == "from inside"
    assert outer.switch("back") == ("to inner", ("back", "last"))


@pytest.mark.rule("nesting-closed")
def test_an_inner_domain_is_closed_when_its_tealet_ends(main):
    log, kept = [], []

    def run():
        inner = Main()

        def inside():
            try:
                inner.switch()
            finally:
                log.append("unwound")

        kept[:] = [inner, inner.tealet(inside)]
        kept[1].switch()

    main.tealet(run).switch()
    assert log == ["unwound"]
    assert [t.status for t in kept] == [Status.EXITED] * 2


def test_an_inner_domain_is_closed_when_its_tealet_is_closed(main):
    log = []

    def run():
        with Main() as inner:

            def inside():
                try:
                    inner.switch()
                finally:
                    log.append("unwound")

            t = inner.tealet(inside)
            t.switch()
            main.switch()

    t = main.tealet(run)
    t.switch()
    t.close()
    assert log == ["unwound"]


def test_closing_the_outer_tealet_from_an_inner_one(main):
    def run():
        with Main() as inner:
            t = inner.tealet(lambda: main.switch("inside"))
            return t.switch()

    outer = main.tealet(run)
    assert outer.switch() == "inside"
    outer.close()
    assert main.stats().n_active == 1


def test_domains_nested_many_levels_deep(main):
    def nest(level):
        if level == 0:
            return main.switch("innermost")
        with Main() as inner:
            return inner.tealet(nest).switch(level - 1) + 1

    t = main.tealet(nest)
    assert t.switch(8) == "innermost"
    other = main.tealet(nest)
    assert other.switch(3) == "innermost"
    assert t.switch(0) == 8
    assert other.switch(0) == 3


def test_a_main_abandoned_without_close():
    log = []
    main = Main()

    def run(main):
        try:
            main.switch()
        finally:
            log.append("unwound")

    t = main.tealet(run)
    t.switch(main)
    ref = weakref.ref(main)
    del main
    assert ref() is not None, "its paused tealet refers to it"
    del t
    gc.collect()
    assert log == ["unwound"]
    assert ref() is None
    with Main() as another:
        assert another.tealet(int).switch() == 0


ABANDONED = """
import {module}
from tealetpp import Main
main = Main()
def run(n):
    try:
        return run(n - 1) if n else main.switch("paused")
    finally:
        if n == 0: print("unwound")
ts = [main.tealet(run) for _ in range(3)]
for t in ts: t.switch(5)
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit", "ts[0].throw(SystemExit)"])
def test_the_interpreter_ends_cleanly_with_tealets_paused(end):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", ABANDONED.format(module="sys") + end],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_interpreter_ends_cleanly_from_inside_a_tealet():
    code = ABANDONED.format(module="os") + "main.tealet(lambda: os._exit(7)).switch()"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 7


def test_two_domains_in_a_tealet_that_is_gone(main, unraisable):
    """A tealet that refuses to end is discarded, and so are the domains that were opened in it."""
    kept = []

    def outer(domain):
        with Main() as first, Main() as second:
            ts = [m.tealet(lambda m=m: m.switch("paused")) for m in (first, second)]
            for t in ts:
                assert t.switch() == "paused"
            kept.extend([first, second, *ts])
            while True:
                try:
                    domain.switch()
                except TealetExit:
                    pass

    domain = Main()
    kept.append(domain.tealet(outer))
    kept[0].switch(domain)
    with pytest.raises(TealetError):
        domain.close()
    assert [t.status for t in kept] == [Status.EXITED] * 5
    for t in kept[1:]:
        with pytest.raises(InvalidError):
            t.switch()
    assert main.tealet(lambda: "fine").switch() == "fine"


# --- threads ---


def on_thread(call):
    result = []

    def run():
        try:
            result.append(("value", call()))
        except BaseException as error:
            result.append(("error", error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


@pytest.mark.rule("misuse-thread")
def test_another_thread_is_refused(main):
    t = main.tealet(lambda: main.switch("paused"))
    t.switch()
    new, stub = main.tealet(int), main.stub()
    before = main.stats()
    calls = [
        t.switch,
        t.close,
        lambda: t.throw(KeyError),
        t.duplicate,
        stub.duplicate,
        lambda: stub.run(int),
        new.switch,
        new.close,
        lambda: setattr(new, "parent", t),
        main.tealet,
        main.stub,
        main.switch,
        main.close,
        main.__exit__,
    ]
    for call in calls:
        kind, error = on_thread(call)
        assert (kind, type(error)) == ("error", ThreadError)
    assert main.stats() == before
    assert t.switch("as it was") == "as it was"


def test_another_thread_may_look(main):
    t = main.tealet(lambda: main.switch())
    t.switch()
    assert on_thread(lambda: t.status) == ("value", Status.SUSPENDED)
    assert on_thread(lambda: (t.parent, t.main)) == ("value", (main, main))
    assert on_thread(main.stats) == ("value", main.stats())
    assert on_thread(lambda: repr(t)) == ("value", repr(t))


def test_a_domain_on_each_of_many_threads():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    failures = []

    def play(seed):
        try:
            with Main() as main:

                def run(n):
                    while True:
                        n += sorted([main.switch(n), 0], key=lambda x: -x)[0]

                ts = [main.tealet(run) for _ in range(10)]
                totals = [t.switch(seed + n) for n, t in enumerate(ts)]
                for step in range(100):
                    for n, t in enumerate(ts):
                        totals[n] += step
                        assert t.switch(step) == totals[n]
        except BaseException as error:
            failures.append(error)

    try:
        threads = [threading.Thread(target=play, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failures == []


def test_a_thread_that_ends_without_closing_its_main():
    kept = []

    def play():
        main = Main()
        t = main.tealet(lambda: main.switch())
        t.switch()
        kept.extend([main, t])

    thread = threading.Thread(target=play)
    with pytest.warns(ResourceWarning, match="1 open domain of tealets, which was closed"):
        thread.start()
        thread.join()
    main, t = kept
    with pytest.raises(InvalidError, match="is closed"):
        t.switch()
    assert t.status is main.status is Status.EXITED
    assert main.stats().n_active == main.stats().bytes_allocated == 0
    main.close()


def test_the_last_reference_to_a_main_goes_on_another_thread(unraisable):
    holder = [Main()]
    gone = weakref.ref(holder[0])
    on_thread(holder.clear)
    assert gone() is None
    assert unraisable == []


def test_threads_started_and_joined_inside_tealets(main):
    def run(n):
        return [on_thread(lambda: n), main.switch(), on_thread(lambda: n + 1)]

    ts = [main.tealet(run) for _ in range(4)]
    for n, t in enumerate(ts):
        t.switch(n)
    assert [t.switch() for t in ts] == [[("value", n), None, ("value", n + 1)] for n in range(4)]


def test_locks_held_while_paused(main):
    lock = threading.Lock()

    def run():
        with lock:
            main.switch("holds the lock")

    t = main.tealet(run)
    t.switch()
    assert on_thread(lambda: lock.acquire(timeout=0)) == ("value", False)
    t.switch()
    assert on_thread(lambda: lock.acquire(timeout=0)) == ("value", True)


def test_tealets_are_instances_of_tealet():
    with Main() as main:
        assert type(main.tealet()) is Tealet


def test_closing_a_tealet_that_was_left_from_inside_a_domain_of_its_own(main):
    log = []

    def outer():
        with Main() as inner:

            def innermost():
                try:
                    main.switch("from inside")
                finally:
                    log.append("innermost unwound")

            t = inner.tealet(innermost)
            try:
                t.switch()
                log.append("went on")
            finally:
                log.append("outer unwound")

    t = main.tealet(outer)
    assert t.switch() == "from inside"
    t.close()
    assert log == ["innermost unwound", "outer unwound"]
    assert t.status is Status.EXITED


def test_a_tealet_that_swallowed_its_exit_closes_inner_tealets_normally(main):
    def outer():
        try:
            main.switch("paused")
        except TealetExit:
            main.switch("refused")
        with Main() as inner:

            def innermost():
                raise TealetExit

            return inner.tealet(innermost).switch()

    t = main.tealet(outer, parent=main)
    assert t.switch() == "paused"
    with pytest.raises(TealetError):
        t.close()
    assert t.switch() is None


def test_a_domain_that_only_its_tealets_refer_to(main, unraisable):
    refs = []

    def outer():
        inner = Main()
        refs.append(weakref.ref(inner))

        def refuses():
            try:
                refs[0]().switch()
            finally:
                refs[0]().switch()

        inner.tealet(refuses).switch()

    main.tealet(outer).switch()
    assert [kind for kind, _ in unraisable] == [TealetError]
    assert refs[0]() is None


def test_a_domain_opened_by_what_is_dropped_at_the_end(main):
    kept = []
    value = contextvars.ContextVar("value")

    class OpensDomain:
        def __del__(self):
            inner = Main()

            def pauses():
                try:
                    inner.switch()
                finally:
                    deep(20)

            t = inner.tealet(pauses)
            t.switch()
            kept.extend((inner, t))

    def deep(n):
        mine = [n]
        if n:
            deep(n - 1)
        else:
            # These must not get the data stack of the tealet that is ending here.
            kept.extend(main.tealet(lambda *numbers: numbers) for _ in range(3))
            for t in kept[-3:]:
                assert t.switch(1, 2, 3) == (1, 2, 3)
        assert mine == [n]

    def outer():
        value.set(OpensDomain())
        return "end"

    for _ in range(5):
        assert main.tealet(outer).switch() == "end"
    assert not any(kept)


DAEMON = """if True:
    import threading, time
    from tealetpp import Main
    begun = threading.Event()
    def sleeps():
        begun.set()
        while True: time.sleep(0.01)
    def run():
        with Main() as main: main.tealet(sleeps).switch()
    threading.Thread(target=run, daemon=True).start()
    begun.wait()
    time.sleep(0.05)
"""


def test_the_interpreter_ends_while_a_daemon_thread_is_inside_a_tealet():
    done = subprocess.run([sys.executable, "-c", DAEMON], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_tealet_that_ends_by_its_exit_closes_inner_tealets_normally(main, unraisable):
    log = []

    def outer(explicitly):
        inner = Main()

        def pauses():
            try:
                inner.switch()
            finally:
                log.append("inner unwound")

        ts = [inner.tealet(pauses) for _ in range(2)]
        for t in ts:
            t.switch()
        try:
            main.switch()
        finally:
            if explicitly:
                ts[0].close()
                log.append("outer unwound")

    for explicitly in (False, True):
        t = main.tealet(outer)
        t.switch(explicitly)
        t.close()
        assert t.status is Status.EXITED
    assert log == ["inner unwound"] * 3 + ["outer unwound", "inner unwound"]
    assert unraisable == []


def test_both_an_inner_tealet_and_its_outer_one_are_closed(main):
    log = []

    def outer():
        inner = Main()

        def innermost():
            try:
                inner.switch()
            finally:
                main.switch("unwinding")

        t = inner.tealet(innermost)
        t.switch()
        t.close()
        log.append("went on")

    t = main.tealet(outer)
    assert t.switch() == "unwinding"
    t.close()
    assert t.status is Status.EXITED
    assert log == []


def test_opening_a_domain_is_a_safe_point():
    """On another thread than the main one, so no pending call closes it."""
    log = []

    def generate():
        with Main() as main:

            def run():
                try:
                    main.switch()
                finally:
                    log.append(threading.current_thread())

            t = main.tealet(run)
            t.switch()
            yield t

    def work():
        generator = generate()
        garbage = [generator]
        garbage.append(garbage)
        next(generator)
        del generator, garbage
        gc.collect()
        assert log == []
        with Main() as later:
            later.tealet(int).switch()
        assert log == [threading.current_thread()]

    assert on_thread(work) == ("value", None)
