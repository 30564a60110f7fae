"""Source policy: the median stays, the spread grows by the stated factor, on the stated scale."""

import math

import numpy as np
import pytest

from simengine.assumptions.distributions import build, checked_ppf
from simengine.assumptions.elicitation import choose_scale, drift_factor, widen

U = np.concatenate([[2.0**-53, 1e-9, 1e-3], np.linspace(0.01, 0.99, 99), [1 - 1e-3, 1 - 1e-9, 1 - 2.0**-53]])

ON_SCALE = {
    "linear": lambda x: x,
    "log": np.log,
    "logit": lambda x: np.log(x) - np.log1p(-x),
}
CASES = [
    ({"normal": {"mean": -3, "sd": 2}}, "linear"),
    ({"quantiles": {0.1: 5, 0.5: 7, 0.9: 11}}, "linear"),
    ({"pert": [3, 5, 10]}, "log"),
    ({"gamma": {"mean": 4, "cv": 0.5}}, "log"),
    ({"lognormal": {"median": 20_000, "sigma": 0.4}}, "log"),
    ({"empirical": [3, 4, 4, 7]}, "log"),
    ({"beta": {"mean": 0.22, "n": 180}}, "logit"),
    ({"quantiles": {0.1: 0.2, 0.5: 0.3, 0.9: 0.5, "min": 0, "max": 1}}, "logit"),
    (
        {
            "pooled": [
                {"who": "a", "distribution": {"pert": [0.1, 0.2, 0.4]}},
                {"who": "b", "distribution": {"fixed": 0.3}},
            ]
        },
        "logit",
    ),
]


@pytest.mark.parametrize(("spec", "scale"), CASES)
@pytest.mark.parametrize("factor", [0.5, 1.25, 3.0])
def test_deviations_from_the_median_are_multiplied(spec, scale, factor):
    dist = build(spec)
    wide = widen(dist, factor, scale)
    center, g = dist.median(), ON_SCALE[scale]
    assert wide.median() == center
    assert wide.ppf(0.5)[0] == pytest.approx(center, rel=1e-13)
    inner = U[2:-2]
    before, after = g(dist.ppf(inner)) - g(center), g(wide.ppf(inner)) - g(center)
    assert after == pytest.approx(factor * before, rel=1e-9, abs=1e-11)


def test_single_values_within_a_law_move_with_it():
    # Median 2 (F = 0.2, 0.7 at 2, 1); on the log scale 1 becomes 2 (1/2)² and 4 becomes 2 (4/2)².
    parts = [
        {"weight": 0.2, "distribution": {"fixed": 1}},
        {"weight": 0.5, "distribution": {"fixed": 2}},
        {"weight": 0.3, "distribution": {"uniform": [2, 4]}},
    ]
    wide = widen(build({"mixture": parts}), 2.0, "log")
    assert wide.atoms() == pytest.approx([0.5, 2])
    assert wide.ppf([0.1, 0.6, 1 - 1e-15]) == pytest.approx([0.5, 2, 8])
    assert wide.cdf([0.5, 2]) == pytest.approx([0.2, 0.7])


@pytest.mark.parametrize(("spec", "scale"), CASES)
def test_a_widened_law_is_a_law(spec, scale):
    dist = build(spec)
    wide = widen(dist, 1.5, scale)
    x = checked_ppf(wide, U)
    assert (np.diff(x) >= 0).all()
    assert wide.cdf(x) == pytest.approx(dist.cdf(dist.ppf(U)), rel=1e-9, abs=1e-12)
    lo, hi = wide.support()
    assert wide.cdf([lo - 1, hi + 1]).tolist() == [0, 1]
    assert "; deviations from the median times 1.5" in wide.describe()


def test_a_widened_normal_and_lognormal_have_the_exact_moments():
    assert widen(build({"normal": {"mean": 5, "sd": 2}}), 1.5, "linear").sd() == pytest.approx(3, rel=1e-9)
    wide = widen(build({"lognormal": {"median": 7, "sigma": 0.4}}), 1.5, "log")
    assert wide.mean() == pytest.approx(7 * math.exp(0.6**2 / 2), rel=1e-9)
    assert wide.sd() == pytest.approx(wide.mean() * math.sqrt(math.expm1(0.36)), rel=1e-7)


