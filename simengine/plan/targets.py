"""`targets:` what somebody expects of a metric in a period, and the metrics that there are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from simengine.errors import SimengineError
from simengine.plan.entry import Model
from simengine.plan.fields import Text, Title
from simengine.plan.header import Header
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault, mistake, nearest, shown
from simengine.units import MONTHS_PER_YEAR, Period, fiscal_period, fiscal_quarter, month_label

if TYPE_CHECKING:
    from simengine.plan.schema import Plan

SEGMENT, CHANNEL, ROLE, TEAM = "segment", "channel", "role", "team"
"""What a metric may be grouped by; a label of the segments counts as SEGMENT."""


class Metric(NamedTuple):
    """What a target may name: its unit, and what it is known by besides the whole company."""

    unit: str
    groups: tuple[str, ...] = ()


def _metrics(unit: str, groups: tuple[str, ...], *names: str) -> dict[str, Metric]:
    return dict.fromkeys(names, Metric(unit, groups))


_MARKET, _CELLS, _SEATS = (SEGMENT,), (SEGMENT, CHANNEL), (SEGMENT, ROLE, TEAM)

MEASURES: dict[str, Metric] = {
    **_metrics("currency", _CELLS, "new_arr"),
    **_metrics("currency", _MARKET, "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "net_new_arr"),
    **_metrics("currency", _MARKET, "ending_arr", "live_arr", "one_off_bookings"),
    **_metrics("currency", _CELLS, "bookings"),
    **_metrics("currency", _MARKET, "new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller"),
    **_metrics("count", _MARKET, "customers", "new_customers", "churned_customers"),
    **_metrics("fraction", _MARKET, "nrr", "grr"),
    **_metrics("count", _CELLS, "won", "opportunities"),
    **_metrics("factor", _MARKET, "pipeline_coverage"),
    **_metrics("count", _SEATS, "headcount", "ramped"),
    **_metrics("currency", _SEATS, "quota", "credited"),
    **_metrics("fraction", _SEATS, "attainment", "at_quota", "near_quota", "below_half"),
    **_metrics("currency", _SEATS, "commission"),
    **_metrics("currency", _CELLS, "sm_spend"),
    **_metrics("factor", _CELLS, "cac_new_logo"),
    **_metrics("factor", _MARKET, "cac_blended"),
    **_metrics("months", _CELLS, "cac_payback"),
    **_metrics("factor", _CELLS, "ltv_cac"),
    **_metrics("factor", _MARKET, "magic_number"),
    **_metrics("fraction", _MARKET, "sm_share"),
    **_metrics("currency", _MARKET, "revenue", "gross_profit", "billings"),
    **_metrics("currency", (), "opex", "cash", "lowest_cash", "net_burn"),
    **_metrics("factor", (), "burn_multiple"),
    **_metrics("months", (), "runway"),
    **_metrics("fraction", (), "rule_of_40"),
}
"""The metrics that a target may name."""

METRICS = tuple(MEASURES)
METRIC_UNITS = {name: metric.unit for name, metric in MEASURES.items()}

COMPANY_METRICS = frozenset(name for name, metric in MEASURES.items() if not metric.groups)
"""Metrics that exist for the whole company only."""

COHORT_METRICS = frozenset({"nrr", "grr"})
"""Metrics that look at the customers of twelve months before."""

GROWTH_METRICS = frozenset({"rule_of_40"})
"""Metrics that compare with the same months a year before, inside the plan."""

RATED_METRICS = frozenset({"at_quota", "near_quota", "below_half"})
"""Metrics of seats that are rated when a fiscal year, or the plan, ends."""

QUOTA_METRICS = frozenset({"quota", "credited", "attainment", "at_quota", "near_quota", "below_half"})
"""Metrics of those who sell: a manager's quota is that of the team, and would count twice."""


