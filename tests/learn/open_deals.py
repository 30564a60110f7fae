"""Histories of deals and leads with known truth, made without the code that is tested, and the test of coverage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from simengine.errors import SimengineError
from simengine.learn.outcomes import DAY, MONTH, Deals
from tests.reference.chance import Lag

LEVEL = 1e-3
"""At which all parameters of one test are failed together, at most, by intervals that are what they say."""


def covers(hits: np.ndarray, stated: float = 0.9) -> np.ndarray:
    """Whether intervals hold the truth as often as stated: exact binomial tests to both sides, (parameters,).

    Parameters
    ----------
    hits : whether they do, (histories, parameters)
    """
    n, parameters = hits.shape
    k = hits.sum(axis=0)
    level = LEVEL / parameters / 2
    return (binom.cdf(k, n, stated) >= level) & (binom.sf(k - 1, n, stated) >= level)


@dataclass(frozen=True)
class Truth:
    """What is to be recovered; means in months."""

    win_rate: float = 0.25
    mean_won: float = 3.0
    mean_lost: float = 1.6
    spread: float = 0.7
    never: float = 0.0

    def value(self, name: str) -> float:
        return float(getattr(self, name))


TRUTH = Truth()
Made = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Ages, outcomes, and ages at which they entered the records."""


def by_day(rng: np.random.Generator, n: int, window: int, truth: Truth = TRUTH, since: int = 0) -> Made:
    """Deals begun at any moment of `window` days; those that ended before day `since` are not in the records."""
    begun = rng.uniform(0, window, n)
    won = rng.uniform(size=n) < truth.win_rate
    # A lognormal with mean m and coefficient of variation c.
    sigma = math.sqrt(math.log(1 + truth.spread**2))
    mean = np.where(won, truth.mean_won, truth.mean_lost) / DAY
    length = rng.lognormal(np.log(mean) - sigma**2 / 2, sigma)
    length[rng.uniform(size=n) < truth.never] = 1e9
    first, last = np.floor(begun).astype(int), np.floor(begun + length).astype(np.int64)
    kept = last >= since
    ended = last < window
    outcome = np.where(ended, np.where(won, "won", "lost"), "open")
    age = np.where(ended, last, window - 1) - first
    return age[kept], outcome[kept], np.maximum(since - first, 0)[kept]


def by_engine(rng: np.random.Generator, n: int, months: int, truth: Truth = TRUTH) -> Made:
    """Deals begun in one of some months, won and closed as the reference kernel says: u < w, floor(X + U)."""
    ages, outcomes = [], []
    for start, (u_win, u_cycle, u_round) in zip(
        rng.integers(0, months, n).tolist(), rng.uniform(size=(n, 3)).tolist(), strict=True
    ):
        won = u_win < truth.win_rate
        lag = Lag(truth.mean_won if won else truth.mean_lost, truth.spread).whole_months(u_cycle, u_round)
        open_ = start + lag >= months
        ages.append(months - 1 - start if open_ else lag)
        outcomes.append("open" if open_ else "won" if won else "lost")
    return np.array(ages), np.array(outcomes), np.zeros(n, int)


def deals(made: Made, unit: float) -> Deals:
    return Deals.counted(made[0], made[1], unit, made[2])


def closed_only(made: Made) -> Made:
    kept = made[1] != "open"
    return made[0][kept], made[1][kept], made[2][kept]


def repeated(
    estimate: Callable[[Made], list[tuple[float, float, float]] | None],
    truth: list[float],
    make: Callable[[np.random.Generator], Made],
    histories: int,
    seed: int,
) -> np.ndarray:
    """Whether each interval holds the truth, (histories, parameters); one that cannot be made does not."""
    rng, hits = np.random.default_rng(seed), []
    for _ in range(histories):
        made = make(rng)
        try:
            found = estimate(made) or []
        except SimengineError:
            found = []
        hits.append([bool(low <= true <= high) for true, (_, low, high) in zip(truth, found, strict=False)])
        hits[-1] += [False] * (len(truth) - len(hits[-1]))
    return np.array(hits)


UNITS = {"day": DAY, "month": MONTH}
