"""`facts:` what happened in the months before the plan, so that a target may be about a year that has begun."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from simengine.plan.entry import Model
from simengine.plan.fields import MOST_MONEY, Month, Ref, SegmentRef
from simengine.plan.header import Header
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault, mistake, nearest, shown
from simengine.plan.targets import CHANNEL, COHORT_METRICS, MEASURES
from simengine.units import month_label

SUMS = (
    *("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "one_off_bookings", "bookings"),
    *("won", "opportunities", "new_customers", "churned_customers"),
)
"""Outputs that add up over months."""

LEVELS = ("ending_arr", "customers", "cash")
"""Outputs at the end of a month."""

OUTPUTS = (*SUMS, *LEVELS)
"""What facts may say."""

COMPANY = frozenset({"cash"})
"""Outputs of the whole company only."""

NET = ("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr")
"""What `net_new_arr` is made of."""

READ_AT_THE_END = frozenset({"ending_arr", "live_arr", "customers", "headcount", "ramped", "cash"})
"""Metrics that are read at the end of their period."""


class InOutput:
    """Annotation of a fact: a number in the unit of its output; only cash may be negative."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def _validate(self, raw: object, info: ValidationInfo) -> float:
        output = info.data.get("output", "")
        unit = MEASURES[output].unit if output else "currency"
        return float(Constant(unit, -MOST_MONEY if output in COMPANY else 0.0, MOST_MONEY).validate(raw, info))


def _output(raw: object) -> str:
    if raw not in OUTPUTS:
        raise mistake(f"{shown(raw)} is not an output that facts may say", nearest(raw, OUTPUTS))
    return str(raw)


class Fact(Model):
    """A row of facts: an output of a month, of a segment, and of a channel where it is known by channel."""

    month: Month
    output: Annotated[str, BeforeValidator(_output)]
    segment: SegmentRef | None = None
    channel: Annotated[str, Ref("channel")] | None = None
    value: Annotated[float, InOutput()]

    def faults(self, known: Known) -> Iterator[Fault]:
        """It is of whom the output is known by, and of a month before the plan."""
        if self.output in COMPANY and (self.segment or self.channel):
            at = "segment" if self.segment else "channel"
            yield Fault((at,), f"{self.output} is known for the whole company only", "leave this blank")
        elif self.output not in COMPANY and self.segment is None:
            yield Fault((), f"{self.output} is of a segment, and none is given", "add segment")
        elif self.channel is not None and CHANNEL not in MEASURES[self.output].groups:
            yield Fault(("channel",), f"{self.output} is not known by channel", "leave this blank")
        header = known.header
        if header is not None and self.month >= header.start:
            start = month_label(header.start)
            yield Fault(
                ("month",), f"the plan starts in {start}, so this month is simulated", "choose a month before it"
            )


class Facts(Model):
    """`facts:` outputs of months before the plan, all of them up to its start; money in the segment's currency."""

    rows: tuple[Fact, ...] = ()

    @property
    def outputs(self) -> frozenset[str]:
        """What is told."""
        return frozenset(row.output for row in self.rows)

    @property
    def first(self) -> int | None:
        """The first month that is told of; None where there is none."""
        return min((row.month for row in self.rows), default=None)

    def faults(self, known: Known) -> Iterator[Fault]:
        """Each output is told once, and of every month from the first one to the start of the plan."""
        seen: Counter[tuple[int, str, str | None, str | None]] = Counter()
        for index, row in enumerate(self.rows):
            key = row.month, row.output, row.segment, row.channel
            seen[key] += 1
            if seen[key] == 2:
                of = " ".join(filter(None, (row.segment, row.channel)))
                words = f"{row.output} of {month_label(row.month)}{of and f' in {of}'} stands here twice"
                yield Fault(("rows", index), words, "keep one row, or add them up")
        if known.header is not None and self.first is not None:
            yield from self._gaps(self.first, known.header)

    def _gaps(self, first: int, header: Header) -> Iterator[Fault]:
        told: dict[tuple[str, str], set[int]] = {}
        for row in self.rows:
            of = row.segment or "" if row.output in LEVELS else ""
            told.setdefault((row.output, of), set()).add(row.month)
        for (output, segment), months in sorted(told.items()):
            missing = [month for month in range(first, header.start) if month not in months]
            if missing:
                of = f" of {segment}" if segment else ""
                words = f"{output}{of} has no row of {month_label(missing[0])}"
                span = f"{month_label(first)} to {month_label(header.start - 1)}"
                yield Fault((), words, f"add it, with 0 where nothing happened: facts cover {span}")


def needed(metric: str, is_over: bool, told: Collection[str], sells: Collection[str]) -> tuple[str, ...] | None:
    """The outputs that facts must say so that a metric is known in a period that begins before the plan.

    Parameters
    ----------
    metric : of `targets.METRICS`
    is_over : whether the period ends before the plan starts
    told : outputs that facts say
    sells : how the segments that are asked for sell: subscription, once

    Returns
    -------
    None where facts can never tell it.

    >>> needed("ending_arr", False, (), ()), needed("ending_arr", True, (), ()), needed("attainment", False, (), ())
    ((), ('ending_arr',), None)
    """
    if not is_over and metric in READ_AT_THE_END | COHORT_METRICS:
        return ()
    if metric == "bookings" and "bookings" not in told:
        return ("new_arr",) * ("subscription" in sells) + ("one_off_bookings",) * ("once" in sells)
    return {"net_new_arr": NET, "lowest_cash": ("cash",)}.get(metric, (metric,) if metric in OUTPUTS else None)


def untold(
    facts: Facts, metric: str, where: Mapping[str, str], segments: Mapping[str, str], is_over: bool
) -> tuple[str, str]:
    """Why a metric is not known in a period that begins before the plan, and what to do; nothing where it is.

    Parameters
    ----------
    where : the target's
    segments : name of each segment that is asked for, and how it sells
    is_over : whether the period ends before the plan starts
    """
    needs = needed(metric, is_over, facts.outputs, segments.values())
    if needs is None:
        return f"{metric} of months before the plan cannot be told by facts", "choose a period inside the plan"
    missing = [output for output in needs if output not in facts.outputs]
    if missing:
        words = f"facts do not say {missing[0]}, which {metric} of months before the plan needs"
        return words, f"add {', '.join(missing)} to facts, or choose a period inside the plan"
    if CHANNEL in where:
        for row in facts.rows:
            if row.output in needs and row.segment in segments and row.channel is None:
                words = f"facts say {row.output} of {row.segment} without its channel"
                return words, "add channel to facts, or remove it from where"
    return "", ""
