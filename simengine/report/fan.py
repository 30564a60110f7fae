"""Fan charts: where ARR and cash may go, month by month, and the targets on the way."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simengine.report.canvas import (
    BLUE,
    INK,
    PALE,
    PAPER,
    SOFT,
    TEXT,
    VERMILION,
    Label,
    drawn,
    end_of,
    label_ends,
    line_of,
    page,
    room,
    scale_in,
    source,
    width_of,
    write,
)
from simengine.report.facts import bound, targets_facts
from simengine.report.statistics import Facts, Floats
from simengine.report.words import between, finding, goal, money, odds, percent, shortened
from simengine.report.year import sells_once, years_told
from simengine.results.targets import levels_of, quantile_interval
from simengine.units import MONTHS_PER_YEAR, fiscal_period, month_number

_BANDS = {"P10": 0.10, "P25": 0.25, "median": 0.50, "P75": 0.75, "P90": 0.90}
_SHADED = "shaded, the middle 50% and 80% of the simulated paths; dashed, the operating plan"


class Course(NamedTuple):
    """An amount from the opening on, at the end of each month: paths (draw, month + 1), and the operating plan."""

    paths: Floats
    planned: Floats


def fan_facts(ds: xr.Dataset, segment: str | None = None) -> Facts:
    """Ending ARR by month as plain numbers, from the opening on; bookings, added up, where nothing is a subscription.

    Parameters
    ----------
    ds : result of a run
    segment : the one to tell of; by default the company

    Returns
    -------
    dict
        `what`, `unit`, `finding`, `start` (the month that the plan starts in, as a number), `middle` (`median` or
        `mean`), `levels` (P10, P25, median, P75, P90 by month; only `mean` where a run keeps no more of a segment),
        `planned` (None for a segment: no plan is kept of it), `goals` (targets, each with its month and its commit)
    """
    once, currency = sells_once(ds), ds.attrs["currency"]
    name, what = ("bookings", "Bookings since the start of the plan") if once else ("ending_arr", "Ending ARR")
    about: Facts = {"what": what, "unit": currency, "start": month_number(ds.attrs["start"]), "segment": segment}
    if segment is not None:
        return about | _of_segment(ds, name, segment, what)
    course = _course(ds)
    goals = _of_course(ds)
    return about | {
        "finding": _found(goals, course, what, currency),
        "middle": "median",
        "levels": _levels(course.paths),
        "planned": course.planned,
        "goals": [goal_ | {"month": _months(ds, goal_["period"])[1] + 1} for goal_ in goals],
    }


def _of_segment(ds: xr.Dataset, name: str, segment: str, what: str) -> Facts:
    kept = ds[f"{name}_by_segment"].sel(segment=segment)
    opening = 0.0 if name == "bookings" else float(ds["opening_arr"].sel(segment=segment))
    by_path = "draw" in kept.dims
    paths = kept.transpose("draw", "month").values if by_path else kept.values[np.newaxis]
    if name == "bookings":
        paths = paths.cumsum(axis=1)
    course = _from(paths, paths[0], opening)
    levels = _levels(course.paths) if by_path else {"mean": course.paths[0]}
    middle = "median" if by_path else "mean"
    said = money(levels[middle][-1], ds.attrs["currency"])
    return {
        "finding": f"{what} of {segment}: {said} at the end, the {middle}",
        "middle": middle,
        "levels": levels,
        "planned": None,
        "goals": [],
    }


def _levels(paths: Floats) -> dict[str, Floats]:
    months = np.array([levels_of(month, tuple(_BANDS.values())) for month in paths.T])
    return dict(zip(_BANDS, months.T, strict=True))


def _course(ds: xr.Dataset) -> Course:
    """ARR of the company, or its bookings added up where nothing is a subscription."""
    once = sells_once(ds)
    name = "bookings" if once else "ending_arr"
    paths, planned = ds[name].values, ds[f"{name}_baseline"].sel(case="operating plan").values
    if once:
        return _from(paths.cumsum(axis=1), planned.cumsum(), 0.0)
    return _from(paths, planned, float(ds["opening_arr"].sum()))


def _of_course(ds: xr.Dataset) -> list[Facts]:
    """The targets on it; of added-up bookings those that count from the start of the plan."""
    if not sells_once(ds):
        return _goals(ds, ("ending_arr",))
    return [goal for goal in _goals(ds, ("bookings", "one_off_bookings")) if _months(ds, goal["period"])[0] == 0]


def _found(goals: list[Facts], course: Course, what: str, currency: str) -> str:
    low, high = (quantile_interval(course.paths[:, -1], level)[0] for level in (0.1, 0.9))
    return finding(goals[0]) if goals else f"{what}: {between(low, high, currency)} at the end, in 8 of 10 cases"


@drawn
def fan(ds: xr.Dataset) -> Figure:
    """ARR by month: the median, the middle 50 % and 80 % of the paths, the operating plan, and the targets on it.

    Where nothing is a subscription it shows bookings, added up since the start of the plan.
    """
    what = "Bookings since the start of the plan" if sells_once(ds) else "Ending ARR"
    course, goals = _course(ds), _of_course(ds)
    return _drawn(ds, course, goals, _found(goals, course, what, ds.attrs["currency"]), f"{what}: {_SHADED}")


@drawn
def cash(ds: xr.Dataset) -> Figure:
    """Cash by month from the opening on: a fan, and lines at what it shall not fall below."""
    currency = ds.attrs["currency"]
    planned = ds["cash_baseline"].sel(case="operating plan").values
    opening = ds["opening_cash"].values
    course = _from(ds["cash"].values, planned, opening)
    goals = _goals(ds, ("cash", "lowest_cash"))
    lowest = quantile_interval(course.paths.min(axis=1), 0.1)[0]
    found = _stays(goals[0]) if goals else f"In 9 of 10 cases cash does not fall below {money(lowest, currency)}"
    begins = money(float(opening.mean()), currency)
    return _drawn(ds, course, goals, found, f"Cash, {begins} at the start: {_SHADED}")


def _stays(goal_: Facts) -> str:
    """The finding on a target for cash."""
    if goal_["metric"] != "lowest_cash" or not math.isfinite(goal_["at_least"]):
        return finding(goal_)
    said = odds(goal_["probability"]["value"])
    least = goal(goal_).removeprefix("at least ")
    return f"{said[0].upper()}{said[1:]} chance that cash stays at {least} or more in {goal_['period']}"


def _drawn(ds: xr.Dataset, course: Course, goals: list[Facts], found: str, subtitle: str) -> Figure:
    currency, planned = ds.attrs["currency"], course.planned
    bands = _levels(course.paths)
    figure, axes = page(found, subtitle, source(ds), left=0.085, right=0.215, bottom=0.19)
    x = np.arange(course.paths.shape[1])
    axes.fill_between(x, bands["P10"], bands["P90"], color=BLUE, alpha=0.15, linewidth=0)
    axes.fill_between(x, bands["P25"], bands["P75"], color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(x, bands["median"], color=BLUE, linewidth=2.2)
    axes.plot(x, planned, color=INK, linewidth=1.4, linestyle=(0, (4, 2.5)))
    heights = [*bands["P10"], *bands["P90"], *planned, *(bound(goal) for goal in goals)]
    axes.set_ylim(room(min(heights), max(heights), 0.08, 0.1))
    axes.set_xlim(0, x[-1])
    scale_in(axes, "y", currency)
    if min(heights) < 0 < max(heights):
        axes.axhline(0, color=SOFT, linewidth=1)
    _calendar(axes, ds, bands)
    _mark(axes, ds, goals, bands)
    ends = [_end(name, band[-1], currency) for name, band in bands.items()]
    label_ends(axes, x[-1], [*ends, Label(f"operating plan {money(planned[-1], currency)}", planned[-1])])
    return figure


def _from(paths: Floats, planned: Floats, opening: float | Floats) -> Course:
    """Paths and operating plan that begin at the opening, which is known."""
    begins = np.broadcast_to(opening, len(paths))
    first = float(begins[0])
    return Course(np.column_stack((begins, paths)), np.array([first, *planned]))


def _goals(ds: xr.Dataset, metrics: tuple[str, ...]) -> list[Facts]:
    """The company's targets on any of these metrics that are not decided when the plan starts."""
    about = zip(*(ds[name].values for name in ("target", "metric", "where", "period")), strict=True)
    names = [
        str(name)
        for name, metric, where, period in about
        if metric in metrics and not where and _months(ds, str(period))[1] >= 0
    ]
    return targets_facts(ds, names)


