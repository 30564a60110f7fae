"""The plan as objects: what may stand where, in which unit, within which bounds.

Every model here trusts nothing: a number carries a unit, a name must exist, an unknown key is a mistake. The models
know no places in files; `plan.source` does. `plan.across` holds what concerns more than one section.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simengine.assumptions.dependence import Dependence as Copula
from simengine.assumptions.laws import Distribution, Fixed
from simengine.plan.beliefs import distribution, widened
from simengine.plan.fields import (
    ONE,
    ZERO,
    Amount,
    AssumptionName,
    AssumptionRef,
    Correlation,
    Count,
    Currency,
    Day,
    Factor,
    Fraction,
    Heads,
    LeavingPerYear,
    Money,
    MoneyPerMonth,
    MoneyPerYear,
    Month,
    Months,
    Name,
    OrWord,
    Ref,
    SegmentRef,
    Spread,
    Text,
    Title,
    Unit,
    Weight,
    checked_name,
)
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault, Q, faults_of, mistake, nearest, number, plain, shown, wrong
from simengine.plan.scalars import Quantity as Quantity  # noqa: PLC0414  other rooms know it from here
from simengine.plan.source import Node
from simengine.units import MONTHS_PER_YEAR, fiscal_period, month_label

SCHEMA_VERSION = 1

METRIC_UNITS = {
    **dict.fromkeys(
        ("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "net_new_arr", "ending_arr"),
        "currency",
    ),
    **dict.fromkeys(("one_off_bookings", "bookings"), "currency"),
    **dict.fromkeys(("customers", "new_customers", "churned_customers"), "count"),
    **dict.fromkeys(("nrr", "grr"), "fraction"),
    **dict.fromkeys(("won", "opportunities", "headcount"), "count"),
    "sm_spend": "currency",
    **dict.fromkeys(("cac_new_logo", "cac_blended"), "factor"),
    "cac_payback": "months",
    **dict.fromkeys(("ltv_cac", "magic_number"), "factor"),
    "sm_share": "fraction",
}
METRICS = tuple(METRIC_UNITS)
"""The metrics that a target may name."""

COMPANY_METRICS = frozenset(
    {"headcount", "sm_spend", "cac_new_logo", "cac_blended", "cac_payback", "ltv_cac", "magic_number", "sm_share"}
)
"""Metrics that exist for the whole company only, because costs are not split by segment."""

COHORT_METRICS = frozenset({"nrr", "grr"})
"""Metrics that look twelve months back."""

RESERVED_LABELS = frozenset(
    (
        *METRICS,
        # other quantities
        *("revenue", "nrr_arr", "grr_arr", "atr", "opening_arr", "opening_customers", "gross_margin", "reached"),
        *("renewals_due", "renewals", "expansions", "started", "stale", "lost", "open", "waiting", "capacity"),
        *("starts", "leavers", "ramped", "target_value", "assumption_value", "assumption_z"),
        # what they are laid along
        *("draw", "twin", "case", "month", "segment", "channel", "stage", "role", "seat", "assumption", "target"),
        *("scenario", "name"),
        # what is known of assumptions and targets
        *("plan_value", "unit", "source_kind", "owner", "adverse"),
        *("metric", "period", "where", "at_least", "at_most", "confidence"),
    )
)
"""Words of results (docs/outputs.md), which no label may take; nor with an ending like `_by_segment` or `_twin`."""
_FORM = re.compile("(_by_(segment|role|channel))?(_twin|_baseline|_unwidened)?$")


class Model(BaseModel):
    """Strict: an unknown key is a mistake, a default is declared here and shown by `check --explain`."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, arbitrary_types_allowed=True)

    def faults(self, known: Known) -> Iterator[Fault]:
        """Mistakes that concern several keys of this entry, or what else the plan declares."""
        yield from ()

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Self:
        if info.context is not None:
            faults = tuple(self.faults(info.context))
            if faults:
                raise wrong(*faults)
        return self


