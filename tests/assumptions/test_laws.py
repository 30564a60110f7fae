"""Each law against high-precision arithmetic or an exact closed form: never against the functions it is made of."""

import math
import pickle
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simengine.assumptions.distributions import Beta, Gamma, Lognormal, build, checked_ppf
from simengine.errors import SimengineError

U = [1e-9, 1e-6, 1e-3, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1 - 1e-6, 1 - 1e-9]

P10_50_90 = {"P10": 5, "P50": 7, "P90": 11}
LAWS = {
    "uniform": {"uniform": [2, 9]},
    "triangular": {"triangular": [1, 2, 5]},
    "triangular from its mode": {"triangular": {"min": 1, "mode": 1, "max": 5}},
    "triangular up to its mode": {"triangular": [1, 5, 5]},
    "pert": {"pert": [3, 5, 10]},
    "pert weighted": {"pert": {"min": 3, "mode": 9, "max": 10, "lambda": 7}},
    "normal": {"normal": {"mean": -3, "sd": 2}},
    "lognormal cv": {"lognormal": {"mean": 20_000, "cv": 0.5}},
    "lognormal sd": {"lognormal": {"mean": 20_000, "sd": 30_000}},
    "lognormal sigma": {"lognormal": {"median": 7, "sigma": 1.2}},
    "gamma cv": {"gamma": {"mean": 4, "cv": 0.3}},
    "gamma sd": {"gamma": {"mean": 4, "sd": 6}},
    "gamma shape": {"gamma": {"shape": 2.5, "scale": 3}},
    "weibull": {"weibull": {"shape": 1.5, "scale": 12}},
    "beta n": {"beta": {"mean": 0.22, "n": 180}},
    "beta sd": {"beta": {"mean": 0.4, "sd": 0.2}},
    "beta shapes": {"beta": {"alpha": 0.7, "beta": 3}},
    "metalog": {"quantiles": P10_50_90},
    "metalog min": {"quantiles": P10_50_90 | {"min": 3}},
    "metalog max": {"quantiles": P10_50_90 | {"max": 30}},
    "metalog both": {"quantiles": {0.1: 0.2, 0.5: 0.3, 0.9: 0.5, "min": 0, "max": 1}},
    "metalog 5": {"quantiles": {0.05: 1, 0.25: 2, 0.5: 3, 0.75: 4.2, 0.95: 6.5}},
    "empirical": {"empirical": [9, 3, 4.5, 4, 7]},
    "empirical weighted": {"empirical": {"values": [3, 1, 2], "weights": [1, 2, 1]}},
    "mixture": {
        "mixture": [
            {"weight": 0.8, "distribution": {"normal": {"mean": 1, "sd": 1}}},
            {"weight": 0.2, "distribution": {"normal": {"mean": 6, "sd": 0.5}}},
        ]
    },
    "pooled": {
        "pooled": [
            {"who": "CRO", "distribution": {"quantiles": P10_50_90}},
            {"who": "CFO", "distribution": {"uniform": [4, 9]}},
            {"who": "VP", "distribution": {"triangular": [3, 5, 12]}},
        ]
    },
    "truncated": {"truncated": {"distribution": {"normal": {"mean": 1, "sd": 1}}, "min": 0}},
    "truncated both": {"truncated": {"distribution": {"lognormal": {"median": 2, "sigma": 1}}, "min": 1, "max": 9}},
}


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mp.workdps(50):
        yield


def normal_quantile(u):
    # erfinv loses digits near -1 and 1; at 50 digits enough are left.
    return mp.sqrt(2) * mp.erfinv(2 * u - 1)


def normal_cdf(x, mean=0, sd=1):
    return mp.erfc((mean - x) / (sd * mp.sqrt(2))) / 2


def triangular_quantile(u, lo, mode, hi):
    if u * (hi - lo) < mode - lo:
        return lo + mp.sqrt(u * (hi - lo) * (mode - lo))
    return hi - mp.sqrt((1 - u) * (hi - lo) * (hi - mode))


def lognormal_quantile(u, mean, cv):
    variance = mp.log(1 + mp.mpf(cv) ** 2)
    return mean * mp.exp(mp.sqrt(variance) * normal_quantile(u) - variance / 2)


