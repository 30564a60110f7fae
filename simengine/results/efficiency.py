"""What a new customer costs, and is worth, by channel and by segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from simengine.errors import SimengineError
from simengine.results.outputs import stored
from simengine.results.targets import LEVEL, at, quantile_intervals


def efficiency(
    ds: xr.Dataset, year: str, along: Literal["channel", "segment"], levels: Sequence[float] = (0.1, 0.5, 0.9)
) -> xr.Dataset:
    """New-logo CAC ratio, CAC payback and LTV:CAC of a fiscal year by channel or segment, as quantiles over paths.

    Parameters
    ----------
    ds : result of a run
    year : a whole fiscal year of the plan, like FY2027
    along : "channel" or "segment"
    levels : probabilities

    Returns
    -------
    Dataset
        `cac_new_logo`, `cac_payback`, `ltv_cac` along (`along`, quantile), each with `_lower` and `_upper`, its 95 %
        interval. A quantile is infinite where so many paths spend and win nothing, NaN where one of them does neither.

    Raises
    ------
    SimengineError
        when the year does not lie in the plan
    """
    chosen = of_year(ds, year)
    variables = {}
    for name in stored("of_channel"):
        values = chosen[f"{name}_of_{along}"]
        found = np.array([_intervals(column, levels) for column in values.values.T])
        found = found.reshape(values.sizes[along], len(levels), 3)
        for i, suffix in enumerate(("", "_lower", "_upper")):
            variables[name + suffix] = (along, "quantile"), found[:, :, i], values.attrs
    coords = {along: ds[along].values, "quantile": list(levels)}
    return xr.Dataset(variables, coords, {"period": year, "draws": ds.sizes["draw"], "level": LEVEL})


def of_year(ds: xr.Dataset, year: str) -> xr.Dataset:
    """What is known of a whole fiscal year; raises SimengineError where the plan has no such year."""
    years = [str(name) for name in ds["year"].values]
    if year not in years:
        raise SimengineError(f"{year!r} is not a whole fiscal year of this plan; it has {', '.join(years) or 'none'}")
    return at(ds, "year", year)


def _intervals(values: np.ndarray, levels: Sequence[float]) -> list[tuple[float, float, float]]:
    return quantile_intervals(values, levels) if not np.isnan(values).any() else [(np.nan,) * 3] * len(levels)
