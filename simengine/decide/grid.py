"""Scenarios from plan files, and from a grid: every combination of the values of some names, laid over every file."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from simengine.decide.levers import Further, Levers, people_on_top
from simengine.errors import PlanError, Problem, SimengineError
from simengine.limits import SCENARIOS
from simengine.plan import load
from simengine.plan.checks import SECTIONS, of_tree
from simengine.plan.levers import LeverTerritory
from simengine.plan.scalars import Quantity, nearest, plain
from simengine.plan.scenario import laid, override
from simengine.plan.schema import Plan
from simengine.plan.source import Node, Problems
from simengine.units import month_label

HIRES, SPEND = "hires.", "spend."
"""How names begin that move people and money without a lever of the plan."""
_WHOLE, _FACTOR = re.compile(r"[+-]?\d{1,4}"), re.compile(r"x?(\d{1,3}(?:\.\d+)?)")
_OPEN, _CLOSED = "[{(", "]})"

Settings = Mapping[str, str]
"""By name what it is set to, as it was written."""


class Scenarios(Mapping[str, Plan]):
    """Plans by name, in order; those of a grid are made when they are asked for, so that hundreds need no room."""

    def __init__(self, made: Mapping[str, Callable[[], Plan]]) -> None:
        self._made = dict(made)

    def __getitem__(self, name: str) -> Plan:
        return self._made[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def scenarios(files: Sequence[str | PathLike[str]], vary: Sequence[str] = ()) -> Scenarios:
    """Plans from files, each with every combination of the varied values.

    A name is, in this order, a lever of the plan (an amount of it, from its first start month on); `hires.X`, people on
    top in a seat group or a role X; `spend.CHANNEL`, a factor on all that the channel spends; else what an override
    takes (`plan.scenario.override`). People of a role go to the months in which its groups hire, in proportion (largest
    remainder); where nobody is planned, to the first month of the plan.

    Parameters
    ----------
    files : plan files, the one that others are compared with first
    vary : each `NAME=V1,V2,…`

    Returns
    -------
    By name the plans, those of the first file first. A scenario is called what its file calls it; a point of a grid
    what it changes.

    Raises
    ------
    PlanError
        with every mistake in the files, and every name and value that is wrong
    SimengineError
        where there are no files, or too many scenarios
    """
    if isinstance(files, str) or not files:
        raise SimengineError("no scenario is given; name one or more plan files, in a list")
    faults: list[Problem] = []
    varied = _varied(vary, faults)
    plans = dict(_loaded(files, faults))
    if faults:
        raise PlanError(faults)
    count = len(plans) * math.prod(map(len, varied.values()))
    if count > SCENARIOS.most:
        raise SimengineError(f"these are {count:,} scenarios, and {SCENARIOS} are compared; vary fewer values")
    _check(plans, [{name: text} for name, texts in varied.items() for text in texts])
    points: list[Settings] = [dict(zip(varied, texts, strict=True)) for texts in itertools.product(*varied.values())]
    if len(varied) > 1:
        _check(plans, points)
    made: dict[str, Callable[[], Plan]] = {}
    for title, plan in zip(_titles(plans), plans.values(), strict=True):
        for settings in points:
            said = words(plan, settings)
            name = said if said and len(plans) == 1 else f"{title}: {said}" if said else title
            if name in made:
                raise SimengineError(f"two scenarios are {name!r}; vary each value once")
            made[name] = partial(point, plan, settings) if settings else partial(_same, plan)
    return Scenarios(made)


def _same(plan: Plan) -> Plan:
    return plan


def _varied(vary: Sequence[str], faults: list[Problem]) -> dict[str, tuple[str, ...]]:
    """By name the values that it takes."""
    found: dict[str, tuple[str, ...]] = {}
    for text in vary:
        # A path of the plan may hold no =, a value may.
        name, _, listed = (part.strip() for part in text.partition("="))
        values = tuple(_split(listed))
        where = f"--vary {text}"
        if not name or not all(values):
            faults.append(Problem(where, 0, 0, "", "no value is given", "write NAME=V1,V2, like hires.ae=0,5"))
        elif name in found:
            faults.append(Problem(where, 0, 0, name, "is varied twice", "give all of its values at once"))
        elif len(set(values)) < len(values):
            faults.append(Problem(where, 0, 0, name, "a value is given twice", "remove one"))
        else:
            found[name] = values
    return found


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand in no brackets and quotes.

    >>> list(_split("1, {pert: [1, 2, 3]},'a,b'"))
    ['1', '{pert: [1, 2, 3]}', "'a,b'"]
    """
    depth, quote, begin = 0, "", 0
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "," and depth == 0:
            yield text[begin:at].strip()
            begin = at + 1
        else:
            depth += (sign in _OPEN) - (sign in _CLOSED)
    yield text[begin:].strip()


