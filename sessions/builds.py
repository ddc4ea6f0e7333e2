"""Configuring and building with CMake, in a folder for each session."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import nox

from sessions.packages import needed_by_tests

AARCH64_TOOLCHAIN = "cmake/toolchains/aarch64-linux-gnu.cmake"
SANITIZERS = ("-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DTEALETPP_SANITIZE=address,undefined")


def configure(session: nox.Session, *options: str) -> str:
    """Configure a build folder for this session."""
    session.install("cmake>=3.29", "ninja")
    folder = f"build/{re.sub(r'[()]', ' ', session.name).strip().replace(' ', '-')}"
    session.run(
        *("cmake", "--fresh", "-S", ".", "-B", folder, "-G", "Ninja"),
        "-DTEALETPP_WARNINGS_AS_ERRORS=ON",
        *options,
    )
    return folder


def pybind11_option(session: nox.Session) -> str:
    """Tell CMake of the session's pybind11."""
    folder = session.run("pybind11-config", "--cmakedir", silent=True)
    return f"-Dpybind11_DIR={str(folder).strip()}"


def install_module(session: nox.Session, folder: str) -> str:
    """Build the module in a configured folder, and install the files of a wheel."""
    session.run("cmake", "--build", folder)
    site = Path(folder, "site").resolve()
    shutil.rmtree(site, ignore_errors=True)
    session.run("cmake", "--install", folder, "--prefix", str(site), silent=True)
    shutil.copytree("python", site, dirs_exist_ok=True)
    return str(site)


def build_module(session: nox.Session, *options: str) -> str:
    """Build the module for the session's Python, to be tested; return the folder for its path."""
    session.install("pybind11>=3.0", *needed_by_tests())
    folder = configure(
        session,
        *("-DTEALETPP_BUILD_SHARED=OFF", "-DTEALETPP_BUILD_TESTS=OFF"),
        *("-DTEALETPP_BUILD_PYTHON=ON", pybind11_option(session)),
        f"-DPython_EXECUTABLE={Path(session.bin) / 'python'}",
        *options,
    )
    return install_module(session, folder)


def build_and_test(session: nox.Session, *options: str) -> None:
    """Build the C++ tests and run them; what follows ``--`` goes to CMake."""
    folder = configure(session, *options, *session.posargs)
    session.run("cmake", "--build", folder)
    session.run(
        *("ctest", "--test-dir", folder, "--output-on-failure", "--no-tests=error"),
        f"--parallel={os.cpu_count() or 1}",
    )


def clang() -> tuple[str, ...]:
    """The CMake options for clang."""
    return ("-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++")


def set_sanitizer_options(session: nox.Session) -> None:
    session.env["ASAN_OPTIONS"] = "detect_stack_use_after_return=0"
    session.env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
