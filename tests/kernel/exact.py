"""Exact quantiles of counts, on the grid of the generator: the judge of the kernel's variates.

A uniform is (x + 1/2) / 2^32 for a word x. The cumulated probabilities are added up by mpmath with 40 digits, and each
is turned into the number of words whose uniform it reaches; so the smallest k with P(X <= k) >= u is found in integers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

WORDS = 2**32
DIGITS = 40
REACH, MORE = 14, 60
"""The ladder starts so many standard deviations, and so many steps more, below the mean: there is less than 1e-30."""

Words = NDArray[np.integer[Any]]


def uniform(words: Words) -> NDArray[np.float64]:
    """The uniforms of words."""
    return (words + 0.5) / WORDS


class Steps(NamedTuple):
    """A law of counts as the generator can see it. `reached[i]`: words whose uniform is at most P(X <= low + i)."""

    low: int
    reached: Words
    off: NDArray[np.float64]  # how far the last of these uniforms lies below the step, in probability

    def quantile(self, words: Words) -> Words:
        """The smallest k with P(X <= k) >= u."""
        return self.low + np.searchsorted(self.reached, words, side="right")

    def distance(self, words: Words) -> NDArray[np.float64]:
        """How far uniforms are from the nearest step, in probability."""
        above = np.searchsorted(self.reached, words, side="right")
        to_step = [(self.reached[i] - 1 - words) / WORDS + self.off[i] for i in (above, np.maximum(above - 1, 0))]
        return np.min(np.abs(to_step), axis=0)

    def borders(self, most: int, closest: float) -> Words:
        """Words on either side of at most so many steps, unless a uniform is closer to its step than `closest`."""
        next_off = 1 / WORDS - self.off
        clear = (self.off > closest) & (next_off > closest) & (self.reached > 0) & (self.reached < WORDS)
        last = self.reached[clear]
        last = last[:: max(1, len(last) // most)]
        return np.concatenate([last - 1, last])


def poisson(mean: float) -> Steps:
    """Poisson's law."""
    m = mpmath.mpf(mean)
    return _steps(mean, mean, lambda k: k * mpmath.log(m) - m - mpmath.loggamma(k + 1), lambda k: m / k)


def binomial(n: int, rate: float) -> Steps:
    """Number of successes in n trials."""
    p = mpmath.mpf(rate)

    def log_probability(k: int) -> Any:
        ways = mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(n - k + 1)
        return ways + k * mpmath.log(p) + (n - k) * mpmath.log(1 - p)

    return _steps(n * rate, n * rate * (1 - rate), log_probability, lambda k: (n - k + 1) / mpmath.mpf(k) * p / (1 - p))


def negative_binomial(mean: float, overdispersion: float) -> Steps:
    """Pascal's law with variance `overdispersion` x mean."""
    d = mpmath.mpf(overdispersion)
    size = mpmath.mpf(mean) / (d - 1)

    def log_probability(k: int) -> Any:
        ways = mpmath.loggamma(k + size) - mpmath.loggamma(k + 1) - mpmath.loggamma(size)
        return ways - size * mpmath.log(d) + k * mpmath.log(1 - 1 / d)

    return _steps(mean, mean * overdispersion, log_probability, lambda k: (size + k - 1) / k * (1 - 1 / d))


def _steps(mean: float, variance: float, log_probability: Callable[[int], Any], ratio: Callable[[int], Any]) -> Steps:
    """Climb the ladder until every word is reached. `ratio(k)` is P(X = k) / P(X = k - 1)."""
    with mpmath.workdps(DIGITS):
        low = k = max(0, int(mean - REACH * variance**0.5 - MORE))
        p = below = mpmath.exp(log_probability(k))
        reached, off = [], []
        while True:
            scaled = below * WORDS + mpmath.mpf(1) / 2
            reached.append(min(WORDS, int(mpmath.floor(scaled))))
            off.append(float((scaled - reached[-1]) / WORDS))
            if reached[-1] == WORDS:
                return Steps(low, np.array(reached), np.array(off))
            k += 1
            p *= ratio(k)
            below += p
