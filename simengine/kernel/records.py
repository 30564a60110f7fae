"""What the kernel works on: one record for each entity, with its facts, its numbers of the month and its state.

Fields that a plan states have the names of their columns in `tables`. A record goes to a function as one pointer: that
is what makes the kernel quick to compile and to call (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

import numpy as np

from simengine.kernel.tables import Band, Calendar, Cell, Group, Pool, Row, Seat, Segment

SLOTS: dict[type[IntEnum], frozenset[IntEnum]] = {
    Calendar: frozenset(column for column in Calendar if column >= Calendar.STALE),
    Group: frozenset(column for column in Group if column >= Group.DELAY),
    Band: frozenset({Band.SINCE, Band.TIMES, Band.CYCLE}),
    Pool: frozenset({Pool.POTENTIAL}),
    Cell: frozenset(column for column in Cell if column >= Cell.VOLUME),
    Segment: frozenset(column for column in Segment if column >= Segment.RENEWAL_RATE),
}
"""Columns that say in which slot a number stands; all others are facts."""


def _record(table: type[IntEnum] | None, keys: str = "", whole: str = "", real: str = "") -> np.dtype[Any]:
    """A record of a table's columns, words of keys, and state in whole and in real numbers."""
    columns: Iterable[IntEnum] = table or ()
    slots = SLOTS[table] if table in SLOTS else frozenset[IntEnum]()
    fields: list[tuple[str, type[np.generic]]] = [(name, np.uint64) for name in keys.split()]
    fields += [(column.name.lower(), np.float64 if column in slots else np.int64) for column in columns]
    fields += [(name, np.int64) for name in whole.split()]
    fields += [(name, np.float64) for name in real.split()]
    return np.dtype(fields, align=True)


FIRM = _record(Calendar, whole="rows used free customers settled events full no_hires")
"""The company as a whole.

rows: opportunities that hold a row now. used: rows ever used. free: first row of the list of those used and free again.
customers: there have ever been; settled: those of them who may expand. events: entries of the log.
full: 1 if the path needs more room than there is. no_hires: 1 in a month in which hiring is frozen.
"""
GROUP = _record(
    Group, "k0 k1", "first_seat last_seat hazards last_hazard quotas last_quota bookings last_booking", "service"
)
"""service: customers, or ARR, that the group can look after in the month. The bands of a kind stand together."""
SEAT = _record(
    Seat,
    whole="occupant starts leaves existing internal rated_below worked never_ramps ready next_starts next_internal",
    real="tenure before ramp_months productivity life career choice quota booked annual_quota draw",
)
"""A seat and who sits on it.

occupant: number of the present or next one. starts: their first month. leaves: NEVER, or the month at whose end they
leave. existing: there before the plan. internal: promoted into the seat. rated_below: in the fiscal year after one
with a missed quota. worked: months worked in this fiscal year. ready: for promotion. next_starts: of a seat whose
occupant leaves this month, when the next one starts; -1 if none does. tenure: in months, of who is there when the plan
starts. before: tenure when the occupant starts. life, career: cumulated hazard left until they leave, or are ready for
promotion. choice: the uniform that says how they leave. quota, booked: of this fiscal year so far. draw: guaranteed
commission of the month that is not earned yet.
"""
BAND = _record(Band)
POOL = _record(
    Pool,
    whole="fresh_head fresh_tail queue_head queue_tail ranked tree leaves",
    real="ranked_load taken capacity share weight",
)
"""Lists of what arrived this month and of what waits. ranked: 1 if the keys of its owners are up to date, for one more
load of ranked_load. tree, leaves: where they stand, and how many there is room for. share: of its segment's
potential, cumulated; weight: its potential over the mean.
"""
CELL = _record(Cell, "k0 k1 open_k0 open_k1", "first_band bands even created")
"""even: 1 if the closing clock runs like the calendar."""
SEGMENT = _record(
    Segment,
    "k0 k1",
    "first_cell last_cell in_work there standing",
    "pipeline sellers arr net gross load_customers load_arr served hazard reached spent",
)
"""Its cells are cells_by_segment[first_cell:last_cell]. in_work: opportunities started and not closed. there:
customers. standing: those of them who may expand. arr: ARR now; net, gross: what is left of that of twelve months
ago. load_…: customers and ARR at the beginning of the month. served: what is left of the chance to renew at the
month's coverage. hazard: the most that can be used up of the hazard to win an expansion; reached: the chance to win
one by then; spent: what is used up.
"""
TERM = _record(None, whole="months", real="share")
ROW = _record(Row, whole="passing", real="age value")
CUSTOMER = _record(
    None,
    "k0 k1",
    "segment ordinal period phase run first_due term ends next there upsells next_upsell",
    "opening then arr rank rate luck upsell_at upsell_size",
)
"""run: of opening customers, how many from here on have the same key and period and ordinals that count on. first_due:
month in which the first term ends. term: number of the present one. next: in the month's list of renewals. there: 0
of those who left. upsells: expansions won. next_upsell: in the list of a part of the hazard. upsell_at,
upsell_size: what of it is used up when the next one is won, and the uniform of its size. then: ARR of twelve months
ago. rate: an own renewal rate, or NONE. luck: the uniform that decides the end of the term.
"""
OPPORTUNITY = _record(
    None,
    whole="closes next pool won cell opening arrival ordinal stale",
    real="stated amount expected odds rank luck pace rounding place patience",
)
"""next: in the one list in which it stands. stale: month at whose beginning it goes stale. stated: what it is worth if
won, if that is stated; else negative. amount: what it is worth if won. odds: probability of winning with which it
was decided. pace: its cycle over the mean (of the opening pipeline: its uniform). luck, rounding, place (in the
queue), patience: its uniforms.
"""
TEAM = _record(None, real="quota managers booked")
EVENT = _record(None, whole="customer", real="arr")
"""A customer's ARR after a change of it."""


def outputs(table: type[IntEnum]) -> np.dtype[Any]:
    """The record of a table of outputs."""
    return np.dtype([(column.name.lower(), np.float64) for column in table], align=True)
