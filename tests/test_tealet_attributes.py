"""Attributes of tealets: status, truth, repr, current, previous, extent."""

import re
import threading

from tealetpp import Main, Status, Tealet


def test_the_status_through_a_life(main):
    t = main.tealet(lambda: main.switch(t.status))
    assert t.status is Status.NEW
    assert t.switch() is Status.RUNNING
    assert t.status is Status.SUSPENDED
    t.switch()
    assert t.status is Status.EXITED
    stub = main.stub()
    assert stub.status is stub.duplicate().status is Status.STUB
    assert main.status is Status.RUNNING
    assert main.tealet(lambda: main.status).switch() is Status.SUSPENDED


def test_true_while_started_and_not_ended(main):
    t = main.tealet(lambda: main.switch(bool(t)))
    assert not t
    assert t.switch() is True
    assert t
    t.close()
    assert not t
    assert main


def test_main_is_false_once_closed():
    main = Main()
    main.close()
    assert not main
    assert main.status is Status.EXITED


def test_repr_names_type_function_and_status(main):
    def countdown():
        main.switch()

    t = main.tealet(countdown)
    name = re.escape(countdown.__qualname__)
    assert re.fullmatch(rf"<tealetpp\.Tealet '{name}' new at 0x[0-9a-f]+>", repr(t))
    t.switch()
    assert " suspended at " in repr(t)
    t.close()
    assert " exited at " in repr(t)
    assert re.fullmatch(r"<tealetpp\.Main running at 0x[0-9a-f]+>", repr(main))
    assert " stub at " in repr(main.stub())


def test_repr_of_a_callable_without_a_name(main):
    class Silent:
        def __call__(self):
            pass

        def __repr__(self):
            return "<silent>"

    assert "'<silent>' new" in repr(main.tealet(Silent()))


def test_repr_of_a_callable_whose_name_fails(main):
    class Broken:
        def __call__(self):
            pass

        def __getattr__(self, name):
            raise KeyError(name)

    assert "Broken object" in repr(main.tealet(Broken()))


def test_current_and_previous(main):
    def run(other):
        seen.append((main.current, main.previous))
        if other is not None:
            other.switch(None)
        return main.current

    seen = []
    assert main.current is main
    b = main.tealet(run)
    a = main.tealet(run)
    assert a.switch(b) is b
    assert seen == [(a, main), (b, a)]
    assert main.current is main
    assert main.previous is None, "it has ended"
    assert a.switch() is a
    t = main.tealet(lambda: main.switch())
    t.switch()
    assert main.previous is t


def test_current_is_none_once_closed():
    main = Main()
    assert main.current is main
    main.close()
    assert main.current is main.previous is None


def test_main_of_a_tealet(main):
    t = main.tealet()
    assert t.main is main
    assert main.main is main
    assert isinstance(main, Tealet)
    t.close()
    assert t.main is main


def test_the_extent_grows_with_depth(main):
    def run(depth):
        if depth:
            return sorted([depth], key=lambda _: run(depth - 1))
        return main.switch(t.extent)

    extents = []
    for depth in (0, 1, 5, 20):
        t = main.tealet(run)
        assert t.extent == t.saved_bytes == 0
        running = t.switch(depth)
        # The call of `extent` was about as deep as the switch that followed.
        assert 0 < running < t.extent + 1024
        assert t.saved_bytes == t.extent, "main runs: nothing of it is in place"
        extents.append(t.extent)
        t.close()
        assert t.extent == t.saved_bytes == 0
    assert extents == sorted(set(extents))
    # Each level goes through C.
    assert extents[3] - extents[2] > 15 * 100


def test_the_extent_of_a_running_tealet_from_elsewhere(main):
    def outer():
        inner = Main()
        inner.tealet(lambda: main.switch(inner.current)).switch()

    t = main.tealet(outer)
    inside = t.switch()
    assert inside.status is Status.RUNNING
    assert inside.extent == 0

    def look():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(main.current.extent))
        thread.start()
        thread.join()
        return seen

    assert main.tealet(look).switch() == [0]
    t.close()
