"""A plan's objects as the kernel's plain arrays. Units and names end here and nowhere else."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.baseline import log_sigma, opening_cohorts
from simengine.errors import SimengineError
from simengine.kernel.tables import Shape, Tables
from simengine.plan.schema import Base, Demand, OpeningPipeline, Plan, Quantity, Role, SeatGroup
from simengine.units import MONTHS_PER_YEAR, monthly_hazard

Column = NDArray[np.float64]
_SHAPES = {"linear": Shape.LINEAR, "s-curve": Shape.S_CURVE, "step": Shape.STEP}
_MOST_ARRIVALS = 1e7
_MOST_MEETINGS = 1e3
_ZERO, _ONE = Quantity(0.0), Quantity(1.0)


def _same(value: Any) -> Any:
    return value


def _hazard(voluntary: Any, involuntary: Any) -> Any:
    return np.vectorize(monthly_hazard)(voluntary) + np.vectorize(monthly_hazard)(involuntary)


def _monthly(rate_per_year: Any) -> Any:
    return rate_per_year / MONTHS_PER_YEAR


class Slot(NamedTuple):
    """A number that the kernel reads: a function of numbers of the plan."""

    function: Callable[..., Any]
    quantities: tuple[Quantity, ...]


@dataclass
class Slots:
    """Every number that the kernel reads, each once, in order of first use."""

    entries: dict[Slot, int] = field(default_factory=dict)
    most: dict[int, float] = field(default_factory=dict)
    """The largest value of a slot that can be simulated at all, where there is one."""

    def add(self, *quantities: Quantity, function: Callable[..., Any] = _same, most: float = math.inf) -> int:
        """The slot of function(quantities), which is at most `most`."""
        index = self.entries.setdefault(Slot(function, quantities), len(self.entries))
        self.most[index] = min(most, self.most.get(index, math.inf))
        return index

    def fill(self, values: Mapping[str, Column], draws: int) -> Column:
        """One row a draw: the value of each slot, given each assumption's column of values.

        Raises SimengineError where a value is drawn that would take more time and memory than there is.
        """
        out = np.empty((draws, len(self.entries)))
        for (function, quantities), index in self.entries.items():
            out[:, index] = function(*(quantity.of(values) for quantity in quantities))
            worst = out[:, index].max(initial=0.0)
            if worst > self.most[index]:
                name = next((q.assumption for q in quantities if q.assumption), "a number of the plan")
                raise SimengineError(
                    f"{name}: a value of {worst:.3g} a month is drawn, and at most {self.most[index]:g} can be "
                    "simulated; cut its distribution off with truncated"
                )
        return out


@dataclass(frozen=True)
class Packed:
    """A plan as the kernel reads it, and the names that its rows stand for, each in name order."""

    tables: Tables
    slots: Slots
    segments: tuple[str, ...]
    groups: tuple[str, ...]
    cells: tuple[tuple[str, str], ...]
    """(channel, segment)."""


@dataclass
class Keys:
    """Philox keys of named entities for one seed and stream."""

    seed: int
    stream: int
    rows: dict[str, int] = field(default_factory=dict)

    def add(self, name: str) -> int:
        """The row of an entity's key."""
        return self.rows.setdefault(name, len(self.rows))

    def table(self) -> NDArray[np.uint64]:
        """(entity, 2): 64 bits of BLAKE2b of seed, stream and name, as two 32-bit words, low word first."""
        words = [
            np.frombuffer(hashlib.blake2b(f"{self.seed}/{self.stream}/{name}".encode(), digest_size=8).digest(), "<u4")
            for name in self.rows
        ]
        if len({tuple(word) for word in words}) < len(words):
            raise SimengineError("two names of this plan fall on the same random numbers; run it with another seed")
        return np.array(words, np.uint64).reshape(-1, 2)


def _table(rows: Iterable[Sequence[int]], columns: int) -> NDArray[np.int64]:
    return np.array(list(rows), np.int64).reshape(-1, columns)


def _group_row(group: SeatGroup, role: Role, segment: int, slots: Slots, keys: Keys) -> list[int]:
    ramp, attrition = role.ramp, role.attrition
    unlimited = role.capacity == "unlimited"
    places = role.capacity.open_opportunities if role.capacity and not isinstance(role.capacity, str) else _ZERO
    return [
        keys.add(f"group/{group.name}"),
        segment,
        int(role.sells),
        int(unlimited),
        int(role.backfill.policy == "always"),
        _SHAPES[ramp.shape] if ramp else Shape.NONE,
        slots.add(Quantity(group.tenure_months)),
        slots.add(group.time_to_fill_delay),
        slots.add(group.delay_spread, function=log_sigma),
        slots.add(ramp.workload if ramp else _ZERO),
        slots.add(ramp.spread if ramp else _ZERO, function=log_sigma),
        slots.add(role.productivity_spread, function=log_sigma),
        slots.add(attrition.voluntary, attrition.involuntary, function=_hazard) if attrition else slots.add(_ZERO),
        slots.add(attrition.first_six_months if attrition else _ONE),
        slots.add(role.backfill.lag),
        slots.add(places),
    ]


def _seat_rows(index: int, group: SeatGroup) -> Iterable[tuple[int, int, int]]:
    yield from ((index, ordinal, 0) for ordinal in range(group.existing))
    for month, count in sorted(group.hires.items()):
        yield from ((index, ordinal, month) for ordinal in range(count))


