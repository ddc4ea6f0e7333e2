"""Checks of an extension module's C++ tealets and Python's tealets, nested in one process.

tests/test_embedding.py runs it. It also runs the checks of handing_over.py.
"""

import gc
import sys

import handing_over
import walks

import tealetpp

LEAVES = list(range(8))


def deeper(levels, function):
    """Call a function below `levels` calls that go through C++."""
    return walks.call(lambda: deeper(levels - 1, function)) if levels else function()


def take(walk, count):
    return [next(walk) for _ in range(count)]


def check_a_walk_alone():
    walk = walks.Walk(3)
    assert take(walk, 4) == [0, 1, 2, 3]
    assert walks.open_walks() == 1
    assert list(walk) == [4, 5, 6, 7]
    assert walks.open_walks() == 0
    assert list(walk) == []


def check_the_statistics():
    walk = walks.Walk(3)
    public = {name for name in dir(tealetpp.StatsDifference) if not name.startswith(("_", "to_"))}
    before = walk.stats()
    assert set(before) == public - {"seconds", "per_second"}
    if not before["n_active"]:
        return  # the library was built without statistics
    assert (before["n_active"], before["stack_count"]) == (2, 0)
    next(walk)
    paused = walk.stats()
    assert paused["stack_count"] == 1
    assert 0 < paused["stack_bytes"] < 4096
    assert paused["stack_bytes"] == paused["stack_bytes_naive"]
    walk.close()
    assert walk.stats()["n_active"] == 1
    assert walk.stats()["stack_bytes"] == 0


def check_a_paused_walk_is_unwound():
    walk = walks.Walk(3)
    next(walk)
    assert walks.open_walks() == 1
    walk.close()
    assert walks.open_walks() == 0
    assert list(walk) == []
    walk = walks.Walk(3)
    next(walk)
    del walk
    assert walks.open_walks() == 0


def check_an_exception_of_cpp_arrives():
    walk = walks.Walk(3, fail_at=2)
    assert take(walk, 2) == [0, 1]
    try:
        next(walk)
    except RuntimeError as error:
        assert str(error) == "a leaf that fails"
    else:
        raise AssertionError("no exception")
    assert walks.open_walks() == 0
    assert list(walk) == []


def check_python_tealets_that_walk():
    """Each has its own walk, and resumes it at another depth of the stack each time."""
    with tealetpp.Main() as main:

        def walker(levels):
            walk = walks.Walk(3)
            seen = []
            for step in range(len(LEAVES)):
                seen.append(deeper((levels * step) % 7, lambda: next(walk)))
                deeper(levels, main.switch)
            return seen

        tealets = [main.tealet(walker) for _ in range(6)]
        for levels, tealet in enumerate(tealets):
            tealet.switch(levels)
        results = []
        while tealets:
            for tealet in tealets[::-1]:
                result = tealet.switch()
                if not tealet:
                    results.append(result)
            tealets = [tealet for tealet in tealets if tealet]
            gc.collect()
        assert results == [LEAVES] * 6


def check_python_tealets_that_share_a_walk():
    with tealetpp.Main() as main:
        walk = walks.Walk(4)

        def worker(levels):
            seen = []
            for value in deeper(levels, lambda: walk):
                seen.append(value)
                deeper(levels, main.switch)
            return seen

        tealets = [main.tealet(worker) for _ in range(3)]
        for levels, tealet in enumerate(tealets):
            tealet.switch(levels * 3)
        seen = []
        while tealets:
            for tealet in tealets:
                result = tealet.switch()
                if not tealet:
                    seen += result
            tealets = [tealet for tealet in tealets if tealet]
        assert sorted(seen) == list(range(16))


def check_python_tealets_in_a_cpp_tealet():
    def countdowns():
        with tealetpp.Main() as main:

            def count_down(n):
                while n:
                    deeper(n, lambda: main.switch(n))
                    n -= 1
                return "liftoff"

            tealets = [main.tealet(count_down) for _ in range(3)]
            return [[tealet.switch(3) for tealet in tealets]] + [
                [tealet.switch() for tealet in tealets] for _ in range(3)
            ]

    expected = [[3] * 3, [2] * 3, [1] * 3, ["liftoff"] * 3]
    assert walks.call_in_tealet(countdowns) == expected
    assert walks.call_in_tealet(lambda: walks.call_in_tealet(countdowns)) == expected


def check_all_nested():
    """A Python tealet runs a C++ tealet, which runs a Python tealet, which runs a walk."""
    with tealetpp.Main() as outer:

        def inside():
            with tealetpp.Main() as inner:

                def walker():
                    for value in walks.Walk(3):
                        inner.switch(value)

                with inner.tealet(walker) as tealet:
                    return [tealet.switch() for _ in LEAVES]

        def run():
            first = walks.call_in_tealet(inside)
            outer.switch()
            return first, walks.call_in_tealet(inside)

        tealets = [outer.tealet(run) for _ in range(3)]
        for tealet in tealets:
            tealet.switch()
        assert [tealet.switch() for tealet in tealets] == [(LEAVES, LEAVES)] * 3
    assert walks.open_walks() == 0


def check_pausing_inside_a_cpp_tealet():
    """The C++ tealet moves with the Python tealet that it runs in."""
    with tealetpp.Main() as main:
        with main.tealet(lambda: walks.call_in_tealet(main.switch)) as tealet:
            tealet.switch()
            assert list(walks.call(lambda: range(100))) == list(range(100))
            assert tealet.switch("handed in") == "handed in"


def check_a_python_exception_crosses_both():
    def fail():
        raise KeyError("from below")

    with tealetpp.Main() as main:
        tealet = main.tealet(lambda: walks.call_in_tealet(lambda: walks.call(fail)))
        try:
            tealet.switch()
        except KeyError as error:
            assert error.args == ("from below",)
        else:
            raise AssertionError("no exception")
        assert tealet.status is tealetpp.Status.EXITED


def check_closing_unwinds_both():
    with tealetpp.Main() as main:
        ended = []

        def hold():
            walk = walks.Walk(3)
            try:
                next(walk)
                main.switch()
            finally:
                ended.append(walks.open_walks())

        with main.tealet(lambda: walks.call_in_tealet(hold)) as tealet:
            tealet.switch()
            assert walks.open_walks() == 1
        assert ended == [1]
        gc.collect()
        assert walks.open_walks() == 0


def main():
    found = [*globals().items(), *vars(handing_over).items()]
    checks = [check for name, check in found if name.startswith("check_")]
    for check in checks:
        for _ in range(3):
            check()
    gc.collect()
    print(f"nanobind_module: {len(checks)} checks, {walks.open_walks()} walks left open")
    return 0


if __name__ == "__main__":
    sys.exit(main())
