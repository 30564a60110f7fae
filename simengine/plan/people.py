"""`team:` who does the work: roles, seats, territories, and the rules of hiring."""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationInfo
from pydantic_core import PydanticCustomError

from simengine.plan.entry import Model, choice
from simengine.plan.fields import (
    ONE,
    ZERO,
    Count,
    Factor,
    Fraction,
    Heads,
    LeavingPerYear,
    Money,
    MoneyPerYear,
    Month,
    Months,
    Name,
    OrWord,
    Ref,
    SegmentRef,
    Spread,
    Text,
)
from simengine.plan.known import Known
from simengine.plan.scalars import Constant, Fault, Key, Q, Quantity, faults_of, nearest, wrong
from simengine.units import month_label

GroupRef = Annotated[str, Ref("seat group")]
Tenure = Annotated[int, Key("months", 0, 600, whole=True, example="6")]
ByTenure = dict[Tenure, Factor]
"""Multiples by months of tenure: each holds from its month on, 1 before the first."""


class NeverRamps(Model):
    """People who never get beyond `level` of a full workload."""

    share: Fraction
    level: Fraction = ZERO


class Ramp(Model):
    """Share of a full workload by tenure (`workload`), or of full bookings by quarter of tenure (`bookings`).

    A bookings ramp contains the sales cycle, which is stated with it, and is converted to a workload.
    """

    workload: Months | None = None
    bookings: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=12)] | None = None
    cycle: Months | None = None
    shape: Literal["linear", "s-curve", "step"] = "s-curve"
    spread: Spread = ZERO
    never: NeverRamps | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """One of two forms, each with what belongs to it; who has been here longer books no less."""
        yield from choice(self, "workload", "bookings")
        if self.bookings is None:
            if self.cycle is not None:
                yield Fault(("cycle",), "belongs to a ramp of bookings", "remove it: the ramp is one of workload")
            return
        if self.cycle is None:
            yield Fault((), "a ramp of bookings needs cycle", "add cycle: the sales cycle that it contains")
        if "shape" in self.model_fields_set or self.spread != ZERO:
            key = "shape" if "shape" in self.model_fields_set else "spread"
            yield Fault((key,), "belongs to a ramp of workload", "remove it: the ramp is one of bookings")
        for index, (before, after) in enumerate(pairwise(self.bookings), start=1):
            if any(later < earlier for earlier, later in before.beside(after)):
                yield Fault(("bookings", index), "is less than the quarter before", "expected shares that never fall")


class MissedQuota(Model):
    """Who was rated `below` this attainment leaves so many times as often of their own will in the next fiscal year."""

    below: Fraction
    voluntary: Factor


class Attrition(Model):
    """Probabilities of leaving within a year; the hazards of the two add up."""

    voluntary: LeavingPerYear
    involuntary: LeavingPerYear = ZERO
    first_six_months: Factor | None = None
    by_tenure: ByTenure = {}
    missed_quota: MissedQuota | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """Multiples by tenure are written in one way."""
        if self.first_six_months is not None and self.by_tenure:
            yield Fault(
                ("first_six_months",), "by_tenure is given too", "keep one of them: x1.4 is by_tenure {0: x1.4, 6: x1}"
            )

    @property
    def multiples(self) -> ByTenure:
        """Multiples of the hazards by tenure, however they are written."""
        return self.by_tenure if self.first_six_months is None else {0: self.first_six_months, 6: ONE}


class Promotion(Model):
    """Probability within a year, from a tenure on; into an open seat of a group, or out of the plan."""

    rate: LeavingPerYear
    after: Months = ZERO
    into: GroupRef | None = None


class LeaverPipeline(Model):
    """What becomes of the open opportunities of somebody who leaves."""

    reassigned_after: Annotated[int, Constant("months", 0, 24, whole=True, example="1 month")] = 0
    win_rate: Annotated[Quantity, Q("factor", 0, 1, example="x0.7")] = ONE


class Backfill(Model):
    """Whether a leaver's seat is filled again, and the mean time that it takes (rounded by chance to whole months)."""

    policy: Literal["always", "never"]
    lag: Months = ZERO


class Capacity(Model):
    """What a ramped seller of average productivity carries at once: open opportunities, or their expected value."""

    open_opportunities: Count | None = None
    pipeline: Money | None = None

    def faults(self, known: Known) -> Iterator[Fault]:
        """One measure."""
        yield from choice(self, "open_opportunities", "pipeline")


