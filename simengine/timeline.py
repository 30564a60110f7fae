"""What every number of a plan is in every month: steps, events and shocks (docs/model.md, step 0)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simengine.plan.evidence import Event, Shock
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.units import month_label

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


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
        self._shares: dict[str, Array] = {}
        self._changes: dict[str, tuple[Array, Array]] = {}

    def of(self, quantity: Quantity, *also: str, low: float = 0.0, high: float = math.inf) -> Array:
        """A number in every month, (n, months), or (n, 1) where it never changes.

        Parameters
        ----------
        quantity : the number as the plan states it
        also : what else an event or shock may call it: a volume is also named by its channel, and channel/segment
        low, high : where a number that an event or shock changes is cut off
        """
        if not changes(self._plan, quantity, *also):
            return np.broadcast_to(self._base(quantity)[:, None], (self.paths, 1))
        start, out = self._plan.plan.start, np.empty((self.paths, self._months))
        held = [quantity.at(start + t) for t in range(self._months)]
        for step in dict.fromkeys(held):
            where = np.array([other == step for other in held])
            out[:, where] = self._changed(step, also, low, high)[:, where]
        return out

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
        in_force = self._values[event][:, None]
        begin = np.where(in_force > 0, self._months - in_force, np.nan)
        return np.asarray(np.arange(float(self._months)) - begin)

    def _base(self, quantity: Quantity) -> Array:
        value = np.atleast_1d(np.asarray(quantity.of(self._values), np.float64))
        return np.broadcast_to(value, self.paths)

    def _changed(self, step: Quantity, also: tuple[str, ...], low: float, high: float) -> Array:
        names = [name for name in (step.assumption, *also) if name is not None]
        if not any(_touches(self._plan, name) for name in names):
            return np.broadcast_to(self._base(step)[:, None], (self.paths, self._months))
        times, plus = np.ones((self.paths, self._months)), np.zeros((self.paths, self._months))
        for name in names:
            factor, amount = self._change(name)
            times = times * factor
            plus = plus + amount * (step.number if name == step.assumption else 1.0)
        return np.clip(self._base(step)[:, None] * times + plus, low, high)

    def _change(self, name: str) -> tuple[Array, Array]:
        """By how much all events and shocks multiply what is called `name`, and what they add, in its own unit."""
        if name not in self._changes:
            times, plus = np.ones((self.paths, self._months)), np.zeros((self.paths, self._months))
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
            self._changes[name] = times, plus
        return self._changes[name]


def changes(plan: Plan, quantity: Quantity, *also: str) -> bool:
    """Whether a number changes from month to month."""
    names = {step.assumption for step in quantity.steps if step.assumption is not None}
    return bool(quantity.later) or any(_touches(plan, name) for name in (*names, *also))


def _touches(plan: Plan, name: str) -> bool:
    entries: list[Event | Shock] = [*plan.events.values(), *plan.shocks.values()]
    return any(name in (entry.effect if isinstance(entry, Event) else entry.loadings) for entry in entries)


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
