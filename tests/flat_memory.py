"""Repeats one operation many times and prints as JSON what has grown.

``python flat_memory.py NAME COUNT``; tests/test_flat_memory.py does so for each of OPERATIONS.
"""

import contextlib
import contextvars
import gc
import io
import json
import os
import sys
import threading
import weakref

import tealetpp
from tealetpp import (
    InvalidError,
    Main,
    Status,
    Tealet,
    TealetError,
    TealetExit,
    ThreadError,
    _tealetpp,
)

OPERATIONS = {}
LEAKS = {}  # leaks on purpose, to test the measurement
CAPSULE_OPERATIONS = {}
at_end = contextlib.ExitStack()
TYPES = [value for value in vars(tealetpp).values() if isinstance(value, type)]
WATCHED = [None, True, False, ..., (), "", 0, 1, *TYPES, *Status, int, tuple, KeyError, MemoryError]


def operation(function):
    """``function(main)`` returns the operation to repeat: a callable, or a dict of several."""
    OPERATIONS[function.__name__] = function
    return function


def leak(function):
    """The same for an operation that leaks on purpose."""
    LEAKS[function.__name__] = function
    return function


def capsule_operation(function):
    """The same for ``function(main, calls)``, where ``calls`` is the module of tests/capsule."""
    CAPSULE_OPERATIONS[function.__name__] = function
    return function


# --- lifetime ---


@operation
def create_and_drop(main):
    return lambda: main.tealet(int)


@operation
def create_switch_end(main):
    return lambda: main.tealet(int).switch()


@operation
def create_run_end(main):
    return lambda: main.tealet().run(dict, [(1, 2)], key="value")


@operation
def pause_and_drop(main):
    return lambda: main.tealet(main.switch).switch()


@operation
def pause_and_close(main):
    def once():
        with main.tealet(main.switch) as t:
            t.switch()

    return once


@operation
def close_before_it_begins(main):
    return lambda: main.tealet(int).close()


@operation
def unwind_through_finally(main):
    def run():
        try:
            main.switch()
        finally:
            main.stats()

    def once():
        t = main.tealet(run)
        t.switch()
        t.close()

    return once


@operation
def refuse_to_end_once(main):
    def run():
        try:
            main.switch()
        except TealetExit:
            main.switch()

    def once():
        t = main.tealet(run)
        t.switch()
        try:
            t.close()
        except TealetError:
            pass
        t.switch()

    return once


@operation
def finalizer_that_switches(main):
    class Last:
        def __del__(self):
            main.tealet(int).switch()

    def once():
        main.tealet(lambda last: main.switch()).switch(Last())

    return once


@operation
def cycle_through_its_variables(main):
    def run(t):
        main.switch()

    def once():
        t = main.tealet(run)
        t.switch(t)
        del t
        gc.collect(0)

    return once


@operation
def cycle_through_its_function(main):
    def once():
        cycle = []
        cycle.append(main.tealet(cycle.append))
        del cycle
        gc.collect(0)

    return once


@operation
def weak_reference(main):
    def once():
        t = main.tealet(main.switch)
        reference = weakref.ref(t, lambda _: None)
        t.switch()
        return reference

    return once


# --- switching ---


def forward(main, value=None):
    while True:
        value = main.switch(value)


def nested(depth, call):
    return nested(depth - 1, call) if depth else call()


def through_c(depth, call):
    return list(map(lambda _: through_c(depth - 1, call), [0]))[0] if depth else call()


@operation
def switch_there_and_back(main):
    t = main.tealet(forward)
    t.switch(main)
    return lambda: t.switch(object())


@operation
def switch_to_itself(main):
    return lambda: main.switch(object())


@operation
def begin_with_arguments(main):
    def run(*args, **kwargs):
        return args, kwargs

    return lambda: main.tealet(run).switch(object(), [1], key=object())


@operation
def deep_in_python(main):
    t = main.tealet(lambda: nested(40, lambda: forward(main)))
    t.switch()
    return lambda: nested(3, t.switch)


@operation
def deep_in_c(main):
    def once():
        main.tealet(lambda: through_c(5, main.switch)).switch()

    return once


@operation
def many_in_each_others_way(main):
    def run():
        through_c(3, main.switch)

    def once():
        for t in [main.tealet(run) for _ in range(3)]:
            through_c(2, t.switch)

    return once


@operation
def result_to_another_parent(main):
    def outer():
        return main.tealet(int, parent=main).switch()

    return lambda: main.tealet(outer).switch()


