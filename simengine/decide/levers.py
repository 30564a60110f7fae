"""The levers of a plan as dials: what may be chosen, what a choice costs, and the plan that it makes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from simengine.plan.checks import of_tree
from simengine.plan.edit import written
from simengine.plan.levers import Lever, LeverTerritory
from simengine.plan.scalars import Quantity, is_month
from simengine.plan.scenario import laid
from simengine.plan.schema import Plan
from simengine.units import MONTHS_PER_YEAR, month_label, month_number

Mix = tuple[int, ...]
"""A choice: of every dial the place of its amount."""


class Dial(NamedTuple):
    """A lever at one month: what may be chosen of it.

    Attributes
    ----------
    name : the lever's, with the month where it has several
    lever : its name in the plan
    month : from which on it acts (since year 0); None of an event, which has its own
    amounts : people on top, factors, or months earlier, from the least to the most
    neutral : place of the amount that leaves the plan as it is
    decide_by : the last month in which it can be decided, of an event by one step; None where that is not known
    """

    name: str
    lever: str
    month: int | None
    amounts: tuple[float, ...]
    neutral: int
    decide_by: int | None


class Levers:
    """What the levers of a plan make possible.

    A lever whose month of decision lies before the plan's `as_of` stays where it is (`closed`).

    Parameters
    ----------
    plan : a checked plan
    until : the last month (since year 0) whose cost counts

    Attributes
    ----------
    dials : what may be chosen, in the order of the plan
    closed : names of dials that it is too late for
    neutral : the choice that is the plan itself
    """

    def __init__(self, plan: Plan, until: int) -> None:
        self.plan, self.until = plan, until
        self._now = plan.plan.now
        dials = [dial for name, lever in plan.levers.items() for dial in self._dials(name, lever)]
        self.closed = tuple(dial.name for dial in dials if len(dial.amounts) == 1)
        self.dials = tuple(dial for dial in dials if len(dial.amounts) > 1)
        self.neutral: Mix = tuple(dial.neutral for dial in self.dials)

    def _dials(self, name: str, lever: Lever) -> Iterator[Dial]:
        if lever.event is not None:
            first = math.floor(self.plan.events[lever.event].starts.support()[0])
            soonest = self._now + lever.lead_time
            amounts = tuple(k for k in lever.amounts if k <= max(0.0, first - soonest))
            decide_by = first - lever.lead_time - round(lever.step or 1.0)
            yield Dial(name, name, None, amounts, amounts.index(lever.neutral), decide_by)
            return
        for month in lever.starts:
            full = name if len(lever.starts) == 1 else f"{name} {month_label(month)}"
            decide_by = month - lever.lead_time
            amounts = lever.amounts if decide_by >= self._now else (lever.neutral,)
            yield Dial(full, name, month, amounts, amounts.index(lever.neutral), decide_by)

    def lever(self, dial: Dial) -> Lever:
        """The lever of a dial, as the plan declares it."""
        return self.plan.levers[dial.lever]

    def amounts(self, mix: Mix) -> dict[str, float]:
        """What a choice changes: of every dial that is moved its amount."""
        return {dial.name: dial.amounts[i] for dial, i in zip(self.dials, mix, strict=True) if i != dial.neutral}

    def steps(self, dial: Dial, place: int) -> int:
        """By how many steps a dial is moved."""
        lever = self.lever(dial)
        return round((dial.amounts[place] - lever.neutral) / (lever.step or 1.0))

    # --- Cost ---

    def cost(self, mix: Mix) -> float:
        """What a choice costs until `until`, in the plan's currency, at the values of the operating plan.

        A person costs recruiting, salary and variable pay at quota from the planned month on; a channel the money that
        is spent on top; an event that starts sooner its monthly cost, as likely as it is. What a lever declares as its
        cost stands in the place of that. Less than the plan has saves as much.
        """
        return math.fsum(self.costs(mix).values())

    def costs(self, mix: Mix) -> dict[str, float]:
        """The cost of every dial that is moved."""
        spends: dict[str, list[tuple[Dial, float]]] = defaultdict(list)
        found = {}
        for dial, place in zip(self.dials, mix, strict=True):
            if place == dial.neutral:
                continue
            lever = self.lever(dial)
            if lever.cost is not None:
                found[dial.name] = self._declared(dial, place)
            elif lever.hires is not None:
                found[dial.name] = dial.amounts[place] * self._person(lever.hires, dial.month or 0)
            elif lever.spend is not None:
                spends[lever.spend].append((dial, dial.amounts[place]))
            elif lever.event is not None:
                found[dial.name] = self._sooner(lever.event, dial.amounts[place])
        for channel, moved in spends.items():
            found.update(self._spent(channel, moved))
        return found

    def _declared(self, dial: Dial, place: int) -> float:
        lever, steps = self.lever(dial), self.steps(dial, place)
        assert lever.cost is not None
        months = 1 if dial.month is None else self._months_from(dial.month)
        if lever.kind == "improves":
            steps = max(0, steps)
        return steps * (lever.cost.upfront * (months > 0) + lever.cost.monthly * months)

    def _months_from(self, month: int) -> int:
        return max(0, self.until - month + 1)

    def _person(self, group: str, month: int) -> float:
        role = next(seats.role for seats in self.plan.team.seats if seats.name == group)
        cost, months = self.plan.team.roles[role].cost, range(month, self.until + 1)
        yearly = (self._planned(cost.salary, t) + self._planned(cost.variable, t) for t in months)
        return self._planned(cost.recruiting, month) * (len(months) > 0) + math.fsum(yearly) / MONTHS_PER_YEAR

    def _spent(self, channel: str, moved: list[tuple[Dial, float]]) -> dict[str, float]:
        """Money on top of a channel's spend, by dial: what each adds to those that start before it."""
        spend = self.plan.funnel.channels[channel].spend
        found = {}
        before: list[tuple[Dial, float]] = []
        for dial, amount in sorted(moved, key=lambda each: each[0].month or 0):
            months = range(dial.month or 0, self.until + 1)
            times = math.prod(factor for _, factor in before)
            found[dial.name] = math.fsum(self._planned(spend, t) for t in months) * times * (amount - 1)
            before.append((dial, amount))
        return found

    def _sooner(self, event: str, months: float) -> float:
        entry = self.plan.events[event]
        if entry.lasts is not None:
            return 0.0
        return months * entry.probability * self._planned(entry.cost, self.plan.plan.start)

    def _planned(self, quantity: Quantity, month: int) -> float:
        return float(quantity.at(month).of(self.plan.planned))

    # --- Limits ---

    def hired(self, mix: Mix) -> dict[int, int]:
        """People who are hired in each month, by the plan and by the choice."""
        months: dict[int, int] = defaultdict(int)
        for group in self.plan.team.seats:
            for month, heads in (*group.hires.items(), *group.expected.items()):
                months[month] += heads
        for dial, place in zip(self.dials, mix, strict=True):
            if self.lever(dial).hires is not None and dial.month is not None:
                months[dial.month] += round(dial.amounts[place])
        return dict(months)

    def is_allowed(self, mix: Mix) -> bool:
        """Whether a choice keeps the plan's limits. What the plan itself exceeds is no fault of a choice."""
        limits = self.plan.limits
        if limits.budget is not None and self.cost(mix) > limits.budget:
            return False
        if limits.hires_per_month is None:
            return True
        before = self.hired(self.neutral)
        hired = self.hired(mix)
        return all(n <= max(limits.hires_per_month, before.get(month, 0)) for month, n in hired.items())

    # --- The plan that a choice makes ---

    def chosen(self, mix: Mix) -> Plan:
        """The plan with a choice made: the same, bit by bit, as its scenario file read from disk."""
        if mix == self.neutral:
            return self.plan
        return of_tree(laid(self._tree, self.changes(mix), "levers"))

    @cached_property
    def _tree(self) -> Any:
        return self.plan.origin.tree

    def scenario(self, mix: Mix, extends: str, name: str, story: str = "") -> str:
        """The text of a scenario file that lays a choice over the plan file `extends`."""
        head = {"name": name} | ({"story": story} if story else {})
        return written({"extends": extends, "scenario": head, **self.changes(mix)}) + "\n"

    def changes(self, mix: Mix) -> dict[str, Any]:
        """What a choice changes in the plan, as a scenario file says it; what was chosen is no lever any more."""
        found: dict[str, Any] = {}
        moved = [(dial, place) for dial, place in zip(self.dials, mix, strict=True) if place != dial.neutral]
        if seats := self._seats(moved):
            found["team"] = seats
        channels = {self.lever(dial).spend for dial, _ in moved} - {None}
        if channels:
            spends = {str(name): {"spend": self._spend(str(name), moved)} for name in sorted(map(str, channels))}
            found["funnel"] = {"channels": spends}
        events = {}
        for dial, place in moved:
            lever = self.lever(dial)
            if lever.improves is not None:
                events[dial.name] = self._initiative(dial, place)
            elif lever.event is not None:
                events[lever.event] = self._sooner_event(lever.event, round(dial.amounts[place]))
        if events:
            found["events"] = events
        return found | {key: None for key in ("levers", "limits") if self._tree.child(key) is not None}

    def _seats(self, moved: list[tuple[Dial, int]]) -> dict[str, Any]:
        further = []
        for dial, place in moved:
            lever = self.lever(dial)
            if lever.hires is not None and dial.month is not None:
                heads = round(dial.amounts[place])
                further.append(Further(dial.name, lever.hires, dial.month, heads, lever.territories))
        return people_on_top(self.plan, further)

    def _spend(self, channel: str, moved: list[tuple[Dial, int]]) -> dict[str, str]:
        spend = self.plan.funnel.channels[channel].spend
        factors = [(dial.month or 0, dial.amounts[place]) for dial, place in moved if self.lever(dial).spend == channel]
        first = min(month for month, _ in factors)
        months = sorted({month for month, _ in factors} | {month for month, _ in spend.later if month > first})
        start = self.plan.plan.start
        found = {}
        for month in months:
            money = spend.at(month).number * math.prod(factor for since, factor in factors if since <= month)
            found["start" if month == start else month_label(month)] = _monthly(money)
        return found

    def _initiative(self, dial: Dial, place: int) -> dict[str, Any]:
        lever, steps = self.lever(dial), max(0, self.steps(dial, place))
        assert lever.improves is not None
        assert dial.month is not None
        money = {} if lever.cost is None else {"upfront": steps * lever.cost.upfront}
        if lever.cost is not None:
            money["cost"] = _monthly(steps * lever.cost.monthly)  # type: ignore[assignment]
        return {
            "kind": "initiative",
            "owner": lever.owner,
            "source": {"kind": "judgment", "reference": f"lever {dial.lever}"},
            "starts": month_label(dial.month),
            "plan": month_label(dial.month),
            "phase_in_months": lever.phase_in_months,
            "effect": dict.fromkeys(lever.improves, f"x{dial.amounts[place]:g}"),
            **money,
        }

    def _sooner_event(self, event: str, months: int) -> dict[str, Any]:
        node = self._tree.child("events").child(event).child("starts")
        change = {"starts": _shifted(node.plain(), -months)}
        planned = self.plan.events[event].plan
        if planned != "never":
            moved = max(self.plan.plan.start, planned - months)
            change["plan"] = month_label(moved) if moved <= self.plan.plan.end else "never"
        return change


