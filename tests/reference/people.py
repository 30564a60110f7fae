"""Seats and the people on them, one by one (docs/model.md, step 1)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from simengine.plan.people import FIRST_EXPECTED, Ramp, Role, SeatGroup, Team
from tests.reference.chance import Address, Chance, Lag, Purpose, exponential, factor
from tests.reference.ledger import PoolKey
from tests.reference.numbers import YEAR, Numbers

UNLIMITED = 1e6
"""Room of a ramped seller of a role without a limit."""
QUARTER = 3


def monthly_hazard(leaving_per_year: float) -> float:
    """Hazard per month of somebody who leaves within a year with this probability."""
    return -math.log1p(-min(leaving_per_year, 0.999)) / YEAR


@dataclass(eq=False)
class Person:
    """One occupant of one seat: what was drawn for them, and how far they are. Months are those of the path."""

    role: Role
    start: int
    tenure_at_start: float
    existing: bool  # there before the plan starts
    backfill: bool
    months_to_ramp: float
    never_ramps: bool
    productivity: float
    life: float  # what is left of it, in hazard
    u_voluntary: float
    patience: float  # the same until ready for promotion
    promoted: bool = False
    leaving: str = ""  # how, if this is the last month
    missed_quota: bool = False
    # Of the fiscal year so far:
    quota: float = 0.0
    credited: float = 0.0
    worked: int = 0

    @property
    def ready(self) -> bool:
        """Whether a promotion is due."""
        return self.patience < 0

    def tenure(self, month: int) -> float:
        """Months in the job in the middle of a month; negative before the first day."""
        return month - self.start + self.tenure_at_start + 0.5

    def ramp(self, month: int, numbers: Numbers) -> float:
        """Share of a full workload in a month."""
        ramp = self.role.ramp
        if ramp is None:
            return 1.0 if self.tenure(month) > 0 else 0.0
        share = self._workload(ramp, month) if ramp.bookings is None else self._for_bookings(ramp, month, numbers)
        return min(share, numbers.share(ramp.never.level, month)) if ramp.never and self.never_ramps else share

    def _workload(self, ramp: Ramp, month: int) -> float:
        tenure = self.tenure(month)
        if tenure < 0:
            return 0.0
        if self.months_to_ramp == 0:
            return 1.0
        y = min(1.0, tenure / self.months_to_ramp)
        match ramp.shape:
            case "linear":
                return y
            case "s-curve":
                return y * y * (3 - 2 * y)
            case "step":
                return 1.0 if tenure >= self.months_to_ramp else 0.0

    def _for_bookings(self, ramp: Ramp, month: int, numbers: Numbers) -> float:
        """The workload that books the ramp a cycle later, by Little's law: load is what is open at a month's end."""
        assert ramp.bookings is not None
        assert ramp.cycle is not None
        booked = [numbers.share(share, month) for share in ramp.bookings]
        cycle = numbers.at(ramp.cycle, month)
        if cycle == 0:
            tenure = self.tenure(month)
            return 0.0 if tenure < 0 else [*booked, 1.0][min(len(booked), int(tenure // QUARTER))]
        end = self.tenure(month) + 0.5
        if end >= QUARTER * len(booked):
            return 1.0

        def booked_until(x: float) -> float:
            total = 0.0
            for i, share in enumerate(booked):
                total += share * min(QUARTER, max(0.0, x - QUARTER * i))
            return total + max(0.0, x - QUARTER * len(booked))

        return (booked_until(end + cycle) - booked_until(end)) / cycle

    def strength(self, month: int, numbers: Numbers) -> float:
        """Ramp times productivity in a month."""
        return self.ramp(month, numbers) * self.productivity

    def room(self, month: int, numbers: Numbers) -> float:
        """Load of open opportunities that the person can carry in a month."""
        capacity = self.role.capacity
        if capacity is None:
            return 0.0
        if capacity == "unlimited":
            size = UNLIMITED
        elif capacity.pipeline is not None:
            size = numbers.at(capacity.pipeline, month)
        else:
            assert capacity.open_opportunities is not None
            size = numbers.at(capacity.open_opportunities, month)
        return self.strength(month, numbers) * size

    def age(self, month: int, numbers: Numbers) -> None:
        """Live through a month: it may be the last one, or the one after which a promotion is due."""
        before = month - self.start + self.tenure_at_start
        attrition, promotion = self.role.attrition, self.role.promotion
        if attrition is not None:
            missed = attrition.missed_quota
            more = numbers.at(missed.voluntary, month) if missed and self.missed_quota else 1.0
            voluntary = more * monthly_hazard(numbers.share(attrition.voluntary, month))
            hazard = voluntary + monthly_hazard(numbers.share(attrition.involuntary, month))
            cost = hazard * numbers.integral(attrition.multiples, before, month)
            if cost > self.life:
                self.leaving = "voluntary" if self.u_voluntary < voluntary / hazard else "involuntary"
            self.life -= cost
        if promotion is not None:
            part = min(1.0, max(0.0, before + 1 - numbers.at(promotion.after, month)))
            self.patience -= part * monthly_hazard(numbers.share(promotion.rate, month))


@dataclass(eq=False)
class Seat:
    """A place in the plan for one person at a time."""

    group: SeatGroup
    role: Role
    address: Address
    planned: int  # month of the path; 0 if it is filled at the start
    pool: PoolKey | None
    territory: int | None  # which one of its segment's
    person: Person | None = None
    next: Person | None = None
    owned: float = 0.0  # load of what it owns open
    last_existing: bool = False  # of who was the last on it
    occupants: int = 0

    def works(self) -> Iterator[Person]:
        """Who works on it, if anybody does."""
        if self.person is not None:
            yield self.person

    @property
    def is_expected(self) -> bool:
        """Whether the first one starts in the planned month, and no later."""
        return self.address.ordinal >= FIRST_EXPECTED

    @property
    def stays(self) -> bool:
        """Whether somebody works on it who does not leave this month."""
        return self.person is not None and not self.person.leaving

    @property
    def of_existing(self) -> bool:
        """Whether what it wins is won by somebody who was there before the plan."""
        holder = self.person or self.next
        return self.last_existing if holder is None else holder.existing

    def room(self, month: int, numbers: Numbers) -> float:
        """Load of open opportunities that fits on it in a month; a bookings ramp needs places before the first day."""
        holder = self.person or self.next
        return 0.0 if holder is None else holder.room(month, numbers)

    def occupy(self, start: int, month: int, *, existing: bool, numbers: Numbers, chance: Chance) -> Person:
        """Draw the next person, with the numbers of a month."""
        number, role = self.occupants, self.role
        self.occupants += 1
        u_productivity, u_ramp, u_lifetime, u_voluntary = chance.uniforms(self.address, Purpose.PERSON, number)
        u_promotion, u_never, _, _ = chance.uniforms(self.address, Purpose.CAREER, number)
        months_to_ramp, never = 0.0, False
        if role.ramp is not None:
            never = role.ramp.never is not None and u_never < numbers.share(role.ramp.never.share, month)
            if role.ramp.workload is not None:
                spread = numbers.at(role.ramp.spread, month)
                months_to_ramp = numbers.at(role.ramp.workload, month) * factor(spread, u_ramp)
        return Person(
            role=role,
            start=start,
            tenure_at_start=self.group.tenures[self.address.ordinal] if existing else 0.0,
            existing=existing,
            backfill=number > 0,
            months_to_ramp=months_to_ramp,
            never_ramps=never,
            productivity=factor(numbers.at(role.productivity_spread, month), u_productivity),
            life=exponential(u_lifetime),
            u_voluntary=u_voluntary,
            patience=exponential(u_promotion),
        )

    def fill_first(self, climate: float, numbers: Numbers, chance: Chance) -> None:
        """Put somebody on the seat, or look for somebody, as planned."""
        if self.address.period == 0:
            self.person = self.occupy(0, 0, existing=True, numbers=numbers, chance=chance)
            return
        month = self.planned
        if self.is_expected:
            self.next = self.occupy(month, month, existing=False, numbers=numbers, chance=chance)
            return
        delay = Lag(
            climate * numbers.at(self.group.time_to_fill_delay, month), numbers.at(self.group.delay_spread, month)
        )
        u_size, u_rounding, _, _ = chance.uniforms(self.address, Purpose.START)
        start = month + delay.whole_months(u_size, u_rounding)
        self.next = self.occupy(start, month, existing=False, numbers=numbers, chance=chance)

    def fill_again(self, month: int, climate: float, numbers: Numbers, chance: Chance) -> None:
        """Look for a successor of who leaves at the end of a month."""
        backfill = self.role.backfill
        if backfill.policy == "never":
            return
        _, u, _, _ = chance.uniforms(self.address, Purpose.START, self.occupants)
        start = month + 1 + math.floor(climate * numbers.at(backfill.lag, month) + u)
        self.next = self.occupy(start, month, existing=False, numbers=numbers, chance=chance)


def seats_of(team: Team, start: int) -> list[Seat]:
    """Every seat, in order of group name, planned month, ordinal; `start` is the plan's first month, absolute."""
    seats = []
    for group in sorted(team.seats, key=lambda group: group.name):
        role = team.roles[group.role]
        own = [t for t in team.territories if t.seats == group.name]
        filled = [(0, ordinal) for ordinal in range(group.existing)]
        hired = [(month, ordinal) for month, hires in group.hires.items() for ordinal in range(hires)]
        hired += [(month, FIRST_EXPECTED + i) for month, heads in group.expected.items() for i in range(heads)]
        for position, (planned, ordinal) in enumerate(filled + sorted(hired)):
            pool: PoolKey | None = None
            territory = None
            if role.sells and group.segment is not None:
                territories = team.territories_of(group.segment)
                if not territories:
                    pool = group.segment, ""
                elif position < len(own):
                    territory = territories.index(own[position])
                    pool = group.segment, own[position].name
            address = Address(f"group/{group.name}", ordinal, planned)
            seats.append(Seat(group, role, address, planned - start if planned else 0, pool, territory))
    return seats
