"""Coverage and cProfile, which have their own stacks of calls, report what happened."""

import cProfile
import ctypes
import json
import os
import pstats
import subprocess
import sys
import textwrap

import pytest

from conftest import NEEDS_NO_ASSERTIONS_OF_TOOLS
from tealetpp import Main

coverage = pytest.importorskip("coverage")

ALTERNATING = {
    "mod_a": """\
        def a(switch):
            x = 1
            switch()
            x = 2
            x = 3
            switch()
            x = 4
            return x
        """,
    "mod_b": """\
        def b(switch):
            y = 1
            switch()
            y = 2
            if y == 3:
                never()
                never()
            switch()
            y = 4
            return y
        """,
    "mod_main": """\
        from tealetpp import Main
        import mod_a, mod_b
        def main():
            with Main() as m:
                ta, tb = m.tealet(mod_a.a), m.tealet(mod_b.b)
                ta.switch(m.switch)
                tb.switch(m.switch)
                for _ in range(2):
                    ta.switch()
                    tb.switch()
                if ta:
                    never()
            return ta
        """,
}
DEEP = {
    "mod_a": """\
        import mod_b
        def a(switch):
            mod_b.b(switch)
            x = list(map(mod_b.b, [switch]))
            return x
        def unwound(switch):
            try:
                switch()
            except BaseException:
                x = 1
                raise
            finally:
                x = 2
            x = 3
        """,
    "mod_b": """\
        def b(switch):
            for x in range(2):
                switch()
            y = 3
            return y
        """,
    "mod_main": """\
        from tealetpp import Main
        import mod_a
        def main():
            with Main() as m:
                t, u = m.tealet(mod_a.a), m.tealet(mod_a.unwound)
                t.switch(m.switch)
                u.switch(t.switch)
                while t:
                    t.switch()
                x = 1
                del u
                x = 2
            x = 3
            return x
        """,
}
BRANCHES = {
    "mod_a": """\
        def a(switch):
            if switch():
                x = 1
            if switch():
                x = 2
            while switch():
                x = 3
            if switch(1):
                x = 4
        """,
    "mod_main": """\
        from tealetpp import Main
        import mod_a
        def main():
            with Main() as m:
                t = m.tealet(mod_a.a)
                t.switch(m.switch)
                for answer in (1, 0, 1, 1, 0):
                    t.switch(answer)
                t.switch(1)
        """,
}
CORES = ["ctrace", "pytrace"] + (["sysmon"] if sys.version_info >= (3, 12) else [])
MEASURE = """
import coverage, json, sys
measured = coverage.Coverage(
    data_file=None, config_file=False, include=["*mod_*"], branch={branch}
)
measured.start()
import mod_main
mod_main.main()
measured.stop()
found = dict()
for file in measured.get_data().measured_files():
    analysis = measured._analyze(file)
    found[file.rsplit("/", 1)[1][:-3]] = [
        sorted(measured.get_data().lines(file)),
        sorted(analysis.missing),
        sorted(map(list, dict(analysis.missing_branch_arcs()).items())) if {branch} else [],
    ]
print(json.dumps([measured._collector.tracer_name(), found]))
"""


def measure(tmp_path, modules, core, *, branch=False):
    """Recorded lines, missing lines and missing branches by module."""
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(branch=branch)],
        env={**os.environ, "COVERAGE_CORE": core},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tracer, found = json.loads(done.stdout)
    expected = {"ctrace": "CTracer", "pytrace": "PyTracer", "sysmon": "SysMonitor"}[core]
    if tracer != expected:
        pytest.skip(f"coverage has no {expected} here")
    return found


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("core", CORES)
def test_coverage_records_the_lines_that_ran(tmp_path, core, branch):
    found = measure(tmp_path, ALTERNATING, core, branch=branch)
    assert {name: lines for name, (lines, _, _) in found.items()} == {
        "mod_a": [1, 2, 3, 4, 5, 6, 7, 8],
        "mod_b": [1, 2, 3, 4, 5, 8, 9, 10],
        "mod_main": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13],
    }
    if branch:
        assert found["mod_b"][2] == [[5, [6]]]
        assert found["mod_a"][2] == []


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("core", CORES)
def test_coverage_follows_deep_chains_and_closing(tmp_path, core, branch):
    found = measure(tmp_path, DEEP, core, branch=branch)
    assert {name: missing for name, (_, missing, _) in found.items()} == {
        "mod_a": [14],
        "mod_b": [],
        "mod_main": [],
    }


@pytest.mark.parametrize("core", ["ctrace", "pytrace"])
def test_a_pause_is_no_branch(tmp_path, core):
    found = measure(tmp_path, BRANCHES, core, branch=True)
    lines, missing, branches = found["mod_a"]
    assert (lines, missing) == ([1, 2, 3, 4, 6, 7, 8, 9], [5])
    assert branches == [[2, [4]], [4, [5]], [8, [-1]]]


# --- another trace function in C ---

TRACE_FUNCTION = ctypes.PYFUNCTYPE(
    ctypes.c_int, ctypes.py_object, ctypes.py_object, ctypes.c_int, ctypes.c_void_p
)
CALL, RETURN = 0, 3


