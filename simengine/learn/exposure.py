"""Time as records have it: days into months, and how much of a calendar month, or of a tenure, was seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.learn.history import History

Array = NDArray[np.float64]
DAYS_PER_MONTH = 365.25 / 12


def months_between(begin: Any, end: Any) -> Array:
    """Months from one day to another, of 365.25/12 days each; NaN where one is not known.

    >>> days = pd.Series(pd.to_datetime(["2026-01-01", "2027-01-01"]))
    >>> months_between(days, pd.Timestamp("2027-01-01")).round(2).tolist()
    [11.99, 0.0]
    """
    return np.asarray((end - begin).dt.total_seconds() / 86_400 / DAYS_PER_MONTH, np.float64)


def month_numbers(days: pd.Series[Any]) -> NDArray[np.int64]:
    """Months since year 0 of days that are known."""
    return np.asarray(days.dt.year * 12 + days.dt.month - 1, np.int64)


def number_of(day: pd.Timestamp) -> int:
    """Months since year 0 of a day."""
    return int(day.year * 12 + day.month - 1)


def share_of_months(first: pd.Timestamp, last: pd.Timestamp) -> Array:
    """The part of each calendar month that lies between two days, both counted: (months,).

    >>> share_of_months(pd.Timestamp("2026-01-31"), pd.Timestamp("2026-03-31")).round(3).tolist()
    [0.032, 1.0, 1.0]
    """
    shares = np.ones(number_of(last) - number_of(first) + 1)
    shares[0] -= (first.day - 1) / first.days_in_month
    shares[-1] -= 1 - last.day / last.days_in_month
    return shares


def begin_of(history: History, table: str, days: pd.Series[Any]) -> pd.Timestamp:
    """The first day that a table speaks of: as stated in `since`, or that of its first record."""
    since: date | None = history.since.get(table)
    return pd.Timestamp(since) if since else pd.Timestamp(days.min())


def time_at_risk(entry: Array, exit_: Array, bands: Sequence[float]) -> Array:
    """Time that each spell spends in each band of tenure, (n, bands).

    Parameters
    ----------
    entry, exit_ : tenure at which a spell comes under observation (left truncation), and at which it ends or is last
        seen (right censoring), (n,)
    bands : tenure at which each band begins; the last has no end

    >>> time_at_risk(np.array([0.0, 5.0]), np.array([8.0, 20.0]), [0, 6, 12]).tolist()
    [[6.0, 2.0, 0.0], [1.0, 6.0, 8.0]]
    """
    begin = np.asarray(bands, np.float64)
    end = np.append(begin[1:], np.inf)
    inside = np.minimum(exit_[:, None], end) - np.maximum(entry[:, None], begin)
    return np.asarray(np.maximum(0.0, inside), np.float64)


def band_of(tenure: Array, bands: Sequence[float]) -> NDArray[np.int64]:
    """The band of each tenure, from 0 on; an end on an edge belongs to the band before it."""
    return np.asarray(np.maximum(0, np.searchsorted(np.asarray(bands, np.float64), tenure, side="left") - 1), np.int64)
