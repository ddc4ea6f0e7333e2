"""Pausing inside code that CPython's just-in-time compiler has compiled."""

import gc
import itertools
import sys
import weakref

import pytest

from conftest import check_stats, verify
from tealetpp import Main, Status, TealetExit

JIT = getattr(sys, "_jit", None)
pytestmark = pytest.mark.skipif(
    JIT is None or not JIT.is_enabled(), reason="needs a just-in-time compiler: PYTHON_JIT=1"
)

# A loop is compiled after some thousand turns.
WARM = 20_000
MANY = 100


class Value:
    """An object that a loop has only in its variables and temporaries."""

    def __init__(self, number):
        self.number = number

    def __add__(self, other):
        return Value(self.number + other)


def pause_every(switch, turns, every, values=None, log=None):
    """A hot loop that pauses inside. Returns what it adds up, and how often in compiled code."""
    total = Value(0)
    compiled = 0
    values = itertools.repeat(1) if values is None else values
    try:
        for turn, value in zip(range(turns), values, strict=False):
            total = total + value
            if turn % every == 0:
                compiled += JIT.is_active()
                total = total + switch(turn)
    finally:
        if log is not None:
            log.append(total.number)
    return total.number, compiled


def warm_up():
    """Compiles the loop, for the tealets that begin afterwards."""
    number, compiled = pause_every(lambda turn: 0, WARM, 7)
    assert number == WARM
    return compiled


def finish(t, *args):
    """Resumes `t` with 1 until it ends. Returns the result, and the number of pauses."""
    pauses = 0
    result = t.switch(*args)
    while t:
        pauses += 1
        result = t.switch(1)
    return result, pauses


def test_the_loop_is_compiled_and_pauses_there(main):
    warm_up()
    (number, compiled), pauses = finish(main.tealet(pause_every), main.switch, WARM, 7)
    assert pauses == len(range(0, WARM, 7))
    assert number == WARM + pauses
    assert compiled > 0


def test_many_in_turn_while_others_are_compiled_and_garbage_is_collected(main):
    ts = [main.tealet(pause_every) for _ in range(MANY)]
    # With other steps, the loop is traced and compiled again while some are paused in it.
    running = {t: t.switch(main.switch, 3_000 + n, 1 + n % 13) for n, t in enumerate(ts)}
    results = {}
    for number in itertools.count():
        if not running:
            break
        for t in list(running):
            result = t.switch(0)
            if not t:
                del running[t]
                results[ts.index(t)] = result[0]
        if number % 500 == 0:
            gc.collect()
            verify(main)
    assert results == {n: 3_000 + n for n in range(MANY)}
    check_stats(main)


@pytest.mark.parametrize("end", ["close", "drop", "throw", "collect"])
def test_they_end_in_the_middle(main, end):
    """An exception leaves compiled code, and everything that it held is dropped."""
    warm_up()
    log, held = [], []

    def values():
        while True:
            value = Number(1)
            held.append(weakref.ref(value))
            yield value

    ts = []
    for n in range(MANY):
        t = main.tealet(pause_every)
        t.switch(main.switch, WARM, 5, values(), log)
        for _ in range(50 + n):
            t.switch(0)
        ts.append(t)
    assert sum(ref() is not None for ref in held) == MANY  # each has the newest in a variable
    numbers = sorted(1 + 5 * (50 + n) for n in range(MANY))
    if end == "close":
        for t in ts:
            t.close()
    elif end == "throw":
        for t in ts:
            with pytest.raises(ZeroDivisionError):
                t.throw(ZeroDivisionError())
    elif end == "collect":
        for t in ts:
            t.itself = t
    del t
    ts.clear()
    gc.collect()
    assert sorted(log) == numbers
    assert sum(ref() is not None for ref in held) == 0
    assert main.stats().n_active == 1


class Number(float):
    """A number with weak references."""


def test_compiled_code_that_is_discarded_while_tealets_are_paused_in_it(main):
    """Compiled code is invalid once its assumptions change. It is freed when nobody runs it."""

    def make():
        space = {"JIT": JIT, "step": 1}
        source = (
            "def run(switch, turns):\n"
            "    total = 0\n"
            "    for turn in range(turns):\n"
            "        total += step\n"
            "        if turn % 10 == 0:\n"
            "            switch(turn)\n"
            "    return total\n"
        )
        exec(source, space)
        return space

    space = make()
    space["run"](lambda turn: None, WARM)
    ts = [main.tealet(space["run"]) for _ in range(MANY)]
    for t in ts:
        t.switch(main.switch, 10_000)
        for _ in range(500):
            t.switch()
    space["step"] = 2
    gc.collect()
    space["run"](lambda turn: None, WARM)
    # 501 pauses: the last at turn 5,000. The step is 2 from then on.
    assert {finish(t)[0] for t in ts} == {5_001 + 2 * (10_000 - 5_001)}
    gone = weakref.ref(space["run"])
    del space, t, ts
    gc.collect()
    assert gone() is None


def test_a_domain_that_is_closed_around_them():
    warm_up()
    log = []
    with Main() as main:
        ts = [main.tealet(pause_every) for _ in range(MANY)]
        for t in ts:
            t.switch(main.switch, WARM, 3, None, log)
            for _ in range(100):
                t.switch(0)
    assert log == [301] * MANY
    assert {t.status for t in ts} == {Status.EXITED}


def test_exceptions_inside_compiled_code(main):
    """Raised where it is paused, and caught in the same loop."""

    def run():
        caught = 0
        for turn in range(WARM):
            try:
                main.switch(turn)
            except ZeroDivisionError:
                caught += 1
            except TealetExit:
                return "closed"
        return caught

    t = main.tealet(run)
    t.switch()
    for turn in range(1, WARM):
        result = t.throw(ZeroDivisionError()) if turn % 3 == 0 else t.switch()
        assert result == turn
    assert t.switch() == len(range(3, WARM, 3))


def test_calls_in_a_compiled_loop_pause_deeper(main):
    def deeper(depth, number):
        if depth:
            return deeper(depth - 1, number) + 1
        return main.switch(number)

    def run():
        total = 0
        for number in range(6_000):
            total += deeper(number % 5, number)
        return total

    ts = [main.tealet(run) for _ in range(10)]
    for number in range(6_000):
        for t in ts:
            assert (t.switch(0) if t else t.switch()) == number
        if number % 1_000 == 0:
            gc.collect()
    assert [t.switch(0) for t in ts] == [sum(number % 5 for number in range(6_000))] * 10
