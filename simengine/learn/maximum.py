"""Maximum of a log-likelihood: where it is, how sharply it falls, and intervals from both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.learn.estimate import Z90

Floats = NDArray[np.float64]
LogLikelihood = Callable[[Floats], Floats]
"""Of parameters (rows, parameters) on a scale without bounds: logits of shares, logarithms of what is positive."""

CHI_SQUARED_90 = Z90**2
_UNTOLD = 10.0
"""Standard error of a logit or logarithm from which on records do not tell it."""
_SLOPE_STEP, _CURVE_STEP = 1e-5, 2e-3


@dataclass(frozen=True)
class Maximum:
    """Where a log-likelihood is largest.

    Attributes
    ----------
    at : the parameters, (parameters,)
    covariance : inverse of the curvature there, (parameters, parameters); NaN where the records leave some free
    value : of the log-likelihood
    """

    at: Floats
    covariance: Floats
    value: float


def maximise(function: LogLikelihood, start: Floats, lowest: Floats, highest: Floats) -> Maximum:
    """Climb from `start` between bounds, with slopes and curvature from differences.

    Raises
    ------
    SimengineError : the likelihood is zero where it begins
    """
    at = _climb(function, start, lowest, highest)
    curve = -curvature(function, at)
    inside = (at > lowest + 1e-6) & (at < highest - 1e-6)
    covariance = np.full(curve.shape, np.nan)
    if inside.all() and np.linalg.eigvalsh(curve)[0] > 1e-8:
        found = np.linalg.inv(curve)
        if np.sqrt(np.diag(found)).max() < _UNTOLD:
            covariance = found
    return Maximum(at, covariance, float(function(at[None, :])[0]))


def _climb(function: LogLikelihood, start: Floats, lowest: Floats, highest: Floats) -> Floats:
    from scipy.optimize import minimize

    steps = _SLOPE_STEP * np.eye(start.size)

    def cost(at: Floats) -> tuple[float, Floats]:
        values = function(np.vstack([at, at + steps, at - steps]))
        up, down = values[1 : start.size + 1], values[start.size + 1 :]
        return -float(values[0]), -(up - down) / (2 * _SLOPE_STEP)

    if not np.isfinite(function(start[None, :])).all():
        raise SimengineError("the likelihood of these records is zero where the search begins; look at their dates")
    bounds = list(zip(lowest, highest, strict=True))
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-11, "gtol": 1e-4})
    return np.asarray(found.x, np.float64)


def curvature(function: LogLikelihood, at: Floats) -> Floats:
    """Second derivatives by central differences, (parameters, parameters)."""
    n = at.size
    first, second = np.triu_indices(n)
    step = _CURVE_STEP * np.eye(n)
    signs = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
    points = at + signs[:, 0, None, None] * step[first] + signs[:, 1, None, None] * step[second]
    values = function(points.reshape(-1, n)).reshape(4, -1)
    across = (values[0] - values[1] - values[2] + values[3]) / (4 * _CURVE_STEP**2)
    out = np.empty((n, n))
    out[first, second] = out[second, first] = across
    return out


def profile(
    function: LogLikelihood, top: Maximum, which: int, lowest: Floats, highest: Floats, fall: float = CHI_SQUARED_90
) -> tuple[float, float]:
    """Where twice the log-likelihood, the other parameters at their best, has fallen by `fall`; the bounds at most.

    With the default the 90 % interval of the likelihood ratio (Wilks).
    """
    from scipy.optimize import brentq

    others = np.arange(top.at.size) != which
    best = {"at": top.at}

    def drop(value: float) -> float:
        def held(rows: Floats) -> Floats:
            whole = np.empty((len(rows), top.at.size))
            whole[:, others], whole[:, which] = rows, value
            return function(whole)

        at = _climb(held, best["at"][others], lowest[others], highest[others])
        return 2 * (top.value - float(held(at[None, :])[0])) - fall

    error = float(np.sqrt(top.covariance[which, which])) if np.isfinite(top.covariance[which, which]) else 1.0
    return _end(drop, top.at[which], -error, lowest[which], brentq), _end(
        drop, top.at[which], error, highest[which], brentq
    )


def _end(drop: Callable[[float], float], top: float, step: float, bound: float, root: Callable[..., float]) -> float:
    near, far = top, top
    for _ in range(40):
        far = max(far + step, bound) if step < 0 else min(far + step, bound)
        if drop(far) > 0:
            return float(root(drop, near, far, xtol=1e-4))
        if far == bound:
            return float(bound)
        near = far
    return float(bound)
