"""Step 1 (docs/model.md) over (path, seat): delay, ramp, leaving, promotion, backfill, freeze, quotas, commission."""

from itertools import pairwise

import numpy as np

from bench.vectorised.arrays import NEVER, YEAR, factor, ranks, tally
from simengine.kernel.tables import (
    BandKind,
    Calendar,
    Cell,
    Group,
    GroupOut,
    Pool,
    PoolOut,
    Seat,
    SegmentOut,
    Shape,
)

NOBODY, OUT_OF_THE_PLAN = -1, -2
UNLIMITED_ROOM = 1e6
ROUNDING = 1e-9


class People:
    """All seats of all paths; `out` is the Results that it writes to."""

    def __init__(self, tables, numbers, rng, out):
        self.tables, self.rng, self.out = tables, rng, out
        self.calendar, self.groups, self.seats = tables.calendar, tables.groups, tables.seats
        paths, n_seats = len(out.segment), len(self.seats)
        self.paths, self.group_of = paths, self.seats[:, Seat.GROUP]
        edges = np.searchsorted(self.group_of, np.arange(len(self.groups) + 1))
        self.spans = [slice(low, high) for low, high in pairwise(edges)]
        self.bands = {
            (g, kind): [row[2:4] for row in tables.bands.tolist() if tuple(row[:2]) == (g, kind)]
            for g in range(len(self.groups))
            for kind in (BandKind.HAZARD, BandKind.QUOTA, BandKind.BOOKINGS)
        }
        budgets = [self.groups[:, Group.BUDGET], tables.cells[:, Cell.BUDGET], tables.cells[:, Cell.QUALIFIED_BY]]
        self.n_budgets = 1 + max(column.max(initial=-1) for column in budgets)
        self.n_teams = 1 + max(self.groups[:, [Group.TEAM, Group.QUOTA_OF_TEAM]].max(initial=-1), -1)
        shape = (paths, n_seats)
        self.starts, self.leaves = np.zeros(shape, np.int64), np.full(shape, NEVER)
        self.next_starts, self.worked = np.full(shape, NOBODY, np.int64), np.zeros(shape, np.int64)
        self.existing, self.internal, self.next_internal, self.below, self.never, self.ready = (
            np.zeros(shape, np.bool_) for _ in range(6)
        )
        self.first = np.ones(shape, np.bool_)  # whether nobody has been on the seat in the plan
        self.before, self.ramp, self.skill, self.life, self.career = (np.zeros(shape) for _ in range(5))
        self.quota, self.booked, self.annual, self.draw, self.owned, self.ease = (np.zeros(shape) for _ in range(6))
        self._seat_first(numbers)

    def _seat_first(self, numbers):
        start, planned = self.calendar[Calendar.START], self.seats[:, Seat.PLANNED]
        self.existing[:] = planned == 0
        for month in np.unique(planned):
            which = np.flatnonzero(planned == month)
            p, s = (index.ravel() for index in np.meshgrid(np.arange(self.paths), which, indexing="ij"))
            value, begins = numbers.of_month(max(0, month - start)), np.zeros(len(p), np.int64)
            if month:
                delay = self._of(value, Group.CLIMATE, p, s) * self._of(value, Group.DELAY, p, s)
                size = factor(self._of(value, Group.DELAY_SIGMA, p, s), self.rng.standard_normal(len(p)))
                late = np.floor(delay * size + self.rng.random(len(p))) * (self.seats[s, Seat.EXPECTED] == 0)
                begins = month - start + late.astype(np.int64)
            self._fill(p, s, begins, value)
            if not month:
                self.before[p, s] = self.tables.tenures[s]

    def _of(self, value, column, p, s):
        """A number of the groups of seats s on paths p."""
        return value[self.groups[self.group_of[s], column], p]

    def _fill(self, p, s, starts, value):
        """Seat somebody new on seats s of paths p."""
        n, rng = len(p), self.rng
        self.starts[p, s], self.leaves[p, s] = starts, NEVER
        self.internal[p, s], self.below[p, s], self.ready[p, s] = False, False, False
        self.quota[p, s], self.booked[p, s], self.worked[p, s], self.before[p, s] = 0.0, 0.0, 0, 0.0
        self.skill[p, s] = factor(self._of(value, Group.PRODUCTIVITY_SIGMA, p, s), rng.standard_normal(n))
        spread = factor(self._of(value, Group.RAMP_SIGMA, p, s), rng.standard_normal(n))
        self.ramp[p, s] = self._of(value, Group.RAMP, p, s) * spread
        self.never[p, s] = rng.random(n) < self._of(value, Group.NEVER_SHARE, p, s)
        self.life[p, s], self.career[p, s] = rng.standard_exponential(n), rng.standard_exponential(n)

    def fiscal_months(self, t):
        """Months of the fiscal year before t, as far as they lie in the plan."""
        calendar = self.calendar
        return min(t, (calendar[Calendar.START] + t - calendar[Calendar.FISCAL_START]) % YEAR)

    def _frozen(self, t, value):
        months, after = self.fiscal_months(t), self.calendar[Calendar.FREEZE_AFTER]
        if after < 0 or months < after:
            return np.zeros((self.paths, 1), np.bool_)
        flows = self.out.segment[:, [SegmentOut.NEW_ARR, SegmentOut.ONE_OFF_BOOKINGS], t - months : t]
        planned = self.tables.planned[t - months : t].sum()
        behind = flows.sum(axis=(1, 2, 3)) < (1.0 - value[self.calendar[Calendar.FREEZE_BEHIND]]) * planned
        return behind[:, None]

    def _level(self, g, kind, before, tenure, value):
        found = np.full(tenure.shape, before)
        for start, times in self.bands[g, kind]:
            found = np.where(tenure >= value[start][:, None], value[times][:, None], found)
        return found

    def _integral(self, g, kind, before, low, high, value):
        total, found, since = 0.0, before, low
        for start, times in self.bands[g, kind]:
            begin = np.clip(value[start][:, None], low, high)
            total = total + found * (begin - since)
            found, since = value[times][:, None], begin
        return total + found * (high - since)

    def _ramp_share(self, g, tenure, value):
        """Share of a full workload at tenures (path, seat of group g)."""
        shape, months = self.groups[g, Group.RAMP_SHAPE], self.ramp[:, self.spans[g]]
        if shape == Shape.BOOKINGS:
            x, cycle = tenure + 0.5, value[self.groups[g, Group.RAMP]][:, None]
            booked = self._integral(g, BandKind.BOOKINGS, 0.0, x, x + cycle, value)
            at_once = self._level(g, BandKind.BOOKINGS, 0.0, tenure, value)
            share = np.where(cycle > 0.0, booked / np.where(cycle > 0.0, cycle, 1.0), at_once)
        elif shape == Shape.NONE:
            share = np.ones(tenure.shape)
        else:
            y = np.minimum(1.0, tenure / np.maximum(months, 1e-300))
            share = {Shape.LINEAR: y, Shape.STEP: np.floor(y), Shape.S_CURVE: y * y * (3.0 - 2.0 * y)}[Shape(shape)]
        return np.where(
            self.never[:, self.spans[g]], np.minimum(share, value[self.groups[g, Group.NEVER_LEVEL]][:, None]), share
        )

    def _potentials(self, value):
        """Each territory's potential over the mean of its segment's, (path, pool); 1 of other pools."""
        pools, found = self.tables.pools, np.ones((self.paths, len(self.tables.pools)))
        for s in np.unique(pools[pools[:, Pool.TERRITORY] == 1, Pool.SEGMENT]):
            own = np.flatnonzero(pools[:, Pool.SEGMENT] == s)
            potential = value[pools[own, Pool.POTENTIAL]].T
            total = potential.sum(axis=1, keepdims=True)
            found[:, own] = np.where(total > 0.0, potential * len(own) / np.where(total > 0.0, total, 1.0), 1.0)
        return found

    def begin_month(self, t, value):
        """Who starts, works and leaves in month t, and what they have room for."""
        out, paths = self.out.group[:, :, t], self.paths
        frozen, potential = self._frozen(t, value), self._potentials(value)
        self.hours, self.sellers = np.zeros((paths, self.n_budgets)), np.zeros((paths, len(self.tables.segments)))
        self.service = np.zeros((paths, len(self.groups)))
        self.team_quota, self.managers = np.zeros((paths, self.n_teams)), np.zeros((paths, self.n_teams))
        self.team_booked = np.zeros((paths, self.n_teams))
        self.ease[:] = 0.0
        for g, row in enumerate(self.groups):
            span = self.spans[g]
            working = self._start(t, g, frozen, out)
            tenure = t - self.starts[:, span] + self.before[:, span]
            share = self._ramp_share(g, tenure + 0.5, value)
            strength = share * self.skill[:, span]
            at_work = (strength * working).sum(axis=1)
            self.worked[:, span] += working
            out[:, GroupOut.WORKING, g] = working.sum(axis=1)
            out[:, GroupOut.RAMPED, g] = (share * working).sum(axis=1)
            self._give_quota(g, tenure + 0.5, share, working, potential, value, out)
            self._open_rooms(t, g, strength, working, value)
            if row[Group.SELLS]:
                self.sellers[:, row[Group.SEGMENT]] += at_work
            if row[Group.BUDGET] >= 0:
                self.hours[:, row[Group.BUDGET]] += value[row[Group.HOURS]] * at_work
            if row[Group.SERVES]:
                self.service[:, g] = value[row[Group.CARRIES]] * at_work
            if row[Group.QUOTA_OF_TEAM] >= 0:
                self.managers[:, row[Group.QUOTA_OF_TEAM]] += working.sum(axis=1)
            self._grow_and_leave(t, g, tenure, working, value, out)
        for g, team in enumerate(self.groups[:, Group.QUOTA_OF_TEAM]):
            if team >= 0:
                working = self._working(t, self.spans[g])
                quota = working * (self.team_quota[:, team] / np.maximum(1.0, self.managers[:, team]))[:, None]
                self.quota[:, self.spans[g]] += quota
                out[:, GroupOut.QUOTA, g] += quota.sum(axis=1)

    def _working(self, t, span=slice(None)):
        return (self.starts[:, span] <= t) & (self.leaves[:, span] >= t)

    def _start(self, t, g, frozen, out):
        """Let those due start or put them off; returns who works in group g."""
        span = self.spans[g]
        starts, internal = self.starts[:, span], self.internal[:, span]
        due = (starts == t) & ~self.existing[:, span]
        may_freeze = self.first[:, span] | bool(self.calendar[Calendar.FREEZE_BACKFILLS])
        put_off = due & frozen & may_freeze & ~internal
        starts += put_off
        began = due & ~put_off
        out[:, GroupOut.FROZEN, g] = put_off.sum(axis=1)
        out[:, GroupOut.STARTS, g] = began.sum(axis=1)
        out[:, GroupOut.RECRUITED, g] = (began & ~internal).sum(axis=1)
        return self._working(t, span)

    def _give_quota(self, g, tenure, share, working, potential, value, out):
        row, span = self.groups[g], self.spans[g]
        if row[Group.DRAW_MONTHS]:
            sure = value[row[Group.DRAW_SHARE]] * value[row[Group.VARIABLE]] / YEAR
            self.draw[:, span] = working * (tenure < row[Group.DRAW_MONTHS]) * sure[:, None]
            out[:, GroupOut.COMMISSION, g] += self.draw[:, span].sum(axis=1)
        annual = np.broadcast_to(value[row[Group.QUOTA]][:, None], working.shape)
        if not annual.any():
            return
        pools = self.seats[span, Seat.POOL]
        annual = np.where(pools >= 0, annual * potential[:, pools], annual)
        self.annual[:, span] = annual
        quota = working * annual / YEAR * self._level(g, BandKind.QUOTA, 1.0, tenure, value)
        if row[Group.RELIEF]:
            quota *= share
        self.quota[:, span] += quota
        total = quota.sum(axis=1)
        out[:, GroupOut.QUOTA, g] += total
        if row[Group.TEAM] >= 0 and row[Group.SELLS]:
            self.team_quota[:, row[Group.TEAM]] += total

    def _open_rooms(self, t, g, strength, working, value):
        """Sellers' room, as early as a bookings ramp needs it."""
        row, span = self.groups[g], self.spans[g]
        pools = self.seats[span, Seat.POOL]
        if not len(pools) or pools.max() < 0:
            return
        early = (self.starts[:, span] > t) if row[Group.RAMP_SHAPE] == Shape.BOOKINGS else False
        each = UNLIMITED_ROOM if row[Group.UNLIMITED] else value[row[Group.ROOM]][:, None]
        room = (working | early) * (pools >= 0) * strength * each
        self.ease[:, span] = np.divide(1.0, room, out=np.zeros_like(room), where=room > 0.0)
        if row[Group.UNLIMITED]:
            room = np.where(working, np.inf, room)
        capacity = self.out.pool[:, PoolOut.CAPACITY, t]
        for pool in np.unique(pools[pools >= 0]):
            added = room[:, pools == pool].sum(axis=1)
            capacity[:, pool] += added
            self.out.segment[:, SegmentOut.CAPACITY, t, self.tables.pools[pool, Pool.SEGMENT]] += added

    def _grow_and_leave(self, t, g, tenure, working, value, out):
        row, span = self.groups[g], self.spans[g]
        if row[Group.PROMOTED_INTO] != NOBODY:
            passed = np.clip(tenure + 1.0 - value[row[Group.PROMOTION_AFTER]][:, None], 0.0, 1.0)
            self.career[:, span] -= value[row[Group.PROMOTION]][:, None] * passed * working
            self.ready[:, span] |= self.career[:, span] < 0.0
        voluntary = np.where(self.below[:, span], value[row[Group.MISSED_TIMES]][:, None], 1.0)
        voluntary = voluntary * value[row[Group.VOLUNTARY]][:, None]
        hazard = voluntary + value[row[Group.INVOLUNTARY]][:, None]
        cost = hazard * working
        if self.bands[g, BandKind.HAZARD]:
            cost = cost * self._integral(g, BandKind.HAZARD, 1.0, tenure, tenure + 1.0, value)
        self.life[:, span] -= cost
        leaving = working & (self.life[:, span] < 0.0)
        p, s = np.nonzero(leaving)
        involuntary = self.rng.random(len(p)) >= (voluntary / np.where(hazard > 0.0, hazard, 1.0))[p, s]
        self._leave(t, p, s + span.start, value)
        gone = leaving.sum(axis=1)
        out[:, GroupOut.HEADCOUNT, g] = working.sum(axis=1) - gone
        out[:, GroupOut.LEAVERS, g] = gone
        out[:, GroupOut.INVOLUNTARY, g] = np.bincount(p[involuntary], minlength=self.paths)

    def _leave(self, t, p, s, value):
        lag = self._of(value, Group.CLIMATE, p, s) * self._of(value, Group.LAG, p, s)
        backfill = self.groups[self.group_of[s], Group.BACKFILL] == 1
        starts = t + 1 + np.floor(lag + self.rng.random(len(p))).astype(np.int64)
        self.leaves[p, s], self.next_internal[p, s] = t, False
        self.next_starts[p, s] = np.where(backfill, starts, NOBODY)

    def promote(self, t, value):
        """Those ready move to open seats, in order, or out of the plan."""
        out, month = self.out.group[:, :, t], self.calendar[Calendar.START] + t + 1
        for g, into in enumerate(self.groups[:, Group.PROMOTED_INTO]):
            if into == NOBODY:
                continue
            span = self.spans[g]
            p, s = np.nonzero(self.ready[:, span] & (self.starts[:, span] <= t) & (self.leaves[:, span] == NEVER))
            s = s + span.start
            if into != OUT_OF_THE_PLAN:
                p, s = self._move(t, p, s, self.spans[into], month)
            self._leave(t, p, s, value)
            count = np.bincount(p, minlength=self.paths)
            out[:, GroupOut.HEADCOUNT, g] -= count
            out[:, GroupOut.LEAVERS, g] += count
            out[:, GroupOut.PROMOTED, g] += count

    def _move(self, t, p, s, into, month):
        """The k-th who is ready takes the k-th open seat of the group; returns those who find one."""
        leaves, starts = self.leaves[:, into], self.starts[:, into]
        vacated = leaves == t
        is_open = np.where(vacated, self.next_starts[:, into] > t + 1, (leaves > t) & (starts > t + 1))
        where, seat = np.nonzero(is_open & (self.seats[into, Seat.PLANNED] <= month))
        n_open = np.bincount(where, minlength=self.paths)
        rank = ranks(p)
        found = rank < n_open[p]
        p, s, rank = p[found], s[found], rank[found]
        target = into.start + seat[(np.cumsum(n_open) - n_open)[p] + rank]
        refilled = self.leaves[p, target] == t
        self.next_starts[p[refilled], target[refilled]] = t + 1
        self.next_internal[p[refilled], target[refilled]] = True
        self.starts[p[~refilled], target[~refilled]] = t + 1
        self.internal[p[~refilled], target[~refilled]] = True
        return p, s

    def credit(self, t, p, s, amounts, value):
        """Credit bookings of deals owned by seats s of paths p to groups, teams and occupants, and pay commission."""
        out = self.out.group[:, :, t]
        booked = tally((self.paths, len(self.seats)), p, s, amounts)
        for g, row in enumerate(self.groups):
            span = self.spans[g]
            amount = booked[:, span]
            total = amount.sum(axis=1)
            if not total.any():
                continue
            out[:, GroupOut.CREDITED, g] = total
            if row[Group.TEAM] >= 0:
                self.team_booked[:, row[Group.TEAM]] += total
            amount = amount * self._working(t, span)
            before, quota, variable = self.booked[:, span], value[row[Group.QUOTA]], value[row[Group.VARIABLE]]
            rate = np.divide(variable, quota, out=np.zeros_like(quota), where=quota > 0.0)[:, None]
            limit = value[self.calendar[Calendar.ACCELERATOR_ABOVE]][:, None] * self.annual[:, span]
            below = np.minimum(np.maximum(limit - before, 0.0), amount)
            earned = rate * (below + value[self.calendar[Calendar.ACCELERATOR_RATE]][:, None] * (amount - below))
            out[:, GroupOut.COMMISSION, g] += np.maximum(earned - self.draw[:, span], 0.0).sum(axis=1)
            self.booked[:, span] += amount

    def end_month(self, t, value):
        """Credit managers, rate everybody where a fiscal year or the plan ends, and seat who follows on leavers."""
        for g, team in enumerate(self.groups[:, Group.QUOTA_OF_TEAM]):
            if team >= 0:
                each = self.team_booked[:, team] / np.maximum(1.0, self.managers[:, team])
                self.booked[:, self.spans[g]] += self._working(t, self.spans[g]) * each[:, None]
        if self.fiscal_months(t + 1) == 0 or t + 1 == self.calendar[Calendar.MONTHS]:
            self._rate(t, value)
        p, s = np.nonzero((self.leaves == t) & (self.next_starts != NOBODY))
        internal = self.next_internal[p, s]
        self.existing[p, s], self.first[p, s] = False, False
        self._fill(p, s, self.next_starts[p, s], value)
        self.internal[p, s] = internal

    def _rate(self, t, value):
        out, months = self.out.group[:, :, t], self.fiscal_months(t) + 1
        staying = (self.starts <= t) & (self.leaves == NEVER)
        rated = staying & (2 * self.worked >= months) & (self.quota > 0.0)
        attainment = np.divide(self.booked, self.quota, out=np.zeros_like(self.quota), where=rated) + ROUNDING
        below = rated & (attainment < value[self.groups[self.group_of, Group.MISSED_BELOW]].T)
        self.below = np.where(staying, below, self.below)
        bands = {
            GroupOut.RATED: rated,
            GroupOut.AT_QUOTA: rated & (attainment >= 1.0),
            GroupOut.NEAR_QUOTA: rated & (attainment >= 0.7) & (attainment < 0.8),
            GroupOut.BELOW_HALF: rated & (attainment < 0.5),
        }
        for g, span in enumerate(self.spans):
            for band, who in bands.items():
                out[:, band, g] = who[:, span].sum(axis=1)
        for of_year in (self.quota, self.booked, self.worked):
            of_year[staying] = 0
