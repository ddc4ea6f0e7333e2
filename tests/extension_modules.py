"""Extension modules that use the C API, built with CMake as their authors would."""

import importlib.util
import sys
import sysconfig

import pytest

from building import ROOT, build
from tealetpp import Status

NULL = ...  # what the functions of tests/capsule pass on as NULL


def build_module(source, folder):
    """What a user of the header does; on this Python, whose headers may not be the usual ones."""
    options = {
        "TEALETPP_INCLUDE_DIR": ROOT / "include",
        "Python_EXECUTABLE": sys.executable,
        "Python_INCLUDE_DIR": sysconfig.get_path("include"),
    }
    if hasattr(sys, "gettotalrefcount"):
        # Debian's headers for its debug build are links to the others, and the compiler follows.
        options |= {"CMAKE_C_FLAGS": "-DPy_DEBUG", "CMAKE_CXX_FLAGS": "-DPy_DEBUG"}
    return build(source, folder, *(f"-D{name}={value}" for name, value in options.items()))


@pytest.fixture(scope="session")
def capsule_calls(tmp_path_factory):
    """The module of tests/capsule."""
    folder = build_module(ROOT / "tests" / "capsule", tmp_path_factory.mktemp("capsule"))
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
