"""Reverse stress: the most plausible joint movement of all assumptions that brings a result to a given level.

A score s = f(z) + σ w of a result, with scores z ~ N(0, R) of the assumptions and f quadratic, stands for everything: w
is one more standard normal number for what no assumption explains. Of all (z, w) with f(z) + σ w = t the most plausible
has the smallest `z' R⁻¹ z + w²`. Where f is linear it is the mean of all: `z = t R b`, for a score of variance 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simengine.explain.intervals import Floats
from simengine.explain.shapley import Expansion
from simengine.explain.surrogate import Surrogate

_FAR = 1e6


@dataclass(frozen=True)
class Quadratic:
    """`f(z) = b·z + z'Az − tr(AR)` of scores z ~ N(0, R), and the standard deviation σ of the rest of a score."""

    b: Floats
    A: Floats
    R: Floats
    sigma: float

    @staticmethod
    def of(surrogate: Surrogate) -> Quadratic:
        """The linear and quadratic part of a surrogate of a score with variance 1: all else is rest."""
        inputs, beta = surrogate.inputs, surrogate.coefficients
        A = Expansion.of(inputs, surrogate.terms).quadratic @ beta
        b = _linear(surrogate) @ beta
        place = len(surrogate.terms.hermite)
        for i in surrogate.terms.steps:
            steps = inputs.steps[i]
            here = slice(place, place + len(steps.values) - 1)
            place = here.stop
            if inputs.alone[i]:  # the expansion keeps its values as they are
                first, second = steps.hermite(2)
                p, mean = steps.probability, steps.probability @ steps.values
                like = float(first @ (steps.values - mean)) / math.sqrt(p @ (steps.values - mean) ** 2)
                A[i] *= like
                A[:, i] *= like
                A[i, i] = second[1:] @ beta[here] * math.sqrt(0.5)
        R = inputs.correlation
        explained = float(b @ R @ b + 2 * np.sum((A @ R) * (R @ A)))
        return Quadratic(b, A, R, math.sqrt(max(0.0, 1 - explained)))

    @property
    def middle(self) -> float:
        """f where every assumption is at its median."""
        return -float(np.sum(self.A * self.R))

    def at(self, z: Floats) -> Floats:
        """f of n draws, (n,)."""
        return np.asarray(z @ self.b + np.einsum("ni,ni->n", z @ self.A, z) + self.middle)


@dataclass(frozen=True)
class Stress:
    """The most plausible point at a level.

    Attributes
    ----------
    z : (k,) score of each assumption
    w : of what no assumption explains
    moved : (k,) how far each assumption moves the result's score; with `moved_by_rest` all the way from the middle
    """

    z: Floats
    w: float
    moved: Floats
    moved_by_rest: float
    distance: float
    """From the middle, in standard deviations."""


def most_plausible(f: Quadratic, level: float) -> Stress:
    """The point (z, w) with f(z) + σ w = level that is nearest to the middle, √(z' R⁻¹ z + w²).

    With R = SS', z = Sy and S'AS = U diag(d) U' the conditions of Lagrange give `u_i = λ g_i / (2 (1 − λ d_i))` and
    `w = λ σ / 2`, g = U'S'b: one unknown λ, in which the result rises between the poles 1/d_i that are next to zero
    (the trust-region problem with its secular equation: Moré and Sorensen, SIAM J. Sci. Stat. Comput. 4, 1983).

    >>> f = Quadratic(np.array([0.6, 0.0]), np.zeros((2, 2)), np.eye(2), 0.8)
    >>> found = most_plausible(f, -2.0)
    >>> found.z.round(6).tolist(), round(found.w, 6), round(found.distance, 6)
    ([-1.2, 0.0], -1.6, 2.0)
    """
    from scipy.optimize import brentq

    values, vectors = np.linalg.eigh(f.R)
    S = vectors * np.sqrt(np.maximum(values, 0.0))
    d, U = np.linalg.eigh(S.T @ f.A @ S)
    g = U.T @ (S.T @ f.b)

    def point(lagrange: float) -> Floats:
        return np.asarray(lagrange * g / (2 * (1 - lagrange * d)))

    def beyond(lagrange: float) -> float:
        u = point(lagrange)
        return float(g @ u + d @ u**2 + f.sigma**2 * lagrange / 2 + f.middle - level)

    if beyond(0.0) == 0 or not (f.sigma > 0 or np.any(f.b)):
        found = 0.0
    else:
        # A falling result has a negative λ. Short of a pole by a hair: there the result is as far as it gets.
        sign = -1.0 if beyond(0.0) > 0 else 1.0
        steepest = max(0.0, float((sign * d).max(initial=0.0)))
        end = sign * min(_FAR, (1 - 1e-9) / steepest if steepest > 0 else _FAR)
        found = float(brentq(beyond, 0.0, end)) if sign * beyond(end) > 0 else end
    u, w = point(found), f.sigma * found / 2
    z = S @ (U @ u)
    moved = z * f.b + z * (f.A @ z)
    return Stress(z, w, moved, f.sigma * w, math.sqrt(float(u @ u) + w * w))


class Errors(NamedTuple):
    """Standard errors of a most plausible point: its scores and their parts in the movement, (k,), and of the rest."""

    z: Floats
    part: Floats
    rest: float


def errors(f: Quadratic, surrogate: Surrogate, score: Floats, level: float) -> Errors:
    """Standard errors of the most plausible point, as far as f is linear.

    Then `z = t R b`, and each assumption carries `b_i (Rb)_i` of the way. A draw contributes to b, to the ranks that
    scores are made of, and to the level t, below which a share Φ(t) of all lies.
    """
    from scipy.special import ndtr

    of_b = _linear(surrogate) @ surrogate.influence - np.outer(f.b, (score**2 - 1) / 2)
    density = math.exp(-(level**2) / 2) / math.sqrt(2 * math.pi)
    of_level = ((score <= level) - float(ndtr(level))) / density
    joint, of_joint = f.R @ f.b, f.R @ of_b
    of_part = of_b * joint[:, None] + f.b[:, None] * of_joint
    root = math.sqrt(len(score))
    return Errors(
        (level * of_joint + np.outer(joint, of_level)).std(axis=1) / root,
        of_part.std(axis=1) / root,
        float(of_part.sum(axis=0).std()) / root,
    )


def _linear(surrogate: Surrogate) -> Floats:
    """b of the coefficients, (k, terms): the linear part of a step too, which the expansion keeps as it is."""
    inputs, terms = surrogate.inputs, surrogate.terms
    nothing = np.zeros((len(inputs.varies), len(surrogate.coefficients)))
    to = Expansion.of(inputs, terms).orders.get(1, nothing).copy()
    place = len(terms.hermite)
    for i in terms.steps:
        steps = inputs.steps[i]
        here = slice(place, place + len(steps.values) - 1)
        place = here.stop
        to[i, here] = steps.hermite(1)[0, 1:]
    return to
