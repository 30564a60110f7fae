"""The ranking of a run made by hand."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.stats import binom

import simengine
from simengine.errors import SimengineError
from simengine.explain import rank
from simengine.explain.forms import _rank_correlation
from simengine.explain.ranks import ranks_of
from simengine.results.targets import hit_probability

COEFFICIENTS = np.array([0.3, 1.0, 0.0, 1.0])
NOISE = 1.0
DRAWS, TWINS = 4096, 1024


@pytest.fixture(scope="module")
def run(make_run):
    """ARR = 100 + x·c + random variation; the board wants 101."""
    rng = np.random.default_rng(2027)
    x = rng.normal(size=(DRAWS, len(COEFFICIENTS)))
    known = 100 + x @ COEFFICIENTS
    y, twin = known + NOISE * rng.normal(size=DRAWS), known[:TWINS] + NOISE * rng.normal(size=TWINS)
    return make_run(x, y, twin, at_least=101.0, plan_value=0.5)


@pytest.fixture(scope="module")
def ranking(run):
    return rank(run, "board ARR")


def test_every_assumption_is_within_its_interval_of_the_truth(ranking):
    variance = COEFFICIENTS @ COEFFICIENTS + NOISE**2
    found = ranking.sortby("assumption")
    # At twice the 95 % half-width, five of them: level 5e-4.
    width = found["share_upper"] - found["share_lower"]
    assert (np.abs(found["share"] - COEFFICIENTS**2 / variance) < width).all()
    width = found["random_variation_upper"] - found["random_variation_lower"]
    assert abs(found["random_variation"] - NOISE**2 / variance) < width


def test_largest_share_first_and_ties_in_one_group(ranking):
    assert set(ranking["assumption"].values[:2]) == {"input.1", "input.3"}
    assert list(ranking["assumption"].values[2:]) == ["input.0", "input.2"]
    assert ranking["rank_group"].values.tolist() == [1, 1, 2, 3]
    assert ranking["distinguishable"].values.tolist() == [True, True, True, False]
    assert not ranking["constant"].any()
    assert (ranking["share"].diff("assumption") <= 0).all()


def test_shares_random_variation_and_the_unattributed_make_up_everything(ranking):
    total = float(ranking["share"].sum() + ranking["random_variation"] + ranking["unattributed"])
    assert total == pytest.approx(1.0, abs=1e-12)
    assert ranking["unattributed_lower"] < 0 < ranking["unattributed_upper"]
    assert ranking["trusted"]
    np.testing.assert_allclose(ranking["share_from_here"][0], ranking["share"].sum(), atol=1e-12)


def test_what_two_do_together_is_shared_between_them(make_run):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(DRAWS, 2))
    y = x[:, 0] * x[:, 1]
    found = rank(make_run(x, y, y[:TWINS]), "board ARR")
    # Neither explains anything alone: bins see nothing, the model sees it, and that is no contradiction.
    assert (found["alone"] < 0.05).all()
    assert not found["disagrees"].any()
    np.testing.assert_allclose(found["share"], [0.5, 0.5], atol=0.03)
    assert found["random_variation"] == pytest.approx(0.0, abs=1e-3)


def test_what_no_polynomial_shows_is_not_attributed_and_said(make_run):
    rng = np.random.default_rng(12)
    x = rng.normal(size=(DRAWS, 2))
    y = np.sin(8 * x[:, 0]) + 0.3 * x[:, 1]
    found = rank(make_run(x, y, y[:TWINS]), "board ARR")
    assert found["unattributed_lower"] > 0.5
    assert not found["trusted"]
    assert found["disagrees"].sel(assumption="input.0")
    assert not found["disagrees"].sel(assumption="input.1")


def test_a_shared_cause_is_divided(make_run):
    rng = np.random.default_rng(2)
    cause = rng.normal(size=(DRAWS, 1))
    x = cause + 0.1 * rng.normal(size=(DRAWS, 2))
    y = x.sum(axis=1)
    found = rank(make_run(x, y, y[:TWINS]), "board ARR")
    np.testing.assert_allclose(found["share"], [0.5, 0.5], atol=0.02)
    assert (found["alone"] > 0.95).all()


def test_the_unattributed_is_within_its_interval(make_run):
    """Additive plans: nothing is left."""
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(100):
        x = rng.normal(size=(500, 4))
        known = x @ COEFFICIENTS
        y, twin = known + rng.normal(size=500), known[:200] + rng.normal(size=200)
        found = rank(make_run(x, y, twin), "ending_arr")
        missed += not found["unattributed_lower"] <= 0 <= found["unattributed_upper"]
    assert missed <= binom.isf(1e-4, 100, 0.05)


def test_rank_correlations_are_spearmans_with_intervals_on_fishers_scale():
    rng = np.random.default_rng(12)
    x = rng.normal(size=(400, 2))
    y = np.exp(x[:, 0] + rng.normal(size=400))
    found = _rank_correlation(ranks_of(x), y)
    expected = np.array([stats.spearmanr(column, y).statistic for column in x.T])
    np.testing.assert_allclose(found.estimate, expected, atol=1e-12)
    margin = stats.norm.ppf(0.975) * np.sqrt((1 + expected**2 / 2) / 397)
    np.testing.assert_allclose(np.arctanh(found.upper) - np.arctanh(expected), margin, rtol=1e-4)


def test_narrowing_is_what_becomes_known_of_a_normal_result(run, ranking):
    """Of a normal result with a share S known, P10 to P90 is narrower by 2.563 σ (1 − √(1 − S))."""
    variance = COEFFICIENTS @ COEFFICIENTS + NOISE**2
    found = ranking.sortby("assumption")
    expected = 2 * 1.2815515655 * np.sqrt(variance) * (1 - np.sqrt(1 - COEFFICIENTS**2 / variance))
    width = found["narrowing_upper"] - found["narrowing_lower"]
    assert (np.abs(found["narrowing"] - expected) < width).all()
    # Negative control: as if widths went down like variances.
    assert (np.abs(found["narrowing"] - expected * np.sqrt(COEFFICIENTS**2 / variance)) > width)[1]


def test_groups_are_sums_of_their_members(run):
    ds = run.assign_coords(owner=("assumption", ["CRO", "CFO", "CRO", "CRO"]))
    found = rank(ds, "board ARR")
    assert found["grouping"].values.tolist() == ["owner", "owner"]
    one = found.isel(group=found["group"].values.tolist().index("CRO"))
    names = [f"input.{i}" for i in (0, 2, 3)]
    assert one["group_share"] == pytest.approx(float(found["share"].sel(assumption=names).sum()), abs=1e-12)
    assert one["members"] == 3
    assert one["group_share_lower"] < one["group_share"] < one["group_share_upper"]
    assert one["group_narrowing"] > found["narrowing"].sel(assumption="input.3")


def test_quarters_make_up_everything(run):
    found = rank(run, "new_arr", period="FY2027")
    assert found["quarter"].values.tolist() == ["FY2027-Q1", "FY2027-Q2", "FY2027-Q3", "FY2027-Q4"]
    np.testing.assert_allclose(found["quarter_share"], 0.25, atol=1e-12)
    assert rank(run, "cac_new_logo", period="FY2027").sizes["quarter"] == 0


def test_a_metric_with_a_target_is_that_target(run, ranking):
    for found in (
        rank(run, "ending_arr"),
        rank(run, "ending_arr", period="FY2027"),
        simengine.rank(run, "board ARR", period="FY2027"),
    ):
        xr.testing.assert_identical(found, ranking)
    assert ranking.attrs["target"] == "board ARR"
    assert ranking.attrs["period"] == "FY2027"


def test_a_metric_without_a_target_takes_the_last_whole_fiscal_year(run):
    found = rank(run, "new_arr")
    assert (found.attrs["period"], found.attrs["target"]) == ("FY2028", "")
    assert "p_hit" not in found
    # The same 12 months every month: the shares are those of one month.
    np.testing.assert_allclose(found["share"], rank(run, "new_arr", period="2027-01")["share"], atol=1e-12)
    assert found["swing"].attrs["units"] == "USD"


def test_without_a_whole_fiscal_year_the_last_month_is_taken(run):
    assert rank(run.assign_attrs(fiscal_year_start=2), "new_arr").attrs["period"] == "FY2028"
    short = run.isel(month=slice(0, 9))
    assert rank(short, "new_arr").attrs["period"] == "2027-09"


def test_a_target_of_a_group_has_its_own_values(run):
    emea, board = rank(run, "EMEA"), rank(run, "board ARR")
    assert emea["mean"] == pytest.approx(float(board["mean"]) - 1)
    assert emea["p_hit"] < board["p_hit"]


def test_what_is_told_of_the_target(run, ranking):
    expected = hit_probability(run)["p"].sel(target="board ARR")
    assert ranking["p_hit"] == expected
    first = ranking.isel(assumption=0)
    assert first["p_hit_bottom_fifth"] < ranking["p_hit"] < first["p_hit_top_fifth"]
    assert first["p_hit_swing"] == pytest.approx(float(first["p_hit_top_fifth"] - first["p_hit_bottom_fifth"]))
    assert ranking["hit_random_variation"] > ranking["random_variation"]
    y = run["target_value"].sel(target="board ARR").values
    assert (ranking["p10"] < ranking["p50"]) & (ranking["p50"] < ranking["p90"])
    assert (y <= ranking["p10"].item()).mean() == pytest.approx(0.1, abs=1 / DRAWS)


def test_how_often_an_assumption_is_worse_than_its_plan_value(run, ranking):
    # Plan value 0.5 of a standard normal input: Φ(0.5) = 0.6915 below it. Adverse: low, high, both, low.
    found = ranking["p_worse_than_plan"].sel(assumption=[f"input.{i}" for i in range(4)]).values
    # 4.5 standard errors of 0.0072: level 2e-5.
    assert np.abs(found[[0, 1, 3]] - [0.6915, 0.3085, 0.6915]).max() < 0.033
    assert np.isnan(found[2])
    assert ranking["p_worse_than_plan_lower"].sel(assumption="input.0") < found[0]


def test_labels_of_assumptions_are_kept(run, ranking):
    assert ranking["adverse"].sel(assumption="input.1").item() == "high"
    assert set(ranking["share"].coords) == {"assumption", "plan_value", "unit", "adverse"}
    assert all(variable.attrs["long_name"] for variable in ranking.data_vars.values())


def test_a_ratio_is_told_by_its_median_and_ranked_by_its_rank(make_run):
    """CAC is the inverse of new ARR here, which comes near zero: its variance does not exist, that of its rank does."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(DRAWS, 2))
    y = np.exp(2 * x[:, 0] + 0.1 * x[:, 1]) ** 3
    y[:3] = 0.0
    ds = make_run(x, y, y[:TWINS])
    found = rank(ds, "cac_new_logo", period="2027-05")
    assert found.attrs["statistic"] == "median"
    assert found["assumption"].values[0] == "input.0"
    assert found["share"][0] > 0.95
    assert found["metric_top_fifth"].sel(assumption="input.0") == pytest.approx(
        1 / np.median(y[x[:, 0] >= np.quantile(x[:, 0], 0.8)]), rel=0.01
    )
    assert "mean" not in found
    assert found["random_variation"] == 0.0


