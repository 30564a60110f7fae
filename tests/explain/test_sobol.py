"""First-order and total shares by scrambled points: against closed forms, and a design that is wrong."""

import numpy as np
import pytest
from scipy.stats import binom

from simengine.errors import SimengineError
from simengine.explain.sobol import REPLICATES, sobol
from simengine.explain.walk import CONSTANT, PRECISE, USED_UP
from tests.explain.oracles import first_order, ishigami, ishigami_parts, normals, sobol_g, sobol_g_parts, total

NEAR, FAR = 6.0, 12.0
"""Standard errors from 16 replicates: Student's law with 15 degrees of freedom is beyond 6 with 2.5e-5."""
STUDENT = 2.131


def errors_off(interval, true):
    error = (interval.upper - interval.lower)[0] / 2 / STUDENT
    return np.abs(interval.estimate[0] - true) / error


def product(z, addresses, salt=0):
    """z₁ + (1 + z₂) e, e random variation: V = 1 + 1 + 1."""
    return z[:, 0] + (1 + z[:, 1]) * normals(addresses[:, 0], salt)


FIRST, TOTAL = np.array([1, 0, 1]) / 3, np.array([1, 1, 2]) / 3


@pytest.mark.parametrize(
    ("model", "parts", "players"), [(ishigami, ishigami_parts(), 3), (sobol_g, sobol_g_parts(), 4)]
)
def test_functions_that_no_polynomial_fits(model, parts, players):
    found = sobol(model, players, 0, precision=0.002)
    assert found.stopped_because == PRECISE
    assert (errors_off(found.first_order, first_order(parts, players)) < NEAR).all()
    assert (errors_off(found.total, total(parts, players)) < NEAR).all()
    assert (errors_off(found.total, first_order(parts, players)) > FAR).any()


def test_published_figures_of_ishigami():
    found = sobol(ishigami, 3, 0, precision=0.002)
    assert found.first_order.estimate[0] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.004)
    assert found.total.estimate[0] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.004)


def test_random_variation_is_one_more_input():
    found = sobol(product, 2, precision=0.02)
    assert (errors_off(found.first_order, FIRST) < NEAR).all()
    assert (errors_off(found.total, TOTAL) < NEAR).all()


def test_random_variation_that_is_new_in_every_run_is_wrong():
    """Negative control: an input without any effect gets the whole share of random variation as its total share."""
    rng = np.random.default_rng(1)
    found = sobol(lambda z, _: z[:, 0] + rng.normal(size=len(z)), 2, precision=0.02)
    assert found.total.lower[0, 1] > 0.4
    assert errors_off(found.total, np.array([0.5, 0.0, 0.5]))[1] > FAR
    right = sobol(lambda z, a: z[:, 0] + normals(a[:, 0]), 2, precision=0.02)
    assert right.total.estimate[0, 1] == 0


def test_it_stops_where_it_is_precise_or_may_not_go_on():
    told = []
    found = sobol(product, 2, precision=0.05, progress=lambda done, total: told.append((done, total)))
    assert found.runs == REPLICATES * found.points * 5 == told[-1][0] == told[-1][1]
    short = sobol(product, 2, precision=1e-6, most_runs=REPLICATES * 64 * 5)
    assert (short.stopped_because, short.points) == (USED_UP, 64)
    assert sobol(lambda z, _: np.ones(len(z)), 2).stopped_because == CONSTANT
    with pytest.raises(SimengineError, match="allow more"):
        sobol(product, 2, most_runs=REPLICATES * 64 * 5 - 1)
    with pytest.raises(SimengineError, match="infinite or undefined"):
        sobol(lambda z, _: np.full(len(z), np.nan), 2)


def test_random_variation_alone_has_everything():
    found = sobol(lambda _, a: normals(a[:, 0]), 0, precision=0.05)
    assert found.total.estimate[0, 0] == pytest.approx(1.0, abs=0.1)


@pytest.mark.full
def test_intervals_cover_as_often_as_they_say():
    repetitions, inside, shorter = 500, np.zeros((2, 3)), np.zeros((2, 3))
    for r in range(repetitions):
        model = lambda z, a, r=r: product(z, a, r)  # noqa: E731
        found = sobol(model, 2, seed=r, precision=1e-9, most_runs=REPLICATES * 128 * 5)
        off = np.array([errors_off(found.first_order, FIRST), errors_off(found.total, TOTAL)])
        inside += off <= STUDENT
        shorter += off <= 0.75 * STUDENT
    # Six shares, two sides: level 1e-3 in all.
    low, high = binom.ppf([1e-3 / 12, 1 - 1e-3 / 12], repetitions, 0.95)
    assert ((low <= inside) & (inside <= high)).all(), inside
    assert (shorter < low).all(), shorter
