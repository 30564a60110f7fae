"""The distributions that an assumption may have, each with its quantile function in closed form where there is one.

A law is built by `distributions.build`, which checks the numbers; here they are trusted.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simengine.assumptions import metalog
from simengine.assumptions.inversion import Inverse
from simengine.assumptions.spec import share as percent
from simengine.assumptions.spec import shown
from simengine.assumptions.tabulation import tabulate
from simengine.errors import SimengineError

Array = NDArray[np.float64]

SMALLEST_U = 2.0**-53
LARGEST_U = 1.0 - 2.0**-53
"""The ends of what `draws.uniforms` can return; probabilities are kept within."""

_LOGITS = np.linspace(-metalog.LARGEST_LOGIT, metalog.LARGEST_LOGIT, 5_121)
_NODES = np.clip(metalog.expit(_LOGITS), SMALLEST_U, LARGEST_U)
_WEIGHTS = metalog.expit(_LOGITS) * metalog.expit(-_LOGITS)
_WEIGHTS /= _WEIGHTS.sum()


class Distribution(ABC):
    """What is known of a number that nobody knows yet."""

    _discrete: ClassVar[bool] = False

    @property
    def is_discrete(self) -> bool:
        """True where single values hold all the probability."""
        return self._discrete

    def ppf(self, u: ArrayLike) -> Array:
        """Return the quantiles at probabilities u in (0, 1): the smallest x with P(X ≤ x) ≥ u; increasing in u."""
        return self._ppf(np.atleast_1d(np.asarray(u, dtype=np.float64)))

    def cdf(self, x: ArrayLike) -> Array:
        """Return P(X ≤ x)."""
        return self._cdf(np.atleast_1d(np.asarray(x, dtype=np.float64)))

    def at_most(self, x: float) -> float:
        """Return P(X ≤ x) for one x."""
        return float(self.cdf(x)[0])

    def mean(self) -> float:
        """Return the mean; infinite where the upper tail has none."""
        return self._mean()

    def median(self) -> float:
        """Return the median."""
        return float(self.ppf(0.5)[0])

    def sd(self) -> float:
        """Return the standard deviation; infinite where the tails have none."""
        return self._sd()

    def support(self) -> tuple[float, float]:
        """Return the smallest and largest possible value."""
        return self._ends_of_support

    @cached_property
    def _ends_of_support(self) -> tuple[float, float]:
        return self._support()

    @cached_property
    def table(self) -> Array:
        """Its quantile function in normal scores, as far as it is smooth; see `tabulation`."""
        return _table_of(self)

    def atoms(self) -> Array:
        """Return the single values that have a probability of their own, in increasing order."""
        return self._atoms()

    def describe(self) -> str:
        """Return the law in a few words."""
        return self._describe()

    @abstractmethod
    def _ppf(self, u: Array) -> Array: ...

    @abstractmethod
    def _cdf(self, x: Array) -> Array: ...

    @abstractmethod
    def _support(self) -> tuple[float, float]: ...

    @abstractmethod
    def _describe(self) -> str: ...

    def _mean(self) -> float:
        # The trapezoidal rule in the logit of u converges exponentially for smooth quantile functions.
        return float(np.sum(_WEIGHTS * self.ppf(_NODES)))

    def _sd(self) -> float:
        x = self.ppf(_NODES)
        with np.errstate(over="ignore"):
            return math.sqrt(np.sum(_WEIGHTS * (x - np.sum(_WEIGHTS * x)) ** 2))

    def _atoms(self) -> Array:
        return np.empty(0)


@lru_cache(maxsize=1024)
def _table_of(law: Distribution) -> Array:
    """The table of a law, made once for all equal ones: a plan that is run again has new objects of the same laws."""
    return tabulate(law.ppf, law.support(), law.atoms())


@dataclass(frozen=True)
class Fixed(Distribution):
    """One value, without doubt."""

    value: float
    _discrete: ClassVar[bool] = True

    def _ppf(self, u: Array) -> Array:
        return np.full_like(u, self.value)

    def _cdf(self, x: Array) -> Array:
        return (x >= self.value).astype(np.float64)

    def _mean(self) -> float:
        return self.value

    def _sd(self) -> float:
        return 0.0

    def _support(self) -> tuple[float, float]:
        return self.value, self.value

    def _atoms(self) -> Array:
        return np.array([self.value])

    def _describe(self) -> str:
        return f"fixed at {shown(self.value)}"


@dataclass(frozen=True)
class Uniform(Distribution):
    """Any value between two ends, none more likely than another."""

    lo: float
    hi: float

    def _ppf(self, u: Array) -> Array:
        return np.clip(self.lo + (self.hi - self.lo) * u, self.lo, self.hi)

    def _cdf(self, x: Array) -> Array:
        return np.clip((x - self.lo) / (self.hi - self.lo), 0.0, 1.0)

    def _mean(self) -> float:
        return 0.5 * (self.lo + self.hi)

    def _sd(self) -> float:
        return (self.hi - self.lo) / math.sqrt(12)

    def _support(self) -> tuple[float, float]:
        return self.lo, self.hi

    def _describe(self) -> str:
        return f"uniform from {shown(self.lo)} to {shown(self.hi)}"


@dataclass(frozen=True)
class Triangular(Distribution):
    """A lowest, a most likely and a highest value, joined by straight lines of density."""

    lo: float
    mode: float
    hi: float

    def _ppf(self, u: Array) -> Array:
        width, left, right = self.hi - self.lo, self.mode - self.lo, self.hi - self.mode
        rising = self.lo + np.sqrt(u * width * left)
        falling = self.hi - np.sqrt((1.0 - u) * width * right)
        return np.clip(np.where(u * width < left, rising, falling), self.lo, self.hi)

    def _cdf(self, x: Array) -> Array:
        width, left, right = self.hi - self.lo, self.mode - self.lo, self.hi - self.mode
        x = np.clip(x, self.lo, self.hi)
        rising = (x - self.lo) ** 2 / (width * left) if left else np.zeros_like(x)
        falling = 1.0 - (self.hi - x) ** 2 / (width * right) if right else np.ones_like(x)
        return np.where(x < self.mode, rising, falling)

    def _mean(self) -> float:
        return (self.lo + self.mode + self.hi) / 3

    def _sd(self) -> float:
        left, right = self.mode - self.lo, self.hi - self.mode
        return math.sqrt((left**2 + left * right + right**2) / 18)

    def _support(self) -> tuple[float, float]:
        return self.lo, self.hi

    def _describe(self) -> str:
        return f"triangular from {shown(self.lo)} through {shown(self.mode)} to {shown(self.hi)}"


@dataclass(frozen=True)
class Pert(Distribution):
    """A lowest, a most likely and a highest value, joined by a beta law; `weight` is that of the most likely one."""

    lo: float
    mode: float
    hi: float
    weight: float = 4.0

    @property
    def _shapes(self) -> tuple[float, float]:
        up = (self.mode - self.lo) / (self.hi - self.lo)
        return 1.0 + self.weight * up, 1.0 + self.weight * (1.0 - up)

    def _ppf(self, u: Array) -> Array:
        from scipy.special import betaincinv

        share = np.asarray(betaincinv(*self._shapes, u))
        return np.clip(self.lo + (self.hi - self.lo) * share, self.lo, self.hi)

    def _cdf(self, x: Array) -> Array:
        from scipy.special import betainc

        return np.asarray(betainc(*self._shapes, np.clip((x - self.lo) / (self.hi - self.lo), 0.0, 1.0)))

    def _mean(self) -> float:
        return (self.lo + self.weight * self.mode + self.hi) / (self.weight + 2)

    def _sd(self) -> float:
        mean = self.mean()
        return math.sqrt((mean - self.lo) * (self.hi - mean) / (self.weight + 3))

    def _support(self) -> tuple[float, float]:
        return self.lo, self.hi

    def _describe(self) -> str:
        weight = "" if self.weight == 4 else f", weight {shown(self.weight)}"
        return f"pert from {shown(self.lo)} through {shown(self.mode)} to {shown(self.hi)}{weight}"


@dataclass(frozen=True)
class Normal(Distribution):
    """Symmetric around its mean, without bounds."""

    center: float
    spread: float

    def _ppf(self, u: Array) -> Array:
        from scipy.special import ndtri

        return np.asarray(self.center + self.spread * ndtri(u))

    def _cdf(self, x: Array) -> Array:
        from scipy.special import ndtr

        return np.asarray(ndtr((x - self.center) / self.spread))

    def at_most(self, x: float) -> float:
        """Return P(X ≤ x) for one x, without SciPy."""
        return 0.5 * math.erfc((self.center - x) / (self.spread * math.sqrt(2)))

    def median(self) -> float:
        """Return the median, without SciPy."""
        return self.center

    def _mean(self) -> float:
        return self.center

    def _sd(self) -> float:
        return self.spread

    def _support(self) -> tuple[float, float]:
        return -math.inf, math.inf

    def _describe(self) -> str:
        return f"normal, mean {shown(self.center)}, sd {shown(self.spread)}"


@dataclass(frozen=True)
class Lognormal(Distribution):
    """A positive number whose logarithm is normal with mean `mu` and standard deviation `sigma`."""

    mu: float
    sigma: float

    def _ppf(self, u: Array) -> Array:
        from scipy.special import ndtri

        return np.asarray(np.exp(self.mu + self.sigma * ndtri(u)))

    def _cdf(self, x: Array) -> Array:
        from scipy.special import ndtr

        with np.errstate(divide="ignore"):
            return np.asarray(ndtr((np.log(np.maximum(x, 0.0)) - self.mu) / self.sigma))

    def at_most(self, x: float) -> float:
        """Return P(X ≤ x) for one x, without SciPy."""
        return Normal(self.mu, self.sigma).at_most(math.log(x)) if x > 0 else 0.0

    def median(self) -> float:
        """Return the median, without SciPy."""
        return math.exp(self.mu)

    def _mean(self) -> float:
        return math.exp(self.mu + 0.5 * self.sigma**2)

    def _sd(self) -> float:
        return self.mean() * math.sqrt(math.expm1(self.sigma**2))

    def _support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def _describe(self) -> str:
        return f"lognormal, median {shown(self.median())}, mean {shown(self.mean())}"


@dataclass(frozen=True)
class Gamma(Distribution):
    """A positive number: waiting times, rates learned from counts."""

    shape: float
    scale: float

    def _ppf(self, u: Array) -> Array:
        from scipy.special import gammaincinv

        return np.asarray(self.scale * gammaincinv(self.shape, u))

    def _cdf(self, x: Array) -> Array:
        from scipy.special import gammainc

        return np.asarray(gammainc(self.shape, np.maximum(x, 0.0) / self.scale))

    def _mean(self) -> float:
        return self.shape * self.scale

    def _sd(self) -> float:
        return math.sqrt(self.shape) * self.scale

    def _support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def _describe(self) -> str:
        return f"gamma, mean {shown(self.mean())}, sd {shown(self.sd())}"


@dataclass(frozen=True)
class Weibull(Distribution):
    """A positive number: lifetimes; shape above 1 if the risk of ending grows with age."""

    shape: float
    scale: float

    def _ppf(self, u: Array) -> Array:
        return self.scale * (-np.log1p(-u)) ** (1.0 / self.shape)

    def _cdf(self, x: Array) -> Array:
        return -np.expm1(-((np.maximum(x, 0.0) / self.scale) ** self.shape))

    def _mean(self) -> float:
        return self.scale * math.gamma(1 + 1 / self.shape)

    def _sd(self) -> float:
        ratio = math.exp(math.lgamma(1 + 2 / self.shape) - 2 * math.lgamma(1 + 1 / self.shape))
        return self.mean() * math.sqrt(ratio - 1)

    def _support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def _describe(self) -> str:
        return f"weibull, shape {shown(self.shape)}, mean {shown(self.mean())}"


@dataclass(frozen=True)
class Beta(Distribution):
    """A fraction, known as if from `alpha` hits and `beta` misses."""

    alpha: float
    beta: float

    def _ppf(self, u: Array) -> Array:
        from scipy.special import betaincinv

        return np.asarray(betaincinv(self.alpha, self.beta, u))

    def _cdf(self, x: Array) -> Array:
        from scipy.special import betainc

        return np.asarray(betainc(self.alpha, self.beta, np.clip(x, 0.0, 1.0)))

    def _mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)

    def _sd(self) -> float:
        n = self.alpha + self.beta
        return math.sqrt(self.alpha * self.beta / (n + 1)) / n

    def _support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def _describe(self) -> str:
        return f"beta, mean {shown(self.mean())}, as if from {shown(self.alpha + self.beta)} observations"


@dataclass(frozen=True)
class Metalog(Distribution):
    """A smooth law through stated quantiles, unbounded or kept above `lo`, below `hi`, or between both.

    `terms` are the coefficients for x itself, for `ln(x - lo)`, for `-ln(hi - x)`, or for `ln((x - lo)/(hi -
    x))`.
    """

    levels: tuple[float, ...]
    values: tuple[float, ...]
    terms: metalog.Coefficients
    lo: float = -math.inf
    hi: float = math.inf

    @staticmethod
    def to_line(x: Array, lo: float, hi: float) -> Array:
        """Map (lo, hi) to the whole line, where the metalog is fitted."""
        with np.errstate(divide="ignore"):
            if math.isinf(lo) and math.isinf(hi):
                return x
            if math.isinf(hi):
                return np.log(x - lo)
            if math.isinf(lo):
                return -np.log(hi - x)
            return np.log(x - lo) - np.log(hi - x)

    @staticmethod
    def from_line(m: Array, lo: float, hi: float) -> Array:
        """Map the whole line to (lo, hi)."""
        if math.isinf(lo) and math.isinf(hi):
            return m
        if math.isinf(hi):
            return lo + np.exp(m)
        if math.isinf(lo):
            return hi - np.exp(-m)
        return np.clip(lo + (hi - lo) * metalog.expit(m), lo, hi)

    def _ppf(self, u: Array) -> Array:
        return self.from_line(metalog.at_probability(self.terms, u), self.lo, self.hi)

    @cached_property
    def _logit_at(self) -> Inverse:
        return metalog.inverse(self.terms)

    def _cdf(self, x: Array) -> Array:
        line = self.to_line(np.clip(x, self.lo, self.hi), self.lo, self.hi)
        y = metalog.expit(self._logit_at(line))
        return np.where(x <= self.lo, 0.0, np.where(x >= self.hi, 1.0, y))

    def _nodes(self, power: int) -> tuple[Array, Array] | None:
        """Return values and weights whose sum is the moment of this power; None where the moment is infinite.

        The trapezoidal rule in s = logit(y), with dy = y (1 - y) ds.
        """
        reach = metalog.LARGEST_LOGIT
        if math.isinf(self.lo) != math.isinf(self.hi):
            # An exponential of M has a tail like that of a Pareto law: moments exist up to 1/thickness only.
            lower, upper = metalog.tails(self.terms)
            thickness = power * (upper if math.isinf(self.hi) else lower)
            if thickness >= 1:
                return None
            reach = min(reach / (1 - thickness), 600.0)
        s = np.linspace(-reach, reach, 2 * int(64 * reach) + 1)
        weights = metalog.expit(s) * metalog.expit(-s)
        return self.from_line(metalog.at_logit(self.terms, s), self.lo, self.hi), weights / weights.sum()

    def _mean(self) -> float:
        nodes = self._nodes(1)
        if nodes is None:
            return math.inf if math.isinf(self.hi) else -math.inf
        x, weights = nodes
        return float(np.sum(weights * x))

    def _sd(self) -> float:
        nodes = self._nodes(2)
        if nodes is None:
            return math.inf
        x, weights = nodes
        return math.sqrt(np.sum(weights * (x - np.sum(weights * x)) ** 2))

    def _support(self) -> tuple[float, float]:
        return self.lo, self.hi

    def _describe(self) -> str:
        quantiles = [f"P{100 * p:g} {shown(x)}" for p, x in zip(self.levels, self.values, strict=True)]
        bounds = [f"{word} {shown(x)}" for word, x in (("above", self.lo), ("below", self.hi)) if math.isfinite(x)]
        return ", ".join(["metalog", *quantiles, *bounds])


class Stepped(Distribution):
    """A law of single values."""

    _discrete: ClassVar[bool] = True

    @cached_property
    def _steps(self) -> tuple[Array, Array]:
        """The possible values and P(X ≤ value), both increasing, the last probability exactly 1."""
        values, cumulative = self._values_and_probabilities()
        cumulative[-1] = 1.0
        return values, cumulative

    @abstractmethod
    def _values_and_probabilities(self) -> tuple[Array, Array]: ...

    def _ppf(self, u: Array) -> Array:
        values, cumulative = self._steps
        return values[np.searchsorted(cumulative, u, side="left")]


@dataclass(frozen=True)
class Discrete(Stepped):
    """A few possible values, in increasing order, each with its probability."""

    values: tuple[float, ...]
    probabilities: tuple[float, ...]

    def _values_and_probabilities(self) -> tuple[Array, Array]:
        return np.array(self.values), np.cumsum(self.probabilities)

    def _cdf(self, x: Array) -> Array:
        values, cumulative = self._steps
        return np.append(0.0, cumulative)[np.searchsorted(values, x, side="right")]

    def _mean(self) -> float:
        return math.fsum(v * p for v, p in zip(self.values, self.probabilities, strict=True))

    def _sd(self) -> float:
        mean = self.mean()
        return math.sqrt(math.fsum((v - mean) ** 2 * p for v, p in zip(self.values, self.probabilities, strict=True)))

    def _support(self) -> tuple[float, float]:
        return self.values[0], self.values[-1]

    def _atoms(self) -> Array:
        return self._steps[0]

    def _describe(self) -> str:
        pairs = [f"{shown(v)} ({percent(p)})" for v, p in zip(self.values, self.probabilities, strict=True)]
        return "one of " + ", ".join(pairs)


@dataclass(frozen=True)
class Bernoulli(Distribution):
    """1 with the stated probability, else 0."""

    p: float
    _discrete: ClassVar[bool] = True

    def _ppf(self, u: Array) -> Array:
        return (u > 1.0 - self.p).astype(np.float64)

    def _cdf(self, x: Array) -> Array:
        return np.where(x < 0, 0.0, np.where(x < 1, 1.0 - self.p, 1.0))

    def _mean(self) -> float:
        return self.p

    def _sd(self) -> float:
        return math.sqrt(self.p * (1 - self.p))

    def _support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def _atoms(self) -> Array:
        return np.array([0.0, 1.0])

    def _describe(self) -> str:
        return f"yes with {percent(self.p)}"


@dataclass(frozen=True)
class Empirical(Distribution):
    """Observed values (increasing, perhaps weighted), with straight lines of the quantile function between them.

    Value k stands at probability `(W_k - w_k/2 - w_1/2) / (W_n - w_1/2 - w_n/2)`, W being the running sum of
    the weights. With equal weights that is (k - 1)/(n - 1), the usual definition of a sample quantile.
    """

    values: tuple[float, ...]
    weights: tuple[float, ...]

    @cached_property
    def _knots(self) -> tuple[Array, Array]:
        w = np.array(self.weights)
        middle = np.cumsum(w) - 0.5 * w
        return (middle - middle[0]) / (middle[-1] - middle[0]), np.array(self.values)

    def _ppf(self, u: Array) -> Array:
        return np.interp(u, *self._knots)

    def _cdf(self, x: Array) -> Array:
        p, v = self._knots
        k = np.clip(np.searchsorted(v, x, side="right"), 1, len(v) - 1)
        width = v[k] - v[k - 1]
        within = np.clip((x - v[k - 1]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
        y = p[k - 1] + within * (p[k] - p[k - 1])
        return np.where(x < v[0], 0.0, np.where(x >= v[-1], 1.0, y))

    def _mean(self) -> float:
        p, v = self._knots
        return float(np.sum(np.diff(p) * 0.5 * (v[1:] + v[:-1])))

    def _sd(self) -> float:
        p, v = self._knots
        a, b = v[:-1] - self.mean(), v[1:] - self.mean()
        return math.sqrt(np.sum(np.diff(p) * (a * a + a * b + b * b) / 3))

    def _support(self) -> tuple[float, float]:
        return self.values[0], self.values[-1]

    def _atoms(self) -> Array:
        v = self._knots[1]
        return np.unique(v[1:][np.diff(v) == 0])

    def _describe(self) -> str:
        weighted = ", weighted" if len(set(self.weights)) > 1 else ""
        ends = f"{shown(self.values[0])} to {shown(self.values[-1])}"
        return f"as observed, {len(self.values)} values from {ends}{weighted}"


@dataclass(frozen=True)
class Mixture(Distribution):
    """One of several laws applies: `F(x) = Σ w_k F_k(x)`. With names: several people's judgments, pooled."""

    components: tuple[Distribution, ...]
    weights: tuple[float, ...]
    names: tuple[str, ...] = ()

    @property
    def is_discrete(self) -> bool:
        """True where single values hold all the probability."""
        return all(c.is_discrete for c in self.components)

    @cached_property
    def _quantile(self) -> Inverse:
        # An atom and the number just below it are two points of the grid: between them there is nothing left to solve.
        levels = np.clip(metalog.expit(np.linspace(-40.0, 40.0, 641)), SMALLEST_U / 2, LARGEST_U)
        atoms = self.atoms()
        points = [c.ppf(levels) for c in self.components] + [atoms, np.nextafter(atoms, -math.inf)]
        return Inverse(self._cdf, np.unique(np.concatenate(points)))

    def _ppf(self, u: Array) -> Array:
        return self._quantile(u)

    def _cdf(self, x: Array) -> Array:
        total = np.zeros_like(x)
        for weight, component in zip(self.weights, self.components, strict=True):
            total += weight * component.cdf(x)
        return total

    def at_most(self, x: float) -> float:
        """Return P(X ≤ x) for one x."""
        return math.fsum(w * c.at_most(x) for w, c in zip(self.weights, self.components, strict=True))

    def _mean(self) -> float:
        return math.fsum(w * c.mean() for w, c in zip(self.weights, self.components, strict=True))

    def _sd(self) -> float:
        mean = self.mean()
        parts = (w * (c.sd() ** 2 + (c.mean() - mean) ** 2) for w, c in zip(self.weights, self.components, strict=True))
        return math.sqrt(math.fsum(parts))

    def _support(self) -> tuple[float, float]:
        ends = [c.support() for c in self.components]
        return min(lo for lo, _ in ends), max(hi for _, hi in ends)

    def _atoms(self) -> Array:
        return np.unique(np.concatenate([c.atoms() for c in self.components]))

    def _describe(self) -> str:
        names = [f"{name}, " for name in self.names] or [""] * len(self.weights)
        parts = [
            f"{name}{percent(w)}: {c.describe()}"
            for name, w, c in zip(names, self.weights, self.components, strict=True)
        ]
        return f"{'pooled judgments' if self.names else 'mixture'} ({'; '.join(parts)})"