def test_draws_in_which_a_ratio_is_undefined_are_left_out_and_counted(make_run):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(500, 2))
    y = 10 + x[:, 0]
    ds = make_run(x, y, y[:200])
    ds["new_arr"].values[:7] = 0.0
    ds["sm_spend"].values[:7] = 0.0
    found = rank(ds, "cac_new_logo", period="2027-05")
    assert (found.attrs["draws"], found.attrs["draws_left_out"]) == (493, 7)
    assert found["share"][0] == pytest.approx(1.0, abs=0.01)
    ds["sm_spend"].values[:] = 0.0
    ds["new_arr"].values[:450] = 0.0
    with pytest.raises(SimengineError, match=r"undefined on 450 of 500 paths, .* 100 or more; choose another metric"):
        rank(ds, "cac_new_logo", period="2027-05")


def test_without_twins_random_variation_is_not_known(make_run):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(300, 2))
    found = rank(make_run(x, x @ [2.0, 1.0] + rng.normal(size=300), np.empty(0)), "board ARR")
    assert np.isnan([found["random_variation"], found["quality"], found["hit_random_variation"]]).all()
    assert found["share"][0] > 0.4


def test_a_result_that_never_varies_hangs_on_nothing(make_run):
    x = np.random.default_rng(7).normal(size=(300, 2))
    found = rank(make_run(x, np.full(300, 5.0), np.full(100, 5.0)), "board ARR")
    assert np.isnan(found["share"]).all()
    assert not found["distinguishable"].any()
    assert (found["swing"] == 0).all()


