"""Chance as a function: an addressed generator, and variates by monotone inversion of one uniform each.

Nothing here keeps state. The addresses and their meaning are listed in docs/model.md, section 1.
"""

from __future__ import annotations

import math

import numpy as np

from simengine.kernel.jit import ZERO, integer, variate

START, PERSON, TENURE, PROMOTION = map(integer, (1, 2, 3, 4))
ARRIVALS, OPEN, QUALIFY = map(integer, (10, 11, 12))
OUTCOME, DEAL, WAIT, TERRITORY = map(integer, (20, 21, 22, 23))
RENEWAL, EXPANSION, UPSELL, TERM = map(integer, (30, 31, 32, 33))
ONCE = ZERO
"""Number of what is drawn once at an address."""

_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_HIGH, _LOW = np.uint64(20), np.uint64(12)
_PURPOSES = 256
_STEP = 2.0**-52
_TAIL_SDS = 9.0  # P(normal < -9 sd) = 1e-19, far below the grid of the uniforms (2e-16)
_NEGLIGIBLE = 1e-20
NEVER = 2**40
"""More months than any plan has, and few enough for whole numbers to hold."""
_TABULATED = 4096
_RECIPROCALS = 1.0 / np.arange(
    1.0, _TABULATED + 1.0
)  # 1/(k + 1): a division in every step would take four times as long


@variate
def philox(k0, k1, c0, c1, c2, c3):
    """Philox4x32-10 of a 2-word key and a 4-word counter (uint64 holding 32 bits each): four 32-bit words.

    Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC11.
    """
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _MASK, (p0 >> _HALF) ^ c3 ^ k1, p0 & _MASK
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@variate
def uniforms(keys, key, draw, ordinal, period, purpose, number):
    """Two uniforms in (0, 1) at an address; row `key` of `keys` is two 32-bit words held in uint64.

    u = (k + 0.5) / 2^52 with 52 random bits k: a 53-bit k + 0.5 would round to 1.
    """
    x0, x1, x2, x3 = philox(
        keys[key, 0],
        keys[key, 1],
        np.uint64(draw),
        np.uint64(ordinal),
        np.uint64(period),
        np.uint64(purpose + _PURPOSES * number),
    )
    u0 = (np.float64((x0 << _HIGH) | (x1 >> _LOW)) + 0.5) * _STEP
    u1 = (np.float64((x2 << _HIGH) | (x3 >> _LOW)) + 0.5) * _STEP
    return u0, u1


