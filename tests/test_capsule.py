"""The C API for other extension modules, called from modules that are built here with CMake."""

import gc
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import weakref
from pathlib import Path

import pytest

from conftest import check_stats
from tealetpp import (
    InvalidError,
    Main,
    Status,
    Tealet,
    TealetError,
    TealetExit,
    ThreadError,
)

ROOT = Path(__file__).parents[1]
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
CMAKE = shutil.which("cmake", path=PATH)
NULL = ...


def builds_for_this_machine():
    """Not if there is no compiler, nor where this Python is emulated."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return False
    target = subprocess.run([compiler, "-dumpmachine"], capture_output=True, text=True).stdout
    return target.startswith(platform.machine())


def build(source, folder):
    """What a user of the header does; on this Python, whose headers may not be the usual ones."""
    if CMAKE is None or not builds_for_this_machine():
        pytest.skip("needs CMake and a C compiler")
    generator = ["-G", "Ninja"] if shutil.which("ninja", path=PATH) else []
    options = {
        "TEALETPP_INCLUDE_DIR": ROOT / "include",
        "Python_EXECUTABLE": sys.executable,
        "Python_INCLUDE_DIR": sysconfig.get_path("include"),
    }
    if hasattr(sys, "gettotalrefcount"):
        # Debian's headers for its debug build are links to the others, and the compiler follows.
        options |= {"CMAKE_C_FLAGS": "-DPy_DEBUG", "CMAKE_CXX_FLAGS": "-DPy_DEBUG"}
    defined = [f"-D{name}={value}" for name, value in options.items()]
    for command in (["-S", source, "-B", folder, *generator, *defined], ["--build", folder]):
        done = subprocess.run(
            [CMAKE, *map(str, command)],
            env={**os.environ, "PATH": PATH},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """The module of tests/capsule."""
    folder = build(ROOT / "tests" / "capsule", tmp_path_factory.mktemp("capsule"))
    (path,) = folder.glob("capsule_calls.*")
    spec = importlib.util.spec_from_file_location("capsule_calls", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.import_own_table()
    return module


@pytest.fixture(autouse=True)
def count_clean_ups_of_this_test(request):
    if "calls" in request.fixturenames:
        request.getfixturevalue("calls").take_clean_ups()


@pytest.fixture
def paused(main):
    """A tealet that has begun with what is given, and paused."""

    def make(function, *args):
        t = main.tealet(function)
        t.switch(*args)
        assert t.status is Status.SUSPENDED
        return t

    return make


# --- pausing in the middle ---


def test_a_c_function_pauses_in_the_middle_of_a_recursion(main, calls, paused):
    summing = [paused(calls.sum_from, depth) for depth in (5, 20, 10)]
    check_stats(main)
    results = [t.switch(1000) for t in summing]
    assert results == [1015, 1210, 1055]
    assert not any(summing)


def test_python_frames_on_both_sides(main, calls):
    def run(depth):
        return ["result", max([calls.sum_from(depth)], key=lambda x: calls.sum_from(depth))]

    t = main.tealet(run)
    assert t.switch(3) is None
    assert t.switch(1) is None
    assert t.switch(2) == ["result", 7]


def test_what_comes_and_goes_is_the_very_object(calls, paused):
    first, second = object(), object()
    t = paused(calls.echo, None)
    assert t.switch(first) is first
    assert calls.switch_to(t, second) is second
    assert calls.switch_to(t, NULL) is None


def test_c_switches_to_a_tealet_that_has_not_begun(main, calls):
    assert calls.switch_to(main.tealet(lambda *args: args), NULL) == ()
    assert calls.switch_to(main.tealet(lambda *args: args), None) == (None,)
    assert calls.switch_to(main.tealet(lambda *args: args), "value") == ("value",)


def test_switching_to_the_running_tealet_returns_the_value(main, calls):
    assert calls.switch_to(main, "value") == "value"
    assert calls.switch_to(main, NULL) is None


def test_a_cpp_exception_in_flight_is_the_tealets_own(calls, paused):
    handling = [paused(calls.pause_while_handling, n) for n in (1, 2, 3)]
    assert [handling[i].switch() for i in (1, 0, 2)] == [2, 1, 3]


# --- exceptions, and the end ---


def test_an_exception_that_is_thrown_passes_through_c(calls, paused):
    t = paused(calls.sum_from, 4)
    with pytest.raises(KeyError, match="thrown"):
        t.throw(KeyError("thrown"))
    assert calls.take_clean_ups() == 4
    assert t.status is Status.EXITED


def test_c_throws(main, calls, paused):
    t = paused(calls.hold, object())
    with pytest.raises(KeyError, match="by C"):
        calls.throw_into(t, KeyError("by C"))
    with pytest.raises(OSError):
        calls.throw_into(paused(calls.hold, object()), OSError)
    with pytest.raises(ZeroDivisionError):
        calls.throw_into(main, ZeroDivisionError)
    assert calls.take_clean_ups() == 2


def test_what_leaves_a_tealet_arrives_in_c(main, calls):
    def fail():
        raise KeyError("from the tealet")

    with pytest.raises(KeyError, match="from the tealet"):
        calls.switch_to(main.tealet(fail), NULL)


@pytest.mark.parametrize("closing", ["method", "C", "with", "reference", "domain"])
def test_closing_while_paused_in_c(calls, closing):
    with Main() as main:
        marker = object()
        references = sys.getrefcount(marker)
        deep, holding = main.tealet(calls.sum_from), main.tealet(calls.hold)
        deep.switch(7)
        holding.switch(marker)
        assert sys.getrefcount(marker) > references
        for t in (deep, holding):
            if closing == "method":
                t.close()
            elif closing == "C":
                calls.close_tealet(t)
            elif closing == "with":
                with t:
                    pass
        if closing == "reference":
            del t, deep, holding
        elif closing == "domain":
            main.close()
        assert calls.take_clean_ups() == 8
        assert sys.getrefcount(marker) == references
        assert main.stats().n_active == (0 if closing == "domain" else main.stats().enabled)


def test_cpp_destructors_run_when_it_is_closed(calls, paused):
    before = calls.count_guards()
    tealets = [paused(lambda: calls.pause_guarded()) for _ in range(3)]
    assert calls.count_guards() == before + 6
    assert tealets.pop().switch("value") == "value"
    assert calls.count_guards() == before + 4
    for t in tealets:
        t.close()
    assert calls.count_guards() == before


def test_a_c_function_may_take_its_end_as_it_likes(calls, paused):
    t = paused(calls.end_whatever_comes)
    t.close()
    assert t.status is Status.EXITED
    thrown = KeyError("thrown")
    assert paused(calls.end_whatever_comes).throw(thrown) is thrown


def test_one_that_refuses_to_end(calls, paused):
    t = paused(calls.refuse_to_end)
    with pytest.raises(TealetError, match="refuses to end"):
        calls.close_tealet(t)
    assert t.status is Status.SUSPENDED
    assert t.switch("then") == "then"


def test_closing_the_running_tealet(main, calls):
    def run():
        with pytest.raises(TealetExit):
            calls.close_tealet(main.current)
        return "goes on"

    assert main.tealet(run).switch() == "goes on"


def test_closing_one_that_has_ended_or_not_begun(main, calls):
    t = main.tealet(int)
    assert calls.close_tealet(t) is calls.close_tealet(t) is None
    assert t.status is Status.EXITED


def test_closing_a_main(calls):
    main = Main()
    t = main.tealet(calls.hold)
    t.switch(None)
    assert calls.close_tealet(main) is None
    assert t.status is Status.EXITED
    assert calls.take_clean_ups() == 1


# --- new tealets ---


def test_new_with_a_c_function(main, calls):
    t = calls.make(main, calls.echo, NULL)
    assert t.parent is main
    assert t.switch("value") == "value"


def test_new_with_a_c_function_that_has_an_object(main, calls):
    t = calls.make_countdown(main, 3)
    assert [t.switch(1), t.switch(1), t.switch(1), t.switch(1)] == [3, 2, 1, "liftoff"]
    t = calls.make_countdown(main, 3)
    assert t.switch(2) == 3
    t.close()


def test_new_without_a_function_or_a_parent(main, calls):
    for t in (calls.make(main, NULL, NULL), calls.make(main, None, None)):
        assert t.status is Status.NEW
        assert t.parent is main
        assert t.run(int, "3") == 3
    other = main.tealet()
    assert calls.make(main, int, other).parent is other


def test_new_inside_a_tealet_has_that_as_its_parent(main, calls):
    t = main.tealet(lambda: calls.make(main, int, NULL).parent is main.current)
    assert t.switch() is True


# --- who is who ---


def test_types(main, calls):
    class MyMain(Main):
        pass

    assert [calls.check(x) for x in (main, main.tealet(), MyMain())] == [1, 1, 1]
    assert [calls.check_main(x) for x in (main, main.tealet(), MyMain())] == [1, 0, 1]
    for wrong in (NULL, None, 3, Tealet, Main, object()):
        assert calls.check(wrong) == calls.check_main(wrong) == 0


def test_a_subclass_of_main_will_do(calls):
    class MyMain(Main):
        def switch(self, *args):
            raise AssertionError("what Python overrides is not for C")

    with MyMain() as main:
        t = calls.make(main, calls.echo, NULL)
        assert calls.switch_to(t, "value") == "value"
        assert calls.current(main) is calls.main_of(t) is main
        assert calls.stats_of(main)["n_active"] == 2 * main.stats().enabled
        assert calls.switch_to(main, 3) == 3


def test_current_main_and_parent(main, calls):
    def run():
        me = main.current
        assert calls.current(NULL) is calls.current(main) is me
        return calls.parent_of(me) is calls.main_of(me) is main

    t = main.tealet(run)
    assert calls.current(NULL) is calls.current(main) is main
    assert calls.parent_of(main) is None
    assert t.switch() is True
    assert calls.parent_of(t) is None
    assert calls.main_of(t) is calls.main_of(main) is main


def test_status(main, calls):
    new, stub, paused, ended = main.tealet(calls.hold), main.stub(), main.tealet(calls.hold), Main()
    paused.switch(None)
    ended.close()
    statuses = [calls.status_of(t) for t in (new, stub, paused, main, ended)]
    assert statuses == [0, 1, 2, 3, 4] == [t.status.value for t in (new, stub, paused, main, ended)]
    assert Status.DEFUNCT.value == 5


def test_current_of_the_innermost_domain(calls):
    assert calls.current(NULL) is None
    with Main() as outer:
        assert calls.current(NULL) is outer

        def run():
            assert calls.current(NULL) is outer.current
            with Main() as inner:
                assert calls.current(NULL) is inner
                outer.switch()
                assert calls.current(NULL) is inner
                t = inner.tealet(lambda: calls.current(NULL))
                assert t.switch() is t
                with Main() as innermost:
                    assert calls.current(NULL) is innermost
                assert calls.current(outer) is not calls.current(inner) is inner
            return calls.current(NULL) is outer.current

        t = outer.tealet(run)
        t.switch()
        # What was opened in a paused tealet cannot be used here.
        assert calls.current(NULL) is outer
        with Main() as beside:
            assert calls.current(NULL) is beside
        assert t.switch() is True
    assert calls.current(NULL) is None


# --- statistics ---


def test_stats_are_those_of_python(main, calls, paused):
    tealets = [paused(calls.sum_from, depth) for depth in range(1, 6)]
    stub = main.stub()
    twins = [stub.duplicate() for _ in range(3)]
    figures = calls.stats_of(main)
    stats = main.stats()
    assert figures == {name: getattr(stats, name) for name in figures}
    assert len(figures) == 13
    assert stats.enabled == (figures["blocks_allocated"] > 0) == (figures["stack_bytes"] > 0)
    assert calls.n_active(main) == stats.n_active
    main.close()
    final = main.stats()
    assert calls.stats_of(main) == {name: getattr(final, name) for name in figures}
    assert tealets and twins


# --- misuse ---

OF_A_TEALET = ("main_of", "parent_of", "switch_to", "throw_into", "close_tealet", "status_of")
OF_A_MAIN = ("current", "make", "stats_of")


@pytest.mark.parametrize("name", OF_A_TEALET + OF_A_MAIN)
@pytest.mark.parametrize("wrong", [3, None, "text", Tealet, NULL])
def test_wrong_types(main, calls, name, wrong):
    if (name, wrong) == ("current", NULL):
        return
    before = main.stats()
    shown = "NULL" if wrong is NULL else repr(wrong)
    needed = "Tealet" if name in OF_A_TEALET else "Main"
    with pytest.raises(TypeError) as caught:
        getattr(calls, name)(wrong, KeyError())
    assert f"() needs a tealetpp.{needed}, not {shown}" in str(caught.value)
    assert "PyTealet_" in str(caught.value)
    assert main.stats() == before


@pytest.mark.parametrize("name", OF_A_MAIN)
def test_a_tealet_is_no_main(main, calls, name):
    with pytest.raises(TypeError, match=r"needs a tealetpp.Main, not <tealetpp.Tealet"):
        getattr(calls, name)(main.tealet())


def test_other_wrong_arguments(main, calls, paused):
    with pytest.raises(TypeError, match="runs a callable, not 3"):
        calls.make(main, 3, NULL)
    with pytest.raises(TypeError, match="must be a tealet, not 3"):
        calls.make(main, int, 3)
    for wrong in (NULL, None, 3, int):
        with pytest.raises(TypeError, match="needs an exception"):
            calls.throw_into(paused(calls.hold, None), wrong)
    with pytest.raises(TypeError, match="needs a tealet_stats_t, not NULL"):
        calls.stats_into_null(main)
    check_stats(main)


@pytest.mark.parametrize("name", (*OF_A_TEALET, *OF_A_MAIN, "stats_into_null", "n_active"))
def test_nothing_is_done_while_an_exception_is_set(main, calls, paused, name):
    log = []
    function = main if name in (*OF_A_MAIN, "n_active") else paused(calls.hold, log)
    before = main.stats()
    for first in (function, NULL, 3):
        with pytest.raises(KeyError, match="set before"):
            calls.with_error(name, first, KeyError)
    assert main.stats() == before
    assert function


def test_the_checks_leave_an_exception_as_it_is(main, calls):
    assert [calls.checks_with_error(x) for x in (main, main.tealet(), 3, NULL)] == [3, 1, 0, 0]


def test_one_that_was_never_initialised(main, calls):
    for bare in (Tealet.__new__(Tealet), Main.__new__(Main)):
        assert calls.status_of(bare) == Status.EXITED.value
        assert calls.parent_of(bare) is calls.main_of(bare) is calls.close_tealet(bare) is None
        for call in (calls.switch_to, calls.throw_into):
            with pytest.raises(TypeError, match="never initialised"):
                call(bare, KeyError)
    assert calls.current(bare) is None
    assert calls.n_active(bare) == 0
    with pytest.raises(TypeError, match="never initialised"):
        calls.make(bare)


def test_an_ended_tealet(main, calls):
    ended, stub, bare = main.tealet(int), main.stub(), main.tealet()
    ended.switch()
    for call in (calls.switch_to, calls.throw_into):
        with pytest.raises(InvalidError, match="has ended"):
            call(ended, KeyError)
    with pytest.raises(InvalidError, match="no function"):
        calls.switch_to(stub)
    with pytest.raises(InvalidError, match="no function"):
        calls.switch_to(bare)
    with pytest.raises(InvalidError, match="has ended"):
        calls.make(main, int, ended)
    with pytest.raises(InvalidError, match="stub"):
        calls.make(main, int, stub)
    with Main() as other, pytest.raises(InvalidError, match="belongs to"):
        calls.make(main, int, other)
    check_stats(main)


def test_a_closed_domain(calls):
    main = Main()
    t = main.tealet(calls.hold)
    t.switch(None)
    main.close()
    assert calls.current(main) is calls.current(NULL) is None
    assert calls.main_of(t) is main
    for call in (calls.switch_to, calls.throw_into, calls.make):
        with pytest.raises(InvalidError, match="is closed"):
            call(main, KeyError)
    with pytest.raises(InvalidError, match="is closed"):
        calls.switch_to(t)
    assert calls.close_tealet(t) is calls.close_tealet(main) is None


def test_another_thread(main, calls, paused):
    t = paused(calls.hold, None)
    seen = []

    def run():
        assert calls.current(NULL) is None
        assert calls.current(main) is calls.main_of(t) is main
        attempts = {
            calls.switch_to: (t, 1),
            calls.throw_into: (t, KeyError),
            calls.close_tealet: (t,),
            calls.make: (main, int),
        }
        for call, arguments in attempts.items():
            with pytest.raises(ThreadError, match="cannot be used on this thread"):
                call(*arguments)
        with Main() as other:
            assert calls.current(NULL) is other
        seen.append(calls.status_of(t))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [Status.SUSPENDED.value]
    assert t.switch("still") == "still"


def test_past_the_memory_limit(calls):
    with Main(memory_limit=6000) as main:
        tealets = []
        with pytest.raises(MemoryError, match="memory limit"):
            while True:
                tealets.append(calls.make(main, calls.hold, NULL))
                calls.switch_to(tealets[-1], None)
        assert len(tealets) > 1
        check_stats(main)


# --- references ---


def references(*objects):
    return [sys.getrefcount(x) for x in objects]


def test_no_reference_is_lost_or_left(main, calls, paused):
    t, value, error = paused(calls.echo, None), object(), KeyError("error")
    ended = main.tealet(int)
    ended.switch()
    before = references(main, t, ended, value, error, calls.hold)
    for _ in range(10):
        calls.switch_to(t, value)
        calls.switch_to(main, value)
        calls.current(NULL), calls.current(main), calls.main_of(t), calls.parent_of(t)
        calls.make(main, calls.hold, t)
        calls.status_of(t), calls.n_active(main)
        for call in (calls.switch_to, calls.throw_into):
            with pytest.raises(InvalidError):
                call(ended, error)
        with pytest.raises(TypeError):
            calls.switch_to(value, value)
    error.__traceback__ = None
    t.switch(None)  # it holds what it was handed last
    after = references(main, t, ended, value, error, calls.hold)
    assert after == before


def test_nothing_grows(calls):
    def once():
        with Main() as main:
            t = calls.make(main, calls.sum_from, NULL)
            calls.switch_to(t, 8)
            calls.switch_to(calls.make_countdown(main, 1), 1)
            closed, dropped = calls.make(main, calls.hold, NULL), main.tealet(calls.echo)
            calls.switch_to(closed, main)
            calls.bounce(dropped, 10, "value")
            del dropped
            calls.close_tealet(closed)
            assert calls.switch_to(t, 1) == 37
            with pytest.raises(OSError):
                calls.throw_into(calls.make(main, int, NULL), OSError)
        assert main.stats().bytes_allocated == main.stats().blocks_allocated == 0

    def measure(rounds):
        for _ in range(rounds):
            once()
        gc.collect()
        return sys.getallocatedblocks(), getattr(sys, "gettotalrefcount", int)()

    measure(20)
    blocks, total = measure(5)
    more_blocks, more_total = measure(200)
    assert more_blocks - blocks < 100
    assert more_total - total < 100


def test_a_switch_holds_the_tealet_until_it_returns(main, calls):
    """As a Python frame does, whatever becomes of the caller's own reference meanwhile."""
    log = []

    def run():
        try:
            calls.set_slot(None)
            other.switch()
        finally:
            log.append("ended")

    other = main.tealet(lambda: log.append("other"))
    calls.set_slot(main.tealet(run))
    assert calls.switch_to_slot() is None
    assert log == ["other", "ended"]


