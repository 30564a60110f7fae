import numpy as np
import pytest
from scipy import stats

from simengine.baseline import laws
from simengine.learn import likelihood as ll

MONTHS = 6
CLOCK = np.array([0.6, 0.8, 1.5, 0.6, 0.8, 1.5])
PAIRS = np.array([(t, j) for t in range(MONTHS) for j in range(t, MONTHS)])


@pytest.mark.parametrize("overdispersion", [1.0, 1.5, 3.0])
def test_arrivals_are_negative_binomial(overdispersion):
    mean, counts = np.array([3.0, 40.0]), np.array([2.0, 45.0])
    if overdispersion == 1.0:
        exact = stats.poisson.logpmf(counts, mean).sum()
    else:
        exact = stats.nbinom.logpmf(counts, mean / (overdispersion - 1), 1 / overdispersion).sum()
    assert ll.arrivals(mean[None], np.array([[overdispersion]]), counts)[0] == pytest.approx(exact, abs=1e-9)


def test_binomial_is_the_law_but_for_its_coefficient():
    rates = np.array([[0.2], [0.3]])
    found = ll.binomial(rates, np.array([30.0]), np.array([100.0]))
    exact = stats.binom.logpmf(30, 100, rates[:, 0])
    assert np.diff(found) == pytest.approx(np.diff(exact), abs=1e-9)


@pytest.mark.parametrize("weights", [CLOCK, np.ones(MONTHS)])
def test_closings_are_those_of_the_baseline(weights):
    mean, spread = np.array([[3.0], [1.2]]), np.array([[0.5], [0.6]])
    closes, later = ll.Closings.of(PAIRS[:, 0], PAIRS[:, 1], weights).ends(mean, spread)
    for row in range(2):
        exact = laws.closing_shares(np.full(MONTHS, mean[row, 0]), np.full(MONTHS, spread[row, 0]), weights)
        assert closes[row] == pytest.approx(exact[PAIRS[:, 0], PAIRS[:, 1]], abs=1e-9)
        at_the_end = PAIRS[:, 1] == MONTHS - 1
        assert later[row, at_the_end] == pytest.approx(exact[:, -1], abs=1e-9)


def test_closings_follow_cycles_that_change():
    mean = np.linspace(2.0, 4.0, MONTHS)
    closes, _ = ll.Closings.of(PAIRS[:, 0], PAIRS[:, 1], CLOCK).ends(mean[None], np.full((1, MONTHS), 0.5))
    exact = laws.closing_shares(mean, np.full(MONTHS, 0.5), CLOCK)
    assert closes[0] == pytest.approx(exact[PAIRS[:, 0], PAIRS[:, 1]], abs=1e-9)


@pytest.mark.parametrize("shape", ["linear", "s-curve", "step"])
@pytest.mark.parametrize(("spread", "most"), [(0.3, 1.0), (0.3, 0.4), (0.0, 1.0)])
def test_workload_is_that_of_the_baseline(shape, spread, most):
    tenure = np.array([0.5, 1.5, 3.0, 7.0, 12.0])
    found = ll.workload(shape, tenure, np.array([[5.0]]), np.array([[spread]]), np.array([[most]]))[0]
    assert found == pytest.approx([laws.mean_workload(shape, x, 5.0, spread, most) for x in tenure], abs=1e-9)


def test_delays_are_those_of_the_baseline():
    exactly, longer = ll.delays(np.array([[1.1]]), np.array([[0.6]]), np.arange(5))
    shares = laws.lag_shares(1.1, 0.6, 5)
    assert exactly[0] == pytest.approx(shares, abs=1e-9)
    assert longer[0] == pytest.approx(1.0 - np.cumsum(shares), abs=1e-9)


def test_sizes_are_a_mixture_of_lognormals():
    logs, s = np.log(np.array([8_000.0, 90_000.0])), float(laws.log_sigma(0.7))
    one = np.ones((1, 1))
    found = ll.sizes(logs, 20_000 * one, 0.7 * one, 0.1 * one, 4 * one)[0]
    usual, whales = (stats.norm.pdf(logs, np.log(m) - s * s / 2, s) for m in (20_000, 80_000))
    # A density of the logarithm, without 1/sqrt(2 pi).
    assert found == pytest.approx(np.log((0.9 * usual + 0.1 * whales) * np.sqrt(2 * np.pi)), abs=1e-9)


def test_leaving_adds_up_to_one():
    one = np.ones((1, 1))
    voluntary, involuntary, exposure = 0.02 * one, 0.01 * one, 1.4 * one
    none = np.zeros(1)
    by_cause = [
        np.exp(ll.leaving(voluntary, involuntary, exposure, counts))[0]
        for counts in ((np.ones(1), none, none), (none, np.ones(1), none))
    ]
    unknown = np.exp(ll.leaving(voluntary, involuntary, exposure, (none, none, np.ones(1))))[0]
    assert sum(by_cause) == pytest.approx(unknown)
    assert unknown + np.exp(-0.03 * 1.4) == pytest.approx(1.0)
    assert by_cause[0] == pytest.approx(2 * by_cause[1])


def test_renewals_are_a_ladder():
    rate, contracted = np.full((1, 1), 0.9), np.full((1, 1), 0.1)
    ends = np.eye(3)
    chances = [np.exp(ll.renewals(rate, contracted, tuple(end[k : k + 1] for k in range(3))))[0] for end in ends]
    assert chances == pytest.approx([0.8, 0.1, 0.1])


def test_a_number_that_is_always_the_same_is_one_of_every_month() -> None:
    pairs = ll.Closings.of(PAIRS[:, 0], PAIRS[:, 1], CLOCK)
    mean, spread = np.full((1, MONTHS), 2.5), np.linspace(0.3, 0.9, MONTHS)[None]
    for one, other in zip(pairs.ends(mean[:, :1], spread), pairs.ends(mean, spread), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
