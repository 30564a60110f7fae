"""The generator against published vectors, an independent plain one and numpy's; test_variates.py has the variates."""

import math

import mpmath
import numpy as np
import pytest
from scipy import stats

from simengine.kernel import random
from tests.reference import chance as plain

LEVEL = 1e-6
"""Chance of a false alarm of each statistical test here; seeds are fixed, so a pass stays a pass."""

STEP = 2.0**-32
GRID = np.concatenate([np.random.default_rng(1).integers(2**32, size=40), [0, 1, 2**31, 2**32 - 2, 2**32 - 1]])

# Salmon et al., SC11, and Random123: multipliers and what is added to the key in each round, by size of a word.
CONSTANTS = {
    32: ((0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85)),
    64: ((0xD2E7470EE14C6C93, 0xCA5A826395121157), (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)),
}


def plain_philox(bits, key, counter, rounds=10):
    """Philox of four words as published, in integers of any size: 32 and 64 bits differ in their constants only."""
    size = 2**bits
    multipliers, weyl = CONSTANTS[bits]
    (k0, k1), (c0, c1, c2, c3) = key, counter
    for _ in range(rounds):
        high0, low0 = divmod(multipliers[0] * c0, size)
        high1, low1 = divmod(multipliers[1] * c2, size)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + weyl[0]) % size, (k1 + weyl[1]) % size
    return [c0, c1, c2, c3]


def words(key, counter):
    return [int(word) for word in random.philox(*map(np.uint64, key), *map(np.uint64, counter))]


def any_words(seed, bits, number):
    """Rows of a key and a counter."""
    rows = np.random.default_rng(seed).integers(2**bits, size=(number, 6), dtype=np.uint64)
    return [([int(x) for x in row[:2]], [int(x) for x in row[2:]]) for row in rows]


KEY = np.uint64(7), np.uint64(11)


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


def numpy_philox(key, counter):
    """numpy's block of a counter: it counts on before it makes the first one."""
    before = (sum(word << (64 * i) for i, word in enumerate(counter)) - 1) % 2**256
    key_of_two = sum(word << (64 * i) for i, word in enumerate(key))
    return [int(word) for word in np.random.Philox(counter=before, key=key_of_two).random_raw(4)]


def test_the_plain_philox_is_numpys_block_for_block():
    # numpy has words of 64 bits only.
    for key, counter in any_words(2, 64, 200):
        assert plain_philox(64, key, counter) == numpy_philox(key, counter)
        assert plain_philox(64, key, counter, rounds=9) != numpy_philox(key, counter)  # negative control


@pytest.mark.jit_off
def test_philox_is_the_plain_one_block_for_block():
    for key, counter in any_words(3, 32, 200):
        assert words(key, counter) == plain_philox(32, key, counter)
        assert words(key, counter) != plain_philox(32, key, counter, rounds=9)  # negative control


@pytest.mark.jit_off
def test_uniforms_are_the_four_words_of_an_address():
    expected = [(word + 0.5) * STEP for word in words(KEY, (2**32 - 3, 4, 24324, random.DEAL + 256 * 3))]
    assert list(random.uniforms(*KEY, 2**32 - 3, 4, 24324, random.DEAL, 3)) == expected


def test_uniforms_stay_inside_the_unit_interval_at_the_extremes_of_the_grid():
    least, most = (0 + 0.5) * STEP, (float(2**32 - 1) + 0.5) * STEP
    assert 0 < least < most < 1
    assert (most - 1 + STEP, 1 - most) == (STEP / 2, STEP / 2)  # nothing is rounded
    assert (float(2**53 - 1) + 0.5) * 2.0**-53 == 1.0  # what 53 bits would do


@pytest.mark.jit_off
def test_each_part_of_an_address_matters_and_nothing_else_does():
    address = [*KEY, 3, 4, 24324, random.DEAL, 0]
    first = random.uniforms(*address)
    assert random.uniforms(*address) == first
    others = [[*address[:i], address[i] + type(address[i])(1), *address[i + 1 :]] for i in range(len(address))]
    values = [u for other in others for u in random.uniforms(*other)]
    assert len({*first, *values}) == 4 * (len(others) + 1)


def test_uniforms_are_uniform_and_neighbours_independent():
    n = 200_000
    u = np.array([random.uniforms(*KEY, draw, 0, 24324, random.DEAL, 0) for draw in range(n)])
    for column in u.T:
        assert stats.kstest(column, "uniform").pvalue > LEVEL
        assert stats.kstest(np.sqrt(column), "uniform").pvalue < LEVEL  # negative control: a wrong law is rejected
    # Correlation of independent pairs is normal with standard deviation 1/sqrt(n): within a block and with the next.
    pairs = [(u[:, i], u[:, j]) for i in range(4) for j in range(i)]
    pairs += [(u[:-1, i], u[1:, j]) for i in range(4) for j in range(4)]
    limit = stats.norm.isf(LEVEL / 2 / len(pairs)) / np.sqrt(n)
    for one, other in pairs:
        assert abs(np.corrcoef(one, other)[0, 1]) < limit
        assert abs(np.corrcoef(one, 0.05 * one + other)[0, 1]) > limit  # negative control


