"""Scenarios side by side: how likely a target is in each, on the same draws."""

from __future__ import annotations

from simengine.report.canvas import room
from simengine.report.charts import Chart
from simengine.report.charts.grammar import (
    FAINT,
    GREEN,
    GREY,
    INK,
    ROW,
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
from simengine.report.compare import sentence, shown
from simengine.report.statistics import Facts
from simengine.report.words import between, change, goal, interval_of, percent, what

_KINDS = {"first": INK, "likelier": GREEN, "less likely": VERMILION, "may be chance": GREY}


def scenarios_chart(told: Facts, name: str = "scenarios") -> Chart:
    """Chances of the first target, from `report.compare.compare_facts`, with intervals and paired differences."""
    rows = scenarios_rows(told)
    low, high = room(min(row["low"] for row in rows), max(row["high"] for row in rows), 0.06, 0.04)
    target = told["targets"][0]
    finding = sentence(told).removesuffix(".")
    listed = "; ".join(f"{row['name']} {row['chance_text']}, {row['change_text']}" for row in rows)
    alt = f"Chance of {goal(target)} {what(target)} in each scenario. {finding}. {listed}."
    params = axis_params("x", "fraction", max(low, 0.0), high)
    return Chart(name, finding, alt, chart(_layers(name), {name: rows}, params, ROW * len(rows) + 10, alt))


def scenarios_rows(told: Facts) -> Rows:
    """A row a scenario, the likeliest first."""
    rows: Rows = []
    base = next(one for one in told["scenarios"] if one["name"] == told["base"])
    at = base["targets"][0]["probability"]["value"]
    for one in shown(told)[0]:
        of = one["targets"][0]
        is_base, likely, moved = one["name"] == told["base"], of["probability"], of["change"]
        points = "" if is_base else f" ({change(moved['value'], 'fraction').removesuffix(' pts')})"
        differs = f"{change(moved['value'], 'fraction')} ({interval_of(moved, 'fraction')})"
        rows.append(
            {
                "name": one["name"],
                "kind": "first" if is_base else _kind(of),
                "value": likely["value"],
                "low": likely["lower"],
                "high": likely["upper"],
                "base": at,
                "text": f"{percent(likely['value'])}{points}",
                "chance_text": f"{percent(likely['value'])} ({between(likely['lower'], likely['upper'], 'fraction')})",
                "change_text": "compared with" if is_base else differs,
            }
        )
    return rows


def _kind(of: Facts) -> str:
    if not of["distinguishable"]:
        return "may be chance"
    return "likelier" if of["change"]["value"] > 0 else "less likely"


def _layers(name: str) -> list[Spec]:
    x: Spec = {"type": "quantitative", "scale": scale("x", after=100), "axis": axis("x", ticks=5)}
    y, kinds, data = names(), colored("kind", _KINDS), {"data": {"name": name}}
    fields = tooltip(("name", "scenario"), ("chance_text", "chance"), ("change_text", "difference, same draws (95%)"))
    span: Spec = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": kinds, "tooltip": fields}
    return [
        {
            **data,
            "mark": {"type": "rule", "color": FAINT, "aria": False},
            "encoding": {"x": {**x, "field": "base", "aggregate": "max"}},
        },
        {**data, "mark": {"type": "rule", "strokeWidth": 3}, "encoding": span},
        {
            **data,
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 90, "aria": False},
            "encoding": {"x": {**x, "field": "value"}, "y": y, "color": kinds, "tooltip": fields},
        },
        *words(name, {"x": {**x, "field": "high"}, "y": y}, align="left", dx=8),
    ]
