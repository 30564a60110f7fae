"""Step 1: people. Seats are filled late, ramp, work, are left and filled again, or by promotion."""

from __future__ import annotations

import numpy as np

from simengine.kernel.crew import (
    BEFORE,
    CAREER,
    EXISTING,
    INTERNAL,
    LEAVES,
    LIFE,
    NEVER_RAMPS,
    NEXT_INTERNAL,
    NEXT_STARTS,
    NOBODY,
    OCCUPANT,
    PRODUCTIVITY,
    RAMP_MONTHS,
    RATED_BELOW,
    READY,
    STARTS,
    TEAM_MANAGERS,
    WORKED,
    clear,
    fiscal_months,
    integral,
    level,
    works,
)
from simengine.kernel.jit import step
from simengine.kernel.quotas import (
    begin_year,
    credit_managers,
    give_quota,
    give_team_quotas,
    rate_seat,
    weigh_territories,
)
from simengine.kernel.random import (
    NEVER,
    ONCE,
    PERSON,
    PROMOTION,
    START,
    TENURE,
    exponential,
    lognormal_factor,
    uniforms,
    whole_months,
)
from simengine.kernel.tables import BandKind, Calendar, Group, GroupOut, Pool, PoolOut, Seat, SegmentOut, Shape

_UNLIMITED_ROOM = 1e6
_NOT_DRAWN = -1.0
_NOBODY_PROMOTED, _OUT_OF_THE_PLAN = -1, -2


@step
def ramp_share(seat, g, tenure, crew, tables, value):
    """Share of a full workload at a tenure in months (mid-month; negative before the first day).

    What is booked at a tenure x by a bookings ramp r, with a cycle of c months, was begun c months before, so the work
    open at the end of the month is w = (1/c) ∫ r over x … x + c (Little, *A proof for the queuing formula*, 1961).
    """
    shape, months = tables.groups[g, Group.SHAPE], crew.traits[seat, RAMP_MONTHS]
    share = 1.0
    if shape == Shape.BOOKINGS:
        cycle = value[tables.groups[g, Group.RAMP]]
        if cycle <= 0.0:
            share = level(g, BandKind.BOOKINGS, 0.0, tenure, crew, tables, value)
        else:
            x = tenure + 0.5
            share = integral(g, BandKind.BOOKINGS, 0.0, x, x + cycle, crew, tables, value) / cycle
    elif shape != Shape.NONE and tenure < months:
        y = tenure / months
        if shape == Shape.STEP:
            share = 0.0
        elif shape == Shape.LINEAR:
            share = y
        else:
            share = y * y * (3.0 - 2.0 * y)
    if crew.state[seat, NEVER_RAMPS] == 1:
        share = min(share, value[tables.groups[g, Group.NEVER_LEVEL]])
    return share


@step
def fill(seat, start, crew, tables, value, draw):
    """Seat the next occupant from month `start` on: how they ramp and how good they are."""
    groups, g = tables.groups, tables.seats[seat, Seat.GROUP]
    state, traits = crew.state, crew.traits
    key, occupant = groups[g, Group.KEY], state[seat, OCCUPANT]
    ordinal, planned = tables.seats[seat, Seat.ORDINAL], tables.seats[seat, Seat.PLANNED]
    existing = planned == 0 and occupant == 0
    state[seat, STARTS] = start
    state[seat, LEAVES] = NEVER
    state[seat, EXISTING] = existing
    state[seat, INTERNAL] = 0
    state[seat, RATED_BELOW] = 0
    state[seat, NEVER_RAMPS] = 0
    state[seat, READY] = 0
    traits[seat, BEFORE] = value[groups[g, Group.TENURE]] if existing else 0.0
    traits[seat, LIFE] = traits[seat, CAREER] = _NOT_DRAWN
    begin_year(seat, crew)
    ramp, spread = value[groups[g, Group.RAMP]], value[groups[g, Group.RAMP_SIGMA]]
    productivity_spread = value[groups[g, Group.PRODUCTIVITY_SIGMA]]
    traits[seat, RAMP_MONTHS], traits[seat, PRODUCTIVITY] = ramp, 1.0
    if productivity_spread > 0.0 or (ramp > 0.0 and spread > 0.0):
        u_productivity, u_ramp = uniforms(tables.keys, key, draw, ordinal, planned, PERSON, occupant)
        traits[seat, PRODUCTIVITY] = lognormal_factor(productivity_spread, u_productivity)
        traits[seat, RAMP_MONTHS] = ramp * lognormal_factor(spread, u_ramp)
    share = value[groups[g, Group.NEVER_SHARE]]
    if share > 0.0:
        _, u_never = uniforms(tables.keys, key, draw, ordinal, planned, PROMOTION, occupant)
        state[seat, NEVER_RAMPS] = u_never < share


