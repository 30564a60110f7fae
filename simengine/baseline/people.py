"""Step 1 in expected values: fractional people start, ramp, leave, move up and are followed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from simengine.baseline.laws import lag_shares, mean_workload
from simengine.baseline.numbers import Array, Numbers
from simengine.plan.fields import ONE
from simengine.plan.people import Ramp, Role, SeatGroup

_QUARTER = 3
_OUTPUTS = (
    *("headcount", "starts", "leavers", "working", "ramped", "recruited", "involuntary", "promoted", "rated"),
    # leavers but for the promoted
    "attrition",
    # of those working: the existing people's part, what hires to come are worked for, and who leaves at the month's end
    *("existing", "ahead", "leaving_existing", "leaving_hired"),
    # months of quota; people whose commission is sure, and what they work
    *("quota_months", "sure", "sure_ramped"),
)

Steps = list[tuple[float, Array]]
"""What holds from a tenure on, by month of the plan, (months, 1)."""


def _level(steps: Steps, before: float, tenure: Array) -> Array:
    """What the steps say at each tenure; its first axis is the month, or `steps` are those of one."""
    found = np.full_like(tenure, before)
    for first, numbers in steps:
        found = np.where(tenure >= first, numbers, found)
    return found


def _integral(steps: Steps, before: float, low: Array, high: Array) -> Array:
    """∫ of the steps over tenures from `low` to `high`, as `_level`."""
    ends = [first for first, _ in (*steps, (math.inf, None))][1:]
    first = steps[0][0] if steps else math.inf
    total = before * (np.minimum(high, first) - np.minimum(low, first))
    for (begin, numbers), end in zip(steps, ends, strict=True):
        total = total + numbers * (np.clip(high, begin, end) - np.clip(low, begin, end))
    return total


class Rules:
    """What a role says of the people of a group, by month; `tenure` is that of who is there at the start."""

    def __init__(self, numbers: Numbers, group: SeatGroup, role: Role, tenure: float) -> None:
        of, fraction, attrition = numbers.of, numbers.fraction, role.attrition
        self.numbers, self.months, self.role = numbers, numbers.months, role
        self.voluntary = numbers.hazard(attrition.voluntary if attrition else None)
        self.involuntary = numbers.hazard(attrition.involuntary if attrition else None)
        self.multiples = self._steps(attrition.multiples if attrition else {})
        self.quota_multiples = self._steps(role.quota_by_tenure)
        self.promotion = numbers.hazard(role.promotion.rate if role.promotion else None)
        self.promotion_after = of(role.promotion.after if role.promotion else None)
        climate = of(numbers.plan.team.recruiting_climate)
        self.delay, self.delay_spread = climate * of(group.time_to_fill_delay), of(group.delay_spread)
        self.backfill = climate * of(role.backfill.lag) if role.backfill.policy == "always" else None
        self.tenure = tenure
        self.sure_months = role.commission_draw.months if role.commission_draw else 0
        ramp = role.ramp or Ramp()
        never = ramp.never
        self.never_level = fraction(never.level if never else None)
        self.shape = ramp.shape if ramp.bookings is None else "bookings"
        self.booked = [(float(_QUARTER * i), fraction(r)[:, None]) for i, r in enumerate((*(ramp.bookings or ()), ONE))]
        self.cycle = of(ramp.cycle)
        drawn = np.array([of(ramp.workload), of(ramp.spread), fraction(never.share if never else None)])
        self.kinds, self.kind = np.unique(drawn, axis=1, return_inverse=True)
        """(length, spread, share that never ramps) of those who differ by the month for which they are hired."""
        self.horizon = self.months + (math.ceil(self.cycle.max()) if self.shape == "bookings" else 0) + 2
        monthly = [self.never_level, *([self.cycle, *(share for _, share in self.booked)] if ramp.bookings else ())]
        self._varies = any((entry != entry[0]).any() for entry in monthly)
        self._lags: dict[tuple[float, float], Array] = {}
        self._tables: dict[tuple[bool, int], tuple[Array, Array]] = {}
        self._by_tenure()

    def _steps(self, multiples: Mapping[int, object]) -> Steps:
        of = self.numbers.of
        return [(float(month), of(times)[:, None]) for month, times in sorted(multiples.items())]  # type: ignore[arg-type]

    def _by_tenure(self) -> None:
        """What every month says of those who exist and of those who started in each month, (month, 1 + month)."""
        t = np.arange(float(self.months))
        since = np.maximum(0.0, t[:, None] - t)  # those to come are nobody yet
        tenure = np.column_stack([self.tenure + t, since])
        hazard = (self.voluntary + self.involuntary)[:, None]
        self.leaving = -np.expm1(-hazard * _integral(self.multiples, 1.0, tenure, tenure + 1.0))
        on_the_way = np.clip(tenure + 1.0 - self.promotion_after[:, None], 0.0, 1.0)
        self.readying = -np.expm1(-self.promotion[:, None] * on_the_way)
        self.quota = _level(self.quota_multiples, 1.0, tenure + 0.5)
        self.sure = tenure + 0.5 < self.sure_months
        at_once = [(m, m + 1) for m in range(self.months)] if self._varies else [(0, self.months)]
        existing, hired = (
            np.concatenate([self.workload(begin, ages[begin:end], old) for begin, end in at_once], axis=1)
            for ages, old in ((t[:, None], True), (since, False))
        )
        self.load = np.concatenate([existing, hired], axis=2).transpose(1, 0, 2)
        """Mean share of a full workload, (month, kind, 1 + month)."""

    def starts(self, first: int, lag: float, spread: float) -> Array:
        """Share that starts in each month from `first` on, (horizon,); the last entry is everybody later."""
        if (lag, spread) not in self._lags:
            self._lags[lag, spread] = lag_shares(lag, spread, self.horizon)
        shares = np.zeros(self.horizon)
        shares[first:] = self._lags[lag, spread][: max(0, self.horizon - first)]
        shares[-1] += max(0.0, 1.0 - shares.sum())
        return shares

    def workload(self, t: int, tenure: Array, existing: bool) -> Array:
        """Mean share of a full workload in month t at each tenure (months), (kind, tenure)."""
        months = self.numbers.months
        full, capped = self._table(t, existing, months)
        never = self.kinds[2][:, None]
        index = (tenure if existing else tenure + self.horizon).astype(np.int64)
        return np.asarray(((1 - never) * full + never * capped)[:, index])

    def _table(self, t: int, existing: bool, months: int) -> tuple[Array, Array]:
        """Workloads, and those of people who never ramp, of each kind; from −horizon on for those to be hired."""
        level = float(self.never_level[t])
        key = existing, t if self._varies else 0
        if key not in self._tables:
            tenures = self.tenure + np.arange(months) if existing else np.arange(-self.horizon, months)
            caps = [1.0, level] if (self.kinds[2] > 0).any() else [1.0]
            found = [np.array([self._shares(t, tenures + 0.5, k, cap) for k in self.kinds.T]) for cap in caps]
            self._tables[key] = found[0], found[-1]
        return self._tables[key]

    def _shares(self, t: int, tenure: Any, kind: Any, cap: float) -> Array:
        if self.shape != "bookings":
            length, spread = float(kind[0]), float(kind[1])
            return np.array([mean_workload(self.shape, float(x), length, spread, cap) for x in tenure])
        cycle, booked = self.cycle[t], [(first, numbers[t]) for first, numbers in self.booked]
        if cycle == 0:
            return np.minimum(cap, _level(booked, 0.0, tenure))
        end = tenure + 0.5
        return np.asarray(np.minimum(cap, _integral(booked, 0.0, end, end + cycle) / cycle))


class Planned(NamedTuple):
    """People who are to start in a month of the plan, or later where they are not expected in it."""

    month: int
    is_expected: bool
    heads: int


class Seats:
    """Expected people on seats that are alike: `people[kind, 0]` exist, `people[kind, 1 + s]` started in month s.

    `due[m, s]` is who was planned for month m and starts in month s; its last column, whoever starts later. A hazard
    that follows a missed quota is left out. Where promotion leads `into` a group, the expected number of those ready
    fills the expected number of open seats: less than that happens where one or the other is missing by chance.
    """

    def __init__(self, rules: Rules, existing: int, planned: Collection[Planned]) -> None:
        months, kinds = rules.months, rules.kinds.shape[1]
        self.rules, self.count = rules, existing + sum(start.heads for start in planned)
        self.out = {name: np.zeros(months) for name in _OUTPUTS}
        self.people, self.ready = np.zeros((kinds, months + 1)), np.zeros((kinds, months + 1))
        self.people[rules.kind[0], 0] = existing
        self.due = np.zeros((months, rules.horizon))
        for month, is_expected, heads in planned:
            lag, spread = (0.0, 0.0) if is_expected else (float(rules.delay[month]), float(rules.delay_spread[month]))
            self.due[month] += heads * rules.starts(month, lag, spread)
        self.moving_in = np.zeros(kinds)
        self.at_work, self.left = np.zeros((months, *self.people.shape)), np.zeros((months, *self.people.shape))
        """People in every month, and who of them leaves at its end."""

    def month(self, t: int) -> None:
        """Who starts, works and leaves in month t."""
        rules, out, people = self.rules, self.out, self.people
        recruited = np.bincount(rules.kind, self.due[:, t], len(people))
        self.due[:, t] = 0.0
        out["recruited"][t] = recruited.sum()
        out["starts"][t] = out["recruited"][t] + self.moving_in.sum()
        people[:, 1 + t] += recruited + self.moving_in
        self.moving_in[:] = 0.0
        self.at_work[t] = people
        if rules.role.promotion is not None:
            self.ready += (people - self.ready) * rules.readying[t]
        self._ahead(t)
        self._leave(t, rules.leaving[t], promoted=False)

    def _ahead(self, t: int) -> None:
        """Work that colleagues begin for those who are to start."""
        if self.rules.shape == "bookings":
            coming = np.arange(t + 1, self.rules.horizon - 1)
            shares = self.rules.workload(t, (t - coming).astype(np.float64), False)
            self.out["ahead"][t] = (self.due[:, t + 1 : -1] * shares[self.rules.kind]).sum()

    def _leave(self, t: int, share: Array | float, *, promoted: bool) -> None:
        """A share of the people, or of those who are ready, leave at the end of month t; others are to follow."""
        leavers = (self.ready if promoted else self.people) * share
        self.people -= leavers
        self.ready -= leavers if promoted else self.ready * share
        self.left[t] += leavers
        count = float(leavers.sum())
        self.out["promoted" if promoted else "attrition"][t] += count
        if self.rules.backfill is not None and count > 0:
            self.due[t] += count * self.rules.starts(t + 1, float(self.rules.backfill[t]), 0.0)

    def promote(self, t: int, share: float) -> None:
        """That share of those who are ready are promoted at the end of month t."""
        self._leave(t, share, promoted=True)

    def waiting(self, t: int) -> float:
        """Seats that nobody is on after month t and whose next start is later than the month after."""
        return float(self.due[: t + 2, t + 2 :].sum())

    def move_in(self, t: int, share: float) -> None:
        """That share of the seats that stand open is filled from inside in month t + 1."""
        moved = share * self.due[: t + 2, t + 2 :]
        self.due[: t + 2, t + 2 :] -= moved
        np.add.at(self.moving_in, self.rules.kind[: t + 2], moved.sum(axis=1))

    def add_up(self) -> None:
        """What follows from who was at work and who left, when all months have passed."""
        rules, out, at_work, left = self.rules, self.out, self.at_work, self.left
        worked, leaving, everybody = at_work * rules.load, left * rules.load, (1, 2)
        out["working"], out["ramped"] = at_work.sum(axis=everybody), worked.sum(axis=everybody)
        out["leavers"], out["headcount"] = left.sum(axis=everybody), (at_work - left).sum(axis=everybody)
        out["existing"], out["leaving_existing"] = worked[..., 0].sum(axis=1), leaving[..., 0].sum(axis=1)
        out["leaving_hired"] = leaving[..., 1:].sum(axis=everybody)
        carrying = worked if rules.role.quota_relief == "ramp" else at_work
        out["quota_months"] = (carrying * rules.quota[:, None]).sum(axis=everybody)
        out["sure"], out["sure_ramped"] = ((who * rules.sure[:, None]).sum(axis=everybody) for who in (at_work, worked))
        hazard = rules.voluntary + rules.involuntary
        part = np.divide(rules.involuntary, hazard, out=np.zeros_like(hazard), where=hazard > 0)
        out["involuntary"] = out["attrition"] * part
        self._rate()

    def _rate(self) -> None:
        """Whom a fiscal year's quota is held against: those who worked half of it, at its end."""
        numbers = self.rules.numbers
        since = np.concatenate(([0.0], np.arange(numbers.months)))
        for t in range(numbers.months):
            if numbers.fiscal_months(t + 1) == 0 or t + 1 == numbers.months:
                months = numbers.fiscal_months(t) + 1
                long = 2 * np.minimum(months, t + 1 - since) >= months
                self.out["rated"][t] = (self.at_work[t] - self.left[t])[:, long].sum()


