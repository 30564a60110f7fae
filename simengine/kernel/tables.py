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
    FISCAL_START = 2
    """Calendar month (0 to 11) in which the fiscal year starts."""
    BILLING = 3
    """Months from one bill to the next."""
    FREEZE_AFTER = 4
    """Months of the fiscal year before hiring can be frozen; -1: it never is."""
    FREEZE_BACKFILLS = 5
    GROWN = 6
    """Months of growth at t = 0."""
    STALE = 7
    """Slot, as are all that follow: share of waiting opportunities that go stale in a month."""
    FREEZE_BEHIND = 8
    ACCELERATOR_ABOVE = 9
    ACCELERATOR_RATE = 10
    """Multiple of the commission rate above `ACCELERATOR_ABOVE` of the annual quota."""


class Group(IntEnum):
    """Columns of `groups`: seat groups."""

    KEY = 0
    SEGMENT = 1
    """-1: none."""
    SELLS = 2
    UNLIMITED = 3
    BACKFILL = 4
    RAMP_SHAPE = 5
    BUDGET = 6
    """Row of the hours budget that the group fills; -1: none."""
    SERVES = 7
    """Bits: 1 renewal, 2 expansion, 4 the load is ARR (customers otherwise)."""
    PROMOTED_INTO = 8
    """Group; -1: nobody is promoted; -2: out of the plan."""
    RELIEF = 9
    """1 if the quota is in proportion to the ramp."""
    QUOTA_OF_TEAM = 10
    """Team whose quotas add up to these seats' quota; -1: an own quota or none."""
    TEAM = 11
    """-1: none."""
    DRAW_MONTHS = 12
    REASSIGNED_AFTER = 13
    DELAY = 14
    """Slot, as are all that follow."""
    DELAY_SIGMA = 15
    RAMP = 16
    """Months of the ramp; of a bookings ramp the cycle that it contains."""
    RAMP_SIGMA = 17
    NEVER_SHARE = 18
    NEVER_LEVEL = 19
    PRODUCTIVITY_SIGMA = 20
    VOLUNTARY = 21
    """Hazards per month."""
    INVOLUNTARY = 22
    PROMOTION = 23
    PROMOTION_AFTER = 24
    MISSED_BELOW = 25
    MISSED_TIMES = 26
    LAG = 27
    ROOM = 28
    """Opportunities, or money, that a ramped person of average productivity carries."""
    HOURS = 29
    CARRIES = 30
    LEAVER_WIN_RATE = 31
    QUOTA = 32
    """Per year; 0: none."""
    VARIABLE = 33
    """Variable pay per year, of those on commission; 0 otherwise."""
    DRAW_SHARE = 34
    CLIMATE = 35


class Shape(IntEnum):
    """Forms of the ramp."""

    NONE = 0
    LINEAR = 1
    S_CURVE = 2
    STEP = 3
    BOOKINGS = 4


class Band(IntEnum):
    """Columns of `bands`, what changes with tenure or size; sorted by owner, kind and start."""

    OWNER = 0
    """Group; of `DEAL` bands the cell."""
    KIND = 1
    SINCE = 2
    """Slot: months of tenure; of `DEAL` bands the deal size above which it holds."""
    TIMES = 3
    """Slot: hazard, quota, or (of `BOOKINGS`) share booked from then on; of `DEAL` bands of the win rate."""
    CYCLE = 4
    """Slot: of `DEAL` bands of the cycle; otherwise unused."""


class BandKind(IntEnum):
    """What a band multiplies."""

    HAZARD = 0
    QUOTA = 1
    BOOKINGS = 2
    DEAL = 3


class Seat(IntEnum):
    """Columns of `seats`, sorted by group, planned month, ordinal."""

    GROUP = 0
    ORDINAL = 1
    PLANNED = 2
    """Absolute month; 0 if the seat is filled at the start."""
    EXPECTED = 3
    """1 if its first occupant starts in that month without delay."""
    POOL = 4
    """The pool whose opportunities it works; -1: it does not sell."""


MOST_SEATS = 2**16
"""A pool can have: the kernel counts them in 16 binary digits."""


class Pool(IntEnum):
    """Columns of `pools`: a segment, or a territory of it; sorted by segment and name."""

    SEGMENT = 0
    POTENTIAL = 1
    """Slot; only of territories."""
    TERRITORY = 2
    """1 if it is one."""
    FIRST = 3
    """Its seats are `members[FIRST : FIRST + SEATS]`."""
    SEATS = 4
    IN_MONEY = 5
    """1 if its room is money."""


class Source(IntEnum):
    """Where a cell's arrivals come from."""

    VOLUME = 0
    RESPONSE = 1
    HOURS = 2
    SELLERS = 3


class Cell(IntEnum):
    """Columns of `cells`: (channel, segment) pairs."""

    KEY = 0
    OPEN_KEY = 1
    SEGMENT = 2
    SOLD = 3
    """1 if sellers work it, 0 if it is self-service."""
    SOURCE = 4
    BUDGET = 5
    """Row of the hours budget that it arrives from; -1: none."""
    QUALIFIED_BY = 6
    """Row of the hours budget that qualifies it; -1: none."""
    VOLUME = 7
    """Slot, as are all that follow: arrivals a month; `HOURS`: per hour; `SELLERS`: per ramped seller a month."""
    WEIGHT = 8
    QUALIFYING_HOURS = 9
    SPEND = 10
    AT_SPEND = 11
    HALF_SATURATION = 12
    GROWTH = 13
    OVERDISPERSION = 14
    WIN_RATE = 15
    CYCLE = 16
    CYCLE_LOST = 17
    CYCLE_SIGMA = 18
    DEAL_SIZE = 19
    DEAL_SIGMA = 20
    OUTLIER_SHARE = 21
    OUTLIER_TIMES = 22


