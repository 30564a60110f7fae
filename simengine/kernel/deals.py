"""Steps 3 and 4: opportunities wait for a seller, are worked, and close.

Every opportunity is a row of the market, threaded into one list at a time: its segment's queue, or the calendar of
closings.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from simengine.kernel.jit import step
from simengine.kernel.random import (
    DEAL,
    NEVER,
    OUTCOME,
    WAIT,
    lognormal_factor,
    normal_quantile,
    uniforms,
    whole_months,
)
from simengine.kernel.tables import Calendar, Cell, Row, Segment, SegmentOut


class Market(NamedTuple):
    """The opportunities of one path."""

    rows: Any
    """(opportunity, column)."""
    amounts: Any
    """(opportunity,): what it is worth if won; negative: not drawn yet."""
    closing: Any
    """(month,): first opportunity of the list that closes in the month."""
    first: Any
    """(segment,): head of the queue."""
    last: Any
    """(segment,): its tail."""
    taken: Any
    """(segment,): sellers' places that are taken."""
    freed: Any
    """(month, segment): places that are free again in the month, because its opportunity closes."""
    in_work: Any
    """(segment,): opportunities started and not closed, with and without a seller."""
    fresh: Any
    """(n,): those that arrived this month and need a seller."""
    lots: Any
    """(n, 2): their place in the queue and their patience, drawn where there may be no place."""


CELL, KEY, ARRIVAL, ORDINAL, NEXT, STALE_MONTH, WON = 0, 1, 2, 3, 4, 5, 6
COLUMNS = 7
LOT, PATIENCE = 0, 1
NONE = -1
_SMALLEST_SURVIVAL = 1e-300
_ROUNDING = 1e-9
"""So that ten people with 0.7 places each have seven, in whatever order they are added up."""


@step
def record(n, cell, key, arrival, ordinal, amount, market):
    """Write opportunity n."""
    rows = market.rows
    rows[n, CELL] = cell
    rows[n, KEY] = key
    rows[n, ARRIVAL] = arrival
    rows[n, ORDINAL] = ordinal
    rows[n, NEXT] = NONE
    market.amounts[n] = amount


@step
def deal_size(c, tables, value, u):
    """Size of a won deal: lognormal, and `times` as much for the outliers at the top of u."""
    cells = tables.cells
    share = value[cells[c, Cell.OUTLIER_SHARE]]
    times = 1.0
    if share > 0.0:
        if u > 1.0 - share:
            u = (u - (1.0 - share)) / share
            times = value[cells[c, Cell.OUTLIER_TIMES]]
        else:
            u = u / (1.0 - share)
        u = min(max(u, 2.0**-53), 1.0 - 2.0**-53)
    return times * value[cells[c, Cell.DEAL_SIZE]] * lognormal_factor(value[cells[c, Cell.DEAL_SIGMA]], u)


@step
def decide(n, won, u_size, month, market, tables, value):
    """Opportunity n will be won or lost in `month`; beyond the horizon it stays open."""
    market.rows[n, WON] = won
    if won and market.amounts[n] < 0.0:
        market.amounts[n] = deal_size(market.rows[n, CELL], tables, value, u_size)
    if month < market.closing.shape[0]:
        market.rows[n, NEXT] = market.closing[month]
        market.closing[month] = n
        market.freed[month, tables.cells[market.rows[n, CELL], Cell.SEGMENT]] += tables.cells[
            market.rows[n, CELL], Cell.SOLD
        ]


@step
def work(t, n, market, tables, value, draw):
    """Start to work opportunity n in month t: whether it will be won, when it closes, what it is worth.

    Returns the months until it closes.
    """
    cells, rows = tables.cells, market.rows
    c = rows[n, CELL]
    u_won, u_cycle = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, ARRIVAL], OUTCOME, 0)
    u_size, u_round = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, ARRIVAL], DEAL, 0)
    won = u_won < value[cells[c, Cell.WIN_RATE]]
    mean = value[cells[c, Cell.CYCLE]] if won else value[cells[c, Cell.CYCLE_LOST]]
    months = whole_months(mean, value[cells[c, Cell.CYCLE_SIGMA]], u_cycle, u_round)
    decide(n, won, u_size, t + months, market, tables, value)
    return months


