"""Shared fixtures and checks: a domain that is closed after the test, and its statistics."""

import gc
import sys
from pathlib import Path

import pytest

import tealetpp
from tealetpp import Main, _report

pytest_plugins = ["extension_modules", "census"]

# docs/tools.md, "What is turned on later".
ASSERTS_ABOUT_TOOLS = hasattr(sys, "gettotalrefcount") and (3, 12) <= sys.version_info < (3, 15)
NEEDS_NO_ASSERTIONS_OF_TOOLS = pytest.mark.skipif(
    ASSERTS_ABOUT_TOOLS, reason="a debug build asserts that paused code is instrumented"
)

CURRENT_FIGURES = tuple(figure.name for figure in _report.FIGURES if figure.kind == "now")


def pytest_addoption(parser):
    parser.addoption(
        "--schedule-seconds",
        type=float,
        default=None,
        help="how long to run random schedules, with a new seed each time",
    )
    parser.addoption(
        "--daemon-runs",
        type=int,
        default=5,
        help="how often to run each program of tests/test_daemon_threads.py",
    )
    parser.addoption(
        "--record-instructions",
        action="store_true",
        help="record what tests/test_instructions.py counts, instead of comparing",
    )


@pytest.fixture
def main():
    with Main() as domain:
        yield domain


@pytest.fixture
def statistics(main):
    """Skips the test where there are none. They are checked after it."""
    if not main.stats().enabled:
        pytest.skip("needs the statistics")
    yield
    check_stats(main)


@pytest.fixture
def move_out(main):
    """A function that moves the frames of all paused tealets out of the data stack."""

    def run():
        while True:
            main.switch()

    t = main.tealet(run)
    t.switch()
    yield t.switch
    t.close()


@pytest.fixture(scope="session")
def wheel():
    """The folder of the installed package, with headers, libraries and CMake files."""
    try:
        return Path(tealetpp.get_include()).parent
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def unraisable(monkeypatch):
    """Calls of sys.unraisablehook as (type, message). Keeps no references to the objects."""
    seen = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda args: seen.append((args.exc_type, str(args.exc_value)))
    )
    yield seen


@pytest.fixture(autouse=True)
def greenlet_seems_not_loaded(request, monkeypatch):
    """Some tests load greenlet, and the others must not depend on it."""
    if not hasattr(request.module, "greenlet"):
        monkeypatch.delitem(sys.modules, "greenlet", raising=False)


@pytest.fixture(autouse=True)
def recursion_limit_stays():
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


@pytest.fixture
def eager_gc():
    """The garbage collector runs at nearly every allocation."""
    thresholds = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    yield
    gc.set_threshold(*thresholds)


def domain_with_a_paused_tealet(log):
    """A generator in the middle of its `with Main()`: closing or dropping it closes the domain."""
    with Main() as main:

        def body():
            try:
                main.switch()
            finally:
                log.append("unwound")

        tealet = main.tealet(body)
        tealet.switch()
        yield main


def verify(domain):
    """In builds with checks: end the process if an invariant of the engine is broken."""
    if hasattr(domain, "_verify"):
        domain._verify()


def check_stats(domain):
    """Compare the figures with a walk over everything, and with each other. Returns them."""
    verify(domain)
    stats = domain.stats()
    if not stats.enabled:  # without statistics there is no walk
        assert not any(getattr(stats, name) for name in _report.FIELDS)
        return stats
    walked = domain._stats_by_walk()
    both = ((name, getattr(stats, name), getattr(walked, name)) for name in _report.FIELDS)
    differing = [(name, kept, counted) for name, kept, counted in both if kept != counted]
    assert not differing
    assert stats == walked
    assert stats.stack_bytes <= stats.stack_bytes_expanded <= stats.stack_bytes_naive
    assert stats.stack_count <= stats.stack_chunk_count
    assert stats.bytes_allocated <= stats.bytes_allocated_peak
    assert stats.blocks_allocated <= stats.blocks_allocated_peak <= stats.blocks_allocated_total
    assert stats.n_active <= stats.n_total
    assert stats.stack_bytes <= stats.saved_stack_bytes <= stats.bytes_allocated
    assert sum(stats.bytes_by_kind.values()) == stats.bytes_allocated
    return stats


def check_costs(domain):
    """What all tealets take, and what their domain takes, add up to what is allocated.

    Returns the statistics of all tealets but main.
    """
    # A call of a Python function could change what the running tealet takes. There is none between
    # these two: _measure() measures before it makes objects.
    stats = domain.stats()
    figures, own, _, every = domain._measure(sys.maxsize)
    total = figures[2][4]
    if not stats.enabled:
        assert not every
        return {}
    assert len(every) == figures[0] == stats.n_active - 1
    assert total == sum(tealet.bytes_alone for _, tealet in every)
    assert total + own == stats.bytes_allocated
    for tealet, measured in every:
        assert tealet is domain.current or tealet.stats() == measured
    return dict(every)


def current_figures(stats):
    return {name: getattr(stats, name) for name in CURRENT_FIGURES}
