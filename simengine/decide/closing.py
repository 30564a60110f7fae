"""What one lever alone would have to be for a target to be met: at plan values, and with the confidence asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from simengine.decide.bridge import planned_values
from simengine.decide.findings import Needed
from simengine.decide.variants import ALL_CHANNELS, KINDS, SPEND, Kind, lead_time, numbers, scaled, staffed
from simengine.explain.intervals import UNKNOWN, Bounded, proportion
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.results.paths import Array
from simengine.results.targets import as_misses, quantile_interval
from simengine.simulation.reached import target_values
from simengine.units import fiscal_period

STEP = 0.01
"""Factors are tried in steps of this."""
_MOST_TIMES = 3
"""People are tried up to so many times those who are in the job and planned."""
FACTOR, PEOPLE = "factor", "people"


class Question(NamedTuple):
    """A lever that is to close the gap alone.

    Attributes
    ----------
    name : what it is called
    unit : "factor" or "people"
    amounts : what may be tried, from the plan's (first) to the most
    apply : the plan with an amount of it
    kind : whose numbers are multiplied; None of people
    group : the seat group that people join
    month : from which on it acts (since year 0)
    lead : months from the decision until then, None where the plan says none
    idle : why it can do nothing, "" where it can
    """

    name: str
    unit: str
    amounts: tuple[float, ...]
    apply: Callable[[float], Plan]
    kind: Kind | None
    group: str
    month: int
    lead: int | None
    idle: str


def questions(plan: Plan, until: int) -> list[Question]:
    """The levers that a plan has, whether or not it declares them.

    Of the people who sell, qualify or look after customers, each seat group that hires (of several of a role and
    segment, the one that a lever names), or the only one.

    Parameters
    ----------
    until : the last month (since year 0) in which it may begin
    """
    found = [_factor(plan, kind) for kind in KINDS if numbers(plan, kind)]
    spending = [name for name, channel in plan.funnel.channels.items() if not _is_zero(channel.spend)]
    found += [_factor(plan, SPEND, channel) for channel in spending]
    if sum(plan.funnel.channels[name].response is not None for name in spending) > 1:
        found.append(_factor(plan, SPEND, None))
    return found + list(_hires(plan, until))


def _is_zero(quantity: Quantity) -> bool:
    return all(step.assumption is None and step.number == 0 for step in quantity.steps)


def _factor(plan: Plan, kind: Kind, channel: str | None = None) -> Question:
    steps = round(abs(kind.extreme - 1.0) / STEP)
    sign = 1 if kind.is_better == "high" else -1
    amounts = tuple(round(1.0 + sign * i * STEP, 9) for i in range(steps + 1))
    idle = ""
    if kind.name == SPEND.name and channel is not None and plan.funnel.channels[channel].response is None:
        idle = "the plan says nothing of what follows from it: the channel has no response"
    name = kind.name if kind.name != SPEND.name else f"spend: {channel or ALL_CHANNELS}"
    return Question(
        name, FACTOR, amounts, lambda amount: scaled(plan, kind, amount, channel), kind, "", plan.plan.start, 0, idle
    )


def _hires(plan: Plan, until: int) -> Iterator[Question]:
    roles, named = plan.team.roles, {lever.hires for lever in plan.levers.values()}
    chosen: dict[tuple[str, str | None], str] = {}
    for group in sorted(plan.team.seats, key=lambda each: (each.name not in named, not each.hires, each.name)):
        role = roles[group.role]
        if role.sells or role.hours is not None or role.carries is not None:
            chosen.setdefault((group.role, group.segment), group.name)
    for (role_name, segment), name in sorted(chosen.items(), key=lambda item: item[1]):
        seats = sum(g.seats for g in plan.team.seats if (g.role, g.segment) == (role_name, segment))
        lead = lead_time(plan, name)
        month = max(plan.plan.start, plan.plan.now + (lead or 0))
        idle = "" if month <= until else "it is too late for the target's period"
        amounts = tuple(float(n) for n in range(max(1, (_MOST_TIMES - 1) * seats) + 1))
        yield Question(f"hires: {name}", PEOPLE, amounts, _staffing(plan, name, month), None, name, month, lead, idle)


def _staffing(plan: Plan, group: str, month: int) -> Callable[[float], Plan]:
    return lambda heads: staffed(plan, group, month, round(heads))


class Closing:
    """Finds what levers would have to be, on frozen draws.

    Parameters
    ----------
    plan, target : whose gap is to be closed
    confidence : with which the target is to be reached
    draws, seed, executor : as `target_values` takes them
    """

    def __init__(
        self, plan: Plan, target: Target, confidence: float, *, draws: int, seed: int, executor: Executor | None
    ) -> None:
        self.plan, self.target, self.confidence = plan, target, confidence
        self.draws, self.seed, self._executor = draws, seed, executor
        self.bound = float(target.at_least if target.at_least is not None else target.at_most or 0.0)
        self._sign = 1.0 if target.at_least is not None else -1.0
        self._as_planned: tuple[float, Array] | None = None

    def planned(self, plan: Plan) -> float:
        """The metric in the operating plan."""
        return float(planned_values(plan, [self.target])[0])

    def simulated(self, plan: Plan) -> Array:
        """The metric on every draw, (draws,)."""
        found = target_values(plan, 0, self.draws, seed=self.seed, targets=(self.target,), executor=self._executor)
        return found[:, 0]

    def needed(self, question: Question) -> Needed:
        """What a lever would have to be alone."""
        most = question.amounts[-1]
        head = question.name, question.unit, question.month, question.lead, question.idle
        if question.idle:
            return Needed(*head, math.nan, UNKNOWN, self.chance(self._neutral[1]), most, self._neutral[0])
        planned: dict[int, float] = {0: self._neutral[0]}
        values: dict[int, Array] = {0: self._neutral[1]}

        def over_at_plan(place: int) -> float:
            if place not in planned:
                planned[place] = self.planned(question.apply(question.amounts[place]))
            return self._over(planned[place])

        def over_at_confidence(place: int) -> float:
            if place not in values:
                values[place] = self.simulated(question.apply(question.amounts[place]))
            return self._over(self._sure(values[place]))

        last = len(question.amounts) - 1
        at_plan, place = least(over_at_plan, last), least(over_at_confidence, last)
        over_at_plan(last)
        return Needed(
            *head,
            math.nan if at_plan is None else question.amounts[at_plan],
            UNKNOWN if place is None else self._bounded(question, place, values),
            self.chance(values[last if place is None else place]),
            most,
            planned[last],
        )

    @property
    def _neutral(self) -> tuple[float, Array]:
        if self._as_planned is None:
            self._as_planned = self.planned(self.plan), self.simulated(self.plan)
        return self._as_planned

    def chance(self, values: Array) -> Bounded:
        """How often the target is reached, with Wilson's interval."""
        return proportion(self.target.is_reached(values).astype(np.float64))

    def _over(self, value: float) -> float:
        return -math.inf if math.isnan(value) else self._sign * (value - self.bound)

    def _misses(self, values: Array) -> Array:
        return as_misses(values, at_least=self._sign > 0)

    def _sure(self, values: Array) -> float:
        """The value that the wanted share of draws reaches: P(hit) ≥ c where, and only where, it meets the target."""
        ordered = np.sort(self._sign * self._misses(values))[::-1]
        return float(self._sign * ordered[max(1, math.ceil(self.confidence * len(ordered) - 1e-9)) - 1])

    def _bounded(self, question: Question, place: int, values: dict[int, Array]) -> Bounded:
        """An amount with the interval that its metric's quantile has, along the line from the plan to it."""
        amount, neutral = question.amounts[place], question.amounts[0]
        if place == 0:
            return amount, amount, amount
        gained = self._sure(values[place]) - self._sure(values[0])
        level = 1 - self.confidence if self._sign > 0 else self.confidence
        _, low, high = quantile_interval(self._misses(values[place]), level)
        if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(gained)) or gained == 0:
            return amount, math.nan, math.nan
        at = self._sure(values[place])
        ends = sorted(amount - (end - at) * (amount - neutral) / gained for end in (low, high))
        return amount, *(max(0.0, end) for end in ends)  # type: ignore[return-value]


