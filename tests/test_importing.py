"""What `import tealetpp` brings in: what takes long to import comes when it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

import tealetpp

FOLDER = str(Path(tealetpp.__file__).parent.parent)

# By far the most of the time that an import takes.
SLOW = {
    "ast",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
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
    return set(done.stdout.split())


@pytest.mark.parametrize("options", [(), ("-I", "-S")], ids=["usual", "bare"])
def test_the_import_brings_nothing_slow(options):
    imported = imported_by("import tealetpp", *options)
    assert "tealetpp._tealetpp" in imported
    assert imported & SLOW == set()
    ours = {name for name in imported if name.partition(".")[0] == "tealetpp"}
    assert ours == {"tealetpp", "tealetpp._embedding", "tealetpp._tealetpp"}


def test_tealets_need_nothing_slow():
    program = "from tealetpp import Main\nwith Main() as main: main.tealet(int).switch()"
    assert imported_by(program, "-I", "-S") & SLOW == set()


def test_the_status_comes_when_it_is_used():
    same = "assert main.status is tealetpp.Status.RUNNING is tealetpp._tealetpp.Status.RUNNING"
    program = f"import tealetpp\nmain = tealetpp.Main()\n{same}\nmain.close()"
    assert "enum" in imported_by(program, "-I", "-S")


def test_threads_that_use_the_status_at_once_get_the_same():
    program = (
        "import threading\nimport tealetpp\nsys.setswitchinterval(1e-6)\n"
        "found = []\n"
        "barrier = threading.Barrier(8)\n"
        "def look(): barrier.wait(); found.append(tealetpp._tealetpp.Status)\n"
        "threads = [threading.Thread(target=look) for _ in range(8)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "assert len(found) == 8 and len(set(found)) == 1, found"
    )
    imported_by(program)


def test_names_of_the_package():
    assert set(tealetpp.__all__) <= set(dir(tealetpp))
    with pytest.raises(AttributeError, match="module 'tealetpp' has no attribute 'Stauts'"):
        tealetpp.Stauts
    with pytest.raises(AttributeError, match=r"module .tealetpp\._tealetpp. has no attribute .x."):
        tealetpp._tealetpp.x
