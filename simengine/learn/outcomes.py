"""Win rate and cycle from deals of which some are still open: a mixture of competing risks.

A deal is won with probability w, X months after it began, or lost, Y months after it began. What is known of it
(Larson and Dinse 1985), N counting whole days or months (`lags`), f and g the laws of N of X and Y:

    won at age k            w f(k)
    lost at age k           (1 − w) g(k)
    open at age a           w P(N > a | won) + (1 − w) P(N > a | lost)

each divided by P(N ≥ e), the probability to be still open at age e, where only deals that were open then are in the
records (left truncation). A share of deals may never close, open in name only: then 1 − w and w are shares of the
others. Won over created and won over closed are both wrong as long as deals are open: the first counts them as lost,
the second as if they had been never begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simengine.errors import SimengineError
from simengine.learn.estimate import Z90
from simengine.learn.history import LOST, OPEN, WON
from simengine.learn.lags import SMALLEST, Family, Floats, outlasts
from simengine.learn.maximum import LogLikelihood, Maximum, maximise, profile

Ints = NDArray[np.int64]
MONTH, DAY = 1.0, 12 / 365.25
"""Units in which ages are counted, in months."""
_MOST_CELLS = 4_000_000
"""Numbers in memory at once, while many rows of parameters are tried."""
FEWEST = 5
"""Deals won, and deals lost, without which nothing is fitted."""


@dataclass(frozen=True)
class Seen:
    """Ages at which something happened, known to lie in a span: after < N ≤ by.

    Attributes
    ----------
    after, by : whole ages, (spans,)
    count : how many, (spans,)
    """

    after: Ints
    by: Ints
    count: Floats

    @classmethod
    def at(cls, ages: ArrayLike, count: ArrayLike = 1.0) -> Seen:
        """Exact ages, each of `count` deals."""
        k = np.asarray(ages, np.int64)
        return cls.between(k - 1, k, count)

    @classmethod
    def between(cls, after: ArrayLike, by: ArrayLike, count: ArrayLike = 1.0) -> Seen:
        """Spans of ages, each of `count` deals."""
        spans = np.column_stack(np.broadcast_arrays(np.atleast_1d(after), np.atleast_1d(by))).astype(np.int64)
        weights = np.broadcast_to(np.asarray(count, np.float64), len(spans))
        rows, where = np.unique(spans, axis=0, return_inverse=True)
        return cls(rows[:, 0], rows[:, 1], np.bincount(where.ravel(), weights, len(rows)).astype(np.float64))

    @property
    def total(self) -> float:
        """How many in all."""
        return float(self.count.sum())


NONE = Seen(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
"""No deals."""


@dataclass(frozen=True)
class Deals:
    """What became of deals, counted by age.

    Attributes
    ----------
    won, lost : ages at which they were
    open : ages of those that are open, `after` being the age (`by` is not read)
    entered : ages e below which a deal could not be in the records, `after` being e − 1, of all deals with e > 0
    unit : of the ages, in months
    silent : spans of age in which deals were not won, where it is not known what became of them before and after
    """

    won: Seen
    lost: Seen
    open: Seen
    entered: Seen
    unit: float
    silent: Seen = NONE

    @classmethod
    def counted(cls, ages: ArrayLike, outcome: ArrayLike, unit: float, entered: ArrayLike | None = None) -> Deals:
        """Deals one by one.

        Parameters
        ----------
        ages : at which they were won or lost, or that they have while open: whole numbers, (deals,)
        outcome : "won", "lost" or "open", (deals,)
        unit : of the ages, in months
        entered : age before which they could not have been seen, 0 where they were seen from the start, (deals,)
        """
        k, became = np.asarray(ages, np.int64), np.asarray(outcome)
        e = np.zeros_like(k) if entered is None else np.maximum(np.asarray(entered, np.int64), 0)
        still = Seen.at(k[became == OPEN] + 1)
        return cls(Seen.at(k[became == WON]), Seen.at(k[became == LOST]), still, Seen.at(e[e > 0]), unit)

    @property
    def total(self) -> float:
        """How many in all."""
        return self.won.total + self.lost.total + self.open.total + self.silent.total

    @cached_property
    def _places(self) -> tuple[tuple[Ints, list[Ints]], tuple[Ints, list[Ints]]]:
        """Of the won and the lost: every age that matters, and where their own, open, entered and silent ones stand."""
        sides = []
        for own in (self.won, self.lost):
            parts = [own.after, own.by, self.open.after, self.entered.after, self.silent.after, self.silent.by]
            ages, where = np.unique(np.concatenate(parts), return_inverse=True)
            sides.append((ages, np.split(where, np.cumsum([part.size for part in parts])[:-1])))
        return sides[0], sides[1]


def log_likelihood(
    win_rate: ArrayLike,
    mean_won: ArrayLike,
    mean_lost: ArrayLike,
    spread: ArrayLike,
    deals: Deals,
    *,
    spread_lost: ArrayLike | None = None,
    never: ArrayLike = 0.0,
    family: Family = "lognormal",
) -> Floats:
    """Logarithm of the probability of the records, for each row of parameters.

    Parameters
    ----------
    win_rate : w, of deals that close, (rows,)
    mean_won, mean_lost : mean age at which they are won, lost; months, (rows,)
    spread : coefficient of variation of both ages, (rows,)
    deals : counted by age
    spread_lost : that of the lost ones, where it is another
    never : share of deals that never close, (rows,)
    family : of both laws

    Returns
    -------
    (rows,)
    """
    given = (win_rate, mean_won, mean_lost, spread, spread if spread_lost is None else spread_lost, never)
    columns: list[Floats] = list(np.broadcast_arrays(*(np.atleast_1d(np.asarray(each, np.float64)) for each in given)))
    size = max(1, _MOST_CELLS // max(1, sum(ages.size for ages, _ in deals._places)))
    return np.concatenate(
        [
            _log_likelihood([column[i : i + size] for column in columns], deals, family)
            for i in range(0, len(columns[0]), size)
        ]
    )


def _log_likelihood(columns: list[Floats], deals: Deals, family: Family) -> Floats:
    w, mean_won, mean_lost, c_won, c_lost, d = columns
    (ages_won, won), (ages_lost, lost) = deals._places
    f = outlasts(ages_won, mean_won / deals.unit, c_won, family)
    g = outlasts(ages_lost, mean_lost / deals.unit, c_lost, family)
    share_won, share_lost = ((1 - d) * w)[:, None], ((1 - d) * (1 - w))[:, None]

    def still(place: int) -> Floats:
        return d[:, None] + share_won * f[:, won[place]] + share_lost * g[:, lost[place]]

    return (
        _log(share_won * (f[:, won[0]] - f[:, won[1]])) @ deals.won.count
        + _log(share_lost * (g[:, lost[0]] - g[:, lost[1]])) @ deals.lost.count
        + _log(still(2)) @ deals.open.count
        - _log(still(3)) @ deals.entered.count
        + _log(1 - share_won * (f[:, won[4]] - f[:, won[5]])) @ deals.silent.count
    )


def _log(p: Floats) -> Floats:
    return np.log(np.maximum(p, SMALLEST))


def survival_of(parameters: dict[str, Any], family: Family, unit: float, ages: ArrayLike) -> Floats:
    """Shares of all deals that are to be won, and to be lost, later than at each age, (rows, 2, ages).

    Parameters
    ----------
    parameters : by name, as `log_likelihood` has them; (rows,) each, or numbers
    ages : whole numbers from −1 on, in units
    """
    w, d = (np.atleast_1d(parameters[name]) for name in _SHARES)
    won = outlasts(ages, np.asarray(parameters["mean_won"]) / unit, parameters["spread"], family)
    lost = outlasts(ages, np.asarray(parameters["mean_lost"]) / unit, parameters["spread_lost"], family)
    return np.stack([((1 - d) * w)[:, None] * won, ((1 - d) * (1 - w))[:, None] * lost], axis=1)


@dataclass(frozen=True)
class Fit:
    """A mixture fitted to deals.

    Attributes
    ----------
    family : of both laws
    names : of the parameters: win_rate, mean_won, mean_lost, spread, and spread_lost and never where they are free
    at : the parameters on a scale without bounds: logit of shares, logarithm of months and spreads, (parameters,)
    covariance : there, (parameters, parameters); NaN where the records leave some of them free
    log_likelihood : at its maximum
    unit : in which the ages were counted, in months
    """

    family: Family
    names: tuple[str, ...]
    at: Floats
    covariance: Floats
    log_likelihood: float
    unit: float

    @property
    def parameters(self) -> dict[str, float]:
        """All six on their own scale, also those that were not free; means in months."""
        return {name: float(value[0]) for name, value in _natural(self.at[None, :], self.names).items()}

    @property
    def aic(self) -> float:
        """Akaike's information criterion: the smaller, the better."""
        return 2 * len(self.names) - 2 * self.log_likelihood

    def interval(self, name: str) -> tuple[float, float, float]:
        """A parameter with its 90 % interval: 1.645 standard errors on the scale without bounds (delta method)."""
        place = self.names.index(name)
        half = Z90 * float(np.sqrt(self.covariance[place, place]))
        value, lower, upper = (_back(name, self.at[place] + step) for step in (0.0, -half, half))
        return float(value), float(lower), float(upper)

    def error(self, name: str) -> float:
        """Standard error of a parameter on the scale without bounds."""
        place = self.names.index(name)
        return float(np.sqrt(self.covariance[place, place]))

    def drawn(self, rows: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Parameters as they may be: normal on the scale without bounds, (rows,) each."""
        return _natural(rng.multivariate_normal(self.at, self.covariance, rows), self.names)


_SHARES = ("win_rate", "never")


def _natural(rows: Floats, names: tuple[str, ...]) -> dict[str, Floats]:
    found = {name: _back(name, rows[:, i]) for i, name in enumerate(names)}
    found.setdefault("win_rate", np.ones(len(rows)))
    found.setdefault("mean_lost", found["mean_won"])
    found.setdefault("spread_lost", found["spread"])
    found.setdefault("never", np.zeros(len(rows)))
    return found


def _back(name: str, value: Any) -> Any:
    return 1 / (1 + np.exp(-value)) if name in _SHARES else np.exp(value)


def _free(deals: Deals, family: Family, names: tuple[str, ...]) -> LogLikelihood:
    def function(rows: Floats) -> Floats:
        return log_likelihood(**_natural(rows, names), deals=deals, family=family)

    return function


def _bounds(names: tuple[str, ...], unit: float) -> tuple[Floats, Floats]:
    edges = {"win_rate": (-14.0, 14.0), "never": (-14.0, 14.0), "spread": (np.log(0.02), np.log(20.0))}
    edges["spread_lost"] = edges["spread"]
    mean = (np.log(unit / 100), np.log(2_400.0))
    low, high = zip(*(edges.get(name, mean) for name in names), strict=True)
    return np.array(low), np.array(high)


def fit_outcomes(deals: Deals, *, family: Family = "lognormal", one_spread: bool = True, never: bool = False) -> Fit:
    """Win rate and both cycles at once, by maximum likelihood.

    Parameters
    ----------
    deals : counted by age
    family : of the two laws
    one_spread : won and lost deals have one coefficient of variation, as in a plan
    never : a share of deals never closes

    Raises
    ------
    SimengineError : fewer than five deals won, or lost

    >>> deals = Deals.counted([1, 2, 3, 4, 5] * 4, ["won"] * 10 + ["lost"] * 10, MONTH)
    >>> round(fit_outcomes(deals).parameters["win_rate"], 4)  # nothing is open: won over closed
    0.5
    """
    won, lost = deals.won.total, deals.lost.total
    if min(won, lost) < FEWEST:
        raise SimengineError(
            f"{won:.0f} deals won and {lost:.0f} lost are too few to tell a win rate and a cycle from: "
            f"{FEWEST} of each are needed; join segments, or read a longer history"
        )
    names = ("win_rate", "mean_won", "mean_lost", "spread", *(() if one_spread else ("spread_lost",)))
    return fitted(deals, family, names + (("never",) if never else ()))


def fitted(deals: Deals, family: Family, names: tuple[str, ...]) -> Fit:
    """The mixture with some parameters free; the win rate is one, the share that never closes zero where they are not.

    Parameters
    ----------
    names : of the free ones: mean_won and spread at least
    """
    start = {
        "win_rate": np.log((deals.won.total + 1) / (deals.lost.total + 1)),
        "mean_won": np.log(_mean(deals.won, deals.unit)),
        "mean_lost": np.log(_mean(deals.lost, deals.unit)),
        "never": np.log((0.3 * (deals.open.total + deals.silent.total) + 1) / deals.total),
    }
    low, high = _bounds(names, deals.unit)
    at = np.array([start.get(name, np.log(0.7)) for name in names])
    top = maximise(_free(deals, family, names), at, low, high)
    return Fit(family, names, top.at, top.covariance, top.value, deals.unit)


def _mean(seen: Seen, unit: float) -> float:
    middle = float((seen.after + seen.by + 1) @ seen.count) / 2
    return max(0.3, middle / max(1.0, seen.total)) * unit


def profile_interval(deals: Deals, fit: Fit, name: str) -> tuple[float, float, float]:
    """A parameter with the 90 % interval of its likelihood ratio: slower than `Fit.interval`, better if it is skew."""
    low, high = _bounds(fit.names, deals.unit)
    top = Maximum(fit.at, fit.covariance, fit.log_likelihood)
    place = fit.names.index(name)
    ends = profile(_free(deals, fit.family, fit.names), top, place, low, high)
    return float(_back(name, fit.at[place])), float(_back(name, ends[0])), float(_back(name, ends[1]))


def never_p(without: Fit, fit: Fit) -> float:
    """P-value of "every deal closes" against "some never do": a share at the end of its range.

    Twice the difference of the log-likelihoods is 0 or chi-squared of one degree of freedom, each with probability 1/2
    (Self and Liang 1987), so that p = erfc(sqrt(difference)) / 2.
    """
    from math import erfc, sqrt

    return 0.5 * erfc(sqrt(max(0.0, fit.log_likelihood - without.log_likelihood)))
