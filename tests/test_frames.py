"""Frame objects and tracebacks of tealets, read from outside."""

import faulthandler
import gc
import inspect
import sys
import threading
import traceback
import tracemalloc

import pytest


def names(frame):
    """The function names of a chain of frames, innermost first. Reads other attributes, too."""
    found = []
    while frame is not None:
        found.append(frame.f_code.co_name)
        assert frame.f_lineno is None or frame.f_lineno > 0
        assert isinstance(dict(frame.f_locals), dict)
        frame = frame.f_back
    return found


def hand_out_frame(main):
    main.switch(sys._getframe())


def through_c(main):
    """Three Python functions with C calls in between."""
    return list(map(lambda _: sorted([1], key=lambda _: hand_out_frame(main) or 0), [0]))


def test_the_chain_of_a_paused_tealet_ends_with_its_function(main):
    def run():
        hand_out_frame(main)

    frame = main.tealet(run).switch()
    t = main.tealet(run)
    frame = t.switch()
    assert names(frame) == ["hand_out_frame", "run"]


def test_the_chain_through_c_calls(main):
    t = main.tealet(through_c)
    frame = t.switch(main)
    expected = ["hand_out_frame", "<lambda>", "<lambda>", "through_c"]
    assert names(frame) == expected
    # Its place on the C stack has been overwritten.
    others = [main.tealet(through_c) for _ in range(5)]
    for other in others:
        other.switch(main)
    assert names(frame) == expected
    gc.collect()
    assert names(frame) == expected
    t.switch()
    assert names(frame)[0] == "hand_out_frame"


def test_it_is_walked_while_running_and_paused_and_after_the_end(main):
    frames = []

    def run():
        frames.append(sys._getframe())
        assert names(sys._getframe())[0] == "run"
        list(map(pause, [1, 2]))
        assert names(frames[0]) == ["run"]

    def pause(_):
        frames.append(sys._getframe())
        assert names(sys._getframe()) == ["pause", "run"]
        main.switch()
        assert names(sys._getframe()) == ["pause", "run"]

    t = main.tealet(run)
    for expected in ["pause", "run"], ["pause", "run"]:
        t.switch()
        assert names(frames[-1]) == expected
    t.switch()
    assert [names(frame)[0] for frame in frames] == ["run", "pause", "pause"]


def test_main_is_walked_from_inside_a_tealet(main):
    def deep(n, call):
        return list(map(lambda _: deep(n - 1, call), [0]))[0] if n else call(sys._getframe())

    def look(frame):
        chain = names(frame)
        gc.collect()
        assert names(frame) == chain
        return chain

    t = main.tealet(lambda: [main.switch() for _ in range(0)] or look(main.switch()))
    t.switch()
    chain = deep(5, t.switch)
    assert chain.count("deep") == 6
    assert "test_main_is_walked_from_inside_a_tealet" in chain
    assert deep(3, main.tealet(look).switch).count("deep") == 4


def test_tealets_walk_each_other(main):
    frames = {}

    def run(n):
        def step(_):
            frames[n] = sys._getframe()
            main.switch()
            return [names(frame) for frame in frames.values()]

        return list(map(step, range(5)))

    ts = [main.tealet(run) for _ in range(4)]
    for n, t in enumerate(ts):
        t.switch(n)
    for _ in range(4):
        for t in ts:
            t.switch()
    for t in ts:
        for chains in t.switch():
            assert all(chain[:2] == ["step", "run"] or chain == ["step"] for chain in chains)


def test_the_frame_of_a_closed_tealet(main):
    frames = []

    def run():
        local = "still readable"
        frames.append(sys._getframe())
        main.switch()
        return local

    for end in ("switch", "close"):
        t = main.tealet(run)
        t.switch()
        getattr(t, end)()
        assert names(frames[-1]) == ["run"]
        assert frames[-1].f_locals["local"] == "still readable"
        frames[-1].clear()


def test_a_frame_of_a_paused_tealet_cannot_be_cleared(main):
    t = main.tealet(hand_out_frame)
    frame = t.switch(main)
    with pytest.raises(RuntimeError):
        frame.clear()
    t.switch()