def test_an_assumption_that_never_varies_is_marked(make_run):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(300, 2))
    x[:, 1] = 0.3
    found = rank(make_run(x, x[:, 0], x[:100, 0]), "board ARR").sel(assumption="input.1")
    assert found["constant"]
    assert found["share"] == found["share_upper"] == found["swing"] == 0.0


@pytest.mark.parametrize(
    ("name", "period", "message"),
    [
        ("ending_ar", None, r"'ending_ar' is neither a metric nor a target of this plan; did you mean ending_arr\?"),
        ("boardARR", None, r"'boardARR' is neither .*; did you mean board ARR\?"),
        ("board ARR", "FY2028", "board ARR is a target for FY2027; leave the period out, or rank ending_arr"),
        ("new_arr", "2027-13", "'2027-13' is not a period like FY2027, FY2027-Q3 or 2027-03"),
        ("new_arr", "FY2031", "FY2031 runs from 2031-01 to 2031-12, the plan from 2027-01 to 2028-12"),
    ],
)
def test_wrong_questions_are_answered_in_words(run, name, period, message):
    with pytest.raises(SimengineError, match=message):
        rank(run, name, period=period)


def test_too_few_draws(make_run):
    x = np.random.default_rng(9).normal(size=(99, 1))
    with pytest.raises(SimengineError, match="needs 100 draws, and this run has 99; run the plan with more"):
        rank(make_run(x, x[:, 0], x[:50, 0]), "board ARR")


def test_the_order_of_assumptions_in_the_run_changes_nothing(run, ranking):
    turned = run.isel(assumption=[2, 0, 3, 1])
    # Sums over assumptions are taken in their order: the last bits differ.
    xr.testing.assert_allclose(rank(turned, "board ARR"), ranking, rtol=1e-12)


def test_more_assumptions_need_more_draws(make_run):
    x = np.random.default_rng(10).normal(size=(150, 40))
    with pytest.raises(SimengineError, match="needs 160 draws, and this run has 150; run the plan with more"):
        rank(make_run(x, x[:, 0], x[:50, 0]), "board ARR")
