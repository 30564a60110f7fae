"""Shapley shares by the walk: against closed forms, honest intervals, and designs that are wrong."""

import numpy as np
import pytest
from scipy.stats import binom

from simengine.errors import SimengineError
from simengine.explain import walk as room
from simengine.explain.walk import CONSTANT, PRECISE, USED_UP, semidefinite_factor, walk
from tests.explain.oracles import (
    explained,
    ishigami,
    ishigami_parts,
    linear,
    normals,
    shapley,
    shared,
    sobol_g,
    sobol_g_parts,
)

COEFFICIENTS = np.array([1.0, -0.5, 0.1])
CORRELATION = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, 0.0], [0.3, 0.0, 1.0]])
NOISE = 0.7
EFFECTS = linear(COEFFICIENTS, CORRELATION, NOISE)
TRUE = EFFECTS / EFFECTS.sum()


def noisy(z, addresses, salt=0):
    return z @ COEFFICIENTS + NOISE * normals(addresses[:, 0], salt)


class Linear:
    effects = linear(COEFFICIENTS, CORRELATION, 0.0)

    def __call__(self, z, addresses):
        return z @ COEFFICIENTS


def errors_off(found, true, result=0):
    """How many standard errors each share is off."""
    error = (found.share.upper - found.share.lower)[result] / 2 / 1.96
    off = np.abs(found.share.estimate[result] - true)
    return np.divide(off, error, out=np.where(off > 0, np.inf, 0.0), where=error > 0)


# Four standard errors, at most five shares: level 3e-4 a test.
NEAR, FAR = 4.0, 8.0


def test_the_oracles_themselves():
    assert shared(ishigami_parts(), 3).round(4).tolist() == [0.4357, 0.4424, 0.1218]
    b1, b2, s1, s2, r = 1.0, 0.8, 1.5, 0.6, -0.4
    correlation = np.array([[1.0, r], [r, 1.0]])
    closed = b1**2 * s1**2 * (1 - r**2 / 2) + r * b1 * b2 * s1 * s2 + b2**2 * s2**2 * r**2 / 2
    assert linear(np.array([b1 * s1, b2 * s2]), correlation, 0.5)[[0, 2]] == pytest.approx([closed, 0.25])


@pytest.mark.parametrize(
    ("model", "parts", "players"), [(ishigami, ishigami_parts(), 3), (sobol_g, sobol_g_parts(), 4)]
)
def test_functions_that_no_polynomial_fits(model, parts, players):
    found = walk(model, np.eye(players), 0, precision=0.01)
    assert found.stopped_because == PRECISE
    assert (errors_off(found, shared(parts, players)) < NEAR).all()
    assert (errors_off(found, np.full(players, 1 / players)) > FAR).any()
    assert found.share.estimate.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("surrogate", [None, Linear()])
def test_correlated_inputs_and_random_variation(surrogate):
    found = walk(noisy, CORRELATION, precision=0.01, surrogate=surrogate)
    assert (errors_off(found, TRUE) < NEAR).all()
    assert found.variance[0] == pytest.approx(EFFECTS.sum(), rel=0.05)


def test_a_surrogate_saves_runs():
    plain, helped = walk(noisy, CORRELATION), walk(noisy, CORRELATION, surrogate=Linear())
    assert helped.runs < plain.runs / 2


def test_a_poor_surrogate_does_no_harm():
    class Poor:
        effects = np.append(linear(np.array([0.0, 1.0, 1.0]), CORRELATION, 0.0)[:3], 0.0)

        def __call__(self, z, addresses):
            return z @ np.array([0.0, 1.0, 1.0])

    found = walk(noisy, CORRELATION, precision=0.01, surrogate=Poor())
    assert (errors_off(found, TRUE) < NEAR).all()


