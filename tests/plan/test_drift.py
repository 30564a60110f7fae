"""What history tells of a quantity's drift is taken in place of that of the source policy."""

from pathlib import Path

import numpy as np
import pytest

from simengine.plan import Plan, loads
from simengine.plan.beliefs import widened
from simengine.plan.values import explain

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8")
TAILS = np.array([0.1, 0.9])
SOURCE = 'reference: "CRM export, opportunities.csv", n: 180, as_of: 2026-10-01'


def with_drift(drift: str) -> Plan:
    """The tiny plan, its win rate with a drift of its own."""
    assert TINY.count(SOURCE) >= 1
    return loads(TINY.replace(SOURCE, f"{SOURCE}, drift: {drift}", 1), "tiny.yaml")


def width(plan: Plan, name: str = "win_rate.smb") -> float:
    """P10 to P90 as simulated."""
    one = plan.assumptions[name]
    simulated = widened(one.distribution, one.unit, one.source.kind, plan.source_policy.of(one.source))
    return float(np.ptp(simulated.ppf(TAILS)))


def test_its_own_drift_widens_it() -> None:
    usual = loads(TINY, "tiny.yaml")
    assert width(with_drift("10 %")) == pytest.approx(width(usual))
    assert width(with_drift("30 %")) > 1.3 * width(usual)
    assert width(with_drift("0 %")) < width(usual)
    one = usual.assumptions["win_rate.smb"].distribution
    stated = float(np.ptp(one.ppf(TAILS)))
    assert width(with_drift("0 %")) == pytest.approx(stated)
    assert width(with_drift("30 %"), "leads.inbound") == width(usual, "leads.inbound")


def test_it_is_shown_where_it_stands() -> None:
    rows = {row.key: row for row in explain(with_drift("30 %"))}
    row = rows["assumptions.win_rate.smb as simulated"]
    assert row.value == "historical: drift of 30 % a year added"
    line = TINY[: TINY.index(SOURCE)].count("\n") + 1
    assert f"tiny.yaml:{line}:" in row.where


def test_it_changes_what_is_simulated() -> None:
    assert with_drift("30 %").digest_simulated != loads(TINY, "tiny.yaml").digest_simulated
