"""Building downstream projects and running programs: the tools, CMake, the environment."""

import os
import platform
import re
import shutil
import subprocess
import sys

import pytest

from benchmarks.building import ROOT, SEARCH

PROJECTS = ROOT / "tests" / "embedding"


def tool(*names):
    """The first of these programs that is installed. Without any, the test is skipped."""
    for name in names:
        if found := shutil.which(name, path=SEARCH):
            return found
    pytest.skip(f"needs {' or '.join(names)}")


def run(*command, **environment):
    """Run a program, which must succeed and write nothing to stderr. Returns its output."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": SEARCH, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def environment_of_this_python():
    """The environment in which another process of this Python imports what this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def code_blocks(document, begin, end):
    """The code blocks of a document between two texts in it."""
    text = (ROOT / document).read_text()
    part = text[text.index(begin) : text.index(end)]
    return re.findall(r"^```\w*\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


def builds_for_this_machine():
    """Skip the test if there is no compiler, or if this Python is emulated."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return False
    target = subprocess.run([compiler, "-dumpmachine"], capture_output=True, text=True).stdout
    return target.startswith(platform.machine())


def configure(project, folder, *options, **environment):
    """Configure a project; return what CMake prints."""
    if not builds_for_this_machine():
        pytest.skip("needs a compiler for this machine")
    return run(
        *(tool("cmake"), "-G", "Ninja", "-S", project, "-B", folder, *options), **environment
    )


def build(project, folder, *options, **environment):
    """Configure a project and build all of it; return the folder."""
    configure(project, folder, *options, **environment)
    run(tool("cmake"), "--build", folder, **environment)
    return folder
