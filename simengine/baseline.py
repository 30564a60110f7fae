"""The spreadsheet: what the plan says with expected values, fractional people, deals and customers.

The same month as a simulated path (docs/model.md, section 2) with every chance replaced by its mean. Where no capacity
binds, the mean of the paths at the same assumptions converges to it. Where one binds it does not, and the difference is
what averages hide.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.plan.schema import Attrition, Base, Demand, PipelineRow, Plan, Ramp, Role, SeatGroup
from simengine.units import MONTHS_PER_YEAR, monthly_hazard

Array = NDArray[np.float64]
Values = Mapping[str, float]
Case = Literal["operating plan", "medians", "means"]

CASES: tuple[Case, ...] = ("operating plan", "medians", "means")
"""The values at which a plan is worked out, in the order in which they are shown."""

_GROUP_OUTPUTS = ("headcount", "starts", "leavers", "working", "ramped")
_BASE_OUTPUTS = (
    *("expansion_arr", "price_arr", "contraction_arr", "churned_arr", "ending_arr", "atr", "nrr_arr", "grr_arr"),
    *("customers", "churned_customers", "renewals_due", "renewals", "expansions"),
)
_SEGMENT_OUTPUTS = (
    *("new_arr", "one_off_bookings", "new_customers", *_BASE_OUTPUTS),
    *("opportunities", "started", "stale", "won", "lost", "open", "waiting", "capacity"),
)

_EARLY_MONTHS = 6
_SMALLEST_SURVIVAL = 1e-300


@dataclass(frozen=True)
class Baseline:
    """Expected values in the shape of a block of simulated paths with one draw; T months.

    `segment`, `group` and `cell` map outputs to (1, T, segments), (1, T, seat groups) and (1, T, cells), `reached` is
    (1, T, cells, stages), `values` maps assumptions to (1,). A cell is a (channel, segment); all are sorted by name.
    """

    segment: dict[str, Array]
    group: dict[str, Array]
    reached: Array
    cell: dict[str, Array]
    values: dict[str, Array]


def spreadsheet_values(plan: Plan, case: Case) -> dict[str, float]:
    """Value of each assumption, in its own unit, that a spreadsheet would use.

    Parameters
    ----------
    plan : the plan
    case : "operating plan" takes the values that the plan counts on; "medians" and "means" those of the distributions
        as they are simulated, after the source policy
    """
    if case == "operating plan":
        return {name: assumption.plan for name, assumption in plan.assumptions.items()}
    beliefs = plan.widened()
    return {name: belief.median() if case == "medians" else belief.mean() for name, belief in beliefs.items()}


def baseline(plan: Plan, values: Values) -> Baseline:
    """Work the plan out with expected values.

    Parameters
    ----------
    plan : the plan
    values : value of each assumption, in its own unit

    Returns
    -------
    Money in the plan's currency, people, deals and customers as fractional counts. Exact expectations of the simulated
    paths at these values, but for two: where capacity binds (an average queue is not the average of queues), and
    `grr_arr`, which is capped customer by customer for renewals and prices, and leaves out that a customer who
    contracted may have expanded since.
    """
    groups = {group.name: _seats(plan, group, values) for group in sorted(plan.team.seats, key=lambda g: g.name)}
    cells = sorted((channel, segment) for channel, c in plan.funnel.channels.items() for segment in c.segments)
    funnels, segments = {}, {}
    for name in sorted(plan.segments):
        funnels[name] = _funnel(plan, name, _capacity(plan, name, groups, values), values)
        segments[name] = _segment(plan, name, funnels[name], values)
    by_cell = [funnels[segment].cells[channel] for channel, segment in cells]
    months, stages = plan.plan.months, len(plan.funnel.stages)
    return Baseline(
        segment=_stacked(segments.values(), _SEGMENT_OUTPUTS, months),
        group=_stacked(groups.values(), _GROUP_OUTPUTS, months),
        reached=np.array([c.reached for c in by_cell]).reshape(len(cells), stages, months).transpose(2, 0, 1)[None],
        cell=_stacked([{"bookings": c.bookings, "won": c.won} for c in by_cell], ("bookings", "won"), months),
        values={name: np.array([value]) for name, value in values.items()},
    )


def lag_shares(mean: float, spread: float, months: int) -> Array:
    """Share of a cohort for whom a lag lasts k whole months, k = 0 … months − 1.

    `P(floor(X + U) ≤ k) = G(k + 1) − G(k)`, `G(x) = E max(0, x − X)`, X lognormal, U uniform (docs/model.md, part 4).

    Parameters
    ----------
    mean : mean of X, months
    spread : coefficient of variation of X

    >>> lag_shares(1.25, 0.0, 4).tolist()
    [0.0, 0.75, 0.25, 0.0]
    """
    time_since = [_expected_time_since(float(x), mean, spread) for x in range(months + 1)]
    return np.diff(np.diff(time_since), prepend=0.0)


def opening_cohorts(base: Base, start: int) -> list[tuple[int, float, int]]:
    """The customers there at the start, by month of first renewal: (month, ARR, customers).

    Months count from `start`, the first of the plan. `even` spreads customers over the term. Stated ATR is scaled to
    the segment's ARR; each month with ATR has one customer, and the others are apportioned in proportion to it by
    largest remainders, ties to the earlier month.
    """
    if base.atr == "even":
        numbers = Counter(i * base.term_months // base.customers for i in range(base.customers))
        return [(month, base.arr * number / base.customers, number) for month, number in numbers.items()]
    atr = {month - start: Fraction(arr) for month, arr in sorted(base.atr.items()) if arr > 0}
    total = sum(atr.values())
    quotas = {month: (base.customers - len(atr)) * arr / total for month, arr in atr.items()}
    counts = {month: 1 + math.floor(quota) for month, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda month: (math.floor(quotas[month]) - quotas[month], month))
    for month in by_remainder[: base.customers - sum(counts.values())]:
        counts[month] += 1
    return [(month, float(Fraction(base.arr) * arr / total), counts[month]) for month, arr in atr.items()]


def _stacked(entities: Collection[Mapping[str, Array]], outputs: Sequence[str], months: int) -> dict[str, Array]:
    """Outputs of each entity, as (1, month, entity) arrays by output."""
    return {
        name: np.array([entity[name] for entity in entities]).reshape(len(entities), months).T[None] for name in outputs
    }


def _cohorts(arrivals: Array, profile: Array) -> Array:
    """Sum of cohorts: what arrived in month t is `profile[k]` of itself k months later. Months are the last axis."""
    months = arrivals.shape[-1]
    out = np.zeros_like(arrivals)
    for t in range(months):
        out[..., t:] += arrivals[..., t : t + 1] * profile[: months - t]
    return out


# ---- laws ----


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def log_sigma(spread: Any) -> Any:
    """Standard deviation of the logarithm of a lognormal with coefficient of variation `spread`: sqrt(ln(1 + c²))."""
    return np.sqrt(np.log1p(np.square(spread)))


def _expected_time_since(x: float, mean: float, spread: float) -> float:
    """G(x) = E max(0, x − X) of a lognormal X: x Φ(d) − m Φ(d − s), d = (ln(x/m) + s²/2)/s."""
    if spread == 0 or mean == 0 or x == 0:
        return max(0.0, x - mean)
    s = log_sigma(spread)
    d = (math.log(x / mean) + s * s / 2) / s
    return x * _normal_cdf(d) - mean * _normal_cdf(d - s)


def _survival(x: float, mean: float, spread: float) -> float:
    """P(X > x) of a lognormal X, kept above 1e-300; of a fixed one where the spread is zero."""
    if x <= 0:
        return 1.0
    if spread == 0 or mean == 0:
        return 1.0 if mean > x else _SMALLEST_SURVIVAL
    s = log_sigma(spread)
    return max(_SMALLEST_SURVIVAL, _normal_cdf(-(math.log(x / mean) + s * s / 2) / s))


# ---- step 1: seats ----


def _staying(attrition: Attrition | None, tenure: Array, values: Values) -> Array:
    """Share of people still there at each tenure (months), of those there at the first of them: exp(−H)."""
    if attrition is None:
        return np.ones_like(tenure)
    hazard = monthly_hazard(attrition.voluntary.of(values)) + monthly_hazard(attrition.involuntary.of(values))
    early = attrition.first_six_months.of(values)
    cumulative = hazard * (early * np.minimum(tenure, _EARLY_MONTHS) + np.maximum(0, tenure - _EARLY_MONTHS))
    return np.asarray(np.exp(cumulative[0] - cumulative))


def _workload(ramp: Ramp | None, tenure: Array, values: Values) -> Array:
    """Mean share of a full workload at each tenure (months), over people whose ramps differ in length.

    With `y = min(1, τ/L)` and L lognormal, `E y^k = (τ/m)^k exp(k (k + 1) s²/2) Φ(−z − k s) + Φ(z)`,
    `z = (ln(τ/m) + s²/2)/s`; linear is `E y`, s-curve `3 E y² − 2 E y³`, step `P(L ≤ τ)`.
    """
    mean = ramp.workload.of(values) if ramp else 0.0
    if ramp is None or mean == 0:
        return np.ones_like(tenure)
    s = log_sigma(ramp.spread.of(values))

    def moment(k: int, tau: float) -> float:
        ratio = tau / mean
        if s == 0:
            return min(1.0, ratio) ** k
        z = (math.log(ratio) + s * s / 2) / s
        return _normal_cdf(z) + ratio**k * math.exp(k * (k + 1) * s * s / 2) * _normal_cdf(-z - k * s)

    def share(tau: float) -> float:
        if ramp.shape == "linear":
            return moment(1, tau)
        if ramp.shape == "s-curve":
            return 3 * moment(2, tau) - 2 * moment(3, tau)
        return 1 - _survival(tau, mean, ramp.spread.of(values)) if s else float(tau >= mean)

    return np.array([share(float(tau)) for tau in tenure])


def _seats(plan: Plan, group: SeatGroup, values: Values) -> dict[str, Array]:
    """Expected people of a seat group by month: a renewal recursion over starts and leavers."""
    role: Role = plan.team.roles[group.role]
    months = plan.plan.months
    age = np.arange(months + 1.0)
    stay = _staying(role.attrition, age, values)
    stay_existing = _staying(role.attrition, age + group.tenure_months, values)
    always = role.backfill.policy == "always"
    refill = lag_shares(role.backfill.lag.of(values), 0.0, months) if always else np.zeros(months)

    planned = np.zeros(months)
    for month, heads in group.hires.items():
        planned[month - plan.plan.start] += heads
    starts = _cohorts(planned, lag_shares(group.time_to_fill_delay.of(values), group.delay_spread.of(values), months))
    leavers = -group.existing * np.diff(stay_existing)
    for t in range(months):
        leavers[t:] -= starts[t] * np.diff(stay)[: months - t]
        starts[t + 1 :] += leavers[t] * refill[: months - t - 1]

    existing = group.existing * stay_existing[:-1]
    middle = age[:-1] + 0.5
    return {
        "headcount": group.existing + np.cumsum(starts) - np.cumsum(leavers),
        "starts": starts,
        "leavers": leavers,
        "working": existing + _cohorts(starts, stay[:-1]),
        "ramped": existing * _workload(role.ramp, middle + group.tenure_months, values)
        + _cohorts(starts, stay[:-1] * _workload(role.ramp, middle, values)),
    }


def _capacity(plan: Plan, segment: str, groups: Mapping[str, Mapping[str, Array]], values: Values) -> Array:
    """Open opportunities that the sellers of a segment can carry, by month; infinite where someone's are unlimited."""
    places = np.zeros(plan.plan.months)
    for group in sorted(plan.team.seats, key=lambda g: g.name):
        capacity = plan.team.roles[group.role].capacity
        if group.segment != segment or capacity is None:
            continue
        if capacity == "unlimited":
            places[groups[group.name]["working"] > 0] = np.inf
        else:
            places += capacity.open_opportunities.of(values) * groups[group.name]["ramped"]
    return places


