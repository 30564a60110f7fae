"""How likely a target is, given a number that is observed: a smooth curve through hits and misses."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simengine.explain.intervals import Z95, Floats

OUTERMOST = 2.326
"""Normal scores within which a curve is read: one value in a hundred lies beyond on either side."""
_STEPS, _ROUNDS, _SETTLED, _FLAT = 233, 50, 1e-7, 1e12


class Curve(NamedTuple):
    """`probit P(hit | x)`, a cubic in the normal score of x: coefficients, and their covariance."""

    coefficients: Floats
    covariance: Floats

    def at(self, score: Floats) -> tuple[Floats, Floats]:
        """The probit at normal scores, and its standard error."""
        terms = _terms(score)
        return terms @ self.coefficients, np.sqrt(np.einsum("ij,jk,ik->i", terms, self.covariance, terms))


class Crossing(NamedTuple):
    """Where a curve crosses a probability: score, the ends of its 95 % interval, and whether P(hit) rises with it.

    An end is infinite where no score in the range is surely on that side. `from_above`: at the median P(hit) is higher.
    """

    score: float
    lower: float
    upper: float
    rises: bool
    from_above: bool


def fitted(score: Floats, hit: Floats) -> Curve | None:
    """Fit a probit curve by maximum likelihood (Fisher scoring).

    `Φ⁻¹(P(hit | z)) = b0 + b1 z + b2 (z² - 1) + b3 (z³ - 3z)`: exact where x and the result are jointly normal, for
    then b2 = b3 = 0. McCullagh and Nelder, *Generalized Linear Models*, 1989, section 4.4.

    Parameters
    ----------
    score : normal scores, (n,)
    hit : zeros and ones, (n,)

    Returns
    -------
    None where hits and misses do not overlap, so that no curve is the likeliest one
    """
    from scipy.special import ndtri

    share = float(hit.mean())
    if not 0 < share < 1 or np.ptp(score) == 0:
        return None
    terms, sign = _terms(score), np.where(hit > 0, 1.0, -1.0)
    b = np.array([float(ndtri(share)), 0.0, 0.0, 0.0])
    likelihood, slope, information = _at(b, terms, sign)
    for _ in range(_ROUNDS):
        if not np.linalg.cond(information) < _FLAT:
            return None
        step = np.linalg.solve(information, slope)
        # The likelihood has one top: a step that leads down leads too far.
        while (tried := _at(b + step, terms, sign))[0] < likelihood - _SETTLED and np.abs(step).max() > _SETTLED:
            step = step / 2
        b = b + step
        likelihood, slope, information = tried
        if np.abs(step).max() < _SETTLED:
            return Curve(b, np.asarray(np.linalg.inv(information), np.float64))
    return None


def _at(b: Floats, terms: Floats, sign: Floats) -> tuple[float, Floats, Floats]:
    """Log likelihood, its slope, and Fisher's information, at some coefficients."""
    from scipy.special import log_ndtr

    eta = terms @ b
    log_density = -(eta**2) / 2 - math.log(2 * math.pi) / 2
    right = log_ndtr(sign * eta)
    towards = np.exp(log_density - right)
    weight = towards * np.exp(log_density - log_ndtr(-sign * eta))
    return float(right.sum()), terms.T @ (sign * towards), (terms * weight[:, None]).T @ terms


def crossing(curve: Curve, probability: float) -> Crossing | None:
    """Where a curve crosses a probability: going out from the median of x, the first place.

    Its interval holds all scores at which the probability is within the curve's own 95 % interval (a test at each,
    turned round; Fieller, J. R. Statist. Soc. B 16, 1954, 175-185). Beyond the outermost scores nothing is looked for.

    Returns
    -------
    None where there is no such place, or where no score beyond it is surely on the other side
    """
    from scipy.special import ndtri

    grid = np.linspace(-OUTERMOST, OUTERMOST, _STEPS)
    eta, error = curve.at(grid)
    rises = bool(eta[3 * _STEPS // 4] >= eta[_STEPS // 4])
    if not rises:
        eta, error = eta[::-1], error[::-1]
    over = eta - float(ndtri(probability))
    middle = _STEPS // 2
    from_above = bool(over[middle] > 0)
    place = _leftwards(over[: middle + 1]) if from_above else middle + _rightwards(over[middle:])
    if not math.isfinite(place):
        return None
    # Scores where P(hit) is surely lower lie to the left, where it is surely higher to the right.
    left, right = math.floor(place), math.ceil(place)
    lower = _leftwards((over + Z95 * error)[: left + 1])
    upper = right + _rightwards((over - Z95 * error)[right:])
    if not math.isfinite(lower if from_above else upper):
        return None
    score, low, high = (_score(grid, at) for at in (place, lower, upper))
    return Crossing(score, low, high, rises, from_above) if rises else Crossing(-score, -high, -low, rises, from_above)


def _terms(score: Floats) -> Floats:
    return np.stack([np.ones_like(score), score, score**2 - 1, score**3 - 3 * score], axis=1)


def _leftwards(values: Floats) -> float:
    """Place, from the last one on to the left, at which values are no longer above zero; minus infinity if none is."""
    found = np.flatnonzero(values <= 0)
    if not found.size:
        return -math.inf
    i = int(found[-1])
    return float(i) if i + 1 == len(values) else i + float(values[i] / (values[i] - values[i + 1]))


def _rightwards(values: Floats) -> float:
    """Place, from the first one on to the right, at which values are no longer below zero; infinity if none is."""
    return len(values) - 1 - _leftwards(-values[::-1])


def _score(grid: Floats, place: float) -> float:
    return float(np.interp(place, np.arange(len(grid)), grid)) if math.isfinite(place) else place
