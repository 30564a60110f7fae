"""One path: every month, the steps of docs/model.md in order."""

from __future__ import annotations

import numpy as np

from simengine.kernel import base, deals, demand, market, queue, quotas, routing, seats
from simengine.kernel.crew import NOBODY, open_crew
from simengine.kernel.jit import ZERO, allocating, step
from simengine.kernel.tables import Calendar, Cell, CellOut, Results, Row, Seat, Segment

_FIRST_ROOM = 4096
_DRAWN = -1.0


@step
def load_numbers(t, varying, tables, value):
    """Step 0: put the numbers of month t where the kernel reads them."""
    for k in range(tables.varying.shape[0]):
        value[tables.varying[k, 0]] = varying[t, k]


@step
def seat_first(crew, varying, tables, value, draw):
    """Seat the first occupant of every seat, by the numbers of the month for which the seat is planned."""
    loaded = ZERO
    for seat in range(tables.seats.shape[0]):
        month = max(0, tables.seats[seat, Seat.PLANNED] - tables.calendar[Calendar.START])
        if month != loaded:
            load_numbers(month, varying, tables, value)
            loaded = month
        seats.fill_first(seat, crew, tables, value, draw)
    if loaded != 0:
        load_numbers(ZERO, varying, tables, value)


@step
def resume(n, works, crew, tables, value, draw):
    """Go on with what is open at the last stage when the plan starts; returns how many opportunities there are."""
    for r in range(tables.pipeline.shape[0]):
        if tables.pipeline[r, Row.STAGE] == tables.rates.shape[1]:
            n = deals.resume_row(r, n, works, crew, tables, value, draw)
    return n


@step
def create_demand(t, created, passing, crew, tables, value, draw, out):
    """Step 2: what arrives in month t, in the first one with what passes of the opening pipeline; returns how many."""
    arriving = demand.create(t, created, crew, tables, value, draw, out.cell, out.reached)
    for r in range(tables.pipeline.shape[0] if t == 0 else 0):
        passing[r] = 0
        if tables.pipeline[r, Row.STAGE] < tables.rates.shape[1]:
            passing[r] = demand.passing(r, tables, value, draw, out.reached)
            arriving += passing[r]
    for c in range(created.shape[0]):
        out.cell[CellOut.OPPORTUNITIES, t, c] = out.reached[t, c, tables.rates.shape[1]]
    return arriving


@step
def receive(t, s, n, created, passing, works, crew, tables, value, draw, out):
    """Record the month's opportunities of one segment from row n on; returns the next free row."""
    month = tables.calendar[Calendar.START] + t
    cells, pipeline = tables.cells, tables.pipeline
    for c in range(cells.shape[0]):
        if cells[c, Cell.SEGMENT] == s:
            n = queue.arrive(
                t, c, cells[c, Cell.KEY], month, ZERO, created[c], _DRAWN,
                n, works, crew, tables, value, draw, out.segment, out.pool,
            )  # fmt: skip
    for r in range(pipeline.shape[0] if t == 0 else 0):
        c = pipeline[r, Row.CELL]
        if cells[c, Cell.SEGMENT] == s:
            n = queue.arrive(
                t, c, cells[c, Cell.OPEN_KEY], pipeline[r, Row.ARRIVAL], pipeline[r, Row.ORDINAL], passing[r],
                tables.pipeline_numbers[r, 1], n, works, crew, tables, value, draw, out.segment, out.pool,
            )  # fmt: skip
    return n


@step
def close_deals(t, n_customers, works, book, crew, tables, value, draw, out):
    """Step 4: won and lost in month t. A won subscription is a new customer; returns how many there have ever been."""
    rows = works.rows
    n = works.closing[t]
    while n != market.NONE:
        c, amount = rows[n, market.CELL], works.amounts[n]
        is_customer = deals.close(t, n, works, crew, tables, out.segment, out.pool)
        if rows[n, market.WON] == 1:
            out.cell[CellOut.WON, t, c] += 1.0
            out.cell[CellOut.BOOKINGS, t, c] += amount
            if rows[n, market.OWNER] != NOBODY:
                quotas.credit(t, rows[n, market.OWNER], amount, crew, tables, value, out.group)
        if is_customer:
            out.cell[CellOut.NEW_ARR, t, c] += amount
            base.admit(
                t, n_customers, tables.cells[c, Cell.SEGMENT],
                rows[n, market.KEY], rows[n, market.ORDINAL], rows[n, market.ARRIVAL],
                amount, works.ranks[n], book, tables, value, draw, out.segment,
            )  # fmt: skip
            n_customers += 1
        n = rows[n, market.NEXT]
    return n_customers


