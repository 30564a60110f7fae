"""How likely each amount is."""

from __future__ import annotations

from simengine.report.canvas import room
from simengine.report.charts import Chart
from simengine.report.charts.grammar import (
    BLUE,
    GREEN,
    HEIGHT,
    INK,
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
from simengine.report.exceedance import mark_words
from simengine.report.statistics import Facts
from simengine.report.words import between, number, percent, what

_KINDS = {"target": VERMILION, "commit": GREEN, "operating plan": INK, "quantile": SOFT}


def exceedance_chart(told: Facts, name: str = "exceedance") -> Chart:
    """The curve from `report.exceedance.exceedance_facts`, with the target, the commit number and the plan on it."""
    rows, marks = exceedance_rows(told), _marks(told)
    amounts = [*(row["amount"] for row in rows), *(mark["amount"] for mark in marks)]
    low, high = room(min(amounts), max(amounts), 0.02, 0.03)
    for mark, place in zip(marks, heights([mark["chance"] for mark in marks], 0.0, 1.0), strict=True):
        mark |= {"place": place, "edge": high}
    params = [*axis_params("x", told["unit"], low, high), *axis_params("y", "fraction", 0.0, 1.0)]
    target = told["target"]
    side = "at least" if told["at_least"] else "at most"
    chance = target["probability"]
    alt = (
        f"Chance that {what(target)} is {side} each amount. {told['finding']}: {percent(chance['value'])} "
        f"({between(chance['lower'], chance['upper'], 'fraction')}). "
        + ", ".join(str(mark["text"]) for mark in marks)
        + "."
    )
    spec = chart(_layers(name, told), {name: rows, f"{name}-marks": marks}, params, HEIGHT, alt)
    return Chart(name, told["finding"], alt, spec)


def exceedance_rows(told: Facts) -> Rows:
    """A row a point of the curve."""
    side = "at least" if told["at_least"] else "at most"
    return [
        {
            "amount": float(amount),
            "chance": float(chance),
            "amount_text": f"{side} {number(amount, told['unit'])}",
            "chance_text": percent(chance),
        }
        for amount, chance in zip(told["amounts"], told["chances"], strict=True)
    ]


def _marks(told: Facts) -> Rows:
    return [
        {
            "kind": mark["name"] if mark["name"] in _KINDS else "quantile",
            "amount": mark["amount"],
            "chance": mark["chance"],
            "text": mark_words(mark, told["unit"]),
        }
        for mark in told["marks"]
    ]


def _layers(name: str, told: Facts) -> list[Spec]:
    x: Spec = {
        "type": "quantitative",
        "scale": scale("x"),
        "axis": axis("x", title=f"{what(told['target'])} {'at least' if told['at_least'] else 'at most'}"),
    }
    y: Spec = {"type": "quantitative", "scale": scale("y"), "axis": axis("y", ticks=5)}
    kinds = colored("kind", _KINDS)
    marks = {"data": {"name": f"{name}-marks"}}
    line: Spec = {"type": "line", "color": BLUE, "strokeWidth": 2.6, "aria": False, "tooltip": None}
    curve: Spec = {"x": {**x, "field": "amount"}, "y": {**y, "field": "chance"}, "order": {"field": "amount"}}
    edge: Spec = {"x": {**x, "field": "edge"}, "y": {**y, "field": "place"}}
    dotted: Spec = {"type": "rule", "strokeDash": [1, 3], "aria": False}
    level: Spec = {
        "x": {**x, "field": "amount"},
        "x2": {"field": "edge"},
        "y": {**y, "field": "chance"},
        "color": kinds,
    }
    point: Spec = {"type": "point", "filled": True, "opacity": 1, "stroke": PAPER, "strokeWidth": 1.5, "size": 80}
    shape = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(_KINDS), "range": ["diamond", "circle", "square", "circle"]},
        "legend": None,
    }
    placed: Spec = {"x": {**x, "field": "amount"}, "y": {**y, "field": "chance"}, "color": kinds, "shape": shape}
    return [
        {"data": {"name": name}, "mark": line, "encoding": curve},
        {**marks, "mark": dotted, "encoding": level},
        {
            **marks,
            "transform": [{"filter": "datum.kind == 'target'"}],
            "mark": {"type": "rule", "color": VERMILION, "aria": False},
            "encoding": {"x": {**x, "field": "amount"}, "y": {**y, "field": "chance"}, "y2": {"datum": 0}},
        },
        *words(f"{name}-marks", edge, kinds, align="left", dx=6),
        *hover(name, {**x, "field": "amount"}, tooltip(("amount_text", "amount"), ("chance_text", "chance"))),
        {**marks, "mark": point, "encoding": {**placed, "tooltip": tooltip(("text", "mark"))}},
    ]
