"""Top-down against bottom-up."""

import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from simengine.decide.bridge import Bridge, parts_of, planned_values
from simengine.decide.closing import questions, until
from simengine.decide.gap import gap
from simengine.decide.precedents import beliefs, past
from simengine.errors import SimengineError
from simengine.learn.history import History, table
from simengine.plan import load
from simengine.results.targets import period_values
from simengine.simulation import simulate

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar" / "base.yaml"


@pytest.fixture(scope="module")
def tiny():
    return load(str(TINY))


@pytest.fixture(scope="module")
def northstar():
    return load(str(NORTHSTAR))


@pytest.mark.parametrize(
    ("metric", "period", "where"),
    [
        ("ending_arr", "FY2027", {}),
        ("ending_arr", "FY2027-Q3", {}),
        ("net_new_arr", "FY2027-Q2", {"geo": "EMEA"}),
        ("new_arr", "FY2027", {"channel": "inbound"}),
        ("bookings", "FY2028", {"geo": "NA"}),
    ],
)
def test_the_parts_add_up_to_the_cent(northstar, metric, period, where):
    target = northstar.targets[0].model_copy(update={"metric": metric, "period": period, "where": where})
    bridge = Bridge(northstar, target)
    planned = planned_values(northstar, (target, *bridge.targets))
    rows = bridge.rows(planned[1:], planned[None, 1:].repeat(2, 0), float(planned[0]))
    for told in ([row for row in rows if row.segment == "all"], [row for row in rows if row.segment != "all"]):
        assert math.fsum(row.planned for row in told) == pytest.approx(planned[0], abs=0.005)


@pytest.mark.parametrize(
    ("metric", "first", "recorded"),
    [
        ("ending_arr", "opening ARR", 4_640_000),
        ("new_arr", "already recorded", 262_000),
        ("bookings", "already recorded", 262_000),
    ],
)
def test_of_a_year_that_has_begun_facts_are_a_part(metric, first, recorded):
    plan = load(str(TINY.parent / "updated.yaml"))
    target = plan.targets[0].model_copy(update={"metric": metric})
    found = gap(plan.model_copy(update={"targets": (target,)}), draws=100, levers=False)
    told = [row for row in found.bridge if row.segment == "all"]
    assert (told[0].part, told[0].planned) == (first, pytest.approx(recorded))
    assert math.fsum(row.planned for row in told) == pytest.approx(found.bottom_up, abs=0.005)
    assert math.fsum(row.mean for row in told) == pytest.approx(found.mean[0], abs=0.005)
    assert found.retention is None


def test_it_is_what_a_run_says(tiny):
    found = gap(tiny, draws=200, levers=False)
    ds = simulate(tiny, draws=200, seed=7)
    assert found.bottom_up == pytest.approx(
        float(period_values(ds, "ending_arr", "FY2027", "_baseline").sel(case="operating plan"))
    )
    by_part = {row.part: row for row in found.bridge if row.segment == "all"}
    for part, metric, sign in (("new: inbound", "new_arr", 1), ("churn", "churned_arr", -1)):
        values = sign * period_values(ds, metric, "FY2027").values
        assert by_part[part].mean == pytest.approx(values.mean())
        assert by_part[part].p10 == pytest.approx(np.quantile(values, 0.1))
    values = period_values(ds, "ending_arr", "FY2027").values
    assert found.mean[0] == pytest.approx(values.mean())
    assert found.probability[0] == np.mean(values >= 6e6)
    assert np.mean(values >= found.commit[0]) >= found.confidence == 0.5
    assert found.missing == 6e6 - found.bottom_up


def test_nrr_would_have_to_bring_what_is_missing(tiny):
    kept = gap(tiny, draws=200, levers=False).retention
    planned = planned_values(tiny, (tiny.targets[1],))[0]
    ending = planned_values(tiny, (tiny.targets[0],))[0]
    assert kept.needed == pytest.approx(planned + (6e6 - ending) / 4.5e6)


def test_what_is_no_sum_is_told_in_total(tiny):
    found = gap(tiny, "NRR", draws=200, levers=False)
    assert (found.bridge, found.retention, found.shares) == ((), None, {})
    assert parts_of(tiny, tiny.targets[1]) == []


