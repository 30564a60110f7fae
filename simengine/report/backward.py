"""A plan read backward: as plain numbers, as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table

from simengine.plan.targets import unit_of
from simengine.report.statistics import Facts, bounded
from simengine.report.tables import chance, heading, note, table, under
from simengine.report.words import between, change, confidence, metric_name, number, percent, points_between
from simengine.units import month_label

if TYPE_CHECKING:
    from simengine.decide.findings import Backward, Delays, OverAssignment, Ready

_LIKELY = 0.8
_SHOWN = (1, 3, 6, 12)
"""Months of delay in the table."""


def backward_facts(found: Backward) -> Facts:
    """A plan read backward as plain numbers and words."""
    target = found.target
    return {
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "unit": unit_of(target.metric, found.currency),
        "currency": found.currency,
        "confidence": found.confidence,
        "draws": found.draws,
        "probability": bounded(found.as_planned),
        "productive_by": month_label(found.productive_by),
        "productive_by_period": found.period,
        "ready": [_ready_facts(one) for one in found.ready],
        "allowed": found.allowed,
        "delays": [_delays_facts(one) for one in found.delays],
        "year": found.year,
        "over_assignments": [_over_facts(one) for one in found.over],
        "growth": found.growth,
        "capacity": [one._asdict() for one in found.capacity],
    }


def _ready_facts(one: Ready) -> Facts:
    months = {key: None if month is None else month_label(month) for key, month in _dates(one)}
    return {**one._asdict(), **months}


def _dates(one: Ready) -> Iterator[tuple[str, int | None]]:
    yield "latest", one.latest
    yield "request_by", one.request_by


def _delays_facts(one: Delays) -> Facts:
    rows = [
        {
            "months": delay.months,
            "probability": bounded(delay.probability),
            "lost": bounded(delay.lost),
            "cost": bounded(delay.cost),
        }
        for delay in one.delays
    ]
    return {**one._asdict(), "first": month_label(one.first), "last": month_label(one.last), "delays": rows}


def _over_facts(one: OverAssignment) -> Facts:
    return {**one._asdict(), **{key: bounded(getattr(one, key)) for key in ("probability", "needed", "safe")}}


# ---- tables ----


def backward_tables(told: Facts) -> RenderableType:
    """By when to hire, what a delay costs, over-assignment, capacity.

    Parameters
    ----------
    told : from `backward_facts`
    """
    parts: list[RenderableType] = []
    if told["ready"]:
        parts += [heading(f"To be productive by {told['productive_by']} ({told['productive_by_period']})")]
        parts += [_ready(told), *map(note, _ready_notes(told))]
    if told["delays"]:
        about = f"{told['target']}: {metric_name(told['metric'])} {told['period']}"
        parts += [heading(f"What it costs to hire later; {about}, P(hit) {chance(told['probability'])}")]
        parts += [_delays(told), *map(note, _delay_notes(told))]
    if told["over_assignments"]:
        parts += [heading(f"Street quota and the plan it is to carry, {told['year']}")]
        parts += [_over(told), *map(note, _over_notes(told))]
    if told["capacity"]:
        parts += [heading("Ramped people: in the plan, for its volumes, for the target"), _capacity(told)]
        parts += map(note, _capacity_notes(told))
    if not parts:
        parts.append(note("The plan has no people who sell, qualify or look after customers."))
    return Group(*parts)


def _ready(told: Facts) -> Table:
    levels = list(dict.fromkeys(one["level"] for one in told["ready"]))
    made = table(
        "plan the start by",
        *(f"at {percent(level, 0)}" for level in levels),
        "decide by\nat 80%",
        "in time,\nof planned",
    )
    rows: dict[tuple[str, str], list[Facts]] = {}
    for one in told["ready"]:
        rows.setdefault((one["group"], one["what"]), []).append(one)
    for (group, what), own in rows.items():
        sure = min(own, key=lambda one: abs(one["level"] - _LIKELY))
        request = "never" if sure["request_by"] is None else sure["request_by"]
        made.add_row(
            under(group, what),
            *(one["latest"] or "never" for one in own),
            under(request, "too late now" if sure["is_late"] else ""),
            f"{sure['in_time']} of {sure['planned']}" if sure["planned"] else "–",
        )
    return made


def _ready_notes(told: Facts) -> Iterator[str]:
    yield (
        "Full workload: they carry what a ramped colleague does. Full bookings: what they close is full too, a sales "
        "cycle later. Late starts, the recruiting climate and ramps are as the plan believes; whoever leaves before is "
        "left out. Planned: heads whose start the plan has by then, in time those early enough at 80%."
    )
    never = {one["role"]: one["never"] for one in told["ready"] if one["never"] > 0}
    if never:
        shares = ", ".join(f"{percent(share, 0)} of {role}" for role, share in never.items())
        yield f"Never get there, and are left out: {shares}."
    unknown = dict.fromkeys(one["group"] for one in told["ready"] if one["lead"] is None)
    if unknown:
        yield f"No lever says how long a decision takes for {', '.join(unknown)}: decide by is the planned month."


def _delays(told: Facts) -> Table:
    tried = [delay["months"] for delay in told["delays"][0]["delays"]]
    shown = [months for months in _SHOWN if months in tried] or tried[-1:]
    made = table("", *(f"{months} month{'s' * (months > 1)}\nlater" for months in shown), "safe,\nmonths")
    for one in told["delays"]:
        cells = []
        for delay in (one["delays"][months - 1] for months in shown):
            points = _points(delay["lost"])
            is_told = math.isfinite(delay["cost"]["value"])
            cells.append(under(_lost(delay["cost"], told["unit"]), points) if is_told else points)
        heads = f"{one['heads']} hire{'s' * (one['heads'] != 1)}, {one['first']}"
        heads += "" if one["first"] == one["last"] else " on"
        made.add_row(under(one["group"], heads), *cells, f"{one['latest']}{'+' * (one['latest'] == tried[-1])}")
    return made


def _lost(cost: Facts, unit: str) -> str:
    """What is lost on average."""
    return "within noise" if cost["lower"] <= 0 <= cost["upper"] else change(-cost["value"], unit)


def _points(lost: Facts) -> str:
    """The change of P(hit) in points: an interval."""
    return f"P {points_between({'lower': -lost['upper'], 'upper': -lost['lower']})}"


def _delay_notes(told: Facts) -> Iterator[str]:
    yield (
        "All hires of a group that start until the target's period ends are planned later. Above: what "
        f"{metric_name(told['metric'])} loses on average; below: the change of P(hit) in points, a 95% interval, on "
        f"the same {told['draws']:,} draws. Safe: the most months in a row that are shown to lose no more than "
        f"{100 * told['allowed']:g} points of P(hit), + where no more were tried."
    )
    if told["probability"]["value"] <= told["allowed"]:
        yield "P(hit) is so low that no delay can cost much of it: look at the money."
    keeping = [one for one in told["delays"] if one["keeps"] is not None]
    if keeping:
        months = ", ".join(f"{one['group']} {one['keeps']}" for one in keeping)
        yield f"Months that keep P(hit) at {confidence(told['confidence'])} or above: {months}."
    else:
        yield f"The plan does not reach {confidence(told['confidence'])} as it is: no delay keeps it."


def _over(told: Facts) -> Table:
    unit, wanted = told["currency"], percent(told["confidence"], 0)
    made = table("", "street\nquota", "declared", "plan it\ncarries", "P(booked)", f"books with\n{wanted}", "needed")
    for one in told["over_assignments"]:
        needed, safe = one["needed"], one["safe"]
        interval = ""
        if all(math.isfinite(needed[key]) for key in ("lower", "upper")):
            interval = between(needed["lower"], needed["upper"], "fraction")
        made.add_row(
            "all sellers" if one["team"] == "all" else one["team"],
            number(one["street"], unit),
            percent(one["declared"], 0),
            number(one["carried"], unit),
            percent(one["probability"]["value"]),
            number(safe["value"], unit),
            under(percent(needed["value"], 0) if math.isfinite(needed["value"]) else "no quota", interval),
        )
    return made


def _over_notes(told: Facts) -> Iterator[str]:
    yield (
        "Over-assignment is street quota over the plan that it carries. Needed: with that much the sellers book their "
        f"plan with {confidence(told['confidence'])}; below, its 95% interval. In a smaller team luck evens out "
        "less. Below zero, quotas could be less than the plan."
    )


def _capacity(told: Facts) -> Table:
    quarters = list(dict.fromkeys(one["quarter"] for one in told["capacity"]))
    shown = quarters[-4:]
    made = table("", *shown)
    rows: dict[tuple[str, str, str], dict[str, Facts]] = {}
    for one in told["capacity"]:
        rows.setdefault((one["role"], one["segment"], one["does"]), {})[one["quarter"]] = one
    for (role, segment, does), own in rows.items():
        cells = []
        for quarter in shown:
            one = own[quarter]
            needs = " / ".join(_heads(one[key]) for key in ("needed", "for_target"))
            short = not math.isnan(one["for_target"]) and one["for_target"] > one["planned"] + 0.05
            cells.append(under(f"{one['planned']:.1f}", needs, "bold" if short else ""))
        made.add_row(under(f"{role} {segment}".strip(), does), *cells)
    return made


def _heads(count: float) -> str:
    return "no limit" if math.isnan(count) else f"{count:.1f}"


def _capacity_notes(told: Facts) -> Iterator[str]:
    yield (
        "Ramped people, mean of the quarter; below: needed for the plan's volumes / for the target's. Bold: too few "
        "for the target."
    )
    if told["growth"] == 1.0:
        yield "The target is just met, or none that new business makes up for: both needs are those of the plan."
    else:
        yield (
            f"For the target: new business x{told['growth']:.2f} in every segment and channel, all else as planned "
            "(win rates, sizes, cycles, renewals). More people alone do not bring it; they keep it from waiting."
        )