def least(over: Callable[[int], float], last: int) -> int | None:
    """The first of the places 0 … last at which something that rises is at least 0; None where it is not at the last.

    False position between whole places (the Illinois rule: Dowell and Jarratt, BIT 11, 1971), halved where an end is
    not finite or the line helps no more.

    >>> least(lambda place: place**3 - 1000.0, 100), least(lambda place: -1.0, 100), least(lambda place: 0.0, 100)
    (10, None, 0)
    """
    low, below = 0, over(0)
    if below >= 0:
        return 0
    if last == 0:
        return None
    high, above = last, over(last)
    if above < 0:
        return None
    kept = tries = 0
    while high - low > 1:
        tries += 1
        is_straight = math.isfinite(below) and math.isfinite(above) and above > below and tries % 3
        share = -below / (above - below) if is_straight else 0.5
        middle = min(high - 1, max(low + 1, low + math.ceil((high - low) * share)))
        value = over(middle)
        if value >= 0:
            high, above = middle, value
            below = below / 2 if kept > 0 else below
            kept = 1
        else:
            low, below = middle, value
            above = above / 2 if kept < 0 else above
            kept = -1
    return high


def until(plan: Plan, target: Target) -> int:
    """The last month (since year 0) of a target's period."""
    return fiscal_period(target.period, plan.plan.fiscal_year_start).last
