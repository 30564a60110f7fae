"""What averages hide: from the operating plan to the simulated mean, as a table and as a waterfall."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.report.canvas import BLUE, GREEN, GREY, INK, SOFT, TEXT, VERMILION, drawn, page, room, scale_in, source
from simengine.report.statistics import Facts, bounded
from simengine.report.tables import heading, note, table, under
from simengine.report.words import between, metric_name, number

STEPS = {
    "plan values": ("plan values", "plan values\nto medians"),
    "skew": ("skew", "medians\nto means"),
    "people": ("people", "uncertain\npeople"),
    "funnel": ("funnel", "uncertain\nfunnel"),
    "base": ("base", "uncertain\nbase"),
    "money": ("money", "uncertain\nmoney"),
    "events": ("events", "events that\nmay not be"),
    "together": ("together", "all these\ntogether"),
    "chance": ("chance", "whole people,\nqueues, luck"),
}
"""Of each step its name in the table and in the figure."""
_LEVELS = {
    "operating plan": "operating plan",
    "medians": "at medians",
    "means": "at means",
    "spreadsheets": "mean spreadsheet",
    "simulated": "simulated mean",
}
_NOTES = (
    "Plan values: from what is counted on to the medians; a fall is hope. Skew: from medians to means.",
    "People, funnel, base: results are curved, so that doubt on both sides does not cancel. Together: what arises only "
    "where they vary together, as when sellers are short where demand is high.",
    "Chance: what no spreadsheet has, whole people, deals and customers, queues, luck.",
    "Grey: cannot be told from zero.",
)
_AFTER = {"plan values": "medians", "skew": "means", "together": "spreadsheets", "chance": "simulated"}
_FLOWS = {
    "new_arr": "new",
    "expansion_arr": "expan-\nsion",
    "price_arr": "price",
    "contraction_arr": "contrac-\ntion",
    "churned_arr": "churn",
}
_HALF = 0.31


def average_facts(walked: xr.Dataset) -> Facts:
    """The walk from the operating plan to the simulated mean, as plain numbers.

    Parameters
    ----------
    walked : from `explain.averages`
    """
    about = ("target", "metric", "period", "draws", "spreadsheets", "level")
    return {
        **{key: walked.attrs[key] for key in about},
        "unit": walked.attrs["units"],
        "levels": [_amounts(walked, "amount", "level", str(name)) for name in walked["level"].values],
        "steps": [_amounts(walked, "effect", "step", str(name)) for name in walked["step"].values],
    }


def _amounts(walked: xr.Dataset, stem: str, dim: str, name: str) -> Facts:
    one = walked[[stem, f"{stem}_lower", f"{stem}_upper"]].sel({dim: name})
    flows = {
        str(flow): bounded(tuple(float(one[stem + side].sel(flow=flow)) for side in ("", "_lower", "_upper")))  # type: ignore[arg-type]
        for flow in walked["flow"].values
    }
    return {"name": name, **flows.pop("total"), "flows": flows}


def averages(told: Facts) -> RenderableType:
    """The walk as a table: a level, the steps from it, the next level.

    Parameters
    ----------
    told : from `average_facts`
    """
    unit, flows = told["unit"], list(told["steps"][0]["flows"])
    made = table("", metric_name(told["metric"]), *(_FLOWS[flow] for flow in flows))
    levels = {level["name"]: level for level in told["levels"]}
    _add_level(made, levels["operating plan"], unit)
    for step in told["steps"]:
        cells = [_step(step, unit), *(_step(step["flows"][flow], unit, short=True) for flow in flows)]
        made.add_row(Text(f"  {STEPS[step['name']][0]}", "" if _is_told(step) else "dim"), *cells)
        if step["name"] in _AFTER:
            _add_level(made, levels[_AFTER[step["name"]]], unit)
    return Group(
        heading(f"From the operating plan to what is likely: {metric_name(told['metric'])} {told['period']}"),
        made,
        *map(note, _NOTES),
    )


def _add_level(made: Any, level: Facts, unit: str) -> None:
    written = number(level["value"], unit)
    span = between(level["lower"], level["upper"], unit)
    span = "" if span == written else span
    made.add_row(Text(_LEVELS[level["name"]], "bold"), under(written, span, "bold"))


def _step(step: Facts, unit: str, *, short: bool = False) -> Text:
    exact = step["lower"] == step["upper"]
    span = "" if exact or short else between(step["lower"], step["upper"], unit)
    return under(_signed(step["value"], unit), span, "" if _is_told(step) else "dim")


def _signed(change: float, unit: str) -> str:
    """A change with its sign; none where it rounds to nothing."""
    size = number(abs(change), unit)
    return size if size == number(0.0, unit) else f"{'+' if change > 0 else '−'}{size}"


def _is_told(step: Facts) -> bool:
    return bool(step["lower"] > 0 or step["upper"] < 0)


@drawn
def waterfall(ds: xr.Dataset, told: Facts) -> Figure:
    """From the operating plan to the simulated mean, step by step, with intervals.

    Parameters
    ----------
    ds : the run
    told : from `average_facts`
    """
    unit, steps = told["unit"], told["steps"]
    planned, simulated = told["levels"][0], told["levels"][-1]
    about = f"{metric_name(told['metric'])} {told['period']}"
    gap = simulated["value"] - planned["value"]
    side = "above" if gap > 0 else "below"
    found = f"On average, {about} comes out {number(abs(gap), unit)} {side} the operating plan"
    heights = planned["value"] + np.cumsum([0.0, *(step["value"] for step in steps)])
    ends = [*heights, *(heights[:-1] + [step["lower"] for step in steps])]
    ends += [*(heights[:-1] + [step["upper"] for step in steps]), simulated["lower"], simulated["upper"]]
    low, high = room(min(ends), max(ends), 0.35, 0.15)
    subtitle = f"Lines are 95% intervals. Grey: cannot be told from zero. The axis starts at {number(low, unit)}"
    figure, axes = page(found, subtitle, source(ds), left=0.085, right=0.03, bottom=0.2)
    axes.set_ylim(low, high)
    scale_in(axes, "y", unit)
    last = len(steps) + 1
    for place, end in ((0, planned), (last, simulated)):
        axes.bar(place, end["value"] - low, bottom=low, color=BLUE, width=2 * _HALF)
        _whisker(axes, place, end["lower"], end["upper"])
        _above(axes, place, max(end["value"], end["upper"]), number(end["value"], unit), bold=True)
    for place, step in enumerate(steps, start=1):
        before = heights[place - 1]
        color = GREY if not _is_told(step) else GREEN if step["value"] > 0 else VERMILION
        axes.bar(place, step["value"], bottom=before, color=color, width=2 * _HALF)
        _whisker(axes, place, before + step["lower"], before + step["upper"])
        _above(axes, place, max(before, heights[place], before + step["upper"]), _signed(step["value"], unit))
    for place, level in enumerate(heights):
        axes.plot([place + _HALF, place + 1 - _HALF], [level, level], color=SOFT, linewidth=0.8)
    names = ["operating\nplan", *(STEPS[step["name"]][1] for step in steps), "simulated\nmean"]
    axes.set_xticks(range(last + 1), names, color=INK, size=TEXT - 0.5)
    return figure


def _whisker(axes: Axes, place: float, low: float, high: float) -> None:
    if high > low:
        axes.plot([place, place], [low, high], color=INK, linewidth=1.2)


def _above(axes: Axes, place: float, height: float, text: str, *, bold: bool = False) -> None:
    style: dict[str, Any] = {"ha": "center", "weight": "bold" if bold else "normal", "size": TEXT + 1, "color": INK}
    axes.annotate(text, (place, height), (0, 5), textcoords="offset points", **style)
