"""The reference kernel on plans that can be followed by hand, and what must balance on any plan."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import yaml
from scipy import stats

from simengine.plan import Plan, loads
from tests.generated import PLANS, generated_plan, generated_values
from tests.reference.market import Cell, opening_customers
from tests.reference.path import SEGMENT_OUTPUTS, ReferencePath, reference_path

SEED = 7


def plan_of(months: int = 4, sells: str = "subscription", **sections: Any) -> Plan:
    """A plan of one segment called smb."""
    header = {"name": "By hand", "currency": "USD", "start": "2027-01", "months": months}
    base = {} if sells == "once" else {"base": {"smb": {"renewal_rate": 1, "term_months": 120}}}
    document = {"plan": header, "segments": {"smb": {"sells": sells, "geo": "NA"}}, **base, **sections}
    return loads(yaml.safe_dump(document))


def play(plan: Plan, draw: int = 0) -> ReferencePath:
    return reference_path(plan, {}, draw, SEED)


def of_segment(path: ReferencePath, name: str) -> list[float]:
    return list(path.segment[name][:, 0])


def of_group(path: ReferencePath, name: str) -> list[float]:
    return list(path.group[name][:, 0])


def customers(**terms: Any) -> dict[str, Any]:
    return {"base": {"smb": {"customers": 4, "arr": 400, "atr": {"2027-01": 400}, "term_months": 1, **terms}}}


def sellers(**keys: Any) -> dict[str, Any]:
    role = {"capacity": {"open_opportunities": 2}, **keys.pop("role", {})}
    group = {"name": "ae", "role": "ae", "segment": "smb", "existing": 1, **keys}
    return {"team": {"roles": {"ae": role}, "seats": [group]}}


def pipeline(
    *rows: dict[str, Any], stages: tuple[str, ...] = ("opportunity",), stale: str = "0 % per month", **demand: Any
) -> dict[str, Any]:
    """One channel without arrivals: only the opening pipeline has anything to sell."""
    law = {"volume": "0 per month", "rates": [1] * (len(stages) - 1), "win_rate": 1, "cycle": 0, "deal_size": 100}
    law |= demand
    where = {"segment": "smb", "channel": "inbound", "age_months": 0}
    return {
        "funnel": {
            "stages": list(stages),
            "stale": stale,
            "channels": {"inbound": {"segments": {"smb": law}}},
            "opening_pipeline": {"rows": [where | row for row in rows]},
        }
    }


# --- the base


def test_customers_who_all_renew_pay_the_price_increase() -> None:
    path = play(plan_of(**customers(renewal_rate=1, price_increase="10 %")))
    assert of_segment(path, "ending_arr") == pytest.approx([440, 484, 532.4, 585.64])
    assert of_segment(path, "price_arr") == pytest.approx([40, 44, 48.4, 53.24])
    assert of_segment(path, "renewals") == [4, 4, 4, 4]


def test_customers_who_all_leave() -> None:
    path = play(plan_of(**customers(renewal_rate=0, term_months=2, atr={"2027-02": 400})))
    assert of_segment(path, "churned_arr") == [0, 400, 0, 0]
    assert of_segment(path, "churned_customers") == [0, 4, 0, 0]
    assert of_segment(path, "atr") == [0, 400, 0, 0]
    assert of_segment(path, "ending_arr") == [400, 0, 0, 0]


def test_customers_who_all_contract() -> None:
    path = play(plan_of(**customers(renewal_rate="90 %", contraction="50 %", contraction_depth="50 %")))
    kept = np.array(of_segment(path, "renewals"))
    assert 0 < kept.sum() < 16
    assert of_segment(path, "ending_arr") == pytest.approx(list(kept * 100 * 0.5 ** np.arange(1, 5)))


def test_the_price_increase_is_on_what_is_kept() -> None:
    path = play(plan_of(**customers(renewal_rate=1, contraction=0.5, contraction_depth=0.5, price_increase="10 %")))
    assert of_segment(path, "contraction_arr")[:2] == pytest.approx([200, 110])
    assert of_segment(path, "price_arr")[:2] == pytest.approx([20, 11])


def test_opening_customers_are_spread_over_the_term() -> None:
    terms = {"customers": 7, "arr": 700, "size_spread": 0.8, "term_months": 3, "renewal_rate": 0}
    path = play(plan_of(base={"smb": terms}))
    assert of_segment(path, "churned_customers") == [3, 2, 2, 0]
    assert of_segment(path, "churned_arr") == pytest.approx([300, 200, 200, 0])


def test_opening_customers_follow_the_stated_atr() -> None:
    atr = {"2027-01": 100, "2027-02": 500, "2027-04": 600}
    terms = {"customers": 7, "arr": 1_206, "atr": atr, "term_months": 4, "renewal_rate": 0}
    path = play(plan_of(base={"smb": terms}))
    # One each; the other four are 0.33, 1.67 and 2 of the ATR.
    assert of_segment(path, "churned_customers") == [1, 3, 0, 3]
    assert of_segment(path, "churned_arr") == pytest.approx([100.5, 502.5, 0, 603])


def test_customers_have_the_sizes_of_a_lognormal_law() -> None:
    terms = {"customers": 3, "arr": 300, "size_spread": 1.2, "term_months": 1, "renewal_rate": 1}
    small, middle, large = opening_customers("smb", plan_of(base={"smb": terms}).base["smb"], start=0)
    sigma = math.sqrt(math.log(1 + 1.2**2))
    assert small.arr + middle.arr + large.arr == pytest.approx(300)
    assert math.log(large.arr / middle.arr) == pytest.approx(sigma * stats.norm.ppf(5 / 6))
    assert math.log(small.arr / middle.arr) == pytest.approx(sigma * stats.norm.ppf(1 / 6))


def test_nrr_and_grr_follow_the_customers_of_a_year_ago() -> None:
    path = play(plan_of(months=13, **customers(renewal_rate=1, price_increase="1 %")))
    assert of_segment(path, "nrr_arr") == pytest.approx([0] * 11 + [400 * 1.01**12, 400 * 1.01**13])
    assert of_segment(path, "grr_arr") == pytest.approx([0] * 11 + [400, 404])


def test_expansion_adds_its_size_every_time_it_is_won() -> None:
    expansion = {"opportunities_per_customer": "24 per year", "win_rate": 1, "size": 10}
    path = play(plan_of(months=12, **customers(renewal_rate=1, expansion=expansion)))
    number = np.array(of_segment(path, "expansions"))
    # 4 customers at 2 a month: 96 expected. Between the Poisson quantiles of 1e-6 from either end.
    assert stats.poisson(96).ppf(1e-6) <= number.sum() <= stats.poisson(96).ppf(1 - 1e-6)
    assert of_segment(path, "expansion_arr") == pytest.approx(list(10 * number))
    assert path.segment["ending_arr"][-1, 0] == pytest.approx(400 + 10 * number.sum())


def test_expansion_of_a_new_customer_begins_after_the_closing_month() -> None:
    expansion = {"opportunities_per_customer": "96 per year", "win_rate": 1, "size": 10}
    base = {"smb": {"renewal_rate": 1, "term_months": 120, "expansion": expansion}}
    path = play(plan_of(base=base, **pipeline({"stage": "opportunity", "count": 40}, cycle=1), **sellers()))
    number = of_segment(path, "expansions")
    # 40 customers, 320 a month from month 2 on: Poisson quantiles of 1e-6 from either end.
    low, high = stats.poisson(320).ppf([1e-6, 1 - 1e-6])
    assert number[:2] == [0, 0]
    assert all(low <= n <= high for n in number[2:])


# --- demand


def cell_of(**demand: Any) -> Cell:
    law = {"win_rate": 1, "cycle": 1, "deal_size": 100, "volume": "6 per month", **demand}
    parsed = plan_of(funnel={"channels": {"web": {"sold_by": "nobody", "segments": {"smb": law}}}})
    return Cell("web", "smb", False, parsed.funnel.channels["web"].segments["smb"], {})


def test_demand_grows_and_has_seasons() -> None:
    weights = [1, 2, 3, *[2] * 9]
    cell = cell_of(growth="21 % per year", seasonality={"created": weights})
    assert cell.mean_arrivals(0, 0) == pytest.approx(3)
    assert cell.mean_arrivals(6, 6) == pytest.approx(6 * 1.1)
    assert cell.mean_arrivals(14, 2) == pytest.approx(9 * 1.21 ** (14 / 12))


def test_a_share_of_deals_is_larger() -> None:
    cell = cell_of(deal_size_spread=0.5, outliers={"share": 0.25, "times": 8})
    u = (np.arange(20_000) + 0.5) / 20_000
    sizes = [cell.deal(x) for x in u]
    # The midpoint rule leaves out a sliver of the tail.
    assert np.mean(sizes) == pytest.approx(100 * (1 + 0.25 * 7), rel=1e-3)
    assert sizes[14_999] > sizes[0]
    assert cell.deal(0.375) * 8 == pytest.approx(cell.deal(0.875))


def test_old_opportunities_are_less_often_won_if_wins_are_quick() -> None:
    # Without spread every win has closed after 2 months, so at age 4 only losses are left, with 2 of their 6 to go.
    row = {"stage": "opportunity", "age_months": 4, "count": 30}
    path = play(plan_of(**pipeline(row, win_rate=0.9, cycle=2, cycle_lost=6), **sellers()))
    assert of_segment(path, "lost") == [0, 0, 30, 0]


# --- the opening pipeline, capacity and closing


def test_open_opportunities_close_when_what_remains_of_their_cycle_is_over() -> None:
    row = {"stage": "opportunity", "age_months": 1, "count": 10, "value": 1_000}
    path = play(plan_of(**pipeline(row, cycle="3.5 months"), **sellers()))
    assert of_segment(path, "won") == [0, 0, 10, 0]
    assert of_segment(path, "new_arr") == pytest.approx([0, 0, 1_000, 0])
    assert of_segment(path, "new_customers") == [0, 0, 10, 0]
    assert of_segment(path, "open") == [10, 10, 0, 0]
    assert path.cell["bookings"][:, 0] == pytest.approx([0, 0, 1_000, 0])


def test_a_new_customer_renews_one_term_after_closing() -> None:
    base = {"smb": {"renewal_rate": 0, "term_months": 2}}
    path = play(plan_of(base=base, **pipeline({"stage": "opportunity", "count": 3}), **sellers()))
    assert of_segment(path, "new_arr") == [300, 0, 0, 0]
    assert of_segment(path, "churned_arr") == [0, 0, 300, 0]


def test_a_segment_that_sells_once_books_and_has_no_customers() -> None:
    path = play(plan_of(sells="once", **pipeline({"stage": "opportunity", "count": 3}), **sellers()))
    assert of_segment(path, "one_off_bookings") == [300, 0, 0, 0]
    assert not path.segment["new_arr"].any()
    assert not path.segment["customers"].any()


LEADS = {"stage": "lead", "count": 6}
STAGES = ("lead", "mql", "opportunity")


def test_leads_pass_the_remaining_stages_and_wait_for_a_seller() -> None:
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, cycle=1), **sellers()))
    assert path.reached[:, 0].tolist() == [[0, 6, 6], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert of_segment(path, "opportunities") == [6, 0, 0, 0]
    assert of_segment(path, "started") == [2, 2, 2, 0]
    assert of_segment(path, "won") == [0, 2, 2, 2]
    assert of_segment(path, "waiting") == [4, 2, 0, 0]


def test_who_waits_can_go_stale() -> None:
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, stale="100 % per month", cycle=1), **sellers()))
    assert of_segment(path, "started") == [2, 0, 0, 0]
    assert of_segment(path, "stale") == [0, 4, 0, 0]


def test_without_limit_all_are_taken_up_as_soon_as_somebody_works() -> None:
    team = sellers(existing=0, hires={"2027-03": 1}, role={"capacity": "unlimited"})
    path = play(plan_of(**pipeline(LEADS, stages=STAGES), **team))
    assert of_segment(path, "capacity") == [0, 0, math.inf, math.inf]
    assert of_segment(path, "started") == [0, 0, 6, 0]


def test_an_open_opportunity_keeps_its_place_until_it_closes() -> None:
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, cycle=2), **sellers()))
    assert of_segment(path, "started") == [2, 0, 2, 0]
    assert of_segment(path, "open") == [2, 2, 2, 2]


def test_what_starts_and_closes_in_the_same_month_takes_no_place() -> None:
    path = play(plan_of(**pipeline(LEADS, stages=STAGES, cycle=0), **sellers()))
    assert of_segment(path, "started") == of_segment(path, "won") == [6, 0, 0, 0]


def test_self_service_needs_no_place() -> None:
    plan = pipeline(LEADS, stages=STAGES)
    plan["funnel"]["channels"]["inbound"]["sold_by"] = "nobody"
    path = play(plan_of(**plan, **sellers(existing=0, hires={"2027-04": 1})))
    assert of_segment(path, "started") == [6, 0, 0, 0]
    assert of_segment(path, "capacity") == [0, 0, 0, 2]


# --- seats


def test_a_hire_starts_after_the_delay_and_ramps() -> None:
    role = {"ramp": {"workload": 2, "shape": "linear"}}
    team = sellers(existing=0, hires={"2027-01": 1}, time_to_fill_delay=1, role=role)
    path = play(plan_of(months=5, **team))
    assert of_group(path, "starts") == [0, 1, 0, 0, 0]
    assert of_group(path, "ramped") == [0, 0.25, 0.75, 1, 1]
    assert of_segment(path, "capacity") == [0, 0.5, 1.5, 2, 2]


@pytest.mark.parametrize(("shape", "ramped"), [("s-curve", [0.15625, 0.84375, 1, 1]), ("step", [0, 0, 1, 1])])
def test_shapes_of_ramp(shape: str, ramped: list[float]) -> None:
    path = play(plan_of(**sellers(role={"ramp": {"workload": 2, "shape": shape}})))
    assert of_group(path, "ramped") == pytest.approx(ramped)


def test_a_leaver_works_the_last_month_and_the_seat_is_filled_again() -> None:
    role = {"attrition": {"voluntary": "99 % per year"}, "backfill": {"policy": "always", "lag": 1}}
    path = play(plan_of(months=24, **sellers(role=role)))
    leavers = of_group(path, "leavers")
    assert sum(leavers) >= 2
    for month in np.flatnonzero(leavers)[:-1]:
        assert of_group(path, "working")[month : month + 3] == [1, 0, 1]
        assert of_group(path, "headcount")[month : month + 2] == [0, 0]
        assert of_group(path, "starts")[month + 2] == 1


def test_people_leave_at_the_stated_rate() -> None:
    role = {"attrition": {"voluntary": "30 % per year"}}
    plan = plan_of(months=12, **sellers(existing=1_000, tenure_months=14, role=role))
    left = 1_000 - of_group(play(plan), "headcount")[-1]
    # 1,000 people, each gone within the year with 30 %: two-sided binomial tests at level 1e-6; 40 % must fail.
    assert stats.binomtest(int(left), 1_000, 0.3).pvalue > 1e-6
    assert stats.binomtest(int(left), 1_000, 0.4).pvalue < 1e-6


def test_new_people_leave_faster_in_their_first_six_months() -> None:
    attrition = {"voluntary": "30 % per year", "first_six_months": "x2"}
    plan = plan_of(months=12, **sellers(existing=1_000, role={"attrition": attrition}))
    headcount = of_group(play(plan), "headcount")
    left = [int(1_000 - headcount[5]), int(headcount[5] - headcount[11])]
    # Six months at twice the hazard, then six at the hazard; level 1e-6 each. Without the factor the first must fail.
    assert stats.binomtest(left[0], 1_000, 1 - 0.7).pvalue > 1e-6
    assert stats.binomtest(left[0], 1_000, 1 - math.sqrt(0.7)).pvalue < 1e-6
    assert stats.binomtest(left[1], 1_000 - left[0], 1 - math.sqrt(0.7)).pvalue > 1e-6


# --- chance belongs to names


def test_more_hires_leave_every_other_seat_alone() -> None:
    attrition, backfill = {"voluntary": "60 % per year"}, {"policy": "always", "lag": 2}
    role = {"attrition": attrition, "backfill": backfill, "ramp": {"workload": 4, "spread": 0.5}}
    keys = {"existing": 5, "role": role, "time_to_fill_delay": 2, "delay_spread": 0.5}
    few = play(plan_of(months=18, **sellers(hires={"2027-03": 2}, **keys)))
    more = play(plan_of(months=18, **sellers(hires={"2027-03": 2, "2027-02": 1}, **keys)))
    alone = play(plan_of(months=18, **sellers(hires={"2027-02": 1}, **keys | {"existing": 0})))
    for name in ("headcount", "starts", "leavers", "ramped"):
        np.testing.assert_allclose(more.group[name], few.group[name] + alone.group[name])


# --- what must balance on any plan


@cache
def generated_path(i: int) -> tuple[Plan, ReferencePath]:
    plan = loads(generated_plan(i))
    return plan, reference_path(plan, generated_values(plan, i), draw=i, seed=SEED)


def opening_arr(plan: Plan) -> list[float]:
    return [plan.base[name].arr if name in plan.base else 0.0 for name in sorted(plan.segments)]


def with_opening(ending: np.ndarray, opening: Sequence[float]) -> np.ndarray:
    """What there was at the beginning of each month."""
    return np.vstack([opening, ending[:-1]])


@pytest.mark.parametrize("name", SEGMENT_OUTPUTS)
def test_generated_plans_make_everything_happen(name: str) -> None:
    happens = [bool(path.segment[name].any()) for _, path in map(generated_path, range(PLANS))]
    assert sum(happens) >= 20
    if name in ("one_off_bookings", "stale", "waiting", "expansions", "price_arr", "contraction_arr"):
        assert sum(happens) <= PLANS - 20


@pytest.mark.parametrize("i", range(PLANS))
def test_bridges_close(i: int) -> None:
    plan, path = generated_path(i)
    s, g = path.segment, path.group
    opening = with_opening(s["ending_arr"], opening_arr(plan))
    change = s["new_arr"] + s["expansion_arr"] + s["price_arr"] - s["contraction_arr"] - s["churned_arr"]
    np.testing.assert_allclose(opening + change, s["ending_arr"], rtol=1e-12, atol=1e-6)

    np.testing.assert_array_equal(s["renewals_due"], s["renewals"] + s["churned_customers"])
    there = {name: len(opening_customers(name, base, plan.plan.start)) for name, base in plan.base.items()}
    before = with_opening(s["customers"], [there.get(name, 0) for name in sorted(plan.segments)])
    np.testing.assert_array_equal(before + s["new_customers"] - s["churned_customers"], s["customers"])

    existing = [group.existing for group in sorted(plan.team.seats, key=lambda group: group.name)]
    before = with_opening(g["headcount"], list(existing))
    np.testing.assert_array_equal(before + g["starts"] - g["leavers"], g["headcount"])
    np.testing.assert_array_equal(g["headcount"] + g["leavers"], g["working"])
    assert (g["ramped"] <= g["working"] + 1e-12).all()


@pytest.mark.parametrize("i", range(PLANS))
def test_every_opportunity_is_somewhere(i: int) -> None:
    plan, path = generated_path(i)
    s = path.segment
    rows = [row for row in plan.funnel.opening_pipeline.rows if row.stage == plan.funnel.stages[-1]]
    opening = [sum(row.count for row in rows if row.segment == segment) for segment in sorted(plan.segments)]
    came = opening + s["opportunities"].cumsum(axis=0)
    gone = (s["stale"] + s["won"] + s["lost"]).cumsum(axis=0)
    np.testing.assert_array_equal(came, s["open"] + s["waiting"] + gone)

    cells = sorted((name, segment) for name, channel in plan.funnel.channels.items() for segment in channel.segments)
    for column, segment in enumerate(sorted(plan.segments)):
        mine = [cell[1] == segment for cell in cells]
        np.testing.assert_array_equal(path.reached[:, mine, -1].sum(axis=1), s["opportunities"][:, column])
        np.testing.assert_array_equal(path.cell["won"][:, mine].sum(axis=1), s["won"][:, column])
        bookings = (s["new_arr"] + s["one_off_bookings"])[:, column]
        np.testing.assert_allclose(path.cell["bookings"][:, mine].sum(axis=1), bookings, rtol=1e-12)
    assert (np.diff(path.reached[1:], axis=-1) <= 0).all()


@pytest.mark.parametrize("i", range(PLANS))
def test_retained_arr_is_bounded_by_the_arr_of_a_year_ago(i: int) -> None:
    plan, path = generated_path(i)
    s = path.segment
    assert (s["grr_arr"] <= s["nrr_arr"] + 1e-9).all()
    then = with_opening(s["ending_arr"], opening_arr(plan))[: max(0, plan.plan.months - 11)]
    assert (s["grr_arr"][11:] <= then * (1 + 1e-12) + 1e-6).all()
    assert not s["nrr_arr"][:11].any()