@step
def survival(mean, sigma, age):
    """P(cycle > age) of a lognormal cycle, at least 1e-300; with no spread, whether the cycle is longer than that."""
    if age <= 0.0 or (sigma == 0.0 and mean > age):
        return 1.0
    if sigma == 0.0 or mean <= 0.0:
        return _SMALLEST_SURVIVAL
    z = (math.log(age / mean) + 0.5 * sigma * sigma) / sigma
    return max(_SMALLEST_SURVIVAL, 0.5 * math.erfc(z / math.sqrt(2.0)))


@step
def remaining_cycle(mean, sigma, age, survived, u):
    """Months until a lognormal cycle that has lasted `age` months ends: S⁻¹(S(age) (1 − u)) − age, given S(age)."""
    if sigma == 0.0 or mean <= 0.0:
        return max(0.0, mean - age)
    z = -normal_quantile(survived * (1.0 - u))
    return max(0.0, mean * math.exp(sigma * z - 0.5 * sigma * sigma) - age)


@step
def resume_row(r, n, market, tables, value, draw):
    """Go on with a last-stage row of the opening pipeline, given that its opportunities have lasted `age` months.

    Returns the next free row of the market.
    """
    pipeline, cells = tables.pipeline, tables.cells
    c, count = pipeline[r, Row.CELL], pipeline[r, Row.COUNT]
    key, arrival, ordinal = cells[c, Cell.OPEN_KEY], pipeline[r, Row.ARRIVAL], pipeline[r, Row.ORDINAL]
    age, amount = tables.pipeline_numbers[r, 0], tables.pipeline_numbers[r, 1]
    sigma, win_rate = value[cells[c, Cell.CYCLE_SIGMA]], value[cells[c, Cell.WIN_RATE]]
    won_mean, lost_mean = value[cells[c, Cell.CYCLE]], value[cells[c, Cell.CYCLE_LOST]]
    won_survival, lost_survival = survival(won_mean, sigma, age), survival(lost_mean, sigma, age)
    still_winning, still_losing = win_rate * won_survival, (1.0 - win_rate) * lost_survival
    for k in range(count):
        record(n + k, c, key, arrival, ordinal + k, amount, market)
        u_won, u_cycle = uniforms(tables.keys, key, draw, ordinal + k, arrival, OUTCOME, 0)
        u_size, _ = uniforms(tables.keys, key, draw, ordinal + k, arrival, DEAL, 0)
        won = u_won < still_winning / (still_winning + still_losing)
        if won:
            left = remaining_cycle(won_mean, sigma, age, won_survival, u_cycle)
        else:
            left = remaining_cycle(lost_mean, sigma, age, lost_survival, u_cycle)
        decide(n + k, won, u_size, math.floor(left) if left < NEVER else NEVER, market, tables, value)
    market.in_work[cells[c, Cell.SEGMENT]] += count
    if cells[c, Cell.SOLD] == 1:
        market.taken[cells[c, Cell.SEGMENT]] += count
    return n + count


@step
def arrive(t, c, key, arrival, ordinal, count, amount, n, n_fresh, market, tables, value, draw, out):
    """Record `count` new opportunities from row n on: self-service starts at once, the rest is fresh and waits.

    Returns the next free row of the market and the number of fresh ones.
    """
    segment = tables.cells[c, Cell.SEGMENT]
    out[SegmentOut.OPPORTUNITIES, t, segment] += count
    for k in range(count):
        record(n + k, c, key, arrival, ordinal + k, amount, market)
        if tables.cells[c, Cell.SOLD] == 1:
            market.fresh[n_fresh] = n + k
            n_fresh += 1
        else:
            work(t, n + k, market, tables, value, draw)
            market.in_work[segment] += 1
            out[SegmentOut.STARTED, t, segment] += 1.0
    return n + count, n_fresh


@step
def drop_stale(t, segment, market):
    """Take out of a segment's queue what has waited too long; returns (dropped, still waiting)."""
    rows, first = market.rows, market.first
    dropped = waiting = 0
    before, n = NONE, first[segment]
    while n != NONE:
        after = rows[n, NEXT]
        if rows[n, STALE_MONTH] <= t:
            dropped += 1
            if before == NONE:
                first[segment] = after
            else:
                rows[before, NEXT] = after
        else:
            waiting += 1
            before = n
        n = after
    market.last[segment] = before
    return dropped, waiting