class Header(Model):
    """`plan:` what this plan is, in which currency, from when to when. Months count from year 0."""

    name: Title
    currency: Currency
    start: Month
    months: Annotated[int, Constant("months", 1, 120, whole=True, example="24")]
    fiscal_year_start: Annotated[int, Constant("", 1, 12, whole=True, example="1 for January")] = 1
    version: Text = ""
    as_of: Day | None = None

    @property
    def end(self) -> int:
        """The last month of the plan, counted from year 0."""
        return self.start + self.months - 1


class Scenario(Model):
    """`scenario:` what a file that extends another one is called, and the story that it tells."""

    name: Title
    story: Text = ""


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
    """`targets:` what somebody expects of a metric in a period, of the company or of a group of segments."""

    name: Title
    metric: Annotated[str, BeforeValidator(_metric)]
    period: Text
    where: dict[Text, Text] = {}
    at_least: Annotated[float, InMetric()] | None = None
    at_most: Annotated[float, InMetric()] | None = None
    confidence: Annotated[float, Constant("fraction", 0.001, 0.999, example="80 %")] | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """Exactly one bound; a group that exists, of a metric that exists by segment; a period inside the plan."""
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
        yield from self._group_faults(known.labels)
        if known.header is not None:
            yield from self._period_faults(known.header)

    def _group_faults(self, segments: list[dict[str, str]]) -> Iterator[Fault]:
        labels = {label for segment in segments for label in segment}
        for label, wanted in self.where.items():
            values = {segment[label] for segment in segments if label in segment}
            if label not in labels:
                yield Fault(("where", label), "no segment has this label", nearest(label, labels))
            elif wanted not in values:
                yield Fault(("where", label), f"no segment has {label} {shown(wanted)}", nearest(wanted, values))
        if len(self.where) > 1 and not any(self.where.items() <= segment.items() for segment in segments):
            yield Fault(("where",), "no segment has all of these labels", "leave one out")

    def _period_faults(self, header: Header) -> Iterator[Fault]:
        expected = "expected a fiscal year, quarter or month like FY2027, FY2027-Q3 or 2027-03"
        try:
            period = fiscal_period(self.period, header.fiscal_year_start)
        except ValueError:
            yield Fault(("period",), f"{shown(self.period)} is not a period", expected)
            return
        if period.first < header.start or period.last > header.end:
            yield Fault(
                ("period",),
                f"{self.period} runs from {month_label(period.first)} to {month_label(period.last)}, "
                f"the plan from {month_label(header.start)} to {month_label(header.end)}",
                "choose a period inside the plan, or change plan.months",
            )
        elif self.metric in COHORT_METRICS and period.last < header.start + MONTHS_PER_YEAR - 1:
            first = month_label(header.start + MONTHS_PER_YEAR - 1)
            yield Fault(
                ("period",),
                f"{self.metric} looks twelve months back and is not known before {first}",
                "choose a later period",
            )


class Segment(Model):
    """`segments:` a market with free labels to group by; subscriptions become ARR, things sold once become bookings."""

    model_config = ConfigDict(extra="allow")

    sells: Literal["subscription", "once"] = "subscription"

    @property
    def labels(self) -> dict[str, str]:
        """geo, product, customer_type or whatever the plan groups by."""
        return dict(self.model_extra or {})

    def faults(self, known: Known) -> Iterator[Fault]:
        """Labels are names and hold text, and none takes a word of results."""
        for label, value in (self.model_extra or {}).items():
            try:
                checked_name(label)
            except PydanticCustomError as error:
                yield from (fault._replace(at=(label,)) for fault in faults_of(error))
            if _FORM.sub("", label) in RESERVED_LABELS:
                other = "group" if label == "segment" else f"segment_{label}"
                yield Fault((label,), "this word has a meaning of its own in results", f"choose another, like {other}")
            if not isinstance(value, str):
                is_plain = isinstance(value, int | float)
                remedy = f'put it in quotes: "{shown(value)}"' if is_plain else "expected one word or number in quotes"
                yield Fault((label,), f"{shown(value)} is not text", remedy)


class Historical(Model):
    """Widening of historical assumptions: the year-to-year drift of the quantity, relative (one standard deviation)."""

    drift: Annotated[float, Constant("fraction", 0, 2, example="10 %")] = 0.10


