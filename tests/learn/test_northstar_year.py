"""The made year of northstar that is committed is what its command makes, and reads back as it was."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from simengine.learn.history import TABLES, History
from simengine.plan import Plan, load
from tests.learn.exported import renumbered, write
from tests.learn.made import made
from tests.learn.northstar_year import CALLED, FAULT, PLAN, QUARTERS, quarter, truth

ACTUALS = Path("scenarios/northstar/actuals")
SEED = 5


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load(PLAN)


@pytest.fixture(scope="module")
def quarters(plan: Plan) -> dict[str, History]:
    return {name: quarter(plan, QUARTERS[name], fault=True) for name in ("2027-Q1", "2027-Q2")}


@pytest.mark.parametrize("name", ["2027-Q1", "2027-Q2"])
def test_the_committed_files_are_those_that_the_command_makes(
    plan: Plan, quarters: dict[str, History], name: str, tmp_path: Path
) -> None:
    write(quarters[name], tmp_path, plan, "", CALLED)
    for made_file in tmp_path.glob("*.csv"):
        assert made_file.read_bytes() == (ACTUALS / name / made_file.name).read_bytes(), made_file.name


def test_the_fault_is_in_the_records(plan: Plan, quarters: dict[str, History]) -> None:
    """Of the inbound leads of January and February, who all had a month to pass, 28 % did: not 40 %."""
    leads = quarters["2027-Q1"].table("leads")
    ripe = leads[(leads.channel == "inbound") & (leads.created < pd.Timestamp(2027, 3, 1))]
    n, passed = ripe["count"].sum(), ripe.loc[ripe["reached:sql"].notna(), "count"].sum()
    p = truth(plan, fault=True).values[FAULT]
    assert p == pytest.approx(0.28)
    assert abs(passed - n * p) < 3.3 * (n * p * (1 - p)) ** 0.5  # one in a thousand
    assert passed < n * 0.4 - 3.3 * (n * 0.4 * 0.6) ** 0.5


def test_an_id_is_the_same_in_every_quarter(quarters: dict[str, History]) -> None:
    first, second = quarters.values()
    for table, key, day in (
        ("opportunities", "id", "created"),
        ("contracts", "customer", "renews"),
        ("people", "id", "start"),
    ):
        early, late = (history.table(table) for history in (first, second))
        both = early.merge(late, on=[key, day])
        assert len(both) == len(early)


def test_files_read_back_as_the_history_that_was_written(tmp_path: Path) -> None:
    actuals = pytest.importorskip("simengine.learn.actuals")
    small = load("tests/learn/small.yaml")
    for counted in (False, True):
        history = renumbered(made(small, small.planned, 1, SEED, date(2027, 6, 30), counted=counted))
        path = write(history, tmp_path / str(counted), small)
        found = actuals.read(path, plan=small)
        assert not found.report.at("dropped")
        assert not found.report.at("repaired")
        for name in TABLES:
            pd.testing.assert_frame_equal(found.history.table(name), history.table(name), obj=name)
        assert dict(found.history.since) == dict(history.since)
        assert found.history.as_of == history.as_of
