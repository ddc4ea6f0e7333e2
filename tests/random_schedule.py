"""Random schedules of all operations on tealets, compared with a model.

Every tealet, main included, is an actor that does random operations at random depths of its stack.
A model of plain dicts predicts each transfer of control. The actor that gets control checks that
the model predicted it, with this value or exception, and that its own state has not changed: its
locals, its context variables, the exception that it handles.
"""

import contextlib
import contextvars
import functools
import gc
import random
import sys

from conftest import check_costs, check_stats, verify
from tealetpp import InvalidError, Main, Status, TealetError, TealetExit
from wide_schedule.ways_down import (
    directly,
    in_generator,
    while_mapping,
    while_reducing,
    while_sorting,
)

MAIN = 0
whose = contextvars.ContextVar("whose", default=None)


class Boom(Exception):
    def __init__(self, token):
        super().__init__(token)
        self.token = token


class Model:
    """The expected state: the actors, what each of them waits for, and the next transfer."""

    def __init__(self):
        self.status = {MAIN: "running"}
        self.parent = {MAIN: None}
        self.held = {}  # a paused actor -> the tealet whose method it called, kept alive by it
        self.current = MAIN
        self.expected = None
        self.closer = {}

    def alive(self, *statuses):
        return [i for i, status in self.status.items() if status in statuses]

    def children(self, x):
        return [i for i, parent in self.parent.items() if parent == x]

    def descends(self, x, ancestor):
        while x is not None and x != ancestor:
            x = self.parent[x]
        return x is not None

    def add(self, x, status, parent):
        self.status[x] = status
        self.parent[x] = parent

    def remove(self, x):
        for child in self.children(x):
            self.parent[child] = self.parent[x]
        del self.status[x], self.parent[x]
        self.held.pop(x, None)

    def transfer(self, target, kind, token):
        if self.current in self.status:
            self.status[self.current] = "suspended"
        self.current = target
        self.status[target] = "running"
        self.expected = (target, kind, token)

    def switch(self, target, kind, token):
        if kind == "error" and self.status[target] != "suspended":
            self.pass_on(target, kind, token)
        else:
            self.transfer(target, kind, token)

    def pass_on(self, x, kind, token):
        """`x` ends. Its result goes to its parent, which may be new."""
        parent = self.parent[x]
        self.remove(x)
        if self.status[parent] == "new" and kind == "error":
            self.pass_on(parent, kind, token)
        else:
            self.transfer(parent, kind, token)

    def close(self, x):
        """`x` must end, with the running tealet as its parent."""
        me = self.current
        for branch in self.children(x):
            if self.descends(me, branch):
                self.parent[branch] = self.parent[x]
        self.parent[x] = me
        self.transfer(x, "exit", None)

    def droppable(self, x):
        held = any(target == x and actor != self.current for actor, target in self.held.items())
        return not held and not self.children(x)


