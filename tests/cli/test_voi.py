"""`simengine voi` from outside."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli

TINY = str(Path(__file__).parents[1] / "plans" / "tiny.yaml")
FEW = ("-n", "600")


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of the tiny plan as it is, and with two sellers more."""
    folder = tmp_path_factory.mktemp("runs")
    made = {"as-planned": (), "two-more": ("--set", "team.seats.ae-smb.existing=5")}
    for name, more in made.items():
        result = call("run", TINY, *FEW, *more, "-o", folder / name)
        assert result.exit_code == 0, result.stderr
    return [folder / name for name in made]


def test_it_tells_the_best_and_what_knowledge_is_worth(runs):
    result = call("voi", *runs, "--payoff", "cash + ending_arr")
    assert result.exit_code == 0, result.stderr
    assert "Which scenario, by cash + ending ARR, 2027-01 to 2027-12?" in result.stdout
    for text in ("everything", "all assumptions", "the most that can be learnt", "600 paths, the same chance"):
        assert text in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_as_json(runs):
    told = json.loads(call("voi", *runs, "--cost", "tiny=1_000_000_000", "--json").stdout)
    assert told["best"] != "tiny"
    assert told["scenarios"][0]["name"] == "tiny"
    assert told["costs"] == {"tiny": 1e9}
    assert told["evpi"]["value"] == 0
    assert set(told["assumptions"][0]) >= {"name", "kind", "evppi", "distinguishable", "rank_group", "switch_at"}


def test_it_is_drawn_on_demand(runs, tmp_path):
    told = json.loads(call("voi", *runs, "-o", tmp_path / "drawn", "--json").stdout)
    (figure,) = told["figures"]
    assert Path(figure["png"]).read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "drawn" / "worth.svg").is_file()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--payoff", "nrr"), "nrr is not money"),
        (("--worth", "board"), "write NAME=AMOUNT with digits only"),
        (("--cost", "x=1"), "no scenario is named 'x'"),
        (("--period", "FY2030"), "FY2030 runs from"),
    ],
)
def test_a_wrong_question_is_2(runs, wrong, message):
    result = call("voi", *runs, *wrong)
    assert result.exit_code == 2
    assert message in result.stderr


def test_runs_that_are_no_choice_are_2(runs, tmp_path):
    assert "two scenarios or more" in call("voi", runs[0]).stderr
    assert "named twice" in call("voi", runs[0], runs[0]).stderr
    assert call("run", TINY, *FEW, "--seed", "8", "-o", tmp_path / "other").exit_code == 0
    result = call("voi", runs[0], tmp_path / "other")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "as-planned and other differ in their seed (7, 8)" in result.stderr
