"""A result as a polynomial of the scores of its assumptions: what a ranking knows in closed form.

Each assumption has a standard normal score z_i; the scores are jointly normal with correlation R. The surrogate is

    f(z) = β₀ + Σ_i Σ_k β_ik h_k(z_i) + Σ_i<j β_ij s_i s_j

with orthonormal Hermite polynomials h_k (h₁ = z, h₂ = (z² − 1)/√2, …). An assumption with few values has one
coefficient for each instead of Hermite terms. s_i is z_i, or the standardised value where it has few values and is
independent of all others. Terms of one assumption up to the third order are always there; the others enter as the
residuals ask for them. Products that did not enter are there as well, together, as one small quadratic form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.explain.intervals import Floats
from simengine.explain.ranks import normal_scores

Order = tuple[int, int]
"""An input, and the order of its Hermite polynomial."""
Pair = tuple[int, int]

ALWAYS, HIGHEST = 3, 4
"""Order of Hermite polynomials up to which all are there, and the highest that may enter."""
MOST_LEVELS = 20
"""Values up to which an assumption counts as one with few values."""
DRAWS_PER_TERM = 8
"""Draws for each term, at least: with fewer, the error of a coefficient is hardly known."""
_ENTERS = 3.5
"""Standard errors beyond which a term enters: of a thousand without effect, one in two rankings lets one in."""
_ROUNDS = 5
_CORRELATED = 4.0
"""Standard errors of a sample correlation that count, where a run does not say how its scores hang together."""


class Steps(NamedTuple):
    """An assumption with few values: the scores at which it changes its value, and the values, from low to high."""

    thresholds: Floats
    values: Floats

    @property
    def probability(self) -> Floats:
        """Of each value."""
        from scipy.special import ndtr

        return np.diff(ndtr(self.thresholds), prepend=0.0, append=1.0)

    @property
    def standardised(self) -> Floats:
        """The values, with mean 0 and variance 1."""
        mean = self.probability @ self.values
        return np.asarray((self.values - mean) / math.sqrt(self.probability @ (self.values - mean) ** 2))

    def hermite(self, highest: int) -> Floats:
        """`E[1(value l) h_k(z)]`, (highest, values): ∫ He_k φ from a to b is He_{k−1}(a) φ(a) − He_{k−1}(b) φ(b)."""
        t = self.thresholds
        density = np.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
        edges = [hermite(t, k - 1) * density * math.sqrt(math.factorial(k - 1)) for k in range(1, highest + 1)]
        return np.array(
            [-np.diff(e, prepend=0.0, append=0.0) / math.sqrt(math.factorial(k)) for k, e in enumerate(edges, 1)]
        )


@dataclass(frozen=True)
class Inputs:
    """Assumptions as a surrogate sees them.

    Attributes
    ----------
    z : (n, k) normal scores
    correlation : (k, k) of the scores
    values : (n, k)
    """

    z: Floats
    correlation: Floats
    values: Floats

    @staticmethod
    def of(ds: xr.Dataset) -> Inputs:
        """The assumptions, events and shocks of a run.

        Where a run holds values only, the scores are those of their ranks and the correlations those of the scores;
        what is within noise of zero counts as zero.
        """
        values = ds["assumption_value"].values
        if "assumption_z" in ds and "score_correlation" in ds:
            return Inputs(ds["assumption_z"].values, ds["score_correlation"].values, values)
        z = np.empty(values.shape)
        for place, column in enumerate(values.T):
            z[:, place] = normal_scores(np.ascontiguousarray(column))
        spread = z.std(axis=0)
        z = z / np.where(spread > 0, spread, 1.0)
        correlation = z.T @ z / len(z)
        correlation[np.abs(correlation) < _CORRELATED / math.sqrt(len(z))] = 0.0
        np.fill_diagonal(correlation, 1.0)
        return Inputs(z, correlation, values)

    def at(self, draws: NDArray[np.bool_]) -> Inputs:
        """Only some of the draws."""
        return replace(self, z=self.z[draws], values=self.values[draws])

    @cached_property
    def varies(self) -> NDArray[np.bool_]:
        """Whether each assumption varies at all."""
        return np.asarray(np.ptp(self.values, axis=0) > 0)

    @cached_property
    def alone(self) -> NDArray[np.bool_]:
        """Whether each score is independent of all others."""
        return np.asarray(np.count_nonzero(self.correlation, axis=0) == 1)

    @cached_property
    def steps(self) -> dict[int, Steps]:
        """The assumptions that have few values."""
        found = {}
        for i in np.flatnonzero(self.varies):
            first = np.unique(self.values[: 50 * MOST_LEVELS, i])
            if len(first) <= MOST_LEVELS and len(levels := np.unique(self.values[:, i])) <= MOST_LEVELS:
                found[int(i)] = Steps(self._thresholds(int(i), levels), levels)
        return found

    def _thresholds(self, i: int, levels: Floats) -> Floats:
        """Half-way between the highest score of a value and the lowest of the next one."""
        from scipy.special import ndtri

        level = np.searchsorted(levels, self.values[:, i])
        highest, lowest = np.full(len(levels), -np.inf), np.full(len(levels), np.inf)
        np.maximum.at(highest, level, self.z[:, i])
        np.minimum.at(lowest, level, self.z[:, i])
        if (lowest == highest).all():  # scores of tied ranks
            return np.asarray(ndtri(np.cumsum(np.bincount(level))[:-1] / len(level)))
        return np.asarray((highest[:-1] + lowest[1:]) / 2)

    @cached_property
    def squareless(self) -> NDArray[np.bool_]:
        """Whether the square of an assumption's factor says nothing new: few values, independent of all others."""
        few = np.zeros(len(self.varies), dtype=bool)
        few[[*self.steps]] = True
        return few & self.alone

    @cached_property
    def hermite(self) -> dict[int, Floats]:
        """Hermite polynomials of every score, (n, k), by order."""
        return {order: hermite(self.z, order) for order in range(1, HIGHEST + 1)}

    @cached_property
    def inverse(self) -> Floats:
        """Of the correlation; zero along what never varies."""
        varies = self.varies.astype(float)
        return np.asarray(np.linalg.pinv(self.correlation, hermitian=True) * varies * varies[:, None])

    @cached_property
    def factors(self) -> Floats:
        """s of every assumption, (n, k): what a product is made of; 0 for what never varies."""
        s = np.where(self.varies, self.z, 0.0)
        for i, steps in self.steps.items():
            if self.alone[i]:
                s[:, i] = steps.standardised[np.searchsorted(steps.values, self.values[:, i])]
        return s