# ---- steps 2 to 4: from demand to won deals ----


class _Cell(NamedTuple):
    """What one channel brings into a segment by month. `reached` is (stage, month)."""

    reached: Array
    won: Array
    bookings: Array


class _Funnel(NamedTuple):
    """The opportunities of a segment by month, and its channels."""

    flows: dict[str, Array]
    cells: dict[str, _Cell]


class _Stream(NamedTuple):
    """Opportunities of one channel that are worth the same; `arrivals` by month."""

    channel: str
    arrivals: Array
    worth: float


class _Closing(NamedTuple):
    """Shares of a channel's started opportunities that are won, or lost, k months later."""

    won: Array
    lost: Array


def _reached(plan: Plan, demand: Demand, values: Values) -> Array:
    """Expected number at each stage by month, (stage, month)."""
    t = np.arange(plan.plan.months)
    weights = np.array(demand.seasonality.created if demand.seasonality else (1.0,) * MONTHS_PER_YEAR)
    season = (weights / weights.mean())[(plan.plan.start + t) % MONTHS_PER_YEAR]
    first = demand.volume.of(values) * (1 + demand.growth.of(values)) ** (t / MONTHS_PER_YEAR) * season
    passing = np.cumprod([1.0, *(rate.of(values) for rate in demand.rates)])
    return np.asarray(passing[:, None] * first)


