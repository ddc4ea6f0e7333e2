"""Python for AArch64, which QEMU runs."""

from __future__ import annotations

from pathlib import Path

import nox

from sessions.packages import BUILD_TOOLS, COMPILED, TESTS_THAT_BUILD, needed_by_tests
from sessions.pythons import version_of

# Tests that take too long in an emulator, or depend on the C stack that a call takes.
NOT_EMULATED = (
    "tests/test_c_stack.py",
    "tests/test_daemon_threads.py",
    "tests/test_flat_memory.py",
    "tests/test_tools.py",
    "tests/test_wide_schedules.py",
)


def emulated_python(session: nox.Session) -> str:
    """Debian's Python for AArch64, made in ``build``. Remove the folder for a newer one."""
    root = Path("build/aarch64-python").resolve()
    session.run(".ci/aarch64-python", str(root), external=True)
    return str(root / "usr/bin/python-qemu")


def try_emulated(session: nox.Session, python: str, site: str) -> None:
    """Run pytest with an emulated Python, for which the package is installed in a folder."""
    # pip runs outside the emulation, which would be ten times slower. So it can install only pure
    # Python packages, and needs to know the version of Python. There are no build tools, and the
    # tests that need them are left out.
    session.run(
        *("pip", "install", "--quiet", f"--target={site}", "--only-binary=:all:", "--platform=any"),
        f"--python-version={version_of(session, python)}",
        *(name for name in needed_by_tests() if not name.startswith(BUILD_TOOLS + COMPILED)),
    )
    session.run(
        *(python, "-m", "pytest"),
        *(f"--ignore={file}" for file in TESTS_THAT_BUILD + NOT_EMULATED),
        *session.posargs,
        env={"PYTHONPATH": site},
        external=True,
    )
