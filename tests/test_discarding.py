"""Tealets that are discarded without unwinding: defunct ones, and those that refuse to end."""

import gc
import sys
import weakref

import pytest

from census import census
from conftest import check_stats, current_figures
from tealetpp import DefunctError, InvalidError, Main, Status, TealetError, TealetExit

frames_are_leaked = pytest.mark.leaves_behind(
    "a defunct tealet cannot unwind, so what its frames refer to is leaked"
)


def deep(n, call):
    return list(map(lambda _: deep(n - 1, call), [0]))[0] if n else call()


@pytest.fixture
def defunct():
    """A tealet that became defunct: it was in the way of one that ended without memory."""
    with Main(memory_limit=30_000) as main:

        def end_with_no_memory_left():
            fill = []
            try:
                while True:
                    fill.append(main.tealet())
            except MemoryError:
                pass
            full.append(fill)
            return "ended"

        def give_way():
            frames.append(sys._getframe())
            local = "of the defunct one"
            last = main.tealet(end_with_no_memory_left, parent=main)
            deep(10, last.switch)
            return local

        full, frames = [], []
        t = main.tealet(give_way)
        assert t.switch() == "ended"
        full.clear()
        found = [main, t, frames]
        del t
        yield found


@pytest.mark.rule("switch-5")
@frames_are_leaked
def test_it_is_defunct_and_everybody_else_is_not(defunct):
    main, t, _ = defunct
    assert t.status is Status.DEFUNCT
    assert t
    assert "defunct" in repr(t)
    check_stats(main)
    assert main.tealet(int).switch() == 0


@pytest.mark.rule("misuse-defunct")
@frames_are_leaked
def test_it_cannot_be_used(defunct):
    main, t, _ = defunct
    calls = [t.switch, t.duplicate, lambda: t.run(int), lambda: t.throw(KeyError)]
    before = main.stats()
    for call in calls:
        with pytest.raises(DefunctError) as caught:
            call()
        assert repr(t) in str(caught.value)
    assert main.stats() == before
    assert t.status is Status.DEFUNCT


@frames_are_leaked
def test_it_can_be_closed(defunct):
    main, t, _ = defunct
    assert t.close() is None
    assert t.status is Status.EXITED
    assert main.stats().n_active == 1
    assert main.stats().stack_count == 0
    with pytest.raises(InvalidError):
        t.switch()


@frames_are_leaked
def test_it_can_be_dropped(defunct):
    main, t, _ = defunct
    dropped = weakref.ref(t)
    del defunct[1], t
    gc.collect()
    assert dropped() is None
    check_stats(main)


@frames_are_leaked
def test_its_children_are_delivered_to_its_parent(defunct):
    main, t, _ = defunct
    child = main.tealet(lambda: "to main", parent=main)
    t_child = main.tealet(lambda: child.switch())
    assert t_child.switch() == "to main"


@frames_are_leaked
def test_its_frames_can_still_be_looked_at(defunct):
    main, t, frames = defunct
    t.close()
    main.trim()
    # These would reuse its memory if that were free.
    others = [main.tealet(lambda: main.switch()) for _ in range(4)]
    for other in others:
        other.switch()
    assert frames[0].f_code.co_name == "give_way"
    assert frames[0].f_locals["local"] == "of the defunct one"
    assert frames[0].f_back is None
    assert others


def refuse(main, frames):
    local = "of the one that refused"
    frames.append(sys._getframe())
    while True:
        try:
            main.switch()
        except TealetExit:
            pass
    return local


@pytest.mark.rule("discard-frames")
@frames_are_leaked
def test_the_frames_of_one_that_refused_to_end_can_still_be_looked_at(unraisable):
    main = Main()
    frames = []
    ts = [main.tealet(lambda: deep(3, lambda: refuse(main, frames))) for _ in range(5)]
    for t in ts:
        t.switch()
    with pytest.raises(Exception, match="refuses"):
        main.close()
    assert main.stats().bytes_allocated == 0
    with Main() as another:
        others = [another.tealet(lambda: another.switch()) for _ in range(10)]
        for other in others:
            other.switch()
        for frame in frames:
            assert frame.f_locals["local"] == "of the one that refused"
            names = []
            while frame is not None:
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            assert names.count("deep") == 4


