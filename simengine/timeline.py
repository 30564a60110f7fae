"""What every number of a plan is in every month: steps, events and shocks (docs/model.md, step 0)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.units import month_label

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class _Change(NamedTuple):
    """By how much a number is multiplied, then what is added to it, (n, months) each; (1, 1) where always the same."""

    times: Array
    plus: Array


class Timeline:
    """The numbers of a plan over the months of n paths.

    Parameters
    ----------
    plan : the plan
    values : of every assumption its value, of every event its months in force: (n,) each
    shocks : level of every shock, (n, months); at their means where it is missing, as a spreadsheet has them
    """

    def __init__(self, plan: Plan, values: Mapping[str, Any], shocks: Mapping[str, Array] | None = None) -> None:
        self._plan, self._months = plan, plan.plan.months
        self._values = {name: np.atleast_1d(np.asarray(value, np.float64)) for name, value in values.items()}
        self._shocks = shocks
        self.paths = max((len(column) for column in (*self._values.values(), *(shocks or {}).values())), default=1)
        self._touched = _touched(plan)
        self._ages: dict[str, Array] = {}
        self._shares: dict[str, Array] = {}
        self._changes: dict[str, _Change] = {}

    def of(self, quantity: Quantity, *also: str, low: float = 0.0, high: float = math.inf) -> Array:
        """A number in every month, (n, months), or (n, 1) where it never changes.

        Parameters
        ----------
        quantity : the number as the plan states it
        also : what else an event or shock may call it: a volume is also named by its channel, and channel/segment
        low, high : where a number that an event or shock changes is cut off; what a question multiplies, at `high`
        """
        if not self.changes(quantity, *also):
            return np.minimum(self._base(quantity)[:, None], high)
        shape = self.paths, self._months
        steps = _steps(quantity, self._plan.plan.start, self._months)
        if len(steps) == 1:
            return np.broadcast_to(self._changed(steps[0][0], also, low, high), shape)
        out = np.empty(shape)
        for step, where in steps:
            out[:, where] = np.broadcast_to(self._changed(step, also, low, high), shape)[:, where]
        return out

    def changes(self, quantity: Quantity, *also: str) -> bool:
        """Whether a number changes from month to month."""
        return bool(quantity.later) or not self._touched.isdisjoint((quantity.assumption, *also))

    def differs(self, quantity: Quantity, *also: str) -> bool:
        """Whether a number differs from path to path."""
        return any(step.assumption for step in quantity.steps) or not self._touched.isdisjoint(also)

    def _base(self, quantity: Quantity) -> Array:
        """A number in the first month before events and shocks, (n,): what one that never changes is in every month."""
        value = quantity.of(self._values)
        return np.full(self.paths, value) if np.size(value) == 1 else np.asarray(value)

    def share(self, event: str) -> Array:
        """How much of an event's effect is felt in every month, (n, months): 0 before it begins and after it ends."""
        if event not in self._shares:
            entry = self._plan.events[event]
            age = self._age(event)
            phase_in = np.maximum(1.0, self._base(entry.phase_in_months))[:, None]
            self._shares[event] = np.where(self.in_force(event), np.minimum(1.0, (age + 1.0) / phase_in), 0.0)
        return self._shares[event]

    def in_force(self, event: str) -> Mask:
        """The months in which an event is in force, (n, months)."""
        age, lasts = self._age(event), self._plan.events[event].lasts
        return np.asarray((age >= 0) & (age < (math.inf if lasts is None else lasts)), np.bool_)

    def begins(self, event: str) -> Mask:
        """The month in which an event begins, (n, months)."""
        return np.asarray(self._age(event) == 0, np.bool_)

    def _age(self, event: str) -> Array:
        """Months since it began; NaN where it does not happen."""
        if event not in self._ages:
            in_force = self._values[event][:, None]
            begin = np.where(in_force > 0, self._months - in_force, np.nan)
            self._ages[event] = np.arange(float(self._months)) - begin
        return self._ages[event]

    def _changed(self, step: Quantity, also: tuple[str, ...], low: float, high: float) -> Array:
        value = self._base(step)[:, None]
        names = [name for name in (step.assumption, *also) if name is not None and name in self._touched]
        for name in names:
            value = value * self._change(name).times
        for name in names:
            value = value + self._change(name).plus * (step.number if name == step.assumption else 1.0)
        return np.clip(value, low, high) if names else np.minimum(value, high)

    def _change(self, name: str) -> _Change:
        """What all events and shocks do to what is called `name`."""
        if name not in self._changes:
            times, plus = np.ones((1, 1)), np.zeros((1, 1))
            for event, entry in sorted(self._plan.events.items()):
                effect = entry.effect.get(name)
                if effect is None:
                    continue
                amount = self._base(effect.amount)[:, None]
                if effect.kind == "multiply":
                    times = times * (1.0 + (amount - 1.0) * self.share(event))
                else:
                    plus = plus + amount * self.share(event)
            for shock, loadings in sorted(self._plan.shocks.items()):
                loading = loadings.loadings.get(name, 0.0)
                if loading and self._shocks is not None:
                    times = times * np.exp(loading * self._shocks[shock] - loading * loading / 2.0)
            self._changes[name] = _Change(times, plus)
        return self._changes[name]


def _touched(plan: Plan) -> frozenset[str]:
    """Everything that an event or a shock changes, by name."""
    events = (name for event in plan.events.values() for name in event.effect)
    return frozenset((*events, *(name for shock in plan.shocks.values() for name in shock.loadings)))


@lru_cache(maxsize=4096)
def _steps(quantity: Quantity, start: int, months: int) -> tuple[tuple[Quantity, Mask], ...]:
    """What a number is in some month, each once, with the months in which it is that, (months,)."""
    held = [quantity.at(start + t) for t in range(months)]
    return tuple((step, np.array([other == step for other in held])) for step in dict.fromkeys(held))


def shock_columns(plan: Plan, shock: str) -> list[str]:
    """Names of the normal scores that drive a shock, one a month."""
    return [f"{shock}/{month_label(plan.plan.start + t)}" for t in range(plan.plan.months)]


def shock_levels(persistence: float, innovations: Array) -> Array:
    """Levels of a stationary AR(1) of unit variance: z_t = ρ z_{t−1} + sqrt(1 − ρ²) ε_t, z_0 = ε_0.

    Parameters
    ----------
    persistence : ρ
    innovations : ε, (n, months), standard normal

    >>> shock_levels(0.6, np.array([[1.0, 1.0]])).tolist()
    [[1.0, 1.4]]
    """
    levels = innovations.copy()
    for t in range(1, levels.shape[1]):
        levels[:, t] = persistence * levels[:, t - 1] + math.sqrt(1.0 - persistence**2) * innovations[:, t]
    return levels


def mean_level_sd(persistence: float, months: int) -> float:
    """Standard deviation of the mean of `months` levels: sqrt(Σ ρ^|s − t|) / months."""
    lags = np.abs(np.subtract.outer(np.arange(months), np.arange(months)))
    return float(np.sqrt(np.sum(np.power(float(persistence), lags)))) / months
