"""The traps of docs/from-greenlet.md, each with greenlet and with tealetpp."""

import gc
import re
import sys
import threading
import weakref
from contextvars import ContextVar

import pytest

from building import ROOT
from tealetpp import InvalidError, Main, Status, Tealet, TealetError, TealetExit, ThreadError

pytest.importorskip("greenlet")
from greenlet import GreenletExit, error, getcurrent, greenlet, settrace


class Greenlets:
    """The names of greenlet that both libraries have, for tests of what is the same."""

    exit = GreenletExit
    current = property(lambda self: getcurrent())

    def make(self, run, parent=None):
        return greenlet(run, parent or getcurrent())

    def end(self, g):
        g.throw()


class Tealets:
    exit = TealetExit

    def __init__(self, main):
        self.main = main
        self.make = lambda run, parent=None: main.tealet(run, parent=parent)

    current = property(lambda self: self.main.current)

    def end(self, t):
        t.close()


@pytest.fixture(params=["greenlet", "tealetpp"])
def both(request, main):
    return Greenlets() if request.param == "greenlet" else Tealets(main)


def names_in_the_table():
    text = (ROOT / "docs/from-greenlet.md").read_text()
    table = text[text.index("## Names") : text.index("```python")]
    return re.findall(r"^\| `([^|]+)` \| (.*?) \| .*\|$", table, re.MULTILINE)


def test_names_of_the_table_exist(main):
    g, t = greenlet(print), main.tealet(print)
    known = {
        "g": g,
        "t": t,
        "main": main,
        "greenlet": greenlet,
        "getcurrent": getcurrent,
        "settrace": settrace,
        "Status": Status,
    }
    rows = names_in_the_table()
    assert len(rows) >= 13
    named = [
        found
        for row in rows
        for cell in row
        for found in re.findall(r"\b(g|t|main|greenlet|Status)\.(\w+)", cell)
    ]
    assert len(named) >= 15
    assert [(owner, name) for owner, name in named if not hasattr(known[owner], name)] == []


def test_the_programs_print_the_same(capsys):
    text = (ROOT / "docs/from-greenlet.md").read_text()
    programs = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for program in programs:
        exec(program, {})
    printed = capsys.readouterr().out.splitlines()
    assert printed == [re.search(r"^Both print `(.*)`\.$", text, re.MULTILINE)[1]] * 2


# --- traps in both ---


@pytest.mark.rule("greenlet-parent")
def test_the_creator_gets_the_result_whoever_switches(both):
    hub = both.current
    made = []

    def creator():
        made.append(both.make(lambda: "result"))
        return f"the creator got {hub.switch()}"

    both.make(creator).switch()
    [child] = made
    assert child.switch() == "the creator got result"


@pytest.mark.rule("greenlet-parent")
def test_a_parent_that_is_given_gets_the_result(both):
    hub = both.current
    made = []
    both.make(lambda: [made.append(both.make(lambda: "result", hub)), hub.switch()]).switch()
    assert made[0].switch() == "result"


@pytest.mark.rule("greenlet-return")
def test_a_switch_returns_what_anything_switches_to_the_caller(both):
    hub = both.current
    other = both.make(lambda: hub.switch("from the other"))
    t = both.make(lambda: other.switch())
    assert t.switch() == "from the other"


@pytest.mark.rule("greenlet-resume")
def test_nothing_resumes_a_paused_one(both):
    hub = both.current
    log = []

    def run():
        try:
            hub.switch()
            log.append("went on")
        finally:
            log.append("finally")

    t = both.make(run)
    t.switch()
    both.make(lambda: None).switch()
    assert log == []
    both.end(t)
    assert log == ["finally"]


class Counter:
    """An iterator over what a function passes, as programs write it."""

    def __init__(self, both, log):
        hub = both.current

        def run():
            try:
                for n in range(3):
                    try:
                        hub.switch(n)
                    except Exception:
                        log.append("Exception")
            except both.exit:
                log.append("exit")
                raise
            finally:
                log.append("finally")

        self._producer = both.make(run)

    def __iter__(self):
        return self

    def __next__(self):
        value = self._producer.switch()
        if not self._producer:
            raise StopIteration
        return value


