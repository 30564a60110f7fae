"""Who owns an opportunity, and who takes it over when the owner leaves (steps 3 and 4)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simengine.kernel.jit import NONE, ONE, ZERO, inlined, integer, step
from simengine.kernel.market import load_of, move_row, schedule, sort
from simengine.kernel.random import NEVER
from simengine.kernel.tables import MOST_SEATS

_WORD = 2.0**32
ANYBODY, STAYING = ZERO, ONE
_POSITION = integer(MOST_SEATS - 1)
"""The last binary digits of a burden hold the place among the seats of the pool: positive real numbers are in the order
of their digits."""
_NO_ROOM = integer(2**63 - 1)


class Owners(NamedTuple):
    """The seats of the pools, pool by pool, and what they own."""

    of: Any
    """Whole numbers: the seat that owns each row of opportunities, or NONE."""
    owned: Any
    """Load of the open opportunities of each seat."""
    ease: Any
    """1 over each seat's room in the month; 0 where nobody works, or is worked for before their first day."""
    leaving: Any
    """Whole numbers: 1 at each seat + 1 that is left at the end of the month; 0 at all others, and at 0, for NONE."""
    members: Any
    """Whole numbers: seats."""
    keys: Any
    """Of each pool a tree, from its place `tree` on: at k the lesser of the keys at 2k and 2k + 1, at `leaves` + j that
    of its seat j: its burden, (owned + load)/room, with the next opportunity, and j."""


@inlined
def _key(j, first, load, owners):
    """The key of a pool's seat j: burdens in order, seats in their order where these are alike."""
    seat = owners.members[first + j]
    burden = np.float64((owners.owned[seat] + load) * owners.ease[seat])
    return (burden.view(np.int64) & ~_POSITION) | j


@step
def _rank_owners(load, pool, owners):
    """Weigh every seat of a pool, with one more of this load."""
    pool.ranked = 1
    pool.ranked_load = load
    first, tree = pool.first, owners.keys[pool.tree : pool.tree + 2 * pool.leaves]
    for j in range(pool.leaves):
        tree[pool.leaves + j] = _NO_ROOM
    for j in range(pool.seats):
        if owners.ease[owners.members[first + j]] > 0.0:
            tree[pool.leaves + j] = _key(j, first, load, owners)
    for k in range(pool.leaves - 1, 0, -1):
        tree[k] = min(tree[2 * k], tree[2 * k + 1])


@inlined
def own(n, load, pool, owners):
    """Give opportunity n to the seat with room that has the least (owned + load)/room, if any has room."""
    if pool.ranked == NONE or pool.ranked_load != load:
        _rank_owners(load, pool, owners)
    least = owners.keys[pool.tree + 1]
    if least != _NO_ROOM:
        j = least & _POSITION
        seat = owners.members[pool.first + j]
        owners.of[n] = seat
        owners.owned[seat] += load
        key, k = _key(j, pool.first, load, owners), pool.leaves + j
        owners.keys[pool.tree + k] = key
        while k > 1:
            key = min(key, owners.keys[pool.tree + (k ^ 1)])
            k >>= 1
            owners.keys[pool.tree + k] = key


@step
def own_among(t, n, load, group, staying, pool, owners, seats):
    """The same among the seats of `group` unless that is NONE, and with STAYING among those who work and stay.

    Returns whether there is one.
    """
    least, first = _NO_ROOM, pool.first
    for i in range(first, first + pool.seats):
        seat = seats[owners.members[i]]
        if group != NONE and group != seat.group:  # noqa: PLR1714 - numba has no such sets
            continue
        if owners.ease[owners.members[i]] == 0.0:
            continue
        if staying == STAYING and (seat.starts > t or seat.leaves != NEVER):
            continue
        least = min(least, _key(i - first, first, load, owners))
    pool.ranked = NONE
    if least == _NO_ROOM:
        return False
    owner = owners.members[first + (least & _POSITION)]
    owners.of[n] = owner
    owners.owned[owner] += load
    return True


@step
def _orphans(firm, opportunities, owners, order, n_cells):
    """Pick what leavers own, in order of seat, cell, arrival and ordinal; returns how many."""
    n_picked = ZERO
    for n in range(firm.used):
        if owners.leaving[owners.of[n] + 1] == 1:
            opportunity = opportunities[n]
            order.picked[n_picked] = n
            order.keys[n_picked] = opportunity.arrival * _WORD + opportunity.ordinal
            n_picked += 1
    sort(ZERO, n_picked, order)
    for i in range(n_picked):
        n = order.picked[i]
        opportunity = opportunities[n]
        order.keys[i] = (2.0 * owners.of[n] + opportunity.opening) * n_cells + opportunity.cell
    sort(ZERO, n_picked, order)
    return n_picked


@step
def reassign(t, firm, opportunities, groups, seats, pools, owners, closing, freed, order, n_cells):
    """Hand over what the leavers of month t own: it closes later, is won less often, and keeps its place."""
    n_orphans = _orphans(firm, opportunities, owners, order, n_cells)
    if firm.rows + n_orphans > opportunities.shape[0]:
        firm.full = 1
        return
    for i in range(n_orphans):
        before = order.picked[i]
        leaver = owners.of[before]
        n = move_row(before, firm, opportunities, owners)
        opportunity = opportunities[n]
        pool, group = pools[opportunity.pool], groups[seats[leaver].group]
        opportunity.odds *= group.leaver_win_rate
        if opportunity.luck >= opportunity.odds:
            opportunity.won = 0
        load = load_of(opportunity, pool)
        freed[opportunity.closes, opportunity.pool] -= load
        schedule(n, opportunity.closes + group.reassigned_after, load, opportunities, closing, freed)
        if own_among(t, n, load, NONE, STAYING, pool, owners, seats):
            owners.owned[leaver] -= load