@pytest.mark.rule("stats-return")
def test_figures_return_after_one_that_refused(unraisable):
    with Main() as main:
        begun = current_figures(main.stats())
        t = main.tealet(refuse)
        t.switch(main, [])
        with pytest.raises(Exception, match="refuses"):
            t.close()
        assert t.status is Status.SUSPENDED
        with pytest.raises(KeyError):
            t.throw(KeyError)
        assert current_figures(main.stats()) == begun


def test_a_domain_that_goes_with_one_that_refused_while_something_waits_in_it():
    main, kept = Main(), []

    def run():
        inner = Main()
        t = inner.tealet(lambda: inner.switch())
        t.switch()
        kept[:] = [inner, t]
        del t
        refuse(main, [])

    outer = main.tealet(run)
    outer.switch()
    del kept[1]  # its domain cannot be used here
    with pytest.raises(Exception, match="refuses"):
        main.close()
    for call in (kept[0].tealet, kept[0].stub, kept[0].switch):
        with pytest.raises(InvalidError, match="closed"):
            call()


class Pauses:
    """Switches to the main tealet when it is deleted, and again when TealetExit is raised there."""

    def __init__(self, main):
        self.main = main

    def __del__(self):
        for _ in range(3):
            try:
                self.main.switch()
            except TealetExit:
                pass


def never_end(switch):
    while True:
        try:
            switch()
        except TealetExit:
            pass


def refuser(pauses_in, dropped_in):
    """A function that refuses to end. When its locals are dropped, that switches, too."""

    def refuse():
        local = Pauses(dropped_in)
        never_end(lambda: pauses_in.switch())
        return local

    return refuse


def close_with_refuser(domain, function):
    """Close `domain` with a tealet that refuses to end, so that it is discarded."""
    domain.tealet(function).switch()
    with pytest.raises(TealetError, match="refuses"):
        domain.close()


@pytest.mark.rule("discard-order")
@pytest.mark.leaves_behind("a discard on a stack that is itself discarded never ends")
def test_domains_are_freed_after_a_tealet_that_refused_while_it_discarded_another(unraisable):
    outer = Main()

    def discard_one():
        inner = Main()
        close_with_refuser(inner, refuser(pauses_in=inner, dropped_in=outer))

    close_with_refuser(outer, discard_one)

    def discard_a_nested_one():
        outer = Main()

        def host():
            with Main() as inner:
                inner.tealet(lambda: never_end(lambda: outer.switch())).switch()

        close_with_refuser(outer, host)

    def domains():
        # Tealets found by one collection end after it, and leave garbage for the next.
        for _ in range(3):
            gc.collect()
        return census()["domains"]

    before = domains()
    discard_a_nested_one()
    assert domains() == before


@pytest.mark.rule("discard-order")
@pytest.mark.leaves_behind("a discard on a stack that is itself discarded never ends")
def test_a_domain_that_was_being_discarded_on_a_stack_that_is_discarded(unraisable):
    outer = Main()
    before = census()

    def discard():
        middle = Main()

        def host():
            inner = Main()
            others = [inner.tealet(lambda: inner.switch()) for _ in range(3)]
            for other in others:
                other.switch()
            inner.tealet(refuser(pauses_in=middle, dropped_in=outer)).switch()

        close_with_refuser(middle, host)

    close_with_refuser(outer, discard)
    gc.collect()
    after = census()
    for name in ("blocks", "bytes", "open domains", "tealets"):
        assert after[name] <= before[name], name


@pytest.mark.rule("discard-order")
def test_a_tealet_that_was_discarded_with_a_domain_in_it_leaves_the_others_their_data_stack():
    unwound = []

    def refuses():
        inner = Main()
        inner.tealet(inner.switch).switch()
        never_end(lambda: main.switch())

    def ends(depth):
        try:
            return ends(depth - 1) if depth else main.switch()
        finally:
            unwound.append(depth)

    main = Main()
    before, host, after = main.tealet(ends), main.tealet(refuses), main.tealet(ends)
    before.switch(300)
    host.switch()
    after.switch(3)
    with pytest.raises(TealetError, match="refuses"):
        main.close()
    assert unwound == [*range(4), *range(301)]
    assert main.stats().bytes_allocated == 0
