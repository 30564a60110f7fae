"""A model of forty inputs whose shares are known exactly, though no polynomial describes it.

Two blocks of correlated inputs, a product of three numbers as exp of a sum (twice), curvature of single inputs,
three interactions, ten inputs without effect, and random variation that makes up 45 % of the variance.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import factorial

import numpy as np

SIZE, JOINED = 40, 14
"""Inputs; and the first ones, which correlation or a common term joins, so that their coalitions are enumerated."""
RANDOM_SHARE = 0.45


@dataclass(frozen=True)
class Curved:
    """y = b·z + z'Az + Σ_r c_r exp(a_r·z) + random variation, with z ~ N(0, R)."""

    R: np.ndarray
    b: np.ndarray
    A: np.ndarray
    c: np.ndarray
    a: np.ndarray

    def known(self, z):
        """What assumptions explain, (n,)."""
        return z @ self.b + np.einsum("ni,ij,nj->n", z, self.A, z) + np.exp(z @ self.a.T) @ self.c

    def independent(self):
        """The same function of independent inputs."""
        return replace(self, R=np.eye(SIZE))

    def explained(self, u):
        """Variance of E[y | z_u]: with C = Cov(E[z | z_u]), covariances of normal variables and their exponentials."""
        u = list(u)
        C = self.R[:, u] @ np.linalg.solve(self.R[np.ix_(u, u)], self.R[u, :]) if u else np.zeros_like(self.R)
        scaled = self.c * np.exp(np.einsum("ri,ij,rj->r", self.a, self.R, self.a) / 2)
        told = self.a @ C
        exponentials = scaled @ np.expm1(told @ self.a.T) @ scaled
        crossed = 2 * scaled @ (told @ self.b + np.einsum("ri,ij,rj->r", told, self.A, told))
        return self.b @ C @ self.b + 2 * np.trace(self.A @ C @ self.A @ C) + exponentials + crossed

    @cached_property
    def effects(self):
        """Shapley effects by the definition: all coalitions of the joined inputs, every other one alone."""
        effects = np.array([self.explained([i]) for i in range(SIZE)])
        part = self._joined()
        masks = np.arange(2**JOINED)
        inside = (masks[:, None] >> np.arange(JOINED)) & 1
        value = np.array([part.explained(np.flatnonzero(row)) for row in inside])
        size = inside.sum(axis=1)
        weight = np.array([factorial(s) * factorial(JOINED - s - 1) / factorial(JOINED) for s in range(JOINED)])
        for i in range(JOINED):
            without = masks[inside[:, i] == 0]
            effects[i] = weight[size[without]] @ (value[without | (1 << i)] - value[without])
        return effects

    def _joined(self):
        first = slice(JOINED)
        return Curved(self.R[first, first], self.b[first], self.A[first, first], self.c, self.a[:, first])

    @cached_property
    def variance(self):
        """Of y, random variation included: that of the model with its own R."""
        return self.effects.sum() / (1 - RANDOM_SHARE)

    def first_order(self, variance):
        """First-order shares of a variance."""
        return np.array([self.explained([i]) for i in range(SIZE)]) / variance

    def total_order(self, variance):
        """Total-order shares of a variance; inputs must be independent."""
        everything = self.effects.sum()
        return np.array([everything - self.explained(np.delete(np.arange(SIZE), i)) for i in range(SIZE)]) / variance


def curved():
    """The model."""
    rng = np.random.default_rng(20270101)
    R = np.eye(SIZE)
    for block, rho in ((slice(0, 7), 0.5), (slice(7, 12), 0.6)):
        R[block, block] += rho * (1 - np.eye(block.stop - block.start))
    b = 0.25 * rng.exponential(size=SIZE) * rng.choice([-1.0, 1.0], SIZE)
    b[-10:] = 0.0
    A = np.zeros((SIZE, SIZE))
    for i, j, strength in ((0, 7, 0.3), (12, 13, 0.4), (3, 12, -0.3)):
        A[i, j] = A[j, i] = strength / 2
    single = range(JOINED, JOINED + 4)
    a = np.zeros((2 + len(single), SIZE))
    a[0, [0, 8, 12]] = 0.5, 0.4, 0.3
    a[1, [2, 9, 13]] = -0.3, 0.5, 0.4
    for row, i in enumerate(single, 2):
        a[row, i] = 0.5
    return Curved(R, b, A, np.array([1.2, 1.0, *[0.6] * len(single)]), a)
