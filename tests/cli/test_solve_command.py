"""`simengine solve` and `simengine frontier` from outside."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from simengine.cli import cli
from simengine.cli.gathered import solution
from simengine.plan import load
from simengine.report.solve import sentence, solve_tables

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
LEVERS = """
levers:
  sellers: {hires: ae-smb-new, starts: [2027-02], range: [0, 2], owner: CRO, lead_time: 1 month}
  coaching:
    improves: [win_rate.smb]
    starts: [2027-02]
    range: [x1.0, x1.2]
    step: x0.05
    cost: {upfront: 20_000}
    owner: CRO
  desk:
    improves: [renewal.smb]
    starts: [2027-01]
    range: [x1.0, x1.04]
    step: x0.01
    cost: {upfront: 30_000}
    owner: CCO
limits: {budget: 500_000}
"""
QUICK = ("-n", "256", "--verify", "3000")


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    file = tmp_path_factory.mktemp("plans") / "levers.yaml"
    file.write_text(TINY.read_text().replace("6_000_000", "5_200_000") + LEVERS)
    return file


def test_solve_says_what_to_do_and_writes_it(plan, tmp_path):
    result = call("solve", plan, "--confidence", "0.45", *QUICK, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    words = (
        "What makes board ARR 45% likely",
        "decide by",
        "together",
        "Certificate: 3,000 fresh paths",
        "shown",
        "seed 8",
    )
    for text in words:
        assert text in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80
    assert f"Next: simengine run {tmp_path / 'out' / 'chosen.yaml'}" in result.stdout
    assert load(tmp_path / "out" / "chosen.yaml").plan.name == "Tiny"
    again = call("solve", plan, *QUICK, "-o", tmp_path / "out")
    assert again.exit_code == 2
    assert "are there already; choose another folder (-o), or add --overwrite" in again.stderr
    assert solution(tmp_path / "out")["chosen"]["levers"]


def test_solve_as_json(plan):
    told = json.loads(call("solve", plan, "--confidence", "0.45", *QUICK, "--json").stdout)
    assert told["chosen"]["shown"]
    assert told["chosen"]["bound"] >= 0.45
    assert told["scenarios"] == []
    assert {one["name"] for one in told["chosen"]["levers"]} <= {"sellers", "coaching", "desk"}


def test_solve_out_of_reach(plan):
    result = call(
        "solve", plan, "--at-least", "9e6", "--confidence", "0.9", "-n", "64", "--verify", "500", "--evaluations", "20"
    )
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    assert "Out of reach: no choice found makes board ARR 90% likely." in words
    assert "The range of the levers binds" in words


def test_what_may_be_within_reach_is_not_called_out_of_reach(plan):
    """The likeliest choice misses the bar of the search, and the interval of fresh paths leaves the rest open."""
    found = call("solve", plan, "--at-least", "9e6", "-n", "64", "--verify", "500", "--evaluations", "20", "--json")
    told = json.loads(found.stdout)
    assert sentence(told).startswith("Out of reach: no choice found makes board ARR 50% likely.")
    told["candidates"][0]["probability"]["upper"] = 0.51
    assert sentence(told).startswith("Not shown: no choice found is shown to make board ARR 50% likely.")


def test_the_likeliest_of_a_search_that_found_none_is_not_called_the_cheapest(plan):
    words = " ".join(call("solve", plan, "--confidence", "0.45", "-n", "16", "--verify", "200").stdout.split())
    assert "None that was tried reaches it. The likeliest was verified, and is shown; a cheaper one may do." in words
    assert "none is cheaper" not in words


def test_none_reaches_it_is_no_more_than_was_tried(plan):
    """Choices that are ruled out because more never hurts may reach it where more does hurt."""
    words = " ".join(call("solve", plan, "--at-least", "9e6", "-n", "64", "--verify", "100").stdout.split())
    assert "None that was tried reaches it" in words
    assert "all were tried" not in words


def test_a_proof_that_hangs_on_an_assumption_names_it(plan):
    told = json.loads(call("solve", plan, "--confidence", "0.45", *QUICK, "--json").stdout)
    for proof, words in (
        ("tried", "On them none is cheaper: "),
        ("monotone", "none is cheaper, if more never hurts: "),
    ):
        console = Console(width=10_000, file=io.StringIO())
        console.print(solve_tables({**told, "search": {**told["search"], "proof": proof}}))
        assert words in console.file.getvalue()


def test_what_stays_as_likely_does_not_rise(plan):
    told = {
        "target": "board ARR",
        "currency": "USD",
        "before": {"value": 0.9},
        "chosen": {
            "levers": [{"name": "ads", "amount": 0.8, "kind": "spend"}],
            "cost": -44_000,
            "probability": {"value": 0.9},
            "gain": {"value": 0.0},
        },
    }
    assert sentence(told) == "Ads x0.8, for $44.0k saved: P(board ARR) stays at 90.0%. Shown."
    told["chosen"] |= {"probability": {"value": 0.85}, "gain": {"value": -0.05}}
    assert "P(board ARR) falls from 90.0% to 85.0%." in sentence(told)


def test_solve_says_what_the_budget_stops(plan):
    words = " ".join(call("solve", plan, "--confidence", "0.45", "--budget", "1000", *QUICK).stdout.split())
    assert "What binds is the budget: without that a choice of" in words


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--reach", "nobody"), "no target is named 'nobody'"),
        (("--reach", "NRR"), "NRR declares no confidence"),
        (("--confidence", "80"), "choose one between 0 and 1"),
        (("--budget", "-1"), "is no amount of money"),
        (("--confidence", "0.999", "-n", "50"), "draws cannot show a confidence of 99.9%; take more (-n)"),
        (("--verify", "0"), "take 1 or more"),
        (("--seed", "-1"), "seed -1: choose a number from 0 to 2^64 - 1"),
        (("-n", "0"), "take 1 or more"),
        (("--verify", "10000000000"), "take fewer to verify"),
        (("-n", "1000000000"), "or of the search (-n)"),
        (("--evaluations", "0"), "allow one choice at least"),
    ],
)
def test_solve_refuses_in_words(plan, wrong, message):
    result = call("solve", plan, *wrong)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_plan_without_levers_is_told_where_they_go():
    result = call("solve", TINY)
    assert result.exit_code == 2
    assert "the plan has no levers: add what could be done under levers:" in result.stderr


def test_frontier_is_told_drawn_and_written(plan, tmp_path):
    folder = tmp_path / "front"
    result = call("frontier", plan, "--points", "3", "-n", "128", "--verify", "1000", "-o", folder)
    assert result.exit_code == 0, result.stderr
    assert "What does it cost to make board ARR likelier?" in result.stdout
    assert (folder / "frontier.png").read_bytes()[:4] == b"\x89PNG"
    assert load(folder / "point-02.yaml").scenario.name == "Tiny: point 2"
    assert call("frontier", plan, "-o", folder).exit_code == 2
    told = json.loads(
        call(
            "frontier", plan, "--points", "3", "-n", "128", "--verify", "1000", "-o", folder, "--overwrite", "--json"
        ).stdout
    )
    costs = [point["cost"] for point in told["points"]]
    assert costs == sorted(costs)
    assert len(told["scenarios"]) == len(costs) <= 3
    assert told["points"][0]["levers"] == []
    assert told["points"][-1]["probability"]["lower"] > told["points"][0]["probability"]["upper"]


@pytest.mark.parametrize("command", ["solve", "frontier"])
def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(plan, tmp_path, command):
    (tmp_path / "taken").write_text("no folder")
    result = call(command, plan, "-n", "9999999", "-o", tmp_path / "taken" / "out")
    assert result.exit_code == 3
    assert "cannot write to" in result.stderr
