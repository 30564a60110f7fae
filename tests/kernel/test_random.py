"""The generator against published vectors, the variates against exact laws."""

import mpmath
import numpy as np
import pytest
from scipy import stats

from simengine.kernel import random

LEVEL = 1e-6
"""Chance of a false alarm of each statistical test here; seeds are fixed, so a pass stays a pass."""

GRID = np.concatenate([np.random.default_rng(1).random(400), [1e-300, 1e-12, 2.0**-53, 0.5, 1 - 1e-12, 1 - 2.0**-52]])


def words(key, counter):
    return [int(word) for word in random.philox(*map(np.uint64, key), *map(np.uint64, counter))]


def key(*pair):
    return np.array([pair], np.uint64)


@pytest.mark.jit_off
@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        # Random123's known answers for philox4x32, 10 rounds: all zeros, all ones, digits of pi
        ((0, 0), (0, 0, 0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ((2**32 - 1,) * 2, (2**32 - 1,) * 4, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            (0xA4093822, 0x299F31D0),
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_philox_gives_the_published_words(key, counter, expected):
    assert words(key, counter) == expected


def test_philox_gives_the_number_that_the_standard_of_cpp_asks_for():
    # C++26 [rand.predef]: the 10000th number of a default std::philox4x32 (seed 20111115) is 1955073260
    assert words((20111115, 0), (2499, 0, 0, 0))[3] == 1955073260


@pytest.mark.jit_off
def test_uniforms_stay_inside_the_unit_interval_at_the_extremes_of_the_grid():
    step = 2.0**-52
    least, most = (0 + 0.5) * step, (float(2**52 - 1) + 0.5) * step
    assert least > 0
    assert most < 1
    assert (float(2**53 - 1) + 0.5) * 2.0**-53 == 1.0  # what 53 bits would do


@pytest.mark.jit_off
def test_each_part_of_an_address_matters_and_nothing_else_does():
    address = [key(1, 2), 0, 3, 4, 24324, random.OUTCOME, 0]
    first = random.uniforms(*address)
    assert random.uniforms(*address) == first
    others = [
        [key(9, 2), *address[1:]],
        [key(1, 9), *address[1:]],
        *([*address[:i], address[i] + 1, *address[i + 1 :]] for i in range(2, 7)),
    ]
    values = [random.uniforms(*other) for other in others]
    assert len({first, *values}) == len(others) + 1


def test_uniforms_are_uniform_and_neighbours_independent():
    n = 200_000
    u = np.array([random.uniforms(key(7, 11), 0, draw, 0, 24324, random.OUTCOME, 0) for draw in range(n)])
    for column in u.T:
        assert stats.kstest(column, "uniform").pvalue > LEVEL
        assert stats.kstest(np.sqrt(column), "uniform").pvalue < LEVEL  # negative control: a wrong law is rejected
    # correlation of independent pairs is normal with standard deviation 1/sqrt(n)
    limit = stats.norm.isf(LEVEL / 2) / np.sqrt(n)
    assert abs(np.corrcoef(u[:, 0], u[:, 1])[0, 1]) < limit
    assert abs(np.corrcoef(u[:-1, 0], u[1:, 0])[0, 1]) < limit
    assert abs(np.corrcoef(u[:-1, 0], u[:-1, 0] + u[1:, 0])[0, 1]) > limit


@pytest.mark.jit_off
def test_normal_quantile_agrees_with_mpmath():
    for u in GRID[-40:]:
        with mpmath.workdps(330):  # 2u - 1 of the smallest u needs all its digits
            exact = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(float(u)) - 1)
        assert random.normal_quantile(u) == pytest.approx(float(exact), rel=1e-14, abs=1e-15)


LAWS = [
    *((f"poisson {m}", lambda u, m=m: random.poisson(m, u), stats.poisson(m)) for m in (0.01, 0.3, 5, 40, 800, 20_000)),
    *(
        (f"binomial {n} {p}", lambda u, n=n, p=p: random.binomial(n, p, u), stats.binom(n, p))
        for n, p in [(1, 0.3), (20, 0.25), (1000, 0.2), (1000, 0.999), (30, 0.99), (100_000, 0.3)]
    ),
    *(
        (
            f"negative binomial {m} {o}",
            lambda u, m=m, o=o: random.negative_binomial(m, o, u),
            stats.nbinom(m / (o - 1), 1 / o),
        )
        for m, o in [(0.3, 1.5), (50, 1.2), (800, 3.0), (5, 30.0)]
    ),
]


@pytest.mark.jit_off
@pytest.mark.parametrize(("quantile", "law"), [law[1:] for law in LAWS], ids=[law[0] for law in LAWS])
def test_counts_are_quantiles_of_their_law(quantile, law):
    k = np.array([quantile(u) for u in GRID[:-5]])
    # smallest k with P(X <= k) >= u, allowing for the last digits of scipy's cdf
    assert (law.cdf(k) >= GRID[:-5] - 1e-11).all()
    assert (law.cdf(k - 1) < GRID[:-5] + 1e-11).all()


@pytest.mark.parametrize(("quantile", "law"), [law[1:] for law in LAWS], ids=[law[0] for law in LAWS])
def test_counts_increase_with_the_uniform(quantile, law):
    k = [quantile(u) for u in np.sort(GRID)]
    assert k == sorted(k)
    assert law.sf(k[-1] - 1) > 1e-21  # the climb ends where the law does, at a mass of 1e-20


def test_a_count_of_nothing_is_zero_and_a_certain_one_is_all():
    assert random.poisson(0.0, 0.999) == 0
    assert random.negative_binomial(0.0, 2.0, 0.999) == 0
    assert random.binomial(0, 0.5, 0.999) == 0
    assert random.binomial(9, 0.0, 0.999) == 0
    assert random.binomial(9, 1.0, 0.001) == 9


@pytest.mark.jit_off
def test_lags_keep_their_mean():
    # floor(m + u) over a fine grid of u has mean m to the width of the grid
    u = (np.arange(1000) + 0.5) / 1000
    for mean in (0.0, 0.25, 1.0, 2.7):
        months = [random.whole_months(mean, 0.0, 0.5, x) for x in u]
        assert np.mean(months) == pytest.approx(mean, abs=1e-3)
        assert set(months) <= {np.floor(mean), np.floor(mean) + 1}


def test_lognormal_factors_have_mean_one_and_the_stated_spread():
    u = (np.arange(200_000) + 0.5) / 200_000
    spread = 0.6
    factors = np.array([random.lognormal_factor(np.sqrt(np.log1p(spread**2)), x) for x in u])
    assert factors.mean() == pytest.approx(1, abs=1e-3)
    assert factors.std() == pytest.approx(spread, abs=1e-2)
    assert random.lognormal_factor(0.0, 0.123) == 1.0
