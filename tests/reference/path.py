"""The reference kernel: one path of a plan in plain Python, to be read beside docs/model.md. Slow on purpose."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simengine.plan.schema import Plan
from tests.reference.chance import Chance
from tests.reference.market import (
    Cell,
    Customer,
    Opportunity,
    expand,
    opening_customers,
    opening_rows,
    renew,
)
from tests.reference.people import Person, people_of

Array = NDArray[np.float64]

SEGMENT_OUTPUTS = (
    *("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "ending_arr", "atr"),
    *("nrr_arr", "grr_arr", "one_off_bookings", "customers", "new_customers", "churned_customers"),
    *("renewals_due", "renewals", "expansions", "opportunities", "started", "stale", "won", "lost"),
    *("open", "waiting", "capacity"),
)
GROUP_OUTPUTS = ("headcount", "starts", "leavers", "working", "ramped")
CELL_OUTPUTS = ("bookings", "won")
YEAR = 12


@dataclass(frozen=True)
class ReferencePath:
    """Outputs of one path by name. Segments, groups and cells (channel, segment) are sorted by name."""

    segment: dict[str, Array]  # (month, segment)
    group: dict[str, Array]  # (month, group)
    reached: Array  # (month, cell, stage)
    cell: dict[str, Array]  # (month, cell)


class Ledger:
    """Numbers by name and month, for each of some entities."""

    def __init__(self, names: Iterable[str], entities: Iterable[object], months: int) -> None:
        self.entities = list(entities)
        self.columns = {name: {entity: [0.0] * months for entity in self.entities} for name in names}
        self.months = months

    def add(self, name: str, entity: object, month: int, amount: float = 1) -> None:
        """Count or add up something that happens in a month."""
        self.columns[name][entity][month] += amount

    def arrays(self) -> dict[str, Array]:
        """Each name as (month, entity)."""
        shape = (self.months, len(self.entities))
        return {
            name: np.array([column[entity] for entity in self.entities], float).reshape(shape[::-1]).T
            for name, column in self.columns.items()
        }


def reference_path(plan: Plan, values: Mapping[str, float], draw: int, seed: int, stream: int = 0) -> ReferencePath:
    """Play one path of the plan at the assumptions' values."""
    return _Path(plan, values, Chance(draw, seed, stream)).run()


