"""What happened, as tables: what a company's systems know on a day, under names that do not depend on the system.

`actuals` reads them, everything else in this room works on them. A table is a pandas DataFrame with the columns of
`TABLES`, all of them, in this order; what is not known is NaT, NaN or "". Days have no time of day. Money is in the
currency of the segment, as in a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, NamedTuple

import pandas as pd

Kind = Literal["text", "day", "money", "count", "word"]
REACHED = "reached:"
"""Leads have, for each stage after the first, a column of this and the name of the stage: the day they reached it."""
OPEN, WON, LOST = "open", "won", "lost"
IN_FORCE, RENEWED, CHURNED = "in force", "renewed", "churned"


class Column(NamedTuple):
    """A column: what it holds, whether no record may lack it, the words it may have, and what it means."""

    name: str
    kind: Kind
    required: bool
    text: str
    words: tuple[str, ...] = ()


def _need(name: str, kind: Kind, text: str, *words: str) -> Column:
    return Column(name, kind, True, text, words)


def _may(name: str, kind: Kind, text: str, *words: str) -> Column:
    return Column(name, kind, False, text, words)


TABLES: dict[str, tuple[Column, ...]] = {
    "opportunities": (
        _need("id", "text", "of the opportunity; one record each"),
        _need("segment", "text", "as in the plan"),
        _may("channel", "text", "where it came from, as in the plan"),
        _need("created", "day", "it became an opportunity"),
        _may("started", "day", "a seller took it up; the day it was created where this is not kept"),
        _need("outcome", "word", "what became of it", OPEN, WON, LOST),
        _may("closed", "day", "it was won or lost; none while it is open"),
        _may(
            "amount", "money", "what it brought, or is hoped to bring: net new ARR, or the price of what is sold once"
        ),
        _may("owner", "text", "id of the person who works it"),
        _may("product", "text", "what it is about"),
        _may("account", "text", "whom it is with"),
    ),
    "leads": (
        _need("id", "text", "of the lead, or of the month where there is a count"),
        _may("segment", "text", "as in the plan"),
        _need("channel", "text", "where it came from, as in the plan"),
        _need("created", "day", "it arrived at the first stage"),
        _may("count", "count", "how many the record stands for; 1 where this is not kept"),
    ),
    "contracts": (
        _need("customer", "text", "id of the customer"),
        _need("segment", "text", "as in the plan"),
        _need("start", "day", "of this term"),
        _may("renews", "day", "this term ends; none where a contract runs until it is ended"),
        _need("arr", "money", "of this term, at its end: what is available to renew"),
        _need("outcome", "word", "what became of it", IN_FORCE, RENEWED, CHURNED),
        _may("decided", "day", "it was renewed or lost; none while it is in force"),
        _may("arr_after", "money", "of the next term, where it was renewed"),
    ),
    "bookings": (
        _need("date", "day", "of the movement of ARR, or of the sale"),
        _need("segment", "text", "as in the plan"),
        _may("channel", "text", "of new business, as in the plan"),
        _need("kind", "word", "what moved", "new", "expansion", "price", "contraction", "churn", "once"),
        _need("amount", "money", "how much, above zero also where ARR is lost"),
        _may("customer", "text", "id of the customer"),
        _may("owner", "text", "id of the person who sold it"),
    ),
    "people": (
        _need("id", "text", "of the person"),
        _need("role", "text", "as in the plan"),
        _may("seats", "text", "seat group, as in the plan"),
        _may("segment", "text", "where they sell"),
        _may("region", "text", "where they are"),
        _need("start", "day", "of this role"),
        _may("end", "day", "last day in this role; none while they are in it"),
        _may("reason", "word", "why it ended", "voluntary", "involuntary", "promoted"),
        _may("quota", "money", "per fiscal year"),
    ),
    "spend": (
        _need("date", "day", "any day of the month"),
        _need("channel", "text", "as in the plan"),
        _need("amount", "money", "spent on it"),
    ),
    "forecasts": (
        _need("made", "day", "of the forecast"),
        _need("period", "text", "what it is about: a month, quarter or fiscal year"),
        _may("segment", "text", "the company where it is blank"),
        _may("owner", "text", "who made it"),
        _need("metric", "text", "as in a plan's targets: bookings, new_arr, won ..."),
        _need("amount", "money", "what was expected, in the unit of the metric"),
    ),
    "balances": (
        _need("date", "day", "at its end"),
        _need("item", "word", "of what", "cash"),
        _need("amount", "money", "in the plan's currency"),
    ),
}
"""Every table, and every column in it."""

_SINCE = {name: columns[[c.kind for c in columns].index("day")].name for name, columns in TABLES.items()}
"""The day on which a record of each table comes into being."""
_UNDONE: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "opportunities": (
        ("closed", {"outcome": OPEN, "closed": pd.NaT, "amount": float("nan")}),
        ("started", {"started": pd.NaT}),
    ),
    "contracts": (("decided", {"outcome": IN_FORCE, "decided": pd.NaT, "arr_after": float("nan")}),),
    "people": (("end", {"end": pd.NaT, "reason": ""}),),
}
"""What is not known before the day in a column, and how a record looks then."""


class Origin(NamedTuple):
    """Where a table comes from: file or query, digest of what was read, and records in it."""

    reference: str
    digest: str
    records: int


@dataclass(frozen=True)
class History:
    """What is known on a day.

    Attributes
    ----------
    as_of : the last day that the records speak of
    tables : those that were given, by name
    origins : where each comes from
    since : of a table the first day from which on it is complete, where an older record may be missing because what
        ended before was not kept (left truncation)
    currency : of money, unless a segment has its own; "" where there is no money
    """

    as_of: date
    tables: Mapping[str, pd.DataFrame]
    origins: Mapping[str, Origin] = field(default_factory=dict)
    since: Mapping[str, date] = field(default_factory=dict)
    currency: str = ""

    def table(self, name: str) -> pd.DataFrame:
        """A table; one without records where none was given."""
        return self.tables[name] if name in self.tables else empty(name)

    @property
    def last(self) -> pd.Timestamp:
        """The as-of date as pandas has days."""
        return pd.Timestamp(self.as_of)

    def cut(self, as_of: date) -> History:
        """What was known on an earlier day: later records are gone, and later ends have not happened yet.

        >>> people = table("people", id=["a"], role=["ae"], start=["2026-01-01"], end=["2026-09-30"])
        >>> History(date(2026, 12, 31), {"people": people}).cut(date(2026, 6, 30)).table("people")["end"].isna().all()
        np.True_
        """
        day = pd.Timestamp(as_of)
        return replace(self, as_of=as_of, tables={name: _cut(name, frame, day) for name, frame in self.tables.items()})


def _cut(name: str, frame: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    kept = frame[frame[_SINCE[name]] <= day].copy()
    for column in (c for c in kept if str(c).startswith(REACHED)):
        kept.loc[kept[column] > day, column] = pd.NaT
    for column, before in _UNDONE.get(name, ()):
        kept.loc[kept[column] > day, list(before)] = list(before.values())
    return kept.reset_index(drop=True)


def empty(name: str) -> pd.DataFrame:
    """A table without records."""
    return table(name)


def table(name: str, **columns: Any) -> pd.DataFrame:
    """A table from some of its columns, or with stages that leads reached; what is left out is not known.

    >>> table("spend", date=["2027-01-31"], channel=["inbound"], amount=[800_000]).dtypes.astype(str).tolist()
    ['datetime64[us]', 'str', 'float64']
    """
    known = {column.name: column for column in TABLES[name]}
    stages = [given for given in columns if given.startswith(REACHED)]
    if unknown := columns.keys() - known.keys() - set(stages):
        raise KeyError(f"{name} has no column {', '.join(sorted(unknown))}")
    rows = max((len(values) for values in columns.values()), default=0)
    index = pd.RangeIndex(rows)
    kinds: dict[str, Kind] = {**{each: column.kind for each, column in known.items()}, **dict.fromkeys(stages, "day")}
    return pd.DataFrame({each: _typed(columns.get(each), kind, index) for each, kind in kinds.items()}, index=index)


def _typed(values: Any, kind: Kind, index: pd.RangeIndex) -> pd.Series[Any]:
    if kind == "day":
        days = pd.Series(pd.NaT if values is None else list(values), index, dtype=None if values is None else object)
        return pd.to_datetime(days).astype("datetime64[us]").dt.normalize()
    if kind in ("money", "count"):
        blank = 1.0 if kind == "count" else float("nan")
        return pd.Series(blank if values is None else list(values), index, dtype="float64")
    return pd.Series("" if values is None else [str(value) for value in values], index, dtype="str")
