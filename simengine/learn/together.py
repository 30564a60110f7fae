"""What moves together, and what moves from year to year: correlations of rates, and their variance beyond sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.learn.estimate import LEVEL
from simengine.learn.exposure import begin_of, month_numbers, months_between, number_of, time_at_risk
from simengine.learn.history import CHURNED, LOST, RENEWED, WON, History

Array = NDArray[np.float64]
FEWEST_QUARTERS = 8
"""With fewer, an interval of a rank correlation is wider than anything that could be found."""
FEWEST_PERIODS = 3
"""With fewer, a drift cannot be told."""
QUARTERS_FOR_SEASON = 12
"""From so many on, the four quarters of the year are taken out as well."""


class Correlation(NamedTuple):
    """Rank correlation of two rates: their names, Spearman's rho, its interval and the quarters behind it."""

    between: tuple[str, str]
    rho: float
    lower: float
    upper: float
    quarters: int


class Drift(NamedTuple):
    """Relative standard deviation of a rate between periods beyond sampling error, and its 90 % interval."""

    value: float
    lower: float
    upper: float
    periods: int

    @property
    def told(self) -> float | None:
        """The value, where the data can tell that it is not zero."""
        return self.value if self.lower > 0 else None

    @property
    def known(self) -> float | None:
        """The value, where there are periods enough to say; 0 where sampling alone explains what they differ by."""
        return self.value if self.periods >= FEWEST_PERIODS else None


def detrended(values: Array) -> Array:
    """What a straight line, and with three years or more the quarter of the year, leave of quarterly values, (n,)."""
    n = len(values)
    columns = [np.ones(n), np.arange(n) / n]
    if n >= QUARTERS_FOR_SEASON:
        columns += [(np.arange(n) % 4 == quarter).astype(np.float64) for quarter in range(3)]
    design = np.column_stack(columns)
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0], np.float64)


def spearman(x: Array, y: Array, level: float = LEVEL) -> tuple[float, float, float]:
    """Rank correlation of two detrended quarterly series, and its interval.

    `tanh(artanh r ± z sqrt((1 + r²/2)/(n − 3 − k)))`, k being what was taken out besides the mean (Bonett and Wright,
    *Sample size requirements for estimating Pearson, Kendall and Spearman correlations*, Psychometrika 65, 2000).

    Parameters
    ----------
    x, y : rates by quarter, (n,)
    """
    from scipy.special import ndtri

    n = len(x)
    ranks = [np.argsort(np.argsort(detrended(values))).astype(np.float64) for values in (x, y)]
    r = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    taken_out = 4 if n >= QUARTERS_FOR_SEASON else 1
    z = math.atanh(min(max(r, -0.999999), 0.999999))
    half = float(ndtri((1 + level) / 2)) * math.sqrt((1 + r * r / 2) / (n - 3 - taken_out))
    return r, math.tanh(z - half), math.tanh(z + half)


def correlations(rates: Mapping[str, Array], level: float = LEVEL) -> list[Correlation]:
    """The pairs of rates that can be told from chance: their intervals, widened for the number of pairs, leave out 0.

    Among rates that have nothing to do with each other a pair is found with probability 1 − level at most (Bonferroni).

    Parameters
    ----------
    rates : by name, values by quarter of the same quarters; NaN where there is none, (n,)
    """
    pairs = []
    for a, b in combinations(sorted(rates), 2):
        both = np.isfinite(rates[a]) & np.isfinite(rates[b])
        x, y = rates[a][both], rates[b][both]
        if len(x) >= FEWEST_QUARTERS and np.ptp(x) > 0 and np.ptp(y) > 0:
            pairs.append((a, b, x, y))
    each = 1 - (1 - level) / max(1, len(pairs))
    found = [Correlation((a, b), *spearman(x, y, each), len(x)) for a, b, x, y in pairs]
    told = [c for c in found if c.lower > 0 or c.upper < 0]
    return sorted(told, key=lambda c: -abs(c.rho))


def excess(values: Array, variances: Array, between: float) -> float:
    """Generalized Q: `Σ w (x − x̄_w)²`, w = 1/(variance + between²); chi-square with n − 1 degrees where that holds."""
    weights = 1 / (variances + between**2)
    mean = float((weights * values).sum() / weights.sum())
    return float((weights * (values - mean) ** 2).sum())


def drift(values: Array, variances: Array) -> Drift:
    """Standard deviation between periods of an effect whose sampling variances are known.

    The τ at which the generalized Q equals its expectation n − 1 (Paule and Mandel, 1982: method of moments), and those
    at which it equals chi-square quantiles (Q-profile: Viechtbauer, *Statistics in Medicine* 26, 2007).

    Parameters
    ----------
    values : of each period, on a log scale for a relative standard deviation, (n,)
    variances : of their sampling errors, (n,)
    """
    from scipy.special import chdtri

    dof = len(values) - 1
    if dof < 1:
        return Drift(0.0, 0.0, math.inf, len(values))
    at = [float(dof), *(float(chdtri(dof, tail)) for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))]
    value, lower, upper = (_where(values, variances, q) for q in at)
    return Drift(value, lower, upper, len(values))


def drift_of(values: Sequence[float], errors: Sequence[float]) -> float | None:
    """The same of estimates with standard errors; None where there are too few."""
    return drift(np.asarray(values, np.float64), np.square(np.asarray(errors, np.float64))).known


