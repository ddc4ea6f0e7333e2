"""The C stack of tealets: RecursionError is raised before it ends.

A failure would kill the process by a signal, so most programs run in a process of their own.
"""

import functools
import subprocess
import sys
import textwrap
import threading
import types

import pytest

from tealetpp import Main

# Recursions that take C stack at every level, from very little to the most that CPython takes.
PRELUDE = """
import functools, json, sys, threading
from tealetpp import Main

def by_sorted(n):
    return at_end() if n == 0 else sorted([n - 1], key=by_sorted)

def by_sort_of_a_list(n):
    return at_end() if n == 0 else [n - 1].sort(key=lambda n: by_sort_of_a_list(n))

def by_map(n):
    return at_end() if n == 0 else list(map(by_map, [n - 1]))

def by_reduce(n):
    return at_end() if n == 0 else functools.reduce(lambda a, b: by_reduce(n - 1), [1, 2])

def by_class(n):
    class Named:
        def __set_name__(self, owner, name):
            by_class(n - 1)
    if n == 0:
        return at_end()
    class Owner:
        named = Named()

class Attribute:
    def __init__(self, n):
        self.n = n
    def __getattr__(self, name):
        return at_end() if self.n == 0 else getattr(Attribute(self.n - 1), name)

def by_attribute(n):
    return Attribute(n).x

class Shown:
    def __init__(self, n):
        self.n = n
    def __repr__(self):
        at_end()
        return ""

def nest(n, innermost):
    for _ in range(n):
        innermost = [innermost]
    return innermost

def by_repr(n):
    repr(nest(n, Shown(n)))

def by_json(n):
    json.dumps(nest(n, Shown(n)), default=lambda shown: at_end())

kinds = [by_sorted, by_sort_of_a_list, by_map, by_reduce, by_class, by_attribute, by_repr, by_json]

def at_end():
    pass

def ends_in_recursion_error(recurse, n=20_000):
    try:
        recurse(n)
    except RuntimeError as error:
        # An error in __set_name__() is the cause of another one, in 3.11.
        while error.__cause__ is not None:
            error = error.__cause__
        return isinstance(error, RecursionError)
    return False

def c_levels():
    # How many calls through C are possible from here.
    def go(n):
        try:
            return list(map(go, [n + 1]))[0]
        except RecursionError:
            return n
    return go(0)

def python_levels():
    def go(n):
        try:
            return go(n + 1)
        except RecursionError:
            return n
    return go(0)

def as_deep_as_possible(do):
    # The results of do(), called deeper and deeper on the C stack, until that is refused.
    results = []
    def deeper(_):
        results.append(do())
        sorted([1], key=deeper)
    try:
        deeper(1)
    except RecursionError:
        pass
    return results

def at_depth(n, do):
    # The result of do(), called where as_deep_as_possible() calls it the nth time.
    results = []
    def deeper(n):
        if n:
            sorted([n - 1], key=deeper)
        else:
            results.append(do())
    deeper(n)
    return results[0]
"""


def run(program, *arguments, prelude=PRELUDE):
    """Run a program, which must succeed. Returns the lines that it prints."""
    code = prelude + textwrap.dedent(program)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr[-2000:])
    return done.stdout.split("\n")[:-1]


on_top_of_each_other = """
    limit, levels = int(sys.argv[1]), int(sys.argv[2])
    sys.setrecursionlimit(limit)
    with Main() as main:
        for recurse in kinds:
            def at_end():
                main.tealet(recurse).switch(levels)
            print(recurse.__name__, ends_in_recursion_error(recurse, levels))
            print(main.stats().n_active, main.tealet(int).switch())
"""


@pytest.mark.rule("misuse-stack")
@pytest.mark.parametrize("levels", [3, 100, 200, 300, 800])
def test_tealets_that_begin_on_top_of_each_other_each_a_little_deep(levels):
    lines = run(on_top_of_each_other, 1000, levels)
    assert len(lines) == 16
    assert all(line.endswith(" True") for line in lines[::2]), lines
    assert set(lines[1::2]) == {"1 0"}


