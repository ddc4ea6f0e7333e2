"""Random programs: the fuzzer, and the wide schedules."""

from __future__ import annotations

import argparse
from pathlib import Path

import nox

from sessions.builds import SANITIZERS, clang, configure, set_sanitizer_options
from sessions.pythons import other_pythons, this_python


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
