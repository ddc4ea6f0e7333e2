"""What players do to tealets: create, switch, throw, close, drop, tie and hand over."""

import functools
import sys

from bodies import Callable, make_body
from keepers import MainWithDel, MainWithDict
from player import Player, saw
from world import Boom, Wrong

from tealetpp import InvalidError, Main, Status, TealetError, TealetExit, ThreadError


def usable_domains(player):
    thread = player.thread
    return [
        domain
        for domain in thread.domains
        if thread.foretell(domain, thread) is None
        and not domain.closing
        # One that may close when its main tealet runs would go in the middle of its use.
        and not (domain.may_close and domain.current is domain.main)
    ]


def pick_domain(player):
    found = usable_domains(player)
    return player.thread.rng.choice(found) if found else None


def pick(player, *statuses, domain=None):
    """A tealet that can be used here, with a handle."""
    thread = player.thread
    usable = set(usable_domains(player)) if domain is None else {domain}
    for fate, tealet in list(thread.handles.items()):
        if fate.domain.limit is not None and tealet.status is Status.DEFUNCT:
            fate.status = "defunct"
    tealet = None
    found = [
        fate
        for fate in list(thread.handles)  # what is dropped meanwhile may end some
        if fate.status in statuses and fate.domain in usable and fate is not fate.domain.current
    ]
    return thread.rng.choice(found) if found else None


def limited(domain, call):
    """None if a limit of memory is in the way."""
    try:
        return call()
    except MemoryError:
        if domain.limit is None:
            raise
        domain.thread.world.counts["memory limit reached"] += 1
        return None


def new_body(player, fate):
    thread = player.thread
    begin = functools.partial(Player.begin, player.world, thread, fate, player.operations)
    return make_body(thread.rng, begin)


# --- creating ---


def create(player, *_):
    thread, world = player.thread, player.world
    domain = pick_domain(player)
    if domain is None or sum(f.status != "ended" for f in domain.fates) > 8:
        return
    fate = world.new_fate(domain)
    body, values = new_body(player, fate)
    parent = pick(player, "new", "paused", domain=domain) if thread.rng.random() < 0.3 else None
    arguments = {} if parent is None else {"parent": thread.handles[parent]}
    main = domain.ref()
    tealet = limited(domain, lambda: main.tealet(body, **arguments))
    if tealet is None:
        return
    world.know(tealet, fate)
    thread.handles[fate] = tealet
    fate.refuses = thread.rng.choice([0] * 12 + [1, 1, 1000])
    fate.fails = thread.rng.random() < 0.08
    how = thread.rng.random()
    if how < 0.1:
        world.counts["cycle through globals"] += 1
        values["itself"] = tealet
        domain.plain = False
    elif how < 0.2 and isinstance(body, Callable):
        world.counts["cycle through an attribute"] += 1
        body.itself = tealet
        domain.plain = False
    elif 0.2 <= how < 0.25:
        world.counts["cycle through its own attribute"] += 1
        tealet.itself = tealet
        domain.plain = False


def create_lonely(player, *_):
    """Only its own variables refer to it once it has paused: a collector must find it."""
    thread, world = player.thread, player.world
    domain = pick_domain(player)
    if domain is None or domain.limit is not None or domain.current is not domain.main:
        return
    fate = world.new_fate(domain)
    body, values = new_body(player, fate)
    tealet = domain.ref().tealet(body)
    world.know(tealet, fate)
    fate.must_be_found = "local" if thread.rng.random() < 0.5 else "namespace"
    if fate.must_be_found == "namespace":
        world.counts["cycle through globals"] += 1
        values["itself"] = tealet
    thread.handles[fate] = tealet
    del values, body, tealet
    player.switch_to(fate, lambda tealet: tealet.switch)
    fate.cause = "dropped"
    thread.handles.pop(fate, None)


def create_stub(player, *_):
    domain = pick_domain(player)
    if domain is None or sum(f.status != "ended" for f in domain.fates) > 8:
        return
    fate = player.world.new_fate(domain, "stub")
    stub = limited(domain, domain.ref().stub)
    if stub is not None:
        player.world.know(stub, fate)
        player.thread.handles[fate] = stub


def duplicate(player, *_):
    stub = pick(player, "stub")
    if stub is not None:
        fate = player.world.new_fate(stub.domain, "stub")
        twin = limited(stub.domain, player.thread.handles[stub].duplicate)
        if twin is not None:
            player.world.know(twin, fate)
            player.thread.handles[fate] = twin


def run_stub(player, *_):
    stub = pick(player, "stub")
    if stub is not None:
        body, _ = new_body(player, stub)
        hold_target(stub)
        player.switch_to(stub, lambda tealet: functools.partial(tealet.run, body))


# --- switching ---


