"""Plain numbers of a result: an estimate with its interval, P10, P50 and P90 of an amount.

No statistic is made here; `results.targets` and `explain` make them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.explain import intervals
from simengine.results.targets import inside_values, levels_of, told_values

Facts = dict[str, Any]
Floats = NDArray[np.float64]


def bounded(numbers: tuple[float, float, float]) -> Facts:
    """An estimate and its 95 % interval."""
    return dict(zip(("value", "lower", "upper"), numbers, strict=True))


def estimate(ds: xr.Dataset, name: str) -> Facts:
    """An estimate of a dataset, with `_lower` and `_upper`."""
    return bounded((float(ds[name]), float(ds[f"{name}_lower"]), float(ds[f"{name}_upper"])))


def proportion(hits: NDArray[np.bool_]) -> Facts:
    """How often something is true, with its interval."""
    return bounded(intervals.proportion(hits.astype(np.float64)))


def spread(values: Floats) -> Facts:
    """P10, P50 and P90."""
    return dict(zip(("p10", "p50", "p90"), levels_of(values, (0.1, 0.5, 0.9)), strict=True))


def spread_of(ds: xr.Dataset, metric: str, period: str) -> Facts:
    """P10, P50 and P90 of a metric over a period, and what the operating plan has."""
    return {**spread(told_values(ds, metric, period).values), "operating_plan": planned(ds, metric, period)}


def planned(ds: xr.Dataset, metric: str, period: str) -> float:
    """A metric of a period in the operating plan."""
    return float(told_values(ds, metric, period, "_baseline").sel(case="operating plan"))


def amount(ds: xr.Dataset, name: str, period: str) -> Facts:
    """A flow or stock of a period, of its months inside the plan: its mean too, for it is no ratio."""
    values = inside_values(ds, name, period).values
    return {
        "name": name,
        "mean": intervals.mean(values)[0],
        **spread(values),
        "operating_plan": float(inside_values(ds, name, period, "_baseline").sel(case="operating plan")),
    }


def measured(ds: xr.Dataset, metric: str, period: str) -> Facts:
    """A metric of a period in its unit, and the period as it was told; metrics that may be ratios have no mean."""
    values = told_values(ds, metric, period)
    levels = {**spread(values.values), "operating_plan": planned(ds, metric, period)}
    return {"metric": metric, "unit": values.attrs["units"], "period": values.attrs["period"], **levels}
