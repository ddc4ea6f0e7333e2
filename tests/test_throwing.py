"""throw(): exceptions into tealets, in every status."""

import pytest

from tealetpp import Status, TealetExit


class Boom(Exception):
    pass


def test_it_is_raised_at_the_pause_point(main):
    def catch():
        try:
            main.switch()
        except Boom as boom:
            return "caught", str(boom)

    t = main.tealet(catch)
    t.switch()
    assert t.throw(Boom("here")) == ("caught", "here")


def test_a_class_is_instantiated(main):
    def catch():
        try:
            main.switch()
        except Boom as boom:
            return boom

    t = main.tealet(catch)
    t.switch()
    assert type(t.throw(Boom)) is Boom


def test_uncaught_it_arrives_in_the_parent(main):
    t = main.tealet(lambda: main.switch())
    t.switch()
    boom = Boom()
    with pytest.raises(Boom) as caught:
        t.throw(boom)
    assert caught.value is boom
    assert t.status is Status.EXITED


def test_the_traceback_shows_where_it_was_paused(main):
    def pauses_here():
        main.switch()

    t = main.tealet(lambda: pauses_here())
    t.switch()
    with pytest.raises(Boom) as caught:
        t.throw(Boom)
    assert "pauses_here" in [entry.name for entry in caught.traceback]


@pytest.mark.parametrize("create", ["new", "no function", "stub", "duplicate"])
def test_one_that_has_not_begun_ends_at_once(main, create):
    began = []
    if create == "new":
        t = main.tealet(began.append)
    elif create == "no function":
        t = main.tealet()
    else:
        t = main.stub()
        if create == "duplicate":
            t = t.duplicate()
    with pytest.raises(Boom):
        t.throw(Boom)
    assert not began
    assert t.status is Status.EXITED


def test_into_one_that_has_not_begun_it_arrives_in_the_parent(main):
    def catch():
        try:
            main.switch()
        except Boom:
            return "parent caught"

    parent = main.tealet(catch)
    child = main.tealet(print, parent=parent)
    parent.switch()
    assert child.throw(Boom) == "parent caught"


def test_into_itself(main):
    with pytest.raises(Boom):
        main.throw(Boom)
    t = main.tealet(lambda: t.throw(Boom))
    with pytest.raises(Boom):
        t.switch()


def test_into_main_from_a_tealet(main):
    t = main.tealet(lambda: main.throw(Boom("to main")))
    with pytest.raises(Boom, match="to main"):
        t.switch()
    assert t.status is Status.SUSPENDED
    t.close()


def test_tealet_exit_ends_it_normally(main):
    t = main.tealet(lambda: main.switch())
    t.switch()
    assert t.throw(TealetExit) is None
    assert t.status is Status.EXITED


def test_a_subclass_of_tealet_exit_is_a_normal_end_too(main):
    class Leave(TealetExit):
        pass

    def leave():
        raise Leave

    assert main.tealet(leave).switch() is None


@pytest.mark.rule("misuse-uncaught")
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration])
def test_every_other_exception_arrives_in_the_parent(main, error):
    def fail():
        raise error("out")

    with pytest.raises(error):
        main.tealet(fail).switch()


def test_context_and_cause_are_kept(main):
    def fail():
        try:
            raise KeyError("first")
        except KeyError as first:
            raise Boom from first

    with pytest.raises(Boom) as caught:
        main.tealet(fail).switch()
    assert isinstance(caught.value.__cause__, KeyError)


def test_what_is_not_an_exception_is_refused(main):
    t = main.tealet(lambda: main.switch())
    t.switch()
    for wrong in (1, int, "Boom", None):
        with pytest.raises(TypeError):
            t.throw(wrong)
    assert t.status is Status.SUSPENDED


def test_a_class_whose_constructor_fails(main):
    class Picky(Exception):
        def __init__(self, needed):
            pass

    t = main.tealet(lambda: main.switch())
    t.switch()
    with pytest.raises(TypeError):
        t.throw(Picky)
    assert t.status is Status.SUSPENDED


def test_what_is_thrown_has_the_exception_handled_at_the_pause_as_context(main):
    def handling():
        try:
            raise ValueError("handled")
        except ValueError:
            main.switch()

    t = main.tealet(handling)
    t.switch()
    with pytest.raises(KeyError) as caught:
        t.throw(KeyError("thrown"))
    assert isinstance(caught.value.__context__, ValueError)


def test_a_context_from_inside_the_tealet_stays(main):
    def failing():
        try:
            raise ValueError("first")
        except ValueError:
            raise KeyError("second")  # noqa: B904

    t = main.tealet(failing)
    try:
        raise OSError("handled outside")
    except OSError:
        with pytest.raises(KeyError) as caught:
            t.switch()
    assert isinstance(caught.value.__context__, ValueError)
