"""The operating plan worked out: the spreadsheet at the values that the plan counts on, by name and by period."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from simengine.baseline import Baseline, baseline
from simengine.plan.header import Header
from simengine.plan.market import Demand
from simengine.plan.people import Capacity, SeatGroup
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.reading.parts import Figure
from simengine.results.books import EVERYTHING, Ledger
from simengine.results.economics import metric
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR

Array = NDArray[np.float64]
Name = TypeVar("Name")
CellName = tuple[str, str]
"""Channel and segment."""

_MOVED_BY_BOOKINGS = frozenset({"new_arr", "bookings", "net_new_arr", "ending_arr"})
"""Metrics that grow by what sellers book more."""


class Span(NamedTuple):
    """A fiscal period as far as it lies in the plan: first and last month from 0, and whether that is all of it."""

    label: str
    first: int
    last: int
    whole: bool

    @property
    def months(self) -> int:
        """How many months of it lie in the plan."""
        return self.last - self.first + 1

    def total(self, flow: Array) -> float:
        """Sum of a flow over its months."""
        return float(flow[self.first : self.last + 1].sum())

    def mean(self, stock: Array) -> float:
        """Mean of its months."""
        return self.total(stock) / self.months

    def end(self, stock: Array) -> float:
        """Value in its last month."""
        return float(stock[self.last])


def spans(header: Header, length: int) -> list[Span]:
    """The fiscal periods of 3 or 12 months that the plan touches.

    >>> from simengine.units import month_number
    >>> header = Header.model_construct(start=month_number("2026-12"), months=5, fiscal_year_start=2)
    >>> [(span.label, span.months) for span in spans(header, 3)]
    [('FY2027-Q4', 2), ('FY2028-Q1', 3)]
    """
    found: dict[str, list[int]] = {}
    for t in range(header.months):
        year, month = divmod(header.start + t - (header.fiscal_year_start - 1), MONTHS_PER_YEAR)
        label = f"FY{year + (header.fiscal_year_start > 1)}"
        found.setdefault(label if length == MONTHS_PER_YEAR else f"{label}-Q{month // 3 + 1}", []).append(t)
    return [Span(label, ts[0], ts[-1], len(ts) == length) for label, ts in found.items()]


def loaded(needed: float, room: float) -> float:
    """Room needed over room there; NaN where room has no limit or nothing is needed, infinite where there is none.

    >>> loaded(3.0, 4.0), loaded(3.0, 0.0), loaded(3.0, math.inf)
    (0.75, inf, nan)
    """
    if needed == 0 or math.isinf(room):
        return math.nan
    return needed / room if room > 0 else math.inf


class OperatingPlan:
    """A plan and its baseline at plan values. Arrays of outputs are (month,)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.quarters, self.years = spans(plan.plan, 3), spans(plan.plan, MONTHS_PER_YEAR)
        self._timeline = Timeline(plan, plan.planned)

    @cached_property
    def year(self) -> Span:
        """The first whole fiscal year; all of the plan where there is none."""
        return next((year for year in self.years if year.whole), Span("the plan", 0, self.plan.plan.months - 1, False))

    @cached_property
    def _baseline(self) -> Baseline:
        return baseline(self.plan, self.plan.planned)

    @cached_property
    def _ledger(self) -> Ledger:
        return Ledger(self.plan, self._baseline)

    def segment(self, output: str) -> dict[str, Array]:
        """An output by segment."""
        return self._named("segment", output, sorted(self.plan.segments))

    def group(self, output: str) -> dict[str, Array]:
        """An output by seat group."""
        return self._named("group", output, sorted(group.name for group in self.plan.team.seats))

    def cell(self, output: str) -> dict[CellName, Array]:
        """An output by channel and segment."""
        return self._named("cell", output, self.cells)

    def pool(self, output: str) -> dict[tuple[str, str], Array]:
        """An output by segment and territory, of segments that have territories."""
        names = [
            (segment, pool)
            for segment in sorted(self.plan.segments)
            for pool in ([t.name for t in self.plan.team.territories_of(segment)] or [""])
        ]
        return {name: values for name, values in self._named("pool", output, names).items() if name[1]}

    def reached(self, stage: int) -> dict[CellName, Array]:
        """Arrivals at a stage of the funnel by channel and segment."""
        arrivals = self._baseline.reached[0, :, :, stage]
        return dict(zip(self.cells, arrivals.T, strict=True))

    def _named(self, kind: str, output: str, names: list[Name]) -> dict[Name, Array]:
        values: Array = getattr(self._baseline, kind)[output][0]
        return dict(zip(names, values.T, strict=True))

    @cached_property
    def cells(self) -> list[CellName]:
        """Channels and segments, as they are sorted in results."""
        return sorted((channel, s) for channel, entry in self.plan.funnel.channels.items() for s in entry.segments)

    def demand(self, cell: CellName) -> Demand:
        """What the plan says of a channel in a segment."""
        return self.plan.funnel.channels[cell[0]].segments[cell[1]]

    def sold(self, segment: str) -> list[CellName]:
        """The channels of a segment that need sellers."""
        channels = self.plan.funnel.channels
        return [cell for cell in self.cells if cell[1] == segment and channels[cell[0]].sold_by == "sellers"]

    def number(self, quantity: Quantity, *also: str, low: float = 0.0, high: float = math.inf) -> Array:
        """A number of the plan by month, as `Timeline.of` has it."""
        return np.array(np.broadcast_to(self._timeline.of(quantity, *also, low=low, high=high)[0], self.months))

    @property
    def months(self) -> int:
        """Months of the plan."""
        return self.plan.plan.months

    def share(self, quantity: Quantity) -> Array:
        """A fraction of the plan by month."""
        return self.number(quantity, high=1.0)

    def figure(self, quantity: Quantity, unit: str, *also: str, low: float = 0.0) -> Figure:
        """A number of the plan at the start, and at the end where that is another one."""
        return self.ends(self.number(quantity, *also, low=low, high=1.0 if unit == "fraction" else math.inf), unit)

    @staticmethod
    def ends(values: Array, unit: str) -> Figure:
        """The first and the last of some months' values."""
        first, last = float(values[0]), float(values[-1])
        return Figure(first, unit, None if first == last else last)

    def in_force(self, event: str) -> Array:
        """1 in the months in which the plan counts on an event, 0 otherwise."""
        return np.asarray(self._timeline.in_force(event)[0], np.float64)

    def begins(self, event: str) -> Array:
        """1 in the month in which the plan counts on the beginning of an event."""
        return np.asarray(self._timeline.begins(event)[0], np.float64)

    def unit_of(self, name: str) -> str:
        """Unit of what an event acts on: an assumption, or the volume of a channel."""
        assumption = self.plan.assumptions.get(name)
        return "count per month" if assumption is None else assumption.unit

    # ---- what several chapters need ----

    def groups_of(self, segment: str) -> list[SeatGroup]:
        """The seat groups that sell in a segment."""
        roles = self.plan.team.roles
        return [group for group in self.plan.team.seats if group.segment == segment and roles[group.role].sells]

    def worth(self, cell: CellName) -> Array:
        """Mean size of a won deal by month, outliers included, in the plan's currency."""
        demand = self.demand(cell)
        size = self.number(demand.deal_size) * self.plan.rate_of(cell[1])
        if demand.outliers is None:
            return size
        return size * (1.0 + self.share(demand.outliers.share) * (self.number(demand.outliers.times) - 1.0))

    def mean_cycle(self, cell: CellName) -> Array:
        """Mean months for which an opportunity is worked, won or lost, by month."""
        demand = self.demand(cell)
        win_rate = self.share(demand.win_rate)
        return win_rate * self.number(demand.cycle) + (1.0 - win_rate) * self.number(demand.cycle_lost or demand.cycle)

    def in_money(self, segment: str) -> bool:
        """Whether sellers' room in a segment is an amount of pipeline."""
        roles = (self.plan.team.roles[group.role] for group in self.groups_of(segment))
        return any(isinstance(role.capacity, Capacity) and role.capacity.pipeline is not None for role in roles)

    def needed(self, segment: str) -> Array:
        """Room that the opportunities of each month take if all of them start: arrivals times cycle (Little's law)."""
        opportunities = self.cell("opportunities")
        room = np.zeros(self.months)
        for cell in self.sold(segment):
            load = self.worth(cell) if self.in_money(segment) else 1.0
            room += opportunities[cell] * self.mean_cycle(cell) * load
        return room

    def load(self, segment: str, span: Span) -> float:
        """Room needed over room there, in a span."""
        return loaded(span.total(self.needed(segment)), span.total(self.segment("capacity")[segment]))

    def quota_groups(self) -> Iterator[SeatGroup]:
        """The seat groups whose people carry a quota of their own."""
        for group in self.plan.team.seats:
            if isinstance(self.plan.team.roles[group.role].quota, Quantity):
                yield group

    def street_quota(self, span: Span) -> float:
        """Sum of the quotas that sellers carry in a span."""
        quota = self.group("quota")
        return sum(span.total(quota[group.name]) for group in self.quota_groups())

    def sellers_bookings(self, span: Span) -> float:
        """Bookings credited to those who carry a quota of their own, in a span."""
        credited = self.group("credited")
        return sum(span.total(credited[group.name]) for group in self.quota_groups())

    def metric(self, name: str, span: Span, where: Mapping[str, str] = EVERYTHING) -> float:
        """A metric of the operating plan over a span, of the company or of a group."""
        return float(np.broadcast_to(metric(self._ledger.books(where), name, span.first, span.last), 1)[0])

    def needs(self, span: Span) -> dict[str, float]:
        """What sellers must book in a fiscal year to reach each of its targets, everything else as planned."""
        sellers = self.sellers_bookings(span)
        return {
            target.name: target.at_least - self.metric(target.metric, span) + sellers
            for target in self.plan.targets
            if target.metric in _MOVED_BY_BOOKINGS
            and target.period == span.label
            and not target.where
            and target.at_least is not None
        }

    def opening_arr(self, segment: str | None = None) -> float:
        """ARR when the plan starts, of a segment or of all, in the plan's currency."""
        names = self.plan.base if segment is None else [segment]
        return sum(self.plan.base[name].arr * self.plan.rate_of(name) for name in names)
