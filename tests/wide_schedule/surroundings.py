"""What else goes on: collections, other threads, tracing, recursion, forks, other libraries."""

import contextlib
import copy
import gc
import os
import pickle
import sys
import traceback
import warnings

import collector
from keepers import Phoenix, Switcher, TurnGiver
from operations import pick, pick_domain, usable_domains
from world import Wrong

from tealetpp import InvalidError, Main, Status, Tealet, _report


def collect(player, *_):
    collector.collect(player.thread.rng.choice([0, 1, 2, 2]))


def give_turn(player, *_):
    if not player.world.in_child:
        player.world.turns.give(player.thread, player.thread.rng)


# Those that never fall change between two looks: a trace function takes data stack for its calls.
COMPARED = [figure.name for figure in _report.FIGURES if figure.kind != "total"]


def compared(stats):
    return [getattr(stats, name) for name in COMPARED]


def check_stats(player, *_):
    for thread in player.world.threads:
        for domain in list(thread.domains):
            main = domain.ref() if domain.ref is not None else None
            if main is None:
                continue
            if player.world.turns.lock_step or thread is player.thread:
                stats, walked, again = main.stats(), main._stats_by_walk(), main.stats()
                while compared(stats) != compared(again):  # a pending tealet has ended in between
                    stats, walked, again = again, main._stats_by_walk(), main.stats()
                if stats.enabled and compared(stats) != compared(walked):
                    raise Wrong(f"{stats} is told, {walked} is found")
                over = domain.limit is not None and stats.bytes_allocated > domain.limit
                if over and not domain.is_exempt():
                    raise Wrong(f"{domain}: {stats.bytes_allocated} bytes of {domain.limit}")
            del main


def walk_frames(player, *_):
    """As a sampling profiler does, and a debugger with the frames of its own thread.

    Without the collector: on CPython 3.11 it may let another thread go on in the middle of a
    step, while the frame that the step is about ends.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    for ident, frame in sys._current_frames().items():
        while frame is not None:
            frame.f_code.co_name, frame.f_lineno
            if ident == player.thread.ident:
                len(frame.f_locals)
            frame = frame.f_back
    for domain in list(player.thread.domains):
        main = domain.ref() if domain.ref is not None else None
        for tealet in main.tealets() if main is not None else ():
            if tealet.main is not main or tealet.status is Status.EXITED:
                raise Wrong(f"{tealet} is listed in {main}")
            frame = tealet.frame
            while frame is not None:
                repr(frame), len(frame.f_locals)
                frame = frame.f_back
        del main
    if was_enabled:
        gc.enable()


def own_switcher(player, *_):
    """An object that switches when it goes: with these frames, in a cycle, or on another thread."""
    thread = player.thread
    domain = pick_domain(player)
    if domain is None:
        return
    switcher = Switcher(player.world, domain, domain.ref())
    where = thread.rng.random()
    others = [t for t in player.world.threads if t is not thread and not t.done]
    if where < 0.4:
        player.kept.append(switcher)
        domain.plain = False
    elif where < 0.6:
        switcher.itself = switcher
    elif where < 0.8 and others:
        thread.rng.choice(others).inbox.append((None, switcher))


def own_turn_giver(player, *_):
    giver = TurnGiver(player.world)
    if player.thread.rng.random() < 0.5:
        giver.itself = giver
    else:
        player.kept.append(giver)


def lose_with_phoenix(player, *_):
    """A tealet in a cycle with an object that the collector's finding brings back to life."""
    fate = pick(player, "paused", "new")
    if fate is not None and player.thread.handles:
        fate.cause = "dropped"
        fate.domain.plain = False
        Phoenix(player.thread, (fate, player.thread.handles.pop(fate)))


def look_at_risen(player, *_):
    thread = player.thread
    if not thread.risen:
        return
    phoenix = thread.risen.pop()
    phoenix.itself = None
    (fate, tealet), phoenix.held = phoenix.held, None
    del phoenix
    thread.world.counts[f"risen {tealet.status.name}"] += 1
    usable = fate.domain in usable_domains(player) and fate is not fate.domain.current
    is_paused = tealet.status is Status.SUSPENDED and fate.status == "paused"
    is_new = tealet.status is Status.NEW and fate.status == "new"
    if usable and (is_paused or is_new):
        # If it is paused, the next safe point may end it, but this one comes first.
        thread.handles[fate] = tealet
        del tealet
        if is_new or thread.rng.random() < 0.5:
            fate.domain.plain = False
            player.switch_to(fate, lambda tealet: tealet.switch)
        tealet = thread.handles.pop(fate, None)
    if thread.rng.random() < 0.7:  # garbage again, and finalized once before
        cycle = [tealet]
        cycle.append(cycle)
    del tealet


