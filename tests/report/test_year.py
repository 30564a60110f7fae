import io
import math

import numpy as np
import pytest
from rich.console import Console

from simengine.report.facts import facts, year_told
from simengine.report.summary import summary
from simengine.report.year import (
    cash,
    composition,
    coverage,
    made_of,
    quarters,
    quotas,
    whole_periods,
    years_told,
)
from simengine.results.composition import PARTS
from simengine.results.targets import wilson
from tests.report.synthetic import BOARD, NEW, NRR, Goal, dataset

DS = dataset(BOARD, NRR)
ONCE = dataset(Goal("quota", "bookings", at_least=26e6), months=12, sells_once=True)


@pytest.mark.parametrize("period", ["FY2027", "FY2028"])
def test_the_bridge_adds_up(period):
    told = made_of(DS, period)
    signs = {"contraction_arr": -1, "churned_arr": -1}
    flows = sum(signs.get(flow["name"], 1) * flow["mean"] for flow in told["flows"])
    assert told["opening"]["mean"] + flows == pytest.approx(told["closing"]["mean"], rel=1e-12)


def test_where_everything_sells_once_bookings_tell_the_story():
    told = facts(ONCE)
    assert [flow["name"] for flow in told["made_of"]["flows"]] == ["one_off_bookings"]
    assert "opening" not in told["made_of"]
    assert told["quarters"]["metric"] == "bookings"
    assert [ratio["metric"] for ratio in told["ratios"]] == ["sm_share"]


def test_without_costs_there_are_no_ratios_of_spend():
    free = DS.assign(sm_spend=0 * DS["sm_spend"])
    assert [ratio["metric"] for ratio in facts(free)["ratios"]] == ["nrr", "grr"]
    assert len(facts(DS)["ratios"]) == 8


def test_whole_periods_lie_inside_the_plan():
    assert whole_periods(DS, "FY{year}") == ["FY2027", "FY2028"]
    late = dataset(months=12, start="2027-02")
    assert whole_periods(late, "FY{year}") == []
    assert whole_periods(late, "FY{year}-Q{quarter}") == ["FY2027-Q2", "FY2027-Q3", "FY2027-Q4"]
    late.attrs["fiscal_year_start"] = 2
    assert whole_periods(late, "FY{year}") == ["FY2028"]


def test_a_plan_without_a_whole_year_leaves_the_year_out():
    told = facts(dataset(months=5))
    assert told["made_of"] is None
    assert told["ratios"] == []
    assert [quarter["period"] for quarter in told["quarters"]["quarters"]] == ["FY2027-Q1"]


@pytest.mark.parametrize("year", ["FY2027", "FY2028"])
def test_parts_by_certainty_add_up_to_ending_arr(year):
    told = composition(DS, year)
    assert [part["name"] for part in told["parts"]] == list(PARTS)
    for key in ("mean", "operating_plan"):
        assert sum(part[key] for part in told["parts"]) == pytest.approx(told["total"][key])
    # Quantiles do not: parts that go up and down on their own are less uncertain together.
    assert sum(part["p10"] for part in told["parts"]) < 0.999 * told["total"]["p10"]


def test_what_has_no_pipeline_yet_is_everything_new_but_the_opening_pipeline():
    told = composition(DS, "FY2027")
    months = DS["new_arr"].isel(month=slice(12)).values.sum(axis=1)
    expected = (1 - NEW["new_from_pipeline"]) * np.quantile(months, 0.5, method="inverted_cdf")
    assert told["not_created"]["p50"] == pytest.approx(expected)


def test_without_arr_nothing_is_composed():
    assert composition(ONCE, "FY2027") is None
    assert facts(ONCE)["composition"] is None


def test_a_quarter_has_the_chance_of_its_plan():
    first = quarters(DS)["quarters"][0]
    planned = float(DS["net_new_arr_baseline"].sel(case="operating plan").values[:3].sum())
    reached = int((DS["net_new_arr"].values[:, :3].sum(axis=1) >= planned).sum())
    assert first["operating_plan"] == pytest.approx(planned)
    expected = dict(zip(("value", "lower", "upper"), map(float, wilson(reached, 800)), strict=True))
    assert first["probability_of_operating_plan"] == expected
    assert 0 < reached < 800


