"""What a cell means where a number, a day or a word is expected; what could mean two things is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from pydantic_core import PydanticCustomError

from simengine.errors import SimengineError
from simengine.plan.edit import inline
from simengine.plan.scalars import faults_of, nearest, number, shown
from simengine.workbook.cells import Cell, Fault, text_of

SAME = 1e-14
"""Numbers that differ by less, relatively, are the same: spreadsheets keep 15 digits."""


class Wrong(Exception):  # noqa: N818  the reader makes it a problem with its cell
    """What stands in a cell is not what belongs there."""

    def __init__(self, message: str, expected: str = "") -> None:
        self.message, self.expected = message, expected
        super().__init__(message)


def refuse_fault(cell: Cell) -> None:
    """Raise Wrong where a formula came to nothing: its cell is not empty, and so takes nothing away."""
    if isinstance(cell, Fault):
        raise Wrong(str(cell), "write what it should come to, or calculate the workbook in a spreadsheet program")


def number_in(cell: Cell, unit: str, before: float = math.nan) -> float:
    """The number of a cell, in `unit`.

    Parameters
    ----------
    cell : what stands there; text is read as a plan reads it, like 22 % or 250_000
    unit : of a plan, or `plain`
    before : what stood there; of shares above 1 it tells whether such a number is meant

    >>> number_in(0.28, "fraction"), number_in("28 %", "fraction"), number_in("12 per month", "count per month")
    (0.28, 0.28, 12.0)
    >>> number_in(28.0, "fraction")
    Traceback (most recent call last):
    simengine.workbook.typed.Wrong: 28 may be 28 % or 2,800 %
    """
    if isinstance(cell, bool):
        raise Wrong(f"{shown(cell)} is not a number", _wanted(unit))
    if isinstance(cell, date | datetime | time | timedelta):
        raise Wrong(
            f"a date or time ({text_of(cell)}) stands here", f"{_wanted(unit)}; set the cell's format to a number"
        )
    is_share = unit.startswith("fraction")
    if isinstance(cell, str):
        value = _from_text(cell.strip(), unit)
        if cell.rstrip().endswith("%"):
            return value
    else:
        value = float(cell)
    if not math.isfinite(value):
        raise Wrong("this is no number", _wanted(unit))
    if is_share and value > 1 and not before > 1:
        meant = f"{value:.10g} %"
        raise Wrong(
            f"{value:.10g} may be {meant} or {100 * value:,.10g} %",
            f"write the text {meant} if you mean {value / 100:.10g}, or {100 * value:.10g} % if you mean {value:.10g}",
        )
    return value


def _wanted(unit: str) -> str:
    if unit == "plain":
        return "expected a number, like 1.5"
    example = {"fraction": "22 % or 0.22", "currency": "250000", "factor": "1.4"}.get(unit.partition(" per ")[0], "6")
    return f"expected a number in {unit}, like {example}"


def _from_text(text: str, unit: str) -> float:
    try:
        return number(text, "" if unit == "plain" else unit, bare=True)
    except PydanticCustomError as error:
        fault = faults_of(error)[0]
        remedy = fault.expected if fault.expected.startswith("write") else _wanted(unit)
        raise Wrong(fault.message, remedy.replace("250_000, not 250,000 or $250k", "250000")) from None


def day_in(cell: Cell) -> str:
    """The day of a cell, like 2026-12-31."""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return cell.isoformat()
    text = text_of(cell)
    try:
        if len(text) == len("2026-12-31"):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise Wrong(f"{shown(text)} is not a day of the calendar", "expected a date like 2026-12-31")


def word_in(cell: Cell, choices: Sequence[str]) -> str:
    """One of a few words, in capitals or not."""
    text = text_of(cell)
    found = next((word for word in choices if word.casefold() == text.casefold()), None)
    if found is None:
        raise Wrong(f"{shown(text)} is not one of the words that may stand here", nearest(text, choices))
    return found


def is_same(a: float, b: float) -> bool:
    """Whether two numbers differ by no more than a spreadsheet loses."""
    return math.isclose(a, b, rel_tol=SAME, abs_tol=1e-15)


def written_number(value: float, unit: str, like: object = None, *, period: bool = False) -> str | float:
    """A number as a plan writes it.

    Parameters
    ----------
    value : in `unit`
    like : what is written in its place now; of numbers without a unit it says whether they are in percent
    period : whether a unit with a period says so

    >>> written_number(0.28, "fraction"), written_number(55.0, "count per month", period=True)
    ('28 %', '55 per month')
    >>> (
    ...     written_number(0.1 + 0.2, "fraction"),
    ...     written_number(4.5, "months", "4 months"),
    ...     written_number(1.4, "factor", "x1.3"),
    ... )
    ('30 %', '4.5 months', 'x1.4')
    """
    quantity, _, per = unit.partition(" per ")
    short = Decimal(f"{value:.15g}")
    old = like.strip() if isinstance(like, str) else ""
    if quantity == "fraction" or "%" in old:
        text = f"{inline(float(short.scaleb(2)))} %"
    elif quantity == "factor" and (old.startswith("x") or not old):
        text = f"x{inline(float(short))}"
    elif quantity == "months" and "month" in old:
        text = f"{inline(float(short))} months"
    elif per and period:
        text = inline(float(short))
    else:
        return float(short)
    return f"{text} per {per}" if per and period else text


def spec_in(cell: Cell, what: str) -> object:
    """Parameters as a plan writes them, as plain values."""
    from simengine.plan.source import Problems, parse

    text, problems = text_of(cell), Problems()
    tree = parse(f"- {text}" if "\n" not in text else text, what, problems)
    if tree is None or problems.found or tree.plain() == [None]:
        fault = problems.found[0] if problems.found else None
        raise Wrong(fault.message if fault else "nothing is given", fault.expected if fault else "")
    found = tree.plain()
    if isinstance(found, list) and len(found) == 1:
        return found[0]
    raise SimengineError(f"{what}: {shown(text)} is no value")
