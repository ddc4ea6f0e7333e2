"""What single tealets take: Tealet.stats(), Main.survey(), the sizes of objects and the rates."""

import copy
import functools
import json
import operator
import pickle
import statistics
import sys
import threading
import types
import unittest.mock

import pytest

import tealetpp
from conftest import check_costs, check_stats
from tealetpp import InvalidError, Main, Survey, TealetStats, _costs

HISTORY = ("extent_max", "switches", "stack_grows", "age")

with Main() as _main:
    COUNTING = _main.stats().enabled

SHARED_CHUNK = 16 * 1024 + 48  # its block, with its header
# Since CPython 3.14 an execution may own compiled code.
NODE = 136 if sys.version_info < (3, 14) else 144

needs_figures = pytest.mark.skipif(not COUNTING, reason="statistics are compiled out")


def pauses(main):
    return main.switch("paused")


def deeper(main, depth):
    if depth:
        return deeper(main, depth - 1)
    return main.switch("paused")


def check(main, tealets):
    """The figures of a domain that has these tealets."""
    check_stats(main)
    assert set(check_costs(main)) == set(tealets) == set(main.tealets()) - {main}
    return main.survey()


@pytest.mark.rule("cost-sum")
@needs_figures
def test_the_cost_of_a_tealet_from_its_beginning_to_its_end(main):
    tealet = main.tealet(pauses)
    new = tealet.stats()
    assert new.extent == new.saved_bytes == new.chunk_count == new.sharers == 0
    assert new.data_stack_bytes == new.python_depth == 0
    assert new.bytes_alone == NODE
    assert new.object_bytes == sys.getsizeof(tealet)
    assert new.total == new.bytes_alone + new.object_bytes

    tealet.switch(main)
    paused = tealet.stats()
    assert paused.saved_bytes == tealet.saved_bytes > 0
    assert paused.extent == tealet.extent
    assert paused.chunk_count == paused.sharers == paused.python_depth == 1
    survey = check(main, [tealet])
    assert 0 < paused.data_stack_bytes < 300
    assert survey.domain_bytes == NODE + SHARED_CHUNK
    assert paused.bytes_alone == main.stats().bytes_allocated - survey.domain_bytes

    tealet.switch()
    ended = tealet.stats()
    assert ended.bytes_alone == ended.saved_bytes == ended.python_depth == 0
    assert ended.object_bytes == sys.getsizeof(tealet)
    check(main, [])


@pytest.mark.rule("cost-sum")
@needs_figures
@pytest.mark.parametrize("depth", [0, 1, 5, 40, 200])
def test_costs_have_frames_however_deep(main, depth):
    tealets = [main.tealet(functools.partial(deeper, main)) for _ in range(3)]
    for number, tealet in enumerate(tealets):
        tealet.switch(depth * number)
    assert [tealet.stats().python_depth for tealet in tealets] == [1, depth + 1, 2 * depth + 1]
    data_stacks = sum(tealet.stats().data_stack_bytes for tealet in tealets)
    shared = main.stats().data_stack_bytes - data_stacks
    assert shared > 0
    assert shared % SHARED_CHUNK == 0
    assert check(main, tealets).domain_bytes == NODE + shared


@pytest.mark.rule("cost-sum")
@needs_figures
def test_costs_with_shared_stacks(main):
    stubs = [main.stub()]
    stubs += [stubs[0].duplicate() for _ in range(6)]
    survey = check(main, stubs)
    assert stubs[0].stats().sharers == 7
    assert sum(survey.chunk_sizes.values()) == 1
    stubs[0].run(pauses, main)
    assert stubs[1].stats().sharers == 6
    check(main, stubs)


