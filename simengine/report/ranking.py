"""What a result hangs on, in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from simengine.report.statistics import Facts
from simengine.report.tables import heading, note, table, under
from simengine.report.words import between, metric_name, number, percent

_HURTS = {"low": "low hurts", "high": "high hurts", "both": "both sides hurt"}


def ranking(drivers: Facts, shown: int | None = None) -> RenderableType:
    """What a result hangs on: assumptions by share of variance, then what none of them explains.

    Parameters
    ----------
    drivers : from `drivers.drivers`
    shown : how many of those that can be told from zero; events and shocks stand below them in any case. None for
        every assumption
    """
    rows = drivers["assumptions"] if shown is None else _largest(drivers["assumptions"], shown)
    metric = f"{metric_name(drivers['metric'])} {drivers['period']}"
    made = table("assumption", "share", "low\nfifth", "high\nfifth", "worse\nthan plan")
    for row in rows:
        made.add_row(*_driver(row, drivers["unit"]))
    made.add_section()
    made.add_row("random variation", _share(drivers["random_variation"]))
    remainder = drivers["remainder"]
    meaning = "counted more than once" if remainder["upper"] < 0 else "interactions and shared causes"
    made.add_row(meaning, percent(remainder["value"]))
    of = drivers["share_of"].replace("the metric", metric)
    return Group(
        heading(f"What does {drivers['target'] or metric} hang on?"),
        note(f"Share of the {of} that each assumption explains alone"),
        made,
        *map(note, _notes(drivers, rows)),
    )


def _largest(rows: list[Facts], shown: int) -> list[Facts]:
    told = [row for row in rows if row["distinguishable"]][:shown]
    beside = [row for row in rows if row["kind"] != "assumption" and not row["constant"] and row not in told]
    return told + beside


def _notes(drivers: Facts, rows: list[Facts]) -> Iterator[str]:
    left_out = len(drivers["assumptions"]) - len(rows)
    if left_out:
        yield f"{left_out} more assumptions: `simengine rank` lists them all."
    if drivers["by_source"]:
        weights = ", ".join(f"{percent(share, 0)} {kind}" for kind, share in _largest_first(drivers["by_source"]))
        yield f"Of what they explain: {weights}."
    typical = drivers["typical_p_worse_than_plan"]
    if math.isfinite(typical):
        yield f"The median assumption is worse than planned with {percent(typical, 0)}: above 50% is hopeful."
    if drivers["remainder"]["upper"] < 0:
        yield "Assumptions that move together explain the same variance: shares exceed 100%."
    also = ", and the target's chance," if drivers["p_hit"] is not None else ""
    told = f"{drivers['statistic']} {metric_name(drivers['metric'])}{also}"
    yield f"Fifths: {told} where it is lowest, highest."
    if any(row["kind"] in ("initiative", "risk") for row in rows):
        yield "An event is lowest where it never happens or starts late."
    yield "Random variation: chance that no knowledge removes."


def _driver(row: Facts, unit: str) -> Iterator[Text | str]:
    style = "" if row["distinguishable"] else "dim"
    yield under(row["name"], f"  {' · '.join(filter(None, _details(row)))}", style)
    if row["distinguishable"]:
        yield _share(row["share"])
    else:
        yield Text("never\nvaries" if row["constant"] else "indistinct\nfrom zero", "dim")
    for side in ("bottom", "top"):
        hit = row.get(f"p_hit_{side}_fifth")
        yield under(number(row[f"metric_{side}_fifth"]["value"], unit), percent(hit["value"], 0) if hit else "", style)
    yield Text(percent(row["p_worse_than_plan"]["value"], 0), style)


def _details(row: Facts) -> tuple[str, ...]:
    """What somebody must know of an assumption, event or shock to read its row."""
    if row["kind"] == "assumption":
        return row["source_kind"], row["owner"], _HURTS[row["adverse"]]
    if row["kind"] == "shock":
        return "shock", row["owner"], "mean level"
    ends = "" if row["bottom_fifth_is"] is None else f"{row['bottom_fifth_is']}/{row['top_fifth_is']}"
    return row["kind"], row["owner"], ends


def _share(share: Facts) -> Text:
    return under(percent(share["value"]), between(share["lower"], share["upper"], "fraction"))


def _largest_first(shares: Facts) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: -item[1])
