"""A posterior as a plan states it: a distribution for each assumption that moved, and rank correlations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simengine.assumptions.dependence import Dependence, DependenceError
from simengine.assumptions.distributions import build
from simengine.assumptions.laws import Beta, Distribution, Fixed, Gamma, Lognormal, Normal
from simengine.assumptions.spec import SpecError
from simengine.learn.piece import Array
from simengine.learn.posterior import Posterior
from simengine.plan.schema import Plan

Spec = dict[str, Any]

TOLERANCE = 0.1
"""How far a distribution may be from the draws at each of `LEVELS`, in standard deviations of the draws."""
LEVELS = 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95
_KOLMOGOROV = 1.949
"""Of sqrt(n) times the largest difference of two distribution functions: exceeded once in a thousand by chance."""
_POINTS = (0.1, 0.5, 0.9), (0.05, 0.25, 0.5, 0.75, 0.95), (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_OBSERVED = 101
_NOISE = 3.0
"""Rank correlations of fewer standard errors are left out."""
_DIGITS = 5


@dataclass(frozen=True)
class Belief:
    """What is now believed of an assumption.

    Attributes
    ----------
    name : of the assumption
    distribution : as it stands in a plan, in the assumption's unit
    error : its largest distance from the draws at `LEVELS`, in their standard deviations
    prior, posterior : quantiles at 5, 50 and 95 %
    """

    name: str
    distribution: Spec
    error: float
    prior: tuple[float, float, float]
    posterior: tuple[float, float, float]


@dataclass(frozen=True)
class Beliefs:
    """What a plan is to state after an update; laws are as simulated: no source policy is to widen them again.

    Attributes
    ----------
    beliefs : of each assumption that moved
    unmoved : assumptions of which something spoke, and whose draws cannot be told from their prior
    events : of each event that evidence hangs on, the probability before and after that it happens in the plan
    groups : names whose dependence is stated anew: they leave every factor and older rank correlation
    rank_correlations : (name, name, Spearman), all that is between names of a group
    dependence_error : largest difference between a stated rank correlation and that of the draws, 0 where left out
    """

    beliefs: Mapping[str, Belief]
    unmoved: tuple[str, ...]
    events: Mapping[str, tuple[float, float]]
    groups: tuple[tuple[str, ...], ...]
    rank_correlations: tuple[tuple[str, str, float], ...]
    dependence_error: float


def beliefs(plan: Plan, posterior: Posterior) -> Beliefs:
    """State a posterior as a plan does.

    The family that an assumption had is kept where it fits the draws within `TOLERANCE`; else it is a metalog through
    three to seven of their quantiles, and where none fits, the draws themselves.

    Parameters
    ----------
    plan : the plan that was learned from
    posterior : of `learn`
    """
    found, unmoved = {}, []
    index = {name: i for i, name in enumerate(posterior.names)}
    for name in posterior.spoken:
        if name not in plan.assumptions:
            continue
        if _has_moved(posterior.z[:, index[name]], posterior.ess[name]):
            i = index[name]
            spec, error = restated(posterior.values[:, i], plan.assumptions[name].distribution, posterior.laws[name])
            before, after = posterior.prior[i], posterior.quantiles[i]
            found[name] = Belief(name, spec, error, _three(before), _three(after))
        else:
            unmoved.append(name)
    events = {
        name: (1.0 - posterior.laws[name].at_most(0.0), float((posterior.column(name) > 0).mean()))
        for name in plan.events
        if name in posterior.spoken
    }
    groups = tuple(group for group in posterior.together if len(group) > 1)
    pairs: list[tuple[str, str, float]] = []
    error = 0.0
    for group in groups:
        stated, off = _correlations(group, posterior.z[:, [index[name] for name in group]])
        pairs += stated
        error = max(error, off)
    return Beliefs(found, tuple(unmoved), events, groups, tuple(pairs), error)


def _three(quantiles: Array) -> tuple[float, float, float]:
    low, middle, high = quantiles.tolist()
    return low, middle, high


def _has_moved(z: Array, effective: float) -> bool:
    """Whether scores are not standard normal, beyond what draws differ by chance (Kolmogorov)."""
    from scipy.special import ndtr

    n = len(z)
    u = np.sort(ndtr(z))
    steps = np.arange(n + 1) / n
    largest = max(float((steps[1:] - u).max()), float((u - steps[:-1]).max()))
    return largest * math.sqrt(min(n, effective)) > _KOLMOGOROV


def restated(values: Array, stated: Distribution, law: Distribution) -> tuple[Spec, float]:
    """A distribution of draws as a plan has it, and its distance from them (see `Belief.error`).

    Parameters
    ----------
    values : (n,) draws
    stated : the distribution of the plan, whose family is tried first
    law : the prior as simulated, whose bounds are kept

    Examples
    --------
    >>> from simengine.assumptions.laws import Normal
    >>> draws = Normal(6.0, 1.0).ppf((np.arange(4000) + 0.5) / 4000)
    >>> restated(draws, Normal(0.0, 9.0), Normal(0.0, 9.0))[0]
    {'normal': {'mean': 6.0, 'sd': 0.99984}}
    """
    if law.is_discrete or values.min() == values.max():
        return _of_values(values), 0.0
    best: tuple[Spec, float] | None = None
    for spec in (*_same_family(values, stated), *_metalogs(values, law)):
        error = _error(spec, values)
        if error <= TOLERANCE:
            return spec, error
        if best is None or error < best[1]:
            best = spec, error
    levels = (np.arange(_OBSERVED) + 0.5) / _OBSERVED
    observed = {"empirical": {"values": [_rounded(x) for x in np.quantile(values, levels)]}}
    error = _error(observed, values)
    return (observed, error) if best is None or error < best[1] else best


def _of_values(values: Array) -> Spec:
    """Single values with their probabilities."""
    found, counts = np.unique(values, return_counts=True)
    if len(found) == 1:
        return {"fixed": _rounded(found[0])}
    shares = np.round(counts / counts.sum(), 4)
    shares[np.argmax(shares)] += 1.0 - shares.sum()
    return {"discrete": {_rounded(x): round(float(p), 4) for x, p in zip(found, shares, strict=True) if p > 0}}


def _same_family(values: Array, stated: Distribution) -> Iterator[Spec]:
    mean, sd = float(values.mean()), float(values.std())
    if isinstance(stated, Beta) and 0 < mean < 1:
        yield {"beta": {"mean": _rounded(mean), "n": _rounded(mean * (1 - mean) / sd**2 - 1)}}
    elif isinstance(stated, Lognormal) and values.min() > 0:
        logs = np.log(values)
        yield {"lognormal": {"median": _rounded(math.exp(logs.mean())), "sigma": _rounded(logs.std())}}
    elif isinstance(stated, Gamma) and mean > 0:
        yield {"gamma": {"mean": _rounded(mean), "cv": _rounded(sd / mean)}}
    elif isinstance(stated, Normal):
        yield {"normal": {"mean": _rounded(mean), "sd": _rounded(sd)}}


def _metalogs(values: Array, law: Distribution) -> Iterator[Spec]:
    low, high = law.support()
    ends = {word: _rounded(end) for word, end in (("min", low), ("max", high)) if math.isfinite(end)}
    for points in _POINTS:
        quantiles = {f"P{100 * p:g}": _rounded(x) for p, x in zip(points, np.quantile(values, points), strict=True)}
        yield {"quantiles": {**quantiles, **ends}}


def _error(spec: Spec, values: Array) -> float:
    try:
        law = build(spec)
    except SpecError:
        return math.inf
    if isinstance(law, Fixed):
        return math.inf
    return float(np.abs(law.ppf(LEVELS) - np.quantile(values, LEVELS)).max() / values.std())


def _rounded(x: float) -> float:
    return float(f"{float(x):.{_DIGITS}g}")


def _correlations(names: Sequence[str], z: Array) -> tuple[list[tuple[str, str, float]], float]:
    """Rank correlations of a group that are beyond noise and possible together, and their largest error.

    Where leaving small ones out makes the rest impossible, all are drawn towards 0 by as little as it takes.
    """
    ranks = np.argsort(np.argsort(z, axis=0), axis=0).astype(np.float64)
    rho = np.corrcoef(ranks.T)
    kept = np.where(np.abs(rho) > _NOISE / math.sqrt(len(z)), rho, 0.0)
    rows, columns = np.nonzero(np.triu(kept, 1))
    for pull in (0.0, *np.geomspace(1e-3, 1.0, 40)):
        pairs = [
            (names[i], names[j], round(float((1.0 - pull) * kept[i, j]), 3))
            for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        pairs = [pair for pair in pairs if pair[2]]
        try:
            Dependence.build(names, {}, pairs)
        except DependenceError:
            continue
        stated = np.eye(len(names))
        place = {name: i for i, name in enumerate(names)}
        for a, b, r in pairs:
            stated[place[a], place[b]] = stated[place[b], place[a]] = r
        return pairs, float(np.abs(stated - rho).max())
    raise AssertionError("no correlation at all is always possible")
