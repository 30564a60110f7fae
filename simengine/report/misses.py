"""What decides whether a target is reached, and the story of a typical miss, in a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

import xarray as xr
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.reading.parts import Figure
from simengine.report.describe import cell
from simengine.report.events import kinds
from simengine.report.statistics import Facts, bounded, estimate
from simengine.report.tables import capital, chance, chance_under, heading, note, table, under
from simengine.report.words import MISSING, between, distance, number, odds, percent
from simengine.units import MONTHS_PER_YEAR, month_number

SHOWN, MOVERS, NAMED = 10, 6, 3
"""Assumptions in the table of shares, in that of the movement, and in the sentence."""
_TELLING = 0.005
"""Shares below it are left to the others: 1 % and more is shown."""
_QUARTER = MONTHS_PER_YEAR // 4

_ABOUT = ("target", "metric", "period", "threshold", "shortfall", "draws", "misses", "typical_misses", "twins")
_OF_ASSUMPTIONS = (
    *("hit_share", "hit_alone", "hit_binned", "p_hit_bottom_fifth", "p_hit_top_fifth"),
    *("shift", "in_misses", "in_hits"),
)
_LABELS = ("unit", "source_kind", "owner", "adverse", "plan_value", "median_value", "doubtful", "moved", "constant")
_OF_MONTHS = ("typical", "hits", "behind_plan", "behind_hits", "told_apart")
_MIDDLES = ("typical_p20", "typical_p80", "hits_p20", "hits_p80")
_OF_EVENTS = ("happens_in_misses", "happens_in_hits", "happens_more")


def miss_facts(found: xr.Dataset, ds: xr.Dataset) -> Facts:
    """The drivers of a miss as plain numbers.

    Parameters
    ----------
    found : from `explain.misses`
    ds : the result that it tells of
    """
    kind, first = kinds(ds), int(ds.attrs["fiscal_year_start"]) - 1
    months = [
        {**row, "quarter_end": _ends_quarter(row["name"], first)}
        for row in _along(found, "month", (*_OF_MONTHS, *_MIDDLES), ("plan",))
    ]
    starts = ("starts_in_misses", "starts_in_hits", "differs")
    return {
        **{key: found.attrs[key] for key in _ABOUT},
        "unit": found.attrs["units"],
        "at_least": bool(found.attrs["at_least"]),
        "statistic": found.attrs["statistic"],
        "trusted": bool(found.attrs["trusted"]),
        **{key: estimate(found, key) for key in ("p_hit", "hit_random_variation", "hit_unattributed", "quality")},
        "middle": estimate(found, "middle"),
        "movements": [_movement(found.isel(shortfall=place)) for place in range(found.sizes["shortfall"])],
        "assumptions": [
            {**row, "kind": kind[row["name"]]} for row in _along(found, "assumption", _OF_ASSUMPTIONS, _LABELS)
        ],
        "behind_from": found.attrs["behind_from"] or None,
        "visible_from": found.attrs["visible_from"] or None,
        "months": months,
        "events": _along(found, "event", _OF_EVENTS, starts) if "event" in found.dims else [],
    }


def _along(found: xr.Dataset, dim: str, estimates: tuple[str, ...], others: tuple[str, ...]) -> list[Facts]:
    """One row for each entry of a dimension."""
    if dim not in found.dims:
        return []
    names = [str(name) for name in found[dim].values]
    rows: list[Facts] = [{"name": name} for name in names]
    for key in estimates:
        columns = (found[key + suffix].values.tolist() for suffix in ("", "_lower", "_upper"))
        for row, numbers in zip(rows, zip(*columns, strict=True), strict=True):
            row[key] = bounded(numbers)
    for key in others:
        for row, value in zip(
            rows, found[key].values.tolist() if key in found.variables else [None] * len(rows), strict=True
        ):
            row[key] = value
    return rows


def _movement(one: xr.Dataset) -> Facts:
    """The most plausible joint movement with a shortfall, the assumptions that carry most of it first."""
    rows = _along(one, "assumption", ("stress_score", "stress_value", "stress_share"), ())
    renamed = [
        {"name": row["name"], "score": row["stress_score"], "value": row["stress_value"], "share": row["stress_share"]}
        for row in rows
    ]
    return {
        "shortfall": float(one["shortfall"]),
        "random_variation": estimate(one, "stress_random"),
        **{key: estimate(one, key) for key in ("distance", "as_bad", "beside", "beside_misses")},
        "beside_expected": float(one["beside_expected"]),
        "assumptions": sorted(renamed, key=lambda row: -row["share"]["value"]),
    }


def _ends_quarter(label: str, first: int) -> bool:
    return (month_number(label) - first) % _QUARTER == _QUARTER - 1


def misses(facts: Facts, currency: str) -> RenderableType:
    """What decides a target, how a typical miss comes about, and when it shows.

    Parameters
    ----------
    facts : from `miss_facts`
    currency : of the plan
    """
    return Group(*_decides(facts), *_story(facts, currency), *_dates(facts))


def _decides(facts: Facts) -> Iterator[RenderableType]:
    yield heading(f"What decides whether {facts['target']} is reached?")
    yield note("Share of hit or miss that each assumption decides; what several share is divided among them")
    told = [row for row in facts["assumptions"] if row["hit_share"]["lower"] > 0 and _tells(row["hit_share"])]
    made = table("assumption", "share", "P(hit)\nlow fifth", "P(hit)\nhigh fifth")
    for row in told[:SHOWN]:
        details = " · ".join(
            filter(None, (row["source_kind"], row["owner"], "" if not row["doubtful"] else "see below"))
        )
        ends = (chance_under(row[f"p_hit_{side}_fifth"]) for side in ("bottom", "top"))
        made.add_row(under(row["name"], f"  {details}"), chance_under(row["hit_share"]), *ends)
    made.add_section()
    rest = sum(row["hit_share"]["value"] for row in facts["assumptions"] if row not in told[:SHOWN])
    made.add_row(f"{len(facts['assumptions']) - len(told[:SHOWN])} others together", percent(rest))
    made.add_row("random variation", chance_under(facts["hit_random_variation"]))
    made.add_row("not attributed", chance_under(facts["hit_unattributed"]))
    yield made
    quality = facts["quality"]
    if not facts["trusted"]:
        found = percent(quality["value"], 0)
        yield Text(f"Shares not to rely on: they find {found} of what assumptions decide. The fifths hold.", "yellow")
    elif math.isfinite(quality["value"]):
        low, high = max(0.0, quality["lower"]), min(1.0, quality["upper"])
        yield note(
            f"By twin paths the shares find {percent(min(1.0, quality['value']), 0)} "
            f"({percent(low, 0)} to {percent(high, 0)}) of what assumptions decide."
        )
    for row in (row for row in told[:SHOWN] if row["doubtful"]):
        more = "more" if row["hit_binned"]["value"] > row["hit_alone"]["value"] else "less"
        yield note(
            f"{row['name']} decides {more} than its share says: alone {percent(row['hit_binned']['value'])}, "
            f"where the shares' formula gives {percent(row['hit_alone']['value'])}."
        )


def _story(facts: Facts, currency: str) -> Iterator[RenderableType]:
    unit, p = facts["unit"], facts["p_hit"]
    missed = bounded((1 - p["value"], 1 - p["upper"], 1 - p["lower"]))
    short = distance(facts["shortfall"], unit)
    worse = -1.0 if facts["at_least"] else 1.0
    goal = number(facts["threshold"], unit, trim=True)
    yield heading(f"How does a miss of {short} come about?")
    level = number(facts["threshold"] + worse * facts["shortfall"], unit)
    as_bad = odds(facts["movements"][1]["as_bad"]["value"])
    yield Text(
        f"{facts['target']} is missed with a probability of {chance(missed)}. A miss of {short} is {level} instead of "
        f"{goal}; {as_bad} misses are at least as bad."
    )
    at_medians = number(facts["middle"]["value"], unit)
    middle = f"With every assumption at its median the result is {at_medians}"
    at_middle, movement = missing_at_middle(facts), way(facts)
    if is_there_already(facts):
        yield Text(
            f"{middle}: a miss of {distance(at_middle, unit)}, and nothing has to go wrong. The most plausible way to "
            f"reach {goal}:"
        )
    elif at_middle > 0:
        yield Text(f"{middle}, a miss of {distance(at_middle, unit)} already. The most plausible way on:")
    else:
        yield Text(f"{middle}. The most plausible way from there to {level}:")
    told = movers(facts, movement)
    known = {row["name"]: row for row in facts["assumptions"]}
    yield Text(f"{_in_words(told[:NAMED], known, currency)}.", "bold")
    yield _moves(facts, movement, told, known, currency)
    yield from map(note, _notes(facts, movement))


def missing_at_middle(facts: Facts) -> float:
    """What is missing where every assumption is at its median; less than nothing where the target is reached."""
    worse = -1.0 if facts["at_least"] else 1.0
    return float(worse * (facts["middle"]["value"] - facts["threshold"]))


def is_there_already(facts: Facts) -> bool:
    """Whether most of the miss is there with every assumption at its median: what it takes to reach is told then."""
    return missing_at_middle(facts) > float(facts["shortfall"]) / 2


def way(facts: Facts) -> Facts:
    """The movement to tell of: to the miss, or to the target."""
    movement: Facts = facts["movements"][0 if is_there_already(facts) else 1]
    return movement


def movers(facts: Facts, movement: Facts) -> list[Facts]:
    """Assumptions that carry the movement, beyond noise; events are told of by how often they happen."""
    events = {row["name"] for row in facts["events"]}
    beyond = (row for row in movement["assumptions"] if row["score"]["lower"] * row["score"]["upper"] > 0)
    carry = (row for row in beyond if row["share"]["lower"] > 0 and _tells(row["share"]))
    return [row for row in carry if row["name"] not in events][:MOVERS]


def _tells(share: Facts) -> bool:
    return bool(share["value"] >= _TELLING)


def assumed(value: float, unit: str, currency: str) -> str:
    """A value of an assumption; of a small count more digits."""
    if unit.startswith("count") and abs(value) < 1:
        return f"{value:.3f}".replace("-", "−")
    return cell(Figure(value, unit), currency)


def _in_words(told: list[Facts], known: dict[str, Facts], currency: str) -> str:
    def value(number: float, name: str) -> str:
        return assumed(number, known[name]["unit"], currency)

    words = (
        f"{row['name']} {value(row['value']['value'], row['name'])} instead of "
        f"{value(known[row['name']]['plan_value'], row['name'])}"
        for row in told
    )
    return ", ".join(words) or "No assumption moves beyond noise"


def _moves(facts: Facts, movement: Facts, told: list[Facts], known: dict[str, Facts], currency: str) -> RenderableType:
    made = table("assumption", "plan", "median in hits,\nin misses", "on this\nway", "part of\nthe way")
    for row in told:
        one = known[row["name"]]

        def value(number: float, unit: str = one["unit"]) -> str:
            return assumed(number, unit, currency)

        made.add_row(
            row["name"],
            value(one["plan_value"]),
            under(value(one["in_hits"]["value"]), value(one["in_misses"]["value"])),
            under(value(row["value"]["value"]), _range(row["value"], value)),
            _part(row["share"]),
        )
    made.add_section()
    for words, part in together(facts, movement, told):
        made.add_row(words, "", "", "", percent(part, 0))
    made.add_row("random variation", "", "", "", _part(movement["random_variation"]))
    return made


def together(facts: Facts, movement: Facts, told: list[Facts]) -> Iterator[tuple[str, float]]:
    """What all that is not told of carries of a movement: events, if it is something, and others."""
    parts = {row["name"]: row["share"]["value"] for row in movement["assumptions"]}
    of_events = sum(parts[row["name"]] for row in facts["events"])
    others, rest = len(parts) - len(told), sum(parts.values()) - sum(row["share"]["value"] for row in told)
    if abs(of_events) >= _TELLING:
        others, rest = others - len(facts["events"]), rest - of_events
        yield "events together", of_events
    if others:
        yield "1 other" if others == 1 else f"{others} others together", rest


def _part(part: Facts) -> Text:
    low, high = (percent(part[end], 0) for end in ("lower", "upper"))
    return under(percent(part["value"], 0), "" if low == high else f"{low.removesuffix('%')}–{high}")


def _range(value: Facts, written: Callable[[float], str]) -> str:
    """The interval of a value, its sign and unit once where both ends have the same."""
    low, high = written(value["lower"]), written(value["upper"])
    if low == high:
        return ""
    (head, tail), ends = ((re.match(r"\D*", text), re.search(r"[^\d]*$", text)) for text in (low, high))
    if head and tail and all(ends) and (head[0], tail[0]) == tuple(end[0] for end in ends if end):
        return f"{low.removesuffix(tail[0])}–{high.removeprefix(head[0])}"
    return f"{low} to {high}"


def _notes(facts: Facts, movement: Facts) -> Iterator[str]:
    unit, worse = facts["unit"], -1.0 if facts["at_least"] else 1.0
    yield (
        f"Together this is {movement['distance']['value']:.1f} standard deviations from the middle. Random variation "
        "includes what no assumption explains."
    )
    found, *ends = (facts["threshold"] + worse * movement["beside"][key] for key in ("value", "lower", "upper"))
    expected = facts["threshold"] + worse * movement["beside_expected"]
    agrees = "as" if min(ends) <= expected <= max(ends) else "not quite as"
    yield (
        f"Simulated paths whose assumptions go as far, whatever chance does: {number(found, unit)} "
        f"({between(min(ends), max(ends), unit)}), {agrees} expected ({number(expected, unit)}); "
        f"{chance(movement['beside_misses'])} of them miss."
    )
    moved = [row for row in facts["assumptions"] if row["moved"]]
    if moved:
        far = max(moved, key=lambda row: abs(row["shift"]["value"]))
        yield (
            f"{len(moved)} of {len(facts['assumptions'])} assumptions differ between misses and hits beyond noise, "
            f"{far['name']} most: it is {_sides(far['shift'])} in misses."
        )


def _sides(shift: Facts) -> str:
    """How far an assumption lies from where it is in hits."""
    side = "higher" if shift["value"] > 0 else "lower"
    low, high = sorted(abs(shift[key]) for key in ("lower", "upper"))
    return f"{abs(shift['value']):.2f} ({low:.2f}–{high:.2f}) standard deviations {side}"


def _dates(facts: Facts) -> Iterator[RenderableType]:
    unit = facts["unit"]
    if facts["months"]:
        yield heading("When does it show?")
        yield Text(_when(facts))
        made = table("", "typical\nmiss", "operating\nplan", "behind\nplan", "behind\nhits", "told\napart")
        for row in facts["months"]:
            if row["quarter_end"]:
                made.add_row(
                    row["name"],
                    number(row["typical"]["value"], unit),
                    number(row["plan"], unit),
                    *(_gap(row[key], unit) for key in ("behind_plan", "behind_hits")),
                    percent(row["told_apart"]["value"], 0),
                )
        yield made
        yield note(
            f"{capital(facts['statistic'])} of the {facts['typical_misses']:,} misses nearest to this one. "
            "Told apart: of them, those worse than four in five of all hits."
        )
    told = [row for row in facts["events"] if row["differs"]]
    for row in told:
        yield Text(
            f"{capital(row['name'])} happens in {chance(row['happens_in_misses'])} of misses, and in "
            f"{chance(row['happens_in_hits'])} of hits. Where it happens the median start is "
            f"{row['starts_in_misses'] or MISSING}, in hits {row['starts_in_hits'] or MISSING}."
        )
    if facts["events"] and not told:
        yield note("No event is more or less frequent in misses than in hits, beyond noise.")


def _gap(gap: Facts, unit: str) -> Text:
    if gap["lower"] <= 0 <= gap["upper"]:
        return Text("within\nnoise", "dim")
    scaled = {key: 100 * value if unit == "fraction" else value for key, value in gap.items()}
    if unit == "fraction":
        return under(f"{scaled['value']:.1f} pts".replace("-", "−"), f"{scaled['lower']:.1f}–{scaled['upper']:.1f}")
    return under(number(gap["value"], unit), between(gap["lower"], gap["upper"], unit))


def _when(facts: Facts) -> str:
    behind, visible = facts["behind_from"], facts["visible_from"]
    if behind is None:
        return "On average such a miss is not behind the plan to the end."
    first = f"On average such a miss is behind the plan from {behind} on. "
    if visible is None:
        return first + "It cannot be told from a hit before the period ends."
    return first + f"It stands out from {visible} on: four in five of its kind are worse than four in five of all hits."
