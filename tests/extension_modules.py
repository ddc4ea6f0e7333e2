"""Downstream extension modules, built with CMake in the usual way."""

import importlib.util
import os
import sys
import sysconfig

import pytest

from building import ROOT, build, run
from tealetpp import Status

NULL = ...  # the functions of tests/capsule pass it on as NULL


def build_module(source, folder, *options):
    """Build it for this Python, whose headers may be in an unusual place."""
    variables = {
        "Python_EXECUTABLE": sys.executable,
        "Python_INCLUDE_DIR": sysconfig.get_path("include"),
    }
    flags = {}
    if hasattr(sys, "gettotalrefcount"):
        # Debian's headers for the debug build are symbolic links, which the compiler follows.
        flags = {"CFLAGS": "-DPy_DEBUG", "CXXFLAGS": "-DPy_DEBUG"}
    set_variables = (f"-D{name}={value}" for name, value in variables.items())
    return build(source, folder, *set_variables, *options, **flags)


def run_python(folder, *args):
    """Run this Python with the modules of that folder on its path. Returns the output."""
    search = os.pathsep.join(filter(None, [str(folder), *sys.path]))
    return run(sys.executable, *args, PYTHONPATH=search)


@pytest.fixture(scope="session")
def capsule_calls(tmp_path_factory):
    """The module of tests/capsule. Needs no installed package."""
    folder = build_module(
        *(ROOT / "tests" / "capsule", tmp_path_factory.mktemp("capsule")),
        f"-DTEALETPP_INCLUDE_DIR={ROOT / 'include'}",
    )
    (path,) = folder.glob("capsule_calls.*")
    spec = importlib.util.spec_from_file_location("capsule_calls", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.import_own_table()
    return module


@pytest.fixture
def calls(capsule_calls):
    """The same module with its count of clean-ups reset."""
    capsule_calls.take_clean_ups()
    return capsule_calls


@pytest.fixture
def paused(main):
    """Makes a tealet that has begun with the given function, and has paused."""

    def make(function, *args):
        t = main.tealet(function)
        t.switch(*args)
        assert t.status is Status.SUSPENDED
        return t

    return make
