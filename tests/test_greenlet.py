"""Together with other libraries that switch C stacks: greenlet, and gevent on top of it.

A domain works if it is used wholly between two of their switches. One domain for each greenlet
always works. If they switch in the middle of a tealet, they move its C stack away. Until they have
switched back, its domain is refused.
"""

import gc
import os
import random
import signal
import subprocess
import sys

import pytest

from conftest import domain_with_a_paused_tealet
from tealetpp import InvalidError, Main, Status

greenlet = pytest.importorskip("greenlet")
MOVED = "another library has moved the C stack"


def deep(n, call):
    return sorted([1], key=lambda _: deep(n - 1, call)) and None if n else call()


def test_a_domain_in_each_greenlet_wholly_between_their_switches():
    hub = greenlet.getcurrent()
    results = {}

    def body(n):
        for step in range(5):
            with Main() as main:
                ts = [main.tealet(lambda k: [main.switch(k), main.switch(k + 1)]) for _ in range(3)]
                assert [t.switch(n + k) for k, t in enumerate(ts)] == [n, n + 1, n + 2]
                deep(n % 4, lambda: [t.switch(step) for t in ts])
                assert [t.switch(step + 1) for t in ts] == [[step, step + 1]] * 3
            hub.switch()
        results[n] = "done"

    gs = [greenlet.greenlet(body) for _ in range(8)]
    for n, g in enumerate(gs):
        deep(n % 3, lambda: g.switch(n))
    while alive := [g for g in gs if not g.dead]:
        for g in alive:
            g.switch()
    assert results == dict.fromkeys(range(8), "done")


@pytest.mark.parametrize("seed", range(5))
def test_a_domain_in_each_greenlet_that_waits_inside_of_its_tealets(seed):
    rng = random.Random(seed)
    hub = greenlet.getcurrent()
    results = {}

    def body(tag):
        with Main() as main:

            def work(k):
                mine = [tag, k] * 5
                for step in range(10):
                    hub.switch()  # waits for something, in the middle of a tealet
                    assert main.switch((tag, k, step)) == ("for", tag, k)
                    assert mine == [tag, k] * 5
                return tag

            ts = [main.tealet(work) for _ in range(3)]
            for k, t in enumerate(ts):
                assert t.switch(k) == (tag, k, 0)
            while any(ts):
                k = rng.choice([k for k, t in enumerate(ts) if t])
                value = ts[k].switch(("for", tag, k))
                assert value == tag or value[:2] == (tag, k)
        results[tag] = "done"

    gs = [greenlet.greenlet(lambda n=n: deep(n, lambda: body(n))) for n in range(5)]
    while alive := [g for g in gs if not g.dead]:
        rng.choice(alive).switch()
    assert results == dict.fromkeys(range(5), "done")


@pytest.mark.rule("misuse-moved")
def test_moved_while_a_tealet_runs(main):
    hub = greenlet.getcurrent()

    def work():
        mine = [1, 2, 3]
        assert hub.switch("moved") == "back"
        assert mine == [1, 2, 3]
        return main.switch("works on")

    def body():
        t.switch()
        return t.switch("to the end")

    t = main.tealet(work)
    paused = main.tealet(lambda: main.switch())
    paused.switch()
    other = greenlet.greenlet(body)
    assert other.switch() == "moved"
    calls = [paused.switch, paused.close, main.tealet, main.stub, main.close, main.switch, t.switch]
    for call in calls:
        with pytest.raises(InvalidError, match=MOVED) as caught:
            call()
        assert repr(main) in str(caught.value)
    assert t.status is Status.RUNNING and paused.status is Status.SUSPENDED
    # Another domain can be used.
    with Main() as another:
        assert another.tealet(lambda: another.switch("fine")).switch() == "fine"
    assert other.switch("back") == "to the end"
    assert other.dead and not t
    assert paused.switch() is None


