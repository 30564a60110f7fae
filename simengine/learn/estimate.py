"""An assumption as history tells it: value, interval, distribution, and what the usual shortcut would have said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Estimate:
    """What records say of an assumption.

    Attributes
    ----------
    name : of the assumption, as in a plan: "win_rate.smb"
    unit : of `simengine.units`
    value, lower, upper : the estimate, and its 90 % interval
    distribution : as in a plan: {"beta": {"mean": 0.22, "n": 180}}; sampling error only
    n : records behind it
    method : how, in a sentence
    naive : what the usual shortcut would say; None where there is none
    drift : relative standard deviation between years or quarters beyond sampling error; None where it cannot be told
    """

    name: str
    unit: str
    value: float
    lower: float
    upper: float
    distribution: dict[str, Any]
    n: int
    method: str
    naive: float | None = None
    drift: float | None = None


def between(values: ArrayLike, errors: ArrayLike) -> float:
    """Standard deviation between groups beyond sampling error, by moments (DerSimonian and Laird 1986); at least 0.

    Parameters
    ----------
    values, errors : of each group its estimate and its standard error, (groups,)

    >>> between([1.0, 1.0, 1.0], [0.1, 0.1, 0.1])
    0.0
    """
    y, weight = np.asarray(values, np.float64), np.asarray(errors, np.float64) ** -2.0
    q = float(weight @ (y - weight @ y / weight.sum()) ** 2)
    scale = float(weight.sum() - (weight @ weight) / weight.sum())
    return float(np.sqrt(max(0.0, (q - (y.size - 1)) / scale))) if scale > 0 else 0.0