def test_a_switch_may_be_the_last_to_need_the_main(calls):
    main = Main()

    def run():
        calls.set_slot(None)
        return "end"

    calls.set_slot(main.tealet(run))
    gone = weakref.ref(main)
    del main
    assert calls.switch_to_slot() == "end"
    assert gone() is None


# --- the table ---


def test_each_may_import_the_table_again(calls):
    assert calls.import_table() is calls.import_own_table() is None


def test_a_table_that_has_grown_will_do(main, calls):
    assert calls.import_other(1, 64) is None
    assert calls.current(main) is main
    calls.import_table()


@pytest.mark.parametrize(("version", "more"), [(2, 0), (0, 0), (1, -8), (2, 64)])
def test_another_table_is_refused(main, calls, version, more):
    with pytest.raises(ImportError, match=f"has version {version} and .* built for version 1 "):
        calls.import_other(version, more)
    assert calls.current(main) is main


@pytest.mark.parametrize(
    ("package", "message"),
    [
        (None, "could not import module"),
        ({"__init__.py": ""}, "too old"),
        ({"__init__.py": "from . import _tealetpp", "_tealetpp.py": ""}, "too old"),
        ({"__init__.py": "from . import _tealetpp", "_tealetpp.py": "_C_API = 3"}, "too old"),
    ],
)
def test_without_tealetpp_there_is_an_import_error(calls, tmp_path, package, message):
    if package is not None:
        (tmp_path / "tealetpp").mkdir()
        for name, text in package.items():
            (tmp_path / "tealetpp" / name).write_text(text)
    program = (
        "import sys\n"
        f"sys.path[:] = [{str(tmp_path)!r}, {str(Path(calls.__file__).parent)!r}]"
        " + [p for p in sys.path if p.endswith(('lib-dynload', '.zip')) or 'encodings' in p]\n"
        "sys.modules.pop('tealetpp', None)\n"
        "try:\n"
        "    import capsule_calls\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert message in done.stdout, done.stderr


# --- the example, and the document ---


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return build(ROOT / "examples" / "python_capi", tmp_path_factory.mktemp("example"))


def run_python(example, *args):
    search = [str(example), *sys.path]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search))}
    done = subprocess.run([sys.executable, *args], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_example(example):
    printed = run_python(example, str(ROOT / "examples" / "python_capi" / "feed.py"))
    assert printed[0] == "text 0 is complete: ['add', '1', ['mul', '2', '3']]"
    assert printed[-1] == "the same as from whole texts: True"
    assert len(printed) == 5


def test_what_the_document_says_to_copy(tmp_path):
    text = (ROOT / "docs" / "python-c-api.md").read_text()
    section = text[text.index("## In your own module") : text.index("## Functions")]
    source, project, program, printed = re.findall(r"^```\w*\n(.*?)^```$", section, re.M | re.S)
    (tmp_path / "averages.c").write_text(source)
    (tmp_path / "CMakeLists.txt").write_text(project)
    assert run_python(build(tmp_path, tmp_path / "build"), "-c", program) == printed.splitlines()


def test_the_examples_parser(example):
    """Cut in two at every place; then what is no text, or goes wrong in the middle."""
    program = """
import sexpr, sys
from tealetpp import Main, Status, TealetExit
text = "(a (b\\t) () (\\N{GREEK SMALL LETTER ALPHA}c d)\\n) ".encode()
whole = sexpr.parse(text)
assert whole == ["a", ["b"], [], ["\\N{GREEK SMALL LETTER ALPHA}c", "d"]], whole

def fails(error, call, *args):
    try:
        call(*args)
    except error as e:
        return str(e)
    raise AssertionError(args)

with Main() as main:
    for i in range(1, len(text) - 2):
        t = main.tealet(sexpr.parse)
        assert t.switch(text[:i]) is None
        assert t.switch(text[i:]) == whole
    fails(ValueError, sexpr.parse, b"(a")
    fails(ValueError, sexpr.parse, b"a")
    fails(ValueError, sexpr.parse, b"")
    fails(ValueError, sexpr.parse, b"(" + 300 * b"a" + b")")
    fails(UnicodeDecodeError, sexpr.parse, b"(\\xff)")
    fails(TypeError, sexpr.parse, "(a)")
    fails(RecursionError, sexpr.parse, sys.getrecursionlimit() * 10 * b"(")
    for wrong, error in ((3, TypeError), (b"", ValueError)):
        t = main.tealet(sexpr.parse)
        t.switch(b"(a (b ")
        fails(error, t.switch, wrong)
    piece = b"(a (b " + bytes([32])
    before = sys.getrefcount(piece)
    t = main.tealet(sexpr.parse)
    t.switch(piece)
    assert sys.getrefcount(piece) > before
    del t
    assert sys.getrefcount(piece) == before
    t = main.tealet(sexpr.parse)
    t.switch(piece)
    assert "closed" in fails(OSError, t.throw, OSError("closed by peer"))
    assert sys.getrefcount(piece) == before
    assert main.stats().n_active == main.stats().enabled
fails(ValueError, sexpr.parse, b"(a")
print("passed")
"""
    assert run_python(example, "-c", program) == ["passed"]
