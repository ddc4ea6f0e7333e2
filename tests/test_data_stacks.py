"""Data stacks: what frames of paused tealets take is counted, and is no more than they need."""

import functools
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections import Counter

import pytest

from conftest import check_stats
from moving_frames import (
    bytes_of,
    go_down,
    goes_up_and_down,
    refuses_to_end,
    with_variables,
)
from tealetpp import Main, TealetError

pytestmark = pytest.mark.usefixtures("statistics")

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


def frame_bytes(t):
    return t.stats().data_stack_bytes


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
    each = seen[1] - seen[0]  # of a frame of pause_at()
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


@pytest.mark.rule("data-stack-chunks")
def test_calls_over_the_edge_of_a_chunk_take_one_for_all(main):
    """CPython frees the chunk after each call. It is kept until the tealet pauses."""

    def callee():
        # More variables than its callers have, so that no depth steps over the edge.
        a = b = c = d = e = f = g = h = None
        return a, b, c, d, e, f, g, h

    def descends(depth):
        if depth:
            return descends(depth - 1)
        before = main.stats().blocks_allocated_total
        for _ in range(100):
            callee()
        return main.switch(main.stats().blocks_allocated_total - before)

    paused = main.tealet(main.switch)
    paused.switch()
    chunks = main.stats().data_stack_bytes - paused.stats().data_stack_bytes
    edges = 0
    for depth in range(150):
        t = main.tealet(descends)
        blocks = t.switch(depth)
        assert blocks <= 1
        if blocks:
            edges += 1
            frames = t.stats().data_stack_bytes + paused.stats().data_stack_bytes
            assert main.stats().data_stack_bytes == chunks + frames
        t.close()
    assert edges > 0


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


@pytest.mark.rule("data-stack-chunks")
@pytest.mark.parametrize("count", [1_900, 2_900, 5_000, 9_000])
def test_a_chunk_for_a_large_frame_is_not_used_as_one_of_usual_size(main, count):
    """CPython writes the size that it asked for into the chunk."""
    large = with_variables(count)

    def run():
        return large(inside)

    def inside():
        main.switch()
        return go_down(400, lambda: large(go_down, 300, main.switch))

    t, other = main.tealet(run), main.tealet(goes_up_and_down)
    t.switch()
    other.switch(main, 300)
    t.switch()
    blocks = frame_bytes(t), frame_bytes(other)
    assert check_stats(main).data_stack_bytes - sum(blocks) > max(blocks)
    assert other.switch() == "ended"
    assert t.switch(t) is t
    assert bytes_of(main) == 0


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
    t = main.tealet(refuses_to_end)
    t.switch(main, 50)
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
    assert t.switch(50) == "enclosing"
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
    """90,000 pauses three calls deeper than the first."""
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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_tealet_that_is_discarded_in_the_middle_of_a_deep_call(main):
    """It runs in a tealet of another domain, which refuses to end."""
    inner_domains = []

    def refuses_deep(depth):
        if depth:
            refuses_deep(depth - 1)
        refuses_to_end(main, 0)

    def encloses():
        inner_domains.append(Main())
        inner_domains[0].tealet(refuses_deep).switch(200)

    main.tealet(encloses).switch()
    with pytest.raises(TealetError, match="refuses to end"):
        main.close()
    for domain in (main, *inner_domains):
        assert domain.stats().data_stack_bytes == domain.stats().bytes_allocated == 0


DISCARDED_IN_ANOTHER_ORDER = """if True:
    import sys
    from tealetpp import Main, TealetError, TealetExit

    def descend(depth, then):
        return descend(depth - 1, then) if depth else then()

    def refuses():
        while True:
            try:
                outer.switch()
            except TealetExit:
                pass

    def encloses():
        global inner
        inner = Main()
        first, second = inner.tealet(descend), inner.tealet(descend)
        first.switch(1000, inner.switch)
        second.switch(1000, refuses)

    sys.setrecursionlimit(5000)
    outer = Main()
    tealet = outer.tealet(encloses)
    tealet.switch()
    try:
        outer.close()
    except TealetError:
        print(outer.stats().bytes_allocated, inner.stats().bytes_allocated)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc overwrites what is freed")
def test_chunks_that_a_discarded_tealet_had_in_another_order_than_they_were_made():
    done = subprocess.run(
        [sys.executable, "-c", DISCARDED_IN_ANOTHER_ORDER],
        capture_output=True,
        text=True,
        env={**os.environ, "MALLOC_PERTURB_": "165"},
    )
    assert (done.returncode, done.stdout) == (0, "0 0\n"), done.stderr
