"""Solve f(x) = target for an increasing f, many targets at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NARROW = 1e-14
"""Width of a bracket, relative to its ends, at which x is known."""

_CLOSE = 4 * 2.0**-53
"""Distance from the target, relative to it, at which f(x) is known no better: rounding."""

_ROUNDS = 400


class Inverse:
    """The inverse of an increasing function.

    A table brackets each target; false position in the Illinois form (Dowell and Jarratt 1971) closes the bracket,
    every eighth step being a bisection. Each element takes its own course whatever its neighbours are, so that a
    block of targets gives the same bits as the whole.

    Parameters
    ----------
    f : increasing function, applied elementwise to arrays of any length
    grid : increasing points, from the smallest to the largest x that may be an answer
    absolute : width of a bracket, in units of x, at which x is known (beside 1e-14 relative)
    """

    def __init__(self, f: Callable[[Array], Array], grid: Array, absolute: float = 0.0) -> None:
        self._f, self._grid, self._absolute = f, grid, absolute
        self._values = np.maximum.accumulate(f(grid))

    def __call__(self, target: Array) -> Array:
        """Return x with f(x) = target, elementwise; an end of the grid where f does not reach the target."""
        above = np.searchsorted(self._values, target, side="left")
        upper = np.minimum(above, len(self._grid) - 1)
        lower = np.maximum(above - 1, 0)
        x = self._grid[upper]
        a, b = self._grid[lower], x
        fa, fb = self._values[lower] - target, self._values[upper] - target
        left = np.flatnonzero((fa < 0) & (fb > 0) & (np.nextafter(a, b) < b))
        a, b, fa, fb, goal = a[left], b[left], fa[left], fb[left], target[left]
        side = np.zeros(left.size)
        for step in range(_ROUNDS):
            if not left.size:
                break
            middle = a + 0.5 * (b - a)
            known = _NARROW * np.maximum(np.abs(a), np.abs(b)) + self._absolute
            c = middle if step % 8 == 7 else b - fb * ((b - a) / (fb - fa))
            # Half of what is allowed away from an end that is as good as the answer: the next bracket is the last.
            c = np.clip(c, a + 0.5 * known, b - 0.5 * known)
            c = np.where((a < c) & (c < b), c, middle)
            fc = self._f(c) - goal
            over = fc >= 0
            fa = np.where(over, np.where(side > 0, 0.5 * fa, fa), fc)
            fb = np.where(over, fc, np.where(side < 0, 0.5 * fb, fb))
            a, b = np.where(over, a, c), np.where(over, c, b)
            side = np.where(over, 1.0, -1.0)

            close = np.abs(fc) <= _CLOSE * np.abs(goal)
            x[left] = np.where(close, c, b)
            keep = ~(close | (b - a <= known) | (np.nextafter(a, b) >= b))
            left = left[keep]
            a, b, fa, fb, goal, side = (v[keep] for v in (a, b, fa, fb, goal, side))
        return x
