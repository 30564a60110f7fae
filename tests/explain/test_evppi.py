"""EVPI and EVPPI against laws whose values are known, and against published ones."""

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from simengine.explain.evppi import _columns, evpi, evppi, known
from simengine.explain.intervals import Z95

LEVEL = 1e-4  # of each acceptance test of a coverage
REPETITIONS, DRAWS = 150, 1000
MOST_MISSES = int(binom.isf(LEVEL, REPETITIONS, 0.05))

MEANS = (0.0, 0.1, 0.5)
SLOPES = (0.0, 0.15, 0.5)


def unit_loss(t: float) -> float:
    """E[max(0, N - t)] of a standard normal N."""
    return math.exp(-t * t / 2) / math.sqrt(2 * math.pi) - t * float(ndtr(-t))


def worth(mean: float, spread: float) -> float:
    """E[max(0, D)] - max(0, E[D]) of a normal D: what knowing D is worth before choosing between 0 and D."""
    return spread * unit_loss(abs(mean) / spread) if spread else 0.0


def pair(rng: np.random.Generator, mean: float, slope: float, draws: int = DRAWS) -> tuple[np.ndarray, np.ndarray]:
    """Two options whose difference has variance 1 and hangs on z by `slope`, and much that they share."""
    z = rng.normal(size=draws)
    half = (mean + slope * z + math.sqrt(1 - slope**2) * rng.normal(size=draws)) / 2
    return np.column_stack([half, -half]) + 10 * rng.normal(size=(draws, 1)), z


def missed(interval: tuple[float, float, float], truth: float) -> bool:
    return not interval[1] <= truth <= interval[2]


def in_bins(net_benefit: np.ndarray, x: np.ndarray, bins: int = 100) -> float:
    """Negative control: the mean of 100 bins in place of a curve."""
    place = np.argsort(np.argsort(x)) * bins // len(x)
    means = np.stack([np.bincount(place, column) / np.bincount(place) for column in net_benefit.T])
    return means.max(axis=0).mean() - net_benefit.mean(axis=0).max()


# ---- EVPI ----


@pytest.mark.parametrize("mean", [0.0, 0.5, 1.0, 2.0])
def test_evpi_covers_the_closed_form(mean):
    rng = np.random.default_rng(1)
    found = [evpi(pair(rng, mean, 0.0)[0]) for _ in range(REPETITIONS)]
    assert sum(missed(one, worth(mean, 1.0)) for one in found) <= MOST_MISSES
    # Of the same paths, not paired, the shared part counts as if it could be known.
    unpaired = [evpi(np.column_stack([nb[:, 0], np.roll(nb[:, 1], 1)])) for nb, _ in [pair(rng, mean, 0.0)]]
    assert missed(unpaired[0], worth(mean, 1.0))


def test_evpi_of_three_options_by_integration():
    rng = np.random.default_rng(2)
    means = np.array([0.0, 0.2, -0.1])
    # E[max] of three independent unit normals about `means`, as the integral of 1 - F(t) above 0 and of -F(t) below.
    t = np.linspace(-9, 9, 20_001)
    cumulative = ndtr(t[:, None] - means).prod(axis=1)
    truth = np.trapezoid(np.where(t > 0, 1 - cumulative, -cumulative), t) - means.max()
    misses = sum(missed(evpi(means + rng.normal(size=(DRAWS, 3))), truth) for _ in range(REPETITIONS))
    assert misses <= MOST_MISSES


def test_where_no_path_changes_the_choice_evpi_is_nothing():
    rng = np.random.default_rng(3)
    assert evpi(rng.normal(size=(500, 1)) + np.array([1.0, 2.0, 0.0])) == (0.0, 0.0, 0.0)


# ---- EVPPI of one input ----