class Widening(Model):
    """Widening of benchmark and judgment assumptions: deviations from the median are multiplied by this."""

    widen: Annotated[float, Constant("factor", 1, 10, example="1.25")]


class SourcePolicy(Model):
    """`source_policy:` how much wider than stated each kind of source is taken: history drifts, people are too sure."""

    historical: Historical = Historical()
    benchmark: Widening = Widening(widen=1.5)
    judgment: Widening = Widening(widen=1.25)


class Source(Model):
    """Where an assumption comes from."""

    kind: Literal["historical", "benchmark", "judgment"]
    reference: Title
    n: Annotated[int, Constant("count", 1, 1e12, whole=True, example="412")] | None = None
    as_of: Day | None = None
    url: Text = ""
    grade: Literal["A", "B", "C"] | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """History says how much of it there is."""
        if self.kind == "historical" and self.n is None:
            yield Fault((), "a historical source needs n", "add n: the number of observations behind it")


class Risk(Model):
    """Which side of an assumption hurts the plan."""

    adverse: Literal["low", "high", "both"]


class Trigger(Model):
    """What the plan said to do when an observation crosses a line: the name of a scenario, or words."""

    below: float | None = None
    above: float | None = None
    activate: Text

    def faults(self, known: Known) -> Iterator[Fault]:
        """A line to cross."""
        if self.below is None and self.above is None:
            yield Fault((), "neither below nor above is given", "add the line that activates it")


def _in_own_unit(raw: object, info: ValidationInfo) -> float:
    unit = info.data.get("unit")
    return number(raw, unit, bare=True) if unit else 0.0


def _distribution(raw: object, info: ValidationInfo) -> Distribution | None:
    return distribution(raw, info.data.get("unit"))


def _trigger(raw: object, info: ValidationInfo) -> object:
    if not isinstance(raw, Mapping):
        return raw
    converted: dict[object, object] = dict(raw)
    faults = []
    for key in {"below", "above"} & raw.keys():
        try:
            converted[key] = _in_own_unit(raw[key], info)
        except PydanticCustomError as error:
            faults += [Fault((key, *fault.at), fault.message, fault.expected) for fault in faults_of(error)]
    if faults:
        raise wrong(*faults)
    return converted


class Assumption(Model):
    """A number nobody knows yet. `distribution` is an object of simengine.assumptions.distributions in unit `unit`."""

    unit: Unit
    plan: Annotated[float, BeforeValidator(_in_own_unit)]
    distribution: Annotated[Any, BeforeValidator(_distribution)]
    source: Source
    risk: Risk
    owner: Text = ""
    trigger: Annotated[Trigger | None, BeforeValidator(_trigger)] = None
    note: Text = ""

    def faults(self, known: Known) -> Iterator[Fault]:
        """The value that the plan counts on must be possible."""
        if self.distribution is None or isinstance(self.distribution, Fixed):
            return
        low, high = self.distribution.support()
        if not low <= self.plan <= high:
            meant_percent = self.unit.startswith("fraction") and low <= self.plan / 100 <= high
            yield Fault(
                ("plan",),
                f"{plain(self.plan)} is outside the distribution, which goes from {plain(low)} to {plain(high)}",
                f"write {plain(self.plan)} %" if meant_percent else "widen the distribution, or correct the plan value",
            )

    def widened(self, policy: SourcePolicy) -> Distribution:
        """The distribution as it is simulated: wider than stated, as the source policy says for this kind of source."""
        return widened(self.distribution, self.unit, self.source.kind, policy)


class FactorLoadings(Model):
    """A common cause: how strongly it moves each assumption (correlation on the normal scale), and who says so."""

    loadings: dict[AssumptionRef, Correlation]
    source: Source


class RankCorrelation(Model):
    """The total Spearman correlation of two assumptions."""

    between: tuple[AssumptionRef, AssumptionRef]
    rho: Correlation
    source: Source


