"""The state that all threads of one schedule share, and the checks at its end."""

import collections
import gc
import os
import random
import sys
import threading
import time
import traceback
import warnings
import weakref

import collector
from fates import DomainRecord, Fate, Nesting
from turns import Turns

from tealetpp import TealetError, TealetExit, _tealetpp


class Boom(Exception):
    def __init__(self, token):
        super().__init__(token)
        self.token = token


class Gone(Exception):
    """An operation has chosen a tealet, and other code has ended or dropped it before its use."""


class Handles(dict):
    """The tealets that a thread refers to, by their fates. A missing one raises Gone."""

    def __missing__(self, fate):
        raise Gone(fate)

    def choose(self, rng):
        fates = list(self)
        if not fates:
            raise Gone(None)
        return rng.choice(fates)

    def pop(self, fate, *default):
        return super().pop(fate, *default) if fate in self or default else self[fate]


class Wrong(BaseException):
    """The library has not done what was predicted. No `except Exception` may catch this."""


class Witness:
    """An object that only the locals of one body own. A weak reference shows whether they live."""


class Thread(Nesting):
    """The state of one thread of the schedule."""

    def __init__(self, world, index, operations):
        super().__init__()
        self.world = world
        self.index = index
        self.rng = random.Random(f"{world.seed} {index}")
        self.left = operations
        self.domains = []
        self.mains = {}  # domain record -> Main
        self.handles = Handles()  # fate -> Tealet
        self.inbox = []  # tealets that other threads have handed over
        self.risen = []  # each Phoenix that a finalizer has resurrected
        self.shields = 0  # not 0: RecursionError is expected, as the stack may be used up
        self.leaves_open = self.has_stopped = self.may_check = False
        self.ident = None

    @property
    def done(self):
        return self.left <= 0


