"""What is asked of a run: a metric over a period, path by path, and whether it reaches a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from simengine.errors import SimengineError
from simengine.explain.intervals import Floats
from simengine.plan.scalars import nearest
from simengine.plan.targets import METRICS
from simengine.results.targets import hits, period_values
from simengine.units import MONTHS_PER_YEAR, fiscal_period, month_label, month_number


@dataclass(frozen=True)
class Question:
    """A metric over a period, path by path, and whether it reaches the target on it, if there is one.

    Twins are nan where a draw has none.
    """

    metric: str
    period: str
    value: Floats
    twin: Floats
    target: str
    hit: Floats
    hit_twin: Floats


def question_of(ds: xr.Dataset, name: str, period: str | None = None) -> Question:
    """What is asked of a run by the name of a target, or of a metric of the whole company over a period.

    Parameters
    ----------
    ds : result of a run
    name, period : as in `explain.rank`

    Raises
    ------
    SimengineError
        when there is no such metric, target or period
    """
    targets = {str(target.item()): target for target in ds["target"]}
    if name in targets and (period is None or name not in METRICS):
        target = targets[name]
        if period not in (None, target["period"].item()):
            metric, its_period = target["metric"].item(), target["period"].item()
            raise SimengineError(f"{name} is a target for {its_period}; leave the period out, or rank {metric}")
        return _on_target(ds, name)
    if name not in METRICS:
        known = nearest(name, [*METRICS, *targets])
        raise SimengineError(f"{name!r} is neither a metric nor a target of this plan; {known}")
    for label, target in targets.items():
        if target["metric"] == name and target["where"] == "" and period in (None, target["period"].item()):
            return _on_target(ds, label)
    period = period or _last_period(ds)
    value = period_values(ds, name, period).values
    twin = period_values(ds, name, period, "_twin").values if _has_twins(ds) else np.empty(0)
    nothing = np.full(len(value), np.nan)
    return Question(name, period, value, _padded(twin, value), "", nothing, nothing)


def _on_target(ds: xr.Dataset, name: str) -> Question:
    one = ds.sel(target=name)
    value, hit = one["target_value"].values, hits(ds).sel(target=name).values.astype(np.float64)
    twin = hit_twin = np.empty(0)
    if _has_twins(ds):
        twin, hit_twin = one["target_value_twin"].values, hits(ds, "_twin").sel(target=name).values.astype(np.float64)
    return Question(
        metric=str(one["metric"].item()),
        period=str(one["period"].item()),
        value=value,
        twin=_padded(twin, value),
        target=name,
        hit=hit,
        hit_twin=_padded(hit_twin, hit),
    )


def _has_twins(ds: xr.Dataset) -> bool:
    return ds.sizes.get("twin", 0) > 0


def _padded(twin: Floats, value: Floats) -> Floats:
    return np.append(twin, np.full(len(value) - len(twin), np.nan))


def _last_period(ds: xr.Dataset) -> str:
    """The last whole fiscal year of the plan, else its last month."""
    first = month_number(str(ds["month"].values[0]))
    last = first + ds.sizes["month"] - 1
    for year in range(last // MONTHS_PER_YEAR + 1, first // MONTHS_PER_YEAR - 1, -1):
        window = fiscal_period(f"FY{year:04d}", int(ds.attrs["fiscal_year_start"]))
        if first <= window.first and window.last <= last:
            return window.label
    return month_label(last)
