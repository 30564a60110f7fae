"""Declared against simulated direction; planted surprises are found and named, and nothing else is."""

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.api import OLS, add_constant

from simengine.errors import SimengineError
from simengine.explain import direction
from simengine.explain.additive import Additive, holm, marginal_slopes, own_slopes, scores_of
from simengine.explain.direction import _planned, _signs
from simengine.explain.patterns import HANSEN, patterns
from simengine.explain.ranks import ranks_of
from simengine.explain.shape import turn
from simengine.explain.tornado import fifths

LEVEL = 0.05
INPUTS = 8
VARIATION = 0.45
REACH = np.full(INPUTS, 2.8)
NOTHING_ON = [4, 5]


def inputs(rng, n):
    """Normal scores with correlation one half, and inputs made of them: one lognormal, two with two and four values."""
    z = np.sqrt(0.5) * (rng.normal(size=(n, 1)) + rng.normal(size=(n, INPUTS)))
    x = z.copy()
    x[:, 1] = np.exp(z[:, 1])
    x[:, 6] = z[:, 6] > 1.0
    x[:, 7] = np.digitize(z[:, 7], [-0.5, 0.5, 1.5])
    return z, x


def with_variation(rng, signal, noise=None):
    noise = rng.normal(size=len(signal)) if noise is None else noise
    scale = np.sqrt(VARIATION / (1 - VARIATION)) * (signal.std() or 1.0)
    return signal + noise / noise.std() * scale


def smooth(rng, n):
    """Curved, skewed, noisier where the first input is high: no threshold, no turn, no pair, nothing of 4 and 5."""
    z, x = inputs(rng, n)
    signal = z[:, 0] + np.exp(0.7 * z[:, 1]) + np.tanh(z[:, 2]) + 0.5 * x[:, 6] + 0.2 * x[:, 7]
    return x, with_variation(rng, signal, (rng.gamma(2.0, size=n) - 2) * np.exp(0.3 * z[:, 0]))


def found(x, y):
    model, ranks = Additive(scores_of(x)), ranks_of(x)
    turns = holm(np.array([turn(model, i, column, y).p for i, column in enumerate(ranks)])) < LEVEL
    return patterns(model, ranks, y, REACH), turns


@pytest.fixture(scope="module")
def false_findings():
    """How often each kind of finding is made where there is none, in 300 runs of 2,000 draws."""
    counts = dict.fromkeys(("sign", "threshold", "pair", "turn", "marginal", "unadjusted"), 0)
    rng = np.random.default_rng(1)
    for _ in range(300):
        x, y = smooth(rng, 2000)
        scores = scores_of(x)
        told, turns = found(x, y)
        metric, hit = _signs(scores, y, (y > np.quantile(y, 0.8)).astype(float), REACH)
        counts["sign"] += bool(metric.sign[NOTHING_ON].any() or hit.sign[NOTHING_ON].any())
        counts["marginal"] += bool(metric.marginal_sign[NOTHING_ON].any())
        counts["unadjusted"] += bool((own_slopes(scores, y).p[NOTHING_ON] < LEVEL).any())
        counts["threshold"] += bool(told.thresholds)
        counts["pair"] += bool(told.pairs)
        counts["turn"] += bool(turns.any())
    return counts


@pytest.mark.parametrize("kind", ["sign", "threshold", "pair", "turn"])
def test_nothing_is_found_where_there_is_nothing(false_findings, kind):
    # Exact binomial bound for a rate of 5 % at most, each at level 1e-3.
    assert false_findings[kind] <= binom.ppf(0.999, 300, LEVEL)


def test_the_rate_of_false_findings_can_be_told(false_findings):
    """Negative controls: slopes of one input at a time, and tests that do not know of each other, are caught."""
    assert false_findings["marginal"] > binom.ppf(0.999, 300, LEVEL)
    assert false_findings["unadjusted"] > binom.ppf(0.999, 300, LEVEL)


# ---- sizes ----


