"""The kinds of functions that pause, as tables and budgets name them.

``parked_kinds.py`` measures each. Its figures are named ``parked_KIND``.
"""

from __future__ import annotations

KINDS = {
    "function": "a function, in its own frame",
    "method": "a bound method",
    "partial": "a functools.partial",
    "object": "an object with `__call__`",
    "deeper": "paused once, and then four calls deeper",
    "outlier": "after another one of the function went 100 calls deep",
    "deep": "100 calls deep",
}
