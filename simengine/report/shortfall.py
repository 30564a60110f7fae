"""The figure of a typical miss: month by month beside hits and the operating plan, and what carries it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simengine.report.canvas import (
    BLUE,
    GREY,
    INK,
    PALE,
    PAPER,
    SKY,
    SOFT,
    TEXT,
    VERMILION,
    Label,
    drawn,
    end_of,
    label_ends,
    page,
    quarter_ends,
    room,
    scale_in,
    source,
)
from simengine.report.misses import assumed, is_there_already, movers, together, way
from simengine.report.statistics import Facts, Floats
from simengine.report.tables import capital
from simengine.report.words import distance, metric_name, number, percent, shortened
from simengine.units import month_number

_TARGET, _ROW = 44, 49
"""Signs that fit: of a target's name in the title, and of a mover with its values."""
_LINES = {"hits": BLUE, "typical": VERMILION}


def no_shortfall(told: Facts) -> str:
    """Why there is no figure of a miss; empty if there is one.

    Parameters
    ----------
    told : from `misses.miss_facts`
    """
    if not told["months"]:
        return f"{told['target']} is of a group, and what a group does is not kept by month"
    if len(told["months"]) == 1:
        return f"{told['target']} is known in a single month"
    finite = all(math.isfinite(told["months"][-1][name]["value"]) for name in _LINES)
    return "" if finite else f"{metric_name(told['metric'])} of misses and of hits is not finite"


