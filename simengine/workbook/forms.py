"""What a plan that starts in a spreadsheet is asked for: sheets and columns, shared by the template and its reader."""

from __future__ import annotations

from typing import Literal, NamedTuple

from simengine.plan.targets import METRICS

Holds = Literal["value", "text", "name", "choice", "day", "month", "whole", "values", "labels", "bound"]
"""What a cell holds. `value`: a number in the field's unit, or the name of an assumption; `values`: several of them,
with commas between; `labels`: like geo=EMEA; `bound`: a number in the unit of the target's metric."""

COMPANY, SEGMENTS, TEAM, SEATS, HIRES = "Company", "Segments", "Roles", "Seats", "Hires"
CHANNELS, DEMAND, PIPELINE, BASE, GOALS, LISTS = "Channels", "Demand", "Pipeline", "Customers", "Targets", "Lists"

Path = tuple[str, ...]


class Field(NamedTuple):
    """A column of a sheet, or a line of the sheet Company: where its value goes below the row's entry."""

    title: str
    path: Path
    holds: Holds = "value"
    unit: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    of: str = ""
    """A sheet whose first column holds the names that may stand here."""
    width: float = 14
    help: str = ""


class Form(NamedTuple):
    """A sheet: what it asks for, and the rows of an example.

    `into` leads to what its rows fill: a mapping by the first field, or a list (`listed`). With two `keys` the second
    leads further down: `funnel.channels.inbound.segments.smb`.
    """

    sheet: str
    note: str
    fields: tuple[Field, ...]
    rows: tuple[tuple[object, ...], ...]
    into: Path = ()
    listed: bool = False


COMPANY_FIELDS = (
    Field("Name of the plan", ("plan", "name"), "text", required=True),
    Field("Currency", ("plan", "currency"), "text", required=True, help="Three letters, like USD."),
    Field("First month", ("plan", "start"), "month", required=True, help="Like 2027-01."),
    Field("Months", ("plan", "months"), "whole", required=True, help="How long the plan is, 1 to 120."),
    Field("Fiscal year starts in", ("plan", "fiscal_year_start"), "whole", help="1 for January."),
    Field("Version", ("plan", "version"), "text"),
    Field("As of", ("plan", "as_of"), "day", help="The day on which this was known."),
    Field("Stages of the funnel", ("funnel", "stages"), "values", help="From the first touch to the opportunity."),
    Field(
        "Opportunities that go stale",
        ("funnel", "stale"),
        unit="fraction per month",
        help="Of those that wait for a seller.",
    ),
    Field("Gross margin", ("economics", "gross_margin"), unit="fraction"),
    Field("Research and development", ("economics", "opex", "rnd"), unit="currency per year"),
    Field("General and administration", ("economics", "opex", "ga"), unit="currency per year"),
    Field(
        "Billing",
        ("economics", "billing"),
        "choice",
        choices=("annual upfront", "quarterly upfront", "monthly"),
        help="How subscriptions are billed.",
    ),
    Field("Days until bills are paid", ("economics", "dso_days"), "whole"),
    Field("Opening cash", ("economics", "opening_cash"), unit="currency"),
)

COMPANY_ROWS = (
    *("Example plan", "USD", "2027-01", 12, 1, "v1", "2026-12-31", "lead, opportunity", 0.2, 0.78),
    *(1_200_000, 700_000, "annual upfront", 45, 3_000_000),
)

