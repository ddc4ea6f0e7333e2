"""The programs in examples/python: their results against other ways to get them."""

import asyncio
import contextlib
import gc
import heapq
import io
import subprocess
import sys
import tracemalloc
from contextvars import ContextVar
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

import pytest

from building import ROOT
from examples.python import asyncio_bridge, pull_parser, simulation
from examples.python.asyncio_bridge import await_, bridge, call
from tealetpp import Main, ThreadError

PROGRAMS = sorted((ROOT / "examples/python").glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_runs(program):
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) >= 3


def test_programs_are_named_in_the_documents():
    index = (ROOT / "docs/examples.md").read_text()
    assert [path.name for path in PROGRAMS if f"examples/python/{path.name}" not in index] == []


# --- the simulation ---


def queueing_times(visits, tellers):
    """How long each waits, computed without processes: a teller takes who comes first."""
    free_at = [0.0] * tellers
    waits = []
    for arrival, service in visits:
        begin = max(arrival, heapq.heappop(free_at))
        waits.append(begin - arrival)
        heapq.heappush(free_at, begin + service)
    return waits


@pytest.mark.parametrize("tellers", [1, 4, 20])
def test_customers_wait_as_long_as_without_tealets(tellers):
    visits = simulation.customers(2_000, arrivals=3.0, services=1.0)
    waits, _ = simulation.simulate(visits, tellers)
    assert waits == queueing_times(visits, tellers)
    assert (max(waits) > 0) == (tellers < 20)


def test_the_mean_is_that_of_the_formula():
    count = 50_000
    visits = simulation.customers(count, arrivals=1.0, services=1.0)
    waits, _ = simulation.simulate(visits, tellers=2)
    assert sum(waits) / count == pytest.approx(simulation.erlang_c(1.0, 1.0, 2), rel=0.1)
    assert simulation.erlang_c(1.0, 2.0, 1) == pytest.approx(0.5), "a queue of one teller"


def test_ten_thousand_processes_are_paused_at_once():
    visits = simulation.customers(10_000, arrivals=3.0, services=1.0)
    _, stats = simulation.simulate(visits, tellers=4)
    assert stats.n_active == 10_000 + 2
    if stats.enabled:
        assert stats.stack_count >= 10_000
        assert stats.bytes_allocated < 10_000 * 2_500


def test_processes_that_wait_for_one_moment_go_on_in_their_order():
    log = []
    with Main() as main:
        clock = simulation.Simulation(main)

        def process(name):
            for _ in range(2):
                clock.wait(1)
                log.append((clock.now, name))

        for name in "abc":
            clock.process(process, name)
        clock.run()
    assert log == [(time, name) for time in (1, 2) for name in "abc"]


def test_an_error_in_a_process_leaves_the_simulation_and_frees_what_it_held():
    with Main() as main:
        clock = simulation.Simulation(main)
        resource = simulation.Resource(clock, 1)
        got_it = []

        def fail():
            with resource.held():
                clock.wait(1)
                raise LookupError("in a process")

        def wait():
            with resource.held():
                got_it.append(clock.now)

        clock.process(fail)
        clock.process(wait)
        with pytest.raises(LookupError, match="in a process"):
            clock.run()
        clock.run()
        assert got_it == [1]


def test_only_a_process_can_wait():
    with Main() as main, pytest.raises(RuntimeError, match="only a process can wait"):
        simulation.Simulation(main).wait(1)


# --- the pull parser ---

DOCUMENT = b"""<?xml version="1.0"?>
<shop name="corner &amp; co"><shelf n="1">bread<sort>rye</sort> milk</shelf>
<empty/><shelf n="2" cold="yes">caf\xc3\xa9 &lt;hot&gt;</shelf></shop>"""


def by_iterparse(document):
    """Start and end events, in the form of the pull parser."""
    for kind, element in ElementTree.iterparse(io.BytesIO(document), events=("start", "end")):
        yield (kind, element.tag, dict(element.attrib)) if kind == "start" else (kind, element.tag)


def large_document():
    return b"".join(pull_parser.orders(2_000))


@pytest.mark.parametrize("document", [DOCUMENT, large_document()], ids=["small", "large"])
def test_events_are_those_of_iterparse(main, document):
    events = list(pull_parser.events(io.BytesIO(document), main))
    assert [event for event in events if event[0] != "text"] == list(by_iterparse(document))
    text = "".join(event[1] for event in events if event[0] == "text")
    assert text == "".join(ElementTree.fromstring(document).itertext())


def test_two_documents_are_read_by_turns(main):
    one = pull_parser.events(io.BytesIO(DOCUMENT), main)
    two = pull_parser.events(io.BytesIO(DOCUMENT), main)
    for event, other in zip(one, two, strict=True):
        assert event == other


def test_other_tealets_ask_for_the_next_event(main):
    events = pull_parser.events(io.BytesIO(b"<a><b/></a>"), main)
    asked = [main.tealet(lambda: next(events, "end")).switch() for _ in range(5)]
    assert asked == [("start", "a", {}), ("start", "b", {}), ("end", "b"), ("end", "a"), "end"]


def test_an_error_comes_where_the_document_is_wrong(main):
    events = pull_parser.events(io.BytesIO(b"<a><b></a>"), main)
    assert [next(events), next(events)] == [("start", "a", {}), ("start", "b", {})]
    with pytest.raises(ExpatError, match="mismatched tag: line 1, column 8"):
        next(events)


