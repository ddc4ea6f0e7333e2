"""The demo: odd files, bad input, and figures that add up."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tealetpp import Main, __version__, _demo, _sources, _walk
from tealetpp.__main__ import main as run_command

NESTED = b"".join(b" " * level + b"x\n" for level in range(3000))
ODD_FILES = {
    "empty": b"",
    "blank.txt": b"\n\n   \n\t\n",
    "one line": b"no newline at its end",
    "code.py": b"class A:\n    def f(self):\n        return 1\n\n    x = 2\ny = 3\n",
    "tabs.mk": b"all:\n\tcc\n\t\tdeeper\n        as deep as a tab\n",
    "latin1.txt": "Stra\u00dfe\n Gr\u00fc\u00dfe\n".encode("latin-1"),
    "binary.dat": bytes(range(256)) * 40,
    "nested": NESTED,
    "inverse": b"\n".join(reversed(NESTED.splitlines())),
    "long": b" " * 100_000 + b"y" * 100_000,
    "folder/two\nlines": b"a\r b\r  c\r\nd",
}


@pytest.fixture
def odd_directory(tmp_path: Path) -> Path:
    """Files of all kinds, and entries that are no files or cannot be read."""
    root = tmp_path / "odd"
    (root / "folder").mkdir(parents=True)
    for name, data in ODD_FILES.items():
        (root / name).write_bytes(data)
    os.mkfifo(root / "pipe")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to(root)
    return root


def plain(data: bytes) -> _walk.Result:
    return _walk.walk(data, lambda line: None)


def recursive_levels(data: bytes) -> int:
    """The deepest level, computed in another way: from each line back to its outer lines."""
    margins = [
        len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip()) if line.strip() else None
        for line in data.splitlines()
    ]

    def level(index: int) -> int:
        levels, margin = 1, margins[index]
        for above in reversed(margins[:index]):
            if above is not None and (margin is None or above < margin):
                margin = above
                levels += 1
        return levels

    return max(map(level, range(len(margins))), default=0)


# --- the walk ---


@pytest.mark.parametrize("name", [name for name in ODD_FILES if "nested" not in name])
def test_walk_finds_lines_and_levels(name: str) -> None:
    data = ODD_FILES[name]
    result = plain(data)
    assert result.lines == len(data.splitlines())
    assert result.levels == recursive_levels(data)
    assert result.flattened == 0


def test_walk_flattens_what_is_too_deep() -> None:
    result = plain(NESTED)
    assert result.lines == 3000
    assert result.levels == _walk.DEEPEST
    assert result.flattened == 3000 - _walk.DEEPEST
    # The deepest possible level, and one more.
    just_fits = b"\n".join(
        [*NESTED.splitlines()[: _walk.DEEPEST], b" " * (_walk.DEEPEST - 1) + b"x"]
    )
    assert plain(just_fits).levels == _walk.DEEPEST
    assert plain(just_fits).flattened == 0


def test_checksum_tells_content_and_shape() -> None:
    texts = [b"a\nb\nc", b"a\n b\nc", b"a\n b\n c", b"a\n b\n  c", b"a\nc\nb", b"a\nb\nd", b"a\nb"]
    assert len({plain(text).checksum for text in texts}) == len(texts)


@pytest.mark.parametrize(("lines", "middle"), [(0, [0]), (1, [1]), (2, [1]), (3, [2]), (100, [50])])
def test_walk_pauses_once_in_the_middle(lines: int, middle: list[int]) -> None:
    pauses: list[int] = []
    _walk.walk(b"x\n" * lines, pauses.append)
    assert pauses == middle


def test_walk_pauses_inside_c_code_that_called_back() -> None:
    with Main() as main:
        shallow, deep = main.tealet(_walk.walk), main.tealet(_walk.walk)
        assert shallow.switch(b"x\nx", main.switch) == 1
        assert deep.switch(NESTED, main.switch) == 1500
        # Every level is a callback from C, which takes C stack.
        assert deep.extent > shallow.extent + 100 * (_walk.DEEPEST - 1)
        assert deep.switch() == plain(NESTED)
        assert shallow.switch() == plain(b"x\nx")


# --- the run ---


def test_run_is_the_same_with_and_without_tealets(odd_directory: Path) -> None:
    sources = _sources.read_sources(str(odd_directory))
    demo = _demo.run_demo(sources.read)
    assert demo.failed == []
    assert demo.results == [plain(source.data) for source in sources.read]
    fullest = demo.stats["fullest"]
    if fullest.enabled:
        assert fullest.n_active == len(ODD_FILES) + 1
        assert sum(p.saved_bytes for p in demo.paused) == fullest.stack_bytes_expanded > 0
        assert demo.stats["shared"].sharing_ratio == len(ODD_FILES)
        assert demo.stats["closed"].bytes_allocated == 0
        assert {check.what for check in demo.checks} >= {"sharing_ratio", "n_active, fullest"}


def test_touched_bytes_are_checked(odd_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = _sources.read_sources(str(odd_directory)).read
    monkeypatch.setattr("mmap.PAGESIZE", 2048)
    demo = _demo.run_demo(sources)
    if demo.stats["fullest"].enabled:
        assert [check.what for check in demo.failed] == ["touched_stack_bytes"]


def test_a_wrong_figure_is_noticed(odd_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk with another result the second time, as after a corrupted stack."""
    calls: list[bytes] = []

    def walk(data: bytes, pause: Any) -> _walk.Result:
        calls.append(data)
        third = len(calls) == 3
        result = _walk.walk(data, pause)
        return result._replace(checksum=1) if third else result

    monkeypatch.setattr(_demo, "walk", walk)
    demo = _demo.run_demo(_sources.read_sources(str(odd_directory)).read)
    assert [check.what for check in demo.failed] == [
        "results that differ from the walk without tealets",
        "totals with and without tealets",
    ]


