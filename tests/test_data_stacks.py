"""Data stacks: what frames of paused tealets take is counted, and is no more than they need."""

import functools
import gc
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections import Counter

import pytest

from conftest import check_stats
from tealetpp import Main, TealetError, TealetExit

CHUNK = 16 * 1024 + 48  # the block of a chunk of usual size, with its header


def pauses(main):
    return main.switch("paused")


class Machine:
    def __init__(self, main=None):
        if main is not None:
            main.switch("paused")

    def method(self, main):
        return main.switch("paused")

    @classmethod
    def class_method(cls, main):
        return main.switch("paused")

    @staticmethod
    def static_method(main):
        return main.switch("paused")

    def __call__(self, main):
        return main.switch("paused")


class CallsStatic:
    __call__ = staticmethod(pauses)


KINDS = {
    "function": pauses,
    "lambda": lambda main: main.switch("paused"),
    "method": Machine().method,
    "class method": Machine.class_method,
    "static method": Machine.static_method,
    "partial": functools.partial(pauses),
    "partial of a method": functools.partial(Machine().method),
    "partial of a partial": functools.partial(functools.partial(pauses)),
    "object": Machine(),
    "partial of an object": functools.partial(Machine()),
    "object with a static method": CallsStatic(),
    "class": Machine,
    "built-in function": lambda main: max([main], key=pauses),
    "generator": lambda main: list(main.switch("paused") for _ in range(1)),
}


def descend(main, depth):
    if depth:
        return descend(main, depth - 1)
    return main.switch("paused")


def goes_up_and_down(main, *depths):
    for depth in depths:
        descend(main, depth)
    return "ended"


def bytes_of(main):
    return main.stats().data_stack_bytes


def frame_bytes(t):
    return t.stats().data_stack_bytes


@pytest.fixture
def main():
    with Main() as main:
        if not main.stats().enabled:
            pytest.skip("needs the statistics")
        yield main


@pytest.mark.rule("data-stack-exact")
@pytest.mark.parametrize("run", KINDS.values(), ids=KINDS)
def test_whatever_it_runs_it_has_what_its_frames_take(main, run):
    t = main.tealet(run)
    assert check_stats(main).data_stack_bytes == 0
    assert t.switch(main) == "paused"
    stats = check_stats(main)
    assert 0 < frame_bytes(t) < 400
    assert stats.data_stack_bytes == CHUNK + frame_bytes(t)
    assert stats.data_stack_grows == 0
    t.switch("done")
    assert check_stats(main).data_stack_bytes == 0


@pytest.mark.rule("data-stack-exact")
def test_a_tealet_without_python_frames(main):
    t = main.tealet(main.switch)
    t.switch()
    other = main.tealet(pauses)
    other.switch(main)
    assert frame_bytes(t) == 8
    assert check_stats(main).data_stack_bytes == CHUNK + 8 + frame_bytes(other)
    assert t.switch("ended") == "ended"
    assert other.switch("ended") == "ended"


@pytest.mark.rule("data-stack-exact")
def test_the_bytes_are_the_same_in_place_and_moved(main):
    ts = [main.tealet(goes_up_and_down) for _ in range(3)]
    seen = []
    for t in ts:
        t.switch(main, 7, 7)
        seen += [frame_bytes(t) for t in ts]
    assert seen == [seen[0], 0, 0, seen[0], seen[0], 0, *seen[:1] * 3]
    before = check_stats(main)
    for t in ts:
        t.switch()
    assert [frame_bytes(t) for t in ts] == seen[:1] * 3
    assert (check_stats(main) - before).data_stack_bytes == 0


