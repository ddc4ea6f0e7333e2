"""Building the programs in C and C++ that the benchmarks and some tests run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# CMake and Ninja are installed beside this Python, which need not be on PATH.
SEARCH = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


def build(project: Path, folder: Path, *options: str) -> Path:
    """Build a whole CMake project, optimised. Returns its build folder."""
    environment = {**os.environ, "PATH": SEARCH}
    cmake = shutil.which("cmake", path=SEARCH) or "cmake"
    commands: list[list[str | Path]] = [
        [cmake, "-G", "Ninja", "-S", project, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", *options],
        [cmake, "--build", folder],
    ]
    for command in commands:
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return folder
