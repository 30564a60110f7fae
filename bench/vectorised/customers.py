"""Steps 5 and 6 (docs/model.md): the customers of a segment over (path, customer), new ones in columns of their own."""

import numpy as np

from bench.vectorised.arrays import YEAR, factor, ranks, tally
from simengine.kernel.tables import Calendar, Opening, Segment, SegmentOut

AHEAD = 64
"""Columns added at a time."""
GONE = -1


class Customers:
    """The customers of segment s on all paths."""

    def __init__(self, s, tables, value, rng, out):
        self.s, self.tables, self.rng = s, tables, rng
        self.row, self.out = tables.segments[s], out.segment[..., s]
        self.paths, self.months = len(self.out), int(tables.calendar[Calendar.MONTHS])
        self.billing = int(tables.calendar[Calendar.BILLING])
        first, n_terms = self.row[Segment.FIRST_TERM], self.row[Segment.TERMS]
        self.terms = tables.terms[first : first + n_terms, 0]
        self.term_shares = tables.term_shares[first : first + n_terms]
        mine = tables.customers[:, Opening.SEGMENT] == s
        opening, numbers = tables.customers[mine], tables.customer_numbers[mine]
        shape = (self.paths, len(opening))
        self.own_rate = opening[:, Opening.RENEWAL_RATE]
        self.arr = np.tile(numbers[:, 0], (self.paths, 1))
        self.rank = np.tile(numbers[:, 1], (self.paths, 1))
        self.ends = np.tile(opening[:, Opening.DUE].astype(np.int16), (self.paths, 1))
        self.phase = (self.ends % self.billing).astype(np.int8)
        path = np.repeat(np.arange(self.paths), len(opening))
        self.due = self._decided(path, self.ends.ravel(), 0, value).reshape(shape).astype(np.int16)
        self.n = np.full(self.paths, len(opening))
        self.count, self.total = self.n.astype(np.float64), self.arr.sum(axis=1)
        self.remembered = {-1: self.arr.copy()}

    def _number(self, column, value, path=slice(None)):
        return value[self.row[column]][path]

    def _decided(self, path, ends, earliest, value):
        """The month in which the renewal of a term that ends in `ends` is decided."""
        early, late = self.row[Segment.EARLY_MONTHS], self.row[Segment.LATE_MONTHS]
        if early + late == 0:
            return ends
        u = self.rng.random(len(path))
        before = u < self._number(Segment.EARLY_SHARE, value, path)
        after = ~before & (u >= 1.0 - self._number(Segment.LATE_SHARE, value, path))
        return np.maximum(ends - early * before + late * after, earliest)

    def _terms(self, n):
        if len(self.terms) == 1:
            return np.full(n, self.terms[0])
        return self.terms[np.searchsorted(self.term_shares[:-1], self.rng.random(n), side="right")]

    def renew(self, t, coverage, value):
        """Renewals decided in month t."""
        path, column = np.nonzero(self.due == t)
        u, due, ends = self.rng.random(len(path)), self.arr[path, column], self.ends[path, column]
        rate = self._rate(path, column, coverage, value)
        kept = u < rate
        depth, contraction = self._number(Segment.DEPTH, value), self._number(Segment.CONTRACTION, value)
        risk = np.divide(contraction, depth, out=np.zeros_like(depth), where=depth > 0.0)[path]
        contracted = kept & (u >= rate - risk)
        loss = due * depth[path] * contracted
        increase = (due - loss) * self._number(Segment.PRICE, value, path) * kept
        inside = ends < self.months
        self.out[:, SegmentOut.ATR] += tally((self.paths, self.months), path[inside], ends[inside], due[inside])
        for output, weights in (
            (SegmentOut.RENEWALS_DUE, None), (SegmentOut.CHURNED_ARR, due * ~kept),
            (SegmentOut.CHURNED_CUSTOMERS, ~kept), (SegmentOut.CONTRACTION_ARR, loss),
            (SegmentOut.PRICE_ARR, increase), (SegmentOut.RENEWALS, kept),
        ):  # fmt: skip
            self._add(t, output, path, weights)
        self.count -= np.bincount(path[~kept], minlength=self.paths)
        self.arr[path, column] = np.where(kept, due - loss + increase, 0.0)
        self.due[path[~kept], column[~kept]] = GONE
        self._next_term(t, path[kept], column[kept], ends[kept], value)

    def _rate(self, path, column, coverage, value):
        rate = self._number(Segment.RENEWAL_RATE, value, path)
        tilt = self._number(Segment.TILT, value)
        if tilt.any():
            rate = np.clip(rate + tilt[path] * (2.0 * self.rank[path, column] - 1.0), 0.0, 1.0)
        for account in np.flatnonzero(self.own_rate != GONE):
            rate = np.where(column == account, value[self.own_rate[account]][path], rate)
        return rate * (coverage ** self._number(Segment.ELASTICITY, value))[path]

    def _next_term(self, t, path, column, begins, value):
        ends = begins + self._terms(len(path))
        self.ends[path, column] = ends
        self.due[path, column] = self._decided(path, ends, t + 1, value)

    def _add(self, t, output, path, weights=None):
        self.out[:, output, t] += np.bincount(path, weights, self.paths)

    def admit(self, t, path, amount, rank, value):
        """New customers, won in month t; paths in order."""
        column = self.n[path] + ranks(path)
        self.n = self.n + np.bincount(path, minlength=self.paths)
        self.count += np.bincount(path, minlength=self.paths)
        if self.n.max() > self.arr.shape[1]:
            self._widen(self.n.max() - self.arr.shape[1] + AHEAD)
        live = t + np.floor(self._number(Segment.GO_LIVE, value, path) + self.rng.random(len(path))).astype(np.int64)
        inside = live < self.months
        shape = (self.paths, self.months)
        self.out[:, SegmentOut.WENT_LIVE] += tally(shape, path[inside], live[inside], amount[inside])
        self.arr[path, column], self.rank[path, column] = amount, rank
        self.phase[path, column] = t % self.billing
        self._next_term(t, path, column, live, value)

    def _widen(self, columns):
        self.arr, self.rank, self.ends, self.phase, self.due = (
            np.pad(array, ((0, 0), (0, columns)), constant_values=fill)
            for array, fill in ((self.arr, 0.0), (self.rank, 0.5), (self.ends, 0), (self.phase, 0), (self.due, GONE))
        )

    def expand(self, t, before, coverage, value):
        """Expansions of month t: `before` is how many columns were filled before the month's new customers."""
        there = self.count - (self.n - before)
        meets = there * self._number(Segment.EXPANSION_RATE, value)
        win_rate = self._number(Segment.EXPANSION_WIN_RATE, value)
        won, lost, missed = self.rng.poisson(meets * [coverage * win_rate, coverage * (1.0 - win_rate), 1.0 - coverage])
        self.out[:, SegmentOut.EXPANSIONS_MET, t] = won + lost + missed
        self.out[:, SegmentOut.EXPANSIONS_WORKED, t] = won + lost
        self.out[:, SegmentOut.EXPANSIONS, t] = won
        path = np.repeat(np.arange(self.paths), won)
        column = self._whose(path, before)
        spread = factor(self._number(Segment.EXPANSION_SIGMA, value, path), self.rng.standard_normal(len(path)))
        size = self._number(Segment.EXPANSION_SIZE, value, path) * spread
        np.add.at(self.arr, (path, column), size)
        self._add(t, SegmentOut.EXPANSION_ARR, path, size)
        until_bill = (self.phase[path, column].astype(np.int64) - t) % self.billing
        self._add(t, SegmentOut.BILLINGS, path, size * until_bill / YEAR)

    def _whose(self, path, before):
        """A customer at random of those there, for each entry: columns are drawn until one is."""
        column, open_ = np.zeros(len(path), np.int64), np.arange(len(path))
        while len(open_):
            drawn = self.rng.integers(before[path[open_]])
            column[open_] = drawn
            open_ = open_[self.due[path[open_], drawn] == GONE]
        return column

    def close_books(self, t):
        """Bills of month t and what there is at its end, now and of those there twelve months before."""
        n = self.n.max()
        arr = self.arr[:, :n]
        self.total = arr.sum(axis=1)
        self.out[:, SegmentOut.CUSTOMERS, t], self.out[:, SegmentOut.ENDING_ARR, t] = self.count, self.total
        billed = np.einsum("pc,pc->p", arr, self.phase[:, :n] == t % self.billing)
        self.out[:, SegmentOut.BILLINGS, t] += billed * self.billing / YEAR
        then = self.remembered[max(-1, t - YEAR)]
        now = self.arr[:, : then.shape[1]]
        self.out[:, SegmentOut.NRR_ARR, t] = (now * (then > 0.0)).sum(axis=1)
        self.out[:, SegmentOut.GRR_ARR, t] = np.minimum(now, then).sum(axis=1)
        self.remembered[t] = arr.copy()
        self.remembered.pop(t - YEAR, None)
