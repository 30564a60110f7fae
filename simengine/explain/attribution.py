"""Shares of a result's variance that add up: every assumption, random variation, and what could not be attributed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.intervals import Z95, Bounded, Floats, Interval, share_interval, stacked
from simengine.explain.shapley import Effects, Expansion
from simengine.explain.surrogate import Inputs, Surrogate, fit
from simengine.explain.variance import FirstOrder, standard_error

GATE = 0.95
"""Share of what assumptions explain that the surrogate must find, or the ranking says that it must not be trusted."""
_CONTRADICTION = 4.0
"""Standard errors between two estimates of what an assumption explains alone that are no chance."""
FEWEST_TWINS = 50
"""With fewer, intervals of what rests on twins were measured to be too short; with one they have no length at all."""


@dataclass(frozen=True)
class Shares:
    """Shares of variance of k assumptions, and what each of n draws contributes to them.

    `influence` (k, n): the standard error of any sum or difference of shares follows from it, paired draw by draw.
    """

    share: Interval
    influence: Floats

    def total(self, members: NDArray[np.bool_]) -> Bounded:
        """The share of a group: the sum over its members, (k,)."""
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
        return not (self.quality[0] < GATE and self.unattributed[1] > 0)


def attribute(inputs: Inputs, y: Floats, twin: Floats) -> Attribution:
    """Take the variance of a result apart, from draws that were made anyway.

    With a surrogate f of the result, its residuals r, and residuals r' of the twins (the same assumptions, other random
    variation): random variation is `E[(r − r')²] / 2`, whatever f is; the result has the variance `V = Var(f) + Var(r)`
    with that of f in the population; and what is neither found by f nor random is not attributed. What noise alone
    puts into an effect is taken out again, so that it has no bias.

    Parameters
    ----------
    inputs : k assumptions at n draws
    y : (n,) the result
    twin : (n,) its twin; nan where a draw has none; of fewer than 50 nothing is said
    """
    y, twin = y - y[0], twin - y[0]  # a result that never varies is then 0 exactly, and so is its variance
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
    random, of_random = _random(residual, twin - y.mean() - surrogate.fitted, noise)
    has_twins = math.isfinite(random)
    unfound = variance - explained - (random if has_twins else 0.0)
    of_unfound = of_variance - of_explained - (of_random if has_twins else 0.0)

    def share(part: float, of_part: Floats, whole: float = variance, of_whole: Floats = of_variance) -> Bounded:
        ratio = part / whole if whole > 0 else math.nan
        margin = Z95 * standard_error(of_part - ratio * of_whole) / whole if whole > 0 else math.nan
        return ratio, ratio - margin, ratio + margin

    known, of_known = explained + unfound, of_explained + of_unfound
    return Attribution(
        surrogate,
        shapley=_shares(shapley, variance, of_variance),
        random_variation=share(random, of_random),
        unattributed=share(unfound, of_unfound),
        alone=_shares(alone, variance, of_variance),
        quality=share(explained, of_explained, known, of_known) if has_twins else (math.nan,) * 3,
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


def _random(residual: Floats, of_twin: Floats, noise: float) -> tuple[float, Floats]:
    """Variance due to random variation, `E[(r − r')²] / 2` over the draws with a twin, and what each draw contributes.

    With a control variate: the residuals of these draws have the same variance as those of all draws, which is known
    better. Its weight is that of least variance for normal residuals, of which random variation is the share q:
    `q² / (1 + (1 − q)²)`, 1 where all is random, 0 where twins do not differ. A weight from the products of residuals
    themselves depends on the same large ones as the control, and the estimate would have a bias.
    """
    paired = np.isfinite(of_twin)
    pairs = int(paired.sum())
    if pairs < FEWEST_TWINS:
        return math.nan, np.full(len(residual), math.nan)
    other, weight = np.where(paired, of_twin, 0.0), paired * (len(residual) / pairs)
    halves = weight * (residual - other) ** 2 / 2
    squares = weight * (residual**2 + other**2) / 2
    among_twins, of_twins = float(halves.mean()), halves - weight * halves.mean()
    control, of_control = noise - float(squares.mean()), residual**2 - noise - (squares - weight * squares.mean())
    q = min(1.0, among_twins / float(squares.mean())) if squares.any() else 0.0
    least = q**2 / (1 + (1 - q) ** 2)
    return among_twins + least * control, of_twins + least * of_control


def _shares(effects: _Effects, variance: float, of_variance: Floats) -> Shares:
    """Effects as shares of variance; nan where there is none."""
    if not variance > 0:
        unknown = np.full(len(effects.value), np.nan)
        return Shares(Interval(unknown, unknown, unknown), np.zeros_like(effects.influence))
    share, noise = effects.value / variance, effects.bias / variance
    influence = (effects.influence - np.outer(share, of_variance)) / variance
    explained = np.clip(share + noise, 0.0, 1.0)
    rows = zip(explained, noise, influence, strict=True)
    bounds = stacked(share_interval(e, b, standard_error(i)) for e, b, i in rows)
    return Shares(bounds._replace(estimate=share), influence)


def contradicts(modelled: Shares, binned: FirstOrder) -> NDArray[np.bool_]:
    """Where a model's first-order shares, (k,), and those of bins, which know no model, differ by more than chance."""
    apart = modelled.share.estimate - binned.share.estimate
    errors = [standard_error(difference) for difference in modelled.influence - binned.influence]
    return np.asarray(np.abs(apart) > _CONTRADICTION * np.array(errors))
