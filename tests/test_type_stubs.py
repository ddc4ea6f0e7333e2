"""The type stubs, compared with the module that they describe."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import tealetpp
from tealetpp import _costs, _report, _tealetpp

PACKAGE = Path(tealetpp.__file__).parent
STUB = ast.parse((PACKAGE / "_tealetpp.pyi").read_text(encoding="utf-8"))
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}


def members(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    """Its own members, and those of bases that exist for the type checker only."""
    found = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id.startswith("_"):
            found |= members(CLASSES[base.id])
    return found


def run_mypy(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of mypy with this package on its path. Skips the test without mypy."""
    pytest.importorskip("mypy")
    environment = dict(os.environ)
    if "site-packages" not in PACKAGE.parts:  # mypy searches there anyway, and refuses the path
        environment["MYPYPATH"] = str(PACKAGE.parent)
    return subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def public(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def test_the_stub_has_every_class_and_no_other() -> None:
    assert isinstance(_tealetpp.Status, type)  # made at its first use
    classes = {name for name, value in vars(_tealetpp).items() if isinstance(value, type)}
    assert public(CLASSES) == public(classes)


def test_the_package_hands_out_all_of_them() -> None:
    compiled = {*public(CLASSES), "__version__"}
    folders = {"get_cmake_dir", "get_include", "get_pkgconfig_dir"}
    imported_later = {"Survey", "TealetStats"}
    assert set(tealetpp.__all__) == compiled | folders | imported_later
    for name in compiled:
        assert getattr(tealetpp, name) is getattr(_tealetpp, name)
    for name in imported_later:
        assert getattr(tealetpp, name) is getattr(_costs, name)


@pytest.mark.parametrize("name", ["Main", "Stats", "StatsDifference", "Tealet"])
def test_a_class_has_what_the_stub_says(name: str) -> None:
    assert public(members(CLASSES[name])) == public(vars(getattr(_tealetpp, name)))


@pytest.mark.parametrize("name", ["Main", "Tealet"])
def test_parameters_are_named_alike(name: str) -> None:
    for method, node in members(CLASSES[name]).items():
        value = vars(getattr(_tealetpp, name)).get(method)
        if not inspect.ismethoddescriptor(value) or method.startswith("_"):
            continue
        arguments = node.args
        stubbed = [argument.arg for argument in arguments.posonlyargs + arguments.args]
        stubbed += [argument.arg for argument in arguments.kwonlyargs]
        stubbed += [extra.arg for extra in (arguments.vararg, arguments.kwarg) if extra]
        assert sorted(stubbed) == sorted(inspect.signature(value).parameters), method


def test_an_exception_has_the_bases_of_the_stub() -> None:
    for name in ("DefunctError", "InvalidError", "TealetError", "TealetExit", "ThreadError"):
        bases = [base.id for base in CLASSES[name].bases if isinstance(base, ast.Name)]
        assert bases == [base.__name__ for base in getattr(_tealetpp, name).__bases__]


def test_status_has_the_values_of_the_stub() -> None:
    stubbed = {
        item.targets[0].id: ast.literal_eval(item.value)
        for item in CLASSES["Status"].body
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name)
    }
    assert stubbed == {status.name: status.value for status in tealetpp.Status}


def test_reports_know_every_field() -> None:
    assert {*_report.FIELDS, "seconds", "per_second"} == {
        name for name in public(vars(tealetpp.StatsDifference)) if not name.startswith("to_")
    }
    assert tuple(figure.name for figure in _costs.FIGURES) == tealetpp.TealetStats._fields


def test_stubtest_finds_no_difference() -> None:
    allowlist = Path(__file__).with_name("stubtest_allowlist.txt")
    done = run_mypy("mypy.stubtest", "tealetpp", "--allowlist", str(allowlist))
    assert done.returncode == 0, done.stdout + done.stderr


TYPED_USE = """
from tealetpp import Main, Stats, StatsDifference, Status, Tealet

def add(a: int, b: int = 0) -> int:
    return a + b

with Main(memory_limit=1 << 20) as main:
    with main.tealet(add) as tealet:
        tealet.switch(1, b=2)
    stub: Tealet = main.stub()
    stub.duplicate().run(add, 1, b=2)
    before: Stats = main.stats()
    phase: StatsDifference = main.stats() - before
    fixed: int = before.fixed_stack_bytes(65536)
    done: bool = tealet.status is Status.EXITED
    current: Tealet | None = main.current
    tealet.parent = main
"""
WRONG_USE = {
    "tealet.run(add, 'one')": "arg-type",
    "tealet.run(add, 1, c=2)": "call-arg",
    "tealet.parent = None": "assignment",
    "tealet.extent = 1": "misc",
    "main.tealet(1)": "arg-type",
    "tealet.throw('no')": "arg-type",
    "before.n_active = 1": "misc",
}


def test_mypy_takes_right_use_and_refuses_wrong_use(tmp_path: Path) -> None:
    wrong = "".join(f"{line}\n" for line in WRONG_USE)
    script = tmp_path / "use.py"
    script.write_text(TYPED_USE + wrong, encoding="utf-8")
    cache = str(tmp_path / "cache")
    done = run_mypy("mypy", "--strict", "--no-error-summary", "--cache-dir", cache, str(script))
    first = TYPED_USE.count("\n") + 1
    found = {}
    for line in done.stdout.splitlines():
        position, _, message = line.partition(": error: ")
        if message:
            found[int(position.rpartition(":")[2])] = message.rpartition("[")[2].rstrip("]")
    assert found == dict(enumerate(WRONG_USE.values(), first)), done.stdout + done.stderr