def metalog_quantile(u, quantiles, to_line, from_line):
    """Keelin's equation with coefficients solved at 50 digits."""

    def row(y):
        logit, t = mp.log(y / (1 - y)), y - mp.mpf("0.5")
        return [1, logit, t * logit, t, t**2][: len(quantiles)]

    levels = [mp.mpf(p) for p in quantiles]
    a = mp.lu_solve(mp.matrix([row(p) for p in levels]), mp.matrix([to_line(mp.mpf(x)) for x in quantiles.values()]))
    return from_line(sum(c * b for c, b in zip(a, row(u), strict=True)))


def identity(x):
    return x


DECILES = {0.1: 5, 0.5: 7, 0.9: 11}
CLOSED_FORMS = {
    "uniform": lambda u: 2 + 7 * u,
    "triangular": lambda u: triangular_quantile(u, 1, 2, 5),
    "triangular from its mode": lambda u: triangular_quantile(u, 1, 1, 5),
    "triangular up to its mode": lambda u: triangular_quantile(u, 1, 5, 5),
    "normal": lambda u: 2 * normal_quantile(u) - 3,
    "lognormal cv": lambda u: lognormal_quantile(u, 20_000, 0.5),
    "lognormal sd": lambda u: lognormal_quantile(u, 20_000, 1.5),
    "lognormal sigma": lambda u: 7 * mp.exp(mp.mpf(1.2) * normal_quantile(u)),
    "weibull": lambda u: 12 * (-mp.log(1 - u)) ** (1 / mp.mpf(1.5)),
    "metalog": lambda u: metalog_quantile(u, DECILES, identity, identity),
    "metalog min": lambda u: metalog_quantile(u, DECILES, lambda x: mp.log(x - 3), lambda m: 3 + mp.exp(m)),
    "metalog max": lambda u: metalog_quantile(u, DECILES, lambda x: -mp.log(30 - x), lambda m: 30 - mp.exp(-m)),
    "metalog both": lambda u: metalog_quantile(
        u, {0.1: 0.2, 0.5: 0.3, 0.9: 0.5}, lambda x: mp.log(x / (1 - x)), lambda m: 1 / (1 + mp.exp(-m))
    ),
    "metalog 5": lambda u: metalog_quantile(u, {0.05: 1, 0.25: 2, 0.5: 3, 0.75: 4.2, 0.95: 6.5}, identity, identity),
    "truncated": lambda u: 1 + normal_quantile(normal_cdf(-1) + u * (1 - normal_cdf(-1))),
    "truncated both": lambda u: (
        2
        * mp.exp(
            normal_quantile(normal_cdf(mp.log(0.5)) + u * (normal_cdf(mp.log(mp.mpf(9) / 2)) - normal_cdf(mp.log(0.5))))
        )
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_quantiles_equal_the_closed_form(name):
    dist = build(LAWS[name])
    got = dist.ppf(U)
    for u, x in zip(U, got, strict=True):
        exact = CLOSED_FORMS[name](mp.mpf(u))
        allowed = 1e-12 * (abs(exact) + dist.sd())
        if name.startswith("truncated"):  # goes through a probability of the whole law, which is rounded
            allowed += abs(CLOSED_FORMS[name](mp.mpf(u) + 4e-16) - exact)
        assert abs(x - exact) <= allowed, (u, x, exact)


def assert_inverts(dist, cdf, pdf, relative):
    """The error of x is (F(x) - u)/f(x) to first order."""
    for u, x in zip(U, dist.ppf(U), strict=True):
        x_exact = mp.mpf(float(x))
        error = (cdf(x_exact) - mp.mpf(u)) / pdf(x_exact)
        assert abs(error) <= relative * abs(x), (u, x, error)


def beta_functions(a, b, lo=0.0, hi=1.0):
    lo, width = mp.mpf(lo), mp.mpf(hi) - mp.mpf(lo)
    a, b = mp.mpf(a), mp.mpf(b)
    scale = mp.beta(a, b) * width

    def pdf(x):
        y = (x - lo) / width
        return y ** (a - 1) * (1 - y) ** (b - 1) / scale

    return lambda x: mp.betainc(a, b, 0, (x - lo) / width, regularized=True), pdf


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("pert", (1 + Fraction(8, 7), 1 + Fraction(20, 7), 3, 10)),
        ("pert weighted", (7, 2, 3, 10)),
        ("beta n", (0.22 * 180, 0.78 * 180)),
        ("beta sd", (2, 3)),
        ("beta shapes", (0.7, 3)),
    ],
)
def test_beta_quantiles_invert_the_exact_distribution_function(name, shapes):
    a, b, *ends = (mp.mpf(s.numerator) / s.denominator if isinstance(s, Fraction) else s for s in shapes)
    assert_inverts(build(LAWS[name]), *beta_functions(a, b, *ends), relative=1e-11)


