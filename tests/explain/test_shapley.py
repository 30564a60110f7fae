"""Shares that add up: against models whose Shapley effects are known from the definition."""

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.api import OLS, add_constant

from simengine.explain.attribution import FEWEST_TWINS, attribute
from simengine.explain.coalitions import MOST_ENUMERATED, coalitions, components
from simengine.explain.shapley import Effects
from simengine.explain.surrogate import Inputs, Terms, fit, hermite
from tests.explain.gaussian import Gaussian, in_blocks

NOTHING = np.zeros((0,))


def exact(model: Gaussian) -> np.ndarray:
    """Shapley shares from the closed forms, at the true coefficients: no statistics."""
    k = len(model.b)
    inputs = Inputs(np.zeros((2, k)), model.R, np.repeat([[0.0], [1.0]], k, axis=1) * np.arange(1, k + 1))
    effects = Effects(inputs, Terms(tuple((i, 1) for i in range(k)), ()))
    linear = np.einsum("iab,a,b->i", effects.shapley, model.b, model.b)
    quadratic = np.tensordot(effects.shapley_gradient(model.A), model.A, 2) / 2
    return (linear + quadratic) / (linear.sum() + quadratic.sum() + model.noise)


@pytest.mark.parametrize("quadratic", [False, True])
@pytest.mark.parametrize(("size", "block"), [(2, 2), (5, 5), (9, 3), (12, 4)])
def test_closed_forms_agree_with_the_definition(size, block, quadratic):
    model = in_blocks(size, block, 0.5, quadratic=quadratic, random_share=0.45, seed=size)
    np.testing.assert_allclose(exact(model), model.shares(), rtol=0, atol=1e-12)
    # Negative control: the same effects without the correlation are others.
    apart = Gaussian(np.eye(size), model.b, model.A, model.noise)
    assert np.abs(exact(apart) - model.shares()).max() > 0.01


def test_two_inputs_as_published():
    # Owen and Prieur, SIAM/ASA J. Uncertainty Quantification 5 (2017): b1² (1 − ρ²/2) + ρ b1 b2 + b2² ρ²/2.
    b, rho = np.array([1.0, -2.0]), 0.3
    model = Gaussian(np.array([[1, rho], [rho, 1]]), b, np.zeros((2, 2)), 1.0)
    first = b[0] ** 2 * (1 - rho**2 / 2) + rho * b[0] * b[1] + b[1] ** 2 * rho**2 / 2
    variance = b @ model.R @ b + 1.0
    assert exact(model)[0] == pytest.approx(first / variance, abs=1e-14)


def test_a_large_component_is_as_accurate_as_its_orders():
    k, rho = MOST_ENUMERATED + 8, 0.4
    R = np.full((k, k), rho) + (1 - rho) * np.eye(k)
    b = np.random.default_rng(3).exponential(size=k)
    model = Gaussian(R, b, np.zeros((k, k)), 0.0)
    found = exact(model)
    rng, effects = np.random.default_rng(1), np.zeros(k)
    orders = 4000
    squares = np.zeros(k)
    for _ in range(orders):
        order = rng.permutation(k)
        values = [model.explained(tuple(order[:size])) for size in range(k + 1)]
        gain = np.empty(k)
        gain[order] = np.diff(values) / values[-1]
        effects += gain / orders
        squares += gain**2 / orders
    error = np.sqrt((squares - effects**2) / orders)
    # Both are samples of orders, ours the better one; twenty comparisons at a level of 1e-6.
    limit = norm.isf(1e-6 / k / 2)
    assert (np.abs(found - effects) < limit * np.sqrt(2) * error).all()
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    # Negative control: first-order shares are not within it.
    assert (np.abs(b**2 / (b @ R @ b) - effects) > limit * error).any()


def test_coalitions_of_every_kind_weigh_a_known_game_alike():
    # f(u) = C_00 of the coalition, summed over members' Shapley values, is f(all) − f(nobody) = 1.
    for k in (1, 3, MOST_ENUMERATED, MOST_ENUMERATED + 1):
        R = np.full((k, k), 0.5) + 0.5 * np.eye(k)
        total = sum(np.tensordot(batch.shapley, batch.covariance[:, 0, 0], 1) for batch in coalitions(R))
        assert total.sum() == pytest.approx(1.0, abs=1e-12)
        # Its own part is the largest, the others are alike.
        assert total[0] == total.max()
        np.testing.assert_allclose(total[1:], np.median(total[-1:]), rtol=0, atol=0.01)


