"""What contracts and bookings say: who renews, for how much, and how much customers buy more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simengine.baseline.ranks import gini
from simengine.learn.history import CHURNED, RENEWED
from simengine.learn.likelihood import arrivals, log_sigma, lognormal, renewals
from simengine.learn.piece import NEVER, Array, Frame, Piece, Point, Read, Whole, Window, at, piece
from simengine.plan.customers import Base
from simengine.plan.scalars import Quantity
from simengine.units import MONTHS_PER_YEAR

_RANKS = 33
"""Ranks by size are told apart on a grid of so many."""
_CONTRACTED = 0.5
"""A contract renewed for less than 1 less this share of the plan's depth of contraction has contracted."""
_PRICE_ROUNDING = 0.002
"""Least standard deviation of what contracts show of a price increase: amounts are rounded."""


def customer_pieces(window: Window) -> Iterator[Piece]:
    """Every piece that contracts and bookings give."""
    if not window.months:
        return
    for segment, base in sorted(window.plan.base.items()):
        contracts = window.table("contracts")
        contracts = contracts[contracts["segment"] == segment]
        decided = window.month(contracts["decided"])
        inside = (decided >= 0) & contracts["outcome"].isin([RENEWED, CHURNED]).to_numpy()
        named = {account.name: account for account in base.named_accounts}
        alone = contracts["customer"].isin(list(named)).to_numpy()
        if (inside & ~alone).any():
            ranks = _ranks(contracts["arr"].to_numpy(np.float64))[inside & ~alone]
            yield from _renewed(window, base, contracts[inside & ~alone], decided[inside & ~alone], ranks)
        for name, account in sorted(named.items()):
            own = inside & (contracts["customer"] == name).to_numpy()
            if own.any() and account.renewal_rate.assumption is not None:
                yield from _account(window, account.renewal_rate, contracts[own], decided[own])
        if base.expansion is not None and len(contracts):
            yield from _expansion(window, segment, base, contracts)


def _ranks(arr: Array) -> Array:
    """Rank of each contract by size, strictly within 0 and 1, on a grid."""
    order = np.argsort(np.argsort(arr, kind="stable"), kind="stable")
    return np.asarray(np.round((order + 0.5) / len(arr) * (_RANKS - 1)) / (_RANKS - 1))


def _renewed(window: Window, base: Base, due: Frame, month: Whole, ranks: Array) -> Iterator[Piece]:
    """Renewed in full, for less, or lost: of contracts decided in the past months."""
    kept = (due["outcome"] == RENEWED).to_numpy()
    before, after = (due[name].to_numpy(np.float64) for name in ("arr", "arr_after"))
    known = kept & (after > 0) & (before > 0)
    ratio = np.divide(after, before, out=np.ones_like(after), where=known)
    depth = float(base.contraction_depth.of(window.plan.planned))
    less = known & (ratio < 1.0 - _CONTRACTED * depth)
    is_split = bool(known[kept].all()) and bool(kept.any())
    has_sizes = base.dollar_renewal_rate is not None and gini(base) > 0
    keys, back = np.unique(np.stack([month, ranks if has_sizes else 0.0 * ranks]), axis=1, return_inverse=True)
    months, rank = keys[0].astype(np.int64), keys[1]
    full, some, lost = (
        np.bincount(back.ravel(), chosen, len(months)).astype(np.float64) for chosen in (kept & ~less, less, ~kept)
    )
    if not is_split:
        full, some = full + some, 0.0 * some
    tilt = (2.0 * rank - 1.0) / (gini(base) or 1.0)

    def log_likelihood(point: Point) -> Array:
        rate = at(point.fraction(base.renewal_rate), months)
        if has_sizes:
            rate = np.clip(rate + (at(point.fraction(base.dollar_renewal_rate), months) - rate) * tilt, 0.0, 1.0)
        rate = np.broadcast_to(rate, (len(rate), len(months)))
        if not is_split:
            return renewals(rate, np.zeros((1, 1)), (full, some, lost))
        lost_share = at(point.fraction(base.contraction), months)
        contracted = lost_share / np.maximum(at(point.fraction(base.contraction_depth), months), 1e-9)
        return renewals(rate, contracted, (full, some, lost))

    words = f"{int(kept.sum()):,} of {len(due):,} due renewed"
    reads = [Read(base.renewal_rate, words), Read(base.dollar_renewal_rate if has_sizes else None, words)]
    if is_split:
        contracted_words = f"{int(some.sum()):,} of {int(kept.sum()):,} renewed for less"
        reads += [Read(base.contraction, contracted_words), Read(base.contraction_depth)]
    yield piece(window, reads, len(due), log_likelihood)
    raised = known & ~less
    if raised.any():
        yield _price(window, base, ratio[raised] - 1.0, month[raised])


