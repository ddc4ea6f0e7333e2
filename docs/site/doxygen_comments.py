"""Doxygen's input filter: marks the comments of a header as documentation.

``python doxygen_comments.py HEADER`` prints the header with each ordinary comment turned into one
that Doxygen reads. The headers are for readers of the source, so they have no markup of Doxygen's.

    // A sentence.            /// A sentence.           before a declaration
    int a;  // its unit       int a;  ///< its unit     after one
    /* A sentence. */         /** A sentence. */
    int a;  /* its unit */    int a;  /**< its unit */
    /* --- errors --- */      /** @name errors */       a group of C declarations

Tables of figures (``*.def``) are expanded where they declare members.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

INCLUDE = Path(__file__).parents[2] / "include"
# `#define TEALET_FIGURE(name, ...) Number name = 0;`, and a table with an entry for each member
TABLE = re.compile(
    r"^#define TEALET_FIGURE\(name, \.\.\.\) (.*)\n#include <(tealet/\w+\.def)>", re.MULTILINE
)
ENTRY = re.compile(
    r'^TEALET_(?:C_)?FIGURE\((\w+),[^"]*"[^"]*",\s*((?:"[^"]*"\s*)+)\)', re.MULTILINE
)
INCLUDED_TABLE = re.compile(r"^#include <tealet/\w+\.def>$", re.MULTILINE)
# Where a header says that the rest is not for users.
END = re.compile(r"^// --- implementation", re.MULTILINE)
TOP = re.compile(r"\A(?:(?://[^\n]*\n)+|/\*.*?\*/\n)", re.DOTALL)
HEADING = re.compile(r"^/\* --- (.*?) -+ \*/$", re.MULTILINE)
# `stats_size_t a;  // its unit`, and continued lines of such comments
TRAILING = re.compile(r"^(\s*[^\s/*].*?)(//|/\*) (?!NOLINT|clang-format)", re.MULTILINE)
CONTINUED = re.compile(r"(///< .*\n(?:[ ]+///< .*\n)*?)([ ]{20,})// ")
OWN_LINE = re.compile(r"^(\s*)(//(?=\s)|/\*(?=\s))(?!\s*(?:NOLINT|clang-format|---))", re.MULTILINE)


def close_groups(text: str) -> str:
    """Each heading of a C header begins a group that ends at the next one."""
    opened = False

    def replace(match: re.Match[str]) -> str:
        nonlocal opened
        end = "/** @} */ " if opened else ""
        opened = True
        return f"{end}/** @name {match[1]} */ /** @{{ */"

    text = HEADING.sub(replace, text)
    if opened:
        last = text.rindex("#endif")
        text = text[:last] + "/** @} */ " + text[last:]
    return text


def members(match: re.Match[str]) -> str:
    """The members that a table of figures declares, with the sentence for each."""
    entries = ENTRY.findall((INCLUDE / match[2]).read_text())
    if not entries:
        raise ValueError(f"no entries in {match[2]}")
    sentences = ("".join(re.findall('"([^"]*)"', strings)) for _, strings in entries)
    declared = (re.sub(r"\bname\b", name, match[1]) for name, _ in entries)
    return " ".join(f"/** {said} */ {code}" for said, code in zip(sentences, declared, strict=True))


def without(pattern: re.Pattern[str], text: str) -> str:
    """The text with the match blanked, and as many lines."""
    return pattern.sub(lambda match: "\n" * match[0].count("\n"), text, count=1)


def documented(text: str) -> str:
    """The text of a header as Doxygen is to read it."""
    if end := END.search(text):
        text = text[: end.start()] + "}\n"
    text = without(TOP, text)  # shown as it is, above the reference
    text = TABLE.sub(members, text)
    text = INCLUDED_TABLE.sub("", text)
    text = close_groups(text)
    text = TRAILING.sub(lambda m: m[1] + {"//": "///< ", "/*": "/**< "}[m[2]], text)
    while CONTINUED.search(text):
        text = CONTINUED.sub(r"\1\2///< ", text)
    return OWN_LINE.sub(lambda m: m[1] + {"//": "///", "/*": "/**"}[m[2]], text)


if __name__ == "__main__":
    sys.stdout.write(documented(Path(sys.argv[1]).read_text()))
