"""What records of people say: who leaves, how late seats are filled, and how much of a full workload is at work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simengine.learn.likelihood import delays, leaving, log_sum, workload
from simengine.learn.piece import NEVER, Array, Frame, Piece, Point, Read, Whole, Window, at, piece
from simengine.plan.people import Ramp, Role, SeatGroup
from simengine.plan.scalars import Quantity
from simengine.units import MONTHS_PER_YEAR

_QUARTER = 3.0


@dataclass(frozen=True)
class Staff:
    """Some people in the past months: from which month they work, until which (or `NEVER`), with which tenure.

    `tenure` is that of the first month of the plan in which they work, at its beginning: 0 for those who start in the
    plan. `planned` is the month whose numbers hold for them: 0 for those who were there before it.
    """

    first: Whole
    left: Whole
    tenure: Array
    reason: tuple[str, ...]

    @classmethod
    def of(cls, window: Window, people: Frame) -> Staff:
        """Those of the people who work in some past month."""
        first, left = window.month(people["start"]), window.month(people["end"])
        here = (first < window.months) & ((left == NEVER) | (left >= 0))
        tenure = np.where(first < 0, np.round(window.months_before(people["start"]), 1), 0.0)
        reason = tuple(people["reason"].to_numpy(str)[here])
        return cls(np.maximum(first, 0)[here], left[here], np.maximum(tenure, 0.0)[here], reason)

    def __len__(self) -> int:
        return len(self.first)

    def months(self, window: Window) -> tuple[Whole, Whole, Array]:
        """Each person-month: whose it is, which month, and the tenure at its beginning."""
        last = np.where(self.left == NEVER, window.months - 1, np.minimum(self.left, window.months - 1))
        spans = np.maximum(0, last - self.first + 1)
        who = np.repeat(np.arange(len(self)), spans)
        since = np.arange(len(who)) - np.repeat(np.cumsum(spans) - spans, spans)
        return who, self.first[who] + since, self.tenure[who] + since


class Crew:
    """How much of a full workload people carry in each past month, (n, months): tenure is known, the ramp is not.

    How productive these people are is chance of their own: a score `own` with the spread of a mean of so many.
    """

    def __init__(self, window: Window, groups: Sequence[tuple[Role, Frame]], own: str) -> None:
        self._window = window
        self._parts = []
        self.reads: list[Read] = []
        spread = weight = 0.0
        for role, people in groups:
            who, month, tenure = Staff.of(window, people).months(window)
            pairs, counts = np.unique(np.stack([month, tenure]), axis=1, return_counts=True)
            of_month = np.zeros((pairs.shape[1], window.months))
            of_month[np.arange(len(counts)), pairs[0].astype(np.int64)] = counts
            self._parts.append((role, pairs[0].astype(np.int64), pairs[1], of_month))
            self.reads += [Read(quantity) for quantity in _ramp_quantities(role)]
            each = np.bincount(who).astype(np.float64)
            variation = 0.0 if role.productivity_spread.assumption else role.productivity_spread.number
            spread, weight = spread + float(variation**2 * (each**2).sum()), weight + float(each.sum())
        self.people_months = weight
        self._variation = np.sqrt(np.log1p(spread / weight**2)) if weight else 0.0
        self.own = (own,) if self._variation > 0 else ()

    def ramped(self, point: Point) -> Array:
        """Ramped people at work in every past month, times their productivity, (n, months)."""
        total = np.zeros((1, self._window.months))
        for role, month, tenure, of_month in self._parts:
            shares = _shares(point, role, month, tenure)
            total = total + np.broadcast_to(shares, (len(shares), len(month))) @ of_month
        for own in self.own:
            total = total * np.exp(self._variation * point.own(own) - self._variation**2 / 2)
        return total


def _ramp_quantities(role: Role) -> list[Quantity | None]:
    ramp = role.ramp or Ramp()
    never = (ramp.never.share, ramp.never.level) if ramp.never else ()
    return [ramp.workload, ramp.spread, ramp.cycle, *(ramp.bookings or ()), *never]


def _shares(point: Point, role: Role, month: Whole, tenure: Array) -> Array:
    """Mean share of a full workload at tenures (of the beginning of the month), (n, J); numbers of the month."""
    ramp = role.ramp
    if ramp is None:
        return np.ones((1, len(month)))
    one = np.ones((1, 1))
    level = at(point.fraction(ramp.never.level), month) if ramp.never else one
    never = at(point.fraction(ramp.never.share), month) if ramp.never else np.zeros((1, 1))

    def capped(most: Array) -> Array:
        if ramp.bookings is not None:
            return np.minimum(most, _booked(point, ramp, month, tenure + 1.0))
        length, spread = at(point.of(ramp.workload), month), at(point.of(ramp.spread), month)
        return workload(ramp.shape, tenure + 0.5, length, spread, most)

    usual = capped(one)
    return usual if ramp.never is None else (1.0 - never) * usual + never * capped(level)


def _booked(point: Point, ramp: Ramp, month: Whole, end: Array) -> Array:
    """Workload that books the stated shares a cycle later: (1/c) ∫ r over x … x + c, x the tenure at month's end."""
    cycle = np.maximum(at(point.of(ramp.cycle), month), 1e-6)
    shares = [at(point.fraction(share), month) for share in ramp.bookings or ()]

    def integral(x: Array) -> Array:
        total = np.maximum(0.0, x - _QUARTER * len(shares))
        for k, share in enumerate(shares):
            total = total + share * np.clip(x - _QUARTER * k, 0.0, _QUARTER)
        return total

    return np.asarray((integral(end + cycle) - integral(end)) / cycle)


