"""Control flow inside tealets: generators, with, try and async code."""

import asyncio
import contextlib

import pytest

from tealetpp import TealetExit


def test_a_generator_pauses_its_consumer(main):
    def numbers():
        for n in range(3):
            yield main.switch(n)

    t = main.tealet(lambda: list(numbers()))
    assert [t.switch(), t.switch("a"), t.switch("b")] == [0, 1, 2]
    assert t.switch("c") == ["a", "b", "c"]


def test_a_generator_resumed_in_another_tealet(main):
    def numbers():
        for n in range(10):
            yield main.switch(n)

    shared = numbers()
    a, b = main.tealet(lambda: next(shared)), main.tealet(lambda: next(shared))
    assert a.switch() == 0
    with pytest.raises(ValueError, match="already executing"):
        b.switch()
    assert a.switch("a") == "a"
    c = main.tealet(lambda: next(shared))
    assert c.switch() == 1
    assert c.switch("c") == "c"
    shared.close()


def test_a_generator_that_handles_an_exception_moves_between_tealets(main):
    import sys

    def handling():
        try:
            raise KeyError("generator's own")
        except KeyError as error:
            for _ in range(4):
                assert sys.exc_info()[1] is error
                main.switch()
                yield sys.exc_info()[1] is error

    shared = handling()

    def consume(name):
        try:
            raise ValueError(name)
        except ValueError as error:
            kept = next(shared)
            assert sys.exc_info()[1] is error
            return kept

    for name in "abcd":
        t = main.tealet(consume)
        t.switch(name)
        assert t.switch() is True
    assert sys.exc_info()[1] is None


def test_finally_runs_when_closed(main):
    log = []

    def run():
        try:
            try:
                main.switch()
            finally:
                log.append("inner")
        except TealetExit:
            log.append("exit")
            raise
        finally:
            log.append("outer")

    t = main.tealet(run)
    t.switch()
    t.close()
    assert log == ["inner", "exit", "outer"]


def test_switching_in_finally_while_an_exception_passes(main):
    def run():
        try:
            raise KeyError("passes")
        finally:
            main.switch("in finally")

    t = main.tealet(run)
    assert t.switch() == "in finally"
    with pytest.raises(KeyError, match="passes"):
        t.switch()


def test_with_blocks_in_nested_functions(main):
    log = []

    @contextlib.contextmanager
    def block(name):
        log.append(("enter", name))
        try:
            yield main.switch(name)
        finally:
            log.append(("exit", name))

    def nested(depth):
        with block(depth) as value:
            return value if depth == 2 else nested(depth + 1)

    t = main.tealet(nested)
    assert [t.switch(0), t.switch("a"), t.switch("b")] == [0, 1, 2]
    assert t.switch("c") == "c"
    assert log == [*(("enter", n) for n in range(3)), *(("exit", n) for n in (2, 1, 0))]


def test_an_exit_stack_closes_tealets(main):
    with contextlib.ExitStack() as stack:
        ts = [stack.enter_context(main.tealet(lambda: main.switch())) for _ in range(5)]
        for t in ts:
            t.switch()
    assert main.stats().n_active == 1


def test_an_event_loop_inside_a_tealet(main):
    async def steps():
        for n in range(3):
            await asyncio.sleep(0)
            main.switch(n)
        return "loop done"

    t = main.tealet(lambda: asyncio.run(steps()))
    assert [t.switch() for _ in range(3)] == [0, 1, 2]
    assert t.switch() == "loop done"


def test_a_coroutine_driven_from_several_tealets(main):
    class Pause:
        def __await__(self):
            return (yield "awaiting")

    async def run():
        return [await Pause(), main.switch("switched"), await Pause()]

    coroutine = run()
    send = [main.tealet(coroutine.send) for _ in range(3)]
    assert send[0].switch(None) == "awaiting"
    assert send[1].switch("first") == "switched"
    assert send[1].switch("second") == "awaiting"
    with pytest.raises(StopIteration) as stop:
        send[2].switch("third")
    assert stop.value.value == ["first", "second", "third"]


def test_an_async_generator(main):
    async def numbers():
        for n in range(3):
            yield main.switch(n)

    async def collect():
        return [n async for n in numbers()]

    t = main.tealet(lambda: asyncio.run(collect()))
    assert [t.switch(), t.switch(10), t.switch(11)] == [0, 1, 2]
    assert t.switch(12) == [10, 11, 12]