FORMS = (
    Form(
        GOALS,
        "What somebody expects. One of At least and At most.",
        (
            Field("Target", ("name",), "text", required=True, width=22),
            Field("Metric", ("metric",), "choice", required=True, choices=METRICS, of=LISTS, width=20),
            Field("Period", ("period",), "text", required=True, help="FY2027, FY2027-Q3 or 2027-03."),
            Field("Where", ("where",), "labels", width=20, help="A part of the company: geo=EMEA. Empty: all of it."),
            Field("At least", ("at_least",), "bound"),
            Field("At most", ("at_most",), "bound"),
            Field("Wanted confidence", ("confidence",), unit="fraction", width=18),
        ),
        (
            ("board ARR", "ending_arr", "FY2027", None, 5_500_000, None, 0.5),
            ("retention", "nrr", "2027-12", None, 0.9, None, None),
            ("lowest cash", "lowest_cash", "FY2027", None, 500_000, None, 0.9),
        ),
        ("targets",),
        listed=True,
    ),
    Form(
        SEGMENTS,
        "Markets. Labels group results: choose your own words.",
        (
            Field("Segment", (), "name", required=True, width=20),
            Field("Geo", ("geo",), "text"),
            Field("Product", ("product",), "text"),
            Field("Customer type", ("customer_type",), "text", width=16),
            Field("Sells", ("sells",), "choice", choices=("subscription", "once")),
        ),
        (("smb", "NA", "core", "smb", "subscription"), ("enterprise", "NA", "suite", "enterprise", "subscription")),
        ("segments",),
    ),
    Form(
        TEAM,
        "Kinds of people. Who has room for opportunities sells; others only cost.",
        (
            Field("Role", (), "name", required=True, width=18),
            Field(
                "Open opportunities",
                ("capacity", "open_opportunities"),
                unit="count",
                width=18,
                help="What one can work at once.",
            ),
            Field("Ramp, months", ("ramp", "workload"), unit="months"),
            Field("Leaving by choice, a year", ("attrition", "voluntary"), unit="fraction per year", width=22),
            Field("Let go, a year", ("attrition", "involuntary"), unit="fraction per year"),
            Field("Replaced", ("backfill", "policy"), "choice", choices=("always", "never")),
            Field("Months until replaced", ("backfill", "lag"), unit="months", width=20),
            Field("Spread of productivity", ("productivity_spread",), unit="fraction", width=20),
            Field("Quota, a year", ("quota",), unit="currency per year"),
            Field("Salary, a year", ("cost", "salary"), unit="currency per year"),
            Field("Variable pay, a year", ("cost", "variable"), unit="currency per year", width=18),
            Field("Recruiting", ("cost", "recruiting"), unit="currency"),
        ),
        (
            ("ae", 12, "ramp_months.ae", "attrition.ae", 0.05, "always", 2, 0.3, 330_000, 90_000, 90_000, 15_000),
            ("marketer", None, None, 0.15, None, "always", 2, None, None, 95_000, None, None),
        ),
        ("team", "roles"),
    ),
    Form(
        SEATS,
        "Groups of people of one role. Existing: those there when the plan starts; hires stand in the next sheet.",
        (
            Field("Seats", ("name",), "text", required=True, width=20),
            Field("Role", ("role",), "text", required=True, of=TEAM),
            Field("Segment", ("segment",), "text", of=SEGMENTS),
            Field("Team", ("team",), "text"),
            Field("Existing", ("existing",), "whole"),
            Field("Tenure, months", ("tenure_months",), unit="months"),
        ),
        (
            ("ae-smb", "ae", "smb", "Commercial", 3, 14),
            ("ae-enterprise", "ae", "enterprise", "Enterprise", 1, 20),
            ("ae-smb-new", "ae", "smb", "Commercial", None, None),
            ("marketing", "marketer", None, None, 2, 24),
        ),
        ("team", "seats"),
        listed=True,
    ),
    Form(
        HIRES,
        "Who is hired when: so many people, planned to start in that month.",
        (
            Field("Seats", (), "name", required=True, of=SEATS, width=20),
            Field("Month", (), "month", required=True),
            Field("People", (), "whole", required=True),
        ),
        (("ae-smb-new", "2027-02", 1), ("ae-smb-new", "2027-04", 1)),
        ("hires",),
    ),
    Form(
        CHANNELS,
        "Where new business comes from, and what is spent on it.",
        (
            Field("Channel", (), "name", required=True, width=20),
            Field("Spend, a month", ("spend",), unit="currency per month", width=16),
            Field("Sold by", ("sold_by",), "choice", choices=("sellers", "nobody"), help="nobody: self-service."),
        ),
        (("inbound", 20_000, "sellers"), ("partner", 5_000, "sellers")),
        ("funnel", "channels"),
    ),
    Form(
        DEMAND,
        "What each channel brings a segment. Rates: one for each step between the stages in the sheet Company.",
        (
            Field("Channel", (), "name", required=True, of=CHANNELS),
            Field("Segment", (), "name", required=True, of=SEGMENTS),
            Field("Arrivals, a month", ("volume",), unit="count per month", required=True, width=18),
            Field("Rates", ("rates",), "values", unit="fraction", width=20, help="With commas between: 30 %, 50 %."),
            Field("Win rate", ("win_rate",), unit="fraction", required=True, width=18),
            Field("Cycle, months", ("cycle",), unit="months", required=True),
            Field("Spread of cycle", ("cycle_spread",), unit="fraction", width=15),
            Field("Deal size", ("deal_size",), unit="currency", required=True, width=18),
            Field("Spread of deal size", ("deal_size_spread",), unit="fraction", width=18),
            Field("Growth, a year", ("growth",), unit="fraction per year"),
        ),
        (
            ("inbound", "smb", "leads.inbound", "30 %", "win_rate.smb", 2, 0.4, 24_000, 0.6, None),
            ("inbound", "enterprise", 12, "20 %", 0.18, 5, 0.5, "deal_size.enterprise", 0.8, None),
            ("partner", "smb", 6, "40 %", "win_rate.smb", 2, 0.4, 26_000, 0.6, 0.1),
        ),
        ("funnel", "channels"),
    ),
    Form(
        PIPELINE,
        "What is open when the plan starts. Value: of all deals of a row together, at the last stage only.",
        (
            Field("Segment", ("segment",), "text", required=True, of=SEGMENTS),
            Field("Channel", ("channel",), "text", required=True, of=CHANNELS),
            Field("Stage", ("stage",), "text", required=True),
            Field("Age, months", ("age_months",), unit="months", required=True),
            Field("Count", ("count",), "whole", required=True),
            Field("Value", ("value",), unit="currency"),
        ),
        (
            ("smb", "inbound", "opportunity", 1, 12, 300_000),
            ("enterprise", "inbound", "opportunity", 2, 6, 480_000),
            ("smb", "inbound", "lead", 0, 20, None),
        ),
        ("funnel", "opening_pipeline", "rows"),
        listed=True,
    ),
    Form(
        BASE,
        "Customers of each segment when the plan starts, and how they renew.",
        (
            Field("Segment", (), "name", required=True, of=SEGMENTS),
            Field("Customers", ("customers",), "whole"),
            Field("ARR", ("arr",), unit="currency"),
            Field("Spread of size", ("size_spread",), unit="fraction"),
            Field("Renewal rate", ("renewal_rate",), unit="fraction", required=True, width=18),
            Field("Contraction, of ATR", ("contraction",), unit="fraction", width=18),
            Field("Price increase", ("price_increase",), unit="fraction"),
            Field("Term, months", ("term_months",), "whole"),
            Field(
                "Expansions per customer, a year",
                ("expansion", "opportunities_per_customer"),
                unit="count per year",
                width=26,
            ),
            Field("Win rate of expansions", ("expansion", "win_rate"), unit="fraction", width=20),
            Field("Size of expansions", ("expansion", "size"), unit="currency", width=18),
        ),
        (
            ("smb", 150, 3_000_000, 0.8, "renewal.smb", 0.02, 0.03, 12, 0.2, 0.5, 6_000),
            ("enterprise", 20, 1_500_000, 0.9, 0.93, 0.02, 0.03, 12, 0.5, 0.4, 20_000),
        ),
        ("base",),
    ),
)
"""The sheets of a template behind Company, in order; the register of assumptions follows."""

