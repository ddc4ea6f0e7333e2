"""Random programs of calls, pauses and returns: each frame keeps its variables."""

import random
import sys

import pytest

from conftest import check_stats
from moving_frames import bytes_of, call_often, small
from tealetpp import Main

pytestmark = pytest.mark.usefixtures("statistics")


def make(size, parameter):
    """A function with so many variables, all of which it checks at its end."""
    names = [f"v{n}" for n in range(size)]
    source = [f"def run(do, depth, {parameter}):"]
    source += [f"    {name} = (depth, {n})" for n, name in enumerate(names)]
    source += ["    do(depth)"]
    source += [f"    assert {name} == (depth, {n})" for n, name in enumerate(names)]
    scope = {}
    exec("\n".join(source), scope)
    return scope["run"]


FUNCTIONS = [
    make(size, parameter)
    for size in (0, 1, 2, 3, 5, 8, 13, 40, 400, 1100)
    for parameter in ("*rest", "rest=None")
]


class Program:
    """Calls, pauses and returns at random."""

    def __init__(self, main, chance, steps=300):
        self.main, self.chance, self.steps = main, chance, steps
        self.choices = (
            *[self.calls_often] * 6,
            *[self.calls_without_arguments] * 2,
            *[self.pauses] * 2,
            *[self.goes_deeper] * 4,
            *(self.goes_through_c, self.goes_through_a_generator, self.goes_into_an_attribute),
            *(self.goes_unpacked, self.raises, self.goes_deep, self.encloses, self.looks_around),
        )

    def __call__(self, depth):
        for _ in range(self.chance.randint(1, 3)):
            self.steps -= 1
            if self.steps < 0 or depth > 40:
                return
            self.chance.choice(self.choices)(depth + 1)

    def any_function(self):
        return self.chance.choice(FUNCTIONS)

    def calls_often(self, depth):
        for _ in range(self.chance.choice((3, 12, 30))):
            small(depth)

    def calls_without_arguments(self, depth):
        call_often()

    def pauses(self, depth):
        self.main.switch(depth)

    def goes_deeper(self, depth):
        self.any_function()(self, depth)
        for _ in range(12):
            small(depth)

    def goes_through_c(self, depth):
        list(map(self.any_function(), [self], [depth]))

    def goes_through_a_generator(self, depth):
        for _ in self.generate(depth):
            call_often()

    def generate(self, depth):
        for _ in range(12):
            yield small(depth)
        yield self(depth)

    @property
    def attribute(self):
        return self(self.attribute_depth)

    def goes_into_an_attribute(self, depth):
        self.attribute_depth = depth
        return self.attribute

    def goes_unpacked(self, depth):
        self.any_function()(*(self, depth))

    def raises(self, depth):
        try:
            self.any_function()(self, depth)
            raise ValueError
        except ValueError:
            call_often()

    def goes_deep(self, depth):
        def deep(n):
            return deep(n - 1) if n else 0

        deep(self.chance.choice((3, 20, 300)))

    def encloses(self, depth):
        with Main() as inner:
            t = inner.tealet(self.any_function())
            t.switch(Program(inner, self.chance, 30), depth)
            for _ in range(5):
                if t:
                    t.switch()

    def looks_around(self, depth):
        frame = sys._getframe()
        while frame is not None:
            repr(frame.f_locals.keys())
            frame = frame.f_back


@pytest.mark.rule("data-stack-moves")
@pytest.mark.parametrize("seed", range(30))
def test_random_programs(main, seed):
    chance = random.Random(seed)
    for _ in range(5):
        ts = [main.tealet(chance.choice(FUNCTIONS)) for _ in range(chance.choice((1, 3, 10)))]
        for t in ts:
            t.switch(Program(main, chance), 0)
        for _ in range(60):
            t = chance.choice(ts)
            if t and chance.random() < 0.05:
                t.close()
            elif t:
                t.switch()
            check_stats(main)
        for t in ts:
            t.close()
        assert bytes_of(main) == 0
