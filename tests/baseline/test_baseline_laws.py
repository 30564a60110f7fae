"""Expectations of lognormal lags and sizes, against independent integration."""

import math

import numpy as np
import pytest
from scipy import stats

from simengine.baseline import lag_shares
from simengine.baseline.laws import below, closing_shares, mean_workload


@pytest.mark.parametrize(("mean", "spread"), [(2.5, 0.4), (0.3, 1.5), (7.0, 0.05), (1.0, 3.0)])
def test_lag_shares_against_integration(mean: float, spread: float) -> None:
    # floor(x + U) = k has probability max(0, 1 − |x − k|); its mean over a fine grid of quantiles of x.
    sigma = math.sqrt(math.log1p(spread**2))
    x = mean * np.exp(sigma * stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000) - sigma**2 / 2)
    expected = [np.maximum(0, 1 - np.abs(x - k)).mean() for k in range(12)]
    assert lag_shares(mean, spread, 12) == pytest.approx(expected, abs=2e-6)
    # Rounding to the nearest month is another law.
    rounded = [(np.floor(x + 0.5) == k).mean() for k in range(12)]
    assert np.abs(lag_shares(mean, spread, 12) - rounded).max() > 1e-3


def test_fixed_lags_round_by_chance() -> None:
    assert lag_shares(0.0, 0.0, 3).tolist() == [1, 0, 0]
    assert lag_shares(0.0, 0.5, 3).tolist() == [1, 0, 0]
    assert lag_shares(2.0, 0.0, 4).tolist() == [0, 0, 1, 0]
    assert lag_shares(1.75, 0.0, 4) == pytest.approx([0, 0.25, 0.75, 0])


@pytest.mark.parametrize("shape", ["linear", "s-curve", "step"])
def test_workload_of_those_who_never_get_beyond_a_level(shape: str) -> None:
    sigma = math.sqrt(math.log(1.36))
    lengths = 5 * np.exp(sigma * stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000) - sigma**2 / 2)
    y = np.minimum(1, 3.5 / lengths)
    share = {"linear": y, "s-curve": y * y * (3 - 2 * y), "step": 1.0 * (y == 1)}[shape]
    assert mean_workload(shape, 3.5, 5.0, 0.6, 0.4) == pytest.approx(np.minimum(share, 0.4).mean(), abs=2e-5)


def test_shares_on_a_closing_clock_against_integration() -> None:
    weights = np.array([1.0, 0.5, 2.0, 0.25, 1.25, 1.0])
    mean, spread = np.array([1.5, 1.5, 2.5, 2.5, 2.5, 2.5]), np.full(6, 0.4)
    found = closing_shares(mean, spread, weights)
    # A cycle for each of 400 quantiles, begun at each of 400 moments of the month.
    clock = np.concatenate(([0.0], np.cumsum(weights)))
    sigma, grid = math.sqrt(math.log1p(0.16)), (np.arange(400) + 0.5) / 400
    for t in range(6):
        x = mean[t] * np.exp(sigma * stats.norm.ppf(grid) - sigma**2 / 2)
        reading = clock[t] + grid[:, None] * weights[t] + x
        expected = [((clock[j] <= reading) & (reading < clock[j + 1])).mean() for j in range(6)]
        expected[:t] = [0.0] * t
        assert found[t, :6] == pytest.approx(expected, abs=5e-3)
        assert found[t].sum() == pytest.approx(1)
    # Without a season it would close at other times.
    assert np.abs(closing_shares(mean, spread, np.ones(6)) - found).max() > 0.1


def test_what_lies_below_an_edge() -> None:
    law = stats.lognorm(0.8, scale=100 * math.exp(-0.32))
    spread = np.array([math.sqrt(math.expm1(0.64)), 0.0, 0.0])
    share, part = below(np.array([150.0, 150.0, 99.0]), np.full(3, 100.0), spread)
    assert share == pytest.approx([law.cdf(150), 1, 0])
    assert part == pytest.approx([law.expect(lambda x: x, lb=0, ub=150), 100, 0])