class Dependence(Model):
    """`dependence:` factors first, single correlations after."""

    factors: dict[Name, FactorLoadings] = {}
    rank_correlations: tuple[RankCorrelation, ...] = ()

    def copula(self) -> Copula:
        """What is declared here as a Gaussian copula; raises DependenceError where it is impossible."""
        factors = {name: factor.loadings for name, factor in self.factors.items()}
        stated = [(*entry.between, entry.rho) for entry in self.rank_correlations]
        names = {name for loadings in factors.values() for name in loadings}
        return Copula.build(names | {name for a, b, _ in stated for name in (a, b)}, factors, stated)


class Ramp(Model):
    """Share of a full workload by tenure; bookings follow after the sales cycle."""

    workload: Months
    shape: Literal["linear", "s-curve", "step"] = "s-curve"
    spread: Spread = ZERO


class Attrition(Model):
    """Probabilities of leaving within a year; the hazards of the two add up."""

    voluntary: LeavingPerYear
    involuntary: LeavingPerYear = ZERO
    first_six_months: Factor = ONE


class Backfill(Model):
    """Whether a leaver's seat is filled again, and the mean time that it takes (rounded by chance to whole months)."""

    policy: Literal["always", "never"]
    lag: Months = ZERO


class Capacity(Model):
    """Open opportunities that a ramped seller of average productivity carries at once."""

    open_opportunities: Count


class Cost(Model):
    """What one person of the role costs; variable pay is at 100 % of quota."""

    salary: MoneyPerYear = ZERO
    variable: MoneyPerYear = ZERO
    recruiting: Money = ZERO


class Role(Model):
    """A role sells if it has a `capacity` (`unlimited` is one)."""

    ramp: Ramp | None = None
    attrition: Attrition | None = None
    backfill: Backfill = Backfill(policy="never")
    capacity: Annotated[Capacity | Literal["unlimited"] | None, OrWord(Capacity, "unlimited")] = None
    productivity_spread: Spread = ZERO
    quota: MoneyPerYear | None = None
    cost: Cost = Cost()
    books_in: Literal["sales and marketing", "customer success", "other"] = "sales and marketing"

    def faults(self, known: Known) -> Iterator[Fault]:
        """Variable pay is paid for reaching a quota, so there is something to reach."""
        if self.quota is not None and known.can_be_zero(self.quota):
            yield Fault(("quota",), "must be above zero", "leave it out if the role has none")

    @property
    def sells(self) -> bool:
        """Whether people of this role work opportunities."""
        return self.capacity is not None


class SeatGroup(Model):
    """Seats of one role, by unique name: those filled at the start and those planned to be hired, by month."""

    name: Name
    role: Annotated[str, Ref("role")]
    segment: SegmentRef | None = None
    team: Text = ""
    existing: Heads = 0
    tenure_months: Annotated[float, Constant("months", 0, 600)] = 0.0
    hires: dict[Month, Heads] = {}
    time_to_fill_delay: Months = ZERO
    delay_spread: Spread = ZERO

    def faults(self, known: Known) -> Iterator[Fault]:
        """Sellers have a segment; hires fall into the plan."""
        if self.segment is None and self.role in known.selling_roles:
            yield Fault(
                (),
                f"role {self.role} sells, and these seats have no segment",
                "add segment: one of the plan's segments",
            )
        if known.header is None:
            return
        first, last = known.header.start, known.header.end
        for month in self.hires:
            if not first <= month <= last:
                yield Fault(
                    ("hires", month_label(month)),
                    f"this month is outside the plan, {month_label(first)} to {month_label(last)}",
                    "choose a month inside it; people who are there at the start are `existing`",
                )


class Team(Model):
    """`team:` roles and seats."""

    roles: dict[Name, Role] = {}
    seats: tuple[SeatGroup, ...] = ()


class Seasonality(Model):
    """Relative weights of the calendar months January to December; used divided by their mean."""

    created: Annotated[tuple[Weight, ...], Field(min_length=12, max_length=12)]

    def faults(self, known: Known) -> Iterator[Fault]:
        """Weights with a mean to divide by."""
        if sum(self.created) == 0:
            yield Fault(("created",), "every weight is zero", "expected at least one weight above zero")


class Outliers(Model):
    """A share of deals that are `times` as large as their lognormal size: whales."""

    share: Fraction
    times: Factor


