"""Who does the work: roles, people by quarter, and what quotas add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from simengine.plan.people import Capacity, Ramp, Role
from simengine.plan.scalars import Quantity
from simengine.reading.operating import Array, OperatingPlan, Span
from simengine.reading.parts import (
    Cell,
    Phrase,
    Section,
    Table,
    count,
    joined,
    money,
    month,
    months,
    say,
    share,
    table,
    whole,
)
from simengine.units import MONTHS_PER_YEAR


def people(op: OperatingPlan) -> Section:
    """Roles, seats, and people by role and quarter."""
    return Section(
        "People",
        (
            _roles(op),
            _seats(op),
            _by_role(op, "Headcount at the end of the quarter", "headcount", Span.end, opening=True),
            _by_role(op, "Ramped equivalents, mean of the quarter", "ramped", Span.mean),
            _by_role(op, "Starts, hires and backfills", "starts", Span.total),
            _by_role(op, "Leavers", "leavers", Span.total),
        ),
    )


def _roles(op: OperatingPlan) -> Table:
    rows = []
    for name, role in op.plan.team.roles.items():
        attrition = role.attrition
        leaving = (
            (op.figure(attrition.voluntary, "fraction"), op.figure(attrition.involuntary, "fraction"))
            if attrition
            else ("–", "–")
        )
        refill = op.figure(role.backfill.lag, "months") if role.backfill.policy == "always" else "never"
        pay = op.ends(op.number(role.cost.salary) + op.number(role.cost.variable), "currency")
        rows.append(
            (name, _works(op, role), _ramp(op, role.ramp), role.books_in, *leaving, refill, _quota(op, role), pay)
        )
    columns = ("role", "at once", "ramp", "booked in", "leave,\nown will", "leave,\nasked to", "refilled\nafter")
    return table("Roles; leavers, quota and pay are per year", (*columns, "quota", "pay at\nquota"), rows, texts=4)


def _quota(op: OperatingPlan, role: Role) -> Cell:
    if role.quota is None:
        return "–"
    return "the team's" if role.quota == "team" else op.figure(role.quota, "currency")


def _works(op: OperatingPlan, role: Role) -> Phrase:
    """What a ramped person of average productivity does."""
    said = []
    if role.capacity == "unlimited":
        said.append(say("any number"))
    elif isinstance(role.capacity, Capacity) and role.capacity.open_opportunities is not None:
        said.append(say("{} opportunities", op.figure(role.capacity.open_opportunities, "count")))
    elif isinstance(role.capacity, Capacity) and role.capacity.pipeline is not None:
        said.append(say("{} pipeline", op.figure(role.capacity.pipeline, "currency")))
    if role.hours is not None:
        said.append(say("{} hours a month", op.figure(role.hours, "count")))
    if role.carries is not None and role.carries.customers is not None:
        said.append(say("{} customers", op.figure(role.carries.customers, "count")))
    if role.carries is not None and role.carries.arr is not None:
        said.append(say("{} ARR", op.figure(role.carries.arr, "currency")))
    return joined(said) if said else say("–")


def _ramp(op: OperatingPlan, ramp: Ramp | None) -> Phrase:
    if ramp is None:
        return say("none")
    if ramp.bookings is not None:
        quarters = joined([say("{}", op.figure(level, "fraction")) for level in ramp.bookings], " ")
        return joined([say("bookings"), quarters, say("by quarter")], " ")
    return say("{} over {}", ramp.shape, op.figure(ramp.workload, "months")) if ramp.workload else say("none")


def _seats(op: OperatingPlan) -> Table:
    rows = []
    for group in op.plan.team.seats:
        hires = sorted({*group.hires, *group.expected})
        when = joined([say("{}", month(end)) for end in dict.fromkeys(hires[:1] + hires[-1:])] or [say("–")], " to ")
        planned = whole(len(group.planned))
        tenures = sorted({min(group.tenures), max(group.tenures)}) if group.existing else []
        tenure = joined([say("{}", months(end)) for end in tenures] or [say("–")], " to ")
        delay = op.figure(group.time_to_fill_delay, "months") if group.hires else "–"
        rows.append(
            (
                *(group.name, group.role, group.segment or "–", group.team or "–", when),
                *(whole(group.existing), tenure, planned, delay),
            )
        )
    columns = ("seats", "role", "segment", "team", "hires are\nplanned in", "filled", "tenure", "hires", "mean\ndelay")
    return table("Seats", columns, rows, texts=5)


def _by_role(
    op: OperatingPlan, caption: str, output: str, taken: Callable[[Span, Array], float], opening: bool = False
) -> Table:
    by_group = op.group(output)
    by_role: dict[str, Array] = {}
    filled: dict[str, int] = {}
    for group in op.plan.team.seats:
        by_role[group.role] = by_role.get(group.role, np.zeros(op.months)) + by_group[group.name]
        filled[group.role] = filled.get(group.role, 0) + group.existing

    def row(label: str, at_start: int, values: Array) -> tuple[Cell, ...]:
        numbers = (count(taken(quarter, values)) for quarter in op.quarters)
        return (label, *((whole(at_start),) if opening else ()), *numbers)

    rows = tuple(row(role, filled[role], by_role[role]) for role in sorted(by_role))
    total = row("all", sum(filled.values()), np.asarray(sum(by_role.values(), np.zeros(op.months))))
    columns = ("role", *(("at start",) if opening else ()), *(quarter.label for quarter in op.quarters))
    return Table(caption, columns, rows, total=total)


def quotas(op: OperatingPlan) -> Section:
    """What quotas add up to, and what the operating plan has sellers book against them."""
    return Section("Quota roll-up", tuple(part for year in op.years for part in _quota_year(op, year)))


def _quota_year(op: OperatingPlan, year: Span) -> Iterator[Phrase | Table]:
    outputs = {name: op.group(name) for name in ("working", "ramped", "quota", "credited")}
    rolled: dict[tuple[str, str], dict[str, float]] = {}
    managers: dict[tuple[str, str], dict[str, float]] = {}
    for group in op.plan.team.seats:
        role = op.plan.team.roles[group.role]
        numbers = {name: year.total(values[group.name]) for name, values in outputs.items()}
        if role.quota == "team":
            roll = managers
        elif isinstance(role.quota, Quantity):
            roll = rolled
        else:
            continue
        row = roll.setdefault((group.team or "–", group.role), dict.fromkeys(outputs, 0.0))
        for name, number in numbers.items():
            row[name] += number
    if not rolled:
        return
    totals = {name: sum(row[name] for row in rolled.values()) for name in outputs}
    columns = (
        "team",
        "role",
        "people\nat work",
        "ramped",
        "street\nquota",
        "booked",
        "attain-\nment",
        "booked a year by\na ramped seller",
    )
    part = "" if year.whole else f", {year.months} months"
    rows = tuple(_quota_row(year, team, role, numbers) for (team, role), numbers in sorted(rolled.items()))
    yield Table(f"{year.label}{part}", columns, rows, texts=2, total=_quota_row(year, "all", "", totals))
    for (team, _), numbers in managers.items():
        numbers["credited"] = sum(row["credited"] for (other, _), row in rolled.items() if other == team)
    if managers:
        rows = tuple(_quota_row(year, team, role, numbers)[:-1] for (team, role), numbers in sorted(managers.items()))
        yield table(f"{year.label}{part}: managers, whose quota is their team's", columns[:-1], rows, texts=2)
    bookings, sellers, street = op.metric("bookings", year), totals["credited"], totals["quota"]
    yield say(
        "{}: sellers carry quotas of {} and book {} of the company's {}; the quotas are {} more than what they book.",
        *(year.label, money(street), money(sellers), money(bookings)),
        share(street / sellers - 1.0) if sellers else "infinitely",
    )
    declared = op.plan.team.over_assignment
    if declared != Quantity(0.0):
        yield say("The plan declares an over-assignment of {}.", op.figure(declared, "fraction"))
    for target, need in op.needs(year).items():
        yield say(
            "For the target {} they would have to book {}, {} of quota.",
            *(target, money(need), share(need / street) if street else "no share"),
        )


def _quota_row(year: Span, team: str, role: str, numbers: dict[str, float]) -> tuple[Cell, ...]:
    """Numbers are sums over the months of the year; people are shown as means."""
    ramped, quota, booked = numbers["ramped"], numbers["quota"], numbers["credited"]
    return (
        *(team, role, count(numbers["working"] / year.months), count(ramped / year.months)),
        *(money(quota), money(booked), share(booked / quota) if quota else "–"),
        money(booked * MONTHS_PER_YEAR / ramped) if ramped else "–",
    )
