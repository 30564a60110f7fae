"""`simengine history`: its report, its exit codes, and what its documents say."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli
from simengine.learn.history import TABLES
from simengine.learn.mapping import DATES, DECIMALS, HEAD_KEYS, KEEP, LEAVE_OUT, LOOKUP_KEYS, TABLE_KEYS, TENURE_KEYS

ROOT = Path(__file__).parents[2]
NORTHSTAR = str(ROOT / "scenarios" / "northstar" / "base.yaml")
MAPPING = """history: {as_of: 2027-03-31, currency: USD}
opportunities:
  source: deals.csv
  columns: {id: id, segment: segment, created: created, outcome: outcome, closed: closed}
"""
CSV = """id,segment,created,outcome,closed
1,smb-na,2027-01-04,won,2027-02-10
2,smb-na,2027-01-11,lost,2027-03-20
2,smb-na,2027-01-11,lost,2027-03-20
3,SMB NA,2027-02-01,open,
"""


@pytest.fixture
def history(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "history.yaml").write_text(MAPPING)
    (tmp_path / "deals.csv").write_text(CSV)
    return "history.yaml"


def call(*arguments):
    return CliRunner().invoke(cli, ["history", *map(str, arguments)])


def keys_of(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys_of(item)


def test_the_report_is_printed(history):
    result = call(history)
    assert result.exit_code == 0
    assert "history.yaml, as of 2027-03-31" in result.stdout
    assert "opportunities     4     3         1" in result.stdout
    assert "a copy of another record (line 4: id 2)" in result.stdout
    assert "'SMB NA' is written 'smb-na' elsewhere" in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_what_would_mislead_ends_with_2(history, tmp_path):
    (tmp_path / "deals.csv").write_text(CSV.replace("open,", "won,2027-03-01"))
    result = call(history)
    assert result.exit_code == 2
    assert "Refused" in result.stdout
    assert result.stderr.startswith("deals.csv  opportunities.outcome: no record is open")
    assert json.loads(call(history, "--json").stdout)["problems"][0]["key"] == "opportunities.outcome"
    (tmp_path / "history.yaml").write_text(MAPPING.replace("columns", "colums"))
    result = call(history)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "history.yaml:4:3  opportunities.colums: unknown key; did you mean columns?\n"


def test_a_file_that_is_not_there_ends_with_2(tmp_path):
    result = call(tmp_path / "nothing.yaml")
    assert result.exit_code == 2
    assert "the file cannot be read: No such file or directory; check the name" in result.stderr


def test_an_earlier_day_and_a_plan(history):
    document = json.loads(call(history, "--as-of", "2027-01-31", "--plan", NORTHSTAR, "--json").stdout)
    assert document["as_of"] == "2027-01-31"
    dropped = {entry["reason"]: entry["count"] for entry in document["tables"][0]["dropped"]}
    assert dropped == {"a copy of another record": 1, "created after the as-of date 2027-01-31": 1}
    assert call(history, "--as-of", "soon").exit_code == 2
    assert call(history, "--plan", "no-such-plan.yaml").exit_code == 2


def test_every_key_of_the_document_is_documented(history, tmp_path):
    page = (ROOT / "docs" / "cli.md").read_text()
    good = json.loads(call(history, "--json").stdout)
    (tmp_path / "deals.csv").write_text(CSV.replace("open,", "won,2027-03-01"))
    bad = json.loads(call(history, "--json").stdout)
    assert {key for key in keys_of([good, bad]) if f"`{key}`" not in page} <= {"opportunities"}


def test_every_key_of_a_mapping_file_is_documented():
    page = (ROOT / "docs" / "learn" / "actuals.md").read_text()
    words = {word for columns in TABLES.values() for column in columns for word in (column.name, *column.words)}
    keys = {*HEAD_KEYS, *TABLE_KEYS, *DATES, *DECIMALS, *KEEP, LEAVE_OUT, *TABLES, *words}
    assert not {key for key in keys if f"`{key}`" not in page}
    assert not {key for key in (*LOOKUP_KEYS, *TENURE_KEYS) if f"{key}:" not in page and f"`{key}`" not in page}
    required = {column.name for columns in TABLES.values() for column in columns if column.required}
    assert not {name for name in required if f"**`{name}`**" not in page}
