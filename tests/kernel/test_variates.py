"""Every variate of the kernel: its law by chi-square, and counts as exact quantiles."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from simengine.kernel import random
from tests.kernel import exact
from tests.kernel.interleaved import words

Array = NDArray[np.float64]

ALARM = 1e-5
"""Chance of a false alarm of all chi-square tests of this file together (Bonferroni); seeds are fixed."""
SAMPLE = 2**14
BINS = 40
LEAST = 20
"""Fewest values that a bin is expected to hold: the statistic then keeps to its law as far out as the level."""
APART = 15 / math.sqrt(SAMPLE)
"""Standard deviations between the mean of a law and that of the wrong one: a statistic of some 225 more."""


# --- laws


class Law(Protocol):
    """What is needed of a law of `scipy.stats`."""

    def cdf(self, x: Any) -> Any: ...
    def ppf(self, q: Any) -> Any: ...


class WholeMonths:
    """Law of floor(X + U) for a lognormal X of a mean and a coefficient of variation and a uniform U.

    P(floor(X + U) <= k) is the integral of P(X <= x) over x from k to k + 1, and that up to x is
    x P(X <= x) - E[X; X <= x].
    """

    def __init__(self, mean: float, spread: float) -> None:
        self.mean, self.sigma = mean, math.sqrt(math.log1p(spread**2))
        self.up_to = np.diff([self._integral(x) for x in range(1_000)])

    def _integral(self, x: float) -> float:
        z = (math.log(x / self.mean) + self.sigma**2 / 2) / self.sigma if x > 0 else -math.inf
        return float(x * stats.norm.cdf(z) - self.mean * stats.norm.cdf(z - self.sigma))

    def cdf(self, k: Array) -> Array:
        return np.asarray(self.up_to[k.astype(int)])

    def ppf(self, q: Array) -> Array:
        return np.searchsorted(self.up_to, q).astype(float)


class Case(NamedTuple):
    """A variate, made of four uniforms; its law; and one that is wrong."""

    name: str
    draw: Callable[[Array], float]
    law: Law
    wrong: Law


def continuous() -> list[Case]:
    found = [Case(f"u{i}", lambda u, i=i: u[i], stats.uniform(), stats.uniform(0, 1.1)) for i in range(4)]
    found.append(Case("normal", lambda u: random.normal_quantile(u[0]), stats.norm(), stats.norm(APART)))
    found.append(Case("exponential", lambda u: random.exponential(u[1]), stats.expon(), stats.expon(0, 1 + APART)))
    for spread in (0.1, 0.6, 2.5):
        s = math.sqrt(math.log1p(spread**2))
        median = math.exp(-(s**2) / 2)
        laws = stats.lognorm(s, scale=median), stats.lognorm(s, scale=median * math.exp(APART * s))
        found.append(Case(f"lognormal {spread}", lambda u, s=s: random.lognormal_factor(s, u[2]), *laws))
    return found


def counts() -> list[Case]:
    found = []
    for m, spread in ((0.4, 0.5), (3.0, 0.3), (7.5, 1.0)):
        s = math.sqrt(math.log1p(spread**2))
        laws = WholeMonths(m, spread), WholeMonths(m + APART * math.hypot(m * spread, 0.5), spread)
        found.append(Case(f"lag {m} {spread}", lambda u, m=m, s=s: random.whole_months(m, s, u[0], u[3]), *laws))
    for m in (0.01, 0.3, 2.0, 9.9, 10.1, 45.0, 800.0, 2e4, 1e5):
        laws = stats.poisson(m), stats.poisson(m + APART * math.sqrt(m))
        found.append(Case(f"poisson {m}", lambda u, m=m: random.poisson(m, u[1]), *laws))
    for n, p in ((1, 0.3), (20, 0.25), (30, 0.9), (1_000, 0.2), (1_000, 0.99), (100_000, 0.3)):
        laws = stats.binom(n, p), stats.binom(n, p - APART * math.sqrt(p * (1 - p) / n))
        found.append(Case(f"binomial {n} {p}", lambda u, n=n, p=p: random.binomial(n, p, u[2]), *laws))
    for m, d in ((0.3, 1.5), (5.0, 30.0), (50.0, 1.2), (800.0, 3.0), (1e5, 2.0)):
        laws = [stats.nbinom(mean / (d - 1), 1 / d) for mean in (m, m + APART * math.sqrt(m * d))]
        found.append(Case(f"pascal {m} {d}", lambda u, m=m, d=d: random.negative_binomial(m, d, u[3]), *laws))
    return found


CASES = [*continuous(), *counts()]


def p_value(values: Array, law: Law) -> float:
    """Of the chi-square test of values against a law, in bins that are as likely as each other or nearly so."""
    ends: list[float] = []
    below = [0.0]
    for end in np.unique(law.ppf(np.arange(1, BINS) / BINS)):
        probability = float(law.cdf(end))
        if min(probability - below[-1], 1 - probability) * SAMPLE >= LEAST:
            ends.append(end)
            below.append(probability)
    expected = SAMPLE * np.diff([*below, 1.0])
    observed = np.bincount(np.searchsorted(ends, values), minlength=len(expected))
    return float(stats.chisquare(observed, expected).pvalue)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_variates_have_their_law(number: int) -> None:
    case = CASES[number]
    uniforms = exact.uniform(next(words("path", seed=number))[:SAMPLE])
    values = np.array([case.draw(u) for u in uniforms], float)
    assert p_value(values, case.law) > ALARM / len(CASES)
    assert p_value(values, case.wrong) < ALARM / len(CASES)


# --- counts as quantiles

MOST = 400
"""Steps of a law at whose borders it is tested."""

CLOSEST = 1e-12
"""A uniform that is nearer to a step is left out: sums of probabilities are rounded. It is 1/200 of a word's width."""