class Carries(Model):
    """The customers, or the ARR, that one ramped person looks after, and what for."""

    customers: Count | None = None
    arr: Money | None = None
    duty: tuple[Literal["renewal", "expansion"], ...] = ("renewal", "expansion")

    def faults(self, known: Known) -> Iterator[Fault]:
        """One measure, and some duty, each once."""
        yield from choice(self, "customers", "arr")
        if not self.duty or len(set(self.duty)) < len(self.duty):
            message = f"{self.duty[0]} stands here twice" if self.duty else "no duty is given"
            yield Fault(("duty",), message, "expected [renewal], [expansion] or both")


class CommissionDraw(Model):
    """Pay that new people are sure of: a share of their variable pay in the first months."""

    months: Annotated[int, Constant("months", 0, 60, whole=True, example="6 months")]
    share: Fraction = ONE


class Cost(Model):
    """What one person of the role costs; variable pay is at 100 % of quota."""

    salary: MoneyPerYear = ZERO
    variable: MoneyPerYear = ZERO
    recruiting: Money = ZERO
    severance: Money = ZERO


class Role(Model):
    """A role sells if it has a `capacity` (`unlimited` is one)."""

    ramp: Ramp | None = None
    attrition: Attrition | None = None
    promotion: Promotion | None = None
    backfill: Backfill = Backfill(policy="never")
    leaver_pipeline: LeaverPipeline = LeaverPipeline()
    capacity: Annotated[Capacity | Literal["unlimited"] | None, OrWord(Capacity, "unlimited")] = None
    hours: Annotated[Quantity, Q("count per month", 0, 1e6, reach=math.inf)] | None = None
    carries: Carries | None = None
    productivity_spread: Spread = ZERO
    quota: Annotated[MoneyPerYear | Literal["team"] | None, OrWord(MoneyPerYear, "team", text=True)] = None
    quota_by_tenure: ByTenure = {}
    quota_relief: Literal["none", "ramp"] = "none"
    commission_draw: CommissionDraw | None = None
    cost: Cost = Cost()
    books_in: Literal[
        "sales and marketing", "customer success", "research and development", "general and administration"
    ] = "sales and marketing"

    def faults(self, known: Known) -> Iterator[Fault]:
        """Quotas are above zero and of people who sell; what builds on a quota or a capacity has one."""
        if isinstance(self.quota, Quantity):
            if known.can_be_zero(self.quota):
                yield Fault(("quota",), "must be above zero", "leave it out if the role has none")
            if not self.sells:
                yield Fault(
                    ("quota",), "is of a role that does not sell", "add a capacity, or write quota: team for managers"
                )
        elif self.quota == "team" and self.sells:
            yield Fault(("quota",), "a role that sells has a quota of its own", "write a number, or remove capacity")
        if self.leaver_pipeline != LeaverPipeline() and not self.sells:
            yield Fault(("leaver_pipeline",), "the role does not sell", "add a capacity, or remove it")
        yield from self._quota_faults(known)

    def _quota_faults(self, known: Known) -> Iterator[Fault]:
        if self.attrition is not None and self.attrition.missed_quota is not None and self.quota is None:
            yield Fault(("attrition", "missed_quota"), "the role has no quota to miss", "add quota, or remove it")
        if not isinstance(self.quota, Quantity):
            given = {"quota_by_tenure": bool(self.quota_by_tenure), "quota_relief": self.quota_relief != "none"}
            for key in (key for key, is_given in given.items() if is_given):
                yield Fault((key,), "the role has no quota of its own", "add quota, or remove it")
        if self.commission_draw is not None and (not self.on_commission or known.is_zero(self.cost.variable)):
            yield Fault(
                ("commission_draw",),
                "the role earns no commission",
                "expected a capacity, a quota and cost.variable; or remove it",
            )

    @property
    def sells(self) -> bool:
        """Whether people of this role work opportunities."""
        return self.capacity is not None

    @property
    def on_commission(self) -> bool:
        """Whether variable pay is commission on what they sell."""
        return self.sells and isinstance(self.quota, Quantity)


class Tenures(Constant):
    """Annotation of months in the job: one number for all, or a list with one for each."""

    def __init__(self) -> None:
        super().__init__("months", 0, 600)

    def validate(self, raw: object, info: ValidationInfo) -> Any:
        """Turn what stands in the plan into a number, or a tuple of numbers."""
        if not isinstance(raw, list | tuple):
            return super().validate(raw, info)
        found, faults = [], []
        for index, item in enumerate(raw):
            try:
                found.append(super().validate(item, info))
            except PydanticCustomError as error:
                faults += [Fault((index, *fault.at), fault.message, fault.expected) for fault in faults_of(error)]
        if faults:
            raise wrong(*faults)
        return tuple(found)