@pytest.mark.rule("greenlet-iterator")
def test_a_paused_iterator_that_is_dropped(both):
    log = []
    assert list(Counter(both, log)) == [0, 1, 2]
    assert log == ["finally"]
    for n in Counter(both, log):
        if n == 1:
            break
    assert log == ["finally", "exit", "finally"]


@pytest.mark.rule("greenlet-iterator")
def test_a_bare_except_that_goes_on_catches_the_exit(both):
    hub = both.current
    log = []

    def run():
        try:
            hub.switch()
        except:  # noqa: E722
            pass
        log.append("went on")

    t = both.make(run)
    t.switch()
    del t
    assert log == ["went on"]


@pytest.mark.rule("greenlet-unbegun")
def test_one_that_has_not_begun_ends_by_an_exception(both):
    t = both.make(lambda: pytest.fail("it began"))
    with pytest.raises(LookupError, match="thrown"):
        t.throw(LookupError("thrown"))
    assert not t
    assert t.dead if isinstance(both, Greenlets) else t.status is Status.EXITED


# --- traps where they differ ---


@pytest.mark.rule("greenlet-main")
def test_who_outlives_whom():
    log = []

    def run(switch):
        try:
            switch()
        finally:
            log.append("unwound")

    def make_greenlet():
        g = greenlet(run)
        g.switch(getcurrent().switch)
        return g

    g = make_greenlet()
    assert g and log == []
    g.throw()
    assert log == ["unwound"]

    with Main() as main:
        t = main.tealet(run)
        t.switch(main.switch)
        assert t and log == ["unwound"]
    assert not t and log == ["unwound", "unwound"]


@pytest.mark.rule("greenlet-domains")
def test_who_can_switch_to_whom(main):
    hub = getcurrent()
    a = greenlet(lambda: hub.switch(f"a got {hub.switch()}"))
    a.switch()
    assert greenlet(lambda: a.switch("this")).switch() == "a got this"
    a.switch()

    with Main() as other:
        t = other.tealet(lambda: other.switch())
        t.switch()
        with pytest.raises(InvalidError):
            main.tealet(lambda: t.switch()).switch()


@pytest.mark.rule("greenlet-dead")
def test_switching_to_one_that_has_ended(main):
    g = greenlet(lambda: None)
    g.switch()
    assert (g.switch(5), g.switch(), g.switch(1, 2)) == (5, (), (1, 2))

    hub = getcurrent()
    parent = greenlet(lambda: f"the parent got {hub.switch()}")
    parent.switch()
    g = greenlet(hub.switch, parent)
    g.switch()
    g.throw()
    assert parent.dead, "it got the GreenletExit as a value"
    parent = greenlet(lambda: [hub.switch(), hub.switch()])
    parent.switch()
    g = greenlet(lambda: None, parent)
    g.switch()
    assert g.dead and g.switch("late") == [None, "late"], "it went to the parent"

    t = main.tealet(lambda: None)
    t.switch()
    with pytest.raises(InvalidError):
        t.switch(5)


def received(make, pause):
    got = []
    t = make(lambda: got.append(pause()))
    t.switch()
    return t, got


@pytest.mark.rule("greenlet-values")
def test_several_values(main):
    g, got = received(greenlet, getcurrent().switch)
    g.switch(1, 2)
    assert got == [(1, 2)]
    g, got = received(greenlet, getcurrent().switch)
    g.switch(k=1)
    assert got == [{"k": 1}]

    t, got = received(main.tealet, main.switch)
    for arguments, keywords in [((1, 2), {}), ((), {"k": 1})]:
        with pytest.raises(InvalidError):
            t.switch(*arguments, **keywords)
    t.switch((1, 2))
    assert got == [(1, 2)]


@pytest.mark.rule("greenlet-nothing")
def test_no_value(main):
    g, got = received(greenlet, getcurrent().switch)
    g.switch()
    assert got == [()]
    t, got = received(main.tealet, main.switch)
    t.switch()
    assert got == [None]


@pytest.mark.rule("greenlet-exit")
def test_what_the_exit_becomes(main):
    g, _ = received(greenlet, getcurrent().switch)
    assert isinstance(g.throw(), GreenletExit)
    t, _ = received(main.tealet, main.switch)
    assert t.throw(TealetExit) is None
    t, _ = received(main.tealet, main.switch)
    assert t.close() is None


