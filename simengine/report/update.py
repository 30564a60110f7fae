"""What an update of a plan has changed, in a terminal and for programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from simengine.learn.standing import Shift
from simengine.learn.update import Moved, Updated
from simengine.report.tables import heading, note, table
from simengine.report.words import MISSING, number

Facts = dict[str, object]


def summary(updated: Updated, old: str, new: str) -> RenderableType:
    """Where the company stands, what moved and why, what did not, and what to do next.

    Parameters
    ----------
    updated : from `learn.update.update`
    old, new : the files of the two plans, as they were given
    """
    parts: list[RenderableType] = [heading(f"Where the company stands on {updated.as_of}"), _standing(updated)]
    parts += [_line(words) for words in updated.said]
    if updated.untold:
        parts.append(_line(f"no facts are kept of {', '.join(updated.untold)}: the records do not tell every month"))
    parts.append(heading("What is believed now"))
    moved = [each for each in updated.moved if each.name in updated.restated]
    parts.append(_beliefs(moved, updated) if moved else note("No belief moved by more than chance."))
    if calm := [each.name for each in updated.moved if each.name not in updated.restated]:
        parts.append(_line(f"as before, though records speak of them: {', '.join(calm)}"))
    if updated.kept:
        parts += [heading("What keeps its prior, and why"), *_kept(updated.kept)]
    parts += [Text(), Text(f"Wrote {new}, and beside it {', '.join(list(updated.files)[1:])}.")]
    parts.append(Text(f"Next: simengine check {new}; simengine run {new}; compare with a run of {old}.", style="dim"))
    return Group(*parts)


def _standing(updated: Updated) -> RenderableType:
    rows = table("", "plan", "actual", "difference")
    for shift in updated.shifts:
        unit = shift.unit or "count"
        change = shift.actual - shift.planned
        written = number(change, unit)
        sign = "+" if change > 0 and written != MISSING else ""
        rows.add_row(shift.name, number(shift.planned, unit), number(shift.actual, unit), f"{sign}{written}")
    return rows


def _beliefs(moved: list[Moved], updated: Updated) -> RenderableType:
    rows = table("", "before: P10", "P50", "P90", "now: P10", "P50", "P90")
    for each in moved:
        unit = _short(each.unit, updated)
        rows.add_row(each.name, *(number(value, unit) for value in (*each.before, *each.after)))
        rows.add_row(Text(f"  {each.evidence}", style="dim"))
    return rows


def _short(unit: str, updated: Updated) -> str:
    quantity = unit.partition(" per ")[0]
    return updated.plan.plan.currency if quantity == "currency" else quantity


def _kept(kept: Mapping[str, str]) -> Iterator[RenderableType]:
    """Names by reason."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for name, reason in kept.items():
        reasons[reason].append(name)
    for reason, names in reasons.items():
        words = Text.assemble(f"{reason}: ", (", ".join(names), "dim"))
        yield Padding(words, (0, 0, 0, 2))


def _line(words: str) -> RenderableType:
    return Padding(Text(words, style="dim"), (0, 0, 0, 2))


def facts(updated: Updated) -> Facts:
    """The same for programs."""
    return {
        "as_of": updated.as_of.isoformat(),
        "files": list(updated.files),
        "state": [_shift(shift) for shift in updated.shifts],
        "said": list(updated.said),
        "moved": [_moved(each, updated) for each in updated.moved],
        "kept": dict(updated.kept),
        "untold": list(updated.untold),
    }


def _shift(shift: Shift) -> Facts:
    return {"name": shift.name, "unit": shift.unit or "count", "plan": shift.planned, "actual": shift.actual}


def _moved(each: Moved, updated: Updated) -> Facts:
    levels = ("p10", "p50", "p90")
    return {
        "name": each.name,
        "unit": each.unit,
        "before": dict(zip(levels, each.before, strict=True)),
        "after": dict(zip(levels, each.after, strict=True)),
        "evidence": each.evidence,
        "records": each.direct,
        "restated": each.name in updated.restated,
    }
