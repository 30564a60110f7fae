"""What `gap`, `backward`, `solve`, `frontier` and `diff` find: reports show it without knowing how it was found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.decide.changes import Change
from simengine.decide.levers import Levers, Mix
from simengine.decide.paired import Hits, difference_of_shares
from simengine.explain.intervals import Bounded, proportion
from simengine.plan.schema import Plan
from simengine.plan.targets import Target

if TYPE_CHECKING:
    from simengine.decide.search import Found

NOISE = "simulation error"
"""Label of what the bars leave, where they leave anything."""


# --- gap ---


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


# --- backward ---


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


# --- solve ---


class Calibration(NamedTuple):
    """How often the plan as it is reaches the target on the frozen draws, and on many more of the same seed."""

    frozen: float
    larger: float
    draws: int
    larger_draws: int


class Verified(NamedTuple):
    """A choice on fresh draws.

    Attributes
    ----------
    mix : the choice
    hits : whether each fresh draw reaches the target, (paths,); fewer where it was given up early
    bound : the probability is at least this, with the confidence of its share of the level
    shown : whether that is the confidence asked for, or more
    """

    mix: Mix
    hits: Hits
    bound: float
    shown: bool

    @property
    def probability(self) -> float:
        """Share of the fresh draws."""
        return float(np.mean(self.hits))


@dataclass(frozen=True)
class Solution:
    """What it takes to reach a target, as far as it could be shown.

    Attributes
    ----------
    levers, target, confidence : what was asked
    draws, known, bar, seed : of the search: frozen draws, how lucky they are, the share of them that was demanded
    paths, fresh_seed, risk : of the verification
    choices : rows of the table of choices
    found : by the search
    base : whether fresh draws reach the target under the plan as it is
    verified : the choices that were verified, cheapest first; where none reaches the bar, the likeliest one
    chosen : the cheapest that is shown; None where none is
    binding : where none reaches the bar, the limits of which that is due: `budget`, `hires_per_month`, `range`
    within : what the target would cost if those limits were lifted; None where it could not be reached even then
    simulated, seconds : paths and time in all; `seconds` by search and verification
    """

    levers: Levers
    target: Target
    confidence: float
    draws: int
    known: Calibration
    bar: float
    seed: int
    paths: int
    fresh_seed: int
    risk: float
    choices: int
    found: Found
    base: Hits
    verified: tuple[Verified, ...]
    chosen: Mix | None
    binding: tuple[str, ...]
    within: float | None
    simulated: int
    seconds: tuple[float, float]

    @property
    def shown(self) -> Verified | None:
        """The choice, as it was verified."""
        return next((one for one in self.verified if one.mix == self.chosen), None)

    @property
    def is_reached(self) -> bool:
        """Whether any choice reaches the bar on the draws of the search."""
        return self.found.mix is not None

    def before(self) -> Bounded:
        """P of the plan as it is, with its 95 % interval."""
        return proportion(self.base.astype(float))

    def after(self, one: Verified) -> Bounded:
        """P of a choice, with its 95 % interval."""
        return proportion(one.hits.astype(float))

    def gain(self, one: Verified) -> Bounded:
        """By how much a choice is likelier than the plan as it is, on the same draws."""
        n = min(len(one.hits), len(self.base))
        return difference_of_shares(one.hits[:n], self.base[:n])

    def more_than_chosen(self, one: Verified) -> Bounded:
        """By how much a choice is likelier than the first one of the table, on the same draws."""
        first = self.shown or self.verified[0]
        n = min(len(one.hits), len(first.hits))
        return difference_of_shares(one.hits[:n], first.hits[:n])


# --- frontier ---


@dataclass(frozen=True)
class Frontier:
    """Choices by cost, each likelier than what is cheaper.

    Attributes
    ----------
    levers, target : what may be chosen, and what is to be reached
    mixes : the points, cheapest first
    hits : whether each fresh draw reaches the target, (draws, points)
    told_apart : of each point whether it is likelier, beyond noise, than the last one before that is, (points,)
    knee : places of the points that are the knee; none where there is no knee beyond noise
    above : of each point by how much it lies above the straight line, with its 95 % interval; 0 at the ends
    tried : every choice that was tried, and its share of the frozen draws
    draws, seed, fresh_seed : of the search, and of the fresh draws
    simulated, seconds : paths and time in all
    """

    levers: Levers
    target: Target
    mixes: tuple[Mix, ...]
    hits: Hits
    told_apart: NDArray[np.bool_]
    knee: tuple[int, ...]
    above: tuple[Bounded, ...]
    tried: dict[Mix, float]
    draws: int
    seed: int
    fresh_seed: int
    simulated: int
    seconds: float

    def probability(self, place: int) -> Bounded:
        """P of a point, with its 95 % interval."""
        return proportion(self.hits[:, place].astype(float))

    def more_than_last(self, place: int) -> Bounded:
        """By how much a point is likelier than the one before it, on the same draws; the first is as likely."""
        return difference_of_shares(self.hits[:, place], self.hits[:, max(0, place - 1)])


# --- diff ---


@dataclass(frozen=True)
class Bar:
    """What a part of the plan that differs does.

    Attributes
    ----------
    label : the part, or how many there are of them
    parts : labels of the parts that it holds
    probability, value : what it changes, with a 95 % interval; value is nan where it cannot be told
    distinguishable, value_distinguishable : from zero, all bars together
    rank : by size of what it does to the probability; those that cannot be told apart share one; 0: not ranked
    """

    label: str
    parts: tuple[str, ...]
    probability: Bounded
    value: Bounded
    distinguishable: bool
    value_distinguishable: bool
    rank: int


@dataclass(frozen=True)
class Effect:
    """What all that differs does to a target.

    Attributes
    ----------
    target : of the new plan; `was` of the old one
    probability_old, probability_new, probability_change : with 95 % intervals
    value_old, value_new, value_change : expected value of the metric; nan where the targets are of different metrics,
        or a path has none
    bars : they add up to both changes; the largest first, then those that cannot be told from zero
    draws, orders, paths, seed : what was simulated
    """

    target: Target
    was: Target
    probability_old: Bounded
    probability_new: Bounded
    probability_change: Bounded
    value_old: Bounded
    value_new: Bounded
    value_change: Bounded
    bars: tuple[Bar, ...]
    draws: int
    orders: int
    paths: int
    seed: int


@dataclass(frozen=True)
class Diff:
    """Two plans compared.

    Attributes
    ----------
    old, new : the plans
    changes : all that differs, in the order of the format
    effect : None where nothing was simulated
    """

    old: Plan
    new: Plan
    changes: tuple[Change, ...]
    effect: Effect | None = None

    @property
    def is_same(self) -> bool:
        """Whether the plans say the same."""
        return not self.changes
