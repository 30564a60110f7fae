"""`simengine fit`, `backtest` and `lookback` from outside."""

import json
import math
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from simengine.cli import cli
from simengine.plan import load
from tests.learn.made import made

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests" / "learn" / "small.yaml"
KEPT = ("opportunities", "contracts", "people", "bookings")


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A year of the small company as CSV files with their mapping."""
    folder = tmp_path_factory.mktemp("records")
    plan = load(SMALL)
    history = made(plan, plan.planned, 0, 7, date(2027, 12, 31))
    lines = ["history: {as_of: 2027-12-31, currency: EUR}"]
    for name in KEPT:
        frame = history.table(name)
        known = [column for column in frame if frame[column].notna().any() and (frame[column] != "").any()]
        frame[known].to_csv(folder / f"{name}.csv", index=False)
        columns = ", ".join(f"{column}: {column}" for column in known)
        lines += [f"{name}:", f"  source: {name}.csv", f"  columns: {{{columns}}}", "  since: 2027-01-01"]
    (folder / "history.yaml").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def inside(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return folder / "history.yaml"


@pytest.fixture(scope="module")
def fitted(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("fitted")
    options = (
        "-o",
        out / "assumptions.yaml",
        "--plan",
        out / "first.yaml",
        "--months",
        "6",
        "--figures",
        out / "figures",
    )
    return out, call("fit", folder / "history.yaml", *options), options


class TestFit:
    def test_the_table_is_printed(self, fitted):
        out, result, _ = fitted
        assert result.exit_code == 0, result.stderr
        for text in ("Assumptions from history as of 2027-12-31", "win_rate.smb", "shortcut", "a quarter", "€"):
            assert text in result.stdout
        assert "What else the same records say" in result.stdout
        assert "ramp_months.ae: fewer than 5 were hired" in result.stderr
        lines = [line for line in result.stdout.splitlines() if str(out) not in line]
        assert max(map(len, lines)) <= 80
        assert f"Next: simengine run {out / 'first.yaml'}" in result.stdout

    def test_the_shortcut_stands_beside_the_estimate(self, fitted, folder):
        told = json.loads(call("fit", folder / "history.yaml", "-o", fitted[0] / "again.yaml", "--json").stdout)
        rate = next(each for each in told["assumptions"] if each["name"] == "win_rate.smb")
        deals = pd.read_csv(folder / "opportunities.csv")
        worked = deals[deals["started"].notna()]
        won, lost = ((worked["outcome"] == outcome).sum() for outcome in ("won", "lost"))
        assert rate["naive"] == pytest.approx(won / (won + lost))
        assert rate["lower"] < rate["value"] < rate["upper"]

    def test_the_plan_is_right_and_runs(self, fitted):
        out = fitted[0]
        plan = load(out / "first.yaml")
        assert (plan.plan.currency, plan.plan.months) == ("EUR", 6)
        result = call("run", out / "first.yaml", "-n", "100", "-o", out / "run")
        assert result.exit_code == 0, result.stderr

    def test_every_kind_of_picture_is_drawn(self, fitted):
        names = {path.name.removesuffix(".png") for path in (fitted[0] / "figures").glob("*.png")}
        assert {"volume.inbound.smb", "win_rate.smb", "deal_size.smb", "attrition.ae"} <= names
        assert {path.name.removesuffix(".svg") for path in (fitted[0] / "figures").glob("*.svg")} == names
        assert "figures" in fitted[1].stdout

    def test_files_that_are_there_stay(self, fitted, folder):
        out, _, options = fitted
        before = (out / "first.yaml").read_text()
        result = call("fit", folder / "history.yaml", *options)
        assert result.exit_code == 2
        assert "is there already; choose another name, or add --overwrite" in result.stderr
        assert (out / "first.yaml").read_text() == before

    def test_nothing_is_written_where_no_plan_comes_of_it(self, inside, tmp_path):
        text = inside.read_text()
        bare = inside.with_name("people-only.yaml")
        bare.write_text(text[: text.index("opportunities:")] + text[text.index("people:") : text.index("bookings:")])
        result = call("fit", bare, "-o", "assumptions.yaml", "--plan", "first.yaml")
        assert result.exit_code == 2
        assert result.stderr.splitlines()[-1].startswith("no plan can be made of this history")
        assert list(tmp_path.iterdir()) == []


class TestBacktest:
    def test_the_tables_are_printed(self, inside, tmp_path):
        result = call("backtest", inside, "--from", "2027-06-30", "-n", "100", "-o", "figures")
        assert result.exit_code == 0, result.stderr
        for text in (
            "What was forecast, and what came",
            "How often intervals held",
            "Scores beside what costs nothing",
        ):
            assert text in result.stdout
        for text in ("2027-06-30", "2027-09-30", "won deals", "customers lost"):
            assert text in result.stdout
        assert (tmp_path / "figures" / "backtest.won.png").is_file()

    def test_as_json(self, inside):
        told = json.loads(call("backtest", inside, "--from", "2027-09-30", "-n", "100", "--json").stdout)
        assert {row["run"] for row in told["forecasts"]} == {"2027-09-30"}
        won = next(row for row in told["forecasts"] if row["metric"] == "won")
        assert won["p10"] <= won["p50"] <= won["p90"]
        assert math.isfinite(won["last"])
        assert {row["group"] for row in told["coverage"]} >= {"won", "bookings"}
        assert told["left_out"] == []

    def test_a_day_too_late_is_refused(self, inside):
        result = call("backtest", inside, "--from", "2027-11-01")
        assert result.exit_code == 2
        assert "no quarter ends on or after 2027-11-01 with a whole one behind it" in result.stderr
        assert "choose an earlier --from" in result.stderr


class TestLookback:
    def test_the_tables_are_printed(self, inside):
        result = call("lookback", inside)
        assert result.exit_code == 0, result.stderr
        assert "Won of decided" in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80

    def test_as_json_of_a_period(self, inside):
        told = json.loads(call("lookback", inside, "--period", "FY2027-Q2", "--json").stdout)
        assert told["as_of"] == "2027-12-31"
        won = next(section for section in told["sections"] if section["title"] == "Won of decided")
        assert 0 < won["rows"][0]["value"] < 1

    def test_a_period_that_is_none_is_refused(self, inside):
        result = call("lookback", inside, "--period", "last year")
        assert result.exit_code == 2
        assert "last year" in result.stderr


def keys_of(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys_of(item)


def test_every_key_is_documented(inside):
    page = (ROOT / "docs" / "cli.md").read_text()
    fitted = json.loads(call("fit", inside, "-o", "a.yaml", "--json").stdout)
    for each in fitted["assumptions"]:
        each["distribution"] = each["also"] = {}
    documents = [
        fitted,
        json.loads(call("backtest", inside, "--from", "2027-09-30", "-n", "50", "--json").stdout),
        json.loads(call("lookback", inside, "--json").stdout),
    ]
    levels = {"0.5", "0.8", "0.9"}
    assert {key for key in keys_of(documents) if f"`{key}`" not in page} - levels == set()
