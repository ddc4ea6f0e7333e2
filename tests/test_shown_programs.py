"""Programs of the front page, the tutorial and the how-to pages print what the pages show."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from building import ROOT

EXAMPLES = sorted((ROOT / "examples/python").glob("*.py"))
TUTORIAL = "docs/tutorial.md"
HOW_TO = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/how-to/*.md"))


def blocks(document):
    """The code blocks of a page: (language, text, whether the figures are those of a version)."""
    text = (ROOT / document).read_text()
    for found in re.finditer(r"^```(.*?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        before = text[: found.start()].rstrip().rpartition("\n\n")[2]
        yield found[1], found[2], "CPython 3.11" in before.replace("\n", " ")


def programs(document):
    """Each program of a page with what it prints, after the files that it imports."""
    files = {}
    program = None
    for language, text, of_a_version in blocks(document):
        if language == "python":
            assert program is None, "its output is not shown"
            if name := re.match(r"# (\w+\.py)\n", text):
                files[name[1]] = text
            else:
                program = text
        elif language == "":
            assert program is not None, "output without a program"
            yield pytest.param(dict(files), program, text, of_a_version, id=first_line(program))
            program = None
    assert program is None, "its output is not shown"


def labels(text):
    """A text without its figures, which depend on the version of Python."""
    figure = r"\(?\d[\d,.]*(?: (?:[KMG]i)?B\b)?\)?"
    return [" ".join(re.sub(figure, "", line).split()) for line in text.splitlines()]


def first_line(program):
    lines = re.findall(r"^ *(?:def|class) (\w+)", program, re.MULTILINE)
    return lines[0] if lines else "program"


def all_programs():
    for document in ["docs/index.md", TUTORIAL, *HOW_TO]:
        for parameters in programs(document):
            name = document.removeprefix("docs/").removesuffix(".md")
            yield pytest.param(*parameters.values, id=f"{name}-{parameters.id}")


@pytest.mark.parametrize(("files", "program", "shown", "of_a_version"), list(all_programs()))
def test_a_program_prints_what_is_shown(files, program, shown, of_a_version, request, tmp_path):
    if re.search(r"stats\(|survey\(|memory_limit|print_tree", program):
        request.getfixturevalue("statistics")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for example in EXAMPLES:
        if f"from {example.stem} import" in program:
            shutil.copy(example, tmp_path)
    file = tmp_path / "program.py"
    file.write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", file],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.replace(str(tmp_path), "/home/me")
    if of_a_version:
        assert labels(printed) == labels(shown)
    else:
        assert printed == shown


def test_the_tutorial_has_ten_steps_that_run():
    text = (ROOT / TUTORIAL).read_text()
    steps = re.split(r"^## (?=\d+\. )", text, flags=re.MULTILINE)[1:]
    assert [int(step.partition(".")[0]) for step in steps] == list(range(1, 11))
    assert all("```python\n" in step and "\n```\n" in step for step in steps)
