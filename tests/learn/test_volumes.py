from datetime import date

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from simengine.learn import volumes
from simengine.learn.estimate import Z90, Estimate, gamma_interval, wider_by_t
from simengine.learn.history import History, table
from tests.learn.repeated import TIERS, Interval, as_often_as_said, at_least_as_often, at_most_as_often, covered

MONTHS = 36
CALENDAR = np.arange(MONTHS) % 12
SEASON = np.array([0.7, 0.8, 1.3, 0.8, 0.9, 1.4, 0.7, 0.8, 1.3, 0.9, 1.0, 1.4])
SEASON /= SEASON.mean()
OVERDISPERSION = 2.5


def counts(
    rng: np.random.Generator, level: float = 60, growth: float = 0.2, season: object = None, months: int = MONTHS
) -> np.ndarray:
    """Of the engine's law, `level` being that of the month after the last."""
    t = np.arange(months) - months
    mean = level * (1 + growth) ** (t / 12) * (SEASON[t % 12] if season is not None else 1.0)
    return rng.negative_binomial(mean / (OVERDISPERSION - 1), 1 / OVERDISPERSION).astype(float)


def interval(fitted: volumes.Fit) -> Interval:
    return Interval(*gamma_interval(fitted.level, fitted.level_error * wider_by_t(fitted.dof)))


@pytest.mark.parametrize("repetitions", TIERS)
@pytest.mark.parametrize("season", [None, SEASON], ids=["even", "seasonal"])
def test_intervals_of_the_level_contain_it_as_often_as_they_say(repetitions: int, season: object) -> None:
    def make(rng: np.random.Generator) -> Interval:
        return interval(volumes.fit(counts(rng, season=season), np.ones(MONTHS), CALENDAR))

    assert as_often_as_said(covered(make, 60.0, repetitions), repetitions)


