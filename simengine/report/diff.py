"""What differs between two plans and what it does: as plain numbers, as a table, as a waterfall."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.decide.changes import Change
from simengine.decide.findings import NOISE, Bar, Diff, Effect
from simengine.explain.intervals import Bounded
from simengine.plan.schema import Plan
from simengine.plan.targets import unit_of
from simengine.report.statistics import Facts, bounded
from simengine.report.tables import heading, note, table, under
from simengine.report.walk import in_bars, sentence
from simengine.report.words import between, change, interval_of, metric_name, number, shortened

_ROW = re.compile(r"^(?P<table>.*?)\.?\b\d+\.\w+$")
"""A value of a row of a table."""
_MOST_NEW = 3
"""Values of a thing that is new, or gone, which have a row each; more are told together."""
_NAME = 36


def list_facts(old: Plan, new: Plan, found: Sequence[Change]) -> Facts:
    """What differs as plain data, where nothing was simulated.

    Parameters
    ----------
    old, new : the plans
    found : from `decide.changes.changes`
    """
    return {
        "same": not found,
        "old": _plan(old),
        "new": _plan(new),
        "changes": [_change(one) for one in found],
        "effect": None,
    }


def diff_facts(found: Diff) -> Facts:
    """What differs and what it does as plain numbers.

    Parameters
    ----------
    found : from `decide.diff.diff`
    """
    told = list_facts(found.old, found.new, found.changes)
    return told if found.effect is None else {**told, "effect": _effect(found.effect, found.new.plan.currency)}


def _plan(plan: Plan) -> Facts:
    header = plan.plan
    return {
        "name": header.name,
        "version": header.version,
        "scenario": "" if plan.scenario is None else plan.scenario.name,
        "as_of": "" if header.as_of is None else header.as_of.isoformat(),
        "digest_simulated": plan.digest_simulated,
        "digest_document": plan.digest_document,
    }


def _change(one: Change) -> Facts:
    part = None if one.part is None else one.part.label
    return {**one._asdict(), "key": one.key, "part": part}


def _effect(effect: Effect, currency: str) -> Facts:
    target = effect.target
    return {
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "better": "low" if target.at_least is None else "high",
        "unit": unit_of(target.metric, currency),
        "currency": currency,
        **{
            name: {end: bounded(getattr(effect, f"{name}_{end}")) for end in ("old", "new", "change")}
            for name in ("probability", "value")
        },
        "bars": [_bar(bar) for bar in effect.bars],
        **{key: getattr(effect, key) for key in ("draws", "orders", "paths", "seed")},
        "level": 0.95,
    }


def _bar(bar: Bar) -> Facts:
    def told(numbers: Bounded, clear: bool) -> Facts:
        return {**bounded(numbers), "distinguishable": clear}

    return {
        "name": bar.label,
        "kind": NOISE if bar.label == NOISE else "part",
        "parts": list(bar.parts),
        "rank": bar.rank,
        "probability": told(bar.probability, bar.distinguishable),
        "value": told(bar.value, bar.value_distinguishable),
    }


# ---- the table ----


def diff_table(told: Facts) -> RenderableType:
    """What each part that differs does; then every value that differs, part by part.

    Parameters
    ----------
    told : from `diff_facts` or `list_facts`
    """
    if told["same"]:
        return Text("The two plans say the same.")
    effect, changes = told["effect"], told["changes"]
    if effect is None:
        return Group(heading(f"What differs: {_counted(len(changes), 'value')}"), _listed(_by_thing(changes)))
    others = [one for one in changes if one["part"] is None]
    groups = {part: [one for one in changes if one["part"] == part] for bar in effect["bars"] for part in bar["parts"]}
    bars: list[RenderableType] = [Text(""), _bars_table(effect, _ends(told))] if effect["bars"] else []
    return Group(
        heading(f"What each change does to P({effect['target']})"),
        Text(_sentence(effect)),
        *bars,
        *map(note, _notes(effect, others)),
        heading(f"What differs: {_counted(len(changes), 'value')}"),
        _listed({**groups, **_by_thing(others, "not simulated: ")}),
    )


def _by_thing(changes: Sequence[Facts], before: str = "") -> dict[str, list[Facts]]:
    things = dict.fromkeys(one["thing"] for one in changes)
    return {before + thing: [one for one in changes if one["thing"] == thing] for thing in things}


def _listed(groups: Mapping[str, Sequence[Facts]]) -> Table:
    made = table("what", "was", "now", "who", texts=4)
    for name, changes in groups.items():
        made.add_row(Text(name, "bold"))
        for row in _rows(changes, name):
            made.add_row(*row)
    return made


def _sentence(effect: Facts) -> str:
    none = {"value": 0.0, "distinguishable": False}
    return sentence({**effect, "bars": [*effect["bars"], {"kind": NOISE, "probability": none}]})


def _ends(told: Facts) -> dict[str, str]:
    """What the two plans are called where they stand side by side."""
    names = {end: told[end]["scenario"] or told[end]["name"] for end in ("old", "new")}
    if names["old"] == names["new"]:
        names = {end: " ".join(filter(None, (names[end], told[end]["version"]))) for end in names}
    return names if names["old"] != names["new"] else {"old": "first plan", "new": "second plan"}


def _columns(effect: Facts) -> list[tuple[str, str]]:
    has_value = math.isfinite(effect["value"]["change"]["value"])
    return [("probability", "fraction"), *([("value", effect["unit"])] if has_value else [])]


def _bars_table(effect: Facts, ends: Mapping[str, str]) -> Table:
    columns = _columns(effect)
    about = f"expected\n{metric_name(effect['metric'])} {effect['period']}"
    heads = ["rank", f"P({shortened(effect['target'], 24)})", *([about] if len(columns) > 1 else [])]
    made = table("", *heads)
    made.add_row(Text(ends["old"], "bold"), "", *_levels(effect, "old", columns))
    for bar in effect["bars"]:
        is_told = any(bar[name]["distinguishable"] for name, _ in columns)
        rank = str(bar["rank"]) if bar["rank"] else "" if bar["kind"] == NOISE else "noise"
        made.add_row(Text(bar["name"], "" if is_told else "dim"), rank, *(_cell(bar[q], unit) for q, unit in columns))
    made.add_row(Text(ends["new"], "bold"), "", *_levels(effect, "new", columns))
    total = [_cell({**effect[name]["change"], "distinguishable": True}, unit) for name, unit in columns]
    made.add_row("change in all", "", *total)
    return made


def _levels(effect: Facts, end: str, columns: Sequence[tuple[str, str]]) -> list[Text]:
    told = [(effect[name][end], unit) for name, unit in columns]
    return [under(number(one["value"], unit), between(one["lower"], one["upper"], unit), "bold") for one, unit in told]


def _cell(told: Facts, unit: str) -> Text:
    return under(change(told["value"], unit), _span(told, unit), "" if told["distinguishable"] else "dim")


def _span(told: Facts, unit: str) -> str:
    return "" if told["lower"] == told["upper"] else interval_of(told, unit)


def _rows(changes: Sequence[Facts], group: str) -> Iterator[tuple[str, str, str, str]]:
    """Rows of values; long tables, and what is wholly new or gone, are told together."""
    for thing in dict.fromkeys(one["thing"] for one in changes):
        own = [one for one in changes if one["thing"] == thing]
        name = thing.partition(".")[2]
        place = f"  {name}: " if name and not _is_said(name, group) else "  "
        only_in = own[0]["only_in"]
        if only_in and len(own) > _MOST_NEW:
            side, word = ("now", "new") if only_in == "new" else ("was", "gone")
            said = [f"{one['what']} {one[side]}" for one in own[:_MOST_NEW]]
            words = f"{', '.join(said)}, and {_counted(len(own) - _MOST_NEW, 'more value')}"
            was, now = ("", words) if side == "now" else (words, "")
            yield f"{place}{word}", was, now, own[0]["owner"]
        else:
            yield from _values(own, place)


def _is_said(thing: str, group: str) -> bool:
    """Whether the name of a group says already which thing it is."""
    return thing.replace("_", " ") == group.replace("_", " ") or group.endswith(
        (f".{thing}", f" {thing.partition('.')[2] or thing}")
    )


def _values(own: Sequence[Facts], place: str) -> Iterator[tuple[str, str, str, str]]:
    rows = [(one, _ROW.match(one["what"])) for one in own]
    for one, row in rows:
        if row is None:
            yield f"{place}{one['what']}", one["was"] or "none", one["now"] or "none", one["owner"]
    for name in dict.fromkeys(row["table"] for _, row in rows if row is not None):
        inside = [one for one, row in rows if row is not None and row["table"] == name]
        was, now = (_counted(sum(bool(one[end]) for one in inside), "value") for end in ("was", "now"))
        yield f"{place}{name or 'rows'} ({len(inside)} differ)", was, now, ""


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def _notes(effect: Facts, others: Sequence[Facts]) -> Iterator[str]:
    yield (
        "Each bar is what changes with it, averaged over all orders in which the changes could have been made "
        "(Shapley); they add up. Below: 95% intervals. Dim, noise: cannot be told from zero, all bars "
        "together, and is not ranked."
    )
    yield (
        f"{effect['draws']:,} paths of each plan with the same chance, {effect['orders']:,} orders, "
        f"{effect['paths']:,} paths in all."
    )
    if any(one["section"] in ("assumptions", "team", "segments") and not (one["was"] and one["now"]) for one in others):
        yield "What only one plan declares acts through what refers to it; its bar is there."
    for bar in effect["bars"]:
        if len(bar["parts"]) > 1:
            yield f"{bar['name']}: {', '.join(bar['parts'])}."


# ---- the figure ----


def waterfall(told: Facts) -> Figure:
    """From the first plan to the second, bar by bar.

    Parameters
    ----------
    told : from `diff_facts`, with an effect
    """
    effect, names = told["effect"], _ends(told)
    runs = {f"{end}_run": {"name": shortened(names[end], _NAME), "version": ""} for end in names}
    digests = " → ".join(told[end]["digest_document"][:8] for end in ("old", "new"))
    foot = (
        f"{names['old']} → {names['new']}  ·  {effect['draws']:,} draws, {effect['orders']:,} orders, "
        f"seed {effect['seed']}  ·  plans {digests}, simengine {version('simengine')}"
    )
    return in_bars({**effect, **runs}, foot)
