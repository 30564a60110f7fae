"""What is called shown is true as often as it is said; what was only found to be good is not."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from simengine.decide.certify import RISK, Fresh, FreshPaths, certify
from simengine.decide.findings import Calibration
from simengine.decide.levers import Levers, Mix
from simengine.decide.paired import Hits
from simengine.decide.search import search
from simengine.decide.solve import bar_of, candidates_of
from simengine.decide.space import Space
from simengine.decide.trials import Trials
from simengine.errors import SimengineError
from simengine.explain.intervals import exact_lower, exact_upper
from tests.decide.levered import Known, everything, plan_with, three

LEVEL = 0.001
CONFIDENCE = 0.8


class TestBounds:
    @pytest.mark.parametrize(("hits", "draws"), [(0, 40), (7, 40), (39, 40), (40, 40)])
    def test_are_those_of_clopper_and_pearson(self, hits: int, draws: int) -> None:
        expected = stats.binomtest(hits, draws).proportion_ci(0.9, "exact")
        assert exact_lower(hits, draws, 0.05) == pytest.approx(expected.low, abs=1e-12)
        assert exact_upper(hits, draws, 0.05) == pytest.approx(expected.high, abs=1e-12)

    @pytest.mark.parametrize("truth", [0.5, 0.8, 0.97])
    def test_lie_above_the_truth_as_seldom_as_is_said(self, truth: float) -> None:
        """Over every outcome, so that nothing is left to chance."""
        hits = np.arange(201)
        above = np.array([exact_lower(int(k), 200, 0.05) > truth for k in hits])
        assert stats.binom.pmf(hits, 200, truth)[above].sum() <= 0.05


class TestCertify:
    def test_the_level_is_split(self) -> None:
        def fresh(mix: Mix, start: int, stop: int) -> Hits:
            return np.arange(start, stop) % 100 < 83

        alone = certify([(0,)], CONFIDENCE, fresh, paths=1_000)
        three_of_them = certify([(0,), (1,), (2,)], CONFIDENCE, fresh, paths=1_000)
        assert alone[0].bound == exact_lower(830, 1_000, 0.05)
        assert [one.bound for one in three_of_them] == [exact_lower(830, 1_000, 0.05 / 3)] * 3
        assert alone[0].shown

    def test_what_is_hopeless_is_given_up_and_what_is_not_is_simulated_to_the_end(self) -> None:
        asked = {0.6: 0, 0.79: 0, 0.82: 0}

        def fresh(mix: Mix, start: int, stop: int) -> Hits:
            share = list(asked)[mix[0]]
            asked[share] += stop - start
            return np.random.default_rng((start, *mix)).random(stop - start) < share

        found = certify([(0,), (1,), (2,)], CONFIDENCE, fresh, paths=50_000)
        assert [one.shown for one in found] == [False, False, True]
        assert asked[0.6] < 5_000
        assert asked[0.82] == 50_000

    @pytest.mark.parametrize("split", [True, False])
    def test_of_three_at_the_edge_any_is_shown_as_seldom_as_is_said_if_the_level_is_split(self, split: bool) -> None:
        """Over 1,000 repetitions; each with the whole level, it is too often."""
        wrong = 0
        for repetition in range(1_000):
            fresh = Known(edge, 0, repetition, common=False).fresh
            risk = RISK if split else 3 * RISK
            wrong += any(one.shown for one in certify([(0,), (1,), (2,)], CONFIDENCE, fresh, paths=4_000, risk=risk))
        assert too_often(wrong, 1_000) is not split

    def test_no_paths_show_nothing(self) -> None:
        with pytest.raises(SimengineError, match="verify nothing"):
            certify([(0,)], CONFIDENCE, lambda mix, start, stop: np.ones(0, bool), paths=0)


Sample = Callable[[int], tuple[Trials | Known, Fresh]]
"""Of a repetition: frozen draws, and fresh ones."""


def false_shown(
    space: Space,
    sample: Sample,
    truth: Callable[[Mix], float],
    repetitions: int,
    paths: int,
    *,
    honest: bool = True,
) -> tuple[int, int]:
    """In how many repetitions anything is shown, and in how many something that falls short."""
    shown = wrong = 0
    for repetition in range(repetitions):
        trials, fresh = sample(repetition)
        known = Calibration(CONFIDENCE, CONFIDENCE, trials.draws, trials.draws)
        bars = bar_of(CONFIDENCE, known, paths), bar_of(CONFIDENCE, known, paths, 3.0)
        found = search(space, trials, bars[0], evaluations=80)
        if found.mix is None:
            continue
        picked = candidates_of(space, trials, found, bars, 3)
        if not honest:
            own = trials.hits
            fresh = lambda mix, start, stop, own=own: own(mix)[start:stop]  # noqa: E731
        verified = [
            one for one in certify(picked, CONFIDENCE, fresh, paths=paths if honest else trials.draws) if one.shown
        ]
        shown += bool(verified)
        wrong += any(truth(one.mix) < CONFIDENCE for one in verified)
    return shown, wrong


def too_often(wrong: int, repetitions: int) -> bool:
    return bool(stats.binomtest(wrong, repetitions, 0.05, alternative="greater").pvalue < LEVEL)


def good(mix: Mix) -> float:
    """Half of the choices are good enough, and many of the others nearly."""
    return float(ndtr(0.70 + 0.02 * mix[0] + 0.022 * mix[1] + 0.018 * mix[2]))


def near(mix: Mix) -> float:
    """All fall short, from 77.9 % to 79.9 %."""
    return float(ndtr(0.77 + 0.004 * mix[0] + 0.0045 * mix[1] + 0.005 * mix[2]))


def edge(mix: Mix) -> float:
    """All fall short by next to nothing: nothing is harder to tell from good enough."""
    return 0.79999


def toy_sample(truth: Callable[[Mix], float]) -> Sample:
    """Each choice on draws of its own: the harder case, for the best of many is then the luckiest."""

    def sample(repetition: int) -> tuple[Known, Fresh]:
        frozen = Known(truth, 400, 2 * repetition, common=False)
        return frozen, Known(truth, 400, 2 * repetition + 1, common=False).fresh

    return sample


@pytest.fixture(scope="module")
def space() -> Space:
    plan = plan_with(three(90_000, 60_000))
    return Space(Levers(plan, plan.plan.end))


def keep_what_is_said(space: Space, repetitions: int) -> None:
    for truth in (good, near, edge):
        _, wrong = false_shown(space, toy_sample(truth), truth, repetitions, 4_000)
        assert not too_often(wrong, repetitions)
    shown, _ = false_shown(space, toy_sample(good), good, repetitions, 4_000)
    assert shown > repetitions / 4


def are_found_out(space: Space, repetitions: int) -> None:
    """Certified on the draws that chose them."""
    _, wrong = false_shown(space, toy_sample(near), near, repetitions, 4_000, honest=False)
    assert too_often(wrong, repetitions)


def test_certified_choices_keep_what_is_said(space: Space) -> None:
    keep_what_is_said(space, 60)


def test_false_certificates_are_found_out(space: Space) -> None:
    are_found_out(space, 120)


@pytest.mark.full
def test_certified_choices_keep_what_is_said_over_a_thousand_repetitions(space: Space) -> None:
    keep_what_is_said(space, 1_000)


@pytest.mark.full
def test_false_certificates_are_found_out_over_a_thousand_repetitions(space: Space) -> None:
    are_found_out(space, 1_000)


class Population:
    """A small plan whose truth is known: every choice on many draws, of which repetitions take some at random."""

    def __init__(self, levers: Levers, draws: int) -> None:
        trials = Trials(levers, levers.plan.targets[0], draws=draws, seed=11)
        self._rows = {mix: trials.hits(mix) for mix in everything(levers)}
        self._draws = draws

    def truth(self, mix: Mix) -> float:
        return float(self._rows[mix].mean())

    def sample(self, repetition: int) -> tuple[Trials | Known, Fresh]:
        rng = np.random.default_rng(repetition)
        frozen, fresh = rng.integers(self._draws, size=400), rng.integers(self._draws, size=4_000)

        class Sampled(Known):
            def hits(own, mix: Mix) -> Hits:  # noqa: N805
                return self._rows[mix][frozen]

        return Sampled(self.truth, 400, 0), lambda mix, start, stop: self._rows[mix][fresh[start:stop]]


def test_fresh_paths_are_counted_and_do_not_depend_on_how_they_are_asked_for() -> None:
    plan = plan_with(three(40_000, 40_000))
    levers = Levers(plan, plan.plan.end)
    fresh = FreshPaths(levers, plan.targets[0], seed=12)
    assert fresh.paths == 0
    parts = [fresh(levers.neutral, start, start + 16) for start in (0, 16)]
    assert fresh.paths == 32
    np.testing.assert_array_equal(np.concatenate(parts), fresh(levers.neutral, 0, 32))


@pytest.mark.full
def test_certified_choices_of_a_plan_keep_what_is_said() -> None:
    plan = plan_with(three(40_000, 40_000), **{"6_000_000": "4_600_000"})
    levers = Levers(plan, plan.plan.end)
    population = Population(levers, 8_192)
    truths = [population.truth(mix) for mix in itertools.product(range(6), repeat=3)]
    assert min(truths) < CONFIDENCE < max(truths)
    shown, wrong = false_shown(Space(levers), population.sample, population.truth, 1_000, 4_000)
    assert shown > 100
    assert not too_often(wrong, 1_000)
