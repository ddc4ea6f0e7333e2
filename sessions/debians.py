"""The older and the newer Debian, in the folder ``build``. Making one needs root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import nox

# Pythons that Debian 12 does not have, and the Debian that has them.
NEWER_PYTHONS = ("3.14", "3.15")
NEWER_DEBIAN = "forky"
NEWER_PACKAGES = (
    *("g++", "git", "pkg-config", "strace", "valgrind"),
    *(f"python{version}-{part}" for version in NEWER_PYTHONS for part in ("dev", "venv", "dbg")),
)


def debian(session: nox.Session, suite: str, packages: Sequence[str]) -> str:
    """The folder with this Debian, made when it is not there."""
    folder = f"build/{suite}"
    session.run(".ci/debian-root", folder, suite, *packages, external=True)
    return folder


def newer_debian(session: nox.Session) -> str:
    """The folder with the newer Debian."""
    return debian(session, NEWER_DEBIAN, NEWER_PACKAGES)


def newer_nox(
    session: nox.Session, version: str, *options: str, env: Mapping[str, str] | None = None
) -> Path:
    """Run nox there with a newer Python. Return the folder that is ``build`` there."""
    root = newer_debian(session)

    def run(*command: str, silent: bool = False) -> None:
        session.run(".ci/in-debian-root", root, *command, env=env, silent=silent, external=True)

    venv = f"build/nox-{version}"
    run(f"python{version}", "-m", "venv", venv)
    run(f"{venv}/bin/pip", "install", "nox", silent=True)
    run(f"{venv}/bin/nox", "--envdir", f".nox/{version}", *options)
    return Path(f"{root}/srv{Path.cwd()}/build")


# The Debian in which wheels are built, so that they run on systems as old. Its GCC 10 and clang 13
# are the oldest that are tried.
OLDER_DEBIAN = "bullseye"
OLDER_GLIBC = 31  # 2.31
OLDER_PACKAGES = ("g++", "clang-13", "doctest-dev", "pkg-config", "python3-venv")
CROSS_PACKAGES = ("g++-aarch64-linux-gnu",)


def older_debian(session: nox.Session) -> str:
    """The folder with the older Debian."""
    return debian(session, OLDER_DEBIAN, (*OLDER_PACKAGES, *CROSS_PACKAGES))
