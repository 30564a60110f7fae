"""Step 5: customers. They renew, contract, churn and expand one by one."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from simengine.kernel.jit import ZERO, allocating, integer, step
from simengine.kernel.random import EXPANSION, ONCE, RENEWAL, TERM, UPSELL, exponential, lognormal_factor, uniforms
from simengine.kernel.tables import Calendar, Group, Opening, Segment, SegmentOut


class Book(NamedTuple):
    """The customers of one path."""

    rows: Any
    """(customer, column)."""
    arr: Any
    """(customer,): ARR now; zero of those who left."""
    ranks: Any
    """(customer,): rank by size among customers of their kind, 0 … 1."""
    meets: Any
    """(customer,): when the next expansion opportunity comes, in months from the start."""
    due: Any
    """(month,): first customer of the list whose renewal is decided in the month."""
    meetings: Any
    """(month,): first customer of the list that has an expansion opportunity in the month."""
    ring: Any
    """(13, customer): ARR at the end of the last thirteen months; month t stands in row (t + 1) % 13."""
    there: Any
    """(13,): customers that there had ever been by then."""
    loads: Any
    """(segment, 2): customers and ARR at the beginning of the month."""


SEGMENT, KEY, ORDINAL, PERIOD, RENEWALS, MEETINGS, NEXT_DUE, NEXT_MEETING, THERE, ENDS, PHASE, RATE = range(12)
"""Columns of a row.

RENEWALS counts them; MEETINGS numbers the expansion opportunity to come, NOT_YET before the first gap begins; ENDS is
the month in which the term ends; PHASE is where bills fall in the billing rhythm; RATE is the slot of an own renewal
rate or NONE.
"""
COLUMNS = 12
NONE = NOT_YET = integer(-1)
CUSTOMERS, ARR = 0, 1
COHORT_MONTHS = 12
RING = COHORT_MONTHS + 1
_YEAR = 12
_RENEWAL, _EXPANSION, _BY_ARR = 1, 2, 4


@allocating
def open_book(room, tables):
    """A book with room for `room` customers."""
    months = tables.calendar[Calendar.MONTHS]
    return Book(
        rows=np.empty((room, COLUMNS), np.int64),
        arr=np.empty(room),
        ranks=np.empty(room),
        meets=np.empty(room),
        due=np.empty(months, np.int64),
        meetings=np.empty(months, np.int64),
        ring=np.empty((RING, room)),
        there=np.empty(RING, np.int64),
        loads=np.empty((tables.segments.shape[0], 2)),
    )


@step
def copy_book(n, source, target):
    """Copy n customers, every list of them and the months that are remembered."""
    for i in range(n):
        target.arr[i], target.ranks[i], target.meets[i] = source.arr[i], source.ranks[i], source.meets[i]
        for column in range(COLUMNS):
            target.rows[i, column] = source.rows[i, column]
        for row in range(RING):
            target.ring[row, i] = source.ring[row, i]
    for t in range(source.due.shape[0]):
        target.due[t], target.meetings[t] = source.due[t], source.meetings[t]
    for row in range(RING):
        target.there[row] = source.there[row]
    for s in range(source.loads.shape[0]):
        target.loads[s, CUSTOMERS], target.loads[s, ARR] = source.loads[s, CUSTOMERS], source.loads[s, ARR]


@step
def clear(book):
    """No customer yet."""
    for t in range(book.due.shape[0]):
        book.due[t], book.meetings[t] = NONE, NONE
    for s in range(book.loads.shape[0]):
        book.loads[s, CUSTOMERS], book.loads[s, ARR] = 0.0, 0.0


@step
def enter(n, segment, key, ordinal, period, arr, rank, rate, phase, since, book, tables):
    """Write customer n, open to expansion from month `since` on."""
    rows = book.rows
    rows[n, SEGMENT] = segment
    rows[n, KEY] = key
    rows[n, ORDINAL] = ordinal
    rows[n, PERIOD] = period
    rows[n, RENEWALS] = 0
    rows[n, MEETINGS] = NOT_YET
    rows[n, THERE] = 1
    rows[n, PHASE] = phase % tables.calendar[Calendar.BILLING]
    rows[n, RATE] = rate
    book.arr[n] = arr
    book.ranks[n] = rank
    book.meets[n] = float(since)
    if since < book.meetings.shape[0]:
        rows[n, NEXT_MEETING] = book.meetings[since]
        book.meetings[since] = n


@step
def set_due(n, ends, earliest, book, tables, value, draw):
    """Let customer n's term end in month `ends`: its renewal is decided then, early or late, not before `earliest`."""
    rows, segments = book.rows, tables.segments
    s = rows[n, SEGMENT]
    rows[n, ENDS] = ends
    early, late = segments[s, Segment.EARLY_MONTHS], segments[s, Segment.LATE_MONTHS]
    decided = ends
    if early + late > 0:
        number = rows[n, RENEWALS]
        _, u = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, PERIOD], RENEWAL, number)
        if u < value[segments[s, Segment.EARLY_SHARE]]:
            decided = ends - early
        elif u >= 1.0 - value[segments[s, Segment.LATE_SHARE]]:
            decided = ends + late
        decided = max(decided, earliest)
    if decided < book.due.shape[0]:
        rows[n, NEXT_DUE] = book.due[decided]
        book.due[decided] = n


