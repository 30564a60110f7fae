"""What a summary says of a ranking, as plain numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from simengine.report.events import ends, kinds
from simengine.report.statistics import Facts, bounded, estimate

_ABOUT = ("target", "metric", "period", "draws", "draws_left_out", "twins", "statistic", "share_of")
_ESTIMATES = (
    "share",
    "share_from_here",
    "narrowing",
    "alone",
    "metric_bottom_fifth",
    "metric_top_fifth",
    "swing",
    "p_hit_bottom_fifth",
    "p_hit_top_fifth",
    "p_worse_than_plan",
    "rank_correlation",
    "low_alone",
    "high_alone",
)


def drivers(ranking: xr.Dataset, ds: xr.Dataset) -> Facts:
    """A ranking as plain numbers, largest share first.

    Parameters
    ----------
    ranking : from `explain.rank`
    ds : the result that was ranked
    """
    kind = kinds(ds)
    variables = {str(name): v for name, v in ranking.variables.items() if "assumption" in v.dims}
    values = zip(*(variable.values.tolist() for variable in variables.values()), strict=True)
    rows = [_driver(dict(zip(variables, row, strict=True)), kind, ds) for row in values]
    return {
        **{key: ranking.attrs[key] for key in _ABOUT},
        "unit": ranking.attrs["units"],
        **{key: float(ranking[key]) if key in ranking else None for key in ("mean", "p10", "p50", "p90", "p_hit")},
        "random_variation": estimate(ranking, "random_variation"),
        "unattributed": estimate(ranking, "unattributed"),
        "quality": estimate(ranking, "quality"),
        "trusted": bool(ranking["trusted"]),
        "groups": _along(ranking, "group", ("grouping", "members"), ("share", "narrowing")),
        "quarters": _along(ranking, "quarter", (), ("share",)),
        "typical_p_worse_than_plan": _typical(rows),
        "assumptions": rows,
    }


def _along(ranking: xr.Dataset, dim: str, labels: tuple[str, ...], estimates: tuple[str, ...]) -> list[Facts]:
    """What a ranking tells along one of its dimensions, as rows."""
    rows: list[Facts] = []
    for name in ranking[dim].values:
        one = ranking.isel({dim: len(rows)})
        told = {"name": str(name), **{label: one[label].item() for label in labels}}
        rows.append(told | {key: estimate(one, f"{dim}_{key}") for key in estimates})
    return rows


def _typical(rows: list[Facts]) -> float:
    """Median chance that an assumption turns out worse than planned: above one half, plan values are hopeful."""
    chances = [row["p_worse_than_plan"]["value"] for row in rows if row["kind"] == "assumption" and not row["constant"]]
    known = [chance for chance in chances if math.isfinite(chance)]
    return float(np.median(known)) if known else math.nan


def _driver(row: dict[str, Any], kind: dict[str, str], ds: xr.Dataset) -> Facts:
    name, varies = row["assumption"], not row["constant"]
    low, high = ends(ds, name) if kind[name] in ("initiative", "risk") and varies else (None, None)
    return {
        "name": name,
        "kind": kind[name],
        **{key: bounded((row[key], row[f"{key}_lower"], row[f"{key}_upper"])) for key in _ESTIMATES if key in row},
        "distinguishable": row["distinguishable"],
        "constant": not varies,
        **{flag: row[flag] for flag in ("disagrees", "borrows", "bends", "joins")},
        **{key: row[key] for key in ("rank_group", "source_kind", "owner", "adverse", "unit", "plan_value")},
        "bottom_fifth_is": low,
        "top_fifth_is": high,
    }
