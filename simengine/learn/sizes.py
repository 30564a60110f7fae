"""Deal sizes: which law won deals follow, their mean and spread, outliers among them, and list prices.

A law is told by its mean m and its coefficient of variation c. A share q of deals may be `times` as large as the
others, as the plan's `outliers` are: `f(x) = (1 − q) g(x) + q g(x/times)/times`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.learn.estimate import Z90, Estimate, rounded, wider_by_t
from simengine.learn.history import WON, History
from simengine.learn.naming import Say, silent

Array = NDArray[np.float64]
FEWEST = 8
"""Won deals: with fewer no law is told from another."""
FEWEST_FOR_OUTLIERS = 60
PRICE_SHARE, PRICES_SHARE = 0.05, 0.5
"""A price is an amount that so many deals have; there is a price list where prices cover so many deals."""
MOST_OUTLIERS, LEAST_TIMES = 0.25, 2.0
"""More than a quarter of deals, or less than twice as large, are no outliers: another kind of deal, another law."""
STANDS_OUT = 3.0
"""Times as many deals have a price as have an amount near it."""
MISFIT = 0.01
"""Level of the test of fit: a law rejected there does not give the interval of the mean."""


class Size(NamedTuple):
    """Mean and coefficient of variation of ordinary deals, share of outliers and how many times as large they are."""

    mean: float
    cv: float
    share: float = 0.0
    times: float = 1.0

    @property
    def overall(self) -> float:
        """Mean of all deals: `mean · (1 + share (times − 1))`."""
        return self.mean * (1 + self.share * (self.times - 1))


@dataclass(frozen=True)
class Fit:
    """A family fitted to won deals.

    Attributes
    ----------
    family : lognormal, gamma or weibull
    size : its parameters
    error : relative standard error of `size.mean`
    log_likelihood, aic, bic : at the maximum
    misfit : p of Pearson's chi-square test on cells of equal probability
    """

    family: str
    size: Size
    error: float
    log_likelihood: float
    aic: float
    bic: float
    misfit: float


@dataclass(frozen=True)
class Picture:
    """Quantiles of won deals against those of the law, both ascending, (n,)."""

    name: str
    fit: Fit
    amounts: Array
    quantiles: Array
    currency_unit: str = "currency"


def log_density(family: str, amounts: Array, size: Size) -> Array:
    """Log-density of amounts, (n,).

    Raises
    ------
    KeyError
        where there is no such family.
    """
    if size.share <= 0:
        return _LOG_DENSITY[family](amounts, size.mean, size.cv)
    ordinary = math.log1p(-size.share) + _LOG_DENSITY[family](amounts, size.mean, size.cv)
    outlying = math.log(size.share) - math.log(size.times)
    return np.logaddexp(ordinary, outlying + _LOG_DENSITY[family](amounts / size.times, size.mean, size.cv))


def cumulative(family: str, amounts: Array, size: Size) -> Array:
    """P(X ≤ x), (n,)."""
    below = _CUMULATIVE[family]
    ordinary = below(amounts, size.mean, size.cv)
    if size.share <= 0:
        return ordinary
    return (1 - size.share) * ordinary + size.share * below(amounts / size.times, size.mean, size.cv)


def _lognormal(mean: float, cv: float) -> tuple[float, float]:
    sigma = math.sqrt(math.log1p(cv * cv))
    return math.log(mean) - sigma**2 / 2, sigma


def _log_lognormal(x: Array, mean: float, cv: float) -> Array:
    mu, sigma = _lognormal(mean, cv)
    logs = np.log(x)
    return np.asarray(-0.5 * ((logs - mu) / sigma) ** 2 - logs - math.log(sigma * math.sqrt(2 * math.pi)), np.float64)


def _below_lognormal(x: Array, mean: float, cv: float) -> Array:
    from scipy.special import ndtr

    mu, sigma = _lognormal(mean, cv)
    return np.asarray(ndtr((np.log(x) - mu) / sigma), np.float64)


def _log_gamma(x: Array, mean: float, cv: float) -> Array:
    k = cv**-2
    scale = mean / k
    return np.asarray((k - 1) * np.log(x / scale) - x / scale - math.log(scale) - math.lgamma(k), np.float64)


def _below_gamma(x: Array, mean: float, cv: float) -> Array:
    from scipy.special import gammainc

    k = cv**-2
    return np.asarray(gammainc(k, x * k / mean), np.float64)


def weibull_shape(cv: float) -> float:
    """Shape k of a Weibull law with a coefficient of variation: `1 + c² = Γ(1 + 2/k)/Γ(1 + 1/k)²`.

    >>> round(weibull_shape(1.0), 6)
    1.0
    """
    low, high = math.log(0.05), math.log(2000.0)
    wanted = math.log1p(cv * cv)
    for _ in range(60):
        middle = (low + high) / 2
        k = math.exp(middle)
        wide = math.lgamma(1 + 2 / k) - 2 * math.lgamma(1 + 1 / k) > wanted
        low, high = (middle, high) if wide else (low, middle)
    return math.exp((low + high) / 2)


def _weibull(mean: float, cv: float) -> tuple[float, float]:
    k = weibull_shape(cv)
    return k, mean / math.gamma(1 + 1 / k)


def _log_weibull(x: Array, mean: float, cv: float) -> Array:
    k, scale = _weibull(mean, cv)
    y = np.log(x / scale)
    return np.asarray(math.log(k / scale) + (k - 1) * y - np.exp(np.minimum(k * y, 700.0)), np.float64)


def _below_weibull(x: Array, mean: float, cv: float) -> Array:
    k, scale = _weibull(mean, cv)
    return np.asarray(-np.expm1(-np.exp(np.minimum(k * np.log(x / scale), 700.0))), np.float64)


Law = Callable[[Array, float, float], Array]
_LOG_DENSITY: dict[str, Law] = {"lognormal": _log_lognormal, "gamma": _log_gamma, "weibull": _log_weibull}
_CUMULATIVE: dict[str, Law] = {"lognormal": _below_lognormal, "gamma": _below_gamma, "weibull": _below_weibull}
FAMILIES = tuple(_LOG_DENSITY)


def fit(amounts: Array, family: str, *, outliers: bool = False) -> Fit:
    """Fit a family by maximum likelihood.

    Parameters
    ----------
    amounts : of won deals, above zero, (n,)
    outliers : whether a share of deals is larger by a factor
    """
    from scipy.optimize import minimize

    scale = float(np.exp(np.log(amounts).mean()))
    x = amounts / scale
    spread = max(0.02, float(np.log(x).std()))

    def cost(theta: Array) -> float:
        value = -float(log_density(family, x, _size(theta)).sum())
        return value if math.isfinite(value) else 1e12

    begin = [math.log(float(x.mean())), math.log(spread)]
    starts = [[*begin, -3.0, math.log(t)] for t in (1.0, 6.0)] if outliers else [begin]
    options = {"xatol": 1e-5, "fatol": 1e-6, "maxiter": 2000, "maxfev": 2000}
    best = min((minimize(cost, start, method="Nelder-Mead", options=options) for start in starts), key=lambda r: r.fun)
    theta, log_likelihood = np.asarray(best.x), -float(best.fun) - len(x) * math.log(scale)
    size = _size(theta)
    told = Size(size.mean * scale, size.cv, size.share, size.times)
    k, n = len(theta), len(x)
    return Fit(
        family,
        told,
        _error(cost, theta),
        log_likelihood,
        2 * k - 2 * log_likelihood,
        k * math.log(n) - 2 * log_likelihood,
        misfit(cumulative(family, amounts, told), k),
    )


def _size(theta: Array) -> Size:
    """The parameters from any real numbers: ln mean, ln cv, logit of share by its most, ln of times above its least."""
    mean, cv = math.exp(min(30.0, theta[0])), math.exp(min(4.0, max(-7.0, theta[1])))
    if len(theta) == 2:
        return Size(mean, cv)
    share = MOST_OUTLIERS / (1 + math.exp(-max(-30.0, min(30.0, theta[2]))))
    return Size(mean, cv, share, LEAST_TIMES + math.exp(max(-5.0, min(5.0, theta[3]))))


def _error(cost: Callable[[Array], float], theta: Array) -> float:
    """Standard error of the first parameter: root of the inverse of the observed information, by differences."""
    k, step = len(theta), 1e-3
    hessian = np.empty((k, k))
    unit = np.eye(k) * step
    for i in range(k):
        for j in range(k):
            signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
            hessian[i, j] = sum(a * b * cost(theta + a * unit[i] + b * unit[j]) for a, b in signs) / (4 * step * step)
    variance = float(np.linalg.pinv(hessian)[0, 0])
    return math.sqrt(variance) if variance > 0 else float("nan")


def misfit(uniform: Array, parameters: int) -> float:
    """P of Pearson's chi-square test that values are uniform, in at most 20 cells of 8 or more; NaN with too few."""
    from scipy.special import chdtrc

    cells = min(20, len(uniform) // 8)
    if cells < parameters + 3:
        return float("nan")
    counts = np.bincount(np.minimum((uniform * cells).astype(np.int64), cells - 1), minlength=cells)
    expected = len(uniform) / cells
    # Between cells - 1 - parameters and cells - 1 degrees, as the law was fitted to the values and not to the cells.
    return float(chdtrc(cells - 1, float(((counts - expected) ** 2).sum() / expected)))


def choose(amounts: Array) -> Fit:
    """The family, with or without outliers, of the least BIC; of AIC the difference is told by `fit` of each."""
    fits = [fit(amounts, family) for family in FAMILIES]
    if len(amounts) >= FEWEST_FOR_OUTLIERS:
        fits += [fit(amounts, family, outliers=True) for family in FAMILIES]
    return min(fits, key=lambda each: each.bic)


def prices(amounts: Array) -> dict[float, float]:
    """List prices: amounts that many deals share, and the share of deals that have them; none where they are few.

    A price stands out from its neighbourhood: amounts in whole units repeat as well.

    >>> prices(np.array([10.0] * 6 + [20.0] * 3 + [17.5]))
    {10.0: 0.6, 20.0: 0.3}
    >>> prices(np.array([1.0, 2.0, 2.0, 3.0, 3.0]) + 50)
    {}
    """
    values, counts = np.unique(np.round(amounts, 2), return_counts=True)
    often = np.flatnonzero((counts >= PRICE_SHARE * len(amounts)) & (counts > 1))
    listed = [int(i) for i in often if counts[i] > STANDS_OUT * _nearby(values, counts, int(i))]
    if counts[listed].sum() < PRICES_SHARE * len(amounts):
        return {}
    return {float(values[i]): float(counts[i] / len(amounts)) for i in listed}


def _nearby(values: Array, counts: NDArray[np.int64], place: int) -> float:
    """Mean count of the other amounts within 10 % of one."""
    near = np.abs(values / values[place] - 1) < 0.1
    near[place] = False
    return float(counts[near].mean()) if near.any() else 0.0


def quantiles(fitted: Fit, levels: Array) -> Array:
    """Quantiles of a fitted law, by bisection on a logarithmic scale, (n,)."""
    low = np.full_like(levels, math.log(fitted.size.mean) - 60)
    high = np.full_like(levels, math.log(fitted.size.mean * max(1.0, fitted.size.times)) + 12)
    for _ in range(70):
        middle = (low + high) / 2
        below = cumulative(fitted.family, np.exp(middle), fitted.size) < levels
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(np.exp((low + high) / 2), np.float64)


def estimates(history: History, *, say: Say = silent) -> list[Estimate]:
    """Deal size of every segment with enough won deals; `say` is told of the others."""
    opportunities = history.table("opportunities")
    out = []
    for segment, rows in opportunities.groupby("segment"):
        amounts = _won(rows)
        if len(amounts) >= FEWEST:
            out.append(_told(str(segment), amounts, rows))
        else:
            say(f"deal_size.{segment}: {len(amounts)} won deals with an amount are too few: {FEWEST} are needed.")
    return out


def pictures(history: History) -> dict[str, Picture]:
    """Quantiles of data against fit, by segment."""
    found = {}
    for segment, rows in history.table("opportunities").groupby("segment"):
        amounts = np.sort(_won(rows))
        if len(amounts) >= FEWEST and np.ptp(amounts) > 0:
            fitted = choose(amounts)
            levels = (np.arange(len(amounts)) + 0.5) / len(amounts)
            found[str(segment)] = Picture(str(segment), fitted, amounts, quantiles(fitted, levels))
    return found


def _won(rows: pd.DataFrame) -> Array:
    amounts = rows.loc[rows["outcome"] == WON, "amount"].to_numpy(np.float64)
    return np.asarray(amounts[np.isfinite(amounts) & (amounts > 0)], np.float64)


def _told(segment: str, amounts: Array, rows: pd.DataFrame) -> Estimate:
    n, listed = len(amounts), prices(amounts)
    asked = rows["amount"].to_numpy(np.float64)
    naive = float(np.nanmean(asked[asked > 0]))
    notes = [_price_note(listed)] if listed else []
    also: dict[str, Any]
    fitted = choose(amounts) if np.ptp(amounts) > 0 else None
    lawful = fitted is not None and not listed and not fitted.misfit < MISFIT and math.isfinite(fitted.error)
    if fitted is not None and lawful:
        value, error = fitted.size.mean, fitted.error
        also = {"deal_size_spread": rounded(fitted.size.cv, 3)}
        if fitted.size.share > 0:
            also["outliers"] = {"share": rounded(fitted.size.share, 3), "times": f"x{rounded(fitted.size.times, 3):g}"}
            notes.append("deal_size is the mean of ordinary deals; outliers come on top.")
        if fitted.family != "lognormal":
            notes.append(
                f"The {fitted.family} law fits better than the lognormal that a plan draws; mean and spread hold."
            )
        method = f"{fitted.family} law by BIC among {', '.join(FAMILIES)}, with and without outliers, of won deals."
    else:
        value = float(amounts.mean())
        error = float(amounts.std(ddof=1) / math.sqrt(n) / value)
        also = {"deal_size_spread": rounded(float(amounts.std(ddof=1) / value), 3)}
        method = "Mean of won deals with its standard error."
        if fitted is not None and not listed:
            notes.append(
                f"No law fits ({fitted.family} comes nearest, rejected at {MISFIT:.0%}): look for prices or products."
            )
    if note := _product_note(rows):
        notes.append(note)
    sigma = error * wider_by_t(n - 1)
    half = math.exp(Z90 * sigma)
    return Estimate(
        name=f"deal_size.{segment}",
        unit="currency",
        value=value,
        lower=value / half,
        upper=value * half,
        distribution=(
            {"lognormal": {"median": rounded(value), "sigma": rounded(sigma)}}
            if sigma > 0
            else {"fixed": rounded(value)}
        ),
        n=n,
        method=method,
        naive=naive,
        also=also,
        notes=tuple(notes),
    )


def _price_note(listed: dict[float, float]) -> str:
    told = ", ".join(f"{price:,.10g} ({share:.0%})" for price, share in sorted(listed.items()))
    return f"Deals are at list prices: {told}. A segment, or a product, for each price is nearer to what happens."


def explained_by(groups: NDArray[Any], values: Array) -> float:
    """Share of the variance that lies between groups: R² of a one-way analysis of variance."""
    frame = pd.Series(values).groupby(pd.Series(groups)).transform("mean").to_numpy()
    total = float(((values - values.mean()) ** 2).sum())
    return float(((frame - values.mean()) ** 2).sum()) / total if total > 0 else 0.0


def _product_note(rows: pd.DataFrame) -> str | None:
    won = rows[(rows["outcome"] == WON) & (rows["amount"] > 0) & (rows["product"] != "")]
    products = won["product"].nunique()
    if products < 2 or len(won) < FEWEST * products:
        return None
    share = explained_by(won["product"].to_numpy(), np.log(won["amount"].to_numpy(np.float64)))
    if share < 0.9:
        return None
    return f"The product explains {share:.1%} of the variance of the size: plan it by product."