@step
def fill_first(seat, crew, tables, value, draw):
    """Seat the first occupant: existing people at once, hires after their delay."""
    groups, g = tables.groups, tables.seats[seat, Seat.GROUP]
    planned = tables.seats[seat, Seat.PLANNED]
    crew.state[seat, OCCUPANT] = 0
    crew.owned[seat] = 0.0
    start = 0
    if planned > 0:
        start = planned - tables.calendar[Calendar.START]
        delay = value[groups[g, Group.CLIMATE]] * value[groups[g, Group.DELAY]]
        if delay > 0.0:
            u_size, u_round = uniforms(
                tables.keys, groups[g, Group.KEY], draw, tables.seats[seat, Seat.ORDINAL], planned, START, ONCE
            )
            start += whole_months(delay, value[groups[g, Group.DELAY_SIGMA]], u_size, u_round)
    fill(seat, start, crew, tables, value, draw)


@step
def frozen(t, tables, value, out_segment):
    """Whether bookings of the fiscal year so far are so far behind the operating plan that nobody is hired."""
    calendar = tables.calendar
    months = fiscal_months(t, tables)
    if calendar[Calendar.FREEZE_AFTER] < 0 or months < calendar[Calendar.FREEZE_AFTER]:
        return False
    booked = planned = 0.0
    for month in range(t - months, t):
        planned += tables.planned[month]
        for s in range(tables.segments.shape[0]):
            booked += out_segment[SegmentOut.NEW_ARR, month, s] + out_segment[SegmentOut.ONE_OFF_BOOKINGS, month, s]
    return booked < (1.0 - value[calendar[Calendar.FREEZE_BEHIND]]) * planned


@step
def leaves_now(seat, g, tenure, crew, tables, value, draw):
    """Whether the occupant, of this tenure at the beginning of the month, leaves at its end: 0 no, 1 by choice, 2 not.

    A month uses up its hazard of −ln(1 − u); they leave in the month that costs more than is left (inversion of the
    cumulative hazard).
    """
    groups, traits = tables.groups, crew.traits
    voluntary, involuntary = value[groups[g, Group.VOLUNTARY]], value[groups[g, Group.INVOLUNTARY]]
    if crew.state[seat, RATED_BELOW] == 1:
        voluntary *= value[groups[g, Group.MISSED_TIMES]]
    hazard = voluntary + involuntary
    if hazard <= 0.0:
        return 0
    key, occupant = groups[g, Group.KEY], crew.state[seat, OCCUPANT]
    ordinal, planned = tables.seats[seat, Seat.ORDINAL], tables.seats[seat, Seat.PLANNED]
    if traits[seat, LIFE] < 0.0:
        u_life, _ = uniforms(tables.keys, key, draw, ordinal, planned, TENURE, occupant)
        traits[seat, LIFE] = exponential(u_life)
    cost = hazard
    if crew.spans[g, BandKind.HAZARD, 1] > 0:
        cost *= integral(g, BandKind.HAZARD, 1.0, tenure, tenure + 1.0, crew, tables, value)
    if cost <= traits[seat, LIFE]:
        traits[seat, LIFE] -= cost
        return 0
    _, u_choice = uniforms(tables.keys, key, draw, ordinal, planned, TENURE, occupant)
    return 1 if u_choice < voluntary / hazard else 2


@step
def grow(seat, g, tenure, crew, tables, value, draw):
    """Use up a month of the way to being ready for promotion."""
    groups, traits = tables.groups, crew.traits
    hazard = value[groups[g, Group.PROMOTION]]
    cost = hazard * min(1.0, max(0.0, tenure + 1.0 - value[groups[g, Group.PROMOTION_AFTER]]))
    if cost <= 0.0:
        return
    if traits[seat, CAREER] < 0.0:
        ordinal, planned = tables.seats[seat, Seat.ORDINAL], tables.seats[seat, Seat.PLANNED]
        occupant = crew.state[seat, OCCUPANT]
        u, _ = uniforms(tables.keys, groups[g, Group.KEY], draw, ordinal, planned, PROMOTION, occupant)
        traits[seat, CAREER] = exponential(u)
    if cost > traits[seat, CAREER]:
        crew.state[seat, READY] = 1
    else:
        traits[seat, CAREER] -= cost


