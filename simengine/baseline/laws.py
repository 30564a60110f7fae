"""Expectations of lognormal lags, ramps and sizes. Times are in months."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from simengine.baseline.numbers import Array

SMALLEST_SURVIVAL = 1e-300
_erfc = np.frompyfunc(math.erfc, 1, 1)


def normal_cdf(x: Any) -> Array:
    """Φ(x), element by element."""
    return np.asarray(0.5 * _erfc(np.asarray(x) / -math.sqrt(2.0)), np.float64)


def log_sigma(spread: Any) -> Any:
    """Standard deviation of the logarithm of a lognormal with coefficient of variation `spread`: sqrt(ln(1 + c²))."""
    return np.sqrt(np.log1p(np.square(spread)))


def expected_time_since(x: Any, mean: Any, spread: Any) -> Array:
    """G(x) = E max(0, x − X) of a lognormal X: x Φ(d) − m Φ(d − s), d = (ln(x/m) + s²/2)/s; arguments broadcast."""
    at, means, spreads = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (x, mean, spread)))
    out: Array = np.maximum(0.0, at - means)
    curved = (spreads > 0) & (means > 0) & (at > 0)
    if curved.any():
        at, means, s = at[curved], means[curved], log_sigma(spreads[curved])
        d = (np.log(at / means) + s * s / 2) / s
        out[curved] = at * normal_cdf(d) - means * normal_cdf(d - s)
    return out


def survival(x: Any, mean: float, spread: float) -> Array:
    """P(X > x) of a lognormal X, kept above 1e-300; of a fixed one where the spread is zero."""
    at = np.asarray(x, np.float64)
    if spread == 0 or mean == 0:
        return np.where((at <= 0) | (mean > at), 1.0, SMALLEST_SURVIVAL)
    out = np.ones_like(at)
    s = log_sigma(spread)
    out[at > 0] = normal_cdf(-(np.log(at[at > 0] / mean) + s * s / 2) / s)
    return np.maximum(SMALLEST_SURVIVAL, out)


def lag_shares(mean: float, spread: float, months: int) -> Array:
    """Share of a cohort for whom a lag lasts k whole months, k = 0 … months − 1.

    `P(floor(X + U) ≤ k) = G(k + 1) − G(k)`, `G(x) = E max(0, x − X)`, X lognormal, U uniform (docs/model.md, part 4).

    Parameters
    ----------
    mean : mean of X, months
    spread : coefficient of variation of X

    >>> lag_shares(1.25, 0.0, 4).tolist()
    [0.0, 0.75, 0.25, 0.0]
    """
    return np.diff(np.diff(expected_time_since(np.arange(months + 1.0), mean, spread)), prepend=0.0)


def closing_shares(mean: Array, spread: Array, weights: Array) -> Array:
    """Share of what starts in month t that closes in month j, (t, j); the last column is what closes after the plan.

    By the end of month j, with the closing clock Λ: `(G(Λ(j+1) − Λ(t)) − G(Λ(j+1) − Λ(t+1)))/w_t`; where w_t = 0,
    `P(X < Λ(j+1) − Λ(t))`.

    Parameters
    ----------
    mean, spread : of the cycle of what starts in each month, (months,)
    weights : months by which the closing clock advances in each month, (months,)
    """
    months = len(weights)
    if (weights == 1).all() and (mean == mean[0]).all() and (spread == spread[0]).all():
        shares = np.append(lag_shares(float(mean[0]), float(spread[0]), months), 0.0)
        since = np.arange(months) - np.arange(months)[:, None]
        closing = np.where(since >= 0, shares[since], 0.0)
    else:
        clock = np.concatenate(([0.0], np.cumsum(weights)))
        end, begin, began = clock[None, 1:], clock[:-1, None], clock[1:, None]
        m, c = mean[:, None], spread[:, None]
        spell = expected_time_since(end - begin, m, c) - expected_time_since(end - began, m, c)
        by_then = spell / np.where(weights > 0, weights, 1.0)[:, None]
        for t in np.flatnonzero(weights == 0):
            ended = 1.0 - survival(clock[1:] - clock[t], float(mean[t]), float(spread[t]))
            by_then[t] = np.where(clock[1:] > clock[t], ended, 0.0)
        closing = np.diff(np.triu(by_then), axis=1, prepend=0.0)
    return np.column_stack([closing, np.maximum(0.0, 1.0 - closing.sum(axis=1))])


def mean_workload(shape: str, tenure: float, mean: float, spread: float, most: float = 1.0) -> float:
    """Mean of min(most, f(min(1, τ/L))): share of a full workload, over people whose ramps L differ in length.

    With b = τ/f⁻¹(most) and z = (ln(b/m) + s²/2)/s, `E[(τ/L)^k; L > b] = (τ/m)^k exp(k (k + 1) s²/2) Φ(−z − k s)`:
    linear is the first moment, s-curve 3 times the second less twice the third, and `most` · Φ(z) is for L ≤ b.

    Parameters
    ----------
    shape : "linear", "s-curve" or "step"
    tenure : τ, months
    mean, spread : of the lognormal length of the ramp
    most : people never get beyond this share
    """
    if mean == 0:
        return most
    if tenure <= 0 or most == 0:
        return 0.0
    s = float(log_sigma(spread))
    bound = tenure if shape == "step" else tenure / _inverse(shape, most)
    if s == 0:
        if mean <= bound:
            return most
        y = tenure / mean
        return {"linear": y, "s-curve": y * y * (3 - 2 * y), "step": 0.0}[shape]
    z = (math.log(bound / mean) + s * s / 2) / s

    def moment(k: int) -> float:
        return (tenure / mean) ** k * math.exp(k * (k + 1) * s * s / 2) * _cdf(-z - k * s)

    ramping = {"linear": (1, 0, 0), "s-curve": (0, 3, -2), "step": (0, 0, 0)}[shape]
    return most * _cdf(z) + sum(factor * moment(k) for k, factor in enumerate(ramping, 1) if factor)


def _cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _inverse(shape: str, share: float) -> float:
    """The part of the ramp after which a share of a full workload is reached."""
    return share if shape == "linear" else 0.5 - math.sin(math.asin(1 - 2 * share) / 3)


def below(edge: Array, mean: Array, spread: Array) -> tuple[Array, Array]:
    """P(X ≤ e) and E[X; X ≤ e] of a lognormal X: Φ(d) and m Φ(d − s), d = (ln(e/m) + s²/2)/s; element by element."""
    inside = np.asarray(mean <= edge, np.float64)
    share, part = inside, mean * inside
    curved = (spread > 0) & (mean > 0) & (edge > 0) & np.isfinite(edge)
    if curved.any():
        s = log_sigma(spread[curved])
        d = (np.log(edge[curved] / mean[curved]) + s * s / 2) / s
        share[curved], part[curved] = normal_cdf(d), mean[curved] * normal_cdf(d - s)
    return share, part


@cache
def normal_scores(count: int) -> Array:
    """Φ⁻¹((j + 0.5)/n), j = 0 … n − 1."""
    from statistics import NormalDist

    quantile = NormalDist().inv_cdf
    return np.array([quantile((j + 0.5) / count) for j in range(count)])
