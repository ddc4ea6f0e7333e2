"""Checks of Python's tealets that C++ code of another module switches in the middle of its work."""

import gc

import walks

import tealetpp

DEPTH = 3
LEAVES = list(range(2**DEPTH))


def raised(error, call, *args):
    """The message of the exception that a call raises."""
    try:
        call(*args)
    except error as caught:
        return str(caught)
    raise AssertionError("no exception")


def paused(main, run=walks.hand_over_leaves):
    """A tealet that is in the middle of a walk, at its leaf 2."""
    tealet = main.tealet(run)
    assert [tealet.switch(DEPTH), tealet.switch(0), tealet.switch(0)] == [0, 1, 2]
    assert tealet.status is tealetpp.Status.SUSPENDED
    return tealet


def rest_of(tealet):
    """Answer 10 at each leaf that is left. Return these leaves and the tealet's result."""
    seen = []
    while tealet:
        seen.append(tealet.switch(10))
    return seen[:-1], seen[-1]


def check_walks_that_take_turns():
    """Another tealet goes first at every step, so each is restored where another one was."""
    with tealetpp.Main() as main:
        tealets = [main.tealet(walks.hand_over_leaves) for _ in range(5)]
        assert [tealet.switch(DEPTH) for tealet in tealets] == [0] * 5
        assert walks.open_walks() == 5
        for leaf in LEAVES[1:]:
            tealets = tealets[2:] + tealets[:2]
            assert [tealet.switch(leaf) for tealet in tealets] == [leaf] * 5
            gc.collect()
        assert [tealet.switch(0) for tealet in tealets] == [sum(LEAVES)] * 5
        assert walks.open_walks() == 0


def check_python_frames_on_both_sides():
    with tealetpp.Main() as main:

        def run(depth):
            return walks.call(lambda: ["sum", walks.hand_over_leaves(depth)])

        assert rest_of(paused(main, run)) == (LEAVES[3:], ["sum", 60])


def check_the_statistics_of_pythons_tealets():
    with tealetpp.Main() as main:

        def compare():
            stats = main.stats()
            figures = walks.python_stats(main)
            # The twelve of C, and the cached bytes: the first ones of the table.
            assert list(figures) == list(walks.Walk(0).stats())[:13]
            assert figures == {name: getattr(stats, name) for name in figures}
            return figures

        tealets = [paused(main) for _ in range(3)]
        figures = compare()
        from_inside = main.tealet(compare).switch()
        if main.stats().enabled:
            assert (figures["n_active"], figures["stack_count"]) == (4, 3)
            assert (from_inside["n_active"], from_inside["stack_count"]) == (5, 3)
            assert figures["stack_bytes"] > 0
        for tealet in tealets:
            tealet.close()
        assert compare()["stack_bytes"] == 0
    assert compare()["bytes_allocated"] == 0
    assert "PyTealet_GetStats() needs a" in raised(TypeError, walks.python_stats, tealets[0])


def check_destructors_run_however_it_ends():
    with tealetpp.Main() as main:
        tealets = [paused(main) for _ in range(6)]
        assert walks.open_walks() == 6
        assert rest_of(tealets.pop()) == (LEAVES[3:], 60)
        assert walks.open_walks() == 5
        tealets.pop().close()
        assert walks.open_walks() == 4
        del tealets[0]
        assert walks.open_walks() == 3
        assert raised(KeyError, tealets.pop().throw, KeyError("thrown")) == "'thrown'"
        assert walks.open_walks() == 2
        # A C++ exception arrives in the parent, too, as a Python exception.
        assert "bad_cast" in raised(RuntimeError, tealets.pop().switch, "no number")
        assert walks.open_walks() == 1
        assert tealets[0].status is tealetpp.Status.SUSPENDED
    assert walks.open_walks() == 0
    assert tealets[0].status is tealetpp.Status.EXITED


def check_nobody_to_hand_over_to():
    assert "PyTealet_Parent() needs a" in raised(TypeError, walks.hand_over_leaves, DEPTH)
    with tealetpp.Main():
        assert "PyTealet_Switch() needs a" in raised(TypeError, walks.hand_over_leaves, DEPTH)
    assert walks.open_walks() == 0


def check_inside_a_cpp_tealet():
    """The C++ tealet moves with the Python tealet that it runs in, and is unwound with it."""
    with tealetpp.Main() as main:

        def run(depth):
            return walks.call_in_tealet(lambda: walks.hand_over_leaves(depth))

        tealets = [paused(main, run) for _ in range(4)]
        tealets.pop().close()
        del tealets[0]
        assert walks.open_walks() == 2
        assert raised(KeyError, tealets.pop().throw, KeyError("thrown")) == "'thrown'"
        assert rest_of(tealets.pop()) == (LEAVES[3:], 60)
        assert walks.open_walks() == 0


def check_beside_cpp_tealets():
    """Each takes leaves from a walk of its own and from one that all share, in C++ tealets."""
    with tealetpp.Main() as main:
        shared = walks.Walk(DEPTH)

        def run():
            return [(leaf, next(shared), walks.hand_over_leaves(1)) for leaf in walks.Walk(2)]

        tealets = [main.tealet(run) for _ in range(2)]
        assert [tealet.switch() for tealet in tealets] == [0, 0]
        for _ in range(3):
            assert [tealet.switch(10) for tealet in tealets] == [1, 1]
            assert [tealet.switch(1) for tealet in tealets] == [0, 0]
        assert [tealet.switch(10) for tealet in tealets] == [1, 1]
        assert [tealet.switch(1) for tealet in tealets] == [
            [(leaf, 2 * leaf + i, 11) for leaf in range(4)] for i in range(2)
        ]


def check_all_nested():
    """A Python tealet runs a C++ tealet, which runs a Python domain and a walk in turns."""
    with tealetpp.Main() as outer:

        def inside():
            with tealetpp.Main() as inner:
                walk = walks.Walk(DEPTH)
                tealets = [inner.tealet(walks.hand_over_leaves) for _ in range(3)]
                rounds = [[tealet.switch(DEPTH) for tealet in tealets]]
                for leaf in walk:
                    rounds.append([tealet.switch(leaf) for tealet in tealets])
                    walks.call(outer.switch)
                return rounds

        expected = [[leaf] * 3 for leaf in [*LEAVES, sum(LEAVES)]]
        tealets = [outer.tealet(lambda: walks.call_in_tealet(inside)) for _ in range(3)]
        for _ in LEAVES:
            for tealet in tealets:
                assert tealet.switch() is None
        assert [tealet.switch() for tealet in tealets] == [expected] * 3

        # Closed from outside, all that is nested in it is unwound.
        tealet = outer.tealet(lambda: walks.call_in_tealet(inside))
        tealet.switch()
        assert walks.open_walks() == 4
        tealet.close()
        gc.collect()
        assert walks.open_walks() == 0
