"""Order instead of size: what makes an estimate blind to the unit and the shape of an assumption."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def midranks(x: Floats) -> Floats:
    """Rank of each value as a share of all, strictly between 0 and 1; equal values share the middle of their ranks.

    >>> midranks(np.array([10.0, 30.0, 30.0, 20.0]))
    array([0.125, 0.75 , 0.75 , 0.375])
    """
    order = np.argsort(x)
    ordered = x[order]
    first = np.append(True, ordered[1:] != ordered[:-1])
    start = np.flatnonzero(first)
    end = np.append(start[1:], len(x))
    ranks = np.empty(len(x))
    ranks[order] = ((start + end) / (2 * len(x)))[np.cumsum(first) - 1]
    return ranks


def midranks_among(x: Floats, sample: Floats) -> Floats:
    """Rank of each value among the values of `sample`, on the scale of `midranks`; nan stays nan.

    >>> midranks_among(np.array([20.0, 99.0, np.nan]), np.array([10.0, 20.0, 30.0, 40.0]))
    array([0.375, 1.   ,   nan])
    """
    ordered = np.sort(sample)
    ranks = (np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right")) / (2 * len(sample))
    return np.where(np.isnan(x), np.nan, ranks)


def ranks_of(x: Floats) -> list[Floats]:
    """Midranks of the columns of `x`, (n, k): what every estimate here asks of its inputs, so they are sorted once."""
    return [midranks(np.ascontiguousarray(column)) for column in x.T]


def normal_scores(x: Floats) -> Floats:
    """Standard normal quantiles of the midranks.

    >>> normal_scores(np.array([5.0, 1.0, 3.0])).round(3).tolist()
    [0.967, -0.967, 0.0]
    """
    from scipy.special import ndtri

    return np.asarray(ndtri(midranks(x)))


def normal_scores_among(x: Floats, sample: Floats) -> Floats:
    """Standard normal quantiles of the ranks among the values of `sample`; none lies beyond its extremes."""
    from scipy.special import ndtri

    most = 2 * len(sample)
    return np.asarray(ndtri(np.clip(midranks_among(x, sample), 1 / most, (most - 1) / most)))