@dataclass(frozen=True)
class Truncated(Distribution):
    """A law, given that the value lies from `lo` to `hi`. Built by `truncate`, which keeps discrete ones exact."""

    base: Distribution
    lo: float
    hi: float

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return self.base.at_most(math.nextafter(self.lo, -math.inf)), self.base.at_most(self.hi)

    def _ppf(self, u: Array) -> Array:
        below, upto = self._ends
        within = np.minimum(below + u * (upto - below), LARGEST_U)
        return np.clip(self.base.ppf(within), self.lo, self.hi)

    def _cdf(self, x: Array) -> Array:
        below, upto = self._ends
        return np.clip((self.base.cdf(x) - below) / (upto - below), 0.0, 1.0)

    def _support(self) -> tuple[float, float]:
        lo, hi = self.base.support()
        return max(lo, self.lo), min(hi, self.hi)

    def _atoms(self) -> Array:
        atoms = self.base.atoms()
        return atoms[(atoms >= self.lo) & (atoms <= self.hi)]

    def _describe(self) -> str:
        lo, hi = self.lo, self.hi
        ends = [f"{word} {shown(x)}" for word, x in (("from", lo), ("to", hi)) if math.isfinite(x)]
        return f"{self.base.describe()}, kept {' '.join(ends)}"


