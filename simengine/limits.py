"""How much of a stranger's file is read: every limit that keeps a small file from costing hours or gigabytes.

One row each, in the order of docs/limits.md. What a single number of a plan may be (a share, an amount of money) stands
with its field; docs/plan.md lists that.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from simengine.errors import SimengineError


@dataclass(frozen=True)
class Limit:
    """At most so many `unit` of something are read; `why` no more."""

    where: str
    of: str
    most: int
    unit: str
    why: str

    def __str__(self) -> str:
        return f"at most {self.most:,} {self.unit}"


_PLAN = "plan"
PLAN_BYTES = Limit(
    _PLAN, "one file: a plan, a scenario, a mapping file, a CSV file beside them", 5_000_000, "bytes",
    "a plan that people write has a hundredth of it",
)  # fmt: skip
PLAN_BYTES_IN_ALL = Limit(_PLAN, "all files of one plan", 50_000_000, "bytes", "one plan can name many files")
PLAN_FILES = Limit(_PLAN, "files that one plan names", 200, "files", "empty files cost time too")
EXTENDS = Limit(_PLAN, "files that extend one another", 20, "files", "each is laid over the one before")
DEPTH = Limit(
    _PLAN, "lists and mappings inside one another", 50, "levels of nesting", "the parser's time grows with their square"
)
NODES = Limit(_PLAN, "what stands in one file", 200_000, "keys and values", "each takes hundreds of bytes")
TEXT = Limit(_PLAN, "one text", 10_000, "characters", "a longer one is a document, or a quote is missing")
TITLE = Limit(
    _PLAN, "the name of a plan, a scenario or a target, and a reference", 300, "characters", "they are headings"
)
NAME = Limit(_PLAN, "the name of anything else", 100, "characters", "it stands in columns of tables")
NUMBER = Limit(_PLAN, "one number", 40, "characters", "a number of a million digits takes minutes to read")
SETTING = Limit(_PLAN, "one --set", 100_000, "characters", "longer ones belong in a file")
MISTAKES = Limit(_PLAN, "mistakes told at once", 1_000, "mistakes", "nobody reads more, and each costs a search")

_CSV = "CSV file beside a plan"
CSV_ROWS = Limit(_CSV, "rows below the header", 200_000, "rows", "rows of one kind can be added up")
CSV_ROWS_IN_ALL = Limit(
    _CSV, "rows of all tables of one plan, each time that one is named", 2_000_000, "rows",
    "one file can be named by every segment",
)  # fmt: skip
CSV_COLUMNS = Limit(_CSV, "columns", 1_000, "columns", "more columns are no header")
CSV_CELL = Limit(_CSV, "one cell", 10_000, "characters", "in a longer one a quote is missing")

_RECORDS = "records (history, lookback, fit, update)"
RECORD_BYTES = Limit(
    _RECORDS, "one file, and what a packed one unpacks to", 500_000_000, "bytes", "it is read into memory"
)
RECORD_ROWS = Limit(_RECORDS, "rows of one file, sheet or query", 2_000_000, "rows", "they are held in memory")
RECORD_COLUMNS = Limit(_RECORDS, "columns of one file or sheet", 1_000, "columns", "an export of all columns has fewer")
RECORD_CELL = Limit(_RECORDS, "one cell", 10_000, "characters", "in a longer one a quote is missing")
SHEET_CELLS = Limit(
    _RECORDS, "cells of a workbook's sheets, each from its first to its last", 50_000_000, "cells",
    "two cells far apart make a sheet of gigabytes",
)  # fmt: skip
DATABASE_BYTES = Limit(_RECORDS, "an SQLite file", 2_000_000_000, "bytes", "the table that is needed is smaller")

_WORKBOOK = "workbook (import)"
WORKBOOK_BYTES = Limit(_WORKBOOK, "the file", 20_000_000, "bytes", "what export writes has a tenth of it")
WORKBOOK_UNPACKED = Limit(
    _WORKBOOK, "what it unpacks to, whatever the ratio", 200_000_000, "bytes", "a few bytes can stand for gigabytes"
)
PACKED_FILES = Limit(_WORKBOOK, "files inside it; also of records", 10_000, "files", "each costs time to open")
WORKBOOK_CELLS = Limit(
    _WORKBOOK, "cells of its sheets, each from its first to its last", 4_000_000, "cells",
    "two cells far apart make a sheet of gigabytes",
)  # fmt: skip

_STORED = "stored run, batch or solution"
JSON_BYTES = Limit(
    _STORED, "manifest.json, batch.json, found.json, and what report --scores reads", 20_000_000, "bytes",
    "that of a large plan has a fiftieth of it",
)  # fmt: skip
VARIABLE_BYTES = Limit(_STORED, "one output of a run", 2**32 - 4, "bytes", "the file format ends there")

_RUN = "run"
DRAWS = Limit(_RUN, "--draws", 2**32 - 1, "paths", "chance is addressed by a number of 32 bits")
SEED = Limit(_RUN, "--seed", 2**64 - 1, "as a number", "it is a number of 64 bits")
MEMORY = Limit(
    _RUN, "memory that a run will need, unless --memory allows more", 4_000_000_000, "bytes",
    "it is worked out before anything is allocated",
)  # fmt: skip
SCENARIOS = Limit(_RUN, "scenarios of a batch", 10_000, "scenarios", "--vary multiplies")
DAYS = Limit(_RUN, "runs prune --older-than", 36_500, "days", "a hundred years")

LIMITS = {name: value for name, value in tuple(globals().items()) if isinstance(value, Limit)}
"""Every limit by its name, in the order of the table."""


def read_within(path: Path, limit: Limit) -> bytes:
    """The bytes of a file, of which no more than the limit allows are held.

    Raises
    ------
    SimengineError : it is larger, or a device or a pipe, which might never end
    OSError : it cannot be read
    """
    with open(path, "rb", opener=_at_once) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise SimengineError(f"{path} is a device or a pipe; name a file that simengine has written")
        content = b"" if about.st_size > limit.most else file.read(limit.most + 1)
    if about.st_size > limit.most or len(content) > limit.most:
        size = max(about.st_size, len(content))
        raise SimengineError(f"{path} has {size:,} bytes, and {limit} are read; name a file that simengine has written")
    return content


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for somebody at the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def table() -> str:
    """Every limit as a table in Markdown: what stands in docs/limits.md."""
    rows = [(limit.where, limit.of, f"{limit.most:,}", limit.unit, limit.why) for limit in LIMITS.values()]
    lines = [("in", "what", "at most", "unit", "because"), ("---", "---", "---:", "---", "---"), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    print(table(), end="")