@operation
def set_parent(main):
    a, b = main.tealet(main.switch), main.tealet(main.switch)
    a.switch()

    def once():
        b.parent = a
        b.parent = main
        main.tealet(parent=a).parent = b

    return once


@operation
def children_of_one_that_ends(main):
    def run():
        return [main.tealet(int), main.tealet(int)]

    return lambda: main.tealet(run).switch()


@operation
def generator_in_a_tealet(main):
    def generate():
        try:
            for n in range(3):
                main.switch(n)
                yield n
        finally:
            main.stats()

    def once():
        t = main.tealet(lambda: list(generate()))
        t.switch()
        t.switch()

    return once


@operation
def generator_shared_by_two(main):
    def generate():
        yield 1
        yield main.switch()

    def once():
        generator = generate()
        t = main.tealet(lambda: list(generator))
        t.switch()
        try:
            next(generator)  # it runs in the paused one
        except ValueError:
            pass
        t.switch(5)

    return once


@operation
def context_variables(main):
    variable = contextvars.ContextVar("variable")

    def run():
        variable.set(object())
        main.switch()
        return variable.get()

    def once():
        variable.set(object())
        t = main.tealet(run)
        t.switch()
        t.switch()

    return once


# --- exceptions ---


@operation
def throw_into_a_new_one(main):
    return lambda: raises(KeyError, main.tealet(int).throw, KeyError)


@operation
def throw_into_a_paused_one(main):
    def once():
        t = main.tealet(main.switch)
        t.switch()
        raises(KeyError, t.throw, KeyError(object()))

    return once


@operation
def throw_into_a_stub(main):
    return lambda: raises(KeyError, main.stub().throw, KeyError)


@operation
def throw_into_the_running_one(main):
    return lambda: raises(KeyError, main.throw, KeyError)


@operation
def throw_tealet_exit(main):
    return lambda: raises(TealetExit, main.tealet(int).throw, TealetExit)


@operation
def caught_inside(main):
    def run():
        while True:
            try:
                main.switch()
            except KeyError:
                pass

    t = main.tealet(run)
    t.switch()
    return lambda: t.throw(KeyError)


@operation
def exception_to_its_parent(main):
    def run():
        raise KeyError(object())

    return lambda: raises(KeyError, main.tealet(run).switch)


@operation
def exception_through_parents(main):
    def outer():
        main.tealet(lambda: {}[1]).switch()

    return lambda: raises(KeyError, main.tealet(outer).switch)


@operation
def paused_while_handling(main):
    def run():
        try:
            {}[1]
        except KeyError:
            main.switch()
            main.switch()

    def once():
        t = main.tealet(run)
        t.switch()
        try:
            [].pop()
        except IndexError:
            t.switch()

    return once


@operation
def closing_raises(main):
    def run():
        try:
            main.switch()
        finally:
            {}[1]

    def once():
        t = main.tealet(run)
        t.switch()
        raises(KeyError, t.close)

    return once


@operation
def recursion_error(main):
    limit = sys.getrecursionlimit()

    def endless():
        endless()

    def once():
        sys.setrecursionlimit(100)
        try:
            raises(RecursionError, main.tealet(endless).switch)
        finally:
            sys.setrecursionlimit(limit)

    return once


# --- stubs ---


@operation
def stub_and_drop(main):
    return main.stub


@operation
def stub_run(main):
    return lambda: main.stub().run(dict, key=object())


@operation
def duplicates_run(main):
    stub = main.stub()

    def once():
        twin, other = stub.duplicate(), stub.duplicate()
        twin.run(main.switch)
        return other.run(int)

    return once


# --- domains ---


@operation
def open_and_close(main):
    def once():
        with Main():
            pass

    return once


@operation
def open_and_drop(main):
    return Main


@operation
def closes_all_that_is_left(main):
    def once():
        with Main() as other:
            ts = [other.tealet(other.switch), other.tealet(int), other.stub()]
            ts[0].switch()

    return once


@operation
def subclass_of_main(main):
    class Own(Main):
        def __init__(self):
            super().__init__(memory_limit=100_000)
            self.kept = self.tealet(self.switch)
            self.kept.switch()

    def once():
        with Own() as own:
            own.kept.switch()
            del own.kept

    return once


@operation
def domain_in_a_tealet(main):
    def run():
        with Main() as inner:
            t = inner.tealet(inner.switch)
            t.switch()
            main.switch()
            t.switch()

    def once():
        t = main.tealet(run)
        t.switch()
        t.switch()

    return once


