"""What a body does while it runs, and what it checks whenever control comes back to it."""

import contextvars
import ctypes
import functools
import sys
import threading

from ways_down import WAYS_DOWN
from world import Boom, Gone, Witness, Wrong, weak

from tealetpp import TealetError, TealetExit

whose = contextvars.ContextVar("whose", default=None)
DEEPEST = 7


def main_of(fate):
    """The Main of a tealet that has not ended, so it is alive."""
    main = fate.domain.ref()
    if main is None:
        # Another thread's collection has it in a list of its own, and has not ended.
        main = ctypes.cast(fate.domain.address, ctypes.py_object).value
    return main


class NotMe:
    """What a tealet that refuses to end passes to its closer, which gets a TealetError instead."""


class Player:
    def __init__(self, world, thread, fate, operations):
        self.world = world
        self.thread = thread
        self.fate = fate  # of the tealet whose function this is; None at the bottom of a thread
        self.operations = operations
        self.kept = []  # objects that its locals own, so that cycles through them can be made
        self.cycle = None
        self.leaves = False

    # --- the course of a body ---

    @classmethod
    def begin(cls, world, thread, fate, operations, arrived):
        self = cls(world, thread, fate, operations)
        self.check_place(fate)
        world.receive(fate, arrived)
        if fate.must_be_found == "local":
            world.counts["cycle through locals"] += 1
            self.cycle = self.kept = [main_of(fate).current]
        whose.set(fate)
        return self

    def take_witness(self):
        """An object for one local variable, which is its only owner: see Witness."""
        witness = Witness()
        self.fate.witness = weak(witness)
        return witness

    def take_cycle(self):
        """An object for a closure, to make a cycle through it. None if there is to be none."""
        if self.cycle is not None:
            self.world.counts["cycle through a closure"] += 1
        return self.cycle

    def check_place(self, fate):
        if threading.get_ident() != self.thread.ident:
            raise Wrong(f"{fate!r} runs on another thread")
        current = main_of(fate).current
        if self.world.by_id.get(id(current)) is not fate:
            raise Wrong(
                f"{fate!r} runs, but {current!r} should, {self.world.by_id.get(id(current))!r}"
            )

    def step(self, act, level):
        """Does one operation. False if the caller is to return to the level above."""
        thread = self.thread
        if self.fate is not None and self.fate.must_be_found:
            return self.wait_to_be_found()
        if thread.done or self.leaves:
            return False
        choice = thread.rng.random()
        if choice < 0.15 and level < DEEPEST:
            way = thread.rng.choice(WAYS_DOWN)
            self.world.counts[way.__name__] += 1
            way(functools.partial(act, self, level + 1))
        elif choice < 0.25 and level > 0:
            return False
        else:
            thread.left -= 1
            self.operate(self.operations.choose(thread.rng), act, level)
        return True

    def operate(self, operation, act=None, level=DEEPEST):
        world, thread = self.world, self.thread
        world.counts["operations"] += 1
        world.counts[operation.__name__] += 1
        if not world.in_child:
            world.log.append((thread.index, self.fate, operation.__name__))
        running = thread.running
        try:
            operation(self, act, level)
        except Gone:
            world.counts["gone before it was used"] += 1
        thread.running = running
        self.verify()

    def verify(self):
        """In builds with checks: ends the process if an invariant is broken in a domain of ours."""
        for domain in list(self.thread.domains):
            main = domain.ref() if domain.ref is not None else None
            if hasattr(main, "_verify"):
                main._verify()
            del main

    def wait_to_be_found(self):
        main = self.fate.domain.main
        if self.thread.done:
            self.fate.must_be_found = None
        else:
            self.switch_to(main, lambda main: main.switch)
        return True

    def returns(self):
        return self.deliver("value", self.world.token())

    def raises(self, error):
        if isinstance(error, Boom) and error.token not in self.world.unwinding_errors:
            self.deliver("error", error.token)

    def deliver(self, kind, token):
        """Predicts who receives what this tealet returns or raises."""
        parent = main_of(self.fate).current.parent
        receiver = self.world.by_id.get(id(parent))
        while kind == "error" and receiver.status == "new":
            receiver.status = "ended"
            parent = parent.parent
            receiver = self.world.by_id.get(id(parent))
        self.world.sent[token] = receiver
        return token

    def ends(self, is_intact):
        """The last thing that a body does."""
        fate, world, thread = self.fate, self.world, self.thread
        if not is_intact:
            raise Wrong(f"what {fate!r} needs was cleared")
        self.check_place(fate)
        fate.unwound += 1
        if fate.unwound != 1:
            raise Wrong(f"{fate!r} ends again")
        parent = main_of(fate).current.parent
        # An exception ends each ancestor that has not begun, and goes on to the next: deliver().
        while parent is not None and world.fate_of(parent) is None:
            parent = parent.parent
        receiver = world.fate_of(parent)
        for domain in thread.domains:
            if domain.home is fate:
                domain.may_close = True
        if fate.exiting and fate.closer is not None:
            # The receiver may not know yet that it runs: it is about to be unwound, too.
            thread.running, fate.domain.current = fate.closer
        elif receiver is not None:
            thread.enter(receiver)
        fate.status = "ended"
        thread.handles.pop(fate, None)

    # --- switching ---

    def switch_to(self, target, method, token=None):
        """Calls the method of the tealet that `method` returns, and checks the outcome."""
        if token is None:
            token = self.world.send(target)
        tealet = main_of(target) if target is target.domain.main else self.thread.handles[target]
        call = functools.partial(method(tealet), token)
        del tealet
        return self.exchange(target, call, token)

    def exchange(self, target, call, token):
        world, thread, domain = self.world, self.thread, target.domain
        me, running, was = domain.current, thread.running, target.status
        if me is domain.main:
            domain.enclosing = running
        if target is not domain.main and domain.main.status == "paused" and was == "running":
            raise Wrong(f"{target!r} runs already")
        mine, handled = whose.get(), sys.exc_info()[1]
        while True:
            me.status, me.resumes = "paused", running
            me.handles = handled is not None or thread.is_handling_around(running, me)
            thread.enter(target)
            got, what = "value", None
            try:
                what = call()
            except Boom as boom:
                got, what = "error", boom.token
                boom.__traceback__ = boom.__context__ = None
            except TealetExit as ends:
                got = "exit"
                ends.__traceback__ = None
            except MemoryError:
                if domain.limit is None:
                    raise
                world.counts["memory limit reached"] += 1
                got = "nothing"
            except RecursionError:
                if not thread.shields:
                    raise
                got = "nothing"
            refusal = call if isinstance(call, Refusal) else None
            call = None
            closer = thread.running, domain.current
            domain.current, me.status, thread.running = me, "running", running
            if whose.get() is not mine or sys.exc_info()[1] is not handled:
                raise Wrong(f"{me!r} has the context or the handled exception of another")
            self.check_place(me)
            if got == "exit":
                target, call = self.be_unwound(me, closer)
                running = me.resumes
                continue
            if got == "nothing" and refusal is not None:
                refusal.take_back()
                raise TealetExit
            if got == "nothing":
                world.sent.pop(token, None)
                target.status = was
            elif not (got == "error" and what in world.unwinding_errors):
                if what is NotMe:
                    raise Wrong(f"{me!r} received what is for its closer")
                world.receive(me, what)
            else:
                world.unwinding_errors[what] += 1
            return got

    def be_unwound(self, me, closer):
        """Raises TealetExit, or returns whom to switch to instead, and how."""
        world, thread, domain = self.world, self.thread, me.domain
        if not (me.cause or domain.closing or domain.may_close):
            if domain.is_enclosing_exiting():
                raise TealetExit
            raise Wrong(f"{me!r} is unwound for no reason")
        if me is domain.main:
            raise TealetExit
        world.counts["unwound"] += 1
        me.exiting = True
        me.closer = closer
        # If an enclosing tealet is being unwound, nobody may have asked to close this one.
        if me.refuses and not world.in_child and not domain.is_enclosing_exiting():
            me.refuses -= 1
            domain.plain = False  # it holds the tealet from now on
            target = closer[1]
            me.resumes = thread.running
            return target, Refusal(self, me, closer)
        self.operations.while_unwinding(self)
        # Not where a domain inside of it would catch the error, nor instead of the TealetExit of an
        # enclosing tealet.
        if me.fails and thread.running is me and not domain.is_enclosing_exiting():
            token = world.token()
            world.unwinding_errors[token] = 0
            raise Boom(token)
        raise TealetExit


