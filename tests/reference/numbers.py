"""What every number of the plan is in every month (docs/model.md, step 0): steps, events, shocks, limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from simengine.plan.evidence import Event
from simengine.plan.people import ByTenure
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan

YEAR = 12


class Numbers:
    """The numbers of one path. Months are those of the path, from 0 on."""

    def __init__(self, plan: Plan, values: Mapping[str, float], shocks: Mapping[str, Sequence[float]] | None) -> None:
        self.plan, self.values, self.shocks = plan, values, shocks or {}
        self.start, self.months = plan.plan.start, plan.plan.months
        self.grown = self.start - (plan.plan.growth_from or self.start)

    def at(self, quantity: Quantity, month: int, *also: str, low: float = 0.0, high: float = math.inf) -> float:
        """A number in a month. `also`: other names that events and shocks may know it by."""
        if quantity.assumption is None and not quantity.later and not also:
            return min(max(quantity.number, low), high)
        now = quantity.at(self.start + month)
        names = {name for name in (now.assumption, *also) if name is not None}
        value = self._written(quantity, month)
        added = 0.0
        for name, event in sorted(self.plan.events.items()):
            share = self.share_in_force(name, event, month)
            for target, effect in event.effect.items():
                if target not in names or share == 0:
                    continue
                amount = self._written(effect.amount, month)
                if effect.kind == "multiply":
                    value *= 1 + (amount - 1) * share
                else:
                    # In the assumption's own unit, and then into the field's.
                    added += amount * share * (now.number if target == now.assumption else 1.0)
        for name, levels in self.shocks.items():
            for target, loading in self.plan.shocks[name].loadings.items():
                if target in names:
                    value *= math.exp(loading * levels[month] - loading**2 / 2)
        return float(min(max(value + added, low), high))

    def share(self, quantity: Quantity, month: int) -> float:
        """A fraction in a month: never outside 0 to 1."""
        return self.at(quantity, month, high=1.0)

    def share_in_force(self, name: str, event: Event, month: int) -> float:
        """How much of an event's effect is there in a month: phased in, none before it and after it."""
        age = month - (self.months - self.values[name])
        if self.values[name] == 0 or age < 0 or (event.lasts is not None and age >= event.lasts):
            return 0.0
        return min(1.0, (age + 1) / max(1.0, self._written(event.phase_in_months, month)))

    def _written(self, quantity: Quantity, month: int) -> float:
        """A number as the plan writes it for a month, before events and shocks."""
        return float(quantity.at(self.start + month).of(self.values))

    def multiple(self, bands: ByTenure, tenure: float, month: int) -> float:
        """What holds at a tenure: the last entry not later than it, 1 before the first."""
        held = [self.at(times, month) for first, times in sorted(bands.items()) if first <= tenure]
        return held[-1] if held else 1.0

    def integral(self, bands: ByTenure, tenure: float, month: int) -> float:
        """The multiples, integrated over the month that begins at a tenure."""
        ends = sorted({tenure, tenure + 1, *(first for first in bands if tenure < first < tenure + 1)})
        return math.fsum((b - a) * self.multiple(bands, a, month) for a, b in pairwise(ends))


def relative(weights: Sequence[float] | None, calendar_month: int) -> float:
    """Weight of a calendar month (January is 0) divided by the mean of all twelve; 1 where there are none."""
    return 1.0 if weights is None else weights[calendar_month] * len(weights) / math.fsum(weights)


class Clock:
    """The closing clock: it runs faster in months in which more is closed."""

    def __init__(self, weights: Sequence[float] | None, start: int, months: int) -> None:
        self.speed = [relative(weights, (start + month) % YEAR) for month in range(months)]
        self.before = [0.0, *accumulate(self.speed)]

    def closes(self, month: int, u: float, cycle: float) -> int:
        """Month at whose end something closes that starts in `month`; the number of months where it is later."""
        needed = u * self.speed[month] + cycle
        later = range(month, len(self.speed))
        return next((j for j in later if self.before[j + 1] - self.before[month] > needed), len(self.speed))
