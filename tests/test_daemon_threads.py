"""Daemon threads that use tealets while the process ends.

CPython up to 3.13 ends such a thread where it waits for the global interpreter lock, by unwinding
its C stack: see cpp/python/guarded.hpp. The place is random. So each program runs several times,
and most of them wait in the middle of the call that they test. For more runs:

    nox -s tests -- tests/test_daemon_threads.py --daemon-runs=100
"""

import subprocess
import sys
import textwrap

import pytest

from building import environment_of_this_python

FRAME = """
import gc, os, sys, threading, time, weakref
from tealetpp import Main, Status, TealetExit

def wait():
    time.sleep(0.001)

class Waits:
    def __del__(self):
        wait()

def forever():
    {body}

threading.Thread(target=forever, daemon=True).start()
time.sleep(0.04)
"""

PROGRAMS = {
    "looks at statistics": """
        m = Main()
        before = m.stats()
        while True:
            now = m.stats()
            now - before, now == before, now.stack_bytes, now.sharing_ratio, str(now), hash(m)
    """,
    "collects garbage while it looks at statistics": """
        gc.set_threshold(1)
        gc.callbacks.append(lambda *args: wait())
        m = Main()
        before = m.stats()
        while True:
            d = m.stats() - before
            repr(d), d.to_dict(), m.current.status, before.to_json()
    """,
    "closes": """
        def pauses():
            try:
                m.switch()
            finally:
                wait()
        with Main() as m:
            while True:
                t = m.tealet(pauses)
                t.switch()
                t.close()
    """,
    "leaves domains": """
        while True:
            with Main() as m:
                def pauses(waits):
                    try:
                        m.switch()
                    finally:
                        wait()
                for _ in range(3):
                    m.tealet(pauses).switch(Waits())
    """,
    "drops tealets": """
        def pauses():
            waits = Waits()
            m.switch()
        m = Main()
        while True:
            t = m.tealet(pauses)
            t.switch()
            del t
    """,
    "drops results": """
        def pauses():
            try:
                m.switch()
            except TealetExit:
                return Waits()
        m = Main()
        while True:
            t = m.tealet(pauses)
            t.switch()
            t.close()
    """,
    "drops domains": """
        while True:
            m = Main()
            m.tealet(lambda m: m.switch(Waits())).switch(m)
            del m
    """,
    "switches": """
        m = Main()
        def other():
            while True:
                m.switch()
                wait()
        t = m.tealet(other)
        while True:
            t.switch()
            wait()
    """,
    "waits deep in nested tealets": """
        m = Main()
        def deeper(n):
            if n == 0:
                while True:
                    wait()
            m.tealet(deeper).switch(n - 1)
        deeper(20)
    """,
    "creates": """
        m = Main()
        while True:
            t = m.tealet(wait)
            repr(t), t.parent, t.main, t.status
            t.switch()
            m.tealet(print).close()
    """,
    "runs stubs": """
        m = Main()
        stub = m.stub()
        while True:
            stub.duplicate().run(wait)
            stub.duplicate().run(m.switch, Waits())
    """,
    "throws": """
        class Slow(Exception):
            def __init__(self):
                wait()
        m = Main()
        def catches():
            while True:
                try:
                    m.switch()
                except Slow:
                    wait()
        t = m.tealet(catches)
        t.switch()
        while True:
            t.throw(Slow)
            try:
                m.tealet(print).throw(Slow)
            except Slow:
                pass
    """,
    "collects tealets in cycles": """
        m = Main()
        def pauses():
            me = m.current
            waits = Waits()
            try:
                m.switch()
            finally:
                wait()
        while True:
            for _ in range(3):
                m.tealet(pauses).switch()
            gc.collect()
    """,
    "switches in finalizers": """
        m = Main()
        class Switches:
            def __del__(self):
                m.tealet(wait).switch()
        def pauses(switches):
            m.switch()
        while True:
            m.tealet(pauses).switch(Switches())
            Switches()
            gc.collect()
    """,
    "nests domains": """
        def inner():
            n = Main()
            n.tealet(lambda: n.switch(Waits())).switch()
            n.tealet(lambda: m.switch(Waits())).switch()
        m = Main()
        while True:
            t = m.tealet(inner)
            t.switch()
            if t:
                t.close()
    """,
    "is traced by a tool that keeps a stack": """
        class PyTracer:
            def trace(self, frame, event, argument):
                wait()
                return self.trace
        m = Main()
        def pauses():
            sys.settrace(tracer.trace)
            again()
        def again():
            while True:
                m.switch()
        tracer = PyTracer()
        t = m.tealet(pauses)
        while True:
            t.switch()
    """,
    "subclasses Main": """
        while True:
            class Mine(Main):
                waits = Waits()
                def __init__(self):
                    wait()
                    super().__init__(memory_limit=Limit())
                def __del__(self):
                    wait()
            class Limit:
                def __index__(self):
                    wait()
                    return 1 << 20
            with Mine() as m:
                m.tealet(m.switch).switch(Waits())
            m.waits = Waits()
            del m, Mine
            gc.collect()
    """,
    "ends tealets with exceptions": """
        sys.unraisablehook = lambda args: wait()
        m = Main()
        def pauses():
            try:
                m.switch()
            finally:
                raise KeyError
        def refuses():
            while True:
                try:
                    m.switch()
                except TealetExit:
                    wait()
        while True:
            with Main():
                pass
            m.tealet(pauses).switch()
            t = m.tealet(pauses)
            t.switch()
            try:
                t.close()
            except KeyError:
                pass
            m.tealet(refuses).switch()
    """,
    "traces": """
        def trace(*args):
            wait()
            return trace
        m = Main()
        def traced():
            sys.settrace(trace)
            m.switch()
            sys.settrace(None)
        while True:
            t = m.tealet(traced)
            t.switch()
            t.switch()
    """,
    "runs generators": """
        m = Main()
        def generator():
            try:
                while True:
                    yield m.switch()
            finally:
                wait()
        def pauses():
            for value in generator():
                wait()
        while True:
            t = m.tealet(pauses)
            t.switch()
            t.switch()
            t.close()
    """,
    "watches weak references": """
        m = Main()
        gone = lambda reference: wait()
        while True:
            t = m.tealet(print)
            s = m.stats()
            n = Main()
            references = [weakref.ref(x, gone) for x in (t, s, n)]
            del t, s, n
    """,
    "misuses everything": """
        class Slow:
            def __repr__(self):
                wait()
                return "slow"
        m = Main()
        ended = m.tealet(print, parent=m)
        ended.close()
        def refused(function, *args, **kwargs):
            try:
                function(*args, **kwargs)
            except (TypeError, ValueError):
                return
        while True:
            for call in (ended.switch, ended.throw, ended.run, m.tealet, m.tealet(None).run):
                refused(call, Slow())
                refused(call, slow=Slow())
            refused(setattr, m.tealet(None), "parent", Slow())
            refused(setattr, m, "parent", m.tealet(None))
    """,
    "is refused memory": """
        def pauses(waits):
            m.switch()
        while True:
            m = Main(memory_limit=20000)
            try:
                while True:
                    t = m.tealet(pauses)
                    t.parent = m.current
                    t.switch(Waits())
            except MemoryError:
                wait()
    """,
    "receives what ends with nothing to do": """
        m = Main()
        class Function:
            def __call__(self, value=None):
                return Waits()
            def __del__(self):
                wait()
        while True:
            new = m.tealet()
            try:
                m.tealet(Function(), parent=new).switch()
            except ValueError:
                pass
            m.tealet(Function(), parent=m.tealet(Function())).switch()
    """,
    "looks at its own trace from other contexts": """
        import contextvars, traceback
        variable = contextvars.ContextVar("variable")
        m = Main()
        def pauses():
            variable.set(Waits())
            m.switch(traceback.format_stack())
        while True:
            contextvars.copy_context().run(m.tealet(pauses).switch)
    """,
}