class Refusal:
    """Switches back to the closer instead of ending: the refusal of one tealet to end."""

    def __init__(self, player, me, closer):
        self.thread = player.thread
        self.me = me
        self.closer = closer
        me.exiting = False
        self.was_leaked, me.leaked = (
            me.leaked,
            me.leaked or me.domain.closing or me.domain.may_close,
        )
        self.address = f"at {id(main_of(me).current):#x}"  # as in the closer's TealetError
        self.may_be_unheard = False
        self.thread.world.refusals.append(self)

    def take_back(self):
        """The switch back failed at the memory limit, so the tealet ends after all."""
        self.me.exiting = True
        self.me.leaked = self.was_leaked
        self.thread.world.refusals.remove(self)

    def __call__(self):
        self.thread.running, self.me.domain.current = self.closer
        world = self.thread.world
        try:
            # Whoever closes a tealet is its parent from then on.
            return main_of(self.me).current.parent.switch(NotMe)
        except TealetExit:
            if self in world.refusals:
                # Another closer got in: the first TealetExit came where it could not be raised, and
                # this one is raised in its place. The first closer may get its error later, or
                # has ended.
                self.may_be_unheard = True
                world.counts["refused another one"] += 1
            raise


def saw(world, error):
    """Records what a close() raised. False if that was not predicted."""
    return isinstance(error, (Boom, TealetError)) and world.saw(error)
