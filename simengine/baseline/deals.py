"""Steps 3 and 4 in expected values: opportunities wait for room, start, change hands and close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from simengine.baseline.numbers import Array

WON, LOST, BOOKED, LOAD, EXPECTED = range(5)
"""What is scheduled: deals won and lost, bookings, and the room and expected value that closing sets free."""
_KINDS = 5


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


@dataclass
class Pool:
    """What a pool's sellers work, by month. The last owner is the house, which has no room and never leaves."""

    owners: Sequence[Owner]
    capacity: Array
    in_money: bool
    one_seat: bool
    started: Array = field(init=False)
    stale: Array = field(init=False)
    waiting: Array = field(init=False)
    taken: Array = field(init=False)
    value: Array = field(init=False)
    """Expected value of what is open or waits at the end of the month."""
    closed: Array = field(init=False)
    """(WON … BOOKED, owner, stream, month)."""

    def run(self, streams: Sequence[Stream], resumed: Sequence[Resumed], share: Array, stale: Array) -> None:
        """Work the pool's share of all streams; `stale` is the share of those waiting that leaves, by month of arrival.

        First come, first served by month of arrival, and by equal shares within one. A leaver's part of what owners of
        their kind have open is their part of the room.
        """
        months, n = len(self.capacity), len(streams)
        size, expected = (_stacked([getattr(s, name) for s in streams], months) for name in ("size", "expected"))
        won, lost = (_stacked([getattr(s, name) for s in streams], months, months + 1) for name in ("won", "lost"))
        loads = expected if self.in_money else np.ones_like(expected)
        arriving = _stacked([s.arrivals * share for s in streams], months)
        plan = np.zeros((_KINDS, len(self.owners) + 1, n, months + 1))
        queue = np.zeros((n, months))
        self.started, self.stale, self.waiting = np.zeros(months), np.zeros(months), np.zeros(months)
        self.taken, self.value = np.zeros(months), np.zeros(months)
        taken = self._resume(resumed, float(share[0]), plan)
        first = 0
        for t in range(months):
            gone = queue[:, :t] * stale[:t]
            queue[:, :t] -= gone
            self.stale[t] = gone.sum()
            queue[:, t] = arriving[:, t]
            taken = max(0.0, taken - float(plan[LOAD, :, :, t].sum()))
            room = loads[:, t] * (1 - won[:, t, t] - lost[:, t, t])
            begun = np.zeros(n)
            for arrived in range(first, t + 1 if self.capacity[t] > 0 else 0):
                if not queue[:, arrived].any():
                    first += first == arrived < t
                    continue
                free = max(0.0, self.capacity[t] - taken)
                needed = float((queue[:, arrived] * room).sum())
                fitting = queue[:, arrived] * (1.0 if needed <= free else free / needed)
                queue[:, arrived] -= fitting
                taken += float((fitting * room).sum())
                begun += fitting
            self.started[t] = begun.sum()
            wins, losses = begun[:, None] * won[:, t, t:], begun[:, None] * lost[:, t, t:]
            held = (wins + losses) * loads[:, t, None]
            held[:, 0] = 0.0
            value = (wins + losses) * expected[:, t, None]
            added = np.stack([wins, losses, wins * size[:, t, None], held, value])
            rooms = [owner.room[t] for owner in self.owners]
            owned = self._owned(rooms, plan[..., t:], float(begun @ loads[:, t]))
            plan[..., t:] += owned[:, None, None] * added[:, None]
            self._hand_over(t, plan)
            waiting = queue[:, : t + 1].sum(axis=1)
            self.taken[t], self.waiting[t] = taken, waiting.sum()
            self.value[t] = plan[EXPECTED, :, :, t + 1 :].sum() + (waiting * expected[:, t]).sum()
        self.closed = plan[: BOOKED + 1, :, :, :months]

    def _resume(self, resumed: Sequence[Resumed], share: float, plan: Array) -> float:
        """Schedule what is open when the plan starts; returns the room that it takes."""
        for row in resumed:
            load, number = row.expected if self.in_money else 1.0, share * row.number
            rooms = [owner.room[0] * (row.owner in (None, owner.group)) for owner in self.owners]
            owned = self._owned(rooms, plan, load * number)
            ends = row.won + row.lost
            added = np.stack([row.won, row.lost, row.won * row.size, ends * load, ends * row.expected])
            plan[:, :, row.stream] += owned[:, None] * (number * added[:, None])
        return float(plan[LOAD].sum())

    def _owned(self, rooms: Sequence[float], plan: Array, load: float) -> Array:
        """Each owner's share of a load; of the house's, where nobody has room.

        Whoever has the least load for their room comes first, until all who are given any have as much. On a pool's
        only seat it is theirs with the chance that it is them.
        """
        room, share = np.array([*rooms, 0.0]), np.zeros(len(rooms) + 1)
        if room.sum() == 0:
            share[-1] = 1.0
            return share
        if load <= 0 or self.one_seat:
            return np.asarray(room / room.sum())
        has = plan[LOAD].sum(axis=(1, 2))
        order = np.flatnonzero(room)
        order = order[np.argsort(has[order] / room[order], kind="stable")]
        levels = (load + np.cumsum(has[order])) / np.cumsum(room[order])
        level = levels.min()
        share[order] = np.maximum(0.0, level * room[order] - has[order])
        return np.asarray(share / share.sum())

    def _hand_over(self, t: int, plan: Array) -> None:
        """At the end of month t what leavers own goes to those who stay, later and less likely to be won."""
        later = plan[..., t + 1 :]
        orphans = {}
        for o, owner in enumerate(self.owners):
            if owner.leaving[t] > 0:
                orphans[o] = later[:, o] * min(1.0, owner.leaving[t] / owner.room[t])
                later[:, o] -= orphans[o]
        for o, theirs in orphans.items():
            owner = self.owners[o]
            load = float(theirs[LOAD].sum())
            moved = _late(theirs, owner.delay)
            failing = moved[WON] * (1 - owner.times[t])
            moved[LOST] += failing
            moved[WON] -= failing
            moved[BOOKED] *= owner.times[t]
            later += self._heirs(t, o, later, load)[:, None, None] * moved[:, None]

    def _heirs(self, t: int, o: int, plan: Array, load: float) -> Array:
        """Who takes over from an owner: those who stay; on a pool's only seat, whoever follows."""
        staying = [owner.staying[t] for owner in self.owners]
        if not self.one_seat and sum(staying) > 0:
            return self._owned(staying, plan, load)
        owner = self.owners[o]
        heirs = [other.group == owner.group and not other.existing for other in self.owners]
        heir = heirs.index(True) if owner.refilled else o
        return np.asarray(np.arange(len(self.owners) + 1) == heir, np.float64)


def _late(scheduled: Array, months: int) -> Array:
    """What is scheduled, so many months later; the last column is everything after the plan."""
    if months == 0:
        return scheduled
    late = np.zeros_like(scheduled)
    late[..., months:] = scheduled[..., :-months]
    late[..., -1] += scheduled[..., -months:].sum(axis=-1)
    return late


def _stacked(arrays: Sequence[Array], *shape: int) -> Array:
    return np.array(arrays).reshape(len(arrays), *shape)
