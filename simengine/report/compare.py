"""Scenarios beside each other: as plain numbers, as tables, as CSV, as the two pictures that a board looks at."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from simengine.errors import SimengineError
from simengine.report.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    PALE,
    SKY,
    SOFT,
    TEXT,
    VERMILION,
    bare,
    beside,
    drawn,
    page,
    room,
    scale_in,
    source,
)
from simengine.report.statistics import Facts, estimate
from simengine.report.tables import capital, heading, note, table, under, written
from simengine.report.words import (
    between,
    change,
    goal,
    interval_of,
    metric_name,
    number,
    percent,
    shortened,
    shortened_amid,
    what,
)

BEST, WORST = 10, 5
"""Scenarios that are shown where there are more than both together: the likeliest, and the least likely."""
ARR = "ending_arr"
_COLUMNS = 3
"""Targets side by side in a figure."""
_NAMES, _CELL = 22, 29
"""Columns of a terminal for the names of scenarios, and for a target or measure."""
_NAME, _TITLE, _SUBTITLE = 33, 130, 118
"""Signs that fit."""
_ABOUT = ("base", "draws", "seed", "level", "currency", "left_out", "simulated", "kept")
_OF_TARGET = ("metric", "period", "where", "at_least", "at_most")
_STATISTICS = ("mean", "p10", "p50", "p90")
_HEAD = (
    *("scenario", "name", "metric", "period", "unit", "statistic", "value", "lower", "upper"),
    *("change", "change_lower", "change_upper", "distinguishable", "rank"),
)


def compare_facts(compared: xr.Dataset, target: str | None = None) -> Facts:
    """A comparison as plain numbers.

    Parameters
    ----------
    compared : from `decide.batch.batch`
    target : the one that comes first, by which scenarios are shown in order; by default the first of the plan

    Raises
    ------
    SimengineError
        where there is no such target, or it is not compared
    """
    names = [str(name) for name in compared["target"].values]
    if target is not None and target not in names:
        raise SimengineError(f"{target!r} is none of the targets that are compared: {', '.join(names)}")
    if target is not None:
        compared = compared.isel(target=sorted(range(len(names)), key=lambda i: names[i] != target))
    targets = [
        {"target": str(name), "unit": unit, **{key: compared[key].values[i] for key in _OF_TARGET}}
        for i, (name, unit) in enumerate(zip(compared["target"].values, compared["target_unit"].values, strict=True))
    ]
    measures = [
        {
            "metric": str(one["measure"].item()),
            "period": one["measure_period"].item(),
            "unit": one["measure_unit"].item(),
        }
        for one in (compared.isel(measure=i) for i in range(compared.sizes["measure"]))
    ]
    return {
        **{key: compared.attrs[key] for key in _ABOUT},
        "targets": [{key: _plain(value) for key, value in one.items()} for one in targets],
        "measures": measures,
        "scenarios": [_scenario(compared.isel(scenario=i)) for i in range(compared.sizes["scenario"])],
    }


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _scenario(one: xr.Dataset) -> Facts:
    return {
        "name": str(one["scenario"].item()),
        **{key: str(one[key].item()) for key in ("story", "digest_simulated", "digest_values")},
        "targets": [
            {
                "target": str(of["target"].item()),
                "probability": estimate(of, "p"),
                "change": estimate(of, "p_change"),
                "distinguishable": bool(of["p_told"]),
                "rank": int(of["rank"]),
            }
            for of in (one.isel(target=i) for i in range(one.sizes["target"]))
        ],
        "measures": [
            {
                "metric": str(of["measure"].item()),
                **{name: estimate(of, name) for name in _STATISTICS},
                "change": estimate(of, "mean_change"),
                "distinguishable": bool(of["mean_told"]),
            }
            for of in (one.isel(measure=i) for i in range(one.sizes["measure"]))
        ],
    }


def compare_csv(told: Facts) -> str:
    """A comparison as a table for spreadsheets: a row for each scenario, target or measure, and statistic.

    Parameters
    ----------
    told : from `compare_facts`
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEAD)
    for scenario in told["scenarios"]:
        for about, one in zip(told["targets"], scenario["targets"], strict=True):
            named = scenario["name"], about["target"], about["metric"], about["period"], "fraction"
            changed = *_bounds(one["change"]), one["distinguishable"], one["rank"]
            writer.writerow([*named, "probability", *_bounds(one["probability"]), *changed])
        for about, one in zip(told["measures"], scenario["measures"], strict=True):
            named = scenario["name"], about["metric"], about["metric"], about["period"], about["unit"]
            writer.writerow(
                [*named, "mean", *_bounds(one["mean"]), *_bounds(one["change"]), one["distinguishable"], ""]
            )
            for level in _STATISTICS[1:]:
                writer.writerow([*named, level, *_bounds(one[level]), *[""] * 5])
    return out.getvalue()


