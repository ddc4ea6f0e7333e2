"""Python frames of every size, and where they lie: the data stack."""

import threading
import types
from pathlib import Path

import pytest

from conftest import check_stats, current_figures
from tealetpp import Main


def make_large(size):
    """A function with a frame of about `size` words that pauses in the middle."""
    names = [f"v{n}" for n in range(size)]
    source = ["def large(main, depth):"]
    source += [f"    {name} = depth + {n}" for n, name in enumerate(names)]
    source += ["    main.switch() if depth == 0 else large(main, depth - 1)"]
    source += ["    total = 0", *(f"    total += {name}" for name in names), "    return total"]
    namespace = {}
    exec("\n".join(source), namespace)
    return namespace["large"]


@pytest.mark.parametrize("size", [0, 1, 10, 100, 1000, 2040, 2050, 5000])
def test_frames_of_every_size(main, size):
    large = make_large(size)
    ts = [main.tealet(large) for _ in range(4)]
    for n, t in enumerate(ts):
        t.switch(main, n)
        check_stats(main)
    for n, t in enumerate(ts):
        assert t.switch() == sum(range(size)) + n * size
    assert main.stats().n_active == 1


@pytest.mark.parametrize("size", [0, 7, 50, 300])
def test_recursion_across_the_first_chunks_edge(main, size):
    """Calls cross the end of the first chunk in both directions, with other tealets in between."""
    large = make_large(size)

    def run():
        return [large(main, depth) for depth in (0, 1, 2, 5, 20, 100, 2, 1, 0, 50)]

    ts = [main.tealet(run) for _ in range(3)]
    for _ in range(10):
        for t in ts:
            t.switch()
    results = [t.switch() for t in ts]
    base = sum(range(size))
    assert results == [[base + size * d for d in (0, 1, 2, 5, 20, 100, 2, 1, 0, 50)]] * 3


def test_many_small_steps_over_the_edge(main):
    def deeper(n):
        main.switch(n)
        if n < 300:
            deeper(n + 1)
        main.switch(n)

    a, b = main.tealet(deeper), main.tealet(deeper)
    a.switch(0), b.switch(0)
    for n in [*range(1, 301), *range(300, -1, -1)]:
        assert a.switch() == n
        assert b.switch() == n
    assert a.switch() is b.switch() is None


def test_a_tealet_that_has_ended_leaves_nothing(main):
    large = make_large(30)
    begun = current_figures(main.stats())
    for depth in (0, 1, 5, 40, 40, 3, 0, 200, 200):
        t = main.tealet(large)
        t.switch(main, depth)
        check_stats(main)
        assert t.switch() == sum(range(30)) + 30 * depth
        del t
        assert current_figures(main.stats()) == begun


def test_the_same_function_as_stub_and_tealet_and_through_c(main):
    large = make_large(100)
    stub = main.stub()
    ts = [main.tealet(large), stub.duplicate(), stub]
    ts[0].switch(main, 3)
    ts[1].run(large, main, 3)
    ts[2].run(lambda: list(map(lambda _: large(main, 3), [0]))[0])
    assert [t.switch() for t in ts] == [sum(range(100)) + 300] * 3


def test_generators_that_grow_the_stack(main):
    def generate(depth):
        if depth:
            yield from generate(depth - 1)
        yield main.switch(depth)

    ts = [main.tealet(lambda: list(generate(50))) for _ in range(3)]
    for n in range(51):
        assert [t.switch(n) if n else t.switch() for t in ts] == [n] * 3
    assert [len(t.switch("last")) for t in ts] == [51] * 3


def test_locals_survive_all_the_others(main):
    def run(n, depth):
        a, b, c = n, [n], str(n)
        if depth:
            run(n + 1, depth - 1)
        else:
            main.switch()
        assert (a, b, c) == (n, [n], str(n))
        return n

    ts = [main.tealet(run) for _ in range(200)]
    for n, t in enumerate(ts):
        t.switch(n, n % 37)
    assert [t.switch() for t in ts[::2]] == [*range(0, 200, 2)]
    ts[::2] = [main.tealet(run) for _ in ts[::2]]
    for n, t in enumerate(ts[::2]):
        t.switch(n, 36 - n % 37)
    assert all(isinstance(t.switch(), int) for t in ts)


def test_a_recursion_error_beyond_the_edge_leaves_the_stack_in_order(main):
    large = make_large(20)

    def run():
        for _ in range(3):
            with pytest.raises(RecursionError):
                large(main, 10**6)
            main.switch()
        return "fine"

    ts = [main.tealet(run) for _ in range(3)]
    for _ in range(3):
        for t in ts:
            t.switch()
    assert [t.switch() for t in ts] == ["fine"] * 3


def test_a_tealet_that_begins_where_another_one_ended(main):
    def small(argument):
        if argument is None:
            main.switch()

    def deep(n):
        return deep(n - 1) if n else 1

    def cost():
        before = main.stats().bytes_allocated
        tealet = main.tealet(small)
        tealet.switch(None)
        taken = main.stats().bytes_allocated - before
        tealet.close()
        return taken

    for _ in range(20):
        cost()  # until the call of main.switch() is warm
    expected = cost()
    for _ in range(12):
        heir = main.tealet(small)
        main.tealet(lambda: deep(30), parent=heir).switch()
    assert cost() == expected


def test_calls_over_the_edge_of_a_chunk_map_no_memory_each_time(main):
    resource = pytest.importorskip("resource")

    def wide(n):
        a = b = c = d = e = f = g = h = n
        return a + b + c + d + e + f + g + h

    def calls(depth, count):
        if depth:
            return calls(depth - 1, count)
        for i in range(count):
            wide(i)

    def faults(count):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for depth in range(90, 190):  # the first chunk ends below one of these
            main.tealet(calls).switch(depth, count)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    # Each newly mapped chunk causes a page fault.
    assert faults(1_000) < 500


def anonymous_bytes():
    """Bytes of anonymous writable mappings. Data-stack chunks are such mappings."""
    total = 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, access, _, _, inode = line.split()[:5]
        if access == "rw-p" and inode == "0":
            begin, end = (int(address, 16) for address in addresses.split("-"))
            total += end - begin
    return total


@pytest.fixture
def small_thread_stacks():
    """The C library may cache stacks of ended threads. Small ones hardly count."""
    before = threading.stack_size(256 * 1024)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("small_thread_stacks")
def test_a_thread_that_ends_leaves_no_chunk_behind():
    def deep(n):
        return deep(n - 1) if n else None

    def run():
        with Main() as main:
            main.tealet(deep).switch(50)

    def threads(count):
        for _ in range(count):
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()

    threads(20)  # other memory that threads need is cached now
    before = anonymous_bytes()
    threads(200)
    assert anonymous_bytes() - before < 100 * 16 * 1024


def test_a_tealet_may_drop_at_its_end_what_switches(main):
    class SwitchesWhenDropped:
        def __del__(self):
            def many(x):
                return (x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x)[0]

            a = b = c = d = e = f = g = h = None
            seen.append((main.tealet(many).switch(1), a, b, c, d, e, f, g, h)[0])

    def short(owned=None):
        pass

    seen = []
    for _ in range(50):
        function = types.FunctionType(short.__code__, {}, "short", (SwitchesWhenDropped(),))
        tealet = main.tealet(function)
        del function
        tealet.switch()
    assert seen == [1] * 50