@dataclass(frozen=True)
class Terms:
    """The terms of a surrogate: Hermite polynomials, then values of assumptions with few of them, then products."""

    hermite: tuple[Order, ...]
    steps: tuple[int, ...]
    pairs: tuple[Pair, ...] = ()

    def count(self, inputs: Inputs) -> int:
        """How many there are."""
        return len(self.hermite) + sum(len(inputs.steps[i].values) - 1 for i in self.steps) + len(self.pairs)

    def labels(self, inputs: Inputs) -> list[tuple[int, ...]]:
        """What each term is, in order: (input, order), (input, −value), (input, input, 0)."""
        values = ((i, -value) for i in self.steps for value in range(1, len(inputs.steps[i].values)))
        return [*self.hermite, *values, *((i, j, 0) for i, j in self.pairs)]

    def within(self, members: NDArray[np.bool_]) -> Terms:
        """The terms in which only members, (k,), occur."""
        return Terms(
            tuple(term for term in self.hermite if members[term[0]]),
            tuple(i for i in self.steps if members[i]),
            tuple(pair for pair in self.pairs if members[list(pair)].all()),
        )

    def columns(self, inputs: Inputs) -> Floats:
        """Every term at every draw, (n, terms); each has mean zero in the population."""
        levels = {i: np.searchsorted(inputs.steps[i].values, inputs.values[:, i]) for i in self.steps}
        return self._stacked(inputs, inputs.hermite, levels, inputs.factors)

    def at(self, z: Floats, inputs: Inputs) -> Floats:
        """Every term at any scores, (m, k): (m, terms). An assumption with few values has that of its score."""
        levels = {i: np.searchsorted(inputs.steps[i].thresholds, z[:, i]) for i in self.steps}
        factors = np.where(inputs.varies, z, 0.0)
        for i, level in levels.items():
            if inputs.alone[i]:
                factors[:, i] = inputs.steps[i].standardised[level]
        return self._stacked(inputs, {order: hermite(z, order) for order in inputs.hermite}, levels, factors)

    def _stacked(
        self, inputs: Inputs, hermites: dict[int, Floats], levels: dict[int, NDArray[np.intp]], factors: Floats
    ) -> Floats:
        made = [hermites[order][:, i] for i, order in self.hermite]
        for i, level in levels.items():
            p = inputs.steps[i].probability
            made += [(level == one) - p[one] for one in range(1, len(p))]
        made += [factors[:, i] * factors[:, j] for i, j in self.pairs]
        return np.stack(made, axis=1) if made else np.empty((len(factors), 0))


