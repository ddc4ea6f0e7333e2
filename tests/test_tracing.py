"""Kept apart per tealet: whether a trace function is running. Shared: the trace function itself."""

import sys
import threading

import pytest

from conftest import NEEDS_NO_ASSERTIONS_OF_TOOLS


@pytest.fixture(autouse=True)
def tracing_ends():
    trace, profile = sys.gettrace(), sys.getprofile()
    yield
    sys.settrace(trace)
    sys.setprofile(profile)


class Tracer:
    """Notes which functions of this file are called."""

    def __init__(self):
        self.calls = []

    def __call__(self, frame, event, arg):
        if event == "call" and frame.f_code.co_filename == __file__:
            self.calls.append(frame.f_code.co_name)
        return self

    def count(self, name):
        return self.calls.count(name)


def traced():
    pass


@pytest.fixture(params=[sys.settrace, sys.setprofile], ids=["trace", "profile"])
def install(request):
    return request.param


def test_set_before_it_is_in_effect_inside(main, install):
    def run():
        traced()
        main.switch()
        traced()

    tracer = Tracer()
    t = main.tealet(run)
    install(tracer)
    t.switch()
    traced()
    t.switch()
    traced()
    install(None)
    assert tracer.count("traced") == 4
    assert tracer.count("run") == 1


def test_set_inside_it_is_in_effect_outside(main, install):
    tracer = Tracer()

    def begin():
        install(tracer)
        traced()
        main.switch()
        traced()

    t = main.tealet(begin)
    t.switch()
    traced()
    t.switch()
    traced()
    install(None)
    traced()
    assert tracer.count("traced") == 4


def test_set_in_between_it_is_in_effect_after_resumption(main, install):
    def run():
        traced()
        main.switch()
        traced()
        main.switch()
        traced()

    tracer = Tracer()
    t = main.tealet(run)
    t.switch()
    install(tracer)
    t.switch()
    assert tracer.count("traced") == 1
    install(None)
    t.switch()
    assert tracer.count("traced") == 1


@NEEDS_NO_ASSERTIONS_OF_TOOLS
def test_removed_inside(main, install):
    tracer = Tracer()
    install(tracer)
    main.tealet(lambda: install(None)).switch()
    traced()
    assert tracer.count("traced") == 0


def test_lines_are_traced_after_each_switch(main):
    lines = []

    def tracer(frame, event, arg):
        if frame.f_code is not run.__code__:
            return None
        if event == "line":
            lines.append(frame.f_lineno - run.__code__.co_firstlineno)
        return tracer

    def run():
        main.switch()
        main.switch()
        return "end"

    t = main.tealet(run)
    sys.settrace(tracer)
    t.switch()
    t.switch()
    result = t.switch()
    sys.settrace(None)
    assert result == "end"
    assert lines == [1, 2, 3]


def test_switching_from_inside_a_trace_function(main):
    """While a tealet is paused there, others are traced as usual."""
    events = []

    def tracer(frame, event, arg):
        if frame.f_code.co_name == "victim" and event == "call":
            events.append("paused in tracer")
            main.switch("from tracer")
            events.append("resumed in tracer")
        if frame.f_code.co_name == "traced":
            events.append("traced")
        return None

    def victim():
        traced()
        return "victim's end"

    t = main.tealet(victim)
    sys.settrace(tracer)
    first = t.switch()
    traced()
    result = t.switch()
    traced()
    sys.settrace(None)
    assert (first, result) == ("from tracer", "victim's end")
    assert events == ["paused in tracer", "traced", "resumed in tracer", "traced", "traced"]


@pytest.mark.filterwarnings("ignore:assigning None")
def test_which_event_is_traced_is_kept_apart(main):
    """A trace function may move its frame to another line, but only in a line event."""

    def tracer(frame, event, arg):
        line = frame.f_lineno - frame.f_code.co_firstlineno
        if frame.f_code is jumper.__code__ and (event, line) == ("line", 1):
            main.switch()
            frame.f_lineno += 3
        if frame.f_code is other.__code__ and event == "call":
            main.switch()
        return tracer

    def jumper():
        first = "this line is left"
        if first:
            raise KeyError(first)
        return "jumped"

    def other():
        pass

    ts = main.tealet(jumper), main.tealet(other)
    sys.settrace(tracer)
    for t in ts:
        t.switch()
    result = ts[0].switch()
    ts[1].switch()
    sys.settrace(None)
    assert result == "jumped"


def test_a_tealet_begun_inside_a_trace_function_is_traced(main):
    seen = []

    def tracer(frame, event, arg):
        name = frame.f_code.co_name
        seen.append(name)
        if name == "traced" and event == "call" and len(seen) < 50:
            main.tealet(inside).switch()
        return None

    def inside():
        pass

    sys.settrace(tracer)
    traced()
    sys.settrace(None)
    assert seen == ["traced", "inside"]


@NEEDS_NO_ASSERTIONS_OF_TOOLS
def test_a_trace_function_that_raises(main):
    def tracer(frame, event, arg):
        if frame.f_code is run.__code__:
            raise KeyError("from tracer")

    def run():
        return "not reached"

    sys.settrace(tracer)
    try:
        with pytest.raises(KeyError, match="from tracer"):
            main.tealet(run).switch()
    finally:
        sys.settrace(None)
    assert main.tealet(run).switch() == "not reached"


def test_a_thread_started_with_a_trace_function(main):
    tracer = Tracer()

    def run():
        thread = threading.Thread(target=traced)
        thread.start()
        thread.join()

    threading.settrace(tracer)
    try:
        main.tealet(run).switch()
    finally:
        threading.settrace(None)
    assert tracer.count("traced") == 1


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
class TestMonitoring:
    @pytest.fixture
    def monitor(self):
        tool = sys.monitoring.PROFILER_ID
        sys.monitoring.use_tool_id(tool, "test")
        yield lambda events: sys.monitoring.set_events(tool, events)
        sys.monitoring.set_events(tool, 0)
        for event in (sys.monitoring.events.PY_START, sys.monitoring.events.PY_RETURN):
            sys.monitoring.register_callback(tool, event, None)
        sys.monitoring.free_tool_id(tool)

    def register(self, event, callback):
        sys.monitoring.register_callback(sys.monitoring.PROFILER_ID, event, callback)

    def test_events_come_from_every_tealet(self, main, monitor):
        calls = []
        events = sys.monitoring.events
        self.register(events.PY_START, lambda code, offset: calls.append(code.co_name))

        def run():
            traced()
            main.switch()
            traced()

        before, t = main.tealet(run), main.tealet(run)
        before.switch()
        monitor(events.PY_START)
        t.switch()
        before.switch()
        t.switch()
        monitor(0)
        assert calls.count("traced") == 3
        assert calls.count("run") == 1

    def test_a_callback_that_switches(self, main, monitor):
        log = []
        events = sys.monitoring.events

        def callback(code, offset):
            if code is victim.__code__:
                log.append(main.switch("from callback"))
            elif code is traced.__code__:
                log.append("traced")

        def victim():
            return "end"

        self.register(events.PY_START, callback)
        t = main.tealet(victim)
        monitor(events.PY_START)
        first = t.switch()
        traced()
        result = t.switch("resumed")
        monitor(0)
        assert (first, result) == ("from callback", "end")
        assert log == ["traced", "resumed"]
