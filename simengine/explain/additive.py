"""What each input does of itself, the others held still: linear and additive models on normal scores."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.intervals import Z95, Floats, Interval
from simengine.explain.ranks import normal_scores

DRAWS_PER_TERM = 12
HIGHEST_DEGREE = 5
_SINGULAR = 1e-8


def scores_of(x: Floats) -> Floats:
    """Normal scores of the ranks of each column of `x`, (n, k), with mean 0 and variance 1; 0 of a constant."""
    scores = np.empty(x.shape)
    for i, column in enumerate(x.T):
        scores[:, i] = normal_scores(np.ascontiguousarray(column))
    scores -= scores.mean(axis=0)
    spread = scores.std(axis=0)
    return np.asarray(np.divide(scores, spread, out=np.zeros_like(scores), where=spread > _SINGULAR))


def two_sided(t: Floats) -> Floats:
    """Probability that a standard normal variable is as far from zero as t."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(t)))


def holm(p: Floats) -> Floats:
    """Adjust p-values, (m,), so that any below a level is wrong with at most that probability, all tests together.

    Holm, Scand. J. Statist. 6 (1979) 65-70: the i-th smallest is multiplied by m - i + 1, and none is below a smaller
    one's. A test that was not made (nan) counts for nothing.

    >>> holm(np.array([0.04, 0.01, np.nan]))
    array([0.04, 0.02,  nan])
    """
    adjusted = np.full(len(p), math.nan)
    made = np.flatnonzero(np.isfinite(p))
    order = made[np.argsort(p[made], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors)) if len(order) else 0.0
    return adjusted


class Slopes(NamedTuple):
    """A change of a result for a standard deviation of the normal score of each of k inputs, and its error, (k,)."""

    slope: Floats
    error: Floats

    @property
    def p(self) -> Floats:
        """Probability of as large a slope where there is none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return two_sided(self.slope / self.error)

    def over(self, distance: Floats, error: Floats) -> Interval:
        """Effect of moving each input by a distance on the scale of its score, with its interval.

        Parameters
        ----------
        distance : (k,)
        error : (k,) of the distance: scores are those of ranks, and know where a value lies from n draws only
        """
        effect, margin = self.slope * distance, Z95 * np.hypot(self.error * distance, self.slope * error)
        return Interval(effect, effect - margin, effect + margin)


def marginal_slopes(scores: Floats, y: Floats) -> Slopes:
    """Slope of y, (n,), on each score alone, whatever moves with it; errors as of White (below)."""
    n, centred = len(y), _centred(y)
    slope = scores.T @ centred / n
    error = np.sqrt(np.array([(z**2 * (centred - b * z) ** 2).sum() for z, b in zip(scores.T, slope, strict=True)]))
    return Slopes(*_only_varying(scores, slope, error / n))


def own_slopes(scores: Floats, y: Floats) -> Slopes:
    """Slope of y, (n,), on each score with all the others held still: one regression on all, (n, k).

    Of inputs whose scores are jointly normal this is the mean of the derivative `∂E[y | z] / ∂z_i`, whatever the curve
    and whatever else it hangs on: `Cov(z, f(z)) = Σ E[∇f]` (Stein's lemma; Brillinger, in A Festschrift for Erich L.
    Lehmann, 1982). Its error holds where the noise depends on the inputs (HC3 of MacKinnon and White, J. Econometrics
    29, 1985). Of inputs that determine each other it is nan.
    """
    y = _centred(y)
    design = np.column_stack((np.ones(len(y)), scores))
    inverse, known = _inverse(design.T @ design)
    coefficients = inverse @ (design.T @ y)
    weights = design @ inverse
    # An observation that a column describes alone has a leverage of one, and no residual.
    leverage = np.minimum((weights * design).sum(axis=1), 1 - 1e-6)
    residuals = (y - design @ coefficients) / (1 - leverage)
    error = np.sqrt((weights**2).T @ residuals**2)
    slope = np.where(known, coefficients, math.nan)
    return Slopes(*_only_varying(scores, slope[1:], error[1:]))


class Additive:
    """A smooth curve for each of k inputs: polynomials of the normal scores, (n, k), joined in one design.

    The degree, `highest` at most, leaves a dozen draws for each term; an input of few levels has fewer. `columns`,
    (n, p), starts with a constant; `owner`, (p,), says whose each column is (-1: nobody's).
    """

    def __init__(self, scores: Floats, highest: int = HIGHEST_DEGREE) -> None:
        n, k = scores.shape
        self.scores = scores
        self.degree = int(np.clip(n // (DRAWS_PER_TERM * max(1, k)), 1, highest))
        blocks = [_polynomials(column, self.degree) for column in scores.T]
        self.columns = np.column_stack((np.ones(n), *blocks))
        self.owner = np.array([-1, *(i for i, block in enumerate(blocks) for _ in range(block.shape[1]))])
        self._gram = self.columns.T @ self.columns
        self._all, _ = _inverse(self._gram)

    def coefficients(self, y: Floats) -> Floats:
        """Coefficients of the columns in y, (n,) or (n, m)."""
        return np.asarray(self._all @ (self.columns.T @ y))

    def residuals(self, y: Floats) -> Floats:
        """What is left of the columns of y, (n, m), when every input's curve is taken out."""
        return np.asarray(y - self.columns @ self.coefficients(y))

    def residuals_but_for(self, i: int, y: Floats) -> Floats:
        """What is left of the columns of y, (n, m), when the curves of all inputs but i are taken out."""
        rest = np.flatnonzero(self.owner != i)
        coefficients = np.zeros((len(self.owner), y.shape[1]))
        inverse, _ = _inverse(self._gram[np.ix_(rest, rest)])
        coefficients[rest] = inverse @ (self.columns.T @ y)[rest]
        return np.asarray(y - self.columns @ coefficients)

    def squares_left(self, y: Floats) -> Floats:
        """Sum of squares of `residuals` of each column of y, (m,), in half the time."""
        products = self.columns.T @ y
        return np.asarray((y**2).sum(axis=0) - (products * (self._all @ products)).sum(axis=0))


def _centred(y: Floats) -> Floats:
    """Values less their mean; exactly zero if they never vary."""
    return y - y.mean() if np.ptp(y) > 0 else np.zeros(len(y))


def _polynomials(score: Floats, degree: int) -> Floats:
    """Orthonormal polynomials of one score, (n, up to `degree`), each with mean square 1."""
    levels = len(np.unique(score))
    powers = score[:, None] ** np.arange(min(degree, levels - 1) + 1)
    return np.linalg.qr(powers)[0][:, 1:] * math.sqrt(len(score))


def _inverse(gram: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Inverse of a matrix of products, of as many directions as it tells, and which coefficients are told."""
    scale = np.sqrt(np.where(np.diag(gram) > 0, np.diag(gram), 1.0))
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    kept = values > _SINGULAR
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    lost = (vectors[:, ~kept] ** 2).sum(axis=1)
    return inverse / np.outer(scale, scale), lost < _SINGULAR**0.5


def _only_varying(scores: Floats, slope: Floats, error: Floats) -> tuple[Floats, Floats]:
    varies = scores.any(axis=0)
    return np.where(varies, slope, 0.0), np.where(varies, error, 0.0)
