"""Two plans compared: what differs, and what each part of it does."""

from __future__ import annotations

from dataclasses import dataclass

from simengine.decide.changes import Change
from simengine.explain.intervals import Bounded
from simengine.plan.schema import Plan
from simengine.plan.targets import Target

NOISE = "simulation error"
"""Label of what the bars leave, where they leave anything."""


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
