"""The figure of trigger points: what to watch, month by month, and from which value on a target is in doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simengine.report.alarms import has_trigger, is_below, observed
from simengine.report.canvas import (
    BLUE,
    INK,
    PALE,
    PAPER,
    SOFT,
    TEXT,
    VERMILION,
    bare,
    drawn,
    end_of,
    page,
    quarter_ends,
    room,
    source,
)
from simengine.report.statistics import Facts, Floats
from simengine.report.words import percent, shortened
from simengine.units import month_number

COLUMNS, ROWS = 3, 2
_LEFT, _RIGHT, _BETWEEN, _ABOVE = 0.075, 0.02, 0.072, 0.14
"""Margins around the panels, and the room between two and between two rows, in fractions of the page."""
_NAME, _SEEN, _TARGET, _IN_TITLE = 33, 26, 30, 40
"""Signs that fit."""


def no_gauges(told: Facts) -> str:
    """Why there is no figure of triggers; empty if there is one.

    Parameters
    ----------
    told : from `alarms.alarms`
    """
    if _watched(told):
        return ""
    return f"no value that 1 in 100 paths show brings P(hit) of {told['target']} to {percent(told['confidence'], 0)}"


def _watched(told: Facts) -> list[Facts]:
    """The most telling assumptions that have a trigger."""
    return [row for row in told["assumptions"] if any(map(has_trigger, row["months"]))][: COLUMNS * ROWS]


def _last(row: Facts) -> Facts:
    """The last month with a trigger."""
    month: Facts = next(month for month in reversed(row["months"]) if has_trigger(month))
    return month


@drawn
def gauges(ds: xr.Dataset, told: Facts) -> Figure:
    """By month, for up to six assumptions: what is planned, what paths show, and the trigger with its interval.

    Parameters
    ----------
    ds : the run
    told : from `alarms.alarms`, of which `no_gauges` says that there is a figure
    """
    rows = _watched(told)
    wanted = percent(told["confidence"], 0)
    verb = "reaches" if is_below(told) else "falls to"
    subtitle = f"Observed since the plan's start, by month. Trigger: where P(hit) {verb} {wanted}, all else uncertain"
    figure, axes = page(_finding(rows, told), subtitle, source(ds), left=_LEFT, right=_RIGHT, bottom=0.115)
    box = axes.get_position()
    axes.remove()
    across = min(COLUMNS, len(rows))
    down, top = math.ceil(len(rows) / across), box.y1 - 0.1
    width = (1 - _LEFT - _RIGHT + _BETWEEN) / across - _BETWEEN
    height = (top - box.y0 + _ABOVE) / down - _ABOVE
    for place, row in enumerate(rows):
        line, column = divmod(place, across)
        corner = (_LEFT + column * (width + _BETWEEN), top - height - line * (height + _ABOVE))
        _panel(bare(figure.add_axes((*corner, width, height)), TEXT - 1), row, told, int(ds.attrs["fiscal_year_start"]))
    declared = any(row["declared"] is not None for row in rows)
    figure.legend(
        handles=_legend(declared=declared),
        loc="upper left",
        labelcolor=INK,
        bbox_to_anchor=(0.022, box.y1 + 0.035),
        ncols=6,
        columnspacing=1.4,
        fontsize=TEXT,
        frameon=False,
        handlelength=1.8,
        borderaxespad=0,
    )
    return figure


def _finding(rows: Sequence[Facts], told: Facts) -> str:
    target, wanted = shortened(told["target"], _TARGET), percent(told["confidence"], 0)
    first = next((row for row in rows if not _is_noise(row)), None)
    if first is None:
        return f"Nothing that is observed tells by itself whether {target} is {wanted} likely"
    last, name = _last(first), shortened(first["name"], _IN_TITLE)
    planned = observed(last["as_planned"], first)
    value, by = observed(last["trigger"]["value"], first), end_of(month_number(last["month"]), between=" ")
    if is_below(told):
        side = "at least" if last["trips"] == "below" else "at most"
        return f"{name} of {side} {value} by {by} (plan {planned}) makes {target} {wanted} likely"
    return f"{name} {last['trips']} {value} by {by} (plan {planned}) puts {target} in doubt"


def _panel(axes: Axes, row: Facts, told: Facts, fiscal_year_start: int) -> None:
    months = row["months"]
    x = np.arange(len(months))
    intervals = [month["trigger"] for month in months]
    trigger = _column(intervals, "value")
    known = np.isfinite(trigger)
    shown = {name: _column(months, name) for name in ("p10", "p90", "as_planned")}
    declared = [] if row["declared"] is None else [row["declared"]]
    inside = np.concatenate([trigger, *shown.values(), declared])
    low, high = room(float(np.nanmin(inside)), float(np.nanmax(inside)), 0.12, 0.12)
    axes.set_xlim(-0.3, len(months) - 0.7)
    axes.set_ylim(low, high)
    axes.fill_between(x, shown["p10"], shown["p90"], color=BLUE, alpha=0.15, linewidth=0)
    # An end that is not known is open: the band then goes to the edge.
    lower, upper = (
        np.where(known, np.nan_to_num(_column(intervals, end), nan=edge), np.nan)
        for end, edge in (("lower", low), ("upper", high))
    )
    axes.fill_between(x, lower, upper, color=VERMILION, alpha=0.18, linewidth=0)
    around = np.pad(known, 1)
    alone = known & ~around[:-2] & ~around[2:]
    axes.vlines(x[alone], lower[alone], upper[alone], color=VERMILION, alpha=0.18, linewidth=6)
    axes.plot(x, shown["as_planned"], color=INK, linewidth=1.4, linestyle=(0, (4, 2.5)))
    for height in declared:
        axes.axhline(height, color=SOFT, linewidth=1.3, linestyle=(0, (1, 1.6)))
    tells = len(months) if row["tells_from"] is None else [month["month"] for month in months].index(row["tells_from"])
    axes.plot(x, trigger, color=VERMILION, linewidth=1.8, marker=".", markersize=3)
    if tells < len(months):
        axes.plot([tells], [trigger[tells]], "o", color=VERMILION, markersize=7, markeredgecolor=PAPER, zorder=5)
    _name(axes, row, told)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: observed(value, row).replace(".0%", "%")))
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    quarter_ends(axes, [month["month"] for month in months], fiscal_year_start, most=4, between=" ")


def _name(axes: Axes, row: Facts, told: Facts) -> None:
    """What is watched, and where the target is in doubt, above a panel."""
    above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axes.annotate(shortened(row["name"], _NAME), (0, 1), (0, 17), size=TEXT, weight="bold", color=INK, **above)
    observed_as = shortened(row["observed_as"], _SEEN)
    axes.annotate(f"{observed_as}, {_side(row, told)}", (0, 1), (0, 4), size=TEXT - 1, color=SOFT, **above)


def _side(row: Facts, told: Facts) -> str:
    """On which side of the trigger the target is in doubt, or likely enough."""
    below = _last(row)["trips"] == "below"
    return f"likely {'above' if below else 'below'}" if is_below(told) else f"doubt {'below' if below else 'above'}"


def _is_noise(row: Facts) -> bool:
    """Whether what is planned lies within the interval of the last trigger."""
    return row["tells_from"] is None and not math.isfinite(_last(row)["observations_needed"])


def _column(months: list[Facts], key: str) -> Floats:
    """A number by month; nan where it is not finite."""
    values = np.array([month[key] for month in months], dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def _legend(*, declared: bool) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], color=VERMILION, linewidth=2.2, label="trigger"),
        Patch(color=VERMILION, alpha=0.18, linewidth=0, label="its interval"),
        Line2D([], [], color=VERMILION, marker="o", markersize=7, linestyle="", label="tells from here on"),
        Line2D([], [], color=INK, linewidth=1.4, linestyle=(0, (4, 2.5)), label="as planned"),
        Patch(color=BLUE, alpha=0.15, linewidth=0, label="P10–P90 of paths"),
    ]
    if declared:
        line = Line2D([], [], color=SOFT, linewidth=1.3, linestyle=(0, (1, 1.6)), label="the plan's own trigger")
        handles.insert(3, line)
    return handles
