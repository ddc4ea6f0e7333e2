"""The demo's figures as text for a terminal, and as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator

from . import _format
from ._demo import Demo, Paused, totals
from ._report import FIXED_STACK_SIZES, to_json_values, to_text
from ._sources import Sources

_PHASES = {
    "read": "read the files",
    "share": "make a stub, duplicate it for each file",
    "start": "start all: each pauses in the middle of its file",
    "resume": "resume all, to their ends",
    "check": "walk once more, without tealets",
}
_MOST_SKIPPED_SHOWN = 5
_WIDEST_NAME = 44


def demo_text(sources: Sources, demo: Demo) -> str:
    """The report for people: at most 100 columns if the directory's name is not longer."""
    counted = demo.stats["fullest"].enabled  # otherwise the fullest moment says so
    sections = [
        _input_lines(sources, demo),
        _phase_lines(demo),
        *([_sharing_lines(demo)] if counted else []),
        _fullest_lines(demo),
        _result_lines(demo),
        *([_left_lines(demo)] if counted else []),
        _verdict_lines(demo),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections)


def demo_json(sources: Sources, demo: Demo) -> str:
    """All figures as one JSON object. Sizes are bytes, times are seconds."""
    deepest, shallowest = _deepest_and_shallowest(demo)
    fullest = demo.stats["fullest"]
    figures = {
        "python": platform.python_version(),
        "directory": sources.directory,
        "files": len(sources.read),
        "bytes": sum(len(source.data) for source in sources.read),
        "skipped": [skipped._asdict() for skipped in sources.skipped],
        "seconds": demo.seconds,
        "stats": {moment: to_json_values(stats) for moment, stats in demo.stats.items()},
        "fixed_stack_bytes": {
            str(size): fullest.fixed_stack_bytes(size) for size in FIXED_STACK_SIZES
        },
        "touched_stack_bytes": demo.surveys["fullest"].touched_stack_bytes,
        "survey": demo.surveys["fullest"].to_dict(),
        "paused": {
            "saved_bytes": sum(paused.saved_bytes for paused in demo.paused),
            "extent": sum(paused.extent for paused in demo.paused),
            "deepest": deepest._asdict(),
            "shallowest": shallowest._asdict(),
        },
        "totals": {
            "with_tealets": totals(demo.results)._asdict(),
            "without_tealets": totals(demo.plain_results)._asdict(),
        },
        "flattened_files": _flattened_files(demo),
        "checks": len(demo.checks),
        "failed_checks": [check.what for check in demo.failed],
    }
    return json.dumps(figures, indent=2, allow_nan=False)


def failed_text(demo: Demo) -> str:
    """The checks that failed, with both values."""
    lines = [f"{len(demo.failed)} of {len(demo.checks)} checks failed:"]
    for what, expected, found in demo.failed:
        lines.append(f"  {what}: {expected} expected, {found} found")
    return "\n".join(lines)


def _input_lines(sources: Sources, demo: Demo) -> Iterator[str]:
    files = _format.plural(len(sources.read), "file")
    lines = _format.plural(totals(demo.results).lines, "line")
    size = _format.exact_size(sum(len(source.data) for source in sources.read))
    yield f"{files}, {lines}, {size} in"
    yield sources.directory
    yield "One tealet for each, all of them paused in the middle of a recursive walk at once."
    if sources.skipped:
        yield f"{_format.plural(len(sources.skipped), 'file')} skipped:"
        for name, reason in sources.skipped[:_MOST_SKIPPED_SHOWN]:
            yield f"  {_short(name)}: {reason}"
        if len(sources.skipped) > _MOST_SKIPPED_SHOWN:
            yield f"  and {_format.count(len(sources.skipped) - _MOST_SKIPPED_SHOWN)} more"
    if flattened := _flattened_files(demo):
        yield f"Nested too deeply, and taken as less deep: {_format.plural(flattened, 'file')}."


