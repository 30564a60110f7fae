"""Seat groups, seats, pools and what changes with tenure, as tables of the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simengine.errors import SimengineError
from simengine.kernel.tables import MOST_SEATS, BandKind, Group, Pool, Seat, Shape
from simengine.plan.fields import ONE, ZERO
from simengine.plan.people import Capacity, Ramp, Role, SeatGroup, Team
from simengine.plan.scalars import Quantity
from simengine.simulation.slots import Column, Keys, Slots, Table, table

_SHAPES = {"linear": Shape.LINEAR, "s-curve": Shape.S_CURVE, "step": Shape.STEP}
_QUARTER = 3
BandRow = tuple[int, int, int, int, int]
_NONE, _OUT_OF_THE_PLAN = -1, -2
_RENEWAL, _EXPANSION, _IN_ARR = 1, 2, 4


class Names(NamedTuple):
    """Rows of the kernel's tables by what they are called."""

    segments: Sequence[str]
    groups: Sequence[str]
    teams: Sequence[str]
    budgets: Sequence[str]
    """Roles whose hours are shared out."""

    def group(self, name: str | None) -> int:
        """Row of a seat group; -1 for none."""
        return _NONE if name is None else self.groups.index(name)

    def budget(self, role: str | None) -> int:
        """Row of a role's hours; -1 for none."""
        return self.budgets.index(role) if role in self.budgets else _NONE


def group_row(group: SeatGroup, team: Team, names: Names, slots: Slots, keys: Keys) -> list[int]:
    """Columns of `Group`."""
    role = team.roles[group.role]
    ramp, attrition, promotion = role.ramp or Ramp(), role.attrition, role.promotion
    never, missed, draw = ramp.never, attrition and attrition.missed_quota, role.commission_draw
    own_quota = role.quota if role.sells and isinstance(role.quota, Quantity) else ZERO
    bookings = ramp.bookings is not None
    row = {
        Group.KEY: keys.add(f"group/{group.name}"),
        Group.SEGMENT: names.segments.index(group.segment) if group.segment else _NONE,
        Group.SELLS: int(role.sells),
        Group.UNLIMITED: int(role.capacity == "unlimited"),
        Group.BACKFILL: int(role.backfill.policy == "always"),
        Group.RAMP_SHAPE: Shape.BOOKINGS if bookings else _SHAPES[ramp.shape] if ramp.workload else Shape.NONE,
        Group.BUDGET: names.budget(group.role),
        Group.SERVES: _serves(role),
        Group.PROMOTED_INTO: _into(role, names),
        Group.RELIEF: int(role.quota_relief == "ramp"),
        Group.QUOTA_OF_TEAM: names.teams.index(group.team) if role.quota == "team" and group.team else _NONE,
        Group.TEAM: names.teams.index(group.team) if group.team else _NONE,
        Group.DRAW_MONTHS: draw.months if draw else 0,
        Group.REASSIGNED_AFTER: role.leaver_pipeline.reassigned_after,
        Group.DELAY: slots.add(group.time_to_fill_delay),
        Group.DELAY_SIGMA: slots.sigma(group.delay_spread),
        Group.RAMP: slots.add((ramp.cycle if bookings else ramp.workload) or ZERO),
        Group.RAMP_SIGMA: slots.sigma(ZERO if bookings else ramp.spread),
        Group.NEVER_SHARE: slots.fraction(never.share if never else ZERO),
        Group.NEVER_LEVEL: slots.fraction(never.level if never else ZERO),
        Group.PRODUCTIVITY_SIGMA: slots.sigma(role.productivity_spread),
        Group.VOLUNTARY: slots.hazard(attrition.voluntary if attrition else ZERO),
        Group.INVOLUNTARY: slots.hazard(attrition.involuntary if attrition else ZERO),
        Group.PROMOTION: slots.hazard(promotion.rate if promotion else ZERO),
        Group.PROMOTION_AFTER: slots.add(promotion.after if promotion else ZERO),
        Group.MISSED_BELOW: slots.fraction(missed.below if missed else ZERO),
        Group.MISSED_TIMES: slots.add(missed.voluntary if missed else ONE),
        Group.LAG: slots.add(role.backfill.lag),
        Group.ROOM: slots.add(_room(role)),
        Group.HOURS: slots.add(role.hours or ZERO),
        Group.CARRIES: slots.add((role.carries and (role.carries.customers or role.carries.arr)) or ZERO),
        Group.LEAVER_WIN_RATE: slots.fraction(role.leaver_pipeline.win_rate),
        Group.QUOTA: slots.add(own_quota),
        Group.VARIABLE: slots.add(role.cost.variable if role.on_commission else ZERO),
        Group.DRAW_SHARE: slots.fraction(draw.share if draw else ZERO),
        Group.CLIMATE: slots.add(team.recruiting_climate),
    }
    return [int(row[column]) for column in Group]


