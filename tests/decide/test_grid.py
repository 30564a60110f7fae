"""Scenarios of a grid: what each name moves, what each point is called, and every mistake at once."""

from collections import Counter
from pathlib import Path

import pytest

from simengine.decide.grid import point, scenarios, words
from simengine.decide.levers import Levers
from simengine.errors import PlanError, SimengineError
from simengine.plan import load, loads
from simengine.plan.schema import Plan

PLANS = Path(__file__).parents[1] / "plans"
NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar"
TINY = (PLANS / "tiny.yaml").read_text(encoding="utf-8")
LEVERS = """
levers:
  sellers: {hires: ae-smb-new, starts: [2027-03, 2027-02], range: [0, 2], owner: CRO}
  louder: {spend: inbound, starts: [2027-01], range: [x1.0, x1.5], step: x0.25, owner: CMO}
"""


@pytest.fixture
def tiny() -> Plan:
    return loads(TINY + LEVERS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY + LEVERS, encoding="utf-8")
    return path


def hires(plan: Plan) -> dict[str, dict[int, int]]:
    return {group.name: dict(group.hires) for group in plan.team.seats}


def spent(plan: Plan, channel: str = "inbound") -> list[float]:
    quantity = plan.funnel.channels[channel].spend
    return [quantity.at(month).number for month in range(plan.plan.start, plan.plan.end + 1)]


class TestNames:
    def test_a_lever_from_its_first_month_on(self, tiny: Plan) -> None:
        levers = Levers(tiny, tiny.plan.end)
        expected = levers.chosen(tuple(2 if dial.name == "sellers 2027-02" else 0 for dial in levers.dials))
        assert point(tiny, {"sellers": "2"}).digest_simulated == expected.digest_simulated

    @pytest.mark.parametrize("text", ["1.25", "x1.25"])
    def test_factors_with_and_without_their_sign(self, tiny: Plan, text: str) -> None:
        for name in ("louder", "spend.inbound"):
            assert spent(point(tiny, {name: text})) == [25_000] * 12

    def test_people_of_a_group_go_where_it_hires(self, tiny: Plan) -> None:
        start = tiny.plan.start
        assert hires(point(tiny, {"hires.ae-smb-new": "3"}))["ae-smb-new"] == {start + 1: 3, start + 3: 2}

    def test_people_of_a_group_that_does_not_hire_start_first(self, tiny: Plan) -> None:
        assert hires(point(tiny, {"hires.ae-smb": "2"}))["ae-smb"] == {tiny.plan.start: 2}

    def test_people_of_a_role_are_spread_in_proportion(self) -> None:
        plan = load(NORTHSTAR / "base.yaml")
        before, after = hires(plan), hires(point(plan, {"hires.csm": "5"}))
        groups = {group.name for group in plan.team.seats if group.role == "csm"}
        assert {name for name in before if before[name] != after[name]} <= groups
        added = sum(sum(after[name].values()) - sum(before[name].values()) for name in groups)
        assert added == 5

    def test_people_who_work_a_territory_get_the_one_that_a_lever_declares(self) -> None:
        plan = load(NORTHSTAR / "base.yaml")
        made = point(plan, {"hires.ae-enterprise-emea-new": "2"})
        assert len(made.team.territories) == len(plan.team.territories) + 2

    def test_fewer_people(self, tiny: Plan) -> None:
        assert not any(hires(point(tiny, {"hires.ae": "-2"}))["ae-smb-new"].values())
        with pytest.raises(PlanError, match="only 2 are to be hired"):
            point(tiny, {"hires.ae": "-3"})

    def test_a_lever_and_people_of_the_same_group_add_up(self, tiny: Plan) -> None:
        made = hires(point(tiny, {"sellers": "1", "hires.ae-smb-new": "1"}))["ae-smb-new"]
        assert sum(made.values()) == 4

    def test_what_an_override_takes(self, tiny: Plan) -> None:
        made = point(tiny, {"economics.gross_margin": "80 %", "win_rate.smb": "30 %"})
        expected = load(PLANS / "tiny.yaml", ["economics.gross_margin=80 %", "win_rate.smb=30 %"])
        assert made.digest_simulated == expected.digest_simulated

    def test_spend_that_changes_is_multiplied_throughout(self) -> None:
        plan = loads(
            TINY.replace("spend: 20_000 per month", "spend: {start: 20_000 per month, 2027-06: 30_000 per month}")
        )
        assert spent(point(plan, {"spend.inbound": "1.5"})) == [30_000] * 5 + [45_000] * 7

    def test_what_leaves_all_as_it_is_is_the_plan(self, tiny: Plan) -> None:
        settings = {"sellers": "0", "hires.ae": "0", "spend.inbound": "1", "louder": "1"}
        assert point(tiny, settings).digest_simulated == tiny.digest_simulated
        assert words(tiny, settings) == ""


