"""Quotas, what counts towards them, and what they pay (steps 1 and 4)."""

from __future__ import annotations

from simengine.kernel.bands import level
from simengine.kernel.jit import inlined, step

_YEAR = 12
_ROUNDING = 1e-9
"""So that twelve twelfths of a quota are the quota."""


@inlined
def works(t, seat):
    """Whether somebody works on a seat in month t."""
    return seat.starts <= t <= seat.leaves


@inlined
def begin_year(seat):
    """Quota, bookings and months worked count from zero again."""
    seat.quota = 0.0
    seat.booked = 0.0
    seat.worked = 0


@step
def weigh_territories(segments, pools):
    """Each territory's potential over the mean of its segment's."""
    for s in range(segments.shape[0]):
        first, count = segments[s].first_pool, segments[s].pools
        total = 0.0
        for p in range(first, first + count):
            if pools[p].territory == 1:
                total += pools[p].potential
        for p in range(first, first + count):
            pools[p].weight = pools[p].potential * count / total if total > 0.0 else 1.0


@inlined
def give_quota(seat, group, tenure, share, pools, bands, teams, out):
    """Add the month's part of the occupant's own quota, and what their commission is sure to pay."""
    seat.draw = 0.0
    if tenure < group.draw_months:
        seat.draw = group.draw_share * group.variable / _YEAR
        out.commission += seat.draw
    annual = group.quota
    if seat.pool >= 0:
        annual *= pools[seat.pool].weight
    seat.annual_quota = annual
    if annual <= 0.0:
        return
    quota = annual / _YEAR * level(group.quotas, group.last_quota, 1.0, tenure, bands)
    if group.relief == 1:
        quota *= share
    seat.quota += quota
    out.quota += quota
    if group.team >= 0 and group.sells == 1:
        teams[group.team].quota += quota


@step
def give_team_quotas(t, groups, seats, teams, out_group):
    """Managers of a team at work share the quotas of its sellers."""
    for g in range(groups.shape[0]):
        group = groups[g]
        if group.quota_of_team >= 0:
            team = teams[group.quota_of_team]
            for i in range(group.first_seat, group.last_seat):
                if works(t, seats[i]):
                    quota = team.quota / team.managers
                    seats[i].quota += quota
                    out_group[g].quota += quota


@inlined
def credit(t, seat, group, amount, firm, teams, out):
    """Credit the bookings of a deal to the seat that owns it: to its group, its team and its occupant.

    They earn commission, at a multiple of the rate on what lies above the accelerator; a draw is earned first.
    """
    out.credited += amount
    if group.team >= 0:
        teams[group.team].booked += amount
    if not works(t, seat):
        return
    booked = seat.booked
    seat.booked = booked + amount
    if group.variable > 0.0 and group.quota > 0.0:
        below = min(max(firm.accelerator_above * seat.annual_quota - booked, 0.0), amount)
        earned = group.variable / group.quota * (below + firm.accelerator_rate * (amount - below))
        drawn = min(seat.draw, earned)
        seat.draw -= drawn
        out.commission += earned - drawn


@step
def credit_managers(t, groups, seats, teams):
    """Credit what each team has booked in the month to its managers at work, in equal parts."""
    for g in range(groups.shape[0]):
        group = groups[g]
        if group.quota_of_team >= 0:
            team = teams[group.quota_of_team]
            for i in range(group.first_seat, group.last_seat):
                if works(t, seats[i]):
                    seats[i].booked += team.booked / team.managers


@step
def rate_seat(seat, group, months, out):
    """Rate an occupant who stays by bookings over quota of a fiscal year with `months` months in the plan."""
    seat.rated_below = 0
    if 2 * seat.worked < months or seat.quota <= 0.0:
        return
    attainment = seat.booked / seat.quota + _ROUNDING
    out.rated += 1.0
    if attainment >= 1.0:
        out.at_quota += 1.0
    if 0.7 <= attainment < 0.8:
        out.near_quota += 1.0
    if attainment < 0.5:
        out.below_half += 1.0
    if attainment < group.missed_below:
        seat.rated_below = 1
