"""Step 5: customers. They renew, contract, churn and expand one by one."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from simengine.kernel.jit import step
from simengine.kernel.random import EXPANSION, RENEWAL, UPSELL, exponential, lognormal_factor, uniforms
from simengine.kernel.tables import Opening, Segment, SegmentOut


class Book(NamedTuple):
    """The customers of one path."""

    rows: Any
    """(customer, column)."""
    arr: Any
    """(customer,): ARR now; zero of those who left."""
    meets: Any
    """(customer,): when the next expansion opportunity comes, in months from the start."""
    due: Any
    """(month,): first customer of the list whose term ends in the month."""
    meetings: Any
    """(month,): first customer of the list that has an expansion opportunity in the month."""
    ring: Any
    """(13, customer): ARR at the end of the last thirteen months; month t stands in row (t + 1) % 13."""
    there: Any
    """(13,): customers that there had ever been by then."""


SEGMENT, KEY, ORDINAL, PERIOD, RENEWALS, MEETINGS, NEXT_DUE, NEXT_MEETING, THERE = 0, 1, 2, 3, 4, 5, 6, 7, 8
COLUMNS = 9
NONE = -1
COHORT_MONTHS = 12
RING = COHORT_MONTHS + 1


@step
def admit(
    n,
    segment,
    key,
    ordinal,
    period,
    arr,
    due,
    since,
    book,
    tables,
    value,
    draw,
):
    """Customer n joins: first renewal in month `due`, open to expansion from month `since`."""
    rows = book.rows
    rows[n, SEGMENT] = segment
    rows[n, KEY] = key
    rows[n, ORDINAL] = ordinal
    rows[n, PERIOD] = period
    rows[n, RENEWALS] = 0
    rows[n, MEETINGS] = 0
    rows[n, THERE] = 1
    book.arr[n] = arr
    if due < book.due.shape[0]:
        rows[n, NEXT_DUE] = book.due[due]
        book.due[due] = n
    book.meets[n] = float(since)
    next_meeting(n, book, tables, value, draw)


@step
def next_meeting(n, book, tables, value, draw):
    """Draw when customer n next has an expansion opportunity and put it on the calendar."""
    rows = book.rows
    rate = value[tables.segments[rows[n, SEGMENT], Segment.EXPANSION_RATE]]
    if rate <= 0.0:
        return
    key = rows[n, KEY]
    u_gap, _ = uniforms(tables.keys, key, draw, rows[n, ORDINAL], rows[n, PERIOD], EXPANSION, rows[n, MEETINGS])
    book.meets[n] += exponential(u_gap) / rate
    if book.meets[n] < book.meetings.shape[0]:
        month = math.floor(book.meets[n])
        rows[n, NEXT_MEETING] = book.meetings[month]
        book.meetings[month] = n


@step
def admit_base(book, tables, value, draw):
    """The customers there when the plan starts; returns how many."""
    opening = tables.customers
    for n in range(opening.shape[0]):
        admit(
            n,
            opening[n, Opening.SEGMENT],
            opening[n, Opening.KEY],
            opening[n, Opening.ORDINAL],
            opening[n, Opening.PERIOD],
            tables.customer_arr[n],
            opening[n, Opening.DUE],
            0,
            book,
            tables,
            value,
            draw,
        )
    return opening.shape[0]


@step
def renew_month(t, book, tables, value, draw, out):
    """Terms that end in month t: renewed in full, contracted, or churned, by one uniform each; then the price."""
    rows, segments = book.rows, tables.segments
    n = book.due[t]
    while n != NONE:
        after = rows[n, NEXT_DUE]
        s = rows[n, SEGMENT]
        key = rows[n, KEY]
        u, _ = uniforms(tables.keys, key, draw, rows[n, ORDINAL], rows[n, PERIOD], RENEWAL, rows[n, RENEWALS])
        rate, depth = value[segments[s, Segment.RENEWAL_RATE]], value[segments[s, Segment.DEPTH]]
        due = book.arr[n]
        out[SegmentOut.ATR, t, s] += due
        out[SegmentOut.RENEWALS_DUE, t, s] += 1.0
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
            rows[n, RENEWALS] += 1
            again = t + segments[s, Segment.TERM]
            if again < book.due.shape[0]:
                rows[n, NEXT_DUE] = book.due[again]
                book.due[again] = n
        n = after


@step
def expand_month(t, book, tables, value, draw, out):
    """Expansion opportunities of month t, of those customers who are still there."""
    rows, segments = book.rows, tables.segments
    while book.meetings[t] != NONE:
        n = book.meetings[t]
        book.meetings[t] = rows[n, NEXT_MEETING]
        s = rows[n, SEGMENT]
        if rows[n, THERE] == 0:
            continue
        key = rows[n, KEY]
        ordinal, period, meeting = rows[n, ORDINAL], rows[n, PERIOD], rows[n, MEETINGS]
        _, u_won = uniforms(tables.keys, key, draw, ordinal, period, EXPANSION, meeting)
        if u_won < value[segments[s, Segment.EXPANSION_WIN_RATE]]:
            u_size, _ = uniforms(tables.keys, key, draw, ordinal, period, UPSELL, meeting)
            size = value[segments[s, Segment.EXPANSION_SIZE]] * lognormal_factor(
                value[segments[s, Segment.EXPANSION_SIGMA]], u_size
            )
            book.arr[n] += size
            out[SegmentOut.EXPANSION_ARR, t, s] += size
            out[SegmentOut.EXPANSIONS, t, s] += 1.0
        rows[n, MEETINGS] += 1
        next_meeting(n, book, tables, value, draw)


@step
def close_books(t, n_customers, book, out):
    """Step 6: closing ARR and customers of month t, and what is left of those there twelve months before.

    `ring[(t + 1) % 13]` holds each customer's ARR at the end of month t, `there` how many rows were filled.
    """
    rows, arr, ring = book.rows, book.arr, book.ring
    now = (t + 1) % RING
    book.there[now] = n_customers
    s, ending, count = 0, 0.0, 0
    for n in range(n_customers):
        ring[now, n] = arr[n]
        if rows[n, SEGMENT] != s:  # neighbours mostly share a segment, and its total stays in a register
            out[SegmentOut.ENDING_ARR, t, s] += ending
            out[SegmentOut.CUSTOMERS, t, s] += count
            s, ending, count = rows[n, SEGMENT], 0.0, 0
        ending += arr[n]
        count += rows[n, THERE]
    out[SegmentOut.ENDING_ARR, t, s] += ending
    out[SegmentOut.CUSTOMERS, t, s] += count
    if t + 1 < COHORT_MONTHS:
        return
    past = (t + 1 - COHORT_MONTHS) % RING
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


@step
def open_books(n_customers, book):
    """Remember the base as it is before the first month."""
    for n in range(n_customers):
        book.ring[0, n] = book.arr[n]
    book.there[0] = n_customers
