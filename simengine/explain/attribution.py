"""Shares of a result's variance that add up: every assumption, random variation, and what could not be attributed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simengine.explain.intervals import Z95, Bounded, Floats, Interval, share_interval
from simengine.explain.shapley import Effects, Expansion
from simengine.explain.surrogate import Inputs, Surrogate, fit
from simengine.explain.variance import standard_error

GATE = 0.95
"""Share of what assumptions explain that the surrogate must find, or the ranking says that it must not be trusted."""


@dataclass(frozen=True)
class Shares:
    """Shares of variance of k assumptions, and what each of n draws contributes to them.

    `influence` (k, n): the standard error of any sum or difference of shares follows from it, paired draw by draw.
    """

    share: Interval
    influence: Floats

    def total(self, members: Floats) -> Bounded:
        """The share of a group: the sum over its members, (k,) of ones and zeros."""
        share = float(self.share.estimate @ members)
        margin = Z95 * standard_error(members @ self.influence)
        return share, share - margin, share + margin


@dataclass(frozen=True)
class Attribution:
    """The variance of a result, taken apart.

    Attributes
    ----------
    surrogate : what it rests on
    shapley : share of each assumption, shared causes divided fairly; with the next two they make up 1
    random_variation : share that would remain if every assumption were known; nan without twins
    unattributed : share that assumptions explain and the surrogate does not find; without twins also random variation
    alone : first-order share of each assumption, by the surrogate
    quality : share of what assumptions explain that the surrogate finds; nan without twins
    variance : of the result
    """

    surrogate: Surrogate
    shapley: Shares
    random_variation: Bounded
    unattributed: Bounded
    alone: Shares
    quality: Bounded
    variance: float

    @property
    def trusted(self) -> bool:
        """Whether the surrogate finds enough of what assumptions explain, as far as can be told."""
        return not (self.quality[0] < GATE and self.quality[2] < 1)


def attribute(inputs: Inputs, y: Floats, twin: Floats) -> Attribution:
    """Take the variance of a result apart, from draws that were made anyway.

    With a surrogate f of the result, its residuals r, and residuals r' of the twins (the same assumptions, other random
    variation): what f misses is `E[r r']`, for random variation is independent in the two; random variation is
    `Var(r) − E[r r']`; and `V = Var(f) + Var(r)` with the variance of f in the population. What noise alone puts into
    an effect is taken out again, so that it has no bias.

    Parameters
    ----------
    inputs : k assumptions at n draws
    y : (n,) the result
    twin : (n,) its twin; nan where a draw has none
    """
    surrogate = fit(inputs, y)
    effects = Effects(inputs, surrogate.terms)
    expansion, forms = effects.expansion, effects.shapley
    A = expansion.quadratic @ surrogate.coefficients + surrogate.rest
    squared = inputs.varies & ~inputs.squareless
    joint = (inputs.varies.sum() - 1) / 2 * inputs.varies
    shapley = _effects(surrogate, forms, effects.shapley_gradient(A), joint + squared, expansion)
    alone = _effects(surrogate, effects.alone, effects.alone_gradient(A), squared.astype(float), expansion)
    explained, of_explained = float(shapley.value.sum()), shapley.influence.sum(axis=0)
    fitted, of_fitted = _variance_of_terms(surrogate, forms, expansion)
    residual, noise = surrogate.residual, surrogate.noise
    variance, of_variance = fitted + noise, of_fitted + residual**2 - noise
    missed, of_missed = _missed(residual, twin - y.mean() - surrogate.fitted)
    # Products that did not enter were found all the same.
    unfound = missed - (explained - fitted) if math.isfinite(missed) else variance - explained
    of_unfound = of_missed - (of_explained - of_fitted) if math.isfinite(missed) else of_variance - of_explained

    def share(part: float, of_part: Floats, whole: float = variance, of_whole: Floats = of_variance) -> Bounded:
        ratio = part / whole if whole > 0 else math.nan
        margin = Z95 * standard_error(of_part - ratio * of_whole) / whole if whole > 0 else math.nan
        return ratio, ratio - margin, ratio + margin

    known, of_known = explained + unfound, of_explained + of_unfound
    return Attribution(
        surrogate,
        shapley=_shares(shapley, variance, of_variance),
        random_variation=share(noise - missed, residual**2 - noise - of_missed),
        unattributed=share(unfound, of_unfound),
        alone=_shares(alone, variance, of_variance),
        quality=share(explained, of_explained, known, of_known) if math.isfinite(missed) else (math.nan,) * 3,
        variance=variance,
    )


class _Effects(NamedTuple):
    """Effects of k assumptions in the square of the result's unit.

    Attributes
    ----------
    value : (k,) without bias
    bias : (k,) what noise alone puts in, taken out of `value`
    influence : (k, n) what each draw contributes
    """

    value: Floats
    bias: Floats
    influence: Floats


def _effects(surrogate: Surrogate, forms: Floats, gradients: Floats, squares: Floats, expansion: Expansion) -> _Effects:
    """Effects of all orders from (k, terms, terms), and of the quadratic form from its gradients (k, k, k).

    `squares` (k,) is the number of independent products in an effect: noise puts its variance into each.
    """
    beta = surrogate.coefficients
    whole = expansion.quadratic @ beta + surrogate.rest
    of_terms = forms @ beta
    raw = of_terms @ beta + np.tensordot(gradients, whole, 2) / 2
    gradient = 2 * of_terms + np.tensordot(gradients, expansion.quadratic, 2)
    influence = gradient @ surrogate.influence + surrogate.influence_of_rest(gradients)
    bias = np.einsum("iab,ab->i", forms, surrogate.covariance) + squares * surrogate.noise / surrogate.free
    return _Effects(raw - bias, bias, influence)


def _variance_of_terms(surrogate: Surrogate, forms: Floats, expansion: Expansion) -> tuple[float, Floats]:
    """Variance of the terms that entered, in the population, and what each draw contributes to it."""
    beta, R = surrogate.coefficients, surrogate.inputs.correlation
    known = np.tensordot(R, expansion.quadratic, 1)
    everything = forms.sum(axis=0) + 2 * np.tensordot(known, known, ((0, 1), (1, 0)))  # 2 tr(R A R A)
    value = float(beta @ everything @ beta - np.sum(everything * surrogate.covariance))
    return value, 2 * (everything @ beta) @ surrogate.influence


def _missed(residual: Floats, of_twin: Floats) -> tuple[float, Floats]:
    """`E[r r']` over the draws that have a twin, and what each draw contributes to it."""
    paired = np.isfinite(of_twin)
    pairs = int(paired.sum())
    if pairs == 0:
        return math.nan, np.full(len(residual), math.nan)
    product = np.where(paired, residual * np.where(paired, of_twin, 0.0), 0.0)
    missed = float(product.sum()) / pairs
    return missed, (product - missed * paired) * len(residual) / pairs


def _shares(effects: _Effects, variance: float, of_variance: Floats) -> Shares:
    """Effects as shares of variance."""
    share, noise = effects.value / variance, effects.bias / variance
    influence = (effects.influence - np.outer(share, of_variance)) / variance
    explained = np.clip(share + noise, 0.0, 1.0)
    bounds = [share_interval(e, b, standard_error(i)) for e, b, i in zip(explained, noise, influence, strict=True)]
    return Shares(Interval(share, *np.array(bounds, dtype=float).reshape(-1, 3).T[1:]), influence)
