"""What could be done about the plan: how much, who decides until when, and what a step costs."""

from __future__ import annotations

from collections.abc import Iterator

from simengine.plan.levers import Lever
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.reading.operating import OperatingPlan
from simengine.reading.parts import Cell, Figure, Phrase, Section, Table, money, month, say, table, whole
from simengine.units import MONTHS_PER_YEAR

_COLUMNS = (
    *("lever", "moves", "who\ndecides", "may start", "decide by"),
    *("least", "most", "step", "a step\nonce", "a step\na month"),
)


def levers(op: OperatingPlan) -> Section | None:
    """Every lever, what one step of it costs at plan values, and what limits them together."""
    if not op.plan.levers:
        return None
    rows = [_row(op.plan, name, lever) for name, lever in op.plan.levers.items()]
    parts: list[Phrase | Table] = [
        table("What could be done about the plan; none of it is in the numbers above", _COLUMNS, rows, texts=5)
    ]
    limits = op.plan.limits
    if limits.budget is not None:
        parts.append(say("Together they may cost {} until a target is decided.", money(limits.budget)))
    if limits.hires_per_month is not None:
        words = "At most {} people may be hired in a month, those of the plan included."
        parts.append(say(words, whole(limits.hires_per_month)))
    return Section("Levers", tuple(parts))


def _row(plan: Plan, name: str, lever: Lever) -> tuple[Cell, ...]:
    starts = lever.starts or (_soonest(plan, lever),)
    unit = "factor" if lever.neutral == 1.0 else "whole"
    step = lever.step or 1.0
    once, monthly = _cost(plan, lever, starts[0])
    return (
        *(name, ", ".join(_moved(lever)), lever.owner),
        _months(starts) if lever.starts else say("before {}", month(starts[0])),
        _months(tuple(_decision(lever, start) for start in starts)),
        *(Figure(amount, unit) for amount in lever.range),
        Figure(step, "precise" if unit == "factor" else unit),
        *(money(once), money(monthly)),
    )


def _moved(lever: Lever) -> Iterator[str]:
    words = {"hires": "hires of", "spend": "spend of", "event": "start of"}
    if lever.improves is not None:
        yield from lever.improves
    else:
        yield f"{words[lever.kind]} {getattr(lever, lever.kind)}"


def _months(months: tuple[int, ...]) -> Phrase:
    return say(", ".join(["{}"] * len(months)), *map(month, months))


def _soonest(plan: Plan, lever: Lever) -> int:
    """The month in which the event of a lever may happen at the soonest."""
    assert lever.event is not None
    return int(plan.events[lever.event].starts.support()[0])


def _decision(lever: Lever, start: int) -> int:
    """The last month in which a start, or one step sooner of an event, can be decided."""
    return start - lever.lead_time - (round(lever.step or 1.0) if lever.event is not None else 0)


def _cost(plan: Plan, lever: Lever, start: int) -> tuple[float, float]:
    """What one step costs, once and in a month, at the start and at plan values."""

    def planned(quantity: Quantity) -> float:
        return float(quantity.at(start).of(plan.planned))

    step = lever.step or 1.0
    if lever.cost is not None:
        return lever.cost.upfront, lever.cost.monthly
    if lever.hires is not None:
        role = next(group.role for group in plan.team.seats if group.name == lever.hires)
        cost = plan.team.roles[role].cost
        pay = (planned(cost.salary) + planned(cost.variable)) / MONTHS_PER_YEAR
        return step * planned(cost.recruiting), step * pay
    if lever.spend is not None:
        return 0.0, step * planned(plan.funnel.channels[lever.spend].spend)
    event = plan.events[str(lever.event)]
    return (0.0 if event.lasts is not None else step * event.probability * planned(event.cost)), 0.0


def too_late(plan: Plan) -> Iterator[tuple[str, int, int]]:
    """Levers that would have had to be decided before the plan's `as_of`: name, start, and the month of decision."""
    if plan.plan.as_of is None:
        return
    for name, lever in plan.levers.items():
        for start in lever.starts or (_soonest(plan, lever),):
            if _decision(lever, start) < plan.plan.now:
                yield name, start, _decision(lever, start)