@dataclass(frozen=True)
class Surrogate:
    """A surrogate that was fitted to n draws of a result, and what each draw contributes to it.

    Attributes
    ----------
    inputs, terms : what it is made of
    coefficients : (terms,)
    influence : (terms, n) what each draw contributes to each coefficient; `influence @ influence.T / n²` is their
        covariance, whatever the variance of the residuals and however it changes
    fitted, residual : (n,)
    noise : variance of the residuals, corrected for the number of terms
    free : draws less what was fitted: of a product that did not enter, the terms leave `free / n` to be seen
    rest : (k, k) quadratic form of all products that did not enter: each within noise, together perhaps not
    columns : (n, terms) the terms, less their means
    projected : (n, terms) `projected.T @ y` are the coefficients
    """

    inputs: Inputs
    terms: Terms
    coefficients: Floats
    influence: Floats
    fitted: Floats
    residual: Floats
    noise: float
    free: int
    rest: Floats
    columns: Floats
    projected: Floats
    covariance: Floats = field(init=False)

    def __post_init__(self) -> None:
        covariance = self.influence @ self.influence.T / len(self.residual) ** 2
        object.__setattr__(self, "covariance", covariance)

    def terms_at(self, z: Floats) -> Floats:
        """Every term at any scores, (m, k): `coefficients @ terms_at(z)` is the surrogate there, but for a constant."""
        return self.terms.at(z, self.inputs)

    def left(self, y: Floats, members: NDArray[np.bool_]) -> tuple[Floats, int]:
        """What is left of y, (n,), less what terms of the members, (k,), find of it, and the number of these terms."""
        within = self.terms.within(members)
        places = within.columns(self.inputs)
        places = places - places.mean(axis=0)
        centred = y - y.mean()
        return centred - places @ np.linalg.lstsq(places, centred, rcond=None)[0], places.shape[1]

    def influence_of_rest(self, gradients: Floats) -> Floats:
        """What each draw contributes to quantities by way of the rest, (m, n), from their gradients in it (m, k, k).

        Only as far as no term has it already: the residuals are orthogonal to the terms.
        """
        x = self.inputs.factors @ self.inputs.inverse
        squares = np.empty((len(x), len(gradients)))
        for place, gradient in enumerate(gradients):
            squares[:, place] = np.einsum("na,na->n", x @ gradient, x)
        squares -= squares.mean(axis=0)
        squares -= self.columns @ (self.projected.T @ squares)
        return np.asarray((self.residual[:, None] * squares).T * (len(x) / self.free / 2))


def hermite(z: Floats, order: int) -> Floats:
    """The orthonormal Hermite polynomial He_k(z)/√k!.

    >>> hermite(np.array([0.0, 1.0, 3.0]), 2).round(4).tolist()
    [-0.7071, 0.0, 5.6569]
    """
    before, here = np.zeros_like(z), np.ones_like(z)
    for k in range(order):
        before, here = here, z * here - k * before
    return here / math.sqrt(math.factorial(order))


def smallest(inputs: Inputs) -> Terms:
    """The terms that are always there: of each assumption, as far as there are draws for it."""
    smooth = [int(i) for i in np.flatnonzero(inputs.varies) if i not in inputs.steps]
    whole = Terms(tuple((i, order) for order in range(1, ALWAYS + 1) for i in smooth), tuple(inputs.steps))
    return whole if DRAWS_PER_TERM * whole.count(inputs) <= len(inputs.z) else lines(inputs)


def lines(inputs: Inputs) -> Terms:
    """A line for each assumption, and a level for each value of one with few values, if there are draws for them."""
    varying = [int(i) for i in np.flatnonzero(inputs.varies)]
    terms = Terms(tuple((i, 1) for i in varying if i not in inputs.steps), tuple(inputs.steps))
    if DRAWS_PER_TERM * terms.count(inputs) <= len(inputs.z):
        return terms
    two_values = tuple(i for i, steps in inputs.steps.items() if len(steps.values) == 2)
    return Terms(tuple((i, 1) for i in varying if i not in two_values), two_values)


