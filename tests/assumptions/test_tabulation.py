"""Tables of quantile functions: right to one part in 1e12, and silent where they cannot be."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.distributions import Beta, Gamma, build
from simengine.assumptions.draws import draw, uniforms
from simengine.assumptions.elicitation import widen
from simengine.assumptions.laws import Fixed, Uniform, Weibull
from simengine.assumptions.occurrence import Occurrence
from simengine.assumptions.tabulation import look_up, tabulate
from tests.assumptions.test_laws import LAWS

TOLD = {name: build(spec) for name, spec in LAWS.items()} | {
    "widened beta": widen(build(LAWS["beta n"]), 2.5, "logit"),
    "widened pert": widen(build(LAWS["pert"]), 1.5, "log"),
    "beta of few": Beta(0.05, 0.4),
    "beta of many": Beta(2e5, 8e5),
    "beta at its end": Beta(20, 0.1),
    "gamma wide": Gamma(0.05, 1),
    "gamma narrow": Gamma(4e4, 1),
    "weibull wide": Weibull(0.5, 1),
    "lognormal wide": build({"lognormal": {"median": 1, "sigma": 10}}),
    "discrete": build({"discrete": {1: 0.2, 3: 0.5, 10: 0.3}}),
    "event": Occurrence(0.4, Uniform(24324, 24330), 24324, 12),
}
SMOOTH = ["pert", "beta n", "gamma cv", "lognormal cv", "metalog", "metalog both", "widened beta", "widened pert"]
SCORES = np.random.default_rng(3).uniform(-3.74, 3.74, 4_000)


def table_at(law, z):
    return look_up([law.table], z[None, :])[0]


def largest_error(law, z, x):
    """Relative to the largest value within a piece: a law through zero has no other scale there."""
    exact = law.ppf(ndtr(z))
    nearby = np.maximum(np.abs(law.ppf(ndtr(np.floor(2 * z + 0.5) / 2 - 0.25))), np.abs(exact))
    nearby = np.maximum(nearby, np.abs(law.ppf(ndtr(np.floor(2 * z + 0.5) / 2 + 0.25))))
    known = ~np.isnan(x)
    return float((np.abs(x - exact)[known] / nearby[known]).max(initial=0.0))


@pytest.mark.parametrize("name", TOLD)
def test_what_a_table_says_is_the_law(name):
    law = TOLD[name]
    assert largest_error(law, SCORES, table_at(law, SCORES)) <= 2e-12


def test_the_comparison_sees_a_slightly_wrong_table():
    law = TOLD["beta n"]
    assert largest_error(law, SCORES, table_at(law, SCORES + 1e-10)) > 2e-12
    assert largest_error(law, SCORES, table_at(Beta(39.6 * (1 + 1e-10), 140.4), SCORES)) > 2e-12


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_laws_are_known_all_over(name):
    assert not np.isnan(table_at(TOLD[name], SCORES)).any()


def test_tails_are_left_to_the_law():
    z = np.array([-8.2, -4.0, -3.76, 3.76, 4.0, 8.2])
    assert np.isnan(table_at(TOLD["beta n"], z)).all()
    assert not np.isnan(table_at(TOLD["beta n"], np.array([-3.74, 3.74]))).any()


@pytest.mark.parametrize("name", ["discrete", "event"])
def test_single_values_are_left_to_the_law(name):
    assert np.isnan(table_at(TOLD[name], SCORES)).all()


def test_an_atom_within_a_smooth_law_is_exact():
    parts = [
        {"weight": 0.5, "distribution": {"fixed": 1 / 3}},
        {"weight": 0.5, "distribution": {"normal": {"mean": 0, "sd": 1}}},
    ]
    law = build({"mixture": parts})
    values = draw({"x": law}, Dependence(), 5, 0, 2_000).values[:, 0]
    # One value holds half of the probability: 1000 ± 4.892 · sqrt(500), at a level of 1e-6.
    assert abs((values == 1 / 3).sum() - 1_000) < 4.892 * np.sqrt(500)


def test_a_kink_is_left_to_the_law_and_the_rest_is_known():
    # F of the mode of triangular [1, 2, 5] is 1/4, a score of -0.674: within the piece from -0.75 to -0.25.
    unknown = np.isnan(table_at(TOLD["triangular"], SCORES))
    assert np.array_equal(unknown, (SCORES > -0.75) & (SCORES < -0.25))


def test_a_value_never_leaves_its_support():
    # Nine tenths of this law are 1 but for rounding.
    x = draw({"x": Beta(20, 0.1)}, Dependence(), 5, 0, 20_000).values
    assert x.max() <= 1.0


@pytest.mark.parametrize("name", TOLD)
def test_draws_are_increasing_and_the_law_of_their_uniforms(name):
    law = TOLD[name]
    u = uniforms(9, ["x"], 0, 20_000)[0]
    order = np.argsort(u)
    x, u = draw({"x": law}, Dependence(), 9, 0, 20_000).values[order, 0], u[order]
    assert (np.diff(x) >= 0).all()
    assert np.abs(x - law.ppf(u)).max() <= 2e-12 * np.abs(x).max()


def test_equal_laws_share_a_table():
    assert build(LAWS["pert"]).table is build(LAWS["pert"]).table
    assert build(LAWS["pert"]).table is not build(LAWS["pert weighted"]).table


def test_laws_are_looked_up_side_by_side_as_alone():
    laws = [TOLD[name] for name in ("pert", "triangular", "normal")]
    z = np.stack([SCORES, SCORES[::-1], -SCORES])
    together = look_up([law.table for law in laws], z)
    for row, law, scores in zip(together, laws, z, strict=True):
        np.testing.assert_array_equal(row, table_at(law, scores))


def test_a_constant_is_not_tabulated_where_it_is_the_end_of_the_support():
    assert np.isnan(tabulate(Fixed(2.0).ppf, (2.0, 2.0), np.empty(0))).all()


def test_another_process_has_the_same_table():
    code = (
        "from simengine.assumptions.laws import Beta\n"
        "import hashlib; print(hashlib.sha256(Beta(39.6, 140.4).table.tobytes()).hexdigest())"
    )
    told = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    ]
    assert told[0] == told[1]


def test_scores_come_from_their_uniforms():
    u = uniforms(1, ["x"], 0, 1_000)[0]
    assert np.array_equal(draw({"x": TOLD["normal"]}, Dependence(), 1, 0, 1_000).z[:, 0], ndtri(u))
