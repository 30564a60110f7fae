"""The efficient set, and its knee: marked where there is one, and not where there is none."""

import numpy as np
import pytest
from scipy import stats

from simengine.decide.frontier import efficient, frontier, knee
from simengine.decide.levers import Levers
from simengine.errors import SimengineError
from tests.decide.levered import plan_with, three

LEVEL = 0.001
REPETITIONS = 1_000


def nested(seed: int, shares: list[float], n: int = 1_000) -> np.ndarray:
    """Draws that reach the target at a point if at all cheaper ones, but for a few."""
    rng = np.random.default_rng(seed)
    u, own = rng.random((n, 1)), rng.random((n, len(shares)))
    return np.where(rng.random((n, len(shares))) < 0.1, own, u) < np.array(shares)


COST = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
BENT, STRAIGHT = [0.3, 0.5, 0.7, 0.72, 0.74], [0.3, 0.4, 0.5, 0.6, 0.7]


class TestKnee:
    def test_is_where_a_dollar_begins_to_buy_less(self) -> None:
        above, at = knee(nested(1, BENT), COST)
        assert at == (2,)
        assert above[2][1] > 0
        assert above[0] == (0, 0, 0)

    def test_points_that_are_as_good_are_marked_with_it(self) -> None:
        # The second and the third lie equally far above the line.
        _, at = knee(nested(2, [0.3, 0.55, 0.65, 0.66, 0.7]), COST)
        assert {1, 2} <= set(at)

    def test_a_straight_line_has_none_as_often_as_is_said(self) -> None:
        marked = sum(bool(knee(nested(seed, STRAIGHT), COST)[1]) for seed in range(REPETITIONS))
        assert stats.binomtest(marked, REPETITIONS, 0.05, alternative="greater").pvalue > LEVEL
        bent = sum(bool(knee(nested(seed, [0.3, 0.42, 0.54, 0.62, 0.7]), COST)[1]) for seed in range(REPETITIONS))
        assert stats.binomtest(bent, REPETITIONS, 0.05, alternative="greater").pvalue < LEVEL

    def test_its_intervals_cover_as_they_say(self) -> None:
        truth = 0.7 - 0.3 - 0.5 * 0.44
        found = [knee(nested(seed, BENT), COST)[0][2] for seed in range(REPETITIONS)]
        assert stats.binomtest(sum(low <= truth <= high for _, low, high in found), REPETITIONS, 0.95).pvalue > LEVEL
        wrong = sum(low <= truth + 0.02 <= high for _, low, high in found)
        assert stats.binomtest(wrong, REPETITIONS, 0.95).pvalue < LEVEL

    def test_two_points_have_none(self) -> None:
        assert knee(nested(3, [0.3, 0.9]), COST[:2]) == (((0.0, 0.0, 0.0),) * 2, ())


def test_only_what_is_likelier_than_all_that_is_cheaper_is_efficient() -> None:
    plan = plan_with(three(10_000, 10_000, limits="limits: {budget: 45_000}"))
    levers = Levers(plan, plan.plan.end)
    tried = {(0, 0, 0): 0.3, (0, 1, 0): 0.4, (0, 0, 1): 0.35, (0, 2, 0): 0.4, (0, 1, 2): 0.6, (0, 5, 5): 0.9}
    assert efficient(levers, tried) == [(0, 0, 0), (0, 1, 0), (0, 1, 2)]


def test_the_frontier_of_a_plan() -> None:
    plan = plan_with(three(20_000, 30_000, limits="limits: {budget: 400_000}"), **{"6_000_000": "5_200_000"})
    found = frontier(plan, draws=128, verify=2_000, points=4)
    costs = [found.levers.cost(mix) for mix in found.mixes]
    assert costs == sorted(costs)
    assert costs[-1] <= 400_000
    assert 2 <= len(found.mixes) <= 4
    assert found.mixes[0] == found.levers.neutral
    assert found.probability(0)[2] < found.probability(len(found.mixes) - 1)[1]
    assert found.hits.shape == (2_000, len(found.mixes))


def test_a_frontier_has_two_points() -> None:
    with pytest.raises(SimengineError, match="two points"):
        frontier(plan_with(three(1, 1)), points=1)
