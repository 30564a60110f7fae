"""A plan laid out as the records that the kernel works on, with room for what a path creates."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from simengine.kernel.market import Order
from simengine.kernel.random import WIDTH
from simengine.kernel.records import (
    BAND,
    CELL,
    CUSTOMER,
    EVENT,
    FIRM,
    GROUP,
    OPPORTUNITY,
    POOL,
    ROW,
    SEAT,
    SEGMENT,
    SLOTS,
    TEAM,
    TERM,
)
from simengine.kernel.routing import Owners
from simengine.kernel.tables import (
    Band,
    BandKind,
    Calendar,
    Cell,
    Group,
    Opening,
    Pool,
    Results,
    Row,
    Seat,
    Segment,
    Tables,
)

_YEAR = 12
_NO_RATE = -1
_PARTS = 128
"""Of the calendar of expansions: some five a month, for two years."""


class Rooms(NamedTuple):
    """How much a path may hold."""

    opportunities: int = 2048
    """Waiting or open at once."""
    customers: int = 2048
    """Beyond those of the opening base."""
    events: int = 8192
    """Changes of a customer's ARR, beyond one for each customer that there can be."""

    def doubled(self) -> Rooms:
        """Twice as much of everything."""
        return Rooms(*(2 * room for room in self))


class World(NamedTuple):
    """Every record and array of a path. Records of 64-bit fields, one-dimensional, unless said otherwise."""

    firm: Any
    """One record."""
    groups: Any
    bands: Any
    seats: Any
    pools: Any
    owners: Owners
    hours: Any
    """(budget,): hours of the month, and what is left of them."""
    teams: Any
    planned: Any
    """(month,): bookings of the operating plan."""
    cells: Any
    cells_by_segment: Any
    """Whole numbers: cells, segment by segment."""
    rates: Any
    """(cell, stage - 1): from stage to stage."""
    lags: Any
    """(cell, stage - 1): months from stage to stage."""
    season: Any
    """(cell, 24): factor of each calendar month for arrivals, then for closing."""
    clock: Any
    """(cell, month + 1): what the closing clock shows at the beginning of each month."""
    segments: Any
    terms: Any
    pipeline: Any
    opportunities: Any
    closing: Any
    """(month + 1,): first opportunity that closes in the month; after the last month: of all that do later."""
    freed: Any
    """(month + 1, pool): room that is free again in the month, because what took it closes."""
    order: Order
    lucks: Any
    """(17, WIDTH): uniforms of neighbours, and room to work."""
    addresses: Any
    """(5, WIDTH): words of addresses that are drawn in one go."""
    customers: Any
    opening: int
    """Customers when the plan starts."""
    upsells: Any
    """(segment, part): first of the customers who win an expansion in that part of the segment's hazard."""
    due: Any
    """(month,): first customer whose renewal is decided in the month."""
    phases: Any
    """(segment, 12): ARR by month of billing."""
    events: Any
    events_by: Any
    """(month,): events until its end."""
    wiring: Any
    """(n, 2): place in `numbers`, slot."""
    wires: Any
    """(n, 2): place in `numbers`, column of what varies from month to month."""
    numbers: Any
    """All records that hold numbers of the plan, seen as one array of real numbers."""


_Parts = TypeVar("_Parts", World, Results)


def rooms_of(tables: Tables) -> Rooms:
    """Room for most paths of a plan of usual size."""
    opened = int(tables.pipeline[:, Row.COUNT].sum())
    return Rooms(Rooms().opportunities + opened, Rooms().customers + opened, Rooms().events + len(tables.customers))


