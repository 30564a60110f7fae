"""Steps 3 and 4: an opportunity arrives, starts, closes, is won or lost, and what it is worth."""

from __future__ import annotations

import math

from simengine.kernel.jit import NONE, ONE, ZERO, inlined, step
from simengine.kernel.market import (
    NEGLIGIBLE,
    append,
    divide,
    expected_value,
    key_of,
    load_of,
    pool_of,
    schedule,
    take_row,
)
from simengine.kernel.random import (
    DEAL,
    QUEUE,
    WIDTH,
    exp,
    lognormal_factors,
    months_until,
    neighbours,
    normal_quantiles,
)
from simengine.kernel.routing import ANYBODY, own, own_among

_SMALLEST_SURVIVAL = 1e-300
_LEAST_UNIFORM = 2.0**-53
_STATED_RANK = 0.5
"""Rank by size of a deal whose value is stated."""
_YEAR = 12
_STRETCH = 24
"""Months of the clock that are read side by side: more than most cycles last, and few enough to read them all."""
_NOTHING = -1.0
_LUCK, _PACE, _SIZE, _ROUNDING, _PLACE, _PATIENCE, _TERRITORY = range(7)
_RANK, _TIMES, _KNOWN, _MEAN, _LEFT, _ROOM = 8, 9, 10, 11, 12, 13
"""Rows of `lucks`: DEAL's uniforms, then QUEUE's, then room to work."""


@step
def deal_sizes(cell, count, lucks):
    """Sizes of deals, in place of their uniforms: lognormal, and `times` as much for the outliers at the top of u."""
    u, times, share = lucks[_SIZE], lucks[_TIMES], cell.outlier_share
    for k in range(count):
        lucks[_RANK, k] = u[k]
        times[k] = cell.deal_size
    if share > 0.0:
        for k in range(count):
            if u[k] > 1.0 - share:
                u[k] = (u[k] - (1.0 - share)) / share
                times[k] = cell.outlier_times * cell.deal_size
            else:
                u[k] = u[k] / (1.0 - share)
            u[k] = min(max(u[k], _LEAST_UNIFORM), 1.0 - _LEAST_UNIFORM)
    lognormal_factors(cell.deal_sigma, count, u, lucks[_ROOM:])
    for k in range(count):
        u[k] *= times[k]


@inlined
def terms_of(opportunity, cell, bands):
    """Chance of winning an opportunity, and mean cycles if won and if lost, in the band of its size."""
    win_rate, won, lost = cell.win_rate, cell.cycle, cell.cycle_lost
    for b in range(cell.first_band + cell.bands - 1, cell.first_band - 1, -1):
        band = bands[b]
        if opportunity.amount > band.since:
            win_rate = min(1.0, win_rate * band.times)
            won *= band.cycle
            lost *= band.cycle
            break
    return win_rate, won, lost


@inlined
def month_on_clock(t, reading, clock):
    """The first month from t on at whose end the closing clock shows more than `reading`.

    The number of months in the plan if there is none.
    """
    passed = t
    for first in range(t + 1, clock.shape[0], _STRETCH):
        found = 0
        for month in range(first, min(first + _STRETCH, clock.shape[0])):
            found += 1 if clock[month] <= reading else 0
        passed += found
        if found < _STRETCH:
            break
    return passed


@inlined
def settle_outcome(t, opportunity, cell, bands, clock, season):
    """Whether an opportunity that starts in month t will be won, and when it closes.

    `clock` and `season` (of month t) are the cell's.
    """
    win_rate, won_mean, lost_mean = terms_of(opportunity, cell, bands)
    opportunity.odds = win_rate
    opportunity.won = 0
    cycle = lost_mean * opportunity.pace
    if opportunity.luck < win_rate:
        opportunity.won = 1
        cycle = won_mean * opportunity.pace
    if cell.even == 1:
        return months_until(t, cycle + opportunity.rounding)
    return month_on_clock(t, clock[t] + opportunity.rounding * season + cycle, clock)


@inlined
def fits(load, pool):
    """Whether a pool has room for a load. One that is larger than everybody fits where nothing is taken."""
    if pool.capacity <= 0.0:
        return False
    return pool.taken == 0.0 or pool.taken + load <= pool.capacity + NEGLIGIBLE * max(1.0, load)


