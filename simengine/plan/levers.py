"""`levers:` what could be done about the plan: how much, from when on, at what cost, and who decides until when."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simengine.plan.entry import Model, choice
from simengine.plan.fields import MOST_MONEY, Amount, Factor, Heads, Month, Ref, Text, UncertainRef
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault, faults_of, mistake, plain, shown, wrong
from simengine.units import month_label

MOST_STEPS = 1000
"""Steps of a lever."""
_KINDS = ("hires", "spend", "improves", "event")
_UNITS = {"hires": "count", "event": "months"}
"""Unit of a lever's amounts, where it is not a factor."""


def _kind(data: dict[str, Any]) -> str:
    """What a lever moves, as far as its keys are right."""
    return next((kind for kind in _KINDS if data.get(kind) is not None), "hires")


class InLever:
    """Annotation of an amount: whole people, whole months, or a factor, by what the lever moves."""

    def __init__(self, low: float = -math.inf) -> None:
        self._low = low

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def _validate(self, raw: object, info: ValidationInfo) -> float:
        kind = _kind(info.data)
        unit = _UNITS.get(kind, "factor")
        low, high = (0.0, 100.0) if unit == "factor" else (-1000.0, 1000.0)
        bounds = max(self._low, low), high
        return float(Constant(unit, *bounds, whole=unit != "factor").validate(raw, info))


class Span(InLever):
    """Annotation of the two ends of a lever's amounts."""

    def _validate(self, raw: object, info: ValidationInfo) -> Any:
        if not isinstance(raw, list | tuple) or len(raw) != 2:
            raise mistake(f"{shown(raw)} is no range", "expected the least and the most, like [0, 6] or [x1.0, x1.4]")
        found, faults = [], []
        for index, item in enumerate(raw):
            try:
                found.append(super()._validate(item, info))
            except PydanticCustomError as error:
                faults += [Fault((index, *fault.at), fault.message, fault.expected) for fault in faults_of(error)]
        if faults:
            raise wrong(*faults)
        return tuple(found)


class LeverCost(Model):
    """What one step of a lever costs, in the plan's currency: once, and in every month from its start on."""

    upfront: Amount = 0.0
    monthly: Annotated[float, Constant("currency per month", 0, MOST_MONEY)] = 0.0


class LeverTerritory(Model):
    """The territory that each further seat works."""

    potential: Factor
    accounts: Annotated[int, Constant("count", 0, 1_000_000, whole=True)] = 0


class Lever(Model):
    """What could be done: people hired on top, a channel's spend, an assumption improved, an event brought forward.

    Amounts are people on top of the plan (`hires`), a factor (`spend`, `improves`), or months earlier (`event`). Each
    month of `starts` is moved on its own.
    """

    hires: Annotated[str, Ref("seat group")] | None = None
    spend: Annotated[str, Ref("channel")] | None = None
    improves: Annotated[tuple[UncertainRef, ...], Field(min_length=1)] | None = None
    event: Annotated[str, Ref("event")] | None = None
    starts: Annotated[tuple[Month, ...], Field(min_length=1)] = ()
    range: Annotated[Any, Span()]
    step: Annotated[float, InLever(1e-6)] | None = None
    cost: LeverCost | None = None
    phase_in_months: Annotated[int, Constant("months", 0, 600, whole=True)] = 0
    lead_time: Annotated[int, Constant("months", 0, 120, whole=True, example="3 months")] = 0
    owner: Text
    territories: LeverTerritory | None = None
    note: Text = ""

    @property
    def kind(self) -> str:
        """What it moves: `hires`, `spend`, `improves` or `event`."""
        return _kind(self.__dict__)

    @property
    def neutral(self) -> float:
        """The amount that leaves the plan as it is."""
        return 1.0 if self.kind in ("spend", "improves") else 0.0

    @property
    def amounts(self) -> tuple[float, ...]:
        """Every amount that may be chosen, from the least to the most."""
        low, high = self.range
        step = self.step or 1.0
        return tuple(round(low + i * step, 9) for i in range(round((high - low) / step) + 1))

    def faults(self, known: Known) -> Iterator[Fault]:
        """It moves one thing; its range is in steps, around what the plan has; what belongs to it is there."""
        wrong_kind = list(choice(self, *_KINDS))
        yield from wrong_kind
        if wrong_kind:
            return
        yield from self._range_faults()
        yield from self._month_faults(known)
        kind = self.kind
        if kind == "improves" and self.cost is None:
            remedy = "add cost: {upfront: …, monthly: …}, of one step; 0 if it is free"
            yield Fault((), "an improvement has a cost", remedy)
        for name in self.improves or ():
            if name not in known.units:
                yield Fault(("improves",), f"{name} is an event", "name assumptions; an event is moved by `event`")
        for key, owner in (("territories", "hires"), ("phase_in_months", "improves")):
            if key in self.model_fields_set and kind != owner:
                yield Fault((key,), f"belongs to a lever of {owner}", "remove it")

    def _range_faults(self) -> Iterator[Fault]:
        low, high = self.range
        if self.step is None and self.neutral == 1.0:
            yield Fault((), "a factor moves in steps", "add step, like x0.05")
            return
        step = self.step or 1.0
        if low >= high:
            yield Fault(("range",), f"{plain(low)} is not below {plain(high)}", "write the least amount first")
            return
        steps = (high - low) / step
        if steps > MOST_STEPS:
            yield Fault(("step",), f"makes {steps:,.0f} steps", f"expected at most {MOST_STEPS:,}")
        elif abs(steps - round(steps)) > 1e-6:
            yield Fault(("range",), f"is not a whole number of steps of {plain(step)}", "change step, or an end")
        elif self.neutral not in self.amounts:
            yield Fault(
                ("range",), "does not hold what the plan has", f"choose ends and a step that meet {plain(self.neutral)}"
            )

    def _month_faults(self, known: Known) -> Iterator[Fault]:
        if self.kind == "event":
            if self.starts:
                yield Fault(("starts",), "an event has a start of its own", "remove it: the range is in months earlier")
            return
        if not self.starts:
            yield Fault((), "no start is given", "add starts: [2027-03], or several months that may be chosen")
        for index, (month, count) in enumerate(Counter(self.starts).items()):
            if count > 1:
                yield Fault(("starts", index), f"{month_label(month)} stands here twice", "remove one")
        if known.header is None:
            return
        first, last = known.header.start, known.header.end
        for index, month in enumerate(self.starts):
            if not first <= month <= last:
                words = f"this month is outside the plan, {month_label(first)} to {month_label(last)}"
                yield Fault(("starts", index), words, "choose a month inside it")


class Limits(Model):
    """`limits:` what the levers may not exceed together: money until a target's period ends, people hired in a month.

    People count with those whom the plan hires in that month anyway, and who are on their way.
    """

    budget: Amount | None = None
    hires_per_month: Heads | None = None
