"""Attribution repeated on models whose shares are known: how wrong it is, and how often its intervals are right."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simengine.explain.attribution import Attribution, attribute
from simengine.explain.surrogate import Inputs
from tests.explain.gaussian import Gaussian, in_blocks

Law = Callable[[np.random.Generator, np.ndarray], np.ndarray]
"""Random variation of mean 0 and variance 1, given the scores."""


def normal(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    return rng.normal(size=len(z))


def skewed(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    return rng.exponential(size=len(z)) - 1


def heteroskedastic(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    """Standard deviation exp(0.4 z₀ − 0.16): four times as large at z₀ = 2 as at −1.5."""
    return np.exp(0.4 * z[:, 0] - 0.16) * rng.normal(size=len(z))


@dataclass(frozen=True)
class Case:
    """A model with known `shares`, what a repetition draws of it, the law of its random variation, how many of them."""

    name: str
    model: Gaussian
    draws: int
    law: Law = normal
    truth: np.ndarray | None = None
    repetitions: int = 1000

    @property
    def shares(self) -> np.ndarray:
        return self.model.shares() if self.truth is None else self.truth

    def drawn(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """z, y, and twins of a fifth of the draws, but of 200 at least."""
        n, twins = self.draws, max(200, self.draws // 5)
        z = rng.normal(size=(n, len(self.model.b))) @ np.linalg.cholesky(self.model.R).T
        known, scale, twin = self.model.known(z), math.sqrt(self.model.noise), np.full(n, np.nan)
        twin[:twins] = (known + scale * self.law(rng, z))[:twins]
        return z, known + scale * self.law(rng, z), twin


class Intervals(NamedTuple):
    """Estimates and bounds (repetition, quantity) of quantities whose truth (quantity,) is known."""

    truth: np.ndarray
    estimate: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        return ((self.lower <= self.truth) & (self.truth <= self.upper)).sum(axis=0)

    @property
    def clear(self) -> np.ndarray:
        """What is clearly above noise, by five standard errors; intervals of smaller shares are too wide on purpose."""
        return np.abs(self.truth) > 5 * self.estimate.std(axis=0)

    @property
    def rmse(self) -> np.ndarray:
        return np.sqrt(np.mean((self.estimate - self.truth) ** 2, axis=0))

    def among(self, quantities: np.ndarray) -> "Intervals":
        return Intervals(self.truth[quantities], *(part[:, quantities] for part in self[1:]))


Estimator = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Attribution]


def ours(z: np.ndarray, R: np.ndarray, y: np.ndarray, twin: np.ndarray) -> Attribution:
    return attribute(Inputs(z, R, z), y, twin)


def ignoring_correlation(z: np.ndarray, R: np.ndarray, y: np.ndarray, twin: np.ndarray) -> Attribution:
    """Negative control."""
    return attribute(Inputs(z, np.eye(len(R)), z), y, twin)


def repeated(case: Case, seed: int, estimator: Estimator = ours) -> dict[str, Intervals]:
    """Intervals of everything that an attribution says."""
    found: dict[str, list[np.ndarray]] = {}
    for one in _attributions(case, seed, estimator):
        for name, bounds in _said(one).items():
            found.setdefault(name, []).append(bounds)
    truth = _truth(case)
    return {name: Intervals(truth[name], *np.array(rows).transpose(1, 0, 2)) for name, rows in found.items()}


def _attributions(case: Case, seed: int, estimator: Estimator) -> Iterator[Attribution]:
    for rng in np.random.default_rng(seed).spawn(case.repetitions):
        z, y, twin = case.drawn(rng)
        yield estimator(z, case.model.R, y, twin)


def _said(one: Attribution) -> dict[str, np.ndarray]:
    """(3, quantities)."""
    rest = {name: np.array(getattr(one, name))[:, None] for name in ("random_variation", "unattributed", "quality")}
    return {"shapley": np.array(one.shapley.share), "alone": np.array(one.alone.share), **rest}


def _truth(case: Case) -> dict[str, np.ndarray]:
    shares, k = case.shares, len(case.model.b)
    random = 1 - shares.sum()
    alone = np.array([case.model.explained((i,)) for i in range(k)]) * random / case.model.noise
    one = {"random_variation": random, "unattributed": 0.0, "quality": 1.0}
    return {"shapley": shares, "alone": alone, **{name: np.array([value]) for name, value in one.items()}}


def equicorrelated(b: np.ndarray, rho: float) -> np.ndarray:
    """Shapley effects of b·z where all correlations are alike, coalition size by coalition size.

    Once m others are known, two scores have covariance ρ(1 − ρ)/(1 + (m − 1)ρ), and those not known are a sample
    without replacement: all that is needed are the first two moments of the sum of their coefficients.
    """
    k, effects = len(b), np.zeros(len(b))
    total, squares = b.sum() - b, (b @ b) - b**2  # of the others
    for m in range(k):
        shared = rho * (1 - rho) / (1 + (m - 1) * rho) if m else rho
        own, out = shared + 1 - rho, k - 1 - m
        first = out / (k - 1) * total
        second = out / (k - 1) * squares + (out * (out - 1) / ((k - 1) * (k - 2))) * (total**2 - squares)
        effects += (b**2 * own**2 + 2 * b * own * shared * first + shared**2 * second) / own / k
    return effects


def one_factor(size: int, rho: float, random_share: float, draws: int) -> Case:
    """All inputs share one cause."""
    b = np.random.default_rng(size).exponential(size=size)
    b[-1] = 0.0
    R = np.full((size, size), rho) + (1 - rho) * np.eye(size)
    noise = b @ R @ b * random_share / (1 - random_share)
    effects = equicorrelated(b, rho)
    model = Gaussian(R, b, np.zeros((size, size)), noise)
    truth = effects / (effects.sum() + noise)
    return Case(f"{size}, one factor", model, draws, truth=truth, repetitions=200)


SIX = [
    Case(
        f"{size}, {'quadratic' if quadratic else 'linear'}",
        in_blocks(size, block, 0.5, quadratic=quadratic, random_share=0.45, seed=size),
        draws,
    )
    for quadratic in (False, True)
    for size, block, draws in ((5, 5, 2000), (20, 4, 4000), (40, 5, 5000))
]
"""Linear and quadratic models of 5, 20 and 40 inputs, correlated in blocks."""

_SMALL = in_blocks(5, 5, 0.5, quadratic=True, random_share=0.45, seed=5)


def _curved() -> Gaussian:
    """Most of what is explained is a quadratic form."""
    model = in_blocks(5, 5, 0.5, quadratic=True, random_share=0.45, seed=5)
    A = 2.5 * model.A
    explained = Gaussian(model.R, model.b, A, 0.0).explained(tuple(range(5)))
    return Gaussian(model.R, model.b, A, explained * 0.45 / 0.55)


OTHERS = [
    Case("5, mostly quadratic", _curved(), 2000),
    Case("5, skewed variation", _SMALL, 2000, skewed),
    Case("5, variation depends on an input", _SMALL, 2000, heteroskedastic),
    Case("5, few draws", _SMALL, 300),
    Case("5, rather few draws", _SMALL, 1000),
    one_factor(20, 0.4, 0.45, 4000),
]
"""What might upset the intervals."""
