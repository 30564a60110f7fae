"""The opportunities of one path.

Every opportunity is a row, threaded into one list at a time: what arrives in a pool, the pool's queue, or the calendar
of closings.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from simengine.kernel.jit import allocating, integer, step
from simengine.kernel.tables import Band, BandKind, Calendar, Cell, Pool, PoolOut, SegmentOut

CELL, KEY, ARRIVAL, ORDINAL, NEXT, STALE_MONTH, WON, OWNER, POOL, CLOSES = range(10)
"""Columns of a row: OWNER is a seat, POOL is NONE for self-service, CLOSES is at most the number of months."""
COLUMNS = 10
EVEN, FIRST_BAND, BANDS = 0, 1, 2
"""Columns of `rules`: 1 if the closing clock runs evenly; the deal bands `bands[FIRST_BAND : FIRST_BAND + BANDS]`."""
NONE = integer(-1)
STATED_RANK = 0.5
"""Rank by size of a deal whose value is stated."""
_YEAR = 12
_DIGITS = 32


class Market(NamedTuple):
    """What is known of every opportunity, and the lists that they stand in."""

    rows: Any
    """(opportunity, column)."""
    amounts: Any
    """(opportunity,): what it is worth if won; negative: not drawn yet."""
    expected: Any
    """(opportunity,): its expected value."""
    odds: Any
    """(opportunity,): the probability of winning with which it was decided."""
    ranks: Any
    """(opportunity,): its rank by size among deals of its kind, 0 … 1."""
    closing: Any
    """(month + 1,): first opportunity of the list that closes in the month; after the last month: all that do later."""
    fresh: Any
    """(pool, 2): head and tail of the list of what arrived this month and needs a seller."""
    queue: Any
    """(pool, 2): head and tail of the queue."""
    taken: Any
    """(pool,): room that is taken."""
    freed: Any
    """(month + 1, pool): room that is free again in the month, because what took it closes."""
    shares: Any
    """(pool,): a territory's share of its segment's potential, cumulated."""
    in_work: Any
    """(segment,): opportunities started and not closed, with and without a seller."""
    pipeline: Any
    """(segment,): expected value of what waits or is open."""
    picked: Any
    """(n,): opportunities to be put in order."""
    lots: Any
    """(n, 2): the numbers by which they are, the first before the second."""
    clock: Any
    """(cell, month + 1): what the closing clock shows at the beginning of each month."""
    rules: Any
    """(cell, column)."""


HEAD, TAIL = 0, 1


@allocating
def open_market(room, tables):
    """A market with room for `room` opportunities."""
    months, n_pools = tables.calendar[Calendar.MONTHS], tables.pools.shape[0]
    n_cells, n_segments = tables.cells.shape[0], tables.segments.shape[0]
    market = Market(
        rows=np.empty((room, COLUMNS), np.int64),
        amounts=np.empty(room),
        expected=np.empty(room),
        odds=np.empty(room),
        ranks=np.empty(room),
        closing=np.empty(months + 1, np.int64),
        fresh=np.empty((n_pools, 2), np.int64),
        queue=np.empty((n_pools, 2), np.int64),
        taken=np.empty(n_pools),
        freed=np.empty((months + 1, n_pools)),
        shares=np.empty(n_pools),
        in_work=np.empty(n_segments, np.int64),
        pipeline=np.empty(n_segments),
        picked=np.empty(room, np.int64),
        lots=np.empty((room, 2)),
        clock=np.zeros((n_cells, months + 1)),
        rules=np.zeros((n_cells, 3), np.int64),
    )
    _wind_clocks(market, tables)
    _find_bands(market, tables)
    return market


@step
def _wind_clocks(market, tables):
    """Add up each cell's weights of closing; equal ones make a clock that runs like the calendar."""
    start = tables.calendar[Calendar.START]
    for c in range(tables.cells.shape[0]):
        market.rules[c, EVEN] = 1
        for month in range(_YEAR):
            if tables.season[c, _YEAR + month] != tables.season[c, _YEAR]:
                market.rules[c, EVEN] = 0
        for t in range(market.clock.shape[1] - 1):
            market.clock[c, t + 1] = market.clock[c, t] + tables.season[c, _YEAR + (start + t) % _YEAR]


@step
def _find_bands(market, tables):
    """Where each cell's deal bands stand."""
    bands = tables.bands
    for b in range(bands.shape[0]):
        if bands[b, Band.KIND] == BandKind.DEAL:
            c = bands[b, Band.OWNER]
            if market.rules[c, BANDS] == 0:
                market.rules[c, FIRST_BAND] = b
            market.rules[c, BANDS] += 1


@step
def clear(market):
    """Nothing is open and nobody waits."""
    for t in range(market.closing.shape[0]):
        market.closing[t] = NONE
        for pool in range(market.taken.shape[0]):
            market.freed[t, pool] = 0.0
    for pool in range(market.taken.shape[0]):
        market.taken[pool] = 0.0
        for end in (HEAD, TAIL):
            market.fresh[pool, end] = NONE
            market.queue[pool, end] = NONE
    for s in range(market.in_work.shape[0]):
        market.in_work[s] = 0
        market.pipeline[s] = 0.0


