"""What the entries of a plan may refer to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simengine.assumptions.laws import Metalog
from simengine.plan.beliefs import surely_stays_within
from simengine.plan.scalars import Fault, Quantity, plain, span

if TYPE_CHECKING:
    from simengine.plan.schema import Assumption, Header, SourcePolicy


@dataclass
class Known:
    """What the plan declares, gathered before its entries are validated: the context of their validation.

    Attributes
    ----------
    units : unit of each assumption; None where it is declared with a wrong one
    names : the declared segments, roles, channels and stages
    labels : those of each segment
    selling_roles : roles with a capacity
    header, policy, assumptions : as far as they are right
    """

    units: dict[str, str | None] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    labels: list[dict[str, str]] = field(default_factory=list)
    selling_roles: frozenset[str] = frozenset()
    header: Header | None = None
    policy: SourcePolicy | None = None
    assumptions: dict[str, Assumption] = field(default_factory=dict)

    def bounds(self, quantity: Quantity) -> tuple[float, float]:
        """Least and greatest value that `quantity` can take, as stated; NaN where that is not known."""
        if quantity.assumption is None:
            return quantity.number, quantity.number
        assumption = self.assumptions.get(quantity.assumption)
        least, most = (math.nan, math.nan) if assumption is None else assumption.distribution.support()
        return quantity.number * least, quantity.number * most

    def outside(self, name: str, low: float, high: float) -> Fault | None:
        """What is wrong where an assumption can take values outside `low` to `high`, as stated or after widening."""
        assumption = self.assumptions.get(name)
        if assumption is None:
            return None
        least, most = assumption.distribution.support()
        if least < low or most > high:
            message = f"assumption {name} can be {span(least, most)}, and here it must be {span(low, high)}"
            ends = [f"min: {plain(low)}"] * (least < low) + [f"max: {plain(high)}"] * (most > high)
            if isinstance(assumption.distribution, Metalog):
                return Fault((), message, f"add {', '.join(ends)} to its quantiles")
            return Fault((), message, f"cut it off: {{truncated: {{{', '.join(ends)}, distribution: …}}}}")
        dist, unit, kind = assumption.distribution, assumption.unit, assumption.source.kind
        if self.policy is None or surely_stays_within(dist, unit, kind, self.policy, low, high):
            return None
        least, most = assumption.widened(self.policy).support()
        if low <= least and most <= high:
            return None
        message = f"assumption {name}, widened by source_policy, can be {span(least, most)}"
        return Fault((), f"{message}, and here it must be {span(low, high)}", "narrow its distribution")
