"""The value of information of a choice between runs made by hand."""

import math

import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtr

import simengine
from simengine.errors import SimengineError
from simengine.explain import information

DRAWS, TWINS = 4096, 1024
COEFFICIENTS = np.array([0.2, 0.8, 0.0, -0.8])
NOISE, AHEAD = 1.0, 0.3
KNOWN = float(np.sqrt(COEFFICIENTS @ COEFFICIENTS))


def worth(mean: float, spread: float) -> float:
    """What knowing a normal difference is worth before choosing."""
    t = abs(mean) / spread
    return spread * (math.exp(-t * t / 2) / math.sqrt(2 * math.pi) - t * float(ndtr(-t)))


def labelled(ds: xr.Dataset, **attrs) -> xr.Dataset:
    k = ds.sizes["assumption"]
    labels = {"owner": ("assumption", ["CFO"] * k), "source_kind": ("assumption", ["judgment"] * k)}
    return ds.assign_coords(labels).assign_attrs({"seed": "7", **attrs})


@pytest.fixture(scope="module")
def runs(make_run):
    """Two scenarios that share much; the second is ahead by 0.3 on average, more where inputs 1 is high or 3 is low."""
    rng = np.random.default_rng(2027)
    x = rng.normal(size=(DRAWS, len(COEFFICIENTS)))
    gain = AHEAD + x @ COEFFICIENTS
    shared, y_twin = 50 * rng.normal(size=DRAWS), 50 * rng.normal(size=TWINS)
    y, twin = gain + NOISE * rng.normal(size=DRAWS), gain[:TWINS] + NOISE * rng.normal(size=TWINS)
    base = labelled(make_run(x, 100 + shared, 100 + y_twin, at_least=100.0))
    bold = labelled(make_run(x, 100 + shared + y, 100 + y_twin + twin, at_least=100.0))
    return {"base": base, "bold": bold}


@pytest.fixture(scope="module")
def found(runs):
    return information(runs, "ending_arr", period="FY2027")


def within(found: xr.Dataset, name: str, truth: float, **where: str) -> bool:
    one = found.sel(where) if where else found
    # At twice the 95 % half-width: level 1e-4.
    return bool(abs(one[name] - truth) < one[f"{name}_upper"] - one[f"{name}_lower"])


def test_the_best_and_by_how_much(found):
    assert found.attrs["best"] == "bold"
    assert found["option"].values.tolist() == ["base", "bold"]
    assert within(found, "behind", AHEAD, option="base")
    assert found["behind"].sel(option="bold") == 0
    spread = math.hypot(KNOWN, NOISE)
    assert within(found, "p_best", float(ndtr(AHEAD / spread)), option="bold")
    # Paired: the part that both share does not widen it.
    margin = found["behind_upper"].sel(option="base") - found["behind"].sel(option="base")
    assert margin < 3 * spread / math.sqrt(DRAWS)


def test_everything_all_assumptions_and_each(found):
    assert within(found, "evpi", worth(AHEAD, math.hypot(KNOWN, NOISE)))
    assert within(found, "evppi_all", worth(AHEAD, KNOWN))
    assert found["evppi_all_lower"] <= worth(AHEAD, KNOWN) <= found["evppi_all_upper"]
    for i, slope in enumerate(COEFFICIENTS):
        truth = worth(AHEAD, abs(slope)) if slope else 0.0
        estimate = found.sel(assumption=f"input.{i}")
        assert abs(estimate["evppi"] - truth) <= estimate["evppi_upper"] - estimate["evppi_lower"]
    assert found["evpi"] > found["evppi_all"] > found["evppi"].max()


def test_ties_are_one_group_and_noise_is_marked(found):
    assert set(found["assumption"].values[:2]) == {"input.1", "input.3"}
    # Of true ties one in twenty is parted.
    assert found["rank_group"].values[:3].tolist() == [1, 1, 2]
    told = dict(zip(found["assumption"].values.tolist(), found["distinguishable"].values.tolist(), strict=True))
    assert told == {"input.0": told["input.0"], "input.1": True, "input.2": False, "input.3": True}


def test_where_to_switch(found):
    first, last = found.sel(assumption="input.1"), found.sel(assumption="input.3")
    assert (first["best_low"], first["best_high"]) == ("base", "bold")
    assert (last["best_low"], last["best_high"]) == ("bold", "base")
    # AHEAD + c x = 0; the fitted line is known to about 0.02 / c.
    assert abs(first["switch_at"] + AHEAD / 0.8) < 0.15
    assert abs(last["switch_at"] - AHEAD / 0.8) < 0.15
    assert np.isnan(found["switch_at"].sel(assumption="input.2"))


