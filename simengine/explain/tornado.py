"""The tornado: what a result is when one assumption turns out low, and when it turns out high."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.intervals import Bounded, Floats, Interval, difference, mean, median, proportion, stacked
from simengine.explain.ranks import midranks

FIFTH = 0.2
_NEAR = 0.05
"""Share of the draws, on either side of the edge of a fifth, that tell what the result is at the edge."""
_FEWEST_VALUES = 20
"""Different values near an edge from which on it is a quantile of the draws; else it lies between two levels."""


class Tornado(NamedTuple):
    """A result where each of k inputs is low (bottom fifth), where it is high (top fifth), and high minus low; (k,)."""

    bottom: Interval
    top: Interval
    swing: Interval


def fifths(x: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the bottom and the top fifth of the values `x`, (n,), equal values never parted.

    Of an input with few values the lowest and the highest levels are marked: those whose middle rank is in the outer
    fifth, and at least one. Of a constant both marks are all draws.

    >>> bottom, top = fifths(np.array([0.0, 0.0, 0.0, 0.0, 1.0]))
    >>> int(bottom.sum()), int(top.sum())
    (4, 1)
    """
    return _ends(midranks(x))


def _ends(ranks: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return ranks <= max(FIFTH, ranks.min()), ranks >= min(1 - FIFTH, ranks.max())


def tornado(ranks: Sequence[Floats], y: Floats, estimate: Callable[[Floats], Bounded] = mean) -> Tornado:
    """Estimate a result in the bottom and in the top fifth of each input.

    The other inputs stay as they were drawn, so that inputs which move together show together.

    Where a fifth ends is a quantile of the draws, and an estimate too: with p the share of the fifth, μ the mean in it,
    σ² the variance and m the result at its edge, the mean has the variance `(σ² + (1 − p)(m − μ)²) / (n p)`, as that of
    an expected shortfall (S. Manistre and G. Hancock, North American Actuarial Journal 9, 2005, 129-156). The interval
    that `estimate` gives is made wider by as much, that of a median by what holds of being below it.

    Parameters
    ----------
    ranks
        Of the k inputs, (n,) each, from `ranks.ranks_of`.
    y
        The result, (n,): a metric, or 0 and 1 for a target missed or hit.
    estimate
        What to tell of the result in a fifth: `intervals.mean`, `median` or `proportion`.
    """
    ends = [(column, *_ends(column)) for column in ranks]
    bottom = stacked(_told(column, y, low, FIFTH, estimate) for column, low, _ in ends)
    top = stacked(_told(column, y, high, 1 - FIFTH, estimate) for column, _, high in ends)
    return Tornado(bottom, top, difference(top, bottom))


def _told(
    ranks: Floats, y: Floats, end: NDArray[np.bool_], edge: float, estimate: Callable[[Floats], Bounded]
) -> Bounded:
    """An estimate in a fifth, its interval as much wider as the edge of the fifth is uncertain."""
    value, lower, upper = estimate(y[end])
    near = np.abs(ranks - edge) <= _NEAR
    if len(np.unique(ranks[near])) < _FEWEST_VALUES:
        return value, lower, upper
    counted = (y <= value).astype(np.float64) if estimate is median else y
    inside = counted[end]
    with np.errstate(invalid="ignore"):  # a mean of infinite values has no interval to widen
        spread, apart = float(inside.var()), float(counted[near].mean() - inside.mean())
    if not (math.isfinite(apart) and spread > 0):
        return value, lower, upper
    wider = math.sqrt(1 + (1 - float(end.mean())) * apart**2 / spread)
    lower, upper = value - wider * (value - lower), value + wider * (upper - value)
    return (value, max(0.0, lower), min(1.0, upper)) if estimate is proportion else (value, lower, upper)
