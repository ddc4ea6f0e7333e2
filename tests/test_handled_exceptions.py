"""Kept apart per tealet: the exception being handled."""

import sys
import traceback

import pytest


def handled():
    return sys.exc_info()[1]


def test_each_tealet_handles_its_own(main):
    def run(name):
        try:
            raise ValueError(name)
        except ValueError as error:
            for _ in range(3):
                main.switch()
                assert handled() is error
        assert handled() is None
        main.switch()
        assert handled() is None

    ts = [main.tealet(run) for _ in range(5)]
    try:
        raise KeyError("of main")
    except KeyError as error:
        for n, t in enumerate(ts):
            t.switch(str(n))
            assert handled() is error
        for _ in range(4):
            for t in ts:
                t.switch()
                assert handled() is error
    assert handled() is None


def test_a_tealet_begins_without_one(main):
    try:
        raise KeyError
    except KeyError:
        assert main.tealet(handled).switch() is None
        assert main.stub().run(handled) is None


def test_it_is_not_the_context_of_what_another_raises(main):
    def fail():
        raise ValueError("no context")

    try:
        raise KeyError
    except KeyError:
        with pytest.raises(ValueError) as caught:
            main.tealet(fail).switch()
    # Only the parent's except block gave it this context.
    assert "fail" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_raise_re_raises_after_switching(main):
    def run(name):
        try:
            raise ValueError(name)
        except ValueError:
            main.switch()
            raise

    ts = [main.tealet(run) for _ in range(3)]
    for n, t in enumerate(ts):
        t.switch(n)
    for n, t in reversed([*enumerate(ts)]):
        try:
            raise KeyError
        except KeyError:
            with pytest.raises(ValueError) as caught:
                t.switch()
            assert caught.value.args == (n,)


def test_nested_handlers(main):
    def run():
        try:
            raise ValueError("outer")
        except ValueError as outer:
            main.switch()
            try:
                raise KeyError("inner")
            except KeyError as inner:
                main.switch()
                assert handled() is inner
                assert inner.__context__ is outer
            main.switch()
            assert handled() is outer
        return handled()

    a, b = main.tealet(run), main.tealet(run)
    for _ in range(3):
        a.switch()
        b.switch()
    assert a.switch() is None
    assert b.switch() is None


def test_in_a_generator_inside_an_except_block(main):
    def generate():
        try:
            raise KeyError("generator's")
        except KeyError as error:
            main.switch()
            assert handled() is error
            yield
            main.switch()
            assert handled() is error
            yield

    def run():
        try:
            raise ValueError("consumer's")
        except ValueError as error:
            for _ in generate():
                assert handled() is error
                main.switch()
                assert handled() is error
            return handled() is error

    ts = [main.tealet(run) for _ in range(3)]
    for _ in range(4):
        for t in ts:
            t.switch()
    assert [t.switch() for t in ts] == [True] * 3


def test_an_exception_group_handler_pauses(main):
    def run():
        seen = []
        try:
            raise ExceptionGroup("group", [ValueError(1), KeyError(2)])
        except* ValueError as errors:
            seen.append(main.switch(errors.exceptions[0]))
        except* KeyError as errors:
            seen.append(main.switch(errors.exceptions[0]))
        return seen

    t = main.tealet(run)
    assert type(t.switch()) is ValueError
    assert type(t.switch("a")) is KeyError
    assert t.switch("b") == ["a", "b"]


def test_handled_exceptions_are_let_go(main):
    import weakref

    class Error(Exception):
        pass

    def run():
        try:
            raise Error
        except Error as error:
            main.switch(weakref.ref(error))

    t = main.tealet(run)
    ref = t.switch()
    assert isinstance(ref(), Error)
    t.switch()
    assert ref() is None
