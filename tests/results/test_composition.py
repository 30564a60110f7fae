"""What a year is made of, pipeline coverage, and the budget."""

import numpy as np
import pytest

from simengine.errors import SimengineError
from simengine.plan import Plan
from simengine.results.books import Ledger, opening_pipeline
from simengine.results.budget import budget
from simengine.results.cash import opening_bills
from simengine.results.composition import PARTS, composition, composition_of
from simengine.results.economics import metric
from simengine.results.efficiency import efficiency
from simengine.results.pipeline import pipeline_coverage
from tests.results.blocks import EVENTS, Block, collected, flat_block, random_block, small_plan

LOSSES = ("contraction_arr", "churned_arr")
NEW = ("new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller")


def consistent(plan: Plan, draws: int, seed: int) -> Block:
    """Random paths on which new ARR is the sum of its parts and ARR what the bridge says."""
    block = random_block(plan, draws, seed)
    outputs = block.segment
    for name in LOSSES:
        outputs[name][...] *= 1e-3
    outputs["new_arr"][...] = sum(outputs[name] for name in NEW)
    net = outputs["new_arr"] + outputs["expansion_arr"] + outputs["price_arr"] - sum(outputs[name] for name in LOSSES)
    opening = [plan.base[name].arr if name in plan.base else 0.0 for name in sorted(plan.segments)]
    outputs["ending_arr"][...] = opening + np.cumsum(net, axis=1)
    return block


@pytest.fixture(scope="module")
def plan() -> Plan:
    return small_plan(27, plan={"name": "Small", "currency": "EUR", "start": "2026-10", "months": 27}, events=EVENTS)


@pytest.mark.parametrize("window", [(0, 11), (3, 14), (15, 26), (5, 5)])
def test_the_parts_of_a_year_are_ending_arr(plan: Plan, window: tuple[int, int]) -> None:
    ledger = Ledger(plan, consistent(plan, 20, seed=4))
    parts = composition_of(ledger, *window)
    assert parts.shape == (20, len(PARTS))
    np.testing.assert_allclose(parts.sum(axis=1), ledger.books().over("ending_arr", *window), rtol=1e-12)


def test_the_parts_by_hand() -> None:
    """Of a later year, in which ATR tells what is under contract."""
    plan = small_plan(24)
    block = flat_block(
        plan,
        atr=np.array([50_000, 0, 200_000]),
        ending_arr=[1_000_000, 0, 1_000_000],
        churned_arr=[4_000, 0, 0],
        contraction_arr=[1_000, 0, 0],
        price_arr=[0, 0, 2_000],
        expansion_arr=[0, 0, 3_000],
        new_from_pipeline=[10, 0, 0],
        new_from_existing=[20, 0, 0],
        new_from_hires=[30, 0, 0],
        new_without_seller=[0, 0, 40],
    )
    found = dict(zip(PARTS, composition_of(Ledger(plan, block), 12, 23)[0], strict=True))
    # 600,000 of 1,000,000 come up in ent-emea; in smb-na, of short terms, all of it, more than once.
    assert found == pytest.approx(
        {
            "base under contract": 400_000,
            "base after renewal": 1_600_000 - 12 * 3_000,
            "opening pipeline": 120,
            "existing people": 240,
            "hires": 360,
            "without a seller": 480,
            "expansion": 36_000,
        }
    )


def test_composition_of_whole_fiscal_years_with_quantiles(plan: Plan) -> None:
    block = consistent(plan, 200, seed=5)
    ds = collected(plan, block)
    assert list(ds["year"].values) == ["FY2027", "FY2028"]
    found = composition(ds, "FY2028")
    ending = block.segment["ending_arr"][:, 26].sum(axis=1)
    assert float(found["mean"].sum()) == pytest.approx(ending.mean())
    np.testing.assert_allclose(ds["composition"].sel(year="FY2028").sum("part"), ending, rtol=1e-12)
    assert (found["lower"] <= found["value"]).all()
    assert (found["value"] <= found["upper"]).all()
    assert found["value"].sel(part="hires", quantile=0.5) == pytest.approx(
        np.sort(block.segment["new_from_hires"][:, 15:].sum(axis=(1, 2)))[99]
    )
    with pytest.raises(SimengineError, match="'FY2026' is not a whole fiscal year of this plan; it has FY2027, FY2028"):
        composition(ds, "FY2026")


# ---- pipeline ----


def test_coverage_by_month_now_and_needed() -> None:
    plan = small_plan(5)
    block = flat_block(
        plan,
        3,
        pipeline=[60.0, 0, 30],
        new_arr=[10.0, 0, 5],
        won=[1, 0, 2],
        lost=[3, 0, 2],
    )
    found = pipeline_coverage(collected(plan, block))
    assert list(found["month"].values) == ["2027-01", "2027-02", "2027-03"]
    # Nothing is open at the start; then 90 against three months of 15.
    assert found["coverage"].sel(quantile=0.5).values.tolist() == [0, 2, 2]
    assert found["by_segment"].sel(segment="smb-na").values.tolist() == [0, 2, 2]
    assert found["needed_by_segment"].sel(segment=["ent-emea", "smb-na"]).values.tolist() == [4, 2]
    assert found["needed"].item() == 8 / 3


