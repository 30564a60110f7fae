"""What facts say of the months before a plan: outputs of the company, or of a group, month by month."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from simengine.plan.facts import LEVELS, NET, SUMS, needed
from simengine.plan.schema import Plan
from simengine.plan.targets import CHANNEL, METRIC_UNITS, is_meant
from simengine.results.paths import Array

TOLD = (*SUMS, "net_new_arr", *LEVELS)
"""What facts may say, with what follows from it."""


class Past:
    """The months before a plan, in the plan's currency.

    Attributes
    ----------
    months : how many are known; the last of them is the one before the plan
    """

    def __init__(self, plan: Plan) -> None:
        first = plan.facts.first
        self._plan, self.months = plan, 0 if first is None else plan.plan.start - first

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """What is known of the company, in the order of `TOLD`."""
        told, sells = self._plan.facts.outputs, {segment.sells for segment in self._plan.segments.values()}
        needs = {output: needed(output, True, told, sells) for output in TOLD}
        return tuple(output for output, parts in needs.items() if told.issuperset(parts or (output,)))

    def of(self, output: str, where: Mapping[str, str]) -> Array:
        """An output of the company, or of a group, (month,); what facts do not say is 0."""
        told = self._plan.facts.outputs
        if output == "net_new_arr":
            gained, contracted, churned = self._sum(NET[:3], where), *(self._sum((name,), where) for name in NET[3:])
            return gained - contracted - churned
        if output == "bookings" and "bookings" not in told:
            return self._sum(("new_arr", "one_off_bookings"), where)
        return self._sum((output,), where)

    def _sum(self, outputs: tuple[str, ...], where: Mapping[str, str]) -> Array:
        plan, start = self._plan, self._plan.plan.start
        meant = {name for name, entry in plan.segments.items() if is_meant(dict(where), name, entry.labels)}
        amounts: list[list[float]] = [[] for _ in range(self.months)]
        for row in plan.facts.rows:
            if row.output not in outputs:
                continue
            if row.segment is None:
                amounts[row.month - start].append(row.value)
            elif row.segment in meant and where.get(CHANNEL, row.channel) == row.channel:
                rate = plan.rate_of(row.segment) if METRIC_UNITS[row.output] == "currency" else 1.0
                amounts[row.month - start].append(row.value * rate)
        return np.array([math.fsum(month) for month in amounts])

    def by_segment(self, output: str) -> Array:
        """An output, (month, segment); segments sorted by name."""
        columns = [self.of(output, {"segment": name}) for name in sorted(self._plan.segments)]
        return np.stack(columns, axis=1)
