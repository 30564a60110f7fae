"""The quality of a company's records, in a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from simengine.learn.quality import LEVELS, Finding, Report
from simengine.report.tables import heading, note, table

_TITLES = {"refused": "Refused", "dropped": "Left out", "repaired": "Repaired", "noticed": "Noticed"}


def quality(report: Report) -> RenderableType:
    """Tables with where their records went, then what was found, the worst first.

    Parameters
    ----------
    report : from `learn.actuals.read`
    """
    counts = table("", "read", "used", "left out")
    for name, tally in report.tallies.items():
        counts.add_row(name, f"{tally.read:,}", f"{tally.used:,}", f"{tally.read - tally.used:,}")
    parts: list[RenderableType] = [heading(f"{report.file}, as of {report.as_of}"), counts]
    for level in LEVELS:
        if findings := report.at(level):
            parts += [heading(_TITLES[level]), *(_told(finding) for finding in findings)]
    if not report.findings:
        parts += [Text(), note("Nothing was found.")]
    return Group(*parts)


def _told(finding: Finding) -> RenderableType:
    words = Text.assemble((finding.key, "bold"), f"  {finding.told}")
    if finding.remedy != "nothing to do":
        words.append(f"\n→ {finding.remedy}", style="dim")
    return Padding(words, (0, 0, 0, 2))
