"""What records of demand say: how many arrive, how many pass each stage, how many go stale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simengine.learn.history import LOST, REACHED
from simengine.learn.likelihood import arrivals, binomial
from simengine.learn.piece import NEVER, Array, Frame, Piece, Point, Read, Whole, Window, at, piece
from simengine.learn.seen_people import Crew, people_of
from simengine.plan.market import Channel, Demand
from simengine.plan.people import Role
from simengine.units import MONTHS_PER_YEAR

_MATURE = 0.99
"""Share of those who passed a stage who had passed it at the age at which a cohort is counted."""
_LEAST_GROWTH = -0.99


@dataclass(frozen=True)
class Cell:
    """A channel into a segment, and what is recorded of it: leads, opportunities, or None where none are kept.

    Records are kept where some of the channel are, and each says to which cell it belongs: then none is a zero.
    """

    channel: str
    segment: str
    source: Channel
    demand: Demand
    leads: Frame | None
    opportunities: Frame | None

    @property
    def name(self) -> str:
        """Channel and segment."""
        return f"{self.channel}/{self.segment}"


def cells_of(window: Window) -> list[Cell]:
    """Every cell of the plan, sorted, with its records."""
    leads, deals, funnel = window.table("leads"), window.table("opportunities"), window.plan.funnel
    serving: dict[str, list[str]] = {}
    for name, channel in funnel.channels.items():
        for segment in channel.segments:
            serving.setdefault(segment, []).append(name)
    found = []
    for name, channel in sorted(funnel.channels.items()):
        of_channel = leads[leads["channel"] == name] if len(funnel.stages) > 1 else leads[:0]
        for segment, demand in sorted(channel.segments.items()):
            arrived = _kept(of_channel, "segment", segment, len(channel.segments))
            of_segment = deals[deals["segment"] == segment]
            opened = _kept(of_segment, "channel", name, len(serving[segment]))
            if opened is not None and not len(opened) and not (deals["channel"] == name).any():
                opened = None
            found.append(Cell(name, segment, channel, demand, arrived, opened))
    return found


def _kept(records: Frame, column: str, name: str, of: int) -> Frame | None:
    """Those that say `name`, or nothing where there is one name only; None where they cannot be told apart."""
    blank = records[column] == ""
    if not len(records) or (of > 1 and blank.any()):
        return None
    return records[(records[column] == name) | blank]


def demand_pieces(window: Window) -> Iterator[Piece]:
    """Every piece that leads and opportunities give of demand."""
    if not window.months:
        return
    cells, crews = cells_of(window), _Crews(window)
    for cell in cells:
        counts, is_last = _arrived(window, cell)
        if counts is not None:
            yield from _volume(window, cell, counts, is_last, crews)
        for stage in range(len(cell.demand.rates)):
            yield from _rate(window, cell, stage)
    yield from _stale(window)


def _arrived(window: Window, cell: Cell) -> tuple[Array | None, bool]:
    """Arrivals a month, and whether they are at the last of several stages; None where nothing is recorded."""
    if cell.leads is not None:
        return window.counts(window.month(cell.leads["created"]), cell.leads["count"].to_numpy(np.float64)), False
    if cell.opportunities is None:
        return None, False
    return window.counts(window.month(cell.opportunities["created"])), len(cell.demand.rates) > 0


class _Crews:
    """Who works hours, or sells: made once, shared by the cells that hang on them."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._made: dict[str, Crew | None] = {}
        self._cells = cells_of(window)

    def of_role(self, role: str) -> Crew | None:
        """People of a role who have hours."""
        people, team = self._window.table("people"), self._window.plan.team
        own = people[people["role"] == role]
        return self._once(f"productivity of {role}", [(team.roles[role], own)] if len(own) else [])

    def of_segment(self, segment: str) -> Crew | None:
        """People who sell in a segment."""
        team = self._window.plan.team
        groups = [
            (team.roles[group.role], people_of(self._window, group))
            for group in team.seats
            if group.segment == segment and team.roles[group.role].sells
        ]
        return self._once(f"productivity in {segment}", [part for part in groups if len(part[1])])

    def _once(self, name: str, groups: list[tuple[Role, Frame]]) -> Crew | None:
        if name not in self._made:
            crew = Crew(self._window, groups, name) if groups else None
            self._made[name] = crew if crew is not None and crew.people_months else None
        return self._made[name]

    def qualified(self, role: str) -> list[tuple[Channel, Array]]:
        """Channels that take hours of a role first, with what was qualified in each past month."""
        found = []
        for cell in self._cells:
            by = cell.source.qualified_by
            counts = _arrived(self._window, cell)[0]
            if by is not None and by.role == role and counts is not None:
                found.append((cell.source, counts))
        return found