@pytest.mark.parametrize("repetitions", TIERS)
def test_intervals_of_growth_contain_it_as_often_as_they_say(repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        fitted = volumes.fit(counts(rng), np.ones(MONTHS), CALENDAR)
        half = Z90 * wider_by_t(fitted.dof) * fitted.growth_error
        return Interval(fitted.growth - half, fitted.growth + half)

    assert as_often_as_said(covered(make, float(np.log(1.2)), repetitions), repetitions)


@pytest.mark.parametrize("repetitions", TIERS)
def test_intervals_of_overdispersion_contain_it_about_as_often_as_they_say(repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        fitted = volumes.fit(counts(rng), np.ones(MONTHS), CALENDAR)
        return Interval(fitted.lower, fitted.upper)

    # Chi-square is the law of the statistic for large counts only: 88 % is promised.
    assert at_least_as_often(covered(make, OVERDISPERSION, repetitions), repetitions, 0.88)


def test_as_if_counts_were_poisson_intervals_are_too_narrow() -> None:
    def make(rng: np.random.Generator) -> Interval:
        fitted = volumes.fit(counts(rng), np.ones(MONTHS), CALENDAR)
        return Interval(*gamma_interval(fitted.level, fitted.level_error / fitted.overdispersion**0.5))

    assert not as_often_as_said(covered(make, 60.0, 100), 100)


def test_seasons_are_seldom_seen_where_there_are_none_and_seen_where_they_are() -> None:
    alarms = seen = 0
    for repetition in range(200):
        rng = np.random.default_rng([1, repetition])
        alarms += volumes.fit(counts(rng), np.ones(MONTHS), CALENDAR).season is not None
        seen += volumes.fit(counts(rng, season=SEASON), np.ones(MONTHS), CALENDAR).season is not None
    assert at_most_as_often(alarms, 200, volumes.SIGNIFICANCE)
    assert seen > 190


def test_weights_of_seasons_come_back_with_many_counts() -> None:
    fitted = volumes.fit(counts(np.random.default_rng(2), level=1e5, season=SEASON), np.ones(MONTHS), CALENDAR)
    assert fitted.season == pytest.approx(SEASON, rel=0.02)
    assert fitted.season.mean() == pytest.approx(1.0)
    assert fitted.level == pytest.approx(1e5, rel=0.01)
    assert fitted.growth == pytest.approx(np.log(1.2), abs=0.01)


def test_poisson_is_rejected_where_counts_are_overdispersed_and_seldom_where_not() -> None:
    rejected = alarms = 0
    for repetition in range(200):
        rng = np.random.default_rng([3, repetition])
        rejected += volumes.fit(counts(rng), np.ones(MONTHS), CALENDAR).overdispersion_p < 0.05
        poisson = rng.poisson(60, MONTHS).astype(float)
        alarms += volumes.fit(poisson, np.ones(MONTHS), CALENDAR).overdispersion_p < 0.05
    assert rejected > 150
    assert at_most_as_often(alarms, 200, 0.05)


def test_the_regression_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(4)
    y, exposure = counts(rng), rng.uniform(0.3, 1.0, MONTHS)
    design = np.column_stack([np.ones(MONTHS), np.arange(MONTHS) / 12])
    theirs = sm.GLM(y, design, family=sm.families.Poisson(), exposure=exposure).fit(scale="X2")
    ours, covariance, mean = volumes.regress(y, exposure, design)
    assert ours == pytest.approx(theirs.params, rel=1e-7)
    assert volumes.pearson(y, mean) / (MONTHS - 2) * covariance == pytest.approx(theirs.cov_params(), rel=1e-6)
    assert volumes.deviance(y, mean) == pytest.approx(theirs.deviance, rel=1e-8)


@pytest.mark.parametrize(("mean", "overdispersion"), [(0.3, 1.5), (12.0, 4.0), (400.0, 1.01)])
def test_the_likelihood_is_that_of_pascals_law(mean: float, overdispersion: float) -> None:
    k = np.arange(0.0, 30.0)
    ours = volumes.log_likelihood(k, np.full(30, mean), overdispersion)
    assert ours == pytest.approx(stats.nbinom.logpmf(k, mean / (overdispersion - 1), 1 / overdispersion), rel=1e-8)
    assert volumes.log_likelihood(k, np.full(30, mean), 1.0) == pytest.approx(stats.poisson.logpmf(k, mean), rel=1e-9)


def test_bands_of_counts_are_quantiles_of_pascals_law() -> None:
    mean = np.array([0.4, 3.0, 20.0])
    low, high = volumes.band(mean, 1.5)
    assert low == pytest.approx(stats.nbinom.ppf(0.05, mean / 0.5, 1 / 1.5))
    assert high == pytest.approx(stats.nbinom.ppf(0.95, mean / 0.5, 1 / 1.5))


def test_the_error_of_a_level_with_seasons_is_that_of_the_mean_of_all_months() -> None:
    """The delta method with numerical slopes, on the regression of statsmodels."""
    rng, n = np.random.default_rng(8), 36
    weights = np.array([0.3, 2.5, 1, 1, 1, 0.5, 1, 1, 1.6, 1, 0.4, 0.7])
    y = rng.poisson(60 * np.tile(weights, 3)).astype(np.float64)
    calendar = np.tile(np.arange(12), 3)
    found = volumes.fit(y, np.ones(n), calendar)
    assert found.season is not None
    months = np.column_stack([(calendar == m).astype(float) - (calendar == 11) for m in range(11)])
    design = np.column_stack([np.ones(n), (np.arange(n) - n) / 12, months])
    theirs = sm.GLM(y, design, family=sm.families.Poisson()).fit()

    def log_level(c: np.ndarray) -> float:
        return float(c[0] + np.log(np.exp(np.append(c[2:], -c[2:].sum())).mean()))

    h = 1e-6 * np.eye(13)
    slopes = np.array([(log_level(theirs.params + e) - log_level(theirs.params - e)) / 2e-6 for e in h])
    error = np.sqrt(found.overdispersion * slopes @ theirs.cov_params() @ slopes)
    assert (found.level, found.level_error) == pytest.approx((np.exp(log_level(theirs.params)), error), rel=1e-5)


def leads(days: pd.DatetimeIndex, **columns: object) -> pd.DataFrame:
    n = len(days)
    return table("leads", id=range(n), channel=["inbound"] * n, segment=["smb"] * n, created=days, **columns)


def test_part_months_count_by_their_days_and_the_shortcut_is_too_low() -> None:
    days = pd.date_range("2026-01-21", "2026-06-10", freq="12h")
    history = History(date(2026, 6, 10), {"leads": leads(days)}, since={"leads": date(2026, 1, 21)})
    (volume,) = volumes.estimates(history)
    assert volume.name == "volume.inbound.smb"
    assert volume.value == pytest.approx(2 * 30.2, rel=0.02)
    assert volume.naive is not None
    assert volume.naive < volume.lower


def test_of_less_than_two_years_no_growth_is_told() -> None:
    found = volumes.fit(np.array([10.0, 12.0, 9.0, 30.0]), np.ones(4), np.arange(4))
    assert (found.growth, found.growth_error, found.season) == (0.0, 0.0, None)
    assert found.level == pytest.approx(15.25)


def test_records_that_stand_for_many_count_as_many() -> None:
    days = pd.date_range("2026-01-31", periods=8, freq="ME")
    history = History(date(2026, 8, 31), {"leads": leads(days, count=[50.0] * 8)}, since={"leads": date(2026, 1, 1)})
    assert volumes.estimates(history)[0].value == pytest.approx(50)


def test_months_before_a_channel_began_are_no_months_of_none() -> None:
    old = pd.date_range("2025-01-01", "2026-06-30", freq="D")
    new = pd.date_range("2026-01-01", "2026-06-30", freq="D")
    both = table(
        "leads",
        id=range(len(old) + len(new)),
        channel=["inbound"] * len(old) + ["partner"] * len(new),
        created=[*old, *new],
    )
    found = {e.name: e for e in volumes.estimates(History(date(2026, 6, 30), {"leads": both}))}
    assert found["volume.partner"].value == pytest.approx(30.2, rel=0.02)


def test_less_than_two_years_tell_neither_growth_nor_seasons_and_a_rise_is_said() -> None:
    days = pd.DatetimeIndex(
        [d for m in range(12) for d in [pd.Timestamp(2026, m + 1, 5)] * (10 + 10 * m)]  # 10, 20 ... 120 a month
    )
    found = volumes.estimates(History(date(2026, 12, 31), {"leads": leads(days)}, since={"leads": date(2026, 1, 1)}))
    assert [e.name for e in found] == ["volume.inbound.smb"]
    assert "Less than two years" in found[0].notes[0]
    assert any("It rose meanwhile: 110 a month" in note for note in found[0].notes)


def test_a_season_is_that_of_its_months_wherever_the_records_begin() -> None:
    days = [
        day
        for day in pd.date_range("2023-06-01", "2026-12-31", freq="MS")
        for _ in range(400 if day.month == 3 else 100)
    ]
    known = History(date(2026, 12, 31), {"leads": leads(pd.DatetimeIndex(days))}, since={"leads": date(2023, 6, 1)})
    (found,) = volumes.pictures(known).values()
    assert found.fit.season is not None
    assert int(found.fit.season.argmax()) == 2


def test_opportunities_count_where_there_are_no_leads() -> None:
    days = pd.date_range("2024-01-01", "2026-12-31", freq="D")
    n = len(days)
    opportunities = table(
        "opportunities", id=range(n), segment=["smb"] * n, channel=["partner"] * n, created=days, outcome=["open"] * n
    )
    found = {e.name: e for e in volumes.estimates(History(date(2026, 12, 31), {"opportunities": opportunities}))}
    volume, growth = found["volume.partner.smb"], found["growth.partner.smb"]
    assert volume.lower < 30.4 < volume.upper
    assert growth.lower < 0 < growth.upper
    assert growth.distribution["quantiles"]["P5"] < growth.distribution["quantiles"]["P95"]


def test_opportunities_count_for_channels_that_have_no_leads() -> None:
    days = pd.date_range("2026-01-01", "2026-12-31", freq="D")
    n = len(days)
    both = table(
        "opportunities",
        id=range(2 * n),
        segment=["smb"] * 2 * n,
        channel=["inbound"] * n + ["outbound"] * n,
        created=[*days, *days],
        outcome=["open"] * 2 * n,
    )
    twice = leads(days, count=[2.0] * n)
    found = {e.name: e for e in volumes.estimates(History(date(2026, 12, 31), {"opportunities": both, "leads": twice}))}
    assert set(found) == {"volume.inbound.smb", "volume.outbound.smb"}
    assert found["volume.inbound.smb"].value == pytest.approx(2 * found["volume.outbound.smb"].value)


def test_years_that_differ_by_more_than_months_do_are_drift() -> None:
    def told(factors: list[float], seed: int) -> Estimate:
        rng = np.random.default_rng(seed)
        days = [
            pd.Timestamp(2020 + year, month + 1, 5)
            for year, factor in enumerate(factors)
            for month in range(12)
            for _ in range(rng.poisson(100 * factor))
        ]
        history = History(
            date(2025, 12, 31), {"leads": leads(pd.DatetimeIndex(days))}, since={"leads": date(2020, 1, 1)}
        )
        return volumes.estimates(history)[0]

    assert told([1.0] * 6, 5).drift == 0.0
    drift = told([0.7, 1.3, 0.7, 1.3, 0.7, 1.3], 5).drift
    assert drift is not None
    assert 0.2 < drift < 0.5


def test_nothing_arrived_is_half_an_arrival() -> None:
    fitted = volumes.fit(np.zeros(10), np.ones(10), np.arange(10))
    assert fitted.level == pytest.approx(0.05)
    assert fitted.mean == pytest.approx(np.full(10, 0.05))
    assert fitted.dof == 9


def test_no_table_is_no_estimate() -> None:
    assert volumes.estimates(History(date(2026, 12, 31), {})) == []


@pytest.mark.data
def test_crm_counts_are_overdispersed(shared_data) -> None:
    raw = pd.read_csv(shared_data / "crm_2017q3" / "opportunities.csv")
    opportunities = table(
        "opportunities",
        id=raw["opportunity_id"],
        segment=["all"] * len(raw),
        channel=["all"] * len(raw),
        created=raw["engage_date"],
        outcome=raw["deal_stage"].map({"Won": "won", "Lost": "lost", "Engaging": "open"}),
    )
    # What was closed before March 2017 is missing, and so are most opportunities of before.
    history = History(date(2017, 9, 30), {"opportunities": opportunities}, since={"opportunities": date(2017, 3, 1)})
    (volume,) = volumes.estimates(history)
    assert volume.value == pytest.approx(850, abs=1)
    assert any("Poisson is rejected" in note for note in volume.notes)


@pytest.mark.data
def test_funnel_leads_rose_and_the_mean_is_not_what_comes_next(shared_data) -> None:
    raw = pd.read_csv(shared_data / "funnel_2018q1" / "leads.csv")
    found = History(
        date(2018, 4, 30),
        {"leads": table("leads", id=raw["mql_id"], channel=["web"] * len(raw), created=raw["first_contact_date"])},
    )
    (volume,) = volumes.estimates(found)
    assert any("It rose meanwhile: 1,180" in note for note in volume.notes), volume.notes