def by_quadrature(pdf, center, sd, lo, hi):
    """The distribution function of a narrow law, integrated from the nearer tail: series need too many terms there."""

    def cdf(x):
        upper = x > center
        ends = [x, min(hi, center + 12 * sd)] if upper else [max(lo, center - 12 * sd), x]
        area = mp.quad(pdf, mp.linspace(*ends, 5))
        return 1 - area if upper else area

    return cdf


@pytest.mark.parametrize("shapes", [(0.01, 0.02), (0.5, 0.5), (1, 1), (1, 7), (40, 2)])
def test_beta_quantiles_hold_for_few_observations(shapes):
    cdf, pdf = beta_functions(*shapes)
    for u, x in zip(U, Beta(*shapes).ppf(U), strict=True):
        if 1e-300 < x < 1:  # elsewhere the answer rounds to an end of the support
            error = (cdf(mp.mpf(float(x))) - mp.mpf(u)) / pdf(mp.mpf(float(x)))
            assert abs(error) <= 1e-10 * x, (u, x, error)


@pytest.mark.parametrize("shapes", [(3e3, 9e3), (2e5, 8e5), (6e6, 4e6)])
def test_beta_quantiles_hold_for_many_observations(shapes):
    _, pdf = beta_functions(*shapes)
    dist = Beta(*shapes)
    with mp.workdps(25):
        assert_inverts(dist, by_quadrature(pdf, dist.mean(), dist.sd(), 0, 1), pdf, relative=1e-10)


def gamma_functions(shape, scale):
    shape, scale = mp.mpf(shape), mp.mpf(scale)

    def pdf(x):
        return mp.exp((shape - 1) * mp.log(x / scale) - x / scale - mp.loggamma(shape)) / scale

    return lambda x: mp.gammainc(shape, 0, x / scale, regularized=True), pdf


@pytest.mark.parametrize(
    ("name", "shape", "scale"),
    [("gamma cv", 0.3**-2, 4 * 0.3**2), ("gamma sd", 1.5**-2, 9), ("gamma shape", 2.5, 3)],
)
def test_gamma_quantiles_invert_the_exact_distribution_function(name, shape, scale):
    assert_inverts(build(LAWS[name]), *gamma_functions(shape, scale), relative=1e-11)


@pytest.mark.parametrize("shape", [0.05, 1, 30])
def test_gamma_quantiles_hold_for_wide_laws(shape):
    assert_inverts(Gamma(shape, 1), *gamma_functions(shape, 1), relative=1e-10)


@pytest.mark.parametrize("shape", [2_000, 40_000])
def test_gamma_quantiles_hold_for_narrow_laws(shape):
    _, pdf = gamma_functions(shape, 1)
    with mp.workdps(25):
        assert_inverts(Gamma(shape, 1), by_quadrature(pdf, shape, shape**0.5, 0, mp.inf), pdf, relative=1e-9)


def test_mixture_quantiles_invert_the_exact_distribution_function():
    def cdf(x):
        return mp.mpf(0.8) * normal_cdf(x, 1, 1) + mp.mpf(0.2) * normal_cdf(x, 6, mp.mpf(0.5))

    def pdf(x):
        return mp.mpf(0.8) * mp.npdf(x, 1, 1) + mp.mpf(0.2) * mp.npdf(x, 6, mp.mpf(0.5))

    for u, x in zip(U, build(LAWS["mixture"]).ppf(U), strict=True):
        error = cdf(mp.mpf(float(x))) - mp.mpf(u)
        # F itself is known to a few roundings of u, no better: 1e-15 u in F is that divided by f in x.
        assert abs(error) <= 1e-12 * (abs(x) + 1) * pdf(mp.mpf(float(x))) + 2e-15 * u, (u, x, error)


