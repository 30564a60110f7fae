"""What a summary says, as plain numbers: the terminal formats them, `--json` prints them as they are.

docs/cli.md lists the keys.

No statistic is made here; `results.targets` and `explain` make them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from simengine.explain.intervals import mean
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import as_misses, hit_probability, period_values, quantile_interval, shortfall
from simengine.units import MONTHS_PER_YEAR, fiscal_period, month_number

Facts = dict[str, Any]

SAFE = 0.8
"""Confidence of the commit number."""
BRIDGE = ("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr")
LOSSES = frozenset({"contraction_arr", "churned_arr"})
RETENTION = ("nrr", "grr")
RATIOS = (*RETENTION, "cac_new_logo", "cac_blended", "cac_payback", "ltv_cac", "magic_number", "sm_share")
_RUN = ("draws", "twins", "seed", "detail", "source_policy", "digest_simulated", "digest_document", "engine_version")


def facts(ds: xr.Dataset) -> Facts:
    """Everything that a summary tells of a run, without its ranking, in the order in which it is told."""
    years = whole_periods(ds, "FY{year}")
    return {
        "plan": {
            "name": ds.attrs["plan"],
            "version": ds.attrs["plan_version"],
            "as_of": ds.attrs["as_of"],
            "currency": ds.attrs["currency"],
        },
        "targets": [target_facts(ds, str(name)) for name in ds["target"].values],
        "joint": _joint(ds),
        "made_of": made_of(ds, years[0]) if years else None,
        "quarters": quarters(ds),
        "ratios": ratios(ds, years[0]) if years else [],
        "run": {key: ds.attrs[key] for key in _RUN},
    }


def sells_once(ds: xr.Dataset) -> bool:
    """Whether nothing in the plan is a subscription: bookings tell the story then, and there is no ARR."""
    return not bool((ds["ending_arr"] != 0).any())


def headline(ds: xr.Dataset) -> str:
    """What the run is about: its first target; without one ARR, or bookings where there is no ARR."""
    if ds.sizes["target"]:
        return str(ds["target"].values[0])
    return "bookings" if sells_once(ds) else "ending_arr"


def whole_periods(ds: xr.Dataset, pattern: str) -> list[str]:
    """Fiscal periods that lie inside the plan, in order; `pattern` is FY{year} or FY{year}-Q{quarter}."""
    first = month_number(ds.attrs["start"])
    last = first + ds.sizes["month"] - 1
    names = dict.fromkeys(
        pattern.format(year=year, quarter=quarter)
        for year in range(first // MONTHS_PER_YEAR, last // MONTHS_PER_YEAR + 2)
        for quarter in range(1, 5)
    )
    inside = (fiscal_period(name, int(ds.attrs["fiscal_year_start"])) for name in names)
    return [period.label for period in inside if first <= period.first and period.last <= last]


def target_facts(ds: xr.Dataset, name: str) -> Facts:
    """How likely a target is, what is safe, and what stands beside it."""
    one = ds.sel(target=name)
    output = OUTPUTS[str(one["metric"].item())]
    at_least = not math.isnan(float(one["at_least"]))
    values, cases = as_misses(one["target_value"].values, at_least=at_least), one["target_value_baseline"]
    missing = shortfall(ds, name)
    return {
        "name": name,
        "metric": output.name,
        "unit": ds.attrs["currency"] if output.unit == "currency" else output.unit,
        "period": str(one["period"].item()),
        "where": str(one["where"].item()),
        "at_least": float(one["at_least"]),
        "at_most": float(one["at_most"]),
        "confidence": float(one["confidence"]),
        "probability": _probability(ds, name, ""),
        "probability_without_source_policy": _probability(ds, name, "_unwidened"),
        "undefined": int(np.isnan(one["target_value"].values).sum()),
        "commit": {"confidence": SAFE, **_bounded(quantile_interval(values, 1 - SAFE if at_least else SAFE))},
        **_spread(values),
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


def made_of(ds: xr.Dataset, period: str) -> Facts:
    """The ARR bridge of a period, or its bookings where nothing is a subscription."""
    months = fiscal_period(period, int(ds.attrs["fiscal_year_start"]))
    before = months.first - month_number(ds.attrs["start"]) - 1
    flows = ("one_off_bookings",) if sells_once(ds) else BRIDGE
    bridge: Facts = {"period": period, "flows": [_amount(ds, name, period) for name in flows]}
    if not sells_once(ds):
        opening = (
            ds["ending_arr"].isel(month=before).values if before >= 0 else np.array([float(ds["opening_arr"].sum())])
        )
        bridge |= {"opening": {"name": "opening_arr", "mean": mean(opening)[0], **_spread(opening)}}
        bridge |= {"closing": _amount(ds, "ending_arr", period)}
    return bridge


def quarters(ds: xr.Dataset) -> Facts:
    """Net new ARR (or bookings) by whole fiscal quarter."""
    metric = "bookings" if sells_once(ds) else "net_new_arr"
    periods = whole_periods(ds, "FY{year}-Q{quarter}")
    return {"metric": metric, "quarters": [{"period": period, **_spread_of(ds, metric, period)} for period in periods]}


def ratios(ds: xr.Dataset, period: str) -> list[Facts]:
    """Quantiles of the ratios of a period; those that are undefined in most paths are left out.

    Without a subscription there is no ARR to retain or acquire, without costs no spend to compare with.
    """
    names: tuple[str, ...] = ("sm_share",) if sells_once(ds) else RATIOS
    if not (ds["sm_spend"] != 0).any():
        names = tuple(name for name in names if name in RETENTION)
    found = [
        {"metric": name, "unit": OUTPUTS[name].unit, "period": period, **_spread_of(ds, name, period)} for name in names
    ]
    return [ratio for ratio in found if math.isfinite(ratio["p50"])]


def drivers(ranking: xr.Dataset) -> Facts:
    """A ranking as plain numbers, largest share first."""
    return {
        **{
            key: ranking.attrs[key]
            for key in ("target", "metric", "period", "draws", "draws_left_out", "twins", "statistic", "share_of")
        },
        "unit": ranking.attrs["units"],
        **{key: float(ranking[key]) if key in ranking else None for key in ("mean", "p10", "p50", "p90", "p_hit")},
        "random_variation": _estimate(ranking, "random_variation"),
        "remainder": _estimate(ranking, "remainder"),
        "by_source": _by_source(ranking),
        "assumptions": [_driver(ranking.isel(assumption=i)) for i in range(ranking.sizes["assumption"])],
    }


def _by_source(ranking: xr.Dataset) -> Facts:
    """Weight of each kind of source in the shares of the assumptions that can be told from zero."""
    share = ranking["share"].where(ranking["distinguishable"], 0.0)
    kinds = sorted(set(ranking["source_kind"].values[ranking["distinguishable"].values]))
    return {str(kind): float(share.where(ranking["source_kind"] == kind, 0.0).sum() / share.sum()) for kind in kinds}


def _driver(row: xr.Dataset) -> Facts:
    estimates = (
        "share",
        "metric_bottom_fifth",
        "metric_top_fifth",
        "swing",
        "p_hit_bottom_fifth",
        "p_hit_top_fifth",
        "p_worse_than_plan",
    )
    return {
        "name": str(row["assumption"].item()),
        **{name: _estimate(row, name) for name in estimates if name in row},
        "distinguishable": bool(row["distinguishable"]),
        "rank_group": int(row["rank_group"]),
        **{key: str(row[key].item()) for key in ("source_kind", "owner", "adverse", "unit")},
        "plan_value": float(row["plan_value"]),
    }


def _estimate(ds: xr.Dataset, name: str) -> Facts:
    return _bounded((float(ds[name]), float(ds[f"{name}_lower"]), float(ds[f"{name}_upper"])))


def _bounded(numbers: tuple[float, float, float]) -> Facts:
    return dict(zip(("value", "lower", "upper"), numbers, strict=True))


def _probability(ds: xr.Dataset, name: str, suffix: Any) -> Facts:
    one = hit_probability(ds, suffix).sel(target=name)
    return _bounded((float(one["p"]), float(one["lower"]), float(one["upper"])))


def _joint(ds: xr.Dataset) -> Facts | None:
    if ds.sizes["target"] < 2:
        return None
    return _estimate(hit_probability(ds), "joint")


def _spread(values: np.ndarray[Any, np.dtype[np.float64]]) -> Facts:
    return {f"p{level}": quantile_interval(values, level / 100)[0] for level in (10, 50, 90)}


def _spread_of(ds: xr.Dataset, metric: str, period: str) -> Facts:
    planned = period_values(ds, metric, period, "_baseline").sel(case="operating plan")
    return {**_spread(period_values(ds, metric, period).values), "operating_plan": float(planned)}


def _amount(ds: xr.Dataset, name: str, period: str) -> Facts:
    return {"name": name, "mean": mean(period_values(ds, name, period).values)[0], **_spread_of(ds, name, period)}
