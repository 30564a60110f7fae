"""Counts of amounts by month on a fixed grid: what a run of millions of paths keeps for its fans.

The grid is the same for every run, and whole numbers add up to the same whatever the order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.results.outputs import COUNTED
from simengine.results.paths import Array

_PARTS = 64
"""Bins from a power of two to the next, so that a bin is at most 1/64 as wide as it is far from zero."""
_POWERS = 50
"""The largest amount told from others is 2^50, about 10^15."""
BINS = 2 * _PARTS * _POWERS + 1


def counted(values: Array) -> NDArray[np.int64]:
    """How many paths are in each bin in each month: (draw, month) to (month, bin).

    >>> counts = counted(np.array([[0.5], [-3.0], [3.01]]))
    >>> np.flatnonzero(counts[0]) - BINS // 2
    array([-97,   0,  97])
    """
    mantissa, power = np.frexp(np.abs(values))
    part = (power - 1) * _PARTS + np.floor((mantissa - 0.5) * (2 * _PARTS)).astype(np.int64)
    far = np.where(power >= 1, np.minimum(part + 1, BINS // 2), 0)
    months = np.arange(values.shape[1])
    places = np.where(values < 0, -far, far) + BINS // 2 + months * BINS
    return np.bincount(places.ravel(), minlength=len(months) * BINS).reshape(len(months), BINS)


def middles() -> Array:
    """The middle of each bin."""
    far = np.arange(BINS // 2)
    middle = (1.0 + (far % _PARTS + 0.5) / _PARTS) * 2.0 ** (far // _PARTS)
    return np.concatenate((-middle[::-1], [0.0], middle))


def monthly_quantiles(ds: xr.Dataset, name: str, levels: Sequence[float] = (0.1, 0.5, 0.9)) -> xr.DataArray:
    """Quantiles by month of an output of a streamed run, over all its paths, to 1 part in 128.

    Parameters
    ----------
    ds : result of a run with the detail `stream`
    name : an output in `outputs.COUNTED`
    levels : probabilities

    Returns
    -------
    DataArray
        (month, quantile)

    Raises
    ------
    SimengineError
        when the run was not streamed, or the output is not counted
    """
    if f"{name}_histogram" not in ds:
        raise SimengineError(
            f"{name} has no histogram; run the plan with --detail stream, and choose one of {', '.join(COUNTED)}"
        )
    histogram = ds[f"{name}_histogram"]
    below = np.cumsum(histogram.values, axis=1)
    total = below[0, -1]
    places = [[int(np.searchsorted(row, level * total)) for level in levels] for row in below]
    attrs = {key: histogram.attrs[key] for key in ("units", "long_name")}
    return xr.DataArray(
        middles()[places], {"month": ds["month"], "quantile": list(levels)}, ["month", "quantile"], name, attrs
    )
