"""How many people a plan's volumes need, and a target's, quarter by quarter, against those whom the plan has."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from simengine.decide.findings import Capacity
from simengine.plan.people import Carries, SeatGroup
from simengine.plan.schema import Plan
from simengine.reading.operating import OperatingPlan, Span
from simengine.results.paths import Array


class Needs:
    """People whom the volumes of the operating plan need, at a load of 1, and those of `growth` times its new business.

    The target's new business is the plan's times `growth`, in every segment and channel, at planned win rates, sizes
    and cycles. Sellers need room for what is open (arrivals times mean cycle: Little's law), over the room of a ramped
    seller; those who qualify need the hours that arrivals take; those who look after customers are as many as the
    customers, or the ARR, of the plan and of what is won on top, over what one carries.

    Parameters
    ----------
    plan : a checked plan
    growth : at least 0
    until : the last month (since year 0) that counts
    """

    def __init__(self, plan: Plan, growth: float, until: int) -> None:
        self.plan, self.growth, self._op = plan, growth, OperatingPlan(plan)
        last = until - plan.plan.start
        self._quarters = [quarter for quarter in self._op.quarters if quarter.first <= last]

    def all(self) -> Iterator[Capacity]:
        """Sellers by segment, then other roles."""
        for segment in sorted(self.plan.segments):
            if self._op.groups_of(segment) and self._op.sold(segment):
                yield from self._sellers(segment)
        for name, role in self.plan.team.roles.items():
            groups = [group for group in self.plan.team.seats if group.role == name]
            if role.hours is not None and groups:
                yield from self._hours(name, groups)
            if role.carries is not None and groups:
                for segment in sorted({group.segment or "" for group in groups}):
                    own = [group for group in groups if (group.segment or "") == segment]
                    yield from self._carriers(name, segment, role.carries, own)

    def _ramped(self, groups: list[SeatGroup]) -> Array:
        ramped = self._op.group("ramped")
        return np.asarray(sum((ramped[group.name] for group in groups), np.zeros(self._op.months)))

    def _told(
        self, role: str, segment: str, does: str, ramped: Array, needed: Array, wanted: Array
    ) -> Iterator[Capacity]:
        for quarter in self._quarters:
            yield Capacity(role, segment, does, quarter.label, *(_mean(quarter, x) for x in (ramped, needed, wanted)))

    def _sellers(self, segment: str) -> Iterator[Capacity]:
        groups = self._op.groups_of(segment)
        ramped, room = self._ramped(groups), self._op.segment("capacity")[segment]
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(ramped > 0, room / ramped, math.nan)
            heads = np.where(np.isfinite(each) & (each > 0), self._op.needed(segment) / each, math.nan)
        roles = ", ".join(dict.fromkeys(group.role for group in groups))
        yield from self._told(roles, segment, "sell", ramped, heads, heads * self.growth)

    def _hours(self, role: str, groups: list[SeatGroup]) -> Iterator[Capacity]:
        hours = self.plan.team.roles[role].hours
        assert hours is not None
        ramped, each = self._ramped(groups), self._op.number(hours)
        need, uses_all = np.zeros(self._op.months), False
        dropped, first = self._op.cell("dropped"), self._op.reached(0)
        for cell in self._op.cells:
            by = self.plan.funnel.channels[cell[0]].qualified_by
            if by is not None and by.role == role:
                need = need + (first[cell] + dropped[cell]) * self._op.number(by.hours)
            demand = self._op.demand(cell)
            uses_all = uses_all or (demand.from_hours is not None and demand.from_hours.role == role)
        # Whoever prospects has as many meetings as hours: all that is left is used.
        used = np.maximum(need, ramped * each) if uses_all else need
        with np.errstate(divide="ignore", invalid="ignore"):
            heads = np.where(each > 0, used / each, math.nan)
        yield from self._told(
            role, "", "qualify, prospect" if uses_all else "qualify", ramped, heads, heads * self.growth
        )

    def _carriers(self, role: str, segment: str, carries: Carries, groups: list[SeatGroup]) -> Iterator[Capacity]:
        served = [name for name in sorted(self.plan.base) if segment in ("", name)]
        stock, flow = ("ending_arr", "new_arr") if carries.arr is not None else ("customers", "new_customers")
        one = carries.arr or carries.customers
        assert one is not None
        each = self._op.number(one)
        held, won = (
            np.asarray(sum((self._op.segment(name)[s] for s in served), np.zeros(self._op.months)))
            for name in (stock, flow)
        )
        more = held + (self.growth - 1.0) * np.cumsum(won)
        with np.errstate(divide="ignore", invalid="ignore"):
            needed, wanted = (np.where(each > 0, x / each, math.nan) for x in (held, more))
        does = " and ".join({"renewal": "renew", "expansion": "expand"}[duty] for duty in carries.duty)
        yield from self._told(role, segment, does, self._ramped(groups), needed, wanted)


def _mean(quarter: Span, values: Array) -> float:
    return quarter.mean(values)