def switch(player, *_):
    target = pick(player, "new", "paused")
    if target is not None:
        hold_target(target)
        player.switch_to(target, lambda tealet: tealet.switch)


def hold_target(target):
    """A tealet that pauses for another one keeps it, where no collector looks."""
    if target.domain.current is not target.domain.main:
        target.domain.plain = False


def switch_to_main(player, *_):
    domains = [d for d in usable_domains(player) if d.current is not d.main]
    if domains:
        player.switch_to(player.thread.rng.choice(domains).main, lambda main: main.switch)


def switch_to_itself(player, *_):
    domain = pick_domain(player)
    if domain is not None:
        token = player.world.token()
        assert domain.ref().current.switch(token) == token


def throw(player, *_):
    target = pick(player, "new", "paused")
    if target is None:
        return
    domain = target.domain
    domain.plain = False
    receiver, tealet, ended = target, player.thread.handles[target], []
    while receiver.status == "new":
        ended.append(receiver)
        tealet = tealet.parent
        receiver = player.world.by_id[id(tealet)]
    del tealet
    if receiver is domain.current:  # it comes back at once
        return
    token = player.world.send(receiver)
    call = functools.partial(player.thread.handles[target].throw, Boom(token))
    for fate in ended:
        fate.status = "ended"
    if player.exchange(receiver, call, token) == "nothing":
        for fate in ended:
            fate.status = "new"


def fail(player, *_):
    if player.fate is not None and player.fate.domain.current is player.fate:
        raise Boom(player.world.token())


def leave(player, *_):
    if player.fate is not None:
        player.leaves = True


# --- ending others ---


def closing(player, call):
    """Calls what makes others unwind."""
    try:
        call()
    except (Boom, TealetError) as error:
        if not saw(player.world, error):
            raise


def close(player, *_):
    target = pick(player, "new", "paused", "stub")
    if target is None:
        return
    begun = target.status == "paused"
    target.cause = "closed"
    tealet = player.thread.handles[target]
    if not begun:
        target.status = "ended"
    closing(player, tealet.close)
    if target.status == "ended":
        player.thread.handles.pop(target, None)
        assert tealet.status is Status.EXITED


def drop(player, *_):
    forget(player, pick(player, "new", "paused", "stub"))


def drop_any(player, *_):
    """Perhaps one whose domain cannot be used here."""
    handles = [f for f in list(player.thread.handles) if f is not f.domain.current]
    if handles:
        forget(player, player.thread.rng.choice(handles))


def forget(player, fate):
    if fate is None:
        return
    player.world.counts["dropped a tealet"] += 1
    fate.cause = "dropped"
    tealet = player.thread.handles.pop(fate, None)
    del tealet


def keep(player, *_):
    """In a local variable of the running body: maybe it keeps itself."""
    thread = player.thread
    if thread.handles:
        fate = thread.handles.choose(thread.rng)
        fate.domain.plain = False
        if player.fate is not None:
            player.fate.domain.plain = False
        player.kept.append(thread.handles[fate])
        if thread.rng.random() < 0.5:
            forget(player, fate)


def let_go(player, *_):
    player.kept.clear()


def hand_to_other_thread(player, *_):
    thread = player.thread
    others = [t for t in player.world.threads if t is not thread and not t.done]
    if others and thread.handles:
        other = thread.rng.choice(others)
        fate = thread.handles.choose(thread.rng)
        fate.cause = "handed over"
        tealet = thread.handles.pop(fate)
        player.world.counts["handed to another thread"] += 1
        other.inbox.append((fate, tealet))
        del tealet


def look_into_inbox(player, *_):
    """A tealet of another thread cannot be used here, only dropped, or left in a cycle."""
    thread = player.thread
    if not thread.inbox:
        return
    fate, tealet = thread.inbox.pop()
    if fate is None:  # a Main, or a generator
        del tealet
        return
    assert repr(tealet)
    expected = InvalidError if fate.domain.closed else ThreadError
    try:
        if thread.rng.random() < 0.5:
            tealet.switch()
        else:
            tealet.throw(KeyError)
    except expected:
        pass
    except (InvalidError, ThreadError):
        # A fork ends the domains of the threads that are not there any more.
        if not (fate.domain.may_be_closed() or player.world.in_child):
            raise
    else:
        raise Wrong(f"{fate!r} was used on another thread")
    if thread.rng.random() < 0.5:
        cycle = [tealet]
        cycle.append(cycle)


def set_parent(player, *_):
    x = pick(player, "new", "paused", "stub")
    if x is None:
        return
    parent = pick(player, "new", "paused", domain=x.domain)
    if parent is None:
        return
    thread = player.thread
    x.domain.plain = False
    above = tealet = thread.handles[parent]
    while above is not None and above is not thread.handles[x]:
        above = above.parent
    try:
        thread.handles[x].parent = tealet
    except InvalidError:
        if above is None:
            raise
    else:
        if above is not None:
            raise Wrong("a cycle of parents")