@step
def open_rooms(t, seat, g, share, crew, tables, value, out_segment, out_pool):
    """Add a seller's room to the capacity of the pool; somebody of an unlimited role at work makes it unlimited."""
    pool = tables.seats[seat, Seat.POOL]
    if pool < 0:
        return
    unlimited = tables.groups[g, Group.UNLIMITED] == 1
    strength = share * crew.traits[seat, PRODUCTIVITY]
    room = strength * (_UNLIMITED_ROOM if unlimited else value[tables.groups[g, Group.ROOM]])
    if room > 0.0:
        crew.ease[seat] = 1.0 / room
    added = np.inf if unlimited and works(t, seat, crew) else room
    out_pool[PoolOut.CAPACITY, t, pool] += added
    out_segment[SegmentOut.CAPACITY, t, tables.pools[pool, Pool.SEGMENT]] += added


@step
def work(t, seat, g, crew, tables, value, draw, out_group, out_segment, out_pool):
    """A month of work on a seat; returns whether the occupant leaves at its end."""
    groups, state, traits = tables.groups, crew.state, crew.traits
    tenure = t - state[seat, STARTS] + traits[seat, BEFORE]
    share = ramp_share(seat, g, tenure + 0.5, crew, tables, value)
    strength = share * traits[seat, PRODUCTIVITY]
    state[seat, WORKED] += 1
    out_group[GroupOut.WORKING, t, g] += 1.0
    out_group[GroupOut.RAMPED, t, g] += share
    give_quota(t, seat, g, tenure + 0.5, share, crew, tables, value, out_group)
    open_rooms(t, seat, g, share, crew, tables, value, out_segment, out_pool)
    if groups[g, Group.SELLS] == 1:
        crew.sellers[groups[g, Group.SEGMENT]] += strength
    if groups[g, Group.BUDGET] >= 0:
        crew.hours[groups[g, Group.BUDGET]] += value[groups[g, Group.HOURS]] * strength
    if groups[g, Group.SERVES] != 0:
        crew.service[g] += value[groups[g, Group.CARRIES]] * strength
    if groups[g, Group.QUOTA_OF_TEAM] >= 0:
        crew.teams[groups[g, Group.QUOTA_OF_TEAM], TEAM_MANAGERS] += 1.0
    if groups[g, Group.PROMOTED_INTO] != _NOBODY_PROMOTED and state[seat, READY] == 0:
        grow(seat, g, tenure, crew, tables, value, draw)
    reason = leaves_now(seat, g, tenure, crew, tables, value, draw)
    if reason == 0:
        out_group[GroupOut.HEADCOUNT, t, g] += 1.0
        return False
    out_group[GroupOut.LEAVERS, t, g] += 1.0
    if reason == 2:
        out_group[GroupOut.INVOLUNTARY, t, g] += 1.0
    leave(t, seat, crew, tables, value, draw)
    return True


@step
def leave(t, seat, crew, tables, value, draw):
    """The occupant leaves at the end of month t: when, if ever, the next one starts."""
    groups, g = tables.groups, tables.seats[seat, Seat.GROUP]
    state = crew.state
    state[seat, LEAVES] = t
    state[seat, NEXT_INTERNAL] = 0
    state[seat, NEXT_STARTS] = NOBODY
    if groups[g, Group.BACKFILL] == 1:
        state[seat, NEXT_STARTS] = t + 1
        lag = value[groups[g, Group.CLIMATE]] * value[groups[g, Group.LAG]]
        if lag > 0.0:
            ordinal, planned = tables.seats[seat, Seat.ORDINAL], tables.seats[seat, Seat.PLANNED]
            _, u_round = uniforms(
                tables.keys, groups[g, Group.KEY], draw, ordinal, planned, START, state[seat, OCCUPANT] + 1
            )
            state[seat, NEXT_STARTS] += whole_months(lag, 0.0, 0.5, u_round)


@step
def take_seat(t, seat, g, no_hires, crew, tables, out_group):
    """Somebody is due to start: they do, or a hiring freeze puts them off for a month."""
    state = crew.state
    if state[seat, EXISTING] == 1:
        return
    may_freeze = state[seat, OCCUPANT] == 0 or tables.calendar[Calendar.FREEZE_BACKFILLS] == 1
    if no_hires and may_freeze and state[seat, INTERNAL] == 0:
        state[seat, STARTS] += 1
        out_group[GroupOut.FROZEN, t, g] += 1.0
        return
    out_group[GroupOut.STARTS, t, g] += 1.0
    if state[seat, INTERNAL] == 0:
        out_group[GroupOut.RECRUITED, t, g] += 1.0


