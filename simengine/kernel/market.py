"""The opportunities of one path: their rows, the lists in which they stand, and what they are worth."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from simengine.kernel.jit import NONE, inlined, integer, step

_SELF_SERVICE = 0
_DIGITS = 32
VOID = integer(-1)
"""When what has moved to another row closes."""
NEGLIGIBLE = 1e-9
"""So that ten people with 0.7 places each have seven, in whatever order they are added up."""


@step
def clear_market(firm, segments, pools, closing, freed):
    """Nothing is open and nobody waits."""
    firm.rows = 0
    firm.used = 0
    firm.free = NONE
    for s in range(segments.shape[0]):
        segments[s].in_work = 0
        segments[s].pipeline = 0.0
    for p in range(pools.shape[0]):
        pool = pools[p]
        pool.taken = 0.0
        pool.fresh_head = NONE
        pool.fresh_tail = NONE
        pool.queue_head = NONE
        pool.queue_tail = NONE
    for t in range(closing.shape[0]):
        closing[t] = NONE
        for p in range(pools.shape[0]):
            freed[t, p] = 0.0


@inlined
def key_of(cell, opening):
    """The words of the key of a cell's opportunities: of its demand, or of its opening pipeline."""
    if opening == 1:
        return cell.open_k0, cell.open_k1
    return cell.k0, cell.k1


@inlined
def take_row(firm, opportunities):
    """A row for an opportunity."""
    n = firm.free
    if n == NONE:
        n = firm.used
        firm.used = n + 1
    else:
        firm.free = opportunities[n].next
    firm.rows += 1
    return n


@inlined
def give_row_back(n, firm, opportunities, owners):
    """Opportunity n is over."""
    owners.of[n] = NONE
    opportunities[n].next = firm.free
    firm.free = n
    firm.rows -= 1


@inlined
def move_row(n, firm, opportunities, owners):
    """Another row for opportunity n, which leaves a void one in the calendar; returns it."""
    m = take_row(firm, opportunities)
    opportunities[m] = opportunities[n]
    owners.of[m] = owners.of[n]
    owners.of[n] = NONE
    opportunities[n].closes = VOID
    return m


@step
def expected_value(cell, amount):
    """Expected value of an opportunity of a cell worth `amount` (negative: not stated), to 32 binary digits."""
    worth = amount
    if amount < 0.0:
        worth = cell.deal_size * (1.0 + cell.outlier_share * (cell.outlier_times - 1.0))
    if worth <= 0.0:
        return 0.0
    fraction, exponent = math.frexp(worth)
    return math.ldexp(math.floor(math.ldexp(fraction, _DIGITS) + 0.5), exponent - _DIGITS)


@step
def divide(segment, pools):
    """Add up the shares of a segment's territories in its potential, as they are this month."""
    first, last = segment.first_pool, segment.first_pool + segment.pools
    if segment.pools == 1:
        return
    total = 0.0
    for p in range(first, last):
        total += pools[p].potential
        pools[p].share = total
    if total > 0.0:
        for p in range(first, last):
            pools[p].share /= total


@inlined
def pool_of(cell, segment, pools, u):
    """The pool of an opportunity: none of self-service, its segment's, or the territory on which its lot falls."""
    if cell.sold == _SELF_SERVICE:
        return NONE
    before, first = 0, segment.first_pool
    for p in range(first, first + segment.pools - 1):
        before += 1 if pools[p].share <= u else 0
    return first + before


@inlined
def load_of(opportunity, pool):
    """Room that an opportunity takes: one place, or its expected value where room is in money."""
    return opportunity.expected if pool.in_money == 1 else 1.0


@inlined
def append(n, head, tail, opportunities):
    """Put opportunity n at the end of a list; returns its head and tail."""
    opportunities[n].next = NONE
    if tail == NONE:
        return n, n
    opportunities[tail].next = n
    return head, n


@inlined
def schedule(n, month, load, opportunities, closing, freed):
    """Let opportunity n close in `month`, or after the last month of the plan; its room is free again then."""
    opportunity = opportunities[n]
    month = min(month, closing.shape[0] - 1)
    opportunity.closes = month
    opportunity.next = closing[month]
    closing[month] = n
    if opportunity.pool != NONE:
        freed[month, opportunity.pool] += load


class Order(NamedTuple):
    """Opportunities that are picked, to be put in order."""

    picked: Any
    """Whole numbers: their rows."""
    keys: Any
    """Real numbers by which they are sorted."""
    spare: Any
    spare_keys: Any
    """Room to work."""


_SHORT = 16
"""So few are sorted quickest one by one."""


@inlined
def _insert(first, last, keys, picked):
    """Sort `picked[first:last]` by `keys[first:last]`, one by one; what is alike stays in order."""
    for i in range(first + 1, last):
        key, moved, j = keys[i], picked[i], i
        while j > first and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            picked[j] = picked[j - 1]
            j -= 1
        keys[j] = key
        picked[j] = moved


@step
def _merge(first, middle, last, order):
    """Merge two sorted parts into one."""
    keys, picked = order.keys, order.picked
    for i in range(first, middle):
        order.spare_keys[i] = keys[i]
        order.spare[i] = picked[i]
    left, right = first, middle
    for i in range(first, last):
        if left == middle:
            return
        if right < last and keys[right] < order.spare_keys[left]:
            keys[i] = keys[right]
            picked[i] = picked[right]
            right += 1
        else:
            keys[i] = order.spare_keys[left]
            picked[i] = order.spare[left]
            left += 1


@step
def sort(start, end, order):
    """Sort what is picked from `start` to `end` by its keys; what is alike stays in order (merge sort)."""
    for first in range(start, end, _SHORT):
        _insert(first, min(first + _SHORT, end), order.keys, order.picked)
    width = _SHORT
    while width < end - start:
        for first in range(start, end - width, 2 * width):
            _merge(first, first + width, min(first + 2 * width, end), order)
        width *= 2