def test_what_determines_another_leaves_nothing_to_it():
    R = np.ones((2, 2))
    total = sum(np.tensordot(batch.shapley, batch.covariance[:, 0, 0], 1) for batch in coalitions(R))
    np.testing.assert_allclose(total, [0.5, 0.5], atol=1e-12)


def test_components_are_what_hangs_together():
    R = np.eye(4)
    R[0, 3] = R[3, 0] = -0.2
    assert [part.tolist() for part in components(R)] == [[0, 3], [1], [2]]


def stepped(rng, n, rho):
    """A score with few values, one that hangs on it, and one alone; y acts on the value."""
    R = np.array([[1, rho, 0], [rho, 1, 0], [0, 0, 1.0]])
    z = rng.normal(size=(n, 3)) @ np.linalg.cholesky(R).T
    values = z.copy()
    values[:, 0] = np.searchsorted([-0.3, 1.0], z[:, 0])
    return Inputs(z, R, values)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_an_assumption_with_few_values(rho):
    """Effects of a step, alone or joined: v({other}) by integration over the other's score."""
    rng = np.random.default_rng(20)
    inputs = stepped(rng, 20_000, rho)
    step = np.array([0.0, 0.0, 1.0])[inputs.values[:, 0].astype(int)]
    y = step + 0.5 * inputs.z[:, 2]
    found = attribute(inputs, y, y.copy())
    p = norm.sf(1.0)
    at = np.linspace(-8, 8, 4001)
    told = norm.sf((1.0 - rho * at) / np.sqrt(1 - rho**2))  # P(z_0 > 1 | z_1)
    by_other = np.trapezoid((told - p) ** 2 * norm.pdf(at), at)
    own, total = p * (1 - p), p * (1 - p) + 0.25
    truth = np.array([own - by_other / 2, by_other / 2, 0.25]) / total
    np.testing.assert_allclose(found.shapley.share.estimate, truth, rtol=0, atol=0.01)
    # Negative control: as if the other one told nothing.
    assert rho == 0 or np.abs(truth - np.array([own, 0.0, 0.25]) / total).max() > 0.02


def test_products_with_a_discrete_assumption():
    """y = s z with s a fair coin of mean zero: each gets half of it, and the surrogate finds it all."""
    rng = np.random.default_rng(4)
    z = rng.normal(size=(8000, 2))
    values = np.stack([np.where(z[:, 0] > 0, 1.0, -1.0), z[:, 1]], axis=1)
    y = values[:, 0] * z[:, 1]
    found = attribute(Inputs(z, np.eye(2), values), y, y.copy())
    np.testing.assert_allclose(found.shapley.share.estimate, [0.5, 0.5], atol=1e-3)
    assert found.quality[0] == pytest.approx(1.0, abs=1e-6)
    assert found.trusted


def test_everything_adds_up():
    model = in_blocks(9, 3, 0.5, quadratic=True, random_share=0.3, seed=1)
    z, y, twin = model.draws(np.random.default_rng(8), 4000, 1000)
    found = attribute(Inputs(z, model.R, z), y, twin)
    total = found.shapley.share.estimate.sum() + found.random_variation[0] + found.unattributed[0]
    assert total == pytest.approx(1.0, abs=1e-12)
    assert found.unattributed[1] < 0 < found.unattributed[2]
    assert found.random_variation[1] < 0.3 < found.random_variation[2]
    # Without twins nothing tells random variation from what is not found.
    alone = attribute(Inputs(z, model.R, z), y, np.full(4000, np.nan))
    assert np.isnan([*alone.random_variation, *alone.quality]).all()
    assert alone.shapley.share.estimate.sum() + alone.unattributed[0] == pytest.approx(1.0, abs=1e-12)
    assert alone.trusted


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def sobol_g(u, a=(0.0, 0.5, 3.0, 9.0, 99.0)):
    a = np.array(a)
    return np.prod((np.abs(4 * u[:, : len(a)] - 2) + a) / (1 + a), axis=1)