def _phase_lines(demo: Demo) -> Iterator[str]:
    yield "Time"
    yield from _format.table(
        [(_PHASES[name], _format.seconds(seconds)) for name, seconds in demo.seconds.items()]
    )
    yield "  With tealets the outlines of all files are in memory at once, for Python's garbage"
    yield "  collector to look through; without, that of one file."


def _sharing_lines(demo: Demo) -> Iterator[str]:
    stats = demo.stats["shared"]
    yield "Sharing: before they start, all tealets are duplicates of one stub"
    saved = stats.stack_bytes_expanded - stats.stack_bytes
    yield from _format.table(
        [
            ("tealets on one stack", _format.count(stats.n_active - 1)),
            ("that stack", _format.exact_size(stats.stack_bytes)),
            ("a copy for each", _format.exact_size(stats.stack_bytes_expanded)),
            ("saved by sharing", _format.exact_size(saved)),
            ("sharing ratio", _format.ratio(stats.sharing_ratio)),
        ]
    )


def _fullest_lines(demo: Demo) -> Iterator[str]:
    stats = demo.stats["fullest"]
    yield "The fullest moment: every tealet has started, none has ended"
    for line in to_text(stats, touched=demo.surveys["fullest"].touched_stack_bytes).splitlines():
        yield f"  {line}".rstrip()
    yield ""
    yield from _format.table(_stack_rows(demo))
    if stats.enabled:
        yield "  The sums are what main.stats() and main.survey() report: stack_bytes_naive,"
        yield "  stack_bytes_expanded, cost.total."


def _result_lines(demo: Demo) -> Iterator[str]:
    yield "Results"
    rows = [("", "files", "lines", "levels", "checksum")]
    for label, results in (
        ("with tealets", demo.results),
        ("without", demo.plain_results),
    ):
        files, lines, levels, checksum = totals(results)
        rows.append(
            (label, _format.count(files), _format.count(lines), str(levels), f"{checksum:08x}")
        )
    yield from _format.table(rows)


def _left_lines(demo: Demo) -> Iterator[str]:
    yield "What is left"
    rows: list[tuple[str, ...]] = [("", "tealets", "saved stacks", "blocks", "bytes")]
    for label, moment in (
        ("before the first tealet", "opened"),
        ("after the last one ended", "finished"),
        ("after main was closed", "closed"),
    ):
        stats = demo.stats[moment]
        figures = (
            stats.n_active,
            stats.stack_count,
            stats.blocks_allocated,
            stats.bytes_allocated,
        )
        rows.append((label, *map(_format.count, figures)))
    yield from _format.table(rows)


def _verdict_lines(demo: Demo) -> Iterator[str]:
    if demo.failed:
        yield f"{len(demo.failed)} of {len(demo.checks)} checks failed."
    else:
        yield f"All {len(demo.checks)} checks passed: results are the same, figures add up."


def _stack_rows(demo: Demo) -> Iterator[tuple[str, ...]]:
    yield ("one tealet, in bytes", "extent", "saved", "cost")
    for label, paused in zip(("deepest", "shallowest"), _deepest_and_shallowest(demo), strict=True):
        line = f"line {_format.count(paused.line)}" if paused.line else "no lines"
        where = f"{label}: {_short(paused.name)}, {line}"
        figures = (paused.extent, paused.saved_bytes, paused.cost)
        yield (where, *map(_format.count, figures))
    extents = sum(paused.extent for paused in demo.paused)
    saved_bytes = sum(paused.saved_bytes for paused in demo.paused)
    costs = sum(paused.cost for paused in demo.paused)
    yield ("sum over all tealets", *map(_format.count, (extents, saved_bytes, costs)))


def _deepest_and_shallowest(demo: Demo) -> tuple[Paused, Paused]:
    def extent(paused: Paused) -> int:
        return paused.extent

    return max(demo.paused, key=extent), min(demo.paused, key=extent)


def _flattened_files(demo: Demo) -> int:
    return sum(result.flattened > 0 for result in demo.results)


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST_NAME else "..." + name[3 - _WIDEST_NAME :]
