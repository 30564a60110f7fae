"""Where new business comes from, and whether the sellers have room for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simengine.plan.market import Channel, Demand
from simengine.reading.operating import Array, CellName, OperatingPlan, loaded
from simengine.reading.parts import (
    Cell,
    Figure,
    Phrase,
    Section,
    Table,
    count,
    money,
    say,
    share,
    table,
    whole,
)

BALANCED = (0.8, 1.2)
"""Loads between these are neither over nor under."""
MORE_SPEND = 0.2
MORE_MONEY = 1_000_000.0


def verdict(load: float) -> str:
    """What a load means.

    >>> verdict(1.3), verdict(1.0), verdict(0.5)
    ('over', '', 'under')
    """
    return "over" if load > BALANCED[1] else "under" if load < BALANCED[0] else ""


# ---- capacity ----


def capacity(op: OperatingPlan) -> Section:
    """Opportunities that arrive against what sellers can work, by segment and quarter; then territories."""
    sold = [segment for segment in op.plan.segments if op.sold(segment)]
    rows = [row for segment in sold for row in _capacity_rows(op, segment)]
    columns = ("segment", "", *(quarter.label for quarter in op.quarters))
    parts: list[Phrase | Table] = [
        say(
            "Arriving are opportunities that need a seller. Room needed is what arrives times the mean cycle, as if "
            "everything started at once; room there is what sellers can work at once. Load is the one over the other "
            "(both are means of the quarter); what is open when the plan starts takes room too, and is not in it."
        ),
        table("Capacity against opportunities", columns, rows, texts=2),
    ]
    territories = _territories(op)
    if territories:
        parts.append(territories)
    return Section("Capacity", tuple(parts))


def _capacity_rows(op: OperatingPlan, segment: str) -> Iterator[tuple[Cell, ...]]:
    opportunities, needed = op.cell("opportunities"), op.needed(segment)
    arrive = np.asarray(sum((opportunities[cell] for cell in op.sold(segment)), np.zeros(op.months)))
    room = op.segment("capacity")[segment]
    unit = "currency" if op.in_money(segment) else "count"
    waiting, stale = op.segment("waiting")[segment], op.segment("stale")[segment]
    quarters = op.quarters
    yield segment, "arriving", *(count(q.total(arrive)) for q in quarters)
    yield "", "room needed", *(Figure(q.mean(needed), unit) for q in quarters)
    yield "", "room there", *(Figure(q.mean(room), unit) for q in quarters)
    loads = [op.load(segment, q) for q in quarters]
    yield "", "load", *(share(load) for load in loads)
    if any(map(verdict, loads)):
        yield "", "over or under", *(verdict(load) for load in loads)
    yield "", "left waiting", *(count(q.end(waiting)) for q in quarters)
    yield "", "gone stale", *(count(q.total(stale)) for q in quarters)


def territory_loads(op: OperatingPlan) -> dict[tuple[str, str], float]:
    """Load of each territory in the first year: its part of the room needed over its seat's room."""
    arrived, room = op.pool("arrived"), op.pool("capacity")
    loads = {}
    for (segment, territory), arrivals in arrived.items():
        everything = sum(op.year.total(values) for (other, _), values in arrived.items() if other == segment)
        needed = op.year.total(op.needed(segment)) * (op.year.total(arrivals) / everything if everything else 0.0)
        loads[segment, territory] = loaded(needed, op.year.total(room[segment, territory]))
    return loads


def _territories(op: OperatingPlan) -> Table | None:
    rows = []
    arrived, room, loads = op.pool("arrived"), op.pool("capacity"), territory_loads(op)
    for segment in op.plan.segments:
        territories = op.plan.team.territories_of(segment)
        potentials = {t.name: op.number(t.potential) for t in territories}
        everything = np.asarray(sum(potentials.values(), np.zeros(op.months)))
        unit = "currency" if op.in_money(segment) else "count"
        for territory in territories:
            key, potential = (segment, territory.name), potentials[territory.name]
            of_segment = potential / np.where(everything > 0, everything, 1.0)
            rows.append(
                (
                    *(segment, territory.name, f"{territory.seats} no. {_number(op, territory.name)}"),
                    *(verdict(loads[key]), whole(territory.accounts), op.ends(potential, "factor")),
                    *(op.ends(of_segment, "fraction"), count(op.year.mean(arrived[key]))),
                    *(Figure(op.year.mean(room[key]), unit), share(loads[key])),
                )
            )
    if not rows:
        return None
    columns = ("segment", "territory", "worked by", "", "accounts", "potential", "share of\nsegment")
    return table(f"Territories, {op.year.label}", (*columns, "opportuni-\nties a month", "room", "load"), rows, texts=4)


def _number(op: OperatingPlan, territory: str) -> int:
    """Which seat of its group a territory belongs to, from 1."""
    entries = op.plan.team.territories
    seats = next(entry.seats for entry in entries if entry.name == territory)
    return [entry.name for entry in entries if entry.seats == seats].index(territory) + 1


