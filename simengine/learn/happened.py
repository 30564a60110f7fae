"""What happened, in the words of a plan: every output that the tables can tell, by month, segment and channel.

A number is NaN where the tables cannot tell: nothing is guessed. Money is in the plan's currency, at its budget rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any, cast

import numpy as np
import pandas as pd

from simengine.learn.history import CHURNED, IN_FORCE, RENEWED, WON, History
from simengine.plan.schema import Plan
from simengine.plan.targets import CHANNEL, COHORT_METRICS, ROLE, TEAM, is_meant
from simengine.units import MONTHS_PER_YEAR, fiscal_period

MOVEMENTS = {
    "new_arr": "new",
    "expansion_arr": "expansion",
    "price_arr": "price",
    "contraction_arr": "contraction",
    "churned_arr": "churn",
    "one_off_bookings": "once",
}
"""Outputs, and the kind of booking of which each is the sum."""
BY_CHANNEL = ("new_arr", "one_off_bookings", "bookings", "won", "opportunities")
STOCKS = ("ending_arr", "customers", "headcount", "cash")
OUTPUTS = (
    *MOVEMENTS,
    *("net_new_arr", "bookings", "won", "opportunities", "new_customers", "churned_customers"),
    *STOCKS,
)
"""What `happened` tells."""
_LATE = timedelta(days=7)
"""So long before a month ends its balance may be taken: banks close on working days."""
_DAYS = 365.2425 / MONTHS_PER_YEAR
_CENT = 0.005
_NAN = float("nan")
_SIGNS = {"new": 1, "expansion": 1, "price": 1, "contraction": -1, "churn": -1}


def month_of(days: pd.Series[Any]) -> pd.Series[Any]:
    """Months since year 0 of days.

    >>> month_of(pd.Series(pd.to_datetime(["2027-01-31"]))).tolist()
    [24324]
    """
    months: pd.Series[Any] = days.dt.year * MONTHS_PER_YEAR + days.dt.month - 1
    return months


def last_day(month: int) -> pd.Timestamp:
    """The last day of a month (since year 0).

    >>> last_day(2028 * 12 + 1)
    Timestamp('2028-02-29 00:00:00')
    """
    return pd.Timestamp(month // MONTHS_PER_YEAR, month % MONTHS_PER_YEAR + 1, 1) + pd.offsets.MonthEnd(0)


def last_month(as_of: date) -> int:
    """The last month (since year 0) that has ended on a day.

    >>> last_month(date(2027, 3, 31)) - last_month(date(2027, 3, 30))
    1
    """
    month = as_of.year * MONTHS_PER_YEAR + as_of.month - 1
    return month if (as_of + timedelta(days=1)).month != as_of.month else month - 1


_FIRST = {"opportunities": "created", "people": "start", "contracts": "start"}
"""The day by which a table's records begin; `date` in the others."""


