"""How Sphinx makes the site: ``nox -s docs``.

The source folder is that of the project, so that a link to ``../README.md`` means the same here as
where the files are read without the site. Links to files that are not pages are shown as downloads.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOXYGEN = ROOT / "build" / "docs" / "doxygen"
VERSION_HEADER = ROOT / "include" / "tealet" / "tealet_version.h"

project = "tealetpp"
author = "the tealetpp authors"
project_copyright = author
version = re.search(r'TEALET_VERSION "(.*)"', VERSION_HEADER.read_text())[1]
release = version

extensions = ["myst_parser", "sphinx.ext.autodoc", "breathe", "sphinx_copybutton"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "docs/reference/*.rst", "tests/README.md"]
exclude_patterns = [".*", "build*", "docs/benchmarks/summary.md"]
nitpicky = True
nitpick_ignore_regex = [
    ("c:identifier", r"size_t|ptrdiff_t|PyObject"),
    ("cpp:identifier", r"std(::.*)?|size_t|ptrdiff_t"),
]

# --- the pages ---

myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 4  # the anchors that other viewers of Markdown make, too
# A console block has the output of commands, and a block of C may be an excerpt.
suppress_warnings = ["misc.highlighting_failure", "duplicate_declaration.c"]
copybutton_prompt_text = "$ "

# --- the reference of Python ---

autodoc_member_order = "groupwise"
autodoc_typehints = "none"

# --- the reference of C and C++ ---

breathe_projects = {"tealetpp": str(DOXYGEN / "xml")}
breathe_default_project = "tealetpp"
breathe_domain_by_extension = {"h": "c", "hpp": "cpp"}
breathe_show_include = False
