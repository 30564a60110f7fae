"""How much of one thing it takes: bisection on frozen draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from simengine.explain.intervals import Z95


def least(reaches: Callable[[float], bool], low: float, high: float, tolerance: float) -> float | None:
    """The amount nearest to `low`, of those from there to `high`, that reaches; None where even `high` does not.

    By bisection: the amount reaches, and one that is nearer to `low` by `tolerance` does not. Where amounts do not
    reach from one on, but on and off, it is one of the borders. It asks 2 + log2(distance / tolerance) times.

    Parameters
    ----------
    reaches : told of an amount; false first, and true from some amount on
    low, high : ends; where less is better, `high` is the smaller one
    tolerance : how near to the border, above 0

    >>> round(least(lambda x: x * x >= 2, 0.0, 2.0, 1e-6), 5)
    1.41421
    >>> least(lambda x: x <= 3.25, 6.0, 0.0, 0.25), least(lambda x: False, 0.0, 1.0, 0.1)
    (3.25, None)
    """
    if reaches(low):
        return low
    if not reaches(high):
        return None
    steps = math.ceil(abs(high - low) / tolerance - 1e-9)
    place = least_place(lambda i: i >= steps or reaches(low + (high - low) * i / steps), steps + 1)
    return low + (high - low) * (place or 0) / steps if steps else low


def least_place(reaches: Callable[[int], bool], places: int) -> int | None:
    """The first place that reaches, of 0 to `places − 1`, by bisection; None where the last one does not.

    >>> least_place(lambda i: i >= 3, 7), least_place(lambda i: False, 7), least_place(lambda i: True, 7)
    (3, None, 0)
    """
    if places < 1 or not reaches(places - 1):
        return None
    misses, hits = -1, places - 1
    while hits - misses > 1:
        middle = (misses + hits) // 2
        if reaches(middle):
            hits = middle
        else:
            misses = middle
    return hits


class Needed(NamedTuple):
    """How much it takes, with its 95 % interval; None is beyond the range: there it is not reached."""

    amount: float | None
    lower: float | None
    upper: float | None


def needed(
    share: Callable[[float], float], confidence: float, draws: int, low: float, high: float, tolerance: float
) -> Needed:
    """The amount at which a share of draws reaches a confidence c, and the amounts that chance leaves open.

    The interval turns the test of P(amount) = c around: it holds the amounts whose share lies within
    `c ± 1.96 √(c (1 − c) / n)`. Its ends are those of the range where it is open.

    Parameters
    ----------
    share : of the draws that reach the target at an amount; the same draws at every amount
    confidence : c, between 0 and 1
    draws : n
    low, high, tolerance : as in `least`

    >>> found = needed(lambda x: x, 0.8, 1600, 0.0, 1.0, 0.001)
    >>> [round(x, 2) for x in found]
    [0.8, 0.78, 0.82]
    """
    known = lru_cache(maxsize=None)(share)
    margin = Z95 * math.sqrt(confidence * (1 - confidence) / draws)

    def at(level: float) -> float | None:
        return least(lambda amount: known(amount) >= level, low, high, tolerance)

    return Needed(at(confidence), at(confidence - margin), at(confidence + margin))
