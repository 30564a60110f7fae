"""What sellers work: a cell's opportunities by band of size, from demand and from the opening pipeline."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simengine.baseline.deals import Resumed, Stream
from simengine.baseline.demand import CellName
from simengine.baseline.laws import SMALLEST_SURVIVAL, below, closing_shares, log_sigma, normal_scores, survival
from simengine.baseline.numbers import Array, Numbers
from simengine.baseline.ranks import MIDDLE, spread_over
from simengine.plan.fields import ONE
from simengine.plan.market import Demand, PipelineRow

_FINE = 2048


@dataclass
class Cell:
    """The streams of a cell, what is open in them at the start, and what the opening pipeline adds to its stages."""

    streams: list[Stream]
    resumed: list[Resumed]
    reached: Array
    """(stage,), in the first month."""


def cell_streams(numbers: Numbers, index: int, name: CellName, opportunities: Array, grid: Array) -> Cell:
    """The streams of a cell.

    Parameters
    ----------
    index : the cell's
    opportunities : those of demand by month
    grid : ranks of its segment's customers

    Bands of size, and how sizes spread over ranks, are those of the month of arrival and of the first month.
    """
    law = _Law(numbers, name, grid)
    plan, months = numbers.plan, numbers.months
    cell = Cell([], [], np.zeros(len(plan.funnel.stages)))
    for band in range(law.bands):
        cell.streams.append(law.stream(index, band, False, opportunities * law.share[band]))
    drawn: dict[int, int] = {}
    stated: dict[tuple[int, bool], int] = {}
    for row in sorted(
        _rows(numbers, name), key=lambda r: (r.stage, r.age_months, r.value or 0.0, r.count, r.owner or "", r.waiting)
    ):
        stage = plan.funnel.stages.index(row.stage)
        passing = row.count * np.cumprod([numbers.fraction(rate)[0] for rate in law.demand.rates[stage:]])
        cell.reached[stage + 1 :] += passing
        count = float(passing[-1]) if len(passing) else float(row.count)
        if row.value is None:
            for band in range(law.bands):
                if band not in drawn:
                    drawn[band] = len(cell.streams)
                    cell.streams.append(law.stream(index, band, True, np.zeros(months)))
                law.add(cell, row, drawn[band], band, count * law.share[band][0], law.size[band][0], law.mean[0])
            continue
        value = row.value * law.rate / row.count
        kind = band, _ = law.band_of(value), row.waiting
        if kind not in stated:
            stated[kind] = len(cell.streams)
            blank = law.stream(index, band, True, np.zeros(months))
            middle = spread_over(grid, np.array([MIDDLE]), np.ones(1))
            nothing = np.zeros(months)
            cell.streams.append(replace(blank, expected=nothing, size=nothing, customers=middle, arr=middle))
        law.add(cell, row, stated[kind], band, count, value, value)
    return cell


def _rows(numbers: Numbers, name: CellName) -> list[PipelineRow]:
    rows = numbers.plan.funnel.opening_pipeline.rows
    return [row for row in rows if row.count > 0 and CellName(row.channel, row.segment) == name]


class _Law:
    """How deals of a cell fall into bands of size, and how those of a band are won and close."""

    def __init__(self, numbers: Numbers, name: CellName, grid: Array) -> None:
        of, fraction, plan = numbers.of, numbers.fraction, numbers.plan
        self.numbers, self.grid, self.rate = numbers, grid, plan.rate_of(name.segment)
        self.demand: Demand = plan.funnel.channels[name.channel].segments[name.segment]
        demand, outliers = self.demand, self.demand.outliers
        self.deal_size, self.spread = self.rate * of(demand.deal_size), of(demand.deal_size_spread)
        self.outliers, self.times = (
            fraction(outliers.share if outliers else None),
            of(outliers.times if outliers else ONE),
        )
        self.mean = self.deal_size * (1 + self.outliers * (self.times - 1))
        bands = demand.deal_bands
        self.bands = len(bands) + 1
        self.edges = np.array([self.rate * of(band.above) for band in bands]).reshape(-1, numbers.months)
        one = [np.ones(numbers.months)]
        self.wins = one + [of(band.win_rate) for band in bands]
        self.cycles = one + [of(band.cycle) for band in bands]
        self.win_rate, self.cycle_spread = fraction(demand.win_rate), of(demand.cycle_spread)
        self.cycle, self.cycle_lost = of(demand.cycle), of(demand.cycle_lost or demand.cycle)
        self.clock = numbers.season(demand.seasonality.closed)
        self.share, self.size = self._split()
        self._closing: dict[int, tuple[Array, Array]] = {}

    def _split(self) -> tuple[list[Array], list[Array]]:
        """Share of deals, and their mean size, in each band by month."""
        up_to, part = [np.zeros_like(self.mean)], [np.zeros_like(self.mean)]
        for edge in self.edges:
            usual, outlying = (
                below(edge, self.deal_size, self.spread),
                below(edge, self.times * self.deal_size, self.spread),
            )
            for total, a, b in zip((up_to, part), usual, outlying, strict=True):
                total.append((1 - self.outliers) * a + self.outliers * b)
        shares = [np.maximum(0.0, x) for x in np.diff([*up_to, np.ones_like(self.mean)], axis=0)]
        parts = np.diff([*part, self.mean], axis=0)
        sizes = [np.divide(p, q, out=np.zeros_like(q), where=q > 0) for p, q in zip(parts, shares, strict=True)]
        return shares, sizes

    def band_of(self, value: float) -> int:
        """The band of a stated value: the highest that it exceeds."""
        exceeded = np.flatnonzero(value > self.edges[:, 0])
        return int(exceeded[-1]) + 1 if len(exceeded) else 0

    def win_rates(self, band: int) -> Array:
        """Chance of a deal in the band by month of start."""
        return np.minimum(1.0, self.win_rate * self.wins[band])

    def stream(self, index: int, band: int, opening: bool, arrivals: Array) -> Stream:
        """Opportunities of a band, with sizes drawn."""
        if band not in self._closing:
            win, times = self.win_rates(band)[:, None], self.cycles[band]
            won = lost = closing_shares(self.cycle * times, self.cycle_spread, self.clock)
            if self.demand.cycle_lost is not None:
                lost = closing_shares(self.cycle_lost * times, self.cycle_spread, self.clock)
            self._closing[band] = win * won, (1 - win) * lost
        won, lost = self._closing[band]
        customers, arr = self._ranks(band)
        return Stream(index, opening, arrivals, self.mean, self.size[band], won, lost, customers, arr)

    def _ranks(self, band: int) -> tuple[Array, Array]:
        """How customers of a band and their ARR spread over ranks of size."""
        if len(self.grid) == 1:
            return np.ones(1), np.ones(1)
        u = (np.arange(_FINE) + 0.5) / _FINE
        s, outliers = float(log_sigma(self.spread[0])), float(self.outliers[0])
        whales = u > 1 - outliers
        within = np.where(whales, (u - (1 - outliers)) / (outliers or 1.0), u / (1 - outliers if outliers < 1 else 1.0))
        scores = np.interp(within, u, normal_scores(_FINE))
        sizes = self.deal_size[0] * np.where(whales, self.times[0], 1.0) * np.exp(s * scores - s * s / 2)
        bands = (sizes[:, None] > self.edges[None, :, 0]) @ np.ones(len(self.edges))
        inside = np.asarray(bands == band, np.float64)
        found = spread_over(self.grid, u, inside), spread_over(self.grid, u, inside * sizes)
        customers, arr = (x / x.sum() if x.sum() > 0 else np.full(len(x), 1 / len(x)) for x in found)
        return customers, arr

    def add(
        self, cell: Cell, row: PipelineRow, stream: int, band: int, count: float, size: float, expected: float
    ) -> None:
        """Add opportunities of a row: to those open or waiting at the start, or to what arrives in the first month."""
        target = cell.streams[stream]
        if not row.waiting and row.stage == self.numbers.plan.funnel.stages[-1]:
            won, lost = self._resumed(row.age_months, band)
            cell.resumed.append(Resumed(stream, row.owner, count, size, expected, won, lost))
            return
        before = target.arrivals[0] + target.waiting
        arrivals, waiting = target.arrivals.copy(), target.waiting
        if row.waiting:
            waiting += count
        else:
            arrivals[0] += count
        after = arrivals[0] + waiting

        def mixed(old: Array, new: float) -> Array:
            if row.value is None or after == 0:
                return old
            return np.full_like(old, (old[0] * before + new * count) / after)

        cell.streams[stream] = replace(
            target,
            arrivals=arrivals,
            waiting=waiting,
            expected=mixed(target.expected, expected),
            size=mixed(target.size, size),
        )

    def _resumed(self, age: float, band: int) -> tuple[Array, Array]:
        """Shares that are won, and lost, in each month (the last: later), of those open at an age at the start.

        A share `w S_w/(w S_w + (1 − w) S_l)` will be won, S being survival to that age.
        """
        clock = np.concatenate(([0.0], np.cumsum(self.clock)))
        spread, win = float(self.cycle_spread[0]), float(self.win_rates(band)[0])
        means = [float(cycle[0] * self.cycles[band][0]) for cycle in (self.cycle, self.cycle_lost)]
        curves = [survival(age + clock, mean, spread) for mean in means]
        alive = win * float(curves[0][0]), (1 - win) * float(curves[1][0])
        won, lost = (
            part / sum(alive) * _ends(curve, mean - age, spread == 0 or mean == 0, clock)
            for part, curve, mean in zip(alive, curves, means, strict=True)
        )
        return won, lost


def _ends(curve: Array, left: float, fixed: bool, clock: Array) -> Array:
    """Share that ends in each month, the last: later; given survival at the beginning of months on the clock.

    What is overdue ends as soon as the clock runs.
    """
    if fixed:
        open_then = np.asarray(clock[1:] <= max(0.0, left), np.float64)
    else:
        ratio = np.where(curve[1:] > SMALLEST_SURVIVAL, curve[1:] / curve[0], 0.0)
        open_then = np.where(clock[1:] > 0, ratio, 1.0)
    return np.append(-np.diff(open_then, prepend=1.0), open_then[-1])
