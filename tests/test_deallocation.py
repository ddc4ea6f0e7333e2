"""Deeply nested deallocation, which CPython defers, with switches in the middle."""

import gc


class Pauses:
    """Switches when it is deleted, and records that the switch returned."""

    def __init__(self, main, log):
        self.main, self.log = main, log

    def __del__(self):
        self.log.append("going")
        self.main.switch("in __del__")
        self.log.append("gone")


def nested(depth, innermost):
    chain = [innermost]
    for _ in range(depth):
        chain = [chain, None]
    return chain


def test_a_tealet_pauses_deep_inside_a_deallocation(main):
    log = []

    def run(depth):
        chain = nested(depth, Pauses(main, log))
        del chain
        return "end"

    ts = [main.tealet(run) for _ in range(5)]
    for depth, t in zip((0, 10, 45, 60, 500), ts, strict=True):
        assert t.switch(depth) == "in __del__"
        # Objects that are freed meanwhile are freed at once.
        freed = []
        witness = nested(200, Freed(freed))
        del witness
        assert freed == [True]
    assert log == ["going"] * 5
    assert [t.switch() for t in ts] == ["end"] * 5
    assert log == ["going"] * 5 + ["gone"] * 5


class Freed:
    def __init__(self, log):
        self.log = log

    def __del__(self):
        self.log.append(True)


def test_many_pause_at_increasing_depths_of_deallocation(main):
    """With one depth for all tealets, it would add up, and objects would be freed too late."""

    def run(n):
        chain = nested(20, Pauses(main, []))
        del chain

    ts = [main.tealet(run) for _ in range(20)]
    for t in ts:
        t.switch(0)
        freed = []
        witness = nested(30, Freed(freed))
        del witness
        assert freed == [True]
    for t in ts:
        t.switch()
    freed = []
    witness = nested(30, Freed(freed))
    del witness
    assert freed == [True]


def test_a_tealet_dies_with_a_deep_structure_that_only_it_holds(main):
    def run(depth):
        kept = nested(depth, Freed(freed))
        main.switch()
        return kept

    freed = []
    ts = [main.tealet(run) for _ in range(3)]
    for depth, t in zip((10, 1000, 100_000), ts, strict=True):
        t.switch(depth)
    ts.clear()
    del t
    assert freed == [True] * 3


def test_deep_structures_that_hold_paused_tealets(main):
    log = []

    def run():
        try:
            main.switch()
        finally:
            log.append("unwound")

    def paused():
        t = main.tealet(run)
        t.switch()
        return t

    for depth in (1, 40, 60, 1000):
        chain = nested(depth, paused())
        del chain
    assert log == ["unwound"] * 4
    chain = nested(100, paused())
    chain.append(chain)
    del chain
    gc.collect()
    assert log == ["unwound"] * 5
    assert main.stats().n_active == 1


def test_a_chain_of_tealets_each_held_by_the_next(main):
    def hold(held):
        main.switch()
        return held

    t = None
    for _ in range(300):
        outer = main.tealet(hold)
        outer.switch(t)
        t = outer
        del outer
    assert main.stats().n_active == 301
    del t
    assert main.stats().n_active == 1
