"""Pipeline coverage: what is open against what is to be booked, and how much is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from simengine.results.paths import Array
from simengine.results.targets import LEVEL, quantile_intervals

QUARTER = 3
"""Months that a month's pipeline is compared with."""


def pipeline_coverage(ds: xr.Dataset, levels: Sequence[float] = (0.1, 0.5, 0.9)) -> xr.Dataset:
    """Pipeline at the beginning of each month against the bookings of three months from then on, and what is needed.

    Needed is 1 / win rate, as deals turned out over the plan: (won + lost) / won.

    Parameters
    ----------
    ds : result of a run
    levels : probabilities

    Returns
    -------
    Dataset
        `coverage`, `lower`, `upper` (month, quantile): of the company, path by path, with 95 % intervals; the last
        months, without three more to compare with, are left out. `by_segment` (month, segment) and `needed_by_segment`
        (segment) are ratios of means; `needed` is that of the company.
    """
    months = max(0, ds.sizes["month"] - QUARTER + 1)
    opening = ds["opening_pipeline"].values[:, None]
    now = np.concatenate((opening, ds["pipeline"].values[:, :-1]), axis=1)[:, :months]
    with np.errstate(divide="ignore", invalid="ignore"):
        coverage = now / _ahead(ds["bookings"].values)
        found = np.array([quantile_intervals(coverage[:, t], levels) for t in range(months)])
        found = found.reshape(months, len(levels), 3)
        segments = _of_segments(ds)
    columns = {
        name: (("month", "quantile"), found[:, :, i], {"units": "factor"})
        for i, name in enumerate(("coverage", "lower", "upper"))
    }
    coords = {"month": ds["month"].values[:months], "quantile": list(levels), "segment": ds["segment"].values}
    return xr.Dataset({**columns, **segments}, coords, {"draws": ds.sizes["draw"], "level": LEVEL})


def _ahead(monthly: Array) -> Array:
    """Sums of three months from each month on; months are the last axis."""
    count = max(0, monthly.shape[-1] - QUARTER + 1)
    return np.asarray(sum(monthly[..., t : t + count] for t in range(QUARTER)))


def _of_segments(ds: xr.Dataset) -> dict[str, tuple[tuple[str, ...], Array, dict[str, str]]]:
    def mean(name: str) -> Array:
        values = ds[f"{name}_by_segment"]
        return np.asarray((values.mean("draw") if "draw" in values.dims else values).values)

    won, lost, units = mean("won"), mean("lost"), {"units": "factor"}
    bookings = (mean("new_arr") + mean("one_off_bookings")).T
    at_start = ds["opening_pipeline_by_segment"].values[:, None]
    now = np.concatenate((at_start, mean("pipeline").T[:, :-1]), axis=1)
    count = max(0, now.shape[1] - QUARTER + 1)
    return {
        "by_segment": (("month", "segment"), (now[:, :count] / _ahead(bookings)).T, units),
        "needed_by_segment": (("segment",), (won + lost).sum(axis=0) / won.sum(axis=0), units),
        "needed": ((), np.asarray((won + lost).sum() / won.sum()), units),
    }
