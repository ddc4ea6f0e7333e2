"""One schedule: threads that do random operations, and the end of the program."""

import sys
import threading
import traceback

import collector
import operations as ops
import surroundings
from bodies import make_body
from player import Player
from world import Wrong

from tealetpp import Main, TealetExit

ALL = ops.CREATING | ops.SWITCHING | ops.ENDING | ops.DOMAINS | surroundings.AROUND
WHILE_UNWINDING = [
    surroundings.collect,
    surroundings.give_turn,
    surroundings.check_stats,
    surroundings.walk_frames,
    ops.drop,
    ops.drop_any,
    ops.let_go,
    surroundings.own_switcher,
    ops.look_into_inbox,
]


class Operations:
    def __init__(self, weights):
        self.which = list(weights)
        self.weights = list(weights.values())

    def choose(self, rng):
        return rng.choices(self.which, self.weights)[0]

    def while_unwinding(self, player):
        rng = player.thread.rng
        for _ in range(rng.choice([0, 0, 1, 2])):
            player.operate(rng.choice(WHILE_UNWINDING))


def run_thread(world, thread):
    thread.ident = threading.get_ident()
    world.by_ident[thread.ident] = thread
    world.turns.wait(thread)
    try:
        play_thread(world, thread)
    except BaseException as error:
        if isinstance(error, Wrong | Exception | TealetExit):
            world.fail("".join(traceback.format_exception(error)))
        else:
            raise
    finally:
        thread.left = 0
        thread.has_stopped = thread.may_check = True
        sys.settrace(None)
        sys.setprofile(None)
        world.turns.leave(thread, thread.rng)


def play_thread(world, thread):
    player = Player(world, thread, None, Operations(ALL))
    for _ in range(thread.rng.choice([1, 1, 2])):
        domain, main = ops.open_main(player, None)
        thread.mains[domain] = main
        del main
    _, namespace = make_body(thread.rng, None)
    act = namespace.get("act") or plain_act
    while not thread.done:
        act(player, 0)
    sys.settrace(None)
    sys.setprofile(None)
    thread.has_stopped = True
    while not all(other.has_stopped for other in world.threads):
        world.turns.give(thread, thread.rng)
    player.kept.clear()
    for found in (thread.inbox, thread.risen):  # they may hold tealets of other threads
        found.clear()
    thread.may_check = True
    while not all(other.may_check for other in world.threads):
        world.turns.give(thread, thread.rng)
    wait_for_collection(world, thread)
    thread.leaves_open = thread.index > 0 and thread.rng.random() < 0.3
    if thread.leaves_open:
        leave_open(world, thread)
    else:
        wind_up(world, thread, player)


def plain_act(player, level):
    while player.step(plain_act, level):
        pass


def leave_open(world, thread):
    """Lets the thread end with open domains. Their tealets can never be unwound then."""
    domain, main = ops.open_main(Player(world, thread, None, Operations(ALL)), None)
    thread.mains[domain] = main
    for domain in thread.domains:
        if not domain.closed:
            domain.main.leaked = domain.may_close = True
    world.left_open += thread.mains.items()
    thread.mains.clear()


def wind_up(world, thread, player):
    """Drops, collects or closes everything, and checks that nothing is left."""
    for fate in list(thread.handles):
        fate.cause = "dropped"
    for domain in thread.domains:
        domain.may_close = True
    way = thread.rng.random()
    mains = list(thread.mains)
    for domain in mains:
        if way < 0.4 or not domain.plain:
            main = thread.mains.pop(domain, None)
            if main is None or thread.foretell(domain, thread) is not None:
                continue
            domain.closing = True
            ops.closing(player, main.close)
            domain.closed = True
            del main
    for found in (player.kept, thread.handles, thread.inbox, thread.risen, thread.mains):
        while found:
            found.pop() if isinstance(found, list) else found.popitem()
    find_all(thread, player)
    for domain in thread.domains:
        main = main_of_dropped(domain, thread, player)
        if main is None:
            domain.closed = True
            continue
        for fate in domain.fates:
            if (
                fate.must_be_found
                and fate.status == "paused"
                and thread.foretell(domain, thread) is None
            ):
                world.fail(f"{fate!r} of {domain} was not found by the collector")
        if domain.plain and not world.has_lost() and main.current is not None:
            world.fail(f"{domain} was dropped and is still open, {domain.fates}")
        try:
            ops.closing(player, main.close)
        except Exception as error:
            world.fail(f"{domain}: {error!r}")
        domain.closed = True
        del main
    find_all(thread, player)  # only these domains referred to what is found now


def main_of_dropped(domain, thread, player):
    """The Main of a domain that was dropped, if it still exists."""
    main = domain.ref()
    if main is None or main.current is None or not domain.plain:
        return main
    # Another thread that looks for a Main keeps all of them alive meanwhile.
    del main
    find_all(thread, player)
    return domain.ref()


def wait_for_collection(world, thread):
    """Waits until another thread's collection has ended. Until then no other one begins, and none
    could find the same garbage."""
    while world.collecting not in (None, thread.ident):
        world.turns.give(thread, thread.rng)


def find_all(thread, player):
    quiet = 0
    while quiet < 3:  # a tealet that ends may drop others
        wait_for_collection(thread.world, thread)
        quiet = quiet + 1 if collector.collect() == 0 else 0
        safe_point()
        thread.risen.clear()
        thread.inbox.clear()
        player.kept.clear()


def safe_point():
    with Main() as main:
        main.tealet(int).switch()
