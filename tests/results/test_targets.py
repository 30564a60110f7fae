"""Targets: closed forms, exact coverage of the intervals, and arithmetic by hand."""

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from simengine.errors import SimengineError
from simengine.results.targets import (
    as_misses,
    commit,
    event_success,
    hit_probability,
    hits,
    period_values,
    quantile_interval,
    quantiles,
    shortfall,
    values_so_far,
    wilson,
)
from tests.results.blocks import EVENTS, collected, flat_block, random_block, small_plan


def dataset(**arrays: Any) -> xr.Dataset:
    """Four paths of a plan with targets ARR ≥ 20 in month 1 and CAC ≤ 1.5, with some variables replaced."""
    plan = small_plan(
        13,
        targets=[
            {"name": "ARR", "metric": "ending_arr", "period": "2027-02", "at_least": 20},
            {"name": "CAC", "metric": "cac_new_logo", "period": "FY2027-Q1", "at_most": 1.5},
        ],
    )
    ds = collected(
        plan,
        flat_block(plan, 4),
        twins=flat_block(plan, 2),
        unwidened=flat_block(plan, 1),
        cases={"operating plan": flat_block(plan, 1, new_arr=[3, 0, 4])},
    )
    for name, values in arrays.items():
        ds[name] = ds[name].dims, np.broadcast_to(np.asarray(values, dtype=float), ds[name].shape).copy()
    return ds


# ---- periods ----


def test_period_values_by_hand() -> None:
    months = np.arange(13.0)
    ds = dataset(new_arr=months, ending_arr=100 + months, nrr_arr=150 - months, opening_arr=[35, 0, 45], customers=8)
    found = period_values(ds, "new_arr", "FY2027-Q2")
    assert found.dims == ("draw",)
    assert found.values.tolist() == [3 + 4 + 5] * 4
    assert found.attrs == {"units": "EUR", "long_name": "ARR of new customers", "kind": "flow", "period": "FY2027-Q2"}
    assert period_values(ds, "ending_arr", "FY2027").values.tolist() == [111] * 4
    assert period_values(ds, "ending_arr", "2028-01").values.tolist() == [112] * 4
    # NRR of the year: on what was there at its start; a month later, on the end of month 0.
    assert period_values(ds, "nrr", "FY2027").values.tolist() == pytest.approx([139 / 80] * 4)
    assert period_values(ds, "nrr", "2028-01").values.tolist() == pytest.approx([138 / 100] * 4)


def test_values_so_far_end_where_the_period_ends() -> None:
    months = np.arange(13.0)
    cash = np.array([9, 8, 9, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9.0])
    ds = dataset(new_arr=months, ending_arr=100 + months, nrr_arr=150 - months, cash=cash)
    for name in ("new_arr", "ending_arr", "lowest_cash", "cac_new_logo"):
        found = values_so_far(ds, name, "FY2027-Q2")
        assert found.dims == ("month", "draw")
        xr.testing.assert_equal(found[-1].drop_vars("month"), period_values(ds, name, "FY2027-Q2"))
    # Flows begin with the period, stocks with the plan.
    flow = values_so_far(ds, "new_arr", "FY2027-Q2")
    assert flow["month"].values.tolist() == ["2027-04", "2027-05", "2027-06"]
    assert flow.values[:, 0].tolist() == [3, 3 + 4, 3 + 4 + 5]
    assert values_so_far(ds, "ending_arr", "FY2027-Q1").values[:, 0].tolist() == [100, 101, 102]
    assert values_so_far(ds, "lowest_cash", "FY2027-Q2").values[:, 0].tolist() == [9, 8, 9, 7, 7, 7]
    # Without history nobody knows the customers of a year ago before the year is over.
    unknown = ds.assign(net_history=ds["net_history"].copy(data=np.r_[np.full(11, np.nan), 1.0, 1.0]))
    assert values_so_far(unknown, "nrr", "FY2027")["month"].values.tolist() == ["2027-12"]
    assert values_so_far(ds, "new_arr", "FY2027-Q1", "_baseline").dims == ("month", "case")
    with pytest.raises(SimengineError, match="is not a metric"):
        values_so_far(ds, "nope", "FY2027")


