"""Steps 5 and 6: customers renew, contract, churn and expand, and what their ARR adds up to."""

from __future__ import annotations

import math

from simengine.kernel.jit import NONE, ZERO, inlined, step
from simengine.kernel.market import key_of
from simengine.kernel.random import (
    EXPANSION,
    ONCE,
    TERM,
    UNSOLD,
    WIDTH,
    anywhere,
    exponential,
    lognormal_factor,
    months_until,
    neighbours,
    poisson,
    purpose_and_number,
    uniforms,
    word,
)

COHORT_MONTHS = 12
_YEAR = 12
_OWN = -1
_RENEWAL, _EXPANSION, _BY_ARR = 1, 2, 4


@step
def clear_base(firm, segments, due, phases, upsells):
    """No customer yet."""
    firm.customers = 0
    firm.settled = 0
    firm.events = 0
    for s in range(segments.shape[0]):
        segment = segments[s]
        segment.there = 0
        segment.standing = 0
        segment.spent = 0.0
        segment.arr = 0.0
        segment.net = 0.0
        segment.gross = 0.0
        for phase in range(phases.shape[1]):
            phases[s, phase] = 0.0
        for part in range(upsells.shape[1]):
            upsells[s, part] = NONE
    for t in range(due.shape[0]):
        due[t] = NONE


@inlined
def change_arr(n, arr, firm, customers, segment, phases, events):
    """Let customer n have `arr` from now on; `phases` are the segment's ARR by month of billing."""
    customer = customers[n]
    change, then = arr - customer.arr, customer.then
    segment.arr += change
    phases[customer.phase] += change
    if then > 0.0:
        segment.net += change
        segment.gross += min(arr, then) - min(customer.arr, then)
    customer.arr = arr
    event = events[firm.events]
    event.customer = n
    event.arr = arr
    firm.events += 1


@step
def remember(first, last, customers, segments, events):
    """Let what customers had at the end of a month, `events[first:last]`, be their ARR of twelve months ago."""
    for i in range(first, last):
        event = events[i]
        customer = customers[event.customer]
        segment = segments[customer.segment]
        arr, then = customer.arr, customer.then
        if then > 0.0:
            segment.net -= arr
            segment.gross -= min(arr, then)
        if event.arr > 0.0:
            segment.net += arr
            segment.gross += min(arr, event.arr)
        customer.then = event.arr


@inlined
def part_of(hazard, segment, upsells):
    """The part of a segment's calendar of expansions in which a hazard stands."""
    return min(int(hazard / segment.hazard * upsells.shape[0]), upsells.shape[0] - 1)


@inlined
def won_at(since, u, segment):
    """What is used up of the hazard when the next expansion is won: −ln(1 − u) more than `since`.

    Infinite where the whole plan does not reach it: that needs no logarithm.
    """
    return since + exponential(u) if u < segment.reached else math.inf


@inlined
def await_upsell(n, customer, at, u_size, segment, upsells):
    """Let customer n win the next expansion when the segment has used up `at` of its hazard."""
    customer.upsell_at = at
    customer.upsell_size = u_size
    if at <= segment.hazard:
        part = part_of(at, segment, upsells)
        customer.next_upsell = upsells[part]
        upsells[part] = n


@inlined
def decide(n, customer, segment, u_timing, earliest, due):
    """Set down in which month the end of customer n's term is decided: early, late or when it ends."""
    decided = customer.ends
    if segment.early_months + segment.late_months > 0:
        if u_timing < segment.early_share:
            decided -= segment.early_months
        elif u_timing >= 1.0 - segment.late_share:
            decided += segment.late_months
        decided = max(decided, earliest)
    if decided < due.shape[0]:
        customer.next = due[decided]
        due[decided] = n


@inlined
def term_length(segment, u, terms):
    """Length of a term: the shortest of the segment's whose cumulated share exceeds u."""
    longer, first = 0, segment.first_term
    for i in range(first, first + segment.terms - 1):
        longer += 1 if terms[i].share <= u else 0
    return terms[first + longer].months


