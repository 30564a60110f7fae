"""Opportunities and customers, one by one (docs/model.md, steps 2, 4 and 5)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from simengine.plan.schema import Base, Demand, Expansion, PipelineRow
from tests.reference.chance import (
    Address,
    Chance,
    Lag,
    Purpose,
    binomial,
    exponential,
    factor,
    inverse_normal,
    lognormal_sigma,
    negative_binomial,
)

Values = Mapping[str, float]
MONTHS_PER_YEAR = 12


@dataclass(frozen=True)
class Cell:
    """One channel into one segment, with its numbers on this path."""

    channel: str
    segment: str
    needs_seller: bool
    demand: Demand
    values: Values

    def mean_arrivals(self, month: int, calendar_month: int) -> float:
        """Expected arrivals at the first stage; calendar months count from January = 0."""
        growth = 1 + self.demand.growth.of(self.values)
        mean = self.demand.volume.of(self.values) * growth ** (month / MONTHS_PER_YEAR)
        if self.demand.seasonality is not None:
            weights = self.demand.seasonality.created
            mean *= weights[calendar_month] / (math.fsum(weights) / len(weights))
        return float(mean)

    def reached(self, month: int, absolute: int, chance: Chance) -> list[int]:
        """How many of a month's arrivals reach each stage."""
        name = f"demand/{self.channel}/{self.segment}"
        u, _ = chance.uniforms(Address(name, 0, absolute), Purpose.ARRIVALS)
        mean = self.mean_arrivals(month, absolute % MONTHS_PER_YEAR)
        numbers = [negative_binomial(mean, self.demand.overdispersion.of(self.values), u)]
        for stage, rate in enumerate(self.demand.rates, start=1):
            u, _ = chance.uniforms(Address(name, stage, absolute), Purpose.ARRIVALS)
            numbers.append(binomial(numbers[-1], rate.of(self.values), u))
        return numbers

    def opportunities(self, month: int, absolute: int, number: int) -> list[Opportunity]:
        """The opportunities that arrive in a month."""
        name = f"demand/{self.channel}/{self.segment}"
        return [Opportunity(Address(name, ordinal, absolute), self, month) for ordinal in range(number)]

    def cycle(self, *, won: bool) -> Lag:
        """Law of the time from start to close."""
        lost = self.demand.cycle_lost
        mean = self.demand.cycle if won or lost is None else lost
        return Lag(mean.of(self.values), self.demand.cycle_spread.of(self.values))

    def deal(self, u: float) -> float:
        """Size of a won deal."""
        share, times = 0.0, 1.0
        if self.demand.outliers is not None:
            share, times = self.demand.outliers.share.of(self.values), self.demand.outliers.times.of(self.values)
        size, spread = self.demand.deal_size.of(self.values), self.demand.deal_size_spread.of(self.values)
        if u > 1 - share:
            return float(size * times * factor(spread, (u - (1 - share)) / share))
        return float(size * factor(spread, u / (1 - share)))


@dataclass
class Opportunity:
    """A possible deal. `arrived` is a month of the path; `stated_value` is what the opening pipeline says."""

    address: Address
    cell: Cell
    arrived: int
    stated_value: float | None = None
    stale_from: float = math.inf
    won: bool = False
    closes: int = -1

    def place_in_queue(self, chance: Chance) -> float:
        """The lower, the sooner it is taken up among those that arrive in the same month."""
        return chance.uniforms(self.address, Purpose.WAIT)[0]

    def wait(self, stale: float, chance: Chance) -> None:
        """Join the queue, and know the month in which it goes stale if it still waits then."""
        _, u = chance.uniforms(self.address, Purpose.WAIT)
        if stale == 1:
            self.stale_from = self.arrived + 1
        elif stale > 0:
            self.stale_from = self.arrived + 1 + math.floor(math.log1p(-u) / math.log1p(-stale))

    def start(self, month: int, chance: Chance) -> None:
        """Have a seller (or nobody) take it up."""
        u_outcome, u_cycle = chance.uniforms(self.address, Purpose.OUTCOME)
        _, u_rounding = chance.uniforms(self.address, Purpose.DEAL)
        self.won = u_outcome < self.cell.demand.win_rate.of(self.cell.values)
        self.closes = month + self.cell.cycle(won=self.won).whole_months(u_cycle, u_rounding)

    def resume(self, age: float, chance: Chance) -> None:
        """Go on with one that was started `age` months before the plan."""
        u_outcome, u_cycle = chance.uniforms(self.address, Purpose.OUTCOME)
        win_rate = self.cell.demand.win_rate.of(self.cell.values)
        still_won = win_rate * self.cell.cycle(won=True).survival(age)
        still_lost = (1 - win_rate) * self.cell.cycle(won=False).survival(age)
        self.won = u_outcome < still_won / (still_won + still_lost)
        self.closes = math.floor(self.cell.cycle(won=self.won).remaining(age, u_cycle))

    def value(self, chance: Chance) -> float:
        """Money it brings if it is won."""
        if self.stated_value is not None:
            return self.stated_value
        return self.cell.deal(chance.uniforms(self.address, Purpose.DEAL)[0])


@dataclass(frozen=True)
class OpeningRow:
    """A row of the opening pipeline with the first of the ordinals that it takes."""

    row: PipelineRow
    cell: Cell
    first: Address

    def opportunities(self, number: int) -> list[Opportunity]:
        """The first `number` opportunities of the row."""
        each = None if self.row.value is None else self.row.value / self.row.count
        name, first, period = self.first
        return [Opportunity(Address(name, first + i, period), self.cell, 0, each) for i in range(number)]

    def passing(self, stage: int, chance: Chance) -> list[int]:
        """How many reach each later stage, of a row at `stage`."""
        numbers = [self.row.count]
        for reached in range(stage + 1, len(self.cell.demand.rates) + 1):
            u, _ = chance.uniforms(self.first, Purpose.OPEN, reached)
            numbers.append(binomial(numbers[-1], self.cell.demand.rates[reached - 1].of(self.cell.values), u))
        return numbers[1:]


