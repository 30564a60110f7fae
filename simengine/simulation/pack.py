"""A plan's objects as the kernel's plain arrays. Names end here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simengine.baseline import Baseline, baseline, spreadsheet_values
from simengine.kernel.tables import Band, Calendar, Cell, Group, Segment, Tables
from simengine.plan.fields import ONE, ZERO
from simengine.plan.money import MONTHS_BILLED
from simengine.plan.schema import Plan
from simengine.simulation.customers import customer_tables, segment_row, term_tables
from simengine.simulation.market import CellName, cell_row, deal_band_rows, pipeline_tables, season_row, stage_rows
from simengine.simulation.people import BandRow, Names, band_rows, group_row, pool_tables, seat_rows, tenures
from simengine.simulation.slots import Column, Keys, Slots, Table, table
from simengine.units import MONTHS_PER_YEAR

_NEVER_FROZEN = -1


@dataclass(frozen=True)
class Packed:
    """A plan as the kernel reads it, and the names that its rows stand for, each in name order."""

    tables: Tables
    slots: Slots
    segments: tuple[str, ...]
    groups: tuple[str, ...]
    cells: tuple[CellName, ...]
    keys: Keys

    def with_luck(self, seed: int, stream: int) -> Packed:
        """The same plan with other random variation, without packing it again."""
        keys = Keys(seed, stream, self.keys.rows)
        return replace(self, tables=self.tables._replace(keys=keys.table()), keys=keys)


def pack(plan: Plan, seed: int, stream: int = 0, operating_plan: Baseline | None = None) -> Packed:
    """A plan as plain arrays.

    Parameters
    ----------
    seed : of all chance
    stream : 1 is the other random variation of twin paths
    operating_plan : the plan's baseline at plan values; worked out here if it is needed and not given
    """
    slots, keys = Slots(), Keys(seed, stream)
    funnel, team, start = plan.funnel, plan.team, plan.plan.start
    groups = sorted(team.seats, key=lambda group: group.name)
    cells = tuple(
        sorted(CellName(name, segment) for name, channel in funnel.channels.items() for segment in channel.segments)
    )
    demands = [funnel.channels[cell.channel].segments[cell.segment] for cell in cells]
    rates = {name: plan.rate_of(name) for name in plan.segments}
    names = Names(
        segments=sorted(plan.segments),
        groups=[group.name for group in groups],
        teams=sorted({group.team for group in groups if group.team}),
        budgets=sorted(_roles_with_hours(plan)),
    )
    seats = [row for index, group in enumerate(groups) for row in seat_rows(index, group)]
    pools = pool_tables(team, groups, seats, names, slots)
    first_terms, terms, term_shares = term_tables(plan.base, names.segments)
    stages = [stage_rows(demand, slots) for demand in demands]
    bands: list[BandRow] = [
        *(row for index, group in enumerate(groups) for row in band_rows(index, team.roles[group.role], slots)),
        *(
            row
            for index, (cell, demand) in enumerate(zip(cells, demands, strict=True))
            for row in deal_band_rows(index, demand, rates[cell.segment], plan.planned, slots)
        ),
    ]
    bands.sort(key=_owner_and_kind)
    customers, customer_numbers = customer_tables(plan.base, names.segments, start, rates, slots, keys)
    pipeline, pipeline_numbers = pipeline_tables(funnel.opening_pipeline, cells, funnel.stages, start, rates, names)
    tables = Tables(
        calendar=_calendar(plan, slots),
        groups=table((group_row(group, team, names, slots, keys) for group in groups), len(Group)),
        bands=table(bands, len(Band)),
        seats=pools.seats,
        tenures=tenures(groups),
        pools=pools.pools,
        members=pools.members,
        cells=table(
            (
                cell_row(cell, funnel.channels[cell.channel], demand, rates[cell.segment], names, slots, keys)
                for cell, demand in zip(cells, demands, strict=True)
            ),
            len(Cell),
        ),
        rates=_stage_table([rates_row for rates_row, _ in stages], len(funnel.stages) - 1),
        stage_lags=_stage_table([lags_row for _, lags_row in stages], len(funnel.stages) - 1),
        season=np.array([season_row(demand) for demand in demands]).reshape(-1, 2 * MONTHS_PER_YEAR),
        planned=_planned_bookings(plan, operating_plan),
        segments=table(
            (
                segment_row(name, plan.base.get(name), pools.spans[s], first_terms[s], rates[name], slots, keys)
                for s, name in enumerate(names.segments)
            ),
            len(Segment),
        ),
        terms=terms,
        term_shares=term_shares,
        pipeline=pipeline,
        pipeline_numbers=pipeline_numbers,
        customers=customers,
        customer_numbers=customer_numbers,
        varying=slots.find_varying(plan),
        keys=keys.table(),
    )
    return Packed(tables, slots, tuple(names.segments), tuple(names.groups), cells, keys)


def _owner_and_kind(band: BandRow) -> tuple[int, int]:
    return band[Band.OWNER], band[Band.KIND]


def _roles_with_hours(plan: Plan) -> set[str]:
    """Roles whose hours somebody uses."""
    channels = plan.funnel.channels.values()
    qualifying = {channel.qualified_by.role for channel in channels if channel.qualified_by}
    demands = (demand for channel in channels for demand in channel.segments.values())
    return qualifying | {demand.from_hours.role for demand in demands if demand.from_hours}


def _stage_table(rows: list[list[int]], steps: int) -> Table:
    return np.array(rows, np.int64).reshape(len(rows), steps)


def _calendar(plan: Plan, slots: Slots) -> Table:
    """Entries of `Calendar`."""
    freeze, accelerator = plan.team.hiring_freeze, plan.economics.commission.accelerator
    entries = {
        Calendar.MONTHS: plan.plan.months,
        Calendar.START: plan.plan.start,
        Calendar.FISCAL_START: plan.plan.fiscal_year_start - 1,
        Calendar.BILLING: MONTHS_BILLED[plan.economics.billing],
        Calendar.FREEZE_AFTER: freeze.after_months if freeze else _NEVER_FROZEN,
        Calendar.FREEZE_BACKFILLS: int(freeze is not None and freeze.backfills == "put off"),
        Calendar.GROWN: plan.plan.grown,
        Calendar.STALE: slots.fraction(plan.funnel.stale),
        Calendar.FREEZE_BEHIND: slots.fraction(freeze.when_behind if freeze else ZERO),
        Calendar.ACCELERATOR_ABOVE: slots.add(accelerator.above if accelerator else ZERO),
        Calendar.ACCELERATOR_RATE: slots.add(accelerator.rate if accelerator else ONE),
    }
    return np.array([entries[entry] for entry in Calendar], np.int64)


def _planned_bookings(plan: Plan, operating_plan: Baseline | None) -> Column:
    """Bookings of the operating plan by month, where a hiring freeze looks at them."""
    if plan.team.hiring_freeze is None:
        return np.empty(0)
    flows = (operating_plan or baseline(plan, spreadsheet_values(plan, "operating plan"))).segment
    bookings: Column = (flows["new_arr"] + flows["one_off_bookings"]).sum(axis=2)[0, : plan.plan.months]
    return bookings
