"""What was found in the records of a company: refused, dropped, repaired or only noticed, with places and remedies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from simengine.errors import PlanError, Problem

Level = Literal["refused", "dropped", "repaired", "noticed"]
LEVELS: tuple[Level, ...] = ("refused", "dropped", "repaired", "noticed")
MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was found in a table.

    Attributes
    ----------
    level : refused (no history comes of it), dropped (records left out), repaired (records changed), or noticed
    table, column : where; column "" where the record as a whole is meant
    text : what it is
    remedy : what to do
    count : records, or cells, that it concerns; 0 where the table as a whole is meant
    examples : some of them, each with its line
    file, line : the file as the mapping names it, and where the first of them stands in it; line 0 where there is none
    """

    level: Level
    table: str
    column: str
    text: str
    remedy: str
    count: int = 0
    examples: tuple[str, ...] = ()
    file: str = ""
    line: int = 0

    @property
    def key(self) -> str:
        """Table and column as messages write them."""
        return f"{self.table}.{self.column}" if self.column else self.table

    @property
    def told(self) -> str:
        """What was found, how often, and where."""
        often = f"{self.count:,} record{'s' * (self.count != 1)}: " if self.count else ""
        more = ["…"] if self.count > len(self.examples) else []
        return f"{often}{self.text}" + (f" ({'; '.join([*self.examples, *more])})" if self.examples else "")

    def problem(self) -> Problem:
        """The finding as a mistake in an input file."""
        return Problem(self.file, self.line, 1 if self.line else 0, self.key, self.told, self.remedy)


@dataclass(frozen=True)
class Tally:
    """Where the records of a table went: `read` is `used` and all that was `dropped`, by reason."""

    read: int
    used: int
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Report:
    """The quality of the records that a mapping file leads to.

    Attributes
    ----------
    file : the mapping file
    as_of : the last day that the records speak of
    tallies : of each table where its records went
    findings : what was found, the worst first, then in the order of the tables
    """

    file: str
    as_of: date
    tallies: Mapping[str, Tally]
    findings: Sequence[Finding]

    def at(self, level: Level) -> list[Finding]:
        """The findings of a level."""
        return [finding for finding in self.findings if finding.level == level]

    def facts(self) -> dict[str, Any]:
        """The report as plain numbers and words, for JSON."""
        return {
            "file": self.file,
            "as_of": self.as_of.isoformat(),
            "tables": [
                {
                    "table": name,
                    "read": tally.read,
                    "used": tally.used,
                    "dropped": [{"reason": reason, "count": count} for reason, count in tally.dropped.items()],
                }
                for name, tally in self.tallies.items()
            ],
            "findings": [
                {
                    "level": finding.level,
                    "table": finding.table,
                    "column": finding.column,
                    "found": finding.text,
                    "remedy": finding.remedy,
                    "count": finding.count,
                    "examples": list(finding.examples),
                    "file": finding.file,
                    "line": finding.line,
                }
                for finding in self.findings
            ],
        }


class HistoryError(PlanError):
    """Records, or the file that maps them, that cannot be used: every reason at once.

    Attributes
    ----------
    report : what was found in the records, where they could be read
    """

    def __init__(self, problems: Sequence[Problem], report: Report | None = None) -> None:
        super().__init__(problems)
        self.report = report
