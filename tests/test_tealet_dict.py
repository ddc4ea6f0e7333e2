"""Attributes that programs set on tealets."""

import copy
import dis
import gc
import sys
import threading
import weakref

import pytest

from tealetpp import Main, Status, Tealet


class Thing:
    pass


class Slotted(Main):
    __slots__ = ("extra",)


class Empty(Main):
    __slots__ = ()


class Plain(Main):
    pass


def each_kind(main):
    yield main
    yield main.tealet(lambda: None)
    yield main.stub()
    ended = main.tealet(lambda: None)
    ended.switch()
    yield ended
    paused = main.tealet(lambda: main.switch())
    paused.switch()
    yield paused


KINDS = pytest.mark.parametrize("kind", [Main, Slotted, Empty, Plain])


@pytest.mark.rule("seeing-attributes")
@KINDS
def test_attributes_can_be_set_read_and_deleted(kind):
    with kind() as main:
        for t in each_kind(main):
            with pytest.raises(AttributeError):
                t.anything
            with pytest.raises(AttributeError):
                del t.anything
            t.anything = 1
            assert t.anything == 1
            t.anything = 2
            t.more = 3
            assert vars(t) == t.__dict__ == {"anything": 2, "more": 3}
            assert t.__dict__ is t.__dict__
            assert {"anything", "more", "switch"} <= set(dir(t))
            del t.more
            assert not hasattr(t, "more")
            t.__dict__["direct"] = 4
            assert t.direct == 4


@pytest.mark.rule("seeing-attributes")
@KINDS
def test_the_dict_can_be_replaced(kind):
    with kind() as main:
        for t in each_kind(main):
            t.old = 1
            mine = {"new": 2}
            t.__dict__ = mine
            assert t.__dict__ is mine
            assert t.new == 2
            assert not hasattr(t, "old")
            with pytest.raises(TypeError):
                t.__dict__ = 7
            with pytest.raises(TypeError):
                del t.__dict__
            t.__dict__ = {}
            assert vars(t) == {}


def test_tealets_do_not_share_attributes(main):
    tealets = [main.tealet(), main.tealet(), main.stub(), main]
    assert all(vars(t) == {} for t in tealets[:2])
    for n, t in enumerate(tealets):
        t.number = n
    assert [t.number for t in tealets] == [0, 1, 2, 3]
    assert not hasattr(main.tealet(), "number")
    assert vars(main.tealet()) == {}


def test_attributes_of_the_type_are_found_first(main):
    t = main.tealet()
    t.__dict__["status"] = "mine"
    assert t.status is Status.NEW, "an attribute of the type that can be set or is read-only"
    t.__dict__["switch"] = "mine"
    assert t.switch == "mine", "as with other Python objects"
    t.close()


@pytest.mark.rule("seeing-attributes")
def test_they_take_no_memory_until_one_is_set(main):
    assert sys.getsizeof(main.tealet()) == Tealet.__basicsize__ + 16
    assert Tealet.__basicsize__ == 96
    if sys.getallocatedblocks() == 0:
        pytest.skip("Python's objects come from malloc(), which counts none")
    kept = [None] * 1000
    stub = main.stub()  # has no context variables, which take memory, too
    gc.collect()
    before = sys.getallocatedblocks()
    for i in range(1000):
        kept[i] = stub.duplicate()
    grown = sys.getallocatedblocks() - before
    assert grown < 1100, "one object each"
    assert hasattr(kept[0], "nothing") is False
    for t in kept:
        t.x = 1
    assert sys.getallocatedblocks() - before > grown + 900


def test_no_reference_to_a_dict_is_shown_before(main):
    t = main.tealet()
    assert not any(isinstance(each, dict) for each in gc.get_referents(t))
    t.x = 1
    assert any(each is vars(t) for each in gc.get_referents(t))


def test_slots_lie_beside_the_dict():
    with Slotted() as main:
        main.extra = 1
        main.other = 2
        assert main.extra == 1
        assert vars(main) == {"other": 2}
    assert sys.getsizeof(main) == sys.getsizeof(Main.__new__(Main)) + 8


