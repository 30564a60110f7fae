"""What the levers of a plan are worth: facts, tables for a terminal, and a figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.report.canvas import (
    BLUE,
    GREY,
    INK,
    SOFT,
    TEXT,
    VERMILION,
    beside,
    drawn,
    page,
    room,
    scale_in,
    source,
)
from simengine.report.statistics import Facts, estimate
from simengine.report.tables import chance, heading, margin, note, points_either_way, table, under
from simengine.report.words import (
    MISSING,
    change,
    lever_amount,
    money,
    percent,
    points,
    points_between,
    shortened,
    shortened_amid,
)
from simengine.results.outputs import OUTPUTS

_ABOUT = (
    *("target", "metric", "period", "confidence", "year", "until", "currency", "money", "budget"),
    *("too_late", "beyond_limits", "draws", "seed", "paths"),
)
_WORTH = ("gain", "first_step", "per_step", "per_money", "per_week")
_BESIDE = ("ending_arr", "sm_spend", "cac_payback", "net_burn", "lowest_cash")
_HEADS = {
    "ending_arr": "ending\nARR",
    "sm_spend": "S&M",
    "cac_payback": "CAC payback,\nmonths",
    "net_burn": "net\nburn",
    "lowest_cash": "lowest\ncash",
}
_LABELS = ("lever", "kind", "owner", "start", "decide_by")
_NUMBERS = ("amount", "step_amount", "steps", "cost", "saved_per_week")
_NAME, _TITLE, _SUBTITLE, _BARS = 34, 120, 110, 14
"""Signs and bars that fit."""


def lever_facts(found: xr.Dataset) -> Facts:
    """The worth of levers as plain numbers.

    Parameters
    ----------
    found : from `decide.worth.worth`
    """
    return {
        **{name: found.attrs[name] for name in _ABOUT},
        "probability": estimate(found, "probability"),
        "targets": [
            {"name": str(name), "probability": estimate(found.sel(target=name), "target_probability")}
            for name in found["target"].values
        ],
        "beside": {name: float(found[name]) for name in _BESIDE},
        "levers": [_row(found.isel(choice=i)) for i in range(found.sizes["choice"])],
    }


def _row(one: xr.Dataset) -> Facts:
    return {
        "name": str(one["choice"].item()),
        **{name: str(one[name].item()) for name in _LABELS},
        "within_limits": bool(one["within_limits"]),
        **{name: float(one[name]) for name in _NUMBERS},
        **{name: estimate(one, name) for name in _WORTH},
        "distinguishable": bool(one["distinguishable"]),
        "rank_group": int(one["rank_group"]),
        "money_rank_group": int(one["money_rank_group"]),
        **{f"{name}_change": estimate(one, f"{name}_change") for name in _BESIDE},
        "targets": {str(name): estimate(one.sel(target=name), "target_change") for name in one["target"].values},
    }


# ---- words ----


def sentence(told: Facts) -> str:
    """Which lever does most, and which buys most, in one or two sentences."""
    base = f"P({told['target']}) is {chance(told['probability'])}."
    ours = _told(told)
    if not ours:
        return f"{base} No lever changes it by more than noise."
    if ours[0]["gain"]["value"] < 0:
        return f"{base} No lever raises it at its whole range; {len(ours)} of {len(told['levers']) - 1} lower it."
    first = [row for row in ours if row["rank_group"] == ours[0]["rank_group"]]
    said = f"{base} Most does {_either(first)}: {change(ours[0]['gain']['value'], 'fraction')} at its whole range"
    paid = [row for row in ours if row["money_rank_group"] == 1 and row["gain"]["value"] > 0]
    if paid:
        paid.sort(key=lambda row: -row["per_money"]["value"])
        amount = f"{change(paid[0]['per_money']['value'], 'fraction')} per {_round(told)}"
        said += f". By money most does {_either(paid)}: {amount}"
    return f"{said}."


def _told(told: Facts) -> list[Facts]:
    """Levers whose gain can be told from nothing, largest first."""
    return [row for row in told["levers"] if row["rank_group"]]


def _either(rows: Sequence[Facts]) -> str:
    names = [row["name"] for row in rows]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}, which are not told apart"


def _round(told: Facts) -> str:
    return money(told["money"], told["currency"], trim=True)


def _amount(row: Facts) -> str:
    """How far a lever is moved.

    >>> _amount({"kind": "hires", "amount": 5.0}), _amount({"kind": "spend", "amount": 1.5})
    ('+5 people', 'x1.5')
    """
    people = f" {'person' if abs(row['amount']) == 1 else 'people'}" if row["kind"] == "hires" else ""
    return f"{lever_amount(row['amount'], row['kind'])}{people}"


def _about(row: Facts) -> str:
    """Under a lever's name: how far, from when; who decides, by when."""
    start = f"from {row['start']}" if row["start"] else ""
    decided = f"{row['owner']} by {row['decide_by']}" if row["decide_by"] else row["owner"]
    return f"{_amount(row)} {start}".strip() + f"\n{decided}"


