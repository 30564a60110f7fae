"""Step 2 (docs/model.md) over paths: arrivals, hours, stages."""

import numpy as np

from bench.vectorised.arrays import YEAR
from simengine.kernel.tables import Calendar, Cell, CellOut, Row, Source


class Demand:
    """What arrives at each stage of each cell. `reached` is (path, month, cell, stage)."""

    def __init__(self, tables, rng, out):
        self.tables, self.rng = tables, rng
        self.reached, self.out_cell = out.reached, out.cell

    def create(self, t, people, value):
        """Opportunities of month t, (cell, path)."""
        cells, hours = self.tables.cells, people.hours
        for c, cell in enumerate(cells):
            if cell[Cell.SOURCE] != Source.HOURS:
                self._arrive(t, c, self._mean(t, c, people, value), value)
        for budget in range(hours.shape[1]):
            left = self._qualify(t, budget, hours[:, budget], value)
            drawing = np.flatnonzero(cells[:, Cell.BUDGET] == budget)
            weights = value[cells[drawing, Cell.WEIGHT]].sum(axis=0)
            for c in drawing:
                mean = self._mean(t, c, people, value) * value[cells[c, Cell.WEIGHT]]
                mean *= np.divide(left, weights, out=np.zeros_like(left), where=weights > 0.0)
                self._arrive(t, c, mean, value)
        for c in range(len(cells)):
            self._pass(t, c, value)
        return self.reached[:, t, :, -1].T.astype(np.int64)

    def _mean(self, t, c, people, value):
        cell = self.tables.cells[c]
        month = (self.tables.calendar[Calendar.START] + t) % YEAR
        grown = self.tables.calendar[Calendar.GROWN] + t
        mean = value[cell[Cell.VOLUME]] * (1.0 + value[cell[Cell.GROWTH]]) ** (grown / YEAR)
        mean = mean * self.tables.season[c, month]
        if cell[Cell.SOURCE] == Source.RESPONSE:
            x, half = value[cell[Cell.SPEND]] / value[cell[Cell.AT_SPEND]], value[cell[Cell.HALF_SATURATION]]
            return np.where(x > 0.0, mean * x * (1.0 + half) / np.where(x > 0.0, x + half, 1.0), 0.0)
        if cell[Cell.SOURCE] == Source.SELLERS:
            return mean * people.sellers[:, cell[Cell.SEGMENT]]
        return mean

    def _arrive(self, t, c, mean, value):
        """Poisson, or a gamma mixture of Poissons, which is negative binomial."""
        extra = value[self.tables.cells[c, Cell.OVERDISPERSION]] - 1.0
        if extra.any():
            mixed = self.rng.standard_gamma(mean / np.where(extra > 0.0, extra, 1.0)) * extra
            mean = np.where(extra > 0.0, mixed, mean)
        self.reached[:, t, c, 0] = self.rng.poisson(mean)

    def _qualify(self, t, budget, hours, value):
        """Drop what there are no hours for; returns the hours that are left."""
        cells = self.tables.cells
        own = np.flatnonzero(cells[:, Cell.QUALIFIED_BY] == budget)
        arrived = self.reached[:, t, own, 0]
        need = (arrived * value[cells[own, Cell.QUALIFYING_HOURS]].T).sum(axis=1)
        share = np.minimum(1.0, np.divide(hours, need, out=np.ones_like(need), where=need > 0.0))
        if (share < 1.0).any():
            kept = self.rng.binomial(arrived.astype(np.int64), share[:, None])
            self.out_cell[:, CellOut.DROPPED, t, own] = arrived - kept
            self.reached[:, t, own, 0] = kept
        return np.maximum(hours - need, 0.0)

    def _pass(self, t, c, value):
        months = self.reached.shape[1]
        for stage, (rate, lag) in enumerate(zip(self.tables.rates[c], self.tables.stage_lags[c], strict=True)):
            count = self.rng.binomial(self.reached[:, t, c, stage].astype(np.int64), value[rate])
            if not value[lag].any():
                self.reached[:, t, c, stage + 1] += count
                continue
            whole = np.floor(value[lag])
            late = self.rng.binomial(count, value[lag] - whole)
            for later, arriving in ((whole, count - late), (whole + 1, late)):
                month = t + later.astype(np.int64)
                p = np.flatnonzero(month < months)
                self.reached[p, month[p], c, stage + 1] += arriving[p]

    def passing(self, value):
        """Of the opening pipeline's early stages: opportunities of the first month, (row, path)."""
        rows, stages = self.tables.pipeline, self.tables.rates.shape[1]
        found = np.zeros((len(rows), len(self.reached)), np.int64)
        for r, row in enumerate(rows):
            if row[Row.STAGE] < stages:
                found[r] = row[Row.COUNT]
                for stage in range(row[Row.STAGE], stages):
                    found[r] = self.rng.binomial(found[r], value[self.tables.rates[row[Row.CELL], stage]])
                    self.reached[:, 0, row[Row.CELL], stage + 1] += found[r]
        return found