@pytest.mark.parametrize(("limit", "levels"), [(300, 100), (1500, 300), (100_000, 300)])
def test_and_with_another_recursion_limit(limit, levels):
    lines = run(on_top_of_each_other, limit, levels)
    assert all(line.endswith(" True") for line in lines[::2]), lines


SLOW_IN_DEBUG_BUILD = pytest.mark.skipif(
    hasattr(sys, "gettotalrefcount") and sys.version_info >= (3, 14),
    reason="takes minutes in a debug build that counts no C calls",
)


@pytest.mark.rule("misuse-stack")
@pytest.mark.parametrize(
    "recurse",
    ["by_sorted", "by_map", pytest.param("by_repr", marks=SLOW_IN_DEBUG_BUILD), "by_class"],
)
def test_a_chain_in_which_the_last_one_recurses_without_end(recurse):
    """Wherever a tealet begins on the stack, its recursion ends before the stack does."""
    lines = run(
        """
        recurse = globals()[sys.argv[1]]
        with Main() as main:
            def begin(links):
                global at_end
                if links == 0:
                    return ends_in_recursion_error(recurse)
                def at_end():
                    results.append(main.tealet(begin).switch(links - 1))
                by_sorted(30)
            for links in range(0, 60, 3):
                results = []
                try:
                    begin(links)
                except RecursionError:
                    print(True)
                else:
                    print(True if links == 0 else results[0])
        """,
        recurse,
    )
    assert lines == ["True"] * 20


def test_domains_in_tealets_of_each_other():
    lines = run(
        """
        def work():
            with Main() as main:
                def at_end():
                    main.tealet(work).switch()
                def down(n):
                    return at_end() if n == 0 else sorted([1], key=lambda _: down(n - 1))
                down(100)
        print(ends_in_recursion_error(lambda n: work()))
        """
    )
    assert lines == ["True"]


# --- stubs ---


@pytest.mark.parametrize("limit", [1000, 5000, 100_000])
def test_a_stub_that_is_captured_deep_and_run_from_shallow(limit):
    lines = run(
        """
        sys.setrecursionlimit(int(sys.argv[1]))
        with Main() as main:
            stubs = as_deep_as_possible(main.stub)
            for recurse in kinds:
                for stub in stubs[-1].duplicate(), stubs[len(stubs) // 2].duplicate():
                    print(stub.run(ends_in_recursion_error, recurse, 100_000))
            print(stubs[-1].run(list, "still works"))
        """,
        limit,
    )
    assert lines[-1] == str(list("still works"))
    deep, half = lines[0:-1:2], lines[1:-1:2]
    if limit > 1000:  # otherwise it begins with the whole limit and most of the stack
        assert set(deep) == {"True"}, lines
    assert set(half[:6]) == {"True"}, lines


def test_a_stub_that_is_captured_shallow_and_run_from_deep_has_what_it_would_have_had():
    shallow, deep, duplicated = run(
        """
        with Main() as main:
            stub = main.stub()
            print(stub.duplicate().run(c_levels))
            deepest = len(as_deep_as_possible(lambda: None)) - 1
            begun = [at_depth(n, lambda: stub.duplicate().run(c_levels))
                     for n in (1, 10, deepest // 2, deepest - 20)]
            print(*set(begun))
            print(*{stub.duplicate().run(c_levels) for _ in range(20)})
        """
    )
    assert shallow == deep == duplicated


def test_a_stub_begins_with_the_limit_as_it_is_then():
    usual, lowered, raised = run(
        """
        with Main() as main:
            stub = main.stub()
            for limit in 1000, 500, 1500:
                sys.setrecursionlimit(limit)
                print(stub.duplicate().run(python_levels))
        """
    )
    assert int(usual) - int(lowered) == int(raised) - int(usual) == 500


