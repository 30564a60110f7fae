"""One path: every month, the steps of docs/model.md in order."""

from __future__ import annotations

import math

from simengine.kernel import base, deals, demand, market, queue, quotas, routing, seats
from simengine.kernel.jit import NONE, ONE, ZERO, step

_DRAWN = -1.0
_ROUNDING_UP = 1.0 + 1e-9


@step
def load_numbers(t, varying, wires, numbers):
    """Step 0: put the numbers of month t where the kernel reads them; a wire is (place, column)."""
    for k in range(wires.shape[0]):
        numbers[wires[k, 0]] = varying[t, wires[k, 1]]


@step
def add_up_hazards(months, segments, varying, wires, numbers):
    """The most that each segment can use up of its hazard of expansions, and load the numbers of the first month."""
    for s in range(segments.shape[0]):
        segments[s].hazard = 0.0
    for t in range(months):
        load_numbers(t, varying, wires, numbers)
        for s in range(segments.shape[0]):
            segments[s].hazard += segments[s].expansion_rate * segments[s].expansion_win_rate
    for s in range(segments.shape[0]):
        segments[s].hazard *= _ROUNDING_UP
        segments[s].reached = -math.expm1(-segments[s].hazard)
    load_numbers(ZERO, varying, wires, numbers)


@step
def seat_first(firm, groups, seats_, owners, varying, wires, numbers, draw):
    """Seat the first occupant of every seat, by the numbers of the month for which the seat is planned."""
    loaded = ZERO
    for i in range(seats_.shape[0]):
        seat = seats_[i]
        month = max(0, seat.planned - firm.start)
        if month != loaded:
            load_numbers(month, varying, wires, numbers)
            loaded = month
        seats.fill_first(seat, groups[seat.group], firm, draw)
        owners.owned[i] = 0.0
    if loaded != 0:
        load_numbers(ZERO, varying, wires, numbers)


@step
def close_deals(
    t, firm, opportunities, cells, segments, pools, groups, seats_, owners, teams, customers, closing, phases, events,
    out_segment, out_group, out_cell, out_pool,
):  # fmt: skip
    """Step 4: won and lost in month t. A won subscription is a new customer."""
    n = closing[t]
    while n != NONE:
        opportunity = opportunities[n]
        after, c = opportunity.next, opportunity.cell
        if opportunity.closes == market.VOID:
            market.give_row_back(n, firm, opportunities, owners)
            n = after
            continue
        cell, counts, owner = cells[c], out_cell[c], owners.of[n]
        is_customer = deals.close(
            opportunity, owner, segments[cell.segment], pools, seats_, owners, out_segment[t, cell.segment], out_pool
        )
        if opportunity.won == 1:
            counts.won += 1.0
            counts.bookings += opportunity.amount
            if owner != NONE:
                seat = seats_[owner]
                quotas.credit(t, seat, groups[seat.group], opportunity.amount, firm, teams, out_group[seat.group])
        if is_customer:
            counts.new_arr += opportunity.amount
            base.admit(t, opportunity, cell, firm, customers, segments, phases, events)
        market.give_row_back(n, firm, opportunities, owners)
        n = after


@step
def count(t, firm, segments, pools, out, out_pool):
    """What is open at the end of month t, what it is worth, and the room that it takes."""
    for s in range(segments.shape[0]):
        out[s].open = segments[s].in_work
        out[s].pipeline = segments[s].pipeline
    for p in range(pools.shape[0]):
        out_pool[p].load = pools[p].taken
        out_pool[p].capacity = pools[p].capacity
        out[pools[p].segment].capacity += pools[p].capacity


