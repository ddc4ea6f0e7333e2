"""The build is refused for a Python whose thread state the code does not know."""

import shutil
import subprocess
from pathlib import Path

import pytest

HEADER = Path(__file__).parents[1] / "cpp" / "python" / "cpython" / "thread_state.hpp"
COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.parametrize(
    ("defined", "message"),
    [
        ({"PY_VERSION_HEX": "0x030a0000"}, "3.11, 3.12 and 3.13 only"),
        ({"PY_VERSION_HEX": "0x030e0000"}, "3.11, 3.12 and 3.13 only"),
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
