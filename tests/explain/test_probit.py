"""The curve from an observed number to P(hit): its fit against an optimiser, where it crosses a probability."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr, ndtri
from scipy.stats import binom

from simengine.explain.probit import OUTERMOST, Curve, crossing, fitted
from simengine.explain.ranks import normal_scores

LEVEL = 1e-4  # of each acceptance test

NARROW = np.diag([1e-8] * 4)


def hermite(z: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(z), z, z**2 - 1, z**3 - 3 * z], axis=1)


@pytest.mark.parametrize("b", [(0.7, 0.6, -0.1, 0.02), (2.4, 0.5, 0.0, 0.0), (-0.2, -1.5, 0.1, 0.0)])
def test_the_fit_is_the_top_of_the_likelihood(b: tuple[float, ...]) -> None:
    rng = np.random.default_rng(1)
    z = normal_scores(rng.normal(size=3000))
    hit = (rng.random(3000) < ndtr(hermite(z) @ np.array(b))).astype(float)
    curve = fitted(z, hit)
    assert curve is not None

    def loss(b: np.ndarray) -> float:
        return -float(log_ndtr(np.where(hit > 0, 1, -1) * (hermite(z) @ b)).sum())

    best = minimize(loss, np.zeros(4), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 20000})
    np.testing.assert_allclose(curve.coefficients, best.x, atol=1e-4)
    # The curvature of the likelihood, by differences, is what the covariance is the inverse of, but for its noise.
    step = 1e-3
    bent = [(loss(curve.coefficients + e) - 2 * loss(curve.coefficients) + loss(curve.coefficients - e)) / step**2
            for e in step * np.eye(4)]  # fmt: skip
    np.testing.assert_allclose(np.diag(np.linalg.inv(curve.covariance)), bent, rtol=0.1)


def test_a_target_that_is_hardly_ever_missed_has_a_curve() -> None:
    rng = np.random.default_rng(2)
    z = normal_scores(rng.normal(size=16_384))
    hit = (rng.random(16_384) < ndtr(3.6 + 1.2 * z)).astype(float)
    assert hit.mean() > 0.98
    curve = fitted(z, hit)
    assert curve is not None
    eta, error = curve.at(np.array([-2.0, 0.0]))
    assert (np.abs(eta - (3.6 + 1.2 * np.array([-2.0, 0.0]))) < ndtri(1 - LEVEL / 4) * error).all()


@pytest.mark.parametrize(
    ("value", "hit"),
    [
        (np.arange(100.0), np.ones(100)),
        (np.arange(100.0), np.zeros(100)),
        (np.ones(100), np.arange(100.0) % 2),
        (np.arange(100.0), (np.arange(100.0) > 40).astype(float)),
    ],
    ids=["always hit", "never hit", "one value", "parted"],
)
def test_there_is_no_curve_where_hits_and_misses_do_not_overlap(value: np.ndarray, hit: np.ndarray) -> None:
    assert fitted(normal_scores(value), hit) is None


def test_a_curve_crosses_where_it_should_from_either_side() -> None:
    rising = Curve(np.array([1.0, 0.5, 0.0, 0.0]), NARROW)
    at = crossing(rising, 0.8)
    assert at is not None
    assert (at.rises, at.from_above) == (True, True)
    assert at.score == pytest.approx((ndtri(0.8) - 1.0) / 0.5, abs=1e-3)
    assert at.lower < at.score < at.upper
    falling = crossing(Curve(np.array([1.0, -0.5, 0.0, 0.0]), NARROW), 0.8)
    assert falling is not None
    assert (falling.rises, falling.from_above) == (False, True)
    assert falling[:3] == pytest.approx((-at.score, -at.upper, -at.lower))
    short = crossing(Curve(np.array([0.0, 0.5, 0.0, 0.0]), NARROW), 0.8)
    assert short is not None
    assert not short.from_above
    assert short.score == pytest.approx(ndtri(0.8) / 0.5, abs=1e-3)


def test_nothing_is_said_beyond_what_may_be_observed() -> None:
    assert crossing(Curve(np.array([1.0, 0.05, 0.0, 0.0]), NARROW), 0.8) is None
    just_beyond = ndtri(0.8) + 0.5 * (OUTERMOST + 0.05)
    assert crossing(Curve(np.array([just_beyond, 0.5, 0.0, 0.0]), NARROW), 0.8) is None
    just_within = ndtri(0.8) + 0.5 * (OUTERMOST - 0.05)
    assert crossing(Curve(np.array([just_within, 0.5, 0.0, 0.0]), NARROW), 0.8) is not None
    # There, but no score beyond it at which P(hit) is surely lower.
    assert crossing(Curve(np.array([just_within, 0.5, 0.0, 0.0]), 1e6 * NARROW), 0.8) is None


def test_what_is_not_known_on_the_near_side_leaves_the_interval_open() -> None:
    # P(hit) falls off on the left and is flat on the right, hardly above the confidence.
    at = crossing(Curve(np.array([0.58, 0.25, -0.2, 0.0]), 6e4 * NARROW), 0.78)
    assert at is not None
    assert np.isfinite(at.lower)
    assert at.upper == np.inf


REPETITIONS, DRAWS, CONFIDENCE = 400, 2000, 0.8
# theta ~ N(0, 1), observed S = theta + noise, result theta + noise; hit at -1.5 and above.
SLOPE, LUCK = 0.5, np.sqrt(1.5)
TRIGGER = (-1.5 + ndtri(CONFIDENCE) * LUCK) / SLOPE
OF_THE_PARAMETER = -1.5 + ndtri(CONFIDENCE)


def test_intervals_of_the_trigger_cover_the_closed_form_and_not_the_trigger_of_the_parameter() -> None:
    """P(hit | S = s) = Phi((s / 2 + 1.5) / sqrt(3/2)), for E[theta | S] = S / 2 and Var(theta | S) = 1 / 2."""
    rng = np.random.default_rng(20270301)
    covered = of_the_parameter = 0
    for _ in range(REPETITIONS):
        theta = rng.normal(size=DRAWS)
        value = theta + rng.normal(size=DRAWS)
        hit = (theta + rng.normal(size=DRAWS) >= -1.5).astype(float)
        z = normal_scores(value)
        curve = fitted(z, hit)
        at = None if curve is None else crossing(curve, CONFIDENCE)
        assert at is not None
        ends = np.interp([at.lower, at.upper], np.sort(z), np.sort(value))
        lower, upper = np.where(np.isfinite([at.lower, at.upper]), ends, [at.lower, at.upper])
        covered += lower <= TRIGGER <= upper
        of_the_parameter += lower <= OF_THE_PARAMETER <= upper
    least = binom.ppf(LEVEL, REPETITIONS, 0.95)
    assert covered >= least
    # Negative control: the value of the assumption at which P(hit) is the confidence is another one.
    assert of_the_parameter < least


def test_a_number_that_tells_nothing_has_hardly_ever_a_trigger() -> None:
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(REPETITIONS):
        curve = fitted(normal_scores(rng.normal(size=DRAWS)), (rng.random(DRAWS) < 0.85).astype(float))
        found += curve is not None and crossing(curve, CONFIDENCE) is not None
    assert found <= binom.isf(LEVEL, REPETITIONS, 0.05)
