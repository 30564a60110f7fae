"""Steps 3 and 4 in expected values: opportunities wait for room, start, change hands and close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simengine.baseline.numbers import Array, Whole

WON, BOOKED = range(2)
"""What is scheduled by owner and stream: deals won, and bookings."""
LOST, LOAD, EXPECTED = range(3)
"""What is scheduled by owner: deals lost, and the room and expected value that closing sets free."""


@dataclass
class Stream:
    """Opportunities of one kind: all of a cell that fall into one band of size, from demand or open at the start.

    By month: `arrivals`, the `expected` value of one that waits or starts, its `size` if it starts and is won;
    `won` and `lost` are the shares of what starts in month t that end so in month j, (t, j), the last column later.
    """

    cell: int
    opening: bool
    arrivals: Array
    expected: Array
    size: Array
    won: Array
    lost: Array
    customers: Array
    """How its customers spread over ranks of size."""
    arr: Array
    """How their ARR does."""
    waiting: float = 0.0
    """Those that wait for a seller when the plan starts."""


class Resumed(NamedTuple):
    """Opportunities of a stream that are open when the plan starts, and the shares that end in each month."""

    stream: int
    owner: str | None
    number: float
    size: float
    expected: float
    won: Array
    lost: Array


class Owner(NamedTuple):
    """Who works a pool: the existing people of a group, or those who come; room by month."""

    group: str
    existing: bool
    room: Array
    leaving: Array
    """Room of those who leave at the end of the month."""
    staying: Array
    """Room of those at work who do not."""
    delay: int
    """Months by which a leaver's opportunities close later."""
    times: Array
    """What is left of their chance to be won."""
    refilled: bool


class Pool(NamedTuple):
    """Who works a pool, and how much they can, by month."""

    owners: Sequence[Owner]
    capacity: Array
    one_seat: bool