# ---- demand ----


def demand(op: OperatingPlan) -> Section:
    """Where leads come from, what becomes of them, and what more marketing spend would buy."""
    first, last = op.plan.funnel.stages[0], op.plan.funnel.stages[-1]
    parts: list[Phrase | Table] = [_funnel(op)]
    if first != last:
        parts.append(_by_cell(op, f"{first}: arrivals", op.reached(0)))
    parts.append(_by_cell(op, f"{last}: what reaches sellers, or closes by itself", op.cell("opportunities")))
    dropped = op.cell("dropped")
    if any(values.any() for values in dropped.values()):
        parts.append(_by_cell(op, f"{first}: dropped, because nobody has the hours to qualify them", dropped))
    parts += _hours(op)
    parts += _spend(op)
    return Section("Demand", tuple(parts))


def way(op: OperatingPlan, cell: CellName) -> str:
    """In which of the four ways the arrivals of a channel in a segment come about."""
    entry = op.demand(cell)
    if entry.from_hours is not None:
        return f"hours of {entry.from_hours.role}"
    if entry.from_sellers is not None:
        return "sellers themselves"
    return "given" if op.plan.funnel.channels[cell[0]].response is None else "marketing spend"


def _funnel(op: OperatingPlan) -> Table:
    bookings = op.cell("bookings")
    rows = []
    for cell in op.cells:
        entry, channel = op.demand(cell), op.plan.funnel.channels[cell[0]]
        passing = np.prod([op.share(rate) for rate in entry.rates], axis=0) * np.ones(op.months)
        rows.append(
            (
                *(*cell, way(op, cell), channel.qualified_by.role if channel.qualified_by else "–"),
                *(_source(op, cell, entry), op.figure(entry.growth, "fraction", low=-0.99)),
                *(op.ends(passing, "fraction"), op.figure(entry.win_rate, "fraction")),
                *(op.figure(entry.cycle, "months"), op.ends(op.worth(cell), "currency")),
                money(op.year.total(bookings[cell])),
            )
        )
    columns = ("channel", "segment", "comes from", "qualified\nby", "a month", "growth\na year", "reach\nthe end")
    more = ("won", "cycle", "mean\ndeal", f"booked in\n{op.year.label}")
    return table("Channels, before growth and season", (*columns, *more), rows, texts=4)


def _source(op: OperatingPlan, cell: CellName, entry: Demand) -> Cell:
    if entry.from_hours is not None:
        return say("{} an hour", op.figure(entry.from_hours.per_hour, "rate"))
    if entry.from_sellers is not None:
        return say("{} a seller", op.figure(entry.from_sellers, "rate"))
    assert entry.volume is not None
    return op.figure(entry.volume, "count", cell[0], "/".join(cell))


def _hours(op: OperatingPlan) -> Iterator[Table]:
    rows: list[tuple[Cell, ...]] = []
    for name, role in op.plan.team.roles.items():
        if role.hours is not None:
            needed, there = hours(op, name)
            rows.append((name, "there are", *(count(q.mean(there)) for q in op.quarters)))
            rows.append(("", "to qualify", *(count(q.mean(needed)) for q in op.quarters)))
    if rows:
        columns = ("role", "", *(quarter.label for quarter in op.quarters))
        yield table("Hours a month; what qualifying leaves goes into outreach", columns, rows, texts=2)


def _by_cell(op: OperatingPlan, caption: str, values: dict[CellName, Array]) -> Table:
    rows: list[tuple[Cell, ...]] = [(*cell, *(count(q.total(values[cell])) for q in op.quarters)) for cell in op.cells]
    everything = np.asarray(sum(values.values(), np.zeros(op.months)))
    total: tuple[Cell, ...] = ("all", "", *(count(q.total(everything)) for q in op.quarters))
    columns = ("channel", "segment", *(quarter.label for quarter in op.quarters))
    return Table(caption, columns, tuple(rows), texts=2, total=total)


# ---- what more spend buys ----


def _spend(op: OperatingPlan) -> Iterator[Phrase | Table]:
    rows, fixed = [], []
    for name, channel in op.plan.funnel.channels.items():
        if channel.response is None:
            if op.number(channel.spend).any():
                fixed.append(name)
            continue
        rows += list(_spend_rows(op, name, channel))
    if rows:
        yield table(
            f"What more marketing spend buys in {op.year.label}, by the response curve",
            ("channel", "", "spend", "arrivals", "opportunities", "booked in\nthe end", "spent for\n1 booked"),
            rows,
            texts=2,
        )
        yield say(
            "Booked in the end: opportunities times win rate times mean deal, whenever they close, if there is room."
        )
    if fixed:
        yield say("Arrivals do not follow spend in {}: no response is stated there.", ", ".join(fixed))