def _closing(demand: Demand, months: int, values: Values) -> _Closing:
    win_rate, spread = demand.win_rate.of(values), demand.cycle_spread.of(values)
    lost = demand.cycle_lost or demand.cycle
    return _Closing(
        win_rate * lag_shares(demand.cycle.of(values), spread, months),
        (1 - win_rate) * lag_shares(lost.of(values), spread, months),
    )


def _resumed(demand: Demand, age: float, months: int, values: Values) -> _Closing:
    """Shares of opportunities of the opening pipeline that are won, or lost, in month k, given how old they are.

    Of those open at an age a share `w S_w/(w S_w + (1 − w) S_l)` will be won, S being survival to that age; and of them
    `1 − S_w(age + k)/S_w(age)` have been before month k.
    """
    win_rate, spread = demand.win_rate.of(values), demand.cycle_spread.of(values)
    means = demand.cycle.of(values), (demand.cycle_lost or demand.cycle).of(values)
    survival = [np.array([_survival(age + k, mean, spread) for k in range(months + 1)]) for mean in means]
    winning, losing = win_rate * survival[0][0], (1 - win_rate) * survival[1][0]
    return _Closing(
        winning / (winning + losing) * _ends(survival[0], means[0] - age, spread),
        losing / (winning + losing) * _ends(survival[1], means[1] - age, spread),
    )


