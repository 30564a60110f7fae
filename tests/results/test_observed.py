"""What is observed of an assumption: which outputs, from which places and months, divided how."""

import json
from typing import Any

import numpy as np
import pytest

from simengine.plan import Plan
from simengine.results.dataset import digest
from simengine.results.observed import Statistic, observed, statistics_of, unseen
from tests.results.blocks import DEMAND, TEAM, collected, flat_block, random_block, small_plan

MONTHS = 15
UNITS = {
    "x.rate": "fraction",
    "x.other": "fraction",
    "x.size": "currency",
    "x.leads": "count per month",
    "x.leave": "fraction per year",
    "x.met": "count per year",
    "x.cycle": "months",
    "x.stale": "fraction per month",
}


def assumption(unit: str) -> dict[str, Any]:
    period = f" per {unit.partition(' per ')[2]}" if " per " in unit else " months" if unit == "months" else ""
    return {
        "unit": unit,
        "plan": f"0.5{period}",
        "distribution": {"uniform": {"min": 0.4, "max": 0.6}},
        "source": {"kind": "judgment", "reference": "CFO"},
        "risk": {"adverse": "low"},
    }


def plan_with(smb: dict[str, Any] | None = None, emea: dict[str, Any] | None = None, **sections: Any) -> Plan:
    """The small plan with fields of the two inbound cells, and sections, that name assumptions."""
    funnel = {
        "stages": ["lead", "opportunity"],
        "channels": {
            "inbound": {"segments": {"smb-na": {**DEMAND, **(smb or {})}, "ent-emea": {**DEMAND, **(emea or {})}}},
            "partner": {"sold_by": "nobody", "segments": {"services": DEMAND, "smb-na": DEMAND}},
        },
    }
    sections = {"funnel": funnel, "economics": {}, **sections}
    used = json.dumps(sections)
    assumptions = {name: assumption(unit) for name, unit in UNITS.items() if f'"{name}"' in used}
    return small_plan(MONTHS, assumptions=assumptions, **sections)


def only(plan: Plan, name: str) -> Statistic:
    return next(each for each in statistics_of(plan) if each.assumption == name)


# Cells in order of name: inbound/ent-emea, inbound/smb-na, partner/services, partner/smb-na; segments: ent-emea,
# services, smb-na; seat groups: ae-ent, ae-smb, csm, sdr.
EMEA, SMB = 0, 1


def test_won_of_decided_deals_where_a_segment_has_one_win_rate() -> None:
    plan = plan_with(emea={"win_rate": "x.rate"})
    block = random_block(plan, 3, seed=1)
    one = only(plan, "x.rate")
    value, counts = observed(one, block)
    won, lost = (np.cumsum(block.segment[name][:, :, EMEA], axis=1) for name in ("won", "lost"))
    np.testing.assert_allclose(value, won / (won + lost))
    np.testing.assert_allclose(counts, won + lost)
    assert (one.recipe.sign, one.recipe.unit, one.recipe.counted) == ("won / decided", "fraction", "decided deals")


def test_won_of_opportunities_where_it_has_two() -> None:
    plan = plan_with(smb={"win_rate": "x.rate"})  # partners' deals are won at 20 %
    block = random_block(plan, 3, seed=2)
    value, _ = observed(only(plan, "x.rate"), block)
    won, arrived = (np.cumsum(block.cell[name][:, :, SMB], axis=1) for name in ("won", "opportunities"))
    np.testing.assert_allclose(value, won / arrived)


def test_an_assumption_in_two_places_is_seen_in_both_together() -> None:
    plan = plan_with(smb={"rates": ["x.rate"]}, emea={"rates": ["x.rate"]})
    block = random_block(plan, 3, seed=3)
    value, _ = observed(only(plan, "x.rate"), block)
    reached = np.cumsum(block.reached[:, :, [EMEA, SMB]].sum(axis=2), axis=1)
    np.testing.assert_allclose(value, reached[..., 1] / reached[..., 0])


def test_a_volume_in_two_places_is_a_mean_of_both() -> None:
    plan = plan_with(smb={"volume": "x.leads"}, emea={"volume": "x.leads"})
    block = flat_block(plan)
    block.reached[...] = np.array([30.0, 50.0, 7.0, 7.0])[:, None]
    value, counts = observed(only(plan, "x.leads"), block)
    np.testing.assert_allclose(value, 40.0)
    np.testing.assert_allclose(counts[0], 80.0 * np.arange(1, MONTHS + 1))


def test_only_the_months_count_in_which_the_assumption_holds() -> None:
    plan = plan_with(emea={"win_rate": {"start": "10 %", "2027-04": "x.rate", "2027-06": "x.other"}})
    won = np.arange(1.0, MONTHS + 1)[:, None]
    block = flat_block(plan, won=won, lost=1.0)
    first, _ = observed(only(plan, "x.rate"), block)
    assert np.isnan(first[0, :3]).all()
    np.testing.assert_allclose(first[0, 3:6], [4 / 5, 9 / 11, 9 / 11])
    second, _ = observed(only(plan, "x.other"), block)
    assert np.isnan(second[0, :5]).all()
    np.testing.assert_allclose(second[0, 5], 6 / 7)