def test_targets_of_parts_stand_beside(northstar):
    found = gap(northstar, draws=100, levers=False)
    assert [one.name for one in found.asides] == ["EMEA new"]
    assert found.asides[0].planned == pytest.approx(planned_values(northstar, [northstar.targets[3]])[0])
    assert sum(found.shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"target": "nobody"}, "no target is named"),
        ({"confidence": 1.5}, "choose a share"),
        ({"draws": 3}, "choose 100 at least"),
    ],
)
def test_a_wrong_question_is_refused(tiny, asked, words):
    with pytest.raises(SimengineError, match=words):
        gap(tiny, **{"draws": 100, "levers": False, **asked})


# --- whether it was ever seen ---


def named(plan, name):
    return next(one for one in questions(plan, until(plan, plan.targets[0])) if one.name == name)


def test_a_belief_says_how_far_out_a_value_lies(tiny):
    (one,) = beliefs(tiny, named(tiny, "win rate"), 1.2)
    assert (one.name, one.planned, one.n, one.as_of) == ("win_rate.smb", 0.25, 180, "2026-10-01")
    assert one.needed == pytest.approx(0.30)
    assert one.level == tiny.assumptions["win_rate.smb"].distribution.at_most(one.needed)
    (ramp,) = beliefs(tiny, named(tiny, "ramp"), 0.5)
    assert (ramp.needed, ramp.is_better) == (2.0, "low")
    assert ramp.reached == pytest.approx(tiny.assumptions["ramp_months.ae"].distribution.at_most(2.0))
    assert beliefs(tiny, named(tiny, "hires: ae-smb-new"), 3) == []


@pytest.fixture(scope="module")
def history():
    """Two whole quarters, 30 and 45 % of 20 decided deals each, and the beginning of a third with a better one."""
    months = {"2026-01": (20, 6), "2026-04": (20, 9), "2026-07": (20, 20)}
    days = [f"{month}-{1 + day:02d}" for month, (n, _) in months.items() for day in range(n)]
    outcome = [("won" if i < won else "lost") for _, (n, won) in months.items() for i in range(n)]
    deals = table(
        "opportunities",
        id=[str(i) for i in range(len(days))],
        segment=["smb"] * len(days),
        created=["2025-12-01"] * len(days),
        outcome=outcome,
        closed=days,
        amount=[10_000.0 if month < "2026-03" else 30_000.0 for month in days],
    )
    people = table("people", id=list("abcd"), role=["ae"] * 4, segment=["smb"] * 4, start=[
        "2026-01-02", "2026-02-01", "2026-02-01", "2026-05-01"])  # fmt: skip
    spend = table(
        "spend", date=["2026-01-31", "2026-02-28", "2026-03-31"], channel=["inbound"] * 3, amount=[1e4, 2e4, 3e4]
    )
    return History(date(2026, 8, 15), {"opportunities": deals, "people": people, "spend": spend})


@pytest.mark.parametrize(("amount", "is_seen"), [(1.5, True), (1.9, False)])
def test_records_say_whether_a_win_rate_was_seen(tiny, history, amount, is_seen):
    (one,) = past(tiny, named(tiny, "win rate"), amount, history)
    assert (one.best, one.quarter, one.n, one.quarters) == (0.45, "FY2026-Q2", 20, 2)
    assert one.needed == pytest.approx(0.25 * amount)
    assert one.is_seen is is_seen


def test_records_say_it_of_deals_people_and_spend(tiny, history):
    # Six deals won in the first quarter are too few to speak of; so are nine in the second.
    assert past(tiny, named(tiny, "deal size"), 1.5, history) == []
    (people,) = past(tiny, named(tiny, "hires: ae-smb-new"), 2.0, history)
    assert (people.best, people.quarter, people.needed, people.is_seen) == (3.0, "FY2026-Q1", 3.0, True)
    (more,) = past(tiny, named(tiny, "hires: ae-smb-new"), 3.0, history)
    assert not more.is_seen
    assert past(tiny, named(tiny, "ramp"), 0.5, history) == []
    assert past(tiny, named(tiny, "win rate"), math.nan, history) == []
