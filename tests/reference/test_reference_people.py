"""Step 1, and what people are measured by, on plans that can be followed by hand."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.reference.byhand import SEED, load_the_dice, of_group, of_segment, pipeline, plan_of, play, sellers
from tests.reference.chance import Address, Chance, Purpose, Uniforms, exponential
from tests.reference.ledger import ReferencePath
from tests.reference.people import monthly_hazard

MANY = {"stage": "lead", "count": 400}
TWO_STAGES = ("lead", "opportunity")
GONE_AFTER_TWO_MONTHS = {"voluntary": "99.9 % per year", "by_tenure": {0: "x0", 1: "x1000"}}


def team(roles: dict[str, Any], *groups: dict[str, Any], **rules: Any) -> dict[str, Any]:
    return {"team": {"roles": roles, "seats": list(groups), **rules}}


def test_a_hire_starts_after_the_delay_and_ramps() -> None:
    role = {"ramp": {"workload": 2, "shape": "linear"}}
    hire = sellers(existing=0, hires={"2027-01": 1}, time_to_fill_delay=1, role=role)
    path = play(plan_of(months=5, **hire))
    assert of_group(path, "starts") == of_group(path, "recruited") == [0, 1, 0, 0, 0]
    assert of_group(path, "ramped") == [0, 0.25, 0.75, 1, 1]
    assert of_segment(path, "capacity") == [0, 0.5, 1.5, 2, 2]


def test_the_climate_slows_recruiting() -> None:
    hire = sellers(existing=0, hires={"2027-01": 1}, time_to_fill_delay=1)
    hire["team"]["recruiting_climate"] = "x3"
    assert of_group(play(plan_of(months=5, **hire)), "starts") == [0, 0, 0, 1, 0]


def test_each_who_is_there_has_a_tenure() -> None:
    role = {"ramp": {"workload": 4, "shape": "linear"}}
    path = play(plan_of(months=4, **sellers(existing=3, tenure_months=[1, 9, 0], role=role)))
    ramped = [3 / 8 + 1 + 1 / 8, 5 / 8 + 1 + 3 / 8, 7 / 8 + 1 + 5 / 8, 2 + 7 / 8]
    assert of_group(path, "ramped") == pytest.approx(ramped)


@pytest.mark.parametrize(("shape", "ramped"), [("s-curve", [0.15625, 0.84375, 1, 1]), ("step", [0, 0, 1, 1])])
def test_shapes_of_ramp(shape: str, ramped: list[float]) -> None:
    path = play(plan_of(**sellers(role={"ramp": {"workload": 2, "shape": shape}})))
    assert of_group(path, "ramped") == pytest.approx(ramped)


def test_some_never_ramp() -> None:
    ramp = {"workload": 2, "shape": "linear", "never": {"share": 1, "level": "60 %"}}
    assert of_group(play(plan_of(**sellers(role={"ramp": ramp}))), "ramped") == pytest.approx([0.25, 0.6, 0.6, 0.6])
    ramp["never"] = {"share": "30 %", "level": 0}
    many = of_group(play(plan_of(**sellers(existing=1_000, role={"ramp": ramp}))), "ramped")
    # Out of 1,000, each with 30 %: a two-sided binomial test at level 1e-6, which 40 % must fail.
    assert stats.binomtest(int(many[-1]), 1_000, 0.7).pvalue > 1e-6
    assert stats.binomtest(int(many[-1]), 1_000, 0.6).pvalue < 1e-6


# --- a bookings ramp


def booked_by_hire(bookings: list[float], places: int, cycle: int, hired: str, months: int) -> ReferencePath:
    """One hire, more than enough demand, and deals that take a cycle to the day."""
    role = {"capacity": {"open_opportunities": places}, "ramp": {"bookings": bookings, "cycle": cycle}}
    hire = sellers(existing=0, hires={hired: 1}, role=role)
    return play(plan_of(months=months, **pipeline(MANY, stages=TWO_STAGES, cycle=cycle), **hire))


def test_a_bookings_ramp_is_the_workload_of_a_cycle_before() -> None:
    path = booked_by_hire([0, 0.5], places=12, cycle=3, hired="2027-07", months=13)
    assert of_segment(path, "capacity") == pytest.approx([0] * 6 + [2, 4, 6, 8, 10, 12, 12])
    assert of_group(path, "ramped") == pytest.approx([0] * 6 + [x / 12 for x in (2, 4, 6, 8, 10, 12, 12)])


def test_colleagues_prepare_what_a_hire_books_at_once() -> None:
    path = booked_by_hire([0.6], places=10, cycle=3, hired="2027-07", months=10)
    assert of_segment(path, "capacity") == pytest.approx([0, 0, 0, 2, 4, 6, 22 / 3, 26 / 3, 10, 10])
    assert of_group(path, "working") == [0] * 6 + [1] * 4
    assert of_group(path, "ramped")[:7] == pytest.approx([0] * 6 + [22 / 30])


def test_a_hire_books_the_published_ramp() -> None:
    # Four deals a month when ramped: 24 places, six months each.
    path = booked_by_hire([0, 0.25, 0.5, 1], places=24, cycle=6, hired="2027-09", months=24)
    assert of_segment(path, "won") == [0] * 11 + [1] * 3 + [2] * 3 + [4] * 7
    assert of_group(path, "credited") == pytest.approx([0] * 11 + [100] * 3 + [200] * 3 + [400] * 7)
    assert sum(of_segment(path, "new_from_pipeline")) == pytest.approx(100 * sum(of_segment(path, "won")))


def test_who_is_ramped_for_bookings_is_so_exactly() -> None:
    # Sums of 0.1 and 0.7 and a cycle of 1.861 months would be rounded.
    role = {"ramp": {"bookings": [0.1, 0.7], "cycle": 1.861}}
    ramped = of_group(play(plan_of(months=9, **sellers(tenure_months=0.3, role=role))), "ramped")
    assert ramped[-3:] == [1, 1, 1]
    # A month of tenure ends at 1.3; 1.861 of the months after it are 1.7 at 0.1 and 0.161 at 0.7.
    assert ramped[0] == pytest.approx((1.7 * 0.1 + 0.161 * 0.7) / 1.861)


def test_without_a_cycle_bookings_are_workload() -> None:
    path = booked_by_hire([0, 0.5], places=12, cycle=0, hired="2027-01", months=8)
    assert of_group(path, "ramped") == [0] * 3 + [0.5] * 3 + [1] * 2


# --- leaving


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


@pytest.mark.parametrize("written", [{"first_six_months": "x2"}, {"by_tenure": {0: "x2", 6: "x1"}}])
def test_new_people_leave_faster_in_their_first_six_months(written: dict[str, Any]) -> None:
    attrition = {"voluntary": "20 % per year", "involuntary": "12.5 % per year", **written}
    plan = plan_of(months=12, **sellers(existing=1_000, role={"attrition": attrition}))
    path = play(plan)
    headcount = of_group(path, "headcount")
    left = [int(1_000 - headcount[5]), int(headcount[5] - headcount[11])]
    # 20 % and 12.5 % are 30 % together. Six months at twice the hazard, then six at the hazard; level 1e-6 each.
    # Without the factor the first must fail.
    assert stats.binomtest(left[0], 1_000, 1 - 0.7).pvalue > 1e-6
    assert stats.binomtest(left[0], 1_000, 1 - math.sqrt(0.7)).pvalue < 1e-6
    assert stats.binomtest(left[1], 1_000 - left[0], 1 - math.sqrt(0.7)).pvalue > 1e-6
    share = math.log(1 - 0.125) / math.log(0.7)
    assert stats.binomtest(int(sum(of_group(path, "involuntary"))), sum(left), share).pvalue > 1e-6
    assert stats.binomtest(int(sum(of_group(path, "involuntary"))), sum(left), 1 - share).pvalue < 1e-2


def test_nobody_leaves_before_the_first_multiple_above_zero() -> None:
    path = play(plan_of(**sellers(existing=9, role={"attrition": GONE_AFTER_TWO_MONTHS})))
    assert of_group(path, "leavers") == [0, 9, 0, 0]


def test_who_missed_the_quota_leaves_in_the_next_year() -> None:
    # From tenure 12 on a hazard of 8 % a month, a thousand times as much after a missed quota.
    attrition = {"voluntary": "0.1 % per year", "by_tenure": {0: "x0", 12: "x1000"}}
    for below, fewest, most in (("50 %", 50, 50), ("0 %", 0, 20)):
        missed = {"missed_quota": {"below": below, "voluntary": "x1000"}}
        role = {"quota": "120_000 per year", "attrition": attrition | missed}
        path = play(plan_of(months=14, **sellers(existing=50, role=role)))
        assert of_group(path, "below_half")[11] == 50
        assert sum(of_group(path, "leavers")[:12]) == 0
        assert fewest <= of_group(path, "leavers")[12] <= most


def test_each_part_of_a_person_has_its_own_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    def luck(address: Address, purpose: Purpose, number: int) -> Uniforms:
        return (0.5, 0.5, 0.25, 0.6) if purpose == Purpose.PERSON else (0.5, 0.2, 0.5, 0.5)

    load_the_dice(monkeypatch, luck)
    ramp = {"workload": 2, "shape": "linear", "spread": 0.5, "never": {"share": "30 %", "level": "40 %"}}
    leaving = {"voluntary": "50 % per year", "involuntary": "50 % per year"}
    path = play(plan_of(**sellers(role={"ramp": ramp, "productivity_spread": 0.75, "attrition": leaving})))
    # Medians: 1 / sqrt(1.25) of two months to ramp, which stops at 40 %, and 1 / sqrt(1.5625) of the productivity.
    ramped = [0.25 * math.sqrt(1.25), 0.4, 0.4, 0]
    assert of_group(path, "ramped") == pytest.approx(ramped)
    assert of_segment(path, "capacity") == pytest.approx([2 * 0.8 * share for share in ramped])
    # A quarter is gone when the hazard of ln 2 / 6 a month has come to ln (4/3): in month 2. Half leave by choice.
    assert of_group(path, "leavers") == of_group(path, "involuntary") == [0, 0, 1, 0]


# --- promotion


def promoted(months: int = 12, into: str | None = "ae", **keys: Any) -> tuple[ReferencePath, int]:
    """A path in which an SDR is promoted, and the month after which it is due."""
    promotion = {"rate": "99.9 % per year", "after": 2.25} | ({} if into is None else {"into": into})
    roles = {"sdr": {"hours": "100 per month", "promotion": promotion}, "ae": {"capacity": {"open_opportunities": 2}}}
    ae = {"name": "ae", "role": "ae", "segment": "smb", "time_to_fill_delay": 60, **keys}
    path = play(plan_of(months=months, **team(roles, {"name": "sdr", "role": "sdr", "existing": 1}, ae)))
    u, _, _, _ = Chance(0, SEED).uniforms(Address("group/sdr", 0, 0), Purpose.CAREER)
    return path, math.floor(2.25 + exponential(u) / monthly_hazard(0.999))


def test_who_is_promoted_takes_the_first_open_seat() -> None:
    path, due = promoted(hires={"2027-01": 1})
    assert 2 <= due < 11
    assert of_group(path, "promoted", 1) == of_group(path, "leavers", 1) == [month == due for month in range(12)]
    assert of_group(path, "starts", 0) == [month == due + 1 for month in range(12)]
    assert sum(of_group(path, "recruited", 0)) == 0
    assert sum(of_group(path, "involuntary", 1)) == 0


def test_who_is_ready_waits_for_a_seat() -> None:
    path, due = promoted(hires={"2027-12": 1})
    assert due < 9
    assert of_group(path, "promoted", 1) == [0] * 10 + [1, 0]
    path, _ = promoted(existing=1)
    assert sum(of_group(path, "promoted", 1)) == 0


def test_a_promotion_can_lead_out_of_the_plan() -> None:
    path, due = promoted(into=None, existing=1)
    assert of_group(path, "headcount", 1) == [month < due for month in range(12)]


# --- the hiring freeze


@pytest.mark.parametrize(("backfills", "second"), [("put off", 12), ("go on", 5)])
def test_hiring_stops_while_bookings_are_behind(monkeypatch: pytest.MonkeyPatch, backfills: str, second: int) -> None:
    monkeypatch.setattr("tests.reference.staff._planned_bookings", lambda plan: [100.0] * 15)
    stays = {"capacity": {"open_opportunities": 2}}
    role: dict[str, Any] = stays | {
        "attrition": {"voluntary": "99.9 % per year", "by_tenure": {0: "x0", 4: "x1000", 5: "x0"}}
    }
    role["backfill"] = {"policy": "always"}
    groups: list[dict[str, Any]] = [
        {"name": "a", "role": "stays", "segment": "smb", "hires": {"2027-02": 1, "2027-06": 1}},
        {"name": "b", "role": "leaves", "segment": "smb", "existing": 1},
    ]
    freeze = {"when_behind": "10 %", "after_months": 3, "backfills": backfills}
    plan = plan_of(months=15, **team({"stays": stays, "leaves": role}, *groups, hiring_freeze=freeze))
    path = play(plan)
    # Month 1 is too early for the rule; what is due in month 5 waits for the next fiscal year.
    assert np.flatnonzero(of_group(path, "starts", 0)).tolist() == [1, 12]
    assert np.flatnonzero(of_group(path, "frozen", 0)).tolist() == list(range(5, 12))
    assert np.flatnonzero(of_group(path, "starts", 1))[0] == second


def test_hiring_goes_on_where_bookings_are_near_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.reference.staff._planned_bookings", lambda plan: [110.0] + [0.0] * 5)
    row = {"stage": "opportunity", "count": 1}
    freeze = {"after_months": 3, "when_behind": "10 %"}
    for value, start in ((100, 4), (98, 6)):
        staff = sellers(hires={"2027-05": 1})
        staff["team"]["hiring_freeze"] = freeze
        path = play(plan_of(months=6, **pipeline(row | {"value": value}), **staff))
        assert np.flatnonzero(of_group(path, "starts")).tolist() == [start] * (start < 6)


# --- quotas


def seller(value: float, months: int = 12, **keys: Any) -> ReferencePath:
    """One seller with a quota of 120,000, who wins a deal of some value in the first month."""
    role = {"quota": "120_000 per year", "cost": {"variable": "12_000 per year"}, **keys.pop("role", {})}
    row = {"stage": "opportunity", "count": 1, "value": value}
    return play(plan_of(months=months, **pipeline(row), **sellers(role=role), **keys))


@pytest.mark.parametrize(
    ("value", "bands"),
    [(120_000, (1, 0, 0)), (119_000, (0, 0, 0)), (84_000, (0, 1, 0)), (96_000, (0, 0, 0)), (59_000, (0, 0, 1))],
)
def test_attainment_is_rated_at_the_end_of_the_fiscal_year(value: float, bands: tuple[int, int, int]) -> None:
    path = seller(value)
    assert of_group(path, "credited") == [value] + [0] * 11
    assert of_group(path, "quota") == pytest.approx([10_000] * 12)
    assert of_group(path, "rated") == [0] * 11 + [1]
    assert tuple(of_group(path, name)[11] for name in ("at_quota", "near_quota", "below_half")) == bands


def test_a_year_begins_anew_and_may_be_cut_short() -> None:
    path = seller(120_000, months=15, header={"fiscal_year_start": 7})
    # From January: twelve months' worth in the first six; nothing in July to March, which the plan cuts off.
    assert np.flatnonzero(of_group(path, "rated")).tolist() == [5, 14]
    assert np.flatnonzero(of_group(path, "at_quota")).tolist() == [5]
    assert np.flatnonzero(of_group(path, "below_half")).tolist() == [14]


def test_who_came_late_is_not_rated() -> None:
    role = {"quota": "120_000 per year"}
    for hired, rated in (("2027-07", 1), ("2027-08", 0)):
        path = play(plan_of(months=12, **sellers(existing=0, hires={hired: 1}, role=role)))
        assert of_group(path, "rated")[11] == rated


def test_commission_accelerates_above_the_quota() -> None:
    accelerator: dict[str, Any] = {"economics": {"commission": {"accelerator": {"above": 1, "rate": "x2"}}}}
    assert of_group(seller(150_000), "commission")[0] == pytest.approx(15_000)
    assert of_group(seller(150_000, **accelerator), "commission")[0] == pytest.approx(12_000 + 2 * 3_000)
    assert of_group(seller(90_000, **accelerator), "commission")[0] == pytest.approx(9_000)


def test_new_people_are_sure_of_a_draw() -> None:
    path = seller(2_000, role={"commission_draw": {"months": 2, "share": "50 %"}})
    assert of_group(path, "commission")[:3] == pytest.approx([500, 500, 0])
    path = seller(9_000, role={"commission_draw": {"months": 2, "share": "50 %"}})
    assert of_group(path, "commission")[:3] == pytest.approx([900, 500, 0])


def test_quotas_grow_with_tenure_and_ramp() -> None:
    ramp = {"workload": 2, "shape": "linear"}
    path = seller(0, months=3, role={"quota_by_tenure": {0: "x0.5", 2: "x1.1"}, "quota_relief": "ramp", "ramp": ramp})
    assert of_group(path, "quota") == pytest.approx([10_000 * x for x in (0.5 * 0.25, 0.5 * 0.75, 1.1)])


def test_a_manager_has_the_quota_of_the_team() -> None:
    roles = {
        "ae": {"capacity": {"open_opportunities": 2}, "quota": "120_000 per year"},
        "manager": {"quota": "team", "cost": {"variable": "12_000 per year"}},
    }
    groups = [
        {"name": "a", "role": "ae", "segment": "smb", "existing": 2, "team": "north"},
        {"name": "b", "role": "ae", "segment": "smb", "existing": 1, "team": "south"},
        {"name": "m", "role": "manager", "existing": 2, "team": "north"},
    ]
    row = {"stage": "opportunity", "count": 4, "value": 200_000, "owner": "a"}
    path = play(plan_of(months=12, **pipeline(row), **team(roles, *groups)))
    assert [of_group(path, "quota", column)[0] for column in range(3)] == pytest.approx([20_000, 10_000, 20_000])
    assert [of_group(path, "credited", column)[0] for column in range(3)] == [200_000, 0, 0]
    # 100,000 each against 120,000: sellers and managers alike.
    assert [of_group(path, "rated", column)[11] for column in range(3)] == [2, 1, 2]
    assert [of_group(path, "at_quota", column)[11] for column in range(3)] == [0, 0, 0]
    assert [of_group(path, "below_half", column)[11] for column in range(3)] == [0, 1, 0]
    assert sum(of_group(path, "commission", 2)) == 0


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
