"""One path: every month, the steps of docs/model.md in order."""

from __future__ import annotations

import numpy as np

from simengine.kernel import base, deals, demand, seats
from simengine.kernel.base import Book
from simengine.kernel.deals import Market
from simengine.kernel.jit import allocating, step
from simengine.kernel.tables import Calendar, Cell, CellOut, Results, Row, Segment, SegmentOut

_FIRST_ROOM = 4096
_DRAWN = -1.0


@step
def fill(array, value):
    """Set every entry."""
    for i in range(array.shape[0]):
        array[i] = value


@allocating
def open_market(room, months, n_segments):
    """A market with room for `room` opportunities."""
    return Market(
        np.empty((room, deals.COLUMNS), np.int64),
        np.empty(room),
        np.empty(months, np.int64),
        np.empty(n_segments, np.int64),
        np.empty(n_segments, np.int64),
        np.empty(n_segments, np.int64),
        np.empty((months, n_segments), np.int64),
        np.empty(n_segments, np.int64),
        np.empty(room, np.int64),
        np.empty((room, 2)),
    )


@allocating
def open_book(room, months):
    """A book with room for `room` customers."""
    return Book(
        np.empty((room, base.COLUMNS), np.int64),
        np.empty(room),
        np.empty(room),
        np.empty(months, np.int64),
        np.empty(months, np.int64),
        np.empty((base.RING, room)),
        np.empty(base.RING, np.int64),
    )


@step
def copy_market(n, source, target):
    """Copy n opportunities and every list of them."""
    for i in range(n):
        target.amounts[i] = source.amounts[i]
        for column in range(deals.COLUMNS):
            target.rows[i, column] = source.rows[i, column]
    for t in range(source.closing.shape[0]):
        target.closing[t] = source.closing[t]
        for s in range(source.freed.shape[1]):
            target.freed[t, s] = source.freed[t, s]
    for s in range(source.first.shape[0]):
        target.first[s], target.last[s] = source.first[s], source.last[s]
        target.taken[s], target.in_work[s] = source.taken[s], source.in_work[s]


@step
def copy_book(n, source, target):
    """Copy n customers, every list of them and the months that are remembered."""
    for i in range(n):
        target.arr[i], target.meets[i] = source.arr[i], source.meets[i]
        for column in range(base.COLUMNS):
            target.rows[i, column] = source.rows[i, column]
        for row in range(base.RING):
            target.ring[row, i] = source.ring[row, i]
    for t in range(source.due.shape[0]):
        target.due[t], target.meetings[t] = source.due[t], source.meetings[t]
    for row in range(base.RING):
        target.there[row] = source.there[row]


@step
def begin(state, traits, passing, market, book, tables, value, draw, out):
    """Everything as it is before the first month; returns how many opportunities and customers there are."""
    for heads in (market.closing, market.first, market.last, book.due, book.meetings):
        fill(heads, deals.NONE)
    fill(market.taken, 0)
    fill(market.in_work, 0)
    for t in range(market.freed.shape[0]):
        fill(market.freed[t], 0)
    seats.fill_first(state, traits, tables, value, draw)
    n_opportunities = 0
    for r in range(tables.pipeline.shape[0]):
        passing[r] = 0
        if tables.pipeline[r, Row.STAGE] == tables.rates.shape[1]:
            n_opportunities = deals.resume_row(r, n_opportunities, market, tables, value, draw)
        else:
            passing[r] = demand.passing(r, tables, value, draw, out.reached)
    n_customers = base.admit_base(book, tables, value, draw)
    base.open_books(n_customers, book)
    return n_opportunities, n_customers


@step
def create_demand(t, created, passing, tables, value, draw, out):
    """Step 2: what arrives in month t; returns the number of opportunities."""
    arriving = 0
    for c in range(tables.cells.shape[0]):
        created[c] = demand.arrivals(t, c, tables, value, draw, out.reached)
        arriving += created[c]
    if t == 0:
        for r in range(passing.shape[0]):
            arriving += passing[r]
    return arriving


