"""A plan at a glance: what is asked of it, what it assumes, who says so. `simengine describe` tells all."""

from __future__ import annotations

from collections import Counter

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.plan.schema import Plan
from simengine.plan.targets import unit_of
from simengine.report.information import in_unit
from simengine.report.statistics import Facts
from simengine.report.tables import heading, note, table, under
from simengine.report.words import confidence, goal, what
from simengine.units import month_label

SHOWN = 12
"""Assumptions that have a row."""
_LEVELS, _PROBABILITIES = ("p10", "p50", "p90"), np.array((0.1, 0.5, 0.9))


def plan_facts(plan: Plan) -> Facts:
    """What a plan is called, what is asked of it, and what is assumed after its source policy, as plain numbers."""
    header, declared, laws = plan.plan, plan.declared, plan.widened()
    return {
        "name": plan.title,
        "version": header.version,
        "as_of": "" if header.as_of is None else header.as_of.isoformat(),
        "currency": header.currency,
        "start": month_label(header.start),
        "end": month_label(header.end),
        "segments": list(plan.segments),
        "targets": [
            {
                "name": target.name,
                "metric": target.metric,
                "unit": unit_of(target.metric, header.currency),
                "period": target.period,
                "where": ", ".join(f"{key}={value}" for key, value in target.where.items()),
                "at_least": target.at_least,
                "at_most": target.at_most,
                "confidence": target.confidence,
            }
            for target in plan.targets
        ],
        "assumptions": [
            {
                "name": name,
                "unit": entry.unit,
                "plan_value": entry.plan,
                **dict(zip(_LEVELS, laws[name].ppf(_PROBABILITIES).tolist(), strict=True)),
                "adverse": entry.adverse,
                "source_kind": entry.source.kind,
                "owner": entry.owner,
            }
            for name, entry in declared.items()
            if name in laws
        ],
    }


def plan_tables(told: Facts) -> RenderableType:
    """A plan at a glance.

    Parameters
    ----------
    told : from `plan_facts`
    """
    as_of = f"as of {told['as_of']}" if told["as_of"] else ""
    title = "  ·  ".join(filter(None, (told["version"], as_of)))
    parts: list[RenderableType] = [
        Text.assemble((told["name"], "bold"), f"  ·  {title}" if title else ""),
        note(f"{told['start']} to {told['end']}, money in {told['currency']}, segments: {', '.join(told['segments'])}"),
    ]
    if told["targets"]:
        asked = table("target", "of", "needed", "confidence\nasked for", texts=2)
        for target in told["targets"]:
            wanted = "" if target["confidence"] is None else confidence(target["confidence"])
            asked.add_row(target["name"], what(target), goal(target), wanted)
        parts += [heading("What is asked for?"), asked]
    if told["assumptions"]:
        parts += [heading("What is assumed?"), _assumptions(told), *map(note, _notes(told))]
    return Group(*parts)


def _assumptions(told: Facts) -> RenderableType:
    made = table("assumption", "source", "plan", "P10", "P50", "P90", texts=2)
    for row in told["assumptions"][:SHOWN]:
        planned, *levels = (in_unit(row[key], row["unit"], told["currency"]) for key in ("plan_value", *_LEVELS))
        # The unit stands once.
        _, per, period = row["unit"].partition(" per ")
        made.add_row(
            row["name"],
            under(row["source_kind"], row["owner"]),
            planned,
            *(level.removesuffix(per + period).removesuffix(" months") for level in levels),
        )
    return made


def _notes(told: Facts) -> list[str]:
    rows = told["assumptions"]
    kinds = Counter(row["source_kind"] for row in rows)
    counted = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    more = f"The first {SHOWN} of {len(rows)}; simengine describe tells all. " if len(rows) > SHOWN else ""
    return [f"{more}P10 to P90: after the source policy. By source: {counted}."]
