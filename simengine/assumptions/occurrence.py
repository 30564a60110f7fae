"""The law of an event: whether it happens, and from when on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simengine.assumptions.laws import Array, Distribution, Stepped


@dataclass(frozen=True)
class Occurrence(Stepped):
    """Months in force in a plan of `months` from `start` on, of an event that happens with some probability.

    It begins in month floor(S), S of the law `starts` (months since year 0): V = start + months − floor(S), kept in
    0 … months; 0 where it does not happen: a late start is a low value.

    >>> from simengine.assumptions.laws import Fixed
    >>> Occurrence(0.25, Fixed(24324.0), 24324, 12).ppf([0.7, 0.8]).tolist()
    [0.0, 12.0]
    """

    probability: float
    starts: Distribution
    start: int
    months: int

    def _values_and_probabilities(self) -> tuple[Array, Array]:
        values = self.atoms()
        return values, self.cdf(values)

    def _cdf(self, x: Array) -> Array:
        return np.array([1.0 - self._more_than(float(value)) for value in x])

    def _more_than(self, x: float) -> float:
        """P(V > x): it happens, and S lies before the month from which on only x months are left."""
        if x < 0 or x >= self.months:
            return float(x < 0)
        before = self.start + self.months - math.floor(x)
        return self.probability * self.starts.at_most(math.nextafter(before, -math.inf))

    def _mean(self) -> float:
        return math.fsum(self._more_than(float(k)) for k in range(self.months))

    def _sd(self) -> float:
        square = math.fsum((2 * k + 1) * self._more_than(float(k)) for k in range(self.months))
        return math.sqrt(max(0.0, square - self._mean() ** 2))

    def _support(self) -> tuple[float, float]:
        values = self.atoms()
        return float(values[0]), float(values[-1])

    def _atoms(self) -> Array:
        at_least = [1.0, *(self._more_than(float(k)) for k in range(self.months)), 0.0]
        return np.array([k for k in range(self.months + 1) if at_least[k] > at_least[k + 1]], dtype=np.float64)

    def _describe(self) -> str:
        return f"months in force; happens with probability {self.probability:g}"
