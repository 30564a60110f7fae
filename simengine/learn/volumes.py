"""Volumes: how many arrive in a month, by channel and segment; over-dispersion, seasonality, growth.

The law is the engine's (docs/model.md, step 2): `E N_t = level · (1 + growth)^(t/12) · season`, and the variance is
overdispersion x mean. With such a variance the mean is fitted as a Poisson regression is, and the overdispersion is
Pearson's statistic by its degrees of freedom (McCullagh and Nelder, *Generalized Linear Models*, 1989, 4.5 and 9.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.learn.estimate import Z90, Estimate, chance, gamma_interval, rounded, wider_by_t
from simengine.learn.exposure import begin_of, month_numbers, number_of, share_of_months
from simengine.learn.history import History
from simengine.learn.naming import Say, silent
from simengine.learn.together import drift_of_counts
from simengine.units import month_label

Array = NDArray[np.float64]
MONTHS_FOR_TREND = 24
"""Growth and seasons cannot be told apart with less than two years."""
SIGNIFICANCE = 0.05
"""Level of the tests for seasons and over-dispersion."""
NOT_YET = 1e-3
"""Where months of none before the first arrival are less likely than this, the channel had not begun."""
POLICY = 0.1
"""Drift that a plan takes where it is not told."""
FEWEST = 6
"""Months: with fewer, over-dispersion cannot be told."""


@dataclass(frozen=True)
class Fit:
    """A fitted law of monthly counts.

    Attributes
    ----------
    level, level_error : mean of the month after the last one, without its season, and relative standard error
    growth, growth_error : ln(1 + growth), per year, and its standard error; 0 where it was not estimated
    season : weights of January to December, mean one; None where the data do not tell
    overdispersion, lower, upper : variance by mean, at least 1, and its 90 % interval
    dof : months less what was estimated
    season_p, overdispersion_p : of the F test of no seasons (NaN where not tested), of the chi-square test of Poisson
    mean : fitted, of each month, (months,)
    """

    level: float
    level_error: float
    growth: float
    growth_error: float
    season: Array | None
    overdispersion: float
    lower: float
    upper: float
    dof: int
    season_p: float
    overdispersion_p: float
    mean: Array


@dataclass(frozen=True)
class Picture:
    """Counts by month against the fitted mean and the range in which 90 % of months should lie."""

    name: str
    months: tuple[str, ...]
    counts: Array
    mean: Array
    lower: Array
    upper: Array
    fit: Fit


def log_likelihood(counts: Array, mean: Array, overdispersion: float) -> Array:
    """Log-probability of counts: Poisson, or Pascal's law of size r = mean/(overdispersion − 1); element by element.

    >>> float(log_likelihood(np.array([0.0]), np.array([2.0]), 1.0)[0])
    -2.0
    """
    from scipy.special import gammaln

    m = np.maximum(mean, 1e-300)
    if overdispersion <= 1:
        return np.asarray(counts * np.log(m) - m - gammaln(counts + 1), np.float64)
    r = m / (overdispersion - 1)
    rest = np.log1p(-1 / overdispersion)
    return np.asarray(
        gammaln(counts + r) - gammaln(r) - gammaln(counts + 1) - r * np.log(overdispersion) + counts * rest, np.float64
    )


def regress(counts: Array, exposure: Array, design: Array) -> tuple[Array, Array, Array]:
    """Poisson regression with a log link: coefficients (k,), their covariance at overdispersion 1, fitted means (n,).

    Newton's steps (iteratively reweighted least squares) on `Σ y η − exposure · e^η`, η = design · coefficients.

    Parameters
    ----------
    counts, exposure : (n,)
    design : (n, k), of full rank
    """
    start = np.log((counts + 0.5) / np.maximum(exposure, 1e-9))
    coefficients = np.linalg.lstsq(design, start, rcond=None)[0]
    for _ in range(100):
        mean = exposure * np.exp(np.clip(design @ coefficients, -30, 30))
        information = design.T @ (design * mean[:, None])
        step = np.linalg.solve(information + 1e-12 * np.eye(design.shape[1]), design.T @ (counts - mean))
        coefficients = coefficients + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            break
    mean = exposure * np.exp(np.clip(design @ coefficients, -30, 30))
    covariance = np.asarray(np.linalg.pinv(design.T @ (design * mean[:, None])), np.float64)
    return np.asarray(coefficients, np.float64), covariance, np.asarray(mean, np.float64)


def pearson(counts: Array, mean: Array) -> float:
    """Pearson's statistic `Σ (y − m)²/m`."""
    return float(((counts - mean) ** 2 / np.maximum(mean, 1e-12)).sum())


