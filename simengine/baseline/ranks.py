"""Ranks of customers by size, where larger ones renew differently: a grid that every customer lies on or between."""

from __future__ import annotations

import math

import numpy as np

from simengine.baseline.laws import log_sigma
from simengine.baseline.numbers import Array
from simengine.plan.customers import Base

_NODES = 33
MIDDLE = 0.5
"""Rank of a customer whose ARR is stated."""


def gini(base: Base) -> float:
    """Gini coefficient of lognormal sizes, 2 Φ(s/√2) − 1 (Aitchison and Brown, *The Lognormal Distribution*, 1957)."""
    return math.erf(float(log_sigma(base.size_spread)) / 2.0)


def nodes(base: Base | None) -> Array:
    """The ranks that a segment's customers are kept by: one where size makes no difference."""
    if base is None or base.dollar_renewal_rate is None or gini(base) == 0:
        return np.array([MIDDLE])
    return np.linspace(0.0, 1.0, _NODES)


def spread_over(grid: Array, ranks: Array, weights: Array) -> Array:
    """The weights, divided between the nodes to the left and right of each rank so that its mean is kept, (node,)."""
    if len(grid) == 1:
        return np.array([weights.sum()])
    at = ranks * (len(grid) - 1)
    left = np.minimum(np.floor(at).astype(np.int64), len(grid) - 2)
    found = np.zeros(len(grid))
    np.add.at(found, left, weights * (left + 1 - at))
    np.add.at(found, left + 1, weights * (at - left))
    return found