def _volume(window: Window, cell: Cell, counts: Array, is_last: bool, crews: _Crews) -> Iterator[Piece]:
    """Arrivals a month: negative binomial around value · growth · season · (response | hours | sellers)."""
    demand, months = cell.demand, window.months
    also = (cell.channel, cell.name)
    unit = demand.from_hours.per_hour if demand.from_hours else demand.from_sellers or demand.volume
    words = f"{counts.sum():,.0f} {'opportunities' if is_last else 'arrivals'} in {_months(months)}"
    together = f"{words}, together with others"
    reads = [
        Read(unit, together if is_last else words, also),
        Read(demand.growth, together),
        Read(demand.overdispersion, together),
    ]
    own: tuple[str, ...] = ()
    base: _Given | _Hours | _Sellers = _Given(window, cell)
    if demand.from_hours is not None:
        crew = crews.of_role(demand.from_hours.role)
        if crew is None:
            return
        base, own = _Hours(window, cell, crew, crews.qualified(demand.from_hours.role)), crew.own
    elif demand.from_sellers is not None:
        crew = crews.of_segment(cell.segment)
        if crew is None:
            return
        base, own = _Sellers(crew), crew.own
    reads += base.reads(together)
    if is_last:
        reads += [Read(number, together) for number in (*demand.rates, *demand.stage_lags)]
    season = window.season(demand.seasonality.created)[:months]
    years = np.arange(months) / MONTHS_PER_YEAR

    def log_likelihood(point: Point) -> Array:
        growth = (1.0 + point.of(demand.growth, low=_LEAST_GROWTH)[:, :months]) ** years
        mean = point.of(unit, *also)[:, :months] * growth * season * base.times(point)
        wide = np.maximum(1.0, point.of(demand.overdispersion, low=1.0)[:, :months])
        if is_last:
            mean, passing = _passed(point, demand, mean)
            wide = 1.0 + passing * (wide - 1.0)
        return arrivals(mean, wide, counts)

    yield piece(window, reads, counts.sum(), log_likelihood, own)


class _Given:
    """Arrivals as stated, in response to spend where the channel responds: actual spend where it is known."""

    def __init__(self, window: Window, cell: Cell) -> None:
        self._channel, self._months = cell.source, window.months
        spend = window.table("spend")
        spend = spend[spend["channel"] == cell.channel]
        month = window.month(spend["date"])
        self._known = window.counts(month) > 0
        self._spent = window.counts(month, spend["amount"].to_numpy(np.float64))

    def reads(self, words: str) -> list[Read]:
        response = self._channel.response
        if response is None:
            return []
        return [Read(response.half_saturation, words), Read(response.at_spend), Read(self._channel.spend)]

    def times(self, point: Point) -> Array:
        response = self._channel.response
        if response is None:
            return np.ones((1, 1))
        planned = point.of(self._channel.spend)[:, : self._months]
        x = np.where(self._known, self._spent, planned) / point.of(response.at_spend)[:, : self._months]
        k = point.of(response.half_saturation)[:, : self._months]
        return np.asarray(x * (1.0 + k) / (x + k))


class _Hours:
    """Arrivals for each hour that a role's people have left; who works is known, what was qualified first as well."""

    def __init__(self, window: Window, cell: Cell, crew: Crew, qualified: list[tuple[Channel, Array]]) -> None:
        assert cell.demand.from_hours is not None
        self._crew, self._qualified, self._months = crew, qualified, window.months
        role = cell.demand.from_hours.role
        self._hours, self._own = window.plan.team.roles[role].hours, cell.demand.from_hours.weight
        self._weights = [
            demand.from_hours.weight
            for channel in window.plan.funnel.channels.values()
            for demand in channel.segments.values()
            if demand.from_hours is not None and demand.from_hours.role == role
        ]

    def reads(self, words: str) -> list[Read]:
        each = [channel.qualified_by.hours for channel, _ in self._qualified if channel.qualified_by is not None]
        return [Read(number) for number in (self._hours, *self._weights, *each)] + self._crew.reads

    def times(self, point: Point) -> Array:
        months = self._months
        left = self._crew.ramped(point) * point.of(self._hours)[:, :months]
        for channel, counts in self._qualified:
            if channel.qualified_by is not None:
                left = left - counts * point.of(channel.qualified_by.hours)[:, :months]
        whole = sum((point.of(weight)[:, :months] for weight in self._weights), np.zeros((1, 1)))
        share = point.of(self._own)[:, :months] / np.maximum(whole, 1e-12)
        return np.asarray(np.maximum(left, 0.0) * share)


