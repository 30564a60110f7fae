"""Steps 2 to 4 put together: what a segment's sellers, and self-service, make of its demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simengine.baseline.deals import BOOKED, WON, Owner, Pool, Pools, Stream
from simengine.baseline.demand import Arrivals, CellName, Member, members
from simengine.baseline.numbers import Array, Numbers
from simengine.baseline.people import Seats
from simengine.baseline.quotas import potentials
from simengine.baseline.ranks import nodes
from simengine.baseline.streams import cell_streams
from simengine.plan.people import Capacity, Role

_UNLIMITED_ROOM = 1e6
SEGMENT_OUTPUTS = (
    *("opportunities", "started", "stale", "won", "lost", "open", "waiting", "capacity", "pipeline"),
    *("new_arr", "new_customers", "one_off_bookings"),
    *("new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller"),
)
POOL_OUTPUTS = ("arrived", "started", "stale", "waiting", "load", "capacity", "credited")


@dataclass
class Market:
    """What becomes of a segment's opportunities, by month."""

    segment: dict[str, Array]
    cell: dict[CellName, dict[str, Array]]
    reached: dict[CellName, Array]
    """(stage, month)."""
    pool: dict[str, dict[str, Array]]
    credited: dict[str, Array]
    """Bookings by group."""
    customers: Array
    """New customers by month and rank of size."""
    arr: Array
    """Their ARR."""


def work_segment(
    numbers: Numbers, segment: str, demand: Mapping[CellName, Arrivals], people: Mapping[str, list[Seats]]
) -> Market:
    """Everything that happens to the opportunities of a segment."""
    plan, months = numbers.plan, numbers.months
    grid = nodes(plan.base.get(segment))
    names = [name for name in demand if name.segment == segment]
    cells = [cell_streams(numbers, i, name, demand[name].opportunities, grid) for i, name in enumerate(names)]
    reached = {name: demand[name].reached.copy() for name in names}
    for name, cell in zip(names, cells, strict=True):
        reached[name][:, 0] += cell.reached
    territories, sellers = _sellers(numbers, segment, members(plan, segment, people))
    house = Pools([Pool([], np.full(months, np.inf), one_seat=False)], in_money=False)
    potential = potentials(numbers, segment) or {"": np.ones(months)}
    stale = numbers.fraction(plan.funnel.stale)
    out = {output: np.zeros(months) for output in SEGMENT_OUTPUTS}
    by_cell = [{output: np.zeros(months) for output in ("won", "bookings")} for _ in names]
    found = Market(out, {}, reached, {}, {}, np.zeros((months, len(grid))), np.zeros((months, len(grid))))
    for pools, shares, sold in (
        (sellers, np.array([potential[name] for name in territories]), True),
        (house, np.ones((1, months)), False),
    ):
        streams, resumed = _of(numbers, names, [cell.streams for cell in cells], sold), []
        offset = 0
        for name, cell in zip(names, cells, strict=True):
            if (plan.funnel.channels[name.channel].sold_by == "sellers") == sold:
                resumed += [row._replace(stream=row.stream + offset) for row in cell.resumed]
                offset += len(cell.streams)
        if not sold and not streams:
            continue
        pools.run(streams, resumed, shares, stale)
        arrived = shares * sum((stream.arrivals for stream in streams), np.zeros(months))
        opened = shares[:, 0].sum() * sum(row.number for row in resumed)
        _add(numbers, found, by_cell, pools, streams, arrived.sum(axis=0), opened)
        if sold:
            out["capacity"] += pools.capacity.sum(axis=0)
            credited = pools.closed[BOOKED].sum(axis=(1, 2))
            for p, territory in enumerate(territories):
                found.pool[territory] = {
                    **{"arrived": arrived[p], "started": pools.started[p], "stale": pools.stale[p]},
                    **{"waiting": pools.waiting[p], "load": pools.taken[p]},
                    **{"capacity": pools.capacity[p], "credited": credited[p]},
                }
    once = plan.segments[segment].sells == "once"
    bookings = np.asarray(sum((each["bookings"] for each in by_cell), np.zeros(months)))
    out["one_off_bookings" if once else "new_arr"] += bookings
    if once:
        for output in ("pipeline", "existing", "hires"):
            out[f"new_from_{output}"][:] = 0.0
        out["new_without_seller"][:] = 0.0
    else:
        out["new_customers"] += out["won"]
    for name, each in zip(names, by_cell, strict=True):
        found.cell[name] = {
            **each,
            "new_arr": np.zeros(months) if once else each["bookings"],
            "opportunities": reached[name][-1] if len(plan.funnel.stages) > 1 else demand[name].opportunities,
            "dropped": demand[name].dropped,
        }
    return found


