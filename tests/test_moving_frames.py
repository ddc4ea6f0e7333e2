"""Frames move out of the data stack when another tealet runs, and back before their own one does.

Whoever holds a frame object or walks a chain of frames sees the same in both places.
"""

import gc
import random
import sys
import textwrap
import threading
import weakref

import pytest

from conftest import check_stats
from extension_modules import run_python
from tealetpp import Main, Status, TealetError, TealetExit

OFTEN = 20


def small(number):
    a = b = c = d = e = f = g = h = i = j = k = m = number
    return a + b + c + d + e + f + g + h + i + j + k + m


def call_often(times=OFTEN):
    for number in range(times):
        small(number)


def descend(depth, action, *rest):
    """Does it that deep, and calls functions in each frame, before and after."""
    local = (depth, rest)
    call_often()
    for number in range(OFTEN):
        small(number)
    result = descend(depth - 1, action, *rest) if depth else action(*rest)
    for number in range(OFTEN):
        small(number)
    assert local == (depth, rest)
    return result


@pytest.fixture
def main():
    with Main() as main:
        if not main.stats().enabled:
            pytest.skip("needs the statistics")
        yield main
        check_stats(main)


@pytest.fixture
def move_out(main):
    """A function that moves the frames of all paused tealets out of the data stack."""

    def run():
        while True:
            main.switch()

    t = main.tealet(run)
    t.switch()
    yield t.switch
    t.close()


def bytes_of(main):
    return main.stats().data_stack_bytes


def calls_after_a_pause(main, depth):
    if depth:
        return calls_after_a_pause(main, depth - 1)
    times = main.switch()
    while True:
        for number in range(times):
            small(number)
        times = main.switch()


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("depth", [0, 1, 2, 10, 50])
def test_calls_and_pauses_need_no_new_blocks(main, move_out, depth):
    t = main.tealet(calls_after_a_pause)
    t.switch(main, depth)
    t.switch(1)
    move_out()
    before = check_stats(main)
    for _ in range(3):
        t.switch(1000)
        move_out()
        assert check_stats(main).data_stack_bytes == before.data_stack_bytes
        assert main.stats().data_stack_grows == before.data_stack_grows
    t.close()


# --- who looks at frames ---


def at_depth(depth, action):
    local = f"at {depth}"
    result = at_depth(depth - 1, action) if depth else action()
    return (local, result)


def seen_from(frame):
    depths = []
    while frame is not None and frame.f_code is at_depth.__code__:
        assert frame.f_locals["local"] == f"at {frame.f_locals['depth']}"
        assert frame.f_lineno == at_depth.__code__.co_firstlineno + 2
        depths.append(frame.f_locals["depth"])
        frame = frame.f_back
    return depths


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("depth", [0, 1, 30, 400])
def test_frame_objects_from_before_and_after_a_move(main, move_out, depth):
    held = []

    def action():
        held.append(sys._getframe().f_back)
        main.switch()

    t = main.tealet(at_depth)
    t.switch(depth, action)
    expected = list(range(depth + 1))
    assert seen_from(held[0]) == expected
    for _ in range(2):
        move_out()
        gc.collect()
        assert seen_from(held[0]) == expected
        newest = t.frame.f_back  # of action()
        assert newest is held[0]
    found = []
    thread = threading.Thread(target=lambda: found.append(seen_from(held[0])))
    thread.start()
    thread.join()
    assert found == [expected]
    t.switch()
    assert not t
    frame, depths = held[0], []
    while frame is not None:
        depths.append(frame.f_locals["depth"])
        frame = frame.f_back
    assert depths == expected


@pytest.mark.rule("data-stack-moves")
def test_a_frame_object_made_while_the_frame_is_moved(main, move_out):
    t = main.tealet(at_depth)
    t.switch(20, main.switch)
    move_out()
    frame = t.frame
    assert seen_from(frame) == list(range(21))
    main.tealet(at_depth).switch(25, list)
    assert t.frame is frame
    t.switch()
    assert not t
    assert [f.f_locals["depth"] for f in chain(frame)] == list(range(21))


def chain(frame):
    while frame is not None:
        yield frame
        frame = frame.f_back


