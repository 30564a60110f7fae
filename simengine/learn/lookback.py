"""The year behind: attainment, productivity, win rates, cycle and forecast accuracy, as a planning year starts.

Plain statistics of what was recorded, each with a 90 % interval for what the same people and market would do again.
What corrects them for what has not ended yet is in `fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.learn import leaving
from simengine.learn.history import LOST, WON, History
from simengine.learn.score import exact_share
from simengine.results.targets import quantile_interval
from simengine.units import MONTHS_PER_YEAR, Period, fiscal_period, fiscal_quarter, month_label

Floats = NDArray[np.float64]
Bounded = tuple[float, float, float]

LEVEL = 0.9
DAYS_PER_YEAR = 365.25
FEWEST = 3
"""With fewer people or forecasts a spread says nothing, and no interval is given."""
SOLD = ("new", "expansion", "once")
"""Movements that somebody sold."""
EVERYBODY = "all"


class Row(NamedTuple):
    """A statistic of a group, its interval (NaN where there is none), and the number of things behind it."""

    group: str
    value: float
    lower: float
    upper: float
    n: int


class Section(NamedTuple):
    """One question about the past: its unit (a unit of plans), what is counted, and the rows, everybody first."""

    title: str
    unit: str
    counted: str
    rows: tuple[Row, ...]


def lookback(history: History, *, period: str | None = None, fiscal_year_start: int = 1) -> list[Section]:
    """What a period of history was like; what the tables cannot tell is left out.

    Parameters
    ----------
    history : needs people with quotas, and bookings or won opportunities, for attainment and productivity;
        opportunities for win rates and cycles; forecasts for their accuracy
    period : a fiscal year or quarter that has ended; by default the twelve months up to the as-of date, or those of
        them of which the tables tell what was sold
    fiscal_year_start : first month of the fiscal year, 1 to 12

    Raises
    ------
    SimengineError
        when the period is none, has not ended by the as-of date, or begins before the tables tell what was sold: quotas
        of months without sales on record would look missed
    """
    window = _window(history, period, fiscal_year_start)
    sections = (*_attainment(history, window), *_deals(history, window), *_accuracy(history, fiscal_year_start))
    return [section for section in sections if section.rows]


def _window(history: History, period: str | None, fiscal_year_start: int) -> Period:
    last = history.last.year * MONTHS_PER_YEAR + history.last.month - 1
    if (history.last + pd.Timedelta(days=1)).day != 1:
        last -= 1  # the month of the as-of date has not ended
    begin = _told_from(history)
    if period is None:
        first = min(max(last - 11, begin), last)
        return Period(f"{month_label(first)} to {month_label(last)}", first, last)
    try:
        window = fiscal_period(period, fiscal_year_start)
    except ValueError:
        raise SimengineError(f"{period!r} is not a period like FY2027, FY2027-Q3 or 2027-03") from None
    if window.last > last:
        raise SimengineError(
            f"{period} ends with {month_label(window.last)}, the records on {history.as_of}; choose an earlier period"
        )
    if window.first < begin:
        raise SimengineError(
            f"{period} begins with {month_label(window.first)}, and what was sold is on record from "
            f"{month_label(begin)} on; choose a later period, or export the records from its first day on"
        )
    return window


def _told_from(history: History) -> int:
    """The first month (since year 0) of which the tables tell what was sold; 0 where they tell nothing."""
    name = "bookings" if len(history.table("bookings")) else "opportunities"
    since = history.since.get(name)
    if since is not None:
        return since.year * MONTHS_PER_YEAR + since.month - 1 + (since.day > 1)
    first = sales(history)["date"].min()
    return 0 if pd.isna(first) else int(first.year * MONTHS_PER_YEAR + first.month - 1)


def _days(window: Period) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The first day of a period, and the first after it."""
    begin, end = (pd.Timestamp(f"{month_label(month)}-01") for month in (window.first, window.last + 1))
    return begin, end


def sales(history: History) -> pd.DataFrame:
    """What was sold: date, segment, owner, amount; from the bookings, or else from the opportunities that were won."""
    bookings = history.table("bookings")
    if len(bookings):
        return bookings.loc[bookings["kind"].isin(SOLD), ["date", "segment", "owner", "amount"]]
    deals = history.table("opportunities")
    won = deals[deals["outcome"] == WON]
    return won.rename(columns={"closed": "date"})[["date", "segment", "owner", "amount"]]