class Count(NamedTuple):
    """A count as a function of one uniform, the law that it must be the quantile of, and scipy's of the same law."""

    name: str
    quantile: Callable[[float], int]
    steps: Callable[[], exact.Steps]
    law: Law


def poisson(m: float) -> Count:
    return Count(f"poisson {m}", lambda u: random.poisson(m, u), lambda: exact.poisson(m), stats.poisson(m))


def binomial(n: int, p: float) -> Count:
    name = f"binomial {n} {p}"
    return Count(name, lambda u: random.binomial(n, p, u), lambda: exact.binomial(n, p), stats.binom(n, p))


def pascal(m: float, d: float) -> Count:
    law = stats.nbinom(m / (d - 1), 1 / d)
    name = f"pascal {m} {d}"
    return Count(name, lambda u: random.negative_binomial(m, d, u), lambda: exact.negative_binomial(m, d), law)


COUNTS = [
    *(poisson(m) for m in (1e-9, 0.01, 0.3, 1.0, 5.0, 9.99, 10.0, 10.01, 30.0, 100.0, 800.0, 5e3, 2e4, 1e5)),
    *(binomial(n, p) for n, p in ((1, 0.3), (20, 0.25), (30, 0.99), (400, 0.5), (1_000, 0.2), (1_000, 0.999))),
    *(binomial(n, p) for n, p in ((100_000, 0.3), (100_000, 0.99999), (1_000_000, 1e-5))),
    *(pascal(m, d) for m, d in ((0.3, 1.5), (5.0, 30.0), (50.0, 1.2), (800.0, 3.0), (1e4, 5.0), (1e5, 2.0))),
]


def words_to_try(steps: exact.Steps) -> exact.Words:
    """Any words, those of both tails, and those on either side of the steps; in order."""
    anywhere = np.random.default_rng(3).integers(exact.WORDS, size=1_000)
    near_zero = np.array([*range(20), *(2**i for i in range(5, 32))])
    return np.sort(np.concatenate([anywhere, near_zero, exact.WORDS - 1 - near_zero, steps.borders(MOST, CLOSEST)]))


@pytest.mark.parametrize("count", COUNTS, ids=[count.name for count in COUNTS])
def test_counts_are_the_smallest_k_whose_probability_reaches_the_uniform(count: Count) -> None:
    steps = count.steps()
    tried = words_to_try(steps)
    found = np.array([count.quantile(u) for u in exact.uniform(tried)])
    far = steps.distance(tried) > CLOSEST
    assert far.mean() > 0.9
    np.testing.assert_array_equal(found[far], steps.quantile(tried)[far])
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("count", COUNTS, ids=[count.name for count in COUNTS])
def test_one_word_more_is_told_apart(count: Count) -> None:
    # Negative control: the words at the borders see a uniform that is off by a last digit.
    steps = count.steps()
    borders = steps.borders(MOST, CLOSEST)
    found = np.array([count.quantile(u) for u in exact.uniform(borders + 1)])
    assert (found != steps.quantile(borders)).sum() >= len(borders) / 2 > 0


@pytest.mark.parametrize("count", COUNTS, ids=[count.name for count in COUNTS])
def test_the_judge_of_counts_agrees_with_scipy(count: Count) -> None:
    tried = np.random.default_rng(4).integers(exact.WORDS, size=1_000)
    np.testing.assert_array_equal(count.steps().quantile(tried), count.law.ppf(exact.uniform(tried)))


@pytest.mark.parametrize(
    "variate",
    [
        lambda u: u,
        random.normal_quantile,
        random.exponential,
        lambda u: random.lognormal_factor(0.7, u),
        lambda u: random.whole_months(3.0, 0.7, u, 0.4),
        lambda u: random.whole_months(3.0, 0.7, 0.4, u),
    ],
    ids=["uniform", "normal", "exponential", "lognormal", "size of a lag", "rounding of a lag"],
)
def test_variates_rise_with_their_uniform(variate: Callable[[float], float]) -> None:
    ends = np.arange(1_000)
    anywhere = np.random.default_rng(5).integers(exact.WORDS, size=20_000)
    u = exact.uniform(np.sort(np.concatenate([anywhere, ends, exact.WORDS - 1 - ends])))
    values = np.array([variate(x) for x in u])
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    assert not (np.diff(values[::-1]) >= 0).all()


def test_a_count_of_nothing_is_zero_and_a_certain_one_is_all() -> None:
    assert random.poisson(0.0, 0.999) == 0
    assert random.negative_binomial(0.0, 2.0, 0.999) == 0
    assert random.binomial(0, 0.5, 0.999) == 0
    assert random.binomial(9, 0.0, 0.999) == 0
    assert random.binomial(9, 1.0, 0.001) == 9
