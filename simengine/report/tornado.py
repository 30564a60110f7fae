"""The tornado: what moves the result, by how much, and which share of the doubt it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simengine.report.canvas import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SKY,
    SOFT,
    TEXT,
    beside,
    drawn,
    page,
    room,
    scale_in,
    source,
)
from simengine.report.drivers import drivers
from simengine.report.statistics import Facts
from simengine.report.words import distance, metric_name, number, percent, shortened

MOST_BARS = 12
_NAME = 34
"""Signs of a name that fit."""


@drawn
def tornado(ds: xr.Dataset, ranking: xr.Dataset) -> Figure:
    """The result where each assumption is low and where it is high, and its share of the variance, largest first.

    Grey: cannot be told from zero. The last row is random variation, which has a share and no fifths.
    """
    told = drivers(ranking, ds)
    rows, unit = told["assumptions"][:MOST_BARS], told["unit"]
    about = f"{metric_name(told['metric'])} {told['period']}"
    subtitle = (
        f"{told['statistic'].capitalize()} {about} where an assumption turns out low or high; its share of the doubt"
    )
    figure, axes = page(tornado_finding(told), subtitle, source(ds), left=0.27, right=0.28)

    centre: float = told["mean"] if told["mean"] is not None else told["p50"]
    low, high = (np.array([row[f"metric_{end}_fifth"]["value"] for row in rows]) for end in ("bottom", "top"))
    for ends, color in ((low, ORANGE), (high, BLUE)):
        colors = [color if row["distinguishable"] else GREY for row in rows]
        axes.barh(np.arange(len(rows)), ends - centre, left=centre, color=colors, height=0.6)
    for place, pair in enumerate(zip(low, high, strict=True)):
        _outside(axes, min(*pair, centre), place, number(min(pair), unit), rightward=False)
        _outside(axes, max(*pair, centre), place, number(max(pair), unit))
    reach = float(np.abs(np.concatenate((low, high)) - centre).max()) or 1.0
    axes.set_xlim(centre - 1.5 * reach, centre + 1.5 * reach)
    scale_in(axes, "x", unit, ticks=4)
    apart = len(rows) + 0.4
    axes.axvline(centre, color=INK, linewidth=1)
    axes.text(centre, apart, f"  {told['statistic']} {number(centre, unit)}", size=TEXT, va="center", color=INK)
    axes.set_ylim(apart + 0.5, -0.7)
    axes.set_yticks([*range(len(rows)), apart], [*(_name(row) for row in rows), "random variation"], color=INK)
    axes.spines["bottom"].set_visible(False)
    fifths = [Patch(color=ORANGE, label="in its lowest fifth"), Patch(color=BLUE, label="in its highest fifth")]
    layout: dict[str, Any] = {"bbox_to_anchor": (0.5, 1.0), "ncols": 2, "handlelength": 0.9, "borderpad": 0}
    axes.legend(handles=fifths, loc="lower center", fontsize=TEXT, frameon=False, **layout)
    _shares(beside(figure, axes, width=0.13, gap=0.02), [*rows, _random(told)], [*range(len(rows)), apart])
    return figure


def tornado_finding(told: Facts) -> str:
    """Which assumption moves the result most, and by how much, as far as that can be told."""
    first, about = told["assumptions"][0], f"{metric_name(told['metric'])} {told['period']}"
    if not first["distinguishable"]:
        return f"No single assumption moves {about} by more than chance"
    return f"{first['name']} moves {about} most, by {distance(abs(first['swing']['value']), told['unit'])}"


def event_ends(row: Facts) -> str:
    """What the lowest and the highest fifth of an event are; nothing for another assumption."""
    return f" ({row['bottom_fifth_is']}/{row['top_fifth_is']})" if row["bottom_fifth_is"] else ""


def _name(row: Facts) -> str:
    ends = event_ends(row)
    return shortened(row["name"], _NAME - len(ends)) + ends


def _random(told: Facts) -> Facts:
    return {"share": told["random_variation"], "distinguishable": True}


def _shares(axes: Axes, rows: list[Facts], places: list[float]) -> None:
    """Shares of the variance as bars, each with its interval and its number; the last row is another kind."""
    axes.text(0, 1.015, "share of variance", transform=axes.transAxes, size=TEXT, va="bottom", color=INK)
    for row, place in zip(rows, places, strict=True):
        share, is_told = row["share"], row["distinguishable"]
        color = GREY if not is_told else SOFT if place == places[-1] else SKY
        axes.barh(place, max(0.0, share["value"]), color=color, height=0.6)
        upper = max(0.0, share["upper"])
        axes.plot([max(0.0, share["lower"]), upper], [place, place], color=INK, linewidth=1)
        _outside(
            axes,
            upper,
            place,
            percent(share["value"]) if is_told else f"< {percent(max(share['upper'], 0.0005))}",
            size=TEXT,
        )
    axes.set_xlim(room(0.0, max(row["share"]["upper"] for row in rows), 0.0, 0.02))


def _outside(axes: Axes, x: float, y: float, text: str, *, rightward: bool = True, size: float = 8.0) -> None:
    """Write a number at the end of a bar."""
    step, side = (4, "left") if rightward else (-4, "right")
    place: dict[str, Any] = {"textcoords": "offset points", "ha": side, "va": "center", "annotation_clip": False}
    axes.annotate(text, (x, y), (step, 0), size=size, color=SOFT if size < TEXT else INK, **place)