# ---- tables ----


def lever_tables(told: Facts) -> RenderableType:
    """What each lever is worth, and what it does beside.

    Parameters
    ----------
    told : from `lever_facts`
    """
    return Group(
        heading(f"What is each lever worth for {told['target']}?"),
        Text(sentence(told)),
        Text(""),
        _worth(told),
        *map(note, _notes(told)),
        heading(f"What does it do beside, in {told['year']}?"),
        _beside(told),
        note("Change of the mean; of CAC payback the median change. Below: 95% intervals, either way."),
        *_others(told),
    )


def _worth(told: Facts) -> RenderableType:
    made = table("lever", "gain", "cost", "a step", f"per\n{_round(told)}", "a week\nlater")
    for row in told["levers"]:
        is_all = not row["lever"]
        if is_all:
            made.add_section()
        name = under(row["name"], "whatever the limits say" if is_all and not row["within_limits"] else "")
        if not is_all:
            name = under(row["name"], _about(row))
        style = "" if row["distinguishable"] else "dim"
        name.stylize(style)
        made.add_row(
            name,
            _points(row["gain"], style),
            money(row["cost"], told["currency"]),
            *(Text(points(row[key]["value"]), style) for key in ("per_step", "per_money")),
            Text("") if is_all else _points(_loss(row["per_week"]), style),
        )
    return made


def _loss(estimate_: Facts) -> Facts:
    """What a delay does: the other sign of what it loses."""
    return {"value": -estimate_["value"] + 0.0, "lower": -estimate_["upper"], "upper": -estimate_["lower"]}


def _points(found: Facts, style: str) -> Text:
    """A difference of probabilities with its interval, in points."""
    if not math.isfinite(found["value"]):
        return Text(MISSING, "dim")
    return under(points(found["value"]), points_between(found), style)


def _notes(told: Facts) -> Iterator[str]:
    yield (
        "Points of probability. Gain: at its whole range, as far as the limits let it alone; a step: the gain over its "
        f"steps. Costs until {told['until']}. Below: 95% intervals, all on the same draws. Dim: cannot be told from "
        "nothing, and is not ranked."
    )
    groups: dict[int, list[str]] = {}
    for row in _told(told):
        groups.setdefault(row["rank_group"], []).append(row["name"])
    ties = [names for names in groups.values() if len(names) > 1]
    for names in ties:
        yield f"Not told apart by gain: {', '.join(names)}."
    every = told["levers"][-1]
    if not every["within_limits"] and math.isfinite(told["budget"]):
        yield (
            f"All together cost {money(every['cost'], told['currency'])}; the limits of the plan allow "
            f"{money(told['budget'], told['currency'], trim=True)}, or fewer people a month."
        )
    if told["too_late"]:
        yield f"Too late to decide: {', '.join(told['too_late'])}."
    if told["beyond_limits"]:
        yield f"The limits allow no step of {', '.join(told['beyond_limits'])}."


def _beside(told: Facts) -> RenderableType:
    made = table("lever", *(_HEADS[name] for name in _BESIDE))
    for row in told["levers"]:
        if not row["lever"]:
            made.add_section()
        made.add_row(Text(row["name"]), *(_change(row[f"{name}_change"], name, told["currency"]) for name in _BESIDE))
    made.add_section()
    made.add_row(
        Text("the plan as it is", "bold"),
        *(_level(told["beside"][name], name, told["currency"]) for name in _BESIDE),
    )
    return made


def _level(value: float, name: str, currency: str) -> str:
    unit = OUTPUTS[name].attributes(currency)["units"]
    return f"{value:.1f}" if unit == "months" else money(value, currency)


def _change(found: Facts, name: str, currency: str) -> Text:
    if not math.isfinite(found["value"]):
        return Text(MISSING, "dim")
    style = "dim" if found["lower"] <= 0 <= found["upper"] else ""
    if OUTPUTS[name].attributes(currency)["units"] == "months":
        return under(f"{found['value']:+.1f}".replace("-", "−"), f"±{margin(found):.1f}", style)
    return under(change(found["value"], currency), f"±{money(margin(found), currency)}", style)


