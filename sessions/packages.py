"""What sessions and tests need: packages of Python, and programs."""

from __future__ import annotations

import os
import shutil

import nox

# Packages of the ``test`` extra that only some tests need.
BUILD_TOOLS = ("cmake", "nanobind", "ninja")
# Those with compiled code. Tests that use one are skipped where it has no wheel.
COMPILED = ("gevent", "greenlet")
# Tests that compile programs of their own.
TESTS_THAT_BUILD = (
    "tests/test_embedding.py",
    "tests/test_instructions.py",
    "tests/test_overhead.py",
)


def check_tools(session: nox.Session, *needed: str) -> None:
    """Stop if a program that the session needs is missing."""
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        session.error(f"{', '.join(missing)} not found: .ci/run lists Debian's packages")


def install_package(session: nox.Session, extra: str = "") -> None:
    """Install the package, with what an extra needs.

    It is built from the sources, unless the environment variable TEALETPP_WHEEL names a wheel.
    """
    package = os.environ.get("TEALETPP_WHEEL") or "."
    session.install(f"{package}[{extra}]" if extra else package)


def needed_by_tests() -> list[str]:
    """The packages of the ``test`` extra."""
    metadata = nox.project.load_toml("pyproject.toml")["project"]
    return list(metadata["optional-dependencies"]["test"])