# A debug build of these asserts that paused code is instrumented.
MAY_TRACE = not hasattr(sys, "gettotalrefcount") or not (3, 12) <= sys.version_info < (3, 15)


def trace(player, *_):
    world = player.world
    if not MAY_TRACE:
        return

    def tracer(frame, event, argument):
        world.counts["trace events"] += 1
        assert frame.f_lineno is None or frame.f_lineno >= 0
        return tracer

    which = player.thread.rng.choice([sys.settrace, sys.setprofile])
    world.counts[which.__name__] += 1
    which(player.thread.rng.choice([tracer, None, None]))


def copy_it(player, *_):
    thread = player.thread
    if not thread.handles:
        return
    tealet = thread.handles[thread.handles.choose(thread.rng)]
    for call in (
        lambda: copy.copy(tealet),
        lambda: copy.deepcopy(tealet),
        lambda: pickle.dumps(tealet, thread.rng.randrange(pickle.HIGHEST_PROTOCOL + 1)),
        lambda: object.__new__(Tealet),
        lambda: Tealet(),
        lambda: tealet.__reduce_ex__(thread.rng.randrange(5)),
    ):
        try:
            call()
        except TypeError:
            continue
        raise Wrong("a tealet was copied")
    thread.world.counts["refused to copy"] += 1


def misuse(player, *_):
    thread = player.thread
    outside = [f for f in list(thread.handles) if thread.foretell(f.domain, thread) is not None]
    fate = thread.rng.choice(outside) if outside else pick(player, "paused")
    tealet = thread.handles.get(fate)
    if tealet is None:  # or it has been dropped in between
        return
    calls = [tealet.duplicate, lambda: tealet.run(print)]
    if outside and not fate.domain.may_close and not fate.domain.closing:
        calls += [tealet.switch, lambda: tealet.throw(KeyError)]
    elif not outside:
        calls += [lambda: tealet.switch(1, 2)]
    for call in calls:
        try:
            call()
        except InvalidError:
            continue
        raise Wrong(f"this must be refused: {fate!r} of {fate.domain}")


def use_domain_of_dead_tealet(player, *_):
    """Domains of a tealet that is gone count as closed, one as the other."""
    thread = player.thread
    for domain, main in list(thread.mains.items()):
        if domain.home is not None and domain.home.status == "ended":
            for call in (main.tealet, main.stub, main.switch):
                try:
                    call()
                except InvalidError:
                    continue
                raise Wrong(f"{domain} was opened in {domain.home!r}, and can be used")
            thread.world.counts["refused the domain of a dead tealet"] += 1
            thread.mains.pop(domain, None)
        del main


def dig(player, *_):
    """Recursion through C in tealets that begin on top of each other, to the end of the stack."""
    thread = player.thread
    domain = pick_domain(player)
    if domain is None or domain.limit is not None or thread.rng.random() < 0.7:
        return
    main, depth = domain.ref(), thread.rng.randrange(100, 400)

    def down(n, tealets):
        if n:
            return sorted([n], key=lambda _: down(n - 1, tealets))
        return main.tealet(level).switch(tealets - 1) if tealets else None

    def level(tealets):
        try:
            down(depth, tealets)
        except RecursionError:
            pass

    thread.shields += 1
    thread.world.counts["recursion to the end of the stack"] += 1
    try:
        main.tealet(level).switch(12)
    except RecursionError:
        pass
    finally:
        thread.shields -= 1


