"""The cockpit's three pictures: where ARR may go, how likely each amount is, what the result hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simengine.cockpit.live import FAN, Answer
from simengine.report.canvas import room
from simengine.report.charts import Chart
from simengine.report.charts.grammar import (
    BLUE,
    GREY,
    HEIGHT,
    INK,
    ORANGE,
    PAPER,
    ROW,
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
    names,
    scale,
    tooltip,
    words,
)
from simengine.report.words import between, metric_name, money, number, percent, shortened

MOST_BARS = 8
_NUMBER = 56
"""Pixels of a number beside a bar."""
_LEVELS = {f"p{round(100 * level)}": i for i, level in enumerate(FAN)}
_ENDS = {"in its lowest fifth": ORANGE, "in its highest fifth": BLUE, "may be chance": GREY}
_Z95 = 1.96


def fan(answer: Answer, currency: str, what: str) -> Chart:
    """The course by month: bands and the middle, and the middle of what it is held against."""
    last = len(answer.months) - 1
    rows: Rows = []
    for t, month in enumerate(answer.months):
        row: dict[str, Any] = {key: float(answer.fan[i, t]) for key, i in _LEVELS.items()}
        row |= {"t": t, "month": month, "held": float(answer.held_fan[_LEVELS["p50"], t])}
        row["middle_text"] = money(row["p50"], currency)
        row["most_text"] = between(row["p10"], row["p90"], currency)
        row["held_text"] = money(row["held"], currency)
        rows.append(row)
    low, high = room(min(row["p10"] for row in rows), max(row["p90"] for row in rows), 0.06, 0.06)
    goal = _goal(answer, low, high)
    if goal:
        low, high = room(min(low, goal[0]["y"]), max(high, goal[0]["y"]), 0.02, 0.04)
    ends: Rows = [
        {"kind": "band", "y": rows[-1]["p90"], "text": f"P90 {money(rows[-1]['p90'], currency)}"},
        {"kind": "middle", "y": rows[-1]["p50"], "text": f"median {money(rows[-1]['p50'], currency)}"},
        {"kind": "band", "y": rows[-1]["p10"], "text": f"P10 {money(rows[-1]['p10'], currency)}"},
    ]
    if abs(rows[-1]["held"] - rows[-1]["p50"]) > 0.002 * (high - low):
        ends.append({"kind": "held", "y": rows[-1]["held"], "text": f"A {money(rows[-1]['held'], currency)}"})
    for end, place in zip(ends, heights([end["y"] for end in ends], low, high), strict=True):
        end |= {"t": last, "place": place}
    title = f"{what}: {between(rows[-1]['p10'], rows[-1]['p90'], currency)} in 8 of 10 cases, {answer.months[-1]}"
    alt = f"{what} by month. {title}; median {rows[-1]['middle_text']}, A {rows[-1]['held_text']}."
    params = [*axis_params("y", currency, low, high), {"name": "last", "value": last}]
    data = {"fan": rows, "fan-ends": ends, "fan-goal": goal}
    return Chart("fan", title, alt, chart(_fan_layers(answer.months), data, params, HEIGHT, alt))


def _goal(answer: Answer, low: float, high: float) -> Rows:
    """The target, where it is one of the same amount in one of the months."""
    target, month = answer.target, answer.goal_month
    if month is None:
        return []
    asked = target.at_least if target.at_least is not None else target.at_most
    return [{"t": month, "y": float(asked or 0.0), "text": shortened(target.name, 24)}]


def _fan_layers(months: Sequence[str]) -> list[Spec]:
    data = {"data": {"name": "fan"}}
    every = 1 if len(months) <= 6 else 3 if len(months) <= 24 else 6
    values = [t for t in range(len(months)) if t % every == every - 1 or every == 1]
    labels = {t: months[t] for t in values}
    x: Spec = {
        "field": "t",
        "type": "quantitative",
        "scale": {"domain": [0, {"expr": "last"}], "nice": False},
        "axis": {"values": values, "grid": False, "labelExpr": f"({_json(labels)})[datum.value]"},
    }
    y: Spec = {"type": "quantitative", "scale": scale("y"), "axis": axis("y", ticks=5)}
    still: Spec = {"aria": False, "tooltip": None}
    layers: list[Spec] = []
    for low, high, opacity in (("p10", "p90", 0.16), ("p25", "p75", 0.28)):
        encoding = {"x": x, "y": {**y, "field": low}, "y2": {"field": high}}
        layers.append(
            {**data, "mark": {"type": "area", "color": BLUE, "opacity": opacity, **still}, "encoding": encoding}
        )
    dashed: Spec = {"type": "line", "color": INK, "strokeWidth": 1.4, "strokeDash": [5, 3], **still}
    layers.append({**data, "mark": dashed, "encoding": {"x": x, "y": {**y, "field": "held"}}})
    line: Spec = {"type": "line", "color": BLUE, "strokeWidth": 2.4, **still}
    layers.append({**data, "mark": line, "encoding": {"x": x, "y": {**y, "field": "p50"}}})
    kinds = colored("kind", {"middle": BLUE, "band": SOFT, "held": INK})
    ends: Spec = {"x": x, "y": {**y, "field": "place"}}
    layers += words("fan-ends", ends, kinds, align="left", dx=8)
    fields = tooltip(
        ("month", "month"), ("middle_text", "median"), ("most_text", "P10 to P90"), ("held_text", "median of A")
    )
    layers += hover("fan", x, fields)
    placed: Spec = {"x": x, "y": {**y, "field": "y"}}
    layers.append(
        {
            "data": {"name": "fan-goal"},
            "mark": {"type": "rule", "color": VERMILION, "strokeDash": [2, 3], "aria": False},
            "encoding": {"y": {**y, "field": "y"}},
        }
    )
    point: Spec = {"type": "point", "filled": True, "opacity": 1, "shape": "diamond", "size": 90, "color": VERMILION}
    layers.append({"data": {"name": "fan-goal"}, "mark": {**point, "aria": False}, "encoding": placed})
    beside: Spec = {"x": {"value": 6}, "y": {**y, "field": "y"}}
    layers += words("fan-goal", beside, VERMILION, align="left", dy=-9)
    return layers


def curve(answer: Answer, currency: str) -> Chart:
    """How likely each amount is, here and in what it is held against."""
    target, unit = answer.target, answer.unit
    side = "at least" if target.at_least is not None else "at most"
    asked = float(target.at_least if target.at_least is not None else target.at_most or 0.0)
    rows: Rows = [
        {
            "amount": float(x),
            "chance": float(p),
            "held": float(q),
            "amount_text": f"{side} {number(float(x), unit)}",
            "chance_text": percent(float(p)),
            "held_text": percent(float(q)),
        }
        for x, p, q in zip(answer.at, answer.curve, answer.held_curve, strict=True)
    ]
    here, there = answer.probability.value, answer.held.value
    marks: Rows = [{"kind": "now", "y": here, "text": f"B {percent(here)}"}]
    if abs(here - there) >= 0.002:
        marks.append({"kind": "held", "y": there, "text": f"A {percent(there)}"})
    for mark, place in zip(marks, heights([mark["y"] for mark in marks], 0.0, 1.0), strict=True):
        mark |= {"x": asked, "place": place}
    goal: Rows = [{"x": asked, "text": f"target {number(asked, unit, trim=True)}"}]
    low, high = room(float(answer.at[0]), float(answer.at[-1]), 0.0, 0.0)
    about = f"{metric_name(target.metric)} {target.period}"
    title = f"Chance that {about} is {side} each amount"
    alt = f"{title}: B {percent(here)} for {number(asked, unit)}, A {percent(there)}."
    params = [*axis_params("x", unit, low, high), *axis_params("y", "fraction", 0.0, 1.0)]
    data = {"curve": rows, "curve-marks": marks, "curve-goal": goal}
    return Chart("curve", title, alt, chart(_curve_layers(), data, params, HEIGHT - 60, alt))


def _curve_layers() -> list[Spec]:
    data = {"data": {"name": "curve"}}
    x: Spec = {"type": "quantitative", "scale": scale("x"), "axis": axis("x", ticks=5)}
    y: Spec = {"type": "quantitative", "scale": scale("y"), "axis": axis("y", ticks=5)}
    along: Spec = {"x": {**x, "field": "amount"}, "order": {"field": "amount"}}
    still: Spec = {"aria": False, "tooltip": None}
    dashed: Spec = {"type": "line", "color": INK, "strokeWidth": 1.4, "strokeDash": [5, 3], **still}
    line: Spec = {"type": "line", "color": BLUE, "strokeWidth": 2.6, **still}
    goal: Spec = {"x": {**x, "field": "x"}}
    kinds = colored("kind", {"now": BLUE, "held": INK})
    point: Spec = {"type": "point", "filled": True, "opacity": 1, "size": 70, "stroke": PAPER, "strokeWidth": 1.5}
    placed: Spec = {"x": {**x, "field": "x"}, "y": {**y, "field": "y"}}
    fields = tooltip(("amount_text", "amount"), ("chance_text", "B"), ("held_text", "A"))
    return [
        {"data": {"name": "curve-goal"}, "mark": {"type": "rule", "color": VERMILION, "aria": False}, "encoding": goal},
        {**data, "mark": dashed, "encoding": {**along, "y": {**y, "field": "held"}}},
        {**data, "mark": line, "encoding": {**along, "y": {**y, "field": "chance"}}},
        *hover("curve", {**x, "field": "amount"}, fields),
        {
            "data": {"name": "curve-marks"},
            "mark": {**point, "aria": False},
            "encoding": {**placed, "color": kinds},
        },
        *words("curve-marks", {**placed, "y": {**y, "field": "place"}}, kinds, align="left", dx=9),
        *words("curve-goal", {**goal, "y": {"value": 8}}, VERMILION, align="right", dx=-6),
    ]


def order(answer: Answer) -> list[str]:
    """Names of everything uncertain, the widest bar first; those that chance may explain come last."""
    swing = np.abs(answer.bars.high - answer.bars.low)
    is_sure = swing > _Z95 * answer.bars.error
    return [answer.names[i] for i in sorted(range(len(swing)), key=lambda i: (not is_sure[i], -swing[i]))]


def sure(answer: Answer) -> set[str]:
    """Names whose bars chance does not explain."""
    swing = np.abs(answer.bars.high - answer.bars.low)
    return {name for name, is_sure in zip(answer.names, swing > _Z95 * answer.bars.error, strict=True) if is_sure}


def tornado(answer: Answer, ordered: Sequence[str], known: set[str]) -> Chart:
    """Bars in a given order: the result where each input is in its lowest and in its highest fifth.

    Parameters
    ----------
    ordered, known : from `order` and `sure`, of the last answer of many paths: bars do not jump by noise
    """
    unit = answer.unit
    place = {name: i for i, name in enumerate(answer.names)}
    rows: Rows = []
    for name in [name for name in ordered if name in place][:MOST_BARS]:
        low, high = float(answer.bars.low[place[name]]), float(answer.bars.high[place[name]])
        swing = f"{number(abs(high - low), unit)} between its fifths"
        for value, said, other in ((low, "in its lowest fifth", high), (high, "in its highest fifth", low)):
            rows.append(
                {
                    "name": name,
                    "kind": said if name in known else "may be chance",
                    "side": "left" if value <= other else "right",
                    "centre": answer.mean,
                    "value": value,
                    "text": number(value, unit),
                    "end_text": said,
                    "swing_text": swing,
                }
            )
    ends = [row[key] for row in rows for key in ("value", "centre")]
    low, high = room(min(ends), max(ends), 0.02, 0.02) if ends else (0.0, 1.0)
    about = f"{metric_name(answer.target.metric)} {answer.target.period}"
    widest = rows[0]["name"] if rows else "nothing"
    title = f"{about[0].upper()}{about[1:]} hangs most on {shortened(widest, 40)}"
    alt = f"Mean {about} where each assumption is in its lowest or highest fifth. " + ", ".join(
        f"{row['name']} {row['end_text']}: {row['text']}" for row in rows[:6]
    )
    height = max(2, len(rows) // 2) * ROW + 30
    return Chart(
        "tornado", title, alt, chart(_bars(), {"tornado": rows}, axis_params("x", unit, low, high), height, alt)
    )


def _bars() -> list[Spec]:
    data = {"data": {"name": "tornado"}}
    y = names()
    x: Spec = {"type": "quantitative", "scale": scale("x", before=_NUMBER, after=_NUMBER), "axis": axis("x", ticks=4)}
    bar: Spec = {"x": {**x, "field": "centre"}, "x2": {"field": "value"}, "y": y, "color": colored("kind", _ENDS)}
    bar["tooltip"] = tooltip(
        ("name", "assumption"), ("end_text", "where it is"), ("text", "the result"), ("swing_text", "in all")
    )
    placed: Spec = {"x": {**x, "field": "value"}, "y": y}
    centre = {"x": {**x, "field": "centre", "aggregate": "max"}}
    return [
        {**data, "mark": {"type": "bar", "height": {"band": 0.62}}, "encoding": bar},
        {**data, "mark": {"type": "rule", "color": INK, "aria": False}, "encoding": centre},
        *words("tornado", placed, where="datum.side == 'left'", align="right", dx=-5, fontSize=11),
        *words("tornado", placed, where="datum.side == 'right'", align="left", dx=5, fontSize=11),
    ]


def _json(labels: dict[int, str]) -> str:
    return "{" + ", ".join(f"'{t}': '{label}'" for t, label in labels.items()) + "}"