class Segment(IntEnum):
    """Columns of `segments`."""

    KEY = 0
    """Of its expansions."""
    SUBSCRIPTION = 1
    FIRST_POOL = 2
    POOLS = 3
    """1, or the number of its territories."""
    FIRST_TERM = 4
    """Its terms are `terms[FIRST_TERM : FIRST_TERM + TERMS]`."""
    TERMS = 5
    EARLY_MONTHS = 6
    LATE_MONTHS = 7
    RENEWAL_RATE = 8
    """Slot, as are all that follow."""
    TILT = 9
    """(dollar rate − logo rate)/G; 0 where only one rate is given."""
    ELASTICITY = 10
    EARLY_SHARE = 11
    LATE_SHARE = 12
    CONTRACTION = 13
    DEPTH = 14
    PRICE = 15
    EXPANSION_RATE = 16
    EXPANSION_WIN_RATE = 17
    EXPANSION_SIZE = 18
    EXPANSION_SIGMA = 19
    GO_LIVE = 20


class Row(IntEnum):
    """Columns of `pipeline`: what is open when the plan starts."""

    CELL = 0
    STAGE = 1
    ARRIVAL = 2
    ORDINAL = 3
    COUNT = 4
    OWNER = 5
    """Seat group; -1: anybody."""
    WAITING = 6
    """1 if nobody has started to work on it."""


class Opening(IntEnum):
    """Columns of `customers`: the base when the plan starts."""

    SEGMENT = 0
    KEY = 1
    ORDINAL = 2
    PERIOD = 3
    DUE = 4
    RENEWAL_RATE = 5
    """Slot of an own renewal rate; -1: its segment's."""


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
    NEW_FROM_PIPELINE = 24
    NEW_FROM_EXISTING = 25
    NEW_FROM_HIRES = 26
    NEW_WITHOUT_SELLER = 27
    WENT_LIVE = 28
    """ARR that goes live in the month."""
    BILLINGS = 29
    PIPELINE = 30
    """Expected value of what is open or waiting at the end of the month."""
    EXPANSIONS_MET = 31
    """Expansion opportunities of customers who are there."""
    EXPANSIONS_WORKED = 32
    RENEWAL_COVERAGE = 33
    EXPANSION_COVERAGE = 34


class GroupOut(IntEnum):
    """Results by path, month and seat group."""

    HEADCOUNT = 0
    STARTS = 1
    LEAVERS = 2
    WORKING = 3
    RAMPED = 4
    RECRUITED = 5
    """Starts that were recruited: all but the promoted."""
    INVOLUNTARY = 6
    PROMOTED = 7
    """Both are also in LEAVERS."""
    CREDITED = 8
    """Bookings of the deals that the group's seats own."""
    QUOTA = 9
    COMMISSION = 10
    RATED = 11
    AT_QUOTA = 12
    NEAR_QUOTA = 13
    """From 70 to below 80 %."""
    BELOW_HALF = 14
    FROZEN = 15
    """Starts put off in the month by the hiring freeze."""


class CellOut(IntEnum):
    """Results by path, month and (channel, segment)."""

    BOOKINGS = 0
    WON = 1
    NEW_ARR = 2
    OPPORTUNITIES = 3
    DROPPED = 4
    """Arrivals at the first stage that nobody had the hours to qualify."""


class PoolOut(IntEnum):
    """Results by path, month and pool."""

    ARRIVED = 0
    STARTED = 1
    STALE = 2
    WAITING = 3
    LOAD = 4
    """What sellers' room is taken by at the end of the month."""
    CAPACITY = 5
    CREDITED = 6
    """Bookings of its opportunities that sellers work."""


class Tables(NamedTuple):
    """A plan as the kernel reads it. Integer tables are int64, `keys` uint64, the rest float64."""

    calendar: Any
    keys: Any
    """(entity, 2): Philox keys, two 32-bit words."""
    groups: Any
    bands: Any
    seats: Any
    tenures: Any
    """(seat,): months in the job at the start, of who is there; 0 where nobody is."""
    pools: Any
    members: Any
    """(n, 1): seats of the pools, in order."""
    cells: Any
    rates: Any
    """(cell, stage - 1): slots of the rates from stage to stage."""
    stage_lags: Any
    """(cell, stage - 1): slots of the months from stage to stage."""
    season: Any
    """(cell, 24): factor of each calendar month for arrivals, then for closing; mean one each."""
    planned: Any
    """(month,): bookings of the operating plan; empty where nothing asks for them."""
    segments: Any
    terms: Any
    """(n, 1): lengths in months, shorter ones first, segment by segment."""
    term_shares: Any
    """(n,): cumulated share of each term in its segment."""
    pipeline: Any
    pipeline_numbers: Any
    """(row, 2): age in months, value of one opportunity (negative: drawn)."""
    customers: Any
    customer_numbers: Any
    """(customer, 2): ARR, rank by size in 0 … 1."""
    varying: Any
    """(n, 1): slots whose numbers change from month to month."""


class Results(NamedTuple):
    """What the kernel fills: (path, month, entity, output), and (path, month, cell, stage)."""

    segment: Any
    group: Any
    cell: Any
    pool: Any
    reached: Any
