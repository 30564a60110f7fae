"""The company as it stands on a day as the start of a plan: edits of the plan's text, and files beside it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from simengine.errors import SimengineError
from simengine.learn.happened import balance, last_day, last_month
from simengine.learn.history import History
from simengine.learn.standing import ASSUMED, Shift, Standing, cents
from simengine.learn.state_customers import customers
from simengine.learn.state_people import people
from simengine.learn.state_pipeline import pipeline
from simengine.plan.edit import REMOVE
from simengine.plan.scalars import is_month
from simengine.plan.schema import Plan
from simengine.plan.source import Node, Path, Problems, parse
from simengine.units import month_label, month_number


@dataclass(frozen=True)
class State:
    """Where a company stands.

    Attributes
    ----------
    changes : edits of the plan's text, for `plan.edit.edited`
    files : CSV files beside the plan, name -> text
    shifts : what the plan counted on for the day, beside what is
    said : what was moved, left out or taken from the plan, in words
    moved : as in `Standing`
    """

    changes: dict[Path, object]
    files: dict[str, str]
    shifts: tuple[Shift, ...]
    said: tuple[str, ...]
    moved: dict[str, dict[str, int]]


def state(
    history: History, plan: Plan, *, stem: str, assume: Collection[str] = (), before: Plan | None = None
) -> State:
    """The opening state of a plan that starts with the month after the as-of date.

    Parameters
    ----------
    history : what is known; its as-of date is the last day of a month of the plan, not the plan's last
    plan : the plan that was in force; its rates, terms and people's rules hold on
    stem : how the names of files beside the new plan begin
    assume : kinds of things (`standing.ASSUMED`) that are taken from the plan, at the values that it counts on, where
        the tables do not tell them
    before : the plan before any actuals, where `plan` has been updated since

    Raises
    ------
    SimengineError
        with everything that the tables do not tell and that was not to be assumed

    Notes
    -----
    Of every segment customers and ARR are those of the contracts in force, and renewals add up to ARR. Seats are
    conserved: who is there, and who is expected, are as many as the plan has seats, but for those that nobody follows
    on. Money is in the currency of the segment.
    """
    if unknown := set(assume) - set(ASSUMED):
        raise SimengineError(
            f"{', '.join(sorted(unknown))}: nothing to take from the plan; expected {', '.join(ASSUMED)}"
        )
    _check_day(history, plan)
    standing = Standing(history, plan, frozenset(assume), stem, before or plan)
    _calendar(standing)
    for part in (customers, people, pipeline, _cash):
        part(standing)
    if standing.untold:
        raise SimengineError("\n".join(_refusals(standing)))
    shifts = (*_totals(standing.shifts), *standing.shifts)
    return State(standing.changes, standing.files, shifts, tuple(standing.said), standing.moved)


def _totals(shifts: list[Shift]) -> Iterator[Shift]:
    """The company's ARR, customers and people, where they are of several segments or seat groups."""
    for word in ("ARR", "customers", "people"):
        parts = [shift for shift in shifts if shift.name.startswith(f"{word} ")]
        if len(parts) > 1:
            yield Shift(word, parts[0].unit, sum(p.planned for p in parts), sum(p.actual for p in parts))


def _refusals(standing: Standing) -> Iterator[str]:
    yield f"The tables do not tell all of where the company stands on {standing.history.as_of}:"
    for kind, words in standing.untold:
        remedy = f"; add it, or take what the plan expects with --assume-plan {kind}" if kind else ""
        yield f"  {words}{remedy}"


def _check_day(history: History, plan: Plan) -> None:
    day, header = history.as_of, plan.plan
    month = last_month(day)
    if (day + timedelta(days=1)).month == day.month:
        before, after = last_day(month).date(), last_day(month + 1).date()
        raise SimengineError(f"{day} is inside a month, and plans begin with one: choose {before} or {after}")
    if not header.start <= month < header.end:
        first, last = last_day(header.start).date(), last_day(header.end - 1).date()
        raise SimengineError(f"{day} leaves no plan to update: choose the end of a month from {first} to {last}")


def _cash(standing: Standing) -> None:
    given = standing.plan.economics.opening_cash
    value = balance(standing.history, standing.last)
    planned = standing.operating.metric("cash", standing.now)
    if math.isnan(value):
        if not given:
            return
        if not standing.is_taken(
            "cash", f"no balance of the last days of {month_label(standing.last)}: cash is not known"
        ):
            return
        value = planned
        standing.said.append("cash is the plan's expectation (--assume-plan cash)")
    standing.changes["economics", "opening_cash"] = cents(value)
    standing.shifts.append(Shift("cash", standing.plan.plan.currency, planned if given else math.nan, value))


# --- the calendar -----------------------------------------------------------------------------------------------------


def _calendar(standing: Standing) -> None:
    """A later start, fewer months; what held from a month on that has passed holds from the start."""
    header, changes = standing.plan.plan, standing.changes
    changes["plan", "start"] = month_label(standing.start)
    changes["plan", "months"] = header.end - standing.last
    changes["plan", "as_of"] = str(standing.history.as_of)
    tree = tree_of(standing.plan)
    keys = {path[-1] for path, _ in tree.leaves() if path}
    if "growth" in keys and getattr(header, "growth_from", None) is None:
        changes["plan", "growth_from"] = month_label(header.start)
    for path, entry in _mappings(tree, ()):
        if "start" in entry and all(key == "start" or is_month(key) for key in entry):
            _fold(standing, path, entry)
    for name, event in standing.plan.events.items():
        if event.plan != "never" and event.plan < standing.start:
            changes["events", name, "plan"] = month_label(standing.start)
        if event.starts.support()[0] < standing.start:
            begun = "has begun" if event.starts.support()[1] < standing.start else "may have begun"
            standing.said.append(f"event {name} {begun} before the plan now starts: check `starts` and `probability`")


def tree_of(plan: Plan) -> Node:
    """The tree of the plan's own file, as it is written."""
    name, text = next(iter(plan.texts.items()))
    tree = parse(text, name, Problems())
    assert tree is not None
    return tree


def _mappings(node: Node, path: Path) -> Iterator[tuple[Path, dict[Any, Node]]]:
    """Every mapping with its path, through names of lists where there are any."""
    if isinstance(node.value, dict):
        yield path, node.value
        for key, child in node.value.items():
            yield from _mappings(child, (*path, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from _mappings(child, (*path, index if child.name is None else child.name))


def _fold(standing: Standing, path: Path, entry: dict[Any, Node]) -> None:
    """`{start: 20, 2027-02: 25, 2027-09: 30}` is `{start: 25, 2027-09: 30}` in April."""
    months = sorted(month_number(str(key)) for key in entry if key != "start")
    passed = [month for month in months if month <= standing.start]
    if not passed:
        return
    value = next(node for key, node in entry.items() if str(key) == month_label(passed[-1])).plain()
    if len(passed) == len(months):
        standing.changes[path] = value
        return
    standing.changes[*path, "start"] = value
    for month in passed:
        standing.changes[*path, month_label(month)] = REMOVE
