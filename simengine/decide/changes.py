"""What differs between two plans, value by value, and which part of the plan each value belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from simengine.assumptions.laws import Distribution
from simengine.plan.scalars import Quantity, is_month
from simengine.plan.schema import Plan
from simengine.plan.source import Path
from simengine.plan.values import Entry, entries, in_words, simulated_entries
from simengine.units import month_label

LEVELS = 0.1, 0.5, 0.9
_START = "start"
_OF_NOBODY = ("dependence", "learned")
"""Sections that hang everything together: they change as one."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Part(NamedTuple):
    """A part of a plan as a reader thinks of it: an assumption, a group of seats, a channel's spend."""

    kind: str
    name: str = ""

    @property
    def label(self) -> str:
        """What it is called.

        >>> Part("assumption", "win_rate.smb").label, Part("spend", "inbound").label, Part("facts").label
        ('win_rate.smb', 'spend of inbound', 'facts')
        """
        words = "" if self.kind == "assumption" else _WORDS.get(self.kind, f"{self.kind} ")
        return f"{words}{self.name}".strip()


_WORDS = {"spend": "spend of ", "base": "base of ", "plan": "plan: ", "team": "team: ", "funnel": "funnel: "}


class Change(NamedTuple):
    """A value that differs.

    Attributes
    ----------
    section : of the plan
    thing : where it stands, like `base.smb`, `team.seats.ae-smb`, `economics`
    what : of that thing, like `renewal_rate`
    was, now : in words; empty where it is not there
    owner : of the assumption, event, shock or lever
    part : whose bar shows what it does; None of what is not simulated
    only_in : "old" or "new" where one plan alone has the thing; else empty
    """

    section: str
    thing: str
    what: str
    was: str
    now: str
    owner: str
    part: Part | None
    only_in: str = ""

    @property
    def key(self) -> str:
        """Where the value stands in the plan, like `base.smb.renewal_rate`."""
        return f"{self.thing}.{self.what}"


class Difference(NamedTuple):
    """A changed value, and where in both trees the part that it belongs to stands."""

    change: Change
    places: tuple[Path, ...]


def differences(old: Plan, new: Plan, target: str | None = None) -> list[Difference]:
    """Everything that differs between two plans, in the order of the format.

    Two plans that say the same in other words, in another order or with other comments do not differ.

    Parameters
    ----------
    old, new : checked plans
    target : by name, whose probability is asked for: a part like others
    """
    was, now = _values(old), _values(new)
    simulated = {_key(entry.path) for plan in (old, new) for entry in _joined(simulated_entries(plan))}
    things = [{_thing(entry.path) for entry in values.values()} for values in (was, now)]
    found = []
    for key in _in_order(was, now):
        here, there = was.get(key), now.get(key)
        if _exact(here) == _exact(there):
            continue
        entry = there or here
        assert entry is not None
        path = entry.path
        is_target = path[0] == "targets" and path[1] == target
        part, places = None, tuple[Path, ...]()
        if key in simulated or is_target or path[0] == "learned":
            part, places = part_of(path, old, new)
        thing = _thing(path)
        change = Change(
            str(path[0]),
            thing,
            _key(path[_depth(path) :]),
            *_words(here, there),
            owner=_owner(path, old, new),
            part=part,
            only_in="old" if thing not in things[1] else "new" if thing not in things[0] else "",
        )
        found.append(Difference(change, places))
    return [*found, *_orders(old, new)]


def changes(old: Plan, new: Plan, target: str | None = None) -> list[Change]:
    """What differs between two plans (see `differences`)."""
    return [one.change for one in differences(old, new, target)]


_SINGLE = ("plan", "source_policy", "learned", "facts", "economics", "limits", "scenario", "schema", "dependence")
"""Sections that are one thing."""
_NAMED_BELOW = (("team", "seats"), ("team", "roles"), ("team", "territories"), ("funnel", "channels"))


def _depth(path: Path) -> int:
    """How many steps lead to the thing that a value is of."""
    depth = 1 if path[0] in _SINGLE else 3 if path[:2] in _NAMED_BELOW else 2
    return max(1, min(depth, len(path) - 1))


def _thing(path: Path) -> str:
    return _key(path[: _depth(path)])


def _in_order(was: Mapping[str, Entry], now: Mapping[str, Entry]) -> list[str]:
    """Keys of both in the order of the format; below it the old plan's, then what only the new one has."""
    paths = {key: entry.path for plan in (was, now) for key, entry in plan.items()}
    known: dict[Path, int] = {(Plan.model_fields[name].alias or name,): i for i, name in enumerate(Plan.model_fields)}
    for path in paths.values():
        for length in range(1, len(path) + 1):
            known.setdefault(path[:length], len(known))

    def place(key: str) -> list[tuple[int, str]]:
        path = paths[key]
        months = [str(step) if is_month(step) else "" for step in path]
        return [(0 if month else known[path[: i + 1]], month) for i, month in enumerate(months)]

    return sorted(paths, key=place)


def part_of(path: Path, old: Plan, new: Plan) -> tuple[Part | None, tuple[Path, ...]]:
    """The part of the plan that a value belongs to, and where it stands.

    None of an assumption, role or segment that one plan alone has: it acts through what refers to it.
    """
    section, name, key = (*map(str, path), "", "", "")[:3]
    if section in ("assumptions", "segments"):
        both = name in getattr(old, section) and name in getattr(new, section)
        return (Part(section.removesuffix("s"), name), ((section, name),)) if both else (None, ())
    if section in _OF_NOBODY:
        return Part("dependence"), tuple((each,) for each in _OF_NOBODY)
    if section in ("source_policy", "facts"):
        return Part(section.replace("_", " ")), ((section,),)
    if section == "team":
        return _part_of_team(path, name, key, old, new)
    if section == "funnel":
        return _part_of_funnel(path, name, key, old, new)
    kind = {"events": "event", "shocks": "shock", "targets": "target"}.get(section, section)
    return Part(kind, name), ((section, name),)


