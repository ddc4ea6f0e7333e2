"""The statistics: counts, peaks, sizes and ratios."""

import functools
import math
import random
import sys

import pytest

from conftest import CURRENT_FIGURES, NEEDS_NO_ASSERTIONS_OF_TOOLS, check_stats, current_figures
from tealetpp import Main, Stats, StatsDifference, Status
from tealetpp._report import FIELDS


def through_map(main, depth):
    if depth:
        return list(map(lambda _: through_map(main, depth - 1), [0]))
    return main.switch()


def through_sorted(main, depth):
    if depth:
        return sorted([0], key=lambda _: through_sorted(main, depth - 1) or 0)
    return main.switch()


def directly(main, depth):
    return directly(main, depth - 1) if depth else main.switch()


def paused(main, depth=0, how=through_map):
    t = main.tealet(how)
    t.switch(main, depth)
    return t


def test_a_fresh_domain_is_main_alone(main):
    stats = check_stats(main)
    assert stats.enabled is True
    assert stats.n_active == stats.n_total == 1
    assert stats.blocks_allocated == 1
    assert stats.bytes_allocated > 0
    for field in ("stack_count", "stack_chunk_count", "stack_bytes", "stack_bytes_naive"):
        assert getattr(stats, field) == 0


def test_tealets_are_counted_from_creation_to_end(main):
    ts = [main.tealet(lambda: main.switch()) for _ in range(5)]
    assert (main.stats().n_active, main.stats().n_total) == (6, 6)
    for t in ts[:3]:
        t.switch()
    assert main.stats().n_active == 6
    ts[0].switch()
    assert (main.stats().n_active, main.stats().n_total) == (5, 6), "it has ended"
    ts[1].close()
    ts[4].close()
    assert (main.stats().n_active, main.stats().n_total) == (3, 6)
    check_stats(main)


def test_stubs_and_duplicates_are_counted(main):
    before = main.stats().n_active
    stub = main.stub()
    twins = [stub.duplicate() for _ in range(3)]
    assert main.stats().n_active == before + 4
    del twins, stub
    assert main.stats().n_active == before


def test_blocks_and_bytes_follow_every_tealet(main):
    before = main.stats()
    t = main.tealet(lambda: main.switch())
    created = main.stats()
    assert created.blocks_allocated == before.blocks_allocated + 1
    assert created.bytes_allocated > before.bytes_allocated
    t.switch()
    begun = main.stats()
    # Its first data-stack chunk, and its saved stack.
    assert begun.blocks_allocated >= created.blocks_allocated + 2
    assert begun.bytes_allocated >= created.bytes_allocated + t.saved_bytes
    t.switch()
    assert current_figures(main.stats()) == current_figures(before)
    assert main.stats().blocks_allocated_total >= begun.blocks_allocated_total


@pytest.mark.rule("stats-peaks")
def test_peaks_stay_until_they_are_reset(main):
    base = main.stats()
    ts = [paused(main, 3) for _ in range(10)]
    high = main.stats()
    assert high.bytes_allocated_peak >= high.bytes_allocated > base.bytes_allocated
    ts.clear()
    after = main.stats()
    assert after.bytes_allocated == base.bytes_allocated
    assert after.bytes_allocated_peak >= high.bytes_allocated
    assert after.blocks_allocated_peak >= high.blocks_allocated
    assert main.reset_peak_stats() is None
    reset = main.stats()
    assert reset.bytes_allocated_peak == reset.bytes_allocated
    assert reset.blocks_allocated_peak == reset.blocks_allocated
    assert reset.blocks_allocated_total == after.blocks_allocated_total
    paused(main)
    assert main.stats().bytes_allocated_peak > reset.bytes_allocated_peak


@pytest.mark.parametrize("how", [through_map, through_sorted, directly])
def test_the_saved_bytes_of_tealets_of_varying_depth_add_up(main, how):
    for _ in range(10):
        paused(main, 0, how).close()  # now the call of main.switch() is specialised
    ts = [paused(main, depth, how) for depth in (0, 1, 2, 5, 10, 20)]
    stats = check_stats(main)
    assert stats.stack_count == stats.stack_chunk_count == len(ts)
    assert stats.stack_bytes == sum(t.saved_bytes for t in ts)
    assert stats.stack_bytes_expanded == stats.stack_bytes
    assert stats.stack_bytes_naive == sum(t.extent for t in ts)
    sizes = [t.extent for t in ts]
    if how is directly:
        # Python calls Python without using the C stack: depth is on the data stack.
        assert len(set(sizes)) == 1
    else:
        assert sizes == sorted(set(sizes))


def test_what_is_in_place_is_not_on_the_heap(main):
    """A tealet that begins inside another leaves the bytes of that one in place."""

    def outer():
        inner = main.tealet(lambda: outer_stats.append(check_stats(main)))
        inner.switch()

    outer_stats = []
    t = main.tealet(lambda: sorted([0], key=lambda _: outer() or 0))
    t.switch()
    stats = outer_stats[0]
    assert stats.stack_bytes == 0, "nothing had to be copied"
    assert stats.stack_count == 0
    assert stats.stack_bytes_naive > 0
    assert math.isnan(stats.memory_efficiency)


