"""Books of a plan's paths: every output of the company, or of a group, by month and by period."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from simengine.plan.schema import Plan
from simengine.plan.targets import CHANNEL, ROLE, SEGMENT, TEAM, is_meant
from simengine.results.allocation import spend_by_cell
from simengine.results.cash import Cash, cash_of, opening_bills
from simengine.results.costs import Costs, amortised, costs, groups_of
from simengine.results.outputs import KERNEL_NAMES, OUTPUTS
from simengine.results.past import Past
from simengine.results.paths import Array, Paths, added, cells_of, over_period, summed
from simengine.timeline import Timeline
from simengine.units import MONTHS_PER_YEAR, Period, fiscal_period

Where = Mapping[str, str]
Key = tuple[tuple[str, str], ...]
EVERYTHING: Where = {}
_BY_CELL = frozenset({"new_arr", "bookings", "won", "opportunities"})
_OF_SELLERS = frozenset({"quota", "credited", "rated", "rated_at_quota", "rated_near_quota", "rated_below_half"})
_OPENING = {
    "ending_arr": "opening_arr",
    "customers": "opening_customers",
    "pipeline": "opening_pipeline",
    "cash": "opening_cash",
}
_AT_THE_START = frozenset({*_OPENING.values(), "net_history", "gross_history"})


class Books:
    """Outputs of the company, or of a group, by path.

    Parameters
    ----------
    load : gives an output by name when it is first asked for, (draw, month); what is there when the plan starts
        ("opening_arr") is (draw,) or one number
    spend : S&M spend of the months from … to …, where it is known by period only
    parts : of a channel's books: for each segment, the books of the segment and the channel's books in it
    past : gives what facts say of an output before the plan, (month,); the last month is the one before the plan
    """

    def __init__(
        self,
        load: Callable[[str], Array],
        spend: Callable[[int, int], Array] | None = None,
        parts: Callable[[], list[tuple[Books, Books]]] = list,
        past: Callable[[str], Array] | None = None,
    ) -> None:
        self._load, self._spend, self.parts, self._past = load, spend, parts, past
        self._loaded: dict[str, Array] = {}
        self._periods: dict[tuple[str, int, int], Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def before(self, name: str, month: int) -> Array:
        """A stock when `month` begins."""
        return self[name][..., month - 1] if month > 0 else self[_OPENING[name]]

    def past(self, name: str, first: int, last: int) -> Array:
        """What facts say of an output in the months `first` to `last`, as far as they are before the plan, (month,)."""
        assert self._past is not None
        known = self._past(name)
        return known[len(known) + first : len(known) + min(last, -1) + 1]

    def over(self, name: str, first: int, last: int) -> Array:
        """A flow or stock over the months `first` to `last`."""
        if name == "sm_spend" and self._spend is not None:
            return self._spend(first, last)
        return self.once(name, first, last, lambda: over_period(self[name], OUTPUTS[name].kind, first, last))

    def once(self, name: str, first: int, last: int, work_out: Callable[[], Array]) -> Array:
        """What `name` is over the months `first` to `last`, worked out when it is first asked for."""
        period = name, first, last
        if period not in self._periods:
            self._periods[period] = work_out()
        return self._periods[period]


class Members(NamedTuple):
    """Places of a group's entities on their axes."""

    segments: list[int]
    cells: list[int]
    groups: list[int]
    sellers: list[int]


