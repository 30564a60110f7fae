"""What a summary says of the plan's years: what they are made of, quarters, pipeline, cash, quotas, ratios."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from simengine.errors import SimengineError
from simengine.explain.intervals import mean
from simengine.report.statistics import Facts, amount, measured, proportion, spread, spread_of
from simengine.results.composition import composition_since_start
from simengine.results.efficiency import of_year
from simengine.results.pipeline import QUARTER, pipeline_coverage
from simengine.results.targets import is_told, months_from_start, period_values, since_start
from simengine.units import MONTHS_PER_YEAR, fiscal_period, fiscal_quarter, month_number

BRIDGE = ("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr")
LOSSES = frozenset({"contraction_arr", "churned_arr"})
NOT_CREATED = ("existing people", "hires", "without a seller")
"""Parts of a year that come from pipeline which does not exist when the plan starts."""

_RETENTION = ("nrr", "grr")
_RATIOS = (*_RETENTION, "cac_new_logo", "cac_blended", "cac_payback", "ltv_cac", "magic_number", "sm_share")
_CASH = ("lowest_cash", "runway", "burn_multiple")
_SEATS = ("at_quota", "near_quota", "below_half")


def sells_once(ds: xr.Dataset) -> bool:
    """Whether nothing in the plan is a subscription: bookings tell the story then, and there is no ARR."""
    return not bool((ds["ending_arr"] != 0).any())


def has_cash(ds: xr.Dataset) -> bool:
    """Whether the plan states what cash there is; without it cash by month is a sum of changes."""
    return bool((ds["opening_cash"] != 0).any())


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


def years_told(ds: xr.Dataset) -> list[str]:
    """Fiscal years that the plan and the facts before it hold, in order: the first may have begun before the plan."""
    begun = fiscal_quarter(month_number(ds.attrs["start"]), int(ds.attrs["fiscal_year_start"])).partition("-")[0]
    whole = whole_periods(ds, "FY{year}")
    try:
        months_from_start(ds, begun)
    except SimengineError:
        return whole
    return [*dict.fromkeys([begun, *whole])]


def composition(ds: xr.Dataset, year: str) -> Facts | None:
    """What ending ARR of a fiscal year is made of, the most certain first; None where there is no ARR.

    The means of the parts add up to that of the whole; their quantiles do not. Of a year that has begun before the
    plan it is told as of the plan's start.
    """
    if sells_once(ds):
        return None
    if year in ds["year"].values:
        paths, planned = of_year(ds, year)["composition"], of_year(ds, year)["composition_baseline"]
    else:
        paths, planned = composition_since_start(ds, year), composition_since_start(ds, year, "_baseline")
    parts = [
        {
            "name": str(part),
            "mean": mean(values)[0],
            **spread(values),
            "operating_plan": float(planned.sel(case="operating plan", part=part)),
        }
        for part, values in zip(paths["part"].values, paths.values.T, strict=True)
    ]
    created_later = paths.sel(part=list(NOT_CREATED)).values.sum(axis=1)
    return {
        "period": year,
        "since": str(ds.attrs["start"]) if months_from_start(ds, year)[0] < 0 else "",
        "parts": parts,
        "not_created": {"mean": mean(created_later)[0], **spread(created_later)},
        "total": amount(ds, "ending_arr", year),
    }


def made_of(ds: xr.Dataset, period: str) -> Facts:
    """The ARR bridge of a period, or its bookings where nothing is a subscription; from the plan's start if later."""
    before = months_from_start(ds, period)[0] - 1
    names = ("one_off_bookings",) if sells_once(ds) else BRIDGE
    bridge: Facts = {"period": since_start(ds, period), "flows": [amount(ds, name, period) for name in names]}
    if not sells_once(ds):
        opening = (
            ds["ending_arr"].isel(month=before).values if before >= 0 else np.array([float(ds["opening_arr"].sum())])
        )
        bridge |= {"opening": {"name": "opening_arr", "mean": mean(opening)[0], **spread(opening)}}
        bridge |= {"closing": amount(ds, "ending_arr", period)}
    return bridge


def quarters(ds: xr.Dataset) -> Facts:
    """Net new ARR (or bookings) by whole fiscal quarter, and the chance of what the operating plan has."""
    metric = "bookings" if sells_once(ds) else "net_new_arr"
    found = []
    for period in whole_periods(ds, "FY{year}-Q{quarter}"):
        levels = spread_of(ds, metric, period)
        reached = period_values(ds, metric, period).values >= levels["operating_plan"]
        found.append({"period": period, **levels, "probability_of_operating_plan": proportion(reached)})
    return {"metric": metric, "quarters": found}


def coverage(ds: xr.Dataset) -> Facts | None:
    """Pipeline when the plan starts against the bookings of three months, and what is needed.

    None where there is no pipeline to compare, or the plan has no three months.
    """
    if ds.sizes["month"] < QUARTER or not (ds["opening_pipeline"] > 0).any():
        return None
    found = pipeline_coverage(ds, levels=(0.1, 0.5, 0.9))
    now = found.isel(month=0)
    levels = zip(("p10", "p50", "p90"), now["coverage"].values.tolist(), strict=True)
    segments = zip(
        found["segment"].values,
        now["by_segment"].values.tolist(),
        now["needed_by_segment"].values.tolist(),
        strict=True,
    )
    return {
        "months": QUARTER,
        **dict(levels),
        "needed": float(found["needed"]),
        "segments": [{"name": str(name), "coverage": has, "needed": needed} for name, has, needed in segments],
    }


def cash(ds: xr.Dataset, years: list[str]) -> list[Facts]:
    """Lowest cash, runway and burn multiple of each year, and the rule of 40 where there is a year before it."""
    if not has_cash(ds):
        return []
    found = [measured(ds, name, year) for year in years for name in _CASH]
    start = month_number(ds.attrs["start"])
    grown = [
        year
        for year in years
        if fiscal_period(year, int(ds.attrs["fiscal_year_start"])).first >= start + MONTHS_PER_YEAR
    ]
    return found + [measured(ds, "rule_of_40", year) for year in grown]


def quotas(ds: xr.Dataset, year: str) -> list[Facts]:
    """Quotas, attainment, and shares of seats by attainment; the operating plan knows no single seat."""
    if not (ds["quota"] != 0).any():
        return []
    seats = [{**measured(ds, name, year), "operating_plan": math.nan} for name in _SEATS]
    return [measured(ds, "quota", year), measured(ds, "attainment", year), *seats]


def ratios(ds: xr.Dataset, year: str) -> list[Facts]:
    """Quantiles of the ratios of a period; those that are undefined in most paths are left out.

    Without a subscription there is no ARR to retain or acquire, without costs no spend to compare with.
    """
    names: tuple[str, ...] = ("sm_share",) if sells_once(ds) else _RATIOS
    if not (ds["sm_spend"] != 0).any():
        names = tuple(name for name in names if name in _RETENTION)
    found = [measured(ds, name, year) for name in names if is_told(ds, name, year)]
    return [ratio for ratio in found if math.isfinite(ratio["p50"])]