FIRST_EXPECTED = 100_000
"""Ordinal of the first of those who are expected in a month: no group plans to hire so many in one."""


class Planned(NamedTuple):
    """A seat that is filled after the start."""

    month: int
    ordinal: int
    is_expected: bool


class SeatGroup(Model):
    """Seats of one role, by unique name: those filled at the start and those planned to be hired, by month.

    Who is `expected` in a month starts in it; whoever is hired may be late.
    """

    name: Name
    role: Annotated[str, Ref("role")]
    segment: SegmentRef | None = None
    team: Text = ""
    existing: Heads = 0
    tenure_months: Annotated[float | tuple[float, ...], Tenures()] = 0.0
    hires: dict[Month, Heads] = {}
    expected: dict[Month, Heads] = {}
    time_to_fill_delay: Months = ZERO
    delay_spread: Spread = ZERO

    @property
    def seats(self) -> int:
        """How many seats it has, filled and planned."""
        return self.existing + sum(self.hires.values()) + sum(self.expected.values())

    @property
    def planned(self) -> list[Planned]:
        """The seats that are filled after the start, in order."""
        hired = [Planned(month, i, False) for month, heads in self.hires.items() for i in range(heads)]
        expected = (
            Planned(month, FIRST_EXPECTED + i, True) for month, heads in self.expected.items() for i in range(heads)
        )
        return sorted([*hired, *expected])

    @property
    def tenures(self) -> tuple[float, ...]:
        """Months in the job at the start, of each who is there."""
        months = self.tenure_months
        return months if isinstance(months, tuple) else (months,) * self.existing

    def faults(self, known: Known) -> Iterator[Fault]:
        """Sellers have a segment; a list of tenures is of all who are there; hires fall into the plan."""
        if len(self.tenures) != self.existing:
            words = f"{len(self.tenures)} given, of {self.existing} who are there"
            yield Fault(("tenure_months",), words, "expected one for each of existing, or one number for all")
        if self.segment is None and self.role in known.selling_roles:
            yield Fault(
                (),
                f"role {self.role} sells, and these seats have no segment",
                "add segment: one of the plan's segments",
            )
        if known.header is None:
            return
        first, last = known.header.start, known.header.end
        planned = [("hires", month) for month in self.hires] + [("expected", month) for month in self.expected]
        for key, month in planned:
            if not first <= month <= last:
                yield Fault(
                    (key, month_label(month)),
                    f"this month is outside the plan, {month_label(first)} to {month_label(last)}",
                    "choose a month inside it; people who are there at the start are `existing`",
                )


class Territory(Model):
    """A part of a segment that one seat works: the n-th territory of a seat group belongs to its n-th seat."""

    name: Name
    seats: GroupRef
    potential: Annotated[Quantity, Q("factor", 0, 1e6, reach=math.inf)] = ONE
    accounts: Annotated[int, Constant("count", 0, 1_000_000, whole=True)] = 0


class HiringFreeze(Model):
    """No hire starts while the fiscal year's bookings are this far behind those of the operating plan."""

    when_behind: Fraction
    after_months: Annotated[int, Constant("months", 1, 11, whole=True, example="3")] = 3
    backfills: Literal["put off", "go on"] = "put off"


