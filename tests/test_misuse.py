"""Misuse raises a clear exception, and leaves every tealet as it was."""

import contextlib
import functools
import sys
import types

import pytest

from conftest import check_stats
from tealetpp import (
    DefunctError,
    InvalidError,
    Main,
    Status,
    Tealet,
    TealetError,
    TealetExit,
    ThreadError,
)


def echo(main):
    while True:
        main.switch()


@pytest.fixture
def cast(main):
    """One tealet in every status but defunct."""
    new, paused, ended = main.tealet(echo), main.tealet(echo), main.tealet(int)
    paused.switch(main)
    ended.switch()
    return {"new": new, "stub": main.stub(), "paused": paused, "ended": ended}


@pytest.fixture
def refused(main, cast):
    """Asserts that a call raises, and changes nothing."""

    def look():
        everybody = [main, *cast.values()]
        return main.stats(), [(t.status, t.parent, t.extent, t.saved_bytes) for t in everybody]

    def refuse(error, call, *args, match=None, **kwargs):
        before = look()
        with pytest.raises(error, match=match) as caught:
            call(*args, **kwargs)
        assert caught.type is error
        assert look() == before
        assert main.current is main
        check_stats(main)

    return refuse


def test_the_exceptions_are_as_documented():
    assert issubclass(InvalidError, TealetError) and issubclass(InvalidError, ValueError)
    assert issubclass(DefunctError, TealetError) and issubclass(ThreadError, TealetError)
    assert issubclass(TealetError, Exception)
    assert issubclass(TealetExit, BaseException) and not issubclass(TealetExit, Exception)


@pytest.mark.rule("misuse-status")
def test_an_ended_tealet(cast, refused):
    ended = cast["ended"]
    refused(InvalidError, ended.switch, match="has ended")
    refused(InvalidError, ended.run, print, match="has ended")
    refused(InvalidError, ended.throw, KeyError(), match="has ended")
    refused(InvalidError, ended.duplicate, match="has ended")
    refused(InvalidError, setattr, ended, "parent", cast["new"], match="has ended")


@pytest.mark.rule("misuse-status")
def test_a_closed_tealet(main, cast, refused):
    for t in list(cast.values()):
        t.close()
        refused(InvalidError, t.switch, match="has ended")
        refused(InvalidError, t.run, print, match="has ended")


@pytest.mark.rule("misuse-status")
def test_running_one_twice(cast, refused):
    refused(InvalidError, cast["paused"].run, print, match="begun already")


def test_running_one_that_has_a_function(cast, refused):
    refused(InvalidError, cast["new"].run, print, match="has a function already")


def test_running_main(main, refused):
    refused(InvalidError, main.run, print)


def test_beginning_one_without_a_function(main, cast, refused):
    cast["no function"] = main.tealet()
    refused(InvalidError, cast["no function"].switch, match="no function")
    refused(InvalidError, cast["stub"].switch, match="no function")


@pytest.mark.rule("misuse-status")
def test_duplicating_what_is_not_a_stub(main, cast, refused):
    refused(InvalidError, cast["paused"].duplicate, match="Python frames")
    refused(InvalidError, main.duplicate, match="Python frames")
    refused(InvalidError, cast["new"].duplicate, match="only a stub")


@pytest.mark.rule("misuse-status")
def test_more_than_one_value_to_a_paused_tealet(main, cast, refused):
    refused(InvalidError, cast["paused"].switch, 1, 2, match="one value")
    refused(InvalidError, cast["paused"].switch, value=1, match="one value")
    refused(InvalidError, cast["paused"].switch, 1, value=2, match="one value")
    refused(InvalidError, main.switch, 1, 2, match="one value")


@pytest.mark.rule("misuse-status")
def test_keyword_arguments_for_a_paused_tealet(main, cast, refused):
    for args in ((), (1,)):
        refused(
            InvalidError, cast["paused"].switch, *args, a=1, b=2, match="keyword arguments .* a, b"
        )
    refused(InvalidError, main.switch, value=1, match="keyword arguments .* value")


@pytest.mark.rule("misuse-status")
def test_a_parent_cycle(main, cast, refused):
    refused(InvalidError, setattr, cast["new"], "parent", cast["new"], match="descends")
    refused(InvalidError, setattr, main, "parent", cast["new"])


@pytest.mark.rule("misuse-callable")
@pytest.mark.parametrize("wrong", [1, "print", object(), []])
def test_a_run_that_is_not_callable(main, cast, refused, wrong):
    cast["no function"] = main.tealet()
    refused(TypeError, main.tealet, wrong)
    refused(TypeError, main.tealet, run=wrong)
    refused(TypeError, cast["no function"].run, wrong)
    refused(TypeError, cast["stub"].run, wrong)
    assert cast["stub"].run(int) == cast["no function"].run(int) == 0