class _Path:
    def __init__(self, plan: Plan, values: Mapping[str, float], chance: Chance) -> None:
        self.plan, self.values, self.chance = plan, values, chance
        self.start, self.months = plan.plan.start, plan.plan.months
        self.cells = [
            Cell(channel, segment, plan.funnel.channels[channel].sold_by == "sellers", demand, values)
            for channel in sorted(plan.funnel.channels)
            for segment, demand in sorted(plan.funnel.channels[channel].segments.items())
        ]
        groups = sorted(plan.team.seats, key=lambda group: group.name)
        self.people: list[Person] = [
            person
            for group in groups
            for person in people_of(group, plan.team.roles[group.role], self.start, self.months, values, chance)
        ]
        segments = sorted(plan.segments)
        self.waiting: dict[str, list[Opportunity]] = {segment: [] for segment in segments}
        self.open: dict[str, list[Opportunity]] = {segment: [] for segment in segments}
        self.customers: dict[str, list[Customer]] = {
            segment: opening_customers(segment, plan.base[segment], self.start) if segment in plan.base else []
            for segment in segments
        }
        keys = [(cell.channel, cell.segment) for cell in self.cells]
        self.segment = Ledger(SEGMENT_OUTPUTS, segments, self.months)
        self.group = Ledger(GROUP_OUTPUTS, [group.name for group in groups], self.months)
        self.cell = Ledger(CELL_OUTPUTS, keys, self.months)
        self.reached = Ledger(plan.funnel.stages, keys, self.months)

    def run(self) -> ReferencePath:
        rows = opening_rows(self.plan.funnel.opening_pipeline.rows, self.cells, self.plan.funnel.stages, self.start)
        last = len(self.plan.funnel.stages) - 1
        early: list[Opportunity] = []
        for opening in rows:
            stage = self.plan.funnel.stages.index(opening.row.stage)
            if stage == last:
                for opportunity in opening.opportunities(opening.row.count):
                    opportunity.resume(opening.row.age_months, self.chance)
                    self.open[opportunity.cell.segment].append(opportunity)
            else:
                numbers = opening.passing(stage, self.chance)
                self._count_reached(opening.cell, 0, numbers, first_stage=stage + 1)
                early += opening.opportunities(numbers[-1])
        for month in range(self.months):
            self._count_people(month)
            arrivals = self._arrivals(month) + (early if month == 0 else [])
            for segment in self.plan.segments:
                self._take_up(segment, month, [o for o in arrivals if o.cell.segment == segment])
                self._base(segment, month)
                self._close(segment, month)
                self._measure(segment, month)
        reached = self.reached.arrays()
        return ReferencePath(
            segment=self.segment.arrays(),
            group=self.group.arrays(),
            reached=np.stack([reached[stage] for stage in self.plan.funnel.stages], axis=-1),
            cell=self.cell.arrays(),
        )

    def _count_people(self, month: int) -> None:
        """Step 1: who works, who starts, who leaves."""
        for person in self.people:
            name = person.group.name
            if person.works(month):
                self.group.add("working", name, month)
                self.group.add("ramped", name, month, person.ramp(month))
            if person.counted(month):
                self.group.add("headcount", name, month)
            if person.joined and person.start == month:
                self.group.add("starts", name, month)
            if person.leaving == month:
                self.group.add("leavers", name, month)

    def _capacity(self, segment: str, month: int) -> float:
        """Opportunities that the segment's sellers can have open at once."""
        return math.fsum(
            person.places(month, self.values)
            for person in self.people
            if person.group.segment == segment and person.works(month)
        )

    def _count_reached(self, cell: Cell, month: int, numbers: list[int], first_stage: int = 0) -> None:
        for stage, number in zip(self.plan.funnel.stages[first_stage:], numbers, strict=True):
            self.reached.add(stage, (cell.channel, cell.segment), month, number)

    def _arrivals(self, month: int) -> list[Opportunity]:
        """Step 2: the month's new opportunities, in order of cell."""
        new = []
        for cell in self.cells:
            numbers = cell.reached(month, self.start + month, self.chance)
            self._count_reached(cell, month, numbers)
            new += cell.opportunities(month, self.start + month, numbers[-1])
        return new

    def _take_up(self, segment: str, month: int, new: list[Opportunity]) -> None:
        """Step 3: who is taken up, who waits, who has waited too long."""
        queue = [o for o in self.waiting[segment] if o.stale_from > month]
        self.segment.add("stale", segment, month, len(self.waiting[segment]) - len(queue))
        queue += sorted((o for o in new if o.cell.needs_seller), key=lambda o: o.place_in_queue(self.chance))

        capacity = self._capacity(segment, month)
        places = math.inf if math.isinf(capacity) else math.floor(capacity + 1e-9)
        taken = sum(o.cell.needs_seller and o.closes > month for o in self.open[segment])
        starting = [o for o in new if not o.cell.needs_seller]
        for opportunity in starting:
            opportunity.start(month, self.chance)
        while queue and taken < places:
            opportunity = queue.pop(0)
            opportunity.start(month, self.chance)
            taken += opportunity.closes > month
            starting.append(opportunity)
        self.waiting[segment] = queue
        for opportunity in queue:
            if opportunity.arrived == month:
                opportunity.wait(self.plan.funnel.stale.of(self.values), self.chance)
        self.open[segment] += starting
        self.segment.add("opportunities", segment, month, len(new))
        self.segment.add("started", segment, month, len(starting))
        self.segment.add("waiting", segment, month, len(queue))
        self.segment.add("capacity", segment, month, capacity)

    def _close(self, segment: str, month: int) -> None:
        """Step 4: what closes at the end of the month, and what it brings."""
        closing = [o for o in self.open[segment] if o.closes == month]
        self.open[segment] = [o for o in self.open[segment] if o.closes > month]
        self.segment.add("open", segment, month, len(self.open[segment]))
        for opportunity in closing:
            self.segment.add("won" if opportunity.won else "lost", segment, month)
            if opportunity.won:
                self._book(opportunity, segment, month)

    def _book(self, opportunity: Opportunity, segment: str, month: int) -> None:
        value = opportunity.value(self.chance)
        key = opportunity.cell.channel, segment
        self.cell.add("won", key, month)
        self.cell.add("bookings", key, month, value)
        if self.plan.segments[segment].sells == "once":
            self.segment.add("one_off_bookings", segment, month, value)
            return
        self.segment.add("new_arr", segment, month, value)
        self.segment.add("new_customers", segment, month)
        renews = month + self.plan.base[segment].term_months
        self.customers[segment].append(Customer(opportunity.address, value, renews, expands_from=month + 1))

    def _base(self, segment: str, month: int) -> None:
        """Step 5: renewals, then expansion, of those who were customers before this month's deals close."""
        if segment not in self.plan.base:
            return
        base = self.plan.base[segment]
        stay = []
        for customer in self.customers[segment]:
            if customer.renews == month:
                result = renew(customer, base, self.values, self.chance)
                self.segment.add("renewals_due", segment, month)
                self.segment.add("atr", segment, month, result.atr)
                self.segment.add("contraction_arr", segment, month, result.contraction)
                self.segment.add("price_arr", segment, month, result.price)
                self.segment.add("churned_arr", segment, month, result.churned)
                self.segment.add("renewals" if result.renewed else "churned_customers", segment, month)
                if not result.renewed:
                    continue
            if base.expansion is not None:
                for amount in expand(customer, base.expansion, month, self.values, self.chance):
                    self.segment.add("expansions", segment, month)
                    self.segment.add("expansion_arr", segment, month, amount)
            stay.append(customer)
        self.customers[segment] = stay

    def _measure(self, segment: str, month: int) -> None:
        """Step 6: stocks at the end of the month, and the cohort of twelve months ago."""
        customers = self.customers[segment]
        for customer in customers:
            customer.arr_at[month] = customer.arr
        self.segment.add("customers", segment, month, len(customers))
        self.segment.add("ending_arr", segment, month, math.fsum(customer.arr for customer in customers))
        if month < YEAR - 1:
            return
        for customer in customers:
            then = customer.arr_at.get(month - YEAR, 0.0)
            if then > 0:
                self.segment.add("nrr_arr", segment, month, customer.arr)
                self.segment.add("grr_arr", segment, month, min(customer.arr, then))
