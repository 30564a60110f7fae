"""The fan chart: where the plan may go, month by month, and the targets on the way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simengine.report.canvas import (
    BLUE,
    INK,
    PALE,
    SOFT,
    TEXT,
    VERMILION,
    Label,
    drawn,
    label_ends,
    line_of,
    page,
    room,
    scale_in,
    source,
    width_of,
    write,
)
from simengine.report.facts import Facts, bound, sells_once, target_facts, whole_periods
from simengine.report.words import between, finding, money, percent, shortened
from simengine.results.targets import quantile_interval
from simengine.units import MONTHS_PER_YEAR, fiscal_period, month_number

Floats = NDArray[np.float64]

_BANDS = {"P10": 0.10, "P25": 0.25, "median": 0.50, "P75": 0.75, "P90": 0.90}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@drawn
def fan(ds: xr.Dataset) -> Figure:
    """ARR by month: the median, the middle 50 % and 80 % of the paths, the operating plan, and the targets on it.

    Where nothing is a subscription it shows bookings, added up since the start of the plan.
    """
    once, currency = sells_once(ds), ds.attrs["currency"]
    bands, planned = _monthly(ds, once)
    goals = _goals_over_time(ds, once)
    what = "Bookings since the start of the plan" if once else "Ending ARR"
    span = between(bands["P10"][-1], bands["P90"][-1], currency)
    found = finding(goals[0]) if goals else f"{what}: {span} at the end, in 8 of 10 cases"
    subtitle = f"{what}: shaded, the middle 50% and 80% of the simulated paths; dashed, the operating plan"
    figure, axes = page(found, subtitle, source(ds), left=0.085, right=0.215, bottom=0.19)

    x = np.arange(ds.sizes["month"] + 1)
    axes.fill_between(x, bands["P10"], bands["P90"], color=BLUE, alpha=0.15, linewidth=0)
    axes.fill_between(x, bands["P25"], bands["P75"], color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(x, bands["median"], color=BLUE, linewidth=2.2)
    axes.plot(x, planned, color=INK, linewidth=1.4, linestyle=(0, (4, 2.5)))
    heights = [*bands["P10"], *bands["P90"], *planned, *(bound(goal) for goal in goals)]
    axes.set_ylim(room(min(heights), max(heights), 0.08, 0.1))
    axes.set_xlim(0, x[-1])
    scale_in(axes, "y", currency)
    _calendar(axes, ds, bands)
    _mark(axes, ds, goals, bands)
    ends = [_end(name, band[-1], currency) for name, band in bands.items()]
    label_ends(axes, x[-1], [*ends, Label(f"operating plan {money(planned[-1], currency)}", planned[-1])])
    return figure


def _monthly(ds: xr.Dataset, once: bool) -> tuple[dict[str, Floats], Floats]:
    """Quantiles of the paths by month, and the operating plan, each from the opening on: ARR, or bookings added up."""
    name = "bookings" if once else "ending_arr"
    paths, planned = ds[name].values, ds[f"{name}_baseline"].sel(case="operating plan").values
    opening = float(ds["opening_arr"].sum())
    if once:
        paths, planned, opening = paths.cumsum(axis=1), planned.cumsum(), 0.0
    bands = {
        band: np.array([opening, *(quantile_interval(paths[:, t], level)[0] for t in range(paths.shape[1]))])
        for band, level in _BANDS.items()
    }
    return bands, np.array([opening, *planned])


def _goals_over_time(ds: xr.Dataset, once: bool) -> list[Facts]:
    """The targets that are points of the fan."""
    told = [target_facts(ds, str(name)) for name in ds["target"].values]
    metrics = ("bookings", "one_off_bookings") if once else ("ending_arr",)
    on_fan = [goal for goal in told if goal["metric"] in metrics and not goal["where"]]
    return [goal for goal in on_fan if not once or _months(ds, goal["period"])[0] == 0]


def _months(ds: xr.Dataset, label: str) -> tuple[int, int]:
    """First and last month of a period, from 0."""
    start, period = month_number(ds.attrs["start"]), fiscal_period(label, int(ds.attrs["fiscal_year_start"]))
    return period.first - start, period.last - start


def _end(name: str, height: float, currency: str) -> Label:
    strong = name == "median"
    return Label(f"{name} {money(height, currency)}", height, BLUE if strong else SOFT, strong)


def _mark(axes: Axes, ds: xr.Dataset, goals: list[Facts], bands: dict[str, Floats]) -> None:
    """Each target as a point at the end of its period, with its chance.

    The words stand on the line that leads to the point; where the fan is in the way, below the fan.
    """
    line = line_of(axes)
    on_line: list[tuple[float, Label]] = []
    below: list[tuple[float, Label]] = []
    points: list[tuple[int, float]] = []
    for goal in sorted(goals, key=bound):
        y, month = bound(goal), _months(ds, goal["period"])[1] + 1
        axes.plot([0, month], [y, y], color=VERMILION, linewidth=0.9, linestyle=(0, (1, 2)))
        chance = percent(goal["probability"]["value"])
        text = f"{shortened(goal['name'], 30)} {money(y, goal['unit'], trim=True)}: {chance} chance"
        width = math.ceil(width_of(axes, text))
        if bands["P90"][min(width, month)] > y - line and month + width < ds.sizes["month"]:
            below.append((month + 0.3, Label(text, min(y, bands["P10"][month]) - 1.8 * line, VERMILION, True)))
            points.append((month, y))
        else:
            on_line.append((0.15, Label(text, y + 0.6 * line, VERMILION, True)))
        axes.plot([month], [y], "D", color=VERMILION, markersize=8, markeredgecolor="white", zorder=5, clip_on=False)
    write(axes, on_line)
    for (month, y), place in zip(points, write(axes, below), strict=True):
        axes.plot([month, month + 0.2], [y, place], color=VERMILION, linewidth=0.9)


def _calendar(axes: Axes, ds: xr.Dataset, bands: dict[str, Floats]) -> None:
    """Quarter ends along the axis; beneath, the median of each whole fiscal year, and its range if there is room."""
    start, last, first_month = month_number(ds.attrs["start"]), ds.sizes["month"], int(ds.attrs["fiscal_year_start"])
    every = 3 if last <= 3 * MONTHS_PER_YEAR else MONTHS_PER_YEAR
    ticks = [t for t in range(last + 1) if (start + t + 1 - first_month) % every == 0]
    axes.set_xticks(ticks, [_end_of(start + t - 1) for t in ticks])
    years = whole_periods(ds, "FY{year}")
    beneath: dict[str, Any] = {
        "transform": axes.get_xaxis_transform(),
        "ha": "center",
        "va": "top",
        "size": TEXT,
        "color": INK,
    }
    for year in years:
        first, end = _months(ds, year)
        axes.axvline(end + 1, color=PALE, linewidth=0.8, zorder=0)
        text = f"{year}: {money(bands['median'][end + 1], ds.attrs['currency'])}"
        if len(years) <= 2:
            text += f", P10–P90 {between(bands['P10'][end + 1], bands['P90'][end + 1], ds.attrs['currency'])}"
        axes.text((first + end + 1) / 2, -0.13, text, **beneath)


def _end_of(month: int) -> str:
    year, calendar = divmod(month, MONTHS_PER_YEAR)
    return f"{_MONTHS[calendar]}\n{year}"