def test_a_mixture_gives_its_single_values_exactly():
    dist = build(
        {
            "mixture": [
                {"weight": 0.3, "distribution": {"fixed": 0}},
                {"weight": 0.2, "distribution": {"discrete": {2: 0.5, 5: 0.5}}},
                {"weight": 0.5, "distribution": {"uniform": [1, 3]}},
            ]
        }
    )
    # F: 0.3 at 0; then uniform to 0.55 below 2; 0.65 at 2; 0.9 at 3; flat; 1 at 5.
    u = [1e-9, 0.3 - 1e-9, 0.3, 0.425, 0.55 + 1e-9, 0.6, 0.65 - 1e-9, 0.775, 0.9 + 1e-9, 1 - 1e-9]
    exact = [0, 0, 0, 1.5, 2, 2, 2, 2.5, 5, 5]
    got = dist.ppf(u)
    assert got == pytest.approx(exact, rel=1e-13)
    assert set(got[[0, 1, 4, 5, 6, 8, 9]]) == {0.0, 2.0, 5.0}
    assert not dist.is_discrete
    assert dist.cdf([-1, 0, 2, 4, 5]) == pytest.approx([0, 0.3, 0.65, 0.9, 1])


@given(st.lists(st.fractions(min_value=-1000, max_value=1000, max_denominator=64), min_size=2, max_size=9, unique=True))
def test_empirical_quantiles_are_the_usual_sample_quantiles(values):
    dist = build({"empirical": [float(v) for v in values]})
    ordered, n = sorted(values), len(values)
    for u in (Fraction(1, 1024), Fraction(1, 4), Fraction(1, 2), Fraction(700, 1024)):
        place = (n - 1) * u
        k = int(place)
        exact = ordered[k] + (place - k) * (ordered[min(k + 1, n - 1)] - ordered[k])
        assert float(dist.ppf(float(u))[0]) == pytest.approx(float(exact), rel=1e-13, abs=1e-11)


def test_repeated_observations_keep_their_probability():
    # Knots 3, 4, 4, 4, 9 at 0, 1/4, 1/2, 3/4, 1: half of the probability is on 4.
    dist = build({"empirical": [4, 3, 4, 9, 4]})
    assert dist.ppf([0.125, 0.25, 0.5, 0.75, 0.875]).tolist() == [3.5, 4, 4, 4, 6.5]
    assert dist.cdf([2, 3, 3.5, 4, 6.5, 9]).tolist() == [0, 0, 0.125, 0.75, 0.875, 1]
    assert dist.atoms().tolist() == [4]


def test_weights_of_observations():
    # Middles of the weight blocks 2, 1, 1 of the values 1, 2, 3: 1, 2.5, 3.5, stretched to 0, 0.6, 1.
    dist = build(LAWS["empirical weighted"])
    assert dist.ppf([1e-12, 0.3, 0.6, 0.8, 1 - 1e-12]) == pytest.approx([1, 1.5, 2, 2.5, 3])


def test_discrete_quantiles_are_the_smallest_value_that_reaches_u():
    dist = build({"discrete": {10: 0.25, 1: 0.25, 3: 0.5}})
    u = [1e-9, 0.25, 0.25 + 1e-9, 0.75, 0.75 + 1e-9, 1 - 2**-53]
    assert dist.ppf(u).tolist() == [1, 1, 3, 3, 10, 10]
    assert dist.cdf([0, 1, 2.9, 3, 10, 11]).tolist() == [0, 0.25, 0.25, 0.75, 1, 1]
    assert (dist.mean(), dist.sd()) == pytest.approx((4.25, np.sqrt(0.25 * 100 + 0.25 * 1 + 0.5 * 9 - 4.25**2)))


