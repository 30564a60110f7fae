"""Draws from a posterior over normal scores by elliptical slice sampling, many chains side by side.

The prior is N(0, Σ), the likelihood anything that can be evaluated. A step draws an ellipse through the current state
and another draw of a Gaussian law, a level below the current density, and a point of the ellipse above the level,
found by shrinking a bracket of angles: Murray, Adams and MacKay, *Elliptical slice sampling*, AISTATS 2010. It leaves
the posterior as it is for any likelihood, without a parameter to tune. Where the data are strong, ellipses of the
prior are much larger than the posterior and chains move little: here the ellipses are of a multivariate t law that is
fitted to the posterior, and the likelihood is multiplied by what the prior has over it, which is as exact
(Nishihara, Murray and Adams, *Parallel MCMC with generalized elliptical slice sampling*, JMLR 15, 2014).

Chains start at independent draws of the prior and are led to the posterior by raising the likelihood to powers that
grow to 1; each power is as large as leaves the chains a third of their weight (adaptive tempering: Del Moral, Doucet
and Jasra, Statistics and Computing 22, 2012). They are never resampled: they share the fitted law, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LogLikelihood = Callable[[Array], Array]
"""From normal scores, (n, d), to the log-likelihood of each row, (n,)."""

_FREEDOM = 20.0
"""Degrees of freedom of the law of the ellipses: its tails are heavier than those of any posterior here."""
_KEPT_WEIGHT = 0.3
"""The effective share of the chains after each rise of the power."""
_MOVES = 3
"""Steps at each power."""
_ADAPTING, _ROUNDS = 8, 2
"""Steps of each round, and rounds, at power 1 before anything is kept."""
_SMALLEST_RISE = 1e-6
_JITTER = 1e-9
"""Added to the prior's variances: two assumptions may be one and the same by their loadings."""
_SHRINKS = 200


class Ensemble:
    """Chains of states, led to the posterior.

    Parameters
    ----------
    log_likelihood : see `LogLikelihood`; -inf or NaN where something is impossible
    covariance : Σ of the prior N(0, Σ), (d, d)
    chains : how many
    rng : where the chance comes from
    """

    def __init__(self, log_likelihood: LogLikelihood, covariance: Array, chains: int, rng: np.random.Generator) -> None:
        from scipy.linalg import solve_triangular

        self._log_likelihood, self._rng = log_likelihood, rng
        d = len(covariance)
        prior = np.linalg.cholesky(covariance + _JITTER * np.eye(d))
        self._precision_root = solve_triangular(prior, np.eye(d), lower=True).T
        self._at = rng.standard_normal((chains, d)) @ prior.T
        self._level = self._evaluated(self._at)
        self.evaluations = chains
        self.powers = 0
        """Of the likelihood between 0 and 1 on the way to the posterior."""
        self._power = 0.0
        visited = self._at[None], self._level[None]
        while self._power < 1.0:
            visited = self._rise(*visited)
        for _ in range(_ROUNDS):
            self.adapt(self.run(_ADAPTING))

    def run(self, steps: int) -> Array:
        """The states after each of the next steps, (steps, chains, d)."""
        states = np.empty((steps, *self._at.shape))
        for step in range(steps):
            self._step()
            states[step] = self._at
        return states

    def adapt(self, states: Array) -> None:
        """Fit the law of the ellipses to states that were visited, (steps, chains, d)."""
        flat = states.reshape(-1, states.shape[-1])
        self._fit(flat, np.full(len(flat), 1.0 / len(flat)))

    def _evaluated(self, states: Array) -> Array:
        found = self._log_likelihood(states)
        return np.asarray(np.where(np.isnan(found), -math.inf, found))

    def _rise(self, states: Array, levels: Array) -> tuple[Array, Array]:
        """Raise the power, fit the ellipses to what was visited before, and move; returns what is visited."""
        flat, level = states.reshape(-1, states.shape[-1]), levels.ravel()
        least = level[np.isfinite(level)].min(initial=0.0)
        level = np.maximum(level, least)

        def weights(power: float) -> Array:
            logs = (power - self._power) * level
            raised = np.exp(logs - logs.max())
            return np.asarray(raised / raised.sum())

        low, high, wanted = self._power, 1.0, _KEPT_WEIGHT * len(level)
        if 1.0 / np.sum(weights(high) ** 2) < wanted:
            for _ in range(50):
                middle = 0.5 * (low + high)
                enough = 1.0 / np.sum(weights(middle) ** 2) >= wanted
                low, high = (middle, high) if enough else (low, middle)
            high = max(low, self._power * (1 + _SMALLEST_RISE), _SMALLEST_RISE**2)
        self._fit(flat, weights(high))
        self._power, self.powers = min(1.0, high), self.powers + 1
        visited = np.empty((_MOVES, *self._at.shape)), np.empty((_MOVES, len(self._at)))
        for move in range(_MOVES):
            self._step()
            visited[0][move], visited[1][move] = self._at, self._level
        return visited

    def _fit(self, states: Array, weights: Array) -> None:
        """Mean and covariance, drawn to a diagonal as far as few draws leave the rest unknown."""
        d, effective = states.shape[1], float(1.0 / np.sum(weights**2))
        self._mean = weights @ states
        off = states - self._mean
        covariance = (off * weights[:, None]).T @ off
        trusted = effective / (effective + d)
        own = np.maximum(np.diag(covariance), 1e-12)
        self._root = np.linalg.cholesky(trusted * covariance + np.diag((1.0 - trusted) * own))
        self._white = self._whitened(self._at)

    def _whitened(self, states: Array) -> Array:
        from scipy.linalg import solve_triangular

        return np.asarray(solve_triangular(self._root, (states - self._mean).T, lower=True).T)

    def _target(self, states: Array, white: Array, level: Array) -> Array:
        """Log of likelihood (to the power) times prior over the law of the ellipses."""
        heavy = 0.5 * (_FREEDOM + states.shape[1]) * np.log1p(np.sum(white**2, axis=1) / _FREEDOM)
        prior = -0.5 * np.sum((states @ self._precision_root) ** 2, axis=1)
        return np.asarray(self._power * level + prior + heavy)

    def _step(self) -> None:
        chains, d = self._at.shape
        rng = self._rng
        shape = 0.5 * (_FREEDOM + d)
        scale = 0.5 * (_FREEDOM + np.sum(self._white**2, axis=1)) / rng.gamma(shape, size=chains)
        other = np.sqrt(scale)[:, None] * rng.standard_normal((chains, d))
        threshold = self._target(self._at, self._white, self._level) + np.log(rng.random(chains))
        angle = rng.uniform(0.0, 2.0 * math.pi, chains)
        low, high = angle - 2.0 * math.pi, angle.copy()
        moving = np.arange(chains)
        white, at, level = self._white.copy(), self._at.copy(), self._level.copy()
        for _ in range(_SHRINKS):
            cos, sin = np.cos(angle[moving])[:, None], np.sin(angle[moving])[:, None]
            tried = self._white[moving] * cos + other[moving] * sin
            there = self._mean + tried @ self._root.T
            found = self._evaluated(there)
            self.evaluations += len(moving)
            above = self._target(there, tried, found) > threshold[moving]
            done = moving[above]
            white[done], at[done], level[done] = tried[above], there[above], found[above]
            moving = moving[~above]
            if not len(moving):
                break
            negative = angle[moving] < 0
            low[moving] = np.where(negative, angle[moving], low[moving])
            high[moving] = np.where(negative, high[moving], angle[moving])
            angle[moving] = rng.uniform(low[moving], high[moving])
        self._white, self._at, self._level = white, at, level


