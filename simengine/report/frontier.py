"""Cost against probability: the frontier as plain numbers, as a table, and drawn."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.decide.about import about_plan
from simengine.plan.targets import unit_of
from simengine.report.canvas import BLUE, GREY, INK, PALE, SOFT, TEXT, VERMILION, drawn, page, room, scale_in, source
from simengine.report.solve import aim, in_short, mix_facts
from simengine.report.statistics import Facts, bounded
from simengine.report.tables import chance_under, heading, note, table, under
from simengine.report.words import change, confidence, money, percent, points_between, shortened

if TYPE_CHECKING:
    from simengine.decide.findings import Frontier

_TITLE, _ROW = 130, 54
"""Signs that fit."""


def frontier_facts(found: Frontier) -> Facts:
    """A frontier as plain numbers.

    Parameters
    ----------
    found : from `decide.frontier.frontier`
    """
    levers, target = found.levers, found.target
    plan = levers.plan
    return {
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "at_least": target.at_least,
        "at_most": target.at_most,
        "unit": unit_of(target.metric, plan.plan.currency),
        "currency": plan.plan.currency,
        "confidence": target.confidence,
        "points": [_point(found, place) for place in range(len(found.mixes))],
        "knee": [place + 1 for place in found.knee],
        "tried": [
            {"cost": levers.cost(mix), "share": share, "allowed": levers.is_allowed(mix)}
            for mix, share in found.tried.items()
        ],
        "closed": list(levers.closed),
        "search": {"tried": len(found.tried), "draws": found.draws, "seed": found.seed},
        "paths": found.simulated,
        "seconds": found.seconds,
        "run": {
            **about_plan(plan),
            "draws": len(found.hits),
            "seed": found.fresh_seed,
        },
    }


def _point(found: Frontier, place: int) -> Facts:
    mix = found.mixes[place]
    return {
        "number": place + 1,
        "cost": found.levers.cost(mix),
        "probability": bounded(found.probability(place)),
        "more_than_last": bounded(found.more_than_last(place)),
        "told_apart": bool(found.told_apart[place]),
        "above_line": bounded(found.above[place]),
        "knee": place in found.knee,
        "levers": mix_facts(found.levers, mix),
    }


# ---- the table ----


def frontier_table(told: Facts) -> RenderableType:
    """The points, what each buys over the last, and the knee.

    Parameters
    ----------
    told : from `frontier_facts`
    """
    made = table("", "choice", "cost", f"P({told['target']})", "more than\nthe last", texts=2)
    for one in told["points"]:
        name = Text(in_short(one["levers"]), "" if one["told_apart"] else "dim")
        if one["knee"]:
            name.append("  ← knee" if len(told["knee"]) == 1 else "  ← knee, about", VERMILION)
        last = one["more_than_last"]
        more = "" if one["number"] == 1 else under(change(last["value"], "fraction"), points_between(last))
        cost = money(one["cost"], told["currency"])
        made.add_row(str(one["number"]), name, cost, chance_under(one["probability"]), more)
    return Group(heading(_question(told)), Text(finding(told)), Text(""), made, *map(note, _notes(told)))


def _question(told: Facts) -> str:
    return f"What does it cost to make {told['target']} likelier?"


def finding(told: Facts) -> str:
    """What the frontier says, in a sentence.

    Parameters
    ----------
    told : from `frontier_facts`
    """
    first, last = told["points"][0], told["points"][-1]
    if first is last:
        return f"No choice that was tried makes {told['target']} likelier than {_reaches(first)}"
    if not any(one["told_apart"] for one in told["points"][1:]):
        return f"No choice is shown to make {told['target']} likelier than the cheapest point, {_reaches(first)}"
    said = (
        f"{money(last['cost'] - first['cost'], told['currency'])} buy P({told['target']}) from "
        f"{percent(first['probability']['value'])} to {percent(last['probability']['value'])}"
    )
    knees = [told["points"][number - 1] for number in told["knee"]]
    if not knees:
        return f"{said}; no knee can be told from noise"
    if len(knees) == 1:
        return f"{said}; the knee is at {money(knees[0]['cost'], told['currency'])} and {_reaches(knees[0])}"
    ends = " and ".join(money(one["cost"], told["currency"]) for one in (knees[0], knees[-1]))
    return f"{said}; the knee is between {ends}"


def _reaches(one: Facts) -> str:
    return percent(one["probability"]["value"])


def _notes(told: Facts) -> Iterator[str]:
    search, run = told["search"], told["run"]
    yield (
        f"Each point reaches more than everything cheaper, of {search['tried']:,} choices tried on {search['draws']:,} "
        f"frozen draws (seed {search['seed']}). Probabilities: {run['draws']:,} fresh draws, the same for all (seed "
        f"{run['seed']}), with 95% intervals. Dim: not told from the last one that is not dim (McNemar, all at 5%)."
    )
    if told["knee"]:
        yield "Knee: farthest above the straight line from the first point to the last, beyond noise."
    if told["closed"]:
        yield f"Too late for: {', '.join(told['closed'])}."
    yield f"{told['paths']:,} paths, {told['seconds']:,.0f} s."


# ---- the figure ----


@drawn
def frontier_figure(told: Facts) -> Figure:
    """Cost against probability, the points numbered, what they are beside.

    Parameters
    ----------
    told : from `frontier_facts`
    """
    points, currency = told["points"], told["currency"]
    subtitle = shortened(f"{aim(told)}; lines are 95% intervals; small dots: other choices tried", 118)
    figure, axes = page(
        shortened(finding(told), _TITLE), subtitle, source(xr.Dataset(attrs=told["run"])), left=0.075, right=0.37
    )
    costs = [one["cost"] for one in points]
    others = [one for one in told["tried"] if one["allowed"] and costs[0] <= one["cost"] <= costs[-1]]
    ends = [one["probability"][end] for one in points for end in ("lower", "upper")]
    ends += [one["share"] for one in others]
    if told["confidence"] is not None:
        ends.append(told["confidence"])
    axes.set_xlim(room(min(costs), max(costs), 0.04, 0.06))
    axes.set_ylim(room(min(ends), max(ends), 0.06, 0.1))
    scale_in(axes, "x", currency, ticks=6)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(share, 0)))
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.plot(
        [one["cost"] for one in others], [one["share"] for one in others], "o", color=GREY, markersize=3, zorder=1
    )
    _line(axes, told)
    _legend(axes, told)
    return figure


def _line(axes: Axes, told: Facts) -> None:
    points = told["points"]
    if told["confidence"] is not None:
        axes.axhline(told["confidence"], color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        label = f"{confidence(told['confidence'])} wanted"
        right = axes.get_xlim()[1]
        axes.annotate(label, (right, told["confidence"]), (0, 3), textcoords="offset points", ha="right", color=SOFT)
    heights = [one["probability"]["value"] for one in points]
    axes.plot([one["cost"] for one in points], heights, color=BLUE, linewidth=1.2, zorder=2)
    for one in points:
        color, chance = VERMILION if one["knee"] else BLUE, one["probability"]
        axes.plot([one["cost"]] * 2, [chance["lower"], chance["upper"]], color=color, linewidth=1.5, zorder=3)
        face = color if one["told_apart"] else "white"
        axes.plot(one["cost"], chance["value"], "o", color=color, markerfacecolor=face, markersize=7, zorder=4)
        place: dict[str, Any] = {
            "textcoords": "offset points",
            "ha": "right",
            "size": TEXT,
            "weight": "bold",
            "color": INK,
        }
        axes.annotate(str(one["number"]), (one["cost"], chance["value"]), (-6, 6), **place)


def _legend(axes: Axes, told: Facts) -> None:
    """What each point is, on the right."""
    room_each = 1 / max(len(told["points"]), 7)
    for row, one in enumerate(reversed(told["points"])):
        y = 1 - row * room_each
        color = VERMILION if one["knee"] else INK
        head = f"{one['number']}  {money(one['cost'], told['currency'])}, {_reaches(one)}"
        head += "  knee" if one["knee"] else ""
        style: dict[str, Any] = {"transform": axes.transAxes, "va": "top"}
        axes.text(1.04, y, head, size=TEXT, weight="bold", color=color, **style)
        levers = "\n".join(wrap(in_short(one["levers"]), _ROW, max_lines=2, placeholder=" …"))
        axes.text(1.04, y - 0.048, levers, size=7.5, color=SOFT, **style)
