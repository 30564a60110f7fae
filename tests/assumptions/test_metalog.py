"""The metalog: through its quantiles exactly, refused where it is no law."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simengine.assumptions import metalog
from simengine.assumptions.distributions import SpecError, build
from simengine.assumptions.inversion import Inverse

EXACT = 1e-11


@pytest.mark.parametrize(
    "quantiles",
    [
        {0.1: 5, 0.5: 7, 0.9: 11},
        {0.05: 119_999_999, 0.5: 120_000_000, 0.95: 120_000_002},
        {0.1: 0.21, 0.5: 0.22, 0.9: 0.24, "min": 0, "max": 1},
        {0.1: 5, 0.3: 6, 0.6: 7.5, 0.9: 11},
        {0.01: 1, 0.25: 2, 0.5: 3, 0.75: 4.2, 0.99: 9, "min": 0},
        {0.05: -3, 0.2: -1, 0.4: 0, 0.6: 1, 0.8: 2.1, 0.95: 4.5, "max": 20},
    ],
    ids=str,
)
def test_it_passes_through_its_quantiles(quantiles):
    levels, values = zip(*((p, x) for p, x in quantiles.items() if isinstance(p, float)), strict=True)
    assert build({"quantiles": quantiles}).ppf(levels) == pytest.approx(values, rel=EXACT)


def test_probabilities_that_leave_the_curve_open_are_refused():
    # Seven symmetric probabilities: of the seven terms four are odd in y - 1/2, and there are three pairs.
    symmetric = {0.05: 1, 0.2: 2, 0.35: 2.6, 0.5: 3.1, 0.65: 3.7, 0.8: 4.5, 0.95: 6.2}
    # Beside this minimum the three values are one number.
    blurred = {0.1: 0.001, 0.5: 0.002, 0.9: 0.003, "min": -1e15}
    for quantiles in (symmetric, blurred):
        with pytest.raises(SpecError, match=r"too close together, or too many; expected three to six .* well apart"):
            build({"quantiles": quantiles})


def test_equal_steps_give_the_uniform_law():
    dist = build({"quantiles": {0.2: 2, 0.4: 4, 0.6: 6, 0.8: 8}})
    assert dist.ppf([1e-9, 0.5, 1 - 1e-9]) == pytest.approx([1e-8, 5, 10 - 1e-8])
    assert (dist.mean(), dist.sd()) == pytest.approx((5, 10 / np.sqrt(12)))


def test_three_terms_are_feasible_up_to_the_published_limit():
    # Keelin (2016): for three terms, |a3/a2| < 1.66711.
    assert metalog.steepest_fault((0.0, 1.0, 1.6671)) is None
    assert metalog.steepest_fault((0.0, 1.0, -1.6671)) is None
    assert metalog.steepest_fault((0.0, 1.0, 1.6673)) is not None
    assert metalog.steepest_fault((0.0, 1.0, -1.6673)) is not None
    assert metalog.steepest_fault((0.0, -1.0, 0.0)) is not None


def problem(quantiles):
    with pytest.raises(SpecError) as caught:
        build({"quantiles": quantiles})
    ((path, message, expected),) = caught.value.problems
    assert path == ("quantiles",)
    assert message.startswith("no smooth law of this kind passes through these quantiles")
    return expected


def test_a_lopsided_middle_is_refused_and_its_range_is_told():
    # Keelin (2016): the share of the middle between the outer two must lie within k and 1 - k,
    # k = (1 - 1.66711 (1/2 - 0.1))/2 = 0.166578 for P10 and P90.
    assert problem({0.1: 5, 0.5: 10.5, 0.9: 11}) == "P50 from 6 to 10; or a min or max on the short side"
    for middle in (6.0, 10.0):
        build({"quantiles": {0.1: 5, 0.5: middle, 0.9: 11}})
    for middle in (5.999, 10.001):
        problem({0.1: 5, 0.5: middle, 0.9: 11})


@pytest.mark.parametrize(
    "quantiles",
    [
        {0.1: 5, 0.5: 10.9, 0.9: 11, "min": 0},
        {0.1: 0.01, 0.5: 0.012, 0.9: 0.8, "min": 0, "max": 1},
        {0.1: 1e6, 0.5: 1.01e6, 0.9: 5e6, "max": 1e8},
        {0.05: 1.0001, 0.6: 1.0002, 0.9: 1.01},
    ],
    ids=str,
)
def test_the_range_that_is_told_can_be_used(quantiles):
    words = problem(quantiles)
    name, _, rest = words.partition(" from ")
    middle = float(name[1:]) / 100
    for end in rest.split(";")[0].split(" to "):
        build({"quantiles": quantiles | {middle: float(end.replace(",", ""))}})


def test_the_quantile_that_does_not_fit_is_named():
    smooth = {0.05: 1, 0.25: 2, 0.5: 3, 0.75: 4.2, 0.95: 6.5}
    build({"quantiles": smooth})
    assert problem(smooth | {0.5: 4.1}) == "another value at P50, or none: the other quantiles fit together"


def test_quantiles_that_nothing_can_save_get_general_advice():
    jumpy = {0.1: 1, 0.3: 1.01, 0.4: 5, 0.6: 5.01, 0.7: 9, 0.9: 9.01}
    assert problem(jumpy) == "values that change more evenly from one quantile to the next, or fewer quantiles"


levels = st.lists(st.integers(1, 19), min_size=3, max_size=6, unique=True).map(lambda ks: [k / 20 for k in sorted(ks)])


@settings(max_examples=50)
@given(levels, st.data())
def test_a_feasible_one_is_increasing_everywhere(points, data):
    steps = data.draw(st.lists(st.floats(0.1, 10), min_size=len(points), max_size=len(points)))
    bounds = data.draw(st.sampled_from([{}, {"min": -1.0}, {"max": 100.0}, {"min": -1.0, "max": 100.0}]))
    spec = {"quantiles": dict(zip(points, np.cumsum(steps).tolist(), strict=True)) | bounds}
    try:
        dist = build(spec)
    except SpecError:
        assume(False)
    s = np.random.default_rng(0).uniform(-36, 36, 5_000)
    x = dist.ppf(metalog.expit(np.sort(s)))
    assert (np.diff(x) >= -1e-12 * np.abs(x).max()).all()
    assert dist.ppf(points) == pytest.approx(np.cumsum(steps), rel=1e-9)


def test_slope_is_the_derivative():
    terms = (1.0, 2.0, -0.7, 0.4, 3.0, -0.2, 0.9, 0.1)
    s = np.linspace(-9, 9, 181)
    h = 1e-5
    numerical = (metalog.at_logit(terms, s + h) - metalog.at_logit(terms, s - h)) / (2 * h)
    assert metalog.slope(terms, s) == pytest.approx(numerical, abs=1e-8)
    assert metalog.tails(terms) == pytest.approx(metalog.slope(terms, np.array([-40.0, 40.0])), rel=1e-12)


def test_solver_reaches_full_precision_and_stays_within_the_grid():
    cube = Inverse(lambda x: x**3 + x, np.array([-10.0, 0.5, 10.0]))
    x = np.linspace(-9.9, 9.9, 2001)
    assert cube(x**3 + x) == pytest.approx(x, rel=1e-13, abs=1e-15)
    assert cube(np.array([-1e9, 1e9])).tolist() == [-10, 10]
    # A step inside the bracket: the smallest x whose value reaches the target.
    step = Inverse(lambda x: np.where(x < 0.3, 0.0, 1.0), np.array([-1.0, 1.0]))
    assert step(np.array([0.5]))[0] == pytest.approx(0.3, rel=1e-13)