def test_a_factor_that_does_not_follow_the_order_is_wrong(monkeypatch):
    """Negative control: a square root of the correlations in which no order is anything like conditioning."""

    def symmetric(matrices):
        values, vectors = np.linalg.eigh(matrices)
        return vectors * np.sqrt(values)[:, None, :] @ vectors.transpose(0, 2, 1)

    monkeypatch.setattr(room, "semidefinite_factor", symmetric)
    assert errors_off(walk(noisy, CORRELATION, precision=0.01), TRUE).max() > FAR


def test_random_variation_that_is_new_in_every_run_is_wrong():
    """Negative control: what is not frozen goes to whoever moves."""
    rng = np.random.default_rng(1)
    found = walk(lambda z, _: z @ COEFFICIENTS + NOISE * rng.normal(size=len(z)), CORRELATION, precision=0.01)
    assert errors_off(found, TRUE).max() > FAR


def together(z, addresses):
    """z₁ + (1 + z₂) e, e random variation: what z₂ and e make is theirs together."""
    return z[:, 0] + (1 + z[:, 1]) * normals(addresses[:, 0])


@pytest.mark.parametrize(("chance_last", "true"), [(False, [2, 1, 3]), (True, [2, 0, 4])])
def test_what_random_variation_makes_with_others_is_shared_or_its_own(chance_last, true):
    found = walk(together, np.eye(2), precision=0.02, chance_last=chance_last)
    assert (errors_off(found, np.array(true) / 6) < NEAR).all()
    assert errors_off(found, np.array([2, 2, 2]) / 6).max() > FAR


def test_chance_that_comes_last_among_several_and_with_correlation():
    """(b·z + e)(1 + f), e random variation and f another chance: what e makes with f is e's."""
    found = walk(lambda z, a: noisy(z, a) * (1 + normals(a[:, 1], 1)), CORRELATION, 2, precision=0.02, chance_last=True)
    others = shapley(lambda u: explained(COEFFICIENTS, CORRELATION, u - {3}) * (2 if 3 in u else 1), 4)
    true = np.insert(others, 3, 2 * NOISE**2) / (2 * EFFECTS.sum())
    assert (errors_off(found, true) < NEAR).all()
    assert errors_off(walk(noisy, CORRELATION, 2), true).max() > FAR


def test_inputs_that_are_one_and_the_same_share_alike():
    correlation = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = walk(lambda z, _: z[:, 0] + 3 * z[:, 1] + z[:, 2], correlation, precision=0.01)
    assert (errors_off(found, np.array([8, 8, 1, 0]) / 17) < NEAR).all()


def test_a_singular_matrix_has_a_factor():
    rng = np.random.default_rng(3)
    loadings = rng.normal(size=(20, 6, 2))
    singular = loadings @ loadings.transpose(0, 2, 1)
    factors = semidefinite_factor(singular)
    np.testing.assert_allclose(factors @ factors.transpose(0, 2, 1), singular, atol=1e-6)
    assert (np.triu(factors, 1) == 0).all()
    regular = singular + np.eye(6)
    np.testing.assert_allclose(semidefinite_factor(regular), np.linalg.cholesky(regular))


def test_several_results_come_from_the_same_runs():
    both = walk(lambda z, a: np.stack([noisy(z, a), z[:, 1]], axis=1), CORRELATION, precision=0.02)
    alone = walk(noisy, CORRELATION, precision=0.02)
    assert both.runs == alone.runs
    np.testing.assert_array_equal(both.share.estimate[0], alone.share.estimate[0])
    of_second = linear(np.array([0.0, 1.0, 0.0]), CORRELATION, 0.0)
    assert (errors_off(both, of_second, 1) < NEAR).all()


def test_the_result_does_not_hang_on_how_many_runs_are_made_at_once(monkeypatch):
    first = walk(noisy, CORRELATION, precision=0.05)
    monkeypatch.setattr(room, "_AT_ONCE", 64)
    second = walk(noisy, CORRELATION, precision=0.05)
    np.testing.assert_allclose(first.share.estimate, second.share.estimate, rtol=1e-12)
    assert first.runs == second.runs
    other = walk(noisy, CORRELATION, precision=0.05, seed=8)
    assert (other.share.estimate != first.share.estimate).all()


