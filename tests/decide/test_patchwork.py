"""Plans between two plans."""

from pathlib import Path

import numpy as np
import pytest

from simengine.decide.changes import by_part, differences
from simengine.decide.patchwork import Patchwork
from simengine.plan import load, loads
from simengine.simulation.reached import chosen_values, target_values
from tests.decide.test_changes import edits

PLANS = Path(__file__).parents[1] / "plans"
NORTHSTAR = PLANS.parents[1] / "scenarios" / "northstar"
TINY = (PLANS / "tiny.yaml").read_text(encoding="utf-8")
NEW_BELIEF = """  renewal.new:
    plan: 91 %
    distribution: {beta: {mean: 90 %, n: 250}}
    unit: fraction
    source: {kind: judgment, reference: workshop}
    risk: {adverse: low}

dependence:
"""


def test_paths_of_chosen_draws_are_those_of_a_run() -> None:
    plan = load(PLANS / "full.yaml")
    everything = target_values(plan, 0, 40, seed=3)
    draws = np.array([7, 3, 39, 3, 0])
    np.testing.assert_array_equal(chosen_values(plan, draws, seed=3), everything[draws])
    assert chosen_values(plan, np.array([], np.int64)).shape == (0, len(plan.targets))


def test_without_any_part_it_is_the_old_plan_and_with_all_the_new_one() -> None:
    old, new = load(NORTHSTAR / "base.yaml"), load(NORTHSTAR / "hire-ahead.yaml")
    target = old.targets[0].name
    patchwork = Patchwork(old, new, target)
    places = [place for each in by_part(differences(old, new, target)).values() for place in each]
    assert patchwork.plan([]).digest_simulated == old.digest_simulated
    assert patchwork.plan(places).digest_simulated == new.digest_simulated
    assert patchwork.plan([]).levers == {}


@pytest.mark.parametrize("before", ["2026-11-30", ""])
def test_what_is_known_is_as_of_the_new_plan(before: str) -> None:
    stated = ", as_of: 2026-12-31"
    assert stated in TINY
    old, new = loads(TINY.replace(stated, f", as_of: {before}" if before else "")), loads(TINY)
    assert str(Patchwork(old, new, "board ARR").plan([]).plan.as_of) == "2026-12-31"
    assert Patchwork(new, old, "board ARR").plan([]).plan.as_of == (old.plan.as_of or new.plan.as_of)


def test_what_one_plan_alone_declares_acts_through_what_refers_to_it() -> None:
    text = TINY.replace("dependence:\n", NEW_BELIEF, 1).replace(
        "renewal_rate: renewal.smb", "renewal_rate: {start: renewal.smb, 2027-06: renewal.new}"
    )
    old, new = loads(TINY), loads(text)
    parts = {part.label: places for part, places in by_part(differences(old, new, "board ARR")).items()}
    assert set(parts) == {"base of smb"}
    for one, other in ((old, new), (new, old)):
        patchwork = Patchwork(one, other, "board ARR")
        values = chosen_values(patchwork.plan(parts["base of smb"]), np.arange(50))
        np.testing.assert_array_equal(values, target_values(other, 0, 50, targets=other.targets[:1]))


def test_parts_that_make_no_plan_without_each_other_are_one() -> None:
    text = TINY.replace("stages: [lead, opportunity]", "stages: [lead, meeting, opportunity]")
    text = text.replace("rates: [30 %]", "rates: [60 %, 50 %]").replace("customers: 150", "customers: 151")
    old, new = loads(TINY), loads(text)
    parts = {part.label: places for part, places in by_part(differences(old, new, "board ARR")).items()}
    fitting = Patchwork(old, new, "board ARR").fitting(parts)
    assert sorted(map(sorted, fitting)) == [["base of smb"], ["channel inbound/smb", "funnel: stages"]]


@pytest.mark.parametrize("name", ["full.yaml", "updated.yaml"])
def test_the_parts_of_many_edits_make_the_new_plan(name: str) -> None:
    old = new = load(PLANS / name)
    target = old.targets[0].name
    for seed in range(30):
        for _, other in edits(new, seed, 2, own_trees=True):
            new = other
    assert old.digest_simulated != new.digest_simulated
    parts = by_part(differences(old, new, target))
    assert len(parts) >= 6
    made = Patchwork(old, new, target).plan(place for places in parts.values() for place in places)
    assert made.digest_simulated == new.digest_simulated
    bare = Patchwork(old, new, target).plan([])
    assert bare.digest_simulated == old.digest_simulated
