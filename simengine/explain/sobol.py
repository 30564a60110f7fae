"""First-order and total shares of variance of independent inputs, by a designed experiment (Sobol indices)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simengine.explain.intervals import Floats, Interval
from simengine.explain.walk import CONSTANT, PRECISE, USED_UP, Ints, Model, Progress, check_design, finite, gaps

REPLICATES = 16
"""Independent scramblings: their spread is the error of their mean."""
FEWEST_POINTS = 64
"""Of a replicate, at first; then they double."""
_AT_ONCE = 4096
_SMALLEST_U = 2.0**-32
_ADDRESSES = 2**26
"""Pairs of draws of chance that a replicate may show: more points than any budget."""


@dataclass(frozen=True)
class Sobol:
    """First-order and total shares of d players in q results: arrays (q, d), the inputs first, then chance.

    `gap` (q, d, d) is the half-width of the 95 % interval of the difference of two total shares.
    """

    first_order: Interval
    total: Interval
    gap: Floats
    variance: Floats
    runs: int
    points: int
    stopped_because: str


def sobol(
    model: Model,
    inputs: int,
    chances: int = 1,
    *,
    seed: int = 7,
    precision: float = 0.02,
    most_runs: int = 1_000_000,
    progress: Progress | None = None,
) -> Sobol:
    r"""Estimate `S_i = Var(E[Y | x_i]) / Var(Y)` and `T_i = 1 − Var(E[Y | x_−i]) / Var(Y)` of independent inputs.

    A and B are two samples of the d players, from the first and the second half of 2^m scrambled Sobol points, and AB_i
    is A with player i of B. A source of chance is a player like any other: A and AB_i show the same draw of it unless
    it is player i, so that what differs between them is the doing of i alone.

        S_i = mean (Y_B − μ)(Y_AB_i − Y_A) / V        Saltelli et al., Comput. Phys. Commun. 181 (2010) 259-270
        T_i = mean (Y_A − Y_AB_i)² / 2 V              Jansen, Comput. Phys. Commun. 117 (1999) 35-43

    in `2^m (d + 2)` runs. All of it is repeated with 16 independent scramblings (Owen, 1998); the intervals are
    Student's, from the spread of the replicates, so that they know how much more precise such points are than chance.

    Parameters
    ----------
    model : what is run
    inputs : number k of independent inputs, each with a standard normal score
    chances, seed, precision, most_runs, progress : as in `walk.walk`; precision is asked of first-order and total

    Raises
    ------
    SimengineError
        where `most_runs` is too few, or the model gives what is not a number
    """
    from scipy.special import ndtri, stdtrit
    from scipy.stats import qmc  # noqa: TID251  (a second, where a command takes minutes; scipy has them nowhere else)

    d = inputs + chances
    a_point = REPLICATES * (d + 2)
    check_design(d, precision, FEWEST_POINTS * a_point, most_runs)
    seeds = np.random.SeedSequence(seed).spawn(REPLICATES)
    engines = [qmc.Sobol(2 * inputs, rng=np.random.default_rng(child)) for child in seeds] if inputs else []
    y: list[list[Floats]] = [[] for _ in range(REPLICATES)]
    points, wanted, stopped = 0, FEWEST_POINTS, ""
    t = float(stdtrit(REPLICATES - 1, 0.975))
    while not stopped:
        for replicate in range(REPLICATES):
            new, z = wanted - points, np.empty((wanted - points, 0))
            if inputs:
                z = ndtri(np.clip(engines[replicate].random(new), _SMALLEST_U, 1 - _SMALLEST_U))
            drawn = 2 * (replicate * _ADDRESSES + points + np.arange(new))
            y[replicate].append(_runs(model, z, drawn, inputs, chances))
            if progress is not None:
                progress((points * REPLICATES + new * (replicate + 1)) * (d + 2), wanted * a_point)
        points = wanted
        first, total, gap, variance = _indices(np.stack([np.concatenate(parts) for parts in y]), t)
        widest = max(float(np.max(shares.upper[0] - shares.lower[0])) / 2 for shares in (first, total))
        if not variance[0] > 0:
            stopped = CONSTANT
        elif widest <= precision:
            stopped = PRECISE
        elif 2 * points * a_point > most_runs:
            stopped = USED_UP
        wanted = 2 * points
    return Sobol(first, total, gap, variance, points * a_point, points, stopped)


def _runs(model: Model, z: Floats, drawn: Ints, k: int, chances: int) -> Floats:
    """Results (n, d + 2, q) of A, B and every AB_i."""
    d = k + chances
    z_a, z_b = z[:, :k], z[:, k:]
    other = np.zeros((d + 2, d), np.bool_)  # which players are those of B
    other[1] = True
    other[np.arange(d) + 2, np.arange(d)] = True
    found = []
    for start in range(0, len(drawn), size := max(1, _AT_ONCE // (d + 2))):
        rows = slice(start, start + size)
        scores = np.where(other[:, :k], z_b[rows, None], z_a[rows, None])
        addresses = drawn[rows, None, None] + other[:, k:]
        n = len(scores) * (d + 2)
        y = finite(model(scores.reshape(n, k), addresses.reshape(n, chances)))
        found.append(y.reshape(len(scores), d + 2, -1))
    return np.concatenate(found)


def _indices(y: Floats, t: float) -> tuple[Interval, Interval, Floats, Floats]:
    """First-order and total shares, gaps of total shares, and variances, of results (replicate, n, d + 2, q)."""
    a, b, ab = y[:, :, :1], y[:, :, 1:2], y[:, :, 2:]
    centre = y[:, :, :2].mean(axis=(0, 1, 2))
    variance = (((a - centre) ** 2 + (b - centre) ** 2) / 2).mean(axis=1)[:, 0]  # (replicate, q)
    alone = ((b - centre) * (ab - a)).mean(axis=1)  # (replicate, d, q)
    whole = ((a - ab) ** 2 / 2).mean(axis=1)
    first, _ = _ratio(alone, variance, t)
    total, gap = _ratio(whole, variance, t)
    return first, total, gap, variance.mean(axis=0)


def _ratio(parts: Floats, variance: Floats, t: float) -> tuple[Interval, Floats]:
    """Shares and their gaps, of parts (replicate, d, q) of variances (replicate, q), by the delta method."""
    mean = variance.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (parts.mean(axis=0) / mean).T
        influence = (parts.transpose(0, 2, 1) - share * variance[:, :, None]) / mean[:, None]
    margin = t * influence.std(axis=0, ddof=1) / math.sqrt(len(parts))
    return Interval(share, share - margin, share + margin), gaps(influence, t)