@pytest.mark.jit_off
def test_normal_quantile_agrees_with_mpmath():
    for u in (GRID + 0.5) * STEP:
        with mpmath.workdps(40):
            exact = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(float(u)) - 1)
        assert random.normal_quantile(u) == pytest.approx(float(exact), rel=1e-14, abs=1e-15)


@pytest.mark.jit_off
def test_normal_quantile_agrees_with_mpmath_where_hardly_anything_is_left():
    # Half a word is the least uniform, but a survival times one is smaller.
    for u in (1.5e-11, 1.3e-11, 1e-12, 1e-30, 1e-100, 1e-290):
        with mpmath.workdps(350):
            exact = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(u) - 1)
        assert random.normal_quantile(u) == pytest.approx(float(exact), rel=1e-14)


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


@pytest.mark.jit_off
def test_exp_agrees_with_the_librarys_and_stops_where_it_says():
    for x in (-707.9, -20.5, -1.0, -0.3, 0.0, 1e-9, 0.34, 0.35, 1.0, 20.5, 700.0):
        assert random.exp(x) == pytest.approx(math.exp(x), rel=5e-16, abs=0)
    for x in (-708.0, -709.0, -1e9, math.nan):
        assert random.exp(x) == pytest.approx(math.exp(-708.0), rel=5e-16, abs=0)


COUNTED_AT = (1e-6, 0.004, 0.0064, 0.031, 0.31, 0.499, 0.77, 0.98, 0.9936, 0.9969, 1 - 1e-6)
"""Uniforms in the middle of a law, where its expansion is used, and in both tails, where probabilities are added up."""


@pytest.mark.jit_off
@pytest.mark.parametrize("mean", [0.3, 4.5, 7.0, 40.0, 101.8, 122.0, 160.0, 900.0])
def test_counts_are_those_of_plain_python(mean):
    # of 101.8 and 122 sums begin at one
    for u in COUNTED_AT:
        assert random.poisson(mean, u) == plain.poisson(mean, u)
        for overdispersion in (1.25, 3.0, 40.0):
            assert random.negative_binomial(mean, overdispersion, u) == plain.negative_binomial(mean, overdispersion, u)
        for rate in (0.0625, 0.5, 0.875, 1.0):
            n = round(mean / rate) + 1
            assert random.binomial(n, rate, u) == plain.binomial(n, rate, u)


@pytest.mark.jit_off
def test_large_counts_are_those_of_plain_python_in_the_tails():
    for u in (1e-6, 0.004, 0.9969, 1 - 1e-6):
        assert random.poisson(5000.0, u) == plain.poisson(5000.0, u)


@pytest.mark.jit_off
def test_overdispersed_counts_near_a_step_are_those_of_plain_python():
    # Of these the expansion is wrong, and its bound on the error says so.
    for mean, overdispersion, u in (
        (156.65267301924223, 24.217418450028237, 0.013007673318497837),
        (1198.253276705504, 126.4374529390766, 0.9894622451392934),
        (1603.7834851507178, 135.31146834181712, 0.026867772336117923),
    ):
        assert random.negative_binomial(mean, overdispersion, u) == plain.negative_binomial(mean, overdispersion, u)


@pytest.mark.jit_off
def test_the_expansion_counts_in_the_middle_and_is_left_alone_where_it_cannot_be_trusted():
    for mean in (7.0, 40.0, 900.0):
        assert random._expanded(mean, 0.0, 0.31) == stats.poisson.ppf(0.31, mean)
    assert random._expanded(40.0, 1.0 - 1.25, 0.31) == stats.nbinom.ppf(0.31, 160, 0.8)
    assert random._expanded(40.0, 0.0625, 0.31) == stats.binom.ppf(0.31, 640, 0.0625)
    small, skewed, below, above = (5.9, 0.0, 0.31), (7.0, 1.0 - 40.0, 0.31), (40.0, 0.0, 0.006), (40.0, 0.0, 0.994)
    for untrusted in (small, skewed, below, above):
        assert random._expanded(*untrusted) == -1


@pytest.mark.jit_off
def test_stirlings_error_agrees_with_mpmath():
    for n in (0.5, 1.0, 7.25, 15.75, 16.0, 16.25, 40.0, 1e4):
        with mpmath.workdps(40):
            exact = mpmath.loggamma(n + 1) - (n + 0.5) * mpmath.log(n) + n - mpmath.log(2 * mpmath.pi) / 2
        assert random._stirling_error(n) == pytest.approx(float(exact), rel=1e-13, abs=3e-14)


@pytest.mark.jit_off
def test_the_deviance_agrees_with_mpmath_near_and_far():
    for x, mean in ((100.0, 100.001), (100.0, 119.0), (100.0, 81.0), (100.0, 140.0), (3.0, 50.0), (50.0, 3.0)):
        with mpmath.workdps(40):
            exact = x * mpmath.log(mpmath.mpf(x) / mean) + mean - x
        assert random._deviance(x, mean) == pytest.approx(float(exact), rel=1e-12, abs=0)