def test_own_slopes_are_mean_derivatives_and_cover_them():
    """With jointly normal scores the slope of exp(z₁/2) + z₂² + z₃z₄ in z₁ is E[exp(z₁/2)]/2, in z₂ zero."""
    rng = np.random.default_rng(3)
    truth = np.array([np.exp(1 / 8) / 2, 0.0, 0.0, 0.0])
    covered, alone = np.zeros(4), np.zeros(4)
    for _ in range(400):
        z = np.sqrt(0.5) * (rng.normal(size=(1000, 1)) + rng.normal(size=(1000, 4)))
        y = np.exp(z[:, 0] / 2) + z[:, 1] ** 2 + z[:, 2] * z[:, 3] + rng.normal(size=1000)
        own, seen = own_slopes(z, y), marginal_slopes(z, y)
        covered += np.abs(own.slope - truth) < 1.96 * own.error
        alone += np.abs(seen.slope - truth) < 1.96 * seen.error
    low, high = binom.ppf([0.0005, 0.9995], 400, 0.95)
    assert ((low <= covered) & (covered <= high)).all()
    # What moves with the first seems to act like it.
    assert (alone[1:] < low).all()


def test_effects_and_plan_values_know_that_ranks_place_a_value_among_few_draws():
    """Of a result that hangs on the input nearly alone: once half of the intervals of a plan's worth held the truth."""
    rng, n = np.random.default_rng(17), 500
    held, as_if_known = np.zeros(2), np.zeros(2)
    for _ in range(600):
        x = rng.normal(size=(n, 1))
        scores = scores_of(x)
        slopes = own_slopes(scores, x[:, 0] + 0.3 * rng.normal(size=n))
        low, high = fifths(scores[:, 0])
        reach = np.array([scores[high].mean() - scores[low].mean()])
        planned, error = _planned(x, np.array([0.8]))
        for place, (distance, off, truth) in enumerate(
            ((reach, reach / np.sqrt(2 * n), 2 * 1.39981), (planned, error, 0.8))
        ):
            for count, of_distance in ((held, off), (as_if_known, 0 * off)):
                found = slopes.over(distance, of_distance)
                count[place] += found.lower[0] <= truth <= found.upper[0]
    least = binom.ppf(0.001, 600, 0.95)
    assert (held >= least).all()
    assert (as_if_known < least).all()


def test_errors_of_own_slopes_are_those_of_statsmodels():
    rng = np.random.default_rng(11)
    z = rng.normal(size=(40, 3))
    y = z[:, 0] + rng.normal(size=40) * np.exp(z[:, 1])
    judge = OLS(y, add_constant(z)).fit(cov_type="HC3")
    np.testing.assert_allclose(own_slopes(z, y).error, judge.bse[1:], rtol=1e-9)


def test_inputs_that_determine_each_other_have_no_slope_of_their_own():
    rng = np.random.default_rng(4)
    z = rng.normal(size=(1000, 2))
    slopes = own_slopes(np.column_stack((z, z[:, 0], np.zeros(1000))), z.sum(axis=1))
    assert np.isnan(slopes.slope[[0, 2]]).all()
    assert slopes.slope[1] == pytest.approx(1.0)
    assert slopes.slope[3] == slopes.error[3] == 0.0


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).size == 0


# ---- planted ----


def names_of(result, *variables):
    return list(zip(*(result[name].values.tolist() for name in variables), strict=True))


@pytest.fixture(scope="module")
def surprising(make_run):
    """The declared sides are low, high, both, low, high, both, low, high of inputs 0 to 7.

    0 as declared, 1 declared high but better when high, 2 jumps at 0.5, 3 nothing of its own and moves with 0, 4 and 5
    only together, 6 an event, 7 turns.
    """
    rng = np.random.default_rng(5)
    z = rng.normal(size=(6000, INPUTS))
    z[:, 3] = 0.8 * z[:, 0] + 0.6 * z[:, 3]
    x = z.copy()
    x[:, 6] = z[:, 6] > 1.5
    signal = z[:, 0] + 0.6 * z[:, 1] + 0.9 * (z[:, 2] > 0.5) + 0.5 * z[:, 4] * z[:, 5] + x[:, 6] - 0.4 * z[:, 7] ** 2
    y = 100 + with_variation(rng, signal)
    return make_run(x, y, y[:100], at_least=101.0, plan_value=0.5)


