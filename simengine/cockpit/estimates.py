"""What a few paths of a new setting say, with the many paths of a known one behind them.

Both settings share their draws. A first answer simulates the new one on the first n draws only, and adds what differs
there to what all N draws say of the known one:

    P(new) = P(known, N draws) + (P(new, n draws) − P(known, the same n draws))

a control variate (S. S. Lavenberg and P. D. Welch, Management Science 27, 1981, 322-335). Quantiles, curves and means
of a part of the draws are moved in the same way.

The interval adds up the squares of the distances to the bounds of both terms (G. Y. Zou and A. Donner, Statist. Med.
27, 2008, 1693-1702): Wilson's of the first, Bonett and Price's of the paired difference. It takes the terms to be
independent, and they are not: but the covariance of reaching a target in the known setting, A, with the difference,
B − A, is `P(A ∧ B) − P(A) P(B) − P(A)(1 − P(A))`, which is never above 0, because P(A ∧ B) is at most the smaller of
both. So the interval is too wide rather than too short.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.assumptions.draws import Array
from simengine.decide.paired import difference_of_shares
from simengine.explain.tornado import fifths
from simengine.results.targets import as_misses, wilson

Hits = NDArray[np.bool_]


class Probability(NamedTuple):
    """A probability with its 95 % interval, the number of paths that were simulated for it, and those behind it."""

    value: float
    lower: float
    upper: float
    paths: int
    behind: int = 0
    """Paths of the known setting that it rests on; 0 where it rests on its own alone."""

    @property
    def width(self) -> float:
        """From bound to bound."""
        return self.upper - self.lower


def alone(hits: Hits) -> Probability:
    """The share of draws, with Wilson's interval.

    >>> alone(np.arange(100) < 25).value
    0.25
    """
    p, lower, upper = map(float, wilson(int(hits.sum()), len(hits)))
    return Probability(p, lower, upper, len(hits))


def with_known(hits: Hits, known: Hits) -> Probability:
    """The probability of a new setting, with those of a known one behind it.

    Parameters
    ----------
    hits : of the new setting, on the first n draws, (n,)
    known : of the known one, on as many draws or more, (N,)

    >>> some, many = np.arange(100) % 4 < 1, np.arange(10_000) % 4 < 1
    >>> found = with_known(some, many)
    >>> found.value, found.width < alone(some).width / 2
    (0.25, True)
    """
    n = len(hits)
    p, lower, upper = map(float, wilson(int(known.sum()), len(known)))
    d, least, most = difference_of_shares(hits, known[:n])
    below = math.hypot(p - lower, d - least)
    above = math.hypot(upper - p, most - d)
    value = min(1.0, max(0.0, p + d))
    return Probability(value, max(0.0, value - below), min(1.0, value + above), n, len(known))


def estimated(hits: Hits, known: Iterable[Hits]) -> tuple[Probability, int | None]:
    """The narrowest of the estimates that can be made, and the place of the known setting behind it.

    Parameters
    ----------
    hits : of the new setting, (n,)
    known : of settings with more draws; others are left out
    """
    found: list[tuple[Probability, int | None]] = [(alone(hits), None)]
    found += [(with_known(hits, other), i) for i, other in enumerate(known) if len(other) > len(hits)]
    return min(found, key=lambda each: each[0].width)


def quantiles(values: Array, levels: Array, known: Array | None = None) -> Array:
    """Quantiles along the first axis, (levels, …), moved by what the known setting says of more draws.

    >>> quantiles(np.arange(11.0), np.array([0.5])).tolist()
    [5.0]
    """
    found = np.quantile(values, levels, axis=0, method="inverted_cdf")
    if known is None:
        return found
    here, there = (np.quantile(part, levels, axis=0, method="inverted_cdf") for part in (known[: len(values)], known))
    return np.sort(found + (there - here), axis=0)


def reaching(values: Array, at: Array, known: Array | None = None, *, at_least: bool = True) -> Array:
    """Probability of at least (or at most) each of the rising values `at`, moved as `quantiles` are; it never turns.

    An undefined value reaches none.

    >>> reaching(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 2.5, 9.0])).tolist()
    [1.0, 0.5, 0.0]
    >>> reaching(np.array([1.0, 2.0, 3.0, np.nan]), np.array([0.0, 2.0, 9.0]), at_least=False).tolist()
    [0.0, 0.5, 0.75]
    """
    found = _share(values, at, at_least)
    if known is not None:
        found = found + (_share(known, at, at_least) - _share(known[: len(values)], at, at_least))
    turned = np.minimum if at_least else np.maximum
    return np.asarray(turned.accumulate(np.clip(found, 0.0, 1.0)))


def _share(values: Array, at: Array, at_least: bool) -> Array:
    ordered = np.sort(as_misses(values, at_least=at_least))
    below = np.searchsorted(ordered, at, side="left" if at_least else "right")
    return np.asarray((len(values) - below if at_least else below) / len(values))


class Bars(NamedTuple):
    """Mean of a metric where each input is in the bottom and in the top fifth of its draws, (k,) each."""

    low: Array
    high: Array
    error: Array
    """Standard error of high less low, of as many paths as the setting has itself."""


class Fifths:
    """The outer fifths of inputs, by their scores in the first draws; kept, for scores do not change with the laws.

    Parameters
    ----------
    z : scores, (draws, k)
    """

    def __init__(self, z: Array) -> None:
        self._z = z
        self._marks: dict[int, tuple[Array, Array]] = {}

    def bars(self, values: Array, known: Array | None = None) -> Bars:
        """The mean of the values in each fifth, moved as `quantiles` are; undefined and infinite ones are left out."""
        here = self._means(values)
        if known is None:
            return here
        some, many = self._means(known[: len(values)]), self._means(known)
        return Bars(here.low + many.low - some.low, here.high + many.high - some.high, here.error)

    def _means(self, values: Array) -> Bars:
        is_finite = np.isfinite(values)
        held, there = np.where(is_finite, values, 0.0), is_finite.astype(np.float64)
        means, squares = [], []
        for marks in self._of(len(values)):
            count = np.maximum(marks @ there, 1.0)
            means.append(marks @ held / count)
            squares.append(np.maximum(marks @ held**2 / count - means[-1] ** 2, 0.0) / count)
        return Bars(means[0], means[1], np.sqrt(squares[0] + squares[1]))

    def _of(self, n: int) -> tuple[Array, Array]:
        """Marks of the bottom and the top fifth among the first n draws, (k, n) each."""
        if n not in self._marks:
            ends = [fifths(column[:n]) for column in self._z.T]
            low, high = (np.array([each[side] for each in ends], np.float64).reshape(-1, n) for side in (0, 1))
            self._marks[n] = low, high
        return self._marks[n]
