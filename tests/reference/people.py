"""Seats and the people on them, one by one (docs/model.md, step 1)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simengine.plan.schema import Attrition, Ramp, Role, SeatGroup
from tests.reference.chance import Address, Chance, Lag, Purpose, exponential, factor

Values = Mapping[str, float]
MONTHS_PER_YEAR = 12


@dataclass(frozen=True)
class Person:
    """One occupant of one seat. Months are those of the path."""

    group: SeatGroup
    role: Role
    start: int
    leaving: float  # math.inf: stays
    tenure_at_start: float
    months_to_ramp: float
    productivity: float
    joined: bool  # False for those who were there before the plan starts

    def works(self, month: int) -> bool:
        """Whether the person works in a month."""
        return self.start <= month <= self.leaving

    def counted(self, month: int) -> bool:
        """Whether the person is part of the headcount at the end of a month."""
        return self.start <= month < self.leaving

    def ramp(self, month: int) -> float:
        """Share of a full workload in the middle of a month."""
        if self.role.ramp is None or self.months_to_ramp == 0:
            return 1.0
        tenure = month - self.start + self.tenure_at_start + 0.5
        y = min(1.0, tenure / self.months_to_ramp)
        match self.role.ramp.shape:
            case "linear":
                return y
            case "s-curve":
                return y * y * (3 - 2 * y)
            case "step":
                return 1.0 if tenure >= self.months_to_ramp else 0.0

    def places(self, month: int, values: Values) -> float:
        """Open opportunities that the person can carry in a month."""
        capacity = self.role.capacity
        if capacity == "unlimited":
            return math.inf
        if capacity is None:
            return 0.0
        return float(capacity.open_opportunities.of(values)) * self.ramp(month) * self.productivity


def people_of(
    group: SeatGroup, role: Role, start: int, months: int, values: Values, chance: Chance
) -> Iterator[Person]:
    """Everybody who ever works on a seat of the group; `start` is the plan's first month, absolute."""
    for ordinal in range(group.existing):
        yield from _occupants(group, role, Address(f"group/{group.name}", ordinal, 0), None, months, values, chance)
    for planned, hires in group.hires.items():
        for ordinal in range(hires):
            seat = Address(f"group/{group.name}", ordinal, planned)
            yield from _occupants(group, role, seat, planned - start, months, values, chance)


def _occupants(
    group: SeatGroup, role: Role, seat: Address, planned: int | None, months: int, values: Values, chance: Chance
) -> Iterator[Person]:
    """One seat's people in order; `planned` is the month the seat was to be filled, None where it is filled already."""
    u_delay, u_rounding = chance.uniforms(seat, Purpose.START)
    delay = Lag(group.time_to_fill_delay.of(values), group.delay_spread.of(values)).whole_months(u_delay, u_rounding)
    start = 0 if planned is None else planned + delay
    occupant = 0
    while start < months:
        existing = planned is None and occupant == 0
        tenure = group.tenure_months if existing else 0.0
        u_productivity, u_ramp = chance.uniforms(seat, Purpose.PERSON, occupant)
        u_lifetime, _ = chance.uniforms(seat, Purpose.TENURE, occupant)
        stay = _stay(role.attrition, tenure, u_lifetime, values)
        person = Person(
            group=group,
            role=role,
            start=start,
            leaving=math.inf if math.isinf(stay) else start + math.floor(stay),
            tenure_at_start=tenure,
            months_to_ramp=_months_to_ramp(role.ramp, u_ramp, values),
            productivity=factor(role.productivity_spread.of(values), u_productivity),
            joined=not existing,
        )
        yield person
        if role.backfill.policy == "never" or math.isinf(person.leaving):
            return
        occupant += 1
        _, u_rounding = chance.uniforms(seat, Purpose.START, occupant)
        start = int(person.leaving) + 1 + math.floor(role.backfill.lag.of(values) + u_rounding)


def _months_to_ramp(ramp: Ramp | None, u: float, values: Values) -> float:
    return 0.0 if ramp is None else float(ramp.workload.of(values) * factor(ramp.spread.of(values), u))


def _stay(attrition: Attrition | None, tenure: float, u: float, values: Values) -> float:
    """Months from the start until somebody of this tenure leaves."""
    if attrition is None:
        return math.inf
    leaving = (attrition.voluntary.of(values), attrition.involuntary.of(values))
    hazard = sum(-math.log1p(-min(p, 0.999)) / MONTHS_PER_YEAR for p in leaving)
    early = attrition.first_six_months.of(values)
    if hazard == 0:
        return math.inf
    # In units of the hazard: the first six months weigh `early` each, all later ones 1.
    used = early * min(tenure, 6) + max(0.0, tenure - 6)
    due = used + exponential(u) / hazard
    leaves_at = due / early if due <= early * 6 else 6 + (due - early * 6)
    return float(leaves_at - tenure)