def _loaded(files: Sequence[str | PathLike[str]], faults: list[Problem]) -> Iterator[tuple[str, Plan]]:
    given = list(map(str, files))
    for file in dict.fromkeys(given):
        if given.count(file) > 1:
            faults.append(Problem(file, 0, 0, "", "is given twice", "name each file once"))
        try:
            yield file, load(file)
        except PlanError as error:
            faults += error.problems


def _titles(plans: Mapping[str, Plan]) -> list[str]:
    """What scenarios are called: as in their file; with the file where two are called alike."""
    titles = [plan.title for plan in plans.values()]
    stems = [Path(file).stem for file in plans]
    files = stems if len({*stems}) == len(stems) else plans
    return [
        f"{title} ({file})" if titles.count(title) > 1 else title for title, file in zip(titles, files, strict=True)
    ]


def _check(plans: Mapping[str, Plan], points: Sequence[Settings]) -> None:
    """Make every point once, and report all that is wrong with any; what is wrong with all files is said once."""
    found: dict[Problem, list[str]] = defaultdict(list)
    for file, plan in plans.items():
        for settings in points:
            try:
                point(plan, settings)
            except PlanError as error:
                for problem in error.problems:
                    found[problem].append(file)
    of_all = [problem for problem, files in found.items() if len(files) == len(plans)]
    of_one = [
        Problem(f"{file}, {problem.file}", 0, 0, problem.key, problem.message, problem.expected)
        for problem, files in found.items()
        if problem not in of_all
        for file in files
    ]
    if found:
        raise PlanError([*of_all, *of_one])


# ---- one point ----


class _Moved(NamedTuple):
    """A name that moves the plan without a lever: people by group and month, or a factor on a channel's spend."""

    hires: Counter[tuple[str, int]]
    spend: dict[str, float]


def point(plan: Plan, settings: Settings) -> Plan:
    """The plan with every name set to its value.

    Raises PlanError with every name and value that is wrong.
    """
    faults: list[Problem] = []
    levers, changed, overrides = Levers(plan, plan.plan.end), _Moved(Counter(), {}), list[str]()
    mix = list(levers.neutral)
    for name, text in settings.items():
        try:
            if name in plan.levers:
                place, amount = _place(levers, name, text)
                mix[place] = amount
            elif (group := _after(HIRES, name, plan)) is not None:
                changed.hires.update(_hires(plan, group, text))
            elif (channel := _after(SPEND, name, plan)) is not None:
                changed.spend[channel] = _spend(plan, channel, text)
            else:
                overrides.append(f"{name}={text}")
        except _UnfitError as wrong:
            faults.append(Problem(f"--vary {name}={text}", 0, 0, "", wrong.message, wrong.remedy))
    all_set = "--vary " + " ".join(f"{name}={text}" for name, text in settings.items())
    try:
        moved = levers.chosen(tuple(mix))
        tree = laid(moved.origin.tree, _changes(moved, changed), all_set)
        tree = _overridden(plan, tree, overrides, faults)
        made = of_tree(tree)
    except PlanError as error:
        faults += [Problem(all_set, 0, 0, p.key, p.message, p.expected) for p in error.problems]
    if faults:
        raise PlanError(faults)
    return made