def test_a_domain_that_lies_in_such_a_tealet(main):
    hub = greenlet.getcurrent()
    inside = []

    def work():
        with Main() as inner:
            inside[:] = [inner, inner.tealet(lambda: inner.switch("inner"))]
            inside[1].switch()
            hub.switch("moved")
            return inside[1].switch("last")

    t = main.tealet(work)
    other = greenlet.greenlet(t.switch)
    assert other.switch() == "moved"
    inner, paused = inside
    for call in (paused.switch, inner.tealet, inner.close):
        with pytest.raises(InvalidError, match=MOVED):
            call()
    assert other.switch() == "last"


def test_a_tealet_begun_beyond_the_stack_of_the_greenlet_that_resumes_it(main):
    """Its place belongs to other greenlets, which would overwrite it if they ran meanwhile."""
    t = main.tealet(lambda: [main.switch(), main.switch()])
    t.switch()

    def resumes():
        with pytest.raises(InvalidError, match=MOVED):
            t.switch("from here")
        return "refused"

    def go():
        g = greenlet.greenlet(resumes)
        assert g.switch() == "refused"

    deep(10, go)
    assert t.status is Status.SUSPENDED
    t.switch(1)
    assert t.switch(2) == [1, 2]


def begun_here(main):
    creator = main.current
    t = main.tealet(lambda: [creator.switch(), creator.switch()])
    t.switch()
    return t


@pytest.mark.rule("misuse-moved")
def test_the_same_resumed_by_a_tealet_of_that_greenlet(main):
    t = begun_here(main)

    def resumes():
        with pytest.raises(InvalidError, match=MOVED):
            t.switch("from here")
        with pytest.raises(InvalidError, match=MOVED):
            t.throw(KeyError)
        with pytest.raises(InvalidError, match=MOVED):
            t.close()
        near = begun_here(main)
        assert near.switch(1) is None
        deep(10, lambda: done.append(near.switch(2)))

    done = []
    deep(10, lambda: greenlet.greenlet(lambda: main.tealet(resumes).switch()).switch())
    assert done == [[1, 2]]
    assert t.status is Status.SUSPENDED
    t.switch(1)
    assert t.switch(2) == [1, 2]


def test_a_greenlet_that_runs_no_python_function_of_its_own(main):
    """It has no interpreter loop, and its tealets began on its C stack all the same."""
    begun_farther_out = begun_here(main)

    def body():
        near = begun_here(main)
        assert near.switch(1) is None
        done.append(near.switch(2))

    done = []
    deep(10, lambda: greenlet.greenlet(main.tealet(body).switch).switch())
    assert done == [[1, 2]]
    assert begun_farther_out.status is Status.SUSPENDED


@pytest.mark.rule("misuse-moved")
def test_the_same_resumed_inside_a_tealet_of_another_domain(main):
    t = begun_here(main)

    def resumes():
        with pytest.raises(InvalidError, match=MOVED):
            t.switch("from here")
        near = begun_here(main)
        assert near.switch(1) is None
        deep(10, lambda: done.append(near.switch(2)))

    done = []
    with Main() as other:
        deep(10, lambda: greenlet.greenlet(other.tealet(resumes).switch).switch())
    assert done == [[1, 2]]
    assert t.status is Status.SUSPENDED
    t.switch(1)
    assert t.switch(2) == [1, 2]


@pytest.mark.rule("misuse-moved")
@pytest.mark.parametrize("ending", [lambda: "its result", lambda: [].pop()])
def test_the_parent_is_such_a_tealet(main, ending):
    """The tealet ends all the same, so main gets the error. The parent stays as it was."""
    t = begun_here(main)

    def elsewhere():
        with pytest.raises(InvalidError, match=MOVED) as caught:
            main.tealet(ending, parent=t).switch()
        assert repr(t) in str(caught.value)
        return "refused"

    deep(10, lambda: greenlet.greenlet(elsewhere).switch())
    assert t.status is Status.SUSPENDED
    t.switch(1)
    assert t.switch(2) == [1, 2]


