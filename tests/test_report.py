"""The forms of the statistics (text, HTML, dict, JSON), compared with the fields."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from tealetpp import Main, Stats, StatsDifference, _format, _report

FIELDS = _report.FIELDS
RATIOS = ("sharing_ratio", "memory_efficiency")


def recurse(depth: int, main: Main) -> int:
    if depth == 0:
        main.switch()
        return 0
    return 1 + max(map(recurse, [depth - 1], [main]))


@pytest.fixture(scope="module")
def moments() -> Iterator[tuple[Stats, Stats]]:
    """A domain with nothing saved, then one with stubs and paused tealets."""
    with Main() as main:
        empty = main.stats()
        stub = main.stub()
        stubs = [stub.duplicate() for _ in range(5)]
        tealets = [main.tealet(recurse) for _ in range(20)]
        for depth, tealet in enumerate(tealets):
            tealet.switch(depth, main)
        full = main.stats()
        yield empty, full
        del stubs


@pytest.fixture
def empty(moments: tuple[Stats, Stats]) -> Stats:
    return moments[0]


@pytest.fixture
def full(moments: tuple[Stats, Stats]) -> Stats:
    if not moments[1].enabled:
        pytest.skip("statistics are compiled out")
    return moments[1]


@pytest.fixture
def difference(full: Stats, empty: Stats) -> StatsDifference:
    return empty - full


class Cells(HTMLParser):
    """The text of all table cells, row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        assert self.open[-1] in ("td", "th")
        self.rows[-1][-1] += data


def cells(text: str) -> list[list[str]]:
    """The columns of a text report, separated by two or more blanks."""
    return [re.split(r" {2,}", line) for line in text.splitlines() if line]


def test_figures_keep_their_names_and_their_order() -> None:
    """Programs read them from JSON. New ones are added at the end."""
    assert FIELDS[:24] == (
        *("n_active", "n_total"),
        *("bytes_allocated", "bytes_allocated_peak"),
        *("blocks_allocated", "blocks_allocated_peak", "blocks_allocated_total"),
        *("stack_count", "stack_chunk_count"),
        *("stack_bytes", "stack_bytes_expanded", "stack_bytes_naive"),
        "bytes_cached",
        *("saved_stack_bytes", "data_stack_bytes", "node_bytes", "other_bytes"),
        *("switches", "bytes_saved_total", "bytes_restored_total"),
        *("stack_grows", "data_stack_grows", "blocks_freed_total"),
        "object_bytes",
    )


def test_the_table_of_figures_is_sound() -> None:
    assert len({figure.name for figure in _report.FIGURES}) == len(FIELDS)
    assert len({figure.label for figure in _report.FIGURES}) == len(FIELDS)
    for figure in _report.FIGURES:
        assert (figure.unit == "bytes") == ("bytes" in figure.name)
        assert (figure.kind == "peak") == figure.name.endswith("_peak")
        named_total = figure.name.endswith(("_total", "_grows")) or figure.name == "switches"
        assert (figure.kind == "total") == named_total


@pytest.mark.parametrize("kind", [Stats, StatsDifference])
def test_attributes_say_what_they_mean(kind: type) -> None:
    for figure in _report.FIGURES:
        assert getattr(kind, figure.name).__doc__ == figure.meaning


def test_dict_has_every_field(full: Stats) -> None:
    figures = full.to_dict()
    assert list(figures) == [*FIELDS, "seconds", "enabled", *RATIOS]
    assert all(figures[name] == getattr(full, name) for name in figures)
    assert figures["stack_count"] == 21
    assert figures["sharing_ratio"] == full.stack_bytes_expanded / full.stack_bytes > 1


def test_dict_of_a_difference_has_fields_only(full: Stats, empty: Stats) -> None:
    assert (full - empty).to_dict() == {
        name: getattr(full, name) - getattr(empty, name) for name in (*FIELDS, "seconds")
    }
    assert (empty - full).n_active == 1 - full.n_active


def test_undefined_ratios(empty: Stats) -> None:
    assert all(math.isnan(empty.to_dict()[name]) for name in RATIOS)
    figures = json.loads(empty.to_json(), parse_constant=pytest.fail)
    assert all(figures[name] is None for name in RATIOS)


def test_json_is_the_dict(full: Stats, difference: StatsDifference) -> None:
    assert json.loads(full.to_json(), parse_constant=pytest.fail) == full.to_dict()
    assert json.loads(difference.to_json()) == difference.to_dict()


def test_repr_names_every_field(full: Stats, difference: StatsDifference) -> None:
    for stats in (full, difference):
        name, _, figures = repr(stats).rstrip(")").partition("(")
        assert name == type(stats).__name__
        pairs = dict(figure.split("=") for figure in figures.split(", "))
        assert pairs == {field: str(getattr(stats, field)) for field in FIELDS}


