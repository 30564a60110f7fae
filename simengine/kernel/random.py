"""Chance as a function: an addressed generator, and variates by monotone inversion of one uniform each.

Nothing here keeps state. The addresses and their meaning are listed in docs/model.md, section 1.
"""

from __future__ import annotations

import math

import numpy as np

from simengine.kernel.jit import ZERO, integer, spread, step, variate

START, PERSON, CAREER = map(integer, (1, 2, 3))
ARRIVALS, OPEN = map(integer, (10, 11))
DEAL, QUEUE = map(integer, (20, 21))
TERM, EXPANSION, UNSOLD = map(integer, (30, 31, 32))
ONCE = ZERO
"""Number of what is drawn once at an address."""

WIDTH = 128
"""Neighbours that are drawn in one go."""
_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_PURPOSES = 256
_STEP = 2.0**-32
_TAIL_SDS = 9.0  # P(normal < -9 sd) = 1e-19, far below the grid of the uniforms (2e-10)
_NEGLIGIBLE = 1e-20
NEVER = 2**30
"""More months than any plan has, and few enough for whole numbers to hold."""
_TABULATED = 4096
_RECIPROCALS = 1.0 / np.arange(
    1.0, _TABULATED + 1.0
)  # 1/(k + 1): a division in every step would take four times as long


@spread
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
def word(number):
    """A whole number as a word of an address."""
    return np.uint64(number)


@variate
def purpose_and_number(purpose, number):
    """The last word of an address."""
    return word(purpose + _PURPOSES * number)


@variate
def uniform(bits):
    """The uniform in (0, 1) of 32 random bits x: (x + 0.5) / 2^32."""
    return (np.float64(np.uint32(bits)) + 0.5) * _STEP


@variate
def uniforms(k0, k1, draw, ordinal, period, purpose, number):
    """Four uniforms in (0, 1) at an address; k0 and k1 are the two words of its key."""
    x0, x1, x2, x3 = philox(k0, k1, word(draw), word(ordinal), word(period), purpose_and_number(purpose, number))
    return uniform(x0), uniform(x1), uniform(x2), uniform(x3)


_CENTRE = 0.425
"""Where one quotient of polynomials is enough: 85 % of all."""


@spread
def _central_quantile(q):
    """Φ⁻¹(0.5 + q) for |q| ≤ 0.425."""
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


_NEAR = 5.0
"""Roots up to which one quotient of polynomials is enough in the tails: down to u = 1.4e-11."""


@spread
def _root(u):
    """√(−ln min(u, 1 − u)): how far out a quantile lies."""
    return math.sqrt(-math.log(u if u < 0.5 else 1.0 - u))


@spread
def _near_quantile(r):
    """|Φ⁻¹(u)| where u has a root r up to 5."""
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
    return top / bottom


@variate
def _far_quantile(r):
    """|Φ⁻¹(u)| where u has a root r above 5."""
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
    return top / bottom


@variate
def normal_quantile(u):
    """z with Φ(z) = u, for u in (0, 1), to 1e-16 relative.

    Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988).
    """
    q = u - 0.5
    if abs(q) <= _CENTRE:
        return _central_quantile(q)
    r = _root(u)
    z = _near_quantile(r) if r <= _NEAR else _far_quantile(r)
    return -z if q < 0.0 else z


_PER_LN2, _LN2_HIGH, _LN2_LOW = 1.4426950408889634, 0.693147180369123816490, 1.90821492927058770002e-10
_LEAST_EXPONENT = -708.0
_POWERS = 2.0 ** np.arange(-1022.0, 1024.0)


