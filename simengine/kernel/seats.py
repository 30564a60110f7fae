"""Step 1: people. Seats are filled late, ramp, work, are left and filled again, or by promotion."""

from __future__ import annotations

import numpy as np

from simengine.kernel.bands import integral, level
from simengine.kernel.jit import NONE, inlined, step
from simengine.kernel.quotas import (
    begin_year,
    credit_managers,
    give_quota,
    give_team_quotas,
    rate_seat,
    weigh_territories,
    works,
)
from simengine.kernel.random import (
    CAREER,
    NEVER,
    ONCE,
    PERSON,
    START,
    exponential,
    lognormal_factor,
    uniforms,
    whole_months,
)
from simengine.kernel.tables import Shape

_UNLIMITED_ROOM = 1e6
_NOBODY = -1
_NOBODY_PROMOTED, _OUT_OF_THE_PLAN = -1, -2
_YEAR = 12
_LINEAR, _STEP, _BOOKINGS, _NO_RAMP = int(Shape.LINEAR), int(Shape.STEP), int(Shape.BOOKINGS), int(Shape.NONE)


@step
def fiscal_months(t, firm):
    """Months of the fiscal year before month t, as far as they lie in the plan."""
    return min(t, (firm.start + t - firm.fiscal_start) % _YEAR)


@inlined
def ramp_share(seat, group, tenure, bands):
    """Share of a full workload at a tenure in months (mid-month; negative before the first day).

    What is booked at a tenure x by a bookings ramp r, with a cycle of c months, was begun c months before, so the work
    open at the end of the month is w = (1/c) ∫ r over x … x + c (Little, *A proof for the queuing formula*, 1961).
    """
    shape, months = group.ramp_shape, seat.ramp_months
    share = 1.0
    if shape == _BOOKINGS:
        cycle = group.ramp
        if cycle <= 0.0:
            share = level(group.bookings, group.last_booking, 0.0, tenure, bands)
        else:
            x = tenure + 0.5
            if bands[group.last_booking - 1].since > x:
                share = integral(group.bookings, group.last_booking, 0.0, x, x + cycle, bands) / cycle
    elif shape != _NO_RAMP and tenure < months:
        y = tenure / months
        if shape == _STEP:
            share = 0.0
        elif shape == _LINEAR:
            share = y
        else:
            share = y * y * (3.0 - 2.0 * y)
    if seat.never_ramps == 1:
        share = min(share, group.never_level)
    return share


@step
def fill(seat, group, start, draw):
    """Seat the next occupant from month `start` on: how they ramp, how good they are, when they leave."""
    existing = seat.planned == 0 and seat.occupant == 0
    seat.starts = start
    seat.leaves = NEVER
    seat.existing = 1 if existing else 0
    seat.internal = 0
    seat.rated_below = 0
    seat.never_ramps = 0
    seat.ready = 0
    seat.before = seat.tenure if existing else 0.0
    begin_year(seat)
    u_productivity, u_ramp, u_life, u_choice = uniforms(
        group.k0, group.k1, draw, seat.ordinal, seat.planned, PERSON, seat.occupant
    )
    seat.productivity = lognormal_factor(group.productivity_sigma, u_productivity)
    seat.ramp_months = group.ramp * lognormal_factor(group.ramp_sigma, u_ramp)
    seat.life = exponential(u_life)
    seat.choice = u_choice
    if group.never_share > 0.0 or group.promoted_into != _NOBODY_PROMOTED:
        u_ready, u_never, _, _ = uniforms(group.k0, group.k1, draw, seat.ordinal, seat.planned, CAREER, seat.occupant)
        seat.career = exponential(u_ready)
        seat.never_ramps = 1 if u_never < group.never_share else 0


@step
def fill_first(seat, group, firm, draw):
    """Seat the first occupant: existing people at once, those expected in their month, hires after their delay."""
    seat.occupant = 0
    start = 0
    if seat.planned > 0:
        start = seat.planned - firm.start
        delay = group.climate * group.delay
        if delay > 0.0 and seat.expected == 0:
            u_size, u_round, _, _ = uniforms(group.k0, group.k1, draw, seat.ordinal, seat.planned, START, ONCE)
            start += whole_months(delay, group.delay_sigma, u_size, u_round)
    fill(seat, group, start, draw)


