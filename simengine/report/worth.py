"""The figure of the value of information: what it would be worth to know what, before choosing."""

from __future__ import annotations

from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simengine.report.canvas import BLUE, GREY, INK, SKY, SOFT, TEXT, beside, drawn, page, room, scale_in, source
from simengine.report.information import counted, in_words, rule
from simengine.report.statistics import Facts
from simengine.report.words import money, shortened

MOST_BARS = 10
_NAME, _RULE, _SUBTITLE, _TITLE = 34, 42, 110, 120
"""Signs that fit."""


@drawn
def worth(told: Facts, ds: xr.Dataset) -> Figure:
    """Bars of what it is worth to know everything, all assumptions, and each that can be told from nothing.

    Parameters
    ----------
    told : from `information.facts`
    ds : the result of one of the scenarios
    """
    unit = told["unit"]
    single = [row for row in told["assumptions"] if row["distinguishable"]][:MOST_BARS]
    rows = [
        ("everything, chance too", told["evpi"], GREY),
        ("all assumptions", told["evppi_all"], SKY),
        *((shortened(row["name"], _NAME), row["evppi"], BLUE) for row in single),
    ]
    subtitle = shortened(f"Value of knowing it before choosing, by {counted(told)}; lines: 95% intervals", _SUBTITLE)
    figure, axes = page(_finding(told, single), subtitle, source(ds), left=0.27, right=0.35)
    for place, (_, amount, color) in enumerate(rows):
        axes.barh(place, amount["value"], color=color, height=0.6)
        axes.plot([amount["lower"], amount["upper"]], [place, place], color=INK, linewidth=1)
        _outside(axes, max(amount["value"], amount["upper"]), place, in_words(amount, unit))
    axes.set_xlim(room(0.0, max(amount["upper"] for _, amount, _ in rows), 0.0, 0.3))
    axes.set_ylim(max(len(rows), 5) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows], color=INK)
    scale_in(axes, "x", unit, ticks=4)
    then = beside(figure, axes, width=0.32, gap=0.01)
    if single:
        then.text(0, 1.015, "and then choose", transform=then.transAxes, size=TEXT, va="bottom", color=INK)
    for place, row in enumerate(single, start=2):
        then.text(0, place, shortened(rule(row, unit), _RULE), size=TEXT, va="center", color=SOFT)
    return figure


def _finding(told: Facts, single: list[Facts]) -> str:
    if not single:
        return shortened(f"{told['best']} is the choice: no single assumption is worth knowing first", _TITLE)
    value = money(single[0]["evppi"]["value"], told["unit"])
    ties = len(single) > 1 and single[1]["rank_group"] == single[0]["rank_group"]
    most = f"{value}, as much as any other" if ties else f"most: {value}"
    return shortened(f"Knowing {single[0]['name']} first is worth {most}", _TITLE)


def _outside(axes: Axes, x: float, y: float, text: str) -> None:
    place: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(text, (x, y), (5, 0), size=TEXT, color=INK, **place)
