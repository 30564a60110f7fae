"""How a plan fares when what it watches turns out badly: facts, a table for a terminal, and a figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.report.canvas import (
    BLUE,
    GREEN,
    GREY,
    INK,
    PALE,
    SOFT,
    TEXT,
    VERMILION,
    beside,
    drawn,
    page,
    scale_in,
    source,
)
from simengine.report.information import in_unit
from simengine.report.statistics import Facts, estimate
from simengine.report.tables import chance, heading, note, points_either_way, table, under
from simengine.report.words import between, change, confidence, percent, shortened

_ABOUT = ("target", "metric", "period", "confidence", "verdict", "currency", "draws", "seed")
_SAID = ("side", "unit", "why", "owner", "activate", "verdict")
_VERDICTS = {"holds": "holds", "fails": "fails", "not told": "close", "": ""}
_NAME, _TITLE, _SUBTITLE, _ROWS = 34, 120, 110, 16
"""Signs and rows that fit."""


def robust_facts(found: xr.Dataset) -> Facts:
    """How a plan fares, as plain numbers.

    Parameters
    ----------
    found : from `decide.robust.robust`
    """
    plans = [str(name) for name in found["plan"].values]
    return {
        **{name: found.attrs[name] for name in _ABOUT},
        "names": {plan: found.attrs[f"name_{plan}"] for plan in plans},
        "probability": {plan: estimate(found.sel(plan=plan), "probability") for plan in plans},
        "cases": [_row(found.isel(case=i), plans) for i in range(found.sizes["case"])],
    }


def _row(one: xr.Dataset, plans: Sequence[str]) -> Facts:
    return {
        "name": str(one["case"].item()),
        **{name: str(one[name].item()) for name in _SAID},
        "value": float(one["value"]),
        "planned": float(one["planned"]),
        "given": {plan: estimate(one.sel(plan=plan), "given") for plan in plans},
        "loss": {plan: estimate(one.sel(plan=plan), "loss") for plan in plans},
        "loss_beyond_base": estimate(one, "loss_beyond_base"),
        "beyond_base_told": bool(one["beyond_base_told"]),
        "distinguishable": bool(one["distinguishable"]),
        "rank_group": int(one["rank_group"]),
    }


# ---- words ----


def sentence(told: Facts) -> str:
    """Whether the plan is good enough, and which of what it watches would sink it."""
    base = f"P({told['target']}) of {told['names']['chosen']} is {chance(told['probability']['chosen'])}"
    wanted = told["confidence"]
    cases = [row for row in told["cases"][:-1] if row["rank_group"]]
    if not math.isfinite(wanted):
        return f"{base}. {_worst(cases)}"
    wants = percent(wanted, 0)
    if told["verdict"] == "fails":
        return f"{base}, less than the {wants} that is wanted even as it is. {_worst(cases)}"
    if told["verdict"] == "not told":
        return f"{base}; whether that is the {wants} that is wanted cannot be told. {_worst(cases)}"
    sinks = [row["name"] for row in told["cases"][:-1] if row["verdict"] == "fails"]
    if not sinks:
        return f"{base}, above the {wants} that is wanted. Nothing on the watch list alone sinks it."
    return f"{base}, above the {wants} that is wanted. Each of these alone sinks it: {', '.join(sinks)}."


def _worst(cases: Sequence[Facts]) -> str:
    if not cases:
        return "Nothing on the watch list changes it by more than noise."
    first = [row["name"] for row in cases if row["rank_group"] == 1]
    loss = change(cases[0]["loss"]["chosen"]["value"], "fraction")
    apart = " (not told apart)" if len(first) > 1 else ""
    return f"Most would be lost with {', '.join(first)}{apart}: {loss}."


def _badly(row: Facts, currency: str) -> str:
    """How it turns out: the value at its adverse tenth, or that an event happens."""
    if row["side"] == "happens":
        return "it happens"
    if row["side"] == "fails":
        return "it does not happen"
    if not math.isfinite(row["value"]):
        return "early" if row["side"] == "high" else "late" if row["side"] == "low" else ""
    return f"{in_unit(row['value'], row['unit'], currency)}, plan {in_unit(row['planned'], row['unit'], currency)}"


# ---- the table ----


def robust_table(told: Facts) -> RenderableType:
    """What each entry of the watch list would cost the plan, beside the base plan.

    Parameters
    ----------
    told : from `robust_facts`
    """
    two = "base" in told["names"]
    columns = ["chosen\nplan", "change", *(["base\nplan", "loses\nless"] if two else []), "wanted"]
    made = table("if it turns out badly", *columns)
    for row in told["cases"]:
        if not row["side"]:
            made.add_section()
        style = "" if row["distinguishable"] else "dim"
        name = under(row["name"], _badly(row, told["currency"]))
        name.stylize(style)
        base = [percent(row["given"]["base"]["value"]), _less(row)] if two else []
        made.add_row(
            name,
            _chance(row["given"]["chosen"], style),
            points_either_way(row["loss"]["chosen"], style),
            *base,
            Text(_VERDICTS[row["verdict"]], _color(row["verdict"])),
        )
    made.add_section()
    level = [percent(told["probability"]["base"]["value"]), ""] if two else []
    last = Text(_VERDICTS[told["verdict"]], _color(told["verdict"]))
    made.add_row(Text("as it is", "bold"), _chance(told["probability"]["chosen"], ""), "", *level, last)
    return Group(
        heading(f"What would sink {told['target']}?"), Text(sentence(told)), Text(""), made, *map(note, _notes(told))
    )


def _chance(found: Facts, style: str) -> Text:
    return under(percent(found["value"]), between(found["lower"], found["upper"], "fraction"), style)


def _less(row: Facts) -> str:
    if not row["beyond_base_told"]:
        return "—"
    return "chosen" if row["loss_beyond_base"]["value"] > 0 else "base"


def _color(word: str) -> str:
    return {"holds": "green", "fails": "red"}.get(word, "dim")


def _notes(told: Facts) -> Iterator[str]:
    yield (
        "Each at its adverse tenth, and what hangs together with it where that takes it; all else as it is, on the "
        "same draws. A risk happens. Below: 95% intervals. Dim: cannot be told from no change."
    )
    yield "All at once is far rarer than a tenth: it shows the direction, not a forecast."
    if math.isfinite(told["confidence"]):
        yield (
            f"Wanted: {confidence(told['confidence'])}. It holds, or fails, where the whole interval does; close where "
            "that cannot be told."
        )
    if "base" in told["names"]:
        names = told["names"]
        yield f"Chosen: {names['chosen']}. Base: {names['base']}. Loses less: told at 5% over all rows."
    for row in told["cases"]:
        if row["activate"] and row["verdict"] == "fails":
            yield f"If {row['name']} turns out badly, the plan says: {row['activate']}"


# ---- the figure ----


@drawn
def robust_dots(told: Facts, ds: xr.Dataset) -> Figure:
    """From the plan as it is to each case: the probability of the chosen plan, the base beside it, and what is wanted.

    Parameters
    ----------
    told : from `robust_facts`
    ds : the dataset that it is of
    """
    rows = [*told["cases"][:-1][:_ROWS], told["cases"][-1]]
    subtitle = f"P({told['target']}) with each entry of the watch list at its adverse tenth; lines: 95% intervals"
    figure, axes = page(_finding(told), shortened(subtitle, _SUBTITLE), source(ds), left=0.27, right=0.29)
    now = told["probability"]["chosen"]["value"]
    axes.axvline(now, color=BLUE, linewidth=1, linestyle=":")
    if math.isfinite(told["confidence"]):
        axes.axvline(told["confidence"], color=INK, linewidth=1)
    for place, row in enumerate(rows):
        _dots(axes, place, row, now)
    axes.set_xlim(0, 1)
    axes.set_ylim(max(len(rows), 5) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [shortened(row["name"], _NAME) for row in rows], color=INK)
    scale_in(axes, "x", "fraction", ticks=5)
    _heads(axes, told, now)
    then = beside(figure, axes, width=0.25, gap=0.025)
    then.set_xlim(0, 1)
    for place, row in enumerate(rows):
        then.text(0, place, change(row["loss"]["chosen"]["value"], "fraction"), size=TEXT, va="center", color=INK)
        words = shortened(_badly(row, told["currency"]).partition(", plan ")[0], 24)
        then.text(0.36, place, words, size=TEXT, va="center", color=SOFT)
    return figure


def _dots(axes: Axes, place: int, row: Facts, now: float) -> None:
    found = row["given"]["chosen"]
    color = {"fails": VERMILION, "holds": GREEN}.get(row["verdict"], BLUE)
    axes.plot([found["value"], now], [place, place], color=PALE, linewidth=4, solid_capstyle="butt", zorder=1)
    if "base" in row["given"]:
        axes.plot([row["given"]["base"]["value"]], [place], marker="D", color=GREY, markersize=6, zorder=2)
    axes.plot([found["lower"], found["upper"]], [place, place], color=INK, linewidth=1, zorder=3)
    axes.plot([found["value"]], [place], marker="o", color=color, markersize=7, zorder=4)


def _heads(axes: Axes, told: Facts, now: float) -> None:
    """Name the lines above the axes, and the marks."""
    style: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "size": TEXT, "va": "bottom"}
    wanted = told["confidence"]
    is_left = math.isfinite(wanted) and now <= wanted
    axes.text(now, 1.015, f"as it is {percent(now, 0)} ", ha="right" if is_left else "left", color=BLUE, **style)
    if math.isfinite(wanted):
        axes.text(wanted, 1.015, f" wanted {percent(wanted, 0)}", ha="left" if is_left else "right", color=INK, **style)
    if "base" in told["names"]:
        axes.text(0, 1.015, "◆ base plan", ha="left", color=SOFT, **style)


def _finding(told: Facts) -> str:
    sinks = [row["name"] for row in told["cases"][:-1] if row["verdict"] == "fails"]
    goal = f"P({told['target']})"
    if told["verdict"] == "holds":
        if not sinks:
            return shortened(f"Nothing on the watch list alone sinks {told['target']}", _TITLE)
        more = f", as would {len(sinks) - 1} more" if len(sinks) > 1 else ""
        return shortened(f"{sinks[0]} at its adverse tenth would sink {told['target']}{more}", _TITLE)
    cases = [row for row in told["cases"][:-1] if row["rank_group"]]
    if not cases:
        return shortened(f"Nothing on the watch list changes {goal} by more than noise", _TITLE)
    first, loss = cases[0], change(cases[0]["loss"]["chosen"]["value"], "fraction")
    return shortened(f"{first['name']} at its adverse tenth moves {goal} by {loss}", _TITLE)
