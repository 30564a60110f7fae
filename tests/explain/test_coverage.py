"""Shares that add up: how often their intervals hold the truth, and whether estimates have a bias."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom
from scipy.stats import t as student

from simengine.explain.attribution import attribute
from simengine.explain.surrogate import Inputs
from tests.explain.gaussian import Gaussian, in_blocks
from tests.explain.repetitions import (
    OTHERS,
    SIX,
    Case,
    Intervals,
    equicorrelated,
    ignoring_correlation,
    repeated,
)

SEED = 2027
LEVEL = 1e-3
"""At which all tests of one kind of a model are failed together, at most, by an estimator that is what it says."""
HARMLESS = 0.1
"""Standard errors of an estimate that it may be off on average: 95.0 % coverage becomes 94.9 %."""


def covers(found: Intervals, may_be_wide: bool = False) -> np.ndarray:
    """Whether each quantity is held as often as 95 % intervals would, at LEVEL for all of them together.

    Exact binomial tests: to both sides, and only downwards where an interval may be wide, as that of a share within
    noise of zero.
    """
    repetitions, quantities = found.estimate.shape
    two_sided = found.clear & (not may_be_wide)
    level = LEVEL / quantities / np.where(two_sided, 2, 1)
    few = binom.cdf(found.covered, repetitions, 0.95) < level
    many = binom.sf(found.covered - 1, repetitions, 0.95) < level
    return ~(few | (many & two_sided))


def unbiased(estimates: np.ndarray, truth: np.ndarray | float) -> np.ndarray:
    """Student's test of every column, at LEVEL for all together; a tenth of a standard error does no harm."""
    n, columns = len(estimates), np.size(truth)
    spread = estimates.std(axis=0, ddof=1)
    limit = HARMLESS * spread + student.isf(LEVEL / 2 / columns, n - 1) * spread / np.sqrt(n)
    return np.abs(estimates.mean(axis=0) - truth) <= limit


def half_as_wide(found: Intervals) -> Intervals:
    middle = (found.lower + found.upper) / 2
    return Intervals(found.truth, found.estimate, (found.lower + middle) / 2, (found.upper + middle) / 2)


def held_to_the_truth(case: Case, found: dict[str, Intervals]) -> None:
    for name, intervals in found.items():
        assert covers(intervals, may_be_wide=name == "quality").all(), (name, intervals.covered / case.repetitions)
        # Quality is a ratio with noise in its denominator: of few twins it is too large on average.
        assert name == "quality" or unbiased(intervals.estimate, intervals.truth).all(), name
    # Negative controls: narrower intervals, and a bias of one standard error.
    shares = found["shapley"]
    assert not covers(half_as_wide(shares))[shares.clear].any()
    assert not unbiased(shares.estimate + shares.estimate.std(axis=0), shares.truth).any()


def test_intervals_of_a_small_model():
    model = in_blocks(3, 3, 0.5, quadratic=True, random_share=0.45, seed=3)
    case = Case("3", model, draws=1500, repetitions=400)
    held_to_the_truth(case, repeated(case, SEED))


@pytest.mark.full
@pytest.mark.parametrize("case", SIX, ids=lambda case: case.name)
def test_intervals_of_closed_forms(case):
    held_to_the_truth(case, repeated(case, SEED))


@pytest.mark.full
@pytest.mark.parametrize("case", OTHERS, ids=lambda case: case.name)
def test_intervals_where_something_is_unusual(case):
    held_to_the_truth(case, repeated(case, SEED))


def test_an_estimator_that_ignores_correlation_is_rejected():
    found = repeated(replace(SIX[0], repetitions=200), SEED, ignoring_correlation)["shapley"]
    assert np.count_nonzero(~covers(found)) >= 3
    assert np.count_nonzero(~unbiased(found.estimate, found.truth)) >= 3


def test_equal_correlations_agree_with_the_definition():
    b, rho = np.array([1.0, 2.0, 0.5, 0.0, -1.0]), 0.4
    model = Gaussian(np.full((5, 5), rho) + (1 - rho) * np.eye(5), b, np.zeros((5, 5)), 1.0)
    everything = b @ model.R @ b + 1.0
    np.testing.assert_allclose(equicorrelated(b, rho) / everything, model.shares(), atol=1e-14)


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


def test_many_values_and_few_draws():
    """Forty times twenty values, 1,000 draws: once 760 terms were fitted to them, and no share was a number."""
    k, n = 40, 1000
    rng, quality = np.random.default_rng(7), []
    for _ in range(12):
        z = rng.normal(size=(n, k))
        steps = np.floor(20 * ndtr(z))
        known = (steps - 9.5) @ np.linspace(0, 1, k)
        y, twin = (known + known.std() * rng.normal(size=n) for _ in range(2))
        quality.append(attribute(Inputs(z, np.eye(k), steps), y, twin).quality[0])
    # A line through the scores finds 95 % of evenly spread values (3 / π, the squared correlation of z and Φ(z)).
    assert unbiased(np.array(quality), 3 / np.pi)
    assert not unbiased(np.array(quality), 0.6)