def _ends(survival: Array, left: float, spread: float) -> Array:
    """Share that ends in month k, given survival at the ends of months; those overdue end in month 0."""
    if spread == 0:
        return np.asarray(np.arange(len(survival) - 1) == math.floor(max(0.0, left)), dtype=np.float64)
    beyond = survival > _SMALLEST_SURVIVAL
    return -np.diff(np.concatenate(([1.0], np.where(beyond[1:], survival[1:] / survival[0], 0.0))))


def _worth(demand: Demand, values: Values) -> float:
    """Mean size of a won deal, outliers included."""
    size = float(demand.deal_size.of(values))
    if demand.outliers is None:
        return size
    return size * (1 + float(demand.outliers.share.of(values)) * (float(demand.outliers.times.of(values)) - 1))


def _rows(plan: Plan, segment: str) -> list[PipelineRow]:
    """The opening pipeline of a segment, in an order that does not depend on the file."""
    rows = [row for row in plan.funnel.opening_pipeline.rows if row.segment == segment and row.count > 0]
    return sorted(rows, key=lambda row: (row.channel, row.stage, row.age_months, row.value or 0.0, row.count))


def _funnel(plan: Plan, segment: str, capacity: Array, values: Values) -> _Funnel:
    """Everything that happens to the opportunities of a segment."""
    months = plan.plan.months
    channels = {name: c.segments[segment] for name, c in sorted(plan.funnel.channels.items()) if segment in c.segments}
    reached = {name: _reached(plan, demand, values) for name, demand in channels.items()}
    closing = {name: _closing(demand, months, values) for name, demand in channels.items()}
    worth = {name: _worth(demand, values) for name, demand in channels.items()}
    streams = [_Stream(name, reached[name][-1].copy(), worth[name]) for name in channels]
    won, lost, bookings = ({name: np.zeros(months) for name in channels} for _ in range(3))
    opened = 0.0
    taken, released = 0.0, np.zeros(months)
    for row in _rows(plan, segment):
        demand, value = channels[row.channel], worth[row.channel] if row.value is None else row.value / row.count
        if row.stage != plan.funnel.stages[-1]:
            stage = plan.funnel.stages.index(row.stage)
            passing = row.count * np.cumprod([rate.of(values) for rate in demand.rates[stage:]])
            reached[row.channel][stage + 1 :, 0] += passing
            streams.append(_Stream(row.channel, passing[-1] * (np.arange(months) == 0), value))
            continue
        ends = _resumed(demand, row.age_months, months, values)
        won[row.channel] += row.count * ends.won
        lost[row.channel] += row.count * ends.lost
        bookings[row.channel] += row.count * ends.won * value
        opened += row.count
        if plan.funnel.channels[row.channel].sold_by == "sellers":
            taken += row.count
            released += row.count * (ends.won + ends.lost)

    arrivals = np.array([stream.arrivals for stream in streams]).reshape(-1, months)
    sold = np.array([plan.funnel.channels[stream.channel].sold_by == "sellers" for stream in streams], dtype=bool)
    closes = np.array([sum(closing[stream.channel]) for stream in streams]).reshape(-1, months)
    started, stale = arrivals.copy(), np.zeros_like(arrivals)
    stale_share = float(plan.funnel.stale.of(values))
    started[sold], stale[sold] = _queue(arrivals[sold], closes[sold], capacity, taken, released, stale_share)
    for stream, begun in zip(streams, started, strict=True):
        wins = _cohorts(begun, closing[stream.channel].won)
        won[stream.channel] += wins
        lost[stream.channel] += _cohorts(begun, closing[stream.channel].lost)
        bookings[stream.channel] += wins * stream.worth

    none = np.zeros(months)
    flows = {"opportunities": arrivals, "started": started, "stale": stale}
    totals = {name: sum(flow, none) for name, flow in flows.items()}
    totals |= {name: sum(flow.values(), none) for name, flow in (("won", won), ("lost", lost), ("bookings", bookings))}
    totals["open"] = opened + np.cumsum(totals["started"] - totals["won"] - totals["lost"])
    totals["waiting"] = np.cumsum(totals["opportunities"] - totals["started"] - totals["stale"])
    totals["capacity"] = capacity
    return _Funnel(totals, {name: _Cell(reached[name], won[name], bookings[name]) for name in channels})