def _cell_row(channel: str, segment: int, name: str, sold: bool, demand: Demand, slots: Slots, keys: Keys) -> list[int]:
    outliers = demand.outliers
    return [
        keys.add(f"demand/{channel}/{name}"),
        keys.add(f"pipeline/{channel}/{name}"),
        segment,
        int(sold),
        slots.add(demand.volume, most=_MOST_ARRIVALS),
        slots.add(demand.growth),
        slots.add(demand.overdispersion),
        slots.add(demand.win_rate),
        slots.add(demand.cycle),
        slots.add(demand.cycle_lost or demand.cycle),
        slots.add(demand.cycle_spread, function=log_sigma),
        slots.add(demand.deal_size),
        slots.add(demand.deal_size_spread, function=log_sigma),
        slots.add(outliers.share if outliers else _ZERO),
        slots.add(outliers.times if outliers else _ONE),
    ]


def _season(demand: Demand) -> Column:
    if demand.seasonality is None:
        return np.ones(MONTHS_PER_YEAR)
    weights = np.array(demand.seasonality.created)
    return weights * (MONTHS_PER_YEAR / math.fsum(weights))


def _segment_row(base: Base | None, slots: Slots) -> list[int]:
    if base is None:
        return [0, 0, *[slots.add(_ZERO)] * 8]
    expansion = base.expansion
    return [
        1,
        base.term_months,
        slots.add(base.renewal_rate),
        slots.add(base.contraction),
        slots.add(base.contraction_depth),
        slots.add(base.price_increase),
        slots.add(expansion.opportunities_per_customer, function=_monthly, most=_MOST_MEETINGS)
        if expansion
        else slots.add(_ZERO),
        slots.add(expansion.win_rate if expansion else _ZERO),
        slots.add(expansion.size if expansion else _ZERO),
        slots.add(expansion.size_spread if expansion else _ZERO, function=log_sigma),
    ]


def _pipeline(
    opening: OpeningPipeline, cells: Sequence[tuple[str, str]], stages: Sequence[str], start: int
) -> tuple[NDArray[np.int64], Column]:
    """Rows of the opening pipeline; ordinals count on within a cell and month of arrival, in an order of their own."""
    rows = sorted(
        (
            cells.index((row.channel, row.segment)),
            start - math.floor(row.age_months),
            stages.index(row.stage),
            row.age_months,
            -1.0 if row.value is None else row.value,
            row.count,
        )
        for row in opening.rows
        if row.count
    )
    taken: dict[tuple[int, int], int] = {}
    table, numbers = [], []
    for cell, arrival, stage, age, value, count in rows:
        ordinal = taken.get((cell, arrival), 0)
        taken[cell, arrival] = ordinal + count
        table.append((cell, stage, arrival, ordinal, count))
        numbers.append((age, value / count if value >= 0 else -1.0))
    return _table(table, 5), np.array(numbers, float).reshape(-1, 2)


def _customers(
    bases: Mapping[str, Base], segments: Sequence[str], start: int, keys: Keys
) -> tuple[NDArray[np.int64], Column]:
    """The opening customers: sizes are lognormal quantiles within each month of renewal, scaled to its ATR."""
    from scipy.special import ndtri

    rows: list[tuple[int, int, int, int, int]] = []
    sizes: list[Column] = []
    for name in sorted(bases):
        base, key = bases[name], keys.add(f"base/{name}")
        for month, arr, count in opening_cohorts(base, start):
            weights = np.exp(float(log_sigma(base.size_spread)) * ndtri((np.arange(count) + 0.5) / count))
            sizes.append(weights * (arr / math.fsum(weights)))
            rows.extend((segments.index(name), key, ordinal, start + month, month) for ordinal in range(count))
    return _table(rows, 5), np.concatenate(sizes) if sizes else np.empty(0)


def pack(plan: Plan, seed: int, stream: int = 0) -> Packed:
    """A plan as plain arrays. `stream` 1 is the other random variation of twin paths."""
    slots, keys = Slots(), Keys(seed, stream)
    funnel, start = plan.funnel, plan.plan.start
    segments = tuple(sorted(plan.segments))
    seats = sorted(plan.team.seats, key=lambda group: group.name)
    cells = tuple(sorted((name, segment) for name, channel in funnel.channels.items() for segment in channel.segments))
    demands = [funnel.channels[channel].segments[segment] for channel, segment in cells]
    calendar = np.array([plan.plan.months, start, slots.add(funnel.stale)], np.int64)
    groups = _table(
        (
            _group_row(
                group, plan.team.roles[group.role], segments.index(group.segment) if group.segment else -1, slots, keys
            )
            for group in seats
        ),
        16,
    )
    cell_table = _table(
        (
            _cell_row(
                channel,
                segments.index(segment),
                segment,
                funnel.channels[channel].sold_by == "sellers",
                demand,
                slots,
                keys,
            )
            for (channel, segment), demand in zip(cells, demands, strict=True)
        ),
        15,
    )
    customers, customer_arr = _customers(plan.base, segments, start, keys)
    pipeline, pipeline_numbers = _pipeline(funnel.opening_pipeline, cells, funnel.stages, start)
    tables = Tables(
        calendar=calendar,
        groups=groups,
        seats=_table((row for index, group in enumerate(seats) for row in _seat_rows(index, group)), 3),
        cells=cell_table,
        rates=_table(([slots.add(rate) for rate in demand.rates] for demand in demands), len(funnel.stages) - 1)
        if len(funnel.stages) > 1
        else np.empty((len(cells), 0), np.int64),
        season=np.array([_season(demand) for demand in demands]).reshape(-1, MONTHS_PER_YEAR),
        segments=_table((_segment_row(plan.base.get(name), slots) for name in segments), 10),
        pipeline=pipeline,
        pipeline_numbers=pipeline_numbers,
        customers=customers,
        customer_arr=customer_arr,
        keys=keys.table(),
    )
    return Packed(tables, slots, segments, tuple(group.name for group in seats), cells)
