"""Contexts of exceptions that close() raises, and groups of TealetExit."""

import contextlib

import pytest

from tealetpp import Main, TealetError, TealetExit


def chain(exception):
    """The chain of contexts. Fails if it is a cycle."""
    seen = []
    while exception is not None:
        assert not any(exception is one for one in seen)
        seen.append(exception)
        exception = exception.__context__
    return seen


def names(exception):
    return [type(one).__name__ for one in chain(exception)]


def fails_to_clean_up(switch):
    try:
        switch()
    finally:
        raise KeyError("clean-up failed")


def raises_anew(switch):
    """Raises an exception without a context."""
    with contextlib.suppress(TealetExit):
        switch()
    raise KeyError("clean-up failed")


@pytest.fixture(params=["with Main", "with tealet", "ExitStack", "close", "unwound by hand"])
def closing(request):
    """Runs `body` with a paused tealet, and closes that while handling an exception of `body`."""

    def run(function, body):
        if request.param == "with Main":
            with Main() as main:
                t = main.tealet(function)
                t.switch(main.switch)
                body()
        elif request.param == "with tealet":
            with Main() as main, main.tealet(function) as t:
                t.switch(main.switch)
                body()
        elif request.param == "ExitStack":
            with contextlib.ExitStack() as stack:
                main = stack.enter_context(Main())
                t = main.tealet(function)
                t.switch(main.switch)
                body()
        elif request.param == "close":
            main = Main()
            t = main.tealet(function)
            t.switch(main.switch)
            try:
                body()
            finally:
                main.close()
        else:
            main = Main()
            t = main.tealet(function)
            t.switch(main.switch)
            try:
                body()
            except BaseException as error:
                raised = error
            main.__exit__(type(raised), raised, raised.__traceback__)

    return run


def go_wrong():
    raise ValueError("what really went wrong")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (fails_to_clean_up, ["KeyError", "TealetExit", "ValueError"]),
        (raises_anew, ["KeyError", "ValueError"]),
    ],
)
def test_the_first_exception_is_the_context(closing, function, expected):
    with pytest.raises(KeyError) as caught:
        closing(function, go_wrong)
    assert names(caught.value) == expected


def test_the_first_exception_has_a_context_itself(closing):
    def body():
        try:
            raise OSError
        except OSError:
            go_wrong()

    with pytest.raises(KeyError) as caught:
        closing(fails_to_clean_up, body)
    assert names(caught.value) == ["KeyError", "TealetExit", "ValueError", "OSError"]


def test_several_fail(unraisable):
    with pytest.raises(KeyError) as caught, Main() as main:
        tealets = [main.tealet(fails_to_clean_up) for _ in range(3)]
        for t in tealets:
            t.switch(main.switch)
        go_wrong()
    assert names(caught.value) == ["KeyError", "TealetExit", "ValueError"]
    assert [kind for kind, _ in unraisable] == [KeyError, KeyError]


def test_several_nested_tealets_fail():
    with pytest.raises(KeyError) as caught, Main() as main:
        with main.tealet(fails_to_clean_up) as a:
            a.switch(main.switch)
            with main.tealet(fails_to_clean_up) as b:
                b.switch(main.switch)
                go_wrong()
    assert names(caught.value) == ["KeyError", "TealetExit"] * 2 + ["ValueError"]


def test_a_tealet_that_refuses():
    def refuses(switch):
        with contextlib.suppress(TealetExit):
            switch()
        switch()  # the next close() ends it

    main = Main()
    with pytest.raises(TealetError) as caught:
        with main.tealet(refuses) as t:
            t.switch(main.switch)
            go_wrong()
    assert names(caught.value) == ["TealetError", "ValueError"]
    main.close()


def test_the_tealet_raises_the_exception_of_the_body():
    """An exception is never its own context, directly or through its chain."""
    error = ValueError("the same")

    def run(switch):
        try:
            switch()
        finally:
            raise error

    with pytest.raises(ValueError, match="the same") as caught, Main() as main:
        t = main.tealet(run)
        t.switch(main.switch)
        raise error
    assert caught.value is error
    assert names(error) == ["ValueError", "TealetExit"]


def test_both_have_the_same_context():
    shared = OSError()

    def run(switch):
        try:
            raise shared
        except OSError:
            switch()

    with pytest.raises(KeyError) as caught, Main() as main:
        t = main.tealet(run)
        t.switch(main.switch)
        try:
            raise shared
        except OSError:
            try:
                raise ValueError
            except ValueError:
                t.throw(KeyError)
    assert names(caught.value) == ["KeyError", "ValueError", "OSError"]