def test_a_tealet_begun_where_it_is_resumed_below_the_place_of_another_one(main):
    hub = greenlet.getcurrent()
    results = []

    def begin():
        t = main.tealet(lambda: [main.switch(), main.switch()])
        t.switch()
        return t

    def work():
        t = begin()
        hub.switch()
        deep(3, lambda: t.switch(1))
        hub.switch()
        results.append(t.switch(2))

    first = begin()  # farther out than every greenlet
    gs = [greenlet.greenlet(work) for _ in range(3)]
    for _ in range(3):
        for g in gs:
            deep(5, g.switch)
    assert results == [[1, 2]] * 3
    first.switch("a")
    assert first.switch("b") == ["a", "b"]


@pytest.mark.rule("pending-greenlet")
def test_garbage_that_began_on_another_greenlets_stack_ends_back_there(main):
    log = []
    hub = greenlet.getcurrent()

    def begin():
        def body():
            itself = t
            try:
                main.switch()
            finally:
                log.append((greenlet.getcurrent(), itself is t))

        t = main.tealet(body)
        t.switch()

    def elsewhere():
        gc.collect()
        main.tealet(int).switch()
        log.append("elsewhere")

    begin()
    deep(3, lambda: greenlet.greenlet(elsewhere).switch())
    assert log == ["elsewhere"], "its place on the C stack belongs to another greenlet"
    main.tealet(int).switch()
    assert log == ["elsewhere", (hub, True)]


def test_a_paused_tealet_is_resumed_by_any_greenlet_that_reaches_as_far():
    made = []
    main = Main()

    def begin():
        t = main.tealet(lambda: [main.switch(), main.switch()])
        t.switch()
        return t

    greenlet.greenlet(lambda: deep(3, lambda: made.append(begin()))).switch()
    (t,) = made
    results = []
    greenlet.greenlet(lambda: results.append(t.switch("a"))).switch()
    greenlet.greenlet(lambda: results.append(t.switch("b"))).switch()
    assert results == [None, ["a", "b"]]
    main.close()


def test_a_domain_may_be_used_inside_a_tealet_of_another():
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


@pytest.mark.rule("pending-greenlet")
def test_a_dropped_main_is_closed_where_its_tealets_began():
    log = []

    def safe_point():
        with Main() as main:
            main.tealet(int).switch()

    def deeper(n):
        return sorted([n], key=lambda _: deeper(n - 1)) if n else greenlet.greenlet(other).switch()

    def other():
        nonlocal generator
        cycle = [generator]
        cycle.append(cycle)
        generator = cycle = None
        gc.collect()
        safe_point()
        log.append("other")

    gc.disable()
    try:
        generator = domain_with_a_paused_tealet(log)
        next(generator)
        deeper(5)
        safe_point()
    finally:
        gc.enable()
    assert log == ["other", "unwound"]


GEVENT = """
import sys
import gevent
from tealetpp import InvalidError, Main

def own(i):
    with Main() as main:
        def work():
            for k in range(5):
                gevent.sleep(0)
                main.switch((i, k))
            return "end"
        t = main.tealet(work)
        got = [t.switch()]
        while t: got.append(t.switch())
        return got

jobs = [gevent.spawn(own, i) for i in range(10)]
gevent.joinall(jobs, timeout=60)
assert [job.value for job in jobs] == [[(i, k) for k in range(5)] + ["end"] for i in range(10)]

shared = Main()
def work(i):
    for k in range(5):
        gevent.sleep(0)                       # other greenlets run meanwhile
        assert shared.switch((i, k)) == ("for", i, k)
    return "end"
def handler(i):
    t = shared.tealet(work)
    got, n = t.switch(i), 0
    while t:
        assert got == (i, n)
        got = t.switch(("for", i, n)); n += 1
    return got
def deep(n, f): return deep(n - 1, f) if n else f()
def refused(i):
    try: return deep(i, lambda: handler(i))
    except InvalidError as error:
        return "moved" if "moved the C stack" in str(error) else repr(error)
jobs = [gevent.spawn(refused, i) for i in range(6)]
gevent.joinall(jobs, timeout=60)
print([job.value for job in jobs])
"""


