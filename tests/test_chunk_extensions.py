"""Calls over the edge of a full chunk: after a few of them an open chunk extends the full one.

Each of these programs calls a function often enough from a frame at the edge, and then does
something else: returns, pauses, raises, or is ended.
"""

import gc
import random
import sys
import textwrap
import threading

import pytest

from conftest import check_stats
from extension_modules import run_python
from tealetpp import Main

OFTEN = 20  # calls, more than it takes until a chunk is extended
EXTENDS = not hasattr(sys, "gettotalrefcount")  # CPython's debug build would fail an assertion
CHUNK = 16 * 1024

needs_extensions = pytest.mark.skipif(not EXTENDS, reason="this Python checks its data stack")


def small(number):
    """Its frame does not fit where that of its caller did."""
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


def calls_after_a_pause(main, depth):
    if depth:
        return calls_after_a_pause(main, depth - 1)
    times = main.switch()
    while True:
        for number in range(times):
            small(number)
        times = main.switch()


@needs_extensions
@pytest.mark.rule("data-stack-calls")
@pytest.mark.parametrize("depth", [0, 1, 2, 10, 50])
def test_calls_over_the_edge_need_no_chunk_each(main, depth):
    t = main.tealet(calls_after_a_pause)
    t.switch(main, depth)
    before = check_stats(main)
    for _ in range(3):
        grows = main.stats().data_stack_grows
        t.switch(1000)
        after = check_stats(main)
        grown = after.data_stack_grows - grows
        assert grown < OFTEN
        # Where chunks stay whole, a deep one has space for the calls.
        assert grown > 0 or depth > 0
        assert after.data_stack_bytes == before.data_stack_bytes


@pytest.mark.rule("data-stack-calls")
def test_a_call_without_arguments_from_below_a_c_function(main):
    """No unused words are known there, so each call has its chunk. All else is the same."""

    def below_c(depth):
        if depth:
            return list(map(below_c, [depth - 1]))
        main.switch()
        return call_often(1000)

    t = main.tealet(below_c)
    t.switch(5)
    before = bytes_of(main)
    t.switch()
    assert not t
    assert before > bytes_of(main) == 0


def bytes_of(main):
    return main.stats().data_stack_bytes


@needs_extensions
@pytest.mark.rule("data-stack-calls")
def test_the_open_chunk_counts_while_it_extends_another(main):
    seen = []

    def run():
        main.switch()
        for number in range(OFTEN):
            seen.append(main.stats())
            small(number)

    t = main.tealet(run)
    t.switch()
    paused = main.stats()
    t.switch()
    assert seen[0].data_stack_bytes == paused.data_stack_bytes
    assert CHUNK < seen[-1].data_stack_bytes - paused.data_stack_bytes < CHUNK + 100
    assert seen[-1].data_stack_grows == seen[-2].data_stack_grows == 9
    for stats in seen:
        assert sum(stats.bytes_by_kind.values()) == stats.bytes_allocated


@pytest.mark.rule("data-stack-calls")
def test_pauses_in_calls_of_every_depth(main):
    ts = [main.tealet(descend) for _ in range(5)]
    for n, t in enumerate(ts):
        t.switch(n * 3, lambda: descend(7, main.switch))
        check_stats(main)
    for t in ts:
        assert t.switch(t) is t
        assert not t
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-calls")
def test_exceptions_through_extended_chunks(main):
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
    with pytest.raises(ValueError):
        t.switch()
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-calls")
def test_generators_that_call_functions(main):
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
        t.switch()
    assert t.switch() == 5 * 2 * (OFTEN + sum(12 * n for n in range(OFTEN)))


@pytest.mark.rule("data-stack-calls")
def test_frames_that_are_held(main):
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
        t.switch()
    assert [frame.f_locals["local"] for frame in frames] == [f"at {n}" for n in range(10, -1, -1)]


@pytest.mark.rule("data-stack-calls")
def test_a_trace_function(main):
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
    t.switch()
    assert not t
    assert len(lines) > OFTEN


@pytest.mark.rule("data-stack-calls")
def test_an_inner_domain_of_a_frame_with_an_extended_chunk(main):
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


@pytest.mark.rule("data-stack-calls")
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
    from test_chunk_extensions import descend, small

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


@pytest.mark.rule("data-stack-calls")
def test_greenlets_that_are_left_in_the_middle_and_their_threads_end(pytestconfig):
    """CPython and greenlet free these data stacks, chunk by chunk."""
    pytest.importorskip("greenlet")
    program = textwrap.dedent(LEFT_IN_THE_MIDDLE)
    folder = pytestconfig.rootpath / "tests"
    assert run_python(folder, "-c", program).strip() == "fine"


@pytest.mark.rule("data-stack-counted")
@pytest.mark.parametrize("shift", [0, 8, 4096])
def test_an_arena_allocator_that_is_installed_in_the_middle(main, calls, shift):
    given_out = []

    def run(depth):
        main.switch()
        for number in range(OFTEN):
            small(number)
        if depth:
            return run(depth - 1)
        calls.wrap_arenas(shift)
        try:
            for number in range(OFTEN):
                small(number)
            descend(300, call_often)
        finally:
            given_out.append(calls.unwrap_arenas())
        return descend(5, call_often)

    t = main.tealet(run)
    t.switch(3)
    while t:
        t.switch()
    assert given_out[0] > 0
    assert bytes_of(main) == 0


BELOW_OURS = """
    import sys
    import arenas_alone

    arenas_alone.wrap_arenas(int(sys.argv[1]))
    from tealetpp import Main

    def small(number):
        a = b = c = d = e = f = g = h = i = j = k = m = number
        return a

    def deep(depth, action):
        for number in range(20):
            small(number)
        return deep(depth - 1, action) if depth else action()

    with Main() as main:
        ts = [main.tealet(deep) for _ in range(20)]
        for depth, t in enumerate(ts):
            t.switch(depth * 20, main.switch)
        assert main.stats().data_stack_bytes > 20 * 190 * 50 or not main.stats().enabled
        deep(500, list)
        kept = [[n] for n in range(200_000)]
        for t in ts:
            t.switch()
        assert main.stats().data_stack_bytes == 0
        del kept
    print("fine")
"""


@pytest.mark.rule("data-stack-counted")
@pytest.mark.parametrize("shift", [0, 16, 4096])
def test_an_arena_allocator_that_was_installed_before_ours(capsule_calls, tmp_path, shift):
    """Ours asks it for whatever is not a chunk of a tealet."""
    folder = capsule_calls.__file__.rpartition("/")[0]
    program = textwrap.dedent(BELOW_OURS)
    assert run_python(folder, "-c", program, str(shift)).strip() == "fine"


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


@pytest.mark.rule("data-stack-calls")
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
