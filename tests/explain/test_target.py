"""Target Shapley shares: against models whose shares are known from the definition, coalition by coalition."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom, multivariate_normal, norm

from simengine.explain import target
from simengine.explain.surrogate import Inputs, fit
from simengine.explain.target import HitShares, explained_of_hit, hit_shares, scores
from tests.explain.gaussian import Gaussian, in_blocks

LINEAR = in_blocks(5, 5, 0.5, quadratic=False, random_share=0.4, seed=3)


def deviation(model: Gaussian) -> float:
    return math.sqrt(model.explained(tuple(range(len(model.b)))) + model.noise)


def exact(model: Gaussian, level: float) -> np.ndarray:
    """Shapley shares of the variance of 1(y > level) by the definition; the model is linear."""
    k, total = len(model.b), deviation(model) ** 2
    h = level / math.sqrt(total)
    p = norm.sf(h)

    def value(u: tuple[int, ...]) -> float:
        rho = model.explained(tuple(sorted(u))) / total
        both = multivariate_normal.cdf([-h, -h], cov=[[1, rho], [rho, 1]]) if u else p * p
        return (both - p * p) / (p * (1 - p))

    weight = [math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k) for size in range(k)]
    return np.array(
        [
            sum(
                weight[size] * (value((*u, i)) - value(u))
                for size in range(k)
                for u in itertools.combinations([j for j in range(k) if j != i], size)
            )
            for i in range(k)
        ]
    )


def found(model: Gaussian, rng: np.random.Generator, n: int, level: float) -> HitShares:
    z, y, twin = model.draws(rng, n, n // 4)
    hit, hit_twin = (y > level).astype(float), np.where(np.isnan(twin), np.nan, twin > level)
    return hit_shares(fit(Inputs(z, model.R, z), scores(y, at_least=True)), hit, hit_twin)


@pytest.mark.parametrize("p", [0.003, 0.22, 0.5, 0.9])
def test_the_closed_form_is_the_bivariate_normal_law(p):
    h, rho = norm.isf(p), np.array([-0.2, 0.0, 0.3, 0.8, 0.999])
    both = [multivariate_normal.cdf([-h, -h], cov=[[1, r], [r, 1]]) for r in rho]
    np.testing.assert_allclose(explained_of_hit(p, rho), (np.array(both) - p * p) / (p * (1 - p)), rtol=0, atol=1e-4)
    assert explained_of_hit(p, np.array([1.0])) == pytest.approx(1.0, abs=1e-12)
    step = 1e-6
    slope = target._slopes(p, rho)
    by_rho = (explained_of_hit(p, rho + step / 10) - explained_of_hit(p, rho - step / 10)) / (step / 5)
    by_p = (explained_of_hit(p + step, rho) - explained_of_hit(p - step, rho)) / (2 * step)
    np.testing.assert_allclose(slope.by_rho, by_rho, rtol=1e-4)
    np.testing.assert_allclose(slope.by_p, by_p, rtol=1e-4, atol=1e-6)


def test_intervals_hold_the_truth():
    covered(repetitions=150, n=1500)


@pytest.mark.full
def test_intervals_hold_the_truth_a_thousand_times():
    covered(repetitions=1000, n=2000)


def covered(repetitions: int, n: int) -> None:
    """Of 95 % intervals as many hold the truth as a coin of 0.95 gives, at a level of 1e-4 for each of the seven."""
    level = 0.8 * deviation(LINEAR)
    truth, rng = exact(LINEAR, level), np.random.default_rng(30)
    luck = 1 - truth.sum()
    held, apart = np.zeros(7), np.zeros(5)
    uncorrelated = exact(Gaussian(np.eye(5), LINEAR.b, LINEAR.A, LINEAR.noise), level)
    for _ in range(repetitions):
        shares = found(LINEAR, rng, n, level)
        estimate, lower, upper = shares.shapley.share
        held[:5] += (lower <= truth) & (truth <= upper)
        held[5] += shares.random_variation[1] <= luck <= shares.random_variation[2]
        held[6] += shares.unattributed[1] <= 0 <= shares.unattributed[2]
        apart += (lower <= uncorrelated) & (uncorrelated <= upper)
        assert estimate.sum() + shares.random_variation[0] + shares.unattributed[0] == pytest.approx(1.0, abs=1e-9)
    fewest = binom.ppf(1e-4, repetitions, 0.95)
    assert (held >= fewest).all()
    # Negative controls: shares that forget the correlation, and first-order shares.
    assert apart.min() < fewest
    first = explained_of_hit(float(norm.sf(0.8)), LINEAR.first_order())
    assert ((first < lower) | (first > upper)).any()


def test_a_quadratic_result_as_measured():
    """Correlated inputs and squares: by brute force on P(hit | z_u), a large sample for each coalition."""
    R = np.full((3, 3), 0.4) + 0.6 * np.eye(3)
    model = Gaussian(R, np.array([1.0, -0.7, 0.5]), np.diag([0.25, 0.0, -0.15]), 1.0)
    level = 0.5
    truth = brute_force(model, level, np.random.default_rng(7))
    shares = found(model, np.random.default_rng(8), 20_000, level)
    # With squares scores are nearly, not exactly, jointly normal: three points of share, and bins see it.
    np.testing.assert_allclose(shares.shapley.share.estimate, truth, rtol=0, atol=0.03)
    assert shares.doubtful[0]
    apart = hit_of(Gaussian(np.eye(3), model.b, model.A, model.noise), level)
    assert np.abs(apart - truth).max() > 0.03


def hit_of(model: Gaussian, level: float) -> np.ndarray:
    return found(model, np.random.default_rng(9), 20_000, level).shapley.share.estimate


def brute_force(
    model: Gaussian, level: float, rng: np.random.Generator, outer: int = 4000, inner: int = 400
) -> np.ndarray:
    """Var(P(hit | z_u)) by two loops, the inner one without bias, of every coalition."""
    k = len(model.b)

    def conditional(u: tuple[int, ...]) -> float:
        others = [i for i in range(k) if i not in u]
        z = np.empty((outer, inner, k))
        known = rng.multivariate_normal(np.zeros(k), model.R, outer)
        z[:, :, list(u)] = known[:, None, list(u)]
        slope = model.R[np.ix_(others, u)] @ np.linalg.inv(model.R[np.ix_(u, u)]) if u else np.zeros((len(others), 0))
        left = model.R[np.ix_(others, others)] - slope @ model.R[np.ix_(u, others)]
        centre = known[:, list(u)] @ slope.T
        z[:, :, others] = centre[:, None] + rng.multivariate_normal(np.zeros(len(others)), left, (outer, inner))
        chance = norm.sf((level - model.known(z.reshape(-1, k))) / math.sqrt(model.noise)).reshape(outer, inner)
        return float(chance.mean(axis=1).var(ddof=1) - chance.var(axis=1, ddof=1).mean() / inner)

    everyone = tuple(range(k))
    value = {u: conditional(u) for size in range(1, k) for u in itertools.combinations(everyone, size)}
    z = rng.multivariate_normal(np.zeros(k), model.R, 400_000)
    chance = norm.sf((level - model.known(z)) / math.sqrt(model.noise))
    p = float(chance.mean())
    value |= {(): 0.0, everyone: float(chance.var())}
    effects = np.zeros(k)
    for i in range(k):
        for size in range(k):
            weight = math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
            for u in itertools.combinations([j for j in range(k) if j != i], size):
                effects[i] += weight * (value[tuple(sorted((*u, i)))] - value[u])
    return effects / (p * (1 - p))


def test_many_assumptions_along_random_orders(monkeypatch):
    """Orders are a sample; with the control variate their error is a fraction of what the draws leave."""
    model = in_blocks(12, 4, 0.5, quadratic=True, random_share=0.4, seed=5)
    level = 0.5 * deviation(model)
    every = found(model, np.random.default_rng(1), 4000, level)
    monkeypatch.setattr(target, "MOST_ENUMERATED", 0)
    sampled = found(model, np.random.default_rng(1), 4000, level)
    estimate, lower, upper = every.shapley.share
    width = upper - lower
    assert (np.abs(sampled.shapley.share.estimate - estimate) < 0.1 * width).all()
    np.testing.assert_allclose(sampled.shapley.share.upper - sampled.shapley.share.lower, width, rtol=0.2)
    assert sampled.shapley.share.estimate.sum() == pytest.approx(estimate.sum(), abs=1e-3)


def test_a_hit_without_random_variation():
    """1(z_0 > 0) for sure: one assumption has it all."""
    z = np.random.default_rng(4).normal(size=(4000, 2))
    hit = (z[:, 0] > 0).astype(float)
    shares = hit_shares(fit(Inputs(z, np.eye(2), z), scores(z[:, 0], at_least=True)), hit, hit.copy())
    # Near 1 the share falls as √(1 − ρ) does: the last ranks alone cost a point.
    np.testing.assert_allclose(shares.shapley.share.estimate, [1.0, 0.0], atol=0.02)
    assert shares.random_variation[0] == 0.0
    assert shares.trusted


def test_what_the_closed_form_cannot_see_is_said():
    """A result that swings with z: no polynomial of low order."""
    z = np.random.default_rng(5).normal(size=(8000, 2))
    y = np.sin(4 * z[:, 0]) + 0.1 * z[:, 1]
    hit = (y > 0.9).astype(float)
    shares = hit_shares(fit(Inputs(z, np.eye(2), z), scores(y, at_least=True)), hit, hit.copy())
    assert not shares.trusted
    assert shares.doubtful[0]
    honest = found(LINEAR, np.random.default_rng(6), 4000, 0.0)
    assert honest.trusted
    assert not honest.doubtful.any()


def test_without_twins_random_variation_is_not_known():
    z, y, _ = LINEAR.draws(np.random.default_rng(6), 1000, 0)
    shares = hit_shares(
        fit(Inputs(z, LINEAR.R, z), scores(y, at_least=True)), (y > 0).astype(float), np.full(1000, np.nan)
    )
    assert np.isnan([*shares.random_variation, *shares.quality]).all()
    assert shares.shapley.share.estimate.sum() + shares.unattributed[0] == pytest.approx(1.0)
    assert shares.trusted


def test_undefined_values_are_the_worst_misses():
    value = np.array([1.0, np.nan, 3.0, 2.0])
    assert np.argsort(scores(value, at_least=True)).tolist() == [1, 0, 3, 2]
    assert np.argsort(scores(value, at_least=False)).tolist() == [1, 2, 3, 0]


def test_an_assumption_that_never_varies_decides_nothing():
    z = np.random.default_rng(4).normal(size=(1000, 3))
    values = z.copy()
    values[:, 1] = 7.0
    y = z[:, 0] + z[:, 2] + np.random.default_rng(5).normal(size=1000)
    shares = hit_shares(
        fit(Inputs(z, np.eye(3), values), scores(y, at_least=True)), (y > 0).astype(float), np.full(1000, np.nan)
    )
    assert shares.shapley.share.estimate[1] == shares.shapley.share.lower[1] == shares.shapley.share.upper[1] == 0.0
    assert (shares.shapley.share.lower[[0, 2]] > 0).all()