def is_complete(history: History, table: str, month: int, begun: int) -> bool:
    """Whether a table tells all of a month that has ended.

    It does from `since` on; where nothing is said of that, from its first record, or from `begun` on, as the plan does.
    """
    if table not in history.tables or month > last_month(history.as_of):
        return False
    since = history.since.get(table)
    if since is not None:
        return since <= date(month // MONTHS_PER_YEAR, month % MONTHS_PER_YEAR + 1, 1)
    days = history.table(table)[_FIRST.get(table, "date")]
    return month >= begun or (bool(len(days)) and bool(days.min() <= last_day(month)))


def is_base_known(history: History, month: int, begun: int) -> bool:
    """Whether the tables tell who was a customer at the end of a month (since year 0), and with how much ARR.

    A contract in force on that day was not over when the table begins to be complete on the next.
    """
    if "contracts" not in history.tables or month > last_month(history.as_of):
        return False
    if month == last_month(history.as_of):
        return True
    since = history.since.get("contracts")
    is_there = is_complete(history, "contracts", month if since is None else month + 1, begun)
    return is_there and (not _is_rolled(history) or is_complete(history, "bookings", month + 1, begun))


def in_force(history: History, day: date | None = None) -> pd.DataFrame:
    """Contracts in force at the end of a day (the as-of date unless said otherwise), as the table had them then.

    Returns
    -------
    Columns customer, segment, start, renews (NaT: runs until it is ended), arr, months (of the term, NaN where it has
    no end) and overdue (its term has ended, and what becomes of it is not known yet). A contract that is renewed
    already and whose next term has no record yet is there with its ARR and end.
    """
    known = history if day is None or day >= history.as_of else history.cut(day)
    table = known.table("contracts").sort_values(["customer", "segment", "start"], kind="stable").reset_index(drop=True)
    table["months"] = ((table["renews"] - table["start"]).dt.days / _DAYS).round().clip(lower=1)
    has_next = table.duplicated(["customer", "segment"], keep="last")
    is_next = (table["outcome"] == RENEWED) & ~has_next
    table.loc[is_next, "arr"] = table["arr_after"].where(table["arr_after"].notna(), table["arr"])[is_next]
    for row in table.index[is_next & table["renews"].notna()]:
        table.loc[row, "renews"] = table.loc[row, "renews"] + pd.DateOffset(months=int(table.loc[row, "months"]))
    table["overdue"] = (table["outcome"] == IN_FORCE) & (table["renews"] <= known.last)
    columns = ["customer", "segment", "start", "renews", "arr", "months", "overdue"]
    return table.loc[(table["outcome"] == IN_FORCE) | is_next, columns].reset_index(drop=True)


def kinds_told(history: History) -> frozenset[str]:
    """Kinds of bookings that the table tells of.

    Those of which it has any: of another it cannot tell none from not kept. One that has new business and churn, so far
    as there were any, is a ledger of ARR, and tells of every movement.
    """
    found = frozenset(map(str, history.table("bookings")["kind"]))
    deals, contracts = history.table("opportunities"), history.table("contracts")
    has_new = "new" in found or not (deals["outcome"] == WON).any()
    has_churn = "churn" in found or not (contracts["outcome"] == CHURNED).any()
    return found | _SIGNS.keys() if found and "contracts" in history.tables and has_new and has_churn else found


def _is_rolled(history: History) -> bool:
    """Whether bookings tell how ARR moved: it is then worked back from the contracts in force today."""
    return "contracts" in history.tables and _SIGNS.keys() <= kinds_told(history)


def arr_by_customer(history: History, month: int) -> pd.Series[Any]:
    """ARR at the end of a month (since year 0), in the currency of the segment, by (segment, customer).

    From contracts in force today, less what was booked since; without bookings, from the contracts in force then.
    """
    day = last_day(month)
    keys = ["segment", "customer"]
    if not _is_rolled(history):
        return in_force(history, day.date()).groupby(keys)["arr"].sum()
    moved = history.table("bookings")
    moved = moved[(moved["date"] > day) & moved["kind"].isin(_SIGNS)]
    later = (moved["amount"] * moved["kind"].map(_SIGNS).astype("float64")).groupby([moved[key] for key in keys]).sum()
    now = in_force(history).groupby(keys)["arr"].sum()
    then = now.sub(later, fill_value=0.0)
    return then[then.abs() > _CENT]


def seat_groups(people: pd.DataFrame, plan: Plan) -> pd.Series[Any]:
    """The seat group of each person: as it stands in the table, or the only one of their role and segment; "" if none.

    Where a role has seats in several groups of a segment, who was there when the plan starts is in the first that has
    anybody then, and who came later in the first that hires.
    """
    names = {group.name for group in plan.team.seats}
    found = people["seats"].where(people["seats"].isin(names), "")
    start = pd.Timestamp(plan.plan.start // MONTHS_PER_YEAR, plan.plan.start % MONTHS_PER_YEAR + 1, 1)
    for index in found.index[(found == "") & (people["seats"] == "")]:
        row = people.loc[index]
        fitting = [g for g in plan.team.seats if g.role == row["role"] and row["segment"] in ("", g.segment or "")]
        segments = {g.segment for g in fitting}
        if len(segments) != 1:
            continue
        then = [g for g in fitting if (g.existing if row["start"] < start else g.planned)]
        found[index] = (then or fitting)[0].name
    return found


class _Teller:
    """Works out the outputs of some months."""

    def __init__(self, history: History, plan: Plan, months: Iterable[int]) -> None:
        self.history, self.plan, self.months, self.begun = history, plan, list(months), plan.plan.start
        self.told = kinds_told(history)
        self.bookings = self._dated("bookings", "date")
        deals = self._dated("opportunities", "closed")
        self.won = deals[deals["outcome"] == WON]
        self.created = self._dated("opportunities", "created")
        self.rows: list[tuple[int, str, str, str, float]] = []

    def _dated(self, name: str, column: str) -> pd.DataFrame:
        table = self.history.table(name)
        return table.assign(month=month_of(table[column]))

    def sums(
        self, output: str, table: str, records: pd.DataFrame, amount: pd.Series[float] | None, segments: Iterable[str]
    ) -> None:
        """The sum of an amount, or the number, of records by month and segment, and by channel where it is known so."""
        values = records.assign(value=1.0 if amount is None else amount)
        if output not in BY_CHANNEL:
            values["channel"] = ""
        found: dict[tuple[int, str, str], float] = {}
        for key, part in values.groupby(["month", "segment", "channel"])["value"]:
            month, segment, channel = cast(tuple[int, str, str], key)
            found[month, segment, channel] = float(part.sum(skipna=False))
        for segment in sorted(segments):
            channels = {channel for _, of, channel in found if of == segment}
            if output in BY_CHANNEL:
                channels |= set(self.channels(segment))
            for month in self.months:
                is_known = is_complete(self.history, table, month, self.begun)
                for channel in sorted(channels) or [""]:
                    value = found.get((month, segment, channel), 0.0) if is_known else _NAN
                    self.rows.append((month, output, segment, channel, value))

    def channels(self, segment: str) -> list[str]:
        """The channels that serve a segment."""
        return [name for name, channel in self.plan.funnel.channels.items() if segment in channel.segments]

    def unknown(self, output: str, segments: Iterable[str]) -> None:
        """Nobody knows."""
        self.rows += [(month, output, segment, "", _NAN) for segment in sorted(segments) for month in self.months]


def happened(history: History, plan: Plan, first: int | None = None, last: int | None = None) -> pd.DataFrame:
    """What each output of the plan was, by month.

    Parameters
    ----------
    history : what is known
    plan : the plan whose segments, channels, seats and rates are meant
    first, last : months since year 0, both inclusive; from the plan's start to the last month that has ended

    Returns
    -------
    One row for each month and cell: month (since year 0), output (one of OUTPUTS), segment, channel ("": all of them,
    or one that is not known), seats (of headcount: the group) and value, NaN where the tables cannot tell. A flow of a
    segment is the sum over its channels.

    Notes
    -----
    New business is the bookings of kind `new` (`once` where a segment sells once) where there are any, won
    opportunities else. Churn is the bookings of its kind, or contracts that are not renewed, in the month in which that
    is decided. Expansion, price and contraction are told by bookings alone. ARR at the end of a month is that of the
    contracts in force today less the bookings since, so that the bridge closes; without bookings it is that of the
    contracts in force then.
    """
    first = plan.plan.start if first is None else first
    last = last_month(history.as_of) if last is None else last
    teller = _Teller(history, plan, range(first, last + 1))
    _flows(teller)
    _customers(teller)
    columns = ["month", "output", "segment", "channel", "value"]
    frame = pd.DataFrame(teller.rows, columns=columns)
    rates = frame["segment"].map({segment: plan.rate_of(segment) for segment in plan.segments}).fillna(1.0)
    money = frame["output"].isin([*MOVEMENTS, "bookings", "ending_arr"])
    frame["value"] = frame["value"].where(~money, frame["value"] * rates)
    frame = pd.concat([frame.assign(seats=""), _net_new(frame), _heads(teller), _cash(teller)], ignore_index=True)
    return frame[["month", "output", "segment", "channel", "seats", "value"]]


def _flows(teller: _Teller) -> None:
    plan, won, told = teller.plan, teller.won, teller.told
    lasting = {name for name, segment in plan.segments.items() if segment.sells == "subscription"}
    once = plan.segments.keys() - lasting
    for output, kind in MOVEMENTS.items():
        segments = once if output == "one_off_bookings" else lasting
        if kind in told:
            records = teller.bookings[teller.bookings["kind"] == kind]
            teller.sums(output, "bookings", records, records["amount"], segments)
        elif output in BY_CHANNEL:
            records = won[won["segment"].isin(segments)]
            teller.sums(output, "opportunities", records, records["amount"], segments)
        elif output == "churned_arr":
            ended = _churned(teller.history)
            teller.sums(output, "contracts", ended, ended["arr"], segments)
        else:
            teller.unknown(output, segments)
    parts = [row for row in teller.rows if row[1] in ("new_arr", "one_off_bookings")]
    teller.rows += [(month, "bookings", *rest) for month, _, *rest in parts]  # type: ignore[misc]
    teller.sums("won", "opportunities", won, None, plan.segments)
    teller.sums("opportunities", "opportunities", teller.created, None, plan.segments)
    new = won[won["segment"].isin(lasting)]
    teller.sums("new_customers", "opportunities", new, None, lasting)
    ended = _churned(teller.history)
    teller.sums("churned_customers", "contracts", ended, None, lasting)


def _churned(history: History) -> pd.DataFrame:
    """Customers whose last contract of a segment was not renewed, in the month of the decision."""
    table = history.table("contracts")
    return table[table["outcome"] == CHURNED].assign(month=lambda t: month_of(t["decided"]))


def _customers(teller: _Teller) -> None:
    lasting = [name for name, segment in teller.plan.segments.items() if segment.sells == "subscription"]
    for month in teller.months:
        then = arr_by_customer(teller.history, month) if is_base_known(teller.history, month, teller.begun) else None
        for segment in lasting:
            own = None if then is None else then[then.index.get_level_values("segment") == segment]
            arr, number = (_NAN, _NAN) if own is None else (float(own.sum()), float(len(own)))
            teller.rows.append((month, "ending_arr", segment, "", arr))
            teller.rows.append((month, "customers", segment, "", number))


def _net_new(frame: pd.DataFrame) -> pd.DataFrame:
    """New, expansion and price less contraction and churn; unknown where one of them is."""
    signs = {output: _SIGNS[kind] for output, kind in MOVEMENTS.items() if kind in _SIGNS}
    parts = frame[frame["output"].isin(signs)]
    signed = parts.assign(value=parts["value"] * parts["output"].map(signs).astype("float64"))
    sums = signed.groupby(["month", "segment"])["value"].agg(lambda part: part.sum(skipna=False)).reset_index()
    return sums.assign(output="net_new_arr", channel="", seats="")


def _heads(teller: _Teller) -> pd.DataFrame:
    """People in each seat group at the end of a month: who leaves on its last day is gone."""
    people = teller.history.table("people")
    groups = seat_groups(people, teller.plan)
    rows = []
    for month in teller.months:
        day = last_day(month)
        there = groups[(people["start"] <= day) & (people["end"].isna() | (people["end"] > day))].value_counts()
        is_known = is_complete(teller.history, "people", month, teller.begun)
        for group in teller.plan.team.seats:
            value = float(there.get(group.name, 0)) if is_known else _NAN
            rows.append((month, "headcount", group.segment or "", "", group.name, value))
    return pd.DataFrame(rows, columns=["month", "output", "segment", "channel", "seats", "value"])


def _cash(teller: _Teller) -> pd.DataFrame:
    values = [balance(teller.history, month) for month in teller.months]
    return pd.DataFrame(
        {"month": teller.months, "output": "cash", "segment": "", "channel": "", "seats": "", "value": values}
    )


def balance(history: History, month: int) -> float:
    """Cash at the end of a month, by the last balance of its last seven days; NaN where there is none."""
    day = last_day(month)
    known = history.table("balances")
    known = known[(known["date"] <= day) & (known["date"] > day - _LATE)].sort_values("date", kind="stable")
    return float(known["amount"].iloc[-1]) if len(known) and day <= history.last else _NAN


# --- metrics ----------------------------------------------------------------------------------------------------------


def actual_value(
    history: History,
    plan: Plan,
    metric: str,
    period: str,
    where: Mapping[str, str] | None = None,
    told: pd.DataFrame | None = None,
) -> float:
    """What a metric was in a period that has ended, of the company or of a group; NaN where the tables cannot tell.

    Parameters
    ----------
    metric, period, where : as in a target of the plan
    told : what `happened` said of these months, where that is known already
    """
    span = fiscal_period(period, plan.plan.fiscal_year_start)
    group = dict(where or {})
    if span.last > last_month(history.as_of):
        return _NAN
    if metric in COHORT_METRICS:
        return _retention(history, plan, metric, span.last, group)
    reached: dict[str, Callable[[], float]] = {
        "lowest_cash": lambda: float(np.min([balance(history, month) for month in range(span.first, span.last + 1)])),
        "net_burn": lambda: balance(history, span.first - 1) - balance(history, span.last),
    }
    if metric in reached:
        return reached[metric]()
    if metric not in OUTPUTS:
        return _NAN
    frame = happened(history, plan, span.first, span.last) if told is None else told
    first = span.last if metric in STOCKS else span.first
    frame = frame[(frame["output"] == metric) & frame["month"].between(first, span.last)]
    meant = {name for name, s in plan.segments.items() if is_meant(_of_segments(group), name, s.labels)}
    if _of_segments(group):
        frame = frame[frame["segment"].isin(meant)]
    if CHANNEL in group:
        nameless = frame[(frame["channel"] == "") & ((frame["value"] != 0) | frame["value"].isna())]
        if len(nameless):
            return _NAN
        frame = frame[frame["channel"] == group[CHANNEL]]
    if ROLE in group or TEAM in group:
        seats = {
            g.name for g in plan.team.seats if g.role == group.get(ROLE, g.role) and g.team == group.get(TEAM, g.team)
        }
        frame = frame[frame["seats"].isin(seats)]
    return float(frame["value"].sum(skipna=False)) if len(frame) else _NAN


def _of_segments(where: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in where.items() if key not in (CHANNEL, ROLE, TEAM)}


def _retention(history: History, plan: Plan, metric: str, month: int, where: Mapping[str, str]) -> float:
    """ARR at the end of a month of the customers of twelve months before, over theirs of then."""
    before = month - MONTHS_PER_YEAR
    if not is_base_known(history, before, plan.plan.start):
        return _NAN
    rates = {name: plan.rate_of(name) for name, s in plan.segments.items() if is_meant(dict(where), name, s.labels)}
    then, now = (_at_rates(arr_by_customer(history, at), rates) for at in (before, month))
    kept = now.reindex(then.index).fillna(0.0)
    if metric == "grr":
        kept = pd.Series(np.minimum(kept, then), then.index)
    return float(kept.sum() / then.sum()) if then.sum() > 0 else _NAN


def _at_rates(arr: pd.Series[Any], rates: Mapping[str, float]) -> pd.Series[Any]:
    segments = arr.index.get_level_values("segment")
    own = arr[segments.isin(list(rates))]
    converted: pd.Series[Any] = own * own.index.get_level_values("segment").map(rates).to_numpy(float)
    return converted
