"""What cannot work is refused with a message that says why: when it is configured or compiled."""

import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from building import ROOT, SEARCH, builds_for_this_machine, tool

HEADER = Path(__file__).parents[1] / "cpp" / "python" / "cpython" / "thread_state.hpp"
REQUIRED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def error_of_configuring(folder, *options):
    command = [tool("cmake"), "-G", "Ninja", "-S", ROOT, "-B", folder, *options]
    command += [f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", "-DTEALETPP_BUILD_TESTS=OFF"]
    configured = subprocess.run(command, capture_output=True, text=True, check=False)
    assert configured.returncode != 0
    return re.sub(r"\s+", " ", configured.stderr)


# --- a Python that is not supported ---


REFUSED_PYTHONS = pytest.mark.parametrize(
    ("defined", "message"),
    [
        ({"PY_VERSION_HEX": "0x030a0000"}, "3.11 to 3.15 only"),
        ({"PY_VERSION_HEX": "0x03100000"}, "3.11 to 3.15 only"),
        ({"PY_VERSION_HEX": "0x030d0000", "Py_GIL_DISABLED": "1"}, "free-threaded CPython"),
        ({"PY_VERSION_HEX": "0x030b0000", "PYPY_VERSION": "1"}, "neither PyPy nor GraalPy"),
        ({"PY_VERSION_HEX": "0x030b0000", "GRAALVM_PYTHON": "1"}, "neither PyPy nor GraalPy"),
    ],
    ids=["too old", "too new", "free-threaded", "PyPy", "GraalPy"],
)


def make_headers(folder, defined):
    """Headers of the running Python that define this. CMake compares the version."""
    lines = [f"#define {name} {value}\n" for name, value in defined.items()]
    (folder / "Python.h").write_text("".join(lines))
    (folder / "patchlevel.h").write_text(f'#define PY_VERSION "{platform.python_version()}"\n')


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@REFUSED_PYTHONS
def test_another_python_does_not_compile(tmp_path, defined, message):
    make_headers(tmp_path, defined)
    source = tmp_path / "source.cpp"
    source.write_text(f'#include "{HEADER}"\n')
    command = [COMPILER, "-std=c++17", "-fsyntax-only", f"-I{tmp_path}", str(source)]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode != 0
    assert "#error" in compiled.stderr
    assert message in compiled.stderr


@pytest.mark.any_python
@pytest.mark.skipif(
    hasattr(sys, "gettotalrefcount"),
    reason="for a debug build CMake looks for headers of its kind, which these are not",
)
@REFUSED_PYTHONS
def test_another_python_is_refused_when_configuring(tmp_path, defined, message):
    """So pip shows the reason, and no error of a compiler."""
    if not builds_for_this_machine():
        pytest.skip("needs a compiler for this machine")
    make_headers(tmp_path, defined)
    error = error_of_configuring(
        tmp_path / "build",
        *("-DTEALETPP_BUILD_PYTHON=ON", f"-DPython_EXECUTABLE={sys.executable}"),
        f"-DPython_INCLUDE_DIR={tmp_path}",
    )
    assert message in error
    assert f"needs CPython {REQUIRED}, with the global interpreter lock" in error
    assert str(tmp_path) in error


# --- a C++ library without <memory_resource> ---


def assert_configuring_is_refused(folder, *options):
    message = error_of_configuring(folder, *options)
    assert "needs a C++ standard library with <memory_resource>" in message
    assert "libc++ 16 or later" in message


@pytest.mark.any_python
def test_a_library_without_memory_resources_is_refused(tmp_path):
    if not builds_for_this_machine():
        pytest.skip("needs a compiler for this machine")
    (tmp_path / "memory_resource").write_text("#error this library has none\n")
    assert_configuring_is_refused(tmp_path / "build", f"-DCMAKE_CXX_FLAGS=-I{tmp_path}")


def clang_with_an_early_libcxx():
    """A clang whose libc++ is there and has no <memory_resource>; None if there is none."""
    source = "#include <version>\n#if !__has_include(<memory_resource>)\nmissing\n#endif\n"
    for name in ("clang++", "clang++-15", "clang++-14"):
        if compiler := shutil.which(name, path=SEARCH):
            command = [compiler, "-stdlib=libc++", "-std=c++17", "-x", "c++", "-E", "-P", "-"]
            done = subprocess.run(command, input=source, capture_output=True, text=True)
            if done.returncode == 0 and "missing" in done.stdout:
                return compiler
    return None


@pytest.mark.any_python
def test_an_early_libcxx_is_refused(tmp_path):
    compiler = clang_with_an_early_libcxx()
    if compiler is None:
        pytest.skip("needs clang with a libc++ before 16")
    assert_configuring_is_refused(
        tmp_path, f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_CXX_FLAGS=-stdlib=libc++"
    )