@variate
def normal_quantile(u):
    """z with Φ(z) = u, for u in (0, 1), to 1e-16 relative.

    Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988).
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        top = (
            (
                (
                    (
                        ((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
                        + 45921.953931549871457
                    )
                    * r
                    + 13731.693765509461125
                )
                * r
                + 1971.5909503065514427
            )
            * r
            + 133.14166789178437745
        ) * r + 3.387132872796366608
        bottom = (
            (
                (
                    (
                        ((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r
                        + 21213.794301586595867
                    )
                    * r
                    + 5394.1960214247511077
                )
                * r
                + 687.1870074920579083
            )
            * r
            + 42.313330701600911252
        ) * r + 1.0
        return q * top / bottom
    r = math.sqrt(-math.log(u if q < 0.0 else 1.0 - u))
    if r <= 5.0:
        r -= 1.6
        top = (
            (
                (
                    (
                        ((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
                        + 1.27045825245236838258
                    )
                    * r
                    + 3.64784832476320460504
                )
                * r
                + 5.7694972214606914055
            )
            * r
            + 4.6303378461565452959
        ) * r + 1.42343711074968357734
        bottom = (
            (
                (
                    (
                        ((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r
                        + 0.14810397642748007459
                    )
                    * r
                    + 0.68976733498510000455
                )
                * r
                + 1.6763848301838038494
            )
            * r
            + 2.05319162663775882187
        ) * r + 1.0
    else:
        r -= 5.0
        top = (
            (
                (
                    (
                        ((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r
                        + 0.026532189526576123093
                    )
                    * r
                    + 0.29656057182850489123
                )
                * r
                + 1.7848265399172913358
            )
            * r
            + 5.4637849111641143699
        ) * r + 6.6579046435011037772
        bottom = (
            (
                (
                    (
                        ((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r
                        + 7.868691311456132591e-4
                    )
                    * r
                    + 0.0148753612908506148525
                )
                * r
                + 0.13692988092273580531
            )
            * r
            + 0.59983220655588793769
        ) * r + 1.0
    z = top / bottom
    return -z if q < 0.0 else z


@variate
def lognormal_factor(sigma, u):
    """Mean-one lognormal exp(σz − σ²/2); exactly 1 if σ = 0."""
    if sigma == 0.0:
        return 1.0
    return math.exp(sigma * normal_quantile(u) - 0.5 * sigma * sigma)


@variate
def whole_months(mean, sigma, u_size, u_round):
    """A lag in whole months whose mean is exactly `mean`: floor(mean · factor + u); at most NEVER."""
    months = mean * lognormal_factor(sigma, u_size) + u_round
    return math.floor(months) if months < NEVER else NEVER


@variate
def exponential(u):
    """Standard exponential, increasing in u."""
    return -math.log1p(-u)


@variate
def _climb(u, k, p, a, b, top, mean):
    """Smallest k with P(X ≤ k) ≥ u where p(k + 1)/p(k) = (a + b k)/(k + 1), from a k below which nothing lies.

    Panjer's (a, b, 0) class: Poisson (b = 0), binomial (b < 0) and negative binomial (b > 0) in one ladder.
    """
    cumulative = p
    while cumulative < u and k < top:
        p *= (a + b * k) * (_RECIPROCALS[k] if k < _TABULATED else 1.0 / (k + 1.0))
        k += 1
        cumulative += p
        if p < _NEGLIGIBLE and k > mean:
            break
    return k


@variate
def _foot(mean, variance):
    """Where the climb may start: everything below is lighter than the grid of the uniforms."""
    return max(0, int(mean - _TAIL_SDS * math.sqrt(variance) - _TAIL_SDS))


_NO_TOP = integer(2**62)


@variate
def poisson(mean, u):
    """Poisson quantile: the smallest k with P(X ≤ k) ≥ u."""
    if mean <= 0.0:
        return 0
    k = _foot(mean, mean)
    p = math.exp(k * math.log(mean) - mean - math.lgamma(k + 1.0))
    return _climb(u, k, p, mean, 0.0, _NO_TOP, mean)


@variate
def negative_binomial(mean, overdispersion, u):
    """Quantile of the negative binomial with variance `overdispersion` × mean (Poisson at 1)."""
    if overdispersion <= 1.0:
        return poisson(mean, u)
    if mean <= 0.0:
        return 0
    size = mean / (overdispersion - 1.0)
    odds = (overdispersion - 1.0) / overdispersion
    k = _foot(mean, mean * overdispersion)
    p = math.exp(
        math.lgamma(k + size)
        - math.lgamma(k + 1.0)
        - math.lgamma(size)
        - size * math.log(overdispersion)
        + k * math.log(odds)
    )
    return _climb(u, k, p, size * odds, odds, _NO_TOP, mean)


@variate
def binomial(n, rate, u):
    """Binomial quantile: the smallest k with P(X ≤ k) ≥ u."""
    if n == 0 or rate <= 0.0:
        return 0
    if rate >= 1.0:
        return n
    mean = n * rate
    k = _foot(mean, mean * (1.0 - rate))
    log_p = k * math.log(rate) + (n - k) * math.log1p(-rate)
    if k > 0:
        log_p += math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
    odds = rate / (1.0 - rate)
    return _climb(u, k, math.exp(log_p), n * odds, -odds, n, mean)
