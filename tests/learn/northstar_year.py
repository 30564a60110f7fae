"""A made year of northstar: `python -m tests.learn.northstar_year -o FOLDER [--fault]`.

Everything turns out as the median of what was believed of it; chance plays draw `DRAW` of a run with seed `SEED`. With
the fault, inbound leads are qualified 30 % less often than planned, from the first month on. What the company's
systems would have exported at the end of each quarter goes to a folder of its own, with a mapping file; what was true
goes to truth.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

from simengine.learn.history import TABLES, History
from simengine.plan import Plan, load
from tests.learn.exported import renumbered, write
from tests.learn.made import made
from tests.learn.truth import Truth, drawn

PLAN = "scenarios/northstar/base.yaml"
QUARTERS = {f"2027-Q{i + 1}": day for i, day in enumerate((date(2027, 3, 31), date(2027, 6, 30), date(2027, 9, 30)))}
QUARTERS["2027-Q4"] = date(2027, 12, 31)
SEED, DRAW = 7, 0
FAULT, SHARE = "mql_to_sql.inbound", 0.7
"""The assumption at fault, and what it is of its plan."""
CALLED = {"smb-na": "SMB", "midmarket-na": "MM", "enterprise-na": "ENT", "enterprise-emea": "EMEA"}
"""What the company's systems call its segments."""


def truth(plan: Plan, *, fault: bool) -> Truth:
    """What is true in the made year."""
    values = {name: float(law.median()) for name, law in plan.widened().items()}
    planted = {FAULT: SHARE * plan.planned[FAULT]} if fault else {}
    return drawn(plan, DRAW, SEED)._replace(values=values | planted)


def quarter(plan: Plan, as_of: date, *, fault: bool) -> History:
    """What the company's systems know at the end of a quarter, amounts in whole units of currency."""
    true = truth(plan, fault=fault)
    return renumbered(in_whole_units(made(plan, true.values, DRAW, SEED, as_of, true.shocks, counted=True)))


def in_whole_units(history: History) -> History:
    """The same with amounts as a company writes them."""
    tables = {}
    for name, frame in history.tables.items():
        money = [column.name for column in TABLES[name] if column.kind == "money"]
        tables[name] = frame.assign(**{column: frame[column].round() for column in money})
    return replace(history, tables=tables)


def main() -> None:
    """Write the quarters of the year."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--fault", action="store_true", help="with inbound leads qualified 30 %% less often than planned"
    )
    parser.add_argument("--quarters", nargs="+", choices=QUARTERS, default=list(QUARTERS))
    given = parser.parse_args()
    plan = load(PLAN)
    given.output.mkdir(parents=True, exist_ok=True)
    command = "python -m tests.learn.northstar_year" + " --fault" * given.fault
    for name in given.quarters:
        heading = f"Made records, not a company's: {command}. Ends on {QUARTERS[name]}."
        print(write(quarter(plan, QUARTERS[name], fault=given.fault), given.output / name, plan, heading, CALLED))
    true = truth(plan, fault=given.fault)
    text = json.dumps({"draw": DRAW, "seed": SEED, "values": true.values, "shocks": true.shocks}, indent=1)
    (given.output / "truth.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
