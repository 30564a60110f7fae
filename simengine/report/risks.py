"""Directions, surprises, the watch list and hope: what a plan should look at again, in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.explain.intervals import mean
from simengine.report.events import kinds
from simengine.report.statistics import Facts, bounded
from simengine.report.tables import heading, note, table, under
from simengine.report.words import between, distance, interval_of, metric_name, number, percent
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import at

MOST_ROWS, MOST_PAIRS = 5, 3
"""Rows of a list in the terminal."""

_SIDES = {"low": "low hurts", "high": "high hurts", "both": "both sides hurt"}
_HOPEFUL = 0.5


def risk_facts(found: xr.Dataset, placed: xr.Dataset, ranking: xr.Dataset, ds: xr.Dataset) -> Facts:
    """What is told of the risks of a target, as plain numbers.

    Parameters
    ----------
    found : from `explain.direction`
    placed : from `explain.impact_and_certainty`
    ranking : from `explain.rank`, of the same target
    ds : the run
    """
    kind = kinds(ds)
    rows = [_assumption(row, kind) for row in _rows(found, "assumption")]
    worse = {row["assumption"]: _estimate(row, "p_worse_than_plan") for row in _rows(ranking, "assumption")}
    unit = str(found.attrs["units"])
    return {
        **{key: found.attrs[key] for key in ("target", "metric", "period", "effect_of", "draws", "level")},
        "favour": found.attrs["favour"],
        "unit": unit,
        "currency": found.attrs["currency"],
        "assumptions": [{**row, "p_worse_than_plan": worse[row["name"]]} for row in rows],
        "thresholds": [_threshold(row) for row in _rows(found, "threshold")],
        "pairs": [_pair(row) for row in _rows(found, "pair")],
        **_certainty(placed),
        "optimism": _optimism(ds, str(found.attrs["target"])),
    }


def certainty_facts(placed: xr.Dataset, ranking: xr.Dataset) -> Facts:
    """Impact and certainty of each assumption, as plain numbers.

    Parameters
    ----------
    placed : from `explain.impact_and_certainty`
    ranking : from `explain.rank`, whose shares were placed
    """
    return {**{key: ranking.attrs[key] for key in ("target", "metric", "period")}, **_certainty(placed)}


def _certainty(placed: xr.Dataset) -> Facts:
    rows = [_placed(row) for row in _rows(placed, "assumption")]
    return {
        "watch": [row for row in rows if row["watch"]],
        "share_watched": float(placed["share_watched"]),
        "certainty": rows,
    }


def _rows(ds: xr.Dataset, dim: str) -> list[dict[str, Any]]:
    variables = {str(name): v.values.tolist() for name, v in ds.variables.items() if v.dims == (dim,)}
    return [dict(zip(variables, row, strict=True)) for row in zip(*variables.values(), strict=True)]


def _estimate(row: dict[str, Any], key: str) -> Facts:
    return bounded((row[key], row[f"{key}_lower"], row[f"{key}_upper"]))


def _assumption(row: dict[str, Any], kind: dict[str, str]) -> Facts:
    effects = ("own_effect", "marginal_effect", "hit_own_effect", "hit_marginal_effect", "plan_worth")
    told = (
        "adverse",
        "owner",
        "unit",
        "verdict",
        "companion",
        "sign",
        "hit_sign",
        "turns",
        "turn_p",
        "turns_at",
        "peak",
    )
    return {
        "name": row["assumption"],
        "kind": kind[row["assumption"]],
        **{key: row[key] for key in told if key in row},
        **{key: _estimate(row, key) for key in effects},
    }


def _threshold(row: dict[str, Any]) -> Facts:
    return {
        "name": row["threshold_of"],
        "kind": row["threshold_kind"],
        "at": _estimate(row, "threshold_at"),
        "size": _estimate(row, "threshold_size"),
        "share": row["threshold_share"],
    }


def _pair(row: dict[str, Any]) -> Facts:
    estimates = {"effect": _estimate(row, "joint_effect"), "share": _estimate(row, "joint_share")}
    return {"first": row["first"], "second": row["second"], **estimates, "only_together": row["only_together"]}


def _placed(row: dict[str, Any]) -> Facts:
    told = ("impact", "at_the_edge", "certainty", "why", "watch", "owner")
    return {"name": row["assumption"], "share": _estimate(row, "share"), **{k: row[k] for k in told if k in row}}


def _optimism(ds: xr.Dataset, target: str) -> Facts:
    """The spreadsheet at plan values, medians and means, and the simulated mean (not of a ratio)."""
    one = at(ds, "target", target)
    cases = one["target_value_baseline"]
    values = one["target_value"].values
    told = {str(case): float(cases.sel(case=case)) for case in cases["case"].values}
    ratio = OUTPUTS[str(one["metric"].item())].kind == "ratio"
    simulated = (math.nan,) * 3 if ratio or not np.isfinite(values).all() else mean(values)
    return {**told, "simulated": bounded(simulated)}


def risks(told: Facts) -> RenderableType:
    """What a plan should look at again.

    Parameters
    ----------
    told : from `risk_facts`
    """
    return Group(
        heading(f"Direction of risk: {told['target']} ({metric_name(told['metric'])} {told['period']})"),
        *_directions(told),
        heading("Surprises"),
        *_surprises(told),
        heading("Watch list: high impact, little certainty"),
        *_watch_list(told),
        heading("Hope in the plan values"),
        *_hope(told),
    )


def _directions(told: Facts) -> Iterator[RenderableType]:
    rows = told["assumptions"]
    count = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in {r["verdict"] for r in rows}}
    against = [row for row in rows if row["verdict"] == "contradicts"]
    said = {
        "as declared": "hurt on the declared side",
        "contradicts": "on the other side",
        "not told": "too weak to tell",
        "both sides declared": "declared to hurt on both sides",
        "never varies": "without doubt",
    }
    yield Text(", ".join(f"{count[verdict]} {words}" for verdict, words in said.items() if verdict in count) + ".")
    if against:
        made = table("against its declared side", "effect on\nthe metric", "effect on\nP(hit)")
        for row in sorted(against, key=lambda row: -abs(row["own_effect"]["value"])):
            made.add_row(under(row["name"], f"  {_SIDES[row['adverse']]}"), *_effects(row, told["unit"]))
        yield made
        yield note("A side is declared once for the plan; on cash and cost it can be another.")
    borrowed = [row for row in rows if row["companion"]]
    if borrowed:
        made = table("seems to matter, by way of another", "seen", "its own")
        for row in _largest(borrowed, "marginal_effect"):
            seen, own = (_change(row[key], told["unit"]) for key in ("marginal_effect", "own_effect"))
            made.add_row(under(row["name"], f"  moves with {row['companion']}"), seen, own)
        yield made
    yield note("Effect: from its lowest to its highest fifth, all other assumptions held still.")


def _surprises(told: Facts) -> Iterator[RenderableType]:
    unit, nothing = told["unit"], True
    for row in told["assumptions"]:
        if row["turns"]:
            nothing = False
            way = "highest near" if row["peak"] else "lowest near"
            place = number(row["turns_at"], _unit(row["unit"], told["currency"]))
            yield Text(f"{row['name']} turns: {metric_name(told['metric'])} is {way} {place}.")
    names = {row["name"]: row for row in told["assumptions"]}
    if told["thresholds"]:
        nothing = False
        made = table("threshold", "at", "size", "share")
        for row in told["thresholds"]:
            own = _unit(names[row["name"]]["unit"], told["currency"])
            where = under(number(row["at"]["value"], own), between(row["at"]["lower"], row["at"]["upper"], own))
            made.add_row(f"{row['name']} {row['kind']}s", where, _change(row["size"], unit), percent(row["share"]))
        yield made
    if told["pairs"]:
        nothing = False
        yield from _pairs(told)
    if nothing:
        yield Text("No threshold, no turn, and no pair that acts together can be told from chance.")


def _pairs(told: Facts) -> Iterator[RenderableType]:
    pairs = sorted(told["pairs"], key=lambda pair: (not pair["only_together"], -abs(pair["effect"]["value"])))
    made: Table = table("two that act together", "effect", "share")
    for pair in pairs[:MOST_PAIRS]:
        only = "only together" if pair["only_together"] else ""
        name = under(f"{pair['first']} × {pair['second']}", only)
        made.add_row(name, _change(pair["effect"], told["unit"]), percent(pair["share"]["value"]))
    yield made
    if len(pairs) > MOST_PAIRS:
        yield note(f"Weaker pairs, in --json: {len(pairs) - MOST_PAIRS}.")
    yield note("Effect: how much more the first does where the second is in its highest fifth than in its lowest.")


def _watch_list(told: Facts) -> Iterator[RenderableType]:
    if not told["watch"]:
        yield Text("Nothing of high impact rests on little.")
        return
    made = table("assumption", "rests on", "owner", "share", texts=3)
    for row in told["watch"]:
        span = between(row["share"]["lower"], row["share"]["upper"], "fraction")
        made.add_row(row["name"], row["why"], row.get("owner", ""), under(percent(row["share"]["value"]), span))
    yield made
    yield note(f"{percent(told['share_watched'], 0)} of what assumptions explain. High impact: the largest shares that")
    yield note("make up 80%. Little certainty: docs/methods.md has the rules.")


def _hope(told: Facts) -> Iterator[RenderableType]:
    unit, optimism = told["unit"], told["optimism"]
    made = table("the spreadsheet at", metric_name(told["metric"]))
    for key, words in (("operating plan", "plan values"), ("medians", "medians"), ("means", "means")):
        made.add_row(words, number(optimism[key], unit))
    if math.isfinite(optimism["simulated"]["value"]):
        value, lower, upper = (optimism["simulated"][key] for key in ("value", "lower", "upper"))
        span = between(lower, upper, unit)
        made.add_row("simulated mean", under(number(value, unit), "" if span == number(value, unit) else span))
    yield made
    hopeful = [row for row in told["assumptions"] if _is_hopeful(row, told["favour"])]
    if hopeful:
        made = table("hopeful plan value", "worse\nthan plan", "worth")
        for row in _largest(hopeful, "plan_worth"):
            worse = percent(row["p_worse_than_plan"]["value"], 0)
            made.add_row(under(row["name"], f"  {row['owner']}"), worse, _change(row["plan_worth"], unit))
        yield made
        yield note("Worth: what it adds that the plan value is taken, and not the middle of the draws.")


def _is_hopeful(row: Facts, favour: int) -> bool:
    """Worse than planned more often than not, and so planned the target is better by more than can be chance."""
    worth = row["plan_worth"]["lower"] if favour > 0 else -row["plan_worth"]["upper"]
    return bool(row["kind"] == "assumption" and worth > 0 and row["p_worse_than_plan"]["lower"] > _HOPEFUL)


def _largest(rows: list[Facts], key: str) -> list[Facts]:
    return sorted(rows, key=lambda row: -abs(row[key]["value"]))[:MOST_ROWS]


def _effects(row: Facts, unit: str) -> tuple[Text, Text]:
    return _change(row["own_effect"], unit), _change(row["hit_own_effect"], "fraction")


def _change(effect: Facts, unit: str) -> Text:
    """A change with its sign, and its interval below."""
    written = distance(abs(effect["value"]), unit)
    sign = "" if written == distance(0.0, unit) else "+" if effect["value"] > 0 else "−"
    return under(sign + written, interval_of(effect, unit))


def _unit(unit: str, currency: str) -> str:
    """The unit of an assumption as its values are written.

    >>> _unit("fraction per year", "USD"), _unit("currency", "USD"), _unit("standard deviations", "USD")
    ('fraction', 'USD', 'factor')
    """
    first = unit.split(" ", maxsplit=1)[0]
    return {"currency": currency, "standard": "factor"}.get(first, first)