@step
def frozen(t, firm, planned, out_segment):
    """Whether bookings of the fiscal year so far are so far behind the operating plan that nobody is hired."""
    months = fiscal_months(t, firm)
    if firm.freeze_after < 0 or months < firm.freeze_after:
        return 0
    booked = expected = 0.0
    for month in range(t - months, t):
        expected += planned[month]
        for s in range(out_segment.shape[1]):
            out = out_segment[month, s]
            booked += out.new_arr + out.one_off_bookings
    return 1 if booked < (1.0 - firm.freeze_behind) * expected else 0


@inlined
def leaves_now(seat, group, tenure, bands):
    """Whether the occupant, of this tenure at the beginning of the month, leaves at its end: 0 no, 1 by choice, 2 not.

    A month uses up its hazard of −ln(1 − u); they leave in the month that costs more than is left (inversion of the
    cumulative hazard).
    """
    voluntary = group.voluntary
    if seat.rated_below == 1:
        voluntary *= group.missed_times
    hazard = voluntary + group.involuntary
    cost = hazard
    if group.last_hazard > group.hazards:
        cost *= integral(group.hazards, group.last_hazard, 1.0, tenure, tenure + 1.0, bands)
    if cost <= seat.life:
        seat.life -= cost
        return 0
    return 1 if seat.choice < voluntary / hazard else 2


@inlined
def grow(seat, group, tenure):
    """Use up a month of the way to being ready for promotion."""
    cost = group.promotion * min(1.0, max(0.0, tenure + 1.0 - group.promotion_after))
    if cost > seat.career:
        seat.ready = 1
    else:
        seat.career -= cost


@inlined
def open_rooms(t, i, seat, group, strength, pools, owners):
    """Add a seller's room to the capacity of the pool; somebody of an unlimited role at work makes it unlimited."""
    if seat.pool < 0:
        return
    pool = pools[seat.pool]
    if group.unlimited == 1:
        room = strength * _UNLIMITED_ROOM
        pool.capacity += np.inf if works(t, seat) else room
    else:
        room = strength * group.room
        pool.capacity += room
    if room > 0.0:
        owners.ease[i] = 1.0 / room


@inlined
def work(t, i, seat, group, bands, pools, owners, segments, hours, teams, draw, out):
    """A month of work on a seat; returns 1 if the occupant leaves at its end."""
    tenure = t - seat.starts + seat.before
    share = ramp_share(seat, group, tenure + 0.5, bands)
    strength = share * seat.productivity
    seat.worked += 1
    out.working += 1.0
    out.ramped += share
    give_quota(seat, group, tenure + 0.5, share, pools, bands, teams, out)
    open_rooms(t, i, seat, group, strength, pools, owners)
    if group.sells == 1:
        segments[group.segment].sellers += strength
    if group.budget >= 0:
        hours[group.budget] += group.hours * strength
    if group.serves != 0:
        group.service += group.carries * strength
    if group.quota_of_team >= 0:
        teams[group.quota_of_team].managers += 1.0
    if group.promoted_into != _NOBODY_PROMOTED and seat.ready == 0:
        grow(seat, group, tenure)
    reason = leaves_now(seat, group, tenure, bands)
    if reason == 0:
        out.headcount += 1.0
        return 0
    out.leavers += 1.0
    if reason == 2:
        out.involuntary += 1.0
    leave(t, seat, group, draw)
    return 1


@step
def leave(t, seat, group, draw):
    """The occupant leaves at the end of month t: when, if ever, the next one starts."""
    seat.leaves = t
    seat.next_internal = 0
    seat.next_starts = _NOBODY
    if group.backfill == 1:
        starts = t + 1
        lag = group.climate * group.lag
        if lag > 0.0:
            _, u_round, _, _ = uniforms(group.k0, group.k1, draw, seat.ordinal, seat.planned, START, seat.occupant + 1)
            starts += whole_months(lag, 0.0, 0.5, u_round)
        seat.next_starts = starts


@inlined
def take_seat(seat, firm, out):
    """Somebody is due to start: they do, or a hiring freeze puts them off for a month."""
    if seat.existing == 1:
        return
    may_freeze = seat.occupant == 0 or firm.freeze_backfills == 1
    if firm.no_hires == 1 and may_freeze and seat.internal == 0:
        seat.starts += 1
        out.frozen += 1.0
        return
    out.starts += 1.0
    if seat.internal == 0:
        out.recruited += 1.0


