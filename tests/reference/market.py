"""Pools and their queues, owners, and what becomes of a leaver's opportunities (docs/model.md, steps 3 and 4)."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Sequence

from simengine.plan.people import Capacity
from simengine.plan.schema import Plan
from tests.reference.chance import Chance, Purpose
from tests.reference.deals import OpeningRow, Opportunity
from tests.reference.demand import Cell
from tests.reference.ledger import Ledgers, PoolKey
from tests.reference.numbers import Clock, Numbers
from tests.reference.people import Seat
from tests.reference.staff import Staff

ROUNDING = 1e-9

Rooms = list[tuple[Seat, float]]
"""Seats with what they can carry in a month."""


def pool_keys(plan: Plan) -> list[PoolKey]:
    """Every pool, sorted: a segment, or each territory of it."""
    names = {segment: [t.name for t in plan.team.territories_of(segment)] or [""] for segment in plan.segments}
    return sorted((segment, name) for segment in names for name in names[segment])


def sells_by_money(plan: Plan, segment: str) -> bool:
    """Whether the room of a segment's sellers is money: all of them measure alike."""
    capacities = [plan.team.roles[group.role].capacity for group in plan.team.seats if group.segment == segment]
    return any(isinstance(capacity, Capacity) and capacity.pipeline is not None for capacity in capacities)


def least_loaded(load: float, rooms: Rooms) -> Seat | None:
    """The seat with room that one more would fill least; of those as full, but for the last 16 bits, the first."""
    fullness = [((seat.owned + load) * (1 / room), seat) for seat, room in rooms if room > 0]
    return min(fullness, key=lambda entry: bits(entry[0]) >> 16)[1] if fullness else None


def bits(number: float) -> int:
    """The 64 bits of a positive number; larger ones have larger bits."""
    return int(struct.unpack("<q", struct.pack("<d", number))[0])


class Pool:
    """Opportunities that the same seats work."""

    def __init__(self, key: PoolKey, seats: list[Seat], *, in_money: bool) -> None:
        self.key, self.seats, self.in_money = key, seats, in_money
        self.queue: list[Opportunity] = []
        self.open: list[Opportunity] = []

    def rooms(self, month: int, numbers: Numbers) -> Rooms:
        """Load that each of its seats can carry in a month."""
        return [(seat, seat.room(month, numbers)) for seat in self.seats]

    def capacity(self, rooms: Rooms) -> float:
        """Load that all of them can carry."""
        if any(seat.role.capacity == "unlimited" for seat in self.seats for _ in seat.works()):
            return math.inf
        return math.fsum(room for _, room in rooms)

    def load_of(self, opportunity: Opportunity, month: int) -> float:
        """What an opportunity would take if it started in a month."""
        return opportunity.expected(month) if self.in_money else 1.0

    def taken(self, month: int) -> float:
        """Load of what holds its place in a month: what closes in it does not."""
        return math.fsum(o.load for o in self.open if o.closes > month)


