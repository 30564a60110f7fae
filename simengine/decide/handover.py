"""The chosen plan for the systems that execute it: quotas, territories, requisitions and budget, of whole people.

All is at the values of the operating plan. A seat is filled from the month for which it is planned on, and stays so.
The budget alone is in expected people, as the operating plan's baseline has them: its totals are those of the plan that
was approved.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import numpy as np

from simengine.assumptions.draws import Array
from simengine.baseline import baseline
from simengine.baseline.numbers import Numbers
from simengine.baseline.people import Rules
from simengine.baseline.quotas import potentials
from simengine.decide.beside import check_beside
from simengine.plan.levers import Lever
from simengine.plan.people import Role, SeatGroup, Territory
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.results.costs import booked_in, costs, groups_of
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR, month_label

Cell = str | int | float | Decimal
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "quotas.csv": (
        *("group", "seat", "role", "team", "segment", "territory", "start", "month"),
        *("share_of_full", "quota", "quota_less_over_assignment"),
    ),
    "territories.csv": (
        *("territory", "segment", "team", "group", "seat", "start", "accounts"),
        *("month", "potential", "share_of_segment"),
    ),
    "requisitions.csv": (
        *(
            "group",
            "seat",
            "role",
            "team",
            "segment",
            "territory",
            "status",
            "headcount",
            "start",
            "open_by",
            "overdue",
        ),
        *("recruiting", "pay_per_month", "cost_in_plan", "owner", "lever"),
    ),
    "budget.csv": ("month", "line", "team", "item", "booked_in", "amount"),
}
"""Header row of every file."""
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a text that starts so for a formula."""


class Table(NamedTuple):
    """One file: its header row, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def column(self, name: str) -> list[Cell]:
        """The values of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def csv(self) -> str:
        """The table as a text; a text that a spreadsheet would run starts with an apostrophe."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_safe(cell) for cell in row] for row in self.rows)
        return out.getvalue()


def _safe(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula.

    >>> _safe("=1+1"), _safe("EMEA"), _safe(-5)
    ("'=1+1", 'EMEA', -5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_RISKY) else cell


def handover(plan: Plan, *, base: Plan | None = None) -> dict[str, Table]:
    """The tables that hand a plan over, by name of their file.

    Parameters
    ----------
    plan : a checked plan
    base : the plan that it departs from: hires beyond it are `added`, those that it alone has `cancelled`; its levers
        say who owns a hire and how long the decision takes

    Returns
    -------
    Tables with the columns of `COLUMNS`; money in the plan's currency, rounded to cents. Over any months from the first
    on the amounts of the budget (but for what is booked in the cost of revenue) add up to the operating expenses of the
    operating plan's baseline, rounded once.

    Raises SimengineError where the base has another currency, start or fiscal year.
    """
    if base is not None:
        check_beside(plan, base)
    seats = _Seats(plan)
    made = {
        "quotas.csv": _quotas(seats),
        "territories.csv": _territories(seats),
        "requisitions.csv": _requisitions(seats, base),
        "budget.csv": _budget(plan),
    }
    return {name: Table(COLUMNS[name], tuple(rows)) for name, rows in made.items()}


# ---- seats ----


class _Seat(NamedTuple):
    """A seat of a group: its number from 1, its first month from 0 (None of who is there), its territory."""

    group: SeatGroup
    number: int
    month: int | None
    is_expected: bool
    tenure: float
    territory: Territory | None


class _Seats:
    """The seats of a plan, and what its operating plan says of them by month."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.numbers = plan, Numbers(plan, plan.planned)
        self.labels = [month_label(plan.plan.start + t) for t in range(plan.plan.months)]
        self._rules: dict[tuple[str, float], Rules] = {}

    @cached_property
    def all(self) -> list[_Seat]:
        """Every seat, groups sorted by name, seats by when they are filled."""
        return [seat for group in groups_of(self.plan) for seat in self._of(group)]

    def _of(self, group: SeatGroup) -> Iterator[_Seat]:
        territories = [t for t in self.plan.team.territories if t.seats == group.name]
        there = [(None, False, tenure) for tenure in group.tenures]
        planned = [(each.month - self.plan.plan.start, each.is_expected, 0.0) for each in group.planned]
        seats: list[tuple[int | None, bool, float]] = [*there, *planned]
        for number, (month, is_expected, tenure) in enumerate(seats, start=1):
            territory = territories[number - 1] if number <= len(territories) else None
            yield _Seat(group, number, month, is_expected, tenure, territory)

    def role(self, seat: _Seat) -> Role:
        """The role of a seat."""
        return self.plan.team.roles[seat.group.role]

    def start(self, seat: _Seat) -> str:
        """The month for which a seat is planned; empty of who is there."""
        return "" if seat.month is None else self.labels[seat.month]

    def is_filled(self, seat: _Seat) -> Array:
        """1 in the months in which somebody is on a seat, (months,)."""
        return (np.arange(self.plan.plan.months) >= (seat.month or 0)).astype(np.float64)

    def share_of_full(self, seat: _Seat) -> Array:
        """Part of a full quota that a seat carries, by tenure, and by ramp where the role says so, (months,)."""
        key = seat.group.name, seat.tenure
        if key not in self._rules:
            self._rules[key] = Rules(self.numbers, seat.group, self.role(seat), seat.tenure)
        rules = self._rules[key]
        column = 0 if seat.month is None else 1 + seat.month
        share = rules.quota[:, column] * self.is_filled(seat)
        if self.role(seat).quota_relief == "ramp":
            share = share * rules.load[:, rules.kind[seat.month or 0], column]
        return np.asarray(share)

    def potential(self, seat: _Seat) -> tuple[Array, Array]:
        """A seat's territory over the mean of its segment's, and its share of the segment, (months,) each."""
        assert seat.territory is not None
        shares = potentials(self.numbers, seat.group.segment or "")
        if seat.territory.name not in shares:  # the segment is pooled all the same
            ones = np.ones(self.plan.plan.months)
            return ones, np.full(self.plan.plan.months, math.nan)
        share = shares[seat.territory.name]
        return share * len(shares), share

    def full_quota(self, seat: _Seat) -> Array:
        """A full month's quota of a seat, by its territory, (months,)."""
        quota = self.role(seat).quota
        assert isinstance(quota, Quantity)
        weight = 1.0 if seat.territory is None else self.potential(seat)[0]
        return np.asarray(self.numbers.of(quota) / MONTHS_PER_YEAR * weight)

    def monthly(self, quantity: Quantity) -> Array:
        """A number of the operating plan by month, (months,)."""
        return self.numbers.of(quantity)


