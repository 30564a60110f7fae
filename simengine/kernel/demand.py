"""Step 2: demand. What arrives at the first stage, and what passes each stage after it."""

from __future__ import annotations

import math

from simengine.kernel.jit import ZERO, step
from simengine.kernel.random import ARRIVALS, ONCE, OPEN, QUALIFY, binomial, negative_binomial, uniforms
from simengine.kernel.tables import Calendar, Cell, CellOut, Row, Source

_YEAR = 12


@step
def saturating(spend, at_spend, half_saturation):
    """Arrivals at a spend over those at `at_spend`: x (1 + κ)/(x + κ), x = spend / at_spend.

    Michaelis-Menten; Jin et al., *Bayesian methods for media mix modeling with carryover and shape effects*, 2017.
    """
    x = spend / at_spend
    return x * (1.0 + half_saturation) / (x + half_saturation) if x > 0.0 else 0.0


@step
def mean_arrivals(t, c, hours_for_one, crew, tables, value):
    """Expected arrivals at the first stage in month t; `hours_for_one` is what a weight of one gets of its budget."""
    cells = tables.cells
    month = (tables.calendar[Calendar.START] + t) % _YEAR
    growth = (1.0 + value[cells[c, Cell.GROWTH]]) ** (t / _YEAR)
    mean = value[cells[c, Cell.VOLUME]] * growth * tables.season[c, month]
    source = cells[c, Cell.SOURCE]
    if source == Source.RESPONSE:
        mean *= saturating(
            value[cells[c, Cell.SPEND]], value[cells[c, Cell.AT_SPEND]], value[cells[c, Cell.HALF_SATURATION]]
        )
    elif source == Source.HOURS:
        mean *= hours_for_one * value[cells[c, Cell.WEIGHT]]
    elif source == Source.SELLERS:
        mean *= crew.sellers[cells[c, Cell.SEGMENT]]
    return mean


@step
def arrive(t, c, hours_for_one, crew, tables, value, draw, reached):
    """What arrives at the first stage of cell c in month t."""
    key, month = tables.cells[c, Cell.KEY], tables.calendar[Calendar.START] + t
    mean = mean_arrivals(t, c, hours_for_one, crew, tables, value)
    if mean > 0.0:
        u, _ = uniforms(tables.keys, key, draw, ZERO, month, ARRIVALS, ONCE)
        reached[t, c, 0] = negative_binomial(mean, value[tables.cells[c, Cell.OVERDISPERSION]], u)


@step
def qualify(t, budget, crew, tables, value, draw, out_cell, reached):
    """Spend a budget's hours on arrivals that need qualification; drop those that there are no hours for."""
    cells, need = tables.cells, 0.0
    for c in range(cells.shape[0]):
        if cells[c, Cell.QUALIFIED_BY] == budget:
            need += reached[t, c, 0] * value[cells[c, Cell.QUALIFYING_HOURS]]
    if need <= crew.hours[budget]:
        crew.hours[budget] -= need
        return
    share = crew.hours[budget] / need
    crew.hours[budget] = 0.0
    for c in range(cells.shape[0]):
        if cells[c, Cell.QUALIFIED_BY] == budget:
            month = tables.calendar[Calendar.START] + t
            u, _ = uniforms(tables.keys, cells[c, Cell.KEY], draw, ZERO, month, QUALIFY, ONCE)
            kept = binomial(int(reached[t, c, 0]), share, u)
            out_cell[CellOut.DROPPED, t, c] = reached[t, c, 0] - kept
            reached[t, c, 0] = kept


@step
def spend_hours(t, budget, crew, tables, value, draw, reached):
    """What arrives from the hours that a budget has left, shared by weight."""
    cells, weights = tables.cells, 0.0
    for c in range(cells.shape[0]):
        if cells[c, Cell.BUDGET] == budget:
            weights += value[cells[c, Cell.WEIGHT]]
    if weights > 0.0:
        for c in range(cells.shape[0]):
            if cells[c, Cell.BUDGET] == budget:
                arrive(t, c, crew.hours[budget] / weights, crew, tables, value, draw, reached)


@step
def pass_stages(t, c, tables, value, draw, reached):
    """Of those at each stage of cell c in month t, how many pass it, and when they reach the next."""
    key, month = tables.cells[c, Cell.KEY], tables.calendar[Calendar.START] + t
    for stage in range(tables.rates.shape[1]):
        count = int(reached[t, c, stage])
        if count == 0:
            continue
        rate, lag = value[tables.rates[c, stage]], value[tables.stage_lags[c, stage]]
        whole, late = math.floor(min(lag, float(reached.shape[0]))), 0
        if rate < 1.0 or lag > whole:
            u_pass, u_late = uniforms(tables.keys, key, draw, stage + 1, month, ARRIVALS, ONCE)
            count = binomial(count, rate, u_pass)
            late = binomial(count, lag - whole, u_late)
        if t + whole < reached.shape[0]:
            reached[t + whole, c, stage + 1] += count - late
        if t + whole + 1 < reached.shape[0]:
            reached[t + whole + 1, c, stage + 1] += late


@step
def create(t, created, crew, tables, value, draw, out_cell, reached):
    """Opportunities that each cell creates in month t; adds up `reached[month, cell, stage]`, and returns how many.

    What stands in `reached` for later months is on its way from stage to stage.
    """
    cells = tables.cells
    for c in range(cells.shape[0]):
        if cells[c, Cell.SOURCE] != Source.HOURS:
            arrive(t, c, 0.0, crew, tables, value, draw, reached)
    for budget in range(crew.hours.shape[0]):
        qualify(t, budget, crew, tables, value, draw, out_cell, reached)
        spend_hours(t, budget, crew, tables, value, draw, reached)
    total = 0
    for c in range(cells.shape[0]):
        pass_stages(t, c, tables, value, draw, reached)
        created[c] = int(reached[t, c, tables.rates.shape[1]])
        total += created[c]
    return total


@step
def passing(r, tables, value, draw, reached):
    """Of row r of the opening pipeline, at an early stage: how many become opportunities of the first month."""
    pipeline = tables.pipeline
    c, count = pipeline[r, Row.CELL], pipeline[r, Row.COUNT]
    key, ordinal, arrival = tables.cells[c, Cell.OPEN_KEY], pipeline[r, Row.ORDINAL], pipeline[r, Row.ARRIVAL]
    for stage in range(pipeline[r, Row.STAGE], tables.rates.shape[1]):
        u, _ = uniforms(tables.keys, key, draw, ordinal, arrival, OPEN, stage + 1)
        count = binomial(count, value[tables.rates[c, stage]], u)
        reached[0, c, stage + 1] += count
    return count
