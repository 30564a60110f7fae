"""Draws: addressed by name, the same bits whatever is beside them, and distributed as they should be."""

import hashlib
import math

import numpy as np
import pytest
from scipy import stats

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.distributions import build
from simengine.assumptions.draws import draw, raw_words, uniforms
from simengine.assumptions.laws import LARGEST_U, SMALLEST_U, Lognormal
from simengine.errors import SimengineError

N = 100_000
MASK = 2**64 - 1


def philox_word(seed, name, draw_number):
    """One word, by the definition: Philox4x64-10 of Salmon et al. (2011) in plain integers."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16, person=b"simengine draws").digest()
    k0, k1 = (int.from_bytes(digest[i : i + 8], "little") for i in (0, 8))
    c = [draw_number // 4 + 1, 0, 0, 0]
    for _ in range(10):
        p0, p1 = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(p1 >> 64) ^ c[1] ^ k0, p1 & MASK, (p0 >> 64) ^ c[3] ^ k1, p0 & MASK]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c[draw_number % 4]


GOLDEN = {
    (0, "win_rate.enterprise-na", 0): [
        "0x3e962681ef205324",
        "0x3582835ff5cb44de",
        "0x725e5cb2cab114da",
        "0xdaaad726c12fbf36",
        "0x20db07f99ac692eb",
    ],
    (7, "factor:market", 1): [
        "0x6bdbdc5e3c1f2a82",
        "0x314ab3e90d42a828",
        "0x13578ea50e5d4900",
        "0x2339d4747e54e9d2",
        "0xc6065915b305ca53",
    ],
    (2**64 - 1, "größe", 4095): [
        "0xffe37af2c04d355c",
        "0x8c67f72989605a",
        "0x2f7949edede761cb",
        "0x10a5b01cf2b0739a",
        "0xfc020db47d6539a5",
    ],
}


@pytest.mark.parametrize("key", GOLDEN)
def test_the_stream_is_the_recorded_one(key):
    seed, name, start = key
    assert [hex(w) for w in raw_words(seed, [name], start, start + 5)[0]] == GOLDEN[key]


@pytest.mark.parametrize("seed", [0, 1, 7, 2**64 - 1])
@pytest.mark.parametrize("start", [0, 1, 4, 10**12 + 3])
def test_the_stream_is_philox_by_its_definition(seed, start):
    names = ("win_rate.enterprise-na", "factor:market", "größe")
    words = raw_words(seed, names, start, start + 9)
    assert words.tolist() == [[philox_word(seed, name, start + k) for k in range(9)] for name in names]


def test_uniforms_are_the_upper_52_bits():
    words = raw_words(7, ["x"], 0, 100)[0]
    exact = [math.ldexp(int(w) >> 12, -52) + 2.0**-53 for w in words]
    assert uniforms(7, ["x"], 0, 100)[0].tolist() == exact
    # 52 bits: the extreme words stay within (0, 1).
    ends = (np.array([0, MASK], dtype=np.uint64) >> np.uint64(12)).astype(float)
    assert ((ends + 0.5) * 2.0**-52).tolist() == [SMALLEST_U, LARGEST_U]
    assert 0 < SMALLEST_U < LARGEST_U < 1


def test_any_range_is_the_slice_of_a_longer_one():
    whole = uniforms(5, ["ramp", "leads"], 0, 5000)
    for start, stop in [(0, 0), (0, 1), (1, 2), (3, 9), (1023, 2047), (4097, 5000)]:
        assert np.array_equal(uniforms(5, ["ramp", "leads"], start, stop), whole[:, start:stop])
        assert np.array_equal(uniforms(5, ["leads"], start, stop)[0], whole[1, start:stop])


def test_names_and_seeds_have_their_own_streams():
    columns = [*uniforms(0, ["a", "b", "1/a"], 0, N), *uniforms(1, ["a", "b", "1/a"], 0, N)]
    # Correlation of independent uniforms: ±4.892/sqrt(N) at a level of 1e-6; 15 pairs, so 1.5e-5 in all.
    r = np.corrcoef(columns)[np.triu_indices(6, 1)]
    assert np.abs(r).max() < 4.892 / math.sqrt(N)
    shifted = np.corrcoef(columns[0][:-1], columns[0][1:])[0, 1]
    assert abs(shifted) < 4.892 / math.sqrt(N)


PLAN = {
    "win_rate": build({"beta": {"mean": 0.22, "n": 180}}),
    "ramp": build({"quantiles": {0.1: 5, 0.5: 7, 0.9: 11}}),
    "leads": build({"lognormal": {"mean": 900, "cv": 0.3}}),
    "slip": build({"pert": [0, 1, 4]}),
    "pooled": build(
        {
            "pooled": [
                {"who": "CRO", "distribution": {"quantiles": {0.1: 5, 0.5: 7, 0.9: 11}}},
                {"who": "CFO", "distribution": {"pert": [4, 6, 9]}},
            ]
        }
    ),
    "event": build({"bernoulli": 0.3}),
    "churn": build({"gamma": {"mean": 0.1, "cv": 0.4}}),
}
FACTORS = {"market": {"win_rate": 0.5, "leads": 0.6}, "climate": {"slip": 0.7, "leads": 0.3}}
RANKS = [("ramp", "slip", 0.3), ("pooled", "slip", -0.2)]
DEPENDENCE = Dependence.build(PLAN, FACTORS, RANKS)
WHOLE = draw(PLAN, DEPENDENCE, 42, 0, 5000)


def column(draws, name):
    k = draws.names.index(name)
    return draws.z[:, k], draws.values[:, k]


def assert_same(draws, other, names):
    for name in names:
        for mine, theirs in zip(column(draws, name), column(other, name), strict=True):
            assert np.array_equal(mine, theirs), name


def test_shape_and_layout():
    assert WHOLE.names == tuple(sorted(PLAN))
    for array in (WHOLE.z, WHOLE.values):
        assert array.shape == (5000, len(PLAN))
        assert array.dtype == np.float64
        assert array.flags.f_contiguous  # a column at a time is what is read
        assert np.isfinite(array).all()


def test_a_plan_without_assumptions_has_draws_without_columns():
    nothing = draw({}, Dependence(), 42, 3, 10)
    assert nothing.names == ()
    assert nothing.z.shape == nothing.values.shape == (7, 0)


@pytest.mark.parametrize("block", [1, 7, 1023, 4097])
def test_blocks_have_the_bits_of_the_whole(block):
    n = 40 if block == 1 else 5000
    parts = [draw(PLAN, DEPENDENCE, 42, i, min(i + block, n)) for i in range(0, n, block)]
    assert np.array_equal(np.concatenate([p.z for p in parts]), WHOLE.z[:n])
    assert np.array_equal(np.concatenate([p.values for p in parts]), WHOLE.values[:n])


def test_order_of_keys_changes_nothing():
    shuffled = Dependence.build(
        list(reversed(PLAN)),
        {f: dict(reversed(loadings.items())) for f, loadings in reversed(FACTORS.items())},
        [(b, a, rho) for a, b, rho in reversed(RANKS)],
    )
    other = draw(dict(reversed(PLAN.items())), shuffled, 42, 0, 5000)
    assert other.names == WHOLE.names
    assert np.array_equal(other.z, WHOLE.z)
    assert np.array_equal(other.values, WHOLE.values)


@pytest.mark.parametrize("new", ["aaa", "slip.late", "zzz"])
def test_a_new_assumption_moves_no_other_column(new):
    plan = PLAN | {new: build({"normal": {"mean": 0, "sd": 1}})}
    assert_same(draw(plan, DEPENDENCE, 42, 0, 5000), WHOLE, PLAN)
    # Nor does one that shares a factor, or one that is correlated with an assumption that was free.
    factors = FACTORS | {"market": FACTORS["market"] | {new: 0.4}}
    assert_same(draw(plan, Dependence.build(plan, factors, RANKS), 42, 0, 5000), WHOLE, PLAN)
    ranks = [*RANKS, (new, "churn", 0.5)]
    assert_same(draw(plan, Dependence.build(plan, FACTORS, ranks), 42, 0, 5000), WHOLE, set(PLAN) - {"churn"})


def test_another_law_moves_no_other_column():
    other = draw(PLAN | {"slip": build({"uniform": [0, 9]})}, DEPENDENCE, 42, 0, 5000)
    assert_same(other, WHOLE, set(PLAN) - {"slip"})
    assert np.array_equal(column(other, "slip")[0], column(WHOLE, "slip")[0])


def is_law_of_its_uniform(values, law, u):
    return bool(np.all(np.abs(values - law.ppf(u)) <= 1e-12 * np.abs(values)))


def test_an_assumption_without_dependence_is_its_quantile_function_of_its_uniform():
    u = uniforms(42, ["churn"], 0, 5000)[0]
    z, values = column(WHOLE, "churn")
    assert is_law_of_its_uniform(values, PLAN["churn"], u)
    # Φ(z) returns to u: z is the normal score of the same uniform.
    assert stats.norm.cdf(z) == pytest.approx(u, rel=1e-12)
    assert not is_law_of_its_uniform(values, PLAN["churn"], u * (1 + 1e-10))


def test_values_are_increasing_in_their_scores():
    for name in PLAN:
        z, values = column(WHOLE, name)
        assert (np.diff(values[np.argsort(z)]) >= 0).all()


def test_seeds_differ_and_zero_is_one():
    zero, one = (draw(PLAN, DEPENDENCE, seed, 0, 100).values for seed in (0, 1))
    assert not np.array_equal(zero, one)
    assert np.array_equal(zero, draw(PLAN, DEPENDENCE, 0, 0, 100).values)


def test_a_law_that_overflows_is_refused_by_name():
    with pytest.raises(SimengineError, match=r"^deal_size: lognormal"):
        draw({"deal_size": Lognormal(709, 1), "f": build({"fixed": 1})}, Dependence(), 1, 0, N)


# Kolmogorov-Smirnov: P(D > t) <= 2 exp(-2 N t²) (Massart 1990), so a level of 1e-6 gives this t.
CRITICAL = math.sqrt(math.log(2 / 1e-6) / (2 * N))

JUDGES = [
    ({"uniform": [2, 9]}, stats.uniform(2, 7)),
    ({"triangular": [1, 2, 5]}, stats.triang(0.25, 1, 4)),
    ({"pert": [3, 5, 10]}, stats.beta(1 + 8 / 7, 1 + 20 / 7, 3, 7)),
    ({"normal": {"mean": -3, "sd": 2}}, stats.norm(-3, 2)),
    ({"lognormal": {"median": 7, "sigma": 0.8}}, stats.lognorm(0.8, 0, 7)),
    ({"gamma": {"mean": 4, "cv": 0.5}}, stats.gamma(4, 0, 1)),
    ({"weibull": {"shape": 1.5, "scale": 12}}, stats.weibull_min(1.5, 0, 12)),
    ({"beta": {"mean": 0.22, "n": 180}}, stats.beta(39.6, 140.4)),
    # A metalog through the quantiles of a logistic law is that law.
    ({"quantiles": {0.1: -math.log(9), 0.5: 0, 0.9: math.log(9)}}, stats.logistic()),
    ({"truncated": {"distribution": {"normal": {"mean": 1, "sd": 1}}, "min": 0}}, stats.truncnorm(-1, math.inf, 1, 1)),
]


def distance(x, cdf):
    u = cdf(np.sort(x))
    k = np.arange(len(x))
    return max((u - k / len(x)).max(), ((k + 1) / len(x) - u).max())


@pytest.mark.parametrize(("spec", "judge"), JUDGES, ids=lambda x: next(iter(x)) if isinstance(x, dict) else "")
def test_draws_follow_their_law(spec, judge):
    dist = build(spec)
    x = draw({"x": dist}, Dependence(), 2027, 0, N).values[:, 0]
    assert distance(x, judge.cdf) < CRITICAL
    # The test sees a law that is off by a twentieth of a standard deviation: D is about 0.4 · 0.05 = 0.02.
    assert distance(x + 0.05 * dist.sd(), judge.cdf) > CRITICAL


def test_dependent_draws_follow_their_law_too():
    judge = stats.gamma(6.25, 0, 0.016)
    dependence = Dependence.build(["churn", "leads"], {"market": {"churn": 0.8}}, [("churn", "leads", -0.4)])
    x = draw({"churn": PLAN["churn"], "leads": PLAN["leads"]}, dependence, 5, 0, N).values[:, 0]
    assert distance(x, judge.cdf) < CRITICAL
    assert distance(1.02 * x, judge.cdf) > CRITICAL


def test_single_values_come_with_their_probabilities():
    spec = {"discrete": {1: 0.2, 3: 0.5, 10: 0.3}}
    x = draw({"x": build(spec)}, Dependence(), 9, 0, N).values[:, 0]
    counts = np.array([(x == v).sum() for v in (1, 3, 10)])
    assert counts.sum() == N

    def chi2(p):
        return float(((counts - N * p) ** 2 / (N * p)).sum())

    critical = -2 * math.log(1e-6)  # of chi-square with two degrees of freedom, at a level of 1e-6
    assert chi2(np.array([0.2, 0.5, 0.3])) < critical
    assert chi2(np.array([0.21, 0.49, 0.3])) > critical