def stub_from_below(player, *_):
    """A stub captured deep has only the stack that is left there, from wherever it is run.

    Each tealet calls as deep as it may and begins the next one there, to the end of the stack. How
    deep that is differs from run to run, so the next collection must not depend on it.
    """
    thread = player.thread
    domain = pick_domain(player)
    if domain is None or domain.limit is not None:
        return
    main, stubs, depth = domain.ref(), [], 0
    how_far = thread.rng.choice([1.0, thread.rng.random()])

    def down(levels):
        nonlocal depth
        depth += 1
        if levels != 0:
            return sorted([levels], key=lambda _: down(levels - 1))
        main.tealet(level).switch()

    def level():
        nonlocal depth
        depth = 0
        with contextlib.suppress(RecursionError):
            stubs.append(main.stub())
            down(-1)
        with contextlib.suppress(RecursionError):
            down(max(depth - 30, 0))

    def forever():
        return sorted([1], key=lambda _: forever())

    def run():
        try:
            forever()
        except RecursionError:
            return "RecursionError"

    was_enabled = gc.isenabled()
    gc.disable()
    thread.shields += 1
    try:
        level()
        stub = stubs[int(how_far * (len(stubs) - 1))] if stubs else None
        stubs.clear()
        thread.world.counts["run a stub from below"] += stub is not None
        if stub is not None and stub.run(run) != "RecursionError":
            raise Wrong("recursion had no end")
    except RecursionError:
        pass
    finally:
        thread.shields -= 1
        if was_enabled:
            gc.enable()
    collector.collect()


def use_greenlet(player, *_):
    """Another library moves the C stack in the middle of a tealet."""
    greenlet = player.world.greenlet
    if greenlet is None:
        return
    world, thread = player.world, player.thread
    active = [d for d in usable_domains(player) if d.current is not d.main]
    hub = greenlet.getcurrent()
    world.counts["greenlets"] += 1

    def refused(call):
        try:
            call()
        except InvalidError as error:
            if "moved the C stack" not in str(error):
                raise Wrong(f"another reason was predicted: {error}") from error
        else:
            raise Wrong("the C stack has moved, and the domain was used")

    def elsewhere():
        if active:  # its tealet is not on this stack
            refused(thread.rng.choice(active).ref().switch)
        own = Main()

        def waits():
            hub.switch("waits")
            return own.switch("paused")

        tealet = own.tealet(waits)
        if tealet.switch() != "paused" or tealet.switch("end") != "end":
            raise Wrong("not what was handed over")
        own.close()
        return "finished"

    other = greenlet.greenlet(elsewhere)
    if other.switch() != "waits":
        raise Wrong("greenlets are mixed up")
    if other.switch() != "finished":
        raise Wrong("greenlets are mixed up")


def fork(player, *_):
    world = player.world
    if not world.fork_allowed or world.in_child or player.thread.rng.random() < 0.5:
        return
    if not world.turns.lock_step:
        return
    world.counts["forks"] += 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            in_child(player)
            status = 0 if not world.failures else 3
        except BaseException as error:
            world.fail(repr(error))
            traceback.print_exc()
            status = 4
        if status:
            print("in a forked child:", *world.failures, file=sys.stderr, flush=True)
        os._exit(status)
    status = os.waitpid(child, 0)[1]
    if status != 0:
        raise Wrong(f"the forked child ended with status {status}")


def in_child(player):
    """Only this thread is left. What the others had is dropped; here all is closed that can be."""
    world, mine = player.world, player.thread
    for thread in world.threads:
        if thread is mine:
            continue
        for domain in thread.domains:
            domain.closed = True
        for main in thread.mains.values():
            main.close()
            # The data stack of one that ran when its thread went stays with that thread's state.
            stats = main.stats()
            if stats.bytes_allocated != stats.data_stack_bytes:
                raise Wrong(f"of a domain of another thread is left: {main.stats()}")
        for found in (thread.mains, thread.handles, thread.inbox, thread.risen):
            found.clear()
    collector.collect()
    while (fate := pick(player, "paused", "new", "stub")) is not None:
        tealet = mine.handles.pop(fate)
        fate.cause = "closed"
        fate.refuses = 0
        if fate.status != "paused":
            fate.status = "ended"
        try:
            tealet.close()
        except BaseException as error:
            if not world.saw(error):
                raise
    collector.collect()


AROUND = {
    collect: 5, give_turn: 10, check_stats: 3, walk_frames: 1, own_switcher: 2, own_turn_giver: 1,
    lose_with_phoenix: 2, look_at_risen: 2, trace: 1, copy_it: 1, misuse: 2,
    use_domain_of_dead_tealet: 3, dig: 1, stub_from_below: 1, use_greenlet: 1, fork: 1,
}  # fmt: skip
