"""The share of random variation from twin paths."""

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from simengine.explain.variation import random_variation

LEVEL = 1e-4
REPETITIONS = 400


def with_twins(twin: np.ndarray, n: int) -> np.ndarray:
    return np.append(twin, np.full(n - len(twin), np.nan))


@pytest.mark.parametrize(("draws", "twins"), [(2000, 500), (4096, 100), (1000, 1000)])
def test_intervals_cover_the_share_of_a_linear_gaussian_model(draws, twins):
    rng = np.random.default_rng(draws + twins)
    noise = 0.9
    truth = noise**2 / (1 + noise**2)
    missed = false_missed = 0
    for _ in range(REPETITIONS):
        known = rng.normal(size=draws)
        y = known + noise * rng.normal(size=draws)
        twin = known[:twins] + noise * rng.normal(size=twins)
        _, lower, upper = random_variation(y, with_twins(twin, draws)).share
        missed += not lower <= truth <= upper
        # Negative control: twins that are not of the same draws.
        _, lower, upper = random_variation(y, with_twins(rng.permutation(twin), draws)).share
        false_missed += not lower <= truth <= upper
    # An interval of 93 % is accepted as well: with 100 pairs the skewness of a variance still shows.
    assert missed <= binom.isf(LEVEL, REPETITIONS, 0.07)
    assert false_missed > REPETITIONS / 2


def test_the_share_of_hit_or_miss():
    a, h, n = 0.7, 0.5, 20_000
    rng = np.random.default_rng(5)
    noise = math.sqrt(1 - a * a)
    known = a * rng.normal(size=n)
    y = (known + noise * rng.normal(size=n) > h).astype(float)
    twin = (known + noise * rng.normal(size=n) > h).astype(float)
    p = ndtr((a * ndtri((np.arange(100_000) + 0.5) / 100_000) - h) / noise)
    truth = (p * (1 - p)).mean() / (p.mean() * (1 - p.mean()))
    estimate, lower, upper = random_variation(y, twin).share
    assert abs(estimate - truth) < upper - lower  # twice the half-width: level 1e-4
    assert upper - lower < 0.05


def test_without_random_variation_the_share_is_zero():
    y = np.random.default_rng(6).normal(size=500)
    found = random_variation(y, with_twins(y[:200], 500))
    assert found.share == (0.0, 0.0, 0.0)
    assert not found.influence.any()


def test_nothing_but_random_variation():
    rng = np.random.default_rng(7)
    estimate, lower, upper = random_variation(rng.normal(size=4000), rng.normal(size=4000)).share
    assert 0.9 < lower < estimate <= 1.0
    assert upper == 1.0


def test_where_no_pair_of_hits_differs_the_rule_of_three_bounds_the_share():
    # m pairs that all agree: the probability that a pair differs is at most 1 - 0.05^(1/m), about 3/m.
    y = np.repeat([0.0, 1.0], [800, 200])
    _, lower, upper = random_variation(y, with_twins(y[:100], 1000)).share
    variance = 0.16 * 1000 / 999
    assert lower == 0.0
    assert upper == pytest.approx(3 / 100 / 2 / variance)
    assert upper == pytest.approx((1 - 0.05**0.01) / 2 / variance, rel=0.02)


@pytest.mark.parametrize(
    ("y", "twin"),
    [(np.arange(200.0), np.full(200, np.nan)), (np.full(200, 0.1), np.full(200, 0.1))],
    ids=["no twins", "a constant result"],
)
def test_what_cannot_be_known_is_nan(y, twin):
    assert np.isnan(random_variation(y, twin).share).all()


def test_a_draw_without_a_twin_counts_in_the_variance_only():
    rng = np.random.default_rng(8)
    known = 2 * rng.normal(size=300)
    y, twin = known + rng.normal(size=300), known + rng.normal(size=300)
    twin[::3] = np.nan
    estimate = random_variation(y, twin).share[0]
    pairs = ~np.isnan(twin)
    assert estimate == pytest.approx(((y - twin)[pairs] ** 2).mean() / 2 / y.var(ddof=1))