def generator():
    yield


@types.coroutine
def old_coroutine():
    yield


async def coroutine():
    pass


async def async_generator():
    yield


class Calls:
    """Methods and __call__() that run nothing when they are called."""

    def __call__(self):
        yield

    def generator(self):
        yield

    @classmethod
    async def coroutine(cls):
        pass


RUN_NOTHING = [
    (generator, "generator"),
    (lambda: (yield), "generator"),
    (Calls(), "generator"),
    (Calls().generator, "generator"),
    (functools.partial(Calls().generator), "generator"),
    (functools.partial(functools.partial(Calls(), 1), 2), "generator"),
    (coroutine, "coroutine"),
    (old_coroutine, "coroutine"),
    (Calls.coroutine, "coroutine"),
    (functools.partial(coroutine), "coroutine"),
    (async_generator, "asynchronous generator"),
    (functools.partial(async_generator), "asynchronous generator"),
]


@pytest.mark.rule("misuse-generator")
@pytest.mark.parametrize(("wrong", "kind"), RUN_NOTHING)
def test_a_run_that_runs_nothing(main, cast, refused, wrong, kind):
    cast["no function"] = main.tealet()
    says = rf"is an? {kind} function: calling it runs nothing\. Pass a function that"
    refused(TypeError, main.tealet, wrong, match=says)
    refused(TypeError, main.tealet, run=wrong, match=says)
    refused(TypeError, cast["no function"].run, wrong, match=says)
    refused(TypeError, cast["stub"].run, wrong, match=says)


class CallsItself:
    pass


CallsItself.__call__ = CallsItself()


def test_runs_that_may_run_something(main):
    """What is not known to run nothing is accepted."""
    with contextlib.closing(main.tealet(contextlib.contextmanager(generator))) as t:
        assert isinstance(t.switch(), contextlib.AbstractContextManager)
    assert main.tealet(Calls).switch().__class__ is Calls
    assert list(main.tealet(functools.partial(map, str)).switch([1])) == ["1"]
    assert main.tealet(functools.partial(int, "7", base=8)).switch() == 7
    with pytest.raises(RecursionError):
        main.tealet(CallsItself()).switch()


class Collects(functools.partial):
    def __call__(self, *arguments):
        return list(super().__call__(*arguments))


def test_a_partial_with_a_call_of_its_own(main):
    assert main.tealet(Collects(generator)).switch() == list(generator())


class AsksAndFails(type):
    def __getattribute__(cls, name):
        if name == "__call__":
            raise KeyboardInterrupt
        return super().__getattribute__(name)


class Asked(metaclass=AsksAndFails):
    def __call__(self):
        return "called"


def test_the_look_at_a_run_asks_no_python_code(main):
    assert main.tealet(Asked()).switch() == "called"


def test_run_without_a_function(main, cast, refused):
    refused(TypeError, cast["stub"].run)
    refused(TypeError, cast["stub"].run, None)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((print, print), {}),
        ((print,), {"run": print}),
        ((), {"function": print}),
        ((), {"parents": None}),
        ((print, None), {}),
    ],
)
def test_wrong_arguments_for_a_new_tealet(main, refused, args, kwargs):
    refused(TypeError, main.tealet, *args, **kwargs)


def test_wrong_argument_counts(main, cast, refused):
    t = cast["paused"]
    for call in (t.duplicate, t.close, main.stub, main.stats, main.trim, main.reset_peak_stats):
        refused(TypeError, call, 1)
        refused(TypeError, call, wrong=1)
    refused(TypeError, t.throw)
    refused(TypeError, t.throw, KeyError, "arguments")


def test_attributes_cannot_be_set_or_deleted(main, cast, refused):
    for name in ("status", "main", "saved_bytes", "extent", "function", "frame"):
        refused(AttributeError, setattr, cast["new"], name, 1)
        refused(AttributeError, delattr, cast["new"], name)
    for name in ("current", "previous"):
        refused(AttributeError, setattr, main, name, main)
    refused(AttributeError, delattr, cast["new"], "anything")
    refused(TypeError, delattr, cast["new"], "__dict__")
    refused(TypeError, setattr, cast["new"], "__dict__", None)
    refused(TypeError, setattr, cast["new"], "name", 1)


# --- objects that were never initialised ---

HOW_TEALETS_ARE_MADE = r"use Main\.tealet\(\) or Main\.stub\(\)"


@pytest.mark.rule("misuse-construct")
def test_a_tealet_cannot_be_constructed():
    for arguments in ((), (print,)):
        with pytest.raises(TypeError, match=HOW_TEALETS_ARE_MADE):
            Tealet(*arguments)


