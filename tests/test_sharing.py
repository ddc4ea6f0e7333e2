"""Stubs and their duplicates share one saved stack until they run."""

import pytest

from conftest import check_stats, current_figures
from tealetpp import Status


@pytest.mark.parametrize("sharers", [1, 2, 4, 101])
def test_the_ratio_is_the_number_of_sharers(main, sharers):
    stub = main.stub()
    twins = [stub.duplicate() for _ in range(sharers - 1)]
    stats = check_stats(main)
    assert stats.sharing_ratio == sharers
    assert stats.stack_count == 1
    assert stats.stack_bytes_expanded == sharers * stats.stack_bytes
    assert {t.saved_bytes for t in (stub, *twins)} == {stats.stack_bytes}


def test_a_duplicate_costs_no_stack_bytes(main):
    stub = main.stub()
    before = main.stats()
    twin = stub.duplicate()
    cost = main.stats() - before
    assert (cost.n_active, cost.n_total, cost.blocks_allocated) == (1, 1, 1)
    assert cost.stack_bytes == cost.stack_count == cost.stack_chunk_count == 0
    assert cost.stack_bytes_expanded == cost.stack_bytes_naive == stub.saved_bytes
    assert twin.status is Status.STUB


def test_duplicates_of_duplicates_share_the_same_stack(main):
    t = main.stub()
    twins = [t := t.duplicate() for _ in range(5)]
    stub_stats = check_stats(main)
    assert stub_stats.stack_count == 1
    # The first stub was dropped when the variable was assigned its duplicate.
    assert stub_stats.sharing_ratio == len(twins)


def test_each_runs_a_function_of_its_own(main):
    stub = main.stub()
    twins = [stub.duplicate() for _ in range(10)]
    for n, twin in enumerate(twins):
        assert twin.run(lambda n: main.switch(n) + n, n) == n
    for n, twin in enumerate(twins):
        assert twin.switch(100) == 100 + n
    assert stub.run(lambda: "the first of them") == "the first of them"
    assert main.stats().n_active == 1


def test_the_ratio_falls_as_they_start_to_run(main):
    stub = main.stub()
    twins = [stub.duplicate() for _ in range(9)]
    ratios = [check_stats(main).sharing_ratio]
    for twin in twins:
        twin.run(lambda: main.switch())
        ratios.append(check_stats(main).sharing_ratio)
    assert ratios[0] == 10
    assert ratios == sorted(set(ratios), reverse=True)
    assert ratios[-1] == 1


def test_a_stack_is_freed_with_its_last_owner(main):
    begun = current_figures(main.stats())
    stub = main.stub()
    twins = [stub, *(stub.duplicate() for _ in range(3))]
    size = stub.saved_bytes
    del stub
    while twins:
        assert check_stats(main).stack_bytes == size
        twins.pop().close()
    assert current_figures(main.stats()) == begun


def test_a_stack_is_freed_with_its_last_owner_that_runs(main):
    begun = current_figures(main.stats())
    stub = main.stub()
    twins = [stub, *(stub.duplicate() for _ in range(3))]
    del stub
    while twins:
        assert check_stats(main).stack_count == 1
        twins.pop().run(int)
    assert current_figures(main.stats()) == begun


def test_run_from_elsewhere_than_where_it_was_captured(main):
    def deep(n, call):
        return list(map(lambda _: deep(n - 1, call), [0]))[0] if n else call()

    stub = deep(10, main.stub)
    twins = [stub.duplicate() for _ in range(6)]
    for n, twin in enumerate(twins):
        assert deep(3 * n, lambda: twin.run(lambda: main.switch(n))) == n
        check_stats(main)
    inside = main.tealet(lambda: stub.run(lambda: "run inside another"))
    assert inside.switch() == "run inside another"
    # The stub's parent is main, so its result arrived there, and not in `inside`.
    assert inside.status is Status.SUSPENDED
    inside.close()
    for n, twin in enumerate(twins):
        assert deep(n, lambda: twin.switch("result")) == "result"


def test_a_stub_captured_inside_a_tealet(main):
    def run():
        stub = main.stub()
        twins = [stub.duplicate() for _ in range(3)]
        return [t.run(lambda: len(twins)) for t in (stub, *twins)]

    t = main.tealet(run)
    assert t.switch() == [3] * 4


def test_a_stub_outlives_the_tealet_that_it_was_captured_in(main):
    t = main.tealet(main.stub)
    stub = t.switch()
    assert t.status is Status.EXITED
    assert stub.status is Status.STUB
    assert stub.parent is main
    twin = stub.duplicate()
    assert [twin.run(int), stub.run(str)] == [0, ""]