def test_sources_are_read_and_skipped(odd_directory: Path) -> None:
    sources = _sources.read_sources(str(odd_directory))
    assert {source.name.replace("\\n", "\n"): source.data for source in sources.read} == ODD_FILES
    assert "folder/two\\nlines" in {source.name for source in sources.read}
    assert dict(sources.skipped) == {"pipe": "not a regular file", "dangling": "a broken link"}


def test_large_and_unreadable_files_are_skipped(
    odd_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sources, "LARGEST_FILE", 1 << 20)
    (odd_directory / "large").write_bytes(bytes((1 << 20) + 1))
    (odd_directory / "largest").write_bytes(bytes(1 << 20))
    open_path = Path.open

    def refuse(path: Path, *arguments: Any, **keywords: Any) -> Any:
        if path.name == "code.py":  # not by its mode, which root may ignore
            raise PermissionError(13, "Permission denied", str(path))
        return open_path(path, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", refuse)
    sources = _sources.read_sources(str(odd_directory))
    assert "largest" in {source.name for source in sources.read}
    skipped = dict(sources.skipped)
    assert skipped["large"] == "larger than 1 MiB"
    assert skipped["code.py"] == "Permission denied"


def test_the_standard_library_is_the_default() -> None:
    sources = _sources.read_sources(limit=40)
    assert len(sources.read) == 40
    assert all(source.name.endswith(".py") for source in sources.read)
    assert Path(sources.directory, "os.py").is_file()


# --- the command line ---


def command(*arguments: str, **keywords: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tealetpp", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **keywords,
    )


def test_command_reports(odd_directory: Path) -> None:
    done = command("demo", str(odd_directory))
    assert (done.returncode, done.stderr) == (0, "")
    lines = sum(plain(data).lines for data in ODD_FILES.values())
    assert f"{len(ODD_FILES)} files, {lines:,} lines" in done.stdout
    assert "2 files skipped:\n  dangling: a broken link\n  pipe: not a regular file" in done.stdout
    assert "less deep: 1 file." in done.stdout
    assert "checks passed" in done.stdout
    if Main().stats().enabled:
        assert "fixed stacks of 8 MiB, reserved" in done.stdout
        assert "fixed stacks, touched (whole pages, 1 more each)" in done.stdout
    head, _, rest = done.stdout.partition(f"{odd_directory}\n")
    assert head
    assert max(map(len, rest.splitlines())) <= 100


def test_command_prints_json_that_adds_up(odd_directory: Path) -> None:
    done = command("demo", "--json", str(odd_directory))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout, parse_constant=pytest.fail)
    assert figures["files"] == len(ODD_FILES)
    assert figures["bytes"] == sum(map(len, ODD_FILES.values()))
    assert figures["totals"]["with_tealets"] == figures["totals"]["without_tealets"]
    assert figures["totals"]["with_tealets"]["lines"] == sum(
        plain(data).lines for data in ODD_FILES.values()
    )
    assert figures["failed_checks"] == []
    assert set(figures["seconds"]) == {"read", "share", "start", "resume", "check"}
    fullest = figures["stats"]["fullest"]
    if fullest["enabled"]:
        touched = figures["touched_stack_bytes"]
        assert touched % 4096 == 0
        assert 4096 <= (touched - figures["paused"]["extent"]) / figures["files"] < 8192
        assert figures["paused"]["saved_bytes"] == fullest["stack_bytes_expanded"]
        assert figures["paused"]["extent"] == fullest["stack_bytes_naive"]
        assert figures["fixed_stack_bytes"]["65536"] == (fullest["n_active"] - 1) * 65536
        assert figures["stats"]["finished"]["stack_bytes"] == 0
        assert figures["stats"]["closed"]["sharing_ratio"] is None
    assert figures["paused"]["deepest"]["name"] == "nested"