# --- people -----------------------------------------------------------------------------------------------------------


def _attainment(history: History, window: Period) -> Iterator[Section]:
    people = _sellers(history, window)
    if not len(people):
        return
    with_quota = people[people["due"] > 0]
    for title, key in (("Attainment", None), ("Attainment by segment", "segment"), ("Attainment by region", "region")):
        yield Section(title, "fraction", "people", tuple(_grouped(with_quota, key, _ratio_of("sold", "due"))))
    yield Section("Attainment by person", "fraction", "days in the role", tuple(_persons(with_quota)))
    for title, key in (("People at quota", None), ("People at quota by segment", "segment")):
        yield Section(title, "fraction", "people", tuple(_grouped(with_quota, key, _at_quota)))
    for title, key in (
        ("Productivity, per person and year", None),
        ("Productivity by segment, per person and year", "segment"),
        ("Productivity by region, per person and year", "region"),
    ):
        yield Section(title, "currency per year", "people", tuple(_grouped(people, key, _ratio_of("sold", "years"))))


def _sellers(history: History, window: Period) -> pd.DataFrame:
    """Who could sell in the period: years in the role, quota for them (`due`), and what they sold."""
    begin, end = _days(window)
    people = history.table("people").copy()
    first = people["start"].where(people["start"] > begin, begin)
    last = people["end"].where(people["end"] < end, end - pd.Timedelta(days=1))
    people["years"] = ((last - first).dt.days + 1).clip(lower=0) / DAYS_PER_YEAR
    sold = sales(history)
    inside = sold[(sold["date"] >= begin) & (sold["date"] < end)]
    by_owner = inside.groupby("owner")["amount"].sum()
    people["sold"] = people["id"].map(by_owner).fillna(0.0)
    # A person who changed roles stands in several rows: the sale is credited once, to the longest of them.
    people = people.sort_values("years", ascending=False)
    people.loc[people.duplicated("id"), "sold"] = 0.0
    people["due"] = people["quota"].fillna(0.0) * people["years"]
    sells = people["id"].isin(by_owner.index) | (people["quota"] > 0)
    return people[(people["years"] > 0) & sells].sort_values("id")


Statistic = Callable[[pd.DataFrame], Bounded]


def _grouped(people: pd.DataFrame, key: str | None, statistic: Statistic) -> Iterator[Row]:
    groups = [(EVERYBODY, people)] if key is None else [(str(name), group) for name, group in people.groupby(key)]
    for name, group in groups:
        if name and len(group):
            yield Row(name, *statistic(group), len(group))


def _ratio_of(top: str, bottom: str) -> Statistic:
    return lambda people: ratio(people[top].to_numpy(float), people[bottom].to_numpy(float))


def ratio(top: Floats, bottom: Floats) -> Bounded:
    """A ratio of sums over people, with the linearised interval: the spread of `top − r·bottom` over people.

    Source: W. G. Cochran, Sampling Techniques, 3rd ed., 1977, eq. 6.13. With fewer than three people there is none.

    >>> [round(x, 3) for x in ratio(np.array([1.0, 2.0, 3.0, 2.0]), np.array([2.0, 2.0, 2.0, 2.0]))]
    [1.0, 0.52, 1.48]
    """
    from scipy.special import stdtrit

    n, (r, error) = len(top), leaving.ratio(top, bottom)
    if n < FEWEST:
        return r, math.nan, math.nan
    margin = float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * error
    return r, r - margin, r + margin


def _at_quota(people: pd.DataFrame) -> Bounded:
    return exact_share(int((people["sold"] >= people["due"]).sum()), len(people), LEVEL)


def _persons(people: pd.DataFrame) -> Iterator[Row]:
    for name, rows in people.groupby("id"):
        days = round(float(rows["years"].sum()) * DAYS_PER_YEAR)
        yield Row(str(name), float(rows["sold"].sum() / rows["due"].sum()), math.nan, math.nan, days)


# --- deals ------------------------------------------------------------------------------------------------------------


