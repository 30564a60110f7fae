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
BEGIN, END = "<!-- tables: python -m bench.trust.record -->", "<!-- end of tables -->"
CAMPAIGNS = {
    "plans": "Plans, right and wrong",
    "readers": "Whatever bytes a file holds",
    "kills": "Processes that are killed",
    "faults": "Disks that fail, processes that share a place",
    "flips": "Bytes that are not as they were written",
    "cache": "The cache of compiled code",
    "mutants": "Mistakes in the code",
    "intervals": "Intervals",
    "platforms": "Other arithmetic",
    "matrix": "Other Pythons and packages",
    "resumed": "Ten million paths",
}
"""Modules of this folder and what they are about, in the order of the page. Each has `main()`."""


class Line(NamedTuple):
    """One line of a campaign's table; `count` and `result` are what was seen in it."""

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
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(text):
    """The page with what is on record, campaign by campaign."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{_tables()}\n{END}{rest.partition(END)[2]}"


def _tables():
    parts = []
    for campaign, about in CAMPAIGNS.items():
        file = FOLDER / f"{campaign}.json"
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            made = f"### {about}\n\n`python -m bench.trust.{campaign}`, {kept['date']}\n"
            parts += [made, table(Line._fields, [line.values() for line in kept["lines"]])]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
