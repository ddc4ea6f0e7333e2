"""The counts that the fixture nothing_stays_behind compares."""

import threading

import pytest

from census import census, left_behind
from tealetpp import Main


def test_an_open_domain_its_tealets_and_their_memory_are_counted():
    before = census()
    main = Main()
    t = main.tealet(main.switch)
    t.switch()
    left = left_behind(before)
    for name in ("domains", "open domains", "references to <class 'tealetpp.Tealet'>"):
        then, now = left[name]
        assert now == then + 1
    then, now = left["bytes"]
    assert now == then + main.stats().bytes_allocated
    then, now = left["tealets"]
    assert now == then + 2
    main.close()
    assert "open domains" not in left_behind(before)
    del main, t
    assert not left_behind(before)


def test_domains_of_other_threads_are_counted():
    before = census()
    opened, close = threading.Event(), threading.Event()

    def run():
        with Main():
            opened.set()
            close.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert opened.wait(10)
        assert "open domains" in left_behind(before)
    finally:
        close.set()
        thread.join()
    assert not left_behind(before)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_domains_end_in_any_order(first):
    before = census()
    mains = [Main(), Main(), Main()]
    mains.pop(first).close()
    assert census()["domains"] == before["domains"] + 2
    while mains:
        mains.pop(0).close()
    assert census() == before


def test_an_exception_that_is_kept_is_found():
    before = census()
    main = Main()
    try:
        main.tealet(int).throw(KeyError)
    except KeyError as error:
        kept = [error, main]
    main.close()
    assert "references to <class 'tealetpp.Main'>" in left_behind(before)
    kept.clear()
    del main
    assert not left_behind(before)