class Pools:
    """What the pools of a segment work, by month; the first axis of everything is the pool.

    The last owner of each pool is the house, which has no room and never leaves. In pools with fewer owners than others
    there is nobody in the places that are left.
    """

    def __init__(self, pools: Sequence[Pool], in_money: bool) -> None:
        months, most = len(pools[0].capacity), max(len(pool.owners) for pool in pools)
        self.pools, self.in_money = pools, in_money
        self.capacity = np.array([pool.capacity for pool in pools])
        self.one_seat = np.array([pool.one_seat for pool in pools])[:, None]
        shape = months, len(pools), most + 1
        self.room, self.leaving, self.staying, self.times = np.zeros((4, *shape))
        self.delay, self.heir = np.zeros(shape[1:], np.int64), np.zeros((*shape[1:], most + 1))
        """`heir` is 1 for whoever follows an owner on a pool's only seat, (pool, owner, heir)."""
        for p, pool in enumerate(pools):
            for o, owner in enumerate(pool.owners):
                self.room[:, p, o], self.staying[:, p, o] = owner.room, owner.staying
                self.leaving[:, p, o] = np.minimum(
                    1.0, np.divide(owner.leaving, owner.room, out=np.zeros(months), where=owner.leaving > 0)
                )
                self.times[:, p, o], self.delay[p, o] = owner.times, owner.delay
                others = [other.group == owner.group and not other.existing for other in pool.owners]
                self.heir[p, o, others.index(True) if owner.refilled else o] = 1.0

    def run(self, streams: Sequence[Stream], resumed: Sequence[Resumed], shares: Array, stale: Array) -> None:
        """Work all streams.

        Parameters
        ----------
        shares : of each pool in what arrives, (pool, month)
        stale : share of those waiting that leaves, by month of arrival

        First come, first served by month of arrival, and by equal shares within one; what waited before the plan comes
        first and goes stale like what arrives in its first month. A leaver's part of what owners of
        their kind have open is their part of the room.
        """
        (pools, months), n = self.capacity.shape, len(streams)
        size, expected = (_stacked([getattr(s, name) for s in streams], months) for name in ("size", "expected"))
        won, lost = (_stacked([getattr(s, name) for s in streams], months, months + 1) for name in ("won", "lost"))
        loads, ends, now = expected if self.in_money else np.ones_like(expected), won + lost, np.arange(months)
        room = loads * (1 - ends[:, now, now])
        held = ends * loads[:, :, None]
        held[:, now, now] = 0.0
        by_stream = np.stack([won, won * size[:, :, None]])
        by_owner = np.stack([lost, held, ends * expected[:, :, None]])
        arriving = shares[:, None] * _stacked([s.arrivals for s in streams], months)
        deals = np.zeros((2, pools, self.room.shape[2], n, months + 1))
        totals = np.zeros((3, *deals.shape[1:3], months + 1))
        waiting = shares[:, :1] * np.array([s.waiting for s in streams])
        before = int(waiting.any())  # places in the queue of what waited before the plan
        queue = np.zeros((pools, n, before + months))
        queue[..., :before] = waiting[..., None][..., :before]
        stale = np.concatenate((stale[:before], stale))
        self.started, self.stale, self.waiting, self.taken, self.value = np.zeros((5, pools, months))
        self._resume(resumed, shares[:, 0], deals, totals)
        taken = totals[LOAD].sum(axis=(1, 2))
        for t in range(months):
            fresh = before + t
            gone = queue[..., :fresh] * stale[:fresh]
            queue[..., :fresh] -= gone
            self.stale[:, t] = gone.sum(axis=(1, 2))
            queue[..., fresh] = arriving[..., t]
            taken = np.maximum(0.0, taken - totals[LOAD, ..., t].sum(axis=1))
            begun, filled = self._begin(t, taken, queue[..., : fresh + 1], room[:, t])
            taken += filled
            owned = self._owned(self.room[t], totals[LOAD, ..., t:].sum(axis=2), (begun * loads[:, t]).sum(axis=1))
            added = by_stream[:, None, :, t, t:] * begun[:, :, None]
            deals[..., t:] += owned[..., None, None] * added[:, :, None]
            totals[..., t:] += owned[..., None] * np.einsum("pn,knm->kpm", begun, by_owner[:, :, t, t:])[:, :, None]
            self._hand_over(t, deals[..., t + 1 :], totals[..., t + 1 :])
            waiting = queue[..., : fresh + 1].sum(axis=2)
            self.started[:, t], self.taken[:, t], self.waiting[:, t] = begun.sum(axis=1), taken, waiting.sum(axis=1)
            value = totals[EXPECTED, ..., t + 1 :].sum(axis=(1, 2))
            self.value[:, t] = value + (waiting * expected[:, t]).sum(axis=1)
        self.closed, self.lost = deals[..., :months], totals[LOST, ..., :months].sum(axis=1)
        """(WON or BOOKED, pool, owner, stream, month), and (pool, month)."""

    def _begin(self, t: int, taken: Array, queue: Array, room: Array) -> tuple[Array, Array]:
        """Take out of the queue (pool, stream, month of arrival) what starts, (pool, stream), and the room it takes."""
        needed = (queue * room[:, None]).sum(axis=1)
        free = np.maximum(0.0, self.capacity[:, t] - taken)[:, None]
        before = np.cumsum(needed, axis=1) - needed
        left = np.maximum(0.0, free - before)
        part = np.divide(left, needed, out=np.ones_like(needed), where=needed > left)
        part = np.where(self.capacity[:, t, None] > 0, part, 0.0)
        fitting = queue * part[:, None]
        queue -= fitting
        return fitting.sum(axis=2), (needed * part).sum(axis=1)

    def _resume(self, resumed: Sequence[Resumed], share: Array, deals: Array, totals: Array) -> None:
        """Schedule what is open when the plan starts."""
        for row in resumed:
            load, number, ends = row.expected if self.in_money else 1.0, share * row.number, row.won + row.lost
            allowed = np.zeros_like(self.room[0])
            for p, pool in enumerate(self.pools):
                allowed[p, : len(pool.owners)] = [row.owner in (None, owner.group) for owner in pool.owners]
            owned = self._owned(self.room[0] * allowed, totals[LOAD].sum(axis=2), load * number) * number[:, None]
            deals[..., row.stream, :] += owned[..., None] * np.stack([row.won, row.won * row.size])[:, None, None]
            totals += owned[..., None] * np.stack([row.lost, ends * load, ends * row.expected])[:, None, None]

    def _owned(self, room: Array, has: Array, load: Array) -> Array:
        """Each owner's share of a load (pool,), (pool, owner); of the house's, where nobody has room.

        Whoever has the least load for their room comes first, until all who are given any have as much. On a pool's
        only seat it is theirs with the chance that it is them.
        """
        by_room = self.one_seat | (load <= 0)[:, None]
        share = room if by_room.all() else np.where(by_room, room, _levelled(room, has, load))
        # of a load that is nothing beside what they have, rounding leaves no part to anybody
        share = np.where(share.any(axis=1, keepdims=True), share, room)
        share[:, -1] += room.sum(axis=1) == 0
        return np.asarray(share / share.sum(axis=1, keepdims=True))

    def _hand_over(self, t: int, deals: Array, totals: Array) -> None:
        """At the end of month t what leavers own goes to those who stay, later and less likely to be won."""
        leaving, orphans = self.leaving[t], {}
        for o in np.flatnonzero(leaving.any(axis=0)).tolist():
            theirs, sums = deals[:, :, o] * leaving[:, o, None, None], totals[:, :, o] * leaving[:, o, None]
            deals[:, :, o] -= theirs
            totals[:, :, o] -= sums
            orphans[o] = theirs, sums
        for o, (theirs, sums) in orphans.items():
            heirs = self._heirs(t, o, totals[LOAD].sum(axis=2), sums[LOAD].sum(axis=1))
            times = self.times[t, :, o, None]
            moved, total = _late(theirs, self.delay[:, o]), _late(sums, self.delay[:, o])
            total[LOST] += moved[WON].sum(axis=1) * (1 - times)
            moved *= times[:, None]
            totals += heirs[..., None] * total[:, :, None]
            for heir in np.flatnonzero(heirs.any(axis=0)):
                deals[:, :, heir] += heirs[:, heir, None, None] * moved

    def _heirs(self, t: int, o: int, has: Array, load: Array) -> Array:
        """Who takes over from an owner: those who stay; on a pool's only seat, whoever follows, (pool, owner)."""
        staying = self.staying[t]
        shared = ~self.one_seat & (staying.sum(axis=1, keepdims=True) > 0)
        return np.where(shared, self._owned(staying, has, load), self.heir[:, o]) if shared.any() else self.heir[:, o]


