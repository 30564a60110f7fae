"""Where ARR may go, month by month."""

from __future__ import annotations

import math
from typing import Any

from simengine.report.canvas import end_of, room
from simengine.report.charts import Chart
from simengine.report.charts.grammar import (
    BLUE,
    FAINT,
    GREEN,
    HEIGHT,
    INK,
    LINE,
    PAPER,
    SOFT,
    VERMILION,
    Rows,
    Spec,
    axis,
    axis_params,
    chart,
    colored,
    heights,
    hover,
    scale,
    tooltip,
    words,
)
from simengine.report.facts import bound
from simengine.report.statistics import Facts
from simengine.report.words import between, money, number, percent, shortened

_MONTHS = "['Jan','Feb','Mar','Apr','May','Jun','Jul','Aug','Sep','Oct','Nov','Dec']"
_KINDS = {"middle": BLUE, "band": SOFT, "plan": INK, "target": VERMILION, "commit": GREEN}
_SIGN = 1 / 88
"""Width of a sign as a share of the axis, on a page of usual width."""
_SHAPES = {**dict.fromkeys(_KINDS, "circle"), "target": "diamond"}


def fan_chart(told: Facts, name: str = "fan") -> Chart:
    """A fan chart from `report.fan.fan_facts`: bands, the middle, the operating plan, targets with their commits."""
    rows, ends, goals = fan_rows(told), _ends(told), _goals(told)
    values = [*(v for level in told["levels"].values() for v in level), *(goal["y"] for goal in goals)]
    values += [] if told["planned"] is None else list(told["planned"])
    low, high = room(min(values), max(values), 0.06, 0.1)
    for end, place in zip(ends, heights([end["y"] for end in ends], low, high), strict=True):
        end["place"] = place
    _place(told, goals, low, high)
    last = len(rows) - 1
    params = [
        *axis_params("y", told["unit"], low, high),
        {"name": "start", "value": told["start"]},
        {"name": "last", "value": last},
        {"name": "ticks", "value": _ticks(told["start"], last)},
    ]
    datasets = {name: rows, f"{name}-ends": ends, f"{name}-goals": goals}
    alt = _alt(told, goals)
    layers = _layers(name, told, has_goals=bool(goals))
    return Chart(name, told["finding"], alt, chart(layers, datasets, params, HEIGHT, alt))


def fan_rows(told: Facts) -> Rows:
    """A row a month: numbers to draw, and the same in words."""
    unit, levels, planned = told["unit"], told["levels"], told["planned"]
    rows = []
    for t in range(len(levels[told["middle"]])):
        row: dict[str, Any] = {key.lower(): float(level[t]) for key, level in levels.items()}
        row |= {"t": t, "month": "opening" if t == 0 else end_of(told["start"] + t - 1, between=" ")}
        row["middle"] = row[told["middle"]]
        row["middle_text"] = money(row["middle"], unit)
        if "P10" in levels:
            row["half_text"] = between(row["p25"], row["p75"], unit)
            row["most_text"] = between(row["p10"], row["p90"], unit)
        if planned is not None:
            row |= {"plan": float(planned[t]), "plan_text": money(planned[t], unit)}
        rows.append(row)
    return rows


def _ticks(start: int, last: int) -> list[int]:
    every = next((step for step in (3, 6, 12) if last <= 8 * step), 24)
    return [t for t in range(last + 1) if (start + t) % every == 0]


def _ends(told: Facts) -> Rows:
    unit, last = told["unit"], len(told["levels"][told["middle"]]) - 1
    ends: Rows = [
        {
            "t": last,
            "y": float(level[-1]),
            "text": f"{key} {money(level[-1], unit)}",
            "kind": "middle" if key == told["middle"] else "band",
        }
        for key, level in told["levels"].items()
    ]
    if told["planned"] is not None:
        y = float(told["planned"][-1])
        ends.append({"t": last, "y": y, "text": f"plan {money(y, unit)}", "kind": "plan"})
    return ends


def _goals(told: Facts) -> Rows:
    """A target at the end of its period, and what can be committed to instead of the first one."""
    rows: Rows = []
    unit, length = told["unit"], len(told["levels"][told["middle"]])
    inside = [goal for goal in told["goals"] if 0 < goal["month"] < length]
    for goal in inside:
        chance, said = percent(goal["probability"]["value"]), shortened(goal["name"], 24)
        spanned = between(goal["probability"]["lower"], goal["probability"]["upper"], "fraction")
        asked = number(bound(goal), unit, trim=True)
        rows.append(
            {
                "kind": "target",
                "t": goal["month"],
                "y": bound(goal),
                "text": f"{said} {asked}: {chance}",
                "told": f"{goal['name']}: {asked}",
                "chance": f"{chance} ({spanned})",
            }
        )
    for goal in inside[:1]:
        commit = goal["commit"]
        if math.isfinite(commit["value"]):
            span = between(commit["lower"], commit["upper"], unit)
            rows.append(
                {
                    "kind": "commit",
                    "t": goal["month"],
                    "y": commit["value"],
                    "text": f"commit {number(commit['value'], unit)}",
                    "told": f"commit for {goal['name']}: {number(commit['value'], unit)} (95%: {span})",
                    "chance": percent(commit["confidence"], 0),
                }
            )
    return rows


