"""The call that a tealet begins with: direct, where that makes no difference."""

import cProfile
import functools
import gc
import operator
import sys
import types
import weakref

import pytest

from conftest import check_stats
from tealetpp import InvalidError, Status

ARGUMENTS = {
    "none": ((), {}),
    "some": ((1, "two"), {}),
    "many": (tuple(range(20)), {}),
    "keywords": ((), {"a": 1}),
    "both": ((1, 2), {"a": 3, "b": 4}),
}


def function(*arguments, **keywords):
    return "function", arguments, keywords


class Machine:
    def method(self, *arguments, **keywords):
        return "method", self, arguments, keywords

    @classmethod
    def of_class(cls, *arguments, **keywords):
        return "of class", cls, arguments, keywords

    @staticmethod
    def static(*arguments, **keywords):
        return "static", arguments, keywords

    def __call__(self, *arguments, **keywords):
        return "object", self, arguments, keywords

    def __eq__(self, other):
        return isinstance(other, Machine)

    __hash__ = None


class InheritedCall(Machine):
    pass


class StaticCall:
    __call__ = staticmethod(function)


class ClassCall:
    @classmethod
    def __call__(cls, *arguments, **keywords):
        return "class call", cls, arguments, keywords


class PropertyCall:
    @property
    def __call__(self):
        return functools.partial(function, "from a property")


class CallInInstance(Machine):
    """A call of an object looks in its class only."""

    def __init__(self):
        self.__call__ = None


class MetaCall(type):
    def __call__(cls, *arguments, **keywords):
        return "meta", cls, arguments, keywords


class OfMetaCall(metaclass=MetaCall):
    pass


class Record:
    def __init__(self, *arguments, **keywords):
        self.given = arguments, keywords

    def __eq__(self, other):
        return self.given == other.given

    __hash__ = None


class OwnPartial(functools.partial):
    pass


class PartialThatCalls(functools.partial):
    def __call__(self, *arguments, **keywords):
        return "own", self.func, arguments, keywords


class PartialThatHides(functools.partial):
    args = keywords = func = property(lambda self: pytest.fail("read"))


def nested(layers):
    """Partials that CPython cannot merge into one, as each has an attribute."""
    called = function
    for i in range(layers):
        called = functools.partial(called, i)
        called.attribute = i
    return called


CALLABLES = {
    "function": function,
    "method": Machine().method,
    "class method": Machine.of_class,
    "static method": Machine.static,
    "static method object": staticmethod(function),
    "object": Machine(),
    "object, inherited": InheritedCall(),
    "object, static": StaticCall(),
    "object, class method": ClassCall(),
    "object, property": PropertyCall(),
    "object, in the instance": CallInInstance(),
    "method of an object": types.MethodType(Machine(), "self"),
    "method of a partial": types.MethodType(functools.partial(function, 7), "self"),
    "method of a built-in function": types.MethodType(dict, {"self": 1}.items()),
    "class": Record,
    "class of a metaclass": OfMetaCall,
    "partial": functools.partial(function),
    "partial, arguments": functools.partial(function, 1, 2),
    "partial, keywords": functools.partial(function, a=5, c=6),
    "partial, both": functools.partial(function, 1, a=5, c=6),
    "partial of a method": functools.partial(Machine().method, 8),
    "partial of an object": functools.partial(Machine(), 8),
    "partial of a class": functools.partial(Record, 8),
    "partials, nested": nested(3),
    "partials, nested deeply": nested(7),
    "partial, subclass": OwnPartial(function, 1),
    "partial, subclass with a call": PartialThatCalls(function, 1),
    "partial, subclass that hides": PartialThatHides(function, 1),
    "operator": operator.methodcaller("upper"),
    "single dispatch": functools.singledispatch(lambda *arguments, **keywords: arguments),
    "cache": functools.lru_cache(function),
}
if sys.version_info >= (3, 14):
    CALLABLES["partial, placeholder"] = functools.partial(function, functools.Placeholder, 2)


def outcome(call):
    try:
        return call()
    except (
        Exception
    ) as error:  # a built-in function or single dispatch that takes no such arguments
        return type(error), str(error)


