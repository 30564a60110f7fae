"""Shares by who owns an assumption, what kind of source it rests on, and which part of the plan it acts on."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

GROUPINGS = ("owner", "source_kind", "acts_on")


def memberships(ds: xr.Dataset, varies: NDArray[np.bool_]) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """The groups of the assumptions that vary: what they are grouped by, the group, and its members, (k,).

    What has no owner, or acts on nothing, is a group of its own without a name.
    """
    groups = []
    for grouping in GROUPINGS:
        if grouping in ds.coords:
            label = ds[grouping].values.astype(str)
            groups += [(grouping, name, (label == name) & varies) for name in sorted(set(label[varies]))]
    return groups