def _queue(
    arrivals: Array, closes: Array, capacity: Array, taken: float, released: Array, stale: float
) -> tuple[Array, Array]:
    """Who starts when places are short: first come, first served by month of arrival, and by equal shares within one.

    Parameters
    ----------
    arrivals : (stream, month) opportunities
    closes : (stream, k) share of those started that close k months later, and give their place back to that month
    capacity : (month,) places
    taken, released : places that the opening pipeline holds, and gives back to each month
    stale : share of the waiting that leaves at the beginning of a month

    Returns
    -------
    Started and stale, (stream, month) each.
    """
    months = len(capacity)
    started, gone, closed = (np.zeros_like(arrivals) for _ in range(3))
    waiting = np.zeros_like(arrivals)
    stays = 1 - closes[:, 0]
    for t in range(months):
        gone[:, t] = stale * waiting.sum(axis=1)
        waiting *= 1 - stale
        waiting[:, t] = arrivals[:, t]
        taken -= float(closed[:, t].sum() + released[t])
        for arrived in range(t + 1 if capacity[t] > 0 else 0):
            free, needed = max(0.0, capacity[t] - taken), float((waiting[:, arrived] * stays).sum())
            begun = waiting[:, arrived] * (1.0 if needed <= free else free / needed)
            started[:, t] += begun
            waiting[:, arrived] -= begun
            taken += float((begun * stays).sum())
        closed[:, t + 1 :] += started[:, t, None] * closes[:, 1 : months - t]
    return started, gone


# ---- steps 5 and 6: customers and the ARR bridge ----


class _Terms(NamedTuple):
    """On which terms customers renew and expand. Shares are of customers; money by customer and month."""

    months: int
    renewed: float
    contracted: float
    depth: float
    price: float
    expansions: float
    expansion_size: float


def _terms(base: Base, values: Values) -> _Terms:
    renewed = base.renewal_rate.of(values)
    contraction, depth = base.contraction.of(values), base.contraction_depth.of(values)
    contracted = min(contraction / depth, renewed) if contraction and depth else 0.0
    expansions = size = 0.0
    if base.expansion is not None:
        met = base.expansion.opportunities_per_customer.of(values) / MONTHS_PER_YEAR
        expansions, size = met * base.expansion.win_rate.of(values), base.expansion.size.of(values)
    return _Terms(base.term_months, renewed, contracted, depth, base.price_increase.of(values), expansions, size)


