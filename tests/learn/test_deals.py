"""What history says of win rates and cycles, from its tables on."""

import csv
import math
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from simengine.errors import SimengineError
from simengine.learn.deals import begun, estimates, expected_wins, judge, naive, pictures
from simengine.learn.history import History, table
from simengine.learn.outcomes import DAY, MONTH
from simengine.learn.together import drift_of
from simengine.plan.beliefs import distribution
from simengine.units import UNITS as OF_A_PLAN
from tests.learn.open_deals import LEVEL, TRUTH, Truth, by_day, by_engine, covers, deals

AS_OF = date(2026, 6, 30)


def history(made, *, by_month=False, segment="smb", channel="", **since) -> History:
    """A history with opportunities of given ages; every open one is as old on the as-of date."""
    age, outcome, _ = made
    last = pd.Timestamp(AS_OF)
    n = len(age)
    rng = np.random.default_rng(n)
    open_ = outcome == "open"
    if by_month:
        end = np.where(open_, 0, rng.integers(0, 5, n))
        closed = [last.to_period("M") - int(k) for k in end]
        created = [(month - int(k)).start_time for month, k in zip(closed, age, strict=True)]
        closed_days = [None if o else month.end_time.normalize() for o, month in zip(open_, closed, strict=True)]
    else:
        days = np.where(open_, 0, rng.integers(0, 30, n))
        ends = [last - pd.Timedelta(days=int(k)) for k in days]
        created = [end - pd.Timedelta(days=int(k)) for end, k in zip(ends, age, strict=True)]
        closed_days = [None if o else end for o, end in zip(open_, ends, strict=True)]
    columns = {
        "id": range(n),
        "segment": [segment] * n,
        "channel": [channel] * n,
        "created": created,
        "outcome": outcome,
        "closed": closed_days,
    }
    return History(AS_OF, {"opportunities": table("opportunities", **columns)}, since=since)


def joined(*parts: History) -> History:
    frames = [part.table("opportunities") for part in parts]
    return History(AS_OF, {"opportunities": pd.concat(frames, ignore_index=True)})


def test_ages_are_taken_by_month_where_the_records_are_by_month():
    made = by_engine(np.random.default_rng(1), 300, 12)
    taken = begun(history(made, by_month=True))
    assert taken.unit == MONTH
    assert taken.records["age"].tolist() == made[0].tolist()
    by_days = begun(history(made))
    assert by_days.unit == DAY
    assert by_days.records["age"].tolist() == made[0].tolist()


def test_ages_by_month_need_the_end_of_a_month():
    with pytest.raises(SimengineError, match="as-of date at the end of a month, not 2026-06-15"):
        begun(history(by_day(np.random.default_rng(1), 50, 100)).cut(date(2026, 6, 15)), unit="month")


def test_of_no_deals_nothing_is_said():
    assert estimates(History(date(2026, 6, 15), {})) == []
    assert pictures(History(date(2026, 6, 15), {})) == []


def test_what_is_no_deal_is_left_out_and_said():
    columns = {
        "id": "abcde",
        "segment": ["smb"] * 5,
        "created": ["2026-01-10"] * 5,
        "started": ["2026-02-01", None, None, None, "2026-02-01"],
        "outcome": ["won", "open", "lost", "won", "lost"],
        "closed": ["2026-03-01", None, "2026-02-01", "2026-02-15", "2026-01-20"],
    }
    said: list[str] = []
    taken = begun(History(AS_OF, {"opportunities": table("opportunities", **columns)}), say=said.append)
    assert taken.records["id"].tolist() == ["a", "d"]
    assert taken.records["age"].tolist() == [28, 36]
    assert said == [
        "2 opportunities that no seller has taken up are left out.",
        "1 opportunities closed before they were begun, or on no day, are left out.",
    ]


def test_deals_that_began_before_records_are_kept_enter_late():
    columns = {
        "id": "abc",
        "segment": ["smb"] * 3,
        "created": ["2026-01-01", "2026-01-01", "2026-03-01"],
        "outcome": ["won", "lost", "open"],
        "closed": ["2026-03-01", "2026-01-15", None],
    }
    said: list[str] = []
    kept = {"opportunities": table("opportunities", **columns)}
    taken = begun(History(AS_OF, kept, since={"opportunities": date(2026, 2, 1)}), say=said.append)
    assert taken.records["entered"].tolist() == [31, 0]
    assert said == ["1 opportunities that closed before 2026-02-01, from when on all are kept, are left out."]


def test_the_law_of_a_plan_is_kept_where_no_other_is_better():
    judged = judge(deals(by_engine(np.random.default_rng(2), 2000, 18), MONTH))
    assert (judged.fit.family, judged.fit.names) == ("lognormal", ("win_rate", "mean_won", "mean_lost", "spread"))
    assert judged.misfit.p > 1e-3
    assert judged.observed is None