class InMetric:
    """Annotation of a target's bound: a number in the unit of the target's metric."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def _validate(self, raw: object, info: ValidationInfo) -> float:
        unit = METRIC_UNITS.get(info.data.get("metric", ""), "factor")
        low, high = (0.0, 10.0) if unit == "fraction" else (float("-inf"), float("inf"))
        return float(Constant(unit, low, high, example="105 %" if unit == "fraction" else "").validate(raw, info))


def _metric(raw: object) -> str:
    if raw not in METRICS:
        raise mistake(f"{shown(raw)} is not a metric", nearest(raw, METRICS))
    return str(raw)


class Target(Model):
    """`targets:` what somebody expects of a metric in a period, of the company or of a group.

    A group is named by labels of segments, `segment`, `channel`, `role` or `team`.
    """

    name: Title
    metric: Annotated[str, BeforeValidator(_metric)]
    period: Text
    where: dict[Text, Text] = {}
    at_least: Annotated[float, InMetric()] | None = None
    at_most: Annotated[float, InMetric()] | None = None
    confidence: Annotated[float, Constant("fraction", 0.001, 0.999, example="80 %")] | None = None

    def covers(self, segment: str, labels: dict[str, str]) -> bool:
        """Whether a segment belongs to the target's group, as far as `where` speaks of segments."""
        return is_meant(self.where, segment, labels)

    def is_reached(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values of the metric reach the target; an undefined one does not."""
        if self.at_least is not None:
            return np.asarray(values >= self.at_least)
        return np.asarray(values <= (np.nan if self.at_most is None else self.at_most))

    def faults(self, known: Known) -> Iterator[Fault]:
        """Exactly one bound; a group that exists, of a metric that is known by it; a period that ends in the plan."""
        if self.at_least is None and self.at_most is None:
            yield Fault((), "neither at_least nor at_most is given", "expected one of them")
        if self.at_least is not None and self.at_most is not None:
            yield Fault((), "at_least and at_most are both given", "expected one of them; make two targets of a range")
        if self.where and self.metric in COMPANY_METRICS:
            yield Fault(
                ("where",),
                f"{self.metric} is known for the whole company only",
                "remove `where`, or choose another metric",
            )
        else:
            yield from self._group_faults(known)
        if known.header is not None:
            yield from self._period_faults(known.header)

    def _group_faults(self, known: Known) -> Iterator[Fault]:
        groups = MEASURES[self.metric].groups
        labels = {label for segment in known.labels for label in segment}
        for key, wanted in self.where.items():
            kind = key if key in (CHANNEL, ROLE, TEAM) else SEGMENT
            if kind == SEGMENT and key not in {SEGMENT, *labels}:
                near = nearest(key, sorted({*groups, *labels}))
                yield Fault(("where", key), "no segment has this label", near)
            elif kind not in groups:
                yield Fault(
                    ("where", key), f"{self.metric} is not known by {key}", f"it is known by {_in_words(groups)}"
                )
            else:
                yield from self._value_faults(key, wanted, known)
        wanted_labels = {key: value for key, value in self.where.items() if key in labels}
        if len(wanted_labels) > 1 and not any(wanted_labels.items() <= segment.items() for segment in known.labels):
            yield Fault(("where",), "no segment has all of these labels", "leave one out")

    def _value_faults(self, key: str, wanted: str, known: Known) -> Iterator[Fault]:
        if key in (SEGMENT, CHANNEL, ROLE, TEAM):
            names = known.names.get(key, [])
            if wanted not in names:
                yield Fault(("where", key), f"no {key} is called {shown(wanted)}", nearest(wanted, names))
            return
        values = {segment[key] for segment in known.labels if key in segment}
        if wanted not in values:
            yield Fault(("where", key), f"no segment has {key} {shown(wanted)}", nearest(wanted, values))

    def _period_faults(self, header: Header) -> Iterator[Fault]:
        expected = "expected a fiscal year, quarter or month like FY2027, FY2027-Q3 or 2027-03"
        try:
            period = fiscal_period(self.period, header.fiscal_year_start)
        except ValueError:
            yield Fault(("period",), f"{shown(self.period)} is not a period", expected)
            return
        if period.last > header.end:
            yield Fault(("period",), outside(period, header.start, header.end), OUTSIDE)
        elif period.first < header.start:
            return  # what is known of it stands in facts
        elif self.metric in GROWTH_METRICS and period.first < header.start + MONTHS_PER_YEAR:
            yield Fault(("period",), too_early(self.metric, header.start), "choose a later period")
        elif self.metric in RATED_METRICS and not has_rating(period, header.fiscal_year_start, header.end):
            message = f"{self.metric} is of seats rated at the end of a fiscal year, and none ends in {self.period}"
            yield Fault(("period",), message, "choose a fiscal year, or its last quarter")


OUTSIDE = "choose a period inside the plan, or change plan.months"


def outside(period: Period, start: int, end: int) -> str:
    """Why a period is not one of a plan of the months `start` to `end`."""
    return (
        f"{period.label} runs from {month_label(period.first)} to {month_label(period.last)}, "
        f"the plan from {month_label(start)} to {month_label(end)}"
    )


def too_early(metric: str, start: int) -> str:
    """Why a metric that looks back is not known in a period of a plan that starts in month `start`."""
    if metric in GROWTH_METRICS:
        first = month_label(start + MONTHS_PER_YEAR)
        return f"{metric} compares with the same months a year before and is not known before {first}"
    return f"{metric} looks twelve months back and is not known before {month_label(start + MONTHS_PER_YEAR - 1)}"


def has_rating(period: Period, fiscal_year_start: int, end: int) -> bool:
    """Whether a fiscal year, or the plan (in month `end`), ends in a period.

    >>> has_rating(fiscal_period("FY2027-Q3", 1), 1, 24335)
    False
    """
    return period.last == end or any(
        (month + 1) % MONTHS_PER_YEAR == fiscal_year_start - 1 for month in range(period.first, period.last + 1)
    )


def is_meant(where: dict[str, str], segment: str, labels: dict[str, str]) -> bool:
    """Whether `where` means a segment.

    >>> is_meant({"geo": "EMEA", "channel": "inbound"}, "smb-emea", {"geo": "EMEA"})
    True
    >>> is_meant({"segment": "smb-na"}, "smb-emea", {"geo": "EMEA"})
    False
    """
    known = {**labels, SEGMENT: segment}
    return all(known.get(key) == value for key, value in where.items() if key not in (CHANNEL, ROLE, TEAM))


def target_of(plan: "Plan", name: str | None) -> Target:
    """The target of that name; the first one of the plan where none is named.

    Raises SimengineError where the plan has no such target.
    """
    targets = {target.name: target for target in plan.targets}
    if not targets:
        raise SimengineError("the plan has no targets; add one, like {name: board ARR, metric: ending_arr, …}")
    if name is None:
        return plan.targets[0]
    if name not in targets:
        raise SimengineError(f"no target is named {name!r}; {nearest(name, targets)}")
    return targets[name]


def whole_year(plan: "Plan", target: Target) -> str:
    """The fiscal year in which a target's period ends, where all of it lies in the plan; "" otherwise."""
    header = plan.plan
    last = fiscal_period(target.period, header.fiscal_year_start).last
    label = fiscal_quarter(last, header.fiscal_year_start).partition("-")[0]
    year = fiscal_period(label, header.fiscal_year_start)
    return label if header.start <= year.first and year.last <= header.end else ""


def unit_of(metric: str, currency: str) -> str:
    """Unit of a metric; of money the currency.

    >>> unit_of("ending_arr", "EUR"), unit_of("nrr", "EUR")
    ('EUR', 'fraction')
    """
    unit = METRIC_UNITS[metric]
    return currency if unit == "currency" else unit


def _in_words(groups: tuple[str, ...]) -> str:
    words = ["segment, the labels of segments" if group == SEGMENT else group for group in groups]
    return ", ".join(words)
