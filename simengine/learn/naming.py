"""Estimates from a value and its standard error, and how much groups differ beyond sampling error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from simengine.learn.estimate import Z90, Estimate

Say = Callable[[str], object]
"""Is told what is left out, and why."""


def silent(words: str) -> None:
    """Say nothing."""


def share(
    name: str,
    unit: str,
    value: float,
    error: float,
    n: int,
    method: str,
    naive: float | None = None,
    drift: float | None = None,
) -> Estimate:
    """A share with its standard error on the logit scale: beta law whose variance is that of the share.

    A beta law with mean w and α + β = n has variance w (1 − w)/(n + 1), the delta method w² (1 − w)² error².
    """
    logit = np.log(value / (1 - value))
    lower, upper = (float(1 / (1 + np.exp(-(logit + sign * Z90 * error)))) for sign in (-1, 1))
    size = max(1.0, 1 / (value * (1 - value) * error**2) - 1)
    law = {"beta": {"mean": round(value, 4), "n": round(size)}}
    return Estimate(name, unit, value, lower, upper, law, n, method, naive, drift)


def positive(
    name: str,
    unit: str,
    value: float,
    error: float,
    n: int,
    method: str,
    naive: float | None = None,
    drift: float | None = None,
) -> Estimate:
    """What is above zero with its standard error on the logarithmic scale: lognormal law."""
    lower, upper = (float(value * np.exp(sign * Z90 * error)) for sign in (-1, 1))
    law = {"lognormal": {"median": float(f"{value:.4g}"), "sigma": float(f"{error:.3g}")}}
    return Estimate(name, unit, value, lower, upper, law, n, method, naive, drift)


def between(values: ArrayLike, errors: ArrayLike) -> float:
    """Standard deviation between groups beyond sampling error, by moments (DerSimonian and Laird 1986); at least 0.

    Parameters
    ----------
    values, errors : of each group its estimate and its standard error, (groups,)

    >>> between([1.0, 1.0, 1.0], [0.1, 0.1, 0.1])
    0.0
    """
    y, weight = np.asarray(values, np.float64), np.asarray(errors, np.float64) ** -2.0
    q = float(weight @ (y - weight @ y / weight.sum()) ** 2)
    scale = float(weight.sum() - (weight @ weight) / weight.sum())
    return float(np.sqrt(max(0.0, (q - (y.size - 1)) / scale))) if scale > 0 else 0.0
