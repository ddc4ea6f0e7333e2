"""Builds with the options that distributions use."""

from __future__ import annotations

import shutil

import nox

from sessions.builds import build_and_test
from sessions.packages import TESTS_THAT_BUILD, check_tools

# The hardening options of distributions, and link-time optimization.
HARDENING = "-O3 -fcf-protection=full -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
# Link-time optimization also needs a linker and archive tools that read intermediate code.
LINK_TIME_OPTIMIZERS = {
    "gcc": ("-flto=auto", "bfd", "gcc", "g++", "gcc-ar", "gcc-ranlib"),
    "clang": ("-flto", "gold", "clang", "clang++", "llvm-ar", "llvm-ranlib"),
    "clang-thin": ("-flto=thin", "gold", "clang", "clang++", "llvm-ar", "llvm-ranlib"),
}


@nox.session
@nox.parametrize("optimizer", [nox.param(name, id=name) for name in LINK_TIME_OPTIMIZERS])
def hardened(session: nox.Session, optimizer: str) -> None:
    """Build and run the C++ tests with link-time optimization and hardening options."""
    option, linker, *tools = LINK_TIME_OPTIMIZERS[optimizer]
    check_tools(session, *tools)
    names = ("C_COMPILER", "CXX_COMPILER", "AR", "RANLIB")
    build_and_test(
        session,
        *(f"-DCMAKE_{name}={shutil.which(tool)}" for name, tool in zip(names, tools, strict=True)),
        *(f"-DCMAKE_{language}_FLAGS={option} {HARDENING}" for language in ("C", "CXX")),
        *(f"-DCMAKE_{kind}_LINKER_FLAGS=-fuse-ld={linker}" for kind in ("EXE", "SHARED")),
        "-DCMAKE_BUILD_TYPE=Release",
    )


@nox.session
def hardened_python(session: nox.Session) -> None:
    """Run pytest with the Python module, built by gcc with the same options."""
    session.env["CFLAGS"] = session.env["CXXFLAGS"] = f"-flto=auto {HARDENING}"
    session.install(".[test]")
    session.run("pytest", *(f"--ignore={file}" for file in TESTS_THAT_BUILD), *session.posargs)
