"""Where the assumptions of a plan stand in it."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from simengine.plan.scalars import Quantity, is_month
from simengine.plan.schema import Plan
from simengine.plan.source import Path
from simengine.plan.values import entries
from simengine.units import month_number


class Place(NamedTuple):
    """Where an assumption stands in the plan: the field, and the months in which it holds."""

    path: tuple[str, ...]
    first: int
    last: int


def places(plan: Plan) -> dict[str, list[Place]]:
    """Where each assumption stands, and from which month until before which."""
    steps: dict[tuple[str, ...], dict[int, str | None]] = defaultdict(dict)
    for entry in entries(plan):
        if isinstance(entry.value, Quantity):
            path, first = _dated(entry.path, plan.plan.start)
            steps[path][first] = entry.value.assumption
    found: dict[str, list[Place]] = defaultdict(list)
    for path, held in steps.items():
        firsts = sorted(held)
        for first, last in zip(firsts, [*firsts[1:], plan.plan.months], strict=True):
            name = held[first]
            if name is not None:
                found[name].append(Place(path, first, last))
    return found


def _dated(path: Path, start: int) -> tuple[tuple[str, ...], int]:
    """The path of a field, and the month of the plan from which on the value at its end holds."""
    *steps, last = map(str, path)
    if last == "start":
        return tuple(steps), 0
    return (tuple(steps), month_number(last) - start) if is_month(last) else ((*steps, last), 0)
