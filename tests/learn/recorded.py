"""A path of the reference kernel that also keeps a record of whom it is about. What it computes stays the same.

Each part of `Course` has a kind that writes down what the plain one forgets: when, and who. A moment is a number of
months since the plan's first day: 2.25 is a quarter into its third month.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from simengine.plan.customers import Expansion
from simengine.plan.schema import Plan
from tests.reference.chance import Address, Chance
from tests.reference.customers import Book, Customer
from tests.reference.deals import OpeningRow, Opportunity, opening_rows
from tests.reference.demand import Cell, Funnel
from tests.reference.ledger import CellKey, Ledger, Ledgers
from tests.reference.market import Market, Pool, Rooms
from tests.reference.numbers import Clock, Numbers
from tests.reference.path import Course
from tests.reference.people import Person, Seat
from tests.reference.staff import Staff


def recorded(
    plan: Plan,
    values: Mapping[str, float],
    draw: int,
    seed: int,
    months: int | None = None,
    shocks: Mapping[str, Sequence[float]] | None = None,
) -> RecordedCourse:
    """A path of the plan, played for some of its months: all unless said otherwise."""
    course = RecordedCourse(plan, Numbers(plan, values, shocks), Chance(draw, seed))
    for month in range(plan.plan.months if months is None else months):
        course.play(month)
    return course


@dataclass(eq=False)
class Stint:
    """One person on one seat."""

    seat: Seat
    person: Person
    number: int  # of those who had the seat
    end: int | None = None  # the month at whose end they leave


class RecordedStaff(Staff):
    """Staff that knows who was on each seat."""

    def __init__(self, plan: Plan, numbers: Numbers, chance: Chance, ledger: Ledger) -> None:
        self.stints: dict[Person, Stint] = {}
        self.had: dict[Seat, int] = defaultdict(int)
        super().__init__(plan, numbers, chance, ledger)

    def begin(self, month: int, bookings: Sequence[float]) -> None:
        """Write down who starts."""
        super().begin(month, bookings)
        for seat, person in self.working():
            if person not in self.stints:
                self.stints[person] = Stint(seat, person, self.had[seat])
                self.had[seat] += 1

    def end(self, month: int) -> list[Seat]:
        """Write down who leaves."""
        gone = super().end(month)
        for _, person in self.working():
            if person.leaving:
                self.stints[person].end = month
        return gone

    def on(self, seat: Seat | None) -> Stint | None:
        """Who is on a seat."""
        return None if seat is None or seat.person is None else self.stints[seat.person]


@dataclass(eq=False)
class Lead:
    """Something that arrived at the first stage, or stood at a later one when the plan began."""

    cell: Cell
    address: Address
    created: float
    reached: dict[int, int] = field(default_factory=dict)  # month by stage; before the plan's first month it is -1
    opportunity: Address | None = None


class RecordedFunnel(Funnel):
    """A funnel that knows each lead. Who of a month's arrivals passes a stage is drawn: they are alike."""

    def __init__(self, plan: Plan, staff: Staff, numbers: Numbers, chance: Chance, ledgers: Ledgers) -> None:
        self.leads: list[Lead] = []
        self.standing: dict[tuple[CellKey, int, int], list[Lead]] = defaultdict(list)  # by cell, stage and month
        super().__init__(plan, staff, numbers, chance, ledgers)

    def count(self, cell: Cell, stage: int, month: int, number: int) -> None:
        """Write down who arrives at the first stage, and which opportunity somebody becomes at the last."""
        super().count(cell, stage, month, number)
        if stage == 0:
            draw = self._luck(cell, -1, month).random
            new = [Lead(cell, cell.address(i, month), month + draw()) for i in range(number)]
            self.leads += new
            self.standing[cell.key, 0, month] = new
        line = self.standing[cell.key, stage, month]
        if len(line) != number:
            return  # rows of the opening pipeline, which `resume` knows
        self._luck(cell, stage, month).shuffle(line)
        if stage == len(self.stages) - 1:
            for i, lead in enumerate(line):
                lead.opportunity = cell.address(i, month)

    def _luck(self, cell: Cell, stage: int, month: int) -> random.Random:
        return random.Random(f"{self.chance.seed}/{self.chance.draw}/{cell.key}/{stage}/{month}")

    def _send(self, cell: Cell, stage: int, month: int, arrives: int, number: int) -> None:
        super()._send(cell, stage, month, arrives, number)
        line = self.standing[cell.key, stage, month]
        for _ in range(number):
            lead = line.pop()
            lead.reached[stage + 1] = arrives
            self.standing[cell.key, stage + 1, arrives].append(lead)

    def resume(self, row: OpeningRow, passing: Sequence[int]) -> None:
        """Write down the leads of a row that stands at an early stage, and how many of them reach each later one."""
        for i, opportunity in enumerate(row.opportunities(row.row.count)):
            lead = Lead(row.cell, opportunity.address, -row.row.age_months)
            lead.reached = dict.fromkeys(range(1, row.stage + 1), -1)
            later = range(row.stage + 1, len(self.stages))
            lead.reached |= {stage: 0 for stage, number in zip(later, passing, strict=True) if i < number}
            if i < passing[-1]:
                lead.opportunity = opportunity.address
            self.leads.append(lead)


