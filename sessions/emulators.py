"""Valgrind, and AArch64 under QEMU."""

from __future__ import annotations

from pathlib import Path

import nox

from sessions.builds import (
    AARCH64_TOOLCHAIN,
    build_and_test,
    configure,
    install_module,
    pybind11_option,
)
from sessions.packages import check_tools
from sessions.qemu import emulated_python, try_emulated


@nox.session
def valgrind(session: nox.Session) -> None:
    """Build the C++ tests and run them under Valgrind's memcheck."""
    memcheck = (
        *("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full"),
        # A switch may move the stack pointer farther than memcheck expects on one stack. Tests
        # read the output of child processes.
        *("--max-stackframe=8388608", "--child-silent-after-fork=yes"),
        f"--suppressions={Path('tests/valgrind.supp').resolve()}",
    )
    build_and_test(
        session,
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        "-DTEALETPP_CHECKS=ON",
        f"-DCMAKE_TEST_LAUNCHER={';'.join(memcheck)}",
    )


@nox.session
def aarch64(session: nox.Session) -> None:
    """Cross-build the C++ tests for AArch64, and run them under QEMU's user mode."""
    build_and_test(session, "--toolchain", AARCH64_TOOLCHAIN)


@nox.session
def aarch64_python(session: nox.Session) -> None:
    """Cross-build the Python module for Debian's Python on AArch64, and run pytest under QEMU."""
    check_tools(session, "apt-get", "dpkg-deb", "aarch64-linux-gnu-g++", "qemu-aarch64")
    python = emulated_python(session)
    session.install("pybind11>=3.0")
    # In a cross build CMake cannot ask the interpreter for its headers.
    ask = "import sysconfig; print(sysconfig.get_path('include'))"
    headers = str(session.run(python, "-c", ask, external=True, silent=True)).strip()
    folder = configure(
        session,
        *("--toolchain", AARCH64_TOOLCHAIN, "-DTEALETPP_BUILD_TESTS=OFF"),
        *("-DTEALETPP_BUILD_PYTHON=ON", pybind11_option(session)),
        *(f"-DPython_EXECUTABLE={python}", f"-DPython_INCLUDE_DIR={headers}"),
    )
    # Not a wheel, since pip builds for the machine that it runs on.
    site = install_module(session, folder)
    try_emulated(session, python, site)