def test_the_twins_bound_what_the_assumptions_are_worth(runs, found):
    without = {name: ds.drop_dims("twin") for name, ds in runs.items()}
    alone = information(without, "ending_arr", period="FY2027")
    assert alone["evppi_all_upper"] == found["evpi_upper"] > found["evppi_all_upper"]
    assert alone["evppi_all"] == found["evppi_all"]
    # Known are the assumptions and half of the variance of noise: at least that much is left open above.
    pairs = worth(AHEAD, math.sqrt(KNOWN**2 + NOISE**2 / 2))
    assert worth(AHEAD, KNOWN) < found["evppi_all_upper"]
    assert abs(found["evppi_all_upper"] - pairs) < 0.2 * pairs


def test_costs_and_what_targets_are_worth_count(runs, found):
    costly = information(runs, "ending_arr", period="FY2027", costs={"bold": AHEAD + 1})
    assert costly.attrs["best"] == "base"
    moved = found["net_benefit"].sel(option="bold") - costly["net_benefit"].sel(option="bold")
    assert moved == pytest.approx(AHEAD + 1)
    hit = information(runs, "ending_arr", period="FY2027", worth={"board ARR": 1000.0})
    gained = 1000 * (runs["bold"]["target_value"].sel(target="board ARR") >= 100).mean()
    moved = hit["net_benefit"].sel(option="bold") - found["net_benefit"].sel(option="bold")
    assert moved == pytest.approx(float(gained))
    assert hit.attrs["worth"] == {"board ARR": 1000.0}


def test_the_order_of_scenarios_changes_nothing(runs, found):
    turned = information(dict(reversed(runs.items())), "ending_arr", period="FY2027")
    for name in ("evpi", "evppi_all", "evppi", "rank_group", "switch_at"):
        np.testing.assert_allclose(turned[name], found[name], rtol=1e-6)


def test_everything_is_described(found):
    assert all(variable.attrs["long_name"] for variable in found.data_vars.values())
    assert found["evppi"].attrs["units"] == "USD"
    assert set(found["evppi"].coords) == {"assumption", "unit", "owner", "source_kind"}
    assert (found.attrs["payoff"], found.attrs["period"]) == ("ending_arr", "FY2027")
    assert simengine.information is information


def test_what_one_scenario_fixes_is_named(runs):
    fixed = runs["bold"].copy()
    fixed["assumption_value"] = fixed["assumption_value"].where(fixed["assumption"] != "input.3", 0.5)
    told = information({"base": runs["base"], "bold": fixed}, "ending_arr")
    assert told.attrs["fixed"] == ["input.3"]
    assert "input.3" in told["assumption"]
    constant = {name: ds.assign(assumption_value=ds["assumption_value"] * 0) for name, ds in runs.items()}
    nothing = information(constant, "ending_arr")
    assert (nothing.sizes["assumption"], float(nothing["evppi_all"])) == (0, 0.0)


def test_an_assumption_of_one_scenario_alone_counts(runs):
    fewer = runs["base"].isel(assumption=slice(0, 2))
    told = information({"base": fewer, "bold": runs["bold"]}, "ending_arr")
    assert sorted(told["assumption"].values) == [f"input.{i}" for i in range(4)]
    assert told["owner"].sel(assumption="input.3") == "CFO"


def test_other_beliefs_are_no_choice(runs):
    believed = runs["bold"].copy()
    believed["assumption_value"] = believed["assumption_value"] + (believed["assumption"] == "input.1") * 0.1
    with pytest.raises(SimengineError, match=r"input\.1 is drawn from another distribution in bold than in base"):
        information({"base": runs["base"], "bold": believed}, "ending_arr")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.assign_attrs(seed="8"), r"base and bold differ in their seed \(7, 8\)"),
        (lambda ds: ds.assign_attrs(plan="Other"), "differ in their plan"),
        (lambda ds: ds.isel(draw=slice(0, 1000)), r"number of draws \(4096, 1000\)"),
        (lambda ds: ds.isel(month=slice(0, 12)), r"number of months \(24, 12\)"),
    ],
    ids=["seed", "plan", "draws", "months"],
)
def test_runs_that_are_no_pairs_are_refused(runs, change, message):
    with pytest.raises(SimengineError, match=message):
        information({"base": runs["base"], "bold": change(runs["bold"])}, "ending_arr")


def test_what_is_no_choice_is_refused(runs):
    base = runs["base"]
    with pytest.raises(SimengineError, match="two scenarios or more"):
        information({"base": base}, "ending_arr")
    with pytest.raises(SimengineError, match="nothing to choose"):
        information({"base": base, "same": base}, "ending_arr")
    with pytest.raises(SimengineError, match=r"no scenario is named 'bald'; did you mean bold\?"):
        information(runs, "ending_arr", costs={"bald": 1.0})
    few = {name: ds.isel(draw=slice(0, 400)) for name, ds in runs.items()}
    with pytest.raises(SimengineError, match="needs 500 draws, and these runs have 400"):
        information(few, "ending_arr")
