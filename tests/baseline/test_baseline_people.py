"""Fractional people: they start, ramp, leave, move up and are followed."""

import math

import numpy as np
import pytest
from scipy import stats

from simengine.baseline import baseline
from tests.baseline.support import by_month, plan_of, selling


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


def test_who_is_expected_starts_without_delay() -> None:
    planned = {"hires": {"2027-02": 2}, "expected": {"2027-02": 1, "2027-04": 3}, "time_to_fill_delay": "1.5 months"}
    seats = [{"existing": 2, "tenure_months": 10, **planned}]
    found = baseline(plan_of(6, team=selling(seats)), {})
    assert by_month(found, "starts") == pytest.approx([0, 1, 1, 1 + 3, 0, 0])
    assert by_month(found, "headcount") == pytest.approx([2, 3, 4, 8, 8, 8])
    territories = [{"name": name, "seats": "ae-0"} for name in "ABCDEFGH"]
    apart = baseline(plan_of(6, team={**selling(seats), "territories": territories}), {})
    assert by_month(apart, "starts") == pytest.approx(by_month(found, "starts"))


def test_people_of_different_tenure_are_those_of_each_tenure_together() -> None:
    role = {
        "ramp": {"workload": "6 months", "shape": "linear"},
        "attrition": {"voluntary": "30 % per year", "by_tenure": {0: "x3", 4: "x1"}},
        "backfill": {"policy": "always", "lag": "1 month"},
        "quota": "120_000 per year",
        "quota_by_tenure": {0: "x0.5", 5: "x1"},
        "quota_relief": "ramp",
    }
    hires = {"hires": {"2027-03": 2}}
    together = selling([{"existing": 3, "tenure_months": [9, 1.5, 9], **hires}], **role)
    apart = selling([{"existing": 2, "tenure_months": 9}, {"existing": 1, "tenure_months": 1.5}, hires], **role)
    one, three = (baseline(plan_of(12, team=team), {}) for team in (together, apart))
    for output in ("ramped", "working", "headcount", "leavers", "starts", "quota"):
        parts = [by_month(three, output, entity) for entity in range(3)]
        assert by_month(one, output) == pytest.approx(np.sum(parts, axis=0))
    mean = baseline(plan_of(12, team=selling([{"existing": 3, "tenure_months": 6.5, **hires}], **role)), {})
    assert by_month(one, "ramped") != pytest.approx(by_month(mean, "ramped"), rel=0.01)


def test_the_tenure_of_each_seat_follows_it_into_its_territory() -> None:
    potentials = zip("ABC", (1, 2, 3), strict=True)
    territories = [{"name": name, "seats": "ae-0", "potential": x} for name, x in potentials]
    role = {"ramp": {"workload": "4 months", "shape": "step"}, "quota": "120_000 per year", "quota_relief": "ramp"}
    team = {**selling([{"existing": 3, "tenure_months": [0, 5, 5]}], **role), "territories": territories}
    # Potentials over their mean: a half, one, and one and a half. The first comes in after four months.
    found = by_month(baseline(plan_of(6, team=team), {}), "quota")
    assert found == pytest.approx([25_000] * 4 + [30_000] * 2)


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


def test_hazards_change_by_tenure_and_by_month_and_some_leave_against_their_will() -> None:
    tenth = f"{1 - 0.9**12} per year"
    team = selling(
        [{"existing": 100, "tenure_months": 1}],
        attrition={
            "voluntary": {"start": "0 per year", "2027-02": tenth},
            "involuntary": tenth,
            "by_tenure": {"2": "x2", "4": "x1"},
        },
    )
    found = baseline(plan_of(4, team=team), {})
    # Tenure 1: the hazard once, involuntary only. Tenures 2 and 3: twice, both kinds. Tenure 4: once, both kinds.
    assert by_month(found, "headcount") == pytest.approx([90, 90 * 0.9**4, 90 * 0.9**8, 90 * 0.9**10])
    leavers, involuntary = np.array(by_month(found, "leavers")), np.array(by_month(found, "involuntary"))
    assert involuntary == pytest.approx(leavers * [1, 0.5, 0.5, 0.5])


def test_promotion_out_of_the_plan_leaves_seats_to_be_filled() -> None:
    team = selling(
        [{"existing": 10}],
        promotion={"rate": f"{1 - 0.9**12} per year", "after": "1 month"},
        backfill={"policy": "always", "lag": "1 month"},
    )
    found = baseline(plan_of(4, team=team), {})
    # Nobody is ready in the first month. Then a tenth goes; they are followed after a month without anybody.
    assert by_month(found, "promoted") == pytest.approx([0, 1, 0.9, 0.81])
    assert by_month(found, "leavers") == pytest.approx([0, 1, 0.9, 0.81])
    assert by_month(found, "recruited") == pytest.approx([0, 0, 0, 1])
    assert by_month(found, "involuntary") == [0, 0, 0, 0]


