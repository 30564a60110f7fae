"""How far two datasets of one run are apart, where they are not the same bits: another machine, other versions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

TOLERANCE = 1e-9
"""Of the largest value of its kind: far more than rounding brings about on a path, far less than one deal does."""
_PASSES = ("draw", "draw_streamed", "draw_unwidened", "twin")
_EACH_ITS_UNIT = ("assumption", "target")
"""Along these, values next to each other may be in other units; along all others they are in one."""

Floats = NDArray[np.float64]


class Agreement(NamedTuple):
    """Two datasets of one run beside each other.

    A difference is told as part of the largest magnitude that its quantity has, in any month and part of the plan: what
    a sum leaves in a month of nothing is rounding. Assumptions and targets are quantities each by itself.

    Attributes
    ----------
    paths : paths of all passes
    other_numbers : of these, how many differ at all
    other_course : of these, how many differ by more than `TOLERANCE`: something happened that did not happen before
    rounding : the largest difference on the other paths
    means : the largest difference of a mean over paths, and of whatever else is not by path
    unlike : what is in one of the two only, or has another shape or other words
    """

    paths: int
    other_numbers: int
    other_course: int
    rounding: float
    means: float
    unlike: tuple[str, ...]


def agreement(then: xr.Dataset, now: xr.Dataset) -> Agreement:
    """How far two datasets of the same plan, draws and seed are apart."""
    names = sorted({*map(str, then.variables), *map(str, now.variables)})
    unlike = tuple(name for name in names if not _alike(then, now, name))
    largest = {use: np.zeros(size) for use, size in then.sizes.items() if use in _PASSES}
    means = 0.0
    for name in names:
        old = then.variables[name] if name not in unlike else None
        if old is None or old.dtype.kind not in "fiu" or not old.size:
            continue
        by_path, of_mean = _difference(old, now.variables[name])
        means = max(means, of_mean)
        if by_path is not None:
            use = str(old.dims[0])
            largest[use] = np.maximum(largest[use], by_path)
    paths = np.concatenate([*largest.values(), np.zeros(0)])
    return Agreement(
        paths=len(paths),
        other_numbers=int((paths > 0.0).sum()),
        other_course=int((paths > TOLERANCE).sum()),
        rounding=float(paths[paths <= TOLERANCE].max(initial=0.0)),
        means=means,
        unlike=unlike,
    )


def _alike(then: xr.Dataset, now: xr.Dataset, name: str) -> bool:
    """Whether both have it, in the same shape, and with the same words if it is words."""
    if name not in then.variables or name not in now.variables:
        return False
    old, new = then.variables[name], now.variables[name]
    if (old.dims, old.shape, old.dtype.kind) != (new.dims, new.shape, new.dtype.kind):
        return False
    return old.dtype.kind in "fiu" or bool(np.array_equal(old.values, new.values))


def _difference(then: xr.Variable, now: xr.Variable) -> tuple[Floats | None, float]:
    """The largest difference on each path, (path,), where it is by path, and the largest of a mean over paths."""
    old, new = (np.atleast_1d(np.asarray(one.values, float)) for one in (then, now))
    alike = tuple(axis for axis, name in enumerate(then.dims) if name not in _EACH_ITS_UNIT)
    scale = np.abs(np.where(np.isfinite(old), old, 0.0)).max(axis=alike, keepdims=True)
    scale = np.where(scale > 0.0, scale, 1.0)
    apart = _apart(old, new) / scale
    if not then.dims or then.dims[0] not in _PASSES:
        return None, float(apart.max())
    of_means = np.where((apart > 0.0).any(axis=0), _apart(_mean(old), _mean(new)) / scale[0], 0.0)
    return apart.reshape(len(old), -1).max(axis=1), float(of_means.max())


def _mean(values: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(values.mean(axis=0))


def _apart(old: Floats, new: Floats) -> Floats:
    """The absolute difference; infinite where only one of the two is a number."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(old - new)
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    return np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