class Further(NamedTuple):
    """People on top of a plan: what they are called, their seat group, month and number, and what each seat works."""

    name: str
    group: str
    month: int
    heads: int
    territory: LeverTerritory | None


def people_on_top(plan: Plan, further: Iterable[Further]) -> dict[str, Any]:
    """What further people change in the `team` of a plan, as a scenario file says it."""
    groups = {group.name: group for group in plan.team.seats}
    hires: dict[str, dict[str, int]] = defaultdict(dict)
    territories: list[dict[str, Any]] = []
    for name, group, month, heads, territory in further:
        hires[group][month_label(month)] = groups[group].hires.get(month, 0) + heads
        if territory is not None:
            potential = _shown(territory.potential, "x{:g}")
            entry = {"seats": group, "potential": potential, "accounts": territory.accounts}
            territories += [{"name": f"{name} {n}", **entry} for n in range(1, heads + 1)]
    if not hires:
        return {}
    seats = [{"name": group, "hires": months} for group, months in hires.items()]
    return {"seats": seats} | ({"territories": territories} if territories else {})


def _monthly(money: float) -> str:
    """Money as a plan writes it, to the cent.

    >>> _monthly(880_000.0000001), _monthly(12.5)
    ('880_000 per month', '12.5 per month')
    """
    cents = round(money, 2)
    return f"{cents:_.0f} per month" if cents == round(cents) else f"{cents:_} per month"


def _shifted(raw: Any, months: int) -> Any:
    """A month, or a law of months, moved by so many months."""
    if isinstance(raw, Mapping):
        return {_shifted(key, months): _shifted(value, months) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_shifted(value, months) for value in raw]
    return month_label(month_number(str(raw)) + months) if is_month(raw) else raw


def _shown(quantity: Quantity, form: str) -> Any:
    """A number of the plan as a scenario file states it."""

    def step(part: Quantity) -> str:
        return part.assumption or form.format(part.number)

    if not quantity.later:
        return step(quantity)
    return {"start": step(quantity), **{month_label(month): step(part) for month, part in quantity.later}}
