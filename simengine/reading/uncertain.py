"""What nobody knows yet: events and shocks, and the register of every assumption."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from simengine.assumptions.laws import Distribution, Fixed
from simengine.plan.evidence import Effect, Event
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Declared, Plan
from simengine.plan.source import Path
from simengine.plan.values import entries
from simengine.reading.operating import OperatingPlan
from simengine.reading.parts import (
    Cell,
    Figure,
    Phrase,
    Section,
    Table,
    joined,
    money,
    month,
    say,
    share,
    table,
)

QUANTILES = (0.1, 0.5, 0.9)
_EVENT = ("event", "kind", "owner", "starts", "the plan\ncounts on", "chance", "lasts", "phased in\nover")
_CONSEQUENCE = ("event", "what it changes", "worked if", "upfront", "a month", "cost as\nplanned")
_SHOCK = ("shock", "owner", "standard deviation of a month", "persistence\nfrom month to month")
_SOURCES = ("assumption", "source", "grade", "as of", "owner", "used in")


def events(op: OperatingPlan) -> Section | None:
    """What may happen: when, how likely, what it changes, what it costs; and what comes and goes."""
    parts: list[Phrase | Table] = []
    entered = op.plan.events.items()
    if entered:
        rows = [_event(op, name, event) for name, event in entered]
        parts.append(table("Events", _EVENT, rows, texts=5))
        rows = [_consequence(op, name, event) for name, event in entered]
        parts.append(table("What events change and cost", _CONSEQUENCE, rows, texts=3))
    if op.plan.shocks:
        rows = [
            (name, shock.owner or "–", _loadings(shock.loadings), Figure(shock.persistence, "number"))
            for name, shock in op.plan.shocks.items()
        ]
        parts.append(table("Shocks", _SHOCK, rows, texts=3))
    return Section("Events and shocks", tuple(parts)) if parts else None


def _event(op: OperatingPlan, name: str, event: Event) -> tuple[Cell, ...]:
    return (
        *(name, event.kind, event.owner or "–", _starts(event.starts)),
        say("never") if event.plan == "never" else say("{}", month(event.plan)),
        share(event.probability),
        "to the end" if event.lasts is None else Figure(event.lasts, "whole months"),
        op.figure(event.phase_in_months, "months") if event.phase_in_months != Quantity(0.0) else "at once",
    )


def _starts(law: Distribution) -> Phrase:
    if isinstance(law, Fixed):
        return say("{}", month(int(law.support()[0])))
    low, middle, high = (month(math.floor(x)) for x in law.ppf(QUANTILES))
    return say("{}, P10 {}, P90 {}", middle, low, high)


def _consequence(op: OperatingPlan, name: str, event: Event) -> tuple[Cell, ...]:
    changes = joined([_effect(op, what, effect) for what, effect in event.effect.items()])
    in_force = op.in_force(name)
    upfront, monthly = op.number(event.upfront), op.number(event.cost)
    cost = float((monthly * in_force).sum() + (upfront * op.begins(name)).sum())
    return name, changes, event.success or "–", money(upfront[0]), money(monthly[0]), money(cost)


def _effect(op: OperatingPlan, what: str, effect: Effect) -> Phrase:
    unit = "factor" if effect.kind == "multiply" else op.unit_of(what)
    amount, period = op.figure(effect.amount, unit, low=-math.inf), unit.partition(" per ")[2]
    if effect.kind == "multiply":
        return say("{} {}", what, amount)
    return say("{} plus {} a {}", what, amount, period) if period else say("{} plus {}", what, amount)


def _loadings(loadings: dict[str, float]) -> Phrase:
    return joined([say("{} {}", name, share(loading)) for name, loading in loadings.items()])


# ---- the register ----


def worse(law: Distribution, declared: Declared) -> float:
    """Probability that an assumption is on the adverse side of its plan value; NaN where both sides hurt."""
    if declared.adverse == "low":
        return law.at_most(float(np.nextafter(declared.plan, -math.inf)))
    return 1.0 - law.at_most(declared.plan) if declared.adverse == "high" else math.nan


def register(op: OperatingPlan) -> Section | None:
    """Every assumption: what the plan counts on, what is simulated, who says so, and where it is used."""
    declared, laws, used = op.plan.declared, op.plan.widened(), uses(op.plan)
    names = [name for name in declared if name in laws]
    if not names:
        return None
    numbers: list[tuple[Cell, ...]] = []
    sources: list[tuple[Cell, ...]] = []
    for name in names:
        entry, law = declared[name], laws[name]
        quantiles = (Figure(float(x), entry.unit) for x in law.ppf(QUANTILES))
        numbers.append(
            (name, entry.unit, entry.adverse, Figure(entry.plan, entry.unit), *quantiles, share(worse(law, entry)))
        )
        source = entry.source
        as_of = source.as_of.isoformat() if source.as_of else "–"
        kind = say("{}, n = {}", source.kind, Figure(source.n, "whole")) if source.n else source.kind
        where = "; ".join(used.get(name, ())) or "–"
        sources.append((name, kind, source.grade or "–", as_of, entry.owner or "–", where))
    columns = ("assumption", "unit", "adverse", "plan", "P10", "P50", "P90", "worse than\nplan")
    return Section(
        "Assumptions",
        (
            table("As planned, and as simulated after the source policy", columns, numbers, texts=3),
            table("Where they come from, and where they are used", _SOURCES, sources, texts=len(_SOURCES)),
            *_learned(op.plan),
        ),
    )


def _learned(plan: Plan) -> Iterator[Table]:
    """What actuals have made of beliefs."""
    rows: list[tuple[Cell, ...]] = []
    for name, entry in sorted(plan.assumptions.items()):
        before = entry.widened_before(plan.source_policy)
        if before is not None:
            numbers = (*before.ppf(QUANTILES), *entry.distribution.ppf(QUANTILES))
            rows.append((name, entry.unit, *(Figure(float(x), entry.unit) for x in numbers)))
    if rows:
        columns = (f"{level}\n{when}" for when in ("before", "since") for level in ("P10", "P50", "P90"))
        yield table("What actuals have made of them", ("assumption", "unit", *columns), rows, texts=2)


def uses(plan: Plan) -> dict[str, list[str]]:
    """Where each assumption is used: `win_rate of inbound/smb, outbound/smb`."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for entry in entries(plan):
        if isinstance(entry.value, Quantity):
            what, whose = _place(entry.path, plan.funnel.stages)
            for name in {step.assumption for step in entry.value.steps} - {None}:
                found.setdefault(str(name), {}).setdefault(what, {})[whose] = None
    return {name: [_listed(what, [*whose]) for what, whose in places.items()] for name, places in found.items()}


def _listed(what: str, whose: list[str]) -> str:
    return f"{what} of {', '.join(whose)}" if any(whose) else what


def _place(path: Path, stages: tuple[str, ...]) -> tuple[str, str]:
    """What is set at a path of the plan, and whose it is."""
    steps = [str(step + 1) if isinstance(step, int) else str(step) for step in path]
    match steps:
        case ["funnel", "channels", channel, "segments", segment, "rates", nth]:
            return f"rate from {stages[int(nth) - 1]} to {stages[int(nth)]}", f"{channel}/{segment}"
        case ["funnel", "channels", channel, "segments", segment, *rest]:
            return ".".join(rest), f"{channel}/{segment}"
        case ["funnel", "channels", name, *rest] | ["team", "roles" | "seats" | "territories", name, *rest]:
            return ".".join(rest), name
        case ["base" | "events", name, *rest]:
            return ".".join(rest), name
    return ".".join(steps), ""
