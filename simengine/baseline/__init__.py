"""The spreadsheet: what the plan says with expected values, fractional people, deals and customers.

The same month as a simulated path (docs/model.md, section 2) with every chance replaced by its mean. Where nothing
binds, the mean of the paths at the same assumptions converges to it. Where something does it does not, and the
difference is what averages hide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simengine.baseline.customers import OUTPUTS as BASE_OUTPUTS
from simengine.baseline.customers import Book, coverages, opening_cohorts
from simengine.baseline.demand import arrivals
from simengine.baseline.laws import lag_shares, log_sigma
from simengine.baseline.market import POOL_OUTPUTS, SEGMENT_OUTPUTS, Market, work_segment
from simengine.baseline.numbers import Array, Numbers, Values
from simengine.baseline.people import Seats, people, total
from simengine.baseline.quotas import pay
from simengine.plan.schema import Plan

__all__ = [
    "CASES",
    "Baseline",
    "Case",
    "baseline",
    "lag_shares",
    "log_sigma",
    "opening_cohorts",
    "spreadsheet_values",
]

Case = Literal["operating plan", "medians", "means"]

CASES: tuple[Case, ...] = ("operating plan", "medians", "means")
"""The values at which a plan is worked out, in the order in which they are shown."""

_COVERAGES = ("renewal_coverage", "expansion_coverage")
_PEOPLE = ("headcount", "starts", "leavers", "working", "ramped", "recruited", "involuntary", "promoted")
_PAY = ("quota", "commission", "rated", "at_quota", "near_quota", "below_half")
_CELL_OUTPUTS = ("bookings", "won", "new_arr", "opportunities", "dropped")


@dataclass(frozen=True)
class Baseline:
    """Expected values in the shape of a block of simulated paths with one draw; T months.

    `segment`, `group`, `cell` and `pool` map outputs to (1, T, entities), `reached` is (1, T, cells, stages), `values`
    maps assumptions and events (months in force) to (1,). A cell is a (channel, segment), a pool a (segment,
    territory); all are sorted by name. Shocks are at their mean: `shocks` is None.
    """

    segment: dict[str, Array]
    group: dict[str, Array]
    cell: dict[str, Array]
    pool: dict[str, Array]
    reached: Array
    values: dict[str, Array]
    shocks: dict[str, Array] | None = None


def spreadsheet_values(plan: Plan, case: Case) -> dict[str, float]:
    """Value of each assumption, in its own unit, and months in force of each event, that a spreadsheet would use.

    Parameters
    ----------
    plan : the plan
    case : "operating plan" takes the values that the plan counts on; "medians" and "means" those of the distributions
        as they are simulated, after the source policy
    """
    if case == "operating plan":
        return plan.planned
    laws = plan.widened()
    return {name: law.median() if case == "medians" else law.mean() for name, law in laws.items()}


def baseline(plan: Plan, values: Values) -> Baseline:
    """Work the plan out with expected values.

    Parameters
    ----------
    plan : the plan
    values : value of each assumption, in its own unit, and months in force of each event

    Returns
    -------
    Money in the plan's currency, people, deals and customers as fractional counts: the expectations of the simulated
    paths at these values where nothing binds. Approximate are

    - what chance does to room, hours, coverage, open seats and quotas: all are compared at their expected values. There
      is no hiring freeze, and nobody leaves for a missed quota;
    - who owns what, by which bookings are credited and new ARR is split: what starts, or is handed over, is given to
      those with the least load for their room as if it could be divided, and a leaver has an average part of it;
    - commission above an accelerator, the least that new people are paid, and ratings: a group is one person;
    - `grr_arr`, capped at each renewal, and without expansion.
    """
    numbers = Numbers(plan, values)
    seats = people(numbers)
    demand = arrivals(numbers, seats)
    markets = {name: work_segment(numbers, name, demand, seats) for name in sorted(plan.segments)}
    credited = {name: np.zeros(numbers.months) for name in seats}
    for market in markets.values():
        for group, bookings in market.credited.items():
            credited[group] = credited[group] + bookings
    paid = pay(numbers, seats, credited)
    groups = [
        {
            **{output: total(blocks, output) for output in _PEOPLE},
            **paid[name],
            "credited": credited[name],
            "frozen": np.zeros(numbers.months),
        }
        for name, blocks in seats.items()
    ]
    retained = _customers(numbers, markets, seats)
    cells = [(name, markets[name.segment]) for name in demand]
    stages, months = len(plan.funnel.stages), numbers.months
    reached = np.array([market.reached[name] for name, market in cells]).reshape(len(cells), stages, months)
    return Baseline(
        segment=_stacked(
            [{**market.segment, **retained[name]} for name, market in markets.items()],
            (*SEGMENT_OUTPUTS, *BASE_OUTPUTS, *_COVERAGES),
            months,
        ),
        group=_stacked(groups, (*_PEOPLE, *_PAY, "credited", "frozen"), months),
        cell=_stacked([market.cell[name] for name, market in cells], _CELL_OUTPUTS, months),
        pool=_stacked([pool for market in markets.values() for pool in market.pool.values()], POOL_OUTPUTS, months),
        reached=reached.transpose(2, 0, 1)[None],
        values={name: np.array([value]) for name, value in values.items()},
    )


def _customers(
    numbers: Numbers, markets: Mapping[str, Market], seats: Mapping[str, list[Seats]]
) -> dict[str, dict[str, Array]]:
    """What becomes of the customers of every segment, by month."""
    months = numbers.months
    books = {name: Book(numbers, name) for name in markets if name in numbers.plan.base}
    covered = {name: {output: np.ones(months) for output in _COVERAGES} for name in markets}
    for t in range(months):
        renewal, expansion = (coverages(t, duty, books, numbers, seats) for duty in ("renewal", "expansion"))
        for name, book in books.items():
            covered[name]["renewal_coverage"][t] = renewal[name]
            covered[name]["expansion_coverage"][t] = expansion[name]
            book.month(t, renewal[name], expansion[name], markets[name].customers[t], markets[name].arr[t])
    none = dict.fromkeys(BASE_OUTPUTS, np.zeros(months))
    without = {name: {**none, "billings": market.segment["one_off_bookings"]} for name, market in markets.items()}
    return {name: {**(books[name].out if name in books else without[name]), **covered[name]} for name in markets}


def _stacked(entities: Collection[Mapping[str, Array]], outputs: Iterable[str], months: int) -> dict[str, Array]:
    """Outputs of each entity, as (1, month, entity) arrays by output."""
    return {
        name: np.array([entity[name] for entity in entities]).reshape(len(entities), months).T[None] for name in outputs
    }
