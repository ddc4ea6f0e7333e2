"""In builds with checks: a broken invariant of the Python layer ends the process."""

import subprocess
import sys
import textwrap

import pytest

from tealetpp import Main

pytestmark = pytest.mark.skipif(
    not hasattr(Main, "_verify"), reason="built without TEALETPP_CHECKS"
)

# What the engine part keeps for an object is at its end: object, node, domain, parent, 8 bytes.
PREPARE = """
    import ctypes
    from tealetpp import Main, Tealet

    def words(tealet):
        size = 5 * ctypes.sizeof(ctypes.c_void_p)
        kept = id(tealet) + Tealet.__basicsize__ - size
        return (ctypes.c_void_p * 5).from_address(kept)

    main = Main()
    one = main.tealet(main.switch)
    two = main.tealet(main.switch)
    one.switch()
    assert words(one)[0] == id(one)
    main._verify()
"""


def fails(fault):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PREPARE) + textwrap.dedent(fault)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize(
    ("fault", "condition"),
    [
        ("words(one)[3] = words(two)[0]", "tealet.parent == parent"),
        ("words(one)[1] = words(two)[1]", "tealet.node == &node && tealet.domain == &domain"),
        ("words(one)[2] = None", "tealet.node == &node && tealet.domain == &domain"),
    ],
)
def test_an_object_that_does_not_fit_its_node(fault, condition):
    said = fails(f"{fault}\nmain._verify()\nimport os; os._exit(0)")
    assert f"tealet: check failed: {condition}" in said
