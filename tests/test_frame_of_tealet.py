"""The frame in which a tealet is paused, and format_stack()."""

import functools
import gc
import sys
import threading
import traceback
import warnings
import weakref

import pytest

from tealetpp import Main, Status, Tealet, TealetError, TealetExit


def names(frame):
    """The functions from `frame` to the oldest one."""
    return [each.f_code.co_name for each, _ in traceback.walk_stack(frame)]


def pause(main, local=None):
    return main.switch(local)


def deep(main, n, local=None):
    return deep(main, n - 1, local) if n else pause(main, local)


@pytest.fixture
def paused(main):
    t = main.tealet(deep)
    t.switch(main, 2, "local")
    return t


@pytest.mark.rule("seeing-frame")
def test_the_frame_where_it_paused(main, paused):
    frame = paused.frame
    assert names(frame) == ["pause", "deep", "deep", "deep"]
    assert frame.f_code is pause.__code__
    assert frame.f_locals["local"] == "local"
    assert frame.f_lineno == pause.__code__.co_firstlineno + 1
    assert paused.frame is frame


@pytest.mark.rule("seeing-frame")
def test_none_unless_it_is_paused(main):
    t = main.tealet(lambda: main.switch(t.frame))
    assert t.frame is None
    assert t.switch() is None, "it runs"
    assert t.frame is not None
    t.switch()
    assert t.frame is None
    assert main.frame is None
    assert main.stub().frame is None
    assert main.tealet().frame is None
    closed = Main()
    closed.close()
    assert closed.frame is None
    assert Main.__new__(Main).frame is None


def test_none_without_a_python_frame(main):
    t = main.tealet(main.switch)
    t.switch(1)
    assert t.status is Status.SUSPENDED
    assert t.frame is None
    assert t.format_stack() == []


def test_the_frame_of_main_while_a_tealet_runs(main):
    mine = sys._getframe()
    below = mine.f_back
    frame = main.tealet(lambda: main.frame).switch()
    assert frame is mine
    assert frame.f_back is below
    assert names(main.tealet(lambda: main.frame).switch()) == names(mine)


def test_the_frame_of_a_nested_main_ends_where_its_tealet_began(main):
    def outer():
        with Main() as inner:
            return inner.tealet(lambda: names(inner.frame)).switch()

    assert main.tealet(lambda: outer()).switch() == ["outer", "<lambda>"]


def test_a_tealet_that_paused_inside_an_inner_domain(main):
    def outer():
        with Main() as inner:
            inner.tealet(inside).switch(inner)

    def inside(inner):
        main.switch(inner)

    t = main.tealet(outer)
    inner = t.switch()
    assert names(t.frame) == ["inside"]
    assert names(inner.frame) == ["outer"]
    assert inner.current.frame is None, "it runs, in its domain"


def test_frames_of_generators(main):
    def generate():
        yield main.switch()

    t = main.tealet(lambda: list(generate()))
    t.switch()
    assert names(t.frame) == ["generate", "<lambda>"]
    with pytest.raises(RuntimeError):
        t.frame.clear()
    t.switch()


def test_below_c_functions(main):
    def compare(n):
        return sorted([n], key=lambda _: compare(n - 1)) if n else main.switch()

    t = main.tealet(compare)
    t.switch(3)
    assert names(t.frame) == ["compare"] + ["<lambda>", "compare"] * 3
    frame = t.frame
    t.switch(0)
    assert frame.f_back.f_code.co_name == "<lambda>"


def test_the_frame_is_the_one_that_the_code_itself_sees(main):
    def run():
        mine = sys._getframe()
        main.switch(mine)
        return sys._getframe() is mine

    t = main.tealet(run)
    mine = t.switch()
    assert t.frame is mine
    del mine
    assert t.switch() is True


@pytest.mark.rule("seeing-frame")
@pytest.mark.parametrize("end", ["runs on", "returns", "is closed", "raises", "is dropped"])
def test_it_can_be_kept_while_the_tealet(end):
    with Main() as main:

        def run(kept):
            deep(main, 1, kept)
            return main.switch()

        t = main.tealet(run)
        t.switch("kept")
        frame = t.frame
        before = names(frame)
        if end == "runs on":
            t.switch()
        elif end == "returns":
            t.switch()
            t.switch()
        elif end == "is closed":
            t.close()
        elif end == "raises":
            with pytest.raises(KeyError):
                t.throw(KeyError)
        else:
            del t
    gc.collect()
    assert frame.f_locals["local"] == "kept"
    assert names(frame) == before == ["pause", "deep", "deep", "run"]
    frame.clear()
    assert "local" not in frame.f_locals