class Demand(Model):
    """One channel into one segment: how many arrive and pass each stage, how often, how soon and how big they close."""

    volume: Annotated[Quantity, Q("count per month", 0, 1e6, reach=math.inf)]
    growth: Annotated[Quantity, Q("fraction per year", -0.99, 10, reach=math.inf)] = ZERO
    seasonality: Seasonality | None = None
    overdispersion: Annotated[Quantity, Q("factor", 1, 1e6, reach=math.inf)] = ONE
    rates: tuple[Fraction, ...] = ()
    win_rate: Fraction
    cycle: Months
    cycle_lost: Months | None = None
    cycle_spread: Spread = ZERO
    deal_size: Money
    deal_size_spread: Spread = ZERO
    outliers: Outliers | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """One rate for each step from a stage to the next."""
        stages = known.names["stage"]
        if stages and len(self.rates) != len(stages) - 1:
            steps = " → ".join(stages)
            yield Fault(
                ("rates",),
                f"{len(self.rates)} given for the stages {steps}",
                f"expected {len(stages) - 1}, one for each arrow",
            )


class Channel(Model):
    """Where demand comes from. `sold_by: nobody` is self-service: no seller's time is needed."""

    sold_by: Literal["sellers", "nobody"] = "sellers"
    spend: MoneyPerMonth = ZERO
    segments: dict[SegmentRef, Demand]


class PipelineRow(Model):
    """Opportunities (or earlier-stage leads) that are open when the plan starts.

    `value` is the total of the row; where it is missing, won deals get a size from the channel's deal size.
    """

    segment: SegmentRef
    channel: Annotated[str, Ref("channel")]
    stage: Annotated[str, Ref("stage")]
    age_months: Annotated[float, Constant("months", 0, 240)]
    count: Annotated[int, Constant("count", 0, 1_000_000, whole=True)]
    value: Amount | None = None


class OpeningPipeline(Model):
    """Rows here, or in a CSV file beside the plan (read by plan.source into `rows`)."""

    rows: tuple[PipelineRow, ...] = ()


class Funnel(Model):
    """`funnel:` stages from the first touch to an opportunity, and the channels."""

    stages: Annotated[tuple[Name, ...], Field(min_length=1)] = ("opportunity",)
    stale: Annotated[Quantity, Q("fraction per month", 0, 1)] = ZERO
    channels: dict[Name, Channel] = {}
    opening_pipeline: OpeningPipeline = OpeningPipeline()

    def faults(self, known: Known) -> Iterator[Fault]:
        """Stages differ, and what is open now came through a channel that serves its segment."""
        for index, stage in enumerate(self.stages):
            if stage in self.stages[:index]:
                yield Fault(("stages", index), f"stage {stage} stands here twice", "give each stage a name of its own")
        for index, row in enumerate(self.opening_pipeline.rows):
            served = self.channels[row.channel].segments
            if row.segment not in served:
                yield Fault(
                    ("opening_pipeline", "rows", index, "segment"),
                    f"channel {row.channel} does not serve segment {row.segment}",
                    f"add it to the channel, for its win rate and cycle; {nearest(row.segment, served)}",
                )


class Expansion(Model):
    """Upsell and cross-sell to customers."""

    opportunities_per_customer: Annotated[Quantity, Q("count per year", 0, 100, reach=math.inf)]
    win_rate: Fraction
    size: Money
    size_spread: Spread = ZERO


