"""What a result hangs on, in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.report.cells import Bar, Roomy
from simengine.report.statistics import Facts
from simengine.report.tables import heading, note, table, under
from simengine.report.words import at_most, between, distance, metric_name, number, percent, without_sign

_GROUPINGS = {"owner": "owner", "source_kind": "kind of source", "acts_on": "part of the plan"}
_BAR = 16
"""Signs of the longest bar."""
_HURTS = {"low": "low hurts", "high": "high hurts", "both": "both sides hurt"}


def ranking(drivers: Facts, shown: int | None = None) -> RenderableType:
    """What a result hangs on: assumptions by share of variance, random variation, and what was not attributed.

    Parameters
    ----------
    drivers : from `drivers.drivers`
    shown : how many assumptions; the others are one row, and events and shocks among them stand below it. None for all
    """
    rows = drivers["assumptions"]
    first = rows[: _count(rows, shown)]
    others = rows[len(first) :]
    metric = f"{metric_name(drivers['metric'])} {drivers['period']}"
    with_bars, without = (_shares(drivers, first, others, bars) for bars in (True, False))
    of = drivers["share_of"].replace("the metric", metric)
    return Group(
        heading(f"What does {drivers['target'] or metric} hang on?"),
        note(f"Shares of the {of}. They add up to 100%."),
        Roomy(with_bars, without),
        *map(note, _notes(drivers, others)),
    )


def _shares(drivers: Facts, first: list[Facts], others: list[Facts], has_bars: bool) -> Table:
    """The first assumptions, the others together, events and shocks among them, and what is left."""
    variation, left = drivers["random_variation"], drivers["unattributed"]
    rest = [others[0]["share_from_here"]] if others else []
    largest = max(share["value"] for share in (*(row["share"] for row in first), *rest, variation))

    def bar(share: Facts) -> list[RenderableType]:
        # Of what cannot be told from zero there is none.
        return [Bar(share["value"] / largest, _BAR) if share["lower"] > 0 else ""] if has_bars else []

    made = table("assumption", "share", *[""] * has_bars, "if known,\nnarrower", "low\nfifth", "high\nfifth")
    if has_bars:
        made.columns[2].justify = "left"
    for row in (*first, None, *_beside(others)):
        if row is not None:
            name, share, *more = _driver(row, drivers["unit"])
            made.add_row(name, share, *bar(row["share"]), *more)
        elif others:
            made.add_row(f"{len(others)} others together", _told(rest[0]), *bar(rest[0]))
    made.add_section()
    made.add_row("random variation", _share(variation), *bar(variation))
    made.add_row(
        "not attributed", under(percent(left["value"]), f"±{distance((left['upper'] - left['lower']) / 2, 'fraction')}")
    )
    return made


def _count(rows: list[Facts], shown: int | None) -> int:
    """How many rows are shown: none below the first whose share cannot be told from zero."""
    if shown is None:
        return len(rows)
    return next((place for place, row in enumerate(rows[:shown]) if not row["distinguishable"]), min(shown, len(rows)))


def _beside(others: list[Facts]) -> list[Facts]:
    return [row for row in others if row["kind"] != "assumption" and not row["constant"]]


def groups(drivers: Facts) -> RenderableType:
    """The same shares by owner, source and part of the plan, and by the quarter in which the result arises.

    Parameters
    ----------
    drivers : from `drivers.drivers`
    """
    parts: list[RenderableType] = []
    for grouping, title in _GROUPINGS.items():
        rows = sorted(
            (row for row in drivers["groups"] if row["grouping"] == grouping), key=lambda row: -row["share"]["value"]
        )
        if rows:
            made = table(title, "assumptions", "share", "if known,\nnarrower")
            for row in rows:
                made.add_row(
                    row["name"] or "none", str(row["members"]), _told(row["share"]), _narrower(row, drivers["unit"])
                )
            parts += [heading(f"By {title}"), made]
    if drivers["quarters"]:
        made = table("quarter", "share")
        for row in drivers["quarters"]:
            made.add_row(row["name"], _share(row["share"]))
        parts += [heading("By the quarter in which it arises"), made]
    return Group(*parts)


def _notes(drivers: Facts, others: list[Facts]) -> Iterator[str]:
    if _beside(others):
        yield "Events and shocks stand below the others, and are among them."
    sources = [row for row in drivers["groups"] if row["grouping"] == "source_kind"]
    if sources:
        largest_first = sorted(sources, key=lambda row: -row["share"]["value"])
        kinds = ", ".join(f"{percent(row['share']['value'], 0)} {row['name']}" for row in largest_first)
        yield f"By kind of source: {kinds}."
    typical = drivers["typical_p_worse_than_plan"]
    if math.isfinite(typical):
        yield f"The median assumption is worse than planned with {percent(typical, 0)}: above 50% is hopeful."
    if not drivers["trusted"]:
        quality = drivers["quality"]
        yield (
            f"Careful: these shares hold {percent(quality['value'], 0)} "
            f"({between(quality['lower'], quality['upper'], 'fraction')}) of what assumptions explain; "
            "`simengine rank --audit` finds the rest."
        )
    disagreeing = [row["name"] for row in drivers["assumptions"] if row["disagrees"]]
    if disagreeing:
        yield f"Careful: counted without a model, the shares of {', '.join(disagreeing)} are others."
    also = ", and the target's chance," if drivers["p_hit"] is not None else ""
    told = f"{drivers['statistic']} {metric_name(drivers['metric'])}{also}"
    yield f"Fifths: {told} where it is lowest, highest. Narrower: P10 to P90."
    if any(row["kind"] in ("initiative", "risk") for row in drivers["assumptions"]):
        yield "An event is lowest where it never happens or starts late."
    yield "Random variation: chance that no knowledge removes."


def _driver(row: Facts, unit: str) -> Iterator[Text]:
    style = "" if row["distinguishable"] else "dim"
    yield under(row["name"], f"  {' · '.join(filter(None, (*_details(row), _hope(row))))}", style)
    yield Text("never\nvaries", "dim") if row["constant"] else _told(row["share"])
    yield Text("") if row["constant"] else _narrower(row, unit)
    for side in ("bottom", "top"):
        hit = row.get(f"p_hit_{side}_fifth")
        yield under(number(row[f"metric_{side}_fifth"]["value"], unit), percent(hit["value"], 0) if hit else "", style)


def _hope(row: Facts) -> str:
    worse = row["p_worse_than_plan"]["value"]
    return f"worse than plan {percent(worse, 0)}" if math.isfinite(worse) and not row["constant"] else ""


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


def _told(share: Facts) -> Text:
    """A share, or what it is less than where it cannot be told from zero."""
    return _share(share) if share["lower"] > 0 else Text(at_most(share), "dim")


def _narrower(row: Facts, unit: str) -> Text:
    worth = row["narrowing"]
    if not math.isfinite(worth["value"]):
        return Text("")
    if worth["lower"] > 0:
        interval = without_sign(between(worth["lower"], worth["upper"], unit), unit)
        return under(distance(worth["value"], unit), interval)
    return Text(f"<{distance(worth['upper'], unit)}" if worth["upper"] > 0 else "by nothing", "dim")
