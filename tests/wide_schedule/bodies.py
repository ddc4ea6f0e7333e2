"""The functions that tealets run. Each has a namespace of its own, which its frames borrow.

A body checks that nothing of it was cleared or freed while it was paused: globals, closure cells,
locals.
"""

import functools

WITH_GLOBALS = """
def helper(number):
    return number + len(PATTERN)

def act(player, level):
    local = [OFFSET, level, player.fate]
    copy = tuple(local)
    while player.step(act, level):
        assert tuple(local) == copy and helper(OFFSET) == SUM, "what was paused has changed"

def body(arrived):
    player = begin(arrived)
    witness = player.take_witness()
    try:
        act(player, 0)
        token = player.returns()
    except BaseException as error:
        player.raises(error)
        raise
    finally:
        player.ends(helper(OFFSET) == SUM and begin is not None)
    return token
"""

WITH_CELLS = """
def make(begin, OFFSET, PATTERN, SUM, itself=None):
    def helper(number):
        return number + len(PATTERN)

    def act(player, level):
        local = [OFFSET, level, player.fate]
        copy = tuple(local)
        while player.step(act, level):
            assert tuple(local) == copy and helper(OFFSET) == SUM, "what was paused has changed"

    def body(arrived):
        nonlocal itself
        player = begin(arrived)
        witness = player.take_witness()
        itself = itself or player.take_cycle()
        try:
            act(player, 0)
            token = player.returns()
        except BaseException as error:
            player.raises(error)
            raise
        finally:
            player.ends(helper(OFFSET) == SUM and begin is not None)
        return token

    return body
"""

COMPILED = {
    True: compile(WITH_GLOBALS, "<body>", "exec"),
    False: compile(WITH_CELLS, "<body>", "exec"),
}


class Callable:
    def __init__(self, function):
        self.function = function
        self.itself = self

    # Not with a star: such a call keeps its function on the evaluation stack, which the
    # collector does not see.
    def __call__(self, arrived):
        return self.function(arrived)

    def method(self, arrived):
        return self.function(arrived)


def make_body(rng, begin):
    """A callable, and the namespace that it lives in."""
    values = {"begin": begin, "OFFSET": rng.randrange(10**6), "PATTERN": [0] * rng.randrange(9)}
    values["SUM"] = values["OFFSET"] + len(values["PATTERN"])
    namespace = {}
    if rng.random() < 0.6:
        namespace.update(values)
        exec(COMPILED[True], namespace)
        function = namespace["body"]
    else:
        exec(COMPILED[False], namespace)
        function = namespace["make"](**values)
    kind = rng.randrange(6)
    if kind == 0:
        return Callable(function), namespace
    if kind == 1:
        return Callable(function).method, namespace
    if kind == 2:
        return functools.partial(function), namespace
    return function, namespace
