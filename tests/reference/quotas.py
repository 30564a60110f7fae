"""Quotas, ratings and commission (docs/model.md, step 4)."""

from __future__ import annotations

import math

from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from tests.reference.ledger import Ledger
from tests.reference.numbers import YEAR, Numbers
from tests.reference.people import Person, Seat
from tests.reference.staff import Staff, first_of_year, fiscal_month

ROUNDING = 1e-9
"""Twelve twelfths of a quota are the quota."""


class Quotas:
    """What people are measured by. `ledger` is that of the seat groups."""

    def __init__(self, plan: Plan, staff: Staff, numbers: Numbers, ledger: Ledger) -> None:
        self.plan, self.staff, self.numbers, self.ledger = plan, staff, numbers, ledger
        self.commission: dict[int, float] = {}  # of the month, by who earns it

    def begin(self, month: int) -> None:
        """Set the month's quotas."""
        self.commission = {}
        for seat, person in self.staff.working():
            if fiscal_month(self.plan, month) == 0:
                person.quota = person.credited = 0.0
                person.worked = 0
            person.worked += 1
            self._set(seat, person, month, self._own_quota(seat, person, month))
        for team, managers in self._managers().items():
            quota = math.fsum(
                self._own_quota(seat, person, month) for seat, person in self.staff.working() if seat.group.team == team
            )
            for seat, person in managers:
                self._set(seat, person, month, quota / len(managers))

    def _set(self, seat: Seat, person: Person, month: int, quota: float) -> None:
        person.quota += quota
        self.ledger.add("quota", seat.group.name, month, quota)

    def _managers(self) -> dict[str, list[tuple[Seat, Person]]]:
        """Those whose quota is their team's, at work, by team."""
        teams: dict[str, list[tuple[Seat, Person]]] = {}
        for seat, person in self.staff.working():
            if seat.role.quota == "team" and seat.group.team:
                teams.setdefault(seat.group.team, []).append((seat, person))
        return teams

    def _own_quota(self, seat: Seat, person: Person, month: int) -> float:
        role = seat.role
        if not role.sells or not isinstance(role.quota, Quantity):
            return 0.0
        relief = person.ramp(month, self.numbers) if role.quota_relief == "ramp" else 1.0
        by_tenure = self.numbers.multiple(role.quota_by_tenure, person.tenure(month), month)
        return self.numbers.at(role.quota, month) / YEAR * by_tenure * relief * self._potential(seat, month)

    def _potential(self, seat: Seat, month: int) -> float:
        """Of the seat's territory over the mean of its segment's; 1 where nobody has a territory."""
        if seat.territory is None or seat.group.segment is None:
            return 1.0
        territories = self.plan.team.territories_of(seat.group.segment)
        potentials = [self.numbers.at(territory.potential, month) for territory in territories]
        total = math.fsum(potentials)
        return potentials[seat.territory] * len(potentials) / total if total > 0 else 1.0

    def credit(self, seat: Seat, value: float, month: int) -> None:
        """Book a deal for the seat that owns it; nobody earns commission while the seat is empty."""
        self.ledger.add("credited", seat.group.name, month, value)
        for team, managers in self._managers().items():
            if seat.group.team == team:
                for _, manager in managers:
                    manager.credited += value / len(managers)
        person, role = seat.person, seat.role
        if person is None or role.quota == "team":
            return
        before = person.credited
        person.credited += value
        if role.on_commission:
            assert isinstance(role.quota, Quantity)
            quota = self.numbers.at(role.quota, month)
            if quota > 0:
                rate = self.numbers.at(role.cost.variable, month) / quota
                earned = rate * self._accelerated(before, value, quota * self._potential(seat, month), month)
                self.commission[id(person)] = self.commission.get(id(person), 0.0) + earned

    def _accelerated(self, before: float, value: float, annual_quota: float, month: int) -> float:
        """A deal's value with what lies above the threshold counted at the accelerated rate."""
        accelerator = self.plan.economics.commission.accelerator
        if accelerator is None:
            return value
        threshold = self.numbers.at(accelerator.above, month) * annual_quota
        above = min(value, max(0.0, before + value - threshold))
        return value - above + self.numbers.at(accelerator.rate, month) * above

    def pay(self, month: int) -> None:
        """Pay the month's commission, to new people no less than their draw."""
        for seat, person in self.staff.working():
            role = seat.role
            if not role.on_commission:
                continue
            earned, draw = self.commission.get(id(person), 0.0), role.commission_draw
            if draw is not None and person.tenure(month) < draw.months:
                sure = self.numbers.share(draw.share, month) * self.numbers.at(role.cost.variable, month) / YEAR
                earned = max(earned, sure)
            self.ledger.add("commission", seat.group.name, month, earned)

    def rate(self, month: int) -> None:
        """At the end of a fiscal year, or of the plan: who made how much of their quota."""
        is_last = month == self.plan.plan.months - 1
        if fiscal_month(self.plan, month) != YEAR - 1 and not is_last:
            return
        months = month - first_of_year(self.plan, month) + 1
        for seat, person in self.staff.working():
            if person.leaving:
                continue
            person.missed_quota = False
            if 2 * person.worked < months or person.quota <= 0:
                continue
            attainment = person.credited / person.quota + ROUNDING
            bands = {
                "rated": True,
                "at_quota": attainment >= 1,
                "near_quota": 0.7 <= attainment < 0.8,
                "below_half": attainment < 0.5,
            }
            for name, counts in bands.items():
                self.ledger.add(name, seat.group.name, month, counts)
            attrition = seat.role.attrition
            if attrition is not None and attrition.missed_quota is not None:
                person.missed_quota = attainment < self.numbers.share(attrition.missed_quota.below, month)
