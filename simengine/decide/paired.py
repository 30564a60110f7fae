"""Differences of scenarios that share their draws: with intervals, and ranked where chance cannot explain them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simengine.explain.intervals import UNKNOWN, Bounded, Floats
from simengine.explain.ties import rank_groups

LEVEL = 0.95
"""Coverage of intervals; what is ranked is wrong anywhere with at most the rest of it."""

Hits = NDArray[np.bool_]


def difference_of_shares(here: Hits, there: Hits, level: float = LEVEL) -> Bounded:
    """How much more often a target is reached here than there, on the same draws: P(here) − P(there), with bounds.

    The adjusted Wald interval of Bonett and Price (Statist. Med. 31, 2012, 479-488): with n12 and n21 draws on which
    only one of the two reaches it, `p = (n12 + 1)/(n + 2)`, `q = (n21 + 1)/(n + 2)`, the bounds are
    `p − q ± z √((p + q − (p − q)²)/(n + 2))`.

    Parameters
    ----------
    here, there : whether each draw reaches the target, (n,) each
    level : coverage

    >>> a, b = np.arange(100) < 60, np.arange(100) < 50
    >>> [round(x, 3) for x in difference_of_shares(a, b)]
    [0.1, 0.034, 0.162]
    """
    from scipy.special import ndtri

    n = len(here)
    only_here, only_there = int((here & ~there).sum()), int((there & ~here).sum())
    p, q = (only_here + 1) / (n + 2), (only_there + 1) / (n + 2)
    margin = float(ndtri(0.5 + level / 2)) * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return (only_here - only_there) / n, max(-1.0, p - q - margin), min(1.0, p - q + margin)


def difference_of_means(here: Floats, there: Floats, level: float = LEVEL) -> Bounded:
    """How much more there is on average here than there, on the same draws, with Student's interval.

    NaN where a value is infinite or undefined on some draw.
    """
    from scipy.special import stdtrit

    d, n = here - there, len(here)
    if not np.isfinite(d).all():
        return UNKNOWN
    mean = float(d.mean())
    if n < 2:
        return mean, math.nan, math.nan
    margin = float(stdtrit(n - 1, 0.5 + level / 2)) * float(d.std(ddof=1)) / math.sqrt(n)
    return mean, mean - margin, mean + margin


def mcnemar(here: Hits, there: Hits) -> float:
    """P-value, two-sided and exact, of two scenarios reaching a target equally often (McNemar, Psychometrika 12, 1947).

    Of the draws on which only one reaches it, each is as likely to do: their number is binomial with 1/2.

    >>> mcnemar(np.arange(20) < 9, np.arange(20) < 3) == 2 * 0.5**6
    True
    """
    from scipy.special import bdtr

    only_here, only_there = int((here & ~there).sum()), int((there & ~here).sum())
    return min(1.0, 2 * float(bdtr(min(only_here, only_there), only_here + only_there, 0.5)))


def ranked(hits: Hits, level: float = LEVEL) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Scenarios by how often they reach a target: the order, the likeliest first, and the rank of each place in it.

    Scenarios share a rank with the first of it unless McNemar's test tells them apart, at `1 − level` over all pairs
    together (Bonferroni): of scenarios that are equally good some are ranked with at most that probability.

    Parameters
    ----------
    hits : whether each draw reaches the target in each scenario, (n, scenarios)
    """
    count = hits.shape[1]
    order = np.argsort(-hits.sum(axis=0), kind="stable")
    allowed = (1 - level) / max(1, count * (count - 1) // 2)
    groups = rank_groups(count, lambda first, later: mcnemar(hits[:, order[first]], hits[:, order[later]]) <= allowed)
    return np.asarray(order, np.int64), groups
