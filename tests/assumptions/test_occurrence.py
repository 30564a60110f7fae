"""The law of an event's months in force against scipy, against enumeration, and against drawing it step by step."""

import numpy as np
import pytest
from scipy import stats

from simengine.assumptions.distributions import build
from simengine.assumptions.laws import Distribution, Fixed
from simengine.assumptions.occurrence import Occurrence

START, MONTHS = 2027 * 12, 12
STARTS = {
    "fixed": {"fixed": START + 3},
    "fixed between two months": {"fixed": START + 3.5},
    "first month": {"fixed": START},
    "last month": {"fixed": START + 11},
    "before the plan": {"fixed": START - 5},
    "after the plan": {"fixed": START + 12},
    "uniform": {"uniform": [START + 1, START + 6.5]},
    "pert beyond the end": {"pert": [START + 2, START + 8, START + 30]},
    "around the start": {"normal": {"mean": START, "sd": 3}},
    "discrete": {"discrete": {START + 1: 0.3, START + 4: 0.5, START + 20: 0.2}},
}
PROBABILITIES = [0.0, 0.07, 0.5, 1.0]
CASES = [(name, p) for name in STARTS for p in PROBABILITIES]


def occurrence(name: str, p: float) -> Occurrence:
    return Occurrence(p, build(STARTS[name]), START, MONTHS)


def months_in_force(starts: np.ndarray, happens: np.ndarray) -> np.ndarray:
    """The definition, event by event: a start counts from the beginning of its month; nothing lies outside the plan."""
    first = np.floor(starts).astype(int) - START
    return np.array([sum(h and s <= t for t in range(MONTHS)) for s, h in zip(first, happens, strict=True)])


def pmf_of(law: Distribution) -> np.ndarray:
    return np.diff(law.cdf(np.arange(-1, MONTHS + 1)))


@pytest.mark.parametrize(("name", "p"), CASES)
def test_quantiles_and_probabilities_are_of_one_law(name: str, p: float) -> None:
    # The midpoints of n equal cells: a share of them is a probability to within one cell, of each of at most 14 values.
    n = 20_000
    levels = (np.arange(n) + 0.5) / n
    values = occurrence(name, p).ppf(levels)
    assert np.all(np.diff(values) >= 0)
    shares = [np.mean(values <= k) for k in range(MONTHS + 1)]
    assert shares == pytest.approx(occurrence(name, p).cdf(np.arange(MONTHS + 1)), abs=1.5 / n)


@pytest.mark.parametrize(("name", "p"), CASES)
def test_moments_and_atoms_are_those_of_its_probabilities(name: str, p: float) -> None:
    law, pmf, k = occurrence(name, p), pmf_of(occurrence(name, p)), np.arange(MONTHS + 1)
    assert pmf.sum() == pytest.approx(1.0)
    assert np.all(pmf >= 0)
    mean = float(pmf @ k)
    assert law.mean() == pytest.approx(mean, abs=1e-12)
    assert law.sd() == pytest.approx(np.sqrt(pmf @ (k - mean) ** 2), abs=1e-6)
    assert law.atoms().tolist() == k[pmf > 0].tolist()
    assert law.support() == (law.atoms()[0], law.atoms()[-1])
    assert law.is_discrete


@pytest.mark.parametrize("p", PROBABILITIES)
def test_probabilities_are_those_of_scipy(p: float) -> None:
    # In month m of the plan it begins with probability p (F(m + 1) − F(m)), and is then in force for 12 − m months.
    low, mode, high = 2.0, 8.0, 30.0
    judge = stats.beta(1 + 4 * (mode - low) / (high - low), 1 + 4 * (high - mode) / (high - low), low, high - low)
    expected = np.zeros(MONTHS + 1)
    for month in range(MONTHS):
        expected[MONTHS - month] = p * (judge.cdf(month + 1) - judge.cdf(month))
    expected[0] = 1 - expected.sum()
    assert pmf_of(occurrence("pert beyond the end", p)) == pytest.approx(expected, abs=1e-10)


def test_it_is_the_law_of_drawing_whether_and_when() -> None:
    # 200 000 events drawn step by step; a chi-square statistic that a right law passes but for one time in a million.
    # A law that counts the month of the start as lost (a ceiling in place of the floor) does not.
    rng, n, p = np.random.default_rng(7), 200_000, 0.6
    starts = rng.triangular(START - 1, START + 5, START + 15, n)
    drawn = months_in_force(starts, rng.random(n) < p)
    counts = np.bincount(drawn, minlength=MONTHS + 1)
    limit = stats.chi2.isf(1e-6, MONTHS)

    def distance(law: Distribution) -> float:
        expected = n * Occurrence(p, law, START, MONTHS).cdf(np.arange(MONTHS + 1))
        expected = np.diff(expected, prepend=0.0)
        return float(np.sum((counts - expected) ** 2 / expected))

    assert distance(build({"triangular": [START - 1, START + 5, START + 15]})) < limit
    assert distance(build({"triangular": [START, START + 6, START + 16]})) > 10 * limit


def test_an_early_start_is_a_high_value() -> None:
    law = occurrence("uniform", 0.5)
    assert law.ppf([0.2, 0.5, 0.501, 0.999]).tolist() == [0, 0, 6, 11]


def test_it_never_happens_without_a_probability_and_always_with_all_of_it() -> None:
    levels = np.array([1e-300, 2.0**-53, 0.5, 1 - 2.0**-53])
    assert Occurrence(0.0, Fixed(START), START, MONTHS).ppf(levels).tolist() == [0] * 4
    assert Occurrence(1.0, Fixed(START), START, MONTHS).ppf(levels).tolist() == [12] * 4


def test_it_says_how_likely_it_is() -> None:
    assert occurrence("uniform", 0.07).describe() == "months in force; happens with probability 0.07"
