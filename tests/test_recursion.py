"""Kept apart per tealet: the recursion depth."""

import subprocess
import sys

import pytest

from tealetpp import Main


def depth_left():
    """The number of nested Python calls that are possible from here."""

    def go(n):
        try:
            return go(n + 1)
        except RecursionError:
            return n

    return go(0)


def test_a_recursion_error_in_one_does_not_affect_the_others(main):
    def overflow():
        return overflow()

    def run():
        main.switch()
        with pytest.raises(RecursionError):
            overflow()
        main.switch()
        return depth_left()

    ts = [main.tealet(run) for _ in range(5)]
    for _ in range(2):
        for t in ts:
            t.switch()
    before = depth_left()
    left = [t.switch() for t in ts]
    assert len(set(left)) == 1
    assert abs(depth_left() - before) <= 1


def test_the_depth_of_one_is_not_counted_for_another(main):
    sys.setrecursionlimit(1000)

    def deep(n):
        return deep(n - 1) if n else main.switch("deep")

    ts = [main.tealet(deep) for _ in range(10)]
    assert [t.switch(500) for t in ts] == ["deep"] * 10
    left = depth_left()
    assert left > 600
    for t in ts:
        t.switch()
        assert depth_left() == left


def test_it_returns_with_every_switch(main):
    sys.setrecursionlimit(600)

    def at(n):
        if n:
            return at(n - 1)
        left = depth_left()
        for _ in range(3):
            main.switch()
            assert depth_left() == left
        return left

    ts = {n: main.tealet(at) for n in (0, 50, 100)}
    for n, t in ts.items():
        t.switch(n)
    for _ in range(2):
        for t in ts.values():
            t.switch()
    left = {n: t.switch() for n, t in ts.items()}
    assert left[0] - left[50] == left[50] - left[100] == 50


def test_the_limit_is_changed_while_others_are_paused(main):
    def run():
        left = depth_left()
        main.switch()
        raised = depth_left()
        main.switch()
        return left, raised, depth_left()

    sys.setrecursionlimit(600)
    t = main.tealet(run)
    t.switch()
    sys.setrecursionlimit(900)
    t.switch()
    sys.setrecursionlimit(500)
    left, raised, lowered = t.switch()
    assert raised - left == 300
    assert left - lowered == 100


def test_the_limit_is_changed_inside(main):
    sys.setrecursionlimit(600)
    before = depth_left()
    main.tealet(sys.setrecursionlimit).switch(800)
    assert depth_left() - before == 200


def test_deep_recursion_in_many(main):
    sys.setrecursionlimit(5000)

    def deep(n):
        if n == 0:
            return main.switch(0)
        return deep(n - 1) + 1

    ts = [main.tealet(deep) for _ in range(30)]
    for t in ts:
        t.switch(2000)
    assert [t.switch(n) for n, t in enumerate(ts)] == [2000 + n for n in range(30)]


def test_the_depth_of_c_calls_of_one_is_not_counted_for_another(main):
    def through_c(n):
        return list(map(through_c, [n - 1])) if n else main.switch()

    ts = [main.tealet(through_c) for _ in range(1500)]
    for t in ts:
        t.switch(20)
    # Added up they are beyond every limit.
    assert main.tealet(through_c).switch(20) is None
    for t in ts:
        t.switch()


def test_tealets_that_begin_tealets_without_end(main):
    begun = []

    def endless():
        begun.append(1)
        main.tealet(endless).switch()

    t = main.tealet(endless)
    with pytest.raises(RecursionError):
        t.switch()
    assert len(begun) > 50
    assert main.stats().n_active == 1
    assert main.tealet(lambda: "still works").switch() == "still works"


def test_stubs_captured_deeper_and_deeper(main):
    def endless(stubs):
        stubs.append(main.stub())
        return list(map(endless, [stubs]))

    with pytest.raises(RecursionError):
        endless([])
    assert main.tealet(int).switch() == 0


def test_with_a_high_recursion_limit_the_c_stack_is_the_limit():
    code = """
import sys
from tealetpp import Main
sys.setrecursionlimit(10**6)
with Main() as main:
    def endless(n):
        return main.tealet(endless).switch(n + 1)
    try:
        main.tealet(endless).switch(0)
    except RecursionError as error:
        print("refused")
    print(main.stats().n_active, main.tealet(int).switch())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "refused\n1 0\n"), done.stderr


def test_tealets_on_a_thread_with_a_small_stack():
    import threading

    outcome = []

    def endless(main):
        return main.tealet(endless).switch(main)

    def play():
        with Main() as main:
            try:
                main.tealet(endless).switch(main)
            except RecursionError:
                outcome.append("refused")
            outcome.append(main.tealet(int).switch())

    size = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=play)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert outcome == ["refused", 0]
