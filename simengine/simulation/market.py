"""Channels, stages and the opening pipeline as tables of the kernel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simengine.kernel.tables import BandKind, Cell, Row, Source
from simengine.plan.fields import ONE, ZERO
from simengine.plan.market import Channel, Demand, OpeningPipeline, Weights
from simengine.plan.scalars import Quantity
from simengine.simulation.people import BandRow, Names
from simengine.simulation.slots import Column, Keys, Slots, Table, numbers, table
from simengine.units import MONTHS_PER_YEAR

_MOST_ARRIVALS = 1e7
_DRAWN = -1.0


class CellName(NamedTuple):
    """A channel into a segment."""

    channel: str
    segment: str


def cell_row(
    cell: CellName, channel: Channel, demand: Demand, rate: float, names: Names, slots: Slots, keys: Keys
) -> list[int]:
    """Columns of `Cell`; money times `rate` is in the plan's currency."""
    source, volume = _source(channel, demand)
    hours, response, outliers = demand.from_hours, channel.response, demand.outliers
    # what is made from hours is qualified by whoever made it
    qualified = None if hours else channel.qualified_by
    row = {
        Cell.KEY: keys.add(f"demand/{cell.channel}/{cell.segment}"),
        Cell.OPEN_KEY: keys.add(f"pipeline/{cell.channel}/{cell.segment}"),
        Cell.SEGMENT: names.segments.index(cell.segment),
        Cell.SOLD: int(channel.sold_by == "sellers"),
        Cell.SOURCE: source,
        Cell.BUDGET: names.budget(hours.role if hours else None),
        Cell.QUALIFIED_BY: names.budget(qualified.role if qualified else None),
        Cell.VOLUME: slots.add(volume, also=(cell.channel, f"{cell.channel}/{cell.segment}"), most=_MOST_ARRIVALS),
        Cell.WEIGHT: slots.add(hours.weight if hours else ZERO),
        Cell.QUALIFYING_HOURS: slots.add(qualified.hours if qualified else ZERO),
        Cell.SPEND: slots.add(channel.spend),
        Cell.AT_SPEND: slots.add(response.at_spend if response else ONE),
        Cell.HALF_SATURATION: slots.add(response.half_saturation if response else ONE),
        Cell.GROWTH: slots.add(demand.growth, low=-0.99),
        Cell.OVERDISPERSION: slots.add(demand.overdispersion, low=1.0),
        Cell.WIN_RATE: slots.fraction(demand.win_rate),
        Cell.CYCLE: slots.add(demand.cycle),
        Cell.CYCLE_LOST: slots.add(demand.cycle_lost or demand.cycle),
        Cell.CYCLE_SIGMA: slots.sigma(demand.cycle_spread),
        Cell.DEAL_SIZE: slots.add(demand.deal_size, scale=rate),
        Cell.DEAL_SIGMA: slots.sigma(demand.deal_size_spread),
        Cell.OUTLIER_SHARE: slots.fraction(outliers.share if outliers else ZERO),
        Cell.OUTLIER_TIMES: slots.add(outliers.times if outliers else ONE),
    }
    return [int(row[column]) for column in Cell]


def _source(channel: Channel, demand: Demand) -> tuple[Source, Quantity]:
    """Where arrivals come from, and the number that they are in proportion to."""
    if demand.from_hours is not None:
        return Source.HOURS, demand.from_hours.per_hour
    if demand.from_sellers is not None:
        return Source.SELLERS, demand.from_sellers
    return Source.RESPONSE if channel.response else Source.VOLUME, demand.volume or ZERO


def stage_rows(demand: Demand, slots: Slots) -> tuple[list[int], list[int]]:
    """Slots of the rates from stage to stage, and of the months that it takes."""
    lags = demand.stage_lags or (ZERO,) * len(demand.rates)
    return [slots.fraction(rate) for rate in demand.rates], [slots.add(lag) for lag in lags]


def season_row(demand: Demand) -> Column:
    """Factors of the calendar months for arrivals, then for closing; mean one each."""
    return np.concatenate([_factors(demand.seasonality.created), _factors(demand.seasonality.closed)])


def _factors(weights: Weights | None) -> Column:
    if weights is None:
        return np.ones(MONTHS_PER_YEAR)
    return np.array(weights) * (MONTHS_PER_YEAR / math.fsum(weights))


def deal_band_rows(
    cell: int, demand: Demand, rate: float, planned: dict[str, float], slots: Slots
) -> Iterator[BandRow]:
    """Columns of `Band`: what changes with the size of a deal."""
    for band in sorted(demand.deal_bands, key=lambda band: float(band.above.of(planned))):
        above = slots.add(band.above, scale=rate)
        yield cell, BandKind.DEAL, above, slots.add(band.win_rate), slots.add(band.cycle)


def pipeline_tables(
    opening: OpeningPipeline,
    cells: Sequence[CellName],
    stages: Sequence[str],
    start: int,
    rates: dict[str, float],
    names: Names,
) -> tuple[Table, Column]:
    """Rows of the opening pipeline; ordinals count on within a cell and month of arrival, in an order of their own.

    Those that wait come last, in the order in which they are taken up.
    """
    rows = sorted(
        (
            cells.index(CellName(row.channel, row.segment)),
            start - math.floor(row.age_months),
            stages.index(row.stage),
            row.age_months,
            _DRAWN if row.value is None else row.value * rates[row.segment],
            row.owner or "",
            row.count,
            row.waiting,
        )
        for row in opening.rows
        if row.count
    )
    taken: dict[tuple[int, int], int] = {}
    found, ages_and_values = [], []
    for cell, arrival, stage, age, value, owner, count, waiting in rows:
        ordinal = taken.get((cell, arrival), 0)
        taken[cell, arrival] = ordinal + count
        found.append((cell, stage, arrival, ordinal, count, names.group(owner or None), int(waiting)))
        ages_and_values.append((age, value / count if value >= 0 else _DRAWN))
    order = sorted(range(len(found)), key=lambda i: found[i][Row.ARRIVAL] if found[i][Row.WAITING] else 0)
    return table([found[i] for i in order], len(Row)), numbers([ages_and_values[i] for i in order], 2)
