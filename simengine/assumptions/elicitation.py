"""How sure one can be of what people and history say: the source policy's widening of a distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simengine.assumptions import metalog
from simengine.assumptions.laws import Distribution
from simengine.assumptions.spec import shown

Array = NDArray[np.float64]
Scale = Literal["linear", "log", "logit"]

_P10_TO_P90 = 2.563103131089201
"""Distance from P10 to P90 of a normal law, in standard deviations."""


def _to_scale(x: Array, scale: Scale) -> Array:
    with np.errstate(divide="ignore"):
        if scale == "log":
            return np.log(np.maximum(x, 0.0))
        if scale == "logit":
            return metalog.logit(np.clip(x, 0.0, 1.0))
    return x


def _from_scale(g: Array, scale: Scale) -> Array:
    if scale == "log":
        return np.exp(g)
    if scale == "logit":
        return metalog.expit(g)
    return g


@dataclass(frozen=True)
class Widened(Distribution):
    """A law whose deviations from its median are `factor` times as large on `scale`. Built by `widen`."""

    base: Distribution
    factor: float
    scale: Scale
    center: float
    """The median of `base`."""

    def _stretched(self, x: Array, factor: float) -> Array:
        middle = _to_scale(np.array(self.center), self.scale)
        return _from_scale(middle + factor * (_to_scale(x, self.scale) - middle), self.scale)

    def _ppf(self, u: Array) -> Array:
        return self._stretched(self.base.ppf(u), self.factor)

    def _cdf(self, x: Array) -> Array:
        lo, hi = self.support()
        inner = self.base.cdf(self._stretched(np.clip(x, lo, hi), 1.0 / self.factor))
        return np.where(x < lo, 0.0, np.where(x >= hi, 1.0, inner))

    def median(self) -> float:
        """Return the median, that of the law before widening."""
        return self.center

    def _support(self) -> tuple[float, float]:
        lo, hi = self._stretched(np.array(self.base.support()), self.factor)
        return float(lo), float(hi)

    def _atoms(self) -> Array:
        return self._stretched(self.base.atoms(), self.factor)

    def _describe(self) -> str:
        scale = "" if self.scale == "linear" else f" on the {self.scale} scale"
        return f"{self.base.describe()}; deviations from the median times {shown(self.factor)}{scale}"


def choose_scale(unit: str, dist: Distribution) -> Scale:
    """Return the scale on which a law is widened without leaving its range.

    A fraction within 0 and 1 keeps within (logit), a number that cannot be negative stays so (log), all else
    is linear.
    """
    lo, hi = dist.support()
    if unit.startswith("fraction") and lo >= 0 and hi <= 1:
        return "logit"
    return "log" if lo >= 0 else "linear"


def widen(dist: Distribution, factor: float, scale: Scale) -> Distribution:
    """Return the law with deviations from its median multiplied by `factor` on `scale`.

    With g the scale (x, ln x or ln(x/(1-x))) and m the median, the quantile function becomes
    `g⁻¹(g(m) + factor · (g(Q(u)) - g(m)))`. The median stays. Single values with probabilities (fixed, discrete,
    bernoulli) are returned as they are, and so is a law whose median sits on the end of its scale (more than half
    of its probability is on 0, say): there is nothing to multiply.

    Parameters
    ----------
    dist : the law as stated
    factor : above 0; 1 changes nothing
    scale : from `choose_scale`
    """
    if factor == 1 or dist.is_discrete:
        return dist
    center = dist.median()
    if not np.isfinite(_to_scale(np.array(center), scale)):
        return dist
    return Widened(dist, factor, scale, center)


def drift_factor(dist: Distribution, drift: float, scale: Scale) -> float:
    """Return the factor for `widen` that adds a year-to-year drift to what sampling alone leaves open.

    `k = sqrt(1 + (drift/c)²)` with c the relative standard deviation as stated, `c = (P90 - P10)/2.5631/|median|`:
    variances add up. On the log scale c is taken of ln x; on the logit scale c is taken of ln(x/(1-x)) and the drift
    is divided by 1 - median, since a small relative change of x moves it by that much. For narrow laws the three
    agree.

    Parameters
    ----------
    dist : the law as stated
    drift : standard deviation from year to year, relative to the median
    scale : on which the law will be widened
    """
    if dist.is_discrete:
        return 1.0
    low, middle, high = (float(x) for x in dist.ppf([0.1, 0.5, 0.9]))
    ends = _to_scale(np.array([low, high]), scale)
    spread = float(ends[1] - ends[0]) / _P10_TO_P90
    wanted = (
        drift * {"linear": abs(middle), "log": 1.0, "logit": 1.0 / (1.0 - middle) if middle < 1 else math.inf}[scale]
    )
    return math.sqrt(1 + (wanted / spread) ** 2) if spread > 0 and math.isfinite(spread) else 1.0