def people(numbers: Numbers) -> dict[str, list[Seats]]:
    """Expected people of every seat group by month: one entry, or one for each lot of seats that differ.

    Seats differ by planned month where each has a territory of its own, and by the tenure of who is there at the start.
    They are in order: existing ones, hires by planned month.
    """
    plan = numbers.plan
    apart = {territory.seats for segment in plan.segments for territory in plan.team.territories_of(segment)}
    found: dict[str, list[Seats]] = {}
    for group in sorted(plan.team.seats, key=lambda entry: entry.name):
        runs = [(tenure, len(list(run))) for tenure, run in groupby(group.tenures)]
        rules = {tenure: Rules(numbers, group, plan.team.roles[group.role], tenure) for tenure, _ in runs or [(0.0, 0)]}
        count = Counter((month - numbers.start, is_expected) for month, _, is_expected in group.planned)
        planned = [Planned(*start, heads) for start, heads in count.items()]
        *earlier, (tenure, last) = runs or [(0.0, 0)]
        blocks = [Seats(rules[months], heads, []) for months, heads in earlier]
        if group.name in apart:
            blocks += [Seats(rules[tenure], last, [])] if last else []
            blocks += [Seats(rules[tenure], 0, [start]) for start in planned]
        else:
            blocks.append(Seats(rules[tenure], last, planned))
        found[group.name] = blocks
    for t in range(numbers.months):
        for seats in found.values():
            for block in seats:
                block.month(t)
        for seats in found.values():
            _promote(t, seats, found)
    for seats in found.values():
        for block in seats:
            block.add_up()
    return found


def total(blocks: Iterable[Seats], output: str) -> Array:
    """An output of a group's seats by month."""
    return np.asarray(sum(block.out[output] for block in blocks), np.float64)


def _promote(t: int, seats: Iterable[Seats], groups: Mapping[str, list[Seats]]) -> None:
    """Those who are ready at the end of month t go: out of the plan, or as far as seats stand open."""
    blocks = [block for block in seats if block.rules.role.promotion is not None]
    ready = sum(float(block.ready.sum()) for block in blocks)
    if ready == 0:
        return
    promotion, share = blocks[0].rules.role.promotion, 1.0
    if promotion is not None and promotion.into is not None:
        targets = groups[promotion.into]
        opened = sum(block.waiting(t) for block in targets)
        share = min(1.0, opened / ready)
        for block in targets:
            block.move_in(t, share * ready / opened if opened else 0.0)
    for block in blocks:
        block.promote(t, share)
