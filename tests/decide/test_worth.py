"""What levers are worth: against closed forms, and what a delay, a limit and an idle lever do."""

import math

import numpy as np
import pytest
from scipy import stats

from simengine.decide.levers import Levers
from simengine.decide.paired import difference_of_shares
from simengine.decide.worth import ALL, _ranks, change_of, later, over, worth
from simengine.errors import SimengineError
from simengine.simulation.reached import last_month, target_values
from tests.decide.counted import LEVERS, counted, reached

LEVEL = 0.001
DRAWS = 2_000
WEEKS = 4.34821429
"""In a month, a year having 365.25 days."""


@pytest.fixture(scope="module")
def plan():
    return counted()


@pytest.fixture(scope="module")
def found(plan):
    return worth(plan, draws=DRAWS)


def within(estimate, truth: float, level: float = LEVEL) -> bool:
    """Whether a truth lies in the interval, made as wide as the level asks."""
    value, low, high = (float(x) for x in estimate)
    return abs(truth - value) <= stats.norm.ppf(1 - level / 2) / stats.norm.ppf(0.975) * (high - low) / 2


def told(found, name: str, choice: str):
    one = found.sel(choice=choice)
    return one[name], one[f"{name}_lower"], one[f"{name}_upper"]


class TestClosedForm:
    def test_the_plan_as_it_is(self, found) -> None:
        estimate = [found[f"probability{end}"] for end in ("", "_lower", "_upper")]
        assert within(estimate, reached(12))
        assert not within(estimate, reached(12.5))

    def test_the_whole_range_and_one_step(self, found) -> None:
        # Six months count 1.2 times, or 1.05 times.
        base = reached(12)
        assert within(told(found, "gain", "push"), reached(6 + 6 * 1.2) - base)
        assert within(told(found, "first_step", "push"), reached(6 + 6 * 1.05) - base)
        assert within(told(found, "per_step", "push"), (reached(6 + 6 * 1.2) - base) / 4)
        assert not within(told(found, "gain", "push"), reached(6 + 6 * 1.05) - base)

    def test_a_month_of_delay(self, found) -> None:
        lost = reached(6 + 6 * 1.2) - reached(7 + 5 * 1.2)
        assert within(told(found, "per_week", "push"), lost / WEEKS)
        assert not within(told(found, "per_week", "push"), lost)
        # 5,000 a month for each of four steps.
        assert float(found["saved_per_week"].sel(choice="push")) == pytest.approx(20_000 / WEEKS)

    def test_what_money_buys(self, found) -> None:
        cost = 4 * (10_000 + 6 * 5_000)
        assert float(found["cost"].sel(choice="push")) == pytest.approx(cost)
        assert found.attrs["money"] == 100_000
        expected = float(found["gain"].sel(choice="push")) / cost * 100_000
        assert float(found["per_money"].sel(choice="push")) == pytest.approx(expected)

    def test_what_does_harm_is_told_and_comes_last(self, found) -> None:
        # Its range lies below the plan: it is moved down.
        assert within(told(found, "gain", "harm"), reached(12 * 0.9) - reached(12))
        ranked = [str(name) for name in found["choice"].values[found["rank_group"].values > 0]]
        assert ranked == ["push", "harm"]

    def test_intervals_are_paired(self, plan, found) -> None:
        levers = Levers(plan, plan.plan.end)
        chosen = levers.chosen(tuple(len(dial.amounts) - 1 for dial in levers.dials))
        there = [plan.targets[0].is_reached(target_values(p, 0, DRAWS)[:, 0]) for p in (plan, chosen)]
        apart = math.sqrt(sum(hit.mean() * (1 - hit.mean()) / DRAWS for hit in there))
        width = found["gain_upper"] - found["gain_lower"]
        assert float(width.sel(choice="push")) / 2 < 1.96 * apart

    @pytest.mark.parametrize("repetitions", [40, pytest.param(1_000, marks=pytest.mark.full)])
    def test_intervals_cover_as_they_say(self, plan, repetitions: int) -> None:
        """As many decisions on draws of their own, 200 each, against the closed form."""
        levers, n = Levers(plan, plan.plan.end), 200
        chosen = levers.chosen((4, *levers.neutral[1:]))
        hits = [
            plan.targets[0].is_reached(target_values(each, 0, n * repetitions)[:, 0]).reshape(repetitions, n)
            for each in (chosen, plan)
        ]
        found = [difference_of_shares(here, there) for here, there in zip(*hits, strict=True)]
        truth = reached(6 + 6 * 1.2) - reached(12)
        covered = [sum(low <= t <= high for _, low, high in found) for t in (truth, truth + 0.1)]
        few = [stats.binomtest(c, repetitions, 0.95, alternative="less").pvalue < LEVEL for c in covered]
        assert few == [False, True]