def _months(ds: xr.Dataset, label: str) -> tuple[int, int]:
    """First and last month of a period, from 0; the first one is not before the plan."""
    start, period = month_number(ds.attrs["start"]), fiscal_period(label, int(ds.attrs["fiscal_year_start"]))
    return max(0, period.first - start), period.last - start


def _end(name: str, height: float, currency: str) -> Label:
    strong = name == "median"
    return Label(f"{name} {money(height, currency)}", height, BLUE if strong else SOFT, strong)


def _mark(axes: Axes, ds: xr.Dataset, goals: list[Facts], bands: dict[str, Floats]) -> None:
    """Each target as a point at the end of its period, or as a line where it holds for every month, with its chance.

    The words stand on the line that leads to the point; where the fan is in the way, below a fan that rises.
    """
    line = line_of(axes)
    on_line: list[tuple[float, Label]] = []
    below: list[tuple[float, Label]] = []
    points: list[tuple[int, float]] = []
    for goal_ in sorted(goals, key=bound):
        y, (first, last) = bound(goal_), _months(ds, goal_["period"])
        month, throughout = last + 1, goal_["metric"] == "lowest_cash"
        since = first if throughout else 0
        style: dict[str, Any] = {"linewidth": 1.6} if throughout else {"linewidth": 0.9, "linestyle": (0, (1, 2))}
        axes.plot([since, month], [y, y], color=VERMILION, **style)
        chance = percent(goal_["probability"]["value"])
        text = f"{shortened(goal_['name'], 30)} {money(y, goal_['unit'], trim=True)}: {chance} chance"
        width = math.ceil(width_of(axes, text))
        rises = bands["median"][month] > bands["median"][since]
        place = _free(bands, since, month - width, width, y, line)
        if place is None and rises and month + width < ds.sizes["month"]:
            below.append((month + 0.3, Label(text, min(y, bands["P10"][month]) - 1.8 * line, VERMILION, True)))
            points.append((month, y))
        else:
            x, side = place or (since if rises else max(since, month - width), 1)
            on_line.append((x + 0.15, Label(text, y + side * 0.6 * line, VERMILION, True)))
        if not throughout:
            axes.plot([month], [y], "D", color=VERMILION, markersize=8, markeredgecolor=PAPER, zorder=5, clip_on=False)
    write(axes, on_line)
    for (month, y), height in zip(points, write(axes, below), strict=True):
        axes.plot([month, month + 0.2], [y, height], color=VERMILION, linewidth=0.9)