@step
def receive(t, s, n, created, passing, market, tables, value, draw, out):
    """Record the month's opportunities of one segment from row n on; returns the next free row and the fresh ones."""
    n_fresh = 0
    month = tables.calendar[Calendar.START] + t
    cells, pipeline = tables.cells, tables.pipeline
    for c in range(cells.shape[0]):
        if cells[c, Cell.SEGMENT] == s:
            n, n_fresh = deals.arrive(
                t, c, cells[c, Cell.KEY], month, 0, created[c], _DRAWN,
                n, n_fresh, market, tables, value, draw, out.segment,
            )  # fmt: skip
    for r in range(pipeline.shape[0] if t == 0 else 0):
        c = pipeline[r, Row.CELL]
        if cells[c, Cell.SEGMENT] == s:
            n, n_fresh = deals.arrive(
                t, c, cells[c, Cell.OPEN_KEY], pipeline[r, Row.ARRIVAL], pipeline[r, Row.ORDINAL], passing[r],
                tables.pipeline_numbers[r, 1], n, n_fresh, market, tables, value, draw, out.segment,
            )  # fmt: skip
    return n, n_fresh


@step
def close_deals(t, n_customers, market, book, tables, value, draw, out):
    """Step 4: won and lost in month t. A won subscription is a new customer; returns how many there have ever been."""
    rows = market.rows
    n = market.closing[t]
    while n != deals.NONE:
        if rows[n, deals.WON] == 1:
            out.cell[CellOut.WON, t, rows[n, deals.CELL]] += 1.0
            out.cell[CellOut.BOOKINGS, t, rows[n, deals.CELL]] += market.amounts[n]
        if deals.close(t, n, market, tables, out.segment):
            s = tables.cells[rows[n, deals.CELL], Cell.SEGMENT]
            base.admit(
                n_customers, s, rows[n, deals.KEY], rows[n, deals.ORDINAL], rows[n, deals.ARRIVAL], market.amounts[n],
                t + tables.segments[s, Segment.TERM], t + 1, book, tables, value, draw,
            )  # fmt: skip
            n_customers += 1
        n = rows[n, deals.NEXT]
    return n_customers


@step
def finish_month(t, n_opportunities, n_customers, created, passing, market, book, tables, value, draw, out):
    """Steps 3 to 6 of month t; returns how many opportunities and customers there have ever been."""
    for s in range(tables.segments.shape[0]):
        n_opportunities, n_fresh = receive(t, s, n_opportunities, created, passing, market, tables, value, draw, out)
        deals.take_up(t, s, n_fresh, market, tables, value, draw, out.segment)
    n_customers = close_deals(t, n_customers, market, book, tables, value, draw, out)
    base.renew_month(t, book, tables, value, draw, out.segment)
    base.expand_month(t, book, tables, value, draw, out.segment)
    base.close_books(t, n_customers, book, out.segment)
    for s in range(tables.segments.shape[0]):
        out.segment[SegmentOut.OPEN, t, s] = market.in_work[s]
    return n_opportunities, n_customers


@allocating
def simulate_paths(tables, slots, first_draw, results):
    """Fill `results` with one path for each row of `slots`; row i is draw `first_draw + i`.

    Every month, in order:
    1. seats: who starts, ramps and leaves; each segment's capacity
    2. demand: what arrives, stage by stage
    3. capacity: who is worked, who waits, what goes stale
    4. closing: won and lost
    5. base: renewal, contraction, churn, price, expansion
    6. the ARR bridge and the twelve-month cohorts
    """
    months, n_segments = tables.calendar[Calendar.MONTHS], tables.segments.shape[0]
    n_base = tables.customers.shape[0]
    room = _FIRST_ROOM
    for r in range(tables.pipeline.shape[0]):
        room += tables.pipeline[r, Row.COUNT]
    market, book = open_market(room, months, n_segments), open_book(n_base + room, months)
    state, traits = np.empty((tables.seats.shape[0], 3), np.int64), np.empty((tables.seats.shape[0], 3))
    created, passing = np.empty(tables.cells.shape[0], np.int64), np.empty(tables.pipeline.shape[0], np.int64)

    for i in range(slots.shape[0]):
        value, draw = slots[i], first_draw + i
        out = Results(results.segment[i], results.group[i], results.cell[i], results.reached[i])
        opportunities, customers = begin(state, traits, passing, market, book, tables, value, draw, out)
        for t in range(months):
            seats.work_month(t, state, traits, tables, value, draw, out.group, out.segment)
            arriving = create_demand(t, created, passing, tables, value, draw, out)
            if opportunities + arriving > room:
                # every customer beyond the base was an opportunity, so one size fits both
                room = 2 * (opportunities + arriving)
                larger_market, larger_book = open_market(room, months, n_segments), open_book(n_base + room, months)
                copy_market(opportunities, market, larger_market)
                copy_book(customers, book, larger_book)
                market, book = larger_market, larger_book
            opportunities, customers = finish_month(
                t, opportunities, customers, created, passing, market, book, tables, value, draw, out
            )