class TestNothing:
    def test_an_idle_lever_changes_nothing_and_is_not_ranked(self, found) -> None:
        idle = found.sel(choice="waiting")
        assert [float(idle[name]) for name in ("gain", "first_step", "per_week")] == [0, 0, 0]
        assert not idle["distinguishable"]
        assert int(idle["rank_group"]) == int(idle["money_rank_group"]) == 0

    def test_a_delay_of_no_months_is_the_choice_itself(self, plan) -> None:
        levers = Levers(plan, last_month(plan, plan.targets))
        for at, dial in enumerate(levers.dials):
            place = len(dial.amounts) - 1 if dial.neutral == 0 else 0
            mix = tuple(place if i == at else neutral for i, neutral in enumerate(levers.neutral))
            moved, cost = later(levers, dial, place, months=0)
            assert moved is not None
            assert moved.digest_simulated == levers.chosen(mix).digest_simulated
            assert cost == pytest.approx(levers.cost(mix))
            other, _ = later(levers, dial, place, months=1)
            assert other is not None
            assert other.digest_simulated != moved.digest_simulated

    def test_a_delay_beyond_the_plan_is_not_told(self) -> None:
        plan = counted(LEVERS.replace("[2027-07]", "[2027-12]"))
        assert math.isnan(float(worth(plan, draws=200)["per_week"].sel(choice="push")))

    def test_what_does_nothing_is_never_ranked(self) -> None:
        """Of levers that do nothing none is told from nothing: their draws are the same."""
        lines = "".join(
            f"  waiting {i}: {{improves: [idle], starts: [2027-0{i}], range: [x1.0, x1.5], step: x0.5, "
            "cost: {upfront: 5_000}, owner: COO}\n"
            for i in (2, 5, 8)
        )
        found = worth(counted("levers:\n" + lines), draws=200)
        assert not found["distinguishable"].any()
        assert not found["rank_group"].any()


class TestLimits:
    def test_a_dial_stops_where_the_budget_ends(self) -> None:
        found = worth(counted(LEVERS + "limits: {budget: 90_000}\n"), draws=200)
        # Two of four steps of 40,000.
        assert float(found["steps"].sel(choice="push")) == 2
        everything = found.sel(choice=ALL)
        assert not everything["within_limits"]
        assert float(everything["cost"]) == pytest.approx(4 * 40_000 + 5 * 5_000)

    def test_a_dial_without_a_step_within_them_is_said(self) -> None:
        found = worth(counted(LEVERS + "limits: {budget: 30_000}\n"), draws=200)
        assert "push" not in found["choice"].values
        assert found.attrs["beyond_limits"] == ["push"]


def test_money_is_ranked_by_what_it_buys() -> None:
    before, hits = np.zeros(1000, bool), np.zeros((1000, 2), bool)
    hits[:300, 0] = hits[:400, 1] = True
    found = _ranks(hits, before, np.array([10.0, 1_000.0]))
    assert found.columns["rank_group"].tolist() == [2, 1]
    assert found.columns["money_rank_group"].tolist() == [1, 2]


class TestBeside:
    def test_money_that_is_spent_is_there(self, found) -> None:
        # The initiative books in sales and marketing what the lever declares: four steps of 10,000 and 5,000 a month.
        value, low, high = told(found, "sm_spend_change", "push")
        assert float(value) == pytest.approx(160_000, rel=1e-6)
        assert float(low) == pytest.approx(float(high))

    def test_a_ratio_is_the_median_change_on_a_path(self) -> None:
        here, there = np.array([1.0, 2.0, 9.0] * 50), np.array([0.0, 0.0, 0.0] * 50)
        assert change_of("cac_payback", here, there)[0] == pytest.approx(2.0)
        assert change_of("sm_spend", here, there)[0] == pytest.approx(4.0)

    def test_what_is_infinite_on_both_sides_is_not_told(self) -> None:
        infinite = np.array([math.inf, 1.0])
        assert math.isnan(change_of("cac_payback", infinite, infinite)[0])
        assert math.isnan(over((0.1, 0.0, 0.2), 0.0)[0])


class TestMessages:
    def test_no_levers(self) -> None:
        with pytest.raises(SimengineError, match="declares no levers"):
            worth(counted(""))

    def test_too_late_for_all(self) -> None:
        plan = counted(
            "levers: {push: {improves: [volume], starts: [2027-01], range: [x1.0, x1.2], step: x0.1, "
            "cost: {upfront: 1}, lead_time: 3 months, owner: CMO}}"
        )
        with pytest.raises(SimengineError, match="it is too late for push"):
            worth(plan)

    def test_too_few_draws(self, plan) -> None:
        with pytest.raises(SimengineError, match="100 at least"):
            worth(plan, draws=10)

    def test_no_such_target(self, plan) -> None:
        with pytest.raises(SimengineError, match="no target is named 'profit'"):
            worth(plan, target="profit")


def test_progress_reaches_its_end(plan) -> None:
    seen: list[tuple[int, int]] = []
    found = worth(plan, draws=200, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == found.attrs["paths"]
