"""Models whose shares of variance are known in closed form, and chance that is addressed by a number."""

from itertools import combinations
from math import factorial

import numpy as np
from scipy.special import ndtr, ndtri


def normals(addresses, salt=0):
    """A standard normal number of every address, the same wherever it is asked for (SplitMix64)."""
    with np.errstate(over="ignore"):
        x = (np.asarray(addresses).astype(np.uint64) + np.uint64(salt << 40)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ndtri(((x ^ (x >> np.uint64(31))).astype(np.float64) + 0.5) / 2.0**64)


def shapley(value, players):
    """Shapley values of a game: `value` of a set of players, for players 0 to `players` - 1."""
    found = np.zeros(players)
    for i in range(players):
        others = [j for j in range(players) if j != i]
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            found[i] += weight * sum(value({*u, i}) - value(set(u)) for u in combinations(others, size))
    return found


def linear(coefficients, correlation, noise):
    """Shapley effects of b·z + noise, z joint normal: v(u) = Var(E[Y | u]) = b'C b, C = S_u S_uu^-1 S_u'."""
    k = len(coefficients)

    def value(coalition):
        known = explained(coefficients, correlation, coalition - {k})
        return known + (noise**2 if k in coalition else 0.0)

    return shapley(value, k + 1)


def explained(coefficients, correlation, inputs):
    """Var(E[b·z | some z])."""
    if not inputs:
        return 0.0
    u = sorted(inputs)
    across = correlation[:, u]
    return float(coefficients @ across @ np.linalg.pinv(correlation[np.ix_(u, u)]) @ across.T @ coefficients)


A, B = 7.0, 0.1


def ishigami(z, addresses=None):
    """sin x₁ + a sin² x₂ + b x₃⁴ sin x₁, x uniform on (-π, π)."""
    x = np.pi * (2 * ndtr(z) - 1)
    return np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0])


def ishigami_parts():
    """Variance by set of inputs: Ishigami and Homma, 1990."""
    return {
        frozenset({0}): 0.5 * (1 + B * np.pi**4 / 5) ** 2,
        frozenset({1}): A**2 / 8,
        frozenset({0, 2}): B**2 * np.pi**8 * (1 / 18 - 1 / 50),
    }


SOBOL_G = np.array([0.0, 0.5, 3.0, 9.0])


def sobol_g(z, addresses=None):
    """Π (|4 u_i - 2| + a_i)/(1 + a_i), u uniform on (0, 1)."""
    return np.prod((np.abs(4 * ndtr(z) - 2) + SOBOL_G) / (1 + SOBOL_G), axis=1)


def sobol_g_parts():
    """Variance by set of inputs: a product of (1 + V_i), V_i = 1/(3 (1 + a_i)²) (Saltelli and Sobol, 1995)."""
    own = 1 / (3 * (1 + SOBOL_G) ** 2)
    sets = [frozenset(u) for size in range(1, 5) for u in combinations(range(4), size)]
    return {u: float(np.prod(own[sorted(u)])) for u in sets}


def first_order(parts, players):
    return np.array([parts.get(frozenset({i}), 0.0) for i in range(players)]) / sum(parts.values())


def total(parts, players):
    return np.array([sum(part for u, part in parts.items() if i in u) for i in range(players)]) / sum(parts.values())


def shared(parts, players):
    """Shapley shares of independent inputs: every part goes in equal parts to those who make it (Owen, 2014)."""
    whole = sum(parts.values())
    return np.array([sum(part / len(u) for u, part in parts.items() if i in u) for i in range(players)]) / whole
