"""Quantile functions as tables: polynomials in the normal score, piece by piece.

`x(z) = Q(Φ(z))` of a smooth law is smooth in the normal score z, however skewed the law is, and in some twenty
additions and multiplications a polynomial gives what the inverse of an incomplete beta function takes a thousand for.
Between −3.75 and 3.75 each of 15 pieces has the polynomial through the law's own quantiles at 14 Chebyshev points,
whose error stands at the extremes of the next Chebyshev polynomial (Trefethen, Approximation Theory and Approximation
Practice, 2013, chapters 3 and 8). A piece is kept only where the law itself confirms it there, to one part in 1e12.
Everywhere else (kinks, steps, single values, tails) the table says NaN, and the quantile function is asked.

A table depends on its law alone, so a draw is the same in every block, run and process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PIECES = 15
_WIDTH = 0.5
_REACH = 0.5 * _PIECES * _WIDTH
"""Further out 1 − u has too few digits for twelve of x."""
_COLUMNS = _PIECES + 2
"""Pieces, and one for each tail, which is never kept."""
_DEGREE = 13
_TOLERANCE = 1e-12
_BATCH = 1024
"""Draws at a time: what is between two operations stays in the cache."""


class _Points(NamedTuple):
    """Where a law is asked, and what turns its answers into polynomials."""

    u: Array
    """(piece, point) probabilities of the Chebyshev points, then of the points of the check."""
    checks: Array
    """(check,) places within a piece, from −1/2 to 1/2."""
    to_chebyshev: Array
    """(point, power of T)"""
    to_powers: Array
    """(power of T, power of the place within the piece)"""


@cache
def _points() -> _Points:
    from scipy.special import ndtr

    count = _DEGREE + 1
    angles = np.pi * (np.arange(count) + 0.5) / count
    checks = np.cos(np.pi * np.linspace(0.0, 1.0, 5)[::-1])
    places = 0.5 * np.concatenate([np.cos(angles), checks])
    middles = _WIDTH * (np.arange(_PIECES) + 0.5) - _REACH
    to_chebyshev = 2.0 / count * np.cos(np.outer(angles, np.arange(count)))
    to_chebyshev[:, 0] *= 0.5
    return _Points(ndtr(middles[:, None] + _WIDTH * places), 0.5 * checks, to_chebyshev, _chebyshev_in_powers(count))


def _chebyshev_in_powers(count: int) -> Array:
    """Coefficients of T_j(2 s) by power of s, (j, power): T_j+1 = 4 s T_j − T_j−1."""
    rows = np.zeros((count, count))
    rows[0, 0], rows[1, 1] = 1.0, 2.0
    for j in range(2, count):
        rows[j, 1:] = 4.0 * rows[j - 1, :-1]
        rows[j] -= rows[j - 2]
    return rows


def tabulate(ppf: Callable[[Array], Array], support: tuple[float, float], atoms: Array) -> Array:
    """Return the table of a law: coefficients by power and piece, (power, piece), NaN in pieces that are not kept.

    Parameters
    ----------
    ppf : the quantile function, elementwise
    support : the smallest and largest possible value
    atoms : single values with a probability of their own, which stay exact
    """
    points = _points()
    with np.errstate(all="ignore"):  # what overflows is not kept, and told of where it is drawn
        x = ppf(points.u.ravel()).reshape(points.u.shape)
        through, checks = x[:, : _DEGREE + 1], x[:, _DEGREE + 1 :]
        # In two steps, for the inverse of powers loses digits; by einsum, which adds up in order, as no BLAS need do.
        chebyshev = np.einsum("pi,ij->pj", through, points.to_chebyshev)
        powers = np.einsum("pj,jk->kp", chebyshev, points.to_powers)
        error = np.abs(np.polynomial.polynomial.polyval(points.checks, powers) - checks).max(axis=1)
        allowed = _TOLERANCE * np.abs(x).max(axis=1)
        margin = 10.0 * allowed
        kept = (error <= allowed) & (x.min(axis=1) - margin > support[0]) & (x.max(axis=1) + margin < support[1])
    kept &= ~np.isin(x, atoms).any(axis=1)
    table = np.full((_DEGREE + 1, _COLUMNS), np.nan)
    table[:, 1:-1][:, kept] = powers[:, kept]
    return table


def look_up(tables: Sequence[Array], z: Array) -> Array:
    """Return the quantiles at normal scores, one law a row; NaN where a table does not know them.

    Parameters
    ----------
    tables : (k) from `tabulate`
    z : (k, n) normal scores
    """
    coefficients = np.array(tables).ravel()
    first = np.arange(len(tables))[:, None] * ((_DEGREE + 1) * _COLUMNS)
    x = np.empty_like(z)
    for start in range(0, z.shape[1], _BATCH):
        batch = slice(start, start + _BATCH)
        place = np.clip(z[:, batch] / _WIDTH + 0.5 * _COLUMNS, 0.0, _COLUMNS - 0.5)
        piece = place.astype(np.intp)
        place -= piece
        place -= 0.5
        piece += first
        value = coefficients[_DEGREE * _COLUMNS :].take(piece)
        for power in range(_DEGREE - 1, -1, -1):
            value *= place
            value += coefficients[power * _COLUMNS :].take(piece)
        x[:, batch] = value
    return x
