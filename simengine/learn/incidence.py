"""What share of deals has been won, and lost, by each age: as observed, whatever the law of the ages.

The estimator of Aalen and Johansen (1978) for whole ages. Of n(k) deals that were open at the beginning of age k and in
the records, d_j(k) end in it in way j; with h_j = d_j/n and S(k) = Π (1 − Σ h_j) over ages up to k,

    p_j(k) = S(k − 1) h_j(k),   F_j(k) = p_j(0) + … + p_j(k)

Covariances are those of independent multinomial hazards (Greenwood's formula, and its like for competing risks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simengine.errors import SimengineError
from simengine.learn.estimate import Z90
from simengine.learn.lags import Floats
from simengine.learn.outcomes import Deals, Fit, Seen, survival_of


@dataclass(frozen=True)
class Incidence:
    """Deals by age.

    Attributes
    ----------
    at_risk : n(k), k = 0, 1 … (ages,)
    ended : d_j(k), won and lost, (2, ages)
    unit : of the ages, in months
    """

    at_risk: Floats
    ended: Floats
    unit: float

    @property
    def hazards(self) -> Floats:
        """h_j(k), (2, ages); 0 where nobody was at risk."""
        return self.ended / np.maximum(self.at_risk, 1.0)

    @property
    def shares(self) -> Floats:
        """p_j(k), (2, ages)."""
        return _shares(self.hazards)

    @property
    def last(self) -> int:
        """The oldest age at which a deal ended."""
        return int(np.flatnonzero(self.ended.sum(axis=0)).max(initial=0))

    @property
    def followed(self) -> bool:
        """Whether deals were followed for so long that those which are open now will hardly close any more.

        Fewer than 5 % are left at the oldest end; or that is at t, the oldest age seen at T, and n deals of which N
        ended between 2t − T and t have (1 − N/n)^n below 1 % (Maller and Zhou 1994).
        """
        if self.shares.sum() > 0.95:
            return True
        n, oldest = float(self.at_risk.max(initial=0.0)), self.at_risk.size - 1
        late = self.ended[:, max(0, 2 * self.last - oldest + 1) : self.last + 1].sum()
        return oldest > self.last and n > 0 and bool((1 - min(1.0, late / n)) ** n < 0.01)

    def linear(self, weights: Floats) -> tuple[Floats, Floats]:
        """Sums Σ c_j(k) p_j(k), and their covariance.

        Parameters
        ----------
        weights : c, (sums, 2, ages)

        Returns
        -------
        (sums,), (sums, sums)
        """
        h, n = self.hazards, np.maximum(self.at_risk, 1.0)
        p, left = _shares(h), 1 - h.sum(axis=0)
        before = np.concatenate(([1.0], np.cumprod(left)[:-1]))
        each = np.einsum("sjk,jk->sk", weights, p)
        later = each[:, ::-1].cumsum(axis=1)[:, ::-1] - each
        slope = weights * before - (np.where(left > 0, later / np.where(left > 0, left, 1.0), 0.0))[:, None, :]
        mean = np.einsum("sjk,jk->sk", slope, h)
        covariance = np.einsum("sjk,tjk,jk,k->st", slope, slope, h, 1 / n) - (mean / n) @ mean.T
        return each.sum(axis=1), covariance

    def curves(self) -> tuple[Floats, Floats, Floats]:
        """F_j(k) with its 90 % interval, on the logit scale: estimate, lower, upper, each (2, ages)."""
        size = self.at_risk.size
        until = np.tril(np.ones((size, size)))
        errors = np.empty((2, size))
        for way in range(2):
            weights = np.zeros((size, 2, size))
            weights[:, way] = until
            errors[way] = np.sqrt(np.maximum(0.0, np.diag(self.linear(weights)[1])))
        value = self.shares.cumsum(axis=1)
        inside = (value > 0) & (value < 1)
        within = np.where(inside, value, 0.5)
        half = np.where(inside, Z90 * errors / (within * (1 - within)), 0.0)
        logit = np.log(within / (1 - within))
        lower, upper = (np.where(inside, 1 / (1 + np.exp(-(logit + sign * half))), value) for sign in (-1, 1))
        return value, lower, upper

    def drawn(self, rows: int, rng: np.random.Generator) -> Floats:
        """Shares p_j(k) as they may be, hazards drawn from Dirichlet's law of their counts, (rows, 2, ages)."""
        counts = np.vstack([self.ended, np.maximum(0.0, self.at_risk - self.ended.sum(axis=0))])
        drawn = rng.gamma(np.broadcast_to(counts, (rows, *counts.shape)))
        total = drawn.sum(axis=1, keepdims=True)
        return _shares(drawn[:, :2] / np.where(total > 0, total, 1.0))


