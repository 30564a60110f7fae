"""Opportunities, one by one: what they are worth, when they close, and whether they are won (docs/model.md, step 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simengine.plan.market import DealBand, PipelineRow
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from tests.reference.chance import Address, Chance, Lag, Purpose, binomial, factor
from tests.reference.demand import Cell
from tests.reference.ledger import PoolKey
from tests.reference.numbers import Clock
from tests.reference.people import Seat


def in_32_digits(value: float) -> float:
    """Rounded to 32 binary digits: what is taken and what is owned are then exact sums, in whatever order."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(math.ldexp(mantissa, 32) + 0.5), exponent - 32)


@dataclass(frozen=True)
class Terms:
    """How a cell's opportunities turn out, of one that starts in a month."""

    cell: Cell
    rate: float  # of the segment's currency
    month: int

    def _at(self, quantity: Quantity) -> float:
        return self.cell.numbers.at(quantity, self.month)

    @property
    def outliers(self) -> tuple[float, float]:
        """Share and size of the deals that are much larger."""
        outliers = self.cell.demand.outliers
        if outliers is None:
            return 0.0, 1.0
        return self.cell.numbers.share(outliers.share, self.month), self._at(outliers.times)

    @property
    def expected(self) -> float:
        """Mean size of a deal."""
        share, times = self.outliers
        return self._at(self.cell.demand.deal_size) * self.rate * (1 + share * (times - 1))

    def deal(self, u: float) -> float:
        """Size of a deal."""
        share, times = self.outliers
        size, spread = self._at(self.cell.demand.deal_size) * self.rate, self._at(self.cell.demand.deal_size_spread)
        if u > 1 - share:
            return size * times * factor(spread, (u - (1 - share)) / share)
        return size * factor(spread, u / (1 - share))

    def band(self, worth: float) -> tuple[float, float]:
        """Multiples of win rate and cycle for a deal of some worth: those of the highest band that it exceeds."""
        exceeded: list[tuple[float, DealBand]] = [
            (above, band) for band in self.cell.demand.deal_bands if (above := self._at(band.above) * self.rate) < worth
        ]
        if not exceeded:
            return 1.0, 1.0
        _, highest = max(exceeded, key=lambda found: found[0])
        return self._at(highest.win_rate), self._at(highest.cycle)

    def win_rate(self, worth: float) -> float:
        """Probability of winning a deal of some worth."""
        return min(1.0, self.cell.numbers.share(self.cell.demand.win_rate, self.month) * self.band(worth)[0])

    def cycle(self, worth: float, *, won: bool) -> Lag:
        """Law of the time from start to close."""
        lost = self.cell.demand.cycle_lost
        mean = self.cell.demand.cycle if won or lost is None else lost
        return Lag(self._at(mean) * self.band(worth)[1], self._at(self.cell.demand.cycle_spread))


