"""Every value in force in a plan: for `check --explain`, and for the digest of what is simulated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from simengine.assumptions.laws import Distribution
from simengine.plan.evidence import Assumption, Effect
from simengine.plan.facts import Fact
from simengine.plan.fields import InMonths
from simengine.plan.levers import Lever, unit_of
from simengine.plan.scalars import Quantity, plain
from simengine.plan.schema import Plan
from simengine.plan.source import Node, Path
from simengine.plan.targets import METRIC_UNITS, Target
from simengine.units import month_label

PIPELINE = ("funnel", "opening_pipeline", "rows")
MOST_ROWS_SHOWN = 20


class Entry(NamedTuple):
    """One value in force: the names that lead to it, the value, its unit ('' where it has none)."""

    path: Path
    value: object
    unit: str


class Row(NamedTuple):
    """One line of `check --explain`; `where` is `file:line:column`, `--set` or `default`."""

    key: str
    value: str
    unit: str
    where: str


def entries(model: BaseModel, path: Path = ()) -> Iterator[Entry]:
    """Every value below `model`, defaults included, in the order of the schema."""
    for name, info in type(model).model_fields.items():
        yield from _entries(getattr(model, name), (*path, info.alias or name), *_units(type(model), name, model))
    for name, value in (model.model_extra or {}).items():
        yield Entry((*path, name), value, "")


SECTIONS = {"team": "people", "funnel": "funnel", "base": "base", "economics": "money"}
"""What a section of the plan file is about, in a word."""


def sections(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The parts of the plan (people, funnel, base, money) that each assumption, event and shock acts on.

    An event or a shock acts where the assumptions do whose numbers it changes; on a channel it acts on the funnel.
    """
    direct: dict[str, dict[str, None]] = {}
    for entry in entries(plan):
        part = SECTIONS.get(str(entry.path[0]))
        if part and isinstance(entry.value, Quantity):
            for step in entry.value.steps:
                if step.assumption:
                    direct.setdefault(step.assumption, {})[part] = None
    found = {name: tuple(parts) for name, parts in direct.items()}
    causes = {name: [*event.effect] for name, event in plan.events.items()}
    causes |= {name: [*shock.loadings] for name, shock in plan.shocks.items()}
    for name, touched in causes.items():
        parts = (part for what in touched for part in found.get(what, () if what in plan.assumptions else ("funnel",)))
        found[name] = tuple(dict.fromkeys(parts))
    return found


def _entries(value: object, path: Path, unit: str, keys_are_months: bool) -> Iterator[Entry]:
    if isinstance(value, BaseModel):
        yield from entries(value, path)
    elif isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _entries(inner, (*path, month_label(key) if keys_are_months else str(key)), unit, False)
    elif isinstance(value, Effect):
        yield Entry(path, value, value.unit)
    elif isinstance(value, Quantity) and value.later:
        yield Entry((*path, "start"), value.steps[0], unit)
        yield from (Entry((*path, month_label(month)), step, unit) for month, step in value.later)
    elif isinstance(value, tuple) and value and not isinstance(value, Quantity):
        for index, inner in enumerate(value):
            yield from _entries(inner, (*path, getattr(inner, "name", index)), unit, False)
    else:
        yield Entry(path, value, unit)


def _units(model: type[BaseModel], field: str, instance: BaseModel) -> tuple[str, bool]:
    """Unit of a field, and whether it is a mapping by month."""
    if isinstance(instance, Assumption) and field in ("plan", "distribution", "before"):
        return instance.unit, False
    if isinstance(instance, Lever) and field in ("range", "step"):
        return unit_of(instance.kind), False
    if isinstance(instance, Fact) and field == "value":
        return METRIC_UNITS[instance.output], False
    if isinstance(instance, Target) and field in ("at_least", "at_most"):
        return METRIC_UNITS[instance.metric], False
    return _declared_units(model, field)