class _UnfitError(Exception):
    """A value that does not fit its name."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message, self.remedy = message, remedy
        super().__init__(message)


def _place(levers: Levers, name: str, text: str) -> tuple[int, int]:
    """Which dial a lever's first month is, and the place of an amount on it."""
    lever = levers.plan.levers[name]
    month = min(lever.starts, default=None)
    dials = [i for i, dial in enumerate(levers.dials) if dial.lever == name and dial.month == month]
    if not dials:
        raise _UnfitError(
            "it is too late for this lever at its first start", "change its starts, its lead_time, or as_of"
        )
    amounts = levers.dials[dials[0]].amounts
    try:
        amount = float(text.removeprefix("x"))
    except ValueError:
        amount = math.nan
    fits = [place for place, one in enumerate(amounts) if math.isclose(one, amount, abs_tol=1e-9)]
    if not fits:
        raise _UnfitError("the lever has no such amount", f"choose one of {', '.join(map(plain, amounts))}")
    return dials[0], fits[0]


def _after(start: str, name: str, plan: Plan) -> str | None:
    """What stands behind `hires.` or `spend.`; None where the name begins otherwise, or is an assumption."""
    return name.removeprefix(start).strip() if name.startswith(start) and name not in plan.assumptions else None


def _hires(plan: Plan, name: str, text: str) -> Counter[tuple[str, int]]:
    """People on top, by seat group and month."""
    groups = [group for group in plan.team.seats if group.name == name]
    groups = groups or [group for group in plan.team.seats if group.role == name]
    if not groups:
        names = {group.name for group in plan.team.seats} | {group.role for group in plan.team.seats}
        raise _UnfitError(f"no seat group or role is called {name}", nearest(name, names))
    if not _WHOLE.fullmatch(text):
        raise _UnfitError(f"{text} is no number of people", "write a whole number, like 5")
    people = int(text)
    planned = {(group.name, month): heads for group in groups for month, heads in group.hires.items() if heads}
    if people < -sum(planned.values()):
        raise _UnfitError(f"only {sum(planned.values())} are to be hired", "take away no more than these")
    shares = planned or {(group.name, plan.plan.start): group.existing for group in groups}
    found = Counter(dict(zip(shares, _shared(people, list(shares.values())), strict=True)))
    owners = {territory.seats for territory in plan.team.territories}
    worked = sorted({group for (group, _), heads in found.items() if heads and group in owners})
    for group in worked:
        if people < 0 or _territory(plan, group) is None:
            remedy = "vary a lever that hires them and has territories, or give a file with the territories"
            raise _UnfitError(f"{group} have one territory for each seat, and it is not said which", remedy)
    return found


def _shared(people: int, weights: Sequence[int]) -> list[int]:
    """A number of people in proportion to weights, by largest remainder; the first of equal ones comes first.

    >>> _shared(5, [1, 1, 4]), _shared(-3, [1, 1, 4]), _shared(3, [0, 0])
    ([1, 1, 3], [-1, 0, -2], [2, 1])
    """
    sign, total = (1 if people >= 0 else -1), abs(people)
    weights = weights if sum(weights) else [1] * len(weights)
    quotas = [total * weight / sum(weights) for weight in weights]
    heads = [math.floor(quota + 1e-9) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda i: heads[i] - quotas[i])
    for i in order[: total - sum(heads)]:
        heads[i] += 1
    return [sign * n for n in heads]


def _territory(plan: Plan, group: str) -> LeverTerritory | None:
    """What each further seat of a group works, as a lever of the plan says; None where none does."""
    for lever in plan.levers.values():
        if lever.hires == group and lever.territories is not None and not lever.territories.potential.later:
            return lever.territories
    return None


