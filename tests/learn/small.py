"""A small company and what became of it in a quarter: every number of the tests beside it is worked out by hand."""

from datetime import date
from pathlib import Path
from typing import Any

from simengine.learn.history import History, table
from simengine.plan import Plan, loads

AS_OF = date(2027, 3, 31)
PLAN = """\
# Small: the plan of the year
plan: {name: Small, currency: USD, start: 2027-01, months: 12, rates: {EUR: 1.25}, as_of: 2026-12-31}   # a year

targets:
  - {name: board ARR, metric: ending_arr, period: 2027-12, at_least: 1_500_000}

segments:
  smb: {geo: NA}
  emea: {geo: EMEA, currency: EUR}

assumptions:
  win_rate:                                         # of all
    plan: 25 %
    distribution: {beta: {mean: 25 %, n: 80}}       # a third of last year's
    unit: fraction
    source: {kind: historical, reference: "CRM 2025-01..2026-09, opportunities.csv", n: 400, as_of: 2026-10-01}
    risk: {adverse: low}
    trigger: {below: 20 %, activate: "the CRO joins every deal"}
  leads:
    plan: 20 per month
    distribution: {gamma: {mean: 20, cv: 20 %}}
    unit: count per month
    source: {kind: judgment, reference: CMO}
    risk: {adverse: low}

team:
  roles:
    ae:
      capacity: {open_opportunities: 20}
      attrition: {voluntary: 10 % per year}
      backfill: {policy: always, lag: 2 months}
    csm: {carries: {customers: 40}}                 # nobody replaces one who leaves
  seats:
    - {name: ae-smb, role: ae, segment: smb, existing: 3, tenure_months: 14}   # sellers
    - {name: ae-smb-new, role: ae, segment: smb, hires: {2027-02: 2, 2027-06: 1}}
    - {name: ae-emea, role: ae, segment: emea, existing: 1, tenure_months: 5}
    - {name: csm, role: csm, existing: 2, tenure_months: 30}

funnel:
  stages: [lead, opportunity]
  channels:
    inbound:
      spend: {start: 20_000 per month, 2027-02: 25_000 per month, 2027-09: 30_000 per month}
      segments:
        smb:
          volume: leads
          rates: [30 %]
          stage_lags: [1 month]
          win_rate: win_rate
          cycle: 3 months
          deal_size: 20_000
        emea: {volume: 4 per month, rates: [30 %], win_rate: win_rate, cycle: 3 months, deal_size: 40_000}
  opening_pipeline:
    rows: []                                        # nothing yet

base:
  smb:
    customers: 5                                    # of them one is named
    arr: 500_000
    size_spread: 50 %
    named_accounts:
      - {name: Acme, arr: 200_000, renews: 2027-02, renewal_rate: 90 %}   # the founder's friend
      - {name: Bolt, arr: 150_000, renews: 2027-08, renewal_rate: 80 %}
    renewal_rate: 85 %
  emea: {customers: 1, arr: 80_000, renewal_rate: 90 %}

economics: {opening_cash: 5_000_000}
"""


def plan(text: str = PLAN) -> Plan:
    """The plan as it is checked."""
    return loads(text, "small.yaml")


def tables() -> dict[str, Any]:
    """What the company's systems hold on the last day of March."""
    return {
        "opportunities": table(
            "opportunities",
            id=["o1", "o2", "o3", "o4", "o5"],
            segment=["smb", "smb", "smb", "emea", "smb"],
            channel=["inbound"] * 5,
            created=["2026-12-10", "2027-01-05", "2027-02-20", "2027-02-11", "2027-03-20"],
            started=["2026-12-10", "2027-01-05", "2027-02-28", "2027-03-01", None],
            outcome=["won", "lost", "open", "open", "open"],
            closed=["2027-03-10", "2027-02-10", None, None, None],
            amount=[60_000.0, 10_000.0, 30_000.0, 50_000.0, None],
            owner=["p1", "p1", "p5", "p4", ""],
            account=["Fir", "", "", "", ""],
        ),
        "leads": table(
            "leads",
            id=["l1", "l2", "l3"],
            segment=["smb", "smb", "emea"],
            channel=["inbound"] * 3,
            created=["2027-01-10", "2027-03-15", "2027-03-20"],
            count=[6.0, 7.0, 2.0],
            **{"reached:opportunity": ["2027-02-20", None, None]},
        ),
        "contracts": table(
            "contracts",
            customer=["Acme", "Acme", "Bolt", "Cone", "Dune", "Eddy", "Fir", "Gips"],
            segment=["smb"] * 7 + ["emea"],
            start=[
                *("2026-03-01", "2027-03-01", "2026-09-01", "2026-05-01", "2026-02-01"),
                *("2026-06-16", "2027-03-15", "2026-11-01"),
            ],
            renews=[
                *("2027-02-28", "2028-02-29", "2027-08-31", "2027-04-30", "2027-01-31"),
                *("2027-06-15", "2028-03-14", "2027-10-31"),
            ],
            arr=[200_000.0, 210_000.0, 150_000.0, 50_000.0, 40_000.0, 75_000.0, 60_000.0, 80_000.0],
            outcome=["renewed", "in force", "in force", "in force", "churned", "in force", "in force", "in force"],
            decided=["2027-02-20", None, None, None, "2027-01-31", None, None, None],
            arr_after=[210_000.0, None, None, None, None, None, None, None],
        ),
        "bookings": table(
            "bookings",
            date=["2027-01-31", "2027-02-20", "2027-03-05", "2027-03-10"],
            segment=["smb"] * 4,
            channel=["", "", "", "inbound"],
            kind=["churn", "price", "expansion", "new"],
            amount=[40_000.0, 10_000.0, 15_000.0, 60_000.0],
            customer=["Dune", "Acme", "Eddy", "Fir"],
        ),
        "people": table(
            "people",
            id=["p1", "p2", "p3", "p4", "p5", "c1", "c2"],
            role=["ae", "ae", "ae", "ae", "ae", "csm", "csm"],
            seats=["ae-smb", "ae-smb", "ae-smb", "ae-emea", "ae-smb-new", "csm", "csm"],
            segment=["smb", "smb", "smb", "emea", "smb", "", ""],
            start=["2025-07-01", "2026-01-15", "2025-01-01", "2026-08-01", "2027-03-08", "2024-01-01", "2025-06-01"],
            end=[None, None, "2027-02-28", None, None, None, "2027-01-31"],
            reason=["", "", "voluntary", "", "", "", "voluntary"],
        ),
        "balances": table("balances", date=["2027-01-29", "2027-03-31"], item=["cash"] * 2, amount=[4.8e6, 4.5e6]),
    }


def history(**others: Any) -> History:
    """The tables; some in another form, or gone (None)."""
    given = {**tables(), **others}
    return History(AS_OF, {name: each for name, each in given.items() if each is not None})


def write(folder: Path, text: str = PLAN, known: dict[str, Any] | None = None, name: str = "history") -> None:
    """The plan and the tables as files, and the mapping file that leads to them."""
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    lines = ["history: {currency: USD, currencies: {emea: EUR}}"]
    for each, frame in (known or tables()).items():
        if frame is None:
            continue
        frame.to_csv(folder / f"{name}-{each}.csv", index=False)
        columns = ", ".join(f'"{column}": "{column}"' for column in frame)
        lines += [f"{each}:", f"  source: {name}-{each}.csv", f"  columns: {{{columns}}}"]
        lines += ["  complete: true"] if each in ("opportunities", "leads") else []
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