class Schedule:
    def __init__(self, seed, operations=300, tealets=30):
        self.rng = random.Random(seed)
        self.steps = []
        self.differences = []
        self.limit = operations
        self.tealets = tealets
        self.model = Model()
        self.handles = {}
        self.frames = {}
        self.leaving = set()
        self.last = 0
        self.done = self.closing = False

    # --- running it ---

    def play(self):
        with Main() as main:
            self.main = self.handles[MAIN] = main
            begun = {n: getattr(main.stats(), n) for n in ("n_active", "blocks_allocated")}
            whose.set(MAIN)
            self.act(MAIN, 0)
            assert self.model.current == MAIN
            self.closing = True
            for x in self.model.alive("new", "stub"):
                self.handles[x].close()
                self.model.remove(x)
            # Main is left with no tealets, with all of them, or with some.
            to_close = self.model.alive("suspended")
            self.rng.shuffle(to_close)
            for x in to_close[: self.rng.choice([0, len(to_close) // 2, len(to_close)])]:
                self.handles[x].close()
                assert x not in self.model.status
            if list(self.model.status) == [MAIN]:
                assert {n: getattr(main.stats(), n) for n in begun} == begun
        assert list(self.model.status) == [MAIN], "everybody was unwound"
        assert all(t.status is Status.EXITED for t in self.handles.values())
        final = main.stats()
        assert final.bytes_allocated == final.blocks_allocated == final.n_active == 0
        return len(self.steps)

    def token(self):
        self.last += 1
        return self.last

    def pick(self, *statuses):
        among = self.model.alive(*statuses)
        return self.rng.choice(among) if among else None

    # --- an actor ---

    def actor(self, me, arrived):
        self.arrive(me, ("value", arrived))
        whose.set(me)
        try:
            self.act(me, 0)
        except TealetExit:
            assert whose.get() == me
            if not self.closing:
                self.model.pass_on(me, "value", None)
                return None
            self.model.remove(me)
            raise
        self.leaving.discard(me)
        token = self.token()
        self.model.pass_on(me, "value", token)
        return token

    def act(self, me, level):
        """Does operations until it is time to return to the next outer level."""
        canary = [me, level, self.rng.random()]
        copy = tuple(canary)
        while not self.done and me not in self.leaving:
            choice = self.rng.random()
            if choice < 0.15 and level < 12:
                how = self.rng.choice(WAYS_DOWN)
                how(functools.partial(self.act, me, level + 1))
            elif choice < 0.25 and level > 0:
                break
            else:
                self.frames[me] = sys._getframe()
                self.do_something(me)
            assert tuple(canary) == copy
        if self.done and me != MAIN and self.model.current == me and not self.closing:
            token = self.token()
            self.model.switch(MAIN, "value", token)
            self.exchange(me, MAIN, lambda t: t.switch(token))

    def do_something(self, me):
        operation = self.rng.choice(OPERATIONS)
        self.steps.append((me, operation.__name__))
        operation(self, me)
        verify(self.main)
        if not self.closing:
            check_costs(self.main)
        if len(self.steps) % 5 == 0 and not self.closing:
            check_stats(self.main)
        if len(self.steps) >= self.limit:
            self.done = True

    def exchange(self, me, target, call):
        """Makes the call that the model has predicted, and checks its result."""
        handling = sys.exc_info()[1]
        self.model.held[me] = target
        try:
            got = ("value", call(self.handles[target]))
        except Boom as boom:
            got = ("error", boom.token)
            # The thrower is paused and refers to the exception, and so to these frames.
            boom.__traceback__ = boom.__context__ = None
        except TealetExit:
            got = ("exit", None)
        except TealetError:
            got = ("refused", None)
        self.model.held.pop(me, None)
        assert whose.get() == me
        assert sys.exc_info()[1] is handling
        if got[0] != "exit" or not self.closing:
            self.arrive(me, got)
        if got[0] == "exit":
            self.be_closed(me)

    def be_closed(self, me):
        closer = self.model.closer.pop(me, None)
        if closer is None or self.closing or self.rng.random() < 0.7:
            raise TealetExit
        self.model.transfer(closer, "refused", None)
        self.exchange(me, closer, lambda t: t.switch("not me"))

    def arrive(self, me, got):
        expected, self.model.expected = self.model.expected, None
        if self.closing:
            return
        if expected != (me, *got):
            self.differences.append(
                f"step {len(self.steps)}: {expected} predicted, {(me, *got)} came"
            )
        assert not self.differences
        # There is no handle to a tealet that ends with its last reference.
        assert me not in self.handles or self.main.current is self.handles[me]

    # --- what actors do ---

    def create(self, me):
        if len(self.model.status) >= self.tealets:
            return
        x = self.token()
        parent = self.pick("new", "suspended", "running") if self.rng.random() < 0.4 else None
        arguments = {} if parent is None else {"parent": self.handles[parent]}
        body = functools.partial(self.actor, x)
        if self.rng.random() < 0.5:
            self.handles[x] = self.main.tealet(lambda value: body(value), **arguments)
        else:
            self.handles[x] = self.main.tealet(body, **arguments)
        self.model.add(x, "new", me if parent is None else parent)

    def create_stub(self, me):
        if len(self.model.status) < self.tealets:
            x = self.token()
            self.handles[x] = self.main.stub()
            self.model.add(x, "stub", me)

    def duplicate(self, me):
        x = self.pick("stub")
        if x is not None and len(self.model.status) < self.tealets:
            twin = self.token()
            self.handles[twin] = self.handles[x].duplicate()
            self.model.add(twin, "stub", self.model.parent[x])

    def run_stub(self, me):
        x = self.pick("stub")
        if x is not None:
            token = self.token()
            self.model.switch(x, "value", token)
            self.exchange(me, x, lambda t: t.run(self.actor, x, token))

    def switch(self, me):
        x = self.pick("new", "suspended")
        if x is not None:
            token = self.token()
            self.model.switch(x, "value", token)
            self.exchange(me, x, lambda t: t.switch(token))

    def switch_to_itself(self, me):
        token = self.token()
        assert self.handles[me].switch(token) == token

    def throw(self, me):
        x = self.pick("new", "stub", "suspended")
        if x is not None:
            token = self.token()
            self.model.switch(x, "error", token)
            self.exchange(me, x, lambda t: t.throw(Boom(token)))

    def end(self, me):
        if me != MAIN:
            self.leaving.add(me)

    def fail(self, me):
        if me != MAIN:
            token = self.token()
            self.model.pass_on(me, "error", token)
            raise Boom(token)

    def close(self, me):
        x = self.pick("suspended", "new", "stub")
        if x in (None, MAIN):
            return
        if self.model.status[x] != "suspended":
            self.model.remove(x)
            self.handles[x].close()
            return
        self.model.closer[x] = me
        self.model.close(x)
        self.exchange(me, x, lambda t: t.close())

    def drop(self, me):
        x = self.pick("suspended", "new", "stub")
        if x in (None, MAIN) or not self.model.droppable(x):
            return
        self.frames.pop(x, None)
        if self.model.status[x] != "suspended":
            self.model.remove(x)
            del self.handles[x]
            return
        self.model.close(x)
        del self.handles[x]
        self.arrive(me, ("value", None))

    def set_parent(self, me):
        x = self.pick("suspended", "new", "stub", "running")
        parent = self.pick("suspended", "new", "running")
        if x in (None, MAIN):
            return
        if self.model.descends(parent, x):
            refused(lambda: setattr(self.handles[x], "parent", self.handles[parent]))
        else:
            self.handles[x].parent = self.handles[parent]
            self.model.parent[x] = parent
        assert self.handles[x].parent is self.handles[self.model.parent[x]]

    def misuse(self, me):
        x = self.pick("suspended")
        if x is not None:
            refused(lambda: self.handles[x].switch(1, 2))
            refused(lambda: self.handles[x].run(print))
            refused(lambda: self.handles[x].duplicate())
        ended = [x for x in self.handles if x not in self.model.status]
        if ended:
            x = self.rng.choice(ended)
            refused(lambda: self.handles[x].switch())
            assert self.handles[x].status is Status.EXITED

    def look_around(self, me):
        choice = self.rng.random()
        if choice < 0.2:
            gc.collect()
        elif choice < 0.4:
            self.main.trim()
        elif choice < 0.6:
            self.walk_frames()
        else:
            for x, status in self.model.status.items():
                assert self.handles[x].status.name.lower() == status

    def walk_frames(self):
        for frame in list(self.frames.values()):
            while frame is not None:
                assert frame.f_lineno is None or frame.f_lineno > 0
                frame.f_code.co_name, frame.f_locals
                frame = frame.f_back


def refused(call):
    try:
        call()
    except InvalidError:
        return
    raise AssertionError("this must be refused")


OPERATIONS = [
    *[Schedule.create] * 4,
    *[Schedule.switch] * 12,
    *[Schedule.throw] * 2,
    *[Schedule.set_parent] * 2,
    *[Schedule.close] * 2,
    Schedule.create_stub,
    Schedule.duplicate,
    Schedule.run_stub,
    Schedule.switch_to_itself,
    Schedule.end,
    Schedule.fail,
    Schedule.drop,
    Schedule.misuse,
    Schedule.look_around,
]


# --- ways to get deeper ---


def in_large_frame(go, a=1):
    b = c = d = e = f = g = h = i = j = k = a
    go()
    assert a == b == c == d == e == f == g == h == i == j == k == 1


def in_comprehension(go):
    assert [go() for _ in range(1)] == [None]


def in_except_block(go):
    error = ValueError("handled")
    try:
        raise error
    except ValueError:
        go()
        assert sys.exc_info()[1] is error


def in_finally_block(go):
    finished = []
    try:
        finished.append(1)
    finally:
        go()
        assert finished == [1]


def in_with_block(go):
    @contextlib.contextmanager
    def manager():
        yield 7

    with manager() as seven:
        go()
        assert seven == 7


def in_own_context(go):
    contextvars.copy_context().run(go)


def in_repr(go):
    class Shown:
        def __repr__(self):
            go()
            return "shown"

    assert f"{[Shown()]}" == "[shown]"


WAYS_DOWN = [
    directly,
    in_large_frame,
    while_sorting,
    while_mapping,
    while_reducing,
    in_generator,
    in_comprehension,
    in_except_block,
    in_finally_block,
    in_with_block,
    in_own_context,
    in_repr,
]
