"""Northstar is the company of its story, and its scenarios change only what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from simengine.baseline import Baseline, baseline, spreadsheet_values
from simengine.plan import load
from simengine.plan.schema import Plan
from simengine.results.books import Ledger
from simengine.results.economics import metric
from simengine.results.targets import period_values
from simengine.simulation import simulate
from tests.reference.test_reference_generated import MECHANISMS

NORTHSTAR = Path(__file__).parents[2] / "scenarios" / "northstar"
DOCS = (Path(__file__).parents[2] / "docs" / "northstar.md").read_text(encoding="utf-8")
YEAR_END = 11
NEW_HIRES = {"ae-enterprise-na-new", "ae-enterprise-emea-new"}
RETENTION = {
    "renewal.smb-na",
    "renewal.midmarket-na",
    "renewal.enterprise-na",
    "dollar_renewal.enterprise-na",
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


def opening_arr(plan: Plan) -> float:
    return sum(base.arr * plan.rate_of(name) for name, base in plan.base.items())


def nrr(plan: Plan) -> float:
    return year_end(operating_plan(plan), "nrr_arr") / opening_arr(plan)


def test_the_company_has_the_size_of_its_story(plan: Plan) -> None:
    selling = {name for name, role in plan.team.roles.items() if role.sells}
    sellers = sum(group.existing for group in plan.team.seats if group.role in selling)
    hires = sum(sum(group.hires.values()) for group in plan.team.seats)
    assert opening_arr(plan) == 85_000_000
    assert set(plan.funnel.channels) == {"inbound", "outbound", "partner", "self-sourced", "product-led"}
    assert len(plan.segments) == 4
    assert all(set(segment.labels) == {"geo", "product", "customer_type"} for segment in plan.segments.values())
    assert plan.plan.months == 24
    assert abs(sellers - 60) <= 6
    assert abs(hires - 60) <= 8
    assert {"sdr", "csm", "account-manager", "sales-manager"} <= {group.role for group in plan.team.seats}
    assert 1_500 <= sum(base.customers for base in plan.base.values()) <= 2_500


def test_every_assumption_says_where_it_comes_from(plan: Plan) -> None:
    assert 35 <= len(plan.assumptions) <= 50
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
    opening = opening_arr(plan)
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


@pytest.mark.parametrize("file", sorted(NORTHSTAR.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_file_is_a_plan_with_the_targets_of_the_board(plan: Plan, file: Path) -> None:
    scenario = load(file)
    assert scenario.targets == plan.targets
    assert file.stem == "base" or (scenario.scenario is not None and scenario.scenario.story)


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


NOT_AT_NORTHSTAR = {
    # an updated plan
    "growth from before the plan",
    "people of different tenure",
    "people who are expected",
    "rows that wait",
    # another company
    "sells once",
    "fiscal year from another month",
    "no opening customers",
    "one stage",
    "no leads",
    "unlimited",
    "short term",
    "all renewals contract",
    "billing",
    # the other way of saying or doing the same
    "step",
    "pooled all the same",  # scenarios/northstar/pooled.yaml
    "assumption in another unit",
    "events on volumes",
    "shocks on volumes",
}
"""What generated plans have and Northstar has not; every other mechanism it uses."""


def test_northstar_uses_every_mechanism(plan: Plan) -> None:
    assert {name for name, uses in MECHANISMS.items() if not uses(plan)} <= NOT_AT_NORTHSTAR
    assert MECHANISMS["pooled all the same"](load(NORTHSTAR / "pooled.yaml"))


def changed_sections(plan: Plan, other: Plan) -> set[str]:
    return {name for name in Plan.model_fields if getattr(plan, name) != getattr(other, name)}


def test_the_figures_in_the_docs_are_those_of_the_operating_plan(plan: Plan, spreadsheet: Baseline) -> None:
    ledger = Ledger(plan, spreadsheet)

    def of_year(name: str, group: dict[str, str] | None = None, first: int = 0) -> float:
        return float(metric(ledger.books(group or {}), name, first, first + YEAR_END)[0])

    def ramped(segment: str) -> float:
        groups = sorted(plan.team.seats, key=lambda group: group.name)
        sellers = [i for i, group in enumerate(groups) if group.segment == segment]
        return float(spreadsheet.group["ramped"][0, : YEAR_END + 1, sellers].sum() / (YEAR_END + 1))

    def working(*roles: str) -> float:
        groups = sorted(plan.team.seats, key=lambda group: group.name)
        return float(sum(spreadsheet.group["working"][0, YEAR_END, i] for i, g in enumerate(groups) if g.role in roles))

    new, expansion = of_year("new_arr"), of_year("expansion_arr")
    attainment = {role: of_year("attainment", {"role": role}) for role in ("ae-midmarket", "ae-enterprise", "ae-smb")}
    by_segment = {name: spreadsheet.segment["new_arr"][0, :12, i].sum() for i, name in enumerate(sorted(plan.segments))}
    per_seller = [by_segment[name] / ramped(name) / 1e3 for name in ("midmarket-na", "enterprise-na")]
    blended_payback = 12 * of_year("cac_blended") / plan.economics.gross_margin.number
    for claim in (
        f"${of_year('ending_arr') / 1e6:.1f}M, {of_year('ending_arr') / 85e6 - 1:.0%}",
        f"{of_year('nrr'):.1%}, {of_year('grr'):.1%}",
        f"${new / 1e6:.1f}M, ${expansion / 1e6:.1f}M: expansion is {expansion / (new + expansion):.0%}",
        f"| ${of_year('cac_new_logo'):.2f}, ${of_year('cac_blended'):.2f} |",
        f"| {of_year('cac_payback'):.0f} months |",
        f"Northstar stands at {blended_payback:.0f} months",
        f"| {of_year('sm_share'):.0%} |",
        f"| {100 * of_year('rule_of_40', first=12):.0f} |",
        f"| {', '.join(f'{share:.0%}' for share in attainment.values())} |",
        f"| ${per_seller[0]:.0f}k, ${per_seller[1]:.0f}k |",
        f"| {working('ae-smb', 'ae-midmarket', 'ae-enterprise') / working('sdr'):.1f} |",
        f"| ${of_year('ending_arr') / working('csm') / 1e6:.1f}M |",
    ):
        assert claim.replace("%", " %") in DOCS, claim


def test_the_spread_of_attainment_in_the_docs_is_simulated(plan: Plan) -> None:
    """The figures come from 4,096 draws; of 512 the 99.99 % interval of each median holds the stated one."""
    ds = simulate(plan, draws=512, twins=0)
    for words, name in (
        ("at or above quota", "at_quota"),
        ("70-80 % of quota", "near_quota"),
        ("below 50 %", "below_half"),
    ):
        stated = int(re.search(rf"\| {re.escape(words)} \| (\d+) %", DOCS)[1]) / 100  # type: ignore[index]
        values = np.sort(period_values(ds, name, "FY2027").values)
        # order statistics around the median: binomial(512, 1/2) is within 4 standard deviations of 256
        low, high = values[256 - 45], values[256 + 45]
        assert low - 0.005 <= stated <= high + 0.005, name
        assert not low <= stated + 0.15 <= high
