"""Bisection: what it finds, how often it asks, and how often its interval holds the truth."""

import math

import numpy as np
import pytest
from scipy import stats

from simengine.decide.bisect import least, least_place, needed

LEVEL = 0.001
REPETITIONS = 1_000


class TestLeast:
    @pytest.mark.parametrize("border", [-1.0, 0.0, 0.3, 1.99, 2.0])
    def test_it_reaches_and_one_tolerance_less_does_not(self, border: float) -> None:
        found = least(lambda x: x >= border, 0.0, 2.0, 0.01)
        assert found is not None
        assert found >= border
        assert found == 0.0 or found - 0.01 - 1e-12 < border

    def test_it_asks_a_logarithm_of_times(self) -> None:
        asked: list[float] = []
        least(lambda x: bool(asked.append(x)) or x >= 0.7, 0.0, 1.0, 1 / 1024)  # type: ignore[func-returns-value]
        assert len(asked) <= 2 + 10

    def test_less_may_be_better(self) -> None:
        assert least(lambda x: x <= 2.0, 6.0, 1.0, 0.5) == 2.0

    def test_a_range_of_nothing(self) -> None:
        assert least(lambda x: True, 1.0, 1.0, 0.1) == 1.0
        assert least(lambda x: False, 1.0, 1.0, 0.1) is None
        assert least_place(lambda i: True, 0) is None

    def test_every_place_is_found(self) -> None:
        for first in range(9):
            assert least_place(lambda i, first=first: i >= first, 9) == first


def covered(shift: float) -> int:
    """How often the interval holds the amount at which P is 0.8, of P(x) = Φ(x)."""
    truth, held = float(stats.norm.ppf(0.8)) + shift, 0
    for seed in range(REPETITIONS):
        scores = np.random.default_rng(seed).standard_normal(400)
        found = needed(lambda x, scores=scores: float(np.mean(scores <= x)), 0.8, 400, -2.0, 3.0, 0.002)
        held += (found.lower or -math.inf) <= truth + 0.002 and truth <= (found.upper or math.inf)
    return held


def test_its_interval_covers_as_it_says_and_a_wrong_one_is_rejected() -> None:
    assert stats.binomtest(covered(0.0), REPETITIONS, 0.95).pvalue > LEVEL
    assert stats.binomtest(covered(0.05), REPETITIONS, 0.95).pvalue < LEVEL


def test_it_says_where_it_is_beyond_the_range() -> None:
    assert needed(lambda x: 0.5 + 0.3 * x, 0.8, 1_000, 0.0, 1.0, 0.01) == (1.0, pytest.approx(0.92), None)
