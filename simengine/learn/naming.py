"""Estimates from a value and its standard error, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from simengine.learn.estimate import Z90, Estimate

Say = Callable[[str], object]
"""Is told what is left out, and why."""


def silent(words: str) -> None:
    """Say nothing."""


def assumption_name(*parts: str) -> str:
    """The name of an assumption from those of segments, channels, stages: what a plan does not allow in one becomes -.

    >>> assumption_name("win_rate", "SMB NA"), assumption_name("volume", "google.com", "50+")
    ('win_rate.SMB-NA', 'volume.google.com.50-')
    """
    return ".".join(re.sub(r"[^\w.-]+", "-", part) for part in parts if part)


def share(
    name: str,
    unit: str,
    value: float,
    error: float,
    n: int,
    method: str,
    naive: float | None = None,
    drift: float | None = None,
) -> Estimate:
    """A share with its standard error on the logit scale: beta law whose variance is that of the share.

    A beta law with mean w and α + β = n has variance w (1 − w)/(n + 1), the delta method w² (1 − w)² error².
    """
    logit = np.log(value / (1 - value))
    lower, upper = (float(1 / (1 + np.exp(-(logit + sign * Z90 * error)))) for sign in (-1, 1))
    size = max(1.0, 1 / (value * (1 - value) * error**2) - 1)
    law = {"beta": {"mean": round(value, 4), "n": round(size)}}
    return Estimate(name, unit, value, lower, upper, law, n, method, naive, drift)


def positive(
    name: str,
    unit: str,
    value: float,
    error: float,
    n: int,
    method: str,
    naive: float | None = None,
    drift: float | None = None,
) -> Estimate:
    """What is above zero with its standard error on the logarithmic scale: lognormal law."""
    lower, upper = (float(value * np.exp(sign * Z90 * error)) for sign in (-1, 1))
    law = {"lognormal": {"median": float(f"{value:.4g}"), "sigma": float(f"{error:.3g}")}}
    return Estimate(name, unit, value, lower, upper, law, n, method, naive, drift)
