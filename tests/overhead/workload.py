"""Does each thing as many times as it is told: workload.py SWITCHES SPAWNS STATS.

The same as the programs beside it, in Python.
"""

import gc
import sys

from tealetpp import Main


def pause_again():
    while True:
        main.switch()


def end():
    pass


def switch(times):
    there = tealet.switch
    for _ in range(times):
        there()


def spawn(times):
    create = main.tealet
    for _ in range(times):
        create(end).switch()


def stats(times):
    for _ in range(times):
        main.stats()


gc.disable()  # when it runs depends on all that was created before
with Main() as main:
    tealet = main.tealet(pause_again)
    tealet.switch()
    for do, times in zip((switch, spawn, stats), map(int, sys.argv[1:]), strict=True):
        do(100)  # by now the interpreter has specialised its code
        do(times)
