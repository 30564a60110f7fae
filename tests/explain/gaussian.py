"""Models of correlated normal inputs, with their Shapley effects by the definition, coalition by coalition."""

import itertools
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Gaussian:
    """y = b·z + z'Az + random variation, with z ~ N(0, R); `noise` is the variance of the last."""

    R: np.ndarray
    b: np.ndarray
    A: np.ndarray
    noise: float

    def known(self, z: np.ndarray) -> np.ndarray:
        return z @ self.b + np.einsum("ni,ij,nj->n", z, self.A, z)

    def draws(self, rng: np.random.Generator, n: int, twins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """z, y and twin (nan beyond the first ones)."""
        z = rng.normal(size=(n, len(self.b))) @ np.linalg.cholesky(self.R).T
        known, twin = self.known(z), np.full(n, np.nan)
        twin[:twins] = known[:twins] + math.sqrt(self.noise) * rng.normal(size=twins)
        return z, known + math.sqrt(self.noise) * rng.normal(size=n), twin

    def explained(self, coalition: tuple[int, ...]) -> float:
        """Variance of E[y | z_u]: of a linear part by regression, of a quadratic form 2 tr(ACAC)."""
        if not coalition:
            return 0.0
        u = list(coalition)
        C = self.R[:, u] @ np.linalg.solve(self.R[np.ix_(u, u)], self.R[u, :])
        return float(self.b @ C @ self.b + 2 * np.trace(self.A @ C @ self.A @ C))

    def shares(self) -> np.ndarray:
        """Shapley effects over the whole variance. Inputs that nothing joins, in R or in A, are played apart."""
        effects = np.zeros(len(self.b))
        for members in self._parts():
            effects[list(members)] = self._effects(members)
        return effects / (effects.sum() + self.noise)

    def first_order(self) -> np.ndarray:
        everything = self.shares().sum()
        total = self.noise / (1 - everything)
        return np.array([self.explained((i,)) for i in range(len(self.b))]) / total

    def _parts(self) -> list[tuple[int, ...]]:
        joined = (self.R != 0) | (self.A != 0)
        reach = np.linalg.matrix_power(joined.astype(float), len(self.b)) > 0
        return sorted({tuple(np.flatnonzero(row)) for row in reach})

    def _effects(self, members: tuple[int, ...]) -> list[float]:
        m = len(members)
        subsets = [u for size in range(m + 1) for u in itertools.combinations(members, size)]
        value = {u: self.explained(u) for u in subsets}
        effects = []
        for i in members:
            weighted = (
                math.factorial(len(u)) * math.factorial(m - len(u) - 1) * (value[tuple(sorted((*u, i)))] - value[u])
                for u in subsets
                if i not in u
            )
            effects.append(math.fsum(weighted) / math.factorial(m))
        return effects


def in_blocks(size: int, block: int, rho: float, *, quadratic: bool, random_share: float, seed: int) -> Gaussian:
    """Inputs correlated in blocks, effects of very different strength, one without any."""
    rng = np.random.default_rng(seed)
    R = np.eye(size)
    for first in range(0, size, block):
        R[first : first + block, first : first + block] += rho * (1 - np.eye(len(R[first : first + block])))
    b = rng.exponential(size=size) * rng.choice([-1.0, 1.0], size)
    b[size // 2] *= 0.1
    b[-1] = 0.0
    A = np.zeros((size, size))
    if quadratic:
        for i in range(0, size - 1, block):
            A[i, i] = 0.3 * rng.normal()
            A[i, i + 1] = A[i + 1, i] = 0.3 * rng.normal()
        if size > 2 * block:  # two blocks act together
            A[0, block] = A[block, 0] = 0.4
    model = Gaussian(R, b, A, 1.0)
    explained = model.explained(tuple(range(size)))
    return Gaussian(R, b, A, explained * random_share / (1 - random_share))
