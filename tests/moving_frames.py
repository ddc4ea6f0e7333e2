"""Functions that call, and pause, for tests of the data stack."""

from tealetpp import TealetExit

OFTEN = 20


def small(number):
    a = b = c = d = e = f = g = h = i = j = k = m = number
    return a + b + c + d + e + f + g + h + i + j + k + m


def call_often(times=OFTEN):
    for number in range(times):
        small(number)


def descend(depth, action, *rest):
    """Does it that deep, and calls functions in each frame, before and after."""
    local = (depth, rest)
    call_often()
    for number in range(OFTEN):
        small(number)
    result = descend(depth - 1, action, *rest) if depth else action(*rest)
    for number in range(OFTEN):
        small(number)
    assert local == (depth, rest)
    return result


def bytes_of(main):
    return main.stats().data_stack_bytes


def refuses_to_end(main, depth):
    """Pauses that deep, and whenever it is closed."""
    if depth:
        return refuses_to_end(main, depth - 1)
    while True:
        try:
            main.switch()
        except TealetExit:
            pass


def pause_at(main, depth):
    if depth:
        return pause_at(main, depth - 1)
    return main.switch("paused")


def goes_up_and_down(main, *depths):
    for depth in depths:
        pause_at(main, depth)
    return "ended"


def go_down(depth, then):
    return go_down(depth - 1, then) if depth else then()


def with_variables(count):
    """A function with a frame of so many words that calls another one."""
    names = " = ".join(f"v{n}" for n in range(count))
    scope = {}
    exec(f"def call(then, *rest):\n    {names} = None\n    return then(*rest)", scope)
    return scope["call"]
