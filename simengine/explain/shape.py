"""Whether a result rises with an input, falls with it, or turns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.additive import Additive
from simengine.explain.intervals import Floats

RANGES = 6
FEWEST_IN_RANGE = 30


class Turn(NamedTuple):
    """The evidence that a result both rises and falls along one input, and where it turns.

    `p` is the probability of as clear a rise and fall where the result only ever rises, or only ever falls. `peak` says
    whether it turns at a highest place, and `place` marks the draws of the range in which that is.
    """

    p: float
    peak: bool
    place: NDArray[np.bool_]


def turn(model: Additive, i: int, ranks: Floats, y: Floats) -> Turn:
    """Look for a rise and a fall along input i, with the other inputs' curves held still.

    The draws are cut into up to six ranges of equal count, equal values never parted, and y is regressed on the ranges
    and on the others' polynomials. Of any two ranges the later can be clearly higher (a rise) or lower (a fall).
    A result that never falls makes a false fall most likely where it is flat, so with m pairs of ranges the smallest
    one-sided p-value times m bounds the error of each (Bonferroni), and the larger of the two that of finding both
    (Berger, Technometrics 24, 1982).

    Parameters
    ----------
    model : of all inputs
    i, ranks : the input, and its ranks, (n,), from `ranks.midranks`
    y : the result, (n,)
    """
    from scipy.special import ndtr

    place = _ranges(ranks)
    ranges = int(place.max()) + 1
    nothing = Turn(1.0, False, np.zeros(len(y), dtype=bool))
    if ranges < 3:
        return nothing
    marks = (place[:, None] == np.arange(1, ranges)).astype(float)
    left = model.residuals_but_for(i, np.column_stack((marks, y)))
    marks, rest = left[:, :-1], left[:, -1]
    gram = marks.T @ marks
    if np.linalg.cond(gram) > 1e8:
        return nothing
    inverse = np.linalg.inv(gram)
    coefficients = inverse @ (marks.T @ rest)
    residuals = rest - marks @ coefficients
    weights = (marks @ inverse) * residuals[:, None]
    freedom = len(y) / max(1, len(y) - model.columns.shape[1] - ranges)
    covariance = np.zeros((ranges, ranges))
    covariance[1:, 1:] = weights.T @ weights * freedom
    height = np.append(0.0, coefficients)
    early, late = np.triu_indices(ranges, 1)
    rise = height[late] - height[early]
    variance = covariance[late, late] + covariance[early, early] - 2 * covariance[early, late]
    if not (variance > 0).all():
        return nothing
    t = rise / np.sqrt(variance)
    up, down = float(t.max()), float(-t.min())
    p = min(1.0, len(t) * float(ndtr(-min(up, down))))
    # The turn is the extreme that stands out further from both ends.
    top, bottom = int(height.argmax()), int(height.argmin())
    depth = {
        True: min(height[top] - height[0], height[top] - height[-1]),
        False: min(height[0] - height[bottom], height[-1] - height[bottom]),
    }
    peak = depth[True] >= depth[False]
    return Turn(p, peak, place == (top if peak else bottom))


def _ranges(ranks: Floats) -> NDArray[np.intp]:
    """Number of the range of each draw, from 0; ranges of too few draws join the next, the last the one before."""
    rough = np.minimum((ranks * RANGES).astype(np.intp), RANGES - 1)
    counts = np.bincount(rough, minlength=RANGES)
    number, names, filled = 0, np.zeros(RANGES, dtype=np.intp), 0
    for place, count in enumerate(counts):
        names[place] = number
        filled += int(count)
        if filled >= FEWEST_IN_RANGE:
            number, filled = number + 1, 0
    if filled or number == 0:
        names[names == number] = max(0, number - 1)
    return np.minimum(names, max(0, number - 1))[rough]
