"""Units of the numbers in a plan, months of the calendar, fiscal periods, and the few conversions between them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MONTHS_PER_YEAR = 12
MOST_LEAVING = 0.999

QUANTITIES = ("fraction", "count", "months", "currency", "factor")
PERIODS = {"month": 1, "quarter": 3, "year": 12}

UNITS = tuple(
    q if p is None else f"{q} per {p}"
    for q in QUANTITIES
    for p in (None, *PERIODS)
    if p is None or q in ("fraction", "count", "currency")
)
"""Every unit that an assumption or a field of the plan may have."""

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_PERIOD = re.compile(r"FY(\d{4})(?:-Q([1-4]))?")


def conversion(given: str, wanted: str) -> float | None:
    """Factor that turns a number in unit `given` into unit `wanted`; None where they do not convert.

    Only amounts convert between periods: a fraction per year compounds, so it is never divided by twelve.

    >>> conversion("currency per year", "currency per month")
    0.08333333333333333
    >>> conversion("fraction per year", "fraction per month") is None
    True
    """
    if given == wanted:
        return 1.0
    quantity, _, period = given.partition(" per ")
    wanted_quantity, _, wanted_period = wanted.partition(" per ")
    if quantity != wanted_quantity or quantity == "fraction" or not (period and wanted_period):
        return None
    return PERIODS[wanted_period] / PERIODS[period]


def monthly_hazard(leaving_per_year: float) -> float:
    """Monthly hazard h of someone who leaves within a year with probability `leaving_per_year` at constant hazard.

    h = -ln(1 - p) / 12, so that survival over twelve months is exp(-12 h) = 1 - p. A p above 0.999 counts as 0.999: the
    upper end of a distribution is no reason to leave on the first day.
    """
    return -math.log1p(-min(leaving_per_year, MOST_LEAVING)) / MONTHS_PER_YEAR


def month_number(text: str) -> int:
    """Months since year 0 of a month written `YYYY-MM`.

    >>> month_number("2027-01") - month_number("2026-12")
    1
    """
    match = _MONTH.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= MONTHS_PER_YEAR:
        raise ValueError(f"{text!r} is not a month written like 2027-01")
    return int(match[1]) * MONTHS_PER_YEAR + int(match[2]) - 1


def month_label(number: int) -> str:
    """The month `number` (months since year 0) as `YYYY-MM`.

    >>> month_label(month_number("2027-03"))
    '2027-03'
    """
    return f"{number // MONTHS_PER_YEAR:04d}-{number % MONTHS_PER_YEAR + 1:02d}"


@dataclass(frozen=True, slots=True)
class Period:
    """A fiscal year, fiscal quarter or month: its first and last month as months since year 0."""

    label: str
    first: int
    last: int


def fiscal_period(text: str, fiscal_year_start: int) -> Period:
    """The period named `FY2027`, `FY2027-Q3` or `2027-03`.

    A fiscal year is named after the calendar year in which it ends; `fiscal_year_start` is its first month (1-12).

    >>> fiscal_period("FY2027-Q4", 1) == Period("FY2027-Q4", month_number("2027-10"), month_number("2027-12"))
    True
    >>> month_label(fiscal_period("FY2027", 2).first)
    '2026-02'
    """
    match = _PERIOD.fullmatch(text)
    if match is None:
        month = month_number(text)
        return Period(text, month, month)
    year = int(match[1]) - (fiscal_year_start > 1)
    first = year * MONTHS_PER_YEAR + fiscal_year_start - 1
    if match[2] is None:
        return Period(text, first, first + MONTHS_PER_YEAR - 1)
    first += 3 * (int(match[2]) - 1)
    return Period(text, first, first + 2)


def fiscal_quarter(month: int, fiscal_year_start: int) -> str:
    """The fiscal quarter of a month (months since year 0).

    >>> fiscal_quarter(month_number("2026-12"), 1), fiscal_quarter(month_number("2026-12"), 2)
    ('FY2026-Q4', 'FY2027-Q4')
    """
    year, since = divmod(month - (fiscal_year_start - 1), MONTHS_PER_YEAR)
    return f"FY{year + (fiscal_year_start > 1):04d}-Q{since // 3 + 1}"