def _place(told: Facts, goals: Rows, low: float, high: float) -> None:
    """Where the words of goals stand: on the left of the fan, or beneath it, right of the point; or left of it."""
    line = LINE / HEIGHT * (high - low)
    for goal in goals:
        top, length = told["levels"]["P90"], len(told["levels"]["P90"]) - 1
        months = math.ceil(len(goal["text"]) * _SIGN * length)
        if goal["kind"] == "target" and goal["y"] > max(top[: months + 1]):
            goal |= {"side": "start", "place": goal["y"] + 0.6 * line}
        else:
            side = "after" if goal["t"] + months <= length else "end"
            goal |= {"side": side, "place": min(goal["y"], told["levels"]["P10"][goal["t"]]) - 0.8 * line}
    for side in ("start", "after", "end"):
        rows = [goal for goal in goals if goal["side"] == side]
        for goal, place in zip(rows, heights([goal["place"] for goal in rows], low, high), strict=True):
            goal["place"] = place


def _layers(name: str, told: Facts, *, has_goals: bool) -> list[Spec]:
    data = {"data": {"name": name}}
    x: Spec = {
        "field": "t",
        "type": "quantitative",
        "scale": {"domain": [0, {"expr": "last"}], "nice": False},
        "axis": {
            "values": {"expr": "ticks"},
            "grid": False,
            "labelExpr": f"[{_MONTHS}[(start + datum.value + 11) % 12], '' + floor((start + datum.value - 1) / 12)]",
        },
    }
    y = {"type": "quantitative", "scale": scale("y"), "axis": axis("y")}
    still = {"aria": False, "tooltip": None}
    layers: list[Spec] = []
    if "P10" in told["levels"]:
        for low, high, opacity in (("p10", "p90", 0.16), ("p25", "p75", 0.28)):
            encoding = {"x": x, "y": {**y, "field": low}, "y2": {"field": high}}
            layers.append(
                {**data, "mark": {"type": "area", "color": BLUE, "opacity": opacity, **still}, "encoding": encoding}
            )
    line = {"type": "line", "color": BLUE, "strokeWidth": 2.4, **still}
    layers.append({**data, "mark": line, "encoding": {"x": x, "y": {**y, "field": "middle"}}})
    if told["planned"] is not None:
        dashed = {"type": "line", "color": INK, "strokeWidth": 1.4, "strokeDash": [5, 3], **still}
        layers.append({**data, "mark": dashed, "encoding": {"x": x, "y": {**y, "field": "plan"}}})
    ends: Spec = {"x": x, "y": {**y, "field": "place"}}
    layers.append(
        {
            "data": {"name": f"{name}-ends"},
            "mark": {"type": "rule", "color": FAINT, "aria": False},
            "encoding": {"x": x, "y": {**y, "field": "y"}, "y2": {"field": "place"}},
        }
    )
    layers += words(f"{name}-ends", ends, colored("kind", _KINDS), align="left", dx=9)
    layers += hover(name, x, _fields(told))
    return layers + (_goal_layers(f"{name}-goals", x, y) if has_goals else [])


def _goal_layers(name: str, x: Spec, y: Spec) -> list[Spec]:
    kinds = colored("kind", _KINDS)
    placed: Spec = {"x": x, "y": {**y, "field": "y"}}
    beside: Spec = {"x": x, "y": {**y, "field": "place"}}
    rule = {"type": "rule", "strokeDash": [1, 3], "aria": False}
    point = {"type": "point", "filled": True, "opacity": 1, "size": 90, "stroke": PAPER, "strokeWidth": 1.5}
    shape = {"field": "kind", "type": "nominal", "scale": {"domain": list(_KINDS), "range": list(_SHAPES.values())}}
    return [
        {
            "data": {"name": name},
            "transform": [{"filter": "datum.kind == 'target'"}],
            "mark": rule,
            "encoding": {**placed, "x2": {"datum": 0}, "color": kinds},
        },
        *words(name, {**beside, "x": {"value": 6}}, kinds, "datum.side == 'start'", align="left"),
        *words(name, beside, kinds, "datum.side == 'after'", align="left", dx=4),
        *words(name, beside, kinds, "datum.side == 'end'", align="right", dx=-4),
        {
            "data": {"name": name},
            "mark": point,
            "encoding": {
                **placed,
                "color": kinds,
                "shape": {**shape, "legend": None},
                "tooltip": tooltip(("told", "at"), ("chance", "chance")),
            },
        },
    ]


def _fields(told: Facts) -> Rows:
    middle = {"median": "median", "mean": "mean of the paths"}[told["middle"]]
    fields = [("month", "end of month"), ("middle_text", middle)]
    if "P10" in told["levels"]:
        fields += [("half_text", "P25 to P75"), ("most_text", "P10 to P90")]
    if told["planned"] is not None:
        fields.append(("plan_text", "operating plan"))
    return tooltip(*fields)


def _alt(told: Facts, goals: Rows) -> str:
    unit, levels = told["unit"], told["levels"]
    of = f" of {told['segment']}" if told["segment"] else ""
    first, last = levels[told["middle"]][0], levels[told["middle"]][-1]
    said = f"{told['what']}{of} by month: from {money(first, unit)} to a {told['middle']} of {money(last, unit)}"
    if "P10" in levels:
        said += f", P10 to P90 {between(levels['P10'][-1], levels['P90'][-1], unit)}"
    else:
        said += "; this run keeps the means of segments, so no band is known"
    if told["planned"] is not None:
        said += f"; operating plan {money(told['planned'][-1], unit)}"
    return ". ".join([said, *(f"{goal['told']}, {goal['chance']}" for goal in goals)]) + "."