def test_below_gevent():
    pytest.importorskip("gevent")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", GEVENT], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout == f"{['end'] + ['moved'] * 5}\n"


# --- chunks of the data stack, which some versions of CPython keep for the next call ---


def descend(depth, call):
    """Make `call` below so many Python calls: 150 of them go beyond a chunk of 16 KiB."""
    token = (depth,)
    result = descend(depth - 1, call) if depth else call()
    assert token == (depth,)
    return result


def nothing():
    return None


@pytest.mark.rule("data-stack-greenlet")
def test_a_greenlet_calls_in_the_chunk_that_a_tealet_has_left(main):
    """Another tealet has saved frames that return there."""
    hub = greenlet.getcurrent()

    def leaves():
        descend(150, nothing)
        hub.switch("left")

    def body():
        paused = main.tealet(descend)
        assert paused.switch(150, lambda: main.switch("paused")) == "paused"
        main.tealet(leaves).switch()
        return paused.switch("end")

    other = greenlet.greenlet(body)
    assert other.switch() == "left"
    assert descend(150, other.switch) == "end"


@pytest.mark.rule("data-stack-greenlet")
def test_a_tealet_of_another_domain_pauses_in_that_chunk(main):
    hub = greenlet.getcurrent()

    def leaves():
        descend(150, nothing)
        hub.switch("left")
        main.switch()
        return descend(150, lambda: hub.switch("deep"))

    def first():
        tealet = main.tealet(leaves)
        tealet.switch()
        return tealet.switch()

    def second():
        with Main() as inner:

            def pauses():
                hub.switch("moved")
                return descend(150, lambda: inner.switch("paused"))

            tealet = inner.tealet(pauses)
            assert tealet.switch() == "paused"
            other = inner.tealet(descend)
            other.switch(10, lambda: inner.switch())  # so the frames of the first one move
            hub.switch("switched")
            return tealet.switch("end")

    a, b = greenlet.greenlet(first), greenlet.greenlet(second)
    assert (b.switch(), a.switch(), b.switch()) == ("moved", "left", "switched")
    assert (a.switch(), b.switch(), a.switch("fine")) == ("deep", "end", "fine")


@pytest.mark.rule("data-stack-greenlet")
@pytest.mark.parametrize("seed", range(5))
def test_deep_calls_of_tealets_and_greenlets_that_switch_in_the_middle(seed):
    rng = random.Random(seed)
    hub = greenlet.getcurrent()
    ended = []

    def depth():
        return rng.choice([0, 5, 150, 150, 300])

    def work(main, tag):
        for _ in range(5):
            descend(depth(), nothing)
            descend(depth(), hub.switch)
            assert descend(depth(), lambda: main.switch(tag)) == tag

    def body(name):
        with Main() as main:
            paused = {tag: main.tealet(work) for tag in [(name, 0), (name, 1), (name, 2)]}
            for tag, tealet in paused.items():
                assert tealet.switch(main, tag) == tag
            while paused:
                tag = rng.choice(list(paused))
                if descend(depth(), lambda tag=tag: paused[tag].switch(tag)) != tag:
                    del paused[tag]
                if rng.random() < 0.3:
                    descend(depth(), hub.switch)
        ended.append((name, main.stats().bytes_allocated))

    sys.setrecursionlimit(10_000)
    gs = [greenlet.greenlet(body) for _ in range(4)]
    for name, g in enumerate(gs):
        g.switch(name)
    while alive := [g for g in gs if not g.dead]:
        descend(depth(), rng.choice(alive).switch)
    assert sorted(name for name, _ in ended) == list(range(4))


