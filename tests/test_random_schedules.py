"""Random schedules: see random_schedule.py."""

import gc
import os
import random
import time

import pytest

from random_schedule import Schedule

SEEDS = range(60)


def run(seed, **sizes):
    schedule = Schedule(seed, **sizes)
    try:
        return schedule.play()
    except BaseException:
        print(f"seed {seed}, {sizes}; the last steps of {len(schedule.steps)}:")
        print(*schedule.steps[-30:], *schedule.differences, sep="\n")
        raise


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_receives_what_the_model_predicts(seed):
    assert run(seed) >= 300


@pytest.mark.parametrize("seed", range(5))
def test_with_many_tealets_at_once(seed):
    assert run(seed, operations=3000, tealets=300) >= 3000


@pytest.mark.parametrize("seed", range(5))
def test_with_garbage_collected_all_the_time(seed, eager_gc):
    assert run(seed, operations=100, tealets=12) >= 100


def seconds_asked_for(config):
    asked = config.getoption("--schedule-seconds")
    return float(os.environ.get("TEALETPP_SCHEDULE_SECONDS", 0)) if asked is None else asked


def test_for_as_long_as_asked(request, capsys):
    seconds = seconds_asked_for(request.config)
    if not seconds:
        pytest.skip("give --schedule-seconds or TEALETPP_SCHEDULE_SECONDS")
    seed = random.SystemRandom().randrange(10**9)
    end = time.monotonic() + seconds
    schedules = operations = 0
    while time.monotonic() < end:
        sizes = random.Random(seed)
        operations += run(
            seed, operations=sizes.choice([100, 300, 2000]), tealets=sizes.choice([4, 30, 200])
        )
        schedules += 1
        seed += 1
        gc.collect()
    with capsys.disabled():
        print(f"\n{schedules} schedules, {operations} operations, no difference")
