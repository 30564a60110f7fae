"""`simengine backward` from outside."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_it_says_by_when_and_how_many():
    result = call("backward", TINY, "-n", "200", "--delays", "2", "--productive-by", "FY2027-Q3")
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stdout.split())
    for text in (
        "To be productive by 2027-07 (FY2027-Q3)",
        "ae-smb-new",
        "No lever says how long a decision takes for ae-smb-new",
        "What it costs to hire later; board ARR",
        "2 hires, 2027-02 on",
        "Street quota and the plan it is to carry, FY2027",
        "all sellers",
        "Ramped people",
        "new business x",
    ):
        assert text in said
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_as_json_months_are_written_out():
    told = json.loads(call("backward", TINY, "-n", "200", "--delays", "1", "--json").stdout)
    assert told["productive_by"] == "2027-10"
    assert {one["what"] for one in told["ready"]} == {"full workload", "full bookings"}
    assert all(one["latest"][:2] == "20" for one in told["ready"])
    (delays,) = told["delays"]
    assert (delays["first"], [delay["months"] for delay in delays["delays"]]) == ("2027-02", [1])
    assert {one["quarter"] for one in told["capacity"]} == {f"FY2027-Q{n}" for n in (1, 2, 3, 4)}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--reach", "nobody"), "no target is named 'nobody'"),
        (("--productive-by", "soon"), "is not a period"),
        (("--delays", "99"), "choose 0 to 24"),
    ],
)
def test_a_wrong_question_is_2(wrong, message):
    result = call("backward", TINY, *wrong)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
