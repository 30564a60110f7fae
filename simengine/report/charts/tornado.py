"""What moves the result, in its unit."""

from __future__ import annotations

import math

from simengine.report.canvas import room
from simengine.report.charts import Chart
from simengine.report.charts.grammar import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    ROW,
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
from simengine.report.statistics import Facts
from simengine.report.tornado import MOST_BARS, event_ends, tornado_finding
from simengine.report.words import at_most, between, change, interval_of, metric_name, number, percent

_ENDS = {"in its lowest fifth": ORANGE, "in its highest fifth": BLUE, "may be chance": GREY}
_NUMBER = 62
"""Pixels of the number at the end of a bar."""


def tornado_chart(told: Facts, name: str = "tornado") -> Chart:
    """Bars from `report.drivers.drivers`: the result where an assumption is in its lowest and in its highest fifth."""
    rows, unit = tornado_rows(told), told["unit"]
    about = f"{metric_name(told['metric'])} {told['period']}"
    ends = [row[key] for row in rows for key in ("low", "high", "centre")]
    low, high = room(min(ends), max(ends), 0.01, 0.01)
    finding = tornado_finding(told)
    first = ", ".join(f"{row['name']} {row['text']}" for row in rows[:6])
    alt = f"{about[0].upper()}{about[1:]} where each assumption is in its lowest or highest fifth. {finding}. {first}."
    kinds = [kind for kind in _ENDS if any(row["kind"] == kind for row in rows)]
    params = axis_params("x", unit, low, high)
    return Chart(name, finding, alt, chart(_layers(name, kinds), {name: rows}, params, ROW * len(rows) // 2 + 20, alt))


def tornado_rows(told: Facts, most: int = MOST_BARS) -> Rows:
    """Two rows an assumption, one for each end, the largest share of the variance first."""
    unit = told["unit"]
    centre = float(told["mean"] if told["mean"] is not None else told["p50"])
    rows: Rows = []
    for place, driver in enumerate(told["assumptions"][:most]):
        ends = (driver["metric_bottom_fifth"], driver["metric_top_fifth"])
        if not all(math.isfinite(end["value"]) for end in ends):
            continue
        lower = ends[0]["value"] <= ends[1]["value"]
        for end, leftward, said in zip(ends, (lower, not lower), list(_ENDS), strict=False):
            rows.append(
                {
                    "name": driver["name"] + event_ends(driver),
                    "place": place,
                    "kind": said if driver["distinguishable"] else "may be chance",
                    "side": "left" if leftward else "right",
                    "centre": centre,
                    "value": end["value"],
                    "low": end["lower"],
                    "high": end["upper"],
                    "text": number(end["value"], unit),
                    "end_text": said,
                    "value_text": f"{number(end['value'], unit)} (95%: {between(end['lower'], end['upper'], unit)})",
                    "swing_text": f"{change(driver['swing']['value'], unit)} ({interval_of(driver['swing'], unit)})",
                    "share_text": _share(driver),
                }
            )
    return rows


def _share(driver: Facts) -> str:
    share = driver["share"]
    if not driver["distinguishable"]:
        return at_most(share)
    return f"{percent(share['value'])} ({between(share['lower'], share['upper'], 'fraction')})"


def _layers(name: str, kinds: list[str]) -> list[Spec]:
    data = {"data": {"name": name}}
    y = names()
    x: Spec = {"type": "quantitative", "scale": scale("x", before=_NUMBER, after=_NUMBER), "axis": axis("x", ticks=5)}
    bar: Spec = {"x": {**x, "field": "centre"}, "x2": {"field": "value"}, "y": y}
    bar |= {
        "color": colored("kind", _ENDS, kinds),
        "tooltip": tooltip(
            ("name", "assumption"),
            ("end_text", "where it is"),
            ("value_text", "the result"),
            ("swing_text", "lowest to highest"),
            ("share_text", "share of variance"),
        ),
    }
    placed: Spec = {"x": {**x, "field": "low"}, "y": y}
    return [
        {**data, "mark": {"type": "bar", "height": {"band": 0.62}}, "encoding": bar},
        {
            **data,
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1, "aria": False},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y},
        },
        {
            **data,
            "mark": {"type": "rule", "color": INK, "aria": False},
            "encoding": {"x": {**x, "field": "centre", "aggregate": "max"}},
        },
        *words(name, placed, where="datum.side == 'left'", align="right", dx=-5, fontSize=11),
        *words(
            name,
            {**placed, "x": {**x, "field": "high"}},
            where="datum.side == 'right'",
            align="left",
            dx=5,
            fontSize=11,
        ),
    ]