def _levelled(room: Array, has: Array, load: Array) -> Array:
    """Parts of a load (pool,) by which those with the least load for their room come to the same, (pool, owner)."""
    some, pools = room > 0, np.arange(len(room))[:, None]
    has = np.where(some, has, 0.0)
    loaded = np.divide(has, room, out=np.full_like(room, np.inf), where=some)
    order = np.argsort(loaded, axis=1, kind="stable")
    rooms, loads = np.cumsum(room[pools, order], axis=1), np.cumsum(has[pools, order], axis=1)
    levels = np.divide(load[:, None] + loads, rooms, out=np.full_like(room, np.inf), where=rooms > 0)
    level = np.where(rooms[:, -1] > 0, levels.min(axis=1), 0.0)
    return np.maximum(0.0, level[:, None] * room - has)


def _late(scheduled: Array, delays: Whole) -> Array:
    """What is scheduled (kind, pool, …, month), later by each pool's months; the last is everything after the plan."""
    late = np.empty_like(scheduled)
    for months in set(delays.tolist()):
        pools = slice(None) if (delays == months).all() else delays == months
        before, after = scheduled[:, pools], np.zeros_like(scheduled[:, pools])
        inside = max(0, before.shape[-1] - months)
        after[..., months:] = before[..., :inside]
        after[..., -1:] += before[..., inside:].sum(axis=-1, keepdims=True)
        late[:, pools] = after
    return late


def _stacked(arrays: Sequence[Array], *shape: int) -> Array:
    return np.array(arrays).reshape(len(arrays), *shape)
