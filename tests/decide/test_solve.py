"""Solve on a small plan, from the question to the scenario file."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from simengine.decide.findings import Calibration, Solution
from simengine.decide.scenario_files import write_scenarios
from simengine.decide.solve import asked, bar_of, levers_of, solve
from simengine.errors import SimengineError
from simengine.plan import load, loads
from simengine.plan.schema import Plan
from simengine.report.solve import solve_facts
from tests.decide.levered import TINY, plan_with, three

LEVEL = 0.001


def too_strict_or_too_lax(draws: int, plan_as_is: float, shift: bool) -> float:
    """P-value of a choice that just keeps 80 % reaching the bar in one of 20 samples, on nested draws."""
    over, repetitions = 0, 1_000
    for seed in range(repetitions):
        u = np.random.default_rng(seed).random(16 * draws)
        known = Calibration(*(float((one < plan_as_is).mean()) for one in (u[:draws], u)), draws, 16 * draws)
        unshifted = known._replace(frozen=known.larger)
        bar = bar_of(0.8, known if shift else unshifted, 10**9)
        over += float((u[:draws] < 0.8).mean()) >= bar
    return float(stats.binomtest(over, repetitions, 0.05).pvalue)


class TestBar:
    @pytest.mark.parametrize("plan_as_is", [0.6, 0.75, 0.9])
    def test_is_passed_by_luck_once_in_twenty(self, plan_as_is: float) -> None:
        assert too_strict_or_too_lax(1_000, plan_as_is, shift=True) > LEVEL
        assert too_strict_or_too_lax(1_000, plan_as_is, shift=False) < LEVEL or plan_as_is == 0.6

    def test_where_the_plan_tells_nothing_it_is_that_of_one_sample(self) -> None:
        plain = 0.8 + 1.64 * np.sqrt(0.16 / 400 + 0.16 / 10**9)
        assert bar_of(0.8, Calibration(0.0, 0.0, 400, 6_400), 10**9) == pytest.approx(plain)
        assert bar_of(0.8, Calibration(1.0, 1.0, 400, 6_400), 10**9) == pytest.approx(plain)

    def test_few_draws_cannot_show_much(self) -> None:
        with pytest.raises(SimengineError, match=r"cannot show a confidence of 99\.9%; take more"):
            bar_of(0.999, Calibration(0.0, 0.0, 100, 1_600), 1_000)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_with(three(20_000, 30_000, limits="limits: {budget: 400_000}"), **{"6_000_000": "5_200_000"})


@pytest.fixture(scope="module")
def solution(plan: Plan) -> Solution:
    return solve(plan, confidence=0.5, draws=256, verify=4_000, evaluations=60)


class TestSolve:
    def test_the_chosen_is_the_cheapest_that_is_shown(self, solution: Solution) -> None:
        shown = [one for one in solution.verified if one.shown]
        costs = [solution.levers.cost(one.mix) for one in solution.verified]
        assert shown
        assert solution.chosen == shown[0].mix
        assert costs == sorted(costs)
        assert all(one.bound >= 0.5 for one in shown)

    def test_it_tells_what_it_did(self, solution: Solution) -> None:
        told = solve_facts(solution)
        assert told["certificate"]["seed"] != told["search"]["seed"]
        assert told["certificate"]["level_of_each"] == pytest.approx(1 - 0.05 / len(solution.verified))
        assert told["search"]["choices"] == 216
        assert told["paths"] >= 4_000 * (1 + len(solution.verified)) + 256 * told["search"]["tried"]
        assert told["chosen"]["cost"] == pytest.approx(sum(one["cost"] for one in told["chosen"]["levers"]))
        low, high = (told["chosen"]["gain"][end] for end in ("lower", "upper"))
        assert 0 < low < told["chosen"]["probability"]["value"] - told["before"]["value"] < high

    def test_the_same_question_has_the_same_answer(self, plan: Plan, solution: Solution) -> None:
        again = solve(plan, confidence=0.5, draws=256, verify=4_000, evaluations=60)
        assert again.chosen == solution.chosen
        assert [one.bound for one in again.verified] == [one.bound for one in solution.verified]

    def test_nothing_has_to_be_done_where_the_plan_is_good_enough(self, plan: Plan) -> None:
        found = solve(plan, at_least=4_000_000, confidence=0.8, draws=256, verify=2_000, evaluations=20)
        assert found.chosen == found.levers.neutral

    def test_out_of_reach_it_says_how_near_and_what_binds(self, plan: Plan) -> None:
        far = solve(plan, at_least=9_000_000, confidence=0.9, draws=128, verify=1_000, evaluations=30)
        assert not far.is_reached
        assert far.chosen is None
        assert far.binding == ("range",)
        assert far.within is None
        assert far.levers.is_allowed(far.verified[0].mix)

    def test_the_budget_may_be_what_binds(self, plan: Plan) -> None:
        found = solve(plan, confidence=0.5, budget=30_000, draws=256, verify=1_000, evaluations=30)
        assert found.binding == ("budget",)
        assert found.within is not None
        assert found.within > 30_000


class TestQuestion:
    def test_it_is_of_the_first_target_with_a_confidence(self, plan: Plan) -> None:
        target, confidence = asked(plan, None, 5e6, None)
        assert (target.name, target.at_least, confidence) == ("board ARR", 5e6, 0.5)

    @pytest.mark.parametrize(
        ("reach", "at_least", "confidence", "message"),
        [
            ("nobody", None, 0.8, "no target is named 'nobody'"),
            ("NRR", None, None, "NRR declares no confidence; say how likely"),
            (None, None, 80.0, "a confidence of 80 cannot be reached; choose one between 0 and 1"),
            (None, float("nan"), 0.8, "is no amount"),
        ],
    )
    def test_what_cannot_be_asked(
        self, plan: Plan, reach: str | None, at_least: float | None, confidence: float | None, message: str
    ) -> None:
        with pytest.raises(SimengineError, match=message):
            asked(plan, reach, at_least, confidence)

    def test_there_must_be_something_to_choose(self) -> None:
        plain = loads(TINY)
        with pytest.raises(SimengineError, match="the plan has no levers: add what could be done"):
            levers_of(plain, plain.targets[0])
        late = plan_with(
            "levers:\n  s: {hires: ae-smb-new, starts: [2027-01], range: [0, 1], owner: A, lead_time: 3 months}"
        )
        with pytest.raises(SimengineError, match="it is too late for every lever: s"):
            levers_of(late, late.targets[0])


class TestWritten:
    @pytest.mark.parametrize("folder", [".", "below", "../beside"])
    def test_it_runs_from_wherever_it_is(self, solution: Solution, tmp_path: Path, folder: str) -> None:
        home = tmp_path / "plans"
        home.mkdir()
        (home / "plan.yaml").write_text(next(iter(solution.levers.plan.texts.values())), encoding="utf-8")
        assert solution.chosen is not None
        words = (solution.chosen, "chosen", "a story: told")
        (file,) = write_scenarios(solution.levers, home / "plan.yaml", home / folder, {"chosen.yaml": words})
        assert load(file).digest_simulated == solution.levers.chosen(solution.chosen).digest_simulated
        assert (home / folder / "plan").exists() is (folder != ".")

    def test_from_above_it_extends_the_plan_itself(self, solution: Solution, tmp_path: Path) -> None:
        home = tmp_path / "plans"
        home.mkdir()
        (home / "plan.yaml").write_text(next(iter(solution.levers.plan.texts.values())), encoding="utf-8")
        assert solution.chosen is not None
        relative = Path(os.path.relpath(home / "plan.yaml"))
        (file,) = write_scenarios(solution.levers, relative, tmp_path, {"chosen.yaml": (solution.chosen, "c", "")})
        assert file.read_text(encoding="utf-8").startswith("extends: plans/plan.yaml")
        assert load(file).digest_simulated == solution.levers.chosen(solution.chosen).digest_simulated
