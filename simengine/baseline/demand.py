"""Step 2 in expected values: what arrives at the first stage and passes the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simengine.baseline.numbers import LEAST_GROWTH, Array, Numbers
from simengine.baseline.people import Seats, total
from simengine.plan.market import Channel, Demand
from simengine.plan.schema import Plan
from simengine.units import MONTHS_PER_YEAR


class CellName(NamedTuple):
    """A channel into a segment."""

    channel: str
    segment: str


@dataclass(frozen=True)
class Arrivals:
    """What a cell brings, by month: `reached` is (stage, month), `dropped` nobody had the hours to qualify."""

    reached: Array
    dropped: Array

    @property
    def opportunities(self) -> Array:
        """What reaches the last stage."""
        return np.asarray(self.reached[-1])


def cells_of(plan: Plan) -> list[CellName]:
    """The cells of a plan in order."""
    return sorted(CellName(name, segment) for name, c in plan.funnel.channels.items() for segment in c.segments)


def arrivals(numbers: Numbers, people: Mapping[str, list[Seats]]) -> dict[CellName, Arrivals]:
    """Expected number at each stage of each cell; without what the opening pipeline adds.

    Where hours do not suffice to qualify everybody, the share that is kept is that of the expected need.
    """
    channels, names = numbers.plan.funnel.channels, cells_of(numbers.plan)
    demands = {name: channels[name.channel].segments[name.segment] for name in names}
    hours = _hours(numbers, people)
    first: dict[CellName, Array] = {}
    dropped = {name: np.zeros(numbers.months) for name in names}
    for name, demand in demands.items():
        if demand.from_hours is None:
            first[name] = _mean(numbers, name, channels[name.channel], demand, people)
    for role in hours:
        qualified = {
            name: numbers.of(by.hours)
            for name in first
            if (by := channels[name.channel].qualified_by) is not None and by.role == role
        }
        need = sum((first[name] * each for name, each in qualified.items()), np.zeros(numbers.months))
        kept = np.divide(hours[role], need, out=np.ones_like(need), where=need > hours[role])
        for name in qualified:
            dropped[name] = first[name] * (1 - kept)
            first[name] = first[name] * kept
        hours[role] = hours[role] - kept * need
    for role, left in hours.items():
        weights = {
            name: numbers.of(demand.from_hours.weight)
            for name, demand in demands.items()
            if demand.from_hours is not None and demand.from_hours.role == role
        }
        whole = sum(weights.values(), np.zeros(numbers.months))
        for name, weight in weights.items():
            share = np.divide(weight, whole, out=np.zeros_like(whole), where=whole > 0)
            first[name] = left * share * _per_unit(numbers, name, demands[name])
    return {name: Arrivals(_passed(numbers, demands[name], first[name]), dropped[name]) for name in names}


def _hours(numbers: Numbers, people: Mapping[str, list[Seats]]) -> dict[str, Array]:
    """Hours a month of every role that has some."""
    team = numbers.plan.team
    found = {name: np.zeros(numbers.months) for name in sorted(team.roles)}
    for group in sorted(team.seats, key=lambda entry: entry.name):
        each = numbers.of(team.roles[group.role].hours)
        found[group.role] += each * total(people[group.name], "ramped")
    return found


def _per_unit(numbers: Numbers, name: CellName, demand: Demand) -> Array:
    """Arrivals a month (per hour, per seller), grown and with their season."""
    volume = demand.from_hours.per_hour if demand.from_hours else demand.from_sellers or demand.volume
    grown = numbers.plan.plan.grown + np.arange(numbers.months)
    growth = (1 + numbers.of(demand.growth, low=LEAST_GROWTH)) ** (grown / MONTHS_PER_YEAR)
    season = numbers.season(demand.seasonality.created)
    return np.asarray(numbers.of(volume, name.channel, f"{name.channel}/{name.segment}") * growth * season)


def _mean(
    numbers: Numbers, name: CellName, channel: Channel, demand: Demand, people: Mapping[str, list[Seats]]
) -> Array:
    """Arrivals that need no hours: given, in response to spend, or brought by sellers."""
    mean = _per_unit(numbers, name, demand)
    if demand.from_sellers is not None:
        return mean * sellers(numbers.plan, name.segment, people)
    if channel.response is None:
        return mean
    x = numbers.of(channel.spend) / numbers.of(channel.response.at_spend)
    k = numbers.of(channel.response.half_saturation)
    return mean * np.divide(x * (1 + k), x + k, out=np.zeros_like(x), where=x > 0)


def sellers(plan: Plan, segment: str, people: Mapping[str, list[Seats]]) -> Array:
    """Ramped sellers at work in a segment by month; in territories, those who have one."""
    months = np.zeros(plan.plan.months)
    for member in members(plan, segment, people):
        months = months + member.share * member.seats.out["ramped"]
    return months


class Member(NamedTuple):
    """Seats that work a pool: `share` of a block's seats of a group."""

    group: str
    seats: Seats
    share: float
    territory: str
    """The pool: empty where the segment has one only."""


def members(plan: Plan, segment: str, people: Mapping[str, list[Seats]]) -> list[Member]:
    """Who works each pool of a segment."""
    team = plan.team
    territories = team.territories_of(segment)
    if not territories:
        groups = sorted(group.name for group in team.seats if group.segment == segment and team.roles[group.role].sells)
        return [Member(name, block, 1.0, "") for name in groups for block in people[name]]
    found = []
    for territory in territories:
        of_group = [other.name for other in team.territories if other.seats == territory.seats]
        seat = of_group.index(territory.name)
        for block in people[territory.seats]:
            if 0 <= seat < block.count:
                found.append(Member(territory.seats, block, 1 / block.count, territory.name))
            seat -= block.count
    return found


def _passed(numbers: Numbers, demand: Demand, first: Array) -> Array:
    """Expected number at each stage, (stage, month), after the lags between them."""
    stages = [first]
    lags = demand.stage_lags or (None,) * len(demand.rates)
    for rate, lag in zip(demand.rates, lags, strict=True):
        passing, months = stages[-1] * numbers.fraction(rate), numbers.of(lag)
        there = np.zeros(numbers.months)
        for t, count in enumerate(passing):
            whole = math.floor(months[t])
            for k, share in ((whole, 1 - (months[t] - whole)), (whole + 1, months[t] - whole)):
                if t + k < numbers.months:
                    there[t + k] += count * share
        stages.append(there)
    return np.array(stages)
