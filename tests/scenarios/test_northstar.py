"""Northstar is the company of its story, and its scenarios change only what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from simengine.baseline import Baseline, baseline, spreadsheet_values
from simengine.plan import load
from simengine.plan.schema import Plan
from simengine.results.economics import books_of, metric

NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar"
YEAR_END = 11
NEW_HIRES = {"ae-enterprise-na-new", "ae-enterprise-emea-new"}
RETENTION = {
    "renewal.smb-na",
    "renewal.midmarket-na",
    "renewal.enterprise-na",
    "renewal.enterprise-emea",
    "expansion.midmarket-na",
    "expansion.enterprise",
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load(NORTHSTAR / "base.yaml")


@pytest.fixture(scope="module")
def spreadsheet(plan: Plan) -> Baseline:
    return operating_plan(plan)


def operating_plan(plan: Plan) -> Baseline:
    return baseline(plan, spreadsheet_values(plan, "operating plan"))


def year_end(result: Baseline, output: str) -> float:
    return float(result.segment[output][0, YEAR_END].sum())


def of_year(result: Baseline, output: str) -> float:
    return float(result.segment[output][0, : YEAR_END + 1].sum())


def nrr(plan: Plan) -> float:
    return year_end(operating_plan(plan), "nrr_arr") / sum(base.arr for base in plan.base.values())


def test_the_company_has_the_size_of_its_story(plan: Plan) -> None:
    selling = {name for name, role in plan.team.roles.items() if role.sells}
    sellers = sum(group.existing for group in plan.team.seats if group.role in selling)
    hires = sum(sum(group.hires.values()) for group in plan.team.seats)
    assert sum(base.arr for base in plan.base.values()) == 85_000_000
    assert set(plan.funnel.channels) == {"inbound", "outbound", "partner", "product-led"}
    assert len(plan.segments) == 4
    assert all(set(segment.labels) == {"geo", "product", "customer_type"} for segment in plan.segments.values())
    assert plan.plan.months == 24
    assert abs(sellers - 60) <= 6
    assert abs(hires - 60) <= 8
    assert {"sdr", "csm"} <= {group.role for group in plan.team.seats}
    assert 1_500 <= sum(base.customers for base in plan.base.values()) <= 2_500


def test_every_assumption_says_where_it_comes_from(plan: Plan) -> None:
    assert 35 <= len(plan.assumptions) <= 45
    for name, assumption in plan.assumptions.items():
        assert assumption.source.reference, name
        assert assumption.source.as_of, name
        assert assumption.owner, name
        assert (assumption.source.kind == "benchmark") == (assumption.source.grade is not None), name


def test_the_plan_values_are_on_the_hopeful_side_of_the_medians_but_not_wildly(plan: Plan) -> None:
    medians = spreadsheet_values(plan, "medians")
    hopeful = 0
    for name, assumption in plan.assumptions.items():
        better = assumption.plan - medians[name]
        hopeful += (better if assumption.risk.adverse == "low" else -better) > 0
    assert hopeful > 0.6 * len(plan.assumptions)
    central = year_end(baseline(plan, medians), "ending_arr")
    assert 103e6 < central < 107.5e6


def test_the_operating_plan_is_108_million(plan: Plan, spreadsheet: Baseline) -> None:
    opening = sum(base.arr for base in plan.base.values())
    assert 107.5e6 <= year_end(spreadsheet, "ending_arr") <= 108.5e6
    assert 1.01 <= year_end(spreadsheet, "nrr_arr") / opening <= 1.05
    assert 0.88 <= year_end(spreadsheet, "grr_arr") / opening <= 0.91


def test_capacity_binds_in_enterprise_and_demand_elsewhere(plan: Plan, spreadsheet: Baseline) -> None:
    stale = dict(zip(sorted(plan.segments), spreadsheet.segment["stale"][0, : YEAR_END + 1].sum(axis=0), strict=True))
    offered = of_year(spreadsheet, "opportunities")
    assert stale["enterprise-na"] > 20
    assert stale["enterprise-emea"] > 20
    assert stale["smb-na"] == stale["midmarket-na"] == 0
    assert sum(stale.values()) < 0.1 * offered


def test_the_funnel_is_of_a_size_that_a_path_can_walk_one_by_one(spreadsheet: Baseline) -> None:
    by_stage = spreadsheet.reached[0].sum(axis=1)
    assert by_stage[:, 0].mean() <= 1_500
    assert by_stage[:, -1].mean() <= 250


def test_hiring_ahead_changes_nothing_but_hires(plan: Plan) -> None:
    ahead = load(NORTHSTAR / "hire-ahead.yaml")
    assert changed_sections(plan, ahead) == {"scenario", "team"}
    assert plan.team.roles == ahead.team.roles
    before = {group.name: group for group in plan.team.seats}
    after = {group.name: group for group in ahead.team.seats}
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == NEW_HIRES
    for name in NEW_HIRES:
        assert before[name].model_copy(update={"hires": after[name].hires}) == after[name]
    end_of_first_quarter = plan.plan.start + 2
    added = 0
    for name in NEW_HIRES:
        first_year = {month: n for month, n in after[name].hires.items() if month <= plan.plan.start + YEAR_END}
        assert max(first_year) <= end_of_first_quarter
        added += sum(after[name].hires.values()) - sum(before[name].hires.values())
    assert added == 6
    gain = year_end(operating_plan(ahead), "ending_arr") - year_end(operating_plan(plan), "ending_arr")
    assert gain > 500_000


def test_retention_scenarios_move_nrr_and_nothing_else(plan: Plan) -> None:
    low, high = load(NORTHSTAR / "nrr-95.yaml"), load(NORTHSTAR / "nrr-100.yaml")
    for scenario in (low, high):
        assert changed_sections(plan, scenario) == {"scenario", "assumptions"}
        changed = {name for name in plan.assumptions if plan.assumptions[name] != scenario.assumptions[name]}
        assert changed == RETENTION
        for name in RETENTION:
            kept = scenario.assumptions[name].model_copy(
                update={"plan": plan.assumptions[name].plan, "distribution": plan.assumptions[name].distribution}
            )
            assert kept == plan.assumptions[name]
    assert nrr(low) == pytest.approx(0.95, abs=0.004)
    assert nrr(high) == pytest.approx(1.00, abs=0.004)
    new = [of_year(operating_plan(one), "new_arr") for one in (low, high)]
    assert new[0] == pytest.approx(new[1], rel=1e-12)
    gain = year_end(operating_plan(high), "ending_arr") - year_end(operating_plan(low), "ending_arr")
    assert gain == pytest.approx(0.05 * 85e6, rel=0.1)


def changed_sections(plan: Plan, other: Plan) -> set[str]:
    return {name for name in Plan.model_fields if getattr(plan, name) != getattr(other, name)}


def test_the_figures_in_the_docs_are_those_of_the_operating_plan(plan: Plan, spreadsheet: Baseline) -> None:
    text = (Path(__file__).parents[2] / "docs" / "northstar.md").read_text(encoding="utf-8")
    books = books_of(plan, spreadsheet, plan.segments)

    def of_2027(name: str) -> float:
        return float(metric(books, name, 0, YEAR_END)[0])

    def attainment(segment: str) -> float:
        """New ARR for each ramped seller of a segment, as a share of quota."""
        new = spreadsheet.segment["new_arr"][0, : YEAR_END + 1, sorted(plan.segments).index(segment)].sum()
        groups = sorted(plan.team.seats, key=lambda group: group.name)
        sellers = [i for i, g in enumerate(groups) if g.segment == segment and plan.team.roles[g.role].sells]
        ramped = spreadsheet.group["ramped"][0, : YEAR_END + 1, sellers].sum() / (YEAR_END + 1)
        quota = plan.team.roles[groups[sellers[0]].role].quota
        assert quota is not None
        return float(new / ramped / quota.number)

    new, expansion = of_2027("new_arr"), of_2027("expansion_arr")
    for claim in (
        f"${of_2027('ending_arr') / 1e6:.1f}M, {of_2027('ending_arr') / 85e6 - 1:.0%}",
        f"{of_2027('nrr'):.1%}, {of_2027('grr'):.1%}",
        f"${new / 1e6:.1f}M, ${expansion / 1e6:.1f}M: expansion is {expansion / (new + expansion):.0%}",
        f"| ${of_2027('cac_new_logo'):.2f} |",
        f"| {of_2027('sm_share'):.0%} |",
        f"{attainment('midmarket-na'):.0%} mid-market, {attainment('enterprise-na'):.0%} enterprise NA, "
        f"{attainment('enterprise-emea'):.0%} EMEA",
    ):
        assert claim.replace("%", " %") in text, claim