def deviance(counts: Array, mean: Array) -> float:
    """Deviance of Poisson counts: `2 Σ y ln(y/m) − (y − m)`."""
    logs = counts * np.log(np.where(counts > 0, counts, 1.0) / np.maximum(mean, 1e-300))
    return float(2 * (logs - (counts - mean)).sum())


def fit(counts: Array, exposure: Array, calendar: NDArray[np.int64]) -> Fit:
    """Fit the law of monthly counts.

    With two years or more, growth is estimated, and seasons are where an F test of the deviance rejects that there are
    none at the 5 % level; with less, neither, and the level is the mean.

    Parameters
    ----------
    counts : of each month, (months,)
    exposure : the part of the month that was seen, (months,)
    calendar : 0 for January to 11 for December, (months,)
    """
    n = len(counts)
    if counts.sum() == 0:
        return _none(exposure)
    ones, since_end = np.ones(n), (np.arange(n) - n) / 12
    # Part months count as what they are: a day is no twelfth of the evidence on a season.
    trend = exposure.sum() >= MONTHS_FOR_TREND - 1e-9 and n >= MONTHS_FOR_TREND
    base = np.column_stack([ones, since_end]) if trend else ones[:, None]
    seasons, season_p = None, float("nan")
    coefficients, covariance, mean = regress(counts, exposure, base)
    if trend:
        months = np.column_stack([(calendar == m).astype(np.float64) - (calendar == 11) for m in range(11)])
        full = np.column_stack([base, months])
        seasonal = regress(counts, exposure, full)
        season_p = _f_test(counts, mean, seasonal[2], 11, n - full.shape[1])
        if season_p < SIGNIFICANCE:
            coefficients, covariance, mean = seasonal
            effects = np.append(coefficients[2:], -coefficients[2:].sum())
            seasons = np.exp(effects)
    dof = n - len(coefficients)
    statistic = pearson(counts, mean)
    raw = statistic / dof if dof > 0 else 1.0
    dispersion = max(1.0, raw)
    level = float(np.exp(coefficients[0]))
    weights = np.zeros_like(coefficients)
    weights[0] = 1.0
    if seasons is not None:
        # The weights have mean one, not their logarithms: the level moves by as much.
        level *= float(seasons.mean())
        share = seasons / seasons.sum()
        weights[2:] = share[:11] - share[11]
        seasons = seasons / seasons.mean()
    errors = np.sqrt(dispersion * np.array([weights @ covariance @ weights, covariance[1, 1] if trend else 0.0]))
    low, high = _dispersion_interval(raw, dof)
    return Fit(
        level=level,
        level_error=float(errors[0]),
        growth=float(coefficients[1]) if trend else 0.0,
        growth_error=float(errors[1]),
        season=seasons,
        overdispersion=dispersion,
        lower=low,
        upper=high,
        dof=dof,
        season_p=season_p,
        overdispersion_p=_chi_square_tail(statistic, dof),
        mean=mean,
    )


def _none(exposure: Array) -> Fit:
    """Nothing arrived: half an arrival in the time seen (Jeffreys), with the error of that."""
    level = 0.5 / float(exposure.sum())
    nan = float("nan")
    return Fit(level, 2**0.5, 0.0, 0.0, None, 1.0, 1.0, 1.0, len(exposure) - 1, nan, nan, level * exposure)


