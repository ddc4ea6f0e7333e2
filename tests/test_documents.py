"""What documents show, link to and name is in the files of the project."""

import re
import runpy

import pytest

from building import ROOT, code_blocks
from tealetpp.__main__ import main as run_command
from tealetpp._report import FIELDS

HANDING_OVER = "tests/embedding/nanobind_module/handing_over.cpp"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), ROOT / "tests/README.md"])
# Of CPython, the C library and doctest: not in our sources.
FOREIGN = {"_Py_RunGC", "fetestexcept", "TEST_CASE"}


@pytest.mark.parametrize(
    ("document", "begin", "end", "file"),
    [
        ("README.md", "## In C\n", "`#include", "examples/c/countdown.c"),
        ("docs/c-api.md", "## A program", "More in", "examples/c/countdown.c"),
        ("docs/cpp-api.md", "## A program", "```cmake", "examples/cpp/countdown.cpp"),
        ("docs/embedding.md", "### Together with", "Closing the tealet", HANDING_OVER),
    ],
)
def test_code_that_is_shown(document, begin, end, file):
    [code] = code_blocks(document, begin, end)
    assert code in (ROOT / file).read_text()


def headings(document):
    """The anchors that a document has."""
    for heading in re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)", text):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize("document", ["docs/internals.md", "tests/README.md"])
def test_functions_that_are_named_exist(document):
    named = set(re.findall(r"`(?:\w+::)*(\w+)\(", (ROOT / document).read_text()))
    files = [*(ROOT / "cpp").glob("**/*.[ch]pp"), *(ROOT / "include").glob("**/*.h*")]
    words = {word for path in files for word in re.findall(r"\w+", path.read_text())}
    assert len(named) > 10
    assert sorted(named - words - FOREIGN) == []


def test_every_figure_is_defined():
    document = (ROOT / "docs/statistics.md").read_text()
    section = document.partition("## The figures\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \| \w", section, re.MULTILINE) == list(FIELDS)


def labels(text):
    """The lines of a report without its figures, which depend on the version of Python."""
    figure = r"\(?[\d,.]+ (?:[KMG]i)?B\)?|[\d,.]+x?"
    return [" ".join(re.sub(figure, "", line).split()) for line in text.splitlines()]


def test_the_readme_shows_what_its_program_prints(tmp_path, capsys):
    code, shown = code_blocks("README.md", "## In Python\n", "## In C++\n")
    program = tmp_path / "program.py"
    program.write_text(code)
    runpy.run_path(str(program))
    assert labels(capsys.readouterr().out) == labels(shown)


def test_the_readme_shows_lines_that_the_demo_prints(tmp_path, capsys):
    [shown] = code_blocks("README.md", "It prints, here shortened", "A tealet costs")
    (tmp_path / "one").write_text("a\n  b\n")
    (tmp_path / "two").write_text("a\n")
    assert run_command(["demo", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    of_a_file = ("deepest:", "shallowest:", "with tealets", "without")
    kept = [line for line in labels(shown) if line and not line.startswith(of_a_file)]
    missing = [line for line in kept if line not in labels(printed) and "files" not in line]
    assert missing == []
    assert re.search(r"All \d+ checks", shown)[0] == re.search(r"All \d+ checks", printed)[0]
