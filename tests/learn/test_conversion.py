"""Stage rates while the newest leads have not had the time: recovery, and what the shortcuts say."""

import csv
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simengine.errors import SimengineError
from simengine.learn.conversion import (
    Cohorts,
    cohorts,
    conversion_estimates,
    conversion_picture,
    fit_conversion,
    mature_age,
    matured,
    stages,
)
from simengine.learn.deals import shares_drawn, wins_of
from simengine.learn.history import History, table
from simengine.learn.outcomes import DAY, fitted
from simengine.plan.beliefs import distribution
from tests.learn.open_deals import covers

AS_OF = date(2026, 6, 30)
RATE, DAYS, SPREAD = 0.3, 40.0, 1.0


def leads(rng, n, window, *, rate=RATE, channel="inbound", recorded=None, count=None) -> History:
    """Leads of the last `window` days; that one went on is known of the last `recorded` days."""
    begun = rng.uniform(0, window, n)
    sigma = math.sqrt(math.log(1 + SPREAD**2))
    after = rng.lognormal(math.log(DAYS) - sigma**2 / 2, sigma, n)
    after[rng.uniform(size=n) >= rate] = math.inf
    first = AS_OF - timedelta(days=window - 1)
    days = np.floor(begun + after)
    went = (days < window) & (days >= (window - recorded if recorded else 0))
    reached = [first + timedelta(days=int(day)) if yes else None for day, yes in zip(days, went, strict=True)]
    created = [first + timedelta(days=int(day)) for day in begun]
    columns = {"id": range(n), "channel": [channel] * n, "created": created, "reached:sql": reached}
    if count is not None:
        columns["count"] = [count] * n
    return History(AS_OF, {"leads": table("leads", **columns)})


def recover(histories):
    rng, hits, shares, ripe = np.random.default_rng(1), [], [], []
    for _ in range(histories):
        found = cohorts(leads(rng, 1200, 200), "lead", "sql")
        fit = fitted(found.deals(), "lognormal", ("mean_won", "spread", "never"))
        ends = [fit.interval(name) for name in ("never", "mean_won", "spread")]
        truth = (1 - RATE, DAYS * DAY, SPREAD)
        hits.append([low <= true <= high for true, (_, low, high) in zip(truth, ends, strict=True)])
        everybody = matured(found, 0, AS_OF)
        shares.append([everybody.lower <= RATE <= everybody.upper])
        old = matured(found, mature_age(fit), AS_OF)
        ripe.append(old.rate)
    assert covers(np.array(hits)).all(), np.mean(hits, axis=0)
    # Converted of created misses; of cohorts that had the time at most 5 % is missed.
    assert not covers(np.array(shares)).any()
    assert np.mean(ripe) == pytest.approx(RATE * 0.975, abs=RATE * 0.025 + 4 * np.std(ripe) / math.sqrt(histories))


def test_rate_and_time_are_recovered():
    recover(40)


@pytest.mark.full
def test_rate_and_time_are_recovered_in_a_thousand_histories():
    recover(1000)


def unrecorded(histories):
    rng, hits, blind = np.random.default_rng(2), [], []
    start = AS_OF - timedelta(days=119)
    for _ in range(histories):
        history = leads(rng, 1500, 200, recorded=120)
        for since, told in ((start, hits), (None, blind)):
            deals = cohorts(history, "lead", "sql", recorded_since=since).deals()
            try:
                _, low, high = fitted(deals, "lognormal", ("mean_won", "spread", "never")).interval("never")
            except SimengineError:
                low, high = math.inf, -math.inf
            told.append([low <= 1 - RATE <= high])
    assert covers(np.array(hits)).all(), np.mean(hits)
    # Must fail: as if all that went on had been recorded.
    assert not covers(np.array(blind)).any(), np.mean(blind)


def test_what_was_not_recorded_yet_is_allowed_for():
    unrecorded(30)


@pytest.mark.full
def test_what_was_not_recorded_yet_is_allowed_for_in_a_thousand_histories():
    unrecorded(1000)


