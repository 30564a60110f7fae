"""What people, channels and events cost, by month and path, and where it is booked (docs/model.md, section 3)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simengine.plan.people import Role, SeatGroup
from simengine.plan.schema import Plan
from simengine.results.paths import Array, Paths, added
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR

SALES_AND_MARKETING = "sales and marketing"


class SeatCosts(NamedTuple):
    """Cost of seat groups, (draw, month, group) each; commission is as paid."""

    pay: Array
    """Salaries, and the variable pay of those who earn no commission; severance."""
    recruiting: Array
    commission: Array
    total: Array


class Costs(NamedTuple):
    """Costs of a plan's paths, (draw, month) unless said otherwise."""

    seats: SeatCosts
    channels: dict[str, Array]
    """Spend of each channel; (draw, 1) where it never changes."""
    events: dict[str, Array]
    """Cost of each event."""
    sales_and_marketing: Array
    operating: Array


def costs(plan: Plan, paths: Paths, timeline: Timeline) -> Costs:
    """What the plan costs, beside what revenue costs."""
    shape = paths.reached.shape[:2]
    seats = _seat_costs(plan, paths, timeline)
    channels = {name: timeline.of(channel.spend) for name, channel in sorted(plan.funnel.channels.items())}
    events = {name: _event_cost(plan, name, timeline) for name in sorted(plan.events)}

    def people(*books_in: str) -> Array:
        chosen = [g for g, group in enumerate(groups_of(plan)) if booked_in(plan, group) in books_in]
        return added((seats.total[:, :, g] for g in chosen), shape)

    def events_in(place: str) -> Array:
        return added((events[name] for name in events if plan.events[name].cost_in == place), shape)

    spend = people(SALES_AND_MARKETING) + added(channels.values(), shape) + events_in(SALES_AND_MARKETING)
    lines = (timeline.of(line) / MONTHS_PER_YEAR for line in (plan.economics.opex.rnd, plan.economics.opex.ga))
    others = people("research and development", "general and administration") + events_in("other")
    return Costs(seats, channels, events, spend, spend + others + added(lines, shape))


def groups_of(plan: Plan) -> list[SeatGroup]:
    """The seat groups in the order of their axis."""
    return sorted(plan.team.seats, key=lambda group: group.name)


def booked_in(plan: Plan, group: SeatGroup) -> str:
    """Where a seat group's cost is booked: CSMs in S&M or, as customer success, in the cost of revenue."""
    books_in = plan.team.roles[group.role].books_in
    return plan.economics.csm_in if books_in == "customer success" else books_in


def amortised(paid: Array, months: int) -> Array:
    """Capitalised commission: each month's is written off in equal parts over so many months from then on.

    Parameters
    ----------
    paid : months are the last axis

    >>> amortised(np.array([[6.0, 0.0, 3.0, 0.0]]), 3).tolist()
    [[2.0, 2.0, 3.0, 1.0]]
    """
    total = paid.shape[-1]
    out = np.zeros_like(paid)
    for t in range(total):
        out[..., t : t + months] += paid[..., t : t + 1] / months
    return out


def _seat_costs(plan: Plan, paths: Paths, timeline: Timeline) -> SeatCosts:
    working, recruited, involuntary = (paths.group[name] for name in ("working", "recruited", "involuntary"))
    pay, recruiting = np.empty_like(working), np.empty_like(working)
    monthly = {name: _yearly_pay(role, timeline) / MONTHS_PER_YEAR for name, role in plan.team.roles.items()}
    for g, group in enumerate(groups_of(plan)):
        cost = plan.team.roles[group.role].cost
        pay[:, :, g] = working[:, :, g] * monthly[group.role] + involuntary[:, :, g] * timeline.of(cost.severance)
        recruiting[:, :, g] = recruited[:, :, g] * timeline.of(cost.recruiting)
    commission = paths.group["commission"]
    return SeatCosts(pay, recruiting, commission, pay + recruiting + commission)


def _yearly_pay(role: Role, timeline: Timeline) -> Array:
    """Salary, and variable pay where it is no commission."""
    salary = timeline.of(role.cost.salary)
    return salary if role.on_commission else salary + timeline.of(role.cost.variable)


def _event_cost(plan: Plan, name: str, timeline: Timeline) -> Array:
    event = plan.events[name]
    monthly = timeline.in_force(name) * timeline.of(event.cost)
    return np.asarray(monthly + timeline.begins(name) * timeline.of(event.upfront))
