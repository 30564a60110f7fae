"""Customers on the as-of date as the opening base of a plan: how many, what they pay, when they renew."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from simengine.learn.happened import arr_by_customer, in_force, is_base_known, month_of
from simengine.learn.standing import Shift, Standing, cents
from simengine.plan.customers import Base, NamedAccount
from simengine.plan.edit import REMOVE
from simengine.units import MONTHS_PER_YEAR, month_label


def customers(standing: Standing) -> None:
    """Put `base` of every segment as the contracts in force tell it."""
    plan, known = standing.plan, "contracts" in standing.history.tables
    if plan.base and not known and not standing.is_taken("customers", "no contracts: who is a customer is not known"):
        return
    found = in_force(standing.history)
    found = found[found["arr"] > 0]
    _check_segments(standing, found)
    renewals: list[dict[str, object]] = []
    past: list[dict[str, object]] = []
    for segment, terms in plan.base.items():
        if not known:
            _as_planned(standing, segment, terms)
            continue
        own = _by_customer(found[found["segment"] == segment])
        own["month"] = _renewal_months(standing, segment, terms, own)
        _size(standing, segment, terms, own)
        months = own.groupby("month")["arr"].sum()
        renewals += [{"segment": segment, "month": month_label(int(m)), "arr": v} for m, v in _dict(months).items()]
        past += _history(standing, segment, float(own["arr"].sum()))
    filled = {row["segment"] for row in renewals}
    reference = standing.beside("renewals", ("segment", "month", "arr"), renewals) if renewals else None
    earlier = standing.beside("arr_history", ("segment", "month", "arr", "net", "gross"), past) if past else None
    told = {row["segment"] for row in past}
    for segment, terms in plan.base.items():
        standing.changes["base", segment, "atr"] = reference if segment in filled else "even"
        if segment in told:
            standing.changes["base", segment, "history"] = earlier
        elif terms.history:
            standing.changes["base", segment, "history"] = []


def _dict(series: pd.Series[float]) -> dict[int, float]:
    return {int(str(key)): float(value) for key, value in series.items()}


def _check_segments(standing: Standing, found: pd.DataFrame) -> None:
    for segment in sorted(set(found["segment"]) - standing.plan.base.keys()):
        number = int((found["segment"] == segment).sum())
        words = f"contracts of segment {segment or 'blank'}, which has no entry in base: {number}"
        standing.miss(f"{words}; map them to one that has")


def _by_customer(contracts: pd.DataFrame) -> pd.DataFrame:
    """One row for each customer: ARR of all contracts, and the end of the largest."""
    largest = contracts.sort_values(["customer", "arr"], kind="stable").drop_duplicates("customer", keep="last")
    sums = contracts.groupby("customer")["arr"].sum()
    return (
        largest.assign(arr=largest["customer"].map(sums).astype("float64"))
        .sort_values("customer")
        .reset_index(drop=True)
    )


def _renewal_months(standing: Standing, segment: str, terms: Base, own: pd.DataFrame) -> pd.Series[int]:
    """When each comes up for renewal first: within the first term, as a plan has it."""
    first, last = standing.start, standing.start + terms.longest_term - 1
    months = month_of(own["renews"])
    endless = months.isna()
    if number := int(endless.sum()):
        months[endless] = first + np.arange(number) % terms.longest_term
        standing.said.append(
            f"{segment}: contracts without an end: {number}; they come up evenly over {terms.longest_term} months"
        )
    if number := int((months < first).sum()):
        standing.said.append(
            f"{segment}: contracts that have ended undecided: {number}; they come up in {month_label(first)}"
        )
    if number := int((months > last).sum()):
        words = f"{segment}: contracts that end after the plan's longest term: {number}"
        standing.said.append(f"{words}; they come up in {month_label(last)}")
    return months.clip(first, last).astype("int64")


def _size(standing: Standing, segment: str, terms: Base, own: pd.DataFrame) -> None:
    changes, at = standing.changes, ("base", segment)
    arr = cents(float(own["arr"].sum()))
    changes[*at, "customers"], changes[*at, "arr"] = len(own), arr
    named = _accounts(standing, segment, terms, own)
    others = own[~own["customer"].isin(named)]["arr"]
    spread = float(others.std(ddof=0) / others.mean()) if len(others) > 1 else math.nan
    if spread > 0.0005:
        changes[*at, "size_spread"] = f"{round(100 * spread, 1):g} %"
    _compare(standing, segment, len(own), float(arr))


def _compare(standing: Standing, segment: str, number: float, arr: float) -> None:
    rate, (planned_arr, planned) = standing.plan.rate_of(segment), _planned(standing, segment)
    standing.shifts.append(Shift(f"ARR {segment}", standing.plan.plan.currency, planned_arr, arr * rate))
    standing.shifts.append(Shift(f"customers {segment}", "", planned, number))


def _planned(standing: Standing, segment: str) -> tuple[float, float]:
    """ARR, in the plan's currency, and customers that the plan counted on."""
    arr, customers = (standing.operating.segment(output)[segment] for output in ("ending_arr", "customers"))
    return standing.now.end(arr), standing.now.end(customers)


