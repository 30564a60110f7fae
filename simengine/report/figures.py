"""Figures that a board reads without help: the title says the finding, labels stand beside what they name.

No statistic is made here; `results.targets` and `explain` make them.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simengine.report.bridge import bridge
from simengine.report.drivers import drivers
from simengine.report.exceedance import exceedance
from simengine.report.facts import headline, target_facts, year_told
from simengine.report.fan import cash, fan
from simengine.report.parts import is_empty, parts
from simengine.report.quadrant import quadrant
from simengine.report.risks import certainty_facts
from simengine.report.tornado import MOST_BARS, tornado
from simengine.report.words import metric_name, what
from simengine.report.year import has_cash, sells_once, years_told

__all__ = ["board", "bridge", "cash", "exceedance", "fan", "left_out", "parts", "tornado"]


def board(ds: xr.Dataset, ranking: xr.Dataset | None, placed: xr.Dataset | None) -> dict[str, Figure]:
    """Every figure that a run allows, by name.

    They are `fan`, `exceedance`, `composition`, `tornado`, `certainty`, `bridge` and `cash`.

    Parameters
    ----------
    ds : result of a run
    ranking : of what the run is about; None where it cannot be ranked
    placed : its shares, from `explain.impact_and_certainty`; None where there is no ranking
    """
    missing = left_out(ds, ranking)
    figures = {"fan": fan(ds)}
    if "exceedance" not in missing:
        figures["exceedance"] = exceedance(ds, headline(ds))
    if "composition" not in missing:
        figures["composition"] = parts(ds)
    if ranking is not None and "tornado" not in missing:
        figures["tornado"] = tornado(ds, ranking)
    if ranking is not None and placed is not None and "certainty" not in missing:
        figures["certainty"] = quadrant(ds, certainty_facts(placed, ranking))
    if "bridge" not in missing:
        figures["bridge"] = bridge(ds, year_told(ds) or "")
    if "cash" not in missing:
        figures["cash"] = cash(ds)
    return figures


def left_out(ds: xr.Dataset, ranking: xr.Dataset | None) -> dict[str, str]:
    """Why figures are not on the board, by name; `ds` and `ranking` as in `board`."""
    reasons = {
        "exceedance": _no_curve(ds),
        "composition": _no_year(ds) or ("there is no ARR left to show" if is_empty(ds) else ""),
        "tornado": _no_tornado(ds, ranking),
        "certainty": _no_shares(ds, ranking),
        "bridge": _no_year(ds),
        "cash": "" if has_cash(ds) else "the plan states no opening cash",
    }
    return {name: reason for name, reason in reasons.items() if reason}


def _no_curve(ds: xr.Dataset) -> str:
    return no_curve(ds, headline(ds)) if ds.sizes["target"] else "the plan has no target"


def no_curve(ds: xr.Dataset, target: str) -> str:
    """Why a target has no exceedance curve; empty where it has one."""
    still = _still(ds["target_value"].sel(target=target).values)
    return f"{what(target_facts(ds, target))} is {still} on every path" if still else ""


def _no_shares(ds: xr.Dataset, ranking: xr.Dataset | None) -> str:
    if ranking is None:
        return "there is no ranking; simengine rank says why"
    if not ranking.sizes["assumption"]:
        return "the plan has no assumptions"
    told = drivers(ranking, ds)
    about = f"{metric_name(told['metric'])} {told['period']}"
    if np.isnan(told["assumptions"][0]["share"]["value"]):
        return f"{about} is {_still(np.array([told['p50']]))} on every path"
    return ""


def _no_tornado(ds: xr.Dataset, ranking: xr.Dataset | None) -> str:
    reason = _no_shares(ds, ranking)
    if reason or ranking is None:
        return reason
    told = drivers(ranking, ds)
    about = f"{metric_name(told['metric'])} {told['period']}"
    for row in told["assumptions"][:MOST_BARS]:
        for end, turn in (("bottom", "lowest"), ("top", "highest")):
            if not np.isfinite(row[f"metric_{end}_fifth"]["value"]):
                return f"{about} is infinite where {row['name']} turns out {turn}"
    return ""


def _no_year(ds: xr.Dataset) -> str:
    if sells_once(ds):
        return "nothing in the plan is a subscription"
    return "" if years_told(ds) else "the plan has no whole fiscal year"


def _still(values: NDArray[np.float64]) -> str:
    """How values do not vary, in a word; empty if they do."""
    if np.isnan(values).all():
        return "undefined"
    if not np.isfinite(values).any():
        return "infinite"
    known = values[np.isfinite(values)]
    return "the same" if np.ptp(known) <= 1e-9 * np.abs(known).max() else ""
