"""What is promised, how often it was tried, and what was found: each campaign keeps its lines, one page shows them all.

`make trust` runs the campaigns, which takes hours; each can be run alone, as its lines on docs/reliability.md say.
"""

import json
import os
import platform
from datetime import date
from importlib.metadata import version
from typing import NamedTuple

from bench.inputs import ROOT
from bench.report import table

FOLDER = ROOT / "bench" / "trust"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- table: python -m bench.trust.record -->", "<!-- end of table -->"
CAMPAIGNS = (
    "plans",
    "readers",
    "kills",
    "faults",
    "flips",
    "cache",
    "mutants",
    "intervals",
    "platforms",
    "matrix",
    "resumed",
)
"""Modules of this folder, in the order of the page. Each has `main()`."""


class Line(NamedTuple):
    """One line of the table; `count` and `result` are what was seen in this campaign."""

    promise: str
    test: str
    count: str
    result: str


def record(campaign, lines):
    """Keep the lines of a campaign, with when and where, and bring the page up to date."""
    about = {
        "date": str(date.today()),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "simengine": version("simengine"),
    }
    kept = {**about, "lines": [line._asdict() for line in lines]}
    (FOLDER / f"{campaign}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for line in lines:
        print(*line, sep=" | ")
    if PAGE.exists():
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_table(text):
    """The page with the table of what is on record."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{_table()}{END}{rest.partition(END)[2]}"


def _table():
    rows = []
    for campaign in CAMPAIGNS:
        file = FOLDER / f"{campaign}.json"
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            rows += [[*line.values(), f"`python -m bench.trust.{campaign}`, {kept['date']}"] for line in kept["lines"]]
    return table(["promise", "test", "count", "result", "command and day"], rows)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
