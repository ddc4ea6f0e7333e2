"""Objects with a `__del__`, which frames, cycles and other threads own."""

import sys
import threading

from tealetpp import InvalidError, Main, ThreadError


class MainWithDict(Main):
    """A subclass: its objects can be in cycles of their own."""


class MainWithDel(Main):
    def __init__(self, world, **arguments):
        super().__init__(**arguments)
        self.world = world

    def __del__(self):
        self.world.counts["Main.__del__"] += 1
        self.stats()
        assert self.main is self


def find_running():
    """Finds in the Python frames which tealet runs. While a tealet ends, nothing else tells it.

    Returns a tuple of its fate, or of None outside of all tealets. An empty tuple if no frame is
    that of a body: the running one has left all its frames.
    """
    frame = sys._getframe()
    while frame is not None:
        name = frame.f_code.co_name
        if name == "body" and "player" in frame.f_locals:
            return (frame.f_locals["player"].fate,)
        if name in ("play_thread", "play_here"):
            return (None,)
        frame = frame.f_back
    return ()


class Switcher:
    """Switches when it is deleted, which is refused during a collection and elsewhere."""

    def __init__(self, world, domain, main):
        self.world = world
        self.domain = domain
        self.main = main

    def __del__(self):
        world = self.world
        world.counts["__del__ that switches"] += 1
        ident = threading.get_ident()
        here = world.by_ident.get(ident)
        thread = self.domain.thread
        predicted = thread.foretell(self.domain, here)
        is_certain = True
        if here is thread and world.collecting == ident:
            predicted = InvalidError
        elif here is thread:
            is_certain = find_running() == (thread.running,) and not thread.is_leaving()
        world.counts["__del__ of which the outcome is predicted"] += is_certain
        may_be_refused = self.domain.may_be_closed() or not is_certain
        if world.in_child and thread is not here:
            may_be_refused = True  # closed, or will be in a moment
        try:
            got = self.main.tealet(lambda number: number + 1).switch(1)
        except (InvalidError, ThreadError) as error:
            if not isinstance(error, predicted or ()) and not may_be_refused:
                world.fail(f"__del__: {error!r}, {predicted} was predicted for {self.domain}")
        except MemoryError:
            if self.domain.limit is None:
                world.fail("__del__: MemoryError")
        except RecursionError:
            if here is None or not here.shields:
                world.fail("__del__: RecursionError")
        else:
            if got != 2 or (predicted is not None and not may_be_refused):
                world.fail(
                    f"__del__: got {got!r}, {predicted} was predicted for {self.domain} of"
                    f" {self.domain.home!r}, in which {self.domain.current!r} runs, where"
                    f" {thread.running!r} runs, {world.collecting == ident}"
                )


class Phoenix:
    """An object that its finalizer resurrects once, with what it holds."""

    def __init__(self, thread, held):
        self.thread = thread
        self.held = held
        self.itself = self

    def __del__(self):
        self.thread.world.counts["resurrected"] += 1
        if not self.thread.done:
            self.thread.risen.append(self)


class TurnGiver:
    """Lets other threads run when it is deleted, even in the middle of a collection."""

    def __init__(self, world):
        self.world = world

    def __del__(self):
        here = self.world.by_ident.get(threading.get_ident())
        if here is not None and here in self.world.turns.waiting and not self.world.in_child:
            self.world.turns.give(here, here.rng)