def test_text_has_every_figure(full: Stats) -> None:
    rows = {label: rest for label, *rest in cells(str(full))}
    assert rows["tealets now, main included"] == [f"{full.n_active:,}"]
    assert rows["bytes allocated"][0] == f"{full.bytes_allocated:,}"
    for name in FIELDS:
        assert rows[_report._LABELS[name]][0] == f"{getattr(full, name):,}"


@pytest.mark.parametrize(("size", "name"), [(65536, "64 KiB"), (8 << 20, "8 MiB")])
def test_text_compares_with_fixed_stacks(full: Stats, size: int, name: str) -> None:
    rows = {label: rest for label, *rest in cells(str(full))}
    exact, human, ratio = rows[f"fixed stacks of {name}, reserved"]
    assert exact == f"{full.fixed_stack_bytes(size):,}" == f"{(full.n_active - 1) * size:,}"
    assert human.endswith("iB")
    assert float(ratio.rstrip("x").replace(",", "")) == pytest.approx(
        full.efficiency_vs(size), rel=0.01
    )


def test_text_shows_what_fixed_stacks_touch_where_it_is_known(full: Stats) -> None:
    text = _report.to_text(full, touched=8192)
    *before, (label, exact, human, _) = cells(text)
    assert (label, exact, human) == (_report.TOUCHED_LABEL, "8,192", "8.0 KiB")
    assert before == cells(str(full))


def test_text_says_when_nothing_is_saved(empty: Stats, full: Stats) -> None:
    if empty.enabled:
        assert str(empty).count("nothing saved") == 4
    assert "nothing saved" not in str(full)
    assert "nan" not in str(empty).lower()


def test_text_of_a_difference_is_signed(full: Stats, empty: Stats) -> None:
    grown = {label: rest[0] for label, *rest in cells(str(full - empty))}
    shrunk = {label: rest[0] for label, *rest in cells(str(empty - full))}
    for name in FIELDS:
        value = getattr(full, name) - getattr(empty, name)
        assert grown[_report._LABELS[name]] == (f"{value:+,}" if value else "0")
        assert shrunk[_report._LABELS[name]] == (f"{-value:+,}" if value else "0")
    assert grown["saved stacks"] == "+21"
    assert shrunk["saved stacks"] == "-21"


def test_text_fits_a_terminal(full: Stats, difference: StatsDifference) -> None:
    assert max(map(len, str(full).splitlines())) <= 80
    assert max(map(len, str(difference).splitlines())) <= 80


def test_html_says_what_the_text_says(full: Stats, difference: StatsDifference) -> None:
    for stats in (full, difference):
        table = [[cell for cell in row if cell] for row in Cells(stats._repr_html_()).rows]
        assert table == cells(str(stats))


def test_html_is_escaped(full: Stats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_report._LABELS, "n_active", "<script> & co")
    page = full._repr_html_()
    assert "&lt;script&gt; &amp; co" in page
    assert "<script>" not in page


def test_compiled_out_is_one_line() -> None:
    disabled = SimpleNamespace(
        **dict.fromkeys((*FIELDS, "seconds"), 0),
        enabled=False,
        **dict.fromkeys(RATIOS, math.nan),
    )
    assert _report.to_text(disabled) == _report.COMPILED_OUT  # type: ignore[arg-type]
    assert len(_report.COMPILED_OUT.splitlines()) == 1
    assert _report.COMPILED_OUT in _report.to_html(disabled)  # type: ignore[arg-type]
    assert json.loads(_report.to_json(disabled))["enabled"] is False  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (-1023, "-1,023 B"),
        (1024, "1.0 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**2 - 52 * 1024, "972.0 KiB"),
        (-(1024**3), "-1.0 GiB"),
        (5000 * 1024**6, "5,000.0 EiB"),
    ],
)
def test_sizes(number: int, text: str) -> None:
    assert _format.size(number) == text
    if number > 0:
        assert _format.size(number, signed=True) == f"+{text}"


def test_other_formats() -> None:
    assert _format.exact_size(1) == "1 byte"
    assert _format.exact_size(4096) == "4,096 bytes (4.0 KiB)"
    assert _format.ratio(math.nan) == "nothing saved"
    assert [_format.ratio(value) for value in (1, 12.345, 1234.5)] == ["1.00x", "12.35x", "1,234x"]
    assert [_format.seconds(value) for value in (0.0012, 1.234)] == ["1.2 ms", "1.23 s"]
    assert _format.table([("a", "1"), (), ("bb", "22")], indent="") == ["a    1", "", "bb  22"]
