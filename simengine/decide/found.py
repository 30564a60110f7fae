"""What `gap` and `backward` find, in plain numbers: reports show it without knowing how it was found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from simengine.explain.intervals import Bounded
from simengine.plan.targets import Target


class Row(NamedTuple):
    """A part in a segment (or in all): at plan values, and the simulated mean with its 95 % interval, P10 and P90."""

    part: str
    segment: str
    planned: float
    mean: float
    lower: float
    upper: float
    p10: float
    p90: float


class Needed(NamedTuple):
    """What a lever would have to be. NaN where it cannot do it alone.

    Attributes
    ----------
    name, unit, month, lead, idle : of the question
    at_plan : amount with which the operating plan meets the target
    at_confidence : amount with which the target is reached often enough, with an interval for simulation error
    probability : of the target at that amount; at the most where there is none
    most : the most that was tried
    planned_at_most : the metric in the operating plan then
    """

    name: str
    unit: str
    month: int
    lead: int | None
    idle: str
    at_plan: float
    at_confidence: Bounded
    probability: Bounded
    most: float
    planned_at_most: float

    @property
    def amount(self) -> float:
        """What the confidence takes, or else what the plan takes."""
        return self.at_confidence[0] if math.isfinite(self.at_confidence[0]) else self.at_plan


class Belief(NamedTuple):
    """An assumption at the value that a lever would need.

    Attributes
    ----------
    name, unit, planned : of the assumption
    needed : the value, in its unit
    level : P(X ≤ needed) under its stated law
    is_better : "high" or "low": on which side the lever moves it
    kind, n, as_of : of its source; n is None and as_of "" where they are not stated
    """

    name: str
    unit: str
    planned: float
    needed: float
    level: float
    is_better: str
    kind: str
    n: int | None
    as_of: str

    @property
    def reached(self) -> float:
        """How likely the belief holds such a value, or a better one, to be."""
        return self.level if self.is_better == "low" else 1.0 - self.level


class Past(NamedTuple):
    """What a lever would need in a segment (or channel, or seat group), against the best quarter on record.

    Attributes
    ----------
    of, what, unit : whose, in words, and the unit
    needed, best : the value that would have to hold, and the best of a whole quarter
    quarter, n, quarters : when that was, of how many records, and how many quarters there are; "" and 0 where none
    is_seen : whether a quarter was as good
    """

    of: str
    what: str
    unit: str
    needed: float
    best: float
    quarter: str
    n: int
    quarters: int
    is_seen: bool


class Aside(NamedTuple):
    """A target of a part of the company: what it asks for, the operating plan, and how likely it is."""

    name: str
    metric: str
    period: str
    where: dict[str, str]
    bound: float
    is_floor: bool
    planned: float
    probability: Bounded


class Retention(NamedTuple):
    """Net revenue retention: in the operating plan, what would close the gap alone, and how often a path has that."""

    planned: float
    needed: float
    probability: Bounded


class Closer(NamedTuple):
    """A lever that is to close the gap alone, and whether anybody has seen it there."""

    needed: Needed
    beliefs: tuple[Belief, ...]
    past: tuple[Past, ...]


@dataclass(frozen=True)
class Gap:
    """What lies between a target and the plan that is to meet it. Money is in the plan's currency.

    Attributes
    ----------
    target, currency, confidence, draws : what is asked for, in what, how surely, and on how many draws
    top_down, bottom_up : the target, and its metric in the operating plan
    mean, p10, p50, p90 : of the simulated metric, with 95 % intervals
    probability : that the target is reached
    commit : what is reached with the confidence
    bridge : the parts that the operating plan adds up, by segment and in all; none of a metric that is no sum
    shares : of each segment its part of the operating plan's new business, for a gap that is allocated in proportion
    asides : the plan's targets of parts of the company, of metrics of this kind
    retention : the NRR that would close the gap; None of a metric, or a period, that NRR does not make
    levers : what each would have to be, and `search_draws`, on how many draws that was looked for
    records : the last day of the records that were looked at, "" where none were
    """

    target: Target
    currency: str
    confidence: float
    draws: int
    top_down: float
    bottom_up: float
    mean: Bounded
    p10: Bounded
    p50: Bounded
    p90: Bounded
    probability: Bounded
    commit: Bounded
    bridge: tuple[Row, ...]
    shares: dict[str, float]
    asides: tuple[Aside, ...]
    retention: Retention | None
    levers: tuple[Closer, ...]
    search_draws: int
    records: str

    @property
    def missing(self) -> float:
        """What the operating plan lacks; below zero where it has more than is asked for."""
        short = self.top_down - self.bottom_up
        return short if self.target.at_least is not None else -short


class Ready(NamedTuple):
    """When a hire of a seat group must be planned to be productive by a month. Months are since year 0.

    Attributes
    ----------
    group, role, segment : who; segment is "" where they have none
    what : "full workload", or "full bookings", a sales cycle later
    level : how sure it is to be
    latest : the last safe month to plan the start for; None where none is, as far as one looks back
    request_by : the month of the decision, by the lead time of the plan's lever; `latest` where there is none
    lead : that lead time, None where no lever says one
    is_late : whether that month is past
    months : from the planned month to the first productive one, at this level
    planned, in_time : heads whom the plan has start by then, and those of them who are planned early enough
    never : mean share of people who never get there, and whom this leaves out
    """

    group: str
    role: str
    segment: str
    what: str
    level: float
    latest: int | None
    request_by: int | None
    lead: int | None
    is_late: bool
    months: int | None
    planned: int
    in_time: int
    never: float


class Delay(NamedTuple):
    """What it does to a target to plan the hires of a seat group so many months later; paired, with 95 % intervals."""

    months: int
    probability: Bounded
    lost: Bounded
    cost: Bounded


class Delays(NamedTuple):
    """A seat group whose hires are put off.

    Attributes
    ----------
    group, heads : who, and how many of them the plan has start until the target's period ends
    first, last : months (since year 0) for which the first and the last of them are planned
    delays : one month, two months, … later
    latest : the most months in a row that are shown to cost no more than `allowed`: by the upper bound of the loss
    keeps : those that keep the confidence; None where the plan itself does not reach it
    """

    group: str
    heads: int
    first: int
    last: int
    delays: tuple[Delay, ...]
    latest: int
    keeps: int | None


class OverAssignment(NamedTuple):
    """Street quota over the plan that a team carries, for a fiscal year.

    Attributes
    ----------
    team : "all" or a team
    street : sum of quotas in the operating plan
    declared, carried : the plan's over-assignment, and what the team carries with it: street / (1 + declared)
    probability : that the team books what it carries
    needed : the over-assignment with which it does with the confidence; infinite where it books nothing
    safe : what it books with that confidence
    """

    team: str
    street: float
    declared: float
    carried: float
    probability: Bounded
    needed: Bounded
    safe: Bounded


class Capacity(NamedTuple):
    """Ramped people in a quarter: in the plan, what its volumes need, and what the target's need; NaN without limit."""

    role: str
    segment: str
    does: str
    quarter: str
    planned: float
    needed: float
    for_target: float


@dataclass(frozen=True)
class Backward:
    """A plan read backward from a target. Money is in the plan's currency.

    Attributes
    ----------
    target, currency, confidence, seed : what is asked for, in what, how surely, and of which chance
    productive_by : the first month (since year 0) of the period in which people are to be productive, and its label
    ready : last safe dates by seat group and level
    as_planned : P(hit) of the plan as it is, on `draws` draws
    delays, allowed : what delays do, and the drop of P(hit) that is allowed
    year, over : the fiscal year of quotas ("" where none is whole), and over-assignments
    capacity, growth : people by quarter, and new business as the target needs it, as a multiple of the plan's
    """

    target: Target
    currency: str
    confidence: float
    productive_by: int
    period: str
    ready: tuple[Ready, ...]
    as_planned: Bounded
    draws: int
    delays: tuple[Delays, ...]
    allowed: float
    year: str
    over: tuple[OverAssignment, ...]
    capacity: tuple[Capacity, ...]
    growth: float
