"""The Pythons of this machine that the module is built for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")


def other_pythons() -> Sequence[object]:
    """Pythons that can build the module, one of each version, without the running one."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    question = (
        "import os, sys, sysconfig;"
        "header = os.path.join(sysconfig.get_path('include'), 'Python.h');"
        "print('%d.%d' % sys.version_info[:2], os.path.exists(header), sys.executable)"
    )
    found = []
    for version in PYTHONS:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            continue
        name = f"python{version}"
        in_pyenv = sorted(str(path) for path in pyenv.glob(f"versions/{version}.*/bin/{name}"))
        for candidate in filter(None, [shutil.which(name), *in_pyenv]):
            # A pyenv shim on PATH may refuse to run, so it is started once.
            answer = subprocess.run(
                [candidate, "-c", question], capture_output=True, text=True, check=False
            ).stdout.split()
            if answer[:2] == [version, "True"]:
                found.append(nox.param(answer[2], id=version))
                break
    return found


def this_python() -> object:
    """The Python that runs nox."""
    return nox.param(sys.executable, id=f"{sys.version_info.major}.{sys.version_info.minor}")


def version_of(session: nox.Session, python: str) -> str:
    """The whole version of a Python, for pip, which may run with another."""
    return str(session.run(python, "--version", external=True, silent=True)).split()[1]
