"""The records of one table on their way from cells to a history: which are left, which were dropped, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from simengine.learn.cells import as_text
from simengine.learn.mapping import Head, Layout
from simengine.learn.quality import MOST_EXAMPLES, Finding, Level, Tally
from simengine.learn.sources import Raw

Mask = np.ndarray[Any, np.dtype[np.bool_]]
LONGEST_SHOWN = 40


@dataclass
class Records:
    """The records of a table.

    Attributes
    ----------
    layout, head : what the mapping file says of the table, and of all tables
    raws : what was read, a part for each source
    cells : (records, columns) as they were read, under the names of the history
    frame : (records, columns) days, numbers and texts
    files, lines : (records,) number of the source, and line in it
    alive : (records,) whether it is still there
    dropped : reason -> records
    findings : what was found so far
    impossible : numbers of the findings whose records cannot be true: a few are dropped, many refuse the table
    """

    layout: Layout
    head: Head
    raws: Sequence[Raw]
    cells: pd.DataFrame
    files: np.ndarray[Any, np.dtype[np.int64]]
    lines: np.ndarray[Any, np.dtype[np.int64]]
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    alive: Mask = field(default_factory=lambda: np.zeros(0, dtype=bool))
    dropped: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    impossible: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.cells), dtype=bool)

    @property
    def name(self) -> str:
        """Of the table."""
        return self.layout.name

    def refused(self) -> bool:
        """Whether something was found that no history may come of."""
        return any(finding.level == "refused" for finding in self.findings)

    def has(self, *columns: str) -> bool:
        """Whether all of some columns are given."""
        return all(column in self.frame for column in columns)

    def say(
        self,
        level: Level,
        column: str,
        text: str,
        remedy: str,
        where: Mask | pd.Series[Any] | None = None,
        show: Sequence[str] = (),
    ) -> None:
        """Note what was found in the records `where`, with examples that show some columns."""
        if where is None:
            name = self.raws[0].name if self.raws else ""
            self.findings.append(Finding(level, self.name, column, text, remedy, file=name))
            return
        rows = np.flatnonzero(np.asarray(where, dtype=bool) & self.alive)
        if not len(rows):
            return
        first = int(rows[0])
        examples = tuple(self._example(int(row), show) for row in rows[:MOST_EXAMPLES])
        file, line = self.raws[self.files[first]].name, int(self.lines[first])
        self.findings.append(Finding(level, self.name, column, text, remedy, len(rows), examples, file, line))

    def drop(
        self,
        column: str,
        text: str,
        remedy: str,
        where: Mask | pd.Series[Any],
        show: Sequence[str] = (),
        *,
        impossible: bool = False,
    ) -> None:
        """Leave records out, counted under what is wrong with them; each goes for the first reason that it gives."""
        gone = np.asarray(where, dtype=bool) & self.alive
        if not gone.any():
            return
        if impossible:
            self.impossible.append(len(self.findings))
        self.say("dropped", column, text, remedy, gone, show)
        self.alive &= ~gone
        self.dropped[text] = self.dropped.get(text, 0) + int(gone.sum())

    def settle(self) -> None:
        """Refuse the table where more of it is impossible than is tolerated."""
        count = sum(self.findings[number].count for number in self.impossible)
        if count > self.head.tolerate * len(self.cells):
            share = f"{100 * count / len(self.cells):.3g} %"
            most = f"{100 * self.head.tolerate:g} %"
            for number in self.impossible:
                found = self.findings[number]
                remedy = f"{found.remedy} ({share} of the table is impossible; up to {most} is left out: tolerate)"
                self.findings[number] = replace(found, level="refused", remedy=remedy)

    def tally(self) -> Tally:
        """Where the records went."""
        return Tally(len(self.cells), int(self.alive.sum()), dict(self.dropped))

    def _example(self, row: int, show: Sequence[str]) -> str:
        raw = self.raws[self.files[row]]
        base = raw.name.replace("\\", "/").rsplit("/", 1)[-1]
        place = f"{base}, " if len(self.raws) > 1 else ""
        told = ", ".join(f"{name} {_short(self.cells[name].iat[row])}" for name in show if name in self.cells)
        return f"{place}{raw.unit} {self.lines[row]}" + (f": {told}" if told else "")


def _short(cell: object) -> str:
    text = as_text(cell) or "blank"
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
