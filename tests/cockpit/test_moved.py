"""A belief moved has its median where it was asked for, keeps its shape, and is refused where no such law is."""

import numpy as np
import pytest

from simengine.assumptions.distributions import build
from simengine.cockpit.moved import is_movable, moved
from simengine.errors import SimengineError
from simengine.plan.beliefs import distribution, in_numbers

SHARES = [
    {"beta": {"mean": "22 %", "n": 180}},
    {"beta": {"mean": "22 %", "sd": "3 %"}},
    {"pert": ["13 %", "18 %", "24 %"]},
    {"triangular": {"min": 0, "mode": "40 %", "max": "100 %"}},
    {"quantiles": {"P10": "10 %", "P50": "20 %", "P90": "40 %", "min": 0, "max": 1}},
    {
        "pooled": [
            {"who": "a", "distribution": {"uniform": ["10 %", "20 %"]}},
            {"who": "b", "distribution": {"fixed": "15 %"}},
        ]
    },
    {"truncated": {"distribution": {"normal": {"mean": "20 %", "sd": "5 %"}}, "min": 0, "max": "60 %"}},
]
AMOUNTS = [
    {"lognormal": {"mean": 100, "cv": "12 %"}},
    {"lognormal": {"mean": 100, "sd": 20}},
    {"gamma": {"shape": 4, "scale": 20}},
    {"weibull": {"shape": 1.5, "scale": 80}},
    {"empirical": {"values": [40, 70, 75, 130], "weights": [1, 2, 2, 1]}},
    {
        "mixture": [
            {"weight": "30 %", "distribution": {"pert": [40, 60, 90]}},
            {"weight": 0.7, "distribution": {"fixed": 99}},
        ]
    },
]


@pytest.mark.parametrize("raw", SHARES, ids=str)
def test_a_share_has_the_median_that_is_asked_for_and_stays_one(raw):
    before = build(in_numbers(raw, "fraction"))
    wanted = 0.8 * before.median()
    law = distribution(moved(raw, "fraction", wanted), "fraction")
    assert law.median() == pytest.approx(wanted, rel=2e-5)
    assert 0 <= law.support()[0] <= law.support()[1] <= 1


@pytest.mark.parametrize("raw", AMOUNTS, ids=str)
def test_an_amount_moves_by_a_factor_at_every_quantile(raw):
    before = build(in_numbers(raw, "count"))
    law = distribution(moved(raw, "count", 1.3 * before.median()), "count")
    levels = np.array([0.03, 0.2, 0.5, 0.8, 0.97])
    np.testing.assert_allclose(law.ppf(levels), 1.3 * before.ppf(levels), rtol=3e-6)


def test_what_may_be_negative_moves_by_a_sum():
    law = distribution(moved({"normal": {"mean": 2, "sd": 5}}, "factor", -7.0), "factor")
    assert (law.mean(), law.sd()) == (pytest.approx(-7.0), 5.0)


def test_a_beta_law_stands_for_as_many_observations():
    law = distribution(moved({"beta": {"alpha": 40, "beta": 160}}, "fraction", 0.5), "fraction")
    assert law.alpha + law.beta == pytest.approx(200)


def test_a_fixed_value_moves():
    assert moved({"fixed": "22 %"}, "fraction per year", 0.3) == {"fixed": "30 %"}


@pytest.mark.parametrize(
    ("raw", "median"),
    [({"beta": {"mean": 0.2, "n": 9}}, 9.0), ({"discrete": {1: 0.5, 2: 0.5}}, 2.0), ({"triangular": [0, 0.4, 1]}, 0.1)],
)
def test_what_no_law_of_this_shape_can_be_is_refused(raw, median):
    with pytest.raises(SimengineError, match="fix it at"):
        moved(raw, "count" if median == 2.0 else "fraction", median)


def test_values_with_probabilities_have_no_slider():
    assert not is_movable(build({"bernoulli": 0.3}))
    assert is_movable(build({"fixed": 3}))
