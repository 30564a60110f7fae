"""Step 2: demand. What arrives at the first stage, and what passes each stage after it."""

from __future__ import annotations

from simengine.kernel.jit import step
from simengine.kernel.random import ARRIVALS, OPEN, binomial, negative_binomial, uniforms
from simengine.kernel.tables import Calendar, Cell, Row

_YEAR = 12


@step
def arrivals(t, c, tables, value, draw, reached):
    """Opportunities that arrive in month t in cell c; adds up `reached[month, cell, stage]`."""
    cells = tables.cells
    key, month = cells[c, Cell.KEY], tables.calendar[Calendar.START] + t
    growth = (1.0 + value[cells[c, Cell.GROWTH]]) ** (t / _YEAR)
    mean = value[cells[c, Cell.VOLUME]] * growth * tables.season[c, month % _YEAR]
    u, _ = uniforms(tables.keys, key, draw, 0, month, ARRIVALS, 0)
    count = negative_binomial(mean, value[cells[c, Cell.OVERDISPERSION]], u)
    reached[t, c, 0] += count
    for stage in range(tables.rates.shape[1]):
        u, _ = uniforms(tables.keys, key, draw, stage + 1, month, ARRIVALS, 0)
        count = binomial(count, value[tables.rates[c, stage]], u)
        reached[t, c, stage + 1] += count
    return count


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
