"""Shares that add up: how often their intervals hold the truth, and whether estimates have a bias."""

import numpy as np
from scipy.special import ndtr
from scipy.stats import t as student

from simengine.explain.attribution import attribute
from simengine.explain.surrogate import Inputs
from tests.explain.gaussian import in_blocks

LEVEL = 1e-3
"""Of all acceptance tests of a model together, for an estimator that is what it says."""


def unbiased(estimates: np.ndarray, truth: float) -> bool:
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    return bool(abs(estimates.mean() - truth) < student.isf(LEVEL / 2, len(estimates) - 1) * error)


def test_values_of_assumptions_that_hang_together_leave_nothing_unattributed():
    """Twenty values each, correlated with 0.9. Once 114 terms were taken for 114 squares: −0.028 unattributed."""
    k, n, values = 6, 2000, 20
    R = np.full((k, k), 0.9) + 0.1 * np.eye(k)
    rng, unattributed = np.random.default_rng(5), []
    for _ in range(12):
        z = rng.normal(size=(n, k)) @ np.linalg.cholesky(R).T
        steps = np.floor(values * ndtr(z))
        known = steps @ np.arange(1, k + 1) / values
        y, twin = (known + 6 * rng.normal(size=n) for _ in range(2))
        unattributed.append(attribute(Inputs(z, R, steps), y, twin).unattributed[0])
    assert unbiased(np.array(unattributed), 0.0)
    assert not unbiased(np.array(unattributed) - 0.028, 0.0)


def test_few_draws_of_many_inputs_leave_nothing_unattributed():
    """400 draws of 40. Once noise was taken out as if fitting had not lessened it: 0.09 unattributed."""
    model = in_blocks(40, 1, 0.0, quadratic=False, random_share=0.45, seed=40)
    rng, unattributed = np.random.default_rng(6), []
    for _ in range(24):
        z, y, twin = model.draws(rng, 400, 400)
        unattributed.append(attribute(Inputs(z, model.R, z), y, twin).unattributed[0])
    assert unbiased(np.array(unattributed), 0.0)
    assert not unbiased(np.array(unattributed) + 0.09, 0.0)
