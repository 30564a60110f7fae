"""Where an opportunity belongs: its pool, its owner, and who takes it over when the owner leaves (steps 3 and 4)."""

from __future__ import annotations

import math

from simengine.kernel.crew import LEAVES, STARTS
from simengine.kernel.jit import ZERO, integer, step
from simengine.kernel.market import (
    ARRIVAL,
    CELL,
    CLOSES,
    KEY,
    NEXT,
    NONE,
    ORDINAL,
    OWNER,
    POOL,
    WON,
    load,
    schedule,
    sort_by_lots,
)
from simengine.kernel.random import NEVER, ONCE, OUTCOME, TERRITORY, uniforms
from simengine.kernel.tables import Cell, Group, Pool, Seat, Segment

_WORD = 2.0**32
ANYBODY, STAYING = ZERO, integer(1)
_LESS = 1.0 - 1e-9
"""So that seats of equal room are equal, however their room was worked out."""


@step
def divide(s, market, tables, value):
    """Add up the shares of a segment's territories in its potential, as they are this month."""
    pools, shares = tables.pools, market.shares
    first, n_pools = tables.segments[s, Segment.FIRST_POOL], tables.segments[s, Segment.POOLS]
    if n_pools == 1:
        return
    total = 0.0
    for pool in range(first, first + n_pools):
        total += value[pools[pool, Pool.POTENTIAL]]
        shares[pool] = total
    for pool in range(first, first + n_pools if total > 0.0 else first):
        shares[pool] /= total


@step
def pool_of(c, key, ordinal, arrival, market, tables, draw):
    """The pool of an opportunity: none of self-service, its segment's, or the territory on which its lot falls."""
    if tables.cells[c, Cell.SOLD] == 0:
        return NONE
    s = tables.cells[c, Cell.SEGMENT]
    first, n_pools = tables.segments[s, Segment.FIRST_POOL], tables.segments[s, Segment.POOLS]
    last = first + n_pools - 1
    if n_pools == 1:
        return first
    u, _ = uniforms(tables.keys, key, draw, ordinal, arrival, TERRITORY, ONCE)
    for pool in range(first, last):
        if market.shares[pool] > u:
            return pool
    return last


@step
def least_loaded(t, weight, pool, group, staying, crew, tables):
    """The seat with room that has least (owned + weight)/room; the first of those with as little. NONE: nobody has.

    Among the pool's seats, those of `group` only unless that is NONE; STAYING: those only whose occupant works in month
    t and does not leave in it.
    """
    pools, members, seats, state = tables.pools, tables.members, tables.seats, crew.state
    best, least = NONE, math.inf
    first = pools[pool, Pool.FIRST]
    for i in range(first, first + pools[pool, Pool.SEATS]):
        seat = members[i, 0]
        if crew.ease[seat] == 0.0 or (group != NONE and seats[seat, Seat.GROUP] != group):
            continue
        if staying == STAYING and (state[seat, STARTS] > t or state[seat, LEAVES] != NEVER):
            continue
        burden = (crew.owned[seat] + weight) * crew.ease[seat]
        if burden < least * _LESS:
            best, least = seat, burden
    return best


@step
def own(t, n, group, staying, market, crew, tables):
    """Give opportunity n to the least loaded seat of its pool, if there is one; returns whether there is."""
    weight = load(n, market, tables)
    seat = least_loaded(t, weight, market.rows[n, POOL], group, staying, crew, tables)
    if seat == NONE:
        return False
    market.rows[n, OWNER] = seat
    crew.owned[seat] += weight
    return True


@step
def _orphans(t, market, crew, tables):
    """Take what leavers own out of the calendar and pick it, in order of seat, cell, arrival and ordinal."""
    rows, closing, lots, cells = market.rows, market.closing, market.lots, tables.cells
    picked = ZERO
    for month in range(t + 1, closing.shape[0]):
        before, n = NONE, closing[month]
        while n != NONE:
            after = rows[n, NEXT]
            owner = rows[n, OWNER]
            if owner == NONE or crew.state[owner, LEAVES] != t:
                before = n
            else:
                if before == NONE:
                    closing[month] = after
                else:
                    rows[before, NEXT] = after
                c = rows[n, CELL]
                opening = 1 if rows[n, KEY] == cells[c, Cell.OPEN_KEY] else 0
                market.picked[picked] = n
                lots[picked, 0] = (2.0 * owner + opening) * cells.shape[0] + c
                lots[picked, 1] = rows[n, ARRIVAL] * _WORD + rows[n, ORDINAL]
                picked += 1
            n = after
    sort_by_lots(picked, market)
    return picked


@step
def reassign(t, market, crew, tables, value, draw):
    """Hand over what the leavers of month t own: it closes later, is won less often, and keeps its place."""
    rows, groups = market.rows, tables.groups
    for i in range(_orphans(t, market, crew, tables)):
        n = market.picked[i]
        leaver = rows[n, OWNER]
        g = tables.seats[leaver, Seat.GROUP]
        times = value[groups[g, Group.LEAVER_WIN_RATE]]
        market.odds[n] *= times
        if rows[n, WON] == 1 and times < 1.0:
            u, _ = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, ARRIVAL], OUTCOME, ONCE)
            rows[n, WON] = 1 if u < market.odds[n] else 0
        weight = load(n, market, tables)
        market.freed[rows[n, CLOSES], rows[n, POOL]] -= weight
        schedule(n, rows[n, CLOSES] + groups[g, Group.REASSIGNED_AFTER], market, tables)
        if own(t, n, NONE, STAYING, market, crew, tables):
            crew.owned[leaver] -= weight
