"""Which beliefs moved."""

import math
from pathlib import Path

import pytest

from simengine.assumptions.laws import Fixed, Normal
from simengine.learn.movement import Beliefs, distance
from simengine.plan import loads

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text()


def beliefs(*changes):
    text = TINY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return Beliefs.of(loads(TINY), loads(text))


def test_a_shift_is_told_in_standard_deviations():
    assert distance(Normal(5.0, 2.0), Normal(6.0, 2.0)) == pytest.approx(0.5)


def test_a_wider_law_has_moved():
    """∫|σ z − σ' z| = (σ' − σ) √(2/π)."""
    assert distance(Normal(0.0, 1.0), Normal(0.0, 1.1)) == pytest.approx(0.1 * math.sqrt(2 / math.pi) / 1.05, rel=2e-3)


def test_what_was_certain_and_is_another_has_moved():
    assert distance(Fixed(3.0), Fixed(3.1)) == math.inf
    assert distance(Fixed(3.0), Fixed(3.0)) == 0


def test_moved_pooled_and_unchanged():
    found = beliefs(
        ("{mean: 22 %, n: 180}", "{mean: 19 %, n: 300}"), ("{mean: 88 %, n: 250}", "{mean: 88.005 %, n: 250}")
    )
    assert found.moved == ("win_rate.smb",)
    assert found.pooled == ("renewal.smb",)
    assert found.names == ("attrition.ae", "leads.inbound", "ramp_months.ae", "renewal.smb", "win_rate.smb")


def test_the_law_as_simulated_counts():
    """The same words under another policy are another belief."""
    found = beliefs(
        (
            "team:\n",
            "source_policy: {historical: {drift: 10 %}, benchmark: {widen: x2}, judgment: {widen: x1.25}}\nteam:\n",
        )
    )
    assert found.moved == ("attrition.ae",)


def test_in_another_unit_it_is_another_thing():
    old = "plan: 60 per month\n    distribution: {pert: {min: 40, mode: 55, max: 75}}\n    unit: count per month"
    new = "plan: 720 per year\n    distribution: {pert: {min: 480, mode: 660, max: 900}}\n    unit: count per year"
    assert "leads.inbound" not in beliefs((old, new)).names
