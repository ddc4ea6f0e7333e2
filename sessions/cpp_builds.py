"""The C and C++ tests in several builds, and under sanitizers."""

from __future__ import annotations

import shutil
import subprocess

import nox

from sessions.builds import SANITIZERS, build_and_test, set_sanitizer_options


@nox.session
def cpp(session: nox.Session) -> None:
    """Build and run the C++ tests and examples; ``-- -DCMAKE_BUILD_TYPE=Debug`` for Debug."""
    build_and_test(session)


@nox.session
def cpp_no_stats(session: nox.Session) -> None:
    """The same with the statistics compiled out."""
    build_and_test(session, "-DTEALET_WITH_STATS=OFF")


# Newest first; before 16, libc++ has no <memory_resource>.
LIBCXX_COMPILERS = ("clang", *(f"clang-{version}" for version in range(22, 15, -1)))


def has_libcxx(name: str) -> bool:
    """Whether this clang is there, with a libc++ that is new enough."""
    compiler = shutil.which(name.replace("clang", "clang++"))
    if compiler is None or shutil.which(name) is None:
        return False
    command = [compiler, "-stdlib=libc++", "-std=c++17", "-fsyntax-only", "-x", "c++", "-"]
    source = "#include <memory_resource>\n"
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return done.returncode == 0


@nox.session
def libcxx(session: nox.Session) -> None:
    """The same with clang and its own C++ library, libc++ 16 or later."""
    name = next(filter(has_libcxx, LIBCXX_COMPILERS), None)
    if name is None:
        session.error("no clang with libc++ 16 or later found")
    build_and_test(
        session,
        f"-DCMAKE_C_COMPILER={name}",
        f"-DCMAKE_CXX_COMPILER={name.replace('clang', 'clang++')}",
        "-DCMAKE_CXX_FLAGS=-stdlib=libc++",
    )


@nox.session
def sanitize(session: nox.Session) -> None:
    """The same under AddressSanitizer and UndefinedBehaviorSanitizer."""
    set_sanitizer_options(session)
    build_and_test(session, *SANITIZERS)


@nox.session
def threads(session: nox.Session) -> None:
    """The same under ThreadSanitizer."""
    build_and_test(session, "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DTEALETPP_SANITIZE=thread")
