"""How other modules import the Python C API, and the examples of such modules."""

import sys
from pathlib import Path

import pytest

from building import ROOT, code_blocks, run
from extension_modules import build_module, run_python

# --- the table ---


def test_each_may_import_the_table_again(calls):
    assert calls.import_table() is calls.import_own_table() is None


def test_a_table_that_has_grown_will_do(main, calls):
    assert calls.import_other(1, 64) is None
    assert calls.current(main) is main
    calls.import_table()


@pytest.mark.parametrize(("version", "more"), [(2, 0), (0, 0), (1, -8), (2, 64)])
def test_another_table_is_refused(main, calls, version, more):
    with pytest.raises(ImportError, match=f"has version {version} and .* built for version 1 "):
        calls.import_other(version, more)
    assert calls.current(main) is main


@pytest.mark.parametrize(
    ("package", "message"),
    [
        (None, "could not import module"),
        ({"__init__.py": ""}, "too old"),
        ({"__init__.py": "from . import _tealetpp", "_tealetpp.py": ""}, "too old"),
        ({"__init__.py": "from . import _tealetpp", "_tealetpp.py": "_C_API = 3"}, "too old"),
    ],
)
def test_without_tealetpp_there_is_an_import_error(calls, tmp_path, package, message):
    if package is not None:
        (tmp_path / "tealetpp").mkdir()
        for name, text in package.items():
            (tmp_path / "tealetpp" / name).write_text(text)
    program = (
        "import sys\n"
        f"sys.path[:] = [{str(tmp_path)!r}, {str(Path(calls.__file__).parent)!r}]"
        " + [p for p in sys.path if p.endswith(('lib-dynload', '.zip')) or 'encodings' in p]\n"
        "sys.modules.pop('tealetpp', None)\n"
        "try:\n"
        "    import capsule_calls\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    assert message in run(sys.executable, "-c", program)


# --- the example, and the document ---


@pytest.fixture(scope="module")
def example(wheel, tmp_path_factory):
    """It asks the installed package where the header is, as the documented project does."""
    return build_module(ROOT / "examples" / "python_capi", tmp_path_factory.mktemp("example"))


def test_the_example(example):
    printed = run_python(example, ROOT / "examples" / "python_capi" / "feed.py").splitlines()
    assert printed[0] == "text 0 is complete: ['add', '1', ['mul', '2', '3']]"
    assert printed[-1] == "the same as from whole texts: True"
    assert len(printed) == 5


def test_what_the_document_says_to_copy(wheel, tmp_path):
    source, project, _, program, printed = code_blocks(
        "docs/python-c-api.md", "## In your own module", "## Functions"
    )
    (tmp_path / "averages.c").write_text(source)
    (tmp_path / "CMakeLists.txt").write_text(project)
    folder = build_module(tmp_path, tmp_path / "build")
    assert run_python(folder, "-c", program) == printed


def test_the_examples_parser(example):
    """Input cut in two at every place, then invalid input and an error in the middle."""
    program = """
import sexpr, sys
from tealetpp import Main, Status, TealetExit
text = "(a (b\\t) () (\\N{GREEK SMALL LETTER ALPHA}c d)\\n) ".encode()
whole = sexpr.parse(text)
assert whole == ["a", ["b"], [], ["\\N{GREEK SMALL LETTER ALPHA}c", "d"]], whole

def fails(error, call, *args):
    try:
        call(*args)
    except error as e:
        return str(e)
    raise AssertionError(args)

with Main() as main:
    for i in range(1, len(text) - 2):
        t = main.tealet(sexpr.parse)
        assert t.switch(text[:i]) is None
        assert t.switch(text[i:]) == whole
    fails(ValueError, sexpr.parse, b"(a")
    fails(ValueError, sexpr.parse, b"a")
    fails(ValueError, sexpr.parse, b"")
    fails(ValueError, sexpr.parse, b"(" + 300 * b"a" + b")")
    fails(UnicodeDecodeError, sexpr.parse, b"(\\xff)")
    fails(TypeError, sexpr.parse, "(a)")
    fails(RecursionError, sexpr.parse, 1_000_000 * b"(")
    for wrong, error in ((3, TypeError), (b"", ValueError)):
        t = main.tealet(sexpr.parse)
        t.switch(b"(a (b ")
        fails(error, t.switch, wrong)
    piece = b"(a (b " + bytes([32])
    before = sys.getrefcount(piece)
    t = main.tealet(sexpr.parse)
    t.switch(piece)
    assert sys.getrefcount(piece) > before
    del t
    assert sys.getrefcount(piece) == before
    t = main.tealet(sexpr.parse)
    t.switch(piece)
    assert "closed" in fails(OSError, t.throw, OSError("closed by peer"))
    assert sys.getrefcount(piece) == before
    assert main.stats().n_active == main.stats().enabled
fails(ValueError, sexpr.parse, b"(a")
print("passed")
"""
    assert run_python(example, "-c", program) == "passed\n"