def opening_rows(
    rows: tuple[PipelineRow, ...], cells: list[Cell], stages: tuple[str, ...], start: int
) -> list[OpeningRow]:
    """Number the opportunities of the opening pipeline, counting on within channel, segment and arrival month."""

    def order(row: PipelineRow) -> tuple[int, float, float, int]:
        return stages.index(row.stage), row.age_months, -1.0 if row.value is None else row.value, row.count

    taken: dict[tuple[str, int], int] = {}
    numbered = []
    for row in sorted(rows, key=order):
        cell = next(c for c in cells if (c.channel, c.segment) == (row.channel, row.segment))
        place = f"pipeline/{row.channel}/{row.segment}", start - math.floor(row.age_months)
        ordinal = taken.get(place, 0)
        numbered.append(OpeningRow(row, cell, Address(place[0], ordinal, place[1])))
        taken[place] = ordinal + row.count
    return numbered


@dataclass
class Customer:
    """A subscription. `arr_at` holds its ARR at the end of each month (-1: when the plan starts)."""

    address: Address
    arr: float
    renews: int
    expands_from: int
    renewals: int = 0
    expansions: int = 0
    next_expansion: float = math.nan
    arr_at: dict[int, float] = field(default_factory=dict)


def opening_customers(segment: str, base: Base, start: int) -> list[Customer]:
    """The customers of a segment when the plan starts, with the month in which each renews first."""
    sigma = lognormal_sigma(base.size_spread)
    customers = []
    for month, (number, atr) in _first_renewals(base, start).items():
        sizes = [math.exp(sigma * inverse_normal((j + 0.5) / number)) for j in range(number)]
        for j, size in enumerate(sizes):
            arr = atr * size / math.fsum(sizes)
            address = Address(f"base/{segment}", j, start + month)
            customers.append(Customer(address, arr, renews=month, expands_from=0, arr_at={-1: arr}))
    return customers


def _first_renewals(base: Base, start: int) -> dict[int, tuple[int, float]]:
    """How many customers renew first in each month, and with how much ARR."""
    if base.atr == "even":
        numbers = Counter(i * base.term_months // base.customers for i in range(base.customers))
        return {month: (number, base.arr * number / base.customers) for month, number in numbers.items()}
    due = {month - start: Fraction(arr) for month, arr in sorted(base.atr.items()) if arr > 0}
    total = sum(due.values())
    others = _apportioned(base.customers - len(due), due)
    return {month: (1 + others[month], float(Fraction(base.arr) * arr / total)) for month, arr in due.items()}


def _apportioned(number: int, shares: dict[int, Fraction]) -> dict[int, int]:
    """Whole numbers in proportion to shares by largest remainder, ties to the earlier."""
    total = sum(shares.values())
    quota = {month: number * share / total for month, share in shares.items()}
    whole = {month: math.floor(q) for month, q in quota.items()}
    by_remainder = sorted(quota, key=lambda month: (whole[month] - quota[month], month))
    for month in by_remainder[: number - sum(whole.values())]:
        whole[month] += 1
    return whole


@dataclass(frozen=True)
class Renewal:
    """What a renewal did to a customer's ARR."""

    atr: float
    churned: float = 0.0
    contraction: float = 0.0
    price: float = 0.0
    renewed: bool = True


def renew(customer: Customer, base: Base, values: Values, chance: Chance) -> Renewal:
    """End a customer's term and begin the next one, or not."""
    u, _ = chance.uniforms(customer.address, Purpose.RENEWAL, customer.renewals)
    customer.renewals += 1
    customer.renews += base.term_months
    atr = customer.arr
    renewal_rate, depth = base.renewal_rate.of(values), base.contraction_depth.of(values)
    contraction = base.contraction.of(values)
    contracting = contraction / depth if depth > 0 else 0.0
    if u >= renewal_rate:
        customer.arr = 0.0
        return Renewal(atr, churned=atr, renewed=False)
    lost = atr * depth if u >= renewal_rate - contracting else 0.0
    price = (atr - lost) * base.price_increase.of(values)
    customer.arr = atr - lost + price
    return Renewal(atr, contraction=lost, price=price)


def expand(customer: Customer, expansion: Expansion, month: int, values: Values, chance: Chance) -> list[float]:
    """The upsells that a customer agrees to in a month, in money."""
    rate = expansion.opportunities_per_customer.of(values) / MONTHS_PER_YEAR
    if rate == 0:
        return []
    if math.isnan(customer.next_expansion):
        u, _ = chance.uniforms(customer.address, Purpose.EXPANSION, 0)
        customer.next_expansion = customer.expands_from + exponential(u) / rate
    won = []
    while customer.next_expansion < month + 1:
        number = customer.expansions
        _, u_won = chance.uniforms(customer.address, Purpose.EXPANSION, number)
        if u_won < expansion.win_rate.of(values):
            u_size, _ = chance.uniforms(customer.address, Purpose.UPSELL, number)
            won.append(expansion.size.of(values) * factor(expansion.size_spread.of(values), u_size))
        customer.expansions += 1
        u_gap, _ = chance.uniforms(customer.address, Purpose.EXPANSION, customer.expansions)
        customer.next_expansion += exponential(u_gap) / rate
    customer.arr += math.fsum(won)
    return won
