"""First-order shares against laws whose shares are known."""

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from simengine.explain import variance
from simengine.explain.intervals import Z95, Interval
from simengine.explain.ranks import ranks_of
from simengine.explain.variance import Bins, FirstOrder, standard_error

REPETITIONS, DRAWS = 400, 2000
LEVEL = 1e-4  # of each acceptance test of a coverage

# Of 400 honest 95 % intervals more than this many miss with probability below LEVEL.
MOST_MISSES = int(binom.isf(LEVEL, REPETITIONS, 0.05))

COEFFICIENTS = np.array([1.0, 0.7, 0.4, 0.2, 0.0])
NOISE = 0.8
SHARES = COEFFICIENTS**2 / (COEFFICIENTS @ COEFFICIENTS + NOISE**2)


def first_order_shares(x: np.ndarray, y: np.ndarray) -> FirstOrder:
    return variance.first_order_shares([Bins(ranks) for ranks in ranks_of(x)], y)


def linear(rng: np.random.Generator, draws: int = DRAWS) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=(draws, len(COEFFICIENTS)))
    return x, x @ COEFFICIENTS + NOISE * rng.normal(size=draws)


@pytest.fixture(scope="module")
def repeated() -> list[tuple[Interval, Interval]]:
    """Intervals of this estimator and of the naive one, on the same repetitions."""
    rng = np.random.default_rng(20270101)
    rows = []
    for _ in range(REPETITIONS):
        x, y = linear(rng)
        rows.append((first_order_shares(x, y).share, naive(x, y)))
    return rows


def naive(x: np.ndarray, y: np.ndarray) -> Interval:
    """Negative control: variance of the means of n^(1/2) bins, nothing taken out; the interval made as ours."""
    columns = []
    bins = round(math.sqrt(len(y)))
    for column in x.T:
        place = np.argsort(np.argsort(column)) * bins // len(y)
        centred = y - y.mean()
        fitted = (np.bincount(place, centred) / np.bincount(place))[place]
        share = fitted @ fitted / (centred @ centred)
        error = standard_error((2 * centred * fitted - fitted**2 - share * centred**2) / centred.var())
        columns.append((share, share - Z95 * error, share + Z95 * error))
    return Interval(*np.array(columns).T)


def misses(intervals: list[Interval]) -> np.ndarray:
    return sum(((one.lower > SHARES) | (one.upper < SHARES)).astype(int) for one in intervals)


def test_intervals_cover_the_shares_of_a_linear_gaussian_model(repeated):
    assert (misses([ours for ours, _ in repeated]) <= MOST_MISSES).all()


def test_uncorrected_bins_fail_the_same_test(repeated):
    # A bin count of n^(1/2) puts about n^(-1/2) = 0.022 of noise into every share.
    assert (misses([control for _, control in repeated])[2:] > MOST_MISSES).all()


def test_estimates_have_no_bias_and_intervals_no_slack(repeated):
    found = np.array([ours.estimate for ours, _ in repeated])
    # |z| < 4.5 for five means: level 5 · 7e-6.
    assert (np.abs(found.mean(axis=0) - SHARES) < 4.5 * found.std(axis=0) / math.sqrt(REPETITIONS)).all()
    # The standard deviation of 400 values is known to 1/√800 = 3.5 %; four times that to either side. Shares near zero
    # may be stated with an error √2 too large.
    half_widths = np.array([ours.upper - ours.lower for ours, _ in repeated]).mean(axis=0) / 2
    slack = half_widths / (Z95 * found.std(axis=0))
    assert (slack > 0.86).all()
    assert (slack[:3] < 1.14).all()
    assert (slack[3:] < 1.14 * math.sqrt(2)).all()


def test_an_input_without_effect_is_rarely_told_from_zero(repeated):
    told = sum(int(ours.lower[-1] > 0) for ours, _ in repeated)
    assert told <= binom.isf(LEVEL, REPETITIONS, 0.025)
    # ... while the smallest true effect (share 0.02) mostly is.
    assert sum(int(ours.lower[-2] > 0) for ours, _ in repeated) > REPETITIONS / 2


@pytest.mark.parametrize("draws", [200, 8192])
def test_coverage_at_other_sizes(draws):
    rng = np.random.default_rng(draws)
    repetitions = 400 if draws < 1000 else 60
    missed = np.zeros(len(SHARES), dtype=int)
    for _ in range(repetitions):
        found = first_order_shares(*linear(rng, draws)).share
        missed += (found.lower > SHARES) | (found.upper < SHARES)
    assert (missed <= binom.isf(LEVEL, repetitions, 0.05)).all()


def curved_share(curve, noise: float) -> float:
    """Share of curve(z) in curve(z) + noise, by a rule of 200,000 equally likely points."""
    values = curve(ndtri((np.arange(200_000) + 0.5) / 200_000))
    return values.var() / (values.var() + noise**2)


@pytest.mark.parametrize(
    ("curve", "noise"),
    [(lambda z: np.exp(0.5 * z), 0.6), (lambda z: z**2, 1.5), (lambda z: np.minimum(z, 0.2), 0.5), (np.abs, 0.4)],
    ids=["lognormal", "square", "kink", "absolute"],
)
def test_curves_are_followed(curve, noise):
    rng = np.random.default_rng(7)
    z = rng.normal(size=16384)
    found = first_order_shares(z[:, None], curve(z) + noise * rng.normal(size=z.size)).share
    truth = curved_share(curve, noise)
    # At twice the 95 % half-width: level 1e-4.
    assert abs(found.estimate[0] - truth) < found.upper[0] - found.lower[0]


