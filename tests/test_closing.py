"""close(): in every status, in every order, from every place."""

import itertools

import pytest

from tealetpp import InvalidError, Main, Status, TealetError, TealetExit


class Boom(Exception):
    pass


def paused(main, log=None, name=None):
    def run():
        try:
            main.switch()
        finally:
            if log is not None:
                log.append(name)

    t = main.tealet(run)
    t.switch()
    return t


@pytest.mark.parametrize("status", ["NEW", "STUB", "SUSPENDED", "EXITED"])
def test_in_every_status_and_twice(main, status):
    t = {
        "NEW": lambda: main.tealet(print),
        "STUB": main.stub,
        "SUSPENDED": lambda: paused(main),
        "EXITED": lambda: main.tealet(int),
    }[status]()
    if status == "EXITED":
        t.switch()
    assert t.status is Status[status]
    assert t.close() is None
    assert t.status is Status.EXITED
    assert t.close() is None
    assert main.stats().n_active == 1


def test_the_running_tealet_ends_itself(main):
    def run():
        main.current.close()
        raise AssertionError("not reached")

    t = main.tealet(run)
    assert t.switch() is None
    assert t.status is Status.EXITED


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_in_every_order(main, order):
    log = []
    ts = [paused(main, log, n) for n in range(4)]
    for n in order:
        ts[n].close()
    assert log == list(order)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_parents_and_children_in_every_order(main, order):
    log, ts = [], []

    def run(n):
        try:
            if n < 2:
                t = main.tealet(run)
                ts.append(t)
                t.switch(n + 1)
            else:
                main.switch()
        finally:
            log.append(n)

    ts.append(main.tealet(run))
    ts[0].switch(0)
    for n in order:
        ts[n].close()
    assert log == list(order)
    assert main.stats().n_active == 1


@pytest.mark.rule("closing-parent")
def test_from_inside_another(main):
    log = []
    victim = paused(main, log, "victim")
    closer = main.tealet(lambda: victim.close() or "closed")
    assert closer.switch() == "closed"
    assert log == ["victim"]


def test_from_a_descendant(main):
    def descend(n):
        if n:
            return main.tealet(descend).switch(n - 1)
        top.close()
        assert top.status is Status.EXITED
        return "from below"

    top = main.tealet(descend)
    # The ancestor has ended, so the result of the descendant goes to its parent.
    assert top.switch(1) == "from below"
    assert main.stats().n_active == 1


@pytest.mark.rule("closing-order")
def test_main_closes_what_is_left_with_the_newest_first():
    log = []
    with Main() as main:
        ts = [paused(main, log, n) for n in range(5)]
    assert log == [4, 3, 2, 1, 0]
    assert all(t.status is Status.EXITED for t in ts)


@pytest.mark.rule("closing-order")
def test_main_closes_children_before_their_parents():
    log = []

    def run(name, generations):
        try:
            if generations:
                child = main.tealet(run)
                child.switch(f"{name}'s child", generations - 1)
            main.switch()
        finally:
            log.append(name)

    with Main() as main:
        ts = [main.tealet(run) for _ in range(2)]
        for t, name in zip(ts, "ab", strict=True):
            t.switch(name, 2)
    for name in "ab":
        family = [entry for entry in log if entry.startswith(name)]
        assert family == [f"{name}'s child's child", f"{name}'s child", name]


def test_a_context_manager_closes_its_tealet(main):
    with main.tealet(lambda: main.switch()) as t:
        t.switch()
        assert t.status is Status.SUSPENDED
    assert t.status is Status.EXITED


def test_a_context_manager_does_not_swallow_exceptions(main):
    with pytest.raises(Boom), main.tealet(lambda: main.switch()) as t:
        t.switch()
        raise Boom
    assert t.status is Status.EXITED
    with pytest.raises(Boom), Main():
        raise Boom


@pytest.mark.rule("closing-raise")
def test_what_else_leaves_the_function_is_raised(main):
    def run():
        try:
            main.switch()
        finally:
            raise Boom

    t = main.tealet(run)
    t.switch()
    with pytest.raises(Boom):
        t.close()
    assert t.status is Status.EXITED


