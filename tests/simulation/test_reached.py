"""The chances of targets alone are those of a run."""

import numpy as np
import pytest
import xarray as xr

import simengine as se
from simengine.errors import SimengineError
from simengine.results.targets import hit_probability

DRAWS = 300


@pytest.fixture(scope="module")
def plan():
    """Two years, and targets that lie in the first."""
    return se.load("scenarios/northstar/base.yaml")


@pytest.fixture(scope="module")
def of_a_run(plan):
    return hit_probability(se.simulate(plan, draws=DRAWS, twins=0))


def test_chances_are_those_of_a_run(plan, of_a_run):
    found = se.chances(plan, draws=DRAWS)
    xr.testing.assert_allclose(found, of_a_run, rtol=1e-15)
    assert found.attrs == of_a_run.attrs
    assert 0.0 < float(found["p"].median()) < 1.0


def test_another_seed_gives_others(plan, of_a_run):
    assert not np.array_equal(se.chances(plan, draws=DRAWS, seed=8)["p"], of_a_run["p"])


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"draws": 2.5}, {"draws": 2**40}, {"seed": -1}])
def test_a_number_that_cannot_be_is_told(plan, wrong):
    with pytest.raises(SimengineError, match=f"{next(iter(wrong))}.*choose"):
        se.chances(plan, **wrong)
