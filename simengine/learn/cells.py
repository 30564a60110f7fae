"""Cells of text to days and numbers, a whole column at a time, so that one cell may settle how the others are meant.

Nothing is guessed: `03/04/2027` is a day only where the column has a cell like `25/04/2027`, or the user says so.
A cell that is a day or a number already (of a database, a spreadsheet) is taken as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simengine.learn.mapping import DATES, DECIMALS

DAY_FIRST, MONTH_FIRST, ISO = DATES
COMMA, POINT = DECIMALS


@dataclass
class Parsed:
    """A column that was read.

    Attributes
    ----------
    values : (rows,) days or numbers; NaT or NaN where the cell is blank or wrong
    wrong : cell -> why it is none; its records are `rows`
    refused : why nothing can be made of the column as a whole, with examples, and what to do; "" where it can
    notes : what the user should know, and what to do about it
    currencies : cell -> those that the sign in it may mean, where there is one
    """

    values: pd.Series[Any]
    wrong: dict[Hashable, str] = field(default_factory=dict)
    refused: tuple[str, str] = ("", "")
    notes: list[tuple[str, str]] = field(default_factory=list)
    currencies: dict[Hashable, frozenset[str]] = field(default_factory=dict)


def as_text(cell: object) -> str:
    """A cell as text: whole numbers without a point, days as year-month-day, nothing as "".

    >>> as_text(1042.0), as_text(datetime(2027, 3, 31)), as_text(None), as_text(" a ")
    ('1042', '2027-03-31', '', 'a')
    """
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    if is_nothing(cell):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer() and abs(float(cell)) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime):
        text = cell.isoformat(sep=" ")
        return text.removesuffix(" 00:00:00")
    return str(cell)


def is_nothing(cell: object) -> bool:
    """Whether a cell says nothing."""
    return cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell))


def _each(cells: pd.Series[Any], read: Callable[[Any], Any]) -> dict[Hashable, Any]:
    """What is read from each different cell that is not blank."""
    different = cells.unique()
    return {cell: read(cell) for cell in different if not is_nothing(cell) and cell != ""}


# --- days -------------------------------------------------------------------------------------------------------------

_CLOCK = r"[T ]\s*(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)"
_AT = rf"(?:{_CLOCK}\s*(?:[AaPp][Mm]|(?P<zone>Z|UTC|[+-]\d{{2}}(?::?\d{{2}})?))?)?"
_YMD = re.compile(r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})" + _AT, re.ASCII)
_COMPACT = re.compile(r"(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})", re.ASCII)
_LOCAL = r"(?:[T ]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[AaPp][Mm])?)?"
_TWO = re.compile(r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?P<y>\d{4})" + _LOCAL, re.ASCII)
_SHORT = re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d{2}(?:\s.*)?", re.ASCII)
_DAY_NAMED = re.compile(r"(?P<d>\d{1,2})[ .-]+(?P<m>[A-Za-z]{3,9})\.?[ ,-]+(?P<y>\d{4})" + _LOCAL, re.ASCII)
_NAMED_DAY = re.compile(r"(?P<m>[A-Za-z]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})" + _LOCAL, re.ASCII)
_SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d+)?", re.ASCII)
_MONTHS = tuple(
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)


class _Day(NamedTuple):
    """A cell of a day: how it is written, its numbers in the order of the form, and the zone that its time states."""

    form: str
    numbers: tuple[int, int, int]
    zone: str = ""


def days(cells: pd.Series[Any], said: str = "", zone: tzinfo | None = None) -> Parsed:
    """Read a column of days.

    Parameters
    ----------
    cells : (rows,) text, days or moments; "" or nothing where blank
    said : day-first, month-first or iso, where the user says how days are written
    zone : in which a day begins, for moments that state an offset

    >>> days(pd.Series(["25/04/2027", "03/04/2027", "soon"])).values.dt.strftime("%Y-%m-%d").tolist()
    ['2027-04-25', '2027-04-03', nan]
    """
    read = _each(cells, lambda cell: _day(cell, zone))
    good = {cell: day for cell, day in read.items() if isinstance(day, _Day)}
    wrong = {cell: why for cell, why in read.items() if isinstance(why, str)}
    order, refused = _order(good, said)
    notes: list[tuple[str, str]] = []
    zoned = {cell: day for cell, day in good.items() if day.zone}
    zones, where = _one_of_each(zoned, lambda day: day.zone), "say where your days begin: history: time_zone"
    if len(zones) > 1 and not refused[0]:
        refused = (f"times of several zones, like {' and '.join(zones)}", where)
    elif zones:
        notes.append((f"times with a zone, like {zones[0]}: the day is taken as it is written there", where))
    forms = _one_of_each(good, lambda day: day.form)
    if len(forms) > 1 and not refused[0]:
        words = f"days are written in {len(forms)} ways, like {' and '.join(forms)}"
        notes.append((words, "export days in one format, best year-month-day"))
    known: dict[Hashable, np.datetime64] = {}
    for cell, day in good.items():
        if day.form == "two" and said == ISO:
            wrong[cell] = "is not written year-month-day"
            continue
        try:
            known[cell] = np.datetime64(_date(day, order), "us")
        except ValueError:
            wrong[cell] = "is not a day of the calendar"
    values = cells.map(known) if known else pd.Series(pd.NaT, cells.index)
    return Parsed(pd.to_datetime(values).astype("datetime64[us]"), wrong, refused, notes)


def _date(day: _Day, order: str) -> date:
    if day.form != "two":
        return date(*day.numbers)
    first, second, year = day.numbers
    return date(year, first, second) if order == MONTH_FIRST else date(year, second, first)


def _one_of_each(good: Mapping[Hashable, _Day], what: Callable[[_Day], str]) -> list[str]:
    seen: dict[str, str] = {}
    for cell, day in good.items():
        seen.setdefault(what(day), as_text(cell))
    return list(seen.values())


def _day(cell: Any, zone: tzinfo | None) -> _Day | str:
    """The day that a cell may be, or why it is none."""
    if isinstance(cell, datetime):
        return _moment(cell, zone)
    if isinstance(cell, date):
        return _Day("a day", (cell.year, cell.month, cell.day))
    text = as_text(cell)
    if found := _YMD.fullmatch(text):
        return _moved(found, zone)
    if found := _COMPACT.fullmatch(text):
        return _Day("compact", _numbers(found, "ymd"))
    if found := _TWO.fullmatch(text):
        # Days with points between are written day first wherever they are written.
        return _Day("points", _numbers(found, "yba")) if found["s"] == "." else _Day("two", _numbers(found, "aby"))
    found = _DAY_NAMED.fullmatch(text) or _NAMED_DAY.fullmatch(text)
    return _named(found) if found else _why_none(text)


def _moment(cell: datetime, zone: tzinfo | None) -> _Day | str:
    """The day of a moment that is one already."""
    offset = "" if cell.tzinfo is None else cell.strftime("%z")
    if not offset or zone is None:
        return _Day("a day", (cell.year, cell.month, cell.day), offset)
    try:
        moved = cell.astimezone(zone)
    except (ValueError, OverflowError):
        return "is not a moment of the calendar"
    return _Day("a day", (moved.year, moved.month, moved.day))


def _numbers(found: re.Match[str], keys: str) -> tuple[int, int, int]:
    first, second, third = (int(found[key]) for key in keys)
    return first, second, third


def _named(found: re.Match[str]) -> _Day | str:
    name = found["m"].lower()
    for number, full in enumerate(_MONTHS, start=1):
        if full == name or (full[:3] == name[:3] and len(name) <= 4):
            return _Day("named", (int(found["y"]), number, int(found["d"])))
    return "is not a day: write months in English or as numbers"


def _why_none(text: str) -> str:
    if _SHORT.fullmatch(text):
        return "has two digits of a year: export four"
    if _SERIAL.fullmatch(text):
        return "is a spreadsheet's number of a day: format the column as dates and export it again"
    return "is not a day"


def _moved(found: re.Match[str], zone: tzinfo | None) -> _Day | str:
    """The day of a moment in `zone`, where it states its own offset."""
    year, month, day = _numbers(found, "ymd")
    offset = found["zone"] or ""
    if not offset or zone is None:
        return _Day("ymd", (year, month, day), offset)
    sign = "+00:00" if offset in ("Z", "UTC") else offset
    clock = ":".join(part.zfill(2) for part in found["time"].split(".")[0].split(":"))
    try:
        moment = datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{clock}{sign}").astimezone(zone)
    except (ValueError, OverflowError):
        return "is not a moment of the calendar"
    return _Day("ymd", (moment.year, moment.month, moment.day))


def _order(good: Mapping[Hashable, _Day], said: str) -> tuple[str, tuple[str, str]]:
    """Which of day and month comes first in cells that leave it open, or why that cannot be known."""
    two = {cell: day.numbers for cell, day in good.items() if day.form == "two"}
    if not two or said:
        return said, ("", "")
    remedy = "say which: dates: day-first or dates: month-first"
    first = next((cell for cell, (a, _, _) in two.items() if a > 12), None)
    second = next((cell for cell, (_, b, _) in two.items() if b > 12), None)
    if first is not None and second is not None:
        words = f"mixed formats: {first} has the day first, {second} the month"
        return "", (words, "export all days in one format, best year-month-day")
    other = next((as_text(cell) for cell, day in good.items() if day.form not in ("two",)), None)
    if other is not None:
        words = f"mixed formats, like {next(iter(two))} and {other}"
        return "", (words, "export all days in one format, best year-month-day, or " + remedy)
    if first is None and second is None:
        return "", (f"{next(iter(two))} may have the day or the month first, and so may every other", remedy)
    return (DAY_FIRST if first is not None else MONTH_FIRST), ("", "")


# --- numbers ----------------------------------------------------------------------------------------------------------

_SIGNS = {"€": {"EUR"}, "£": {"GBP"}, "¥": {"JPY", "CNY"}, "₹": {"INR"}, "zł": {"PLN"}, "R$": {"BRL"}}
_DOLLARS = {"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "TWD"}
_MONEY = re.compile(
    r"(?P<front>[^\d\s.,+(-]{1,3})?\s*(?P<number>[-+]?[\d.,'’\s]*\d(?:[eE][-+]?\d+)?\.?)\s*(?P<back>[^\d\s.,-]{1,3})?"
)
_GROUPS = re.compile(r"\d{1,3}(?:[\s'’]\d{3})+(?=[.,]|$)")
_SHORTENED = re.compile(r"k|m|mn|bn|b|mio", re.IGNORECASE)


def numbers(cells: pd.Series[Any], said: str = "") -> Parsed:
    """Read a column of numbers, perhaps with signs of a currency.

    Parameters
    ----------
    cells : (rows,) text or numbers; "" or nothing where blank
    said : comma or point, where the user says what stands before decimals

    >>> numbers(pd.Series(["1.234,50", "(2.000)", "n/a"])).values.tolist()
    [1234.5, -2000.0, nan]
    """
    currencies: dict[Hashable, frozenset[str]] = {}

    def read(cell: Any) -> float | tuple[str, str] | str:
        if isinstance(cell, bool | np.bool_):
            return "is not a number"
        if isinstance(cell, Real | Decimal):
            return float(cell) if math.isfinite(float(cell)) else "is not a finite number"
        bare, seen = _bare(as_text(cell))
        if seen:
            currencies[cell] = frozenset(seen)
        return bare

    found = _each(cells, read)
    texts = {cell: value for cell, value in found.items() if isinstance(value, tuple)}
    decimal, refused = _decimal({cell: text for cell, (_, text) in texts.items()}, said)
    wrong: dict[Hashable, str] = {cell: value for cell, value in found.items() if isinstance(value, str)}
    known: dict[Hashable, float] = {cell: value for cell, value in found.items() if isinstance(value, float)}
    for cell, (sign, text) in texts.items():
        value = _value(text, decimal or POINT)
        if value is None or not math.isfinite(value):
            wrong[cell] = "is not a number" if not said else f"is not a number with a decimal {said}"
        else:
            known[cell] = -value if sign == "-" else value
    values = cells.map(known) if known else pd.Series(math.nan, cells.index)
    return Parsed(values.astype("float64"), wrong, refused, [], currencies)


def _bare(text: str) -> tuple[tuple[str, str] | str, set[str]]:
    """Sign and digits of a number, or why it is none, and the currencies that it may be in."""
    is_negative = text.startswith("(") and text.endswith(")")
    text = text[1:-1].strip() if is_negative else text
    if text.startswith("-") and not text[1:2].isdigit():
        is_negative, text = not is_negative, text[1:].strip()
    if text.endswith("-"):
        is_negative, text = not is_negative, text[:-1].strip()
    match = _MONEY.fullmatch(text)
    if match is None:
        return "is not a number", set()
    seen: set[str] = set()
    for sign in filter(None, (match["front"], match["back"])):
        if _SHORTENED.fullmatch(sign):
            return "is shortened: export the whole number", set()
        named = {sign} if re.fullmatch("[A-Z]{3}", sign) else _SIGNS.get(sign) or (_DOLLARS if "$" in sign else None)
        if named is None:
            return "is not a number", set()
        seen |= named
    number = match["number"]
    if number[0] in "+-":
        if is_negative:
            return "is not a number", set()
        is_negative, number = number[0] == "-", number[1:]
    grouped = _GROUPS.match(number)
    if grouped:
        number = re.sub(r"[\s'’]", "", grouped[0]) + number[grouped.end() :]
    return ("is not a number" if re.search(r"[\s'’]", number) else ("-" if is_negative else "+", number)), seen


def _hint(text: str) -> str | None:
    """What stands before decimals in a number: comma, point, "" where it may be either, None where nothing tells."""
    head = re.split("[eE]", text)[0]
    commas, points = head.count(","), head.count(".")
    if not commas and not points:
        return None
    if commas and points:
        return COMMA if head.rfind(",") > head.rfind(".") else POINT
    mark, other = (",", POINT) if commas else (".", COMMA)
    if max(commas, points) > 1:
        return other
    before, after = head.split(mark)
    is_open = len(after) == 3 and 1 <= len(before) <= 3 and before != "0" and head == text
    return "" if is_open else (COMMA if commas else POINT)


def _decimal(texts: Mapping[Hashable, str], said: str) -> tuple[str, tuple[str, str]]:
    if said:
        return said, ("", "")
    hints = {cell: hint for cell, text in texts.items() if (hint := _hint(text)) is not None}
    comma = next((cell for cell, hint in hints.items() if hint == COMMA), None)
    point = next((cell for cell, hint in hints.items() if hint == POINT), None)
    if comma is not None and point is not None:
        words = f"mixed formats: {comma} has a decimal comma, {point} a decimal point"
        return "", (words, "export all numbers in one format")
    if comma is None and point is None and hints:
        words = f"{next(iter(hints))} may be thousands or have three decimals, and so may every other"
        return "", (words, "say which: decimal: comma or decimal: point")
    return (COMMA if comma is not None else POINT), ("", "")


def _value(text: str, decimal: str) -> float | None:
    mark, groups = (",", ".") if decimal == COMMA else (".", ",")
    head = text.split(mark, maxsplit=1)[0]
    if groups in text and not re.fullmatch(rf"\d{{1,3}}(?:{re.escape(groups)}\d{{3}})+", head):
        return None
    try:
        return float(text.replace(groups, "").replace(mark, "."))
    except ValueError:
        return None


# --- words ------------------------------------------------------------------------------------------------------------


def folded(text: str) -> str:
    """A name without case, blanks and punctuation, except between digits.

    >>> folded("GTX Pro") == folded("gtx-pro"), folded("A 1-2") == folded("A 12")
    (True, False)
    """
    kept = re.sub(r"(?<=\d)[\W_]+(?=\d)", "·", text.casefold())
    return re.sub(r"[^\w·]|_", "", kept)


def spellings(names: Iterable[str]) -> dict[str, list[str]]:
    """The names that differ only by case, blanks and punctuation, in groups of two or more."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(folded(name), []).append(name)
    return {key: group for key, group in groups.items() if key and len(group) > 1}