def test_returning_instead_is_a_normal_end(main):
    def run():
        try:
            main.switch()
        except TealetExit:
            return "ignored"

    t = main.tealet(run)
    t.switch()
    assert t.close() is None
    assert t.status is Status.EXITED


@pytest.mark.rule("closing-refuse")
def test_refusing_to_end_is_an_error_and_it_goes_on(main):
    def run():
        try:
            main.switch()
        except TealetExit:
            main.switch("refused")
        return "ended later"

    t = main.tealet(run)
    t.switch()
    with pytest.raises(TealetError, match="refuses to end"):
        t.close()
    assert t.status is Status.SUSPENDED
    assert t.switch() == "ended later"


@pytest.mark.rule("closing-once")
def test_main_does_not_wait_for_one_that_refuses():
    def run():
        while True:
            try:
                main.switch()
            except TealetExit:
                pass

    main = Main()
    t = main.tealet(run)
    t.switch()
    other = paused(main)
    with pytest.raises(TealetError, match="refuses to end"):
        main.close()
    assert t.status is other.status is main.status is Status.EXITED


def test_main_raises_the_first_exception_and_reports_the_others(unraisable):
    def run(n):
        try:
            main.switch()
        finally:
            raise Boom(n)

    main = Main()
    ts = [main.tealet(run) for _ in range(3)]
    for n, t in enumerate(ts):
        t.switch(n)
    with pytest.raises(Boom) as caught:
        main.close()
    assert caught.value.args == (2,)
    assert unraisable == [(Boom, "1"), (Boom, "0")]


def test_unwinding_may_switch_to_others_as_long_as_it_ends(main):
    log = []

    def helper(value):
        while True:
            log.append(value)
            value = value_from.switch()

    def run():
        try:
            main.switch()
        finally:
            t.switch("unwinding")

    t = main.tealet(helper)
    value_from = main.tealet(run)
    value_from.switch()
    value_from.close()
    assert log == ["unwinding"]
    assert value_from.status is Status.EXITED


def test_unwinding_may_close_others(main):
    log = []
    victims = [paused(main, log, n) for n in range(3)]

    def run():
        try:
            main.switch()
        finally:
            for victim in victims:
                victim.close()
            log.append("closer")

    t = main.tealet(run)
    t.switch()
    t.close()
    assert log == [0, 1, 2, "closer"]


def test_two_that_close_each_other(main):
    log = []

    def run(n):
        try:
            main.switch()
        finally:
            log.append(n)
            ts[1 - n].close()

    ts = [main.tealet(run) for _ in range(2)]
    for n, t in enumerate(ts):
        t.switch(n)
    # The first waits for the second, which asks it to end again: that raises its TealetExit.
    ts[0].close()
    assert log == [0, 1]
    assert all(t.status is Status.EXITED for t in ts)


def test_main_cannot_be_closed_by_a_tealet(main):
    def run():
        with pytest.raises(InvalidError, match="main tealet only"):
            main.close()
        return "refused"

    assert main.tealet(run).switch() == "refused"
    assert main.status is Status.RUNNING


def test_nothing_can_be_made_while_main_closes():
    log = []
    with Main() as main:
        stub = main.stub()

        def run():
            try:
                main.switch()
            finally:
                for make in (main.tealet, main.stub):
                    with pytest.raises(InvalidError, match="being closed"):
                        make()
                with pytest.raises(InvalidError):
                    main.close()
                log.append("refused")

        t = main.tealet(run)
        t.switch()
    assert log == ["refused"]
    assert stub.status is Status.EXITED


def test_exceptions_that_unwind_deep_stacks(main):
    log = []

    def deep(n):
        try:
            if n == 0:
                main.switch()
            else:
                sorted([n], key=lambda n: deep(n - 1))
        finally:
            log.append(n)

    t = main.tealet(deep)
    t.switch(30)
    t.close()
    assert log == list(range(31))


@pytest.mark.parametrize("close", [True, False])
def test_a_long_chain_of_parents(close):
    main = Main()
    tealets = [main]
    for _ in range(300_000):
        tealets.append(main.tealet(int, parent=tealets[-1]))
    last = tealets[-1]
    del tealets[1:]
    if close:
        main.close()
        assert last.status is Status.EXITED
    else:
        del last
        assert main.stats().n_active == 1
        main.close()
