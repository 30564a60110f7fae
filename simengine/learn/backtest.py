"""Would it have been right? History is fitted as of earlier days, simulated, and held against what came.

Beside it stand the forecasts that cost nothing: as much as last quarter, as much as the same quarter last year, and the
spreadsheet's answer, the same plan with every number at its estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.learn.fit import fit
from simengine.learn.happened import actual_value, happened, last_day, last_month
from simengine.learn.history import History
from simengine.learn.score import Forecast, crps, samples, scores
from simengine.learn.skeleton import as_deals, plan_text
from simengine.plan import Plan, loads
from simengine.results.outputs import OUTPUTS
from simengine.simulation import simulate
from simengine.units import MONTHS_PER_YEAR, Period, fiscal_period, fiscal_quarter

Floats = NDArray[np.float64]

RECORDED = {
    "opportunities": ("opportunities", "created"),
    "won": ("opportunities", "closed"),
    "bookings": ("opportunities", "closed"),
    "churned_customers": ("contracts", "decided"),
    "churned_arr": ("contracts", "decided"),
}
"""The metrics that are forecast, and the day on which each is recorded: table and column.

ARR at the end is none of them: a plan from history has no new customers where it has contracts alone.
"""
FEWEST_CHANGES = 3
"""Past changes from which on a naive forecast gets a spread."""
MOST_BACK = 12
"""Quarters that a naive forecast looks back."""


class _Naive(NamedTuple):
    """A metric in the quarters before, the last first; NaN where the records do not reach."""

    past: Floats

    @property
    def last(self) -> float:
        return float(self.past[0])

    @property
    def last_year(self) -> float:
        return float(self.past[3])

    @property
    def spread(self) -> Floats | None:
        """The last value and the changes that there were from quarter to quarter: equally likely values."""
        changes = -np.diff(self.past)
        known = changes[np.isfinite(changes)]
        return self.last + known if len(known) >= FEWEST_CHANGES else None


def quarter_ends(history: History, first: date, fiscal_year_start: int = 1) -> list[date]:
    """The days from `first` on at which a fiscal quarter ended that was followed by another whole one.

    >>> history = History(date(2017, 9, 30), {})
    >>> [str(day) for day in quarter_ends(history, date(2017, 1, 1))]
    ['2017-03-31', '2017-06-30']
    """
    months = range(_month_of(first), _month_of(history.as_of) + 1)
    ends = [last_day(month).date() for month in months if _quarter(month, fiscal_year_start).last == month]
    known = last_month(history.as_of)
    return [day for day in ends if day >= first and _quarter(_month_of(day) + 1, fiscal_year_start).last <= known]


def backtest(
    history: History,
    dates: Sequence[date],
    *,
    currency: str = "USD",
    fiscal_year_start: int = 1,
    draws: int = 2_000,
    seed: int = 7,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Forecast, from each of some days, the fiscal quarter that follows.

    Parameters
    ----------
    history : records that reach beyond the last quarter that is forecast
    dates : last days of quarters
    draws, seed : of each simulation

    Returns
    -------
    Dataset
        as `scores`, with the day in `run`; and of each forecast `last` and `last_year`, what the metric was in the
        quarter before and a year before; `crps_last`, `crps_last_year`, their absolute errors; `crps_spread`, the score
        of the last value with the spread of its past changes; NaN where the records do not reach back

    Raises
    ------
    SimengineError
        when no day is given, or nothing can be forecast from any of them
    """
    rows: list[tuple[Forecast, _Naive]] = []
    reasons: list[str] = []
    for done, day in enumerate(dates):
        try:
            known = history.cut(day)
            text = plan_text(
                known,
                fit(known, months_back=0),
                name=f"As of {day}",
                currency=currency,
                months=3,
                fiscal_year_start=fiscal_year_start,
                say=lambda words, day=day: reasons.append(f"{day}: {words}"),  # type: ignore[misc]
            )
            rows += _forecasts(history, day, loads(text, f"plan as of {day}"), draws, seed)
        except SimengineError as error:
            reasons.append(f"{day}: {error}")
        if progress is not None:
            progress(done + 1, len(dates))
    if not rows:
        raise SimengineError("\n".join(["nothing can be forecast from these days", *reasons]))
    scored = scores(forecast for forecast, _ in rows)
    actual = scored["actual"].values
    last = np.array([naive.last for _, naive in rows])
    last_year = np.array([naive.last_year for _, naive in rows])
    spread = [
        crps(naive.spread, came) if naive.spread is not None else math.nan
        for (_, naive), came in zip(rows, actual, strict=True)
    ]
    columns = {"last": last, "last_year": last_year}
    columns |= {"crps_last": np.abs(last - actual), "crps_last_year": np.abs(last_year - actual)}
    columns |= {"crps_spread": np.array(spread)}
    made = scored.assign({name: ("forecast", column) for name, column in columns.items()})
    return made.assign_attrs(draws=draws, seed=seed, left_out=reasons)


def _forecasts(history: History, day: date, plan: Plan, draws: int, seed: int) -> Iterator[tuple[Forecast, _Naive]]:
    period = _quarter(_month_of(day) + 1, plan.plan.fiscal_year_start)
    whole = _covered(as_deals(history), plan)
    known = whole.cut(day)
    before = happened(known, plan, period.first - 3 * MOST_BACK, period.first - 1)
    after = happened(whole, plan, period.first, period.last)
    ds = simulate(plan, draws=draws, seed=seed, twins=0, detail="segment")
    for metric in RECORDED:
        unit = OUTPUTS[metric].attributes(plan.plan.currency)["units"]
        for segment, sample, planned in samples(ds, metric, period.label):
            if segment and len(plan.segments) == 1:
                continue  # it is the company
            where = {"segment": segment} if segment else {}
            actual = actual_value(whole, plan, metric, period.label, where, after)
            if math.isfinite(actual) and (np.any(sample) or actual):
                naive = _Naive(np.array(list(_past(known, plan, metric, where, period.first, before))))
                yield Forecast(str(day), metric, period.label, segment, 1, unit, sample, planned, actual), naive


def _covered(history: History, plan: Plan) -> History:
    """Without opportunities of other channels and segments than the plan's: nobody has forecast them."""
    if "opportunities" not in history.tables:
        return history
    deals = history.table("opportunities")
    served = {(name, segment) for name, channel in plan.funnel.channels.items() for segment in channel.segments}
    inside = np.array([cell in served for cell in zip(deals["channel"], deals["segment"], strict=True)], bool)
    return replace(history, tables={**history.tables, "opportunities": deals[inside].reset_index(drop=True)})


def _past(
    known: History, plan: Plan, metric: str, where: dict[str, str], first: int, told: pd.DataFrame
) -> Iterator[float]:
    begun = _begun(known, metric)
    for month in range(first - 3, first - 3 * (MOST_BACK + 1), -3):
        label = fiscal_quarter(month, plan.plan.fiscal_year_start)
        yield actual_value(known, plan, metric, label, where, told) if begun <= month else math.nan


def _begun(known: History, metric: str) -> float:
    """The first month in which the records tell of all that a metric counts."""
    name, column = RECORDED[metric]
    first = known.table(name)[column].min()
    since = known.since.get(name)
    days = [day for day in (first, since) if day is not None and not pd.isna(day)]
    return max((_month_of(day) + (day.day > 1) for day in days), default=math.inf)


def _month_of(day: date) -> int:
    return day.year * MONTHS_PER_YEAR + day.month - 1


def _quarter(month: int, fiscal_year_start: int) -> Period:
    return fiscal_period(fiscal_quarter(month, fiscal_year_start), fiscal_year_start)