@step
def term_length(s, u, tables):
    """Length of a term: the shortest of the segment's whose cumulated share exceeds u."""
    i = tables.segments[s, Segment.FIRST_TERM]
    last = i + tables.segments[s, Segment.TERMS] - 1
    while i < last and tables.term_shares[i] <= u:
        i += 1
    return tables.terms[i, 0]


@step
def admit(t, n, segment, key, ordinal, period, arr, rank, book, tables, value, draw, out):
    """A deal won in month t is customer n: first term from the month in which it goes live."""
    segments = tables.segments
    enter(n, segment, key, ordinal, period, arr, rank, NONE, t, t + 1, book, tables)
    go_live, live, u_length = value[segments[segment, Segment.GO_LIVE]], t, 0.0
    if go_live > 0.0 or segments[segment, Segment.TERMS] > 1:
        u_length, u_live = uniforms(tables.keys, key, draw, ordinal, period, TERM, ONCE)
        live += math.floor(go_live + u_live)
    if live < book.due.shape[0]:
        out[SegmentOut.WENT_LIVE, live, segment] += arr
    set_due(n, live + term_length(segment, u_length, tables), t + 1, book, tables, value, draw)


@step
def admit_base(book, tables, value, draw):
    """The customers there when the plan starts, remembered as they are then; returns how many."""
    opening, numbers = tables.customers, tables.customer_numbers
    for n in range(opening.shape[0]):
        s, ends, arr = opening[n, Opening.SEGMENT], opening[n, Opening.DUE], numbers[n, 0]
        enter(
            n, s, opening[n, Opening.KEY], opening[n, Opening.ORDINAL], opening[n, Opening.PERIOD], arr, numbers[n, 1],
            opening[n, Opening.RENEWAL_RATE], ends, ZERO, book, tables,
        )  # fmt: skip
        set_due(n, ends, ZERO, book, tables, value, draw)
        book.ring[0, n] = arr
        book.loads[s, CUSTOMERS] += 1.0
        book.loads[s, ARR] += arr
    book.there[0] = opening.shape[0]
    return opening.shape[0]


@step
def serves(g, s, tables):
    """Whether group g looks after the customers of segment s."""
    if tables.groups[g, Group.SERVES] == 0:
        return False
    own = tables.groups[g, Group.SEGMENT]
    return own == s if own != NONE else tables.segments[s, Segment.SUBSCRIPTION] == 1


@step
def cover(t, service, book, tables, out):
    """Coverage of each segment in month t: Σ capacity/load over the groups that serve it, at most 1."""
    n_segments = tables.segments.shape[0]
    for s in range(n_segments):
        out[SegmentOut.RENEWAL_COVERAGE, t, s] = NOT_YET
        out[SegmentOut.EXPANSION_COVERAGE, t, s] = NOT_YET
    for g in range(tables.groups.shape[0]):
        duties = tables.groups[g, Group.SERVES]
        measure = ARR if duties & _BY_ARR else CUSTOMERS
        load = 0.0
        for s in range(n_segments):
            if serves(g, s, tables):
                load += book.loads[s, measure]
        share = service[g] / load if load > 0.0 else 1.0
        for s in range(n_segments):
            if serves(g, s, tables):
                if duties & _RENEWAL:
                    out[SegmentOut.RENEWAL_COVERAGE, t, s] = max(0.0, out[SegmentOut.RENEWAL_COVERAGE, t, s]) + share
                if duties & _EXPANSION:
                    out[SegmentOut.EXPANSION_COVERAGE, t, s] = (
                        max(0.0, out[SegmentOut.EXPANSION_COVERAGE, t, s]) + share
                    )
    for s in range(n_segments):
        for duty in (SegmentOut.RENEWAL_COVERAGE, SegmentOut.EXPANSION_COVERAGE):
            out[duty, t, s] = 1.0 if out[duty, t, s] < 0.0 else min(1.0, out[duty, t, s])


