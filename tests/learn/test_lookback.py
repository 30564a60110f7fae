from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from simengine.errors import SimengineError
from simengine.learn.history import History, table
from simengine.learn.lookback import Row, Section, _median_days, lookback, ratio

PEOPLE = table(
    "people",
    id=["ann", "bob", "cid", "dee"],
    role=["ae"] * 4,
    segment=["smb", "smb", "ent", "ent"],
    region=["east", "west", "east", "west"],
    start=["2024-01-01", "2026-07-01", "2025-01-01", "2025-01-01"],
    end=[None, None, None, "2026-06-30"],
    reason=["", "", "", "voluntary"],
    quota=[100.0, 100.0, 200.0, 200.0],
)
BOOKINGS = table(
    "bookings",
    date=["2026-02-01", "2026-08-01", "2026-03-01", "2026-04-01", "2025-12-31", "2026-05-01"],
    segment=["smb", "smb", "ent", "ent", "ent", "ent"],
    kind=["new", "new", "new", "expansion", "new", "churn"],
    amount=[120.0, 25.0, 150.0, 50.0, 999.0, 40.0],
    owner=["ann", "bob", "cid", "dee", "cid", "cid"],
)
DEALS = table(
    "opportunities",
    id=list("abcdef"),
    segment=["smb"] * 4 + ["ent"] * 2,
    created=["2026-01-01"] * 6,
    outcome=["won", "lost", "won", "open", "won", "lost"],
    closed=["2026-01-11", "2026-01-21", "2026-02-10", None, "2026-03-02", "2025-12-01"],
    amount=[100.0, 0.0, 200.0, 100.0, 300.0, 0.0],
)
FORECASTS = table(
    "forecasts",
    made=["2026-01-15", "2026-01-15", "2026-01-15"],
    period=["FY2026-Q1", "FY2026-Q1", "FY2027"],
    segment=["", "smb", ""],
    owner=["CRO", "CRO", "CRO"],
    metric=["bookings", "bookings", "bookings"],
    amount=[300.0, 100.0, 1.0],
)
HISTORY = History(
    date(2026, 12, 31), {"people": PEOPLE, "bookings": BOOKINGS, "opportunities": DEALS, "forecasts": FORECASTS}
)


def _of(sections: list[Section]) -> dict[str, dict[str, float]]:
    return {section.title: {row.group: row.value for row in section.rows} for section in sections}


def test_attainment_by_hand() -> None:
    found = _of(lookback(HISTORY))
    days = {"ann": 365, "bob": 184, "cid": 365, "dee": 181}
    due = {name: quota * days[name] / 365.25 for name, quota in zip(days, (100, 100, 200, 200), strict=True)}
    assert found["Attainment"]["all"] == pytest.approx(345 / sum(due.values()))
    assert found["Attainment by segment"]["smb"] == pytest.approx(145 / (due["ann"] + due["bob"]))
    assert found["Attainment by region"]["west"] == pytest.approx(75 / (due["bob"] + due["dee"]))
    assert found["Attainment by person"]["ann"] == pytest.approx(120 / due["ann"])
    assert found["People at quota"]["all"] == 0.25
    years = sum(days.values()) / 365.25
    assert found["Productivity, per person and year"]["all"] == pytest.approx(345 / years)


def test_deals_by_hand() -> None:
    found = _of(lookback(HISTORY))
    assert found["Won of decided"] == {"all": 0.75, "ent": 1.0, "smb": pytest.approx(2 / 3)}
    assert found["Median days to win"]["all"] == 40.0
    assert found["Mean won deal"]["all"] == 200.0


def test_forecasts_of_periods_that_have_ended_are_held_against_what_came() -> None:
    found = _of(lookback(HISTORY))
    assert found["Actual against forecast"]["all"] == pytest.approx((270 + 120) / 400)
    assert found["Actual against forecast by segment"] == {"smb": pytest.approx(1.2)}
    assert found["Actual against forecast by quarters ahead"] == {"0": pytest.approx(390 / 400)}
    assert found["Mean miss, as a share of the forecast"]["all"] == pytest.approx((30 + 20) / 400)