@drawn
def shortfall(ds: xr.Dataset, told: Facts) -> Figure:
    """The metric in a typical miss, in hits and in the operating plan by month; beside it, the way that leads there.

    Parameters
    ----------
    ds : the run
    told : from `misses.miss_facts`, of which `no_shortfall` says that there is a figure
    """
    count = "medians" if told["statistic"] == "median" else "means"
    about, size = capital(metric_name(told["metric"])), distance(told["shortfall"], told["unit"])
    subtitle = f"{about}: {count} of misses of about {size} and of hits; shaded, the middle 60% of each"
    figure, axes = page(_finding(told), subtitle, source(ds), left=0.085, right=0.555, bottom=0.15)
    months = told["months"]
    x, last, labels = np.arange(len(months)), len(months) - 1, []
    curves = {key: _column(months, key) for key in ("plan", "typical", "hits", *_middles())}
    axes.set_xlim(-0.2, last)
    axes.set_ylim(room(*_shown([*curves.values(), np.full(len(x), told["threshold"])]), 0.08, 0.1))
    for name, color in _LINES.items():
        low, high = (curves[f"{name}_{level}"] for level in ("p20", "p80"))
        axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(x, curves[name], color=color, linewidth=2.2)
    axes.plot(x, curves["plan"], color=INK, linewidth=1.4, linestyle=(0, (4, 2.5)))
    axes.plot([-0.2, last], [told["threshold"]] * 2, color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.plot([last], [told["threshold"]], "D", color=SOFT, markersize=7, markeredgecolor=PAPER, clip_on=False)
    said = {"hits": ("hits", BLUE), "typical": ("misses", VERMILION), "plan": ("plan", INK)}
    for name, (words, color) in said.items():
        if math.isfinite(curves[name][-1]):
            height = float(curves[name][-1])
            labels.append(Label(f"{words} {number(height, told['unit'])}", height, color, name != "plan"))
    goal = number(told["threshold"], told["unit"], trim=True)
    label_ends(axes, last, [*labels, Label(f"target {goal}", told["threshold"], SOFT)])
    scale_in(axes, "y", told["unit"])
    quarter_ends(axes, [row["name"] for row in months], int(ds.attrs["fiscal_year_start"]), most=8)
    _mark(axes, told, curves["typical"])
    box = axes.get_position()
    _way(figure.add_axes((0.615, box.y0, 0.365, box.height)), told, ds.attrs["currency"])
    return figure


def _finding(told: Facts) -> str:
    what = f"A miss of {shortened(told['target'], _TARGET)} by {distance(told['shortfall'], told['unit'])}"
    if told["visible_from"] is None:
        return f"{what} cannot be told from a hit before {told['period']} ends"
    return f"{what} stands out from {_named(told['visible_from'])} on"


def _named(label: str) -> str:
    return end_of(month_number(label), between=" ")


def _middles() -> list[str]:
    return [f"{name}_{level}" for name in _LINES for level in ("p20", "p80")]


def _column(months: list[Facts], key: str) -> Floats:
    """A number by month; nan where it is not finite."""
    values = np.array([row[key] if key == "plan" else row[key]["value"] for row in months], dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def _shown(curves: list[Floats]) -> tuple[float, float]:
    """What an axis shows: all of the later half, and of the first, when a ratio is wild, what is not far from it."""
    values = np.stack(curves)
    later = values[:, values.shape[1] // 2 :]
    low, high = float(np.nanmin(later)), float(np.nanmax(later))
    reach = high - low
    near = values[(values >= low - reach) & (values <= high + reach)]
    return float(near.min()), float(near.max())


def _mark(axes: Axes, told: Facts, typical: Floats) -> None:
    """The month from which on a typical miss stands out."""
    if told["visible_from"] is None:
        return
    place = [row["name"] for row in told["months"]].index(told["visible_from"])
    axes.axvline(place, color=VERMILION, linewidth=1)
    if math.isfinite(typical[place]):
        axes.plot([place], [typical[place]], "o", color=VERMILION, markersize=7, markeredgecolor=PAPER, zorder=5)
    late = place > (len(told["months"]) - 1) / 2
    beside: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "right" if late else "left"}
    axes.text(place, 1.015, "stands out", size=TEXT, color=VERMILION, va="bottom", **beside)


def _way(axes: Axes, told: Facts, currency: str) -> None:
    """What carries the most plausible way to the miss, or to the target, the most first."""
    movement = way(told)
    moved = movers(told, movement)
    known = {row["name"]: row for row in told["assumptions"]}
    axes.axis("off")
    level = told["threshold"] + (-1.0 if told["at_least"] else 1.0) * movement["shortfall"]
    end = number(level, told["unit"], trim=is_there_already(told))
    words = f"most plausible way to {end}; bars: part of it"
    axes.text(0, 1.015, words, transform=axes.transAxes, size=TEXT, va="bottom", color=INK)
    rest = [(words, {"value": part}) for words, part in together(told, movement, moved)]
    rest.append(("random variation", movement["random_variation"]))
    rows = [(_mover(row, known[row["name"]], currency), row["share"], SKY) for row in moved]
    rows += [((words, ""), part, SOFT if words == "random variation" else GREY) for words, part in rest]
    sizes = [part.get("upper", part["value"]) for _, part, _ in rows]
    widest = max((size for size in sizes if math.isfinite(size)), default=1.0)
    axes.set_xlim(room(min(0.0, *(part["value"] for _, part, _ in rows)), widest, 0.0, 0.12))
    axes.set_ylim(max(len(rows), 6) - 0.35, -0.65)
    for place, ((name, values), part, color) in enumerate(rows):
        style: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "bottom"}
        axes.text(0, place - 0.08, name, size=TEXT, color=INK, **style)
        axes.text(1, place - 0.08, values, size=TEXT - 1, color=SOFT, ha="right", **style)
        axes.barh(place + 0.08, part["value"], color=color, height=0.26)
        if math.isfinite(part.get("upper", math.nan)):
            axes.plot([part["lower"], part["upper"]], [place + 0.08] * 2, color=INK, linewidth=1)
        beside: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
        far = max(part["value"], part.get("upper", part["value"]))
        axes.annotate(percent(part["value"], 0), (far, place + 0.08), (5, 0), size=TEXT - 1, color=INK, **beside)
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)


def _mover(row: Facts, known: Facts, currency: str) -> tuple[str, str]:
    there, planned = (assumed(value, known["unit"], currency) for value in (row["value"]["value"], known["plan_value"]))
    values = f"{there} (plan {planned})"
    return shortened(row["name"], _ROW - len(values)), values