@cache
def _declared_units(model: type[BaseModel], field: str) -> tuple[str, bool]:
    info = model.model_fields[field]
    annotations = [*info.metadata, *_flat(info.annotation)]
    units = [a.unit for a in annotations if hasattr(a, "unit")]
    by_month = any(isinstance(a, InMonths) for a in annotations) and len(units) > 1
    return (units[-1] if units else ""), by_month


def _flat(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of, `Annotated` metadata included."""
    yield from getattr(annotation, "__metadata__", ())
    for arg in get_args(annotation):
        yield arg
        yield from _flat(arg)


def explain(plan: Plan) -> list[Row]:
    """Every value in force and where it comes from; under each assumption, what the source policy does to it.

    A long table, like the opening pipeline, is one line.
    """
    rows, long, told = [], _long_tables(plan), set()
    for entry in entries(plan):
        table = next((path for path in long if entry.path[: len(path)] == path), None)
        if table is not None:
            if table not in told:
                told.add(table)
                rows.append(Row(_key(table), long[table], "", _where(plan, table)))
            continue
        rows.append(Row(_key(entry.path), in_words(entry.value, entry.unit), entry.unit, _where(plan, entry.path)))
        if isinstance(entry.value, Distribution) and entry.path[0] == "assumptions" and entry.path[2] == "distribution":
            rows.append(_policy_row(plan, str(entry.path[1])))
    return rows


def _long_tables(plan: Plan) -> dict[Path, str]:
    """Tables that are too long to be shown, and what is in them."""
    pipeline, facts = plan.funnel.opening_pipeline.rows, plan.facts.rows
    learned = plan.learned.dependence.rows if plan.learned else ()
    months = len({row.month for row in facts})
    words = {
        PIPELINE: (pipeline, f"{sum(row.count for row in pipeline):,} opportunities or leads"),
        ("facts", "rows"): (facts, f"{len(plan.facts.outputs)} outputs of {months} month{'s' * (months > 1)}"),
        ("learned", "dependence", "rows"): (learned, "correlations"),
    }
    return {path: f"{len(rows):,} rows with {of}" for path, (rows, of) in words.items() if len(rows) > MOST_ROWS_SHOWN}


def _policy_row(plan: Plan, name: str) -> Row:
    assumption = plan.assumptions[name]
    policy, kind = plan.source_policy.of(assumption.source), assumption.source.kind
    if assumption.before is not None:
        return Row(f"assumptions.{name} as simulated", "learned: not widened again", "", "default")
    if assumption.distribution.is_discrete:
        return Row(f"assumptions.{name} as simulated", f"{kind}: single values are not widened", "", "default")
    if kind == "historical":
        words, path = f"drift of {in_words(policy.historical.drift, 'fraction')} a year added", "drift"
    else:
        words, path = f"widened x{getattr(policy, kind).widen:g}", "widen"
    of_all, own = ("source_policy", kind, path), ("assumptions", name, "source", "drift")
    where = _where(plan, of_all if assumption.source.drift is None else own)
    return Row(f"assumptions.{name} as simulated", f"{kind}: {words}", "", where)


def _key(path: Path) -> str:
    return ".".join(str(step + 1) if isinstance(step, int) else str(step) for step in path)


def _where(plan: Plan, path: Path) -> str:
    node: Node | None = plan.origin.tree
    for step in path:
        node = node.child(step) if node is not None else None
    if node is None:
        return "default"
    return f"{node.mark.file}:{node.mark.line}:{node.mark.column}" if node.mark.line else node.mark.file


def in_words(value: object, unit: str) -> str:
    """A value as a plan would write it.

    >>> in_words(0.225, "fraction"), in_words(Quantity(250000.0), "currency per month"), in_words(24324, "month")
    ('22.5 %', '250,000', '2027-01')
    >>> (
    ...     in_words(Effect("multiply", Quantity(1.3)), "factor"),
    ...     in_words(Effect("add", Quantity(-5.0)), "count per month"),
    ... )
    ('x1.3', 'plus -5')
    """
    if isinstance(value, Effect):
        words = in_words(value.amount, unit)
        is_plain = value.amount.assumption is None
        return f"plus {words}" if value.kind == "add" else words if is_plain else f"times {words}"
    if isinstance(value, Quantity):
        value = value.number if value.assumption is None else value
    if isinstance(value, Quantity):
        return f"{value.assumption}" + (f" x{value.number:.6g}" if value.number != 1 else "")
    if isinstance(value, int | float):
        return _number(value, unit)
    if isinstance(value, Distribution):
        return _between_months(value) if unit == "month" else value.describe()
    return str(value) if value not in (None, "", {}, ()) else "none"


def _between_months(starts: Distribution) -> str:
    """When something starts."""
    early, middle, late = (month_label(int(month)) for month in starts.ppf([0.1, 0.5, 0.9]))
    return early if early == late else f"P10 {early}, P50 {middle}, P90 {late}"


def _number(value: float, unit: str) -> str:
    if unit == "month":
        return month_label(int(value))
    if unit.startswith("fraction"):
        return f"{100 * value:.6g} %"
    return f"x{value:.6g}" if unit == "factor" else plain(value)


_DRIFT = ("source", "drift")
_WIDENED_BY = (("source", "kind"), _DRIFT)


def digest_simulated(plan: Plan) -> str:
    """SHA-256 of what is simulated: every value in force but names, targets, facts, sources and notes, in any order.

    Only the order of a seat group's territories matters: the first belongs to its first seat.
    """
    values = (e for e in entries(plan) if _is_simulated(e.path) and not _says_nothing(e))
    lines = sorted(f"{_key(e.path)} = {_exact(e.value)}" for e in values)
    lines += _since_an_update(plan)
    by_seats = sorted(plan.team.territories, key=lambda territory: territory.seats)
    lines += [f"territory {territory.name}" for territory in by_seats]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _says_nothing(entry: Entry) -> bool:
    """Whether it is a later addition to the format that is not used: plans without it keep their digest."""
    if entry.path[2:] == _DRIFT:
        return entry.value is None
    is_new = entry.path[:3] == PIPELINE and entry.path[4:] == ("waiting",)
    is_new = is_new or (entry.path[:2] == ("team", "seats") and entry.path[3:] == ("expected",))
    return is_new and not entry.value


def _since_an_update(plan: Plan) -> list[str]:
    """What is simulated otherwise than in a plan that was never updated."""
    grown, learned = plan.plan.grown, plan.learned.dependence.rows if plan.learned else ()
    lines = [f"growth since {grown} months"] if grown else []
    lines += [f"{name} is not widened" for name, entry in sorted(plan.assumptions.items()) if entry.before is not None]
    return lines + sorted(f"{min(row.a, row.b)} with {max(row.a, row.b)} = {_exact(row.rho)}" for row in learned)


def digest_document(plan: Plan) -> str:
    """SHA-256 of the plan as written: the text of every file, and the overrides."""
    digest = hashlib.sha256()
    for part in (*(part for item in sorted(plan.texts.items()) for part in item), *plan.origin.overrides):
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()


def _exact(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else repr(value)


def _is_simulated(path: Path) -> bool:
    section = path[0]
    if section in ("scenario", "targets", "facts", "learned", "levers", "limits"):
        return False
    if section == "plan":
        return path[1] not in ("name", "version", "as_of", "growth_from")
    if section == "assumptions":
        return len(path) < 3 or path[2] in ("unit", "plan", "distribution") or path[2:] in _WIDENED_BY
    if section in ("events", "shocks"):
        return len(path) < 3 or path[2] not in ("kind", "owner", "source", "success", "note")
    return not (section == "dependence" and "source" in path)


def simulated_entries(plan: Plan) -> Iterator[Entry]:
    """Every value in force that a path depends on: what `digest_simulated` stands for, and facts of months past."""
    return (e for e in entries(plan) if _is_simulated(e.path) or e.path[0] == "facts" or e.path[1:] == ("growth_from",))
