"""What was fitted of history: the table of estimates, and the pictures of records against fits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.text import Text

from simengine.learn.estimate import LEVEL, Z90
from simengine.learn.fit import also_in_words, cycles_of
from simengine.learn.naming import assumption_name
from simengine.report.tables import heading, note, table, under
from simengine.report.words import between, number

if TYPE_CHECKING:
    from simengine.learn.estimate import Estimate
    from simengine.learn.fit import Fit
    from simengine.learn.history import History


def fit_facts(found: Fit) -> dict[str, Any]:
    """The estimates as plain mappings."""
    return {
        "as_of": str(found.as_of),
        "level": LEVEL,
        "assumptions": [_facts(estimate, found) for estimate in found.estimates],
        "rank_correlations": [pair._asdict() for pair in found.correlations],
    }


def _facts(estimate: Estimate, found: Fit) -> dict[str, Any]:
    keys = ("name", "unit", "value", "lower", "upper", "distribution", "n", "method", "naive", "drift", "also")
    check = found.checks.get(estimate.name)
    back = None if check is None else {**check._asdict(), "as_of": str(check.as_of)}
    told = {key: getattr(estimate, key) for key in keys}
    return {**told, "notes": list(estimate.notes), "source": found.sources[estimate.name], "back_check": back}


def fit_tables(found: Fit, currency: str) -> RenderableType:
    """Every estimate with its interval, the usual shortcut, drift, and what it would have been a quarter ago."""
    has_drift = any(estimate.drift is not None for estimate in found.estimates)
    made = table("", f"estimate, {LEVEL:.0%}", "n", "shortcut", *["drift"] * has_drift, "a quarter\nago")
    for estimate in found.estimates:
        unit = _unit(estimate.unit, currency)
        naive = "" if estimate.naive is None else number(estimate.naive, unit)
        drift = [] if not has_drift else ["" if estimate.drift is None else number(estimate.drift, "fraction")]
        interval = between(estimate.lower, estimate.upper, unit)
        value = under(number(estimate.value, unit), interval)
        made.add_row(estimate.name, value, f"{estimate.n:,}", naive, *drift, _back(estimate, found, unit))
    parts: list[RenderableType] = [heading(f"Assumptions from history as of {found.as_of}"), made]
    if any(estimate.also for estimate in found.estimates):
        parts += [heading("What else the same records say"), _also(found)]
    if found.correlations:
        parts += [heading("What moves together"), _pairs(found)]
    moved = [name for name, check in found.checks.items() if abs(check.z) > Z90]
    words = "Shortcut: what is usually said, without regard to what has not ended yet. Drift: from year to year."
    if moved:
        words += (
            f" Marked *: {len(moved)} of {len(found.checks)} moved since then by more than sampling explains at 10 %."
        )
    return Group(*parts, note(f"\n{words}"))


def _unit(unit: str, currency: str) -> str:
    """The unit without its period, money in its currency."""
    kind = unit.split(" per ", maxsplit=1)[0]
    return currency if kind == "currency" else kind


def _back(estimate: Estimate, found: Fit, unit: str) -> Text:
    check = found.checks.get(estimate.name)
    if check is None:
        return Text("")
    mark = "*" if math.isfinite(check.z) and abs(check.z) > Z90 else ""
    return Text(f"{number(check.value, unit)}{mark}")


def _also(found: Fit) -> RenderableType:
    made = table("", "", texts=2)
    for estimate in found.estimates:
        for words in also_in_words(estimate):
            made.add_row(estimate.name, words.removeprefix("Beside it: ").rstrip("."))
    return made


def _pairs(found: Fit) -> RenderableType:
    made = table("", "", "rank correlation", f"{LEVEL:.0%}", "quarters", texts=2)
    for pair in found.correlations:
        a, b = pair.between
        interval = f"{pair.lower:.2f} to {pair.upper:.2f}"
        made.add_row(a, b, f"{pair.rho:.2f}", interval, str(pair.quarters))
    return made


def fit_pictures(history: History, currency: str) -> dict[str, Figure]:
    """Records against fits, by the name of the file."""
    return {assumption_name(name): figure for name, figure in _pictures(history, currency)}


def _pictures(history: History, currency: str) -> Iterator[tuple[str, Figure]]:
    from simengine.learn import conversion, deals, leaving, ramp, sizes, volumes
    from simengine.report.deals_fit import deals_fit
    from simengine.report.history_fit import ramp_fit, size_fit, survival_fit, volume_fit

    def foot(*tables: str) -> str:
        origins = [history.origins[name] for name in tables if name in history.origins]
        files = [f"{_short(origin.reference)} ({origin.digest[:12]})" for origin in origins]
        return ", ".join([*files, f"records to {history.as_of}"])

    arrivals = foot("leads" if len(history.table("leads")) else "opportunities")
    for volume in volumes.pictures(history).values():
        yield f"volume.{volume.name}", volume_fit(volume, arrivals)
    for step in conversion.pictures(history):
        yield step.title, deals_fit(step, foot("leads"), ("went on", "lost"), "leads")
    for picture in deals.pictures(history):
        yield f"win_rate.{picture.title}", deals_fit(picture, foot("opportunities"))
    for name, size in sizes.pictures(history).items():
        yield f"deal_size.{name}", size_fit(size, foot("opportunities"), currency)
    for name, spells in leaving.pictures(history).items():
        yield name, survival_fit(spells, foot("people" if name.startswith("attrition") else "contracts"))
    cycles = cycles_of(history, deals.estimates(history))
    for role, ramped in ramp.pictures(history, cycles).items():
        yield f"ramp_months.{role}", ramp_fit(ramped, foot("people", "opportunities"))


def _short(reference: str) -> str:
    """Files without their folders."""
    return ", ".join(Path(file).name for file in reference.split(", "))
