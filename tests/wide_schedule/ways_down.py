"""Ways to get deeper: each runs `go`, and checks its own state afterwards."""

import contextlib
import functools
import sys


def directly(go):
    go()


def while_sorting(go):
    assert sorted([3, 2, 1], key=lambda n: (go() if n == 2 else None, n)[1]) == [1, 2, 3]


def while_mapping(go):
    assert list(map(lambda n: (go() if n == 1 else None, n)[1], range(3))) == [0, 1, 2]


def while_reducing(go):
    assert functools.reduce(lambda a, b: (go() if b == 2 else None, a + b)[1], [1, 2, 3]) == 6


def in_generator(go):
    def generate():
        yield 1
        go()
        yield 2

    assert list(generate()) == [1, 2]


def in_except_block(go):
    error = ValueError("handled")
    try:
        raise error
    except ValueError:
        go()
        assert sys.exc_info()[1] is error


def in_with_block(go):
    @contextlib.contextmanager
    def manager():
        yield 7

    with manager() as seven:
        go()
        assert seven == 7


def in_exit_of_with_block(go):
    class Manager:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            go()

    with Manager():
        pass


def in_repr(go):
    class Shown:
        def __repr__(self):
            go()
            return "shown"

    assert f"{[Shown()]}" == "[shown]"


def in_comparison(go):
    class Compared:
        def __lt__(self, other):
            go()
            return True

    assert min(Compared(), Compared()) is not None


WAYS_DOWN = [
    directly,
    directly,
    while_sorting,
    while_mapping,
    while_reducing,
    in_generator,
    in_except_block,
    in_with_block,
    in_exit_of_with_block,
    in_repr,
    in_comparison,
]
