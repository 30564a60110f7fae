"""`levers:` what could be done about the plan: how much, from when on, at what cost, and who decides until when."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
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
_SMALLEST = 0.001
"""Smallest step of a factor."""


def _kind(data: dict[str, Any]) -> str | None:
    """What a lever moves, as far as its keys are right."""
    return next((kind for kind in _KINDS if data.get(kind) is not None), None)


def unit_of(kind: str) -> str:
    """Unit of the amounts of a lever that moves this.

    >>> unit_of("hires"), unit_of("spend"), unit_of("event")
    ('count', 'factor', 'months')
    """
    return _UNITS.get(kind, "factor")


class LeverAmount:
    """Annotation of an amount: whole people, whole months, or a factor, by what the lever moves."""

    is_step = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def _validate(self, raw: object, info: ValidationInfo) -> Any:
        kind = _kind(info.data)
        # What is moved has a mistake of its own: then both forms may stand here.
        is_factor = str(raw).strip().startswith("x") if kind is None else unit_of(kind) == "factor"
        if is_factor:
            low, example = (_SMALLEST, "x0.05") if self.is_step else (0.0, "x1.4")
            return float(Constant("factor", low, 100.0, example=example).validate(raw, info))
        unit = "count" if kind is None else unit_of(kind)
        low, example = (1.0, "2") if self.is_step else (-1000.0, "3")
        return float(Constant(unit, low, 1000.0, whole=True, example=example).validate(raw, info))


class LeverStep(LeverAmount):
    """Annotation of the step from one amount to the next."""

    is_step = True


class LeverRange(LeverAmount):
    """Annotation of the two ends of a lever's amounts."""

    expected = "expected the least and the most, like [0, 6] or [x1.0, x1.4]"

    def _validate(self, raw: object, info: ValidationInfo) -> Any:
        if not isinstance(raw, list | tuple) or len(raw) != 2:
            count = f" of {len(raw)}" if isinstance(raw, list | tuple) else ""
            raise mistake(f"{shown(raw)}{count} is no range", self.expected)
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
    improves: tuple[UncertainRef, ...] | None = None
    event: Annotated[str, Ref("event")] | None = None
    starts: tuple[Month, ...] = ()
    range: Annotated[Any, LeverRange()]
    step: Annotated[float, LeverStep()] | None = None
    cost: LeverCost | None = None
    phase_in_months: Annotated[int, Constant("months", 0, 600, whole=True)] = 0
    lead_time: Annotated[int, Constant("months", 0, 120, whole=True, example="3 months")] = 0
    owner: Text
    territories: LeverTerritory | None = None
    note: Text = ""

    @property
    def kind(self) -> str:
        """What it moves: `hires`, `spend`, `improves` or `event`."""
        return _kind(self.__dict__) or "hires"

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
        yield from self._improves_faults(known)
        for key, owner in (("territories", "hires"), ("phase_in_months", "improves")):
            if key in self.model_fields_set and self.kind != owner:
                yield Fault((key,), f"belongs to a lever of {owner}", "remove it")

    def _in_words(self, amount: float) -> str:
        return f"x{plain(amount)}" if unit_of(self.kind) == "factor" else plain(amount)

    def _range_faults(self) -> Iterator[Fault]:
        low, high = self.range
        if self.step is None and self.neutral == 1.0:
            yield Fault((), "a factor moves in steps", "add step, like x0.05")
            return
        step = self.step or 1.0
        if low >= high:
            words = f"{self._in_words(low)} is not below {self._in_words(high)}"
            yield Fault(("range",), words, "write the least amount first")
            return
        steps, stays = (high - low) / step, self._in_words(self.neutral)
        if steps > MOST_STEPS:
            yield Fault(("step",), f"the range has {steps:,.0f} such steps", f"expected at most {MOST_STEPS:,}")
        elif abs(steps - round(steps)) > 1e-6:
            words = f"from {self._in_words(low)} to {self._in_words(high)} is no whole number of steps of "
            yield Fault(("range",), words + self._in_words(step), "change step, or an end")
        elif not low <= self.neutral <= high:
            words = f"does not hold {stays}, which leaves the plan as it is"
            yield Fault(("range",), words, f"widen it to {stays}")
        elif self.neutral not in self.amounts:
            words = f"steps of {self._in_words(step)} from {self._in_words(low)} on miss {stays}, the plan as it is"
            yield Fault(("range",), words, "change step, or an end")

    def _improves_faults(self, known: Known) -> Iterator[Fault]:
        if self.improves is None:
            return
        if not self.improves:
            yield Fault(("improves",), "no assumption is named", "expected a list like [win_rate.smb]")
        for index, name in enumerate(self.improves):
            if name not in known.units:
                yield Fault(("improves", index), f"{name} is an event", f"write event: {name}, in a lever of its own")
            elif name in self.improves[:index]:
                yield Fault(("improves", index), f"{name} stands here twice", "remove one")
        if self.cost is None:
            remedy = "add cost: {upfront: …, monthly: … per month}, of one step; {upfront: 0} if it is free"
            yield Fault((), "no cost is given, and an improvement has one", remedy)

    def _month_faults(self, known: Known) -> Iterator[Fault]:
        if self.kind == "event":
            if self.starts:
                yield Fault(("starts",), "an event has a start of its own", "remove it: the range is in months earlier")
            return
        if not self.starts:
            yield Fault((), "no start is given", "add starts: [2027-03], or several months that may be chosen")
        for index, month in enumerate(self.starts):
            if month in self.starts[:index]:
                yield Fault(("starts", index), f"{month_label(month)} stands here twice", "remove one")
            elif known.header is not None and not known.header.start <= month <= known.header.end:
                first, last = month_label(known.header.start), month_label(known.header.end)
                yield Fault(
                    ("starts", index), f"this month is outside the plan, {first} to {last}", "choose one inside"
                )


class Limits(Model):
    """`limits:` what the levers may not exceed together: money until the fiscal year of a target ends, people by month.

    People count with those whom the plan hires in that month anyway, and who are on their way.
    """

    budget: Amount | None = None
    hires_per_month: Heads | None = None