@pytest.mark.rule("data-stack-moves")
def test_a_chain_that_leads_through_generators_and_c_functions(main, move_out):
    def generate(depth):
        yield from generate(depth - 1) if depth else [main.switch()]

    def run():
        return list(map(lambda n: [*generate(n)], [3]))

    t = main.tealet(run)
    t.switch()
    names = ["generate"] * 4 + ["<lambda>", "run"]
    for _ in range(3):
        assert [frame.f_code.co_name for frame in chain(t.frame)] == names
        move_out()
    assert t.switch("sent") == [["sent"]]


@pytest.mark.rule("data-stack-moves")
def test_tracebacks_through_frames_that_have_moved(main, move_out):
    def fails(depth):
        if depth:
            try:
                return fails(depth - 1)
            finally:
                main.switch()
        main.switch()
        raise ValueError

    t = main.tealet(fails)
    t.switch(5)
    with pytest.raises(ValueError) as raised:
        while True:
            move_out()
            t.switch()
    frames = [entry.frame for entry in raised.traceback if entry.frame.code.name == "fails"]
    assert [frame.f_locals["depth"] for frame in frames] == [5, 4, 3, 2, 1, 0]


@pytest.mark.rule("data-stack-moves")
def test_the_collector_sees_moved_frames(main, move_out):
    """A tealet whose own variable refers to it is found, with all that it refers to."""

    class Local:
        pass

    def run(cell):
        local = Local()
        gone.append(weakref.ref(local))
        main.switch()
        return cell, local

    gone = []
    for _ in range(2):
        cell = []
        cell.append(main.tealet(run))
        cell[0].switch(cell)
        assert any(cell is referent for referent in gc.get_referents(cell[0]))
        move_out()
        assert any(cell is referent for referent in gc.get_referents(cell[0]))
        del cell
    gc.collect()
    main.tealet(list).switch()  # ends what is pending
    assert [reference() for reference in gone] == [None, None]


# --- frames that are not in the chain, or not whole, when they move ---


@pytest.mark.rule("data-stack-moves")
def test_a_pause_while_arguments_are_bound(main, move_out):
    """CPython has made the frame of the callee then, but not linked it."""

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            main.switch("comparing")
            return str(self) == str(other)

    def callee(first, *, second):
        return first, second

    def run(depth):
        return run(depth - 1) if depth else callee(object, **{Name("second"): 2})

    t = main.tealet(run)
    value = t.switch(3)
    assert value == "comparing"
    while t:
        move_out()
        value = t.switch()
    assert value == (object, 2)


@pytest.mark.rule("data-stack-moves")
def test_a_pause_while_a_frame_is_cleared(main, move_out):
    class Pauses:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            dropped.append(self.name)
            main.switch()

    def run(depth):
        first, second = Pauses(f"first {depth}"), Pauses(f"second {depth}")
        if depth:
            run(depth - 1)
        assert first is not second
        return depth

    dropped = []
    t = main.tealet(run)
    value = t.switch(3)
    while t:
        move_out()
        value = t.switch()
    assert value == 3
    assert dropped == [f"{name} {depth}" for depth in range(4) for name in ("first", "second")]


@pytest.mark.rule("data-stack-arguments")
@pytest.mark.parametrize("count", [1, 3, 50, 300])
def test_a_tealet_that_another_one_begins_gets_its_arguments(main, count):
    """They lie among the frames of the tealet that begins it, which move then."""
    arguments = [object() for _ in range(count)]

    def check(*received):
        assert [*map(id, received)] == [*map(id, arguments)]
        return len(received)

    names = ", ".join(f"a{n}" for n in range(count))
    scope = {"check": check}
    # Its frame is larger than what lies before the arguments: CPython empties all of it first.
    more = "".join(f"v{n} = " for n in range(1000))
    exec(f"def begun({names}):\n    {more}None\n    return check({names})", scope)

    def begins(depth, how):
        if depth:
            return begins(depth - 1, how)
        t = main.tealet(scope["begun"], parent=main.current)
        return how(t)

    ways = [lambda t: t.switch(*arguments), lambda t: t.run(scope["begun"], *arguments)]
    spelled = {"arguments": arguments}
    listed = ", ".join(f"arguments[{n}]" for n in range(count))
    exec(f"def way(t): return t.switch({listed})", spelled)
    for how in [*ways[:1], spelled["way"]]:
        for depth in (0, 5, 300):
            assert main.tealet(begins).switch(depth, how) == count