def test_period_values_of_twins_and_of_the_spreadsheet() -> None:
    ds = dataset(new_arr_twin=[[1.0], [2.0]], sm_spend_baseline=14)
    assert period_values(ds, "new_arr", "FY2027-Q1", "_twin").values.tolist() == [3, 6]
    planned = period_values(ds, "cac_new_logo", "FY2027-Q1", "_baseline")
    assert planned.sel(case="operating plan").item() == 2


@pytest.mark.parametrize(
    ("name", "period", "words"),
    [
        ("arr", "FY2027", "'arr' is not a metric; choose one of new_arr"),
        ("leavers", "FY2027", "is not a metric"),
        ("new_arr", "2027", "'2027' is not a period like FY2027, FY2027-Q3 or 2027-03"),
        ("new_arr", "FY2028", "FY2028 runs from 2028-01 to 2028-12, the plan from 2027-01 to 2028-01"),
        ("new_arr", "2026-12", "runs from 2026-12 to 2026-12"),
        ("rule_of_40", "FY2027", "compares with the same months a year before and is not known before 2028-01"),
        ("nrr", "FY2027-Q3", "nrr looks twelve months back and is not known before 2027-12"),
    ],
)
def test_what_is_not_known_is_said_in_words(name: str, period: str, words: str) -> None:
    with pytest.raises(SimengineError, match=words):
        period_values(dataset(), name, period)


# ---- probability ----


def test_hits_of_either_bound() -> None:
    ds = dataset(target_value=[[20, 1.5], [19.99, 1.51], [np.inf, np.inf], [np.nan, np.nan]])
    assert hits(ds).values.tolist() == [[True, True], [False, False], [True, False], [False, False]]
    assert hits(ds).dims == ("draw", "target")


def test_probability_of_each_and_of_all() -> None:
    ds = dataset(
        target_value=[[30, 9], [30, 1], [30, 1], [10, 1]], target_value_unwidened=[[10, 9]], target_value_twin=[[30, 1]]
    )
    found = hit_probability(ds)
    assert found["p"].sel(target="ARR").item() == 0.75
    assert found["p"].sel(target="CAC").item() == 0.75
    # Not the product: the misses are on different paths.
    assert found["joint"].item() == 0.5
    assert found["lower"].sel(target="ARR").item() == pytest.approx(wilson(3, 4)[1])
    assert found["joint_upper"].item() == pytest.approx(wilson(2, 4)[2])
    assert found["upper"].attrs["level"] == 0.95
    assert hit_probability(ds, "_unwidened")["p"].values.tolist() == [0, 0]
    assert hit_probability(ds, "_twin")["joint"].item() == 1


def test_a_criterion_of_success_is_not_among_all_targets() -> None:
    event = {**EVENTS["outage"], "success": "ARR"}
    targets = [
        {"name": "ARR", "metric": "ending_arr", "period": "2027-02", "at_least": 20},
        {"name": "CAC", "metric": "cac_new_logo", "period": "FY2027-Q1", "at_most": 1.5},
    ]
    for confidence, joint in (({}, 0.75), ({"confidence": "80 %"}, 0.5)):
        plan = small_plan(3, targets=[{**targets[0], **confidence}, targets[1]], events={"outage": event})
        ds = collected(plan, flat_block(plan, 4))
        ds["target_value"] = ds["target_value"].dims, np.array([[30.0, 9], [30, 1], [10, 1], [30, 1]])
        # Who has committed to a target means it, whatever else it is a criterion of.
        assert hit_probability(ds)["joint"].item() == joint
        found = event_success(ds)
        assert found["event"].values.tolist() == ["outage"]
        assert found["success"].values.tolist() == ["ARR"]
        assert found["p"].values.tolist() == [0.75]
        assert found["lower"].item() == pytest.approx(wilson(3, 4)[1])