@pytest.mark.rule("cost-sum")
@needs_figures
def test_costs_seen_from_a_tealet_in_the_middle(main):
    def measures():
        seen.append(check(main, tealets))
        seen.append(tealets[1].stats())
        deeper_seen(10)

    def deeper_seen(depth):
        if depth:
            deeper_seen(depth - 1)
        else:
            seen.append(tealets[1].stats())

    seen = []
    tealets = [main.tealet(pauses), main.tealet(measures), main.tealet(pauses)]
    tealets[0].switch(main)
    tealets[1].switch()
    survey, shallow, deep = seen
    assert survey.count == 3
    assert shallow.saved_bytes == shallow.sharers == 0
    assert shallow.extent > 0
    assert deep.extent > 0
    assert shallow.python_depth == 1
    assert deep.python_depth == 12
    assert deep.data_stack_bytes == shallow.data_stack_bytes == 0  # it never paused


@pytest.mark.rule("cost-sum")
@needs_figures
def test_costs_with_domains_inside_tealets(main):
    inner_tealets = []

    def outer_body():
        with Main() as inner:

            def inner_body():
                check(inner, inner_tealets)
                check(main, tealets)
                assert inner_tealets[0].stats().python_depth == 1
                assert tealets[0].stats().python_depth == 1
                main.switch("out")  # with a domain that is in use inside
                check(inner, inner_tealets)
                check(main, tealets)
                deeper(inner, 20)

            inner_tealets.append(inner.tealet(inner_body))
            inner_tealets.append(inner.tealet(pauses))
            inner_tealets[1].switch(inner)
            inner_tealets[0].switch()
            check(inner, inner_tealets)
            check(main, tealets)
            main.switch("again")
            check(inner, inner_tealets)

    tealets = [main.tealet(outer_body), main.tealet(pauses)]
    tealets[1].switch(main)
    assert tealets[0].switch() == "out"
    paused = tealets[0].stats()
    assert paused.python_depth == 1
    assert paused.data_stack_bytes > 0
    check(main, tealets)
    assert tealets[0].switch() == "again"
    check(main, tealets)
    tealets[0].switch()
    check(main, tealets[1:])


@pytest.mark.rule("cost-sum")
@needs_figures
def test_costs_asked_for_on_another_thread(main):
    seen = []
    tealet = main.tealet(pauses)
    tealet.switch(main)
    thread = threading.Thread(target=lambda: seen.extend([tealet.stats(), main.survey()]))
    thread.start()
    thread.join()
    assert seen[0] == tealet.stats()
    assert seen[1].cost == main.survey().cost


@pytest.mark.rule("cost-history")
@needs_figures
def test_a_history_only_of_tracked_tealets():
    with Main(track=True) as main:
        first = main.tealet(functools.partial(deeper, main))
        assert first.stats().switches == 0
        first.switch(30)
        deep = first.extent
        second = main.tealet(pauses)
        stats = first.stats()
        assert stats.extent_max == deep
        assert stats.switches == 1
        assert stats.age == 1
        assert second.stats().age == 0
        assert second.stats().bytes_alone == NODE + 32
        check(main, [first, second])
    with Main() as main:
        tealet = main.tealet(pauses)
        assert all(getattr(tealet.stats(), name) is None for name in HISTORY)


@pytest.mark.rule("cost-history")
@needs_figures
def test_a_history_remembers_the_deepest_pause():
    def body():
        for depth in (3, 50, 1):
            nested(depth)

    def nested(depth):
        # Through C, so that the C stack is deeper too.
        return max(map(nested, [depth - 1])) if depth else main.switch() or 0

    with Main(track=True) as main:
        tealet = main.tealet(body)
        extents = []
        for switches in range(1, 4):
            tealet.switch()
            stats = tealet.stats()
            extents.append(stats.extent)
            assert stats.switches == switches
            assert stats.extent_max == max(extents)
        assert extents[1] > extents[0] > extents[2]


def test_track_is_a_flag():
    with pytest.raises(TypeError):
        Main(True)
    with Main(track=False) as main:
        assert main.tealet(int).stats().age is None