@pytest.mark.rule("data-stack-moves")
def test_pauses_in_calls_of_every_depth(main):
    ts = [main.tealet(descend) for _ in range(5)]
    for n, t in enumerate(ts):
        t.switch(n * 3, lambda: descend(7, main.switch))
        check_stats(main)
    for t in ts:
        assert t.switch(t) is t
        assert not t
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-moves")
def test_exceptions_through_frames_that_have_moved(main, move_out):
    def fails():
        raise ValueError

    def run(depth):
        main.switch()
        call_often()
        if depth:
            try:
                run(depth - 1)
            except ValueError:
                descend(3, call_often)
                raise
        fails()

    t = main.tealet(run)
    for _ in range(11):
        t.switch(*([10] if not t else []))
        move_out()
    with pytest.raises(ValueError):
        t.switch()


@pytest.mark.rule("data-stack-moves")
def test_generators_that_call_functions(main, move_out):
    def generate(depth):
        for number in range(OFTEN):
            yield small(number)
        if depth:
            yield from generate(depth - 1)
        main.switch()
        for number in range(OFTEN):
            yield small(number)

    def run(depth):
        main.switch()
        return sum(generate(depth)) + len([*generate(depth)])

    t = main.tealet(run)
    t.switch(4)
    t.switch()
    for _ in range(9):
        move_out()
        t.switch()
    assert t.switch() == 5 * 2 * (OFTEN + sum(12 * n for n in range(OFTEN)))


@pytest.mark.rule("data-stack-moves")
def test_frames_that_are_held(main, move_out):
    frames = []

    def hold(depth, number):
        local = f"at {depth}"
        main.switch()
        for _ in range(OFTEN):
            small(number)
        frames.append(sys._getframe())
        if depth:
            hold(depth - 1, number)
        for _ in range(OFTEN):
            small(number)
        gc.collect()
        frame, depths = sys._getframe(), []
        while frame is not None and frame.f_code is hold.__code__:
            depths.append(frame.f_locals["depth"])
            frame = frame.f_back
        assert depths == list(range(depth, 11))
        return local

    t = main.tealet(hold)
    t.switch(10, 1)
    while t:
        move_out()
        t.switch()
    assert [frame.f_locals["local"] for frame in frames] == [f"at {n}" for n in range(10, -1, -1)]


@pytest.mark.rule("data-stack-moves")
def test_a_trace_function(main, move_out):
    lines = []

    def trace(frame, event, arg):
        lines.append(frame.f_lineno)
        return trace

    def run():
        main.switch()
        sys.settrace(trace)
        try:
            call_often()
            descend(3, call_often)
        finally:
            sys.settrace(None)
        return descend(3, call_often)

    t = main.tealet(run)
    t.switch()
    move_out()
    t.switch()
    assert not t
    assert len(lines) > OFTEN


@pytest.mark.rule("data-stack-moves")
def test_frames_that_enclose_a_domain(main):
    def encloses(depth):
        main.switch()
        call_often()
        with Main() as inner:
            t = inner.tealet(descend)
            assert t.switch(depth, lambda: inner.switch("inner")) == "inner"
            for number in range(OFTEN):
                small(number)
            main.switch()
            t.switch()
            for number in range(OFTEN):
                small(number)
            assert bytes_of(inner) == 0
        if depth:
            encloses(depth - 1)

    ts = [main.tealet(encloses) for _ in range(3)]
    for t in ts:
        t.switch(3)
    while any(ts):
        for t in ts:
            if t:
                t.switch()
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-moves")
def test_frames_that_enclose_a_domain_whose_tealet_runs(main, move_out):
    """They are found through the inner domain, which has put them away."""

    class Local:
        pass

    def encloses(depth, local):
        if depth:
            return encloses(depth - 1, Local())
        with Main() as inner:
            gone.append(weakref.ref(local))
            return inner.tealet(never_ends).switch(3)

    def never_ends(depth):
        if depth:
            return never_ends(depth - 1)
        while True:
            try:
                main.switch()
            except TealetExit:
                pass

    gone = []
    host = main.tealet(encloses)
    host.switch(30, None)
    for depth in (100, 0):
        other = main.tealet(at_depth)
        other.switch(depth, main.switch)
        assert host.stats().python_depth == 31
        gc.collect()
        other.close()
    assert gone[0]() is not None
    with pytest.raises(TealetError, match="refuses to end"):
        main.close()
    assert gone[0]() is None