@spread
def exp(x):
    """e^x for x up to 709, to 2 units in the last place; below -708 as there, and so where x is not a number.

    x = k ln 2 + r (Cody and Waite, *Software Manual for the Elementary Functions*, 1980) and the series of e^r. Without
    a call the processor works on several at once, and the result is the same on every one of them.
    """
    x = x if x > _LEAST_EXPONENT else _LEAST_EXPONENT
    k = math.floor(x * _PER_LN2 + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = 1.0 / 6227020800.0
    series = series * r + 1.0 / 479001600.0
    series = series * r + 1.0 / 39916800.0
    series = series * r + 1.0 / 3628800.0
    series = series * r + 1.0 / 362880.0
    series = series * r + 1.0 / 40320.0
    series = series * r + 1.0 / 5040.0
    series = series * r + 1.0 / 720.0
    series = series * r + 1.0 / 120.0
    series = series * r + 1.0 / 24.0
    series = series * r + 1.0 / 6.0
    series = series * r + 0.5
    series = series * r + 1.0
    series = series * r + 1.0
    return series * _POWERS[int(k) + 1022]


@variate
def lognormal_factor(sigma, u):
    """Mean-one lognormal exp(σz − σ²/2); exactly 1 if σ = 0."""
    if sigma == 0.0:
        return 1.0
    return exp(sigma * normal_quantile(u) - 0.5 * sigma * sigma)


@variate
def _in_eights(count):
    """The next multiple of eight: what is left over of eight would be worked on one by one."""
    return (count + 7) // 8 * 8


@step
def neighbours(k0, k1, draw, first, count, period, purpose, out):
    """Four uniforms for each of `count` ordinals from `first` on, in the first rows of `out`.

    Neighbours are drawn together, for the processor then works on eight at once.
    """
    c0, c2, c3 = word(draw), word(period), word(purpose)
    for k in range(_in_eights(count)):
        x0, x1, x2, x3 = philox(k0, k1, c0, word(first + k), c2, c3)
        out[0, k] = uniform(x0)
        out[1, k] = uniform(x1)
        out[2, k] = uniform(x2)
        out[3, k] = uniform(x3)


@step
def anywhere(draw, count, addresses, out):
    """Four uniforms at each of `count` addresses, in the first rows of `out`.

    Rows of `addresses`: the two words of the key, ordinal, period, purpose and number.
    """
    c0 = word(draw)
    for k in range(_in_eights(count)):
        x0, x1, x2, x3 = philox(addresses[0, k], addresses[1, k], c0, addresses[2, k], addresses[3, k], addresses[4, k])
        out[0, k] = uniform(x0)
        out[1, k] = uniform(x1)
        out[2, k] = uniform(x2)
        out[3, k] = uniform(x3)


@step
def _pick_tails(count, u, tails):
    """Write down which of `count` uniforms are not central; returns how many."""
    found = 0
    for k in range(count):
        tails[found] = k
        found += 1 if abs(u[k] - 0.5) > _CENTRE else 0
    return found


@step
def normal_quantiles(count, u, room):
    """Φ⁻¹ of `count` numbers in (0, 1), in the first of four rows of `room`.

    Those in the tails are brought together, for the processor then works on several of them at once, too.
    """
    z, tails, roots, sizes = room[0], room[1], room[2], room[3]
    for k in range(_in_eights(count)):
        z[k] = _central_quantile(u[k] - 0.5)
    found = _pick_tails(count, u, tails)
    for j in range(found):
        roots[j] = _root(u[int(tails[j])])
    for j in range(_in_eights(found)):
        sizes[j] = _near_quantile(roots[j])
    for j in range(found):
        k = int(tails[j])
        size = sizes[j] if roots[j] <= _NEAR else _far_quantile(roots[j])
        z[k] = -size if u[k] < 0.5 else size


@step
def lognormal_factors(sigma, count, u, room):
    """Overwrite `count` uniforms by their lognormal factors; `room` has four rows for as many numbers."""
    normal_quantiles(count, u, room)
    z = room[0]
    for k in range(_in_eights(count)):
        u[k] = exp(sigma * z[k] - 0.5 * sigma * sigma)


@spread
def months_until(t, left):
    """Month t and `left` months, cut off at NEVER."""
    return t + math.floor(left) if left < NEVER else NEVER


@variate
def whole_months(mean, sigma, u_size, u_round):
    """A lag in whole months whose mean is exactly `mean`: floor(mean · factor + u); at most NEVER."""
    return months_until(ZERO, mean * lognormal_factor(sigma, u_size) + u_round)


@variate
def exponential(u):
    """Standard exponential, increasing in u."""
    return -math.log1p(-u)


_LEAST_VARIANCE, _MOST_SKEW, _TAIL = 6.0, 0.8, 0.0063
"""Where the expansion is used at all; beyond the tail its error grows with the fifth power of z."""


@variate
def _expanded(mean, p, u):
    """The quantile by an expansion, or -1 where that cannot tell between two whole numbers.

    Poisson (p = 0), binomial (p its rate) and negative binomial (p = 1 - overdispersion) have with q = 1 - p the
    cumulants v = mean q, v(1 - 2p), v(1 - 6pq), v(1 - 2p)(1 - 12pq). The whole-number quantile is the floor of Cornish
    and Fisher's series (Hill and Davis, *Generalized asymptotic expansions of Cornish-Fisher type*, 1968) for the
    continuous law that passes through the midpoints, whose even cumulants are Sheppard's: v - 1/12, + 1/120. The next
    term of the series bounds its error; the factor is measured (tests/kernel/test_random.py) and doubled.
    """
    q, skewness = 1.0 - p, 1.0 - 2.0 * p
    v = mean * q
    if v < _LEAST_VARIANCE or skewness * skewness > _MOST_SKEW * _MOST_SKEW * v or u < _TAIL or u > 1.0 - _TAIL:
        return -1
    sd = math.sqrt(v - 1.0 / 12.0)
    z, g = normal_quantile(u), 1.0 / sd
    third, fourth = v * skewness * g * g * g, (v * (1.0 - 6.0 * p * q) + 1.0 / 120.0) * g * g * g * g
    fifth = v * skewness * (1.0 - 12.0 * p * q) * g * g * g * g * g
    z2 = z * z
    x = z + third * (z2 - 1.0) / 6.0
    x += fourth * z * (z2 - 3.0) / 24.0 - third * third * z * (2.0 * z2 - 5.0) / 36.0
    x += (
        fifth * ((z2 - 6.0) * z2 + 3.0) / 120.0
        - third * fourth * ((z2 - 5.0) * z2 + 2.0) / 24.0
        + third * third * third * ((12.0 * z2 - 53.0) * z2 + 17.0) / 324.0
    )
    x = mean + 0.5 + sd * x
    heavy = max(1.0, skewness / 3.0)
    error = heavy * heavy * heavy * heavy * g / v
    k = math.floor(x)
    if x - k < error or k + 1.0 - x < error:
        return -1
    return int(k)


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


_LARGE = 16.0
_HALF_LN_2PI = 0.9189385332046727


@variate
def _stirling_error(n):
    """ln n! − ln(sqrt(2πn) (n/e)^n), for n > 0."""
    if n < _LARGE:
        return math.lgamma(n + 1.0) - (n + 0.5) * math.log(n) + n - _HALF_LN_2PI
    s = 1.0 / (n * n)
    return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 * s) * s) * s) * s) / n


