"""The audit of a ranking, in a terminal and as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import xarray as xr
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.report.events import kinds
from simengine.report.statistics import Facts, estimate
from simengine.report.tables import heading, note, table, under
from simengine.report.words import between, metric_name, percent

_ABOUT = ("target", "metric", "period", "share_of", "precision", "stopped_because")
_SHARES = ("share", "ranked_share", "hit_share", "first_order", "total", "hit_first_order", "hit_total")
_HEADS = {
    "share": "audit",
    "ranked_share": "ranking",
    "hit_share": "share of\nhit or miss",
    "first_order": "alone",
    "total": "with\ninteractions",
}
"""What is in the table: of four columns of Sobol's shares it has the two of the metric."""
_NOISIEST = 0.1
"""Shares of hit or miss that are not known within so much either way are left out of the table."""
_SMALLEST = 0.001


def audit_facts(audit: xr.Dataset, ds: xr.Dataset) -> Facts:
    """An audit as plain numbers, largest share first.

    Parameters
    ----------
    audit : from `explain.audit.audit` or `audit_independent`
    ds : the result of the run
    """
    kind = kinds(ds)
    kept = [name for name in _SHARES if name in audit]
    rows = [audit.isel(assumption=place) for place in range(audit.sizes["assumption"])]
    return {
        **{key: audit.attrs[key] for key in _ABOUT},
        "runs": int(audit["runs"]),
        **{key: int(audit[key]) for key in ("permutations", "points") if key in audit},
        "random_variation": {
            **({"agrees": bool(audit["random_variation_agrees"])} if "agrees" in audit else {}),
            **{name: estimate(audit, _of_chance(name)) for name in kept},
        },
        "assumptions": [
            {
                "name": str(row["assumption"].item()),
                "kind": kind[str(row["assumption"].item())],
                "owner": str(row["owner"].item()),
                "source_kind": str(row["source_kind"].item()),
                "rank_group": int(row["rank_group"]),
                "constant": bool(row["constant"]),
                **({"agrees": bool(row["agrees"])} if "agrees" in row else {}),
                **{name: estimate(row, name) for name in kept},
            }
            for row in rows
        ],
    }


def _of_chance(name: str) -> str:
    if name == "ranked_share":
        return "ranked_random_variation"
    hit = "hit_" if name.startswith("hit_") else ""
    kind = name.removeprefix("hit_")
    return f"{hit}random_variation" + ("" if kind == "share" else f"_{kind}")


def audit_table(facts: Facts) -> RenderableType:
    """A table of the shares, with what they are and how precise.

    Parameters
    ----------
    facts : from `audit_facts`
    """
    metric = f"{metric_name(facts['metric'])} {facts['period']}"
    varying = [row for row in facts["assumptions"] if not row["constant"]]
    found = [facts["random_variation"], *varying]
    noise = {
        name: max((row[name]["upper"] - row[name]["lower"]) / 2 for row in found) for name in _HEADS if name in found[0]
    }
    shown = [name for name in noise if not name.startswith("hit_") or noise[name] <= _NOISIEST]
    made = table("assumption", *(_HEADS[name] for name in shown))
    for row in varying:
        about = row["kind"] if row["kind"] != "assumption" else row["source_kind"]
        name = under(row["name"], f"  {' · '.join(filter(None, (about, row['owner'])))}")
        made.add_row(name, *(_share(row[share]) for share in shown))
    made.add_section()
    made.add_row("random variation", *(_share(facts["random_variation"][share]) for share in shown))
    of = facts["share_of"].replace("the metric", metric)
    title = heading(f"Audit: what does {facts['target'] or metric} hang on?")
    notes = list(_notes(facts))
    if noise.get("hit_share", 0.0) > _NOISIEST:
        within = percent(noise["hit_share"], 0)
        notes.append(note(f"Shares of hit or miss are left out: they are known within {within} either way only."))
    return Group(title, note(f"Share of the {of}"), made, *notes)


def _share(share: Facts) -> Text:
    if math.isnan(share["value"]):
        return Text("")
    if share["lower"] <= 0:
        return Text(f"below {percent(max(share['upper'], _SMALLEST))}", "dim")
    return under(percent(share["value"]), between(share["lower"], share["upper"], "fraction"))


def _notes(facts: Facts) -> Iterator[Text]:
    if "permutations" in facts:
        yield note("Shares of both make up 100%: what moves or works together is shared out.")
        apart = [row["name"] for row in facts["assumptions"] if not row.get("agrees", True)]
        if not facts["random_variation"].get("agrees", True):
            apart.append("random variation")
        if apart:
            yield note(f"Audit and ranking differ beyond noise, and the audit is right: {', '.join(apart)}.")
        elif "agrees" in facts["random_variation"]:
            yield note("Audit and ranking agree within noise.")
        how = f"{facts['permutations']:,} random orders"
    else:
        yield note("Alone: if only this were known. With interactions: what remains if only this were not known.")
        how = f"{facts['points']:,} points"
    never = sum(row["constant"] for row in facts["assumptions"])
    if never:
        yield note(f"Never vary, and are left out: {never}.")
    asked = f"{percent(facts['precision'])} either way"
    ends = {
        "precise enough": f"every share is known within {asked}.",
        "no more runs allowed": f"some shares are not yet known within {asked}: allow more with --budget.",
    }
    end = ends.get(facts["stopped_because"], f"{facts['stopped_because']}.")
    yield note(f"{facts['runs']:,} new paths in {how}; {end}")