@pytest.mark.parametrize(
    ("unit", "spec", "scale"),
    [
        ("fraction", {"uniform": [0, 1]}, "logit"),
        ("fraction per year", {"beta": {"mean": 0.1, "n": 9}}, "logit"),
        ("fraction", {"normal": {"mean": 0.2, "sd": 0.1}}, "linear"),
        ("fraction", {"uniform": [0, 1.2]}, "log"),
        ("months", {"uniform": [0, 1]}, "log"),
        ("currency", {"lognormal": {"mean": 9, "cv": 1}}, "log"),
        ("count", {"uniform": [-1, 9]}, "linear"),
    ],
)
def test_the_scale_keeps_a_law_within_its_range(unit, spec, scale):
    dist = build(spec)
    assert choose_scale(unit, dist) == scale
    lo, hi = widen(dist, 4.0, scale).support()
    if scale != "linear":
        assert lo >= 0
    if scale == "logit":
        assert hi <= 1


@pytest.mark.parametrize("scale", ["log", "logit"])
def test_values_on_the_bounds_stay_finite(scale):
    # The quantiles next to the ends, and observations on the ends themselves.
    for spec in ({"uniform": [0, 1]}, {"empirical": [0, 0, 0.2, 0.7, 1, 1]}, {"beta": {"alpha": 0.05, "beta": 0.05}}):
        x = checked_ppf(widen(build(spec), 2.5, scale), U)
        assert np.isfinite(x).all()
        assert x[0] == pytest.approx(0, abs=1e-15)
    assert widen(build({"empirical": [0, 0, 0.2, 0.7, 1, 1]}), 2.5, "logit").support() == (0, 1)


@pytest.mark.parametrize("spec", [{"fixed": 3}, {"bernoulli": 0.4}, {"discrete": {1: 0.5, 2: 0.5}}])
def test_single_values_are_not_widened(spec):
    dist = build(spec)
    assert widen(dist, 2.0, choose_scale("count", dist)) is dist
    assert drift_factor(dist, 0.3, "log") == 1


def test_factor_one_and_a_median_on_the_end_of_the_scale_change_nothing():
    dist = build({"uniform": [1, 2]})
    assert widen(dist, 1.0, "log") is dist
    mostly_zero = build(
        {
            "mixture": [
                {"weight": 0.6, "distribution": {"fixed": 0}},
                {"weight": 0.4, "distribution": {"uniform": [0, 1]}},
            ]
        }
    )
    assert widen(mostly_zero, 2.0, "log") is mostly_zero
    assert widen(mostly_zero, 2.0, "logit") is mostly_zero


def test_drift_adds_in_quadrature():
    # Normal, cv 0.2 and drift 0.15: sd 5 * sqrt(0.2² + 0.15²) = 5 * 0.25.
    normal = build({"normal": {"mean": 5, "sd": 1}})
    assert widen(normal, drift_factor(normal, 0.15, "linear"), "linear").sd() == pytest.approx(1.25, rel=1e-9)
    # Lognormal: sigma² + drift².
    lognormal = build({"lognormal": {"median": 5, "sigma": 0.3}})
    assert drift_factor(lognormal, 0.4, "log") == pytest.approx(0.5 / 0.3, rel=1e-12)
    # On the logit scale a normal z of sd s has drift d/(1 - m): here s = 0.5, m = 0.2, d = 0.3, so 0.375.
    z = 1.2815515655446004
    fractions = {p: 1 / (1 + math.exp(-(math.log(0.25) + 0.5 * q))) for p, q in ((0.1, -z), (0.5, 0), (0.9, z))}
    logit_normal = build({"quantiles": fractions | {"min": 0, "max": 1}})
    assert drift_factor(logit_normal, 0.3, "logit") == pytest.approx(math.hypot(0.5, 0.375) / 0.5, rel=1e-9)


def test_the_scales_agree_on_a_narrow_law():
    narrow = build({"beta": {"mean": 0.22, "n": 20_000}})
    low, middle, high = narrow.ppf([0.1, 0.5, 0.9])
    stated = math.sqrt(1 + (0.02 / ((high - low) / 2.5631 / middle)) ** 2)
    for scale in ("linear", "log", "logit"):
        assert drift_factor(narrow, 0.02, scale) == pytest.approx(stated, rel=2e-3)


def test_no_drift_and_no_spread():
    assert drift_factor(build({"uniform": [1, 2]}), 0.0, "log") == 1
    assert drift_factor(build({"normal": {"mean": 0, "sd": 1}}), 0.5, "linear") == 1
    assert drift_factor(build({"empirical": [1, *[2] * 20, 3]}), 0.5, "log") == 1