@step
def queue(t, n, segment, stale, u_patience, market):
    """Let opportunity n wait behind the others of its segment."""
    rows, last = market.rows, market.last
    rows[n, NEXT] = NONE
    rows[n, STALE_MONTH] = NEVER
    if stale >= 1.0:
        rows[n, STALE_MONTH] = t + 1
    elif stale > 0.0:
        patience = math.log1p(-u_patience) / math.log1p(-stale)
        if patience < NEVER:
            rows[n, STALE_MONTH] = t + 1 + math.floor(patience)
    if last[segment] == NONE:
        market.first[segment] = n
    else:
        rows[last[segment], NEXT] = n
    last[segment] = n


@step
def swap(i, j, market):
    """Exchange two fresh opportunities and their lots."""
    fresh, lots = market.fresh, market.lots
    fresh[i], fresh[j] = fresh[j], fresh[i]
    lots[i, LOT], lots[j, LOT] = lots[j, LOT], lots[i, LOT]
    lots[i, PATIENCE], lots[j, PATIENCE] = lots[j, PATIENCE], lots[i, PATIENCE]


@step
def sink(root, n, market):
    """Restore the heap of lots below `root`."""
    lots = market.lots
    while 2 * root + 1 < n:
        child = 2 * root + 1
        if child + 1 < n and lots[child + 1, LOT] > lots[child, LOT]:
            child += 1
        if lots[root, LOT] >= lots[child, LOT]:
            return
        swap(root, child, market)
        root = child


@step
def sort_by_lot(n, market):
    """Sort the first n fresh opportunities by their lots, in place (heapsort: linear in memory, n log n in time)."""
    for root in range(n // 2 - 1, -1, -1):
        sink(root, n, market)
    for end in range(n - 1, 0, -1):
        swap(0, end, market)
        sink(0, end, market)


@step
def draw_lots(n_fresh, market, tables, draw):
    """Put the fresh opportunities in the order in which they are taken up, and draw their patience."""
    rows, fresh, lots = market.rows, market.fresh, market.lots
    for i in range(n_fresh):
        n = fresh[i]
        key, ordinal, arrival = rows[n, KEY], rows[n, ORDINAL], rows[n, ARRIVAL]
        lots[i, LOT], lots[i, PATIENCE] = uniforms(tables.keys, key, draw, ordinal, arrival, WAIT, 0)
    sort_by_lot(n_fresh, market)


@step
def take_up(t, segment, n_fresh, market, tables, value, draw, out):
    """Step 3 for one segment: who waits starts first, then the fresh ones by lot, as far as sellers have places."""
    stale = value[tables.calendar[Calendar.STALE]]
    dropped, waiting = drop_stale(t, segment, market)
    capacity = out[SegmentOut.CAPACITY, t, segment]
    places = math.floor(capacity + _ROUNDING) if capacity < NEVER else NEVER
    taken = market.taken[segment] - market.freed[t, segment]
    if taken + waiting + n_fresh > places:
        draw_lots(n_fresh, market, tables, draw)
    started = 0
    while taken < places and market.first[segment] != NONE:
        n = market.first[segment]
        market.first[segment] = market.rows[n, NEXT]
        taken += work(t, n, market, tables, value, draw) > 0
        started += 1
    if market.first[segment] == NONE:
        market.last[segment] = NONE
    for i in range(n_fresh):
        if taken < places:
            taken += work(t, market.fresh[i], market, tables, value, draw) > 0
            started += 1
        else:
            queue(t, market.fresh[i], segment, stale, market.lots[i, PATIENCE], market)
    market.taken[segment] = taken
    market.in_work[segment] += started
    out[SegmentOut.STALE, t, segment] = dropped
    out[SegmentOut.STARTED, t, segment] += started
    out[SegmentOut.WAITING, t, segment] = waiting + n_fresh - started


@step
def close(t, n, market, tables, segment_out):
    """Step 4 for one opportunity that ends in month t; returns whether it is a new customer."""
    c = market.rows[n, CELL]
    s = tables.cells[c, Cell.SEGMENT]
    market.in_work[s] -= 1
    if market.rows[n, WON] == 0:
        segment_out[SegmentOut.LOST, t, s] += 1.0
        return False
    segment_out[SegmentOut.WON, t, s] += 1.0
    if tables.segments[s, Segment.SUBSCRIPTION] == 0:
        segment_out[SegmentOut.ONE_OFF_BOOKINGS, t, s] += market.amounts[n]
        return False
    segment_out[SegmentOut.NEW_ARR, t, s] += market.amounts[n]
    segment_out[SegmentOut.NEW_CUSTOMERS, t, s] += 1.0
    return True
