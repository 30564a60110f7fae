"""Who owns an opportunity, and who takes it over when the owner leaves (steps 3 and 4)."""

from __future__ import annotations

from typing import Any, NamedTuple

from simengine.kernel.jit import NONE, ONE, ZERO, inlined, integer, step
from simengine.kernel.market import load_of, move_row, schedule, sort
from simengine.kernel.random import NEVER
from simengine.kernel.tables import MOST_SEATS

_WORD = 2.0**32
ANYBODY, STAYING = ZERO, ONE
_POSITION = integer(MOST_SEATS - 1)
"""The last binary digits of a burden hold the place among the seats of the pool: positive real numbers are in the order
of their digits, and whole ones the processor compares eight at once."""
_NO_ROOM = integer(2**63 - 1)
_PART = 32
"""Owners are looked through in parts, so that not all of a large pool are for every opportunity."""


class Owners(NamedTuple):
    """The seats of the pools, pool by pool."""

    members: Any
    """Whole numbers: seats."""
    burdens: Any
    """(owned + load)/room of each with the next opportunity."""
    bits: Any
    """The same memory, as whole numbers."""
    keys: Any
    """Burdens in whole numbers, and the place among the seats of the pool."""
    least: Any
    """From the first member of a pool on, the least key of each part of it."""


@inlined
def _weigh(i, first, load, owners, seats):
    """The key of owner i: burdens in order, seats in their order where these are alike."""
    seat = seats[owners.members[i]]
    owners.burdens[i] = (seat.owned + load) * seat.ease
    owners.keys[i] = (owners.bits[i] & ~_POSITION) | (i - first)


@inlined
def _find_least(part, pool, owners):
    """The least key of a part of a pool's owners."""
    first = pool.first + part * _PART
    least = _NO_ROOM
    for i in range(first, min(first + _PART, pool.first + pool.seats)):
        least = min(least, owners.keys[i])
    owners.least[pool.first + part] = least


@step
def _rank_owners(load, pool, owners, seats):
    """Weigh every seat of a pool, with one more of this load."""
    first = pool.first
    pool.ranked = 1
    pool.ranked_load = load
    for i in range(first, first + pool.seats):
        if seats[owners.members[i]].ease > 0.0:
            _weigh(i, first, load, owners, seats)
        else:
            owners.keys[i] = _NO_ROOM
    for part in range((pool.seats + _PART - 1) // _PART):
        _find_least(part, pool, owners)
    pool.changed = 0


@inlined
def own(opportunity, load, pool, owners, seats):
    """Give an opportunity to the seat with room that has the least (owned + load)/room, if any has room."""
    if pool.ranked == NONE or pool.ranked_load != load:
        _rank_owners(load, pool, owners, seats)
    # only now: at once after it was written, the processor would have to wait for the key
    _find_least(pool.changed, pool, owners)
    first = pool.first
    least = _NO_ROOM
    for part in range((pool.seats + _PART - 1) // _PART):
        least = min(least, owners.least[first + part])
    if least != _NO_ROOM:
        i = first + (least & _POSITION)
        opportunity.owner = owners.members[i]
        seats[owners.members[i]].owned += load
        _weigh(i, first, load, owners, seats)
        pool.changed = (least & _POSITION) // _PART


@step
def own_among(t, opportunity, load, group, staying, pool, owners, seats):
    """The same among the seats of `group` unless that is NONE, and with STAYING among those who work and stay.

    Returns whether there is one.
    """
    least, first = _NO_ROOM, pool.first
    for i in range(first, first + pool.seats):
        seat = seats[owners.members[i]]
        if seat.ease == 0.0 or (group != NONE and group != seat.group):  # noqa: PLR1714 - numba has no such sets
            continue
        if staying == STAYING and (seat.starts > t or seat.leaves != NEVER):
            continue
        _weigh(i, first, load, owners, seats)
        least = min(least, owners.keys[i])
    pool.ranked = NONE
    if least == _NO_ROOM:
        return False
    owner = owners.members[first + (least & _POSITION)]
    opportunity.owner = owner
    seats[owner].owned += load
    return True


@step
def _orphans(t, firm, opportunities, seats, order, n_cells):
    """Pick what leavers own, in order of seat, cell, arrival and ordinal; returns how many."""
    n_picked = ZERO
    for n in range(firm.used):
        opportunity = opportunities[n]
        if opportunity.owner != NONE and opportunity.closes > t and seats[opportunity.owner].leaves == t:
            order.picked[n_picked] = n
            order.keys[n_picked] = opportunity.arrival * _WORD + opportunity.ordinal
            n_picked += 1
    sort(ZERO, n_picked, order)
    for i in range(n_picked):
        opportunity = opportunities[order.picked[i]]
        order.keys[i] = (2.0 * opportunity.owner + opportunity.opening) * n_cells + opportunity.cell
    sort(ZERO, n_picked, order)
    return n_picked


@step
def reassign(t, firm, opportunities, groups, seats, pools, owners, closing, freed, order, n_cells):
    """Hand over what the leavers of month t own: it closes later, is won less often, and keeps its place."""
    n_orphans = _orphans(t, firm, opportunities, seats, order, n_cells)
    if firm.rows + n_orphans > opportunities.shape[0]:
        firm.full = 1
        return
    for i in range(n_orphans):
        before = order.picked[i]
        n = move_row(before, firm, opportunities)
        opportunity = opportunities[n]
        pool, leaver = pools[opportunity.pool], seats[opportunity.owner]
        group = groups[leaver.group]
        opportunity.odds *= group.leaver_win_rate
        if opportunity.luck >= opportunity.odds:
            opportunity.won = 0
        load = load_of(opportunity, pool)
        freed[opportunity.closes, opportunity.pool] -= load
        schedule(n, opportunity.closes + group.reassigned_after, load, opportunities, closing, freed)
        if own_among(t, opportunity, load, NONE, STAYING, pool, owners, seats):
            leaver.owned -= load