@pytest.mark.rule("first-call-same")
@pytest.mark.parametrize(("given", "named"), ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.parametrize("run", CALLABLES.values(), ids=CALLABLES)
def test_it_is_given_what_any_call_gives(main, run, given, named):
    expected = outcome(lambda: run(*given, **named))
    assert outcome(lambda: main.tealet(run).switch(*given, **named)) == expected
    assert outcome(lambda: main.tealet().run(run, *given, **named)) == expected
    assert outcome(lambda: main.stub().run(run, *given, **named)) == expected
    starts = main.tealet(lambda: outcome(lambda: main.tealet(run).switch(*given, **named)))
    assert starts.switch() == expected
    check_stats(main)


@pytest.mark.rule("first-call-same")
def test_the_result_of_a_tealet_that_ends_begins_its_parent(main):
    machine = Machine()
    for run in (machine.method, machine, functools.partial(function, 1)):
        parent = main.tealet(run)
        assert main.tealet(lambda: "ended", parent=parent).switch() == run("ended")


@pytest.mark.rule("first-call-same")
def test_a_call_that_does_not_fit_says_the_same(main):
    class Strict:
        def method(self, one):
            pass

        def __call__(self, one):
            pass

    for run in (Strict().method, Strict(), functools.partial(Strict().method)):
        with pytest.raises(TypeError) as expected:
            run()
        with pytest.raises(TypeError) as raised:
            main.tealet(run).switch()
        assert str(raised.value) == str(expected.value)


class Pauses:
    def __init__(self, main):
        self.main = main

    def method(self, *_):
        return self.main.switch("paused")

    __call__ = method


@pytest.mark.rule("first-call-direct")
@pytest.mark.parametrize("given", [(), (1, 2), tuple(range(20))], ids=["none", "two", "many"])
def test_what_is_looked_through_is_not_on_the_stack(main, given):
    pauses = Pauses(main)

    def switch(run, *arguments):
        tealet = main.tealet(run)
        assert tealet.switch(*arguments) == "paused"
        return tealet

    def run_in_stub(run, *arguments):
        tealet = main.stub()
        assert tealet.run(run, *arguments) == "paused"
        return tealet

    def extent(begin, run, *arguments):
        with begin(run, *arguments) as tealet:
            return tealet.extent

    for _ in range(20):  # until the interpreter has specialised the call of switch()
        extent(switch, pauses)
    for begin in (switch, run_in_stub):
        expected = extent(begin, Pauses.__call__, pauses, *given)
        for run in (
            pauses,
            pauses.method,
            functools.partial(pauses, 1),
            functools.partial(pauses.method, 1, 2),
            functools.partial(Pauses.method, pauses),
            OwnPartial(pauses, 1),
            types.MethodType(pauses, "self"),
        ):
            assert extent(begin, run, *given) == expected
        # This cannot be looked through.
        assert extent(begin, functools.lru_cache(pauses), *given) > expected


@pytest.mark.rule("first-call-direct")
def test_a_method_and_its_object_need_no_other_reference(main):
    """Arguments are borrowed until the function has them."""
    pauses = Pauses(main)
    seen = weakref.ref(pauses)
    tealet = main.tealet(pauses.method)
    del pauses
    assert tealet.switch() == "paused"
    gc.collect()
    assert seen() is not None
    assert tealet.switch("value") == "value"
    del tealet
    gc.collect()
    assert seen() is None


@pytest.mark.rule("first-call-direct")
@pytest.mark.parametrize("named", [{}, {"b": 2}], ids=["borrowed", "copied"])
def test_what_is_called_may_change_while_it_runs(main, named):
    class Changes:
        def __call__(self, *arguments, **keywords):
            del Changes.__call__
            gc.collect()
            main.switch()
            return arguments, keywords

    changes = Changes()
    tealet = main.tealet(changes)
    tealet.switch(object, **named)
    assert tealet.switch() == ((object,), named)

    def replaces(*arguments, **keywords):
        partial.__setstate__((print, ("another",), {}, {}))
        gc.collect()
        main.switch()
        return arguments, keywords

    first = ["only the partial has this"]
    partial = functools.partial(replaces, first)
    del first, replaces
    tealet = main.tealet(partial)
    tealet.switch(1, **named)
    assert tealet.switch() == ((["only the partial has this"], 1), named)


@pytest.mark.rule("first-call-direct")
@pytest.mark.parametrize("named", [{}, {"b": 2}], ids=["positional", "keywords"])
def test_what_is_called_may_change_before_it_runs(main, named):
    """A profiler is told of the switch, and asks for the time."""

    class Changes:
        def __call__(self, *arguments, **keywords):
            calls.append((arguments, keywords))

    def timer():
        if events:
            events.append("time")
        if len(events) == 3:  # after that for the call of switch()
            del Changes.__call__
            gc.collect()
            calls.append("deleted")
        return 0

    def starts(new):
        events[:] = ["switch"]  # calls nothing
        new.switch(object, **named)

    calls, events = [], []
    new = main.tealet(Changes())
    starter = main.tealet(starts)
    profiler = cProfile.Profile(timer)
    profiler.enable()
    try:
        starter.switch(new)
    finally:
        profiler.disable()
    assert calls == ["deleted", ((object,), named)]


@pytest.mark.rule("first-call-direct")
def test_garbage_that_is_collected_at_the_start_may_change_it(main):
    """Where the arguments are copied, no garbage is collected between look and call."""
    partial = functools.partial(function, *map(str, range(1_000, 1_004)))

    class Changes:
        def __del__(self):
            partial.__setstate__((function, (), {}, {}))

    thresholds = gc.get_threshold()
    for _ in range(50):
        partial.__setstate__((function, tuple(map(str, range(1_000, 1_004))), {}, {}))
        tealet = main.tealet(partial)
        gc.collect()
        changes = Changes()
        changes.itself = changes
        del changes
        gc.set_threshold(1)
        try:
            name, arguments, keywords = tealet.switch(1, key=2)
        finally:
            gc.set_threshold(*thresholds)
        assert name == "function"
        assert arguments in (("1000", "1001", "1002", "1003", 1), (1,))
        assert keywords == {"key": 2}


@pytest.mark.rule("first-call-same")
def test_a_tool_sees_the_same_calls(main):
    def profiled(call):
        events = []

        def profile(frame, event, argument):
            if frame.f_code.co_name in ("method", "__call__", "function"):
                events.append((event, frame.f_code.co_name, getattr(argument, "__name__", None)))

        sys.setprofile(profile)
        try:
            call()
        finally:
            sys.setprofile(None)
        return [event for event in events if event[0] in ("call", "return")]

    machine = Machine()
    for run in (machine.method, machine, functools.partial(function, 1)):
        assert profiled(main.tealet(run).switch) == profiled(run) != []


@pytest.fixture
def at_pause(main):
    """Calls a function where a profiler asks for the time because a tealet pauses."""

    def run(new, arguments, keywords, during):
        """That tealet pauses to begin `new` with these arguments."""
        times = []

        def timer():
            if times:
                times.append("time")
            if len(times) == 3:  # after that for the call of switch()
                times.clear()
                during()
                times_of_pause.append("done")
            return 0

        def starts():
            times[:] = ["switch"]  # calls nothing
            return new.switch(*arguments, **keywords)

        times_of_pause = []
        starter = main.tealet(starts)
        profiler = cProfile.Profile(timer)
        profiler.enable()
        try:
            return starter.switch()
        finally:
            profiler.disable()
            assert times_of_pause == ["done"]

    return run


@pytest.mark.rule("first-call-same")
@pytest.mark.parametrize("run", [function, Machine().method], ids=["function", "method"])
def test_a_tool_begins_others_at_the_switch(main, at_pause, run):
    seen = []

    def others():
        for i in range(3):
            seen.append(main.tealet(run).switch(i, key=i))

    new = main.tealet(run)
    assert at_pause(new, (1, 2), {}, others) == run(1, 2)
    assert seen == [run(i, key=i) for i in range(3)]


@pytest.mark.rule("first-call-same")
@pytest.mark.parametrize("named", [{}, {"key": 2}], ids=["positional", "keywords"])
def test_a_tool_begins_the_same_one_at_the_switch(main, at_pause, named):
    def pauses(*arguments, **keywords):
        main.previous.switch()  # back into the profiler's call
        return arguments, keywords

    new = main.tealet(functools.partial(pauses, "first"))
    with pytest.raises(InvalidError):
        at_pause(new, ("mine",), named, lambda: new.switch("its", other=3))
    gc.collect()
    assert new.switch() == (("first", "its"), {"other": 3})


@pytest.mark.rule("first-call-same")
@pytest.mark.parametrize("named", [{}, {"key": 2}], ids=["positional", "keywords"])
def test_a_tool_closes_it_at_the_switch(main, at_pause, named):
    new = main.tealet(Machine().method)
    with pytest.raises(InvalidError):
        at_pause(new, ("mine",), named, new.close)
    assert new.status is Status.EXITED