def _deals(history: History, window: Period) -> Iterator[Section]:
    begin, end = _days(window)
    deals = history.table("opportunities")
    decided = deals[(deals["closed"] >= begin) & (deals["closed"] < end)]
    won = decided[decided["outcome"] == WON]
    yield Section("Won of decided", "fraction", "decided deals", tuple(_with_all(decided, _won_share)))
    yield Section("Median days to win", "count", "won deals", tuple(_with_all(won, _median_days)))
    lost = decided[decided["outcome"] == LOST]
    yield Section("Median days to lose", "count", "lost deals", tuple(_with_all(lost, _median_days)))
    sized = won[won["amount"].notna()]
    yield Section("Mean won deal", "currency", "won deals", tuple(_with_all(sized, _mean_amount)))


def _with_all(deals: pd.DataFrame, statistic: Statistic) -> Iterator[Row]:
    yield from _grouped(deals, None, statistic)
    if deals["segment"].nunique() > 1:
        yield from _grouped(deals, "segment", statistic)


def _won_share(deals: pd.DataFrame) -> Bounded:
    return exact_share(int((deals["outcome"] == WON).sum()), len(deals), LEVEL)


def _median_days(deals: pd.DataFrame) -> Bounded:
    days = np.asarray((deals["closed"] - deals["created"]).dt.days, np.float64)
    median, lower, upper = quantile_interval(days, 0.5, LEVEL)
    known = math.isfinite(lower) and math.isfinite(upper)
    return (median, lower, upper) if known else (median, math.nan, math.nan)


def _mean_amount(deals: pd.DataFrame) -> Bounded:
    return ratio(deals["amount"].to_numpy(float), np.ones(len(deals)))


# --- forecasts --------------------------------------------------------------------------------------------------------


def _accuracy(history: History, fiscal_year_start: int) -> Iterator[Section]:
    told = _judged(history, fiscal_year_start)
    if not len(told):
        return
    for title, key in (
        ("Actual against forecast", None),
        ("Actual against forecast by segment", "segment"),
        ("Actual against forecast by owner", "owner"),
        ("Actual against forecast by quarters ahead", "ahead"),
    ):
        yield Section(title, "factor", "forecasts", tuple(_grouped(told, key, _ratio_of("actual", "amount"))))
    size = told.assign(error=(told["actual"] - told["amount"]).abs(), size=told["amount"].abs())
    yield Section(
        "Mean miss, as a share of the forecast",
        "fraction",
        "forecasts",
        tuple(_grouped(size, None, _ratio_of("error", "size"))),
    )


def _judged(history: History, fiscal_year_start: int) -> pd.DataFrame:
    """Forecasts of bookings and won deals whose period has ended, with what came."""
    last = history.last.year * MONTHS_PER_YEAR + history.last.month - 1
    sold, rows = sales(history), []
    for told in history.table("forecasts").to_dict("records"):
        window = _period(told["period"], fiscal_year_start)
        if window is not None and window.last <= last and told["metric"] in ("bookings", "new_arr", "won"):
            came = _came(sold, window, told["segment"], told["metric"])
            rows.append({**told, "actual": came, "ahead": _ahead(told["made"], window, fiscal_year_start)})
    return pd.DataFrame(rows)


def _period(text: str, fiscal_year_start: int) -> Period | None:
    try:
        return fiscal_period(text, fiscal_year_start)
    except ValueError:
        return None


def _came(sold: pd.DataFrame, window: Period, segment: str, metric: str) -> float:
    begin, end = _days(window)
    inside = sold[(sold["date"] >= begin) & (sold["date"] < end)]
    if segment:
        inside = inside[inside["segment"] == segment]
    return float(len(inside) if metric == "won" else inside["amount"].sum())


def _ahead(made: pd.Timestamp, window: Period, fiscal_year_start: int) -> str:
    """How many fiscal quarters after that of the forecast the period ends."""
    month = made.year * MONTHS_PER_YEAR + made.month - 1
    quarters = [
        fiscal_period(fiscal_quarter(m, fiscal_year_start), fiscal_year_start).last for m in (month, window.last)
    ]
    return str((quarters[1] - quarters[0]) // 3)
