"""The spreadsheet's answer, against arithmetic that a reader can redo, and against independent integration."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simengine.baseline import Baseline, baseline, lag_shares, opening_cohorts, spreadsheet_values
from simengine.plan import Plan, load, loads
from simengine.units import month_number

CENT = 0.005
SUBSCRIPTION = {"smb": {"renewal_rate": 1}}
SOLD = {"volume": "10 per month", "win_rate": "20 %", "cycle": "1.25 months", "deal_size": 10_000}


def plan_of(months: int, **sections: Any) -> Plan:
    """A plan of one segment, smb, with what a test is about."""
    sections = {"segments": {"smb": {}}, "base": SUBSCRIPTION, **sections}
    return loads(
        json.dumps({"plan": {"name": "Small", "currency": "USD", "start": "2027-01", "months": months}, **sections})
    )


def selling(seats: list[dict[str, Any]], **role: Any) -> dict[str, Any]:
    """A team of one selling role, ae, in segment smb."""
    return {
        "roles": {"ae": {"capacity": "unlimited", **role}},
        "seats": [{"role": "ae", "segment": "smb", "name": f"ae-{i}", **group} for i, group in enumerate(seats)],
    }


def by_month(outputs: Baseline, name: str) -> list[float]:
    found = {**outputs.group, **outputs.segment}[name]
    return [float(x) for x in found[0, :, 0]]


# ---- step 1: seats ----


def test_hires_without_attrition_ramp_after_their_delay() -> None:
    team = selling(
        [{"existing": 2, "tenure_months": 10, "hires": {"2027-02": 2}, "time_to_fill_delay": "1.5 months"}],
        ramp={"workload": "4 months", "shape": "linear"},
    )
    found = baseline(plan_of(6, team=team), {})
    # Planned for month 1, delayed by 1.5 months: half starts in month 2, half in month 3.
    assert by_month(found, "starts") == pytest.approx([0, 0, 1, 1, 0, 0])
    assert by_month(found, "headcount") == pytest.approx([2, 2, 3, 4, 4, 4])
    # Linear over four months, at the middle of the month: 1/8, 3/8, 5/8, 7/8, 1. The two existing people are through.
    assert by_month(found, "ramped") == pytest.approx([2, 2, 2 + 1 / 8, 2 + 4 / 8, 2 + 8 / 8, 2 + 12 / 8])


def test_leavers_are_replaced_after_the_lag() -> None:
    # 10 % leave in a month: a probability of 1 − 0.9^12 within a year.
    team = selling(
        [{"existing": 10}],
        attrition={"voluntary": f"{1 - 0.9**12} per year"},
        backfill={"policy": "always", "lag": "1 month"},
    )
    found = baseline(plan_of(4, team=team), {})
    # Month 0: 10 work, 1 leaves at its end, and the seat is empty in month 1. Month 1: 9 work, 0.9 leave.
    # Month 2: 8.1 and 1 new work, 0.91 leave. Month 3: 8.19 and 0.9 new work, 0.909 leave.
    assert by_month(found, "working") == pytest.approx([10, 9, 9.1, 9.09])
    assert by_month(found, "leavers") == pytest.approx([1, 0.9, 0.91, 0.909])
    assert by_month(found, "starts") == pytest.approx([0, 0, 1, 0.9])
    assert by_month(found, "headcount") == pytest.approx([9, 8.1, 8.19, 8.181])


def test_hazards_add_up_and_are_higher_in_the_first_six_months() -> None:
    # Half of the hazard each: survival of a month is √0.9 · √0.9; twice the hazard: 0.81.
    half = f"{1 - 0.9**6} per year"
    team = selling(
        [{"existing": 100, "tenure_months": 4}],
        attrition={"voluntary": half, "involuntary": half, "first_six_months": "x2"},
    )
    found = baseline(plan_of(4, team=team), {})
    assert by_month(found, "headcount") == pytest.approx([81, 81 * 0.81, 81 * 0.81 * 0.9, 81 * 0.81 * 0.9 * 0.9])


@pytest.mark.parametrize("shape", ["linear", "s-curve", "step"])
def test_mean_workload_of_ramps_that_differ(shape: str) -> None:
    team = selling([{"hires": {"2027-01": 1}}], ramp={"workload": "5 months", "shape": shape, "spread": "60 %"})
    found = by_month(baseline(plan_of(12, team=team), {}), "ramped")
    # The mean over 200,000 equally likely lengths; midpoints are exact to about 1e-5.
    sigma = math.sqrt(math.log(1.36))
    lengths = 5 * np.exp(sigma * stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000) - sigma**2 / 2)
    y = np.minimum(1, (np.arange(12)[:, None] + 0.5) / lengths)
    share = {"linear": y, "s-curve": y * y * (3 - 2 * y), "step": y == 1}[shape].mean(axis=1)
    assert found == pytest.approx(share, abs=2e-5)
    # A ramp of the mean length would be something else.
    y = np.minimum(1, (np.arange(12) + 0.5) / 5)
    assert np.abs({"linear": y, "s-curve": y * y * (3 - 2 * y), "step": y == 1}[shape] - share).max() > 0.02


# ---- laws ----


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


# ---- steps 2 to 4: demand, capacity, closing ----


def test_demand_grows_has_seasons_and_passes_stages() -> None:
    seasons = [2, *[1] * 10, 0]
    funnel = {
        "stages": ["lead", "mql", "opportunity"],
        "channels": {
            "web": {
                "sold_by": "nobody",
                "segments": {
                    "smb": {
                        **SOLD,
                        "growth": "100 % per year",
                        "seasonality": {"created": seasons},
                        "rates": ["50 %", "40 %"],
                    }
                },
            }
        },
    }
    reached = baseline(plan_of(13, funnel=funnel), {}).reached[0, :, 0]
    # The mean weight is 1. January doubles, December has none, and twelve months later there is twice as much.
    assert reached[0].tolist() == pytest.approx([20, 10, 4])
    assert reached[6].tolist() == pytest.approx([10 * 2**0.5, 5 * 2**0.5, 2 * 2**0.5])
    assert reached[11].tolist() == [0, 0, 0]
    assert reached[12].tolist() == pytest.approx([40, 20, 8])


def test_deals_close_after_the_cycle_and_some_are_whales() -> None:
    sold = {**SOLD, "outliers": {"share": "10 %", "times": "x3"}}
    funnel = {"channels": {"outbound": {"segments": {"smb": sold}}}}
    found = baseline(plan_of(4, funnel=funnel, team=selling([{"existing": 1}])), {})
    # Of 10 a month 2 are won, 3/4 of them a month later, 1/4 two months later; a deal is worth 10,000 · (1 + 0.1 · 2).
    assert by_month(found, "won") == pytest.approx([0, 1.5, 2, 2])
    assert by_month(found, "lost") == pytest.approx([0, 6, 8, 8])
    assert by_month(found, "new_arr") == pytest.approx([0, 18_000, 24_000, 24_000], abs=CENT)
    assert by_month(found, "ending_arr") == pytest.approx([0, 18_000, 42_000, 66_000], abs=CENT)
    assert by_month(found, "customers") == pytest.approx([0, 1.5, 3.5, 5.5])
    assert by_month(found, "open") == pytest.approx([10, 12.5, 12.5, 12.5])
    assert all(math.isinf(c) for c in by_month(found, "capacity"))


def test_a_queue_is_first_come_first_served_and_goes_stale() -> None:
    sold = {"win_rate": "25 %", "cycle": "2 months"}
    funnel = {
        "stale": "50 % per month",
        "channels": {
            "inbound": {"segments": {"smb": {**sold, "volume": "6 per month", "deal_size": 10_000}}},
            "outbound": {"segments": {"smb": {**sold, "volume": "2 per month", "deal_size": 40_000}}},
            "web": {"sold_by": "nobody", "segments": {"smb": {**sold, "volume": "4 per month", "deal_size": 1_000}}},
        },
    }
    team = selling([{"existing": 1}], capacity={"open_opportunities": 10})
    found = baseline(plan_of(5, funnel=funnel, team=team), {})
    # Places: 10. What starts in month t holds one in t and t + 1, and closes in t + 2. `web` needs none: 4 a month.
    # 0: 8 arrive and start. Waiting 0.
    # 1: 8 arrive, 2 start. Waiting 6.
    # 2: 3 go stale; the 8 of month 0 close, 2 of them won; 8 arrive, 8 places: 3 + 5. Waiting 3.
    # 3: 1.5 go stale; the 2 of month 1 close; 8 arrive, 2 places: 1.5 + 0.5. Waiting 7.5.
    # 4: 3.75 go stale; the 8 of month 2 close; 8 arrive, 8 places: 3.75 + 4.25. Waiting 3.75.
    assert by_month(found, "started") == pytest.approx([8 + 4, 2 + 4, 8 + 4, 2 + 4, 8 + 4])
    assert by_month(found, "stale") == pytest.approx([0, 0, 3, 1.5, 3.75])
    assert by_month(found, "waiting") == pytest.approx([0, 6, 3, 7.5, 3.75])
    assert by_month(found, "open") == pytest.approx([8 + 4, 10 + 8, 10 + 8, 10 + 8, 10 + 8])
    assert by_month(found, "capacity") == pytest.approx([10] * 5)
    # Won from month 2 on: a quarter of what started two months before; inbound and outbound share places 3 : 1.
    won = found.cell["won"][0]
    assert won[:, 0] == pytest.approx([0, 0, 1.5, 0.375, 1.5])
    assert won[:, 1] == pytest.approx([0, 0, 0.5, 0.125, 0.5])
    assert won[:, 2] == pytest.approx([0, 0, 1, 1, 1])
    bookings = [0, 0, 15_000 + 20_000 + 1_000, 3_750 + 5_000 + 1_000, 15_000 + 20_000 + 1_000]
    assert by_month(found, "new_arr") == pytest.approx(bookings, abs=CENT)
    assert found.cell["bookings"][0].sum(axis=1) == pytest.approx(bookings, abs=CENT)


def test_sellers_at_full_load_start_capacity_over_cycle_a_month() -> None:
    # Little's law: 10 places and a cycle of 2.5 months on average, whatever its spread, make 4 starts a month.
    for spread in ("0 %", "80 %"):
        demand = {
            "volume": "50 per month",
            "win_rate": "25 %",
            "cycle": "2.5 months",
            "cycle_spread": spread,
            "deal_size": 1,
        }
        funnel = {"stale": "90 % per month", "channels": {"inbound": {"segments": {"smb": demand}}}}
        team = selling([{"existing": 1}], capacity={"open_opportunities": 10})
        started = by_month(baseline(plan_of(100, funnel=funnel, team=team), {}), "started")
        assert np.mean(started[50:]) == pytest.approx(4, rel=1e-3)


def pipeline_plan(rows: list[dict[str, Any]], months: int = 6, **sold: Any) -> Plan:
    demand = {"volume": "0 per month", "rates": ["50 %"], "win_rate": "25 %", "deal_size": 24_000, **sold}
    funnel = {
        "stages": ["lead", "opportunity"],
        "channels": {"inbound": {"segments": {"smb": demand}}},
        "opening_pipeline": {"rows": [{"segment": "smb", "channel": "inbound", **row} for row in rows]},
    }
    return plan_of(months, funnel=funnel, team=selling([{"existing": 1}], capacity={"open_opportunities": 9}))


def test_opening_pipeline_closes_by_its_age() -> None:
    rows = [
        {"stage": "opportunity", "age_months": 1, "count": 8, "value": 800_000},
        {"stage": "opportunity", "age_months": 5, "count": 4},
        {"stage": "lead", "age_months": 0, "count": 20},
        {"stage": "lead", "age_months": 3, "count": 4, "value": 60_000},
    ]
    found = baseline(pipeline_plan(rows, cycle="3 months"), {})
    # The 8 close in month 2 (2 won at 100,000); the overdue 4 at once (1 won at 24,000), and make room: the 8 hold 8 of
    # 9 places. 10 and 2 leads become opportunities in month 0: 1 starts at once, 8 in month 2, when the 8 close, 1 in
    # month 3, when the first has closed, and the last 2 in month 5. Each closes three months later, a quarter won:
    # 10/12 of them at 24,000 and 2/12 at 15,000.
    assert by_month(found, "opportunities") == pytest.approx([12, 0, 0, 0, 0, 0])
    assert by_month(found, "started") == pytest.approx([1, 0, 8, 1, 0, 2])
    assert by_month(found, "won") == pytest.approx([1, 0, 2, 0.25, 0, 2])
    assert by_month(found, "lost") == pytest.approx([3, 0, 6, 0.75, 0, 6])
    assert by_month(found, "open") == pytest.approx([9, 9, 9, 9, 9, 3])
    deal = 0.25 * (10 * 24_000 + 2 * 15_000) / 12
    assert by_month(found, "new_arr") == pytest.approx([24_000, 0, 200_000, deal, 0, 8 * deal], abs=CENT)
    assert found.reached[0, 0, 0].tolist() == [0, 12]


def test_opening_pipeline_that_is_old_is_likely_lost() -> None:
    rows = [{"stage": "opportunity", "age_months": 4, "count": 9}]
    fixed = baseline(pipeline_plan(rows, cycle="3 months", cycle_lost="6 months"), {})
    # A won deal would have closed at three months; the lost ones close two months from now.
    assert by_month(fixed, "won") == pytest.approx([0] * 6)
    assert by_month(fixed, "lost") == pytest.approx([0, 0, 9, 0, 0, 0])

    sold = {"cycle": "3 months", "cycle_lost": "6 months", "cycle_spread": "50 %"}
    found = baseline(pipeline_plan(rows, **sold), {})
    sigma = math.sqrt(math.log(1.25))
    survival = {m: stats.lognorm(sigma, scale=m * math.exp(-(sigma**2) / 2)).sf(4 + np.arange(7.0)) for m in (3, 6)}
    winning, losing = 0.25 * survival[3][0], 0.75 * survival[6][0]
    for name, share, curve in (("won", winning, survival[3]), ("lost", losing, survival[6])):
        assert by_month(found, name) == pytest.approx(-9 * share / (winning + losing) * np.diff(curve) / curve[0])
    assert sum(by_month(found, "won")) < 0.25 * 9 / 2


# ---- steps 5 and 6: base and bridge ----

TERMS = {
    "customers": 10,
    "arr": 1_200_000,
    "atr": {"2027-01": 800_000, "2027-03": 400_000},
    "renewal_rate": "90 %",
    "contraction": "3 % of ATR",
    "contraction_depth": "30 %",
    "price_increase": "5 %",
    "expansion": {"opportunities_per_customer": "1.2 per year", "win_rate": "50 %", "size": 10_000},
}


def test_two_cohorts_renew_contract_pay_more_and_expand() -> None:
    found = baseline(plan_of(13, base={"smb": TERMS}), {})
    # One customer each and 8 · 2/3 = 5.33, 8/3 = 2.67 of the others: 6 and 4. Each wins 0.1 · 50 % = 0.05 expansions a
    # month: 500 of ARR.
    # January: 800,000 renew: −80,000 churn, −24,000 contraction, 696,000 kept, +34,800 price; 5.4 + 4 customers expand.
    # March: 400,000 + 2 · 4 · 500 = 404,000 renew: −40,400, −12,120, 351,480 kept, +17,574; 5.4 + 3.6 customers expand.
    assert by_month(found, "atr")[:4] == pytest.approx([800_000, 0, 404_000, 0], abs=CENT)
    assert by_month(found, "churned_arr")[:4] == pytest.approx([80_000, 0, 40_400, 0], abs=CENT)
    assert by_month(found, "contraction_arr")[:4] == pytest.approx([24_000, 0, 12_120, 0], abs=CENT)
    assert by_month(found, "price_arr")[:4] == pytest.approx([34_800, 0, 17_574, 0], abs=CENT)
    assert by_month(found, "expansion_arr")[:4] == pytest.approx([4_700, 4_700, 4_500, 4_500], abs=CENT)
    assert by_month(found, "ending_arr")[:3] == pytest.approx([1_135_500, 1_140_200, 1_109_754], abs=CENT)
    assert by_month(found, "customers")[:3] == pytest.approx([9.4, 9.4, 9.0])
    assert by_month(found, "renewals_due")[:3] == pytest.approx([6, 0, 4])
    assert by_month(found, "renewals")[:3] == pytest.approx([5.4, 0, 3.6])
    assert by_month(found, "churned_customers")[:3] == pytest.approx([0.6, 0, 0.4])
    assert by_month(found, "expansions")[:3] == pytest.approx([0.47, 0.47, 0.45])
    # Nobody is new, so the cohort of twelve months ago is the base: 1,109,754 + 9 · 4,500 at the end of month 11.
    assert by_month(found, "nrr_arr")[10:12] == pytest.approx([0, 1_150_254], abs=CENT)
    assert by_month(found, "nrr_arr")[12] == pytest.approx(by_month(found, "ending_arr")[12])
    # One renewal each in twelve months: 80 % in full, capped at 1; 10 % at 0.7 · 1.05: 0.8735 of the ARR of then.
    assert by_month(found, "grr_arr")[11:] == pytest.approx([0.8735 * 1_200_000, 0.8735 * 1_135_500], abs=CENT)


def test_new_customers_renew_after_their_term_and_count_in_nrr_a_year_later() -> None:
    sold = {"volume": "10 per month", "win_rate": "20 %", "cycle": "0 months", "deal_size": 10_000}
    plan = plan_of(
        14,
        base={"smb": {"renewal_rate": "50 %", "term_months": 6}},
        funnel={"channels": {"web": {"sold_by": "nobody", "segments": {"smb": sold}}}},
    )
    found = baseline(plan, {})
    # 20,000 a month; half of each month's renews six months later, and again half of those six months after that.
    ending = [20_000 * (t + 1) for t in range(6)] + [120_000 + 10_000 * (t + 1) for t in range(6)]
    assert by_month(found, "ending_arr")[:12] == pytest.approx(ending, abs=CENT)
    assert by_month(found, "atr") == pytest.approx([0] * 6 + [20_000] * 6 + [10_000 + 20_000] * 2, abs=CENT)
    assert by_month(found, "customers")[11] == pytest.approx(18)
    # Nobody was there at the start. Those of month 0 have renewed twice by month 12, those of 0 and 1 by month 13.
    assert by_month(found, "nrr_arr")[11:] == pytest.approx([0, 5_000, 10_000], abs=CENT)
    assert by_month(found, "grr_arr")[11:] == pytest.approx([0, 5_000, 10_000], abs=CENT)


def test_if_more_contract_than_renew_all_who_renew_contract() -> None:
    terms = {
        "customers": 12,
        "arr": 1_200_000,
        "renewal_rate": "8 %",
        "contraction": "30 %",
        "contraction_depth": "50 %",
    }
    found = baseline(plan_of(1, base={"smb": terms}), {})
    # ATR of a month: 100,000. 92 % churn; the other 8 % lose half.
    assert by_month(found, "churned_arr") == pytest.approx([92_000], abs=CENT)
    assert by_month(found, "contraction_arr") == pytest.approx([4_000], abs=CENT)
    assert by_month(found, "ending_arr") == pytest.approx([1_200_000 - 96_000], abs=CENT)


def test_what_sells_once_is_booked_and_is_no_customer() -> None:
    sold = {"volume": "10 per month", "win_rate": "20 %", "cycle": "0 months", "deal_size": 10_000}
    funnel = {"channels": {"web": {"sold_by": "nobody", "segments": {"smb": sold}}}}
    found = baseline(plan_of(2, segments={"smb": {"sells": "once"}}, base={}, funnel=funnel), {})
    assert by_month(found, "one_off_bookings") == pytest.approx([20_000, 20_000], abs=CENT)
    assert by_month(found, "won") == pytest.approx([2, 2])
    for name in ("new_arr", "ending_arr", "customers", "new_customers"):
        assert by_month(found, name) == [0, 0]


def test_customers_are_apportioned_to_the_atr() -> None:
    atr = {"2027-05": 200, "2027-02": 500, "2027-01": 499, "2027-03": 1}
    plan = plan_of(1, base={"smb": {**TERMS, "atr": atr, "arr": 1_206}})
    # One of 10 customers each; of the other 6: 2.495, 2.5, 0.005, 1. Five are whole, the last goes to February.
    # The ATR is scaled from 1,200 to 1,206.
    assert opening_cohorts(plan.base["smb"], month_number("2027-01")) == [
        (0, pytest.approx(501.495), 3),
        (1, pytest.approx(502.5), 4),
        (2, pytest.approx(1.005), 1),
        (4, pytest.approx(201), 2),
    ]


def test_customers_are_spread_evenly_over_the_term() -> None:
    terms = {"renewal_rate": "90 %", "arr": 1_000, "term_months": 6}
    plan = plan_of(1, base={"smb": {**terms, "customers": 4}})
    # Customer i of 4 renews in month floor(6 i / 4).
    assert opening_cohorts(plan.base["smb"], 0) == [(0, 250, 1), (1, 250, 1), (3, 250, 1), (4, 250, 1)]
    plan = plan_of(1, base={"smb": {**terms, "customers": 8}})
    assert [n for _, _, n in opening_cohorts(plan.base["smb"], 0)] == [2, 1, 1, 2, 1, 1]
    plan = plan_of(1, base={"smb": {"renewal_rate": "90 %"}})
    assert opening_cohorts(plan.base["smb"], 0) == []


# ---- the whole ----


@pytest.fixture(scope="module")
def tiny() -> Plan:
    return load(Path(__file__).parent / "plans" / "tiny.yaml")


def test_the_bridge_closes(tiny: Plan) -> None:
    s = {
        name: array[0, :, 0]
        for name, array in baseline(tiny, spreadsheet_values(tiny, "operating plan")).segment.items()
    }
    before = np.concatenate(([4_500_000], s["ending_arr"][:-1]))
    flows = s["new_arr"] + s["expansion_arr"] + s["price_arr"] - s["contraction_arr"] - s["churned_arr"]
    assert s["ending_arr"] == pytest.approx(before + flows, abs=CENT)
    assert s["new_arr"].min() > 0
    waiting = np.cumsum(s["opportunities"] - s["started"] - s["stale"])
    assert s["waiting"] == pytest.approx(waiting, abs=1e-9)


def test_values_of_a_spreadsheet(tiny: Plan) -> None:
    assert spreadsheet_values(tiny, "operating plan")["leads.inbound"] == 60
    drawn = tiny.widened()
    medians, means = spreadsheet_values(tiny, "medians"), spreadsheet_values(tiny, "means")
    assert medians.keys() == means.keys() == tiny.assumptions.keys()
    for name, law in drawn.items():
        # The mean over a fine grid of quantiles: within 0.1 %.
        quantiles = law.ppf((np.arange(200_000) + 0.5) / 200_000)
        assert means[name] == pytest.approx(quantiles.mean(), rel=1e-3)
        assert medians[name] == pytest.approx(float(law.ppf(np.array([0.5]))[0]))
    # The policy widens a skewed law: its mean moves.
    assert means["ramp_months.ae"] != pytest.approx(tiny.assumptions["ramp_months.ae"].distribution.mean(), rel=1e-3)


def test_order_in_the_file_changes_no_bit() -> None:
    seats = [{"existing": n, "hires": {"2027-02": 1}, "time_to_fill_delay": f"0.{n} months"} for n in (1, 3, 7)]
    ages = [{"stage": "opportunity", "age_months": age, "count": 7, "value": 1_000 * age} for age in (0.1, 0.7, 1.3)]
    rows = [{"segment": "smb", "channel": "web", **row} for row in ages]
    team = selling(seats, capacity={"open_opportunities": 0.7}, ramp={"workload": "7 months"})
    web = {"segments": {"smb": {**SOLD, "cycle_spread": "60 %"}}}

    def found(turn: int) -> Baseline:
        funnel = {"channels": {"web": web}, "opening_pipeline": {"rows": rows[::turn]}}
        return baseline(plan_of(9, team={**team, "seats": team["seats"][::turn]}, funnel=funnel), {})

    one, other = found(1), found(-1)
    for name, array in {**one.segment, **one.group}.items():
        assert array.tobytes() == {**other.segment, **other.group}[name].tobytes(), name
    assert one.segment["new_arr"].max() > 0


def test_a_cycle_of_no_time_is_as_likely_won_as_any_other() -> None:
    # On the day on which it starts nothing has closed yet.
    rows = [{"stage": "opportunity", "age_months": 0, "count": 8}]
    found = baseline(pipeline_plan(rows, cycle="0 months", cycle_lost="2 months"), {})
    assert by_month(found, "won") == pytest.approx([2, 0, 0, 0, 0, 0])
    assert by_month(found, "lost") == pytest.approx([0, 0, 6, 0, 0, 0])