@pytest.fixture(scope="module")
def told(surprising):
    return direction(surprising, "board ARR")


def test_a_planted_wrong_direction_is_found_and_named(told):
    assert told["verdict"].values.tolist() == [
        "as declared",
        "contradicts",
        "both sides declared",
        "not told",
        "not told",
        "both sides declared",
        "as declared",
        "not told",
    ]
    wrong = told.sel(assumption="input.1")
    assert wrong["own_effect_lower"] < 0.6 * 2.8 < wrong["own_effect_upper"]
    assert wrong["hit_own_effect_lower"] > 0


def test_what_a_companion_does_is_not_taken_for_its_own(told):
    assert names_of(told, "companion") == [("",)] * 3 + [("input.0",)] + [("",)] * 4
    assert told["marginal_effect_lower"].sel(assumption="input.3") > 1.0
    assert told["own_effect_lower"].sel(assumption="input.3") < 0 < told["own_effect_upper"].sel(assumption="input.3")


def test_a_planted_threshold_is_found_and_named(told):
    assert names_of(told, "threshold_of", "threshold_kind") == [("input.2", "jump")]
    assert told["threshold_at_lower"] < 0.5 < told["threshold_at_upper"]
    assert told["threshold_size_lower"] < 0.9 < told["threshold_size_upper"]


def test_a_planted_pair_that_only_acts_together_is_found_and_named(told, surprising):
    assert names_of(told, "first", "second", "only_together") == [("input.4", "input.5", True)]
    assert told["joint_effect_lower"] < 0.5 * 2.8**2 < told["joint_effect_upper"]
    share = 0.25 / float(surprising["target_value"].sel(target="board ARR").var())
    assert told["joint_share_lower"] < share < told["joint_share_upper"]


def test_a_planted_turn_is_found_and_named(told):
    assert told["assumption"].values[told["turns"].values].tolist() == ["input.7"]
    assert told["peak"].sel(assumption="input.7")
    assert abs(told["turns_at"].sel(assumption="input.7")) < 0.5


def test_a_plan_value_above_the_middle_is_worth_its_slope(told):
    at = told.sel(assumption="input.0")
    assert at["plan_worth_lower"] < 0.5 < at["plan_worth_upper"]


def test_without_the_planted_surprises_there_is_none(make_run):
    rng = np.random.default_rng(6)
    x, y = smooth(rng, 6000)
    told = direction(make_run(x, y, y[:100], at_least=1.0), "board ARR")
    assert told.sizes["threshold"] == told.sizes["pair"] == 0
    assert not told["turns"].any()
    # 1 is declared to hurt when high, and does not.
    assert told["assumption"].values[told["verdict"].values == "contradicts"].tolist() == ["input.1", "input.7"]


def test_a_bend_and_a_pair_of_signs_are_found():
    rng = np.random.default_rng(7)
    z = rng.normal(size=(8000, INPUTS))
    bent, _ = found(z, with_variation(rng, z[:, 0] - 1.5 * np.maximum(0, z[:, 2] - 0.5)))
    assert [(one.i, one.kind) for one in bent.thresholds] == [(2, "bend")]
    _, low, high = bent.thresholds[0].place
    assert low < 0.6915 < high
    signs, _ = found(z, with_variation(rng, z[:, 0] + 0.5 * np.sign(z[:, 1] * z[:, 2])))
    assert [(one.i, one.j) for one in signs.pairs] == [(1, 2)]


def test_a_threshold_is_not_named_for_what_its_companion_does():
    rng = np.random.default_rng(8)
    z = rng.normal(size=(8000, INPUTS))
    z[:, 1] = 0.9 * z[:, 0] + np.sqrt(1 - 0.81) * z[:, 1]
    told, _ = found(z, with_variation(rng, (z[:, 0] > 0.3).astype(float)))
    assert [one.i for one in told.thresholds] == [0]


def test_an_input_alone_has_no_partner_but_its_threshold():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2000, 1))
    made, _ = found(x, 0.5 * x[:, 0] + (x[:, 0] > 0.6) + 0.3 * rng.normal(size=2000))
    assert made.pairs == []
    assert [(threshold.i, threshold.kind) for threshold in made.thresholds] == [(0, "jump")]


