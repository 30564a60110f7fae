"""People on the as-of date as the seats of a plan: who is there and how long, and whose seat is to be filled when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from simengine.learn.happened import last_day, month_of, seat_groups
from simengine.learn.standing import Shift, Standing
from simengine.plan.edit import REMOVE
from simengine.plan.people import SeatGroup
from simengine.units import month_label


def people(standing: Standing) -> None:
    """Put who is there and who is to come of every seat group; territories go with seats that are gone."""
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
        _put(standing, group, tenures, _to_come(standing, group, own, len(there)))


def _check_groups(standing: Standing, table: pd.DataFrame) -> None:
    """People of a role of the plan have seats in it; other roles are none of its business."""
    there = table["end"].isna() | (table["end"] > standing.history.last)
    lost = table[there & (table["group"] == "") & table["role"].isin(list(standing.plan.team.roles))]
    for role, part in lost.groupby("role"):
        shown = ", ".join(map(str, part["id"].head(3)))
        words = f"people of role {role} who fit to no seat group, or to several: {len(part)} ({shown}); fill in `seats`"
        standing.miss(words)


class _ToCome(NamedTuple):
    """Seats that are still to be filled, by month."""

    hires: dict[int, int]
    """As planned: they may be late."""
    expected: dict[int, int]
    """Of people who left, and of hires who are late: nothing more delays them."""

    def add(self, month: int, heads: int = 1) -> None:
        """Expect more people in a month."""
        self.expected[month] = self.expected.get(month, 0) + heads


def _planned(standing: Standing, group: SeatGroup) -> _ToCome:
    """What the plan has to come."""
    hires, expected = (
        {month: heads for month, heads in planned.items() if month >= standing.start and heads}
        for planned in (group.hires, group.expected)
    )
    return _ToCome(hires, expected)


def _to_come(standing: Standing, group: SeatGroup, own: pd.DataFrame, there: int) -> _ToCome:
    """Seats to be filled: those planned for later, those that are late, and those of people who left."""
    found = _planned(standing, group)
    past = [each for each in group.planned if each.month < standing.start]
    begin = last_day(standing.plan.plan.start - 1)
    left = own[own["end"].notna() & (own["end"] >= begin) & (own["end"] <= standing.history.last)].sort_values("end")
    vacant = group.existing + len(past) - there
    if vacant < 0:
        return _earlier(standing, group, found, -vacant)
    role, team = standing.plan.team.roles[group.role], standing.plan.team
    is_filled = role.attrition is not None and role.backfill.policy == "always"
    climate = standing.value(team.recruiting_climate)
    delay, lag = (climate * standing.value(mean) for mean in (group.time_to_fill_delay, role.backfill.lag))
    of_leavers = min(vacant, len(left))
    if late := vacant - of_leavers:
        waited_for = past[max(0, len(past) - late) :]
        for each in waited_for:
            found.add(_month(standing, each.month, 0.0 if each.is_expected else delay))
        if unknown := late - len(waited_for):
            found.add(standing.start, unknown)
        standing.said.append(f"{group.name}: planned for earlier and not there yet: {late}; expected after the delay")
    if not of_leavers:
        return found
    if not is_filled:
        standing.said.append(f"{group.name}: people who left: {of_leavers}; nobody is to follow, so the seats are gone")
        return found
    for end in left["end"].tail(of_leavers):
        found.add(_month(standing, int(end.year * 12 + end.month - 1) + 1, lag))
    standing.said.append(f"{group.name}: people who left: {of_leavers}; their seats are to be filled again")
    return found


def _month(standing: Standing, since: int, lag: float) -> int:
    """The month of the new plan in which somebody starts who is due in one, a lag later."""
    return min(max(standing.start, since + math.floor(lag + 0.5)), standing.plan.plan.end)


def _earlier(standing: Standing, group: SeatGroup, planned: _ToCome, more: int) -> _ToCome:
    """More people than seats so far: later ones have come early; beyond them the group has grown."""
    rest = more
    for month in sorted({*planned.expected, *planned.hires}):
        for heads in (planned.expected, planned.hires):
            taken = min(heads.get(month, 0), rest)
            rest -= taken
            if month in heads and (left := heads.pop(month) - taken):
                heads[month] = left
    if more > rest:
        standing.said.append(f"{group.name}: started before their planned month: {more - rest}")
    if rest:
        standing.said.append(f"{group.name}: more than the plan has seats for: {rest}")
    return planned


def _put(standing: Standing, group: SeatGroup, tenures: list[int], to_come: _ToCome) -> None:
    at, changes = ("team", "seats", group.name), standing.changes
    if tenures or group.existing:
        changes[*at, "existing"] = len(tenures)
    if tenures:
        changes[*at, "tenure_months"] = tenures[0] if len(set(tenures)) == 1 else tenures
    elif group.tenure_months:
        changes[*at, "tenure_months"] = REMOVE
    for key, heads, before in (
        ("hires", to_come.hires, group.hires),
        ("expected", to_come.expected, group.expected),
    ):
        if heads or before:
            changes[*at, key] = {month_label(month): number for month, number in sorted(heads.items())} or REMOVE
    if moved := _moved(standing, group, to_come.hires):
        standing.moved[group.name] = moved
    planned = standing.now.end(standing.operating.group("headcount")[group.name])
    standing.shifts.append(Shift(f"people {group.name}", "", planned, len(tenures)))
    _territories(standing, group, len(tenures) + sum(to_come.hires.values()) + sum(to_come.expected.values()))


def _moved(standing: Standing, group: SeatGroup, hires: Mapping[int, int]) -> dict[str, int]:
    """By how many the hires of each month to come are others than before any actuals: those who came early."""
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
    due = group.existing + sum(each.month < standing.start for each in group.planned)
    there = min(due, round(standing.now.end(standing.operating.group("headcount")[group.name])))
    to_come = _planned(standing, group)
    if due > there:
        to_come.add(standing.start, due - there)
    given = group.tenure_months
    old = round(float(np.mean(given)) if isinstance(given, tuple) else given) + standing.elapsed
    _put(standing, group, [old] * there, to_come)
    standing.said.append(f"{group.name}: people are the plan's expectation (--assume-plan people)")
