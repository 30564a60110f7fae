"""Step 1: people. Seats are filled late, ramp, leave and are filled again."""

from __future__ import annotations

import math

import numpy as np

from simengine.kernel.jit import step
from simengine.kernel.random import (
    NEVER,
    PERSON,
    START,
    TENURE,
    exponential,
    lognormal_factor,
    uniforms,
    whole_months,
)
from simengine.kernel.tables import Calendar, Group, GroupOut, Seat, SegmentOut, Shape

_EARLY_MONTHS = 6.0

OCCUPANT, STARTS, LEAVES = 0, 1, 2
"""Columns of a seat's state: number of the occupant, first month, last month."""
BEFORE, RAMP_MONTHS, PRODUCTIVITY = 0, 1, 2
"""Columns of its occupant's traits: tenure at the start, length of the ramp, productivity."""


@step
def months_until_leaving(hazard, early, before, u):
    """Months from the start until someone with tenure `before` leaves: solves H(x) − H(before) = −ln(1 − u).

    H(x) = h · (k min(x, 6) + max(0, x − 6)), h the monthly hazard and k its multiple in the first six months.
    """
    left = exponential(u)
    early_left = max(0.0, _EARLY_MONTHS - before)
    in_early = hazard * early * early_left
    if left <= in_early:
        return left / (hazard * early)
    if hazard <= 0.0:
        return np.inf
    return early_left + (left - in_early) / hazard


@step
def workload_share(shape, ramp_months, tenure):
    """Share of a full workload at a tenure in months."""
    if shape == Shape.NONE or tenure >= ramp_months:
        return 1.0
    if shape == Shape.STEP:
        return 0.0
    y = tenure / ramp_months
    return y if shape == Shape.LINEAR else y * y * (3.0 - 2.0 * y)


@step
def fill(seat, state, traits, start, tables, value, draw):
    """Seat the next occupant from month `start` on: how they ramp, how good they are, when they leave."""
    groups, g = tables.groups, tables.seats[seat, Seat.GROUP]
    key = groups[g, Group.KEY]
    ordinal, planned = tables.seats[seat, Seat.ORDINAL], tables.seats[seat, Seat.PLANNED]
    occupant = state[seat, OCCUPANT]
    u_productivity, u_ramp = uniforms(tables.keys, key, draw, ordinal, planned, PERSON, occupant)
    traits[seat, PRODUCTIVITY] = lognormal_factor(value[groups[g, Group.PRODUCTIVITY_SIGMA]], u_productivity)
    traits[seat, RAMP_MONTHS] = value[groups[g, Group.RAMP]] * lognormal_factor(
        value[groups[g, Group.RAMP_SIGMA]], u_ramp
    )
    before = value[groups[g, Group.TENURE]] if planned == 0 and occupant == 0 else 0.0
    traits[seat, BEFORE] = before
    state[seat, STARTS] = start
    state[seat, LEAVES] = NEVER
    hazard = value[groups[g, Group.HAZARD]]
    if hazard > 0.0:
        u_life, _ = uniforms(tables.keys, key, draw, ordinal, planned, TENURE, occupant)
        stay = months_until_leaving(hazard, value[groups[g, Group.EARLY]], before, u_life)
        if stay < NEVER:
            state[seat, LEAVES] = start + math.floor(stay)


@step
def fill_first(state, traits, tables, value, draw):
    """Seat the first occupant of every seat: existing people at once, hires after their delay."""
    for seat in range(tables.seats.shape[0]):
        groups, g = tables.groups, tables.seats[seat, Seat.GROUP]
        planned = tables.seats[seat, Seat.PLANNED]
        state[seat, OCCUPANT] = 0
        start = 0
        if planned > 0:
            key = groups[g, Group.KEY]
            u_size, u_round = uniforms(tables.keys, key, draw, tables.seats[seat, Seat.ORDINAL], planned, START, 0)
            delay = whole_months(value[groups[g, Group.DELAY]], value[groups[g, Group.DELAY_SIGMA]], u_size, u_round)
            start = planned - tables.calendar[Calendar.START] + delay
        fill(seat, state, traits, start, tables, value, draw)


@step
def work_month(t, state, traits, tables, value, draw, out_group, out_segment):
    """One month of all seats: counts people and adds up each segment's capacity; refills seats left at its end."""
    capacity = out_segment[SegmentOut.CAPACITY, t]
    for seat in range(tables.seats.shape[0]):
        if not state[seat, STARTS] <= t <= state[seat, LEAVES]:
            continue
        groups, g = tables.groups, tables.seats[seat, Seat.GROUP]
        planned = tables.seats[seat, Seat.PLANNED]
        if t == state[seat, STARTS] and (planned > 0 or state[seat, OCCUPANT] > 0):
            out_group[GroupOut.STARTS, t, g] += 1.0
        tenure = t - state[seat, STARTS] + traits[seat, BEFORE] + 0.5
        share = workload_share(groups[g, Group.SHAPE], traits[seat, RAMP_MONTHS], tenure)
        out_group[GroupOut.WORKING, t, g] += 1.0
        out_group[GroupOut.RAMPED, t, g] += share
        if groups[g, Group.SELLS] == 1:
            if groups[g, Group.UNLIMITED] == 1:
                capacity[groups[g, Group.SEGMENT]] = np.inf
            else:
                places = value[groups[g, Group.PLACES]] * share * traits[seat, PRODUCTIVITY]
                capacity[groups[g, Group.SEGMENT]] += places
        if t < state[seat, LEAVES]:
            out_group[GroupOut.HEADCOUNT, t, g] += 1.0
            continue
        out_group[GroupOut.LEAVERS, t, g] += 1.0
        if groups[g, Group.BACKFILL] == 1:
            state[seat, OCCUPANT] += 1
            key = groups[g, Group.KEY]
            _, u_round = uniforms(
                tables.keys, key, draw, tables.seats[seat, Seat.ORDINAL], planned, START, state[seat, OCCUPANT]
            )
            fill(
                seat,
                state,
                traits,
                t + 1 + whole_months(value[groups[g, Group.LAG]], 0.0, 0.5, u_round),
                tables,
                value,
                draw,
            )
