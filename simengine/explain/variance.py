"""First-order share of variance: how much of the doubt about a result would go away if one assumption were known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simengine.explain.intervals import Floats, Interval, share_interval


class Bins:
    """The draws of one input in B = n^(1/3) bins of equal count by its rank, equal values never parted.

    Parameters
    ----------
    ranks : of the input, (n,), from `ranks.midranks`
    """

    def __init__(self, ranks: Floats) -> None:
        from scipy.special import ndtri

        self.varies = bool(np.ptp(ranks) > 0)
        n = len(ranks)
        self._bins = max(2, round(n ** (1 / 3)))
        self._place = np.minimum((ranks * self._bins).astype(np.intp), self._bins - 1)
        self._count = np.bincount(self._place, minlength=self._bins)
        self._filled = np.maximum(self._count, 1)
        self._score = ndtri(ranks)
        self._score -= (self._sums(self._score) / self._filled)[self._place]
        self._spread = self._sums(self._score**2)
        # A bin that holds a single value has no line: its spread is rounding.
        self._sloped = self._spread > 1e-20 * n

    def line(self, y: Floats) -> tuple[Floats, float]:
        """A line in each bin: fitted values (n,), and the sum of squares that noise alone is expected to put in."""
        slope = np.divide(self._sums(self._score * y), self._spread, out=np.zeros(self._bins), where=self._sloped)
        fitted = (self._sums(y) / self._filled)[self._place] + slope[self._place] * self._score
        parameters = (self._count > 0) + self._sloped.astype(float)
        squares = self._sums((y - fitted) ** 2)
        free = self._count - parameters
        pooled = squares.sum() / max(1.0, free.sum())
        variance = np.divide(squares, free, out=np.full(self._bins, pooled), where=free > 0)
        return fitted, float(((parameters - self._count / len(y)) * variance).sum())

    def left(self, y: Floats) -> tuple[Floats, float]:
        """What is left of y, (n,), less the fitted lines, and the number of their coefficients."""
        centred = y - y.mean()
        return centred - self.line(centred)[0], float((self._count > 0).sum() + self._sloped.sum())

    def _sums(self, values: Floats) -> Floats:
        return np.bincount(self._place, values, self._bins).astype(np.float64, copy=False)


@dataclass(frozen=True)
class FirstOrder:
    """First-order shares of k inputs from n draws.

    `share` holds arrays (k,). `influence` (k, n) is what each draw contributes to each share: the standard error of any
    sum or difference of shares follows from it, paired draw by draw.
    """

    share: Interval
    influence: Floats


def first_order_shares(bins: Sequence[Bins], y: Floats) -> FirstOrder:
    """Estimate `Var(E[y | x_i]) / Var(y)` for each input, from draws that were made anyway.

    The draws are cut into B = n^(1/3) bins of equal count by the rank of `x_i`, equal values never parted: an input
    with few values is binned by value. Within each bin a straight line is fitted to y against the normal score of the
    rank. With y centred, fitted values g, and n_b draws, p_b coefficients and residual variance s²_b in bin b:

        share = (Σ g² - Σ_b (p_b - n_b / n) s²_b) / Σ y²

    where the second sum is what noise alone puts into the first. Only ranks are used: an increasing transform of an
    input changes nothing. A share may lie a little below zero, as an unbiased estimate of zero must. An input that
    never varies has the share 0, bounds included; if y never varies, all is nan.

    Plischke, Borgonovo and Smith, Eur. J. Oper. Res. 226 (2013) 536-550, for the design; lines in place of means,
    because in the outer bins of a bell curve means lose variance that is there (docs/methods.md has the figures).

    Parameters
    ----------
    bins
        The k inputs in their bins.
    y
        The result, (n,), finite.
    """
    n, k = len(y), len(bins)
    share = np.full((3, k), math.nan)
    influence = np.zeros((k, n))
    if np.ptp(y) > 0:
        centred = y - y.mean()
        for i, binned in enumerate(bins):
            if binned.varies:
                share[:, i], influence[i] = _share(binned, centred)
            else:
                share[:, i] = 0.0
    return FirstOrder(Interval(*share), influence)


def standard_error(influence: Floats) -> float:
    """Standard error of an estimate, from what each of the n draws contributes to it.

    The contributions contain fitted values, whose own noise adds to their variance: the error of a share near zero is
    stated up to √2 too large.
    """
    return float(influence.std()) / math.sqrt(len(influence))


def _share(bins: Bins, y: Floats) -> tuple[tuple[float, float, float], Floats]:
    n, total = len(y), float((y**2).sum())
    fitted, noise = bins.line(y)
    explained = float((fitted**2).sum()) / total
    noise /= total
    share = explained - noise
    # The efficient influence function of Var(E[y|x]) / Var(y): (2 (y - g) g + g² - share y²) / Var(y).
    influence = n / total * (2 * y * fitted - fitted**2 - share * y**2)
    return share_interval(explained, noise, standard_error(influence)), influence
