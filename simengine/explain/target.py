"""What decides whether a target is reached: the variance of hit or miss, taken apart until it adds up.

The value of a path becomes a score s, the normal score of its rank, so oriented that the target is hit where s is
high: hit = 1(s > h) with Φ(−h) = p. A surrogate of the score tells what share ρ(u) of its variance a coalition u of
assumptions explains, and with scores that are jointly normal

    Var(P(hit | z_u)) = Φ₂(−h, −h; ρ(u)) − p² = p (1 − p) − 2 T(h, √((1 − ρ)/(1 + ρ)))

with Owen's function T. Its Shapley values are the target Shapley effects of Il Idrissi, Chabridon and Iooss (Environ.
Model. Softw. 143, 2021, 105115; arXiv 2101.08083).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.attribution import GATE, Shares, contradicts
from simengine.explain.coalitions import MOST_ENUMERATED, coalitions, components, join
from simengine.explain.intervals import Z95, Bounded, Floats, Interval, share_interval
from simengine.explain.ranks import normal_scores, ranks_of
from simengine.explain.shapley import Expansion, powers
from simengine.explain.surrogate import Surrogate
from simengine.explain.variance import Bins, FirstOrder, first_order_shares, standard_error
from simengine.explain.variation import random_variation
from simengine.results.targets import as_misses

_PAIRS, _ORDERS_OF_GRADIENT = 96, 24
"""Random orders of many assumptions, each with its reverse; and those on which intervals rest."""
_KNOWN = 1 - 1e-9
_ALL = 1 - 1e-6
"""Highest ρ: at 1 the slope is infinite."""


def scores(value: Floats, *, at_least: bool) -> Floats:
    """Normal scores of the ranks of values, high where a target is hit; what is undefined misses it, and is lowest.

    >>> scores(np.array([3.0, 1.0, np.nan, 2.0]), at_least=False).round(2).tolist()
    [-0.32, 1.15, -1.15, 0.32]
    """
    oriented = as_misses(value, at_least=at_least)
    return normal_scores(oriented if at_least else -oriented)


@dataclass(frozen=True)
class HitShares:
    """Shares of the variance p (1 − p) of hit or miss, of k assumptions.

    Attributes
    ----------
    shapley : share of each assumption; with the next two they make up 1
    random_variation : share that would remain if every assumption were known, by twins; nan without them
    unattributed : share that assumptions explain and the closed form does not find; without twins also random variation
    alone : first-order share of each assumption, by the closed form
    binned : the same without any model
    quality : share of what assumptions explain that the closed form finds; nan without twins
    """

    shapley: Shares
    random_variation: Bounded
    unattributed: Bounded
    alone: Shares
    binned: FirstOrder
    quality: Bounded

    @property
    def trusted(self) -> bool:
        """Whether the closed form finds enough of what assumptions explain, as far as can be told."""
        return not (self.quality[0] < GATE and self.quality[2] < 1)

    @cached_property
    def doubtful(self) -> NDArray[np.bool_]:
        """Of which assumptions the closed form and the bins tell different first-order shares, (k,)."""
        return contradicts(self.alone, self.binned)


def hit_shares(surrogate: Surrogate, hit: Floats, twin: Floats) -> HitShares:
    """Take the variance of hit or miss apart.

    Parameters
    ----------
    surrogate : of the `scores` of n draws
    hit : (n,) of ones and zeros, both there
    twin : (n,) whether the twin hits; nan where a draw has none
    """
    game = _Game(surrogate, hit)
    shapley, alone = game.shapley(), game.alone()
    binned = first_order_shares([Bins(column) for column in ranks_of(surrogate.inputs.values)], hit)
    luck = random_variation(hit, twin)
    found, of_found = float(shapley.share.estimate.sum()), shapley.influence.sum(axis=0)
    chance = luck.share[0] if math.isfinite(luck.share[0]) else 0.0
    margin = Z95 * standard_error(of_found + luck.influence)
    left = 1 - found - chance
    known = 1 - chance if math.isfinite(luck.share[0]) and chance < 1 else math.nan
    quality = found / known
    of_quality = Z95 * standard_error(of_found + quality * luck.influence) / known
    return HitShares(
        shapley=shapley,
        random_variation=luck.share,
        unattributed=(left, left - margin, left + margin),
        alone=alone,
        binned=binned,
        quality=(quality, quality - of_quality, quality + of_quality),
    )


def explained_of_hit(p: float, rho: Floats) -> Floats:
    """Share of p (1 − p) that is explained where a share ρ of the score's variance is.

    >>> explained_of_hit(0.5, np.array([0.0, 0.5, 1.0])).round(4).tolist()  # (2/π) asin ρ
    [0.0, 0.3333, 1.0]
    """
    from scipy.special import ndtri, owens_t

    return np.asarray(1 - 2 * owens_t(ndtri(p), np.sqrt((1 - rho) / (1 + rho))) / (p * (1 - p)))


class _Slopes(NamedTuple):
    """Derivatives of `explained_of_hit`."""

    by_rho: Floats
    by_p: Floats


def _slopes(p: float, rho: Floats) -> _Slopes:
    from scipy.special import ndtr, ndtri

    k, whole = float(ndtri(p)), p * (1 - p)
    by_rho = np.exp(-(k**2) / (1 + rho)) / (2 * math.pi * np.sqrt(1 - rho**2)) / whole
    by_p = 2 * (ndtr(k * np.sqrt((1 - rho) / (1 + rho))) - p) - explained_of_hit(p, rho) * (1 - 2 * p)
    return _Slopes(by_rho, by_p / whole)


Weighted = tuple[Floats, Floats]
"""C of N coalitions, (N, k, k), and weights (k, N)."""


class _Game:
    """Explained variance of hit or miss as a game of the k assumptions that vary.

    ρ(u) is a quadratic form of the surrogate's coefficients (`shapley`). Noise alone puts its variance into each of
    them that is known, which is taken out again.
    """

    def __init__(self, surrogate: Surrogate, hit: Floats) -> None:
        self._surrogate, self._hit, self._p = surrogate, hit, float(hit.mean())
        inputs, beta = surrogate.inputs, surrogate.coefficients
        self._varying = np.flatnonzero(inputs.varies)
        self._R = inputs.correlation[np.ix_(self._varying, self._varying)]
        expansion = Expansion.of(inputs, surrogate.terms)
        self._orders = {order: to[self._varying] for order, to in expansion.orders.items()}
        self._c = {order: to @ beta for order, to in self._orders.items()}
        self._quadratic = expansion.quadratic[np.ix_(self._varying, self._varying)]
        self._A = self._quadratic @ beta + surrogate.rest[np.ix_(self._varying, self._varying)]
        # What the values of an assumption tell beyond all orders, and its gradient.
        nothing = np.zeros((len(beta), len(beta)))
        beyond = [expansion.rest.get(int(i), nothing) @ beta for i in self._varying]
        self._beyond_gradient = 2 * np.array(beyond).reshape(-1, len(beta))
        self._beyond = self._beyond_gradient @ beta / 2
        self._parameters = np.array([self._count(int(i)) for i in self._varying], dtype=float)
        self._variance, self._of_variance = self._whole()

    def shapley(self) -> Shares:
        """Share of each assumption when it joins those before it, averaged over all orders."""
        if len(self._varying) <= MOST_ENUMERATED:
            batches = [(batch.covariance, batch.shapley) for batch in coalitions(self._R)]
            share = np.sum([weight @ self._share(C) for C, weight in batches], axis=0)
            return self._stated(share, np.zeros_like(share), batches)
        orders = _orders(len(self._varying))
        return self._stated(*self._along(orders), _growing(self._R, orders[:_ORDERS_OF_GRADIENT]))

    def alone(self) -> Shares:
        """Share of each assumption if it alone is known."""
        known = np.einsum("ia,ib->iab", self._R, self._R)
        return self._stated(self._share(known), np.zeros(len(known)), [(known, np.eye(len(known)))])

    def _share(self, C: Floats) -> Floats:
        return explained_of_hit(self._p, self._rho(C))

    def _rho(self, C: Floats) -> Floats:
        """Share of the score's variance that N coalitions explain, without bias."""
        everyone = np.arange(len(self._varying))
        return np.clip((self._explained(C, everyone) - self._noise(C)) / self._variance, -0.5, _ALL)

    def _explained(self, C: Floats, members: NDArray[np.intp]) -> Floats:
        """v of N coalitions among members, noise and all."""
        among = C @ self._A[np.ix_(members, members)]
        value = _known(C) @ self._beyond[members] + 2 * np.einsum("nij,nji->n", among, among)
        for order, power in powers(C, self._c):
            c = self._c[order][members]
            value += power @ c @ c
        return np.asarray(value)

    def _noise(self, C: Floats) -> Floats:
        """What noise puts into v: its variance, for each coefficient of what is known."""
        known = _known(C)
        count = known.sum(axis=1)
        return np.asarray((count * (count - 1) / 2 + known @ self._parameters) * self._of_coefficient)

    @property
    def _of_coefficient(self) -> float:
        return self._surrogate.noise / len(self._hit)

    def _count(self, i: int) -> int:
        """Coefficients of an assumption by itself: its square has one in any case, as every product has."""
        inputs, terms = self._surrogate.inputs, self._surrogate.terms
        own = sum(i == of and order != 2 for of, order in terms.hermite)
        return own + int(not inputs.squareless[i]) + (len(inputs.steps[i].values) - 1 if i in terms.steps else 0)

    def _whole(self) -> tuple[float, Floats]:
        """Variance of the score, of all terms in the population and of the residuals; what each draw contributes."""
        surrogate, R, everyone = self._surrogate, self._R, np.arange(len(self._varying))
        A, self._A = self._A, self._quadratic @ surrogate.coefficients
        fitted = float(self._explained(R[None], everyone)[0]) if len(R) else 0.0
        gradient, _ = self._gradients([(R[None], np.ones((1, 1)))], 1)
        self._A = A
        value = fitted - len(surrogate.coefficients) * self._of_coefficient + surrogate.noise
        return value, (gradient @ surrogate.influence)[0] + surrogate.residual**2 - surrogate.noise

    def _gradients(self, weighted: Iterable[Weighted], count: int) -> tuple[Floats, Floats]:
        """Weighted sums of the gradients of v by the coefficients, (m, terms), and by the quadratic form, (m, k, k)."""
        k, terms = len(self._varying), len(self._surrogate.coefficients)
        by_beta, by_A = np.zeros((count, terms)), np.zeros((count, k, k))
        for C, weight in weighted:
            by_A += np.tensordot(weight, 4 * C @ self._A @ C, 1)
            by_beta += weight @ _known(C) @ self._beyond_gradient
            for order, power in powers(C, self._c):
                by_beta += 2 * weight @ (power @ self._c[order]) @ self._orders[order]
        return by_beta + np.tensordot(by_A, self._quadratic, 2), by_A

    def _along(self, orders: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Shapley values from pairs of random orders, each with its reverse; and their errors.

        Orders are a sample. v summed over components, each by itself, is a game whose Shapley values are known: what
        the sample misses of them tells what it misses here (control variate).
        """
        parts = components(self._R)
        gains = np.zeros((2, len(orders), len(self._varying)))
        before = np.zeros((2, len(orders)))
        here = np.arange(len(orders))
        for size, C in enumerate(_sizes(self._R, orders)):
            apart = sum((self._explained(C[:, part[:, None], part], part) for part in parts), np.zeros(len(orders)))
            now = np.stack([self._share(C), apart])
            if size:
                gains[:, here, orders[:, size - 1]] = now - before
            before = now
        paired, apart_paired = gains.reshape(2, 2, -1, len(self._varying)).mean(axis=1)
        mean, centred = paired.mean(axis=0), apart_paired - apart_paired.mean(axis=0)
        spread = (centred**2).sum(axis=0)
        slope = np.divide((centred * paired).sum(axis=0), spread, out=np.zeros_like(spread), where=spread > 1e-12)
        left = paired - mean - slope * centred
        error = np.sqrt((left**2).sum(axis=0) / (len(left) - 2) / len(left))
        return mean - slope * (apart_paired.mean(axis=0) - self._apart(parts)), error

    def _apart(self, parts: list[NDArray[np.intp]]) -> Floats:
        """Shapley values of v where every component is played by itself."""
        values = np.zeros(len(self._varying))
        for part in parts:
            for batch in coalitions(self._R[np.ix_(part, part)]):
                values[part] += batch.shapley @ self._explained(batch.covariance, part)
        return values

    def _stated(self, share: Floats, error: Floats, weighted: Iterable[Weighted]) -> Shares:
        """Shares with intervals: what each draw contributes follows from the slopes at some coalitions.

        `error` is that of the orders, which is no part of `influence`.
        """
        surrogate, k = self._surrogate, len(self._varying)
        bias, by_p, by_variance = np.zeros(k), np.zeros(k), np.zeros(k)

        def sloped() -> Iterator[Weighted]:
            for C, weight in weighted:
                rho = self._rho(C)
                slope = _slopes(self._p, rho)
                steep = weight * slope.by_rho / self._variance
                by_p[:] += weight @ slope.by_p
                by_variance[:] += steep @ rho
                bias[:] += steep @ self._noise(C)
                yield C, steep

        by_beta, by_A = self._gradients(sloped(), k)
        count, here = len(surrogate.inputs.varies), self._varying
        influence, bounds, every = np.zeros((count, len(self._hit))), np.zeros((3, count)), np.zeros((k, count, count))
        every[np.ix_(np.arange(k), here, here)] = by_A
        influence[here] = by_beta @ surrogate.influence + np.outer(by_p, self._hit - self._p)
        influence[here] += surrogate.influence_of_rest(every) - np.outer(by_variance, self._of_variance)
        for i, estimate, noise, of_orders in zip(here, share, bias, error, strict=True):
            raw = min(1.0, max(0.0, estimate + noise))
            bounds[:, i] = share_interval(raw, noise, math.hypot(standard_error(influence[i]), of_orders))
        bounds[0, here] = share
        return Shares(Interval(*bounds), influence)


def _known(C: Floats) -> Floats:
    """Which assumptions each coalition knows, (N, k)."""
    return np.asarray(np.einsum("nii->ni", C) > _KNOWN, dtype=np.float64)


def _orders(members: int) -> NDArray[np.intp]:
    """Random orders, (n, members), and in the second half the reverse of each."""
    rng = np.random.default_rng(members)
    drawn = np.array([rng.permutation(members) for _ in range(_PAIRS)])
    return np.concatenate([drawn, drawn[:, ::-1]])


def _sizes(correlation: Floats, orders: NDArray[np.intp]) -> Iterator[Floats]:
    """C of the first 0, 1, …, k members of each order, (n, k, k)."""
    C = np.zeros((len(orders), *correlation.shape))
    yield C
    for member in orders.T:
        C = join(C, correlation, member)
        yield C


def _growing(correlation: Floats, orders: NDArray[np.intp]) -> Iterator[Weighted]:
    """Coalitions along orders: who joins one adds to it, who joins next took it as given."""
    here = np.arange(len(orders))
    for size, C in enumerate(_sizes(correlation, orders)):
        weight = np.zeros((len(correlation), len(orders)))
        if size > 0:
            weight[orders[:, size - 1], here] += 1 / len(orders)
        if size < len(correlation):
            weight[orders[:, size], here] -= 1 / len(orders)
        yield C, weight
