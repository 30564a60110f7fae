"""The customers when the plan starts: their ARR, when it comes up for renewal, and on which terms."""

from __future__ import annotations

import numpy as np

from simengine.plan.customers import Base
from simengine.reading.operating import OperatingPlan
from simengine.reading.parts import Cell, Figure, Phrase, Section, Table, joined, money, month, say, share, table, whole
from simengine.units import MONTHS_PER_YEAR

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def base(op: OperatingPlan) -> Section | None:
    """Opening ARR, renewals by month, terms and expansion."""
    if not op.plan.base:
        return None
    parts: list[Table | Phrase] = [_opening(op), _renewals(op), _expansion(op)]
    named = _named_accounts(op)
    if named:
        parts.append(named)
    if any(role.carries is not None for role in op.plan.team.roles.values()):
        parts.append(_coverage(op))
    return Section("Customers", (*parts, _atr(op)))


def _opening(op: OperatingPlan) -> Table:
    rows = []
    for segment, entry in op.plan.base.items():
        arr = op.opening_arr(segment)
        each: Cell = money(arr / entry.customers) if entry.customers else "–"
        rows.append((segment, whole(entry.customers), money(arr), each, share(entry.size_spread), _terms(entry)))
    customers, arr = sum(entry.customers for entry in op.plan.base.values()), op.opening_arr()
    total = ("all", whole(customers), money(arr), money(arr / customers) if customers else "–", "", "")
    columns = ("segment", "customers", "ARR", "ARR of\none", "spread of\nsizes", "terms")
    return Table("When the plan starts", columns, tuple(rows), total=total)


def _terms(entry: Base) -> Phrase:
    shares = entry.term_shares
    if len(shares) == 1:
        return say("{}", Figure(next(iter(shares)), "whole months"))
    return joined([say("{}: {}", Figure(term, "whole months"), share(part)) for term, part in shares.items()])


def _renewals(op: OperatingPlan) -> Table:
    rows = []
    for segment, entry in op.plan.base.items():
        dollars = op.figure(entry.dollar_renewal_rate, "fraction") if entry.dollar_renewal_rate else "–"
        moved = [
            say("{} {} {}", op.figure(timing.share, "fraction"), Figure(timing.months, "whole months"), word)
            for timing, word in ((entry.early, "early"), (entry.late, "late"))
            if timing is not None
        ]
        rows.append(
            (
                *(
                    segment,
                    joined(moved) if moved else say("on time"),
                    op.figure(entry.renewal_rate, "fraction"),
                    dollars,
                ),
                *(op.figure(entry.contraction, "fraction"), op.figure(entry.contraction_depth, "fraction")),
                op.ends(op.number(entry.price_increase, low=-0.9), "fraction"),
                op.figure(entry.go_live, "months") if entry.go_live.number else "–",
            )
        )
    columns = (
        "segment",
        "decided",
        "renew,\ncustomers",
        "renew,\ndollars",
        "contraction\nof ATR",
        "of a customer\nwho contracts",
    )
    return table("Renewal", (*columns, "price\nincrease", "live after"), rows, texts=2)


def _expansion(op: OperatingPlan) -> Table:
    rows: list[tuple[Cell, ...]] = []
    arr, added = op.segment("ending_arr"), op.segment("expansion_arr")
    for segment, entry in op.plan.base.items():
        if entry.expansion is None:
            rows.append((segment, "–", "–", "–", "–", "–"))
            continue
        expansion, year = entry.expansion, op.year
        size = op.ends(op.number(expansion.size) * op.plan.rate_of(segment), "currency")
        start = float(arr[segment][year.first - 1]) if year.first else op.opening_arr(segment)
        gained = year.total(added[segment])
        rows.append(
            (
                *(segment, op.figure(expansion.opportunities_per_customer, "rate")),
                *(op.figure(expansion.win_rate, "fraction"), size, money(gained)),
                share(gained / start) if start else "–",
            )
        )
    columns = ("segment", "opportunities of a\ncustomer a year", "won", "ARR of\none")
    return table("Expansion", (*columns, f"added in\n{op.year.label}", "of ARR at\nits start"), rows)


def _coverage(op: OperatingPlan) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for segment in op.plan.base:
        for duty in ("renewal", "expansion"):
            covered = op.segment(f"{duty}_coverage")[segment]
            rows.append((segment, duty, *(share(quarter.mean(covered)) for quarter in op.quarters)))
    columns = ("segment", "duty", *(quarter.label for quarter in op.quarters))
    return table("Share of customers' load that somebody has the capacity to carry", columns, rows, texts=2)


def _named_accounts(op: OperatingPlan) -> Table | None:
    rows = []
    for segment, entry in op.plan.base.items():
        rate = op.plan.rate_of(segment)
        for account in entry.named_accounts:
            rows.append(
                (
                    *(account.name, segment, money(account.arr * rate), share(account.arr / entry.arr)),
                    *(month(account.renews), op.figure(account.renewal_rate, "fraction")),
                )
            )
    columns = ("account", "segment", "ARR", "share of\nsegment", "renews", "renewal\nrate")
    return table("Named accounts", columns, rows, texts=2) if rows else None


def _atr(op: OperatingPlan) -> Table:
    atr = op.segment("atr")
    columns = ("segment", *(_heading(op.plan.plan.start + t) for t in range(op.months)))
    rows: list[tuple[Cell, ...]] = [(segment, *map(money, atr[segment])) for segment in op.plan.base]
    everything = np.asarray(sum((atr[segment] for segment in op.plan.base), np.zeros(op.months)))
    total: tuple[Cell, ...] = ("all", *map(money, everything))
    return Table(
        "ARR that comes up for renewal (ATR), new and renewed customers included", columns, tuple(rows), total=total
    )


def _heading(number: int) -> str:
    """A month in two short lines, so that a year of them stands side by side."""
    year, name = divmod(number, MONTHS_PER_YEAR)
    return f"{_MONTHS[name]}\n{year}"