@step
def admit_base(firm, customers, opening, segments, due, phases, upsells, luck, draw):
    """The customers who are there when the plan starts; `luck` is room for uniforms."""
    i = 0
    while i < opening:
        first, count = customers[i], min(customers[i].run, luck.shape[1])
        neighbours(first.k0, first.k1, draw, first.ordinal, count, first.period, TERM, luck)
        neighbours(first.k0, first.k1, draw, first.ordinal, count, first.period, EXPANSION, luck[4:])
        segment = segments[first.segment]
        for k in range(count):
            n = i + k
            customer = customers[n]
            customer.term = 0
            customer.ends = customer.first_due
            customer.arr = customer.opening
            customer.then = customer.opening
            customer.luck = luck[0, k]
            decide(n, customer, segment, luck[1, k], ZERO, due)
            customer.there = 1
            customer.upsells = 0
            await_upsell(n, customer, won_at(0.0, luck[4, k], segment), luck[5, k], segment, upsells[customer.segment])
            segment.arr += customer.opening
            phases[customer.segment, customer.phase] += customer.opening
        segment.there += count
        segment.standing += count
        i += count
    for s in range(segments.shape[0]):
        segments[s].net = segments[s].arr
        segments[s].gross = segments[s].arr
        segments[s].load_customers = segments[s].there
        segments[s].load_arr = segments[s].arr
    firm.customers = opening
    firm.settled = opening


@inlined
def admit(t, opportunity, cell, firm, customers, segments, phases, events):
    """A deal won in month t is a new customer, whose terms are still to be begun."""
    n, s = firm.customers, cell.segment
    firm.customers += 1
    customer, segment = customers[n], segments[s]
    k0, k1 = key_of(cell, opportunity.opening)
    customer.k0 = k0
    customer.k1 = k1
    customer.segment = s
    customer.ordinal = opportunity.ordinal
    customer.period = opportunity.arrival
    customer.phase = t % firm.billing
    customer.term = 0
    customer.rate = _OWN
    customer.rank = opportunity.rank
    customer.arr = 0.0
    customer.then = 0.0
    customer.there = 1
    segment.there += 1
    change_arr(n, opportunity.amount, firm, customers, segment, phases[s], events)


@inlined
def address(k, customer, purpose, number, addresses):
    """Put what a customer draws for a purpose in place k of what is drawn in one go."""
    addresses[0, k] = customer.k0
    addresses[1, k] = customer.k1
    addresses[2, k] = word(customer.ordinal)
    addresses[3, k] = word(customer.period)
    addresses[4, k] = purpose_and_number(purpose, number)


@step
def draw_newcomers(first, purpose, draw, firm, customers, addresses, luck):
    """What customers won in the month draw once for a purpose, from `first` on; returns for how many there was room."""
    count = min(luck.shape[1], firm.customers - first)
    for k in range(count):
        address(k, customers[first + k], purpose, ONCE, addresses)
    anywhere(draw, count, addresses, luck)
    return count


@step
def begin_terms(t, firm, customers, segments, terms, due, addresses, luck, draw, out_segment):
    """Begin the first terms of the customers won in month t, from the month in which each goes live."""
    for first in range(firm.settled, firm.customers, luck.shape[1]):
        count = draw_newcomers(first, TERM, draw, firm, customers, addresses, luck)
        for k in range(count):
            customer = customers[first + k]
            segment = segments[customer.segment]
            customer.luck = luck[0, k]
            live = months_until(t, segment.go_live + luck[3, k])
            if live < due.shape[0]:
                out_segment[live, customer.segment].went_live += customer.arr
            customer.ends = live + term_length(segment, luck[2, k], terms)
            decide(first + k, customer, segment, luck[1, k], t + 1, due)


@inlined
def serves(group, segment):
    """Whether a group looks after the customers of one of the segments that it may look after."""
    return group.segment != NONE or segment.subscription == 1


@inlined
def served_by(group, segments):
    """First and last of the segments that a group may look after: its own, or all."""
    if group.segment != NONE:
        return group.segment, group.segment + 1
    return ZERO, segments.shape[0]


