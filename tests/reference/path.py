"""The reference kernel: one path of a plan in plain Python, to be read beside docs/model.md. Slow on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simengine.plan.schema import Plan
from tests.reference.chance import Chance
from tests.reference.customers import Book, Coverage
from tests.reference.deals import Opportunity, opening_rows
from tests.reference.demand import Funnel
from tests.reference.ledger import Ledgers, ReferencePath
from tests.reference.market import Market, pool_keys
from tests.reference.numbers import Numbers
from tests.reference.quotas import Quotas
from tests.reference.staff import Staff


def reference_path(
    plan: Plan,
    values: Mapping[str, float],
    draw: int,
    seed: int,
    stream: int = 0,
    shocks: Mapping[str, Sequence[float]] | None = None,
) -> ReferencePath:
    """Play one path of the plan.

    `values` are those of the assumptions and the months in force of the events; `shocks` the monthly levels of each
    shock (without them no shock acts).
    """
    return Course(plan, Numbers(plan, values, shocks), Chance(draw, seed, stream)).run()


class Course:
    """Everything that takes its course on one path; other kinds of its parts may also keep a record."""

    staff_kind: type[Staff] = Staff
    funnel_kind: type[Funnel] = Funnel
    market_kind: type[Market] = Market
    book_kind: type[Book] = Book

    def __init__(self, plan: Plan, numbers: Numbers, chance: Chance) -> None:
        self.plan, self.chance = plan, chance
        self.ledgers = Ledgers(
            segments=sorted(plan.segments),
            groups=sorted(group.name for group in plan.team.seats),
            cells=sorted((name, s) for name, channel in plan.funnel.channels.items() for s in channel.segments),
            pools=pool_keys(plan),
            stages=plan.funnel.stages,
            months=plan.plan.months,
        )
        self.staff = self.staff_kind(plan, numbers, chance, self.ledgers.group)
        self.quotas = Quotas(plan, self.staff, numbers, self.ledgers.group)
        self.funnel = self.funnel_kind(plan, self.staff, numbers, chance, self.ledgers)
        self.market = self.market_kind(plan, self.staff, numbers, chance, self.ledgers)
        self.books = {
            segment: self.book_kind(plan, segment, numbers, chance, self.ledgers.segment)
            for segment in sorted(plan.base)
        }
        self.coverage = Coverage(plan, self.staff, self.books)
        self.bookings: list[float] = []

    def run(self) -> ReferencePath:
        """Play all months."""
        for month in range(self.plan.plan.months):
            self.play(month)
        return self.ledgers.path()

    def play(self, month: int) -> None:
        """Play a month."""
        self.staff.begin(month, self.bookings)
        self.quotas.begin(month)
        early = self._open() if month == 0 else []
        arriving = [
            o for cell, number in self.funnel.opportunities(month) for o in self.market.arrive(cell, number, month)
        ]
        self.market.take_up(arriving + early, month)
        for deal in self.market.close(month):
            self._book(deal, month)
        self._serve_customers(month)
        self.quotas.pay(month)
        leavers = self.staff.end(month)
        self.market.reassign(leavers, month)
        self.quotas.rate(month)
        self.staff.vacate(leavers)
        self.market.measure(month)
        for book in self.books.values():
            book.measure(month)
        new_arr, one_off = (self.ledgers.segment.total(name, month) for name in ("new_arr", "one_off_bookings"))
        self.bookings.append(new_arr + one_off)

    def _open(self) -> list[Opportunity]:
        """Go on with the opening pipeline; returns what becomes an opportunity in the first month."""
        early = []
        for row in opening_rows(self.plan, self.funnel.cells):
            if row.row.waiting:
                self.market.line_up(row)
                continue
            if row.stage == len(self.plan.funnel.stages) - 1:
                self.market.resume(row)
                continue
            numbers = row.passing(self.chance)
            for stage, number in enumerate(numbers, start=row.stage + 1):
                self.funnel.count(row.cell, stage, 0, number)
            early += row.opportunities(numbers[-1])
        return early

    def _serve_customers(self, month: int) -> None:
        """Step 5: renewals, then expansion, of those who were customers before this month's deals close."""
        covered = {
            (segment, duty): self.coverage.of(segment, duty, month)
            for segment in self.plan.segments
            for duty in ("renewal", "expansion")
        }
        for (segment, duty), share in covered.items():
            self.ledgers.segment.add(f"{duty}_coverage", segment, month, share)
        for segment, book in self.books.items():
            book.renew_month(month, covered[segment, "renewal"])
            book.expand_month(month, covered[segment, "expansion"])

    def _book(self, deal: Opportunity, month: int) -> None:
        """Step 4: what a won deal brings, and to whom."""
        segment, key, value = deal.cell.segment, deal.cell.key, deal.worth
        self.ledgers.cell.add("won", key, month)
        self.ledgers.cell.add("bookings", key, month, value)
        if deal.pool is not None:
            self.ledgers.pool.add("credited", deal.pool, month, value)
        if deal.owner is not None:
            self.quotas.credit(deal.owner, value, month)
        if self.plan.segments[segment].sells == "once":
            self.ledgers.segment.add("one_off_bookings", segment, month, value)
            self.ledgers.segment.add("billings", segment, month, value)
            return
        self.ledgers.cell.add("new_arr", key, month, value)
        self.ledgers.segment.add("new_arr", segment, month, value)
        self.ledgers.segment.add(_won_by(deal), segment, month, value)
        self.ledgers.segment.add("new_customers", segment, month)
        self.books[segment].admit(deal, month)


def _won_by(deal: Opportunity) -> str:
    """How certain its ARR was when the plan was made."""
    if deal.opening:
        return "new_from_pipeline"
    if deal.owner is None:
        return "new_without_seller"
    return "new_from_existing" if deal.owner.of_existing else "new_from_hires"
