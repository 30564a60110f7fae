"""Random variation in plain Python: the addressed generator and the laws that it drives (docs/model.md, section 1).

Nothing here is fast. Integers are Python's, so nothing overflows; the discrete laws add up their probabilities in
decimals of 50 digits, so the smallest k is the right one however close the uniform comes to a step.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext
from enum import IntEnum
from functools import cache
from itertools import count
from statistics import NormalDist
from typing import NamedTuple

WORD = 2**32
DIGITS = 50

# CPython's inverse normal is Wichura's AS 241 (PPND16), correct to about 1e-16.
inverse_normal = NormalDist().inv_cdf


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10: ten rounds of two 32 x 32 bit products and a key that moves on (Salmon et al., SC11)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, WORD)
        high1, low1 = divmod(0xCD9E8D57 * c2, WORD)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0 = (k0 + 0x9E3779B9) % WORD
        k1 = (k1 + 0xBB67AE85) % WORD
    return c0, c1, c2, c3


class Purpose(IntEnum):
    """What a number is for."""

    START = 1
    PERSON = 2
    CAREER = 3
    ARRIVALS = 10
    OPEN = 11
    DEAL = 20
    QUEUE = 21
    TERM = 30
    EXPANSION = 31
    UNSOLD = 32


class Address(NamedTuple):
    """Who or what a number belongs to: `kind/name`, its ordinal, and its absolute month."""

    name: str
    ordinal: int
    period: int


Uniforms = tuple[float, float, float, float]


class Chance(NamedTuple):
    """The random variation of one path."""

    draw: int
    seed: int
    stream: int = 0

    def uniforms(self, address: Address, purpose: Purpose, number: int = 0) -> Uniforms:
        """Four uniforms strictly between 0 and 1."""
        counter = (self.draw, address.ordinal, address.period, purpose + 256 * number)
        c0, c1, c2, c3 = (word % WORD for word in counter)
        x0, x1, x2, x3 = philox((c0, c1, c2, c3), _key(f"{self.seed}/{self.stream}/{address.name}"))
        return _uniform(x0), _uniform(x1), _uniform(x2), _uniform(x3)


@cache
def _key(text: str) -> tuple[int, int]:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def _uniform(word: int) -> float:
    return (word + 0.5) / WORD


def lognormal_sigma(spread: float) -> float:
    """Standard deviation of the logarithm of a lognormal variate with coefficient of variation `spread`."""
    return math.sqrt(math.log1p(spread**2))


def factor(spread: float, u: float) -> float:
    """Lognormal factor of mean one and coefficient of variation `spread`."""
    if spread == 0:
        return 1.0
    sigma = lognormal_sigma(spread)
    return math.exp(sigma * inverse_normal(u) - sigma**2 / 2)


def exponential(u: float) -> float:
    """Exponential variate of mean one."""
    return -math.log1p(-u)


class Lag(NamedTuple):
    """A span of time: its mean in months and its coefficient of variation."""

    mean: float
    spread: float

    def whole_months(self, u_size: float, u_rounding: float) -> int:
        """A lag in whole months, rounded by chance so that its mean stays."""
        return math.floor(self.mean * factor(self.spread, u_size) + u_rounding)

    def survival(self, age: float) -> float:
        """P(lag > age), kept above 1e-300."""
        if age == 0:
            return 1.0
        if self.spread == 0 or self.mean == 0:
            return 1.0 if age < self.mean else 1e-300
        sigma = lognormal_sigma(self.spread)
        d = (math.log(age / self.mean) + sigma**2 / 2) / sigma
        return max(1e-300, math.erfc(d / math.sqrt(2)) / 2)

    def remaining(self, age: float, u: float) -> float:
        """Months still to go at `age`, given that the lag is longer than that."""
        if self.spread == 0 or self.mean == 0:
            return max(0.0, self.mean - age)
        sigma = lognormal_sigma(self.spread)
        z = -inverse_normal(self.survival(age) * (1 - u))
        return max(0.0, self.mean * math.exp(sigma * z - sigma**2 / 2) - age)


def poisson(mean: float, u: float) -> int:
    """Poisson variate."""
    with localcontext(prec=DIGITS):
        m = Decimal(mean)
        return _smallest(u, (-m).exp(), (m / k for k in count(1)))


def negative_binomial(mean: float, overdispersion: float, u: float) -> int:
    """Number with variance `overdispersion` x mean: Pascal's law of size mean / (overdispersion - 1)."""
    if overdispersion == 1 or mean == 0:
        return poisson(mean, u)
    with localcontext(prec=DIGITS):
        d = Decimal(overdispersion)
        size = Decimal(mean) / (d - 1)
        return _smallest(u, (-size * d.ln()).exp(), ((size + k - 1) / k * (1 - 1 / d) for k in count(1)))


def binomial(n: int, p: float, u: float) -> int:
    """Number of successes in n trials."""
    if p == 1:
        return n
    with localcontext(prec=DIGITS):
        odds = Decimal(p) / (1 - Decimal(p))
        return _smallest(u, (1 - Decimal(p)) ** n, ((n - k + 1) * odds / k for k in range(1, n + 1)))


def _smallest(u: float, p0: Decimal, ratios: Iterable[Decimal]) -> int:
    """Smallest k with P(X <= k) >= u, from P(X = 0) and the ratios P(X = k) / P(X = k - 1) for k = 1, 2, ..."""
    target = Decimal(u)
    p = below = p0
    k = 0
    remaining: Iterator[Decimal] = iter(ratios)
    while below < target and (ratio := next(remaining, None)) is not None:
        k += 1
        p *= ratio
        below += p
    return k