@step
def renewal_rate(t, n, book, tables, value, out):
    """Chance that customer n renews in month t: by size where dollars renew unlike logos, and less at low coverage."""
    segments, s, own = tables.segments, book.rows[n, SEGMENT], book.rows[n, RATE]
    rate = value[own if own != NONE else segments[s, Segment.RENEWAL_RATE]]
    tilt, elasticity = value[segments[s, Segment.TILT]], value[segments[s, Segment.ELASTICITY]]
    if own == NONE and tilt != 0.0:
        rate = min(1.0, max(0.0, rate + tilt * (2.0 * book.ranks[n] - 1.0)))
    if elasticity > 0.0:
        rate *= out[SegmentOut.RENEWAL_COVERAGE, t, s] ** elasticity
    return rate


@step
def renew_month(t, book, tables, value, draw, out):
    """Renewals decided in month t: in full, contracted, or churned, by one uniform each; then the price."""
    rows, segments = book.rows, tables.segments
    n = book.due[t]
    while n != NONE:
        after = rows[n, NEXT_DUE]
        s = rows[n, SEGMENT]
        u, _ = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, PERIOD], RENEWAL, rows[n, RENEWALS])
        rate, depth = renewal_rate(t, n, book, tables, value, out), value[segments[s, Segment.DEPTH]]
        due, ends = book.arr[n], rows[n, ENDS]
        out[SegmentOut.RENEWALS_DUE, t, s] += 1.0
        if ends < book.due.shape[0]:
            out[SegmentOut.ATR, ends, s] += due
        if u >= rate:
            out[SegmentOut.CHURNED_ARR, t, s] += due
            out[SegmentOut.CHURNED_CUSTOMERS, t, s] += 1.0
            book.arr[n] = 0.0
            rows[n, THERE] = 0
        else:
            kept = due
            contraction = value[segments[s, Segment.CONTRACTION]]
            if contraction > 0.0 and depth > 0.0 and u >= rate - contraction / depth:
                out[SegmentOut.CONTRACTION_ARR, t, s] += due * depth
                kept = due - due * depth
            increase = kept * value[segments[s, Segment.PRICE]]
            out[SegmentOut.PRICE_ARR, t, s] += increase
            out[SegmentOut.RENEWALS, t, s] += 1.0
            book.arr[n] = kept + increase
            renew(t, n, book, tables, value, draw)
        n = after


@step
def renew(t, n, book, tables, value, draw):
    """Begin customer n's next term where the last one ends, whenever that was decided."""
    rows = book.rows
    s, u = rows[n, SEGMENT], 0.0
    rows[n, RENEWALS] += 1
    if tables.segments[s, Segment.TERMS] > 1:
        u, _ = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, PERIOD], TERM, rows[n, RENEWALS])
    set_due(n, rows[n, ENDS] + term_length(s, u, tables), t + 1, book, tables, value, draw)


@step
def next_meeting(n, book, tables, value, draw):
    """Draw when customer n next has an expansion opportunity and put it on the calendar."""
    rows = book.rows
    rate = value[tables.segments[rows[n, SEGMENT], Segment.EXPANSION_RATE]]
    rows[n, MEETINGS] += 1
    if rate <= 0.0:
        return
    key, number = rows[n, KEY], rows[n, MEETINGS]
    u_gap, _ = uniforms(tables.keys, key, draw, rows[n, ORDINAL], rows[n, PERIOD], EXPANSION, number)
    book.meets[n] += exponential(u_gap) / rate
    if book.meets[n] < book.meetings.shape[0]:
        month = math.floor(book.meets[n])
        rows[n, NEXT_MEETING] = book.meetings[month]
        book.meetings[month] = n