class Chart:
    """The chart of accounts: which entities make up which group, and what is known when the plan starts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.segments, self.cells, self.groups = sorted(plan.segments), cells_of(plan), groups_of(plan)
        self.channels, self.bills = sorted(plan.funnel.channels), opening_bills(plan)
        self.years, self.past = whole_years(plan), Past(plan)
        self._members: dict[Key, Members] = {}
        self._history: dict[tuple[bool, tuple[str, ...]], Array] = {}

    def members(self, where: Where) -> Members:
        """Places of the entities that `where` names."""
        key = tuple(sorted(where.items()))
        if key not in self._members:
            self._members[key] = self._places(where)
        return self._members[key]

    def history(self, segments: tuple[str, ...], *, capped: bool) -> Array:
        """What has become of the ARR of twelve months before, `history`."""
        if (capped, segments) not in self._history:
            self._history[capped, segments] = history(self.plan, segments, capped=capped)
        return self._history[capped, segments]

    def _places(self, where: Where) -> Members:
        plan = self.plan
        meant = [name for name, segment in plan.segments.items() if is_meant(dict(where), name, segment.labels)]
        everywhere = not where.keys() - {CHANNEL, ROLE, TEAM}
        cells = [
            i
            for i, (channel, segment) in enumerate(self.cells)
            if segment in meant and where.get(CHANNEL, channel) == channel
        ]
        groups = [
            (g, group)
            for g, group in enumerate(self.groups)
            if where.get(ROLE, group.role) == group.role
            and where.get(TEAM, group.team) == group.team
            and (everywhere or group.segment in meant)
        ]
        return Members(
            [s for s, name in enumerate(self.segments) if name in meant],
            cells,
            [g for g, _ in groups],
            [g for g, group in groups if plan.team.roles[group.role].sells],
        )

    def subscriptions(self, cells: Sequence[int]) -> list[int]:
        """Those of some cells whose segment sells subscriptions."""
        return [i for i in cells if self.plan.segments[self.cells[i][1]].sells == "subscription"]


def whole_years(plan: Plan) -> list[Period]:
    """The fiscal years that lie wholly inside a plan, as months from its start."""
    header, found = plan.plan, []
    for year in range(header.start // MONTHS_PER_YEAR, header.end // MONTHS_PER_YEAR + 2):
        window = fiscal_period(f"FY{year:04d}", header.fiscal_year_start)
        if header.start <= window.first and window.last <= header.end:
            found.append(Period(window.label, window.first - header.start, window.last - header.start))
    return found


class Ledger:
    """The money and the outputs of paths, for the company and for every group of it.

    Parameters
    ----------
    plan : the plan
    paths : simulated paths of it, or its baseline
    chart : what is read off the plan alone, where it is there already
    """

    def __init__(self, plan: Plan, paths: Paths, chart: Chart | None = None) -> None:
        self.plan, self.paths = plan, paths
        self.chart = Chart(plan) if chart is None else chart
        self.shape = paths.reached.shape[:2]
        self.timeline = Timeline(plan, paths.values, paths.shocks)
        self._books: dict[Key, Books] = {}
        self._by_cell: dict[tuple[int, int], Array] = {}

    @cached_property
    def costs(self) -> Costs:
        """What people, channels and events cost."""
        return costs(self.plan, self.paths, self.timeline)

    @cached_property
    def margin(self) -> Array:
        """Gross margin, (draw, month) or (draw, 1)."""
        return self.timeline.of(self.plan.economics.gross_margin, high=1.0)

    @cached_property
    def cash(self) -> Cash:
        """The company's cash."""
        company = self.books()
        spent = company["cost_of_revenue"] + company["opex"]
        return cash_of(self.plan, self.chart.bills, self.timeline, company["billings"], company["revenue"], spent)

    def spend(self, first: int, last: int) -> Array:
        """S&M spend of a period, (channel, segment, draw); the last row has no channel."""
        period = first, last
        if period not in self._by_cell:
            self._by_cell[period] = spend_by_cell(self.plan, self.paths, self.costs, first, last)
        return self._by_cell[period]

    def books(self, where: Where = EVERYTHING) -> Books:
        """Books of the company, or of the group that `where` names: labels, segment, channel, role, team."""
        key = tuple(sorted(where.items()))
        if key not in self._books:
            self._books[key] = self._books_of(where)
        return self._books[key]

    def _books_of(self, where: Where) -> Books:
        members = self.chart.members(where)

        def load(name: str) -> Array:
            if CHANNEL in where and name in _BY_CELL:
                return self._sum(self.paths.cell[name], members.cells)
            if CHANNEL in where and name == "new_customers":
                return self._sum(self.paths.cell["won"], self.chart.subscriptions(members.cells))
            if name in _DERIVED:
                return _DERIVED[name](self, books)
            if name in _AT_THE_START:
                return self._at_the_start(name, members.segments)
            source = KERNEL_NAMES.get(name, name)
            if source in self.paths.segment:
                return self._sum(self.paths.segment[source], members.segments)
            return self._sum(self.paths.group[source], members.sellers if name in _OF_SELLERS else members.groups)

        def parts() -> list[tuple[Books, Books]]:
            names = [self.chart.segments[s] for s in members.segments] if CHANNEL in where else []
            return [(self.books({SEGMENT: name}), self.books({**where, SEGMENT: name})) for name in names]

        def past(name: str) -> Array:
            return self.chart.past.of(name, where)

        books = Books(load, self._spend_of(where, members) if where else None, parts, past)
        return books

    def _spend_of(self, where: Where, members: Members) -> Callable[[int, int], Array]:
        channels = self.chart.channels
        rows = [channels.index(where[CHANNEL])] if CHANNEL in where else list(range(len(channels) + 1))

        def spend(first: int, last: int) -> Array:
            by_cell = self.spend(first, last)
            return added((by_cell[row, s] for row in rows for s in members.segments), self.shape[:1])

        return spend

    def _sum(self, outputs: Array, members: Sequence[int]) -> Array:
        if members and members[-1] - members[0] + 1 == len(members):
            return summed(outputs[:, :, members[0] : members[-1] + 1])
        return added((outputs[:, :, i] for i in members), self.shape)

    def _at_the_start(self, name: str, members: Sequence[int]) -> Array:
        names = tuple(self.chart.segments[s] for s in members)
        if name == "opening_cash":
            return np.array(self.plan.economics.opening_cash)
        if name == "opening_pipeline":
            return added((opening_pipeline(self.plan, segment, self.timeline) for segment in names), self.shape[:1])
        if name in ("net_history", "gross_history"):
            return self.chart.history(names, capped=name == "gross_history")
        return np.array(math.fsum(opening(self.plan, segment)[name] for segment in names))


