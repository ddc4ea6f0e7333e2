"""The Python tests with special builds: sanitizers, debug builds of Python, newer Pythons."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

from sessions.builds import build_module
from sessions.debians import NEWER_PYTHONS, newer_nox
from sessions.packages import TESTS_THAT_BUILD

TESTS_NOT_SANITIZED = (
    # The sanitizer keeps freed memory for a while, so new pages are touched all the time.
    "tests/test_data_stack.py::test_a_thread_that_ends_leaves_no_chunk_behind",
    "tests/test_data_stack.py::test_calls_over_the_edge_of_a_chunk_map_no_memory_each_time",
    # Its malloc() maps memory more often.
    "tests/test_data_stacks.py::test_a_simulation_maps_no_memory_for_each_call",
    "tests/test_flat_memory.py",
    # pthread_exit() unwinds frames without telling AddressSanitizer. It reports the next writes
    # there, and may crash.
    "tests/test_daemon_threads.py",
    # greenlet copies frames of the module without telling AddressSanitizer.
    "tests/test_moving_frames.py::test_greenlets_that_are_left_in_the_middle_and_their_threads_end",
    "tests/test_greenlet.py",
    "tests/test_wide_schedules.py",
)
# The debug build of the Python that runs nox, where Debian has one.
DEBUG_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}-dbg"
if shutil.which(DEBUG_PYTHON) is None:
    DEBUG_PYTHON = "python3.11-dbg"


@nox.session
def sanitize_python(session: nox.Session) -> None:
    """Run pytest with the Python module under both sanitizers; what follows ``--`` goes to it."""
    site = build_module(
        session,
        *("-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DTEALETPP_SANITIZE=address,undefined"),
        # Fully optimised, pybind11's headers take minutes to compile with sanitizers.
        "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1",
    )

    # The interpreter is built without the sanitizer. So the sanitizer is loaded first, together
    # with the C++ library whose exceptions it intercepts.
    def library(name: str) -> str:
        found = session.run("c++", f"-print-file-name={name}", external=True, silent=True)
        return str(Path(str(found).strip()).resolve())

    session.run(
        *("python", "-m", "pytest", *(f"--ignore={file}" for file in TESTS_THAT_BUILD)),
        *(f"--deselect={test}" for test in TESTS_NOT_SANITIZED),
        *session.posargs,
        env={
            "PYTHONPATH": site,
            "PYTHONMALLOC": "malloc",  # shows the sanitizer each of Python's objects
            "LD_PRELOAD": f"{library('libasan.so')}:{library('libstdc++.so')}",
            # CPython leaks at its exit. A fixture looks for leaks after every test instead.
            "ASAN_OPTIONS": "detect_stack_use_after_return=0:detect_leaks=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        },
    )


@nox.session(python=DEBUG_PYTHON, venv_backend="venv")
def debug_python(session: nox.Session) -> None:
    """Run pytest on a debug build of Python, with the module's Debug build."""
    site = build_module(session, "-DCMAKE_BUILD_TYPE=Debug")
    session.run(
        *("python", "-X", "dev", "-m", "pytest"),
        *(f"--ignore={file}" for file in TESTS_THAT_BUILD),
        *session.posargs,
        env={"PYTHONPATH": site},
    )


@nox.session(python=False)
@nox.parametrize(
    ("version", "kind"),
    [
        nox.param(version, kind, id=f"{version}{kind}")
        for version in NEWER_PYTHONS
        for kind in ("", "-jit", "-debug")
    ],
)
def newer_pythons(session: nox.Session, version: str, kind: str) -> None:
    """Run pytest with newer Pythons, in a Debian that has them, without any_python tests.

    The sessions there are ``tests`` and ``debug_python``. That Debian is made in ``build/forky``
    when it is not there. Remove the folder for a newer one.
    """
    jit = {"PYTHON_JIT": "1" if kind == "-jit" else "0"}
    what = ("debug_python", "--") if kind == "-debug" else ("tests", "--", "-m", "not any_python")
    newer_nox(session, version, "-s", *what, *session.posargs, env=jit)