def test_an_error_of_the_file_arrives_in_the_loop(main):
    class Broken:
        def read(self, size):
            raise OSError("no such disk")

    with pytest.raises(OSError, match="no such disk"):
        list(pull_parser.events(Broken(), main))


def test_an_iterator_that_is_dropped_or_closed_ends_the_parser(main):
    events = pull_parser.events(io.BytesIO(DOCUMENT), main)
    next(events)
    assert len(main.tealets()) == 2
    del events
    gc.collect()
    assert main.tealets() == [main]

    with contextlib.closing(pull_parser.events(io.BytesIO(DOCUMENT), main)) as events:
        next(events)
        assert len(main.tealets()) == 2
    assert main.tealets() == [main]


def test_a_document_takes_no_more_memory_if_it_is_larger():
    def peak(count):
        tracemalloc.start()
        with Main() as main:
            total = pull_parser.total_price(pull_parser.Pieces(pull_parser.orders(count)), main)
            stacks = main.stats().bytes_allocated_peak
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == sum(number % 100 for number in range(1, count + 1))
        return stacks, traced

    peak(10)  # what is made once
    (small_stacks, small), (large_stacks, large) = peak(500), peak(20_000)
    assert large_stacks <= small_stacks + 1_000
    assert large < small + 50_000, "the document has a megabyte"


# --- the bridge to asyncio ---


def run_bridged(function, *args):
    async def run():
        with bridge():
            return await call(function, *args)

    return asyncio.run(run())


async def give(value):
    await asyncio.sleep(0)
    return value


async def fail():
    await asyncio.sleep(0)
    raise LookupError("awaited")


def test_tables_are_read_from_a_server():
    names = [f"table {n}" for n in range(20)]
    assert asyncio.run(asyncio_bridge.read_totals(names)) == dict.fromkeys(names, 10)


def test_plain_code_awaits_below_c_code():
    def plain(values):
        return sorted(values, key=lambda value: -await_(give(value)))

    assert run_bridged(plain, [2, 3, 1]) == [3, 2, 1]


def test_an_exception_passes_to_the_plain_code_and_through_it():
    seen = []

    def plain():
        try:
            await_(fail())
        except LookupError as error:
            seen.append(str(error))
        await_(fail())

    with pytest.raises(LookupError, match="awaited"):
        run_bridged(plain)
    assert seen == ["awaited"]


def test_calls_take_turns():
    log = []

    def plain(name):
        for step in range(3):
            log.append((step, name))
            await_(asyncio.sleep(0))
        return name

    async def run():
        with bridge():
            return await asyncio.gather(*(call(plain, name) for name in "abc"))

    assert asyncio.run(run()) == ["a", "b", "c"]
    assert log == [(step, name) for step in range(3) for name in "abc"]


def cancelled_while_waiting(ending):
    """A task that is cancelled while its plain code waits for ever."""
    log = []

    def plain():
        try:
            await_(asyncio.Event().wait())
        except asyncio.CancelledError:
            log.append("cancelled")
            return ending()
        finally:
            log.append(await_(give("cleaned up")))

    async def run():
        with bridge() as main:
            task = asyncio.create_task(call(plain))
            await asyncio.sleep(0)
            task.cancel()
            try:
                return await task
            finally:
                assert main.tealets() == [main]
                assert log == ["cancelled", "cleaned up"]

    return asyncio.run(run())


def test_cancellation_arrives_in_the_plain_code():
    def reraise():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        cancelled_while_waiting(reraise)


def test_plain_code_may_catch_a_cancellation():
    assert cancelled_while_waiting(lambda: "result") == "result"


def test_a_timeout_outside():
    def plain():
        await_(asyncio.Event().wait())

    async def run():
        with bridge():
            async with asyncio.timeout(0):
                await call(plain)

    with pytest.raises(TimeoutError):
        asyncio.run(run())


def test_a_timeout_inside():
    def plain():
        try:
            await_(asyncio.wait_for(asyncio.Event().wait(), 0))
        except TimeoutError:
            return await_(give("late"))

    assert run_bridged(plain) == "late"


def test_a_call_in_what_a_call_awaits():
    def inner(n):
        return n if n == 0 else await_(call(inner, n - 1)) + 1

    assert run_bridged(inner, 10) == 10


def test_context_variables_are_those_of_the_task():
    variable = ContextVar("variable", default="unset")

    def plain():
        before = variable.get()
        variable.set("changed")
        await_(give(None))
        return before, variable.get()

    async def run():
        with bridge():
            variable.set("task")
            return await call(plain), variable.get()

    assert asyncio.run(run()) == (("task", "changed"), "task")


def test_calls_that_wait_when_the_bridge_is_left_are_ended():
    log = []

    def plain():
        try:
            await_(asyncio.Event().wait())
        finally:
            log.append("unwound")

    async def run():
        with bridge() as main:
            task = asyncio.create_task(call(plain))
            await asyncio.sleep(0)
        assert log == ["unwound"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not main

    asyncio.run(run())


def test_misuse_is_refused():
    waiting = give(None)
    with pytest.raises(RuntimeError, match="outside of call"):
        await_(waiting)

    async def run():
        with pytest.raises(RuntimeError, match="outside of bridge"):
            await call(print)
        with bridge():
            with pytest.raises(RuntimeError, match="outside of call"):
                await_(waiting)
            with pytest.raises(RuntimeError, match="outside of call"):
                await asyncio.to_thread(await_, waiting)
            with pytest.raises(ThreadError):
                await asyncio.to_thread(asyncio.run, call(print))

    asyncio.run(run())
    waiting.close()