def test_promotion_fills_seats_that_stand_open() -> None:
    team = {
        "roles": {
            "ae": {"capacity": "unlimited", "promotion": {"rate": f"{1 - 0.9**12} per year", "into": "lead"}},
            "lead": {},
        },
        "seats": [
            {"name": "ae", "role": "ae", "segment": "smb", "existing": 10},
            {"name": "lead", "role": "lead", "hires": {"2027-03": 1}, "time_to_fill_delay": "3 months"},
        ],
    }
    found = baseline(plan_of(6, team=team), {})
    # The seat is planned for month 2, and stands open at the end of month 1: 1.9 are ready, and one of them moves in.
    assert by_month(found, "promoted", 0) == pytest.approx([0, 1, 0, 0, 0, 0])
    assert by_month(found, "headcount", 0) == pytest.approx([10, 9, 9, 9, 9, 9])
    assert by_month(found, "starts", 1) == pytest.approx([0, 0, 1, 0, 0, 0])
    assert by_month(found, "recruited", 1) == pytest.approx([0] * 6)


def test_some_never_get_beyond_a_level() -> None:
    ramp = {
        "workload": "4 months",
        "shape": "linear",
        "never": {"share": "50 %", "level": {"start": "25 %", "2027-05": "75 %"}},
    }
    found = baseline(plan_of(5, team=selling([{"hires": {"2027-01": 1}}], ramp=ramp)), {})
    # Everybody: 1/8, 3/8, 5/8, 7/8, 1; half of them at most 1/4, and 3/4 in the last month.
    assert by_month(found, "ramped") == pytest.approx([1 / 8, 2.5 / 8, 3.5 / 8, 4.5 / 8, 7 / 8])


def test_a_bookings_ramp_is_worked_for_ahead() -> None:
    # Full bookings from the first day, a cycle of two months: half of the places a month and a half before, on average.
    team = selling(
        [{"hires": {"2027-04": 1}}],
        ramp={"bookings": ["100 %"], "cycle": "2 months"},
        capacity={"open_opportunities": 10},
    )
    sold = {"volume": "50 per month", "win_rate": "100 %", "cycle": "2 months", "deal_size": 1}
    funnel = {"channels": {"web": {"segments": {"smb": sold}}}}
    found = baseline(plan_of(7, team=team, funnel=funnel), {})
    # Work open at the end of month t is that of the deals to be booked in the two months after it.
    assert by_month(found, "capacity") == pytest.approx([0, 5, 10, 10, 10, 10, 10])
    assert by_month(found, "ramped") == pytest.approx([0, 0, 0, 1, 1, 1, 1])
    assert by_month(found, "won") == pytest.approx([0, 0, 0, 5, 5, 5, 5])


def test_a_tight_market_for_people_makes_every_search_longer() -> None:
    team = selling(
        [{"existing": 10, "hires": {"2027-01": 2}, "time_to_fill_delay": "1 month"}],
        attrition={"voluntary": f"{1 - 0.9**12} per year"},
        backfill={"policy": "always", "lag": "1 month"},
    )
    found = baseline(plan_of(5, team={**team, "recruiting_climate": "x2"}), {})
    # Hires start in month 2, not 1; who leaves at the end of month 0 is followed in month 3, not 2.
    assert by_month(found, "starts")[:4] == pytest.approx([0, 0, 2, 1])


def test_quota_commission_and_ratings_of_a_group() -> None:
    team = selling(
        [{"existing": 3, "hires": {"2027-10": 1}}],
        quota="120_000 per year",
        quota_by_tenure={"0": "x0.5", "2": "x1"},
        cost={"variable": "12_000 per year"},
        commission_draw={"months": 2, "share": "100 %"},
    )
    sold = {"volume": "18 per month", "win_rate": "100 %", "cycle": "0 months", "deal_size": 1_200}
    economics = {"commission": {"accelerator": {"above": "50 %", "rate": "x2"}}}
    found = baseline(
        plan_of(13, team=team, funnel={"channels": {"web": {"segments": {"smb": sold}}}}, economics=economics), {}
    )
    # The three carry half of 10,000 a month each for two months; so does the fourth from October.
    quota = [15_000] * 2 + [30_000] * 7 + [35_000] * 2 + [40_000] * 2
    assert by_month(found, "quota") == pytest.approx(quota)
    assert by_month(found, "credited") == pytest.approx([21_600] * 13)
    # 10 % up to half of what the three have a year (180,000: a third of September), 20 % of the rest; from October half
    # of what four have is 240,000, reached in December. In the first two months everybody is sure of 1,000 (they earn
    # 720); so is the fourth in October and November, who has a quarter of 2,160.
    paid = [3_000] * 2 + [2_160] * 6 + [720 + 2_880] + [2_160 + 460] * 2 + [240 + 3_840]
    assert by_month(found, "commission")[:12] == pytest.approx(paid)
    # In December three have worked for half of the year: 259,200 of 350,000 are 74 %. A month later a year begins.
    assert by_month(found, "rated") == pytest.approx([0] * 11 + [3, 4])
    assert by_month(found, "near_quota") == pytest.approx([0] * 11 + [3, 0])
    assert by_month(found, "below_half") == pytest.approx([0] * 13)


def test_managers_carry_the_quota_of_their_team() -> None:
    team = {
        "roles": {
            "ae": {"capacity": "unlimited", "quota": "120_000 per year"},
            "manager": {"quota": "team", "attrition": {"voluntary": f"{1 - 0.9**12} per year"}},
        },
        "seats": [
            {"name": "ae", "role": "ae", "segment": "smb", "team": "west", "existing": 3},
            {"name": "boss", "role": "manager", "team": "west", "existing": 1},
        ],
    }
    found = baseline(plan_of(2, team=team), {})
    # The manager is there in the second month with a chance of 90 %.
    assert by_month(found, "quota", 1) == pytest.approx([30_000, 27_000])