def test_chosen_by_aic_and_tested_the_rate_is_near_the_truth():
    found = cohorts(leads(np.random.default_rng(3), 4000, 300), "lead", "sql")
    rate = fit_conversion(found)
    value, low, high = rate.interval
    assert low < value < high
    assert abs(math.log(value / (1 - value)) - math.log(RATE / (1 - RATE))) < 4 * rate.error
    assert rate.misfit.p > 1e-3
    assert not rate.observed
    shown = conversion_picture("lead to sql", found, rate)
    assert not shown.observed[1].any()
    assert np.abs(shown.fitted[0] - shown.observed[0]).max() == pytest.approx(rate.misfit.gap, abs=0.01)


def test_where_no_law_fits_the_observed_share_is_taken():
    rng = np.random.default_rng(4)
    n = 4000
    age = np.where(rng.uniform(size=n) < 0.5, rng.integers(0, 6, n), rng.integers(60, 70, n))
    went = rng.uniform(size=n) < 0.4
    known = rng.integers(0, 300, n)
    reached = went & (age <= known)
    records = pd.DataFrame(
        {
            "arrived": pd.Timestamp(AS_OF) - pd.to_timedelta(known, unit="D"),
            "age": np.where(reached, age, known),
            "reached": reached,
            "known": 0,
            "count": 1.0,
        }
    )
    rate = fit_conversion(Cohorts(records))
    assert rate.observed
    assert rate.misfit.p < 1e-3
    value, low, high = rate.interval
    assert low < 0.4 < high
    assert rate.rate == value
    assert rate.mean == pytest.approx((2.5 + 64.5) / 2 * DAY, rel=0.1)


def test_a_record_that_stands_for_many_counts_as_many():
    rng = np.random.default_rng(5)
    one, three = leads(rng, 300, 200), None
    frame = one.table("leads")
    three = History(AS_OF, {"leads": pd.concat([frame] * 3, ignore_index=True)})
    weighted = History(AS_OF, {"leads": frame.assign(count=3.0)})
    a, b = (fit_conversion(cohorts(each, "lead", "sql")) for each in (three, weighted))
    assert a.rate == pytest.approx(b.rate)
    assert a.error == pytest.approx(b.error)


def test_estimates_are_by_stage_and_channel():
    rng = np.random.default_rng(6)
    both = [leads(rng, 1500, 400, channel="inbound"), leads(rng, 1500, 400, channel="partner", rate=0.6)]
    few = leads(rng, 8, 100, channel="events")
    history = History(AS_OF, {"leads": pd.concat([h.table("leads") for h in (*both, few)], ignore_index=True)})
    assert stages(history, "mql") == ["mql", "sql"]
    said: list[str] = []
    found = {each.name: each for each in conversion_estimates(history, first="mql", say=said.append)}
    assert list(found) == [
        "mql_to_sql.inbound",
        "mql_to_sql_months.inbound",
        "mql_to_sql.partner",
        "mql_to_sql_months.partner",
    ]
    assert [words.split(":")[0] for words in said] == ["mql_to_sql.events"]
    inbound, partner = found["mql_to_sql.inbound"], found["mql_to_sql.partner"]
    assert inbound.upper < partner.lower
    assert inbound.naive < inbound.value
    assert inbound.n == 1500
    assert inbound.drift is not None
    assert inbound.drift < 0.2
    law = distribution(inbound.distribution, inbound.unit)
    assert law is not None
    assert law.mean() == pytest.approx(inbound.value, abs=1e-3)


def test_of_no_leads_nothing_is_said():
    assert conversion_estimates(History(AS_OF, {})) == []


def test_leads_that_are_older_than_the_records_are_left_out():
    history = leads(np.random.default_rng(7), 500, 200)
    since = AS_OF - timedelta(days=99)
    newer = cohorts(History(AS_OF, history.tables, since={"leads": since}), "lead", "sql")
    assert newer.records["arrived"].min() >= pd.Timestamp(since)
    assert len(newer.records) < 400


