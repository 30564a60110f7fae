"""Laws of a lag counted in whole units, against quadrature, simulation and closed forms."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from simengine.baseline.laws import lag_shares
from simengine.learn.lags import FAMILIES, expected_excess, outlasts, quantile, weibull_shape


def law(family, mean, spread):
    if family == "lognormal":
        s = math.sqrt(math.log1p(spread**2))
        return stats.lognorm(s, scale=mean * math.exp(-s * s / 2))
    if family == "gamma":
        return stats.gamma(spread**-2, scale=mean * spread**2)
    k = float(weibull_shape(spread))
    return stats.weibull_min(k, scale=mean / math.gamma(1 + 1 / k))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("mean", "spread"), [(0.4, 1.6), (5.0, 0.7), (60.0, 0.2)])
def test_laws_are_those_of_scipy(family, mean, spread):
    judge = law(family, mean, spread)
    assert judge.mean() == pytest.approx(mean)
    assert judge.std() / judge.mean() == pytest.approx(spread)
    assert quantile(0.9, mean, spread, family) == pytest.approx(judge.ppf(0.9))
    for x in (0.3 * mean, mean, 2.5 * mean):
        above = quad(judge.sf, x, np.inf, limit=200)[0]
        assert expected_excess(x, mean, spread, family) == pytest.approx(above, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_counted_lag_outlasts_an_age_as_often_as_the_integral_over_its_beginning_says(family):
    judge = law(family, 2.0, 0.9)
    for k, found in zip(range(6), outlasts(np.arange(6), 2.0, 0.9, family)[0], strict=True):
        # N > k if X > k + 1 − u, u uniform.
        assert found == pytest.approx(quad(lambda u, k=k: judge.sf(k + 1 - u), 0, 1)[0], abs=1e-8)
    assert outlasts([-1], 2.0, 0.9, family)[0, 0] == 1.0


def test_counting_by_month_is_that_of_the_engine():
    shares = -np.diff(outlasts(np.arange(-1, 40), np.array([3.0, 0.5]), np.array([0.7, 1.2])), axis=1)
    np.testing.assert_allclose(shares[0], lag_shares(3.0, 0.7, 40), atol=1e-12)
    np.testing.assert_allclose(shares[1], lag_shares(0.5, 1.2, 40), atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_far_tails_keep_their_digits(family):
    judge = law(family, 3.0, 0.5)
    k = next(k for k in range(10, 5000) if judge.sf(k) < 1e-30)
    expected = quad(lambda u: judge.sf(k + 1 - u) / judge.sf(k + 1), 0, 1)[0] * judge.sf(k + 1)
    assert outlasts([k], 3.0, 0.5, family)[0, 0] == pytest.approx(expected, rel=1e-3)