@pytest.mark.parametrize(
    ("p", "no", "yes"), [(0.25, 0.75, 0.75 + 2**-53), (1.0, None, 2**-53), (0.0, 1 - 2**-53, None)]
)
def test_bernoulli_says_yes_in_the_upper_part(p, no, yes):
    dist = build({"bernoulli": p})
    assert [dist.ppf(u)[0] for u in (no, yes) if u is not None] == [x for x, u in ((0, no), (1, yes)) if u is not None]
    assert dist.mean() == p
    assert dist.sd() == pytest.approx(math.sqrt(p * (1 - p)))
    assert dist.cdf([-1, 0, 0.5, 1]).tolist() == [0, 1 - p, 1 - p, 1]
    assert dist.atoms().tolist() == [0, 1]
    assert dist.support() == (0, 1)
    assert dist.is_discrete


def test_fixed_is_what_it_is():
    dist = build({"fixed": 3})
    assert dist.ppf(U).tolist() == [3.0] * len(U)
    assert (dist.mean(), dist.median(), dist.sd(), dist.support()) == (3, 3, 0, (3, 3))
    assert dist.cdf([2.9, 3]).tolist() == [0, 1]


def test_laws_of_single_values_only_are_discrete():
    parts = [{"weight": 0.5, "distribution": {"fixed": 1}}, {"weight": 0.5, "distribution": {"bernoulli": 0.5}}]
    mixed = build({"mixture": parts})
    assert mixed.is_discrete
    assert mixed.atoms().tolist() == [0, 1]
    assert mixed.ppf([0.2, 0.25, 0.26]).tolist() == [0, 0, 1]
    assert mixed.sd() == pytest.approx(math.sqrt(0.25 * 0.75))
    assert not build({"pert": [1, 2, 3]}).is_discrete


def test_truncating_discrete_and_mixed_laws_keeps_them_exact():
    discrete = build({"truncated": {"distribution": {"discrete": {1: 0.2, 3: 0.5, 10: 0.3}}, "min": 3}})
    assert discrete.ppf([0.6, 0.64]).tolist() == [3, 10]
    assert discrete.mean() == pytest.approx((3 * 0.5 + 10 * 0.3) / 0.8)
    parts = [
        {"weight": 0.5, "distribution": {"fixed": 0}},
        {"weight": 0.25, "distribution": {"fixed": 9}},
        {"weight": 0.25, "distribution": {"uniform": [-1, 1]}},
    ]
    mixed = build({"truncated": {"distribution": {"mixture": parts}, "min": 0, "max": 2}})
    # Kept: 0.5 on 0 and 0.125 uniform on [0, 1].
    assert mixed.ppf([0.5, 0.8, 0.9]) == pytest.approx([0, 0, 0.5])
    assert mixed.mean() == pytest.approx(0.2 * 0.5)


@pytest.mark.parametrize("name", LAWS)
def test_distribution_function_inverts_the_quantiles(name):
    dist = build(LAWS[name])
    u = np.concatenate([np.linspace(0.001, 0.999, 997), U])
    assert dist.cdf(dist.ppf(u)) == pytest.approx(u, rel=1e-11, abs=1e-13)
    lo, hi = dist.support()
    assert dist.cdf([lo - 1, hi + 1]).tolist() == [0, 1]


@pytest.mark.parametrize("name", LAWS)
def test_one_probability_equals_the_array_form(name):
    dist = build(LAWS[name])
    for x in dist.ppf([0.001, 0.4, 0.98]):
        assert dist.at_most(float(x)) == pytest.approx(float(dist.cdf(x)[0]), rel=1e-13)


@pytest.mark.parametrize("name", LAWS)
def test_quantiles_grow_with_u_and_stay_within_the_support(name):
    dist = build(LAWS[name])
    u = np.unique(np.concatenate([np.linspace(0, 1, 20_001)[1:-1], 10.0 ** -np.arange(1, 16), [2**-53, 1 - 2**-53]]))
    x = checked_ppf(dist, u)
    assert (np.diff(x) >= 0).all()
    assert np.diff(x).max() > 0