def drawn_by_cohort(cohorts: Sequence[Incidence], rows: int, rng: np.random.Generator) -> Floats:
    """Shares p_j(k) with whole cohorts drawn anew, so that what a cohort has in common counts, (rows, 2, ages).

    A bootstrap of clusters; ages that no drawn cohort has reached end nothing.
    """
    size = max(each.at_risk.size for each in cohorts)
    at_risk = np.array([np.pad(each.at_risk, (0, size - each.at_risk.size)) for each in cohorts])
    ended = np.array([np.pad(each.ended, ((0, 0), (0, size - each.at_risk.size))) for each in cohorts])
    times = rng.multinomial(len(cohorts), np.full(len(cohorts), 1 / len(cohorts)), rows)
    return _shares(np.einsum("rc,cjk->rjk", times, ended) / np.maximum(times @ at_risk, 1.0)[:, None, :])


def _shares(hazards: Floats) -> Floats:
    left = np.cumprod(1 - hazards.sum(axis=-2), axis=-1)
    before = np.concatenate([np.ones_like(left[..., :1]), left[..., :-1]], axis=-1)
    return np.asarray(before[..., None, :] * hazards)


def incidence(deals: Deals) -> Incidence:
    """Deals by age, from their counts.

    Raises
    ------
    SimengineError : ages known to lie in spans only, or ways to end that were not recorded for some time

    >>> from simengine.learn.outcomes import MONTH
    >>> seen = incidence(Deals.counted([0, 1, 1, 2], ["won", "lost", "open", "open"], MONTH))
    >>> seen.at_risk.tolist(), seen.shares.sum(axis=1).round(3).tolist()
    ([4.0, 3.0, 1.0], [0.25, 0.25])
    """
    if deals.silent.total or any((seen.by - seen.after != 1).any() for seen in (deals.won, deals.lost)):
        raise SimengineError("ages that are known to lie in a span only have no incidence by age; give them one by one")
    ages = [part for part in (deals.won.by, deals.lost.by, deals.open.after) if part.size]
    size = int(max((part.max() for part in ages), default=0)) + 1

    def counted(seen: Seen, places: np.ndarray) -> Floats:
        return np.bincount(places, seen.count, size)[:size].astype(np.float64)

    ended = np.vstack([counted(deals.won, deals.won.by), counted(deals.lost, deals.lost.by)])
    out = ended.sum(axis=0) + counted(deals.open, deals.open.after)
    entered = counted(deals.entered, np.minimum(deals.entered.after + 1, size - 1))
    entered[0] += deals.total - deals.entered.total
    at_risk = np.cumsum(entered) - np.concatenate(([0.0], np.cumsum(out)[:-1]))
    return Incidence(at_risk, ended, deals.unit)


def fitted_shares(fit: Fit, ages: int) -> Floats:
    """p_j(k) of a fitted mixture, k = 0 … ages − 1, (2, ages)."""
    beyond = survival_of(fit.parameters, fit.family, fit.unit, np.arange(-1, ages))[0]
    return np.asarray(-np.diff(beyond, axis=-1))


@dataclass(frozen=True)
class Misfit:
    """How a fitted mixture stands against what was observed.

    Attributes
    ----------
    p : p-value of "the mixture is the law of these deals"
    gap : the largest distance of its share won, or lost, by some age from the observed one
    """

    p: float
    gap: float


_MOST_BINS, _FEWEST_IN_BIN = 12, 5.0


def misfit(seen: Incidence, fit: Fit) -> Misfit:
    """Deals that end by age against those that the mixture expects of the ones at risk: chi-squared.

    Spans of ages expect a twelfth of the rarer of won and lost, and five at least. In each, x = Σ (d − n h), won and
    lost, has covariance V = Σ n (diag h − h h'), and those of several spans are uncorrelated (they are a martingale):
    Σ x' V⁻¹ x, with a degree of freedom to a span and way to end, less one for each fitted parameter.
    """
    from scipy.special import gammaincc

    p = fitted_shares(fit, seen.at_risk.size)
    h = p / np.maximum(1 - np.concatenate(([0.0], p.sum(axis=0).cumsum()[:-1])), 1e-12)
    ways = p.any(axis=1)
    ended, h = seen.ended[ways], h[ways]
    rarer = (seen.at_risk * h).cumsum(axis=1).min(axis=0)
    width = max(_FEWEST_IN_BIN, rarer[-1] / _MOST_BINS)
    # The last, incomplete span joins the one before it.
    first = (
        np.flatnonzero(np.diff(np.minimum(rarer / width, max(0.0, np.floor(rarer[-1] / width) - 1)).astype(int))) + 1
    )
    first = np.concatenate(([0], first))
    x = np.add.reduceat(ended - seen.at_risk * h, first, axis=1)
    spread = seen.at_risk * (h[:, None] * np.eye(len(h))[:, :, None] - h[:, None] * h[None])
    V = np.moveaxis(np.add.reduceat(spread, first, axis=2), 2, 0)
    statistic = float(np.einsum("is,sij,js->", x, np.linalg.pinv(V), x))
    freedom = max(1, len(h) * first.size - len(fit.names))
    until = slice(0, seen.last + 1)
    gap = np.abs(seen.shares.cumsum(axis=1) - p.cumsum(axis=1))[:, until].max(initial=0.0)
    return Misfit(float(gammaincc(freedom / 2, statistic / 2)), float(gap))


