"""The numbers of a plan by month, as the spreadsheet reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR, MOST_LEAVING

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Values = Mapping[str, float]

LEAST_GROWTH, LEAST_PRICE_INCREASE = -0.99, -0.9


class Numbers:
    """Every number of a plan in every month, at one value for each assumption and event; shocks at their mean."""

    def __init__(self, plan: Plan, values: Values) -> None:
        self.plan, self.months, self.start = plan, plan.plan.months, plan.plan.start
        self._timeline = Timeline(plan, values, None)
        self._found: dict[tuple[Quantity, tuple[str, ...], float, float], Array] = {}

    def of(self, quantity: Quantity | None, *also: str, low: float = 0.0, high: float = math.inf) -> Array:
        """A number by month, (months,); zero where the plan does not state it. See `Timeline.of`."""
        if quantity is None:
            return np.zeros(self.months)
        asked = quantity, also, low, high
        if asked not in self._found:
            found = self._timeline.of(quantity, *also, low=low, high=high)[0]
            self._found[asked] = np.repeat(found, self.months) if len(found) == 1 else found
        return self._found[asked].copy()

    def fraction(self, quantity: Quantity | None) -> Array:
        """A number from 0 to 1 by month, (months,)."""
        return self.of(quantity, high=1.0)

    def hazard(self, quantity: Quantity | None) -> Array:
        """Hazard per month, −ln(1 − p)/12, of a probability within a year, by month."""
        leaving = np.minimum(self.fraction(quantity), MOST_LEAVING)
        return np.asarray(-np.log1p(-leaving) / MONTHS_PER_YEAR)

    def season(self, weights: tuple[float, ...] | None) -> Array:
        """Weights of the calendar months over their mean, by month; 1 where none are given."""
        if weights is None:
            return np.ones(self.months)
        factors = np.array(weights) * (MONTHS_PER_YEAR / math.fsum(weights))
        return np.asarray(factors[(self.start + np.arange(self.months)) % MONTHS_PER_YEAR])

    def fiscal_months(self, t: int) -> int:
        """Months of the fiscal year before month t, as far as they lie in the plan."""
        return min(t, (self.start + t - (self.plan.plan.fiscal_year_start - 1)) % MONTHS_PER_YEAR)
