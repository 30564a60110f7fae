"""Figures that a board reads without help: the title says the finding, labels stand beside what they name.

No statistic is made here; `results.targets` and `explain` make them.
"""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from simengine.report.bridge import bridge
from simengine.report.exceedance import exceedance
from simengine.report.facts import sells_once, whole_periods
from simengine.report.fan import fan
from simengine.report.tornado import tornado

__all__ = ["board", "bridge", "exceedance", "fan", "tornado"]


def board(ds: xr.Dataset, ranking: xr.Dataset | None) -> dict[str, Figure]:
    """Every figure that a run allows, by name: `fan`, `exceedance`, `tornado`, `bridge`.

    Parameters
    ----------
    ds : result of a run
    ranking : of what the run is about; None where it cannot be ranked
    """
    figures = {"fan": fan(ds)}
    if ds.sizes["target"]:
        figures["exceedance"] = exceedance(ds, str(ds["target"].values[0]))
    if ranking is not None and ranking.sizes["assumption"]:
        figures["tornado"] = tornado(ds, ranking)
    years = whole_periods(ds, "FY{year}")
    if years and not sells_once(ds):
        figures["bridge"] = bridge(ds, years[0])
    return figures
