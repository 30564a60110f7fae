"""Trigger points against brute force: paths of another seed on which just about the trigger was observed."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtri
from scipy.stats import norm

from simengine.explain import triggers
from simengine.explain.probit import crossing, fitted
from simengine.explain.ranks import normal_scores
from simengine.plan import loads
from simengine.results.targets import hits
from simengine.simulation import simulate

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
TARGET = "board ARR"
WIDTH = 0.1  # of the window, in normal scores, on either side: about 5 % of the paths at one standard deviation
NAMES = ("leads.inbound", "win_rate.smb", "renewal.smb")
MONTHS = ("2027-03", "2027-06", "2027-09")
CONFIDENCES = (0.65, 0.7, 0.8)
WITHIN = ndtri(1 - 1e-3 / 2 / 27)  # standard errors: all 27 comparisons together err with 1 in 1,000


@pytest.fixture(scope="module")
def plan():
    # 4.6 million are reached on three paths in four.
    return loads(TINY.read_text().replace("at_least: 6_000_000", "at_least: 4_600_000"))


@pytest.fixture(scope="module")
def run(plan) -> xr.Dataset:
    return simulate(plan, draws=16_384, seed=7, twins=0, detail="segment")


@pytest.fixture(scope="module")
def again(plan) -> xr.Dataset:
    return simulate(plan, draws=32_768, seed=8, twins=0, detail="segment")


def observed(ds: xr.Dataset, name: str, month: str) -> np.ndarray:
    return ds["observed"].sel(month=month).values[:, list(ds["watched"].values).index(name)]


def off(run: xr.Dataset, again: xr.Dataset, name: str, month: str, value: float, confidence: float) -> float:
    """By how many standard errors the share of hits where a value is observed is off the confidence."""
    seen = observed(again, name, month)
    z = normal_scores(seen)
    hit = hits(again).sel(target=TARGET).values[np.abs(z - np.interp(value, np.sort(seen), np.sort(z))) < WIDTH]
    curve = fitted(normal_scores(observed(run, name, month)), hits(run).sel(target=TARGET).values.astype(float))
    at = crossing(curve, confidence)
    of_the_curve = norm.pdf(ndtri(confidence)) * curve.at(np.array([at.score]))[1][0]
    return (hit.mean() - confidence) / np.sqrt(confidence * (1 - confidence) / len(hit) + of_the_curve**2)


@pytest.mark.full
@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_where_the_trigger_is_observed_the_target_is_hit_as_often_as_the_confidence_says(run, again, confidence):
    found = triggers(run, TARGET, confidence=confidence)["trigger"].sel(assumption=list(NAMES), month=list(MONTHS))
    for name in NAMES:
        for month in MONTHS:
            trigger = float(found.sel(assumption=name, month=month))
            assert abs(off(run, again, name, month, trigger, confidence)) < WITHIN, (name, month)


@pytest.mark.full
def test_where_the_value_is_observed_at_which_the_assumption_would_be_a_trigger_it_is_not(run, again):
    """Negative control: conditioned on the assumption itself, not on what is observed of it."""
    hit = hits(run).sel(target=TARGET).values.astype(float)
    drawn = run["assumption_value"].sel(assumption="win_rate.smb").values
    at = crossing(fitted(normal_scores(drawn), hit), 0.65)
    of_the_parameter = float(np.interp(at.score, np.sort(normal_scores(drawn)), np.sort(drawn)))
    assert abs(off(run, again, "win_rate.smb", "2027-03", of_the_parameter, 0.65)) > WITHIN
