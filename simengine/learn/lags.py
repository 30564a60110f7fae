"""Laws of a lag that is counted in whole days or months, as records and the engine count it.

Something begins at an unknown moment of a day (or month) and ends X later. The records show N = floor(X + U), the
number of times the calendar turned in between, U uniform: both ends are known to a day only. With
`K(x) = E max(0, X − x)`

    P(N > k) = K(k) − K(k + 1),  k = −1, 0, 1 …

which is `baseline.laws.lag_shares` seen from above (docs/model.md, part 4), and the doubly interval-censored lag with
a uniform first end of Charniga et al. (2024). E N = E X: counting has no bias.

Laws are given by mean and coefficient of variation, as in a plan. Arguments broadcast.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simengine.baseline.laws import log_sigma

Floats = NDArray[np.float64]
Family = Literal["lognormal", "gamma", "weibull"]
FAMILIES: tuple[Family, ...] = ("lognormal", "gamma", "weibull")

SMALLEST = 1e-300
"""Probabilities are kept above this, so that their logarithm is a number."""
_FLATTEST, _STEEPEST = -3.0, 5.0
"""Logarithms of the shapes of a Weibull law that are told apart: coefficients of variation from 0.009 to 1e9."""


def expected_excess(x: ArrayLike, mean: ArrayLike, spread: ArrayLike, family: Family = "lognormal") -> Floats:
    """K(x) = E max(0, X − x).

    Lognormal: m Φ(s − d) − x Φ(−d), d = (ln(x/m) + s²/2)/s. Gamma of shape k = 1/c²: m Q(k + 1, x k/m) − x Q(k, x k/m).
    Weibull of shape k and scale b: m Q(1 + 1/k, (x/b)^k) − x exp(−(x/b)^k). Q is the upper incomplete gamma function
    divided by the whole one.

    Parameters
    ----------
    x : at which the excess begins; m − x where it is negative
    mean, spread : of X, and its coefficient of variation; above zero

    >>> expected_excess([0, 1], 1.0, 1.0, "gamma").round(4).tolist()  # exponential: exp(−x)
    [1.0, 0.3679]
    """
    at, m, c = (np.asarray(each, np.float64) for each in (x, mean, spread))
    positive = np.maximum(at, SMALLEST)
    tail = {"lognormal": _lognormal, "gamma": _gamma, "weibull": _weibull}[family]
    whole, beyond = tail(positive, m, c)
    return np.where(at > 0, np.maximum(0.0, m * whole - at * beyond), m - at)


def _lognormal(x: Floats, m: Floats, c: Floats) -> tuple[Any, Any]:
    from scipy.special import ndtr

    s = log_sigma(c)
    d = (np.log(x) - (np.log(m) - s * s / 2)) / s
    return ndtr(s - d), ndtr(-d)


def _gamma(x: Floats, m: Floats, c: Floats) -> tuple[Any, Any]:
    from scipy.special import gammaincc

    k = 1 / np.square(c)
    return gammaincc(k + 1, x * k / m), gammaincc(k, x * k / m)


def _weibull(x: Floats, m: Floats, c: Floats) -> tuple[Any, Any]:
    from scipy.special import gammaincc, gammaln

    k = weibull_shape(c)
    y = np.exp(np.minimum(k * (np.log(x / m) + gammaln(1 + 1 / k)), 700.0))
    return gammaincc(1 + 1 / k, y), np.exp(-y)


@cache
def _shapes() -> tuple[Floats, Floats]:
    """Where to begin: minus the logarithm of 1 + c² of Weibull laws, rising, and the logarithm of their shapes."""
    from scipy.special import gammaln

    grid = np.linspace(_FLATTEST, _STEEPEST, 2001)
    turn = np.exp(-grid)
    return np.asarray(2 * gammaln(1 + turn) - gammaln(1 + 2 * turn)), grid


def weibull_shape(spread: ArrayLike) -> Floats:
    """Shape k of a Weibull law with a coefficient of variation c: ln Γ(1 + 2/k) − 2 ln Γ(1 + 1/k) = ln(1 + c²).

    >>> weibull_shape(1.0).round(9).item()
    1.0
    """
    from scipy.special import digamma, gammaln

    wanted = np.log1p(np.square(np.asarray(spread, np.float64)))
    log_k = np.interp(-wanted, *_shapes())
    for _ in range(2):
        turn = np.exp(-log_k)
        miss = gammaln(1 + 2 * turn) - 2 * gammaln(1 + turn) - wanted
        log_k = log_k + miss / np.maximum(2 * turn * (digamma(1 + 2 * turn) - digamma(1 + turn)), SMALLEST)
        log_k = np.clip(log_k, _FLATTEST, _STEEPEST)
    return np.asarray(np.exp(log_k))


def outlasts(ages: ArrayLike, mean: ArrayLike, spread: ArrayLike, family: Family = "lognormal") -> Floats:
    """P(N > k): a lag is not over at a whole age.

    Parameters
    ----------
    ages : k, whole numbers from −1 on, (ages,), in one unit with the mean
    mean, spread : of X, (rows,), or numbers

    Returns
    -------
    (rows, ages), between 0 and 1

    >>> from simengine.baseline.laws import lag_shares
    >>> shares = -np.diff(outlasts(np.arange(-1, 12), 5.0, 0.8)[0])
    >>> bool(np.allclose(shares, lag_shares(5.0, 0.8, 12)))
    True
    """
    k = np.asarray(ages, np.int64)
    edges, where = np.unique(np.concatenate([k, k + 1]), return_inverse=True)
    rows = np.broadcast_arrays(np.atleast_1d(mean), np.atleast_1d(spread))
    excess = expected_excess(edges, rows[0][:, None], rows[1][:, None], family)
    return np.clip(excess[:, where[: k.size]] - excess[:, where[k.size :]], 0.0, 1.0)


def quantile(level: float, mean: float, spread: float, family: Family = "lognormal") -> float:
    """X that a share `level` of lags does not exceed.

    >>> round(quantile(0.5, 1.0, 1.0, "gamma"), 4)  # ln 2
    0.6931
    """
    from scipy.special import gammainccinv, gammaln, ndtri

    if family == "lognormal":
        s = float(log_sigma(spread))
        return float(mean * np.exp(s * ndtri(level) - s * s / 2))
    if family == "gamma":
        return float(gammainccinv(spread**-2, 1 - level) * mean * spread**2)
    k = float(weibull_shape(spread))
    return float(mean * np.exp(np.log(-np.log1p(-level)) / k - gammaln(1 + 1 / k)))
