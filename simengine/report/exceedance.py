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
    PAPER,
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
from simengine.results.targets import as_misses, levels_of, wilson

_LEVELS = np.linspace(0.005, 0.995, 199)
_COLORS = {"target": VERMILION, "commit": GREEN, "operating plan": INK}


def exceedance_facts(ds: xr.Dataset, target: str) -> Facts:
    """The chance of each amount of what a target is about, and of the amounts that matter, as plain numbers.

    Returns
    -------
    dict
        `finding`, `target` (its facts), `at_least` (whether more is better), `unit`, `amounts` and `chances` (along
        the curve; infinite amounts are left out), `marks` (rows with `name`, `amount`, `chance`)
    """
    told = target_facts(ds, target)
    at_least = math.isfinite(told["at_least"])
    values = as_misses(ds["target_value"].sel(target=target).values, at_least=at_least)
    amounts = np.array(levels_of(values, _LEVELS.tolist()))
    chances = 1 - _LEVELS if at_least else _LEVELS
    marks = [
        {"name": name, "amount": x, "chance": _chance(values, x, at_least)}
        for x, name in _marks(told)
        if math.isfinite(x)
    ]
    finite = np.isfinite(amounts)
    return {
        "finding": _finding(told),
        "target": told,
        "at_least": at_least,
        "unit": told["unit"],
        "amounts": amounts[finite],
        "chances": chances[finite],
        "marks": marks,
    }


@drawn
def exceedance(ds: xr.Dataset, target: str) -> Figure:
    """The chance of reaching each amount.

    On the curve: the target, the commit number, P10, P50, P90 and the operating plan.
    """
    found = exceedance_facts(ds, target)
    told, at_least = found["target"], found["at_least"]
    subtitle = f"Chance that {what(told)} is {'at least' if at_least else 'at most'} the amount below"
    figure, axes = page(found["finding"], subtitle, source(ds), left=0.075, right=0.27)
    axes.plot(found["amounts"], found["chances"], color=BLUE, linewidth=2.4)

    places = [*(mark["amount"] for mark in found["marks"]), *found["amounts"]]
    axes.set_xlim(room(min(places), max(places), 0.02, 0.03))
    axes.set_ylim(0, 1.02)
    scale_in(axes, "x", told["unit"])
    scale_in(axes, "y", "fraction")
    edge = axes.get_xlim()[1]
    labels = []
    for mark in found["marks"]:
        name, x, chance = mark["name"], mark["amount"], mark["chance"]
        color = _COLORS.get(name, SOFT)
        axes.plot([x, edge], [chance, chance], color=color, linewidth=0.8, linestyle=(0, (1, 2)))
        style: dict[str, Any] = {"marker": "D" if name == "target" else "o", "markersize": 8 if color != SOFT else 6}
        axes.plot([x], [chance], color=color, markeredgecolor=PAPER, zorder=5, clip_on=False, **style)
        labels.append(Label(mark_words(mark, told["unit"]), chance, color, color in (VERMILION, GREEN)))
        if name == "target":
            axes.plot([x, x], [0, chance], color=VERMILION, linewidth=1)
    label_ends(axes, edge, labels)
    return figure


def mark_words(mark: Facts, unit: str) -> str:
    """A mark on the curve in words.

    >>> mark_words({"name": "target", "amount": 120e6, "chance": 0.243}, "USD")
    '24%  $120M target'
    """
    chance = percent(mark["chance"], 0 if 0.05 < mark["chance"] < 0.95 else 1)
    return f"{chance}  {number(mark['amount'], unit, trim=mark['name'] == 'target')} {mark['name']}"


def _finding(told: Facts) -> str:
    commit, asked = told["commit"]["value"], number(bound(told), told["unit"], trim=True)
    amount = number(commit, told["unit"], trim=True) if math.isfinite(commit) else "No amount"
    safe, chance = percent(told["commit"]["confidence"], 0), odds(told["probability"]["value"])
    return f"{amount} is {safe} safe; the chance of {asked} is {chance}"


def _marks(told: Facts) -> list[tuple[float, str]]:
    return [
        (bound(told), "target"),
        (told["commit"]["value"], "commit"),
        (told["operating_plan"], "operating plan"),
        *((told[name.lower()], name) for name in ("P10", "P50", "P90")),
    ]


def _chance(values: NDArray[np.float64], amount: float, at_least: bool) -> float:
    reached = values >= amount if at_least else values <= amount
    return float(wilson(int(reached.sum()), values.size)[0])
