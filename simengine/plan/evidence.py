"""What nobody knows yet, and who says what of it: assumptions, events, shocks, and how they hang together."""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, cast

from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simengine.assumptions.dependence import Dependence as Copula
from simengine.assumptions.laws import Distribution, Fixed
from simengine.assumptions.occurrence import Occurrence
from simengine.plan.beliefs import distribution, start_months, widened
from simengine.plan.entry import Model
from simengine.plan.fields import (
    ZERO,
    Citation,
    Correlation,
    Day,
    InMonths,
    Money,
    MoneyPerMonth,
    Month,
    Name,
    OrWord,
    Ref,
    Text,
    UncertainRef,
    Unit,
)
from simengine.plan.known import Known
from simengine.plan.scalars import (
    Constant,
    Fault,
    Q,
    Quantity,
    faults_of,
    mistake,
    nearest,
    number,
    plain,
    shown,
    wrong,
)
from simengine.units import MONTHS_PER_YEAR, month_label


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

    def of(self, source: "Source") -> "SourcePolicy":
        """The policy for one source: a drift that history has told of a quantity replaces the one assumed of all."""
        return self if source.drift is None else self.model_copy(update={"historical": Historical(drift=source.drift)})


class Source(Model):
    """Where an assumption comes from."""

    kind: Literal["historical", "benchmark", "judgment"]
    reference: Citation
    n: Annotated[int, Constant("count", 1, 1e12, whole=True, example="412")] | None = None
    as_of: Day | None = None
    drift: Annotated[float, Constant("fraction", 0, 2, example="8 %")] | None = None
    url: Text = ""
    grade: Literal["A", "B", "C"] | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """History says how much of it there is, and it alone drifts."""
        if self.kind == "historical" and self.n is None:
            yield Fault((), "a historical source needs n", "add n: the number of observations behind it")
        if self.kind != "historical" and self.drift is not None:
            words = f"a {self.kind} source does not drift; source_policy.{self.kind}.widen makes it wider"
            yield Fault(("drift",), words, "remove it, or say kind: historical")


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
    """A number nobody knows yet. `distribution` is an object of simengine.assumptions.distributions in unit `unit`.

    `before` is what was believed before any actuals: where it is given, `distribution` is what they have made of it.
    """

    unit: Unit
    plan: Annotated[float, BeforeValidator(_in_own_unit)]
    distribution: Annotated[Any, BeforeValidator(_distribution)]
    before: Annotated[Any, BeforeValidator(_distribution)] = None
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
        """The distribution as it is simulated: wider than stated, as the source policy says for this kind of source.

        Where actuals have been learned from it was widened before that, and is not again.
        """
        if self.before is not None:
            return cast(Distribution, self.distribution)
        return widened(self.distribution, self.unit, self.source.kind, policy.of(self.source))

    def widened_before(self, policy: SourcePolicy) -> Distribution | None:
        """What was simulated before any actuals; None where nothing has been learned."""
        return (
            None if self.before is None else widened(self.before, self.unit, self.source.kind, policy.of(self.source))
        )


class Effect(NamedTuple):
    """What an event does to a number: multiply it, or add to it, in the unit of its assumption."""

    kind: Literal["multiply", "add"]
    amount: Quantity
    unit: str = "factor"


