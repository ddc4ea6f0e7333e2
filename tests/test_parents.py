"""The parent of a tealet, which receives its result."""

import pytest

from tealetpp import InvalidError, Status, TealetExit


class Boom(Exception):
    pass


def test_the_creator_is_the_parent(main):
    def create():
        return main.tealet(print)

    t = main.tealet(create)
    assert t.parent is main
    child = t.switch()
    assert main.parent is None
    assert t.parent is None, "it has ended"
    assert child.parent is main, "the parent of its parent that has ended"


def test_the_result_goes_to_the_creator_whoever_switches(main):
    def create():
        children.append(main.tealet(lambda: "child's result"))
        return "parent got " + main.switch()

    children = []
    main.tealet(create).switch()
    assert children[0].switch() == "parent got child's result"


def test_a_parent_can_be_given(main):
    parent = main.tealet(lambda: "parent got " + main.switch())
    parent.switch()
    t = main.tealet(lambda: "result", parent=parent)
    assert t.parent is parent
    assert t.switch() == "parent got result"


def test_a_parent_can_be_set(main):
    parent = main.tealet(lambda: "parent got " + main.switch())
    parent.switch()
    t = main.tealet(lambda: "result")
    t.parent = parent
    assert t.parent is parent
    assert t.switch() == "parent got result"


def test_a_running_tealet_can_change_its_parent(main):
    def run():
        main.current.parent = parent
        return "result"

    parent = main.tealet(lambda: "parent got " + main.switch())
    parent.switch()
    assert main.tealet(run).switch() == "parent got result"


@pytest.mark.rule("misuse-uncaught")
def test_an_exception_goes_to_the_parent(main):
    def fail():
        raise Boom

    def catch():
        try:
            main.switch()
        except Boom:
            return "parent caught"

    parent = main.tealet(catch)
    parent.switch()
    assert main.tealet(fail, parent=parent).switch() == "parent caught"


@pytest.mark.rule("misuse-status")
def test_cycles_are_refused(main):
    a = main.tealet()
    b = main.tealet(parent=a)
    c = main.tealet(parent=b)
    for tealet, parent in [(a, a), (a, b), (a, c), (b, c)]:
        before = tealet.parent
        with pytest.raises(InvalidError, match="descends"):
            tealet.parent = parent
        assert tealet.parent is before
    c.parent = a
    b.parent = c
    assert b.parent is c and c.parent is a


def test_main_has_no_parent(main):
    t = main.tealet()
    for parent in (t, main):
        with pytest.raises(InvalidError):
            main.parent = parent
    assert main.parent is None


@pytest.mark.parametrize("wrong", [None, 1, "main", object()])
def test_what_is_not_a_tealet_is_refused(main, wrong):
    t = main.tealet()
    with pytest.raises(TypeError):
        t.parent = wrong
    if wrong is not None:
        with pytest.raises(TypeError):
            main.tealet(parent=wrong)
    with pytest.raises(TypeError, match="cannot be deleted"):
        del t.parent
    assert t.parent is main


def test_one_that_ended_and_a_stub_are_refused(main):
    ended = main.tealet(int)
    ended.switch()
    t = main.tealet()
    for parent in (ended, main.stub()):
        with pytest.raises(InvalidError):
            t.parent = parent
        with pytest.raises(InvalidError):
            main.tealet(parent=parent)
    assert t.parent is main


@pytest.mark.rule("ends-children")
def test_the_children_of_one_that_ends_go_to_its_parent(main):
    a = main.tealet(int)
    b = main.tealet(int, parent=a)
    c = main.tealet(lambda: "result", parent=b)
    b.close()
    assert c.parent is a
    a.close()
    assert c.parent is main
    assert c.switch() == "result"


@pytest.mark.rule("ends-unbegun")
def test_a_parent_that_has_not_begun_begins_with_the_result(main):
    parent = main.tealet(lambda result: ("parent began with", result))
    child = main.tealet(lambda: "result", parent=parent)
    assert child.switch() == ("parent began with", "result")
    assert parent.status is Status.EXITED


def test_a_chain_of_parents_that_have_not_begun(main):
    t = main.tealet(lambda n: n + 1)
    for _ in range(100):
        t = main.tealet(lambda n: n + 1, parent=t)
    assert t.switch(0) == 101
    assert main.stats().n_active == 1


@pytest.mark.rule("ends-unbegun")
def test_a_parent_that_has_not_begun_ends_with_the_exception_and_passes_it_on(main):
    def fail():
        raise Boom

    began = []
    grandparent = main.tealet(began.append)
    parent = main.tealet(began.append, parent=grandparent)
    child = main.tealet(fail, parent=parent)
    with pytest.raises(Boom):
        child.switch()
    assert grandparent.status is parent.status is Status.EXITED
    assert not began


def test_a_parent_that_has_not_begun_and_has_no_function(main):
    parent = main.tealet()
    child = main.tealet(lambda: "lost", parent=parent)
    with pytest.raises(InvalidError, match="no function"):
        child.switch()
    assert parent.status is Status.EXITED


@pytest.mark.rule("closing-parent")
def test_the_end_of_one_that_is_closed_goes_to_who_closes_it(main):
    log = []

    def wait():
        log.append(main.switch())

    parent = main.tealet(wait)
    parent.switch()
    t = main.tealet(lambda: main.switch(), parent=parent)
    t.switch()
    t.close()
    assert log == []
    assert parent.status is Status.SUSPENDED


@pytest.mark.rule("misuse-uncaught")
def test_tealet_exit_out_of_the_function_delivers_none(main):
    def leave():
        raise TealetExit("value")

    def wait():
        return "parent got", main.switch()

    parent = main.tealet(wait)
    parent.switch()
    assert main.tealet(leave, parent=parent).switch() == ("parent got", None)
