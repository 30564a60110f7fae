"""Why a probability changed between two runs: as plain numbers, as a table, as a waterfall."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.explain.intervals import Z95
from simengine.report.canvas import (
    GREEN,
    GREY,
    INK,
    PALE,
    SOFT,
    TEXT,
    VERMILION,
    bare,
    drawn,
    page,
    room,
    scale_in,
    source,
)
from simengine.report.information import in_unit
from simengine.report.statistics import Facts, bounded, estimate
from simengine.report.tables import heading, note, table, under
from simengine.report.words import between, change, interval_of, metric_name, number, points_between, shortened

SHOWN = 12
"""Beliefs that have a row of their own in the table."""
DRAWN = 8
"""Beliefs that have a bar of their own in the figure."""
NAMED = 3
"""Causes that the sentence names."""
_MOST_CHANGES = 6
"""Changes of a section that the table spells out."""
_ROW = re.compile(r"\.(rows\.)?\d+\.")
"""In a key: a row of a table."""
_NOISE_NOTE = "Simulation error: what is left to the finite draws of the runs."
_RESULTS = ("probability", "value")
_ABOUT = ("target", "metric", "period", "better", "permutations", "paths", "seed", "level")
_FLAG = {"probability": "distinguishable", "value": "value_distinguishable"}
_NAME, _TITLE, _SUBTITLE = 33, 130, 118
"""Signs that fit."""


def walk_facts(walked: xr.Dataset, most: int | None = None) -> Facts:
    """A walk as plain numbers.

    Parameters
    ----------
    walked : from `learn.walk.walk`
    most : beliefs with a row of their own; the others are one row, with their common interval
    """
    attrs = walked.attrs
    return {
        **{key: attrs[key] for key in _ABOUT},
        "unit": attrs["units"],
        "currency": attrs["currency"],
        **{
            f"{end}_run": {
                "plan": attrs[f"plan_{end}"],
                "version": attrs[f"version_{end}"],
                "draws": attrs[f"draws_{end}"],
            }
            for end in ("old", "new")
        },
        **{name: {end: estimate(walked, f"{name}_{end}") for end in ("old", "new", "change")} for name in _RESULTS},
        "bars": list(_bars(walked, most)),
        "changes": [
            {field: str(walked[field].values[i]) for field in ("changed_by", "section", "key", "was", "now")}
            for i in range(walked.sizes["change"])
        ],
    }


def _bars(walked: xr.Dataset, most: int | None) -> Iterator[Facts]:
    beliefs = [i for i, kind in enumerate(walked["kind"].values) if kind in ("belief", "other beliefs")]
    single = [i for i in beliefs if walked["kind"].values[i] == "belief"]
    pooled = [] if most is None or len(single) <= most else [i for i in beliefs if i not in single[:most]]
    for i in range(walked.sizes["player"]):
        if i not in pooled:
            yield _bar(walked, i)
        elif i == pooled[-1]:
            yield _pooled(walked, pooled)


def _bar(walked: xr.Dataset, i: int) -> Facts:
    one = walked.isel(player=i, other=i)
    return {
        "name": str(one["player"].item()),
        **{key: one[key].item() for key in ("kind", "beliefs", "rank_group", "median_old", "median_new", "unit")},
        **{name: {**estimate(one, name), "distinguishable": bool(one[_FLAG[name]])} for name in _RESULTS},
    }


def _pooled(walked: xr.Dataset, places: Sequence[int]) -> Facts:
    """Several bars as one."""
    found: Facts = {
        "name": "other beliefs",
        "kind": "other beliefs",
        "beliefs": int(walked["beliefs"].values[list(places)].sum()),
        "rank_group": 0,
        "median_old": math.nan,
        "median_new": math.nan,
        "unit": "",
    }
    for name in _RESULTS:
        total = math.fsum(walked[name].values[list(places)])
        variance = float(walked[f"{name}_covariance"].values[np.ix_(places, places)].sum())
        margin = Z95 * math.sqrt(max(0.0, variance))
        told = bounded((total, total - margin, total + margin))
        found[name] = {**told, "distinguishable": abs(total) > margin}
    return found


# ---- words ----


def sentence(told: Facts) -> str:
    """What changed and why, in one sentence.

    Parameters
    ----------
    told : from `walk_facts`
    """
    moved, unit = told["probability"], told["unit"]
    said = f"P({told['target']}) {_went(moved, 'fraction')}"
    causes = [
        bar for bar in told["bars"] if bar["probability"]["distinguishable"] and bar["kind"] != "simulation error"
    ]
    causes.sort(key=lambda bar: -abs(bar["probability"]["value"]))
    if causes:
        said += ": " + ", ".join(f"{_label(bar)} {_points(bar['probability'])}" for bar in causes[:NAMED])
    elif len(told["bars"]) > 1:
        said += "; nothing that changed can be told from noise"
    else:
        said += "; nothing that is simulated differs between the two plans"
    if math.isfinite(told["value"]["change"]["value"]):
        said += f". Expected {_about(told)} {_went(told['value'], unit)}"
    return said + "."


def _about(told: Facts) -> str:
    return f"{metric_name(told['metric'])} {told['period']}"


def _went(moved: Facts, unit: str) -> str:
    before, now = (number(moved[end]["value"], unit) for end in ("old", "new"))
    if before == now:
        return f"is {now}, as before"
    side = "rose" if moved["change"]["value"] > 0 else "fell"
    within = moved["change"]["lower"] <= 0 <= moved["change"]["upper"]
    return f"{side} from {before} to {now}" + (" (within noise)" if within else "")


def _points(bar: Facts) -> str:
    return f"{change(bar['value'], 'fraction')} ({points_between(bar)})"


def _label(bar: Facts) -> str:
    if bar["kind"] == "other beliefs":
        return f"{bar['beliefs']} other belief{'s' if bar['beliefs'] > 1 else ''}"
    return str(bar["name"])


def _moved(bar: Facts, currency: str) -> str:
    """The median of a belief, before and after."""
    if bar["kind"] != "belief":
        return ""
    unit = bar["unit"]
    ends = [in_unit(bar[f"median_{end}"], unit, currency) for end in ("old", "new")]
    if ends[0] == ends[1]:
        return f"{ends[1]} at the median, as before"
    return f"{ends[0].removesuffix(' per ' + unit.partition(' per ')[2])} → {ends[1]}"


# ---- the table ----


def walk_table(told: Facts) -> RenderableType:
    """The sentence, the bars, and what was edited.

    Parameters
    ----------
    told : from `walk_facts`
    """
    has_value = math.isfinite(told["value"]["change"]["value"])
    heads = (f"P({told['target']})", f"expected\n{_about(told)}") if has_value else (f"P({told['target']})",)
    made = table("", *heads)
    made.add_row(Text(_run_of(told, "old"), "bold"), *_level(told, "old"))
    for bar in told["bars"]:
        if bar["kind"] == "simulation error":
            made.add_section()
        is_told = bar["probability"]["distinguishable"] or bar["value"]["distinguishable"]
        name = under(_label(bar), f"  {_moved(bar, told['currency'])}" if _moved(bar, told["currency"]) else "")
        name.stylize("" if is_told else "dim")
        made.add_row(name, *(_cell(bar[name_], unit) for name_, unit in _columns(told)))
    made.add_row(Text(_run_of(told, "new"), "bold"), *_level(told, "new"))
    made.add_row(
        "change in all",
        *(_cell({**told[name_]["change"], "distinguishable": True}, unit) for name_, unit in _columns(told)),
    )
    return Group(
        heading(f"Why did P({told['target']}) change?"), Text(sentence(told)), Text(""), made, *map(note, _notes(told))
    )


def _run_of(told: Facts, end: str) -> str:
    run, other = told[f"{end}_run"], told["new_run" if end == "old" else "old_run"]
    name = run.get("name", "last run" if end == "old" else "this run")
    said = run["version"] if run["version"] != other["version"] else ""
    return f"{name} ({said})" if said else name


def _columns(told: Facts) -> list[tuple[str, str]]:
    has_value = math.isfinite(told["value"]["change"]["value"])
    return [("probability", "fraction"), *([("value", told["unit"])] if has_value else [])]


def _level(told: Facts, end: str) -> list[Text]:
    return [
        under(
            number(told[name][end]["value"], unit),
            between(told[name][end]["lower"], told[name][end]["upper"], unit),
            "bold",
        )
        for name, unit in _columns(told)
    ]


def _cell(bar: Facts, unit: str) -> Text:
    return under(change(bar["value"], unit), _span(bar, unit), "" if bar["distinguishable"] else "dim")


def _span(bar: Facts, unit: str) -> str:
    return "" if bar["lower"] == bar["upper"] else interval_of(bar, unit)


def _notes(told: Facts) -> Iterator[str]:
    yield (
        "Each row is what changed with it, averaged over all orders in which things could have changed (Shapley); "
        "they add up. Below: 95% intervals. Dim: cannot be told from zero, and is not ranked."
    )
    exact = all(bar["probability"]["lower"] == bar["probability"]["upper"] == 0 for bar in told["bars"][-1:])
    yield (
        ("Both runs have one seed and share all chance: the other bars make up the change." if exact else _NOISE_NOTE)
        + f" {told['paths']:,} new paths, {told['permutations']:,} orders."
    )
    if not math.isfinite(told["value"]["change"]["value"]):
        yield f"The expected value is left out: {metric_name(told['metric'])} is infinite or undefined on some paths."
    for by, said in (
        ("facts", "Facts"),
        ("plan edits", "Plan edits"),
        ("facts and plan edits", "Facts and plan edits"),
    ):
        own = [one for one in told["changes"] if one["changed_by"] == by]
        for section in dict.fromkeys(one["section"] for one in own):
            yield f"{said}, {section}: {_listed([one for one in own if one['section'] == section])}"
    if any(bar["kind"] == "facts and plan edits" for bar in told["bars"]):
        yield "Facts and plan edits are one bar: neither plan makes sense with the facts of the other."


def _inside(key: str) -> str:
    """A key without its section."""
    return key.split(".", 1)[-1]


def _listed(changes: Sequence[Facts]) -> str:
    values = [one for one in changes if not _ROW.search(one["key"])]
    rows = [_ROW.split(one["key"], maxsplit=1)[0] for one in changes if one not in values]
    shown = [f"{_inside(one['key'])} {one['was'] or 'none'} → {one['now'] or 'none'}" for one in values]
    shown += [f"{rows.count(table_)} values of {_inside(table_)}" for table_ in dict.fromkeys(rows)]
    rest = len(shown) - _MOST_CHANGES
    more = f", and {rest} more" if rest > 0 else ""
    return ", ".join(shown[:_MOST_CHANGES]) + more


# ---- the figure ----


def waterfall(told: Facts, ds: xr.Dataset) -> Figure:
    """From the last run to this one, bar by bar: the probability beside the expected value.

    Parameters
    ----------
    told : from `walk_facts`, with `DRAWN` beliefs at most
    ds : the result of the new run
    """
    return in_bars(told, source(ds))


@drawn
def in_bars(told: Facts, foot: str) -> Figure:
    """The same, with another line at the foot."""
    subtitle = (
        "Each bar is averaged over all orders, and all add up; lines are 95% intervals; grey cannot be told from zero"
    )
    columns = _columns(told)
    wide = 0.33 if len(columns) == 2 else 0.7
    figure, axes = page(_finding(told), shortened(subtitle, _SUBTITLE), foot, left=0.27, right=0.73 - wide, bottom=0.11)
    box = axes.get_position()
    axes.set_position((box.x0, box.y0, box.width, box.height - 0.03))
    panels = [axes]
    if len(columns) == 2:
        box = axes.get_position()
        panels.append(bare(figure.add_axes((box.x1 + 0.035, box.y0, wide, box.height), sharey=axes)))
    names = [_run_of(told, "old"), *(_label(bar) for bar in told["bars"]), _run_of(told, "new")]
    for panel, (name, unit) in zip(panels, columns, strict=True):
        good = told["better"] if name == "value" else "high"
        _panel(panel, told, name, unit, good == "high")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [shortened(one, _NAME) for one in names], color=INK)
    for label in (axes.get_yticklabels()[0], axes.get_yticklabels()[-1]):
        label.set_fontweight("bold")
    for panel in panels[1:]:
        panel.tick_params(labelleft=False)
    return figure


def _finding(told: Facts) -> str:
    causes = [
        bar for bar in told["bars"] if bar["probability"]["distinguishable"] and bar["kind"] != "simulation error"
    ]
    said = f"P({told['target']}) {_went(told['probability'], 'fraction')}"
    if not causes:
        return shortened(said, _TITLE)
    first = max(causes, key=lambda bar: abs(bar["probability"]["value"]))
    return shortened(f"{said}: {_label(first)} {change(first['probability']['value'], 'fraction')}", _TITLE)


def _panel(axes: Axes, told: Facts, name: str, unit: str, up_is_good: bool) -> None:
    bars, old, new = told["bars"], told[name]["old"], told[name]["new"]
    heights = old["value"] + np.cumsum([0.0, *(bar[name]["value"] for bar in bars)])
    ends = [*heights, *(old[end] for end in ("lower", "upper")), *(new[end] for end in ("lower", "upper"))]
    ends += [before + bar[name][end] for before, bar in zip(heights, bars, strict=False) for end in ("lower", "upper")]
    axes.set_xlim(room(min(ends), max(ends), 0.04, 0.3))
    scale_in(axes, "x", unit, ticks=4)
    for place, bar in enumerate(bars, start=1):
        one, before = bar[name], float(heights[place - 1])
        is_good = (one["value"] > 0) == up_is_good
        color = (
            GREY if not one["distinguishable"] or bar["kind"] == "simulation error" else GREEN if is_good else VERMILION
        )
        axes.barh(place, one["value"], left=before, color=color, height=0.56)
        low, high = before + one["lower"], before + one["upper"]
        axes.plot([low, high], [place, place], color=INK, linewidth=1)
        style = {"color": INK if one["distinguishable"] else SOFT}
        _beside(axes, max(before, float(heights[place]), high), place, change(one["value"], unit), **style)
    for place, level in enumerate(heights):
        axes.plot([level, level], [place, place + 1], color=SOFT, linewidth=0.8, zorder=1)
    for place, level in ((0, old), (len(bars) + 1, new)):
        axes.axhspan(place - 0.42, place + 0.42, color=PALE, zorder=0, linewidth=0)
        axes.plot([level["lower"], level["upper"]], [place, place], color=INK, linewidth=1)
        axes.plot([level["value"]], [place], marker="D", color=INK, markersize=5)
        _beside(axes, level["upper"], place, number(level["value"], unit), weight="bold", color=INK)
    title = "probability" if name == "probability" else f"expected {_about(told)}"
    axes.text(0, 1.015, title, transform=axes.transAxes, size=TEXT, va="bottom", color=INK)


def _beside(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    place: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(text, (x, y), (5, 0), size=TEXT, **place, **style)
