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
