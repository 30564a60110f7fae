"""Native charts, and the sheet of the numbers behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from simengine.report.canvas import BLUE, FAINT, GREEN, INK, ORANGE, PALE, SKY, SOFT, VERMILION, end_of
from simengine.report.facts import bound
from simengine.report.statistics import Facts
from simengine.report.words import change, metric_name, money, shortened
from simengine.report.year import sells_once
from simengine.results.targets import levels_of
from simengine.units import month_number
from simengine.workbook.layout import CHART_DATA, CHARTS, cell_name, number_format
from simengine.workbook.pen import SECTION, SOFT_TEXT, Sheet, Workbook, chart_range
from simengine.workbook.results import BRIDGE, Bridge, Span

_LEVELS = {"P10": 0.1, "P25": 0.25, "P50": 0.5, "P75": 0.75, "P90": 0.9}
_BARS = 12
_SIZE = {"width": 900, "height": 400}
_ROWS = 22
"""Rows of a sheet that a chart of this height covers, and one more."""
_SCALED = {"B": ('#,##0.0,,,"B"', 1e9), "M": ('#,##0.0,,"M"', 1e6), "k": ('#,##0,"k"', 1e3)}
_NAMES = {
    "new_arr": "new",
    "expansion_arr": "expansion",
    "price_arr": "price",
    "contraction_arr": "contraction",
    "churned_arr": "churn",
}


class Charts:
    """The sheet of charts and the one of their numbers, filled one chart after the other."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.shown = book.sheet(CHARTS)
        self.data = book.sheet(CHART_DATA)
        self.shown.begin("Charts")
        self.shown.sheet.set_portrait()
        self.shown.sheet.fit_to_pages(1, 1)
        self.data.begin("Numbers behind the charts")
        self.data.widths(34, *[15.0] * 12)
        self.row, self.place = 2, 2

    def put(self, chart: Any, title: str) -> None:
        """Put a chart below the last one."""
        chart.set_title({"name": title, "overlay": False, "name_font": {"size": 13, "color": INK}})
        chart.set_size(_SIZE)
        chart.set_chartarea({"border": {"none": True}})
        self.shown.sheet.insert_chart(self.place, 0, chart, {"description": title, "object_position": 3})
        self.place += _ROWS

    def table(self, title: str, heads: Sequence[str], rows: int) -> int:
        """Begin a table of numbers; its first row."""
        first = self.row + 2
        self.data.text(self.row, 0, title, SECTION)
        self.data.heads(self.row + 1, heads, right_from=1)
        self.row = first + rows + 1
        return first


def scaled(unit: str, largest: float) -> str:
    """Number format of an axis.

    >>> scaled("USD", 1.2e8), scaled("fraction", 0.4), scaled("USD", 900.0)
    ('#,##0.0,,"M"', '0.0%', '#,##0')
    """
    if not unit.isupper():
        return number_format(unit)
    return next((form for form, size in _SCALED.values() if abs(largest) >= size), "#,##0")