@pytest.mark.rule("seeing-frame")
def test_it_can_be_kept_when_the_tealet_is_discarded():
    def refuse(local):
        while True:
            try:
                main.switch()
            except TealetExit as error:
                local.append(error)

    with pytest.raises(TealetError):
        with Main() as main:
            t = main.tealet(lambda local: refuse(local))
            t.switch([])
            frame = t.frame
    assert names(frame) == ["refuse", "<lambda>"]
    assert len(frame.f_locals["local"]) == 1
    assert frame.f_back.f_locals["local"] is frame.f_locals["local"]
    frame.clear()


@pytest.mark.rule("seeing-frame")
def test_it_can_be_kept_when_the_thread_ends():
    kept = []

    def thread():
        main = Main()
        t = main.tealet(deep)
        t.switch(main, 1, "local")
        kept.append(t.frame)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = threading.Thread(target=thread)
        other.start()
        other.join()
    [frame] = kept
    assert names(frame) == ["pause", "deep", "deep"]
    assert frame.f_locals["local"] == "local"


def test_seen_from_another_thread(main, paused):
    seen = []

    def thread():
        seen.append(names(paused.frame))
        seen.append(paused.format_stack())
        seen.append(main.format_stack())
        seen.append(names(sys._getframe()))

    other = threading.Thread(target=thread)
    other.start()
    other.join()
    assert seen[0] == ["pause", "deep", "deep", "deep"]
    assert len(seen[1]) == 4
    assert seen[2] == [], "it runs on another thread"
    assert seen[3][0] == "thread"


def test_a_frame_that_is_paused_cannot_be_cleared(paused):
    with pytest.raises(RuntimeError):
        paused.frame.clear()
    with pytest.raises(RuntimeError):
        paused.frame.f_back.clear()
    assert paused.switch(7) == 7


def test_the_frame_keeps_nothing_alive_but_its_variables(main):
    class Thing:
        pass

    def run(thing):
        main.switch()
        del thing
        main.switch()

    t = main.tealet(run)
    thing = Thing()
    t.switch(thing)
    gone = weakref.ref(thing)
    del thing
    frame = t.frame
    frame.f_locals
    t.switch()
    frame.f_locals
    assert gone() is None
    t.close()
    tealet = weakref.ref(t)
    del t
    gc.collect()
    assert tealet() is None
    assert frame.f_back is None


def test_a_cycle_through_its_own_frame_is_collected(main):
    def run():
        mine = main.switch()
        kept = main.current, mine
        try:
            main.switch()
        finally:
            unwound.append(kept[1] is mine)

    unwound = []
    t = main.tealet(run)
    t.switch()
    t.switch(t.frame)
    del t
    for _ in range(2):
        gc.collect()
        main.tealet().close()
    assert unwound == [True]
    assert main.tealets() == [main]


def test_a_trace_function_set_on_the_frame(main):
    def run():
        while True:
            main.switch()

    def trace(frame, event, argument):
        events.append((frame.f_code.co_name, event))
        return trace

    events = []
    t = main.tealet(run)
    t.switch()
    t.frame.f_trace = trace
    t.switch()
    before = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        main.tealet(run).switch()  # now CPython 3.12 has prepared the code for tools
        for _ in range(3):
            t.switch()
    finally:
        sys.settrace(before)
    assert t.frame.f_trace is trace
    assert set(events) == {("run", "line")}
    del t.frame.f_trace


def test_reading_the_frame_under_a_trace_function(main, paused):
    seen = []

    def trace(frame, event, argument):
        if paused.status is Status.SUSPENDED and len(seen) < 100:
            seen.append(names(paused.frame))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        t = main.tealet(deep)
        t.switch(main, 1)
        t.switch()
    finally:
        sys.settrace(before)
    assert seen
    assert {tuple(each) for each in seen} == {("pause", "deep", "deep", "deep")}


def test_with_an_eager_collector(main, eager_gc):
    tealets = [main.tealet(deep) for _ in range(30)]
    for n, t in enumerate(tealets):
        t.switch(main, n % 4)
    kept = []
    for _ in range(3):
        for n, t in enumerate(tealets):
            assert len(names(t.frame)) == n % 4 + 2
            kept.append(t.frame)
    for t in tealets[::2]:
        t.switch()
    for t in tealets[1::2]:
        t.close()
    assert [len(names(frame)) for frame in kept[:8]] == [2, 3, 4, 5] * 2


def test_the_exception_that_is_set_stays(main, paused):
    try:
        raise KeyError("mine")
    except KeyError as error:
        assert paused.frame is not None
        assert sys.exc_info()[1] is error
    paused.close()


def test_a_frame_can_be_made_inside_the_tealet_that_is_being_closed(main):
    def run():
        try:
            main.switch()
        finally:
            seen.append((t.frame, names(main.frame)[0]))

    seen = []
    t = main.tealet(run)
    t.switch()
    t.close()
    assert seen == [(None, "test_a_frame_can_be_made_inside_the_tealet_that_is_being_closed")]


# --- format_stack() ---


