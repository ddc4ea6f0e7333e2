"""Format and lint."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

from sessions.builds import configure, pybind11_option
from sessions.packages import install_package

# Pinned to one major version, so that everybody gets the same layout and the same warnings.
# clang-tidy leaves out system headers from version 22 on, and is several times as fast.
CLANG_TOOLS = ("clang-format==21.*", "clang-tidy==22.*")
PYTHON_CHECKERS = ("ruff==0.17.*", "mypy==2.*")


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

    install_package(session)
    session.run("mypy")
    session.run(
        *("python", "-m", "mypy.stubtest", "tealetpp"),
        *("--allowlist", "tests/stubtest_allowlist.txt"),
    )


def compile_each_file_once(folder: str) -> str:
    """Write a compile database with one entry for each file; return its folder.

    CMake's has one for each target that compiles the file, and clang-tidy would check it as often.
    """
    entries = json.loads(Path(folder, "compile_commands.json").read_text())
    first = {entry["file"]: entry for entry in reversed(entries)}
    database = Path(folder, "clang-tidy")
    database.mkdir(exist_ok=True)
    (database / "compile_commands.json").write_text(json.dumps(list(first.values()), indent=1))
    return str(database)


def clang_tidy(session: nox.Session, folder: str, files: list[str]) -> None:
    """Run clang-tidy on all cores. It is slow, and checks one file at a time."""
    database = compile_each_file_once(folder)
    # It has warnings of clang, which finds C2y's __COUNTER__ in doctest's macros.
    command = [
        *(str(Path(session.bin) / "clang-tidy"), "--quiet", "-p", database),
        "--extra-arg=-Wno-c2y-extensions",
    ]

    def check(file: str) -> tuple[str, subprocess.CompletedProcess[str]]:
        return file, subprocess.run([*command, file], capture_output=True, text=True, check=False)

    session.log(f"clang-tidy {' '.join(files)}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = [(file, done) for file, done in pool.map(check, files) if done.returncode != 0]
    for _, done in failed:
        print(done.stdout or done.stderr)
    if failed:
        session.error(f"clang-tidy: {', '.join(file for file, _ in failed)}")