@step
def finish_month(
    t, leavers, n_opportunities, n_customers, created, passing, works, book, crew, tables, value, draw, out
):
    """Steps 3 to 6 of month t; returns how many opportunities and customers there have ever been."""
    for s in range(tables.segments.shape[0]):
        n_opportunities = receive(t, s, n_opportunities, created, passing, works, crew, tables, value, draw, out)
        first = tables.segments[s, Segment.FIRST_POOL]
        for pool in range(first, first + tables.segments[s, Segment.POOLS]):
            queue.take_up(t, pool, works, crew, tables, value, draw, out.segment, out.pool)
    n_customers = close_deals(t, n_customers, works, book, crew, tables, value, draw, out)
    leavers += seats.promote(t, crew, tables, value, draw, out.group)
    if leavers > 0:
        routing.reassign(t, works, crew, tables, value, draw)
    base.renew_month(t, book, tables, value, draw, out.segment)
    base.expand_month(t, book, tables, value, draw, out.segment)
    base.close_books(t, n_customers, book, tables, out.segment)
    market.count(t, works, out.segment, out.pool)
    seats.end_month(t, leavers, crew, tables, value, draw, out.group)
    return n_opportunities, n_customers


@allocating
def simulate_paths(tables, slots, varying, first_draw, results):
    """Fill `results` with one path for each row of `slots`; row i is draw `first_draw + i`.

    Every month, in order:
    0. the month's numbers
    1. seats: who starts, ramps and leaves; each pool's capacity, hours and service
    2. demand: what arrives, stage by stage
    3. capacity: who is worked, by whom, who waits, what goes stale
    4. closing: won and lost, credited to who owns it; promotion, and what becomes of leavers' opportunities
    5. base: renewal, contraction, churn, price, expansion
    6. the ARR bridge and the twelve-month cohorts
    """
    months, n_base = tables.calendar[Calendar.MONTHS], tables.customers.shape[0]
    opened = 0
    for r in range(tables.pipeline.shape[0]):
        opened += tables.pipeline[r, Row.COUNT]
    room = _FIRST_ROOM + opened
    works, book = market.open_market(room, tables), base.open_book(n_base + room, tables)
    crew = open_crew(tables)
    created, passing = np.empty(tables.cells.shape[0], np.int64), np.empty(tables.pipeline.shape[0], np.int64)

    for i in range(slots.shape[0]):
        value, draw = slots[i], first_draw + i
        out = Results(results.segment[i], results.group[i], results.cell[i], results.pool[i], results.reached[i])
        load_numbers(ZERO, varying[i], tables, value)
        market.clear(works)
        base.clear(book)
        seat_first(crew, varying[i], tables, value, draw)
        opportunities, customers = ZERO, base.admit_base(book, tables, value, draw)
        for t in range(months):
            load_numbers(t, varying[i], tables, value)
            leavers = seats.begin_month(t, crew, tables, value, draw, out.group, out.segment, out.pool)
            base.cover(t, crew.service, book, tables, out.segment)
            arriving = create_demand(t, created, passing, crew, tables, value, draw, out)
            if t == 0:
                opportunities = resume(opportunities, works, crew, tables, value, draw)
            if opportunities + arriving > room:
                # every customer beyond the base was an opportunity, so one size fits both
                room = 2 * (opportunities + arriving)
                larger_works, larger_book = market.open_market(room, tables), base.open_book(n_base + room, tables)
                market.copy_market(opportunities, works, larger_works)
                base.copy_book(customers, book, larger_book)
                works, book = larger_works, larger_book
            opportunities, customers = finish_month(
                t, leavers, opportunities, customers, created, passing, works, book, crew, tables, value, draw, out
            )
