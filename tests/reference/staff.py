"""All seats together, month by month: starts, freeze, leavers, promotions (docs/model.md, step 1)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from simengine.plan.people import HiringFreeze, Team
from simengine.plan.schema import Plan
from tests.reference.chance import Chance
from tests.reference.ledger import Ledger
from tests.reference.numbers import YEAR, Numbers
from tests.reference.people import Person, Seat, seats_of


def fiscal_month(plan: Plan, month: int) -> int:
    """Months since the fiscal year began, of a month of the path."""
    return (plan.plan.start + month - (plan.plan.fiscal_year_start - 1)) % YEAR


def first_of_year(plan: Plan, month: int) -> int:
    """First month in the plan of the fiscal year of a month of the path."""
    return max(0, month - fiscal_month(plan, month))


class Staff:
    """Everybody. `ledger` is that of the seat groups."""

    def __init__(self, plan: Plan, numbers: Numbers, chance: Chance, ledger: Ledger) -> None:
        self.plan, self.numbers, self.chance, self.ledger = plan, numbers, chance, ledger
        self.team: Team = plan.team
        self.seats = seats_of(plan.team, plan.plan.start)
        self.planned_bookings = _planned_bookings(plan) if plan.team.hiring_freeze else []
        for seat in self.seats:
            seat.fill_first(self._climate(seat.planned), numbers, chance)

    def _climate(self, month: int) -> float:
        return self.numbers.at(self.team.recruiting_climate, month)

    def working(self) -> Iterator[tuple[Seat, Person]]:
        """Who works this month, with their seats, in order."""
        for seat in self.seats:
            for person in seat.works():
                yield seat, person

    def begin(self, month: int, bookings: Sequence[float]) -> None:
        """Let people start, and find out for whom this is the last month; `bookings` are those of the months before."""
        freeze = self.team.hiring_freeze
        frozen = freeze is not None and self._behind(freeze, month, bookings)
        for seat in self.seats:
            name = seat.group.name
            if seat.next is not None and seat.next.start == month:
                spared = seat.next.promoted or (
                    seat.next.backfill and freeze is not None and freeze.backfills == "go on"
                )
                if frozen and not spared:
                    seat.next.start += 1
                    self.ledger.add("frozen", name, month)
                else:
                    self.ledger.add("starts", name, month)
                    self.ledger.add("recruited", name, month, not seat.next.promoted)
                    seat.person, seat.next = seat.next, None
        for seat, person in self.working():
            self.ledger.add("working", seat.group.name, month)
            self.ledger.add("ramped", seat.group.name, month, person.ramp(month, self.numbers))
            person.age(month, self.numbers)

    def _behind(self, freeze: HiringFreeze, month: int, bookings: Sequence[float]) -> bool:
        first = first_of_year(self.plan, month)
        if month - first < freeze.after_months:
            return False
        planned = math.fsum(self.planned_bookings[first:month])
        return math.fsum(bookings[first:month]) < (1 - self.numbers.share(freeze.when_behind, month)) * planned

    def end(self, month: int) -> list[Seat]:
        """Settle who leaves and who follows; returns the seats whose people go. They are still on them."""
        leaving = [seat for seat, person in self.working() if person.leaving]
        for seat in leaving:
            self._replace(seat, month)
        for seat, person in self.working():
            if person.ready and not person.leaving and self._promote(seat, month):
                person.leaving = "promoted"
                self._replace(seat, month)
        gone = [seat for seat, person in self.working() if person.leaving]
        for seat, person in self.working():
            if not person.leaving:
                self.ledger.add("headcount", seat.group.name, month)
                continue
            self.ledger.add("leavers", seat.group.name, month)
            if person.leaving != "voluntary":
                self.ledger.add(person.leaving, seat.group.name, month)
        return gone

    def vacate(self, seats: list[Seat]) -> None:
        """Let those go who leave."""
        for seat in seats:
            seat.last_existing = seat.person is not None and seat.person.existing
            seat.person = None

    def _replace(self, seat: Seat, month: int) -> None:
        seat.fill_again(month, self._climate(month), self.numbers, self.chance)

    def _promote(self, seat: Seat, month: int) -> bool:
        """Whether somebody who is ready can go; who waits for the seat that they take is not needed any more."""
        into = seat.role.promotion.into if seat.role.promotion else None
        if into is None:
            return True
        for target in self.seats:
            stands_open = target.planned <= month + 1 and not target.stays and target.next is not None
            if target.group.name == into and stands_open and target.next and target.next.start > month + 1:
                target.next.start = month + 1
                target.next.promoted = True
                return True
        return False

    def hours(self, role: str, month: int) -> float:
        """Hours that people of a role have in a month."""
        each = self.team.roles[role].hours
        if each is None:
            return 0.0
        people = (p.strength(month, self.numbers) for seat, p in self.working() if seat.group.role == role)
        return self.numbers.at(each, month) * math.fsum(people)

    def sellers(self, segment: str, month: int) -> float:
        """Ramped sellers of average productivity at work in a segment."""
        return math.fsum(
            person.strength(month, self.numbers)
            for seat, person in self.working()
            if seat.role.sells and seat.group.segment == segment
        )

    def service(self, group: str, month: int) -> float:
        """Customers, or ARR, that a group can look after."""
        role = next(seats.role for seats in self.team.seats if seats.name == group)
        carries = self.team.roles[role].carries
        assert carries is not None
        each = carries.customers if carries.customers is not None else carries.arr
        assert each is not None
        people = (p.strength(month, self.numbers) for seat, p in self.working() if seat.group.name == group)
        return self.numbers.at(each, month) * math.fsum(people)


def _planned_bookings(plan: Plan) -> list[float]:
    """Bookings of the operating plan by month."""
    from simengine.baseline import baseline, spreadsheet_values

    spreadsheet = baseline(plan, spreadsheet_values(plan, "operating plan")).segment
    return [float(x) for x in (spreadsheet["new_arr"] + spreadsheet["one_off_bookings"])[0].sum(axis=1)]
