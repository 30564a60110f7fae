"""Quotas, what counts towards them, and what they pay (steps 1 and 4)."""

from __future__ import annotations

from simengine.kernel.crew import (
    ANNUAL_QUOTA,
    BOOKED,
    DRAW,
    QUOTA,
    RATED_BELOW,
    TEAM_BOOKED,
    TEAM_MANAGERS,
    TEAM_QUOTA,
    WORKED,
    YEAR,
    level,
    works,
)
from simengine.kernel.jit import step
from simengine.kernel.tables import BandKind, Calendar, Group, GroupOut, Pool, Seat, Segment

_ROUNDING = 1e-9
"""So that twelve twelfths of a quota are the quota."""


@step
def begin_year(seat, crew):
    """Quota, bookings and months worked count from zero again."""
    crew.traits[seat, QUOTA] = crew.traits[seat, BOOKED] = 0.0
    crew.state[seat, WORKED] = 0


@step
def weigh_territories(crew, tables, value):
    """Each territory's potential over the mean of its segment's."""
    pools = tables.pools
    for s in range(tables.segments.shape[0]):
        first, count = tables.segments[s, Segment.FIRST_POOL], tables.segments[s, Segment.POOLS]
        total = 0.0
        for p in range(first, first + count):
            if pools[p, Pool.TERRITORY] == 1:
                total += value[pools[p, Pool.POTENTIAL]]
        for p in range(first, first + count):
            crew.potential[p] = value[pools[p, Pool.POTENTIAL]] * count / total if total > 0.0 else 1.0


@step
def give_quota(t, seat, g, tenure, share, crew, tables, value, out_group):
    """Add the month's part of the occupant's own quota, and what their commission is sure to pay."""
    groups, traits = tables.groups, crew.traits
    traits[seat, DRAW] = 0.0
    if tenure < groups[g, Group.DRAW_MONTHS]:
        traits[seat, DRAW] = value[groups[g, Group.DRAW_SHARE]] * value[groups[g, Group.VARIABLE]] / YEAR
        out_group[GroupOut.COMMISSION, t, g] += traits[seat, DRAW]
    annual, pool = value[groups[g, Group.QUOTA]], tables.seats[seat, Seat.POOL]
    if pool >= 0:
        annual *= crew.potential[pool]
    traits[seat, ANNUAL_QUOTA] = annual
    if annual <= 0.0:
        return
    quota = annual / YEAR * level(g, BandKind.QUOTA, 1.0, tenure, crew, tables, value)
    if groups[g, Group.RELIEF] == 1:
        quota *= share
    traits[seat, QUOTA] += quota
    out_group[GroupOut.QUOTA, t, g] += quota
    team = groups[g, Group.TEAM]
    if team >= 0 and groups[g, Group.SELLS] == 1:
        crew.teams[team, TEAM_QUOTA] += quota


@step
def give_team_quotas(t, crew, tables, out_group):
    """Managers of a team at work share the quotas of its sellers."""
    for g in range(tables.groups.shape[0]):
        team = tables.groups[g, Group.QUOTA_OF_TEAM]
        if team >= 0:
            managers = crew.teams[team, TEAM_MANAGERS]
            for seat in range(crew.first_seat[g], crew.first_seat[g + 1]):
                if works(t, seat, crew):
                    quota = crew.teams[team, TEAM_QUOTA] / managers
                    crew.traits[seat, QUOTA] += quota
                    out_group[GroupOut.QUOTA, t, g] += quota


@step
def credit(t, seat, amount, crew, tables, value, out_group):
    """Credit the bookings of a deal to the seat that owns it: to its group, its team and its occupant.

    They earn commission, at a multiple of the rate on what lies above the accelerator; a draw is earned first.
    """
    groups, traits, g = tables.groups, crew.traits, tables.seats[seat, Seat.GROUP]
    out_group[GroupOut.CREDITED, t, g] += amount
    if groups[g, Group.TEAM] >= 0:
        crew.teams[groups[g, Group.TEAM], TEAM_BOOKED] += amount
    if not works(t, seat, crew):
        return
    booked = traits[seat, BOOKED]
    traits[seat, BOOKED] = booked + amount
    variable, quota = value[groups[g, Group.VARIABLE]], value[groups[g, Group.QUOTA]]
    if variable > 0.0 and quota > 0.0:
        limit = value[tables.calendar[Calendar.ACCELERATOR_ABOVE]] * traits[seat, ANNUAL_QUOTA]
        below = min(max(limit - booked, 0.0), amount)
        times = value[tables.calendar[Calendar.ACCELERATOR_RATE]]
        earned = variable / quota * (below + times * (amount - below))
        drawn = min(traits[seat, DRAW], earned)
        traits[seat, DRAW] -= drawn
        out_group[GroupOut.COMMISSION, t, g] += earned - drawn


@step
def credit_managers(t, crew, tables):
    """Credit what each team has booked in the month to its managers at work, in equal parts."""
    for g in range(tables.groups.shape[0]):
        team = tables.groups[g, Group.QUOTA_OF_TEAM]
        if team >= 0:
            for seat in range(crew.first_seat[g], crew.first_seat[g + 1]):
                if works(t, seat, crew):
                    crew.traits[seat, BOOKED] += crew.teams[team, TEAM_BOOKED] / crew.teams[team, TEAM_MANAGERS]


@step
def rate_seat(t, seat, g, months, crew, tables, value, out_group):
    """Rate an occupant who stays by bookings over quota of a fiscal year with `months` months in the plan."""
    state, traits = crew.state, crew.traits
    state[seat, RATED_BELOW] = 0
    if 2 * state[seat, WORKED] < months or traits[seat, QUOTA] <= 0.0:
        return
    attainment = traits[seat, BOOKED] / traits[seat, QUOTA] + _ROUNDING
    out_group[GroupOut.RATED, t, g] += 1.0
    if attainment >= 1.0:
        out_group[GroupOut.AT_QUOTA, t, g] += 1.0
    if 0.7 <= attainment < 0.8:
        out_group[GroupOut.NEAR_QUOTA, t, g] += 1.0
    if attainment < 0.5:
        out_group[GroupOut.BELOW_HALF, t, g] += 1.0
    state[seat, RATED_BELOW] = attainment < value[tables.groups[g, Group.MISSED_BELOW]]
