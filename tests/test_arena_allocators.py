"""Arena allocators of others, installed before or after ours.

CPython asks them for chunks of data stacks, too. What they give is not the domain's, and their
chunks are not shared: frames there stay where they are.
"""

import textwrap

import pytest

from conftest import check_stats
from extension_modules import run_python
from moving_frames import (
    OFTEN,
    bytes_of,
    call_often,
    descend,
    goes_up_and_down,
    refuses_to_end,
    small,
)
from tealetpp import Main, TealetError

pytestmark = pytest.mark.usefixtures("statistics")


@pytest.mark.rule("data-stack-counted")
@pytest.mark.parametrize("shift", [0, 8, 16, 24, 4096])
def test_an_arena_allocator_that_is_installed_after_ours(main, calls, shift):
    """If it asks for other sizes than CPython, its chunks are not the domain's."""
    before = main.tealet(goes_up_and_down)
    before.switch(main, 150, 0, 150)
    bytes_before = bytes_of(main)
    calls.wrap_arenas(shift)
    try:
        ts = [main.tealet(goes_up_and_down) for _ in range(10)]
        for t in ts:
            t.switch(main, 0, 150, 700, 3)
        before.switch()
        for _ in range(3):
            for t in ts:
                t.switch()
            check_stats(main)
        left = main.tealet(goes_up_and_down)
        left.switch(main, 150)
        if shift:
            assert bytes_of(main) < bytes_before
        left.close()
        for t in ts:
            assert t.switch() == "ended"
        before.switch()
        assert before.switch() == "ended"
    finally:
        given_out = calls.unwrap_arenas()
    assert given_out > 10
    assert bytes_of(main) == 0


@pytest.mark.rule("data-stack-counted")
@pytest.mark.parametrize("shift", [0, 8, 4096])
def test_an_arena_allocator_that_is_installed_in_the_middle(main, calls, shift):
    given_out = []

    def run(depth):
        main.switch()
        for number in range(OFTEN):
            small(number)
        if depth:
            return run(depth - 1)
        calls.wrap_arenas(shift)
        try:
            for number in range(OFTEN):
                small(number)
            descend(300, call_often)
        finally:
            given_out.append(calls.unwrap_arenas())
        return descend(5, call_often)

    t = main.tealet(run)
    t.switch(3)
    while t:
        t.switch()
    assert given_out[0] > 0
    assert bytes_of(main) == 0


BELOW_OURS = """
    import sys
    import arenas_alone

    arenas_alone.wrap_arenas(int(sys.argv[1]))
    from tealetpp import Main

    def small(number):
        a = b = c = d = e = f = g = h = i = j = k = m = number
        return a

    def deep(depth, action):
        for number in range(20):
            small(number)
        return deep(depth - 1, action) if depth else action()

    with Main() as main:
        ts = [main.tealet(deep) for _ in range(20)]
        for depth, t in enumerate(ts):
            t.switch(depth * 20, main.switch)
        assert main.stats().data_stack_bytes > 20 * 190 * 50 or not main.stats().enabled
        deep(500, list)
        kept = [[n] for n in range(200_000)]
        for t in ts:
            t.switch()
        assert main.stats().data_stack_bytes == 0
        del kept
    print("fine")
"""


@pytest.mark.rule("data-stack-counted")
@pytest.mark.parametrize("shift", [0, 16, 4096])
def test_an_arena_allocator_that_was_installed_before_ours(capsule_calls, tmp_path, shift):
    """Ours asks it for whatever is not a chunk of a tealet."""
    folder = capsule_calls.__file__.rpartition("/")[0]
    program = textwrap.dedent(BELOW_OURS)
    assert run_python(folder, "-c", program, str(shift)).strip() == "fine"


def from_a_frame_of(words):
    """A function that calls refuses_to_end() from a frame of so many words."""
    # A call with *arguments would leave them behind when the tealet is discarded.
    names = " = ".join(f"v{n}" for n in range(words))
    scope = {"refuses_to_end": refuses_to_end}
    source = f"def run(main, depth):\n    {names} = None\n    return refuses_to_end(main, depth)"
    exec(source, scope)
    return scope["run"]


@pytest.mark.rule("data-stack-counted")
@pytest.mark.parametrize(
    ("shift", "run", "depth"),
    [(8, refuses_to_end, 500), (0, from_a_frame_of(17_000), 0), (8, from_a_frame_of(17_000), 300)],
)
def test_chunks_of_others_are_freed_when_their_tealet_is_discarded(calls, shift, run, depth):
    """A frame of 17,000 words needs a chunk as large as an arena, which is not the domain's."""
    before = calls.arenas_left()
    calls.wrap_arenas(shift)
    try:
        for _ in range(3):
            main = Main()
            t, other = main.tealet(run), main.tealet(goes_up_and_down)
            t.switch(main, depth)
            assert calls.arenas_left() > before
            other.switch(main, 500)
            with pytest.raises(TealetError, match="refuses to end"):
                main.close()
            assert main.stats().bytes_allocated == 0
            assert calls.arenas_left() == before
    finally:
        assert calls.unwrap_arenas() > 0
