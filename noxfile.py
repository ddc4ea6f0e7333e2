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