def split_rhat(x: Array) -> Array:
    """Split R-hat of quantities: how much wider all half-chains together are than each alone; 1 where they agree.

    Parameters
    ----------
    x : (steps, chains, k), steps of at least 4

    References
    ----------
    Gelman et al., *Bayesian Data Analysis*, 3rd ed., 2013, section 11.4
    """
    halves = _halves(x)
    n = halves.shape[0]
    within = halves.var(axis=0, ddof=1).mean(axis=0)
    between = halves.mean(axis=0).var(axis=0, ddof=1)
    ratio = np.divide(between, within, out=np.zeros_like(within), where=within > 0)
    return np.asarray(np.sqrt((n - 1) / n + ratio))


def effective_draws(x: Array) -> Array:
    """Number of independent draws that would tell the mean of each quantity as well, (k,).

    Autocorrelations over all half-chains, summed up in pairs as long as a pair is positive and none is larger than the
    one before it (Geyer, Statistical Science 7, 1992; Vehtari et al., Bayesian Analysis 16, 2021).

    Parameters
    ----------
    x : (steps, chains, k), steps of at least 4
    """
    halves = _halves(x)
    n, m, k = halves.shape
    off = halves - halves.mean(axis=0)
    spectrum = np.fft.rfft(off, 2 * n, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, 2 * n, axis=0)[:n].mean(axis=1) / n
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + halves.mean(axis=0).var(axis=0, ddof=1)
    found = np.full(k, float(n * m))
    for j in np.flatnonzero(total > 0):
        correlation = 1.0 - (within[j] - covariance[:, j] * n / (n - 1)) / total[j]
        pairs = correlation[: n - n % 2].reshape(-1, 2).sum(axis=1)
        kept = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs)
        time = 2.0 * np.minimum.accumulate(pairs[: max(1, kept)]).sum() - 1.0
        found[j] = n * m / max(time, 1.0 / math.log10(n * m))
    return found


def _halves(x: Array) -> Array:
    half = x.shape[0] // 2
    return np.concatenate([x[:half], x[half : 2 * half]], axis=1)
