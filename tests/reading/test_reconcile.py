"""Each rule finds what it is for, and is silent about a plan whose numbers go together."""

import pytest

from simengine.plan import loads
from simengine.reading.reconcile import reconcile
from simengine.report.describe import cell
from tests.reading.example import TEXT, plan


def findings(*overrides):
    """What is found, by subject, in words."""
    return {found.subject: cell(found.found, "USD") for found in reconcile(plan(*overrides))}


def test_a_plan_whose_numbers_go_together_has_no_findings():
    assert findings() == {}


def test_every_finding_is_one_line_that_says_what_to_look_at():
    for finding in reconcile(plan("team.roles.ae.quota=100_000 per year", "base.smb.customers=40_000")):
        assert finding.look_at
        assert "\n" not in cell(finding.found, "USD")


@pytest.mark.parametrize(
    ("override", "subject", "words"),
    [
        ("team.roles.ae.quota=450_000 per year", "bookings per seller", "of the quota of $450k"),
        ("team.roles.ae.quota=1_200_000 per year", "bookings per seller", "usual is 40% to 80%"),
        ("targets.board.at_least=2_600_000", "quotas and targets", "for the target board sellers must book $2.6"),
        ("targets.board.at_least=1_200_000", "over-assignment", "more than the target board needs of them"),
        ("team.over_assignment=10 %", "over-assignment", "declared as 10.0%"),
        ("base.smb.customers=20", "named accounts", "have $228k each, more than the 2 named accounts"),
        (
            "funnel.channels.inbound.segments.smb.cycle=1 month",
            "opening pipeline",
            "$1.60M is open, 2.39 times the bookings",
        ),
        ("assumptions.leads.inbound.plan=89 per month", "leads and history", "outside P5 to P95"),
        ("assumptions.leads.inbound.plan=83 per month", "hopeful plan values", "1 of 4 assumptions"),
        ("team.roles.ae.capacity.open_opportunities=12", "over-loaded segment", "sellers have room for 48.0"),
        ("team.roles.ae.capacity.open_opportunities=25", "under-loaded segment", "sellers have room for 100"),
        ("team.territories.East.potential=x2", "territories", "East 1"),
        ("funnel.channels.inbound.qualified_by.hours=4", "hours to qualify", "they have 200"),
        ("team.roles.csm.carries.customers=70", "customer load", "is covered for"),
        ("team.seats.csm.existing=12", "ARR per CSM", "each of 12.0 in customer success"),
    ],
)
def test_what_does_not_go_together_is_found(override, subject, words):
    found = findings(override)
    assert words in found[subject]


def test_a_plan_value_at_the_edge_of_the_usual_is_no_finding():
    # Uniform from 60 to 90: P75 is 82.5, P95 is 88.5.
    assert "hopeful plan values" not in findings("assumptions.leads.inbound.plan=82 per month")
    assert "leads and history" not in findings("assumptions.leads.inbound.plan=88 per month")


def test_hopeful_values_are_counted_and_named():
    found = findings("assumptions.leads.inbound.plan=84 per month", "assumptions.win_rate.smb.plan=29 %")
    # Of the uniform laws from 60 to 90 and from 20 to 30 %.
    assert found["hopeful plan values"] == (
        "2 of 4 assumptions turn out worse than planned with a probability of more than 75%: "
        "win_rate.smb (90%), leads.inbound (80%)"
    )


def test_atr_that_does_not_quite_add_up_is_said():
    even = "base.smb.atr={2027-03: 2_250_000, 2027-09: %s}"
    assert "ARR and ATR" not in findings(even % "2_251_000")
    # 10,000 of 4,500,000 is 0.22 %: less than the 0.5 % that a plan file allows, more than 0.05 %.
    assert "adds up to $4.49M" in findings(even % "2_240_000")["ARR and ATR"]


def test_customers_outside_the_dollar_are_not_held_against_a_survey_in_dollars():
    assert "ARR per CSM" not in findings("plan.currency=JPY", "team.seats.csm.existing=12")


LEVERS = """
levers:
  success: {hires: csm, starts: [2027-02, 2027-04], range: [0, 2], lead_time: 3 months, owner: CCO}
  site sooner: {event: new site, range: [0, 2], lead_time: 7 months, owner: CMO}
"""


def test_a_lever_that_it_is_too_late_for_is_said():
    found = {one.subject: cell(one.found, "USD") for one in reconcile(loads(TEXT + LEVERS))}
    assert found == {
        "lever success": (
            "a start in 2027-02 was to be decided by 2026-11, and the plan is as of 2026-12-31: it stays where it is"
        ),
        "lever site sooner": (
            "new site was to be brought forward by 2026-11, and the plan is as of 2026-12-31: it stays where it is"
        ),
    }
    in_time = LEVERS.replace("3 months", "2 months").replace("7 months", "6 months")
    assert reconcile(loads(TEXT + in_time)) == []
