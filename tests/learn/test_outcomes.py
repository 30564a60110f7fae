"""Win rate and cycles from open deals: recovery, closed forms, and what leaves the open ones out."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from simengine.errors import SimengineError
from simengine.learn.deals import naive
from simengine.learn.lags import FAMILIES, outlasts
from simengine.learn.outcomes import (
    DAY,
    MONTH,
    NONE,
    Deals,
    Seen,
    fit_outcomes,
    log_likelihood,
    never_p,
    profile_interval,
)
from tests.learn.open_deals import (
    LEVEL,
    TRUTH,
    UNITS,
    Truth,
    by_day,
    by_engine,
    closed_only,
    covers,
    deals,
    repeated,
)

NAMES = ("win_rate", "mean_won", "mean_lost", "spread")
VALUES = [TRUTH.value(name) for name in NAMES]


def made_by(unit):
    if unit == "day":
        return lambda rng: by_day(rng, 700, 240)
    return lambda rng: by_engine(rng, 500, 9)


def mixture(unit, **options):
    def estimate(made):
        fit = fit_outcomes(deals(made, UNITS[unit]), **options)
        return [fit.interval(name) for name in fit.names]

    return estimate


def shortcuts(unit):
    """Won over created and won over closed with Clopper and Pearson's interval, the mean of the won with Student's."""

    def estimate(made):
        age, outcome, _ = made
        won, closed = int((outcome == "won").sum()), int((outcome != "open").sum())
        ages = age[outcome == "won"] * UNITS[unit]
        half = 1.645 * ages.std() / math.sqrt(ages.size)
        ends = [binomtest(won, n).proportion_ci(0.9) for n in (outcome.size, closed)]
        return [(won, *ends[0]), (won, *ends[1]), (won, ages.mean() - half, ages.mean() + half)]

    return estimate


def recover(unit, histories):
    hits = repeated(mixture(unit), VALUES, made_by(unit), histories, seed=6)
    assert covers(hits).all(), hits.mean(axis=0)
    # What is usually said misses: of created, of closed, and the mean age of the won.
    said = repeated(shortcuts(unit), [TRUTH.win_rate, TRUTH.win_rate, TRUTH.mean_won], made_by(unit), histories, 6)
    assert not covers(said).any(), said.mean(axis=0)
    # Must fail: the same likelihood without the deals that are open.
    dropped = repeated(lambda made: mixture(unit)(closed_only(made)), VALUES, made_by(unit), histories, 6)
    assert not covers(dropped)[:3].any(), dropped.mean(axis=0)


@pytest.mark.parametrize("unit", UNITS)
def test_intervals_hold_the_truth(unit):
    recover(unit, 60)


@pytest.mark.full
@pytest.mark.parametrize("unit", UNITS)
def test_intervals_hold_the_truth_in_a_thousand_histories(unit):
    recover(unit, 1000)


def from_some_day(rng):
    return by_day(rng, 900, 400, since=160)


def truncated(histories):
    hits = repeated(mixture("day"), VALUES, from_some_day, histories, seed=7)
    assert covers(hits).all(), hits.mean(axis=0)

    def ignored(made):
        return mixture("day")((made[0], made[1], np.zeros_like(made[2])))

    # Must fail: as if nothing had ended before.
    blind = repeated(ignored, VALUES, from_some_day, histories, seed=7)
    assert not covers(blind)[2], blind.mean(axis=0)


def test_deals_that_ended_before_records_begin_are_allowed_for():
    truncated(40)


@pytest.mark.full
def test_deals_that_ended_before_records_begin_are_allowed_for_in_a_thousand_histories():
    truncated(1000)


SOME_NEVER = Truth(never=0.15)


def in_name_only(histories):
    def make(rng):
        return by_day(rng, 700, 500, SOME_NEVER)

    values = [*VALUES, SOME_NEVER.never]
    hits = repeated(mixture("day", never=True), values, make, histories, seed=8)
    assert covers(hits).all(), hits.mean(axis=0)
    # Must fail: they are taken for slow ones.
    slow = repeated(mixture("day"), VALUES, make, histories, seed=8)
    assert not covers(slow)[1], slow.mean(axis=0)


def test_deals_that_never_close_are_told_apart():
    in_name_only(30)


@pytest.mark.full
def test_deals_that_never_close_are_told_apart_in_a_thousand_histories():
    in_name_only(1000)


def never_found(truth, histories, seed):
    rng, found = np.random.default_rng(seed), 0
    for _ in range(histories):
        seen = deals(by_day(rng, 500, 300, truth), DAY)
        found += never_p(fit_outcomes(seen), fit_outcomes(seen, never=True)) < 0.05
    return found


@pytest.mark.full
def test_that_some_deals_never_close_is_said_as_often_as_the_level_says():
    assert binom.sf(never_found(TRUTH, 1000, 9) - 1, 1000, 0.05) > LEVEL


def test_that_some_deals_never_close_is_rarely_said_where_all_do_and_mostly_where_some_do_not():
    assert binom.sf(never_found(TRUTH, 15, 9) - 1, 15, 0.05) > LEVEL
    assert never_found(SOME_NEVER, 15, 10) > 10


def test_of_closed_deals_alone_the_win_rate_is_won_over_closed():
    rng = np.random.default_rng(1)
    seen = Deals.counted(rng.integers(0, 9, 50), ["won"] * 15 + ["lost"] * 35, MONTH)
    fit = fit_outcomes(seen)
    assert fit.parameters["win_rate"] == pytest.approx(0.3, abs=1e-5)
    # Of a share of n its logit has variance 1/(n p (1 − p)).
    assert fit.error("win_rate") == pytest.approx(1 / math.sqrt(50 * 0.3 * 0.7), rel=1e-3)


def test_exponential_ages_have_the_estimate_of_occurrences_over_exposure():
    """Equal exponential laws: the rate is deals closed over time at risk; counted so finely that nothing is rounded."""
    rng, fine = np.random.default_rng(2), 1e-4
    length, followed = rng.exponential(2.0, 400), rng.uniform(0, 6, 400)
    won = rng.uniform(size=400) < 0.4
    ended = length < followed
    age = np.floor(np.minimum(length, followed) / fine).astype(int)
    outcome = np.where(ended, np.where(won, "won", "lost"), "open")
    seen = Deals.counted(age, outcome, fine)
    mean = np.minimum(length, followed).sum() / ended.sum()
    share = (won & ended).sum() / ended.sum()
    grid = np.linspace(0.9, 1.1, 41)
    along_mean = log_likelihood(share, mean * grid, mean * grid, 1.0, seen, family="gamma")
    along_share = log_likelihood(share * grid, mean, mean, 1.0, seen, family="weibull")
    assert grid[along_mean.argmax()] == pytest.approx(1.0)
    assert grid[along_share.argmax()] == pytest.approx(1.0)
    # Up to a constant, d ln λ − λ T.
    expected = -ended.sum() * np.log(mean * grid) - np.minimum(length, followed).sum() / (mean * grid)
    np.testing.assert_allclose(along_mean - along_mean[20], expected - expected[20], atol=0.05)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_likelihood_is_the_sum_over_deals(family):
    age, outcome, entered = by_day(np.random.default_rng(3), 200, 200, Truth(never=0.1), since=60)
    w, m, g, c, cl, d = 0.3, 2.0, 1.5, 0.8, 1.1, 0.07
    total = 0.0
    for k, became, e in zip(age.tolist(), outcome.tolist(), entered.tolist(), strict=True):

        def beyond(at):
            return (
                (1 - d) * w * outlasts([at], m / DAY, c, family)[0, 0],
                (1 - d) * (1 - w) * outlasts([at], g / DAY, cl, family)[0, 0],
            )

        now, before, entry = beyond(k), beyond(k - 1), beyond(e - 1)
        p = {"won": before[0] - now[0], "lost": before[1] - now[1], "open": d + sum(now)}[became]
        total += math.log(p / (d + sum(entry)))
    seen = deals((age, outcome, entered), DAY)
    rows = log_likelihood([w, w, 0.5], m, g, c, seen, spread_lost=cl, never=d, family=family)
    assert rows[:2] == pytest.approx([total, total])
    assert rows[2] != pytest.approx(total)


def test_many_rows_of_parameters_are_the_same_as_one_by_one(monkeypatch):
    seen = deals(by_engine(np.random.default_rng(4), 100, 12), MONTH)
    rates = np.linspace(0.1, 0.5, 23)
    together = log_likelihood(rates, 3.0, 2.0, 0.7, seen)
    monkeypatch.setattr("simengine.learn.outcomes._MOST_CELLS", 200)
    np.testing.assert_array_equal(together, log_likelihood(rates, 3.0, 2.0, 0.7, seen))
    np.testing.assert_allclose(together, [log_likelihood(rate, 3.0, 2.0, 0.7, seen)[0] for rate in rates])


def test_a_span_of_ages_has_the_probability_of_its_ages_together():
    lost = Seen.at([1, 2, 3])
    spans = [Deals(Seen.between(a, b), lost, NONE, NONE, MONTH) for a, b in ((1, 2), (2, 3), (1, 3))]
    one, two, both = (math.exp(log_likelihood(0.3, 3.0, 2.0, 0.7, each)[0]) for each in spans)
    assert both == pytest.approx(one + two)


def test_silence_is_not_having_been_won_in_that_time():
    quiet = Deals(NONE, NONE, NONE, NONE, MONTH, Seen.between([-1], [4]))
    lost_or_later = 1 - 0.3 * (1 - outlasts([4], 3.0, 0.7)[0, 0])
    assert log_likelihood(0.3, 3.0, 2.0, 0.7, quiet)[0] == pytest.approx(math.log(lost_or_later))


def test_both_kinds_of_interval_agree_where_there_are_many_deals():
    seen = deals(by_engine(np.random.default_rng(5), 4000, 24), MONTH)
    fit = fit_outcomes(seen)
    for name in fit.names:
        np.testing.assert_allclose(profile_interval(seen, fit, name), fit.interval(name), rtol=0.01)


def test_two_spreads_nest_one():
    seen = deals(by_engine(np.random.default_rng(5), 400, 12), MONTH)
    one, two = fit_outcomes(seen), fit_outcomes(seen, one_spread=False)
    assert one.log_likelihood <= two.log_likelihood + 1e-6
    assert one.aic == pytest.approx(8 - 2 * one.log_likelihood)


def test_too_few_deals_are_refused_with_words():
    with pytest.raises(SimengineError, match="4 deals won and 9 lost are too few"):
        fit_outcomes(Deals.counted([1] * 13, ["won"] * 4 + ["lost"] * 9, MONTH))


def test_what_is_usually_said():
    said = naive(Deals.counted([1, 2, 3, 4, 5, 6], ["won", "won", "won", "lost", "open", "open"], MONTH))
    assert said == {"won_of_created": 0.5, "won_of_closed": 0.75, "median_of_won": 2.0, "median_of_lost": 4.0}
