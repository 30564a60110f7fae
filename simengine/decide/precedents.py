"""Whether anybody has seen such a value: what the belief says of it, and the quarters on record."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from simengine.decide.closing import Question
from simengine.decide.findings import Belief, Past
from simengine.decide.variants import CYCLE, DEAL_SIZE, RENEWAL, SPEND, WIN_RATE, Kind, numbers
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.reading.operating import OperatingPlan
from simengine.units import MONTHS_PER_YEAR, fiscal_quarter

if TYPE_CHECKING:
    import pandas as pd

    from simengine.learn.history import History

FEWEST = 10
"""Records of a quarter: a share of fewer says little."""
_DAYS_PER_MONTH = 365.25 / MONTHS_PER_YEAR


def beliefs(plan: Plan, question: Question, amount: float) -> list[Belief]:
    """The assumptions that a lever multiplies, at an amount; the least likely first."""
    if question.kind is None or not math.isfinite(amount):
        return []
    kind = question.kind
    channel = question.name.removeprefix(f"{SPEND.name}: ") if kind.name == SPEND.name else None
    found = {}
    for number in numbers(plan, kind, channel if channel in plan.funnel.channels else None):
        for step in number.quantity.steps:
            if step.assumption in plan.assumptions:
                found[step.assumption] = _belief(plan, step.assumption, amount, kind)
    return sorted(found.values(), key=lambda belief: belief.reached)


def _belief(plan: Plan, name: str, amount: float, kind: Kind) -> Belief:
    one = plan.assumptions[name]
    # A share of a ramp of bookings is divided where all else is multiplied.
    is_share = kind.name == "ramp" and one.unit == "fraction"
    factor = 1.0 / max(amount, 1e-9) if is_share else amount
    needed = one.plan * factor
    if one.unit == "fraction":
        needed = min(1.0, needed)
    side = "high" if is_share else kind.is_better
    source = one.source
    as_of = getattr(source, "as_of", None)
    return Belief(
        *(name, one.unit, one.plan, needed, one.distribution.at_most(needed), side),
        *(source.kind, getattr(source, "n", None), "" if as_of is None else str(as_of)),
    )


# --- records ---


def past(plan: Plan, question: Question, amount: float, history: History) -> list[Past]:
    """What a lever would need, against the best quarter on record; nothing where the records cannot tell.

    Whole fiscal quarters count, those with ten records at least: share won of decided opportunities, mean won deal,
    mean months to win, share renewed of decided contracts, spend a month; of people, how many started.
    """
    if not math.isfinite(amount):
        return []
    if question.kind is None:
        return list(_people(plan, question, amount, history))
    told = _TOLD.get(question.kind.name)
    return [] if told is None else list(told(plan, question, amount, history))


def _quarters(plan: Plan, history: History, days: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    """The fiscal quarter of each day, "" where records do not cover all of it."""
    import pandas as pd

    if not len(days):
        return pd.Series([], dtype="str", index=days.index)
    start, months = plan.plan.fiscal_year_start, days.dt.year * MONTHS_PER_YEAR + days.dt.month - 1
    quarters = months.map(lambda month: fiscal_quarter(int(month), start))
    first, last = (fiscal_quarter(_month(day), start) for day in (days.min(), history.last + pd.Timedelta(days=1)))
    # A quarter whose first record is of its first week is taken to be whole.
    begins = fiscal_quarter(_month(days.min() - pd.Timedelta(days=7)), start)
    partial = {last} | ({first} if begins == first else set())
    return quarters.where(~quarters.isin(partial), "")


def _month(day: pd.Timestamp) -> int:
    return int(day.year * MONTHS_PER_YEAR + day.month - 1)


def _best(
    values: pd.Series[float], quarters: pd.Series[str], is_better: str, fewest: int = FEWEST
) -> tuple[float, str, int, int]:
    """The best mean of a quarter, which one, of how many records, and how many quarters there are."""
    means, sizes = [], []
    for quarter in sorted(set(quarters) - {""}):
        own = values[quarters == quarter]
        if len(own) >= fewest:
            means.append((float(own.mean()), quarter))
            sizes.append(len(own))
    if not means:
        return math.nan, "", 0, 0
    place = means.index(max(means) if is_better == "high" else min(means))
    return *means[place], sizes[place], len(means)


def _told(
    of: str, what: str, unit: str, needed: float, best: tuple[float, str, int, int], is_better: str
) -> Iterator[Past]:
    value, quarter, n, quarters = best
    if quarters:
        is_seen = value >= needed if is_better == "high" else value <= needed
        yield Past(of, what, unit, needed, value, quarter, n, quarters, is_seen)


def _by_segment(plan: Plan, of_cell: Callable[[OperatingPlan, tuple[str, str]], float]) -> dict[str, float]:
    """A number of the funnel by segment, at plan values: the mean of its channels by their opportunities."""
    op = OperatingPlan(plan)
    opportunities = op.cell("opportunities")
    found = {}
    for segment in sorted(plan.segments):
        cells = [cell for cell in op.cells if cell[1] == segment]
        weights = [float(opportunities[cell].sum()) for cell in cells]
        if cells and sum(weights) > 0:
            found[segment] = float(np.average([of_cell(op, cell) for cell in cells], weights=weights))
    return found


def _mean(op: OperatingPlan, quantity: Quantity) -> float:
    return float(op.number(quantity).mean())


def _deals(
    plan: Plan,
    history: History,
    needed: Mapping[str, float],
    what: tuple[str, str, str],
    of_deals: Callable[[pd.DataFrame], pd.Series[float]],
    only_won: bool = True,
) -> Iterator[Past]:
    from simengine.learn.history import LOST, WON

    deals = history.table("opportunities")
    deals = deals[deals["outcome"].isin([WON] if only_won else [WON, LOST]) & deals["closed"].notna()]
    words, unit, is_better = what
    for segment, value in needed.items():
        own = deals[deals["segment"] == segment]
        values = of_deals(own)
        known = values.notna()
        best = _best(values[known], _quarters(plan, history, own["closed"])[known], is_better)
        yield from _told(segment, words, unit, value, best, is_better)


def _win_rates(plan: Plan, question: Question, amount: float, history: History) -> Iterator[Past]:
    rates = _by_segment(plan, lambda op, cell: _mean(op, op.demand(cell).win_rate))
    needed = {segment: min(1.0, rate * amount) for segment, rate in rates.items()}
    what = "won of decided", "fraction", "high"
    yield from _deals(plan, history, needed, what, lambda deals: (deals["outcome"] == "won").astype(float), False)


def _sizes(plan: Plan, question: Question, amount: float, history: History) -> Iterator[Past]:
    sizes = _by_segment(plan, lambda op, cell: float(op.worth(cell).mean()) / plan.rate_of(cell[1]))
    needed = {segment: size * amount for segment, size in sizes.items()}
    yield from _deals(plan, history, needed, ("mean won deal", "currency", "high"), lambda deals: deals["amount"])


def _cycles(plan: Plan, question: Question, amount: float, history: History) -> Iterator[Past]:
    cycles = _by_segment(plan, lambda op, cell: _mean(op, op.demand(cell).cycle))
    needed = {segment: months * amount for segment, months in cycles.items()}

    def months_to_win(deals: pd.DataFrame) -> pd.Series[float]:
        begun = deals["started"].where(deals["started"].notna(), deals["created"])
        return (deals["closed"] - begun).dt.days / _DAYS_PER_MONTH

    yield from _deals(plan, history, needed, ("months to win", "months", "low"), months_to_win)


def _renewals(plan: Plan, question: Question, amount: float, history: History) -> Iterator[Past]:
    from simengine.learn.history import CHURNED, RENEWED

    op, contracts = OperatingPlan(plan), history.table("contracts")
    decided = contracts[contracts["outcome"].isin([RENEWED, CHURNED]) & contracts["decided"].notna()]
    for segment, terms in sorted(plan.base.items()):
        own = decided[decided["segment"] == segment]
        renewed = (own["outcome"] == RENEWED).astype(float)
        needed = min(1.0, _mean(op, terms.renewal_rate) * amount)
        best = _best(renewed, _quarters(plan, history, own["decided"]), "high")
        yield from _told(segment, "renewed of decided", "fraction", needed, best, "high")


def _spending(plan: Plan, question: Question, amount: float, history: History) -> Iterator[Past]:
    import pandas as pd

    op, spent = OperatingPlan(plan), history.table("spend")
    for channel in [
        name for name in plan.funnel.channels if question.name in (f"spend: {name}", "spend: all channels")
    ]:
        own = spent[spent["channel"] == channel]
        firsts = own["date"] - pd.to_timedelta(own["date"].dt.day - 1, unit="D")
        monthly = own["amount"].groupby(firsts).sum()
        days = monthly.index.to_series()
        needed = float(op.number(plan.funnel.channels[channel].spend)[0]) * amount
        best = _best(monthly, _quarters(plan, history, days), "high", fewest=3)
        yield from _told(channel, "spend a month", "currency", needed, best, "high")


def _people(plan: Plan, question: Question, amount: float, history: History) -> Iterator[Past]:
    group = next(each for each in plan.team.seats if each.name == question.group)
    people = history.table("people")
    own = people[people["role"] == group.role]
    if group.segment is not None and own["segment"].astype(bool).any():
        own = own[own["segment"] == group.segment]
    quarters = _quarters(plan, history, own["start"])
    counts = quarters[quarters != ""].value_counts()
    if not len(counts):
        return
    start = plan.plan.fiscal_year_start
    quarter = fiscal_quarter(question.month, start)
    alike = [each for each in plan.team.seats if (each.role, each.segment) == (group.role, group.segment)]
    planned = sum(
        heads for each in alike for month, heads in each.hires.items() if fiscal_quarter(month, start) == quarter
    )
    best = counts.max()
    when = str(counts.idxmax())
    what = f"starts in a quarter, {planned} of them planned in {quarter}"
    yield Past(
        group.name, what, "count", amount + planned, float(best), when, int(best), len(counts), best >= amount + planned
    )


_TOLD: dict[str, Callable[[Plan, Question, float, History], Iterator[Past]]] = {
    WIN_RATE.name: _win_rates,
    DEAL_SIZE.name: _sizes,
    CYCLE.name: _cycles,
    RENEWAL.name: _renewals,
    SPEND.name: _spending,
}