def fan(charts: Charts, ds: xr.Dataset, targets: Sequence[Facts]) -> None:
    """ARR by month (bookings since the start where there is none): bands of the paths, operating plan, targets."""
    once, currency = sells_once(ds), ds.attrs["currency"]
    name = "bookings" if once else "ending_arr"
    paths, planned = ds[name].values, ds[f"{name}_baseline"].sel(case="operating plan").values
    if once:
        paths, planned = paths.cumsum(axis=1), planned.cumsum()
    months = [str(month) for month in ds["month"].values]
    bands = np.array([levels_of(paths[:, t], tuple(_LEVELS.values())) for t in range(len(months))])
    goals = [one for one in targets if one["metric"] == name and not one["where"] and not once][:2]
    heads = ["Month", *_LEVELS, "operating plan", *(shortened(goal["name"], 30) for goal in goals)]
    helpers = ["P10 to P25", "P25 to P75", "P75 to P90"]
    first = charts.table("Fan", [*heads, *helpers, "axis"], len(months))
    last, data, aid = first + len(months) - 1, charts.data, len(heads)
    for t, month in enumerate(months):
        row = first + t
        data.text(row, 0, month)
        for place, value in enumerate((*bands[t], planned[t], *(bound(goal) for goal in goals)), start=1):
            data.number(row, place, float(value), currency)
        for place, (low, high) in enumerate(((0, 1), (1, 3), (3, 4)), start=aid):
            formula = f"={cell_name(row, 1 + high)}-{cell_name(row, 1 + low)}"
            data.formula(row, place, formula, float(bands[t, high] - bands[t, low]), currency, SOFT_TEXT)
        data.text(row, aid + 3, _tick(ds, t), SOFT_TEXT)
    categories = chart_range(data, first, last, aid + 3)
    areas = charts.book.book.add_chart({"type": "area", "subtype": "stacked"})
    fills: list[tuple[int, dict[str, Any]]] = [
        (1, {"none": True}),
        (aid, {"color": "#D6E6F2"}),
        (aid + 1, {"color": "#9CC5E0"}),
        (aid + 2, {"color": "#D6E6F2"}),
    ]
    for place, fill in fills:
        areas.add_series(
            {
                "name": [data.name, first - 1, place],
                "categories": categories,
                "values": chart_range(data, first, last, place),
                "fill": fill,
                "border": {"none": True},
            }
        )
    lines = charts.book.book.add_chart({"type": "line"})
    courses = [(3, BLUE, "solid", 2.25), (6, INK, "dash", 1.5)]
    courses += [(7 + i, VERMILION, "square_dot", 1.5) for i in range(len(goals))]
    named = ["median", "operating plan", *(shortened(goal["name"], 22) for goal in goals)]
    is_hopeful = planned[-1] >= bands[-1, 2]
    for i, ((place, color, dash, width), label) in enumerate(zip(courses, named, strict=True)):
        # Courses are named at their ends, one above and one below; targets in front, where the fan is narrow.
        where = len(months) - 1 if i < 2 else min(2, len(months) - 1)
        side = "above" if i >= 2 or (i == 1) == is_hopeful else "below"
        at: list[dict[str, Any]] = [{"delete": True}] * len(months)
        at[where] = {"value": label, "font": {"color": color, "bold": True}}
        lines.add_series(
            {
                "name": label,
                "categories": categories,
                "values": chart_range(data, first, last, place),
                "line": {"color": color, "width": width, "dash_type": dash},
                "data_labels": {"value": True, "custom": at, "position": side},
            }
        )
    areas.combine(lines)
    bounds = [bound(goal) for goal in goals]
    low, high = min(bands.min(), planned.min(), *bounds, math.inf), max(bands.max(), planned.max(), *bounds, -math.inf)
    floor = _floor(low - 0.05 * (high - low), high - low) if low > 0 else None
    _axes(areas, scaled(currency, high), {"min": floor} if floor else {})
    areas.set_x_axis(_CATEGORY | {"interval_unit": 1, "position_axis": "on_tick"})
    areas.set_legend({"none": True})
    what = "Bookings since the start" if once else "Ending ARR"
    charts.put(areas, f"{what}: median, middle 50% and 80% of the paths, operating plan (dashed)")


def _tick(ds: xr.Dataset, t: int) -> str:
    """The name of a month on an axis: ends of fiscal quarters only, where there are many."""
    month = month_number(ds.attrs["start"]) + t
    is_end = (month + 1 - int(ds.attrs["fiscal_year_start"])) % 3 == 2
    return end_of(month, between=" ") if is_end or ds.sizes["month"] <= 12 else " "


_CATEGORY: dict[str, Any] = {
    "num_font": {"color": SOFT, "size": 9},
    "line": {"color": FAINT},
    "major_tick_mark": "none",
}


def _axes(chart: Any, form: str, more: dict[str, Any]) -> None:
    chart.set_y_axis(
        {
            "num_format": form,
            "num_font": {"color": SOFT, "size": 9},
            "line": {"none": True},
            "major_gridlines": {"visible": True, "line": {"color": PALE}},
            "major_tick_mark": "none",
            **more,
        }
    )


def _floor(least: float, span: float) -> float:
    """A round number at or below the least."""
    step = 10.0 ** math.floor(math.log10(span)) if span > 0 else 1.0
    return max(0.0, math.floor(least / step) * step)


def tornado(charts: Charts, told: Facts) -> None:
    """What moves the result: mean in the lowest and highest fifth of each driver, against the mean."""
    rows = [one for one in told["assumptions"] if not one["constant"] and math.isfinite(one["swing"]["value"])]
    rows = rows[:_BARS]
    if not rows or told["mean"] is None:
        return
    unit, mean = told["unit"], told["mean"]
    first = charts.table("Tornado", ("Driver", "lowest fifth", "highest fifth", "low", "high"), len(rows))
    last, data = first + len(rows) - 1, charts.data
    data.text(last + 1, 0, "mean of the paths", SOFT_TEXT)
    data.number(last + 1, 1, mean, unit, SOFT_TEXT)
    charts.row += 1
    middle = cell_name(last + 1, 1)
    for row, one in enumerate(rows, start=first):
        data.text(row, 0, shortened(one["name"], 34))
        for place, key in ((1, "metric_bottom_fifth"), (2, "metric_top_fifth")):
            value = one[key]["value"]
            data.number(row, place + 2, value, unit)
            data.formula(row, place, f"={cell_name(row, place + 2)}-{middle}", value - mean, unit)
    chart = charts.book.book.add_chart({"type": "bar"})
    for place, color in ((1, ORANGE), (2, SKY)):
        chart.add_series(
            {
                "name": [data.name, first - 1, place],
                "categories": chart_range(data, first, last, 0),
                "values": chart_range(data, first, last, place),
                "fill": {"color": color},
                "border": {"none": True},
                "overlap": 100,
                "gap": 40,
            }
        )
    largest = max(abs(one[key]["value"] - mean) for one in rows for key in ("metric_bottom_fifth", "metric_top_fifth"))
    chart.set_y_axis(_CATEGORY | {"reverse": True, "label_position": "low", "num_font": {"color": INK, "size": 9}})
    chart.set_x_axis(
        {
            "num_format": scaled(unit, largest) if unit.isupper() else number_format(unit),
            "num_font": {"color": SOFT, "size": 9},
            "major_gridlines": {"visible": True, "line": {"color": PALE}},
            "line": {"none": True},
            "label_position": "high",
        }
    )
    chart.set_legend({"position": "bottom", "font": {"size": 9}})
    charts.put(chart, f"{told['target']}: {metric_name(told['metric'])} against its mean, by fifths of each driver")