@pytest.fixture(params=["PyEval_SetTrace", "PyEval_SetProfile"])
def native_tracer(request):
    """A C trace function that keeps a stack of code objects. Returns the errors that it found."""
    stack, wrong, names = [], [], []

    def trace(_, frame, what, __):
        name = frame.f_code.co_name
        if what == CALL:
            stack.append(name)
            names.append(name)
        elif what == RETURN and stack and stack.pop() != name:
            wrong.append(name)
        elif what not in (CALL, RETURN) and stack and stack[-1] != name:
            wrong.append(name)
        if sys._getframe(1) is not frame:  # memray ignores other frames
            wrong.append(f"{name} does not run")
        return 0

    function = TRACE_FUNCTION(trace)
    set_function = getattr(ctypes.pythonapi, request.param)
    set_function.argtypes = [TRACE_FUNCTION, ctypes.py_object]
    previous = sys.gettrace(), sys.getprofile()
    set_function(function, "tool")
    yield wrong, names
    sys.settrace(previous[0])
    sys.setprofile(previous[1])


def test_a_native_trace_function_sees_frames_leave_and_enter(native_tracer):
    wrong, names = native_tracer

    def inner(switch):
        switch()
        switch()

    def outer(switch):
        inner(switch)
        list(map(inner, [switch]))

    def run():
        with Main() as main:
            tealets = [main.tealet(outer) for _ in range(3)]
            for t in tealets:
                t.switch(main.switch)
            while any(tealets):
                for t in tealets:
                    if t:
                        t.switch()

    run()
    assert wrong == []
    assert names.count("inner") == 3 * 2 * 3
    assert names.count("run") == 1


def test_a_switch_that_fails_leaves_the_stack_as_it_is(native_tracer):
    """Beginning a tealet takes memory. Past the limit the switch fails."""
    wrong, names = native_tracer

    def fails(main):
        try:
            for _ in range(1000):
                main.tealet(switches_back).switch(main)
        except MemoryError:
            x = 1
        return x

    def switches_back(main):
        tealets.append(main.current)
        main.switch()

    tealets = []
    with Main(memory_limit=20_000) as main:
        t = main.tealet(fails)
        t.switch(main)
        while t:
            t.switch()
    assert wrong == []
    assert "fails" in names


# --- cProfile ---


def helper(number):
    return number + 1


def pauses(switch):
    for number in range(3):
        helper(number)
        switch()
    return sorted([3, 1, 2], key=lambda number: (switch(), number)[1])


def descends(switch, depth):
    helper(depth)
    if depth:
        return max(map(descends, [switch], [depth - 1]))
    switch()
    return helper(0)


def schedule():
    with Main() as main:
        tealets = [main.tealet(pauses) for _ in range(4)]
        for t in tealets:
            t.switch(main.switch)
        tealets.append(main.tealet(descends))
        tealets[-1].switch(main.switch, 5)
        while any(tealets):
            for t in tealets:
                if t:
                    t.switch()
            helper(1)


@pytest.fixture
def profile():
    if sys.getprofile() is not None:
        pytest.skip("something else profiles")
    return cProfile.Profile()


def calls(profile):
    """Primitive and all calls by the names of functions."""
    return {key[2]: value[:2] for key, value in pstats.Stats(profile).stats.items()}


@NEEDS_NO_ASSERTIONS_OF_TOOLS
def test_a_profile_counts_each_call_once(profile):
    for _ in range(3):
        profile.enable()
        schedule()
        profile.disable()
    counted = calls(profile)
    assert counted["schedule"] == (3, 3)
    assert counted["pauses"] == (12, 12)
    assert counted["<lambda>"] == (36, 36)
    assert counted["descends"] == (3, 18)
    assert counted["<built-in method builtins.sorted>"] == (12, 12)
    assert counted["helper"] == (75, 75)


@NEEDS_NO_ASSERTIONS_OF_TOOLS
def test_a_profile_that_begins_and_ends_in_tealets(profile, main):
    """Each call returns to another stack of calls than it began on."""

    def first(switch):
        profile.enable()
        helper(1)
        switch()
        helper(2)

    def second(switch):
        helper(3)
        switch()
        profile.disable()

    tealets = main.tealet(first), main.tealet(second)
    for t in tealets:
        t.switch(main.switch)
    for t in tealets:
        t.switch()
    assert calls(profile)["helper"] == (3, 3)
    assert calls(profile)["second"] == (1, 1)


@NEEDS_NO_ASSERTIONS_OF_TOOLS
def test_a_profile_of_dropped_tealets(profile):
    with Main() as main:
        profile.enable()
        t = main.tealet(pauses)
        t.switch(main.switch)
        del t
        profile.disable()
    assert calls(profile)["pauses"] == (1, 1)


@NEEDS_NO_ASSERTIONS_OF_TOOLS
def test_calls_that_return_out_of_order_do_no_harm(tmp_path):
    """A call returns on top of another function than its caller."""
    (tmp_path / "program.py").write_text(
        textwrap.dedent("""\
        from tealetpp import Main
        def inner(switch): switch()
        def middle(switch): inner(switch)
        def outer(switch): middle(switch)
        def starts(t, m): t.switch(m.switch)
        with Main() as m:
            for depth in (outer, middle, inner):
                t = m.tealet(depth)
                starts(t, m)
                (lambda: starts(u := m.tealet(outer), m) or t.switch())()
        print("ended")
        """)
    )
    done = subprocess.run(
        [sys.executable, "-m", "cProfile", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ended" in done.stdout