def _where(values: Array, variances: Array, wanted: float) -> float:
    """The standard deviation between periods at which the generalized Q, which falls with it, is as wanted."""
    if excess(values, variances, 0.0) <= wanted:
        return 0.0
    low, high = 0.0, float(np.ptp(values)) + 1.0
    while excess(values, variances, high) > wanted:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(values, variances, middle) > wanted else (low, middle)
    return (low + high) / 2


def drift_of_counts(events: Array, expected: Array, overdispersion: float = 1.0) -> Drift:
    """Drift of counts against what was expected of each period (a rate times the time at risk), (n,).

    On the scale of ln(events/expected), with the sampling variance overdispersion/expected.
    """
    ratio = (events + 0.5) / (expected + 0.5)
    level = max(float(events.sum() / expected.sum()), 1e-9) if expected.sum() > 0 else 1.0
    return drift(np.log(ratio), overdispersion / np.maximum(expected * level, 0.5))


def drift_of_shares(successes: Array, trials: Array) -> Drift:
    """Relative drift of a share: successes of trials by period, (n,)."""
    kept = trials > 0
    k, n = successes[kept], trials[kept]
    overall = float((k.sum() + 0.5) / (n.sum() + 1))
    found = drift(k / n, overall * (1 - overall) / n)
    return Drift(found.value / overall, found.lower / overall, found.upper / overall, found.periods)


def quarterly_rates(history: History) -> dict[str, Array]:
    """Rates by whole quarter of three months, counted back from the as-of date; NaN where there is none.

    Arrivals (logarithm of the count), the mean logarithm of the size of won deals, won by decided deals, attrition, and
    renewed by decided contracts: what was decided in a quarter, not what began in it, so that the last quarters do not
    look worse than they are.

    Returns
    -------
    By name of the assumption, (quarters,); all of the same quarters, from the first that any table speaks of.
    """
    days = {
        name: frame[_FIRST_DAY[name]] for name, frame in history.tables.items() if name in _FIRST_DAY and len(frame)
    }
    if not days:
        return {}
    end = number_of(history.last + pd.Timedelta(days=1))
    quarters = (end - number_of(min(begin_of(history, name, of) for name, of in days.items()))) // 3

    def by_quarter(of: pd.Series[Any], values: Array | None = None) -> Array:
        place = month_numbers(of) - (end - 3 * quarters)
        kept = (place >= 0) & (place < 3 * quarters)
        weights = np.ones(len(of)) if values is None else values
        return np.bincount(place[kept] // 3, weights[kept], minlength=quarters).astype(np.float64)

    rates: dict[str, Array] = {}
    for (channel, segment), rows in _arrivals(history).groupby(["channel", "segment"]):
        counts = by_quarter(rows["created"], rows["count"].to_numpy(np.float64))
        rates[f"volume.{channel}.{segment}".removesuffix(".")] = _logarithm(counts)
    opportunities = history.table("opportunities")
    for segment, rows in opportunities[opportunities["closed"].notna()].groupby("segment"):
        won, lost = (rows[rows["outcome"] == outcome] for outcome in (WON, LOST))
        k = by_quarter(won["closed"])
        rates[f"win_rate.{segment!s}"] = _share(k, k + by_quarter(lost["closed"]))
        sized = won[won["amount"] > 0]
        logs = np.log(sized["amount"].to_numpy(np.float64))
        rates[f"deal_size.{segment!s}"] = _share(by_quarter(sized["closed"], logs), by_quarter(sized["closed"]))
    contracts = history.table("contracts")
    for segment, rows in contracts[contracts["decided"].notna() & contracts["renews"].notna()].groupby("segment"):
        kept, gone = (rows[rows["outcome"] == outcome] for outcome in (RENEWED, CHURNED))
        k = by_quarter(kept["decided"])
        rates[f"renewal.{segment!s}"] = _share(k, k + by_quarter(gone["decided"]))
    for role, rows in history.table("people").groupby("role"):
        left = rows[rows["end"].notna() & (rows["reason"] != "promoted")]
        rates[f"attrition.{role!s}"] = _share(by_quarter(left["end"]), _person_months(rows, history, quarters))
    return rates


def _arrivals(history: History) -> pd.DataFrame:
    """Leads, and opportunities of channels that have none."""
    leads, opportunities = history.table("leads"), history.table("opportunities")
    others = opportunities[~opportunities["channel"].isin({*leads["channel"], ""})].assign(count=1.0)
    columns = ["channel", "segment", "created", "count"]
    return pd.concat([leads[columns], others[columns]], ignore_index=True)


_FIRST_DAY = {"leads": "created", "opportunities": "created", "contracts": "start", "people": "start"}


def _person_months(people: pd.DataFrame, history: History, quarters: int) -> Array:
    """Person-months in each quarter back from the end of the last whole month."""
    end = (history.last + pd.Timedelta(days=1)).to_period("M").to_timestamp()
    origin = end - pd.DateOffset(months=3 * quarters)
    since = pd.Series(origin, index=people.index)
    stop = people["end"].fillna(history.last) + pd.Timedelta(days=1)
    entry, exit_ = months_between(since, people["start"]), months_between(since, stop)
    spent = time_at_risk(np.maximum(entry, 0.0), exit_, [3.0 * quarter for quarter in range(quarters + 1)])
    return np.asarray(spent.sum(axis=0)[:quarters], np.float64)


def _share(parts: Array, wholes: Array) -> Array:
    return np.asarray(np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0), np.float64)


def _logarithm(counts: Array) -> Array:
    return np.asarray(np.log(counts, out=np.full(len(counts), np.nan), where=counts > 0), np.float64)