def test_the_locals_of_a_paused_frame(main):
    def run(argument):
        local = [argument]
        main.switch(sys._getframe())
        return local

    t = main.tealet(run)
    frame = t.switch("value")
    assert frame.f_locals["local"] == ["value"]
    frame.f_locals["local"].append("from outside")
    assert t.switch() == ["value", "from outside"]


def test_a_traceback_from_inside_is_walked_outside(main):
    errors = []

    def fail(_):
        try:
            raise KeyError
        except KeyError as error:
            errors.append(error)
            main.switch()

    def run():
        list(map(fail, [1]))

    t = main.tealet(run)
    t.switch()
    tb = errors[0].__traceback__
    assert names(tb.tb_frame) == ["fail", "run"]
    assert "raise KeyError" in "".join(traceback.format_exception(errors[0]))
    assert "run" in [f.name for f in traceback.extract_stack(tb.tb_frame)]
    t.switch()
    assert names(tb.tb_frame)[0] == "fail"


def test_a_traceback_that_crossed_tealets_names_both(main):
    def fail():
        raise KeyError

    def outer():
        main.tealet(fail).switch()

    with pytest.raises(KeyError) as caught:
        main.tealet(outer).switch()
    entries = [f.name for f in traceback.extract_tb(caught.value.__traceback__)]
    assert entries[-2:] == ["outer", "fail"]
    gc.collect()
    tb = caught.value.__traceback__
    while tb is not None:
        names(tb.tb_frame)
        tb = tb.tb_next


def test_current_frames_shows_the_running_tealet(main):
    t = main.tealet(lambda: names(sys._current_frames()[threading.get_ident()]))
    assert t.switch() == ["<lambda>"]
    paused = main.tealet(through_c)
    paused.switch(main)
    assert "through_c" not in names(sys._current_frames()[threading.get_ident()])


def test_another_thread_looks_at_the_frames_meanwhile(main):
    stop = threading.Event()
    looked = []

    def look():
        while not stop.is_set():
            for frame in sys._current_frames().values():
                looked.append(names(frame))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=look)
    thread.start()
    try:
        ts = [
            main.tealet(lambda: [through_c(main) for _ in iter(stop.is_set, True)])
            for _ in range(5)
        ]
        rounds = 0
        while thread.is_alive() and (rounds < 100 or len(looked) < 100):
            for t in ts:
                t.switch()
            rounds += 1
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert len(looked) >= 100


def test_inspect_works_inside(main):
    def run():
        return [info.function for info in inspect.stack()]

    assert main.tealet(run).switch() == ["run"]


def test_super_and_class_cells_after_a_switch(main):
    class Base:
        def method(self):
            return main.switch("in base")

    class Derived(Base):
        def method(self):
            return super().method(), __class__

    t = main.tealet(Derived().method)
    assert t.switch() == "in base"
    assert t.switch(1) == (1, Derived)


def test_faulthandler_dumps_the_running_tealet(main, tmp_path):
    def run():
        with open(tmp_path / "dump", "w") as file:
            faulthandler.dump_traceback(file, all_threads=True)

    paused = main.tealet(through_c)
    paused.switch(main)
    main.tealet(run).switch()
    dump = (tmp_path / "dump").read_text()
    assert " in run\n" in dump
    assert "through_c" not in dump


def test_tracemalloc_follows_frames_in_tealets(main):
    tracemalloc.start(25)
    try:
        t = main.tealet(lambda: [main.switch(), bytearray(10_000)][1])
        t.switch()
        kept = t.switch()
        trace = tracemalloc.get_object_traceback(kept)
        assert trace is not None and trace[-1].filename == __file__
    finally:
        tracemalloc.stop()


def test_warnings_look_for_the_frame_that_is_to_blame(main):
    import warnings

    def run():
        warnings.warn("deep", stacklevel=50)
        warnings.warn("here", stacklevel=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        main.tealet(run).switch()
    assert [str(w.message) for w in caught] == ["deep", "here"]
    assert caught[1].filename == __file__
