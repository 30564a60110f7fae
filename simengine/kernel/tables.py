"""How a plan looks to the kernel: plain arrays, with names for their columns.

`slots` holds one row a draw: every number of the plan, constant or assumption, in the kernel's units. Tables hold, for
each entity, in which slot its numbers stand. Entities are in name order; their chance is addressed by `keys`, never by
row.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple


class Calendar(IntEnum):
    """Entries of `calendar`."""

    MONTHS = 0
    START = 1
    """Absolute month of t = 0."""
    STALE = 2
    """Slot: share of waiting opportunities that go stale in a month."""


class Group(IntEnum):
    """Columns of `groups`: seat groups."""

    KEY = 0
    SEGMENT = 1
    SELLS = 2
    UNLIMITED = 3
    BACKFILL = 4
    SHAPE = 5
    TENURE = 6
    """Slot, as are all that follow: months in the job at the start, of existing people."""
    DELAY = 7
    DELAY_SIGMA = 8
    RAMP = 9
    RAMP_SIGMA = 10
    PRODUCTIVITY_SIGMA = 11
    HAZARD = 12
    EARLY = 13
    LAG = 14
    PLACES = 15


class Shape(IntEnum):
    """Forms of the ramp."""

    NONE = 0
    LINEAR = 1
    S_CURVE = 2
    STEP = 3


class Seat(IntEnum):
    """Columns of `seats`."""

    GROUP = 0
    ORDINAL = 1
    PLANNED = 2
    """Absolute month; 0 if the seat is filled at the start."""


class Cell(IntEnum):
    """Columns of `cells`: (channel, segment) pairs."""

    KEY = 0
    OPEN_KEY = 1
    SEGMENT = 2
    SOLD = 3
    """1 if sellers work it, 0 if it is self-service."""
    VOLUME = 4
    """Slot, as are all that follow."""
    GROWTH = 5
    OVERDISPERSION = 6
    WIN_RATE = 7
    CYCLE = 8
    CYCLE_LOST = 9
    CYCLE_SIGMA = 10
    DEAL_SIZE = 11
    DEAL_SIGMA = 12
    OUTLIER_SHARE = 13
    OUTLIER_TIMES = 14


class Segment(IntEnum):
    """Columns of `segments`."""

    SUBSCRIPTION = 0
    TERM = 1
    RENEWAL_RATE = 2
    """Slot, as are all that follow."""
    CONTRACTION = 3
    DEPTH = 4
    PRICE = 5
    EXPANSION_RATE = 6
    EXPANSION_WIN_RATE = 7
    EXPANSION_SIZE = 8
    EXPANSION_SIGMA = 9


class Row(IntEnum):
    """Columns of `pipeline`: what is open when the plan starts."""

    CELL = 0
    STAGE = 1
    ARRIVAL = 2
    ORDINAL = 3
    COUNT = 4


class Opening(IntEnum):
    """Columns of `customers`: the base when the plan starts."""

    SEGMENT = 0
    KEY = 1
    ORDINAL = 2
    PERIOD = 3
    DUE = 4


class SegmentOut(IntEnum):
    """Results by path, month and segment."""

    NEW_ARR = 0
    EXPANSION_ARR = 1
    PRICE_ARR = 2
    CONTRACTION_ARR = 3
    CHURNED_ARR = 4
    ENDING_ARR = 5
    ATR = 6
    NRR_ARR = 7
    GRR_ARR = 8
    ONE_OFF_BOOKINGS = 9
    CUSTOMERS = 10
    NEW_CUSTOMERS = 11
    CHURNED_CUSTOMERS = 12
    RENEWALS_DUE = 13
    RENEWALS = 14
    EXPANSIONS = 15
    OPPORTUNITIES = 16
    STARTED = 17
    STALE = 18
    WON = 19
    LOST = 20
    OPEN = 21
    WAITING = 22
    CAPACITY = 23


class GroupOut(IntEnum):
    """Results by path, month and seat group."""

    HEADCOUNT = 0
    STARTS = 1
    LEAVERS = 2
    WORKING = 3
    RAMPED = 4


class CellOut(IntEnum):
    """Results by path, month and (channel, segment)."""

    BOOKINGS = 0
    WON = 1


class Tables(NamedTuple):
    """A plan as the kernel reads it. Integer tables are int64, `keys` uint64, the rest float64."""

    calendar: Any
    keys: Any
    """(entity, 2): Philox keys, two 32-bit words."""
    groups: Any
    seats: Any
    cells: Any
    rates: Any
    """(cell, stage - 1): slots of the rates from stage to stage."""
    season: Any
    """(cell, 12): factor of each calendar month, mean one."""
    segments: Any
    pipeline: Any
    pipeline_numbers: Any
    """(row, 2): age in months, value of one opportunity (negative: drawn)."""
    customers: Any
    customer_arr: Any


class Results(NamedTuple):
    """What the kernel fills: (path, output, month, entity), and (path, month, cell, stage)."""

    segment: Any
    group: Any
    cell: Any
    reached: Any