def test_the_place_of_a_threshold_lies_within_hansens_95_percent():
    # The likelihood ratio of the place has the distribution (1 - exp(-x/2))^2, Hansen, Econometrica 68, 2000.
    assert (1 - np.exp(-HANSEN / 2)) ** 2 == pytest.approx(0.95, abs=2e-4)


def test_of_two_thresholds_of_an_input_the_clearer_is_named():
    rng = np.random.default_rng(13)
    x = rng.normal(size=(8000, INPUTS))
    told, _ = found(x, with_variation(rng, x[:, 0] + 3.0 * (x[:, 2] > -0.8) - 2.0 * (x[:, 2] > 0.8)))
    assert [one.i for one in told.thresholds] == [2]


@pytest.mark.parametrize(("levels", "looked_for"), [(7, []), (8, [2])])
def test_a_threshold_needs_eight_values_to_lie_between(levels, looked_for):
    rng = np.random.default_rng(10)
    x = rng.normal(size=(4000, INPUTS))
    x[:, 2] = rng.integers(levels, size=4000)
    told, _ = found(x, with_variation(rng, x[:, 0] + 2.0 * (x[:, 2] >= 3)))
    assert [one.i for one in told.thresholds] == looked_for


def test_an_unknown_target_and_too_few_draws_are_told(surprising, make_run):
    with pytest.raises(SimengineError, match="no target of this plan"):
        direction(surprising, "ending_arr")
    x = np.random.default_rng(9).normal(size=(200, 2))
    with pytest.raises(SimengineError, match="500 draws"):
        direction(make_run(x, x[:, 0], x[:50, 0]), "board ARR")


def test_a_result_that_never_varies_has_no_direction(make_run):
    x = np.random.default_rng(10).normal(size=(600, 3))
    told = direction(make_run(x, np.full(600, 5.0), np.full(50, 5.0)), "board ARR")
    assert set(told["verdict"].values.tolist()) == {"not told", "both sides declared"}
    assert told.sizes["threshold"] == told.sizes["pair"] == 0


def test_a_run_without_assumptions_has_nothing_to_tell(make_run):
    y = np.random.default_rng(11).normal(size=600)
    told = direction(make_run(np.empty((600, 0)), y, y[:50]), "board ARR")
    assert told.sizes["assumption"] == told.sizes["threshold"] == told.sizes["pair"] == 0


def test_a_ratio_keeps_its_unit_and_what_is_far_out_is_drawn_in(make_run):
    rng = np.random.default_rng(12)
    x = rng.normal(size=(2000, 2))
    run = make_run(x, x[:, 0], x[:50, 0])
    value = np.where(rng.uniform(size=2000) < 0.01, np.inf, 1.0 + 0.1 * x[:, 0] + 0.05 * rng.normal(size=2000))
    run["target_value"] = ("draw", "target"), np.stack([value, value], axis=1)
    run = run.assign_coords(metric=("target", ["cac_payback", "cac_payback"]), at_most=("target", [1.0, 1.0]))
    told = direction(run.assign_coords(at_least=("target", [np.nan, np.nan])), "board ARR")
    assert told.attrs["favour"] == -1
    # Low payback is good, so high hurts, and input 0 is declared to hurt when low.
    assert told["verdict"].values.tolist() == ["contradicts", "not told"]
    assert 0.25 < told["own_effect"][0] < 0.31
    infinite = run.copy()
    infinite["target_value"] = ("draw", "target"), np.full((2000, 2), np.inf)
    with pytest.raises(SimengineError, match="infinite"):
        direction(infinite, "board ARR")


def test_what_rises_far_and_falls_a_little_has_a_peak():
    rng = np.random.default_rng(15)
    x = rng.normal(size=(8000, 2))
    u = ranks_of(x)[0]
    found = turn(Additive(scores_of(x)), 0, u, -10 * (u - 0.7) ** 2 + 0.1 * rng.normal(size=8000))
    assert found.p < LEVEL
    assert found.peak
    assert 0.5 < u[found.place].mean() < 0.9