def people_of(window: Window, group: SeatGroup) -> Frame:
    """The people of a seat group: those recorded in it, or, where seats are not recorded, those of its kind.

    Where several groups are of one kind, and seats are not recorded, the first of them has all.
    """
    people = window.table("people")
    alike = [
        other.name for other in window.plan.team.seats if (other.role, other.segment) == (group.role, group.segment)
    ]
    of_kind = (people["role"] == group.role) & (people["seats"] == "")
    if group.segment is not None:
        of_kind &= people["segment"] == group.segment
    return people[(people["seats"] == group.name) | (of_kind & (alike[0] == group.name))]


def people_pieces(window: Window) -> Iterator[Piece]:
    """Every piece that people's records give."""
    people = window.table("people")
    if not len(people) or not window.months:
        return
    for name, role in sorted(window.plan.team.roles.items()):
        own = people[people["role"] == name]
        if role.attrition is not None and len(own):
            yield from _attrition(window, role, own)
        if role.promotion is not None and role.promotion.into is None and len(own):
            yield from _promotion(window, role, own)
    for group in sorted(window.plan.team.seats, key=lambda entry: entry.name):
        yield from _filling(window, group)


def _attrition(window: Window, role: Role, people: Frame) -> Iterator[Piece]:
    attrition = role.attrition
    assert attrition is not None
    staff = Staff.of(window, people)
    who, month, tenure = staff.months(window)
    if attrition.missed_quota is not None:
        # Who missed the quota of the year before leaves more often, and attainment is not in these records.
        header = window.plan.plan
        first_year = (header.fiscal_year_start - 1 - header.start) % MONTHS_PER_YEAR or MONTHS_PER_YEAR
        inside = month < first_year
        who, month, tenure = who[inside], month[inside], tenure[inside]
    if not len(who):
        return
    gone = staff.left[who] == month
    edges = [0.0, *(float(m) for m in sorted(attrition.multiples) if m > 0), np.inf]
    multiples = [attrition.multiples.get(0)]
    multiples += [attrition.multiples[m] for m in sorted(attrition.multiples) if m > 0]
    inside_band = np.stack(
        [np.clip(tenure + 1.0, low, high) - np.clip(tenure, low, high) for low, high in pairwise(edges)]
    )
    planned = staff.first[who]
    months = window.months
    stay: Array = np.stack([np.bincount(planned[~gone], band[~gone], months) for band in inside_band])
    reasons = np.array(staff.reason)[who[gone]] if gone.any() else np.array([], dtype=str)
    kinds = [reasons == "voluntary", reasons == "involuntary", reasons == ""]
    promoted = reasons == "promoted"
    stay += np.stack([np.bincount(planned[gone][promoted], band[gone][promoted], months) for band in inside_band])
    counts = tuple(kind.astype(np.float64) for kind in kinds)
    left_band, left_planned = inside_band[:, gone], planned[gone]
    n_own, n_other, n_unknown = (int(kind.sum()) for kind in kinds)
    years = len(who) / MONTHS_PER_YEAR

    every = np.arange(months).astype(np.int64)

    def log_likelihood(point: Point) -> Array:
        own, other = point.hazard(attrition.voluntary), point.hazard(attrition.involuntary)
        factors = [np.ones((1, 1)) if times is None else point.of(times) for times in multiples]

        def weighed(bands: Array, planned_in: Whole) -> Array:
            parts = (at(f, planned_in) * band for f, band in zip(factors, bands, strict=True))
            return sum(parts, np.zeros((1, 1)))

        stayed = weighed(stay, every)
        alike = own.shape[1] == other.shape[1] == 1
        if alike:
            stayed = np.broadcast_to(stayed, (len(stayed), months)).sum(axis=1, keepdims=True)
        staying = -np.sum((own[:, :months] + other[:, :months]) * stayed, axis=1)
        left = at(own, left_planned), at(other, left_planned)
        return np.asarray(staying + leaving(*left, weighed(left_band, left_planned), counts))

    reads = [
        Read(attrition.voluntary, f"{n_own + n_unknown} left in {years:.1f} person-years"),
        Read(attrition.involuntary, f"{n_other + n_unknown} let go in {years:.1f} person-years"),
        *(Read(times, f"{len(reasons)} left in {years:.1f} person-years") for times in multiples),
    ]
    yield piece(window, reads, len(who), log_likelihood)