def _spend(plan: Plan, channel: str, text: str) -> float:
    """The factor on all that a channel spends."""
    if channel not in plan.funnel.channels:
        raise _UnfitError(f"no channel is called {channel}", nearest(channel, plan.funnel.channels))
    steps = plan.funnel.channels[channel].spend.steps
    uncertain = next((step.assumption for step in steps if step.assumption), None)
    if uncertain is not None:
        raise _UnfitError(f"what {channel} spends is the assumption {uncertain}", f"vary {uncertain}")
    if not any(step.number for step in steps):
        raise _UnfitError(f"{channel} spends nothing", "give the channel a spend")
    number = _FACTOR.fullmatch(text)
    if number is None:
        raise _UnfitError(f"{text} is no factor", "write it like 1.2")
    return float(number[1])


def _changes(plan: Plan, moved: _Moved) -> dict[str, object]:
    """What people and money on top change in a plan, as a scenario file says it."""
    owners = {territory.seats for territory in plan.team.territories}
    further = []
    for (name, month), heads in moved.hires.items():
        if heads:
            territory = _territory(plan, name) if name in owners else None
            further.append(Further(f"{name} on top {month_label(month)}", name, month, heads, territory))
    found: dict[str, object] = {}
    if team := people_on_top(plan, further):
        found["team"] = team
    if spends := {channel: factor for channel, factor in moved.spend.items() if factor != 1}:
        channels = {name: {"spend": _times(plan, name, factor)} for name, factor in spends.items()}
        found["funnel"] = {"channels": channels}
    return found


def _times(plan: Plan, channel: str, factor: float) -> dict[str, str]:
    """What a channel spends, times a factor, from each month on in which it changes."""
    spend: Quantity = plan.funnel.channels[channel].spend
    steps = [("start", spend.number), *((month_label(month), step.number) for month, step in spend.later)]
    return {month: f"{round(money * factor, 2):_} per month" for month, money in steps}


def _overridden(plan: Plan, tree: Node, overrides: Sequence[str], faults: list[Problem]) -> Node:
    """The tree with values laid over it as `--set` does; what is wrong is noted."""
    for assignment in overrides:
        problems = Problems()
        tree = override(tree, assignment, SECTIONS, problems)
        for p in problems.found:
            message, remedy = p.message, p.expected
            if message == "neither an assumption nor a key of the plan":
                name = assignment.partition("=")[0]
                message, remedy = "no lever, assumption or key of the plan", nearest(name, _names(plan))
            faults.append(Problem(f"--vary {assignment}", 0, 0, "", message, remedy))
    return tree


def _names(plan: Plan) -> list[str]:
    """What can be varied, but for keys of the plan."""
    groups = {word: None for group in plan.team.seats for word in (group.name, group.role)}
    return [
        *plan.levers,
        *(HIRES + group for group in groups),
        *(SPEND + channel for channel in plan.funnel.channels),
        *plan.assumptions,
    ]


# ---- what a point is called ----


def words(plan: Plan, settings: Settings) -> str:
    """What a point changes, for a label; empty where it leaves the plan as it is."""
    return ", ".join(said for name, text in settings.items() if (said := _words(plan, name, text)))


def _words(plan: Plan, name: str, text: str) -> str:
    lever = plan.levers.get(name)
    if lever is None and (name.startswith((HIRES, SPEND))) and name not in plan.assumptions:
        is_people, amount = name.startswith(HIRES), float(text.removeprefix("x"))
    elif lever is None:
        return f"{name} {text}"
    elif lever.event is not None:
        months = round(float(text))
        return f"{name} by {months} month{'s' if months > 1 else ''}" if months else ""
    else:
        is_people, amount = lever.hires is not None, float(text.removeprefix("x"))
    if amount == (0 if is_people else 1):
        return ""
    return f"{name} {amount:+.0f}".replace("-", "−") if is_people else f"{name} x{amount:g}"