@pytest.fixture(scope="module")
def repeated():
    """By mean and slope: the truth, intervals, and what bins say, of many repetitions."""
    rng = np.random.default_rng(4)
    rows = {}
    for mean in MEANS:
        for slope in SLOPES:
            made = [pair(rng, mean, slope) for _ in range(REPETITIONS)]
            rows[mean, slope] = worth(mean, slope), [evppi(*one) for one in made], [in_bins(*one) for one in made]
    return rows


def test_intervals_cover_the_closed_form(repeated):
    for truth, found, _ in repeated.values():
        assert sum(missed(one, truth) for one in found) <= MOST_MISSES


def test_intervals_are_no_wider_than_they_must_be(repeated):
    # Nothing ties here, and little is curved: the error of the estimate is that of a mean.
    _, found, _ = repeated[0.1, 0.5]
    estimates, lower, upper = np.array(found).T
    # The standard deviation of 150 values is known to 1/√300 = 5.8 %; four times that to either side.
    assert 0.77 < (upper - lower).mean() / (2 * Z95 * estimates.std()) < 1.23


def test_the_estimate_has_next_to_no_bias_where_options_do_not_tie(repeated):
    for mean, slope in ((0.1, 0.5), (0.5, 0.5)):
        truth, found, _ = repeated[mean, slope]
        estimates = np.array(found)[:, 0]
        # |z| < 4.5: level 7e-6.
        assert abs(estimates.mean() - truth) < 4.5 * estimates.std() / math.sqrt(REPETITIONS)


def test_plain_bins_are_biased_up(repeated):
    for mean, slope in ((0.1, 0.0), (0.1, 0.15), (0.5, 0.15)):
        truth, _, bins = repeated[mean, slope]
        assert np.mean(bins) - truth > 4.5 * np.std(bins) / math.sqrt(REPETITIONS)
    # So much that, of an input without effect, 100 bins make more than a tenth of what knowing everything is worth.
    assert np.mean(repeated[0.1, 0.0][2]) > 0.1 * worth(0.1, 1.0)


def test_an_input_without_effect_is_rarely_told_from_nothing(repeated):
    for mean in MEANS:
        told = sum(lower > 0 for _, lower, _ in repeated[mean, 0.0][1])
        assert told <= binom.isf(LEVEL, REPETITIONS, 0.025)
    # ... while one that explains a quarter of the difference always is.
    assert all(lower > 0 for _, lower, _ in repeated[0.1, 0.5][1])


