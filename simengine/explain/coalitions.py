"""What the scores of assumptions tell once some of them are known: every coalition, or a fair sample of them.

Scores z are jointly normal with correlation R. Once those in a coalition u are known, the conditional means have the
covariance `C_u = Cov(E[z | z_u]) = R[:, u] R[u, u]⁻¹ R[u, :]`. Scores in different components (nothing joins them) are
independent, so that C_u is block diagonal, and each component has coalitions of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.intervals import Floats

MOST_ENUMERATED = 12
"""Members of a component of which all coalitions are taken; of a larger one, those along random orders."""
_ORDERS = 480
"""Random orders of a larger component, at least: each with its reverse, and with every rotation of both."""
_WORK = 2**26
"""Numbers that orders may fill: the smaller a component, the more orders of it."""
_NOTHING_LEFT = 1e-10
"""What is left of a variance of 1, but for rounding, once it is known."""

_nodes, _weights = np.polynomial.legendre.leggauss(8)
CHANCES, CHANCE_WEIGHTS = (_nodes + 1) / 2, _weights / 2
"""Gauss-Legendre nodes of ∫₀¹ dq, exact for polynomials of degree 15."""


class Coalitions(NamedTuple):
    """N coalitions of one size from a component of s members, every member as often in as any other.

    Attributes
    ----------
    size : members of each
    covariance : (N, s, s) C_u
    joined, left_out : (s, N) Σ_n joined[i, n] f(u_n) is the mean of f over those that i is in, or is not in
    """

    size: int
    covariance: Floats
    joined: Floats
    left_out: Floats

    @property
    def shapley(self) -> Floats:
        """(s, N): Σ_n shapley[i, n] f(u_n), added up over all sizes, is the Shapley value of member i in the game f."""
        return (self.joined - self.left_out) / len(self.joined)


def components(correlation: Floats) -> list[NDArray[np.intp]]:
    """Places of the scores that hang together, one array a component, (k, k) in.

    >>> [part.tolist() for part in components(np.array([[1, 0, 0.5], [0, 1, 0], [0.5, 0, 1]]))]
    [[0, 2], [1]]
    """
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(correlation != 0, directed=False)
    return [np.flatnonzero(label == part) for part in range(count)]


def coalitions(correlation: Floats) -> Iterator[Coalitions]:
    """The coalitions of one component, (s, s), size by size."""
    return _every(correlation) if len(correlation) <= MOST_ENUMERATED else _along_orders(correlation)


def join(covariance: Floats, correlation: Floats, member: NDArray[np.intp]) -> Floats:
    """C of coalitions, (N, s, s), after one more member of each is known, (N,): `C + r r' / r_i`, r = R_i − C_i."""
    here = np.arange(len(covariance))
    news = correlation[member] - covariance[here, member]
    left = news[here, member]
    scale = np.divide(1.0, left, out=np.zeros_like(left), where=left > _NOTHING_LEFT)
    return covariance + (scale[:, None] * news)[:, :, None] * news[:, None, :]


def _every(correlation: Floats) -> Iterator[Coalitions]:
    members = len(correlation)
    covariance = np.zeros((2**members, members, members))
    for i in range(members):
        without = covariance[: 2**i]
        covariance[2**i : 2 ** (i + 1)] = join(without, correlation, np.full(2**i, i))
    inside = (np.arange(2**members) >> np.arange(members)[:, None]) & 1
    for size in range(members + 1):
        of_size = np.flatnonzero(inside.sum(axis=0) == size)
        within = inside[:, of_size]
        joined, left_out = within / max(1, within[0].sum()), (1 - within) / max(1, (1 - within[0]).sum())
        yield Coalitions(size, covariance[of_size], joined, left_out)


def _along_orders(correlation: Floats) -> Iterator[Coalitions]:
    """Coalitions as they grow along random orders: all orders at once, one batch for each size."""
    members = len(correlation)
    orders = random_orders(members)
    count, here = len(orders), np.arange(len(orders))
    covariance = np.zeros((count, members, members))
    for size in range(members + 1):
        joined, left_out = np.zeros((2, members, count))
        if size > 0:
            covariance = join(covariance, correlation, orders[:, size - 1])
            joined[orders[:, size - 1], here] = members / count
        if size < members:
            left_out[orders[:, size], here] = members / count
        yield Coalitions(size, covariance, joined, left_out)


@lru_cache(maxsize=8)
def random_orders(members: int) -> NDArray[np.intp]:
    """Orders of so many members, (n, members): every member stands equally often in every place."""
    rng, wanted = np.random.default_rng(members), max(_ORDERS, _WORK // members**3)
    drawn = [rng.permutation(members) for _ in range(-(-wanted // (2 * members)))]
    turned = [np.roll(order, turn) for order in drawn for turn in range(members)]
    return np.array([order for one in turned for order in (one, one[::-1])])


def sizes(members: int) -> Floats:
    """Chance that so many of `members` are in, where each is with probability `CHANCES[g]`, (G, members + 1)."""
    from scipy.special import binom

    k, q = np.arange(members + 1), CHANCES[:, None]
    return np.asarray(binom(members, k) * q**k * (1 - q) ** (members - k))
