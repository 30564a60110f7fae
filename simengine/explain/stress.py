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
    """`f(z) = b·z + z'Az − tr(AR)` of scores z ~ N(0, R), and the standard deviation σ of the rest of a score.

    `scale` is by what all of it was divided to give a score the variance 1 in the population: a sample of draws has one
    of its own.
    """

    b: Floats
    A: Floats
    R: Floats
    sigma: float
    scale: float = 1.0

    @staticmethod
    def of(surrogate: Surrogate) -> Quadratic:
        """The linear and quadratic part of the surrogate of a score: all else is rest."""
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
                like = float(first @ steps.standardised)
                A[i] *= like
                A[:, i] *= like
                A[i, i] = second[1:] @ beta[here] * math.sqrt(0.5)
        found = Quadratic(b, A, inputs.correlation, 0.0)
        rest = float(found.left(surrogate).var())
        scale = math.sqrt(found.explained + rest)
        return Quadratic(b / scale, A / scale, found.R, math.sqrt(rest) / scale, scale)

    @property
    def explained(self) -> float:
        """Variance of f in the population, `b'Rb + 2 tr(ARAR)`."""
        return float(self.b @ self.R @ self.b + 2 * np.sum((self.A @ self.R) * (self.R @ self.A)))

    def left(self, surrogate: Surrogate) -> Floats:
        """What f leaves of the score of each draw, (n,), in the unit of the score."""
        return surrogate.fitted + surrogate.residual - self.scale * self.at(surrogate.inputs.z)

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
    lagrange: float
    """How fast the square of the distance rises with the level."""
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
    return Stress(z, w, moved, f.sigma * w, found, math.sqrt(float(u @ u) + w * w))


class Errors(NamedTuple):
    """Standard errors of a most plausible point: its scores and their parts in the movement, (k,), and of the rest.

    That of the `distance` is what the coefficients put in, at a level that is known.
    """

    z: Floats
    part: Floats
    rest: float
    distance: float


def errors(f: Quadratic, surrogate: Surrogate, score: Floats, level: float, at: Stress) -> Errors:
    """Standard errors of the most plausible point of a level, by the delta method.

    A draw contributes to the coefficients, to the variance by which they are scaled, to that of the rest, and to the
    level, below which a share Φ(level) of all scores lies. The point follows each of them by Lagrange's conditions,
    `2z = λ R(b + 2Az)` and `f(z) + λσ²/2 = level`, differentiated.

    Parameters
    ----------
    f, surrogate, score : what the point is made of
    level, at : the point
    """
    left = f.left(surrogate) / f.scale
    linear = _linear(surrogate) / f.scale
    bent = Expansion.of(surrogate.inputs, surrogate.terms).quadratic / f.scale
    by_variance = 2 * (f.R @ f.b) @ linear + np.tensordot(4 * f.R @ f.A @ f.R, bent, 2)
    of_rest = left**2 - left.var()
    of_variance = by_variance @ surrogate.influence + of_rest
    contributions = np.vstack([surrogate.influence, of_variance, of_rest, _of_level(score, level)])

    # Changes of b, A, σ and the level by each of these.
    b = np.column_stack([linear, -f.b / 2, 0 * f.b, 0 * f.b])
    A = np.concatenate([bent, -f.A[:, :, None] / 2, np.zeros((*f.A.shape, 2))], axis=2)
    sigma, of_level = np.zeros(b.shape[1]), np.zeros(b.shape[1])
    sigma[-3], sigma[-2], of_level[-1] = -f.sigma / 2, 0.5 / f.sigma if f.sigma > 0 else 0.0, 1.0

    z, steepness = at.z, f.b + 2 * f.A @ at.z
    Az, traces = np.einsum("ijp,j->ip", A, z), np.tensordot(f.R, A, 2)
    left_side = np.block(
        [
            [np.eye(len(z)) - at.lagrange * f.R @ f.A, -(f.R @ steepness)[:, None] / 2],
            [steepness[None], np.array([[f.sigma**2 / 2]])],
        ]
    )
    right_side = np.vstack(
        [at.lagrange * f.R @ (b + 2 * Az) / 2, of_level - z @ b - z @ Az + traces - 2 * at.w * sigma]
    )
    by_each = np.linalg.lstsq(left_side, right_side, rcond=None)[0][:-1]
    moved = by_each * (f.b + f.A @ z)[:, None] + z[:, None] * (b + Az + f.A @ by_each)
    way, way_by_each = level - f.middle, of_level + traces
    part = moved / way - np.outer(at.moved, way_by_each) / way**2 if way else np.zeros_like(moved)
    # Of a least distance the multiplier says what moving the constraint does (envelope theorem).
    moved_level = traces - z @ b - z @ Az - at.w * sigma
    by_level = abs(at.lagrange) / (2 * at.distance) if at.distance > 0 else 0.0
    root = math.sqrt(len(score))
    return Errors(
        (by_each @ contributions).std(axis=1) / root,
        (part @ contributions).std(axis=1) / root,
        float((part.sum(axis=0) @ contributions).std()) / root,
        by_level * float((moved_level @ contributions).std()) / root,
    )


def _of_level(score: Floats, level: float) -> Floats:
    from scipy.special import ndtr

    return np.asarray(((score <= level) - float(ndtr(level))) * math.sqrt(2 * math.pi) * math.exp(level**2 / 2))


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
