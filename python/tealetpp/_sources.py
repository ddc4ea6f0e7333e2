"""The files that the demo walks."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Larger files are skipped: the outlines of all files are in memory at once.
LARGEST_FILE = 16 * 1024 * 1024

# Installed packages are in folders of the standard library, but not part of it.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Source(NamedTuple):
    """A file that was read: its name, relative to the directory, and its content."""

    name: str
    data: bytes


class Skipped(NamedTuple):
    """A file or directory that was not read, and why."""

    name: str
    reason: str


class Sources(NamedTuple):
    """What was found in a directory."""

    directory: str
    read: list[Source]
    skipped: list[Skipped]


class SourceError(Exception):
    """There is no file to walk. The message says why."""


def read_sources(directory: str | None = None, limit: int | None = None) -> Sources:
    """Read every file below ``directory``, in the order of their names, at most ``limit`` of them.

    Without a directory: the ``.py`` files of the standard library. Only regular files are read, and
    symbolic links to directories are not followed. Raises SourceError if nothing is left.
    """
    suffix = ""
    excluded: frozenset[str] = frozenset()
    if directory is None:
        directory, suffix, excluded = sysconfig.get_path("stdlib"), ".py", _INSTALLED
    root = Path(directory)
    if not root.exists():
        raise SourceError(f"no such directory: {printable(directory)}")
    if not root.is_dir():
        raise SourceError(f"not a directory: {printable(directory)}")
    sources = Sources(printable(directory), [], [])
    for path in _files(root, suffix, excluded, sources.skipped):
        if limit is not None and len(sources.read) == limit:
            break
        name = printable(str(path.relative_to(root)))
        try:
            sources.read.append(Source(name, _read(path)))
        except (OSError, SourceError) as error:
            sources.skipped.append(Skipped(name, _reason(error)))
    if not sources.read:
        also = "".join(f"\n  {name}: {reason}" for name, reason in sources.skipped)
        raise SourceError(f"no files that can be read in {sources.directory}{also}")
    return sources


def printable(name: str) -> str:
    """A file name to show in a line. Characters that cannot be printed are escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def _files(
    root: Path, suffix: str, excluded: frozenset[str], skipped: list[Skipped]
) -> Iterator[Path]:
    def skip(error: OSError) -> None:
        name = os.path.relpath(os.fsdecode(error.filename), root)
        skipped.append(Skipped(printable(name), _reason(error)))

    for folder, subfolders, names in os.walk(root, onerror=skip):
        subfolders[:] = sorted(set(subfolders) - excluded)
        for name in sorted(names):
            if name.endswith(suffix):
                yield Path(folder, name)


def _read(path: Path) -> bytes:
    # Checked first, since opening a named pipe would block until it has a writer.
    if not path.is_file():
        raise SourceError("not a regular file" if path.exists() else "a broken link")
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise SourceError(f"larger than {LARGEST_FILE >> 20} MiB")
    return data


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