# --- domains ---


# From CPython 3.13 on, any call in a tealet may raise MemoryError at the limit, also one of the
# schedule's own. test_memory_limit.py has the limit there.
LIMITS = [25_000, 45_000] if sys.version_info < (3, 13) else []


def open_main(player, home, *, with_limit=True):
    world, thread = player.world, player.thread
    limit = thread.rng.choice([None] * 6 + LIMITS) if with_limit else None
    domain = world.new_domain(thread, home, limit)
    kind = thread.rng.choice([Main, Main, MainWithDict, MainWithDel])
    arguments = {"world": world} if kind is MainWithDel else {}
    main = kind(memory_limit=limit, **arguments)
    world.counts[f"opened {kind.__name__}"] += 1
    world.counts["opened inside a tealet"] += home is not None
    world.counts["opened with a limit"] += limit is not None
    world.by_id[id(main)] = domain.main
    domain.of(main)
    if kind is MainWithDict and thread.rng.random() < 0.5:
        main.itself = main.tealet
    return domain, main


def open_domain(player, *_):
    """It stays open until its tealet ends, somebody closes it, or it is dropped."""
    thread = player.thread
    if len(thread.mains) < 4:
        domain, main = open_main(player, thread.running)
        thread.mains[domain] = main


def nest(player, act, level):
    thread = player.thread
    if act is None or level > 4 or len(usable_domains(player)) > 5:
        return
    domain, main = open_main(player, thread.running)
    exiting = None
    try:
        with main:
            thread.mains[domain] = main
            try:
                act(player, level + 1)
            except (TealetExit, Boom) as error:
                exiting = error
                raise
            finally:
                thread.mains.pop(domain, None)
                domain.closing = True
    except (Boom, TealetError) as error:
        if error is not exiting and not saw(player.world, error):
            raise
    finally:
        domain.closed = True
    if exiting is not None:
        raise exiting


def close_main(player, *_):
    thread = player.thread
    idle = [
        d
        for d in usable_domains(player)
        if d.current is d.main and d in thread.mains and not d.closing
    ]
    if len(idle) < 2:
        return
    domain = thread.rng.choice(idle)
    main = thread.mains.pop(domain, None)
    if main is None:
        return
    domain.closing = True
    closing(player, main.close)
    domain.closed = True


def drop_main(player, *_):
    thread = player.thread
    if len(thread.mains) > 1:
        domain = thread.rng.choice(list(thread.mains))
        domain.may_close = True
        main = thread.mains.pop(domain, None)
        if main is None:
            return  # gone meanwhile: choosing runs finalizers
        player.world.counts["dropped a Main"] += 1
        others = [t for t in player.world.threads if t is not thread and not t.done]
        if others and thread.rng.random() < 0.5:
            thread.rng.choice(others).inbox.append((None, main))
        del main


def generate_with_main(player, *_):
    """A generator in the middle of a `with Main()`, which is dropped somewhere."""
    thread, world = player.thread, player.world
    domains = []

    def generate():
        domain, main = open_main(player, thread.running, with_limit=False)
        domain.may_close = True
        domains.append(domain)
        with main:
            yield main

    generator = generate()
    main = next(generator)
    (domain,) = domains
    if thread.rng.random() < 0.7:
        fate = world.new_fate(domain)
        body, _ = new_body(player, fate)
        tealet = main.tealet(body)
        world.know(tealet, fate)
        fate.cause = "dropped"
        fate.must_be_found = "namespace"
        thread.handles[fate] = tealet
        del body, tealet
        player.switch_to(fate, lambda tealet: tealet.switch)
    others = [t for t in world.threads if t is not thread and not t.done]
    where = thread.rng.random()
    if where < 0.3 and others:
        thread.rng.choice(others).inbox.append((None, generator))
    elif where < 0.6:
        cycle = [generator]
        cycle.append(cycle)
    elif where < 0.8:
        player.kept.append(generator)
    del main, generator


CREATING = {create: 8, create_lonely: 2, create_stub: 1, duplicate: 1, run_stub: 2}
SWITCHING = {switch: 12, switch_to_main: 8, switch_to_itself: 1, throw: 2, fail: 1, leave: 1}
ENDING = {close: 2, drop: 3, drop_any: 2, keep: 2, let_go: 1, hand_to_other_thread: 2}
ENDING |= {look_into_inbox: 3, set_parent: 2}
DOMAINS = {open_domain: 1, nest: 3, close_main: 1, drop_main: 1, generate_with_main: 1}