@dataclass(eq=False)
class Deal:
    """An opportunity and its moments."""

    opportunity: Opportunity
    age: float | None = None  # of one that was open when the plan began
    started: float | None = None
    into: float = 0.5  # how far into the month in which it closes it does
    closed: int | None = None
    stale: int | None = None
    owner: Stint | None = None  # when it closed


class Watch(Clock):
    """A closing clock that remembers of all that it was asked about how far into their months they start and close."""

    def __init__(self, weights: Sequence[float] | None, start: int, months: int) -> None:
        super().__init__(weights, start, months)
        self.told: list[tuple[float, float]] = []

    def closes(self, month: int, u: float, cycle: float) -> int:
        """Also remember it."""
        closing = super().closes(month, u, cycle)
        into = 0.5
        if closing < len(self.speed):
            into = (u * self.speed[month] + cycle + self.before[month] - self.before[closing]) / self.speed[closing]
        self.told.append((u, into))
        return closing


class RecordedMarket(Market):
    """A market that knows when each opportunity was taken up and closed, and who had it then."""

    def __init__(self, plan: Plan, staff: Staff, numbers: Numbers, chance: Chance, ledgers: Ledgers) -> None:
        super().__init__(plan, staff, numbers, chance, ledgers)
        self.deals: dict[Opportunity, Deal] = {}
        self.held: list[Opportunity] = []
        self.watches = {
            (name, segment): Watch(demand.seasonality.closed, plan.plan.start, plan.plan.months)
            for name, channel in plan.funnel.channels.items()
            for segment, demand in channel.segments.items()
        }
        self.clocks = dict(self.watches)

    def resume(self, opening: OpeningRow) -> None:
        """Write down what was open when the plan began."""
        self.held = []
        super().resume(opening)
        count, age = opening.row.count, opening.row.age_months
        resumed = self.held if opening.cell.needs_seller else self.alone
        told = self.watches[opening.cell.key].told
        for opportunity, (_, into) in zip(resumed[len(resumed) - count :], told[len(told) - count :], strict=True):
            self.deals[opportunity] = Deal(opportunity, age=age, started=-age, into=into)

    def line_up(self, opening: OpeningRow) -> None:
        """Write down what waited when the plan began."""
        super().line_up(opening)
        for pool in self.pools.values():
            self.deals |= {o: Deal(o, age=opening.row.age_months) for o in pool.queue if o not in self.deals}

    def _hold(self, opportunity: Opportunity, pool: Pool, rooms: Rooms, month: int) -> None:
        super()._hold(opportunity, pool, rooms, month)
        self.held.append(opportunity)

    def take_up(self, new: Sequence[Opportunity], month: int) -> None:
        """Write down what arrives."""
        self.deals |= {opportunity: Deal(opportunity) for opportunity in new}
        super().take_up(new, month)

    def _start(self, opportunity: Opportunity, month: int) -> None:
        super()._start(opportunity, month)
        deal = self.deals[opportunity]
        u, deal.into = self.watches[opportunity.cell.key].told[-1]
        deal.started = month + u

    def _serve(self, pool: Pool, new: list[Opportunity], month: int) -> None:
        for opportunity in pool.queue:
            if opportunity.stale_from <= month:
                self.deals[opportunity].stale = month
        super()._serve(pool, new, month)

    def close(self, month: int) -> list[Opportunity]:
        """Write down what closes."""
        for opportunity in self.closings[month]:
            deal = self.deals[opportunity]
            deal.closed, deal.owner = month, self.who(opportunity)
        return super().close(month)

    def who(self, opportunity: Opportunity) -> Stint | None:
        """Who has it."""
        assert isinstance(self.staff, RecordedStaff)
        return self.staff.on(opportunity.owner)


