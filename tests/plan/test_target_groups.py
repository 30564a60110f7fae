"""What a target may be about: a metric, a group by which it is known, and a period in which it is known."""

from typing import Any

import pytest

from simengine.errors import PlanError
from simengine.plan.targets import MEASURES, METRICS
from tests.results.blocks import small_plan

GROUPS = {"geo": "EMEA", "segment": "ent-emea", "channel": "inbound", "role": "ae", "team": "east"}
KINDS = {"geo": "segment"}


def refusal(months: int = 24, **target: Any) -> str:
    """What is said of a target; nothing if it is taken."""
    stated = {"name": "T", "period": "FY2028", "at_least": 0, **target}
    try:
        small_plan(months, targets=[stated])
    except PlanError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_taken_of_the_company_and_of_the_groups_that_it_is_known_by(metric: str) -> None:
    assert refusal(metric=metric) == ""
    for key, value in GROUPS.items():
        said = refusal(metric=metric, where={key: value})
        if KINDS.get(key, key) in MEASURES[metric].groups:
            assert said == "", (metric, key)
        else:
            assert "is not known by" in said or "for the whole company only" in said, (metric, key)


@pytest.mark.parametrize(
    ("metric", "where", "words"),
    [
        (
            "ending_arr",
            {"channel": "inbound"},
            "ending_arr is not known by channel; it is known by segment, the labels",
        ),
        ("attainment", {"channel": "inbound"}, "it is known by segment, the labels of segments, role, team"),
        ("cash", {"geo": "EMEA"}, "cash is known for the whole company only"),
        ("new_arr", {"geo": "APAC"}, "no segment has geo 'APAC'"),
        ("new_arr", {"goe": "EMEA"}, "no segment has this label; did you mean geo"),
        ("new_arr", {"channel": "inbond"}, "no channel is called 'inbond'; did you mean inbound"),
        ("headcount", {"team": "eats"}, "no team is called 'eats'; did you mean east"),
        ("new_arr", {"geo": "EMEA", "product": "addon"}, "no segment has product 'addon'"),
        ("new_arr", {"channel": "partner", "geo": "EMEA"}, "channel partner serves none of these segments"),
        ("headcount", {"role": "csm", "team": "east"}, "no seats are in this group"),
        ("attainment", {"role": "sdr"}, "attainment is of people who sell, and nobody in this group does"),
    ],
)
def test_what_does_not_go_together_is_said(metric: str, where: dict[str, str], words: str) -> None:
    assert words in refusal(metric=metric, where=where)


@pytest.mark.parametrize(
    ("metric", "period", "words"),
    [
        ("nrr", "FY2027-Q3", "nrr looks twelve months back and is not known before 2027-12"),
        (
            "rule_of_40",
            "FY2027",
            "rule_of_40 compares with the same months a year before and is not known before 2028-01",
        ),
        ("at_quota", "FY2027-Q3", "at_quota is of seats rated at the end of a fiscal year, and none ends in FY2027-Q3"),
    ],
)
def test_a_period_in_which_nothing_is_known(metric: str, period: str, words: str) -> None:
    assert words in refusal(metric=metric, period=period)


def test_seats_are_rated_when_the_plan_ends() -> None:
    assert refusal(21, metric="at_quota", period="FY2028-Q3") == ""
    assert refusal(24, metric="at_quota", period="FY2027-Q4") == ""


def test_history_makes_early_retention_known() -> None:
    base = {"renewal_rate": "90 %", "customers": 10, "arr": 1_000_000}
    row = {"month": "2026-09", "arr": 900_000, "net": 950_000, "gross": 850_000}
    target = {"name": "T", "metric": "nrr", "period": "FY2027-Q3", "at_least": 1}
    small_plan(base={"smb-na": {**base, "history": [row]}, "ent-emea": {**base, "history": [row]}}, targets=[target])
    with pytest.raises(PlanError, match=r"add 2026-09 to base\.ent-emea\.history"):
        small_plan(base={"smb-na": {**base, "history": [row]}, "ent-emea": base}, targets=[target])
