"""The cheapest choice on frozen draws: that of trying them all, with far fewer trials."""

import itertools

import numpy as np
import pytest
from scipy.special import ndtr

from simengine.decide.levers import Levers, Mix
from simengine.decide.search import search
from simengine.decide.space import Space
from simengine.decide.trials import Trials
from tests.decide.levered import Known, brute, everything, plan_with, three
from tests.decide.test_levers import LEVERS, full

DRAWS = 300
PLANS = [
    # price of coaching and of the desk, month of the sellers, what is asked, how likely, limits
    (20_000, 30_000, "2027-02", "5_200_000", 0.50, ""),
    (90_000, 20_000, "2027-03", "5_000_000", 0.60, ""),
    (15_000, 90_000, "2027-01", "5_300_000", 0.45, ""),
    (60_000, 60_000, "2027-02", "5_400_000", 0.40, ""),
    (1_000, 200_000, "2027-06", "4_900_000", 0.65, ""),
    (200_000, 1_000, "2027-06", "5_000_000", 0.60, ""),
    (300_000, 400_000, "2027-02", "5_100_000", 0.55, "limits: {hires_per_month: 3}"),
    (40_000, 40_000, "2027-02", "5_200_000", 0.42, "limits: {budget: 250_000}"),
    (0, 0, "2027-12", "5_100_000", 0.60, ""),
    (50_000, 50_000, "2027-04", "6_000_000", 0.90, "limits: {budget: 900_000, hires_per_month: 4}"),
]


def tiny(number: int) -> tuple[Levers, float]:
    coaching, desk, month, amount, bar, limits = PLANS[number]
    plan = plan_with(three(coaching, desk, month, limits), **{"6_000_000": amount})
    return Levers(plan, plan.plan.end), bar


class Sampled:
    """A real plan on frozen draws, few enough to try everything."""

    def __init__(self, levers: Levers, seed: int) -> None:
        self._trials = Trials(levers, levers.plan.targets[0], draws=DRAWS, seed=seed)
        self.draws, self.hits = DRAWS, self._trials.hits


class TestSpace:
    @pytest.mark.parametrize("levers", [full(), tiny(6)[0], tiny(7)[0], tiny(9)[0]])
    def test_it_is_what_the_levers_say(self, levers: Levers) -> None:
        space = Space(levers)
        assert list(map(space.mix, range(len(space)))) == everything(levers)
        np.testing.assert_allclose(space.cost, [levers.cost(mix) for mix in everything(levers)], atol=0.005)
        assert space.allowed.tolist() == [levers.is_allowed(mix) for mix in everything(levers)]

    def test_spend_in_several_months_builds_up(self) -> None:
        plan = plan_with(LEVERS.replace("[-1, 2]", "[0, 2]"))
        levers = Levers(plan, plan.plan.end)
        space = Space(levers)
        np.testing.assert_allclose(space.cost, [levers.cost(mix) for mix in everything(levers)], atol=0.005)
        assert space.allowed.tolist() == [levers.is_allowed(mix) for mix in everything(levers)]

    def test_too_many_choices_are_thinned_around_the_plan(self) -> None:
        levers = tiny(0)[0]
        space = Space(levers, largest=100)
        assert not space.is_whole
        assert len(space) <= 100
        assert {levers.neutral, (5, 5, 5)} <= set(map(space.mix, range(len(space))))

    def test_without_a_choice_nothing_holds_it(self) -> None:
        space = Space(tiny(0)[0]).without((0, 2, 1))
        left = {space.mix(row) for row in np.flatnonzero(space.allowed)}
        assert left == {mix for mix in everything(space.levers) if not (mix[1] >= 2 and mix[2] >= 1)}
        assert all(space.allows(mix) == (mix in left) for mix in everything(space.levers))


class TestSearch:
    @pytest.mark.parametrize("number", [7])
    def test_finds_what_trying_all_finds(self, number: int) -> None:
        levers, bar = tiny(number)
        sampled = Sampled(levers, seed=number)
        found = search(Space(levers), sampled, bar)
        assert found.mix == brute(levers, sampled.hits, bar)
        assert found.mix not in (None, levers.neutral)
        assert found.proof == "tried"

    @pytest.mark.full
    @pytest.mark.parametrize("seed", [1, 2])
    @pytest.mark.parametrize("number", range(len(PLANS)))
    def test_finds_what_trying_all_finds_in_ten_plans(self, number: int, seed: int) -> None:
        levers, bar = tiny(number)
        sampled = Sampled(levers, seed)
        found = search(Space(levers), sampled, bar)
        assert found.mix == brute(levers, sampled.hits, bar)
        assert (found.mix is None) == (number == 9)
        assert found.mix != levers.neutral
        assert found.proof == "tried"


