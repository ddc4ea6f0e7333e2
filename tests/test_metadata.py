"""The metadata that a package index shows. The other files of the sources are not there."""

import importlib.metadata
import re

import pytest

from building import ROOT

# The target of a link or picture, inline or by reference, or in HTML.
TARGETS = re.compile(
    r"\]\(([^)]*)\)|^\[[^\]]+\]: *(\S+)|(?:src|href)=[\"']?([^\"' >]*)", re.MULTILINE
)


@pytest.fixture(scope="module")
def metadata():
    try:
        return importlib.metadata.metadata("tealetpp")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs the package installed from a wheel")


def targets(text):
    return ["".join(groups) for groups in TARGETS.findall(text)]


def test_the_description_points_to_nothing_that_is_not_there(metadata):
    description = metadata.json["description"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    # External pages.
    assert [name for name in targets(description) if not name.startswith("https://")] == []
    assert "![" not in description


def test_the_description_has_all_the_text_of_the_readme(metadata):
    readme = (ROOT / "README.md").read_text()
    assert "docs/python-api.md" in targets(readme)
    without_pictures = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", readme)
    words = re.compile(r"\w+")
    assert words.findall(metadata.json["description"]) == words.findall(without_pictures)
