"""Segments and their opening customers as tables of the kernel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import numpy as np

from simengine.baseline import log_sigma, opening_cohorts
from simengine.kernel.tables import Opening, Segment
from simengine.plan.customers import Base
from simengine.plan.fields import ZERO
from simengine.simulation.slots import Column, Keys, Slots, Table, numbers, table
from simengine.units import MONTHS_PER_YEAR

_MOST_MEETINGS = 1e3
_SEGMENT_RATE = -1
_MIDDLE = 0.5
"""Rank by size of a customer whose ARR is stated."""


def difference(more: Column, less: Column) -> Column:
    """The first number without the second."""
    return more - less


def segment_row(
    name: str, base: Base | None, pools: tuple[int, int], first_term: int, rate: float, slots: Slots, keys: Keys
) -> list[int]:
    """Columns of `Segment`; money times `rate` is in the plan's currency. Without a base: sold once."""
    nothing = Base(renewal_rate=ZERO)
    terms = base or nothing
    expansion = terms.expansion
    row = {
        Segment.KEY: keys.add(f"expansion/{name}"),
        Segment.SUBSCRIPTION: int(base is not None),
        Segment.FIRST_POOL: pools[0],
        Segment.POOLS: pools[1],
        Segment.FIRST_TERM: first_term,
        Segment.TERMS: len(terms.term_shares) if base else 0,
        Segment.EARLY_MONTHS: terms.early.months if terms.early else 0,
        Segment.LATE_MONTHS: terms.late.months if terms.late else 0,
        Segment.RENEWAL_RATE: slots.fraction(terms.renewal_rate),
        Segment.TILT: _tilt(terms, slots),
        Segment.ELASTICITY: slots.add(terms.load_elasticity),
        Segment.EARLY_SHARE: slots.fraction(terms.early.share if terms.early else ZERO),
        Segment.LATE_SHARE: slots.fraction(terms.late.share if terms.late else ZERO),
        Segment.CONTRACTION: slots.fraction(terms.contraction),
        Segment.DEPTH: slots.fraction(terms.contraction_depth),
        Segment.PRICE: slots.add(terms.price_increase, low=-0.9),
        Segment.EXPANSION_RATE: slots.add(
            expansion.opportunities_per_customer if expansion else ZERO,
            scale=1 / MONTHS_PER_YEAR,
            most=_MOST_MEETINGS,
        ),
        Segment.EXPANSION_WIN_RATE: slots.fraction(expansion.win_rate if expansion else ZERO),
        Segment.EXPANSION_SIZE: slots.add(expansion.size if expansion else ZERO, scale=rate),
        Segment.EXPANSION_SIGMA: slots.sigma(expansion.size_spread if expansion else ZERO),
        Segment.GO_LIVE: slots.add(terms.go_live),
    }
    return [int(row[column]) for column in Segment]


def _tilt(base: Base, slots: Slots) -> int:
    """(dollar rate − logo rate)/G; G = 2 Φ(s/√2) − 1 is the Gini coefficient of lognormal sizes.

    Aitchison and Brown, *The Lognormal Distribution*, 1957.
    """
    gini = math.erf(float(log_sigma(base.size_spread)) / 2.0)
    if base.dollar_renewal_rate is None or gini == 0:
        return slots.constant(0.0)
    return slots.add(base.dollar_renewal_rate, base.renewal_rate, function=difference, high=1.0, scale=1 / gini)


def term_tables(bases: Mapping[str, Base], segments: Sequence[str]) -> tuple[list[int], Table, Column]:
    """Where each segment's terms begin, their lengths in months, and their cumulated shares."""
    firsts: list[int] = []
    lengths: list[int] = []
    shares: list[float] = []
    for name in segments:
        firsts.append(len(lengths))
        if name in bases:
            found = bases[name].term_shares
            lengths.extend(found)
            shares.extend(accumulate(found.values()))
    return firsts, table(((length,) for length in lengths), 1), np.array(shares, np.float64)


def customer_tables(
    bases: Mapping[str, Base], segments: Sequence[str], start: int, rates: Mapping[str, float], slots: Slots, keys: Keys
) -> tuple[Table, Column]:
    """The opening customers, segment by segment: named accounts, then the rest by month of renewal."""
    rows: list[tuple[int, ...]] = []
    sizes: list[tuple[float, float]] = []
    for name in sorted(bases):
        base, s, rate = bases[name], segments.index(name), rates[name]
        for account in sorted(base.named_accounts, key=lambda account: account.name):
            due, own_rate = account.renews - start, slots.fraction(account.renewal_rate)
            rows.append((s, keys.add(f"account/{account.name}"), 0, account.renews, due, own_rate))
            sizes.append((account.arr * rate, _MIDDLE))
        key = keys.add(f"base/{name}")
        for month, arr, count in opening_cohorts(base, start, rate):
            rows.extend((s, key, ordinal, start + month, month, _SEGMENT_RATE) for ordinal in range(count))
            sizes.extend(_sizes(arr, count, base.size_spread))
    return table(rows, len(Opening)), numbers(sizes, 2)


def _sizes(arr: float, count: int, spread: float) -> Iterator[tuple[float, float]]:
    """ARR and rank of the customers of a month: lognormal quantiles, scaled to the month's total."""
    from scipy.special import ndtri

    ranks = (np.arange(count) + 0.5) / count
    weights = np.exp(float(log_sigma(spread)) * ndtri(ranks))
    yield from zip(weights * (arr / math.fsum(weights)), ranks, strict=True)