def fit(inputs: Inputs, y: Floats) -> Surrogate:
    """Fit a surrogate by least squares; terms enter where the residuals hang on them.

    Parameters
    ----------
    inputs : k assumptions at n draws
    y : (n,) the result
    """
    terms = smallest(inputs)
    found = _solved(inputs, terms, y)
    for _ in range(_ROUNDS):
        added = _entering(found)
        if added == terms:
            break
        terms = added
        found = _solved(inputs, terms, y)
    kept = _staying(found)
    return found if kept == terms else _solved(inputs, kept, y)


def _solved(inputs: Inputs, terms: Terms, y: Floats) -> Surrogate:
    n, columns = len(y), terms.columns(inputs)
    columns = columns - columns.mean(axis=0)
    centred = y - y.mean()
    inverse = np.linalg.pinv(columns.T @ columns, hermitian=True)
    projected = columns @ inverse
    coefficients = projected.T @ centred
    fitted = columns @ coefficients
    residual = centred - fitted
    # HC3: a draw that pulls the fit to itself has a residual that is too small.
    leverage = np.einsum("np,np->n", projected, columns) + 1 / n
    influence = n * (projected * (residual / np.maximum(1 - leverage, 0.05))[:, None]).T
    free = max(1, n - 1 - columns.shape[1])
    rest = _rest(inputs, residual, free)
    noise = float(residual @ residual) / free
    return Surrogate(inputs, terms, coefficients, influence, fitted, residual, noise, free, rest, columns, projected)


def _rest(inputs: Inputs, residual: Floats, free: int) -> Floats:
    """`R⁻¹ E[r (s s' − R)] R⁻¹ / 2`: the quadratic form of the residuals, without squares that say nothing new."""
    s = inputs.factors
    rest = inputs.inverse @ (s.T @ (residual[:, None] * s)) @ inputs.inverse / (2 * free)
    rest[inputs.squareless, inputs.squareless] = 0.0
    return np.asarray(rest)


def _entering(found: Surrogate) -> Terms:
    """The terms, and those that the residuals ask for, the strongest first where there are too few draws for all."""
    inputs, terms, residual = found.inputs, found.terms, found.residual
    smooth = sorted({i for i, _ in terms.hermite})
    asked: list[tuple[float, Order | None, Pair | None]] = []
    for order in range(2, HIGHEST + 1):
        of_order = _strength(inputs.hermite[order], residual)
        asked += [(float(of_order[i]), (i, order), None) for i in smooth if (i, order) not in terms.hermite]
    strength = _strength_of_products(inputs.factors, residual)
    for i, j in zip(*np.nonzero(np.triu(strength > _ENTERS, 1)), strict=True):
        pair = int(i), int(j)
        if pair not in terms.pairs:
            asked.append((float(strength[pair]), None, pair))
    room = len(residual) // DRAWS_PER_TERM - len(found.coefficients)
    taken = sorted((entry for entry in asked if entry[0] > _ENTERS), key=lambda entry: -entry[0])[: max(0, room)]
    orders = tuple(order for _, order, _ in taken if order)
    pairs = tuple(pair for _, _, pair in taken if pair)
    return Terms((*terms.hermite, *sorted(orders)), terms.steps, (*terms.pairs, *sorted(pairs)))


def _staying(found: Surrogate) -> Terms:
    """The terms without those that entered in the place of another one that came in later."""
    terms, always = found.terms, smallest(found.inputs).hermite
    strength = _over(np.abs(found.coefficients), np.sqrt(np.diag(found.covariance)))
    first, last = len(terms.hermite), len(strength) - len(terms.pairs)
    orders = [term for term, t in zip(terms.hermite, strength[:first], strict=True) if term in always or t > _ENTERS]
    pairs = [term for term, t in zip(terms.pairs, strength[last:], strict=True) if t > _ENTERS]
    return Terms(tuple(orders), terms.steps, tuple(pairs))


def _strength(columns: Floats, residual: Floats) -> Floats:
    """How many standard errors the residuals' covariance with each column is from zero."""
    return np.abs(_over(columns.T @ residual, np.sqrt((columns**2).T @ residual**2)))


def _strength_of_products(s: Floats, residual: Floats) -> Floats:
    """The same for the products of all pairs of columns, (k, k)."""
    squares = s**2
    spread = np.sqrt(squares.T @ ((residual**2)[:, None] * squares))
    return np.abs(_over(s.T @ (residual[:, None] * s), spread))


def _over(sums: Floats, spread: Floats) -> Floats:
    return np.divide(sums, spread, out=np.zeros_like(spread), where=spread > 0)