class TestGrid:
    def test_is_the_product_of_the_values(self, file: Path) -> None:
        found = scenarios([file], ["hires.ae=0,1,2", "spend.inbound=1,1.2"])
        assert list(found) == [
            "Tiny",
            "spend.inbound x1.2",
            "hires.ae +1",
            "hires.ae +1, spend.inbound x1.2",
            "hires.ae +2",
            "hires.ae +2, spend.inbound x1.2",
        ]
        digests = Counter(plan.digest_simulated for plan in found.values())
        assert max(digests.values()) == 1

    def test_is_laid_over_every_file(self) -> None:
        files = [NORTHSTAR / "base.yaml", NORTHSTAR / "hire-ahead.yaml"]
        found = scenarios(files, ["spend.inbound=1,1.2"])
        assert list(found) == [
            "Northstar FY2027",
            "Northstar FY2027: spend.inbound x1.2",
            "Hire ahead",
            "Hire ahead: spend.inbound x1.2",
        ]

    def test_files_alone_are_as_they_are(self) -> None:
        found = scenarios([NORTHSTAR / "base.yaml", NORTHSTAR / "nrr-95.yaml"])
        assert found["NRR 95 %"].digest_document == load(NORTHSTAR / "nrr-95.yaml").digest_document

    def test_values_may_hold_commas_in_brackets(self, file: Path) -> None:
        found = scenarios([file], ["ramp_months.ae={pert: [2, 3, 5]},4"])
        assert len(found) == 2

    def test_files_of_one_name_are_told_apart(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / f"{name}.yaml").write_text(TINY, encoding="utf-8")
        assert list(scenarios([tmp_path / "a.yaml", tmp_path / "b.yaml"])) == ["Tiny (a)", "Tiny (b)"]


class TestMistakes:
    def test_every_one_is_told_at_once(self, file: Path) -> None:
        vary = [
            "sellers=0,7",
            "hires.nobody=1",
            "hires.ae=many",
            "spend.outbound=2",
            "spend.inbound=-1",
            "economics.gross_margin=80 %,lots",
            "loudr=1",
        ]
        with pytest.raises(PlanError) as caught:
            scenarios([file], vary)
        assert str(caught.value).splitlines() == [
            "--vary economics.gross_margin=lots  economics.gross_margin: 'lots' is neither a number nor the name "
            "of an assumption; expected fraction from 0 to 1, like 22 %, or an assumption's name",
            "--vary hires.ae=many  many is no number of people; write a whole number, like 5",
            "--vary hires.nobody=1  no seat group or role is called nobody; expected one of ae, ae-smb, ae-smb-new",
            "--vary loudr=1  no lever, assumption or key of the plan; did you mean louder?",
            "--vary sellers=7  the lever has no such amount; choose one of 0, 1, 2",
            "--vary spend.inbound=-1  -1 is no factor; write it like 1.2",
            "--vary spend.outbound=2  no channel is called outbound; did you mean inbound?",
        ]

    def test_what_is_wrong_with_one_file_names_it(self, file: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.yaml"
        other.write_text(TINY.replace("name: Tiny", "name: Other"), encoding="utf-8")
        with pytest.raises(PlanError, match=r"other\.yaml, --vary louder=1\.25  no lever, assumption"):
            scenarios([file, other], ["louder=1,1.25"])

    @pytest.mark.parametrize(
        ("vary", "message"),
        [
            (["hires.ae"], "no value is given"),
            (["hires.ae=1,"], "no value is given"),
            (["hires.ae=1", "hires.ae=2"], "is varied twice"),
            (["hires.ae=1,1"], "a value is given twice"),
        ],
    )
    def test_of_writing(self, file: Path, vary: list[str], message: str) -> None:
        with pytest.raises(PlanError, match=message):
            scenarios([file], vary)

    def test_in_files_are_told_of_all(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / f"{name}.yaml").write_text(TINY.replace("months: 12", "months: 0"), encoding="utf-8")
        with pytest.raises(PlanError) as caught:
            scenarios([tmp_path / "a.yaml", tmp_path / "b.yaml"])
        assert {Path(problem.file).name for problem in caught.value.problems} == {"a.yaml", "b.yaml"}

    def test_a_combination_that_cannot_be(self) -> None:
        with pytest.raises(SimengineError, match="at most 10,000"):
            scenarios([PLANS / "tiny.yaml"], [f"x{i}={','.join(map(str, range(30)))}" for i in range(3)])

    def test_too_late_for_a_lever(self) -> None:
        late = loads(TINY + LEVERS.replace("owner: CRO}", "lead_time: 6 months, owner: CRO}"))
        with pytest.raises(PlanError, match="it is too late for this lever"):
            point(late, {"sellers": "1"})

    def test_no_territory_is_known(self) -> None:
        plan = load(NORTHSTAR / "base.yaml")
        with pytest.raises(PlanError, match="one territory for each seat"):
            point(plan, {"hires.ae-enterprise-emea-new": "-1"})

    def test_no_files(self) -> None:
        with pytest.raises(SimengineError, match="no scenario"):
            scenarios([])
