"""Factors and rank correlations: what is stated is what comes out, and what cannot be is refused."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simengine.assumptions.dependence import (
    Dependence,
    DependenceError,
    nearest_covariance,
    to_normal_scale,
    to_rank_scale,
)
from simengine.assumptions.distributions import build
from simengine.assumptions.draws import draw

NAMES = ["a", "b", "c", "d", "e"]
N = 200_000


def ranks(x):
    order = np.empty(len(x))
    order[np.argsort(x)] = np.arange(len(x))
    return order


def spearman(x, y):
    return np.corrcoef(ranks(x), ranks(y))[0, 1]


def within_chance(observed, stated):
    """True if an observed Spearman correlation is one of N draws of the stated one, at a level of 1e-6.

    atanh of it is nearly normal with variance (1 + ρ²/2)/(N - 3) (Bonett and Wright 2000, Psychometrika 65, 23-28); a
    standard normal is beyond 4.892 with probability 1e-6.
    """
    return abs(math.atanh(observed) - math.atanh(stated)) <= 4.892 * math.sqrt((1 + stated**2 / 2) / (N - 3))


def scores(dependence, names=NAMES, seed=3):
    laws = {name: build({"normal": {"mean": 0, "sd": 1}}) for name in names}
    return draw(laws, dependence, seed, 0, N)


def test_stated_rank_correlations_are_achieved():
    factors = {"market": {"a": 0.6, "b": 0.5, "d": -0.4}, "hiring": {"b": 0.3, "c": 0.7}}
    stated = [("a", "b", 0.5), ("c", "b", -0.2), ("d", "c", 0.3)]
    z = scores(Dependence.build(NAMES, factors, stated)).z
    for a, b, rho in stated:
        i, j = NAMES.index(a), NAMES.index(b)
        assert within_chance(spearman(z[:, i], z[:, j]), rho), (a, b)
    # Nothing is stated of a and d: what the factors give, 0.6 · -0.4.
    assert within_chance(spearman(z[:, 0], z[:, 3]), float(to_rank_scale(-0.24)))
    # Each score is standard normal. Mean: ±4.892/sqrt(N). Variance: ±4.892 sqrt(2/N) (both at a level of 1e-6).
    assert np.abs(z.mean(axis=0)).max() < 4.892 / math.sqrt(N)
    assert np.abs(z.var(axis=0) - 1).max() < 4.892 * math.sqrt(2 / N)


def test_the_check_sees_a_wrong_correlation():
    # Pearson's 0.5 in place of Spearman's: rank correlation 0.4826.
    wrong = float(to_rank_scale(0.5))
    z = scores(Dependence.build(NAMES, {}, [("a", "b", wrong)])).z
    observed = spearman(z[:, 0], z[:, 1])
    assert within_chance(observed, wrong)
    assert not within_chance(observed, 0.5)
    # Factors on top of a stated total, in place of within it.
    double = Dependence.build(NAMES, {"market": {"a": 0.6, "b": 0.5}}).correlation_matrix(["a", "b"])[0, 1] + 0.5
    assert not within_chance(observed, float(to_rank_scale(double)))


def test_rank_correlation_does_not_depend_on_the_laws():
    laws = {"a": build({"lognormal": {"mean": 20_000, "cv": 2}}), "b": build({"beta": {"mean": 0.22, "n": 18}})}
    values = draw(laws, Dependence.build(["a", "b"], {}, [("a", "b", -0.6)]), 11, 0, N).values
    assert within_chance(spearman(values[:, 0], values[:, 1]), -0.6)


def test_correlation_matrix_is_the_total():
    factors = {"f": {"a": 0.6, "b": 0.5}, "g": {"a": 0.3, "c": -0.8}}
    dependence = Dependence.build(NAMES, factors, [("a", "b", 0.1), ("b", "d", 0.4)])
    r = lambda rho: 2 * math.sin(math.pi * rho / 6)  # noqa: E731
    exact = np.eye(5)
    for i, j, x in [(0, 1, r(0.1)), (0, 2, -0.24), (1, 3, r(0.4))]:
        exact[i, j] = exact[j, i] = x
    assert dependence.correlation_matrix(NAMES) == pytest.approx(exact, abs=1e-14)
    assert dependence.correlation_matrix(["e", "c", "a"])[1, 2] == pytest.approx(-0.24)
    assert dependence.names == ("a", "b", "c", "d")


def test_scales_are_inverse_and_meet_at_the_ends():
    rho = np.linspace(-1, 1, 201)
    assert to_rank_scale(to_normal_scale(rho)) == pytest.approx(rho, abs=1e-14)
    assert to_normal_scale(np.array([-1.0, 0.0, 1.0])) == pytest.approx([-1, 0, 1])


def test_perfect_correlation_is_possible():
    dependence = Dependence.build(NAMES, {}, [("a", "b", 1), ("b", "c", -1), ("a", "c", -1)])
    z = scores(dependence).z
    assert np.allclose(z[:, 1], z[:, 0], rtol=1e-12)
    assert np.allclose(z[:, 2], -z[:, 0], rtol=1e-12)


def problems(factors, correlations, names=("win_rate.smb", "win_rate.ent", "leads")):
    with pytest.raises(DependenceError) as caught:
        Dependence.build(names, factors, correlations)
    return [tuple(p) for p in caught.value.problems]


def test_every_mistake_is_reported_at_once():
    factors = {
        "market": {"win_rate.smb": 1.2, "wim_rate.ent": 0.3, "leads": 0.9},
        "climate": {"leads": 0.8, "win_rate.ent": "high"},
    }
    correlations = [
        ("leads", "leads", 0.2),
        ("win_rate.smb", "leeds", 0.2),
        ("win_rate.smb", "win_rate.ent", 1.5),
        ("win_rate.ent", "win_rate.smb", 0.3),
    ]
    assert problems(factors, correlations) == [
        (("factors", "climate", "win_rate.ent"), "'high' is not a number", "a loading from -1 to 1"),
        (("factors", "market", "win_rate.smb"), "1.2 is not from -1 to 1", "a loading from -1 to 1"),
        (
            ("factors", "market", "wim_rate.ent"),
            "unknown assumption 'wim_rate.ent'",
            "win_rate.ent, the nearest name",
        ),
        (
            ("factors", "market", "leads"),
            "the squared loadings of leads add up to 1.45 (climate 0.8, market 0.9)",
            "squares that add up to 1 at most",
        ),
        (
            ("rank_correlations", 0, "between", 0),
            "the factors leave leads 0 % of its variance to correlate",
            "smaller loadings, which leave at least 1 %",
        ),
        (
            ("rank_correlations", 0, "between", 1),
            "the factors leave leads 0 % of its variance to correlate",
            "smaller loadings, which leave at least 1 %",
        ),
        (("rank_correlations", 0, "between"), "leads is paired with itself", "two different assumptions"),
        (("rank_correlations", 1, "between", 1), "unknown assumption 'leeds'", "leads, the nearest name"),
        (("rank_correlations", 2, "rho"), "1.5 is not from -1 to 1", "a rank correlation from -1 to 1"),
        (
            ("rank_correlations", 3, "between"),
            "win_rate.ent and win_rate.smb are paired twice",
            "each pair once",
        ),
    ]


def clipped(matrix):
    """The usual repair: negative eigenvalues to zero, then scaled back to ones on the diagonal."""
    values, vectors = np.linalg.eigh(matrix)
    cut = (vectors * np.maximum(values, 0)) @ vectors.T
    scale = np.sqrt(np.diag(cut))
    return cut / np.outer(scale, scale)


def impossible(factors, correlations):
    with pytest.raises(DependenceError) as caught:
        Dependence.build(NAMES, factors, correlations)
    return caught.value


CONTRADICTION = [("a", "b", 0.9), ("b", "c", 0.9), ("a", "c", -0.5)]


def test_an_impossible_matrix_is_refused_with_the_nearest_possible_one():
    error = impossible({}, CONTRADICTION)
    (found,) = error.impossible
    asked, near = to_normal_scale(found.asked), to_normal_scale(found.nearest)
    assert found.names == ("a", "b", "c")
    assert to_rank_scale(asked)[0, 1] == pytest.approx(0.9)
    assert np.linalg.eigvalsh(asked)[0] < -0.1
    assert np.linalg.eigvalsh(near)[0] >= -1e-12
    assert np.diag(near).tolist() == pytest.approx([1, 1, 1])
    # Nearer than the usual repair, also after rounding to three digits.
    assert np.linalg.norm(near - asked) < np.linalg.norm(clipped(asked) - asked) - 1e-3
    # What is printed can be stated.
    Dependence.build(NAMES, {}, [(a, b, rho) for a, b, _, rho in found.pairs()])

    (problem,) = error.problems
    assert problem.path == ("rank_correlations",)
    assert problem.message == "no numbers can have these correlations together (a, b, c)"
    a_b, a_c, b_c = (f"{rho:g}" for _, _, _, rho in found.pairs())
    assert problem.expected == f"for example the nearest possible: a ~ b {a_b}, a ~ c {a_c}, b ~ c {b_c}"
    assert found.table().splitlines() == [
        "       asked  nearest possible",
        f"a  b   0.900   {found.nearest[0, 1]:.3f}",
        f"a  c  -0.500  {found.nearest[0, 2]:.3f}",
        f"b  c   0.900   {found.nearest[1, 2]:.3f}",
    ]


def test_pairs_that_nobody_stated_are_marked():
    # a and c unstated: residual correlation 0, which contradicts a ~ b ~ c.
    (found,) = impossible({}, [("a", "b", 0.9), ("b", "c", 0.9)]).impossible
    assert [line.endswith("(not stated)") for line in found.table().splitlines()] == [False, False, True, False]


def test_factors_may_give_more_than_is_asked():
    # The factors give 0.81, the total asked for is 0: the residuals would need a correlation of -0.81/0.19.
    (found,) = impossible({"f": {"a": 0.9, "b": 0.9}}, [("a", "b", 0.0)]).impossible
    # At best the residuals are opposed: 0.81 - 0.19.
    assert to_normal_scale(found.nearest[0, 1]) == pytest.approx(0.62, abs=2e-3)
    Dependence.build(NAMES, {"f": {"a": 0.9, "b": 0.9}}, [("a", "b", found.nearest[0, 1])])


def test_separate_contradictions_are_reported_together():
    names = [*NAMES, "f"]
    with pytest.raises(DependenceError) as caught:
        Dependence.build(names, {}, [*CONTRADICTION, ("d", "e", 0.9), ("e", "f", 0.9), ("d", "f", 0)])
    assert [i.names for i in caught.value.impossible] == [("a", "b", "c"), ("d", "e", "f")]
    assert len(caught.value.problems) == 2


def test_nearest_covariance_is_the_published_one():
    # Higham (2002), section 4: the tridiagonal matrix of ones.
    matrix = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    exact = np.array([[1, 0.76068985, 0.15729811], [0.76068985, 1, 0.76068985], [0.15729811, 0.76068985, 1]])
    assert nearest_covariance(matrix) == pytest.approx(exact, abs=1e-8)


correlation = st.integers(-99, 99).map(lambda k: k / 100)


@settings(max_examples=60)
@given(
    st.dictionaries(st.sampled_from(NAMES), st.integers(-70, 70).map(lambda k: k / 100)),
    st.dictionaries(st.sampled_from(list(itertools.combinations(NAMES, 2))), correlation, max_size=6),
)
def test_what_is_stated_comes_out_or_is_refused_with_something_that_can_be_stated(loadings, stated):
    correlations = [(a, b, rho) for (a, b), rho in stated.items()]
    try:
        dependence = Dependence.build(NAMES, {"f": loadings}, correlations)
    except DependenceError as error:
        kept = {pair for i in error.impossible for pair in i.stated}
        rest = [(a, b, rho) for a, b, rho in correlations if (a, b) not in kept]
        possible = [(a, b, near) for i in error.impossible for a, b, _, near in i.pairs()]
        dependence = Dependence.build(NAMES, {"f": loadings}, rest + possible)
        correlations = rest + possible
    matrix = dependence.correlation_matrix(NAMES)
    assert np.diag(matrix).tolist() == pytest.approx([1.0] * 5)
    assert np.linalg.eigvalsh(matrix)[0] >= -1e-9
    for a, b, rho in correlations:
        assert matrix[NAMES.index(a), NAMES.index(b)] == pytest.approx(float(to_normal_scale(rho)), abs=1e-4)
