"""What a value of the plan may be: text, a name, a month, a number in a unit, a reference to another entry."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from simengine.limits import NAME, TITLE
from simengine.plan.scalars import Constant, Q, Quantity, is_number, mistake, nearest, shown
from simengine.units import UNITS, month_number


class InMonths:
    """Annotation of a month written like 2027-01, kept as months since year 0."""

    unit = "month"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def validate(self, raw: object) -> int:
        """Turn what stands in the plan into a number of months."""
        try:
            return month_number(raw if isinstance(raw, str) else "")
        except ValueError:
            raise mistake(f"{shown(raw)} is not a month", "expected a month like 2027-01") from None


def _day(raw: object) -> date:
    if isinstance(raw, date):
        return raw
    try:
        return date.fromisoformat(raw if isinstance(raw, str) and len(raw) == len("2026-12-31") else "")
    except ValueError:
        raise mistake(f"{shown(raw)} is not a day of the calendar", "expected a date like 2026-12-31") from None


def _text(raw: object) -> str:
    if isinstance(raw, str):
        return raw
    remedy = f'put it in quotes: "{shown(raw)}"' if isinstance(raw, int | float) else "expected text"
    raise mistake(f"{shown(raw)} is not text", remedy)


def _citation(raw: object) -> str:
    text = _text(raw)
    if not text.strip() or len(text) > TITLE.most:
        raise mistake(f"{shown(text)} is no name", f"expected 1 to {TITLE.most} characters")
    return text


def _title(raw: object) -> str:
    title = _citation(raw)
    if len(title.strip().splitlines()) > 1:
        raise mistake(f"{shown(title)} is no name", "expected one line")
    return title


def checked_name(raw: object) -> str:
    """`raw`, if it can be the name of an entity or label; raises a mistake otherwise."""
    name = _text(raw)
    if not name or name != name.strip() or len(name) > NAME.most:
        remedy = f"expected 1 to {NAME.most} characters without blanks at either end"
        raise mistake(f"{shown(name)} cannot be a name", remedy)
    # The kernel addresses chance by channel/segment.
    if "/" in name or not name.isprintable():
        raise mistake(f"{shown(name)} cannot be a name", "expected text without / and line breaks")
    return name


def _assumption_name(raw: object) -> str:
    name = checked_name(raw)
    if not re.fullmatch(r"[^\W\d_][\w.-]*", name) or is_number(name):
        raise mistake(
            f"{shown(name)} cannot be the name of an assumption",
            "expected a letter, then letters, digits, '.', '-' or '_', like win_rate.smb",
        )
    return name


def _flag(raw: object) -> bool:
    if raw in (True, "true") or raw in (False, "false"):
        return raw in (True, "true")
    raise mistake(f"{shown(raw)} is neither true nor false", "expected true or false")


def _currency(raw: object) -> str:
    if not isinstance(raw, str) or not re.fullmatch("[A-Z]{3}", raw):
        raise mistake(f"{shown(raw)} is not a currency", "expected a code of three capital letters like USD")
    return raw


def _unit(raw: object) -> str:
    if raw not in UNITS:
        raise mistake(f"{shown(raw)} is not a unit", nearest(raw, UNITS))
    return str(raw)


class Ref:
    """Annotation of a text that must name something declared elsewhere in the plan: a segment, role, stage, channel."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def _validate(self, raw: object, info: ValidationInfo) -> str:
        name = _text(raw)
        if info.context is not None:
            declared = info.context.names[self.what]
            if name not in declared:
                raise mistake(f"{self.what} {shown(name)} is not declared", nearest(name, declared))
        return name


class OrWord:
    """Annotation of a field that holds `shape`, or one word in its place; `text`: the shape may be text too."""

    def __init__(self, shape: Any, word: str, *, text: bool = False) -> None:
        self.shape, self.word, self.text = shape, word, text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._validate, handler.generate_schema(self.shape))

    def _validate(self, raw: object, handler: Any) -> Any:
        if raw == self.word:
            return raw
        if isinstance(raw, str) and not self.text:
            raise mistake(f"{shown(raw)} is not possible here", f"expected the word {self.word}, or a mapping")
        return handler(raw)


MOST_MONEY = 1e13
"""The greatest amount that a plan may state, in whatever currency."""

Month = Annotated[int, InMonths()]
Day = Annotated[date, BeforeValidator(_day)]
Text = Annotated[str, BeforeValidator(_text)]
Title = Annotated[str, BeforeValidator(_title)]
"""What a person calls something, in one line; never an address."""
Citation = Annotated[str, BeforeValidator(_citation)]
"""Where something comes from; of any number of lines."""
Name = Annotated[str, BeforeValidator(checked_name)]
"""What the plan calls an entity; part of the address of its chance."""
AssumptionName = Annotated[str, BeforeValidator(_assumption_name)]
SegmentRef = Annotated[str, Ref("segment")]
UncertainRef = Annotated[str, Ref("assumption")]
"""An assumption or an event."""

Fraction = Annotated[Quantity, Q("fraction", 0, 1)]
Count = Annotated[Quantity, Q("count", 0, 1e6, reach=math.inf)]
Months = Annotated[Quantity, Q("months", 0, 600, reach=math.inf)]
Money = Annotated[Quantity, Q("currency", 0, MOST_MONEY, reach=math.inf)]
MoneyPerMonth = Annotated[Quantity, Q("currency per month", 0, MOST_MONEY, reach=math.inf)]
MoneyPerYear = Annotated[Quantity, Q("currency per year", 0, MOST_MONEY, reach=math.inf)]
Spread = Annotated[Quantity, Q("fraction", 0, 10, reach=math.inf)]
"""A coefficient of variation: standard deviation divided by mean."""
Factor = Annotated[Quantity, Q("factor", 0, 1000, reach=math.inf)]
LeavingPerYear = Annotated[Quantity, Q("fraction per year", 0, 0.999, reach=1)]
Correlation = Annotated[float, Constant("", -1, 1, example="0.4")]

Amount = Annotated[float, Constant("currency", 0, MOST_MONEY)]
Heads = Annotated[int, Constant("count", 0, 100_000, whole=True, example="3")]
Weight = Annotated[float, Constant("", 0, 1000, example="1.2")]

ZERO = Quantity(0.0)
ONE = Quantity(1.0)

Flag = Annotated[bool, BeforeValidator(_flag)]
Currency = Annotated[str, BeforeValidator(_currency)]
Unit = Annotated[str, BeforeValidator(_unit)]
