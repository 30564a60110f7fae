"""A plan that stands where one stands and says what another says."""

from pathlib import Path

import pytest

from simengine.errors import PlanError
from simengine.plan import load, loads
from simengine.plan.mixed import mixed
from simengine.plan.values import entries
from simengine.units import month_number

PLANS = Path(__file__).parents[1] / "plans"
NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar" / "base.yaml"
TINY = (PLANS / "tiny.yaml").read_text()


def changed(*changes, text=TINY):
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


TARGET = ("period: FY2027, at_least: 6_000_000", "period: 2027-12, at_least: 6_000_000")
NO_NRR = ("  - {name: NRR, metric: nrr, period: 2027-12, at_least: 95 %}\n", "")
OLD = changed(
    TARGET,
    NO_NRR,
    (
        "spend: 20_000 per month",
        "spend: {start: 20_000 per month, 2027-03: 25_000 per month, 2027-08: 30_000 per month}",
    ),
)
LATER = changed(
    ("start: 2027-01, months: 12", "start: 2027-05, months: 8"),
    ("hires: {2027-02: 1, 2027-04: 1}", "hires: {2027-06: 2}, existing: 2, tenure_months: 2"),
    (
        "{start: 20_000 per month, 2027-03: 25_000 per month, 2027-08: 30_000 per month}",
        "{start: 25_000 per month, 2027-08: 40_000 per month}",
    ),
    ("customers: 150", "customers: 171"),
    ("arr: 4_500_000", "arr: 5_100_000"),
    ("count: 20}", "count: 33}"),
    ("quota: 600_000 per year", "quota: 700_000 per year"),
    text=OLD,
)


@pytest.fixture(scope="module")
def old():
    return loads(OLD)


@pytest.fixture(scope="module")
def later():
    return loads(LATER)


def seats(plan, name="ae-smb-new"):
    return next(group for group in plan.team.seats if group.name == name)


def spend(plan):
    found = {
        ".".join(map(str, e.path[3:])): e.value
        for e in entries(plan)
        if e.path[:4] == ("funnel", "channels", "inbound", "spend")
    }
    return {key: getattr(value, "number", value) for key, value in found.items()}


@pytest.mark.parametrize("file", [PLANS / "tiny.yaml", PLANS / "full.yaml", NORTHSTAR], ids=lambda path: path.stem)
def test_of_one_plan_it_is_that_plan(file):
    plan = load(file)
    assert mixed(plan, plan, plan.targets[0].name).digest_simulated == plan.digest_simulated


def test_the_new_state_with_the_old_intentions(old, later):
    plan = mixed(later, old, "board ARR")
    assert (plan.plan.start, plan.plan.months) == (month_number("2027-05"), 8)
    assert (plan.base["smb"].customers, plan.base["smb"].arr) == (171, 5_100_000)
    assert [row.count for row in plan.funnel.opening_pipeline.rows] == [12, 33]
    assert (seats(plan).existing, seats(plan).tenure_months, seats(plan).hires) == (2, 2, {})
    assert plan.team.roles["ae"].quota.steps[0].number == 600_000
    assert spend(plan) == {"spend.start": 25_000, "spend.2027-08": 30_000}


def test_the_old_state_with_the_new_intentions(old, later):
    plan = mixed(old, later, "board ARR")
    assert (plan.plan.start, plan.plan.months) == (month_number("2027-01"), 12)
    assert plan.base["smb"].customers == 150
    assert seats(plan).hires == {month_number("2027-02"): 1, month_number("2027-04"): 1, month_number("2027-06"): 2}
    assert plan.team.roles["ae"].quota.steps[0].number == 700_000
    assert spend(plan) == {"spend.start": 20_000, "spend.2027-03": 25_000, "spend.2027-08": 40_000}


def test_who_is_expected_is_a_fact(old, later):
    text = changed(("hires: {2027-06: 2}", "hires: {2027-06: 2}, expected: {2027-05: 1}"), text=LATER)
    since = loads(text)
    assert seats(mixed(since, old, "board ARR")).expected == {month_number("2027-05"): 1}
    assert seats(mixed(old, since, "board ARR")) == seats(mixed(old, later, "board ARR"))


def test_numbers_of_months_past_are_facts_and_no_edit(old):
    """What `start` says later is what held by then: nobody has edited it."""
    folded = loads(
        changed(
            ("start: 2027-01, months: 12", "start: 2027-05, months: 8"),
            ("{start: 20_000 per month, 2027-03: 25_000 per month,", "{start: 25_000 per month,"),
            ("hires: {2027-02: 1, 2027-04: 1}", "existing: 2"),
            text=OLD,
        )
    )
    assert mixed(old, folded, "board ARR").digest_simulated == old.digest_simulated


def test_only_the_target_asked_for_is_kept(old, later):
    two = loads(
        changed(
            ("\nsegments:", "  - {name: second, metric: ending_arr, period: 2027-02, at_least: 1}\n\nsegments:"),
            text=OLD,
        )
    )
    assert [target.name for target in mixed(later, two, "board ARR").targets] == ["board ARR"]
    with pytest.raises(PlanError, match="2027-02"):
        mixed(later, two, "second")


def test_an_event_that_was_counted_on_before_the_plan_is_counted_from_its_start(old):
    event = (
        "team:\n",
        "events:\n  push:\n    kind: initiative\n    source: {kind: judgment, reference: CRO}\n    starts: 2027-03\n"
        "    plan: 2027-03\n    effect: {leads.inbound: x1.2}\n    success: board ARR\nteam:\n",
    )
    with_event = loads(changed(event, text=OLD))
    later = loads(changed(("plan: 2027-03", "plan: 2027-05"), text=changed(event, text=LATER)))
    plan = mixed(later, with_event, "board ARR")
    assert plan.events["push"].plan == month_number("2027-05")
    assert plan.planned["push"] == 8
    assert plan.events["push"].success is None


LEVERS = """
levers:
  sellers: {hires: ae-smb-new, starts: [2027-02, 2027-04], range: [-1, 2], owner: CRO}
limits: {budget: 1_000_000}
"""


def test_levers_are_left_out_for_their_months_may_lie_outside():
    one = loads(OLD + LEVERS)
    made = mixed(loads(LATER), one, "board ARR")
    assert (made.levers, made.limits.budget) == ({}, None)
    assert made.digest_simulated == mixed(loads(LATER), loads(OLD), "board ARR").digest_simulated
