"""The package as a user installs it: tests, demo and benchmarks."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

from sessions.debians import NEWER_PYTHONS, newer_nox
from sessions.packages import install_package
from sessions.pythons import other_pythons, this_python


def run_tests(session: nox.Session, *options: str) -> None:
    session.install(".[test]")
    session.run("pytest", *options, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Install the package as a user would and run pytest, with the Python that runs nox."""
    run_tests(session)


@nox.session
@nox.parametrize("python", other_pythons())
def tests_on(session: nox.Session) -> None:
    """The same with every other supported Python on PATH or in pyenv, without any_python tests."""
    run_tests(session, "-m", "not any_python")


@nox.session
def demo(session: nox.Session) -> None:
    """Install the package and run ``tealetpp demo`` with what follows ``--``."""
    install_package(session)
    session.run("tealetpp", "demo", *session.posargs)


@nox.session
@nox.parametrize("python", [this_python(), *other_pythons()])
def benchmarks(session: nox.Session) -> None:
    """Measure and compare with every supported Python; ``-- --quick`` only shows that it works.

    The report has all Pythons that were measured, and C++, which is measured with the first.
    """
    first = session.python == sys.executable
    if "--quick" in session.posargs and not first:
        session.skip("the short form is run with one Python")
    install_package(session, "benchmarks")
    what = ("python", "cpp") if first else ("python",)
    session.run("python", "-m", "benchmarks", "--measure", *what, *session.posargs)


@nox.session(python=False)
@nox.parametrize("version", [nox.param(version, id=version) for version in NEWER_PYTHONS])
def newer_benchmarks(session: nox.Session, version: str) -> None:
    """The same with newer Pythons, in a Debian that has them. Run ``benchmarks`` after it."""
    python_only = ("--", "--measure", "python")
    build = newer_nox(
        session, version, "-s", f"benchmarks({version})", *python_only, *session.posargs
    )
    name = f"cpython-{version}"
    for folder in build.glob(f"benchmarks*/{name}"):
        shutil.copytree(folder, Path("build", folder.parent.name, name), dirs_exist_ok=True)
