"""Rules have names: each is stated in a document, and has a test that is tagged with its name."""

import ast
import re

import pytest

from building import ROOT

TESTS = ROOT / "tests"
NAME = r"[a-z]+(?:-[a-z0-9]+)+"
# A tag is tied to a test: the name of a TEST_CASE, or the comment above a function.
IN_CPP = re.compile(r'\bTEST_CASE\(\s*"((?:\[[^\]]*\])+) ([^"]+)"')
IN_C = re.compile(r"^/\* ((?:\[[^\]]*\])+) \*/\nstatic void (test_\w+)\(", re.MULTILINE)
# Tables whose every row is a rule: document, heading, what the names begin with.
TABLES = [
    ("docs/python-api.md", "## Errors", "misuse"),
    ("docs/c-api.md", "### Errors", "c"),
    ("docs/statistics.md", "These invariants hold", "stats"),
    ("docs/python-api.md", "### Seeing tealets", "seeing"),
    ("docs/internals.md", "### Without unwinding", "discard"),
    ("docs/internals.md", "### The first call", "first-call"),
]


def rules_at(function):
    """The arguments of each ``@pytest.mark.rule(...)`` of a function."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.rule":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def tags_in_tests():
    """Every tag, as (rule, file, test)."""
    for path in sorted(TESTS.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for rule in rules_at(node):
                    yield rule, path.name, node.name
    for folder, suffix, pattern in (("cpp", "cpp", IN_CPP), ("c", "c", IN_C)):
        for path in sorted((TESTS / folder).glob(f"test_*.{suffix}")):
            for found in pattern.finditer(path.read_text()):
                for rule in re.findall(r"\[([^\]]*)\]", found[1]):
                    yield rule, f"{folder}/{path.name}", found[2]


def rules_in_readme():
    """The files that tests/README.md names for each rule."""
    text = (TESTS / "README.md").read_text()
    rows = re.findall(rf"^\| `({NAME})` \| [^|]+ \| ([^|]*) \|$", text, re.MULTILINE)
    assert len(rows) == len({rule for rule, _ in rows}), "a rule stands there twice"
    return {rule: set(re.findall(r"`([^`]+)`", files)) for rule, files in rows}


def parts_in_readme():
    """Each part of a document that tests/README.md names above a table: with the rules there."""
    for section in (TESTS / "README.md").read_text().split("\n### ")[1:]:
        heading, _, text = section.partition("\n")
        if found := re.search(r": `(\S+)`, (.*)$", heading):
            titles = re.findall(r'"([^"]+)"', found[2])
            yield found[1], titles, re.findall(rf"^\| `({NAME})` \|", text, re.MULTILINE)


def part_of(document, title):
    """The text below a heading, up to the next one that is not below it."""
    text = (ROOT / document).read_text()
    begin = re.search(rf"^(##+) {re.escape(title)}\n", text, re.MULTILINE)
    end = re.compile(rf"^#{{2,{len(begin[1])}}} ", re.MULTILINE).search(text, begin.end())
    return text[begin.end() : end.start() if end else None]


def rules_in(text):
    return re.findall(rf"`({NAME})`", text)


def rows_of_table(document, heading):
    """The first cell of each row of the first table below a heading."""
    text = (ROOT / document).read_text().partition(f"\n{heading}")[2]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)[0]
    return [row.split("|")[1].strip() for row in table.splitlines()[2:]]


def test_each_rule_has_the_tests_that_the_readme_names():
    tagged = {}
    for rule, file, _ in tags_in_tests():
        tagged.setdefault(rule, set()).add(file)
    rules = rules_in_readme()
    assert [rule for rule in rules if rule not in tagged] == [], "without a test"
    assert [rule for rule in tagged if rule not in rules] == [], "unknown tags"
    assert tagged == rules


def test_tags_are_found_in_every_language():
    files = {file for _, file, _ in tags_in_tests()}
    assert {"test_misuse.py", "cpp/test_domain_switch.cpp", "c/test_transfer.c"} <= files


@pytest.mark.parametrize(("document", "heading", "family"), TABLES)
def test_each_row_of_a_document_is_a_rule(document, heading, family):
    stated = rows_of_table(document, heading)
    assert stated == [f"`{rule}`" for rule in rules_in_readme() if rule.startswith(f"{family}-")]


def test_each_rule_is_stated_once_in_the_part_that_the_readme_names():
    parts = list(parts_in_readme())
    assert [rule for _, _, rules in parts for rule in rules] == list(rules_in_readme())
    for document, titles, rules in parts:
        stated = [rule for title in titles for rule in rules_in(part_of(document, title))]
        assert {rule: stated.count(rule) for rule in rules} == dict.fromkeys(rules, 1)


def test_documents_name_no_unknown_rules():
    rules = rules_in_readme()
    families = {rule.partition("-")[0] for rule in rules}
    for document in sorted((ROOT / "docs").glob("*.md")):
        named = [rule for rule in rules_in(document.read_text()) if rule.split("-")[0] in families]
        assert [rule for rule in named if rule not in rules] == []


def test_the_rules_of_the_switch_are_those_of_the_source():
    opening = (ROOT / "cpp/core/domain_switch.cpp").read_text().partition("#include")[0]
    numbers = re.findall(r"^// +(\d)\. ", opening, re.MULTILINE)
    assert [f"switch-{number}" for number in numbers] == [
        rule for rule in rules_in_readme() if rule.startswith("switch-")
    ]


def test_no_test_is_tagged_twice_with_a_rule():
    tags = list(tags_in_tests())
    assert len(tags) == len(set(tags))
