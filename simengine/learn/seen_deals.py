"""What opportunities say: won, lost or still open at their age, and what the won ones are worth.

Every deal whose law is the same is told together: cells with the same win rate, cycles, sizes and seasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simengine.learn.history import LOST, OPEN, WON
from simengine.learn.likelihood import LEAST, Closings, at_most, log_sigma, log_sum, lognormal, sizes, survival
from simengine.learn.piece import NEVER, Array, Frame, Piece, Point, Read, Whole, Window, at, piece
from simengine.learn.seen_people import people_of
from simengine.plan.fields import ONE, ZERO
from simengine.plan.market import Demand
from simengine.plan.scalars import Quantity

_MANY = 64
"""Beyond so many amounts they are told apart by one per cent only."""


@dataclass(frozen=True)
class _Told:
    """Deals of one law: month of start (or age at the plan's start), how they stand, month in which they closed.

    `until` is the month in which a deal closed; of an open one, the last in which it is known to be open.
    """

    start: Whole
    age: Array
    outcome: Whole
    until: Whole
    arrived: Whole
    amount: Array


_CODES = {OPEN: 0, WON: 1, LOST: 2}


def deal_pieces(window: Window) -> Iterator[Piece]:
    """Every piece that opportunities give of how deals end and what they are worth."""
    deals = window.table("opportunities")
    if not window.months or not len(deals):
        return
    for demand, kept_won, frame in _by_law(window, deals):
        told = _told(window, frame)
        opening = told.start < 0
        law = _Law(window, demand, kept_won)
        yield from law.outcomes(_only(told, ~opening), _only(told, opening))
        yield from law.sizes(_only(told, ~opening & (told.outcome == _CODES[WON]) & (told.amount > 0)))


def _only(told: _Told, chosen: np.ndarray) -> _Told:
    return _Told(*(getattr(told, name)[chosen] for name in _Told.__dataclass_fields__))


def _by_law(window: Window, deals: Frame) -> Iterator[tuple[Demand, Array, Frame]]:
    """Each law of deals with the opportunities that follow it; who has no channel follows the only law of a segment."""
    laws: dict[str, tuple[Demand, list[tuple[str, str]]]] = {}
    of_segment: dict[str, set[str]] = {}
    for name, channel in sorted(window.plan.funnel.channels.items()):
        for segment, demand in sorted(channel.segments.items()):
            key = repr(
                (
                    segment,
                    *(getattr(demand, field) for field in _LAW_FIELDS),
                    demand.seasonality.closed,
                    channel.sold_by,
                )
            )
            laws.setdefault(key, (demand, []))[1].append((name, segment))
            of_segment.setdefault(segment, set()).add(key)
    cell = list(zip(deals["channel"], deals["segment"], strict=True))
    for demand, cells in laws.values():
        known = set(cells)
        known |= {("", segment) for _, segment in cells if len(of_segment[segment]) == 1}
        frame = deals[[pair in known for pair in cell]]
        if len(frame):
            (name, segment), *_ = cells
            is_sold = window.plan.funnel.channels[name].sold_by == "sellers"
            yield demand, _kept_won(window, segment, is_sold), frame


_LAW_FIELDS = (
    *("win_rate", "cycle", "cycle_lost", "cycle_spread", "deal_size", "deal_size_spread", "outliers", "deal_bands"),
)


def _told(window: Window, deals: Frame) -> _Told:
    """The deals that tell something: taken up before the end of the window, and not closed before the plan."""
    is_kept = deals["started"].notna().any()
    started = deals["started"] if is_kept else deals["created"]
    start, closed = window.month(started), window.month(deals["closed"])
    arrived = np.maximum(window.month(deals["created"]), 0)
    outcome: Whole = deals["outcome"].map(_CODES).to_numpy().astype(np.int64)
    ended = np.maximum(closed, np.maximum(start, 0))
    until: Whole = np.where(outcome == _CODES[OPEN], window.months - 1, ended).astype(np.int64)
    kept = (start != NEVER) & (start < window.months) & ((closed == NEVER) | (closed >= 0))
    age = np.round(np.maximum(0.0, window.months_before(started)), 1)
    amount = deals["amount"].to_numpy(np.float64)
    whole = _Told(start, np.where(start < 0, age, 0.0), outcome, until, arrived, np.nan_to_num(amount))
    return _only(whole, kept)


def _kept_won(window: Window, segment: str, is_sold: bool) -> Array:
    """By how much leavers lower the chance of a deal that is open at the end of each past month, (months,).

    Records name the last owner of a deal, so who owned it before is not known: it had a leaver with the chance that
    anybody who sells in the segment was one.
    """
    working, lost = np.zeros(window.months), np.zeros(window.months)
    team = window.plan.team
    for group in team.seats:
        role = team.roles[group.role]
        if not is_sold or group.segment != segment or not role.sells:
            continue
        worse = 1.0 - float(role.leaver_pipeline.win_rate.of(window.plan.planned))
        people = people_of(window, group)
        first, end = window.month(people["start"]), window.month(people["end"])
        for t in range(window.months):
            working[t] += ((first <= t) & ((end == NEVER) | (end >= t))).sum()
            lost[t] += worse * (end == t).sum()
    return np.maximum(1e-3, 1.0 - np.divide(lost, working, out=np.zeros_like(lost), where=working > 0))


class _Law:
    """How deals of a law are won and lost, close, and fall into bands of size."""

    def __init__(self, window: Window, demand: Demand, kept_won: Array) -> None:
        self._window, self._demand = window, demand
        self._kept = np.concatenate(([0.0], np.cumsum(np.log(kept_won))))
        outliers = demand.outliers
        self._share, self._times = (outliers.share, outliers.times) if outliers else (ZERO, ONE)
        self._clock = window.season(demand.seasonality.closed)
        self._wins = [ONE, *(band.win_rate for band in demand.deal_bands)]
        self._cycles = [ONE, *(band.cycle for band in demand.deal_bands)]
        self._edges = [band.above for band in demand.deal_bands]

    @property
    def _of_sizes(self) -> list[Quantity]:
        return [self._demand.deal_size, self._demand.deal_size_spread, self._share, self._times]

    def outcomes(self, new: _Told, opening: _Told) -> Iterator[Piece]:
        """Won, lost, or open: competing risks, of deals started in the plan and of those open when it began."""
        total = len(new.start) + len(opening.start)
        if not total:
            return
        demand = self._demand
        outcome = np.concatenate([new.outcome, opening.outcome])
        won, lost = (int((outcome == _CODES[word]).sum()) for word in (WON, LOST))
        words = f"{won:,} won and {lost:,} lost of {total:,} opportunities"
        if len(opening.start):
            words += f", {len(opening.start):,} of them open at the plan's start"
        cycles = [demand.cycle, demand.cycle_lost]
        reads = [Read(quantity, words) for quantity in (demand.win_rate, *cycles, demand.cycle_spread)]
        reads += [Read(quantity, words) for quantity in (*self._wins[1:], *self._cycles[1:])]
        if self._edges:
            reads += [Read(quantity) for quantity in (*self._edges, *self._of_sizes)]
        parts = [part for part in (self._new(new), self._opening(opening)) if part is not None]

        def log_likelihood(point: Point) -> Array:
            bands = _Bands(self, point)
            return np.asarray(sum(part(bands, point) for part in parts))

        yield piece(self._window, reads, total, log_likelihood)

    def _new(self, told: _Told) -> _Part | None:
        if not len(told.start):
            return None
        edges = self._planned_edges()
        known = (told.outcome == _CODES[WON]) & (told.amount > 0)
        band = (
            np.where(known, np.searchsorted(edges, told.amount, side="left"), -1) if len(edges) else 0 * told.start - 1
        )
        keys, column = np.unique(np.stack([told.start, told.until, told.arrived]), axis=1, return_inverse=True)
        column = column.ravel()
        start, until, arrived = keys
        closings = Closings.of(start, until, self._clock)
        count, kept = keys.shape[1], np.exp(self._kept[until] - self._kept[start])

        def counted(chosen: np.ndarray) -> Array:
            return np.bincount(column[chosen], minlength=count).astype(np.float64)

        won = told.outcome == _CODES[WON]
        of_band = [counted(won & (band == b)) for b in range(len(edges) + 1)]
        unknown, lost = counted(won & (band < 0)), counted(told.outcome == _CODES[LOST])
        opened = counted(told.outcome == _CODES[OPEN])

        def log_likelihood(bands: _Bands, point: Point) -> Array:
            total = np.zeros(1)
            sums = np.zeros((3, 1, count))
            for b in range(bands.count):
                win, share = at(bands.win[b], start), at(bands.share[b], arrived)
                closes, later = closings.ends(bands.cycle[b], bands.spread)
                dies, lives = (
                    (closes, later) if bands.lost is bands.cycle else closings.ends(bands.lost[b], bands.spread)
                )
                hit, spoilt = win * closes * kept, win * closes * (1 - kept)
                total = total + log_sum(hit, of_band[b])
                sums = sums + share * np.stack(
                    np.broadcast_arrays(hit, (1 - win) * dies + spoilt, win * later + (1 - win) * lives)
                )
            return np.asarray(total + log_sum(sums[0], unknown) + log_sum(sums[1], lost) + log_sum(sums[2], opened))

        return log_likelihood

    def _opening(self, told: _Told) -> _Part | None:
        if not len(told.start):
            return None
        keys, column = np.unique(np.stack([told.age, told.until]), axis=1, return_inverse=True)
        column = column.ravel()
        age, until = keys[0], keys[1].astype(np.int64)
        clock = np.concatenate(([0.0], np.cumsum(self._clock)))
        begin, end, kept = age + clock[until], age + clock[until + 1], np.exp(self._kept[until])
        points, terms = np.unique(np.round(np.stack([age, begin, end]), 9), return_inverse=True)
        terms = terms.reshape(3, -1)
        won, lost, opened = (
            np.bincount(column[told.outcome == _CODES[word]], minlength=len(age)).astype(np.float64)
            for word in (WON, LOST, OPEN)
        )

        def log_likelihood(bands: _Bands, point: Point) -> Array:
            hit = miss = stay = alive = np.zeros((1, 1))
            spread = bands.spread[:, :1]
            for b in range(bands.count):
                win, share = bands.win[b][:, :1], bands.share[b][:, :1]
                curve = survival(points, bands.cycle[b][:, :1], spread)
                other = curve if bands.lost is bands.cycle else survival(points, bands.lost[b][:, :1], spread)
                (w0, w1, w2), (l0, l1, l2) = ([c[:, term] for term in terms] for c in (curve, other))
                closes = share * win * (w1 - w2)
                hit = hit + closes * kept
                miss = miss + share * (1 - win) * (l1 - l2) + closes * (1 - kept)
                stay = stay + share * (win * w2 + (1 - win) * l2)
                alive = alive + share * (win * w0 + (1 - win) * l0)
            parts = ((hit, won), (miss, lost), (stay, opened))
            whole = np.maximum(alive, 1e-290)
            found = sum(np.log(np.maximum(part / whole, LEAST)) @ counts for part, counts in parts)
            return np.asarray(found)

        return log_likelihood

    def _planned_edges(self) -> Array:
        """Edges of the bands at the start, at plan values."""
        return np.array([float(edge.of(self._window.plan.planned)) for edge in self._edges])

    def sizes(self, told: _Told) -> Iterator[Piece]:
        """Lognormal amounts of won deals, a share of them outliers, by month of arrival."""
        if not len(told.amount):
            return
        demand = self._demand
        outliers = demand.outliers is not None
        logs, month = np.log(told.amount), told.arrived
        if outliers and len(logs) > _MANY:
            logs = np.round(logs, 2)
        keys, back, counts = np.unique(
            np.stack([logs if outliers else 0.0 * logs, month]), axis=1, return_inverse=True, return_counts=True
        )
        values, months = keys[0], keys[1].astype(np.int64)
        back = back.ravel()
        if not outliers:
            values = np.bincount(back, logs) / counts
        rest = np.bincount(back, (logs - values[back]) ** 2) / counts

        def log_likelihood(point: Point) -> Array:
            mean, spread = at(point.of(demand.deal_size), months), at(point.of(demand.deal_size_spread), months)
            spread = np.maximum(spread, 1e-3)
            if outliers:
                share, times = at(point.fraction(self._share), months), at(point.of(self._times), months)
                return np.asarray(
                    np.broadcast_to(sizes(values, mean, spread, share, times), (len(mean), len(values))) @ counts
                )
            each = lognormal(values, mean, spread) - 0.5 * rest / log_sigma(spread) ** 2
            return np.asarray(each @ counts)

        words = f"{len(told.amount):,} won deals of {told.amount.mean():,.0f} on average"
        reads = [Read(quantity, words) for quantity in (demand.deal_size, demand.deal_size_spread)]
        reads += [Read(self._share, words), Read(self._times, words)]
        yield piece(self._window, reads, len(told.amount), log_likelihood)


class _Bands:
    """The numbers of a law at n points, band by band: (n, months), or (n, 1) where they never change."""

    def __init__(self, law: _Law, point: Point) -> None:
        demand = law._demand
        self.count = len(law._wins)
        win, cycle = point.fraction(demand.win_rate), point.of(demand.cycle)
        self.spread = point.of(demand.cycle_spread)
        self.win = [np.minimum(1.0, win * point.of(times)) for times in law._wins]
        self.cycle = [cycle * point.of(times) for times in law._cycles]
        self.lost = self.cycle
        if demand.cycle_lost is not None:
            lost = point.of(demand.cycle_lost)
            self.lost = [lost * point.of(times) for times in law._cycles]
        self.share = self._shares(law, point)

    def _shares(self, law: _Law, point: Point) -> list[Array]:
        if self.count == 1:
            return [np.ones((1, 1))]
        demand = law._demand
        mean, spread = point.of(demand.deal_size), point.of(demand.deal_size_spread)
        share, times = point.fraction(law._share), point.of(law._times)
        up_to = [np.zeros((1, 1))]
        for edge in law._edges:
            limit = point.of(edge)
            up_to.append((1 - share) * at_most(limit, mean, spread) + share * at_most(limit, mean * times, spread))
        up_to.append(np.ones((1, 1)))
        return [np.maximum(0.0, high - low) for low, high in pairwise(up_to)]


_Part = Callable[[_Bands, Point], Array]
"""A log-likelihood, given the numbers of the law."""