def test_money_is_in_the_currency_of_the_segment() -> None:
    segments = {
        "smb-na": {"geo": "NA", "product": "core"},
        "ent-emea": {"geo": "EMEA", "product": "core", "currency": "USD"},
        "services": {"sells": "once", "geo": "NA"},
    }
    header = {"name": "Small", "currency": "EUR", "start": "2027-01", "months": MONTHS, "rates": {"USD": 0.8}}
    plan = plan_with(emea={"deal_size": "x.size"}, segments=segments, plan=header)
    value, _ = observed(only(plan, "x.size"), flat_block(plan, cell_bookings=40_000.0, cell_won=5.0))
    np.testing.assert_allclose(value, 10_000.0)


@pytest.mark.parametrize(
    ("field", "name", "outputs", "expected"),
    [
        ({"renewal_rate": "x.rate"}, "x.rate", {"renewals": 9, "renewals_due": 10}, 0.9),
        ({"contraction": "x.rate"}, "x.rate", {"contraction_arr": 2, "atr": 100}, 0.02),
        (
            {"price_increase": "x.rate"},
            "x.rate",
            {"price_arr": 4, "atr": 100, "churned_arr": 15, "contraction_arr": 5},
            0.05,
        ),
        (
            {"dollar_renewal_rate": "x.rate", "size_spread": "50 %"},
            "x.rate",
            {"churned_arr": 15, "atr": 100},
            0.85,
        ),
        (
            {"expansion": {"opportunities_per_customer": "x.met", "win_rate": "20 %", "size": 1}},
            "x.met",
            {"expansions_met": 5, "customers": 200},
            0.3,
        ),
        (
            {"expansion": {"opportunities_per_customer": "1 per year", "win_rate": "x.rate", "size": 1}},
            "x.rate",
            {"expansions": 3, "expansions_worked": 12},
            0.25,
        ),
        (
            {"expansion": {"opportunities_per_customer": "1 per year", "win_rate": "20 %", "size": "x.size"}},
            "x.size",
            {"expansion_arr": 600, "expansions": 3},
            200.0,
        ),
    ],
)
def test_what_is_observed_of_customers(
    field: dict[str, Any], name: str, outputs: dict[str, float], expected: float
) -> None:
    of_all = {"renewal_rate": "90 %", "customers": 10, "arr": 1_000_000, "contraction_depth": "70 %"}
    plan = plan_with(base={"smb-na": of_all, "ent-emea": {**of_all, **field}})
    value, _ = observed(only(plan, name), flat_block(plan, **outputs))
    np.testing.assert_allclose(value, expected)


def test_those_who_leave_of_a_role_are_shown_by_year() -> None:
    roles = {**TEAM["roles"], "ae": {**TEAM["roles"]["ae"], "attrition": {"voluntary": "x.leave"}}}
    plan = plan_with(team={**TEAM, "roles": roles})
    hazard = -np.log(1 - 0.24) / 12
    leavers = 100 * hazard + 0.75
    block = flat_block(plan, working=100.0, leavers=leavers, involuntary=0.5, promoted=0.25)
    value, years = observed(only(plan, "x.leave"), block)
    np.testing.assert_allclose(value, 0.24)
    np.testing.assert_allclose(years[0], 2 * 100 * np.arange(1, MONTHS + 1) / 12)  # of two groups
    by_year, _ = observed(only(plan, "x.leave"), flat_block(plan, working=0.0))
    assert np.isnan(by_year).all()


def test_who_goes_stale_is_shown_by_those_who_wait_in_all_segments() -> None:
    cells = {"sold_by": "nobody", "segments": {"smb-na": DEMAND, "ent-emea": DEMAND}}
    funnel = {"stages": ["lead", "opportunity"], "stale": "x.stale", "channels": {"inbound": cells}}
    plan = plan_with(funnel=funnel)
    value, waited = observed(only(plan, "x.stale"), flat_block(plan, stale=2.0, waiting=6.0))
    np.testing.assert_allclose(value, 0.25)
    assert (waited > 0).all()


def test_of_what_nothing_is_observed_the_reason_is_said() -> None:
    plan = plan_with(emea={"cycle": "x.cycle", "win_rate": "x.rate"}, economics={"gross_margin": "x.other"})
    watched = [each.assumption for each in statistics_of(plan)]
    assert watched == ["x.rate"]
    reasons = unseen(plan, watched)
    assert reasons["x.cycle"] == "a run keeps no lengths of cycles"
    assert reasons["x.other"] == "no number that a run keeps speaks of it alone"
    assert "x.rate" not in reasons


def test_it_is_kept_by_path_with_segments_and_only_then() -> None:
    plan = plan_with(emea={"win_rate": "x.rate", "rates": ["x.other"], "cycle": "x.cycle"})
    block, case = random_block(plan, 12, seed=4), random_block(plan, 1, seed=5)
    assert "observed" not in collected(plan, block, cases={"operating plan": case})
    ds = collected(plan, block, cases={"operating plan": case}, cuts=[5], detail="segment")
    assert list(ds["watched"].values) == ["x.other", "x.rate"]
    assert ds["observed"].dims == ("draw", "month", "watched")
    for i, name in enumerate(("x.other", "x.rate")):
        value, counts = observed(only(plan, name), block)
        np.testing.assert_array_equal(ds["observed"][..., i], value)
        np.testing.assert_allclose(ds["observed_count"][:, i], counts.mean(axis=0))
        np.testing.assert_array_equal(ds["observed_baseline"][..., i], observed(only(plan, name), case)[0])
    assert ds["unseen"].sel(assumption="x.cycle") == "a run keeps no lengths of cycles"
    assert ds["unseen"].sel(assumption="x.rate") == ""
    assert digest(ds) == digest(collected(plan, block, cases={"operating plan": case}, detail="segment"))
