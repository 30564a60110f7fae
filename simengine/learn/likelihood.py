"""Log-likelihoods of what a company records, given the numbers of a plan: pure functions of arrays.

Numbers come as (n, ...), one row for each point at which the likelihood is asked; records as arrays without that axis.
The laws are those of the model (docs/model.md); constants that no number moves are left out where it is said.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

LEAST = 1e-12
"""Probability of what a law calls impossible: records are coarser than laws."""
_LEAST_SURVIVAL = 1e-300
_ALIKE = 1e-9


def log_sum(probabilities: Array, counts: Array) -> Array:
    """Σ counts · ln p over the last axis, p kept above `LEAST`: (n, J) and (J,) give (n,)."""
    return np.asarray(np.log(np.maximum(probabilities, LEAST)) @ counts)


def binomial(rate: Array, hits: Array, trials: Array) -> Array:
    """`hits` of `trials` at a rate, without the coefficient: Σ k ln p + (n − k) ln(1 − p); (n, J) gives (n,).

    >>> binomial(np.array([[0.5]]), np.array([1.0]), np.array([2.0])).round(4).tolist()
    [-1.3863]
    """
    p = np.broadcast_to(rate, (len(rate), len(hits)))
    return log_sum(p, hits) + log_sum(1.0 - p, trials - hits)


def arrivals(mean: Array, overdispersion: Array, counts: Array) -> Array:
    """Negative binomial counts of variance `overdispersion` × mean; Poisson where that is 1.

    Pascal form: size r = mean/(φ − 1), probability 1/φ. (n, J), (n, J or 1) and (J,) give (n,).

    >>> arrivals(np.array([[2.0]]), np.array([[1.0]]), np.array([3.0])).round(4).tolist()
    [-1.7123]
    """
    from scipy.special import gammaln

    mu = np.maximum(mean, _ALIKE)
    constant = gammaln(counts + 1.0)
    phi = np.broadcast_to(overdispersion, mu.shape)
    wide = phi > 1.0 + 1e-6
    found = np.empty_like(mu)
    if not wide.all():
        found = counts * np.log(mu) - mu - constant
    if wide.any():
        over = np.where(wide, phi, 2.0)
        r = mu / (over - 1.0)
        pascal = gammaln(counts + r) - gammaln(r) - constant - r * np.log(over) + counts * np.log1p(-1.0 / over)
        found = np.where(wide, pascal, found)
    return np.asarray(found.sum(axis=1))


def log_sigma(spread: Array) -> Array:
    """Standard deviation of the logarithm of a lognormal with this coefficient of variation."""
    return np.asarray(np.sqrt(np.log1p(np.square(spread))))


def lognormal(logs: Array, mean: Array, spread: Array) -> Array:
    """Log-density of the logarithms of lognormal amounts with a mean and coefficient of variation, (n, J)."""
    s = np.maximum(log_sigma(spread), 1e-6)
    off = (logs - np.log(np.maximum(mean, _LEAST_SURVIVAL))) / s + 0.5 * s
    return np.asarray(-0.5 * off * off - np.log(s))


def sizes(logs: Array, mean: Array, spread: Array, share: Array, times: Array) -> Array:
    """Log-density of the logarithms of deal sizes, (n, J): lognormal, a share of them `times` as large."""
    usual = lognormal(logs, mean, spread)
    if not (np.asarray(share) > 0).any():
        return usual
    with np.errstate(divide="ignore"):
        parts = np.log1p(-share) + usual, np.log(share) + lognormal(logs, mean * times, spread)
    return np.logaddexp(*parts)


def at_most(edge: Array, mean: Array, spread: Array) -> Array:
    """P(X ≤ edge) of a lognormal X; element by element."""
    from scipy.special import ndtr

    s = np.maximum(log_sigma(spread), 1e-9)
    with np.errstate(divide="ignore"):
        return np.asarray(ndtr((np.log(edge) - np.log(mean)) / s + 0.5 * s))


def survival(x: Array, mean: Array, spread: Array) -> Array:
    """P(X > x) of a lognormal X, kept above 1e-300; x of at least 0."""
    from scipy.special import ndtr

    s = np.maximum(log_sigma(spread), 1e-9)
    with np.errstate(divide="ignore"):
        z = (np.log(x) - np.log(np.maximum(mean, _LEAST_SURVIVAL))) / s + 0.5 * s
    return np.asarray(np.maximum(ndtr(-z), _LEAST_SURVIVAL))


def expected_time_since(x: Array, mean: Array, spread: Array) -> Array:
    """G(x) = E max(0, x − X) of a lognormal X: x Φ(d) − m Φ(d − s), d = (ln(x/m) + s²/2)/s; arguments broadcast."""
    from scipy.special import ndtr

    s = np.maximum(log_sigma(spread), 1e-9)
    m = np.maximum(mean, _LEAST_SURVIVAL)
    at = np.maximum(x, 0.0)
    with np.errstate(divide="ignore"):
        d = (np.log(at) - np.log(m)) / s + 0.5 * s
    return np.asarray(at * ndtr(d) - m * ndtr(d - s))


class Closings(NamedTuple):
    """Pairs (month of start, month of closing), prepared for a closing clock.

    At the points x of the clock since a start the expected time G is taken, and put together by `ends`.

    Attributes
    ----------
    start : (x,) month of start of each point
    since : (x,) the points
    terms : (4, J) positions among the points: G of the end of the closing month since the beginning, and the end, of
        the month of start; the same of its beginning
    width : (J,) months of the clock in the month of start
    """

    start: Whole
    since: Array
    terms: Whole
    width: Array

    @classmethod
    def of(cls, start: Whole, closed: Whole, weights: Array) -> Closings:
        """Prepare the pairs; a pair whose month of closing is -1 has closed before it began: its share is 0.

        Parameters
        ----------
        start, closed : (J,) months of the plan, closed ≥ start or start − 1
        weights : (months,) by how much the clock advances in each month
        """
        clock = np.concatenate(([0.0], np.cumsum(weights)))
        width = np.maximum(weights[start], 1e-6)
        ends, begins = clock[closed + 1] - clock[start], clock[closed] - clock[start]
        x = np.concatenate([ends, ends - width, begins, np.where(closed > start, begins - width, 0.0)])
        x = np.maximum(np.round(x, 12), 0.0)
        keys, terms = np.unique(np.stack([np.tile(start, 4).astype(np.float64), x]), axis=1, return_inverse=True)
        return cls(keys[0].astype(np.int64), keys[1], terms.reshape(4, -1), width)

    def _points(self, mean: Array, spread: Array) -> Array:
        if mean.shape[1] == 1 and spread.shape[1] == 1:
            unique, back = np.unique(self.since, return_inverse=True)
            return expected_time_since(unique, mean, spread)[:, back]
        m, c = (x if x.shape[1] == 1 else x[:, self.start] for x in (mean, spread))
        return expected_time_since(self.since, m, c)

    def ends(self, mean: Array, spread: Array) -> tuple[Array, Array]:
        """Share of what started that closes in the month, and share that closes later, (n, J) each.

        `(G(Λ(j+1) − Λ(t)) − G(Λ(j+1) − Λ(t+1)))/w_t` has closed by the end of month j (docs/model.md, part 4).

        Parameters
        ----------
        mean, spread : of the cycle by month of start, (n, months), or (n, 1) where always the same
        """
        at = self._points(mean, spread)
        end, end_less, begin, begin_less = (at[:, term] for term in self.terms)
        by_then, before = (end - end_less) / self.width, (begin - begin_less) / self.width
        return np.maximum(0.0, by_then - before), np.clip(1.0 - by_then, 0.0, 1.0)


def delays(mean: Array, spread: Array, whole: Whole) -> tuple[Array, Array]:
    """P(floor(X + U) = k), and of more than k, for lognormal X and uniform U: (n, J) each.

    By second differences of G (docs/model.md, part 4); `whole` k is (J,), or -1, which everything is more than.
    """
    k = whole.astype(np.float64)
    later = expected_time_since(k + 1.0, mean, spread) - expected_time_since(k, mean, spread)
    sooner = expected_time_since(k, mean, spread) - expected_time_since(k - 1.0, mean, spread)
    return np.maximum(0.0, later - sooner), np.clip(1.0 - later, 0.0, 1.0)


def workload(shape: str, tenure: Array, mean: Array, spread: Array, most: Array) -> Array:
    """Mean of min(most, f(min(1, τ/L))) at tenures, (n, J): `baseline.laws.mean_workload`, at many points at once.

    Parameters
    ----------
    shape : "linear", "s-curve" or "step"
    tenure : (J,) months
    mean, spread : of the lognormal length L of the ramp, (n, 1)
    most : people never get beyond this share, (n, 1)
    """
    from scipy.special import ndtr

    s, m = np.maximum(log_sigma(spread), 1e-9), np.maximum(mean, 1e-9)
    top = np.clip(most, 1e-12, 1.0)
    part = {"linear": top, "s-curve": 0.5 - np.sin(np.arcsin(1.0 - 2.0 * top) / 3.0), "step": np.ones_like(top)}[shape]
    at = np.maximum(tenure, 1e-12)
    z = (np.log(at / part) - np.log(m)) / s + 0.5 * s
    factors = {"linear": (1, 0), "s-curve": (0, 3), "step": (0, 0)}[shape]
    cubic = -2 if shape == "s-curve" else 0
    found = top * ndtr(z)
    for k, factor in enumerate((*factors, cubic), start=1):
        if factor:
            found = found + factor * (at / m) ** k * np.exp(k * (k + 1) * s * s / 2.0) * ndtr(-z - k * s)
    return np.asarray(np.where(tenure > 0, found, 0.0))


def leaving(voluntary: Array, involuntary: Array, exposure: Array, counts: tuple[Array, Array, Array]) -> Array:
    """People who leave by one of two hazards at the end of a month, (n,); who stays adds −(h_v + h_i) · exposure.

    A month of exposure e costs (h_v + h_i) e: somebody leaves with probability 1 − exp(−(h_v + h_i) e), and by which
    of the two is in proportion to the hazards.

    Parameters
    ----------
    voluntary, involuntary : hazards a month, (n, J or 1)
    exposure : of each leaver in the month in which they leave, months times multiple, (n or 1, J)
    counts : of leavers by column, (J,) each: voluntary, involuntary, of unknown reason
    """
    own, other, unknown = counts
    total = voluntary + involuntary
    gone = -np.expm1(-total * exposure)
    share = np.divide(voluntary, total, out=np.full_like(total, 0.5), where=total > 0)
    share = np.broadcast_to(share, gone.shape)
    return log_sum(gone, own + other + unknown) + log_sum(share, own) + log_sum(1.0 - share, other)


def renewals(renewed: Array, contracted: Array, counts: tuple[Array, Array, Array]) -> Array:
    """Contracts due that were renewed in full, renewed for less, and lost, (n,).

    The ladder of docs/model.md: of a rate r and p = contraction / depth, r − p are renewed in full and min(r, p)
    contracted.

    Parameters
    ----------
    renewed : r, (n, J)
    contracted : p, (n, J or 1)
    counts : (J,) each
    """
    full, less, lost = counts
    p = np.minimum(contracted, renewed)
    return log_sum(renewed - p, full) + log_sum(np.broadcast_to(p, renewed.shape), less) + log_sum(1.0 - renewed, lost)
