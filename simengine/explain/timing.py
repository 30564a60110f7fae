"""When a result is decided: the share of its variance by the quarter in which it arises."""

from __future__ import annotations

import numpy as np
import xarray as xr

from simengine.explain.intervals import Z95, Interval
from simengine.explain.question import Question
from simengine.explain.variance import standard_error
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import months_of
from simengine.units import fiscal_quarter, month_number

_CHANGE = {"ending_arr": ("net_new_arr", 1.0), "cash": ("net_burn", -1.0)}
"""What changes a stock from month to month, and its sign."""


def by_quarter(ds: xr.Dataset, question: Question) -> tuple[list[str], Interval]:
    """Fiscal quarters in which a result arises, and `Cov(Y, its part of the quarter) / Var(Y)`; together 1.

    A quarter has less than nothing where it makes up for others. Empty for a result that is no sum of months.
    """
    flows = _flows(ds, question)
    y = question.value
    if flows is None or np.ptp(y) == 0:
        return [], Interval(*np.empty((3, 0)))
    quarters = [_quarter(ds, str(month)) for month in flows["month"].values]
    labels = list(dict.fromkeys(quarters))
    centred = y - y.mean()
    shares = np.empty((3, len(labels)))
    for place, label in enumerate(labels):
        part = flows.values[:, np.array(quarters) == label].sum(axis=1)
        product, squares = centred * (part - part.mean()), centred**2
        share = product.sum() / squares.sum()
        margin = Z95 * standard_error((product - share * squares) / squares.mean())
        shares[:, place] = share, share - margin, share + margin
    return labels, Interval(*shares)


def _flows(ds: xr.Dataset, question: Question) -> xr.DataArray | None:
    """What a result is the sum of, (draw, month), but for a constant; None where it is not such a sum."""
    first, last = months_of(ds, question.period)
    name, sign = _CHANGE.get(question.metric, (question.metric, 1.0))
    stock = question.metric in _CHANGE
    if not (stock or OUTPUTS[question.metric].kind == "flow") or name not in ds or ds[name].dims != ("draw", "month"):
        return None
    flows = sign * ds[name].isel(month=slice(0 if stock else first, last + 1))
    whole = flows.values.sum(axis=1)
    apart = question.value - whole
    scale = np.abs(question.value).max()
    # A target on a group is not the sum of the company's months.
    return flows if np.ptp(apart) <= 1e-6 * max(scale, 1e-300) else None


def _quarter(ds: xr.Dataset, month: str) -> str:
    return fiscal_quarter(month_number(month), int(ds.attrs["fiscal_year_start"]))