def opening(plan: Plan, segment: str) -> dict[str, float]:
    """What a segment has when the plan starts: "opening_arr" in the plan's currency, and "opening_customers"."""
    base = plan.base.get(segment)
    if base is None:
        return {"opening_arr": 0.0, "opening_customers": 0.0}
    return {"opening_arr": base.arr * plan.rate_of(segment), "opening_customers": float(base.customers)}


def opening_pipeline(plan: Plan, segment: str, timeline: Timeline) -> Array:
    """Expected value of a segment's opportunities that are open when the plan starts, (draw,)."""
    total = np.zeros(timeline.paths)
    for row in plan.funnel.opening_pipeline.rows:
        if row.segment != segment or row.stage != plan.funnel.stages[-1]:
            continue
        if row.value is not None:
            total = total + row.value
            continue
        demand = plan.funnel.channels[row.channel].segments[segment]
        value = timeline.of(demand.deal_size)[:, 0]
        if demand.outliers is not None:
            share = timeline.of(demand.outliers.share, high=1.0)[:, 0]
            value = value * (1.0 + share * (timeline.of(demand.outliers.times)[:, 0] - 1.0))
        total = total + row.count * value
    return np.asarray(total * plan.rate_of(segment))


def history(plan: Plan, segments: Collection[str], *, capped: bool) -> Array:
    """What has become of the ARR of twelve months before until the plan starts, (month,).

    Σ net / Σ ARR of the rows of history (Σ gross where `capped`): 1 from the twelfth month on, whose cohort is the
    opening base; NaN where a segment with customers has no row.
    """
    bases = {segment: base for segment, base in plan.base.items() if base.customers and segment in segments}
    out = np.full(plan.plan.months, np.nan)
    out[MONTHS_PER_YEAR - 1 :] = 1.0
    for t in range(min(MONTHS_PER_YEAR - 1, plan.plan.months)):
        then, now = 0.0, 0.0
        for segment, base in sorted(bases.items()):
            rows = [row for row in base.history if row.month == plan.plan.start + t - MONTHS_PER_YEAR]
            if not rows:
                then = math.nan
                break
            then += rows[0].arr * plan.rate_of(segment)
            now += (rows[0].gross if capped else rows[0].net) * plan.rate_of(segment)
        out[t] = now / then if then > 0 else math.nan
    return out


def revenue(live_arr: Array, opening_arr: float, one_off_bookings: Array) -> Array:
    """Revenue by month: a twelfth of the mean of live ARR before and after, and one-off bookings.

    >>> revenue(np.array([[120.0, 360.0]]), 0.0, np.array([[0.0, 1.0]])).tolist()
    [[5.0, 21.0]]
    """
    before = np.concatenate((np.full_like(live_arr[..., :1], opening_arr), live_arr[..., :-1]), axis=-1)
    return (before + live_arr) / 2 / MONTHS_PER_YEAR + one_off_bookings


def net_new_arr(books: Books) -> Array:
    """Change of ARR by month: what was won, sold more and raised in price, less what was contracted and lost."""
    gained = books["new_arr"] + books["expansion_arr"] + books["price_arr"]
    return gained - books["contraction_arr"] - books["churned_arr"]


def live_arr(books: Books) -> Array:
    """ARR less what was won and is not live yet; the opening ARR is live."""
    return np.asarray(books["ending_arr"] - np.cumsum(books["new_arr"] - books["went_live"], axis=-1))


_DERIVED: dict[str, Callable[[Ledger, Books], Array]] = {
    "net_new_arr": lambda ledger, books: net_new_arr(books),
    "live_arr": lambda ledger, books: live_arr(books),
    "bookings": lambda ledger, books: books["new_arr"] + books["one_off_bookings"],
    "revenue": lambda ledger, books: revenue(books["live_arr"], float(books["opening_arr"]), books["one_off_bookings"]),
    "gross_margin": lambda ledger, books: np.broadcast_to(ledger.margin, ledger.shape),
    "gross_profit": lambda ledger, books: books["revenue"] * ledger.margin,
    "cost_of_revenue": lambda ledger, books: books["revenue"] * (1.0 - ledger.margin),
    "sm_spend": lambda ledger, books: ledger.costs.sales_and_marketing,
    "opex": lambda ledger, books: ledger.costs.operating,
    "commission_amortised": lambda ledger, books: amortised(
        books["commission"], ledger.plan.economics.commission.amortised_over
    ),
    "collections": lambda ledger, books: ledger.cash.collections,
    "receivables": lambda ledger, books: ledger.cash.receivables,
    "deferred_revenue": lambda ledger, books: ledger.cash.deferred_revenue,
    "cash": lambda ledger, books: ledger.cash.cash,
    "net_burn": lambda ledger, books: ledger.cash.net_burn,
}
"""What is no sum over segments, cells or seat groups."""