def test_events_without_a_criterion_have_no_probability_of_success() -> None:
    assert event_success(dataset()).sizes["event"] == 0


def test_wilson_is_where_the_score_test_just_rejects() -> None:
    for k, n in ((0, 20), (3, 20), (20, 20), (811, 16_384)):
        p, lower, upper = (float(x) for x in wilson(k, n))
        assert p == k / n
        # Both ends solve |p − θ| = 1.96 √(θ (1 − θ)/n), but for those at 0 and 1.
        for bound in (lower, upper):
            if 0 < bound < 1:
                assert abs(p - bound) == pytest.approx(1.959964 * math.sqrt(bound * (1 - bound) / n), rel=1e-6)
    assert [float(x) for x in wilson(0, 20)][:2] == [0, 0]
    assert float(wilson(20, 20)[2]) == 1


def coverage(interval: Any, n: int, p: float) -> float:
    """Exact probability that the interval of a share of n trials holds p."""
    k = np.arange(n + 1)
    _, lower, upper = interval(k, n)
    return float(stats.binom.pmf(k, n, p)[(lower <= p) & (p <= upper)].sum())


def test_wilson_covers() -> None:
    def wald(k: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        p = k / n
        half = 1.96 * np.sqrt(p * (1 - p) / n)
        return p, p - half, p + half

    # The score interval is exact on average, not at each p: summed over the binomial, no simulation needed.
    grid = np.linspace(0.02, 0.98, 193)
    exact = np.array([coverage(wilson, 100, p) for p in grid])
    assert 0.945 < exact.mean() < 0.955
    assert exact.min() > 0.90
    # The usual textbook interval fails near the ends.
    assert min(coverage(wald, 100, p) for p in grid) < 0.87


# ---- quantiles ----


@pytest.mark.parametrize(("n", "level"), [(100, 0.5), (1000, 0.2), (1000, 0.8), (16_384, 0.1), (40, 0.03), (7, 0.5)])
def test_order_statistics_hold_the_quantile_with_the_stated_probability(n: int, level: float) -> None:
    value, lower, upper = quantile_interval(np.arange(1.0, n + 1), level)
    # The values are their own ranks: with B ~ binomial(n, level) values below the quantile, it is inside if l ≤ B < u.
    binomial = stats.binom(n, level)
    assert value == math.ceil(round(n * level, 6))
    if math.isfinite(lower):
        assert binomial.cdf(lower - 1) <= 0.025 < binomial.cdf(lower)
    else:
        assert binomial.cdf(0) > 0.025
    if math.isfinite(upper):
        assert binomial.sf(upper - 1) <= 0.025 < binomial.sf(upper - 2)
    else:
        assert binomial.sf(n - 1) > 0.025


def test_quantile_intervals_cover_and_a_wrong_quantile_is_rejected() -> None:
    rng = np.random.default_rng(20270101)
    runs, n, level = 1000, 200, 0.2
    found = [quantile_interval(rng.exponential(size=n), level)[1:] for _ in range(runs)]
    lower, upper = np.array(found).T
    ranks = quantile_interval(np.arange(1.0, n + 1), level)[1:]
    exact = stats.binom.cdf(ranks[1] - 1, n, level) - stats.binom.cdf(ranks[0] - 1, n, level)
    assert exact > 0.95

    def covered(quantile: float) -> int:
        return int(((lower <= quantile) & (quantile < upper)).sum())

    # The number of intervals that hold the true quantile is binomial(1000, exact): accepted at level 1e-6.
    least, most = stats.binom.ppf([0.5e-6, 1 - 0.5e-6], runs, exact)
    assert least <= covered(-math.log1p(-level)) <= most
    # The quantile at 25 % is not what these intervals are for.
    assert covered(-math.log1p(-0.25)) < least


def test_quantiles_and_commit_of_a_metric() -> None:
    plan = small_plan(3, targets=[])
    block = random_block(plan, 1000, seed=6)
    ds = collected(plan, block)
    values = np.sort(block.segment["new_arr"][:, 1].sum(axis=1))
    found = quantiles(ds, "new_arr", "2027-02")
    assert found["quantile"].values.tolist() == [0.1, 0.5, 0.9]
    np.testing.assert_allclose(found["value"], values[[99, 499, 899]], rtol=1e-13)
    assert (found["lower"] < found["value"]).all()
    assert (found["value"] < found["upper"]).all()
    assert found["value"].attrs["units"] == "EUR"

    safe = commit(ds, "new_arr", "2027-02")
    reached = (period_values(ds, "new_arr", "2027-02") >= safe["value"]).mean()
    assert 0.8 <= reached <= 0.802
    assert safe["lower"] < safe["value"] < safe["upper"]
    assert safe.attrs["confidence"] == 0.8
    assert commit(ds, "new_arr", "2027-02", 0.95)["value"] < safe["lower"]


def test_quantiles_of_few_paths_have_open_ends() -> None:
    found = quantiles(dataset(new_arr=[[4.0], [1.0], [3.0], [2.0]]), "new_arr", "2027-01", [0.5])
    assert (found["value"].item(), found["lower"].item(), found["upper"].item()) == (2, -np.inf, np.inf)


def test_quantiles_with_infinite_ratios() -> None:
    ds = dataset(sm_spend=1.0, new_arr=[[0.0], [1.0], [2.0], [0.0]])
    assert quantiles(ds, "cac_new_logo", "2027-01", [0.25, 0.5, 0.75])["value"].values.tolist() == [0.5, 1, np.inf]


def test_an_undefined_value_is_no_number_to_commit_to() -> None:
    # Spend over new ARR is undefined on two of four paths: none reach anything there.
    ds = dataset(sm_spend=[[4.0], [2.0], [0.0], [0.0]], new_arr=[[2.0], [2.0], [0.0], [0.0]])
    assert commit(ds, "cac_new_logo", "2027-01", 0.5)["value"] == -np.inf
    assert commit(ds, "cac_new_logo", "2027-01", 0.4)["value"] == 1
    assert commit(ds, "cac_new_logo", "2027-01", 0.2)["value"] == 2
    assert as_misses(np.array([1.0, np.nan]), at_least=False).tolist() == [1, np.inf]


# ---- shortfall ----


def test_mean_shortfall_given_a_miss() -> None:
    ds = dataset(target_value=[[14, 1.5], [18, 2.5], [20, 1.0], [99, 3.0]])
    arr = shortfall(ds, "ARR")
    # 6 and 2 are missing: mean 4, standard deviation √8, over √2.
    assert (arr["mean"].item(), arr["misses"].item()) == (4, 2)
    assert arr["standard_error"].item() == pytest.approx(2)
    assert arr["mean"].attrs["units"] == "EUR"
    # At most 1.5: 1 and 1.5 too much.
    assert shortfall(ds, "CAC")["mean"].item() == 1.25
    assert shortfall(ds, "CAC")["mean"].attrs["units"] == "factor"


def test_shortfall_of_one_miss_and_of_none() -> None:
    one = shortfall(dataset(target_value=[[15, 1], [20, 1], [20, 1], [20, 1]]), "ARR")
    assert (one["mean"].item(), one["misses"].item()) == (5, 1)
    assert np.isnan(one["standard_error"])
    none = shortfall(dataset(target_value=[20, 1]), "ARR")
    assert np.isnan(none["mean"])
    assert none["misses"] == 0


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_there_is_no_mean_shortfall_where_one_miss_has_no_amount(value: float) -> None:
    cac = shortfall(dataset(target_value=[[14, 1.5], [18, 2.5], [20, value], [99, value]]), "CAC")
    assert cac["misses"] == 3
    assert np.isnan(cac["mean"])
    assert np.isnan(cac["standard_error"])


def test_shortfall_of_an_unknown_target() -> None:
    with pytest.raises(SimengineError, match="no target is named 'EBIT'; the plan has ARR, CAC"):
        shortfall(dataset(), "EBIT")
