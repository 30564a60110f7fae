"""Targets of a period that has begun when the plan starts: facts, and what is simulated of it, exactly."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from simengine.errors import SimengineError
from simengine.plan import Plan
from simengine.plan.facts import READ_AT_THE_END
from simengine.plan.targets import COHORT_METRICS, MEASURES
from simengine.results.budget import budget
from simengine.results.composition import PARTS, composition_since_start
from simengine.results.outputs import OUTPUTS, stored
from simengine.results.past import TOLD, Past
from simengine.results.targets import (
    hit_probability,
    inside_values,
    months_of,
    period_values,
    since_start,
    told_values,
    values_so_far,
    whole_plan,
)
from tests.results.blocks import Block, collected, random_block, small_plan

MONTHS = ("2027-01", "2027-02", "2027-03")
DRAWS = 20
HEADER = {"name": "Small", "currency": "EUR", "start": "2027-04", "months": 9, "rates": {"USD": 0.5}}
SEGMENTS = {
    "smb-na": {"geo": "NA", "product": "core", "currency": "USD"},
    "ent-emea": {"geo": "EMEA", "product": "core"},
    "services": {"sells": "once", "geo": "NA"},
}
TERMS = {"renewal_rate": "90 %", "customers": 10, "arr": 1_000_000}


def told(output: str, segment: str, amounts: tuple[float, ...], channel: str = "") -> list[dict[str, Any]]:
    """An output of the three months before the plan."""
    known = {"segment": segment} if segment else {}
    known |= {"channel": channel} if channel else {}
    return [
        {"month": month, "output": output, **known, "value": value}
        for month, value in zip(MONTHS, amounts, strict=True)
    ]


FACTS = [
    *told("new_arr", "smb-na", (100, 200, 400), "inbound"),
    *told("new_arr", "ent-emea", (1, 2, 4), "inbound"),
    *told("one_off_bookings", "services", (0.25, 0, 0.5)),
    *told("expansion_arr", "smb-na", (10, 0, 0)),
    *told("price_arr", "smb-na", (0, 6, 0)),
    *told("contraction_arr", "ent-emea", (0, 0, 3)),
    *told("churned_arr", "ent-emea", (2, 0, 5)),
    *told("won", "smb-na", (3, 0, 2), "inbound"),
    *told("ending_arr", "smb-na", (9e5, 9.5e5, 1e6)),
    *told("ending_arr", "ent-emea", (8e5, 9e5, 1e6)),
    *told("cash", "", (-70, 50, 30)),
]
YEAR = {"period": "FY2027", "at_least": 0}
TARGETS = [
    {"name": "new", "metric": "new_arr", **YEAR},
    {"name": "new of NA", "metric": "new_arr", "where": {"geo": "NA"}, **YEAR},
    {"name": "new by channel", "metric": "new_arr", "where": {"channel": "inbound", "segment": "ent-emea"}, **YEAR},
    {"name": "net", "metric": "net_new_arr", **YEAR},
    {"name": "bookings", "metric": "bookings", **YEAR},
    {"name": "won", "metric": "won", "where": {"channel": "inbound"}, **YEAR},
    {"name": "ARR", "metric": "ending_arr", **YEAR},
    {"name": "lowest", "metric": "lowest_cash", **YEAR},
    {"name": "Q1", "metric": "new_arr", "period": "FY2027-Q1", "at_least": 357},
    {"name": "ARR of Q1", "metric": "ending_arr", "period": "FY2027-Q1", "at_least": 0},
    {"name": "cash of February", "metric": "cash", "period": "2027-02", "at_most": 49},
]


def plan_of(**sections: Any) -> Plan:
    usual = {"plan": HEADER, "segments": SEGMENTS, "base": {"smb-na": TERMS, "ent-emea": TERMS}, "targets": TARGETS}
    return small_plan(**{**usual, "facts": {"rows": FACTS}, "economics": {"opening_cash": 30}, **sections})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(assumptions={})


@pytest.fixture(scope="module")
def block(plan: Plan) -> Block:
    return random_block(plan, DRAWS, seed=3)


@pytest.fixture(scope="module")
def ds(plan: Plan, block: Block) -> xr.Dataset:
    return collected(plan, block, cases={"operating plan": random_block(plan, 1, seed=4)})


def of_target(ds: xr.Dataset, name: str) -> np.ndarray:
    return ds["target_value"].sel(target=name).values


def test_flows_are_facts_and_what_is_simulated_of_the_year(ds: xr.Dataset, block: Block) -> None:
    # The segment smb-na is in dollars, of which one is half a euro.
    new = block.segment["new_arr"]
    assert of_target(ds, "new") == pytest.approx(357 + new.sum(axis=(1, 2)), rel=1e-14)
    assert of_target(ds, "net") == pytest.approx(355 + ds["net_new_arr"].sum("month"), rel=1e-14)
    assert of_target(ds, "bookings") == pytest.approx(357.75 + ds["bookings"].sum("month"), rel=1e-14)
    segments = sorted(SEGMENTS)
    assert of_target(ds, "new of NA") == pytest.approx(
        350 + new[..., [segments.index("smb-na"), segments.index("services")]].sum(axis=(1, 2)), rel=1e-14
    )
    cells = [("inbound", "ent-emea"), ("inbound", "smb-na"), ("partner", "services")]
    by_channel = block.cell["new_arr"][..., cells.index(("inbound", "ent-emea"))].sum(axis=1)
    assert of_target(ds, "new by channel") == pytest.approx(7 + by_channel, rel=1e-14)
    assert of_target(ds, "won") == pytest.approx(5 + block.cell["won"][..., :2].sum(axis=(1, 2)), rel=1e-14)


def test_stocks_are_those_of_the_end_and_the_least_cash_is_of_all_months(ds: xr.Dataset) -> None:
    assert of_target(ds, "ARR").tolist() == ds["ending_arr"].values[:, -1].tolist()
    assert of_target(ds, "lowest").tolist() == np.minimum(-70, ds["cash"].values.min(axis=1)).tolist()


def test_what_is_over_is_known(ds: xr.Dataset) -> None:
    assert set(of_target(ds, "Q1")) == {357}
    assert set(of_target(ds, "ARR of Q1")) == {1_500_000}
    assert set(of_target(ds, "cash of February")) == {50}
    chances = hit_probability(ds)["p"]
    assert chances.sel(target=["Q1", "cash of February"]).values.tolist() == [1, 0]


@pytest.mark.parametrize("name", ["new", "net", "bookings", "ARR", "lowest", "Q1", "ARR of Q1", "cash of February"])
def test_period_values_are_those_of_the_target(ds: xr.Dataset, name: str) -> None:
    target = ds.sel(target=name)
    found = period_values(ds, str(target["metric"].values), str(target["period"].values))
    assert found.values == pytest.approx(of_target(ds, name), rel=1e-14)
    planned = period_values(ds, str(target["metric"].values), str(target["period"].values), "_baseline")
    assert planned.values == pytest.approx(ds["target_value_baseline"].sel(target=name).values, rel=1e-14)


def test_so_far_begins_with_the_plan_and_holds_the_facts(ds: xr.Dataset) -> None:
    found = values_so_far(ds, "new_arr", "FY2027")
    assert found["month"].values.tolist() == ds["month"].values.tolist()
    assert found[0].values == pytest.approx(357 + ds["new_arr"].values[:, 0], rel=1e-14)
    assert found[-1].values == pytest.approx(of_target(ds, "new"), rel=1e-14)
    assert values_so_far(ds, "lowest_cash", "FY2027")[-1].values == pytest.approx(of_target(ds, "lowest"))
    with pytest.raises(SimengineError, match="FY2027-Q1 is over when the plan starts"):
        values_so_far(ds, "new_arr", "FY2027-Q1")


def test_a_result_holds_the_facts(ds: xr.Dataset) -> None:
    assert ds["past_month"].values.tolist() == list(MONTHS)
    assert ds["new_arr_past"].sel(segment="smb-na").values.tolist() == [50, 100, 200]
    assert ds["cash_past"].dims == ("past_month",)
    kept = {str(name).removesuffix("_past") for name in ds.variables if str(name).endswith("_past")}
    expected = {row["output"] for row in FACTS} | {"net_new_arr", "bookings"}
    assert kept == expected
    without = collected(small_plan(15), random_block(small_plan(15), 2, seed=1))
    assert not [name for name in [*without.variables, *without.sizes] if "past" in str(name)]


def test_every_output_that_facts_may_say_has_a_place_in_results() -> None:
    assert set(TOLD) == {*stored("past"), *stored("past of the company")}
    of_the_end = {name for name in MEASURES if OUTPUTS[name].kind == "stock"}
    assert of_the_end - {"lowest_cash"} == READ_AT_THE_END
    assert {OUTPUTS[name].kind for name in COHORT_METRICS} == {"ratio"}


@pytest.mark.parametrize("name", ["attainment", "cac_blended", "revenue", "new_customers", "rule_of_40", "runway"])
def test_what_facts_cannot_tell_is_refused(ds: xr.Dataset, name: str) -> None:
    with pytest.raises(SimengineError, match=name):
        period_values(ds, name, "FY2027")
    assert np.isfinite(period_values(ds, "revenue", "FY2027-Q2")).all()


def test_what_facts_cannot_tell_is_told_of_the_months_inside(ds: xr.Dataset) -> None:
    whole, revenue = (told_values(ds, name, "FY2027") for name in ("new_arr", "revenue"))
    assert (whole.attrs["period"], revenue.attrs["period"]) == ("FY2027", "FY2027 from 2027-04")
    assert whole.values.tolist() == period_values(ds, "new_arr", "FY2027").values.tolist()
    assert revenue.values == pytest.approx(ds["revenue"].sum("month"), rel=1e-14)
    inside = inside_values(ds, "new_arr", "FY2027")
    assert inside.values == pytest.approx(whole.values - 357, rel=1e-14)
    assert inside.attrs["period"] == "FY2027 from 2027-04"
    with pytest.raises(SimengineError, match="rule_of_40"):
        told_values(ds, "rule_of_40", "FY2027")


@pytest.mark.parametrize("suffix", ["", "_baseline"])
def test_a_year_that_has_begun_is_made_of_parts_that_add_up(ds: xr.Dataset, suffix: Any) -> None:
    parts = composition_since_start(ds, "FY2027", suffix)
    assert parts["part"].values.tolist() == list(PARTS)
    signs = {"expansion_arr": 1, "price_arr": 1, "contraction_arr": -1, "churned_arr": -1}
    signs |= dict.fromkeys(("new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller"), 1)
    flows = sum(sign * ds[f"{name}{suffix}"].sum("month").values for name, sign in signs.items())
    assert parts.sum("part").values == pytest.approx(float(ds["opening_arr"].sum()) + flows, rel=1e-9)
    due = float(np.maximum(0, ds["opening_arr"] - ds["atr_by_segment"].sum("month")).sum())
    assert set(parts.sel(part="base under contract").values) == {due}


def test_periods_before_facts_are_outside(ds: xr.Dataset) -> None:
    with pytest.raises(SimengineError, match="the plan from 2027-04 to 2027-12, and facts from 2027-01"):
        period_values(ds, "new_arr", "2026-12")
    assert months_of(ds, "FY2027") == (0, 8)
    with pytest.raises(SimengineError, match="is over"):
        months_of(ds, "FY2027-Q1")
    for period in ("FY2027", "2027-03"):
        with pytest.raises(SimengineError, match="what was spent before 2027-04"):
            budget(ds, period)


def test_stated_bookings_stand_for_what_they_are_made_of(plan: Plan) -> None:
    stated = plan_of(assumptions={}, facts={"rows": [*told("bookings", "smb-na", (2, 4, 8), "inbound"), *FACTS]})
    assert Past(plan).of("bookings", {}).tolist() == [51.25, 102, 204.5]
    assert Past(stated).of("bookings", {}).tolist() == [1, 2, 4]
    assert Past(stated).of("bookings", {"channel": "partner"}).tolist() == [0, 0, 0]


def test_a_period_is_called_by_what_of_it_is_inside_the_plan(ds: xr.Dataset) -> None:
    assert since_start(ds, "FY2027") == "FY2027 from 2027-04"
    assert since_start(ds, "FY2027-Q2") == "FY2027-Q2"
    assert since_start(ds, None) == whole_plan(ds)