def bridge(charts: Charts, ds: xr.Dataset, quarters: Sheet, made: Bridge, spans: Sequence[Span]) -> None:
    """ARR from the opening to the end of the first whole fiscal year (of the plan, where there is none): steps."""
    place, span = next(
        ((i, one) for i, one in enumerate(spans) if "-Q" not in one.label and "(" not in one.label),
        (len(spans) - 1, spans[-1]),
    )
    column, unit = place + 2, ds.attrs["currency"]
    heads = ("Step", "amount", "level", "blank", "whole", "up", "down", "top")
    first = charts.table("ARR bridge", heads, len(BRIDGE) + 2)
    rows = (made.opening, *made.flows, made.closing)
    values = [made.values[made.opening][span.first]]
    values += [math.fsum(made.values[row][span.first : span.last + 1]) for row in made.flows]
    values.append(math.fsum(values))
    words = ["opening", *_NAMES.values(), "closing"]
    level, data, last = 0.0, charts.data, first + len(rows) - 1
    for i, (row, value, word) in enumerate(zip(rows, values, words, strict=True)):
        at, is_end = first + i, i in (0, len(rows) - 1)
        before = level
        level = value if is_end else level + value
        data.text(at, 0, word)
        data.formula(at, 1, f"={quarters.at(row, column)}", value, unit)
        amount, here, above = cell_name(at, 1), cell_name(at, 2), cell_name(at - 1, 2)
        data.formula(at, 2, f"={amount}" if is_end else f"={above}+{amount}", level, unit)
        if is_end:
            data.formula(at, 4, f"={amount}", value, unit)
            data.formula(at, 7, f"={here}", level, unit)
            continue
        data.formula(at, 7, f"=MAX({above},{here})", max(before, level), unit)
        data.formula(at, 3, f"=MIN({above},{here})", min(before, level), unit)
        data.formula(at, 5, f"=MAX({amount},0)", max(value, 0.0), unit)
        data.formula(at, 6, f"=MAX(-{amount},0)", max(-value, 0.0), unit)
    chart = charts.book.book.add_chart({"type": "column", "subtype": "stacked"})
    form = scaled(unit, max(values))
    fills = ((3, {"none": True}), (4, {"color": BLUE}), (5, {"color": GREEN}), (6, {"color": VERMILION}))
    for at, fill in fills:
        series: dict[str, Any] = {
            "name": [data.name, first - 1, at],
            "categories": chart_range(data, first, last, 0),
            "values": chart_range(data, first, last, at),
            "fill": fill,
            "border": {"none": True},
            "gap": 35,
        }
        chart.add_series(series)
    labels: list[dict[str, Any]] = []
    for i, value in enumerate(values):
        is_step = 0 < i < len(values) - 1
        color = INK if not is_step else GREEN if value >= 0 else VERMILION
        written = change(value, unit) if is_step else money(value, unit)
        labels.append({"value": written, "font": {"color": color, "bold": True, "size": 10}})
    tops = charts.book.book.add_chart({"type": "line"})
    tops.add_series(
        {
            "name": [data.name, first - 1, 7],
            "categories": chart_range(data, first, last, 0),
            "values": chart_range(data, first, last, 7),
            "line": {"none": True},
            "data_labels": {"value": True, "custom": labels, "position": "above"},
        }
    )
    chart.combine(tops)
    levels = np.cumsum([values[0], *values[1:-1]])
    span_of = float(levels.max() - levels.min())
    floor = _floor(float(levels.min()) - 0.3 * span_of, span_of) if levels.min() > 2 * span_of else 0.0
    _axes(chart, form, {"min": floor} if floor else {})
    chart.set_x_axis(_CATEGORY | {"num_font": {"color": INK, "size": 10}})
    chart.set_legend({"none": True})
    starts = " (axis cut)" if floor else ""
    charts.put(chart, f"ARR bridge {span.label}, means of the paths{starts}")
