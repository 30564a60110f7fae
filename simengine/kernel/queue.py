"""Step 3: opportunities arrive, wait for a seller with room, and start, pool by pool."""

from __future__ import annotations

import math

from simengine.kernel.deals import start
from simengine.kernel.jit import step
from simengine.kernel.market import (
    ARRIVAL,
    CELL,
    HEAD,
    KEY,
    NEXT,
    NONE,
    ORDINAL,
    STALE_MONTH,
    TAIL,
    append,
    expected_value,
    load,
    record,
    sort_by_lots,
)
from simengine.kernel.random import NEVER, ONCE, WAIT, uniforms
from simengine.kernel.routing import divide, pool_of
from simengine.kernel.tables import Calendar, Cell, Pool, PoolOut, SegmentOut

_ROUNDING = 1e-9
"""So that ten people with 0.7 places each have seven, in whatever order they are added up."""
_PATIENCE = 1


@step
def arrive(t, c, key, arrival, ordinal, count, amount, n, market, crew, tables, value, draw, out_segment, out_pool):
    """Record `count` new opportunities from row n on: self-service starts at once, the rest is fresh in its pool.

    Returns the next free row of the market.
    """
    s = tables.cells[c, Cell.SEGMENT]
    out_segment[SegmentOut.OPPORTUNITIES, t, s] += count
    if count == 0:
        return n
    divide(s, market, tables, value)
    expected = expected_value(c, amount, tables, value)
    for k in range(count):
        pool = pool_of(c, key, ordinal + k, arrival, market, tables, draw)
        record(n + k, c, pool, key, arrival, ordinal + k, amount, expected, market, tables)
        if pool == NONE:
            start(t, n + k, market, crew, tables, value, draw)
            out_segment[SegmentOut.STARTED, t, s] += 1.0
        else:
            append(n + k, market.fresh, pool, market)
            out_pool[PoolOut.ARRIVED, t, pool] += 1.0
    return n + count


@step
def drop_stale(t, pool, market, tables, value):
    """Take out of a pool's queue what has waited too long; returns (dropped, still waiting, the room that it wants).

    What still waits is expected to bring what it would if it had arrived this month.
    """
    rows, queue = market.rows, market.queue
    s, changing = tables.pools[pool, Pool.SEGMENT], tables.varying.shape[0] > 0
    dropped, waiting, wanted = 0, 0, 0.0
    before, n = NONE, queue[pool, HEAD]
    while n != NONE:
        after = rows[n, NEXT]
        if rows[n, STALE_MONTH] <= t:
            dropped += 1
            market.pipeline[s] -= market.expected[n]
            if before == NONE:
                queue[pool, HEAD] = after
            else:
                rows[before, NEXT] = after
        else:
            if changing:
                market.pipeline[s] -= market.expected[n]
                market.expected[n] = expected_value(rows[n, CELL], market.amounts[n], tables, value)
                market.pipeline[s] += market.expected[n]
            waiting += 1
            wanted += load(n, market, tables)
            before = n
        n = after
    queue[pool, TAIL] = before
    return dropped, waiting, wanted


@step
def pick_fresh(pool, market, tables):
    """Pick what is fresh in a pool; returns (how many, the room that they want)."""
    picked, wanted = 0, 0.0
    n = market.fresh[pool, HEAD]
    while n != NONE:
        market.picked[picked] = n
        picked += 1
        wanted += load(n, market, tables)
        n = market.rows[n, NEXT]
    market.fresh[pool, HEAD] = NONE
    market.fresh[pool, TAIL] = NONE
    return picked, wanted


@step
def draw_lots(n_fresh, market, tables, draw):
    """Put the fresh opportunities in the order in which they are taken up, and draw their patience."""
    rows, picked, lots = market.rows, market.picked, market.lots
    for i in range(n_fresh):
        n = picked[i]
        key, ordinal, arrival = rows[n, KEY], rows[n, ORDINAL], rows[n, ARRIVAL]
        lots[i, 0], lots[i, _PATIENCE] = uniforms(tables.keys, key, draw, ordinal, arrival, WAIT, ONCE)
    sort_by_lots(n_fresh, market)


@step
def goes_stale(t, stale, u):
    """The month at whose beginning something goes stale that arrived in month t and could not start."""
    if stale >= 1.0:
        return t + 1
    if stale > 0.0:
        patience = math.log1p(-u) / math.log1p(-stale)
        if patience < NEVER:
            return t + 1 + math.floor(patience)
    return NEVER


@step
def fits(n, pool, capacity, market, tables):
    """Whether a pool has room for opportunity n. One that is larger than everybody fits where nothing is taken."""
    taken, weight = market.taken[pool], load(n, market, tables)
    if capacity <= 0.0:
        return False
    return taken == 0.0 or taken + weight <= capacity + _ROUNDING * max(1.0, weight)


@step
def take_up(t, pool, market, crew, tables, value, draw, out_segment, out_pool):
    """Step 3 for one pool: who waits starts first, then the fresh ones by lot, as far as sellers have room."""
    rows, queue, picked = market.rows, market.queue, market.picked
    s = tables.pools[pool, Pool.SEGMENT]
    stale, capacity = value[tables.calendar[Calendar.STALE]], out_pool[PoolOut.CAPACITY, t, pool]
    dropped, waiting, wanted_before = drop_stale(t, pool, market, tables, value)
    n_fresh, wanted = pick_fresh(pool, market, tables)
    market.taken[pool] -= market.freed[t, pool]
    wanted += market.taken[pool] + wanted_before
    all_fit = capacity > 0.0 and wanted <= capacity + _ROUNDING * max(1.0, wanted)
    if not all_fit:
        draw_lots(n_fresh, market, tables, draw)
    started = 0
    n = queue[pool, HEAD]
    while n != NONE and (all_fit or fits(n, pool, capacity, market, tables)):
        queue[pool, HEAD] = rows[n, NEXT]
        start(t, n, market, crew, tables, value, draw)
        started += 1
        n = queue[pool, HEAD]
    if n == NONE:
        queue[pool, TAIL] = NONE
    i = 0
    while i < n_fresh and (all_fit or fits(picked[i], pool, capacity, market, tables)):
        start(t, picked[i], market, crew, tables, value, draw)
        i += 1
    started += i
    while i < n_fresh:
        rows[picked[i], STALE_MONTH] = goes_stale(t, stale, market.lots[i, _PATIENCE])
        append(picked[i], queue, pool, market)
        i += 1
    out_segment[SegmentOut.STALE, t, s] += dropped
    out_segment[SegmentOut.STARTED, t, s] += started
    out_segment[SegmentOut.WAITING, t, s] += waiting + n_fresh - started
    out_pool[PoolOut.STALE, t, pool] = dropped
    out_pool[PoolOut.STARTED, t, pool] = started
    out_pool[PoolOut.WAITING, t, pool] = waiting + n_fresh - started
