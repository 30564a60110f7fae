"""Words of Vega-Lite that every chart uses: axes in a unit, labels with a halo, what stands in a tooltip."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from simengine.report.canvas import apart
from simengine.report.palette import FONT, themed
from simengine.report.words import money

Spec = dict[str, Any]
Rows = list[dict[str, Any]]

INK, SOFT, GREY, FAINT, PALE, PAPER = (themed(name) for name in ("ink", "soft", "grey", "faint", "pale", "paper"))
BLUE, SKY, GREEN, ORANGE, VERMILION = (themed(name) for name in ("blue", "sky", "green", "orange", "vermilion"))

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""A name; nothing is fetched from it."""
HEIGHT, ROW = 320, 30
"""Pixels of a chart with a scale upward, and of a row in one that lists names."""
TEXT = 12
"""Pixels."""
LINE = 1.35 * TEXT
_SCALES = ((0.9995e9, 1e9, "B"), (0.9995e6, 1e6, "M"), (0.9995e4, 1e3, "k"), (0.0, 1.0, ""))
_CONFIG: Spec = {
    "font": FONT,
    "background": None,
    "view": {"stroke": None},
    "text": {"font": FONT, "fontSize": TEXT, "fill": INK},
    "axis": {
        "labelFont": FONT,
        "labelFontSize": TEXT,
        "labelColor": SOFT,
        "labelOverlap": "greedy",
        "labelSeparation": 8,
        "labelPadding": 6,
        "domain": False,
        "ticks": False,
        "gridColor": PALE,
        "title": None,
    },
    "legend": {
        "labelFont": FONT,
        "labelFontSize": TEXT,
        "labelColor": INK,
        "labelLimit": 0,
        "symbolType": "square",
        "symbolStrokeWidth": 0,
        "title": None,
        "orient": "top",
        "offset": 4,
    },
    "aria": True,
}


def chart(layers: Sequence[Spec], datasets: Mapping[str, Rows], params: Iterable[Spec], height: int, alt: str) -> Spec:
    """A specification that is as wide as its container."""
    return {
        "$schema": SCHEMA,
        "description": alt,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding", "resize": True},
        "padding": {"left": 2, "right": 2, "top": 4, "bottom": 2},
        "config": _CONFIG,
        "params": list(params),
        "datasets": dict(datasets),
        "layer": list(layers),
    }


def axis_params(which: Literal["x", "y"], unit: str, low: float, high: float) -> Rows:
    """Parameters of an axis: its ends, and how its numbers are written."""
    sign, divisor, tail = _writing(unit, max(abs(low), abs(high)))
    values = {"low": _whole(low), "high": _whole(high), "sign": sign, "divisor": divisor, "tail": tail}
    return [{"name": f"{which}_{key}", "value": value} for key, value in values.items()]


def _writing(unit: str, size: float) -> tuple[str, float, str]:
    if unit == "fraction":
        return "", 0.01, "%"
    if unit.isupper():
        _, divisor, letter = next(form for form in _SCALES if size >= form[0])
        return money(1.0, unit).removesuffix("1"), divisor, letter
    return "", 1.0, ""


def _whole(value: float) -> float:
    """A number that JSON can write."""
    return float(value) if math.isfinite(value) else 0.0


def scale(which: Literal["x", "y"], *, before: int = 0, after: int = 0) -> Spec:
    """The scale of an axis with `axis_params`; along x with pixels left free for words before and after the rest."""
    low, high = f"{which}_low", f"{which}_high"
    if before or after:
        pixel = f"({high} - {low}) / max(60, width - {before + after})"
        low, high = f"{low} - {before} * {pixel}", f"{high} + {after} * {pixel}"
    return {"domain": [{"expr": low}, {"expr": high}], "nice": False, "zero": False}


