"""The memory limit of a domain: past it, calls raise MemoryError and change nothing."""

import sys

import pytest

from conftest import check_stats
from tealetpp import Main, Status

LARGEST_CHUNK = 16_500  # of a data stack, for functions like these


def deep(main, depth):
    if depth:
        return list(map(lambda _: deep(main, depth - 1), [0]))[0]
    return main.switch()


def echo_at_depth(main, depth):
    value = None
    while value != "end":
        try:
            value = deep(main, depth)
        except MemoryError:
            return "could not pause"
    return ("ended at", depth)


class Scenario:
    """Does one operation after the other. One that fails for lack of memory changes nothing."""

    def __init__(self, main):
        self.main = main
        self.ts = []
        self.refusals = 0

    def look(self):
        return [(t.status, t.parent, t.extent) for t in self.ts], self.main.stats().n_active

    def attempt(self, call):
        before = self.look()
        try:
            result = call()
            self.refusals += result == "could not pause"
            return result
        except MemoryError as error:
            assert "memory limit" in str(error)
            assert self.look() == before
            assert self.main.current is self.main
            self.refusals += 1
            return None
        finally:
            check_stats(self.main)

    def play(self):
        for depth in range(8):
            t = self.attempt(lambda: self.main.tealet(echo_at_depth))
            if t is not None:
                self.ts.append(t)
                self.attempt(lambda: t.switch(self.main, depth))
        stub = self.attempt(self.main.stub)
        if stub is not None:
            self.ts.append(stub)
            twin = self.attempt(stub.duplicate)
            if twin is not None:
                self.ts.append(twin)
                self.attempt(lambda: twin.run(echo_at_depth, self.main, 5))
        for t in self.ts:
            if t.status is Status.SUSPENDED:
                self.attempt(t.switch)
            # A call in it may have been refused: then it has ended.
            if t.status is Status.SUSPENDED:
                # Called from deep inside main, so main must be saved first.
                self.attempt(lambda: nested(10, t.switch))
        t = self.attempt(lambda: self.main.tealet(self.sideways))
        if t is not None:
            self.ts.append(t)
            self.attempt(t.switch)

    def sideways(self):
        for t in self.ts:
            if t.status is Status.SUSPENDED:
                try:
                    # It continues in main, never here.
                    t.switch()
                except MemoryError:
                    self.refusals += 1


def nested(depth, call):
    return list(map(lambda _: nested(depth - 1, call), [0]))[0] if depth else call()


def peak_of_the_scenario():
    with Main() as main:
        Scenario(main).play()
        return main.stats().bytes_allocated_peak


