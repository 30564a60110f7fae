"""From bills to cash: deferred revenue, collections, receivables, and the bank account (docs/model.md, section 3)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simengine.baseline import opening_cohorts
from simengine.plan.money import MONTHS_BILLED
from simengine.plan.schema import Plan
from simengine.results.paths import Array, added
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR

_DAYS_PER_YEAR = 365


Bills = list[tuple[int, float]]
"""(month of first renewal, counted from the start; ARR) of all customers there when the plan starts."""


class Cash(NamedTuple):
    """Flows, and stocks at the end of the month, (draw, month) each."""

    collections: Array
    receivables: Array
    deferred_revenue: Array
    cash: Array
    net_burn: Array


def cash_of(plan: Plan, bills: Bills, timeline: Timeline, billings: Array, revenue: Array, spent: Array) -> Cash:
    """The company's cash, month by month.

    Parameters
    ----------
    bills : of the opening base
    billings, revenue, spent : (draw, month); what is spent is the cost of revenue and operating expenses
    """
    lag = np.broadcast_to(collection_lag(plan, timeline), billings.shape)
    before = opening_billings(plan, bills, 1 + math.ceil(lag[:, 0].max(initial=0.0)))
    collections, opening_receivables = collected(billings, lag, before)
    received = np.cumsum(billings - collections, axis=1)
    earned = np.cumsum(billings - revenue, axis=1)
    burn = spent - collections
    return Cash(
        collections,
        opening_receivables[:, None] + received,
        opening_deferred_revenue(plan, bills) + earned,
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
    paths, ago = len(billings), len(before)
    billed = np.concatenate((np.broadcast_to(before[::-1], (paths, ago)), billings), axis=1)
    wait = np.concatenate((np.repeat(lag[:, :1], ago, axis=1), lag), axis=1)
    whole = np.floor(wait)
    late = billed * (wait - whole)
    months, prompt = billed.shape[1], billed - late
    paid, owed = np.zeros_like(billed), np.zeros(paths)
    for waited in np.unique(whole).astype(np.int64):
        for amount, later in ((prompt, waited), (late, waited + 1)):
            of_bills = np.where(whole == waited, amount, 0.0)
            paid[:, later:] += of_bills[:, : max(0, months - later)]
            owed = added((owed, *of_bills[:, max(0, ago - later) : ago].T), (paths,))
    return paid[:, ago:], owed


def opening_bills(plan: Plan) -> Bills:
    """The bills of the opening base."""
    found = []
    for segment, base in sorted(plan.base.items()):
        start, rate = plan.plan.start, plan.rate_of(segment)
        found += [(account.renews - start, account.arr * rate) for account in base.named_accounts]
        found += [(month, arr) for month, arr, _ in opening_cohorts(base, start, rate)]
    return found


def opening_billings(plan: Plan, bills: Bills, months: int) -> Array:
    """Bills of the opening base, as it is, in the months before the plan: (months,), the last one first."""
    rhythm = MONTHS_BILLED[plan.economics.billing]
    out = np.zeros(months)
    for phase, arr in bills:
        for back in range(1, months + 1):
            if (-back - phase) % rhythm == 0:
                out[back - 1] += arr * rhythm / MONTHS_PER_YEAR
    return out


def opening_deferred_revenue(plan: Plan, bills: Bills) -> float:
    """What the opening base has paid, or owes, in advance: a twelfth of its ARR a month until its next bill."""
    rhythm = MONTHS_BILLED[plan.economics.billing]
    return math.fsum(arr / MONTHS_PER_YEAR * (1 + phase % rhythm) for phase, arr in bills)
