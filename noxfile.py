"""How everything is run: ``nox -s NAME``, and ``nox -l`` for the names.

Each session brings its own CMake, Ninja and checkers from PyPI. Beyond Python and a C++ compiler,
``tests`` and ``demo`` need nothing; the C++ sessions need doctest, ``valgrind`` and ``aarch64``
what their names say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["tests"]
nox.options.error_on_external_run = True

PYTHONS = ("3.11", "3.12", "3.13")
# One major version each, so that everybody gets the same layout and the same findings.
CLANG_TOOLS = ("clang-format==21.*", "clang-tidy==21.*")
PYTHON_CHECKERS = ("ruff==0.17.*", "mypy==2.*")


def other_pythons() -> Sequence[object]:
    """The Pythons that can build the module, one for each version except the running one."""
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
            # A pyenv shim may be on PATH and still refuse to run: ask.
            answer = subprocess.run(
                [candidate, "-c", question], capture_output=True, text=True, check=False
            ).stdout.split()
            if answer[:2] == [version, "True"]:
                found.append(nox.param(answer[2], id=version))
                break
    return found


def run_tests(session: nox.Session) -> None:
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Install the package as a user would and run pytest, with the Python that runs nox."""
    run_tests(session)


@nox.session
@nox.parametrize("python", other_pythons())
def tests_on(session: nox.Session) -> None:
    """The same with every other supported Python on PATH or in pyenv."""
    run_tests(session)


@nox.session
def demo(session: nox.Session) -> None:
    """Install the package and run ``tealetpp demo`` with what follows ``--``."""
    session.install(".")
    session.run("tealetpp", "demo", *session.posargs)


def configure(session: nox.Session, *options: str) -> str:
    """Configure a build folder of the session's own; what follows ``--`` goes to CMake too."""
    session.install("cmake>=3.29", "ninja")
    folder = f"build/{session.name}"
    session.run(
        *("cmake", "--fresh", "-S", ".", "-B", folder, "-G", "Ninja"),
        "-DTEALETPP_WARNINGS_AS_ERRORS=ON",
        *options,
        *session.posargs,
    )
    return folder


def build_and_test(session: nox.Session, *options: str) -> None:
    folder = configure(session, *options)
    session.run("cmake", "--build", folder)
    session.run(
        *("ctest", "--test-dir", folder, "--output-on-failure", "--no-tests=error"),
        f"--parallel={os.cpu_count() or 1}",
    )


@nox.session
def cpp(session: nox.Session) -> None:
    """Build and run the C++ tests and examples; ``-- -DCMAKE_BUILD_TYPE=Debug`` for Debug."""
    build_and_test(session)


@nox.session
def cpp_no_stats(session: nox.Session) -> None:
    """The same with the statistics compiled out."""
    build_and_test(session, "-DTEALET_WITH_STATS=OFF")


@nox.session
def sanitize(session: nox.Session) -> None:
    """The same under AddressSanitizer and UndefinedBehaviorSanitizer."""
    session.env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
    build_and_test(
        session, "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DTEALETPP_SANITIZE=address,undefined"
    )


@nox.session
def valgrind(session: nox.Session) -> None:
    """The same under Valgrind's memcheck."""
    memcheck = ("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full")
    build_and_test(
        session,
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        f"-DCMAKE_TEST_LAUNCHER={';'.join(memcheck)}",
    )


@nox.session
def aarch64(session: nox.Session) -> None:
    """The same cross-built for AArch64 and run under QEMU's user mode."""
    build_and_test(session, "--toolchain", "cmake/toolchains/aarch64-linux-gnu.cmake")


def sources(*patterns: str) -> list[str]:
    """The files of the tree, new ones too, without what git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if Path(name).exists()]


def layout(session: nox.Session, *, fix: bool) -> None:
    clang_format = ("-i",) if fix else ("--dry-run", "-Werror")
    session.run("clang-format", *clang_format, *sources("*.c", "*.cpp", "*.h", "*.hpp"))
    session.run("ruff", "format", *(() if fix else ("--check", "--diff")))
    session.run("ruff", "check", *(("--fix",) if fix else ()))


@nox.session(name="format")
def format_(session: nox.Session) -> None:
    """Bring every source into the layout that ``lint`` asks for."""
    session.install(*CLANG_TOOLS, *PYTHON_CHECKERS)
    layout(session, fix=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check layout, C++ sources, build files, types and stubs."""
    session.install(*CLANG_TOOLS, *PYTHON_CHECKERS, "nox", "pybind11")
    layout(session, fix=False)

    pybind11 = session.run("pybind11-config", "--cmakedir", silent=True)
    folder = configure(
        session,
        *("-Werror=dev", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"),
        *("-DTEALETPP_BUILD_PYTHON=ON", f"-Dpybind11_DIR={str(pybind11).strip()}"),
    )
    clang_tidy(session, folder, sources("*.c", "*.cpp"))

    session.install(".")
    session.run("mypy")
    session.run("python", "-m", "mypy.stubtest", "tealetpp")


def clang_tidy(session: nox.Session, folder: str, files: list[str]) -> None:
    """clang-tidy looks at one file at a time and takes its time: keep every core busy."""
    command = [str(Path(session.bin) / "clang-tidy"), "--quiet", "-p", folder]

    def check(file: str) -> tuple[str, subprocess.CompletedProcess[str]]:
        return file, subprocess.run([*command, file], capture_output=True, text=True, check=False)

    session.log(f"clang-tidy {' '.join(files)}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = [(file, done) for file, done in pool.map(check, files) if done.returncode != 0]
    for _, done in failed:
        print(done.stdout or done.stderr)
    if failed:
        session.error(f"clang-tidy: {', '.join(file for file, _ in failed)}")
