"""What a lever would have to be alone: against algebra, and against trying everything."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simengine.decide.bridge import planned_values
from simengine.decide.closing import Closing, least, questions, until
from simengine.decide.variants import DEAL_SIZE, DEMAND, EXPANSION, WIN_RATE, scaled, staffed
from simengine.plan import load
from simengine.simulation.reached import target_values
from simengine.units import month_number
from tests.decide.levered import plan_with, three

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """The tiny plan without limits and expansion: ending ARR is what the customers leave, and new ARR."""
    text = TINY.read_text().replace("capacity: {open_opportunities: 12}", "capacity: unlimited")
    text = text.replace("    expansion: {opportunities_per_customer: 0.2 per year, win_rate: 50 %, size: 8_000}\n", "")
    path = tmp_path_factory.mktemp("linear") / "linear.yaml"
    path.write_text(text.replace("6_000_000", "7_000_000"))
    return load(str(path))


@pytest.fixture(scope="module")
def small():
    return load(str(TINY))


def closing(plan, confidence=0.5, draws=256):
    return Closing(plan, plan.targets[0], confidence, draws=draws, seed=7, executor=None)


def question(plan, name):
    return next(one for one in questions(plan, until(plan, plan.targets[0])) if one.name == name)


@pytest.mark.parametrize("kind", [WIN_RATE, DEAL_SIZE, DEMAND])
def test_a_factor_of_new_business_is_known_by_algebra(linear, kind):
    """With ending = rest + f · new, and new = a + (won − a) f, it is 1 + missing/(won − a), rounded up to a step.

    a is what does not depend on the factor: nothing of a win rate; of what is open the part that has a value,
    or that has arrived.
    """
    target = linear.targets[0]
    new = target.model_copy(update={"metric": "new_arr"})
    ending, won = planned_values(linear, (target, new))
    fixed = planned_values(scaled(linear, kind, 0.0), (new,))[0]
    assert (fixed == 0) == (kind is WIN_RATE)
    exact = 1 + (target.at_least - ending) / (won - fixed)
    assert 1 < exact < 3
    found = closing(linear).needed(question(linear, kind.name))
    assert found.at_plan == pytest.approx(math.ceil(100 * exact - 1e-9) / 100)


def test_on_frozen_draws_it_is_what_trying_all_finds(small):
    target, confidence = small.targets[0], 0.5
    found = closing(small, confidence, 64).needed(question(small, "win rate"))
    shares = {
        f: np.mean(target.is_reached(target_values(scaled(small, WIN_RATE, f), 0, 64, targets=(target,))[:, 0]))
        for f in np.round(np.arange(1.0, 3.001, 0.01), 2)
    }
    first = next(f for f, share in shares.items() if share >= confidence)
    amount, lower, upper = found.at_confidence
    assert amount == pytest.approx(first)
    assert lower < amount < upper
    assert found.probability[0] == pytest.approx(shares[first])
    assert shares[round(first - 0.01, 2)] < confidence


def test_people_are_whole_and_one_less_is_too_few(tmp_path):
    text = TINY.read_text().replace("open_opportunities: 12", "open_opportunities: 5").replace("6_000_000", "5_150_000")
    (tmp_path / "few.yaml").write_text(text)
    plan = load(str(tmp_path / "few.yaml"))
    asked = question(plan, "hires: ae-smb-new")
    assert asked.month == month_number("2027-01")
    found = closing(plan).needed(asked)
    assert found.at_plan == round(found.at_plan) >= 1
    values = [
        planned_values(staffed(plan, "ae-smb-new", asked.month, heads), plan.targets)[0]
        for heads in (round(found.at_plan) - 1, round(found.at_plan))
    ]
    assert values[0] < 5_150_000 <= values[1]


def test_what_cannot_close_the_gap_alone_says_how_far_it_comes(small):
    far = small.targets[0].model_copy(update={"at_least": 9e6})
    asked = Closing(small, far, 0.8, draws=64, seed=7, executor=None)
    found = asked.needed(question(small, "expansion"))
    assert math.isnan(found.at_plan)
    assert math.isnan(found.at_confidence[0])
    assert found.planned_at_most == pytest.approx(planned_values(scaled(small, EXPANSION, 3.0), (far,))[0])
    assert found.probability[0] == 0.0


def test_spend_without_a_response_is_said_to_do_nothing(small):
    found = closing(small).needed(question(small, "spend: inbound"))
    assert "no response" in found.idle
    assert math.isnan(found.amount)


def test_where_there_is_no_gap_nothing_has_to_change(small):
    near = small.targets[0].model_copy(update={"at_least": 1e6})
    found = Closing(small, near, 0.8, draws=64, seed=7, executor=None).needed(question(small, "win rate"))
    assert (found.at_plan, found.at_confidence) == (1.0, (1.0, 1.0, 1.0))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.floats(-5, 200))
def test_the_least_place_is_what_a_scan_finds(steps, level):
    rising = np.cumsum(steps) - level
    scan = np.flatnonzero(rising >= 0)
    assert least(lambda place: float(rising[place]), len(rising) - 1) == (scan[0] if len(scan) else None)


def test_few_places_are_looked_at():
    tried = []
    assert least(lambda place: tried.append(place) or place - 0.0003 * place**2 - 200.0, 1_000) == 214
    assert len(tried) < 9


@pytest.mark.parametrize(("period", "is_late"), [("FY2027-Q3", True), ("FY2027-Q4", False)])
def test_who_comes_after_the_period_of_the_target_is_too_late(period, is_late):
    """Not only after its fiscal year."""
    levers = three(0, 0, seller="2027-11").replace("owner: CRO}", "lead_time: 10 months, owner: CRO}")
    plan = plan_with(levers)
    target = plan.targets[0].model_copy(update={"period": period})
    hires = next(one for one in questions(plan, until(plan, target)) if one.name == "hires: ae-smb-new")
    assert hires.month == month_number("2027-10")
    assert bool(hires.idle) == is_late
