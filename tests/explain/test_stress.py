"""Reverse stress: against a general optimiser, closed forms, and paths of hand-made models."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom, norm

from simengine.explain.shapley import Expansion
from simengine.explain.stress import Quadratic, _linear, errors, most_plausible
from simengine.explain.surrogate import Inputs, fit
from simengine.explain.target import scores
from tests.explain.gaussian import in_blocks


def quadratic(seed: int, bend: float = 0.2, size: int = 4) -> Quadratic:
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(size, 2 * size))
    R = half @ half.T
    R /= np.sqrt(np.outer(np.diag(R), np.diag(R)))
    A = bend * rng.normal(size=(size, size))
    return Quadratic(rng.normal(size=size) / 2, (A + A.T) / 2, R, 0.5)


@pytest.mark.parametrize("level", [-2.5, -1.0, 0.3, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_point_at_the_level_is_more_plausible(seed, level):
    f = quadratic(seed)
    found = most_plausible(f, level)
    assert f.at(found.z[None])[0] + f.sigma * found.w == pytest.approx(level, abs=1e-6)
    inverse = np.linalg.inv(f.R)
    assert found.distance**2 == pytest.approx(found.z @ inverse @ found.z + found.w**2)
    rng, least = np.random.default_rng(seed), np.inf
    for _ in range(20):
        other = minimize(
            lambda x: x[:-1] @ inverse @ x[:-1] + x[-1] ** 2,
            rng.normal(size=5),
            jac=lambda x: np.append(2 * inverse @ x[:-1], 2 * x[-1]),
            constraints={"type": "eq", "fun": lambda x: f.at(x[None, :-1])[0] + f.sigma * x[-1] - level},
            method="SLSQP",
        )
        least = min(least, other.fun if other.success else np.inf)
    assert found.distance**2 == pytest.approx(least, rel=1e-4)
    # Negative control: the straight line to the level is farther, for f is bent.
    straight = most_plausible(Quadratic(f.b, np.zeros_like(f.A), f.R, f.sigma), level)
    assert np.abs(straight.z - found.z).max() > 0.01


def test_parts_make_up_the_way():
    f = quadratic(1)
    found = most_plausible(f, -2.0)
    assert found.moved.sum() + found.moved_by_rest == pytest.approx(-2.0 - f.middle)
    assert most_plausible(f, f.middle).distance == pytest.approx(0.0, abs=1e-9)


def test_a_linear_result_moves_to_the_mean_of_its_paths():
    """E[z | s = t] = t R b: by the paths of a model, whose share of misses nearby is that of a normal law."""
    model = in_blocks(4, 2, 0.6, quadratic=False, random_share=0.3, seed=2)
    z, y, _ = model.draws(np.random.default_rng(3), 400_000, 0)
    y = y / np.sqrt(model.explained((0, 1, 2, 3)) + model.noise)
    b = model.b / np.sqrt(model.explained((0, 1, 2, 3)) + model.noise)
    f = Quadratic(b, np.zeros((4, 4)), model.R, np.sqrt(1 - b @ model.R @ b))
    found = most_plausible(f, -1.5)
    near = z[np.abs(y + 1.5) < 0.05]
    # Four means at a level of 1e-6.
    assert (np.abs(near.mean(axis=0) - found.z) < norm.isf(1e-6 / 8) / np.sqrt(len(near))).all()
    assert np.abs(near.mean(axis=0) - most_plausible(f, -1.7).z).max() > norm.isf(1e-6 / 8) / np.sqrt(len(near))
    assert found.distance == pytest.approx(1.5)


def test_errors_of_the_point_hold_the_truth():
    model = in_blocks(4, 2, 0.6, quadratic=False, random_share=0.3, seed=2)
    total = np.sqrt(model.explained((0, 1, 2, 3)) + model.noise)
    threshold = -1.2
    truth = most_plausible(
        Quadratic(model.b / total, np.zeros((4, 4)), model.R, np.sqrt(model.noise) / total), threshold
    )
    rng, held, repetitions = np.random.default_rng(12), np.zeros(10), 200
    parts = truth.moved / threshold
    wrong = np.zeros(4)
    for _ in range(repetitions):
        z, y, _ = model.draws(rng, 1500, 0)
        score = scores(y, at_least=True)
        surrogate = fit(Inputs(z, model.R, z), score)
        level = float(norm.ppf(np.mean(y / total <= threshold)))
        f = Quadratic.of(surrogate)
        point = most_plausible(f, level)
        error = errors(f, surrogate, score, level, point)
        held[:4] += np.abs(point.z - truth.z) <= 1.96 * error.z
        held[4:8] += np.abs(point.moved / (level - f.middle) - parts) <= 1.96 * error.part
        held[8] += np.abs(point.moved_by_rest / (level - f.middle) - (1 - parts.sum())) <= 1.96 * error.rest
        at_threshold = most_plausible(f, threshold)
        held[9] += (
            abs(at_threshold.distance - truth.distance)
            <= 1.96 * errors(f, surrogate, score, threshold, at_threshold).distance
        )
        wrong += np.abs(point.z - truth.z * 1.2) <= 1.96 * error.z
    # Exact binomial at a level of 1e-4 each.
    assert (held >= binom.ppf(1e-4, repetitions, 0.95)).all()
    assert (held <= binom.ppf(1 - 1e-4, repetitions, 0.95)).all()  # they are no wider than they say
    assert wrong.min() < binom.ppf(1e-4, repetitions, 0.95)


def test_values_of_a_step_count_as_far_as_they_are_straight():
    """An event of one in five, alone: b is E[y z]."""
    rng = np.random.default_rng(6)
    z = rng.normal(size=(40_000, 2))
    values = np.stack([(z[:, 0] > norm.isf(0.2)).astype(float), z[:, 1]], axis=1)
    y = values[:, 0] + z[:, 1]
    score = scores(y, at_least=True)
    f = Quadratic.of(fit(Inputs(z, np.eye(2), values), score))
    np.testing.assert_allclose(f.b, (score[:, None] * z).mean(axis=0), atol=0.02)
    assert f.A[0, 0] == pytest.approx((score * (z[:, 0] ** 2 - 1)).mean() / 2, abs=0.02)


def test_a_result_that_hangs_on_nothing_stays():
    f = Quadratic(np.zeros(2), np.zeros((2, 2)), np.eye(2), 1.0)
    found = most_plausible(f, -1.0)
    assert found.w == pytest.approx(-1.0)
    assert not found.z.any()
    nothing = most_plausible(Quadratic(np.zeros(2), np.zeros((2, 2)), np.eye(2), 0.0), -1.0)
    assert nothing.distance == 0.0


def test_everything_has_variance_one():
    model = in_blocks(4, 2, 0.6, quadratic=True, random_share=0.3, seed=2)
    z, y, _ = model.draws(np.random.default_rng(1), 800, 0)
    f = Quadratic.of(fit(Inputs(z, model.R, z), 3 * scores(y, at_least=True)))
    assert f.explained + f.sigma**2 == pytest.approx(1.0)


@pytest.mark.parametrize("level", [-1.5, 0.8])
def test_errors_of_a_bent_point_are_those_of_moving_what_it_is_made_of(level):
    """The point is solved for anew with each coefficient, the variance of the rest and the level moved by a little."""
    model = in_blocks(4, 2, 0.6, quadratic=True, random_share=0.3, seed=2)
    z, y, _ = model.draws(np.random.default_rng(4), 600, 0)
    score = scores(y, at_least=True)
    surrogate = fit(Inputs(z, model.R, z), score)
    f = Quadratic.of(surrogate)
    assert np.abs(f.A).max() > 0.05
    told = errors(f, surrogate, score, level, most_plausible(f, level))

    left = f.left(surrogate)
    below = (score <= level) - norm.cdf(level)
    contributions = np.vstack([surrogate.influence, left**2 - left.var(), below / norm.pdf(level)])
    straight, bent = _linear(surrogate), Expansion.of(surrogate.inputs, surrogate.terms).quadratic

    def point(moved):
        beta = surrogate.coefficients + moved[:-2]
        unscaled = Quadratic(straight @ beta, bent @ beta, f.R, np.sqrt(left.var() + moved[-2]))
        scale = np.sqrt(unscaled.explained + unscaled.sigma**2)
        here = Quadratic(unscaled.b / scale, unscaled.A / scale, f.R, unscaled.sigma / scale)
        at, way = most_plausible(here, level + moved[-1]), level + moved[-1] - here.middle
        # How far it is to a level that is known.
        distance = most_plausible(here, level).distance
        return np.array([*at.z, *at.moved / way, at.moved_by_rest / way, distance])

    h = 1e-5 * np.eye(len(contributions))
    slopes = np.column_stack([(point(step) - point(-step)) / 2e-5 for step in h])
    expected = (slopes @ contributions).std(axis=1) / np.sqrt(len(score))
    np.testing.assert_allclose([*told.z, *told.part, told.rest, told.distance], expected, rtol=1e-3)