class Affected:
    """Annotation of a mapping from what an event acts on (assumption, channel, or channel/segment) to its effect."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def _validate(self, raw: object, info: ValidationInfo) -> dict[str, Effect]:
        if not isinstance(raw, Mapping) or not raw:
            message = "nothing is given" if raw == {} else f"{shown(raw)} is not a mapping"
            raise mistake(message, "expected what it acts on and how, like {leads.partner: x1.3}")
        effects, faults = {}, []
        for name, effect in raw.items():
            try:
                unit = affected_unit(name, info.context)
                effects[name] = _effect(effect, unit, info)
            except PydanticCustomError as error:
                faults += [Fault((name, *fault.at), fault.message, fault.expected) for fault in faults_of(error)]
        if faults:
            raise wrong(*faults)
        return effects


def affected_unit(name: object, known: Known | None) -> str:
    """Unit of what an event or a shock acts on: an assumption, or the volume of a channel, or of a channel/segment."""
    if known is None:
        return ""
    if name in known.units and name in known.volumes:
        raise mistake(f"{name} is the name of an assumption and of a channel", "rename one of them")
    if name in known.units:
        return known.units[str(name)] or ""
    if name in known.volumes:
        return "count per month"
    raise mistake(
        f"{shown(name)} is neither an assumption nor a channel with a volume",
        nearest(name, [*known.units, *known.volumes]),
    )


def _effect(raw: object, unit: str, info: ValidationInfo) -> Effect:
    if isinstance(raw, Effect):
        return raw
    if isinstance(raw, Mapping):
        if len(raw) != 1 or next(iter(raw)) not in ("multiply", "add"):
            raise mistake(f"{shown(raw)} is no effect", "expected x1.3, {multiply: …} or {add: …}")
        kind, amount = next(iter(raw.items()))
    else:
        kind, amount = "multiply", raw
    if kind == "multiply":
        factor = Q("factor", 0, 1000, reach=math.inf, changes=False, example="x1.3")
        return Effect("multiply", factor.validate(amount, info))
    if not unit:  # the assumption's own is wrong, which is said there
        return Effect("add", ZERO)
    return Effect("add", Q(unit, -math.inf, math.inf, changes=False).validate(amount, info), unit)


_SANE_MONTHS = 10 * MONTHS_PER_YEAR
"""How far from the plan a start may lie: further away it was not written as a month."""


class Starts:
    """Annotation of when an event starts: a month, or a distribution whose numbers are months like 2027-03."""

    unit = "month"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def _validate(self, raw: object) -> Distribution:
        if isinstance(raw, Distribution):
            return raw
        if isinstance(raw, Mapping):
            return start_months(raw)
        return Fixed(float(InMonths().validate(raw)))


class Event(Model):
    """`events:` something that may happen in the year: when, how likely, what it changes, what it costs."""

    kind: Literal["initiative", "risk"]
    owner: Text = ""
    source: Source
    starts: Annotated[Any, Starts()]
    probability: Annotated[float, Constant("fraction", 0, 1, example="70 %")] = 1.0
    plan: Annotated[Month | Literal["never"], OrWord(Month, "never", text=True)]
    lasts: Annotated[int, Constant("months", 1, 600, whole=True, example="6 months")] | None = None
    phase_in_months: Annotated[Quantity, Q("months", 0, 600, reach=math.inf, changes=False)] = ZERO
    effect: Annotated[dict[str, Effect], Affected()]
    cost: MoneyPerMonth = ZERO
    upfront: Money = ZERO
    cost_in: Literal["sales and marketing", "other"] = "sales and marketing"
    success: Annotated[str, Ref("target")] | None = None
    note: Text = ""

    def faults(self, known: Known) -> Iterator[Fault]:
        """It starts in months, and the operating plan counts on a month of its own."""
        header = known.header
        if header is None:
            return
        first, last = self._between()
        if first < header.start - _SANE_MONTHS or last > header.end + _SANE_MONTHS:
            example = ", ".join(month_label(header.start + months) for months in (2, 4, 8))
            yield Fault(
                ("starts",), "can start more than ten years from the plan", f"write months, like {{pert: [{example}]}}"
            )
        if self.plan != "never" and not header.start <= self.plan <= header.end:
            yield Fault(
                ("plan",),
                f"this month is outside the plan, {month_label(header.start)} to {month_label(header.end)}",
                "choose a month inside it, or write never",
            )

    def _between(self) -> tuple[float, float]:
        """The first and the last start; where there is none, P1 and P99."""
        least, most = self.starts.support()
        if math.isinf(least) or math.isinf(most):
            least, most = self.starts.ppf([0.01, 0.99]).tolist()
        return least, most

    def occurrence(self, start: int, months: int) -> Occurrence:
        """Months in force in a plan of so many months from an absolute month on."""
        return Occurrence(self.probability, self.starts, start, months)

    def planned(self, start: int, months: int) -> float:
        """Months in force as the operating plan counts on it."""
        return 0.0 if self.plan == "never" else float(min(months, max(0, start + months - self.plan)))


def _loadings(raw: object, info: ValidationInfo) -> object:
    if isinstance(raw, Mapping):
        faults = []
        for name in raw:
            try:
                affected_unit(name, info.context)
            except PydanticCustomError as error:
                faults += [Fault((name, *fault.at), fault.message, fault.expected) for fault in faults_of(error)]
        if faults:
            raise wrong(*faults)
    return raw


class Shock(Model):
    """`shocks:` a monthly factor that comes and goes; its loadings are relative standard deviations."""

    owner: Text = ""
    source: Source
    persistence: Annotated[float, Constant("", 0, 0.999, example="0.8")]
    loadings: Annotated[
        dict[str, Annotated[float, Constant("fraction", -2, 2, example="5 %")]], BeforeValidator(_loadings)
    ]
    note: Text = ""

    def faults(self, known: Known) -> Iterator[Fault]:
        """It acts on something."""
        if not self.loadings:
            yield Fault(("loadings",), "none is given", "add what it acts on, like {leads.inbound: 5 %}")


class FactorLoadings(Model):
    """A common cause: how strongly it moves each assumption (correlation on the normal scale), and who says so."""

    loadings: dict[UncertainRef, Correlation]
    source: Source


class RankCorrelation(Model):
    """The total Spearman correlation of two assumptions."""

    between: tuple[UncertainRef, UncertainRef]
    rho: Correlation
    source: Source


class Dependence(Model):
    """`dependence:` factors first, single correlations after."""

    factors: dict[Name, FactorLoadings] = {}
    rank_correlations: tuple[RankCorrelation, ...] = ()

    def copula(self, but: Collection[str] = ()) -> Copula:
        """What is declared here as a Gaussian copula; raises DependenceError where it is impossible.

        What is said of the names in `but` is left out.
        """
        factors = {
            name: {loaded: value for loaded, value in factor.loadings.items() if loaded not in but}
            for name, factor in self.factors.items()
        }
        stated = [(*e.between, e.rho) for e in self.rank_correlations if not any(name in but for name in e.between)]
        names = {name for loadings in factors.values() for name in loadings}
        return Copula.build(names | {name for a, b, _ in stated for name in (a, b)}, factors, stated)