def _price(window: Window, base: Base, rise: Array, month: Whole) -> Piece:
    """Rises of contracts renewed in full are normal around the price increase, with the spread that they show."""
    months, back = np.unique(month, return_inverse=True)
    counts = np.bincount(back).astype(np.float64)
    means = np.bincount(back, rise) / counts
    within = float(np.sqrt(np.sum((rise - means[back]) ** 2) / max(1, len(rise) - len(months))))
    variance = max(within, _PRICE_ROUNDING) ** 2 / counts

    def log_likelihood(point: Point) -> Array:
        off = means - at(point.of(base.price_increase, low=-0.9), months)
        return np.asarray(-0.5 * np.sum(off * off / variance, axis=1))

    words = f"{100 * rise.mean():.2g} % on {len(rise):,} contracts renewed"
    return piece(window, [Read(base.price_increase, words)], len(rise), log_likelihood)


def _account(window: Window, rate: Quantity, due: Frame, month: Whole) -> Iterator[Piece]:
    """A named account renews at its own rate."""
    kept = (due["outcome"] == RENEWED).to_numpy().astype(np.float64)

    def log_likelihood(point: Point) -> Array:
        chance = at(point.fraction(rate), month)
        chance = np.broadcast_to(chance, (len(chance), len(month)))
        return renewals(chance, np.zeros((1, 1)), (kept, 0.0 * kept, 1.0 - kept))

    yield piece(window, [Read(rate, "a named account was decided")], len(due), log_likelihood)


def _expansion(window: Window, segment: str, base: Base, contracts: Frame) -> Iterator[Piece]:
    """Won expansions are Poisson among the customers there; their sizes are lognormal."""
    expansion, months = base.expansion, window.months
    assert expansion is not None
    bookings = window.table("bookings")
    bought = bookings[(bookings["segment"] == segment) & (bookings["kind"] == "expansion")]
    month = window.month(bought["date"])
    amounts = bought["amount"].to_numpy(np.float64)
    inside = (month >= 0) & (month < months) & (amounts > 0)
    if not len(bookings):
        return
    counts, customers = window.counts(month[inside]), _customers(window, contracts)
    per_year, win_rate = expansion.opportunities_per_customer, expansion.win_rate

    def log_likelihood(point: Point) -> Array:
        rate = point.of(per_year)[:, :months] / MONTHS_PER_YEAR * point.fraction(win_rate)[:, :months]
        mean = np.broadcast_to(rate * customers, (len(rate), months))
        return arrivals(mean, np.ones((1, 1)), counts)

    years = customers.sum() / MONTHS_PER_YEAR
    words = f"{counts.sum():,.0f} won in {years:,.0f} customer-years"
    both = per_year.assumption is not None and win_rate.assumption is not None
    words += ", of meeting and winning together" if both else ""
    if years > 0:
        yield piece(window, [Read(per_year, words), Read(win_rate, words)], counts.sum(), log_likelihood)
    if inside.any():
        yield _expansion_sizes(window, base, np.log(amounts[inside]), month[inside])


def _expansion_sizes(window: Window, base: Base, logs: Array, month: Whole) -> Piece:
    expansion = base.expansion
    assert expansion is not None
    months, back = np.unique(month, return_inverse=True)
    counts = np.bincount(back).astype(np.float64)
    means = np.bincount(back, logs) / counts
    rest = np.bincount(back, (logs - means[back]) ** 2) / counts

    def log_likelihood(point: Point) -> Array:
        size, spread = at(point.of(expansion.size), months), at(point.of(expansion.size_spread), months)
        spread = np.maximum(spread, 1e-3)
        return np.asarray((lognormal(means, size, spread) - 0.5 * rest / log_sigma(spread) ** 2) @ counts)

    words = f"{len(logs):,} expansions of {np.exp(logs).mean():,.0f} on average"
    return piece(window, [Read(expansion.size, words), Read(expansion.size_spread, words)], len(logs), log_likelihood)


def _customers(window: Window, contracts: Frame) -> Array:
    """Customers in each past month: those who have begun, and have not been lost before its end."""
    first = window.month(contracts.groupby("customer")["start"].min())
    lost = contracts[contracts["outcome"] == CHURNED].groupby("customer")["decided"].max()
    went = window.month(lost)
    there = np.array([(first <= t).sum() for t in range(window.months)], dtype=np.float64)
    gone = np.array([((went != NEVER) & (went <= t)).sum() for t in range(window.months)], dtype=np.float64)
    return there - gone
