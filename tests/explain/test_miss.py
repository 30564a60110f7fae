"""The story of a miss, told of a run made by hand: every number has its truth."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from simengine.errors import SimengineError
from simengine.explain import misses

COEFFICIENTS = np.array([0.3, 1.0, 0.0, -1.0])
NOISE = 1.0
DRAWS, TWINS = 6000, 1500
GOAL, PLAN = 99.0, 100.5
HIDDEN = 5
"""Months in which nothing is known yet."""
SIGMA = math.sqrt(COEFFICIENTS @ COEFFICIENTS + NOISE**2)
H = (GOAL - 100) / SIGMA
WIDER = 2.0
"""Half-widths of an interval in which a truth must lie: four standard errors, a level of 6e-5 each."""


def by_hand(make_run, rng, *, hidden=HIDDEN):
    """ARR = 100 + x·c + random variation, of which the first months tell nothing."""
    x = rng.normal(size=(DRAWS, len(COEFFICIENTS)))
    known = 100 + x @ COEFFICIENTS
    y, twin = known + NOISE * rng.normal(size=DRAWS), known[:TWINS] + NOISE * rng.normal(size=TWINS)
    ds = make_run(x, y, twin, at_least=GOAL, plan_value=0.5)
    months = np.arange(1, ds.sizes["month"] + 1) / 12
    plan = np.where(np.arange(len(months)) < hidden, 100 * months, PLAN * months)
    ds["ending_arr_baseline"] = (("case", "month"), plan[None])
    ds["ending_arr"].values[:, :hidden] = (100 + rng.normal(size=(DRAWS, hidden))) * months[:hidden]
    return ds.assign_coords(case=["operating plan"])


@pytest.fixture(scope="module")
def run(make_run):
    return by_hand(make_run, np.random.default_rng(2027))


@pytest.fixture(scope="module")
def found(run):
    return misses(run, "board ARR")


def near(estimate, truth):
    """Whether a truth is within an interval made wider."""

    def holds(name):
        value, lower, upper = (estimate[name + end].values for end in ("", "_lower", "_upper"))
        return (value - WIDER * (value - lower) <= truth) & (truth <= value + WIDER * (upper - value))

    return holds


def test_the_middle_of_hits_and_of_misses(found):
    # Before anything is known, both are 100 + N(0, 1), times how much of the year is over.
    for name in ("typical", "hits"):
        for level in (0.2, 0.8):
            early = found.isel(month=HIDDEN - 1)
            assert near(early, (100 + norm.ppf(level)) * HIDDEN / 12)(f"{name}_p{100 * level:.0f}")
    last = found.isel(month=-1)
    for level in (0.2, 0.8):
        score = norm.ppf(norm.cdf(H) + level * norm.sf(H))
        assert near(last, 100 + SIGMA * score)(f"hits_p{100 * level:.0f}")
    unconditional = 100 + SIGMA * norm.ppf(0.2)
    assert not near(last, unconditional)("hits_p20")
    assert (found["typical_p20"] <= found["typical"]).all()
    assert (found["typical"] <= found["typical_p80"]).all()
    apart = found["typical_p80"].values < found["hits_p20"].values
    told = found["told_apart"].values
    # Where the middles do not overlap, four in five are worse than four in five, and the other way round.
    assert ((told > 0.8) == apart)[np.abs(told - 0.8) > 0.01].all()


def test_shares_make_up_everything(found):
    total = float(found["hit_share"].sum() + found["hit_random_variation"] + found["hit_unattributed"])
    assert total == pytest.approx(1.0, abs=1e-9)
    assert set(found["assumption"].values[:2]) == {"input.1", "input.3"}
    assert found.attrs["trusted"]
    assert not found["doubtful"].any()
    assert near(found, norm.sf(H))("p_hit")


def test_where_assumptions_stand_in_misses_and_in_hits(found):
    # E[x | miss] − E[x | hit] = −(c/σ) φ(h) (1/Φ(h) + 1/(1 − Φ(h))).
    p = norm.cdf(H)
    truth = -COEFFICIENTS / SIGMA * norm.pdf(H) / (p * (1 - p))
    told = found.sortby("assumption")
    assert near(told, truth)("shift").all()
    assert not near(told, 1.2 * truth)("shift")[[1, 3]].any()
    assert told["moved"].values.tolist() == [True, True, False, True]
    assert (told["in_misses"] < told["in_hits"]).values.tolist()[1]
    assert (told["in_misses"] > told["in_hits"]).values.tolist()[3]


def test_the_most_plausible_miss(found):
    told = found.sortby("assumption")
    for place, short in enumerate(found["shortfall"].values):
        one = told.isel(shortfall=place)
        way = (GOAL - short - 100) / SIGMA
        truth = way * COEFFICIENTS / SIGMA
        assert near(one, truth)("stress_score").all()
        assert near(one, truth)("stress_value").all()
        assert not near(one, 1.2 * truth)("stress_score")[[1, 3]].any()
        assert near(one, COEFFICIENTS**2 / SIGMA**2)("stress_share").all()
        assert near(one, NOISE**2 / SIGMA**2)("stress_random")
        assert one["stress_share"].sum() + one["stress_random"] == pytest.approx(1.0, abs=1e-9)
        assert near(one, abs(way))("distance")
        # The run's own paths whose assumptions go as far end where the point says.
        assert near(one, one["beside_expected"].values)("beside")
    assert near(found, 100.0)("middle")


def test_how_bad_misses_are(run, found):
    missing = GOAL - run["target_value"].sel(target="board ARR").values
    assert found.attrs["shortfall"] == pytest.approx(missing[missing > 0].mean())
    assert found.attrs["misses"] == (missing > 0).sum()
    assert found["as_bad"].values.tolist() == [
        1.0,
        pytest.approx((missing >= found.attrs["shortfall"]).sum() / (missing > 0).sum()),
    ]
    worst = misses(run, "board ARR", by=4.0)
    assert worst["as_bad"][1] < 0.05
    assert worst["distance"][1] > found["distance"][1]


def test_when_a_miss_shows(found):
    assert found.attrs["behind_from"] == found.attrs["visible_from"] == "2027-06"
    last = found.isel(month=-1)
    assert last["month"] == "2027-12"
    assert near(last, GOAL - found.attrs["shortfall"])("typical")
    assert last["behind_plan"] == pytest.approx(PLAN - last["typical"])
    # E[y | hit] = 100 + σ φ(h) / (1 − Φ(h)).
    assert near(last, 100 + SIGMA * norm.pdf(H) / norm.sf(H) - last["typical"].values)("behind_hits")
    early = found.isel(month=slice(0, HIDDEN))
    assert near(early, 0.0)("behind_hits").all()
    # Where nothing is known, one in five is among the worst fifth.
    assert near(early, 0.2)("told_apart").all()
    assert last["told_apart"] == 1.0


def test_a_miss_that_never_shows_has_no_month(make_run):
    ds = by_hand(make_run, np.random.default_rng(1), hidden=12)
    found = misses(ds, "board ARR")
    assert found.attrs["behind_from"] == found.attrs["visible_from"] == ""


def test_too_much_is_missed_by_as_much_as_too_little(run, found):
    """A target that must not be exceeded, on the same company upside down."""
    turned = run.copy(deep=True)
    for name in ("ending_arr", "ending_arr_twin", "ending_arr_baseline", "target_value", "target_value_twin"):
        turned[name] = -turned[name]
    turned = turned.assign_coords(at_least=-turned["at_most"], at_most=-turned["at_least"])
    other = misses(turned, "board ARR")
    for name in ("hit_share", "shift", "stress_score", "behind_plan", "behind_plan_lower", "behind_hits", "told_apart"):
        np.testing.assert_allclose(other[name], found[name], rtol=1e-6, atol=1e-9)
    assert other["middle"] == pytest.approx(-float(found["middle"]))
    assert other.attrs["visible_from"] == found.attrs["visible_from"]


def test_events_that_come_with_a_miss(make_run):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(DRAWS, 3))
    x[:, 1] = np.where(x[:, 1] > 0.5, 18.0, 0.0)
    x[:, 2] = np.where(x[:, 2] > 0.5, 12.0, 0.0)
    y = x[:, 0] - (x[:, 1] > 0) + rng.normal(size=DRAWS)
    ds = make_run(x, y, np.empty(0)).assign_coords(case=["operating plan"])
    ds["ending_arr_baseline"] = (("case", "month"), np.zeros((1, ds.sizes["month"])))
    found = misses(ds.assign_coords(event=["input.1", "input.2"]), "board ARR")
    assert found["differs"].values.tolist() == [True, False]
    risk = found.isel(event=0)
    missed, happens = y < 0, x[:, 1] > 0
    assert risk["happens_in_misses"] == happens[missed].mean()
    assert risk["happens_more"] == pytest.approx(happens[missed].mean() - happens[~missed].mean())
    assert risk["starts_in_misses"] == "2027-07"
    assert np.isnan(found["hit_random_variation"])


def test_a_group_has_shares_and_no_months(run):
    found = misses(run, "EMEA")
    assert "month" not in found.dims
    assert found.attrs["behind_from"] == ""
    assert found["hit_share"].max() > 0.1


def test_undefined_and_infinite_values_are_misses(make_run):
    """CAC where some win nothing: infinite, or undefined where nothing is spent either."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2000, 2))
    y = np.exp(x[:, 0])
    y[:40] = 0.0
    ds = make_run(x, y, np.empty(0)).assign_coords(case=["operating plan"])
    ds["sm_spend"].values[:20] = 0.0
    for name in ("new_arr", "sm_spend"):
        ds[f"{name}_baseline"] = (("case", "month"), np.ones((1, ds.sizes["month"])))
    cac = ds["sm_spend"].values[:, 0] / np.where(y > 0, y, np.nan)
    cac[20:40] = np.inf
    ds["target_value"] = (("draw", "target"), np.stack([cac, cac], axis=1))
    ds = ds.assign_coords(
        metric=("target", ["cac_new_logo"] * 2), at_least=("target", [np.nan] * 2), at_most=("target", [1.5, 1.5])
    )
    found = misses(ds, "board ARR")
    missed = ~(cac <= 1.5)
    assert found.attrs["misses"] == missed.sum()
    assert found.attrs["shortfall"] == pytest.approx(np.median(np.nan_to_num(cac[missed] - 1.5, nan=np.inf)))
    assert found.attrs["statistic"] == "median"
    assert found["assumption"].values[0] == "input.0"
    assert np.isfinite(found["behind_plan"]).all()


