"""Impact against certainty: which assumptions move the result most, and which of them rest on little."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simengine.report.canvas import (
    BLUE,
    BLUSH,
    FAINT,
    GREY,
    INK,
    PALE,
    SOFT,
    TEXT,
    VERMILION,
    Label,
    drawn,
    page,
    source,
    width_of,
    write,
)
from simengine.report.statistics import Facts
from simengine.report.words import metric_name, percent, shortened

COLUMNS = ("low", "medium", "high")
_DOT = 0.06
"""Where the dots of a column stand, in widths of a column."""
_NAMED = 2
"""Named, in title, at most."""


@drawn
def quadrant(ds: xr.Dataset, told: Facts) -> Figure:
    """Share of variance of each assumption by how well it is known; those to watch are high and to the left.

    Parameters
    ----------
    ds : the run
    told : from `risks.risk_facts`, or from `risks.certainty_facts`
    """
    about = f"{metric_name(told['metric'])} {told['period']}"
    rows = [row for row in told["certainty"] if row["impact"] != "not told"]
    subtitle = "Share of the variance that each explains, by how well it is known; lines are 95% intervals"
    figure, axes = page(_finding(told, about), subtitle, source(ds), left=0.075, right=0.02, bottom=0.13)
    high = [row["share"]["value"] for row in rows if row["impact"] == "high"]
    top = max((row["share"]["upper"] for row in rows), default=1.0)
    axes.set_xlim(0, len(COLUMNS))
    axes.set_ylim(-0.03 * top, 1.08 * top)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(share, 0)))
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    if high:
        axes.fill_between([0, 1], min(high), 1.08 * top, color=BLUSH, linewidth=0, zorder=0)
        axes.text(0.98, 1.06 * top, "watch list", size=TEXT, color=VERMILION, ha="right", va="top")
        axes.axhline(min(high), color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    for place, level in enumerate(COLUMNS):
        _column(axes, place, [row for row in rows if row["certainty"] == level])
    words = ["little certainty", "some certainty", "much certainty"]
    axes.set_xticks(np.arange(len(COLUMNS)) + 0.5, words, color=INK)
    for edge in range(1, len(COLUMNS)):
        axes.axvline(edge, color=PALE, linewidth=0.8)
    return figure


def _finding(told: Facts, about: str) -> str:
    watched = told["watch"]
    if not watched:
        return f"Nothing that moves {about} much rests on little"
    names = [row["name"] for row in watched[:_NAMED]]
    more = f" and {len(watched) - _NAMED} more" if len(watched) > _NAMED else ""
    verb = "moves" if len(watched) == 1 else "move"
    rest = "rests" if len(watched) == 1 else "rest"
    joined = ", ".join(names) if more else " and ".join(names)
    return f"{joined}{more} {verb} {about}, and {rest} on little"


def _column(axes: Axes, place: int, rows: list[Facts]) -> None:
    """The assumptions of one certainty as dots with intervals; those of high impact are named."""
    x = place + _DOT
    named = []
    for row in rows:
        share, is_high = row["share"], row["impact"] == "high"
        color = VERMILION if row["watch"] else BLUE if is_high else GREY
        above = 3 if is_high else 2
        axes.plot([x, x], [max(0.0, share["lower"]), share["upper"]], color=color, linewidth=1.5, zorder=above)
        axes.plot(x, share["value"], "o", color=color, markersize=6, zorder=above)
        if is_high:
            named.append((x + 0.035, Label(_label(axes, row), share["value"], INK, row["watch"])))
    for (beside, label), height in zip(named, write(axes, named), strict=True):
        axes.plot([x + 0.015, beside - 0.005], [label.y, height], color=SOFT, linewidth=0.7)
    low = sum(row["impact"] == "low" for row in rows)
    if low:
        style: dict[str, Any] = {"size": TEXT, "color": SOFT, "va": "bottom"}
        axes.text(x + 0.035, 0.0, f"{low} of low impact", **style)


def _label(axes: Axes, row: Facts) -> str:
    share = f" {percent(row['share']['value'], 0)}"
    signs = int(1.1 * (1 - _DOT - 0.05) / width_of(axes, "x")) - len(share)
    return shortened(row["name"], max(8, signs)) + share
