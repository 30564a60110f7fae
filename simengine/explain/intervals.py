"""95 % intervals of a mean, a median, a probability, and of a difference of two of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.results.targets import quantile_interval, wilson

Floats = NDArray[np.float64]
Bounded = tuple[float, float, float]
"""An estimate, and the lower and upper bound of its 95 % interval."""

UNKNOWN: Bounded = (math.nan, math.nan, math.nan)
"""No estimate."""

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal law."""


class Interval(NamedTuple):
    """Estimates and their 95 % intervals: three arrays of one shape."""

    estimate: Floats
    lower: Floats
    upper: Floats


def stacked(rows: Iterable[Bounded | Floats]) -> Interval:
    """Estimates with their bounds, one below the other, as an interval of arrays."""
    return Interval(*np.array([*rows], dtype=float).reshape(-1, 3).T)


def mean(y: Floats) -> Bounded:
    """Mean of `y` with its normal interval; the bounds of a single value are nan."""
    estimate = float(y.mean())
    margin = Z95 * float(y.std(ddof=1)) / math.sqrt(len(y)) if len(y) > 1 else math.nan
    return estimate, estimate - margin, estimate + margin


def median(y: Floats) -> Bounded:
    """Median of `y` between two of its values, whatever its law."""
    return quantile_interval(y, 0.5)


def proportion(hits: Floats) -> Bounded:
    """Share of ones among zeros and ones, with Wilson's interval."""
    p, lower, upper = map(float, wilson(int(hits.sum()), len(hits)))
    # At 0 and 1 one bound equals p, but for rounding.
    return p, min(p, lower), max(p, upper)


def exact_lower(hits: int, draws: int, risk: float) -> float:
    """A share's exact one-sided bound: the true share is less with probability `risk` at most.

    With k of n it is the share p with `P(Binomial(n, p) ≥ k) = risk`, a quantile of Beta(k, n − k + 1) (C. J. Clopper
    and E. S. Pearson, Biometrika 26, 1934, 404-413).

    >>> round(exact_lower(820, 1000, 0.05), 4), exact_lower(0, 10, 0.05), round(exact_lower(10, 10, 0.05), 4)
    (0.7988, 0.0, 0.7411)
    """
    from scipy.special import betaincinv

    return float(betaincinv(hits, draws - hits + 1, risk)) if hits else 0.0


def exact_upper(hits: int, draws: int, risk: float) -> float:
    """The same from above.

    >>> round(exact_upper(820, 1000, 0.05), 4)
    0.8398
    """
    return 1.0 - exact_lower(draws - hits, draws, risk)


def difference(a: Interval, b: Interval) -> Interval:
    """`a - b` of independent estimates, from their intervals alone (Zou and Donner, Statist. Med. 27, 2008, 1693-1702).

    With lower bounds l and upper bounds u: `d - √((a - l_a)² + (u_b - b)²)` to `d + √((u_a - a)² + (b - l_b)²)`.
    """
    with np.errstate(invalid="ignore"):  # the difference of two infinite ratios is nan
        d = a.estimate - b.estimate
        below = np.hypot(a.estimate - a.lower, b.upper - b.estimate)
        above = np.hypot(a.upper - a.estimate, b.estimate - b.lower)
        return Interval(d, d - below, d + above)


def beyond_noise(found: Interval) -> NDArray[np.bool_]:
    """Which estimates differ from zero, at 5 % over all of them together (Bonferroni).

    >>> beyond_noise(Interval(*np.array([[1.0, 1.0], [0.1, 0.4], [1.9, 1.6]]))).tolist()
    [False, True]
    """
    from scipy.special import ndtri

    margin = np.where(found.estimate > 0, found.estimate - found.lower, found.upper - found.estimate)
    wider = -float(ndtri(0.025 / max(1, len(margin)))) / Z95
    return np.asarray(np.abs(found.estimate) > wider * margin)


def share_interval(explained: float, noise: float, error: float) -> Bounded:
    """A share of variance, `explained − noise`, with its interval.

    On Fisher's scale, on which the error of a correlation hardly depends on its size: honest at both ends.

    Parameters
    ----------
    explained : share of variance that a fit explains, from 0 to 1
    noise : how much of it noise alone is expected to put in
    error : standard error
    """
    share = explained - noise
    if error == 0 or not 0 < explained < 1:
        return share, share, share
    correlation = math.sqrt(explained)
    centre, margin = math.atanh(correlation), Z95 * error / (2 * correlation * (1 - explained))
    lower, upper = math.tanh(max(0.0, centre - margin)) ** 2, math.tanh(centre + margin) ** 2
    return share, lower - noise, upper - noise


def with_bounds(estimates: Mapping[str, Interval | Bounded]) -> Iterator[tuple[str, Floats]]:
    """The estimates by name, and their bounds by name with `_lower` and `_upper`."""
    for name, (estimate, lower, upper) in estimates.items():
        yield name, np.asarray(estimate)
        yield f"{name}_lower", np.asarray(lower)
        yield f"{name}_upper", np.asarray(upper)
