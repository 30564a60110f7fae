"""Quotas, commission and ratings of a seat group as a whole: everybody attains what the group does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simengine.baseline.demand import members
from simengine.baseline.numbers import Array, Numbers
from simengine.baseline.people import Seats, total
from simengine.plan.scalars import Quantity
from simengine.units import MONTHS_PER_YEAR

_ROUNDING = 1e-9


def potentials(numbers: Numbers, segment: str) -> dict[str, Array]:
    """Share of every territory in its segment's potential by month."""
    found = {t.name: numbers.of(t.potential) for t in numbers.plan.team.territories_of(segment)}
    whole = sum(found.values(), np.zeros(numbers.months))
    equal = np.full(numbers.months, 1 / max(1, len(found)))
    return {name: np.divide(each, whole, out=equal.copy(), where=whole > 0) for name, each in found.items()}


def pay(
    numbers: Numbers, people: Mapping[str, list[Seats]], credited: Mapping[str, Array]
) -> dict[str, dict[str, Array]]:
    """Quota, commission and ratings of every group by month.

    Parameters
    ----------
    credited : bookings of the deals that each group owns, by month

    Approximate: the accelerator, and the bands in which people are rated, follow the attainment of the group; the least
    commission of new people is compared with their share of the group's by what they work; the managers of a team come
    and go independently, and its quota counts while one of them is at work.
    """
    team = numbers.plan.team
    quotas = {name: _own_quota(numbers, name, people) for name in people}
    groups = {group.name: group for group in team.seats}
    found = {}
    for name, (quota, annual) in quotas.items():
        label, bookings, held = groups[name].team, credited[name], quota
        commission = _commission(numbers, name, people[name], annual, bookings)
        if label and team.roles[groups[name].role].quota == "team":
            mates = [other for other in people if groups[other].team == label]
            part = _part_of_team(name, [m for m in mates if team.roles[groups[m].role].quota == "team"], people)
            sellers = [other for other in mates if team.roles[groups[other].role].sells]
            held = part * np.sum([quotas[other][0] for other in sellers], axis=0)
            bookings = part * np.sum([credited[other] for other in mates], axis=0)
        rated = _rated(numbers, total(people[name], "rated"), held, bookings)
        found[name] = {"quota": held, "commission": commission, **rated}
    return found


def _part_of_team(name: str, managers: list[str], people: Mapping[str, list[Seats]]) -> Array:
    """The part of a team's quota that a group of its managers carries: theirs of all, while there is one."""
    working = {manager: total(people[manager], "working") for manager in managers}
    nobody, everybody = np.ones_like(working[name]), np.zeros_like(working[name])
    for manager, at_work in working.items():
        seats = max(1, sum(block.count for block in people[manager]))
        nobody = nobody * np.maximum(0.0, 1 - at_work / seats) ** seats
        everybody = everybody + at_work
    return np.divide((1 - nobody) * working[name], everybody, out=np.zeros_like(nobody), where=everybody > 0)


def _own_quota(numbers: Numbers, name: str, people: Mapping[str, list[Seats]]) -> tuple[Array, Array]:
    """Quota of a group by month, and what the annual quotas of those at work add up to."""
    team = numbers.plan.team
    group = next(group for group in team.seats if group.name == name)
    role = team.roles[group.role]
    if not isinstance(role.quota, Quantity):
        return np.zeros(numbers.months), np.zeros(numbers.months)
    annual, shares = numbers.of(role.quota), potentials(numbers, group.segment or "")
    months, working = np.zeros(numbers.months), np.zeros(numbers.months)
    for block in people[name]:
        potential = np.ones(numbers.months)
        if shares and role.sells and group.segment:
            worked = [m for m in members(numbers.plan, group.segment, people) if m.seats is block]
            potential = potential * (1 - sum(m.share for m in worked))
            for m in worked:
                potential = potential + m.share * len(shares) * shares[m.territory]
        months = months + potential * block.out["quota_months"]
        working = working + potential * block.out["working"]
    return annual / MONTHS_PER_YEAR * months, annual * working


def _commission(numbers: Numbers, name: str, blocks: list[Seats], annual: Array, credited: Array) -> Array:
    """Commission of a group: variable/quota of what it is credited, more of it above the accelerator."""
    role = blocks[0].rules.role
    if not role.on_commission or not isinstance(role.quota, Quantity):
        return np.zeros(numbers.months)
    quota, variable = numbers.of(role.quota), numbers.of(role.cost.variable)
    rate = np.divide(variable, quota, out=np.zeros_like(quota), where=quota > 0)
    accelerator = numbers.plan.economics.commission.accelerator
    earned = rate * credited
    if accelerator is not None:
        limit, times = numbers.of(accelerator.above) * annual, numbers.of(accelerator.rate)
        for t in range(numbers.months):
            before = credited[t - numbers.fiscal_months(t) : t].sum()
            below = min(max(limit[t] - before, 0.0), credited[t])
            earned[t] = rate[t] * (below + times[t] * (credited[t] - below))
    if role.commission_draw is None:
        return np.asarray(earned)
    worked, sure_worked = total(blocks, "ramped"), total(blocks, "sure_ramped")
    part = np.divide(sure_worked, worked, out=np.zeros_like(worked), where=worked > 0)
    sure = total(blocks, "sure") * numbers.fraction(role.commission_draw.share) * variable / MONTHS_PER_YEAR
    return np.asarray(earned + np.maximum(0.0, sure - earned * part))


def _rated(numbers: Numbers, people: Array, quota: Array, credited: Array) -> dict[str, Array]:
    """Whom a fiscal year's quota is held against, by what the group attains of it."""
    found = {output: np.zeros(numbers.months) for output in ("rated", "at_quota", "near_quota", "below_half")}
    for t in np.flatnonzero(people):
        year = slice(t - numbers.fiscal_months(int(t)), t + 1)
        if quota[year].sum() > 0:
            attained = credited[year].sum() / quota[year].sum() + _ROUNDING
            found["rated"][t] = people[t]
            found["at_quota"][t] = people[t] * (attained >= 1)
            found["near_quota"][t] = people[t] * (0.7 <= attained < 0.8)
            found["below_half"][t] = people[t] * (attained < 0.5)
    return found
