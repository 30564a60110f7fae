"""The tornado: what a result is when one assumption turns out low, and when it turns out high."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.intervals import Bounded, Floats, Interval, difference, mean, stacked
from simengine.explain.ranks import midranks

FIFTH = 0.2


class Tornado(NamedTuple):
    """A result where each of k inputs is low (bottom fifth), where it is high (top fifth), and high minus low; (k,)."""

    bottom: Interval
    top: Interval
    swing: Interval


def fifths(x: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the bottom and the top fifth of the values `x`, (n,), equal values never parted.

    Of an input with few values the lowest and the highest levels are marked: those whose middle rank is in the outer
    fifth, and at least one. Of a constant both marks are all draws.

    >>> bottom, top = fifths(np.array([0.0, 0.0, 0.0, 0.0, 1.0]))
    >>> int(bottom.sum()), int(top.sum())
    (4, 1)
    """
    return _ends(midranks(x))


def _ends(ranks: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return ranks <= max(FIFTH, ranks.min()), ranks >= min(1 - FIFTH, ranks.max())


def tornado(ranks: Sequence[Floats], y: Floats, estimate: Callable[[Floats], Bounded] = mean) -> Tornado:
    """Estimate a result in the bottom and in the top fifth of each input.

    The other inputs stay as they were drawn, so that inputs which move together show together.

    Parameters
    ----------
    ranks
        Of the k inputs, (n,) each, from `ranks.ranks_of`.
    y
        The result, (n,): a metric, or 0 and 1 for a target missed or hit.
    estimate
        What to tell of the result in a fifth: `intervals.mean`, `median` or `proportion`.
    """
    ends = [_ends(column) for column in ranks]
    bottom = stacked([estimate(y[low]) for low, _ in ends])
    top = stacked([estimate(y[high]) for _, high in ends])
    return Tornado(bottom, top, difference(top, bottom))
