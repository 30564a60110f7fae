"""The year behind in the terminal: one table a question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from simengine.learn.lookback import LEVEL, Section
from simengine.report.tables import heading, note, table
from simengine.report.words import between, number

MOST_ROWS = 40


def lookback_facts(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The sections as plain mappings."""
    return [
        {**section._asdict(), "level": LEVEL, "rows": [row._asdict() for row in section.rows]} for section in sections
    ]


def lookback_tables(sections: Sequence[Section], currency: str) -> RenderableType:
    """Every section as a table; of very many rows the first, and how many follow."""
    parts: list[RenderableType] = [
        part for section in sections for part in (heading(section.title), _table(section, currency), *_rest(section))
    ]
    words = (
        f"Intervals hold {LEVEL:.0%} for what the same people and market would do again; none with fewer than three."
    )
    return Group(*parts, note(f"\n{words}"))


def _table(section: Section, currency: str) -> Table:
    unit = currency if section.unit.startswith("currency") else section.unit
    made = table("", "", f"{LEVEL:.0%} interval", section.counted)
    for row in section.rows[:MOST_ROWS]:
        known = math.isfinite(row.lower)
        interval = between(row.lower, row.upper, unit) if known else ""
        made.add_row(row.group, number(row.value, unit), interval, f"{row.n:,}")
    return made


def _rest(section: Section) -> list[RenderableType]:
    left = len(section.rows) - MOST_ROWS
    return [note(f"and {left:,} more; --json lists all")] if left > 0 else []
