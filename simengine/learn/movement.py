"""Which beliefs moved from one plan to the next, and by how much."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simengine.assumptions.laws import Distribution
from simengine.plan.schema import Plan

MOVED = 0.01
"""A belief that moved by less than this many of its standard deviations has no bar of its own."""
_LEVELS = (np.arange(512) + 0.5) / 512
_P10_TO_P90 = 2.5631031310892007
"""In standard deviations of a normal law."""


@dataclass(frozen=True)
class Beliefs:
    """Assumptions and events that two plans share, with their laws as simulated.

    Attributes
    ----------
    names : (k,) sorted: what has the same name, and of an assumption the same unit, in both
    moved : those of `names` whose law moved
    pooled : those whose law moved by less than `MOVED`
    """

    plans: tuple[Plan, Plan]
    names: tuple[str, ...]
    moved: tuple[str, ...]
    pooled: tuple[str, ...]

    @classmethod
    def of(cls, old: Plan, new: Plan) -> Beliefs:
        """Compare the beliefs of two plans."""
        same = {name for name in old.assumptions.keys() & new.assumptions.keys() if _same_unit(old, new, name)}
        names = tuple(sorted(same | (old.events.keys() & new.events.keys())))
        law = law_of((old, new))
        distances = {
            name: max(distance(law(name, 0, window), law(name, 1, window)) for window in (0, 1)) for name in names
        }
        moved = tuple(name for name, by in distances.items() if by >= MOVED)
        return cls((old, new), names, moved, tuple(name for name, by in distances.items() if 0 < by < MOVED))

    def law(self, name: str, belief: int, window: int) -> Distribution:
        """A law: as plan `belief` has it, over the months of plan `window` (0 is the old one, 1 the new)."""
        return law_of(self.plans)(name, belief, window)


def law_of(plans: tuple[Plan, Plan]) -> Callable[[str, int, int], Distribution]:
    """A function that gives laws by (name, belief, window), as `Beliefs.law`."""

    def law(name: str, belief: int, window: int) -> Distribution:
        plan, header = plans[belief], plans[window].plan
        if name in plan.events:
            return plan.events[name].occurrence(header.start, header.months)
        return plan.assumptions[name].widened(plan.source_policy)

    return law


def _same_unit(old: Plan, new: Plan, name: str) -> bool:
    return bool(old.assumptions[name].unit == new.assumptions[name].unit)


def distance(a: Distribution, b: Distribution) -> float:
    r"""How far two laws are apart, in standard deviations: `∫ |Q_a(u) − Q_b(u)| du` over the mean of both.

    The integral is the Wasserstein distance: a result that grows by at most L with each unit of the assumption has an
    expected value that differs by at most L times it (Kantorovich and Rubinstein 1958).

    Examples
    --------
    >>> from simengine.assumptions.laws import Normal
    >>> round(distance(Normal(10.0, 2.0), Normal(10.5, 2.0)), 6)
    0.25
    """
    if a == b:
        return 0.0
    apart = float(np.abs(a.ppf(_LEVELS) - b.ppf(_LEVELS)).mean())
    if apart == 0:
        return 0.0
    wide = (_spread(a) + _spread(b)) / 2
    return apart / wide if wide > 0 else math.inf


def _spread(law: Distribution) -> float:
    sd = law.sd()
    if math.isfinite(sd):
        return sd
    low, high = law.ppf([0.1, 0.9])
    return float(high - low) / _P10_TO_P90
