"""Step 3: opportunities wait for a seller with room, and start, pool by pool."""

from __future__ import annotations

import math

from simengine.kernel.deals import draw_lucks, draw_paces, record, start_in_order
from simengine.kernel.jit import NONE, ONE, ZERO, integer, step
from simengine.kernel.market import NEGLIGIBLE, append, divide, expected_value, give_row_back, load_of, sort
from simengine.kernel.random import NEVER, WIDTH, months_until

_BEFORE = integer(-1)
"""The month before the plan."""


@step
def pick_waiting(t, pool, firm, opportunities, owners, cells, segment, changing, picked):
    """Empty a pool's queue: what has waited too long is dropped, the rest picked.

    Returns (how many are dropped, how many picked, the room that these want). What still waits is expected to bring
    what it would if it had arrived this month.
    """
    dropped, waiting, wanted = 0, 0, 0.0
    n = pool.queue_head
    while n != NONE:
        opportunity = opportunities[n]
        after = opportunity.next
        if opportunity.stale <= t:
            dropped += 1
            segment.pipeline -= opportunity.expected
            give_row_back(n, firm, opportunities, owners)
        else:
            if changing:
                segment.pipeline -= opportunity.expected
                opportunity.expected = expected_value(cells[opportunity.cell], opportunity.stated)
                segment.pipeline += opportunity.expected
            picked[waiting] = n
            waiting += 1
            wanted += load_of(opportunity, pool)
        n = after
    pool.queue_head = NONE
    pool.queue_tail = NONE
    return dropped, waiting, wanted


@step
def pick_fresh(first, pool, opportunities, picked):
    """Pick what is fresh in a pool, from `picked[first]` on; returns (the end of what is picked, the room wanted)."""
    last, wanted = first, 0.0
    n = pool.fresh_head
    while n != NONE:
        picked[last] = n
        last += 1
        wanted += load_of(opportunities[n], pool)
        n = opportunities[n].next
    pool.fresh_head = NONE
    pool.fresh_tail = NONE
    return last, wanted


@step
def sort_by_place(first, last, opportunities, order):
    """Put what is picked from `first` to `last` in the order in which it is taken up."""
    for i in range(first, last):
        order.keys[i] = opportunities[order.picked[i]].place
    sort(first, last, order)


@step
def goes_stale(t, stale, staying, u):
    """The month at whose beginning something goes stale that arrived in month t and could not start.

    `staying` is the logarithm of what does not go stale in a month.
    """
    if stale >= 1.0:
        return t + 1
    if stale > 0.0:
        return months_until(t + 1, math.log1p(-u) / staying)
    return NEVER


@step
def wait(t, first, last, fresh, pool, stale, opportunities, picked):
    """Let `picked[first:last]` wait, `fresh` or as long as they already know."""
    if first == last:
        return
    staying = math.log1p(-stale) if 0.0 < stale < 1.0 else 0.0
    for i in range(first, last):
        n = picked[i]
        if fresh:
            opportunities[n].stale = goes_stale(t, stale, staying, opportunities[n].patience)
        pool.queue_head, pool.queue_tail = append(n, pool.queue_head, pool.queue_tail, opportunities)


@step
def line_up(row, firm, opportunities, owners, cells, segments, pools, lucks, draw):
    """Let a row of the opening pipeline stand in the queue when the plan starts, patient as what came just before."""
    c = row.cell
    cell = cells[c]
    segment = segments[cell.segment]
    divide(segment, pools)
    expected = expected_value(cell, row.value)
    stale = firm.stale
    staying = math.log1p(-stale) if 0.0 < stale < 1.0 else 0.0
    for first in range(0, row.count, WIDTH):
        count = min(WIDTH, row.count - first)
        ordinal = row.ordinal + first
        draw_lucks(cell, ONE, draw, ordinal, count, row.arrival, lucks)
        draw_paces(cell, count, lucks)
        for k in range(count):
            n = record(
                c, ONE, row.arrival, ordinal + k, row.value, expected, k, lucks,
                firm, opportunities, owners, cell, segment, pools,
            )  # fmt: skip
            pool = pools[opportunities[n].pool]
            opportunities[n].stale = goes_stale(_BEFORE, stale, staying, opportunities[n].patience)
            pool.queue_head, pool.queue_tail = append(n, pool.queue_head, pool.queue_tail, opportunities)


@step
def take_up(
    t, p, changing,
    firm, opportunities, cells, segments, pools, bands, clock, season, owners, closing, freed, order,
    out, out_pool,
):  # fmt: skip
    """Step 3 for one pool: who waits starts first, then the fresh ones by lot, as far as sellers have room."""
    pool, picked = pools[p], order.picked
    dropped, waiting, wanted = pick_waiting(
        t, pool, firm, opportunities, owners, cells, segments[pool.segment], changing, picked
    )
    last, wanted_fresh = pick_fresh(waiting, pool, opportunities, picked)
    pool.taken -= freed[t, p]
    wanted += pool.taken + wanted_fresh
    all_fit = 1 if pool.capacity > 0.0 and wanted <= pool.capacity + NEGLIGIBLE * max(1.0, wanted) else 0
    if all_fit == 0:
        sort_by_place(waiting, last, opportunities, order)
    started, first = 0, ZERO
    for part in range(2):
        end = waiting if part == 0 else last
        if first == end:
            continue
        begun = start_in_order(
            t, first, end, all_fit, p,
            firm, opportunities, cells, segments, pools, bands, clock, season, owners, closing, freed, picked,
        )  # fmt: skip
        wait(t, begun, end, part == 1, pool, firm.stale, opportunities, picked)
        started += begun - first
        first = end
    out.stale += dropped
    out.started += started
    out.waiting += last - started
    counts = out_pool[p]
    counts.stale = dropped
    counts.started = started
    counts.waiting = last - started
