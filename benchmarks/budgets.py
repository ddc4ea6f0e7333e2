"""The budgets, and whether a set of figures meets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.kinds import KINDS

Figures = Mapping[str, Mapping[str, Any]]  # by question, then by library

US = "tealetpp"


@dataclass(frozen=True)
class Budget:
    """One limit of one figure, absolute or relative to another library."""

    what: str
    figure: str
    limit: float
    than: str | None = None  # the library that the limit is relative to
    unit: str = "times"
    at_least: bool = False  # a lower limit: how many times as fast, not how many times as long
    limits: Mapping[str, float] = field(default_factory=dict)  # by Python, where it differs

    def on(self, python: str) -> Budget:
        """The budget as it is for this version of Python."""
        return replace(self, limit=self.limits.get(python, self.limit), limits={})

    def measured(self, figures: Figures) -> float | None:
        """The value to compare with the limit, if it was measured."""
        values = figures.get(self.figure, {})
        if US not in values or (self.than is not None and self.than not in values):
            return None
        ours = float(values[US])
        if self.than is None:
            return ours
        theirs = float(values[self.than])
        return theirs / ours if self.at_least else ours / theirs

    def met(self, measured: float) -> bool:
        """Whether the value meets the budget."""
        return measured >= self.limit if self.at_least else measured <= self.limit


SMALLER = {"3.11": 1600}

OF_KINDS = (
    Budget("a bound method, parked", "parked_method", 1900, unit="bytes", limits=SMALLER),
    Budget("a functools.partial, parked", "parked_partial", 1900, unit="bytes", limits=SMALLER),
    Budget(
        "an object with `__call__`, parked", "parked_object", 1900, unit="bytes", limits=SMALLER
    ),
    Budget("four calls deeper, parked", "parked_deeper", 2000, unit="bytes"),
    Budget("after an outlier, against without one", "parked_outlier_more", 1.05),
    *(
        Budget(f"resident against reported: {what}", f"parked_{kind}_beyond", 1.15)
        for kind, what in KINDS.items()
    ),
)

IN_PYTHON = (
    Budget("switch there and back, shallow", "switch_shallow", 0.25, "greenlet"),
    Budget("switch there and back, shallow", "switch_shallow", 0.50, "tealet"),
    Budget("the same, below 20 nested calls of map", "switch_nested_map", 0.60, "greenlet"),
    Budget("the same, below 20 of map and sorted", "switch_nested", 0.60, "greenlet"),
    Budget("round robin over 10,000, each to the next", "round_robin_ring", 0.40, "greenlet"),
    Budget("round robin over 10,000, from main", "round_robin_hub", 0.40, "greenlet"),
    Budget("create, run a small function, end", "spawn", 0.10, "greenlet"),
    Budget("100,000 parked, each", "parked_each", 1300, unit="bytes"),
    Budget("100,000 parked, each", "parked_each", 1.15, "asyncio"),
    Budget("1,000,000 parked, process in all", "parked_million", 1.4e9, unit="bytes"),
    Budget("main.stats() then", "stats_of_million", 1e-3, unit="seconds"),
    *OF_KINDS,
    Budget("a simulation of 10,000 that start shallow", "cold_simulation", 0.60, "greenlet"),
    Budget("ordinary calls, shallow", "calls_shallow", 0.95, "outside", at_least=True),
    Budget("ordinary calls, deep", "calls_deep", 0.95, "outside", at_least=True),
    Budget("ordinary calls, at the worst edge", "calls_edge", 0.95, "outside", at_least=True),
)

IN_CPP = (
    Budget("switch there and back, shallow", "cpp_switch", 4, "boost fiber"),
    Budget("a saved byte more, against two memcpys of it", "cpp_byte_ratio", 2),
    Budget("a parked tealet beyond the bytes saved", "cpp_beyond_saved", 160, unit="bytes"),
    Budget("10,000,000 parked, process in all", "cpp_parked_many", 4e9, unit="bytes"),
    Budget("statistics, for each switch", "statistics_cost", 30, unit="instructions"),
)