@variate
def _deviance(x, mean):
    """x ln(x/mean) + mean − x, without loss of digits where they are near."""
    if abs(x - mean) >= 0.1 * (x + mean):
        return x * math.log(x / mean) + mean - x
    v = (x - mean) / (x + mean)
    total, term, odd = (x - mean) * v, 2.0 * x * v, 1.0
    before = total + 1.0
    while total != before:
        before = total
        term *= v * v
        odd += 2.0
        total += term / odd
    return total


@variate
def _binomial_probability(k, n, rate):
    """P(X = k), 0 < k < n; for real n and k too, as the negative binomial needs it.

    By its saddle point: Loader, *Fast and accurate computation of binomial probabilities*, 2000. Logarithms of
    factorials would cancel all but a few digits where n is large.
    """
    log_p = (
        _stirling_error(n)
        - _stirling_error(k)
        - _stirling_error(n - k)
        - _deviance(k, n * rate)
        - _deviance(n - k, n * (1.0 - rate))
    )
    return math.exp(log_p) * math.sqrt(n / (2.0 * math.pi * k * (n - k)))


@variate
def poisson(mean, u):
    """Poisson quantile: the smallest k with P(X ≤ k) ≥ u."""
    if mean <= 0.0:
        return 0
    k = _expanded(mean, 0.0, u)
    if k >= 0:
        return k
    k = _foot(mean, mean)
    p = math.exp(-mean)
    if k > 0:
        p = math.exp(-_stirling_error(float(k)) - _deviance(float(k), mean)) / math.sqrt(2.0 * math.pi * k)
    return _climb(u, k, p, mean, 0.0, _NO_TOP, mean)


@variate
def negative_binomial(mean, overdispersion, u):
    """Quantile of the negative binomial with variance `overdispersion` × mean (Poisson at 1)."""
    if overdispersion <= 1.0:
        return poisson(mean, u)
    if mean <= 0.0:
        return 0
    k = _expanded(mean, 1.0 - overdispersion, u)
    if k >= 0:
        return k
    size = mean / (overdispersion - 1.0)
    odds = (overdispersion - 1.0) / overdispersion
    k = _foot(mean, mean * overdispersion)
    p = math.exp(-size * math.log(overdispersion))
    if k > 0:
        p = size / (size + k) * _binomial_probability(size, size + k, 1.0 / overdispersion)
    return _climb(u, k, p, size * odds, odds, _NO_TOP, mean)


@variate
def binomial(n, rate, u):
    """Binomial quantile: the smallest k with P(X ≤ k) ≥ u."""
    if n == 0 or rate <= 0.0:
        return 0
    if rate >= 1.0:
        return n
    mean = n * rate
    k = _expanded(mean, rate, u)
    if k >= 0:
        return k
    k = _foot(mean, mean * (1.0 - rate))
    p = math.exp(n * math.log1p(-rate))
    if k > 0:
        p = _binomial_probability(float(k), float(n), rate)
    odds = rate / (1.0 - rate)
    return _climb(u, k, p, n * odds, -odds, n, mean)
