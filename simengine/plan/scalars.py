"""Numbers as a plan writes them: `22 %`, `1e6`, `250_000 per month`, `x1.4`, or the name of an assumption."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simengine.limits import NUMBER
from simengine.units import PERIODS, UNITS, conversion, month_label, month_number

if TYPE_CHECKING:
    from simengine.plan.known import Known

DIGITS = r"[-+]?(?:(?:0|[1-9]\d*(?:_\d+)*)(?:\.\d+(?:_\d+)*)?|\.\d+)(?:[eE][-+]?\d+)?"
"""A number: `_` may group digits, a leading zero is no number (YAML 1.1 reads it as octal)."""

_WRITTEN = re.compile(
    rf"(?P<x>x\s*)?(?P<number>{DIGITS})"
    r"(?(x)|(?:\s*(?P<percent>%)(?:\s+of\s+ATR)?|\s+(?P<unit>months?|of\s+ATR))?)"
    r"(?:\s+per\s+(?:fiscal\s+)?(?P<period>month|quarter|year))?",
    re.ASCII,
)
_FOREIGN = re.compile(r"[^\w%.-]*\d[\d,.' ]*\s*[kKmMbB]?(?:\s*[^\w\s%]|\s+[A-Z]{3})?")
_EXAMPLES = {
    "": "1.5",
    "fraction": "22 %",
    "count": "40",
    "months": "6 months",
    "currency": "250_000",
    "factor": "x1.4",
}


class Fault(NamedTuple):
    """A mistake found in a value: where below that value, what is wrong, what was expected."""

    at: tuple[str | int, ...]
    message: str
    expected: str = ""


def wrong(*faults: Fault) -> PydanticCustomError:
    """The mistakes of one value, in the form that a validator raises."""
    return PydanticCustomError("plan", "mistakes in the plan", {"faults": faults})


def mistake(message: str, expected: str = "") -> PydanticCustomError:
    """One mistake, of the value itself."""
    return wrong(Fault((), message, expected))


def faults_of(error: PydanticCustomError) -> tuple[Fault, ...]:
    """The faults that a raised mistake carries."""
    faults: tuple[Fault, ...] = (error.context or {})["faults"]
    return faults


def likely(name: object, valid: Iterable[object]) -> str:
    """'did you mean …', or nothing where no valid name is close.

    >>> likely("bas.yaml", ["base.yaml", "notes.txt"]), likely("x", ["base.yaml"])
    ('did you mean base.yaml?', '')
    """
    close = difflib.get_close_matches(str(name), sorted(map(str, valid)), n=1)
    return f"did you mean {close[0]}?" if close else ""


def likely_file(path: Path) -> str:
    """'did you mean …' for a file or folder that is not there, of what is beside it; nothing where nothing is close."""
    try:
        beside = {other.stem: other.name for other in path.parent.iterdir()}
    except OSError:
        return ""
    # By the names alone: that two files end with .yaml makes them no more alike.
    close = difflib.get_close_matches(path.stem, sorted(beside), n=1)
    return f"did you mean {beside[close[0]]}?" if close else ""


def nearest(name: object, valid: Iterable[object]) -> str:
    """'did you mean …' or the valid names, whichever helps more.

    >>> nearest("sbm", ["smb", "enterprise"])
    'did you mean smb?'
    """
    names = sorted(map(str, valid))
    if close := likely(name, names):
        return close
    if not names:
        return "none is declared"
    return f"expected one of {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"


def shown(raw: object) -> str:
    """A value of the plan as the reader of a message would recognise it.

    >>> shown(True), shown({"a": 1}), shown("abc"), shown(2.0)
    ('true', 'a mapping', "'abc'", '2')
    """
    if raw is None or isinstance(raw, bool):
        return {None: "nothing", True: "true", False: "false"}[raw]
    if isinstance(raw, Mapping):
        return "a mapping"
    if isinstance(raw, list | tuple):
        return "a list"
    if isinstance(raw, int | float):
        return f"{raw:.15g}"
    text = str(raw)
    return repr(text if len(text) <= 60 else text[:57] + "…")


def plain(x: float) -> str:
    """A number in a message, its digits grouped.

    >>> plain(0.3), plain(100000.0), plain(1e13)
    ('0.3', '100,000', '1e13')
    """
    if abs(x) >= 1e12 and float(f"{x:.6g}") == x:
        return f"{x:.6g}".replace("e+", "e")
    return f"{x:,.0f}" if x == round(x, 0) else f"{x:,.6g}"


def span(low: float, high: float) -> str:
    """The numbers between two ends, in words.

    >>> span(0, 1), span(3, 3), span(0, math.inf), span(-math.inf, 1), span(-math.inf, math.inf)
    ('from 0 to 1', '3', 'of at least 0', 'of at most 1', 'of any size')
    """
    if low == high:
        return plain(low)
    if math.isinf(low):
        return "of any size" if math.isinf(high) else f"of at most {plain(high)}"
    return f"of at least {plain(low)}" if math.isinf(high) else f"from {plain(low)} to {plain(high)}"


def percent_hint(value: float, unit: str, high: float) -> str:
    """What to write instead of a `value` above `high` whose percent sign was forgotten; empty where it was not.

    >>> percent_hint(30, "fraction per year", 1), percent_hint(300, "fraction", 1), percent_hint(30, "count", 1)
    ('write 30 % per year if you mean 0.3', '', '')
    """
    quantity, _, period = unit.partition(" per ")
    if quantity != "fraction" or not max(high, 1) < value <= 100 * high:
        return ""
    return f"write {value:g} %{period and f' per {period}'} if you mean {value / 100:g}"


class Quantity(NamedTuple):
    """A number in its field's unit, or the name of the assumption that supplies it; another one from some month on.

    For an assumption `number` is the factor from its unit to the field's (1/12 from `per year` to `per month`).
    `later` holds (month since year 0, what holds from then on), in order.
    """

    number: float
    assumption: str | None = None
    later: tuple[tuple[int, Any], ...] = ()

    def at(self, month: int) -> Quantity:
        """What holds in a month (since year 0)."""
        held = Quantity(self.number, self.assumption)
        for first, quantity in self.later:
            if first <= month:
                held = quantity
        return held

    @property
    def steps(self) -> tuple[Quantity, ...]:
        """Everything that it ever is."""
        return (Quantity(self.number, self.assumption), *(quantity for _, quantity in self.later))

    def beside(self, other: Quantity) -> Iterator[tuple[float, float]]:
        """What two numbers are at the same time, at the start and after each change, where both are plain numbers."""
        for month in (-1, *sorted({month for month, _ in (*self.later, *other.later)})):
            here, there = self.at(month), other.at(month)
            if here.assumption is None and there.assumption is None:
                yield here.number, there.number

    def of(self, values: Mapping[str, Any]) -> Any:
        """The value in the first month, given one value (or column of values) for each assumption."""
        return self.number if self.assumption is None else self.number * values[self.assumption]


def expectation(unit: str, low: float = -math.inf, high: float = math.inf, example: str = "") -> str:
    """What to write for a number in `unit` between `low` and `high`.

    >>> expectation("count per month", 0)
    'count per month of at least 0, like 40 per month'
    """
    quantity, _, period = unit.partition(" per ")
    bounds = "" if math.isinf(low) else f" {span(low, high)}"
    example = example or _EXAMPLES[quantity] + (f" per {period}" if period else "")
    return f"{unit or 'number'}{bounds}, like {example}"


def is_month(key: object) -> bool:
    """Whether a key is a month like 2027-07."""
    try:
        return month_number(str(key)) >= 0
    except ValueError:
        return False


def is_number(text: str) -> bool:
    """Whether `text` is written like a number, with or without a unit."""
    return _WRITTEN.fullmatch(text.strip()) is not None


def number(raw: object, unit: str, *, bare: bool = False) -> float:
    """The value of `raw` in `unit`; raises a mistake where it is no number or in another unit.

    Where a unit has a period the period must be written, unless `bare`.

    >>> number("24_000 per year", "currency per month"), number("22 %", "fraction"), number(3, "months")
    (2000.0, 0.22, 3.0)
    """
    expected = f"expected {expectation(unit)}"
    quantity, _, period = unit.partition(" per ")
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise mistake(f"{shown(raw)} is not a number", expected)
    if not isinstance(raw, str):
        if period and not bare:
            raise mistake(f"{shown(raw)} has no period", expected)
        return float(raw)
    match = _WRITTEN.fullmatch(raw.strip())
    if match is None:
        raise mistake(f"{shown(raw)} is not a number", _remedy(raw) or expected)
    if len(match["number"]) > NUMBER.most:
        words = f"a number of {len(match['number']):,} characters"
        raise mistake(words, f"{NUMBER} are read: write it like 1.5e6")
    try:
        written = Decimal(match["number"].replace("_", ""))
    except InvalidOperation:
        raise mistake(f"{shown(raw)} is too large", expected) from None
    value = float(written.scaleb(-2) if match["percent"] else written)  # 99.9 % is 0.999, not 99.9 / 100
    if not math.isfinite(value):
        raise mistake(f"{shown(raw)} is too large", expected)
    given = "factor" if match["x"] else "fraction" if match["percent"] else quantity
    if match["unit"]:
        given = "months" if match["unit"].startswith("month") else "fraction"
    if given != quantity:
        raise mistake(f"{shown(raw)} is in {given}", expected)
    if not match["period"]:
        if period and not bare:
            raise mistake(f"{shown(raw)} has no period", expected)
        return value
    if conversion(f"{given} per {match['period']}", unit) is None:
        raise mistake(f"{shown(raw)} is per {match['period']}", expected)
    return value * PERIODS[period] / PERIODS[match["period"]]


def _remedy(text: str) -> str:
    """How to write a number that is written as elsewhere: with commas, a currency sign, or k and M for the zeros."""
    if not _FOREIGN.fullmatch(text.strip()):
        return ""
    return "write the digits only, grouped by _ if you like: 250_000, not 250,000 or $250k"


class Q:
    """Annotation of a field: its unit and its bounds (both inclusive). `Annotated[Quantity, Q("fraction", 0, 1)]`.

    `reach` is how far an assumption may go where a number, a plan value or a fixed value may only go to `high`.
    `of_atr`: `3 % of ATR` may stand here. `changes`: another number may hold from some month on.
    """

    def __init__(
        self,
        unit: str,
        low: float = 0.0,
        high: float = math.inf,
        *,
        reach: float | None = None,
        whole: bool = False,
        of_atr: bool = False,
        changes: bool = True,
        example: str = "",
    ) -> None:
        assert unit in UNITS or not unit, unit
        self.unit, self.low, self.high = unit, low, high
        self.reach = high if reach is None else reach
        self.whole, self.of_atr, self.changes, self.example = whole, of_atr, changes, example

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.validate)

    @property
    def expected(self) -> str:
        """What to write here."""
        return f"expected {expectation(self.unit, self.low, self.high, self.example)}, or an assumption's name"

    def validate(self, raw: object, info: ValidationInfo) -> Any:
        """Turn what stands in the plan into a Quantity in this field's unit."""
        if isinstance(raw, Quantity):
            return raw
        if isinstance(raw, Mapping):
            return self._in_steps(raw, info)
        if isinstance(raw, str) and not is_number(raw) and not _remedy(raw):
            return self._named(raw.strip(), info.context)
        return Quantity(self._checked(raw))

    def _in_steps(self, raw: Mapping[object, object], info: ValidationInfo) -> Quantity:
        """A number that changes: `{start: 25 %, 2027-07: 28 %}`."""
        if not self.changes:
            raise mistake("this number cannot change from a month on", self.expected)
        faults: list[Fault] = []
        found: dict[int, Quantity] = {}
        for key, value in raw.items():
            try:
                month = _step(key, info.context)
                if isinstance(value, Mapping):
                    raise mistake("a mapping stands here", self.expected)
                found[month] = self.validate(value, info)
            except PydanticCustomError as error:
                faults += [Fault((str(key), *fault.at), fault.message, fault.expected) for fault in faults_of(error)]
        if "start" not in raw:
            faults.append(Fault((), "no value holds at the start", "add start: the value before the first change"))
        if faults:
            raise wrong(*faults)
        (_, first), *later = sorted(found.items())
        return Quantity(first.number, first.assumption, tuple(later))

    def _checked(self, raw: object) -> float:
        try:
            value = number(raw, self.unit)
        except PydanticCustomError as error:
            fault = faults_of(error)[0]
            remedy = self.expected if fault.expected.startswith("expected") else fault.expected
            raise mistake(fault.message, remedy) from None
        if isinstance(raw, str) and raw.rstrip().endswith("ATR") and not self.of_atr:
            raise mistake(f"{shown(raw)} is a share of ATR", self.expected)
        if not self.low <= value <= self.high:
            hint = percent_hint(value, self.unit, self.high)
            if value == 1 and self.unit.startswith("fraction"):
                hint = "it is 100 %"
            raise mistake(f"{shown(raw)} is out of range{hint and f', {hint}'}", self.expected)
        if self.whole and value != round(value):
            raise mistake(f"{shown(raw)} is not a whole number", self.expected)
        return value

    def _named(self, name: str, known: Known | None) -> Quantity:
        units: Mapping[str, str | None] = known.units if known else {}
        if name not in units:
            near = nearest(name, units)
            hint = f"; {near}" if near.startswith("did") else ""
            raise mistake(f"{shown(name)} is neither a number nor the name of an assumption", self.expected + hint)
        unit = units[name]
        if unit is None:
            return Quantity(1.0, name)
        scale = conversion(unit, self.unit)
        if scale is None:
            raise mistake(f"assumption {name} is in {unit}", f"expected an assumption in {self.unit}")
        fault = None if known is None else known.outside(name, self.low / scale, self.high / scale, self.reach / scale)
        if fault is not None:
            raise wrong(fault)
        return Quantity(scale, name)


