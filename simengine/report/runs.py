"""Stored runs in the terminal: which there are, whether they are whole, whether they come out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.report.statistics import Facts
from simengine.report.tables import heading, note, table, under
from simengine.report.words import shortened
from simengine.results.agreement import TOLERANCE, Agreement

_DIGITS = 12
"""Of a digest, as people read it."""


def stored_facts(folder: Path, manifest: Mapping[str, Any] | None, problem: str = "") -> Facts:
    """What the manifest of a run says, or the problem because of which there is none."""
    if manifest is None:
        return {"folder": str(folder), "problem": problem}
    told, files = manifest["run"], manifest["files"]
    kept = ("plan", "plan_version", "as_of", "draws", "seed", "detail", "digest_simulated", "digest_document")
    return {
        "folder": str(folder),
        "problem": problem,
        "created": manifest["created"],
        **{key: told[key] for key in kept},
        "overrides": manifest["plan"]["overrides"],
        "digest": manifest["digest"],
        "stream_version": told["stream_version"],
        "environment": manifest["environment"],
        "bytes": sum(entry["size"] for entry in files.values()),
        "files": sorted(files),
    }


def stored_table(facts: Sequence[Facts]) -> RenderableType:
    """One row a run; what is wrong with the others under it."""
    made = table("run", "plan", "created", "draws", "seed", "MB", texts=3)
    whole = [run for run in facts if not run["problem"]]
    for run in whole:
        changed = ", ".join(run["overrides"])
        made.add_row(
            run["folder"],
            under(shortened(" ".join(filter(None, (run["plan"], run["plan_version"]))), 40), shortened(changed, 40)),
            run["created"][:16].replace("T", " "),
            f"{run['draws']:,}",
            run["seed"],
            f"{run['bytes'] / 1e6:,.1f}",
        )
    return Group(*([made] if whole else []), *(Text(run["problem"], "red") for run in facts if run["problem"]))


def stored_story(facts: Facts) -> RenderableType:
    """Everything that the manifest of a run says."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    rows = {
        "plan": " ".join(filter(None, (facts["plan"], facts["plan_version"]))),
        "as of": facts["as_of"],
        "values set": ", ".join(facts["overrides"]),
        "draws": f"{facts['draws']:,}, seed {facts['seed']}, detail {facts['detail']}",
        "created": facts["created"],
        "made by": ", ".join(f"{name} {value}" for name, value in facts["environment"].items()),
        "digest of the plan": f"{facts['digest_simulated']} as simulated",
        "": f"{facts['digest_document']} as written",
        "digest of the result": facts["digest"],
        "files": f"{', '.join(facts['files'])}: {facts['bytes'] / 1e6:,.1f} MB",
    }
    for name, value in rows.items():
        if value:
            made.add_row(name, value)
    return Group(Text(facts["folder"], "bold"), made)


def comparison(folder: Path, manifest: Mapping[str, Any], now: Facts, apart: Agreement) -> Facts:
    """A run beside the same run made again: whether the digests agree, how far it is apart, what differs around it.

    Parameters
    ----------
    manifest : of the stored run
    now : `digest`, `digest_simulated`, `stream_version` and `environment` of the run made again
    apart : of their datasets
    """
    then = {
        "digest": manifest["digest"],
        **{key: manifest["run"][key] for key in ("digest_simulated", "stream_version")},
        "environment": manifest["environment"],
    }
    environment = {
        name: {"then": then["environment"].get(name), "now": value}
        for name, value in now["environment"].items()
        if then["environment"].get(name) != value
    }
    return {
        "folder": str(folder),
        "same": then["digest"] == now["digest"],
        "then": {key: value for key, value in then.items() if key != "environment"},
        "now": {key: value for key, value in now.items() if key != "environment"},
        "differs": environment,
        "apart": {**apart._asdict(), "unlike": list(apart.unlike), "tolerance": TOLERANCE},
    }


def compared(facts: Facts) -> RenderableType:
    """Whether a run came out again, and if not, what is different around it."""
    if facts["same"]:
        digest = facts["now"]["digest"][:_DIGITS]
        return Text(f"{facts['folder']} came out again, bit for bit: digest {digest}.")
    made = table("", "then", "now", texts=3)
    for name in facts["now"]:
        then, now = (str(facts[when][name]) for when in ("then", "now"))
        if then != now:
            made.add_row(name.replace("_", " "), then[:_DIGITS], now[:_DIGITS])
    for name, values in facts["differs"].items():
        made.add_row(name, str(values["then"]), str(values["now"]))
    title = heading(f"{facts['folder']} did not come out again, bit for bit")
    return Group(title, made, note(_why(facts)), note(_how_far(facts)))


def _why(facts: Facts) -> str:
    if facts["differs"]:
        return (
            "The run was made with other versions or on another platform, as the table says: "
            "bits are promised on one platform with one set of versions."
        )
    return "Versions and platform are the same: its plan or its result is not what that run was made of."


def _how_far(facts: Facts) -> str:
    """How far the two are apart, and whether that is rounding."""
    apart = facts["apart"]
    if apart["unlike"]:
        return f"They do not hold the same: {shortened(', '.join(apart['unlike']), 200)}."
    moved = f"{apart['other_numbers']:,} of {apart['paths']:,} paths have other numbers"
    if apart["other_course"]:
        return (
            f"{moved}, and on {apart['other_course']:,} of them something else happened; means are apart by up to "
            f"{apart['means']:.1e} of the largest value of their kind."
        )
    return (
        f"{moved}, and on none of them anything else happened: the numbers are apart by rounding, "
        f"by {max(apart['rounding'], apart['means']):.1e} of the largest value of their kind at most."
    )
