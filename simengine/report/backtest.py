"""A backtest in the terminal and as a picture: what was forecast, what came, and what cost nothing to say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.table import Table

from simengine.report.canvas import BLUE, PAPER, SOFT, VERMILION, drawn, page, scale_in
from simengine.report.score import calibration_facts, facts_of
from simengine.report.tables import chance, heading, note, table
from simengine.report.words import MISSING, metric_name, number

RIVALS = {
    "plan_error": "spreadsheet",
    "crps_last": "last\nquarter",
    "crps_spread": "… with\nits spread",
    "crps_last_year": "a year\nbefore",
}


def backtest_facts(found: xr.Dataset, covered: xr.Dataset) -> dict[str, Any]:
    """Every forecast, and coverage by metric."""
    return {"forecasts": facts_of(found), "coverage": calibration_facts(covered), "left_out": found.attrs["left_out"]}


def backtest_tables(found: xr.Dataset, covered: xr.Dataset) -> RenderableType:
    """What was forecast and what came; how often intervals held it; and scores beside those of the rivals."""
    words = (
        "CRPS, the mean score over these forecasts in the unit of the metric: smaller is better; of a single number "
        "it is its miss. Spreadsheet: the plan with every number at its estimate. Its spread: the changes that there "
        "were from quarter to quarter. Forecasts of one quarter share its luck."
    )
    return Group(
        heading("What was forecast, and what came"),
        _forecasts(found),
        heading("How often intervals held what came"),
        _coverage(covered),
        heading("Scores beside what costs nothing"),
        _scores(found),
        note(f"\n{words}"),
        *(note(reason) for reason in found.attrs["left_out"]),
    )


def _forecasts(found: xr.Dataset) -> Table:
    made = table("", "segment", "as of", "P10", "P50", "P90", "came", "last quarter", texts=3)
    for row in facts_of(found):
        written = [number(row[key], row["unit"]) for key in ("p10", "p50", "p90", "actual", "last")]
        made.add_row(metric_name(row["metric"]), row["segment"] or "all", row["run"], *written)
    return made


def _coverage(covered: xr.Dataset) -> Table:
    made = table("", "n", *(f"inside {level:.0%}" for level in covered["level"].values))
    for row in calibration_facts(covered):
        shares = [
            chance(dict(zip(("value", "lower", "upper"), bounds, strict=True))) for bounds in row["coverage"].values()
        ]
        made.add_row(metric_name(str(row["group"])), f"{row['n']:,}", *shares)
    return made


def _scores(found: xr.Dataset) -> Table:
    made = table("", "n", "simulated", *RIVALS.values())
    for metric in dict.fromkeys(found["metric"].values.tolist()):
        rows = found.isel(forecast=np.flatnonzero((found["metric"] == metric) & (found["segment"] == "")))
        unit = str(rows["unit"].values[0])
        rivals = [_mean(rows[name].values, unit) for name in RIVALS]
        made.add_row(metric_name(metric), str(rows.sizes["forecast"]), _mean(rows["crps"].values, unit), *rivals)
    return made


def _mean(scores: np.ndarray[Any, np.dtype[np.float64]], unit: str) -> str:
    known = scores[np.isfinite(scores)]
    some = f" ({len(known)})" if 0 < len(known) < len(scores) else ""
    return f"{number(float(known.mean()), unit)}{some}" if len(known) else MISSING


@drawn
def backtest_figure(found: xr.Dataset, metric: str, source: str) -> Figure:
    """Of each quarter and segment the forecast's middle 80 %, its median, and what came, all over what came.

    Parameters
    ----------
    metric : one that is in `found`
    source : the line at the foot
    """
    rows = found.isel(forecast=np.flatnonzero(found["metric"].values == metric))
    actual = rows["actual"].values
    low, middle, high = (rows[key].values / actual for key in ("p10", "p50", "p90"))
    inside = int(((low <= 1) & (high >= 1)).sum())
    title = f"{metric_name(metric)}: {inside} of {len(actual)} were inside the 80% interval"
    figure, axes = page(
        title,
        "Forecast over what came: median and middle 80%; rings, as much as last quarter",
        source,
        left=0.2,
        right=0.04,
    )
    places = np.arange(len(actual))[::-1]
    axes.hlines(places, low, high, color=BLUE, alpha=0.4, linewidth=6)
    axes.plot(middle, places, "o", color=BLUE, markeredgecolor=PAPER)
    axes.plot(rows["last"].values / actual, places, "o", color=VERMILION, markerfacecolor="none")
    axes.axvline(1.0, color=SOFT, linewidth=1.0)
    names = [
        f"{run}  {segment or 'all'}" for run, segment in zip(rows["run"].values, rows["segment"].values, strict=True)
    ]
    axes.set_yticks(places, names)
    axes.set_ylim(-0.7, len(actual) - 0.3)
    finite = [value for value in (*low, *high) if math.isfinite(value)]
    axes.set_xlim(min(0.5, *finite), max(1.5, *finite))
    scale_in(axes, "x", "fraction")
    return figure
