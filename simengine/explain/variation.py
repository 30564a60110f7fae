"""Random variation: the doubt that would remain if every assumption were known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simengine.explain.intervals import Z95, Bounded, Floats


@dataclass(frozen=True)
class RandomVariation:
    """Share of variance due to random variation, and what each draw contributes to it (as in `variance.FirstOrder`)."""

    share: Bounded
    influence: Floats


def random_variation(y: Floats, twin: Floats) -> RandomVariation:
    """Estimate `E[Var(y | assumptions)] / Var(y)` from twin paths: the same assumptions, other random variation.

    Over the m draws that have a twin, `share = mean((y - twin)²) / 2 / Var(y)`: no model, and a numerator without bias.
    Its error follows from what each draw contributes to numerator and denominator (delta method); the interval is taken
    on the log scale and cut at 1. Where y is 0 or 1 and no pair of twins differs, the upper bound rests on the rule of
    three: at most 3 / m of all pairs do.

    Parameters
    ----------
    y
        The result, (n,), finite: real numbers, or 0 and 1 for a target missed or hit.
    twin
        The result of the twin, (n,); nan where a draw has none.
    """
    n = len(y)
    paired = np.isfinite(twin)
    m = int(paired.sum())
    if m == 0 or np.ptp(y) == 0:
        return RandomVariation((math.nan, math.nan, math.nan), np.zeros(n))
    squares = (y - y.mean()) ** 2
    half_differences = np.zeros(n)
    half_differences[paired] = (y[paired] - twin[paired]) ** 2 / 2
    variance = float(squares.sum()) / (n - 1)
    within = float(half_differences.sum()) / m
    share = within / variance
    influence = ((half_differences - within) * paired * (n / m) - share * (squares - variance)) / variance
    if within == 0:
        upper = min(1.0, 3 / m / 2 / variance) if np.isin(y, (0.0, 1.0)).all() else 0.0
        return RandomVariation((0.0, 0.0, upper), influence)
    factor = math.exp(Z95 * float(influence.std()) / math.sqrt(n) / share)
    return RandomVariation((min(1.0, share), min(1.0, share / factor), min(1.0, share * factor)), influence)
