"""What a summary says, as plain numbers: the terminal formats them, `--json` prints them as they are.

docs/cli.md lists the keys.

No statistic is made here; `results.targets` and `explain` make them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from simengine.explain.intervals import mean
from simengine.report.events import events, shocks
from simengine.report.statistics import Facts, bounded, estimate, spread
from simengine.report.year import (
    cash,
    composition,
    coverage,
    made_of,
    quarters,
    quotas,
    ratios,
    sells_once,
    years_told,
)
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import as_misses, at, every_path, hit_probability, quantile_interval, shortfall
from simengine.units import fiscal_period, fiscal_quarter

SAFE = 0.8
"""Confidence of the commit number."""
_RUN = ("draws", "twins", "seed", "detail", "source_policy", "digest_simulated", "digest_document", "engine_version")


def facts(ds: xr.Dataset) -> Facts:
    """Everything that a summary tells of a run, without its ranking, in the order in which it is told."""
    first = year_told(ds)
    chances = hit_probability(ds, every_path(ds))
    targets = targets_facts(ds, [str(name) for name in ds["target"].values])
    return {
        "plan": {
            "name": ds.attrs["plan"],
            "version": ds.attrs["plan_version"],
            "as_of": ds.attrs["as_of"],
            "currency": ds.attrs["currency"],
        },
        "targets": targets,
        "joint": _joint(ds, chances),
        "composition": composition(ds, first) if first else None,
        "made_of": made_of(ds, first) if first else None,
        "events": events(ds, first),
        "shocks": shocks(ds),
        "quarters": quarters(ds),
        "coverage": coverage(ds),
        "cash": cash(ds, years_told(ds)),
        "quotas": quotas(ds, first) if first else [],
        "ratios": ratios(ds, first) if first else [],
        "run": {key: ds.attrs[key] for key in _RUN},
    }


def headline(ds: xr.Dataset) -> str:
    """What the run is about: its first target; without one ARR, or bookings where there is no ARR.

    A target that only tells whether an event was a success counts where there is no other.
    """
    if ds.sizes["target"]:
        return str(ds["target"].values[np.argmin(ds["criterion"].values)])
    return "bookings" if sells_once(ds) else "ending_arr"


def year_told(ds: xr.Dataset) -> str | None:
    """The fiscal year of which a run is told: that of its headline, where the plan and its facts hold all of it.

    Else the first that they hold; None where they hold none.
    """
    years = years_told(ds)
    if ds.sizes["target"]:
        starts, period = int(ds.attrs["fiscal_year_start"]), str(at(ds, "target", headline(ds))["period"].item())
        year = fiscal_quarter(fiscal_period(period, starts).first, starts).partition("-")[0]
        if year in years:
            return year
    return years[0] if years else None


def target_facts(ds: xr.Dataset, name: str, confidence: float = SAFE) -> Facts:
    """How likely a target is, what is safe with a confidence, and what stands beside it."""
    return targets_facts(ds, [name], confidence)[0]


def targets_facts(ds: xr.Dataset, names: Sequence[str], confidence: float = SAFE) -> list[Facts]:
    """Facts of several targets, each as `target_facts`."""
    if not names:
        return []
    chances, stated = hit_probability(ds, every_path(ds)), hit_probability(ds, "_unwidened")
    return [_target(ds, name, chances, stated, confidence) for name in names]


def _target(ds: xr.Dataset, name: str, chances: xr.Dataset, stated: xr.Dataset, safe: float = SAFE) -> Facts:
    """A target's facts, from the chances of all targets with and without the source policy."""
    one = at(ds, "target", name)
    output = OUTPUTS[str(one["metric"].item())]
    at_least = not math.isnan(float(one["at_least"]))
    paths, cases = one[f"target_value{every_path(ds)}"].values, one["target_value_baseline"]
    values = as_misses(paths, at_least=at_least)
    missing = shortfall(ds, name)
    return {
        "name": name,
        "metric": output.name,
        "unit": output.attributes(ds.attrs["currency"])["units"],
        "period": str(one["period"].item()),
        "where": str(one["where"].item()),
        "at_least": float(one["at_least"]),
        "at_most": float(one["at_most"]),
        "confidence": float(one["confidence"]),
        "criterion": bool(one["criterion"]),
        "probability": _probability(chances, name),
        "probability_without_source_policy": _probability(stated, name),
        "undefined": int(np.isnan(paths).sum()),
        "commit": {"confidence": safe, **bounded(quantile_interval(values, 1 - safe if at_least else safe))},
        **spread(values),
        "mean": None if output.kind == "ratio" else mean(values)[0],
        "operating_plan": float(cases.sel(case="operating plan")),
        "central_case": float(cases.sel(case="medians")),
        "shortfall": {
            "mean": float(missing["mean"]),
            "standard_error": float(missing["standard_error"]),
            "misses": int(missing["misses"]),
        },
    }


def bound(target: Facts) -> float:
    """The number that a target asks for."""
    return float(target["at_least"] if math.isfinite(target["at_least"]) else target["at_most"])


def _probability(chances: xr.Dataset, name: str) -> Facts:
    one = chances[["p", "lower", "upper"]].sel(target=name)
    return bounded((float(one["p"]), float(one["lower"]), float(one["upper"])))


def _joint(ds: xr.Dataset, chances: xr.Dataset) -> Facts | None:
    """All targets on the same path; those that only tell of an event's success are not among them."""
    return estimate(chances, "joint") if (~ds["criterion"].values).sum() > 1 else None