def _part_of_team(path: Path, name: str, key: str, old: Plan, new: Plan) -> tuple[Part | None, tuple[Path, ...]]:
    if name == "roles":
        both = key in old.team.roles and key in new.team.roles
        return (Part("role", key), (path[:3],)) if both else (None, ())
    if name == "territories":
        key = next(each.seats for plan in (new, old) for each in plan.team.territories if each.name == key)
    if name in ("seats", "territories"):
        return Part("seats", key), (("team", "seats", key), ("team", "territories", key))
    return Part("team", name), (path[:2],)


def _part_of_funnel(path: Path, name: str, key: str, old: Plan, new: Plan) -> tuple[Part | None, tuple[Path, ...]]:
    if name == "opening_pipeline":
        return Part("opening pipeline"), (path[:2],)
    if name != "channels":
        return Part("funnel", name), (path[:2],)
    if key not in old.funnel.channels or key not in new.funnel.channels:
        return Part("channel", key), (path[:3],)
    if path[3] == "spend":
        return Part("spend", key), (path[:4],)
    if path[3] == "segments":
        return Part("channel", f"{key}/{path[4]}"), (path[:5],)
    return Part("channel", key), (path[:4],)


def _orders(old: Plan, new: Plan) -> Iterator[Difference]:
    """The order of a group's territories: its first seat works the first."""
    for group in dict.fromkeys(each.seats for each in old.team.territories):
        was, now = ([each.name for each in plan.team.territories if each.seats == group] for plan in (old, new))
        if was != now and sorted(was) == sorted(now):
            places: tuple[Path, ...] = (("team", "seats", group), ("team", "territories", group))
            what = "order of its territories"
            words = ", ".join(was), ", ".join(now)
            told = Change("team", f"team.seats.{group}", what, words[0], words[1], "", Part("seats", group))
            yield Difference(told, places)


def _owner(path: Path, old: Plan, new: Plan) -> str:
    section, name = (*map(str, path), "")[:2]
    if section not in ("assumptions", "events", "shocks", "levers"):
        return ""
    for plan in (new, old):
        entry = getattr(plan, section).get(name)
        if entry is not None:
            return str(entry.owner)
    return ""


# ---- values ----


class _Steps(NamedTuple):
    """A number that changes: what holds from when on."""

    steps: tuple[tuple[str, Quantity], ...]


def _values(plan: Plan) -> dict[str, Entry]:
    return {_key(entry.path): entry for entry in _joined(entries(plan))}


def _key(path: Path) -> str:
    return ".".join(str(step + 1) if isinstance(step, int) else str(step) for step in path)


def _joined(given: Iterator[Entry]) -> Iterator[Entry]:
    """A number that changes from a month on is one value."""
    steps: list[tuple[str, Quantity]] = []
    held: Entry | None = None
    for entry in given:
        if held is not None and entry.path[:-1] == held.path and isinstance(entry.value, Quantity):
            steps.append((str(entry.path[-1]), entry.value))
            continue
        if held is not None:
            yield held._replace(value=_Steps(tuple(steps)))
            held = None
        if entry.path[-1] == _START and isinstance(entry.value, Quantity):
            held, steps = entry._replace(path=entry.path[:-1]), [(_START, entry.value)]
        else:
            yield entry
    if held is not None:
        yield held._replace(value=_Steps(tuple(steps)))


def _exact(entry: Entry | None) -> str:
    if entry is None or entry.value is None or (not entry.value and not isinstance(entry.value, int | float)):
        return ""
    value = entry.value
    return value.isoformat() if isinstance(value, date) else _ADDRESS.sub("", repr(value))


def _words(here: Entry | None, there: Entry | None) -> tuple[str, str]:
    """Both values in words that differ."""
    for form in (_quantiles, _in_words, _exact):
        was, now = form(here), form(there)
        if was != now:
            return was, now
    raise AssertionError("values that differ have other words")


def _in_words(entry: Entry | None) -> str:
    if not _exact(entry):
        return ""
    assert entry is not None
    if isinstance(entry.value, _Steps):
        first, *later = [(month, in_words(value, entry.unit)) for month, value in entry.value.steps]
        return ", ".join([first[1], *(f"from {month} {words}" for month, words in later)])
    return in_words(entry.value, entry.unit)


def _quantiles(entry: Entry | None) -> str:
    """A law by its P10, P50 and P90; anything else in words."""
    if entry is None or not isinstance(entry.value, Distribution):
        return _in_words(entry)
    told = [_amount(float(x), entry.unit) for x in entry.value.ppf(LEVELS)]
    if len(set(told)) == 1:
        return told[0]
    return ", ".join(f"P{round(100 * level)} {words}" for level, words in zip(LEVELS, told, strict=True))


def _amount(value: float, unit: str) -> str:
    return month_label(int(value)) if unit == "month" else in_words(float(f"{value:.3g}"), unit)


def by_part(found: list[Difference]) -> Mapping[Part, tuple[Path, ...]]:
    """Every part that differs, and the places where it does."""
    parts: dict[Part, dict[Path, None]] = {}
    for one in found:
        if one.change.part is not None:
            parts.setdefault(one.change.part, {}).update(dict.fromkeys(one.places))
    return {part: tuple(places) for part, places in parts.items()}
