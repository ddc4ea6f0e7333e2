"""The benchmarks: their budgets, and the published figures."""

import json

import pytest

from benchmarks.budgets import IN_CPP, IN_PYTHON, Budget
from benchmarks.kinds import KINDS
from building import ROOT

pytestmark = pytest.mark.any_python

PUBLISHED = ROOT / "docs" / "benchmarks"


@pytest.fixture
def published():
    return json.loads((PUBLISHED / "results.json").read_text())


@pytest.mark.parametrize(("value", "met"), [(99, True), (100, True), (101, False)])
def test_a_budget_in_a_unit(value, met):
    budget = Budget("something", "figure", 100, unit="bytes")
    assert budget.measured({"figure": {"tealetpp": value}}) == value
    assert budget.met(value) is met


def test_a_budget_that_is_relative():
    budget = Budget("something", "figure", 0.25, "greenlet")
    assert budget.measured({"figure": {"tealetpp": 1, "greenlet": 5}}) == 0.2
    assert budget.met(0.2)
    assert not budget.met(0.3)


def test_a_budget_of_speed_is_met_by_what_takes_less_time():
    budget = Budget("something", "figure", 0.95, "outside", at_least=True)
    measured = budget.measured({"figure": {"tealetpp": 4, "outside": 2}})
    assert measured == 0.5
    assert not budget.met(measured)
    assert budget.met(0.96)


def test_a_budget_that_depends_on_the_python():
    budget = Budget("something", "figure", 1900, unit="bytes", limits={"3.11": 1600})
    assert [budget.on(python).limit for python in ("3.11", "3.12", "3.13")] == [1600, 1900, 1900]
    assert not budget.on("3.11").met(1700)
    assert budget.on("3.12").met(1700)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_budget_of_what_is_reported(kind):
    [budget] = [budget for budget in IN_PYTHON if budget.figure == f"parked_{kind}_beyond"]
    assert budget.limit == 1.15
    assert budget.met(budget.measured({budget.figure: {"tealetpp": 1.1}}))


@pytest.mark.parametrize("figures", [{}, {"figure": {"greenlet": 1}}, {"figure": {"tealetpp": 1}}])
def test_what_was_not_measured_is_no_number(figures):
    assert Budget("something", "figure", 1, "greenlet").measured(figures) is None


def test_every_budget_was_measured(published):
    missing = [
        budget.what
        for part, budgets in (
            *((part, IN_PYTHON) for part in published["python"].values()),
            (published["cpp"], IN_CPP),
        )
        for budget in budgets
        if budget.measured(part["figures"]) is None
    ]
    assert not missing


def test_a_long_run_is_published(published):
    assert not published["quick"]


def test_the_readme_shows_what_is_published():
    assert (PUBLISHED / "summary.md").read_text() in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_shows_every_kind_and_what_is_reported(published, kind):
    first = next(iter(published["python"].values()))["figures"]
    shown = (PUBLISHED / "summary.md").read_text().splitlines()
    [header] = [line for line in shown if "reported" in line]
    [row] = [line for line in shown if line.startswith(f"| {KINDS[kind]} ")]
    names, values = ([cell.strip() for cell in line.split("|")] for line in (header, row))
    by_name = dict(zip(names, values, strict=True))
    for name in ("tealetpp", "reported", "greenlet", "asyncio", "threads"):
        assert by_name[name] == f"{first[f'parked_{kind}'][name]:,.0f} bytes"


@pytest.mark.parametrize("file", sorted(PUBLISHED.iterdir()), ids=lambda file: file.name)
def test_what_is_published_tells_nothing_of_the_machines_folders(file):
    text = file.read_text()
    assert not any(folder in text for folder in ("/home/", "/root/", "/tmp/", "/usr/", "/opt/"))