@pytest.mark.rule("seeing-stack")
def test_the_stack_of_a_paused_tealet(paused):
    stack = paused.format_stack()
    assert stack == traceback.format_stack(paused.frame)
    functions = [entry.splitlines()[0].rpartition(" ")[2] for entry in stack]
    assert functions == ["deep", "deep", "deep", "pause"]
    assert "main.switch(local)" in stack[-1]
    assert all(entry.endswith("\n") for entry in stack)


@pytest.mark.rule("seeing-stack")
def test_the_stack_of_the_running_tealet(main):
    def run():
        return t.format_stack(), main.format_stack()

    t = main.tealet(lambda: run())
    mine, of_main = t.switch()
    assert len(mine) == 2
    assert "in run\n" in mine[-1]
    assert "in <lambda>\n" in mine[0]
    assert "test_the_stack_of_the_running_tealet" in of_main[-1]
    here = main.format_stack()
    assert len(here) == len(traceback.format_stack())
    assert "here = main.format_stack()" in here[-1]


def test_the_stack_of_tealets_that_run_around_the_caller(main):
    def outer():
        with Main() as inner:
            seen.append(len(t.format_stack()))
            seen.append(len(inner.format_stack()))

            def inside():
                seen.append(len(u.format_stack()))
                seen.append(t.format_stack())
                seen.append(len(inner.format_stack()))

            u = inner.tealet(inside)
            u.switch()

    seen = []
    t = main.tealet(outer)
    t.switch()
    assert seen == [1, 1, 1, [], 1]


def test_no_stack_without_frames(main):
    for t in (main.tealet(deep), main.tealet(), main.stub(), Main.__new__(Main)):
        assert t.format_stack() == []
    ended = main.tealet(lambda: None)
    ended.switch()
    assert ended.format_stack() == []
    closed = Main()
    closed.close()
    assert closed.format_stack() == []


def test_both_are_read_only(paused):
    with pytest.raises(AttributeError):
        paused.frame = None
    with pytest.raises(AttributeError):
        del paused.frame
    with pytest.raises(TypeError):
        paused.format_stack(1)
    assert isinstance(paused, Tealet)


# --- frames of the interpreter on the C stack, which other tealets overwrite ---


def through_c(levels, call):
    """Each level is a call of the interpreter by a C function."""
    if levels == 0:
        return call()
    result = []
    sorted([0], key=lambda _: result.append(through_c(levels - 1, call)))
    return result[0]


@pytest.fixture
def newer(main):
    with Main() as domain:  # its tealets can use the older domain
        yield domain


def test_main_while_a_tealet_of_another_domain_is_in_its_place(main, newer):
    def begins_farther():
        through_c(40, main.switch)
        return names(newer.frame)

    farther = main.tealet(begins_farther)
    farther.switch()

    def deeper():
        expected = names(sys._getframe())
        return expected, newer.tealet(farther.switch).switch()

    expected, found = through_c(20, deeper)
    assert found == expected


def test_a_stub_of_another_domain_in_its_place(main, newer):
    stub = main.stub()

    def deeper():
        expected = names(sys._getframe())
        look = functools.partial(through_c, 40, lambda: names(newer.frame))
        return expected, newer.tealet(stub.run).switch(look)

    expected, found = through_c(20, deeper)
    assert found == expected


def test_a_main_that_runs_in_a_tealet_of_another_domain(main, newer):
    def begins_farther():
        through_c(40, main.switch)
        return names(newer.frame)

    def deeper():
        expected.append(names(sys._getframe()))
        return newer.tealet(farther.switch).switch()

    expected = []
    farther = main.tealet(begins_farther)
    farther.switch()
    with Main() as newest:
        found = newest.tealet(through_c).switch(20, deeper)
    assert [found] == expected


@pytest.mark.rule("seeing-frame")
@pytest.mark.parametrize("fetched_again", [True, False])
def test_a_tealet_may_begin_while_the_variables_of_another_one_are_looked_at(main, fetched_again):
    """CPython 3.11 and 3.12 copy variables to ``f_locals``, which may drop what was there."""

    class Begins:
        def __del__(self):
            main.tealet(deep).switch(60)

    def deep(depth):
        a = b = c = d = [depth]
        return deep(depth - 1) if depth else (a, b, c, d)

    def run():
        value, others = Begins(), [[number] for number in range(5)]
        main.switch()
        value = 1
        a, b, c, d, e = others
        main.switch()
        return [a, b, c, d, e] if value else None

    for _ in range(5):
        t = main.tealet(run)
        t.switch()
        frame = t.frame
        assert isinstance(frame.f_locals["value"], Begins)
        t.switch()
        if fetched_again:
            assert t.frame is frame
        seen = frame.f_locals
        assert [seen[name] for name in "abcde"] == [[number] for number in range(5)]
        del frame, seen
        assert t.switch() == [[number] for number in range(5)]
