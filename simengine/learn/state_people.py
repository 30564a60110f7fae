"""People on the as-of date as the seats of a plan: who is there and how long, and whose seat is to be filled when."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from simengine.learn.happened import last_day, month_of, seat_groups
from simengine.learn.standing import Shift, Standing
from simengine.plan.edit import REMOVE
from simengine.plan.people import SeatGroup
from simengine.units import month_label


def people(standing: Standing) -> None:
    """Put `existing`, `tenure_months` and `hires` of every seat group; territories go with seats that are gone."""
    plan, history = standing.plan, standing.history
    if not plan.team.seats:
        return
    if "people" not in history.tables:
        if standing.is_taken("people", "no people: who is on the seats is not known"):
            for group in plan.team.seats:
                _as_planned(standing, group)
        return
    table = history.table("people")
    table = table.assign(group=seat_groups(table, plan))
    _check_groups(standing, table)
    for group in plan.team.seats:
        own = table[table["group"] == group.name]
        there = own[(own["start"] <= history.last) & (own["end"].isna() | (own["end"] > history.last))]
        tenures = sorted((standing.start - month_of(there["start"])).clip(lower=1).tolist(), reverse=True)
        hires = _hires(standing, group, own, len(there))
        _put(standing, group, tenures, hires)


def _check_groups(standing: Standing, table: pd.DataFrame) -> None:
    """People of a role of the plan have seats in it; other roles are none of its business."""
    there = table["end"].isna() | (table["end"] > standing.history.last)
    lost = table[there & (table["group"] == "") & table["role"].isin(list(standing.plan.team.roles))]
    for role, part in lost.groupby("role"):
        shown = ", ".join(map(str, part["id"].head(3)))
        words = f"people of role {role} who fit to no seat group, or to several: {len(part)} ({shown}); fill in `seats`"
        standing.miss(words)


def _hires(standing: Standing, group: SeatGroup, own: pd.DataFrame, there: int) -> dict[int, int]:
    """Seats to be filled, by month: those planned for later, those that are late, and those of people who left."""
    hires = {month: number for month, number in group.hires.items() if month >= standing.start and number}
    due = group.existing + sum(number for month, number in group.hires.items() if month < standing.start)
    begin = last_day(standing.plan.plan.start - 1)
    left = own[own["end"].notna() & (own["end"] >= begin) & (own["end"] <= standing.history.last)].sort_values("end")
    vacant = due - there
    if vacant < 0:
        return _earlier(standing, group, hires, -vacant)
    role = standing.plan.team.roles[group.role]
    is_filled = role.attrition is not None and role.backfill.policy == "always"
    lag = standing.value(role.backfill.lag)
    of_leavers = min(vacant, len(left))
    if late := vacant - of_leavers:
        hires[standing.start] = hires.get(standing.start, 0) + late
        standing.said.append(f"{group.name}: planned for earlier and not there yet: {late}; expected next month")
    if not of_leavers:
        return hires
    if not is_filled:
        standing.said.append(f"{group.name}: people who left: {of_leavers}; nobody is to follow, so the seats are gone")
        return hires
    for end in left["end"].tail(of_leavers):
        month = max(standing.start, int(end.year * 12 + end.month - 1) + 1 + math.floor(lag + 0.5))
        month = min(month, standing.plan.plan.end)
        hires[month] = hires.get(month, 0) + 1
    standing.said.append(f"{group.name}: people who left: {of_leavers}; their seats are to be filled again")
    return hires


def _earlier(standing: Standing, group: SeatGroup, hires: Mapping[int, int], more: int) -> dict[int, int]:
    """More people than seats so far: later hires have come early; beyond them the group has grown."""
    left: dict[int, int] = {}
    rest = more
    for month, number in sorted(hires.items()):
        taken = min(number, rest)
        rest -= taken
        if number > taken:
            left[month] = number - taken
    if more > rest:
        standing.said.append(f"{group.name}: started before their planned month: {more - rest}")
    if rest:
        standing.said.append(f"{group.name}: more than the plan has seats for: {rest}")
    return left


def _put(standing: Standing, group: SeatGroup, tenures: list[int], hires: Mapping[int, int]) -> None:
    at, changes = ("team", "seats", group.name), standing.changes
    if tenures or group.existing:
        changes[*at, "existing"] = len(tenures)
    if tenures:
        changes[*at, "tenure_months"] = tenures[0] if len(set(tenures)) == 1 else tenures
    elif group.tenure_months:
        changes[*at, "tenure_months"] = REMOVE
    if hires or group.hires:
        changes[*at, "hires"] = {month_label(month): number for month, number in sorted(hires.items())} or REMOVE
    if moved := _moved(standing, group, hires):
        standing.moved[group.name] = moved
    planned = standing.now.end(standing.operating.group("headcount")[group.name])
    standing.shifts.append(Shift(f"people {group.name}", "", planned, len(tenures)))
    _territories(standing, group, len(tenures) + sum(hires.values()))


def _moved(standing: Standing, group: SeatGroup, hires: Mapping[int, int]) -> dict[str, int]:
    """By how many the hires of each month to come are others than before any actuals."""
    learned = standing.plan.learned
    told = learned.hires if learned is not None else ()
    earlier = {each.month: each.number for each in told if each.seats == group.name}
    months = sorted({month for month in (*hires, *group.hires, *earlier) if month >= standing.start})
    changed = {m: hires.get(m, 0) - group.hires.get(m, 0) + earlier.get(m, 0) for m in months}
    return {month_label(month): number for month, number in changed.items() if number}


def _territories(standing: Standing, group: SeatGroup, seats: int) -> None:
    """One territory for each seat: the last ones go with seats that are gone."""
    own = [territory for territory in standing.plan.team.territories if territory.seats == group.name]
    if not own:
        return
    if seats > len(own):
        standing.miss(
            f"{group.name} has {seats} seats now and {len(own)} territories: add {seats - len(own)} to the plan"
        )
    for territory in own[seats:]:
        standing.changes["team", "territories", territory.name] = REMOVE
        standing.said.append(f"territory {territory.name} goes with a seat of {group.name} that nobody is to fill")


def _as_planned(standing: Standing, group: SeatGroup) -> None:
    """The plan's own expectation of who is there: whole people, and the seats that are due and empty next month."""
    due = group.existing + sum(number for month, number in group.hires.items() if month < standing.start)
    there = min(due, round(standing.now.end(standing.operating.group("headcount")[group.name])))
    hires = {month: number for month, number in group.hires.items() if month >= standing.start and number}
    if due > there:
        hires[standing.start] = hires.get(standing.start, 0) + due - there
    given = group.tenure_months
    old = round(float(np.mean(given)) if isinstance(given, tuple) else given) + standing.elapsed
    _put(standing, group, [old] * there, hires)
    standing.said.append(f"{group.name}: people are the plan's expectation (--assume-plan people)")
