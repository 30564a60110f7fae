"""What a target's metric is made of: opening ARR, new business by channel, expansion, price, contraction, churn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simengine.baseline import baseline
from simengine.decide.findings import Row
from simengine.explain.intervals import Bounded, mean
from simengine.plan.schema import Plan
from simengine.plan.targets import CHANNEL, SEGMENT, Target, is_meant
from simengine.results.books import Ledger
from simengine.results.economics import metric
from simengine.results.paths import Array
from simengine.units import Period, fiscal_period, month_label

ALL = "all"
OPENING, RECORDED = "opening ARR", "already recorded"
_MOVEMENTS = (
    ("expansion", "expansion_arr", 1),
    ("price", "price_arr", 1),
    ("contraction", "contraction_arr", -1),
    ("churn", "churned_arr", -1),
)
_NEW = {"ending_arr": "new_arr", "net_new_arr": "new_arr", "new_arr": "new_arr", "bookings": "bookings"}
"""Metrics that are told in parts, and what their new business is counted in."""


class Part(NamedTuple):
    """A part of a metric: what it is called, what it is counted in, its sign, and the channel that it came through."""

    name: str
    metric: str
    sign: int
    channel: str = ""


class _Ask(NamedTuple):
    """What is asked of every path: metrics that are summed, plus a number that is known."""

    part: str
    segment: str
    sign: int
    targets: tuple[Target, ...]
    known: float = 0.0


def is_told_in_parts(target: Target) -> bool:
    """Whether a target's metric is a sum of parts, each known by segment.

    >>> is_told_in_parts(Target(name="a", metric="nrr", period="FY2027", at_least=1.0))
    False
    """
    return target.metric in _NEW


def parts_of(plan: Plan, target: Target) -> list[Part]:
    """The parts of a target's metric, in the order of telling; none where it is not told in parts."""
    if not is_told_in_parts(target):
        return []
    wanted = target.where.get(CHANNEL)
    served = _served(plan, target)
    channels = sorted(served) if wanted is None else [wanted]
    new = [Part(f"new: {channel}", _NEW[target.metric], 1, channel) for channel in channels]
    if target.metric not in ("ending_arr", "net_new_arr"):
        return new
    opening = [Part(OPENING, "ending_arr", 1)] if target.metric == "ending_arr" else []
    return [*opening, *new, *(Part(*movement) for movement in _MOVEMENTS)]


def _covered(plan: Plan, target: Target) -> list[str]:
    """The segments that a target covers."""
    return sorted(name for name, entry in plan.segments.items() if is_meant(target.where, name, entry.labels))


def _served(plan: Plan, target: Target) -> list[str]:
    """The channels that serve them."""
    covered = set(_covered(plan, target))
    return [name for name, channel in plan.funnel.channels.items() if covered & set(channel.segments)]


def asked(name: str, of: str, period: str, where: dict[str, str]) -> Target:
    """A target that only asks for a metric."""
    return Target.model_construct(name=name, metric=of, period=period, where=where, at_least=0.0, at_most=None)


def planned_values(plan: Plan, targets: Sequence[Target]) -> Array:
    """The metric of each target in the operating plan, (target,): what the spreadsheet has at plan values."""
    ledger, start = Ledger(plan, baseline(plan, plan.planned)), plan.plan.start
    found = []
    for target in targets:
        period = fiscal_period(target.period, plan.plan.fiscal_year_start)
        books = ledger.books(target.where)
        value = metric(books, target.metric, period.first - start, period.last - start)
        found.append(float(np.broadcast_to(value, 1)[0]))
    return np.array(found)


class Bridge:
    """The parts of a target's metric by segment, to be asked of paths and of the operating plan.

    What the company had when the target's period began, or when the plan did where that is later, is the opening; what
    facts say of the period's months before the plan is `already recorded`.

    Attributes
    ----------
    targets : what is asked of a path
    """

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan, self.target = plan, target
        self._asks = list(self._all_asks())
        self.targets = tuple(each for ask in self._asks for each in ask.targets)

    @property
    def segments(self) -> list[str]:
        """Segments that the target covers."""
        return _covered(self.plan, self.target)

    def _all_asks(self) -> Iterator[_Ask]:
        for part in parts_of(self.plan, self.target):
            for segment in (ALL, *self.segments):
                served = self.plan.funnel.channels[part.channel].segments if part.channel else self.segments
                if segment == ALL or segment in served:
                    yield self._ask(part, segment)

    def _ask(self, part: Part, segment: str) -> _Ask:
        period, start = self._period, self.plan.plan.start
        where = dict(self.target.where) if segment == ALL else {SEGMENT: segment}
        if part.channel:
            where[CHANNEL] = part.channel
        if part.name != OPENING:
            labels = [period.label] if period.first >= start else map(month_label, range(start, period.last + 1))
            targets = tuple(asked(part.name, part.metric, label, where) for label in labels)
            return _Ask(part.name, segment, part.sign, targets)
        if period.first > start:
            before = asked(part.name, part.metric, month_label(period.first - 1), where)
            return _Ask(part.name, segment, part.sign, (before,))
        names = self.segments if segment == ALL else [segment]
        bases = self.plan.base
        known = sum(bases[name].arr * self.plan.rate_of(name) for name in names if name in bases)
        return _Ask(part.name, segment, part.sign, (), known)

    @property
    def _period(self) -> Period:
        return fiscal_period(self.target.period, self.plan.plan.fiscal_year_start)

    def rows(self, planned: Array, simulated: Array, total: float) -> list[Row]:
        """The parts told.

        Parameters
        ----------
        planned : (k,) of `targets` in the operating plan
        simulated : (n, k) of `targets` on every path
        total : the metric in the operating plan, which the parts of all segments add up to
        """
        rows, at = [], 0
        for ask in self._asks:
            here = slice(at, at + len(ask.targets))
            at = here.stop
            values = ask.sign * (simulated[:, here].sum(axis=1) + ask.known)
            rows.append(_row(ask.part, ask.segment, ask.sign * (planned[here].sum() + ask.known), values))
        rest = total - sum(row.planned for row in rows if row.segment == ALL)
        if rows and self._period.first < self.plan.plan.start and self.target.metric != "ending_arr":
            rows.insert(0, Row(RECORDED, ALL, rest, rest, rest, rest, rest, rest))
        return rows


def _row(part: str, segment: str, planned: float, values: Array) -> Row:
    p10, p90 = np.quantile(values, (0.1, 0.9))
    estimate: Bounded = mean(values)
    return Row(part, segment, float(planned), *estimate, float(p10), float(p90))
