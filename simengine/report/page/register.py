"""The register of assumptions: what is counted on, what could happen, who says so, and where it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from simengine.assumptions.laws import Distribution
from simengine.plan.schema import Plan
from simengine.plan.values import in_words
from simengine.reading.parts import Figure
from simengine.reading.uncertain import QUANTILES, uses, worse
from simengine.report.describe import cell
from simengine.report.page.cells import Cell, Table, table
from simengine.report.page.functions import FUNCTIONS, of_assumptions
from simengine.report.page.lines import of_assumption
from simengine.report.words import percent

_SMALL = 9.95
"""Counts below it have three digits: 0.088 meetings an hour are not 0.1."""
_HURTS = {"low": "low hurts", "high": "high hurts", "both": "both sides hurt"}


class Entry(NamedTuple):
    """An assumption, event or shock. Numbers are as they are written; `functions` are keys, `segments` names."""

    name: str
    unit: str
    plan: str
    law: str
    levels: tuple[str, str, str]
    worse: str
    source: str
    reference: str
    owner: str
    hurts: str
    said: str
    link: str
    note: str
    functions: tuple[str, ...]
    segments: tuple[str, ...]


def register(plan: Plan) -> list[Entry]:
    """Every assumption and event, and every shock, by name."""
    currency = plan.plan.currency
    declared, laws, owners = plan.declared, plan.widened(), of_assumptions(plan)
    used = uses(plan)
    found = []
    for name, one in declared.items():
        law = laws.get(name)
        source, place = one.source, of_assumption(plan, name)
        stated = plan.assumptions[name].distribution if name in plan.assumptions else None
        said = f"n = {source.n:,}" if source.n else ""
        day = source.as_of.isoformat() if source.as_of else ""
        grade = f"grade {source.grade}" if source.grade else ""
        where = " ".join(used.get(name, ()))
        found.append(
            Entry(
                name,
                one.unit,
                _number(one.plan, one.unit, currency),
                _law(stated, one.unit, plan, name),
                _levels(law, one.unit, currency),
                _share(math.nan if law is None else worse(law, one)),
                ", ".join(filter(None, (source.kind, grade, said, day))),
                source.reference,
                one.owner,
                _HURTS[one.adverse],
                "" if place is None else place.said,
                "" if place is None else place.link,
                plan.assumptions[name].note if name in plan.assumptions else "",
                owners[name],
                tuple(segment for segment in plan.segments if segment in where or segment in name),
            )
        )
    return found


def _number(value: float, unit: str, currency: str) -> str:
    if unit.startswith("count") and abs(value) < _SMALL:
        return f"{value:.3g}".replace("-", "−")
    return cell(Figure(value, unit), currency)


def _levels(law: Distribution | None, unit: str, currency: str) -> tuple[str, str, str]:
    if law is None:
        return ("", "", "")
    low, middle, high = (_number(float(x), unit, currency) for x in law.ppf(QUANTILES))
    return low, middle, high


def _law(stated: Distribution | None, unit: str, plan: Plan, name: str) -> str:
    if stated is not None:
        return in_words(stated, unit)
    if name in plan.events:
        event = plan.events[name]
        return f"{event.kind}: happens with {percent(event.probability, 0)}, starts {in_words(event.starts, 'month')}"
    return "a shock: common ups and downs, month by month"


def _unit(unit: str) -> str:
    """What a number as it is written leaves unsaid of its unit: 13.0% says that it is a fraction, not of what time.

    >>> _unit("fraction per year"), _unit("currency"), _unit("standard deviations")
    ('per year', '', 'standard deviations')
    """
    first, *rest = unit.split(" ", 1)
    return " ".join(rest) if first in _WRITTEN else unit


_WRITTEN = ("fraction", "currency", "months", "factor", "count")


def _share(value: float) -> str:
    return percent(value, 0) if math.isfinite(value) else ""


def short_table(entries: Sequence[Entry], caption: str) -> Table:
    """Some of a register: their numbers, whose they are, and where they are written."""
    rows = [
        (
            Cell(one.name, one.source),
            Cell(one.owner or "–"),
            Cell(one.said or "not in a file", link=one.link),
            Cell(one.plan, _unit(one.unit)),
            *(Cell(level) for level in one.levels),
            Cell(one.worse, one.hurts),
        )
        for one in entries
    ]
    columns = ("Assumption", "Owner", "In the plan", "Plan value", "P10", "P50", "P90", "Worse than plan")
    return table(caption, columns, rows, texts=3)


def register_table(entries: Sequence[Entry], caption: str) -> Table:
    """A register as a table; its rows can be filtered by name, owner, source, function and segment."""
    names = {one.key: one.name for one in FUNCTIONS}
    rows = [
        (
            Cell(one.name, one.note),
            Cell(one.law),
            Cell(one.source, one.reference),
            Cell(one.owner or "–", ", ".join(names[key] for key in one.functions)),
            Cell(one.said or "not in a file", link=one.link),
            Cell(one.plan, _unit(one.unit)),
            Cell(one.levels[1], " to ".join(filter(None, (one.levels[0], one.levels[2])))),
            Cell(one.worse, one.hurts),
        )
        for one in entries
    ]
    keys = [" ".join((*one.functions, *(f"segment:{segment}" for segment in one.segments))) for one in entries]
    columns = ("Assumption", "What could happen", "Source", "Owner", "In the plan")
    return table(
        caption,
        (*columns, "Plan value", "P50, P10 to P90", "Worse than plan"),
        rows,
        texts=5,
        keys=keys,
        notes=(
            "What could happen is as stated; P10, P50 and P90 are as simulated, after the source policy. Worse than "
            "plan: the chance of landing on the side that hurts.",
        ),
    )