def _spend_rows(op: OperatingPlan, name: str, channel: Channel) -> Iterator[tuple[Cell, ...]]:
    assert channel.response is not None
    spend = op.number(channel.spend)
    base = op.number(channel.response.at_spend)
    half = op.number(channel.response.half_saturation)
    opportunities, arrivals = op.cell("opportunities"), op.reached(0)
    mine = [cell for cell in op.cells if cell[0] == name and op.demand(cell).volume is not None]

    def curve(amount: Array) -> Array:
        """Michaelis-Menten, up to a factor."""
        x = amount / np.where(base > 0, base, 1.0)
        return x / np.where(x + half > 0, x + half, 1.0)

    def bought(ratio: Array) -> list[float]:
        """Arrivals, opportunities and bookings in the end at so many times the arrivals of each month."""
        return [
            sum(op.year.total(arrivals[cell] * ratio) for cell in mine),
            sum(op.year.total(opportunities[cell] * ratio) for cell in mine),
            sum(
                op.year.total(opportunities[cell] * ratio * op.share(op.demand(cell).win_rate) * op.worth(cell))
                for cell in mine
            ),
        ]

    now = bought(np.ones(op.months))
    yield name, "as planned", *_bought(op.year.total(spend), *now)
    extra = {
        say("{} more", share(MORE_SPEND)): spend * MORE_SPEND,
        say("{} more", money(MORE_MONEY)): np.full(op.months, MORE_MONEY / op.year.months),
    }
    present = curve(spend)
    for label, more in extra.items():
        ratio = curve(spend + more) / np.where(present > 0, present, 1.0) - 1.0
        yield "", label, *_bought(op.year.total(more), *bought(ratio))


def _bought(spend: float, arrivals: float, opportunities: float, booked: float) -> tuple[Cell, ...]:
    each = Figure(spend / booked, "number") if booked else "–"
    return money(spend), count(arrivals), count(opportunities), money(booked), each


class OpeningValue(NamedTuple):
    """The opening pipeline in money: what it is worth where it reaches the last stage, and what of it is won."""

    open: float
    won: float


def opening_value(op: OperatingPlan) -> OpeningValue:
    """What the opening pipeline is worth, at the rates, deals and win rates of the first month."""
    lines = list(_opening_lines(op))
    return OpeningValue(sum(line.value for line in lines), sum(line.won for line in lines))


class _Line(NamedTuple):
    """A row of the opening pipeline: how many, their ages together, their value at the last stage, and won of it."""

    stage: str
    channel: str
    segment: str
    number: float
    age: float
    value: float
    won: float


def _opening_lines(op: OperatingPlan) -> Iterator[_Line]:
    stages = op.plan.funnel.stages
    for row in op.plan.funnel.opening_pipeline.rows:
        cell, demanded = (row.channel, row.segment), op.demand((row.channel, row.segment))
        each = op.worth(cell)[0] if row.value is None else row.value * op.plan.rate_of(row.segment) / max(row.count, 1)
        passing = math.prod(float(op.share(rate)[0]) for rate in demanded.rates[stages.index(row.stage) :])
        value = float(row.count * passing * each)
        won = value * float(op.share(demanded.win_rate)[0])
        yield _Line(row.stage, *cell, row.count, row.count * row.age_months, value, won)


def pipeline(op: OperatingPlan) -> Section | None:
    """What is open when the plan starts, by stage, channel and segment."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for line in _opening_lines(op):
        amounts = found.setdefault((line.stage, line.channel, line.segment), [0.0] * 4)
        for index, amount in enumerate(line[3:]):
            amounts[index] += amount
    if not found:
        return None
    stages = op.plan.funnel.stages
    ordered = sorted(found.items(), key=lambda item: (-stages.index(item[0][0]), item[0]))
    rows = tuple((*key, *_pipeline_row(amounts)) for key, amounts in ordered)
    totals = [sum(amounts[index] for amounts in found.values()) for index in range(4)]
    columns = ("stage", "channel", "segment", "number", "mean age", "value at\nlast stage", "at the\nwin rate")
    caption, last = "What is open when the plan starts", ("all", "", "", *_pipeline_row(totals))
    return Section("Opening pipeline", (Table(caption, columns, rows, 3, last),))


def _pipeline_row(amounts: list[float]) -> tuple[Cell, ...]:
    number, age, value, won = amounts
    return whole(int(number)), Figure(age / number if number else 0.0, "months"), money(value), money(won)


# ---- hours ----


def hours(op: OperatingPlan, role: str) -> tuple[Array, Array]:
    """Hours of a role that qualification needs, and those that there are, by month; productivity at its mean."""
    needed, dropped, arrived = np.zeros(op.months), op.cell("dropped"), op.reached(0)
    for cell in op.cells:
        qualified = op.plan.funnel.channels[cell[0]].qualified_by
        if qualified is not None and qualified.role == role:
            needed += (arrived[cell] + dropped[cell]) * op.number(qualified.hours)
    ramped, budget = op.group("ramped"), op.plan.team.roles[role].hours
    people = sum((ramped[group.name] for group in op.plan.team.seats if group.role == role), np.zeros(op.months))
    return needed, np.asarray(people * (op.number(budget) if budget is not None else 0.0))