LOADED_TOO_LATE = """if True:
    from tealetpp import Main
    def descend(depth, call):
        return descend(depth - 1, call) if depth else call()
    def load():
        global greenlet
        import greenlet
    def leaves():
        descend(150, load)
        global other
        other = greenlet.greenlet(descend)
        other.switch(150, greenlet.getcurrent().switch)
    with Main() as main:
        paused = main.tealet(descend)
        paused.switch(150, main.switch)
        main.tealet(leaves).switch()
        paused.switch()
    print("fine")
"""


@pytest.mark.rule("data-stack-greenlet")
def test_greenlet_that_is_loaded_while_tealets_share_a_further_chunk():
    """Only a CPython that keeps a chunk ends the process, with a message."""
    done = subprocess.run([sys.executable, "-c", LOADED_TOO_LATE], capture_output=True, text=True)
    if sys.version_info < (3, 15):  # some releases of 3.13 and 3.14 do, others do not
        assert done.returncode in (0, -signal.SIGABRT), done.stderr
    else:
        assert done.returncode == -signal.SIGABRT
    assert ("fine" in done.stdout) is (done.returncode == 0)
    assert ("greenlet was loaded too late" in done.stderr) is (done.returncode != 0)


# --- a thread ends while a tealet runs whose C stack was moved away ---

ENDING = """
import greenlet
import threading
from tealetpp import Main

def paused(main, *owned):
    creator = main.current
    def body():
        held = owned  # dropped with the frame, when the thread ends
        creator.switch()
    tealet = main.tealet(body)
    tealet.switch()
    return tealet

{body}

def end_inside_a_tealet():
    runner = greenlet.greenlet(runs)
    kept.append(runner)
    runner.switch(greenlet.getcurrent())

kept = []
thread = threading.Thread(target=end_inside_a_tealet)
thread.start()
thread.join()
print("fine")
"""

THE_SAME_DOMAIN = """
def runs(hub):
    main = Main()
    main.owns_another = paused(main, paused(main))
    main.tealet(hub.switch).switch()
"""

ENTERED_FROM_ANOTHER = """
def runs(hub):
    entered = Main()
    main = Main()
    def body():
        entered.owns_another = paused(entered, paused(entered))
        hub.switch()
    main.tealet(lambda: entered.tealet(body).switch()).switch()
"""


@pytest.mark.rule("discard-running")
@pytest.mark.parametrize("body", [THE_SAME_DOMAIN, ENTERED_FROM_ANOTHER])
def test_a_thread_ends_while_a_moved_tealet_runs(body):
    """Paused tealets of its domain, and of one entered from it, are dropped after it is freed."""
    program = ENDING.format(body=body)
    environment = os.environ | {"MALLOC_PERTURB_": "165"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


# --- the frames of a paused main tealet, whose C stack a switch moves away ---


def look_at_frames_of_moved_main(main, levels):
    """What is seen of main, which paused below C functions in a greenlet that was left."""
    hub = greenlet.getcurrent()
    tealet = main.tealet(lambda: hub.switch())
    runner = greenlet.greenlet(lambda: deep(levels, tealet.switch))
    runner.switch()
    kept = main.frame

    def look():
        names = []
        frame = main.frame
        while frame is not None:
            names.append(frame.f_code.co_name)
            frame = frame.f_back
        return names, len(main.format_stack())

    def looks():
        seen.append(look())

    seen = []
    for depth in (0, 20, 40):
        deep(depth, looks)
    if kept is not None:
        while kept.f_back is not None:
            kept = kept.f_back
    runner.switch()
    return seen


def test_the_frames_of_a_main_that_was_moved(main):
    for names, lines in look_at_frames_of_moved_main(main, 10):
        assert names == ["deep", "<lambda>"] * 10 + ["deep", "<lambda>"]
        assert lines == len(names)


def test_no_frames_of_a_main_that_was_opened_before_greenlet_was_loaded():
    program = """if True:
        import sys
        from tealetpp import Main
        def body():
            import greenlet
            assert main.frame is None and main.format_stack() == []
        def again():
            assert other.frame is not None and other.format_stack() != []
        with Main() as main:
            main.tealet(body).switch()
            with Main() as other:
                other.tealet(again).switch()
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