@pytest.mark.parametrize("function", [ishigami, sobol_g])
def test_the_gate_trips_where_a_polynomial_is_no_picture(function):
    z = np.random.default_rng(11).normal(size=(8192, 5))
    y = function(norm.cdf(z))
    found = attribute(Inputs(z, np.eye(5), z), y, y.copy())
    assert found.quality[2] < 0.95
    assert not found.trusted
    assert found.unattributed[1] > 0.05


def test_a_step_of_the_scores_is_expanded_exactly():
    z = np.random.default_rng(2).normal(size=(400_000, 1))
    values = np.searchsorted([-0.5, 0.8], z[:, 0]).astype(float)[:, None]
    steps = Inputs(z, np.eye(1), values).steps[0]
    np.testing.assert_allclose(steps.thresholds, [-0.5, 0.8], atol=1e-4)
    for order, row in enumerate(steps.hermite(4), 1):
        sampled = [np.mean((values[:, 0] == level) * hermite(z[:, 0], order)) for level in range(3)]
        np.testing.assert_allclose(row, sampled, atol=6 / np.sqrt(len(z)))


def test_terms_enter_only_where_they_are():
    rng = np.random.default_rng(5)
    z = rng.normal(size=(4000, 6))
    y = z[:, 0] + 0.5 * z[:, 1] * z[:, 2] + rng.normal(size=4000)
    found = fit(Inputs(z, np.eye(6), z), y)
    assert (1, 2) in found.terms.pairs
    assert len(found.terms.pairs) <= 2


def test_curves_enter_up_to_the_fourth_order():
    z = np.random.default_rng(7).normal(size=(4000, 1))
    found = [fit(Inputs(z, np.eye(1), z), hermite(z[:, 0], order)).terms.hermite for order in (4, 5)]
    assert max(found[0]) == (0, 4)
    assert max(found[1]) <= (0, 4)


def test_errors_of_coefficients_are_those_of_statsmodels():
    rng = np.random.default_rng(9)
    z = rng.normal(size=(60, 2))
    inputs = Inputs(z, np.eye(2), z)
    found = fit(inputs, z[:, 0] + rng.normal(size=60) * np.exp(z[:, 1]))
    y = found.fitted + found.residual
    judge = OLS(y, add_constant(found.terms.columns(inputs))).fit(cov_type="HC3")
    np.testing.assert_allclose(found.covariance, judge.cov_params()[1:, 1:], rtol=1e-9, atol=1e-12)


def test_an_assumption_that_never_varies_has_no_share():
    rng = np.random.default_rng(6)
    z = rng.normal(size=(1000, 2))
    values = z.copy()
    values[:, 1] = 4.0
    found = attribute(Inputs(z, np.eye(2), values), z[:, 0] + rng.normal(size=1000), np.full(1000, np.nan))
    assert found.shapley.share.estimate[1] == found.shapley.share.lower[1] == found.shapley.share.upper[1] == 0


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3])
def test_a_result_that_never_varies_has_no_shares(value):
    z = np.random.default_rng(1).normal(size=(1000, 4))
    y = np.full(1000, value)  # the mean of 1,000 times 0.1 is not 0.1
    found = attribute(Inputs(z, np.eye(4), z), y, y.copy())
    assert np.isnan(found.shapley.share.estimate).all()
    assert np.isnan([*found.random_variation, *found.quality]).all()


def test_few_twins_tell_nothing():
    model = in_blocks(9, 3, 0.5, quadratic=True, random_share=0.3, seed=1)
    for twins, told in ((1, False), (FEWEST_TWINS - 1, False), (FEWEST_TWINS, True)):
        z, y, twin = model.draws(np.random.default_rng(8), 2000, twins)
        found = attribute(Inputs(z, model.R, z), y, twin)
        assert np.isfinite([*found.random_variation, *found.quality]).all() == told
        assert found.trusted


def test_a_plan_without_assumptions_is_all_random_variation():
    rng = np.random.default_rng(9)
    nothing = np.empty((1000, 0))
    found = attribute(Inputs(nothing, np.empty((0, 0)), nothing), rng.normal(size=1000), rng.normal(size=1000))
    assert found.shapley.share.estimate.shape == (0,)
    assert found.random_variation[0] + found.unattributed[0] == pytest.approx(1.0, abs=1e-12)
    estimate, lower, upper = found.random_variation
    assert abs(estimate - 1) < upper - lower  # four standard errors