# ---- the tables ----


def _about(seat: _Seat) -> tuple[Cell, ...]:
    group = seat.group
    return group.name, seat.number, group.role, group.team, group.segment or ""


def _quotas(seats: _Seats) -> Iterator[tuple[Cell, ...]]:
    over = 1 + seats.numbers.fraction(seats.plan.team.over_assignment)
    sellers = [seat for seat in seats.all if isinstance(seats.role(seat).quota, Quantity)]
    of_team: dict[str, Array] = {}
    for seat in sellers:
        carried = seats.share_of_full(seat) * seats.full_quota(seat)
        of_team[seat.group.team] = of_team.get(seat.group.team, 0.0) + carried
    for seat in seats.all:
        quota = seats.role(seat).quota
        if quota is None:
            continue
        if quota == "team":
            share, full = _part_of_team(seats, seat), of_team[seat.group.team]
        else:
            share, full = seats.share_of_full(seat), seats.full_quota(seat)
        for t in np.flatnonzero(seats.is_filled(seat)):
            amount = float(share[t] * full[t])
            territory = seat.territory.name if seat.territory is not None else ""
            yield (
                *(*_about(seat), territory, seats.start(seat), seats.labels[t]),
                *(round(float(share[t]), 6), _cents(amount), _cents(amount / float(over[t]))),
            )


def _part_of_team(seats: _Seats, seat: _Seat) -> Array:
    """The part of it that one of the team's managers carries, (months,)."""
    managers = [s for s in seats.all if s.group.team == seat.group.team and seats.role(s).quota == "team"]
    at_work = np.sum([seats.is_filled(manager) for manager in managers], axis=0)
    return np.asarray(seats.is_filled(seat) / np.maximum(at_work, 1.0))


def _territories(seats: _Seats) -> Iterator[tuple[Cell, ...]]:
    for seat in seats.all:
        if seat.territory is None:
            continue
        group, territory = seat.group, seat.territory
        _, share = seats.potential(seat)
        potential = seats.monthly(territory.potential)
        for t, label in enumerate(seats.labels):
            yield (
                *(territory.name, group.segment or "", group.team, group.name, seat.number, seats.start(seat)),
                *(territory.accounts, label, round(float(potential[t]), 6)),
                "" if math.isnan(share[t]) else round(float(share[t]), 6),
            )


def _requisitions(seats: _Seats, base: Plan | None) -> Iterator[tuple[Cell, ...]]:
    before = None if base is None else _Seats(base)
    levers = {
        lever.hires: (name, lever) for name, lever in _levers(seats.plan, base).items() if lever.hires is not None
    }
    left = {} if before is None else _hires(before)
    for seat in seats.all:
        if seat.month is None:
            continue
        status = "on the way" if seat.is_expected else "planned"
        if before is not None and not seat.is_expected:
            key = seat.group.name, seats.start(seat)
            status = "planned" if left.get(key) else "added"
            if left.get(key):
                left[key].pop(0)
        yield _requisition(seats, seat, status, levers.get(seat.group.name))
    if before is not None:
        for seat in (seat for hires in left.values() for seat in hires):
            yield _requisition(before, seat, "cancelled", levers.get(seat.group.name))


def _hires(seats: _Seats) -> dict[tuple[str, str], list[_Seat]]:
    """The hires of a plan by seat group and month."""
    found: dict[tuple[str, str], list[_Seat]] = {}
    for seat in seats.all:
        if seat.month is not None and not seat.is_expected:
            found.setdefault((seat.group.name, seats.start(seat)), []).append(seat)
    return found


