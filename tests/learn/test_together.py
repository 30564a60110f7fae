import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from simengine.learn import together
from simengine.learn.history import History, table
from tests.learn.repeated import TIERS, Interval, at_least_as_often, at_most_as_often, covered


def pair(rng: np.random.Generator, rho: float, quarters: int, trend: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Two rates with a rank correlation, and a trend of both."""
    r = 2 * math.sin(math.pi * rho / 6)
    x, e = rng.standard_normal((2, quarters))
    t = trend * np.arange(quarters)
    return x + t, r * x + math.sqrt(1 - r * r) * e + t


@pytest.mark.parametrize("repetitions", TIERS)
@pytest.mark.parametrize(("rho", "quarters"), [(0.0, 10), (0.6, 16), (0.6, 40)])
def test_intervals_of_rank_correlations_contain_them_about_as_often_as_they_say(
    rho: float, quarters: int, repetitions: int
) -> None:
    def make(rng: np.random.Generator) -> Interval:
        return Interval(*together.spearman(*pair(rng, rho, quarters, trend=0.3))[1:])

    # The law is an approximation: 86 % is promised.
    assert at_least_as_often(covered(make, rho, repetitions), repetitions, 0.86)


def test_a_common_trend_is_no_correlation() -> None:
    def make(rng: np.random.Generator) -> Interval:
        x, y = pair(rng, 0.0, 16, trend=0.3)
        r = stats.spearmanr(x, y).statistic
        half = 1.645 / math.sqrt(13)
        return Interval(math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))

    assert not at_least_as_often(covered(make, 0.0, 100), 100, 0.86)


@pytest.mark.parametrize("repetitions", TIERS)
def test_among_rates_without_relation_pairs_are_seldom_found(repetitions: int) -> None:
    alarms = 0
    for repetition in range(repetitions):
        rng = np.random.default_rng([1, repetition])
        alarms += bool(together.correlations({name: rng.standard_normal(16) for name in "abcdef"}))
    assert at_most_as_often(alarms, repetitions, 0.1)


def test_a_strong_correlation_is_found_and_short_or_constant_series_are_left_out() -> None:
    x, y = pair(np.random.default_rng(2), 0.9, 20)
    rates = {"win_rate": x, "leads": y, "short": np.append(x[:6], np.full(14, np.nan)), "still": np.ones(20)}
    (found,) = together.correlations(rates)
    assert found.between == ("leads", "win_rate")
    assert found.quarters == 20
    assert 0 < found.lower < found.rho < found.upper < 1
    gaps = {"win_rate": np.where(np.arange(20) == 3, np.nan, x), "leads": np.where(np.arange(20) == 9, np.nan, y)}
    (of_both,) = together.correlations(gaps)
    assert of_both.quarters == 18
    eight, seven = ({name: np.arange(float(n)) for name in ("a", "b")} for n in (8, 7))
    assert [one.quarters for one in together.correlations(eight)] == [8]
    assert not together.correlations(seven)


@pytest.mark.parametrize("repetitions", TIERS)
@pytest.mark.parametrize("truth", [0.15, 0.4])
def test_intervals_of_drift_contain_it_as_often_as_they_say(truth: float, repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        variances = rng.uniform(0.005, 0.02, 8)
        values = truth * rng.standard_normal(8) + np.sqrt(variances) * rng.standard_normal(8)
        found = together.drift(values, variances)
        return Interval(found.lower, found.upper)

    hits = covered(make, truth, repetitions)
    assert at_least_as_often(hits, repetitions)


@pytest.mark.parametrize("repetitions", TIERS)
def test_no_drift_is_seldom_taken_for_some(repetitions: int) -> None:
    alarms = 0
    for repetition in range(repetitions):
        rng = np.random.default_rng([3, repetition])
        expected = np.full(6, 80.0)
        alarms += together.drift_of_counts(rng.poisson(expected).astype(float), expected).told is not None
        trials = np.full(6, 200.0)
        alarms += together.drift_of_shares(rng.binomial(200, 0.3, 6).astype(float), trials).told is not None
    assert at_most_as_often(alarms, 2 * repetitions, 0.06)


def test_sampling_error_is_no_drift() -> None:
    """What years differ by, taken whole, is more than the drift."""
    rng = np.random.default_rng(4)
    expected = np.full(4000, 50.0)
    counts = rng.poisson(expected * (1 + 0.1 * rng.standard_normal(4000))).astype(float)
    assert together.drift_of_counts(counts, expected).value == pytest.approx(0.1, abs=0.015)
    assert np.std(counts / 50) > 0.16


def test_drift_of_shares_is_relative() -> None:
    rng = np.random.default_rng(5)
    share = 0.3 * (1 + 0.2 * rng.standard_normal(2000))
    k = rng.binomial(400, np.clip(share, 0, 1)).astype(float)
    assert together.drift_of_shares(k, np.full(2000, 400.0)).value == pytest.approx(0.2, abs=0.02)


def test_a_share_is_that_of_all_periods_and_half_a_success_more() -> None:
    k, n = np.array([1.0, 9.0, 2.0]), np.full(3, 10.0)
    overall = 12.5 / 31
    absolute, relative = together.drift(k / n, overall * (1 - overall) / n), together.drift_of_shares(k, n)
    assert relative.value == pytest.approx(absolute.value / overall, rel=1e-12)


def test_one_period_tells_no_drift() -> None:
    assert together.drift(np.array([1.0]), np.array([0.1])).told is None


def test_rates_are_of_the_same_whole_quarters() -> None:
    days = pd.date_range("2024-01-01", "2026-07-15", freq="D")
    n = len(days)
    won = np.arange(n) % 4 == 0
    opportunities = table(
        "opportunities",
        id=range(n),
        segment=["smb"] * n,
        created=days,
        closed=days,
        outcome=np.where(won, "won", "lost"),
        amount=[np.e] * n,
    )
    leads = table("leads", id=range(n), channel=["inbound"] * n, created=days, count=[2.0] * n)
    people = table("people", id=["a", "b"], role=["ae"] * 2, start=["2023-01-01"] * 2, end=["2026-06-10", None])
    contracts = table(
        "contracts",
        customer=["x", "y"],
        segment=["smb"] * 2,
        start=["2025-05-01"] * 2,
        renews=["2026-05-01"] * 2,
        decided=["2026-05-01"] * 2,
        arr=[1.0] * 2,
        outcome=["renewed", "churned"],
    )
    tables = {"opportunities": opportunities, "leads": leads, "people": people, "contracts": contracts}
    rates = together.quarterly_rates(History(date(2026, 7, 15), tables))
    quarters = len(rates["volume.inbound"])
    assert {len(values) for values in rates.values()} == {quarters}
    # April to June 2026 is the last whole one.
    assert np.exp(rates["volume.inbound"][-1]) == pytest.approx(2 * 91)
    assert rates["win_rate.smb"][-1] == pytest.approx(0.25, abs=0.01)
    assert rates["deal_size.smb"][-1] == pytest.approx(1.0)
    assert rates["attrition.ae"][-1] == pytest.approx(1 / (3 + 71 / 91 * 3), rel=0.01)
    assert rates["attrition.ae"][-2] == 0
    assert rates["renewal.smb"][-1] == 0.5
    assert np.isnan(rates["renewal.smb"][0])


def test_no_tables_are_no_rates() -> None:
    assert together.quarterly_rates(History(date(2026, 7, 15), {})) == {}


def test_a_trend_and_with_three_years_the_quarters_are_taken_out() -> None:
    quarters, trend = np.tile([1.0, 2.0, 3.0, 5.0], 3), 0.5 * np.arange(12)
    np.testing.assert_allclose(together.detrended(quarters + trend), 0.0, atol=1e-12)
    np.testing.assert_allclose(together.detrended(trend[:11]), 0.0, atol=1e-12)
    assert np.abs(together.detrended(quarters[:11])).max() > 1


@pytest.mark.parametrize(("quarters", "taken_out"), [(10, 1), (16, 4)])
def test_the_interval_of_a_rank_correlation_is_bonett_and_wrights(quarters: int, taken_out: int) -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(size=quarters)
    x, y = common + 0.3 * rng.normal(size=quarters), common + 0.3 * rng.normal(size=quarters)
    r, low, high = together.spearman(x, y, level=0.9)
    assert r == pytest.approx(stats.spearmanr(together.detrended(x), together.detrended(y)).statistic)
    assert r > 0.6
    half = 1.6448536 * math.sqrt((1 + r**2 / 2) / (quarters - 3 - taken_out))
    assert (math.atanh(low), math.atanh(high)) == pytest.approx((math.atanh(r) - half, math.atanh(r) + half))
