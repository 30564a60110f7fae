"""The audit beside the ranking on the example company: two ways to the same shares that have nothing in common."""

from pathlib import Path

import numpy as np
import pytest

import simengine as se
from simengine.explain.audit import audit, beside, polynomial

NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar" / "base.yaml"

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def plan():
    return se.load(NORTHSTAR)


@pytest.fixture(scope="module")
def run(plan):
    return se.simulate(plan, draws=16_384, seed=7)


@pytest.mark.parametrize("target", ["board ARR", "NRR", "lowest cash"])
def test_audit_and_ranking_agree(plan, run, target):
    """At 5 % for all 49 assumptions and random variation together."""
    ranking = se.rank(run, target)
    assert ranking["trusted"]
    found = audit(plan, run, target, chance_last=True, precision=0.02, surrogate=polynomial(run, target))
    told = beside(found, ranking)
    assert told["agrees"].all()
    assert told["random_variation_agrees"]
    # Negative controls: what each explains alone, and shares of other assumptions.
    for wrong in (ranking["alone"].values, np.roll(ranking["share"].values, 1)):
        moved = ranking["share"].copy(data=wrong) - ranking["share"]
        shifted = ranking.assign({name: ranking[name] + moved for name in ("share", "share_lower", "share_upper")})
        assert not beside(found, shifted)["agrees"].all()
