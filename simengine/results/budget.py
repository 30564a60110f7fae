"""What the plan is expected to spend in a period, by team, channel and initiative."""

from __future__ import annotations

import numpy as np
import xarray as xr

from simengine.errors import SimengineError
from simengine.results.targets import months_from_start

_OF_TEAMS = ("people_cost", "recruiting_cost", "commission")


def budget(ds: xr.Dataset, period: str) -> xr.Dataset:
    """Mean spend of a period: people, recruiting and commission by team, programmes by channel, events one by one.

    Parameters
    ----------
    ds : result of a run
    period : fiscal year, quarter or month: FY2027, FY2027-Q3, 2027-03

    Returns
    -------
    Dataset
        `people_cost`, `recruiting_cost`, `commission` along `team` (an empty name: seats without a team),
        `programme_spend` along `channel`, `event_cost` along `event`, all in the plan's currency

    Raises
    ------
    SimengineError
        when there is no such period in the plan
    """
    first, last = months_from_start(ds, period)
    if first < 0:
        raise SimengineError(f"facts do not tell what was spent before {ds.attrs['start']}; choose a later period")
    months = slice(first, last + 1)

    def total(variable: str) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
        monthly = ds[variable].isel(month=months)
        attrs = {key: str(monthly.attrs[key]) for key in ("units", "long_name")}
        return tuple(map(str, monthly.dims[1:])), monthly.values.sum(axis=0), attrs

    variables = {name: total(f"{name}_by_team") for name in _OF_TEAMS}
    variables["programme_spend"] = total("programme_spend_by_channel")
    variables["event_cost"] = total("event_cost")
    coords = {name: ds[name] for name in ("team", "channel", "event", "kind", "event_owner")}
    return xr.Dataset(variables, coords, {"period": period})