# --- other ways to begin ---


def test_where_another_one_has_ended():
    """A new parent gets its child's result, and begins at the place of the child."""
    lines = run(
        """
        sys.setrecursionlimit(100_000)
        with Main() as main:
            def ends(_=None):
                return ends_in_recursion_error(by_sorted)
            def child():
                parent = main.tealet(ends)
                return main.tealet(int, parent=parent).switch()
            # By the like of what child() does: a stub is captured from other C frames.
            def calls():
                return sorted([1], key=lambda n: n)
            deepest = len(as_deep_as_possible(lambda: main.tealet(calls).switch())) - 2
            for depth in deepest, deepest - 5, deepest // 2:
                print(at_depth(depth, child))
        """
    )
    assert lines == ["True"] * 3


def test_thrown_into_before_it_began():
    before, after = run(
        """
        with Main() as main:
            def thrown():
                t = main.tealet(int)
                try:
                    t.throw(KeyError)
                except KeyError:
                    pass
            levels = []
            def deeper(_):
                levels.append((c_levels(), thrown(), c_levels()))
                if len(levels) < 20:
                    sorted([1], key=deeper)
            deeper(1)
            print([before for before, _, _ in levels])
            print([after for _, _, after in levels])
        """
    )
    assert before == after


def test_the_depth_is_what_it_was_after_every_switch():
    lines = run(
        """
        with Main() as main:
            def parked(n):
                if n:
                    return sorted([n - 1], key=parked)
                left = c_levels(), python_levels()
                for _ in range(3):
                    main.switch()
                    assert (c_levels(), python_levels()) == left
            stub = main.stub()
            left = c_levels(), python_levels()
            ts = []
            for n in 0, 10, 50, 100:
                t = stub.duplicate()
                t.run(parked, n)
                new = main.tealet(parked)
                new.switch(n)
                ts += [t, new]
                assert (c_levels(), python_levels()) == left
            for _ in range(3):
                for t in ts:
                    t.switch()
                    assert (c_levels(), python_levels()) == left
                    assert main.tealet(ends_in_recursion_error).switch(by_map)
                    assert (c_levels(), python_levels()) == left
            print("done")
        """
    )
    assert lines == ["done"]


# --- the limits of plain Python ---


def test_a_tealet_that_begins_near_the_top_has_what_plain_python_has():
    plain, tealet, stub = run(
        """
        with Main() as main:
            print(c_levels())
            print(main.tealet(c_levels).switch())
            print(main.stub().run(c_levels))
        """
    )
    assert int(tealet) >= int(plain)
    assert int(stub) >= int(plain)


def test_nested_lists_as_deep_as_plain_python_shows_them():
    lines = run(
        """
        def deepest():
            low, high = 1, 20_000
            while high - low > 1:
                middle = (low + high) // 2
                try:
                    repr(nest(middle, 1))
                    low = middle
                except RecursionError:
                    high = middle
            return low
        with Main() as main:
            print(deepest())
            print(main.tealet(deepest).switch())
            sys.setrecursionlimit(100_000)
            t = main.tealet(lambda: ends_in_recursion_error(lambda n: repr(nest(n, 1)), 900))
            print(t.switch())
        """
    )
    assert int(lines[1]) >= int(lines[0])
    assert lines[2] == "False"


def test_calls_from_python_to_python_have_a_full_limit_wherever_a_tealet_begins():
    lines = run(
        """
        with Main() as main:
            def begin(n):
                return begin(n - 1) if n else main.tealet(python_levels).switch()
            print(*(begin(n) for n in (0, 300, 900)))
            def begin(n):
                return sorted([n - 1], key=begin) if n else found.append(
                    main.tealet(python_levels).switch())
            found = []
            for n in 0, 100, 200:
                begin(n)
            print(*found)
        """
    )
    levels = {int(n) for line in lines for n in line.split()}
    assert len(levels) == 1
    assert 950 < levels.pop() <= 1000