def at_once(went, days_ago):
    """Forty leads, of which some went on on the day they arrived."""
    day = AS_OF - timedelta(days=days_ago)
    reached = [day if i < went else None for i in range(40)]
    columns = {"id": range(40), "channel": ["inbound"] * 40, "created": [day] * 40, "reached:sql": reached}
    return History(AS_OF, {"leads": table("leads", **columns)})


@pytest.mark.parametrize("went", [10, 40])
def test_those_who_go_on_at_once_are_a_plain_share(went):
    found = conversion_estimates(at_once(went, 60))
    assert [each.name for each in found] == ["lead_to_sql.inbound"]
    share = went / 40 if went < 40 else 40.5 / 41
    assert found[0].value == pytest.approx(share, abs=1e-6)
    assert found[0].lower < share < found[0].upper


def test_what_cannot_be_told_is_refused_with_words():
    with pytest.raises(SimengineError, match="0 leads that went on are too few"):
        fit_conversion(cohorts(at_once(0, 60), "lead", "sql"))
    with pytest.raises(SimengineError, match="cannot be told apart"):
        fit_conversion(cohorts(at_once(10, 0), "lead", "sql"))


def funnel(folder: Path) -> History:
    """The marketing-qualified leads, and the day on which each was won."""

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    won = {row["mql_id"]: row["won_date"][:10] for row in rows("won_deals.csv")}
    all_ = rows("leads.csv")
    columns = {
        "id": [row["mql_id"] for row in all_],
        "channel": [row["origin"] or "unknown" for row in all_],
        "created": [row["first_contact_date"] for row in all_],
        "reached:won": [won.get(row["mql_id"]) for row in all_],
    }
    return History(date(2018, 4, 30), {"leads": table("leads", **columns)})


@pytest.mark.data
def test_the_newest_leads_of_the_funnel_are_not_lost_yet(shared_data: Path) -> None:
    history = funnel(shared_data / "funnel_2018q1")
    newer = History(history.as_of, history.tables, since={"leads": date(2018, 1, 1)})
    found = cohorts(newer, "lead", "won")
    rate = fit_conversion(found)
    # docs/learn/deals.md says these numbers.
    assert len(found.records) == 4694
    assert found.records["reached"].mean() == pytest.approx(0.1095, abs=1e-4)
    assert rate.interval == pytest.approx((0.154, 0.139, 0.170), abs=2e-3)
    ripe = matured(found, 76, history.as_of)
    assert (ripe.n, round(ripe.rate, 3)) == (1579, 0.116)
    # Half the cohorts of 2017 could not be won before December, when the first win is recorded.
    all_ = cohorts(history, "lead", "won", recorded_since=date(2017, 12, 1))
    assert (all_.records["known"] > 0).sum() == 1802
    assert fit_conversion(all_).rate == pytest.approx(0.134, abs=2e-3)


@pytest.mark.data
def test_wins_of_the_next_month_from_leads_of_the_funnel(shared_data: Path) -> None:
    """What was forecast on 31 March of the leads that had come since January, and what April brought."""
    history = funnel(shared_data / "funnel_2018q1")
    newer = History(history.as_of, history.tables, since={"leads": date(2018, 1, 1)})
    then = cohorts(newer.cut(date(2018, 3, 31)), "lead", "won")
    open_ = then.records[~then.records["reached"]]
    rate = fit_conversion(then)
    rng = np.random.default_rng(1)
    expected = wins_of(shares_drawn(rate.fit, open_["age"], 30, rng), open_["age"], 30, rng)
    frame = history.table("leads")
    came = frame[(frame["created"] >= "2018-01-01") & (frame["created"] <= "2018-03-31")]
    happened = ((came["reached:won"] > "2018-03-31") & (came["reached:won"] <= "2018-04-30")).sum()
    assert happened == 68
    assert expected.mean == pytest.approx(66, abs=1)
    assert expected.lower <= happened <= expected.upper
    # The share won so far, of those that are open: far from it.
    assert len(open_) * then.records["reached"].mean() > 3 * happened
