"""Repeated histories: whether intervals contain the truth as often as they say, by exact binomial tests."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

LEVEL = 0.001
"""Of each test: one in a thousand fails by chance, and the seed is fixed."""
TIERS = [pytest.param(100, id="100"), pytest.param(1000, marks=pytest.mark.full, id="1000")]


class Interval(NamedTuple):
    lower: float
    upper: float


def covered(make: Callable[[np.random.Generator], Interval], truth: float, repetitions: int, seed: int = 0) -> int:
    """How many of the intervals contain the truth."""
    hits = 0
    for repetition in range(repetitions):
        found = make(np.random.default_rng([seed, repetition]))
        hits += found.lower <= truth <= found.upper
    return hits


def as_often_as_said(hits: int, repetitions: int, said: float = 0.9) -> bool:
    """Two-sided exact binomial test."""
    return float(stats.binomtest(hits, repetitions, said).pvalue) > LEVEL


def at_least_as_often(hits: int, repetitions: int, said: float = 0.9) -> bool:
    """One-sided: for intervals that are wide on purpose, or discrete."""
    return float(stats.binomtest(hits, repetitions, said, alternative="less").pvalue) > LEVEL


def at_most_as_often(hits: int, repetitions: int, said: float) -> bool:
    """One-sided: for false alarms."""
    return float(stats.binomtest(hits, repetitions, said, alternative="greater").pvalue) > LEVEL
