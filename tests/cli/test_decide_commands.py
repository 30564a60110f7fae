"""`simengine levers`, `robust` and `handover` from outside."""

import csv
import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8")
LEVERS = """
levers:
  sellers: {hires: ae-smb-new, starts: [2027-02], range: [0, 2], lead_time: 1 month, owner: CRO}
  louder: {spend: inbound, starts: [2027-02], range: [x1.0, x1.5], step: x0.25, owner: CMO}
  coaching:
    {improves: [win_rate.smb], starts: [2027-03], range: [x1.0, x1.2], step: x0.1, cost: {upfront: 9_000}, owner: CRO}
limits: {budget: 200_000}
"""
PLAN = TINY.replace("6_000_000", "4_700_000")


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    file = tmp_path_factory.mktemp("plans") / "plan.yaml"
    file.write_text(PLAN + LEVERS)
    return file


@pytest.fixture(scope="module")
def chosen(plan):
    file = plan.with_name("more.yaml")
    file.write_text(
        "extends: plan.yaml\nscenario: {name: More, story: one more}\n"
        "team: {seats: [{name: ae-smb-new, hires: {2027-02: 2, 2027-04: null}}]}\nlevers: null\n"
    )
    return file


class TestLevers:
    def test_it_tells_what_each_is_worth(self, plan) -> None:
        result = call("levers", plan, "-n", "400")
        assert result.exit_code == 0, result.stderr
        for text in ("What is each lever worth for board ARR?", "coaching", "+1 person", "CRO by 2027-01", "lowest"):
            assert text in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80

    def test_as_json_with_a_figure(self, plan, tmp_path) -> None:
        told = json.loads(call("levers", plan, "-n", "400", "--reach", "NRR", "-o", tmp_path / "f", "--json").stdout)
        assert told["target"] == "NRR"
        assert [row["name"] for row in told["levers"]][-1] == "all together"
        assert {row["owner"] for row in told["levers"]} == {"CRO", "CMO", ""}
        (figure,) = told["figures"]
        assert Path(figure["png"]).read_bytes()[:4] == b"\x89PNG"

    def test_bad_input_ends_in_words(self, plan, chosen) -> None:
        for arguments, message in (
            ((chosen,), "the plan declares no levers"),
            ((plan, "--reach", "profit"), "no target is named 'profit'"),
            ((plan, "-n", "5"), "take 100 at least"),
        ):
            result = call("levers", *arguments)
            assert result.exit_code == 2
            assert message in result.stderr


class TestRobust:
    def test_it_tells_what_would_sink_a_plan(self, plan) -> None:
        result = call("robust", plan, "-n", "400", "--watch", "ramp_months.ae")
        assert result.exit_code == 0, result.stderr
        for text in ("What would sink board ARR?", "ramp_months.ae", "all at once", "as it is"):
            assert text in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80

    def test_beside_another_plan_as_json_with_a_figure(self, plan, chosen, tmp_path) -> None:
        told = json.loads(call("robust", plan, chosen, "-n", "400", "-o", tmp_path / "f", "--json").stdout)
        assert told["names"] == {"chosen": "More", "base": "Tiny"}
        for row in told["cases"]:
            loss = row["given"]["chosen"]["value"] - told["probability"]["chosen"]["value"]
            assert math.isclose(row["loss"]["chosen"]["value"], loss, abs_tol=1e-12)
        assert Path(told["figures"][0]["svg"]).is_file()

    def test_bad_input_ends_in_words(self, plan) -> None:
        for arguments, message in (
            (("--watch", "ramp"), "ramp: the plan has no such assumption or event"),
            (("--confidence", "80"), "'80' is not a probability"),
        ):
            result = call("robust", plan, *arguments)
            assert result.exit_code == 2
            assert message in result.stderr


class TestHandover:
    def test_it_writes_four_files(self, plan, chosen, tmp_path) -> None:
        result = call("handover", chosen, "-o", tmp_path / "out", "--against", plan)
        assert result.exit_code == 0, result.stderr
        assert "1 planned, 1 added, 1 cancelled" in result.stdout
        assert max(map(len, result.stdout.splitlines()[:12])) <= 80
        with (tmp_path / "out" / "requisitions.csv").open() as file:
            assert [row["status"] for row in csv.DictReader(file)] == ["planned", "added", "cancelled"]

    def test_all_files_or_none(self, plan, tmp_path) -> None:
        (tmp_path / "budget.csv").write_text("mine")
        result = call("handover", plan, "-o", tmp_path)
        assert result.exit_code == 2
        assert "is there already" in result.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["budget.csv"]
        assert call("handover", plan, "-o", tmp_path, "--overwrite", "--json").exit_code == 0
        assert (tmp_path / "budget.csv").read_text() != "mine"