def test_multiple_inheritance():
    class Mixin:
        def greet(self):
            return self.word

    class Mixed(Mixin, Main):
        pass

    class Other(Main, Mixin):
        __slots__ = ()

    for kind in (Mixed, Other):
        with kind() as main:
            main.word = "hello"
            assert main.greet() == "hello"
            assert vars(main) == {"word": "hello"}


def test_a_slot_for_what_is_there_already():
    for name in ("__dict__", "__weakref__"):
        with pytest.raises(TypeError):
            type("Wrong", (Main,), {"__slots__": (name,)})


def test_an_overridden_setattr():
    class Logged(Main):
        def __setattr__(self, name, value):
            log.append(name)
            super().__setattr__(name, value)

    log = []
    with Logged() as main:
        main.x = 1
        main.name = "logged"
        assert vars(main) == {"x": 1}
        assert main.name == "logged"
    assert log == ["x", "name"]


def test_the_class_can_be_changed_to_one_with_the_same_layout(main):
    class Mine(Tealet):
        def hello(self):
            return self.x

    t = main.tealet(lambda: main.switch())
    t.x = 1
    t.switch()
    t.__class__ = Mine
    assert t.hello() == 1
    t.y = 2
    t.switch()
    assert vars(t) == {"x": 1, "y": 2}
    for wrong in (Main, type("Wrong", (Tealet,), {"__slots__": ("slot",)})):
        with pytest.raises(TypeError):
            t.__class__ = wrong
    with pytest.raises(TypeError):
        main.__class__ = Mine
    gone = weakref.ref(t)
    del t
    assert gone() is None


def test_an_object_that_was_never_initialised():
    main = Main.__new__(Main)
    main.x = main
    assert main.x is main
    gone = weakref.ref(main)
    del main
    gc.collect()
    assert gone() is None


def test_tealets_with_attributes_are_not_copied(main):
    main.x = 1
    for t in (main, main.tealet()):
        with pytest.raises(TypeError):
            copy.copy(t)
        with pytest.raises(TypeError):
            copy.deepcopy(t)


# --- garbage ---


@pytest.mark.rule("seeing-attributes")
@pytest.mark.rule("garbage-clear")
@pytest.mark.parametrize("status", ["new", "stub", "paused", "exited"])
def test_a_cycle_through_an_attribute_is_collected(main, status):
    unwound = []

    def run():
        try:
            main.switch()
        finally:
            unwound.append(True)

    t = main.stub() if status == "stub" else main.tealet(run)
    if status in ("paused", "exited"):
        t.switch()
    if status == "exited":
        t.switch()
    thing = t.thing = Thing()
    thing.tealet = t
    gone = weakref.ref(thing), weakref.ref(t)
    del t, thing
    for _ in range(2):
        gc.collect()
        main.tealet().close()
    gc.collect()
    assert [ref() for ref in gone] == [None, None]
    assert unwound == ([True] if status in ("paused", "exited") else [])
    assert main.tealets() == [main]


@KINDS
def test_a_cycle_through_an_attribute_of_main_is_collected(kind):
    main = kind()
    main.me = main
    main.thing = Thing()
    main.new = main.tealet()
    main.paused = main.tealet(main.switch)
    main.paused.switch()
    gone = weakref.ref(main), weakref.ref(main.thing)
    main.paused.close()
    del main
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


def test_what_a_paused_tealet_has_is_there_while_it_unwinds(main):
    def run():
        try:
            main.switch()
        finally:
            seen.append(main.current.x)

    seen = []
    for collected in (True, False):
        t = main.tealet(run)
        t.x = f"collected: {collected}"
        t.switch()
        if collected:
            t.me = t
        del t
        gc.collect()
        main.tealet().close()
    assert seen == ["collected: True", "collected: False"]