@pytest.mark.full
@pytest.mark.parametrize("mean", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("slope", [0.0, 0.15, 0.5])
@pytest.mark.parametrize("draws", [500, 2000])
def test_coverage_over_a_thousand_repetitions(mean, slope, draws):
    rng = np.random.default_rng(draws)
    repetitions = 1000
    misses = sum(missed(evppi(*pair(rng, mean, slope, draws)), worth(mean, slope)) for _ in range(repetitions))
    assert misses <= binom.isf(LEVEL, repetitions, 0.05)


@pytest.mark.full
@pytest.mark.parametrize("mean", [0.0, 0.5, 1.0, 2.0])
def test_coverage_of_evpi_over_a_thousand_repetitions(mean):
    rng = np.random.default_rng(5)
    misses = sum(missed(evpi(pair(rng, mean, 0.0)[0]), worth(mean, 1.0)) for _ in range(1000))
    assert misses <= binom.isf(LEVEL, 1000, 0.05)


# ---- groups, more options, other shapes ----

RHO = 0.6
SLOPE = np.array([0.4, -0.2, 0.3])
SIGMA = np.array([[1.0, RHO, 0.0], [RHO, 1.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def correlated():
    """Three inputs, two of them correlated, and a difference with mean 0.1 that they move."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(8192, 3)) @ np.linalg.cholesky(SIGMA).T
    half = (0.1 + x @ SLOPE + 0.5 * rng.normal(size=8192)) / 2
    return np.column_stack([half, -half]), x


@pytest.mark.parametrize("group", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_of_correlated_inputs_what_they_tell_counts(correlated, group):
    net_benefit, x = correlated
    u = list(group)
    told = SIGMA[:, u] @ np.linalg.solve(SIGMA[np.ix_(u, u)], SIGMA[u])
    truth = worth(0.1, math.sqrt(SLOPE @ told @ SLOPE))
    estimate, lower, upper = evppi(net_benefit, x[:, u] if len(u) > 1 else x[:, u[0]])
    # At twice the 95 % half-width: level 1e-4 each.
    assert abs(estimate - truth) < upper - lower
    # As if they were independent, knowing the second would be worth another amount.
    if group == (1,):
        assert missed((estimate, lower, upper), worth(0.1, abs(SLOPE[1])))


@pytest.mark.parametrize("offsets", [(0.0, 0.0, 0.0), (0.0, 0.1, -0.2), (0.3, 0.0, 0.3)])
def test_of_three_options_by_integration(offsets):
    rng = np.random.default_rng(7)
    slopes = np.array([0.3, -0.3, 0.0])
    grid = ndtri((np.arange(200_000) + 0.5) / 200_000)
    truth = (np.array(offsets) + np.outer(grid, slopes)).max(axis=1).mean() - max(offsets)
    misses = 0
    for _ in range(REPETITIONS):
        z = rng.normal(size=DRAWS)
        misses += missed(evppi(np.array(offsets) + np.outer(z, slopes) + 0.7 * rng.normal(size=(DRAWS, 3)), z), truth)
    assert misses <= MOST_MISSES


@pytest.mark.parametrize(
    "curve",
    [lambda z: z**2 - 1.1, lambda z: np.exp(0.5 * z) - 1, lambda z: np.minimum(0.8 * z, 0.3)],
    ids=["square", "lognormal", "kink"],
)
def test_curves_are_followed(curve):
    rng = np.random.default_rng(8)
    z = rng.normal(size=16384)
    values = curve(ndtri((np.arange(200_000) + 0.5) / 200_000))
    truth = np.maximum(values, 0).mean() - max(0.0, values.mean())
    net_benefit = np.column_stack([np.zeros(z.size), curve(z) + rng.normal(size=z.size)])
    estimate, lower, upper = evppi(net_benefit, z)
    assert abs(estimate - truth) < upper - lower
    # Only the order of an input counts.
    assert evppi(net_benefit, np.exp(z)) == pytest.approx((estimate, lower, upper), rel=1e-9)


def test_a_discrete_input_is_taken_by_its_values():
    rng = np.random.default_rng(9)
    level = rng.choice(3, p=[0.5, 0.3, 0.2], size=16384)
    effect = np.array([-0.3, 0.6, -0.2])
    net_benefit = np.column_stack([np.zeros(level.size), effect[level] + rng.normal(size=level.size)])
    estimate, lower, upper = evppi(net_benefit, level.astype(float))
    assert abs(estimate - 0.3 * 0.6) < upper - lower
    fitted = known(net_benefit, level.astype(float)).fitted
    assert [len(np.unique(fitted[level == value].round(9), axis=0)) for value in range(3)] == [1, 1, 1]


def test_an_event_that_may_not_happen_has_a_level_and_a_curve():
    rng = np.random.default_rng(10)
    happens = rng.random(16384) < 0.4
    months = np.where(happens, rng.uniform(1, 24, size=happens.size), 0.0)
    effect = np.where(happens, 0.1 * (months - 6), -0.2)
    net_benefit = np.column_stack([np.zeros(happens.size), effect + rng.normal(size=happens.size)])
    # 0.4 · E[(M - 6)⁺ - (M - 6)] / 10 + 0.6 · 0.2, M uniform on 1 to 24, since acting always is better than never.
    truth = 0.4 * (25 / 2 / 23) * 0.1 + 0.6 * 0.2
    estimate, lower, upper = evppi(net_benefit, months)
    assert abs(estimate - truth) < upper - lower


def test_products_in_a_group_are_seen():
    rng = np.random.default_rng(11)
    x = rng.normal(size=(8192, 2))
    net_benefit = np.column_stack([np.zeros(8192), x[:, 0] * x[:, 1] + rng.normal(size=8192)])
    # E[max(0, x₀x₁)] = E|x₀| E|x₁| / 2 = 1/π.
    estimate, lower, upper = evppi(net_benefit, x)
    assert abs(estimate - 1 / math.pi) < upper - lower
    # Alone, neither tells anything.
    assert max(evppi(net_benefit, column)[1] for column in x.T) == 0


def test_many_inputs_together_are_no_overestimate():
    rng = np.random.default_rng(12)
    x = rng.normal(size=(2000, 45))
    difference = 0.1 + x[:, :2] @ [0.3, 0.3] + 0.8 * rng.normal(size=2000)
    net_benefit = np.column_stack([difference, np.zeros(2000)])
    estimate, lower, upper = evppi(net_benefit, x)
    truth = worth(0.1, math.sqrt(0.18))
    assert lower <= truth <= upper
    assert abs(estimate - truth) < upper - lower
    # The fit's own word, without draws that it has not seen, lies above.
    fitted = known(net_benefit, x).fitted
    assert fitted.max(axis=1).mean() - fitted.mean(axis=0).max() > truth


def test_money_scales_and_what_is_shared_does_not_count():
    net_benefit, z = pair(np.random.default_rng(13), 0.1, 0.5)
    scaled = evppi(1000 * net_benefit + 5e6, z)
    assert scaled == pytest.approx([1000 * x for x in evppi(net_benefit, z)], rel=1e-6)
    assert evppi(net_benefit[:, ::-1], z) == pytest.approx(evppi(net_benefit, z), rel=1e-6)


# ---- a published decision ----


@pytest.fixture(scope="module")
def chemotherapy(shared_data):
    """The chemotherapy example of the R package voi: 10,000 draws, two treatments, fourteen inputs."""
    return np.genfromtxt(shared_data / "reference" / "evppi" / "decision_sample.csv", delimiter=",", names=True)


def treatments(table: np.ndarray) -> np.ndarray:
    return np.column_stack([table["net_benefit_SoC"], table["net_benefit_Novel"]])


@pytest.mark.data
def test_the_published_evpi(chemotherapy):
    assert round(evpi(treatments(chemotherapy))[0], 3) == 368.605


@pytest.mark.data
def test_the_published_evppi(chemotherapy):
    estimate, lower, upper = evppi(treatments(chemotherapy), chemotherapy["p_side_effects_t2"])
    # voi's additive model and its adaptive splines; its Gaussian process says 285.49, so estimators differ by 9 %.
    assert lower < 262.1 < upper
    assert lower < 265.1 < upper
    # The published ones are the fit's own word, which is too high; by that measure ours is among them.
    fitted = known(treatments(chemotherapy), chemotherapy["p_side_effects_t2"]).fitted
    assert 262.1 < np.mean(fitted.max(axis=1)) - fitted.mean(axis=0).max() < 285.49
    # What is told is half-way to the gain of choices that have not seen the draw: the noise of the fit taken off.
    assert lower < estimate < np.mean(fitted.max(axis=1)) - fitted.mean(axis=0).max()


@pytest.mark.data
def test_a_shuffled_input_is_worth_nothing(chemotherapy):
    rng = np.random.default_rng(14)
    for name in ("p_side_effects_t2", "logor_side_effects"):
        _, lower, upper = evppi(treatments(chemotherapy), rng.permutation(chemotherapy[name]))
        assert lower == 0
        assert upper < 0.1 * 262.1


@pytest.mark.parametrize(("draws", "columns"), [(300, 5 * 3), (100, 5)])
def test_curves_of_several_inputs_need_ten_draws_for_a_column(draws, columns):
    inputs = np.random.default_rng(14).normal(size=(draws, 5))
    assert _columns(inputs).shape == (draws, columns + 5 * 4 / 2)