@pytest.mark.rule("data-stack-moves")
def test_an_inner_tealet_that_is_deeper_when_the_outer_one_pauses(main, move_out):
    """It is not paused by its own domain then, so its block is not made for that."""

    def descends(depth, action):
        local = [depth]
        result = descends(depth - 1, action) if depth else action()
        assert local == [depth]
        return result

    def outer():
        with Main() as inner:

            def run():
                inner.switch()
                descends(60, main.switch)
                inner.switch()
                return "ran"

            t = inner.tealet(run)
            t.switch()
            t.switch()
            others = [inner.tealet(lambda: descends(100, inner.switch)) for _ in range(20)]
            for other in others:
                other.switch()
            check_stats(inner)
            for other in others:
                other.switch()
            return t.switch()

    host = main.tealet(outer)
    host.switch()
    move_out()
    assert host.switch() == "ran"


@pytest.mark.rule("data-stack-moves")
def test_threads_take_turns_in_calls(main):
    def run():
        with Main() as own:
            ts = [own.tealet(calls_after_a_pause) for _ in range(5)]
            for depth, t in enumerate(ts):
                t.switch(own, depth)
            for _ in range(20):
                for t in ts:
                    t.switch(200)
            for t in ts:
                t.close()
            sums.append(check_stats(own).data_stack_bytes)

    sums = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert sums == [0] * 4


LEFT_IN_THE_MIDDLE = """
    import gc, threading, warnings
    from greenlet import getcurrent, greenlet
    from tealetpp import Main
    from test_moving_frames import descend, small

    warnings.simplefilter("ignore")  # open domains
    left = []

    def run(depth):
        hub = getcurrent()
        own = Main()

        def leaves():
            own.switch()
            for number in range(20):
                small(number)
            hub.switch("left")

        def body():
            t.switch(depth, leaves)
            t.switch()

        t = own.tealet(descend)
        g = greenlet(body)
        assert g.switch() == "left"
        descend(3, list)
        if depth % 2:
            left.append(g)

    for depth in (0, 1, 5, 6):
        thread = threading.Thread(target=run, args=(depth,))
        thread.start()
        thread.join()
    left.clear()
    gc.collect()
    with Main() as main:
        main.tealet(descend).switch(10, list)
        assert main.stats().data_stack_bytes == 0
    print("fine")
"""


@pytest.mark.rule("data-stack-moves")
def test_greenlets_that_are_left_in_the_middle_and_their_threads_end(pytestconfig):
    """CPython and greenlet free these data stacks, chunk by chunk."""
    pytest.importorskip("greenlet")
    program = textwrap.dedent(LEFT_IN_THE_MIDDLE)
    folder = pytestconfig.rootpath / "tests"
    assert run_python(folder, "-c", program).strip() == "fine"


# --- random programs ---


def make(size, parameter):
    """A function with so many variables, all of which it checks at its end."""
    names = [f"v{n}" for n in range(size)]
    source = [f"def run(do, depth, {parameter}):"]
    source += [f"    {name} = (depth, {n})" for n, name in enumerate(names)]
    source += ["    do(depth)"]
    source += [f"    assert {name} == (depth, {n})" for n, name in enumerate(names)]
    scope = {}
    exec("\n".join(source), scope)
    return scope["run"]


FUNCTIONS = [
    make(size, parameter)
    for size in (0, 1, 2, 3, 5, 8, 13, 40, 400, 1100)
    for parameter in ("*rest", "rest=None")
]