def test_it_stops_where_it_is_precise_or_may_not_go_on():
    told = []
    found = walk(noisy, CORRELATION, precision=0.05, progress=lambda done, total: told.append((done, total)))
    assert (found.share.upper - found.share.lower).max() / 2 <= 0.05
    assert found.runs == 5 * found.permutations
    assert told[-1] == (found.runs, found.runs)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    short = walk(noisy, CORRELATION, precision=0.01, most_runs=5_003)
    assert (short.stopped_because, short.permutations) == (USED_UP, 1000)
    flat = walk(lambda z, _: np.ones(len(z)), CORRELATION)
    assert flat.stopped_because == CONSTANT
    assert np.isnan(flat.share.estimate).all()


def test_what_cannot_be_shared_out_is_refused():
    with pytest.raises(SimengineError, match="allow more"):
        walk(noisy, CORRELATION, most_runs=1000)
    with pytest.raises(SimengineError, match="precision"):
        walk(noisy, CORRELATION, precision=0.0)
    with pytest.raises(SimengineError, match="nothing"):
        walk(noisy, np.empty((0, 0)), 0)
    with pytest.raises(SimengineError, match="infinite or undefined"):
        walk(lambda z, _: np.where(z[:, 0] > 2, np.inf, z[:, 0]), CORRELATION)


def test_random_variation_alone_has_everything():
    found = walk(lambda _, a: normals(a[:, 0]), np.empty((0, 0)))
    assert found.share.estimate.tolist() == [[1.0]]


def test_the_noise_of_a_difference_is_that_of_paired_shares():
    """Over repetitions: the spread of the difference of two shares is what `gap` says."""
    found = [walk(lambda z, a, r=r: noisy(z, a, r), CORRELATION, seed=r, most_runs=1280) for r in range(200)]
    differences = np.array([one.share.estimate[0, 0] - one.share.estimate[0, 3] for one in found])
    stated = np.mean([one.gap[0, 0, 3] for one in found]) / 1.96
    alone = np.mean([np.hypot(*(one.share.upper - one.share.lower)[0, [0, 3]]) for one in found]) / 2 / 1.96
    # A standard deviation from 200 is known to 5 %: three of these, and the wrong law (independent shares) is outside.
    assert differences.std(ddof=1) / stated == pytest.approx(1, abs=0.15)
    assert differences.std(ddof=1) / alone != pytest.approx(1, abs=0.15)


def repeated(repetitions, **limits):
    """How often every share is inside its interval, and inside one of seven tenths, which covers 83 %."""
    inside, shorter = np.zeros(4), np.zeros(4)
    for r in range(repetitions):
        found = walk(lambda z, a, r=r: noisy(z, a, r), CORRELATION, seed=r, **limits)
        off = errors_off(found, TRUE)
        inside += off <= 1.96
        shorter += off <= 0.7 * 1.96
    return inside, shorter


@pytest.mark.full
@pytest.mark.parametrize(
    ("repetitions", "limits"),
    [
        (1000, {"precision": 1e-9, "most_runs": 5 * 256}),
        (1000, {"precision": 1e-9, "most_runs": 5 * 256, "surrogate": Linear()}),
        (500, {"precision": 0.03}),
    ],
)
def test_intervals_cover_as_often_as_they_say(repetitions, limits):
    inside, shorter = repeated(repetitions, **limits)
    # Four shares, two sides: level 1e-3 in all. The shorter one passes with probability 1e-5 at most.
    low, high = binom.ppf([1e-3 / 8, 1 - 1e-3 / 8], repetitions, 0.95)
    assert ((low <= inside) & (inside <= high)).all(), inside
    assert (shorter < low).all(), shorter