@pytest.mark.parametrize("name", LAWS)
def test_mean_and_sd_equal_numerical_integration(name):
    dist = build(LAWS[name])
    # Gauss-Legendre over pieces that become shorter towards both ends: unlike the rule that the laws use.
    nodes, weights = np.polynomial.legendre.leggauss(20)
    tail = 10.0 ** np.arange(-15, -0.9, 0.25)
    kinks = [0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75]
    edges = np.unique(np.concatenate([[1e-16], tail, kinks, np.linspace(0.1, 0.9, 41), 1 - tail]))
    half = np.diff(edges) / 2
    u = (edges[:-1] + half)[:, None] + half[:, None] * nodes
    w = half[:, None] * weights
    x = dist.ppf(u.ravel()).reshape(u.shape)
    mean = float((w * x).sum())
    sd = float(np.sqrt((w * (x - mean) ** 2).sum()))
    assert dist.mean() == pytest.approx(mean, rel=1e-5, abs=1e-5 * sd)
    assert dist.sd() == pytest.approx(sd, rel=1e-4)
    assert dist.median() == pytest.approx(float(dist.ppf(0.5)[0]), rel=1e-13)


def test_moments_that_do_not_exist_are_infinite():
    # The thickness of the upper tail of ln x, d M/d logit(u) at u = 1, decides: mean below 1, sd below 1/2.
    for sigma, mean, sd in [(0.4, True, True), (0.7, True, False), (1.3, False, False)]:
        line = np.log(9.0) * sigma  # ln x = sigma logit(u): quantiles of a log-logistic law with median 1
        spec = {"quantiles": {0.1: np.exp(-line), 0.5: 1.0, 0.9: np.exp(line), "min": 0}}
        dist = build(spec)
        assert np.isfinite(dist.mean()) == mean
        assert np.isfinite(dist.sd()) == sd
        if mean:
            # E X = π σ / sin(π σ) for a log-logistic law.
            assert dist.mean() == pytest.approx(np.pi * sigma / np.sin(np.pi * sigma), rel=1e-6)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("block", [1, 7, 1023])
def test_a_block_of_quantiles_has_the_bits_of_the_whole(name, block):
    dist = build(LAWS[name])
    u = np.random.default_rng(5).random(2100)[:: 1 if block > 1 else 20].copy()
    parts = [dist.ppf(u[i : i + block]) for i in range(0, len(u), block)]
    assert np.array_equal(np.concatenate(parts), dist.ppf(u))


@pytest.mark.parametrize("name", LAWS)
def test_a_law_travels_to_another_process(name):
    dist = build(LAWS[name])
    before = dist.cdf(dist.ppf(U))
    other = pickle.loads(pickle.dumps(dist))
    assert other == dist
    assert np.array_equal(other.cdf(other.ppf(U)), before)


def test_a_value_that_is_no_number_is_refused_in_words():
    with pytest.raises(SimengineError, match=r"deal_size: lognormal, .* gives inf at probability 0.9.*narrower"):
        checked_ppf(Lognormal(709, 1), np.array([0.5, 0.99]), "deal_size")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"beta": {"mean": 0.22, "n": 180}}, "beta, mean 0.22, as if from 180 observations"),
        ({"pert": [3, 5, 10]}, "pert from 3 through 5 to 10"),
        ({"lognormal": {"mean": 250_000, "cv": 1}}, "lognormal, median 176,777, mean 250,000"),
        ({"quantiles": P10_50_90 | {"min": 3}}, "metalog, P10 5, P50 7, P90 11, above 3"),
        ({"bernoulli": 0.7}, "yes with 70 %"),
        ({"discrete": {1: 0.25, 4: 0.75}}, "one of 1 (25 %), 4 (75 %)"),
        ({"triangular": [1, 2, 5]}, "triangular from 1 through 2 to 5"),
        ({"pert": {"min": 3, "mode": 5, "max": 10, "lambda": 2}}, "pert from 3 through 5 to 10, weight 2"),
        ({"weibull": {"shape": 1, "scale": 12}}, "weibull, shape 1, mean 12"),
        ({"gamma": {"mean": 4, "cv": 0.5}}, "gamma, mean 4, sd 2"),
        (LAWS["empirical weighted"], "as observed, 3 values from 1 to 3, weighted"),
        (LAWS["truncated"], "normal, mean 1, sd 1, kept from 0"),
        (
            {
                "pooled": [
                    {"who": "CRO", "weight": 3, "distribution": {"uniform": [4, 9]}},
                    {"who": "CFO", "weight": 1, "distribution": {"fixed": 5}},
                ]
            },
            "pooled judgments (CRO, 75 %: uniform from 4 to 9; CFO, 25 %: fixed at 5)",
        ),
    ],
)
def test_description(spec, words):
    assert build(spec).describe() == words
