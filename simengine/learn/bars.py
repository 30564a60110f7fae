"""From walks on some draws, and two runs with more of them, to bars that add up to what the runs report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from simengine.explain.intervals import Floats
from simengine.learn.orders import Walked

_ROUNDING = 1e-11
"""A share of a result that is rounding."""
Term = tuple[Floats, Floats]
"""Of a sum over draws: results (n, q), and the weight (q,) that each has."""


class Reported(NamedTuple):
    """What a run reports: q results on each of its n draws, (n, q), and its seed."""

    told: Floats
    seed: int


class Bars(NamedTuple):
    """Bars (q, m) with their covariances (q, m, m); what the runs report beyond them, and in all, with errors, (q,)."""

    bar: Floats
    covariance: Floats
    beyond: Floats
    beyond_error: Floats
    change: Floats
    change_error: Floats

    @property
    def error(self) -> Floats:
        """Standard errors of the bars, (q, m)."""
        return np.asarray(np.sqrt(np.einsum("qii->qi", self.covariance)))


def bars(found: Walked, old: Reported, new: Reported, seed: int) -> Bars:
    r"""Bars of m players, from walks on n draws and what two runs report on theirs.

    The runs know the mean of either end, y, on N draws instead of n. What that tells of the bars is taken into account
    by regression (double sampling; Cochran, Sampling Techniques, 3rd ed. 1977, sections 12.6 and 12.7): with the slopes
    b_i of the effects of player i on both ends, over the walk's draws,

        φ_i = φ̄_i + b_i'(ȳ_N − ȳ_n),      Cov(φ_i, φ_j) = Cov(residuals)/n + b_i' Cov(y) b_j / N

    An end counts where its run has the seed of the walk and is longer. Effects add up to the change of a path, so that
    with both ends the bars add up to the reported change R by themselves; else what is left, `R − Σ φ_i`, is a bar of
    its own, whose error counts each draw once with all that it contributes.

    The first result is whether a target is hit. Its effects are mostly 0: to each variance that of one change up and
    one down on half a draw each is added, 1/n², so that nothing seen is not yet certainty (in the manner of Agresti and
    Min, Statist. Med. 24, 2005, 729-740).

    Parameters
    ----------
    found : the walk
    old, new : what the runs report; draws of the same seed and number have the same chance
    seed : of the walk
    """
    n, results, players = found.effects.shape
    ends = [
        _End(own, run) for own, run in ((found.old, old), (found.new, new)) if run.seed == seed and len(run.told) > n
    ]
    bar, covariance = np.empty((results, players)), np.empty((results, players, players))
    total = np.zeros((len(ends), results))
    for q in range(results):
        bar[q], covariance[q], slope = _regressed(found.effects[:, q], ends, q)
        total[:, q] = slope.sum(axis=1)
    covariance[0] += np.eye(players) / n**2
    change = new.told.mean(axis=0) - old.told.mean(axis=0)
    beyond = np.array([value - math.fsum(row) for value, row in zip(change, bar, strict=True)])
    walk = [(found.old, np.full(results, 1 / n)), (found.new, np.full(results, -1 / n))]
    for end, slope in zip(ends, total, strict=True):
        walk += [(end.own, slope / n), (end.run.told, -slope / len(end.run.told))]
    reported = dict(_by_stream(old, new))
    beyond_error = _error({**reported, seed: [*reported[seed], *walk]})
    is_rounding = np.abs(beyond) + beyond_error <= _ROUNDING * (
        np.abs(old.told).mean(axis=0) + np.abs(new.told).mean(axis=0)
    )
    beyond, beyond_error = (np.where(is_rounding, 0.0, told) for told in (beyond, beyond_error))
    return Bars(bar, covariance, beyond, beyond_error, change, _error(reported))


class _End(NamedTuple):
    """An end of the walk, (n, q), and the longer run that knows more of it."""

    own: Floats
    run: Reported


def _regressed(effects: Floats, ends: Sequence[_End], q: int) -> tuple[Floats, Floats, Floats]:
    """Bars (m,), their covariance (m, m), and slopes (ends, m), of the effects (n, m) on one result."""
    n, mean = len(effects), effects.mean(axis=0)
    apart = effects - mean
    y = np.stack([end.own[:, q] for end in ends], axis=1) if ends else np.empty((n, 0))
    further = np.array([end.run.told[:, q].mean() for end in ends]) - y.mean(axis=0)
    y = y - y.mean(axis=0)
    square = y.T @ y
    known = bool(np.isfinite(square).all() and np.isfinite(further).all())
    slope = np.linalg.pinv(square, hermitian=True) @ (y.T @ apart) if known else np.zeros((len(ends), effects.shape[1]))
    residual = apart - y @ slope if known else apart
    # Means over the first N and N' draws share the shorter ones.
    longer = np.array([[max(len(a.run.told), len(b.run.told)) for b in ends] for a in ends]).reshape(square.shape)
    covariance = residual.T @ residual / (n * (n - 1)) + slope.T @ (square / (n - 1) / longer) @ slope
    return mean + (further @ slope if known else 0.0), covariance, slope


def _error(streams: Mapping[int, Sequence[Term]]) -> Floats:
    """Standard error (q,) of a sum over draws of independent streams."""
    return np.asarray(np.sqrt(np.sum([_variance(terms) for terms in streams.values()], axis=0)))


def _by_stream(old: Reported, new: Reported) -> Iterator[tuple[int, list[Term]]]:
    """The reported change as a sum over draws, by their seed."""
    for stream in sorted({old.seed, new.seed}):
        signed = [(run, sign / len(run.told)) for sign, run in ((-1, old), (1, new)) if run.seed == stream]
        yield stream, [(run.told, np.full(run.told.shape[1], weight)) for run, weight in signed]


def _variance(terms: Sequence[Term]) -> Floats:
    """Variance (q,) of a sum over draws, of which each has the same place in all terms."""
    ends = sorted({0, *(len(told) for told, _ in terms)})
    total = np.zeros(terms[0][0].shape[1])
    for first, last in pairwise(ends):
        if last - first > 1:
            inside = [weight * told[first:last] for told, weight in terms if len(told) >= last]
            total += (last - first) * np.sum(inside, axis=0).var(axis=0, ddof=1)
    return total
