"""`simengine gap` from outside."""

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_it_says_what_is_missing_and_what_would_close_it():
    result = call("gap", TINY, "-n", "200")
    assert result.exit_code == 0, result.stderr
    for text in (
        "board ARR: ending ARR FY2027",
        "of the $6M asked for",
        "new: inbound",
        "churn",
        "no statement of where the gap can be closed",
        "win rate",
        "NRR would have to be",
        "win_rate.smb",
        "historical, n 180, 2026-10-01",
        "the channel has no response",
    ):
        assert " ".join(text.split()) in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_as_json_it_adds_up(tmp_path):
    told = json.loads(call("gap", TINY, "-n", "200", "--no-levers", "--json", "-o", tmp_path).stdout)
    parts = [row["planned"] for row in told["bridge"] if row["segment"] == "all"]
    assert math.fsum(parts) == pytest.approx(told["bottom_up"], abs=0.005)
    assert told["missing"] == pytest.approx(told["top_down"] - told["bottom_up"])
    assert told["levers"] == []
    (figure,) = told["figures"]
    assert Path(figure["png"]).read_bytes()[:4] == b"\x89PNG"
    assert "bottom-up, $6M top-down" in figure["title"]


def test_a_metric_that_is_no_sum_is_told_in_total(tmp_path):
    result = call("gap", TINY, "--reach", "NRR", "-n", "200", "--no-levers", "-o", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "told in total only" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--reach", "nobody"), "no target is named 'nobody'"),
        (("--confidence", "80"), "choose a share from 0.01 to 0.99"),
        (("-n", "3"), "choose 100 at least"),
        (("--history", "nothing.yaml"), "nothing.yaml"),
    ],
)
def test_a_wrong_question_is_2(wrong, message):
    result = call("gap", TINY, *wrong)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
