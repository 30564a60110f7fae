"""The seats of one path: what is known of each, and of the groups, pools and teams that they make up."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simengine.kernel.jit import allocating, step
from simengine.kernel.tables import Band, BandKind, Calendar, Cell, Group, Seat

YEAR = 12
_KINDS = int(BandKind.DEAL)
"""Kinds of bands that belong to groups."""

OCCUPANT, STARTS, LEAVES, EXISTING, INTERNAL, RATED_BELOW, WORKED = 0, 1, 2, 3, 4, 5, 6
NEVER_RAMPS, READY, NEXT_STARTS, NEXT_INTERNAL = 7, 8, 9, 10
STATES = 11
"""Columns of `state`.

OCCUPANT: number of the present or next one. STARTS: their first month. LEAVES: NEVER, or the month at whose end they
leave. EXISTING: 1 if they were there before the plan. INTERNAL: 1 if promoted into the seat. RATED_BELOW: 1 in the
fiscal year after one with a missed quota. WORKED: months worked in this fiscal year. READY: for promotion. NEXT_STARTS:
of a seat whose occupant leaves this month, when the next one starts; NOBODY if none does.
"""
BEFORE, RAMP_MONTHS, PRODUCTIVITY, LIFE, CAREER, QUOTA, BOOKED, ANNUAL_QUOTA, DRAW = 0, 1, 2, 3, 4, 5, 6, 7, 8
TRAITS = 9
"""Columns of `traits`.

BEFORE: tenure at the start. LIFE, CAREER: cumulated hazard that is left until they leave, or are ready for promotion;
negative: not drawn yet. QUOTA, BOOKED: of this fiscal year so far. DRAW: guaranteed commission of the month that is not
earned yet.
"""
TEAM_QUOTA, TEAM_MANAGERS, TEAM_BOOKED = 0, 1, 2
_TEAM = 3
"""Columns of `teams`, all of the present month."""
NOBODY = -1


class Crew(NamedTuple):
    """The seats of one path."""

    state: Any
    """int64 (seat, column)."""
    traits: Any
    """float64 (seat, column)."""
    ease: Any
    """(seat,): 1 over its room in the month; 0 where nobody works, or is worked for before their first day."""
    owned: Any
    """(seat,): load of the open opportunities that the seat owns."""
    service: Any
    """(group,): customers, or ARR, that the group can look after in the month."""
    hours: Any
    """(budget,): hours of the month, and what is left of them."""
    sellers: Any
    """(segment,): ramped sellers of average productivity at work in the month."""
    potential: Any
    """(pool,): potential of a territory over the mean of its segment's in the month; 1 of other pools."""
    teams: Any
    """(team, column)."""
    first_seat: Any
    """(group + 1,): where a group's seats begin."""
    spans: Any
    """(group, kind, 2): where its bands of a kind begin and end."""


@allocating
def open_crew(tables):
    """The crew of a plan, with what is the same on every path filled in."""
    groups, cells = tables.groups, tables.cells
    n_groups, n_seats, n_budgets, n_teams = groups.shape[0], tables.seats.shape[0], 0, 0
    for g in range(n_groups):
        n_budgets = max(n_budgets, groups[g, Group.BUDGET] + 1)
        n_teams = max(n_teams, groups[g, Group.TEAM] + 1, groups[g, Group.QUOTA_OF_TEAM] + 1)
    for c in range(cells.shape[0]):
        n_budgets = max(n_budgets, cells[c, Cell.BUDGET] + 1, cells[c, Cell.QUALIFIED_BY] + 1)
    crew = Crew(
        np.empty((n_seats, STATES), np.int64),
        np.empty((n_seats, TRAITS)),
        np.empty(n_seats),
        np.empty(n_seats),
        np.empty(n_groups),
        np.empty(n_budgets),
        np.empty(tables.segments.shape[0]),
        np.ones(tables.pools.shape[0]),
        np.empty((n_teams, _TEAM)),
        np.zeros(n_groups + 1, np.int64),
        np.zeros((n_groups, _KINDS, 2), np.int64),
    )
    for seat in range(n_seats):
        crew.first_seat[tables.seats[seat, Seat.GROUP] + 1] += 1
    for g in range(n_groups):
        crew.first_seat[g + 1] += crew.first_seat[g]
    for b in range(tables.bands.shape[0]):
        owner, kind = tables.bands[b, Band.OWNER], tables.bands[b, Band.KIND]
        if kind != BandKind.DEAL:
            if crew.spans[owner, kind, 1] == 0:
                crew.spans[owner, kind, 0] = b
            crew.spans[owner, kind, 1] = b + 1
    return crew


@step
def level(g, kind, before, tenure, crew, tables, value):
    """What the group's bands of a kind say at a tenure in months; `before` the first of them."""
    found = before
    for b in range(crew.spans[g, kind, 0], crew.spans[g, kind, 1]):
        if value[tables.bands[b, Band.FROM]] > tenure:
            break
        found = value[tables.bands[b, Band.TIMES]]
    return found


@step
def integral(g, kind, before, low, high, crew, tables, value):
    """∫ of `level` over tenures from `low` to `high`."""
    total, found, since = 0.0, before, low
    for b in range(crew.spans[g, kind, 0], crew.spans[g, kind, 1]):
        start = min(max(value[tables.bands[b, Band.FROM]], low), high)
        total += found * (start - since)
        found, since = value[tables.bands[b, Band.TIMES]], start
    return total + found * (high - since)


@step
def works(t, seat, crew):
    """Whether somebody works on a seat in month t."""
    return crew.state[seat, STARTS] <= t <= crew.state[seat, LEAVES]


@step
def fiscal_months(t, tables):
    """Months of the fiscal year before month t, as far as they lie in the plan."""
    calendar = tables.calendar
    return min(t, (calendar[Calendar.START] + t - calendar[Calendar.FISCAL_START]) % YEAR)


@step
def clear(array):
    """Set every entry of a vector to zero."""
    for i in range(array.shape[0]):
        array[i] = 0.0