@pytest.mark.parametrize(
    ("name", "by", "message"),
    [
        ("new_arr", None, "new_arr FY2028 has no target; a miss needs one"),
        ("board ARR", -1.0, "a target is missed by an amount from 0 on, not by -1"),
        ("board ARR", math.nan, "not by nan"),
        ("bord ARR", None, "did you mean board ARR"),
    ],
)
def test_wrong_questions_are_answered_in_words(run, name, by, message):
    with pytest.raises(SimengineError, match=message):
        misses(run, name, by=by)


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (90.0, "board ARR is missed on 0 of 6,000 paths, .* need 30 misses and 30 hits; .* or set a higher target"),
        (110.0, "board ARR is reached on 0 of 6,000 paths, .* or set a lower target"),
    ],
)
def test_too_few_misses_or_hits(run, goal, message):
    with pytest.raises(SimengineError, match=message):
        misses(run.assign_coords(at_least=("target", [goal, goal])), "board ARR")


def test_every_variable_says_what_it_is(found):
    assert all(variable.attrs["long_name"] for variable in found.data_vars.values())
    assert found["typical"].attrs["units"] == "USD"
    assert found["hit_share_lower"].attrs["units"] == "fraction"


def test_bounds_are_bounds(found):
    for name in found.data_vars:
        if f"{name}_lower" in found:
            lower, upper = found[f"{name}_lower"], found[f"{name}_upper"]
            assert ((lower <= found[name]) & (found[name] <= upper)).all(), name
