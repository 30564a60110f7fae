"""The ARR bridge: from the opening of a year to its end, by what comes in and what is lost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simengine.report.canvas import BLUE, GREEN, INK, SOFT, TEXT, VERMILION, drawn, page, room, scale_in, source
from simengine.report.statistics import Facts
from simengine.report.words import between, metric_name, money
from simengine.report.year import LOSSES, made_of

_HALF = 0.31
"""Half the width of a bar."""


@drawn
def bridge(ds: xr.Dataset, period: str) -> Figure:
    """ARR from the opening of a period to its end: means of the flows, and P10 to P90 of both ends."""
    told, currency = made_of(ds, period), ds.attrs["currency"]
    opening, closing, flows = told["opening"], told["closing"], told["flows"]
    steps = [-flow["mean"] if flow["name"] in LOSSES else flow["mean"] for flow in flows]
    levels = np.cumsum([opening["mean"], *steps])
    floor = axis_floor(levels.min(), levels.max())
    starts = f". The axis starts at {money(floor, currency, trim=True)}" if floor else ""
    subtitle = f"Means of the simulated paths; below each, the range from P10 to P90{starts}"
    figure, axes = page(bridge_finding(told, currency), subtitle, source(ds), left=0.085, right=0.03, bottom=0.2)

    highest = max(levels.max(), closing["p90"], opening["p90"])
    axes.set_ylim(room(floor, highest, 0.0, 0.12))
    scale_in(axes, "y", currency)
    last = len(flows) + 1
    for place, end in ((0, opening), (last, closing)):
        axes.bar(place, end["mean"] - floor, bottom=floor, color=BLUE, width=2 * _HALF)
        _whisker(axes, place, end)
        _above(axes, place, max(end["mean"], end["p90"]), money(end["mean"], currency), bold=True)
    for place, step in enumerate(steps, start=1):
        axes.bar(place, step, bottom=levels[place - 1], color=GREEN if step >= 0 else VERMILION, width=2 * _HALF)
        written = money(step, currency) if step < 0 else f"+{money(step, currency)}"
        _above(axes, place, max(levels[place - 1], levels[place]), written)
    for place, level in enumerate(levels):
        axes.plot([place + _HALF, place + 1 - _HALF], [level, level], color=SOFT, linewidth=0.8)
    names = ["opening ARR", *(metric_name(flow["name"]) for flow in flows), "closing ARR"]
    ranges = [_range(amount, currency) for amount in (opening, *flows, closing)]
    ticks = [f"{name}\n{span}" for name, span in zip(names, ranges, strict=True)]
    axes.set_xticks(range(last + 1), ticks, color=INK)
    return figure


def bridge_finding(told: Facts, currency: str) -> str:
    """From where to where ARR goes, what comes in and what is lost."""
    steps = [-flow["mean"] if flow["name"] in LOSSES else flow["mean"] for flow in told["flows"]]
    came, went = sum(max(0.0, step) for step in steps), -sum(min(0.0, step) for step in steps)
    return (
        f"ARR from {money(told['opening']['mean'], currency)} to {money(told['closing']['mean'], currency)} "
        f"in {told['period']}: {money(came, currency)} comes in, {money(went, currency)} is lost"
    )


def axis_floor(least: float, most: float) -> float:
    """Where the axis starts: at zero, unless the changes would then be slivers."""
    span = most - least
    if span == 0 or least < 2 * span:
        return 0.0
    step = 10.0 ** math.floor(math.log10(span))
    return math.floor((least - span) / step) * step


def _range(amount: Facts, currency: str) -> str:
    return "known" if amount["p10"] == amount["p90"] else between(amount["p10"], amount["p90"], currency)


def _whisker(axes: Axes, place: int, end: Facts) -> None:
    low, high = end["p10"], end["p90"]
    if high > low:
        x = [place - 0.08, place + 0.08, place, place, place - 0.08, place + 0.08]
        axes.plot(x, [low, low, low, high, high, high], color=INK, linewidth=1.6)


def _above(axes: Axes, place: int, height: float, text: str, *, bold: bool = False) -> None:
    style: dict[str, Any] = {"ha": "center", "weight": "bold" if bold else "normal", "size": TEXT + 1, "color": INK}
    axes.annotate(text, (place, height), (0, 5), textcoords="offset points", **style)