class Base(Model):
    """The customers of a segment when the plan starts, and the terms on which they and new ones renew.

    `atr` gives the ARR available to renew for the first time by month; `even` spreads ARR over the term.
    """

    customers: Annotated[int, Constant("count", 0, 1_000_000, whole=True)] = 0
    arr: Amount = 0.0
    size_spread: Annotated[float, Constant("fraction", 0, 10, example="80 %")] = 0.0
    atr: Annotated[dict[Month, Amount] | Literal["even"], OrWord(dict[Month, Amount], "even")] = "even"
    renewal_rate: Fraction
    contraction: Annotated[Quantity, Q("fraction", 0, 1, of_atr=True)] = ZERO
    contraction_depth: Fraction = Quantity(0.3)
    price_increase: Annotated[Quantity, Q("fraction", -0.9, 1, reach=math.inf)] = ZERO
    expansion: Expansion | None = None
    term_months: Annotated[int, Constant("months", 1, 120, whole=True, example="12 months")] = 12

    def faults(self, known: Known) -> Iterator[Fault]:
        """Customers have ARR, all of it comes up for renewal within the first term, and contraction is possible."""
        if (self.customers > 0) != (self.arr > 0):
            yield Fault(
                (), f"{self.customers} customers with an ARR of {self.arr:g}", "expected both above zero, or both zero"
            )
        (least_loss, most_loss), most = known.bounds(self.contraction), known.bounds(self.contraction_depth)[1]
        if most_loss > 0 and known.can_be_zero(self.contraction_depth):
            yield Fault(
                ("contraction_depth",),
                "can be 0, and then no customer who contracts gives anything up",
                "make it more than 0 %, or remove contraction",
            )
        elif least_loss > most:
            yield Fault(
                ("contraction",),
                f"{least_loss:.4g} of ATR cannot be lost when a contraction takes {most:.4g} of a customer's ARR",
                "raise contraction_depth, or lower contraction",
            )
        if isinstance(self.atr, dict):
            yield from self._atr_faults(self.atr, known.header)

    def _atr_faults(self, atr: Mapping[int, float], header: Header | None) -> Iterator[Fault]:
        if header is not None:
            first, last = header.start, header.start + self.term_months - 1
            for month in atr:
                if not first <= month <= last:
                    yield Fault(
                        ("atr", month_label(month)),
                        f"this month is outside the first term, {month_label(first)} to {month_label(last)}",
                        "every customer renews within it: change the month, or term_months",
                    )
        months = sum(amount > 0 for amount in atr.values())
        if months > self.customers:
            words = f"falls into {months} months, more than there are customers ({self.customers})"
            yield Fault(("atr",), words, "each month needs a customer who renews in it")
        total = sum(atr.values())
        if abs(total - self.arr) > 0.005 * self.arr:
            yield Fault(
                ("atr",),
                f"adds up to {total:,.0f}, and arr is {self.arr:,.0f}",
                "every customer's ARR must come up once",
            )


class Economics(Model):
    """`economics:` what turns ARR and headcount into ratios."""

    gross_margin: Fraction = Quantity(0.75)
    csm_in: Literal["cogs", "sales and marketing"] = "cogs"


@dataclass(frozen=True)
class Origin:
    """Where a plan comes from: the tree with its places, the files as read (first the one named), the overrides."""

    tree: Node
    texts: dict[str, str]
    overrides: tuple[str, ...]


class Plan(Model):
    """A whole plan, checked. Loaded by `simengine.load`."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    scenario: Scenario | None = None
    plan: Header
    targets: tuple[Target, ...] = ()
    segments: dict[Name, Segment]
    assumptions: dict[AssumptionName, Assumption] = {}
    source_policy: SourcePolicy = SourcePolicy()
    dependence: Dependence = Dependence()
    team: Team = Team()
    funnel: Funnel = Funnel()
    base: dict[SegmentRef, Base] = {}
    economics: Economics = Economics()

    _origin: Origin = PrivateAttr()

    def remember(self, origin: Origin) -> None:
        """Keep where the plan comes from."""
        self._origin = origin

    @property
    def origin(self) -> Origin:
        """Where the plan comes from."""
        return self._origin

    @property
    def texts(self) -> dict[str, str]:
        """Every file of the plan as read: path beside the plan file -> text; the plan file itself comes first."""
        return self._origin.texts

    @property
    def digest_simulated(self) -> str:
        """Digest of what is simulated; with the same seed it stands for the same bits."""
        from simengine.plan.values import digest_simulated

        return digest_simulated(self)

    @property
    def digest_document(self) -> str:
        """Digest of the plan as written, every file of it."""
        from simengine.plan.values import digest_document

        return digest_document(self)

    def widened(self, policy: bool = True) -> dict[str, Distribution]:
        """The distribution of every assumption, names sorted: as simulated, or as stated where `policy` is false."""
        return {
            name: assumption.widened(self.source_policy) if policy else assumption.distribution
            for name, assumption in sorted(self.assumptions.items())
        }