def _f_test(counts: Array, without: Array, with_: Array, added: int, dof: int) -> float:
    from scipy.special import fdtrc

    scale = max(1e-9, pearson(counts, with_) / dof)
    return float(fdtrc(added, dof, max(0.0, deviance(counts, without) - deviance(counts, with_)) / added / scale))


def _chi_square_tail(statistic: float, dof: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(dof, statistic)) if dof > 0 else float("nan")


def _dispersion_interval(raw: float, dof: int) -> tuple[float, float]:
    from scipy.special import chdtri

    if dof < 1:
        return 1.0, float("inf")
    return max(1.0, raw * dof / float(chdtri(dof, 0.05))), max(1.0, raw * dof / float(chdtri(dof, 0.95)))


def band(mean: Array, overdispersion: float, level: float = 0.9) -> tuple[Array, Array]:
    """Quantiles between which a share `level` of counts lie, element by element: the smallest k with P(N ≤ k) ≥ p."""
    tails = (1 - level) / 2, (1 + level) / 2
    reach = int(np.max(mean) + 12 * np.sqrt(np.max(mean) * overdispersion) + 20)
    k = np.arange(reach + 1.0)
    cumulated = np.cumsum(np.exp(log_likelihood(k[None, :], mean[:, None], overdispersion)), axis=1)
    low, high = ((cumulated < p).sum(axis=1).astype(np.float64) for p in tails)
    return low, high


def estimates(history: History, *, say: Say = silent) -> list[Estimate]:
    """Volume and growth of every channel and segment: from leads, from opportunities where there are no leads.

    Parameters
    ----------
    history : with leads or opportunities
    say : told what is left out, and why
    """
    opportunities = history.table("opportunities")
    if nameless := int((opportunities["channel"] == "").sum()):
        say(f"volume: {nameless:,} of {len(opportunities):,} opportunities have no channel: of them no volume is told.")
    return [each for name, picture in pictures(history).items() for each in _told(history, name, picture)]


def pictures(history: History) -> dict[str, Picture]:
    """Data against fit by channel and segment, named `channel.segment`; `channel` where the segment is not kept.

    From leads; from opportunities of channels that have none.
    """
    leads = history.table("leads")
    found = _pictures(history, "leads", leads)
    opportunities = history.table("opportunities")
    others = opportunities[~opportunities["channel"].isin({*leads["channel"], ""})]
    return found | _pictures(history, "opportunities", others)


def _pictures(history: History, source: str, table: pd.DataFrame) -> dict[str, Picture]:
    if not len(table):
        return {}
    begin = begin_of(history, source, history.table(source)["created"])
    first, last = number_of(begin), number_of(history.last)
    shares = share_of_months(begin, history.last)
    found = {}
    for (channel, segment), rows in table[table["created"] >= begin].groupby(["channel", "segment"]):
        weights = rows["count"].to_numpy() if source == "leads" else None
        counts = np.bincount(month_numbers(rows["created"]) - first, weights, last - first + 1).astype(np.float64)
        skipped = _not_begun(counts, shares)
        name = f"{channel}.{segment}" if str(segment) else str(channel)
        found[name] = _picture(name, counts[skipped:], shares[skipped:], first + skipped)
    return found


def _not_begun(counts: Array, exposure: Array) -> int:
    """Months before a channel began: those of none at the start that its later rate makes too unlikely."""
    begun = int(np.argmax(counts > 0))
    rate = counts[begun:].sum() / exposure[begun:].sum()
    return begun if np.exp(-rate * exposure[:begun].sum()) < NOT_YET else 0


def _picture(name: str, counts: Array, exposure: Array, first: int) -> Picture:
    calendar = (first + np.arange(len(counts))) % 12
    fitted = fit(counts, exposure, calendar)
    low, high = band(fitted.mean, fitted.overdispersion)
    months = tuple(month_label(first + t) for t in range(len(counts)))
    return Picture(name, months, counts, fitted.mean, low, high, fitted)


