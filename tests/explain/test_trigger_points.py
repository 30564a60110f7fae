"""Trigger points of a run made by hand, whose triggers have a closed form."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal

from simengine.errors import SimengineError
from simengine.explain import triggers

DRAWS, CONFIDENCE, AT_LEAST = 40_000, 0.8, -1.5
WITHIN = ndtri(1 - 1e-5 / 2)  # standard errors: each acceptance errs with 1 in 100,000

OBSERVATIONS = np.array([10.0, 40.0, 160.0])  # by month, of which the variance of one is 40
NOISE = np.sqrt(40.0 / OBSERVATIONS)
"""Standard deviation of what is observed of an assumption: 2, 1, 1/2; the assumption itself has 1."""
NAMES = ["tells", "against", "silent", "late"]


@pytest.fixture(scope="module")
def ds(make_run: Callable[..., xr.Dataset]) -> xr.Dataset:
    """The result is `tells` - `against`/2 + noise: hit at -1.5. `late` is `tells`, seen from the third month on."""
    rng = np.random.default_rng(20270401)
    x = rng.normal(size=(DRAWS, 3))
    x = np.column_stack([x, x[:, 0]])
    y = x[:, 0] - 0.5 * x[:, 1] + rng.normal(size=DRAWS)
    run = make_run(x, y, np.empty(0), at_least=AT_LEAST)
    seen = x[:, None, :] + NOISE[:, None] * rng.normal(size=(DRAWS, 3, 4))
    seen[:, :2, 3] = np.nan
    return watched(run, seen)


def watched(run: xr.Dataset, seen: np.ndarray, **coords: Any) -> xr.Dataset:
    months = run.sizes["month"]
    observed = np.full((len(seen), months, seen.shape[2]), np.nan)
    observed[:, : seen.shape[1]] = seen
    counts = np.full((months, seen.shape[2]), np.nan)
    counts[:3] = OBSERVATIONS[:, None]
    planned = np.zeros((1, months, seen.shape[2]))
    k = seen.shape[2]
    return run.assign(
        observed=(("draw", "month", "watched"), observed),
        observed_count=(("month", "watched"), counts),
        observed_baseline=(("case", "month", "watched"), planned),
        assumption_z=run["assumption_value"],
    ).assign_coords(
        assumption=NAMES[:k],
        watched=NAMES[:k],
        watched_as=("watched", ["won / decided"] * k),
        watched_unit=("watched", ["fraction"] * k),
        watched_counts=("watched", ["decided deals"] * k),
        owner=("assumption", ["CRO"] * k),
        adverse=("assumption", ["low", "high", "low", "low"][:k]),
        unseen=("assumption", [""] * k),
        trigger_below=("assumption", [-0.5, np.nan, np.nan, np.nan][:k]),
        trigger_above=("assumption", [np.nan] * k),
        period=("target", ["2027-04", "2027-04"]),
        **coords,
    )


@pytest.fixture(scope="module")
def found(ds: xr.Dataset) -> xr.Dataset:
    return triggers(ds, "board ARR", confidence=CONFIDENCE)


def law(noise: float, slope: float = 1.0) -> tuple[float, float, float]:
    """Standard deviations of what is observed, of the result, and their correlation."""
    observed, result = np.sqrt(1 + noise**2), np.sqrt(1 + 0.25 + 1)
    return observed, result, slope / (observed * result)


def closed_form(noise: float, slope: float = 1.0) -> float:
    """Of jointly normal S and Y: E[Y | s] = r sd_Y s / sd_S, Var(Y | s) = (1 - r²) Var(Y)."""
    observed, result, r = law(noise, slope)
    return float((AT_LEAST + ndtri(CONFIDENCE) * np.sqrt(1 - r**2) * result) * observed / (r * result))


def test_triggers_are_those_of_the_closed_form(found: xr.Dataset) -> None:
    one = found.sel(assumption="tells")
    for month, noise in enumerate(NOISE):
        at = one.isel(month=month)
        error = float(at["trigger_upper"] - at["trigger_lower"]) / (2 * 1.96)
        assert abs(float(at["trigger"]) - closed_form(noise)) < WITHIN * error
        assert float(at["trigger_lower"]) < float(at["trigger"]) < float(at["trigger_upper"])
    # With few observations the trigger is further out; of the assumption itself it would be this one.
    of_the_parameter = AT_LEAST + ndtri(CONFIDENCE) * np.sqrt(1.25)
    assert (one["trigger_upper"] < of_the_parameter).all()
    assert (np.diff(one["trigger"]) > 0).all()


def test_what_trips_and_what_it_says_are_those_of_the_closed_form(found: xr.Dataset) -> None:
    one = found.sel(assumption="tells")
    for month, noise in enumerate(NOISE):
        at = one.isel(month=month)
        observed, result, r = law(noise)
        z, h = float(at["trigger"]) / observed, AT_LEAST / result
        missed = multivariate_normal(cov=[[1, r], [r, 1]]).cdf([z, h])
        expected = {
            "share_tripped": ndtr(z),
            "p_hit_tripped": 1 - missed / ndtr(z),
            "p_hit_otherwise": 1 - (ndtr(h) - missed) / (1 - ndtr(z)),
        }
        for name, value in expected.items():
            error = float(at[f"{name}_upper"] - at[f"{name}_lower"]) / (2 * 1.96)
            assert abs(float(at[name]) - value) < WITHIN * error, name
        # Negative control: those on the other side.
        assert float(at["p_hit_tripped_upper"]) < CONFIDENCE < float(at["p_hit_otherwise_lower"])


def test_one_of_several_triggers_trips_more_often_than_each(ds: xr.Dataset, found: xr.Dataset) -> None:
    month = 2
    beyond = np.zeros(DRAWS, dtype=bool)
    for place, name in enumerate(ds["watched"].values):
        trigger = float(found["trigger"].sel(assumption=name)[month])
        seen = ds["observed"].values[:, month, place]
        beyond |= seen > trigger if name == "against" else seen < trigger
    hit = ds["ending_arr"].sel(month="2027-12").values >= AT_LEAST
    at = found.isel(month=month)
    assert float(at["share_any_tripped"]) == beyond.mean() > float(at["share_tripped"].max())
    assert float(at["p_hit_any_tripped"]) == pytest.approx(hit[beyond].mean())
    assert float(at["p_hit_none_tripped"]) == pytest.approx(hit[~beyond].mean())
    assert float(at["p_hit_any_tripped_upper"]) < float(found["p_hit"]) < float(at["p_hit_none_tripped_lower"])


def test_p_hit_is_read_where_it_is_as_planned_and_at_the_declared_trigger(found: xr.Dataset) -> None:
    assert found.attrs["level"] == 0.95
    one = found.sel(assumption="tells")
    assert float(one["declared"]) == -0.5
    for month, noise in enumerate(NOISE):
        observed, result, r = law(noise)
        for name, value in (("p_hit_as_planned", 0.0), ("p_hit_at_declared", -0.5)):
            expected = ndtr((r * result * value / observed - AT_LEAST) / (np.sqrt(1 - r**2) * result))
            at = one.isel(month=month)
            error = float(at[f"{name}_upper"] - at[f"{name}_lower"]) / (2 * 1.96)
            assert abs(float(at[name]) - expected) < WITHIN * error
        assert float(one["share_beyond_declared"][month]) == pytest.approx(ndtr(-0.5 / observed), abs=0.02)
    assert np.isnan(found["p_hit_at_declared"].sel(assumption="silent")).all()


def test_observations_are_enough_from_the_month_on_in_which_the_trigger_is_no_noise(found: xr.Dataset) -> None:
    one = found.sel(assumption="tells")
    np.testing.assert_allclose(one["observations"], OBSERVATIONS)
    np.testing.assert_allclose(one["observations_needed"], 1.96**2 * 40 / one["trigger_upper"] ** 2, rtol=0.03)
    enough = np.abs(one["trigger_upper"].values) > 1.96 * NOISE
    assert enough.tolist() == [False, False, False]
    assert str(one["tells_from"].item()) == ""


def test_a_trigger_far_from_the_plan_tells_early(ds: xr.Dataset) -> None:
    one = triggers(ds, "board ARR", confidence=0.5).sel(assumption="tells")
    enough = np.abs(one["trigger_upper"].values) > 1.96 * NOISE
    assert enough[1:].all()
    assert str(one["tells_from"].item()) == str(one["month"].values[np.argmax(enough)])


def test_high_is_worse_where_the_assumption_hurts(found: xr.Dataset) -> None:
    one = found.sel(assumption="against").isel(month=2)
    assert not bool(one["trips_below"])
    error = float(one["trigger_upper"] - one["trigger_lower"]) / (2 * 1.96)
    assert abs(float(one["trigger"]) - closed_form(NOISE[2], slope=-0.5)) < WITHIN * error


def test_what_does_not_tell_has_no_trigger_and_stands_last(found: xr.Dataset) -> None:
    assert set(found["assumption"].values[:2]) == {"tells", "late"}
    assert str(found["assumption"].values[3]) == "silent"
    for name in ("trigger", "share_tripped", "observations_needed"):
        assert np.isnan(found[name].sel(assumption="silent")).all()


def test_before_anything_is_observed_there_is_no_trigger(found: xr.Dataset) -> None:
    assert np.isnan(found["trigger"].sel(assumption="late")).values.tolist() == [True, True, False]


def test_there_is_none_on_the_side_that_the_plan_does_not_call_adverse(ds: xr.Dataset) -> None:
    turned = ds.assign_coords(adverse=("assumption", ["high", "low", "low", "both"]))
    found = triggers(turned, "board ARR", confidence=CONFIDENCE)
    assert np.isnan(found["trigger"].sel(assumption=["tells", "against"])).all()
    assert np.isfinite(found["trigger"].sel(assumption="late")[2])


def test_another_unit_changes_no_trigger_but_its_unit(ds: xr.Dataset, found: xr.Dataset) -> None:
    stretched = ds.assign(observed=np.exp(ds["observed"]), observed_baseline=np.exp(ds["observed_baseline"]))
    other = triggers(stretched, "board ARR", confidence=CONFIDENCE)
    for name in ("trigger", "trigger_lower", "trigger_upper"):
        at = other[name].sel(assumption="tells")
        np.testing.assert_allclose(at, np.exp(found[name].sel(assumption="tells")), rtol=1e-3)
    np.testing.assert_array_equal(other["share_tripped"], found["share_tripped"])


def test_below_its_confidence_from_the_outset_a_trigger_is_what_it_takes(ds: xr.Dataset) -> None:
    found = triggers(ds, "board ARR", confidence=0.9)
    assert float(found["p_hit_upper"]) < 0.9
    one = found.sel(assumption="tells").isel(month=2)
    assert float(one["share_tripped"]) > 0.5
    assert float(one["p_hit_tripped_upper"]) < 0.9 < float(one["p_hit_otherwise_lower"])


def test_the_confidence_is_the_declared_one_else_even_odds(ds: xr.Dataset) -> None:
    even = triggers(ds, "board ARR").attrs
    assert (even["confidence"], even["confidence_is"]) == (0.5, "even odds")
    declared = ds.assign_coords(confidence=("target", [0.7, np.nan]))
    found = triggers(declared, "board ARR").attrs
    assert (found["confidence"], found["confidence_is"]) == (0.7, "declared")


@pytest.mark.parametrize(
    ("change", "confidence", "words"),
    [
        (lambda ds: ds.drop_vars("observed"), None, "run the plan again with --detail segment"),
        (lambda ds: ds.isel(draw=slice(900)), None, "a trigger needs 1,000 draws, and this run has 900"),
        (lambda ds: ds.assign_coords(period=("target", ["2027-01", "FY2027"])), None, "nothing to watch"),
        (lambda ds: ds, 1.0, "the confidence is 1; choose one between 0 and 1"),
    ],
)
def test_what_cannot_be_told_is_said(
    ds: xr.Dataset, change: Callable[[xr.Dataset], xr.Dataset], confidence: float | None, words: str
) -> None:
    with pytest.raises(SimengineError, match=words):
        triggers(change(ds), "board ARR", confidence=confidence)


def test_a_metric_without_a_target_has_none(ds: xr.Dataset) -> None:
    with pytest.raises(SimengineError, match=r"sm_spend is no target, and a trigger needs one; .* board ARR, EMEA"):
        triggers(ds, "sm_spend")