@pytest.mark.rule("switch-5", "memory-limit", "misuse-memory")
def test_a_sweep_of_limits_from_nothing_to_enough():
    peak = peak_of_the_scenario()
    refused = 0
    for limit in range(0, peak + 2048, max(16, peak // 400 // 16 * 16)):
        try:
            main = Main(memory_limit=limit)
        except MemoryError:
            continue
        scenario = Scenario(main)
        scenario.play()
        # Before 3.13 CPython cannot refuse a call its chunk.
        beyond = 0 if sys.version_info >= (3, 13) else LARGEST_CHUNK
        assert main.stats().bytes_allocated_peak <= limit + beyond
        assert main.stats().bytes_allocated <= limit
        refused += scenario.refusals > 0
        main.close()
        assert main.stats().bytes_allocated == 0
        assert all(t.status is Status.EXITED for t in scenario.ts)
    assert refused > 50, "most limits were too small somewhere"
    # Measured again: CPython may have compiled the functions meanwhile, and uses more stack then.
    with Main(memory_limit=peak_of_the_scenario() + 2048) as main:
        scenario = Scenario(main)
        scenario.play()
        assert scenario.refusals == 0, "this one was enough"


def test_what_was_refused_works_once_there_is_memory():
    with Main(memory_limit=32_000) as main:
        # Ending a tealet takes memory, too: its closer is saved.
        spare = [main.tealet() for _ in range(20)]
        ts = []
        with pytest.raises(MemoryError):
            while True:
                t = main.tealet(echo_at_depth)
                if t.switch(main, 3) == "could not pause":
                    raise MemoryError
                ts.append(t)
        spare.clear()
        kept = len(ts) // 2
        for t in ts[kept:]:
            t.close()
        for t in ts[:kept]:
            assert t.status is Status.SUSPENDED
            t.switch()
            assert t.switch("end") == ("ended at", 3)


def test_a_tealet_that_could_not_begin_begins_later():
    """The first one to begin needs the domain's data stack."""
    with Main(memory_limit=24_000) as main:
        ts = []
        t = main.tealet(lambda *args, **kwargs: (args, kwargs))
        with pytest.raises(MemoryError):
            while True:
                ts.append(main.stub())
        fill = []
        with pytest.raises(MemoryError):
            while True:
                fill.append(main.tealet())
        with pytest.raises(MemoryError):
            t.switch(1, two=2)
        assert t.status is Status.NEW
        for other in ts + fill:
            other.close()
        assert t.switch(1, two=2) == ((1,), {"two": 2})


def test_a_function_that_could_not_be_run_is_not_kept():
    needs_a_large_frame = eval(f"lambda x=1: max({'x, ' * 100})")
    with Main(memory_limit=20_000) as main:
        t = main.tealet()
        fill = []
        with pytest.raises(MemoryError):
            while True:
                fill.append(main.tealet())
        with pytest.raises(MemoryError):
            t.run(needs_a_large_frame)
        fill.clear()
        assert t.run(str) == ""


@pytest.mark.rule("memory-limit")
def test_the_limit_includes_blocks_that_are_kept():
    with Main(memory_limit=20_000) as main:
        for _ in range(20):
            t = main.tealet(echo_at_depth)
            t.switch(main, 4)
            t.close()
            stats = main.stats()
            assert stats.bytes_allocated + stats.bytes_cached <= 20_000


def test_the_message_tells_the_limit():
    with Main(memory_limit=1_000) as main:
        ts = []
        with pytest.raises(MemoryError, match=r"\d+ bytes of 1000"):
            while True:
                ts.append(main.tealet())


@pytest.mark.rule("switch-5")
def test_a_tealet_that_ends_always_reaches_main():
    """Its end is not refused, whatever the limit: nobody could receive the error."""
    for limit in range(2_000, 20_000, 256):
        with Main(memory_limit=limit) as main:
            ends = []

            def run(depth):
                if depth == 0:
                    return "innermost"
                try:
                    inner = main.tealet(run)
                    ends.append(nested(depth, lambda: inner.switch(depth - 1)))
                except MemoryError:
                    ends.append(None)
                return depth

            t = main.tealet(run)
            try:
                assert t.switch(6) == 6
            except MemoryError:
                continue
            check_stats(main)


@pytest.mark.rule("memory-closing")
def test_closing_a_domain_at_its_limit_unwinds_everybody():
    log = []
    with Main(memory_limit=100_000) as main:

        def run():
            try:
                deep(main, 2)
            finally:
                log.append("unwound")

        ts = []
        with pytest.raises(MemoryError):
            while True:
                t = main.tealet(run)
                t.switch()
                ts.append(t)
        fill = []
        with pytest.raises(MemoryError):
            while True:
                fill.append(main.tealet())
        log.clear()
    assert len(log) == len(ts) > 2


@pytest.mark.rule("memory-closing")
def test_tealets_can_be_closed_at_the_limit():
    with Main(memory_limit=20_000) as main:
        ts = []
        with pytest.raises(MemoryError):
            for _ in range(1000):
                t = main.tealet(lambda: main.switch())
                t.switch()
                ts.append(t)
        assert ts

        def deep(n):
            if n:
                return list(map(deep, [n - 1]))
            # To save such a deep stack takes more than is left.
            with pytest.raises(MemoryError):
                ts[0].switch()
            return ts[0].close()

        deep(50)
        assert ts[0].status is Status.EXITED
        for t in ts[1:]:
            t.close()
        assert main.stats().stack_bytes == 0


def test_a_main_for_which_python_has_no_memory():
    testcapi = pytest.importorskip("_testcapi")
    refused = 0
    for failing in range(4):
        testcapi.set_nomemory(failing, failing + 1)
        try:
            Main().close()
        except MemoryError:
            refused += 1
        finally:
            testcapi.remove_mem_hooks()
    assert refused
    Main().close()


@pytest.mark.rule("misuse-limit")
@pytest.mark.parametrize("limit", [0, 10, 100])
def test_a_limit_that_is_too_low_for_a_domain(limit):
    with pytest.raises(MemoryError, match=rf"limit of {limit} bytes .* takes \d+$") as refused:
        Main(memory_limit=limit)
    needed = int(str(refused.value).split()[-1])
    with pytest.raises(MemoryError, match=f"takes {needed}$"):
        Main(memory_limit=needed - 1)
    with Main(memory_limit=needed) as main:
        assert not main.stats().enabled or main.stats().bytes_allocated == needed


def test_a_snapshot_for_which_python_has_no_memory(main):
    testcapi = pytest.importorskip("_testcapi")
    expected = main.stats()
    for failing in range(3):
        testcapi.set_nomemory(failing, failing + 1)
        try:
            main.stats()
        except MemoryError:
            pass
        finally:
            testcapi.remove_mem_hooks()
    assert main.stats() == expected
    with pytest.raises(TypeError, match="cannot be called to create one"):
        type(expected)()