def _bounds(of: Facts) -> list[float | str]:
    return ["" if math.isnan(of[key]) else of[key] for key in ("value", "lower", "upper")]


# ---- which are shown ----


def shown(told: Facts) -> tuple[list[Facts], int]:
    """Scenarios by how likely the first target is, the likeliest first, and how many are left out.

    Of many the first of the batch, the likeliest and the least likely are shown.
    """
    rows = sorted(told["scenarios"], key=lambda one: -one["targets"][0]["probability"]["value"])
    if len(rows) <= BEST + WORST + 2:
        return rows, 0
    kept = [
        one
        for place, one in enumerate(rows)
        if place < BEST or place >= len(rows) - WORST or one["name"] == told["base"]
    ]
    return kept, len(rows) - len(kept)


def _gap(told: Facts, rows: Sequence[Facts]) -> int:
    """Before which of the rows shown others are left out; the number of rows where none are."""
    return len(rows) - WORST if len(rows) < len(told["scenarios"]) else len(rows)


# ---- words ----


def sentence(told: Facts) -> str:
    """Which scenario makes the first target most likely, and by how much, as far as that can be told."""
    rows, _ = shown(told)
    target = told["targets"][0]["target"]
    base = _of_base(told)
    first, tied = rows[0], [one for one in told["scenarios"] if one["targets"][0]["rank"] == 1]
    chance = percent(first["targets"][0]["probability"]["value"])
    if len(told["scenarios"]) == 1:
        return f"P({target}) is {chance} in {first['name']}."
    if base["targets"][0]["rank"] == 1:
        if len(tied) == 1:
            return f"P({target}) is highest as planned, {chance} in {base['name']}."
        at = percent(base["targets"][0]["probability"]["value"])
        return f"P({target}) is {at} in {base['name']}, and no other scenario is likelier by more than chance."
    moved = _points(first["targets"][0]["change"])
    if len(tied) == 1:
        return f"{first['name']} makes {target} likeliest: {chance}, {moved} against {base['name']}."
    return (
        f"{first['name']} and {len(tied) - 1} more that chance cannot tell from it make {target} likeliest: "
        f"{chance}, {moved} against {base['name']}."
    )


def _of_base(told: Facts) -> Facts:
    return next(one for one in told["scenarios"] if one["name"] == told["base"])


def _points(of: Facts) -> str:
    return f"{_change(of['value'], 'fraction')} ({interval_of(of, 'fraction')})"


def _change(amount: float, unit: str) -> str:
    """A difference; one that is rounded to nothing has no sign."""
    said = change(amount, unit)
    return said[1:] if said[1:] == "0.0 pts" else said


# ---- tables ----


def compare_tables(told: Facts) -> RenderableType:
    """The finding, what each scenario is about, chances, and amounts.

    Parameters
    ----------
    told : from `compare_facts`
    """
    rows, left_out = shown(told)
    parts: list[RenderableType] = [heading("Scenarios side by side"), Text(sentence(told)), *_stories(rows)]
    parts.append(heading("How likely the targets are"))
    titles = [f"P({one['target']})\n{goal(one)}" for one in told["targets"]]
    parts.append(_Abreast(told, rows, titles, [_chances(told, i) for i in range(len(titles))]))
    parts += map(note, _chance_notes(told, left_out))
    if told["measures"]:
        parts.append(heading(f"Amounts, {told['measures'][0]['period']}"))
        titles = [capital(metric_name(one["metric"])) for one in told["measures"]]
        parts.append(_Abreast(told, rows, titles, [_amounts(told, i) for i in range(len(titles))]))
        parts.append(note("Median (P10 to P90). Below: by how much the mean differs from the first scenario (95%)."))
    return Group(*parts)


