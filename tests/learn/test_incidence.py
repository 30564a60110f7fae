"""Shares won and lost by age as observed: against lifelines, closed forms, and the law they come from."""

import math

import numpy as np
import pandas as pd
import pytest
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from scipy.stats import binom

from simengine.errors import SimengineError
from simengine.learn.incidence import closings, drawn_by_cohort, fitted_shares, incidence, misfit, observed, picture
from simengine.learn.outcomes import DAY, MONTH, NONE, Deals, Seen, fit_outcomes
from tests.learn.open_deals import LEVEL, Truth, by_day, by_engine, covers, deals


def without_ties(rng, n):
    """Deals whose ages all differ: lifelines would move ties apart by chance."""
    age = rng.permutation(3 * n)[:n] + 3
    outcome = rng.choice(["won", "lost", "open"], n, p=[0.3, 0.4, 0.3])
    entered = np.where(rng.uniform(size=n) < 0.4, rng.integers(1, age), 0)
    return age, outcome, entered


def test_shares_are_those_of_aalen_and_johansen():
    age, outcome, entered = without_ties(np.random.default_rng(1), 150)
    seen = incidence(Deals.counted(age, outcome, DAY, entered))
    value, _, _ = seen.curves()
    for way, became in enumerate(("won", "lost")):
        code = pd.Series(outcome).map({became: 1, "open": 0}).fillna(2).astype(int)
        judge = AalenJohansenFitter(calculate_variance=False)
        # At risk from the age of entry on: later than half a day before it.
        judge.fit(age, code, event_of_interest=1, entry=entered - 0.5)
        expected = judge.cumulative_density_.iloc[:, 0]
        expected = expected[expected.index.isin(age)]
        np.testing.assert_allclose(value[way][expected.index.astype(int)], expected, atol=1e-12)


def test_errors_are_those_of_aalen_and_johansen_but_for_higher_orders():
    age, outcome, entered = without_ties(np.random.default_rng(2), 400)
    entered = np.zeros_like(entered)
    seen = incidence(Deals.counted(age, outcome, DAY, entered))
    weights = np.zeros((1, 2, seen.at_risk.size))
    until = int(np.quantile(age, 0.7))
    weights[0, 0, : until + 1] = 1
    (_,), ((variance,),) = seen.linear(weights)
    code = pd.Series(outcome).map({"won": 1, "open": 0, "lost": 2})
    judge = AalenJohansenFitter()
    judge.fit(age, code, event_of_interest=1)
    assert math.sqrt(variance) == pytest.approx(math.sqrt(judge.variance_.loc[:until].iloc[-1]), rel=0.03)


def test_of_one_way_to_end_shares_are_those_of_kaplan_and_meier_ties_and_all():
    rng = np.random.default_rng(3)
    age, won = rng.integers(0, 15, 200), rng.uniform(size=200) < 0.6
    seen = incidence(Deals.counted(age, np.where(won, "won", "open"), DAY))
    judge = KaplanMeierFitter().fit(age, won)
    value, lower, upper = seen.curves()
    np.testing.assert_allclose(1 - value[0], judge.survival_function_.iloc[:, 0][np.arange(15)], atol=1e-12)
    assert (lower <= value).all()
    assert (value <= upper).all()


def test_without_open_deals_everything_is_a_plain_share_and_mean():
    rng = np.random.default_rng(4)
    age, outcome = rng.integers(0, 9, 300), rng.choice(["won", "lost"], 300, p=[0.3, 0.7])
    found = observed(incidence(Deals.counted(age, outcome, MONTH)))
    won = outcome == "won"
    p = won.mean()
    assert found.values["win_rate"] == pytest.approx(p)
    assert found.errors["win_rate"] == pytest.approx(1 / math.sqrt(300 * p * (1 - p)), rel=1e-4)
    assert found.values["mean_won"] == pytest.approx(age[won].mean())
    assert found.errors["mean_won"] == pytest.approx(age[won].std() / math.sqrt(won.sum()) / age[won].mean(), rel=1e-4)
    assert found.values["spread"] == pytest.approx(math.sqrt(age[won].var() - 1 / 6) / age[won].mean())
    assert found.values["decided"] == 1.0
    assert math.isnan(found.errors["decided"])


FOLLOWED = Truth(never=0.2, spread=0.5)


def without_a_law(histories):
    rng, hits = np.random.default_rng(5), []
    for _ in range(histories):
        seen = incidence(deals(by_day(rng, 600, 500, FOLLOWED, since=100), DAY))
        found = observed(seen)
        truth = {"win_rate": FOLLOWED.win_rate, "decided": 0.8, "mean_won": 3.0, "mean_lost": 1.6}
        row = []
        for name, true in truth.items():
            move = (lambda x: math.log(x / (1 - x))) if name in ("win_rate", "decided") else math.log
            row.append(abs(move(found.values[name]) - move(true)) <= 1.645 * found.errors[name])
        hits.append(row)
    hits = np.array(hits)
    assert covers(hits).all(), hits.mean(axis=0)


