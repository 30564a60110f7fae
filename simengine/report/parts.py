"""What each year is made of: ending ARR by how certain it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from simengine.report.canvas import (
    INK,
    SOFT,
    TEXT,
    WIDTH,
    apart,
    drawn,
    page,
    scale_in,
    source,
)
from simengine.report.palette import LIGHT
from simengine.report.statistics import Facts
from simengine.report.words import between, money, part_name
from simengine.report.year import composition, years_told

PART_COLOURS = {
    "base under contract": "blue",
    "base after renewal": "sky",
    "opening pipeline": "green",
    "existing people": "orange",
    "hires": "vermilion",
    "without a seller": "yellow",
    "expansion": "purple",
}
"""What there is already is blue and green, what does not exist yet orange to yellow."""
COLORS = {name: LIGHT[colour] for name, colour in PART_COLOURS.items()}

_HALF = 0.2
"""Half the height of a bar; the bars are 1 apart."""


def is_empty(ds: xr.Dataset) -> bool:
    """Whether no part of any whole fiscal year has a median above zero."""
    years = filter(None, (composition(ds, year) for year in years_told(ds)))
    return all(_median(year, name) <= 0 for year in years for name in COLORS)


@drawn
def parts(ds: xr.Dataset) -> Figure:
    """Ending ARR of each whole fiscal year as a bar of the medians of its parts, the most certain at the left."""
    years = [composition(ds, year) for year in years_told(ds)]
    told = [year for year in years if year is not None]
    names = [name for name in COLORS if any(_median(year, name) for year in told)]
    subtitle = "Medians of the parts by certainty; at the right the median of ending ARR, and its range from P10 to P90"
    figure, axes = page(
        parts_finding(told[0], ds.attrs["currency"]), subtitle, source(ds), left=0.085, right=0.19, bottom=0.1
    )
    _shrink(axes, 0.055)
    axes.set_ylim(max(len(told), 1.5) - 0.45, -_HALF - 0.12)
    axes.set_xlim(0, max(sum(max(0.0, _median(year, name)) for name in names) for year in told))
    scale_in(axes, "x", ds.attrs["currency"])
    for place, year in enumerate(told):
        _bar(axes, place, year, names, ds.attrs["currency"])
    axes.set_yticks(range(len(told)), [year["period"] for year in told], color=INK, weight="bold")
    swatches = [Patch(color=COLORS[name], label=part_name(name)) for name in names]
    layout: dict[str, Any] = {"ncols": 4, "frameon": False, "handlelength": 0.9, "borderpad": 0}
    above = float(axes.get_position().y1) + 0.01
    figure.legend(handles=swatches, loc="lower left", bbox_to_anchor=(0.028, above), fontsize=TEXT, **layout)
    return figure


def parts_finding(year: Facts, currency: str) -> str:
    """How much of a year has no pipeline yet."""
    later, total = year["not_created"], year["total"]
    of = f"{money(total['p50'], currency)} ARR"
    return f"{money(later['p50'], currency)} of {year['period']}'s {of} has no pipeline yet"


def _median(year: Facts, name: str) -> float:
    return float(next(part["p50"] for part in year["parts"] if part["name"] == name))


def _shrink(axes: Axes, above: float) -> None:
    """Make room above the axes, in fractions of the page."""
    box = axes.get_position()
    axes.set_position((box.x0, box.y0, box.width, box.height - above))


def _bar(axes: Axes, place: int, year: Facts, names: list[str], currency: str) -> None:
    """One year: its parts side by side, their amounts beneath, the whole at the right."""
    sizes = np.array([_median(year, name) for name in names])
    lefts = np.concatenate(([0.0], np.cumsum(sizes)[:-1]))
    style: dict[str, Any] = {"height": 2 * _HALF, "edgecolor": "white", "linewidth": 0.8}
    axes.barh(np.full(len(names), place), sizes, left=lefts, color=[COLORS[name] for name in names], **style)
    shown = [(left + size / 2, money(size, currency)) for left, size in zip(lefts, sizes, strict=True) if size]
    right = float(axes.get_xlim()[1])
    sign = right / (float(axes.get_position().width) * WIDTH) * 0.62 * TEXT / 72
    widest = sign * (max(len(text) for _, text in shown) + 1)
    places = apart([middle for middle, _ in shown], widest, widest / 2, right - widest / 2)
    halo = [withStroke(linewidth=3, foreground="white")]
    for (middle, text), x in zip(shown, places, strict=True):
        axes.plot([middle, x], [place + _HALF, place + _HALF + 0.13], color=SOFT, linewidth=0.8, clip_on=False)
        axes.text(x, place + _HALF + 0.15, text, ha="center", va="top", size=TEXT, color=INK, path_effects=halo)
    whole: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False, "color": INK}
    total = year["total"]
    axes.text(1.015, place, money(total["p50"], currency), size=TEXT + 1, weight="bold", va="bottom", **whole)
    whole["color"] = SOFT
    axes.text(1.015, place + 0.02, between(total["p10"], total["p90"], currency), size=TEXT, va="top", **whole)