def _of(numbers: Numbers, names: list[CellName], streams: list[list[Stream]], sold: bool) -> list[Stream]:
    """The streams of cells that sellers work, or of self-service."""
    channels = numbers.plan.funnel.channels
    return [
        stream
        for name, of_cell in zip(names, streams, strict=True)
        if (channels[name.channel].sold_by == "sellers") == sold
        for stream in of_cell
    ]


def _add(
    numbers: Numbers,
    found: Market,
    by_cell: list[dict[str, Array]],
    pools: Pools,
    streams: list[Stream],
    arrived: Array,
    opened: float,
) -> None:
    """Add what pools have made to their segment, cells and groups."""
    out, closed = found.segment, pools.closed
    started, stale, waiting, value, lost = (
        each.sum(axis=0) for each in (pools.started, pools.stale, pools.waiting, pools.value, pools.lost)
    )
    deals, bookings = closed[WON].sum(axis=(0, 1)), closed[BOOKED].sum(axis=(0, 1))
    won = deals.sum(axis=0)
    flows = {"opportunities": arrived, "started": started, "stale": stale, "waiting": waiting, "pipeline": value}
    flows |= {"won": won, "lost": lost, "open": opened + np.cumsum(started - won - lost)}
    for output, flow in flows.items():
        out[output] += flow
    for stream, wins, booked in zip(streams, deals, bookings, strict=True):
        by_cell[stream.cell]["won"] += wins
        by_cell[stream.cell]["bookings"] += booked
        found.customers += wins[:, None] * stream.customers
        found.arr += booked[:, None] * stream.arr
        if stream.opening:
            out["new_from_pipeline"] += booked
    new = closed[BOOKED][:, :, [not stream.opening for stream in streams]].sum(axis=2)
    by_owner = closed[BOOKED].sum(axis=2)
    out["new_without_seller"] += new[:, -1].sum(axis=0)
    for p, pool in enumerate(pools.pools):
        for o, owner in enumerate(pool.owners):
            out["new_from_existing" if owner.existing else "new_from_hires"] += new[p, o]
            before = found.credited.get(owner.group, np.zeros(numbers.months))
            found.credited[owner.group] = before + by_owner[p, o]


def _sellers(numbers: Numbers, segment: str, workers: list[Member]) -> tuple[list[str], Pools]:
    """The pools of a segment and their territories, in order: one that is called '' where it has none."""
    team = numbers.plan.team
    names = [territory.name for territory in team.territories_of(segment)] or [""]
    selling = [team.roles[group.role] for group in team.seats if group.segment == segment]
    in_money = any(isinstance(r.capacity, Capacity) and r.capacity.pipeline is not None for r in selling)
    return names, Pools([_pool(numbers, [w for w in workers if w.territory == name]) for name in names], in_money)


def _pool(numbers: Numbers, workers: list[Member]) -> Pool:
    owners: list[Owner] = []
    capacity, seats = np.zeros(numbers.months), 0.0
    for worker in workers:
        out, role, part = worker.seats.out, worker.seats.rules.role, worker.share
        room = part * _room(numbers, role)
        hired = out["ramped"] - out["existing"]
        seats += part * worker.seats.count
        for existing, worked, leaving, ahead in (
            (True, out["existing"], out["leaving_existing"], 0.0),
            (False, hired, out["leaving_hired"], out["ahead"]),
        ):
            owners.append(
                Owner(
                    worker.group,
                    existing,
                    room=room * (worked + ahead),
                    leaving=room * leaving,
                    staying=room * np.maximum(0.0, worked - leaving),
                    delay=role.leaver_pipeline.reassigned_after,
                    times=numbers.fraction(role.leaver_pipeline.win_rate),
                    refilled=worker.seats.rules.backfill is not None,
                )
            )
        capacity = capacity + room * (out["ramped"] + out["ahead"])
        if role.capacity == "unlimited":
            capacity[out["working"] > 0] = np.inf
    return Pool(owners, capacity, one_seat=round(seats) == 1)


def _room(numbers: Numbers, role: Role) -> Array:
    """Room of a ramped seller of average productivity, in opportunities or in money."""
    if isinstance(role.capacity, Capacity):
        return numbers.of(role.capacity.open_opportunities or role.capacity.pipeline)
    return np.full(numbers.months, _UNLIMITED_ROOM)
