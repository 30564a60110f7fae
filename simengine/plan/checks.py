"""From a file to a checked Plan, or to every mistake in it at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from simengine.errors import PlanError, Problem
from simengine.plan import tables
from simengine.plan.across import across
from simengine.plan.folder import Folder
from simengine.plan.known import Known
from simengine.plan.scalars import nearest, shown
from simengine.plan.scenario import SET, override, read_tree
from simengine.plan.schema import SCHEMA_VERSION, Origin, Plan
from simengine.plan.source import Mark, Node, Path, Problems, key_of
from simengine.plan.words import mistakes
from simengine.units import UNITS

SECTIONS = tuple(info.alias or name for name, info in Plan.model_fields.items())

FIRST = ("plan", "source_policy", "assumptions")
"""Sections that others refer to, in the order in which they must be read."""

UNCERTAIN = ("assumptions", "events", "shocks")
"""Sections whose names are those of what nobody knows."""

ACTING = (("events", "effect"), ("shocks", "loadings"))
"""Sections whose entries act on assumptions, and the key under which they name them."""

_LONGEST = 300
"""Characters of an override that a message repeats."""

HOLDING_NUMBERS = ("team", "funnel", "base", "economics")
"""Sections in which an assumption may stand for a number."""


def load(path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Plan:
    """Read a plan file, the files that it extends and the CSV files beside it, and check all of it.

    Parameters
    ----------
    path : the YAML file
    overrides : values to lay over it, each `NAME=VALUE` (see `plan.scenario.override`)

    Raises
    ------
    PlanError
        with every mistake that was found, in file order
    """
    file = FilePath(path)
    return _load(lambda: Folder(file.parent, Problems()), file.name, tuple(overrides))


def loads(
    text: str, name: str = "plan.yaml", *, files: Mapping[str, str] | None = None, overrides: Iterable[str] = ()
) -> Plan:
    """Read a plan from its text; `files` are the texts of the files that it names. Raise PlanError as `load` does."""
    return _load(lambda: Folder(None, Problems(), {**(files or {}), name: text}), name, tuple(overrides))


def of_tree(tree: Node) -> Plan:
    """Check a tree that is put together of trees of plans; raise PlanError as `load` does.

    It may declare what it does not use.
    """
    problems = Problems()
    plan = _Reader(tree, problems).plan()
    if plan is None or problems.found:
        raise PlanError(problems.found)
    plan.remember(Origin(tree, {}, ()))
    return plan


def _load(new_folder: Callable[[], Folder], name: str, overrides: tuple[str, ...]) -> Plan:
    try:
        return _read(new_folder(), name, overrides)
    except PlanError as error:
        if not overrides:
            raise
        found = error.problems
    raise PlanError(_at_overrides(found, new_folder, name, overrides))


def _at_overrides(
    problems: Iterable[Problem], new_folder: Callable[[], Folder], name: str, overrides: tuple[str, ...]
) -> list[Problem]:
    """The problems; one that the plan does not have without its overrides is placed at the override that brings it."""
    brought_by: dict[Problem, str] = {}
    for count, assignment in enumerate(overrides):
        before: list[Problem] = []
        try:
            _read(new_folder(), name, overrides[:count])
        except PlanError as error:
            before = error.problems
        brought_by |= {problem: assignment for problem in problems if problem not in before}
    return [
        Problem(f"{SET.file} {_short(brought_by[p])}", 0, 0, p.key, p.message, p.expected) if p in brought_by else p
        for p in problems
    ]


def _short(assignment: str) -> str:
    return assignment if len(assignment) <= _LONGEST else f"{assignment[:_LONGEST]}…"


def _read(folder: Folder, name: str, overrides: tuple[str, ...]) -> Plan:
    problems = folder.problems
    tree = read_tree(folder, name)
    if tree is None:
        raise PlanError(problems.found)
    extends = len(folder.texts) > 1
    for assignment in overrides:
        tree = override(tree, assignment, SECTIONS, problems)
    problems.settle()
    _refuse_blanks(tree, problems)
    tables.include(tree, folder)
    problems.settle()
    reader = _Reader(tree, problems)
    plan = reader.plan()
    reader.check_use(SET.file if overrides else folder.shown(name), extends)
    if plan is None or problems.found:
        raise PlanError(problems.found)
    plan.remember(Origin(tree, folder.texts, overrides))
    return plan


def _refuse_blanks(tree: Node, problems: Problems) -> None:
    """Refuse a key without a value."""
    for path, leaf in tree.leaves():
        if leaf.value is None:
            problems.add(leaf.mark, key_of(path, tree), "nothing stands here", "write a value, or remove the key")


@cache
def _adapter(section: str) -> TypeAdapter[Any]:
    return TypeAdapter(_annotation(section))


def _annotation(section: str) -> Any:
    return Plan.model_fields[section].annotation


class _Reader:
    """Turns the tree into the sections of a plan; one with a mistake is missing and hides no mistake of another."""

    def __init__(self, tree: Node, problems: Problems) -> None:
        self.tree, self.problems = tree, problems
        raw = tree.plain()
        assert isinstance(raw, dict)
        self.raw: dict[Any, Any] = raw
        self.known = _declared(raw)
        self.sections: dict[str, Any] = {}

    def plan(self) -> Plan | None:
        """The plan; None, with problems noted, where a section is wrong."""
        self._check_keys()
        rest = [section for section in Plan.model_fields if section not in (*FIRST, "schema_version")]
        for section in (*FIRST, *rest):
            self._read(section)
        self._check_names(self._listed("targets"))
        self._check_names(self._listed("team", "seats"))
        self._check_names(self._listed("team", "territories"))
        self._check_names(
            name
            for segment in _mapping(self.raw.get("base"))
            for name in self._listed("base", segment, "named_accounts")
        )
        self._check_names(name for section in UNCERTAIN for name in self._keys(section))
        for section, path, message, expected in across(self.sections):
            self._add((section, *path), message, expected)
        complete = all(section in self.sections for section in (*FIRST, *rest))
        return Plan.model_construct(**self.sections) if complete else None

    def _check_keys(self) -> None:
        for key in self.raw:
            if key not in SECTIONS:
                self._add((key,), "unknown key", nearest(key, SECTIONS), at_key=True)
        version = shown(self.raw.get("schema", SCHEMA_VERSION))
        if version != str(SCHEMA_VERSION):
            readable = f"this version of simengine reads schema {SCHEMA_VERSION}"
            self._add(("schema",), f"the plan is of schema {version}", readable)

    def _read(self, section: str) -> None:
        info = Plan.model_fields[section]
        if section not in self.raw:
            if info.is_required():
                self._add((section,), "is missing", "every plan needs it")
            else:
                self.sections[section] = info.default
            return
        raw = self.raw[section]
        one_by_one = section == "assumptions" and isinstance(raw, dict)
        value = self._assumptions(raw) if one_by_one else self._validated(section, raw)
        if value is not None:
            self.sections[section] = value
        if section == "plan":
            self.known.header = self.sections.get("plan")

    def _assumptions(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        """Validate them one by one, so that the good ones are known where a bad one is not."""
        self.known.policy = self.sections.get("source_policy")
        for name, entry in raw.items():
            self.known.assumptions.update(self._validated("assumptions", {name: entry}) or {})
        return self.known.assumptions if len(self.known.assumptions) == len(raw) else None

    def _validated(self, section: str, raw: object) -> Any:
        try:
            return _adapter(section).validate_python(raw, context=self.known)
        except ValidationError as error:
            for path, message, expected, at_key in mistakes(error, _annotation(section)):
                self._add((section, *path), message, expected, at_key=at_key)
            return None

    def _check_names(self, names: Iterable[tuple[Path, str, Mark]]) -> None:
        """Names of one kind are unique, in capitals or not."""
        seen: dict[str, Mark] = {}
        for path, name, mark in names:
            first = seen.setdefault(name.casefold(), mark)
            if first is not mark:
                file = f"{first.file}, " if first.file != mark.file else ""
                place = f"{file}line {first.line}, column {first.column}"
                self._add(path, f"the name is taken at {place}", "choose another")

    def _listed(self, *path: str) -> Iterator[tuple[Path, str, Mark]]:
        """The names of the things in the list at `path`, with their places."""
        node, is_there = self._locate(path)
        for index, item in enumerate(node.value if is_there and isinstance(node.value, list) else ()):
            named = item.child("name")
            if item.name is not None and named is not None:
                yield (*path, index, "name"), item.name, named.mark

    def _keys(self, section: str) -> Iterator[tuple[Path, str, Mark]]:
        """The names that a section declares, with their places."""
        node, is_there = self._locate((section,))
        for key, entry in node.value.items() if is_there and isinstance(node.value, dict) else ():
            if entry.key_mark is not None:
                yield (section, key), str(key), entry.key_mark

    def check_use(self, file: str, extends: bool) -> None:
        """Every assumption that `file` declares is used; looked up in the text, so that no mistake hides a use.

        A scenario may put a number in the place of its base's assumption, whose column stays: draws stay comparable. So
        does that of one whose months have passed when a plan is updated.
        """
        if "learned" in self.raw:
            return
        used, acted_on = self._words(HOLDING_NUMBERS), set[str]()
        for section, key in ACTING:
            for entry in _mapping(self.raw.get(section)):
                node, is_there = self._locate((section, entry, key))
                for name in node.names() if is_there else ():
                    if name not in self.known.units or name in used:
                        continue
                    acted_on.add(name)
                    if self._is_declared_in(file, (section, entry, key, name)):
                        message = "no number of the plan uses this assumption, so nothing changes"
                        self._add(
                            (section, entry, key, name), message, "name one that is used, or remove it", at_key=True
                        )
        used |= acted_on | self._words(("events",))
        for name in self.known.units:
            if name in used or not self._is_declared_in(file, ("assumptions", name)):
                continue
            near = nearest(name, used & self.known.units.keys()) if extends else ""
            remedy = near if near.startswith("did") else "write its name where the number belongs, or remove it"
            self._add(("assumptions", name), "no value of the plan uses this assumption", remedy, at_key=True)

    def _words(self, sections: Iterable[str]) -> set[str]:
        """Every text that stands for a value in some sections."""
        nodes = filter(None, map(self.tree.child, sections))
        return {leaf.value.strip() for node in nodes for _, leaf in node.leaves() if isinstance(leaf.value, str)}

    def _is_declared_in(self, file: str, path: Path) -> bool:
        node, _ = self._locate(path)
        return node.key_mark is not None and node.key_mark.file == file

    def _add(self, path: Path, message: str, expected: str = "", *, at_key: bool = False) -> None:
        node, is_there = self._locate(path)
        at_key = at_key or not is_there or isinstance(node.value, dict)
        self.problems.add((at_key and node.key_mark) or node.mark, key_of(path, self.tree), message, expected)

    def _locate(self, path: Path) -> tuple[Node, bool]:
        """The node at `path`, or the last one on the way to it; whether it is there itself."""
        node = self.tree
        for step in path:
            inner = node.child(step)
            if inner is None:
                return node, False
            node = inner
        return node, True


def _declared(raw: Mapping[Any, Any]) -> Known:
    """What the plan declares, as far as it can be told before anything is validated."""
    team, funnel = _mapping(raw.get("team")), _mapping(raw.get("funnel"))
    segments, roles = _mapping(raw.get("segments")), _mapping(team.get("roles"))
    assumptions, channels = _mapping(raw.get("assumptions")), _mapping(funnel.get("channels"))
    stages = funnel.get("stages", Plan.model_fields["funnel"].default.stages)
    return Known(
        units={name: _unit(_mapping(entry).get("unit")) for name, entry in assumptions.items()},
        names={
            "segment": list(segments),
            "role": list(roles),
            "channel": list(channels),
            "seat group": _values(team.get("seats"), "name"),
            "team": sorted(set(_values(team.get("seats"), "team"))),
            "target": _values(raw.get("targets"), "name"),
            "assumption": [*assumptions, *_mapping(raw.get("events"))],
            "event": list(_mapping(raw.get("events"))),
            "stage": list(stages) if isinstance(stages, list | tuple) else [],
        },
        volumes=frozenset(_volumes(channels)),
        labels=[
            {str(label): str(value) for label, value in _mapping(entry).items() if label not in ("sells", "currency")}
            for entry in segments.values()
        ],
        selling_roles=frozenset(name for name, role in roles.items() if "capacity" in _mapping(role)),
    )


def _values(raw: object, key: str) -> list[str]:
    """What the entries of a list say under a key."""
    entries = raw if isinstance(raw, list | tuple) else ()
    return [str(entry[key]) for entry in entries if isinstance(entry, dict) and key in entry]


def _volumes(channels: Mapping[Any, Any]) -> Iterator[str]:
    """Channels, and channel/segment pairs, whose arrivals an event can change."""
    for name, channel in channels.items():
        yield str(name)
        for segment in _mapping(_mapping(channel).get("segments")):
            yield f"{name}/{segment}"


def _mapping(raw: object) -> Mapping[Any, Any]:
    return raw if isinstance(raw, dict) else {}


def _unit(raw: object) -> str | None:
    return raw if isinstance(raw, str) and raw in UNITS else None