def build(tables: Tables, rooms: Rooms) -> World:
    """The records of a plan; what is in them is overwritten by every path."""
    plan = _Plan(tables, rooms)
    pools = plan.pools()
    months, groups, cells = int(tables.calendar[Calendar.MONTHS]), tables.groups, tables.cells
    n_pools, n_segments = len(tables.pools), len(tables.segments)
    room = len(tables.customers) + rooms.customers
    wiring = np.array(list(plan.wiring()), np.int64).reshape(-1, 2)
    varying = {int(slot): column for column, (slot,) in enumerate(tables.varying)}
    wires = [(place, varying[slot]) for place, slot in wiring.tolist() if slot in varying]
    return World(
        firm=plan.firm(),
        groups=plan.groups(),
        bands=plan.facts("bands", Band),
        seats=_seats(tables),
        pools=pools,
        owners=_owners(tables, rooms, pools),
        hours=np.empty(_top(groups[:, Group.BUDGET], cells[:, Cell.BUDGET], cells[:, Cell.QUALIFIED_BY])),
        teams=np.zeros(_top(groups[:, Group.TEAM], groups[:, Group.QUOTA_OF_TEAM]), TEAM),
        planned=tables.planned,
        cells=plan.cells(),
        cells_by_segment=np.argsort(tables.cells[:, Cell.SEGMENT], kind="stable"),
        rates=plan["rates"],
        lags=plan["lags"],
        season=tables.season,
        clock=_clocks(tables),
        segments=plan.segments(),
        terms=_terms(tables),
        pipeline=_pipeline(tables),
        opportunities=np.zeros(rooms.opportunities, OPPORTUNITY),
        closing=np.empty(months + 1, np.int64),
        freed=np.empty((months + 1, n_pools)),
        order=_order(max(WIDTH, rooms.opportunities)),
        lucks=np.zeros((17, WIDTH)),
        addresses=np.zeros((5, WIDTH), np.uint64),
        customers=plan.customers(),
        opening=len(tables.customers),
        upsells=np.empty((n_segments, _PARTS), np.int64),
        due=np.empty(months, np.int64),
        phases=np.empty((n_segments, _YEAR)),
        events=np.zeros(rooms.events + room, EVENT),
        events_by=np.empty(months, np.int64),
        wiring=wiring,
        wires=np.array(wires, np.int64).reshape(-1, 2),
        numbers=plan.memory,
    )


def as_attributes(parts: _Parts) -> _Parts:
    """The same world, or results, with records whose fields Python reads as attributes, as compiled functions do."""
    return type(parts)(*map(_as_attributes, parts))


def _as_attributes(part: Any) -> Any:
    holds_records = isinstance(part, np.ndarray) and part.dtype.names is not None
    return part.view(np.recarray) if holds_records else part


def _owners(tables: Tables, rooms: Rooms, pools: NDArray[Any]) -> Owners:
    seats = len(tables.seats)
    return Owners(
        of=np.empty(rooms.opportunities, np.int64),
        owned=np.empty(seats),
        ease=np.empty(seats),
        leaving=np.zeros(seats + 1, np.int64),
        members=tables.members[:, 0].copy(),
        keys=np.empty(2 * int(pools["leaves"].sum()), np.int64),
    )


def _order(room: int) -> Order:
    return Order(np.empty(room, np.int64), np.empty(room), np.empty(room, np.int64), np.empty(room))


def _top(*columns: NDArray[np.int64]) -> int:
    """One more than the largest entry of some columns."""
    return max(int(column.max(initial=-1)) + 1 for column in columns)


