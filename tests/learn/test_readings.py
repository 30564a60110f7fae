"""Readings against closed forms, and whether their intervals hold the truth."""

from datetime import date

import numpy as np
import pytest
from scipy import stats

from simengine.learn.estimate import LEVEL
from simengine.learn.history import History, table
from simengine.learn.readings import Reading, readings
from simengine.plan import Plan, loads

ALPHA = 0.001

PLAN = """
plan: {name: Small, currency: USD, start: 2027-01, months: 12}
segments: {smb: {geo: NA}}
assumptions:
  renewal:
    plan: 90 %
    distribution: {beta: {mean: 85 %, n: 40}}
    unit: fraction
    source: {kind: historical, reference: CRM, n: 40}
    risk: {adverse: low}
  volume:
    plan: 20 per month
    distribution: {gamma: {mean: 20, cv: 30 %}}
    unit: count per month
    source: {kind: judgment, reference: CMO}
    risk: {adverse: low}
  growth:
    plan: 10 % per year
    distribution: {uniform: [0 %, 20 %]}
    unit: fraction per year
    source: {kind: judgment, reference: CMO}
    risk: {adverse: low}
funnel:
  channels:
    inbound:
      sold_by: nobody
      segments:
        smb: {volume: volume, growth: growth, win_rate: 30 %, cycle: 1 month, deal_size: 10_000}
base: {smb: {customers: 100, arr: 1_000_000, renewal_rate: renewal}}
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return loads(PLAN)


def _renewals(renewed: int, due: int) -> History:
    """So many contracts of 10,000 that ended in January, and so many of them renewed."""
    outcome = ["renewed"] * renewed + ["churned"] * (due - renewed)
    contracts = table(
        "contracts",
        customer=[f"c{i}" for i in range(due)],
        segment=["smb"] * due,
        start=["2026-02-01"] * due,
        renews=["2027-01-31"] * due,
        arr=[10_000.0] * due,
        outcome=outcome,
        decided=["2027-01-31"] * due,
        arr_after=[10_000.0 if each == "renewed" else float("nan") for each in outcome],
    )
    return History(date(2027, 3, 31), {"contracts": contracts})


def _arrivals(counts: list[int]) -> History:
    """Opportunities that arrived in the first months of the plan."""
    days = [f"2027-{month:02d}-10" for month, n in enumerate(counts, start=1) for _ in range(n)]
    rows = {"id": [f"o{i}" for i in range(len(days))], "segment": ["smb"] * len(days)}
    deals = table("opportunities", **rows, channel=["inbound"] * len(days), created=days, outcome=["open"] * len(days))
    return History(date(2027, len(counts), 28), {"opportunities": deals}).cut(date(2027, len(counts), 28))


def test_a_share_is_read_as_the_share_with_its_likelihood_interval(plan: Plan) -> None:
    read = readings(plan, _renewals(80, 100))["renewal"]
    assert read.value == pytest.approx(0.8, abs=1e-3)
    drop = stats.chi2.ppf(LEVEL, 1) / 2
    for end in (read.lower, read.upper):
        fall = stats.binom.logpmf(80, 100, 0.8) - stats.binom.logpmf(80, 100, end)
        assert fall == pytest.approx(drop, abs=0.02)
    assert read.lower < 0.8 < read.upper


def test_what_was_believed_does_not_move_a_reading(plan: Plan) -> None:
    other = loads(PLAN.replace("{beta: {mean: 85 %, n: 40}}", "{beta: {mean: 95 %, n: 4_000}}"))
    assert readings(plan, _renewals(80, 100))["renewal"] == readings(other, _renewals(80, 100))["renewal"]


def test_no_records_are_no_reading(plan: Plan) -> None:
    assert readings(plan, History(date(2027, 3, 31), {})) == {}
    assert readings(plan, _renewals(80, 100), names=["volume"]) == {}


def test_all_renewed_does_not_say_how_many_would(plan: Plan) -> None:
    assert "renewal" not in readings(plan, _renewals(30, 30))


def _held(n: int, shown: float) -> int:
    """How often of n histories the interval, with renewals shown at another rate, held the true rate 85 %."""
    rng, plan = np.random.default_rng(11), loads(PLAN)
    held = 0
    for _ in range(n):
        read = readings(plan, _renewals(int(rng.binomial(150, shown)), 150))["renewal"]
        held += read.lower <= 0.85 <= read.upper
    return held


def test_intervals_hold_the_truth_as_often_as_they_say_and_not_another_rate() -> None:
    assert stats.binomtest(_held(60, 0.85), 60, LEVEL).pvalue > ALPHA
    assert stats.binomtest(_held(60, 0.94), 60, LEVEL).pvalue < ALPHA


@pytest.mark.full
def test_intervals_hold_the_truth_in_a_thousand_histories() -> None:
    # The exact coverage of the likelihood interval of a binomial share at these numbers, not the nominal one.
    k = np.arange(151)
    read = {int(each): readings(loads(PLAN), _renewals(int(each), 150)).get("renewal") for each in range(100, 150)}
    held = np.array([_holds(read.get(int(each))) for each in k])
    exact = float(stats.binom.pmf(k, 150, 0.85) @ held)
    assert abs(exact - LEVEL) < 0.02
    assert stats.binomtest(_held(1000, 0.85), 1000, exact).pvalue > ALPHA


def _holds(read: Reading | None) -> bool:
    return read is not None and read.lower <= 0.85 <= read.upper


def test_the_error_is_that_of_a_normal_law_with_the_same_interval() -> None:
    assert Reading(0.5, 0.5 - 1.6448536, 0.5 + 1.6448536, 10, "").error == pytest.approx(1.0, abs=1e-6)