@step
def meet(t, n, book, tables, value, draw, out):
    """An expansion opportunity of customer n in month t: worked if somebody has time for it, and won or not."""
    rows, segments = book.rows, tables.segments
    s, coverage = rows[n, SEGMENT], out[SegmentOut.EXPANSION_COVERAGE, t, rows[n, SEGMENT]]
    key, ordinal, period, number = rows[n, KEY], rows[n, ORDINAL], rows[n, PERIOD], rows[n, MEETINGS]
    out[SegmentOut.EXPANSIONS_MET, t, s] += 1.0
    if coverage < 1.0:
        _, u_time = uniforms(tables.keys, key, draw, ordinal, period, UPSELL, number)
        if u_time >= coverage:
            return
    out[SegmentOut.EXPANSIONS_WORKED, t, s] += 1.0
    _, u_won = uniforms(tables.keys, key, draw, ordinal, period, EXPANSION, number)
    if u_won >= value[segments[s, Segment.EXPANSION_WIN_RATE]]:
        return
    u_size, _ = uniforms(tables.keys, key, draw, ordinal, period, UPSELL, number)
    size = value[segments[s, Segment.EXPANSION_SIZE]]
    size *= lognormal_factor(value[segments[s, Segment.EXPANSION_SIGMA]], u_size)
    book.arr[n] += size
    out[SegmentOut.EXPANSION_ARR, t, s] += size
    out[SegmentOut.EXPANSIONS, t, s] += 1.0
    until_bill = (rows[n, PHASE] - t) % tables.calendar[Calendar.BILLING]
    out[SegmentOut.BILLINGS, t, s] += size * until_bill / _YEAR


@step
def expand_month(t, book, tables, value, draw, out):
    """Expansion opportunities of month t, of those customers who are still there."""
    rows = book.rows
    while book.meetings[t] != NONE:
        n = book.meetings[t]
        book.meetings[t] = rows[n, NEXT_MEETING]
        if rows[n, THERE] == 1:
            if rows[n, MEETINGS] != NOT_YET:
                meet(t, n, book, tables, value, draw, out)
            next_meeting(n, book, tables, value, draw)


@step
def close_books(t, n_customers, book, tables, out):
    """Bills of month t, and step 6: what there is at its end, and what is left of those there twelve months before.

    `ring[(t + 1) % 13]` holds each customer's ARR at the end of month t, `there` how many rows were filled.
    """
    rows, arr, ring = book.rows, book.arr, book.ring
    months = tables.calendar[Calendar.BILLING]
    now, phase = (t + 1) % RING, t % months
    book.there[now] = n_customers
    s, ending, count, billed = 0, 0.0, 0, 0.0
    for n in range(n_customers):
        ring[now, n] = arr[n]
        if rows[n, SEGMENT] != s:  # neighbours mostly share a segment, and its totals stay in registers
            out[SegmentOut.ENDING_ARR, t, s] += ending
            out[SegmentOut.CUSTOMERS, t, s] += count
            out[SegmentOut.BILLINGS, t, s] += billed * months / _YEAR
            s, ending, count, billed = rows[n, SEGMENT], 0.0, 0, 0.0
        ending += arr[n]
        count += rows[n, THERE]
        if rows[n, PHASE] == phase:
            billed += arr[n]
    out[SegmentOut.ENDING_ARR, t, s] += ending
    out[SegmentOut.CUSTOMERS, t, s] += count
    out[SegmentOut.BILLINGS, t, s] += billed * months / _YEAR
    for s in range(book.loads.shape[0]):
        book.loads[s, CUSTOMERS] = out[SegmentOut.CUSTOMERS, t, s]
        book.loads[s, ARR] = out[SegmentOut.ENDING_ARR, t, s]
    measure_cohort(t, book, out)


@step
def measure_cohort(t, book, out):
    """NRR and GRR: what there is now of the customers of twelve months ago (in the first year, of the opening base)."""
    rows, arr, ring = book.rows, book.arr, book.ring
    past = max(0, t + 1 - COHORT_MONTHS) % RING
    s, net, gross = 0, 0.0, 0.0
    for n in range(book.there[past]):
        if rows[n, SEGMENT] != s:
            out[SegmentOut.NRR_ARR, t, s] += net
            out[SegmentOut.GRR_ARR, t, s] += gross
            s, net, gross = rows[n, SEGMENT], 0.0, 0.0
        then = ring[past, n]
        if then > 0.0:
            net += arr[n]
            gross += min(arr[n], then)
    out[SegmentOut.NRR_ARR, t, s] += net
    out[SegmentOut.GRR_ARR, t, s] += gross
