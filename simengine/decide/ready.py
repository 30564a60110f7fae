"""When people must be hired to be productive in time: slip, climate and ramp, path by path."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from simengine.assumptions.draws import draw, uniforms
from simengine.baseline import log_sigma
from simengine.decide.findings import Ready
from simengine.decide.variants import lead_time
from simengine.plan.people import Ramp, SeatGroup
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.reading.operating import OperatingPlan
from simengine.results.paths import Array
from simengine.timeline import Timeline

LEVELS = (0.5, 0.8, 0.9)
WORKLOAD, BOOKINGS = "full workload", "full bookings"
_LOOK_BACK = 48
"""Months before the one in which they are to be productive."""
_QUARTER = 3


class Hires:
    """How long it takes a hire of each seat group to be productive, on draws of what is believed.

    A hire who is planned for month m starts in `m + floor(D + U)`, D lognormal with the group's mean delay times the
    recruiting climate, U uniform; the ramp takes L months, lognormal about its mean; tenure is that of the middle of a
    month (docs/model.md, step 1). So the first month of a full workload is `start + max(0, ⌈L − 1/2⌉)`. A ramp of
    bookings is full when its quarters are over, and its workload a sales cycle before. Who leaves before, or never
    ramps, is left out.

    Parameters
    ----------
    plan : a checked plan
    draws, seed : of beliefs and of chance
    """

    def __init__(self, plan: Plan, *, draws: int, seed: int) -> None:
        self.plan, self._op = plan, OperatingPlan(plan)
        drawn = draw(plan.widened(), plan.copula(), seed, 0, draws)
        self._timeline = Timeline(plan, {name: drawn.values[:, i] for i, name in enumerate(drawn.names)})
        size, rounding, length = uniforms(
            seed, [f"backward/{name}" for name in ("delay", "rounding", "ramp")], 0, draws
        )
        from scipy.special import ndtri

        self._delay, self._ramp, self._rounding = ndtri(size), ndtri(length), rounding

    def _at(self, quantity: Quantity, month: int, high: float = math.inf) -> Array:
        """A number in a month (since year 0), (draws,) or (1,); before the plan as at its start."""
        found = self._timeline.of(quantity, high=high)
        t = min(max(0, month - self.plan.plan.start), self.plan.plan.months - 1)
        return np.asarray(found[:, t if found.shape[1] > 1 else 0])

    def months(self, group: SeatGroup, month: int, what: str) -> Array:
        """Months from the planned one to the first productive one, of a hire planned for `month`, (draws,)."""
        late = self._late(group, month)
        ramp = self.plan.team.roles[group.role].ramp
        length = self._length(group, ramp, month, what)
        return np.asarray(late + np.maximum(0.0, np.ceil(length - 0.5)))

    def _late(self, group: SeatGroup, month: int) -> Array:
        mean = self._at(group.time_to_fill_delay, month) * self._at(self.plan.team.recruiting_climate, month)
        delay = mean * _lognormal(self._at(group.delay_spread, month), self._delay)
        return np.asarray(np.floor(delay + self._rounding))

    def _length(self, group: SeatGroup, ramp: Ramp | None, month: int, what: str) -> Array:
        """Months of tenure until they are productive, (draws,)."""
        cycle = self.cycle(group, month)
        if ramp is None:
            return cycle if what == BOOKINGS else np.zeros(1)
        if ramp.workload is not None:
            length = self._at(ramp.workload, month) * _lognormal(self._at(ramp.spread, month), self._ramp)
            return np.asarray(length + cycle) if what == BOOKINGS else np.asarray(length)
        full = np.full_like(self._ramp, float(_QUARTER * len(ramp.bookings or ())))
        for quarter, share in reversed(list(enumerate(ramp.bookings or ()))):
            full = np.where(self._at(share, month, high=1.0) >= 1.0, float(_QUARTER * quarter), full)
        contained = 0.0 if ramp.cycle is None else self._at(ramp.cycle, month)
        return full if what == BOOKINGS else np.asarray(np.maximum(0.0, full - contained))

    def cycle(self, group: SeatGroup, month: int) -> Array:
        """Mean months to win in the segment where they sell, its channels by their planned opportunities; else 0."""
        if group.segment is None or not self.plan.team.roles[group.role].sells:
            return np.zeros(1)
        opportunities = self._op.cell("opportunities")
        cells = self._op.sold(group.segment)
        total = sum(float(opportunities[cell].sum()) for cell in cells)
        if total <= 0:
            return np.zeros(1)
        parts = [
            self._at(self._op.demand(cell).cycle, month) * (float(opportunities[cell].sum()) / total) for cell in cells
        ]
        return np.asarray(sum(parts, np.zeros(1)))

    def never(self, group: SeatGroup) -> float:
        """Mean share of people who never ramp."""
        ramp = self.plan.team.roles[group.role].ramp
        return 0.0 if ramp is None or ramp.never is None else float(self._at(ramp.never.share, 0, high=1.0).mean())

    def ready(self, group: SeatGroup, by: int, what: str, levels: Sequence[float] = LEVELS) -> Iterator[Ready]:
        """The last month for which a start can safely be planned, at each level.

        Parameters
        ----------
        by : the month (since year 0) in which they are to be productive
        """
        shares = [float(np.mean(self.months(group, by - k, what) <= k)) for k in range(_LOOK_BACK + 1)]
        role = self.plan.team.roles[group.role]
        lead, today = lead_time(self.plan, group.name), self.plan.plan.now
        starts = [(month, heads) for month, heads in group.hires.items() if month <= by]
        for level in levels:
            enough = [k for k, share in enumerate(shares) if share >= level]
            months = enough[0] if enough else None
            latest = None if months is None else by - months
            request = None if latest is None else latest - (lead or 0)
            yield Ready(
                *(group.name, group.role, group.segment or "", WORKLOAD if not role.sells else what, level),
                *(latest, request, lead, request is None or request < today, months),
                sum(heads for _, heads in starts),
                sum(heads for month, heads in starts if latest is not None and month <= latest),
                self.never(group),
            )


def _lognormal(spread: Array, z: Array) -> Array:
    """Factors of mean 1: exp(s z − s²/2), s² = ln(1 + spread²)."""
    s = log_sigma(spread)
    return np.asarray(np.exp(s * z - s * s / 2.0))


def hiring_groups(plan: Plan) -> list[SeatGroup]:
    """Seat groups that hire, or may, and whose people sell, qualify or look after customers."""
    named = {lever.hires for lever in plan.levers.values()}
    return [
        group
        for group in plan.team.seats
        if (group.hires or group.name in named)
        and (
            plan.team.roles[group.role].sells
            or plan.team.roles[group.role].hours is not None
            or plan.team.roles[group.role].carries is not None
        )
    ]