def _step(key: object, known: Known | None) -> int:
    """The month from which on something holds, -1 at the start."""
    if key == "start":
        return -1
    if not is_month(key):
        raise mistake(f"{shown(key)} is not a month", "expected start, or a month like 2027-07")
    month = month_number(str(key))
    header = None if known is None else known.header
    if header is not None and not header.start < month <= header.end:
        first, last = month_label(header.start), month_label(header.end)
        if month == header.start:
            raise mistake("the plan starts in this month", "write its value as start")
        raise mistake(f"this month is outside the plan, {first} to {last}", "choose a month inside it")
    return month


class Constant(Q):
    """Annotation of a field that is a plain number, never an assumption."""

    @property
    def expected(self) -> str:
        """What to write here."""
        return f"expected {expectation(self.unit, self.low, self.high, self.example)}"

    def validate(self, raw: object, info: ValidationInfo) -> Any:
        """Turn what stands in the plan into a number in this field's unit."""
        if info.context is not None and isinstance(raw, str) and raw.strip() in info.context.units:
            raise mistake(
                f"{shown(raw)} is the name of an assumption, and only a plain number can stand here", self.expected
            )
        if isinstance(raw, Mapping) and "start" in raw:
            raise mistake("this number cannot change from a month on", self.expected)
        value = self._checked(raw)
        return int(value) if self.whole else value


class Key(Constant):
    """Annotation of a whole number that is a key: written in one way only, without a unit."""

    def validate(self, raw: object, info: ValidationInfo) -> int:
        """Turn a key of the plan into a number."""
        if not isinstance(raw, int) and not (isinstance(raw, str) and raw.isascii() and raw.isdigit()):
            raise mistake(f"{shown(raw)} cannot be a key here", f"expected a whole number of {self.unit} like 12")
        if len(str(raw)) > NUMBER.most:
            raise mistake(f"a number of {len(str(raw)):,} characters", f"{NUMBER} are read")
        return int(super().validate(int(raw), info))