def test_a_finalizer_of_a_subclass_and_a_cycle(main):
    class Mine(Tealet):
        def __del__(self):
            log.append(sorted(vars(self)))

    log = []
    t = main.tealet(lambda: main.switch())
    t.switch()
    t.__class__ = Mine
    t.me = t
    reference = weakref.ref(t)
    del t
    gc.collect()
    assert log == [["me"]]
    # Its frames may borrow from what it has, so it stays until the domain is closed.
    if reference() is not None:
        reference().close()
    gc.collect()
    assert reference() is None


def test_dropping_attributes_runs_any_code(main):
    class Runs:
        def __del__(self):
            log.append(main.tealet(lambda: "ran").switch())
            log.append(len(main.tealets()))

    log = []
    t = main.tealet()
    t.x = Runs()
    del t
    assert log == ["ran", 1]
    t = main.tealet(lambda: main.switch())
    t.switch()
    t.x = Runs()
    del t
    assert log == ["ran", 1] * 2
    t = main.tealet()
    t.x = Runs()
    t.__dict__ = {}
    assert log == ["ran", 1] * 2 + ["ran", 2]


def test_attributes_of_a_main_that_is_dropped():
    class Runs:
        def __del__(self):
            with Main() as other:
                log.append(other.tealet(lambda: "ran").switch())

    log = []
    main = Main()
    main.x = Runs()
    main.name = "dropped"
    del main
    assert log == ["ran"]


def test_a_long_chain_of_attributes(main):
    first = None
    for _ in range(100_000):
        t = main.tealet()
        t.next, first = first, t
    del t
    del first
    main.tealet().close()
    gc.collect()
    assert main.tealets() == [main]


def test_with_an_eager_collector(main, eager_gc):
    for n in range(200):
        t = main.tealet(lambda: main.switch())
        t.me = t
        t.name = f"tealet {n}"
        t.more = {"n": [n]}
        if n % 2:
            t.switch()
        if n % 3 == 0:
            t.__dict__ = {"me": t}
    gc.collect()
    main.tealet().close()


def test_attributes_set_on_many_threads():
    def thread(n):
        with Main() as main:
            for i in range(200):
                t = main.tealet(lambda: main.switch())
                t.number = n, i
                t.switch()
                shared.x = t.number
                assert t.number == (n, i)
            del shared.x

    with Main() as shared:
        threads = [threading.Thread(target=thread, args=(n,)) for n in range(8)]
        seen = []
        hook, threading.excepthook = threading.excepthook, lambda args: seen.append(args.exc_value)
        try:
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        finally:
            threading.excepthook = hook
        assert all(isinstance(error, AttributeError) for error in seen)  # another one deleted it


# --- the cost of a switch ---


@pytest.mark.rule("seeing-attributes")
def test_a_switch_is_a_specialised_call(main):
    def run():
        for _ in range(100):
            main.switch()

    t = main.tealet(run)
    there = t.switch
    for _ in range(101):
        there()
    names = [instruction.opname for instruction in dis.get_instructions(run, adaptive=True)]
    specialised = ("LOAD_METHOD_WITH", "LOAD_ATTR_METHOD_")
    assert any(name.startswith(specialised) for name in names), names


def test_the_stack_is_as_deep_with_attributes_as_without(main):
    def extent():
        t = main.tealet(lambda: [main.switch() for _ in range(20)])
        for _ in range(20):
            t.switch()
        return t.extent

    extent()
    before = extent()
    main.x = 1
    extent()
    assert extent() == before


class Reenters(str):
    """The name of an attribute that sets another one when it is looked up."""

    def __new__(cls, text, tealet):
        self = super().__new__(cls, text)
        self.tealet = tealet
        return self

    def __hash__(self):
        self.tealet.name = "renamed"
        return super().__hash__()

    def __eq__(self, other):
        return super().__eq__(other)


@pytest.mark.rule("seeing-attributes")
def test_an_attribute_that_is_set_while_another_one_is_set(main):
    t, other = main.tealet(lambda: None), main.tealet(lambda: None)
    setattr(t, Reenters("anything", t), 1)
    assert t.name == "renamed"
    assert not hasattr(other, "anything")
    assert vars(other) == {}
    assert list(vars(t).values()) == [1]
