"""The exceedance curve: how likely each amount is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simengine.report.canvas import (
    BLUE,
    GREEN,
    INK,
    SOFT,
    VERMILION,
    Label,
    drawn,
    label_ends,
    page,
    room,
    scale_in,
    source,
)
from simengine.report.facts import bound, target_facts
from simengine.report.statistics import Facts
from simengine.report.words import number, odds, percent, what
from simengine.results.targets import as_misses, quantile_interval, wilson

_LEVELS = np.linspace(0.005, 0.995, 199)


@drawn
def exceedance(ds: xr.Dataset, target: str) -> Figure:
    """The chance of reaching each amount.

    On the curve: the target, the commit number, P10, P50, P90 and the operating plan.
    """
    told = target_facts(ds, target)
    at_least = math.isfinite(told["at_least"])
    values = as_misses(ds["target_value"].sel(target=target).values, at_least=at_least)
    subtitle = f"Chance that {what(told)} is {'at least' if at_least else 'at most'} the amount below"
    figure, axes = page(_finding(told), subtitle, source(ds), left=0.075, right=0.27)
    amounts = np.array([quantile_interval(values, level)[0] for level in _LEVELS])
    axes.plot(amounts, 1 - _LEVELS if at_least else _LEVELS, color=BLUE, linewidth=2.4)

    marks = [(x, name, color) for x, name, color in _marks(told) if math.isfinite(x)]
    places = [*(x for x, _, _ in marks), *amounts[np.isfinite(amounts)]]
    axes.set_xlim(room(min(places), max(places), 0.02, 0.03))
    axes.set_ylim(0, 1.02)
    scale_in(axes, "x", told["unit"])
    scale_in(axes, "y", "fraction")
    edge = axes.get_xlim()[1]
    labels = []
    for x, name, color in marks:
        chance, is_target = _chance(values, x, at_least), name == "target"
        axes.plot([x, edge], [chance, chance], color=color, linewidth=0.8, linestyle=(0, (1, 2)))
        style: dict[str, Any] = {"marker": "D" if is_target else "o", "markersize": 8 if color != SOFT else 6}
        axes.plot([x], [chance], color=color, markeredgecolor="white", zorder=5, clip_on=False, **style)
        text = f"{percent(chance, 0 if 0.05 < chance < 0.95 else 1)}  {number(x, told['unit'], trim=is_target)} {name}"
        labels.append(Label(text, chance, color, color in (VERMILION, GREEN)))
    axes.plot([bound(told)] * 2, [0, _chance(values, bound(told), at_least)], color=VERMILION, linewidth=1)
    label_ends(axes, edge, labels)
    return figure


def _finding(told: Facts) -> str:
    commit, asked = told["commit"]["value"], number(bound(told), told["unit"], trim=True)
    amount = number(commit, told["unit"], trim=True) if math.isfinite(commit) else "No amount"
    safe, chance = percent(told["commit"]["confidence"], 0), odds(told["probability"]["value"])
    return f"{amount} is {safe} safe; the chance of {asked} is {chance}"


def _marks(told: Facts) -> list[tuple[float, str, str]]:
    return [
        (bound(told), "target", VERMILION),
        (told["commit"]["value"], "commit", GREEN),
        (told["operating_plan"], "operating plan", INK),
        *((told[name.lower()], name, SOFT) for name in ("P10", "P50", "P90")),
    ]


def _chance(values: NDArray[np.float64], amount: float, at_least: bool) -> float:
    reached = values >= amount if at_least else values <= amount
    return float(wilson(int(reached.sum()), values.size)[0])
