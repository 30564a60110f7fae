"""A plan read backward: against calendar sums and closed forms."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from simengine.baseline import baseline, lag_shares
from simengine.decide.backward import backward
from simengine.decide.capacity import Needs
from simengine.decide.quotas import over_assignments
from simengine.decide.ready import BOOKINGS, WORKLOAD, Hires
from simengine.errors import SimengineError
from simengine.plan import load, loads
from simengine.plan.scalars import Quantity
from simengine.reading.operating import OperatingPlan
from simengine.units import month_label, month_number

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8")
NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar" / "base.yaml"
DRAWS = 20_000
LEVEL = 1e-4
"""Of each test that a share of draws is what it should be."""


def tiny(*changes):
    text = TINY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return loads(text)


def seats(plan, months=4.0, spread=0.0, slip=1.0, slip_spread=0.0, leaves=None):
    """The plan with another ramp, of months that are known but for their spread, and with another slip of hires."""
    role = plan.team.roles["ae"]
    ramp = role.ramp.model_copy(update={"workload": Quantity(months), "spread": Quantity(spread)})
    role = role.model_copy(update={"ramp": ramp, "attrition": leaves})
    late = {"time_to_fill_delay": Quantity(slip), "delay_spread": Quantity(slip_spread)}
    groups = tuple(group.model_copy(update=late) for group in plan.team.seats)
    return plan.model_copy(update={"team": plan.team.model_copy(update={"roles": {"ae": role}, "seats": groups})})


def group_of(plan, name="ae-smb-new"):
    return next(group for group in plan.team.seats if group.name == name)


# --- when to hire ---


def test_with_fixed_numbers_the_last_safe_date_is_a_calendar_sum():
    """A month late, four months of ramp (full in the middle of the fifth, so from the fourth on), a cycle of two."""
    plan = seats(tiny())
    by, group = month_number("2027-10"), group_of(plan)
    hires = Hires(plan, draws=100, seed=7)
    for what, latest in ((WORKLOAD, "2027-05"), (BOOKINGS, "2027-03")):
        for one in hires.ready(group, by, what):
            assert month_label(one.latest) == month_label(one.request_by) == latest
            assert (one.lead, one.is_late, one.planned) == (None, False, 2)
            assert one.in_time == sum(month <= one.latest for month in group.hires)


def test_it_is_the_month_in_which_the_model_has_them_ramped():
    plan = seats(tiny())
    ramped = baseline(plan, plan.planned).group["ramped"][0, :, 1]  # ae-smb-new
    first = int(np.flatnonzero(ramped >= 2 - 1e-9)[0])  # the second one is planned for April
    (months,) = set(Hires(plan, draws=10, seed=7).months(group_of(plan), month_number("2027-04"), WORKLOAD))
    assert plan.plan.start + first == month_number("2027-04") + months


def test_a_lead_time_moves_the_decision_and_says_when_it_is_too_late():
    levers = """
levers:
  sellers: {hires: ae-smb-new, starts: [2027-03], range: [0, 2], lead_time: 3 months, owner: CRO}