@dataclass(eq=False)
class Term:
    """A contract's term, and what became of it."""

    customer: Customer
    ends: int
    arr: float = 0.0  # at its end, in the plan's currency
    decided: int | None = None
    arr_after: float | None = None  # none: the customer left


@dataclass(frozen=True)
class Movement:
    """ARR that moved, in the plan's currency."""

    kind: str
    customer: Customer
    month: int
    amount: float
    number: int = 0  # of the expansion


class Journal(Ledger):
    """A ledger that remembers its last entries."""

    def __init__(self, ledger: Ledger) -> None:
        self.entities, self.columns, self.months = ledger.entities, ledger.columns, ledger.months
        self.last: dict[str, float] = {}

    def add(self, name: str, entity: object, month: int, amount: float = 1) -> None:
        """Also remember it."""
        super().add(name, entity, month, amount)
        self.last[name] = amount


class RecordedBook(Book):
    """A book that knows every term and every movement of ARR but new business, which is the market's."""

    def __init__(self, plan: Plan, segment: str, numbers: Numbers, chance: Chance, ledger: Ledger) -> None:
        self.terms: dict[Customer, list[Term]] = {}
        self.movements: list[Movement] = []
        self.journal = Journal(ledger)
        super().__init__(plan, segment, numbers, chance, self.journal)
        for customer in self.customers:
            self.terms[customer] = [Term(customer, customer.ends)]

    def admit(self, deal: Opportunity, month: int) -> None:
        """Write down the first term."""
        super().admit(deal, month)
        customer = self.joining[-1]
        self.terms[customer] = [Term(customer, customer.ends)]

    def _renew(self, customer: Customer, month: int, coverage: float) -> None:
        term = self.terms[customer][-1]
        term.arr, term.decided = customer.arr, month
        self.journal.last.clear()
        super()._renew(customer, month, coverage)
        last = self.journal.last
        if "churned_arr" in last:
            self._move("churn", customer, month, last["churned_arr"])
            return
        term.arr_after = customer.arr
        self._move("contraction", customer, month, last["contraction_arr"])
        self._move("price", customer, month, last["price_arr"])
        self.terms[customer].append(Term(customer, customer.ends))

    def _sell_more(self, customer: Customer, expansion: Expansion, month: int) -> None:
        number = customer.expansions
        super()._sell_more(customer, expansion, month)
        self._move("expansion", customer, month, self.journal.last["expansion_arr"], number)

    def _move(self, kind: str, customer: Customer, month: int, amount: float, number: int = 0) -> None:
        if amount:
            self.movements.append(Movement(kind, customer, month, amount, number))

    def written(self) -> Iterator[list[Term]]:
        """The terms of every customer so far; those in force with the ARR of today."""
        for customer, terms in self.terms.items():
            if terms[-1].decided is None:
                terms[-1].arr = customer.arr
            yield terms


class RecordedCourse(Course):
    """Everything on one path, on record."""

    staff_kind = RecordedStaff
    funnel_kind = RecordedFunnel
    market_kind = RecordedMarket
    book_kind = RecordedBook

    staff: RecordedStaff
    funnel: RecordedFunnel
    market: RecordedMarket
    books: dict[str, RecordedBook]  # type: ignore[assignment]

    def _open(self) -> list[Opportunity]:
        for row in opening_rows(self.plan, self.funnel.cells):
            if row.stage < len(self.plan.funnel.stages) - 1:
                self.funnel.resume(row, row.passing(self.chance))
        return super()._open()
