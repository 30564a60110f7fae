"""Paired differences: their laws, and what is ranked."""

import numpy as np
import pytest
from scipy import stats

from simengine.decide.paired import difference_of_means, difference_of_shares, mcnemar, ranked

LEVEL = 0.001
"""Of every statistical test here."""
REPETITIONS = 1_000


def pairs(seed: int, n: int, both: float, here: float, there: float) -> tuple[np.ndarray, np.ndarray]:
    kinds = np.random.default_rng(seed).choice(4, size=n, p=[both, here, there, 1 - both - here - there])
    return (kinds <= 1), (kinds == 0) | (kinds == 2)


def covered(n: int, both: float, here: float, there: float, shift: float = 0.0) -> int:
    truth = here - there + shift
    found = (difference_of_shares(*pairs(seed, n, both, here, there)) for seed in range(REPETITIONS))
    return sum(lower <= truth <= upper for _, lower, upper in found)


def too_few(successes: int) -> bool:
    return stats.binomtest(successes, REPETITIONS, 0.95, alternative="less").pvalue < LEVEL


class TestShares:
    @pytest.mark.parametrize("case", [(300, 0.5, 0.05, 0.01), (2000, 0.7, 0.02, 0.0), (1000, 0.3, 0.2, 0.2)])
    def test_cover_as_they_say(self, case: tuple[int, float, float, float]) -> None:
        assert not too_few(covered(*case))

    def test_the_wrong_law_is_rejected(self) -> None:
        assert too_few(covered(1000, 0.5, 0.05, 0.01, shift=0.02))

    def test_pairing_is_what_makes_them_short(self) -> None:
        here, there = pairs(1, 2000, 0.5, 0.05, 0.01)
        _, lower, upper = difference_of_shares(here, there)
        _, far, beyond = difference_of_shares(here, np.random.default_rng(2).permutation(there))
        assert upper - lower < 0.5 * (beyond - far)


class TestMeans:
    def test_cover_as_they_say(self) -> None:
        rng = np.random.default_rng(5)
        common = rng.normal(0, 10, (REPETITIONS, 50))
        found = [difference_of_means(row + rng.normal(1, 1, 50), row) for row in common]
        assert not too_few(sum(lower <= 1 <= upper for _, lower, upper in found))
        assert too_few(sum(lower <= 2 <= upper for _, lower, upper in found))

    def test_say_nothing_of_what_has_no_amount(self) -> None:
        assert np.isnan(difference_of_means(np.array([1.0, np.inf]), np.array([0.0, 0.0]))).all()


class TestRanks:
    def test_mcnemar_is_the_exact_binomial_test(self) -> None:
        here, there = pairs(3, 200, 0.4, 0.1, 0.03)
        only_here, only_there = int((here & ~there).sum()), int((there & ~here).sum())
        expected = stats.binomtest(only_here, only_here + only_there, 0.5).pvalue
        assert mcnemar(here, there) == pytest.approx(expected)

    def test_scenarios_that_are_one_are_never_ranked(self) -> None:
        one = np.random.default_rng(4).random(5_000) < 0.6
        assert ranked(np.tile(one[:, None], 20))[1].tolist() == [1] * 20

    def test_twenty_that_are_equally_good_are_ranked_no_more_often_than_is_said(self) -> None:
        wrong = 0
        for seed in range(REPETITIONS):
            rng = np.random.default_rng(seed)
            common, own = rng.random((400, 1)) < 0.5, rng.random((400, 20)) < 0.6
            wrong += ranked(np.where(rng.random((400, 20)) < 0.7, common, own))[1].max() > 1
        assert stats.binomtest(int(wrong), REPETITIONS, 0.05, alternative="greater").pvalue > LEVEL

    def test_one_that_is_better_is_told_apart(self) -> None:
        rng = np.random.default_rng(6)
        worse = rng.random(4_000) < 0.5
        better = worse | (rng.random(4_000) < 0.05)
        order, ranks = ranked(np.column_stack([worse, better, worse]))
        assert order.tolist() == [1, 0, 2]
        assert ranks.tolist() == [1, 2, 2]
