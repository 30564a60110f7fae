"""`simengine walk` from outside."""

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The tiny plan as it is, and with other beliefs and hires."""
    folder = tmp_path_factory.mktemp("runs")
    text = TINY.read_text().replace("6_000_000", "5_000_000")
    later = text.replace("{mean: 22 %, n: 180}", "{mean: 17 %, n: 300}").replace("2027-04: 1", "2027-04: 2")
    for name, plan in (("last", text), ("this", later)):
        (folder / f"{name}.yaml").write_text(plan)
        result = call("run", folder / f"{name}.yaml", "-n", "500", "-o", folder / name)
        assert result.exit_code == 0, result.stderr
    return [folder / "last", folder / "this"]


def test_it_says_why(runs):
    result = call("walk", *runs, "--permutations", "300")
    assert result.exit_code == 0, result.stderr
    assert "Why did P(board ARR) change?" in result.stdout
    for text in ("win_rate.smb", "% → 16.9%", "plan edits", "simulation error", "hires.2027-04 1 → 2"):
        assert text in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_as_json_it_adds_up(runs):
    told = json.loads(call("walk", *runs, "--permutations", "300", "--json").stdout)
    for name, size in (("probability", 1.0), ("value", 5e6)):
        total = math.fsum(bar[name]["value"] for bar in told["bars"])
        assert total == pytest.approx(told[name]["new"]["value"] - told[name]["old"]["value"], abs=1e-9 * size)
    assert told["figures"] == []


def test_it_is_drawn_on_demand(runs, tmp_path):
    told = json.loads(call("walk", *runs, "--permutations", "300", "-o", tmp_path / "drawn", "--json").stdout)
    (figure,) = told["figures"]
    assert Path(figure["png"]).read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "drawn" / "walk.svg").is_file()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--target", "nobody"), "no plan has the target 'nobody'"),
        (("--permutations", "3"), "allow 200 at least"),
        (("--precision", "-1"), "choose one above 0"),
    ],
)
def test_a_wrong_question_is_2(runs, wrong, message):
    result = call("walk", *runs, *wrong)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_what_is_no_run_is_2(runs, tmp_path):
    result = call("walk", runs[0], tmp_path / "nothing")
    assert result.exit_code == 2
    assert "is not there" in result.stderr
