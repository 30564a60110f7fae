"""From bills to cash: deferred revenue, collections, receivables, and the bank account (docs/model.md, section 3)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simengine.baseline import opening_cohorts
from simengine.plan.money import MONTHS_BILLED
from simengine.plan.schema import Plan
from simengine.results.paths import Array
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR

_DAYS_PER_YEAR = 365


class Cash(NamedTuple):
    """Flows, and stocks at the end of the month, (draw, month) each."""

    collections: Array
    receivables: Array
    deferred_revenue: Array
    cash: Array
    net_burn: Array


def cash_of(plan: Plan, timeline: Timeline, billings: Array, revenue: Array, spent: Array) -> Cash:
    """The company's cash, month by month.

    Parameters
    ----------
    billings, revenue, spent : (draw, month); what is spent is the cost of revenue and operating expenses
    """
    lag = np.broadcast_to(collection_lag(plan, timeline), billings.shape)
    before = opening_billings(plan, 1 + math.ceil(lag[:, 0].max(initial=0.0)))
    collections, opening_receivables = collected(billings, lag, before)
    received = np.cumsum(billings - collections, axis=1)
    earned = np.cumsum(billings - revenue, axis=1)
    burn = spent - collections
    return Cash(
        collections,
        opening_receivables[:, None] + received,
        opening_deferred_revenue(plan) + earned,
        plan.economics.opening_cash - np.cumsum(burn, axis=1),
        burn,
    )


def collection_lag(plan: Plan, timeline: Timeline) -> Array:
    """Months from a bill to its payment, `dso_days · 12/365`: (draw, month), or (draw, 1)."""
    return np.asarray(timeline.of(plan.economics.dso_days) * (MONTHS_PER_YEAR / _DAYS_PER_YEAR))


def collected(billings: Array, lag: Array, before: Array) -> tuple[Array, Array]:
    """What comes in from bills: those of a month are paid `lag` months later, between two months in proportion.

    Parameters
    ----------
    billings : (draw, month)
    lag : months until the bills of each month are paid, (draw, month); before the plan it is that of its first month
    before : bills of the months before the plan, the last one first

    Returns
    -------
    Collections by month, (draw, month), and what is owed when the plan starts, (draw,).

    >>> collections, owed = collected(np.array([[80.0, 0.0, 0.0]]), np.full((1, 3), 1.25), np.array([40.0, 20.0, 9.0]))
    >>> collections.tolist(), owed.tolist()
    ([[35.0, 70.0, 20.0]], [45.0])
    """
    draws, months = billings.shape
    rows = np.arange(draws)
    out, owed = np.zeros((draws, months)), np.zeros(draws)
    for month in range(-len(before), months):
        billed = billings[:, month] if month >= 0 else np.full(draws, before[-month - 1])
        wait = lag[:, max(month, 0)]
        whole = np.floor(wait).astype(np.int64)
        late = wait - whole
        for paid, share in ((month + whole, 1.0 - late), (month + whole + 1, late)):
            if month < 0:
                owed += np.where(paid >= 0, billed * share, 0.0)
            inside = (paid >= 0) & (paid < months)
            out[rows[inside], paid[inside]] += (billed * share)[inside]
    return out, owed


def opening_bills(plan: Plan) -> list[tuple[int, float]]:
    """(month of first renewal, counted from the start; ARR) of all customers there when the plan starts."""
    found = []
    for segment, base in sorted(plan.base.items()):
        start, rate = plan.plan.start, plan.rate_of(segment)
        found += [(account.renews - start, account.arr * rate) for account in base.named_accounts]
        found += [(month, arr) for month, arr, _ in opening_cohorts(base, start, rate)]
    return found


def opening_billings(plan: Plan, months: int) -> Array:
    """Bills of the opening base, as it is, in the months before the plan: (months,), the last one first."""
    rhythm = MONTHS_BILLED[plan.economics.billing]
    out = np.zeros(months)
    for phase, arr in opening_bills(plan):
        for back in range(1, months + 1):
            if (-back - phase) % rhythm == 0:
                out[back - 1] += arr * rhythm / MONTHS_PER_YEAR
    return out


def opening_deferred_revenue(plan: Plan) -> float:
    """What the opening base has paid, or owes, in advance: a twelfth of its ARR a month until its next bill."""
    rhythm = MONTHS_BILLED[plan.economics.billing]
    return math.fsum(arr / MONTHS_PER_YEAR * (1 + phase % rhythm) for phase, arr in opening_bills(plan))
