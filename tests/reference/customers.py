"""Customers, one by one: renewals, expansion, cohorts, bills (docs/model.md, step 5)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate

from simengine.plan.customers import Expansion
from simengine.plan.money import MONTHS_BILLED
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from tests.reference.chance import Address, Chance, Purpose, factor, lognormal_sigma, poisson
from tests.reference.deals import Opportunity
from tests.reference.ledger import Ledger
from tests.reference.numbers import YEAR, Numbers
from tests.reference.opening import OpeningCustomer, opening_customers
from tests.reference.staff import Staff


@dataclass(eq=False)
class Customer:
    """A subscription. `arr_at` holds its ARR at the end of each month (-1: when the plan starts)."""

    address: Address
    arr: float
    rank: float
    ends: int  # the month in which the term ends
    phase: int  # a month in which it is billed
    free_from: int  # nothing is decided before
    term: int = 0  # number of the one that runs
    own_rate: Quantity | None = None
    expansions: int = 0  # won
    expands_at: float = math.inf  # cumulated hazard at which it wins the next
    arr_at: dict[int, float] = field(default_factory=dict)


class Book:
    """The customers of a segment. `ledger` is that of the segments."""

    def __init__(self, plan: Plan, segment: str, numbers: Numbers, chance: Chance, ledger: Ledger) -> None:
        self.plan, self.segment, self.base = plan, segment, plan.base[segment]
        self.numbers, self.chance, self.ledger = numbers, chance, ledger
        self.billed = MONTHS_BILLED[plan.economics.billing]
        self.decisions: dict[int, list[Customer]] = defaultdict(list)  # by month, as they were set down for it
        self.joining: list[Customer] = []  # won this month
        self.hazard = 0.0  # of winning an expansion, for every customer from the start
        opening = opening_customers(segment, self.base, plan.plan.start, plan.rate_of(segment))
        self.customers = [self._known(customer) for customer in opening]

    def _known(self, opening: OpeningCustomer) -> Customer:
        first = opening.address.period - self.plan.plan.start
        customer = Customer(opening.address, opening.arr, opening.rank, ends=first, phase=first, free_from=0)
        customer.own_rate = opening.renewal_rate
        customer.arr_at[-1] = opening.arr
        self._set_decision(customer, 0)
        self._wait_for_expansion(customer, 0.0)
        return customer

    def admit(self, deal: Opportunity, month: int) -> None:
        """Make a customer of a deal won at the end of a month."""
        _, _, u_size, _ = self.chance.uniforms(deal.address, Purpose.DEAL)
        _, _, _, u_live = self.chance.uniforms(deal.address, Purpose.TERM, 0)
        begins = month + math.floor(self.numbers.at(self.base.go_live, month) + u_live)
        rank = u_size if deal.stated is None else 0.5
        customer = Customer(deal.address, deal.worth, rank, ends=begins, phase=month, free_from=month + 1)
        self._begin_term(customer, 0)
        self._set_decision(customer, month)
        self.joining.append(customer)
        if begins < self.plan.plan.months:
            self.ledger.add("went_live", self.segment, begins, deal.worth)

    def _begin_term(self, customer: Customer, number: int) -> None:
        """Begin a term where the last one ends: the shortest whose cumulated share exceeds the uniform."""
        _, _, u, _ = self.chance.uniforms(customer.address, Purpose.TERM, number)
        customer.term = number
        shares = self.base.term_shares
        cumulated = zip(shares, accumulate(shares.values()), strict=True)
        customer.ends += next((months for months, share in cumulated if share > u), self.base.longest_term)

    def _set_decision(self, customer: Customer, month: int) -> None:
        """Know, with the numbers of a month, when the renewal at the end of the term is decided."""
        _, u, _, _ = self.chance.uniforms(customer.address, Purpose.TERM, customer.term)
        early, late = self.base.early, self.base.late
        decides = customer.ends
        if early is not None and u < self.numbers.share(early.share, month):
            decides -= early.months
        elif late is not None and u >= 1 - self.numbers.share(late.share, month):
            decides += late.months
        self.decisions[max(decides, customer.free_from)].append(customer)

    def renew_month(self, month: int, coverage: float) -> None:
        """Decide the month's renewals."""
        for customer in self.decisions[month]:
            self._renew(customer, month, coverage)

    def _rate(self, customer: Customer, month: int, coverage: float) -> float:
        """Probability that a customer renews."""
        if customer.own_rate is not None:
            rate = self.numbers.share(customer.own_rate, month)
        else:
            rate = self.numbers.share(self.base.renewal_rate, month)
            sigma = lognormal_sigma(self.base.size_spread)
            if self.base.dollar_renewal_rate is not None and sigma > 0:
                gini = math.erf(sigma / 2)  # 2 Phi(sigma / sqrt 2) - 1
                in_dollars = self.numbers.share(self.base.dollar_renewal_rate, month)
                rate = min(1.0, max(0.0, rate + (in_dollars - rate) * (2 * customer.rank - 1) / gini))
        covered = math.pow(coverage, self.numbers.at(self.base.load_elasticity, month))
        return min(1.0, max(0.0, rate * covered))

    def _renew(self, customer: Customer, month: int, coverage: float) -> None:
        u, _, _, _ = self.chance.uniforms(customer.address, Purpose.TERM, customer.term)
        rate = self._rate(customer, month, coverage)
        depth = self.numbers.share(self.base.contraction_depth, month)
        contracting = self.numbers.share(self.base.contraction, month) / depth if depth > 0 else 0.0
        atr, ended = customer.arr, customer.ends
        self.ledger.add("renewals_due", self.segment, month)
        if ended < self.plan.plan.months:
            self.ledger.add("atr", self.segment, ended, atr)
        if u >= rate:
            self.ledger.add("churned_customers", self.segment, month)
            self.ledger.add("churned_arr", self.segment, month, atr)
            self.customers.remove(customer)
            return
        lost = atr * depth if u >= rate - contracting else 0.0
        price = (atr - lost) * self.numbers.at(self.base.price_increase, month, low=-0.9)
        customer.arr = atr - lost + price
        self.ledger.add("renewals", self.segment, month)
        self.ledger.add("contraction_arr", self.segment, month, lost)
        self.ledger.add("price_arr", self.segment, month, price)
        customer.free_from = month + 1
        self._begin_term(customer, customer.term + 1)
        self._set_decision(customer, month)

    def _wait_for_expansion(self, customer: Customer, since: float) -> None:
        """Draw how much hazard is used up until a customer wins the next expansion."""
        u, _, _, _ = self.chance.uniforms(customer.address, Purpose.EXPANSION, customer.expansions)
        customer.expands_at = since - math.log1p(-u)

    def expand_month(self, month: int, coverage: float) -> None:
        """Let the month's expansions happen; the new customers of the month may expand from the next one on."""
        if self.base.expansion is not None:
            self._expand(self.base.expansion, month, coverage)
        for customer in self.joining:
            self._wait_for_expansion(customer, self.hazard)
        self.customers += self.joining
        self.joining = []

    def _expand(self, expansion: Expansion, month: int, coverage: float) -> None:
        rate = self.numbers.at(expansion.opportunities_per_customer, month) / YEAR
        win_rate = self.numbers.share(expansion.win_rate, month)
        self.hazard += rate * coverage * win_rate
        for customer in self.customers:
            while customer.expands_at <= self.hazard:
                self._sell_more(customer, expansion, month)
        address = Address(f"expansion/{self.segment}", 0, self.plan.plan.start + month)
        u_lost, u_missed, _, _ = self.chance.uniforms(address, Purpose.UNSOLD)
        mean = len(self.customers) * rate
        lost = poisson(mean * coverage * (1 - win_rate), u_lost)
        self.ledger.add("expansions_worked", self.segment, month, lost)
        self.ledger.add("expansions_met", self.segment, month, lost + poisson(mean * (1 - coverage), u_missed))

    def _sell_more(self, customer: Customer, expansion: Expansion, month: int) -> None:
        """Let a customer win an expansion."""
        _, u_size, _, _ = self.chance.uniforms(customer.address, Purpose.EXPANSION, customer.expansions)
        size = self.numbers.at(expansion.size, month) * self.plan.rate_of(self.segment)
        amount = size * factor(self.numbers.at(expansion.size_spread, month), u_size)
        customer.arr += amount
        customer.expansions += 1
        for name in ("expansions", "expansions_worked", "expansions_met"):
            self.ledger.add(name, self.segment, month)
        self.ledger.add("expansion_arr", self.segment, month, amount)
        until_billed = (customer.phase - month) % self.billed
        self.ledger.add("billings", self.segment, month, amount * until_billed / YEAR)
        self._wait_for_expansion(customer, customer.expands_at)

    def measure(self, month: int) -> None:
        """Stocks at the end of the month, its bills, and the cohort of twelve months ago."""
        self.ledger.add("customers", self.segment, month, len(self.customers))
        self.ledger.add("ending_arr", self.segment, month, math.fsum(c.arr for c in self.customers))
        for customer in self.customers:
            customer.arr_at[month] = customer.arr
            if (month - customer.phase) % self.billed == 0:
                self.ledger.add("billings", self.segment, month, customer.arr * self.billed / YEAR)
            then = customer.arr_at.get(max(-1, month - YEAR), 0.0)
            if then > 0:
                self.ledger.add("nrr_arr", self.segment, month, customer.arr)
                self.ledger.add("grr_arr", self.segment, month, min(customer.arr, then))


class Coverage:
    """How much of what customers need those have time for who look after them."""

    def __init__(self, plan: Plan, staff: Staff, books: dict[str, Book]) -> None:
        self.plan, self.staff, self.books = plan, staff, books

    def of(self, segment: str, duty: str, month: int) -> float:
        """Share of a duty in a segment that there is time for: 1 where nobody is needed, or has to look after it."""
        total, serving = 0.0, 0
        for group in self.plan.team.seats:
            carries = self.plan.team.roles[group.role].carries
            served = list(self.books) if group.segment is None else [group.segment]
            if carries is None or duty not in carries.duty or segment not in served:
                continue
            customers = [c for name in served if name in self.books for c in self.books[name].customers]
            load = math.fsum(c.arr for c in customers) if carries.customers is None else float(len(customers))
            if load == 0:
                return 1.0
            serving += 1
            total += self.staff.service(group.name, month) / load
        return min(1.0, total) if serving else 1.0