@operation
def domain_in_a_tealet_that_ends(main):
    def run():
        inner = Main()
        inner.tealet(inner.switch).switch()

    return lambda: main.tealet(run).switch()


@operation
def domain_in_a_tealet_that_is_closed(main):
    def run():
        with Main() as inner:
            inner.tealet(lambda: main.switch()).switch()

    def once():
        t = main.tealet(run)
        t.switch()
        t.close()

    return once


@operation
def domain_of_a_thread(main):
    def run():
        with Main() as own:
            own.tealet(own.switch).switch()

    def once():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    return once


# --- attributes and statistics ---


@operation
def reports(main):
    earlier = main.stats()

    def once():
        stats = main.stats()
        texts = (str(stats), repr(stats), stats.to_json(), stats._repr_html_())
        difference = stats - earlier
        return texts, stats.to_dict(), str(difference), difference.to_dict(), stats == earlier

    return once


@operation
def figures(main):
    def once():
        stats = main.stats()
        main.reset_peak_stats()
        main.trim()
        return stats.fixed_stack_bytes(65536), stats.efficiency_vs(65536), stats.sharing_ratio

    return once


@operation
def attributes(main):
    ts = [main, main.tealet(main.switch), main.tealet(int), main.stub()]
    ts[1].switch()

    def once():
        for t in ts:
            t.status, t.parent, t.main, t.saved_bytes, t.extent, bool(t), repr(t)
            t.function, t.name, t.frame, t.format_stack()
        return main.current, main.previous, main.tealets()

    return once


@operation
def costs(main):
    ts = [main, main.tealet(main.switch), main.tealet(lambda: main.switch()), main.stub()]
    for t in ts[1:3]:
        t.switch()

    def once():
        survey = main.survey()
        per_second = (main.stats() - main.stats()).per_second
        return [t.stats() for t in ts if t is not main], survey.to_json(), str(survey), per_second

    return once


@operation
def attributes_that_are_set(main):
    ts = [main, main.tealet(main.switch), main.stub()]
    ts[1].switch()

    def once():
        for t in (*ts, main.tealet(name="dropped")):
            t.x = t
            t.name = "named"
            vars(t)["y"] = []
            if t is not main:
                t.__dict__ = {"z": []}
            del t.name
            vars(t).clear()

    return once


@operation
def a_tree_that_is_printed(main):
    ts = [main.tealet(main.switch), main.tealet(lambda: main.switch()), main.stub()]
    for t in ts[:2]:
        t.switch()

    def once():
        main.print_tree(io.StringIO())
        return ts

    return once


@operation
def a_frame_that_is_kept_over_the_end(main):
    def run(deep=3):
        return run(deep - 1) if deep else main.switch()

    def once():
        ends, closed = main.tealet(run), main.tealet(run)
        frames = []
        for t in (ends, closed):
            t.switch()
            frames.append(t.frame)
        ends.switch()
        closed.close()
        return [frame.f_back.f_locals for frame in frames]

    return once


@operation
def frames_of_a_paused_one(main):
    def run():
        main.switch(sys._getframe())

    def once():
        t = main.tealet(run)
        frame = t.switch()
        names = []
        while frame is not None:
            names.append((frame.f_code.co_name, frame.f_locals, frame.f_lineno))
            frame = frame.f_back
        t.switch()

    return once


@operation
def trace_function_set_around_a_switch(main):
    def trace(frame, event, arg):
        return trace

    t = main.tealet(forward)
    t.switch(main)

    def once():
        sys.settrace(trace)
        t.switch()
        sys.settrace(None)
        t.switch()

    return once


@operation
def profile_function_set_inside(main):
    def run():
        sys.setprofile(lambda *args: None)
        main.switch()
        sys.setprofile(None)

    def once():
        t = main.tealet(run)
        t.switch()
        t.switch()

    return once


# --- misuse ---


