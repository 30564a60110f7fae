"""Choices of levers: what they cost, what limits allow, and the plan that they make."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from simengine.decide.levers import Levers, Mix
from simengine.plan import load, loads
from simengine.simulation import simulate
from simengine.simulation.reached import last_month, target_values

PLANS = Path(__file__).parents[1] / "plans"
TINY = (PLANS / "tiny.yaml").read_text(encoding="utf-8")
LEVERS = """
levers:
  sellers: {hires: ae-smb-new, starts: [2027-02, 2027-03], range: [-1, 2], owner: CRO}
  louder: {spend: inbound, starts: [2027-01, 2027-07], range: [x1.0, x1.5], step: x0.25, owner: CMO}
  coaching:
    improves: [win_rate.smb]
    starts: [2027-04]
    range: [x1.0, x1.2]
    step: x0.1
    cost: {upfront: 5_000, monthly: 1_000 per month}
    owner: CRO
limits: {budget: 100_000, hires_per_month: 2}
"""


def full() -> Levers:
    plan = load(PLANS / "full.yaml")
    return Levers(plan, last_month(plan, plan.targets[:1]))


def everything(levers: Levers) -> Mix:
    return tuple(len(dial.amounts) - 1 for dial in levers.dials)


def tiny(text: str = LEVERS.replace("[-1, 2]", "[0, 2]")) -> Levers:
    plan = loads(TINY + text)
    return Levers(plan, plan.plan.end)


class TestCost:
    def test_of_people_is_recruiting_and_pay_until_the_period_ends(self) -> None:
        levers = tiny()
        # One seller from February: 15,000 once, 180,000 a year for eleven months.
        assert levers.cost((1, 0, 0, 0, 0)) == pytest.approx(15_000 + 180_000 * 11 / 12)
        assert levers.cost((0, 2, 0, 0, 0)) == pytest.approx(2 * (15_000 + 180_000 * 10 / 12))

    def test_of_spend_is_the_money_on_top_of_what_is_spent_before(self) -> None:
        levers = tiny()
        assert levers.costs((0, 0, 1, 2, 0)) == {
            "louder 2027-01": pytest.approx(20_000 * 12 * 0.25),
            "louder 2027-07": pytest.approx(20_000 * 6 * 1.25 * 0.5),
        }

    def test_of_an_improvement_is_what_is_declared_by_step(self) -> None:
        assert tiny().cost((0, 0, 0, 0, 2)) == pytest.approx(2 * (5_000 + 9 * 1_000))

    def test_nothing_is_spent_after_the_period(self) -> None:
        plan = loads(TINY + LEVERS.replace("[-1, 2]", "[0, 2]"))
        assert Levers(plan, plan.plan.start).cost((2, 2, 0, 2, 2)) == 0

    def test_whoever_is_not_hired_saves(self) -> None:
        levers = tiny(LEVERS.replace("[2027-02, 2027-03]", "[2027-02]"))
        assert levers.cost((0, 0, 0, 0)) == pytest.approx(-(15_000 + 180_000 * 11 / 12))

    def test_by_hand(self) -> None:
        levers = full()
        assert levers.costs(everything(levers)) == {
            "more sellers 2026-10": pytest.approx(3 * (20_000 + 9 * 14_000)),
            "more sellers 2027-02": pytest.approx(3 * (20_000 + 5 * 14_000)),
            "fewer consultants": 0,  # hunters are paid nothing
            "louder": pytest.approx(100_000 * 11 * 0.3),
            "deal desk": pytest.approx(2 * 10 * 8_000),
            "launch sooner": pytest.approx(2 * 0.7 * 10_000),
        }


class TestLimits:
    def test_the_plans_own_hires_count(self) -> None:
        levers = tiny()
        # February has one of the plan, March none.
        assert not levers.is_allowed((2, 0, 0, 0, 0))
        assert not levers.is_allowed((0, 2, 0, 0, 0))  # the budget
        assert Levers(levers.plan, levers.plan.plan.start + 2).is_allowed((1, 1, 0, 0, 0))
        assert not Levers(levers.plan, levers.plan.plan.start + 2).is_allowed((2, 0, 0, 0, 0))

    def test_what_the_plan_exceeds_itself_is_no_fault_of_a_choice(self) -> None:
        levers = tiny(LEVERS.replace("[-1, 2]", "[0, 2]").replace("hires_per_month: 2", "hires_per_month: 0"))
        assert levers.is_allowed(levers.neutral)
        assert not levers.is_allowed((1, 0, 0, 0, 0))

    def test_what_it_is_too_late_for_stays_as_it_is(self) -> None:
        text = LEVERS.replace("[-1, 2]", "[0, 2]").replace("owner: CRO}", "lead_time: 3 months, owner: CRO}", 1)
        levers = tiny(text)
        # Known at the end of December, so a start in March is decided in December.
        assert levers.closed == ("sellers 2027-02",)
        assert next(dial.name for dial in levers.dials) == "sellers 2027-03"


class TestChoice:
    def test_is_the_same_plan_as_its_scenario_file(self, tmp_path: Path) -> None:
        shutil.copytree(PLANS, tmp_path / "plans", ignore=shutil.ignore_patterns("broken"))
        levers = full()
        for mix in (everything(levers), tuple(0 for _ in levers.dials), (1, 0, 1, 2, 0, 1)):
            file = tmp_path / "plans" / "chosen.yaml"
            file.write_text(levers.scenario(mix, "full.yaml", "Chosen"), encoding="utf-8")
            assert load(file).digest_simulated == levers.chosen(mix).digest_simulated
            assert load(file).digest_simulated != levers.plan.digest_simulated

    def test_an_event_may_be_put_off_beyond_the_plan(self) -> None:
        text = """