class Program:
    """Calls, pauses and returns at random."""

    def __init__(self, main, chance, steps=300):
        self.main, self.chance, self.steps = main, chance, steps
        self.choices = (
            *[self.calls_often] * 6,
            *[self.calls_without_arguments] * 2,
            *[self.pauses] * 2,
            *[self.goes_deeper] * 4,
            *(self.goes_through_c, self.goes_through_a_generator, self.goes_into_an_attribute),
            *(self.goes_unpacked, self.raises, self.goes_deep, self.encloses, self.looks_around),
        )

    def __call__(self, depth):
        for _ in range(self.chance.randint(1, 3)):
            self.steps -= 1
            if self.steps < 0 or depth > 40:
                return
            self.chance.choice(self.choices)(depth + 1)

    def any_function(self):
        return self.chance.choice(FUNCTIONS)

    def calls_often(self, depth):
        for _ in range(self.chance.choice((3, 12, 30))):
            small(depth)

    def calls_without_arguments(self, depth):
        call_often()

    def pauses(self, depth):
        self.main.switch(depth)

    def goes_deeper(self, depth):
        self.any_function()(self, depth)
        for _ in range(12):
            small(depth)

    def goes_through_c(self, depth):
        list(map(self.any_function(), [self], [depth]))

    def goes_through_a_generator(self, depth):
        for _ in self.generate(depth):
            call_often()

    def generate(self, depth):
        for _ in range(12):
            yield small(depth)
        yield self(depth)

    @property
    def attribute(self):
        return self(self.attribute_depth)

    def goes_into_an_attribute(self, depth):
        self.attribute_depth = depth
        return self.attribute

    def goes_unpacked(self, depth):
        self.any_function()(*(self, depth))

    def raises(self, depth):
        try:
            self.any_function()(self, depth)
            raise ValueError
        except ValueError:
            call_often()

    def goes_deep(self, depth):
        def deep(n):
            return deep(n - 1) if n else 0

        deep(self.chance.choice((3, 20, 300)))

    def encloses(self, depth):
        with Main() as inner:
            t = inner.tealet(self.any_function())
            t.switch(Program(inner, self.chance, 30), depth)
            for _ in range(5):
                if t:
                    t.switch()

    def looks_around(self, depth):
        frame = sys._getframe()
        while frame is not None:
            repr(frame.f_locals.keys())
            frame = frame.f_back


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("seed", range(30))
def test_random_programs(main, seed):
    chance = random.Random(seed)
    for _ in range(5):
        ts = [main.tealet(chance.choice(FUNCTIONS)) for _ in range(chance.choice((1, 3, 10)))]
        for t in ts:
            t.switch(Program(main, chance), 0)
        for _ in range(60):
            t = chance.choice(ts)
            if t and chance.random() < 0.05:
                t.close()
            elif t:
                t.switch()
            check_stats(main)
        for t in ts:
            t.close()
        assert bytes_of(main) == 0


class RunsAnotherTealet:
    def __init__(self, main):
        self.main = main

    def __del__(self):
        self.main.tealet(descend).switch(60, call_often)


def rebinds(main, depth):
    first, second, third = RunsAnotherTealet(main), [2], [3]
    descend(depth, main.switch)
    first = 1
    descend(depth, main.switch)
    return first, second, third


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("depth", [0, 20, 300])
def test_looking_at_variables_may_run_another_tealet(main, depth):
    """`f_locals` drops what it returned before. CPython 3.11 and 3.12 do it in the middle."""
    for _ in range(5):
        t = main.tealet(rebinds)
        t.switch(main, depth)
        frame = t.frame
        while frame.f_code is not rebinds.__code__:
            frame = frame.f_back
        assert isinstance(frame.f_locals["first"], RunsAnotherTealet)
        t.switch()
        found = dict(frame.f_locals)
        assert found == {"main": main, "depth": depth, "first": 1, "second": [2], "third": [3]}
        assert t.switch() == (1, [2], [3])


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("how", ["close", "switch", "drop"])
def test_a_tealet_whose_frame_is_held_ends_while_another_one_runs(main, how):
    def ends_it():
        call_often()
        if how == "drop":
            ts.pop()
        else:
            getattr(ts[0], how)()
        main.switch("ended it")

    def held():
        return descend(3, main.switch)

    ts = [main.tealet(held)]
    ts[0].switch()
    frame = ts[0].frame
    other = main.tealet(ends_it)
    other.switch()
    main.switch()
    assert [t.status for t in ts] in ([], [Status.EXITED])
    assert main.tealet(descend).switch(30, call_often) is None
    while frame is not None:
        assert frame.f_locals
        frame = frame.f_back
    if other:
        other.switch()