REGISTER_ROWS: tuple[dict[str, object], ...] = (
    {
        "Assumption": "leads.inbound",
        "Plan value": 60,
        "Unit": "count per month",
        "Distribution": "pert",
        "Min": 40,
        "Mode": 55,
        "Max": 75,
    }
    | {"Source": "historical", "Reference": "web analytics 2024-01..2026-09", "Observations": 33, "As of": "2026-10-01"}
    | {"Owner": "Marketing", "Hurts when": "low"},
    {
        "Assumption": "win_rate.smb",
        "Plan value": 0.23,
        "Unit": "fraction",
        "Distribution": "beta",
        "Mean": 0.22,
        "As if n": 180,
    }
    | {
        "Source": "historical",
        "Reference": "CRM export of won and lost deals",
        "Observations": 180,
        "As of": "2026-10-01",
    }
    | {"Owner": "RevOps", "Hurts when": "low"},
    {
        "Assumption": "deal_size.enterprise",
        "Plan value": 80_000,
        "Unit": "currency",
        "Distribution": "lognormal",
        "Mean": 78_000,
        "CV": 0.15,
    }
    | {"Source": "historical", "Reference": "CRM export of won deals", "Observations": 41, "As of": "2026-10-01"}
    | {"Owner": "CRO", "Hurts when": "low", "Note": "what varies here is the mean of all deals, not each deal"},
    {
        "Assumption": "ramp_months.ae",
        "Plan value": 4,
        "Unit": "months",
        "Distribution": "quantiles",
        "Min": 0,
        "P10": 3,
        "P50": 5,
        "P90": 8,
    }
    | {"Source": "judgment", "Reference": "CRO and two managers, planning workshop", "As of": "2026-10-12"}
    | {"Owner": "CRO", "Hurts when": "high"},
    {
        "Assumption": "attrition.ae",
        "Plan value": 0.25,
        "Unit": "fraction per year",
        "Distribution": "beta",
        "Mean": 0.28,
        "As if n": 40,
    }
    | {
        "Source": "benchmark",
        "Reference": "survey of AE attrition, 2025",
        "Grade": "B",
        "Owner": "HR",
        "Hurts when": "high",
    },
    {
        "Assumption": "renewal.smb",
        "Plan value": 0.9,
        "Unit": "fraction",
        "Distribution": "beta",
        "Mean": 0.88,
        "As if n": 250,
    }
    | {"Source": "historical", "Reference": "billing, renewals 2024-2026", "Observations": 250, "As of": "2026-10-01"}
    | {"Owner": "CS", "Hurts when": "low"},
)
"""The example's register, by title of the column."""
