"""What cannot work is refused with a message that says why: when it is configured or compiled."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from building import ROOT, SEARCH, builds_for_this_machine, tool

HEADER = Path(__file__).parents[1] / "cpp" / "python" / "cpython" / "thread_state.hpp"
COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.parametrize(
    ("defined", "message"),
    [
        ({"PY_VERSION_HEX": "0x030a0000"}, "3.11 to 3.15 only"),
        ({"PY_VERSION_HEX": "0x03100000"}, "3.11 to 3.15 only"),
        ({"PY_VERSION_HEX": "0x030d0000", "Py_GIL_DISABLED": "1"}, "global interpreter lock"),
        ({"PY_VERSION_HEX": "0x030b0000", "PYPY_VERSION": "1"}, "C stack of CPython"),
    ],
)
def test_an_unknown_python_is_refused(tmp_path, defined, message):
    lines = [f"#define {name} {value}\n" for name, value in defined.items()]
    (tmp_path / "Python.h").write_text("".join(lines))
    source = tmp_path / "source.cpp"
    source.write_text(f'#include "{HEADER}"\n')
    command = [COMPILER, "-std=c++17", "-fsyntax-only", f"-I{tmp_path}", str(source)]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode != 0
    assert "#error" in compiled.stderr
    assert message in compiled.stderr


# --- a C++ library without <memory_resource> ---


def assert_configuring_is_refused(folder, *options):
    command = [tool("cmake"), "-G", "Ninja", "-S", ROOT, "-B", folder, *options]
    command += [f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", "-DTEALETPP_BUILD_TESTS=OFF"]
    configured = subprocess.run(command, capture_output=True, text=True, check=False)
    assert configured.returncode != 0
    message = re.sub(r"\s+", " ", configured.stderr)
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
