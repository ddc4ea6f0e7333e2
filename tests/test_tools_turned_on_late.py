"""Tools that are turned on while tealets are paused, so the code of these must be instrumented."""

import sys

import pytest

from tealetpp import Main

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 15), reason="before 3.15 CPython instruments only code that runs"
)


def counts(main):
    n = 0
    while True:
        n += 1
        main.switch(n)


def below(main):
    counts(main)


def generates(main):
    def generate():
        while True:
            yield main.switch()

    for _ in generate():
        pass


@pytest.fixture
def monitor():
    """A function that turns LINE events on, and returns the list of the lines that are reported."""
    monitoring, told = sys.monitoring, []

    def turn_on():
        monitoring.set_events(monitoring.DEBUGGER_ID, monitoring.events.LINE)
        return told

    monitoring.use_tool_id(monitoring.DEBUGGER_ID, "a test")
    monitoring.register_callback(
        monitoring.DEBUGGER_ID,
        monitoring.events.LINE,
        lambda code, line: told.append((code.co_name, line)),
    )
    yield turn_on
    monitoring.set_events(monitoring.DEBUGGER_ID, 0)
    monitoring.register_callback(monitoring.DEBUGGER_ID, monitoring.events.LINE, None)
    monitoring.free_tool_id(monitoring.DEBUGGER_ID)


@pytest.mark.rule("tools-late")
@pytest.mark.parametrize("run", [counts, below, generates])
def test_lines_of_a_paused_function(main, monitor, run):
    ts = [main.tealet(run) for _ in range(3)]
    for t in ts:
        t.switch(main)
        t.switch()
    told = monitor()
    for t in ts:
        del told[:]
        t.switch()
        name = "generate" if run is generates else "counts"
        assert [line for where, line in told if where == name]


@pytest.mark.rule("tools-late")
def test_lines_of_a_paused_main(main, monitor):
    told = []

    def turns_on():
        main.switch()
        told.append(monitor())
        main.switch()

    def of_main():
        t = main.tealet(turns_on)
        t.switch()
        t.switch()
        t.close()

    of_main()
    assert [line for name, line in told[0] if name == "of_main"]


@pytest.mark.rule("tools-late")
def test_a_trace_function_that_is_set_by_another_tealet(main):
    lines = []

    def trace(frame, event, _):
        if event == "line":
            lines.append(frame.f_code.co_name)
        return trace

    def sets():
        sys.settrace(trace)
        main.switch()

    paused, setter = main.tealet(counts), main.tealet(sets)
    paused.switch(main)
    setter.switch()
    try:
        paused.switch()
    finally:
        sys.settrace(None)
        setter.close()
    assert "counts" not in lines  # a frame has a trace function from its beginning only
    frame = paused.frame
    frame.f_trace = trace
    sys.settrace(trace)
    try:
        paused.switch()
    finally:
        sys.settrace(None)
    assert lines.count("counts") == 3


@pytest.mark.rule("tools-late")
def test_in_all_domains(monitor):
    """Each instruments the code of its own tealets at its next switch."""
    with Main() as outer:

        def inside():
            with Main() as inner:
                t = inner.tealet(counts)
                t.switch(inner)
                outer.switch()
                t.switch()

        o, other = outer.tealet(inside), outer.tealet(counts)
        o.switch()
        other.switch(outer)
        told = monitor()
        o.switch()
        assert [line for name, line in told if name == "inside"]
        assert [line for name, line in told if name == "counts"]
        del told[:]
        other.switch()
        assert [line for name, line in told if name == "counts"]
