"""Code that documents show is in files that are built and run."""

import re

import pytest

from building import ROOT, code_blocks
from tealetpp._report import FIELDS

HANDING_OVER = "tests/embedding/nanobind_module/handing_over.cpp"


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


def test_every_figure_is_defined():
    document = (ROOT / "docs/statistics.md").read_text()
    section = document.partition("## The figures\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \| \w", section, re.MULTILINE) == list(FIELDS)
