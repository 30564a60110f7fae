"""Steps that add up: the ARR bridge of a year, and what the year is made of by how certain it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simengine.report.bridge import axis_floor, bridge_finding
from simengine.report.charts import Chart
from simengine.report.charts.grammar import (
    BLUE,
    GREEN,
    INK,
    ROW,
    SOFT,
    VERMILION,
    Rows,
    Spec,
    axis,
    axis_params,
    chart,
    colored,
    names,
    scale,
    tooltip,
    words,
)
from simengine.report.palette import themed
from simengine.report.parts import PART_COLOURS, parts_finding
from simengine.report.statistics import Facts
from simengine.report.words import between, metric_name, money, part_name
from simengine.report.year import LOSSES

_FLOWS = {"whole": BLUE, "comes in": GREEN, "is lost": VERMILION}
_PARTS = {**{name: themed(colour) for name, colour in PART_COLOURS.items()}, "whole": INK}


def bridge_chart(told: Facts, currency: str, name: str = "bridge") -> Chart:
    """From the opening of a period to its end, from `report.year.made_of`: means of the flows."""
    opening, closing, flows = told["opening"], told["closing"], told["flows"]
    steps = [-flow["mean"] if flow["name"] in LOSSES else flow["mean"] for flow in flows]
    rows: Rows = [_row("opening ARR", "whole", 0.0, opening["mean"], opening, currency)]
    level = opening["mean"]
    for flow, step in zip(flows, steps, strict=True):
        kind = "comes in" if step >= 0 else "is lost"
        rows.append(_row(metric_name(flow["name"]), kind, level, level + step, flow, currency))
        level += step
    rows.append(_row("closing ARR", "whole", 0.0, closing["mean"], closing, currency))
    levels = [row["to"] for row in rows]
    floor = axis_floor(min(levels), max(levels))
    finding = bridge_finding(told, currency)
    starts = f" The axis starts at {money(floor, currency, trim=True)}." if floor else ""
    return _steps(name, rows, finding, f"{finding}. Means of the paths.{starts}", floor, _FLOWS, currency)


def composition_chart(told: Facts, currency: str, name: str = "composition") -> Chart:
    """What ending ARR of a year is made of, the most certain first, from `report.year.composition`: means add up."""
    rows: Rows = []
    level = 0.0
    for part in told["parts"]:
        if part["mean"] == part["p10"] == part["p90"] == 0.0:
            continue
        rows.append(_row(part_name(part["name"]), part["name"], level, level + part["mean"], part, currency))
        level += part["mean"]
    total = told["total"]
    rows.append(_row(f"ending ARR {told['period']}", "whole", 0.0, total["mean"], total, currency))
    finding = parts_finding(told, currency)
    return _steps(name, rows, finding, f"{finding}. Means of the paths, the most certain first.", 0.0, _PARTS, currency)


def _row(said: str, kind: str, start: float, to: float, amount: Facts, currency: str) -> dict[str, Any]:
    step = to - start
    sign = "+" if kind == "comes in" and step > 0 else ""
    spread = between(amount["p10"], amount["p90"], currency)
    return {
        "name": said,
        "kind": kind,
        "from": start,
        "to": to,
        "right": max(start, to),
        "text": f"{sign}{money(step, currency)}",
        "spread_text": "known" if amount["p10"] == amount["p90"] else spread,
        "median_text": money(amount["p50"], currency),
        "plan_text": money(amount["operating_plan"], currency) if "operating_plan" in amount else "as it is",
    }


def _steps(
    name: str, rows: Rows, finding: str, alt: str, floor: float, kinds: Mapping[str, str], currency: str
) -> Chart:
    for row in rows:
        row["from"] = max(row["from"], floor)
    low, high = (floor, max(row["right"] for row in rows))
    told = "; ".join(f"{row['name']} {row['text']} (P10 to P90 {row['spread_text']})" for row in rows)
    said = f"{alt} {told}."
    starts = f"the axis starts at {money(floor, currency, trim=True)}" if floor else None
    spec = chart(
        _layers(name, kinds, starts), {name: rows}, axis_params("x", currency, low, high), ROW * len(rows), said
    )
    return Chart(name, finding, said, spec)


def _layers(name: str, kinds: Mapping[str, str], starts: str | None) -> list[Spec]:
    x: Spec = {"type": "quantitative", "scale": scale("x", after=74), "axis": axis("x", ticks=6, title=starts)}
    y = names()
    fields = tooltip(
        ("name", "part"),
        ("text", "mean"),
        ("median_text", "median"),
        ("spread_text", "P10 to P90"),
        ("plan_text", "operating plan"),
    )
    bar: Spec = {"x": {**x, "field": "from"}, "x2": {"field": "to"}, "y": y, "color": colored("kind", kinds)}
    at = {"x": {**x, "field": "to"}, "y": y}
    return [
        {
            "data": {"name": name},
            "mark": {"type": "bar", "height": {"band": 0.64}},
            "encoding": {**bar, "tooltip": fields},
        },
        {
            "data": {"name": name},
            "mark": {"type": "tick", "color": SOFT, "bandSize": 28, "thickness": 1, "aria": False},
            "encoding": at,
        },
        *words(name, {"x": {**x, "field": "right"}, "y": y}, align="left", dx=6),
    ]
