"""Garbage collection in a way that no CPython crashes on."""

import gc


def collect(generation=2):
    """gc.collect(), once no other collection is pending.

    CPython 3.12 makes one that is pending as soon as a finalizer calls a Python function, in the
    middle of this one, and may crash.
    """
    for _ in (1, 2):
        pass  # a jump backward: here CPython makes what is pending
    return gc.collect(generation)
