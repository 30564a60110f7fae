"""`simengine diff` from outside."""

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli

SMALL = Path(__file__).parents[1] / "learn" / "small.yaml"
FAST = ("-n", "300", "--orders", "200")


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """The small plan, one with other hires, belief and owner, and one that differs in words only."""
    folder, text = tmp_path_factory.mktemp("plans"), SMALL.read_text()
    later = text.replace("{mean: 24 %, n: 90}", "{mean: 20 %, n: 90}").replace("2027-05: 1", "2027-05: 3")
    for name, plan in (
        ("one", text),
        ("two", later.replace("owner: HR", "owner: COO")),
        ("same", f"{text}# so it is\n"),
    ):
        (folder / f"{name}.yaml").write_text(plan)
    return [folder / f"{name}.yaml" for name in ("one", "two", "same")]


def test_it_says_what_differs_and_what_it_does(plans):
    result = call("diff", *plans[:2], *FAST)
    assert result.exit_code == 0, result.stderr
    for text in ("What each change does to P(board ARR)", "win_rate.smb", "hires.2027-05", "COO", "they add"):
        assert text in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_as_json_it_adds_up(plans):
    told = json.loads(call("diff", *plans[:2], *FAST, "--json").stdout)
    effect = told["effect"]
    assert not told["same"]
    assert math.fsum(bar["probability"]["value"] for bar in effect["bars"]) == pytest.approx(
        effect["probability"]["new"]["value"] - effect["probability"]["old"]["value"], abs=1e-9
    )
    assert {one["what"]: one["owner"] for one in told["changes"]} == {
        "distribution": "CRO",
        "owner": "COO",
        "hires.2027-05": "",
    }
    assert told["figures"] == []


def test_it_is_drawn_on_demand(plans, tmp_path):
    (figure,) = json.loads(call("diff", *plans[:2], *FAST, "-o", tmp_path / "drawn", "--json").stdout)["figures"]
    assert Path(figure["png"]).read_bytes()[:4] == b"\x89PNG"


def test_without_simulation_it_lists(plans):
    result = call("diff", *plans[:2], "--no-simulate")
    assert result.exit_code == 0
    assert "What differs: 3 values" in result.stdout
    told = json.loads(call("diff", *plans[:2], "--no-simulate", "--json").stdout)
    assert told["effect"] is None
    assert len(told["changes"]) == 3


@pytest.mark.parametrize("option", [(), ("--no-simulate",)])
def test_the_same_is_said_to_be_the_same(plans, option):
    result = call("diff", plans[0], plans[2], *option)
    assert (result.exit_code, result.stdout) == (0, "The two plans say the same.\n")


def test_a_wrong_question_is_2(plans):
    result = call("diff", *plans[:2], "--reach", "nobody")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no plan has the target 'nobody'" in result.stderr
