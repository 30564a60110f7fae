"""What the entries of a plan may refer to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simengine.assumptions.laws import Fixed, Metalog
from simengine.plan.beliefs import surely_stays_within
from simengine.plan.scalars import Fault, Quantity, percent_hint, plain, span

if TYPE_CHECKING:
    from simengine.plan.evidence import Assumption, SourcePolicy
    from simengine.plan.header import Header


@dataclass
class Known:
    """What the plan declares, gathered before its entries are validated: the context of their validation.

    Attributes
    ----------
    units : unit of each assumption; None where it is declared with a wrong one
    names : the declared segments, roles, channels, stages, seat groups, targets, and what is uncertain
    volumes : channels, and channel/segment pairs, with a volume of their own
    labels : those of each segment
    selling_roles : roles with a capacity
    header, policy, assumptions : as far as they are right
    """

    units: dict[str, str | None] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    labels: list[dict[str, str]] = field(default_factory=list)
    selling_roles: frozenset[str] = frozenset()
    header: Header | None = None
    policy: SourcePolicy | None = None
    assumptions: dict[str, Assumption] = field(default_factory=dict)

    def bounds(self, quantity: Quantity) -> tuple[float, float]:
        """Least and greatest value that `quantity` can take, as stated or planned; NaN where that is not known."""
        ends = [self._bounds(step) for step in quantity.steps]
        if any(math.isnan(least) for least, _ in ends):
            return math.nan, math.nan
        return min(least for least, _ in ends), max(most for _, most in ends)

    def _bounds(self, step: Quantity) -> tuple[float, float]:
        if step.assumption is None:
            return step.number, step.number
        assumption = self.assumptions.get(step.assumption)
        if assumption is None:
            return math.nan, math.nan
        least, most = assumption.distribution.support()
        return step.number * min(least, assumption.plan), step.number * max(most, assumption.plan)

    def can_be_zero(self, quantity: Quantity) -> bool:
        """Whether `quantity` is zero with some probability, or planned to be, in some month."""
        return any(self._can_be_zero(step) for step in quantity.steps)

    def _can_be_zero(self, step: Quantity) -> bool:
        if step.assumption is None:
            return step.number == 0
        assumption = self.assumptions.get(step.assumption)
        return assumption is not None and (assumption.plan == 0 or 0 in assumption.distribution.atoms())

    def is_zero(self, quantity: Quantity) -> bool:
        """Whether `quantity` is never anything but zero."""
        return self.bounds(quantity) == (0.0, 0.0)

    def outside(self, name: str, low: float, high: float, reach: float) -> Fault | None:
        """What is wrong where an assumption leaves `low` to `high` (its plan or fixed value) or `low` to `reach`."""
        assumption = self.assumptions.get(name)
        if assumption is None:
            return None
        is_fixed = isinstance(assumption.distribution, Fixed)
        fault = None if is_fixed else self._strays(name, assumption, low, reach)
        if fault is not None:
            return fault
        fixed = {"fixed": assumption.distribution.support()[0]} if is_fixed else {}
        for how, value in {**fixed, "planned": assumption.plan}.items():
            if not low <= value <= high:
                message = f"assumption {name} is {how} at {plain(value)}, and here it must be {span(low, high)}"
                return Fault((), message, percent_hint(value, assumption.unit, high) or "correct this value")
        return None

    def _strays(self, name: str, assumption: Assumption, low: float, high: float) -> Fault | None:
        """What is wrong where a distribution takes values outside `low` to `high`, as stated or after widening."""
        least, most = assumption.distribution.support()
        if least < low or most > high:
            message = f"assumption {name} can be {span(least, most)}, and here it must be {span(low, high)}"
            ends = [f"min: {plain(low)}"] * (least < low) + [f"max: {plain(high)}"] * (most > high)
            if isinstance(assumption.distribution, Metalog):
                return Fault((), message, f"add {', '.join(ends)} to its quantiles")
            return Fault((), message, f"cut it off: {{truncated: {{{', '.join(ends)}, distribution: …}}}}")
        dist, unit, kind = assumption.distribution, assumption.unit, assumption.source.kind
        policy = self.policy and self.policy.of(assumption.source)
        if policy is None or surely_stays_within(dist, unit, kind, policy, low, high):
            return None
        least, most = assumption.widened(policy).support()
        if low <= least and most <= high:
            return None
        message = f"assumption {name}, widened by source_policy, can be {span(least, most)}"
        return Fault((), f"{message}, and here it must be {span(low, high)}", "narrow its distribution")