def test_coverage_is_what_is_open_over_three_months_of_bookings():
    told = coverage(DS)
    ahead = DS["bookings"].values[:, :3].sum(axis=1)
    assert told["p50"] == np.quantile(9 * 2.1e6 / ahead, 0.5, method="inverted_cdf")
    # A quarter of the deals is won.
    assert told["needed"] == pytest.approx(4, rel=0.02)
    (segment,) = told["segments"]
    assert segment["coverage"] == pytest.approx(9 * 2.1e6 / ahead.mean())


def test_there_is_no_coverage_without_pipeline_or_three_months():
    assert coverage(DS.assign(opening_pipeline=0 * DS["opening_pipeline"])) is None
    assert coverage(DS.isel(month=slice(2))) is None


def test_cash_is_told_by_year_and_the_rule_of_40_from_the_second_on():
    told = cash(DS, ["FY2027", "FY2028"])
    assert [(row["metric"], row["period"]) for row in told[:3]] == [
        ("lowest_cash", "FY2027"),
        ("runway", "FY2027"),
        ("burn_multiple", "FY2027"),
    ]
    assert [row["period"] for row in told if row["metric"] == "rule_of_40"] == ["FY2028"]
    # It burns 0.4M a month: the least cash is that at the end.
    assert told[0]["p50"] == np.quantile(DS["cash"].values[:, 11], 0.5, method="inverted_cdf")
    assert told[0]["unit"] == "USD"
    assert cash(dataset(cash=0.0), ["FY2027"]) == []


def test_seats_by_attainment_are_of_the_paths_alone():
    told = {row["metric"]: row for row in quotas(DS, "FY2027")}
    assert list(told) == ["quota", "attainment", "at_quota", "near_quota", "below_half"]
    shares = DS["rated_at_quota"].values[:, :12].sum(axis=1) / 720
    assert told["at_quota"]["p90"] == pytest.approx(np.quantile(shares, 0.9, method="inverted_cdf"))
    assert math.isnan(told["at_quota"]["operating_plan"])
    assert math.isfinite(told["attainment"]["operating_plan"])
    assert quotas(DS.assign(quota=0 * DS["quota"]), "FY2027") == []


def begun():
    """A plan from April on, with facts of the three months before it."""
    ds = dataset(Goal("Q2", period="FY2027-Q2", at_least=80e6), months=21, start="2027-04")
    one = ds.sizes["segment"]
    return ds.assign_coords(past_month=["2027-01", "2027-02", "2027-03"]).assign(
        new_arr_past=(("past_month", "segment"), np.full((3, one), 2e6)),
        atr_by_segment=(("month", "segment"), np.full((21, one), 1e6)),
    )


def test_a_year_that_has_begun_is_told_where_facts_hold_its_months():
    ds = begun()
    assert years_told(ds) == ["FY2027", "FY2028"]
    assert year_told(ds) == "FY2027"
    assert year_told(ds.drop_dims("past_month")) == "FY2028"
    assert year_told(DS) == "FY2027"
    late = dataset(Goal("next year", period="FY2028", at_least=80e6))
    assert year_told(late) == "FY2028"
    told = facts(ds)
    made = told["composition"]
    assert (made["period"], made["since"]) == ("FY2027", "2027-04")
    assert sum(part["mean"] for part in made["parts"]) == pytest.approx(made["total"]["mean"])
    assert made["parts"][0]["mean"] == pytest.approx(85e6 - 9 * 1e6)
    assert told["made_of"]["period"] == "FY2027 from 2027-04"
    assert told["made_of"]["opening"]["mean"] == pytest.approx(85e6)
    assert [row["period"] for row in told["quotas"][:2]] == ["FY2027 from 2027-04"] * 2
    nine = ds["quota"].values[:, :9].sum(axis=1)
    assert told["quotas"][0]["p50"] == pytest.approx(np.quantile(nine, 0.5, method="inverted_cdf"))
    assert told["cash"][0]["period"] == "FY2027 from 2027-04"


def test_a_summary_says_which_ratio_is_of_the_whole_year():
    ds = begun()
    text = "\n".join(str(line) for line in _lines(facts(ds) | {"drivers": None, "no_drivers": "none"}))
    assert "Do sellers reach their quotas of FY2027 from 2027-04?" in text
    assert "What is FY2027 from 2027-04 made of?" in text


def _lines(told):
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(summary(told))
    return console.file.getvalue().splitlines()
