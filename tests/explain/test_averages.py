"""What averages hide: closed forms, and steps that add up."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, norm

from simengine.baseline import baseline, spreadsheet_values
from simengine.errors import SimengineError
from simengine.explain import averages
from simengine.explain.additive import Additive, scores_of
from simengine.explain.averages import FLOWS, _curves, _walk
from simengine.plan import load
from simengine.results.books import Chart, Ledger
from simengine.results.targets import period_values
from simengine.simulation import simulate

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
DRAWS = 200


@pytest.fixture(scope="module")
def plan():
    return load(TINY)


@pytest.fixture(scope="module")
def run(plan):
    return simulate(plan, draws=DRAWS, seed=7)


@pytest.fixture(scope="module")
def walked(run, plan):
    return averages(run, plan, "board ARR", spreadsheets=60)


@pytest.fixture(scope="module")
def every(run, plan):
    return averages(run, plan, "board ARR", spreadsheets=DRAWS)


def test_steps_add_up_from_the_plan_to_the_simulated_mean(run, walked):
    level = walked["amount"].sel(flow="total")
    assert float(level.sel(level="simulated")) == pytest.approx(run["target_value"].sel(target="board ARR").mean())
    assert float(level.sel(level="operating plan")) == pytest.approx(
        run["target_value_baseline"].sel(target="board ARR", case="operating plan").item()
    )
    through = level.sel(level="simulated") - level.sel(level="operating plan")
    assert float(walked["effect"].sel(flow="total").sum()) == pytest.approx(float(through), abs=0.01)
    flows = walked.sel(flow=list(FLOWS))
    assert flows["effect"].sum("flow").values == pytest.approx(walked["effect"].sel(flow="total").values, abs=0.01)
    opening = float(run["opening_arr"].sum())
    assert flows["amount"].sum("flow").values + opening == pytest.approx(level.values, abs=0.01)


def test_what_is_known_exactly_has_no_interval(walked):
    known = walked.sel(step=["plan values", "skew"], level=["operating plan", "medians", "means"])
    assert (known["effect_lower"] == known["effect_upper"]).all()
    assert (known["amount_lower"] == known["amount_upper"]).all()
    assert (walked["effect_upper"] > walked["effect"]).sel(step="chance", flow="total")


def test_a_few_spreadsheets_tell_what_all_of_them_say(walked, every):
    assert every.attrs["spreadsheets"] == DRAWS
    width = walked["effect_upper"] - walked["effect_lower"]
    # At twice the 95 % half-width, six steps: level 5e-4.
    assert (np.abs(every["effect"] - walked["effect"]) <= width + 1e-6).all()
    assert every["step"].values.tolist() == ["plan values", "skew", "people", "funnel", "base", "together", "chance"]


def test_in_a_part_its_own_assumptions_vary_and_the_others_keep_their_means(run, plan, every):
    told = every["effect"].sel(flow="total")
    means, chart = spreadsheet_values(plan, "means"), Chart(plan)

    def worked(values):
        return Ledger(plan, baseline(plan, {**means, **values}), chart).books({})["ending_arr"][..., 11].item()

    for part, its_own in (
        ("people", ["attrition.ae", "ramp_months.ae"]),
        ("funnel", ["leads.inbound", "win_rate.smb"]),
    ):
        drawn = run["assumption_value"].sel(assumption=its_own).values
        varied = [worked(dict(zip(its_own, row, strict=True))) for row in drawn]
        # All draws are worked out: nothing is left to be corrected.
        assert told.sel(step=part).item() == pytest.approx(float(np.mean(varied) - worked({})))


def test_any_metric_and_group_can_be_walked(run, plan):
    told = averages(run, plan, "won", period="FY2027", spreadsheets=30)
    assert told["flow"].values.tolist() == ["total"]
    assert told["amount"].sel(level="simulated").item() == pytest.approx(
        period_values(run, "won", "FY2027").mean().item()
    )


def test_progress_counts_spreadsheets(run, plan):
    seen = []
    averages(run, plan, "board ARR", spreadsheets=30, progress=lambda *counts: seen.append(counts))
    assert seen == [(i, 120) for i in range(1, 121)]


def test_what_cannot_be_walked_is_told(run, plan):
    with pytest.raises(SimengineError, match="ratio"):
        averages(run, plan, "NRR")
    with pytest.raises(SimengineError, match="not the plan of the run"):
        averages(run, load(TINY, ["economics.gross_margin=70 %"]), "board ARR")
    with pytest.raises(SimengineError, match="30 spreadsheets"):
        averages(run, plan, "board ARR", spreadsheets=10)


# ---- closed form: capacity a against pipeline b, sold = min(a, b) ----

CAPACITY, PIPELINE, SPREAD_A, SPREAD_B = 10.0, 11.0, 1.0, 2.0
PAPER = min(CAPACITY, PIPELINE)


def mean_of_less(mean_a, mean_b, spread):
    """E[min(A, B)] of normal A and B whose difference has this spread (Clark, Oper. Res. 9, 1961)."""
    d = (mean_a - mean_b) / spread
    return mean_a * norm.cdf(-d) + mean_b * norm.cdf(d) - spread * norm.pdf(d)


def walk_of_less(rng, n=2000, m=64):
    a, b = CAPACITY + SPREAD_A * rng.normal(size=n), PIPELINE + SPREAD_B * rng.normal(size=n)
    simulated = np.minimum(a, b) - 0.5 + rng.normal(size=n)
    worked = [np.minimum(a, b)[:m], np.minimum(a, PIPELINE)[:m], np.minimum(CAPACITY, b)[:m]]
    curves = _curves(Additive(scores_of(np.column_stack((a, b)))), simulated[:, None], [[0, 1], [0], [1]])
    return _walk([PAPER + 0.3, PAPER + 0.1, PAPER], worked, simulated, curves)


def test_the_walk_covers_the_closed_form():
    people = mean_of_less(CAPACITY, PIPELINE, SPREAD_A) - PAPER
    funnel = mean_of_less(CAPACITY, PIPELINE, SPREAD_B) - PAPER
    everything = mean_of_less(CAPACITY, PIPELINE, math.hypot(SPREAD_A, SPREAD_B)) - PAPER
    truth = np.array([-0.2, -0.1, people, funnel, everything - people - funnel, -0.5])
    rng = np.random.default_rng(1)
    covered, half = np.zeros(6), np.zeros(6)
    for _ in range(1000):
        steps, levels = walk_of_less(rng)
        assert steps.value.sum() == pytest.approx(levels.value[-1] - levels.value[0])
        distance = np.abs(steps.value - truth)
        covered += distance <= 1.96 * steps.error + 1e-9
        half += distance <= 0.98 * steps.error + 1e-9
    low, high = binom.ppf([0.0005, 0.9995], 1000, 0.95)
    assert (covered[:2] == 1000).all()
    assert ((covered[2:] >= low) & (covered[2:] <= high)).all(), covered
    # Negative control: intervals half as wide are caught.
    assert (half[2:] < low).all()
