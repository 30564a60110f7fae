"""A plan at given points: a run's own scores, courses and luck give the run again; each of the three acts alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simengine.assumptions.draws import values_at
from simengine.errors import SimengineError
from simengine.plan import load
from simengine.plan.targets import Target
from simengine.results.targets import period_values
from simengine.simulation import simulate
from simengine.simulation.points import Points

FULL = Path(__file__).parents[1] / "plans" / "full.yaml"
DRAWS, SEED = 300, 5


@pytest.fixture(scope="module")
def plan():
    """Every mechanism: correlations, events, a shock."""
    return load(FULL)


@pytest.fixture(scope="module")
def ds(plan):
    return simulate(plan, draws=DRAWS, twins=50, seed=SEED)


@pytest.fixture(scope="module")
def points(plan):
    return Points(plan, seed=SEED)


@pytest.fixture(scope="module")
def z(points, ds):
    return ds["assumption_z"].sel(assumption=list(points.names)).values


def same(found, expected):
    """Equal to rounding, and nearly always to the bit: in the tails a score does not hold every bit of its uniform."""
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (found == expected).mean() > 0.98


def test_a_run_comes_out_again(points, ds, z):
    draws = np.arange(DRAWS)
    assert points.shocks
    assert set(points.names) | set(points.shocks) == set(ds["assumption"].values)
    same(points.at(z, draws), ds["target_value"].values)
    shuffled = np.random.default_rng(1).permutation(DRAWS)
    same(points.at(z[shuffled], shuffled), ds["target_value"].values[shuffled])


def test_values_do_as_well_as_scores(plan, points, ds, z):
    draws = np.arange(DRAWS)
    values = {name: ds["assumption_value"].sel(assumption=name).values for name in points.names}
    np.testing.assert_allclose(points.of(values, draws), ds["target_value"].values, rtol=1e-9)
    columns = values_at(plan.widened(), z)
    by_name = {name: columns[:, i] for i, name in enumerate(points.names)}
    np.testing.assert_array_equal(points.of(by_name, draws), points.at(z, draws))
    with pytest.raises(SimengineError, match=f"no values are given of {points.names[0]}"):
        points.of({name: values[name] for name in points.names[1:]}, draws)


def test_twins_come_out_again(plan, ds, z):
    draws = np.arange(ds.sizes["twin"])
    same(Points(plan, seed=SEED, stream=1).at(z[draws], draws), ds["target_value_twin"].values)


def test_another_course_or_other_luck_is_another_path(points, z):
    draws = np.arange(DRAWS)
    courses = np.tile(draws[:, None], len(points.shocks))
    plain = points.at(z, draws, courses)
    for changed in (points.at(z, draws + 1, courses), points.at(z, draws, courses + 1)):
        assert (changed[:, 0] != plain[:, 0]).mean() > 0.5
    fixed = points.at(np.repeat(z[:1], 4, axis=0), np.full(4, 9), np.full((4, len(points.shocks)), 2**32 + 1))
    assert (fixed == fixed[:1]).all()


def test_courses_are_those_of_the_draws_that_are_named(points, ds):
    numbers = np.array([7, 3, 3, 299, 0])
    expected = ds["assumption_z"].sel(assumption=list(points.shocks)).values[numbers]
    np.testing.assert_array_equal(points.mean_levels(np.tile(numbers[:, None], len(points.shocks))), expected)


def test_a_metric_that_is_no_target(plan, ds, z):
    asked = Target.model_construct(name="x", metric="new_arr", period=str(ds["month"].values[3]))
    found = Points(plan, targets=(asked,), seed=SEED).at(z, np.arange(DRAWS))
    same(found[:, 0], period_values(ds, "new_arr", asked.period).values)


def test_the_number_of_workers_changes_nothing(points, z):
    with ThreadPoolExecutor(3) as executor:
        np.testing.assert_array_equal(points.at(z, np.arange(DRAWS)), points.at(z, np.arange(DRAWS), executor=executor))
    np.testing.assert_array_equal(points.at(z[7:8], np.array([7])), points.at(z, np.arange(DRAWS))[7:8])
    assert points.at(z[:0], np.arange(0)).shape == (0, len(points.at(z[:1], np.array([0]))[0]))


def test_what_does_not_fit_is_refused(points, z):
    with pytest.raises(SimengineError, match="do not fit"):
        points.at(z[:, 1:], np.arange(DRAWS))
    with pytest.raises(SimengineError, match="a number from 0"):
        points.at(z, np.arange(DRAWS) - 1)
