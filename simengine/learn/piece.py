"""What was observed, in pieces: each with the numbers of the plan that it reads, and how likely they make it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.learn.exposure import DAYS_PER_MONTH
from simengine.learn.history import History
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR, MOST_LEAVING

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Frame = pd.DataFrame

NEVER = -1_000_000
"""The month of what has not happened."""


class Window:
    """The months of a plan that are past, and what is known of them at the end of the last one.

    Attributes
    ----------
    plan : the plan whose assumptions are to be learned
    months : how many of its months are wholly past; 0 where the history ends before the first does
    history : as known at the end of the last of them: what came later in the month of the as-of date is left out
    """

    def __init__(self, plan: Plan, history: History) -> None:
        self.plan, self.start = plan, plan.plan.start
        next_day = history.as_of + timedelta(days=1)
        self.months = max(0, min(plan.plan.months, _absolute(next_day) - self.start))
        self.history = history.cut(_first_day(self.start + self.months) - _DAY)
        self._tables: dict[str, Frame] = {}
        self.first_day = pd.Timestamp(_first_day(self.start))

    def table(self, name: str) -> Frame:
        """A table of the history, in an order that is the same in whatever order the records came."""
        if name not in self._tables:
            frame = self.history.table(name)
            self._tables[name] = frame.sort_values(list(frame.columns), ignore_index=True)
        return self._tables[name]

    def month(self, days: pd.Series[Any]) -> Whole:
        """The month of the plan that each day lies in; `NEVER` where there is none."""
        month = days.dt.year * MONTHS_PER_YEAR + days.dt.month - 1 - self.start
        return np.asarray(month.fillna(NEVER).to_numpy(np.int64))

    def months_before(self, days: pd.Series[Any]) -> Array:
        """Months from each day to the plan's start, in part months."""
        return np.asarray((self.first_day - days).dt.days.to_numpy(np.float64) / DAYS_PER_MONTH)

    def season(self, weights: tuple[float, ...] | None) -> Array:
        """Weights of the calendar months over their mean, in every month of the plan."""
        months = self.plan.plan.months
        if weights is None:
            return np.ones(months)
        factors = np.array(weights) * (MONTHS_PER_YEAR / math.fsum(weights))
        return np.asarray(factors[(self.start + np.arange(months)) % MONTHS_PER_YEAR])

    def counts(self, month: Whole, weights: Array | None = None) -> Array:
        """How many lie in each past month, (months,)."""
        inside = (month >= 0) & (month < self.months)
        chosen = None if weights is None else weights[inside]
        return np.bincount(month[inside], chosen, self.months).astype(np.float64)


_DAY = timedelta(days=1)


def _first_day(month: int) -> date:
    return date(month // MONTHS_PER_YEAR, month % MONTHS_PER_YEAR + 1, 1)


def _absolute(day: date) -> int:
    return day.year * MONTHS_PER_YEAR + day.month - 1


class Point:
    """The numbers of a plan at n points: values of its assumptions and events, levels of its shocks.

    Parameters
    ----------
    plan : the plan
    values : of what is needed, (n,) each
    shocks : levels, (n, months) each
    own : normal scores of chance that is no assumption, by name, (n,) each
    """

    def __init__(
        self, plan: Plan, values: Mapping[str, Array], shocks: Mapping[str, Array], own: Mapping[str, Array]
    ) -> None:
        self._timeline = Timeline(plan, values, dict(shocks) if shocks else None)
        self._own = own
        self._found: dict[tuple[Any, ...], Array] = {}

    def of(self, quantity: Quantity | None, *also: str, low: float = 0.0, high: float = math.inf) -> Array:
        """A number in every month, (n, months), or (n, 1) where it never changes; 0 where the plan states none."""
        if quantity is None:
            return np.zeros((1, 1))
        key = quantity, also, low, high
        if key not in self._found:
            self._found[key] = self._timeline.of(quantity, *also, low=low, high=high)
        return self._found[key]

    def fraction(self, quantity: Quantity | None) -> Array:
        """A number from 0 to 1."""
        return self.of(quantity, high=1.0)

    def hazard(self, quantity: Quantity | None) -> Array:
        """Hazard a month, −ln(1 − p)/12, of a probability within a year."""
        leaving = np.minimum(self.fraction(quantity), MOST_LEAVING)
        return np.asarray(-np.log1p(-leaving) / MONTHS_PER_YEAR)

    def own(self, name: str) -> Array:
        """Scores of chance of one's own, (n, 1)."""
        return self._own[name][:, None]


def at(number: Array, months: Whole) -> Array:
    """A number in each of the months, (n, J), or (n, 1) where it never changes."""
    return number if number.shape[1] == 1 else number[:, months]


class Read(NamedTuple):
    """A number of the plan that a piece reads; `words` where the piece speaks of it, else it only conditions on it."""

    quantity: Quantity | None
    words: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Piece:
    """Something that was observed.

    Attributes
    ----------
    says : of each assumption that it speaks of what was seen, in words
    needs : assumptions and events whose values it depends on
    shocks : whose levels it depends on
    own : names of normal scores of chance that is no assumption (how productive these people happen to be)
    records : how many
    log_likelihood : from the numbers at n points to (n,)
    """

    says: Mapping[str, str]
    needs: frozenset[str]
    shocks: frozenset[str]
    own: tuple[str, ...]
    records: int
    log_likelihood: Callable[[Point], Array] = field(repr=False, compare=False)


def piece(
    window: Window,
    reads: Iterable[Read],
    records: float,
    log_likelihood: Callable[[Point], Array],
    own: tuple[str, ...] = (),
) -> Piece:
    """A piece from the numbers that it reads."""
    plan, says = window.plan, dict[str, str]()
    needs, shocks = set[str](), set[str]()
    for read in reads:
        if read.quantity is None:
            continue
        needs.update(_named(read.quantity))
        if read.words:
            says.update((name, says.get(name, read.words)) for name in _in_force(read.quantity, window))
        touched = {*_named(read.quantity), *read.also}
        for event, entry in plan.events.items():
            effects = [effect for name, effect in entry.effect.items() if name in touched]
            if effects:
                needs.add(event)
                for quantity in (*(effect.amount for effect in effects), entry.phase_in_months):
                    needs.update(_named(quantity))
        shocks.update(name for name, shock in plan.shocks.items() if not touched.isdisjoint(shock.loadings))
    return Piece(says, frozenset(needs), frozenset(shocks), own, round(records), log_likelihood)


def _named(quantity: Quantity) -> set[str]:
    """The assumptions that a number is at any time."""
    return {step.assumption for step in quantity.steps if step.assumption is not None}


def _in_force(quantity: Quantity, window: Window) -> set[str]:
    """The assumptions that a number is in the past months."""
    held = (quantity.at(window.start + t) for t in range(window.months))
    return {step.assumption for step in held if step.assumption is not None}
