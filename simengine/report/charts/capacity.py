"""Who is there to sell: heads and ramped equivalents at the end of each quarter."""

from __future__ import annotations

from typing import Any

import xarray as xr

from simengine.report.canvas import room
from simengine.report.charts import Chart
from simengine.report.charts.grammar import (
    BLUE,
    HEIGHT,
    INK,
    ORANGE,
    Rows,
    Spec,
    axis,
    axis_params,
    chart,
    colored,
    scale,
    tooltip,
    words,
)
from simengine.report.statistics import Facts, spread_of
from simengine.report.words import between, number
from simengine.report.year import whole_periods

_METRICS = {"headcount": "headcount", "ramped": "ramped equivalents"}
_KINDS = {"headcount": ORANGE, "ramped equivalents": BLUE}


def capacity_facts(ds: xr.Dataset) -> list[Facts]:
    """Headcount and ramped equivalents at the end of each whole fiscal quarter: P10, P50, P90, operating plan."""
    quarters = whole_periods(ds, "FY{year}-Q{quarter}")
    return [
        {"period": quarter, **{metric: spread_of(ds, metric, quarter) for metric in _METRICS}} for quarter in quarters
    ]


def capacity_chart(told: list[Facts], name: str = "capacity") -> Chart:
    """Ranges from `capacity_facts`, the median as a point and the operating plan as a line."""
    rows = capacity_rows(told)
    low, high = room(
        min(min(row["p10"], row["plan"]) for row in rows), max(max(row["p90"], row["plan"]) for row in rows), 0.1, 0.14
    )
    last = told[-1]["ramped"]
    finding = (
        f"{number(last['p50'], 'count')} ramped equivalents at the end of {told[-1]['period']} "
        f"({between(last['p10'], last['p90'], 'count')} in 8 of 10 cases), "
        f"{number(last['operating_plan'], 'count')} planned"
    )
    listed = "; ".join(f"{row['period']} {row['kind']} {row['text']}, {row['spread_text']}" for row in rows)
    alt = f"{finding}. Median and P10 to P90: {listed}."
    params = axis_params("y", "count", low, high)
    return Chart(name, finding, alt, chart(_layers(name), {name: rows}, params, HEIGHT - 40, alt))


def capacity_rows(told: list[Facts]) -> Rows:
    """Two rows a quarter."""
    rows: Rows = []
    for quarter in told:
        for kind, said in _METRICS.items():
            of: dict[str, Any] = quarter[kind]
            rows.append(
                {
                    "period": quarter["period"],
                    "short": quarter["period"].removeprefix("FY"),
                    "kind": said,
                    "p10": of["p10"],
                    "p50": of["p50"],
                    "p90": of["p90"],
                    "plan": of["operating_plan"],
                    "last": quarter is told[-1],
                    "text": number(of["p50"], "count"),
                    "spread_text": between(of["p10"], of["p90"], "count"),
                    "plan_text": number(of["operating_plan"], "count"),
                }
            )
    return rows


def _layers(name: str) -> list[Spec]:
    data = {"data": {"name": name}}
    x: Spec = {
        "field": "short",
        "type": "ordinal",
        "sort": None,
        "axis": {"labelAngle": 0, "labelExpr": "split(datum.label, '-')", "grid": False},
    }
    y: Spec = {"type": "quantitative", "scale": scale("y"), "axis": axis("y", ticks=5)}
    kinds = colored("kind", _KINDS, list(_KINDS))
    beside: Spec = {"field": "kind", "type": "nominal", "sort": None}
    fields = tooltip(
        ("period", "end of"),
        ("kind", "of"),
        ("text", "median"),
        ("spread_text", "P10 to P90"),
        ("plan_text", "operating plan"),
    )
    common: Spec = {"x": x, "xOffset": beside, "color": kinds, "tooltip": fields}
    span: Spec = {"type": "rule", "strokeWidth": 9, "opacity": 0.4}
    return [
        {**data, "mark": span, "encoding": {**common, "y": {**y, "field": "p10"}, "y2": {"field": "p90"}}},
        {
            **data,
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 60, "aria": False},
            "encoding": {**common, "y": {**y, "field": "p50"}},
        },
        {
            **data,
            "mark": {"type": "tick", "color": INK, "thickness": 1.5, "size": 14, "aria": False},
            "encoding": {"x": x, "xOffset": beside, "y": {**y, "field": "plan"}, "tooltip": fields},
        },
        *words(
            name,
            {"x": x, "xOffset": beside, "y": {**y, "field": "p90"}},
            kinds,
            "datum.last",
            align="center",
            dy=-10,
        ),
    ]