events:
  launch:
    kind: initiative
    owner: CMO
    source: {kind: judgment, reference: launch plan}
    starts: {pert: [2027-03, 2027-05, 2027-08]}
    plan: 2027-05
    effect: {leads.inbound: x1.2}
levers: {wait: {event: launch, range: [-12, 2], owner: CMO}}
"""
        levers = tiny(text)
        assert levers.chosen((0,)).events["launch"].plan == "never"
        assert levers.chosen((5,)).events["launch"].plan == levers.plan.plan.end

    def test_levers_change_no_digest_of_what_is_simulated(self) -> None:
        assert loads(TINY).digest_simulated == tiny().plan.digest_simulated
        assert tiny().chosen(tiny().neutral) is not None

    def test_says_what_it_changes(self) -> None:
        changes = full().changes(everything(full()))
        assert changes["team"]["seats"][0] == {"name": "ae-mid-new", "hires": {"2026-10": 3, "2027-02": 3}}
        assert len(changes["team"]["territories"]) == 6
        assert changes["funnel"]["channels"]["inbound"]["spend"] == {"2026-08": "130_000 per month"}
        assert changes["events"]["deal desk"]["effect"] == {"win_rate.mid": "x1.1"}
        assert changes["events"]["partner launch"] == {
            "starts": {"pert": ["2026-07", "2026-09", "2027-02"]},
            "plan": "2026-08",
        }

    def test_later_spend_builds_on_earlier(self) -> None:
        spend = tiny().changes((0, 0, 1, 2, 0))["funnel"]["channels"]["inbound"]["spend"]
        assert spend == {"start": "25_000 per month", "2027-07": "37_500 per month"}

    def test_more_people_reach_more_on_the_same_draws(self) -> None:
        levers = tiny()
        few, many = (
            target_values(levers.chosen(mix), 0, 400, targets=levers.plan.targets[:1])[:, 0]
            for mix in (levers.neutral, (2, 2, 0, 0, 0))
        )
        assert many.mean() > few.mean()
        # Before the first of them starts nothing differs: most of the year is shared.
        assert np.corrcoef(few, many)[0, 1] > 0.9


class TestTargetValues:
    @pytest.mark.parametrize("name", ["full", "tiny"])
    def test_are_those_of_a_run(self, name: str) -> None:
        plan = load(PLANS / f"{name}.yaml")
        ds = simulate(plan, draws=60, seed=3, twins=0)
        found = target_values(plan, 10, 50, seed=3)
        np.testing.assert_allclose(found, ds["target_value"].values[10:50], rtol=1e-12)
        assert not np.allclose(found, target_values(plan, 10, 50, seed=4))

    def test_are_cut_off_when_the_fiscal_year_is_over(self) -> None:
        plan = load(PLANS / "full.yaml")
        assert last_month(plan, plan.targets[:1]) == plan.plan.start + 11
        assert last_month(plan, plan.targets[2:3]) == plan.plan.start + 11  # June ends the fiscal year