class _Abreast(NamedTuple):
    """A table of scenarios by targets or measures: in as many pieces as the width asks for."""

    told: Facts
    rows: Sequence[Facts]
    titles: Sequence[str]
    cells: Sequence[Callable[[Facts], Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        count = max(1, (options.max_width - _NAMES) // _CELL)
        for first in range(0, len(self.titles), count):
            piece = slice(first, first + count)
            yield _side_by_side(self.told, self.rows, self.titles[piece], self.cells[piece])
            if first + count < len(self.titles):
                yield Text("")


def _stories(rows: Sequence[Facts]) -> Iterator[RenderableType]:
    """What each scenario is about, in a line or two, once for those of one file."""
    found: dict[str, str] = {}
    for one in rows:
        found.setdefault(" ".join(one["story"].split()), one["name"])
    for story, name in found.items():
        if story:
            first = story.split(". ")[0].removesuffix(".")
            yield Text.assemble("\n", (name, "bold"), f": {shortened(first, 200)}.")


def _side_by_side(
    told: Facts, rows: Sequence[Facts], heads: Sequence[str], cells: Sequence[Callable[[Facts], Text]]
) -> RenderableType:
    made = table("", *heads)
    gap = _gap(told, rows)
    for place, one in enumerate(rows):
        if place == gap:
            made.add_row(Text(f"… {len(told['scenarios']) - len(rows)} more", "dim"), *[""] * len(heads))
        is_base = one["name"] == told["base"]
        made.add_row(Text(one["name"], "bold" if is_base else ""), *(cell(one) for cell in cells))
    return made


def _chances(told: Facts, place: int) -> Callable[[Facts], Text]:
    def cell(one: Facts) -> Text:
        of = one["targets"][place]
        likely = of["probability"]
        ranked = f"#{of['rank']} " if len(told["scenarios"]) > 1 else ""
        first = f"{ranked}{percent(likely['value'])} ({between(likely['lower'], likely['upper'], 'fraction')})"
        return _two_lines(first, of, "fraction", is_base=one["name"] == told["base"])

    return cell


def _amounts(told: Facts, place: int) -> Callable[[Facts], Text]:
    metric, unit = told["measures"][place]["metric"], told["measures"][place]["unit"]

    def cell(one: Facts) -> Text:
        of = one["measures"][place]
        low, median, high = (of[key]["value"] for key in ("p10", "p50", "p90"))
        spread = between(low, high, unit) if math.isfinite(low) and math.isfinite(high) else ""
        first = written(median, metric, unit) + (f" ({spread})" if spread else "")
        return _two_lines(first, of, unit, is_base=one["name"] == told["base"])

    return cell


def _two_lines(first: str, of: Facts, unit: str, *, is_base: bool) -> Text:
    """What it is, and under it by how much it differs from the first scenario."""
    moved = of["change"]
    if is_base or math.isnan(moved["value"]):
        return under(first, "" if is_base else "no mean", "bold" if is_base else "")
    if moved["value"] == moved["lower"] == moved["upper"] == 0:
        return under(first, "the same", "dim")
    second = f"{_change(moved['value'], unit)} ({interval_of(moved, unit)})"
    return under(first, second, "" if of["distinguishable"] else "dim")


def _chance_notes(told: Facts, left_out: int) -> Iterator[str]:
    if len(told["scenarios"]) > 1:
        yield (
            "#: rank; scenarios whose difference chance can explain share one (5% over all pairs). Below: difference "
            f"to {told['base']} (bold), on the same {told['draws']:,} draws (95%). Dim: it cannot be told from none "
            "(5% over all scenarios)."
        )
    if left_out:
        yield f"{left_out:,} scenarios in between are not shown here; comparison.csv has all."
    if told["left_out"]:
        yield f"Not compared: {told['left_out']}."


# ---- figures ----


def compare_figures(told: Facts, compared: xr.Dataset) -> dict[str, Figure]:
    """The pictures of a comparison by name: `chances`, and `ending_arr` where that is told.

    Parameters
    ----------
    told : from `compare_facts`
    compared : what it was made from
    """
    figures = {"chances": chances(told, compared)}
    if any(one["metric"] == ARR for one in told["measures"]):
        figures[ARR] = amounts(told, compared)
    return figures


@drawn
def chances(told: Facts, compared: xr.Dataset) -> Figure:
    """How likely the first three targets are in each scenario: dots with intervals, the likeliest first.

    Parameters
    ----------
    told : from `compare_facts`
    compared : what it was made from
    """
    rows, left_out = shown(told)
    targets = told["targets"][:_COLUMNS]
    subtitle = (
        f"Probability, and its difference to {shortened(told['base'], 33)} in points; lines: 95% intervals; "
        "grey: may be none"
    )
    gap, share = 0.02, 0.71 / len(targets)
    figure, axes = page(
        shortened(sentence(told).removesuffix("."), _TITLE),
        shortened(subtitle, _SUBTITLE),
        source(compared),
        left=0.26,
        right=0.74 - share + gap,
        bottom=0.12,
    )
    box = axes.get_position()
    axes.set_position((box.x0, box.y0, box.width, box.height - 0.06))
    box = axes.get_position()
    panels = [axes]
    for place in range(1, len(targets)):
        panels.append(bare(figure.add_axes((box.x0 + place * share, box.y0, box.width, box.height), sharey=axes)))
    for place, (panel, target) in enumerate(zip(panels, targets, strict=True)):
        _chance_panel(panel, told, rows, place)
        words = f"{shortened(target['target'], 30)}\n{shortened(f'{what(target)}: {goal(target)}', 44)}"
        small = TEXT if len(targets) < _COLUMNS else 8.0
        panel.text(0, 1.02, words, transform=panel.transAxes, size=small, va="bottom", color=INK)
    _rows(axes, told, rows, left_out)
    for panel in panels[1:]:
        panel.tick_params(labelleft=False)
    return figure


def _chance_panel(axes: Axes, told: Facts, rows: Sequence[Facts], target: int) -> None:
    likely = [one["targets"][target]["probability"] for one in rows]
    low, high = min(of["lower"] for of in likely), max(of["upper"] for of in likely)
    axes.set_xlim(room(low, max(high, low + 0.02), 0.06, 0.62))
    scale_in(axes, "x", "fraction", ticks=3)
    _shade(axes, told, rows)
    axes.axvline(_of_base(told)["targets"][target]["probability"]["value"], color=FAINT, linewidth=1, zorder=1)
    for y, one in _places(told, rows):
        of = one["targets"][target]
        is_base = one["name"] == told["base"]
        color = INK if is_base else _color(of)
        axes.plot([of["probability"]["lower"], of["probability"]["upper"]], [y, y], color=color, linewidth=1.6)
        axes.plot([of["probability"]["value"]], [y], marker="D" if is_base else "o", color=color, markersize=5.5)
        moved = "" if is_base else f" ({_change(of['change']['value'], 'fraction').removesuffix(' pts')})"
        _text(axes, of["probability"]["upper"], y, f"{percent(of['probability']['value'])}{moved}", len(rows))


def _color(of: Facts) -> str:
    if not of["distinguishable"]:
        return GREY
    return GREEN if of["change"]["value"] > 0 else VERMILION


@drawn
def amounts(told: Facts, compared: xr.Dataset) -> Figure:
    """Ending ARR of each scenario from P10 to P90, its median, the targets for it, and the mean difference.

    Parameters
    ----------
    told : from `compare_facts`
    compared : what it was made from
    """
    rows, left_out = shown(told)
    place, about = next((i, one) for i, one in enumerate(told["measures"]) if one["metric"] == ARR)
    unit = about["unit"]
    subtitle = "In 8 of 10 cases it lies on the bar; dot, the median; dashed, targets"
    figure, axes = page(_spread_finding(told, place), subtitle, source(compared), left=0.26, right=0.27, bottom=0.12)
    box = axes.get_position()
    axes.set_position((box.x0, box.y0, box.width, box.height - 0.03))
    goals = [
        one for one in told["targets"] if one["metric"] == ARR and one["period"] == about["period"] and not one["where"]
    ]
    bounds = [one["at_least"] if math.isfinite(one["at_least"]) else one["at_most"] for one in goals]
    ends = [one["measures"][place][key]["value"] for one in rows for key in ("p10", "p90")]
    axes.set_xlim(room(min(*ends, *bounds), max(*ends, *bounds), 0.05, 0.05))
    scale_in(axes, "x", unit, ticks=5)
    _shade(axes, told, rows)
    for one, bound in zip(goals, bounds, strict=True):
        axes.axvline(bound, color=INK, linewidth=1.2, linestyle=(0, (4, 2.5)), zorder=1)
        label = f"{shortened(one['target'], 24)}\n{number(bound, unit, trim=True)}"
        axes.text(bound, 1.01, label, transform=axes.get_xaxis_transform(), size=8, ha="center", va="bottom", color=INK)
    column = beside(figure, axes, width=0.25, gap=0.01)
    column.text(0, 1.01, "difference of the mean (95%)", transform=column.transAxes, size=8, va="bottom", color=SOFT)
    for y, one in _places(told, rows):
        of, is_base = one["measures"][place], one["name"] == told["base"]
        color = INK if is_base else BLUE
        axes.plot(
            [of["p10"]["value"], of["p90"]["value"]],
            [y, y],
            color=SOFT if is_base else SKY,
            linewidth=6 if len(rows) <= BEST else 4,
            solid_capstyle="butt",
        )
        axes.plot([of["p50"]["value"]], [y], marker="D" if is_base else "o", color=color, markersize=5)
        said = f"mean {number(of['mean']['value'], unit)}" if is_base else ""
        if not is_base and math.isfinite(of["change"]["value"]):
            said = f"{_change(of['change']['value'], unit)} ({interval_of(of['change'], unit)})"
        size = _size(len(rows))
        strong = is_base or of["distinguishable"]
        column.text(0, y, said, size=size, va="center", color=INK if strong else SOFT)
    _rows(axes, told, rows, left_out)
    return figure


def _spread_finding(told: Facts, place: int) -> str:
    about, unit = told["measures"][place], told["measures"][place]["unit"]
    medians = [one["measures"][place]["p50"]["value"] for one in told["scenarios"]]
    name = f"{capital(metric_name(about['metric']))} {about['period']}"
    base = number(_of_base(told)["measures"][place]["p50"]["value"], unit)
    if len(medians) == 1:
        return f"{name}: {base} at the median"
    over_all = between(min(medians), max(medians), unit)
    return shortened(f"{name}: {base} at the median in {told['base']}, {over_all} over all scenarios", _TITLE)


def _places(told: Facts, rows: Sequence[Facts]) -> Iterator[tuple[int, Facts]]:
    """Heights of the rows: a line is left free where others are not shown."""
    gap = _gap(told, rows)
    for place, one in enumerate(rows):
        yield place + (place >= gap), one


def _rows(axes: Axes, told: Facts, rows: Sequence[Facts], left_out: int) -> None:
    """Names along the left, that of the first scenario bold, and how many are not shown."""
    places = list(_places(told, rows))
    last = places[-1][0]
    axes.set_ylim(max(last, 4) + 0.6, -0.7)
    ticks = [y for y, _ in places]
    names = [shortened_amid(one["name"], _NAME) for _, one in places]
    if left_out:
        ticks.append(_gap(told, rows))
        names.append(f"… {left_out:,} more")
    axes.set_yticks(ticks, names, color=INK, size=_size(len(rows)))
    for label, one in zip(axes.get_yticklabels(), rows, strict=False):
        label.set_fontweight("bold" if one["name"] == told["base"] else "normal")
    if left_out:
        axes.get_yticklabels()[-1].set_color(SOFT)


def _shade(axes: Axes, told: Facts, rows: Sequence[Facts]) -> None:
    """A pale band behind the first scenario of the batch."""
    at = next(y for y, one in _places(told, rows) if one["name"] == told["base"])
    axes.axhspan(at - 0.45, at + 0.45, color=PALE, zorder=0, linewidth=0, alpha=0.6)


def _size(rows: int) -> float:
    return TEXT if rows <= BEST else 7.5


def _text(axes: Axes, x: float, y: float, text: str, rows: int) -> None:
    place: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    halo = [withStroke(linewidth=3, foreground="white")]
    axes.annotate(text, (x, y), (5, 0), size=min(_size(rows), 8.5), color=INK, path_effects=halo, **place)