@step
def start_in_order(
    t, first, last, always, p,
    firm, opportunities, cells, segments, pools, bands, clock, season, owners, closing, freed, picked,
):  # fmt: skip
    """Start to work `picked[first:last]` in month t, all of them if `always` is 1, else as long as pool p has room.

    Returns the first that did not start.
    """
    month = _YEAR + (firm.start + t) % _YEAR
    for i in range(first, last):
        opportunity = opportunities[picked[i]]
        cell = cells[opportunity.cell]
        load = 0.0
        if p != NONE:
            pool = pools[p]
            load = load_of(opportunity, pool)
            if always == 0 and not fits(load, pool):
                return i
        c = opportunity.cell
        closes = settle_outcome(t, opportunity, cell, bands, clock[c], season[c, month])
        schedule(picked[i], closes, load, opportunities, closing, freed)
        segments[cell.segment].in_work += 1
        if p != NONE:
            pool = pools[p]
            if closes > t:
                pool.taken += load
            own(picked[i], load, pool, owners)
    return last


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
def remaining_cycles(sigma, age, count, lucks):
    """Months until lognormal cycles that have lasted `age` months end: S⁻¹(S(age) (1 − u)) − age.

    For `count` neighbours, in place of S(age) (1 − u), from the means of their cycles.
    """
    left, mean, z = lucks[_LEFT], lucks[_MEAN], lucks[_ROOM]
    normal_quantiles(count, left, lucks[_ROOM:])
    for k in range(count):
        left[k] = max(0.0, mean[k] * exp(-sigma * z[k] - 0.5 * sigma * sigma) - age)


@inlined
def settle_opened(opportunity, age, cell, bands, known):
    """Whether an opportunity will be won, given that it has been open for `age` months when the plan starts.

    Returns the mean and the survival of its cycle. `known` are those of the last one, if won and if lost: in a row they
    are mostly the same.
    """
    sigma = cell.cycle_sigma
    win_rate, won_mean, lost_mean = terms_of(opportunity, cell, bands)
    if known[0] != won_mean or known[2] != lost_mean:
        known[0] = won_mean
        known[1] = survival(won_mean, sigma, age)
        known[2] = lost_mean
        known[3] = survival(lost_mean, sigma, age)
    still_winning, still_losing = win_rate * known[1], (1.0 - win_rate) * known[3]
    opportunity.odds = still_winning / (still_winning + still_losing)
    opportunity.won = 0
    if opportunity.luck < opportunity.odds:
        opportunity.won = 1
        return known[0], known[1]
    return known[2], known[3]


@inlined
def record(c, opening, arrival, ordinal, value, expected, k, lucks, firm, opportunities, owners, cell, segment, pools):
    """Write an opportunity that nobody has started yet, from column k of `lucks`; returns its row.

    `value` is what it is worth if won, if that is stated; negative: it is drawn.
    """
    n = take_row(firm, opportunities)
    opportunity = opportunities[n]
    opportunity.cell = c
    opportunity.opening = opening
    opportunity.arrival = arrival
    opportunity.ordinal = ordinal
    owners.of[n] = NONE
    opportunity.pool = pool_of(cell, segment, pools, lucks[_TERRITORY, k])
    opportunity.stated = value
    opportunity.amount = value if value >= 0.0 else lucks[_SIZE, k]
    opportunity.rank = _STATED_RANK if value >= 0.0 else lucks[_RANK, k]
    opportunity.expected = expected
    opportunity.luck = lucks[_LUCK, k]
    opportunity.pace = lucks[_PACE, k]
    opportunity.rounding = lucks[_ROUNDING, k]
    opportunity.place = lucks[_PLACE, k]
    opportunity.patience = lucks[_PATIENCE, k]
    segment.pipeline += expected
    return n


@step
def draw_lucks(cell, opening, draw, ordinal, count, arrival, lucks):
    """What chance has in store for neighbours: DEAL's uniforms and sizes, and of what sellers work, QUEUE's."""
    k0, k1 = key_of(cell, opening)
    neighbours(k0, k1, draw, ordinal, count, arrival, DEAL, lucks)
    deal_sizes(cell, count, lucks)
    if cell.sold == 1:
        neighbours(k0, k1, draw, ordinal, count, arrival, QUEUE, lucks[_PLACE:])


@inlined
def draw_paces(cell, count, lucks):
    """Cycles of neighbours over the mean, in place of their uniforms."""
    lognormal_factors(cell.cycle_sigma, count, lucks[_PACE], lucks[_ROOM:])


