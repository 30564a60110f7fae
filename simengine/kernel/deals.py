"""Step 4: what is worked closes, won or lost, and what it is worth."""

from __future__ import annotations

import math

from simengine.kernel.crew import EXISTING
from simengine.kernel.jit import ZERO, step
from simengine.kernel.market import (
    ARRIVAL,
    BANDS,
    CELL,
    EVEN,
    FIRST_BAND,
    KEY,
    NONE,
    ORDINAL,
    OWNER,
    POOL,
    WON,
    expected_value,
    load,
    record,
    schedule,
)
from simengine.kernel.random import (
    DEAL,
    NEVER,
    ONCE,
    OUTCOME,
    lognormal_factor,
    normal_quantile,
    uniforms,
    whole_months,
)
from simengine.kernel.routing import ANYBODY, divide, own, pool_of
from simengine.kernel.tables import Band, Calendar, Cell, PoolOut, Row, Segment, SegmentOut

_SMALLEST_SURVIVAL = 1e-300
_YEAR = 12


@step
def deal_size(c, tables, value, u):
    """Size of a deal: lognormal, and `times` as much for the outliers at the top of u."""
    cells = tables.cells
    share = value[cells[c, Cell.OUTLIER_SHARE]]
    times = 1.0
    if share > 0.0:
        if u > 1.0 - share:
            u = (u - (1.0 - share)) / share
            times = value[cells[c, Cell.OUTLIER_TIMES]]
        else:
            u = u / (1.0 - share)
        u = min(max(u, 2.0**-53), 1.0 - 2.0**-53)
    return times * value[cells[c, Cell.DEAL_SIZE]] * lognormal_factor(value[cells[c, Cell.DEAL_SIGMA]], u)


@step
def settle_size(n, u, market, tables, value):
    """Draw what opportunity n is worth, unless that is stated."""
    if market.amounts[n] < 0.0:
        market.amounts[n] = deal_size(market.rows[n, CELL], tables, value, u)
        market.ranks[n] = u


@step
def terms_of(n, market, tables, value):
    """Chance of winning opportunity n, and mean cycles if won and if lost, in the band of its size."""
    cells, bands = tables.cells, tables.bands
    c = market.rows[n, CELL]
    win_rate = value[cells[c, Cell.WIN_RATE]]
    won, lost = value[cells[c, Cell.CYCLE]], value[cells[c, Cell.CYCLE_LOST]]
    first = market.rules[c, FIRST_BAND]
    for b in range(first + market.rules[c, BANDS] - 1, first - 1, -1):
        if market.amounts[n] > value[bands[b, Band.FROM]]:
            win_rate = min(1.0, win_rate * value[bands[b, Band.TIMES]])
            won *= value[bands[b, Band.CYCLE]]
            lost *= value[bands[b, Band.CYCLE]]
            break
    return win_rate, won, lost


@step
def month_on_clock(c, t, reading, market):
    """The first month from t on at whose end the closing clock of cell c shows more than `reading`.

    The number of months in the plan if there is none.
    """
    clock = market.clock
    while t + 1 < clock.shape[1] and clock[c, t + 1] <= reading:
        t += 1
    return t


@step
def start(t, n, market, crew, tables, value, draw):
    """Start to work opportunity n in month t: who owns it, whether it will be won, when it closes."""
    cells, rows = tables.cells, market.rows
    c, pool = rows[n, CELL], rows[n, POOL]
    u_won, u_cycle = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, ARRIVAL], OUTCOME, ONCE)
    u_size, u_round = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, ARRIVAL], DEAL, ONCE)
    if market.rules[c, BANDS] > 0:
        settle_size(n, u_size, market, tables, value)
    win_rate, won_mean, lost_mean = terms_of(n, market, tables, value)
    won = u_won < win_rate
    if won:
        settle_size(n, u_size, market, tables, value)
    mean, sigma = won_mean if won else lost_mean, value[cells[c, Cell.CYCLE_SIGMA]]
    if market.rules[c, EVEN] == 1:
        closes = t + whole_months(mean, sigma, u_cycle, u_round)
    else:
        weight = tables.season[c, _YEAR + (tables.calendar[Calendar.START] + t) % _YEAR]
        reading = market.clock[c, t] + u_round * weight + mean * lognormal_factor(sigma, u_cycle)
        closes = month_on_clock(c, t, reading, market)
    rows[n, WON] = 1 if won else 0
    market.odds[n] = win_rate
    schedule(n, closes, market, tables)
    market.in_work[cells[c, Cell.SEGMENT]] += 1
    if pool != NONE:
        if closes > t:
            market.taken[pool] += load(n, market, tables)
        own(t, n, NONE, ANYBODY, market, crew, tables)


@step
def survival(mean, sigma, age):
    """P(cycle > age) of a lognormal cycle, at least 1e-300; with no spread, whether the cycle is longer than that."""
    if age <= 0.0 or (sigma == 0.0 and mean > age):
        return 1.0
    if sigma == 0.0 or mean <= 0.0:
        return _SMALLEST_SURVIVAL
    z = (math.log(age / mean) + 0.5 * sigma * sigma) / sigma
    return max(_SMALLEST_SURVIVAL, 0.5 * math.erfc(z / math.sqrt(2.0)))


