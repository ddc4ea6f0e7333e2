"""Names and functions of tealets."""

import functools
import re

import pytest

from tealetpp import Main, Status


def countdown():
    pass


class Job:
    def run(self):
        pass

    @staticmethod
    def prepare():
        pass

    @classmethod
    def make(cls):
        pass


class Callable:
    def __call__(self):
        pass

    def __repr__(self):
        return "<a callable>"


@pytest.mark.rule("seeing-name")
@pytest.mark.parametrize(
    "function, name",
    [
        (countdown, "countdown"),
        (Job().run, "Job.run"),
        (Job.prepare, "Job.prepare"),
        (Job.make, "Job.make"),
        (Job, "Job"),
        (functools.partial(countdown), "countdown"),
        (functools.partial(functools.partial(Job().run)), "Job.run"),
        (len, "len"),
        ([].append, "list.append"),
        (Callable(), "<a callable>"),
        (functools.partial(Callable()), "<a callable>"),
    ],
    ids=repr,
)
def test_the_default_is_the_qualified_name(main, function, name):
    t = main.tealet(function)
    assert t.name == name
    assert t.function is function
    assert f" {name!r} new at 0x" in repr(t)


def test_a_qualified_name_that_is_no_str(main):
    call = Callable()
    call.__qualname__ = 7
    assert main.tealet(call).name == "<a callable>"


def test_a_cycle_of_partials(main):
    first = functools.partial(countdown)
    second = functools.partial(Job.make, first)
    first.__setstate__((second, (), {}, {}))
    second.__setstate__((first, (), {}, {}))
    assert "..." in main.tealet(first).name


@pytest.mark.rule("seeing-name")
def test_a_name_at_creation(main):
    t = main.tealet(countdown, name="worker 1")
    assert t.name == "worker 1"
    assert main.tealet(name="waits").name == "waits"
    assert main.tealet(countdown, name=None).name == "countdown"
    assert main.tealet(name="", run=countdown).name == ""


@pytest.mark.rule("seeing-name")
def test_a_name_can_be_set_and_deleted(main):
    t = main.tealet(countdown)
    t.name = "mine"
    assert t.name == "mine"
    assert " 'mine' new at " in repr(t)
    t.name = "another\nname"
    assert r" 'another\nname' new at " in repr(t)
    del t.name
    assert t.name == "countdown"
    del t.name
    assert t.name == "countdown"


def test_any_tealet_can_be_named(main):
    assert main.name == "main"
    main.name = "server"
    assert main.name == "server"
    assert " 'server' running at " in repr(main)
    del main.name
    assert main.name == "main"
    for t in (main.stub(), main.tealet()):
        assert t.name is None
        t.name = "stub"
        assert t.name == "stub"


@pytest.mark.rule("seeing-name")
def test_a_given_name_stays_after_the_end(main):
    t = main.tealet(lambda: None, name="first")
    other = main.tealet(lambda: None)
    t.switch()
    other.switch()
    assert t.status is other.status is Status.EXITED
    assert t.name == "first"
    assert re.fullmatch(r"<tealetpp\.Tealet 'first' exited at 0x[0-9a-f]+>", repr(t))
    assert other.name is None, "it has no function any more"
    assert re.fullmatch(r"<tealetpp\.Tealet exited at 0x[0-9a-f]+>", repr(other))
    other.name = "late"
    assert other.name == "late"


def test_a_stub_keeps_its_name_and_its_duplicates_have_none(main):
    stub = main.stub()
    stub.name = "stub"
    duplicate = stub.duplicate()
    assert duplicate.name is None
    stub.run(lambda: main.switch())
    assert stub.name == "stub"
    duplicate.run(countdown_and_pause := (lambda: main.switch()))
    assert duplicate.name == countdown_and_pause.__qualname__


@pytest.mark.rule("seeing-name")
@pytest.mark.parametrize("wrong", [1, b"name", None, ["name"]])
def test_a_name_must_be_a_str(main, wrong):
    t = main.tealet(countdown, name="name")
    with pytest.raises(TypeError, match="a name must be a str, not "):
        t.name = wrong
    assert t.name == "name"
    if wrong is not None:
        before = main.stats().n_total
        with pytest.raises(TypeError, match="a name must be a str, not "):
            main.tealet(countdown, name=wrong)
        assert main.stats().n_total == before


def test_a_str_of_a_subclass_is_stored_as_a_str(main):
    class Loud(str):
        def __repr__(self):
            raise AssertionError

        __str__ = __hash__ = __repr__

    t = main.tealet(countdown, name=Loud("loud"))
    assert type(t.name) is str
    assert t.name == "loud"
    assert "'loud'" in repr(t)
    t.name = Loud("louder")
    assert type(t.name) is str
    assert t.name == "louder"


def test_a_domain_that_is_closed_keeps_names():
    with Main() as main:
        main.name = "server"
        t = main.tealet(countdown, name="worker")
    assert (main.name, t.name) == ("server", "worker")
    t.name = main.name = "closed"
    assert (main.name, t.name) == ("closed", "closed")


def test_a_main_that_was_never_initialised():
    main = Main.__new__(Main)
    assert main.name == "main"
    assert main.function is None
    main.name = "mine"
    assert main.name == "mine"


# --- function ---


@pytest.mark.rule("seeing-function")
def test_the_function_through_a_life(main):
    def run():
        main.switch(t.function)

    t = main.tealet(run)
    assert t.function is run
    assert t.switch() is run
    assert t.function is run
    t.switch()
    assert t.function is None
    assert main.function is None


@pytest.mark.rule("seeing-function")
def test_the_function_of_one_that_begins_with_run(main):
    def run():
        main.switch()

    for t in (main.stub(), main.tealet()):
        assert t.function is None
        t.run(run)
        assert t.function is run
        t.close()
        assert t.function is None


def test_the_function_cannot_be_set(main):
    t = main.tealet(countdown)
    with pytest.raises(AttributeError):
        t.function = print
    with pytest.raises(AttributeError):
        del t.function


def test_error_messages_have_the_name(main):
    t = main.tealet(countdown, name="job 7")
    t.close()
    with pytest.raises(ValueError, match=r"<tealetpp\.Tealet 'job 7' exited at \w+> has ended"):
        t.switch()


def test_a_name_that_ends_the_tealet(main):
    """The name of a callable may run any code, while repr() looks at the tealet."""

    class Ends:
        def __call__(self):
            pass

        def __getattr__(self, name):
            t.close()
            raise AttributeError(name)

        def __repr__(self):
            return "ends"

    t = main.tealet(Ends())
    assert repr(t).startswith("<tealetpp.Tealet 'ends' exited at ")
    assert t.name is None