@step
def copy_market(n, source, target):
    """Copy n opportunities and every list of them."""
    for i in range(n):
        target.amounts[i], target.expected[i] = source.amounts[i], source.expected[i]
        target.odds[i], target.ranks[i] = source.odds[i], source.ranks[i]
        for column in range(COLUMNS):
            target.rows[i, column] = source.rows[i, column]
    for t in range(source.closing.shape[0]):
        target.closing[t] = source.closing[t]
        for pool in range(source.taken.shape[0]):
            target.freed[t, pool] = source.freed[t, pool]
    for pool in range(source.taken.shape[0]):
        target.taken[pool] = source.taken[pool]
        for end in (HEAD, TAIL):
            target.fresh[pool, end] = source.fresh[pool, end]
            target.queue[pool, end] = source.queue[pool, end]
    for s in range(source.in_work.shape[0]):
        target.in_work[s], target.pipeline[s] = source.in_work[s], source.pipeline[s]


@step
def rounded(x):
    """Round to 32 binary digits, so that sums of amounts are exact, in whatever order they are added and taken off."""
    mantissa, exponent = math.frexp(x)
    return math.ldexp(math.floor(math.ldexp(mantissa, _DIGITS) + 0.5), exponent - _DIGITS)


@step
def expected_value(c, amount, tables, value):
    """What an opportunity of cell c is worth if won, on average: its stated value, or the mean of the deal size."""
    if amount >= 0.0:
        return rounded(amount)
    cells = tables.cells
    outliers = 1.0 + value[cells[c, Cell.OUTLIER_SHARE]] * (value[cells[c, Cell.OUTLIER_TIMES]] - 1.0)
    return rounded(value[cells[c, Cell.DEAL_SIZE]] * outliers)


@step
def record(n, c, pool, key, arrival, ordinal, amount, expected, market, tables):
    """Write opportunity n, which nobody has started yet."""
    rows = market.rows
    rows[n, CELL] = c
    rows[n, KEY] = key
    rows[n, ARRIVAL] = arrival
    rows[n, ORDINAL] = ordinal
    rows[n, NEXT] = NONE
    rows[n, OWNER] = NONE
    rows[n, POOL] = pool
    market.amounts[n] = amount
    market.ranks[n] = STATED_RANK
    market.expected[n] = expected
    market.pipeline[tables.cells[c, Cell.SEGMENT]] += expected


@step
def load(n, market, tables):
    """Room that opportunity n takes: one place, or its expected value where room is in money."""
    return market.expected[n] if tables.pools[market.rows[n, POOL], Pool.IN_MONEY] == 1 else 1.0


@step
def append(n, lists, pool, market):
    """Put opportunity n at the end of a pool's list."""
    market.rows[n, NEXT] = NONE
    if lists[pool, TAIL] == NONE:
        lists[pool, HEAD] = n
    else:
        market.rows[lists[pool, TAIL], NEXT] = n
    lists[pool, TAIL] = n


@step
def schedule(n, month, market, tables):
    """Let opportunity n close in `month`, or after the last month of the plan; its room is free again then."""
    month = min(month, market.closing.shape[0] - 1)
    pool = market.rows[n, POOL]
    market.rows[n, CLOSES] = month
    market.rows[n, NEXT] = market.closing[month]
    market.closing[month] = n
    if pool != NONE:
        market.freed[month, pool] += load(n, market, tables)


@step
def _before(i, j, lots):
    return lots[i, 0] < lots[j, 0] or (lots[i, 0] == lots[j, 0] and lots[i, 1] < lots[j, 1])


@step
def _swap(i, j, market):
    """Exchange two picked opportunities and their lots."""
    picked, lots = market.picked, market.lots
    picked[i], picked[j] = picked[j], picked[i]
    lots[i, 0], lots[j, 0] = lots[j, 0], lots[i, 0]
    lots[i, 1], lots[j, 1] = lots[j, 1], lots[i, 1]


@step
def _sink(root, n, market):
    """Restore the heap of lots below `root`."""
    while 2 * root + 1 < n:
        child = 2 * root + 1
        if child + 1 < n and _before(child, child + 1, market.lots):
            child += 1
        if not _before(root, child, market.lots):
            return
        _swap(root, child, market)
        root = child


@step
def sort_by_lots(n, market):
    """Sort the first n picked opportunities by their lots, in place (heapsort: n log n in time, nothing in memory)."""
    for root in range(n // 2 - 1, -1, -1):
        _sink(root, n, market)
    for end in range(n - 1, 0, -1):
        _swap(0, end, market)
        _sink(0, end, market)


@step
def count(t, market, out_segment, out_pool):
    """What is open at the end of month t, what it is worth, and the room that it takes."""
    for s in range(market.in_work.shape[0]):
        out_segment[SegmentOut.OPEN, t, s] = market.in_work[s]
        out_segment[SegmentOut.PIPELINE, t, s] = market.pipeline[s]
    for pool in range(market.taken.shape[0]):
        out_pool[PoolOut.LOAD, t, pool] = market.taken[pool]
