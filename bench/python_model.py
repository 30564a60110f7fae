"""The model of docs/model.md as a Python function that is called for each path, as users of `monaco` (PyPI) write it.

A rival to measure the kernel against: ordinary Python, people, opportunities and customers as objects, and NumPy's
random numbers one at a time. The same law as the kernel, and other luck.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from bench.outputs import Outputs, named
from simengine.kernel.tables import (
    BandKind,
    Calendar,
    Cell,
    CellOut,
    Group,
    GroupOut,
    Opening,
    Pool,
    PoolOut,
    Row,
    Segment,
    SegmentOut,
    Shape,
    Source,
)

YEAR = 12
NEVER = 2**40
NONE, OUT_OF_THE_PLAN = -1, -2
RENEWAL, EXPANSION, BY_ARR = 1, 2, 4
UNLIMITED_ROOM = 1e6
ROUNDING = 1e-9
SMALLEST_SURVIVAL = 1e-300
NORMAL = NormalDist()


def simulate_paths(tables, slots, varying, rng):
    """One path for each row of `slots` (path, slot), as the kernel's `run_block`, with chance from `rng`.

    `varying` (path, month, n) holds what changes from month to month. Returns outputs by name.
    """
    plan = Plan(tables)
    paths = [
        simulate_path(plan, row, months, rng) for row, months in zip(slots.tolist(), varying.tolist(), strict=True)
    ]
    return named(Outputs(*(np.array(outputs) for outputs in zip(*paths, strict=True))))


class Plan:
    """The tables as lists, and what is the same on every path."""

    def __init__(self, tables):
        self.months, self.start = int(tables.calendar[Calendar.MONTHS]), int(tables.calendar[Calendar.START])
        for name in ("calendar", "groups", "seats", "pools", "cells", "segments", "pipeline", "pipeline_numbers"):
            setattr(self, name, getattr(tables, name).tolist())
        for name in ("tenures", "rates", "stage_lags", "season", "planned"):
            setattr(self, name, getattr(tables, name).tolist())
        for name in ("customers", "customer_numbers", "term_shares"):
            setattr(self, name, getattr(tables, name).tolist())
        self.terms, self.varying = tables.terms[:, 0].tolist(), tables.varying[:, 0].tolist()
        members = tables.members[:, 0].tolist()
        self.members = [members[p[Pool.FIRST] : p[Pool.FIRST] + p[Pool.SEATS]] for p in self.pools]
        self.bands = {}
        for owner, kind, since, times, cycle in tables.bands.tolist():
            self.bands.setdefault((kind, owner), []).append((since, times, cycle))
        months = [(self.start + t) % YEAR for t in range(self.months)]
        self.weights = [[season[YEAR + month] for month in months] for season in self.season]
        self.served = [
            [s for s, row in enumerate(self.segments) if g[Group.SEGMENT] in (s, NONE) and row[Segment.SUBSCRIPTION]]
            for g in self.groups
        ]


@dataclass(slots=True, eq=False)
class Person:
    """Who sits on a seat, or is to."""

    starts: int
    ramp: float
    skill: float
    never_ramps: bool
    life: float
    career: float
    before: float = 0.0
    existing: bool = False
    first: bool = False
    promoted: bool = False
    leaves: int = NEVER
    below: bool = False
    ready: bool = False
    worked: int = 0
    quota: float = 0.0
    booked: float = 0.0
    annual: float = 0.0
    draw: float = 0.0


@dataclass(slots=True, eq=False)
class Chair:
    """A seat: its row in the tables, who is on it, and who follows."""

    group: int
    pool: int
    planned: int
    person: Person
    next_starts: int = NONE
    next_promoted: bool = False
    owned: float = 0.0
    room: float = 0.0


@dataclass(slots=True, eq=False)
class Deal:
    """An opportunity."""

    cell: int
    pool: int
    stated: float
    opening: bool
    expected: float
    load: float
    amount: float = 0.0
    rank: float = 0.5
    won: bool = False
    closes: int = NEVER
    owner: Chair | None = None
    stale: int = NEVER


@dataclass(slots=True, eq=False)
class Customer:
    """A subscription."""

    arr: float
    rank: float
    ends: int
    phase: int
    own_rate: int = NONE
    due: int = 0
    there: bool = True


def factor(sigma, rng):
    """A lognormal factor of mean one."""
    return math.exp(sigma * rng.standard_normal() - 0.5 * sigma * sigma) if sigma > 0.0 else 1.0


def rounded(x):
    """To 32 binary digits, so that sums are exact."""
    mantissa, exponent = math.frexp(x)
    return math.ldexp(math.floor(math.ldexp(mantissa, 32) + 0.5), exponent - 32)


def simulate_path(plan, first, varying, rng):
    """One path; returns lists (output, month, entity), and for what is reached (month, cell, stage)."""
    path = Path(plan, first, varying, rng)
    for t in range(plan.months):
        path.month(t)
    path.out["cell"][CellOut.OPPORTUNITIES] = [[cell[-1] for cell in month] for month in path.reached]
    return *path.out.values(), path.reached


class Path:
    """The state of one path. `v` holds the numbers of the month by slot."""

    def __init__(self, plan, first, varying, rng):
        self.plan, self.rng, self.varying, self.v = plan, rng, varying, first
        kinds = {
            "segment": (SegmentOut, plan.segments), "group": (GroupOut, plan.groups), "cell": (CellOut, plan.cells),
            "pool": (PoolOut, plan.pools),
        }  # fmt: skip
        self.out = {
            kind: [[[0.0] * len(rows) for _ in range(plan.months)] for _ in outputs]
            for kind, (outputs, rows) in kinds.items()
        }
        self.segment, self.group = self.out["segment"], self.out["group"]
        stages = len(plan.rates[0]) + 1 if plan.rates else 1
        self.reached = [[[0] * stages for _ in plan.cells] for _ in range(plan.months)]
        self.t = 0
        self.chairs = [self.first_chair(*row, before) for row, before in zip(plan.seats, plan.tenures, strict=True)]
        self.load_numbers(0)
        self.in_groups = [[chair for chair in self.chairs if chair.group == g] for g in range(len(plan.groups))]
        self.closing: list[list[Deal]] = [[] for _ in range(plan.months + 1)]
        self.queue: list[list[Deal]] = [[] for _ in plan.pools]
        self.taken = [0.0] * len(plan.pools)
        self.books: list[list[Customer]] = [[] for _ in plan.segments]
        self.n_open, self.pipeline = [0] * len(plan.segments), [0.0] * len(plan.segments)
        self.loads: list[list[float]] = [[0, 0.0] for _ in plan.segments]
        self.remembered: list[list[Any]] = [[] for _ in plan.segments]
        self.due: list[list[tuple[int, Customer]]] = [[] for _ in range(plan.months)]
        self.open_base()

    def load_numbers(self, t):
        """The numbers of month t."""
        for slot, value in zip(self.plan.varying, self.varying[t], strict=True):
            self.v[slot] = value

    def month(self, t):
        """The steps of a month in order."""
        self.t = t
        self.load_numbers(t)
        self.begin_people()
        self.cover()
        created, passing = self.create_demand(), self.pass_pipeline() if t == 0 else []
        if t == 0:
            self.resume()
        self.take_up(created, passing)
        admitted = self.close()
        self.promote()
        self.hand_over()
        self.renew()
        self.expand(admitted)
        self.close_books()
        self.end_people()

    # ----- people -----

    def new_person(self, group, starts):
        """Somebody new, by the numbers that are loaded."""
        row, v, rng = self.plan.groups[group], self.v, self.rng
        return Person(
            starts=starts,
            ramp=v[row[Group.RAMP]] * factor(v[row[Group.RAMP_SIGMA]], rng),
            skill=factor(v[row[Group.PRODUCTIVITY_SIGMA]], rng),
            never_ramps=v[row[Group.NEVER_SHARE]] > 0.0 and rng.random() < v[row[Group.NEVER_SHARE]],
            life=rng.standard_exponential(),
            career=rng.standard_exponential(),
        )

    def first_chair(self, group, _ordinal, planned, expected, pool, before):
        """A seat with its first occupant."""
        row, v, starts = self.plan.groups[group], self.v, 0
        self.load_numbers(max(0, planned - self.plan.start))
        if planned:
            delay = v[row[Group.CLIMATE]] * v[row[Group.DELAY]] * factor(v[row[Group.DELAY_SIGMA]], self.rng)
            starts = planned - self.plan.start + (0 if expected else math.floor(delay + self.rng.random()))
        person = self.new_person(group, starts)
        person.first = True
        if not planned:
            person.existing, person.before = True, before
        return Chair(group, pool, planned, person)

    def fiscal_months(self, t):
        """Months of the fiscal year before t, as far as they lie in the plan."""
        return min(t, (self.plan.start + t - self.plan.calendar[Calendar.FISCAL_START]) % YEAR)

    def frozen(self):
        """Whether nobody is hired this month."""
        calendar, t = self.plan.calendar, self.t
        months, after = self.fiscal_months(t), calendar[Calendar.FREEZE_AFTER]
        if after < 0 or months < after:
            return False
        booked = sum(
            sum(self.segment[output][month])
            for output in (SegmentOut.NEW_ARR, SegmentOut.ONE_OFF_BOOKINGS)
            for month in range(t - months, t)
        )
        return booked < (1.0 - self.v[calendar[Calendar.FREEZE_BEHIND]]) * sum(self.plan.planned[t - months : t])

    def level(self, kind, group, before, tenure):
        """What the bands of a kind say at a tenure."""
        found = before
        for since, times, _ in self.plan.bands.get((kind, group), ()):
            if self.v[since] > tenure:
                break
            found = self.v[times]
        return found

    def integral(self, kind, group, before, low, high):
        """∫ of `level` over tenures."""
        total, found, reached = 0.0, before, low
        for since, times, _ in self.plan.bands.get((kind, group), ()):
            start = min(max(self.v[since], low), high)
            total += found * (start - reached)
            found, reached = self.v[times], start
        return total + found * (high - reached)

    def ramp_share(self, chair, tenure):
        """Share of a full workload."""
        row, person, share = self.plan.groups[chair.group], chair.person, 1.0
        shape = row[Group.RAMP_SHAPE]
        if shape == Shape.BOOKINGS:
            cycle = self.v[row[Group.RAMP]]
            if cycle <= 0.0:
                share = self.level(BandKind.BOOKINGS, chair.group, 0.0, tenure)
            else:
                x = tenure + 0.5
                share = self.integral(BandKind.BOOKINGS, chair.group, 0.0, x, x + cycle) / cycle
        elif shape != Shape.NONE and tenure < person.ramp:
            y = tenure / person.ramp
            share = {Shape.STEP: 0.0, Shape.LINEAR: y}.get(shape, y * y * (3.0 - 2.0 * y))
        return min(share, self.v[row[Group.NEVER_LEVEL]]) if person.never_ramps else share

    def works(self, chair):
        """Whether somebody works on a seat this month."""
        return chair.person.starts <= self.t <= chair.person.leaves

    def begin_people(self):
        """Who starts, works and leaves, and what they have room for."""
        plan, frozen = self.plan, self.frozen()
        self.hours = [0.0] * (1 + max((g[Group.BUDGET] for g in plan.groups), default=-1) + len(plan.cells))
        self.sellers, self.service = [0.0] * len(plan.segments), [0.0] * len(plan.groups)
        teams = 1 + max((max(g[Group.TEAM], g[Group.QUOTA_OF_TEAM]) for g in plan.groups), default=-1)
        self.team_quota, self.team_booked, self.managers = [0.0] * teams, [0.0] * teams, [0] * teams
        self.potentials = self.weigh_territories()
        for chair in self.chairs:
            chair.room = 0.0
            self.sit(chair, frozen)
        for g, row in enumerate(plan.groups):
            team = row[Group.QUOTA_OF_TEAM]
            if team >= 0:
                for chair in self.in_groups[g]:
                    if self.works(chair):
                        chair.person.quota += self.team_quota[team] / self.managers[team]
                        self.group[GroupOut.QUOTA][self.t][g] += self.team_quota[team] / self.managers[team]

    def weigh_territories(self):
        """Each territory's potential over the mean of its segment's; 1 of other pools."""
        plan, v = self.plan, self.v
        found = [1.0] * len(plan.pools)
        for row in plan.segments:
            own = range(row[Segment.FIRST_POOL], row[Segment.FIRST_POOL] + row[Segment.POOLS])
            total = sum(v[plan.pools[p][Pool.POTENTIAL]] for p in own if plan.pools[p][Pool.TERRITORY])
            for p in own:
                if total > 0.0:
                    found[p] = v[plan.pools[p][Pool.POTENTIAL]] * len(own) / total
        return found

    def sit(self, chair, frozen):
        """A month on a seat."""
        t, g, person = self.t, chair.group, chair.person
        row = self.plan.groups[g]
        if person.leaves < t:
            return
        if person.starts == t and not person.existing:
            may_freeze = person.first or self.plan.calendar[Calendar.FREEZE_BACKFILLS]
            if frozen and may_freeze and not person.promoted:
                person.starts += 1
                self.group[GroupOut.FROZEN][t][g] += 1
            else:
                self.group[GroupOut.STARTS][t][g] += 1
                self.group[GroupOut.RECRUITED][t][g] += not person.promoted
        if person.starts <= t:
            self.work(chair, row)
        elif row[Group.RAMP_SHAPE] == Shape.BOOKINGS:
            self.open_room(chair, row, self.ramp_share(chair, t - person.starts + 0.5) * person.skill)

    def work(self, chair, row):
        """A month of work."""
        t, g, person, v = self.t, chair.group, chair.person, self.v
        tenure = t - person.starts + person.before
        share = self.ramp_share(chair, tenure + 0.5)
        strength = share * person.skill
        person.worked += 1
        self.group[GroupOut.WORKING][t][g] += 1
        self.group[GroupOut.RAMPED][t][g] += share
        self.give_quota(chair, row, tenure + 0.5, share)
        self.open_room(chair, row, strength)
        if row[Group.SELLS]:
            self.sellers[row[Group.SEGMENT]] += strength
        if row[Group.BUDGET] >= 0:
            self.hours[row[Group.BUDGET]] += v[row[Group.HOURS]] * strength
        if row[Group.SERVES]:
            self.service[g] += v[row[Group.CARRIES]] * strength
        if row[Group.QUOTA_OF_TEAM] >= 0:
            self.managers[row[Group.QUOTA_OF_TEAM]] += 1
        if row[Group.PROMOTED_INTO] != NONE:
            passed = min(1.0, max(0.0, tenure + 1.0 - v[row[Group.PROMOTION_AFTER]]))
            person.career -= v[row[Group.PROMOTION]] * passed
            person.ready = person.ready or person.career < 0.0
        voluntary = v[row[Group.VOLUNTARY]] * (v[row[Group.MISSED_TIMES]] if person.below else 1.0)
        hazard = voluntary + v[row[Group.INVOLUNTARY]]
        person.life -= hazard * self.integral(BandKind.HAZARD, g, 1.0, tenure, tenure + 1.0)
        if person.life >= 0.0 or hazard <= 0.0:
            self.group[GroupOut.HEADCOUNT][t][g] += 1
            return
        self.group[GroupOut.LEAVERS][t][g] += 1
        self.group[GroupOut.INVOLUNTARY][t][g] += self.rng.random() >= voluntary / hazard
        self.leave(chair, row)

    def leave(self, chair, row):
        """The occupant leaves at the end of the month."""
        chair.person.leaves, chair.next_promoted, chair.next_starts = self.t, False, NONE
        if row[Group.BACKFILL]:
            lag = self.v[row[Group.CLIMATE]] * self.v[row[Group.LAG]]
            chair.next_starts = self.t + 1 + math.floor(lag + self.rng.random())

    def give_quota(self, chair, row, tenure, share):
        """The month's part of a quota, and what commission is sure to pay."""
        person, v, g = chair.person, self.v, chair.group
        person.draw = 0.0
        if tenure < row[Group.DRAW_MONTHS]:
            person.draw = v[row[Group.DRAW_SHARE]] * v[row[Group.VARIABLE]] / YEAR
            self.group[GroupOut.COMMISSION][self.t][g] += person.draw
        person.annual = v[row[Group.QUOTA]] * (self.potentials[chair.pool] if chair.pool >= 0 else 1.0)
        if person.annual <= 0.0:
            return
        quota = person.annual / YEAR * self.level(BandKind.QUOTA, g, 1.0, tenure)
        if row[Group.RELIEF]:
            quota *= share
        person.quota += quota
        self.group[GroupOut.QUOTA][self.t][g] += quota
        if row[Group.TEAM] >= 0 and row[Group.SELLS]:
            self.team_quota[row[Group.TEAM]] += quota

    def open_room(self, chair, row, strength):
        """Add a seller's room to the capacity of the pool."""
        if chair.pool < 0:
            return
        chair.room = strength * (UNLIMITED_ROOM if row[Group.UNLIMITED] else self.v[row[Group.ROOM]])
        added = math.inf if row[Group.UNLIMITED] and self.works(chair) else chair.room
        self.out["pool"][PoolOut.CAPACITY][self.t][chair.pool] += added
        self.segment[SegmentOut.CAPACITY][self.t][self.plan.pools[chair.pool][Pool.SEGMENT]] += added

    def promote(self):
        """Those ready move to open seats, or out of the plan."""
        for g, row in enumerate(self.plan.groups):
            if row[Group.PROMOTED_INTO] == NONE:
                continue
            for chair in self.in_groups[g]:
                person = chair.person
                if not person.ready or person.starts > self.t or person.leaves != NEVER:
                    continue
                if row[Group.PROMOTED_INTO] != OUT_OF_THE_PLAN and not self.move_into(row[Group.PROMOTED_INTO]):
                    break
                self.leave(chair, row)
                self.group[GroupOut.HEADCOUNT][self.t][g] -= 1
                self.group[GroupOut.LEAVERS][self.t][g] += 1
                self.group[GroupOut.PROMOTED][self.t][g] += 1

    def move_into(self, group):
        """Fill the first open seat of a group next month; returns whether there is one."""
        t = self.t
        for chair in self.in_groups[group]:
            if chair.planned > self.plan.start + t + 1:
                continue
            person = chair.person
            if person.leaves == t and chair.next_starts > t + 1:
                chair.next_starts, chair.next_promoted = t + 1, True
                return True
            if person.leaves > t and person.starts > t + 1:
                person.starts, person.promoted = t + 1, True
                return True
        return False

    def credit(self, chair, amount):
        """Credit a deal to its owner."""
        row, person, v = self.plan.groups[chair.group], chair.person, self.v
        self.group[GroupOut.CREDITED][self.t][chair.group] += amount
        if row[Group.TEAM] >= 0:
            self.team_booked[row[Group.TEAM]] += amount
        if not self.works(chair):
            return
        booked, person.booked = person.booked, person.booked + amount
        variable, quota = v[row[Group.VARIABLE]], v[row[Group.QUOTA]]
        if variable > 0.0 and quota > 0.0:
            limit = v[self.plan.calendar[Calendar.ACCELERATOR_ABOVE]] * person.annual
            below = min(max(limit - booked, 0.0), amount)
            times = v[self.plan.calendar[Calendar.ACCELERATOR_RATE]]
            earned = variable / quota * (below + times * (amount - below))
            drawn = min(person.draw, earned)
            person.draw -= drawn
            self.group[GroupOut.COMMISSION][self.t][chair.group] += earned - drawn

    def end_people(self):
        """Credit managers, rate everybody at the end of a fiscal year or of the plan, and seat who follows."""
        t = self.t
        for g, row in enumerate(self.plan.groups):
            team = row[Group.QUOTA_OF_TEAM]
            if team >= 0:
                for chair in self.in_groups[g]:
                    if self.works(chair):
                        chair.person.booked += self.team_booked[team] / self.managers[team]
        year_ends = self.fiscal_months(t + 1) == 0 or t + 1 == self.plan.months
        for chair in self.chairs:
            person = chair.person
            if person.starts <= t and person.leaves == NEVER:
                if year_ends:
                    self.rate(chair, self.fiscal_months(t) + 1)
            elif person.leaves == t and chair.next_starts != NONE:
                chair.person = self.new_person(chair.group, chair.next_starts)
                chair.person.promoted = chair.next_promoted

    def rate(self, chair, months):
        """Rate somebody by bookings over quota."""
        person, g, t = chair.person, chair.group, self.t
        person.below = False
        if 2 * person.worked >= months and person.quota > 0.0:
            attainment = person.booked / person.quota + ROUNDING
            self.group[GroupOut.RATED][t][g] += 1
            self.group[GroupOut.AT_QUOTA][t][g] += attainment >= 1.0
            self.group[GroupOut.NEAR_QUOTA][t][g] += 0.7 <= attainment < 0.8
            self.group[GroupOut.BELOW_HALF][t][g] += attainment < 0.5
            person.below = attainment < self.v[self.plan.groups[g][Group.MISSED_BELOW]]
        person.quota = person.booked = 0.0
        person.worked = 0

    # ----- demand -----

    def mean_arrivals(self, c, cell):
        """Expected arrivals at the first stage."""
        v, month = self.v, (self.plan.start + self.t) % YEAR
        grown = self.plan.calendar[Calendar.GROWN] + self.t
        mean = v[cell[Cell.VOLUME]] * (1.0 + v[cell[Cell.GROWTH]]) ** (grown / YEAR) * self.plan.season[c][month]
        if cell[Cell.SOURCE] == Source.RESPONSE:
            x, half = v[cell[Cell.SPEND]] / v[cell[Cell.AT_SPEND]], v[cell[Cell.HALF_SATURATION]]
            mean *= x * (1.0 + half) / (x + half) if x > 0.0 else 0.0
        elif cell[Cell.SOURCE] == Source.SELLERS:
            mean *= self.sellers[cell[Cell.SEGMENT]]
        return mean

    def arrive(self, c, cell, mean):
        """Poisson, or a gamma mixture of Poissons, which is negative binomial."""
        extra = self.v[cell[Cell.OVERDISPERSION]] - 1.0
        if extra > 0.0 and mean > 0.0:
            mean = self.rng.standard_gamma(mean / extra) * extra
        self.reached[self.t][c][0] = int(self.rng.poisson(mean))

    def create_demand(self):
        """Opportunities of the month by cell."""
        cells, v, reached = self.plan.cells, self.v, self.reached[self.t]
        for c, cell in enumerate(cells):
            if cell[Cell.SOURCE] != Source.HOURS:
                self.arrive(c, cell, self.mean_arrivals(c, cell))
        for budget, hours in enumerate(self.hours):
            own = [c for c, cell in enumerate(cells) if cell[Cell.QUALIFIED_BY] == budget]
            need = sum(reached[c][0] * v[cells[c][Cell.QUALIFYING_HOURS]] for c in own)
            if need > hours:
                for c in own:
                    kept = int(self.rng.binomial(reached[c][0], hours / need))
                    self.out["cell"][CellOut.DROPPED][self.t][c] = reached[c][0] - kept
                    reached[c][0] = kept
            left = max(0.0, hours - need)
            drawing = [c for c, cell in enumerate(cells) if cell[Cell.BUDGET] == budget]
            weights = sum(v[cells[c][Cell.WEIGHT]] for c in drawing)
            for c in drawing:
                if weights > 0.0:
                    self.arrive(
                        c, cells[c], self.mean_arrivals(c, cells[c]) * left * v[cells[c][Cell.WEIGHT]] / weights
                    )
        for c in range(len(cells)):
            self.pass_stages(c)
        return [cell[-1] for cell in reached]

    def pass_stages(self, c):
        """Of those at each stage, how many pass it, and when they reach the next."""
        for stage, (rate, lag) in enumerate(zip(self.plan.rates[c], self.plan.stage_lags[c], strict=True)):
            count = int(self.rng.binomial(self.reached[self.t][c][stage], self.v[rate]))
            whole = math.floor(self.v[lag])
            late = int(self.rng.binomial(count, self.v[lag] - whole)) if self.v[lag] > whole else 0
            for month, arriving in ((self.t + whole, count - late), (self.t + whole + 1, late)):
                if month < self.plan.months:
                    self.reached[month][c][stage + 1] += arriving

    def pass_pipeline(self):
        """Of the early rows of the opening pipeline: opportunities of the first month."""
        found = []
        for row in self.plan.pipeline:
            c, count = row[Row.CELL], row[Row.COUNT] if row[Row.STAGE] < len(self.plan.rates[row[Row.CELL]]) else 0
            for stage in range(row[Row.STAGE], len(self.plan.rates[c])):
                count = int(self.rng.binomial(count, self.v[self.plan.rates[c][stage]]))
                self.reached[0][c][stage + 1] += count
            found.append(count)
        return found

    # ----- opportunities -----

    def new_deal(self, c, stated, opening):
        """An opportunity that nobody has started."""
        cell = self.plan.cells[c]
        pool = self.pool_of(cell) if cell[Cell.SOLD] else NONE
        deal = Deal(c, pool, stated, opening, 0.0, 1.0)
        self.expect(deal)
        self.pipeline[cell[Cell.SEGMENT]] += deal.expected
        return deal

    def pool_of(self, cell):
        """The pool of an opportunity that sellers work."""
        segment = self.plan.segments[cell[Cell.SEGMENT]]
        first, count = segment[Segment.FIRST_POOL], segment[Segment.POOLS]
        if count == 1:
            return first
        potentials = [self.v[self.plan.pools[first + k][Pool.POTENTIAL]] for k in range(count)]
        lot = self.rng.random() * sum(potentials)
        for k, potential in enumerate(potentials):
            lot -= potential
            if lot < 0.0:
                return first + k
        return first + count - 1

    def expect(self, deal):
        """What an opportunity is expected to bring, and the room that it takes."""
        cell, v = self.plan.cells[deal.cell], self.v
        mean = v[cell[Cell.DEAL_SIZE]] * (1.0 + v[cell[Cell.OUTLIER_SHARE]] * (v[cell[Cell.OUTLIER_TIMES]] - 1.0))
        deal.expected = rounded(deal.stated if deal.stated >= 0.0 else mean)
        if deal.pool != NONE and self.plan.pools[deal.pool][Pool.IN_MONEY]:
            deal.load = deal.expected

    def settle_size(self, deal, cell):
        """What an opportunity is worth."""
        deal.amount = deal.stated
        if deal.stated < 0.0:
            v, z = self.v, self.rng.standard_normal()
            share, sigma, times = v[cell[Cell.OUTLIER_SHARE]], v[cell[Cell.DEAL_SIGMA]], 1.0
            deal.rank = (1.0 - share) * NORMAL.cdf(z)
            if share > 0.0 and self.rng.random() < share:
                times, deal.rank = v[cell[Cell.OUTLIER_TIMES]], 1.0 - share + share * NORMAL.cdf(z)
            deal.amount = times * v[cell[Cell.DEAL_SIZE]] * math.exp(sigma * z - 0.5 * sigma * sigma)

    def terms_of(self, deal, cell):
        """Win rate and mean cycles in the band of the size."""
        v = self.v
        win_rate, won, lost = v[cell[Cell.WIN_RATE]], v[cell[Cell.CYCLE]], v[cell[Cell.CYCLE_LOST]]
        for above, times, longer in reversed(self.plan.bands.get((BandKind.DEAL, deal.cell), ())):
            if deal.amount > v[above]:
                return min(1.0, win_rate * v[times]), won * v[longer], lost * v[longer]
        return win_rate, won, lost

    def month_on_clock(self, c, t, passed):
        """The month in which the closing clock has run so much from the beginning of month t."""
        weights = self.plan.weights[c]
        while t < self.plan.months:
            passed -= weights[t]
            if passed < 0.0:
                return t
            t += 1
        return self.plan.months

    def start(self, deal):
        """Start to work an opportunity."""
        t, rng, cell = self.t, self.rng, self.plan.cells[deal.cell]
        self.settle_size(deal, cell)
        win_rate, won, lost = self.terms_of(deal, cell)
        deal.won = rng.random() < win_rate
        cycle = (won if deal.won else lost) * factor(self.v[cell[Cell.CYCLE_SIGMA]], rng)
        passed = rng.random() * self.plan.weights[deal.cell][t] + cycle
        deal.closes = self.month_on_clock(deal.cell, t, passed)
        self.schedule(deal)
        if deal.pool != NONE:
            if deal.closes > t:
                self.taken[deal.pool] += deal.load
            self.own(deal)

    def schedule(self, deal):
        """Put an opportunity on the calendar."""
        self.closing[deal.closes].append(deal)
        self.n_open[self.plan.cells[deal.cell][Cell.SEGMENT]] += 1

    def own(self, deal, group=NONE, staying=False):
        """Give an opportunity to the least loaded seat with room; returns whether there is one."""
        best, least = None, math.inf
        for number in self.plan.members[deal.pool]:
            chair = self.chairs[number]
            if chair.room <= 0.0 or group not in (NONE, chair.group):
                continue
            if staying and (chair.person.starts > self.t or chair.person.leaves != NEVER):
                continue
            burden = (chair.owned + deal.load) / chair.room
            if burden < least * (1.0 - ROUNDING):
                best, least = chair, burden
        if best is None:
            return False
        deal.owner = best
        best.owned += deal.load
        return True

    def survival(self, mean, sigma, age):
        """P(cycle > age)."""
        if age <= 0.0 or (sigma == 0.0 and mean > age):
            return 1.0
        if sigma == 0.0 or mean <= 0.0:
            return SMALLEST_SURVIVAL
        z = (math.log(age / mean) + 0.5 * sigma * sigma) / sigma
        return max(SMALLEST_SURVIVAL, 0.5 * math.erfc(z / math.sqrt(2.0)))

    def resume(self):
        """Go on with what is open at the last stage when the plan starts."""
        for row, (age, stated) in zip(self.plan.pipeline, self.plan.pipeline_numbers, strict=True):
            if row[Row.WAITING]:
                stale = self.v[self.plan.calendar[Calendar.STALE]]
                for _ in range(row[Row.COUNT]):
                    deal = self.new_deal(row[Row.CELL], stated, opening=True)
                    if stale > 0.0:
                        deal.stale = int(self.rng.geometric(stale)) - 1
                    self.queue[deal.pool].append(deal)
            elif row[Row.STAGE] == len(self.plan.rates[row[Row.CELL]]):
                for _ in range(row[Row.COUNT]):
                    self.go_on(self.new_deal(row[Row.CELL], stated, opening=True), age, row[Row.OWNER])

    def go_on(self, deal, age, group):
        """Go on with one that has been open for `age` months."""
        cell, rng = self.plan.cells[deal.cell], self.rng
        self.settle_size(deal, cell)
        win_rate, won_mean, lost_mean = self.terms_of(deal, cell)
        sigma = self.v[cell[Cell.CYCLE_SIGMA]]
        wins, loses = self.survival(won_mean, sigma, age), self.survival(lost_mean, sigma, age)
        deal.won = rng.random() < win_rate * wins / (win_rate * wins + (1.0 - win_rate) * loses)
        mean, survived = (won_mean, wins) if deal.won else (lost_mean, loses)
        left = mean - age
        if sigma > 0.0 and mean > 0.0:
            z = -NORMAL.inv_cdf(survived * (1.0 - rng.random()))
            left = mean * math.exp(sigma * z - 0.5 * sigma * sigma) - age
        deal.closes = self.month_on_clock(deal.cell, 0, max(0.0, left))
        self.schedule(deal)
        if deal.pool != NONE:
            self.taken[deal.pool] += deal.load
            self.own(deal, group)

    def take_up(self, created, passing):
        """What arrives starts or waits, what waited starts or goes stale."""
        fresh = [[] for _ in self.plan.pools]
        arriving = [(c, -1.0, False, count) for c, count in enumerate(created)]
        for row, (_, stated), count in zip(self.plan.pipeline, self.plan.pipeline_numbers, passing, strict=False):
            arriving.append((row[Row.CELL], stated, True, count))
        for c, stated, opening, count in arriving:
            s = self.plan.cells[c][Cell.SEGMENT]
            self.segment[SegmentOut.OPPORTUNITIES][self.t][s] += count
            for _ in range(count):
                deal = self.new_deal(c, stated, opening)
                if deal.pool == NONE:
                    self.start(deal)
                    self.segment[SegmentOut.STARTED][self.t][s] += 1
                else:
                    fresh[deal.pool].append(deal)
        for pool, deals in enumerate(fresh):
            self.take_up_pool(pool, deals)

    def take_up_pool(self, pool, fresh):
        """Who waits starts first, then the fresh ones by lot, as far as sellers have room."""
        t, s, out = self.t, self.plan.pools[pool][Pool.SEGMENT], self.out["pool"]
        stale = self.v[self.plan.calendar[Calendar.STALE]]
        out[PoolOut.ARRIVED][t][pool] = len(fresh)
        waiting = [deal for deal in self.queue[pool] if deal.stale > t]
        gone = len(self.queue[pool]) - len(waiting)
        for deal in self.queue[pool]:
            self.pipeline[s] -= deal.expected
        for deal in waiting:
            self.expect(deal)
            self.pipeline[s] += deal.expected
        self.taken[pool] -= sum(deal.load for deal in self.closing[t] if deal.pool == pool)
        capacity = out[PoolOut.CAPACITY][t][pool]
        wanted = self.taken[pool] + sum(deal.load for deal in waiting) + sum(deal.load for deal in fresh)
        all_fit = capacity > 0.0 and wanted <= capacity + ROUNDING * max(1.0, wanted)
        if not all_fit:
            self.rng.shuffle(fresh)
        left = []
        for deals in (waiting, fresh):
            k = 0
            while k < len(deals) and (all_fit or self.fits(deals[k], capacity)):
                self.start(deals[k])
                k += 1
            left += deals[k:]
        for deal in fresh:
            if deal.closes == NEVER and stale > 0.0:
                deal.stale = t + int(self.rng.geometric(stale))
        started = len(waiting) + len(fresh) - len(left)
        self.queue[pool] = left
        for output, of_segment, count in (
            (PoolOut.STALE, SegmentOut.STALE, gone),
            (PoolOut.STARTED, SegmentOut.STARTED, started),
            (PoolOut.WAITING, SegmentOut.WAITING, len(left)),
        ):
            out[output][t][pool] = count
            self.segment[of_segment][t][s] += count

    def fits(self, deal, capacity):
        """Whether a pool has room for an opportunity."""
        taken = self.taken[deal.pool]
        return capacity > 0.0 and (taken == 0.0 or taken + deal.load <= capacity + ROUNDING * max(1.0, deal.load))

    def close(self):
        """Won and lost in the month; returns how many customers each segment had before."""
        t, cell_out, before = self.t, self.out["cell"], [len(book) for book in self.books]
        for deal in self.closing[t]:
            cell = self.plan.cells[deal.cell]
            s = cell[Cell.SEGMENT]
            self.n_open[s] -= 1
            self.pipeline[s] -= deal.expected
            if deal.owner is not None:
                deal.owner.owned -= deal.load
            if not deal.won:
                self.segment[SegmentOut.LOST][t][s] += 1
                continue
            self.segment[SegmentOut.WON][t][s] += 1
            cell_out[CellOut.WON][t][deal.cell] += 1
            cell_out[CellOut.BOOKINGS][t][deal.cell] += deal.amount
            if deal.pool != NONE:
                self.out["pool"][PoolOut.CREDITED][t][deal.pool] += deal.amount
            if deal.owner is not None:
                self.credit(deal.owner, deal.amount)
            if self.plan.segments[s][Segment.SUBSCRIPTION]:
                self.segment[SegmentOut.NEW_ARR][t][s] += deal.amount
                self.segment[SegmentOut.NEW_CUSTOMERS][t][s] += 1
                self.segment[self.certainty(deal)][t][s] += deal.amount
                cell_out[CellOut.NEW_ARR][t][deal.cell] += deal.amount
                self.admit(s, deal)
            else:
                self.segment[SegmentOut.ONE_OFF_BOOKINGS][t][s] += deal.amount
                self.segment[SegmentOut.BILLINGS][t][s] += deal.amount
        return before

    def certainty(self, deal):
        """The part of the year's new ARR to which a deal belongs."""
        if deal.opening:
            return SegmentOut.NEW_FROM_PIPELINE
        if deal.owner is None:
            return SegmentOut.NEW_WITHOUT_SELLER
        return SegmentOut.NEW_FROM_EXISTING if deal.owner.person.existing else SegmentOut.NEW_FROM_HIRES

    def hand_over(self):
        """What leavers own goes to others, closes later and is won less often."""
        t, plan = self.t, self.plan
        leavers = {id(chair): k for k, chair in enumerate(self.chairs) if chair.person.leaves == t}
        if not leavers:
            return
        orphans = []
        for month in range(t + 1, plan.months + 1):
            orphans += [deal for deal in self.closing[month] if id(deal.owner) in leavers]
            self.closing[month] = [deal for deal in self.closing[month] if id(deal.owner) not in leavers]
        orphans.sort(key=lambda deal: (leavers[id(deal.owner)], deal.opening, deal.cell))
        for deal in orphans:
            leaver = deal.owner
            row = plan.groups[leaver.group]
            times = self.v[row[Group.LEAVER_WIN_RATE]]
            deal.won = deal.won and (times >= 1.0 or self.rng.random() < times)
            deal.closes = min(deal.closes + row[Group.REASSIGNED_AFTER], plan.months)
            self.closing[deal.closes].append(deal)
            if self.own(deal, staying=True):
                leaver.owned -= deal.load

    # ----- customers -----

    def open_base(self):
        """The customers there when the plan starts."""
        for row, (arr, rank) in zip(self.plan.customers, self.plan.customer_numbers, strict=True):
            s, ends = row[Opening.SEGMENT], row[Opening.DUE]
            phase = ends % self.plan.calendar[Calendar.BILLING]
            customer = Customer(arr, rank, ends, phase, row[Opening.RENEWAL_RATE])
            self.set_due(s, customer, 0)
            self.books[s].append(customer)
            self.loads[s][0] += 1
            self.loads[s][1] += arr
        self.remembered = [[[customer.arr for customer in book]] for book in self.books]

    def set_due(self, s, customer, earliest):
        """When the renewal at the end of the term is decided."""
        row, decided = self.plan.segments[s], customer.ends
        early, late = row[Segment.EARLY_MONTHS], row[Segment.LATE_MONTHS]
        if early + late > 0:
            u = self.rng.random()
            if u < self.v[row[Segment.EARLY_SHARE]]:
                decided -= early
            elif u >= 1.0 - self.v[row[Segment.LATE_SHARE]]:
                decided += late
            decided = max(decided, earliest)
        if decided < self.plan.months:
            self.due[decided].append((s, customer))

    def term(self, row):
        """Length of a term."""
        first, count = row[Segment.FIRST_TERM], row[Segment.TERMS]
        u = self.rng.random() if count > 1 else 0.0
        for k in range(first, first + count - 1):
            if self.plan.term_shares[k] > u:
                return self.plan.terms[k]
        return self.plan.terms[first + count - 1]

    def admit(self, s, deal):
        """A deal won is a new customer."""
        t, row = self.t, self.plan.segments[s]
        live = t + math.floor(self.v[row[Segment.GO_LIVE]] + self.rng.random())
        if live < self.plan.months:
            self.segment[SegmentOut.WENT_LIVE][live][s] += deal.amount
        phase = t % self.plan.calendar[Calendar.BILLING]
        customer = Customer(deal.amount, deal.rank, live + self.term(row), phase)
        self.set_due(s, customer, t + 1)
        self.books[s].append(customer)

    def cover(self):
        """Coverage of each segment: Σ capacity/load over the groups that serve it, at most 1."""
        for output, duty in ((SegmentOut.RENEWAL_COVERAGE, RENEWAL), (SegmentOut.EXPANSION_COVERAGE, EXPANSION)):
            shares: dict[int, float] = {}
            for g, row in enumerate(self.plan.groups):
                if row[Group.SERVES] & duty:
                    measure = 1 if row[Group.SERVES] & BY_ARR else 0
                    load = sum(self.loads[s][measure] for s in self.plan.served[g])
                    for s in self.plan.served[g]:
                        shares[s] = shares.get(s, 0.0) + (self.service[g] / load if load > 0.0 else 1.0)
            self.segment[output][self.t] = [min(1.0, shares.get(s, 1.0)) for s in range(len(self.plan.segments))]

    def renew(self):
        """Renewals decided in the month."""
        t, v = self.t, self.v
        for s, customer in self.due[t]:
            row, due, u = self.plan.segments[s], customer.arr, self.rng.random()
            rate = v[customer.own_rate if customer.own_rate != NONE else row[Segment.RENEWAL_RATE]]
            if customer.own_rate == NONE and v[row[Segment.TILT]] != 0.0:
                rate = min(1.0, max(0.0, rate + v[row[Segment.TILT]] * (2.0 * customer.rank - 1.0)))
            rate *= self.segment[SegmentOut.RENEWAL_COVERAGE][t][s] ** v[row[Segment.ELASTICITY]]
            self.segment[SegmentOut.RENEWALS_DUE][t][s] += 1
            if customer.ends < self.plan.months:
                self.segment[SegmentOut.ATR][customer.ends][s] += due
            if u >= rate:
                self.segment[SegmentOut.CHURNED_ARR][t][s] += due
                self.segment[SegmentOut.CHURNED_CUSTOMERS][t][s] += 1
                customer.arr, customer.there = 0.0, False
                continue
            kept, depth, contraction = due, v[row[Segment.DEPTH]], v[row[Segment.CONTRACTION]]
            if depth > 0.0 and contraction > 0.0 and u >= rate - contraction / depth:
                kept = due - due * depth
                self.segment[SegmentOut.CONTRACTION_ARR][t][s] += due * depth
            customer.arr = kept + kept * v[row[Segment.PRICE]]
            self.segment[SegmentOut.PRICE_ARR][t][s] += customer.arr - kept
            self.segment[SegmentOut.RENEWALS][t][s] += 1
            customer.ends += self.term(row)
            self.set_due(s, customer, t + 1)

    def expand(self, before):
        """Expansions of the month, of the customers there who did not join in it."""
        t, v, rng = self.t, self.v, self.rng
        for s, row in enumerate(self.plan.segments):
            there = [customer for customer in self.books[s][: before[s]] if customer.there]
            coverage, win_rate = self.segment[SegmentOut.EXPANSION_COVERAGE][t][s], v[row[Segment.EXPANSION_WIN_RATE]]
            mean = len(there) * v[row[Segment.EXPANSION_RATE]]
            won = int(rng.poisson(mean * coverage * win_rate))
            lost = int(rng.poisson(mean * coverage * (1.0 - win_rate)))
            self.segment[SegmentOut.EXPANSIONS][t][s] = won
            self.segment[SegmentOut.EXPANSIONS_WORKED][t][s] = won + lost
            self.segment[SegmentOut.EXPANSIONS_MET][t][s] = won + lost + int(rng.poisson(mean * (1.0 - coverage)))
            for _ in range(won):
                customer = there[int(rng.random() * len(there))]
                size = v[row[Segment.EXPANSION_SIZE]] * factor(v[row[Segment.EXPANSION_SIGMA]], rng)
                customer.arr += size
                self.segment[SegmentOut.EXPANSION_ARR][t][s] += size
                until_bill = (customer.phase - t) % self.plan.calendar[Calendar.BILLING]
                self.segment[SegmentOut.BILLINGS][t][s] += size * until_bill / YEAR

    def close_books(self):
        """Bills, the end of the month, and what is left of those there twelve months before."""
        t, billing = self.t, self.plan.calendar[Calendar.BILLING]
        for s, book in enumerate(self.books):
            now = [customer.arr for customer in book]
            count, total = sum(customer.there for customer in book), math.fsum(now)
            self.loads[s] = [count, total]
            self.segment[SegmentOut.CUSTOMERS][t][s], self.segment[SegmentOut.ENDING_ARR][t][s] = count, total
            billed = sum(customer.arr for customer in book if customer.phase == t % billing)
            self.segment[SegmentOut.BILLINGS][t][s] += billed * billing / YEAR
            then = self.remembered[s][max(0, t + 1 - YEAR)]
            pairs = list(zip(then, now, strict=False))
            self.segment[SegmentOut.NRR_ARR][t][s] = sum(arr for old, arr in pairs if old > 0.0)
            self.segment[SegmentOut.GRR_ARR][t][s] = sum(map(min, then, now))
            self.remembered[s].append(now)
            self.segment[SegmentOut.OPEN][t][s] = self.n_open[s]
            self.segment[SegmentOut.PIPELINE][t][s] = self.pipeline[s]
        self.out["pool"][PoolOut.LOAD][t] = list(self.taken)