def _free(
    bands: dict[str, Floats], first: int, last: int, width: int, y: float, line: float
) -> tuple[int, Literal[1, -1]] | None:
    """The first month from which words of a width can stand above (1) or below (-1) a height without the fan."""
    sides: tuple[Literal[1, -1], ...] = (1, -1)
    for x in range(first, max(first, last) + 1):
        low, high = bands["P10"][x : x + width + 1].min(), bands["P90"][x : x + width + 1].max()
        for side in sides:
            bottom, top = sorted((y, y + side * 1.3 * line))
            if high < bottom or low > top:
                return x, side
    return None


def _calendar(axes: Axes, ds: xr.Dataset, bands: dict[str, Floats]) -> None:
    """Quarter ends along the axis; beneath, the median of each whole fiscal year, and its range if there is room."""
    start, last, first_month = month_number(ds.attrs["start"]), ds.sizes["month"], int(ds.attrs["fiscal_year_start"])
    every = 3 if last <= 3 * MONTHS_PER_YEAR else MONTHS_PER_YEAR
    ticks = [t for t in range(last + 1) if (start + t + 1 - first_month) % every == 0]
    axes.set_xticks(ticks, [end_of(start + t - 1) for t in ticks])
    years = years_told(ds)
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
        span = f", P10–P90 {between(bands['P10'][end + 1], bands['P90'][end + 1], ds.attrs['currency'])}"
        # It is not bold, and so less wide.
        fits = 0.85 * width_of(axes, text + span) <= end + 1 - first
        axes.text((first + end + 1) / 2, -0.13, text + span if fits else text, **beneath)