@step
def resume_row(
    row, firm, opportunities, cells, segments, pools, bands, clock, owners, seats, closing, freed, picked, lucks,
    draw,
):  # fmt: skip
    """Go on with a last-stage row of the opening pipeline."""
    c = row.cell
    cell = cells[c]
    segment = segments[cell.segment]
    expected = expected_value(cell, row.value)
    divide(segment, pools)
    segment.in_work += row.count
    known = lucks[_KNOWN]
    known[0] = _NOTHING
    for first in range(0, row.count, WIDTH):
        count = min(WIDTH, row.count - first)
        ordinal = row.ordinal + first
        draw_lucks(cell, ONE, draw, ordinal, count, row.arrival, lucks)
        for k in range(count):
            n = record(
                c, ONE, row.arrival, ordinal + k, row.value, expected, k, lucks,
                firm, opportunities, owners, cell, segment, pools,
            )  # fmt: skip
            picked[k] = n
            mean, survived = settle_opened(opportunities[n], row.age, cell, bands, known)
            lucks[_MEAN, k] = mean
            lucks[_LEFT, k] = survived * (1.0 - opportunities[n].pace)
        remaining_cycles(cell.cycle_sigma, row.age, count, lucks)
        for k in range(count):
            n, left = picked[k], lucks[_LEFT, k]
            opportunity = opportunities[n]
            closes = months_until(ZERO, left) if cell.even == 1 else month_on_clock(ZERO, left, clock[c])
            load = 0.0
            if opportunity.pool != NONE:
                pool = pools[opportunity.pool]
                load = load_of(opportunity, pool)
                pool.taken += load
                if row.owner == NONE:
                    own(n, load, pool, owners)
                else:
                    own_among(ZERO, n, load, row.owner, ANYBODY, pool, owners, seats)
            schedule(n, closes, load, opportunities, closing, freed)


@step
def arrive(
    t, c, opening, arrival, first_ordinal, total, value,
    firm, opportunities, cells, segments, pools, bands, clock, season, owners, closing, freed, picked, lucks,
    draw, out, out_pool,
):  # fmt: skip
    """Record `total` new opportunities of cell c: self-service starts at once, the rest is fresh in its pool."""
    out.opportunities += total
    if total == 0:
        return
    cell = cells[c]
    segment = segments[cell.segment]
    divide(segment, pools)
    expected = expected_value(cell, value)
    for first in range(0, total, WIDTH):
        count = min(WIDTH, total - first)
        ordinal = first_ordinal + first
        draw_lucks(cell, opening, draw, ordinal, count, arrival, lucks)
        draw_paces(cell, count, lucks)
        for k in range(count):
            n = record(
                c, opening, arrival, ordinal + k, value, expected, k, lucks,
                firm, opportunities, owners, cell, segment, pools,
            )  # fmt: skip
            p = opportunities[n].pool
            if p == NONE:
                picked[first + k] = n
            else:
                pool = pools[p]
                pool.fresh_head, pool.fresh_tail = append(n, pool.fresh_head, pool.fresh_tail, opportunities)
                out_pool[p].arrived += 1.0
    if cell.sold == 0:
        out.started += start_in_order(
            t, ZERO, total, ONE, NONE,
            firm, opportunities, cells, segments, pools, bands, clock, season, owners, closing, freed, picked,
        )  # fmt: skip


@inlined
def split_by_certainty(opportunity, owner, seats, out):
    """Add new ARR to that part of the year's to which it belongs."""
    amount = opportunity.amount
    if opportunity.opening == 1:
        out.new_from_pipeline += amount
    elif owner == NONE:
        out.new_without_seller += amount
    elif seats[owner].existing == 1:
        out.new_from_existing += amount
    else:
        out.new_from_hires += amount


@inlined
def close(opportunity, owner, segment, pools, seats, owners, out, out_pool):
    """Step 4 for one opportunity that ends; returns whether it is a new customer."""
    amount, p = opportunity.amount, opportunity.pool
    segment.in_work -= 1
    segment.pipeline -= opportunity.expected
    if owner != NONE:
        owners.owned[owner] -= load_of(opportunity, pools[p])
    if opportunity.won == 0:
        out.lost += 1.0
        return False
    out.won += 1.0
    if p != NONE:
        out_pool[p].credited += amount
    if segment.subscription == 0:
        out.one_off_bookings += amount
        out.billings += amount
        return False
    out.new_arr += amount
    out.new_customers += 1.0
    split_by_certainty(opportunity, owner, seats, out)
    return True
