"""The generator and the laws of the reference kernel, against published vectors and independent judges."""

import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from scipy import stats

from tests.reference.chance import (
    Address,
    Chance,
    Lag,
    Purpose,
    binomial,
    factor,
    inverse_normal,
    negative_binomial,
    philox,
    poisson,
)

# Known answers of Random123 (Salmon et al., SC11), file kat_vectors.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_words(counter: str, key: str, answer: str) -> None:
    c0, c1, c2, c3 = words(counter)
    k0, k1 = words(key)
    assert philox((c0, c1, c2, c3), (k0, k1)) == words(answer)


HERE = Address("group/ae", 3, 24_324)


@pytest.mark.parametrize(
    ("chance", "address", "purpose", "number"),
    [
        (Chance(6, 7), HERE, Purpose.PERSON, 2),
        (Chance(5, 8), HERE, Purpose.PERSON, 2),
        (Chance(5, 7, 1), HERE, Purpose.PERSON, 2),
        (Chance(5, 7), HERE._replace(name="group/sdr"), Purpose.PERSON, 2),
        (Chance(5, 7), HERE._replace(ordinal=4), Purpose.PERSON, 2),
        (Chance(5, 7), HERE._replace(period=24_325), Purpose.PERSON, 2),
        (Chance(5, 7), HERE, Purpose.CAREER, 2),
        (Chance(5, 7), HERE, Purpose.PERSON, 3),
    ],
)
def test_every_part_of_an_address_counts(chance: Chance, address: Address, purpose: Purpose, number: int) -> None:
    here = Chance(5, 7).uniforms(HERE, Purpose.PERSON, 2)
    assert here == Chance(5, 7).uniforms(HERE, Purpose.PERSON, 2)
    other = chance.uniforms(address, purpose, number)
    assert len({*here, *other}) == 8


def test_a_uniform_is_the_middle_of_the_place_of_its_word() -> None:
    # BLAKE2b of the text "7/0/group/ae", by b2sum -l 64.
    key = int.from_bytes(bytes.fromhex("cbfe2693355689cc"), "little")
    counter = (5, 3, 24_324, Purpose.PERSON + 256 * 2)
    assert Chance(5, 7).uniforms(HERE, Purpose.PERSON, 2) == tuple(
        (2 * word + 1) / 2**33 for word in philox(counter, (key % 2**32, key // 2**32))
    )


def test_an_address_counts_modulo_the_size_of_a_word() -> None:
    far = Chance(5 + 2**32, 7).uniforms(HERE, Purpose.PERSON, 2 + 2**24)
    assert far == Chance(5, 7).uniforms(HERE, Purpose.PERSON, 2)


def test_uniforms_are_uniform() -> None:
    # 8,000 numbers, Kolmogorov-Smirnov at level 1e-6; their squares must fail it.
    u = np.array([Chance(draw, 7).uniforms(HERE, Purpose.PERSON) for draw in range(2_000)]).ravel()
    assert stats.kstest(u, "uniform").pvalue > 1e-6
    assert stats.kstest(u**2, "uniform").pvalue < 1e-6


@pytest.mark.parametrize("p", [2.0**-53, 1e-300, 1e-9, 0.02, 0.3, 0.5, 0.75, 0.9999, 1 - 2.0**-53])
def test_inverse_normal_is_accurate(p: float) -> None:
    with mpmath.workdps(400):
        exact = mpmath.findroot(lambda z: mpmath.ncdf(z) - mpmath.mpf(p), inverse_normal(p))
    assert inverse_normal(p) == pytest.approx(float(exact), rel=2e-15, abs=2e-15)


GRID = [*np.linspace(0.001, 0.999, 37), 1e-12, 1 - 1e-12]


@pytest.mark.parametrize("mean", [0.01, 0.7, 6.3, 41.5, 380.0])
def test_poisson(mean: float) -> None:
    assert [poisson(mean, u) for u in GRID] == [int(k) for k in stats.poisson(mean).ppf(GRID)]


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (7, 0.03), (40, 0.62), (300, 0.995)])
def test_binomial(n: int, p: float) -> None:
    assert [binomial(n, p, u) for u in GRID] == [int(k) for k in stats.binom(n, p).ppf(GRID)]


@pytest.mark.parametrize(("mean", "overdispersion"), [(0.4, 1.5), (9.0, 3.0), (120.0, 4.5)])
def test_negative_binomial(mean: float, overdispersion: float) -> None:
    judge = stats.nbinom(mean / (overdispersion - 1), 1 / overdispersion)
    assert judge.mean() == pytest.approx(mean)
    assert judge.var() == pytest.approx(overdispersion * mean)
    assert [negative_binomial(mean, overdispersion, u) for u in GRID] == [int(k) for k in judge.ppf(GRID)]


def test_a_uniform_on_a_step_takes_the_step() -> None:
    # P(X <= 0) is exactly 1/8.
    assert binomial(3, 0.5, 0.125) == 0
    assert binomial(3, 0.5, math.nextafter(0.125, 1)) == 1


def test_laws_at_their_ends() -> None:
    assert poisson(0.0, 0.999) == negative_binomial(0.0, 2.0, 0.999) == 0
    assert negative_binomial(5.0, 1.0, 0.4) == poisson(5.0, 0.4)
    assert binomial(9, 0.0, 0.999) == binomial(0, 0.4, 0.999) == 0
    assert binomial(9, 1.0, 0.001) == 9


def test_factor_is_lognormal_with_mean_one() -> None:
    spread = 0.8
    judge = stats.lognorm(s=math.sqrt(math.log(1 + spread**2)), scale=1 / math.sqrt(1 + spread**2))
    assert judge.mean() == pytest.approx(1)
    assert judge.std() == pytest.approx(spread)
    assert [factor(spread, u) for u in GRID] == pytest.approx(list(judge.ppf(GRID)), rel=1e-9)
    assert factor(0.0, 0.9) == 1


def test_what_remains_of_a_lag_is_conditional_on_its_age() -> None:
    lag = Lag(4.0, 0.6)
    assert lag.survival(0) == 1
    for age in (0.0, 0.7, 5.0, 20.0):
        for u in (0.05, 0.5, 0.95):
            total = age + lag.remaining(age, u)
            assert lag.survival(total) == pytest.approx(lag.survival(age) * (1 - u), rel=1e-9)
    fixed = Lag(4.0, 0.0)
    assert (fixed.remaining(1.5, 0.2), fixed.remaining(5.0, 0.2)) == (2.5, 0)
    assert (fixed.survival(3.9), fixed.survival(4.0)) == (1, 1e-300)
