"""The oldest compilers and CMake."""

from __future__ import annotations

import os
from pathlib import Path

import nox

from sessions.debians import older_debian

OLDER_CMAKE = "cmake==3.22.*"  # the oldest that is tried
OLDER_COMPILERS = {"gcc": ("gcc", "g++"), "clang-13": ("clang-13", "clang++-13")}


@nox.session(python=False)
@nox.parametrize("compiler", [nox.param(name, id=name) for name in OLDER_COMPILERS])
def older(session: nox.Session, compiler: str) -> None:
    """Build and run the C and C++ tests in an older Debian, with the oldest compilers and CMake.

    The Debian is made in ``build/bullseye`` when it is not there.
    """
    root = older_debian(session)
    c, cxx = OLDER_COMPILERS[compiler]
    here = Path.cwd()
    tools = str(here / "build/tools/bin")

    def run(*command: str) -> None:
        session.run(".ci/in-debian-root", root, *command, external=True)

    def cmake(source: str, folder: str, *options: str) -> None:
        run(
            *("env", f"CC={c}", f"CXX={cxx}"),
            *(f"{tools}/cmake", "-S", source, "-B", folder, "-G", "Ninja"),
            *(f"-DCMAKE_MAKE_PROGRAM={tools}/ninja", *options),
        )
        run(f"{tools}/cmake", "--build", folder)

    run("python3", "-m", "venv", "build/tools")
    run(f"{tools}/pip", "install", "--quiet", OLDER_CMAKE, "ninja")
    folder = f"build/{compiler}"
    cmake(".", folder, "-DTEALETPP_WARNINGS_AS_ERRORS=ON", *session.posargs)
    run(
        *(f"{tools}/ctest", "--test-dir", folder, "--output-on-failure", "--no-tests=error"),
        f"--parallel={os.cpu_count() or 1}",
    )
    run(f"{tools}/cmake", "--install", folder, "--prefix", f"{folder}/installed")
    for project in ("c_program", "cpp_application"):
        below = f"{folder}/{project}"
        cmake(f"tests/embedding/{project}", below, f"-DCMAKE_PREFIX_PATH={here}/{folder}/installed")
        run(f"{below}/with_static")
        run(f"{below}/with_shared")
    for kind in ("shared", "static", "all_static"):
        run(
            *("env", f"PKG_CONFIG_PATH={here}/{folder}/installed/lib/pkgconfig"),
            *("tests/embedding/pkgconfig/build.sh", kind, "tests/embedding/c_program/program.c"),
            f"{folder}/program",
        )
        run(f"{folder}/program")
