"""Extension modules that use the C API, built with CMake as their authors would."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tealetpp import Status

ROOT = Path(__file__).parents[1]
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
CMAKE = shutil.which("cmake", path=PATH)
NULL = ...  # what the functions of tests/capsule pass on as NULL


def builds_for_this_machine():
    """Not if there is no compiler, nor where this Python is emulated."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return False
    target = subprocess.run([compiler, "-dumpmachine"], capture_output=True, text=True).stdout
    return target.startswith(platform.machine())


def build(source, folder):
    """What a user of the header does; on this Python, whose headers may not be the usual ones."""
    if CMAKE is None or not builds_for_this_machine():
        pytest.skip("needs CMake and a C compiler")
    generator = ["-G", "Ninja"] if shutil.which("ninja", path=PATH) else []
    options = {
        "TEALETPP_INCLUDE_DIR": ROOT / "include",
        "Python_EXECUTABLE": sys.executable,
        "Python_INCLUDE_DIR": sysconfig.get_path("include"),
    }
    if hasattr(sys, "gettotalrefcount"):
        # Debian's headers for its debug build are links to the others, and the compiler follows.
        options |= {"CMAKE_C_FLAGS": "-DPy_DEBUG", "CMAKE_CXX_FLAGS": "-DPy_DEBUG"}
    defined = [f"-D{name}={value}" for name, value in options.items()]
    for command in (["-S", source, "-B", folder, *generator, *defined], ["--build", folder]):
        done = subprocess.run(
            [CMAKE, *map(str, command)],
            env={**os.environ, "PATH": PATH},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def capsule_calls(tmp_path_factory):
    """The module of tests/capsule."""
    folder = build(ROOT / "tests" / "capsule", tmp_path_factory.mktemp("capsule"))
    (path,) = folder.glob("capsule_calls.*")
    spec = importlib.util.spec_from_file_location("capsule_calls", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.import_own_table()
    return module


@pytest.fixture
def calls(capsule_calls):
    """The same, with its count of clean-ups at zero."""
    capsule_calls.take_clean_ups()
    return capsule_calls


@pytest.fixture
def paused(main):
    """A tealet that has begun with what is given, and paused."""

    def make(function, *args):
        t = main.tealet(function)
        t.switch(*args)
        assert t.status is Status.SUSPENDED
        return t

    return make