def mass(dist: Distribution, lo: float, hi: float) -> float:
    """Return P(lo ≤ X ≤ hi)."""
    return dist.at_most(hi) - dist.at_most(math.nextafter(lo, -math.inf))


def truncate(dist: Distribution, lo: float, hi: float) -> Distribution:
    """Return the law of X given lo ≤ X ≤ hi; the part that is kept must have a probability above 0."""
    if isinstance(dist, Mixture):
        kept = [(w * mass(c, lo, hi), c, i) for i, (w, c) in enumerate(zip(dist.weights, dist.components, strict=True))]
        kept = [part for part in kept if part[0] > 0]
        total = math.fsum(w for w, _, _ in kept)
        return Mixture(
            tuple(truncate(c, lo, hi) for _, c, _ in kept),
            tuple(w / total for w, _, _ in kept),
            tuple(dist.names[i] for _, _, i in kept if dist.names),
        )
    if dist.is_discrete:
        values = [float(v) for v in dist.atoms() if lo <= v <= hi]
        probabilities = [mass(dist, v, v) for v in values]
        total = math.fsum(probabilities)
        return Discrete(tuple(values), tuple(p / total for p in probabilities))
    return Truncated(dist, lo, hi)


def checked_ppf(dist: Distribution, u: Array, name: str = "a distribution") -> Array:
    """Return `dist.ppf(u)` after a look at every value.

    Raises
    ------
    SimengineError
        when a value is not finite or lies outside the support: the law is too wide for numbers, or a special
        function failed
    """
    with np.errstate(over="ignore"):
        x = dist.ppf(u)
        lo, hi = dist.support()
    bad = ~(np.isfinite(x) & (lo <= x) & (x <= hi))
    if bad.any():
        k = int(np.argmax(bad))
        raise SimengineError(
            f"{name}: {dist.describe()} gives {x[k]:g} at probability {u[k]:.17g}, "
            f"outside {shown(lo)} to {shown(hi)}; state a narrower distribution"
        )
    return x
