"""What a summary says of events and shocks: how likely, from when on, with what success, at what cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.explain.tornado import fifths
from simengine.report.statistics import Facts, Floats, bounded, proportion, spread
from simengine.results.targets import at, event_success, hits, months_of
from simengine.units import month_label, month_number

SHOCK_UNIT = "standard deviations"
"""In which the mean level of a shock is given; no assumption has it."""


def kinds(ds: xr.Dataset) -> dict[str, str]:
    """What each uncertain entry of a plan is: an assumption, an initiative, a risk or a shock."""
    names = ds["assumption"].values
    found = {
        str(name): "shock" if unit == SHOCK_UNIT else "assumption" for name, unit in zip(names, _units(ds), strict=True)
    }
    return found | {str(name): str(kind) for name, kind in zip(ds["event"].values, ds["kind"].values, strict=True)}


def events(ds: xr.Dataset, year: str | None) -> list[Facts]:
    """Initiatives and risks: that they happen, when, whether with success, and what they cost in a fiscal year."""
    success = event_success(ds)
    reached = hits(ds)
    costs = None if year is None else ds["event_cost"].isel(month=_inside(ds, year)).sum("month")
    found = []
    for name in map(str, ds["event"].values):
        one = at(ds, "event", name)
        happens = _months(ds, name) > 0
        facts: Facts = {"name": name, "kind": str(one["kind"].item()), "owner": str(one["event_owner"].item())}
        facts |= {"happens": proportion(happens), "starts": _starts(ds, name), "plan": _planned(ds, name)}
        facts |= {"success": str(one["success"].item()) or None, "succeeds": None, "succeeds_if_it_happens": None}
        facts["cost"] = None if costs is None else float(costs.sel(event=name))
        if facts["success"]:
            chance = success.sel(event=name)
            facts["succeeds"] = bounded((float(chance["p"]), float(chance["lower"]), float(chance["upper"])))
            if happens.any():
                told = reached.sel(target=facts["success"]).values[happens]
                facts["succeeds_if_it_happens"] = proportion(told)
        found.append(facts)
    return found


def _inside(ds: xr.Dataset, year: str) -> slice:
    first, last = months_of(ds, year)
    return slice(first, last + 1)


def shocks(ds: xr.Dataset) -> list[Facts]:
    """Shocks: their mean level over the plan, in standard deviations of a month."""
    found = []
    for name in [name for name, kind in kinds(ds).items() if kind == "shock"]:
        one = at(ds, "assumption", name)
        found.append({"name": name, "owner": str(one["owner"].item()), **spread(one["assumption_value"].values)})
    return found


def ends(ds: xr.Dataset, name: str) -> tuple[str, str]:
    """What the lowest and the highest fifth of an event are: it never happens or is late, it happens or is early."""
    months = _months(ds, name)
    bottom, top = fifths(months)
    never = months == 0
    low = "never" if never[bottom].all() else "never, late" if never[bottom].any() else "late"
    return low, "happens" if top[~never].all() else "early"


def _months(ds: xr.Dataset, name: str) -> Floats:
    return np.asarray(ds["assumption_value"].sel(assumption=name).values)


def _starts(ds: xr.Dataset, name: str) -> Facts | None:
    """P10, P50 and P90 of the month in which an event starts, where it happens."""
    months = _months(ds, name)
    happens = months > 0
    if not happens.any():
        return None
    begun = ds.sizes["month"] - months[happens]
    return {level: _month(ds, month) for level, month in spread(begun).items()}


def _planned(ds: xr.Dataset, name: str) -> str:
    months = float(ds["plan_value"].sel(assumption=name))
    return _month(ds, ds.sizes["month"] - months) if months > 0 else "never"


def _month(ds: xr.Dataset, since_start: float) -> str:
    return month_label(month_number(ds.attrs["start"]) + round(since_start))


def _units(ds: xr.Dataset) -> NDArray[Any]:
    return np.asarray(ds["unit"].values)
