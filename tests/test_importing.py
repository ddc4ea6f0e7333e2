"""What `import tealetpp` brings in: what takes long to import comes when it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

import tealetpp

FOLDER = str(Path(tealetpp.__file__).parent.parent)

# Each takes longer than all of tealetpp.
SLOW = {
    "ast",
    "contextlib",
    "dataclasses",
    "html",
    "importlib.metadata",
    "importlib.resources",
    "inspect",
    "json",
    "pathlib",
    "platform",
    "re",
    "sysconfig",
    "tempfile",
    "typing",
}


def imported_by(program: str, *options: str) -> set[str]:
    """The modules that `program` brings in, in a fresh interpreter."""
    done = subprocess.run(
        [
            sys.executable,
            *options,
            "-c",
            f"import sys; sys.path.append({FOLDER!r}); before = set(sys.modules)\n{program}\n"
            "print(*(set(sys.modules) - before))",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    # The interpreter brings in the codec of the locale when it first needs it.
    return {name for name in done.stdout.split() if not name.startswith("encodings.")}


@pytest.mark.parametrize("options", [(), ("-I", "-S")], ids=["usual", "bare"])
def test_the_import_brings_nothing_slow(options):
    imported = imported_by("import tealetpp", *options)
    assert "tealetpp._tealetpp" in imported
    assert imported & SLOW == set()
    ours = {name for name in imported if name.partition(".")[0] == "tealetpp"}
    assert ours == {"tealetpp", "tealetpp._embedding", "tealetpp._tealetpp"}
    assert imported - ours <= imported_by("import enum, gc, atexit, os", *options)


def test_use_imports_nothing_more():
    program = (
        "import tealetpp\nbefore = set(sys.modules)\n"
        "with tealetpp.Main() as main:\n"
        "    t = main.tealet(int)\n"
        "    assert t.status is tealetpp.Status.NEW is tealetpp._tealetpp.Status.NEW\n"
        "    t.switch()"
    )
    assert imported_by(program, "-I", "-S") == set()


def test_the_status_in_a_finalizer_when_the_interpreter_ends():
    program = (
        f"import sys; sys.path.append({FOLDER!r})\n"
        "import os\nfrom tealetpp import Main\n"
        "class AtTheEnd:\n"
        "    def __init__(self, tealet): self.tealet, self.write = tealet, os.write\n"
        "    def __del__(self): self.write(1, repr(self.tealet.status).encode())\n"
        "main = Main()\n"
        "sys.last_one = AtTheEnd(main.tealet(int))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "<Status.NEW: 0>", "")


def test_names_of_the_package():
    assert set(tealetpp.__all__) <= set(dir(tealetpp))
    with pytest.raises(AttributeError, match="module 'tealetpp' has no attribute 'Stauts'"):
        tealetpp.Stauts
    with pytest.raises(AttributeError, match=r"module .tealetpp\._tealetpp. has no attribute .x."):
        tealetpp._tealetpp.x