def refuse(pause, exit_type, log):
    try:
        pause()
    except exit_type:
        log.append("refused")
        pause()
    log.append("went on")


def leaks_before_3_14(test):
    mark = pytest.mark.leaves_behind("the call that paused the discarded tealet holds its Main")
    return mark(test) if sys.version_info < (3, 14) else test


@leaks_before_3_14
@pytest.mark.rule("greenlet-refuse")
def test_one_that_refuses_to_end(capfd):
    log = []
    g = greenlet(lambda: refuse(getcurrent().parent.switch, GreenletExit, log))
    g.switch()
    dropped = weakref.ref(g)
    del g
    assert log == ["refused"]
    assert "did not kill" in capfd.readouterr().err
    assert dropped(), "nobody refers to it"
    dropped().switch()
    assert log == ["refused", "went on"]

    log.clear()
    main = Main()
    t = main.tealet(lambda: refuse(main.switch, TealetExit, log))
    t.switch()
    with pytest.raises(TealetError):
        t.close()
    assert t.status is Status.SUSPENDED
    t.switch()
    assert log == ["refused", "went on"]

    log.clear()
    t = main.tealet(lambda: [refuse(main.switch, TealetExit, log) for _ in range(9)])
    t.switch()
    with pytest.raises(TealetError):
        main.close()
    assert t.status is Status.EXITED and log == ["refused"], "ended without unwinding"


def cycle(make, current, pause, log):
    def run():
        me = current()  # noqa: F841 - a reference to itself
        try:
            pause()
        finally:
            log.append("unwound")

    make(run).switch()
    gc.collect()


@pytest.mark.rule("greenlet-cycle")
def test_one_that_refers_to_itself_is_dropped(main):
    log, dropped = [], []

    def current():
        dropped.append(weakref.ref(getcurrent()))
        return getcurrent()

    cycle(greenlet, current, getcurrent().switch, log)
    assert log == []
    g = dropped[0]()
    if g is None:
        # The collector of 3.15 clears its weak references all the same.
        assert sys.version_info >= (3, 15)
    else:
        g.throw()  # it was there for ever
        assert log == ["unwound"]
        del g
        gc.collect()
        assert dropped[0]() is None

    log.clear()
    cycle(main.tealet, lambda: main.current, main.switch, log)
    assert log == ["unwound"]


@pytest.mark.rule("greenlet-context")
def test_context_variables(main):
    variable = ContextVar("variable", default="default")
    token = variable.set("the creator's")
    assert greenlet(variable.get).switch() == "default"
    assert main.tealet(variable.get).switch() == "the creator's"
    variable.reset(token)


@pytest.mark.rule("greenlet-after-end")
def test_the_parent_after_the_end(both):
    hub = both.current
    parent = both.make(lambda: hub.switch())
    parent.switch()
    child = both.make(lambda: "result", parent)
    parent.switch()  # ends
    is_greenlet = isinstance(both, Greenlets)
    assert child.parent is (parent if is_greenlet else hub)
    assert child.switch() == "result"
    assert child.parent is (parent if is_greenlet else None)


@pytest.mark.rule("greenlet-generator")
def test_a_generator_function(main):
    def generate():
        yield 1

    assert list(greenlet(generate).switch()) == [1]
    with pytest.raises(TypeError):
        main.tealet(generate)


@pytest.mark.rule("greenlet-subclass")
def test_subclasses(main):
    class Greenlet(greenlet):
        def run(self):
            return self.work

    g = Greenlet()
    g.work = "work"
    assert g.switch() == "work"

    class Worker:
        work = "work"

        def run(self):
            return self.work

    t = main.tealet(Worker().run)
    t.anything = 1
    assert t.switch() == "work"

    class Subclass(Tealet):
        pass

    with pytest.raises(TypeError):
        Subclass()


@pytest.mark.rule("greenlet-thread")
def test_another_thread(main):
    errors = []

    def use(t):
        try:
            t.switch()
        except Exception as raised:
            errors.append(type(raised))

    g, _ = received(greenlet, getcurrent().switch)
    t, _ = received(main.tealet, main.switch)
    for paused in (g, t):
        thread = threading.Thread(target=use, args=(paused,))
        thread.start()
        thread.join()
    assert errors == [error, ThreadError]
    g.switch()
