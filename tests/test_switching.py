"""Values that travel with switches."""

import sys

import pytest

from tealetpp import Status


def test_the_first_switch_begins_the_function_with_any_arguments(main):
    t = main.tealet(lambda *args, **kwargs: (args, kwargs))
    assert t.switch(1, 2, three=3) == ((1, 2), {"three": 3})


def test_without_arguments(main):
    assert main.tealet(lambda *args: args).switch() == ()


def test_later_switches_hand_over_one_value(main):
    def echo(value):
        while True:
            value = main.switch(value)

    t = main.tealet(echo)
    for value in (1, None, "two", (), [3], {}):
        assert t.switch(value) is value


def test_without_a_value_none_is_handed_over(main):
    t = main.tealet(lambda: main.switch() is None)
    assert t.switch() is None
    assert t.switch() is True


def test_the_result_arrives_in_the_parent(main):
    t = main.tealet(lambda: "result")
    assert t.switch() == "result"
    assert t.status is Status.EXITED


def test_run_begins_a_new_tealet_with_a_function(main):
    t = main.tealet()
    assert t.run(lambda *args, **kwargs: (args, kwargs), 1, two=2) == ((1,), {"two": 2})


def test_switching_to_the_running_tealet_returns_the_value_at_once(main):
    assert main.switch("here") == "here"
    assert main.switch() is None
    t = main.tealet(lambda: t.switch("there"))
    assert t.switch() == "there"


@pytest.mark.parametrize(
    ("function", "arguments", "result"),
    [
        (len, ([1, 2, 3],), 3),
        (int, ("7",), 7),
        ("a-b".split, ("-",), ["a", "b"]),
        (dict, (), {}),
    ],
)
def test_any_callable_can_be_run(main, function, arguments, result):
    assert main.tealet(function).switch(*arguments) == result
    assert main.tealet().run(function, *arguments) == result
    assert main.stub().run(function, *arguments) == result


def test_a_bound_method_and_a_callable_object(main):
    class Thing:
        def method(self, x, *, y):
            return self, main.switch(x), y

        __call__ = method

    thing = Thing()
    for function in (thing, thing.method):
        t = main.tealet(function)
        assert t.switch(1, y=3) == 1
        assert t.switch(2) == (thing, 2, 3)


def test_arguments_that_the_function_does_not_take_raise_in_the_parent(main):
    t = main.tealet(lambda: None)
    with pytest.raises(TypeError):
        t.switch(1)
    assert t.status is Status.EXITED


def test_tealets_switch_to_each_other_sideways(main):
    log = []

    def first():
        log.append(b.switch("begin b"))
        log.append(b.switch("to b"))
        return "first ended"

    def second(value):
        log.append(value)
        log.append(a.switch("to a"))
        return main.switch("from b")

    a, b = main.tealet(first), main.tealet(second)
    assert a.switch() == "from b"
    assert log == ["begin b", "to a", "to b"]
    assert b.switch("result of b") == "result of b"
    assert a.switch("last") == "first ended"


def test_nested_calls_pause_in_the_middle(main):
    def inner(x):
        return main.switch(x) + 1

    def run():
        return [n for n in map(inner, range(3))] + sorted([3, 2], key=inner)

    t = main.tealet(run)
    assert [t.switch() if n == 0 else t.switch(n) for n in range(5)] == [0, 1, 2, 3, 2]
    assert t.switch(0) == [2, 3, 4, 2, 3]


def test_a_chain_of_tealets_each_beginning_the_next(main):
    def link(n):
        if n == 0:
            return main.switch("all begun")
        return main.tealet(link).switch(n - 1) + 1

    t = main.tealet(link)
    assert t.switch(100) == "all begun"
    assert main.stats().n_active == 102
    # The innermost one is paused: it was the last that switched.
    assert main.previous.switch(0) == 100


def test_a_ring(main):
    rounds = 50

    def member(n):
        count = 0
        while count < rounds:
            ring[(n + 1) % len(ring)].switch((n + 1) % len(ring))
            count += 1
        return "done"

    ring = [main.tealet(member) for _ in range(20)]
    ring[0].switch(0)
    assert [t for t in ring if t.status is Status.EXITED]


def test_recursion_that_visits_every_level_of_a_tree(main):
    def walk(tree):
        if isinstance(tree, int):
            main.switch(tree)
        else:
            for branch in tree:
                walk(branch)

    t = main.tealet(walk)
    leaves = [t.switch([1, [2, [3, 4], 5], [[[6]]]])]
    while t:
        leaves.append(t.switch())
    assert leaves == [1, 2, 3, 4, 5, 6, None]


def test_ten_thousand_alive_at_once(main):
    def run(n):
        total = n
        while True:
            total += main.switch(total)

    ts = [main.tealet(run) for _ in range(10_000)]
    assert [t.switch(n) for n, t in enumerate(ts)] == [*range(10_000)]
    assert main.stats().n_active == 10_001
    assert [t.switch(1) for t in reversed(ts)] == [*range(10_000, 0, -1)]
    ts.clear()
    assert main.stats().n_active == 1


def test_a_hundred_thousand_switches(main):
    def echo(value):
        while True:
            value = main.switch(value)

    t = main.tealet(echo)
    t.switch(0)
    for n in range(100_000):
        assert t.switch(n) == n


def test_a_tealet_that_outlives_the_function_that_created_it(main):
    def create():
        local = "kept"

        def run():
            return main.switch(local) + local

        t = main.tealet(run)
        t.switch()
        return t

    assert create().switch("value ") == "value kept"


def test_a_warm_call_of_main_switch_leaves_fewer_frames_on_the_stack(main):
    def pause():
        main.switch()

    tealets = [main.tealet(pause) for _ in range(100)]
    for tealet in tealets:
        tealet.switch()
    fewer = tealets[0].saved_bytes - tealets[-1].saved_bytes
    # In a release build of 3.14 the cold call has no frame in between either.
    assert fewer >= 0 if sys.version_info[:2] == (3, 14) else fewer > 0
    for tealet in tealets:
        tealet.switch()