def test_naive_counts_what_is_in_place_too(main):
    def run(depth, other):
        if depth:
            return list(map(lambda _: run(depth - 1, other), [0]))
        other.switch()

    seen = []
    a = main.tealet(run)
    # It began below main like `a`, but `a` resumes it: only the overlap is copied.
    b = main.tealet(lambda: seen.append(check_stats(main)) or main.switch())
    a.switch(20, b)
    assert seen[0].stack_bytes < seen[0].stack_bytes_naive
    a.close()
    b.close()


def test_the_main_tealet_counts_with_what_was_saved_of_it(main):
    inside = main.tealet(lambda: check_stats(main))
    # Resumed from deeper in main than where the tealet began: main must be saved.
    t = main.tealet(lambda: [main.switch(), check_stats(main)][1])
    t.switch()

    def deep(n):
        return list(map(lambda _: deep(n - 1), [0]))[0] if n else t.switch()

    stats = deep(10)
    assert stats.stack_bytes > 10 * 100
    assert stats.stack_bytes == stats.stack_bytes_expanded == stats.stack_bytes_naive
    assert stats.stack_count == 1
    assert inside.switch().stack_bytes == 0


@pytest.mark.rule("stats-return")
def test_everything_returns_to_where_it_began(main):
    begun = current_figures(main.stats())
    ts = [paused(main, depth % 7) for depth in range(50)]
    ts += [main.tealet(print) for _ in range(10)]
    stub = main.stub()
    ts += [stub] + [stub.duplicate() for _ in range(10)]
    random.Random(1).shuffle(ts)
    for t in ts:
        t.close()
        check_stats(main)
    assert current_figures(main.stats()) == begun


@pytest.mark.rule("stats-zero")
def test_after_close_nothing_is_left_and_the_final_figures_stay():
    main = Main()
    ts = [paused(main, 3) for _ in range(5)]
    main.close()
    final = main.stats()
    assert current_figures(final) == dict.fromkeys(CURRENT_FIGURES, 0)
    assert final.bytes_cached == 0
    assert final.n_total == 6
    assert final.bytes_allocated_peak > 0
    assert final.blocks_allocated_total > 6
    assert final == main.stats() == main._stats_by_walk()
    assert [t.status for t in ts] == [Status.EXITED] * 5
    assert main.trim() == 0
    main.reset_peak_stats()
    assert main.stats().bytes_allocated_peak == 0


def test_with_nothing_saved_the_ratios_are_nan(main):
    stats = main.stats()
    assert math.isnan(stats.sharing_ratio)
    assert math.isnan(stats.memory_efficiency)
    assert math.isnan(stats.efficiency_vs(65536))


def test_the_ratios_follow_from_the_figures(main):
    ts = [paused(main, depth) for depth in range(5)]
    stubs = [main.stub()]
    stubs += [stubs[0].duplicate() for _ in range(3)]
    stats = main.stats()
    assert stats.sharing_ratio == stats.stack_bytes_expanded / stats.stack_bytes
    assert stats.memory_efficiency == stats.stack_bytes_naive / stats.stack_bytes
    for size in (65536, 8 << 20):
        assert stats.fixed_stack_bytes(size) == (len(ts) + len(stubs)) * size
        assert stats.efficiency_vs(size) == stats.fixed_stack_bytes(size) / stats.stack_bytes
    assert stats.efficiency_vs(stack_size=4096) < stats.efficiency_vs(8192)


@pytest.mark.rule("misuse-stack-size")
def test_wrong_stack_sizes_are_refused(main):
    stats = main.stats()
    for call in (stats.fixed_stack_bytes, stats.efficiency_vs):
        for wrong in ("8", 1.5, None):
            with pytest.raises(TypeError):
                call(wrong)
        for wrong in (-1, -(1 << 70), 1 << 70):
            with pytest.raises(ValueError, match=f"no stack can have {wrong} bytes"):
                call(wrong)


def test_statistics_are_not_created_by_a_call(main):
    with pytest.raises(TypeError, match=r"Stats cannot be called .*: Main.stats\(\) returns one"):
        Stats()
    with pytest.raises(TypeError, match=r"Difference cannot be called .*: subtract an earlier"):
        StatsDifference(1)


def test_fixed_stacks_for_main_alone_take_nothing(main):
    assert main.stats().fixed_stack_bytes(65536) == 0


def test_snapshots_are_equal_by_value(main):
    a, b = main.stats(), main.stats()
    assert a == b and not a != b
    t = main.tealet()
    assert a != main.stats()
    t.close()
    # n_total and the totals tell that something happened in between.
    assert a != main.stats()
    assert a != 1 and a != "stats" and a is not None
    with pytest.raises(TypeError):
        hash(a)