def _serves(role: Role) -> int:
    if role.carries is None:
        return 0
    duties = role.carries.duty
    return (
        _RENEWAL * ("renewal" in duties)
        + _EXPANSION * ("expansion" in duties)
        + _IN_ARR * (role.carries.arr is not None)
    )


def _into(role: Role, names: Names) -> int:
    if role.promotion is None:
        return _NONE
    return _OUT_OF_THE_PLAN if role.promotion.into is None else names.group(role.promotion.into)


def _room(role: Role) -> Quantity:
    if not isinstance(role.capacity, Capacity):
        return ZERO
    return role.capacity.open_opportunities or role.capacity.pipeline or ZERO


def band_rows(group: int, role: Role, slots: Slots) -> Iterator[BandRow]:
    """Columns of `Band`: what changes with the tenure of a group's people."""
    unused = slots.constant(1.0)
    bands = {
        BandKind.HAZARD: role.attrition.multiples if role.attrition else {},
        BandKind.QUOTA: role.quota_by_tenure,
    }
    for kind, multiples in bands.items():
        for month, times in sorted(multiples.items()):
            yield group, kind, slots.constant(month), slots.add(times), unused
    if role.ramp is not None and role.ramp.bookings is not None:
        for quarter, share in enumerate((*role.ramp.bookings, ONE)):
            start = slots.constant(_QUARTER * quarter)
            yield group, BandKind.BOOKINGS, start, slots.fraction(share), unused


SeatRow = tuple[int, int, int, int]


def seat_rows(group: int, entry: SeatGroup) -> Iterator[SeatRow]:
    """Columns of `Seat` but the last: group, ordinal, planned month, whether they are expected in it."""
    yield from ((group, ordinal, 0, 0) for ordinal in range(entry.existing))
    yield from ((group, ordinal, month, int(is_expected)) for month, ordinal, is_expected in entry.planned)


def tenures(groups: Sequence[SeatGroup]) -> Column:
    """Months in the job at the start by seat, in the order of `seat_rows`; 0 of seats that are filled later."""
    return np.array([months for entry in groups for months in (*entry.tenures, *[0.0] * len(entry.planned))])


class Pools(NamedTuple):
    """What sellers work, and who works it."""

    pools: Table
    members: Table
    seats: Table
    spans: list[tuple[int, int]]
    """Of every segment: its first pool, and how many it has."""


def pool_tables(team: Team, groups: Sequence[SeatGroup], seats: Sequence[SeatRow], names: Names, slots: Slots) -> Pools:
    """Pools segment by segment: one, or one a territory; with the seats that work them.

    Raises SimengineError where more seats work one pool than can be simulated.
    """
    of_group: dict[str, list[int]] = {group.name: [] for group in groups}
    for seat, (group, *_) in enumerate(seats):
        of_group[groups[group].name].append(seat)
    pools: list[list[int]] = []
    members: list[tuple[int]] = []
    spans: list[tuple[int, int]] = []
    of_seat = [_NONE] * len(seats)
    for s, segment in enumerate(names.segments):
        sellers = [group for group in groups if group.segment == segment and team.roles[group.role].sells]
        in_money = any(
            isinstance(capacity := team.roles[group.role].capacity, Capacity) and capacity.pipeline is not None
            for group in sellers
        )
        territories = team.territories_of(segment)
        worked = (
            [(territory.potential, _seat_of(territory.name, team, of_group)) for territory in territories]
            if territories
            else [(ONE, [seat for group in sellers for seat in of_group[group.name]])]
        )
        if (most := max(len(workers) for _, workers in worked)) > MOST_SEATS:
            raise SimengineError(
                f"segment {segment}: {most:,} seats sell in it, and at most {MOST_SEATS:,} can be simulated; "
                "divide it into several segments"
            )
        spans.append((len(pools), len(worked)))
        for potential, workers in worked:
            for seat in workers:
                of_seat[seat] = len(pools)
            row = {
                Pool.SEGMENT: s,
                Pool.POTENTIAL: slots.add(potential),
                Pool.TERRITORY: int(bool(territories)),
                Pool.FIRST: len(members),
                Pool.SEATS: len(workers),
                Pool.IN_MONEY: int(in_money),
            }
            pools.append([int(row[column]) for column in Pool])
            members.extend((seat,) for seat in workers)
    placed = ((*seat, pool) for seat, pool in zip(seats, of_seat, strict=True))
    return Pools(table(pools, len(Pool)), table(members, 1), table(placed, len(Seat)), spans)


def _seat_of(name: str, team: Team, of_group: dict[str, list[int]]) -> list[int]:
    """The seat of a territory: the n-th of its group, n counted in the order of the plan."""
    territory = next(territory for territory in team.territories if territory.name == name)
    n = [other.name for other in team.territories if other.seats == territory.seats].index(name)
    return of_group[territory.seats][n : n + 1]