@step
def remaining_cycle(mean, sigma, age, survived, u):
    """Months until a lognormal cycle that has lasted `age` months ends: S⁻¹(S(age) (1 − u)) − age, given S(age)."""
    if sigma == 0.0 or mean <= 0.0:
        return max(0.0, mean - age)
    z = -normal_quantile(survived * (1.0 - u))
    return max(0.0, mean * math.exp(sigma * z - 0.5 * sigma * sigma) - age)


@step
def resume(n, age, market, tables, value, draw):
    """Go on with opportunity n, given that it has been open for `age` months when the plan starts."""
    rows = market.rows
    c = rows[n, CELL]
    u_won, u_cycle = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, ARRIVAL], OUTCOME, ONCE)
    u_size, _ = uniforms(tables.keys, rows[n, KEY], draw, rows[n, ORDINAL], rows[n, ARRIVAL], DEAL, ONCE)
    if market.rules[c, BANDS] > 0:
        settle_size(n, u_size, market, tables, value)
    sigma = value[tables.cells[c, Cell.CYCLE_SIGMA]]
    win_rate, won_mean, lost_mean = terms_of(n, market, tables, value)
    won_survival, lost_survival = survival(won_mean, sigma, age), survival(lost_mean, sigma, age)
    still_winning, still_losing = win_rate * won_survival, (1.0 - win_rate) * lost_survival
    market.odds[n] = still_winning / (still_winning + still_losing)
    won = u_won < market.odds[n]
    if won:
        settle_size(n, u_size, market, tables, value)
    mean, survived = (won_mean, won_survival) if won else (lost_mean, lost_survival)
    left = remaining_cycle(mean, sigma, age, survived, u_cycle)
    if market.rules[c, EVEN] == 1:
        closes = math.floor(left) if left < NEVER else NEVER
    else:
        closes = month_on_clock(c, ZERO, left, market)
    rows[n, WON] = 1 if won else 0
    schedule(n, closes, market, tables)


@step
def resume_row(r, n, market, crew, tables, value, draw):
    """Go on with a last-stage row of the opening pipeline; returns the next free row of the market."""
    pipeline, cells = tables.pipeline, tables.cells
    c, rows_end = pipeline[r, Row.CELL], n + pipeline[r, Row.COUNT]
    key, arrival = cells[c, Cell.OPEN_KEY], pipeline[r, Row.ARRIVAL]
    age, amount = tables.pipeline_numbers[r, 0], tables.pipeline_numbers[r, 1]
    expected = expected_value(c, amount, tables, value)
    divide(cells[c, Cell.SEGMENT], market, tables, value)
    market.in_work[cells[c, Cell.SEGMENT]] += pipeline[r, Row.COUNT]
    ordinal = pipeline[r, Row.ORDINAL]
    while n < rows_end:
        pool = pool_of(c, key, ordinal, arrival, market, tables, draw)
        record(n, c, pool, key, arrival, ordinal, amount, expected, market, tables)
        resume(n, age, market, tables, value, draw)
        if pool != NONE:
            market.taken[pool] += load(n, market, tables)
            own(ZERO, n, pipeline[r, Row.OWNER], ANYBODY, market, crew, tables)
        n += 1
        ordinal += 1
    return n


@step
def split_by_certainty(t, n, market, crew, tables, out_segment):
    """Add new ARR to that part of the year's to which it belongs."""
    rows, amount = market.rows, market.amounts[n]
    c, owner = rows[n, CELL], rows[n, OWNER]
    s = tables.cells[c, Cell.SEGMENT]
    if rows[n, KEY] == tables.cells[c, Cell.OPEN_KEY]:
        out_segment[SegmentOut.NEW_FROM_PIPELINE, t, s] += amount
    elif owner == NONE:
        out_segment[SegmentOut.NEW_WITHOUT_SELLER, t, s] += amount
    elif crew.state[owner, EXISTING] == 1:
        out_segment[SegmentOut.NEW_FROM_EXISTING, t, s] += amount
    else:
        out_segment[SegmentOut.NEW_FROM_HIRES, t, s] += amount


@step
def close(t, n, market, crew, tables, out_segment, out_pool):
    """Step 4 for one opportunity that ends in month t; returns whether it is a new customer."""
    rows, amount = market.rows, market.amounts[n]
    s, pool, owner = tables.cells[rows[n, CELL], Cell.SEGMENT], rows[n, POOL], rows[n, OWNER]
    market.in_work[s] -= 1
    market.pipeline[s] -= market.expected[n]
    if owner != NONE:
        crew.owned[owner] -= load(n, market, tables)
    if rows[n, WON] == 0:
        out_segment[SegmentOut.LOST, t, s] += 1.0
        return False
    out_segment[SegmentOut.WON, t, s] += 1.0
    if pool != NONE:
        out_pool[PoolOut.CREDITED, t, pool] += amount
    if tables.segments[s, Segment.SUBSCRIPTION] == 0:
        out_segment[SegmentOut.ONE_OFF_BOOKINGS, t, s] += amount
        out_segment[SegmentOut.BILLINGS, t, s] += amount
        return False
    out_segment[SegmentOut.NEW_ARR, t, s] += amount
    out_segment[SegmentOut.NEW_CUSTOMERS, t, s] += 1.0
    split_by_certainty(t, n, market, crew, tables, out_segment)
    return True
