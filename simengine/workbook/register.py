"""The register of assumptions: what a plan says, column by column, and what a changed cell means for its text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from simengine.plan.checks import SECTIONS
from simengine.plan.edit import REMOVE, inline
from simengine.plan.folder import Folder
from simengine.plan.scalars import number
from simengine.plan.scenario import override, read_tree
from simengine.plan.schema import Plan
from simengine.plan.source import Node, Path, Problems
from simengine.workbook.layout import COLUMNS, Column
from simengine.workbook.typed import is_same, written_number

Value = float | str | None
"""What stands in a cell of the register: a number, a text (of days too), or nothing."""

LONGEST = 8_000
"""Characters of parameters that are written into a cell; longer ones are edited in the plan."""
_LISTED = {"uniform": ("min", "max"), "triangular": ("min", "mode", "max"), "pert": ("min", "mode", "max")}
SINGLE = ("fixed", "bernoulli")
"""Families of one number."""
_PLAIN = (*_LISTED, "normal", "lognormal", "gamma", "weibull", "beta", "quantiles")
"""Families whose parameters are a mapping of numbers."""
_PARAMETERS = {column.parameter: column for column in COLUMNS if column.kind == "number" and column.parameter}
_LEVEL = re.compile(r"p?\s*(\d+(?:\.\d+)?)\s*(%?)", re.IGNORECASE)


class Belief(NamedTuple):
    """A distribution as the register has it.

    `numbers`: by parameter, where it stands below `distribution` and how it is written; `other`: what has no column.
    """

    family: str
    numbers: dict[str, tuple[Path, Any]]
    other: Any


class Entry(NamedTuple):
    """An assumption of a plan: its unit, what each column has of it, and its text as a tree."""

    name: str
    unit: str
    values: tuple[Value, ...]
    belief: Belief
    node: Node


def tree_of(plan: Plan) -> Node:
    """The tree of a plan, files that it extends and values set beside it laid in, tables left where they are."""
    texts, problems = plan.texts, Problems()
    tree = read_tree(Folder(None, problems, texts), next(iter(texts)))
    assert tree is not None
    for assignment in plan.origin.overrides:
        tree = override(tree, assignment, SECTIONS, problems)
    return tree


def entries(plan: Plan) -> dict[str, Entry]:
    """The register of a plan by name, in its order."""
    held = tree_of(plan).child("assumptions")
    nodes: Mapping[Any, Node] = held.value if held is not None and isinstance(held.value, dict) else {}
    return {str(name): _entry(str(name), node) for name, node in nodes.items()}


def _entry(name: str, node: Node) -> Entry:
    raw: Any = node.plain()
    belief = split(raw["distribution"])
    unit = raw["unit"]
    return Entry(name, unit, tuple(_value(column, name, raw, belief) for column in COLUMNS), belief, node)


def _value(column: Column, name: str, raw: Mapping[str, Any], belief: Belief) -> Value:
    if not column.path:
        return name
    if column.parameter == "other":
        return None if belief.other is None else written_other(belief.other)
    if column.parameter:
        found = belief.numbers.get(column.parameter)
        return None if found is None else number(found[1], plan_unit(column, raw["unit"], belief.family), bare=True)
    if column.path == ("distribution",):
        return belief.family
    value: Any = raw
    for step in column.path:
        value = value.get(step) if isinstance(value, dict) else None
    if value is None:
        return None
    return number(value, plan_unit(column, raw["unit"]), bare=True) if column.kind == "number" else str(value)


def written_other(other: Any) -> str:
    """Parameters without a column, in one line."""
    text = inline(other)
    return text if len(text) <= LONGEST else f"{text[:200]} … (too long to be edited here)"


def split(spec: Mapping[str, Any]) -> Belief:
    """A distribution as a plan writes it, by columns.

    >>> split({"pert": [2, 4, 9]}).numbers["mode"], split({"quantiles": {"10 %": 3, "P50": 5, "P95": 9}}).other
    ((('pert', 1), 4), {'P95': 9})
    """
    ((family, value),) = spec.items()
    if family in SINGLE:
        return Belief(family, {"value": ((family,), value)}, None)
    if isinstance(value, list) and family in _LISTED:
        return Belief(
            family,
            {name: ((family, i), raw) for i, (name, raw) in enumerate(zip(_LISTED[family], value, strict=True))},
            None,
        )
    if not isinstance(value, Mapping) or family not in _PLAIN:
        return Belief(family, {}, value)
    numbers, other = dict[str, tuple[Path, Any]](), {}
    for key, raw in value.items():
        name = _quantile(key) if family == "quantiles" else str(key)
        if name in _PARAMETERS and name != "value" and name not in numbers:
            numbers[name] = ((family, key), raw)
        else:
            other[key] = raw
    return Belief(family, numbers, other or None)


def _quantile(key: object) -> str:
    """The name of a level with a column, however it is written; other keys as they are.

    >>> _quantile("10 %"), _quantile("p50"), _quantile(0.9), _quantile("min")
    ('P10', 'P50', 'P90', 'min')
    """
    if isinstance(key, float):
        return f"P{100 * key:.10g}"
    match = _LEVEL.fullmatch(str(key).strip())
    if match is None:
        return str(key)
    level = float(match[1]) * (1 if match[2] or str(key).strip()[0] in "pP" else 100)
    return f"P{level:.10g}"


def unit_of(column: Column, unit: str, family: str = "") -> str:
    """Unit of the numbers of a column, for an assumption in `unit`; `plain` for those without one."""
    if column.parameter == "value" and family == "bernoulli":
        return "fraction"
    return unit if column.own_unit else column.unit


def plan_unit(column: Column, unit: str, family: str = "") -> str:
    """The same, as plans name it."""
    found = unit_of(column, unit, family)
    return "" if found == "plain" else found


# ---- changes ----


def is_equal(a: Value, b: Value) -> bool:
    """Whether two cells say the same."""
    if isinstance(a, float | int) and isinstance(b, float | int):
        return is_same(a, b)
    return (a or "") == (b or "") if isinstance(a, str | None) and isinstance(b, str | None) else False


def changes_of(entry: Entry, cells: Mapping[int, Value], other: object, main: str) -> Iterator[tuple[Path, object]]:
    """What cells that differ from an entry mean for the text of the plan's file.

    Parameters
    ----------
    entry : the assumption as it is
    cells : what changed, by the number of its column
    other : parameters without a column, where they changed
    main : name of the file that is edited; what stands in another one is laid over it
    """
    at: Path = ("assumptions", entry.name)
    believed = {
        COLUMNS[i].parameter or "family": value for i, value in cells.items() if COLUMNS[i].path == ("distribution",)
    }
    for i, value in cells.items():
        column = COLUMNS[i]
        if column.path != ("distribution",):
            node = found_at(entry.node, column.path)
            like = None if node is None else node.value
            yield (*at, *column.path), _written(column, value, like, entry.unit, node is None or node.mark.file == main)
    if believed:
        yield from _belief_changes(entry, believed, other, main)


def found_at(node: Node, path: Path) -> Node | None:
    """The node at a path below another; None where there is none."""
    found: Node | None = node
    for step in path:
        found = None if found is None else found.child(step)
    return found


def _written(column: Column, value: Value, like: object, unit: str, is_here: bool) -> object:
    if value is None:
        return REMOVE if is_here else None
    if isinstance(value, str):
        return value
    return written_number(value, unit_of(column, unit), like, period=column.own_unit)


def _belief_changes(
    entry: Entry, believed: Mapping[str, Value], other: object, main: str
) -> Iterator[tuple[Path, object]]:
    at: Path = ("assumptions", entry.name, "distribution")
    held = found_at(entry.node, ("distribution",))
    old = entry.belief
    is_here = held is not None and held.mark.file == main
    only_numbers = all(name in old.numbers and value is not None for name, value in believed.items())
    if is_here and only_numbers:
        for name, value in believed.items():
            path, like = old.numbers[name]
            yield (*at, *path), _number(name, value, entry.unit, old.family, like)
        return
    yield at, whole(entry, believed, other)


def whole(entry: Entry, believed: Mapping[str, Value], other: object) -> object:
    """The distribution of an entry with changes, as a plan writes it."""
    old = entry.belief
    family = str(believed.get("family") or old.family)
    names = [name for name in _PARAMETERS if name in believed or name in old.numbers]
    rest = other if "other" in believed else old.other
    numbers: dict[Any, Any] = {}
    for name in names:
        path, like = old.numbers.get(name, ((), None))
        if name in believed:
            if believed[name] is None:
                continue
            like = _number(name, believed[name], entry.unit, family, like)
        key = path[-1] if path and isinstance(path[-1], str) and family == old.family and len(path) > 1 else name
        numbers[key] = like
    return {family: _body(family, numbers, rest)}


def _body(family: str, numbers: dict[Any, Any], rest: object) -> object:
    if family in SINGLE and list(numbers) == ["value"] and rest is None:
        return numbers["value"]
    if isinstance(rest, Mapping):
        return {**numbers, **rest}
    if rest is None:
        return numbers
    return {**numbers, "other": rest} if numbers else rest


def _number(name: str, value: Value, unit: str, family: str, like: object) -> object:
    assert isinstance(value, float | int)
    return written_number(value, unit_of(_PARAMETERS[name], unit, family), like)


def told(column: Column, value: Value, unit: str, family: str) -> str:
    """A cell in words, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return value if len(value) <= 60 else f"{value[:57]}…"
    if math.isnan(value):
        return "no number"
    return str(inline(written_number(float(value), unit_of(column, unit, family), period=column.own_unit)))
