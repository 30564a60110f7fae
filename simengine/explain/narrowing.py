"""A share of variance in the result's own unit: how much narrower P10 to P90 would be if something were known."""

from __future__ import annotations

import math

import numpy as np

from simengine.explain.intervals import Z95, Bounded, Floats
from simengine.explain.variance import standard_error

_LOW, _HIGH = 0.1, 0.9


def narrowing(y: Floats, left: Floats, terms: float) -> Bounded:
    """Distance from P10 to P90 of a result, less that of what is left of it once something is known.

    What is left is `y − E[y | what is known]`, taken as if its law were the same whatever became known.

    Parameters
    ----------
    y : (n,) the result
    left : (n,) residuals of a fit to what would be known
    terms : of the fit; residuals are too small by √(1 − terms / n)
    """
    n = len(y)
    whole, of_whole = _width(y)
    rest, of_rest = _width(left / math.sqrt(max(1 / n, 1 - terms / n)))
    margin = Z95 * standard_error(of_whole - of_rest)
    return whole - rest, whole - rest - margin, whole - rest + margin


def _width(y: Floats) -> tuple[float, Floats]:
    """From P10 to P90, and what each draw contributes: `(level − 1(y ≤ q)) / f(q)` for a quantile q with density f."""
    n = len(y)
    near = min(0.05, n ** (-1 / 3))
    low, before, after = np.quantile(y, (_LOW, _LOW - near, _LOW + near))
    high, below, above = np.quantile(y, (_HIGH, _HIGH - near, _HIGH + near))
    of_low = (_LOW - (y <= low)) * (after - before) / (2 * near)
    of_high = (_HIGH - (y <= high)) * (above - below) / (2 * near)
    return float(high - low), of_high - of_low
