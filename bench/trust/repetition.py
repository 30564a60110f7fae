"""Estimates made again and again where the truth is known, and whether their intervals hold it as often as they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, binom

SEED = 20270101
RISK = 1e-6
"""That a quantity whose interval is what it says is called too short, or too long: 1e-3 over a thousand of them.

There are fewer (`tests/trust/test_intervals.py` counts them)."""
NARROW, NARROWER = 0.5, 0.25
"""Width of the negative controls, as part of the interval's; the second of those that are wide on purpose."""

Said = tuple[str, ArrayLike, Iterable[ArrayLike]]
"""What is estimated, its truth, and the estimate with its lower and upper bound: numbers, or arrays of one shape."""


@dataclass(frozen=True)
class Case:
    """An estimate with a known truth.

    Attributes
    ----------
    name, family : of it, and the line of the table in which it counts
    make : draws afresh, estimates, and says what it found and what is true; what is not told is NaN
    level : how often the intervals are to hold the truth
    repetitions : in the campaign
    wide : why intervals are wider than they say, by the first letters of what is estimated
    short : known to be shorter, and said to be: how often they hold the truth at least, and where it is said
    """

    name: str
    family: str
    make: Callable[[np.random.Generator], Iterable[Said]]
    level: float = 0.95
    repetitions: int = 1000
    wide: Mapping[str, str] = field(default_factory=dict)
    short: Mapping[str, tuple[float, str]] = field(default_factory=dict)

    def promised(self, quantity: str) -> float:
        """How often the interval is to hold the truth: the level, but for what is known to be short."""
        return next((least for start, (least, _) in self.short.items() if quantity.startswith(start)), self.level)

    def is_wide(self, quantity: str) -> bool:
        return any(quantity.startswith(start) for start in self.wide)


class Held(NamedTuple):
    """Of one quantity: how often it was told, how often its interval held the truth, and how often a narrow one did."""

    told: int
    covered: int
    narrow: int

    @property
    def coverage(self) -> float:
        return self.covered / self.told

    @property
    def interval(self) -> tuple[float, float]:
        """Of the coverage, at 95 % (Clopper and Pearson 1934)."""
        k, n = self.covered, self.told
        low, high = beta.ppf(0.025, k, n - k + 1), beta.ppf(0.975, k + 1, n - k)
        return (0.0 if k == 0 else float(low)), (1.0 if k == n else float(high))


def covered(case: Case, repetitions: int | None = None, seed: int = SEED) -> dict[str, Held]:
    """Repeat a case, each time with random numbers of its own.

    Parameters
    ----------
    case : to be repeated
    repetitions, seed : as often as the case says, if nothing else is
    """
    counts: dict[str, np.ndarray] = {}
    for rng in np.random.default_rng([seed, *case.name.encode()]).spawn(repetitions or case.repetitions):
        for name, true, bounded in case.make(rng):
            estimate, lower, upper, truth = np.broadcast_arrays(*map(_array, bounded), _array(true))
            narrow = NARROWER if case.is_wide(name) else NARROW
            told = ~np.isnan([estimate, lower, upper, truth]).any(axis=0)
            holds = (lower <= truth) & (truth <= upper)
            barely = _narrowed(estimate, lower, narrow) <= truth
            barely &= truth <= _narrowed(estimate, upper, narrow)
            found = np.stack([told, told & holds, told & barely]).reshape(3, -1).astype(int)
            counts[name] = counts.get(name, 0) + found
    return {
        name if row.shape[1] == 1 else f"{name} {place + 1}": Held(*map(int, row[:, place]))
        for name, row in counts.items()
        for place in range(row.shape[1])
        if row[0, place]
    }


def is_too_short(held: Held, level: float) -> bool:
    """Whether the truth is held less often than `level`: exact binomial test at RISK."""
    return bool(binom.cdf(held.covered, held.told, level) < RISK)


def is_too_long(held: Held, level: float) -> bool:
    """Whether the truth is missed less than half as often as `level` says: exact binomial test at RISK."""
    return bool(binom.sf(held.covered - 1, held.told, (1 + level) / 2) < RISK)


def is_control_rejected(held: Held, level: float) -> bool:
    """Whether the narrow interval is told from an honest one."""
    return is_too_short(Held(held.told, held.narrow, 0), level)


def faults(case: Case, found: Mapping[str, Held]) -> list[str]:
    """What a case does not keep, in words."""
    said = []
    for name, held in found.items():
        what = f"{case.name}, {name}: {held.covered} of {held.told} hold the truth, at {case.level:.0%}"
        if is_too_short(held, case.promised(name)):
            said.append(f"{what}: too short")
        if is_too_long(held, case.level) and not case.is_wide(name):
            said.append(f"{what}: too long, and not said to be")
        if not is_control_rejected(held, case.level):
            said.append(f"{what}; a narrow interval passes too ({held.narrow})")
    return said


def _array(numbers: ArrayLike) -> np.ndarray:
    return np.asarray(numbers, dtype=float)


def _narrowed(estimate: np.ndarray, bound: np.ndarray, by: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(bound), bound, estimate + by * (bound - estimate))
