"""The numbers that the kernel reads, and the keys of its chance. Units end here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.baseline import log_sigma
from simengine.errors import SimengineError
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR, MOST_LEAVING

Column = NDArray[np.float64]
Table = NDArray[np.int64]


def same(value: Any) -> Any:
    """The number itself."""
    return value


def monthly_hazard(leaving_per_year: Any) -> Any:
    """Hazards per month, −ln(1 − p)/12, of probabilities within a year."""
    return -np.log1p(-np.minimum(leaving_per_year, MOST_LEAVING)) / MONTHS_PER_YEAR


class Slot(NamedTuple):
    """A number that the kernel reads: a function of numbers of the plan, times `scale`."""

    function: Callable[..., Any]
    quantities: tuple[Quantity, ...]
    also: tuple[str, ...]
    """What else an event or a shock may call it."""
    low: float
    high: float
    """Bounds of the numbers of the plan, where events or shocks change them."""
    scale: float

    def has(self, property_of: Callable[..., bool]) -> bool:
        """Whether a property of numbers and of what else they are called holds for one of its numbers."""
        return any(property_of(quantity, *self.also) for quantity in self.quantities)


Entry = tuple[Slot, int]
Filled = tuple[Column, NDArray[np.float64]]


@dataclass
class Slots:
    """Every number that the kernel reads, each once, in order of first use."""

    entries: dict[Slot, int] = field(default_factory=dict)
    most: dict[int, float] = field(default_factory=dict)
    """The largest value of a slot that can be simulated at all, where there is one."""
    varying: dict[int, int] = field(default_factory=dict)
    """Slots whose numbers change from month to month, and the column of each."""
    uncertain: tuple[Entry, ...] = ()
    """Slots whose numbers differ from path to path."""
    certain: Filled = (np.empty((1, 0)), np.empty((1, 0, 0)))
    """All other numbers, in their places."""

    def add(
        self,
        *quantities: Quantity,
        function: Callable[..., Any] = same,
        also: tuple[str, ...] = (),
        low: float = 0.0,
        high: float = math.inf,
        scale: float = 1.0,
        most: float = math.inf,
    ) -> int:
        """The slot of scale · function(quantities), which is at most `most`."""
        slot = Slot(function, quantities, also, low, high, scale)
        index = self.entries.setdefault(slot, len(self.entries))
        self.most[index] = min(most, self.most.get(index, math.inf))
        return index

    def constant(self, value: float) -> int:
        """The slot of a number that nothing changes."""
        return self.add(Quantity(float(value)))

    def fraction(self, quantity: Quantity) -> int:
        """The slot of a number from 0 to 1."""
        return self.add(quantity, high=1.0)

    def sigma(self, spread: Quantity) -> int:
        """The slot of the standard deviation of the logarithm, of a coefficient of variation."""
        return self.add(spread, function=log_sigma)

    def hazard(self, per_year: Quantity) -> int:
        """The slot of the hazard per month, of a probability within a year."""
        return self.add(per_year, function=monthly_hazard, high=1.0)

    def find_varying(self, plan: Plan) -> Table:
        """Find the slots that change from month to month, (n, 1); call it when all are added.

        What no path changes is filled in here, once. Raises SimengineError where a value is stated that would take more
        time and memory than there is.
        """
        stated = Timeline(plan, {})
        varying = [index for slot, index in self.entries.items() if slot.has(stated.changes)]
        self.varying = {index: column for column, index in enumerate(varying)}
        self.uncertain = tuple((slot, index) for slot, index in self.entries.items() if slot.has(stated.differs))
        self.certain = np.zeros((1, len(self.entries))), np.zeros((1, plan.plan.months, len(varying)))
        self._place(self.entries.items() - set(self.uncertain), stated, self.certain)
        return table(((index,) for index in varying), 1)

    def fill(self, timeline: Timeline, draws: int) -> Filled:
        """The value of every slot in the first month, (draws, slot), and of those that vary, (draws, months, n).

        Raises SimengineError where a value is drawn that would take more time and memory than there is.
        """
        first, by_month = self.certain
        filled = np.repeat(first, draws, axis=0), np.repeat(by_month, draws, axis=0)
        self._place(self.uncertain, timeline, filled)
        return filled

    def _place(self, entries: Iterable[Entry], timeline: Timeline, filled: Filled) -> None:
        first, by_month = filled
        for slot, index in entries:
            numbers = (timeline.of(q, *slot.also, low=slot.low, high=slot.high) for q in slot.quantities)
            value = slot.scale * slot.function(*numbers)
            self._check(value, slot, index)
            first[:, index] = value[:, 0]
            if index in self.varying:
                by_month[:, :, self.varying[index]] = value

    def _check(self, value: Column, slot: Slot, index: int) -> None:
        if math.isinf(self.most[index]):
            return
        worst = value.max(initial=0.0)
        if worst > self.most[index]:
            name = next((step.assumption for q in slot.quantities for step in q.steps if step.assumption), None)
            raise SimengineError(
                f"{name or 'a number of the plan'}: a value of {worst:.3g} a month is drawn, and at most "
                f"{self.most[index]:g} can be simulated; cut its distribution off with truncated"
            )


@dataclass
class Keys:
    """Philox keys of named entities for one seed and stream."""

    seed: int
    stream: int
    rows: dict[str, int] = field(default_factory=dict)

    def add(self, name: str) -> int:
        """The row of an entity's key."""
        return self.rows.setdefault(name, len(self.rows))

    def table(self) -> NDArray[np.uint64]:
        """(entity, 2): 64 bits of BLAKE2b of seed, stream and name, as two 32-bit words, low word first."""
        words = [
            np.frombuffer(hashlib.blake2b(f"{self.seed}/{self.stream}/{name}".encode(), digest_size=8).digest(), "<u4")
            for name in self.rows
        ]
        if len({tuple(word) for word in words}) < len(words):
            raise SimengineError("two names of this plan fall on the same random numbers; run it with another seed")
        return np.array(words, np.uint64).reshape(-1, 2)


def table(rows: Iterable[Sequence[int]], columns: int) -> Table:
    """Rows of whole numbers as an array (row, column), also where there are none."""
    return np.array(list(rows), np.int64).reshape(-1, columns)


def numbers(rows: Iterable[Sequence[float]], columns: int) -> Column:
    """Rows of numbers as an array (row, column), also where there are none."""
    return np.array(list(rows), np.float64).reshape(-1, columns)
