"""What an update of a plan has changed, in a terminal and for programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from simengine.learn.standing import Shift
from simengine.learn.update import Moved, Updated
from simengine.report.tables import heading, note, table, under
from simengine.report.words import MISSING, number

Facts = dict[str, object]
_LONGEST = 150
"""Characters of evidence that are shown; `--json` has all of them."""

_MOST = 12
"""Beliefs that have a row in a notebook; those that moved most come first."""


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
    parts += _beliefs(moved, updated) if moved else [note("No belief moved by more than chance.")]
    if calm := [each.name for each in updated.moved if each.name not in updated.restated]:
        parts.append(_line(f"as before, though records speak of them: {', '.join(calm)}"))
    if updated.kept:
        parts += [heading("What keeps its prior, and why"), *_kept(updated.kept)]
    parts += [Text(), Text(f"Wrote {new}, and beside it {', '.join(list(updated.files)[1:])}.")]
    parts.append(Text(f"Next: simengine check {new}; simengine run {new}; compare with a run of {old}.", style="dim"))
    return Group(*parts)


def at_a_glance(updated: Updated) -> RenderableType:
    """Where the company stands and what moved, without the files: what a notebook shows."""
    parts: list[RenderableType] = [heading(f"Where the company stands on {updated.as_of}"), _standing(updated)]
    moved = [each for each in updated.moved if each.name in updated.restated]
    if not moved:
        return Group(*parts, note("No belief moved by more than chance."))
    rows = table("belief", "before", "now", "because", texts=1)
    rows.columns[-1].justify, rows.columns[-1].no_wrap = "left", False
    for each in moved[:_MOST]:
        levels = [[_figure(value, each, updated) for value in when] for when in (each.before, each.after)]
        cells = [under(middle, f"{low} to {high}") for low, middle, high in levels]
        # A percentage or an amount says its unit itself.
        unit = each.unit.removeprefix("fraction").removeprefix("currency").strip()
        rows.add_row(under(each.name, unit), *cells, each.evidence)
    more = f" {len(moved) - _MOST} more moved less." if len(moved) > _MOST else ""
    return Group(*parts, heading("What is believed now"), rows, note(f"Median, and below it P10 to P90.{more}"))


def _standing(updated: Updated) -> RenderableType:
    rows = table("", "plan", "actual", "difference")
    for shift in updated.shifts:
        unit = shift.unit or "count"
        change = shift.actual - shift.planned
        written = number(change, unit)
        sign = "+" if change > 0 and written != MISSING else ""
        rows.add_row(shift.name, number(shift.planned, unit), number(shift.actual, unit), f"{sign}{written}")
    return rows


def _beliefs(moved: list[Moved], updated: Updated) -> Iterator[RenderableType]:
    """P10, P50 and P90 before and now, and below them what spoke."""
    written = {each.name: [_figure(value, each, updated) for value in (*each.before, *each.after)] for each in moved}
    width = max(len(name) for name in written)
    widths = [max(len(figures[i]) for figures in written.values()) for i in range(6)]
    gap = " " * (width + 2)
    yield Text(f"{gap}{'P10, P50, P90 before':<{sum(widths[:3]) + 2}} → now", style="dim")
    for each in moved:
        figures = [figure.rjust(size) for figure, size in zip(written[each.name], widths, strict=True)]
        yield Text(f"{each.name:<{width}}  {' '.join(figures[:3])} → {' '.join(figures[3:])}")
        evidence = each.evidence if len(each.evidence) <= _LONGEST else f"{each.evidence[:_LONGEST]}…"
        yield Padding(Text(evidence, style="dim"), (0, 0, 0, 4))
        if each.edge:
            words = "hardly thought possible before: if the records are right, widen the belief, and update again"
            yield Padding(Text(words, style="bold red"), (0, 0, 0, 4))


def _figure(value: float, each: Moved, updated: Updated) -> str:
    quantity = each.unit.partition(" per ")[0]
    if quantity in ("count", "factor", "months") and abs(value) < 10:
        return f"{value:.3g}"
    return number(value, updated.plan.plan.currency if quantity == "currency" else quantity).removesuffix(" months")


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
        "edge": each.edge,
        "restated": each.name in updated.restated,
    }