@step
def simulate_paths(world, slots, varying, draws, results):
    """Fill `results` with one path for each row of `slots`; row i has the random variation of draw `draws[i]`.

    Returns how many are done: fewer than there are rows if the next one needs more room than `world` has. One function:
    numba would compile once more all that another one holds.

    Every month, in order:
    0. the month's numbers
    1. seats: who starts, ramps and leaves; each pool's capacity, hours and service
    2. demand: what arrives, stage by stage
    3. capacity: who is worked, by whom, who waits, what goes stale
    4. closing: won and lost, credited to who owns it; promotion, and what becomes of leavers' opportunities
    5. base: renewal, contraction, churn, price, expansion
    6. the ARR bridge and the twelve-month cohorts
    """
    firm, groups, bands, seats_, pools = world.firm[0], world.groups, world.bands, world.seats, world.pools
    hours, teams, planned = world.hours, world.teams, world.planned
    cells, rates, lags, season, clock = world.cells, world.rates, world.lags, world.season, world.clock
    segments, terms, pipeline = world.segments, world.terms, world.pipeline
    opportunities, closing, freed = world.opportunities, world.closing, world.freed
    owners, order, lucks = world.owners, world.order, world.lucks
    customers, upsells, due, phases = world.customers, world.upsells, world.due, world.phases
    events, events_by, wires, numbers = world.events, world.events_by, world.wires, world.numbers
    months, last_stage = firm.months, rates.shape[1]

    for i in range(slots.shape[0]):
        draw, out_segment, reached = draws[i], results.segment[i], results.reached[i]
        for k in range(world.wiring.shape[0]):
            numbers[world.wiring[k, 0]] = slots[i, world.wiring[k, 1]]
        add_up_hazards(months, segments, varying[i], wires, numbers)
        firm.full = 0
        market.clear_market(firm, segments, pools, closing, freed)
        base.clear_base(firm, segments, due, phases, upsells)
        seat_first(firm, groups, seats_, owners, varying[i], wires, numbers, draw)
        base.admit_base(firm, customers, world.opening, segments, due, phases, upsells, lucks, draw)
        for t in range(months):
            load_numbers(t, varying[i], wires, numbers)
            out_s, out_g, out_c, out_p = out_segment[t], results.group[i, t], results.cell[i, t], results.pool[i, t]
            leavers = seats.begin_month(
                t, firm, groups, seats_, bands, pools, owners, segments, hours, teams, planned, draw, out_g, out_segment
            )
            base.cover(groups, segments, out_s)
            arriving = demand.create(t, firm, cells, segments, rates, lags, season, hours, draw, out_c, reached)
            if t == 0:
                arriving += demand.pass_opening(pipeline, cells, rates, draw, reached)
                for r in range(pipeline.shape[0]):
                    arriving += pipeline[r].count
            if (
                firm.rows + arriving > opportunities.shape[0]
                or firm.customers + firm.rows + arriving > customers.shape[0]
                or firm.events + firm.customers + firm.rows + arriving > events.shape[0]
            ):
                return i
            for c in range(cells.shape[0]):
                out_c[c].opportunities = reached[t, c, last_stage]
            for r in range(pipeline.shape[0] if t == 0 else 0):
                if pipeline[r].waiting == 1:
                    queue.line_up(pipeline[r], firm, opportunities, owners, cells, segments, pools, lucks, draw)
                elif pipeline[r].stage == last_stage:
                    deals.resume_row(
                        pipeline[r], firm, opportunities, cells, segments, pools, bands, clock, owners, seats_,
                        closing, freed, order.picked, lucks, draw,
                    )  # fmt: skip
            for s in range(segments.shape[0]):
                out = out_s[s]
                for j in range(segments[s].first_cell, segments[s].last_cell):
                    c = world.cells_by_segment[j]
                    deals.arrive(
                        t, c, ZERO, firm.start + t, ZERO, cells[c].created, _DRAWN,
                        firm, opportunities, cells, segments, pools, bands, clock, season, owners,
                        closing, freed, order.picked, lucks, draw, out, out_p,
                    )  # fmt: skip
                for r in range(pipeline.shape[0] if t == 0 else 0):
                    early = pipeline[r]
                    if early.stage < last_stage and cells[early.cell].segment == s:
                        deals.arrive(
                            t, early.cell, ONE, early.arrival, early.ordinal, early.passing, early.value,
                            firm, opportunities, cells, segments, pools, bands, clock, season, owners,
                            closing, freed, order.picked, lucks, draw, out, out_p,
                        )  # fmt: skip
                for p in range(segments[s].first_pool, segments[s].first_pool + segments[s].pools):
                    queue.take_up(
                        t, p, wires.shape[0] > 0,
                        firm, opportunities, cells, segments, pools, bands, clock, season, owners,
                        closing, freed, order, out, out_p,
                    )  # fmt: skip
            close_deals(
                t, firm, opportunities, cells, segments, pools, groups, seats_, owners, teams, customers, closing,
                phases, events, out_segment, out_g, out_c, out_p,
            )  # fmt: skip
            base.begin_terms(t, firm, customers, segments, terms, due, world.addresses, lucks, draw, out_segment)
            leavers += seats.promote(t, firm, groups, seats_, draw, out_g)
            if seats.orphaned(t, seats_, owners):
                routing.reassign(
                    t, firm, opportunities, groups, seats_, pools, owners, closing, freed, order, cells.shape[0]
                )
            base.renew_month(
                t, firm, customers, segments, terms, due, phases, events, order.picked, world.addresses, lucks, draw,
                out_segment,
            )  # fmt: skip
            for s in range(segments.shape[0]):
                base.expand_segment(t, s, firm, customers, segments[s], phases[s], events, upsells[s], draw, out_s[s])
            if firm.full == 1:
                return i
            base.settle(firm, customers, segments, upsells, world.addresses, lucks, draw)
            events_by[t] = firm.events
            if t >= base.COHORT_MONTHS:
                before = t - base.COHORT_MONTHS
                base.remember(
                    events_by[before - 1] if before > 0 else 0, events_by[before], customers, segments, events
                )
            base.close_books(t, firm, segments, phases, out_s)
            count(t, firm, segments, pools, out_s, out_p)
            seats.end_month(t, leavers, firm, groups, seats_, teams, draw, out_g)
    return slots.shape[0]
