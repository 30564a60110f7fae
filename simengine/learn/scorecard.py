"""How the year goes: every assumption and key figure, plan against actual, what it is worth, and which alarm rings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.baseline import baseline
from simengine.explain.intervals import Bounded, mean, proportion
from simengine.learn.estimate import LEVEL
from simengine.learn.happened import actual_value, last_day, last_month
from simengine.learn.history import History
from simengine.learn.posterior import Posterior
from simengine.learn.readings import Range, Reading, readings
from simengine.plan.evidence import Trigger
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.results.books import Chart, Ledger
from simengine.results.economics import metric
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import hits, months_from_start
from simengine.units import month_label

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

FIGURES = (
    *("ending_arr", "new_arr", "expansion_arr", "contraction_arr", "churned_arr", "bookings"),
    *("opportunities", "won", "new_customers", "churned_customers", "customers", "headcount", "cash"),
)
"""Key figures of the months past, where the plan has them and the records tell them."""


class Alarm(NamedTuple):
    """A threshold that the plan declared: tripped or not on the last day, surely or not, and since which month."""

    assumption: str
    trigger: Trigger
    reading: Reading | None
    tripped: bool
    surely: bool
    since: str


def scorecard(
    plan: Plan,
    history: History,
    ds: xr.Dataset,
    posterior: Posterior,
    target: Target,
    *,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Each assumption and key figure: plan, belief, actual with its interval, and the effect on a target in its unit.

    The effect is the spreadsheet's: the target's metric with this one assumption at what was read and all others at
    plan values, less the metric at plan values; bounds are those of the reading. It is what the year loses or gains if
    the assumption stays where it was seen.

    Parameters
    ----------
    plan : the plan that was approved
    history : actuals that reach into its months
    ds : a run of it
    posterior : of `learn(plan, history)`: the others stand within its P5 to P95 while one is read
    target : whose metric and period effects are of
    progress : called with (spreadsheets done, spreadsheets in all)

    Returns
    -------
    Dataset
        Along `assumption`: `plan`, `p10`, `p50`, `p90` (belief before), `learned` (posterior median), `actual` with
        `_lower` and `_upper` (90 %, NaN where nothing was read), `effect` with bounds; coordinates unit, owner,
        adverse, what (was read, or why nothing was), n. Along `figure`: `figure_plan`, `figure_p10`, `figure_p90`,
        `figure_actual`, from the plan's start to the last past month; coordinate figure_unit
    """
    read = readings(plan, history, at=_believed(posterior))
    effects = _effects(plan, ds, target, read, progress)
    declared = plan.declared
    names = [name for name in declared if name in plan.assumptions]
    belief = {name: posterior.laws[name].ppf((0.1, 0.5, 0.9)) for name in names}
    blank = Reading(math.nan, math.nan, math.nan, 0, "")
    rows = [read.get(name, blank) for name in names]
    columns = {
        "plan": [declared[name].plan for name in names],
        **{key: [belief[name][k] for name in names] for k, key in enumerate(("p10", "p50", "p90"))},
        "learned": [float(np.median(posterior.column(name))) for name in names],
        "actual": [row.value for row in rows],
        "actual_lower": [row.lower for row in rows],
        "actual_upper": [row.upper for row in rows],
        **{f"effect{end}": [effects.get(name, (math.nan,) * 3)[k] for name in names] for k, end in enumerate(_ENDS)},
    }
    why = [
        row.what or posterior.kept.get(name, posterior.spoken.get(name, ""))
        for name, row in zip(names, rows, strict=True)
    ]
    coords = {
        "assumption": names,
        "unit": ("assumption", [declared[name].unit for name in names]),
        "owner": ("assumption", [declared[name].owner for name in names]),
        "adverse": ("assumption", [declared[name].adverse for name in names]),
        "what": ("assumption", why),
        "n": ("assumption", [row.n for row in rows]),
    }
    made = xr.Dataset({key: ("assumption", np.array(column, float)) for key, column in columns.items()}, coords)
    attrs = {
        "plan_name": plan.plan.name,
        "as_of": str(history.as_of),
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "currency": plan.plan.currency,
        "level": LEVEL,
        "first": month_label(plan.plan.start),
        "last": month_label(last_month(history.as_of)),
    }
    return made.merge(_figures(plan, history, ds)).assign_attrs(attrs)


_ENDS = ("", "_lower", "_upper")


def _believed(posterior: Posterior) -> dict[str, Range]:
    low, middle, high = np.quantile(posterior.values, (0.05, 0.5, 0.95), axis=0).tolist()
    return {name: (low[k], middle[k], high[k]) for k, name in enumerate(posterior.names)}