def _told(history: History, name: str, picture: Picture) -> list[Estimate]:
    fitted, counts = picture.fit, picture.counts
    wider = wider_by_t(max(1, fitted.dof))
    cv = fitted.level_error * wider
    low, high = gamma_interval(fitted.level, cv)
    also: dict[str, Any] = {"overdispersion": f"x{rounded(fitted.overdispersion, 3):g}"}
    notes = []
    if fitted.season is not None:
        also["seasonality.created"] = [rounded(float(w), 3) for w in fitted.season]
        notes.append(f"Seasons: {chance(fitted.season_p)} that there are none.")
    elif np.isfinite(fitted.season_p):
        notes.append(f"No seasons can be told from chance ({chance(fitted.season_p)}).")
    else:
        notes.append(
            "Less than two years: neither growth nor seasons can be told; the level is the mean of what was seen."
        )
        notes += _moving(picture)
    poisson = "is rejected" if fitted.overdispersion_p < SIGNIFICANCE else "is not rejected"
    if len(counts) < FEWEST:
        notes.append(f"{len(counts)} months do not tell the overdispersion.")
    else:
        notes.append(
            f"Poisson {poisson} ({chance(fitted.overdispersion_p)}); "
            f"overdispersion {fitted.lower:.2f} to {fitted.upper:.2f}."
        )
    n = int(counts.sum())
    volume = Estimate(
        name=f"volume.{name}",
        unit="count per month",
        value=fitted.level,
        lower=low,
        upper=high,
        distribution={"gamma": {"mean": rounded(fitted.level), "cv": rounded(cv)}},
        n=n,
        method=f"Monthly counts to {history.as_of}: mean with {'growth' if fitted.growth_error else 'no trend'}, "
        "variance in proportion to it; the level of the month after the last.",
        naive=float(counts.mean()),
        drift=_drift(counts, fitted),
        also=also,
        notes=tuple(notes),
    )
    return [volume, _growth(name, fitted, n, wider)] if fitted.growth_error else [volume]


def _moving(picture: Picture) -> list[str]:
    """A warning where a straight line through less than two years is steeper than chance makes it."""
    from scipy.special import stdtr

    n, exposure = len(picture.counts), picture.mean / picture.fit.level
    if n < FEWEST or picture.counts.sum() == 0:
        return []
    coefficients, covariance, mean = regress(picture.counts, exposure, np.column_stack([np.ones(n), np.arange(n) - n]))
    scale = max(1.0, pearson(picture.counts, mean) / (n - 2))
    slope = float(coefficients[1] / np.sqrt(scale * covariance[1, 1]))
    if 2 * (1 - float(stdtr(n - 2, abs(slope)))) >= SIGNIFICANCE:
        return []
    recent = float(picture.counts[-3:].sum() / exposure[-3:].sum())
    way = "rose" if slope > 0 else "fell"
    return [f"It {way} meanwhile: {rounded(recent, 3):,g} a month in the last three. The mean is not what comes next."]


def _growth(name: str, fitted: Fit, n: int, wider: float) -> Estimate:
    half = Z90 * fitted.growth_error * wider
    low, middle, high = (float(np.expm1(fitted.growth + d)) for d in (-half, 0.0, half))
    # A plan widens the law from its median, by a drift, and refuses one that could be below -99 % then.
    wider_by = math.hypot(1.0, POLICY * abs(middle) * 2 * Z90 / (high - low))
    least = max(middle - 6 * (middle - low), middle - 0.95 * (middle + 0.99) / wider_by)
    return Estimate(
        name=f"growth.{name}",
        unit="fraction per year",
        value=middle,
        lower=low,
        upper=high,
        distribution={
            "quantiles": {"P5": rounded(low), "P50": rounded(middle), "P95": rounded(high), "min": rounded(least)}
        },
        n=n,
        method="Slope of the logarithm of monthly counts; past growth, which need not go on.",
    )


def _drift(counts: Array, fitted: Fit) -> float | None:
    """Between whole years back from the end, against the fitted trend; three of them at least."""
    years = len(counts) // 12
    if years < 3:
        return None
    tail = slice(len(counts) - 12 * years, None)
    events, expected = (values[tail].reshape(years, 12).sum(axis=1) for values in (counts, fitted.mean))
    return drift_of_counts(events, expected, fitted.overdispersion).known