@pytest.mark.parametrize("kind", [Tealet, Main])
def test_one_without_init_is_ended(kind):
    t = kind.__new__(kind)
    assert t.status is Status.EXITED
    assert (t.saved_bytes, t.extent, t.parent, t.main) == (0, 0, None, None)
    assert not t
    assert "exited" in repr(t)
    assert t.close() is None
    for call in (t.switch, t.duplicate, lambda: t.run(int), lambda: t.throw(KeyError)):
        with pytest.raises(TypeError, match="never initialised"):
            call()
    with t:
        pass


def test_a_main_without_init_makes_nothing(main):
    bare = Main.__new__(Main)
    for call in (bare.tealet, bare.stub):
        with pytest.raises(TypeError, match="never initialised"):
            call()
    assert bare.current is bare.previous is None
    assert bare.stats().n_active == bare.trim() == 0
    bare.reset_peak_stats()
    for parent in (bare, Tealet.__new__(Tealet)):
        with pytest.raises(InvalidError):
            main.tealet(parent=parent)
        with pytest.raises(InvalidError):
            main.tealet().parent = parent
    with pytest.raises(TypeError):
        bare.parent = main


def test_a_subclass_of_tealet_cannot_be_constructed():
    class Mine(Tealet):
        pass

    class WithInit(Tealet):
        def __init__(self):
            pass

    for kind in (Mine, WithInit):
        with pytest.raises(TypeError, match=f"^{kind.__name__} .* {HOW_TEALETS_ARE_MADE}"):
            kind()


def test_unbound_methods_check_what_they_are_called_on(main):
    for method in (Tealet.switch, Tealet.close, Main.tealet, Main.stats):
        with pytest.raises(TypeError):
            method(object())
    with pytest.raises(TypeError):
        Main.tealet(main.tealet())


# --- Main itself ---


def test_main_initialised_twice(main, refused):
    refused(InvalidError, main.__init__, match="already")


def test_a_subclass_of_main():
    class Mine(Main):
        def __init__(self, extra, **kwargs):
            super().__init__(**kwargs)
            self.extra = extra

    with Mine("extra", memory_limit=10**6) as main:
        assert main.extra == "extra"
        assert main.tealet(lambda: main.current.main).switch() is main
        assert "Mine" in repr(main)
    assert not main


def test_a_subclass_of_main_that_forgets_to_initialise():
    class Mine(Main):
        def __init__(self):
            pass

    with pytest.raises(TypeError, match="__init__"):
        Mine()


@pytest.mark.parametrize("args", [(1,), (None,), (1, 2)])
def test_main_takes_no_positional_arguments(args):
    with pytest.raises(TypeError):
        Main(*args)


def test_main_takes_no_other_keywords():
    with pytest.raises(TypeError):
        Main(limit=3)


@pytest.mark.parametrize(
    ("limit", "error"),
    [
        (-1, ValueError),
        (-(10**6), ValueError),
        ("1000", TypeError),
        (1000.0, TypeError),
        ([], TypeError),
        (sys.maxsize + 1, OverflowError),
        (-(10**30), OverflowError),
        (0, MemoryError),
        (1, MemoryError),
        (False, MemoryError),
    ],
)
def test_wrong_memory_limits(limit, error):
    with pytest.raises(error):
        Main(memory_limit=limit)


@pytest.mark.parametrize("limit", [-1, -(10**30), 10**30])
def test_a_memory_limit_out_of_range_is_named_with_the_range(limit):
    with pytest.raises(
        (ValueError, OverflowError), match=f"from 0 to {sys.maxsize} bytes, not {limit}$"
    ):
        Main(memory_limit=limit)


def test_large_memory_limits_are_fine():
    for limit in (None, 10**6, sys.maxsize):
        with Main(memory_limit=limit) as main:
            assert main.tealet(int).switch() == 0


def test_use_after_close():
    main = Main()
    new, stub, paused = main.tealet(echo), main.stub(), main.tealet(echo)
    paused.switch(main)
    main.close()
    calls = [main.tealet, main.stub, main.switch, main.duplicate, lambda: main.throw(KeyError)]
    for t in (new, stub, paused):
        assert t.status is Status.EXITED
        calls += [t.switch, t.duplicate, lambda t=t: t.run(int), lambda t=t: t.throw(KeyError)]
    for call in calls:
        with pytest.raises(InvalidError):
            call()
    assert main.close() is None
    assert new.close() is stub.close() is paused.close() is None
    assert new.main is main and new.parent is None


@pytest.mark.rule("misuse-domain")
def test_a_with_statement_of_a_closed_domain():
    with Main() as main:
        pass
    with pytest.raises(InvalidError, match=r"domain of .* is closed"), main:
        pytest.fail("entered")
