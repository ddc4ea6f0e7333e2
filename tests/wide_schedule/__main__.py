"""Random schedules of everything that programs do. The operations are in operations.py and
surroundings.py, the expected results in fates.py and player.py. Each schedule has its own process.

``python tests/wide_schedule --seed 17`` plays one, ``--seconds 60`` plays new ones for a minute.
"""

import argparse
import ast  # noqa: F401  (for traceback: no thread may import while turns can change)
import collections
import contextlib
import faulthandler
import json
import os
import random
import signal
import sys
import time
import traceback

PATIENCE = 60  # seconds, after which a schedule counts as hanging


def play_here(seed, *, repeatable):
    """Plays one schedule in this process, which may crash.

    Returns its exit status, and what it counted; None if it failed.
    """
    import schedule
    from world import World

    world = World(seed, repeatable=repeatable)
    try:
        counts = world.play(schedule.safe_point, schedule.run_thread)
    except BaseException:
        traceback.print_exc()
        print(*world.log, sep="\n", file=sys.stderr)
        return 1, None
    return 0, counts


def play_apart(seed, *, repeatable):
    """Plays one schedule in a forked process. Returns its counts, or None if it failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgrp()  # with all its child processes
        os.close(reading)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        status, counts = play_here(seed, repeatable=repeatable)
        if status == 0:
            os.write(writing, json.dumps(counts).encode())
        sys.stderr.flush()
        os._exit(status)
    os.close(writing)
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # its child processes, if they hang
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    if status == 0 and text:
        return json.loads(text)
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {status >> 8}"
    command = f"{sys.executable} {os.path.dirname(__file__)} --seed {seed}"
    command += " --repeatable" * repeatable
    print(f"seed {seed} failed with {how}; again with:\n    {command}", flush=True)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="the first one")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--keep-going", action="store_true", help="after a failure, too")
    parser.add_argument("--repeatable", action="store_true", help="threads always take turns")
    parser.add_argument("--here", action="store_true", help="in this process, for a debugger")
    options = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        # Freed memory is overwritten, so that a use of it is noticed.
        os.environ.setdefault("PYTHONMALLOC", "debug")
        os.environ.setdefault("MALLOC_PERTURB_", "165")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    faulthandler.enable()
    import schedule  # noqa: F401  (once for all)

    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
    if options.here:
        return play_here(seed, repeatable=options.repeatable)[0]
    end = time.monotonic() + options.seconds if options.seconds is not None else None
    counts, played, failed = collections.Counter(), 0, 0
    while time.monotonic() < end if end is not None else played < options.count:
        found = play_apart(seed, repeatable=options.repeatable)
        seed, played = seed + 1, played + 1
        if found is None:
            failed += 1
            if not options.keep_going:
                break
        else:
            counts.update(found)
    for name, number in sorted(counts.items()):
        print(f"{number:10} {name}")
    print(f"{played} schedules, {counts['operations']} operations, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