def _others(told: Facts) -> Iterator[RenderableType]:
    """Other targets that levers move: what is gained here may be lost there."""
    names = [
        other["name"]
        for other in told["targets"][1:]
        if any(_is_clear(row["targets"][other["name"]]) for row in told["levers"])
    ]
    if not names:
        return
    yield heading("What does it do to other targets?")
    made = table("lever", *(_folded(name) for name in names))
    for row in told["levers"]:
        if not row["lever"]:
            made.add_section()
        cells = (row["targets"][name] for name in names)
        made.add_row(Text(row["name"]), *(points_either_way(cell, "" if _is_clear(cell) else "dim") for cell in cells))
    made.add_section()
    base = {other["name"]: percent(other["probability"]["value"]) for other in told["targets"]}
    made.add_row(Text("the plan as it is", "bold"), *(base[name] for name in names))
    yield made
    yield note("Points of probability, with 95% intervals either way. Dim: the interval holds zero.")


def _folded(name: str) -> str:
    return "\n".join(shortened(word, 12) for word in name.split(" "))


def _is_clear(found: Facts) -> bool:
    return bool(found["lower"] > 0 or found["upper"] < 0)


# ---- the figure ----


@drawn
def lever_bars(told: Facts, ds: xr.Dataset) -> Figure:
    """Gain of every lever with its interval; beside it what it costs, and what that buys.

    Parameters
    ----------
    told : from `lever_facts`
    ds : the dataset that it is of
    """
    rows = told["levers"][:-1][:_BARS]
    subtitle = shortened(
        f"P({told['target']}), each lever alone at its whole range; lines: 95% intervals; grey: may be nothing",
        _SUBTITLE,
    )
    figure, axes = page(_finding(told), subtitle, source(ds), left=0.3, right=0.42)
    for place, row in enumerate(rows):
        gain, told_apart = row["gain"], row["distinguishable"]
        color = GREY if not told_apart else BLUE if gain["value"] > 0 else VERMILION
        axes.barh(place, gain["value"], color=color, height=0.6)
        axes.plot([gain["lower"], gain["upper"]], [place, place], color=INK, linewidth=1)
        _outside(axes, max(gain["value"], gain["upper"]), place, change(gain["value"], "fraction"), told_apart)
    axes.axvline(0, color=SOFT, linewidth=0.8)
    ends = [end for row in rows for end in (row["gain"]["lower"], row["gain"]["upper"], 0.0)]
    axes.set_xlim(room(min(ends), max(ends), 0.04, 0.3))
    axes.set_ylim(max(len(rows), 5) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [shortened_amid(row["name"], _NAME) for row in rows], color=INK)
    scale_in(axes, "x", "fraction", ticks=4)
    _costs(figure, axes, rows, told)
    return figure


def _costs(figure: Figure, axes: Axes, rows: Sequence[Facts], told: Facts) -> None:
    """Columns of words to the right: how far, what it costs, what a step of money buys, what cash falls by."""
    then = beside(figure, axes, width=0.375, gap=0.02)
    then.set_xlim(0, 1)
    columns = (
        (0.0, "left", "moved"),
        (0.48, "right", "cost"),
        (0.74, "right", f"per {_round(told)}"),
        (1.0, "right", "lowest cash"),
    )
    for x, side, head in columns:
        then.text(x, 1.015, head, transform=then.transAxes, size=TEXT, va="bottom", ha=side, color=INK)
    for place, row in enumerate(rows):
        per = row["per_money"]["value"] if row["distinguishable"] else math.nan
        words = (
            _amount(row),
            money(row["cost"], told["currency"]),
            change(per, "fraction") if math.isfinite(per) else "",
            _cash(row, told["currency"]),
        )
        for (x, side, _), word in zip(columns, words, strict=True):
            then.text(x, place, word, size=TEXT, va="center", ha=side, color=SOFT)


def _cash(row: Facts, currency: str) -> str:
    found = row["lowest_cash_change"]
    return change(found["value"], currency) if math.isfinite(found["value"]) and _is_clear(found) else ""


def _outside(axes: Axes, x: float, y: float, text: str, is_told: bool) -> None:
    place = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(text, (x, y), (5, 0), size=TEXT, color=INK if is_told else SOFT, **place)  # type: ignore[arg-type]


def _finding(told: Facts) -> str:
    ours = [row for row in _told(told) if row["gain"]["value"] > 0]
    goal = f"P({told['target']})"
    if not ours:
        return shortened(f"No lever alone raises {goal} by more than noise", _TITLE)
    first = [row for row in ours if row["rank_group"] == ours[0]["rank_group"]]
    gain = change(ours[0]["gain"]["value"], "fraction")
    others = f", as {'does' if len(first) == 2 else 'do'} {len(first) - 1} more" if len(first) > 1 else ""
    return shortened(f"{ours[0]['name']} raises {goal} most: {gain}{others}", _TITLE)
