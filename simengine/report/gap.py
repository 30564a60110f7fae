"""Top-down against bottom-up: as plain numbers, as tables, as a waterfall."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.plan.targets import unit_of
from simengine.report.canvas import GREEN, GREY, INK, PALE, SOFT, TEXT, VERMILION, drawn, page, room, scale_in
from simengine.report.information import in_unit
from simengine.report.statistics import Facts, bounded
from simengine.report.tables import chance, heading, note, table, under
from simengine.report.words import between, change, confidence, metric_name, number, percent, shortened
from simengine.units import month_label

if TYPE_CHECKING:
    from simengine.decide.findings import Closer, Gap

_FAR = 0.001
"""Beyond this tail a belief has no place for a value."""
_TITLE, _NAME = 130, 30
_GROUPS = {
    "opening ARR": "opening\nARR",
    "new": "new",
    "expansion": "expanded,\nprice",
    "price": "expanded,\nprice",
    "contraction": "lost",
    "churn": "lost",
}
"""Columns of the table by segment."""


def gap_facts(found: Gap) -> Facts:
    """A gap as plain numbers and words."""
    target, unit = found.target, unit_of(found.target.metric, found.currency)
    return {
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "where": dict(target.where),
        "unit": unit,
        "currency": found.currency,
        "confidence": found.confidence,
        "draws": found.draws,
        "top_down": found.top_down,
        "bottom_up": found.bottom_up,
        "missing": found.missing,
        "is_floor": target.at_least is not None,
        **{key: bounded(getattr(found, key)) for key in ("mean", "p10", "p50", "p90", "probability", "commit")},
        "bridge": [row._asdict() for row in found.bridge],
        "in_proportion": {
            segment: {"share": share, "amount": share * found.missing} for segment, share in found.shares.items()
        },
        "asides": [{**one._asdict(), "probability": bounded(one.probability)} for one in found.asides],
        "retention": None
        if found.retention is None
        else {**found.retention._asdict(), "probability": bounded(found.retention.probability)},
        "levers": [_lever(closer, found) for closer in found.levers],
        "search_draws": found.search_draws,
        "records": found.records,
    }


def _lever(closer: Closer, found: Gap) -> Facts:
    needed = closer.needed
    still = math.isclose(needed.planned_at_most, found.bottom_up, rel_tol=1e-9)
    return {
        "moves": not still or math.isfinite(needed.amount),
        **needed._asdict(),
        "month": month_label(needed.month),
        "at_confidence": bounded(needed.at_confidence),
        "probability": bounded(needed.probability),
        "beliefs": [{**belief._asdict(), "reached": belief.reached} for belief in closer.beliefs],
        "past": [one._asdict() for one in closer.past],
    }


def sentence(told: Facts) -> str:
    """How far apart they are, in money and in probability.

    Parameters
    ----------
    told : from `gap_facts`
    """
    unit = told["unit"]
    up, down = (number(told[key], unit, trim=key == "top_down") for key in ("bottom_up", "top_down"))
    if told["missing"] > 0:
        side = "lacks" if told["is_floor"] else "has too much by"
        money = (
            f"The operating plan comes to {up} and {side} {_distance(told['missing'], unit)} of the {down} asked for."
        )
    else:
        money = f"The operating plan comes to {up}; asked for are {down}: at plan values there is no gap."
    safe, wanted = told["commit"], told["confidence"]
    short = told["top_down"] - safe["value"] if told["is_floor"] else safe["value"] - told["top_down"]
    away = f", {_distance(short, unit)} short" if short > 0 else ""
    return (
        f"{money} P({told['target']}) is {chance(told['probability'])}, wanted {confidence(wanted)}. With that "
        f"confidence {number(safe['value'], unit)} ({between(safe['lower'], safe['upper'], unit)}) is reached{away}."
    )


def _distance(amount: float, unit: str) -> str:
    return f"{100 * amount:.1f} points" if unit == "fraction" else number(amount, unit)


# ---- tables ----


def gap_tables(told: Facts) -> RenderableType:
    """The gap, what the bottom-up is made of, and what each lever would have to be.

    Parameters
    ----------
    told : from `gap_facts`
    """
    about = f"{metric_name(told['metric'])} {told['period']}"
    where = ", ".join(f"{key}={value}" for key, value in told["where"].items())
    parts: list[RenderableType] = [
        heading(f"{told['target']}: {about}{f', {where}' if where else ''}, top-down and bottom-up"),
        Text(sentence(told)),
        Text(""),
        _whole(told),
    ]
    if told["bridge"]:
        parts += [heading("By segment, at plan values"), _by_segment(told), *map(note, _segment_notes(told))]
    else:
        parts.append(note(f"{metric_name(told['metric'])} is no sum of parts and is told in total only."))
    if told["asides"]:
        parts += [heading("Targets of parts of the company"), _asides(told)]
    if told["levers"]:
        parts += [heading("What each lever would have to be, to close the gap alone"), _levers(told)]
        parts += map(note, _lever_notes(told))
        parts += _seen(told)
    return Group(*parts)


def _whole(told: Facts) -> Table:
    unit = told["unit"]
    made = table("", "operating\nplan", "simulated\nmean", "95% interval", "P10", "P90")
    for row in (row for row in told["bridge"] if row["segment"] == "all"):
        numbers = (row[key] for key in ("planned", "mean"))
        ends = (row[key] for key in ("p10", "p90"))
        interval = "" if row["lower"] == row["upper"] else between(row["lower"], row["upper"], unit)
        made.add_row(row["part"], *(number(x, unit) for x in numbers), interval, *(number(x, unit) for x in ends))
    if told["bridge"]:
        made.add_section()
    mean = told["mean"]
    made.add_row(
        Text("bottom-up", "bold"),
        Text(number(told["bottom_up"], unit), "bold"),
        number(mean["value"], unit),
        between(mean["lower"], mean["upper"], unit),
        *(number(told[key]["value"], unit) for key in ("p10", "p90")),
    )
    made.add_row(Text("top-down", "bold"), Text(number(told["top_down"], unit), "bold"), "", "", "", "")
    gaps = (told["top_down"] - x for x in (told["bottom_up"], mean["value"]))
    made.add_row("gap", *(change(x, unit) for x in gaps), "", "", "")
    return made


def _by_segment(told: Facts) -> Table:
    rows = [row for row in told["bridge"] if row["segment"] != "all"]
    present = [name for name in dict.fromkeys(_GROUPS.values()) if any(_group(row["part"]) == name for row in rows)]
    made = table("", *present, "bottom-up", "simulated\nmean", "in pro-\nportion")
    for segment in dict.fromkeys(row["segment"] for row in rows):
        own = [row for row in rows if row["segment"] == segment]
        sums = [math.fsum(row["planned"] for row in own if _group(row["part"]) == name) for name in present]
        totals = [math.fsum(row[key] for row in own) for key in ("planned", "mean")]
        allotted = told["in_proportion"].get(segment)
        part = change(allotted["amount"], told["unit"]) if allotted and told["missing"] > 0 else ""
        made.add_row(segment, *(number(x, told["unit"]) for x in (*sums, *totals)), part)
    return made


def _group(part: str) -> str:
    return _GROUPS["new" if part.startswith("new: ") else part]


def _segment_notes(told: Facts) -> Iterator[str]:
    if told["missing"] > 0 and told["in_proportion"]:
        yield (
            "In proportion: the gap shared out as the operating plan's new business is. It is arithmetic, and no "
            "statement of where the gap can be closed."
        )


def _asides(told: Facts) -> Table:
    made = table("", "asked for", "operating\nplan", "P(hit)")
    for one in told["asides"]:
        where = ", ".join(f"{key}={value}" for key, value in one["where"].items())
        name = under(one["name"], f"{metric_name(one['metric'])} {one['period']}, {where}")
        side = "" if one["is_floor"] else "at most "
        asked = side + number(one["bound"], told["currency"], trim=True)
        made.add_row(name, asked, number(one["planned"], told["currency"]), chance(one["probability"]))
    return made


def _levers(told: Facts) -> Table:
    wanted = confidence(told["confidence"])
    made = table("", "at plan\nvalues", f"for P(hit)\nof {wanted}", "if it cannot: the most tried,\nplan, P(hit)")
    for lever in told["levers"]:
        if lever["idle"] or not lever["moves"]:
            continue
        unit, sure = lever["unit"], lever["at_confidence"]
        can = [math.isfinite(x) for x in (lever["at_plan"], sure["value"])]
        interval = ""
        if can[1] and math.isfinite(sure["lower"]) and sure["lower"] < sure["upper"]:
            interval = f"{_amount(sure['lower'], unit)} to {_amount(sure['upper'], unit)}"
        most = ""
        if not all(can):
            odds = "" if can[1] else f", {percent(lever['probability']['value'])}"
            most = f"{_amount(lever['most'], unit)}: {number(lever['planned_at_most'], told['unit'])}{odds}"
        made.add_row(
            under(lever["name"].removeprefix("hires: "), f"people, from {lever['month']}" if unit == "people" else ""),
            "met" if told["missing"] <= 0 else _amount(lever["at_plan"], unit) if can[0] else "cannot",
            under(_amount(sure["value"], unit), interval) if can[1] else "cannot",
            most,
        )
    return made


def _amount(amount: float, unit: str) -> str:
    """An amount of a lever.

    >>> _amount(1.675, "factor"), _amount(12.0, "people"), _amount(0.0, "people")
    ('x1.68', '+12', '0')
    """
    if unit == "factor":
        return f"x{amount:.2f}"
    return f"+{amount:.0f}" if amount >= 0.5 else "0"


def _lever_notes(told: Facts) -> Iterator[str]:
    yield (
        "A factor multiplies every number of its kind from the plan's start on, probabilities up to 100%; people are "
        "on top of the plan, all planned for the first month that lead time allows. Nothing else changes, and nothing "
        f"is paid for. Looked for on {told['search_draws']:,} draws; below a factor its 95% interval for their error."
    )
    reasons: dict[str, list[str]] = {}
    still = [lever["name"] for lever in told["levers"] if not lever["moves"] and not lever["idle"]]
    if still:
        yield f"Do not move it at all: {', '.join(still)}."
    for lever in told["levers"]:
        if lever["idle"]:
            reasons.setdefault(lever["idle"], []).append(lever["name"])
    for reason, names in reasons.items():
        yield f"{', '.join(names)}: {reason}."
    kept = told["retention"]
    if kept is not None and told["missing"] > 0:
        yield (
            f"NRR would have to be {percent(kept['needed'])}, the operating plan has {percent(kept['planned'])}; "
            f"simulated paths have as much in {chance(kept['probability'])}."
        )


def _seen(told: Facts) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if any(lever["beliefs"] and _is_moved(lever) for lever in told["levers"]):
        made = table("", "plan", "needed", "in its belief")
        for lever in told["levers"]:
            for place, belief in enumerate(lever["beliefs"] if _is_moved(lever) else ()):
                if place == 0:
                    made.add_row(_headed(lever), "", "", "")
                pair = [_short(in_unit(belief[key], belief["unit"], told["currency"])) for key in ("planned", "needed")]
                made.add_row(under(f"  {belief['name']}", f"  {_source(belief)}"), *pair, far(belief))
        parts += [heading("Has anybody thought it possible?"), made]
    if any(lever["past"] and _is_moved(lever) for lever in told["levers"]):
        made = table("", "needed", "best\nquarter", "when", "seen")
        for lever in told["levers"]:
            for place, one in enumerate(lever["past"] if _is_moved(lever) else ()):
                if place == 0:
                    made.add_row(_headed(lever), "", "", "", "")
                unit = told["currency"] if one["unit"] == "currency" else one["unit"]
                when = under(one["quarter"], f"n {one['n']:,}, of {one['quarters']}")
                pair = [number(one[key], unit) for key in ("needed", "best")]
                is_seen = "yes" if one["is_seen"] else "never"
                made.add_row(under(f"  {one['of']}", f"  {one['what']}"), *pair, when, is_seen)
        parts += [heading(f"Has it ever happened? Records until {told['records']}"), made]
        parts.append(
            note(
                "The best of the whole quarters on record. The best of many small quarters flatters: what chance gave "
                "once is no promise."
            )
        )
    silent = [lever["name"] for lever in told["levers"] if _is_moved(lever) and not lever["past"]]
    if told["records"] and silent:
        parts.append(note(f"The records do not tell of {', '.join(silent)}."))
    return parts


def _is_moved(lever: Facts) -> bool:
    """Whether it would have to be anything else than it is."""
    return math.isfinite(_chosen(lever)) and _chosen(lever) != (1.0 if lever["unit"] == "factor" else 0.0)


def _headed(lever: Facts) -> Text:
    return Text(f"{lever['name'].removeprefix('hires: ')} {_amount(_chosen(lever), lever['unit'])}", "bold")


def _chosen(lever: Facts) -> float:
    sure = float(lever["at_confidence"]["value"])
    return sure if math.isfinite(sure) else float(lever["at_plan"])


def _short(written: str) -> str:
    return written.replace(" per month", "/month").replace(" per year", "/year")


def far(belief: Facts) -> str:
    """How far out a value lies in what is believed.

    >>> far({"level": 0.9999, "is_better": "high"}), far({"level": 0.97, "is_better": "high"})
    ('beyond P99.9', 'P97')
    >>> far({"level": 0.0, "is_better": "low"})
    'below P0.1'
    """
    level = belief["level"]
    if belief["is_better"] == "high" and 1 - level < _FAR:
        return "beyond P99.9"
    if belief["is_better"] == "low" and level < _FAR:
        return "below P0.1"
    return f"P{100 * level:.0f}" if 0.01 <= level <= 0.99 else f"P{100 * level:.1f}"


def _source(belief: Facts) -> str:
    n = "" if belief["n"] is None else f", n {belief['n']:,}"
    return f"{belief['kind']}{n}" + (f", {belief['as_of']}" if belief["as_of"] else "")


# ---- the figure ----


@drawn
def waterfall(told: Facts, plan: str) -> Figure:
    """From the opening to the bottom-up, part by part, and to the top-down.

    Parameters
    ----------
    told : from `gap_facts`, of a metric that is told in parts
    plan : what the plan is called, for the foot
    """
    rows = [row for row in told["bridge"] if row["segment"] == "all"]
    unit, up, down = told["unit"], told["bottom_up"], told["top_down"]
    title = f"{told['target']}: {number(up, unit)} bottom-up, {number(down, unit, trim=True)} top-down"
    cut = "; the axis does not begin at zero" if rows[0]["part"] == "opening ARR" else ""
    subtitle = f"Bars: the operating plan, part by part; diamonds: simulated means; lines: from P10 to P90{cut}"
    foot = f"{shortened(plan, 80)}  ·  {told['draws']:,} draws  ·  {metric_name(told['metric'])} {told['period']}"
    figure, axes = page(shortened(title, _TITLE), subtitle, foot, left=0.2, right=0.06, bottom=0.11)
    total = {"part": "bottom-up", "planned": up, "mean": told["mean"]["value"]}
    total |= {key: told[key]["value"] for key in ("p10", "p90")}
    names = [*(row["part"] for row in rows), "bottom-up", "gap", "top-down"]
    start = 0.9 * rows[0]["planned"] if rows[0]["part"] == "opening ARR" else 0.0
    level, ends = 0.0, [0.0, up, down, total["p10"], total["p90"]]
    for place, row in enumerate(rows):
        color = PALE if row["part"] == "opening ARR" else GREEN if row["planned"] >= 0 else VERMILION
        text = (number if place == 0 and start else change)(row["planned"], unit)
        _bar(axes, place, level, row["planned"], color, text, level + row["p90"])
        _simulated(axes, place, level, row)
        level += row["planned"]
        ends.append(level)
    _bar(axes, len(rows), 0.0, up, PALE, number(up, unit), total["p90"])
    _simulated(axes, len(rows), 0.0, total)
    _bar(axes, len(rows) + 1, up, down - up, GREY, change(down - up, unit))
    _bar(axes, len(rows) + 2, 0.0, down, PALE, number(down, unit, trim=True))
    axes.set_xlim(room(start or min(ends), max(ends), 0.0, 0.13))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [shortened(one, _NAME) for one in names], color=INK)
    scale_in(axes, "x", unit, ticks=6)
    return figure


def _bar(axes: Axes, place: int, left: float, size: float, color: str, text: str, beyond: float = -math.inf) -> None:
    axes.barh(place, size, left=left, color=color, height=0.56)
    end = max(left, left + size, beyond)
    axes.annotate(text, (end, place), (5, 0), textcoords="offset points", size=TEXT, va="center", color=INK)


def _simulated(axes: Axes, place: int, level: float, row: dict[str, Any]) -> None:
    axes.plot([level + row["p10"], level + row["p90"]], [place, place], color=SOFT, linewidth=1.2)
    axes.plot([level + row["mean"]], [place], marker="D", color=INK, markersize=4)