def test_with_a_high_limit_python_recurses_as_far_in_a_tealet():
    lines = run(
        """
        sys.setrecursionlimit(10**6)
        with Main() as main:
            def down(n):
                return down(n - 1) + 1 if n else main.switch(0)
            t = main.tealet(down)
            t.switch(200_000)
            print(t.switch(1))
        """
    )
    assert lines == ["200001"]


# --- small stacks ---

on_a_small_stack = """
    threading.stack_size(int(sys.argv[1]) * 1024)
    def on_thread(function):
        thread = threading.Thread(target=function)
        thread.start()
        thread.join()
"""


@pytest.mark.parametrize("size", [128, 256, 512, 1024, 4096])
def test_python_recurses_as_far_in_a_thread_with_a_small_stack(size):
    lines = run(
        on_a_small_stack
        + """
    def play():
        with Main() as main:
            print(main.tealet(python_levels).switch())
            print(main.stub().run(python_levels))
    on_thread(play)
        """,
        size,
    )
    assert all(950 < int(line) <= 1000 for line in lines)


@pytest.mark.parametrize("size", [256, 512, 1024, 4096])
def test_calls_through_c_in_a_thread_with_a_small_stack(size):
    """3.11 has one limit for all calls. Plain Python does not lower it for such a thread."""
    lines = run(
        on_a_small_stack
        + """
    if sys.version_info < (3, 12):
        sys.setrecursionlimit(int(sys.argv[1]) * 1024 // 3000)
    def play():
        with Main() as main:
            for recurse in kinds:
                print(main.tealet(ends_in_recursion_error).switch(recurse, 100_000))
                print(main.stub().run(ends_in_recursion_error, recurse, 100_000))
    on_thread(play)
        """,
        size,
    )
    assert lines == ["True"] * 16


@pytest.mark.parametrize("size", [256, 512, 1024, 4096])
def test_tealets_that_begin_deep_on_a_small_stack(size):
    lines = run(
        on_a_small_stack
        + """
    def play():
        with Main() as main:
            def begin(_):
                main.tealet(down).switch()
            def down():
                for _ in range(2):
                    sorted([1], key=begin)
            print(ends_in_recursion_error(begin))
            print(main.tealet(int).switch())
    on_thread(play)
        """,
        size,
    )
    assert lines == ["True", "0"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="one counter for all calls")
def test_containers_are_freed_at_once_even_where_the_c_stack_is_nearly_used_up():
    lines = run(
        """
        import weakref
        class Container(list):
            pass
        def dies_at_once():
            container = Container([1])
            gone = weakref.ref(container)
            del container
            return gone() is None
        sys.setrecursionlimit(100_000)
        with Main() as main:
            deepest = len(as_deep_as_possible(main.stub)) - 1
            print(at_depth(deepest, lambda: main.tealet(dies_at_once).switch()))
        """
    )
    assert lines == ["True"]


@pytest.mark.rule("pending-deep")
@pytest.mark.parametrize(
    "function",
    [
        lambda t: types.MethodType(print, t),
        lambda t: functools.partial(print, t),
        lambda t: lambda: t,
    ],
    ids=["method", "partial", "closure"],
)
@pytest.mark.parametrize("stack", [None, 4 << 20], ids=["main thread", "4 MB"])
def test_a_long_chain_of_tealets_that_have_not_begun_can_be_dropped(function, stack):
    """The function of each tealet refers to the next tealet."""

    def run():
        main = Main()
        t = main.tealet(print)
        for _ in range(60_000):
            t = main.tealet(function(t))
        del t
        main.tealet(int).switch()  # a safe point
        left.append(main.stats().n_active)
        main.close()

    left = []
    if stack is None:
        run()
    else:
        before = threading.stack_size(stack)
        thread = threading.Thread(target=run)
        thread.start()
        threading.stack_size(before)
        thread.join()
    assert left == [1]