def test_estimates_without_a_law_hold_the_truth():
    without_a_law(100)


@pytest.mark.full
def test_estimates_without_a_law_hold_the_truth_in_a_thousand_histories():
    without_a_law(1000)


def rejected(make, histories, level=0.05):
    return sum(misfit(incidence(seen), fit_outcomes(seen)).p < level for seen in (make() for _ in range(histories)))


def test_the_right_law_is_rejected_as_often_as_the_level_says_and_a_wrong_one_mostly():
    rng = np.random.default_rng(6)
    right = rejected(lambda: deals(by_engine(rng, 500, 15), MONTH), 100)
    assert binom.sf(right - 1, 100, 0.05) > LEVEL

    def two_humps():
        quick = by_engine(rng, 400, 24, Truth(mean_won=0.5, mean_lost=0.5))
        slow = by_engine(rng, 400, 24, Truth(mean_won=6.0, mean_lost=6.0, spread=0.2))
        return deals(tuple(np.concatenate(pair) for pair in zip(quick, slow, strict=True)), MONTH)

    assert rejected(two_humps, 20, 1e-3) == 20


@pytest.mark.full
def test_the_right_law_is_rejected_as_often_as_the_level_says_by_day_and_of_those_that_entered_late():
    rng = np.random.default_rng(7)
    right = rejected(lambda: deals(by_day(rng, 600, 300, since=80), DAY), 1000)
    assert binom.sf(right - 1, 1000, 0.05) > LEVEL


def test_followed_long_enough_is_said_only_where_little_can_come():
    rng = np.random.default_rng(8)
    assert incidence(deals(by_day(rng, 800, 500, FOLLOWED), DAY)).followed
    assert not incidence(deals(by_day(rng, 800, 90, FOLLOWED), DAY)).followed


def test_a_picture_has_the_data_and_the_fit():
    seen = deals(by_engine(np.random.default_rng(9), 2000, 24), MONTH)
    shown = picture("smb", seen, fit_outcomes(seen))
    inside = (shown.lower - 0.02 <= shown.fitted) & (shown.fitted <= shown.upper + 0.02)
    assert inside.all()
    assert shown.ages[0] == 0.5
    assert shown.observed.shape == shown.fitted.shape == (2, shown.ages.size)
    assert shown.misfit.gap < 0.03


def test_shares_of_a_fit_add_up_to_one():
    seen = deals(by_engine(np.random.default_rng(9), 500, 24), MONTH)
    assert fitted_shares(fit_outcomes(seen), 400).sum() == pytest.approx(1, abs=1e-6)


def test_an_open_deal_is_won_with_the_share_of_its_age():
    p = np.array([[[0.1, 0.2, 0.1, 0.0], [0.1, 0.1, 0.1, 0.1]]])
    chances = closings(p, np.array([0, 1, 3]), 1)
    np.testing.assert_allclose(chances, [[0.2 / 0.8, 0.1 / 0.5, 0.0]])
    np.testing.assert_allclose(closings(p, np.array([0]), 9), [[0.3 / 0.8]])


def test_hazards_drawn_anew_scatter_as_their_errors_say():
    seen = incidence(deals(by_day(np.random.default_rng(10), 500, 400, FOLLOWED), DAY))
    weights = np.zeros((1, 2, seen.at_risk.size))
    weights[0, 0] = 1
    (value,), ((variance,),) = seen.linear(weights)
    drawn = seen.drawn(2000, np.random.default_rng(11))[:, 0].sum(axis=1)
    assert drawn.mean() == pytest.approx(value, abs=0.1 * math.sqrt(variance))
    # The standard deviation of 2,000 has a relative error of 1/sqrt(4,000).
    assert drawn.std() == pytest.approx(math.sqrt(variance), rel=0.08)


def test_cohorts_that_are_alike_scatter_as_deals_do_and_others_more():
    rng = np.random.default_rng(12)

    def scatter(rates):
        cohorts = [incidence(deals(by_engine(rng, 100, 12, Truth(win_rate=rate)), MONTH)) for rate in rates]
        return drawn_by_cohort(cohorts, 1000, rng)[:, 0].sum(axis=1).std()

    alike, different = scatter([0.3] * 20), scatter([0.1, 0.5] * 10)
    whole = incidence(deals(by_engine(rng, 2000, 12, Truth(win_rate=0.3)), MONTH))
    weights = np.zeros((1, 2, whole.at_risk.size))
    weights[0, 0] = 1
    error = math.sqrt(whole.linear(weights)[1][0, 0])
    # The standard deviation of twenty cohorts has a relative error of 1/sqrt(38); four of those.
    assert alike == pytest.approx(error, rel=0.65)
    assert different > 2 * error


@pytest.mark.parametrize(
    "seen",
    [
        Deals(Seen.between([0], [4]), NONE, NONE, NONE, MONTH),
        Deals(Seen.at([1]), NONE, NONE, NONE, MONTH, Seen.between([0], [4])),
    ],
)
def test_spans_have_no_incidence(seen):
    with pytest.raises(SimengineError, match="give them one by one"):
        incidence(seen)
