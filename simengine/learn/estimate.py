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
    window : months back to which records are looked at; None for all of them
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
    window: float | None = None


def wider_by_t(dof: float) -> float:
    """How much wider a 90 % interval is where the variance has `dof` degrees of freedom: t/z.

    >>> round(wider_by_t(10), 3), round(wider_by_t(1e9), 3)
    (1.102, 1.0)
    """
    from scipy.special import stdtrit

    return float(stdtrit(dof, (1 + LEVEL) / 2)) / Z90


def gamma_interval(mean: float, cv: float) -> tuple[float, float]:
    """90 % interval of a gamma law with a mean and a coefficient of variation.

    >>> gamma_interval(2.0, 0.0)
    (2.0, 2.0)
    """
    from scipy.special import gammaincinv

    if cv == 0:
        return mean, mean
    shape = cv**-2
    low, high = (float(gammaincinv(shape, p)) * mean / shape for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return low, high


def beta_interval(alpha: float, beta: float) -> tuple[float, float]:
    """90 % interval of a beta law."""
    from scipy.special import betaincinv

    low, high = (float(betaincinv(alpha, beta, p)) for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return low, high


def chance(p: float) -> str:
    """The p of a test in words.

    >>> chance(0.0234), chance(1e-20)
    ('p = 0.023', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def rounded(value: float, digits: int = 4) -> float:
    """A number to so many digits, as it is written into a plan.

    >>> rounded(0.123456), rounded(123456.7)
    (0.1235, 123500.0)
    """
    return float(f"{value:.{digits}g}")
