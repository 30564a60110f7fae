"""Expected value of information: what it would be worth to know more before choosing (EVPI and EVPPI)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.intervals import Z95, Bounded, Floats
from simengine.explain.ranks import normal_scores

Places = NDArray[np.intp]

_FOLDS = 10
_PERTURBED = 100
"""Fits that are perturbed to tell how uncertain one is."""
_FEW = 2048
"""Draws on which a perturbed fit is looked at."""
_LEVEL_SHARE = 0.05
"""A value that at least this share of the draws takes has a level of its own."""
_MOST_IN_PRODUCTS = 8
"""Inputs of a group up to which their products are fitted too."""


class Known(NamedTuple):
    """What knowing some inputs is worth, and how one would choose.

    `value` is the EVPPI with its 95 % interval. `fitted` (n, options) is the net benefit that is expected where the
    inputs are what they are in each draw. `chosen` (n,) is the best option by a fit that has not seen the draw.
    """

    value: Bounded
    fitted: Floats
    chosen: Places


def evpi(net_benefit: Floats) -> Bounded:
    """Expected value of perfect information: `E[max_d NB_d] - max_d E[NB_d]`, with its 95 % interval.

    What it would be worth to know everything before choosing, random variation included.

    Parameters
    ----------
    net_benefit
        (n, options), paired: a row holds what each option brings on the same path.

    Notes
    -----
    It is the least of `E[max_d NB_d - NB_r]` over options r: the mean gain over choosing r always. Each is a mean of
    paired differences; the interval goes from the least of their lower to the least of their upper ends. Upper ends are
    taken at 1 - 0.05 / options, because where options tie, one of them will be low by chance.

    >>> [round(x, 2) for x in evpi(np.array([[0.0, 1.0], [0.0, -1.0]] * 50))]
    [0.5, 0.4, 0.6]
    """
    return least_gain(net_benefit, net_benefit.max(axis=1))


def least_gain(net_benefit: Floats, reached: Floats) -> Bounded:
    """Mean gain of `reached`, (n,), over always choosing the option of `net_benefit`, (n, options), that is best."""
    n, options = net_benefit.shape
    gain = reached[:, None] - net_benefit
    mean, error = gain.mean(axis=0), gain.std(axis=0, ddof=1) / math.sqrt(n)
    upper = _upper(mean, error, options)
    return float(mean.min()), max(0.0, float((mean - Z95 * error).min())), max(0.0, float(upper.min()))


def evppi(net_benefit: Floats, inputs: Floats) -> Bounded:
    """Expected value of partial perfect information: what it would be worth to know some inputs before choosing.

    `E[max_d E[NB_d | x]] - max_d E[NB_d]`, with its 95 % interval; see `known` for parameters and method.
    """
    return known(net_benefit, inputs).value


def known(net_benefit: Floats, inputs: Floats) -> Known:
    """Estimate the EVPPI of one input or a group by regression, from draws that were made anyway.

    Parameters
    ----------
    net_benefit
        (n, options), paired: a row holds what each option brings on the same path.
    inputs
        (n,) or (n, k).

    Notes
    -----
    The differences of each option against the best one on average are regressed on the input: Hermite polynomials
    of its normal score up to the third degree, and a level for each value that a twentieth of the draws take. A group
    has the sum over its inputs, and products of two where it has eight inputs or fewer.

    `mean(max_d fit_d) - max_d mean(fit_d)` is too high: noise of the fit is taken for knowledge. The mean gain of
    choosing by a fit that has not seen the draw (tenths left out in turn) is too low by about as much: such choices are
    not the best. The estimate is the mean of the two, at least 0. The lower end of the interval is that of
    the second, whose error is that of a mean; the upper end that of the first where the draws are weighted at random
    (multiplier bootstrap, one step). Both ends err outward.

    Strong, Oakley and Brennan, Med. Decis. Making 34 (2014) 311-326, for the regression.
    """
    best = int(net_benefit.mean(axis=0).argmax())
    y = net_benefit - net_benefit[:, [best]]
    basis = _orthonormal(_columns(inputs))
    coefficients = basis.T @ y
    fitted = basis @ coefficients
    chosen = _unseen(basis, coefficients, y).argmax(axis=1)
    outside, lower, _ = least_gain(net_benefit, net_benefit[np.arange(len(y)), chosen])
    inside = float((fitted.max(axis=1)[:, None] - fitted).mean(axis=0).min())
    upper = _upper_end(basis, coefficients, fitted, y)
    # Options that are equal for sure differ by rounding.
    estimate = max(0.0, (inside + outside) / 2)
    return Known((min(max(estimate, lower), upper), min(lower, upper), upper), fitted, chosen)


def _upper(mean: Floats, error: Floats, options: int) -> Floats:
    """Upper end at 1 - 0.05 / options (97.5 % for two) of a gain with this mean and standard error.

    On the scale of the square root: where few draws hold all of the gain, its variance grows with its mean.
    """
    from scipy.special import ndtri

    margin = -ndtri(0.05 / max(2, options)) * error
    return np.asarray(mean + margin + np.divide(margin**2, 4 * mean, out=np.zeros_like(mean), where=mean > 0))


def _columns(inputs: Floats) -> Floats:
    """What the net benefit is regressed on, (n, columns)."""
    if inputs.ndim == 1:
        return np.column_stack(_of_one(inputs, 3))
    n, k = inputs.shape
    degree = 3 if 3 * k <= n / 10 else 1
    columns = [_of_one(column, degree) for column in inputs.T]
    products = []
    if k <= _MOST_IN_PRODUCTS:
        products = [columns[i][0] * columns[j][0] for i in range(k) for j in range(i)]
    return np.column_stack([column for of_one in columns for column in of_one] + products)


def _of_one(x: Floats, degree: int) -> list[Floats]:
    from scipy.special import eval_hermitenorm

    z = normal_scores(x)
    curves = [eval_hermitenorm(power, z) for power in range(1, degree + 1)]
    values, count = np.unique(x, return_counts=True)
    return curves + [(x == value).astype(np.float64) for value in values[count >= _LEVEL_SHARE * len(x)]]


def _orthonormal(columns: Floats) -> Floats:
    """A constant, and an orthonormal basis of the columns beside it; what repeats other columns is left out."""
    n = len(columns)
    centred = columns - columns.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=0), 1e-9)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    return np.column_stack([np.full(n, 1 / math.sqrt(n)), left[:, size > 1e-6]])


def _unseen(basis: Floats, coefficients: Floats, y: Floats) -> Floats:
    """Fitted values of each draw by the nine tenths of the draws that it is not in; (n, options)."""
    fitted = np.empty_like(y)
    for first in range(_FOLDS):
        fold = slice(first, None, _FOLDS)
        # Not quite singular where hardly more draws than columns are left.
        rest = (1 + 1e-6) * np.eye(basis.shape[1]) - basis[fold].T @ basis[fold]
        fitted[fold] = basis[fold] @ np.linalg.solve(rest, coefficients - basis[fold].T @ y[fold])
    return fitted


def _upper_end(basis: Floats, coefficients: Floats, fitted: Floats, y: Floats) -> float:
    """Upper end of the 95 % interval of `min_r E[max_d fit_d - fit_r]`.

    With a basis Q, coefficients b, and multipliers w of mean 0 and variance 1 for each draw, a perturbed fit has the
    coefficients `b + Q'(w · (y - Qb))`; its mean gain also varies with the draws over which it is taken.
    """
    n, options = y.shape
    multipliers = _multipliers(n)
    residual = y - fitted
    few = slice(None, None, max(1, n // _FEW))
    moved = [basis[few] @ (coefficients[:, [d]] + (basis * residual[:, [d]]).T @ multipliers) for d in range(options)]
    highest = np.maximum.reduce(moved)
    gain = fitted.max(axis=1)[:, None] - fitted
    shift = np.array([(highest - one).mean(axis=0) for one in moved]) - gain[few].mean(axis=0)[:, None]
    perturbed = gain.mean(axis=0)[:, None] + shift + gain.T @ multipliers / n
    return max(0.0, float(_upper(perturbed.mean(axis=1), perturbed.std(axis=1), options).min()))


@lru_cache(maxsize=1)
def _multipliers(n: int) -> Floats:
    """Fixed numbers of the standard normal law, (n, 100): the same draws give the same interval."""
    return np.random.Generator(np.random.Philox(key=0)).normal(size=(n, _PERTURBED))