def test_a_quarter_is_looked_at_alone() -> None:
    found = _of(lookback(HISTORY, period="FY2026-Q3"))
    assert found["Attainment"]["all"] == pytest.approx(25 / ((92 * 100 + 92 * 100 + 92 * 200) / 365.25))


def test_what_was_not_recorded_is_left_out() -> None:
    assert [s.title for s in lookback(History(date(2026, 12, 31), {"opportunities": DEALS}))] == [
        "Won of decided",
        "Median days to win",
        "Median days to lose",
        "Mean won deal",
    ]
    assert lookback(History(date(2026, 12, 31), {})) == []


@pytest.mark.parametrize(
    ("period", "message"),
    [("2026", "is not a period"), ("FY2027", "FY2027 ends with 2027-12, the records on 2026-12-31")],
)
def test_a_period_that_cannot_be_told_is_refused(period: str, message: str) -> None:
    with pytest.raises(SimengineError, match=message):
        lookback(HISTORY, period=period)


def test_the_month_of_the_as_of_date_counts_only_when_it_has_ended() -> None:
    half = History(date(2026, 12, 30), {"people": PEOPLE, "bookings": BOOKINGS})
    assert lookback(half)[0].rows[0].value != lookback(HISTORY)[0].rows[0].value


def test_intervals_of_ratios_cover_as_they_say_and_those_of_a_third_of_the_people_do_not() -> None:
    rng, covered, narrow = np.random.default_rng(5), 0, 0
    for _ in range(1000):
        bottom = rng.uniform(1, 2, 40)
        top = bottom * rng.normal(0.7, 0.2, 40)
        r, lower, upper = ratio(top, bottom)
        covered += lower <= 0.7 <= upper
        narrow += abs(r - 0.7) <= (upper - lower) / 2 / np.sqrt(3)
    assert stats.binomtest(covered, 1000, 0.9).pvalue > 0.001
    assert stats.binomtest(narrow, 1000, 0.9).pvalue < 0.001


def test_the_median_of_days_has_the_interval_that_is_said() -> None:
    """Once it was one of 95 %: 40 to 61 of the whole numbers to 100."""
    days = pd.Series(np.arange(1, 101))
    created = pd.Timestamp("2026-01-01")
    deals = pd.DataFrame({"created": created, "closed": created + pd.to_timedelta(days, "D")})
    low, high = (int(stats.binom.ppf(q, 100, 0.5)) for q in (0.05, 0.95))
    assert _median_days(deals) == (50, low, high + 1)
    assert (low, high + 1) != (40, 61)


def test_few_people_have_no_interval() -> None:
    assert np.isnan(ratio(np.array([1.0, 2.0]), np.array([1.0, 1.0]))[1])


def test_months_of_which_no_sale_is_on_record_do_not_count_as_missed() -> None:
    """Records of a quarter only: its bookings stand against its part of the quota, not against that of a year."""
    quarter = BOOKINGS[BOOKINGS["date"] >= "2026-04-01"].assign(date=lambda t: t["date"].clip(lower="2026-10-05"))
    short = replace(HISTORY, tables={"people": PEOPLE, "bookings": quarter})
    found = {section.title: section.rows for section in lookback(short)}
    assert {row.group: row.n for row in found["Attainment by person"]} == {"ann": 92, "bob": 92, "cid": 92}
    with pytest.raises(SimengineError, match=r"FY2026 begins with 2026-01, and what was sold .* from 2026-10 on"):
        lookback(short, period="FY2026")
    since = replace(short, since={"bookings": date(2026, 7, 1)})
    assert lookback(since, period="FY2026-Q3")
    whole = replace(short, since={"bookings": date(2020, 1, 1)})
    assert {row.n for row in _section(whole, "Attainment by person")} == {365, 184, 181}


def _section(history: History, title: str) -> tuple[Row, ...]:
    return next(section.rows for section in lookback(history) if section.title == title)