@step
def clear_month(groups, pools, owners, segments, hours, teams):
    """Nobody has worked yet this month."""
    for g in range(groups.shape[0]):
        groups[g].service = 0.0
    for i in range(owners.ease.shape[0]):
        owners.ease[i] = 0.0
    for p in range(pools.shape[0]):
        pools[p].capacity = 0.0
        pools[p].ranked = NONE
    for s in range(segments.shape[0]):
        segments[s].sellers = 0.0
    for i in range(hours.shape[0]):
        hours[i] = 0.0
    for i in range(teams.shape[0]):
        teams[i].quota = 0.0
        teams[i].managers = 0.0
        teams[i].booked = 0.0


@step
def begin_month(
    t, firm, groups, seats, bands, pools, owners, segments, hours, teams, planned, draw, out_group, out_segment
):
    """One month of all seats: who starts, works and leaves, and what they have room for; returns how many leave."""
    clear_month(groups, pools, owners, segments, hours, teams)
    weigh_territories(segments, pools)
    firm.no_hires = frozen(t, firm, planned, out_segment)
    leavers = 0
    for g in range(groups.shape[0]):
        group, out = groups[g], out_group[g]
        for i in range(group.first_seat, group.last_seat):
            seat = seats[i]
            if seat.leaves < t:
                continue
            if seat.starts == t:
                take_seat(seat, firm, out)
            if seat.starts <= t:
                leavers += work(t, i, seat, group, bands, pools, owners, segments, hours, teams, draw, out)
            elif group.ramp_shape == _BOOKINGS:
                share = ramp_share(seat, group, t - seat.starts + 0.5, bands)
                open_rooms(t, i, seat, group, share * seat.productivity, pools, owners)
    give_team_quotas(t, groups, seats, teams, out_group)
    return leavers


@step
def open_seat(t, group, firm, seats):
    """First seat of a group that nobody is on after month t and whose next start is later than t + 1; else NONE."""
    for i in range(group.first_seat, group.last_seat):
        seat = seats[i]
        if seat.planned <= firm.start + t + 1:
            if seat.leaves == t:
                if seat.next_starts > t + 1:
                    return i
            elif seat.leaves > t and seat.starts > t + 1:
                return i
    return NONE


@step
def promote_group(t, group, out, firm, groups, seats, draw):
    """Those of a group who are ready for promotion move to an open seat, or out; returns how many do."""
    promoted = 0
    for i in range(group.first_seat, group.last_seat):
        seat = seats[i]
        if seat.ready == 0 or seat.starts > t or seat.leaves != NEVER:
            continue
        if group.promoted_into != _OUT_OF_THE_PLAN:
            found = open_seat(t, groups[group.promoted_into], firm, seats)
            if found == NONE:
                break
            target = seats[found]
            if target.leaves == t:
                target.next_starts = t + 1
                target.next_internal = 1
            else:
                target.starts = t + 1
                target.internal = 1
        promoted += 1
        leave(t, seat, group, draw)
    out.headcount -= promoted
    out.leavers += promoted
    out.promoted += promoted
    return promoted


@step
def promote(t, firm, groups, seats, draw, out_group):
    """Promotion at the end of month t; returns how many leave their seats by it."""
    promoted = 0
    for g in range(groups.shape[0]):
        if groups[g].promoted_into != _NOBODY_PROMOTED:
            promoted += promote_group(t, groups[g], out_group[g], firm, groups, seats, draw)
    return promoted


@step
def orphaned(t, seats, owners):
    """Write down who leaves in month t; returns whether one of them owns open opportunities."""
    found = False
    for i in range(seats.shape[0]):
        owners.leaving[i + 1] = 1 if seats[i].leaves == t else 0
        found = found or (seats[i].leaves == t and owners.owned[i] > 0.0)
    return found


@step
def end_month(t, leavers, firm, groups, seats, teams, draw, out_group):
    """Credit managers, rate everybody at the end of a fiscal year and of the plan, and seat who follows on leavers."""
    credit_managers(t, groups, seats, teams)
    year_ends = fiscal_months(t + 1, firm) == 0 or t + 1 == firm.months
    if leavers == 0 and not year_ends:
        return
    months = fiscal_months(t, firm) + 1
    for i in range(seats.shape[0]):
        seat = seats[i]
        if seat.starts <= t and seat.leaves == NEVER:
            if year_ends:
                rate_seat(seat, groups[seat.group], months, out_group[seat.group])
                begin_year(seat)
        elif seat.leaves == t and seat.next_starts != _NOBODY:
            seat.occupant += 1
            internal = seat.next_internal
            fill(seat, groups[seat.group], seat.next_starts, draw)
            seat.internal = internal