@step
def begin_month(t, crew, tables, value, draw, out_group, out_segment, out_pool):
    """One month of all seats: who starts, works and leaves, and what they have room for; returns how many leave."""
    groups, state = tables.groups, crew.state
    for array in (crew.ease, crew.service, crew.hours, crew.sellers):
        clear(array)
    for team in range(crew.teams.shape[0]):
        clear(crew.teams[team])
    weigh_territories(crew, tables, value)
    no_hires = frozen(t, tables, value, out_segment)
    leavers = 0
    for g in range(groups.shape[0]):
        for seat in range(crew.first_seat[g], crew.first_seat[g + 1]):
            if state[seat, LEAVES] < t:
                continue
            if state[seat, STARTS] == t:
                take_seat(t, seat, g, no_hires, crew, tables, out_group)
            if state[seat, STARTS] <= t:
                leavers += work(t, seat, g, crew, tables, value, draw, out_group, out_segment, out_pool)
            elif groups[g, Group.SHAPE] == Shape.BOOKINGS:
                share = ramp_share(seat, g, t - state[seat, STARTS] + 0.5, crew, tables, value)
                open_rooms(t, seat, g, share, crew, tables, value, out_segment, out_pool)
    if crew.teams.shape[0] > 0:
        give_team_quotas(t, crew, tables, out_group)
    return leavers


@step
def open_seat(t, g, crew, tables):
    """First seat of a group that nobody is on after month t and whose next start is later than t + 1; else NOBODY."""
    state = crew.state
    for seat in range(crew.first_seat[g], crew.first_seat[g + 1]):
        if tables.seats[seat, Seat.PLANNED] <= tables.calendar[Calendar.START] + t + 1:
            if state[seat, LEAVES] == t:
                if state[seat, NEXT_STARTS] > t + 1:
                    return seat
            elif state[seat, LEAVES] > t and state[seat, STARTS] > t + 1:
                return seat
    return NOBODY


@step
def promote(t, crew, tables, value, draw, out_group):
    """Those ready for promotion at the end of month t move to an open seat, or out; returns how many do."""
    groups, state = tables.groups, crew.state
    promoted = 0
    for g in range(groups.shape[0]):
        into = groups[g, Group.PROMOTED_INTO]
        if into == _NOBODY_PROMOTED:
            continue
        for seat in range(crew.first_seat[g], crew.first_seat[g + 1]):
            if state[seat, READY] == 0 or state[seat, STARTS] > t or state[seat, LEAVES] != NEVER:
                continue
            if into != _OUT_OF_THE_PLAN:
                target = open_seat(t, into, crew, tables)
                if target == NOBODY:
                    break
                if state[target, LEAVES] == t:
                    state[target, NEXT_STARTS], state[target, NEXT_INTERNAL] = t + 1, 1
                else:
                    state[target, STARTS], state[target, INTERNAL] = t + 1, 1
            promoted += 1
            leave(t, seat, crew, tables, value, draw)
            out_group[GroupOut.HEADCOUNT, t, g] -= 1.0
            out_group[GroupOut.LEAVERS, t, g] += 1.0
            out_group[GroupOut.PROMOTED, t, g] += 1.0
    return promoted


@step
def end_month(t, leavers, crew, tables, value, draw, out_group):
    """Credit managers, rate everybody at the end of a fiscal year and of the plan, and seat who follows on leavers."""
    state = crew.state
    if crew.teams.shape[0] > 0:
        credit_managers(t, crew, tables)
    year_ends = fiscal_months(t + 1, tables) == 0
    if leavers == 0 and not year_ends and t + 1 < tables.calendar[Calendar.MONTHS]:
        return
    months = fiscal_months(t, tables) + 1
    for seat in range(tables.seats.shape[0]):
        if state[seat, STARTS] <= t and state[seat, LEAVES] == NEVER:
            if year_ends or t + 1 == tables.calendar[Calendar.MONTHS]:
                rate_seat(t, seat, tables.seats[seat, Seat.GROUP], months, crew, tables, value, out_group)
                begin_year(seat, crew)
        elif state[seat, LEAVES] == t and state[seat, NEXT_STARTS] != NOBODY:
            state[seat, OCCUPANT] += 1
            internal = state[seat, NEXT_INTERNAL]
            fill(seat, state[seat, NEXT_STARTS], crew, tables, value, draw)
            state[seat, INTERNAL] = internal