@dataclass(frozen=True)
class Observed:
    """Win rate and cycles without a law of the ages, where deals were followed long enough.

    Attributes
    ----------
    values : by name, win_rate, mean_won, mean_lost, spread and decided; means in months
    errors : standard errors, of win_rate and decided on the logit scale, of the others on the logarithmic one; NaN
        where all are decided
    """

    values: dict[str, float]
    errors: dict[str, float]


def observed(seen: Incidence) -> Observed:
    """Win rate F_won/(F_won + F_lost) at the oldest end, share decided, mean ages, and spread of the won.

    The variance of a whole age is 1/6 above that of the age itself, about (two ends known to a unit each).
    """
    ages = np.arange(seen.at_risk.size, dtype=np.float64)
    weights = np.zeros((5, 2, ages.size))
    for place, (way, power) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1), (0, 2))):
        weights[place, way] = ages**power
    sums, covariance = seen.linear(weights)

    left = 1 - sums[0] - sums[1] > 1e-9

    def natural(x: Floats) -> Floats:
        won, lost, age_won, age_lost, square = x
        mean = age_won / won
        variance = max(1e-6, square / won - mean**2 - 1 / 6)
        decided = np.log((won + lost) / (1 - won - lost)) if left else np.inf
        return np.array(
            [np.log(won / lost), np.log(mean), np.log(age_lost / lost), np.log(variance) / 2 - np.log(mean), decided]
        )

    at = natural(sums)
    steps = np.diag(1e-5 * np.abs(sums))
    known = np.isfinite(at)
    slope = np.column_stack(
        [(natural(sums + step)[known] - natural(sums - step)[known]) / (2 * step.sum()) for step in steps]
    )
    errors = np.full(at.size, np.nan)
    errors[known] = np.sqrt(np.maximum(0.0, np.diag(slope @ covariance @ slope.T)))
    names = ("win_rate", "mean_won", "mean_lost", "spread", "decided")
    share = 1 / (1 + np.exp(-at))
    back = [share[:1], np.exp(at[1:3]) * seen.unit, np.exp(at[3:4]), share[4:]]
    values = dict(zip(names, np.concatenate(back).tolist(), strict=True))
    return Observed(values, dict(zip(names, errors.tolist(), strict=True)))


@dataclass(frozen=True)
class Picture:
    """Data against fit.

    Attributes
    ----------
    title : what the deals are
    ages : months, (ages,)
    observed, lower, upper : share won and lost by each age, with its 90 % interval, (2, ages)
    fitted : the same of the mixture, (2, ages)
    at_risk : deals that were open at each age, (ages,)
    misfit : of the mixture
    """

    title: str
    ages: Floats
    observed: Floats
    lower: Floats
    upper: Floats
    fitted: Floats
    at_risk: Floats
    misfit: Misfit


def picture(title: str, deals: Deals, fit: Fit) -> Picture:
    """Observed against fitted shares by age, while five deals were at risk, and not much beyond the oldest end.

    The share closed by the end of age k stands at k + 1/2: N is on average the age itself.
    """
    seen = incidence(deals)
    shown = min(int(np.flatnonzero(seen.at_risk >= _FEWEST_IN_BIN).max(initial=0)) + 1, 3 * seen.last // 2 + 2)
    value, lower, upper = (each[:, :shown] for each in seen.curves())
    fitted = fitted_shares(fit, shown).cumsum(axis=1)
    ages: Floats = (np.arange(shown, dtype=np.float64) + 0.5) * seen.unit
    return Picture(title, ages, value, lower, upper, fitted, seen.at_risk[:shown], misfit(seen, fit))


def closings(p: Floats, ages: np.ndarray, horizon: int) -> Floats:
    """P(won within `horizon` more units of age | open at an age), of each deal: (F(a + horizon) − F(a))/S(a).

    Parameters
    ----------
    p : p_j(k), (rows, 2, ages); zero beyond its last age
    ages : of open deals, (deals,)

    Returns
    -------
    (rows, deals)
    """
    won, all_ = p[:, 0].cumsum(axis=1), p.sum(axis=1).cumsum(axis=1)
    last = p.shape[-1] - 1
    now, then = np.minimum(ages, last), np.minimum(ages + horizon, last)
    return np.asarray(np.clip((won[:, then] - won[:, now]) / np.maximum(1 - all_[:, now], 1e-12), 0.0, 1.0))
