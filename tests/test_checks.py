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

    def struct(address, size):
        return (ctypes.c_size_t * size).from_address(address)

    def execution(tealet):
        # Behind the node. It begins with the function.
        behind = struct(words(tealet)[1], 64)
        return struct(words(tealet)[1] + 8 * list(behind).index(id(function)), 7)

    def thread_domains():
        ctypes.pythonapi.PyThreadState_GetDict.restype = ctypes.py_object
        ctypes.pythonapi.PyCapsule_GetPointer.restype = ctypes.c_size_t
        state = ctypes.pythonapi.PyThreadState_GetDict()
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(state))  # it was borrowed
        [capsule] = [state[key] for key in state if str(key).startswith("tealetpp.domains")]
        name = ctypes.c_char_p(b"tealetpp.domains")
        return struct(
            ctypes.pythonapi.PyCapsule_GetPointer(ctypes.py_object(capsule), name), 7
        )

    def function(*arguments):
        pass

    PENDING, PLACE = 1 << 61, 1 << 33  # bits in the last word of a tealet

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


@pytest.mark.parametrize(
    ("fault", "condition"),
    [
        pytest.param(
            "words(one)[4] = PENDING; main._verify()",
            "tealet->held || !tealet->pending",
            id="pending and not held",
        ),
        pytest.param(
            "words(one)[4] = PENDING; one.close()",
            "tealet->domain == this && (tealet->held || !tealet->pending)",
            id="released and not held",
        ),
        pytest.param(
            """
            import threading
            def drop():  # cannot end on that thread, nor in a pending call while this one runs
                address = id(dropped[0])
                thread = threading.Thread(target=dropped.clear)
                thread.start()
                thread.join()
                struct(address + Tealet.__basicsize__ - 8, 1)[0] ^= PLACE
                main._verify()
            dropped = [main.tealet(main.switch)]
            dropped[0].switch()
            main.tealet(drop).switch()
            """,
            "list.has_right_places()",
            id="wrong place in a list",
        ),
        pytest.param(
            "execution(new)[1] = id(new); new.switch()",
            "execution.function != nullptr && execution.arguments == nullptr",
            id="begins with arguments of another call",
        ),
        pytest.param(
            "execution(new)[3] = 8; new.switch()",
            "execution_of(node).saved_frames == nullptr",
            id="begins with saved frames",
        ),
        pytest.param(
            """
            def pause():
                execution(main.current)[6] = 8
                main.switch()
            function = pause
            main.tealet(pause).switch()
            """,
            "execution.paused_frame == nullptr && execution.context == nullptr",
            id="runs with a paused frame",
        ),
        pytest.param(
            "struct(words(new)[1], 64)[list(struct(words(new)[1], 64)).index(at(new))] = at(two)\n"
            "new.switch()",
            "is_bound(node)",
            id="a hook gets a node of another tealet",
        ),
        pytest.param(
            """
            class AtItsEnd:
                def __call__(self):
                    pass
                def __del__(self):
                    thread_domains()[6] = 0
            main.tealet(AtItsEnd())
            """,
            "number >= 0 && number <= last_discard_",
            id="a discard that was never begun",
        ),
        pytest.param(
            "thread_domains()[1] = 0; main.close()",
            "(own.previous != nullptr ? (own.previous->*links).next : first_) == &element",
            id="a domain that its thread does not have",
        ),
    ],
)
def test_a_precondition(fault, condition):
    prepare = """
    def at(tealet):
        return ctypes.addressof(words(tealet))

    new = main.tealet(function)
    main._verify()
    """
    said = fails(f"{textwrap.dedent(prepare)}{textwrap.dedent(fault)}\nimport os; os._exit(0)")
    assert f"tealet: check failed: {condition}" in said