class World:
    def __init__(self, seed, *, repeatable=False):
        self.seed = seed
        rng = self.rng = random.Random(seed)
        self.turns = Turns(lock_step=rng.random() < 0.85 or repeatable)
        operations = rng.choice([60, 150, 400])
        count = rng.choice([1, 1, 2, 3])
        self.threads = [Thread(self, i, operations) for i in range(count)]
        self.by_ident = {}
        self.by_id = {}  # id() of a tealet -> its fate
        self.sent = {}  # token -> the fate that must receive it
        self.unwinding_errors = {}  # token of an error of unwinding -> how often it was seen
        self.refusals = []  # not yet reported by a TealetError
        self.fates = []
        self.last = 0
        self.failures = []
        self.collecting = None  # the identifier of the thread that collects garbage
        self.warned = 0
        self.counts = collections.Counter()
        self.log = collections.deque(maxlen=60)
        self.fork_allowed = rng.random() < 0.3
        self.eager = rng.choice([None, None, (1, 2, 2), (7, 2, 2), (50, 2, 2)])
        self.process = os.getpid()
        self.blind = False  # an event was missed, so predictions that depend on it are not checked
        # In few schedules: once greenlet is imported, the library checks more.
        self.greenlet = import_greenlet() if rng.random() < 0.15 else None
        self.left_open = []

    @property
    def in_child(self):
        """Whether this is a process that the schedule has forked."""
        return os.getpid() != self.process

    def has_lost(self):
        """Whether some tealet did not unwind. Objects that C functions on its stack own stay alive,
        and one of them may be a Main."""
        return any(fate.is_leaked() for fate in self.fates)

    # --- tokens ---

    def token(self):
        self.last += 1
        return self.last

    def send(self, fate):
        token = self.token()
        self.sent[token] = fate
        return token

    def receive(self, me, token):
        exited = any(fate.exiting and fate.status == "ended" for fate in me.domain.fates)
        if token is None and exited:
            return  # a tealet has ended whose closer was ended meanwhile
        to = self.sent.pop(token, None)
        # The parent receives it if `to` has ended or is defunct; main, if main could not be saved.
        passed_on = to is not None and (to.status == "ended" or to.domain.limit is not None)
        if to is not me and not passed_on and not self.blind:
            raise Wrong(f"{me!r} received {token}, which is for {to!r}")
        if passed_on and to is not me and to.status == "running":  # it was skipped
            to.status = "paused"

    def fate_of(self, tealet):
        fate = self.by_id.get(id(tealet))
        return None if fate is None or fate.status == "ended" else fate

    def know(self, tealet, fate):
        self.by_id[id(tealet)] = fate
        self.fates.append(fate)

    def new_domain(self, thread, home, limit):
        domain = DomainRecord(f"{thread.index}.{self.token()}", thread, home, limit)
        thread.domains.append(domain)
        return domain

    def new_fate(self, domain, status="new"):
        fate = Fate(f"{domain.name}/{self.token()}", domain, status)
        domain.fates.append(fate)
        return fate

    # --- what arrives in hooks of the interpreter ---

    def on_collection(self, phase, info):
        self.collecting = threading.get_ident() if phase == "start" else None

    def on_unraisable(self, args):
        try:
            self.look_at_unraisable(args)
        except RecursionError:
            self.blind = True  # too little stack is left to look at the exception

    def look_at_unraisable(self, args):
        error = args.exc_value
        if self.saw(error):
            return
        thread = self.by_ident.get(threading.get_ident())
        if isinstance(error, RecursionError) and thread is not None and thread.shields:
            return
        if type(error) is TealetExit and args.exc_traceback.tb_frame.f_code.co_name == "__del__":
            # It was raised in a __del__ of the closed tealet, and is lost there. So the tealet
            # refuses to end, or ends for its closer.
            self.blind = True
            return
        if isinstance(error, Boom) and (self.blind or self.was_dropped(args.object)):
            self.sent.pop(error.token, None)  # its tealet raised it while it was unwound
            return
        lines = traceback.format_exception(args.exc_type, error, args.exc_traceback)
        self.fail(f"unraisable in {args.err_msg}: " + "".join(lines))

    def was_dropped(self, tealet):
        fate = self.by_id.get(id(tealet))
        return fate is not None and fate.cause is not None

    def saw(self, error):
        """Whether unwinding a tealet has caused the error, which then counts as seen."""
        if isinstance(error, Boom) and error.token in self.unwinding_errors:
            self.unwinding_errors[error.token] += 1
            error.__traceback__ = error.__context__ = None
            return True
        if type(error) is TealetError and "refuses" in str(error):
            heard = [refusal for refusal in list(self.refusals) if refusal.address in str(error)]
            if heard:
                self.refusals.remove(heard[0])  # one of them: a tealet may refuse several times
            error.__traceback__ = error.__context__ = None
            return bool(heard) or self.blind
        return False

    def on_warning(self, message, category, *_):
        if category is ResourceWarning and "thread has ended" in str(message):
            self.warned += 1
        elif category is not DeprecationWarning:  # CPython's, of a fork while there are threads
            self.fail(f"warned: {message}")

    def fail(self, text):
        self.failures.append(text)

    # --- the course of a schedule ---

    def play(self, safe_point, run_thread):
        """Plays the schedule, and returns its counts. Raises Wrong if a prediction failed."""
        collector.collect()
        before = _tealetpp._census()
        thresholds = gc.get_threshold()
        warnings.simplefilter("always")
        warnings.showwarning = self.on_warning
        sys.unraisablehook = self.on_unraisable
        threading.excepthook = lambda args: self.fail(
            "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
        )
        # First, because pending tealets may be ended as soon as the library's callback has run.
        gc.callbacks.insert(0, self.on_collection)
        others = []
        for thread in self.threads:
            self.turns.join(thread)
        for thread in self.threads[1:]:
            others.append(threading.Thread(target=run_thread, args=(self, thread)))
            others[-1].start()
        while len(self.by_ident) < len(others):
            time.sleep(0)
        collector.collect()  # so that the next collection does not depend on how threads began
        if self.eager is not None:
            gc.set_threshold(*self.eager)
        self.turns.begin(self.threads[0])
        run_thread(self, self.threads[0])
        for other in others:
            other.join()
        safe_point()
        gc.set_threshold(*thresholds)
        self.end_of_threads()
        for _ in range(4):
            collector.collect()
            safe_point()
        self.check_end(before)
        return self.counts

    def end_of_threads(self):
        for domain, main in self.left_open:
            main.close()
            # docs/internals.md, `discard-running`
            may_be_left = "greenlet" in sys.modules and domain.home is not None
            if main.stats().bytes_allocated and not may_be_left:
                self.fail(f"{domain}: memory is left")
            domain.closed = True
        self.left_open.clear()
        leaving = sum(thread.leaves_open for thread in self.threads)
        self.counts["threads"] += len(self.threads)
        self.counts["threads that end with open domains"] += leaving
        # A tealet that did not unwind may keep a Main alive, which nobody can close.
        is_told = self.warned == leaving or (self.warned > leaving and self.has_lost())
        if not is_told and not self.failures and not self.blind:
            self.fail(f"{leaving} threads left domains open, {self.warned} warnings")
        for thread in self.threads:
            for found in (thread.mains, thread.handles, thread.inbox, thread.risen):
                found.clear()

    def check_end(self, before):
        for fate in self.fates:
            begun = fate.witness is not None
            if begun and fate.status != "ended" and not fate.is_leaked():
                self.fail(f"{fate!r} was never unwound")
            if begun and fate.witness() is not None and not fate.may_keep_locals():
                self.fail(f"the locals of {fate!r} still live")
        unheard = [refusal.me for refusal in self.refusals if not refusal.may_be_unheard]
        if unheard and not self.blind:
            self.fail(f"nobody heard that these refuse: {unheard}")
        for token, seen in self.unwinding_errors.items():
            if seen != 1 and not self.blind:
                self.fail(f"the exception {token} of one that was unwound was seen {seen} times")
        after = _tealetpp._census()
        if self.has_lost():
            before, after = ({**found, "domains": None} for found in (before, after))
        if after != before:
            self.fail(f"left behind: {before} before, {after} after")
        if self.failures:
            raise Wrong("\n".join(self.failures))


def import_greenlet():
    try:
        import greenlet
    except ImportError:
        return None
    return greenlet


def weak(obj):
    return weakref.ref(obj)
