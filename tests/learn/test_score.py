"""Scores against their oracles: scoringrules, scipy, and forecasts whose calibration is known."""

from collections.abc import Mapping

import numpy as np
import pytest
import scoringrules
import xarray as xr
from scipy import stats

from simengine.learn.readings import Reading
from simengine.learn.score import (
    LEVELS,
    belief_scores,
    brier,
    calibration,
    crps,
    exact_share,
    forecasts,
    pit,
    scores,
    target_scores,
)
from simengine.plan import loads
from simengine.simulation import simulate

ALPHA = 0.001

PLAN = """
plan: {name: Small, currency: USD, start: 2027-01, months: 12}
segments: {smb: {geo: NA}}
targets:
  - {name: first quarter, metric: new_arr, period: FY2027-Q1, at_least: 300_000}
  - {name: year, metric: ending_arr, period: FY2027, at_least: 2_000_000}
assumptions:
  win_rate:
    plan: 30 %
    distribution: {beta: {mean: 25 %, n: 60}}
    unit: fraction
    source: {kind: historical, reference: CRM, n: 60}
    owner: RevOps
    risk: {adverse: low}
funnel:
  channels:
    inbound:
      sold_by: nobody
      segments:
        smb: {volume: 40 per month, win_rate: win_rate, cycle: 1 month, deal_size: 10_000}
base: {smb: {customers: 100, arr: 1_000_000, renewal_rate: 90 %}}
"""


@pytest.fixture(scope="module")
def run() -> xr.Dataset:
    return simulate(loads(PLAN), draws=400, detail="segment")


def test_crps_is_that_of_scoringrules() -> None:
    rng = np.random.default_rng(1)
    for n in (1, 2, 50):
        x, y = rng.normal(size=n), rng.normal()
        assert crps(x, y) == pytest.approx(float(scoringrules.crps_ensemble(y, x, estimator="nrg")), abs=1e-12)


def test_exact_shares_are_those_of_scipy() -> None:
    for k, n in ((0, 5), (5, 5), (3, 11)):
        interval = stats.binomtest(k, n).proportion_ci(0.95, "exact")
        assert exact_share(k, n)[1:] == pytest.approx((interval.low, interval.high), abs=1e-12)


def _places(rng: np.random.Generator, believed: float) -> np.ndarray:
    """Places of counts whose truth is Poisson(4), under forecasts of Poisson(`believed`)."""
    return np.array(
        [pit(rng.poisson(believed, 199).astype(float), float(rng.poisson(4.0)), rng.random()) for _ in range(1000)]
    )


def test_places_of_counts_are_uniform_where_the_forecast_is_right_and_not_where_it_is_wrong() -> None:
    rng = np.random.default_rng(2)
    assert stats.kstest(_places(rng, 4.0), "uniform").pvalue > ALPHA
    assert stats.kstest(_places(rng, 5.0), "uniform").pvalue < ALPHA


def test_intervals_of_right_forecasts_cover_as_they_say_and_those_too_sure_do_not() -> None:
    rng = np.random.default_rng(3)
    covered = {}
    for width in (1.0, 0.6):
        places = np.array([pit(width * rng.normal(size=199), rng.normal(), rng.random()) for _ in range(1000)])
        inside = (np.abs(places[:, None] - 0.5) <= np.array(LEVELS) / 2).sum(axis=0)
        covered[width] = [stats.binomtest(int(k), 1000, level).pvalue for k, level in zip(inside, LEVELS, strict=True)]
    assert min(covered[1.0]) > ALPHA / len(LEVELS)
    assert max(covered[0.6]) < ALPHA


def test_brier_is_least_for_the_true_probability() -> None:
    hit = (np.random.default_rng(4).random(4000) < 0.3).astype(float)
    told = {p: brier(np.full(4000, p), hit) for p in (0.1, 0.3, 0.5)}
    assert told[0.3] < min(told[0.1], told[0.5])


def _actual(value: float) -> object:
    def actual(metric: str, period: str, where: Mapping[str, str]) -> float:
        return value if metric == "new_arr" and period == "FY2027-Q1" else float("nan")

    return actual


def test_a_run_is_scored_in_the_quarters_that_have_ended_for_company_and_segments(run: xr.Dataset) -> None:
    scored = scores(forecasts({"base": run}, _actual(310_000.0), "2027-05"))
    assert scored["period"].values.tolist() == ["FY2027-Q1"] * 2
    assert scored["segment"].values.tolist() == ["", "smb"]
    assert scored["ahead"].values.tolist() == [1, 1]
    first = run["new_arr"].values[:, :3].sum(axis=1)
    assert scored["crps"].values[0] == pytest.approx(crps(first, 310_000.0))
    assert scored["p50"].values[0] == np.quantile(first, 0.5)
    assert scored["plan_error"].values[0] == abs(scored["plan"].values[0] - 310_000.0)
    assert np.isnan(scored["plan"].values[1])


def test_nothing_is_scored_before_a_quarter_has_ended(run: xr.Dataset) -> None:
    assert scores(forecasts({"base": run}, _actual(1.0), "2027-02")).sizes["forecast"] == 0


def test_calibration_counts_by_group(run: xr.Dataset) -> None:
    scored = scores(forecasts({"base": run, "again": run}, _actual(310_000.0), "2027-03"))
    found = calibration(scored, "run")
    assert found["n"].values.tolist() == [2, 2]
    assert found["group"].values.tolist() == ["base", "again"]
    one = scored.isel(forecast=[0])
    assert float(found["skill"][0]) == pytest.approx(1 - float(one["crps"].sum() / one["plan_error"].sum()))


def test_targets_whose_period_has_ended_are_judged(run: xr.Dataset) -> None:
    judged = target_scores({"base": run}, _actual(310_000.0), "2027-03")
    assert judged["target"].values.tolist() == ["first quarter"]
    assert judged["hit"].values.tolist() == [1.0]
    assert judged.attrs["brier"] == pytest.approx((1 - float(judged["p"][0])) ** 2)


def test_beliefs_are_held_against_readings_with_their_sampling_error(run: xr.Dataset) -> None:
    surprised = belief_scores(run, {"win_rate": Reading(0.45, 0.448, 0.452, 900, "won / decided")})
    vague = belief_scores(run, {"win_rate": Reading(0.45, 0.05, 0.95, 3, "won / decided")})
    assert float(surprised["pit"][0]) > 0.99
    assert not bool(surprised["inside"].any())
    assert 0.5 < float(vague["pit"][0]) < 0.95
    assert calibration(surprised, "owner")["group"].values.tolist() == ["RevOps"]
    assert belief_scores(run, {})["pit"].size == 0
