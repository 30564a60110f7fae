"""The tornado in the forms that spreadsheets draw, beside the ranking, and where each of them misleads.

A spreadsheet tornado takes the result where an input is low and where it is high. The fifths of `tornado` credit an
input with whatever moves together with it; a rank correlation does so too, and sees nothing of what rises and falls
again; moving one input at a time, all others at their medians, sees nothing of what inputs only do together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simengine.explain.attribution import Attribution
from simengine.explain.intervals import Z95, Floats, Interval
from simengine.explain.ranks import midranks
from simengine.explain.surrogate import Surrogate
from simengine.explain.variance import standard_error

P90 = 1.2815515655446004
"""The 90 % point of the standard normal law."""
_OF_FIFTHS = 1.0921
"""Mean score of the top fifth over P90: 1.3998 / 1.2816. A line rises so much more between fifths than P10 to P90."""
_NOTEWORTHY = 0.5
"""Part of an effect that a form must miss, or add, before it is called misleading."""
_SMALL = 0.01
"""Share of variance below which nothing is said of an assumption."""


class Forms(NamedTuple):
    """Forms of the tornado for k assumptions.

    Attributes
    ----------
    rank_correlation : Spearman's, of assumption and result
    low_alone, high_alone : how far the surrogate moves with one assumption at its P10, P90, all others at their medians
    borrows : fifths and rank correlation credit it with what moves together with it
    bends : it rises and falls, or falls and rises: a rank correlation does not show its effect
    joins : most of its effect is what it does together with others: one at a time does not show it
    """

    rank_correlation: Interval
    low_alone: Interval
    high_alone: Interval
    borrows: NDArray[np.bool_]
    bends: NDArray[np.bool_]
    joins: NDArray[np.bool_]


def forms(found: Attribution, ranks: list[Floats], y: Floats) -> Forms:
    """The forms of the tornado that are not drawn from fifths.

    Parameters
    ----------
    found : of the result
    ranks : of the k assumptions, (n,) each
    y : (n,) the result
    """
    correlation = _rank_correlation(ranks, y)
    low, high = _alone(found.surrogate, -P90), _alone(found.surrogate, P90)
    share, alone = found.shapley.share.estimate, found.alone.share.estimate
    scale = math.sqrt(found.variance) if found.variance > 0 else math.inf
    told = found.shapley.share.lower > _SMALL
    # What a line through P10 and P90 of its own explains, and what is seen of it with all that moves with it.
    own = ((high.estimate - low.estimate) / (2 * P90 * scale)) ** 2
    curved = ((high.estimate + low.estimate) / (2 * scale)) ** 2
    squared = correlation.estimate**2
    return Forms(
        correlation,
        low,
        high,
        borrows=(found.alone.share.lower > _SMALL) & (own < _NOTEWORTHY * alone) & (share < _NOTEWORTHY * alone),
        bends=told & (squared < _NOTEWORTHY * alone) & (curved > squared),
        joins=told & (alone < _NOTEWORTHY * share),
    )


def _rank_correlation(ranks: list[Floats], y: Floats) -> Interval:
    """Spearman's rank correlations, with intervals on Fisher's scale (Bonett and Wright, Psychometrika 65, 2000)."""
    n, of_y = len(y), midranks(y) - 0.5
    rows = np.zeros((3, len(ranks)))
    for i, column in enumerate(ranks):
        centred = column - column.mean()
        spread = float(np.sqrt((centred @ centred) * (of_y @ of_y)))
        r = float(centred @ of_y) / spread if spread > 0 else 0.0
        margin = Z95 * np.sqrt((1 + r**2 / 2) / (n - 3)) if spread > 0 else 0.0
        inside = float(np.clip(r, -1 + 1e-12, 1 - 1e-12))
        rows[:, i] = r, np.tanh(np.arctanh(inside) - margin), np.tanh(np.arctanh(inside) + margin)
    return Interval(*rows)


def _alone(surrogate: Surrogate, score: float) -> Interval:
    """How far the surrogate moves if one score goes from 0, its median, to `score`, all others at 0."""
    k = len(surrogate.inputs.varies)
    moved = surrogate.terms_at(score * np.eye(k)) - surrogate.terms_at(np.zeros((1, k)))
    distance = moved @ surrogate.coefficients
    margin = np.array([Z95 * standard_error(row) for row in moved @ surrogate.influence])
    return Interval(distance, distance - margin, distance + margin)