def test_a_snapshot_does_not_change(main):
    before = main.stats()
    figures = {name: getattr(before, name) for name in FIELDS}
    ts = [paused(main) for _ in range(3)]
    assert {name: getattr(before, name) for name in FIELDS} == figures
    assert ts


@pytest.mark.parametrize("name", [*FIELDS, "enabled", "sharing_ratio", "memory_efficiency"])
def test_a_snapshot_cannot_be_changed(main, name):
    with pytest.raises(AttributeError):
        setattr(main.stats(), name, 1)
    with pytest.raises(AttributeError):
        delattr(main.stats(), name)


def test_a_snapshot_has_no_other_attributes(main):
    with pytest.raises(AttributeError):
        main.stats().something = 1


def test_a_difference_tells_what_happened_in_between(main):
    earlier = main.stats()
    ts = [paused(main, 2) for _ in range(4)]
    later = main.stats()
    difference = later - earlier
    assert type(difference) is StatsDifference
    for name in FIELDS:
        assert getattr(difference, name) == getattr(later, name) - getattr(earlier, name)
        with pytest.raises(AttributeError):
            setattr(difference, name, 1)
    assert difference.n_active == 4
    ts.clear()
    assert (main.stats() - later).n_active == -4
    assert (main.stats() - later).n_total == 0


def test_a_difference_needs_two_snapshots(main):
    for wrong in (1, None, "x"):
        with pytest.raises(TypeError):
            main.stats() - wrong


@pytest.mark.rule("stats-upstream")
def test_kept_blocks_are_reported_apart_and_can_be_given_back(main):
    assert main.stats().bytes_cached == 0
    ts = [paused(main, 1) for _ in range(5)]
    allocated = main.stats().bytes_allocated
    ts.clear()
    stats = main.stats()
    assert stats.bytes_allocated < allocated
    assert stats.bytes_cached > 0
    assert main.trim() == stats.bytes_cached
    assert main.stats().bytes_cached == 0
    assert main.trim() == 0
    assert main.stats().bytes_allocated == stats.bytes_allocated


def test_kept_blocks_are_used_again(main):
    t = main.tealet(lambda: [main.switch() for _ in range(1000)])
    for _ in range(10):
        t.switch()
    cached = main.stats().bytes_cached
    for _ in range(900):
        t.switch()
        assert main.stats().bytes_cached == cached


def random_operations(seed, count):
    rng = random.Random(seed)
    with Main() as main:
        base = current_figures(main.stats())
        ts, stubs = [], []
        total = 0

        def loop(depth, how):
            while how(main, depth) != "end":
                pass

        for _ in range(count):
            operation = rng.random()
            if operation < 0.25 and len(ts) < 40:
                t = main.tealet(functools.partial(loop, rng.randrange(12)))
                t.switch(rng.choice([through_map, directly]))
                ts.append(t)
            elif operation < 0.3:
                stubs.append(main.stub())
            elif operation < 0.4 and stubs:
                stubs.append(rng.choice(stubs).duplicate())
            elif operation < 0.5 and stubs:
                t = stubs.pop(rng.randrange(len(stubs)))
                t.run(loop, rng.randrange(12), through_map)
                ts.append(t)
            elif operation < 0.6 and ts:
                ts.pop(rng.randrange(len(ts))).close()
            elif operation < 0.65 and stubs:
                del stubs[rng.randrange(len(stubs))]
            elif operation < 0.67:
                main.trim()
            elif operation < 0.69:
                main.reset_peak_stats()
            elif ts:
                rng.choice(ts).switch()
            stats = check_stats(main)
            assert stats.n_active == 1 + len(ts) + len(stubs)
            assert stats.blocks_allocated_total >= total
            total = stats.blocks_allocated_total
        for t in [*ts, *stubs]:
            t.close()
        assert current_figures(main.stats()) == base


@pytest.mark.rule("stats-order", "stats-walk")
@pytest.mark.parametrize("seed", range(6))
def test_after_each_of_thousands_of_operations_the_figures_agree_with_a_walk(seed):
    random_operations(seed, 5000)


@NEEDS_NO_ASSERTIONS_OF_TOOLS
def test_switching_from_within_the_methods_of_a_snapshot(main):
    stats = main.stats()

    class Size:
        def __index__(self):
            main.switch()
            return 4096

    def report():
        sys.setprofile(lambda frame, *_: frame.f_code.co_name == "to_text" and main.switch())
        text = str(stats)
        sys.setprofile(None)
        return text

    for calls in ((lambda: stats.fixed_stack_bytes(Size()),) * 2, (report,) * 2):
        ts = [main.tealet(call) for call in calls]
        for t in ts:
            t.switch()
        sys.setprofile(None)
        # They do not leave in the reverse order of entry.
        results = []
        for t in ts:
            while t:
                result = t.switch()
            results.append(result)
        assert results[0] == results[1]
        assert results[0] is not None