@dataclass(eq=False)
class Opportunity:
    """A possible deal. `arrived` is a month of the path; `stated` is the value that the opening pipeline says."""

    address: Address
    cell: Cell
    rate: float
    arrived: int
    opening: bool = False
    stated: float | None = None
    pool: PoolKey | None = None  # None: nobody needs to work it
    waits: bool = False
    stale_from: float = math.inf
    worth: float = 0.0
    expected_at_start: float = 0.0
    load: float = 0.0
    probability: float = 0.0
    won: bool = False
    closes: int = -1
    owner: Seat | None = None

    def terms(self, month: int) -> Terms:
        """How it turns out if it starts in a month."""
        return Terms(self.cell, self.rate, month)

    def expected(self, month: int) -> float:
        """Expected value while it waits."""
        return in_32_digits(self.terms(month).expected if self.stated is None else self.stated)

    def place_in_queue(self, chance: Chance) -> float:
        """The lower, the sooner it is taken up among those that arrive in the same month."""
        return chance.uniforms(self.address, Purpose.QUEUE)[0]

    def wait(self, since: int, stale: float, chance: Chance) -> None:
        """Join the queue in a month, and know the one in which it goes stale if it still waits then."""
        self.waits = True
        _, u, _, _ = chance.uniforms(self.address, Purpose.QUEUE)
        if stale == 1:
            self.stale_from = since + 1
        elif stale > 0:
            self.stale_from = since + 1 + math.floor(math.log1p(-u) / math.log1p(-stale))

    def _value(self, month: int, u_size: float) -> None:
        """Settle what it is worth, and what one expected of it in the month of its start."""
        self.worth = self.terms(self.arrived).deal(u_size) if self.stated is None else self.stated
        self.expected_at_start = self.expected(month)

    def start(self, month: int, clock: Clock, chance: Chance) -> None:
        """Have a seller (or nobody) take it up."""
        terms = self.terms(month)
        u_outcome, u_cycle, u_size, u_rounding = chance.uniforms(self.address, Purpose.DEAL)
        self._value(month, u_size)
        self.probability = terms.win_rate(self.worth)
        self.won = u_outcome < self.probability
        mean = terms.cycle(self.worth, won=self.won).mean
        spread = self.terms(self.arrived).cycle(self.worth, won=self.won).spread
        self.closes = clock.closes(month, u_rounding, mean * factor(spread, u_cycle))

    def resume(self, age: float, clock: Clock, chance: Chance) -> None:
        """Go on with one that was started `age` months before the plan."""
        terms = self.terms(0)
        u_outcome, u_cycle, u_size, _ = chance.uniforms(self.address, Purpose.DEAL)
        self._value(0, u_size)
        win_rate = terms.win_rate(self.worth)
        still_won = win_rate * terms.cycle(self.worth, won=True).survival(age)
        still_lost = (1 - win_rate) * terms.cycle(self.worth, won=False).survival(age)
        self.probability = still_won / (still_won + still_lost)
        self.won = u_outcome < self.probability
        self.closes = clock.closes(0, 0.0, terms.cycle(self.worth, won=self.won).remaining(age, u_cycle))

    def change_hands(self, months: int, win_rate: float, chance: Chance) -> None:
        """Lose its seller: it closes later, and is won less often."""
        self.closes += months
        self.probability *= win_rate
        self.won = self.won and chance.uniforms(self.address, Purpose.DEAL)[0] < self.probability


@dataclass(frozen=True)
class OpeningRow:
    """A row of the opening pipeline with the first of the ordinals that it takes."""

    row: PipelineRow
    stage: int
    cell: Cell
    rate: float
    first: Address

    def opportunities(self, number: int) -> list[Opportunity]:
        """The first `number` opportunities of the row."""
        each = None if self.row.value is None else self.row.value * self.rate / self.row.count
        name, first, period = self.first
        return [
            Opportunity(Address(name, first + i, period), self.cell, self.rate, 0, opening=True, stated=each)
            for i in range(number)
        ]

    def passing(self, chance: Chance) -> list[int]:
        """How many reach each later stage."""
        numbers = [self.row.count]
        for reached in range(self.stage + 1, len(self.cell.demand.rates) + 1):
            u, _, _, _ = chance.uniforms(self.first, Purpose.OPEN, reached)
            rate = self.cell.numbers.share(self.cell.demand.rates[reached - 1], 0)
            numbers.append(binomial(numbers[-1], rate, u))
        return numbers[1:]


def opening_rows(plan: Plan, cells: Sequence[Cell]) -> list[OpeningRow]:
    """Number the opportunities of the opening pipeline, counting on within channel, segment and arrival month.

    They are taken up in order of cell, arrival month, ordinal; those that wait in order of month, cell, ordinal.
    """
    stages = plan.funnel.stages

    def order(row: PipelineRow) -> tuple[int, float, float, str, int, bool]:
        value = -1.0 if row.value is None else row.value
        return stages.index(row.stage), row.age_months, value, row.owner or "", row.count, row.waiting

    taken: dict[tuple[str, int], int] = {}
    numbered = []
    for row in sorted(plan.funnel.opening_pipeline.rows, key=order):
        cell = next(c for c in cells if c.key == (row.channel, row.segment))
        place = f"pipeline/{row.channel}/{row.segment}", plan.plan.start - math.floor(row.age_months)
        ordinal = taken.get(place, 0)
        first = Address(place[0], ordinal, place[1])
        numbered.append(OpeningRow(row, stages.index(row.stage), cell, plan.rate_of(row.segment), first))
        taken[place] = ordinal + row.count
    numbered.sort(key=lambda opening: (opening.cell.key, opening.first.period, opening.first.ordinal))
    return sorted(numbered, key=lambda opening: opening.first.period if opening.row.waiting else 0)
