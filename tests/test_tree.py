"""Main.tealets() and Main.print_tree()."""

import functools
import gc
import io
import re
import threading

import pytest

from tealetpp import Main, Tealet
from tealetpp._format import size


def depths(tealets):
    """The number of ancestors of each."""
    found = {None: -1}
    for t in tealets:
        found[t] = found[t.parent] + 1  # parents come first
    return [found[t] for t in tealets]


@pytest.mark.rule("seeing-tree")
def test_all_tealets_parents_first(main):
    assert main.tealets() == [main]
    a = main.tealet(lambda: main.switch())
    b = main.tealet(lambda: None, parent=a)
    c = main.tealet(lambda: None, parent=b)
    stub = main.stub()
    a.switch()
    tealets = main.tealets()
    assert tealets[0] is main
    assert set(tealets) == {main, a, b, c, stub}
    assert depths(tealets)[0] == 0
    assert tealets.index(a) < tealets.index(b) < tealets.index(c)
    if main.stats().enabled:
        assert len(tealets) == main.stats().n_active
    a.close()
    assert set(main.tealets()) == {main, b, c, stub}


@pytest.mark.rule("seeing-tree")
def test_the_list_is_a_snapshot(main):
    t = main.tealet()
    tealets = main.tealets()
    assert tealets is not main.tealets()
    tealets.clear()
    t.close()
    assert main.tealets() == [main]


@pytest.mark.rule("seeing-tree")
def test_none_once_closed():
    with Main() as main:
        t = main.tealet(lambda: main.switch())
        t.switch()
        assert len(main.tealets()) == 2
    assert main.tealets() == []
    assert Main.__new__(Main).tealets() == []


def test_the_list_keeps_tealets_alive(main):
    main.tealet(lambda: main.switch()).switch()
    gc.collect()
    assert main.tealets() == [main], "it was closed when it was dropped"
    t = main.tealet(lambda: main.switch("here"))
    t.switch()
    tealets = main.tealets()
    del t
    assert tealets[1]
    assert tealets[1].switch() is None


def test_from_inside_and_from_other_threads(main):
    def run():
        with Main() as inner:
            inner.tealet()
            here = inner.tealets() == [inner]
            return here, main.tealets() == [main, t]

    t = main.tealet(run)
    assert t.switch() == (True, True)
    seen = []
    other = threading.Thread(target=lambda: seen.append(main.tealets()))
    other.start()
    other.join()
    assert seen == [[main]]


def test_while_tealets_end(main):
    def run():
        try:
            main.switch()
        finally:
            seen.append(main.tealets())

    seen = []
    t = main.tealet(run)
    t.switch()
    t.close()
    assert seen == [[main, t]]


class Noisy:
    """Garbage that drops tealets, and lists the others, when it is collected."""

    def __init__(self, main, dropped):
        self.main, self.dropped, self.me = main, dropped, self

    def __del__(self):
        self.dropped.clear()
        listed.append(len(self.main.tealets()))


listed = []


def test_with_an_eager_collector(main, eager_gc):
    parent = main
    for n in range(200):
        parent = main.tealet(lambda: None, parent=parent if n % 7 else main)
        Noisy(main, [parent, main.tealet()])
        tealets = main.tealets()
        assert tealets[0] is main
        assert all(isinstance(t, Tealet) for t in tealets)
        depths(tealets)
    assert listed
    listed.clear()


def test_a_long_chain(main):
    parent = main
    for _ in range(20_000):
        parent = main.tealet(lambda: None, parent=parent)
    assert len(main.tealets()) == 20_001
    text = io.StringIO()
    main.print_tree(text)
    assert len(text.getvalue()) < 20_001 * 150
    assert "[20000] " in text.getvalue()


# --- print_tree() ---


def pause(main):
    main.switch()


def lines_of(main):
    text = io.StringIO()
    main.print_tree(text)
    assert text.getvalue().endswith("\n")
    return text.getvalue().splitlines()


@pytest.mark.rule("seeing-print")
def test_a_line_for_each_tealet(main):
    a = main.tealet(pause, name="a")
    a.switch(main)
    b = main.tealet(functools.partial(pause, main))
    c = main.tealet(pause, parent=a)
    heading, *lines = lines_of(main)
    assert heading.split() == ["status", "saved", "depth", "tealet"]
    assert re.fullmatch(r"running +0 B +0 B  main", lines[0])
    saved = re.escape(size(a.saved_bytes))
    place = re.escape(f"{__file__}:{pause.__code__.co_firstlineno + 1} in pause")
    assert re.fullmatch(rf"suspended +{saved} +{saved}    a  {place}", lines[1])
    assert re.fullmatch(r"new +0 B +0 B      pause", lines[2])
    assert re.fullmatch(r"new +0 B +0 B    pause", lines[3])
    assert len(lines) == 4
    del b, c


def test_the_oldest_first(main):
    tealets = [main.tealet(pause, name=f"t{n}") for n in range(5)]
    assert [line.split()[-1] for line in lines_of(main)[2:]] == [t.name for t in tealets]


def test_tealets_without_a_name(main):
    stub = main.stub()
    line = lines_of(main)[-1]
    assert line.startswith("stub ")
    assert line.endswith(f"(no function) {id(stub):#x}")


@pytest.mark.rule("seeing-print")
@pytest.mark.parametrize("name", ["a\nb", "a\tb", "\udc80", "\x1b[31m"])
def test_a_name_is_on_one_line(main, name):
    tealet = main.tealet(pause, name=name)
    assert len(lines_of(main)) == 3
    assert lines_of(main)[2].endswith(repr(name))
    assert lines_of(main)[2].isprintable()
    del tealet


def test_to_standard_output(main, capsys):
    main.print_tree()
    main.print_tree(None)
    main.print_tree(file=None)
    out = capsys.readouterr().out
    assert out.count("tealet\n") == out.count("  main\n") == 3


def test_wrong_arguments(main):
    for arguments, keywords in ((1, 2), {}), ((), {"wrong": 1}):
        with pytest.raises(TypeError):
            main.print_tree(*arguments, **keywords)
    with pytest.raises(AttributeError):
        main.print_tree(7)
    with pytest.raises(TypeError):
        main.tealets(1)


def test_a_file_that_switches(main):
    class File:
        def write(self, text):
            for t in main.tealets()[1:]:
                t.close()
            return written.append(text)

    written = []
    tealets = [main.tealet(pause) for _ in range(3)]
    main.print_tree(File())
    assert "".join(written).count("new") == len(tealets)
    assert main.tealets() == [main]


def test_a_closed_domain(capsys):
    with Main() as main:
        pass
    main.print_tree()
    assert capsys.readouterr().out.split() == ["status", "saved", "depth", "tealet"]


def test_a_main_with_its_own_equality():
    class Equal(Main):
        __hash__ = None

        def __eq__(self, other):
            return True

    with Equal() as main:
        main.tealet(pause)
        assert len(lines_of(main)) == 2
