"""The metalog: a quantile function that passes through stated quantiles (Keelin 2016).

With `s = ln(y / (1 - y))` and `t = y - 1/2` the quantile function is `M(y) = A(t) + s B(t)`, where A and B
are polynomials whose coefficients enter in Keelin's order: A0, B0, B1, A1, A2, B2, A3, B3, ...

Source: T. W. Keelin, The Metalog Distributions, Decision Analysis 13 (2016) 243-277.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from simengine.assumptions.inversion import Inverse

Array = NDArray[np.float64]
Coefficients = tuple[float, ...]

LARGEST_LOGIT = 40.0
"""Probabilities of 4e-18 and its complement: past every uniform that is ever drawn."""


def logit(y: Array) -> Array:
    """Return ln(y / (1 - y)) of probabilities."""
    return np.log(y) - np.log1p(-y)


def expit(s: Array) -> Array:
    """Return 1 / (1 + exp(-s)), exact in both tails."""
    e = np.exp(-np.abs(s))
    return np.where(s >= 0, 1.0, e) / (1.0 + e)


def _polynomials(terms: Coefficients) -> tuple[list[float], list[float]]:
    """Split coefficients into those of A and of B, lowest power first."""
    a, b = [terms[0]], list(terms[1:3])
    for k, coefficient in enumerate(terms[3:], start=4):
        (b if k % 2 == 0 and k > 4 else a).append(coefficient)
    return a, b


def _horner(coefficients: list[float], t: Array) -> Array:
    value = np.zeros_like(t)
    for c in reversed(coefficients):
        value = value * t + c
    return value


def _derivative(coefficients: list[float]) -> list[float]:
    return [k * c for k, c in enumerate(coefficients)][1:]


def at_probability(terms: Coefficients, y: Array) -> Array:
    """Return M(y) at probabilities in (0, 1)."""
    a, b = _polynomials(terms)
    t = y - 0.5
    return _horner(a, t) + logit(y) * _horner(b, t)


def at_logit(terms: Coefficients, s: Array) -> Array:
    """Return M at probabilities given by their logits: exact far into both tails."""
    a, b = _polynomials(terms)
    t = 0.5 * np.tanh(0.5 * s)
    return _horner(a, t) + s * _horner(b, t)


def slope(terms: Coefficients, s: Array) -> Array:
    """Return dM/ds. The density at M is y (1 - y) / (dM/ds): the law is feasible where this is above zero."""
    a, b = _polynomials(terms)
    y = expit(s)
    t = 0.5 * np.tanh(0.5 * s)
    dt = y * expit(-s)
    return _horner(b, t) + dt * (_horner(_derivative(a), t) + s * _horner(_derivative(b), t))


def tails(terms: Coefficients) -> tuple[float, float]:
    """Return dM/ds towards y = 0 and y = 1: how fast each tail runs out."""
    _, b = _polynomials(terms)
    ends = _horner(b, np.array([-0.5, 0.5]))
    return float(ends[0]), float(ends[1])


def inverse(terms: Coefficients) -> Inverse:
    """Return the function that maps z to the logit s with M(s) = z, within ±LARGEST_LOGIT."""
    grid = np.linspace(-LARGEST_LOGIT, LARGEST_LOGIT, 641)
    return Inverse(partial(at_logit, terms), grid, absolute=1e-14)


def fit(levels: Array, values: Array) -> Coefficients | None:
    """Return the coefficients of the metalog with as many terms as quantiles, which passes through all of them.

    Parameters
    ----------
    levels : (n,) distinct probabilities in (0, 1), n of at least 3
    values : (n,) the quantiles at these levels, increasing

    Returns
    -------
    The coefficients, or None where the levels do not fix them: too close together, or (seven symmetric ones) with
    more terms of one parity than there are pairs.
    """
    if np.diff(values).min() <= 1e-12 * np.abs(values).max():
        return None
    n = len(levels)
    basis = np.column_stack([at_probability(tuple(row), levels) for row in np.eye(n).tolist()])
    # Solved for centred, scaled values: 120,000,000 ± 1 is as good a set of quantiles as 0 ± 1.
    centre, scale = values[n // 2], np.ptp(values)
    try:
        terms = np.linalg.solve(basis, (values - centre) / scale)
    except np.linalg.LinAlgError:
        return None
    # Terms that are zero but for rounding would bend the tails, where s is large.
    terms[np.abs(terms) < 1e-12 * np.abs(terms).max()] = 0.0
    terms *= scale
    terms[0] += centre
    found = tuple(terms.tolist())
    return found if np.abs(at_probability(found, levels) - values).max() <= 1e-9 * scale else None


def fits(levels: Array, values: Array) -> bool:
    """Return True if there is a feasible metalog through these quantiles."""
    terms = fit(levels, values)
    return terms is not None and steepest_fault(terms) is None


def steepest_fault(terms: Coefficients) -> float | None:
    """Return the probability at which the density is not above zero, or None where the law is feasible.

    Checked on a grid of the logit (step 0.005), again around its lowest point, and in the limit of both
    tails.
    """
    s = np.linspace(-LARGEST_LOGIT, LARGEST_LOGIT, 4_001)
    lowest = s[np.argmin(slope(terms, s))]
    around = np.linspace(max(lowest - 0.04, s[0]), min(lowest + 0.04, s[-1]), 401)
    values = slope(terms, around)
    if values.min() <= 0:
        return float(expit(around[np.argmin(values)]))
    lower, upper = tails(terms)
    return 0.0 if lower < 0 else 1.0 if upper < 0 else None


def middle_range(levels: Array, values: Array) -> tuple[float, float]:
    """Return between which values the middle one of three quantiles must lie (the outer two given)."""
    low, _, high = values
    # With B1 = 0 the law is a logistic one: always feasible.
    s = logit(levels)
    inside = float(low + (high - low) * (s[1] - s[0]) / (s[2] - s[0]))
    ends = []
    for outside in (float(low), float(high)):
        good, bad = inside, outside
        for _ in range(30):
            middle = 0.5 * (good + bad)
            good, bad = (middle, bad) if fits(levels, np.array([low, middle, high])) else (good, middle)
        ends.append(good)
    return ends[0], ends[1]