@needs_figures
def test_figures_of_a_tealet_are_immutable_and_have_forms(main):
    tealet = main.tealet(pauses)
    tealet.switch(main)
    stats = tealet.stats()
    with pytest.raises(AttributeError):
        stats.extent = 1
    assert isinstance(stats, TealetStats)
    assert stats == tealet.stats() == copy.deepcopy(stats) == pickle.loads(pickle.dumps(stats))
    assert json.loads(stats.to_json()) == stats.to_dict()
    assert stats.to_dict()["total"] == stats.total
    text = str(stats)
    for figure in _costs.FIGURES:
        assert figure.label in text
        assert getattr(TealetStats, figure.name).__doc__ == figure.meaning
    assert "not tracked" in text
    assert f"{stats.total:,} bytes" in text


def test_without_statistics_all_is_zero(main):
    tealet = main.tealet(pauses)
    tealet.switch(main)
    if COUNTING:
        assert any(tealet.stats()[:8])
        assert main.survey().count == 1
    else:
        assert not any(tealet.stats())
        assert main.survey().count == main.survey().cost.total == 0


# --- the survey ---


@pytest.mark.rule("cost-survey")
@needs_figures
def test_survey_of_nothing(main):
    survey = main.survey()
    assert survey.count == survey.cost.maximum == survey.depth.mean == 0
    assert survey.depths == survey.chunk_sizes == {}
    assert survey.largest == survey.by_function == ()
    assert survey.domain_bytes == main.stats().bytes_allocated
    assert "tealets, main not counted" in str(survey)


