"""What history says about one number of a plan: an estimate, its interval, and how it was come by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEVEL = 0.9
"""Of every interval."""
Z90 = 1.6448536269514722
"""Standard normal quantile of 95 %: half the width of a 90 % interval of a normal law."""


@dataclass(frozen=True)
class Estimate:
    """A number learned from records.

    Attributes
    ----------
    name : of the assumption, as `win_rate.smb`
    unit : of `simengine.units`
    value, lower, upper : the estimate and its 90 % interval
    distribution : as a plan's `distribution`: sampling error only
    n : records behind it
    method : in a sentence
    naive : what the usual shortcut says
    drift : relative standard deviation between years or quarters beyond sampling error, where it can be told
    also : other keys of the plan that the same records speak to, as they are written there
    notes : what whoever uses it must know, a sentence each
    """

    name: str
    unit: str
    value: float
    lower: float
    upper: float
    distribution: Mapping[str, Any]
    n: int
    method: str
    naive: float | None = None
    drift: float | None = None
    also: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