def _accounts(standing: Standing, segment: str, terms: Base, own: pd.DataFrame) -> set[str]:
    """Put named accounts as they are: with today's ARR and the end of today's term; who has left is gone."""
    by_name = {_key(customer["customer"]): customer for customer in own.to_dict("records")}
    ever = standing.history.table("contracts")
    ever = ever[ever["segment"] == segment]
    known = set(map(_key, ever["customer"]))
    named: set[str] = set()
    for account in terms.named_accounts:
        at, key = ("base", segment, "named_accounts", account.name), _key(account.name)
        if key not in known and (alike := _alike(standing, segment, ever, account)):
            standing.said.append(f"{account.name} is customer {alike}: the only one with its ARR and its renewal")
            key = _key(alike)
        if key in by_name:
            row = by_name[key]
            named.add(str(row["customer"]))
            standing.changes[*at, "arr"] = cents(float(row["arr"]))
            standing.changes[*at, "renews"] = month_label(int(row["month"]))
        elif key in known:
            standing.changes[at] = REMOVE
            standing.said.append(f"{account.name} has left, and is no named account of {segment} any more")
        elif standing.is_taken("accounts", f"named account {account.name} of {segment} has no contract by this name"):
            standing.changes[at] = REMOVE
            standing.said.append(f"{account.name} has no contract by this name, and is a customer like others")
    return named


def _alike(standing: Standing, segment: str, contracts: pd.DataFrame, account: NamedAccount) -> str:
    """The only customer whose ARR at the plan's start and whose renewal are those of a named account."""
    opening = _of_segment(standing, segment, standing.plan.plan.start - 1)
    then = contracts["customer"].map(opening.to_dict()).astype("float64")
    same = (month_of(contracts["renews"]) == account.renews) & ((then - account.arr).abs() <= 0.5)
    found = sorted(set(contracts.loc[same, "customer"]))
    return str(found[0]) if len(found) == 1 else ""


def _key(name: object) -> str:
    """Names are the same whatever their capitals."""
    return str(name).strip().casefold()


def _history(standing: Standing, segment: str, arr: float) -> list[dict[str, object]]:
    """ARR at the end of each of the twelve months before the plan, and what its customers have now."""
    rows: dict[int, tuple[float, float, float]] = {}
    now, begun = _of_segment(standing, segment, standing.last), standing.before.plan.start
    for month in range(standing.start - MONTHS_PER_YEAR, standing.start):
        if month >= begun - 1 and is_base_known(standing.history, month, begun):
            rows[month] = _retained(_of_segment(standing, segment, month), now)
    rows |= _older(standing, segment, rows)
    return [
        {
            "segment": segment,
            "month": month_label(month),
            "arr": then,
            "net": min(net, arr),
            "gross": min(gross, net, arr),
        }
        for month, (then, net, gross) in sorted(rows.items())
    ]


def _of_segment(standing: Standing, segment: str, month: int) -> pd.Series[float]:
    found = arr_by_customer(standing.history, month)
    own: pd.Series[float] = found[found.index.get_level_values("segment") == segment].droplevel("segment")
    return own


def _retained(then: pd.Series[float], now: pd.Series[float]) -> tuple[float, float, float]:
    kept = now.reindex(then.index).fillna(0.0)
    return float(then.sum()), float(kept.sum()), float(np.minimum(kept, then).sum())


def _older(
    standing: Standing, segment: str, rows: Mapping[int, tuple[float, float, float]]
) -> dict[int, tuple[float, float, float]]:
    """Months of which the tables do not tell: rows of the old plan, kept as its opening customers have been since."""
    first, opening = standing.start - MONTHS_PER_YEAR, standing.before.plan.start - 1
    kept = [
        row for row in standing.before.base[segment].history if first <= row.month < opening and row.month not in rows
    ]
    if not kept:
        return {}
    if opening not in rows or rows[opening][0] <= 0:
        standing.said.append(f"{segment}: what customers of {month_label(kept[0].month)} have now is not known")
        return {}
    then, net, gross = rows[opening]
    standing.said.append(
        f"{segment}: months of arr_history that are the plan's: {len(kept)}; their customers kept what all did since"
    )
    return {row.month: (row.arr, row.net * net / then, row.gross * gross / then) for row in kept}


def _as_planned(standing: Standing, segment: str, terms: Base) -> None:
    """The plan's own expectation of its customers on the day."""
    planned, customers = _planned(standing, segment)
    arr = cents(planned / standing.plan.rate_of(segment))
    standing.changes["base", segment, "customers"] = max(round(customers), 1) if arr else 0
    standing.changes["base", segment, "arr"] = arr
    for account in terms.named_accounts:
        standing.changes["base", segment, "named_accounts", account.name] = REMOVE
    standing.said.append(f"{segment}: customers, ARR and renewals are the plan's expectation (--assume-plan customers)")
