"""Steps 3 and 4 (docs/model.md): opportunities as flat columns, sorted by path where their order matters."""

from typing import Any, NamedTuple

import numpy as np

from bench.vectorised.arrays import NEVER, YEAR, Frame, factor, ranks, running, tally
from simengine.kernel.tables import (
    BandKind,
    Calendar,
    Cell,
    CellOut,
    Group,
    Pool,
    PoolOut,
    Row,
    Seat,
    Segment,
    SegmentOut,
)

NONE, DRAWN = -1, -1.0
WHILE_OPEN = (
    *("path", "cell", "pool", "owner", "opening", "won", "closes", "load", "expected", "amount"),
    *("stated", "z_size", "u_outlier"),
)
"""Columns of what is open."""
ROUNDING = 1e-9
SMALLEST_SURVIVAL = 1e-300


def rounded(x):
    """To 32 binary digits, so that sums are exact."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.floor(np.ldexp(mantissa, 32) + 0.5), exponent - 32)


class _Fits(NamedTuple):
    """Opportunities in order of the queue, sorted by group: a pool of a path. `capacity` and `all_fit` are by group."""

    group: Any
    load: Any
    held: Any
    capacity: Any
    all_fit: Any

    def leading(self, which, taken):
        """Of those in `which`, the ones that start where so much is taken: in order until one does not fit."""
        starts, index = np.zeros(len(self.group), np.bool_), np.flatnonzero(which)
        group, load = self.group[index], self.load[index]
        before, room = taken[group] + running(self.held[index], group), self.capacity[group]
        fits = (before == 0.0) | (before + load <= room + ROUNDING * np.maximum(1.0, load))
        fits = self.all_fit[group] | ((room > 0.0) & fits)
        starts[index] = fits & (running(~fits, group) == 0)
        return starts


class Market:
    """What waits and what is open on all paths; `people` are its owners."""

    def __init__(self, tables, people, value, rng, out):
        self.tables, self.people, self.rng, self.out = tables, people, rng, out
        self.paths, self.months = len(out.segment), int(tables.calendar[Calendar.MONTHS])
        self.cells, self.pools = tables.cells, tables.pools
        self.segment_of, self.sold = self.cells[:, Cell.SEGMENT], self.cells[:, Cell.SOLD] == 1
        self.members = [tables.members[row[Pool.FIRST] : row[Pool.FIRST] + row[Pool.SEATS], 0] for row in self.pools]
        self.sizes = self.pools[:, Pool.SEATS]
        self.single = np.array([m[0] if len(m) == 1 else NONE for m in self.members], np.int64)
        self.in_money = self.pools[:, Pool.IN_MONEY] == 1
        months = (tables.calendar[Calendar.START] + np.arange(self.months)) % YEAR
        self.weight = tables.season[:, YEAR + months]
        self.clock = np.zeros((len(self.cells), self.months + 1))
        self.clock[:, 1:] = np.cumsum(self.weight, axis=1)
        # the clocks of all cells one after the other, so that one search serves them all
        self.far = self.clock.max(initial=0.0) + 1.0
        self.clocks = (self.clock[:, 1:] + self.far * np.arange(len(self.cells))[:, None]).ravel()
        bands = [
            [row[2:] for row in tables.bands.tolist() if tuple(row[:2]) == (c, BandKind.DEAL)]
            for c in range(len(self.cells))
        ]
        self.bands = [
            [(c, own[k]) for c, own in enumerate(bands) if k < len(own)] for k in range(max(map(len, bands), default=0))
        ]
        self.taken = np.zeros((self.paths, len(self.pools)))
        self.in_work, self.pipeline = (np.zeros((self.paths, len(tables.segments))) for _ in range(2))
        self.open = []  # one frame of opportunities for each month of start; those that have closed stay in it
        self.load_numbers(value)
        nobody = np.empty(0, np.int64)
        self.waiting = self._place(self._arrivals(nobody, nobody, np.empty(0), opening=False), value).plus(stale=nobody)

    def load_numbers(self, value):
        """Numbers of the month by (cell, path), flat."""
        numbers = {
            name: value[self.cells[:, column]].ravel()
            for name, column in (
                ("win_rate", Cell.WIN_RATE), ("won", Cell.CYCLE), ("lost", Cell.CYCLE_LOST),
                ("sigma", Cell.CYCLE_SIGMA), ("size", Cell.DEAL_SIZE), ("spread", Cell.DEAL_SIGMA),
                ("share", Cell.OUTLIER_SHARE), ("times", Cell.OUTLIER_TIMES),
            )
        }  # fmt: skip
        numbers["expected"] = rounded(numbers["size"] * (1.0 + numbers["share"] * (numbers["times"] - 1.0)))
        self.numbers = numbers
        self.band_numbers = []
        for level in self.bands:
            above, win_rate, cycle = (np.full((len(self.cells), self.paths), x) for x in (np.inf, 1.0, 1.0))
            for c, numbers_of in level:
                above[c], win_rate[c], cycle[c] = value[numbers_of]
            self.band_numbers.append((above.ravel(), win_rate.ravel(), cycle.ravel()))

    def _arrivals(self, path, cell, stated, opening):
        """New opportunities with all their chance."""
        n, rng = len(path), self.rng
        return Frame(
            path=path, cell=cell, stated=stated, opening=np.full(n, opening),
            u_won=rng.random(n), z_cycle=rng.standard_normal(n), u_round=rng.random(n),
            z_size=rng.standard_normal(n), u_outlier=rng.random(n),
        )  # fmt: skip

    def _place(self, new, value):
        """Give opportunities their pools and what they are expected to bring."""
        segments = self.segment_of[new["cell"]]
        new["pool"] = np.where(self.sold[new["cell"]], self.tables.segments[segments, Segment.FIRST_POOL], NONE)
        for s in np.flatnonzero(self.tables.segments[:, Segment.POOLS] > 1):
            which = np.flatnonzero((segments == s) & (new["pool"] != NONE))
            own = np.flatnonzero(self.pools[:, Pool.SEGMENT] == s)
            shares = np.cumsum(value[self.pools[own, Pool.POTENTIAL]].T, axis=1)
            shares = shares / np.where(shares[:, -1:] > 0.0, shares[:, -1:], 1.0)
            lots = self.rng.random(len(which))
            passed = (shares[new["path"][which], :-1] <= lots[:, None]).sum(axis=1)
            new["pool"][which] = own[0] + passed
        self._expect(new)
        return new

    def _expect(self, deals):
        at = deals["cell"] * self.paths + deals["path"]
        deals["expected"] = np.where(deals["stated"] >= 0.0, rounded(deals["stated"]), self.numbers["expected"][at])
        deals["load"] = np.where(self.in_money[deals["pool"]], deals["expected"], 1.0)

    def _sizes(self, deals, at):
        """What deals are worth."""
        times = np.where(deals["u_outlier"] < self.numbers["share"][at], self.numbers["times"][at], 1.0)
        drawn = times * self.numbers["size"][at] * factor(self.numbers["spread"][at], deals["z_size"])
        return np.where(deals["stated"] >= 0.0, deals["stated"], drawn)

    def _terms(self, amount, at):
        """Win rates and mean cycles in the bands of the sizes."""
        times, longer = np.ones(len(at)), np.ones(len(at))
        for above, win_rate, cycle in self.band_numbers:
            exceeds = amount > above[at]
            times, longer = np.where(exceeds, win_rate[at], times), np.where(exceeds, cycle[at], longer)
        win_rate = np.where(
            times == 1.0, self.numbers["win_rate"][at], np.minimum(1.0, self.numbers["win_rate"][at] * times)
        )
        return win_rate, self.numbers["won"][at] * longer, self.numbers["lost"][at] * longer

    def begin(self, t, deals):
        """The same deals with their outcome, if they start in month t."""
        at = deals["cell"] * self.paths + deals["path"]
        amount = self._sizes(deals, at)
        win_rate, won_mean, lost_mean = self._terms(amount, at)
        won = deals["u_won"] < win_rate
        cycle = np.where(won, won_mean, lost_mean) * factor(self.numbers["sigma"][at], deals["z_cycle"])
        cell = deals["cell"]
        closes = self._month(cell, self.clock[cell, t] + deals["u_round"] * self.weight[cell, t] + cycle)
        return deals.plus(amount=amount, won=won, closes=closes, owner=np.full(deals.rows, NONE))

    def _month(self, cell, reading):
        """The first month at whose end the cell's closing clock shows more than `reading`."""
        place = np.searchsorted(self.clocks, np.minimum(reading, self.far - ROUNDING) + self.far * cell, side="right")
        return place - cell * self.months

    def resume(self, value):
        """What is open at the last stage when the plan starts."""
        from scipy.special import ndtr, ndtri

        rows, stages = self.tables.pipeline, self.tables.rates.shape[1]
        last = np.repeat(
            np.arange(len(rows)), rows[:, Row.COUNT] * ((rows[:, Row.STAGE] == stages) & (rows[:, Row.WAITING] == 0))
        )
        self._line_up(value)
        path, row = (index.ravel() for index in np.meshgrid(np.arange(self.paths), last, indexing="ij"))
        age, stated = self.tables.pipeline_numbers[row, 0], self.tables.pipeline_numbers[row, 1]
        deals = self._place(self._arrivals(path, rows[row, Row.CELL], stated, opening=True), value)
        at = deals["cell"] * self.paths + path
        deals["amount"] = self._sizes(deals, at)
        win_rate, won_mean, lost_mean = self._terms(deals["amount"], at)
        sigma = self.numbers["sigma"][at]

        def survival(mean):
            with np.errstate(divide="ignore", invalid="ignore"):
                z = (np.log(age / mean) + 0.5 * sigma * sigma) / sigma
                smooth = np.maximum(SMALLEST_SURVIVAL, ndtr(-z))
            sharp = np.where(mean > age, 1.0, SMALLEST_SURVIVAL)
            return np.where(age <= 0.0, 1.0, np.where((sigma > 0.0) & (mean > 0.0), smooth, sharp))

        wins, loses = survival(won_mean), survival(lost_mean)
        odds = win_rate * wins / (win_rate * wins + (1.0 - win_rate) * loses)
        deals["won"] = deals["u_won"] < odds
        mean, survived = np.where(deals["won"], (won_mean, wins), (lost_mean, loses))
        z = np.where(sigma > 0.0, -ndtri(survived * deals["u_round"]), 0.0)
        left = np.maximum(0.0, mean * factor(sigma, z) - age)
        deals["closes"] = self._month(deals["cell"], left)
        sold = deals["pool"] != NONE
        self.taken += tally(self.taken.shape, path[sold], deals["pool"][sold], deals["load"][sold])
        deals["owner"] = self._owners(deals, self.people.ease, rows[row, Row.OWNER])
        self._keep(deals)

    def _line_up(self, value):
        """What waits for a seller when the plan starts."""
        rows = self.tables.pipeline
        line = np.repeat(np.arange(len(rows)), rows[:, Row.COUNT] * (rows[:, Row.WAITING] == 1))
        path, row = (index.ravel() for index in np.meshgrid(np.arange(self.paths), line, indexing="ij"))
        stated = self.tables.pipeline_numbers[row, 1]
        deals = self._place(self._arrivals(path, rows[row, Row.CELL], stated, opening=True), value)
        stale = value[self.tables.calendar[Calendar.STALE]][path]
        patience = self.rng.geometric(np.where(stale > 0.0, stale, 1.0))
        self.waiting = deals.plus(stale=np.where(stale > 0.0, patience - 1, NEVER))

    def _keep(self, deals):
        """Keep what is open in a frame of its own."""
        self.open.append(Frame((name, deals[name]) for name in WHILE_OPEN))
        path, segment = deals["path"], self.segment_of[deals["cell"]]
        self.in_work += tally(self.in_work.shape, path, segment)
        self.pipeline += tally(self.in_work.shape, path, segment, deals["expected"])

    def _open_now(self, which, names=WHILE_OPEN):
        """Of each frame the rows that satisfy `which`; returns (their indices by frame, their rows in one frame)."""
        found = [np.flatnonzero(which(deals)) for deals in self.open]
        return found, Frame.join(deals.pick(index, names) for deals, index in zip(self.open, found, strict=True))

    def take_up(self, t, created, passing, value):
        """Steps 3: what arrives starts or waits, what waited starts or goes stale."""
        new = self._place(self._new(t, created, passing), value)
        segments, shape = self.segment_of[new["cell"]], (self.paths, len(self.pools))
        self._count(t, SegmentOut.OPPORTUNITIES, new["path"], segments)
        alone = new["pool"] == NONE
        itself = self.begin(t, new.pick(alone))
        self._count(t, SegmentOut.STARTED, itself["path"], self.segment_of[itself["cell"]])
        new = new.pick(~alone)
        new["stale"] = np.full(new.rows, NEVER)
        self._pool_out(t, PoolOut.ARRIVED, tally(shape, new["path"], new["pool"]))
        tired = self.waiting["stale"] <= t
        gone = tally(shape, self.waiting["path"][tired], self.waiting["pool"][tired])
        self._pool_out(t, PoolOut.STALE, gone, SegmentOut.STALE)
        waiting = self.waiting.pick(~tired)
        self._expect(waiting)
        _, closing = self._open_now(
            lambda deals: (deals["closes"] == t) & (deals["pool"] != NONE), ("path", "pool", "load")
        )
        self.taken -= tally(shape, closing["path"], closing["pool"], closing["load"])
        started, self.waiting = self._start(t, waiting, new, value)
        holds = started["closes"] > t
        self.taken += tally(shape, started["path"][holds], started["pool"][holds], started["load"][holds])
        started["owner"] = self._owners(started, self.people.ease)
        counts = tally(shape, started["path"], started["pool"])
        self._pool_out(t, PoolOut.STARTED, counts, SegmentOut.STARTED)
        waits = tally(shape, self.waiting["path"], self.waiting["pool"])
        self._pool_out(t, PoolOut.WAITING, waits, SegmentOut.WAITING)
        self._keep(itself)
        self._keep(started)

    def _new(self, t, created, passing):
        """The month's opportunities, path by path in order of the cells, those of the opening pipeline last."""
        flat = np.repeat(np.arange(created.size), created.ravel())
        frames = [self._arrivals(flat % self.paths, flat // self.paths, np.full(len(flat), DRAWN), opening=False)]
        if passing is not None:
            row, path = np.divmod(np.repeat(np.arange(passing.size), passing.ravel()), self.paths)
            stated = self.tables.pipeline_numbers[row, 1]
            frames.append(self._arrivals(path, self.tables.pipeline[row, Row.CELL], stated, opening=True))
        return Frame.join(frames)

    def _start(self, t, waiting, new, value):
        """Who starts in month t and who waits, each in order of the queue within (path, pool)."""
        n_waiting, shape = waiting.rows, self.taken.shape
        deals = self.begin(t, Frame.join([waiting, new]))
        group = deals["path"] * len(self.pools) + deals["pool"]
        capacity = self.out.pool[:, PoolOut.CAPACITY, t].ravel()
        wanted = self.taken.ravel() + tally(shape, deals["path"], deals["pool"], deals["load"]).ravel()
        all_fit = (capacity > 0.0) & (wanted <= capacity + ROUNDING * np.maximum(1.0, wanted))
        fresh = np.arange(deals.rows) >= n_waiting
        span = max(1, deals.rows)
        place = np.arange(deals.rows)
        by_lot = fresh & ~all_fit[group]
        place[by_lot] = n_waiting + self.rng.permutation(span - n_waiting)[: by_lot.sum()]
        order = np.argsort(group * span + place)
        group, fresh, load = group[order], fresh[order], deals["load"][order]
        held = load * (deals["closes"][order] > t)
        fits = _Fits(group, load, held, capacity, all_fit)
        starts = fits.leading(~fresh, self.taken.ravel())
        taken = self.taken.ravel() + np.bincount(group, held * starts, self.taken.size)
        starts |= fits.leading(fresh, taken)
        late = order[fresh & ~starts]
        stale = value[self.tables.calendar[Calendar.STALE]][deals["path"][late]]
        patience = self.rng.geometric(np.where(stale > 0.0, stale, 1.0))
        deals["stale"][late] = np.where(stale > 0.0, t + patience, NEVER)
        return deals.pick(order[starts], WHILE_OPEN), deals.pick(order[~starts], self.waiting)

    def _owners(self, deals, ease, only=None):
        """The seat that owns each deal, in their order: the least loaded of its pool; NONE where nobody has room.

        `only` names the group of which it must be, or NONE.
        """
        owners, owned = np.full(deals.rows, NONE), self.people.owned
        path, load, pools = deals["path"], deals["load"], deals["pool"]
        lone = np.where(pools == NONE, NONE, self.single[pools])
        alone = np.flatnonzero(lone != NONE)
        alone = alone[ease[path[alone], lone[alone]] > 0.0]
        if only is not None:
            alone = alone[self._may_own(only[alone], lone[alone])]
        owners[alone] = lone[alone]
        owned += tally(owned.shape, path[alone], lone[alone], load[alone])
        for pool in np.flatnonzero(self.sizes > 1):
            index = np.flatnonzero(pools == pool)
            index = index[np.argsort(path[index], kind="stable")]
            self._share(
                index, self.members[pool], path[index], load[index], ease, None if only is None else only[index], owners
            )
        return owners

    def _share(self, index, members, path, load, ease, only, owners):
        """Share the deals of a pool among its seats one after the other, on all paths at once; sorted by path."""
        count, turn = np.bincount(path, minlength=self.paths), ranks(path)
        by_count = np.argsort(-count, kind="stable")  # so that those who have a k-th deal are the first rows
        place = np.empty(self.paths, np.int64)
        place[by_count] = np.arange(self.paths)
        shape = (self.paths, count.max(initial=0))
        loads, chosen = np.zeros(shape), np.full(shape, NONE)
        loads[place[path], turn] = load
        if only is not None:
            named = np.full(shape, NONE)
            named[place[path], turn] = only
        carried = self.people.owned[by_count[:, None], members]
        hard = ease[by_count[:, None], members]  # of one more, for its room
        hard[hard == 0.0] = np.inf
        for k in range(shape[1]):
            n = np.count_nonzero(count > k)
            burden = (carried[:n] + loads[:n, k, None]) * hard[:n]
            if only is not None:
                burden[~self._may_own(named[:n, k, None], members)] = np.inf
            best = burden.argmin(axis=1)
            rows = np.arange(n)
            found = np.isfinite(burden[rows, best])
            carried[rows[found], best[found]] += loads[:n, k][found]
            chosen[:n, k] = np.where(found, members[best], NONE)
        self.people.owned[by_count[:, None], members] = carried
        owners[index] = chosen[place[path], turn]

    def _may_own(self, group, seat):
        return (group == NONE) | (group == self.tables.seats[seat, Seat.GROUP])

    def _count(self, t, output, path, segments, weights=None):
        shape = (self.paths, len(self.tables.segments))
        self.out.segment[:, output, t] += tally(shape, path, segments, weights)

    def _pool_out(self, t, output, counts, of_segment=None):
        self.out.pool[:, output, t] = counts
        if of_segment is not None:
            for s in range(len(self.tables.segments)):
                own = self.pools[:, Pool.SEGMENT] == s
                self.out.segment[:, of_segment, t, s] += counts[:, own].sum(axis=1)

    def close(self, t, value):
        """Step 4: what closes in month t, won or lost; returns the new customers."""
        _, closed = self._open_now(lambda deals: deals["closes"] == t)
        path, segment = closed["path"], self.segment_of[closed["cell"]]
        self.in_work -= tally(self.in_work.shape, path, segment)
        self.pipeline -= tally(self.in_work.shape, path, segment, closed["expected"])
        owned = closed.pick(closed["owner"] != NONE)
        self.people.owned -= tally(self.people.owned.shape, owned["path"], owned["owner"], owned["load"])
        lost = closed.pick(~closed["won"])
        self._count(t, SegmentOut.LOST, lost["path"], self.segment_of[lost["cell"]])
        won = closed.pick(closed["won"])
        path, cell, amount = won["path"], won["cell"], won["amount"]
        segment = self.segment_of[cell]
        customer = self.tables.segments[segment, Segment.SUBSCRIPTION] == 1
        self._count(t, SegmentOut.WON, path, segment)
        shape = (self.paths, len(self.cells))
        self.out.cell[:, CellOut.WON, t] = tally(shape, path, cell)
        self.out.cell[:, CellOut.BOOKINGS, t] = tally(shape, path, cell, amount)
        self.out.cell[:, CellOut.NEW_ARR, t] = tally(shape, path, cell, amount * customer)
        sold = won["pool"] != NONE
        self.out.pool[:, PoolOut.CREDITED, t] = tally(self.taken.shape, path[sold], won["pool"][sold], amount[sold])
        for output in (SegmentOut.ONE_OFF_BOOKINGS, SegmentOut.BILLINGS):
            self._count(t, output, path, segment, amount * ~customer)
        self._count(t, SegmentOut.NEW_ARR, path, segment, amount * customer)
        self._count(t, SegmentOut.NEW_CUSTOMERS, path, segment, customer)
        self._split(t, won, segment, amount * customer)
        mine = won["owner"] != NONE
        self.people.credit(t, path[mine], won["owner"][mine], amount[mine], value)
        return won.pick(customer)

    def _split(self, t, won, segment, amount):
        """Add new ARR to the part of the year's to which it belongs."""
        opening, nobody = won["opening"], won["owner"] == NONE
        there = self.people.existing[won["path"], won["owner"]]
        for output, part in (
            (SegmentOut.NEW_FROM_PIPELINE, opening),
            (SegmentOut.NEW_WITHOUT_SELLER, ~opening & nobody),
            (SegmentOut.NEW_FROM_EXISTING, ~opening & ~nobody & there),
            (SegmentOut.NEW_FROM_HIRES, ~opening & ~nobody & ~there),
        ):
            self._count(t, output, won["path"], segment, amount * part)

    def hand_over(self, t, value):
        """What leavers of month t own goes to others, closes later and is won less often."""
        people, cells = self.people, len(self.cells)
        leaves = np.pad(people.leaves == t, ((0, 0), (0, 1)))  # the last column is that of NONE
        found, orphans = self._open_now(lambda deals: leaves[deals["path"], deals["owner"]] & (deals["closes"] > t))
        path, leaver = orphans["path"], orphans["owner"]
        group = people.group_of[leaver]
        won = orphans["won"] & (self.rng.random(len(path)) < value[people.groups[group, Group.LEAVER_WIN_RATE], path])
        later = orphans["closes"] + people.groups[group, Group.REASSIGNED_AFTER]
        row = (path * people.starts.shape[1] + leaver) * 2 * cells + orphans["opening"] * cells + orphans["cell"]
        order = np.argsort(row, kind="stable")
        stays = (people.starts <= t) & (people.leaves == NEVER)
        owner = np.empty_like(leaver)
        owner[order] = self._owners(orphans.pick(order), people.ease * stays)
        moved = owner != NONE
        people.owned -= tally(people.owned.shape, path[moved], leaver[moved], orphans["load"][moved])
        owner, closes = np.where(moved, owner, leaver), np.minimum(later, self.months)
        ends = np.cumsum([len(index) for index in found])
        for deals, index, end in zip(self.open, found, ends, strict=True):
            own = slice(end - len(index), end)
            deals["won"][index], deals["closes"][index], deals["owner"][index] = won[own], closes[own], owner[own]

    def count(self, t):
        """What is open or waits at the end of month t."""
        waiting = self.waiting
        segment = self.segment_of[waiting["cell"]]
        waits = tally(self.in_work.shape, waiting["path"], segment, waiting["expected"])
        self.out.segment[:, SegmentOut.OPEN, t] = self.in_work
        self.out.segment[:, SegmentOut.PIPELINE, t] = self.pipeline + waits
        self.out.pool[:, PoolOut.LOAD, t] = self.taken
        *older, last = self.open
        self.open = [deals for deals in older if (deals["closes"] > t).any()] + [last]
