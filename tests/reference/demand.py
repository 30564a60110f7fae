"""Where opportunities come from (docs/model.md, step 2)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from simengine.plan.market import Channel, Demand, FromHours
from simengine.plan.schema import Plan
from tests.reference.chance import Address, Chance, Purpose, binomial, negative_binomial
from tests.reference.ledger import CellKey, Ledgers
from tests.reference.numbers import YEAR, Numbers, relative
from tests.reference.staff import Staff


@dataclass(frozen=True)
class Cell:
    """One channel into one segment."""

    name: str
    segment: str
    channel: Channel
    demand: Demand
    numbers: Numbers

    @property
    def key(self) -> CellKey:
        """Channel and segment."""
        return self.name, self.segment

    @property
    def needs_seller(self) -> bool:
        """Whether sellers work its opportunities."""
        return self.channel.sold_by == "sellers"

    def address(self, ordinal: int, month: int) -> Address:
        """Address of something that arrives in a month."""
        return Address(f"demand/{self.name}/{self.segment}", ordinal, self.numbers.start + month)

    @property
    def names(self) -> tuple[str, str]:
        """What events and shocks may call its volume."""
        return self.name, f"{self.name}/{self.segment}"

    def given_volume(self, month: int) -> float:
        """Arrivals a month by volume, as they respond to what is spent."""
        numbers, response = self.numbers, self.channel.response
        if self.demand.volume is None:
            return 0.0
        volume = numbers.at(self.demand.volume, month, *self.names)
        if response is None:
            return volume
        spend, half = numbers.at(self.channel.spend, month), numbers.at(response.half_saturation, month)
        at_half = half * numbers.at(response.at_spend, month)
        return volume * spend * (1 + half) / (spend + at_half) if spend > 0 else 0.0

    def season(self, month: int) -> float:
        """Growth and season of arrivals in a month."""
        growth = 1 + self.numbers.at(self.demand.growth, month, low=-0.99)
        season = relative(self.demand.seasonality.created, (self.numbers.start + month) % YEAR)
        return math.pow(growth, (self.numbers.grown + month) / YEAR) * season

    def arrivals(self, month: int, volume: float, chance: Chance) -> int:
        """How many arrive at the first stage, of so many expected before growth and season."""
        u, _, _, _ = chance.uniforms(self.address(0, month), Purpose.ARRIVALS)
        mean = volume * self.season(month)
        return negative_binomial(mean, self.numbers.at(self.demand.overdispersion, month, low=1), u)


class Funnel:
    """All cells, and what is on its way between two stages."""

    def __init__(self, plan: Plan, staff: Staff, numbers: Numbers, chance: Chance, ledgers: Ledgers) -> None:
        self.stages = plan.funnel.stages
        self.staff, self.numbers, self.chance, self.ledgers = staff, numbers, chance, ledgers
        self.cells = [
            Cell(name, segment, channel, demand, numbers)
            for name, channel in sorted(plan.funnel.channels.items())
            for segment, demand in sorted(channel.segments.items())
        ]
        self.coming: dict[tuple[CellKey, int, int], int] = defaultdict(int)  # by cell, stage and month of arrival

    def opportunities(self, month: int) -> list[tuple[Cell, int]]:
        """How many opportunities arrive in a month, by cell in order."""
        self._first_stage(month)
        return [(cell, self._pass_on(cell, month)) for cell in self.cells]

    def count(self, cell: Cell, stage: int, month: int, number: int) -> None:
        """Record arrivals at a stage."""
        self.ledgers.reached.add(self.stages[stage], cell.key, month, number)
        if stage == len(self.stages) - 1:
            self.ledgers.cell.add("opportunities", cell.key, month, number)

    def _first_stage(self, month: int) -> None:
        """What raises its hand is qualified first; the hours that are left find the rest."""
        from_hours = [cell for cell in self.cells if cell.demand.from_hours is not None]
        others = [cell for cell in self.cells if cell.demand.from_hours is None]
        hours = {role: self.staff.hours(role, month) for role in self.staff.team.roles}
        arrived = {cell.key: cell.arrivals(month, self._volume(cell, month), self.chance) for cell in others}
        self._qualify(others, arrived, hours, month)
        for cell in from_hours:
            source = cell.demand.from_hours
            assert source is not None
            found = self._per_hour(cell, source, month) * hours[source.role] * self._part(from_hours, cell, month)
            arrived[cell.key] = cell.arrivals(month, found, self.chance)
        for key, number in arrived.items():
            self.coming[key, 0, month] = number

    def _volume(self, cell: Cell, month: int) -> float:
        if cell.demand.from_sellers is None:
            return cell.given_volume(month)
        each = self.numbers.at(cell.demand.from_sellers, month, *cell.names)
        return each * self.staff.sellers(cell.segment, month)

    def _per_hour(self, cell: Cell, source: FromHours, month: int) -> float:
        return self.numbers.at(source.per_hour, month, *cell.names)

    def _part(self, cells: list[Cell], cell: Cell, month: int) -> float:
        """Share of a role's hours that a cell gets."""

        def weight(of: Cell) -> float:
            return 0.0 if of.demand.from_hours is None else self.numbers.at(of.demand.from_hours.weight, month)

        assert cell.demand.from_hours is not None
        role = cell.demand.from_hours.role
        total = math.fsum(weight(c) for c in cells if c.demand.from_hours and c.demand.from_hours.role == role)
        return weight(cell) / total if total > 0 else 0.0

    def _qualify(self, cells: list[Cell], arrived: dict[CellKey, int], hours: dict[str, float], month: int) -> None:
        """Keep as many as there are hours for; `hours` are reduced to what is left."""
        for role, available in hours.items():
            mine = [cell for cell in cells if cell.channel.qualified_by and cell.channel.qualified_by.role == role]
            need = math.fsum(arrived[cell.key] * self._hours_each(cell, month) for cell in mine)
            kept = min(1.0, available / need) if need > 0 else 1.0
            hours[role] = max(0.0, available - kept * need)
            if kept == 1:
                continue
            for cell in mine:
                _, _, u, _ = self.chance.uniforms(cell.address(0, month), Purpose.ARRIVALS)
                number = binomial(arrived[cell.key], kept, u)
                self.ledgers.cell.add("dropped", cell.key, month, arrived[cell.key] - number)
                arrived[cell.key] = number

    def _hours_each(self, cell: Cell, month: int) -> float:
        assert cell.channel.qualified_by is not None
        return self.numbers.at(cell.channel.qualified_by.hours, month)

    def _pass_on(self, cell: Cell, month: int) -> int:
        """Thin a month's arrivals at each stage on their way to the next; returns those at the last."""
        last = len(self.stages) - 1
        for stage in range(last):
            number = self.coming[cell.key, stage, month]
            self.count(cell, stage, month, number)
            u_passing, u_later, _, _ = self.chance.uniforms(cell.address(stage + 1, month), Purpose.ARRIVALS)
            passing = binomial(number, self.numbers.share(cell.demand.rates[stage], month), u_passing)
            lags = cell.demand.stage_lags
            lag = self.numbers.at(lags[stage], month) if lags else 0.0
            later = binomial(passing, lag - math.floor(lag), u_later)
            arrives = month + math.floor(lag)
            self._send(cell, stage, month, arrives, passing - later)
            self._send(cell, stage, month, arrives + 1, later)
        number = self.coming[cell.key, last, month]
        self.count(cell, last, month, number)
        return number

    def _send(self, cell: Cell, stage: int, month: int, arrives: int, number: int) -> None:
        """Let some of a month's arrivals at a stage be at the next one when they arrive there."""
        self.coming[cell.key, stage + 1, arrives] += number