@pytest.mark.rule("cost-survey")
@needs_figures
def test_survey_has_sums_and_ranks(main):
    tealets = [main.tealet(functools.partial(deeper, main)) for _ in range(101)]
    for number, tealet in enumerate(tealets):
        tealet.switch(number * 7 % 101)
    survey = check(main, tealets)
    every = [tealet.stats() for tealet in tealets]
    for found, values in (
        (survey.depth, sorted(stats.extent for stats in every)),
        (survey.cost, sorted(stats.bytes_alone for stats in every)),
    ):
        assert found.minimum == values[0]
        assert found.median == statistics.median_low(values)
        assert found.percentile_99 == values[99]
        assert found.maximum == values[-1]
        assert found.total == sum(values)
        assert found.mean == pytest.approx(statistics.mean(values))
    counted = {}
    for stats in every:
        least = 1 << (stats.extent.bit_length() - 1)
        counted[least] = counted.get(least, 0) + 1
    assert survey.depths == counted
    page = 4096
    assert survey.touched_stack_bytes == sum(-(-s.extent // page) * page + page for s in every)


@pytest.mark.rule("cost-survey")
@needs_figures
def test_survey_lists_the_largest(main):
    tealets = [main.tealet(functools.partial(deeper, main)) for _ in range(5)]
    for number, tealet in enumerate(tealets):
        tealet.switch(number * 10)
    assert [tealet for tealet, _ in main.survey(largest=2).largest] == [tealets[4], tealets[3]]
    survey = main.survey()
    assert [tealet for tealet, _ in survey.largest] == tealets[::-1]
    assert all(tealet.stats() == stats for tealet, stats in survey.largest)
    assert main.survey(0).largest == ()


@pytest.mark.rule("cost-survey")
@needs_figures
def test_survey_groups_by_function(main):
    class Machine:
        def method(self):
            main.switch()

        def __call__(self):
            main.switch()

    machine = Machine()
    bodies = [machine.method, machine.method, Machine(), Machine(), Machine(), main.switch]
    bodies += [functools.partial(pauses, main), functools.partial(functools.partial(pauses), main)]
    tealets = [main.tealet(body) for body in bodies]
    for tealet in tealets:
        tealet.switch()
    tealets += [main.stub(), main.tealet()]
    survey = check(main, tealets)
    counts = {group.function: group.count for group in survey.by_function}
    here = f"{__name__}.test_survey_groups_by_function.<locals>.Machine"
    assert counts[f"{here}.method"] == 2
    assert counts[here] == 3
    assert counts[f"{__name__}.pauses"] == 2
    assert counts[None] == 2
    assert sum(counts.values()) == len(tealets)
    assert sum(group.cost.total for group in survey.by_function) == survey.cost.total
    totals = [group.cost.total for group in survey.by_function]
    assert totals == sorted(totals, reverse=True)


class Machine:
    def __init__(self, *_):
        pass


class Meta(type):
    def __call__(cls):
        pass


class Made(metaclass=Meta):
    pass


class MadeToo(metaclass=Meta):
    pass


class ItsOwnFunc:
    def __init__(self):
        self.func = self

    def __call__(self):
        pass


class FailsToBeNamed:
    def __call__(self):
        pass

    def __getattribute__(self, name):
        raise ZeroDivisionError


def without_module():
    pass


without_module.__module__ = None


@pytest.mark.rule("cost-survey")
@needs_figures
@pytest.mark.parametrize(
    ("bodies", "groups"),
    [
        ([Machine, int], {f"{__name__}.Machine": 1, "builtins.int": 1}),
        ([Made, MadeToo], {f"{__name__}.Made": 1, f"{__name__}.MadeToo": 1}),
        (
            [functools.partial(print), functools.partial(len, ""), functools.partial(Machine)],
            {"builtins.print": 1, "builtins.len": 1, f"{__name__}.Machine": 1},
        ),
        ([str.upper, str.lower], {"str.upper": 1, "str.lower": 1}),
        ([[].append, [].append, {}.update], {"list.append": 2, "dict.update": 1}),
        (
            [functools.lru_cache(pauses), functools.lru_cache(deeper)],
            {f"{__name__}.pauses": 1, f"{__name__}.deeper": 1},
        ),
        ([operator.itemgetter(1), operator.itemgetter(2)], {"operator.itemgetter": 2}),
        ([types.MethodType(print, 1), print], {"builtins.print": 2}),
        ([unittest.mock.Mock()], {"unittest.mock.Mock": 1}),
        ([ItsOwnFunc()], {f"{__name__}.ItsOwnFunc": 1}),
        ([FailsToBeNamed()], {f"{__name__}.FailsToBeNamed": 1}),
        ([without_module], {"without_module": 1}),
    ],
)
def test_survey_tells_callables_apart(main, bodies, groups):
    tealets = [main.tealet(body) for body in bodies]
    survey = main.survey()
    assert {group.function: group.count for group in survey.by_function} == groups
    assert len(tealets) == survey.count


@pytest.mark.rule("cost-survey")
@needs_figures
@pytest.mark.parametrize(
    ("base", "attribute"), [(functools.partial, "func"), (staticmethod, "__func__")]
)
def test_survey_runs_no_code_of_a_callable(main, base, attribute):
    def changes_the_tree(self):
        while tealets:
            tealets.pop().close()

    callable_type = type("Callable", (base,), {attribute: property(changes_the_tree)})
    tealets = []
    tealets += [main.tealet(callable_type(print)) for _ in range(20)]
    assert main.survey().count == len(tealets) == 20
    assert tealets[0].name is not None


@needs_figures
def test_survey_while_objects_wait_for_their_deallocation(main):
    class Later(tealetpp.Tealet):
        pass  # CPython delays the deallocation of objects of such a class if it nests deep

    class Surveys:
        def __del__(self):
            survey = main.survey(largest=1000)
            assert len(survey.largest) == len(main.tealets()) - 1
            seen.append(survey.count - len(survey.largest))

    seen = []
    chain = None
    for _ in range(400):
        tealet = main.tealet()
        tealet.__class__ = Later
        tealet.chain = [Surveys(), chain]
        chain = tealet
    del tealet, chain
    assert len(seen) == 400
    assert main.survey().count == 0


@needs_figures
def test_survey_shows_each_name_on_one_short_line(main):
    tealets = [main.tealet(pauses, name=name) for name in ("a\nb", "\udc80", "x" * 10**6)]
    text = str(main.survey())
    assert "'a\\nb'" in text
    assert "'\\udc80'" in text
    assert max(map(len, text.splitlines())) < 200
    assert [tealet.name for tealet in tealets][0] == "a\nb"


@needs_figures
def test_survey_has_forms(main):
    tealets = [main.tealet(pauses) for _ in range(3)]
    for tealet in tealets:
        tealet.switch(main)
    survey = main.survey()
    assert isinstance(survey, Survey)
    assert json.loads(survey.to_json()) == survey.to_dict()
    assert set(survey.to_dict()) == {
        *("count", "depth", "cost", "depths", "chunk_sizes", "touched_stack_bytes"),
        *("domain_bytes", "by_function", "largest"),
    }
    text = str(survey)
    assert f"{__name__}.pauses" in text
    assert f"{survey.cost.total:,}" in text
    assert repr(survey) == f"<Survey of 3 tealets, {survey.cost.total} bytes>"


def test_survey_refuses_bad_numbers(main):
    with pytest.raises(ValueError, match="cannot be negative: -1"):
        main.survey(-1)
    with pytest.raises(TypeError):
        main.survey("many")
    with pytest.raises(TypeError):
        main.survey(1, 2)
    assert main.survey(2**100).largest == ()


def test_survey_of_a_closed_domain():
    with Main() as main:
        tealet = main.tealet(pauses)
        tealet.switch(main)
    survey = main.survey()
    assert survey.count == survey.domain_bytes == 0
    assert tealet.stats().bytes_alone == 0


def test_survey_while_garbage_is_collected_all_the_time(main, eager_gc):
    tealets = [main.tealet(functools.partial(deeper, main)) for _ in range(20)]
    for number, tealet in enumerate(tealets):
        tealet.switch(number)
    for _ in range(20):
        survey = main.survey(largest=20)
        assert survey.count == (20 if COUNTING else 0)
        for tealet, stats in survey.largest:
            assert tealet.stats() == stats


def test_survey_keeps_the_largest_alive(main):
    tealet = main.tealet(pauses)
    tealet.switch(main)
    survey = main.survey()
    del tealet
    assert main.stats().n_active == (2 if COUNTING else 0)
    del survey
    assert main.stats().n_active == (1 if COUNTING else 0)


def test_what_was_never_initialised():
    with pytest.raises(TypeError, match="never initialised"):
        Main.__new__(Main).survey()
    assert Main.__new__(Main).saved_bytes == 0
    with Main() as main:
        ended = main.tealet(int)
        ended.switch()
        assert ended.stats().bytes_alone == 0
        with pytest.raises(InvalidError):
            ended.switch()


# --- objects and rates ---


@needs_figures
def test_sizes_of_objects_are_those_of_getsizeof(main):
    class Larger(tealetpp.Main):
        __slots__ = ("more",)

    alone = main.stats().object_bytes
    assert alone == sys.getsizeof(main)
    tealets = [main.tealet(pauses) for _ in range(10)]
    assert main.stats().object_bytes == alone + sum(map(sys.getsizeof, tealets))
    for tealet in tealets:
        tealet.switch(main)
        tealet.switch()
    assert main.stats().object_bytes == alone + sum(map(sys.getsizeof, tealets))
    del tealet, tealets
    assert main.stats().object_bytes == alone
    with Larger() as larger:
        assert larger.stats().object_bytes == sys.getsizeof(larger)


@needs_figures
def test_rates_are_changes_for_each_second(main):
    tealet = main.tealet(lambda: [main.switch() for _ in range(100)])
    earlier = main.stats()
    for _ in range(10):
        tealet.switch()
    later = main.stats()
    difference = later - earlier
    assert difference.seconds == later.seconds - earlier.seconds > 0
    rates = difference.per_second
    assert rates["switches"] == difference.switches / difference.seconds == 20 / difference.seconds
    for name in ("bytes_saved_total", "bytes_restored_total", "stack_grows", "data_stack_grows"):
        assert rates[name] == getattr(difference, name) / difference.seconds
    assert set(rates) <= set(difference.to_dict())
    nothing = (later - later).per_second
    assert all(rate != rate for rate in nothing.values())
    assert f"{rates['switches']:+,.0f}/s" in str(difference)
    assert pickle.loads(pickle.dumps(difference)).per_second == rates


@needs_figures
def test_the_time_does_not_count_when_snapshots_are_compared(main):
    one, other = main.stats(), main.stats()
    assert one.seconds < other.seconds
    assert one == other