def raises(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{call} raises no {error}")


def refusals(*rows):
    """Operations by name, from rows of an error, a call and its arguments."""
    return {
        f"{number}: {error.__name__} of {call}": lambda row=(error, call, *args): raises(*row)
        for number, (error, call, *args) in enumerate(rows)
    }


@operation
def refused_for_its_status(main):
    new, empty, paused, ended = (main.tealet(f) for f in (int, None, main.switch, int))
    stub = main.stub()
    paused.switch()
    ended.switch()
    closed = Main()
    of_closed = closed.tealet(int)
    closed.close()
    return refusals(
        (InvalidError, ended.switch),
        (InvalidError, ended.run, print),
        (InvalidError, ended.throw, KeyError()),
        (InvalidError, ended.throw, KeyError),
        (InvalidError, ended.duplicate),
        (InvalidError, setattr, ended, "parent", new),
        (InvalidError, setattr, new, "parent", ended),
        (InvalidError, paused.run, print),
        (InvalidError, paused.switch, 1, 2),
        (InvalidError, new.run, print),
        (InvalidError, new.duplicate),
        (InvalidError, paused.duplicate),
        (InvalidError, main.duplicate),
        (InvalidError, main.run, print),
        (InvalidError, main.switch, 1, 2),
        (InvalidError, empty.switch),
        (InvalidError, stub.switch),
        (InvalidError, setattr, new, "parent", stub),
        (InvalidError, setattr, new, "parent", new),
        (InvalidError, setattr, main, "parent", new),
        (InvalidError, closed.tealet, int),
        (InvalidError, closed.stub),
        (InvalidError, closed.switch),
        (InvalidError, of_closed.switch),
        (InvalidError, main.__init__),
        (InvalidError, of_closed.throw, KeyError),
    )


@operation
def refused_for_its_arguments(main):
    empty, stub = main.tealet(), main.stub()
    uninitialised = Main.__new__(Main)
    return refusals(
        (TypeError, main.tealet, 1),
        (TypeError, main.tealet, int, None),
        (TypeError, lambda: main.tealet(run=[])),
        (TypeError, lambda: main.tealet(int, run=int)),
        (TypeError, lambda: main.tealet(parent=1)),
        (TypeError, lambda: main.tealet(wrong=1)),
        (TypeError, empty.run),
        (TypeError, empty.run, 1),
        (TypeError, stub.run),
        (TypeError, stub.run, "text"),
        (TypeError, empty.throw, 1),
        (TypeError, empty.throw, int),
        (TypeError, empty.throw),
        (TypeError, empty.close, 1),
        (TypeError, setattr, empty, "parent", None),
        (TypeError, delattr, empty, "parent"),
        (AttributeError, setattr, empty, "status", None),
        (TypeError, Tealet),
        (TypeError, Main, 1),
        (TypeError, lambda: Main(memory_limit="1")),
        (ValueError, lambda: Main(memory_limit=-1)),
        (OverflowError, lambda: Main(memory_limit=1 << 70)),
        (MemoryError, lambda: Main(memory_limit=0)),
        (TypeError, uninitialised.tealet),
        (TypeError, uninitialised.switch),
        (TypeError, uninitialised.stub),
        (TypeError, main.stats().efficiency_vs, "1"),
        (TypeError, main.stats().fixed_stack_bytes),
    )


@operation
def refused_for_its_arguments_when_it_begins(main):
    def run(one):
        pass

    return lambda: raises(TypeError, main.tealet(run).switch, 1, 2, wrong=3)


@operation
def refused_of_another_domain(main):
    other = at_end.enter_context(Main())
    ours, theirs = main.tealet(int), other.tealet(int)
    return refusals(
        (InvalidError, setattr, ours, "parent", theirs),
        (InvalidError, lambda: main.tealet(parent=theirs)),
        (InvalidError, lambda: main.tealet(int, parent=other)),
    )


@operation
def refused_outside_its_tealet(main):
    inner = []

    def run():
        with Main() as domain:
            inner.extend([domain, domain.tealet(int), domain.stub()])
            main.switch()

    t = main.tealet(run)
    t.switch()
    at_end.callback(t.close)
    domain, new, stub = inner
    inner.clear()
    return refusals(
        (InvalidError, domain.tealet, int),
        (InvalidError, domain.switch),
        (InvalidError, domain.close),
        (InvalidError, domain.stub),
        (InvalidError, new.switch),
        (InvalidError, new.throw, KeyError),
        (InvalidError, new.close),
        (InvalidError, stub.run, int),
        (InvalidError, stub.duplicate),
    )


@operation
def refused_on_another_thread(main):
    opened, close = threading.Event(), threading.Event()
    theirs = []

    def run():
        with Main() as domain:
            t = domain.tealet(domain.switch)
            t.switch()
            theirs.extend([domain, t, domain.stub()])
            del t
            opened.set()
            close.wait()

    thread = threading.Thread(target=run)
    thread.start()
    at_end.callback(thread.join)
    at_end.callback(close.set)
    opened.wait()
    domain, paused, stub = theirs
    theirs.clear()
    return refusals(
        (ThreadError, domain.tealet, int),
        (ThreadError, domain.switch),
        (ThreadError, domain.close),
        (ThreadError, domain.stub),
        (ThreadError, paused.switch),
        (ThreadError, paused.throw, KeyError),
        (ThreadError, paused.close),
        (ThreadError, stub.run, int),
        (ThreadError, stub.duplicate),
        (ThreadError, setattr, paused, "parent", domain),
    )


@operation
def refused_for_want_of_memory(main):
    limited = at_end.enter_context(Main(memory_limit=20_000))
    paused = limited.tealet(forward)
    paused.switch(limited)
    stub = limited.stub()
    small = at_end.enter_context(Main(memory_limit=8_000))
    # There is no memory for a data stack.
    first, empty, first_stub = small.tealet(int), small.tealet(), small.stub()
    fill = []
    try:
        while True:
            fill.append(limited.tealet())
    except MemoryError:
        pass
    at_end.callback(fill.clear)
    return refusals(
        (MemoryError, limited.tealet, int),
        (MemoryError, limited.stub),
        (MemoryError, stub.duplicate),
        (MemoryError, through_c, 30, paused.switch),
        (MemoryError, first.switch),
        (MemoryError, empty.run, forward, small),
        (MemoryError, first_stub.run, forward, small),
    )


@operation
def refused_while_collecting(main):
    t = main.tealet(forward)
    t.switch(main)
    seen = []

    class Finalized:
        def __del__(self):
            for call in (t.switch, main.stub):
                try:
                    call()
                except InvalidError:
                    seen.append(True)

    def once():
        cycle = Finalized()
        cycle.cycle = cycle
        del cycle
        gc.collect(0)
        assert len(seen) == 2
        seen.clear()

    return once


# --- leaks on purpose ---


@leak
def an_object_each_time(main):
    kept = []
    return lambda: kept.append([None])


@leak
def a_tealet_each_time(main):
    kept = []
    return lambda: kept.append(main.tealet())


# --- the C API ---


@capsule_operation
def capsule_switch_and_throw(main, calls):
    def once():
        t = calls.make(main, calls.sum_from, ...)
        calls.switch_to(t, 8)
        calls.switch_to(t, 1)
        calls.switch_to(calls.make_countdown(main, 1), 1)
        raises(OSError, calls.throw_into, calls.make(main, int, ...), OSError)

    return once


@capsule_operation
def capsule_close_and_drop(main, calls):
    def once():
        closed, dropped = calls.make(main, calls.hold, ...), main.tealet(calls.echo)
        calls.switch_to(closed, main)
        calls.bounce(dropped, 10, "value")
        calls.close_tealet(closed)
        calls.take_clean_ups()

    return once


# --- measuring ---


def look():
    gc.collect()
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    seen = _tealetpp._census() | {
        f"references to {value!r}": sys.getrefcount(value) for value in WATCHED
    }
    seen["Python's blocks"] = sys.getallocatedblocks()
    if hasattr(sys, "gettotalrefcount"):
        seen["references"] = sys.gettotalrefcount()
    seen["resident bytes"] = resident
    return seen


def growth(once, count):
    """The growth over ``count`` repetitions, once all caches are warm."""
    for _ in range(2_000):
        once()
    look()  # the first measurement allocates something itself
    grown = growth_of(once, count)
    # Python touches the pages of an arena one after the other, in some programs late, and its
    # compiler may compile more. A leak goes on for as long as the operation is repeated.
    for _ in range(3):
        if grown.get("resident bytes", 0) <= 32 * 1024:
            break
        grown = growth_of(once, count)
    return grown


def growth_of(once, count):
    before = look()
    for _ in range(count):
        once()
    after = look()
    return {name: after[name] - before[name] for name in after if after[name] > before[name]}


def measure(name, count):
    """The same for each callable of one operation."""
    with Main() as main, at_end:
        if name in OPERATIONS | LEAKS:
            repeated = (OPERATIONS | LEAKS)[name](main)
        else:
            import capsule_calls

            capsule_calls.import_own_table()
            repeated = CAPSULE_OPERATIONS[name](main, capsule_calls)
        if callable(repeated):
            repeated = {name: repeated}
        print(json.dumps({name: growth(once, count) for name, once in repeated.items()}))


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]))
