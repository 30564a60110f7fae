"""A plan after an update: what it has learned, what happened, who is there; and which of it is simulated."""

from pathlib import Path

import numpy as np
import pytest

from simengine.errors import PlanError
from simengine.plan import Plan, load, loads
from simengine.plan.values import explain
from simengine.units import month_number

PLANS = Path(__file__).parents[1] / "plans"
TEXTS = {str(path.relative_to(PLANS)): path.read_text(encoding="utf-8") for path in PLANS.glob("updated/*.csv")}
TEXTS |= {name: (PLANS / name).read_text(encoding="utf-8") for name in ("updated.yaml", "tiny.yaml")}


def changed(old: str = "", new: str = "", file: str = "updated.yaml") -> Plan:
    """The updated plan with one text in place of another, which it has once."""
    assert not old or TEXTS[file].count(old) == 1
    texts = {**TEXTS, file: TEXTS[file].replace(old, new) if old else TEXTS[file]}
    return loads(texts["updated.yaml"], "updated.yaml", files=texts)


@pytest.fixture(scope="module")
def updated() -> Plan:
    return load(PLANS / "updated.yaml")


def test_it_loads_again_from_its_texts(updated: Plan) -> None:
    assert set(updated.texts) == set(TEXTS)
    again = loads(updated.texts["updated.yaml"], "updated.yaml", files=updated.texts)
    assert again.digest_document == updated.digest_document
    assert again.digest_simulated == updated.digest_simulated


def test_values_are_as_written(updated: Plan) -> None:
    assert updated.plan.grown == 3
    assert updated.learned is not None
    assert updated.learned.origin.file == "tiny.yaml"
    assert [entry.file for entry in updated.learned.evidence] == ["actuals.yaml"]
    assert updated.facts.first == month_number("2027-01")
    assert len(updated.facts.rows) == 33
    assert {group.name: group.tenures for group in updated.team.seats} == {
        "ae-smb": (17.0, 17.0, 2.0),
        "ae-smb-new": (0.5,),
    }


def test_what_was_learned_is_not_widened_again(updated: Plan) -> None:
    stated, simulated = updated.widened(policy=False), updated.widened()
    same = {name for name in stated if stated[name] == simulated[name]}
    assert same == {"leads.inbound", "win_rate.smb"}
    before = updated.assumptions["win_rate.smb"].widened_before(updated.source_policy)
    tiny = load(PLANS / "tiny.yaml")
    assert before == tiny.widened()["win_rate.smb"]
    assert tiny.assumptions["win_rate.smb"].widened_before(tiny.source_policy) is None


def test_learned_correlations_take_the_place_of_declared_ones(updated: Plan) -> None:
    names = ["leads.inbound", "renewal.smb", "win_rate.smb"]
    declared = updated.dependence.copula().correlation_matrix(names)
    assert declared[0, 1] == pytest.approx(0.2)
    found = updated.copula().correlation_matrix(names)
    learned = 2 * np.sin(np.pi * -0.3 / 6)
    assert found == pytest.approx(np.array([[1, 0, learned], [0, 1, 0], [learned, 0, 1]]))


def test_where_others_are_learned_the_rest_stays_as_declared() -> None:
    plan = changed("leads.inbound,win_rate.smb", "attrition.ae,win_rate.smb", "updated/dependence.csv")
    names = ["attrition.ae", "leads.inbound", "renewal.smb", "win_rate.smb"]
    found = plan.copula().correlation_matrix(names)
    assert found[1, 2] == pytest.approx(0.2)
    assert found[0, 3] == pytest.approx(2 * np.sin(np.pi * -0.3 / 6))
    assert np.count_nonzero(np.triu(found, 1)) == 2


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        ("file: actuals.yaml", "file: records.yaml", "updated.yaml"),
        ("as_of: 2027-03-31}\n  dep", "as_of: 2027-03-30}\n  dep", "updated.yaml"),
        ("from: {file: tiny.yaml", "from: {file: other.yaml", "updated.yaml"),
        ("before: {beta: {mean: 22 %, n: 180}}", "before: {beta: {mean: 23 %, n: 180}}", "updated.yaml"),
        ("2027-01,won,smb,inbound,5", "2027-01,won,smb,inbound,6", "updated/facts.csv"),
        ("leads.inbound,win_rate.smb", "win_rate.smb,leads.inbound", "updated/dependence.csv"),
    ],
)
def test_what_is_told_of_an_update_changes_the_document_only(old: str, new: str, file: str, updated: Plan) -> None:
    if old.startswith("as_of"):
        old, new = "as_of: 2027-03-31, digest", "as_of: 2027-03-30, digest"
    other = changed(old, new, file)
    assert other.digest_simulated == updated.digest_simulated
    assert other.digest_document != updated.digest_document


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        ("    before: {beta: {mean: 22 %, n: 180}}\n", "", "updated.yaml"),
        (", growth_from: 2027-01", ", growth_from: 2027-02", "updated.yaml"),
        (", growth_from: 2027-01", "", "updated.yaml"),
        ("tenure_months: [17, 17, 2]", "tenure_months: [17, 2, 17]", "updated.yaml"),
        ("-0.3", "-0.2", "updated/dependence.csv"),
        ("  dependence: {file: updated/dependence.csv}\n", "", "updated.yaml"),
    ],
)
def test_what_an_update_changes_is_simulated(old: str, new: str, file: str, updated: Plan) -> None:
    assert changed(old, new, file).digest_simulated != updated.digest_simulated


def test_growth_from_the_start_is_what_every_plan_has() -> None:
    plain, stated = (changed(", growth_from: 2027-01", new) for new in ("", ", growth_from: 2027-04"))
    assert plain.digest_simulated == stated.digest_simulated


def test_a_scenario_may_replace_a_table_by_rows() -> None:
    text = "extends: updated.yaml\nlearned: {dependence: {rows: []}}\nfacts: null\ntargets: null"
    plan = loads(text, "other.yaml", files=TEXTS)
    assert plan.learned is not None
    assert plan.learned.dependence.rows == plan.facts.rows == ()


def test_every_value_is_explained_with_its_place(updated: Plan) -> None:
    rows = {row.key: row for row in explain(updated)}
    assert rows["plan.growth_from"].value == "2027-01"
    assert rows["assumptions.win_rate.smb.before"].value.startswith("beta")
    assert rows["assumptions.win_rate.smb as simulated"].value == "learned: not widened again"
    assert rows["learned.dependence.rows.1.rho"].where.endswith("updated/dependence.csv:2:3")
    assert rows["facts.rows"].value == "33 rows with 11 outputs of 3 months"
    assert rows["team.seats.ae-smb.tenure_months.3"].value == "2"


def test_facts_of_a_month_that_is_simulated_are_told_at_their_cell() -> None:
    with pytest.raises(PlanError) as caught:
        changed("2027-03,won,", "2027-04,won,", "updated/facts.csv")
    assert [(p.file, p.line, p.column) for p in caught.value.problems] == [("updated/facts.csv", 29, 1)]


def test_a_period_before_the_plan_needs_facts() -> None:
    with pytest.raises(PlanError) as caught:
        changed("facts: {file: updated/facts.csv}\n", "")
    assert {p.key for p in caught.value.problems} == {
        f"targets.{name}.period" for name in ("board ARR", "new ARR", "wins", "first quarter", "bookings", "cash")
    }