def axis(which: Literal["x", "y"], *, ticks: int = 6, title: str | None = None, **more: Any) -> Spec:
    """An axis with `axis_params`: a pale grid, numbers as `words.number` writes them."""
    size = f"format(abs(datum.value) / {which}_divisor, ',.2~f')"
    tail = f"(datum.value == 0 && {which}_tail != '%' ? '' : {which}_tail)"
    written = f"(datum.value < 0 ? '−' : '') + {which}_sign + {size} + {tail}"
    bound: Spec = {"labelBound": True} if which == "x" else {}
    count: Any = {"expr": f"containerSize()[0] < 480 ? {max(3, ticks // 2)} : {ticks}"} if which == "x" else ticks
    named = (
        {"title": title, "titleColor": SOFT, "titleFontWeight": "normal", "titleFontSize": TEXT, "titleFont": FONT}
        if title
        else {}
    )
    return {"grid": True, "tickCount": count, "labelExpr": written, **bound, **named, **more}


def names(field: str = "name") -> Spec:
    """An axis of names, in the order of the rows; a long one is cut, and whole in the tooltip."""
    limit = {"expr": "containerSize()[0] < 480 ? 130 : 230"}
    return {
        "field": field,
        "type": "nominal",
        "sort": None,
        "axis": {"labelLimit": limit, "labelColor": INK, "grid": False, "labelOverlap": False},
    }


def words(data: str, encoding: Spec, color: Any = INK, where: str | None = None, **mark: Any) -> list[Spec]:
    """Text of the field `text`, on a halo of the paper's colour; `where` is an expression on its rows."""
    base: Spec = {"type": "text", "baseline": "middle", "aria": False, **mark}
    kept: Spec = {"transform": [{"filter": where}]} if where else {}
    placed = {**encoding, "text": {"field": "text", "type": "nominal"}}
    colored = {"encoding": {**placed, "color": color}} if isinstance(color, dict) else {"encoding": placed}
    ink = {} if isinstance(color, dict) else {"fill": color}
    halo = {**base, "fill": PAPER, "stroke": PAPER, "strokeWidth": 4, "strokeJoin": "round"}
    return [
        {"data": {"name": data}, **kept, "mark": halo, "encoding": placed},
        {"data": {"name": data}, **kept, "mark": {**base, **ink}, **colored},
    ]


def tooltip(*fields: tuple[str, str]) -> Rows:
    """What stands in a tooltip: fields of text, and what each is."""
    return [{"field": field, "type": "nominal", "title": title} for field, title in fields]


def hover(data: str, x: Spec, fields: Rows) -> list[Spec]:
    """A line at the place along x that is nearest to the pointer, with a tooltip."""
    at: Spec = {"name": "at", "select": {"type": "point", "on": "pointerover", "nearest": True, "clear": "pointerout"}}
    at["select"]["encodings"] = ["x"]
    seen = {"condition": {"param": "at", "empty": False, "value": 0.7}, "value": 0}
    # What lies around a place has its mark as datum, and that has the row.
    told = ", ".join(f"{json.dumps(one['title'])}: (datum.datum || datum).{one['field']}" for one in fields)
    return [
        {
            "data": {"name": data},
            "params": [at],
            "mark": {
                "type": "rule",
                "color": SOFT,
                "strokeWidth": 1,
                "aria": False,
                "tooltip": {"expr": f"{{{told}}}"},
            },
            "encoding": {"x": x, "opacity": seen},
        }
    ]


def heights(values: Sequence[float], low: float, high: float, pixels: int = HEIGHT) -> list[float]:
    """Where labels at these values stand, moved apart as little as they must be."""
    gap = LINE / pixels * (high - low)
    return apart(list(values), gap, low, high)


def colored(field: str, ranges: Mapping[str, str], legend: Sequence[str] = ()) -> Spec:
    """A colour for each kind of row; a legend has those that no label names."""
    columns = {"expr": "containerSize()[0] < 480 ? 1 : 3"}
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(ranges), "range": list(ranges.values())},
        "legend": {"values": list(legend), "columns": columns} if legend else None,
    }
