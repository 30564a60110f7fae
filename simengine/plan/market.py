"""`funnel:` where new business comes from: stages, channels, and what is open when the plan starts."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from simengine.plan.entry import Model, choice
from simengine.plan.fields import (
    ONE,
    ZERO,
    Amount,
    Count,
    Factor,
    Flag,
    Fraction,
    Money,
    MoneyPerMonth,
    Months,
    Name,
    Ref,
    SegmentRef,
    Spread,
    Weight,
)
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault, Q, Quantity, nearest

Weights = Annotated[tuple[Weight, ...], Field(min_length=12, max_length=12)]
PerMonth = Annotated[Quantity, Q("count per month", 0, 1e6, reach=math.inf)]
RoleRef = Annotated[str, Ref("role")]


class Seasonality(Model):
    """Relative weights of the calendar months January to December; used divided by their mean."""

    created: Weights | None = None
    closed: Weights | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """Weights with a mean to divide by."""
        for name, weights in (("created", self.created), ("closed", self.closed)):
            if weights is not None and sum(weights) == 0:
                yield Fault((name,), "every weight is zero", "expected at least one weight above zero")


class Outliers(Model):
    """A share of deals that are `times` as large as their lognormal size: whales."""

    share: Fraction
    times: Factor


class DealBand(Model):
    """Deals worth more than `above` are won at another rate, after another cycle."""

    above: Money
    win_rate: Factor = ONE
    cycle: Factor = ONE


class FromHours(Model):
    """Arrivals for each hour that a role has left, shared with other users of these hours by weight."""

    role: RoleRef
    per_hour: Count
    weight: Factor = ONE


class Demand(Model):
    """One channel into one segment: how many arrive and pass each stage, how often, how soon and how big they close.

    Arrivals are given (`volume`, with the channel's response to spend), or come `from_hours` or `from_sellers`.
    """

    volume: PerMonth | None = None
    from_hours: FromHours | None = None
    from_sellers: PerMonth | None = None
    growth: Annotated[Quantity, Q("fraction per year", -0.99, 10, reach=math.inf)] = ZERO
    seasonality: Seasonality = Seasonality()
    overdispersion: Annotated[Quantity, Q("factor", 1, 1e6, reach=math.inf)] = ONE
    rates: tuple[Fraction, ...] = ()
    stage_lags: tuple[Months, ...] = ()
    win_rate: Fraction
    cycle: Months
    cycle_lost: Months | None = None
    cycle_spread: Spread = ZERO
    deal_size: Money
    deal_size_spread: Spread = ZERO
    outliers: Outliers | None = None
    deal_bands: Annotated[tuple[DealBand, ...], Field(max_length=6)] = ()

    def faults(self, known: Known) -> Iterator[Fault]:
        """One way to arrive; one rate, and one lag or none, for each step between stages; bands that rise."""
        yield from choice(self, "volume", "from_hours", "from_sellers")
        stages = known.names["stage"]
        for key, given in (("rates", self.rates), ("stage_lags", self.stage_lags)):
            if stages and len(given) != len(stages) - 1 and (given or key == "rates"):
                words = f"{len(given)} given for the stages {' → '.join(map(str, stages))}"
                yield Fault((key,), words, f"expected {len(stages) - 1}, one for each arrow")
        for index, (lower, higher) in enumerate(pairwise(self.deal_bands), start=1):
            if any(after <= before for before, after in lower.above.beside(higher.above)):
                yield Fault(
                    ("deal_bands", index, "above"),
                    "is not above the band before",
                    "expected bands in rising order, the smallest deals first",
                )


class Response(Model):
    """How arrivals follow spend: `volume` at `at_spend`, half of their limit at `half_saturation` times it."""

    at_spend: MoneyPerMonth
    half_saturation: Factor

    def faults(self, known: Known) -> Iterator[Fault]:
        """A curve that bends somewhere."""
        for key, quantity in (("at_spend", self.at_spend), ("half_saturation", self.half_saturation)):
            if known.can_be_zero(quantity):
                yield Fault((key,), "can be 0, and then nothing follows from spend", "expected a number above 0")


class QualifiedBy(Model):
    """Hours of a role that each arrival at the first stage takes."""

    role: RoleRef
    hours: Count


class Channel(Model):
    """Where demand comes from. `sold_by: nobody` is self-service: no seller's time is needed."""

    sold_by: Literal["sellers", "nobody"] = "sellers"
    spend: MoneyPerMonth = ZERO
    response: Response | None = None
    qualified_by: QualifiedBy | None = None
    segments: dict[SegmentRef, Demand]

    def faults(self, known: Known) -> Iterator[Fault]:
        """Spend is answered by a volume; sellers source what sellers work."""
        if self.response is not None and known.is_zero(self.spend):
            yield Fault(("response",), "the channel has no spend to respond to", "add spend, or remove response")
        for segment, demand in self.segments.items():
            if self.response is not None and demand.volume is None:
                yield Fault(
                    ("segments", segment),
                    "the channel's response to spend needs a volume",
                    "add volume: what arrives at the spend of at_spend; or remove response",
                )
            if demand.from_sellers is not None and self.sold_by == "nobody":
                yield Fault(
                    ("segments", segment, "from_sellers"),
                    "the channel is sold by nobody",
                    "write sold_by: sellers, or give a volume",
                )


class PipelineRow(Model):
    """Opportunities (or earlier-stage leads) that are open when the plan starts.

    `value` is the total of the row; where it is missing, won deals get a size from the channel's deal size. `owner` is
    the seat group that works it. Opportunities that are `waiting` stand in the queue for a seller.
    """

    segment: SegmentRef
    channel: Annotated[str, Ref("channel")]
    stage: Annotated[str, Ref("stage")]
    age_months: Annotated[float, Constant("months", 0, 240)]
    owner: Annotated[str, Ref("seat group")] | None = None
    count: Annotated[int, Constant("count", 0, 1_000_000, whole=True)]
    value: Amount | None = None
    waiting: Flag = False


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
            if row.waiting and (fault := self._waits_in_vain(row)):
                yield Fault(("opening_pipeline", "rows", index, "waiting"), *fault)

    def _waits_in_vain(self, row: PipelineRow) -> tuple[str, str] | None:
        """Why a row cannot wait for a seller, and what to do about it."""
        if row.stage != self.stages[-1]:
            return f"only what stands at stage {self.stages[-1]} waits for a seller", "remove it"
        if self.channels[row.channel].sold_by == "nobody":
            return f"channel {row.channel} is sold by nobody, so that nothing waits for a seller", "remove it"
        if row.owner is not None:
            return "what waits for a seller has no owner yet", "remove the owner, or this"
        return None
