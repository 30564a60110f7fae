"""What a year is made of: ending ARR by how certain it is when the year begins (docs/model.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from simengine.results.books import Ledger
from simengine.results.efficiency import of_year
from simengine.results.outputs import PATH_DIMS, PathSuffix
from simengine.results.paths import Array, added
from simengine.results.targets import LEVEL, months_of, quantile_intervals

PARTS = (
    "base under contract",
    "base after renewal",
    "opening pipeline",
    "existing people",
    "hires",
    "without a seller",
    "expansion",
)
"""The parts of ending ARR, the most certain first."""

_NEW = ("new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller")


def composition_of(ledger: Ledger, first: int, last: int) -> Array:
    """Ending ARR of the months `first` to `last` by part, (draw, part); the parts add up to it.

    Under contract is ARR at the beginning whose term does not end in the period. For a period that begins with the
    plan that is known; later on it is what each segment has beyond the ATR of the period, which holds some expansion
    and price of the period, so that it is rather too low. The rest is kept less churn and contraction, with price
    increases. New ARR is of the period: the opening pipeline of the
    plan, and what did not exist when the plan started, by who sells it.
    """
    company = ledger.books()
    opening = company.before("ending_arr", first)
    contracted = _under_contract(ledger, first, last)
    lost = company.over("contraction_arr", first, last) + company.over("churned_arr", first, last)
    renewed = opening - contracted + company.over("price_arr", first, last) - lost
    new = [company.over(name, first, last) for name in _NEW]
    return np.stack([contracted, renewed, *new, company.over("expansion_arr", first, last)], axis=1)


def _under_contract(ledger: Ledger, first: int, last: int) -> Array:
    if first == 0:
        known = math.fsum(arr for due, arr in ledger.chart.bills if due > last)
        return np.full(ledger.shape[:1], known)
    of_segments = [ledger.books({"segment": name}) for name in ledger.chart.segments]
    return added(
        (np.maximum(0.0, books.before("ending_arr", first) - books.over("atr", first, last)) for books in of_segments),
        ledger.shape[:1],
    )


def composition_since_start(ds: xr.Dataset, year: str, suffix: PathSuffix = "") -> xr.DataArray:
    """What ending ARR of a fiscal year that has begun before the plan is made of, seen from the plan's start.

    The parts are those of `composition_of` for the months of the year inside the plan, and add up to ending ARR.
    A result does not keep when terms end: under contract is what each segment has beyond the mean ATR of these
    months, which holds some expansion and price of theirs, so that it is rather too low.

    Parameters
    ----------
    ds : result of a run
    year : a fiscal year that ends inside the plan
    suffix : "" gives it along `draw`, "_baseline" along `case`

    Returns
    -------
    DataArray
        (draw or case, part), in the plan's currency

    Raises
    ------
    SimengineError
        when the year is not inside the plan and its facts, or is over
    """
    inside, dim = slice(0, months_of(ds, year)[1] + 1), PATH_DIMS[suffix]

    def over(name: str) -> Array:
        return np.asarray(ds[name + suffix].isel(month=inside).sum("month").values)

    due = ds["atr_by_segment"].isel(month=inside).sum("month")
    due = due.mean("draw") if "draw" in due.dims else due
    opening = ds["opening_arr"]
    contracted = float(np.maximum(0.0, opening - due).sum())
    lost = over("contraction_arr") + over("churned_arr")
    renewed = float(opening.sum()) - contracted + over("price_arr") - lost
    columns = [np.full(renewed.shape, contracted), renewed, *map(over, _NEW), over("expansion_arr")]
    attrs = {"units": ds.attrs["currency"], "period": year}
    return xr.DataArray(np.stack(columns, axis=1), {dim: ds[dim], "part": list(PARTS)}, [dim, "part"], attrs=attrs)


def composition(ds: xr.Dataset, year: str, levels: Sequence[float] = (0.1, 0.5, 0.9)) -> xr.Dataset:
    """What a fiscal year's ending ARR is made of, with quantiles.

    Parameters
    ----------
    ds : result of a run
    year : a whole fiscal year of the plan, like FY2027
    levels : probabilities

    Returns
    -------
    Dataset
        `mean` along `part`, adding up to the mean of ending ARR; `value`, `lower`, `upper` (part, quantile): quantiles
        with their 95 % intervals, which add up to nothing

    Raises
    ------
    SimengineError
        when the year does not lie in the plan
    """
    values = of_year(ds, year)["composition"]
    found = np.array([quantile_intervals(column, levels) for column in values.values.T])
    units = {"units": values.attrs["units"]}
    columns = {
        name: (("part", "quantile"), found[:, :, i], units) for i, name in enumerate(("value", "lower", "upper"))
    }
    return xr.Dataset(
        {"mean": ("part", values.values.mean(axis=0), units), **columns},
        {"part": values["part"].values, "quantile": list(levels)},
        {"period": year, "draws": values.sizes["draw"], "level": LEVEL},
    )