def test_where_no_law_fits_estimates_are_made_without():
    rng = np.random.default_rng(3)
    quick = by_engine(rng, 900, 24, Truth(mean_won=0.5, mean_lost=0.5))
    slow = by_engine(rng, 900, 24, Truth(mean_won=7.0, mean_lost=7.0, spread=0.15))
    made = tuple(np.concatenate(pair) for pair in zip(quick, slow, strict=True))
    judged = judge(deals(made, MONTH))
    assert judged.misfit.p < 1e-3
    assert judged.observed is not None
    assert judged.observed.values["mean_won"] == pytest.approx(3.75, rel=0.1)
    told = estimates(history(made, by_month=True))[0]
    assert "Aalen-Johansen" in told.method
    assert told.notes[0].startswith("No law of the ages fits")


def chosen(histories):
    """Coverage of what `judge` chooses among laws, not only of the law that is known to be right."""
    rng, hits, said = np.random.default_rng(4), [], []
    for _ in range(histories):
        made = by_day(rng, 700, 300)
        found = {each.name: each for each in estimates(history(made))}
        names = {"win_rate.smb": TRUTH.win_rate, "cycle.smb": TRUTH.mean_won, "cycle_lost.smb": TRUTH.mean_lost}
        hits.append([found[name].lower <= true <= found[name].upper for name, true in names.items()])
        said.append(found["cycle.smb"].naive)
    assert covers(np.array(hits)).all(), np.mean(hits, axis=0)
    assert np.mean(said) < 0.8 * TRUTH.mean_won


def test_intervals_of_the_chosen_law_hold_the_truth():
    chosen(12)


@pytest.mark.full
def test_intervals_of_the_chosen_law_hold_the_truth_in_a_thousand_histories():
    chosen(1000)


def test_estimates_can_be_written_into_a_plan():
    rng = np.random.default_rng(5)
    parts = [
        history(by_day(rng, 600, 300), channel="inbound"),
        history(by_day(rng, 600, 300, Truth(win_rate=0.5)), channel="partner"),
        history(by_day(rng, 10, 300), segment="mid"),
    ]
    said: list[str] = []
    found = {each.name: each for each in estimates(joined(*parts), say=said.append)}
    assert list(found) == [
        "win_rate.smb",
        "cycle.smb",
        "cycle_lost.smb",
        "cycle_spread.smb",
        "win_rate.smb.inbound",
        "win_rate.smb.partner",
    ]
    assert len(said) == 1
    assert said[0].startswith("mid: ")
    for each in found.values():
        assert each.unit in OF_A_PLAN
        law = distribution(each.distribution, each.unit)
        assert law is not None
        assert law.ppf(np.array([0.05, 0.95])) == pytest.approx([each.lower, each.upper], rel=0.03)
        assert each.lower < each.value < each.upper
    assert found["win_rate.smb.inbound"].upper < found["win_rate.smb.partner"].lower
    assert [shown.title for shown in pictures(joined(*parts))] == ["smb"]


def drifting(rng, spread):
    """Two years of quarters, each with a win rate of its own."""
    last, frames = pd.Timestamp(AS_OF), []
    sigma = math.sqrt(math.log(1.49))
    for quarter in pd.period_range(end=last.to_period("Q"), periods=8, freq="Q"):
        rate = 1 / (1 + math.exp(-rng.normal(math.log(0.25 / 0.75), spread)))
        created = quarter.start_time + pd.to_timedelta(rng.integers(0, 90, 400), unit="D")
        length = rng.lognormal(math.log(30) - sigma**2 / 2, sigma, 400)
        closed = created + pd.to_timedelta(np.floor(length + rng.uniform(size=400)), unit="D")
        outcome = np.where(closed > last, "open", np.where(rng.uniform(size=400) < rate, "won", "lost"))
        columns = {"id": range(400), "segment": ["smb"] * 400, "created": created, "outcome": outcome}
        closed = [None if became == "open" else day for day, became in zip(closed, outcome, strict=True)]
        frames.append(table("opportunities", **columns, closed=closed))
    return History(AS_OF, {"opportunities": pd.concat(frames, ignore_index=True)})


def test_drift_between_quarters_is_told_from_sampling_error():
    rng = np.random.default_rng(6)
    still = [estimates(drifting(rng, 0.0))[0].drift for _ in range(3)]
    moving = [estimates(drifting(rng, 0.4))[0].drift for _ in range(4)]
    assert all(drift is not None for drift in (*still, *moving))
    # A logit that varies by 0.4 is a rate that varies by 0.4 (1 − 0.25), relatively. Of seven degrees of freedom it is
    # found with a relative error of 1/sqrt(14), as the mean of four with 0.13; four of those, and some for sampling.
    assert np.mean(moving) == pytest.approx(0.3, rel=0.6)
    assert np.mean(still) < 0.3 * (1 - 0.6)


def test_drift_of_groups_of_one_error_is_their_variance_less_that_of_sampling():
    # Four values of equal error e: s² − e².
    values = [0.0, 1.0, 2.0, 3.0]
    assert drift_of(values, [0.5] * 4) == pytest.approx(math.sqrt(np.var(values, ddof=1) - 0.25))


