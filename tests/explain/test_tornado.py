"""Bottom and top fifths, and what is told of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtri
from scipy.stats import binom

from simengine.explain.intervals import Interval, difference, mean, median, proportion
from simengine.explain.ranks import midranks, midranks_among, ranks_of
from simengine.explain.tornado import fifths, tornado

# The mean of a standard normal variable in its top fifth: φ(0.8416) / 0.2.
TOP_FIFTH = math.exp(-(0.8416212335729143**2) / 2) / math.sqrt(2 * math.pi) / 0.2


def test_fifths_of_a_continuous_input_hold_a_fifth_each():
    bottom, top = fifths(np.random.default_rng(1).permutation(1000).astype(float))
    assert (bottom.sum(), top.sum()) == (200, 200)


@pytest.mark.parametrize(
    ("values", "bottom", "top"),
    [
        ([0] * 98 + [1] * 2, {0}, {1}),
        ([0] * 2 + [1] * 98, {0}, {1}),
        ([1] * 30 + [2] * 40 + [3] * 30, {1}, {3}),
        ([1] * 5 + [2] * 5 + [3] * 90, {1, 2}, {3}),
        ([7] * 50, {7}, {7}),
    ],
)
def test_fifths_of_a_discrete_input_are_its_outer_levels(values, bottom, top):
    x = np.array(values, dtype=float)
    low, high = fifths(x)
    assert (set(x[low]), set(x[high])) == (bottom, top)


@given(arrays(np.float64, st.integers(1, 60), elements=st.integers(-3, 3).map(float)))
def test_equal_values_are_never_parted(x):
    low, high = fifths(x)
    assert low.any()
    assert high.any()
    assert not set(x[low]) & set(x[~low])
    assert not set(x[high]) & set(x[~high])
    assert (low & high).any() == (np.ptp(x) == 0)


@given(arrays(np.float64, st.integers(1, 60), elements=st.integers(-3, 3).map(float)))
def test_midranks_are_the_mean_share_of_values_below_and_not_above(x):
    expected = [((x < value).sum() + (x <= value).sum()) / (2 * len(x)) for value in x]
    np.testing.assert_allclose(midranks(x), expected)
    np.testing.assert_allclose(midranks_among(x, x), expected)


def test_the_swing_of_a_linear_model():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20_000, 3))
    y = 100 + 5 * x[:, 0] - 2 * x[:, 1] + rng.normal(size=len(x))
    found = tornado(ranks_of(x), y)
    truth = 100 + TOP_FIFTH * np.array([5.0, -2.0, 0.0])
    for estimate, expected in ((found.top, truth), (found.bottom, 200 - truth), (found.swing, 2 * (truth - 100))):
        # At twice the 95 % half-width, nine of them: level 1e-3.
        assert (np.abs(estimate.estimate - expected) < estimate.upper - estimate.lower).all()
    assert found.swing.lower[0] > 0
    assert found.swing.upper[1] < 0
    assert found.swing.lower[2] < 0 < found.swing.upper[2]


def test_the_probability_of_a_hit_in_a_fifth():
    x = np.arange(1000.0)[:, None]
    hits = (x[:, 0] >= 900).astype(float)
    found = tornado(ranks_of(x), hits, proportion)
    assert (found.bottom.estimate[0], found.top.estimate[0], found.swing.estimate[0]) == (0.0, 0.5, 0.5)
    # Wilson's bounds for 0 of 200 and 100 of 200, worked by hand: z² = 3.8415.
    assert found.bottom.upper[0] == pytest.approx(3.8415 / 203.8415, rel=1e-4)
    # At the edge of the top fifth nothing hits: its variance is 1 + 0.8 · 0.5² / (0.5 · 0.5) = 1.8 times as large.
    half = math.sqrt(1.8) * 1.95996 / 203.8415 * math.sqrt(50 + 3.8415 / 4)
    assert found.top.lower[0] == pytest.approx(0.5 - half, rel=1e-4)


@pytest.mark.parametrize(("estimate", "seed"), [(mean, 11), (median, 12), (proportion, 13)])
def test_intervals_know_that_a_fifth_ends_at_a_quantile_of_the_draws(estimate, seed):
    """Of a result that hangs on the input alone: once 82 % of the intervals of its mean held the truth."""
    of_all = ndtri((np.arange(100_000) + 0.5) / 100_000)
    told = (lambda z: (z > 1.1).astype(float)) if estimate is proportion else (lambda z: z)
    truth = estimate(told(of_all[-20_000:]))[0]
    rng, held, without = np.random.default_rng(seed), 0, 0
    for _ in range(1000):
        z = rng.normal(size=500)
        _, lower, upper = (float(bound[0]) for bound in tornado(ranks_of(z[:, None]), told(z), estimate).top)
        _, low, high = estimate(told(np.sort(z)[-100:]))
        held += lower <= truth <= upper
        without += low <= truth <= high
    # Exact binomial at 1e-3; negative control: as if the end of the fifth were known.
    assert held >= binom.ppf(1e-3, 1000, 0.95)
    assert without < binom.ppf(1e-3, 1000, 0.95)


def test_the_tornado_of_no_input():
    assert tornado([], np.arange(200.0)).swing.estimate.shape == (0,)


def test_intervals_of_mean_median_and_proportion_enclose_their_estimates():
    rng = np.random.default_rng(3)
    for sample in (rng.lognormal(size=200), rng.normal(size=41)):
        for tell in (mean, median):
            estimate, lower, upper = tell(sample)
            assert lower < estimate < upper
    for hits in (np.zeros(50), np.ones(50), np.repeat([0.0, 1.0], 25)):
        estimate, lower, upper = proportion(hits)
        assert 0 <= lower <= estimate <= upper <= 1
    assert math.isnan(mean(np.array([1.0]))[1])


def test_the_difference_of_two_means_has_the_textbook_interval():
    a = Interval(np.array([10.0]), np.array([7.0]), np.array([13.0]))
    b = Interval(np.array([4.0]), np.array([0.0]), np.array([8.0]))
    assert [float(bound[0]) for bound in difference(a, b)] == [6.0, 1.0, 11.0]