def test_command_limits(odd_directory: Path) -> None:
    done = command("demo", "--json", "--limit", "2", str(odd_directory))
    assert json.loads(done.stdout)["files"] == 2


def test_command_prints_any_name_anywhere(tmp_path: Path) -> None:
    name = b"caf\xe9-\xc3\xbc"
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for options in ((), ("--json",)):
        done = command("demo", *options, str(tmp_path), env=environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert "caf" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no such folder"], "no such directory: no such folder"),
        (["file"], "not a directory: file"),
        (["nothing"], "no files that can be read in nothing"),
        (["pipes"], "pipe: not a regular file"),
        (["--limit", "0", "."], "a positive number is needed, not '0'"),
        (["--limit", "many", "."], "a positive number is needed, not 'many'"),
    ],
)
def test_bad_input_is_explained(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nothing").mkdir()
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes" / "pipe")
    done = command("demo", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_a_failed_check_is_exit_status_1(
    odd_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_demo(sources: list[_sources.Source]) -> _demo.Demo:
        demo = _demo.run_demo(sources)
        return dataclasses.replace(demo, checks=[*demo.checks, _demo.Check("the sum", 3, 4)])

    monkeypatch.setattr("tealetpp.__main__.run_demo", run_demo)
    assert run_command(["demo", str(odd_directory)]) == 1
    output = capsys.readouterr()
    assert "the sum: 3 expected, 4 found" in output.err
    assert "checks passed" not in output.out


def test_version_and_help() -> None:
    assert command("--version").stdout == f"tealetpp {__version__}\n"
    assert "demo" in command("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "a COMMAND is needed"), (["--no-such-option"], "--no-such-option")],
)
def test_bad_arguments_are_named(arguments: list[str], message: str) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize("arguments", [["demo", "."], ["--version"]])
def test_output_can_be_cut_off(arguments: list[str], odd_directory: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "tealetpp", *arguments],
            cwd=odd_directory,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