def test_of_correlated_inputs_the_marginal_share_is_estimated():
    # y = x0 + x1 with correlation rho: Corr(y, x_i)² = (1 + rho)/2, and the shares add up to more than one.
    rng = np.random.default_rng(11)
    rho = 0.6
    x = rng.normal(size=(16384, 2))
    x[:, 1] = rho * x[:, 0] + math.sqrt(1 - rho**2) * x[:, 1]
    x = np.column_stack([x, rng.normal(size=16384)])
    found = first_order_shares(x, x[:, 0] + x[:, 1]).share
    truth = np.array([(1 + rho) / 2, (1 + rho) / 2, 0.0])
    # At twice the 95 % half-width each: level 3 · 1e-4.
    assert (np.abs(found.estimate - truth) < found.upper - found.lower).all()
    assert found.estimate.sum() > 1.5


def test_an_indicator_is_explained_like_any_other_result():
    # P(y | x) = Φ((a x - h) / √(1 - a²)).
    a, h = 0.6, 1.0
    rng = np.random.default_rng(13)
    x = rng.normal(size=(16384, 1))
    y = (a * x[:, 0] + math.sqrt(1 - a * a) * rng.normal(size=len(x)) > h).astype(float)
    p = ndtr((a * ndtri((np.arange(100_000) + 0.5) / 100_000) - h) / math.sqrt(1 - a * a))
    truth = p.var() / (p.mean() * (1 - p.mean()))
    found = first_order_shares(x, y).share
    assert abs(found.estimate[0] - truth) < found.upper[0] - found.lower[0]  # level 1e-4


def test_levels_of_a_discrete_input_are_its_bins():
    rng = np.random.default_rng(17)
    n = 16384
    events = (rng.random(n) < 0.02).astype(float)  # a rare event
    choices = rng.choice([1.0, 2.0, 5.0], size=n, p=[0.3, 0.5, 0.2])
    counts = rng.poisson(3.0, n).astype(float)
    y = 4 * events + np.array([0.0, 1.0, -1.0])[np.searchsorted([1.0, 2.0, 5.0], choices)] + counts + rng.normal(size=n)
    parts = np.array([16 * 0.02 * 0.98, 0.7 - 0.3**2, 3.0])
    found = first_order_shares(np.column_stack([events, choices, counts]), y).share
    assert (np.abs(found.estimate - parts / (parts.sum() + 1)) < found.upper - found.lower).all()  # level 3 · 1e-4


def test_what_decides_alone_has_the_share_one():
    x = np.repeat([0.0, 1.0, 2.0], [300, 500, 200])
    found = first_order_shares(x[:, None], x**2).share
    np.testing.assert_allclose(np.array(found)[:, 0], 1.0, rtol=1e-12)


def test_a_constant_input_has_the_share_zero_without_doubt():
    x, y = linear(np.random.default_rng(19))
    x[:, 1] = 3.5
    found = first_order_shares(x, y)
    assert [bound[1] for bound in found.share] == [0.0, 0.0, 0.0]
    assert not found.influence[1].any()


def test_of_a_constant_result_nothing_is_known():
    x, _ = linear(np.random.default_rng(23))
    assert np.isnan(np.array(first_order_shares(x, np.full(len(x), 0.1)).share)).all()


def test_only_the_order_of_an_input_counts():
    x, y = linear(np.random.default_rng(29))
    bent = np.column_stack([np.exp(x[:, 0]), x[:, 1] ** 3, 5 + 1e6 * x[:, 2], np.arctan(x[:, 3]), x[:, 4]])
    for plain, transformed in zip(first_order_shares(x, y).share, first_order_shares(bent, y).share, strict=True):
        np.testing.assert_array_equal(plain, transformed)


def test_columns_are_estimated_one_by_one():
    x, y = linear(np.random.default_rng(31))
    order = [3, 0, 4, 1, 2]
    whole, part = first_order_shares(x, y), first_order_shares(x[:, order], y)
    for a, b in zip(whole.share, part.share, strict=True):
        np.testing.assert_array_equal(a[order], b)


def test_unit_and_origin_of_the_result_do_not_matter():
    x, y = linear(np.random.default_rng(37))
    for a, b in zip(first_order_shares(x, y).share, first_order_shares(x, 100e6 - 5e6 * y).share, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_no_inputs_no_shares():
    assert first_order_shares(np.empty((500, 0)), np.arange(500.0)).share.estimate.shape == (0,)


def test_differences_are_paired():
    """Two inputs that are nearly one: their shares differ by much less than independent errors would allow."""
    rng = np.random.default_rng(41)
    x = rng.normal(size=(DRAWS, 1))
    y = x[:, 0] + rng.normal(size=DRAWS)
    found = first_order_shares(np.column_stack([x, x + 0.1 * rng.normal(size=x.shape)]), y)
    paired = standard_error(found.influence[0] - found.influence[1])
    alone = standard_error(found.influence[0])
    assert paired < alone / 2
    gap = found.share.estimate[0] - found.share.estimate[1]
    assert abs(gap - (0.5 - 0.5 / 1.01)) < 4 * paired  # level 6e-5