def _effects(
    plan: Plan, ds: xr.Dataset, target: Target, read: Mapping[str, Reading], progress: Progress | None
) -> dict[str, Bounded]:
    """By what the target's metric changes in the spreadsheet, at the reading and, in proportion, at its bounds."""
    chart, (first, last) = Chart(plan), months_from_start(ds, target.period)

    def worked_out(values: Mapping[str, float]) -> float:
        books = Ledger(plan, baseline(plan, values), chart).books(target.where)
        return float(np.broadcast_to(metric(books, target.metric, first, last), 1)[0])

    planned = plan.planned
    found: dict[str, Bounded] = {}
    base = worked_out(planned)
    for done, (name, reading) in enumerate(read.items(), start=1):
        effect = worked_out({**planned, name: reading.value}) - base
        away = reading.value - planned[name]
        slope = effect / away if away else 0.0
        low, high = sorted(slope * (end - planned[name]) for end in (reading.lower, reading.upper))
        found[name] = effect, low, high
        if progress is not None:
            progress(done, len(read))
    return found


def _figures(plan: Plan, history: History, ds: xr.Dataset) -> xr.Dataset:
    months = last_month(history.as_of) - plan.plan.start + 1
    rows = {}
    for name in FIGURES:
        if name not in ds:
            continue
        stock = OUTPUTS[name].kind == "stock"
        window = slice(months - 1, months) if stock else slice(0, months)
        paths = ds[name].isel(month=window).sum("month").values
        planned = float(ds[f"{name}_baseline"].isel(month=window).sum("month").sel(case="operating plan"))
        actual = _so_far(plan, history, name, stock)
        if math.isfinite(actual) and (np.any(paths) or actual):
            unit = OUTPUTS[name].attributes(plan.plan.currency)["units"]
            rows[name] = (unit, planned, *np.quantile(paths, (0.1, 0.9)).tolist(), actual)
    columns = list(zip(*rows.values(), strict=True)) or [()] * 5
    keys = ("figure_plan", "figure_p10", "figure_p90", "figure_actual")
    values = {key: ("figure", np.array(column, float)) for key, column in zip(keys, columns[1:], strict=True)}
    return xr.Dataset(values, {"figure": list(rows), "figure_unit": ("figure", np.array(columns[0], str))})


def _so_far(plan: Plan, history: History, name: str, stock: bool) -> float:
    first, last = plan.plan.start, last_month(history.as_of)
    months = [last] if stock else range(first, last + 1)
    return math.fsum(actual_value(history, plan, name, month_label(month)) for month in months)


def alarms(plan: Plan, history: History, posterior: Posterior) -> list[Alarm]:
    """Every threshold that the plan declares, held against the actuals at the end of each month past.

    `since` is the first month at whose end, as at every later one, what was read was beyond the line; `surely` where
    the whole 90 % interval of the reading is.
    """
    watched = {name: each.trigger for name, each in plan.assumptions.items() if each.trigger is not None}
    if not watched:
        return []
    held = _believed(posterior)
    ends = [last_day(month).date() for month in range(plan.plan.start, last_month(history.as_of) + 1)]
    monthly = {day: readings(plan, history.cut(day), at=held, names=watched) for day in ends}
    return [_alarm(name, trigger, monthly) for name, trigger in sorted(watched.items())]


def _alarm(name: str, trigger: Trigger, monthly: Mapping[date, Mapping[str, Reading]]) -> Alarm:
    since = ""
    for day, read in monthly.items():
        beyond = name in read and is_beyond(read[name].value, trigger)
        since = (since or f"{day:%Y-%m}") if beyond else ""
    last = [*monthly.values(), {}][max(0, len(monthly) - 1)].get(name)
    surely = last is not None and is_beyond(last.lower, trigger) and is_beyond(last.upper, trigger)
    return Alarm(name, trigger, last, bool(since), surely, since)


def is_beyond(value: float, trigger: Trigger) -> bool:
    """Whether a value is beyond a threshold.

    >>> is_beyond(0.2, Trigger(below=0.25, activate="act")), is_beyond(0.2, Trigger(above=0.25, activate="act"))
    (True, False)
    """
    below, above = trigger.below, trigger.above
    return (below is not None and value < below) or (above is not None and value > above)


def beside(base: xr.Dataset, scenario: xr.Dataset, target: str) -> tuple[Bounded, Bounded, Bounded]:
    """Probability of a target in a base and in a scenario of it, on the same draws, and the paired difference."""
    pair = [hits(ds).sel(target=target).values.astype(np.float64) for ds in (base, scenario)]
    return proportion(pair[0]), proportion(pair[1]), mean(pair[1] - pair[0])