def forecasts(histories, horizon=60):
    """Whether the wins of 60 days are within what was said of `horizon` days."""
    rng, hits = np.random.default_rng(7), 0
    for _ in range(histories):
        start, won = rng.uniform(0, 300, 500), rng.uniform(size=500) < 0.25
        sigma = math.sqrt(math.log(1.49))
        length = rng.lognormal(np.log(np.where(won, 3.0, 1.6) / DAY) - sigma**2 / 2, sigma)
        first, last = np.floor(start).astype(int), np.floor(start + length).astype(int)
        ended = last < 300
        outcome = np.where(ended, np.where(won, "won", "lost"), "open")
        age = np.where(ended, last, 299) - first
        judged = judge(deals((age, outcome, np.zeros(500, int)), DAY))
        said = expected_wins(judged, age[~ended], horizon, rng, draws=400)
        hits += said.lower <= (won & ~ended & (last < 360)).sum() <= said.upper
    return hits


def test_wins_of_open_deals_are_within_their_interval():
    # Numbers are whole, so that an interval holds a little more than it says; it must not hold less.
    assert binom.cdf(forecasts(10), 10, 0.9) > LEVEL
    # Must fail: as if they had half the time.
    assert binom.cdf(forecasts(8, horizon=30), 8, 0.9) < LEVEL


@pytest.mark.full
def test_wins_of_open_deals_are_within_their_interval_in_five_hundred_histories():
    assert binom.cdf(forecasts(500), 500, 0.9) > LEVEL


def crm(folder: Path) -> History:
    """The opportunities of a CRM, by office; none that closed before March 2017 was exported."""

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    office = {row["sales_agent"]: row["regional_office"] for row in rows("sales_teams.csv")}
    all_ = rows("opportunities.csv")
    columns = {
        "id": [row["opportunity_id"] for row in all_],
        "segment": [office[row["sales_agent"]] for row in all_],
        "created": [row["engage_date"] for row in all_],
        "outcome": [{"Won": "won", "Lost": "lost"}.get(row["deal_stage"], "open") for row in all_],
        "closed": [row["close_date"] or None for row in all_],
    }
    kept = {"opportunities": table("opportunities", **columns)}
    return History(date(2017, 9, 30), kept, since={"opportunities": date(2017, 3, 1)})


@pytest.mark.data
def test_no_simple_law_is_that_of_the_crm(shared_data: Path) -> None:
    whole = crm(shared_data / "crm_2017q3")
    judged = judge(begun(whole).deals())
    # docs/learn/deals.md says these numbers. Ages have two humps: a week, and three months.
    assert judged.misfit.p < 1e-9
    assert judged.misfit.gap == pytest.approx(0.089, abs=2e-3)
    assert judged.observed is not None
    assert judged.observed.values == pytest.approx(
        {"win_rate": 0.649, "decided": 0.877, "mean_won": 1.85, "mean_lost": 1.48, "spread": 0.73}, abs=6e-3
    )
    said = naive(judged.deals)
    assert said["won_of_created"] == pytest.approx(0.426, abs=1e-3)
    found = {each.name: each for each in estimates(whole)}
    assert {name.split(".")[0] for name in found} == {"win_rate", "decided", "cycle", "cycle_lost", "cycle_spread"}


@pytest.mark.data
@pytest.mark.parametrize(
    ("as_of", "until", "expected", "happened"),
    [
        (date(2017, 5, 31), date(2017, 8, 31), 716, 620),
        (date(2017, 6, 30), date(2017, 9, 30), 818, 609),
    ],
)
def test_wins_of_the_next_quarter_of_the_crm(
    shared_data: Path, as_of: date, until: date, expected: int, happened: int
) -> None:
    """A forecast that fails: deals of spring stayed open longer than those before. It is recorded as it is."""
    whole = crm(shared_data / "crm_2017q3")
    then = begun(whole.cut(as_of))
    open_ = then.records[then.records["outcome"] == "open"]
    later = whole.cut(until).table("opportunities").set_index("id").loc[open_["id"]]
    days, judged, rng = (until - as_of).days, judge(then.deals()), np.random.default_rng(1)
    said = expected_wins(judged, open_["age"], days, rng)
    assert (later["outcome"] == "won").sum() == happened
    assert said.mean == pytest.approx(expected, abs=3)
    # Outside its interval, and still nearer than all open deals at won over closed. That months differ, the interval
    # of whole months knows; of the second forecast it is still too narrow.
    assert not said.lower <= happened <= said.upper
    wide = expected_wins(judged, open_["age"], days, rng, cohorts=then.cohorts())
    assert wide.upper - wide.lower > 2 * (said.upper - said.lower)
    assert (wide.lower <= happened <= wide.upper) == (as_of == date(2017, 5, 31))
    shortcut = len(open_) * naive(then.deals())["won_of_closed"]
    assert abs(said.mean - happened) < abs(shortcut - happened) / 2
