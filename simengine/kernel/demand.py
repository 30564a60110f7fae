"""Step 2: demand. What arrives at the first stage, and what passes each stage after it."""

from __future__ import annotations

import math

from simengine.kernel.jit import ZERO, step
from simengine.kernel.random import ARRIVALS, ONCE, OPEN, binomial, negative_binomial, uniforms
from simengine.kernel.tables import Source

_YEAR = 12
_MOST = 1e12
"""Arrivals a month: more than there is room for, and few enough for whole numbers to hold."""
_HOURS, _RESPONSE, _SELLERS = int(Source.HOURS), int(Source.RESPONSE), int(Source.SELLERS)


@step
def saturating(spend, at_spend, half_saturation):
    """Arrivals at a spend over those at `at_spend`: x (1 + κ)/(x + κ), x = spend / at_spend.

    Michaelis-Menten; Jin et al., *Bayesian methods for media mix modeling with carryover and shape effects*, 2017.
    """
    x = spend / at_spend
    return x * (1.0 + half_saturation) / (x + half_saturation) if x > 0.0 else 0.0


@step
def mean_arrivals(t, cell, season, hours_for_one, firm, sellers):
    """Expected arrivals at the first stage in month t, cut off at 1e12.

    `hours_for_one` is what a weight of one gets of its budget.
    """
    mean = cell.volume * season
    if cell.growth != 0.0:
        mean *= (1.0 + cell.growth) ** ((firm.grown + t) / _YEAR)
    if cell.source == _RESPONSE:
        mean *= saturating(cell.spend, cell.at_spend, cell.half_saturation)
    elif cell.source == _HOURS:
        mean *= hours_for_one * cell.weight
    elif cell.source == _SELLERS:
        mean *= sellers
    return min(mean, _MOST)


@step
def arrive(t, cell, season, hours_for_one, firm, segments, draw, reached):
    """What arrives at the first stage of a cell in month t; `reached` and `season` (by month) are the cell's."""
    month = firm.start + t
    mean = mean_arrivals(t, cell, season[month % _YEAR], hours_for_one, firm, segments[cell.segment].sellers)
    if mean > 0.0:
        u, _, _, _ = uniforms(cell.k0, cell.k1, draw, ZERO, month, ARRIVALS, ONCE)
        reached[t, 0] = negative_binomial(mean, cell.overdispersion, u)


@step
def qualify(t, budget, firm, cells, hours, draw, out_cell, reached):
    """Spend a budget's hours on arrivals that need qualification; drop those that there are no hours for."""
    need = 0.0
    for c in range(cells.shape[0]):
        if cells[c].qualified_by == budget:
            need += reached[t, c, 0] * cells[c].qualifying_hours
    if need <= hours[budget]:
        hours[budget] -= need
        return
    share = hours[budget] / need
    hours[budget] = 0.0
    for c in range(cells.shape[0]):
        cell = cells[c]
        if cell.qualified_by == budget:
            _, _, u, _ = uniforms(cell.k0, cell.k1, draw, ZERO, firm.start + t, ARRIVALS, ONCE)
            arrived = reached[t, c, 0]
            kept = binomial(int(arrived), share, u)
            out_cell[c].dropped = arrived - kept
            reached[t, c, 0] = kept


@step
def spend_hours(t, budget, firm, cells, segments, season, hours, draw, reached):
    """What arrives from the hours that a budget has left, shared by weight."""
    weights = 0.0
    for c in range(cells.shape[0]):
        if cells[c].budget == budget:
            weights += cells[c].weight
    if weights > 0.0:
        for c in range(cells.shape[0]):
            if cells[c].budget == budget:
                arrive(t, cells[c], season[c], hours[budget] / weights, firm, segments, draw, reached[:, c])


@step
def pass_stages(t, cell, rates, lags, firm, draw, reached):
    """Of those at each stage of a cell in month t, how many pass it, and when they reach the next.

    `rates`, `lags` and `reached` (month, stage) are the cell's.
    """
    months, month = reached.shape[0], firm.start + t
    for stage in range(rates.shape[0]):
        count = int(reached[t, stage])
        if count == 0:
            continue
        rate, lag = rates[stage], lags[stage]
        whole, late = math.floor(min(lag, float(months))), 0
        if rate < 1.0 or lag > whole:
            u_pass, u_late, _, _ = uniforms(cell.k0, cell.k1, draw, stage + 1, month, ARRIVALS, ONCE)
            count = binomial(count, rate, u_pass)
            if lag > whole:
                late = binomial(count, lag - whole, u_late)
        if t + whole < months:
            reached[t + whole, stage + 1] += count - late
        if late > 0 and t + whole + 1 < months:
            reached[t + whole + 1, stage + 1] += late


@step
def create(t, firm, cells, segments, rates, lags, season, hours, draw, out_cell, reached):
    """Opportunities that each cell creates in month t; adds up `reached[month, cell, stage]`, and returns how many.

    What stands in `reached` for later months is on its way from stage to stage.
    """
    for c in range(cells.shape[0]):
        if cells[c].source != _HOURS:
            arrive(t, cells[c], season[c], 0.0, firm, segments, draw, reached[:, c])
    for budget in range(hours.shape[0]):
        qualify(t, budget, firm, cells, hours, draw, out_cell, reached)
        spend_hours(t, budget, firm, cells, segments, season, hours, draw, reached)
    total = 0
    for c in range(cells.shape[0]):
        pass_stages(t, cells[c], rates[c], lags[c], firm, draw, reached[:, c])
        created = int(reached[t, c, rates.shape[1]])
        cells[c].created = created
        total += created
    return total


@step
def pass_opening(pipeline, cells, rates, draw, reached):
    """Of the opening pipeline at early stages: how many become opportunities of the first month."""
    total = 0
    for r in range(pipeline.shape[0]):
        row = pipeline[r]
        if row.stage == rates.shape[1]:
            continue
        cell, count = cells[row.cell], row.count
        for stage in range(row.stage, rates.shape[1]):
            u, _, _, _ = uniforms(cell.open_k0, cell.open_k1, draw, row.ordinal, row.arrival, OPEN, stage + 1)
            count = binomial(count, rates[row.cell, stage], u)
            reached[0, row.cell, stage + 1] += count
        row.passing = count
        total += count
    return total