def _promotion(window: Window, role: Role, people: Frame) -> Iterator[Piece]:
    """Who is promoted out of the plan goes as soon as they are ready; who waits for a seat is not seen waiting."""
    promotion = role.promotion
    assert promotion is not None
    staff = Staff.of(window, people)
    who, month, tenure = staff.months(window)
    gone = staff.left[who] == month
    promoted = gone & (np.array(staff.reason, dtype=str)[who] == "promoted")
    # Who leaves for another reason in a month may have been ready as well: that month says nothing.
    kept = promoted | ~gone
    planned, tenure, promoted = staff.first[who][kept], tenure[kept], promoted[kept]
    table = np.stack([planned.astype(np.float64), tenure, promoted.astype(np.float64)])
    keys, counts = np.unique(table, axis=1, return_counts=True)
    months, tenures, went = keys[0].astype(np.int64), keys[1], keys[2] > 0
    if not len(months):
        return

    def log_likelihood(point: Point) -> Array:
        hazard, after = at(point.hazard(promotion.rate), months), at(point.of(promotion.after), months)
        cost = hazard * np.clip(tenures + 1.0 - after, 0.0, 1.0)
        return np.asarray(-(cost * ~went) @ counts + log_sum(-np.expm1(-cost), counts * went))

    words = f"{int(promoted.sum())} promoted in {len(planned) / MONTHS_PER_YEAR:.1f} person-years"
    yield piece(window, [Read(promotion.rate, words), Read(promotion.after)], len(planned), log_likelihood)


def _filling(window: Window, group: SeatGroup) -> Iterator[Piece]:
    """How late seats of a group are filled: those planned, and those that somebody left; first open, first filled."""
    plan, people = window.plan, people_of(window, group)
    role = plan.team.roles[group.role]
    opened = [
        (month - window.start, 0)
        for month, heads in sorted(group.hires.items())
        for _ in range(heads)
        if month - window.start < window.months
    ]
    if role.backfill.policy == "always":
        left = window.month(people["end"])
        opened += [(int(month) + 1, 1) for month in left if 0 <= month < window.months - 1]
    opened.sort()
    if not opened or not len(window.table("people")):
        return
    starts = [int(month) for month in window.month(people["start"]) if 0 <= month < window.months]
    delays_of = _matched([first for first, _ in opened], starts)
    lag = [
        window.months - 1 - first if late is None else late for (first, _), late in zip(opened, delays_of, strict=True)
    ]
    filled = [late is not None for late in delays_of]
    kind = [is_backfill for _, is_backfill in opened]
    month = [min(max(first, 0), window.months - 1) for first, _ in opened]
    keys, counts = np.unique(np.array([lag, filled, kind, month]), axis=1, return_counts=True)
    for is_backfill, mean, spread in ((0, group.time_to_fill_delay, group.delay_spread), (1, role.backfill.lag, None)):
        here = keys[2] == is_backfill
        if here.any():
            yield _one_filling(window, mean, spread, keys[:, here], counts[here].astype(np.float64))


def _matched(opened: Sequence[int], starts: Sequence[int]) -> list[int | None]:
    """Months from each opening (in order) to the start that fills it; None where none does.

    First open, first filled; who started before any seat was open for them began without delay.

    >>> _matched([0, 2, 3], [1, 2]), _matched([2, 5], [1])
    ([1, 0, None], [0, None])
    """
    waiting, found = sorted(starts), list[int | None]()
    for first in opened:
        begun = next((start for start in waiting if start >= first), None)
        if begun is not None:
            waiting.remove(begun)
        found.append(None if begun is None else begun - first)
    for k, late in enumerate(found):
        if late is None and waiting:
            waiting.pop()
            found[k] = 0
    return found


def _one_filling(window: Window, mean: Quantity, spread: Quantity | None, keys: Whole, counts: Array) -> Piece:
    climate = window.plan.team.recruiting_climate
    lag, filled, month = keys[0], keys[1] > 0, keys[3]

    def log_likelihood(point: Point) -> Array:
        lasts = at(point.of(climate), month) * at(point.of(mean), month)
        exactly, longer = delays(lasts, at(point.of(spread), month), lag)
        return log_sum(np.where(filled, exactly, longer), counts)

    total = int(counts.sum())
    words = f"{int(counts @ filled)} of {total} seats filled"
    reads = [Read(mean, words), Read(climate, words), Read(spread, words)]
    return piece(window, reads, total, log_likelihood)