class _Plan:
    """Records that hold numbers of the plan, in one piece of memory, and where in it each number goes."""

    def __init__(self, tables: Tables, rooms: Rooms) -> None:
        self.tables = tables
        steps = tables.rates.shape
        records: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
            "firm": (FIRM, (1,)),
            "groups": (GROUP, (len(tables.groups),)),
            "bands": (BAND, (len(tables.bands),)),
            "pools": (POOL, (len(tables.pools),)),
            "cells": (CELL, (len(tables.cells),)),
            "segments": (SEGMENT, (len(tables.segments),)),
            "customers": (CUSTOMER, (len(tables.customers) + rooms.customers,)),
            "rates": (np.dtype(np.float64), steps),
            "lags": (np.dtype(np.float64), steps),
        }
        self._starts, end = {}, 0
        for name, (dtype, shape) in records.items():
            self._starts[name] = end
            end += dtype.itemsize // 8 * int(np.prod(shape))
        self.memory = np.zeros(end)
        self._parts = {
            name: self.memory[start : start + dtype.itemsize // 8 * int(np.prod(shape))].view(dtype).reshape(shape)
            for (name, (dtype, shape)), start in zip(records.items(), self._starts.values(), strict=True)
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._parts[name]

    def facts(self, name: str, table: type[IntEnum]) -> NDArray[Any]:
        """The records of a table, with its facts."""
        return _with_facts(self[name], table, getattr(self.tables, name))

    def _keys(self, records: NDArray[Any], rows: NDArray[np.int64], prefix: str = "") -> None:
        for word in (0, 1):
            records[f"{prefix}k{word}"] = self.tables.keys[rows, word]

    def pools(self) -> NDArray[Any]:
        """The pools, each with room for a tree of its seats: as many leaves as the next power of two."""
        pools = self.facts("pools", Pool)
        pools["leaves"] = [1 << max(0, int(seats) - 1).bit_length() for seats in pools["seats"]]
        pools["tree"] = 2 * (np.cumsum(pools["leaves"]) - pools["leaves"])
        return pools

    def firm(self) -> NDArray[Any]:
        return _with_facts(self["firm"], Calendar, self.tables.calendar.reshape(1, -1))

    def groups(self) -> NDArray[Any]:
        """Seat groups, with their seats and bands."""
        tables, groups = self.tables, self.facts("groups", Group)
        self._keys(groups, tables.groups[:, Group.KEY])
        groups["first_seat"], groups["last_seat"] = _ranges(tables.seats[:, Seat.GROUP], len(groups))
        for kind, first, last in (
            (BandKind.HAZARD, "hazards", "last_hazard"),
            (BandKind.QUOTA, "quotas", "last_quota"),
            (BandKind.BOOKINGS, "bookings", "last_booking"),
        ):
            groups[first], groups[last] = _spans(tables, kind, len(groups))
        return groups

    def cells(self) -> NDArray[Any]:
        """(channel, segment) pairs, with their deal bands."""
        tables, cells = self.tables, self.facts("cells", Cell)
        self._keys(cells, tables.cells[:, Cell.KEY])
        self._keys(cells, tables.cells[:, Cell.OPEN_KEY], "open_")
        first, last = _spans(tables, BandKind.DEAL, len(cells))
        cells["first_band"], cells["bands"] = first, last - first
        closing = tables.season[:, _YEAR:]
        cells["even"] = (closing == closing[:, :1]).all(axis=1)
        return cells

    def segments(self) -> NDArray[Any]:
        segments = self.facts("segments", Segment)
        self._keys(segments, self.tables.segments[:, Segment.KEY])
        of_cells = np.sort(self.tables.cells[:, Cell.SEGMENT])
        segments["first_cell"], segments["last_cell"] = _ranges(of_cells, len(segments))
        return segments

    def customers(self) -> NDArray[Any]:
        """The opening customers, and room for new ones."""
        opening, numbers = self.tables.customers, self.tables.customer_numbers
        customers = self["customers"]
        known = customers[: len(opening)]
        self._keys(known, opening[:, Opening.KEY])
        for name in ("segment", "ordinal", "period"):
            known[name] = opening[:, Opening[name.upper()]]
        known["first_due"] = opening[:, Opening.DUE]
        known["phase"] = opening[:, Opening.DUE] % self.tables.calendar[Calendar.BILLING]
        known["opening"], known["rank"] = numbers.T
        known["rate"] = _NO_RATE
        known["run"] = _runs(opening)
        return customers

    def wiring(self) -> Iterator[tuple[int, int]]:
        """Where each number of the plan goes: (place, slot)."""
        tables = self.tables
        yield from self._wired("firm", Calendar, tables.calendar.reshape(1, -1))
        for name, table in (
            ("groups", Group), ("bands", Band), ("pools", Pool), ("cells", Cell), ("segments", Segment)
        ):  # fmt: skip
            yield from self._wired(name, table, getattr(tables, name))
        for name, slots in (("rates", tables.rates), ("lags", tables.stage_lags)):
            for i, slot in enumerate(slots.ravel()):
                yield self._starts[name] + i, int(slot)
        for n, slot in enumerate(tables.customers[:, Opening.RENEWAL_RATE]):
            if slot >= 0:
                yield self._place("customers", n, "rate"), int(slot)

    def _wired(self, name: str, table: type[IntEnum], rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        for n, row in enumerate(rows):
            for column in table:
                if column in SLOTS[table]:
                    yield self._place(name, n, column.name.lower()), int(row[column])

    def _place(self, name: str, n: int, field: str) -> int:
        """Place of a field of a record in memory."""
        dtype = self[name].dtype
        assert dtype.fields is not None
        return self._starts[name] + n * (dtype.itemsize // 8) + dtype.fields[field][1] // 8


def _with_facts(records: NDArray[Any], table: type[IntEnum], rows: NDArray[np.int64]) -> NDArray[Any]:
    """The records, with the facts of their rows of a table."""
    for column in table:
        if column not in SLOTS.get(table, ()):
            records[column.name.lower()] = rows[:, column]
    return records


def _ranges(owners: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Where what the owners 0 … count - 1 have begins and ends, (2, owner), in a sorted column of owners."""
    numbers = np.arange(count)
    return np.stack([np.searchsorted(owners, numbers), np.searchsorted(owners, numbers, "right")])


def _spans(tables: Tables, kind: BandKind, owners: int) -> NDArray[np.int64]:
    """The same for the bands of a kind, which are sorted by owner and kind; none begin and end at 0."""
    rows = np.flatnonzero(tables.bands[:, Band.KIND] == kind)
    first, last = _ranges(tables.bands[rows, Band.OWNER], owners)
    some, spans = last > first, np.zeros((2, owners), np.int64)
    spans[:, some] = rows[first[some]], rows[last[some] - 1] + 1
    return spans


def _seats(tables: Tables) -> NDArray[Any]:
    seats = _with_facts(np.zeros(len(tables.seats), SEAT), Seat, tables.seats)
    seats["tenure"] = tables.tenures
    return seats


def _terms(tables: Tables) -> NDArray[Any]:
    terms = np.zeros(len(tables.terms), TERM)
    terms["months"], terms["share"] = tables.terms[:, 0], tables.term_shares
    return terms


def _pipeline(tables: Tables) -> NDArray[Any]:
    rows = _with_facts(np.zeros(len(tables.pipeline), ROW), Row, tables.pipeline)
    rows["age"], rows["value"] = tables.pipeline_numbers.T
    return rows


def _clocks(tables: Tables) -> NDArray[np.float64]:
    """Weights of closing, added up month by month."""
    months, start = int(tables.calendar[Calendar.MONTHS]), int(tables.calendar[Calendar.START])
    clock = np.zeros((len(tables.cells), months + 1))
    for t in range(months):
        clock[:, t + 1] = clock[:, t] + tables.season[:, _YEAR + (start + t) % _YEAR]
    return clock


def _runs(opening: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each customer, how many from there on have the same key and period and ordinals that count on."""
    here, after = opening[:-1], opening[1:]
    breaks = (
        (here[:, Opening.KEY] != after[:, Opening.KEY])
        | (here[:, Opening.PERIOD] != after[:, Opening.PERIOD])
        | (here[:, Opening.ORDINAL] + 1 != after[:, Opening.ORDINAL])
    )
    ends = np.append(np.flatnonzero(breaks) + 1, len(opening))
    rows = np.arange(len(opening))
    return np.asarray(ends[np.searchsorted(ends, rows, "right")] - rows)
