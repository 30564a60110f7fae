"""Where what stands in a workbook: one table of sheets and columns, which the writer fills and the reader looks up."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from simengine.units import UNITS

COVER, REGISTER, TARGETS, CHARTS = "Cover", "Assumptions", "Targets", "Charts"
MONTHS, QUARTERS, SEGMENTS = "By month", "By quarter", "By segment"
DRIVERS, SCENARIOS, CHART_DATA, FILES = "Drivers", "Scenarios", "Chart data", "Plan files"

Kind = Literal["number", "text", "choice", "day", "spec"]
"""What a cell holds; `spec` is text in the form in which a plan writes what stands between braces."""

FAMILIES = (
    *("fixed", "uniform", "triangular", "pert", "normal", "lognormal", "gamma", "weibull", "beta", "quantiles"),
    *("bernoulli", "discrete", "empirical", "mixture", "pooled", "truncated"),
)


class Column(NamedTuple):
    """A column of the register.

    `path` leads to its value below the assumption. `own_unit`: its numbers are in the assumption's unit; those of the
    others in `unit`. `parameter`: it holds a number of the distribution.
    """

    title: str
    path: tuple[str, ...]
    kind: Kind
    width: float
    editable: bool = True
    own_unit: bool = False
    unit: str = ""
    parameter: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    help: str = ""


def _parameter(title: str, name: str, *, unit: str | None = None, help: str) -> Column:
    return Column(
        title, ("distribution",), "number", 11, own_unit=unit is None, unit=unit or "", parameter=name, help=help
    )


COLUMNS = (
    Column("Assumption", (), "text", 28, editable=False, required=True, help="Rows are found by this name."),
    Column(
        "Plan value",
        ("plan",),
        "number",
        13,
        own_unit=True,
        required=True,
        help="What the operating plan counts on, in the unit to the right.",
    ),
    Column("Unit", ("unit",), "choice", 17, editable=False, choices=UNITS, required=True),
    Column(
        "Distribution",
        ("distribution",),
        "choice",
        13,
        choices=FAMILIES,
        required=True,
        help="What could happen. Its numbers stand to the right, those of no column under Other parameters.",
    ),
    _parameter("Value", "value", help="Of fixed: the value. Of bernoulli: the probability of 1."),
    _parameter("Min", "min", help="The least value."),
    _parameter("Mode", "mode", help="The likeliest value, of triangular and pert."),
    _parameter("Max", "max", help="The greatest value."),
    _parameter("Mean", "mean", help="Of normal, lognormal, gamma, beta."),
    _parameter("Median", "median", help="Of lognormal, with sigma."),
    _parameter("SD", "sd", help="Standard deviation, in the assumption's unit."),
    _parameter("CV", "cv", unit="fraction", help="Standard deviation divided by the mean."),
    _parameter(
        "Sigma", "sigma", unit="plain", help="Of lognormal, with the median: spread on the scale of logarithms."
    ),
    _parameter("As if n", "n", unit="plain", help="Of beta: as if it came from so many observations."),
    _parameter("P10", "P10", help="Of quantiles: one case in ten lies below."),
    _parameter("P50", "P50", help="Of quantiles: half of the cases lie below."),
    _parameter("P90", "P90", help="Of quantiles: nine cases in ten lie below."),
    Column(
        "Other parameters",
        ("distribution",),
        "spec",
        30,
        parameter="other",
        help="As a plan writes them, like {P5: 3, P95: 9}; see docs/assumptions.md.",
    ),
    Column("Source", ("source", "kind"), "choice", 11, choices=("historical", "benchmark", "judgment"), required=True),
    Column("Reference", ("source", "reference"), "text", 52, required=True, help="Where the numbers come from."),
    Column("Observations", ("source", "n"), "number", 13, unit="plain", help="Behind a historical source."),
    Column("As of", ("source", "as_of"), "day", 11),
    Column("Grade", ("source", "grade"), "choice", 7, choices=("A", "B", "C")),
    Column("Owner", ("owner",), "text", 22),
    Column(
        "Hurts when",
        ("risk", "adverse"),
        "choice",
        11,
        choices=("low", "high", "both"),
        required=True,
        help="Which side of it hurts the plan.",
    ),
    Column("Note", ("note",), "text", 40),
)
"""The register of assumptions, from left to right."""

NAME = COLUMNS[0].title
HEADING_ROW = 4
"""Of the register, from 0: an exported register has its headings here; a reader looks for them."""


def number_format(unit: str, value: float = math.nan) -> str:
    """Number format of a unit of the outputs table, of a plan, or of a currency code.

    Without digits behind the point where `value` needs none.

    >>> number_format("fraction"), number_format("USD"), number_format("months"), number_format("count per month", 60.0)
    ('0.0%', '#,##0', '0.0', '#,##0')
    >>> number_format("fraction", 0.2434), number_format("count per month", 52.5), number_format("factor", 1.125)
    ('0.00%', '#,##0.0', '0.000')
    """
    quantity = unit.partition(" per ")[0]
    least, most, pattern, scale = {
        "fraction": (1, 3, "0", 100.0),
        "months": (1, 3, "0", 1.0),
        "factor": (2, 4, "0", 1.0),
        "plain": (0, 4, "#,##0", 1.0),
    }.get(quantity, (0, 4, "#,##0", 1.0))
    places = least
    if math.isfinite(value):
        while places < most and abs(round(value * scale, places) - value * scale) > 1e-9 * max(1.0, abs(value * scale)):
            places += 1
    digits = f"{pattern}.{'0' * places}" if places else pattern
    return f"{digits}%" if quantity == "fraction" else digits


def cell_name(row: int, column: int) -> str:
    """The address of a cell, rows and columns from 0.

    >>> cell_name(6, 2), cell_name(0, 27)
    ('C7', 'AB1')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row + 1}"
