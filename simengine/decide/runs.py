"""Runs beside the first of them, as `batch` does with plans."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from simengine.decide.compare import MEASURES, compare
from simengine.errors import SimengineError
from simengine.plan.targets import Target
from simengine.results.targets import months_of, period_values
from simengine.units import fiscal_period, fiscal_quarter

_SAME = ("draws", "seed", "currency", "start", "fiscal_year_start")
_ABOUT = ("plan", "plan_version", "as_of", "currency", "digest_document", "engine_version", "fiscal_year_start")


def compare_runs(runs: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Compare runs of scenarios, on the same draws, with the first.

    Parameters
    ----------
    runs : by scenario, of the same seed and draws

    Returns
    -------
    Dataset
        as from `batch`; targets that not all of them have are left out

    Raises
    ------
    SimengineError
        where runs are not of the same draws, currency or months, or no target is common
    """
    base, first = next(iter(runs.items()))
    faults = [
        f"{name}: {key} is {ds.attrs[key]}, in {base} it is {first.attrs[key]}; simulate both alike"
        for name, ds in runs.items()
        for key in _SAME
        if ds.attrs[key] != first.attrs[key]
    ]
    if faults:
        raise SimengineError("\n".join(faults))
    asked = {name: {_meant(target): target for target in _targets(ds)} for name, ds in runs.items()}
    common = [target for key, target in asked[base].items() if all(key in own for own in asked.values())]
    if not common:
        raise SimengineError("the runs have no target in common; give all plans one with the same name and bound")
    measures = _measures(list(runs.values()), common[0].period)
    columns = {name: _columns(ds, common, measures) for name, ds in runs.items()}
    found = compare(columns, common, measures, currency=first.attrs["currency"])
    names = {target.name for own in asked.values() for target in own.values()} - {target.name for target in common}
    told = {"story": [""] * len(runs), "digest_simulated": [ds.attrs["digest_simulated"] for ds in runs.values()]}
    told["digest_values"] = told["digest_simulated"]
    return found.assign_coords({key: ("scenario", np.array(one, object)) for key, one in told.items()}).assign_attrs(
        {
            **{key: first.attrs[key] for key in _ABOUT},
            "seed": str(first.attrs["seed"]),
            "left_out": "; ".join(f"{name} is not in all scenarios, or not the same" for name in sorted(names)),
            "simulated": 0,
            "kept": len(runs),
        }
    )


def _targets(ds: xr.Dataset) -> list[Target]:
    """The targets of a run, without those that only tell of an event's success."""
    rows = zip(*(ds[key].values.tolist() for key in ("target", "metric", "period", "at_least", "at_most")), strict=True)
    made = []
    for place, (name, metric, period, *bounds) in enumerate(rows):
        labels = filter(None, str(ds["where"].values[place]).split(", "))
        where = {key: value for key, _, value in (label.partition("=") for label in labels)}
        low, high = (None if math.isnan(bound) else bound for bound in bounds)
        if not ds["criterion"].values[place]:
            made.append(
                Target.model_construct(
                    name=name, metric=metric, period=period, where=where, at_least=low, at_most=high, confidence=None
                )
            )
    return made


def _meant(target: Target) -> tuple[object, ...]:
    return target.name, target.metric, target.period, *sorted(target.where.items()), target.at_least, target.at_most


def _measures(runs: Sequence[xr.Dataset], period: str) -> list[Target]:
    """What all runs can tell in amounts, over the fiscal year of a period where they hold it."""
    start = int(runs[0].attrs["fiscal_year_start"])
    year = fiscal_quarter(fiscal_period(period, start).last, start).partition("-")[0]
    return [
        Target.model_construct(name=f"measure {name}", metric=name, period=year, where={}, at_least=0.0, at_most=None)
        for name in MEASURES
        if all(_tells(ds, name, year) for ds in runs)
    ]


def _tells(ds: xr.Dataset, name: str, year: str) -> bool:
    if name == "lowest_cash" and not bool((ds["opening_cash"] != 0).any()):
        return False
    try:
        return bool(months_of(ds, year)) and not np.isnan(period_values(ds, name, year).values).all()
    except SimengineError:
        return False


def _columns(ds: xr.Dataset, targets: Sequence[Target], measures: Sequence[Target]) -> Mapping[str, np.ndarray]:
    values = ds["target_value"]
    return {
        **{target.name: values.sel(target=target.name).values for target in targets},
        **{measure.name: period_values(ds, measure.metric, measure.period).values for measure in measures},
    }