@pytest.mark.rule("data-stack-exact")
def test_the_bytes_follow_the_depth_at_which_it_pauses(main):
    t = main.tealet(goes_up_and_down)
    t.switch(main, 0, 1, 5, 5, 40, 2, 0)
    seen = []
    while t:
        seen.append(check_stats(main).data_stack_bytes - CHUNK)
        assert seen[-1] == frame_bytes(t)
        t.switch()
    each = seen[1] - seen[0]  # of a frame of descend()
    assert 80 < each < 250
    assert seen == [seen[0] + depth * each for depth in (0, 1, 5, 5, 40, 2, 0)]
    assert check_stats(main).data_stack_grows == 3
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-chunks")
def test_frames_deeper_than_a_chunk(main):
    """A chunk stays while any tealet has frames in it, in place or saved."""
    ts = [main.tealet(goes_up_and_down) for _ in range(3)]
    for t in ts:
        t.switch(main, 700, 0, 700)
    deep = frame_bytes(ts[0])
    assert deep > 4 * CHUNK
    assert [frame_bytes(t) for t in ts] == [deep] * 3
    chunks, rest = divmod(check_stats(main).data_stack_bytes - 3 * deep, CHUNK)
    assert (chunks, rest) == (deep // CHUNK + 1, 0)
    for n, t in enumerate(ts):
        t.switch()
        left = chunks if n < 2 else 1
        assert check_stats(main).data_stack_bytes == sum(map(frame_bytes, ts)) + left * CHUNK
    for t in ts:
        t.switch()
        assert frame_bytes(t) == deep
    for t in ts:
        assert check_stats(main).data_stack_bytes > chunks * CHUNK
        assert t.switch() == "ended"
    assert check_stats(main).data_stack_bytes == 0


@pytest.mark.rule("data-stack-chunks")
@pytest.mark.parametrize("depths", [(700, 0), (0, 700), (700, 700), (0, 0)])
def test_tealets_that_are_closed_leave_no_chunk(main, depths):
    ts = [main.tealet(goes_up_and_down) for _ in depths]
    for t, depth in zip(ts, depths, strict=True):
        t.switch(main, depth)
    for t in ts:
        t.close()
    assert check_stats(main).data_stack_bytes == 0


@pytest.mark.rule("data-stack-chunks")
def test_calls_deeper_than_a_chunk_while_others_have_frames_there(main):
    def deep(depth):
        return deep(depth - 1) if depth else main.stats().data_stack_bytes

    parked = main.tealet(goes_up_and_down)
    parked.switch(main, 400, 400)
    before = check_stats(main).data_stack_bytes
    assert main.tealet(deep).switch(300) == before  # in the same chunks
    assert check_stats(main).data_stack_bytes == before
    assert main.tealet(deep).switch(900) > before
    assert check_stats(main).data_stack_bytes == before
    parked.switch()
    assert parked.switch() == "ended"


@pytest.mark.rule("data-stack-outlier")
def test_one_that_went_deep_changes_nothing_for_the_others(main):
    def each():
        ts = [main.tealet(goes_up_and_down) for _ in range(10)]
        for t in ts:
            t.switch(main, 0)
        bytes_ = sum(map(frame_bytes, ts))
        for t in ts:
            t.close()
        return bytes_

    usual = each()
    outlier = main.tealet(goes_up_and_down)
    outlier.switch(main, 100)
    assert each() == usual
    outlier.close()
    assert each() == usual


@pytest.mark.rule("data-stack-exact")
def test_a_closed_tealet_unwinds_its_deep_frames(main):
    unwound = []

    def descends(depth):
        try:
            return descends(depth - 1) if depth else main.switch()
        finally:
            unwound.append(depth)

    with main.tealet(descends) as t:
        t.switch(300)
    assert unwound == list(range(301))
    assert check_stats(main).data_stack_bytes == 0


@pytest.mark.rule("data-stack-exact")
def test_a_tealet_that_refuses_to_end():
    main = Main()

    def never_ends(depth):
        if depth:
            return never_ends(depth - 1)
        while True:
            try:
                main.switch()
            except TealetExit:
                pass

    t = main.tealet(never_ends)
    t.switch(50)
    deep = check_stats(main).data_stack_bytes
    with pytest.raises(TealetError, match="refuses to end"):
        t.close()
    assert check_stats(main).data_stack_bytes == deep
    with pytest.raises(TealetError, match="refuses to end"):
        main.close()
    assert main.stats().bytes_allocated == 0


@pytest.mark.rule("data-stack-exact")
def test_the_tealet_that_encloses_a_domain(main):
    """Its frames do not include those of the inner domain's tealets."""
    inner_bytes = []

    def encloses(depth):
        if depth:
            return encloses(depth - 1)
        with Main() as inner:
            t = inner.tealet(goes_up_and_down)
            t.switch(inner, 30, 2)
            inner_bytes.append(bytes_of(inner))
            main.switch("enclosing")
            t.switch()
            inner_bytes.append(bytes_of(inner))
            check_stats(inner)
            t.switch()
            assert bytes_of(inner) == 0
        return "ended"

    t = main.tealet(encloses)
    assert t.switch(60) == "enclosing"
    outer = frame_bytes(t)
    assert outer < CHUNK
    other = main.tealet(goes_up_and_down)
    other.switch(main, 100)
    check_stats(main)
    other.switch()
    assert check_stats(main).data_stack_bytes == CHUNK + outer
    assert t.switch() == "ended"
    assert bytes_of(main) == 0
    assert inner_bytes[0] > inner_bytes[1] > 0


def test_a_tealet_of_another_thread_in_the_middle_of_a_deep_call(main):
    """Each domain has chunks of its own."""
    is_deep, may_go_on = threading.Event(), threading.Event()
    results = []

    def waits(depth):
        if depth:
            return waits(depth - 1)
        is_deep.set()
        return may_go_on.wait(60)

    def thread():
        with Main() as other:
            results.append(other.tealet(waits).switch(200))
            results.append(bytes_of(other))

    running = threading.Thread(target=thread)
    running.start()
    assert is_deep.wait(60)
    ts = [main.tealet(goes_up_and_down) for _ in range(50)]
    for t in ts:
        t.switch(main, 0, 10, 200)
    for _ in range(2):
        for t in ts:
            t.switch()
        check_stats(main)
    may_go_on.set()
    running.join()
    for t in ts:
        assert t.switch() == "ended"
    assert results == [True, 0]
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-counted")
def test_main_and_other_code_have_their_own_chunks(main):
    def deep(depth):
        return deep(depth - 1) if depth else bytes_of(main)

    assert deep(500) == 0
    t = main.tealet(pauses)
    t.switch(main)
    before = check_stats(main).data_stack_bytes
    assert deep(500) == before
    assert check_stats(main).data_stack_bytes == before


@pytest.mark.rule("stats-kinds")
def test_the_kinds_add_up(main):
    ts = [main.tealet(goes_up_and_down) for _ in range(20)]
    for n, t in enumerate(ts):
        t.switch(main, n, 0)
    stub = main.stub()
    copies = [stub.duplicate() for _ in range(5)]
    stats = check_stats(main)
    assert list(stats.bytes_by_kind) == ["saved_stacks", "data_stacks", "nodes", "other"]
    assert sum(stats.bytes_by_kind.values()) == stats.bytes_allocated
    assert stats.bytes_by_kind["other"] == 0
    assert stats.bytes_by_kind["data_stacks"] == stats.data_stack_bytes
    assert stats.bytes_by_kind["nodes"] % stats.n_active == 0
    # A header for each stack and for each chunk but the first.
    headers = stats.bytes_by_kind["saved_stacks"] - stats.stack_bytes
    assert headers == 40 * stats.stack_count + 16 * (stats.stack_chunk_count - stats.stack_count)
    for copy in copies:
        copy.close()
    assert check_stats(main).bytes_by_kind["data_stacks"] == stats.data_stack_bytes


@pytest.mark.rule("stats-counters")
def test_the_counters_count(main):
    before = main.stats()
    t = main.tealet(goes_up_and_down)
    t.switch(main, 0, 3, 3, 0, 1)
    for _ in range(5):
        t.switch()
    change = main.stats() - before
    assert change.switches == 12
    assert change.data_stack_grows == 2  # the pauses that are deeper than the one before
    assert change.bytes_saved_total == change.bytes_restored_total > 0
    assert change.stack_grows == 0
    assert change.blocks_freed_total == change.blocks_allocated_total > 0


@pytest.mark.rule("stats-counters")
def test_a_stack_that_is_saved_further_has_grown(main):
    def nested(depth):
        if depth == 0:
            return main.switch()
        return main.tealet(nested).switch(depth - 1)

    main.tealet(nested).switch(3)
    before = main.stats()

    def overwrites(depth):
        return list(map(overwrites, [depth - 1])) if depth else main.stats().stack_grows

    assert main.tealet(overwrites).switch(10)
    assert main.stats().stack_grows >= before.stack_grows


# --- the memory limit ---


class Callee:
    def method(self, number):
        return number

    def __call__(self, number):
        return number

    @property
    def attribute(self):
        return 1

    def __getitem__(self, key):
        return key


def small(number):
    return number


CALLS = {
    "function": "small(thing)",
    "keyword": "small(number=thing)",
    "method": "callee.method(thing)",
    "object": "callee(thing)",
    "through C": "list(map(small, [thing]))",
    "unpacked": "small(*(thing,))",
    "unpacked keywords": "small(**{'number': thing})",
    "property": "callee.attribute",
    "item": "callee[thing]",
    "class body": "exec('class C: pass')",
}


# CPython 3.11 crashes when a call is refused its chunk, and 3.12 leaks the function. So there the
# call gets it, and the next pause is refused.
REFUSES_CALLS = sys.version_info >= (3, 13)


def go_down(depth, then):
    return go_down(depth - 1, then) if depth else then()


def padded(words):
    """Calls ``go_down(depth, then)`` from a frame with so many words more."""
    names = " = ".join(f"v{n}" for n in range(words + 1))
    scope = {"go_down": go_down}
    exec(f"def call(depth, then):\n    {names} = None\n    return go_down(depth, then)", scope)
    return scope["call"]


@pytest.mark.rule("memory-limit")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_past_the_limit_nothing_is_lost(call):
    """Calls of all kinds at the end of the first chunk, when a second one is past the limit."""
    callee, thing = Callee(), object()
    scope = {"small": small, "callee": callee, "thing": thing}
    exec(
        f"def run():\n    refused = 0\n    for _ in range(10):\n        try:\n"
        f"            {call}\n        except MemoryError:\n"
        f"            refused += 1\n    return refused\n",
        scope,
    )
    for _ in range(20):
        assert scope["run"]() == 0  # the interpreter specialises the call
    gc.collect()
    watched = [small, thing, callee, Callee.method, Callee.__call__, Callee.__getitem__]
    before = [sys.getrefcount(each) for each in watched]
    outcomes = Counter()
    with Main(memory_limit=30_000) as main:
        for function in map(padded, range(16)):
            for depth in range(90, 190):
                try:
                    outcomes[main.tealet(function).switch(depth, scope["run"])] += 1
                except MemoryError:
                    outcomes["no place for run()"] += 1
                stats = main.stats()
                assert stats.bytes_allocated + stats.bytes_cached <= 30_000
        assert main.stats().bytes_allocated_peak <= 30_000 or not REFUSES_CALLS
    assert outcomes[0] > 100
    assert set(outcomes) == ({0, 10, "no place for run()"} if REFUSES_CALLS else {0})
    assert [sys.getrefcount(each) for each in watched] == before


@pytest.mark.rule("memory-limit")
@pytest.mark.parametrize("depth", [0, 10, 300])
def test_past_the_limit_a_deep_tealet_cannot_pause(depth):
    refused = []
    with Main() as main:
        shallow = main.tealet(goes_up_and_down)
        shallow.switch(main, 0)
        limit = main.stats().bytes_allocated + 700

    def run(depth):
        try:
            descend(main, depth)
        except MemoryError as error:
            refused.append(str(error))
        return sum(map(small, range(10)))

    with Main(memory_limit=limit) as main:
        t = main.tealet(run)
        if depth:
            assert t.switch(depth) == 45
            assert len(refused) == 1
            if depth == 10 or not REFUSES_CALLS:  # not a call, of which CPython says nothing
                assert re.search(rf"\d+ bytes of {limit}\b", refused[0])
        else:
            assert t.switch(depth) == "paused"  # what it needs fits
            assert t.switch() == 45
        stats = check_stats(main)
        assert stats.data_stack_bytes == 0
        assert stats.bytes_allocated + stats.bytes_cached <= limit
        # The domain can be used as before.
        assert main.tealet(lambda: main.switch("unharmed")).switch() == "unharmed"


@pytest.mark.rule("memory-limit")
def test_a_tealet_that_cannot_pause_goes_on_and_pauses_later():
    with Main(memory_limit=30_000) as main:

        def run():
            refused = 0
            for depth in (0, 90, 0, 90, 0):
                try:
                    descend(main, depth)
                except MemoryError:
                    refused += 1
            return refused

        t, other = main.tealet(run), main.tealet(goes_up_and_down)
        other.switch(main, 0, 5)
        for _ in range(3):
            t.switch()
            check_stats(main)
        other.switch()
        assert t.switch() == 2


@pytest.mark.rule("memory-limit")
def test_a_tealet_that_has_its_block_cannot_pause_past_the_limit():
    def run():
        descend(main, 300)
        fill = []
        with pytest.raises(MemoryError):
            while True:
                fill.append(main.tealet())
        with pytest.raises(MemoryError):
            descend(main, 300)
        return len(fill)

    with Main(memory_limit=150_000) as main:
        t = main.tealet(run)
        assert t.switch() == "paused"
        assert t.switch() > 100
        stats = check_stats(main)
        assert stats.bytes_allocated + stats.bytes_cached <= 150_000


@pytest.mark.rule("memory-limit")
def test_closing_is_not_refused_past_the_limit():
    unwound = []

    def paused():
        try:
            main.switch()
        finally:
            unwound.append("paused")

    def closes(depth, t):
        if depth:
            return closes(depth - 1, t)
        return t.close()

    with Main(memory_limit=30_000) as main:
        ts = [main.tealet(paused) for _ in range(3)]
        for t in ts:
            t.switch()
        try:
            main.tealet(closes).switch(200, ts[0])
        except MemoryError:
            assert REFUSES_CALLS
        else:
            assert unwound == ["paused"]
    assert unwound == ["paused"] * 3


@pytest.mark.rule("memory-limit")
def test_a_trace_function_does_not_use_up_the_limit():
    peaks = []

    def deep(depth):
        return deep(depth - 1) if depth else main.stats().bytes_allocated

    def trace(frame, event, arg):
        small(1)
        return trace

    with Main(memory_limit=40_000) as main:
        sys.settrace(trace)
        try:
            peaks.append(main.tealet(deep).switch(2))
        finally:
            sys.settrace(None)
        stats = main.stats()
        assert stats.bytes_allocated + stats.bytes_cached <= 40_000
    assert peaks[0] > 0


@pytest.mark.rule("memory-closing")
def test_closing_may_call_functions_at_the_limit():
    log = []
    with Main(memory_limit=30_000) as main:

        def run():
            try:
                main.switch()
            finally:
                log.append(descends(300))

        def descends(depth):
            return descends(depth - 1) if depth else "unwound"

        t = main.tealet(run)
        t.switch()
        fill = []
        with pytest.raises(MemoryError):
            while True:
                fill.append(main.tealet())
        t.close()
        assert log == ["unwound"]


# --- system calls ---

COLD_SIMULATION = """
    import os

    from tealetpp import Main

    with Main() as main:
        def inner(): main.switch()
        def middle(): inner()
        def outer(): middle()

        def machine():
            main.switch()
            while True:
                outer()

        def resident():
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        before = resident()
        open("/proc/self/comm").close()  # begins what is counted
        machines = [main.tealet(machine) for _ in range(10_000)]
        for _ in range(10):
            for m in machines:
                m.switch()
        open("/proc/self/comm").close()
        print((resident() - before) / 2**20)
"""


def can_trace():
    strace = shutil.which("strace")
    return (
        strace is not None and subprocess.run([strace, "true"], capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not can_trace(), reason="needs strace, and permission to trace")
def test_a_simulation_maps_no_memory_for_each_call(tmp_path):
    """90,000 pauses in calls that do not fit their tealets' first chunks."""
    log = tmp_path / "log"
    done = subprocess.run(
        ["strace", "-f", "-o", log, sys.executable, "-c", textwrap.dedent(COLD_SIMULATION)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    grown = float(done.stdout)
    assert 5 < grown < 50
    counted = log.read_text().split("/proc/self/comm")[1]
    calls = re.findall(r"^\d* *(mmap|munmap|brk|mremap)\(", counted, re.MULTILINE)
    # malloc() takes 132 KiB at a time, and Python's allocator 1 MiB.
    assert len(calls) < 10 * grown + 20, Counter(calls)