class _Book:
    """Customers and their ARR by the month of their next renewal."""

    def __init__(self, customers: Array, arr: Array, terms: _Terms) -> None:
        self.customers, self.arr, self.terms = customers, arr, terms

    def copy(self) -> _Book:
        return _Book(self.customers.copy(), self.arr.copy(), self.terms)

    def month(self, t: int) -> dict[str, float]:
        """Renew who is due in month t, then expand; returns the flows."""
        terms = self.terms
        due, atr = float(self.customers[t]), float(self.arr[t])
        contraction = atr * terms.contracted * terms.depth
        kept = atr * terms.renewed - contraction
        self.customers[t] = self.arr[t] = 0.0
        self.customers[t + terms.months] += due * terms.renewed
        self.arr[t + terms.months] += kept * (1 + terms.price)
        expansions = self.customers * terms.expansions
        self.arr += expansions * terms.expansion_size
        return {
            "atr": atr,
            "contraction_arr": contraction,
            "churned_arr": atr * (1 - terms.renewed),
            "price_arr": kept * terms.price,
            "renewals_due": due,
            "renewals": due * terms.renewed,
            "churned_customers": due * (1 - terms.renewed),
            "expansions": float(expansions.sum()),
            "expansion_arr": float(expansions.sum()) * terms.expansion_size,
        }

    def after(self, first: int, last: int) -> float:
        """Their ARR at the end of month `last`, with nobody joining from month `first` on."""
        book = self.copy()
        for t in range(first, last + 1):
            book.month(t)
        return float(book.arr.sum())

    def retained(self, last: int) -> float:
        """Their ARR at the end of month `last`, each customer's capped at what it is now, without expansion."""
        due = np.arange(len(self.arr))
        renewals = np.maximum(0, (last - due) // self.terms.months + 1)
        return float(sum(self.arr[renewals == n].sum() * self._kept(int(n)) for n in np.unique(renewals)))

    def _kept(self, renewals: int) -> float:
        """Expected share of a customer's ARR after some renewals, at most one: by how many of them contracted it."""
        full = self.terms.renewed - self.terms.contracted
        return sum(
            math.comb(renewals, k)
            * full ** (renewals - k)
            * self.terms.contracted**k
            * min(1.0, (1 - self.terms.depth) ** k * (1 + self.terms.price) ** renewals)
            for k in range(renewals + 1)
        )


def _segment(plan: Plan, name: str, funnel: _Funnel, values: Values) -> dict[str, Array]:
    """All outputs of a segment by month."""
    months = plan.plan.months
    none = np.zeros(months)
    won, bookings = funnel.flows["won"], funnel.flows.pop("bookings")
    if plan.segments[name].sells == "subscription":
        new = {"new_customers": won, "new_arr": bookings, "one_off_bookings": none}
    else:
        new = {"new_customers": none, "new_arr": none, "one_off_bookings": bookings}
    if name not in plan.base:
        return {**funnel.flows, **new, **dict.fromkeys(_BASE_OUTPUTS, none)}

    base = plan.base[name]
    terms = _terms(base, values)
    book = _Book(np.zeros(months + terms.months), np.zeros(months + terms.months), terms)
    for month, arr, customers in opening_cohorts(base, plan.plan.start):
        book.customers[month] += customers
        book.arr[month] += arr
    opening, rows = [], []
    for t in range(months):
        opening.append(book.copy())
        row = book.month(t)
        book.customers[t + terms.months] += new["new_customers"][t]
        book.arr[t + terms.months] += new["new_arr"][t]
        year_start = t - MONTHS_PER_YEAR + 1
        row |= {
            "ending_arr": float(book.arr.sum()),
            "customers": float(book.customers.sum()),
            "nrr_arr": opening[year_start].after(year_start, t) if year_start >= 0 else 0.0,
            "grr_arr": opening[year_start].retained(t) if year_start >= 0 else 0.0,
        }
        rows.append(row)
    return {**funnel.flows, **new, **{output: np.array([row[output] for row in rows]) for output in _BASE_OUTPUTS}}