class _Sellers:
    """Arrivals that ramped sellers find."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def reads(self, words: str) -> list[Read]:
        return self._crew.reads

    def times(self, point: Point) -> Array:
        return self._crew.ramped(point)


def _passed(point: Point, demand: Demand, mean: Array) -> tuple[Array, Array]:
    """What reaches the last stage a month, and the share of an arrival that does, (n, months or 1).

    A stage lag m shifts by floor(m) and floor(m) + 1 months; its value is that of each point's first month.
    """
    months = mean.shape[1]
    share = np.ones((1, 1))
    for stage, rate in enumerate(demand.rates):
        passing = point.fraction(rate)[:, :months]
        share, mean = share * passing, mean * passing
        if demand.stage_lags:
            lag = point.of(demand.stage_lags[stage])[:, :1]
            mean = _shifted(np.broadcast_to(mean, (max(len(mean), len(lag)), months)), lag)
    return np.asarray(mean), np.asarray(share)


def _shifted(mean: Array, lag: Array) -> Array:
    months = mean.shape[1]
    found = np.zeros_like(mean)
    for k in range(months):
        weight = np.clip(1.0 - np.abs(lag - k), 0.0, 1.0)
        if (weight > 0).any():
            found[:, k:] += weight * mean[:, : months - k]
    return found


def _rate(window: Window, cell: Cell, stage: int) -> Iterator[Piece]:
    """How many pass a stage: of cohorts old enough that all who will have passed, by when they reached it."""
    if cell.leads is None:
        return
    stages, rate = window.plan.funnel.stages, cell.demand.rates[stage]
    before = cell.leads["created"] if stage == 0 else cell.leads.get(REACHED + stages[stage])
    after = cell.leads.get(REACHED + stages[stage + 1])
    if before is None or not before.notna().any():
        return
    weights, reached = cell.leads["count"].to_numpy(np.float64), window.month(before)
    lag = cell.demand.stage_lags[stage].number if cell.demand.stage_lags else 0.0
    age = 0 if lag == 0 else math.floor(lag) + 1
    if after is not None and after.notna().any():
        passed = window.month(after)
        went = (passed != NEVER) & (reached != NEVER)
        age = max(age, _age(passed[went] - reached[went], weights[went]))
        trials = window.counts(reached, weights)
        hits = window.counts(np.where(went, reached, NEVER), weights)
    elif stage + 2 == len(stages) and lag == 0 and cell.opportunities is not None:
        trials = window.counts(reached, weights)
        hits = np.minimum(window.counts(window.month(cell.opportunities["created"])), trials)
    else:
        return
    old = np.arange(window.months - age) if age < window.months else np.zeros(0, np.int64)
    trials, hits = trials[old], hits[old]
    if not trials.sum():
        return

    def log_likelihood(point: Point) -> Array:
        return binomial(at(point.fraction(rate), old), hits, trials)

    words = f"{hits.sum():,.0f} of {trials.sum():,.0f} {stages[stage]} passed, in cohorts of {age} months or older"
    yield piece(window, [Read(rate, words if age else words.partition(",")[0])], trials.sum(), log_likelihood)


def _age(lags: Whole, weights: Array) -> int:
    """Months within which nearly all who passed had passed."""
    if not len(lags):
        return 0
    order = np.argsort(lags)
    share = np.cumsum(weights[order]) / weights.sum()
    return int(max(0, lags[order][np.searchsorted(share, _MATURE)]))


def _stale(window: Window) -> Iterator[Piece]:
    """Opportunities that waited for a seller: months they stood, and how many were lost while they waited."""
    deals, stale = window.table("opportunities"), window.plan.funnel.stale
    arrived = window.month(deals["created"])
    kept = (arrived >= 0) & (arrived < window.months)
    tracked = deals["segment"].isin(deals.loc[deals["started"].notna(), "segment"])
    deals, arrived = deals[kept & tracked], arrived[kept & tracked.to_numpy()]
    started, closed = window.month(deals["started"]), window.month(deals["closed"])
    gone = (started == NEVER) & (deals["outcome"] == LOST).to_numpy()
    until = np.where(started != NEVER, started, np.where(gone, closed - 1, window.months - 1))
    stood = np.maximum(0, until - arrived).astype(np.float64)
    survived, lost = window.counts(until, stood), window.counts(closed, gone.astype(np.float64))
    trials = survived + lost
    if not trials.sum():
        return
    every = np.arange(window.months)

    def log_likelihood(point: Point) -> Array:
        return binomial(at(point.fraction(stale), every), lost, trials)

    words = f"{lost.sum():,.0f} went stale in {trials.sum():,.0f} months of waiting"
    yield piece(window, [Read(stale, words)], trials.sum(), log_likelihood)


def _months(count: int) -> str:
    return "1 month" if count == 1 else f"{count} months"