class Team(Model):
    """`team:` roles, seats and territories, and the rules of hiring."""

    roles: dict[Name, Role] = {}
    seats: tuple[SeatGroup, ...] = ()
    territories: tuple[Territory, ...] = ()
    routing: dict[SegmentRef, Literal["pooled", "territories"]] = {}
    recruiting_climate: Factor = ONE
    hiring_freeze: HiringFreeze | None = None
    over_assignment: Fraction = ZERO

    def faults(self, known: Known) -> Iterator[Fault]:
        """What seats, roles and territories ask of each other."""
        yield from self._measure_faults()
        yield from self._quota_faults()
        yield from self._promotion_faults()
        yield from self._territory_faults(known)
        yield from self._routing_faults()
        if self.hiring_freeze is not None and not any(self.roles[group.role].sells for group in self.seats):
            yield Fault(("hiring_freeze",), "nobody sells, so no bookings can be behind", "add sellers, or remove it")

    def _measure_faults(self) -> Iterator[Fault]:
        """All sellers of a segment measure their room alike; who is unlimited fits to both."""
        first: dict[str, tuple[str, str]] = {}
        for index, group in enumerate(self.seats):
            capacity = self.roles[group.role].capacity
            if group.segment is None or not isinstance(capacity, Capacity):
                continue
            measure = "pipeline" if capacity.open_opportunities is None else "open_opportunities"
            name, other = first.setdefault(group.segment, (group.name, measure))
            if other != measure:
                yield Fault(
                    ("seats", index, "role"),
                    f"role {group.role} has room for {measure}, and {name} sells in {group.segment} with {other}",
                    f"give all sellers of a segment a capacity in {other}, or all in {measure}",
                )

    def _quota_faults(self) -> Iterator[Fault]:
        """A quota of the team is the sum of its sellers'."""
        teams = {group.team for group in self.seats if isinstance(self.roles[group.role].quota, Quantity)}
        for index, group in enumerate(self.seats):
            if self.roles[group.role].quota != "team":
                continue
            if not group.team:
                words = f"role {group.role} has the quota of a team, and these seats are in none"
                yield Fault(("seats", index), words, "add team")
            elif group.team not in teams:
                message = f"nobody in team {group.team} has a quota, which {group.role} sums up"
                named = teams - {""}
                remedy = nearest(group.team, named) if named else "put sellers who have a quota in this team"
                yield Fault(("seats", index, "team"), message, remedy)

    def _promotion_faults(self) -> Iterator[Fault]:
        """Who is promoted goes to other seats."""
        for name, role in self.roles.items():
            into = None if role.promotion is None else role.promotion.into
            if into is not None and any(group.name == into and group.role == name for group in self.seats):
                message = f"{into} are seats of {name} itself"
                yield Fault(("roles", name, "promotion", "into"), message, "choose seats of another role")

    def _territory_faults(self, known: Known) -> Iterator[Fault]:
        """Territories belong to seats that sell, one to each; and somewhere there is something to sell."""
        seats = {group.name: group for group in self.seats}
        numbers = Counter(territory.seats for territory in self.territories)
        told = set()
        for index, territory in enumerate(self.territories):
            group, number = seats[territory.seats], numbers[territory.seats]
            at = ("territories", index, "seats")
            if not self.roles[group.role].sells:
                yield Fault(at, f"{group.name} do not sell", "choose seats of a role that has a capacity")
            elif number != group.seats and group.name not in told:
                territories = "1 territory" if number == 1 else f"{number} territories"
                words = f"{group.name} have {group.seats} seats, filled and planned, and {territories}"
                yield Fault(at, words, "expected one territory for each seat")
            told.add(group.name)
        for segment in sorted({segment for group in self.seats if (segment := group.segment) is not None}):
            potentials = [self.territories[index].potential for index in self._territories_in(segment)]
            if potentials and all(known.can_be_zero(potential) for potential in potentials):
                message = f"every territory of {segment} can have a potential of 0"
                yield Fault(("territories", self._territories_in(segment)[0]), message, "expected one that is above 0")

    def _territories_in(self, segment: str) -> list[int]:
        groups = {group.name for group in self.seats if group.segment == segment}
        return [index for index, territory in enumerate(self.territories) if territory.seats in groups]

    def _routing_faults(self) -> Iterator[Fault]:
        """A segment that is routed by territory has territories, for all who sell in it."""
        owners = {territory.seats for territory in self.territories}
        for segment, routing in self.routing.items():
            if routing == "territories" and not self._territories_in(segment):
                yield Fault(("routing", segment), f"segment {segment} has no territories", "add them, or write pooled")
        for index, group in enumerate(self.seats):
            is_pooled = group.segment is None or self.routing.get(group.segment) == "pooled"
            if is_pooled or group.name in owners or not group.seats or not self.roles[group.role].sells:
                continue
            if group.segment is not None and self._territories_in(group.segment):
                yield Fault(
                    ("seats", index),
                    f"segment {group.segment} is worked by territory, and these seats have none",
                    f"add a territory for each, or write routing: {{{group.segment}: pooled}}",
                )

    def territories_of(self, segment: str) -> tuple[Territory, ...]:
        """The territories that a segment is worked in, sorted by name; none where it is pooled."""
        if self.routing.get(segment) == "pooled":
            return ()
        groups = {group.name for group in self.seats if group.segment == segment}
        return tuple(sorted((t for t in self.territories if t.seats in groups), key=lambda t: t.name))
