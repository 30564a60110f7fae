import numpy as np
import pytest
from scipy import stats

from simengine.learn.slice import Ensemble, effective_draws, split_rhat

LEVEL = 1e-3


def correlated(size, rng):
    loadings = rng.uniform(0.2, 0.7, (size, 1))
    matrix = loadings @ loadings.T
    np.fill_diagonal(matrix, 1.0)
    return matrix


def gaussian(size, rng):
    """A prior, what is observed of it with noise from strong to none, and the exact posterior."""
    prior = correlated(size, rng)
    seen, noise = rng.normal(size=size), np.geomspace(0.1, 5.0, size)
    precision = np.linalg.inv(prior) + np.diag(noise**-2)
    covariance = np.linalg.inv(precision)
    return (
        prior,
        (lambda z: -0.5 * np.sum(((z - seen) / noise) ** 2, axis=1)),
        covariance @ (seen / noise**2),
        covariance,
    )


def z_scores(states, mean, covariance):
    """Of each mean, and of each variance, by its own standard error."""
    ess = effective_draws(states)
    flat = states.reshape(-1, states.shape[-1])
    sd = np.sqrt(np.diag(covariance))
    squares = effective_draws((states - mean) ** 2)
    spread = (((flat - mean) / sd) ** 2).mean(axis=0) - 1.0
    return np.concatenate([(flat.mean(axis=0) - mean) / sd * np.sqrt(ess), spread / np.sqrt(2.0 / squares)])


@pytest.mark.parametrize("size", [1, 2, 15])
def test_a_gaussian_posterior_is_the_closed_form(size):
    rng = np.random.default_rng(3)
    prior, log_likelihood, mean, covariance = gaussian(size, rng)
    states = Ensemble(log_likelihood, prior, 256, rng).run(64)
    limit = stats.norm.isf(LEVEL / (2 * 2 * size))
    assert (np.abs(z_scores(states, mean, covariance)) < limit).all()


def test_a_prior_whose_correlation_is_left_out_is_noticed():
    rng = np.random.default_rng(3)
    _, log_likelihood, mean, covariance = gaussian(15, rng)
    states = Ensemble(log_likelihood, np.eye(15), 256, rng).run(64)
    assert np.abs(z_scores(states, mean, covariance)).max() > stats.norm.isf(LEVEL / (2 * 2 * 15))


def test_without_evidence_draws_are_of_the_prior():
    rng = np.random.default_rng(4)
    ensemble = Ensemble(lambda z: np.zeros(len(z)), np.eye(2), 512, rng)
    last = ensemble.run(16)[-1].ravel()  # one state of each chain: independent
    assert stats.kstest(last, "norm").pvalue > LEVEL
    assert stats.kstest(last + 0.2, "norm").pvalue < LEVEL


def test_a_bound_is_kept():
    rng = np.random.default_rng(5)
    ensemble = Ensemble(lambda z: np.where(z[:, 0] > 1.0, 0.0, -np.inf), np.eye(1), 256, rng)
    last = ensemble.run(40)[-1, :, 0]
    assert last.min() > 1.0
    beyond = stats.norm.sf(1.0)
    assert stats.kstest(1.0 - stats.norm.sf(last) / beyond, "uniform").pvalue > LEVEL


def test_the_same_seed_gives_the_same_draws():
    first, second = (
        Ensemble(lambda z: -np.sum(z**2, axis=1), np.eye(3), 16, np.random.default_rng(9)).run(4) for _ in range(2)
    )
    assert (first == second).all()


def test_chains_that_disagree_are_told():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(64, 32, 2))
    x[:, ::2, 1] += 3.0
    assert split_rhat(x)[0] < 1.05
    assert split_rhat(x)[1] > 1.5
    assert effective_draws(x)[1] < 100


def test_effective_draws_of_an_autoregression():
    rng = np.random.default_rng(7)
    x = np.zeros((400, 64, 1))
    x[0] = rng.normal(size=(64, 1))
    for t in range(1, 400):
        x[t] = 0.8 * x[t - 1] + 0.6 * rng.normal(size=(64, 1))
    exact = 400 * 64 * (1 - 0.8) / (1 + 0.8)
    assert effective_draws(x)[0] == pytest.approx(exact, rel=0.15)