CAPSULE = """
    import importlib.util
    spec = importlib.util.spec_from_file_location("capsule_calls", sys.argv[1])
    calls = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(calls)
    calls.import_own_table()
    m = Main()
    def pauses():
        try:
            calls.switch_to(m, Waits())
        finally:
            wait()
    while True:
        t = calls.make(m, pauses, None)
        calls.switch_to(t, ...)
        calls.status_of(t), calls.stats_of(m), calls.current(m)
        calls.close_tealet(t)
        try:
            calls.throw_into(calls.make(m, calls.echo, None), KeyError)
        except KeyError:
            wait()
"""


IMPORT = """
import gc, sys, threading, time
import enum, json  # so that most of the time goes into the compiled module

def forever():
    import tealetpp
    time.sleep(1000)

gc.callbacks.append(lambda *args: time.sleep(0.0002))
gc.set_threshold(1)
threading.Thread(target=forever, daemon=True).start()
time.sleep(float(sys.argv[1]))
"""


def end_a_process_in(body, runs, *args):
    """Run the program several times. It must succeed each time, and print nothing."""
    body = textwrap.indent(textwrap.dedent(body), "    ").strip()
    for _ in range(runs):
        end_a_process(FRAME.replace("{body}", body), *args)


def end_a_process(program, *args):
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        capture_output=True,
        text=True,
        env=environment_of_this_python(),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def runs(request):
    return request.config.getoption("--daemon-runs")


@pytest.mark.parametrize("body", PROGRAMS.values(), ids=PROGRAMS)
def test_the_process_ends_while_a_daemon_thread(body, runs):
    end_a_process_in(body, runs)


def test_the_process_ends_while_a_daemon_thread_uses_the_c_api(capsule_calls, runs):
    end_a_process_in(CAPSULE, runs, capsule_calls.__file__)


def test_the_process_ends_while_a_daemon_thread_imports(runs):
    for run in range(4 * runs):
        end_a_process(IMPORT, str(0.8 * run / (4 * runs)))