def test_the_body_raises_during_the_handling_of_what_the_tealet_raises():
    error = KeyError()

    def run(switch):
        try:
            switch()
        finally:
            raise error

    with pytest.raises(KeyError) as caught, Main() as main:
        t = main.tealet(run)
        t.switch(main.switch)
        try:
            raise error
        except KeyError:
            raise ValueError  # noqa: B904
    assert caught.value is error
    assert names(error) == ["KeyError", "TealetExit", "ValueError"]


def test_a_chain_that_is_a_cycle_already():
    a, b = KeyError(), ValueError()

    def run(switch):
        try:
            switch()
        finally:
            a.__context__, b.__context__ = b, a
            raise a from None

    with pytest.raises(KeyError), Main() as main:
        t = main.tealet(run)
        t.switch(main.switch)
        raise OSError


def test_a_switch_that_raises_while_an_exception_is_handled(main):
    def run():
        try:
            raise OSError
        except OSError:
            raise KeyError  # noqa: B904

    with pytest.raises(KeyError) as caught:
        try:
            raise ValueError
        except ValueError:
            main.tealet(run).switch()
    assert names(caught.value) == ["KeyError", "OSError", "ValueError"]


# --- groups ---


def passes_except_star(switch):
    try:
        try:
            raise ExceptionGroup("g", [ValueError()])
        except* ValueError:
            switch()
    except* OSError:
        pass


def wraps(exception):
    def run(switch):
        try:
            switch()
        except TealetExit:
            raise exception() if callable(exception) else exception  # noqa: B904

    return run


def raises_group_in_star(switch):
    try:
        switch()
    except* TealetExit:
        raise


def group():
    return BaseExceptionGroup("", [TealetExit()])


def nested():
    return BaseExceptionGroup("a", [TealetExit(), BaseExceptionGroup("b", [TealetExit()])])


@pytest.mark.parametrize(
    "function",
    [
        passes_except_star,
        raises_group_in_star,
        wraps(group),
        wraps(nested),
    ],
    ids=["passes except*", "raised in except*", "group", "nested group"],
)
def test_a_group_of_exits_is_an_end(main, function):
    with main.tealet(function) as t:
        t.switch(main.switch)
        t.close()
        assert not t
    t = main.tealet(function)
    t.switch(main.switch)
    assert t.throw(TealetExit) is None


def test_what_else_is_in_the_group_is_raised(main):
    error = KeyError("clean-up failed")
    group = BaseExceptionGroup("both", [TealetExit(), BaseExceptionGroup("", [nested(), error])])
    t = main.tealet(wraps(group))
    t.switch(main.switch)
    with pytest.raises(ExceptionGroup, match="both") as caught:
        t.close()
    (inner,) = caught.value.exceptions
    assert inner.exceptions == (error,)
    assert names(caught.value) == ["ExceptionGroup", "TealetExit"]
    assert not t


def test_a_group_without_exits_is_the_same_object(main):
    group = BaseExceptionGroup("", [KeyError(), KeyboardInterrupt()])
    t = main.tealet(wraps(group))
    t.switch(main.switch)
    with pytest.raises(BaseExceptionGroup) as caught:
        t.close()
    assert caught.value is group


def test_a_group_whose_split_goes_wrong(main):
    class Odd(BaseExceptionGroup):
        def split(self, condition):
            raise OSError

    for group in (Odd("odd", [TealetExit()]), Odd("odd", [KeyError()])):
        t = main.tealet(wraps(group))
        t.switch(main.switch)
        with pytest.raises(Odd):
            t.close()


@pytest.mark.parametrize("together", [False, True])
def test_through_a_domain_within(main, together):
    """The exit of an outer tealet passes through the inner domain's main, also in a group."""
    log = []

    def inner(outer_switch):
        try:
            try:
                raise ExceptionGroup("g", [ValueError()])
            except* ValueError:
                outer_switch()
        except BaseException as error:
            if together and not isinstance(error, BaseExceptionGroup):
                raise BaseExceptionGroup("", [error]) from None
            raise
        finally:
            log.append("inner unwinds")

    def outer():
        with Main() as nested:
            try:
                nested.tealet(inner).switch(main.switch)
                log.append("not reached")
            finally:
                log.append("outer unwinds")

    t = main.tealet(outer)
    t.switch()
    t.close()
    assert not t
    assert log == ["inner unwinds", "outer unwinds"]
