"""The plan as objects: what may stand where, in which unit, within which bounds.

Every model here trusts nothing: a number carries a unit, a name must exist, an unknown key is a mistake. The models
know no places in files; `plan.source` does. `plan.across` holds what concerns more than one section. The sections
themselves stand in `targets`, `evidence`, `people`, `market`, `customers`, `money` and `levers`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import ConfigDict, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from simengine.assumptions.dependence import Dependence as Copula
from simengine.assumptions.laws import Distribution
from simengine.plan.customers import Base
from simengine.plan.entry import Model
from simengine.plan.evidence import Assumption, Dependence, Event, Shock, Source, SourcePolicy
from simengine.plan.facts import Facts
from simengine.plan.fields import AssumptionName, Currency, Name, SegmentRef, Text, Title, checked_name
from simengine.plan.header import Header
from simengine.plan.known import Known
from simengine.plan.learned import Learned
from simengine.plan.levers import Lever, Limits
from simengine.plan.market import Funnel
from simengine.plan.money import Economics
from simengine.plan.people import Team
from simengine.plan.scalars import Fault, faults_of, shown
from simengine.plan.source import Node
from simengine.plan.targets import METRICS, Target

SCHEMA_VERSION = 1

RESERVED_LABELS = frozenset(
    (
        *METRICS,
        # other quantities
        *("nrr_arr", "grr_arr", "net_history", "gross_history", "atr", "opening_arr", "opening_customers"),
        *("opening_pipeline", "gross_margin", "reached", "renewals_due", "renewals", "expansions", "expansions_met"),
        *("expansions_worked", "renewal_coverage", "expansion_coverage", "went_live", "pipeline"),
        *("arrived", "started", "stale", "lost", "open", "waiting", "load", "capacity", "dropped"),
        *("starts", "recruited", "leavers", "involuntary", "promoted", "working", "frozen"),
        *("rated", "rated_at_quota", "rated_near_quota", "rated_below_half", "commission_amortised"),
        *("collections", "receivables", "deferred_revenue", "opening_cash", "cost_of_revenue"),
        *("people_cost", "recruiting_cost", "programme_spend", "event_cost", "composition"),
        *("target_value", "assumption_value", "assumption_z", "score_correlation", "observed", "observed_count"),
        # what they are laid along
        *("draw", "twin", "case", "month", "year", "part", "segment", "channel", "stage", "role", "team", "seat"),
        *("past_month", "territory", "territory_segment", "event", "assumption", "other", "target", "scenario", "name"),
        # what is known of assumptions, events and targets
        *("plan_value", "unit", "source_kind", "owner", "adverse", "grade", "observations", "source_as_of", "acts_on"),
        *("trigger_below", "trigger_above", "kind", "event_owner", "success"),
        *("watched", "watched_as", "watched_unit", "watched_counts", "unseen"),
        *("metric", "period", "where", "at_least", "at_most", "confidence", "criterion"),
    )
)
"""Words of results (docs/outputs.md), which no label may take; nor with an ending like `_by_segment` or `_twin`."""
_FORM = re.compile(
    "(_(by|of)_(segment|role|team|channel|territory))?(_twin|_baseline|_unwidened|_streamed|_histogram|_past)?$"
)


class Scenario(Model):
    """`scenario:` what a file that extends another one is called, and the story that it tells."""

    name: Title
    story: Text = ""


class Segment(Model):
    """`segments:` a market with free labels to group by; subscriptions become ARR, things sold once become bookings."""

    model_config = ConfigDict(extra="allow")

    sells: Literal["subscription", "once"] = "subscription"
    currency: Currency | None = None

    @property
    def labels(self) -> dict[str, str]:
        """geo, product, customer_type or whatever the plan groups by."""
        return dict(self.model_extra or {})

    def faults(self, known: Known) -> Iterator[Fault]:
        """Money has a rate; labels are names and hold text, and none takes a word of results."""
        header = known.header
        if header is not None and self.currency not in (None, header.currency, *header.rates):
            message = f"{self.currency} has no rate in plan.rates"
            remedy = f"add rates: {{{self.currency}: …}}, how much one {self.currency} is in {header.currency}"
            yield Fault(("currency",), message, remedy)
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


class Declared(NamedTuple):
    """What is said of an assumption, an event (months in force) or a shock (mean level)."""

    unit: str
    plan: float
    source: Source
    owner: str
    adverse: str


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
    learned: Learned | None = None
    facts: Facts = Facts()
    team: Team = Team()
    funnel: Funnel = Funnel()
    base: dict[SegmentRef, Base] = {}
    economics: Economics = Economics()
    events: dict[Name, Event] = {}
    shocks: dict[Name, Shock] = {}
    levers: dict[Name, Lever] = {}
    limits: Limits = Limits()

    _origin: Origin = PrivateAttr()

    def remember(self, origin: Origin) -> None:
        """Keep where the plan comes from."""
        self._origin = origin

    @property
    def origin(self) -> Origin:
        """Where the plan comes from."""
        return self._origin

    @property
    def title(self) -> str:
        """What it is called: as its scenario says, or else the plan."""
        return self.plan.name if self.scenario is None else self.scenario.name

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
        """The law of every assumption and event, names sorted: as simulated, or as stated where `policy` is false.

        An event is its months in force in the plan; 0 where it does not happen.
        """
        laws = {
            name: assumption.widened(self.source_policy) if policy else assumption.distribution
            for name, assumption in self.assumptions.items()
        }
        header = self.plan
        events = {name: event.occurrence(header.start, header.months) for name, event in self.events.items()}
        return dict(sorted({**laws, **events}.items()))

    def copula(self) -> Copula:
        """How the normal scores hang together: as declared, and as learned where actuals have said more."""
        if self.learned is None:
            return self.dependence.copula()
        learned = self.learned.dependence
        declared, since = self.dependence.copula(but=learned.names), learned.copula()
        return Copula({**declared.loadings, **since.loadings}, {**declared.residual, **since.residual})

    @property
    def planned(self) -> dict[str, float]:
        """What the operating plan counts on: the value of every assumption, the months in force of every event."""
        header = self.plan
        events = {name: event.planned(header.start, header.months) for name, event in self.events.items()}
        return {**{name: assumption.plan for name, assumption in self.assumptions.items()}, **events}

    @property
    def declared(self) -> dict[str, Declared]:
        """Every assumption, event and shock, names sorted: what a ranking and a register say of it."""
        found = {
            name: Declared(a.unit, a.plan, a.source, a.owner, a.risk.adverse) for name, a in self.assumptions.items()
        }
        for name, event in self.events.items():
            adverse = "low" if event.kind == "initiative" else "high"
            found[name] = Declared("months", self.planned[name], event.source, event.owner, adverse)
        for name, shock in self.shocks.items():
            found[name] = Declared("standard deviations", 0.0, shock.source, shock.owner, "both")
        return dict(sorted(found.items()))

    def rate_of(self, segment: str) -> float:
        """Budget rate of a segment's money: how much one unit of it is in the plan's currency."""
        currency = self.segments[segment].currency
        return 1.0 if currency in (None, self.plan.currency) else self.plan.rates[currency]
