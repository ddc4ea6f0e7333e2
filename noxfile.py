"""All development tasks: ``nox -s NAME`` runs one, ``nox -l`` lists them.

Each session installs its own CMake, Ninja and checkers from PyPI. All need Python and a C++
compiler, and some need more:

- ``tests``: without valgrind or pkg-config it skips a few tests;
- C and C++: doctest. ``libcxx``: clang with libc++. ``fuzz``: clang with libFuzzer. ``hardened``
  with clang: LLVM's archive tools and its plugin for ld.gold;
- ``sanitize_python``: the sanitizers of GCC. ``debug_python``: Debian's ``python3.11-dbg``;
- ``valgrind``: Valgrind. ``aarch64`` and ``aarch64_python``: a cross compiler and QEMU;
- ``docs``: Doxygen, Chromium and its driver;
- ``benchmarks`` and ``lint``: Boost.Context and Google Benchmark;
- ``newer_pythons``, ``newer_benchmarks``, ``older`` and the sessions for wheels: root, and Debian's
  ``debootstrap``.

``.ci/run`` lists Debian's packages.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["tests"]
nox.options.error_on_external_run = True

sys.path.insert(0, str(Path(__file__).parent))
# The order is that of ``nox -l``.
for subject in (
    "installed",  # the package as a user installs it: tests, demo, benchmarks
    "documents",  # the site of the documents
    "cpp_builds",  # C and C++ in several builds, and under sanitizers
    "hardening",  # the options of distributions
    "random_programs",  # the fuzzer and wide schedules
    "python_builds",  # Python under sanitizers, debug builds of Python, newer Pythons
    "emulators",  # Valgrind, AArch64 under QEMU
    "older",  # the oldest compilers and CMake
    "wheels",
    "checks",  # format and lint
):
    import_module(f"sessions.{subject}")