def effects(seed: int, dials: int = 3, sizes: int = 6) -> list[np.ndarray]:
    """What each place of each dial does, more of it never less."""
    rng = np.random.default_rng(seed)
    return [np.cumsum([0.0, *rng.gamma(0.5, 0.12, sizes - 1)]) for _ in range(dials)]


def known(seed: int, together: float = 0.0, draws: int = 400) -> Known:
    own = effects(seed)

    def probability(mix: Mix) -> float:
        each = [one[place] for one, place in zip(own, mix, strict=True)]
        return float(ndtr(0.2 + sum(each) - together * np.prod(each)))

    return Known(probability, draws, seed)


@pytest.mark.parametrize("seed", range(25))
def test_where_more_never_hurts_pruning_is_exact(seed: int) -> None:
    """With trials too few to try everything, so that nothing but the rule can find it."""
    rng = np.random.default_rng(1_000 + seed)
    plan = plan_with(three(int(rng.integers(1, 400_000)), int(rng.integers(1, 400_000))))
    levers = Levers(plan, plan.plan.end)
    trials = known(seed, together=0.5 * (seed % 3))
    top = trials.probability((5, 5, 5))
    bar = 0.58 + float(rng.random()) * (top - 0.56)  # now and then out of reach
    found = search(Space(levers), trials, bar, evaluations=60)
    tried = len(trials.tried)
    assert found.mix == brute(levers, trials.hits, bar)
    assert found.proof in ("tried", "monotone")
    assert tried <= 60
    assert found.against == 0


def test_a_lever_that_hurts_is_left_alone_or_used_the_other_way() -> None:
    levers = tiny(0)[0]

    def probability(mix: Mix) -> float:
        return float(ndtr(0.6 - 0.1 * mix[0] + 0.08 * mix[1]))

    trials = Known(probability, 500, 3)
    found = search(Space(levers), trials, 0.79, evaluations=40)
    assert found.mix == brute(levers, trials.hits, 0.79)
    assert found.mix is not None
    assert found.mix[0] == 0


def test_where_more_hurts_at_times_it_says_so() -> None:
    """What every trial contradicts is no proof: with all tried the answer is right, with few it tells of the pairs."""
    levers = tiny(0)[0]

    def probability(mix: Mix) -> float:
        return float(ndtr(0.3 + 0.35 * (mix[1] == 2) + 0.05 * mix[1] + 0.05 * mix[2]))

    trials = Known(probability, 2_000, 3)
    whole = search(Space(levers), trials, 0.74)
    assert whole.mix == brute(levers, trials.hits, 0.74)
    assert whole.proof == "tried"
    assert whole.against > 0


def test_savings_count() -> None:
    """Where the plan is safe already, fewer people are the cheapest choice."""
    text = three(50_000, 50_000).replace("[0, 5]", "[-1, 4]")
    plan = plan_with(text)
    levers = Levers(plan, plan.plan.end)
    trials = Known(lambda mix: float(ndtr(0.9 + 0.1 * (mix[0] - 1) + 0.02 * mix[1])), 500, 4)
    found = search(Space(levers), trials, 0.7)
    assert found.mix == brute(levers, trials.hits, 0.7)
    assert levers.cost(found.mix or ()) < 0


@pytest.mark.parametrize("largest", [60, 1_000_000])
def test_it_ends_in_time_and_then_proves_nothing(largest: int) -> None:
    levers = tiny(0)[0]
    trials = known(7)
    bar = trials.probability((2, 3, 3))
    found = search(Space(levers, largest), trials, bar, evaluations=12 if largest > 60 else 50)
    assert len(trials.tried) <= (12 if largest > 60 else 50)
    if largest == 60:
        assert found.proof == "none"
    assert found.mix is None or found.shares[found.mix] >= bar


def test_more_never_hurts_where_the_plan_promises_it() -> None:
    """Higher rates of winning and of renewing, on the same draws: no draw that reached the target misses it then.

    People are another matter: a new seller takes opportunities that an old one would have won.
    """
    levers = tiny(0)[0]
    sampled = Sampled(levers, seed=5)
    counts = {mix: sampled.hits((0, *mix)).mean() for mix in itertools.product((0, 2, 5), (0, 2, 5))}
    for here, there in itertools.combinations(counts, 2):
        if all(i <= j for i, j in zip(here, there, strict=True)):
            assert counts[here] <= counts[there]