def test_a_plan_shorter_than_a_quarter_has_no_coverage() -> None:
    plan = small_plan(2)
    assert pipeline_coverage(collected(plan, flat_block(plan, 3))).sizes["month"] == 0


def test_the_opening_pipeline_is_worth_what_it_says_or_what_deals_are() -> None:
    demand = {"volume": "10 per month", "rates": ["50 %"], "win_rate": "20 %", "cycle": "2 months"}
    sized = {**demand, "deal_size": 10_000, "outliers": {"share": "10 %", "times": "x6"}}
    row = {"segment": "smb-na", "channel": "inbound", "age_months": 1, "count": 4}
    rows = [
        {**row, "stage": "opportunity", "value": 70_000},
        {**row, "stage": "opportunity"},
        {**row, "stage": "lead", "value": 1_000_000},
    ]
    funnel = {
        "stages": ["lead", "opportunity"],
        "channels": {"inbound": {"segments": {"smb-na": sized}}},
        "opening_pipeline": {"rows": rows},
    }
    plan = small_plan(2, funnel=funnel)
    ledger = Ledger(plan, flat_block(plan))
    # Four at 10,000 · (1 + 0.1 · 5); leads are no opportunities.
    assert opening_pipeline(plan, "smb-na", ledger.timeline).tolist() == [70_000 + 60_000]
    assert ledger.books()["opening_pipeline"].tolist() == [130_000]
    assert ledger.books({"segment": "ent-emea"})["opening_pipeline"].tolist() == [0]


# ---- budget ----


def test_the_budget_adds_up_to_what_is_spent(plan: Plan) -> None:
    block = random_block(plan, 9, seed=6)
    ds = collected(plan, block)
    found = budget(ds, "FY2027-Q2")
    months = slice(6, 9)
    costs = Ledger(plan, block).costs
    assert list(found["team"].values) == ["", "east", "west"]
    np.testing.assert_allclose(
        found["people_cost"].sum(), costs.seats.pay[:, months].sum(axis=(1, 2)).mean(), rtol=1e-12
    )
    np.testing.assert_allclose(
        found["commission"].sel(team="east"), block.group["commission"][:, months, 0].sum(axis=1).mean(), rtol=1e-12
    )
    assert found["programme_spend"].sel(channel="inbound").item() == pytest.approx(15_000)
    for event in EVENTS:
        expected = costs.events[event][:, months].sum(axis=1).mean()
        assert found["event_cost"].sel(event=event).item() == pytest.approx(expected)
    with pytest.raises(SimengineError, match="FY2029 runs from"):
        budget(ds, "FY2029")


# ---- by channel and segment ----


def test_efficiency_is_taken_path_by_path(plan: Plan) -> None:
    block = random_block(plan, 300, seed=7)
    ds = collected(plan, block)
    found = efficiency(ds, "FY2027", "channel")
    ledger = Ledger(plan, block)
    for name in ("cac_new_logo", "cac_payback", "ltv_cac"):
        values = np.sort(metric(ledger.books({"channel": "inbound"}), name, 3, 14))
        np.testing.assert_allclose(found[name].sel(channel="inbound"), values[[29, 149, 269]], rtol=1e-12)
    by_segment = efficiency(ds, "FY2028", "segment", [0.5])
    assert by_segment["ltv_cac"].dims == ("segment", "quantile")
    values = np.sort(metric(ledger.books({"segment": "smb-na"}), "cac_payback", 15, 26))
    assert by_segment["cac_payback"].sel(segment="smb-na").item() == pytest.approx(values[149])
    assert (found["cac_payback_lower"] <= found["cac_payback_upper"]).all()


def test_what_neither_spends_nor_wins_has_no_ratio() -> None:
    plan = small_plan(12)
    found = efficiency(collected(plan, flat_block(plan, 3)), "FY2027", "channel", [0.5])
    # 5,000 a month for inbound and nothing won; nobody spends for partners.
    assert found["cac_new_logo"].sel(channel="inbound").item() == np.inf
    assert np.isnan(found["cac_new_logo"].sel(channel="partner").item())


def test_in_the_first_year_the_contracts_say_what_is_under_contract() -> None:
    plan = small_plan(12)
    found = composition_of(Ledger(plan, flat_block(plan)), 0, 5)[0]
    later = sum(arr for due, arr in opening_bills(plan) if due > 5)
    opening = sum(base.arr for base in plan.base.values())
    assert 0 < later < opening
    assert found == pytest.approx([later, opening - later, 0, 0, 0, 0, 0])