class Market:
    """Every opportunity that has arrived and is not closed."""

    def __init__(self, plan: Plan, staff: Staff, numbers: Numbers, chance: Chance, ledgers: Ledgers) -> None:
        self.plan, self.staff, self.numbers, self.chance, self.ledgers = plan, staff, numbers, chance, ledgers
        self.pools = {
            key: Pool(key, [s for s in staff.seats if s.pool == key], in_money=sells_by_money(plan, key[0]))
            for key in pool_keys(plan)
        }
        self.alone: list[Opportunity] = []  # open, and worked by nobody
        self.closings: dict[int, list[Opportunity]] = defaultdict(list)  # by month, as they were set down for it
        self.clocks = {
            (name, segment): Clock(demand.seasonality.closed, plan.plan.start, plan.plan.months)
            for name, channel in plan.funnel.channels.items()
            for segment, demand in channel.segments.items()
        }

    def arrive(self, cell: Cell, number: int, month: int) -> list[Opportunity]:
        """The new opportunities of a cell."""
        rate = self.plan.rate_of(cell.segment)
        return [Opportunity(cell.address(ordinal, month), cell, rate, month) for ordinal in range(number)]

    def resume(self, opening: OpeningRow) -> None:
        """Go on with a row of the opening pipeline that sellers work already."""
        for opportunity in opening.opportunities(opening.row.count):
            cell = opportunity.cell
            opportunity.resume(opening.row.age_months, self.clocks[cell.key], self.chance)
            self.closings[opportunity.closes].append(opportunity)
            if not cell.needs_seller:
                self.alone.append(opportunity)
                continue
            pool = self._pool_of(opportunity)
            owner = opening.row.owner
            rooms = pool.rooms(0, self.numbers)
            mine = [(seat, room) for seat, room in rooms if owner is None or seat.group.name == owner]
            self._hold(opportunity, pool, mine, 0)

    def line_up(self, opening: OpeningRow) -> None:
        """Let a row of the opening pipeline wait in the queue, as if it had come just before the plan."""
        stale_rate = self.numbers.share(self.plan.funnel.stale, 0)
        for opportunity in opening.opportunities(opening.row.count):
            opportunity.wait(-1, stale_rate, self.chance)
            self._pool_of(opportunity).queue.append(opportunity)

    def _pool_of(self, opportunity: Opportunity) -> Pool:
        """The pool that it belongs to: its segment's, or that of a territory, by potential."""
        segment, month = opportunity.cell.segment, opportunity.arrived
        territories = self.plan.team.territories_of(segment)
        if not territories:
            return self.pools[segment, ""]
        _, _, u, _ = self.chance.uniforms(opportunity.address, Purpose.QUEUE)
        potentials = [self.numbers.at(territory.potential, month) for territory in territories]
        for i, territory in enumerate(territories):
            if math.fsum(potentials[: i + 1]) > u * math.fsum(potentials):
                return self.pools[segment, territory.name]
        return self.pools[segment, territories[-1].name]

    def _hold(self, opportunity: Opportunity, pool: Pool, rooms: Rooms, month: int) -> None:
        """Give it a place and an owner."""
        opportunity.pool, opportunity.load = pool.key, pool.load_of(opportunity, month)
        opportunity.owner = least_loaded(opportunity.load, rooms)
        if opportunity.owner is not None:
            opportunity.owner.owned += opportunity.load
        pool.open.append(opportunity)

    def take_up(self, new: Sequence[Opportunity], month: int) -> None:
        """Step 3: who is taken up, who waits, who has waited too long. `new` are in order of arrival."""
        arriving: dict[PoolKey, list[Opportunity]] = {key: [] for key in self.pools}
        for opportunity in new:
            self.ledgers.segment.add("opportunities", opportunity.cell.segment, month)
            if opportunity.cell.needs_seller:
                arriving[self._pool_of(opportunity).key].append(opportunity)
            else:
                self._start(opportunity, month)
                self.alone.append(opportunity)
                self.ledgers.segment.add("started", opportunity.cell.segment, month)
        for key, pool in self.pools.items():
            self._serve(pool, arriving[key], month)

    def _start(self, opportunity: Opportunity, month: int) -> None:
        opportunity.start(month, self.clocks[opportunity.cell.key], self.chance)
        self.closings[opportunity.closes].append(opportunity)

    def _serve(self, pool: Pool, new: list[Opportunity], month: int) -> None:
        waiting = [o for o in pool.queue if o.stale_from > month]
        stale = len(pool.queue) - len(waiting)
        rooms = pool.rooms(month, self.numbers)
        capacity, taken = pool.capacity(rooms), pool.taken(month)
        total = math.fsum(pool.load_of(o, month) for o in waiting + new)
        started, rest = 0, []
        all_fit = capacity > 0 and taken + total <= capacity + ROUNDING * max(1.0, total)
        lines = [waiting, new if all_fit else sorted(new, key=lambda o: o.place_in_queue(self.chance))]
        for line in lines:
            is_full = False
            for opportunity in line:
                load = pool.load_of(opportunity, month)
                fits = taken == 0 or taken + load <= capacity + ROUNDING * max(1.0, load)
                is_full = is_full or not (all_fit or (capacity > 0 and fits))
                if is_full:
                    rest.append(opportunity)
                    continue
                self._start(opportunity, month)
                self._hold(opportunity, pool, rooms, month)
                taken += load if opportunity.closes > month else 0.0
                started += 1
        stale_rate = self.numbers.share(self.plan.funnel.stale, month)
        for opportunity in rest:
            if not opportunity.waits:
                opportunity.wait(month, stale_rate, self.chance)
        pool.queue = rest
        counts = {"started": started, "stale": stale, "waiting": len(rest), "capacity": capacity}
        for name, number in counts.items():
            self.ledgers.pool.add(name, pool.key, month, number)
            self.ledgers.segment.add(name, pool.key[0], month, number)
        self.ledgers.pool.add("arrived", pool.key, month, len(new))

    def close(self, month: int) -> list[Opportunity]:
        """What closes at the end of a month; those won are returned, in order."""
        closing = self.closings[month]
        for opportunity in closing:
            held = self.alone if opportunity.pool is None else self.pools[opportunity.pool].open
            held.remove(opportunity)
            if opportunity.owner is not None:
                opportunity.owner.owned -= opportunity.load
            self.ledgers.segment.add("won" if opportunity.won else "lost", opportunity.cell.segment, month)
        return [opportunity for opportunity in closing if opportunity.won]

    def reassign(self, leavers: Sequence[Seat], month: int) -> None:
        """Find somebody for the open opportunities of those who leave."""
        for seat in leavers:
            rule = seat.role.leaver_pipeline
            owned = [o for pool in self.pools.values() for o in pool.open if o.owner is seat]
            for o in sorted(owned, key=lambda o: (o.address.name, o.address.period, o.address.ordinal)):
                assert o.pool is not None
                self.closings[o.closes].remove(o)
                o.change_hands(rule.reassigned_after, self.numbers.at(rule.win_rate, month), self.chance)
                self.closings[o.closes].append(o)
                rooms = self.pools[o.pool].rooms(month, self.numbers)
                heir = least_loaded(o.load, [(other, room) for other, room in rooms if other.stays])
                if heir is not None:
                    seat.owned -= o.load
                    heir.owned += o.load
                    o.owner = heir

    def measure(self, month: int) -> None:
        """What is open, and what it may bring, at the end of a month."""
        segment = self.ledgers.segment
        for pool in self.pools.values():
            self.ledgers.pool.add("load", pool.key, month, pool.taken(month))
            segment.add("pipeline", pool.key[0], month, math.fsum(o.expected(month) for o in pool.queue))
            for o in pool.open:
                segment.add("open", pool.key[0], month)
                segment.add("pipeline", pool.key[0], month, o.expected_at_start)
        for o in self.alone:
            segment.add("open", o.cell.segment, month)
            segment.add("pipeline", o.cell.segment, month, o.expected_at_start)
