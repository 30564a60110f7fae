"""What is open on the as-of date as the opening pipeline of a plan: opportunities with their age, and leads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import numpy as np
import pandas as pd

from simengine.learn.happened import month_of, seat_groups
from simengine.learn.history import OPEN, REACHED
from simengine.learn.standing import Shift, Standing, cents
from simengine.plan.market import Demand
from simengine.units import MONTHS_PER_YEAR

_DAYS_PER_MONTH = 365.2425 / MONTHS_PER_YEAR
COLUMNS = ("segment", "channel", "stage", "age_months", "owner", "count", "value", "waiting")
Row = dict[str, object]


def pipeline(standing: Standing) -> None:
    """Put `funnel.opening_pipeline` as a file: each open opportunity, and leads that can still reach the next stage."""
    funnel = standing.plan.funnel
    if not funnel.channels:
        return
    rows: list[Row] = []
    if "opportunities" in standing.history.tables:
        rows += _opportunities(standing)
    elif standing.is_taken("pipeline", "no opportunities: what is open is not known"):
        rows += _as_planned(standing)
    rows += _leads(standing)
    count = sum(int(str(row["count"])) for row in rows if row["stage"] == funnel.stages[-1])
    planned = sum(standing.now.end(open_) for open_ in standing.operating.segment("open").values())
    planned += sum(standing.now.end(waiting) for waiting in standing.operating.segment("waiting").values())
    standing.shifts.append(Shift("open opportunities", "", planned, count))
    standing.changes["funnel", "opening_pipeline"] = standing.beside("pipeline", COLUMNS, rows)


def _age(standing: Standing, days: pd.Series[pd.Timestamp]) -> pd.Series[float]:
    """Months from a day to the start of the new plan."""
    ages: pd.Series[float] = ((standing.history.last - days).dt.days + 1) / _DAYS_PER_MONTH
    return ages.round(2).clip(lower=0)


def _opportunities(standing: Standing) -> Iterator[Row]:
    plan, table = standing.plan, standing.history.table("opportunities")
    table = table[table["outcome"] == OPEN].sort_values(["segment", "channel", "created", "id"], kind="stable")
    if not _is_placed(standing, table, "open opportunities"):
        return
    sold = [plan.funnel.channels[name].sold_by == "sellers" for name in table["channel"]]
    is_told = bool(standing.history.table("opportunities")["started"].notna().any())
    waiting = table["started"].isna() & is_told & np.array(sold, bool)
    ages = _age(standing, table["started"].where(table["started"].notna(), table["created"]))
    if number := int(waiting.sum()):
        standing.said.append(f"opportunities that wait for a seller: {number}; they go on waiting")
    owners = _owners(standing)
    for age, waits, (_, deal) in zip(ages, waiting, table.iterrows(), strict=True):
        channel, segment = plan.funnel.channels[deal["channel"]], deal["segment"]
        owner = owners.get(deal["owner"], ("", ""))
        has_owner = channel.sold_by == "sellers" and owner[1] == segment and not waits
        yield {
            "segment": segment,
            "channel": deal["channel"],
            "stage": plan.funnel.stages[-1],
            "age_months": float(age),
            "owner": owner[0] if has_owner else "",
            "count": 1,
            "value": cents(deal["amount"]) if deal["amount"] > 0 else "",
            "waiting": "true" if waits else "",
        }


def _owners(standing: Standing) -> dict[str, tuple[str, str]]:
    """Seat group and segment of each person who sells and is there."""
    people, team = standing.history.table("people"), standing.plan.team
    there = people[people["end"].isna() | (people["end"] > standing.history.last)]
    groups = {group.name: group for group in team.seats if team.roles[group.role].sells}
    found = zip(there["id"], seat_groups(there, standing.plan), strict=True)
    return {person: (name, groups[name].segment or "") for person, name in found if name in groups}


def _is_placed(standing: Standing, table: pd.DataFrame, what: str) -> bool:
    """Whether each record is of a channel that serves its segment; notes those that are not."""
    served = {
        (name, segment) for name, channel in standing.plan.funnel.channels.items() for segment in channel.segments
    }
    found = table.groupby(["channel", "segment"]).size()
    strange = {cast(tuple[str, str], key): int(number) for key, number in found.items() if key not in served}
    for (channel, segment), number in strange.items():
        place = f"channel {channel or 'blank'} in segment {segment or 'blank'}"
        standing.miss(f"{number} {what} are of {place}, which the plan does not have: map them to one that it has")
    return not strange


# --- leads ------------------------------------------------------------------------------------------------------------


def _lags(standing: Standing) -> dict[tuple[str, str], list[float]]:
    """Months from each stage to the next of each cell that has any, at the values that the plan counts on."""
    found = {}
    for name, channel in standing.plan.funnel.channels.items():
        for segment, demand in channel.segments.items():
            lags = [standing.value(lag) for lag in demand.stage_lags]
            if any(lags):
                found[name, segment] = lags
    return found


def _leads(standing: Standing) -> Iterator[Row]:
    """Leads who came so lately that they may still pass to the next stage: what is slower has been dropped."""
    stages, lags, table = standing.plan.funnel.stages, _lags(standing), standing.history.table("leads")
    if not lags:
        return
    missing = [stage for stage in stages[1:] if REACHED + stage not in table]
    if "leads" not in standing.history.tables or missing:
        words = f"leads do not say who reached {missing[0]}" if missing else "no leads"
        if standing.is_taken("leads", f"{words}: who is on the way to the next stage is not known"):
            yield from _planned_leads(standing, lags)
        return
    reached = pd.concat([table["created"], *(table[REACHED + stage] for stage in stages[1:])], axis=1)
    passed = reached.notna().to_numpy() * range(len(stages))
    stage = pd.Series(passed.max(axis=1), table.index)
    since = pd.Series([reached.iloc[i, last] for i, last in enumerate(stage)], table.index, dtype="datetime64[us]")
    table = table.assign(at=stage, month=month_of(since), age=_age(standing, since).round(1))
    found: dict[tuple[str, str, int, float], float] = {}
    for lead in table[table["at"] < len(stages) - 1].to_dict("records"):
        cell = lead["channel"], lead["segment"]
        if cell in lags and (share := _undecided(standing, cell, lead["at"], lead["month"], lags[cell][lead["at"]])):
            key = lead["segment"], lead["channel"], lead["at"], lead["age"]
            found[key] = found.get(key, 0.0) + share * lead["count"]
    for (segment, channel, at, age), number in sorted(found.items()):
        if count := round(number):
            yield {"segment": segment, "channel": channel, "stage": stages[at], "age_months": age, "count": count}


def _undecided(standing: Standing, cell: tuple[str, str], at: int, month: int, lag: float) -> float:
    """Share of those who reached a stage in a month, and not the next one, that a row of the plan would count.

    Of those who pass with rate r a share f passes in a month that is still to come. Of those who have not passed yet
    r f / (1 - r (1 - f)) will, and the plan's row lets r of its count pass.
    """
    whole = math.floor(lag)
    if month + whole >= standing.start:
        return 1.0
    later = lag - whole if month + whole + 1 >= standing.start else 0.0
    rate = standing.value(standing.plan.funnel.channels[cell[0]].segments[cell[1]].rates[at])
    return later / (1 - rate * (1 - later)) if later else 0.0


def _planned_leads(standing: Standing, lags: dict[tuple[str, str], list[float]]) -> Iterator[Row]:
    """As many as the plan counts on: what reached a stage within its lag."""
    for stage, name in enumerate(standing.plan.funnel.stages[:-1]):
        reached = standing.operating.reached(stage)
        for (channel, segment), arrivals in reached.items():
            lag = lags.get((channel, segment), [0.0] * (stage + 1))[stage]
            recent = arrivals[: standing.elapsed][::-1].tolist()
            passing = sum(max(0.0, min(1.0, lag - back)) * each for back, each in enumerate(recent))
            if passing >= 0.5:
                row: Row = {
                    "segment": segment,
                    "channel": channel,
                    "stage": name,
                    "age_months": 0.5,
                    "count": round(passing),
                }
                yield row
    standing.said.append("leads on the way to a stage are the plan's expectation (--assume-plan leads)")


def _as_planned(standing: Standing) -> Iterator[Row]:
    """What the plan counts on as open and waiting, by what comes through each channel and how long it takes."""
    stage = standing.plan.funnel.stages[-1]
    arrivals = standing.operating.reached(len(standing.plan.funnel.stages) - 1)
    for segment in sorted(standing.plan.segments):
        weights = {
            cell: float(arrivals[cell][: standing.elapsed].sum()) * standing.value(_demand(standing, cell).cycle)
            for cell in arrivals
            if cell[1] == segment
        }
        total = sum(weights.values())
        found = sum(standing.now.end(standing.operating.segment(name)[segment]) for name in ("open", "waiting"))
        for cell, weight in weights.items():
            if total and (count := round(found * weight / total)):
                age = round(standing.value(_demand(standing, cell).cycle) / 2, 1)
                yield {"segment": segment, "channel": cell[0], "stage": stage, "age_months": age, "count": count}
    standing.said.append("open opportunities are the plan's expectation (--assume-plan pipeline)")


def _demand(standing: Standing, cell: tuple[str, str]) -> Demand:
    return standing.plan.funnel.channels[cell[0]].segments[cell[1]]
