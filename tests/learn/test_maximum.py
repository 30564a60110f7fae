"""The maximum of a log-likelihood and its intervals, on functions whose maximum is known."""

import numpy as np
import pytest

from simengine.errors import SimengineError
from simengine.learn.maximum import CHI_SQUARED_90, maximise, profile

CURVE = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
TOP = np.array([0.3, -1.0, 2.0])
LOW, HIGH = np.full(3, -8.0), np.full(3, 8.0)


def parabola(rows):
    off = rows - TOP
    return 7.0 - np.einsum("ri,ij,rj->r", off, CURVE, off) / 2


def test_a_parabola_has_its_top_and_the_inverse_of_its_curvature():
    found = maximise(parabola, np.zeros(3), LOW, HIGH)
    np.testing.assert_allclose(found.at, TOP, atol=1e-4)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(CURVE), rtol=1e-4, atol=1e-6)
    assert found.value == pytest.approx(7.0)


def test_the_profile_of_a_parabola_is_its_standard_error():
    found = maximise(parabola, np.zeros(3), LOW, HIGH)
    half = np.sqrt(CHI_SQUARED_90 * np.linalg.inv(CURVE)[1, 1])
    assert profile(parabola, found, 1, LOW, HIGH) == pytest.approx((TOP[1] - half, TOP[1] + half), abs=1e-3)


def test_what_the_records_leave_free_has_no_error():
    flat = maximise(lambda rows: parabola(rows * [1, 1, 0]), np.zeros(3), LOW, HIGH)
    assert np.isnan(flat.covariance).all()
    nearly = maximise(lambda rows: -(rows[:, 0] ** 2) / 2 / 11**2, np.ones(1), LOW[:1], HIGH[:1])
    assert np.isnan(nearly.covariance).all()
    at_a_bound = maximise(lambda rows: rows[:, 0] - rows[:, 0] ** 2 / 100, np.zeros(1), LOW[:1], HIGH[:1])
    assert at_a_bound.at == pytest.approx(8.0)
    assert np.isnan(at_a_bound.covariance).all()


def test_a_profile_that_does_not_fall_ends_at_the_bound():
    found = maximise(lambda rows: -np.logaddexp(0, -4 * rows.sum(axis=1)), np.zeros(2), LOW[:2], HIGH[:2])
    assert profile(lambda rows: -np.logaddexp(0, -4 * rows.sum(axis=1)), found, 0, LOW[:2], HIGH[:2])[1] == 8.0


def test_a_likelihood_of_zero_is_said():
    with pytest.raises(SimengineError, match="zero where the search begins"):
        maximise(lambda rows: np.full(len(rows), -np.inf), np.zeros(2), LOW[:2], HIGH[:2])