"""
    plan = seats(loads(TINY + levers))
    hires = Hires(plan, draws=100, seed=7)
    one = next(hires.ready(group_of(plan), month_number("2027-10"), WORKLOAD))
    assert (month_label(one.latest), month_label(one.request_by), one.lead, one.is_late) == (
        "2027-05",
        "2027-02",
        3,
        False,
    )
    late = next(hires.ready(group_of(plan), month_number("2027-07"), WORKLOAD))
    assert (month_label(late.request_by), late.is_late) == ("2026-11", True)


def is_likely(hits, share):
    return binomtest(int(hits.sum()), len(hits), float(share)).pvalue > LEVEL


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_slips_have_the_law_of_the_model(k):
    plan = seats(tiny(), months=0.0, slip=1.5, slip_spread=0.6)
    months = Hires(plan, draws=DRAWS, seed=7).months(group_of(plan), month_number("2027-04"), WORKLOAD)
    assert is_likely(months <= k, lag_shares(1.5, 0.6, k + 1).sum())
    assert not is_likely(months <= k, lag_shares(1.7, 0.6, k + 1).sum())


@pytest.mark.parametrize("k", [3, 4, 5])
def test_ramps_have_the_law_of_the_model(k):
    """With L lognormal of mean 4.5 and spread 40 %, they are full k months on where L ≤ k + 1/2."""
    plan = seats(tiny(), months=4.5, spread=0.4, slip=0.0)
    months = Hires(plan, draws=DRAWS, seed=7).months(group_of(plan), month_number("2027-04"), WORKLOAD)
    s = math.sqrt(math.log1p(0.4**2))

    def share(mean):
        return norm.cdf((math.log((k + 0.5) / mean) + s * s / 2) / s)

    assert is_likely(months <= k, share(4.5))
    assert not is_likely(months <= k, share(4.9))


def test_levels_are_the_quantiles_of_the_time_it_takes():
    plan = tiny()
    by, group, hires = month_number("2027-12"), group_of(plan), Hires(plan, draws=2_000, seed=7)
    months = hires.months(group, by, WORKLOAD)  # nothing in this plan changes from month to month
    found = [one.months for one in hires.ready(group, by, WORKLOAD)]
    assert found == [np.quantile(months, level, method="inverted_cdf") for level in (0.5, 0.8, 0.9)]
    assert found[0] < found[2]


def test_a_ramp_of_bookings_holds_its_cycle():
    plan = load(str(NORTHSTAR))
    group, month = group_of(plan, "ae-enterprise-na-new"), month_number("2027-03")
    hires = Hires(plan, draws=1_000, seed=7)
    late = hires.months(group_of(plan, "ae-enterprise-na-new"), month, BOOKINGS) - 9  # 100 % from the fourth quarter on
    assert late.min() == 0
    cycle = hires.cycle(group, month)
    np.testing.assert_array_equal(hires.months(group, month, WORKLOAD) - late, np.maximum(0, np.ceil(9 - cycle - 0.5)))
    assert hires.never(group) == pytest.approx(0.06)


# --- what a delay costs ---


def test_a_delay_of_people_whom_nobody_needs_costs_nothing():
    plan = tiny(("capacity: {open_opportunities: 12}", "capacity: unlimited"))
    (one,) = backward(plan, delays=3, draws=200).delays
    for delay in one.delays:
        assert delay.lost[0] == 0
        assert delay.cost == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)
    assert (one.heads, month_label(one.first), month_label(one.last)) == (2, "2027-02", "2027-04")


def test_a_delay_of_people_who_are_needed_costs_more_the_longer_it_is():
    plan = tiny(("open_opportunities: 12", "open_opportunities: 5"), ("6_000_000", "4_900_000"))
    (one,) = backward(plan, delays=4, draws=400, allowed=0.01).delays
    costs = [delay.cost for delay in one.delays]
    assert costs[0][1] > 0
    assert all(later[0] > sooner[0] for sooner, later in pairwise(costs))
    shown = [delay.lost[2] <= 0.01 for delay in one.delays]
    assert one.latest == (shown.index(False) if False in shown else 4)


# --- over-assignment ---


def test_over_assignment_is_that_of_the_normal_law():
    plan = tiny()
    street, mean, sd, confidence = 10e6, 8e6, 1e6, 0.8
    booked = np.random.default_rng(5).normal(mean, sd, 40_000)
    values = np.column_stack([np.full_like(booked, street), booked])
    (one,) = over_assignments(plan, np.array([street, mean]), values, confidence, ["all"])
    exact = street / (mean - norm.ppf(confidence) * sd) - 1
    assert one.needed[1] < exact < one.needed[2]
    assert not one.needed[1] < street / (mean + norm.ppf(confidence) * sd) - 1 < one.needed[2]
    assert np.mean(booked >= street / (1 + one.needed[0])) >= confidence
    assert one.carried == street  # this plan declares none
    assert one.probability[0] == np.mean(booked >= street)


def test_the_team_of_a_plan_is_simulated():
    plan = tiny()
    found = backward(plan, delays=0, draws=200, confidence=0.8)
    (one,) = found.over
    assert (found.year, one.team) == ("FY2027", "all")
    op = OperatingPlan(plan)
    assert one.street == pytest.approx(op.street_quota(op.year))
    assert one.safe[0] == pytest.approx(one.street / (1 + one.needed[0]))


# --- capacity ---


def test_sellers_are_as_many_as_what_is_open_needs():
    """18 opportunities a month (60 leads · 30 %), open for two months each, twelve to a seller: three sellers."""
    plan = tiny()
    rows = [row for row in Needs(plan, 1.5, plan.plan.end).all() if row.segment == "smb"]
    assert [row.quarter for row in rows] == [f"FY2027-Q{n}" for n in (1, 2, 3, 4)]
    for row in rows[1:]:
        assert row.needed == pytest.approx(18 * 2 / 12)
        assert row.for_target == pytest.approx(1.5 * row.needed)


def test_who_looks_after_customers_is_counted_by_what_they_carry():
    plan = load(str(NORTHSTAR))
    until, op = month_number("2027-12"), OperatingPlan(plan)
    rows = {(row.role, row.quarter): row for row in Needs(plan, 1.2, until).all()}
    arr = sum(op.segment("ending_arr").values())[3:6].mean()
    won = np.cumsum(sum(op.segment("new_arr").values()))[3:6].mean()
    one = rows["csm", "FY2027-Q2"]
    assert (one.needed, one.for_target) == pytest.approx((arr / 2.5e6, (arr + 0.2 * won) / 2.5e6))
    sdr = rows["sdr", "FY2027-Q2"]
    assert sdr.needed == pytest.approx(sdr.planned)  # whoever prospects uses every hour
    assert max(quarter for _, quarter in rows) == "FY2027-Q4"


def test_who_serves_a_segment_is_counted_by_its_customers_alone():
    plan = load(NORTHSTAR.parents[2] / "tests" / "plans" / "full.yaml")
    csms = next(group for group in plan.team.seats if group.role == "csm")
    one, two = {"existing": 1, "tenure_months": csms.tenure_months[:1]}, {}
    groups = [
        csms.model_copy(update={"name": f"csms {segment}", "segment": segment, **people})
        for segment, people in (("mid-emea", one), ("Größe L", two))
    ]
    seats = (*(group for group in plan.team.seats if group is not csms), *groups)
    plan = plan.model_copy(update={"team": plan.team.model_copy(update={"seats": seats})})
    customers = OperatingPlan(plan).segment("customers")
    rows = [row for row in Needs(plan, 1.0, plan.plan.end).all() if row.role == "csm" and row.quarter == "FY2027-Q2"]
    assert [(row.segment, row.planned) for row in rows] == [("Größe L", 2), ("mid-emea", 1)]
    for row in rows:
        assert row.needed == pytest.approx(customers[row.segment][3:6].mean() / 40)


# --- questions ---


def test_what_the_target_needs_is_a_multiple_of_new_business():
    found = backward(tiny(), delays=0, draws=100)
    op = OperatingPlan(tiny())
    ending, new = (op.metric(name, op.year) for name in ("ending_arr", "new_arr"))
    assert found.growth == pytest.approx(1 + (6e6 - ending) / new)
    assert (found.period, month_label(found.productive_by)) == ("FY2027-Q4", "2027-10")
    assert backward(tiny(), "NRR", delays=0, draws=100).growth == 1.0


def test_what_facts_tell_of_cannot_grow_any_more():
    plan = load(str(NORTHSTAR.parents[2] / "tests" / "plans" / "updated.yaml"))
    found = backward(plan, "new ARR", delays=0, draws=100)
    assert found.growth == pytest.approx(1 + (900_000 - 1_128_999.88) / 867_000, abs=1e-4)
    assert found.over == ()  # quotas of the whole year are not simulated any more


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"target": "nobody"}, "no target is named"),
        ({"productive_by": "soon"}, "is not a period"),
        ({"productive_by": "FY2031"}, "the plan is of 2027-01 to 2027-12"),
        (
            {"confidence": 2, "allowed": -1, "delays": 99, "draws": 1},
            "(?s)confidence.*drop.*put off.*draws tell too little",
        ),
    ],
)
def test_a_wrong_question_is_refused(asked, words):
    with pytest.raises(SimengineError, match=words):
        backward(tiny(), **{"draws": 100, "delays": 0, **asked})