def _levers(plan: Plan, base: Plan | None) -> dict[str, Lever]:
    """The levers of a plan and of its base: a choice has none of its own any more."""
    return {**({} if base is None else base.levers), **plan.levers}


def _requisition(seats: _Seats, seat: _Seat, status: str, named: tuple[str, Lever] | None) -> tuple[Cell, ...]:
    assert seat.month is not None
    lever, cost = ("", None) if named is None else named, seats.role(seat).cost
    name, declared = lever
    is_hired = status in ("planned", "added")
    pay = (seats.monthly(cost.salary) + seats.monthly(cost.variable)) / MONTHS_PER_YEAR
    recruiting = float(seats.monthly(cost.recruiting)[seat.month]) * (not seat.is_expected)
    lead = 0 if declared is None or status != "added" else declared.lead_time
    open_by = _open_by(seats, seat, lead)
    total = recruiting + math.fsum(pay[seat.month :])
    territory = "" if seat.territory is None else seat.territory.name
    return (
        *(*_about(seat), territory, status, int(status != "cancelled"), seats.start(seat)),
        month_label(open_by) if is_hired else "",
        ("yes" if open_by < seats.plan.plan.now else "no") if is_hired else "",
        *(_cents(recruiting), _cents(float(pay[seat.month]))),
        _cents(total),
        *("" if declared is None else declared.owner, name),
    )


def _open_by(seats: _Seats, seat: _Seat, lead: int) -> int:
    """The last month in which a requisition can be opened so that the seat is expected to be filled as planned.

    A seat is filled later than planned by the time that it takes; who opens it earlier by as much is on time.
    """
    assert seat.month is not None
    climate = seats.monthly(seats.plan.team.recruiting_climate)[seat.month]
    late = 0.0 if seat.is_expected else float(climate * seats.monthly(seat.group.time_to_fill_delay)[seat.month])
    return seats.plan.plan.start + seat.month - math.ceil(late - 1e-9) - lead


def _budget(plan: Plan) -> Iterator[tuple[Cell, ...]]:
    lines = _lines(plan)
    amounts = np.stack([amounts for _, amounts in lines], axis=1)
    cents = np.empty_like(amounts)
    # Operating expenses are what plans are compared by: what is booked in the cost of revenue is rounded apart.
    in_cost_of_revenue = np.array([about[-1] == "cogs" for about, _ in lines])
    for part in (in_cost_of_revenue, ~in_cost_of_revenue):
        cents[:, part] = _rounded_once(amounts[:, part])
    for t, row in enumerate(cents):
        for (about, _), amount in zip(lines, row, strict=True):
            if amount:
                yield month_label(plan.plan.start + t), *about, Decimal(int(amount)).scaleb(-2)


def _rounded_once(amounts: Array) -> Array:
    """Cents of amounts, (month, line), whose sums from the first month on are the true sums, rounded once."""
    total = np.rint(100 * np.cumsum(amounts.ravel()))
    return np.diff(total, prepend=0.0).reshape(amounts.shape)


def _lines(plan: Plan) -> list[tuple[tuple[str, ...], Array]]:
    """Of every line of the budget what it is (line, team, item, where it is booked), and its amounts, (months,)."""
    expected, timeline = baseline(plan, plan.planned), Timeline(plan, plan.planned)
    found = costs(plan, expected, timeline)
    shape = plan.plan.months

    def of(quantity: Quantity) -> Array:
        return np.broadcast_to(timeline.of(quantity)[0], shape)

    lines: dict[tuple[str, ...], Array] = {}

    def add(line: str, team: str, item: str, place: str, amounts: Array) -> None:
        key = line, team, item, place
        lines[key] = lines.get(key, np.zeros(shape)) + amounts

    for g, group in enumerate(groups_of(plan)):
        role, working = plan.team.roles[group.role], expected.group["working"][0, :, g]
        place, about = booked_in(plan, group), (group.team, "")
        add("salary", *about, place, working * of(role.cost.salary) / MONTHS_PER_YEAR)
        variable = working * of(role.cost.variable) / MONTHS_PER_YEAR
        add("variable pay", *about, place, found.seats.commission[0, :, g] if role.on_commission else variable)
        involuntary = expected.group["involuntary"][0, :, g]
        add("severance", *about, place, involuntary * of(role.cost.severance))
        add("recruiting", *about, place, found.seats.recruiting[0, :, g])
    for name, amounts in found.channels.items():
        add("programme spend", "", name, "sales and marketing", np.broadcast_to(amounts[0], shape))
    for name, amounts in found.events.items():
        add("event", "", name, plan.events[name].cost_in, np.broadcast_to(amounts[0], shape))
    for name, quantity in (
        ("research and development", plan.economics.opex.rnd),
        ("general and administration", plan.economics.opex.ga),
    ):
        add("other operating expenses", "", name, name, of(quantity) / MONTHS_PER_YEAR)
    return sorted(lines.items(), key=lambda line: line[0])


def _cents(amount: float) -> Decimal:
    """An amount rounded to cents.

    >>> _cents(105200.8)
    Decimal('105200.80')
    """
    return Decimal(round(100 * amount)).scaleb(-2)
