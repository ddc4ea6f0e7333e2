"""How Sphinx makes the site: ``nox -s docs``.

The source folder is that of the project. So links between the pages, to ``../README.md`` and to
pictures mean the same in the site as where the files are read without it. Sources are named in code
format, and not linked to: the site has no copy of them.
"""

import re
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

project = "tealetpp"
author = "the tealetpp authors"
project_copyright = author
[release] = re.findall(
    r'TEALET_VERSION "(.*)"', (ROOT / "include/tealet/tealet_version.h").read_text()
)

extensions = ["myst_parser", "sphinx.ext.autodoc", "breathe", "sphinx_copybutton", "sphinx_design"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "docs/reference/*.rst", "tests/README.md"]
exclude_patterns = [".*", "build*", "docs/benchmarks/summary.md"]
# A block of C may be an excerpt. C has the name of a structure and of its typedef.
suppress_warnings = ["misc.highlighting_failure", "duplicate_declaration.c"]
nitpick_ignore_regex = [
    ("c:identifier", "size_t|ptrdiff_t|PyObject"),
    ("cpp:identifier", r"std(::.*)?|tealet|(CountingAllocator::)?no_limit"),
]
linkcheck_ignore = ["https?://"]  # what is outside is not looked up

# --- how it looks ---

html_theme = "furo"
html_title = f"tealetpp {release}"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6b67", "color-brand-content": "#0b6b67"},
    "dark_css_variables": {"color-brand-primary": "#5fd4c8", "color-brand-content": "#5fd4c8"},
}
copybutton_prompt_text = "$ "

# --- pages in Markdown ---

highlight_language = "text"  # blocks without a language are output
smartquotes = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # those of other viewers of Markdown

# --- the reference of Python ---

autodoc_member_order = "groupwise"

# --- the reference of C and C++ ---

breathe_projects = {"tealetpp": str(ROOT / "build/docs/doxygen/xml")}
breathe_default_project = "tealetpp"
breathe_domain_by_extension = {"h": "c", "hpp": "cpp"}
breathe_show_include = False


def read_headers(_: Sphinx) -> None:
    """Let Doxygen read the headers."""
    (ROOT / "build/docs").mkdir(parents=True, exist_ok=True)
    configuration = (
        "@INCLUDE = docs/site/Doxyfile\n"
        f'INPUT_FILTER = "{sys.executable} docs/site/doxygen_comments.py"\n'
    )
    subprocess.run(["doxygen", "-"], input=configuration, text=True, check=True, cwd=ROOT)  # noqa: S607


def redirect_to_front_page(app: Sphinx, exception: Exception | None) -> None:
    """Make the site's folder open its front page."""
    if app.builder.name == "html" and exception is None:
        target = f"{root_doc}.html"
        page = f'<!doctype html>\n<meta http-equiv="refresh" content="0; url={target}">\n'
        (Path(app.outdir) / "index.html").write_text(page)


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", read_headers)
    app.connect("build-finished", redirect_to_front_page)