@step
def cover(groups, segments, out):
    """Coverage of each segment in the month: Σ capacity/load over the groups that serve it, at most 1."""
    for s in range(segments.shape[0]):
        out[s].renewal_coverage = -1.0
        out[s].expansion_coverage = -1.0
    for g in range(groups.shape[0]):
        group = groups[g]
        if group.serves == 0:
            continue
        load = 0.0
        first, last = served_by(group, segments)
        for s in range(first, last):
            if serves(group, segments[s]):
                load += segments[s].load_arr if group.serves & _BY_ARR else segments[s].load_customers
        share = group.service / load if load > 0.0 else 1.0
        for s in range(first, last):
            if serves(group, segments[s]):
                if group.serves & _RENEWAL:
                    out[s].renewal_coverage = max(0.0, out[s].renewal_coverage) + share
                if group.serves & _EXPANSION:
                    out[s].expansion_coverage = max(0.0, out[s].expansion_coverage) + share
    for s in range(segments.shape[0]):
        renewal, expansion = out[s].renewal_coverage, out[s].expansion_coverage
        out[s].renewal_coverage = 1.0 if renewal < 0.0 else min(1.0, renewal)
        out[s].expansion_coverage = 1.0 if expansion < 0.0 else min(1.0, expansion)


@inlined
def renewal_rate(customer, segment):
    """Chance that a customer renews: by size where dollars renew unlike logos, and less at low coverage."""
    rate = customer.rate
    if rate < 0.0:
        rate = segment.renewal_rate
        if segment.tilt != 0.0:
            rate = min(1.0, max(0.0, rate + segment.tilt * (2.0 * customer.rank - 1.0)))
    return rate * segment.served


@step
def serve(segments, out):
    """What is left of each segment's renewals at its coverage: κ^ε."""
    for s in range(segments.shape[0]):
        segment = segments[s]
        segment.served = 1.0
        if segment.elasticity > 0.0 and out[s].renewal_coverage < 1.0:
            segment.served = out[s].renewal_coverage ** segment.elasticity


@inlined
def comes_up_again(t, segment, terms, months):
    """Whether who renews in month t may decide once more within the plan; else the next term is not drawn."""
    begins = t - segment.late_months
    return begins + terms[segment.first_term].months - segment.early_months < months


@step
def renew_month(t, firm, customers, segments, terms, due, phases, events, picked, addresses, luck, draw, out_segment):
    """Renewals decided in month t: in full, contracted, or churned, by one uniform each; then the price."""
    serve(segments, out_segment[t])
    n, kept_on = due[t], 0
    while n != NONE:
        customer = customers[n]
        after, s, arr = customer.next, customer.segment, customer.arr
        segment, out = segments[s], out_segment[t, s]
        u = customer.luck
        rate = renewal_rate(customer, segment)
        out.renewals_due += 1.0
        if customer.ends < due.shape[0]:
            out_segment[customer.ends, s].atr += arr
        if u >= rate:
            out.churned_arr += arr
            out.churned_customers += 1.0
            churn(n, firm, customers, segment, phases[s], events)
        else:
            kept = arr
            if segment.contraction > 0.0 and segment.depth > 0.0 and u >= rate - segment.contraction / segment.depth:
                out.contraction_arr += arr * segment.depth
                kept = arr - arr * segment.depth
            increase = kept * segment.price
            out.price_arr += increase
            out.renewals += 1.0
            if kept + increase != arr:
                change_arr(n, kept + increase, firm, customers, segment, phases[s], events)
            if comes_up_again(t, segment, terms, due.shape[0]):
                picked[kept_on] = n
                kept_on += 1
            if kept_on == WIDTH:
                renew(t, kept_on, picked, customers, segments, terms, due, addresses, luck, draw)
                kept_on = 0
        n = after
    renew(t, kept_on, picked, customers, segments, terms, due, addresses, luck, draw)


@step
def churn(n, firm, customers, segment, phases, events):
    """Customer n is gone."""
    customers[n].there = 0
    segment.there -= 1
    segment.standing -= 1
    change_arr(n, 0.0, firm, customers, segment, phases, events)


@step
def renew(t, count, picked, customers, segments, terms, due, addresses, luck, draw):
    """Begin the next terms of `picked[:count]` where the last ones end, whenever that was decided."""
    for k in range(count):
        customer = customers[picked[k]]
        customer.term += 1
        address(k, customer, TERM, customer.term, addresses)
    anywhere(draw, count, addresses, luck)
    for k in range(count):
        n = picked[k]
        customer = customers[n]
        segment = segments[customer.segment]
        customer.luck = luck[0, k]
        customer.ends += term_length(segment, luck[2, k], terms)
        decide(n, customer, segment, luck[1, k], t + 1, due)


