from datetime import date

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy import stats

from simengine.learn import leaving
from simengine.learn.estimate import Estimate
from simengine.learn.exposure import DAYS_PER_MONTH, months_between
from simengine.learn.history import CHURNED, IN_FORCE, RENEWED, History, table
from simengine.units import monthly_hazard
from tests.learn.repeated import TIERS, Interval, as_often_as_said, at_least_as_often, at_most_as_often, covered

AS_OF, SINCE = pd.Timestamp("2026-12-31"), pd.Timestamp("2024-01-01")
ATTRITION = 0.18


def staff(
    rng: np.random.Generator, n: int = 240, early: float = 1.0, involuntary: float = 0.08
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """People hired over eight years, as records know them that begin in 2024, and all of them as they were.

    The hazard is `early` times as high in the first six months.
    """
    hazards = np.array([monthly_hazard(ATTRITION), monthly_hazard(involuntary)])
    start = AS_OF - pd.to_timedelta(rng.uniform(0, 8 * 365.25, n).astype(int), unit="D")
    used = rng.exponential(size=n) / hazards.sum()
    months = np.where(used < 6 * early, used / early, used - 6 * (early - 1))
    end = start + pd.to_timedelta((months * DAYS_PER_MONTH).astype(int), unit="D")
    reason = np.where(rng.uniform(size=n) < hazards[0] / hazards.sum(), "voluntary", "involuntary")
    gone = np.asarray(end <= AS_OF)
    people = table(
        "people",
        id=range(n),
        role=["ae"] * n,
        start=start,
        end=[e if g else None for e, g in zip(end, gone, strict=True)],
        reason=np.where(gone, reason, ""),
    )
    return people[~(people["end"] < SINCE)].reset_index(drop=True), people


def history(people: pd.DataFrame, since: bool = True) -> History:
    return History(AS_OF.date(), {"people": people}, since={"people": SINCE.date()} if since else {})


def by_name(estimates: list[Estimate]) -> dict[str, Estimate]:
    return {each.name: each for each in estimates}


@pytest.mark.parametrize("repetitions", TIERS)
@pytest.mark.parametrize(("name", "truth"), [("attrition.ae", ATTRITION), ("attrition.ae.involuntary", 0.08)])
def test_intervals_of_attrition_contain_it_as_often_as_they_say(name: str, truth: float, repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        found = by_name(leaving.attrition("ae", *_records(rng)))[name]
        return Interval(found.lower, found.upper)

    assert as_often_as_said(covered(make, truth, repetitions), repetitions)


def _records(rng: np.random.Generator) -> tuple[pd.DataFrame, History]:
    people, _ = staff(rng)
    return people, history(people)


def _rate(events: float, months: float) -> Interval:
    return Interval(*(leaving.within_a_year(h) for h in leaving.rate_interval(events, months)))


def test_without_those_still_there_attrition_is_far_too_high() -> None:
    def make(rng: np.random.Generator) -> Interval:
        people, known = _records(rng)
        spells = leaving.spells_of_people(people, known, ("voluntary",))
        ended = people["end"].notna().to_numpy()
        return _rate(spells.event.sum(), (spells.exit - spells.entry)[ended].sum())

    assert not as_often_as_said(covered(make, ATTRITION, 100), 100)


def test_with_the_time_before_records_begin_attrition_is_too_low() -> None:
    def make(rng: np.random.Generator) -> Interval:
        people, _ = _records(rng)
        spells = leaving.spells_of_people(people, history(people, since=False), ("voluntary",))
        return _rate(spells.event.sum(), (spells.exit - spells.entry).sum())

    assert not as_often_as_said(covered(make, ATTRITION, 100), 100)


def test_leavers_by_all_ever_employed_is_no_yearly_rate() -> None:
    misses = 0
    for repetition in range(50):
        people, _ = staff(np.random.default_rng([1, repetition]))
        found = leaving.attrition("ae", people, history(people))[0]
        assert found.naive is not None
        misses += not found.lower <= found.naive <= found.upper
    assert misses > 40


@pytest.mark.parametrize("repetitions", TIERS)
def test_the_test_of_tenure_seldom_alarms_where_there_is_nothing(repetitions: int) -> None:
    alarms = 0
    for repetition in range(repetitions):
        people, _ = staff(np.random.default_rng([2, repetition]), n=1000)
        found = leaving.by_tenure(leaving.spells_of_people(people, history(people)))
        alarms += found.p < leaving.SIGNIFICANCE
    assert at_most_as_often(alarms, repetitions, leaving.SIGNIFICANCE)


def test_the_test_of_tenure_is_the_score_test_with_a_degree_of_freedom_less_than_bands() -> None:
    people, _ = staff(np.random.default_rng(13), n=1500)
    found = leaving.by_tenure(leaving.spells_of_people(people, history(people)))
    expected = found.months * found.events.sum() / found.months.sum()
    statistic = ((found.events - expected) ** 2 / expected).sum()
    assert len(found.bands) > 2
    assert found.p == pytest.approx(stats.chi2.sf(statistic, len(found.bands) - 1))


def test_multiples_by_tenure_are_found_where_early_months_are_worse() -> None:
    people, _ = staff(np.random.default_rng(3), n=6000, early=2.5)
    found = leaving.attrition("ae", people, history(people))[0]
    multiples = {month: float(factor[1:]) for month, factor in found.also["by_tenure"].items()}
    assert multiples[0] / multiples[24] == pytest.approx(2.5, rel=0.2)
    assert multiples[12] / multiples[24] == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize("late", [False, True], ids=["from the start", "late entry"])
def test_kaplan_meier_is_that_of_lifelines(late: bool) -> None:
    rng = np.random.default_rng(4)
    n = 300
    # Whole months, so that there are ties.
    entry = np.floor(rng.uniform(0, 10, n)) if late else np.zeros(n)
    exit_ = entry + 1 + np.floor(rng.exponential(20, n))
    event = rng.uniform(size=n) < 0.6
    times, survival, lower, upper = leaving.kaplan_meier(leaving.Spells(entry, exit_, event))
    theirs = KaplanMeierFitter(alpha=0.1).fit(exit_, event, entry=entry if late else None)
    at = theirs.survival_function_.loc[times].to_numpy().ravel()
    assert survival == pytest.approx(at, abs=1e-12)
    bounds = theirs.confidence_interval_.loc[times].to_numpy()
    inside = (survival > 0) & (survival < 1)
    assert lower[inside] == pytest.approx(bounds[inside, 0], abs=1e-9)
    assert upper[inside] == pytest.approx(bounds[inside, 1], abs=1e-9)


def test_the_fitted_survival_of_a_constant_hazard_runs_within_kaplan_meiers_band() -> None:
    people, _ = staff(np.random.default_rng(5), n=2000)
    found = leaving.pictures(history(people))["attrition.ae"]
    inside = (found.fitted >= found.lower) & (found.fitted <= found.upper)
    assert inside[found.survival > 0.1].mean() > 0.8


@pytest.mark.parametrize("events", [0, 1, 7, 60])
def test_garwoods_interval_is_that_of_chi_square(events: int) -> None:
    low, high = leaving.garwood(events, 50.0)
    assert low == pytest.approx(stats.chi2.ppf(0.05, 2 * events) / 100 if events else 0.0)
    assert high == pytest.approx(stats.chi2.ppf(0.95, 2 * events + 2) / 100)


def test_garwoods_interval_covers_at_least_as_often_also_with_few_events() -> None:
    def make(rng: np.random.Generator) -> Interval:
        return Interval(*leaving.garwood(float(rng.poisson(3.0)), 300.0))

    assert at_least_as_often(covered(make, 0.01, 1000), 1000)


def test_nobody_left_is_not_never() -> None:
    people = table("people", id=["a", "b"], role=["ae"] * 2, start=["2026-01-01"] * 2)
    (found,) = leaving.attrition("ae", people, History(date(2026, 12, 31), {"people": people}))
    assert 0 < found.lower < found.value < found.upper < 1
    assert found.n == 0


def test_the_promoted_are_apart_and_unknown_reasons_are_said() -> None:
    people = table(
        "people",
        id=range(40),
        role=["sdr"] * 40,
        start=["2024-01-01"] * 40,
        end=["2025-06-30"] * 20 + [None] * 20,
        reason=["promoted"] * 12 + [""] * 8 + [""] * 20,
    )
    found = by_name(leaving.estimates(History(date(2026, 12, 31), {"people": people})))
    assert set(found) == {"attrition.sdr", "promotion.sdr"}
    assert (found["attrition.sdr"].n, found["promotion.sdr"].n) == (8, 12)
    assert found["promotion.sdr"].also == {"promotion.after": 17}
    months = 20 * (17.95 - 17) + 20 * (36 - 17)
    assert found["promotion.sdr"].value == pytest.approx(leaving.within_a_year(12 / months), rel=0.01)
    assert any("8 left for reasons not kept" in note for note in found["attrition.sdr"].notes)


RENEWAL = 0.85


def contracts(rng: np.random.Generator, n: int = 300, by_size: float = 0.0) -> pd.DataFrame:
    """One term each, half of them due by the as-of date; churn is told early, and large ones renew by other odds."""
    renews = AS_OF + pd.to_timedelta(rng.integers(-360, 360, n), unit="D")
    arr = rng.lognormal(10, 0.8, n)
    large = arr > np.median(arr)
    renewed = rng.uniform(size=n) < RENEWAL + by_size * np.where(large, 0.5, -0.5)
    # Who goes says so three months before; who stays signs in the last days, or late.
    when = renews + pd.to_timedelta(np.where(renewed, rng.integers(-5, 20, n), -90), unit="D")
    known = np.asarray(when <= AS_OF)
    after = arr * np.where(rng.uniform(size=n) < 0.1, 0.7, 1.0)
    return table(
        "contracts",
        customer=range(n),
        segment=["smb"] * n,
        start=renews - pd.to_timedelta([365] * n, unit="D"),
        renews=renews,
        arr=arr,
        outcome=np.where(known, np.where(renewed, RENEWED, CHURNED), IN_FORCE),
        decided=[w if k else None for w, k in zip(when, known, strict=True)],
        arr_after=np.where(known & renewed, after, np.nan),
    )


def renewals(rng: np.random.Generator, **how: float) -> dict[str, Estimate]:
    rows = contracts(rng, **how)
    return by_name(leaving.renewal("smb", rows, History(AS_OF.date(), {"contracts": rows})))


@pytest.mark.parametrize("repetitions", TIERS)
def test_intervals_of_renewal_contain_it_as_often_as_they_say(repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        found = renewals(rng)["renewal.smb"]
        return Interval(found.lower, found.upper)

    assert as_often_as_said(covered(make, RENEWAL, repetitions), repetitions)


@pytest.mark.parametrize("repetitions", TIERS)
def test_intervals_of_the_dollar_rate_contain_it_about_as_often_as_they_say(repetitions: int) -> None:
    rng = np.random.default_rng(6)
    arr = rng.lognormal(10, 0.8, 10**6)
    share = RENEWAL + 0.2 * np.where(arr > np.exp(10), 0.5, -0.5)
    truth = float((arr * share).sum() / arr.sum())

    def make(rng: np.random.Generator) -> Interval:
        found = renewals(rng, n=400, by_size=0.2)["dollar_renewal.smb"]
        return Interval(found.lower, found.upper)

    # A ratio of skewed sums: 86 % is promised.
    assert at_least_as_often(covered(make, truth, repetitions), repetitions, 0.86)


@pytest.mark.parametrize("shortcut", ["all contracts", "all decided"])
def test_renewed_by_all_contracts_or_by_all_decided_is_too_low(shortcut: str) -> None:
    def make(rng: np.random.Generator) -> Interval:
        rows = contracts(rng)
        n = len(rows) if shortcut == "all contracts" else int((rows["outcome"] != IN_FORCE).sum())
        k = int((rows["outcome"] == RENEWED).sum())
        return Interval(*leaving.beta_interval(k + 0.5, n - k + 0.5))

    assert not as_often_as_said(covered(make, RENEWAL, 100), 100)


def test_contraction_is_of_all_that_was_due() -> None:
    found = renewals(np.random.default_rng(7), n=4000)["contraction.smb"]
    assert found.lower < 0.1 * 0.3 * RENEWAL < found.upper
    assert found.also["contraction_depth"] == pytest.approx(0.3, abs=0.001)


@pytest.mark.parametrize("repetitions", TIERS)
def test_intervals_of_contraction_contain_it_at_least_as_often_as_they_say(repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        found = renewals(rng, n=1500)["contraction.smb"]
        return Interval(found.lower, found.upper)

    # The error is not let fall below that of customers who all give up the same part.
    assert at_least_as_often(covered(make, 0.1 * 0.3 * RENEWAL, repetitions), repetitions)


def test_prices_that_rise_hide_no_contraction_and_are_paid_for_what_is_kept() -> None:
    rows = contracts(np.random.default_rng(9), n=2000)
    told = by_name(leaving.estimates(History(AS_OF.date(), {"contracts": rows})))["contraction.smb"]
    renewed = rows[rows["outcome"] == RENEWED]
    bookings = table(
        "bookings",
        date=renewed["decided"],
        segment=renewed["segment"],
        kind=["price"] * len(renewed),
        amount=0.05 * renewed["arr_after"],
        customer=renewed["customer"],
    )
    dearer = rows.assign(arr_after=1.05 * rows["arr_after"])
    found = by_name(leaving.estimates(History(AS_OF.date(), {"contracts": dearer, "bookings": bookings})))
    again = found["contraction.smb"]
    assert (again.value, again.lower, again.upper) == pytest.approx((told.value, told.lower, told.upper))
    assert again.also == told.also
    assert found["price_increase.smb"].value == pytest.approx(0.05)


def test_undecided_ones_are_told_with_what_they_could_change() -> None:
    rows = contracts(np.random.default_rng(8))
    old = rows["renews"] < AS_OF - pd.Timedelta(days=200)
    rows.loc[old[old].index[:3], ["outcome", "decided", "arr_after"]] = [IN_FORCE, pd.NaT, np.nan]
    found = leaving.renewal("smb", rows, History(AS_OF.date(), {"contracts": rows}))[0]
    assert "4 late ones are undecided: 83.4% if none of them renews, 86.1% if all do" in found.notes[0]


def test_prices_and_expansion_come_from_bookings() -> None:
    n = 100
    customers = [str(i) for i in range(n)]
    rows = table(
        "contracts",
        customer=customers,
        segment=["smb"] * n,
        start=["2025-01-01"] * n,
        renews=["2025-12-31"] * n,
        decided=["2025-12-31"] * n,
        arr=[1000.0] * n,
        arr_after=[1040.0] * n,
        outcome=[RENEWED] * n,
    )
    bookings = table(
        "bookings",
        date=["2025-01-01"] + ["2025-12-31"] * n + ["2025-06-30"] * 20,
        segment=["smb"] * (n + 21),
        kind=["new"] + ["price"] * n + ["expansion"] * 20,
        amount=[1.0] + [40.0] * n + [250.0] * 20,
        customer=["x", *customers, *customers[:20]],
    )
    history = History(date(2025, 12, 31), {"contracts": rows, "bookings": bookings})
    found = by_name(leaving.estimates(history))
    assert found["price_increase.smb"].value == pytest.approx(0.04)
    assert found["expansion.smb"].value == pytest.approx(0.2, rel=0.01)
    assert found["expansion.smb"].also["expansion.size"] == 250.0
    # What was sold where no contract is known tells no rate.
    without = bookings.assign(segment="mid")
    both = History(date(2025, 12, 31), {"contracts": rows, "bookings": pd.concat([bookings, without])})
    assert by_name(leaving.movements(both)) == by_name(leaving.movements(history))


def test_a_price_that_is_booked_once_for_two_renewals_of_a_month_is_shared_by_them() -> None:
    renewed = pd.DataFrame(
        {"customer": ["a", "a", "b"], "decided": pd.to_datetime(["2025-05-02", "2025-05-30"] * 2)[:3]}
    )
    bookings = table(
        "bookings", date=["2025-05-31", "2025-05-01"], segment=["smb"] * 2, kind=["price"] * 2, amount=[60.0, 7.0],
        customer=["a", "b"],
    )  # fmt: skip
    raised = leaving.raises(renewed, History(date(2025, 12, 31), {"bookings": bookings}))
    assert raised.tolist() == [30.0, 30.0, 7.0]


def evergreen(rng: np.random.Generator, n: int = 3000, yearly: float = 0.9) -> History:
    start = AS_OF - pd.to_timedelta(rng.integers(0, 365 * 6, n), unit="D")
    months = rng.exponential(-12 / np.log(yearly), n)
    end = start + pd.to_timedelta((months * DAYS_PER_MONTH).astype(int), unit="D")
    gone = np.asarray(end <= AS_OF)
    rows = table(
        "contracts",
        customer=range(n),
        segment=["all"] * n,
        start=start,
        arr=[100.0] * n,
        outcome=np.where(gone, CHURNED, IN_FORCE),
        decided=[e if g else None for e, g in zip(end, gone, strict=True)],
    )
    return History(AS_OF.date(), {"contracts": rows})


@pytest.mark.parametrize("repetitions", TIERS)
def test_intervals_without_a_term_contain_the_yearly_renewal(repetitions: int) -> None:
    def make(rng: np.random.Generator) -> Interval:
        found, *_ = leaving.estimates(evergreen(rng, 800))
        return Interval(found.lower, found.upper)

    assert as_often_as_said(covered(make, 0.9, repetitions), repetitions)


def test_the_share_that_is_still_there_is_no_yearly_renewal() -> None:
    found, *_ = leaving.estimates(evergreen(np.random.default_rng(9)))
    assert found.naive is not None
    assert found.naive < found.lower


def test_without_a_term_dollars_leave_as_often_as_customers_where_all_pay_the_same() -> None:
    logos, dollars = leaving.estimates(evergreen(np.random.default_rng(14)))
    assert (logos.name, dollars.name) == ("renewal.all", "dollar_renewal.all")
    assert dollars.value == pytest.approx(logos.value)
    assert dollars.upper - dollars.lower == pytest.approx(logos.upper - logos.lower, rel=0.15)


def test_without_a_term_of_tenures_that_nobody_was_seen_to_leave_no_dollars_are_told() -> None:
    old, new = AS_OF - pd.DateOffset(months=50), AS_OF - pd.DateOffset(months=12)
    rows = table(
        "contracts",
        customer=range(260),
        segment=["all"] * 260,
        start=[old] * 200 + [new] * 60,
        arr=[100.0] * 260,
        outcome=[IN_FORCE] * 200 + [CHURNED] * 60,
        decided=[None] * 200 + [new + pd.DateOffset(months=3)] * 60,
    )
    (logos,) = leaving.estimates(History(AS_OF.date(), {"contracts": rows}))
    assert 0.98 < logos.value < 1


@pytest.mark.parametrize("repetitions", TIERS)
def test_intervals_of_dollars_without_a_term_contain_the_renewal_of_those_who_pay_them(repetitions: int) -> None:
    """Nearly all ARR is that of customers who leave more often: the more of those in force, the younger they are.

    The shortcut `r^(h$/h)`, with hazards over all tenures, asks those who were there in place of those in force.
    """
    truth, shortcut = 0.7, 0

    def make(rng: np.random.Generator) -> Interval:
        nonlocal shortcut
        small, large = (evergreen(rng, 1500, yearly).table("contracts") for yearly in (0.98, truth))
        large = large.assign(arr=1e6, customer=large["customer"] + " large")
        history = History(AS_OF.date(), {"contracts": pd.concat([small, large], ignore_index=True)})
        logos, dollars = leaving.estimates(history)
        of_large, of_all = (
            spells.event.sum() / (spells.exit - spells.entry).sum()
            for spells in (
                leaving.spells_of_contracts(rows, history, 36.0) for rows in (large, history.table("contracts"))
            )
        )
        moved = logos.value ** (of_large / of_all) - dollars.value
        shortcut += dollars.lower + moved < truth < dollars.upper + moved
        return Interval(dollars.lower, dollars.upper)

    assert as_often_as_said(covered(make, truth, repetitions), repetitions)
    assert not as_often_as_said(shortcut, repetitions)


@pytest.mark.parametrize("repetitions", TIERS)
def test_forecasts_of_the_next_quarter_contain_it_as_often_as_they_say(repetitions: int) -> None:
    hits = 0
    for repetition in range(repetitions):
        whole = evergreen(np.random.default_rng([10, repetition]), 1500)
        cut = whole.cut(date(2026, 9, 30))
        drawn = next_quarter(cut)
        low, high = np.quantile(drawn, [0.05, 0.95])
        hits += low <= left(whole, cut) <= high
    assert at_least_as_often(hits, repetitions, 0.88)


def drift_of_hazard(found: Estimate) -> float:
    """A forecast wants the drift of the hazard; that of an estimate is of the share that stays."""
    return (found.drift or 0.0) / -float(np.log(found.value))


def next_quarter(known: History, drift: float = 0.0) -> np.ndarray:
    """Draws of how many of those in force leave within three months."""
    rows = known.table("contracts")
    found = leaving.by_tenure(leaving.spells_of_contracts(rows, known, 36.0), leaving.YEARS)
    alive = rows[rows["outcome"] == IN_FORCE]
    ages = months_between(alive["start"], pd.Series(known.last, index=alive.index))
    return leaving.forecast(ages, found, 3.0, drift=drift)


def left(whole: History, known: History) -> int:
    """How many of those in force on a day left within the three months after it."""
    rows = whole.table("contracts")
    end = known.last + pd.DateOffset(months=3) + pd.offsets.MonthEnd(0)
    inside = (rows["decided"] > known.last) & (rows["decided"] <= end) & (rows["start"] <= known.last)
    return int(inside.sum())


@pytest.fixture(scope="module")
def lapses(shared_data) -> History:
    raw = pd.read_csv(shared_data / "renewals_2005" / "contracts.csv")
    gone = raw["end_date"].notna()
    rows = table(
        "contracts",
        customer=raw["contract_id"],
        segment=["all"] * len(raw),
        start=raw["start_date"],
        arr=raw["annual_premium_usd"],
        outcome=np.where(gone, CHURNED, IN_FORCE),
        decided=raw["end_date"],
    )
    return History(date(2005, 12, 31), {"contracts": rows})


@pytest.mark.data
def test_insurance_contracts_renew_at_a_plausible_rate_that_rises_with_tenure(lapses: History) -> None:
    found, *_ = leaving.estimates(lapses)
    assert 0.94 < found.lower < found.upper < 0.955
    assert found.also["renewal_by_tenure"][0] < found.also["renewal_by_tenure"][36]
    assert found.naive == pytest.approx(0.646, abs=0.001)
    rows = lapses.table("contracts")
    whole = leaving.by_tenure(leaving.spells_of_contracts(rows, lapses), leaving.YEARS)
    assert whole.p < 1e-6


@pytest.mark.data
@pytest.mark.parametrize(
    ("day", "actual", "within_80", "within_90"),
    [(date(2004, 6, 30), 290, True, True), (date(2004, 12, 31), 227, True, True)],
)
def test_the_quarter_after_an_earlier_day_is_forecast(
    lapses: History, day: date, actual: int, within_80: bool, within_90: bool
) -> None:
    known = lapses.cut(day)
    found, *_ = leaving.estimates(known)
    assert left(lapses, known) == actual
    drawn = next_quarter(known, drift_of_hazard(found))
    low, high = np.quantile(drawn, [0.1, 0.9])
    assert (low <= actual <= high) == within_80
    low, high = np.quantile(drawn, [0.05, 0.95])
    assert (low <= actual <= high) == within_90


@pytest.mark.full
@pytest.mark.data
def test_seven_years_of_quarters_are_forecast_better_than_by_the_last_one(lapses: History) -> None:
    inside = scores = repeated = 0.0
    days = pd.date_range("1998-12-31", "2005-09-30", freq="QE")
    for day in days:
        known = lapses.cut(day.date())
        found, *_ = leaving.estimates(known)
        drawn, actual = np.sort(next_quarter(known, drift_of_hazard(found))), left(lapses, known)
        low, high = np.quantile(drawn, [0.1, 0.9])
        inside += low <= actual <= high
        weights = 2 * np.arange(1, len(drawn) + 1) - len(drawn) - 1
        scores += np.abs(drawn - actual).mean() - weights @ drawn / len(drawn) ** 2
        repeated += abs(left(lapses, lapses.cut((day - pd.offsets.MonthEnd(3)).date())) - actual)
    assert as_often_as_said(int(inside), len(days), 0.8)
    assert scores < repeated


@pytest.mark.data
def test_the_shape_over_tenure_of_employees_is_told(shared_data) -> None:
    raw = pd.read_csv(shared_data / "tenure" / "turnover.csv")
    spells = leaving.Spells(np.zeros(len(raw)), raw["tenure_months"].to_numpy(), (raw["left"] == 1).to_numpy())
    found = leaving.by_tenure(spells)
    assert found.p < 0.01
    assert found.multiples[2] == found.multiples.max()
    drawn = leaving.picture("employees", spells)
    assert np.mean((drawn.fitted >= drawn.lower) & (drawn.fitted <= drawn.upper)) > 0.8


def test_the_constant_hazard_beside_the_fit_is_of_the_time_that_was_seen() -> None:
    spells = leaving.Spells(np.array([1.0, 0.0, 2.0]), np.array([4.0, 5.0, 6.0]), np.array([True, True, False]))
    drawn = leaving.picture("employees", spells)
    np.testing.assert_allclose(drawn.constant, np.exp(-2 / 12 * drawn.tenure))