@step
def upsell(t, n, limit, firm, customers, segment, phases, events, upsells, draw, out):
    """The expansions that customer n wins in month t: those at which no more than `limit` of the hazard is used up."""
    customer = customers[n]
    until_bill = (customer.phase - t) % firm.billing
    while True:
        size = segment.expansion_size * lognormal_factor(segment.expansion_sigma, customer.upsell_size)
        out.expansions += 1.0
        out.expansions_met += 1.0
        out.expansions_worked += 1.0
        out.expansion_arr += size
        out.billings += size * until_bill / _YEAR
        if firm.events == events.shape[0]:
            firm.full = 1
            return
        change_arr(n, customer.arr + size, firm, customers, segment, phases, events)
        customer.upsells += 1
        u, u_size, _, _ = uniforms(
            customer.k0, customer.k1, draw, customer.ordinal, customer.period, EXPANSION, customer.upsells
        )
        at = won_at(customer.upsell_at, u, segment)
        if at > limit:
            await_upsell(n, customer, at, u_size, segment, upsells)
            return
        customer.upsell_at = at
        customer.upsell_size = u_size


@step
def expand_segment(t, s, firm, customers, segment, phases, events, upsells, draw, out):
    """Expansion opportunities of a segment's customers in month t: worked if somebody has time, and won or not."""
    coverage, rate = out.expansion_coverage, segment.expansion_rate
    if rate <= 0.0:
        return
    limit = segment.spent + rate * coverage * segment.expansion_win_rate
    if limit > segment.spent:
        for part in range(part_of(segment.spent, segment, upsells), part_of(limit, segment, upsells) + 1):
            n = upsells[part]
            upsells[part] = NONE
            while n != NONE:
                customer = customers[n]
                after = customer.next_upsell
                if customer.upsell_at > limit:
                    customer.next_upsell = upsells[part]
                    upsells[part] = n
                elif customer.there == 1:
                    upsell(t, n, limit, firm, customers, segment, phases, events, upsells, draw, out)
                n = after
    segment.spent = limit
    u_lost, u_idle, _, _ = uniforms(segment.k0, segment.k1, draw, ZERO, firm.start + t, UNSOLD, ONCE)
    mean = segment.standing * rate
    lost = poisson(mean * coverage * (1.0 - segment.expansion_win_rate), u_lost)
    idle = poisson(mean * (1.0 - coverage), u_idle)
    out.expansions_met += lost + idle
    out.expansions_worked += lost


@step
def settle(firm, customers, segments, upsells, addresses, luck, draw):
    """The new customers of the month are open to expansion from the next one on."""
    for first in range(firm.settled, firm.customers, luck.shape[1]):
        count = draw_newcomers(first, EXPANSION, draw, firm, customers, addresses, luck)
        for k in range(count):
            customer = customers[first + k]
            segment = segments[customer.segment]
            segment.standing += 1
            customer.upsells = 0
            at = won_at(segment.spent, luck[0, k], segment)
            await_upsell(first + k, customer, at, luck[1, k], segment, upsells[customer.segment])
    firm.settled = firm.customers


@step
def close_books(t, firm, segments, phases, out):
    """Bills of month t, and step 6: what there is at its end, and what is left of those there twelve months before."""
    phase = t % firm.billing
    for s in range(segments.shape[0]):
        segment, books = segments[s], out[s]
        if segment.there == 0:  # nothing is left over of sums of which everything was taken away again
            segment.arr = 0.0
            segment.net = 0.0
            segment.gross = 0.0
            for i in range(phases.shape[1]):
                phases[s, i] = 0.0
        books.ending_arr = segment.arr
        books.customers = segment.there
        books.billings += max(0.0, phases[s, phase]) * firm.billing / _YEAR
        books.nrr_arr = max(0.0, segment.net)
        books.grr_arr = max(0.0, segment.gross)
        segment.load_customers = segment.there
        segment.load_arr = segment.arr
